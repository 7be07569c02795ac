// SPDX-License-Identifier: Apache-2.0
// Paste an address: each device's verdict and why. Parameters: address, device.
import { html } from "../html.js";
import { Loading } from "../parts/states.js";

export default function Trust() {
	return html`<div class="bar"><h1>Trust</h1></div><${Loading} what="this view" />`;
}
