// SPDX-License-Identifier: Apache-2.0
// One document of the API (a session, an incident), read again when the stream tells of it.
import { ask } from "./api.js";
import { useAsked } from "./asked.js";

// list: where it is ("sessions");  kind: what the stream calls it ("session");  id: its number
// calm: milliseconds between two readings, at least, while it goes on.
// Returns [{ doc, error }, again]: doc stays when a later reading failed.
export function useOne(list, kind, id, calm) {
	const { value: doc, error, again } = useAsked(`${list}/${id}`, (signal) => ask(`${list}/${encodeURIComponent(id)}`, {}, { signal }),
		{ kinds: () => ({ [kind]: (row) => String(row.id) === String(id) }), least: calm });
	return [{ doc, error }, again];
}
