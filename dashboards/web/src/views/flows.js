// SPDX-License-Identifier: Apache-2.0
// Flows: what was seen, the newest first; filtered by tokens, followed live, taken away as CSV or
// JSON. Parameters: those of GET /flows (filter.js), established=yes (break-glass sessions only),
// tail=off (paused).
//
// Rows never move under the reader: new ones wait in one line while the table has pointer or
// focus, is scrolled, or is paused. What changes in a row changes in place.
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { ask } from "../api.js";
import { around } from "../around.js";
import { agents, devices } from "../data.js";
import { Icon } from "../icons.js";
import { useKeys } from "../keys.js";
import { link, now, on, resets, stale } from "../live.js";
import { Download } from "../parts/download.js";
import { Blind, Failed, Loading, Quiet } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Wire } from "../parts/text.js";
import { Time } from "../parts/time.js";
import { duration, ms } from "../time.js";
import { go, here, href } from "../url.js";
import { bytes, clean, count, JUSTIFIED, pathWord, plural, VERDICT } from "../words.js";
import { isSessions, KEYS, matcher, question, SESSIONS, take, tokens, words } from "./filter.js";

const FIRST = 200, NEXT = 500; // rows of the first page, of the others
const COUNT_MS = 4000; // counts are asked for again so often, at most

// ---- the rows --------------------------------------------------------------------------------

const newer = (a, b) => (a.start !== b.start ? (a.start > b.start ? -1 : 1) : b.id - a.id);

// All that the view shows of one question; `held()` says whether rows must stay where they are.
class Rows {
	constructor(params, changed) {
		const { path, params: q } = question(params);
		Object.assign(this, { path, q, changed, matches: matcher(params), rows: [], at: new Map(), waiting: new Map() });
		this.state = "loading";
		this.version = 0;
		this.held = () => false;
		this.stopped = false;
	}
	ask(more, aborter) {
		return ask(this.path, { ...this.q, ...more }, { signal: aborter?.signal });
	}
	async load() {
		this.aborter?.abort();
		const mine = (this.aborter = new AbortController());
		this.meanwhile = [];
		if (this.state === "error") this.state = "loading";
		this.changed(this);
		try {
			const doc = await this.ask({ limit: FIRST }, mine);
			this.rows = doc[this.path];
			this.at = new Map(this.rows.map((r) => [r.id, r]));
			this.waiting.clear();
			Object.assign(this, { next: doc.next ?? null, count: doc.count, facets: doc.facets, state: "ready", error: null });
			const { meanwhile } = this;
			this.meanwhile = null;
			for (const m of meanwhile) if (m.id > doc.cursor) this.told(m.row, m.id);
		} catch (e) {
			if (e.name === "AbortError" || this.stopped) return;
			this.meanwhile = null;
			Object.assign(this, { state: "error", error: e });
		}
		this.changed(this);
	}
	async more() {
		if (!this.next) return;
		if (this.fetching) {
			this.wanted = true; // the reader was faster
			return;
		}
		this.fetching = true;
		try {
			const doc = await this.ask({ limit: NEXT, after: this.next }, this.aborter);
			for (const r of doc[this.path]) if (!this.at.has(r.id)) {
				this.rows.push(r);
				this.at.set(r.id, r);
			}
			this.rows = [...this.rows];
			this.next = doc.next ?? null;
			this.moreError = null;
		} catch (e) {
			if (e.name !== "AbortError") this.moreError = e;
		}
		this.fetching = false;
		if (this.stopped) return;
		this.changed(this);
		if (this.wanted && !this.moreError) {
			this.wanted = false;
			this.more();
		}
	}
	// A row of the stream: a state of a flow.
	told(row, id) {
		if (this.meanwhile) {
			this.meanwhile.push({ row, id });
			return;
		}
		if (this.state !== "ready") return;
		const belongs = this.matches(row, now.peek());
		const old = this.at.get(row.id);
		if (old) {
			const fresh = { ...old, ...row, gone: belongs === false };
			this.at.set(row.id, fresh);
			this.rows = this.rows.map((r) => (r.id === row.id ? fresh : r));
		} else if (this.waiting.has(row.id)) {
			if (belongs) this.waiting.set(row.id, row);
			else this.waiting.delete(row.id);
		} else if (belongs && !(this.next && this.rows.length && newer(this.rows.at(-1), row) < 0)) this.waiting.set(row.id, row);
		else if (belongs === undefined) this.unsure = true;
		this.dirty = true;
		if (!this.held()) this.take();
		this.changed(this);
	}
	// What waits takes its place; what no longer belongs goes.
	take() {
		if (this.unsure) {
			this.unsure = false;
			this.load();
			return;
		}
		const gone = this.rows.some((r) => r.gone);
		if (!this.waiting.size && !gone) return;
		for (const [id, r] of this.waiting) this.at.set(id, r);
		this.rows = [...this.waiting.values(), ...this.rows].filter((r) => !r.gone || (this.at.delete(r.id), false)).sort(newer);
		this.waiting.clear();
		this.changed(this);
	}
	// Counts are the collector's: asked for again when something has changed.
	async recount() {
		if (!this.dirty || this.state !== "ready" || stale()) return;
		this.dirty = false;
		try {
			const doc = await this.ask({ limit: 1 }, this.aborter);
			Object.assign(this, { count: doc.count, facets: doc.facets });
			this.changed(this);
		} catch {
			// then with the next change
		}
	}
}

