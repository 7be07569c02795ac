// SPDX-License-Identifier: Apache-2.0
// Alerts: open, acknowledged, silenced, then what was resolved lately; and what operators do about
// them. #/alerts/ID marks one. Parameters: name, device, source, severity (only these).
//
// What an operator does is an event of the record; it shows here when the collector tells of it.
import { computed, html, useEffect, useRef, useState } from "../html.js";
import { act, mayOperate, self } from "../api.js";
import { alerts, devices, joined } from "../data.js";
import { Icon } from "../icons.js";
import { useKeys } from "../keys.js";
import { now, on, stale } from "../live.js";
import { ActButton } from "../parts/act.js";
import { Answers } from "../parts/answers.js";
import { Dialog } from "../parts/dialog.js";
import { Quiet, Ready } from "../parts/states.js";
import { Wire } from "../parts/text.js";
import { Sentence, Since, Time } from "../parts/time.js";
import { ms } from "../time.js";
import { go, here, href } from "../url.js";
import { clean, plural, SEVERITY } from "../words.js";

const RESOLVED = 30; // of the resolved ones, at most
const coarse = computed(() => Math.floor(now.value / 5000) * 5000); // what has run out is seen within 5 s
let acted = 0; // when the reader last did something here

// ---- what operators said -----------------------------------------------------------------------

// Silences and drills are read again when an alert changes, and when one runs out.
function useSaid(name) {
	const [list] = useState(() => joined({ path: name, params: { state: "open" }, name, key: (x) => x.id }));
	useEffect(() => {
		let timer = 0;
		const soon = () => {
			clearTimeout(timer);
			timer = setTimeout(list.reload, 300);
		};
		const offs = ["alert", "summary"].map((k) => on(k, soon));
		return () => {
			clearTimeout(timer);
			offs.forEach((f) => f());
			list.stop();
		};
	}, []);
	return list;
}

// An acknowledgement or a silence that has run out is over without anybody telling so.
function stateOf(a, silences, t) {
	if (a.state === "acknowledged" && a.acknowledged?.until && ms(a.acknowledged.until) <= t) return "open";
	if (a.state === "silenced" && silences.doc.value && !silences.rows.get(a.silence)) return a.acknowledged ? "acknowledged" : "open";
	return a.state;
}

// ---- dialogs ------------------------------------------------------------------------------------

const WHO = "glasswatch.by";
const remembered = () => {
	try {
		return sessionStorage.getItem(WHO) ?? "";
	} catch {
		return "";
	}
};
const LENGTHS = [["1h", "1 hour"], ["4h", "4 hours"], ["12h", "12 hours"], ["7d", "7 days"]];
const pad = (n) => String(n).padStart(2, "0");
const local = (t) => {
	const d = new Date(t);
	return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
};

// Why, until when, and who where no token says so. `send(body)` does it; the list shows it.
function Act({ title, word, children, close, send, openEnd, first = "4h", placeholder, ready = true }) {
	const [reason, setReason] = useState(""), [by, setBy] = useState(remembered()), [length, setLength] = useState(openEnd ? "" : first);
	const [until, setUntil] = useState(local(now.peek() + 4 * 3600000)), [busy, set] = useState(false), [error, fail] = useState(null);
	const asks = !self.value?.tokens;
	async function submit(e) {
		e.preventDefault();
		if (!reason.trim() || busy || !ready) return;
		const body = { reason: reason.trim() };
		if (length === "until") {
			const t = new Date(until).getTime();
			if (!(t > now.peek())) {
				fail({ message: "That moment has passed." });
				return;
			}
			body.until = new Date(t).toISOString().replace(/\.000Z$/, "Z");
		} else if (length) body.for = length;
		if (asks && by.trim()) {
			body.by = by.trim();
			try {
				sessionStorage.setItem(WHO, body.by);
			} catch {
				// asked again next time
			}
		}
		set(true);
		fail(null);
		try {
			await send(body);
			acted = Date.now();
			close();
		} catch (err) {
			fail(err);
			set(false);
		}
	}
	const choices = [...(openEnd ? [["", openEnd]] : []), ...LENGTHS, ["until", "until…"]];
	return html`<${Dialog} title=${title} close=${close}>
		<form onSubmit=${submit} class="act">
			${children}
			<label class="field">Why<textarea rows="2" required maxlength="500" placeholder=${placeholder} value=${reason} onInput=${(e) => setReason(e.target.value)} data-first /></label>
			<fieldset><legend>Until when</legend><div class="radios">${choices.map(([v, w]) => html`<label key=${v}><input type="radio" name="length" value=${v} checked=${length === v} onChange=${() => setLength(v)} />${w}</label>`)}</div>
				${length === "until" && html`<input class="input" type="datetime-local" aria-label="Until" required value=${until} onInput=${(e) => setUntil(e.target.value)} />`}</fieldset>
			${asks && html`<label class="field">Your name<input maxlength="60" autocomplete="username" value=${by} onInput=${(e) => setBy(e.target.value)} placeholder="local" /></label>`}
			${error && html`<p class="h-amber" role="alert"><${Icon} name="failing" /> ${clean(error.detail ?? error.message)}${error.request && html` <code>${clean(error.request)}</code>`}</p>`}
			<div class="row"><button class="btn pri" disabled=${busy || !reason.trim() || !ready}>${busy ? "Sending" : word}</button><button type="button" class="btn" onClick=${close}>Leave it</button>
				${self.value?.who && html`<span class="dim">as <bdi>${clean(self.value.who)}</bdi></span>`}</div>
		</form>
	<//>`;
}

