// SPDX-License-Identifier: Apache-2.0
// The page's own figure: rail -- Ma1 -- [device] -- lo6 -- rail. Ma1 is always left, lo6 always
// right. Rung is a device in full; Glyph the same in 40 x 18. What a device looks like is
// decided once, in stand(), from the collector's row of it.
import { html } from "../html.js";
import { Icon } from "../icons.js";
import { clean, pathState, plural, roleWord } from "../words.js";
import { useFresh } from "./fresh.js";
import { Time } from "./time.js";

// How a device stands: { ma1, lo6, box, word, icon, hue, rank, note, hasLo6 }
//	ma1  idle, used, lost, blind;  lo6  idle, used, free (the device is on it, no one else),
//	     drill, unjustified, unexplained, notarmed, lost, none, blind
//	rank how far from normal: sorts, 0 is normal
export function stand(d) {
	const state = d.path.state, p = pathState(state);
	const drill = Boolean(d.drill); // every session on its lo6 is part of one (fleet.js)
	const npb = d.role === "npb" || d.role === "mgmt-switch";
	const hasLo6 = Boolean(d.lo6?.v4 || d.lo6?.v6);
	const notArmed = hasLo6 && d.armed && d.armed.ok === false;
	const lost = ["in-band", "primary-failing", "unreachable"].includes(state) && !drill;
	// Nobody watches it any more, or nobody ever saw its Ma1 answer: silence is not quiet.
	const blind = Boolean(d.path.stale) || (state === "primary" && d.ma1.evidence === "none" && !d.open.ma1);

	const ma1 = lost ? "lost" : d.open.ma1 ? "used" : !d.ma1.address ? "none" : blind ? "blind" : "idle";
	let lo6 = "idle";
	if (!hasLo6) lo6 = "none";
	else if (drill) lo6 = d.open.lo6 ? "drill" : "free";
	else if (state === "unreachable") lo6 = notArmed ? "notarmed" : "lost";
	else if (state === "in-band-unjustified") lo6 = "unjustified";
	else if (state === "in-band-unexplained") lo6 = "unexplained";
	else if (d.open.lo6) lo6 = "used";
	else if (state === "in-band") lo6 = "free";
	else if (notArmed) lo6 = "notarmed";

	let { word, icon, hue, rank } = p;
	if (drill) ({ word, icon, hue, rank } = pathState("in-band-drill"));
	else if (state === "in-band" && !d.open.lo6) word = "lo6 only";
	else if (state === "primary" && d.open.lo6) {
		word = "on Ma1 and lo6";
		icon = "inband";
		hue = "blue";
		rank = 1;
	} else if (state === "primary" && notArmed) {
		word = "on Ma1, not armed";
		icon = "notarmed";
		hue = "amber";
		rank = 0.5;
	}
	if (blind && rank < 0.5) {
		word = "not seen";
		icon = "blind";
	}
	let note = null;
	if (d.path.stale) note = { icon: "blind", text: "not watched now", hue: "grey" };
	else if (d.trust.no_policy) note = { icon: "nopolicy", text: "no policy" };
	else if (d.trust.drift) note = { icon: "differs", text: "trust differs" };
	if (note && !note.hue && rank < 0.5) rank = 0.4;
	if (d.refused_1h && rank < 1.5) rank = 1.5;
	return { state, ma1, lo6, word, icon, hue, rank, note, lost, drill, npb, hasLo6, notArmed, blind };
}

const first = (d) => clean(d.open.first?.[0] ?? "", 24);

function Left({ d, s }) {
	if (s.ma1 === "lost")
		return html`<div class="half lost"><span class="up mono">${d.ma1.address}</span><i class="wire" /><span class="badge"><${Icon} name="cross" />Ma1</span>
			<span class="dn">lost ${d.ma1.since && html`<${Time} at=${d.ma1.since} />`}</span></div>`;
	if (s.ma1 === "blind")
		return html`<div class="half blind"><span class="up mono">${d.ma1.address}</span><i class="wire" /><span class="dn">${d.path.stale ? "not watched now" : "never seen"}</span></div>`;
	if (s.ma1 === "none") return html`<div class="half none"><span>Ma1 not known</span></div>`;
	return html`<div class=${"half " + s.ma1}><span class="up mono">${d.ma1.address}</span><i class="wire" />
		${s.ma1 === "used" && html`<span class="badge" aria-label=${plural(d.open.ma1, "session") + " on Ma1"}>${d.open.ma1}</span>
			<span class="dn"><bdi>${d.open.lo6 ? "" : first(d)}</bdi></span>`}</div>`;
}

