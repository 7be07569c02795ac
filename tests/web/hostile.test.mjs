// SPDX-License-Identifier: Apache-2.0
// Strings from the wire are shown as text, whatever they are: SSH versions, a hostname and a BGP
// shutdown text with markup, marks of direction and control characters, on real packets through the
// real agent (wire.py); user names and reasons as documents.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { look, root, serve } from "./page.mjs";

const work = mkdtempSync(join(tmpdir(), "gw-hostile-"));
after(() => rmSync(work, { recursive: true, force: true }));
const wire = execFileSync("/usr/bin/python3", [join(root, "tests/web/wire.py")], { encoding: "utf8" });
const first = wire.trim().split("\n").map((l) => JSON.parse(l));
const HOST = "fab1-<img/src=x/onerror=alert(1)>";
const USER = "<b onmouseover=alert(5)>root</b>\u202etoor";
// Another agent, on the source's own host, sees the same connection and who opened it.
const more = { ...first.find((d) => d.type === "flow.start" && d.path === "in-band") };
const docs = [
	...first,
	{ ...more, id: "w/1", agent: "w", seq: 1, type: "flow.start", flow: { ...more.flow, id: "x1" }, actor: { user: USER, uid: 0, pid: 1, comm: "<i>ssh</i>" } },
	{ ...more, id: "w/2", agent: "w", seq: 2, type: "flow.update", severity: "warning", flow: { ...more.flow, id: "x1", state: "S1", outcome: "established" }, destination: { ...more.destination, packets: 9, bytes: 900 }, actor: { user: USER, uid: 0, pid: 1, comm: "<i>ssh</i>" } },
];
const path = join(work, "docs.json");
writeFileSync(path, docs.map((d) => JSON.stringify(d)).join("\n") + "\n");
const server = await serve({ docs: path });

