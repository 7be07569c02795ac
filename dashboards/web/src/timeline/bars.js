// SPDX-License-Identifier: Apache-2.0
// The bars of one band as typed arrays, sorted by their start. `far` is the latest end so far:
// with it the first bar that reaches into a window is found by bisection, however long the
// ones before it last. Pure.

// As /timeline spells them; the order is how far from normal (collector/view/timeline.c).
export const CLASSES = ["trusted", "failed", "justified", "drill", "no-policy", "unexplained", "not-justified", "refused", "untrusted"];
export const TRUSTED = 0, FAILED = 1, JUSTIFIED = 2, DRILL = 3, NO_POLICY = 4, UNEXPLAINED = 5, NOT_JUSTIFIED = 6, REFUSED = 7, UNTRUSTED = 8;
const NUMBER = new Map(CLASSES.map((c, i) => [c, i]));
export const odd = (c) => c >= NO_POLICY;

export const OPEN = 8.64e15; // the end of what has not ended: the last moment there is

// Bars of many: add() in any order, then done().
export class Bars {
	constructor(room = 0) {
		this.n = 0;
		this.room(room);
	}
	room(n) {
		const grow = (Type, old) => {
			const a = new Type(n);
			if (old) a.set(old.subarray(0, this.n));
			return a;
		};
		this.t0 = grow(Float64Array, this.t0);
		this.t1 = grow(Float64Array, this.t1);
		this.id = grow(Float64Array, this.id); // 0: several, or not known
		this.count = grow(Uint32Array, this.count);
		this.cls = grow(Uint8Array, this.cls);
		this.who ??= [];
	}
	add(t0, t1, cls, count, id = 0, who = "") {
		if (this.n === this.t0.length) this.room(Math.max(16, this.n * 2));
		const i = this.n++;
		this.t0[i] = t0;
		this.t1[i] = t1;
		this.cls[i] = cls;
		this.count[i] = count;
		this.id[i] = id;
		this.who[i] = who;
	}
	done() {
		const { n } = this;
		let sorted = true;
		for (let i = 1; sorted && i < n; i++) sorted = this.t0[i - 1] <= this.t0[i];
		if (!sorted) {
			const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => this.t0[a] - this.t0[b]);
			for (const k of ["t0", "t1", "id", "count", "cls"]) {
				const old = this[k], a = new old.constructor(n);
				for (let i = 0; i < n; i++) a[i] = old[order[i]];
				this[k] = a;
			}
			const who = this.who;
			this.who = Array.from(order, (i) => who[i]);
		}
		this.far = new Float64Array(n);
		for (let i = 0, far = -Infinity; i < n; i++) this.far[i] = far = Math.max(far, this.t1[i]);
		return this;
	}
	// The first bar that may reach past `from`. From it on, those that begin before the
	// window's end are in it, but for some that end before it begins.
	first(from) {
		let lo = 0, hi = this.n;
		while (lo < hi) {
			const mid = (lo + hi) >> 1;
			if (this.far[mid] < from) lo = mid + 1;
			else hi = mid;
		}
		return lo;
	}
	// The number of bars that begin before t.
	before(t) {
		let lo = 0, hi = this.n;
		while (lo < hi) {
			const mid = (lo + hi) >> 1;
			if (this.t0[mid] < t) lo = mid + 1;
			else hi = mid;
		}
		return lo;
	}
	// The bar at a moment, or within `slack` of it: what is odd first, then the nearest, then
	// the one that began last. -1: none.
	hit(t, slack) {
		let best = -1, rank = Infinity;
		for (let i = this.first(t - slack); i < this.n && this.t0[i] <= t + slack; i++) {
			if (this.t1[i] < t - slack) continue;
			const off = t < this.t0[i] ? this.t0[i] - t : t > this.t1[i] ? t - this.t1[i] : 0;
			const r = off / slack - (odd(this.cls[i]) ? 2 : 0);
			if (r <= rank) {
				rank = r;
				best = i;
			}
		}
		return best;
	}
	item(i) {
		return { t0: this.t0[i], t1: this.t1[i], cls: this.cls[i], count: this.count[i], id: this.id[i], who: this.who[i] };
	}
	anyOdd(from, to) {
		for (let i = this.first(from); i < this.n && this.t0[i] < to; i++) if (odd(this.cls[i]) && this.t1[i] >= from) return true;
		return false;
	}
}

// The rows of one lane's band, [t0, t1, class, n, id?, who?] in seconds since `from`, laid into
// bars. Where tiles meet, a session that is told of by both is one bar; a run is cut at
// the tile's edges, [cut0, cut1). asOf: what lasts until then has not ended.
export function lay(bars, rows, from, asOf, cut0, cut1, seen) {
	for (const [s0, s1, name, n, id, who] of rows) {
		let t0 = from + s0 * 1000, t1 = from + s1 * 1000;
		if (t1 >= asOf - 2) t1 = OPEN;
		if (t1 < cut0 || t0 >= cut1) continue;
		const cls = NUMBER.get(name) ?? NO_POLICY;
		if (id) {
			if (seen.has(id)) continue;
			seen.add(id);
		} else {
			t0 = Math.max(t0, cut0);
			if (t1 > cut1 && t1 !== OPEN) t1 = cut1;
			else if (t1 === OPEN && cut1 < asOf) t1 = cut1;
		}
		bars.add(t0, t1, cls, n, id ?? 0, who ?? "");
	}
}
