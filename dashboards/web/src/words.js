// SPDX-License-Identifier: Apache-2.0
// Text from the wire, made safe to look at. Everything reaches the page as text nodes, so
// markup is never run; this is about what text can do by itself: control characters are
// shown as \xNN, invisible and direction-changing ones as \u{NNNN}, and what is longer than
// 256 characters is cut (the session panel has it whole). parts/text.js isolates it (<bdi>).

export const LONGEST = 256;

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;
// Soft hyphen, zero-width, marks and embeddings of direction, separators, tags, BOM.
const UNSEEN = /[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

export function clean(text, longest = LONGEST) {
	const all = Array.from(String(text ?? ""));
	const kept = all.length > longest ? all.slice(0, longest).join("") + "…" : all.join("");
	return kept
		.replace(CONTROL, (c) => "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0"))
		.replace(UNSEEN, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");
}

// A hostname differs at its end and at its beginning: it is cut in the middle.
export function middle(name, longest) {
	const all = Array.from(clean(name));
	if (all.length <= longest) return all.join("");
	const tail = Math.ceil((longest - 1) / 2);
	return all.slice(0, longest - 1 - tail).join("") + "…" + all.slice(-tail).join("");
}

export const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

const number = new Intl.NumberFormat("en");
export const count = (n) => number.format(n);

// 4.2 kB, 31 MB: three digits at most, powers of 1000.
export function bytes(n) {
	if (n < 1000) return `${n} B`;
	for (const unit of ["kB", "MB", "GB", "TB"]) {
		n /= 1000;
		if (n < 999.5) return `${n < 9.95 ? n.toFixed(1) : Math.round(n)} ${unit}`;
	}
	return `${Math.round(n)} PB`;
}

// The words of states, in one place (PAGE.md section 4). icon: name in icons.js; hue: class.
export const PATH = {
	primary: { word: "on Ma1", icon: "ok", hue: "grey", rank: 0 },
	"primary-failing": { word: "failing", icon: "failing", hue: "red", rank: 3 },
	"in-band": { word: "on lo6", icon: "inband", hue: "blue", rank: 2 },
	"in-band-drill": { word: "on lo6, drill", icon: "drill", hue: "blue", rank: 1 },
	"in-band-unexplained": { word: "unexplained", icon: "unexplained", hue: "amber", rank: 4 },
	"in-band-unjustified": { word: "not justified", icon: "unjustified", hue: "red", rank: 5 },
	unreachable: { word: "on neither", icon: "lost", hue: "red", rank: 6 },
	unknown: { word: "not seen", icon: "blind", hue: "grey", rank: 0 },
};
export const pathState = (state) => PATH[state] ?? PATH.unknown;

export const VERDICT = {
	trusted: { word: "trusted", icon: "trusted", hue: "grey" },
	untrusted: { word: "untrusted", icon: "untrusted", hue: "red" },
	"no-policy": { word: "no policy", icon: "nopolicy", hue: "amber" },
};

export const JUSTIFIED = {
	yes: { word: "justified", icon: "inband", hue: "blue" },
	no: { word: "not justified", icon: "unjustified", hue: "red" },
	unknown: { word: "unexplained", icon: "unexplained", hue: "amber" },
	drill: { word: "drill", icon: "drill", hue: "blue" },
};

export const SEVERITY = {
	critical: { word: "critical", icon: "lost", hue: "red", rank: 3 },
	warning: { word: "warning", icon: "failing", hue: "amber", rank: 2 },
	notice: { word: "notice", icon: "flag", hue: "ink", rank: 1 },
	info: { word: "info", icon: "ok", hue: "grey", rank: 0 },
};

export const ROLE = {
	ce: "CE", tor: "ToR", pe: "PE", npb: "NPB", "mgmt-switch": "mgmt switch",
	"terminal-server": "terminal server", unknown: "",
};
export const roleWord = (role) => ROLE[role] ?? clean(role ?? "", 20);

export const pathWord = (path) => (path === "in-band" ? "lo6" : path === "primary" ? "Ma1" : "");
