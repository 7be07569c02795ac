// SPDX-License-Identifier: Apache-2.0
// The list of incidents, the open ones first; #/incidents/ID is the review of one (incident/).
// Parameters: state=open or closed, kind (only these), fabric; of a review: t, the scrubber's moment.
import { html, useMemo, useState } from "../html.js";
import { ask } from "../api.js";
import { incidents } from "../data.js";
import { Icon } from "../icons.js";
import { Review } from "../incident/review.js";
import { now } from "../live.js";
import { Failed, Quiet, Ready } from "../parts/states.js";
import { Sentence, Since, Time } from "../parts/time.js";
import { duration, ms } from "../time.js";
import { here, href, route } from "../url.js";
import { clean, count, plural, SEVERITY } from "../words.js";

const KIND = {
	"management-switch": { word: "management switch", icon: "fleet" },
	failover: { word: "failover", icon: "down" },
	"untrusted-source": { word: "untrusted source", icon: "untrusted" },
};
const rank = (i) => SEVERITY[i.severity]?.rank ?? 0;
const HUE = { critical: "red", warning: "red", notice: "ink", info: "grey" };

function Row({ i }) {
	const open = i.status !== "closed", k = KIND[i.kind] ?? { word: clean(i.kind, 30), icon: "flag" };
	const facts = [];
	if (i.devices) facts.push(plural(i.devices, "device"));
	if (i.sessions) facts.push(plural(i.sessions, "session"));
	if (i.attempts && i.kind === "untrusted-source") facts.push(plural(i.attempts, "attempt"));
	if (i.drill) facts.push("drill");
	return html`<li class=${open ? "open" : ""}><a href=${href("incidents", {}, i.id)}>
		<${Icon} name=${open ? k.icon : "up"} hue=${open ? HUE[i.severity] ?? "ink" : "grey"} />
		<span class="w"><b><${Sentence} text=${i.words} asOf=${i.closed ?? now.peek()} /></b>
			<span class="l2"><span class="nw">Incident ${i.id}</span> · ${k.word}${i.fabric ? html` · <bdi>${clean(i.fabric)}</bdi>` : ""}${facts.map((f) => html` · <span class="nw" key=${f}>${f}</span>`)}${i.suspicion === "withdrawn" ? " · suspicion withdrawn" : ""}</span></span>
		<span class="when"><${Time} at=${i.began} seconds /><span class="l2">${open ? html`open for <${Since} at=${i.began} />` : html`over, ${duration((ms(i.closed) - ms(i.began)) / 1000)}`}</span></span>
	</a></li>`;
}

function List() {
	const list = incidents(), { state, kind, fabric } = route.value.params;
	const [more, setMore] = useState({ rows: [], next: undefined, error: null, busy: false });
	const next = more.next === undefined ? list.doc.value?.next : more.next;
	const all = useMemo(() => {
		const seen = new Map();
		for (const i of [...more.rows, ...list.rows.all()]) seen.set(i.id, i);
		return [...seen.values()];
	}, [list.rows.version.value, more.rows]);
	const rows = all.filter((i) => (!state || (i.status === "closed" ? "closed" : "open") === state) && (!kind || i.kind === kind) && (!fabric || !i.fabric || i.fabric === fabric))
		.sort((a, b) => (a.status === "closed") - (b.status === "closed") || (a.status !== "closed" && rank(b) - rank(a)) || ms(b.began) - ms(a.began));
	const open = rows.filter((i) => i.status !== "closed"), over = rows.filter((i) => i.status === "closed");
	async function older() {
		setMore((m) => ({ ...m, busy: true }));
		try {
			const d = await ask("incidents", { limit: 200, after: next });
			setMore((m) => ({ rows: [...m.rows, ...d.incidents], next: d.next ?? null, error: null, busy: false }));
		} catch (error) {
			setMore((m) => ({ ...m, error, busy: false }));
		}
	}
	const seg = (name, value, word) => html`<a href=${here({ [name]: value })} aria-current=${(route.value.params[name] ?? null) === value ? "true" : undefined}>${word}</a>`;
	return html`<div class="pad inc-list"><div class="bar"><h1>Incidents</h1>
			<span class="seg" role="group" aria-label="State">${seg("state", null, "all")}${seg("state", "open", "open")}${seg("state", "closed", "over")}</span>
			<span class="seg" role="group" aria-label="Kind">${seg("kind", null, "every kind")}${Object.entries(KIND).map(([k, v]) => seg("kind", k, v.word))}</span></div>
		<${Ready} list=${list} what="the incidents" rows=${5}>${() => html`
			${rows.length === 0 && html`<section class="card"><${Quiet}>${state || kind ? "No incident is like that." : html`No incident has been opened since the record began. What is watched, and what is not, is under <a href=${href("health")}>Health</a>.`}<//></section>`}
			${open.length > 0 && html`<section class="card" aria-labelledby="io"><header><h2 id="io">Open</h2><span class="dim">${count(open.length)}</span></header><ol class="incs">${open.map((i) => html`<${Row} i=${i} key=${i.id} />`)}</ol></section>`}
			${over.length > 0 && html`<section class="card" aria-labelledby="ic"><header><h2 id="ic">Over</h2><span class="dim">${count(over.length)}${next ? " and more" : ""}</span></header><ol class="incs">${over.map((i) => html`<${Row} i=${i} key=${i.id} />`)}</ol></section>`}
			${more.error && html`<${Failed} what="Older incidents" error=${more.error} again=${older} />`}
			${next && html`<p class="quiet"><button class="btn" disabled=${more.busy} onClick=${older}>Older ones</button></p>`}`}<//>
	</div>`;
}

export default function Incidents() {
	const { id } = route.value;
	return id ? html`<${Review} id=${id} key=${id} />` : html`<${List} />`;
}
