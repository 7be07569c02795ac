// SPDX-License-Identifier: Apache-2.0
// The lanes as one sees and handles them: a canvas of bars that is drawn again only when the
// window, the data or the theme changes (scrolling moves it, with some lanes to spare above and
// below), a canvas for the axis, and one layer of elements for labels, focus, pointer and cursor.
//
//	model    Window: the span in sight, and what moves it
//	tiles    Tiles
//	plan     layout(): rows, lanes, height
//	brackets, begun   as paint() takes them
//	cursor   a moment that is marked, null: none;  until: what is after it is dimmed (else now)
//	pick(h)  a click on what hit() found;  label: what the grid is called
import { batch, effect, html, signal, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { Icon } from "../icons.js";
import { now } from "../live.js";
import { theme } from "../theme.js";
import { clock, duration } from "../time.js";
import { here, href, route } from "../url.js";
import { clean, middle } from "../words.js";
import { BAND, LANE, LO6, MA1, inks, losses, paint } from "./paint.js";
import { rowAt } from "./rows.js";
import { bounded, rounded, ticks, zoomed } from "./scale.js";
import { describe, laneSummary, sentence } from "./words.js";

const SPARE = 280; // pixels above and below what is in sight that are drawn too
const AXIS = 23;

// The window: from, to (a signal that changes with each pixel of a pan) and what was settled on
// (a signal that changes when it comes to rest). follow: how long a window is that goes with
// time, null: it stands.
export class Window {
	constructor(from, to, { follow = null, settled } = {}) {
		this.span = signal({ from, to });
		this.rest = signal({ from, to });
		this.follow = signal(follow);
		this.width = signal(1000);
		this.told = settled;
		this.timer = 0;
		this.moving = false;
	}
	set(from, to) {
		const b = bounded(from, to);
		this.follow.value = null;
		this.span.value = b;
	}
	pan(part) {
		const { from, to } = this.span.peek(), d = (to - from) * part;
		this.set(from + d, to + d);
	}
	zoom(factor, at) {
		const z = zoomed(this.span.peek(), factor, at);
		this.set(z.from, z.to);
	}
	// At rest in a moment, unless it moves on.
	soon(wait = 300) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.settle(), wait);
	}
	settle() {
		clearTimeout(this.timer);
		const s = this.follow.peek() ? this.span.peek() : rounded(this.span.peek());
		batch(() => {
			this.span.value = s;
			this.rest.value = s;
		});
		this.told?.(s, this.follow.peek());
	}
	// Where the address says: no history is made of it.
	put(from, to, follow = null) {
		clearTimeout(this.timer);
		batch(() => {
			this.follow.value = follow;
			const s = this.span.peek();
			if (s.from === from && s.to === to) return;
			this.span.value = { from, to };
			this.rest.value = { from, to };
		});
	}
}

// The device pixels of one CSS pixel; more than two are not seen.
const density = () => Math.min(2, devicePixelRatio || 1);

function sized(canvas, width, height, dpr) {
	const w = Math.max(1, Math.round(width * dpr)), h = Math.max(1, Math.round(height * dpr));
	if (canvas.width !== w || canvas.height !== h) {
		canvas.width = w;
		canvas.height = h;
		canvas.style.width = `${w / dpr}px`;
		canvas.style.height = `${h / dpr}px`;
	}
}

function paintAxis(canvas, { width, from, to, now: at, inks: c, cursor, dpr }) {
	sized(canvas, width, AXIS, dpr);
	const ctx = canvas.getContext("2d", { alpha: false });
	ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
	ctx.fillStyle = c.surface;
	ctx.fillRect(0, 0, width, AXIS);
	ctx.font = `11px ${c.sans}`;
	ctx.textAlign = "center";
	ctx.textBaseline = "middle";
	const k = width / (to - from), taken = [at, cursor ?? -Infinity].map((t) => (t - from) * k);
	ctx.fillStyle = c.ink2;
	for (const t of ticks(from, to, width)) {
		const x = (t.t - from) * k;
		const half = ctx.measureText(t.text).width / 2;
		// What is named by a box has no room for a tick's words.
		if (Math.abs(x - taken[0]) < half + 20 || Math.abs(x - taken[1]) < half + 34) continue;
		if (x - half >= -2 && x + half <= width + 2) ctx.fillText(t.text, x, 12);
	}
	const box = (t, text, ink, ground) => {
		const x = (t - from) * k;
		if (x < -1 || x > width + 1) return;
		ctx.font = `640 11px ${c.sans}`;
		const w = ctx.measureText(text).width + 10, left = Math.max(0, Math.min(width - w, x - w / 2));
		ctx.fillStyle = c.surface;
		ctx.fillRect(left - 4, 2, w + 8, 19);
		ctx.fillStyle = ground;
		ctx.fillRect(left, 3, w, 17);
		ctx.fillStyle = ink;
		ctx.fillText(text, left + w / 2, 12);
	};
	if (at > from && at < to) box(at, "now", c.ink, c.sunk);
	if (cursor) box(cursor, clock(cursor, true), c.surface, c.ink);
}

