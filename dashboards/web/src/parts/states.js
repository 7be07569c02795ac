// SPDX-License-Identifier: Apache-2.0
// What a view shows when it has nothing to show: loading, empty because quiet, empty because
// blind, failed, partial. PAGE.md section 6.
import { html, useEffect, useState } from "../html.js";
import { Icon } from "../icons.js";
import { clean } from "../words.js";

// The shape of what comes, after 150 ms: most answers are there before.
export function Loading({ rows = 4, what = "the answer" }) {
	const [shown, show] = useState(false);
	useEffect(() => {
		const t = setTimeout(() => show(true), 150);
		return () => clearTimeout(t);
	}, []);
	return html`<div class="loading" role="status" aria-busy="true">
		<span class="unseen">Waiting for ${what}.</span>
		${shown && Array.from({ length: rows }, (_, i) => html`<div class=${"block w" + (i % 3)} key=${i} />`)}
	</div>`;
}

// Quiet: a sentence is enough. Blind: what it does not mean, and the command that mends it.
export const Quiet = ({ children }) => html`<p class="quiet">${children}</p>`;
export const Blind = ({ title, children, command }) => html`<div class="blind-box">
	<h2><${Icon} name="blind" />${title}</h2>
	<p>${children}</p>
	${command && html`<pre><code>${command}</code></pre>`}
</div>`;

// A part that failed fails alone. safe: what is said of the events.
export function Failed({ what, error, again }) {
	return html`<div class="failed-box" role="alert">
		<h2><${Icon} name="failing" hue="amber" />${what} could not be read.</h2>
		<p>${clean(error.detail ?? error.message)} ${error.kind === "unreachable"
			? "Events are safe: they wait in Redis until the collector is back."
			: ""}</p>
		<p class="dim">${error.type && html`<code>${clean(error.type)}</code>`} ${error.request && html`request <code>${clean(error.request)}</code>`}</p>
		${again && html`<button class="btn" onClick=${again}>Try again</button>`}
	</div>`;
}

// What was not seen, hatched, with its reason.
export const NotSeen = ({ children }) => html`<p class="notseen"><span class="hatch" aria-hidden="true" />${children}</p>`;

// Shows children when a joined list (data.js) is ready; keeps them when a later read failed.
export function Ready({ list, what, rows, children }) {
	const state = list.state.value, error = list.error.value;
	if (state === "loading" && !list.doc.value) return html`<${Loading} what=${what} rows=${rows} />`;
	return html`${state === "error" && html`<${Failed} what=${what[0].toUpperCase() + what.slice(1)} error=${error} again=${list.reload} />`}
		${list.doc.value && (typeof children === "function" ? children() : children)}`;
}
