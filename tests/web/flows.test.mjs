// SPDX-License-Identifier: Apache-2.0
// Flows: rows as the API has them, tokens and facets, live tail with pause, export, keyboard, deep
// links; and the session panel.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { focused, look, live, ready, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "during" });
const table = (page) => page.locator(".flow-table .vtable");
const first = (page) => page.locator(".flow-table [data-row]").first();
const rows = (page) => page.locator(".flow-table .tbody [data-row]");
const counted = (page, n) => page.locator(".flows-view [role=status]", { hasText: new RegExp(`^${n} `) }).waitFor();

test("rows say what GET /flows says, the newest first", async () => {
	const page = await look(server, "#/flows", { zone: "UTC" });
	await first(page).waitFor();
	const { flows, count } = await server.api("flows?limit=20");
	await counted(page, count.value);
	const shown = await rows(page).evaluateAll((all) => all.map((r) => [...r.querySelectorAll("[role=cell]")].map((c) => c.innerText.trim())));
	for (const [i, f] of flows.slice(0, 15).entries()) {
		const [time, verdict, who, source, device, path, service, outcome, login] = shown[i];
		assert.equal(time, f.start.slice(11, 19));
		assert.equal(verdict, f.trust.verdict);
		assert.equal(who, f.user ?? "not known");
		assert.equal(source, `${f.source.ip}:${f.source.port}`);
		assert.equal(device, f.device);
		assert.match(path, f.path === "in-band" ? /^lo6/ : /^Ma1$/);
		assert.equal(service, "SSH");
		assert.equal(outcome, `${f.open && f.established ? "open" : f.outcome} ${f.state}`);
		assert.equal(login, f.login ?? "–");
	}
	// 4 px edge: red untrusted, blue in-band; people bold.
	const edges = await rows(page).evaluateAll((all) => all.map((r) => (r.classList.contains("red") ? "red" : r.classList.contains("blue") ? "blue" : "")));
	flows.slice(0, 15).forEach((f, i) => assert.equal(edges[i], f.trust.verdict === "untrusted" ? "red" : f.path === "in-band" ? "blue" : ""));
	await page.done();
});

test("tokens: typed, guessed, removed, refused; each is in the address, and Back undoes it", async () => {
	const page = await look(server, "#/flows");
	await first(page).waitFor();
	await page.keyboard.press("/");
	const input = page.locator("[data-find]");
	await focused(page, "[data-find]");
	await input.fill("verdict:untrusted 203.0.113.0/24");
	await input.press("Enter");
	await page.waitForURL(/verdict=untrusted/);
	assert.match(page.url(), /source=203\.0\.113\.0\/24/);
	const { count } = await server.api("flows?verdict=untrusted&source=203.0.113.0/24");
	await counted(page, count.value);
	assert.equal(await page.locator(".qbar .token").count(), 2);
	// A known device's name is enough; what is neither is refused with what there is.
	await page.locator("[data-find]").fill("fab1-CP2-TOR1");
	await page.locator("[data-find]").press("Enter");
	await page.waitForURL(/device=fab1-CP2-TOR1/);
	await page.locator("[data-find]").fill("colour:red");
	await page.locator("[data-find]").press("Enter");
	assert.match(await page.locator(".filter-error").innerText(), /colour:red is no address.*device source path/);
	await page.locator("[data-find]").fill("");
	await page.locator("[data-find]").press("Backspace");
	await page.waitForFunction(() => document.querySelectorAll(".qbar .token").length === 2);
	await page.getByRole("link", { name: "Remove source" }).click();
	await page.waitForFunction(() => !location.hash.includes("source="));
	await page.goBack();
	await page.waitForFunction(() => location.hash.includes("source="));
	await page.done();
});

