// SPDX-License-Identifier: Apache-2.0
// Swim-lanes per device, one band per path. Parameters:
//	from, to       RFC 3339, or from=-1h alone: then the window goes with time (the default)
//	only           abnormal or all; none: all, but of more than 60 devices what is not normal
//	device         that one only
//	at             a moment that is marked
//	table          1: the same as rows
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { ask } from "../api.js";
import { around } from "../around.js";
import { agents, devices, incidents } from "../data.js";
import { Icon } from "../icons.js";
import { useKeys } from "../keys.js";
import { link, now, on, resets } from "../live.js";
import { Blind, Failed, Loading, NotSeen } from "../parts/states.js";
import { Lanes, Window } from "../timeline/lanes.js";
import { OPEN } from "../timeline/bars.js";
import { Overview } from "../timeline/overview.js";
import { layout } from "../timeline/rows.js";
import { HOUR, MINUTE, bounded, contextOf, parseMoment, relative, spelled } from "../timeline/scale.js";
import { TimeTable } from "../timeline/table.js";
import { Tiles } from "../timeline/tiles.js";
import { isOdd } from "../timeline/words.js";
import { clock, date, duration, ms } from "../time.js";
import { go, here, href, route } from "../url.js";
import { clean, count, plural } from "../words.js";

const DEFAULT = "-1h", FOLDS = 60;
const SPANS = [["-10m", "10 min"], ["-1h", "1 h"], ["-6h", "6 h"], ["-1d", "day"], ["-7d", "week"]];
const RESTING_MS = 15000; // a pointer that did not move for so long looks at nothing
const AHEAD = 0.04; // of a window that goes with time, after now

// ---- the window and the address -----------------------------------------------------------

// A window that goes with time moves by steps, so that nothing slides.
function followed(span, at) {
	const step = span / 50, to = Math.ceil((at + span * AHEAD) / step) * step;
	return { from: to - span * (1 + AHEAD), to, follow: span };
}

function spanOf({ from = DEFAULT, to }, at) {
	const rel = relative(from);
	if (rel !== null && !to) return followed(rel, at);
	const a = parseMoment(from, at), b = to ? parseMoment(to, at) : at;
	if (!Number.isFinite(a) || !Number.isFinite(b) || b <= a) return followed(HOUR, at);
	return { ...bounded(a, b), follow: null };
}

function useWindow() {
	const params = route.value.params;
	const own = useRef(null);
	const model = useMemo(() => {
		const s = spanOf(params, now.peek());
		const m = new Window(s.from, s.to, { follow: s.follow });
		m.told = (span, follow) => {
			if (follow) return;
			own.current = { from: spelled(span.from), to: spelled(span.to) };
			go(here(own.current));
		};
		return m;
	}, []);
	// The address says another one: Back, a link, a button. Not what the window itself has put there:
	// a key may have moved it on since.
	useLayoutEffect(() => {
		const mine = own.current;
		own.current = null;
		if (mine && params.from === mine.from && params.to === mine.to) return;
		const s = spanOf(params, now.peek()), m = model.span.peek();
		if (s.follow === null && Math.abs(m.from - s.from) < 1 && Math.abs(m.to - s.to) < 1) return;
		model.put(s.from, s.to, s.follow);
	}, [params.from, params.to]);
	return model;
}

// ---- what changes ----------------------------------------------------------------------------

// What the stream tells marks the tiles of that time; they are read again, calmly.
function useLive(tiles) {
	useEffect(() => {
		const known = new Map();
		const offs = [
			on("session", (f) => {
				const is = `${f.open} ${f.established} ${f.trust?.verdict} ${f.justified} ${f.user}`;
				if (f.open && known.get(f.id) === is) return; // only its bytes have changed
				if (known.size > 20000) known.clear();
				known.set(f.id, is);
				tiles.touched(ms(f.start), f.open ? Infinity : ms(f.end) + 1);
			}),
			on("device", (d) => tiles.touched(d.path.since ? Math.min(ms(d.path.since), now.peek() - MINUTE) : now.peek() - MINUTE)),
			on("alert", (a) => tiles.touched(ms(a.since), ms(a.since) + 1000)),
			on("gap", () => tiles.touched(now.peek() - HOUR)),
			resets.subscribe((n) => n && tiles.again()),
		];
		return () => offs.forEach((f) => f());
	}, [tiles]);
}

