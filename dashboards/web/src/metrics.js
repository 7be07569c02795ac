// SPDX-License-Identifier: Apache-2.0
// /metrics of the collector that serves this page, as numbers: what no list of the API says.
import { fetchApi } from "./api.js";

const LINE = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

// { at, value(name, labels), sum(name, labels), labels(name) }; labels: only those that fit
export function parse(text, at) {
	const series = new Map();
	for (const line of text.split("\n")) {
		const m = line[0] === "#" ? null : LINE.exec(line);
		if (!m || m[1].endsWith("_bucket")) continue;
		if (!series.has(m[1])) series.set(m[1], []);
		series.get(m[1]).push({ labels: Object.fromEntries([...(m[2] ?? "").matchAll(LABEL)].map((l) => [l[1], l[2].replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c))])), value: Number(m[3]) });
	}
	const fit = (name, labels = {}) => (series.get(name) ?? []).filter((s) => Object.entries(labels).every(([k, v]) => s.labels[k] === v));
	return {
		at,
		value: (name, labels) => fit(name, labels)[0]?.value,
		sum: (name, labels) => {
			const all = fit(name, labels);
			return all.length ? all.reduce((n, s) => n + s.value, 0) : undefined;
		},
		all: (name) => fit(name),
	};
}

export async function read(signal) {
	const r = await fetchApi("../../metrics", { signal, accept: "text/plain" });
	return parse(await r.text(), Date.now());
}
