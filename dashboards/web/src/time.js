// SPDX-License-Identifier: Apache-2.0
// Times and durations as text. The API speaks RFC 3339 in UTC with nanoseconds; the page
// holds milliseconds (a double keeps microseconds of today exactly enough for order) and
// shows the reader's zone. parts/time.js makes the element with UTC in its title.

export const ms = (text) => (text ? Date.parse(text.length > 24 ? text.slice(0, 23) + "Z" : text) : NaN);

const two = (n) => String(n).padStart(2, "0");

// 02:14 or 02:14:52, in the reader's zone.
export function clock(t, seconds = false) {
	const d = new Date(t);
	return `${two(d.getHours())}:${two(d.getMinutes())}${seconds ? ":" + two(d.getSeconds()) : ""}`;
}

const MONTH = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
export function date(t, year = false) {
	const d = new Date(t);
	return `${d.getDate()} ${MONTH[d.getMonth()]}${year ? " " + d.getFullYear() : ""}`;
}

// As short as it can be said: the clock today, the date with it on other days.
export function moment(t, now, seconds = false) {
	const d = new Date(t), n = new Date(now);
	if (d.toDateString() === n.toDateString()) return clock(t, seconds);
	return `${date(t, d.getFullYear() !== n.getFullYear())} ${clock(t, seconds)}`;
}

export const utc = (t) => new Date(t).toISOString().replace(/\.000Z$/, "Z");
export const utcWords = (t) => utc(t).replace("T", " ").replace(/(\.\d+)?Z$/, "") + " UTC";

// UTC, UTC+1, UTC+5:30
export function zone(t = Date.now()) {
	const m = -new Date(t).getTimezoneOffset(), a = Math.abs(m);
	if (!m) return "UTC";
	return `UTC${m > 0 ? "+" : "−"}${Math.floor(a / 60)}${a % 60 ? ":" + two(a % 60) : ""}`;
}

// Rounded, two units at most where the second one matters: 47 s, 2 min 6 s, 37 min, 4 h 10 min,
// 3 d 4 h, 12 d.
export function duration(seconds) {
	const s = Math.max(0, seconds);
	if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
	if (s < 10) return `${Number(s.toFixed(1))} s`;
	if (s < 59.5) return `${Math.round(s)} s`;
	if (s < 600) {
		const r = Math.round(s);
		return r % 60 ? `${Math.floor(r / 60)} min ${r % 60} s` : `${r / 60} min`;
	}
	const min = Math.round(s / 60);
	if (min < 60) return `${min} min`;
	if (min < 24 * 60) return min % 60 ? `${Math.floor(min / 60)} h ${min % 60} min` : `${min / 60} h`;
	const h = Math.round(s / 3600);
	if (h < 10 * 24) return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${h / 24} d`;
	return `${Math.round(h / 24)} d`;
}

// "3 min": how long ago, coarser than duration().
export function age(seconds) {
	const s = Math.max(0, seconds);
	if (s < 60) return `${Math.floor(s)} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
	return `${Math.floor(s / 86400)} d`;
}