const About = ({ a }) => html`<p><b>${clean(a.name)}</b> <span class="ink2"><${Wire} text=${a.device ?? a.agent ?? a.source} /></span><br /><span class="ink2"><${Sentence} text=${a.text} asOf=${a.last ?? a.since} /></span></p>`;

const Acknowledge = ({ a, close }) => html`<${Act} title="Acknowledge" word="Acknowledge" close=${close} openEnd="until it is resolved" placeholder="what you know or do about it"
	send=${(body) => act(`alerts/${a.id}/acknowledge`, body)}><${About} a=${a} /><//>`;

// What a silence fits: each part can be left out; at least one is needed.
function Silence({ a, close }) {
	const parts = ["name", "device", "source", "agent"].filter((k) => a[k]);
	const [chosen, choose] = useState(Object.fromEntries(parts.map((k) => [k, true])));
	const body = Object.fromEntries(parts.filter((k) => chosen[k]).map((k) => [k, a[k]]));
	const some = Object.keys(body).length > 0;
	return html`<${Act} title="Silence" word="Silence" close=${close} ready=${some} placeholder="CHG-2191, optics are swapped" send=${(more) => act("silences", { ...body, ...more })}>
		<p class="ink2">Alerts that fit are told to nobody until then. They stay in the record and on this page.</p>
		<fieldset><legend>Which alerts</legend>${parts.map((k) => html`<label class="check" key=${k}><input type="checkbox" checked=${chosen[k]} onChange=${(e) => choose({ ...chosen, [k]: e.target.checked })} /> ${k} <b><${Wire} text=${a[k]} /></b></label>`)}
			${!some && html`<p class="h-amber">At least one: a silence of everything is not meant.</p>`}</fieldset><//>`;
}

function Drill({ close }) {
	const [device, set] = useState("");
	return html`<${Act} title="Announce a drill" word="Announce" close=${close} first="1h" placeholder="quarterly break-glass test" send=${(body) => act("drills", { ...(device.trim() ? { device: device.trim() } : {}), ...body })}>
		<p class="ink2">Break-glass sessions that begin while it lasts count as drill, not as a failover.</p>
		<label class="field">Device<input list="drill-devices" spellcheck="false" autocapitalize="off" autocomplete="off" value=${device} onInput=${(e) => set(e.target.value)} placeholder="every device" /></label>
		<datalist id="drill-devices">${devices().rows.keys.value.slice(0, 2000).map((n) => html`<option value=${n} key=${n} />`)}</datalist><//>`;
}

// Ends a silence or a drill before its time: one click, as it only brings alerts back.
function End({ path, word, what }) {
	const [error, fail] = useState(null);
	const by = self.value?.tokens ? undefined : remembered() || undefined;
	return html`<${ActButton} aria-label=${`${word} ${what}`} onClick=${() => { fail(null); act(path, undefined, "DELETE", { by }).then(() => { acted = Date.now(); }, fail); }}>${word}<//>
		${error && html`<span class="h-amber">${clean(error.message)}</span>`}`;
}

// ---- one alert ------------------------------------------------------------------------------------