test("facets: their counts are the API's; a choice filters and is taken back", async () => {
	const page = await look(server, "#/flows");
	await first(page).waitFor();
	const { facets } = await server.api("flows?limit=1");
	for (const [name, shown] of [["lo6 (in-band)", facets.path["in-band"]], ["untrusted", facets.verdict.untrusted], ["refused", facets.outcome.refused], ["oxidized", facets.user.oxidized]])
		assert.match((await page.locator(".choice", { has: page.locator(".w", { hasText: new RegExp(`^${name.replace(/[()]/g, "\\$&")}$`) }) }).innerText()).replaceAll("\n", " "), new RegExp(`${shown}$`), name);
	await page.locator(".choice", { hasText: "lo6 (in-band)" }).click();
	await page.waitForURL(/path=in-band/);
	await counted(page, facets.path["in-band"]);
	assert.equal(await page.locator(".choice[aria-current]").innerText().then((t) => t.split("\n")[0]), "lo6 (in-band)");
	await page.locator(".choice[aria-current]").click();
	await page.waitForFunction(() => !location.hash.includes("path="));
	await page.locator(".choice", { hasText: /^break-glass$/ }).click();
	await page.getByRole("heading", { name: "Break-glass sessions" }).waitFor();
	const { count } = await server.api("sessions");
	await counted(page, count.value);
	await page.done();
});

for (const [what, hash, path] of [["all flows", "#/flows", "flows"], ["a filter", "#/flows?path=in-band&verdict=untrusted", "flows?path=in-band&verdict=untrusted"], ["break-glass sessions", "#/flows?established=yes&path=in-band", "sessions"]])
	test(`export of ${what} equals the API, byte for byte`, async () => {
		const page = await look(server, hash);
		await first(page).waitFor();
		const [list, query] = path.split(/\?(.*)/s);
		const { count } = await server.api(path);
		for (const kind of ["csv", "json"]) {
			// Flows that are open last longer with each second: only that differs.
			const still = (t) => (kind === "json" ? JSON.stringify(JSON.parse(t).map((f) => (f.open ? { ...f, duration_s: 0 } : f))) : t.split("\r\n").map((l) => l.replace(/^([^,]*,[^,]*,[^,]*),[^,]*,true,/, "$1,-,true,")).join("\r\n"));
			const button = page.locator(".bar .btn", { hasText: kind.toUpperCase() });
			assert.match((await button.innerText()).trim(), new RegExp(`^${kind.toUpperCase()}\\s+${count.value} rows?$`));
			const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
			assert.equal(download.suggestedFilename(), `${list}.${kind}`);
			const got = await readFile(await download.path(), "utf8");
			const r = await fetch(`${server.url}api/v1/${list}.${kind}${query ? "?" + query : ""}`);
			assert.equal(still(got), still(await r.text()));
			const n = kind === "json" ? JSON.parse(got).length : got.trim().split("\r\n").length - 1;
			assert.equal(n, count.value, "as many rows as the button said");
		}
		await page.done();
	});

test("live tail: a new flow comes in at the top; under the pointer it waits in one line, and pushes nothing", async () => {
	const page = await look(server, "#/flows?service=ssh");
	await first(page).waitFor();
	await live(page);
	await server.live("session", [{ at: -0.5 }, { at: 0 }, "fab1-CP14-TOR2", "primary", "10.20.0.41", "tail1"], { closed: false });
	await rows(page).first().locator("text=tail1").waitFor();
	await table(page).locator("[data-row='2']").hover();
	const before = await rows(page).evaluateAll((all) => all.slice(0, 8).map((r) => [r.innerText.split("\n").slice(0, 5).join(" "), r.getBoundingClientRect().top]));
	for (let i = 0; i < 3; i++) await server.live("refused", [{ at: 0 }, "fab1-CP2-TOR1", "in-band", "203.0.113.78"]);
	await page.locator(".tail.waiting", { hasText: "3 newer flows are waiting" }).waitFor();
	const after = await rows(page).evaluateAll((all) => all.slice(0, 8).map((r) => [r.innerText.split("\n").slice(0, 5).join(" "), r.getBoundingClientRect().top]));
	assert.deepEqual(after, before, "no row has moved");
	await page.locator("h1").hover();
	await rows(page).first().locator("text=203.0.113.78").waitFor();
	await page.done();
});

