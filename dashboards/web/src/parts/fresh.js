// SPDX-License-Identifier: Apache-2.0
// Motion, the little there is: what changed fades for 1.2 s; without motion it has a dot until the
// next focus or touch of the pointer. And what stands still: the order of rows under the pointer.
import { useEffect, useRef, useState } from "../html.js";
import { still } from "../theme.js";

// A ref for the element that shows `value`; marked whenever the value becomes another.
export function useFresh(value) {
	const box = useRef(null), last = useRef(value);
	useEffect(() => {
		if (last.current === value) return;
		last.current = value;
		const e = box.current;
		if (!e) return;
		if (!still.matches) {
			const from = getComputedStyle(document.documentElement).getPropertyValue("--blue-bg");
			e.animate([{ backgroundColor: from }, {}], { duration: 1200, easing: "ease-out" });
			return;
		}
		e.classList.add("changed");
		const seen = () => e.classList.remove("changed");
		for (const kind of ["focus", "pointerenter"]) e.addEventListener(kind, seen, { once: true });
	}, [value]);
	return box;
}

// Keys in an order that does not change while their container has pointer or focus: what is new
// goes to the end until then. Returns the keys and what to spread on the container.
export function useHeld(keys) {
	const kept = useRef(keys), hold = useRef(false);
	const [, again] = useState(0);
	if (hold.current) {
		const now = new Set(keys), was = new Set(kept.current);
		kept.current = [...kept.current.filter((k) => now.has(k)), ...keys.filter((k) => !was.has(k))];
	} else kept.current = keys;
	const held = (yes) => (e) => {
		if (!yes && e.currentTarget.contains(e.relatedTarget)) return;
		hold.current = yes;
		if (!yes) again((n) => n + 1);
	};
	return [kept.current, { onPointerEnter: held(true), onPointerLeave: held(false), onFocusIn: held(true), onFocusOut: held(false) }];
}
