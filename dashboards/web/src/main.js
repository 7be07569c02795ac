// SPDX-License-Identifier: Apache-2.0
// The page's life: who am I, the summary, the stream from the summary's cursor, the frame.
import { html, render } from "./html.js";
import { token, whoAmI } from "./api.js";
import { devices, loadSummary, reloadAll } from "./data.js";
import { Frame, preload, startError } from "./frame.js";
import { start } from "./live.js";
import "./theme.js";

let begun = false, failed = false;

async function begin() {
	try {
		// Asked for together, with what the first view will want; and its code is on its way.
		preload();
		devices();
		const [, s] = await Promise.all([whoAmI(), loadSummary()]);
		startError.value = null;
		if (!begun) start(s.cursor);
		begun = true;
		if (failed) reloadAll(); // what was asked for meanwhile has failed as well
		failed = false;
	} catch (e) {
		if (e.kind === "token-needed") return; // the frame asks for one; then again
		failed = true;
		startError.value = e;
		setTimeout(begin, 3000);
	}
}

render(html`<${Frame} />`, document.getElementById("app"));
begin();

// Another token: everything is asked again with it.
let last = token.peek();
token.subscribe((t) => {
	if (t === last) return;
	last = t;
	begin().then(reloadAll);
});