// An answer for what the window rests on; asked again when `again` changes.
function useAnswer(key, question) {
	const [state, set] = useState({ doc: null, error: null, key: null });
	useEffect(() => {
		if (!key) return undefined;
		const aborter = new AbortController();
		question(aborter.signal).then(
			(doc) => set({ doc, error: null, key }),
			(error) => error.name === "AbortError" || set((s) => ({ ...s, error })),
		);
		return () => aborter.abort();
	}, [key]);
	return state;
}

// Counts up some time after something changed, at most every `calm` ms.
function useBeat(tiles, calm) {
	const [beat, set] = useState(0);
	useEffect(() => {
		let timer = 0;
		const soon = () => { timer ||= setTimeout(() => { timer = 0; set((n) => n + 1); }, calm); };
		const offs = ["session", "device", "alert", "gap", "incident"].map((k) => on(k, soon));
		return () => { clearTimeout(timer); offs.forEach((f) => f()); };
	}, [tiles, calm]);
	return beat;
}

// ---- brackets: incidents that suspect a management switch ------------------------------------

function useBrackets(list, rest, older) {
	const all = list.rows.all();
	return useMemo(() => {
		const seen = new Map(), at = now.peek();
		for (const i of [...(older?.incidents ?? []), ...all]) if (i.kind === "management-switch" && i.subject) seen.set(i.id, i);
		const out = new Map();
		for (const i of seen.values()) {
			const t0 = ms(i.began), t1 = i.closed ? ms(i.closed) : OPEN;
			if (t1 < rest.from || t0 > rest.to) continue;
			const key = `${i.fabric ?? ""} ${i.subject}`;
			const calm = i.suspicion === "withdrawn";
			const last = duration((Math.min(t1, at) - t0) / 1000);
			const text = `${calm ? "suspicion of the management switch withdrawn" : "management switch suspected"} · ${last}`;
			out.set(key, [...(out.get(key) ?? []), { t0, t1, id: i.id, text, short: `${calm ? "withdrawn" : "suspected"} · ${last}`, calm }]);
		}
		return out;
	}, [list.rows.version.value, older, rest]);
}

// ---- parts -----------------------------------------------------------------------------------

const LEGEND = [
	["trusted", "on Ma1, trusted"], ["justified", "on lo6, justified"], ["drill", "drill"], ["unsure", "unexplained / no policy"], ["dense", "untrusted / not justified"],
	["lost", "path lost"], ["down", "failover", "down"], ["up", "failback", "up"], ["cross", "not answered", "cross"], ["bgpdown", "BGP down", "bgpdown"], ["bgpup", "BGP up", "bgpup"], ["flag", "alert", "flag"],
	["unarmed", "not armed"], ["blind", "we could not see"],
];
export const Legend = () => html`<ul class="tl-legend" aria-label="Legend">${LEGEND.map(([k, word, icon]) => html`<li key=${k}>${icon ? html`<${Icon} name=${icon} hue=${k === "flag" ? "amber" : k === "cross" ? "red" : undefined} />` : html`<i class=${"sw " + k} aria-hidden="true" />`}${word}</li>`)}</ul>`;

// The collector's words; the numbers bold.
function InWindow({ answer, fabric }) {
	const words = answer.doc?.words;
	return html`<section class="tl-words" aria-labelledby="in-window">
		<h2 id="in-window">In this window${fabric ? ", all fabrics" : ""}</h2>
		${words ? html`<ul>${words.map((w, i) => html`<li key=${i}>${w.split(/((?<![A-Za-z])\d[\d,.]*(?: (?:s|min|h|d)\b)?)/).map((p, k) => (k % 2 ? html`<b key=${k}>${p}</b>` : p))}</li>`)}</ul>` : answer.error ? html`<span class="dim">not known: ${clean(answer.error.detail ?? answer.error.message)}</span>` : html`<span class="dim">counting</span>`}
	</section>`;
}

function Range({ model }) {
	const { from, to } = model.span.value, follow = model.follow.value;
	const one = new Date(from).toDateString() === new Date(to).toDateString(), seconds = to - from < 2 * HOUR;
	const today = new Date(to).toDateString() === new Date(now.peek()).toDateString();
	return html`<span class="tl-range"><span class="nw">${!(one && today) && `${date(from)} `}${clock(from, seconds)} –</span> <span class="nw">${!one && `${date(to)} `}${clock(to, seconds)}</span> <span class="dim nw">· ${follow ? `the last ${duration(follow / 1000)}, goes with time` : duration((to - from) / 1000)}</span></span>`;
}

