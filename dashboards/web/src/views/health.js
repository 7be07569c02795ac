// SPDX-License-Identifier: Apache-2.0
// Health: can the record be trusted? The identity of what agents made, the chain's last verification;
// then agents, what is watched, the collector, today's gaps. Parameters: agent (its lag in full),
// device (that one is marked), blind=yes (only what is not watched).
import { html, useEffect, useMemo, useState } from "../html.js";
import { ask } from "../api.js";
import { agents, joined } from "../data.js";
import { Icon } from "../icons.js";
import { now, on, stale } from "../live.js";
import { read as readMetrics } from "../metrics.js";
import { useAsked } from "../asked.js";
import { useChart } from "../parts/figure.js";
import { Blind, Failed, Loading, NotSeen, Quiet, Ready } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Wire } from "../parts/text.js";
import { Ago, Sentence, Time } from "../parts/time.js";
import { age, duration, ms } from "../time.js";
import { go, here, href } from "../url.js";
import { bytes, clean, count, plural } from "../words.js";

const LAG_MS = 30 * 60000; // of the lag's figure
const SPARKS = 20; // agents, at most, that have a figure in their row
const METRICS_MS = 10000;

// ---- what is asked -----------------------------------------------------------------------------

// Which kinds of the stream, whatever they tell.
const any = (...kinds) => () => Object.fromEntries(kinds.map((k) => [k, () => true]));

// The collector's own counters, and the ones before them: rates are between the two.
function useMetrics() {
	const [state, set] = useState({ now: null, before: null, error: null });
	useEffect(() => {
		const mine = new AbortController();
		let timer = 0;
		async function read() {
			if (!stale() && !document.hidden)
				try {
					const m = await readMetrics(mine.signal);
					set((s) => ({ now: m, before: s.now, error: null }));
				} catch (error) {
					if (error.name === "AbortError") return;
					set((s) => ({ ...s, error }));
				}
			timer = setTimeout(read, METRICS_MS);
		}
		read();
		return () => {
			mine.abort();
			clearTimeout(timer);
		};
	}, []);
	return state;
}

// ---- the identity --------------------------------------------------------------------------------

const dropped = (d) => (typeof d?.dropped === "object" && d.dropped ? Object.values(d.dropped).reduce((n, v) => n + v, 0) : d?.dropped ?? 0);
const delivery = (a) => a.stats?.delivery ?? (a.stats?.generated !== undefined ? a.stats : null);
const holds = (d) => d.generated === d.acknowledged + d.waiting + dropped(d);

function Identity({ rows }) {
	const told = rows.filter(delivery), sum = (f) => told.reduce((n, a) => n + f(delivery(a)), 0);
	const wrong = told.filter((a) => !holds(delivery(a))), silent = rows.length - told.length;
	const lost = sum(dropped), missing = rows.reduce((n, a) => n + a.missing, 0);
	const part = (sign, n, word, hue) => html`<span class="part">${sign && html`<i>${sign}</i>`}<span><b class=${hue}>${count(n)}</b><small>${word}</small></span></span>`;
	return html`<div class="identity" role="group" aria-label="generated = acknowledged + waiting + dropped">
		${part("", sum((d) => d.generated), "generated")}${part("=", sum((d) => d.acknowledged), "acknowledged")}${part("+", sum((d) => d.waiting), "waiting")}${part("+", lost, "dropped", lost ? "h-red" : "")}
		<span class="grow" />
		<ul class="vouch">
			<li class=${wrong.length ? "h-red" : ""}><${Icon} name=${wrong.length ? "lost" : told.length ? "trusted" : "blind"} />${!told.length ? "no agent has told its counters" : wrong.length
				? html`does not add up on ${wrong.map((a) => clean(a.agent)).join(", ")}` : `adds up on ${told.length === 1 ? "1 agent" : `all ${told.length} agents`}${silent ? `; ${plural(silent, "agent")} told no counters` : ""}`}</li>
			<li class=${missing ? "h-red" : ""}><${Icon} name=${missing ? "lost" : rows.length ? "trusted" : "blind"} />${missing ? `${plural(missing, "event")} missing in the record` : rows.length ? "no number is missing in the record" : "nothing is in the record yet"}</li>
			<${Chain} />
		</ul></div>`;
}

