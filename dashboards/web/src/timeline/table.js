// SPDX-License-Identifier: Apache-2.0
// The timeline as rows: the same things with the same links, for who reads and does not look.
import { html, useMemo } from "../html.js";
import { Icon } from "../icons.js";
import { now } from "../live.js";
import { Quiet } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/time.js";
import { duration } from "../time.js";
import { here } from "../url.js";
import { clean } from "../words.js";
import { OPEN } from "./bars.js";
import { losses } from "./paint.js";
import { describe } from "./words.js";

export function things(tiles, plan, { from, to }) {
	const out = [];
	for (const row of plan.lanes) {
		const lane = tiles.lane(row.device);
		for (const [band, bars] of [lane.ma1, lane.lo6].entries())
			for (let i = bars.first(from); i < bars.n && bars.t0[i] < to; i++)
				if (bars.t1[i] >= from) out.push({ kind: "bar", bar: bars.item(i), band, row, t0: bars.t0[i], t1: bars.t1[i] });
		for (const m of lane.marks) if (m.t >= from && m.t < to) out.push({ kind: "mark", mark: m, row, t0: m.t, t1: m.t });
		for (const p of losses(lane.path)) if (p.t1 > from && p.t0 < to) out.push({ kind: "path", span: p, row, t0: p.t0, t1: p.t1 });
	}
	for (const g of tiles.gaps()) if (g.t1 > from && g.t0 < to) out.push({ kind: "gap", gap: g, row: { device: "" }, t0: g.t0, t1: g.t1 });
	return out.sort((a, b) => a.t0 - b.t0).map((x, i) => ({ ...x, i }));
}

const COLUMNS = [
	{ key: "t", title: "Time", width: "130px", cell: (x) => html`<${Time} at=${x.t0} seconds />` },
	{ key: "last", title: "Lasted", width: "110px", cell: (x) => (x.t1 === x.t0 ? "" : x.t1 === OPEN ? html`${duration((now.peek() - x.t0) / 1000)}, open` : duration((x.t1 - x.t0) / 1000)) },
	{ key: "device", title: "Device", width: "180px", cell: (x) => html`<bdi>${clean(x.row.device)}</bdi>` },
	{ key: "what", title: "What", width: "minmax(240px, 1fr)", cell: (x) => {
		const d = describe(x, now.peek());
		const text = html`<${Icon} name=${d.icon} hue=${d.hue} /> ${d.title}`;
		return x.kind === "bar" && x.bar.id ? html`<a href=${here({ session: x.bar.id })}>${text}</a>` : text;
	} },
	{ key: "words", title: "Words", width: "minmax(200px, 2fr)", cell: (x) => (x.kind === "mark" ? html`<bdi>${clean(x.mark.words ?? "", 200)}</bdi>` : x.kind === "gap" ? html`<bdi>${clean(x.gap.agent)}</bdi>` : "") },
];

export function TimeTable({ tiles, plan, span, pick }) {
	const version = tiles.version.value;
	const rows = useMemo(() => things(tiles, plan, span), [version, plan, span]);
	if (!rows.length) return html`<${Quiet}>Nothing is in this window.<//>`;
	return html`<div class="tl-table"><${Table} label="What is in this window" columns=${COLUMNS} rows=${rows} id=${(x) => x.i} open=${pick}
		rowClass=${(x) => (x.kind === "path" || (x.kind === "bar" && x.bar.cls >= 6) ? "red" : x.kind === "bar" && x.band === 1 ? "blue" : "")} /></div>`;
}
