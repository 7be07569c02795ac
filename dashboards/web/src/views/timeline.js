// SPDX-License-Identifier: Apache-2.0
// Swim-lanes per device, one band per path. Parameters: from, to (RFC 3339 or -2h), only=abnormal,
// device, at (cursor's moment).
import { html } from "../html.js";
import { Loading } from "../parts/states.js";

export default function Timeline() {
	return html`<div class="bar"><h1>Timeline</h1></div><${Loading} what="this view" />`;
}
