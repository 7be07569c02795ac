// SPDX-License-Identifier: Apache-2.0
// Shapes: each state has its own, so that none is told by colour alone (PAGE.md section 4).
// One sprite in the page; Icon is a <use> of it. 14 x 14, drawn in currentColor; what is cut
// out of a filled shape has the colour of the surface.
import { html } from "./html.js";

const cut = "var(--cut, var(--surface))";
const octagon = "M4.3 1h5.4L13 4.3v5.4L9.7 13H4.3L1 9.7V4.3z";
const line = (d, w = 1.5) => html`<path d=${d} fill="none" stroke="currentColor" stroke-width=${w} />`;
const hole = (d, w = 1.6) => html`<path d=${d} fill="none" stroke=${cut} stroke-width=${w} />`;
const full = (d) => html`<path d=${d} fill="currentColor" />`;
const ask = "M5.3 5.5c0-2.3 3.5-2.2 3.5.1C8.8 7 7 7 7 8.4M7 9.6v1.1";
const hexagon = "M4 1.5h6L13 7l-3 5.5H4L1 7z";

const SHAPES = {
	ok: html`<circle cx="7" cy="7" r="3" fill="currentColor" />`,
	inband: [html`<rect x="1" y="1.5" width="12" height="11" rx="2" fill="currentColor" />`, hole("M3.5 7h6M7 4.2 9.8 7 7 9.8")],
	drill: [
		html`<rect x="1.7" y="2.2" width="10.6" height="9.6" rx="2" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2.4 1.4" />`,
		line("M3.8 7h5.4M7 4.6 9.4 7 7 9.4", 1.3),
	],
	failing: [html`<path d="M7 1.8 13 12.5H1z" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" />`, line("M7 5.6v3.2M7 10.1v1.2")],
	lost: [full(octagon), hole("m4.6 4.6 4.8 4.8m0-4.8-4.8 4.8", 1.7)],
	unjustified: [full(octagon), hole("M7 3.4v4.5M7 9.2v1.7", 1.8)],
	cross: line("m2.8 2.8 8.4 8.4m0-8.4-8.4 8.4", 2.2),
	unexplained: [line("M7 1 13 7 7 13 1 7z", 1.4), line(ask, 1.3)],
	untrusted: [html`<circle cx="7" cy="7" r="6.2" fill="currentColor" />`, html`<path d="M3 5.8h8v2.4H3z" fill=${cut} />`],
	trusted: line("m2.6 7.4 3 3 5.8-6.6", 1.7),
	nopolicy: [html`<circle cx="7" cy="7" r="5.7" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2 1.58" />`, line(ask, 1.3)],
	blind: [html`<rect x="1.5" y="1.5" width="11" height="11" fill="none" stroke="currentColor" />`, line("M2 6 6 2M2 11l9-9M4 12.5 12.5 4M9 12.5 12.5 9", 1)],
	notarmed: [line("M7 1.8 12.2 7 7 12.2 1.8 7z", 1.4), line("M2 12 12 2", 1.4)],
	down: line("M7 1v11M3.2 8.3 7 12.2l3.8-3.9", 1.7),
	up: line("M7 13V2M3.2 5.7 7 1.8l3.8 3.9", 1.7),
	bgpdown: line(hexagon),
	bgpup: full(hexagon),
	flag: [line("M3 1v12"), full("M3 1.5h8.5L9 4.6l2.5 3.1H3z")],
	fleet: [line("M1.5 1v12M12.5 1v12", 1.6), line("M2 7h2.5M9.5 7h3", 1.4), html`<rect x="4.5" y="4.5" width="5" height="5" rx="1" fill="none" stroke="currentColor" stroke-width="1.4" />`],
	timeline: line("M1 3h8M4 7h9M2 11h6", 2),
	rows: line("M1 3h12M1 7h12M1 11h12", 1.4),
	health: line("M1 8h2.5l2-5 3 8 1.7-3H13", 1.4),
	more: full("M1 7a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0m4.5 0a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0M10 7a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0"),
	sun: [html`<circle cx="7" cy="7" r="2.7" fill="none" stroke="currentColor" stroke-width="1.4" />`, line("M7 .5v2M7 11.5v2M.5 7h2M11.5 7h2M2.4 2.4l1.4 1.4M10.2 10.2l1.4 1.4M11.6 2.4l-1.4 1.4M3.8 10.2l-1.4 1.4", 1.3)],
	moon: full("M5.2 1.2a6 6 0 1 0 7.6 7.6A5 5 0 0 1 5.2 1.2z"),
	close: line("m3 3 8 8m0-8-8 8", 1.5),
	link: line("M5.5 8.5 8.5 5.5M6.5 4 8 2.5a2.5 2.5 0 0 1 3.5 3.5L10 7.5M7.5 10 6 11.5A2.5 2.5 0 0 1 2.5 8L4 6.5", 1.4),
	differs: line("M2 5h10M2 9h10M10 2 4 12", 1.5),
	bell: [line("M3 10.5V7a4 4 0 0 1 8 0v3.5zM6 12.8h2")],
	search: [html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.5" />`, line("m9.2 9.2 3.6 3.6", 1.6)],
	pause: full("M3 2h3v10H3zM8 2h3v10H8z"),
	play: full("M3.5 1.5v11l9-5.5z"),
	plus: line("M7 2v10M2 7h10", 1.6),
	key: [html`<circle cx="4.5" cy="9.5" r="2.8" fill="none" stroke="currentColor" stroke-width="1.5" />`, line("M6.5 7.5 12 2M9.5 4.5 11.5 6.5")],
	expand: line("m4 5.5 3 3 3-3", 1.5),
};

export const Sprite = () => html`<svg class="sprite" width="0" height="0" aria-hidden="true" focusable="false">
	<defs>
		<symbol id="logo" viewBox="0 0 20 14">
			<path d="M1.2 0v14M18.8 0v14" stroke="currentColor" stroke-width="2.2" />
			<path d="M1 7h5M14 7h5" stroke="currentColor" stroke-width="1.6" />
			<rect x="6" y="3" width="8" height="8" rx="1.5" fill="none" stroke="currentColor" stroke-width="1.6" />
		</symbol>
		${Object.entries(SHAPES).map(([name, shape]) => html`<symbol id=${"i-" + name} viewBox="0 0 14 14" key=${name}>${shape}</symbol>`)}
	</defs>
</svg>`;

// name: of SHAPES. label: what it says when it carries meaning; without one it is decoration
// beside a word.
export const Icon = ({ name, label, hue }) =>
	label
		? html`<svg class=${"ic" + (hue ? " h-" + hue : "")} role="img" aria-label=${label}><title>${label}</title><use href=${"#i-" + name} /></svg>`
		: html`<svg class=${"ic" + (hue ? " h-" + hue : "")} aria-hidden="true"><use href=${"#i-" + name} /></svg>`;
