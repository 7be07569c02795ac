// SPDX-License-Identifier: Apache-2.0
// What may be asked of GET /flows and /sessions, as tokens `key:value`: their words, how a
// typed line becomes tokens, and whether a row of the stream is among what was asked for.
import { address, contains, prefix } from "../net.js";
import { ms } from "../time.js";

export const KEYS = {
	device: { word: "device", hint: "fab1-CP1-TOR1" },
	source: { word: "source", hint: "203.0.113.0/24" },
	path: { word: "path", values: ["primary", "in-band"] },
	verdict: { word: "verdict", values: ["trusted", "untrusted", "no-policy"] },
	outcome: { word: "outcome", values: ["attempt", "unanswered", "refused", "unreachable", "established", "closed", "reset"] },
	login: { word: "login", values: ["success", "failure", "unknown"] },
	justified: { word: "justified", values: ["yes", "no", "unknown", "drill"] },
	state: { word: "state", values: ["open", "closed"] },
	service: { word: "service", values: ["ssh", "bgp"] },
	user: { word: "who", hint: "alice" },
	agent: { word: "agent", hint: "jump-1" },
	incident: { word: "incident", hint: "31" },
	since: { word: "since", hint: "-2h" },
	until: { word: "until", hint: "-1h" },
};
// Break-glass sessions are a list of their own (GET /sessions): SSH over lo6 that came through.
export const SESSIONS = "established";
const IMPLIED = ["path", "service"];

export const isSessions = (params) => params[SESSIONS] === "yes";

// The question: { path, params } of the API.
export function question(params) {
	const sessions = isSessions(params), out = {};
	for (const k of Object.keys(KEYS)) if (params[k] && !(sessions && IMPLIED.includes(k))) out[k] = params[k];
	return { path: sessions ? "sessions" : "flows", params: out };
}

// Tokens in the order of KEYS: [key, value].
export const tokens = (params) => [
	...(isSessions(params) ? [[SESSIONS, "yes"]] : []),
	...Object.keys(KEYS).filter((k) => params[k] && !(isSessions(params) && IMPLIED.includes(k))).map((k) => [k, params[k]]),
];

// -2h, -1h30m, -90: as the collector reads them.
const UNIT_MS = { d: 86400000, h: 3600000, m: 60000, s: 1000, ms: 1 };
const UNIT = { d: "d", h: "h", m: "min", s: "s", ms: "ms" };
function relative(text) {
	const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])?/g)];
	if (text[0] !== "-" || !parts.length || parts.map((p) => p[0]).join("") !== text.slice(1)) return null;
	if (parts.length > 1 && !parts.every((p) => p[2])) return null;
	return parts.map(([, n, unit = "s"]) => ({ n: Number(n), unit }));
}

// Milliseconds, NaN when it is no time. now: what relative ones count from.
export function moment(text, now) {
	const parts = relative(text);
	if (parts) return now - parts.reduce((sum, { n, unit }) => sum + n * UNIT_MS[unit], 0);
	return text === "now" ? now : ms(text);
}

// "last 2 h" for since:-2h; what it is otherwise.
export function words(key, value) {
	const parts = key === "since" || key === "until" ? relative(value) : null;
	if (!parts) return value;
	const said = parts.map(({ n, unit }) => `${n} ${UNIT[unit]}`).join(" ");
	return key === "since" ? `last ${said}` : `${said} ago`;
}

// One typed word as { set } or { error }. known(name): it is a device.
export function take(text, known) {
	const colon = text.indexOf(":"), key = text.slice(0, colon).toLowerCase(), value = text.slice(colon + 1);
	const alias = key === "who" ? "user" : key;
	if (colon > 0 && KEYS[alias]) {
		const { values } = KEYS[alias];
		if (!value) return { error: `${key}: a value is missing, as ${key}:${values?.[0] ?? KEYS[alias].hint}` };
		if (values && !values.includes(value)) return { error: `${key}:${value} is none of: ${values.join(" ")}` };
		if (alias === "source" && !prefix(value)) return { error: `source:${value} is no address or prefix, as 10.20.0.5 or 10.20.0.0/16` };
		if ((alias === "since" || alias === "until") && !Number.isFinite(moment(value, Date.now())))
			return { error: `${key}:${value} is no time, as -2h or 2026-11-23T01:02:03Z` };
		return { set: { [alias]: value } };
	}
	if (prefix(text)) return { set: { source: text } };
	if (known(text)) return { set: { device: text } };
	for (const [k, { values }] of Object.entries(KEYS)) if (values?.includes(text)) return { set: { [k]: text } };
	return { error: `${text} is no address and no known device; filters are: ${Object.keys(KEYS).join(" ")}` };
}

// Whether a row of the stream belongs to the list. undefined: only the collector can tell.
export function matcher(params) {
	const { params: q } = question(params);
	if (q.incident) return () => undefined;
	const sessions = isSessions(params), source = q.source && prefix(q.source);
	return (f, now) => {
		if (sessions && !(f.path === "in-band" && f.service === "ssh" && f.established)) return false;
		for (const k of ["device", "path", "service", "outcome", "login", "user", "agent"]) if (q[k] && f[k] !== q[k]) return false;
		if (q.verdict && f.trust?.verdict !== q.verdict) return false;
		if (q.justified && (f.justified ?? "unknown") !== q.justified) return false;
		if (q.state && f.open !== (q.state === "open")) return false;
		if (q.source && !contains(source, address(f.source.ip))) return false;
		if (q.until && !(ms(f.start) < moment(q.until, now))) return false;
		if (q.since && !f.open && ms(f.end ?? f.start) < moment(q.since, now)) return false;
		return true;
	};
}
