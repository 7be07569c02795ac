// SPDX-License-Identifier: Apache-2.0
// What is around every view: top bar, tabs, live mark, clock, banners, the bottom bar of small
// screens, the session panel, the dialogs for token and keys, and the one live region.
import { Component } from "preact";
import { cls, computed, effect, html, signal, useEffect, useState } from "./html.js";
import { mayOperate, needsToken, self, setToken, token } from "./api.js";
import { devices, summary } from "./data.js";
import { Icon, Sprite } from "./icons.js";
import { enabled, setEnabled, table, useKeys } from "./keys.js";
import { behind, caughtUp, link, now, tryNow } from "./live.js";
import { Dialog } from "./parts/dialog.js";
import { Failed, Loading } from "./parts/states.js";
import { Time } from "./parts/time.js";
import { setTheme, theme } from "./theme.js";
import { clock, utcWords, zone } from "./time.js";
import { go, here, href, route } from "./url.js";
import { clean, plural } from "./words.js";

export const startError = signal(null);

const TABS = [
	{ view: "fleet", word: "Fleet", icon: "fleet", load: () => import("./views/fleet.js") },
	{ view: "timeline", word: "Timeline", icon: "timeline", load: () => import("./views/timeline.js") },
	{ view: "incidents", word: "Incidents", icon: "flag", load: () => import("./views/incidents.js") },
	{ view: "flows", word: "Flows", icon: "rows", load: () => import("./views/flows.js") },
	{ view: "alerts", word: "Alerts", icon: "failing", load: () => import("./views/alerts.js") },
	{ view: "trust", word: "Trust", icon: "trusted", load: () => import("./views/trust.js") },
	{ view: "health", word: "Health", icon: "health", load: () => import("./views/health.js") },
];
const BOTTOM = ["fleet", "timeline", "incidents", "alerts"];
const SESSION = { view: "session", load: () => import("./views/session.js") };

// ---- a view's code, loaded on first use ------------------------------------------------

const loaded = new Map();

export const preload = () => TABS.find((t) => t.view === route.peek().view).load().catch(() => {});

class Guard extends Component {
	static getDerivedStateFromError(error) {
		return { error };
	}
	render({ children, what }, { error }) {
		if (!error) return children;
		return html`<${Failed} what=${what} error=${error} again=${() => this.setState({ error: null })} />`;
	}
}

function Lazy({ tab, ...rest }) {
	const [, again] = useState(0);
	const [error, fail] = useState(null);
	const View = loaded.get(tab.view);
	useEffect(() => {
		let gone = false;
		if (!View)
			tab.load().then(
				(m) => { loaded.set(tab.view, m.default); if (!gone) again((n) => n + 1); },
				(e) => gone || fail(e),
			);
		return () => { gone = true; };
	}, [tab.view, error]);
	if (error) return html`<${Failed} what="This view's code" error=${error} again=${() => fail(null)} />`;
	return View ? html`<${Guard} what=${"This view"} key=${tab.view}><${View} ...${rest} /><//>` : html`<${Loading} what="the view" />`;
}

// ---- counts beside tabs -----------------------------------------------------------------

const openAlerts = computed(() => {
	const a = summary.value?.alerts;
	return a ? { n: a.critical + a.warning + a.notice + a.info, red: a.critical > 0 } : { n: 0 };
});

function Tab({ tab, bottom }) {
	const current = route.value.view === tab.view;
	const a = tab.view === "alerts" ? openAlerts.value : { n: 0 };
	return html`<a href=${href(tab.view)} aria-current=${current ? "page" : undefined}>
		${bottom && html`<${Icon} name=${tab.icon} />`}<span>${tab.word}</span>
		${a.n > 0 && html`<span class=${cls("count", a.red && "red")}><span class="unseen">: </span>${a.n > 99 ? "99+" : a.n}<span class="unseen"> open</span></span>`}
	</a>`;
}

// ---- top bar ----------------------------------------------------------------------------

const fabrics = computed(() => [...new Set(devices().rows.all().map((d) => d.fabric).filter(Boolean))].sort());

function Fabric() {
	if (!summary.value) return null;
	const names = fabrics.value;
	if (names.length < 2) return names.length ? html`<span class="fabric dim">${clean(names[0])}</span>` : null;
	return html`<select class="fabric" aria-label="Fabric" value=${route.value.params.fabric ?? ""}
		onChange=${(e) => go(here({ fabric: e.target.value }))}>
		<option value="">all fabrics (${names.length})</option>
		${names.map((f) => html`<option value=${f} key=${f}>${clean(f)}</option>`)}
	</select>`;
}

const LIVE = { starting: ["connecting", "ok"], live: ["live", "ok"], reconnecting: ["reconnecting", "unexplained"], stale: ["not live", "notarmed"] };

