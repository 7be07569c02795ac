// SPDX-License-Identifier: Apache-2.0
// Health: the identity, the chain's last verification, agents and their lag, what is watched, the
// collector's counters, today's gaps; held against the API, /metrics and `verify`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import process from "node:process";
import { look, live, root, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "during" });
const run = promisify(execFile);
const collector = join(process.env.BUILD ?? join(root, "build"), "glasswatch-collector");
const n = (text) => Number(text.replaceAll(",", ""));

test("the identity: generated = acknowledged + waiting + dropped, as the agents told", async () => {
	const page = await look(server, "#/health");
	await page.locator(".vouch", { hasText: "adds up on 1 agent" }).waitFor();
	const { agents } = await server.api("agents");
	const sum = (f) => agents.reduce((s, a) => s + (a.stats?.delivery ? f(a.stats.delivery) : 0), 0);
	// Heartbeats come meanwhile: the page may be one behind.
	await page.waitForFunction((want) => Number(document.querySelector(".identity b").innerText.replaceAll(",", "")) >= want, sum((d) => d.generated));
	const [generated, acknowledged, waiting, dropped] = (await page.locator(".identity b").allInnerTexts()).map(n);
	assert.equal(generated, acknowledged + waiting + dropped);
	assert.match(await page.locator(".vouch").innerText(), /adds up on 1 agent[\s\S]*no number is missing in the record/);
	await page.done();
});

test("agents: state, waiting, lost, last event; one opened has its lag as figure and as table", async () => {
	const page = await look(server, "#/health");
	const row = page.locator(".wide-table tbody tr").first();
	await row.waitFor();
	assert.match(await row.innerText(), /jump-1\s+running/);
	await row.locator("td", { hasText: "eBPF" }).waitFor();
	await row.locator("td", { hasText: "eth0, eth1" }).waitFor();
	assert.match(await row.innerText(), /9f3c0a1b2c3d/);
	await row.locator("canvas").waitFor();
	await row.locator("th a").click();
	await page.waitForURL(/agent=jump-1/);
	await page.locator(".one canvas").waitFor();
	await page.locator(".one summary").click();
	const shown = await page.locator(".one tbody tr").count(); // first: heartbeats go on
	const since = new Date(Date.now() - 30 * 60000).toISOString().slice(0, 19) + "Z";
	const { events } = await server.api(`events?type=agent.stats&agent=jump-1&since=${since}&limit=1000`);
	assert.ok(shown >= 1 && shown <= events.length, `${shown} of ${events.length} heartbeats`);
	await page.done();
});

test("what is watched: each path as GET /coverage has it; what is not watched is a link", async () => {
	const page = await look(server, "#/health");
	await page.locator(".coverage [data-row]").first().waitFor();
	const doc = await server.api("coverage");
	const word = { yes: "watched", blind: "blind", none: "no address" };
	const rows = await page.locator(".coverage [data-row]").evaluateAll((all) => all.map((r) => [...r.querySelectorAll("[role=cell]")].map((c) => c.innerText.trim())));
	assert.equal(rows.length, doc.devices.length);
	for (const [device, ma1, v4, v6, reached] of rows) {
		const d = doc.devices.find((x) => x.device === device);
		const of = (path, family) => word[d.paths.find((p) => p.path === path && (!family || p.family === family))?.watched] ?? "–";
		assert.deepEqual([ma1, v4, v6], [of("primary"), of("in-band", 4), of("in-band", 6)], device);
		assert.match(reached, !d.in_band ? /by design none/ : d.reached ? /ago/ : /never/);
	}
	await page.locator(".seg a", { hasText: "not watched" }).click();
	await page.waitForURL(/blind=yes/);
	await page.waitForFunction((k) => document.querySelectorAll(".coverage [data-row]").length === k, doc.devices.filter((d) => d.paths.some((p) => p.watched !== "yes")).length);
	await page.evaluate(() => { location.hash = "#/health?device=fab1-CP14-TOR2"; });
	await page.locator("ul.note", { hasText: "fab1-CP14-TOR2" }).waitFor();
	await page.done();
});

test("the chain's last verification: not yet; then when `verify --note` says so", async () => {
	const page = await look(server, "#/health");
	await page.locator(".vouch", { hasText: "hash chain not verified yet: glasswatch-collector verify --note" }).waitFor();
	await live(page);
	const { stdout } = await run(collector, ["verify", "--note", "--db", server.db]);
	assert.match(stdout, /^good: /);
	await page.locator(".vouch", { hasText: /hash chain verified at \d\d:\d\d by / }).waitFor();
	const { events } = await server.api("events?type=alert.record-verified");
	assert.equal(events.length, 1);
	const a = events[0].event.alert;
	assert.deepEqual([a.state, a.good, a.faults], ["told", true, 0]);
	assert.equal(a.places, Number(/ends at place (\d+)/.exec(stdout)[1]));
	// A pack holds no record that could note it; the record is good with the note in it.
	await assert.rejects(run(collector, ["verify", "--note", "--pack", "-", "--db", server.db]), /--note: a pack is no record/);
	assert.match((await run(collector, ["verify", "--db", server.db])).stdout, /^good: /);
	await page.done();
});

test("the collector: what /metrics says", async () => {
	const page = await look(server, "#/health");
	const facts = page.locator("section[aria-labelledby=collector] .kv");
	await facts.waitFor();
	const text = await facts.innerText();
	assert.match(text, /Redis\s+answers/);
	assert.match(text, /Could not decode\s+0/);
	assert.match(text, /Alerts out\s+to nobody: no receiver is configured/);
	const metrics = await (await fetch(server.url + "metrics")).text();
	const stored = Number(/^glasswatch_store_events_total (\d+)/m.exec(metrics)[1]);
	assert.ok(stored - n(/Stored\s+(?:[\d,]+ events\/s now, )?([\d,]+) events/.exec(text)[1]) < 50);
	await page.done();
});

test("an agent that fell silent: amber, a gap today, hatched; never as quiet", async () => {
	const silent = await serve({ devices: 13, scene: "during", silent: true });
	const page = await look(silent, "#/health");
	await live(page);
	// Three heartbeats are missed first.
	await page.locator(".wide-table", { hasText: "silent since" }).waitFor({ timeout: 90000 });
	await page.locator(".gaps .notseen", { hasText: "jump-1" }).waitFor({ timeout: 30000 });
	assert.match(await page.locator(".gaps").innerText(), /jump-1[\s\S]*– now[\s\S]*silent/);
	assert.equal(await page.locator(".gaps .hatch").count() > 0, true);
	await page.done();
	await silent.close();
});

test("nothing was ever heard: says so, and what mends it", async () => {
	const empty = await serve({ devices: 0, scene: "nothing", silent: true });
	const page = await look(empty, "#/health");
	await page.locator(".blind-box", { hasText: "No agent has reported yet" }).waitFor();
	// No claim of what was not there to be seen.
	await page.locator("section[aria-labelledby=gaps] .notseen", { hasText: "No agent has reported, so nothing was seen" }).waitFor();
	assert.match(await page.locator(".vouch").innerText(), /no agent has told its counters[\s\S]*nothing is in the record yet/);
	await page.done();
	await empty.close();
});
