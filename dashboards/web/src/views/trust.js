// SPDX-License-Identifier: Apache-2.0
// Trust: whose lists let an address in, by which rule, and where the devices' lists differ.
// Parameters: address; device (that one is marked). Here untrusted is grey: most addresses are; amber
// marks the disagreement.
import { html, useRef, useState } from "../html.js";
import { ask } from "../api.js";
import { devices, summary } from "../data.js";
import { Icon } from "../icons.js";
import { address as parse } from "../net.js";
import { useAsked } from "../asked.js";
import { Blind, Failed, Loading, NotSeen, Quiet, Ready } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Wire } from "../parts/text.js";
import { Time } from "../parts/time.js";
import { go, here, href } from "../url.js";
import { clean, count, pathWord, plural, VERDICT } from "../words.js";

const STRIP = 24; // devices in the strip beside the odd ones; the table has all
const ODD = 60;
const AGAIN_MS = 2000;
const SEEN = "-366d"; // how far back what the record knows of an address is counted

function useTrust(address) {
	return useAsked(address ?? null, async (signal) => {
		const [doc, sources] = await Promise.all([ask("trust", { address }, { signal }), ask("sources", { source: address, since: SEEN, limit: 1 }, { signal })]);
		return { doc, seen: sources.sources[0] ?? null };
	}, { least: AGAIN_MS, kinds: () => {
		// A list that changed, or this source was seen again.
		const policies = new Map(devices().rows.all().map((d) => [d.name, d.trust.policy]));
		return {
			device(d) {
				const same = policies.get(d.name) === d.trust.policy;
				policies.set(d.name, d.trust.policy);
				return !same;
			},
			session: (f) => f.source?.ip === address,
		};
	} });
}

// ---- the question ----------------------------------------------------------------------------

function Ask({ address }) {
	const [text, set] = useState(address ?? ""), [error, fail] = useState(null);
	const last = useRef(address);
	if (last.current !== address) {
		last.current = address;
		set(address ?? "");
	}
	function submit(e) {
		e.preventDefault();
		const t = text.trim().replace(/^\[(.*)\]$/, "$1");
		if (!parse(t)) {
			fail(t ? "That is no address. IPv4 or IPv6, as 10.20.0.5 or 2001:db8::5." : "Paste or type an address.");
			return;
		}
		fail(null);
		go(here({ address: t }));
	}
	const tried = (summary.value?.untrusted ?? []).slice(0, 3).filter((u) => u.source !== address);
	return html`<form class="ask" role="search" onSubmit=${submit}>
		<label for="address">Address</label>
		<input id="address" data-find class="mono" value=${text} onInput=${(e) => { set(e.target.value); fail(null); }} spellcheck="false" autocomplete="off" autocapitalize="off" inputmode="text" enterkeyhint="search"
			aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? "address-error" : undefined} placeholder="203.0.113.77" />
		<button class="btn pri">Judge</button>
		<span class="dim">${tried.length ? html`tried lately: ${tried.map((u, i) => html`${i ? ", " : ""}<a href=${here({ address: u.source })} key=${u.source}><bdi class="mono">${clean(u.source)}</bdi></a>`)}` : "IPv4 or IPv6"}</span>
		${error && html`<p class="h-amber" id="address-error" role="alert"><${Icon} name="failing" /> ${error}</p>`}
	</form>`;
}

// ---- the answer ------------------------------------------------------------------------------

const ORDER = { trusted: 0, "no-policy": 1, untrusted: 2 };
const byOdd = (a, b) => Number(b.odd) - Number(a.odd) || ORDER[a.verdict] - ORDER[b.verdict] || a.device.localeCompare(b.device, "en", { numeric: true });

function Strip({ rows, disagree, device }) {
	const odd = disagree ? rows.filter((d) => d.odd).length : 0, first = rows.slice(0, Math.min(odd, ODD) + STRIP);
	return html`<ul class="strip" aria-label="Devices, the odd ones first">${first.map((d) => html`<li key=${d.device}><a class=${(d.odd && disagree ? "odd" : "") + (d.device === device ? " chosen" : "")} href=${here({ device: d.device === device ? null : d.device })}>
		<${Icon} name=${VERDICT[d.verdict]?.icon ?? "blind"} label=${VERDICT[d.verdict]?.word} /><bdi>${clean(d.device)}</bdi>${d.odd && disagree && (d.verdict === "trusted" ? " would let it in" : d.verdict === "no-policy" ? " has no list" : " would not let it in")}</a></li>`)}
		${rows.length > first.length && html`<li class="dim">and ${count(rows.length - first.length)} more, below</li>`}</ul>`;
}