const ICON = { "untrusted-source": "untrusted", "in-band-unjustified": "unjustified", "in-band-unexplained": "unexplained", "no-policy": "nopolicy", "not-armed": "notarmed", "policy-changed": "differs", "agent-silent": "blind", "events-lost": "blind", "bgp-session-down": "bgpdown", "target-unseen": "blind" };
// What is there who should not be is red, what is not known amber; else as the severity says.
const RED = new Set(["untrusted-source", "in-band-unjustified"]), AMBER = new Set(["in-band-unexplained", "no-policy", "not-armed", "policy-changed", "agent-silent", "events-lost", "target-unseen"]);
const hue = (a) => (a.severity === "critical" || RED.has(a.name) ? "red" : AMBER.has(a.name) ? "amber" : SEVERITY[a.severity]?.hue);
const icon = (a) => (a.severity === "critical" ? "lost" : ICON[a.name] ?? SEVERITY[a.severity]?.icon ?? "flag");

// Where its proof is.
function proof(a) {
	const incident = a.incident ?? /^incident\/(\d+)$/.exec(a.bundle ?? "")?.[1];
	if (incident) return href("incidents", {}, incident);
	if (a.name === "policy-changed" || a.name === "no-policy") return href("trust", { device: a.device });
	if (a.source) return href("flows", { source: a.source, device: a.device });
	if (a.agent && !a.device) return href("health", { agent: a.agent });
	if (a.device) return href("fleet", { device: a.device });
	return null;
}
const PROOF = { incidents: "incident", trust: "its trust", flows: "its flows", health: "health", fleet: "the device" };
const proofWord = (to) => PROOF[to.slice(2).split(/[/?]/)[0]];

