// SPDX-License-Identifier: Apache-2.0
// Lanes on a canvas. One walk over the bars that are in sight sorts their rectangles by style;
// then each style is filled at once. Bars nearer than a pixel are one rectangle, so that the
// work is bounded by pixels and not by sessions. What is not normal is drawn last.
//
// paint(ctx, scene): scene is {
//	width, dpr           of the plot, CSS pixels
//	top, bottom          what part of the content is drawn; ctx is translated to it
//	from, to, now        the window, and the end of what is known
//	dim                  what is after it is dimmed: now, or a moment that is looked at
//	grid                 times of the ticks
//	rows                 of layout() (rows.js), those that may be in sight
//	tiles                Tiles
//	brackets             group key -> [{ t0, t1, text, short, calm }]
//	selected             the session that is open in the panel, 0: none
//	begun                when the record began, null: before this window
//	inks                 of inks()
// }
import { colour } from "../theme.js";
import { CLASSES, DRILL, FAILED, JUSTIFIED, NO_POLICY, NOT_JUSTIFIED, REFUSED, TRUSTED, UNEXPLAINED, UNTRUSTED } from "./bars.js";
import { clean } from "../words.js";

export const BAND = 14, MA1 = 6, LO6 = 23, LANE = 41, GROUP = 26;

const NAMES = ["surface", "sunk", "line", "edge", "ink", "ink2", "ink3", "rail", "bar", "blue", "blue-bg", "on-blue", "amber", "amber-bg", "amber-fill", "red", "red-bg", "on-red", "hatch"];

// Colours as the theme has them now, and hatches made of them.
export function inks(dpr) {
	const c = Object.fromEntries(NAMES.map((n) => [n.replace(/-(.)/g, (_, x) => x.toUpperCase()), colour(n)]));
	c.sans = getComputedStyle(document.body).fontFamily;
	c.dpr = dpr;
	c.lost = hatch(dpr, 8, c.redBg, c.red, 1, 0.4);
	c.dense = hatch(dpr, 5, c.redBg, c.red, 2);
	c.unsure = hatch(dpr, 6, c.amberBg, c.amberFill, 2, 1, true);
	c.blind = hatch(dpr, 6, null, c.edge, 1.1, 0.75);
	c.before = hatch(dpr, 9, null, c.hatch, 1);
	return c;
}

function hatch(dpr, size, ground, ink, width, alpha = 1, falling = false) {
	const n = Math.round(size * dpr);
	const canvas = document.createElement("canvas");
	canvas.width = canvas.height = n;
	const ctx = canvas.getContext("2d");
	if (ground) {
		ctx.fillStyle = ground;
		ctx.fillRect(0, 0, n, n);
	}
	ctx.strokeStyle = ink;
	ctx.globalAlpha = alpha;
	ctx.lineWidth = width * dpr;
	ctx.beginPath();
	for (const k of [-n, 0, n]) {
		ctx.moveTo(k - 1, falling ? -1 : n + 1);
		ctx.lineTo(k + n + 1, falling ? n + 1 : -1);
	}
	ctx.stroke();
	const pattern = ctx.createPattern(canvas, "repeat");
	pattern.size = n / dpr;
	return pattern;
}

// Which path is lost in which state; Ma1 first.
export const LOST = { "primary-failing": [true, false], "in-band": [true, false], unreachable: [true, true] };

// While a path was lost, whatever the states between: [{ t0, t1, begun, both, state (the last) }].
export function losses(path, band = 0) {
	const out = [];
	for (const p of path) {
		if (!LOST[p.state]?.[band]) continue;
		const last = out.at(-1);
		if (last && p.t0 <= last.t1 + 5) {
			last.t1 = p.t1;
			last.state = p.state;
			last.both ||= LOST[p.state][1];
		} else out.push({ t0: p.t0, t1: p.t1, begun: p.begun, state: p.state, both: LOST[p.state][1] });
	}
	return out;
}

