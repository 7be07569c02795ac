// SPDX-License-Identifier: Apache-2.0
// The review of one incident: what the collector says of it in words and figures, the scrubber,
// sessions, devices, what was not seen, the policy in force, the record; and its exports.
import { html, useEffect, useState } from "../html.js";
import { around } from "../around.js";
import { Icon } from "../icons.js";
import { useOne } from "../one.js";
import { Dialog } from "../parts/dialog.js";
import { Download } from "../parts/download.js";
import { Failed, Loading, Quiet } from "../parts/states.js";
import { Wire } from "../parts/text.js";
import { Sentence, Since, Time } from "../parts/time.js";
import { duration, ms } from "../time.js";
import { here, href } from "../url.js";
import { bytes, clean, count, JUSTIFIED, pathWord, plural, roleWord, SEVERITY } from "../words.js";
import { Said } from "./said.js";
import { Scrub } from "./scrub.js";

const AGAIN_MS = 1500; // read again so often at most, while it goes on

// ---- exports ------------------------------------------------------------------------------------

function Copy({ text, children }) {
	const [said, say] = useState("");
	const copy = async () => {
		try {
			await navigator.clipboard.writeText(text());
			say("Copied");
		} catch {
			say("The browser does not allow it");
		}
		setTimeout(() => say(""), 2500);
	};
	return html`<button class="btn" onClick=${copy}><span aria-live="polite">${said || children}</span></button>`;
}

const summaryText = (doc) =>
	[`Incident ${doc.id}: ${doc.title}`, "", ...doc.words.flatMap((w) => [w, ""]), ...doc.figures.map((f) => `${f.value} ${f.label}`), "", "Times are in UTC.", location.href.replace(/\?.*/, "")].map((l) => clean(l, Infinity)).join("\n");

function Exports({ doc }) {
	const [pack, show] = useState(false);
	const path = `incidents/${doc.id}`, name = `incident-${doc.id}`;
	const command = `glasswatch-collector export --incident ${doc.id} -o ${name}.pack`;
	return html`<span class="row exports"><${Copy} text=${() => summaryText(doc)}>Copy summary<//>
		<${Download} class="btn" path=${path + ".md"} file=${name + ".md"}>Markdown<//>
		<${Download} class="btn" path=${path + ".html"} file=${name + ".html"}>HTML<//>
		<${Download} class="btn" path=${path + ".json"} file=${name + ".json"}>JSON<//>
		<button class="btn" onClick=${() => show(true)}>Evidence pack</button></span>
		${pack && html`<${Dialog} title="Evidence pack" close=${() => show(false)}>
			<p class="prose">Every event of this incident as it was stored, with the hashes that join it to the record. It proves itself: <code>glasswatch-collector verify --pack</code> needs nothing else. It is made where the store is, not here:</p>
			<pre><code>${command}</code></pre><${Copy} text=${() => command}>Copy the command<//>
		<//>`}`;
}

// ---- parts --------------------------------------------------------------------------------------

const STATUS = (doc) => (doc.status === "closed" ? { icon: "up", hue: "grey", word: "over" } : { icon: SEVERITY[doc.severity]?.icon ?? "flag", hue: SEVERITY[doc.severity]?.hue, word: "open" });

function Figures({ doc }) {
	return html`<dl class="figures">${doc.figures.map((f) => html`<div key=${f.key}><dt>${clean(f.label)}</dt><dd class=${f.tone ? `h-${f.tone}` : ""}>${clean(f.value)}</dd></div>`)}</dl>`;
}

const STEPS = { low: 1, medium: 2, high: 3 };
function Login({ l }) {
	if (!l?.result) return html`<span class="dim">not known</span>`;
	const n = STEPS[l.confidence] ?? 0;
	return html`${clean(l.result)} ${n > 0 && html`<span class="confidence" role="img" aria-label=${`confidence ${n} of 3`}>${[1, 2, 3].map((k) => html`<i class=${k <= n ? "on" : ""} key=${k} />`)}</span>`}
		<span class="l2">${clean(l.text ?? "")}</span>`;
}