test("Space pauses: what is newer waits, Space shows it; the pause is in the address", async () => {
	const page = await look(server, "#/flows?user=pausing");
	await ready(page);
	await live(page);
	await page.locator(".flow-table .quiet").waitFor();
	assert.match(await page.locator(".flow-table").innerText(), /No flow is so/);
	await page.keyboard.press(" ");
	await page.waitForURL(/tail=off/);
	await server.live("session", [{ at: -0.5 }, { at: 0 }, "fab1-CP14-TOR2", "primary", "10.20.0.42", "pausing"], { closed: false });
	await page.locator(".tail.waiting", { hasText: "1 newer flow is waiting" }).waitFor();
	assert.equal(await rows(page).count(), 0);
	await page.keyboard.press(" ");
	await rows(page).first().waitFor();
	assert.match(page.url(), /tail=off/);
	await page.keyboard.press(" ");
	await page.waitForFunction(() => !location.hash.includes("tail=off"));
	await page.done();
});

test("a row changes in place while it is looked at", async () => {
	const page = await look(server, "#/flows?user=growing");
	await ready(page);
	await live(page);
	await page.locator(".flow-table .quiet").waitFor();
	const flow = { at: -30 };
	await server.live("flow", [flow, "flow.start", "grow-1", "fab1-CP14-TOR1", "primary", "10.20.0.43", "attempt"], { state: "S0", user: "growing", port: 41000, nbytes: [60, 0] });
	await rows(page).first().locator("text=attempt").waitFor();
	await rows(page).first().hover();
	await server.live("flow", [{ at: -1 }, "flow.update", "grow-1", "fab1-CP14-TOR1", "primary", "10.20.0.43", "established"], { user: "growing", port: 41000, nbytes: [9100, 61000] });
	await rows(page).first().locator("text=open S1").waitFor();
	assert.match(await rows(page).first().innerText(), /9\.1 kB \/ 61 kB/);
	await page.done();
});

test("a filter that the collector refuses says so, and how to go on", async () => {
	const page = await look(server, "#/flows?device=" + "x".repeat(300), { lost: true });
	await page.locator(".failed-box").waitFor();
	assert.match(await page.locator(".failed-box").innerText(), /This filter is not understood[\s\S]*device=x+[\s\S]*1 to 255 bytes/);
	await page.getByRole("link", { name: "All flows" }).click();
	await first(page).waitFor();
	await page.context().close(); // the browser itself notes the refused request
});

test("by keyboard alone: filter, rows, panel, next, previous, close; focus returns", async () => {
	const page = await look(server, "#/flows?path=in-band&verdict=trusted");
	await first(page).waitFor();
	await table(page).locator("[tabindex='0']").focus();
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("ArrowDown");
	await focused(page, "[data-row='2']");
	const { flows } = await server.api("flows?path=in-band&verdict=trusted");
	await page.keyboard.press("Enter");
	await page.locator(".panel h2").waitFor();
	assert.match(page.url(), new RegExp(`session=${flows[2].id}`));
	await page.keyboard.press("j");
	await page.waitForURL(new RegExp(`session=${flows[3].id}`));
	await page.keyboard.press("k");
	await page.waitForURL(new RegExp(`session=${flows[2].id}`));
	await page.keyboard.press("Escape");
	await page.locator(".panel").waitFor({ state: "detached" });
	await focused(page, "[data-row='2']");
	await page.goBack();
	await page.locator(".panel").waitFor();
	await page.done();
});

// ---- the session panel -----------------------------------------------------------------------

