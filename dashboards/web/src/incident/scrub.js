// SPDX-License-Identifier: Apache-2.0
// Minute by minute: a scrubber, the devices as glyphs and the lanes as they were at that moment,
// and what the record says around it. Moves without the collector (moment.js); the lanes' tiles
// are read once.
import { html, useEffect, useMemo } from "../html.js";
import { devices, incidents } from "../data.js";
import { useKeys } from "../keys.js";
import { now, on, resets } from "../live.js";
import { Glyph, stand } from "../parts/ladder.js";
import { Failed } from "../parts/states.js";
import { Time } from "../parts/time.js";
import { clock, moment, ms } from "../time.js";
import { OPEN } from "../timeline/bars.js";
import { Lanes, Window } from "../timeline/lanes.js";
import { layout } from "../timeline/rows.js";
import { spelled } from "../timeline/scale.js";
import { Tiles } from "../timeline/tiles.js";
import { go, here, href, replace, route } from "../url.js";
import { clean, plural } from "../words.js";
import { at, bounds, history, near, tally, worst } from "./moment.js";
import { Said } from "./said.js";

const MINUTE = 60000;

// A device as it was: what it is, with the path and the sessions of then. Trust and readiness are
// of today, so they are left out.
const then = (d, was, who) => ({
	...d, path: { state: was.path }, open: { ma1: 0, lo6: was.open, first: who }, armed: undefined, drill: undefined,
	trust: { no_policy: false }, refused_1h: 0, ma1: { ...d.ma1, evidence: "ok" },
});

function FleetThen({ doc, h, t, rows }) {
	const known = useMemo(() => new Map(rows.map((d) => [d.name, d])), [rows]);
	const names = [...h.devices.keys()];
	const open = doc.sessions.filter((s) => ms(s.start) <= t && (s.open || ms(s.end) > t));
	const many = names.length > 24;
	return html`<ul class=${"then" + (many ? " many" : "")}>${names.map((name) => {
		const base = known.get(name) ?? { name, role: "unknown", group: {}, ma1: { address: "?" }, lo6: {}, open: {} };
		const who = open.filter((s) => s.device === name).map((s) => s.user ?? s.source);
		const d = then(base, at(h.devices.get(name), t), who), s = stand(d);
		const word = who.length ? who.map((w) => clean(w, 24)).join(", ") : s.hasLo6 || s.lost ? { primary: "Ma1", "in-band": "lo6 only" }[s.state] ?? s.word : "Ma1";
		return html`<li key=${name}><${Glyph} d=${d} s=${s} /><bdi class="nm">${clean(name)}</bdi><span class=${"h-" + (s.rank ? s.hue : "dim")}><bdi>${word}</bdi></span></li>`;
	})}</ul>`;
}

// The report shouts what matters; here a colour does.
const lower = (w) => (w === w.toUpperCase() ? w.toLowerCase() : w);

const TONE = { red: "red", amber: "amber", blue: "blue" };

function Around({ rows, t, began, to }) {
	return html`<section class="around" aria-label=${`Around ${clock(t)}`}><h3>Around ${clock(t)}</h3>
		<ol>${near(rows, t).map((r) => html`<li key=${r.i} class=${r.t > t ? "later" : ""}>
			<button class="link nw" onClick=${() => to(r.t)}><${Time} at=${r.t} seconds /></button>
			<span><b class=${TONE[r.tone] ? `h-${TONE[r.tone]}` : ""}>${lower(clean(r.what, 60))}</b>${r.count > 1 && html` <span class="dim">${r.count} times</span>`} ${r.device && html`<bdi>${clean(r.device)}</bdi>`}</span>
			<span class="l2 ink2"><${Said} text=${r.text} began=${began} /></span></li>`)}</ol>
	</section>`;
}

