// SPDX-License-Identifier: Apache-2.0
// uPlot, for bytes and lag only; its code comes with the first figure. A figure is as wide as
// its place, has the page's colours in both themes, and a table says the same (the caller's).
//
//	options(colour)  uPlot's options without width; colour("red") is a token
//	data             as uPlot takes it;  height in px;  label for who does not see it
import uPlot from "uplot";
import { html, useEffect, useRef } from "../html.js";
import { colour, theme } from "../theme.js";

export const bars = uPlot.paths.bars({ size: [0.8, 24], align: 0 });

export function Chart({ options, data, height, label }) {
	const box = useRef(null), plot = useRef(null);
	const look = theme.value;
	useEffect(() => {
		const place = box.current;
		const p = new uPlot({ ...options(colour), width: Math.max(60, place.clientWidth), height }, data, place);
		plot.current = p;
		const o = new ResizeObserver(() => place.clientWidth && p.setSize({ width: place.clientWidth, height }));
		o.observe(place);
		return () => {
			plot.current = null;
			o.disconnect();
			p.destroy();
		};
	}, [look, options]);
	useEffect(() => { plot.current?.setData(data); }, [data]);
	return html`<div class="chart" role="img" aria-label=${label} ref=${box} style=${{ height: `${height}px` }} />`;
}

// Hatching for what was not seen, as the page has it elsewhere: between x0 and x1 of a figure.
export function hatch(u, x0, x1, colour) {
	const { ctx, bbox } = u, a = Math.max(u.valToPos(x0, "x", true), bbox.left), b = Math.min(u.valToPos(x1, "x", true), bbox.left + bbox.width);
	if (b <= a) return;
	const r = devicePixelRatio || 1;
	ctx.save();
	ctx.beginPath();
	ctx.rect(a, bbox.top, b - a, bbox.height);
	ctx.fillStyle = colour("surface");
	ctx.fill();
	ctx.clip();
	ctx.strokeStyle = colour("hatch");
	ctx.lineWidth = 1.5 * r;
	ctx.beginPath();
	for (let x = a - bbox.height; x < b; x += 5 * r) {
		ctx.moveTo(x, bbox.top + bbox.height);
		ctx.lineTo(x + bbox.height, bbox.top);
	}
	ctx.stroke();
	ctx.strokeStyle = colour("edge");
	ctx.lineWidth = r;
	ctx.strokeRect(a + r / 2, bbox.top + r / 2, b - a - r, bbox.height - r);
	ctx.restore();
}