function useRows(params, held) {
	// A component is drawn again when what it is given is another: the version goes with the list.
	const [, again] = useState(0);
	const key = JSON.stringify(question(params));
	const list = useMemo(() => new Rows(params, (l) => {
		l.version++;
		again((n) => n + 1);
	}), [key]);
	list.held = held;
	useEffect(() => {
		list.load();
		const offs = [on("session", (row, id) => list.told(row, id)), resets.subscribe((n) => n && list.load())];
		const timer = setInterval(() => list.recount(), COUNT_MS);
		return () => {
			list.stopped = true;
			list.aborter?.abort();
			offs.forEach((f) => f());
			clearInterval(timer);
		};
	}, [list]);
	return list;
}

// ---- cells -----------------------------------------------------------------------------------

// Accounts that programs use; the page writes people bold.
const SERVICE = /^(oxidized|rancid|nms|monitoring|backup|ansible|napalm|cvp|zabbix|nagios|icinga|svc[-_].*|.*[-_](svc|bot))$/i;
const FAILED = new Set(["unanswered", "refused", "unreachable", "reset"]);

const session = (f) => here({ session: f.id });

function Verdict({ f }) {
	const v = VERDICT[f.trust?.verdict];
	if (!v) return html`<span class="dim">not judged</span>`;
	return html`<span class=${v.hue === "grey" ? "ink2" : `h-${v.hue} b`}><${Icon} name=${v.icon} hue=${v.hue === "grey" ? undefined : v.hue} /> ${v.word}</span>`;
}
const Who = ({ f }) => (f.user ? html`<${Wire} text=${f.user} class=${SERVICE.test(f.user) ? "ink2" : "b"} />` : html`<span class="dim">not known</span>`);
const Address = ({ end }) => html`<bdi class="mono">${end.ip?.includes(":") ? `[${clean(end.ip)}]` : clean(end.ip)}:${end.port}</bdi>`;
function Path({ f }) {
	if (f.path !== "in-band") return html`<span class="ink2">${pathWord(f.path) || "–"}</span>`;
	const j = f.established && f.service === "ssh" && JUSTIFIED[f.justified];
	return html`<span class="h-blue b"><${Icon} name="inband" /> lo6</span>${j && j !== JUSTIFIED.yes && html` <span class=${"b h-" + j.hue}><${Icon} name=${j.icon} /> ${j.word}</span>`}`;
}
const Outcome = ({ f }) => html`<span class=${FAILED.has(f.outcome) ? "h-red" : "ink2"}>${f.open && f.established ? "open" : f.outcome ?? "–"}</span> <span class="dim">${clean(f.state ?? "", 8)}</span>`;
const LOGIN = { success: "success", failure: "failure", unknown: "unknown" };
const Login = ({ f }) => (LOGIN[f.login] ? html`<span class=${f.login === "failure" ? "h-red" : "ink2"}>${LOGIN[f.login]}</span>` : html`<span class="dim">–</span>`);
function Lasted({ f }) {
	const s = f.open ? (now.value - ms(f.start)) / 1000 : f.duration_s ?? 0;
	return html`<span class="ink2">${f.open || s >= 0.0005 ? duration(s) : "0"}</span>`;
}
const Bytes = ({ f }) => html`<span class="ink2">${bytes(f.source.bytes)} / ${bytes(f.destination.bytes)}</span>`;
const When = ({ f }) => html`<a class="when" href=${session(f)} tabindex="-1"><${Time} at=${f.start} seconds /></a>`;