function Alert({ a, silence, state, index, focused, marked, open }) {
	const s = SEVERITY[a.severity] ?? SEVERITY.info, to = proof(a);
	const box = useRef(null);
	useEffect(() => { if (marked) box.current.scrollIntoView({ block: "nearest" }); }, [marked]);
	const ack = a.acknowledged;
	return html`<li ref=${box} class=${`alert sev-${a.severity}${marked ? " marked" : ""}`} tabindex=${focused ? 0 : -1} data-alert=${a.id} data-index=${index} aria-label=${`${clean(a.name)}, ${s.word}, ${state}`}>
		<${Icon} name=${icon(a)} hue=${hue(a)} />
		<div class="line1"><a class="n" href=${here({}).replace(/^#\/alerts(\/[^?]*)?/, `#/alerts/${a.id}`)}>${clean(a.name)}</a> <span class="ink2"><${Wire} text=${a.device ?? a.agent ?? a.source} /></span>
			<span class="dim">${s.word} · <${Time} at=${a.since} seconds /> · ${state === "resolved" ? html`over <${Time} at=${a.resolved} seconds />` : html`<${Since} at=${a.since} />`}${a.count > 1 ? ` · ${plural(a.count, "time")}` : ""} · #${a.id}${a.drill ? ` · drill ${a.drill}` : ""}</span></div>
		<div class="say"><${Sentence} text=${a.text} asOf=${a.last ?? a.since} />${to && html` <a class="nw" href=${to}>${proofWord(to)}</a>`}
			${ack && state !== "resolved" && html`<p class="dim">Acknowledged by <b><${Wire} text=${ack.by} /></b> at <${Time} at=${ack.at} />: “<${Wire} text=${ack.reason} />”, ${ack.until ? html`until <${Time} at=${ack.until} />` : "until it is resolved"}${ack.until && ms(ack.until) <= coarse.value ? ", which has passed" : ""}.</p>`}
			${silence && html`<p class="dim">Silenced by <b><${Wire} text=${silence.by} /></b>: “<${Wire} text=${silence.reason} />”, until <${Time} at=${silence.until} />.</p>`}
			${state === "resolved" && a.resolved_by && html`<p class="dim">Resolved: ${clean(a.resolved_by)}.</p>`}</div>
		${state !== "resolved" && html`<div class="do">
			<${ActButton} aria-keyshortcuts="a" onClick=${() => open("acknowledge", a)}>${state === "acknowledged" ? "Acknowledge again" : "Acknowledge"}<//>
			${silence ? html`<${End} path=${`silences/${silence.id}`} word="End silence" what=${`of ${a.name}`} />` : html`<${ActButton} aria-keyshortcuts="s" onClick=${() => open("silence", a)}>Silence…<//>`}</div>`}
	</li>`;
}

// ---- the view ---------------------------------------------------------------------------------------

const SECTIONS = [
	{ state: "open", title: "Open" },
	{ state: "acknowledged", title: "Acknowledged" },
	{ state: "silenced", title: "Silenced" },
	{ state: "resolved", title: "Resolved lately" },
];
const rank = (a) => SEVERITY[a.severity]?.rank ?? 0;
const worst = (a, b) => rank(b) - rank(a) || (a.since < b.since ? 1 : a.since > b.since ? -1 : b.id - a.id);
const latest = (a, b) => ((a.resolved ?? "") < (b.resolved ?? "") ? 1 : -1);

// Nothing moves under the pointer: while it is over the lists, or one has focus, what is there stays
// in its place and its section; what is new comes after. But what the reader has just done shows.
const OWN_MS = 3000;
function useCalm(lists) {
	const kept = useRef(null), hold = useRef(false);
	const [, again] = useState(0);
	if (!kept.current || !hold.current || Date.now() - acted < OWN_MS) kept.current = new Map(lists.flatMap((l, s) => l.map((a, i) => [a.id, { s, i }])));
	const shown = hold.current && Date.now() - acted >= OWN_MS
		? lists.map((_, s) => lists.flatMap((l, from) => l.filter((a) => (kept.current.get(a.id)?.s ?? from) === s))
			.sort((a, b) => (kept.current.get(a.id)?.i ?? 1e9) - (kept.current.get(b.id)?.i ?? 1e9)))
		: lists;
	const held = (yes) => () => {
		hold.current = yes;
		if (!yes) again((n) => n + 1);
	};
	return [shown, { onPointerEnter: held(true), onPointerLeave: held(false) }];
}

function Drills({ list }) {
	const rows = list.rows.all().filter((d) => d.active);
	if (!rows.length) return null;
	return html`<section class="card" aria-label="Drills"><header><h2>Drills in force</h2><span class="dim">${rows.length}</span></header><ul>${rows.map((d) => html`<li class="alert" key=${d.id}><${Icon} name="drill" hue="blue" />
		<div class="line1"><b>${d.device ? html`<${Wire} text=${d.device} />` : "every device"}</b> <span class="dim">drill ${d.id} · since <${Time} at=${d.since} /> · until <${Time} at=${d.until} /></span></div>
		<div class="say">Announced by <b><${Wire} text=${d.by} /></b>: “<${Wire} text=${d.reason} />”</div>
		<div class="do"><${End} path=${`drills/${d.id}`} word="End drill" what=${String(d.id)} /></div></li>`)}</ul></section>`;
}

export default function Alerts({ route }) {
	const list = alerts(), silences = useSaid("silences"), drills = useSaid("drills");
	const { params, id } = route;
	const [dialog, show] = useState(null), [at, setAt] = useState(null);
	const box = useRef(null);
	const t = coarse.value;
	// A silence that begins or ends changes no alert, only what its state is: asked for again.
	const force = silences.doc.value ? silences.rows.all().filter((x) => ms(x.until) > t).map((x) => x.id).join() : null, was = useRef(null);
	useEffect(() => {
		if (force === null) return;
		if (was.current !== null && was.current !== force) list.reload();
		was.current = force;
	}, [force]);
	// An alert without a device (of an agent, of a switch) is of every fabric.
	const inFabric = (a) => !params.fabric || !a.device || a.device.split("-")[0] === params.fabric;
	const wanted = (a) => inFabric(a) && ["name", "device", "source", "severity"].every((k) => !params[k] || a[k] === params[k]);
	const all = list.rows.all().filter(wanted).map((a) => ({ a, state: stateOf(a, silences, t) }));
	const [shown, calm] = useCalm(SECTIONS.map(({ state }) => all.filter((x) => x.state === state).map((x) => x.a).sort(state === "resolved" ? latest : worst).slice(0, state === "resolved" ? RESOLVED : undefined)));
	const flat = shown.flat(), chosen = flat.find((a) => a.id === at) ?? flat.find((a) => String(a.id) === id) ?? flat[0];
	const states = new Map(all.map((x) => [x.a.id, x.state]));

	const open = (kind, a) => show({ kind, a });
	const onRow = () => document.activeElement?.closest?.("[data-alert]");
	function move(step) {
		const i = flat.findIndex((a) => a.id === (onRow() ? Number(onRow().dataset.alert) : NaN));
		const next = flat[i < 0 ? (step > 0 ? 0 : flat.length - 1) : Math.max(0, Math.min(flat.length - 1, i + step))];
		if (!next) return;
		box.current.querySelector(`[data-alert="${next.id}"]`)?.focus(); // which says where we are
	}
	// The one with focus; with none, the first.
	function acting(kind) {
		const a = flat.find((x) => x.id === Number(onRow()?.dataset.alert)) ?? chosen;
		if (!a || !mayOperate.peek() || stale() || states.get(a.id) === "resolved" || (kind === "silence" && states.get(a.id) === "silenced")) return;
		open(kind, a);
	}
	const keys = useRef({});
	keys.current = { move, acting, enter() { const to = chosen && proof(chosen); if (to) go(to); } };
	useKeys([
		{ keys: ["ArrowDown", "j"], words: "next alert", group: "Alerts", run: () => keys.current.move(1) },
		{ keys: ["ArrowUp", "k"], words: "previous alert", group: "Alerts", run: () => keys.current.move(-1) },
		{ keys: ["a"], words: "acknowledge", group: "Alerts", run: () => keys.current.acting("acknowledge") },
		{ keys: ["s"], words: "silence", group: "Alerts", run: () => keys.current.acting("silence") },
		{ keys: ["Enter"], words: "what proves it", group: "Alerts", when: () => onRow() && document.activeElement === onRow(), run: () => keys.current.enter() },
	]);
	const filters = ["name", "device", "source", "severity"].filter((k) => params[k]);
	const known = list.doc.value?.states, more = known && list.doc.value.next ? known.open + known.acknowledged + known.silenced + known.resolved - list.rows.all().length : 0;
	let index = 0;
	return html`<${Answers} />
	<div class="pad alerts-view">
		<div class="bar"><h1>Alerts</h1>${filters.map((k) => html`<span class="token" key=${k}>${k} <b><bdi>${clean(params[k])}</bdi></b><a href=${here({ [k]: null })} aria-label=${"Remove " + k}><${Icon} name="close" /></a></span>`)}
			<span class="dim">One alert per cause. It resolves by itself when the cause is gone.</span><span class="grow" />
			<${ActButton} onClick=${() => open("drill")}><${Icon} name="drill" />Announce a drill…<//></div>
		<${Ready} list=${list} what="the alerts" rows=${4}>${() => html`
			<div class="lists" ref=${box} ...${calm} onFocusIn=${(e) => { const r = e.target.closest("[data-alert]"); if (r) setAt(Number(r.dataset.alert)); }}>
			${SECTIONS.map(({ state, title }, s) => html`<section class=${"card" + (shown[s].length || state === "open" ? "" : " none")} aria-label=${title} key=${state}>
				<header><h2>${title}</h2><span class="dim">${shown[s].length || (state === "open" ? "" : "none")}${state === "resolved" && known?.resolved > RESOLVED && !filters.length && !params.fabric ? ` of ${known.resolved}` : ""}</span></header>
				${shown[s].length ? html`<ul>${shown[s].map((a) => html`<${Alert} a=${a} key=${a.id} state=${states.get(a.id)} silence=${states.get(a.id) === "silenced" ? silences.rows.get(a.silence) : null}
					index=${index++} focused=${a === chosen} marked=${String(a.id) === id} open=${open} />`)}</ul>` : state === "open" && html`<${Quiet}>${filters.length ? "No open alert is so." : params.fabric ? html`No alert is open on <bdi>${clean(params.fabric)}</bdi>.` : "No alert is open."}<//>`}
			</section>`)}
			<${Drills} list=${drills} /></div>
			${more > 0 && html`<p class="quiet">${plural(more, "older alert is", "older alerts are")} not shown.</p>`}`}<//>
	</div>
	${dialog?.kind === "acknowledge" && html`<${Acknowledge} a=${dialog.a} close=${() => show(null)} />`}
	${dialog?.kind === "silence" && html`<${Silence} a=${dialog.a} close=${() => show(null)} />`}
	${dialog?.kind === "drill" && html`<${Drill} close=${() => show(null)} />`}`;
}