export function Scrub({ doc }) {
	const h = useMemo(() => history(doc), [doc]), b = useMemo(() => bounds(doc), [doc]);
	const first = useMemo(() => worst(doc, h), [doc.id]);
	const asked = ms(route.value.params.t), t = Math.min(b.to, Math.max(b.from, Number.isFinite(asked) ? asked : first));
	const log = useMemo(() => doc.timeline.map((r, i) => ({ ...r, i, t: ms(r.time) })).sort((x, y) => x.t - y.t), [doc]);

	const put = (x, done) => {
		const to = here({ t: spelled(Math.min(b.to, Math.max(b.from, x))) });
		if (done) go(to);
		else replace(to);
	};
	const minute = (dir) => {
		const on = Math.floor(t / MINUTE) * MINUTE;
		put(dir > 0 ? on + MINUTE : on === t ? on - MINUTE : on);
	};
	const change = (dir) => {
		const next = dir > 0 ? h.times.find((x) => x > t + 0.5) : h.times.findLast((x) => x < t - 0.5);
		if (next !== undefined) put(next);
	};
	useKeys([
		{ keys: ["["], words: "a minute back", group: "Incident", run: () => minute(-1) },
		{ keys: ["]"], words: "a minute on", group: "Incident", run: () => minute(1) },
		{ keys: ["{"], words: "the change before", group: "Incident", run: () => change(-1) },
		{ keys: ["}"], words: "the next change", group: "Incident", run: () => change(1) },
	], [t, b, h]);

	// The slider's own keys, and the view's, which keys.js leaves alone inside an input.
	const slideKey = (e) => {
		const by = { ArrowLeft: -10000, ArrowRight: 10000, ArrowDown: -10000, ArrowUp: 10000, PageUp: MINUTE, PageDown: -MINUTE }[e.key];
		const run = { "[": () => minute(-1), "]": () => minute(1), "{": () => change(-1), "}": () => change(1) }[e.key];
		if (e.ctrlKey || e.altKey || e.metaKey || !(by || run)) return;
		e.preventDefault();
		e.stopPropagation();
		if (by) put(t + by);
		else run();
	};

	// ---- the lanes of then
	const model = useMemo(() => new Window(b.from, b.to), [doc.id]);
	useEffect(() => {
		const { from, to } = model.rest.peek(), s = model.span.peek();
		// It goes on: the window grows with it, unless the reader has moved it or is moving it.
		if (from === b.from && to < b.to && s.from === from && s.to === to) model.put(b.from, b.to);
	}, [b]);
	const tiles = useMemo(() => new Tiles(), [doc.id]);
	useEffect(() => () => tiles.stop(), [tiles]);
	const width = model.width.value;
	useEffect(() => model.span.subscribe(({ from, to }) => tiles.want(from, to, model.width.peek(), now.peek())), [tiles, model, width]);
	useEffect(() => {
		const offs = [on("session", (f) => tiles.touched(ms(f.start))), on("device", () => tiles.touched(now.peek() - MINUTE)), resets.subscribe((n) => n && tiles.again())];
		return () => offs.forEach((f) => f());
	}, [tiles]);

	const rows = devices().rows.all();
	const mine = useMemo(() => new Set(doc.devices.map((d) => d.name)), [doc]);
	const plan = useMemo(() => layout(rows.filter((d) => mine.has(d.name)), () => true), [devices().rows.keys.value, mine]);
	const list = incidents().rows.all();
	const brackets = useMemo(() => {
		const out = new Map();
		if (doc.kind !== "management-switch") return out;
		const calm = doc.suspicion === "withdrawn";
		const text = calm ? "suspicion of the management switch withdrawn" : "management switch suspected";
		out.set(`${doc.fabric ?? ""} ${doc.subject}`, [{ t0: b.began, t1: doc.closed ? ms(doc.closed) : OPEN, id: doc.id, text, short: "suspected", calm }]);
		return out;
	}, [doc, list.length > 0]);
	const pick = (x) => {
		if (x.kind === "bar" && x.bar.id) go(here({ session: x.bar.id }));
		else put(x.mark?.t ?? x.t ?? x.t0, true);
	};

	const n = tally(h, t), parts = [];
	parts.push(n.lost ? `${plural(n.lost, "device")} without Ma1` : "no device without Ma1");
	if (n.neither) parts.push(`${n.neither} on neither path`);
	parts.push(n.sessions ? `${plural(n.sessions, "session")} open on lo6` : "nobody on lo6");
	const phase = t < b.began ? "before it began" : doc.closed && t >= ms(doc.closed) ? "over" : "";
	const words = parts.join(", ") + (phase ? `; ${phase}` : "");
	const untrusted = doc.kind === "untrusted-source";
	return html`<section class="card scrub" aria-labelledby="scrub-h">
		<header><h2 id="scrub-h">Minute by minute</h2><b class="at"><${Time} at=${t} seconds /></b><span>${untrusted ? phase || "going on" : words}</span><span class="grow" />
			<span class="keys-hint dim"><kbd>[</kbd><kbd>]</kbd> a minute · <kbd>{</kbd><kbd>}</kbd> next change</span></header>
		<div class="slide"><input type="range" min=${b.from} max=${b.to} step="1000" value=${t} aria-label="Moment of the incident" aria-valuetext=${`${moment(t, now.peek(), true)}, ${words}`}
				onInput=${(e) => put(Number(e.target.value))} onChange=${(e) => put(Number(e.target.value), true)}
				onKeyDown=${slideKey} />
			<span class="row steps"><button class="btn" onClick=${() => change(-1)}>‹ change</button><button class="btn" onClick=${() => minute(-1)}>− 1 min</button><button class="btn" onClick=${() => minute(1)}>+ 1 min</button><button class="btn" onClick=${() => change(1)}>change ›</button></span></div>
		<div class="split">
			<div><h3>Devices at ${clock(t, true)}</h3><${FleetThen} doc=${doc} h=${h} t=${t} rows=${rows} /></div>
			<div class="lanes">
				${tiles.error.value && html`<${Failed} what="The lanes" error=${tiles.error.value} again=${() => tiles.again()} />`}
				${plan.lanes.length > 0 && html`<${Lanes} model=${model} tiles=${tiles} plan=${plan} brackets=${brackets} cursor=${t} until=${Math.min(t, now.peek())} pick=${pick} label="Lanes of the incident's devices" labelWidth=${innerWidth < 720 ? 132 : 170} quiet />`}
				<div class="row lanes-foot"><a href=${href("timeline", { from: spelled(b.from), to: spelled(b.to), at: spelled(t) })}>the whole fabric then</a>
					<button class="btn" onClick=${() => { model.put(b.from, b.to); }}>whole incident</button></div>
				<${Around} rows=${log} t=${t} began=${doc.began} to=${(x) => put(x, true)} />
			</div>
		</div>
	</section>`;
}

