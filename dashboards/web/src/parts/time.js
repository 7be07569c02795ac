// SPDX-License-Identifier: Apache-2.0
// <time> elements: the reader's zone in sight, UTC in `datetime` and `title`. `at` is RFC 3339
// as the API has it, or milliseconds.
import { html } from "../html.js";
import { now } from "../live.js";
import { age, clock, duration, moment, ms, utc, utcWords } from "../time.js";
import { clean } from "../words.js";

const take = (at) => (typeof at === "number" ? at : ms(at));

// A moment: 02:14, or with seconds; with the date when it is another day.
export function Time({ at, seconds = false, dated = true }) {
	const t = take(at);
	if (!Number.isFinite(t)) return null;
	return html`<time datetime=${utc(t)} title=${utcWords(t)}>${dated ? moment(t, now.peek(), seconds) : clock(t, seconds)}</time>`;
}

// "16 min": how long since then; goes on by itself, and stands still when the page is stale.
export function Since({ at }) {
	const t = take(at);
	if (!Number.isFinite(t)) return null;
	return html`<time datetime=${utc(t)} title=${utcWords(t)}>${duration((now.value - t) / 1000)}</time>`;
}

// "3 min ago"
export function Ago({ at }) {
	const t = take(at);
	if (!Number.isFinite(t)) return null;
	return html`<time datetime=${utc(t)} title=${utcWords(t)}>${age((now.value - t) / 1000)} ago</time>`;
}

// A sentence of the collector, its moments in the reader's zone: "02:14 UTC", "24 Nov 02:14 UTC" and
// RFC 3339 become <time> elements. asOf: when it was said; a clock alone is the last one before.
const MOMENT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|(?:(\d{4}-\d\d-\d\d) )?(\d\d):(\d\d)(?::(\d\d))? UTC/g;
export function Sentence({ text, asOf }) {
	const said = asOf === undefined ? now.peek() : take(asOf), parts = [];
	let end = 0;
	for (const m of String(text ?? "").matchAll(MOMENT)) {
		let t;
		if (m[1]) t = ms(m[1]);
		else if (m[2]) t = Date.parse(`${m[2]}T${m[3]}:${m[4]}:${m[5] ?? "00"}Z`);
		else {
			const d = new Date(said);
			t = Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), m[3], m[4], m[5] ?? 0);
			if (t > said + 60000) t -= 86400000;
		}
		if (!Number.isFinite(t)) continue;
		parts.push(clean(text.slice(end, m.index), Infinity), html`<${Time} at=${t} seconds=${Boolean(m[1] || m[5])} />`);
		end = m.index + m[0].length;
	}
	parts.push(clean(String(text ?? "").slice(end), Infinity));
	return html`<bdi>${parts}</bdi>`;
}
