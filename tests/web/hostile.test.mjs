// SPDX-License-Identifier: Apache-2.0
// Markup in identification strings, shutdown texts, hostnames and file names, which the agent read
// from real packets and configurations (hostile.py): text everywhere, and nothing runs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { VIEWS, look, ready, root, serve } from "./page.mjs";

const base = mkdtempSync(join(tmpdir(), "gw-hostile-"));
const docs = join(base, "events.jsonl");
writeFileSync(docs, execFileSync("/usr/bin/python3", [join(root, "tests/web/hostile.py"), base], { stdio: ["ignore", "pipe", "ignore"] }));
const server = await serve({ docs });
rmSync(base, { recursive: true });

const HOST = "<img/src=x/onerror=alert(1)>";

// What the page itself never makes; a hostile string would.
async function harmless(page, where) {
	const made = await page.evaluate(() => {
		const bad = [...document.querySelectorAll("img, iframe, object, embed, base, form[action], body style, body script, [onerror], [onload], [onclick], a[href^='javascript:' i]")];
		return bad.map((e) => e.outerHTML.slice(0, 200));
	});
	assert.deepEqual(made, [], where);
	const raw = await page.evaluate(() => {
		const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		const found = [];
		for (let n; (n = walk.nextNode());) if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069]/.test(n.data)) found.push(n.data.slice(0, 80));
		return found;
	});
	assert.deepEqual(raw, [], `${where}: control and direction characters are shown as escapes`);
	assert.equal(await page.evaluate(() => getComputedStyle(document.body).display), "block");
}

const { flows } = await server.api("flows");
const { incidents } = await server.api("incidents");
const { alerts } = await server.api("alerts");
assert.ok(flows.length >= 5 && incidents.length && alerts.length, "the agent read it all");

test("every view", async () => {
	for (const phone of [false, true]) {
		const page = await look(server, "#/fleet", { phone });
		for (const view of VIEWS) {
			await page.goto(`${server.url}#/${view}`);
			await ready(page);
			await harmless(page, view);
		}
		for (const level of ["rungs", "cells", "lines"]) {
			await page.goto(`${server.url}#/fleet?zoom=${level}`);
			await ready(page);
			await harmless(page, level);
		}
		await page.goto(`${server.url}#/fleet`);
		await ready(page);
		assert.ok((await page.locator(".rung .nm").allInnerTexts()).some((t) => t.includes(HOST)), "the hostname is there, as text");
		await page.done();
	}
});

test("each session's panel; the client's software is shown as text", async () => {
	const page = await look(server);
	for (const f of flows) {
		await page.goto(`${server.url}#/flows?session=${f.id}`);
		await page.locator(".panel").waitFor();
		await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
		await harmless(page, `session ${f.id}`);
		const text = await page.locator(".panel").innerText();
		if (f.service === "ssh") assert.match(text, /<script>alert\(3\)<\/script>/, `session ${f.id}`);
		else assert.match(text, /<a href="javascript:alert\(6\)"[\s\S]*\\u\{202e\}/, `session ${f.id}`);
	}
	await page.done();
});

test("each incident, each alert, the device's panel, trust", async () => {
	const page = await look(server);
	const places = [...incidents.map((i) => `incidents/${i.id}`), ...alerts.map((a) => `alerts?alert=${a.id}`),
		`fleet?device=${encodeURIComponent(HOST)}`, "trust?address=198.18.1.10", "trust?address=203.0.113.77", `timeline?device=${encodeURIComponent(HOST)}`,
		`health?device=${encodeURIComponent(HOST)}`, `flows?device=${encodeURIComponent(HOST)}`];
	for (const place of places) {
		await page.goto(`${server.url}#/${place}`);
		await ready(page);
		await harmless(page, place);
	}
	await page.done();
});

test("markup in the address itself", async () => {
	const page = await look(server);
	const evil = encodeURIComponent("\"><img src=x onerror=alert(9)>");
	for (const place of [`fleet?device=${evil}&group=${evil}&state=${evil}&zoom=${evil}&fabric=${evil}`, `flows?source=${evil}&device=${evil}&${evil}=1`,
		`trust?address=${evil}`, `incidents/${evil}`, `timeline?from=${evil}&device=${evil}&to=javascript:alert(1)`, `alerts?state=${evil}`, `health?agent=${evil}`, `${evil}`, `fleet?session=${evil}`, `incidents/%ff`]) {
		await page.goto(`${server.url}#/${place}`);
		await page.locator("main h1").first().waitFor();
		await page.waitForTimeout(200);
		await harmless(page, place);
	}
	// Questions with nonsense in them are answered by 400, which the browser logs: that is no fault here.
	await page.close();
});
