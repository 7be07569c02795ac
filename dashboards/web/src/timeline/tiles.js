// SPDX-License-Identifier: Apache-2.0
// What /timeline answers, by tiles: a tile spans 2^level seconds and begins at a multiple of
// that, so that panning asks only for the edge and a window seen before is there at once.
//
// want(window) says what is to be seen; lane(device) is what is known of it now, put together
// from the tiles of this level, or from coarser or finer ones while those are on their way.
// touched(since) marks tiles whose time has changed: they stay to be seen until they are read
// again. `version` is a signal: it counts whenever lane() would say something else.
import { batch, signal } from "../html.js";
import { ask } from "../api.js";
import { ms } from "../time.js";
import { Bars, OPEN, lay } from "./bars.js";
import { TILE_PX, levelOf, spelled, tileSpan, tilesOf } from "./scale.js";

const KEPT = 48; // tiles
const AT_ONCE = 3; // requests
const COARSER = 8, FINER = 2; // levels that may stand in
const CALM_MS = 400; // between two readings of the same tile, at least

const keyOf = (level, index) => `${level}:${index}`;
const NOTHING = { ma1: new Bars().done(), lo6: new Bars().done(), path: [], marks: [], unarmed: [], known: false };

export class Tiles {
	// device: only this one.
	constructor({ device } = {}) {
		this.device = device;
		this.cache = new Map();
		this.version = signal(0);
		this.waiting = signal(0); // tiles in sight that have never been read
		this.error = signal(null);
		this.sources = [];
		this.lanes = new Map();
		this.running = 0;
		this.needed = [];
		this.timer = 0;
		this.last = null;
		this.stopped = false;
	}

	stop() {
		this.stopped = true;
		clearTimeout(this.timer);
		for (const t of this.cache.values()) t.aborter?.abort();
	}

	// now: what begins later is not asked for.
	want(from, to, width, now) {
		const level = levelOf(to - from, width);
		const near = tilesOf(from, Math.min(to, now + 1), level);
		this.last = { from, to, width, now, level };
		this.needed = near.map((i) => keyOf(level, i));
		const wanted = new Set(this.needed);
		for (const [key, t] of this.cache) if (t.aborter && !wanted.has(key) && !t.ahead) {
			t.aborter.abort();
			if (t.asOf === undefined) this.cache.delete(key);
		}
		for (const i of near) this.tile(level, i).used = performance.now();
		// One more at either side, when all in sight is there.
		this.ahead = [near[0] - 1, near.at(-1) + 1].filter((i) => near.length && i * tileSpan(level) <= now).map((i) => keyOf(level, i));
		this.compose();
		this.go();
	}

	tile(level, index) {
		const key = keyOf(level, index), span = tileSpan(level);
		let t = this.cache.get(key);
		if (!t) this.cache.set(key, (t = { key, level, index, from: index * span, to: (index + 1) * span, dirty: true, used: 0 }));
		return t;
	}

	// Everything again: another store, another token, a reader's "Try again".
	again() {
		this.error.value = null;
		for (const t of this.cache.values()) t.dirty = true;
		for (const t of this.cache.values()) t.failed = false;
		this.go();
	}

	// Something of that time has changed.
	touched(since, until = Infinity) {
		for (const t of this.cache.values()) if (t.to > since && t.from < until) t.dirty = true;
		this.go();
	}

	go() {
		clearTimeout(this.timer);
		if (this.stopped) return;
		let next = Infinity;
		const t0 = performance.now();
		const consider = (key, ahead) => {
			const [level, index] = key.split(":").map(Number);
			const t = this.tile(level, index);
			if (!t.dirty || t.aborter || t.failed || this.running >= AT_ONCE) return;
			const rest = t.asOf === undefined ? 0 : Math.max(CALM_MS, 3 * (t.took ?? 0)) - (t0 - t.read);
			if (rest > 0) next = Math.min(next, rest);
			else this.read(t, ahead);
		};
		for (const key of this.needed) consider(key, false);
		if (!this.running) for (const key of this.ahead ?? []) consider(key, true);
		if (next < Infinity) this.timer = setTimeout(() => this.go(), next + 5);
		this.count();
	}

	async read(t, ahead) {
		const began = performance.now();
		t.aborter = new AbortController();
		t.ahead = ahead;
		t.dirty = false; // what changes from here on is not surely in the answer
		this.running++;
		try {
			const doc = await ask("timeline", {
				from: spelled(t.from), to: spelled(t.to), px: TILE_PX, limit: 10000, device: this.device,
			}, { signal: t.aborter.signal });
			t.asOf = ms(doc.as_of);
			t.doc = doc;
			t.lanes = new Map(doc.lanes.map((l) => [l.device, l]));
			doc.lanes = null;
			t.read = performance.now();
			t.took = t.read - began;
			batch(() => {
				this.error.value = null;
				this.compose();
			});
		} catch (e) {
			t.dirty = true;
			if (e.name !== "AbortError") {
				t.failed = true;
				this.error.value = e;
				setTimeout(() => { t.failed = false; this.go(); }, 3000);
			}
		}
		t.aborter = null;
		this.running--;
		this.forget();
		this.go();
	}

	forget() {
		const spare = [...this.cache.values()].filter((t) => !t.aborter && !this.needed.includes(t.key)).sort((a, b) => a.used - b.used);
		for (let i = 0; i < spare.length - KEPT; i++) this.cache.delete(spare[i].key);
	}

	count() {
		this.waiting.value = this.needed.filter((k) => this.cache.get(k)?.asOf === undefined).length;
	}

