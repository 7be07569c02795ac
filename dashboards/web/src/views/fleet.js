// SPDX-License-Identifier: Apache-2.0
// Fleet: who is on which path, device by device. One ladder for each management switch, the
// worst first; as the count grows the same figure gets smaller: up to 60 devices rungs, up to
// 1,000 glyphs in a card for each switch (a failed one opened to named cells), above that one
// line for each switch.
//
// Parameters: group=role or fabric (else the management switch), fabric=NAME, zoom=rungs|cells|lines
// (else by count), state=failing|in-band|unreachable|... (only these), device=NAME (its panel).
import { computed, html, useEffect, useMemo, useRef, useState } from "../html.js";
import { ask } from "../api.js";
import { agents, devices, openFlows, summary } from "../data.js";
import { Icon } from "../icons.js";
import { on } from "../live.js";
import { Answers } from "../parts/answers.js";
import { useFresh, useHeld } from "../parts/fresh.js";
import { Glyph, Rung, stand, standWords } from "../parts/ladder.js";
import { Panel } from "../parts/panel.js";
import { Blind, Failed, Loading, NotSeen, Quiet, Ready } from "../parts/states.js";
import { Sentence, Since, Time } from "../parts/time.js";
import { ms } from "../time.js";
import { go, here, href, route } from "../url.js";
import { clean, JUSTIFIED, plural, roleWord } from "../words.js";

const RUNGS = 60, CELLS = 1000; // devices, at most, for that figure
const LO6 = 40, MA1 = 8; // rows of "Who is there" before "more"

// What `state` means: the collector's links ask for `failing`, everything else is a path's state.
const STATES = {
	failing: { word: "Ma1 lost", is: (d) => stand(d).lost },
	"in-band": { word: "on lo6", is: (d) => d.path.state.startsWith("in-band") || d.open.lo6 > 0 },
	unreachable: { word: "on neither", is: (d) => d.path.state === "unreachable" },
	"not-armed": { word: "not armed", is: (d) => stand(d).notArmed },
	blind: { word: "not seen", is: (d) => stand(d).blind },
	drift: { word: "trust differs", is: (d) => Boolean(d.trust.drift) },
};
const only = (state) => (state ? STATES[state]?.is ?? ((d) => d.path.state === state) : null);

// Devices that are on lo6 for a drill only: the agents do not know of it, the collector does.
const drilling = computed(() => {
	const all = new Map();
	for (const f of openFlows().rows.all())
		if (f.path === "in-band" && f.service === "ssh" && f.established) all.set(f.device, (all.get(f.device) ?? true) && f.justified === "drill");
	return [...all].filter(([, drill]) => drill).map(([name]) => name).sort().join("\n");
});
const drills = computed(() => new Set(drilling.value ? drilling.value.split("\n") : []));
const drilled = (d) => (d && drills.value.has(d.name) ? { ...d, drill: true } : d);
const find = (name) => drilled(devices().rows.get(name));

// ---- groups -------------------------------------------------------------------------------

const by = {
	switch: (d) => d.group.subnet ? `${d.fabric ?? ""} ${d.group.subnet}` : "",
	role: (d) => d.role ?? "unknown",
	fabric: (d) => d.fabric ?? "",
};

// Groups with their devices: abnormal ones first, the worst ahead; otherwise by name, so that
// places stay learnt.
function grouped(rows, how, fabric, only) {
	const groups = new Map();
	for (const d of rows) {
		if (fabric && d.fabric !== fabric) continue;
		if (only && !only(d)) continue;
		const key = by[how](d);
		let g = groups.get(key);
		if (!g) groups.set(key, (g = { key, switch: null, subnet: null, devices: [], score: 0, lost: 0, of: 0, odd: [] }));
		if (how === "switch") {
			g.switch ??= d.group.switch ?? null;
			g.subnet ??= d.group.subnet ?? null;
		}
		const s = stand(d);
		g.devices.push(d.name);
		if (d.ma1.address) g.of++;
		if (s.lost) g.lost++;
		if (s.rank >= 0.4) g.odd.push({ name: d.name, rank: s.rank, s });
		g.score += s.rank >= 1 ? s.rank : 0;
	}
	for (const g of groups.values()) {
		g.name = how === "switch" ? g.switch ?? g.subnet ?? "no Ma1 known" : how === "role" ? roleWord(g.key) || "role not known" : g.key || "no fabric";
		g.odd.sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1));
		g.bad = how === "switch" && g.lost >= 2 && g.lost * 2 > g.of;
		if (!g.key) g.score -= 0.001;
	}
	return [...groups.values()].sort((a, b) => b.bad - a.bad || b.score - a.score || (b.key !== "") - (a.key !== "") || a.name.localeCompare(b.name, "en", { numeric: true }));
}

