// SPDX-License-Identifier: Apache-2.0
// A document of the API as a file. Without a token the browser's own download, which holds
// nothing in memory; with one it must be sent, so the page fetches it.
import { html, useState } from "../html.js";
import { fetchApi, token, url } from "../api.js";
import { stale } from "../live.js";
import { clean } from "../words.js";

// path, params: the question;  file: its name;  title: what is in it;  children: what it says
export function Download({ path, params, file, title, children, class: c }) {
	const [busy, set] = useState(false), [error, fail] = useState(null);
	const old = stale();
	async function take(e) {
		if (old || busy || token.peek()) e.preventDefault();
		if (old || busy || !token.peek()) return;
		set(true);
		fail(null);
		try {
			const blob = await (await fetchApi(path, { params, accept: "*/*" })).blob();
			const a = document.createElement("a");
			a.href = URL.createObjectURL(blob);
			a.download = file;
			a.click();
			setTimeout(() => URL.revokeObjectURL(a.href), 60000);
		} catch (err) {
			fail(err);
		}
		set(false);
	}
	return html`<a class=${c} href=${url(path, params).href} download=${file} onClick=${take} aria-disabled=${busy || old ? "true" : undefined}
		title=${old ? "not while the page is old" : title}>${children}${busy ? html` <span class="dim">fetching</span>` : error && html` <span class="h-amber">failed: ${clean(error.message)}</span>`}</a>`;
}