// One list of rectangles for each style, used again from frame to frame.
class Rects {
	constructor() {
		this.n = 0;
		this.a = new Float64Array(4096);
	}
	add(x, y, w, h) {
		if (this.n + 4 > this.a.length) {
			const a = new Float64Array(this.a.length * 2);
			a.set(this.a);
			this.a = a;
		}
		const { a, n } = this;
		a[n] = x;
		a[n + 1] = y;
		a[n + 2] = w;
		a[n + 3] = h;
		this.n += 4;
	}
	fill(ctx, style) {
		if (!this.n) return;
		ctx.fillStyle = style;
		for (let i = 0; i < this.n; i += 4) ctx.fillRect(this.a[i], this.a[i + 1], this.a[i + 2], this.a[i + 3]);
	}
	outline(ctx, style, dash) {
		if (!this.n) return;
		ctx.strokeStyle = style;
		ctx.lineWidth = 1;
		if (dash) ctx.setLineDash(dash);
		ctx.beginPath();
		for (let i = 0; i < this.n; i += 4) if (this.a[i + 2] > 2) ctx.rect(this.a[i] + 0.5, this.a[i + 1] + 0.5, this.a[i + 2] - 1, this.a[i + 3] - 1);
		ctx.stroke();
		if (dash) ctx.setLineDash([]);
	}
}

const by = CLASSES.map(() => new Rects());
const lost = new Rects(), edges = new Rects(), seams = new Rects(), bare = new Rects();
const x0 = new Float64Array(CLASSES.length), x1 = new Float64Array(CLASSES.length);
let crosses = [], names = [], refused = [], signs = [], chosen = [];

function startFrame() {
	for (const r of by) r.n = 0;
	lost.n = edges.n = seams.n = bare.n = 0;
	crosses = [];
	names = [];
	refused = [];
	signs = [];
	chosen = [];
}

const LEAST = CLASSES.map((_, c) => (c >= NO_POLICY ? 4 : 2)); // pixels that a bar is wide

// A style's rectangle: trusted sessions are lower than the band, what is on lo6 fills it.
function put(cls, y, from, to, width) {
	const a = Math.max(-2, from), b = Math.min(width + 2, to);
	by[cls].add(a, cls === TRUSTED ? y + 2 : y, Math.max(LEAST[cls], b - a), cls === TRUSTED ? BAND - 4 : BAND);
}

function bars(band, y, { from, to, width, now, selected }) {
	if (!band.n) return;
	const k = width / (to - from), { t0, t1, id, cls, count, who } = band;
	const slack = 4 / k;
	x1.fill(-Infinity);
	let reached = -Infinity, lastName = -Infinity, group = null;
	for (let i = band.first(from - slack); i < band.n; i++) {
		const a = (t0[i] - from) * k;
		if (a > width + 2) break;
		const b = Math.min((Math.min(t1[i], Math.max(now, t0[i])) - from) * k, width + 4);
		if (b < -4) continue;
		const c = cls[i];
		if (selected && id[i] === selected) chosen.push(Math.max(-2, a), y, Math.max(4, b - Math.max(-2, a)));
		if (c === FAILED) {
			// Nearer than a cross is wide they are one.
			if (a - x1[c] > 5) {
				crosses.push(a, y + BAND / 2);
				x1[c] = a;
			}
			continue;
		}
		if (a <= x1[c] + 0.75) {
			if (b > x1[c]) x1[c] = b;
		} else {
			if (x1[c] > -Infinity) put(c, y, x0[c], x1[c], width);
			x0[c] = a;
			x1[c] = Math.max(b, a + LEAST[c]);
		}
		if (c === TRUSTED) continue;
		if (c === REFUSED) {
			if (group && a - group.b < 60) {
				group.n += count[i];
				group.b = Math.max(group.b, b);
			} else refused.push((group = { a, b, n: count[i], y, room: a - Math.max(0, reached, group ? group.b + 8 : 0) }));
		} else if (c === UNTRUSTED || c === NOT_JUSTIFIED) signs.push({ c, x: a, y });
		if (a < reached && b - a > 3) seams.add(Math.round(a), y, 1, BAND);
		reached = Math.max(reached, b);
		const left = Math.max(a, 0);
		if (b - left > 22 && c !== REFUSED && left >= lastName) {
			const text = count[i] > 1 ? `${count[i]} sessions` : who[i] || "";
			if (text) {
				names.push({ c, x: left + (c === UNTRUSTED || c === NOT_JUSTIFIED ? 13 : 5), y, room: b - left - (c >= UNTRUSTED || c === NOT_JUSTIFIED ? 18 : 9), text });
				lastName = left + 24;
			}
		}
	}
	for (let c = 0; c < x1.length; c++) if (c !== FAILED && x1[c] > -Infinity) put(c, y, x0[c], x1[c], width);
}