function Sessions({ doc }) {
	const rows = [...doc.sessions.map((s) => ({ s, t: ms(s.start) })), ...doc.untrusted.map((u) => ({ u, t: ms(u.first) }))].sort((a, b) => a.t - b.t);
	useEffect(() => {
		around.value = doc.sessions.map((s) => String(s.flow));
		return () => { around.value = null; };
	}, [doc]);
	const over = doc.sessions_left_out;
	return html`<section class="card" aria-labelledby="sess-h"><header><h2 id="sess-h">${doc.kind === "untrusted-source" ? "What it tried" : "Sessions on lo6"}</h2><span class="dim">${doc.kind === "untrusted-source" && !doc.sessions.length ? "no session" : plural(doc.sessions.length + (over ?? 0), "session")}${doc.untrusted.length ? `, ${plural(new Set(doc.untrusted.map((u) => u.source)).size, "untrusted source")}` : ""}</span></header>
		${!rows.length ? html`<${Quiet}>Nobody used lo6 of these devices.<//>` : html`<div class="wide"><table>
			<thead><tr><th>Time</th><th>Who</th><th>How they came</th><th>Device</th><th>Trust</th><th>Login</th><th>Justified?</th><th class="r">Bytes out / in</th></tr></thead>
			<tbody>${rows.map(({ s, u }) => s ? html`<tr key=${s.id} class=${s.trust?.verdict === "untrusted" ? "red" : JUSTIFIED[s.justified?.answer]?.hue ?? ""}>
				<td><a href=${here({ session: s.flow })} ><${Time} at=${s.start} seconds /><span class="unseen">, session of ${clean(s.user ?? s.source, 60)} on ${clean(s.device, 60)}</span></a><span class="l2">${duration(s.duration_s)}${s.open ? ", open" : ""}</span></td>
				<td>${s.user ? html`<b><${Wire} text=${s.user} /></b>` : html`<span class="dim">not known</span>`}<span class="l2"><${Wire} mono text=${s.source} /></span></td>
				<td>${s.came ? html`<${Wire} text=${s.came} />` : html`<span class="dim">no agent on the source</span>`}<span class="l2">${s.actor?.uid !== undefined ? `uid ${s.actor.uid}` : ""}</span></td>
				<td class="dev"><bdi>${clean(s.device)}</bdi></td>
				<td class="trust">${s.trust?.verdict === "untrusted" ? html`<span class="h-red"><${Icon} name="untrusted" /> untrusted</span>` : html`<${Icon} name=${s.trust?.verdict === "trusted" ? "trusted" : "nopolicy"} hue=${s.trust?.verdict === "trusted" ? "grey" : "amber"} /> ${clean(s.trust?.verdict ?? "no policy")}`}<span class="l2">${s.trust?.seq !== undefined ? `seq ${s.trust.seq}` : ""}</span></td>
				<td><${Login} l=${s.login} /></td>
				<td><b class=${`h-${JUSTIFIED[s.justified?.answer]?.hue === "blue" ? "ink" : JUSTIFIED[s.justified?.answer]?.hue ?? "grey"}`}>${clean(s.justified?.answer ?? "unknown")}</b><span class="l2"><${Said} text=${s.justified?.why ?? ""} began=${doc.began} /></span></td>
				<td class="r nw">${bytes(s.source_bytes ?? 0)} / ${bytes(s.destination_bytes ?? 0)}${s.missed_bytes ? html`<span class="l2">${bytes(s.missed_bytes)} not seen</span>` : ""}</td></tr>`
				: html`<tr key=${`${u.source} ${u.device}`} class="red">
				<td><${Time} at=${u.first} seconds /><span class="l2">${u.last && u.last !== u.first ? duration((ms(u.last) - ms(u.first)) / 1000) : ""}</span></td>
				<td><b class="h-red">not known</b><span class="l2"><${Wire} mono text=${u.source} /></span></td>
				<td><span class="dim">no agent on the source</span></td><td class="dev"><bdi>${clean(u.device ?? "")}</bdi><span class="l2">${pathWord(u.path)}</span></td>
				<td class="trust"><span class="h-red"><${Icon} name="untrusted" /> untrusted</span><span class="l2">${clean(u.decided ?? "", 120)}</span></td>
				<td>${u.logged_in ? html`<b class="h-red">${count(u.logged_in)} logged in</b>` : u.established ? `${count(u.established)} established` : "never got to a login"}<span class="l2">${u.attempts || !u.established ? `${plural(u.attempts, "attempt")}, ` : ""}${clean(u.outcome ?? "")}</span></td>
				<td class="dim">n/a</td><td class="r">${u.would_trust?.length > 0 && html`<a class="h-amber" href=${href("trust", { address: u.source })}>${clean(u.would_trust[0], 40)}${u.would_trust.length > 1 ? ` and ${u.would_trust.length - 1} more` : ""} would let it in</a>`}</td></tr>`)}</tbody>
		</table></div>`}
		${over > 0 && html`<p class="quiet">${plural(over, "more session")} ${over === 1 ? "is" : "are"} in the <a href=${href("flows", { path: "in-band", established: "yes" })}>record</a>.</p>`}
	</section>`;
}

