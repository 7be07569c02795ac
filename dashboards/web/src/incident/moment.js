// SPDX-License-Identifier: Apache-2.0
// An incident at a moment, from its document alone (`changes`, `sessions`, `timeline`): the
// scrubber moves without the collector. Pure; times are milliseconds.
import { ms } from "../time.js";

// { devices: Map name -> [{ t, path, open }] by time, times: when anything changes, sorted }
export function history(doc) {
	const devices = new Map(), times = new Set();
	for (const d of [...doc.devices, ...doc.unaffected]) devices.set(d.name, []);
	for (const c of doc.changes) {
		const t = ms(c.t);
		if (!devices.has(c.device)) devices.set(c.device, []);
		const list = devices.get(c.device), last = list.at(-1);
		const next = { t, path: c.path ?? last?.path ?? "primary", open: c.open ?? 0 };
		// The first one tells how it was before.
		if (!last) next.t = -Infinity;
		else if (last.path === next.path && last.open === next.open) continue;
		else times.add(t);
		if (last?.t === t) list.pop();
		list.push(next);
	}
	for (const u of doc.untrusted) for (const t of [u.first, u.last]) if (t) times.add(ms(t));
	return { devices, times: [...times].sort((a, b) => a - b) };
}

// How a device stood: { path, open }.
export function at(list, t) {
	let lo = 0, hi = list.length;
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (list[mid].t <= t) lo = mid + 1;
		else hi = mid;
	}
	return list[Math.max(0, lo - 1)] ?? { path: "primary", open: 0 };
}

const LOST_MA1 = ["primary-failing", "in-band", "unreachable"];

// Numbers of a moment: how many lost Ma1, are on neither path, have somebody on lo6.
export function tally(h, t) {
	const n = { lost: 0, neither: 0, used: 0, sessions: 0 };
	for (const list of h.devices.values()) {
		const d = at(list, t);
		n.lost += LOST_MA1.includes(d.path);
		n.neither += d.path === "unreachable";
		n.used += d.open > 0;
		n.sessions += d.open;
	}
	return n;
}

// From where to where one can scrub: with some time on either side.
export function bounds(doc) {
	const began = ms(doc.began);
	let end = doc.closed ? ms(doc.closed) : Math.max(ms(doc.last ?? doc.began), doc.kind === "untrusted-source" ? 0 : ms(doc.as_of));
	for (const s of doc.sessions) if (s.end) end = Math.max(end, ms(s.end));
	for (const u of doc.untrusted) if (u.last) end = Math.max(end, Math.min(ms(u.last), doc.closed ? ms(doc.closed) : Infinity));
	if (!doc.closed && [...doc.sessions, ...doc.untrusted].some((x) => x.open)) end = Math.max(end, ms(doc.as_of)); // still there
	const pad = Math.max(60000, (end - began) * 0.1);
	return { began, end, from: Math.floor((began - pad) / 1000) * 1000, to: Math.ceil((end + pad * 0.6) / 1000) * 1000 };
}

// Where to look first: when most was lost, and then most people were on lo6.
export function worst(doc, h) {
	let best = ms(doc.began), score = -1;
	for (const t of h.times) {
		const n = tally(h, t), s = n.neither * 1e6 + n.lost * 1e3 + n.sessions;
		if (s > score) {
			score = s;
			best = t;
		}
	}
	return best;
}

// The `n` entries of the record around a moment: [entry, ...], and how many of them are before.
export function near(rows, t, before = 4, after = 3) {
	let i = 0;
	while (i < rows.length && rows[i].t <= t) i++;
	const from = Math.max(0, Math.min(i - before, rows.length - before - after));
	return rows.slice(from, from + before + after);
}
