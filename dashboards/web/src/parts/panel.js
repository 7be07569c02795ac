// SPDX-License-Identifier: Apache-2.0
// The panel at the right, 560 px, not modal; the whole page on a phone. Opened by a link,
// closed by Escape: focus returns to where it came from.
import { html, useLayoutEffect, useRef } from "../html.js";
import { Icon } from "../icons.js";
import { useKeys } from "../keys.js";
import { keepFocus } from "./focus.js";

export function Panel({ label, close, head, children, tools }) {
	const box = useRef(null), back = useRef(null);
	back.current ??= keepFocus();
	useLayoutEffect(() => {
		box.current.focus({ preventScroll: true });
		document.body.classList.add("with-panel");
		return () => {
			document.body.classList.remove("with-panel");
			back.current();
		};
	}, []);
	useKeys([{ keys: ["Escape"], words: "close the panel", group: "Panel", run: close }], [close]);
	return html`<aside class="panel" ref=${box} tabindex="-1" aria-label=${label}>
		<header>${head}<span class="grow" />${tools}<button class="btn plain" onClick=${close} aria-label="Close"><${Icon} name="close" /></button></header>
		<div class="body">${children}</div>
	</aside>`;
}
