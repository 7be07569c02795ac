// SPDX-License-Identifier: Apache-2.0
// The session panel: one flow with all that the record can say for and against it
// (GET /sessions/{id}), over any view, as the parameter session=ID. j and k go to the next and
// the previous one of the list it was opened from (around.js).
import { html, useMemo, useRef } from "../html.js";
import { neighbour } from "../around.js";
import { openFlows } from "../data.js";
import { Icon } from "../icons.js";
import { useKeys } from "../keys.js";
import { useOne } from "../one.js";
import { Download } from "../parts/download.js";
import { useChart } from "../parts/figure.js";
import { Panel } from "../parts/panel.js";
import { Failed, Loading, NotSeen, Quiet } from "../parts/states.js";
import { Wire } from "../parts/text.js";
import { Sentence, Since, Time } from "../parts/time.js";
import { duration, ms } from "../time.js";
import { go, here, href, route } from "../url.js";
import { bytes, clean, count, JUSTIFIED, pathWord, plural, roleWord, VERDICT } from "../words.js";

const AGAIN_MS = 1000; // read again so often at most, while it goes on

const Section = ({ title, children }) => html`<section><h3>${title}</h3>${children}</section>`;
const Facts = ({ children }) => html`<dl class="kv">${children}</dl>`;
const Fact = ({ word, children }) => html`<div><dt>${word}</dt><dd>${children}</dd></div>`;
const end = (e) => (e?.ip ? `${e.ip.includes(":") ? `[${clean(e.ip)}]` : clean(e.ip)}:${e.port}` : "not known");

// ---- the head --------------------------------------------------------------------------------

const LOGIN = {
	success: { word: "logged in", icon: "ok", hue: "grey" },
	failure: { word: "login failed", icon: "cross", hue: "grey" },
	unknown: { word: "login not known", icon: "unexplained", hue: "amber" },
};

function Chips({ d }) {
	const j = d.justified && (JUSTIFIED[d.justified.answer] ?? JUSTIFIED.unknown);
	const chips = [VERDICT[d.trust?.verdict], j, LOGIN[d.login]].filter(Boolean);
	return html`<p class="chips">
		${chips.map((c) => html`<span class=${"chip h-" + (c.hue === "grey" ? "ink" : c.hue)} key=${c.word}><${Icon} name=${c.icon} hue=${c.hue} />${c.word}</span>`)}
		${d.first_for_device && html`<span class="chip"><${Icon} name="flag" />first time on this device</span>`}
		${d.service === "bgp" && html`<span class="chip"><${Icon} name="bgpup" />BGP</span>`}
		${d.direction === "outbound" && html`<span class="chip"><${Icon} name="up" />opened by the device</span>`}
	</p>`;
}

function Head({ d }) {
	const lasted = d.duration_s ?? 0;
	return html`<div class="session-head"><h2><${Sentence} text=${d.words.replace(/\.$/, "")} asOf=${d.as_of} /></h2>
		<p class="ink2"><${Time} at=${d.start} seconds /> – ${d.open ? html`<b>open</b> · <${Since} at=${d.start} />`
			: html`${d.end && html`<${Time} at=${d.end} seconds />`} · ${lasted >= 0.0005 ? duration(lasted) : "at once"}`}</p>
		<p class="mono ends"><bdi>${end(d.source)}</bdi> → <bdi>${end(d.destination)}</bdi></p>
		<${Chips} d=${d} /></div>`;
}

// ---- why trusted -----------------------------------------------------------------------------

const REASON = { decides: "decides", passed: "does not contain it", "not-reached": "not reached" };