function Live() {
	const [word, icon] = LIVE[link.value.state];
	const late = link.value.state === "live" && behind.value > 0;
	return html`<span class=${cls("live", link.value.state === "stale" && "h-amber")}><${Icon} name=${icon} /><span>${word}${late ? `, ${plural(behind.value, "event")} behind` : ""}</span></span>`;
}

function Clock() {
	const t = now.value;
	return html`<time class="clock" datetime=${new Date(t).toISOString()} title=${utcWords(t)}><b>${clock(t, true)}</b> <span class="zone">${zone(t)}</span></time>`;
}

const dialog = signal(null); // "token", "help", "more"

function Who() {
	const me = self.value;
	if (!me?.tokens && !token.value) return null;
	return html`<button class="btn plain who-am-i" onClick=${() => { dialog.value = "token"; }} title="The token that this page uses">
		<${Icon} name="key" /><span>${me?.who ? clean(me.who, 30) : "token"}</span>${me && html`<span class="dim right">${mayOperate.value ? "operate" : "read"}</span>`}</button>`;
}

function Top() {
	return html`<header class="top">
		<a class="brand" href=${href("fleet")}><svg class="logo" aria-hidden="true"><use href="#logo" /></svg><span>glasswatch</span></a>
		<${Fabric} />
		<nav class="tabs" aria-label="Views">${TABS.map((t) => html`<${Tab} tab=${t} key=${t.view} />`)}</nav>
		<span class="grow" />
		<${Live} /><${Clock} /><${Who} />
		<button class="btn plain keys-button" onClick=${() => { dialog.value = "help"; }} aria-label="Keys">?</button>
		<button class="btn plain" onClick=${() => setTheme(theme.value === "dark" ? "light" : "dark")}
			aria-label=${theme.value === "dark" ? "Light" : "Dark"}><${Icon} name=${theme.value === "dark" ? "sun" : "moon"} /></button>
	</header>`;
}

function Bottom() {
	const more = !BOTTOM.includes(route.value.view);
	return html`<nav class="bottom" aria-label="Views, small screen">
		${TABS.filter((t) => BOTTOM.includes(t.view)).map((t) => html`<${Tab} tab=${t} bottom key=${t.view} />`)}
		<button onClick=${() => { dialog.value = "more"; }} aria-current=${more ? "page" : undefined}><${Icon} name="more" /><span>More</span></button>
	</nav>`;
}

// ---- banners ----------------------------------------------------------------------------

function Countdown({ at }) {
	const [, again] = useState(0);
	useEffect(() => {
		const t = setInterval(() => again((n) => n + 1), 500);
		return () => clearInterval(t);
	}, []);
	const s = Math.ceil((at - Date.now()) / 1000);
	return s > 0 ? `next in ${s} s` : "trying now";
}

function Banners() {
	const l = link.value, e = startError.value, c = caughtUp.value;
	useEffect(() => {
		if (!c) return undefined;
		const t = setTimeout(() => { caughtUp.value = null; }, 15000);
		return () => clearTimeout(t);
	}, [c]);
	return html`
		${e && html`<div class="banner" role="alert"><${Icon} name="failing" /><span><b>The collector's answer could not be read.</b> ${clean(e.detail ?? e.message)}
			${e.kind === "unreachable" ? " Events are safe: they wait in Redis." : ""}${e.request && html` request <code>${clean(e.request)}</code>`} Trying again.</span></div>`}
		${l.state === "stale" && html`<div class="banner stale-banner" role="alert"><${Icon} name="notarmed" />
			<span><b>This page is old: last heard at <${Time} at=${now.peek()} seconds />.</b> ${clean(l.why).replace(/\.$/, "")}.
			Events are safe: they wait in Redis. Attempt ${l.attempt}, <${Countdown} at=${l.retryAt} />.</span>
			<button class="btn" onClick=${tryNow}>Try now</button></div>`}
		${c && l.state === "live" && html`<div class="banner calm" role="status"><${Icon} name="ok" /><span>Caught up: ${plural(c.events, "event")}.</span>
			<button class="btn plain" aria-label="Close" onClick=${() => { caughtUp.value = null; }}><${Icon} name="close" /></button></div>`}
		${needsToken.value && html`<div class="banner"><${Icon} name="key" /><span><b>The collector wants a token.</b> ${token.value ? "This one is not known to it." : ""} An operator makes one: <code>glasswatch-collector token NAME --right read</code></span>
			<button class="btn" onClick=${() => { dialog.value = "token"; }}>Enter a token</button></div>`}`;
}

// ---- dialogs ----------------------------------------------------------------------------

const close = () => { dialog.value = null; };