function Right({ d, s }) {
	const address = d.lo6?.v4 ?? d.lo6?.v6;
	// A warning above a wire is never hidden.
	const above = d.refused_1h
		? html`<span class="up keep h-red"><${Icon} name="untrusted" />${d.refused_1h} refused</span>`
		: html`<span class="up mono">${address}</span>`;
	const badge = (text) => html`<span class="badge" aria-label=${plural(d.open.lo6, "session") + " on lo6"}>${text}</span>`;
	switch (s.lo6) {
		case "none": return html`<div class="half none"><span>${s.npb ? "no lo6 by design" : "no lo6 known"}</span></div>`;
		case "used": case "drill": case "unjustified": case "unexplained": {
			const words = { used: "", drill: "drill", unjustified: "not justified", unexplained: "unexplained" }[s.lo6];
			return html`<div class=${"half " + s.lo6}>${above}<i class="wire" />
				${d.open.lo6 ? badge(html`${d.open.lo6} <bdi>${first(d)}</bdi>`) : words && html`<span class="badge">no one now</span>`}
				<span class="dn">${words || (d.path.state === "in-band" && d.path.since ? html`<span class="wideonly">since </span><${Time} at=${d.path.since} />` : "")}</span></div>`;
		}
		case "free": return html`<div class="half free">${above}<i class="wire" /><span class="dn">no one<span class="wideonly"> on it</span></span></div>`;
		case "lost": return html`<div class="half lost">${above}<i class="wire" /><span class="badge"><${Icon} name="cross" />lo6</span><span class="dn">lost</span></div>`;
		case "notarmed": return html`<div class="half notarmed">${above}<i class="wire" /><span class="badge"><${Icon} name="notarmed" />not armed</span>
			<span class="dn">${clean(d.armed.codes?.[0] ?? "", 40)}</span></div>`;
		default: return html`<div class="half">${above}<i class="wire" /></div>`;
	}
}

// d: the collector's row. to: where its box leads.
export function Rung({ d, to }) {
	const s = stand(d);
	const box = useFresh(`${s.state} ${s.ma1} ${s.lo6} ${d.open.ma1} ${d.open.lo6} ${d.refused_1h}`);
	return html`<div class="rung">
		<${Left} d=${d} s=${s} />
		<a ref=${box} class=${"box h-" + (s.rank >= 0.5 ? s.hue : "grey") + (["primary-failing"].includes(s.state) ? " hollow" : "") + (s.drill ? " drill" : "")} href=${to} data-device=${d.name}>
			<${Icon} name=${s.icon} />
			<span class="nm">${clean(d.name)}</span><span class="role">${roleWord(d.role)}</span>
			<span class="st"><span class="w">${s.word}</span>
				${s.note ? html`<span class=${"mark " + (s.note.hue ?? "")}><${Icon} name=${s.note.icon} />${s.note.text}</span>`
					: s.hasLo6 && d.armed?.ok && s.rank < 0.5 ? html`<span>armed</span>` : null}</span>
		</a>
		<${Right} d=${d} s=${s} />
	</div>`;
}

// 40 x 18, decoration: who uses it says the same in words (glyphWords).
export function Glyph({ d, s = stand(d) }) {
	const box = s.drill ? "g-blue g-dash" : s.state === "unreachable" || s.state === "in-band-unjustified" ? "g-red g-full"
		: s.lo6 === "used" || s.lo6 === "free" ? "g-blue" + (s.lost ? " g-full" : "")
		: s.state === "in-band-unexplained" ? "g-amber" : s.state === "primary-failing" ? "g-red" : s.note ? "g-amber" : "g-rail";
	const right = {
		none: null, idle: "g-idle", used: "g-used g-blue", free: "g-free g-blue", drill: "g-drill g-blue",
		unjustified: "g-used g-red", unexplained: "g-used g-amber", notarmed: "g-dash g-amber", lost: "g-dash g-red",
	}[s.lo6];
	return html`<svg class="glyph" viewBox="0 0 40 18" aria-hidden="true">
		${s.ma1 === "lost"
			? html`<path class="g-dash g-red" d="M1 9h3M11 9h3" /><path class="g-cross" d="m5.5 6.5 5 5m0-5-5 5" />`
			: s.ma1 === "none" ? null : s.ma1 === "blind" ? html`<path class="g-blind" d="M1.5 12l3-6M5 12l3-6M8.5 12l3-6" />` : html`<path class=${s.ma1 === "used" ? "g-used g-rail" : "g-idle"} d="M1 9h13" />`}
		${right && html`<path class=${right} d="M26 9h13" />`}
		<rect class=${"g-box " + box} x="14.7" y="4.2" width="10.6" height="9.6" rx="2" />
		${s.state === "unreachable" && html`<path class="g-hole" d="m17.5 6.5 5 5m0-5-5 5" />`}
		${s.state === "in-band-unjustified" && !s.drill && html`<path class="g-hole" d="M20 5.8v3.8M20 11v1.5" />`}
		${s.state === "in-band-unexplained" && !s.drill && html`<path class="g-ask" d="M18.4 7.7c0-2.2 3.3-2.1 3.3.1 0 1.3-1.7 1.2-1.7 2.4M20 11.2v1" />`}
		${s.note && s.state === "primary" && html`<path class="g-ask" d="M17.8 7.7h4.4M17.8 10.3h4.4M21.3 5.8l-2.6 6.4" />`}
		${d.refused_1h ? html`<circle class="g-no" cx="33" cy="4.5" r="3.6" /><path class="g-hole" d="M31 4.5h4" />` : null}
	</svg>`;
}

// What a glyph says, for its label and its title.
export function standWords(d, s = stand(d)) {
	const parts = [s.word];
	if (s.state !== "primary" && s.notArmed) parts.push("not armed");
	if (d.open.lo6) parts.push(`${plural(d.open.lo6, "session")} on lo6`);
	if (d.refused_1h) parts.push(`${plural(d.refused_1h, "untrusted attempt")} refused`);
	if (s.note) parts.push(s.note.text);
	return parts.join(", ");
}
