// SPDX-License-Identifier: Apache-2.0
// Sentences of an incident. The collector writes their moments as clocks in UTC, without saying
// so each time; a date comes with it when it is another day than the incident began on. Here
// they become <time> elements in the reader's zone.
import { html } from "../html.js";
import { Time } from "../parts/time.js";
import { ms } from "../time.js";
import { clean } from "../words.js";

const CLOCK = /(?<![\w:.])(?:(\d{4}-\d\d-\d\d) )?([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?!\w|:\d)/g;

export function Said({ text, began }) {
	const day = new Date(ms(began)), parts = [], all = String(text ?? "");
	let end = 0;
	for (const m of all.matchAll(CLOCK)) {
		const t = m[1] ? Date.parse(`${m[1]}T${m[2]}:${m[3]}:${m[4] ?? "00"}Z`)
			: Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate(), m[2], m[3], m[4] ?? 0);
		parts.push(clean(all.slice(end, m.index), Infinity), html`<${Time} at=${t} seconds=${Boolean(m[4])} dated=${Boolean(m[1])} />`);
		end = m.index + m[0].length;
	}
	parts.push(clean(all.slice(end), Infinity));
	return html`<bdi>${parts}</bdi>`;
}