function TokenDialog() {
	const [text, set] = useState("");
	const me = self.value;
	const use = (e) => {
		e.preventDefault();
		setToken(text);
		close();
	};
	return html`<${Dialog} title="Token" close=${close}>
		<form onSubmit=${use}>
			<p>${me?.who ? html`Now: <b>${clean(me.who)}</b>, may ${mayOperate.value ? "read and operate" : "read"}.` : "None is in use."}
				It stays in this tab and is gone with it.</p>
			<label class="field">Token<input type="password" autocomplete="off" spellcheck="false" value=${text} onInput=${(e) => set(e.target.value)} placeholder="gw_…" /></label>
			<p class="dim">An operator makes one: <code>glasswatch-collector token NAME --right operate</code></p>
			<div class="row"><button class="btn pri" disabled=${!text.trim()}>Use it</button>
				${token.value && html`<button type="button" class="btn" onClick=${() => { setToken(""); close(); }}>Forget it</button>`}</div>
		</form>
	<//>`;
}

const CAP = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };
const ALWAYS = [
	{ keys: ["ArrowUp", "ArrowDown"], words: "move in a list", group: "Lists" },
	{ keys: ["Enter"], words: "open", group: "Lists" },
];

function HelpDialog() {
	const groups = new Map();
	for (const e of [...table.value, ...ALWAYS]) {
		if (!e.words) continue;
		if (!groups.has(e.group)) groups.set(e.group, []);
		groups.get(e.group).push(e);
	}
	return html`<${Dialog} title="Keys" close=${close} wide>
		<div class="keys">${[...groups].map(([group, entries]) => html`<section key=${group}><h3>${group}</h3><dl>
			${entries.map((e) => html`<div key=${e.words}><dt>${e.keys.map((k) => html`<kbd key=${k}>${CAP[k] ?? k}</kbd>`)}</dt><dd>${e.words}</dd></div>`)}
		</dl></section>`)}</div>
		<label class="check"><input type="checkbox" checked=${enabled.value} onChange=${(e) => setEnabled(e.target.checked)} /> Single keys do this (Escape always closes)</label>
	<//>`;
}

function MoreDialog() {
	return html`<${Dialog} title="More" close=${close}>
		<nav class="more" aria-label="More views">${TABS.filter((t) => !BOTTOM.includes(t.view)).map((t) => html`<a href=${href(t.view)} onClick=${close} key=${t.view}
			aria-current=${route.value.view === t.view ? "page" : undefined}><${Icon} name=${t.icon} />${t.word}</a>`)}
			<button onClick=${() => { dialog.value = "token"; }}><${Icon} name="key" />Token</button></nav>
	<//>`;
}

// ---- what is said aloud: changes of the three answers, at most every 10 s ----------------

const aloud = signal("");
let said = null, next = 0, timer = 0;
effect(() => {
	const w = summary.value?.words?.map((x) => x.text).join(" ");
	if (!w || w === said) return;
	if (said === null) {
		said = w; // what is there at first is read as the page is
		return;
	}
	said = w;
	clearTimeout(timer);
	timer = setTimeout(() => {
		next = Date.now() + 10000;
		aloud.value = clean(said, 600);
	}, Math.max(0, next - Date.now()));
});

// Old: no colour (parts.css).
effect(() => { document.documentElement.classList.toggle("stale", link.value.state === "stale"); });

// ---- the whole ----------------------------------------------------------------------------

export function Frame() {
	const { view, params } = route.value;
	const tab = TABS.find((t) => t.view === view);
	useKeys([
		...TABS.map((t, i) => ({ keys: [String(i + 1)], words: t.word, group: "Views", run: () => go(href(t.view)) })),
		// Also while the panel's code is still on its way.
		{ keys: ["Escape"], run: () => (route.peek().params.session ? go(here({ session: null })) : false) },
		{ keys: ["?"], words: "these keys", group: "Views", run: () => { dialog.value = "help"; } },
		{ keys: ["/"], words: "filter or address", group: "Views", run: () => {
			const field = document.querySelector("main [data-find]");
			if (field) field.focus();
			else go(href("flows"));
		} },
	]);
	useEffect(() => {
		document.title = `${tab.word} · glasswatch`;
		scrollTo(0, 0);
	}, [view]);
	return html`<${Sprite} />
		<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>Skip to the view</a>
		<${Top} />
		<${Banners} />
		<main id="main" tabindex="-1" class=${"v-" + view}>
			${summary.value ? html`<${Lazy} tab=${tab} route=${route.value} key=${view} />` : !startError.value && !needsToken.value && html`<${Loading} what="the collector" rows=${6} />`}
		</main>
		${params.session && summary.value && html`<${Lazy} tab=${SESSION} id=${params.session} key="session" />`}
		<${Bottom} />
		${dialog.value === "token" && html`<${TokenDialog} />`}
		${dialog.value === "help" && html`<${HelpDialog} />`}
		${dialog.value === "more" && html`<${MoreDialog} />`}
		<div class="unseen" role="status" aria-live="polite">${aloud.value}</div>`;
}