const widths = new Map();
function widthOf(ctx, text) {
	const key = ctx.font + text;
	let w = widths.get(key);
	if (w === undefined) {
		if (widths.size > 4000) widths.clear();
		widths.set(key, (w = ctx.measureText(text).width));
	}
	return w;
}

const cleaned = new Map();
function cleanOnce(text) {
	let all = cleaned.get(text);
	if (all === undefined) {
		if (cleaned.size > 4000) cleaned.clear();
		cleaned.set(text, (all = clean(text, 64)));
	}
	return all;
}

// Cut in the middle until it fits; "" when not even five letters do.
function fitted(ctx, text, room) {
	const all = cleanOnce(text);
	if (widthOf(ctx, all) <= room) return all;
	const letters = Array.from(all);
	for (let n = letters.length - 1; n >= 5; n--) {
		const head = Math.ceil((n - 1) / 2);
		const cut = letters.slice(0, head).join("") + "…" + letters.slice(letters.length - (n - 1 - head)).join("");
		if (widthOf(ctx, cut) <= room) return cut;
	}
	return "";
}

export function noEntry(ctx, x, y, c, r = 6.5) {
	ctx.fillStyle = c.surface;
	ctx.beginPath();
	ctx.arc(x, y, r + 1.2, 0, 7);
	ctx.fill();
	ctx.fillStyle = c.red;
	ctx.beginPath();
	ctx.arc(x, y, r, 0, 7);
	ctx.fill();
	ctx.fillStyle = c.onRed;
	ctx.fillRect(x - r * 0.62, y - 1.2, r * 1.24, 2.4);
}

function octagon(ctx, x, y, c) {
	const r = 6.5, s = r * 0.42;
	ctx.beginPath();
	ctx.moveTo(x - s, y - r);
	for (const [dx, dy] of [[s, -r], [r, -s], [r, s], [s, r], [-s, r], [-r, s], [-r, -s]]) ctx.lineTo(x + dx, y + dy);
	ctx.closePath();
	ctx.fillStyle = c.red;
	ctx.fill();
	ctx.strokeStyle = c.surface;
	ctx.lineWidth = 1.2;
	ctx.stroke();
	ctx.fillStyle = c.onRed;
	ctx.fillRect(x - 0.9, y - 4, 1.8, 4.6);
	ctx.fillRect(x - 0.9, y + 1.8, 1.8, 1.9);
}

function arrow(ctx, x, tail, head, c) {
	const dir = Math.sign(head - tail);
	for (const [style, width] of [[c.surface, 4], [c.ink, 1.7]]) {
		ctx.strokeStyle = style;
		ctx.lineWidth = width;
		ctx.beginPath();
		ctx.moveTo(x, tail);
		ctx.lineTo(x, head - dir * 2);
		ctx.stroke();
	}
	ctx.fillStyle = c.ink;
	ctx.beginPath();
	ctx.moveTo(x - 4, head - dir * 6);
	ctx.lineTo(x + 4, head - dir * 6);
	ctx.lineTo(x, head);
	ctx.fill();
}

function hexagon(ctx, x, y, filled, c) {
	ctx.beginPath();
	for (const [i, [dx, dy]] of [[-2.6, -4.4], [2.6, -4.4], [5.2, 0], [2.6, 4.4], [-2.6, 4.4], [-5.2, 0]].entries()) ctx[i ? "lineTo" : "moveTo"](x + dx, y + dy);
	ctx.closePath();
	ctx.fillStyle = filled ? c.ink2 : c.surface;
	ctx.fill();
	ctx.strokeStyle = c.ink2;
	ctx.lineWidth = 1.3;
	ctx.stroke();
}

const FLAG = { critical: "red", warning: "amberFill", notice: "ink", info: "ink3" };

