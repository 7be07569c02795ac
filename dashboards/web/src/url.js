// SPDX-License-Identifier: Apache-2.0
// Where the reader is: everything that was chosen is in the address, after the #, so that
// it can be sent to a colleague and never reaches a server's log:
//
//	#/timeline?from=...&to=...&session=12      #/incidents/31?t=...      #/trust?address=...
//
// `route` is a signal of { view, id, params }. params is a plain object of strings; each
// view says in its file which it knows. `session` and `fabric` belong to the frame: the
// session panel is open over any view; the fabric stays chosen from view to view.
import { signal } from "@preact/signals";

export const VIEWS = ["fleet", "timeline", "incidents", "flows", "alerts", "trust", "health"];

function parse(hash) {
	const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
	const [view, id] = path.split("/");
	const params = Object.fromEntries(new URLSearchParams(query));
	let name;
	try {
		name = id === undefined || id === "" ? null : decodeURIComponent(id);
	} catch {
		name = null; // no UTF-8
	}
	return { view: VIEWS.includes(view) ? view : "fleet", id: name, params };
}

export const route = signal(parse(location.hash));

const STICKY = ["fabric"];

// The address of a view. Parameters that are undefined, null or "" are left out.
export function href(view, params = {}, id = null) {
	const q = new URLSearchParams();
	for (const k of STICKY) if (!(k in params) && route.value.params[k]) q.set(k, route.value.params[k]);
	for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== null && v !== "") q.set(k, v);
	const text = q.toString().replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%2C", ",");
	return `#/${view}${id === null ? "" : "/" + encodeURIComponent(id)}${text ? "?" + text : ""}`;
}

// This view with some parameters changed (null takes one away).
export function here(change) {
	const { view, id, params } = route.value;
	return href(view, { ...params, ...change }, id);
}

function take() {
	const next = parse(location.hash);
	const now = route.peek();
	if (JSON.stringify(next) !== JSON.stringify(now)) route.value = next;
}

// A choice that Back undoes.
export function go(to) {
	settle(); // a step that waits belongs to what is left
	if (to !== location.hash) history.pushState(null, "", to);
	take();
}

// A step on the way to one: a pixel of a pan, a letter of a filter.
let waiting = null;
export function replace(to) {
	// Browsers refuse more than some 100 of these in 30 s: the last one of 300 ms counts.
	route.value = parse(to);
	clearTimeout(waiting?.timer);
	waiting = { to, timer: setTimeout(settle, 300) };
}
function settle() {
	if (waiting) {
		clearTimeout(waiting.timer);
		history.replaceState(null, "", waiting.to);
	}
	waiting = null;
}

addEventListener("popstate", () => { waiting = null; take(); });
addEventListener("hashchange", take);
addEventListener("pagehide", settle);

// The collector's links (`flows?verdict=untrusted`, `sessions/12`, `incidents/3`) as ours.
export function fromApi(link) {
	const [path, query = ""] = String(link ?? "").split(/\?(.*)/s);
	const [what, id] = path.split("/");
	const params = Object.fromEntries(new URLSearchParams(query));
	if (what === "sessions" && id) return here({ session: id });
	if (what === "sessions") return href("flows", { established: "yes", path: "in-band", ...params });
	if (what === "devices") return href("fleet", params);
	if (what === "agents" || what === "coverage") return href("health", params);
	if (VIEWS.includes(what)) return href(what, params, id ?? null);
	return href("fleet");
}
