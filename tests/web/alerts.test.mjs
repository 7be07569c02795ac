// SPDX-License-Identifier: Apache-2.0
// Alerts: sections, acknowledge, silence and drill through the page with a token, seen by the API and
// by the command line; without the right the buttons say why; keyboard; deep links.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import process from "node:process";
import { focused, look, live, ready, root, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "during", tokens: true });
const run = promisify(execFile);
const collector = join(process.env.BUILD ?? join(root, "build"), "glasswatch-collector");
const command = async (...args) => JSON.parse((await run(collector, [...args, "--format", "json", "--db", server.db])).stdout);
const section = (page, title) => page.locator(`.alerts-view section[aria-label="${title}"]`);
const alert = (page, title, name) => section(page, title).locator(".alert", { has: page.locator(".n", { hasText: new RegExp(`^${name}$`) }) });
const dialog = (page) => page.locator("dialog[open]");

test("each alert is in its section, the worst first, with the collector's sentence", async () => {
	const page = await look(server, "#/alerts", { zone: "UTC" });
	await alert(page, "Open", "management-switch-suspected").waitFor();
	const { alerts } = await server.api("alerts?state=open");
	assert.equal(await section(page, "Open").locator(".alert").count(), alerts.length);
	for (const a of alerts) {
		const said = await section(page, "Open").locator(`[data-alert="${a.id}"]`).innerText();
		assert.ok(said.includes(a.severity), a.name);
		assert.ok(said.replace(/\s+/g, " ").includes(a.text.replace(/ UTC/g, "").replace(/\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)(\.\d+)?Z/g, "$1")), said);
		if (a.device) assert.ok(said.includes(a.device));
	}
	assert.equal(await section(page, "Open").locator(".alert").first().evaluate((e) => e.classList.contains("sev-critical")), true);
	assert.equal(await section(page, "Acknowledged").locator("header .dim").innerText(), "none");
	await page.done();
});

test("acknowledge: why and until when; the page, the API and the command line agree on who", async () => {
	const page = await look(server, "#/alerts");
	await live(page);
	const row = alert(page, "Open", "not-armed");
	await row.getByRole("button", { name: "Acknowledge" }).click();
	const d = dialog(page);
	await focused(page, "dialog textarea"); // it begins at why
	assert.equal(await d.getByRole("button", { name: "Acknowledge" }).isDisabled(), true, "no reason, no acknowledgement");
	await d.locator("textarea").fill("change CHG-2207 tonight");
	await d.getByLabel("4 hours").check();
	await d.getByRole("button", { name: "Acknowledge" }).click();
	await alert(page, "Acknowledged", "not-armed").waitFor();
	assert.match(await alert(page, "Acknowledged", "not-armed").innerText(), /Acknowledged by olivia at [\d:]+: “change CHG-2207 tonight”, until /);
	const { alerts } = await server.api("alerts?state=acknowledged");
	assert.equal(alerts.length, 1);
	assert.deepEqual([alerts[0].name, alerts[0].acknowledged.by, alerts[0].acknowledged.reason], ["not-armed", "olivia", "change CHG-2207 tonight"]);
	const until = Date.parse(alerts[0].acknowledged.until) - Date.parse(alerts[0].acknowledged.at);
	assert.ok(Math.abs(until - 4 * 3600000) < 1000, `until ${until} ms later`);
	const cli = (await command("alerts", "--state", "acknowledged")).filter((a) => a.name === "not-armed");
	assert.equal(cli.length, 1);
	assert.equal(cli[0].acknowledged.by, "olivia");
	await page.done();
});

test("silence: what fits is chosen; ended before its time the alert is open again", async () => {
	const page = await look(server, "#/alerts");
	await live(page);
	await alert(page, "Open", "untrusted-source").getByRole("button", { name: "Silence" }).click();
	const d = dialog(page);
	assert.deepEqual((await d.locator("fieldset").first().locator("label").allInnerTexts()).map((t) => t.trim().replace(/\s+/g, " ")), ["name untrusted-source", "device fab1-CP2-TOR1", "source 203.0.113.77"]);
	for (const k of ["name", "device", "source"]) await d.locator("label", { hasText: new RegExp(`^\\s*${k} `) }).locator("input").uncheck();
	await d.locator("textarea").fill("our own scanner");
	assert.equal(await d.getByRole("button", { name: "Silence" }).isDisabled(), true, "a silence of everything is not meant");
	await d.locator("label", { hasText: /^\s*source / }).locator("input").check();
	await d.getByLabel("1 hour").check();
	await d.getByRole("button", { name: "Silence" }).click();
	await alert(page, "Silenced", "untrusted-source").waitFor();
	assert.match(await alert(page, "Silenced", "untrusted-source").innerText(), /Silenced by olivia: “our own scanner”, until /);
	const { silences } = await server.api("silences?state=open");
	assert.deepEqual([silences.length, silences[0].source, silences[0].by, silences[0].reason, silences[0].name], [1, "203.0.113.77", "olivia", "our own scanner", undefined]);
	assert.equal((await command("alerts", "--state", "silenced")).length, 1);
	await alert(page, "Silenced", "untrusted-source").getByRole("button", { name: "End silence" }).click();
	await alert(page, "Open", "untrusted-source").waitFor();
	assert.equal((await server.api("silences?state=open")).silences.length, 0);
	await page.done();
});

