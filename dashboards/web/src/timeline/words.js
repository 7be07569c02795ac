// SPDX-License-Identifier: Apache-2.0
// What a shape on a lane is, in words: for the pointer, for screen readers, for the table.
import { OPEN, REFUSED, CLASSES, odd } from "./bars.js";
import { LOST, isUp } from "./paint.js";
import { clock, duration, moment } from "../time.js";
import { clean, pathState, plural } from "../words.js";

const CLASS = {
	trusted: { word: "trusted", icon: "ok", hue: "grey" },
	failed: { word: "trusted, not established", icon: "cross", hue: "red" },
	justified: { word: "justified", icon: "inband", hue: "blue" },
	drill: { word: "drill", icon: "drill", hue: "blue" },
	"no-policy": { word: "no policy", icon: "nopolicy", hue: "amber" },
	unexplained: { word: "unexplained", icon: "unexplained", hue: "amber" },
	"not-justified": { word: "not justified", icon: "unjustified", hue: "red" },
	refused: { word: "untrusted, refused", icon: "untrusted", hue: "red" },
	untrusted: { word: "untrusted, established", icon: "untrusted", hue: "red" },
};
const classOf = (cls) => CLASS[CLASSES[cls]];

const GAP = { "events-lost": "events of the agent are lost", "agent-silent": "the agent was silent" };
const gapWord = (reason) => GAP[reason] ?? clean(reason, 40);

const MARK = {
	failover: { icon: "down", word: "failover" }, failback: { icon: "up", word: "failback" },
	bgp: { icon: "bgpdown", word: "BGP" }, alert: { icon: "flag", word: "alert" },
};
function markOf(m) {
	const base = MARK[m.kind] ?? { icon: "ok", word: m.kind };
	if (m.kind === "bgp") return { icon: isUp(m.state) ? "bgpup" : "bgpdown", hue: "ink", word: `BGP ${clean(m.state, 20)}` };
	if (m.kind === "alert") return { icon: "flag", hue: m.severity === "critical" ? "red" : m.severity === "warning" ? "amber" : "ink", word: `alert ${clean(m.state, 40)}` };
	return { ...base, hue: "ink" };
}

// Times of a span: exact to what its length lets one tell apart.
function spanWords(t0, t1, now) {
	const open = t1 === OPEN, end = open ? now : t1, seconds = end - t0 < 10 * 60000;
	return { from: moment(t0, now, true), to: open ? "now" : clock(t1, seconds || true), last: duration((end - t0) / 1000) };
}

// { icon, hue, title, lines } of a thing that hit() found (lanes.js), or of one in the table.
export function describe(h, now) {
	switch (h.kind) {
		case "bar": {
			const { t0, t1, cls, count, who } = h.bar, c = classOf(cls), w = spanWords(t0, t1, now);
			const path = h.band === 1 ? "lo6" : "Ma1";
			const what = count > 1 ? plural(count, cls === REFUSED || cls === 1 ? "attempt" : "session") : who ? clean(who, 60) : cls === REFUSED || cls === 1 ? "attempt" : "session";
			return { ...c, title: `${what} on ${path}, ${c.word}`, lines: [`${w.from} – ${w.to}`, t1 === OPEN ? `${w.last}, open` : w.last] };
		}
		case "mark": {
			const m = markOf(h.mark);
			return { ...m, title: m.word + (h.mark.n > 1 ? `, ${h.mark.n} times` : ""), lines: [moment(h.mark.t, now, true), clean(h.mark.words ?? "", 200)] };
		}
		case "path": {
			const p = pathState(h.span.state), w = spanWords(h.span.t0, h.span.t1, now);
			return { icon: "cross", hue: "red", title: h.span.both ? "Ma1 lost, lo6 too" : "Ma1 lost", lines: [`${h.span.begun ? "" : "before "}${w.from} – ${w.to}`, h.span.t1 === OPEN ? `${w.last}, ${p.word}` : w.last] };
		}
		case "gap": {
			const w = spanWords(h.gap.t0, h.gap.t1, now);
			return { icon: "blind", hue: "ink", title: `Not seen: ${gapWord(h.gap.reason)}`, lines: [`${clean(h.gap.agent, 60)}`, `${w.from} – ${w.to} · ${w.last}`] };
		}
		case "bracket":
			return { icon: "flag", hue: "red", title: h.bracket.text, lines: ["opens the incident"] };
		default:
			return null;
	}
}

export const sentence = (h, now) => {
	const d = describe(h, now);
	return `${d.title}, ${d.lines.filter(Boolean).join(", ")}`;
};

// What a lane holds in a window, in one line; for screen readers and the label's second line.
export function laneSummary(lane, from, to, now) {
	let lost = 0, still = false;
	for (const p of lane.path) if (LOST[p.state]) {
		const a = Math.max(p.t0, from), b = Math.min(p.t1, to, now);
		if (b > a) lost += b - a;
		if (p.t1 === OPEN && b > a) still = true;
	}
	const n = [0, 0], odds = new Map();
	for (const [i, band] of [lane.ma1, lane.lo6].entries())
		for (let k = band.first(from); k < band.n && band.t0[k] < to; k++) {
			if (band.t1[k] < from) continue;
			if (band.cls[k] !== 1 && band.cls[k] !== REFUSED) n[i] += band.count[k];
			if (odd(band.cls[k])) odds.set(band.cls[k], (odds.get(band.cls[k]) ?? 0) + band.count[k]);
		}
	const parts = [];
	if (lost) parts.push(`Ma1 lost ${duration(lost / 1000)}`);
	if (n[1]) parts.push(`${plural(n[1], "session")} on lo6`);
	parts.push(`${plural(n[0], "session")} on Ma1`);
	for (const [c, k] of odds) parts.push(`${k} ${classOf(c).word}`);
	const marks = lane.marks.filter((m) => m.t >= from && m.t < to);
	for (const kind of ["failover", "failback", "bgp", "alert"]) {
		const k = marks.filter((m) => m.kind === kind).reduce((a, m) => a + m.n, 0);
		if (k) parts.push(`${k} ${kind === "bgp" ? "BGP" : kind}`);
	}
	return { lost, still, text: parts.join(", ") };
}

// Whether anything in a window is not normal.
export function isOdd(lane, from, to) {
	return lane.path.some((p) => p.state !== "primary" && p.t1 > from && p.t0 < to) ||
		lane.marks.some((m) => m.t >= from && m.t < to && (m.kind !== "alert" || m.severity === "warning" || m.severity === "critical") && !(m.kind === "bgp" && isUp(m.state))) ||
		lane.lo6.anyOdd(from, to) || lane.ma1.anyOdd(from, to) || lane.unarmed.some(([a, b]) => b > from && a < to) ||
		lane.lo6.first(from) < lane.lo6.before(to);
}