const COLUMNS = [
	{ key: "time", title: "Time", width: "104px", cell: (f) => html`<${When} f=${f} />` },
	{ key: "verdict", title: "Verdict", width: "94px", cell: (f) => html`<${Verdict} f=${f} />` },
	{ key: "who", title: "Who", width: "minmax(70px, 0.7fr)", cell: (f) => html`<${Who} f=${f} />` },
	{ key: "source", title: "Source", width: "minmax(150px, 1.1fr)", cell: (f) => html`<${Address} end=${f.source} />` },
	{ key: "device", title: "Device", width: "minmax(118px, 1fr)", cell: (f) => html`<${Wire} text=${f.device} />` },
	{ key: "path", title: "Path", width: "minmax(52px, 0.8fr)", cell: (f) => html`<${Path} f=${f} />` },
	{ key: "service", title: "Service", width: "48px", cell: (f) => html`<span class="ink2">${f.service === "bgp" ? "BGP" : f.service === "ssh" ? "SSH" : "–"}</span>` },
	{ key: "outcome", title: "Outcome", width: "108px", cell: (f) => html`<${Outcome} f=${f} />` },
	{ key: "login", title: "Login", width: "58px", cell: (f) => html`<${Login} f=${f} />` },
	{ key: "lasted", title: "Lasted", width: "76px", right: true, cell: (f) => html`<${Lasted} f=${f} />` },
	{ key: "bytes", title: "Out / in", width: "104px", right: true, cell: (f) => html`<${Bytes} f=${f} />` },
];
// A phone has room for two lines of four facts.
const NARROW = [
	{ key: "flow", title: "Newest first", width: "minmax(0, 1fr)", cell: (f) => html`<span class="two">
		<span class="row1"><a class="when" href=${session(f)} tabindex="-1"><${Time} at=${f.start} seconds /></a><${Wire} text=${f.device} class="b" /><span class="grow" /><${Path} f=${f} /></span>
		<span class="row2"><${Verdict} f=${f} />${f.user && html`<${Who} f=${f} />`}<bdi class="mono">${clean(f.source.ip)}</bdi><span class="grow" /><${Outcome} f=${f} /></span></span>` },
];

const rowClass = (f) => (f.trust?.verdict === "untrusted" ? "red" : f.path === "in-band" ? "blue" : "") + (f.gone ? " gone" : "");

function useNarrow() {
	const query = useMemo(() => matchMedia("(max-width: 719px)"), []);
	const [narrow, set] = useState(query.matches);
	useEffect(() => {
		const f = (e) => set(e.matches);
		query.addEventListener("change", f);
		return () => query.removeEventListener("change", f);
	}, []);
	return narrow;
}

// ---- query bar -------------------------------------------------------------------------------

// The address with some filters changed: what is open beside it stays.
const filtered = (change) => here(change);

function Tokens({ params }) {
	return tokens(params).map(([k, v]) => html`<span class="token" key=${k}>${k === SESSIONS ? html`<b>break-glass sessions</b>` : html`${KEYS[k].word} <b><bdi>${clean(words(k, v), 60)}</bdi></b>`}
		<a href=${filtered(k === SESSIONS ? { [SESSIONS]: null } : { [k]: null })} aria-label=${"Remove " + (k === SESSIONS ? "break-glass sessions" : KEYS[k].word)}><${Icon} name="close" /></a></span>`);
}