// The groups in an order that does not change under the pointer.
function useCalm(groups) {
	const by = new Map(groups.map((g) => [g.key, g]));
	const [keys, hold] = useHeld([...by.keys()]);
	return [keys.map((k) => by.get(k)), hold];
}

const device = (name) => here({ device: route.value.params.device === name ? null : name });

// What the collector says of this group's switch.
const spoken = (g) => summary.value?.broken.groups.find((x) => x.subnet === g.subnet && g.subnet);

function Fact({ g }) {
	const w = spoken(g);
	if (g.subnet === null) return html`<p class="fact">${plural(g.devices.length, "device")}</p>`;
	if (g.lost)
		return html`<p class="fact"><b>${g.lost} of ${g.of} lost Ma1${w?.within_s !== undefined && w.lost > 1 && w.within_s < 600 ? html` within ${Math.max(1, Math.round(w.within_s))} s` : ""}</b>${w?.suspected
			? html`: the switch is suspected since <${Time} at=${w.suspected} />.` : "."} <span class="mono nw">${g.subnet}</span></p>`;
	return html`<p class="fact">Ma1 lost on 0 of ${g.of}. <span class="mono nw">${g.subnet}</span></p>`;
}

// ---- up to 60: rungs ------------------------------------------------------------------------

function OneRung({ name }) {
	const d = find(name);
	return d ? html`<${Rung} d=${d} to=${device(name)} />` : null;
}

// The switch is the rail; it is a rung besides only while something is to be said of it.
function Ladder({ g }) {
	const odd = new Set(g.odd.map((o) => o.name));
	const rungs = g.devices.filter((n) => n !== g.switch || odd.has(n));
	return html`<section class=${"card ladder" + (g.bad ? " bad" : "")} aria-label=${clean(g.name)}>
		<${Fact} g=${g} />
		<div class="ends"><span class="switch"><${Icon} name=${g.bad ? "lost" : "ok"} /><bdi>${clean(g.name)}</bdi></span><span class="inband"><b>in-band</b> lo6</span></div>
		<div class="rungs">${rungs.map((name) => html`<${OneRung} name=${name} key=${name} />`)}</div>
	</section>`;
}

// ---- up to 1,000: glyphs --------------------------------------------------------------------

function Cell({ name }) {
	const d = find(name);
	const box = useFresh(d && standWords(d));
	if (!d) return null;
	const words = `${clean(name)}: ${standWords(d)}`;
	return html`<a ref=${box} class="cell" href=${device(name)} title=${words} aria-label=${words}><${Glyph} d=${d} /></a>`;
}

function Named({ name }) {
	const d = find(name);
	if (!d) return null;
	const s = stand(d);
	return html`<a class="named" href=${device(name)} title=${standWords(d, s)}><${Glyph} d=${d} s=${s} />
		<span><bdi class="b">${clean(name)}</bdi> <span class=${"h-" + (s.rank >= 0.4 ? s.hue : "grey")}>${s.rank >= 0.4 || d.open.lo6 ? (d.open.lo6 ? `${d.open.lo6} on lo6` : s.word) : ""}</span></span></a>`;
}

function Odd({ g }) {
	if (!g.odd.length) return html`<span class="dim">${g.devices.length}</span>`;
	if (g.odd.length === 1) {
		const d = find(g.odd[0].name), { s } = g.odd[0];
		const words = d?.refused_1h && s.rank < 2 ? `${d.refused_1h} refused` : s.note && s.rank < 1 ? s.note.text : s.word;
		return html`<span class=${"nw h-" + (d?.refused_1h && s.rank < 2 ? "red" : s.note && s.rank < 1 ? "amber" : s.hue)}>1 ${words}</span>`;
	}
	return html`<span class=${g.odd[0].rank >= 2 ? "h-red nw" : "h-amber nw"}>${g.odd.length} to look at</span>`;
}