test("a session's panel: every section, as GET /sessions/ID has it", async () => {
	const { sessions } = await server.api("sessions?state=open&user=bob");
	const d = await server.api(`sessions/${sessions[0].id}`);
	const page = await look(server, `#/fleet?session=${d.id}`, { zone: "UTC" });
	const panel = page.locator(".panel");
	await panel.locator("section").first().waitFor();
	assert.equal(await panel.locator("h2").innerText(), d.words.replace(/ UTC/g, "").replace(/\.$/, ""));
	assert.deepEqual(await panel.locator("section h3").allInnerTexts(), ["Why trusted", "Who", "Justified?", "Login", "Bytes", "SSH", "Flow"]);
	const text = await panel.innerText();
	assert.match(text, /permit 10\.20\.0\.0\/16, seq 10, trusted_sources of \S+, generation 9f3c0a1b2c3d\./);
	const list = await panel.locator(".list [role=row]").allInnerTexts();
	assert.equal(list.length, d.trust.walk.length + 2);
	assert.match(list[1], /seq 10 permit 10\.20\.0\.0\/16[\s\S]*decides[\s\S]*line 31/);
	assert.match(list[2], /not reached/);
	assert.match(list.at(-1), /end of list, implicit deny[\s\S]*not reached/);
	assert.ok(text.includes(d.justified.words.replace(/ UTC/g, "")), "why it is justified, in the collector's words");
	assert.match(text, /Success, 1 attempt[\s\S]*high confidence[\s\S]*Inferred from encrypted packet lengths, not read\./);
	for (const part of [d.ssh.client.software_version, d.ssh.client.hassh.hash, d.ssh.server.software_version, d.community_id, "usual for this source", `${d.source.ip}:${d.source.port}`]) assert.ok(text.includes(part), part);
	// The evidence is the flows that failed, and the one that followed: each a link to it.
	const [change] = d.justified.evidence;
	assert.equal(change.flows.length, 2);
	assert.equal(change.sessions[1], d.id);
	const failed = await server.api(`sessions/${change.sessions[0]}`);
	assert.deepEqual([failed.flow, failed.path, failed.outcome], [change.flows[0], "primary", "unanswered"]);
	assert.match(await panel.locator(".evidence a").first().getAttribute("href"), new RegExp(`session=${failed.id}`));
	await panel.locator(".chart canvas").waitFor();
	await panel.locator("summary", { hasText: "Show as table" }).click();
	// An open one has a step more with each minute.
	const steps = await panel.locator(".twin tbody tr").count(), now = (await server.api(`sessions/${d.id}`)).bytes.out.length;
	assert.ok(d.bytes.out.length <= steps && steps <= now, `${steps} steps; the API had ${d.bytes.out.length}, and has ${now}`);
	await page.done();
});

