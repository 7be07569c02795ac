// SPDX-License-Identifier: Apache-2.0
// A table of any length: only the rows in sight are elements (fixed height, 10 more on either
// side). One Tab stop: arrows, PageUp/Down, Home and End move, Enter opens.
//
//	columns  [{ key, title, width, right, cell(row) }]  width: CSS grid track
//	rows     array;  id(row) its key;  rowClass(row);  label(row) for screen readers
//	open(row) what Enter and a click do (the row stays where it is)
//	selected id of the row that is open elsewhere
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";

const OVERSCAN = 10;

export function Table({ columns, rows, id, open, rowClass, height = 28, label, selected, above, end, onEnd }) {
	const box = useRef(null);
	const [view, setView] = useState({ top: 0, height: 600 });
	const [at, setAt] = useState(0);
	const moved = useRef(false);

	useEffect(() => {
		const b = box.current;
		const look = () => setView({ top: b.scrollTop, height: b.clientHeight });
		const o = new ResizeObserver(look);
		o.observe(b);
		b.addEventListener("scroll", look, { passive: true });
		look();
		return () => { o.disconnect(); b.removeEventListener("scroll", look); };
	}, []);

	const first = Math.max(0, Math.floor(view.top / height) - OVERSCAN);
	const last = Math.min(rows.length, Math.ceil((view.top + view.height) / height) + OVERSCAN);
	const focus = Math.min(at, rows.length - 1);

	useEffect(() => { if (onEnd && last >= rows.length) onEnd(); }, [last, rows.length]);

	useLayoutEffect(() => {
		if (!moved.current) return;
		moved.current = false;
		box.current.querySelector(`[data-row="${focus}"]`)?.focus({ preventScroll: true });
	});

	function to(i) {
		i = Math.max(0, Math.min(rows.length - 1, i));
		const b = box.current, head = b.querySelector(".thead").offsetHeight;
		if (i * height < b.scrollTop) b.scrollTop = i * height;
		else if ((i + 1) * height > b.scrollTop + b.clientHeight - head) b.scrollTop = (i + 1) * height - b.clientHeight + head;
		moved.current = true;
		setAt(i);
		setView({ top: b.scrollTop, height: b.clientHeight });
	}

	function key(e) {
		const page = Math.max(1, Math.floor(view.height / height) - 2);
		const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[e.key];
		if (step) {
			e.preventDefault();
			e.stopPropagation();
			to(focus + step);
		} else if (e.key === "Enter" && open && e.target.dataset.row !== undefined) {
			e.preventDefault();
			open(rows[focus]);
		}
	}

	const grid = { gridTemplateColumns: columns.map((c) => c.width ?? "auto").join(" ") };
	return html`<div class="vtable" role="table" aria-label=${label} aria-rowcount=${rows.length + 1} ref=${box} onKeyDown=${key}>
		<div class="thead" role="rowgroup"><div role="row" class="tr" style=${grid}>
			${columns.map((c) => html`<span role="columnheader" class=${c.right ? "r" : ""} key=${c.key}>${c.title}</span>`)}
		</div></div>
		${above}
		<div class="tbody" role="rowgroup" style=${{ height: `${rows.length * height}px` }}>
			${rows.slice(first, last).map((row, k) => {
				const i = first + k;
				return html`<div role="row" key=${id(row)} data-row=${i} aria-rowindex=${i + 2}
					tabindex=${i === focus ? 0 : -1} aria-selected=${selected === id(row) ? "true" : undefined}
					class=${"tr " + (rowClass?.(row) ?? "")} style=${{ ...grid, transform: `translateY(${i * height}px)`, height: `${height}px` }}
					onFocus=${() => i !== at && setAt(i)} onClick=${(e) => open && !e.target.closest("a, button") && open(row)}>
					${columns.map((c) => html`<span role="cell" class=${c.right ? "r" : ""} key=${c.key}>${c.cell(row)}</span>`)}
				</div>`;
			})}
		</div>
		${end}
	</div>`;
}
