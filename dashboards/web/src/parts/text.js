// SPDX-License-Identifier: Apache-2.0
// Text from the wire as an element: isolated, cleaned, cut at 256 characters.
import { html } from "../html.js";
import { clean } from "../words.js";

// whole: not cut (the session panel). mono: addresses, rules, hashes.
export const Wire = ({ text, mono, whole, class: c }) =>
	text === undefined || text === null || text === ""
		? null
		: html`<bdi class=${(mono ? "mono " : "") + (c ?? "")}>${clean(text, whole ? Infinity : undefined)}</bdi>`;

// A hostname: never cut at the end. Where there is little room, CSS wraps it.
export const Name = ({ text }) => html`<bdi class="name">${clean(text)}</bdi>`;