export function Lanes({ model, tiles, plan, brackets, begun = null, cursor = null, until, pick, label, labelWidth, quiet }) {
	const box = useRef(null), barsRef = useRef(null), axisRef = useRef(null), line = useRef(null), mark = useRef(null), spot = useRef(null);
	const [seen, setSeen] = useState({ first: 0, last: 40 });
	const [focus, setFocus] = useState({ lane: 0, item: null });
	const [hover, setHover] = useState(null);
	const moved = useRef(false);
	const scene = useRef({}).current;
	const selected = Number(route.value.params.session) || 0;
	Object.assign(scene, { plan, brackets, begun, cursor, until, pick, focus, selected });

	// ---- drawing ---------------------------------------------------------------------------

	const draw = useMemo(() => {
		const d = { wanted: false, drawn: null, colours: null, theme: null };
		d.soon = () => {
			if (d.wanted) return;
			d.wanted = true;
			requestAnimationFrame(d.now);
		};
		// What of the content is in sight.
		d.sight = () => {
			const r = box.current.getBoundingClientRect();
			const top = Math.max(0, -r.top + 44), bottom = Math.min(scene.plan.height, innerHeight - r.top);
			return [top, Math.max(top, bottom)];
		};
		d.now = () => {
			d.wanted = false;
			if (!box.current) return;
			const dpr = density(), width = model.width.peek(), { from, to } = model.span.peek(), height = scene.plan.height;
			if (!d.colours || d.theme !== theme.peek() || d.colours.dpr !== dpr) {
				d.colours = inks(dpr);
				d.theme = theme.peek();
			}
			const [top, bottom] = d.sight();
			const ch = Math.min(height, innerHeight + 2 * SPARE);
			const y0 = Math.max(0, Math.min(height - ch, Math.floor(top - SPARE)));
			const canvas = barsRef.current;
			sized(canvas, width, ch, dpr);
			if (d.y0 !== y0) canvas.style.top = `${y0}px`;
			d.y0 = y0;
			const ctx = canvas.getContext("2d", { alpha: false });
			ctx.setTransform(dpr, 0, 0, dpr, 0, -y0 * dpr);
			// While it moves, only what is in sight.
			const a = model.moving ? top : y0, b = model.moving ? bottom : y0 + ch;
			ctx.save();
			ctx.beginPath();
			ctx.rect(0, a, width, b - a);
			ctx.clip();
			const i = rowAt(scene.plan.rows, a), j = rowAt(scene.plan.rows, b);
			const s = { width, dpr, top: a, bottom: b, from, to, now: now.peek(), dim: scene.until ?? now.peek(), grid: ticks(from, to, width).map((t) => t.t), rows: scene.plan.rows.slice(Math.max(0, i - 1), j + 2), tiles, brackets: scene.brackets, begun: scene.begun, selected: scene.selected, inks: d.colours };
			d.hits = paint(ctx, s);
			ctx.restore();
			d.drawn = [a, b];
			paintAxis(axisRef.current, { ...s, cursor: scene.cursor });
			const put = (el, t) => {
				const x = t === null || t === undefined ? -1 : ((t - from) / (to - from)) * width;
				el.style.display = x >= 0 && x <= width ? "" : "none";
				el.style.transform = `translateX(${x}px)`;
			};
			put(mark.current, scene.cursor);
			place();
		};
		d.scrolled = () => {
			if (!box.current) return;
			const [top, bottom] = d.sight();
			if (!d.drawn || top < d.drawn[0] || bottom > d.drawn[1]) d.soon();
			const rows = scene.plan.rows;
			const first = Math.max(0, rowAt(rows, top) - 6), last = Math.min(rows.length, rowAt(rows, bottom) + 7);
			setSeen((s) => (s.first === first && s.last === last ? s : { first, last }));
		};
		return d;
	}, []);

	// The focused item's element goes with the window.
	function place() {
		const el = spot.current, f = scene.focus;
		if (!el || !f.item) return;
		const { from, to } = model.span.peek(), width = model.width.peek(), k = width / (to - from);
		const a = Math.max(0, Math.min(width - 8, (f.item.t0 - from) * k)), b = Math.min(width, (Math.min(f.item.t1, now.peek()) - from) * k);
		el.style.transform = `translateX(${a}px)`;
		el.style.width = `${Math.max(12, b - a)}px`;
	}

	useLayoutEffect(() => {
		const b = box.current;
		const look = () => {
			const w = b.querySelector(".tl-plot").clientWidth;
			if (w > 0 && w !== model.width.peek()) model.width.value = w;
			draw.scrolled();
			draw.soon();
		};
		const o = new ResizeObserver(look);
		o.observe(b);
		o.observe(b.querySelector(".tl-plot"));
		addEventListener("scroll", draw.scrolled, { passive: true });
		addEventListener("resize", look);
		look();
		return () => {
			o.disconnect();
			removeEventListener("scroll", draw.scrolled);
			removeEventListener("resize", look);
		};
	}, []);
	useEffect(() => effect(() => {
		model.span.value;
		model.width.value;
		tiles.version.value;
		now.value;
		theme.value;
		draw.soon();
	}), [model, tiles]);
	useLayoutEffect(() => {
		draw.scrolled();
		draw.soon();
	}, [plan, brackets, begun, cursor, until, selected]);

	// ---- what is where ----------------------------------------------------------------------

	function hit(x, y) {
		const { from, to } = model.span.peek(), width = model.width.peek(), k = width / (to - from), t = from + x / k;
		const row = scene.plan.rows[rowAt(scene.plan.rows, y)];
		if (!row || x < 0 || x > width) return null;
		if (row.group) {
			const b = draw.hits?.find((q) => q.y === row.y && x >= q.x - 4 && x <= q.x + q.w + 4);
			return b ? { kind: "bracket", bracket: b, row, t } : { kind: "none", row, t };
		}
		const lane = tiles.lane(row.device), dy = y - row.y;
		let best = null, near = 7;
		for (const m of lane.marks) {
			const d = Math.abs((m.t - t) * k);
			const zone = m.kind === "alert" ? dy < MA1 + 4 : m.kind === "bgp" ? dy > LO6 + BAND - 4 : true;
			if (zone && d < near) {
				near = d;
				best = { kind: "mark", mark: m, row, t, t0: m.t, t1: m.t };
			}
		}
		const band = dy < MA1 + BAND + 1.5 ? 0 : 1, bars = band ? lane.lo6 : lane.ma1;
		const i = bars.hit(t, 4 / k);
		// A flag lies above the bars, an arrow across them: the nearer one.
		if (best && (i < 0 || best.mark.kind === "alert" || best.mark.kind === "bgp" || near < 3)) return best;
		if (i >= 0) {
			const bar = bars.item(i);
			return { kind: "bar", bar, band, row, t, t0: bar.t0, t1: bar.t1 };
		}
		if (best) return best;
		const gap = tiles.gaps().find((g) => t >= g.t0 && t <= g.t1 && (!g.devices || g.devices.has(row.device)));
		if (gap) return { kind: "gap", gap, row, t, t0: gap.t0, t1: gap.t1 };
		const span = losses(lane.path, band).find((p) => t >= p.t0 && t < p.t1);
		return span ? { kind: "path", span, row, t, t0: span.t0, t1: span.t1 } : { kind: "none", row, t };
	}

	const local = (e) => {
		const r = barsRef.current.getBoundingClientRect();
		return [e.clientX - r.left, e.clientY - r.top + draw.y0];
	};

	// ---- pointer -----------------------------------------------------------------------------

	const points = useRef(new Map()).current;
	const drag = useRef(null);

	function down(e) {
		if (e.button !== 0 || e.target.closest("a, button")) return;
		points.set(e.pointerId, e.clientX);
		const { from, to } = model.span.peek();
		if (points.size === 1) drag.current = { x: e.clientX, y: e.clientY, from, to, moved: false, id: e.pointerId };
		else if (points.size === 2) pinchFrom();
	}
	function pinchFrom() {
		const [a, b] = points.values(), r = barsRef.current.getBoundingClientRect(), { from, to } = model.span.peek();
		const k = (to - from) / r.width;
		drag.current = { pinch: true, moved: true, ta: from + (a - r.left) * k, tb: from + (b - r.left) * k };
		model.moving = true;
	}
	function move(e) {
		const d = drag.current;
		if (!d) {
			if (e.pointerType !== "touch") point(e);
			return;
		}
		if (!points.has(e.pointerId)) return;
		points.set(e.pointerId, e.clientX);
		const r = barsRef.current.getBoundingClientRect();
		if (d.pinch) {
			const [a, b] = points.values();
			if (b === undefined || Math.abs(a - b) < 8) return;
			const k = (d.tb - d.ta) / (b - a);
			if (!(k > 0)) return;
			const from = d.ta - (a - r.left) * k;
			model.set(from, from + r.width * k);
			return;
		}
		if (!d.moved) {
			if (Math.abs(e.clientX - d.x) < 4) return;
			if (e.pointerType === "touch" && Math.abs(e.clientY - d.y) > Math.abs(e.clientX - d.x)) return;
			d.moved = true;
			model.moving = true;
			e.currentTarget.setPointerCapture(e.pointerId);
			box.current.classList.add("dragging");
			setHover(null);
		}
		const dt = ((e.clientX - d.x) / r.width) * (d.to - d.from);
		model.set(d.from - dt, d.to - dt);
	}
	function up(e) {
		if (!points.delete(e.pointerId)) return;
		const d = drag.current;
		if (d?.pinch && points.size === 1) return;
		if (points.size) return;
		drag.current = null;
		model.moving = false;
		box.current.classList.remove("dragging");
		if (!d) return;
		if (d.moved) {
			model.settle();
			draw.soon();
		} else if (e.type === "pointerup") {
			const h = hit(...local(e));
			if (h) pick(h);
		}
	}
	function point(e) {
		const [x, y] = local(e), width = model.width.peek();
		const inside = x >= 0 && x <= width;
		const h = inside ? hit(x, y) : null;
		scene.pointer = h;
		line.current.style.display = inside ? "" : "none";
		line.current.style.transform = `translateX(${Math.round(x)}px)`;
		const same = hover && h && hover.h.kind === h.kind && hover.h.row === h.row && hover.h.t0 === h.t0 && hover.h.t1 === h.t1;
		box.current.classList.toggle("onto", Boolean(h && (h.kind === "bracket" || (h.kind === "mark" && h.mark.kind === "alert") || (h.kind === "bar" && (h.bar.id || h.bar.count > 1)))));
		if (!h || h.kind === "none") {
			if (hover) setHover(null);
		} else if (!same) setHover({ h, x, y });
	}
	function leave() {
		line.current.style.display = "none";
		setHover(null);
	}

	useLayoutEffect(() => {
		const b = box.current;
		const wheel = (e) => {
			const [x] = local(e), width = model.width.peek();
			const { from, to } = model.span.peek();
			if (e.ctrlKey || e.metaKey) {
				e.preventDefault();
				const step = Math.max(-60, Math.min(60, e.deltaMode === 1 ? e.deltaY * 16 : e.deltaY));
				model.zoom(Math.exp(step * 0.01), from + (Math.max(0, Math.min(width, x)) / width) * (to - from));
				model.soon();
			} else {
				const dx = e.shiftKey && !e.deltaX ? e.deltaY : e.deltaX;
				if (Math.abs(dx) <= Math.abs(e.shiftKey ? 0 : e.deltaY)) return; // the page scrolls
				e.preventDefault();
				model.pan(dx / width);
				model.soon();
			}
		};
		b.addEventListener("wheel", wheel, { passive: false });
		return () => b.removeEventListener("wheel", wheel);
	}, []);

	// ---- keyboard ----------------------------------------------------------------------------

	// What a lane has to step through, in the order of time.
	function things(row) {
		const lane = tiles.lane(row.device), out = [];
		for (const [band, bars] of [lane.ma1, lane.lo6].entries())
			for (let i = 0; i < bars.n; i++) out.push({ kind: "bar", bar: bars.item(i), band, row, t0: bars.t0[i], t1: bars.t1[i] });
		for (const m of lane.marks) out.push({ kind: "mark", mark: m, row, t0: m.t, t1: m.t });
		for (const p of losses(lane.path)) if (p.begun) out.push({ kind: "path", span: p, row, t0: p.t0, t1: p.t1 });
		return out.sort((a, b) => a.t0 - b.t0);
	}
	function bring(lane) {
		const row = scene.plan.lanes[lane], r = box.current.getBoundingClientRect();
		const y = r.top + row.y, low = innerHeight - 70;
		if (y < 120) scrollBy(0, y - 120);
		else if (y + row.h > low) scrollBy(0, y + row.h - low);
		draw.scrolled();
	}
	function toLane(lane) {
		lane = Math.max(0, Math.min(scene.plan.lanes.length - 1, lane));
		if (!scene.plan.lanes.length) return;
		bring(lane);
		moved.current = true;
		setFocus({ lane, item: null });
	}
	function toItem(item) {
		const { from, to } = model.span.peek(), margin = (to - from) * 0.06;
		if (item.t0 < from + margin || item.t0 > to - margin) {
			const mid = item.t0 - (to - from) * 0.4;
			model.set(mid, mid + (to - from));
			model.soon(150);
		}
		bring(item.row.lane);
		moved.current = true;
		setFocus({ lane: item.row.lane, item });
	}
	useLayoutEffect(() => {
		model.go = toItem;
		model.things = things;
		model.focus = () => scene.focus;
	});
	useLayoutEffect(() => {
		place();
		if (!moved.current) return;
		moved.current = false;
		(spot.current ?? box.current.querySelector(`[data-lane="${focus.lane}"]`))?.focus({ preventScroll: true });
	});

	function key(e) {
		if (e.ctrlKey || e.altKey || e.metaKey) return;
		const page = Math.max(1, Math.floor((innerHeight - 160) / LANE));
		const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[e.key];
		if (step) {
			e.preventDefault();
			e.stopPropagation();
			toLane(focus.lane + step);
		} else if (e.key === "." || e.key === ",") {
			const row = scene.plan.lanes[focus.lane], list = row ? things(row) : [];
			const { from } = model.span.peek(), t = focus.item?.t0 ?? from;
			const at = focus.item ? list.findIndex((q) => q.t0 === focus.item.t0 && q.kind === focus.item.kind && q.t1 === focus.item.t1) : list.findIndex((q) => q.t0 >= t) - (e.key === "." ? 1 : 0);
			const next = list[at + (e.key === "." ? 1 : -1)];
			e.preventDefault();
			e.stopPropagation();
			if (next) toItem(next);
		} else if (e.key === "Escape" && focus.item) {
			e.preventDefault();
			e.stopPropagation();
			toLane(focus.lane);
		}
	}

	// ---- the layer of elements ------------------------------------------------------------

	const rest = model.rest.value;
	tiles.version.value;
	const rows = plan.rows.slice(seen.first, seen.last);
	const fl = Math.min(focus.lane, plan.lanes.length - 1);
	const focused = plan.lanes[fl];
	const shown = focused && !rows.includes(focused) ? [...rows, focused] : rows;
	const letters = Math.max(8, Math.floor((labelWidth - (labelWidth < 150 ? 36 : 54)) / (labelWidth < 150 ? 6.7 : 7)));
	const d = hover && describe(hover.h, now.peek());
	return html`<div class="tl" ref=${box} style=${{ "--label": `${labelWidth}px` }}>
		<div class="tl-axis" aria-hidden="true"><canvas ref=${axisRef} /></div>
		<div class="tl-body" role="grid" aria-label=${label} aria-rowcount=${plan.rows.length} style=${{ height: `${plan.height}px` }}
			onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up} onPointerLeave=${leave} onKeyDown=${key}>
			<div class="tl-plot"><canvas ref=${barsRef} aria-hidden="true" /></div>
			<div class="tl-over" aria-hidden="true">
				<i class="tl-line" ref=${line} style="display:none" /><i class="tl-cursor" ref=${mark} style="display:none" />
			</div>
			${shown.map((r) => r.group
				? html`<div class="tl-group" role="row" key=${r.key} aria-rowindex=${plan.rows.indexOf(r) + 1} style=${{ top: `${r.y}px`, height: `${r.h}px` }}>
					<span role="rowheader" title=${r.group.subnet ? `Ma1 subnet ${r.group.subnet}` : undefined}><bdi>${middle(r.group.name, letters + 4)}</bdi></span>
					<span role="gridcell" class="unseen">${(brackets?.get(r.group.key) ?? []).map((b) => b.text).join(", ") || "no incident in this window"}</span></div>`
				: html`<${Label} key=${r.key} row=${r} index=${plan.rows.indexOf(r) + 1} lane=${tiles.lane(r.device)} rest=${rest} letters=${letters} until=${until} at=${r.lane === fl} item=${r.lane === fl ? focus.item : null} spot=${spot} quiet=${quiet}
					take=${() => { if (focus.lane !== r.lane) setFocus({ lane: r.lane, item: null }); }} pick=${pick} />`)}
			${d && html`<div class="tl-tip" style=${tipAt(hover, model.width.peek(), plan.height)}>
				<b class=${"h-" + d.hue}><${Icon} name=${d.icon} />${d.title}</b>${d.lines.filter(Boolean).map((l, i) => html`<span key=${i}>${l}</span>`)}
				<span class="dim"><bdi>${clean(hover.h.row.device ?? hover.h.row.group.name)}</bdi>${hint(hover.h)}</span></div>`}
		</div>
	</div>`;
}