function suggestions(text) {
	const colon = text.indexOf(":"), key = text.slice(0, colon);
	if (colon < 0) return Object.keys(KEYS).map((k) => k + ":");
	const values = key === "device" ? devices().rows.keys.value.slice(0, 2000) : key === "agent" ? agents().rows.keys.value : KEYS[key]?.values ?? [];
	return values.map((v) => `${key}:${v}`);
}

function Query({ params }) {
	const [text, set] = useState(""), [error, fail] = useState(null);
	const input = useRef(null);
	function submit(e) {
		e.preventDefault();
		const change = {};
		for (const word of text.trim().split(/\s+/).filter(Boolean)) {
			const r = take(word, (name) => devices().rows.get(name) !== undefined);
			if (r.error) {
				fail(r.error);
				return;
			}
			Object.assign(change, r.set);
		}
		fail(null);
		set("");
		if (Object.keys(change).length) go(filtered(change));
	}
	function key(e) {
		const last = tokens(params).at(-1);
		if (e.key === "Backspace" && !text && last) {
			e.preventDefault();
			go(filtered({ [last[0]]: null }));
		} else if (e.key === "Escape") {
			set("");
			fail(null);
			e.target.blur();
		}
	}
	return html`<form class="qbar" role="search" onSubmit=${submit} onClick=${(e) => e.target === e.currentTarget && input.current.focus()}>
		<${Icon} name="search" /><${Tokens} params=${params} />
		<input ref=${input} data-find aria-label="Add a filter" list="filters" autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="search" value=${text}
			aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? "filter-error" : undefined}
			onInput=${(e) => { set(e.target.value); fail(null); }} onKeyDown=${key}
			placeholder=${tokens(params).length ? "add a filter" : "device:fab1-CP1-TOR1  source:203.0.113.0/24  path:in-band"} />
		<datalist id="filters">${suggestions(text).map((s) => html`<option value=${s} key=${s} />`)}</datalist>
	</form>
	${error && html`<p class="filter-error h-amber" id="filter-error" role="alert"><${Icon} name="failing" /> <bdi>${clean(error, 400)}</bdi></p>`}`;
}

// ---- facets ----------------------------------------------------------------------------------

const TIMES = [["-15m", "last 15 min"], ["-1h", "last hour"], ["-24h", "last 24 h"], ["-7d", "last 7 d"]];
const FACETS = [
	{ key: "path", title: "Path", values: [["in-band", "lo6 (in-band)", "inband"], ["primary", "Ma1 (primary)", "ok"]] },
	{ key: "verdict", title: "Verdict", values: [["trusted", "trusted", "trusted"], ["untrusted", "untrusted", "untrusted"], ["no-policy", "no policy", "nopolicy"]] },
	{ key: "justified", title: "Justified", values: [["yes", "justified", "inband"], ["no", "not justified", "unjustified"], ["unknown", "unexplained", "unexplained"], ["drill", "drill", "drill"]] },
	{ key: "outcome", title: "Outcome", values: KEYS.outcome.values.map((v) => [v, v]) },
	{ key: "login", title: "Login", values: KEYS.login.values.map((v) => [v, v]) },
];
const HUE = { "in-band": "blue", untrusted: "red", no: "red", yes: "blue", drill: "blue" };

// A choice: a link that filters, and takes the filter away when it is chosen.
function Choice({ k, value, word, icon, n, params }) {
	const chosen = params[k] === value;
	return html`<li><a class="choice" href=${filtered({ [k]: chosen ? null : value })} aria-current=${chosen ? "true" : undefined}>
		<span class="tick">${chosen && html`<${Icon} name="trusted" />`}</span>${icon && html`<${Icon} name=${icon} hue=${n > 0 || chosen ? HUE[value] : undefined} />`}
		<bdi class="w">${clean(word, 40)}</bdi>${n !== undefined && html`<span class="n">${count(n)}</span>`}</a></li>`;
}

