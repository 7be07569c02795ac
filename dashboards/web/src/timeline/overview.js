// SPDX-License-Identifier: Apache-2.0
// The span around the window: how many sessions there were (Ma1 up, lo6 down), a red line while
// Ma1 was lost somewhere, a sign where somebody untrusted was. A brush is the window: its middle
// moves it, its ends stretch it, a drag beside it draws a new one.
import { effect, html, useEffect, useLayoutEffect, useRef } from "../html.js";
import { now } from "../live.js";
import { theme } from "../theme.js";
import { moment, ms } from "../time.js";
import { CLASSES, REFUSED } from "./bars.js";
import { LOST, inks, noEntry } from "./paint.js";
import { SHORTEST, ticks } from "./scale.js";

const HEIGHT = 46, MIDDLE = 24;

// When Ma1 was lost somewhere, as spans that do not overlap; and when somebody untrusted began.
export function abnormal(doc) {
	const from = ms(doc.from), spans = [], signs = [];
	for (const l of doc.lanes) {
		for (const [a, b, state] of l.path) if (LOST[state]) spans.push([from + a * 1000, from + b * 1000]);
		for (const band of [l.ma1, l.lo6]) for (const r of band) if (CLASSES.indexOf(r[2]) >= REFUSED) signs.push(from + r[0] * 1000);
	}
	spans.sort((a, b) => a[0] - b[0]);
	const joined = [];
	for (const s of spans) {
		const last = joined.at(-1);
		if (last && s[0] <= last[1]) last[1] = Math.max(last[1], s[1]);
		else joined.push([...s]);
	}
	return { lost: joined, signs: signs.sort((a, b) => a - b) };
}

