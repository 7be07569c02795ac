// SPDX-License-Identifier: Apache-2.0
// A button that changes something: visible without the right, but disabled, with the reason.
import { html } from "../html.js";
import { mayOperate } from "../api.js";
import { stale } from "../live.js";

export function ActButton({ onClick, children, class: c, ...rest }) {
	const why = stale() ? "not while the page is old" : mayOperate.value ? null : "needs an operate token";
	return html`<button class=${"btn " + (c ?? "")} aria-disabled=${why ? "true" : undefined} title=${why}
		onClick=${(e) => !why && onClick(e)} ...${rest}>${children}${why && html`<span class="unseen"> (${why})</span>`}</button>`;
}
