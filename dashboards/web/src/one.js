// SPDX-License-Identifier: Apache-2.0
// One document of the API (a session, an incident), read again when the stream tells of it.
import { useEffect, useState } from "./html.js";
import { ask } from "./api.js";
import { on, resets } from "./live.js";

// list: where it is ("sessions");  kind: what the stream calls it ("session");  id: its number
// calm: milliseconds between two readings, at least, while it goes on.
// Returns [{ doc, error }, again]: doc stays when a later reading failed.
export function useOne(list, kind, id, calm) {
	const [state, set] = useState({ id, doc: null, error: null });
	const [turn, again] = useState(0);
	useEffect(() => {
		const mine = new AbortController();
		let timer = 0, busy = false, wanted = false;
		async function read() {
			timer = 0;
			if (busy) {
				wanted = true;
				return;
			}
			busy = true;
			try {
				const doc = await ask(`${list}/${encodeURIComponent(id)}`, {}, { signal: mine.signal });
				set({ id, doc, error: null });
			} catch (error) {
				if (error.name === "AbortError") return;
				set((s) => ({ id, doc: s.id === id ? s.doc : null, error }));
			}
			busy = false;
			if (wanted) {
				wanted = false;
				soon();
			}
		}
		const soon = () => { timer ||= setTimeout(read, calm); };
		const offs = [on(kind, (row) => String(row.id) === String(id) && soon()), resets.subscribe((n) => n && soon())];
		read();
		return () => {
			mine.abort();
			clearTimeout(timer);
			offs.forEach((f) => f());
		};
	}, [list, id, turn]);
	return [state.id === id ? state : { doc: null, error: null }, () => again((n) => n + 1)];
}
