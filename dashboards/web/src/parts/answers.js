// SPDX-License-Identifier: Apache-2.0
// The three answers (Fleet and Alerts): each a link to its proof. The sentences are the
// collector's; the page adds the shape. Red only while something is wrong now.
import { html } from "../html.js";
import { Icon } from "../icons.js";
import { fromApi } from "../url.js";
import { summary } from "../data.js";
import { Sentence } from "./time.js";

const QUESTIONS = ["What is broken?", "Who is on which path?", "Anyone there who should not be?"];
const ICONS = [
	{ calm: "ok", "in-band": "inband", unknown: "unexplained", wrong: "lost" },
	{ calm: "ok", "in-band": "inband", unknown: "unexplained", wrong: "unjustified" },
	{ calm: "trusted", "in-band": "inband", unknown: "unexplained", wrong: "untrusted" },
];
const HUE = { calm: "calm", "in-band": "blue", unknown: "amber", wrong: "red" };

export function Answers() {
	const words = summary.value?.words;
	const tried = summary.value?.untrusted.length > 0;
	return html`<section class="answers" aria-label="Now">
		${QUESTIONS.map((q, i) => {
			const w = words?.[i];
			if (!w) return html`<div class="answer calm" key=${i}><span class="q">${q}</span><span class="a block" /></div>`;
			// A refused attempt keeps ink text and a red icon.
			const note = i === 2 && w.level !== "wrong" && tried;
			return html`<a class=${"answer " + (note ? "note" : HUE[w.level] ?? "calm")} href=${fromApi(w.link)} key=${i}>
				<span class="q">${q}</span>
				<${Icon} name=${note ? "untrusted" : ICONS[i][w.level] ?? "ok"} />
				<span class="a"><${Sentence} text=${w.text.replace(/\.$/, "")} asOf=${summary.value.as_of} /></span>
				<span class="why"><${Sentence} text=${w.reason} asOf=${summary.value.as_of} /></span>
			</a>`;
		})}
	</section>`;
}