function Card({ g }) {
	const worst = g.odd[0]?.s;
	const icon = g.bad ? "lost" : worst && g.odd[0].rank >= 1 ? worst.icon : "ok";
	return html`<section class=${"card micro" + (g.bad ? " bad" : "")} aria-label=${clean(g.name)}>
		<div class="mh"><${Icon} name=${icon} hue=${g.bad ? "red" : worst && g.odd[0].rank >= 1 ? worst.hue : "grey"} /><bdi class="nm">${clean(g.name)}</bdi>
			${g.bad ? html`<${Fact} g=${g} />` : null}<span class="grow" />
			${g.bad ? html`<a href=${href("timeline", { subnet: g.subnet })}>timeline</a>` : html`<${Odd} g=${g} />`}</div>
		${g.bad
			? html`<div class="nameds">${[...g.odd.map((o) => o.name), ...g.devices.filter((n) => !g.odd.some((o) => o.name === n))].map((n) => html`<${Named} name=${n} key=${n} />`)}</div>`
			: html`<div class="cells">${g.devices.map((n) => html`<${Cell} name=${n} key=${n} />`)}</div>`}
	</section>`;
}

// ---- more: one line for each switch -----------------------------------------------------------

function Line({ g }) {
	return html`<li class=${g.bad ? "bad" : ""}>
		<span class="ln"><${Icon} name=${g.bad ? "lost" : g.odd[0]?.rank >= 1 ? g.odd[0].s.icon : "ok"} hue=${g.bad ? "red" : g.odd[0]?.rank >= 1 ? g.odd[0].s.hue : "grey"} />
			<bdi class="nm">${clean(g.name)}</bdi></span>
		<span class="ink2">${plural(g.devices.length, "device")}</span>
		<span class=${g.lost ? "h-red" : "dim"}>${g.lost ? `${g.lost} of ${g.of} lost Ma1` : `Ma1 lost on 0`}</span>
		<span class="odds">${g.odd.slice(0, 24).map((o) => html`<${Cell} name=${o.name} key=${o.name} />`)}${g.odd.length > 24 && html`<span class="dim nw">and ${g.odd.length - 24}</span>`}</span>
	</li>`;
}

// Only the lines in sight are drawn in full; the browser skips the rest (content-visibility).
const Lines = ({ groups }) => html`<ul class="card lines">${groups.map((g) => html`<${Line} g=${g} key=${g.key} />`)}</ul>`;

// ---- who is there -----------------------------------------------------------------------------

const SERVICE = /^(oxidized|rancid|nms|monitoring|backup|ansible|napalm|cvp|zabbix|nagios|icinga|svc[-_].*|.*[-_](svc|bot))$/i;
const person = (f) => f.user && !SERVICE.test(f.user);

function Who({ fabric }) {
	const list = openFlows();
	const known = new Set(fabric ? devices().rows.all().filter((d) => d.fabric === fabric).map((d) => d.name) : []);
	const here_ = (name) => !fabric || known.has(name);
	const flows = list.rows.all().filter((f) => f.service === "ssh" && f.established && f.direction === "inbound" && here_(f.device));
	const worse = { no: 2, unknown: 1 };
	const sort = (a, b) => (worse[b.justified] ?? 0) - (worse[a.justified] ?? 0) || Boolean(person(b)) - Boolean(person(a)) || ms(b.start) - ms(a.start);
	const bad = flows.filter((f) => f.trust?.verdict === "untrusted").sort(sort);
	const rest = flows.filter((f) => f.trust?.verdict !== "untrusted");
	const lo6 = rest.filter((f) => f.path === "in-band").sort(sort), ma1 = rest.filter((f) => f.path !== "in-band").sort(sort);
	const tried = (summary.value?.untrusted ?? []).filter((u) => u.devices.some(here_) || !fabric);
	const total = flows.length;
	const listed = new Map([...bad, ...lo6.slice(0, LO6), ...ma1.slice(0, MA1)].map((f) => [f.id, f]));
	const [order, hold] = useHeld([...listed.keys()]);
	const held = (which) => order.filter((id) => which.includes(listed.get(id))).map((id) => html`<${Row} f=${listed.get(id)} key=${id} />`);
	return html`<section class="card who" aria-labelledby="who" ...${hold}><header><h2 id="who">Who is there</h2><span class="grow" /><span class="dim">${plural(total, "session")} open</span></header>
		<${Ready} list=${list} what="who is there">${() => html`
			${tried.length + bad.length > 0 && html`<h3>Not trusted, last hour</h3><ul>
				${held(bad)}
				${tried.slice(0, 12).map((u) => html`<li key=${u.source}><a href=${href("flows", { source: u.source, verdict: "untrusted" })}>
					<${Icon} name="untrusted" hue="red" /><span class="h-red"><bdi class="mono b">${clean(u.source)}</bdi> ${u.logged_in ? "logged in" : u.established ? "connected" : "refused, not in"}</span><span class="dim">${u.last && html`<${Time} at=${u.last} />`}</span>
					<span class="l2">${u.devices.slice(0, 3).map((d) => clean(d)).join(", ")}${u.devices.length > 3 ? ` and ${u.devices.length - 3} more` : ""} · ${plural(u.attempts, "attempt")}</span>
					${u.would_trust?.length > 0 && html`<span class="l2 h-amber">${u.would_trust.slice(0, 2).map((d) => clean(d)).join(", ")}${u.would_trust.length > 2 ? ` and ${u.would_trust.length - 2} more` : ""} would let it in</span>`}</a></li>`)}
				${tried.length > 12 && html`<li><a href=${href("flows", { verdict: "untrusted" })}><span class="l2">${tried.length - 12} more sources</span></a></li>`}
			</ul>`}
			${lo6.length > 0 && html`<h3>Over lo6 now</h3><ul>${held(lo6)}
				${lo6.length > LO6 && html`<li><a href=${href("flows", { state: "open", path: "in-band", service: "ssh" })}><span class="l2">${lo6.length - LO6} more over lo6</span></a></li>`}</ul>`}
			${ma1.length > 0 && html`<h3>Over Ma1 now</h3><ul>${held(ma1)}
				${ma1.length > MA1 && html`<li><a href=${href("flows", { state: "open", path: "primary", service: "ssh" })}><span class="l2">${ma1.length - MA1} more over Ma1</span></a></li>`}</ul>`}
			${!total && html`<${Quiet}>No session is open on any device.<//>`}`}<//>
	</section>`;
}