export function Overview({ model, doc, context, labelWidth }) {
	const box = useRef(null), canvasRef = useRef(null), brush = useRef(null), drag = useRef(null);
	const state = useRef({}).current;
	Object.assign(state, { doc, context });

	function place() {
		const { from, to } = model.span.peek(), c = state.context, w = model.width.peek();
		if (!brush.current || !w) return;
		const k = w / (c.to - c.from);
		const a = Math.max(-1, (from - c.from) * k), b = Math.min(w + 1, (to - c.from) * k), wide = Math.max(6, b - a);
		brush.current.style.transform = `translateX(${Math.min(w - wide, a)}px)`;
		brush.current.style.width = `${wide}px`;
		brush.current.style.visibility = b < 0 || a > w ? "hidden" : "";
	}

	function draw() {
		const canvas = canvasRef.current, w = model.width.peek(), dpr = Math.min(2, devicePixelRatio || 1);
		if (!canvas || !w) return;
		canvas.width = Math.round(w * dpr);
		canvas.height = Math.round(HEIGHT * dpr);
		canvas.style.width = `${w}px`;
		canvas.style.height = `${HEIGHT}px`;
		const ctx = canvas.getContext("2d", { alpha: false }), c = inks(dpr), { context: { from, to }, doc: d } = state;
		ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
		ctx.fillStyle = c.surface;
		ctx.fillRect(0, 0, w, HEIGHT);
		const k = w / (to - from), X = (t) => (t - from) * k;
		ctx.fillStyle = c.line;
		for (const t of ticks(from, to, w, 110)) {
			ctx.fillRect(Math.round(X(t.t)), 0, 1, HEIGHT);
		}
		if (d) {
			const f = ms(d.from), t = ms(d.to), n = d.density.ma1.length, step = (t - f) / n;
			let most = 1;
			for (let i = 0; i < n; i++) most = Math.max(most, d.density.ma1[i], d.density.lo6[i]);
			const high = (v, room) => (v ? Math.max(2, Math.sqrt(v / most) * room) : 0);
			for (const [list, style, up] of [[d.density.ma1, c.bar, true], [d.density.lo6, c.blue, false]]) {
				ctx.fillStyle = style;
				for (let i = 0; i < n; i++) {
					const h = high(list[i], 19), a = Math.round(X(f + i * step)), b = Math.round(X(f + (i + 1) * step));
					if (h) ctx.fillRect(a, up ? MIDDLE - h : MIDDLE + 1, Math.max(1, b - a - (b - a > 3 ? 1 : 0)), h);
				}
			}
			const { lost, signs } = abnormal(d);
			ctx.fillStyle = c.red;
			for (const [a, b] of lost) ctx.fillRect(X(a), 0, Math.max(2, X(b) - X(a)), 3);
			let last = -Infinity;
			for (const s of signs) if (X(s) - last > 16) noEntry(ctx, (last = X(s)), HEIGHT - 7, c, 5);
		}
		ctx.fillStyle = c.edge;
		ctx.fillRect(0, MIDDLE, w, 1);
		const x = X(now.peek());
		if (x < w) {
			ctx.globalAlpha = 0.6;
			ctx.fillStyle = c.sunk;
			ctx.fillRect(x, 0, w - x, HEIGHT);
			ctx.globalAlpha = 1;
			ctx.fillStyle = c.ink;
			ctx.fillRect(Math.round(x), 0, 1.5, HEIGHT);
		}
	}

	useEffect(() => effect(() => { model.span.value; model.width.value; place(); }), [model, context]);
	useEffect(() => effect(() => { model.width.value; theme.value; requestAnimationFrame(draw); }), [doc, context]);
	useLayoutEffect(place, [context]);
	useLayoutEffect(() => {
		const o = new ResizeObserver(() => { if (box.current?.clientWidth) model.width.value = box.current.clientWidth; });
		o.observe(box.current);
		return () => o.disconnect();
	}, [model]);

	function down(e) {
		if (e.button !== 0) return;
		const r = canvasRef.current.getBoundingClientRect(), { from, to } = model.span.peek();
		const part = e.target.dataset.part, c = state.context, t = c.from + ((e.clientX - r.left) / r.width) * (c.to - c.from);
		drag.current = { part: part ?? "new", x: e.clientX, from, to, t, moved: false };
		box.current.setPointerCapture(e.pointerId);
		e.preventDefault();
	}
	function move(e) {
		const d = drag.current;
		if (!d) return;
		if (!d.moved && Math.abs(e.clientX - d.x) < 3) return;
		d.moved = true;
		model.moving = true;
		const r = canvasRef.current.getBoundingClientRect(), c = state.context, k = (c.to - c.from) / r.width, dt = (e.clientX - d.x) * k;
		if (d.part === "middle") model.set(d.from + dt, d.to + dt);
		else if (d.part === "left") model.set(Math.min(d.from + dt, d.to - SHORTEST), d.to);
		else if (d.part === "right") model.set(d.from, Math.max(d.to + dt, d.from + SHORTEST));
		else model.set(Math.min(d.t, d.t + dt), Math.max(d.t, d.t + dt, Math.min(d.t, d.t + dt) + SHORTEST));
	}
	function up() {
		const d = drag.current;
		drag.current = null;
		model.moving = false;
		if (!d) return;
		// A click beside the brush brings it there.
		if (!d.moved && d.part === "new") {
			const half = (d.to - d.from) / 2;
			model.set(d.t - half, d.t + half);
		} else if (!d.moved) return;
		model.settle();
	}
	const at = now.peek();
	const a = doc && abnormal(doc);
	const says = `From ${moment(context.from, at)} to ${moment(context.to, at)}. ${a?.lost.length ? `Ma1 was lost somewhere from ${a.lost.map(([x, y]) => `${moment(x, at)} to ${moment(y, at)}`).slice(0, 5).join(", ")}.` : doc ? "Ma1 was lost nowhere." : ""} ${a?.signs.length ? "Somebody untrusted was seen." : ""}`;
	return html`<div class="tl-overview" style=${{ "--label": `${labelWidth}px` }}>
		<span class="names" aria-hidden="true"><i>Ma1 in use</i><i>lo6 in use</i></span>
		<div class="field-of" ref=${box} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}>
			<canvas ref=${canvasRef} role="img" aria-label=${says} />
			<div class="brush" ref=${brush} data-part="middle"><i data-part="left" /><i data-part="right" /></div>
		</div>
		<div class="ends" aria-hidden="true"><span>${moment(context.from, at)}</span><span>${moment(context.to, at)}</span></div>
	</div>`;
}
