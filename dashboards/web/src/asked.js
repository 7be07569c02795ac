// SPDX-License-Identifier: Apache-2.0
// A question that is asked again when the stream tells of something that bears on its answer.
//
//	key       whose answer it is: another key, another answer; null: nothing is asked
//	get(signal) asks
//	kinds()   { kind of the stream: when(row) }: what it depends on
//	least     ms between two questions, at least
// { value, error, again }: value stays when a later reading failed.
import { useEffect, useState } from "./html.js";
import { on, resets } from "./live.js";

export function useAsked(key, get, { kinds = () => ({}), least = 1000 } = {}) {
	const [state, set] = useState({ key, value: null, error: null });
	const [turn, again] = useState(0);
	useEffect(() => {
		if (key === null) return undefined;
		const mine = new AbortController();
		let timer = 0, busy = false, wanted = false, last = 0;
		async function read() {
			timer = 0;
			if (busy) {
				wanted = true;
				return;
			}
			busy = true;
			last = Date.now();
			try {
				const value = await get(mine.signal);
				set({ key, value, error: null });
			} catch (error) {
				if (error.name === "AbortError") return;
				set((s) => ({ key, value: s.key === key ? s.value : null, error }));
			}
			busy = false;
			if (wanted) {
				wanted = false;
				soon();
			}
		}
		const soon = () => { timer ||= setTimeout(read, Math.max(200, least - (Date.now() - last))); };
		const offs = [...Object.entries(kinds()).map(([kind, when]) => on(kind, (row) => when(row) && soon())), resets.subscribe((n) => n && soon())];
		read();
		return () => {
			mine.abort();
			clearTimeout(timer);
			offs.forEach((f) => f());
		};
	}, [key, turn]);
	const now = state.key === key ? state : { value: null, error: null };
	return { value: now.value, error: now.error, again: () => again((n) => n + 1) };
}
