// SPDX-License-Identifier: Apache-2.0
// The frame: tabs, keys, theme, token, small screens, deep links, what a problem looks like.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VIEWS, focused, look, live, ready, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "during" });

test("seven tabs are links; each is a view with one h1; keys 1 to 7 go there; Back comes back", async () => {
	const page = await look(server, "");
	const tabs = page.locator(".tabs a");
	assert.equal(await tabs.count(), 7);
	for (const [i, view] of VIEWS.entries()) {
		await page.keyboard.press(String(i + 1));
		await page.locator(`main.v-${view} h1`).waitFor();
		assert.match(page.url(), new RegExp(`#/${view}`));
		assert.equal(await page.locator("main h1").count(), 1, view);
		assert.equal(await tabs.nth(i).getAttribute("aria-current"), "page");
		assert.match(await page.title(), /· glasswatch$/);
	}
	await page.goBack();
	await page.locator("main.v-trust").waitFor();
	await tabs.nth(3).click();
	await page.locator("main.v-flows").waitFor();
	await page.done();
});

test("single keys do nothing inside inputs, and can be switched off", async () => {
	const page = await look(server);
	await ready(page);
	await page.keyboard.press("?");
	const help = page.locator("dialog");
	await help.waitFor();
	assert.match(await help.innerText(), /Views[\s\S]*Fleet/);
	await help.locator("input[type=checkbox]").uncheck();
	await page.keyboard.press("Escape");
	await help.waitFor({ state: "detached" });
	await page.keyboard.press("2");
	assert.match(page.url(), /#\/fleet/);
	await page.reload();
	await ready(page);
	await page.keyboard.press("2");
	assert.match(page.url(), /#\/fleet/);
	await page.getByRole("button", { name: "Keys" }).click();
	await help.locator("input[type=checkbox]").check();
	await page.keyboard.press("Escape");
	await help.waitFor({ state: "detached" });
	await page.keyboard.press("2");
	await page.locator("main.v-timeline").waitFor();
	await page.done();
});

test("theme: as the system says, until it is chosen; remembered", async () => {
	const page = await look(server, "#/fleet", { dark: true });
	await ready(page);
	const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
	assert.equal(await theme(), "dark");
	await page.getByRole("button", { name: "Light" }).click();
	assert.equal(await theme(), "light");
	await page.reload();
	await ready(page);
	assert.equal(await theme(), "light");
	await page.done();
});

test("the clock shows the reader's zone and names it; UTC is in the title", async () => {
	for (const [zone, name] of [["Europe/Berlin", /^UTC\+[12]$/], ["Asia/Kolkata", /^UTC\+5:30$/], ["UTC", /^UTC$/], ["America/New_York", /^UTC−[45]$/]]) {
		const page = await look(server, "#/fleet", { zone });
		await live(page);
		assert.match(await page.locator(".clock .zone").innerText(), name);
		assert.match(await page.locator(".clock").getAttribute("title"), /UTC$/);
		await page.done();
	}
});

test("small screens: a bottom bar with five, targets of 44 px, nothing sideways", async () => {
	const page = await look(server, "#/fleet", { phone: true });
	await ready(page);
	const bar = page.locator(".bottom > *");
	assert.deepEqual((await bar.allInnerTexts()).map((t) => t.replace(/\s*\d.*$/s, "").trim().split("\n")[0]), ["Fleet", "Timeline", "Incidents", "Alerts", "More"]);
	for (const box of await bar.evaluateAll((all) => all.map((e) => e.getBoundingClientRect().height))) assert.ok(box >= 44, `${box} px`);
	await page.getByRole("button", { name: "More" }).click();
	await page.locator("dialog").getByRole("link", { name: "Trust" }).click();
	await page.locator("main.v-trust").waitFor();
	for (const view of VIEWS) {
		await page.goto(`${server.url}#/${view}`);
		await ready(page);
		const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		assert.ok(wide <= 0, `${view} is ${wide} px too wide`);
	}
	await page.done();
	// 200 % zoom of a narrow window, as WCAG 1.4.10 has it
	const narrow = await look(server, "#/fleet", { size: { width: 320, height: 640 } });
	for (const view of VIEWS) {
		await narrow.goto(`${server.url}#/${view}`);
		await ready(narrow);
		const wide = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		assert.ok(wide <= 0, `${view} is ${wide} px too wide at 320`);
	}
	await narrow.done();
});

test("skip link, landmarks, one live region", async () => {
	const page = await look(server);
	await ready(page);
	await page.keyboard.press("Tab");
	await focused(page, ".skip");
	await page.keyboard.press("Enter");
	await focused(page, "#main");
	assert.equal(await page.locator("main").count(), 1);
	assert.equal(await page.locator("[aria-live=polite]").count(), 1);
	await page.done();
});

test("what the collector serves: hashed names, a strict policy, and nothing of elsewhere", async () => {
	const r = await fetch(server.url);
	const policy = r.headers.get("content-security-policy");
	assert.match(policy, /default-src 'none'/);
	assert.match(policy, /script-src 'self'(;|$)/);
	assert.match(policy, /style-src 'self'(;|$)/);
	const html = await r.text();
	assert.doesNotMatch(html, /<style|style=|onclick|<script>(?!<)/);
	assert.doesNotMatch(html, /https?:/);
});

test("a question that fails: what failed, the problem's type and request id, Try again; the rest stays", async () => {
	const page = await look(server, "#/trust", { lost: true });
	await ready(page);
	let fail = true;
	await page.route("**/api/v1/devices*", (route) =>
		fail ? route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({
			type: "urn:glasswatch:problem:store-unavailable", title: "Service Unavailable", status: 503,
			detail: "the store is locked", request: "abc-7" }) }) : route.continue());
	await page.goto(server.url + "#/fleet");
	await page.reload();
	const box = page.locator(".failed-box");
	await box.waitFor();
	assert.match(await box.innerText(), /The devices could not be read[\s\S]*the store is locked[\s\S]*store-unavailable[\s\S]*abc-7/);
	await page.locator(".answer").first().waitFor();
	await page.locator(".changes li").first().waitFor();
	fail = false;
	await box.getByRole("button", { name: "Try again" }).click();
	await page.locator(".rung").first().waitFor();
	await page.close();
});

test("a token is asked for, kept in this tab only, and forgotten", async () => {
	const guarded = await serve({ devices: 13, scene: "calm", tokens: true });
	const page = await look(guarded, "#/alerts", { token: "", lost: true });
	page.on("console", () => {});
	await page.locator(".banner", { hasText: "wants a token" }).waitFor();
	await page.getByRole("button", { name: "Enter a token" }).click();
	await page.locator("dialog input").fill("gw_wrong");
	await page.getByRole("button", { name: "Use it" }).click();
	await page.locator(".banner", { hasText: "not known to it" }).waitFor();
	await page.getByRole("button", { name: "Enter a token" }).click();
	await page.locator("dialog input").fill(guarded.reader);
	await page.getByRole("button", { name: "Use it" }).click();
	await ready(page);
	await live(page);
	assert.match(await page.locator(".who-am-i").innerText(), /rita\s*read/);
	assert.match(page.url(), /#\/alerts$/, "no token in the address");
	assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes("gw_")), false);
	assert.equal(await page.evaluate(() => document.cookie), "");
	await page.reload();
	await ready(page);
	await page.locator(".who-am-i").click();
	await page.getByRole("button", { name: "Forget it" }).click();
	await page.locator(".banner", { hasText: "wants a token" }).waitFor();
	assert.equal(await page.evaluate(() => sessionStorage.length), 0);
	await page.close();
	await guarded.close();
});