function flag(ctx, x, y, style, c) {
	ctx.fillStyle = c.surface;
	ctx.fillRect(x - 2, y - 10, 11, 11);
	ctx.strokeStyle = style;
	ctx.lineWidth = 1.4;
	ctx.beginPath();
	ctx.moveTo(x, y + 2);
	ctx.lineTo(x, y - 9.5);
	ctx.stroke();
	ctx.fillStyle = style;
	ctx.beginPath();
	ctx.moveTo(x, y - 9.5);
	ctx.lineTo(x + 8, y - 9.5);
	ctx.lineTo(x + 6, y - 6.7);
	ctx.lineTo(x + 8, y - 4);
	ctx.lineTo(x, y - 4);
	ctx.fill();
}

export const isUp = (state) => state === "up" || state === "armed";

function marks(ctx, lane, y, s) {
	const { from, to, width, inks: c } = s, k = width / (to - from);
	const last = new Map();
	for (const m of lane.marks) {
		const x = (m.t - from) * k;
		if (x < -8 || x > width + 8) continue;
		const near = m.kind + (m.kind === "bgp" ? isUp(m.state) : "");
		if (x - (last.get(near) ?? -Infinity) < 3) continue;
		last.set(near, x);
		if (m.kind === "failover") arrow(ctx, x, y + 2, y + LO6 + 2, c);
		else if (m.kind === "failback") arrow(ctx, x, y + LO6 + BAND + 2, y + MA1 - 1, c);
		else if (m.kind === "bgp") hexagon(ctx, x, y + LANE - 1, isUp(m.state), c);
		else if (m.kind === "alert") flag(ctx, x, y + MA1, c[FLAG[m.severity] ?? "ink"], c);
	}
}

// A label over lines: on the surface's colour.
function tag(ctx, text, x, y, style, c, align = "left") {
	const w = widthOf(ctx, text);
	const left = align === "right" ? x - w : x;
	ctx.fillStyle = c.surface;
	ctx.fillRect(left - 3, y - 7, w + 6, 14);
	ctx.fillStyle = style;
	ctx.fillText(text, left, y + 0.5);
}

function bracket(ctx, b, y, s) {
	const { from, to, width, inks: c } = s, k = width / (to - from);
	const a = (b.t0 - from) * k, e = (Math.min(b.t1, s.now) - from) * k;
	if (e < 0 || a > width) return null;
	const mid = y + GROUP / 2;
	ctx.strokeStyle = b.calm ? c.edge : c.red;
	ctx.lineWidth = 1.6;
	ctx.beginPath();
	ctx.moveTo(Math.max(-2, a), mid);
	ctx.lineTo(Math.min(width + 2, e), mid);
	if (a >= 0) ctx.rect(a - 0.2, mid - 5, 0.4, 10);
	if (b.t1 <= s.now && e <= width) ctx.rect(e - 0.2, mid - 5, 0.4, 10);
	ctx.stroke();
	ctx.font = `640 11px ${c.sans}`;
	const text = widthOf(ctx, b.text) < width * 0.6 ? b.text : b.short;
	// On the line where there is room, else behind its end, else before its beginning.
	const w = widthOf(ctx, text), left = Math.max(a, 0), right = Math.min(e, width);
	const x = right - left > w + 24 ? left + 10 : right + 8 + w < width ? right + 8 : Math.max(4, left - w - 8);
	tag(ctx, text, x, mid, b.calm ? c.ink2 : c.red, c);
	return { x: Math.min(left, x), w: Math.max(right, x + w) - Math.min(left, x) };
}

function shift(pattern, from, k) {
	// Hatches go with time, not with the window.
	const phase = -((from * k) % pattern.size);
	pattern.setTransform(new DOMMatrix([1 / s_dpr, 0, 0, 1 / s_dpr, phase, 0]));
}
let s_dpr = 1;