test("a drill is announced, shown while it lasts, and ended", async () => {
	const page = await look(server, "#/alerts");
	await live(page);
	await page.getByRole("button", { name: "Announce a drill" }).click();
	const d = dialog(page);
	await d.getByLabel("Device").fill("fab1-CP14-TOR2");
	await d.locator("textarea").fill("quarterly test");
	await d.getByRole("button", { name: "Announce", exact: true }).click();
	await section(page, "Drills").waitFor();
	assert.match(await section(page, "Drills").innerText(), /fab1-CP14-TOR2[\s\S]*Announced by olivia: “quarterly test”/);
	const { drills } = await server.api("drills?state=open");
	assert.deepEqual([drills.length, drills[0].device, drills[0].by], [1, "fab1-CP14-TOR2", "olivia"]);
	await section(page, "Drills").getByRole("button", { name: "End drill" }).click();
	await section(page, "Drills").waitFor({ state: "detached" });
	await page.done();
});

test("by keyboard alone: arrows, a, Escape; s, why, Enter; Enter goes to the proof", async () => {
	const page = await look(server, "#/alerts");
	await alert(page, "Open", "management-switch-suspected").waitFor();
	await live(page);
	await page.keyboard.press("ArrowDown");
	await focused(page, "[aria-label^='management-switch-suspected, critical, open']");
	await page.keyboard.press("a");
	await dialog(page).getByRole("heading", { name: "Acknowledge" }).waitFor();
	await page.keyboard.press("Escape");
	await dialog(page).waitFor({ state: "detached" });
	await focused(page, "[aria-label^='management-switch-suspected']"); // focus returns
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("s");
	await dialog(page).getByRole("heading", { name: "Silence" }).waitFor();
	await page.keyboard.type("as we do it");
	await page.keyboard.press("Tab");
	await page.keyboard.press("Escape");
	await dialog(page).waitFor({ state: "detached" });
	await focused(page, "[data-alert]");
	await page.keyboard.press("ArrowUp");
	await page.keyboard.press("Enter");
	await page.waitForURL(/#\/incidents\/\d+/);
	await page.done();
});

test("a token that may only read: the buttons are there, disabled, and say why; keys do nothing", async () => {
	const page = await look(server, "#/alerts", { token: server.reader });
	await alert(page, "Open", "management-switch-suspected").waitFor();
	await live(page);
	for (const name of ["Acknowledge", "Silence", "Announce a drill"]) {
		const b = page.getByRole("button", { name }).first();
		assert.equal(await b.getAttribute("aria-disabled"), "true", name);
		assert.equal(await b.getAttribute("title"), "needs an operate token");
		await b.click({ force: true });
		assert.equal(await dialog(page).count(), 0);
	}
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("a");
	await page.keyboard.press("s");
	assert.equal(await dialog(page).count(), 0);
	await page.done();
});

test("deep links: one alert is marked; a filter is a token", async () => {
	const { alerts } = await server.api("alerts?name=management-switch-suspected");
	const page = await look(server, `#/alerts/${alerts[0].id}`);
	await page.locator(".alert.marked").waitFor();
	assert.match(await page.locator(".alert.marked").innerText(), /management-switch-suspected/);
	await page.evaluate(() => { location.hash = "#/alerts?severity=critical"; });
	await page.locator(".token", { hasText: "severity critical" }).waitFor();
	assert.equal(await section(page, "Open").locator(".alert").count(), 1);
	await page.done();
});

test("resolved: goes to the end when its cause is gone", async () => {
	const page = await look(server, "#/alerts");
	await live(page);
	await ready(page);
	const { alerts } = await server.api("alerts?name=not-armed");
	await server.live("route", [{ at: 0 }, alerts[0].device, true]);
	await alert(page, "Resolved lately", "not-armed").waitFor();
	assert.equal(await alert(page, "Resolved lately", "not-armed").getByRole("button").count(), 0);
	await page.done();
});

test("no alert is open: says so in grey", async () => {
	const calm = await serve({ devices: 13, scene: "nothing" });
	const page = await look(calm, "#/alerts");
	await section(page, "Open").locator(".quiet").waitFor();
	assert.match(await section(page, "Open").innerText(), /No alert is open\./);
	await page.done();
	await calm.close();
});
