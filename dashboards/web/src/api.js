// SPDX-License-Identifier: Apache-2.0
// Questions to the collector, and its problems (RFC 9457) as errors that say what to do.
// The token lives in sessionStorage only: it is gone with the tab.
import { computed, signal } from "@preact/signals";

const KEY = "glasswatch.token";
const BASE = new URL("api/v1/", location.origin + location.pathname.replace(/[^/]*$/, ""));

const stored = () => {
	try {
		return sessionStorage.getItem(KEY) ?? "";
	} catch {
		return ""; // storage is switched off
	}
};
export const token = signal(stored());
export const needsToken = signal(false); // an answer was 401
export const self = signal(null); // GET /self: who, right, version, tokens, time
// The token may act; without a token on loopback everybody may.
export const mayOperate = computed(() => self.value?.right === "operate");

export function setToken(text) {
	token.value = text.trim();
	try {
		if (token.value) sessionStorage.setItem(KEY, token.value);
		else sessionStorage.removeItem(KEY);
	} catch {
		// then it lasts until the page is loaded again
	}
	needsToken.value = false;
}

// kind: the last word of the problem's type, or "unreachable" when no answer came.
export class Problem extends Error {
	constructor(kind, title, detail, { status = 0, request = "", type = "" } = {}) {
		super(detail || title);
		Object.assign(this, { kind, title, detail, status, request, type });
	}
}

export const url = (path, params = {}) => {
	const u = new URL(path, BASE);
	for (const [k, v] of Object.entries(params))
		if (v !== undefined && v !== null && v !== "") u.searchParams.set(k, v);
	return u;
};

export const headers = () => (token.value ? { Authorization: `Bearer ${token.value}` } : {});

async function problem(r) {
	let d = {};
	try {
		d = await r.json();
	} catch {
		// not ours: a proxy's
	}
	const request = d.request ?? r.headers.get("X-Request-Id") ?? "";
	const kind = String(d.type ?? "").split(":").pop() || `status-${r.status}`;
	if (r.status === 401) needsToken.value = true;
	return new Problem(kind, d.title ?? r.statusText, d.detail ?? `The collector answered ${r.status}.`, {
		status: r.status, request, type: d.type ?? "",
	});
}

const pause = (seconds, signal) =>
	new Promise((done, fail) => {
		const t = setTimeout(done, seconds * 1000);
		signal?.addEventListener("abort", () => { clearTimeout(t); fail(signal.reason); }, { once: true });
	});

// The response itself, for exports and the stream. Too many requests: waits as it is told, once.
export async function fetchApi(path, { params, signal, method = "GET", body, again = true, accept } = {}) {
	let r;
	try {
		r = await fetch(url(path, params), {
			method,
			signal,
			headers: {
				...headers(),
				Accept: accept ?? "application/json",
				...(body === undefined ? {} : { "Content-Type": "application/json" }),
			},
			body: body === undefined ? undefined : JSON.stringify(body),
			cache: "no-store",
			credentials: "same-origin",
			referrerPolicy: "no-referrer",
		});
	} catch (e) {
		if (e.name === "AbortError") throw e;
		throw new Problem("unreachable", "No answer", "The collector does not answer.");
	}
	if (r.status === 429 && again) {
		await pause(Math.min(Number(r.headers.get("Retry-After")) || 1, 10), signal);
		return fetchApi(path, { params, signal, method, body, again: false, accept });
	}
	if (!r.ok) throw await problem(r);
	return r;
}

// The document that a question is answered with.
export async function ask(path, params, { signal } = {}) {
	return (await fetchApi(path, { params, signal })).json();
}

// POST or DELETE: acknowledge, silences, drills.
export async function act(path, body, method = "POST", params) {
	return (await fetchApi(path, { method, body, params, again: false })).json();
}

export async function whoAmI() {
	self.value = await ask("self");
	return self.value;
}