function Devices({ doc }) {
	// What an untrusted source reached for has not lost anything by that.
	if (!doc.devices.some((d) => d.lost || d.first_lo6)) return null;
	return html`<section class="card" aria-labelledby="dev-h"><header><h2 id="dev-h">Devices</h2><span class="dim">${count(doc.devices.length)}${doc.unaffected.length ? `; ${doc.unaffected.length} more of the subnet` : ""}</span></header>
		<div class="wide"><table><thead><tr><th>Device</th><th>Role</th><th>Ma1</th><th>Lost</th><th>Evidence</th><th>First on lo6</th><th>Back on Ma1</th><th class="r">Without Ma1</th></tr></thead>
		<tbody>${doc.devices.map((d) => html`<tr key=${d.name}><th scope="row"><a href=${href("timeline", { device: d.name, at: doc.began, from: doc.began, to: doc.closed ?? doc.as_of })}><bdi>${clean(d.name)}</bdi></a></th><td>${roleWord(d.role)}</td><td class="mono">${(d.ma1 ?? []).map((a) => clean(a)).join(", ")}</td>
			<td><${Time} at=${d.lost} seconds /></td><td><${Said} text=${d.evidence ?? ""} began=${doc.began} /></td><td><${Time} at=${d.first_lo6} seconds /></td>
			<td>${d.back ? html`<${Time} at=${d.back} seconds />` : d.lost ? html`<span class="h-red">not yet</span>` : ""}</td><td class="r nw">${d.lost_s !== undefined ? duration(d.lost_s) : d.lost && !d.back ? html`<${Since} at=${d.lost} />` : ""}</td></tr>`)}</tbody></table></div>
		${doc.unaffected.length > 0 && html`<p class="quiet">Not affected: ${doc.unaffected.map((d) => `${clean(d.name)}${d.how === "unknown" ? " (not seen on either path meanwhile)" : ""}`).join(", ")}.</p>`}
	</section>`;
}

function NotSeen({ doc }) {
	return html`<section class="card" aria-labelledby="gaps-h"><header><h2 id="gaps-h">What we could not see</h2></header>
		<ul class="gaps">${doc.gaps.map((g, i) => html`<li key=${i}><${Icon} name="blind" /><span>${g.from && html`<b><${Time} at=${g.from} seconds /> – ${g.to ? html`<${Time} at=${g.to} seconds />` : "now"}${g.agent ? html`, <bdi>${clean(g.agent)}</bdi>` : ""}${g.seconds ? `, ${duration(g.seconds)}` : ""}.</b> `}<${Said} text=${g.text} began=${doc.began} /></span></li>`)}</ul>
	</section>`;
}

function Policy({ doc }) {
	const { policy: p, record: r } = doc, drift = [...new Set(doc.untrusted.flatMap((u) => u.would_trust ?? []))];
	return html`<section class="card" aria-labelledby="pol-h"><header><h2 id="pol-h">Policy and record</h2></header><dl class="facts">
		<div><dt>Policy in force</dt><dd>${p.generations.map((g) => html`<div key=${g.generation}><b class="mono">${clean(g.generation)}</b> ${g.since && html`from <${Time} at=${g.since} seconds />`}</div>`)}${!p.generations.length && "not known"}${p.generations.length === 1 && !p.changes.length && html`<span class="dim">unchanged throughout</span>`}
			${p.changes.map((c, i) => html`<div key=${i} class="h-amber"><${Time} at=${c.time} seconds /> <${Said} text=${c.text ?? c.words ?? "changed"} began=${doc.began} /></div>`)}</dd></div>
		${drift.length > 0 && html`<div><dt>Drift</dt><dd class="h-amber">${drift.map((d) => clean(d)).join(", ")} would let in ${doc.untrusted.length === 1 ? clean(doc.untrusted[0].source) : "such a source"}. <a href=${href("trust", { address: doc.untrusted[0].source })}>why</a></dd></div>`}
		<div><dt>BGP</dt><dd>${doc.bgp.length ? html`<ul>${doc.bgp.map((b, i) => html`<li key=${i}><${Time} at=${b.time} seconds /> <${Icon} name=${b.state === "down" || b.state === "withdrawn" ? "bgpdown" : "bgpup"} /> ${b.device && html`<bdi>${clean(b.device)}</bdi> `}<${Sentence} text=${b.text} asOf=${b.time} /></li>`)}</ul>` : "no BGP event of these devices"}${doc.bgp_left_out ? html`<span class="dim">${count(doc.bgp_left_out)} more are in the report</span>` : ""}</dd></div>
		<div><dt>Events</dt><dd>${plural(r.events, "event")} and ${plural(r.flows, "flow")}, told by ${r.agents.map((a) => clean(a)).join(", ")}</dd></div>
		<div><dt>Record</dt><dd>${r.anchor ? html`${count(r.places)} events in the chain; sealed to place ${count(r.anchor.place)} at <${Time} at=${r.anchor.time} seconds />` : html`${count(r.places)} events in the chain`}<div class="mono dim hash" title=${r.hash}>${clean(r.hash ?? "", 24)}</div><code>glasswatch-collector verify</code></dd></div>
	</dl></section>`;
}