// Nothing of it became an element, ran, or turned the text around it.
async function harmless(page) {
	const found = await page.evaluate(() => {
		const all = [...document.querySelectorAll("main *, .panel *, dialog *, header *")];
		const own = new Set(["IMG", "SCRIPT", "B", "I"]);
		return {
			made: all.filter((e) => (own.has(e.tagName) && (e.hasAttribute("onerror") || e.hasAttribute("onmouseover") || e.tagName === "SCRIPT" || e.tagName === "IMG"))).map((e) => e.outerHTML),
			raw: /[\u0001-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/.exec(document.body.innerText)?.[0]?.codePointAt(0) ?? null,
		};
	});
	assert.deepEqual(found, { made: [], raw: null });
}

test("the agent read it off the wire", async () => {
	assert.ok(first.some((d) => d.device?.name === HOST), "the hostname is markup");
	assert.ok(first.some((d) => d.ssh?.client?.software_version?.includes("<img src=x onerror=alert(2)>")), "so is an SSH version");
	assert.ok(first.some((d) => JSON.stringify(d.bgp ?? {}).includes("<script>alert(4)</script>")), "and a shutdown text");
});

test("Flows: hostname and user as text, isolated, marks of direction written out", async () => {
	const page = await look(server, "#/flows");
	await page.locator(".flow-table [data-row]").first().waitFor();
	const text = await page.locator(".flow-table").innerText();
	assert.ok(text.includes(HOST));
	assert.ok(text.includes("<b onmouseover=alert(5)>root</b>\\u{202e}toor"), text);
	assert.ok(await page.locator(".flow-table bdi", { hasText: "onmouseover" }).count() > 0, "isolated");
	await harmless(page);
	// As a filter too: in the token, the address and the choice.
	await page.locator(".choice", { hasText: "onmouseover" }).click();
	await page.locator(".qbar .token", { hasText: "onmouseover" }).waitFor();
	await page.locator(".flow-table [data-row]").first().waitFor();
	assert.equal(await page.locator(".flow-table [data-row]").count(), 1);
	await harmless(page);
	await page.done();
});

test("the session panel: SSH versions of both sides, user and command", async () => {
	const { flows } = await server.api("flows?verdict=untrusted");
	const page = await look(server, `#/flows?session=${flows[0].id}`);
	await page.locator(".panel section").first().waitFor();
	const text = await page.locator(".panel").innerText();
	assert.ok(text.includes("<img src=x onerror=alert(2)>&lt;i"), text);
	assert.ok(text.includes("</bdi><script>alert(3)</script>"));
	await harmless(page);
	const { flows: users } = await server.api("flows?user=" + encodeURIComponent(USER));
	await page.evaluate((id) => { location.hash = `#/flows?session=${id}`; }, users[0].id);
	await page.locator(".panel .hop", { hasText: "onmouseover" }).waitFor();
	const who = await page.locator(".panel").innerText();
	assert.ok(who.includes("<b onmouseover=alert(5)>root</b>\\u{202e}toor"), who);
	assert.ok(who.includes("Seen by another agent, on the source's own host"));
	await harmless(page);
	await page.done();
});

test("BGP: the shutdown text, its control and direction characters written out", async () => {
	const { flows } = await server.api("flows?service=bgp");
	const page = await look(server, `#/flows?session=${flows[0].id}`);
	await page.locator(".panel section h3", { hasText: "BGP" }).waitFor();
	const text = await page.locator(".panel").innerText();
	assert.match(text, /Cease\/Administrative Shutdown/);
	assert.match(text, /“<script>alert\(4\)<\/script> \\u\{202e\}dlrow\\u\{202c\} \\u\{200b\}unseen\\u\{2066\}/);
	assert.match(text, /\\x01\\x07\\x1b\[31mred é”/);
	await harmless(page);
	await page.done();
});

test("Alerts, with what an operator said of one", async () => {
	const page = await look(server, "#/alerts");
	await page.locator(".alert").first().waitFor();
	assert.ok((await page.locator(".lists").innerText()).includes(HOST));
	await page.locator(".alert").first().getByRole("button", { name: "Acknowledge" }).click();
	await harmless(page);
	await page.locator("dialog[open] textarea").fill("<script>alert(6)</script>\u202e");
	await page.locator("dialog[open]").getByLabel("Your name").fill("<img src=x onerror=alert(7)>");
	await page.locator("dialog[open]").getByRole("button", { name: "Acknowledge" }).click();
	await page.locator(".alert", { hasText: "Acknowledged by" }).waitFor();
	assert.ok((await page.locator(".lists").innerText()).includes("“<script>alert(6)</script>\\u{202e}”"));
	await harmless(page);
	await page.done();
});

test("Trust and Health", async () => {
	for (const [hash, place] of [["#/trust?address=203.0.113.77", ".trust-view"], ["#/health", ".health-view"]]) {
		const page = await look(server, hash);
		await page.locator(place, { hasText: HOST }).waitFor();
		await harmless(page);
		await page.done();
	}
});

test("Timeline: the lane's name, what is on it, and the same as a table", async () => {
	const { flows } = await server.api("flows?limit=100");
	const times = flows.map((f) => Date.parse(f.start)), at = (t) => new Date(t).toISOString();
	const span = `from=${at(Math.min(...times) - 30000)}&to=${at(Math.max(...times) + 90000)}`;
	const page = await look(server, `#/timeline?${span}`);
	const lane = page.locator(".tl-name", { hasText: "fab1-" }).first();
	await lane.waitFor();
	await page.locator(".timeline-view [aria-busy=true]").waitFor({ state: "detached" });
	assert.ok((await page.locator(".tl-name").evaluateAll((all) => all.map((e) => e.title))).includes(HOST));
	await harmless(page);
	// Under the pointer, wherever it is along the lane.
	const plot = await page.locator(".tl-plot").boundingBox(), row = await page.locator(".tl-row").first().boundingBox();
	for (let k = 0; k < 60; k++) {
		await page.mouse.move(plot.x + (plot.width * k) / 60, row.y + (k % 2 ? 30 : 12));
		if (await page.locator(".tl-tip").count()) await harmless(page);
	}
	await page.evaluate((s) => { location.hash = `#/timeline?${s}&table=1`; }, span);
	await page.locator(".tl-table [data-row]").first().waitFor();
	assert.ok((await page.locator(".tl-table").innerText()).includes(HOST));
	await harmless(page);
	await page.done();
});

test("Incidents: the list and each review", async () => {
	const { incidents } = await server.api("incidents");
	assert.ok(incidents.length > 0);
	const page = await look(server, "#/incidents");
	await page.locator(".incs li").first().waitFor();
	await harmless(page);
	let seen = "";
	for (const i of incidents) {
		await page.evaluate((id) => { location.hash = `#/incidents/${id}`; }, i.id);
		await page.locator(".review .title").waitFor();
		await page.locator(".review h1", { hasText: `Incident ${i.id}` }).waitFor();
		seen += await page.locator(".review").innerText();
		await harmless(page);
	}
	assert.ok(seen.includes(HOST), "its device is named as it names itself");
	await page.done();
});
