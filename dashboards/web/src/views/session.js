// SPDX-License-Identifier: Apache-2.0
// The session panel: GET /sessions/{id}, over any view, as the parameter session=ID.
import { html } from "../html.js";
import { Panel } from "../parts/panel.js";
import { Loading } from "../parts/states.js";
import { go, here } from "../url.js";

export default function Session({ id }) {
	return html`<${Panel} label="Session" close=${() => go(here({ session: null }))} head=${html`<h2>Session ${id}</h2>`}>
		<${Loading} what="the session" /><//>`;
}