const rule = (d) => (d.prefix ? html`seq ${d.seq} ${clean(d.action)} <bdi>${clean(d.prefix)}</bdi>` : d.verdict === "no-policy" ? "no list" : "end of list");
// The folder is the same for all of them: it is in the title.
const place = (d) => html`<bdi title=${clean(d.file ?? "")}>${clean((d.file ?? "").split("/").pop())}</bdi>${d.line ? `:${d.line}` : ""}`;

const COLUMNS = [
	{ key: "device", title: "Device", width: "minmax(140px, 1.1fr)", cell: (d) => html`<${Wire} text=${d.device} class=${d.odd ? "b" : ""} />` },
	{ key: "verdict", title: "Verdict", width: "96px", cell: (d) => html`<${Icon} name=${VERDICT[d.verdict]?.icon ?? "blind"} /> ${VERDICT[d.verdict]?.word ?? clean(d.verdict)}` },
	{ key: "rule", title: "Rule that decides", width: "minmax(196px, 1.5fr)", cell: (d) => html`<span class="mono">${rule(d)}</span>` },
	{ key: "where", title: "Where", width: "minmax(120px, 1.2fr)", cell: (d) => html`<span class="mono dim">${place(d)}</span>` },
];

function Verdicts({ rows, disagree, device }) {
	return html`<section class="card" aria-labelledby="verdicts"><header><h2 id="verdicts">Verdict per device</h2><span class="grow" /><span class="dim">${plural(rows.length, "device")}</span></header>
		<div class="verdicts" style=${{ height: `${Math.min(rows.length, 18) * 28 + 32}px` }}><${Table} columns=${COLUMNS} rows=${rows} id=${(d) => d.device} label="Verdict per device" selected=${device}
			rowClass=${(d) => (d.odd && disagree ? "amber" : "")} open=${(d) => go(here({ device: d.device === device ? null : d.device }))} /></div></section>`;
}

// ---- drift -----------------------------------------------------------------------------------

const letter = (i) => (i < 26 ? String.fromCharCode(65 + i) : `${i + 1}`);
const names = (list, most = 3) => html`${list.slice(0, most).map((n, i) => html`${i ? ", " : ""}<bdi>${clean(n)}</bdi>`)}${list.length > most ? ` and ${list.length - most} more` : ""}`;
const entry = (e) => html`seq ${e.seq} ${clean(e.action)} <bdi>${clean(e.prefix)}</bdi>`;
const same = (a, b) => a.prefix === b.prefix && a.action === b.action;

function Copy({ text }) {
	const [done, set] = useState(null);
	async function copy() {
		try {
			await navigator.clipboard.writeText(text);
			set("Copied");
		} catch {
			set("Select it and copy"); // no clipboard without a secure origin
		}
		setTimeout(() => set(null), 2500);
	}
	return html`<button class="btn" onClick=${copy}><span aria-live="polite">${done ?? "Copy"}</span></button>`;
}