export function paint(ctx, s) {
	const { width, top, bottom, from, to, rows, tiles, inks: c } = s;
	const k = width / (to - from), X = (t) => (t - from) * k;
	s_dpr = c.dpr;
	for (const p of [c.lost, c.dense, c.unsure, c.blind, c.before]) shift(p, from, k);
	startFrame();
	ctx.fillStyle = c.surface;
	ctx.fillRect(0, top, width, bottom - top);

	// Not read yet; and before the record began.
	ctx.fillStyle = c.sunk;
	const end = Math.min(to, s.now);
	for (const [a, b] of tiles.holes(from, end)) ctx.fillRect(X(a), top, X(b) - X(a), bottom - top);
	if (s.begun && s.begun > from) {
		ctx.fillStyle = c.before;
		ctx.fillRect(0, top, Math.min(width, X(s.begun)), bottom - top);
	}

	ctx.strokeStyle = c.line;
	ctx.lineWidth = 1;
	ctx.setLineDash([1, 3]);
	ctx.beginPath();
	for (const t of s.grid) {
		const x = Math.round(X(t)) + 0.5;
		ctx.moveTo(x, top);
		ctx.lineTo(x, bottom);
	}
	ctx.stroke();
	ctx.setLineDash([]);

	ctx.beginPath();
	for (const r of rows) {
		if (r.y + r.h < top || r.y > bottom) continue;
		if (r.group) {
			ctx.moveTo(0, r.y + GROUP / 2 + 0.5);
			ctx.lineTo(width, r.y + GROUP / 2 + 0.5);
			continue;
		}
		ctx.moveTo(0, r.y + MA1 + BAND / 2 + 0.5);
		ctx.lineTo(width, r.y + MA1 + BAND / 2 + 0.5);
		if (!r.lo6) continue;
		ctx.moveTo(0, r.y + LO6 + BAND / 2 + 0.5);
		ctx.lineTo(width, r.y + LO6 + BAND / 2 + 0.5);
	}
	ctx.stroke();

	const seen = [];
	for (const r of rows) {
		if (r.group || r.y + r.h < top || r.y > bottom) continue;
		const lane = tiles.lane(r.device);
		seen.push([r, lane]);
		for (const [band, y] of [MA1, LO6].entries()) for (const p of losses(lane.path, band)) {
			if (p.t1 < from || p.t0 > to) continue;
			const a = Math.max(-2, X(p.t0)), b = Math.min(X(Math.min(p.t1, end)), width + 2);
			if (b < a) continue;
			lost.add(a, r.y + y, Math.max(2, b - a), BAND);
			if (p.begun) edges.add(a - 0.5, r.y + y - 1, 2, BAND + 2);
		}
		for (const [a, b] of lane.unarmed) if (b >= from && a <= to) bare.add(Math.max(0, X(a)), r.y + LO6 + BAND / 2, Math.min(X(Math.min(b, end)), width) - Math.max(0, X(a)), r.y);
		bars(lane.ma1, r.y + MA1, s);
		bars(lane.lo6, r.y + LO6, s);
	}

	lost.fill(ctx, c.lost);
	edges.fill(ctx, c.red);
	ctx.font = `11px ${c.sans}`;
	ctx.textBaseline = "middle";
	ctx.textAlign = "left";
	for (let i = 0; i < bare.n; i += 4) {
		const [x, y, w] = bare.a.subarray(i, i + 3);
		ctx.strokeStyle = c.amberFill;
		ctx.setLineDash([4, 3]);
		ctx.beginPath();
		ctx.moveTo(x, y + 0.5);
		ctx.lineTo(x + w, y + 0.5);
		ctx.stroke();
		ctx.setLineDash([]);
		if (w > 70) tag(ctx, "not armed", x + 8, y, c.amber, c);
	}

	by[TRUSTED].fill(ctx, c.bar);
	by[JUSTIFIED].fill(ctx, c.blue);
	by[DRILL].fill(ctx, c.surface);
	by[DRILL].outline(ctx, c.blue, [3, 2]);
	for (const cls of [NO_POLICY, UNEXPLAINED]) {
		by[cls].fill(ctx, c.unsure);
		by[cls].outline(ctx, c.amberFill);
	}
	for (const cls of [NOT_JUSTIFIED, REFUSED, UNTRUSTED]) {
		by[cls].fill(ctx, c.dense);
		by[cls].outline(ctx, c.red);
	}
	seams.fill(ctx, c.surface);

	ctx.strokeStyle = c.red;
	ctx.lineWidth = 1.5;
	ctx.beginPath();
	for (let i = 0; i < crosses.length; i += 2) {
		const x = crosses[i], y = crosses[i + 1];
		ctx.moveTo(x - 3, y - 3);
		ctx.lineTo(x + 3, y + 3);
		ctx.moveTo(x + 3, y - 3);
		ctx.lineTo(x - 3, y + 3);
	}
	ctx.stroke();

	ctx.font = `640 11px ${c.sans}`;
	for (const n of names) {
		// Beside what was refused meanwhile, not on it.
		for (const g of refused) if (g.y === n.y && g.a < n.x + 40 && g.b > n.x - 8) {
			const to = Math.max(n.x, g.b + 5, g.a + 11);
			n.room -= to - n.x;
			n.x = to;
		}
		const text = fitted(ctx, n.text, n.room);
		if (!text) continue;
		const y = n.y + BAND / 2;
		if (n.c === JUSTIFIED) {
			ctx.fillStyle = c.onBlue;
			ctx.fillText(text, n.x, y + 0.5);
		} else if (n.c === DRILL) {
			ctx.fillStyle = c.blue;
			ctx.fillText(text, n.x, y + 0.5);
		} else tag(ctx, text, n.x + 2, y, n.c >= NOT_JUSTIFIED ? c.red : c.amber, c);
	}

	for (const [r, lane] of seen) if (lane.marks.length) marks(ctx, lane, r.y, s);
	for (const g of refused) {
		ctx.font = `640 11px ${c.sans}`;
		const text = g.n > 1 ? `${g.n} × refused` : "refused", w = widthOf(ctx, text);
		// Words never lie on a bar: without room for them the sign must do.
		if (g.room > w + 14) tag(ctx, text, g.a - 10, g.y + BAND / 2, c.red, c, "right");
		if (g.a > -7) noEntry(ctx, g.a, g.y + BAND / 2, c);
	}
	for (const g of signs) {
		if (g.x < -7) continue;
		if (g.c === UNTRUSTED) noEntry(ctx, g.x + 3, g.y + BAND / 2, c);
		else octagon(ctx, g.x + 3, g.y + BAND / 2, c);
	}

	ctx.strokeStyle = c.ink;
	ctx.lineWidth = 2;
	for (let i = 0; i < chosen.length; i += 3) ctx.strokeRect(chosen[i] - 1.5, chosen[i + 1] - 1.5, chosen[i + 2] + 3, BAND + 3);

	// What agents did not see: over the lanes that they watch.
	for (const g of tiles.gaps()) {
		const a = X(g.t0), b = Math.min(X(Math.min(g.t1, end)), width + 2);
		if (b < 0 || a > width) continue;
		const left = Math.max(-2, a), w = Math.max(3, b - left);
		for (let i = 0; i < rows.length; i++) {
			if (!hides(g, rows[i])) continue;
			let j = i;
			while (j + 1 < rows.length && hides(g, rows[j + 1])) j++;
			const y = rows[i].y, h = rows[j].y + rows[j].h - y;
			ctx.fillStyle = c.blind;
			ctx.fillRect(left, y, w, h);
			ctx.strokeStyle = c.edge;
			ctx.lineWidth = 1;
			ctx.strokeRect(left + 0.5, y - 1, w - 1, h + 2);
			i = j;
		}
	}

	const hits = [];
	for (const r of rows) {
		if (!r.group || r.y + r.h < top || r.y > bottom) continue;
		for (const b of s.brackets?.get(r.group.key) ?? []) {
			const at = bracket(ctx, b, r.y, s);
			if (at) hits.push({ ...b, ...at, y: r.y });
		}
	}

	if (s.dim < to) {
		ctx.globalAlpha = 0.6;
		ctx.fillStyle = c.sunk;
		ctx.fillRect(Math.max(0, X(s.dim)), top, width, bottom - top);
		ctx.globalAlpha = 1;
	}
	if (s.now < to && s.now >= from) {
		ctx.fillStyle = c.ink;
		ctx.fillRect(Math.round(X(s.now)), top, 1.5, bottom - top);
	}
	return hits;
}

const hides = (gap, row) => (row.group ? gap.devices === null || row.group.devices.some((d) => gap.devices.has(d)) : gap.devices === null || gap.devices.has(row.device));
