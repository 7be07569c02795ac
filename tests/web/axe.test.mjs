// SPDX-License-Identifier: Apache-2.0
// axe-core over every view, light and dark, desktop and phone, with panel and dialogs open: no
// finding, whatever its weight.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { VIEWS, look, ready, serve } from "./page.mjs";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const server = await serve({ devices: 13, scene: "during", tokens: true });

async function check(page, what) {
	await page.evaluate(source);
	const found = await page.evaluate(() => axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"],
	}));
	const said = found.violations.map((v) => `${v.impact} ${v.id}: ${v.help}\n` + v.nodes.slice(0, 4).map((n) => `    ${n.target.join(" ")}: ${n.failureSummary.split("\n").slice(1).join("; ")}`).join("\n"));
	assert.equal(said.join("\n"), "", what);
}

for (const dark of [false, true])
	for (const phone of [false, true])
		test(`${dark ? "dark" : "light"}, ${phone ? "phone" : "desktop"}`, async (t) => {
			const page = await look(server, "#/fleet", { dark, phone, still: true });
			const { sessions } = await server.api("sessions");
			const { incidents } = await server.api("incidents");
			const places = VIEWS.map((v) => `#/${v}`).concat(`#/flows?session=${sessions[0].id}`, `#/incidents/${incidents.at(-1).id}`,
				"#/fleet?device=fab1-CP1-TOR1", "#/fleet?zoom=cells", "#/fleet?zoom=lines", "#/trust?address=203.0.113.77", "#/health?agent=jump-1", "#/flows?established=yes&path=in-band");
			for (const place of places)
				await t.test(place, async () => {
					await page.goto(server.url + place);
					await ready(page);
					await check(page, place);
				});
			if (!phone)
				await t.test("acknowledge, silence, drill", async () => {
					await page.goto(server.url + "#/alerts");
					await page.locator(".alert").first().waitFor();
					for (const name of ["Acknowledge", "Silence", "Announce a drill"]) {
						await page.getByRole("button", { name }).first().click();
						await page.locator("dialog[open]").waitFor();
						await check(page, name);
						await page.keyboard.press("Escape");
					}
				});
			if (!phone)
				await t.test("keys, token", async () => {
					await page.goto(server.url + "#/fleet");
					await ready(page);
					await page.keyboard.press("?");
					await page.locator("dialog").waitFor();
					await check(page, "keys");
					await page.keyboard.press("Escape");
					await page.locator(".who-am-i").click();
					await check(page, "token");
				});
			await page.done();
		});