function Alerts({ doc }) {
	const seen = new Set(), rows = [...doc.alerts, ...doc.still_open].filter((a) => !seen.has(a.id) && seen.add(a.id));
	if (!rows.length) return null;
	return html`<section class="card" aria-labelledby="al-h"><header><h2 id="al-h">Alerts</h2><span class="dim">${count(rows.length)}</span></header>
		<ul class="inc-alerts">${rows.map((a) => html`<li key=${a.id}><${Icon} name=${SEVERITY[a.severity]?.icon ?? "flag"} hue=${SEVERITY[a.severity]?.hue} label=${clean(a.severity)} />
			<span><a href=${href("alerts", {}, a.id)}><b>${clean(a.name)}</b></a> <span class="dim"><${Time} at=${a.time ?? a.since} seconds />${a.count > 1 ? `, ${count(a.count)} times` : ""}</span><span class="l2"><${Said} text=${a.text} began=${doc.began} /></span><span class="l2 dim"><${Said} text=${a.end} began=${doc.began} /></span></span></li>`)}</ul>
	</section>`;
}

export function Review({ id }) {
	const [{ doc, error }, again] = useOne("incidents", "incident", id, AGAIN_MS);
	useEffect(() => { if (doc) document.title = `Incident ${doc.id} · glasswatch`; }, [doc?.id]);
	const list = html`<a href=${href("incidents")}>Incidents</a>`;
	if (!doc && error?.status === 404) return html`<div class="pad review"><div class="bar"><h1>Incident ${clean(id, 20)}</h1></div><${Quiet}>There is no incident with this number. All are under ${list}.<//></div>`;
	if (!doc) return html`<div class="pad review"><div class="bar"><h1>Incident ${clean(id, 20)}</h1></div>${error ? html`<${Failed} what="The incident" error=${error} again=${again} />` : html`<${Loading} what="the incident" rows=${5} />`}</div>`;
	const s = STATUS(doc);
	return html`<div class="pad review">
		<div class="bar"><h1>${list} <span class="dim" aria-hidden="true">/</span> Incident ${doc.id}</h1>
			<span class="status"><${Icon} name=${s.icon} hue=${s.hue} /> ${s.word}</span>
			<span class="dim"><${Time} at=${doc.began} seconds /> – ${doc.closed ? html`<${Time} at=${doc.closed} seconds />` : "now"}</span><span class="grow" /><${Exports} doc=${doc} /></div>
		${error && html`<${Failed} what="What is new of the incident" error=${error} again=${again} />`}
		${doc.joined && html`<p class="quiet">Incident ${doc.joined} is part of this one.</p>`}
		<section class="card lead" aria-label="Summary"><div class="prose"><p class="title"><${Said} text=${doc.title} began=${doc.began} /></p>${doc.words.map((w, i) => html`<p key=${i}><${Said} text=${w} began=${doc.began} /></p>`)}
			${doc.drill && html`<p>A drill of ${clean(doc.drill.who ?? "")} covers it: ${clean(doc.drill.why ?? "")}.</p>`}</div><${Figures} doc=${doc} /></section>
		<${Scrub} doc=${doc} />
		<${Sessions} doc=${doc} />
		<${Devices} doc=${doc} />
		<div class="two"><${NotSeen} doc=${doc} /><${Policy} doc=${doc} /></div>
		<${Alerts} doc=${doc} />
	</div>`;
}
