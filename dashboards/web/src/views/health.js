// SPDX-License-Identifier: Apache-2.0
// Record, agents, coverage, collector, gaps. Parameters: agent, device.
import { html } from "../html.js";
import { Loading } from "../parts/states.js";

export default function Health() {
	return html`<div class="bar"><h1>Health</h1></div><${Loading} what="this view" />`;
}