	// Which tiles say what of the window: [{ tile, cut0, cut1 }] in the order of time.
	compose() {
		const { level } = this.last ?? {};
		if (level === undefined) return;
		const sources = [];
		for (const key of this.needed) {
			const t = this.cache.get(key);
			if (t.asOf !== undefined) {
				sources.push({ tile: t, cut0: t.from, cut1: t.to });
				continue;
			}
			const standIn = this.coarser(t) ?? this.finer(t);
			for (const s of standIn ?? []) sources.push(s);
		}
		const same = sources.length === this.sources.length && sources.every((s, i) => {
			const o = this.sources[i];
			return o.tile === s.tile && o.asOf === s.tile.asOf && o.cut0 === s.cut0 && o.cut1 === s.cut1;
		});
		this.count();
		if (same) return;
		for (const s of sources) s.asOf = s.tile.asOf;
		this.sources = sources;
		this.lanes.clear();
		this.version.value++;
	}

	coarser(t) {
		for (let up = 1; up <= COARSER; up++) {
			const c = this.cache.get(keyOf(t.level + up, Math.floor(t.index / 2 ** up)));
			if (c?.asOf !== undefined) return [{ tile: c, cut0: t.from, cut1: t.to }];
		}
		return null;
	}

	finer(t) {
		for (let down = 1; down <= FINER; down++) {
			const n = 2 ** down, found = [];
			for (let k = 0; k < n; k++) {
				const c = this.cache.get(keyOf(t.level - down, t.index * n + k));
				if (c?.asOf !== undefined) found.push({ tile: c, cut0: c.from, cut1: c.to });
			}
			if (found.length) return found;
		}
		return null;
	}

	// What is missing of the window: spans that no tile tells of.
	holes(from, to) {
		const out = [];
		let at = from;
		for (const s of this.sources) {
			if (s.cut0 > at) out.push([at, s.cut0]);
			at = Math.max(at, s.cut1);
		}
		if (at < to) out.push([at, to]);
		return out;
	}

	get sampled() {
		return this.sources.some((s) => s.tile.doc.sampled);
	}

	get thinned() {
		return this.sources.some((s) => s.tile.doc.thinned);
	}

	get cut() {
		return this.sources.some((s) => s.tile.doc.cut);
	}

	// { ma1, lo6: Bars, path: [{t0, t1, state, begun}], marks: [{t, kind, ...}], unarmed: [[t0, t1]] }
	lane(device) {
		let lane = this.lanes.get(device);
		if (lane) return lane;
		lane = this.join(device);
		this.lanes.set(device, lane);
		return lane;
	}

	join(device) {
		const told = this.sources.filter((s) => s.tile.lanes.has(device));
		if (!told.length) return NOTHING;
		const ma1 = new Bars(), lo6 = new Bars(), seen = new Set();
		// The newest answer first: it knows best how a session stands.
		for (const s of told.toSorted((a, b) => b.asOf - a.asOf)) {
			const l = s.tile.lanes.get(device);
			lay(ma1, l.ma1, s.tile.from, s.asOf, s.cut0, s.cut1, seen);
			lay(lo6, l.lo6, s.tile.from, s.asOf, s.cut0, s.cut1, seen);
		}
		const path = [], marks = [], unarmed = [];
		let bare = told[0].tile.lanes.get(device).armed === false ? told[0].cut0 : null;
		for (const s of told) {
			const l = s.tile.lanes.get(device), base = s.tile.from;
			for (const [s0, s1, state] of l.path) {
				let t0 = base + s0 * 1000, t1 = base + s1 * 1000;
				if (t1 >= s.asOf - 2) t1 = OPEN;
				if (t1 <= s.cut0 || t0 >= s.cut1) continue;
				const begun = s0 > 0 && t0 >= s.cut0;
				t0 = Math.max(t0, s.cut0);
				if (t1 !== OPEN || s.cut1 < s.asOf) t1 = Math.min(t1, s.cut1);
				const last = path.at(-1);
				if (last && last.state === state && t0 <= last.t1 + 5) last.t1 = Math.max(last.t1, t1);
				else path.push({ t0, t1, state, begun });
			}
			for (const m of l.marks) {
				const t = base + m.t * 1000;
				if (t < s.cut0 || t >= s.cut1) continue;
				marks.push({ ...m, t });
				if (m.kind !== "bgp") continue;
				if (m.state === "not-armed") bare ??= t;
				else if (m.state === "armed" && bare !== null) {
					unarmed.push([bare, t]);
					bare = null;
				}
			}
		}
		const end = told.at(-1);
		if (bare !== null) unarmed.push([bare, end.asOf <= end.cut1 ? OPEN : end.cut1]);
		return { ma1: ma1.done(), lo6: lo6.done(), path, marks, unarmed, known: true };
	}

	// What agents did not see: [{ agent, t0, t1, reason, events, devices: Set or null (any) }]
	gaps() {
		if (this.gapsOf === this.sources) return this.gapList;
		const all = new Map();
		for (const s of this.sources) for (const g of s.tile.doc.gaps) {
			const t0 = s.tile.from + g.t0 * 1000;
			let t1 = s.tile.from + g.t1 * 1000;
			if (t1 >= s.asOf - 2) t1 = OPEN;
			const key = `${g.agent} ${g.reason} ${Math.round(t0 / 10)}`;
			const old = all.get(key);
			if (old && old.asOf >= s.asOf) continue;
			all.set(key, { ...g, t0, t1, asOf: s.asOf, devices: g.devices?.length ? new Set(g.devices) : null });
		}
		this.gapsOf = this.sources;
		this.gapList = [...all.values()].sort((a, b) => a.t0 - b.t0);
		return this.gapList;
	}
}
