// SPDX-License-Identifier: Apache-2.0
// The page's life: who am I, the summary, the stream from the summary's cursor, the frame.
import { html, render } from "./html.js";
import { token, whoAmI } from "./api.js";
import { loadSummary, reloadAll } from "./data.js";
import { Frame, startError } from "./frame.js";
import { start } from "./live.js";
import "./theme.js";

let begun = false;
async function begin() {
	try {
		await whoAmI();
		const s = await loadSummary();
		startError.value = null;
		if (!begun) start(s.cursor);
		begun = true;
	} catch (e) {
		if (e.kind === "token-needed") return; // the frame asks for one; then again
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
