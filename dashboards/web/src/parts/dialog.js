// SPDX-License-Identifier: Apache-2.0
// A modal dialog (token, help, acknowledge, silence) on the browser's own <dialog>: focus is
// kept inside (it begins at [data-first], if one is there), Escape closes, focus returns to where
// it came from.
import { html, useId, useLayoutEffect, useRef } from "../html.js";
import { Icon } from "../icons.js";
import { keepFocus } from "./focus.js";

export function Dialog({ title, close, children, wide }) {
	const box = useRef(null), back = useRef(null), id = useId();
	back.current ??= keepFocus();
	// With the drawing: no key goes to the view behind it, nor is lost.
	useLayoutEffect(() => {
		const dialog = box.current;
		dialog.showModal();
		dialog.querySelector("[data-first]")?.focus();
		return () => {
			dialog.close(); // while it is open, nothing outside of it takes focus
			back.current();
		};
	}, []);
	return html`<dialog ref=${box} class=${wide ? "wide" : ""} aria-labelledby=${id}
		onCancel=${(e) => { e.preventDefault(); close(); }}
		onClick=${(e) => e.target === box.current && close()}>
		<div class="inside">
			<header><h2 id=${id}>${title}</h2><button class="btn plain" onClick=${close} aria-label="Close"><${Icon} name="close" /></button></header>
			${children}
		</div>
	</dialog>`;
}
