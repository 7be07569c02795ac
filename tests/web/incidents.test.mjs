// SPDX-License-Identifier: Apache-2.0
// Incidents: the list; the review says what the API says; the scrubber moves without the
// collector; exports equal the API.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { frames, live, look, quiet, ready, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "after" });
const { incidents } = await server.api("incidents");
const sw = incidents.find((i) => i.kind === "management-switch");
const doc = await server.api(`incidents/${sw.id}`);
// Moments of sentences are in the reader's zone; the tests read in UTC.
const spaces = (t) => t.replace(/\s+/g, " ").trim();
const at = (page) => page.locator(".scrub .at time").getAttribute("datetime");

test("the list: open ones first, each with the collector's words, each a link", async () => {
	const page = await look(server, "#/incidents", { zone: "UTC" });
	await ready(page);
	const rows = page.locator(".incs li");
	await rows.first().waitFor();
	assert.equal(await rows.count(), incidents.length);
	const said = spaces(await page.locator(".inc-list").innerText());
	for (const i of incidents) assert.ok(said.includes(spaces(i.words)), i.words);
	const open = incidents.filter((i) => i.status === "open").length;
	assert.equal(await page.locator(".incs li.open").count(), open);
	await page.locator(".seg a", { hasText: /^over$/ }).click();
	await page.waitForFunction(() => location.hash.includes("state=closed"));
	assert.equal(await rows.count(), incidents.length - open);
	await rows.first().locator("a").click();
	await page.locator(".review .title").waitFor();
	assert.ok(page.url().includes(`#/incidents/${sw.id}`));
	await page.goBack();
	await rows.first().waitFor();
	await page.done();
});

test("the review: paragraphs, figures, sessions, devices, gaps, record are the API's", async () => {
	const page = await look(server, `#/incidents/${sw.id}`, { zone: "UTC" });
	await ready(page);
	const said = spaces(await page.locator(".review").innerText());
	for (const w of [doc.title, ...doc.words]) assert.ok(said.includes(spaces(w)), w);
	const figures = await page.locator(".figures dd").allInnerTexts();
	assert.deepEqual(figures, doc.figures.map((f) => f.value));
	for (const g of doc.gaps) assert.ok(said.includes(spaces(g.text)), g.text);
	const rows = page.locator(".review table").first().locator("tbody tr");
	assert.equal(await rows.count(), doc.sessions.length + doc.untrusted.length);
	for (const d of doc.devices) assert.ok(said.includes(d.name));
	assert.ok(said.includes(doc.policy.generations[0].generation));
	assert.ok(said.includes("fab1-CP13-TOR2 would let it in"));
	// What the timeline hatches, the review counts too.
	const { gaps } = await server.api(`timeline?from=${doc.began}&to=${doc.closed}`);
	const lost = gaps.filter((g) => g.reason === "events-lost").reduce((n, g) => n + g.t1 - g.t0, 0);
	assert.ok(lost > 10 && Math.abs(lost - doc.unseen_s) < 1, `${lost} s, ${doc.unseen_s} s`);
	assert.ok(!said.includes("No event is known to be missing"));
	await rows.first().locator("a").click();
	await page.locator(".panel").waitFor();
	assert.ok(page.url().includes(`session=${doc.sessions[0].flow}`));
	await page.done();
});

test("the scrubber: minutes, changes, the devices as they were; no question is asked for it", async () => {
	const page = await look(server, `#/incidents/${sw.id}`, { zone: "UTC" });
	await ready(page);
	await live(page);
	await page.locator(".tl-row").first().waitFor();
	await quiet(page);
	const asked = [];
	page.on("request", (r) => { if (r.url().includes("/api/")) asked.push(r.url()); });
	const t0 = await at(page);
	await page.keyboard.press("]");
	await frames(page); // the next key counts from what this one has done
	const t1 = await at(page);
	assert.equal(Date.parse(t1) % 60000, 0);
	assert.ok(Date.parse(t1) > Date.parse(t0));
	await page.keyboard.press("[");
	await frames(page);
	assert.equal(Date.parse(await at(page)), Date.parse(t1) - 60000);
	// Every change, from the beginning: each device stands as `changes` says.
	const slider = page.locator(".scrub input[type=range]");
	await slider.fill(await slider.getAttribute("min"));
	const seen = new Set();
	for (let k = 0; k < 80; k++) {
		await page.keyboard.press("}");
		await frames(page);
		const t = Date.parse(await at(page));
		if (seen.has(t)) break;
		seen.add(t);
		const words = await page.locator(".scrub > header").innerText();
		const state = new Map();
		for (const c of doc.changes) if (Date.parse(c.t) <= t + 1) state.set(c.device, c);
		const lost = [...state.values()].filter((c) => ["primary-failing", "in-band", "unreachable"].includes(c.path)).length;
		const open = [...state.values()].reduce((n, c) => n + c.open, 0);
		assert.ok(words.includes(lost ? `${lost} device${lost > 1 ? "s" : ""} without Ma1` : "no device without Ma1"), `${words} at ${t}`);
		assert.ok(words.includes(open ? `${open} session${open > 1 ? "s" : ""} open on lo6` : "nobody on lo6"), `${words} at ${t}`);
	}
	assert.ok(seen.size > 12, `${seen.size} changes`);
	assert.deepEqual(asked, []);
	const moment = await at(page);
	await page.waitForFunction((t) => location.hash.includes(`t=${t}`), moment);
	const url = page.url();
	const again = await look(server, url.slice(url.indexOf("#")), { zone: "UTC" });
	await ready(again);
	assert.equal(await at(again), moment, "the moment is in the address");
	await again.done();
	await page.done();
});