function Policy({ p, name, most }) {
	const command = p.family === 6 ? "ipv6 prefix-list" : "ip prefix-list";
	const extra = p.diff?.extra ?? [], missing = p.diff?.missing ?? [];
	const lines = [
		...p.entries.map((e) => ({ e, kind: extra.some((x) => same(x, e)) ? "extra" : "both" })),
		...missing.map((e) => ({ e, kind: "missing" })),
	].sort((a, b) => a.e.seq - b.e.seq);
	const only = p.devices.length === 1 ? html`only <bdi>${clean(p.devices[0])}</bdi>` : `only ${name}`;
	return html`<div class="policy">
		<p><b class="h-amber">Policy ${name}</b> on ${names(p.devices)}. <code class="dim">${clean(p.id)}</code></p>
		${!lines.length ? html`<p>It has no ${p.family === 6 ? "trusted_sources_v6" : "trusted_sources"} list.</p>`
			: !extra.length && !missing.length ? html`<p class="ink2">Its ${p.family === 6 ? "IPv6" : "IPv4"} list has the entries of the majority's${lines.length > 1 ? "; the order, or the other list, differs" : "; the other list differs"}.</p>`
			: html`<div class="list diff" role="table" aria-label=${`Policy ${name} against the majority`}><div role="row" class="name"><span role="cell" /><span role="cell">${command} <bdi>${clean(p.list ?? most?.list ?? "")}</bdi>: ${name} against A</span><span role="cell" /></div>
				${lines.map(({ e, kind }, i) => html`<div role="row" class=${kind === "both" ? "" : "add"} key=${i}><span role="cell" aria-label=${kind}>${{ both: "=", extra: "+", missing: "−" }[kind]}</span><span role="cell">${entry(e)}</span><span role="cell">${kind === "both" ? "both" : kind === "extra" ? only : "only A"}</span></div>`)}</div>`}
		${p.mend?.length > 0 && html`<p class="ink2">To make it equal, on ${names(p.devices)}:</p><div class="mend"><pre><code>${p.mend.map((l) => clean(l, Infinity)).join("\n")}</code></pre><${Copy} text=${p.mend.join("\n")} /></div>`}
	</div>`;
}

function Drift({ policies, family }) {
	const most = policies.find((p) => p.majority), others = policies.filter((p) => !p.majority);
	const n = policies.reduce((a, p) => a + p.devices.length, 0), odd = others.reduce((a, p) => a + p.devices.length, 0);
	return html`<section class="card" aria-labelledby="drift"><header><h2 id="drift">Drift</h2><span class="dim">${!n ? "" : odd ? `${odd} of ${plural(n, "device")} ${odd === 1 ? "differs" : "differ"} from the majority` : `${plural(n, "device")}, one policy`}</span></header>
		<div class="inner">${!most ? html`<${Quiet}>No list is known.<//>` : html`
			<p>${others.length ? html`${plural(policies.length, "policy", "policies")} over ${plural(n, "device")}. ` : ""}<b>Policy A</b> on ${plural(most.devices.length, "device")}. <code class="dim">${clean(most.id)}</code></p>
			<details class="twin" open=${!others.length}><summary>Policy A, ${family === 6 ? "IPv6" : "IPv4"}: ${plural(most.entries.length, "entry", "entries")}</summary>
				<div class="list">${most.entries.map((e, i) => html`<div key=${i}><span /><span>${entry(e)}</span><span /></div>`)}<div><span /><span>end of list, implicit deny</span><span /></div></div></details>
			${others.map((p, i) => html`<${Policy} p=${p} name=${letter(i + 1)} most=${most} key=${p.id} />`)}`}</div></section>`;
}

// ---- what the record knows -------------------------------------------------------------------

function Known({ k, seen, address }) {
	if (!k) return null;
	const first = [k.first, seen?.first_seen].filter(Boolean).sort()[0], last = [k.last, seen?.last_seen].filter(Boolean).sort().at(-1);
	const row = (word, value) => html`<div key=${word}><dt>${word}</dt><dd>${value}</dd></div>`;
	const tried = k.newest ?? [], named = [...new Set([...(k.devices ?? []).map((d) => d.device), ...tried.map((f) => f.device)].filter(Boolean))];
	const paths = (seen?.paths ?? []).map(pathWord).filter(Boolean).join(" and ");
	return html`<section class="card" aria-labelledby="known"><header><h2 id="known">This address in the record</h2><span class="grow" />${first && html`<a class="dim" href=${href("flows", { source: address })}>its flows</a>`}</header>
		${!first && !k.flows ? html`<${Quiet}>It was never seen as a source.<//>` : html`<dl class="kv">
			${first && row("First seen", html`<${Time} at=${first} seconds />`)}
			${last && row("Last seen", html`<${Time} at=${last} seconds />`)}
			${named.length > 0 && row("Devices", html`${named.slice(0, 12).map((d, i) => html`${i ? ", " : ""}<a href=${href("flows", { source: address, device: d })} key=${d}><bdi>${clean(d)}</bdi></a>`)}${seen && seen.devices > Math.min(12, named.length) ? ` and ${seen.devices - Math.min(12, named.length)} more` : ""}${paths && html` <span class="dim">over ${paths}</span>`}`)}
			${row("Flows", `${k.exact ? "" : "at least "}${count(k.flows)}, ${k.established ? count(k.established) : "none"} established${seen?.untrusted ? `, ${count(seen.untrusted)} judged untrusted` : ""}`)}
			${k.users?.length > 0 && row("Users", html`${k.users.map((u, i) => html`${i ? ", " : ""}<${Wire} text=${u} key=${u} />`)}`)}
		</dl>
		${tried.length > 0 && html`<ul class="newest">${tried.map((f) => html`<li key=${f.id}><a href=${here({ session: f.id })}><span class="dim"><${Time} at=${f.start} seconds /></span> <${Wire} text=${f.words} /></a></li>`)}</ul>`}`}
	</section>`;
}

// ---- without an address: what is known to differ -----------------------------------------------

function Nothing({ device }) {
	const list = devices();
	return html`<${Ready} list=${list} what="the devices">${() => {
		const rows = list.rows.all(), drift = rows.filter((d) => d.trust.drift), none = rows.filter((d) => d.trust.no_policy);
		const tried = summary.value?.untrusted ?? [];
		const link = (d) => html`<li key=${d.name}><a class=${d.name === device ? "chosen" : ""} href=${href("fleet", { device: d.name })}><${Icon} name=${d.trust.no_policy ? "nopolicy" : "differs"} hue="amber" /><bdi>${clean(d.name)}</bdi></a></li>`;
		if (!rows.length) return html`<${Blind} title="Nothing is known yet" command="glasswatch-agent run --fabric /etc/glasswatch/fabric">No agent has told of a device's configuration, so nothing says who trusts whom.<//>`;
		return html`<section class="card nothing"><h2>${drift.length ? `Trust differs from the majority on ${drift.length} of ${plural(rows.length, "device")}` : none.length ? `No list to judge by on ${none.length} of ${plural(rows.length, "device")}` : `Every one of ${plural(rows.length, "device")} has the lists of the majority`}</h2>
			<p class="ink2">An address shows what each device says of it, by which line, and what would mend the difference.</p>
			${drift.length + none.length > 0 && html`<ul class="strip">${[...drift, ...none.filter((d) => !d.trust.drift)].slice(0, ODD).map(link)}</ul>`}
			${tried.length > 0 && html`<p>Untrusted sources of the last hour:</p><ul class="strip">${tried.slice(0, 20).map((u) => html`<li key=${u.source}><a href=${here({ address: u.source })}><${Icon} name="untrusted" /><bdi class="mono">${clean(u.source)}</bdi>${u.would_trust?.length ? html` <span class="h-amber">${plural(u.would_trust.length, "device")} would let it in</span>` : ""}</a></li>`)}</ul>`}
		</section>`;
	}}<//>`;
}