function Why({ d }) {
	const t = d.trust;
	if (!t) return html`<${Section} title="Why trusted"><${Quiet}>Not judged: it is not known which end is the device's peer.<//><//>`;
	const v = VERDICT[t.verdict] ?? { word: clean(t.verdict ?? "not judged") };
	const command = t.list?.endsWith("_v6") ? "ipv6 prefix-list" : "ip prefix-list";
	const walk = t.walk ?? [], decided = walk.some((e) => e.result === "decides");
	return html`<${Section} title=${t.verdict === "trusted" ? "Why trusted" : t.verdict === "untrusted" ? "Why not trusted" : "Why no verdict"}>
		<p class="rule">${t.prefix ? html`<b>${t.verdict === "trusted" ? "permit" : "deny"} <bdi>${clean(t.prefix)}</bdi></b>, seq ${t.seq}, ` : t.verdict === "untrusted" ? html`<b>End of list</b>, nothing contains <bdi class="mono">${clean(d.source.ip)}</bdi>: ` : html`<b>No list</b> to judge by: `}
			${t.list ? html`<bdi>${clean(t.list)}</bdi> of ` : ""}<bdi>${clean(d.device)}</bdi>${(t.judged_by ?? t.generation) && html`, generation <code>${clean(t.judged_by ?? t.generation)}</code>`}.</p>
		${walk.length > 0 ? html`<div class="list" role="table" aria-label="The list as loaded">
			<div role="row" class="name"><span role="cell" /><span role="cell">${command} <bdi>${clean(t.list)}</bdi></span><span role="cell"><bdi title=${clean(t.file)}>${clean((t.file ?? "").split("/").pop())}</bdi></span></div>
			${walk.map((e, i) => html`<div role="row" class=${e.result === "decides" ? "decides" : ""} key=${i}><span role="cell" aria-hidden="true">${e.result === "decides" ? "▸" : "·"}</span>
				<span role="cell">seq ${e.seq} ${clean(e.action)} <bdi>${clean(e.prefix)}</bdi></span>
				<span role="cell"><span class="reason">${e.result === "decides" ? (e.action === "permit" ? "decides" : "decides: denies") : REASON[e.result] ?? clean(e.reason)}</span>${e.line ? html`<span class="line"> line ${e.line}</span>` : ""}</span></div>`)}
			<div role="row" class=${decided ? "" : "decides"}><span role="cell" aria-hidden="true">${decided ? "·" : "▸"}</span><span role="cell">end of list, implicit deny</span><span role="cell"><span class="reason">${decided ? "not reached" : "decides"}</span></span></div>
		</div>` : t.verdict !== "no-policy" && html`<${NotSeen}>The device's list as it was loaded is not in the record.<//>`}
		${t.loaded && html`<p class="dim small">The list as loaded <${Time} at=${t.loaded} />${t.other_generation ? html`, generation <code>${clean(t.generation)}</code>: not the one that judged, so this walk may differ from it` : ""}. <a href=${href("trust", { address: d.source.ip })}>What other devices say</a></p>`}
	<//>`;
}

// ---- who -------------------------------------------------------------------------------------

function Who({ d }) {
	const a = d.actor ?? { via: [], words: "" };
	return html`<${Section} title="Who">
		<ol class="hops">
			${a.via.map((h, i) => html`<li key=${i}><span class="hop"><b><${Wire} text=${h.who ?? "not known"} whole /></b>${h.at && html`<span><${Wire} text=${h.at} whole /></span>`}<span class="mono"><${Wire} text=${h.ip} /></span></span>
				<span class="by"><${Wire} text=${h.by ?? ""} /> <span aria-label="to">→</span></span></li>`)}
			${!a.via.length && html`<li><span class="hop unknown"><b>not known</b><span class="mono"><${Wire} text=${d.source?.ip} /></span></span><span class="by"><span aria-label="to">→</span></span></li>`}
			<li><span class=${"hop" + (d.path === "in-band" ? " lo6" : "")}><b><${Wire} text=${d.device ?? "not known"} whole /></b><span>${[pathWord(d.path), roleWord(d.role)].filter(Boolean).join(" · ")}</span><span class="mono"><${Wire} text=${d.destination?.ip} /></span></span></li>
		</ol>
		<p class="dim">${clean(a.words)}${a.loginuid !== undefined || a.pid !== undefined ? html` ${[a.uid !== undefined && `uid ${a.uid}`, a.loginuid !== undefined && `loginuid ${a.loginuid}`, a.pid !== undefined && `process ${a.pid}`].filter(Boolean).join(", ")}.` : ""}</p>
	<//>`;
}

// ---- justified -------------------------------------------------------------------------------

// A path.change names flows as their agent does; those that are in the record are links.
function Evidence({ e }) {
	if (e.drill !== undefined)
		return html`<li>Drill ${e.drill}: <${Time} at=${e.since} /> – <${Time} at=${e.until} />, announced by <b><${Wire} text=${e.who} whole /></b>: “<${Wire} text=${e.why} whole />”</li>`;
	return html`<li><${Time} at=${e.time} seconds />: <${Wire} text=${e.from} /> → <${Wire} text=${e.to} /> <span class="dim">event <code>${clean(e.event)}</code>${e.flows?.length > 0 && html`, ${e.flows.length === 1 ? "flow" : "flows"} ${e.flows.map((f, i) => html`${i ? ", " : ""}${e.sessions?.[i] ? html`<a href=${here({ session: e.sessions[i] })}><code>${clean(f)}</code></a>` : html`<code>${clean(f)}</code>`}`)}`}</span></li>`;
}

