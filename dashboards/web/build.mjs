// SPDX-License-Identifier: Apache-2.0
// Bundles the page: `node build.mjs OUTDIR`. One entry, one chunk for each view (loaded on
// first use), one style sheet, and index.html that names them. Names carry a hash of the
// content, so that a browser never mixes two builds.
import { build } from "esbuild";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import process from "node:process";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) {
	console.error("build.mjs: usage: node build.mjs OUTDIR");
	process.exit(2);
}

mkdirSync(out, { recursive: true });
for (const old of readdirSync(out))
	if (/\.(js|css|html|svg|txt)$/.test(old)) rmSync(join(out, old));

const result = await build({
	absWorkingDir: here,
	entryPoints: [
		{ in: "src/main.js", out: "main" },
		{ in: "src/page.css", out: "page" },
	],
	outdir: out,
	bundle: true,
	splitting: true,
	format: "esm",
	target: ["chrome115", "firefox115", "safari17"],
	minify: true,
	entryNames: "[name]-[hash]",
	chunkNames: "part-[hash]",
	legalComments: "eof",
	metafile: true,
	logLevel: "warning",
});

const outputs = Object.entries(result.metafile.outputs);
const find = (entry) => outputs.find(([, o]) => o.entryPoint === entry);
const [mainName, main] = find("src/main.js");
const [cssName] = find("src/page.css");
// What the entry itself imports; the views' chunks are not among these.
const needed = main.imports.filter((i) => i.kind === "import-statement").map((i) => i.path);

const html = readFileSync(join(here, "src/index.html"), "utf8")
	.replace("@CSS@", basename(cssName))
	.replace("@MAIN@", basename(mainName))
	.replace(
		"@PRELOAD@",
		needed.map((p) => `<link rel="modulepreload" href="${basename(p)}">`).join("\n"),
	);
writeFileSync(join(out, "index.html"), html);
writeFileSync(join(out, "logo.svg"), readFileSync(join(here, "src/logo.svg")));