function Chain() {
	const { value: e, error } = useAsked("", (signal) => ask("events", { type: "alert.record-verified", limit: 1 }, { signal }).then((d) => d.events[0] ?? null), { kinds: any("summary"), least: 5000 });
	if (error) return html`<li class="h-amber"><${Icon} name="unexplained" />the chain's last verification could not be read</li>`;
	const v = e?.event?.alert;
	if (!v) return html`<li><${Icon} name="nopolicy" hue="amber" /><span>hash chain not verified yet: <code>glasswatch-collector verify --note</code></span></li>`;
	const old = now.value - ms(e.event.time) > 8 * 86400000;
	return html`<li class=${v.good === false ? "h-red" : old ? "h-amber" : ""} title=${clean(v.text)}><${Icon} name=${v.good === false ? "lost" : old ? "unexplained" : "trusted"} />
		<span>${v.good === false ? html`<b>hash chain does not hold</b>, found at ` : "hash chain verified at "}<${Time} at=${e.event.time} />${v.covers ? ", anchors kept elsewhere agree" : ""}<span class="dim"> by <${Wire} text=${v.by} /></span>${v.good === false ? html`: ${clean(v.first ?? v.text)}` : ""}</span></li>`;
}

// ---- agents ----------------------------------------------------------------------------------------

const STATE = { running: ["ok", "grey"], stopped: ["cross", "amber"], silent: ["blind", "amber"] };

// Lag: from an event's own time to its storing, of each heartbeat within the last half hour.
function useLag(rows, chosen) {
	const some = rows.length <= SPARKS ? "" : chosen ?? null; // null: nobody's
	return useAsked(some, async (signal) => {
		const out = new Map();
		const since = new Date(now.peek() - LAG_MS).toISOString().slice(0, 19) + "Z";
		const events = [];
		for (let after; events.length < 10000; ) { // a page ends at 2 MB
			const d = await ask("events", { type: "agent.stats", since, limit: 10000, after, agent: some || undefined }, { signal });
			events.push(...d.events);
			after = d.next;
			if (!after) break;
		}
		for (const { stored, event } of events.reverse()) {
			if (!out.has(event.agent)) out.set(event.agent, []);
			out.get(event.agent).push({ t: ms(event.time) / 1000, lag: Math.max(0, (ms(stored) - ms(event.time)) / 1000), waiting: event.stats?.delivery?.waiting ?? 0 });
		}
		return out;
	}, { kinds: any("agent"), least: 15000 });
}

// Where two heartbeats are further apart than three of the usual step, nothing was heard between.
function series(points) {
	const steps = points.slice(1).map((p, i) => p.t - points[i].t).sort((a, b) => a - b), usual = steps[Math.floor(steps.length / 2)] ?? 10;
	const t = [], lag = [], waiting = [];
	points.forEach((p, i) => {
		if (i && p.t - points[i - 1].t > 3 * usual + 1) {
			t.push((p.t + points[i - 1].t) / 2);
			lag.push(null);
			waiting.push(null);
		}
		t.push(p.t);
		lag.push(p.lag);
		waiting.push(p.waiting);
	});
	return { t, lag, waiting, usual };
}

const axis = (colour, more) => ({ stroke: colour("ink3"), font: "11px system-ui", grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, ...more });
const two = (n) => String(n).padStart(2, "0");
const clock = (_, all) => all.map((v) => { const d = new Date(v * 1000); return `${two(d.getHours())}:${two(d.getMinutes())}`; });