function Justified({ d }) {
	const j = d.justified;
	if (!j) return null;
	const look = JUSTIFIED[j.answer] ?? JUSTIFIED.unknown;
	const at = ms(d.start);
	const around = { from: new Date(at - 600000).toISOString().slice(0, 19) + "Z", to: new Date(at + 600000).toISOString().slice(0, 19) + "Z", device: d.device };
	return html`<${Section} title="Justified?">
		<p><${Icon} name=${look.icon} hue=${look.hue} /> <${Sentence} text=${j.words} asOf=${d.start} /></p>
		${j.evidence.length > 0 && html`<ul class="evidence">${j.evidence.map((e, i) => html`<${Evidence} e=${e} key=${i} />`)}</ul>`}
		<p class="small"><a href=${href("flows", { device: d.device, path: "primary", since: around.from, until: around.to })}>What Ma1 did then</a> · <a href=${href("timeline", around)}>timeline</a></p>
	<//>`;
}

// ---- login -----------------------------------------------------------------------------------

const STEPS = { low: 1, medium: 2, high: 3 };

function Login({ d }) {
	if (d.service !== "ssh") return null;
	const a = d.auth;
	if (!a) return html`<${Section} title="Login"><p>${d.established ? "Not known: no outcome was told." : "None: no connection came about."}</p><//>`;
	const n = STEPS[a.confidence] ?? 0;
	const said = clean(a.words).split(/(?<=\.) /);
	return html`<${Section} title="Login">
		<p><b>${said[0].replace(/, [a-z]+ confidence\.?$/, "").replace(/\.$/, "")}</b>
			${n > 0 && html`<span class="confidence" role="img" aria-label=${`confidence ${n} of 3`}>${[1, 2, 3].map((k) => html`<i class=${k <= n ? "on" : ""} key=${k} />`)}</span> ${clean(a.confidence)} confidence`}</p>
		<p class="dim">${said.slice(1).join(" ")}${a.basis && html` Basis: ${clean(a.basis).replaceAll("-", " ")}.`}${d.detail?.missed_bytes > 0 && ` ${plural(d.detail.missed_bytes, "byte")} were missed.`}</p>
	<//>`;
}

// ---- bytes -----------------------------------------------------------------------------------

function Bytes({ d }) {
	const chart = useChart();
	const b = d.bytes;
	const data = useMemo(() => {
		if (!b) return null;
		const t0 = ms(b.from) / 1000;
		return [b.out.map((_, i) => t0 + (i + 0.5) * b.step), b.out.map((n, i) => (b.missing[i] ? null : n)), b.in.map((n, i) => (b.missing[i] ? null : -n))];
	}, [b]);
	const gaps = useRef([]);
	gaps.current = b ? b.missing.flatMap((m, i) => (m ? [[ms(b.from) / 1000 + i * b.step, ms(b.from) / 1000 + (i + 1) * b.step]] : [])) : [];
	const step = b?.step, lo6 = d.path === "in-band", from = b && ms(b.from) / 1000, n = b?.out.length;
	const options = useMemo(() => (colour) => {
		const bar = (fill) => ({ points: { show: false }, paths: chart.bars, stroke: fill, fill, width: 0 });
		return {
			legend: { show: false }, cursor: { show: false }, select: { show: false }, padding: [2, 0, 2, 0],
			scales: { x: { time: true, range: () => [from, from + step * n] }, y: { range: (_, lo, hi) => { const m = Math.max(-lo, hi, 1); return [-m, m]; } } },
			axes: [{ show: false }, { show: false }],
			series: [{}, bar(colour("bar")), bar(lo6 ? colour("blue") : colour("rail"))],
			hooks: { draw: [(u) => {
				for (const [x0, x1] of gaps.current) chart.hatch(u, x0, x1, colour);
				const y = u.valToPos(0, "y", true);
				u.ctx.fillStyle = colour("edge");
				u.ctx.fillRect(u.bbox.left, y - 0.5, u.bbox.width, devicePixelRatio || 1);
			}] },
		};
	}, [chart, step, from, n, lo6]);
	if (!b) return null;
	const out = d.source.bytes, into = d.destination.bytes, missing = gaps.current.length;
	const words = `Toward the device ${bytes(out)}, from it ${bytes(into)}${missing ? `; ${plural(missing, "step")} not seen` : ""}.`;
	return html`<${Section} title="Bytes">
		${n > 1 && (chart ? html`<${chart.Chart} options=${options} data=${data} height=${72} label=${words} />` : html`<div class="chart" style=${{ height: "72px" }} />`)}
		<p class="under"><span class="dim"><${Time} at=${b.from} seconds /></span><span>${n > 1 ? "above: " : ""}toward the device ${bytes(out)}${n > 1 ? " · below: " : " · "}from it ${bytes(into)}</span><span class="dim">${d.open ? "now" : d.end && html`<${Time} at=${d.end} seconds />`}</span></p>
		${missing > 0 && html`<${NotSeen}>${plural(missing, "step")} of ${duration(b.step)} without a word from the agent: not seen is not quiet.<//>`}
		${n > 1 && html`<details class="twin"><summary>Show as table</summary><table><thead><tr><th scope="col">From</th><th scope="col" class="r">Toward the device</th><th scope="col" class="r">From it</th></tr></thead>
			<tbody>${b.out.map((v, i) => html`<tr key=${i}><td><${Time} at=${ms(b.from) + i * b.step * 1000} seconds /></td>${b.missing[i] ? html`<td colspan="2" class="r dim">not seen</td>` : html`<td class="r">${count(v)}</td><td class="r">${count(b.in[i])}</td>`}</tr>`)}</tbody></table></details>`}
	<//>`;
}

