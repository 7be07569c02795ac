// SPDX-License-Identifier: Apache-2.0
// Filterable table with tail and export. Parameters: those of GET /flows, and tail=off.
import { html } from "../html.js";
import { Loading } from "../parts/states.js";

export default function Flows() {
	return html`<div class="bar"><h1>Flows</h1></div><${Loading} what="this view" />`;
}