function Facet({ title, children }) {
	return html`<section class="facet"><h2>${title}</h2><ul>${children}</ul></section>`;
}

// Counts are of what is filtered: where a value is chosen, nothing is known of the others.
function Facets({ list, params }) {
	const f = list.facets ?? {};
	const n = (k, v) => (params[k] ? (params[k] === v ? f[k]?.[v] ?? 0 : undefined) : list.facets ? f[k]?.[v] ?? 0 : undefined);
	const users = Object.entries(f.user ?? {}).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
	const sessions = isSessions(params);
	const anyLo6 = sessions || Object.keys(f.justified ?? {}).length > 0 || params.justified;
	return html`
		<${Facet} title="Show"><${Choice} k=${SESSIONS} value="yes" word="break-glass" icon="inband" params=${params} />
			<${Choice} k="state" value="open" word="open now" params=${params} /><//>
		<${Facet} title="Time">${TIMES.map(([v, w]) => html`<${Choice} k="since" value=${v} word=${w} params=${params} key=${v} />`)}<//>
		${FACETS.filter((x) => (x.key !== "path" || !sessions) && (x.key !== "justified" || anyLo6)).map((x) => html`<${Facet} title=${x.title} key=${x.key}>
			${x.values.filter(([v]) => x.key !== "outcome" || f.outcome?.[v] || params.outcome === v || ["established", "closed", "refused", "unanswered"].includes(v))
				.map(([v, w, icon]) => html`<${Choice} k=${x.key} value=${v} word=${w} icon=${icon} n=${n(x.key, v)} params=${params} key=${v} />`)}<//>`)}
		<${Facet} title="Service">${[["ssh", "SSH"], ["bgp", "BGP"]].filter(() => !sessions).map(([v, w]) => html`<${Choice} k="service" value=${v} word=${w} params=${params} key=${v} />`)}<//>
		${users.length > 0 && html`<${Facet} title="Who">${users.slice(0, 12).map(([v, c]) => html`<${Choice} k="user" value=${v} word=${v} n=${c} params=${params} key=${v} />`)}
			${users.length > 12 && html`<li class="dim">and ${users.length - 12} more</li>`}<//>`}`;
}

// ---- export ----------------------------------------------------------------------------------

// The same question, whole: what the filter gives, and how many rows that is.
function Export({ list, kind }) {
	const n = list.count, rows = n && [n.exact ? "" : "at least ", count(n.value), n.value === 1 && n.exact ? " row" : " rows"];
	return html`<${Download} class="btn" path=${`${list.path}.${kind}`} params=${list.q} file=${`${list.path}.${kind}`} title=${`Everything that the filter gives: ${rows?.join("") ?? ""}`}>
		${kind.toUpperCase()} ${rows && html`<span class="dim">${rows[0]}${rows[1]}<span class="wideonly">${rows[2]}</span></span>`}<//>`;
}

// ---- the view --------------------------------------------------------------------------------

function Tail({ list, paused, held, toggle }) {
	const n = list.waiting.size, live = link.value.state === "live";
	if (n) return html`<button class="tail waiting" onClick=${() => list.take()}><b>${plural(n, "newer flow is", "newer flows are")} waiting.</b> ${paused ? "Show them" : held ? "They come in when the pointer and the focus leave the table." : "Show them"}</button>`;
	return html`<p class="tail">${!live ? "Nothing new comes in: the page is not live." : paused ? html`Paused: newer flows will wait here. <button class="inline" onClick=${toggle}>Go on</button>` : "Newest first. New flows come in at the top."}</p>`;
}

const total = (c, sessions) => c && (sessions
	? `${c.exact ? "" : "at least "}${plural(c.value, "break-glass session")}`
	: `${c.exact ? "" : "at least "}${plural(c.value, "flow")}`);