function hint(h) {
	if (h.kind === "bar") return h.bar.id ? " · click: the session" : h.bar.count > 1 ? " · click: nearer" : "";
	return h.kind === "bracket" ? " · click: the incident" : h.kind === "mark" && h.mark.kind === "alert" ? " · click: the alert" : "";
}

function tipAt({ x, y }, width, height) {
	const left = x > width - 300;
	return {
		...(left ? { right: `${Math.max(0, width - x + 12)}px` } : { left: `calc(var(--label) + ${x + 12}px)` }),
		...(y > height - 90 && y > 120 ? { bottom: `${height - y + 10}px` } : { top: `${y + 16}px` }),
	};
}

function Label({ row, index, lane, rest, until, letters, at, item, spot, take, pick, quiet }) {
	const to = Math.min(rest.to, until ?? Infinity);
	const s = useMemo(() => laneSummary(lane, rest.from, to, now.peek()), [lane, rest, to]);
	const both = useMemo(() => lane.path.some((p) => p.state === "unreachable" && p.t1 > rest.from && p.t0 < to), [lane, rest, to]);
	const note = both ? "on neither path" : s.lost ? `lost ${duration(s.lost / 1000)}` : "";
	return html`<div class=${"tl-row" + (note ? " odd" : "")} role="row" aria-rowindex=${index} style=${{ top: `${row.y}px`, height: `${row.h}px` }}>
		<span role="rowheader" class="tl-head"><a class="tl-name" href=${quiet ? href("timeline", { device: row.device }) : here({ device: row.device, only: null })} data-lane=${row.lane} tabindex=${at && !item ? 0 : -1} onFocus=${take}
			title=${clean(row.device)}>
			<bdi>${middle(row.device, letters)}</bdi> ${note && html`<span class="l2">${note}</span>`}</a></span>
		<span class="tl-bands" aria-hidden="true"><i>Ma1</i><i>${row.lo6 ? "lo6" : "–"}</i></span>
		<span role="gridcell" class="tl-cell">
			${item
				? html`<button type="button" class="tl-spot" ref=${spot} style=${{ top: item.kind === "bar" && item.band === 1 ? `${LO6}px` : `${MA1}px`, height: `${BAND}px` }} onClick=${() => pick(item)} onFocus=${take}>
					<span class="unseen">${sentence(item, now.peek())}</span></button>`
				: html`<span class="unseen">${s.text}</span>`}
		</span>
	</div>`;
}