test("the scrubber's last step is in the history when another view is chosen at once", async () => {
	const page = await look(server, `#/incidents/${sw.id}`, { zone: "UTC" });
	await ready(page);
	const t0 = await at(page);
	await page.keyboard.press("]");
	await page.keyboard.press("1");
	await page.waitForFunction(() => location.hash.startsWith("#/fleet"));
	await page.waitForTimeout(600); // a step is written after 300 ms
	assert.match(page.url(), /#\/fleet/);
	await page.goBack();
	assert.match(page.url(), new RegExp(`#/incidents/${sw.id}\\?t=`));
	await ready(page);
	assert.ok(Date.parse(await at(page)) > Date.parse(t0));
	await page.done();
});

test("exports are what the API answers", async () => {
	const page = await look(server, `#/incidents/${sw.id}`);
	await ready(page);
	const written = (t) => t.replace(/Written by.*|as_of.*|cursor.*/g, "");
	for (const [word, ext] of [["Markdown", "md"], ["HTML", "html"], ["JSON", "json"]]) {
		const [download] = await Promise.all([page.waitForEvent("download"), page.locator(".exports a", { hasText: word }).click()]);
		assert.equal(download.suggestedFilename(), `incident-${sw.id}.${ext}`);
		const got = await readFile(await download.path(), "utf8");
		if (ext === "json") assert.deepEqual(JSON.parse(got).words, doc.words);
		else {
			const want = await (await fetch(`${server.url}api/v1/incidents/${sw.id}.${ext}`)).text();
			assert.equal(written(got).length, written(want).length, ext);
		}
	}
	await page.locator("button", { hasText: "Evidence pack" }).click();
	assert.match(await page.locator("dialog").innerText(), new RegExp(`glasswatch-collector export --incident ${sw.id}`));
	await page.keyboard.press("Escape");
	await page.done();
});

test("an incident that goes on: what is new of it comes by itself", async () => {
	const page = await look(server, "#/incidents", { zone: "UTC" });
	await ready(page);
	await live(page);
	await server.live("change", [{ at: -2 }, "fab1-CP14-TOR2", "primary", "primary-failing", "primary-unanswered"]);
	await server.live("session", [{ at: -1 }, { at: 0 }, "fab1-CP14-TOR2", "in-band", "10.20.0.77", "heidi"], { closed: false });
	await server.live("change", [{ at: 0 }, "fab1-CP14-TOR2", "primary-failing", "in-band", "primary-unanswered"]);
	const row = page.locator(".incs li", { hasText: "fab1-CP14-TOR2" });
	await row.waitFor();
	await row.locator("a").click();
	await page.locator(".review .title").waitFor();
	await page.locator(".review .status", { hasText: "open" }).waitFor();
	await server.live("change", [{ at: 0 }, "fab1-CP14-TOR2", "in-band", "primary", "primary-ok"]);
	await page.locator(".review .status", { hasText: "over" }).waitFor();
	await page.done();
});

test("there is none with that number; a failing collector is said", async () => {
	const page = await look(server, "#/incidents/4711", { lost: true });
	await page.locator(".quiet", { hasText: "no incident with this number" }).waitFor();
	await page.route("**/api/v1/incidents/*", (r) => r.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ type: "urn:glasswatch:problem:busy", title: "Busy", status: 503, detail: "too many questions wait", request: "x-1" }) }));
	await page.evaluate((id) => { location.hash = `#/incidents/${id}`; }, sw.id);
	await page.locator(".failed-box", { hasText: "too many questions wait" }).waitFor();
	await page.unroute("**/api/v1/incidents/*");
	await page.locator(".failed-box button").click();
	await page.locator(".review .title").waitFor();
	await page.context().close();
});
