// SPDX-License-Identifier: Apache-2.0
// <time> elements: the reader's zone in sight, UTC in `datetime` and `title`. `at` is RFC 3339
// as the API has it, or milliseconds.
import { html } from "../html.js";
import { now } from "../live.js";
import { age, clock, duration, moment, ms, utc, utcWords } from "../time.js";

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