function Row({ f }) {
	const bad = f.trust?.verdict === "untrusted", lo6 = f.path === "in-band";
	const j = lo6 ? JUSTIFIED[f.justified] : null;
	const icon = bad ? "untrusted" : j ? j.icon : f.trust?.verdict === "no-policy" ? "nopolicy" : "ok";
	const hue = bad ? "red" : j ? j.hue : f.trust?.verdict === "no-policy" ? "amber" : "grey";
	return html`<li><a href=${here({ session: f.id })} title=${clean(f.words)}><${Icon} name=${icon} hue=${hue} />
		<span>${f.user ? html`<bdi class=${person(f) ? "b" : ""}>${clean(f.user)}</bdi> <span class="dim">from</span> ` : ""}<bdi class="mono">${clean(f.source.ip)}</bdi></span>
		<span class="dim"><${Time} at=${f.start} /></span>
		<span class="l2"><bdi>${clean(f.device)}</bdi> · ${lo6 ? "lo6" : "Ma1"}${bad ? html` · <span class="h-red">untrusted</span>` : j ? html` · <span class=${"h-" + j.hue}>${j.word}</span>` : ""} · <${Since} at=${f.start} /></span></a></li>`;
}

// ---- what changed -----------------------------------------------------------------------------

const CHANGE = {
	"path.change": (e) => ({ icon: e.change?.to === "primary" ? "up" : e.change?.to === "primary-failing" || e.change?.to === "unreachable" ? "cross" : "down", hue: e.change?.to === "primary-failing" || e.change?.to === "unreachable" ? "red" : "ink" }),
};
const MOVED = {
	primary: "is back on Ma1", "primary-failing": "lost Ma1", "in-band": "moved to lo6", unreachable: "answers on neither path",
	"in-band-unexplained": "is used over lo6, unexplained", "in-band-unjustified": "is used over lo6, not justified",
};
// "moved to lo6: Ma1 did not answer"; other sentences as they are.
function said(e, words) {
	const moved = e.type === "path.change" && MOVED[e.change?.to];
	return moved ? moved + words.replace(/^[^:]*/, "") : words;
}
const changeIcon = (e) => CHANGE[e.type]?.(e) ?? (e.type.startsWith("alert.") ? { icon: "flag", hue: e.severity === "critical" ? "red" : "ink" } : e.type.startsWith("bgp") ? { icon: "bgpdown", hue: "ink" } : e.type === "agent.loss" ? { icon: "blind", hue: "ink" } : { icon: "ok", hue: "ink" });