// ---- the view --------------------------------------------------------------------------------

export default function Trust({ route }) {
	const { address, device } = route.params;
	const { value, error, again } = useTrust(address), doc = value?.doc, seen = value?.seen;
	const v = doc?.verdicts, n = v ? v.trusted + v.untrusted + v.no_policy : 0;
	const disagree = v ? [v.trusted, v.untrusted, v.no_policy].filter(Boolean).length > 1 : false;
	const rows = doc ? [...doc.devices].sort(byOdd) : [];
	const family = address?.includes(":") ? 6 : 4;
	const odd = rows.filter((d) => d.odd);
	return html`<div class="pad trust-view">
		<div class="bar"><h1>Trust</h1><span class="grow" /><span class="dim">judged by each device's own lists, as loaded</span></div>
		<section class="card question"><${Ask} address=${address} />
			${doc && html`<div class="answer-line"><h2 class=${disagree ? "h-amber" : ""}>${disagree && html`<${Icon} name="differs" /> `}${clean(doc.words.replace(/\.$/, ""))}</h2>
				${disagree && odd.length > 0 && html`<p class="ink2">${names(odd.map((d) => d.device))} ${odd.length === 1 ? "says" : "say"} otherwise than ${plural(n - odd.length, "other device")}.</p>`}
				<${Strip} rows=${rows} disagree=${disagree} device=${device} /></div>`}
		</section>
		${error && html`<${Failed} what="The answer" error=${error} again=${again} />`}
		${address && !doc && !error && html`<${Loading} what="the devices' answers" rows=${4} />`}
		${!address && html`<${Nothing} device=${device} />`}
		${doc && (n === 0 ? html`<${NotSeen}>No device's configuration is in the record.<//>` : html`<div class="halves">
			<${Verdicts} rows=${rows} disagree=${disagree} device=${device} />
			<div class="stack"><${Drift} policies=${doc.policies ?? []} family=${family} /><${Known} k=${doc.known} seen=${seen} address=${doc.address} /></div></div>`)}
	</div>`;
}
