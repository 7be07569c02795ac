// SPDX-License-Identifier: Apache-2.0
// What lies before and behind an open session, for j and k in its panel: a view that lists
// sessions says in which order it shows them.
import { signal } from "@preact/signals";

export const around = signal(null); // ids, as the view shows them; null: no list is shown

// The id `step` places on in the list, or null.
export function neighbour(id, step) {
	const ids = around.peek();
	if (!ids) return null;
	const i = ids.indexOf(id);
	return i < 0 ? null : ids[i + step] ?? null;
}
