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

// Layers, left to right: a module imports from its own layer or from one to its left.
const LAYERS = [
	["words.js", "time.js", "html.js", "url.js"], ["api.js"], ["live.js"], ["data.js", "around.js"], ["theme.js", "keys.js", "icons.js"], ["parts/"], ["views/"],
	["frame.js"], ["main.js"],
];
// Each is loaded on first use, so none pulls in another; what two share is a file of its own.
const ENTRIES = /^views\/(fleet|timeline|incidents|flows|session|alerts|trust|health)\.js$/;
const layer = (f) => LAYERS.findIndex((l) => l.some((p) => (p.endsWith("/") ? f.startsWith(p) : f === p)));

test("imports go in one direction", () => {
	const src = join(root, "dashboards/web/src");
	const walk = (d) => readdirSync(join(src, d), { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(`${d}${e.name}/`) : e.name.endsWith(".js") ? [d + e.name] : []));
	for (const f of walk("")) {
		const mine = layer(f);
		assert.ok(mine >= 0, `${f} is in no layer: name it in bundle.test.mjs`);
		for (const [, to] of readFileSync(join(src, f), "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
			const target = new URL(to, `file:///${f}`).pathname.slice(1);
			assert.ok(layer(target) >= 0 && layer(target) <= mine, `${f} imports ${target}, which is to its right`);
			if (ENTRIES.test(f) && ENTRIES.test(target)) assert.fail(`${f} imports the view ${target}`);
		}
	}
});
