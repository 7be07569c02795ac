// SPDX-License-Identifier: Apache-2.0
// Lists of the API joined to the stream, without a hole: what the stream tells while a list
// is on its way is kept and laid over it. A row is a state, so that twice does no harm.
//
// Rows holds a signal for each row: who draws one row is drawn again when that row changes,
// and no other. `keys` changes only when rows come or go.
import { batch, signal } from "@preact/signals";
import { ask } from "./api.js";
import { answered, beginning, on, resets } from "./live.js";

export class Rows {
	constructor() {
		this.keys = signal([]);
		this.version = signal(0); // any change; for counts and groups
		this.at = new Map(); // key -> signal of the row
	}
	get(key) {
		return this.at.get(key)?.value;
	}
	all() {
		this.version.value;
		return this.keys.value.map((k) => this.at.get(k).peek());
	}
	put(key, row) {
		const s = this.at.get(key);
		if (s) s.value = row;
		else {
			this.at.set(key, signal(row));
			this.keys.value = [...this.keys.peek(), key];
		}
		this.version.value++;
	}
	drop(key) {
		if (!this.at.delete(key)) return;
		this.keys.value = this.keys.peek().filter((k) => k !== key);
		this.version.value++;
	}
	// All anew; rows that are the same keep their signals.
	fill(pairs) {
		batch(() => {
			const seen = new Set();
			let same = true;
			for (const [key, row] of pairs) {
				seen.add(key);
				const s = this.at.get(key);
				if (s) s.value = row;
				else {
					this.at.set(key, signal(row));
					same = false;
				}
			}
			for (const key of [...this.at.keys()]) if (!seen.has(key)) {
				this.at.delete(key);
				same = false;
			}
			if (!same) this.keys.value = pairs.map(([key]) => key);
			this.version.value++;
		});
	}
}

// A list that stays true.
//	path, params  the question
//	name          where the rows are in the answer ("devices")
//	kind          what the stream calls them ("device"); none: only read
//	key(row)      its identity
//	wanted(row)   whether a row of the stream belongs here; one that no longer does goes
// state: "loading", "ready", "error" (then `error`; what was there stays).
export function joined({ path, params = {}, name, kind, key, wanted = () => true }) {
	const rows = new Rows(), state = signal("loading"), error = signal(null), doc = signal(null);
	let meanwhile = null, stopped = false, aborter = null;

	const apply = (row) => (wanted(row) ? rows.put(key(row), row) : rows.drop(key(row)));

	async function load() {
		aborter?.abort();
		const mine = new AbortController();
		aborter = mine;
		meanwhile = [];
		if (state.peek() === "error") state.value = "loading";
		try {
			let answer = await ask(path, params, { signal: mine.signal });
			// Older than where the stream began: what is between was told to nobody.
			if (answer.cursor < beginning()) answer = await ask(path, params, { signal: mine.signal });
			if (stopped || aborter !== mine) return;
			answered(answer.cursor);
			batch(() => {
				rows.fill(answer[name].map((r) => [key(r), r]));
				for (const m of meanwhile) if (m.id > answer.cursor) apply(m.row);
				doc.value = answer;
				error.value = null;
				state.value = "ready";
			});
		} catch (e) {
			if (e.name === "AbortError" || stopped || aborter !== mine) return;
			error.value = e;
			state.value = "error";
		}
		meanwhile = null;
	}

	const off = kind
		? on(kind, (row, id) => {
			if (meanwhile) meanwhile.push({ row, id });
			if (state.peek() !== "loading" || rows.keys.peek().length) apply(row);
		})
		: () => {};
	const again = resets.subscribe((n) => n && load());
	load();
	return {
		rows, state, error, doc, reload: load,
		stop() {
			stopped = true;
			aborter?.abort();
			off();
			again();
		},
	};
}

// One that several views share: asked for once, kept while the page is open.
const kept = new Map();
const keep = (name, make) => () => {
	if (!kept.has(name)) kept.set(name, make());
	return kept.get(name);
};

// Another token, another answer: everything kept is read again.
export const reloadAll = () => { for (const k of kept.values()) k.reload(); };

export const devices = keep("devices", () =>
	joined({ path: "devices", name: "devices", kind: "device", key: (d) => d.name }));

// Flows that are open and came through: who is there.
export const openFlows = keep("open", () =>
	joined({
		path: "flows", params: { state: "open", limit: 1000 }, name: "flows", kind: "session",
		key: (f) => f.id, wanted: (f) => f.open,
	}));

export const alerts = keep("alerts", () =>
	joined({ path: "alerts", params: { limit: 1000 }, name: "alerts", kind: "alert", key: (a) => a.id }));

export const incidents = keep("incidents", () =>
	joined({ path: "incidents", params: { limit: 200 }, name: "incidents", kind: "incident", key: (i) => i.id }));

export const agents = keep("agents", () =>
	joined({ path: "agents", name: "agents", kind: "agent", key: (a) => a.agent }));

// The three answers and the counts; the frame begins with it.
export const summary = signal(null);
on("summary", (row) => { summary.value = row; });
export async function loadSummary() {
	summary.value = await ask("summary");
	return summary.value;
}
resets.subscribe((n) => n && loadSummary().catch(() => {}));