export default function Flows({ route }) {
	const { params } = route, paused = params.tail === "off", sessions = isSessions(params);
	const box = useRef(null), over = useRef(false), focused = useRef(false);
	const narrow = useNarrow();
	const still = () => over.current || focused.current || (box.current?.querySelector(".vtable")?.scrollTop ?? 0) > 0;
	const list = useRows(params, () => paused || still());
	const toggle = () => {
		if (paused) list.take();
		go(here({ tail: paused ? null : "off" }));
	};
	useKeys([{ keys: [" "], words: "pause and go on; show what waits", group: "Flows", run: () => {
		if (list.waiting.size) list.take();
		else toggle();
	} }], [list, paused]);
	const ids = list.rows;
	useEffect(() => { around.value = ids.map((f) => f.id); }, [ids]);
	useEffect(() => () => { around.value = null; }, []);

	const release = (what) => () => {
		what.current = false;
		// After the next element has focus, or the pointer is elsewhere in the table.
		setTimeout(() => { if (!list.held()) list.take(); });
	};
	const calm = {
		onPointerEnter: (e) => { over.current = e.pointerType !== "touch"; }, onPointerLeave: release(over),
		onFocusIn: () => { focused.current = true; }, onFocusOut: release(focused),
	};
	const bad = list.state === "error" && list.error.status >= 400 && list.error.status < 500;
	const asked = tokens(params).length > 0;
	const facets = html`<${Facets} list=${list} v=${list.version} params=${params} />`;
	return html`<div class="pad flows-view">
		<div class="bar"><h1>${sessions ? "Break-glass sessions" : "Flows"}</h1><span class="dim" role="status">${total(list.count, sessions)}</span>
			<${Query} params=${params} key=${JSON.stringify(tokens(params))} />
			<button class=${"btn" + (paused ? " pri" : "")} aria-pressed=${paused ? "true" : "false"} onClick=${toggle}><${Icon} name=${paused ? "play" : "pause"} />${paused ? "Paused" : "Pause"}</button>
			<${Export} list=${list} v=${list.version} kind="csv" /><${Export} list=${list} v=${list.version} kind="json" /></div>
		${params.fabric && !sessions && html`<p class="dim note">All fabrics are shown: flows are filtered by device, not by fabric.</p>`}
		<div class="flows">
			${narrow ? html`<details class="card facets"><summary>Filter</summary>${facets}</details>` : html`<aside class="card facets" aria-label="Filters">${facets}</aside>`}
			<section class="card flow-table" aria-label="Flows" ref=${box}>
				${list.state === "loading" && !list.rows.length && html`<${Loading} what="the flows" rows=${8} />`}
				${list.state === "error" && (bad
					? html`<div class="failed-box"><h2><${Icon} name="failing" hue="amber" />This filter is not understood.</h2><p><bdi>${clean(list.error.detail)}</bdi></p><a class="btn" href=${href("flows")}>All flows</a></div>`
					: html`<${Failed} what="The flows" error=${list.error} again=${() => list.load()} />`)}
				${list.state === "ready" && !list.rows.length && !list.waiting.size && (asked
					? html`<${Quiet}>No flow is so. <a href=${href("flows")}>All flows</a><//>`
					: html`<${Blind} title="Nothing has been seen yet" command="glasswatch-agent run -c /etc/glasswatch/agent.yaml">No agent has told of a flow. That is not the same as nothing happening.<//>`)}
				${(list.rows.length > 0 || list.waiting.size > 0) && list.state !== "error" && html`<${Tail} list=${list} v=${list.version} paused=${paused} held=${still()} toggle=${toggle} />
					<div class="calm" ...${calm}><${Table} columns=${narrow ? NARROW : COLUMNS} rows=${list.rows} id=${(f) => f.id} height=${narrow ? 54 : 28}
						label=${sessions ? "Break-glass sessions, newest first" : "Flows, newest first"} rowClass=${rowClass} selected=${Number(params.session) || undefined}
						open=${(f) => go(session(f))} onEnd=${() => list.more()}
						end=${list.moreError ? html`<p class="quiet">More could not be read: ${clean(list.moreError.message)} <button class="inline" onClick=${() => list.more()}>Try again</button></p>` : list.next ? html`<p class="quiet dim">more follow</p>` : null} /></div>`}
			</section>
		</div>
	</div>`;
}
