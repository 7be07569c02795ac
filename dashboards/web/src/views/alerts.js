// SPDX-License-Identifier: Apache-2.0
// Open, acknowledged, silenced; act on them. Parameters: state, alert.
import { html } from "../html.js";
import { Loading } from "../parts/states.js";

export default function Alerts() {
	return html`<div class="bar"><h1>Alerts</h1></div><${Loading} what="this view" />`;
}
