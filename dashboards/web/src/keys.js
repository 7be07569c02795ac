// SPDX-License-Identifier: Apache-2.0
// The keyboard, in one table. A view adds its keys while it is shown:
//
//	useKeys([{ keys: ["n"], words: "next abnormal mark", group: "Timeline", run }])
//
// Single keys do nothing inside inputs, with Ctrl, Alt or Meta, and when switched off (WCAG
// 2.1.4); Escape works always. `?` shows what is there now.
import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

const KEY = "glasswatch.keys";
const off = () => {
	try {
		return localStorage.getItem(KEY) === "off";
	} catch {
		return false;
	}
};
export const enabled = signal(!off());
export function setEnabled(on) {
	enabled.value = on;
	try {
		if (on) localStorage.removeItem(KEY);
		else localStorage.setItem(KEY, "off");
	} catch {
		// then it lasts until the page is loaded again
	}
}

// What is there now, the newest last: it wins. A component keeps its place from when it was first
// shown, however often it is drawn again: Escape closes what was opened last.
export const table = signal([]);
const places = new Set();
const lay = () => { table.value = [...places].flatMap((p) => p.entries); };

// deps: as of useEffect(); run() must see what it closes over. Laid with the drawing itself, not a
// frame later: who is quick, or has a busy machine, presses a key as soon as there is something.
export function useKeys(entries, deps = []) {
	const place = useRef({ entries: [] });
	useLayoutEffect(() => {
		places.add(place.current);
		return () => {
			places.delete(place.current);
			lay();
		};
	}, []);
	useLayoutEffect(() => {
		place.current.entries = entries;
		lay();
	}, deps);
}

const typing = (e) =>
	e.target.closest?.("input, textarea, select, [contenteditable]") && e.key !== "Escape";

addEventListener("keydown", (e) => {
	if (e.defaultPrevented || e.ctrlKey || e.altKey || e.metaKey || e.isComposing) return;
	if (typing(e) || (!enabled.peek() && e.key !== "Escape")) return;
	// In a modal dialog only what is inside it; its Escape is the browser's.
	if (document.querySelector("dialog[open]")) return;
	for (const entry of table.peek().toReversed()) {
		if (!entry.keys.includes(e.key)) continue;
		if (entry.when && !entry.when(e)) continue;
		// Space and Enter belong to the button or link that has focus.
		if ((e.key === " " || e.key === "Enter") && e.target.closest?.("a, button, summary, [role=button]")) return;
		if (entry.run(e) !== false) {
			e.preventDefault();
			return;
		}
	}
});
