// SPDX-License-Identifier: Apache-2.0
// What every test of the page begins with: a real Redis, a real collector, events, chromium.
//
//	const s = await serve({ devices: 13, scene: "during" });   // serve.py; ends with the test file
//	const p = await look(s, "#/fleet", { dark, phone });       // a page that watches itself
//	...
//	await p.fine();   // no console error, no CSP violation, no request to elsewhere, no exception
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { DESKTOP, PHONE, launch } from "./browser.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const root = dirname(dirname(here));

let browser = null;
const ends = [];
after(async () => {
	for (const end of ends.reverse()) await end();
	await browser?.close();
});

export async function serve({ devices = 13, scene = "during", tokens = false, silent = false, docs, port } = {}) {
	const args = [join(here, "serve.py"), "--devices", devices, "--scene", scene];
	if (tokens) args.push("--tokens");
	if (silent) args.push("--silent");
	if (docs) args.push("--docs", docs);
	if (port) args.push("--port", port);
	const child = spawn("/usr/bin/python3", args.map(String), { stdio: ["pipe", "pipe", "inherit"], cwd: root });
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	const next = async () => {
		const { value, done } = await lines.next();
		if (done) throw new Error("serve.py ended");
		return JSON.parse(value);
	};
	const server = await next();
	let turn = Promise.resolve();
	// One command, one answer, in order.
	server.do = (command) => {
		const result = turn.then(() => {
			child.stdin.write(JSON.stringify(command) + "\n");
			return next();
		});
		turn = result.catch(() => {});
		return result;
	};
	// A step of World (world.py), now: live("session", {at: -1}, {at: 0}, "fab1-AR-CE1", ...)
	server.live = (step, args, more = {}) => server.do({ do: "live", step, args, more });
	server.stored = () => server.do({ do: "stored" });
	server.api = async (path, token = server.token) => {
		const r = await fetch(server.url + "api/v1/" + path, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
		assert.equal(r.status, 200, `${path}: ${r.status}`);
		return r.headers.get("content-type").startsWith("application/json") ? r.json() : r.text();
	};
	server.close = () =>
		new Promise((done) => {
			if (child.exitCode !== null) return done();
			child.once("exit", done);
			child.stdin.end();
		});
	ends.push(server.close);
	return server;
}

const ALLOWED = /net::ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|ABORTED)/;

// lost: the collector is going to be stopped; then failed loads are to be expected.
export async function look(server, hash = "#/fleet", { dark = false, phone = false, token, lost = false, size, zone = "Europe/Berlin", forced, still } = {}) {
	browser ??= await launch();
	const context = await browser.newContext({
		viewport: size ?? (phone ? PHONE : DESKTOP), deviceScaleFactor: phone ? 2 : 1, hasTouch: phone, isMobile: phone,
		colorScheme: dark ? "dark" : "light", timezoneId: zone, forcedColors: forced ? "active" : "none", acceptDownloads: true,
		reducedMotion: still ? "reduce" : "no-preference",
	});
	const page = await context.newPage();
	page.setDefaultTimeout(90000); // what does not come at all
	const wrong = [];
	page.on("console", (m) => {
		if (!["error", "warning"].includes(m.type())) return;
		if (lost && ALLOWED.test(m.text())) return;
		wrong.push(`console: ${m.text()}`);
	});
	page.on("pageerror", (e) => wrong.push(`exception: ${e.stack ?? e.message}`));
	page.on("request", (r) => {
		if (!r.url().startsWith(server.url) && !/^(data|blob|about):/.test(r.url())) wrong.push(`request to ${r.url()}`);
	});
	page.on("dialog", (d) => {
		wrong.push(`dialog: ${d.message()}`);
		d.dismiss();
	});
	// SLOW=1: frames and answers come late, each by another time, as on a busy machine.
	if (process.env.SLOW)
		await page.addInitScript(() => {
			const frame = requestAnimationFrame, ask = fetch, late = (ms) => Math.random() ** 2 * ms;
			globalThis.requestAnimationFrame = (f) => setTimeout(() => frame(f), late(200));
			globalThis.fetch = async (...args) => {
				await new Promise((done) => setTimeout(done, late(300)));
				const answer = await ask(...args);
				await new Promise((done) => setTimeout(done, late(300)));
				return answer;
			};
		});
	await page.addInitScript(() => {
		addEventListener("securitypolicyviolation", (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
	});
	const use = token === undefined ? server.token : token;
	if (use) await page.addInitScript((t) => sessionStorage.setItem("glasswatch.token", t), use);
	await page.goto(server.url + hash);
	page.fine = async () => {
		assert.deepEqual(wrong, []);
	};
	page.done = async () => {
		await page.fine();
		await context.close();
	};
	return page;
}

// Focus comes with the frame that follows, when a key has moved it or a panel is gone.
export const focused = (page, selector) => page.waitForFunction((s) => document.activeElement.matches(s), selector);

// The view is there and its data too.
export async function ready(page) {
	await page.locator("main h1").first().waitFor();
	await page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
}

// What was to be drawn is drawn.
export const frames = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)))));

// No question has been asked for a second.
export const quiet = (page) => page.evaluate(async () => {
	const asked = () => performance.getEntriesByType("resource").length;
	for (let n = -1; n !== asked(); await new Promise((done) => setTimeout(done, 1000))) n = asked();
});

export const live = (page) => page.locator(".live", { hasText: /^live/ }).waitFor();
export const VIEWS = ["fleet", "timeline", "incidents", "flows", "alerts", "trust", "health"];
