// SPDX-License-Identifier: Apache-2.0
// The list, and #/incidents/ID the review. Parameters: t (scrubber's moment), state, kind.
import { html } from "../html.js";
import { Loading } from "../parts/states.js";

export default function Incidents() {
	return html`<div class="bar"><h1>Incidents</h1></div><${Loading} what="this view" />`;
}