function CopyLink() {
	const [said, say] = useState("");
	const copy = async () => {
		const { from, to } = route.peek().params;
		let address = location.href;
		// A window that goes with time means something else tomorrow.
		if (!to || relative(from ?? DEFAULT) !== null) {
			const s = spanOf(route.peek().params, now.peek());
			address = location.href.replace(/#.*/, "") + here({ from: spelled(Math.round(s.from / 1000) * 1000), to: spelled(Math.round(s.to / 1000) * 1000) });
		}
		try {
			await navigator.clipboard.writeText(address);
			say("Copied");
		} catch {
			say("Not allowed: the address bar has it");
		}
		setTimeout(() => say(""), 2500);
	};
	return html`<button class="btn" onClick=${copy}><${Icon} name="link" /><span aria-live="polite">${said || "Copy link"}</span></button>`;
}

// ---- the view ---------------------------------------------------------------------------------

const labelOf = (width) => (width < 560 ? 132 : 190);

export default function Timeline() {
	const params = route.value.params, { only, device, fabric, table } = params;
	const list = devices(), model = useWindow();
	const tiles = useMemo(() => new Tiles({ device }), [device]);
	useEffect(() => () => tiles.stop(), [tiles]);
	useLive(tiles);

	// Tiles are asked for as the window moves; while it is zoomed, when it comes to rest.
	const span = model.rest.value, width = model.width.value;
	useEffect(() => {
		let timer = 0;
		const off = model.span.subscribe(({ from, to }) => {
			clearTimeout(timer);
			const ask = () => tiles.want(from, to, model.width.peek(), now.peek());
			if (!tiles.last || Math.abs(tiles.last.to - tiles.last.from - (to - from)) < 1) ask();
			else timer = setTimeout(ask, 90);
		});
		return () => { off(); clearTimeout(timer); };
	}, [tiles, model, width]);

	// A window that goes with time: by a step when now comes near its end, but not under a pointer
	// that is being moved.
	const held = useRef(0);
	useEffect(() => now.subscribe((t) => {
		const f = model.follow.peek();
		if (!f || Date.now() - held.current < RESTING_MS || link.peek().state === "stale") return;
		const s = followed(f, t), c = model.span.peek();
		if (s.to > c.to && t > c.to - f * (AHEAD / 4)) model.put(s.from, s.to, f);
		else tiles.want(c.from, c.to, model.width.peek(), t);
	}), [model, tiles]);

	const beat = useBeat(tiles, 2500);
	const live = span.to > now.peek() - MINUTE ? beat : 0;
	const words = useAnswer(`${span.from} ${span.to} ${device ?? ""} ${live}`, (signal) =>
		ask("timeline", { from: spelled(span.from), to: spelled(Math.min(span.to, Math.max(now.peek(), span.from + 1))), px: 100, limit: 1, only: "abnormal", device }, { signal }));
	const context = useRef(null);
	context.current = contextOf(span, now.peek(), context.current);
	const wide = context.current;
	const slow = useBeat(tiles, 10000);
	const overview = useAnswer(`${wide.from} ${wide.to} ${device ?? ""} ${wide.to > now.peek() ? slow : 0}`, (signal) =>
		ask("timeline", { from: spelled(wide.from), to: spelled(wide.to), px: 1000, limit: 300, only: "abnormal", device }, { signal }));
	const older = useAnswer(`${span.to > now.peek() ? "" : span.to}`, (signal) => ask("incidents", { kind: "management-switch", until: spelled(span.to), limit: 50 }, { signal }));
	const brackets = useBrackets(incidents(), span, older.doc);

	// ---- lanes
	const rows = list.rows.all(), version = tiles.version.value;
	const mine = rows.filter((d) => (!device || d.name === device) && (!fabric || d.fabric === fabric));
	const auto = !device && mine.length > FOLDS;
	const folding = !device && (only === "abnormal" || (only !== "all" && auto));
	// Which lanes there are is decided when the window rests, not under the pointer.
	const oddKey = folding ? version : 0;
	const odd = useMemo(() => folding && new Set(mine.filter((d) => isOdd(tiles.lane(d.name), span.from, span.to)).map((d) => d.name)), [folding, oddKey, span, list.rows.keys.value, fabric]);
	const plan = useMemo(() => layout(mine, (d) => {
		if (odd) return odd.has(d.name);
		if (device) return true;
		// A management switch is the line over its devices, and a lane when it is used itself.
		if (d.role !== "mgmt-switch" || !mine.some((o) => o.group?.switch === d.name)) return true;
		const l = tiles.lane(d.name);
		return l.ma1.n > 0 || l.lo6.n > 0;
	}), [list.rows.keys.value, odd, device, fabric, version > 0, tiles]);
	const folded = mine.length - plan.lanes.length;

	const begun = useMemo(() => {
		const all = agents().rows.all().map((a) => ms(a.first_seen)).filter(Number.isFinite);
		return all.length ? Math.min(...all) : null;
	}, [agents().rows.version.value]);

	const pick = useCallback((h) => {
		if (h.kind === "bar" && h.bar.id) {
			// j and k in its panel: the sessions of the same lane.
			around.value = model.things?.(h.row).filter((x) => x.bar?.id).map((x) => String(x.bar.id)) ?? null;
			go(here({ session: h.bar.id }));
		} else if (h.kind === "mark" && h.mark.kind === "alert") go(href("alerts", { device: h.row.device, name: h.mark.state }));
		else if (h.kind === "bar" && h.bar.count > 1) {
			const t1 = Math.min(h.t1, now.peek()), pad = Math.max(1000, (t1 - h.t0) * 0.15);
			model.set(h.t0 - pad, t1 + pad);
			model.settle();
		} else if (h.kind === "bracket") go(href("incidents", {}, h.bracket.id));
		else go(here({ at: spelled(Math.round(h.mark?.t ?? h.t ?? h.t0)) }));
	}, [model]);
	useEffect(() => () => { around.value = null; }, []);

	// ---- next and previous mark that is not normal
	const step = useCallback((dir) => {
		const { from, to } = model.span.peek(), f = model.focus?.()?.item;
		const t = f?.t0 ?? (dir > 0 ? from : to);
		let best = null;
		const better = (x) => dir > 0 ? x.t0 > t && (!best || x.t0 < best.t0) : x.t0 < t && (!best || x.t0 > best.t0);
		for (const row of plan.lanes) for (const x of model.things(row)) {
			const abnormal = x.kind === "bar" ? x.bar.cls > 3 || (x.band === 1 && x.bar.cls > 1) : x.kind === "mark" ? x.mark.kind !== "bgp" || x.mark.state === "down" || x.mark.state === "not-armed" : true;
			if (abnormal && better(x)) best = x;
		}
		if (best) {
			model.go(best);
			return;
		}
		// None in the tiles: the overview knows of more. Go near, and try there.
		let near = null;
		for (const l of overview.doc?.lanes ?? []) {
			const base = ms(overview.doc.from);
			const times = [...l.lo6.map((r) => r[0]), ...l.ma1.filter((r) => r[2] !== "trusted" && r[2] !== "failed").map((r) => r[0]), ...l.marks.map((m) => m.t)];
			for (const s of times) {
				const x = base + s * 1000;
				if (dir > 0 ? x > to && (near === null || x < near) : x < from && (near === null || x > near)) near = x;
			}
		}
		if (near !== null) {
			const w = to - from;
			model.set(near - w * 0.4, near + w * 0.6);
			model.settle();
		}
	}, [model, plan, overview.doc]);

	const move = (f) => () => { f(); model.soon(); };
	useKeys([
		{ keys: ["ArrowLeft"], words: "earlier", group: "Timeline", run: move(() => model.pan(-0.12)) },
		{ keys: ["ArrowRight"], words: "later", group: "Timeline", run: move(() => model.pan(0.12)) },
		{ keys: ["+", "="], words: "nearer", group: "Timeline", run: move(() => model.zoom(0.6)) },
		{ keys: ["-"], words: "farther", group: "Timeline", run: move(() => model.zoom(1 / 0.6)) },
		{ keys: ["0"], words: "the last hour again", group: "Timeline", run: () => go(here({ from: null, to: null })) },
		{ keys: ["n"], words: "next mark that is not normal", group: "Timeline", run: () => step(1) },
		{ keys: ["N"], words: "the one before", group: "Timeline", run: () => step(-1) },
		{ keys: [",", "."], words: "previous, next thing in the lane", group: "Timeline", run: () => false },
		{ keys: ["Escape"], words: null, run: () => (params.at ? go(here({ at: null })) : false) },
	], [model, step, params.at]);

	const [box, measure] = useState(1200);
	const frame = useRef(null);
	useEffect(() => {
		const o = new ResizeObserver(() => frame.current && measure(frame.current.clientWidth));
		o.observe(frame.current);
		return () => o.disconnect();
	}, []);
	const labelWidth = labelOf(box);

	const state = list.state.value, error = tiles.error.value, unread = tiles.waiting.value > 0 || (version === 0 && span.from < now.peek());
	const at = params.at ? ms(params.at) : null;
	const segment = params.to ? null : params.from ?? DEFAULT;
	const empty = state === "ready" && rows.length === 0;
	return html`<div class="pad timeline-view">
		<div class="bar"><h1>Timeline</h1>
			<span class="seg" role="group" aria-label="Span">${SPANS.map(([v, w]) => html`<a href=${here({ from: v === DEFAULT ? null : v, to: null })} aria-current=${segment === v ? "true" : undefined} key=${v}>${w}</a>`)}</span>
			${device
				? html`<span class="tl-device">only <b><bdi>${clean(device)}</bdi></b> <a class="btn" href=${here({ device: null })}>all devices</a></span>`
				: html`<span class="seg" role="group" aria-label="Lanes"><a href=${here({ only: auto ? "all" : null })} aria-current=${folding ? undefined : "true"}>all ${count(mine.length)}</a><a href=${here({ only: auto ? null : "abnormal" })} aria-current=${folding ? "true" : undefined}>only what is not normal</a></span>`}
			<span class="grow" /><${Range} model=${model} />
			<span class="row"><button class="btn" aria-label="Nearer" onClick=${move(() => model.zoom(0.6))}>+</button><button class="btn" aria-label="Farther" onClick=${move(() => model.zoom(1 / 0.6))}>−</button>
			<a class="btn" href=${here({ table: table ? null : 1 })} aria-pressed=${table ? "true" : "false"} role="button"><${Icon} name="rows" />${table ? "Show as lanes" : "Show as table"}</a><${CopyLink} /></span></div>
		${error && html`<${Failed} what=${"Some of the timeline"} error=${error} again=${() => tiles.again()} />`}
		<section class="card tl-card" ref=${frame} aria-label="Timeline" onPointerMove=${() => { held.current = Date.now(); }} onPointerLeave=${() => { held.current = 0; }}>
			<${Overview} model=${model} doc=${overview.doc} context=${wide} labelWidth=${labelWidth} />
			${state === "loading" && !rows.length ? html`<${Loading} what="the devices" rows=${6} />`
				: empty ? html`<${Blind} title="Nothing has been seen yet" command="glasswatch-agent run -c /etc/glasswatch/agent.yaml">That is not the same as nothing happening: no agent has told of a device.<//>`
				: table ? html`<${TimeTable} tiles=${tiles} plan=${plan} span=${span} pick=${pick} />`
				: html`<${Lanes} model=${model} tiles=${tiles} plan=${plan} brackets=${brackets} begun=${begun} cursor=${at} pick=${pick} label="Lanes: a row for each device, Ma1 above, lo6 below" labelWidth=${labelWidth} />`}
			${!empty && plan.lanes.length === 0 && state === "ready" && html`<p class="quiet" aria-busy=${unread ? "true" : undefined}>${unread ? "Reading this window." : device ? html`<bdi>${clean(device)}</bdi> is not known.` : "Nothing in this window is not normal."}</p>`}
			${folding && folded > 0 && !unread && html`<p class="quiet tl-folded">${plural(folded, "lane")} ${folded === 1 ? "is" : "are"} folded: nothing in this window is not normal there. <a href=${here({ only: "all" })}>Show all</a></p>`}
			${unread && plan.lanes.length > 0 && html`<p class="unseen" role="status" aria-busy="true">Waiting for this window.</p>`}
			${tiles.sampled && html`<${NotSeen}>So many sessions that ordinary ones on Ma1 are drawn where there were some, not one by one.${tiles.thinned ? "" : " What is not normal is whole."}<//>`}
			${tiles.thinned && html`<${NotSeen}>So much is not normal that some of each kind are drawn on each lane, not all. A shorter window has them all.<//>`}
			${tiles.cut && html`<${NotSeen}>There are more marks in this window than were read: the oldest ones are left out. A shorter window has them all.<//>`}
			${begun && begun > span.from && html`<${NotSeen}>Before ${date(begun)} ${clock(begun)} no agent had begun: nothing was seen then.<//>`}
			<${Legend} />
			${!empty && html`<${InWindow} answer=${words} fabric=${fabric} />`}
		</section>
	</div>`;
}

