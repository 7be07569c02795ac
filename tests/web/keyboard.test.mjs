// SPDX-License-Identifier: Apache-2.0
// A walk through the whole page without a pointer: every step by Tab, Enter, Escape, arrows and the
// keys of the help; and where focus is can be seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VIEWS, focused, look, live, ready, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "during", tokens: true });

const ringOf = (page) => page.evaluate(() => {
	const e = document.activeElement;
	// The ring is the element's own, or that of the field around it.
	const ringed = [e, e.parentElement, e.parentElement?.parentElement].find((x) => x && getComputedStyle(x).outlineStyle !== "none") ?? e;
	const s = getComputedStyle(ringed);
	return { tag: e.tagName, text: e.innerText?.trim().slice(0, 60), outline: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2, colour: s.outlineColor };
});

// Presses Tab until the test holds for document.activeElement.
async function tabTo(page, holds, what) {
	for (let i = 0; i < 120; i++) {
		await page.keyboard.press("Tab");
		if (await page.evaluate(holds)) return;
	}
	assert.fail(`Tab does not come to ${what}`);
}

test("from the answers to a device, to a session, to its flow, and back", async () => {
	const page = await look(server, "");
	await ready(page);
	await live(page);
	await tabTo(page, () => document.activeElement.matches(".answer"), "the answers");
	const ring = await ringOf(page);
	assert.ok(ring.outline, "focus is seen");
	await tabTo(page, () => document.activeElement.matches("[data-device='fab1-AR-CE1']"), "a device");
	await page.keyboard.press("Enter");
	await page.locator(".panel").waitFor();
	await tabTo(page, () => document.activeElement.matches(".panel a[href*='session=']"), "a session in the panel");
	await page.keyboard.press("Enter");
	await page.locator(".panel[aria-label=Session]", { hasText: "alice" }).waitFor();
	assert.match(page.url(), /session=\d+/);
	await page.keyboard.press("Escape");
	await page.waitForFunction(() => !location.hash.includes("session="));
	await page.keyboard.press("Escape");
	await page.waitForFunction(() => !document.querySelector(".panel"));
	await focused(page, "[data-device='fab1-AR-CE1']");
	await page.done();
});

test("every view is reached and left by keys; Tab finds something in each, with a ring that is no hue", async () => {
	const page = await look(server, "");
	await ready(page);
	const ink = await page.evaluate(() => getComputedStyle(document.body).color);
	for (const [i, view] of VIEWS.entries()) {
		await page.evaluate(() => document.activeElement.blur());
		await page.keyboard.press(String(i + 1));
		await page.locator(`main.v-${view} h1`).waitFor();
		await ready(page);
		await tabTo(page, () => document.querySelector("main").contains(document.activeElement) && document.activeElement !== document.querySelector("main"), `anything in ${view}`);
		const f = await ringOf(page);
		assert.ok(f.outline, `${view}: focus of ${f.tag} ${f.text} is not seen`);
		assert.equal(f.colour, ink, view);
	}
	await page.done();
});

test("flows: / to the filter, a filter typed, down to a row, Enter, j, k, Escape", async () => {
	const page = await look(server, "#/flows");
	await ready(page);
	await page.keyboard.press("/");
	await focused(page, "[data-find]");
	await page.keyboard.type("path:in-band");
	await page.keyboard.press("Enter");
	await page.waitForFunction(() => location.hash.includes("path=in-band"));
	await ready(page);
	await tabTo(page, () => document.activeElement.matches(".tbody [role=row]"), "the table");
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("Enter");
	await page.locator(".panel").waitFor();
	const first = new URL(page.url()).hash;
	await page.keyboard.press("j");
	await page.waitForFunction((h) => location.hash !== h, first);
	await page.keyboard.press("k");
	await page.waitForFunction((h) => location.hash === h, first);
	await page.keyboard.press("Escape");
	await page.locator(".panel").waitFor({ state: "detached" });
	await focused(page, ".tbody [role=row]"); // it is back in the table
	await page.done();
});

test("alerts: down, a, a reason, the button: acknowledged", async () => {
	const page = await look(server, "#/alerts");
	await ready(page);
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("a");
	await page.locator("dialog").waitFor();
	await page.keyboard.type("seen, on it");
	await tabTo(page, () => document.activeElement.matches("dialog .btn.pri"), "the button");
	await page.keyboard.press("Enter");
	await page.locator("dialog").waitFor({ state: "detached" });
	await page.locator("main", { hasText: "seen, on it" }).waitFor();
	const { alerts } = await server.api("alerts?state=acknowledged");
	assert.equal(alerts.length, 1);
	assert.equal(alerts[0].acknowledged.by, "olivia");
	await page.done();
});

test("trust: / to the address, typed, Enter: the answer", async () => {
	const page = await look(server, "#/trust");
	await ready(page);
	await page.keyboard.press("/");
	await page.keyboard.type("203.0.113.77");
	await page.keyboard.press("Enter");
	await page.waitForFunction(() => location.hash.includes("address=203.0.113.77"));
	const { words } = await server.api("trust?address=203.0.113.77");
	await page.locator("main", { hasText: words.split(".")[0] }).waitFor();
	await page.done();
});