// ---- protocols -------------------------------------------------------------------------------

function Ssh({ d }) {
	const s = d.ssh;
	if (!s?.client && !s?.server) return null;
	const h = d.hassh;
	return html`<${Section} title="SSH"><${Facts}>
		${s.client?.software_version !== undefined && html`<${Fact} word="Client"><${Wire} text=${s.client.software_version} mono whole />${s.client.proto_version && s.client.proto_version !== "2.0" && html` <span class="h-amber">protocol <${Wire} text=${s.client.proto_version} /></span>`}<//>`}
		${s.client?.hassh && html`<${Fact} word="Client HASSH"><${Wire} text=${s.client.hassh.hash} mono />
			${h && html`<br /><span class=${h.usual_for_source === false ? "h-amber" : "dim"}>seen on ${plural(h.sessions, "session")} of ${plural(h.sources, "source")}${h.first_seen && html` since <${Time} at=${h.first_seen} />`}${h.usual_for_source === true ? "; usual for this source" : h.usual_for_source === false ? "; not usual for this source" : ""}</span>`}<//>`}
		${s.server?.software_version !== undefined && html`<${Fact} word="Server"><${Wire} text=${s.server.software_version} mono whole /><//>`}
		${s.server?.hassh && html`<${Fact} word="Server HASSH"><${Wire} text=${s.server.hassh.hash} mono /><//>`}
		${(s.kex || s.cipher) && html`<${Fact} word="Key exchange"><span class="mono"><${Wire} text=${[s.kex, s.host_key, s.cipher, s.mac].filter(Boolean).join(" · ")} whole /></span><//>`}
	<//>
	${(s.client?.hassh?.string || s.server?.hassh?.string) && html`<details class="twin"><summary>What they offered</summary><${Facts}>${["client", "server"].map((k) => s[k]?.hassh?.string && html`<${Fact} word=${k} key=${k}><${Wire} text=${s[k].hassh.string} mono whole /><//>`)}<//></details>`}<//>`;
}

const SIDES = ["source", "destination"];
const SENT = { open: "OPEN", update: "UPDATE", notification: "NOTIFICATION", keepalive: "KEEPALIVE", route_refresh: "ROUTE-REFRESH" };

function Bgp({ d }) {
	const b = d.bgp;
	if (!b) return null;
	const from = (side) => (side === "source" ? d.source?.ip : side === "destination" ? d.destination?.ip : side) ?? side;
	return html`<${Section} title="BGP"><${Facts}>
		${SIDES.map((side) => b[side] && html`<${Fact} word=${html`<span class="mono"><${Wire} text=${from(side)} /></span> sent`} key=${side}>${Object.keys(SENT).filter((k) => b[side][k]).map((k) => `${count(b[side][k])} ${SENT[k]}`).join(", ") || "no message"}<//>`)}
		${(b.opens ?? []).map((o, i) => html`<${Fact} word="OPEN" key=${"o" + i}>from <span class="mono"><${Wire} text=${from(o.from)} /></span>: AS ${o.asn}, hold time ${o.hold_time} s, router <span class="mono"><${Wire} text=${o.router_id} /></span>${o.capabilities?.length > 0 && html` <span class="dim">capabilities ${o.capabilities.join(" ")}</span>`}<//>`)}
		${(b.notifications ?? []).map((n, i) => html`<${Fact} word="NOTIFICATION" key=${"n" + i}>from <span class="mono"><${Wire} text=${from(n.from)} /></span>: <b><${Wire} text=${n.name ?? `${n.code}/${n.subcode}`} /></b>${n.text && html`, it says “<${Wire} text=${n.text} whole />”`}<//>`)}
		${b.route && html`<${Fact} word="Route">${clean(b.route.action)} <span class="mono"><${Wire} text=${b.route.prefix} /></span><//>`}
	<//><//>`;
}

// ---- flow ------------------------------------------------------------------------------------

const INITIATOR = {
	syn: "the source: its SYN was seen", inventory: "the source, by the inventory: no SYN was seen", port: "the source, by the ports: no SYN was seen", unknown: "not known",
};

function Flow({ d }) {
	const f = d.detail ?? {}, net = d.network ?? {};
	const stack = [net.vlan?.length && `VLAN ${net.vlan.join(" / ")}`, net.mpls?.length && `MPLS ${net.mpls.join(" / ")}`, ...(net.encapsulation ?? []).map((e) => clean(e))].filter(Boolean);
	return html`<${Section} title="Flow"><${Facts}>
		<${Fact} word="State">${clean(d.state ?? "")}${d.outcome && `, ${clean(d.outcome)}`}<//>
		${f.handshake_ms !== undefined && d.established && html`<${Fact} word="Handshake">${f.handshake_ms} ms, ${plural(f.retransmits ?? 0, "retransmit")}, ${plural(f.missed_bytes ?? 0, "byte")} missed${f.fragments ? `, ${plural(f.fragments, "fragment")}` : ""}<//>`}
		<${Fact} word="Packets">${count(d.source?.packets ?? 0)} toward the device, ${count(d.destination?.packets ?? 0)} from it<//>
		<${Fact} word="Opened by">${INITIATOR[f.initiator] ?? clean(f.initiator ?? "not known")}<//>
		<${Fact} word="Seen by">${(d.seen_by ?? []).map((a, i) => html`${i ? ", " : ""}<a href=${href("health", { agent: a })}><bdi>${clean(a)}</bdi></a>`)}${stack.length > 0 && ` · ${stack.join(" · ")}`}${net.outer && html` <span class="dim">inside <span class="mono">${clean(net.outer.source)} → ${clean(net.outer.destination)}</span></span>`}<//>
		${d.community_id && html`<${Fact} word="Community ID"><${Wire} text=${d.community_id} mono /><//>`}
		<${Fact} word="Record"><span class="mono"><${Wire} text=${d.agent} />/<${Wire} text=${d.flow} /></span> · <${Download} path=${`sessions/${d.id}`} file=${`session-${d.id}.json`}>JSON<//><//>
	<//><//>`;
}

// ---- the panel -------------------------------------------------------------------------------

export default function Session({ id }) {
	const [{ doc: d, error }, again] = useOne("sessions", "session", id, AGAIN_MS);
	const close = () => go(here({ session: null }));
	const step = (by) => () => {
		const mine = Number(route.peek().params.session); // also when it has just changed
		let next = neighbour(mine, by);
		if (next === null) {
			const ids = openFlows().rows.all().filter((f) => f.service === "ssh" && f.established).sort((a, b) => (a.start < b.start ? 1 : -1)).map((f) => f.id);
			next = ids.includes(mine) ? ids[ids.indexOf(mine) + by] ?? null : null;
		}
		if (next !== null) go(here({ session: next }));
	};
	useKeys([
		{ keys: ["j"], words: "next session", group: "Panel", run: step(1) },
		{ keys: ["k"], words: "previous session", group: "Panel", run: step(-1) },
	], [id]);
	const gone = error?.status === 404;
	return html`<${Panel} label="Session" close=${close}
		head=${d ? html`<span class="dim">${d.path === "in-band" && d.service === "ssh" && d.established ? "Break-glass session" : "Flow"} ${d.id}</span>` : html`<span class="dim">Flow ${clean(id, 20)}</span>`}>
		${d && html`<${Head} d=${d} />`}
		${error && (gone ? html`<${Quiet}>No flow has this number${d ? " any more" : ""}. It may have been removed by retention. <a href=${href("flows")}>All flows</a><//>` : html`<${Failed} what="This session" error=${error} again=${again} />`)}
		${!d && !error && html`<${Loading} what="the session" rows=${6} />`}
		${d && html`<div class="sections" key=${d.id}><${Why} d=${d} /><${Who} d=${d} /><${Justified} d=${d} /><${Login} d=${d} /><${Bytes} d=${d} /><${Ssh} d=${d} /><${Bgp} d=${d} /><${Flow} d=${d} /></div>`}
	<//>`;
}
