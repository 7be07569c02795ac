// SPDX-License-Identifier: Apache-2.0
// What a browser loads: below 150 kB gzipped in all, each view's code apart; nothing from elsewhere;
// modules import in one direction.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import process from "node:process";
import { root } from "./page.mjs";

const web = join(process.env.BUILD ?? join(root, "build"), "web");
const files = readdirSync(web);
const size = (f) => gzipSync(readFileSync(join(web, f)), { level: 9 }).length;

test("all of it is below 150 kB gzipped", () => {
	const all = files.map((f) => [f, size(f)]);
	const total = all.reduce((a, [, n]) => a + n, 0);
	const html = readFileSync(join(web, "index.html"), "utf8");
	const first = all.filter(([f]) => f === "index.html" || html.includes(f)).reduce((a, [, n]) => a + n, 0);
	console.log(`# gzipped: ${(total / 1000).toFixed(1)} kB in all, ${(first / 1000).toFixed(1)} kB before the first view's code`);
	assert.ok(total < 150000, `${total} bytes`);
});

test("no source map, no host, no eval", () => {
	for (const f of files.filter((x) => /\.(js|css|html)$/.test(x))) {
		const text = readFileSync(join(web, f), "utf8");
		const hosts = [...text.matchAll(/https?:\/\/([a-z0-9.-]+)/gi)].map((m) => m[1]).filter((h) => h !== "www.w3.org");
		assert.deepEqual(hosts.filter((h) => !/preactjs|github\.com/.test(h)), [], f);
		assert.doesNotMatch(text, /\beval\(|new Function\(/, f);
	}
});

// src/*.js, then parts/, then what a view is made of (timeline/, incident/), then views/, then the
// frame, then main: a module imports from its own layer or from one to its left, and
// none imports itself by a detour. Each view is loaded on first use, so
// none pulls in another; what two of them share is a file of its own.
const layer = (f) => (f === "main.js" ? 4 : f === "frame.js" ? 3 : f.startsWith("views/") ? 2 : f.startsWith("parts/") ? 1 : f.includes("/") ? 1.5 : 0);
const VIEW = /^views\/(fleet|timeline|incidents|flows|session|alerts|trust|health)\.js$/;

test("imports go in one direction", () => {
	const src = join(root, "dashboards/web/src"), imports = new Map();
	const walk = (d) => readdirSync(join(src, d), { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(`${d}${e.name}/`) : e.name.endsWith(".js") ? [d + e.name] : []));
	for (const f of walk("")) {
		const text = readFileSync(join(src, f), "utf8");
		const to = [...text.matchAll(/(?:from|import)\s*"(\.[^"]+)"/g)].map((m) => new URL(m[1], `file:///${f}`).pathname.slice(1));
		imports.set(f, to);
		for (const t of to) {
			assert.ok(layer(t) <= layer(f), `${f} imports ${t}, which is to its right`);
			assert.ok(!(VIEW.test(f) && VIEW.test(t)), `${f} imports the view ${t}`);
		}
	}
	const done = new Set();
	const visit = (f, path) => {
		assert.ok(!path.includes(f), `a circle: ${[...path, f].join(" > ")}`);
		if (done.has(f)) return;
		for (const t of imports.get(f) ?? []) visit(t, [...path, f]);
		done.add(f);
	};
	for (const f of imports.keys()) visit(f, []);
});
