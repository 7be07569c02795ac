// SPDX-License-Identifier: Apache-2.0
// make demo with the page open: real packets in the lab's namespaces, the eBPF agent, Redis, the
// collector, and every scene on the page as it happens. Needs root; skipped loudly without.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { VIEWS, look, live, ready, root } from "./page.mjs";

const skip = process.getuid() === 0 ? false : "the lab's namespaces and eBPF need root: the page is NOT tested on the lab";

test("the demo prints the page's address, and the page shows the scenes as they happen", { skip, timeout: 400000 }, async (t) => {
	const build = process.env.BUILD ?? join(root, "build");
	const demo = spawn(join(root, "tests/lab/demo.sh"), { env: { ...process.env, BUILD: build, DEMO_ONCE: "1", LAB: `gww${process.pid}`, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
	let said = "";
	const ended = new Promise((done) => demo.once("exit", done));
	t.after(async () => {
		if (demo.exitCode === null) demo.kill("SIGTERM"); // it takes everything down
		await ended;
	});
	demo.stderr.on("data", (d) => { said += d; });
	const url = await new Promise((done, fail) => {
		demo.stdout.on("data", (d) => {
			said += d;
			const m = said.match(/The page: (http:\S+)/);
			if (m) done(m[1]);
		});
		ended.then((status) => fail(new Error(`the demo ended with ${status}:\n${said}`)));
	});
	const page = await look({ url }, "#/fleet", { lost: true });
	await live(page);
	// What was ever drawn: the scenes are short.
	await page.evaluate(() => {
		window.shown = new Set();
		const look = () => {
			for (const box of document.querySelectorAll(".box")) window.shown.add(`${box.dataset.device}: ${box.querySelector(".w").innerText}`);
			for (const li of document.querySelectorAll(".side .who li, .changes li")) window.shown.add(li.innerText.replace(/\s+/g, " "));
			for (const a of document.querySelectorAll(".answer .a")) window.shown.add(a.innerText);
		};
		new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
		look();
	});
	const saw = (pattern, what) => page.waitForFunction((p) => [...window.shown].some((text) => new RegExp(p).test(text)), pattern.source, { timeout: 240000 }).catch(() => assert.fail(`the page did not show ${what}:\n${said.slice(-2000)}`));
	await saw(/198\.18\.66\.66 (connected|refused|logged in)/, "the untrusted source");
	await saw(/^lab1-AR-CE1: failing/, "Ma1 failing");
	await saw(/^lab1-AR-CE1: (on lo6|lo6 only)/, "the failover");
	await saw(/lab1-AR-CE1 is back on Ma1/, "the failback");
	await saw(/^lab1-CP1-TOR2: not justified/, "lo6 used while Ma1 works");
	await saw(/^lab1-CP1-TOR1: on neither/, "both paths dead");
	// The other views, while the last scene is played.
	for (const view of VIEWS.slice(1)) {
		if (demo.exitCode !== null || /What the collector has stored/.test(said)) break;
		await page.goto(`${url}#/${view}`);
		await ready(page);
	}
	await page.done();
	const status = await ended;
	assert.equal(status, 0, said.slice(-3000));
});
