// SPDX-License-Identifier: Apache-2.0
// Time as pixels: spans, tiles, ticks. Pure; times are milliseconds since the epoch, UTC.
import { clock, date, ms, utc } from "../time.js";

export const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
export const SHORTEST = SECOND, LONGEST = 35 * DAY; // of a window

// ---- tiles -----------------------------------------------------------------------------------
// A tile spans 2^level seconds and is asked for with TILE_PX pixels. It is shown 512 to 1024
// pixels wide, so that what the collector draws together (two of its pixels) is never wider
// than two of ours.

export const TILE_PX = 1024;

export const tileSpan = (level) => 2 ** level * SECOND;

export const levelOf = (span, width) => Math.ceil(Math.log2((span / Math.max(1, width)) * (TILE_PX / 2) / SECOND));

// The indexes of the tiles that cover [from, to).
export function tilesOf(from, to, level) {
	const span = tileSpan(level), out = [];
	for (let i = Math.floor(from / span); i * span < to; i++) out.push(i);
	return out;
}

// ---- windows ---------------------------------------------------------------------------------

// Cut to what can be shown, around its middle or around `at`.
export function bounded(from, to, at = (from + to) / 2) {
	const span = to - from, want = Math.min(LONGEST, Math.max(SHORTEST, span));
	if (want === span) return { from, to };
	const part = span > 0 ? (at - from) / span : 0.5;
	return { from: at - part * want, to: at - part * want + want };
}

export const zoomed = ({ from, to }, factor, at = (from + to) / 2) =>
	bounded(at - (at - from) * factor, at + (to - at) * factor, at);

// As exact as a pixel is, so that addresses stay short.
export function rounded({ from, to }) {
	const span = to - from, unit = span > 20 * MINUTE ? SECOND : span > 10 * SECOND ? 10 : 1;
	return { from: Math.round(from / unit) * unit, to: Math.round(to / unit) * unit };
}

// The address's `from` and `to`: RFC 3339, or -90s, -2h, -7d (then the window follows now).
const UNIT = { s: SECOND, m: MINUTE, h: HOUR, d: DAY };
export function relative(text) {
	const m = /^-(\d+)([smhd])$/.exec(text ?? "");
	return m ? Number(m[1]) * UNIT[m[2]] : null;
}
export function parseMoment(text, now) {
	const r = relative(text);
	return r === null ? ms(text) : now - r;
}
export const spelled = (t) => utc(Math.round(t));

// ---- ticks -----------------------------------------------------------------------------------

const STEPS = [
	50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE,
	5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
];

function label(t, step) {
	if (step >= DAY) return date(t);
	const d = new Date(t);
	if (step >= MINUTE) return d.getHours() || d.getMinutes() ? clock(t) : date(t);
	if (step >= SECOND) return clock(t, true);
	return clock(t, true) + "." + String(Math.floor(d.getMilliseconds() / 10)).padStart(2, "0").slice(0, step >= 100 ? 1 : 2);
}

// On the reader's clock, also through a change of summer time: [{ t, text }].
export function ticks(from, to, width, apart = width < 420 ? 60 : 84) {
	const least = ((to - from) / Math.max(1, width)) * apart;
	const step = STEPS.find((s) => s >= least) ?? STEPS.at(-1);
	const out = [];
	if (step <= 30 * MINUTE) {
		const off = -new Date(from).getTimezoneOffset() * MINUTE;
		for (let t = Math.ceil((from + off) / step) * step - off; t <= to; t += step) out.push({ t, text: label(t, step) });
		return out;
	}
	const d = new Date(from);
	const days = Math.max(1, step / DAY);
	// Days are counted from the epoch's first Monday, so that they stay where they are in a pan.
	let day = new Date(d.getFullYear(), d.getMonth(), d.getDate());
	const number = Math.round((Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / DAY - 4) % days + days) % days;
	day = new Date(day.getFullYear(), day.getMonth(), day.getDate() - number);
	for (; day.getTime() <= to; day = new Date(day.getFullYear(), day.getMonth(), day.getDate() + days)) {
		if (step >= DAY) {
			if (day.getTime() >= from) out.push({ t: day.getTime(), text: label(day.getTime(), step) });
			continue;
		}
		for (let h = 0; h < 24; h += step / HOUR) {
			const t = new Date(day.getFullYear(), day.getMonth(), day.getDate(), h).getTime();
			if (t >= from && t <= to) out.push({ t, text: label(t, step) });
		}
	}
	return out;
}

// A longer span around a window, for the overview; it stays where it is while the window moves
// within it.
const CONTEXTS = [30 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 8 * HOUR, DAY, 7 * DAY, 35 * DAY, 90 * DAY];
export function contextOf({ from, to }, now, last) {
	const span = to - from;
	const whole = CONTEXTS.find((c) => c >= span * 3) ?? CONTEXTS.at(-1);
	if (last && last.to - last.from === whole && from >= last.from && to <= last.to && last.to >= Math.min(now, to)) return last;
	const grid = whole / 12;
	let end = Math.ceil(((from + to) / 2 + whole / 2) / grid) * grid;
	end = Math.max(Math.min(end, Math.ceil(now / grid) * grid + grid), Math.ceil(to / grid) * grid);
	return { from: end - whole, to: end };
}