function Lag({ chart, points, full }) {
	const s = useMemo(() => series(points), [points]);
	const data = useMemo(() => (full ? [s.t, s.lag, s.waiting] : [s.t, s.lag]), [s, full]);
	const options = useMemo(() => (colour) => ({
		legend: { show: false }, cursor: { show: false }, padding: full ? [8, 8, 0, 0] : [2, 1, 2, 1],
		scales: { x: { time: true, range: () => [(now.peek() - LAG_MS) / 1000, now.peek() / 1000] }, y: { range: (u, lo, hi) => [0, Math.max(1, hi * 1.1)] }, n: { range: (u, lo, hi) => [0, Math.max(10, hi * 1.1)] } },
		axes: full ? [axis(colour, { values: clock, size: 24 }), axis(colour, { size: 52, values: (_, v) => v.map((x) => (x ? duration(x) : "0")) })] : [{ show: false }, { show: false }],
		series: [{}, { stroke: colour("ink2"), width: 1.25, points: { show: points.length < 2, size: 4, fill: colour("ink2") } }, ...(full ? [{ stroke: colour("amber-fill"), width: 1.25, dash: [4, 3], scale: "n", points: { show: false } }] : [])],
	}), [full, points.length < 2]);
	if (!points.length) return html`<span class="dim">none told</span>`;
	const lags = points.map((p) => p.lag), most = Math.max(...lags);
	const words = `Lag of the last half hour: now ${duration(lags.at(-1))}, at most ${duration(most)}.`;
	return chart ? html`<${chart.Chart} options=${options} data=${data} height=${full ? 150 : 18} label=${words} />` : html`<span class="dim">at most ${duration(most)}</span>`;
}

function AgentRow({ a, start, lag, chart, sparks, chosen }) {
	const [icon, hue] = STATE[a.state] ?? ["blind", "amber"];
	const d = delivery(a), lost = a.missing + dropped(d), points = lag?.get(a.agent);
	const since = start && ms(start.time), fresh = since && now.value - since < 300000;
	const interfaces = Object.entries(a.stats?.interfaces ?? Object.fromEntries((start?.interfaces ?? []).map((n) => [n, true])));
	const alarms = (a.alarms ?? []).filter((x) => x !== "agent-silent");
	return html`<tr class=${chosen ? "chosen" : ""}>
		<th scope="row"><a href=${here({ agent: chosen ? null : a.agent })} aria-expanded=${chosen ? "true" : "false"}><${Wire} text=${a.agent} /></a></th>
		<td class=${hue === "grey" ? "" : "h-" + hue}><${Icon} name=${icon} hue=${hue} /> ${clean(a.state)}${since ? (a.state === "running" ? html`, ${fresh ? "restarted " : ""}<span title=${clean(start.time)}>${age((now.value - since) / 1000)}${fresh ? " ago" : ""}</span>` : "") : ""}${a.state === "silent" ? html` since <${Time} at=${a.last_seen} />` : ""}${alarms.length > 0 && html`<br /><span class="h-amber">${alarms.map((x) => clean(x)).join(", ")}</span>`}</td>
		<td>${start?.capture ? ({ bpf: "eBPF" }[start.capture] ?? clean(start.capture)) : html`<span class="dim">not told</span>`}</td>
		<td class="mono">${interfaces.length ? interfaces.map(([n, up], i) => html`${i ? ", " : ""}<span class=${up ? "" : "h-red"}><${Wire} text=${n} />${up ? "" : " down"}</span>`) : html`<span class="dim">–</span>`}</td>
		<td class="mono"><${Wire} text=${a.policy} /></td>
		<td class="r nw">${points?.length ? duration(points.at(-1).lag) : "–"}</td>
		${sparks && html`<td class="spark">${lag && html`<${Lag} chart=${chart} points=${points ?? NONE} />`}</td>`}
		<td class="r">${d ? count(d.waiting) : "–"}</td>
		<td class=${"r" + (lost ? " h-red b" : "")}>${count(lost)}</td>
		<td class="nw"><${Ago} at=${a.last_seen} /></td></tr>`;
}
const NONE = [];