// The record's last words on paths, alerts and losses: read again when something of it changed.
function useChanges() {
	const [state, set] = useState({ events: null, error: null });
	useEffect(() => {
		let timer = 0, stopped = false, busy = false, wanted = false;
		async function read() {
			if (busy) {
				wanted = true;
				return;
			}
			busy = true;
			try {
				const lists = await Promise.all(["path.change", "alert", "agent.loss"].map((type) => ask("events", { type, limit: 9 })));
				const events = lists.flatMap((l) => l.events).sort((a, b) => ms(b.event.time) - ms(a.event.time) || b.n - a.n).slice(0, 9);
				if (!stopped) set({ events, error: null });
			} catch (error) {
				if (!stopped) set((s) => ({ ...s, error }));
			}
			busy = false;
			if (wanted && !stopped) {
				wanted = false;
				soon();
			}
		}
		function soon() {
			clearTimeout(timer);
			timer = setTimeout(read, 400);
		}
		const offs = ["device", "alert", "incident", "gap"].map((k) => on(k, soon));
		read();
		return () => {
			stopped = true;
			clearTimeout(timer);
			offs.forEach((f) => f());
		};
	}, []);
	return state;
}

function Changes() {
	const { events, error } = useChanges();
	return html`<section class="card changes" aria-labelledby="changed"><header><h2 id="changed">What changed</h2><span class="grow" /><a class="dim" href=${href("timeline")}>timeline</a></header>
		${error && !events && html`<${Failed} what="What changed" error=${error} />`}
		${!events && !error && html`<${Loading} rows=${3} what="what changed" />`}
		${events?.length === 0 && html`<${Quiet}>Nothing has changed since the record began.<//>`}
		<ol>${events?.map(({ n, event: e, words }) => {
			const { icon, hue } = changeIcon(e);
			return html`<li key=${n}><span class="dim"><${Time} at=${e.time} seconds /></span><${Icon} name=${icon} hue=${hue} />
				<span>${e.device?.name && !words?.includes(e.device.name) && html`<b><bdi>${clean(e.device.name)}</bdi></b> `}<${Sentence} text=${said(e, words ?? e.type)} asOf=${e.time} /></span></li>`;
		})}</ol>
	</section>`;
}

// ---- one device -------------------------------------------------------------------------------

function Device({ name }) {
	const d = find(name);
	const close = () => go(here({ device: null }));
	const head = html`<h2><bdi>${clean(name)}</bdi> <span class="dim">${roleWord(d?.role)}</span></h2>`;
	if (!d) return html`<${Panel} label="Device" close=${close} head=${head}><${Quiet}>No agent has told of a device of this name.<//><//>`;
	const s = stand(d);
	const open = openFlows().rows.all().filter((f) => f.device === name && f.service === "ssh" && f.established);
	const fact = (word, value) => value && html`<div key=${word}><dt>${word}</dt><dd>${value}</dd></div>`;
	return html`<${Panel} label=${"Device " + clean(name)} close=${close} head=${head}>
		<p class=${"stands h-" + (s.rank >= 0.4 ? s.hue : "grey")}><${Icon} name=${s.icon} /><b>${s.word}</b>${d.path.since && s.rank > 0 && html`<span class="dim"> since <${Time} at=${d.path.since} seconds /> (<${Since} at=${d.path.since} />)</span>`}</p>
		<div class="alone"><${Rung} d=${d} to=${here({})} /></div>
		<dl class="facts">
			${fact("Ma1", d.ma1.address && html`<span class="mono">${d.ma1.address}</span> ${{ ok: "answers", failed: "does not answer", refused: "refuses", none: "not seen to answer" }[d.ma1.evidence] ?? ""}${d.ma1.since && html` <span class="dim">${d.ma1.evidence === "ok" ? "last seen" : "since"} <${Time} at=${d.ma1.since} seconds /></span>`}`)}
			${fact("lo6", s.hasLo6 ? html`<span class="mono">${[d.lo6.v4, d.lo6.v6].filter(Boolean).join(", ")}</span> <span class="dim">${d.lo6.reached_at ? html`last reached <${Time} at=${d.lo6.reached_at} seconds />` : "no session over it was ever seen"}</span>` : s.npb ? "none by design" : "not known")}
			${fact("armed", s.hasLo6 && (d.armed?.ok === true ? "yes" : d.armed?.ok === false ? html`<span class="h-amber">no: ${(d.armed.codes ?? []).map((c) => clean(c)).join(", ")}</span>` : "not known: no route to its lo6 was seen announced or withdrawn"))}
			${fact("trust", d.trust.no_policy ? html`<span class="h-amber">no policy: none of its lists is known</span>` : html`${d.trust.policy && html`policy <code>${clean(d.trust.policy)}</code> `}${d.trust.drift && html`<a class="h-amber" href=${href("trust", { device: name })}>differs from the others</a>`}`)}
			${fact("Ma1 subnet", d.group.subnet && html`<span class="mono">${d.group.subnet}</span>${d.group.switch && html` behind <bdi>${clean(d.group.switch)}</bdi>`}`)}
			${fact("refused", d.refused_1h > 0 && html`<a class="h-red" href=${href("flows", { device: name, verdict: "untrusted", since: "-1h" })}>${plural(d.refused_1h, "untrusted attempt")} within the last hour</a>`)}
		</dl>
		<section class="who"><h3>On it now</h3>${open.length ? html`<ul>${open.map((f) => html`<${Row} f=${f} key=${f.id} />`)}</ul>` : html`<${Quiet}>No session is open on it.<//>`}</section>
		<p class="row links"><a href=${href("timeline", { device: name })}>Its timeline</a><a href=${href("flows", { device: name })}>Its flows</a><a href=${href("incidents", { device: name })}>Its incidents</a><a href=${href("health", { device: name })}>What watches it</a></p>
	<//>`;
}

