// SPDX-License-Identifier: Apache-2.0
// Where focus was before a panel or a dialog takes it. Called when it is drawn first; the answer
// puts focus back. What was drawn anew meanwhile, as by news, is found by what it stands for: its
// data-* or where it leads.
export function keepFocus() {
	const from = document.activeElement;
	const marks = Object.keys(from.dataset).map((k) => `data-${k.replace(/[A-Z]/g, (c) => "-" + c.toLowerCase())}`);
	if (!marks.length && from.hasAttribute("href")) marks.push("href");
	const like = from.localName + marks.map((m) => `[${m}="${CSS.escape(from.getAttribute(m))}"]`).join("");
	return () => {
		const to = from.isConnected || !marks.length ? from
			: [...document.querySelectorAll(like)].find((e) => !e.closest(".panel, dialog"));
		to?.focus({ preventScroll: true });
	};
}