function Agents({ chosen }) {
	const list = agents(), rows = [...list.rows.all()].sort((a, b) => (a.state === "running") - (b.state === "running") || a.agent.localeCompare(b.agent, "en", { numeric: true }));
	const lag = useLag(rows, chosen), chart = useChart(), sparks = rows.length <= SPARKS;
	const starts = useAsked("", async (signal) => {
		const out = new Map();
		for (const { event } of (await ask("events", { type: "agent.start", limit: 1000 }, { signal })).events) if (!out.has(event.agent)) out.set(event.agent, event);
		return out;
	}, { kinds: any("agent"), least: 30000 });
	const one = chosen && rows.find((a) => a.agent === chosen);
	return html`<section class="card" aria-labelledby="agents"><header><h2 id="agents">Agents</h2><span class="dim">${rows.length}</span></header>
		<${Ready} list=${list} what="the agents" rows=${3}>${() => (rows.length ? html`<div class="scroll" tabindex="0" role="group" aria-label="Agents, scrolls"><table class="wide-table"><thead><tr><th scope="col">Agent</th><th scope="col">State</th><th scope="col">Capture</th><th scope="col">Interfaces</th><th scope="col">Policy</th><th scope="col" class="r">Lag</th>${sparks && html`<th scope="col">Lag, last 30 min</th>`}<th scope="col" class="r">Waiting</th><th scope="col" class="r">Lost</th><th scope="col">Last event</th></tr></thead>
			<tbody>${rows.map((a) => html`<${AgentRow} a=${a} key=${a.agent} start=${starts.value?.get(a.agent)} lag=${lag.value} chart=${chart} sparks=${sparks} chosen=${a.agent === chosen} />`)}</tbody></table></div>`
			: html`<${Blind} title="No agent has reported yet" command=${"glasswatch-agent run --fabric /etc/glasswatch/fabric -i eth0 \\\n  --redis redis://collector:6379"}>The collector runs, but no agent has sent an event. That is not the same as nothing happening.<//>`)}<//>
		${one && html`<div class="inner one"><p><${Sentence} text=${one.words} /></p>
			${(one.gaps ?? []).length > 0 && html`<p class="h-red">Missing numbers: ${one.gaps.map((g) => clean(g)).join(", ")}</p>`}
			${lag.value && html`<p class="dim">Lag of each heartbeat (solid) and events waiting at the agent (dashed), last 30 min.</p><${Lag} chart=${chart} points=${lag.value.get(one.agent) ?? NONE} full />
				<details class="twin"><summary>Show as table</summary><table><thead><tr><th scope="col">Heartbeat</th><th scope="col" class="r">Lag</th><th scope="col" class="r">Waiting</th></tr></thead><tbody>${[...(lag.value.get(one.agent) ?? NONE)].reverse().map((p) => html`<tr key=${p.t}><td><${Time} at=${p.t * 1000} seconds /></td><td class="r">${duration(p.lag)}</td><td class="r">${count(p.waiting)}</td></tr>`)}</tbody></table></details>`}
			<p class="row"><a href=${href("flows", { agent: one.agent })}>Flows it saw</a></p></div>`}
		${chosen && list.doc.value && !one && html`<p class="quiet">No agent is called <bdi>${clean(chosen)}</bdi>.</p>`}
		${lag.error && html`<p class="quiet h-amber">Lag could not be read: ${clean(lag.error.message)}</p>`}
	</section>`;
}

// ---- what is watched -----------------------------------------------------------------------------

const pathOf = (d, path, family) => d.paths.find((p) => p.path === path && (path === "primary" || p.family === family));
const WATCHED = { yes: ["ok", "grey", "watched"], blind: ["blind", "amber", "blind"], none: ["notarmed", "amber", "no address"] };

function Watched({ p }) {
	if (!p) return html`<span class="dim">–</span>`;
	const [icon, hue, word] = WATCHED[p.watched] ?? WATCHED.blind;
	return html`<span class=${hue === "grey" ? "dim" : "h-" + hue} title=${clean(p.words)}><${Icon} name=${icon} /> ${word}</span>`;
}

const bad = (d) => d.paths.some((p) => p.watched !== "yes");
const gone = (t, days) => !t || now.peek() - ms(t) > days * 86400000;

function Reached({ d, days }) {
	if (!d.in_band) return html`<span class="dim">by design none</span>`;
	if (!d.reached) return html`<span class="h-amber">never</span>`;
	const old = gone(d.reached, days);
	return html`<span class=${old ? "h-amber" : "ink2"}><${Ago} at=${d.reached} />${d.last_drill && ms(d.last_drill) <= ms(d.reached) && ms(d.reached) - ms(d.last_drill) < 86400000 ? " (drill)" : ""}</span>`;
}

const COVERAGE = (days) => [
	{ key: "device", title: "Device", width: "minmax(132px, 1.2fr)", cell: (d) => html`<${Wire} text=${d.device} />` },
	{ key: "ma1", title: "Ma1", width: "minmax(84px, 1fr)", cell: (d) => html`<${Watched} p=${pathOf(d, "primary")} />` },
	{ key: "v4", title: "lo6 IPv4", width: "minmax(84px, 1fr)", cell: (d) => html`<${Watched} p=${pathOf(d, "in-band", 4)} />` },
	{ key: "v6", title: "lo6 IPv6", width: "minmax(84px, 1fr)", cell: (d) => html`<${Watched} p=${pathOf(d, "in-band", 6)} />` },
	{ key: "reached", title: "Last reached over lo6", width: "minmax(136px, 1fr)", cell: (d) => html`<${Reached} d=${d} days=${days} />` },
];

function Coverage({ device, blind, fabric }) {
	const [list] = useState(() => joined({ path: "coverage", name: "devices", key: (d) => d.device }));
	useEffect(() => {
		// It changes with what is seen; not by the second.
		let timer = 0;
		const soon = () => { timer ||= setTimeout(() => { timer = 0; list.reload(); }, 10000); };
		const offs = ["session", "device"].map((k) => on(k, soon));
		return () => {
			clearTimeout(timer);
			offs.forEach((f) => f());
			list.stop();
		};
	}, []);
	const days = list.doc.value?.days ?? 90;
	const columns = useMemo(() => COVERAGE(days), [days]);
	const all = list.rows.all().filter((d) => !fabric || d.device.split("-")[0] === fabric);
	const rows = useMemo(() => all.filter((d) => !blind || bad(d)).sort((a, b) => (b.device === device) - (a.device === device) || a.device.localeCompare(b.device, "en", { numeric: true })), [list.rows.version.value, blind, device, fabric]);
	const t = list.doc.value?.totals, notSeen = all.filter(bad).length, chosen = device && all.find((d) => d.device === device);
	return html`<section class="card" aria-labelledby="watched"><header><h2 id="watched">What is watched</h2><span class="dim">device × path</span><span class="grow" />
			<span class="seg" role="group" aria-label="Which devices"><a href=${here({ blind: null })} aria-current=${blind ? undefined : "true"}>all ${count(all.length)}</a><a href=${here({ blind: "yes" })} aria-current=${blind ? "true" : undefined}>not watched ${count(notSeen)}</a></span></header>
		<${Ready} list=${list} what="the coverage" rows=${5}>${() => html`
			${t && t.devices > 0 && html`<p class="note ink2">${t.blind ? `${count(t.blind)} of ${plural(t.devices, "device")} ${t.blind === 1 ? "has" : "have"} an address that no packet was ever seen of` : `every address of ${plural(t.devices, "device")} was seen`}; ${t.never_reached ? `${count(t.never_reached)} ${t.never_reached === 1 ? "was" : "were"} never reached over lo6` : "each was reached over lo6"}.</p>`}
			${chosen && html`<ul class="note">${(chosen.why.length ? chosen.why : ["Every path to it is watched."]).map((w) => html`<li key=${w}><b>${clean(chosen.device)}</b>: ${clean(w)}</li>`)}</ul>`}
			${rows.length ? html`<div class="coverage" style=${{ height: `${Math.min(rows.length, 16) * 28 + 32}px` }}><${Table} columns=${columns} rows=${rows} id=${(d) => d.device} label="What is watched" selected=${device} rowClass=${(d) => (d.device === device ? "chosen" : "")}
				open=${(d) => go(here({ device: d.device === device ? null : d.device }))} /></div>` : html`<${Quiet}>${all.length ? "Every address was seen." : "No device is known."}<//>`}`}<//>
	</section>`;
}

// ---- the collector, and gaps ---------------------------------------------------------------------

function Collector({ m, before, error }) {
	if (!m) return html`<section class="card" aria-labelledby="collector"><header><h2 id="collector">Collector</h2></header>${error ? html`<${Failed} what="The collector's counters" error=${error} />` : html`<${Loading} what="the collector's counters" rows=${3} />`}</section>`;
	const row = (word, value) => value !== undefined && value !== null && html`<div key=${word}><dt>${word}</dt><dd>${value}</dd></div>`;
	const stored = m.sum("glasswatch_events_total"), was = before?.sum("glasswatch_events_total");
	const rate = before && stored >= was ? (stored - was) / ((m.at - before.at) / 1000) : null;
	const up = m.value("glasswatch_redis_up") !== 0, lag = m.value("glasswatch_group_lag") ?? 0, pending = m.value("glasswatch_group_pending") ?? 0;
	const dead = m.value("glasswatch_store_dead_letters") ?? m.value("glasswatch_events_dead_total") ?? 0;
	const failures = m.value("glasswatch_store_failures_total") ?? 0;
	const receivers = m.all("glasswatch_notifications_waiting"), failing = (r) => m.value("glasswatch_receiver_failing", { receiver: r }) === 1;
	const build = m.all("glasswatch_build_info")[0]?.labels ?? {};
	const started = m.value("process_start_time_seconds");
	return html`<section class="card" aria-labelledby="collector"><header><h2 id="collector">Collector</h2><span class="dim">${clean(build.version ?? "")}${build.store && `, ${clean(build.store)}`}${started && html`, up ${age(m.at / 1000 - started)}`}</span></header><dl class="kv">
		${row("Redis", up ? "answers" : html`<span class="h-red"><${Icon} name="lost" /> does not answer: events wait at the agents</span>`)}
		${row("Reads behind by", html`<span class=${lag > 10000 ? "h-amber" : ""}>${plural(lag, "event")}${pending ? `, ${count(pending)} in work` : ""}</span>`)}
		${row("Stored", html`${rate !== null ? `${count(Math.round(rate))} events/s now, ` : ""}${plural(m.value("glasswatch_store_events_total") ?? stored, "event")}${m.value("glasswatch_store_bytes") !== undefined ? `, ${bytes(m.value("glasswatch_store_bytes"))}` : ""}`)}
		${row("Could not decode", dead ? html`<span class="h-amber">${plural(dead, "entry", "entries")}, kept as dead letters</span>` : "0")}
		${row("Came twice", plural(m.value("glasswatch_events_duplicate_total") ?? 0, "event"))}
		${failures > 0 && row("Store failures", html`<span class="h-amber">${plural(failures, "batch", "batches")}; they waited in Redis</span>`)}
		${row("Chain", m.value("glasswatch_chain_places_total") !== undefined ? html`${plural(m.value("glasswatch_chain_places_total"), "place")}, ${plural(m.value("glasswatch_chain_unanchored_places") ?? 0, "place")} behind the newest anchor${m.value("glasswatch_anchor_timestamp_seconds") ? html` (<${Time} at=${m.value("glasswatch_anchor_timestamp_seconds") * 1000} />)` : ""}` : null)}
		${row("Removed by age", m.value("glasswatch_store_events_removed_total") ? plural(m.value("glasswatch_store_events_removed_total"), "event") : null)}
		${row("Alerts out", receivers.length ? receivers.map(({ labels: { receiver }, value }, i) => html`<span class=${failing(receiver) ? "h-red" : ""} key=${receiver}>${i ? "; " : ""}<bdi>${clean(receiver)}</bdi> ${failing(receiver) ? "fails" : "takes them"}${value ? `, ${count(value)} waiting` : ""}</span>`) : "to nobody: no receiver is configured")}
	</dl>${error && html`<p class="quiet h-amber">Older than it seems: ${clean(error.message)}</p>`}</section>`;
}

const REASON = { "agent-silent": "silent", "events-lost": "numbers missing", "agent-stopped": "stopped", "never-heard": "never heard" };

function Gaps() {
	const day = new Date(now.value).setHours(0, 0, 0, 0);
	const gaps = useAsked(day, (signal) => ask("timeline", { from: new Date(day).toISOString().slice(0, 19) + "Z", px: 100, limit: 1 }, { signal }), { kinds: any("gap", "agent"), least: 5000 });
	const doc = gaps.value, list = doc ? [...doc.gaps].sort((a, b) => b.t0 - a.t0) : [];
	const at = (t) => day + t * 1000;
	return html`<section class="card" aria-labelledby="gaps"><header><h2 id="gaps">Gaps today</h2><span class="dim">${doc ? list.length || (agents().rows.keys.value.length ? "none" : "") : ""}</span></header>
		${gaps.error && !doc && html`<${Failed} what="Today's gaps" error=${gaps.error} again=${gaps.again} />`}
		${doc && !list.length && (agents().rows.keys.value.length ? html`<${Quiet}>Since midnight no agent fell silent, and no number is missing.<//>` : html`<${NotSeen}>No agent has reported, so nothing was seen.<//>`)}
		${list.length > 0 && html`<ul class="gaps" tabindex="0" aria-label="Gaps today">${list.slice(0, 50).map((g, i) => html`<li key=${i}><${NotSeen}><span><a href=${href("timeline", { from: iso(at(g.t0) - 600000), to: iso(Math.min(now.peek(), at(g.t1) + 600000)) })}><bdi>${clean(g.agent)}</bdi></a> <span class="nw"><${Time} at=${at(g.t0)} seconds /> – ${at(g.t1) >= ms(doc.to) - 1000 ? "now" : html`<${Time} at=${at(g.t1)} seconds />`}</span>, ${duration(g.t1 - g.t0)}: ${REASON[g.reason] ?? clean(g.reason)}${g.events ? `, ${plural(g.events, "event")}` : ""}${g.devices?.length ? html` <span class="dim">watches ${g.devices.slice(0, 3).map((d) => clean(d)).join(", ")}${g.devices.length > 3 ? ` and ${g.devices.length - 3} more` : ""}</span>` : ""}</span><//></li>`)}
			${list.length > 50 && html`<li class="dim">and ${list.length - 50} more</li>`}</ul>`}
	</section>`;
}
const iso = (t) => new Date(t).toISOString().slice(0, 19) + "Z";

// ---- the view ----------------------------------------------------------------------------------------

export default function Health({ route }) {
	const { agent, device, blind, fabric } = route.params;
	const list = agents(), { now: m, before, error } = useMetrics();
	return html`<div class="pad health-view">
		<div class="bar"><h1>Health</h1><span class="grow" /><span class="dim">can the record be trusted?</span></div>
		<section class="card" aria-label="The record"><${Ready} list=${list} what="what agents made" rows=${1}>${() => html`<${Identity} rows=${list.rows.all()} />`}<//></section>
		<${Agents} chosen=${agent} />
		<div class="halves"><${Coverage} device=${device} blind=${blind === "yes"} fabric=${fabric} /><div class="stack"><${Collector} m=${m} before=${before} error=${error} /><${Gaps} /></div></div>
	</div>`;
}