// Agents that are silent: what they watch is not seen.
function Silent() {
	const silent = agents().rows.all().filter((a) => a.state === "silent");
	return silent.slice(0, 3).map((a) => html`<${NotSeen} key=${a.agent}><${Sentence} text=${a.words} /> <a href=${href("health", { agent: a.agent })}>health</a><//>`);
}

// ---- the view ---------------------------------------------------------------------------------

const LEGEND = html`<span class="legend dim">left wire Ma1 · right wire lo6 · thick = in use · <${Icon} name="cross" hue="red" /> lost · dashed = not armed</span>`;

function None({ some }) {
	if (some) return html`<div class="card"><${Quiet}>No device is so now. <a href=${here({ state: null, fabric: null })}>All devices</a><//></div>`;
	return html`<${Blind} title="Nothing has been seen yet" command="glasswatch-agent run -c /etc/glasswatch/agent.yaml">
		That is not the same as nothing happening: no agent has told of a device. An agent with a fabric folder tells of each device when it starts.<//>`;
}

export default function Fleet() {
	const list = devices();
	const { group = "switch", fabric, zoom, state, device: chosen } = route.value.params;
	const how = by[group] ? group : "switch";
	const rows = list.rows.all(), drill = drills.value;
	const all = useMemo(() => grouped(rows.map(drilled), how, fabric, only(state)), [list.rows.version.value, drill, how, fabric, state]);
	const [groups, calm] = useCalm(all);
	const n = groups.reduce((a, g) => a + g.devices.length, 0);
	const level = zoom ?? (n <= RUNGS ? "rungs" : n <= CELLS ? "cells" : "lines");
	return html`<${Answers} />
	<div class="pad fleet-view">
		<div class="bar"><h1>Fleet</h1><span class="dim">${plural(n, "device")}${how === "switch" && groups.length > 1 ? ` on ${plural(groups.filter((g) => g.key).length, "Ma1 subnet")}` : ""}</span>
			<span class="seg" role="group" aria-label="Group by">${[["switch", "by management switch"], ["role", "role"], ["fabric", "fabric"]].map(([k, w]) => html`<a href=${here({ group: k === "switch" ? null : k })} aria-current=${how === k ? "true" : undefined} key=${k}>${w}</a>`)}</span>
			${state && html`<span class="token">${STATES[state]?.word ?? clean(state)}<a href=${here({ state: null })} aria-label="Show all devices"><${Icon} name="close" /></a></span>`}
			<span class="grow" />${LEGEND}</div>
		<${Silent} />
		<div class="fleet" ...${calm}>
			<div class=${"groups by-" + level}>
				<${Ready} list=${list} what="the devices" rows=${6}>${() => !n
					? html`<${None} some=${rows.length > 0} />`
					: level === "rungs" ? groups.map((g, i) => html`<${Ladder} g=${g} key=${g.key} />${i === 0 && html`<${Changes} key="changes" />`}`)
					: level === "cells" ? groups.map((g) => html`<${Card} g=${g} key=${g.key} />`)
					: html`<${Lines} groups=${groups} />`}<//>
			</div>
			<aside class="side" aria-label="Who is there, what changed"><${Who} fabric=${fabric} />${!(level === "rungs" && n > 0) && html`<${Changes} />`}</aside>
		</div>
	</div>
	${chosen && html`<${Device} name=${chosen} key=${chosen} />`}`;
}