test("an attempt that was refused says why not trusted, and that nobody is known", async () => {
	const { flows } = await server.api("flows?verdict=untrusted&source=203.0.113.77&limit=1");
	const page = await look(server, `#/flows?session=${flows[0].id}`);
	const panel = page.locator(".panel");
	await panel.locator("section").first().waitFor();
	const text = await panel.innerText();
	assert.match(text, /Why not trusted[\s\S]*End of list[\s\S]*does not contain it[\s\S]*end of list, implicit deny[\s\S]*decides/);
	assert.match(text, /Not known: no agent on the source's host saw it connect\./);
	assert.match(text, /None: no connection came about/);
	await panel.getByRole("link", { name: "What other devices say" }).click();
	await page.waitForURL(/#\/trust\?address=203\.0\.113\.77/);
	await page.done();
});

test("bytes: what the agent did not tell of is hatched, and said; not drawn as quiet", async () => {
	const more = { user: "gappy", port: 42000 };
	await server.live("flow", [{ at: -900 }, "flow.start", "gap-1", "fab1-CP14-TOR1", "primary", "10.20.0.44", "attempt"], { ...more, state: "S0", nbytes: [60, 0] });
	await server.live("flow", [{ at: -840 }, "flow.update", "gap-1", "fab1-CP14-TOR1", "primary", "10.20.0.44", "established"], { ...more, nbytes: [4000, 9000] });
	await server.live("flow", [{ at: -30 }, "flow.update", "gap-1", "fab1-CP14-TOR1", "primary", "10.20.0.44", "established"], { ...more, nbytes: [90000, 200000] });
	await server.stored();
	const { flows } = await server.api("flows?user=gappy");
	const d = await server.api(`sessions/${flows[0].id}`);
	const missing = d.bytes.missing.filter(Boolean).length;
	assert.ok(missing > 5);
	const page = await look(server, `#/flows?session=${d.id}`);
	await page.locator(".panel .notseen", { hasText: `${missing} steps of 1 min without a word from the agent` }).waitFor();
	await page.locator(".panel summary", { hasText: "Show as table" }).click();
	assert.equal(await page.locator(".panel .twin td", { hasText: "not seen" }).count(), missing);
	await page.done();
});

test("no such session: says so", async () => {
	const page = await look(server, "#/flows?session=999999", { lost: true });
	await page.locator(".panel .quiet").waitFor();
	assert.match(await page.locator(".panel").innerText(), /No flow has this number/);
	await page.context().close(); // the browser itself notes the 404
});

test("an open session's panel goes on by itself", async () => {
	const { sessions } = await server.api("sessions?state=open&user=bob");
	const s = sessions[0];
	const page = await look(server, `#/flows?session=${s.id}`);
	await page.locator(".panel .session-head b", { hasText: "open" }).waitFor();
	await live(page);
	await server.live("flow", [{ at: 0 }, "flow.end", s.flow, s.device, "in-band", s.source.ip, "closed"], { state: "SF", user: s.user, port: s.source.port, nbytes: [777000, 888000], start: Date.parse(s.start) / 1000 });
	await page.locator(".panel .under", { hasText: "777 kB" }).waitFor();
	assert.equal(await page.locator(".panel .session-head b", { hasText: "open" }).count(), 0);
	await page.done();
});

test("many rows: 20,000 flows, few elements; the last row is reached", async () => {
	const many = await serve({ devices: 13, scene: "calm", silent: true });
	const t = Date.now() / 1000;
	const docs = Array.from({ length: 20000 }, (_, i) => {
		const time = new Date((t - 90000 + i * 4) * 1000).toISOString();
		return { v: 1, id: `many/${i + 1}`, agent: "many", seq: i + 1, time, type: "flow.end", severity: "info", policy: "9f3c0a1b2c3d", device: { name: "fab1-AR-CE1", role: "ce" }, path: "primary", service: "ssh",
			source: { ip: "10.20.1.9", port: 1024 + (i % 60000), packets: 4, bytes: 300 + i }, destination: { ip: "10.1.0.12", port: 22, packets: 3, bytes: 200 }, network: { type: "ipv4", transport: "tcp", community_id: `1:many${i}`, vlan: [], mpls: [], encapsulation: [] },
			flow: { id: `m${i}`, direction: "inbound", start: time, end: time, duration: 0, state: "SF", outcome: "closed", initiator: "syn", retransmits: 0, fragments: 0, missed_bytes: 0 }, trust: { verdict: "trusted", list: "trusted_sources", seq: 10, prefix: "10.20.0.0/16" } };
	});
	for (let i = 0; i < docs.length; i += 2000) await many.do({ do: "add", docs: docs.slice(i, i + 2000) });
	await many.stored();
	const page = await look(many, "#/flows?source=10.20.1.9");
	await first(page).waitFor();
	const { count } = await many.api("flows?source=10.20.1.9&limit=1");
	await page.locator(".flows-view [role=status]", { hasText: `${count.exact ? "" : "at least "}${count.value.toLocaleString("en")} flows` }).waitFor();
	assert.ok(await page.locator(".flow-table *").count() < 4000, "only rows in sight are elements");
	await page.locator(".flow-table [tabindex='0']").first().focus();
	const known = () => page.locator(".flow-table .vtable").getAttribute("aria-rowcount").then((n) => Number(n) - 1);
	for (let n = await known(); n < 20000; n = await known()) {
		await page.keyboard.press("End");
		await page.waitForFunction((was) => Number(document.querySelector(".flow-table .vtable").getAttribute("aria-rowcount")) - 1 > was, n);
	}
	await page.keyboard.press("End");
	await page.waitForFunction(() => document.activeElement.dataset.row === "19999");
	await page.done();
	await many.close();
});
