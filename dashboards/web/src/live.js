// SPDX-License-Identifier: Apache-2.0
// The collector's stream: one for the whole page, read with fetch() because EventSource can
// send no token. What comes within a frame is applied together, once, in the next one.
//
// Life: start(cursor) -> connecting -> live; silence of 10 s, or a connection that cannot be
// had, -> stale with a countdown to the next attempt -> live again, after what was missed
// has been told (Last-Event-ID). `reset` from the collector: too much was missed, every
// list is read again.
import { batch, signal } from "@preact/signals";
import { fetchApi } from "./api.js";
import { ms } from "./time.js";

const SILENCE_MS = 10000; // the collector sends a heartbeat every 5 s
const BACKOFF_S = [0.5, 1, 2, 4, 8, 15];

// state: starting, live, reconnecting (just lost, nobody needs to know yet), stale.
export const link = signal({ state: "starting", heard: 0, attempt: 0, retryAt: 0, why: "" });
// The collector's time, ticking; when stale it stands at the last thing heard.
export const now = signal(Date.now());
// { events, at } after a connection came back; the frame says it in one line.
export const caughtUp = signal(null);
export const behind = signal(0); // events stored that the stream has not told yet
export const resets = signal(0);

let offset = 0; // the collector's clock minus ours
let cursor = 0; // the id of the last message
let begun = 0; // the cursor that the stream began at
let controller = null, watchdog = 0, retry = 0, ticking = 0;
let lostAt = null; // cursor when the connection was lost

const listeners = new Map(); // kind -> Set of fn(row, id)
let queue = [], scheduled = false;

export function on(kind, fn) {
	if (!listeners.has(kind)) listeners.set(kind, new Set());
	listeners.get(kind).add(fn);
	return () => listeners.get(kind).delete(fn);
}

export const position = () => cursor;
export const beginning = () => begun;
export const stale = () => link.value.state === "stale";

function flush() {
	scheduled = false;
	const all = queue;
	queue = [];
	batch(() => {
		for (const { kind, row, id } of all) for (const fn of listeners.get(kind) ?? []) fn(row, id);
		for (const fn of listeners.get("frame") ?? []) fn();
	});
}

// A hidden tab gets no frames: then a timer does it.
function schedule() {
	if (scheduled) return;
	scheduled = true;
	if (document.hidden) setTimeout(flush, 200);
	else requestAnimationFrame(flush);
}

function change(part) {
	link.value = { ...link.peek(), ...part };
}

function heard(time) {
	const t = Date.now();
	if (time) offset = time - t;
	clearTimeout(watchdog);
	watchdog = setTimeout(() => lose("nothing was heard for 10 s"), SILENCE_MS);
	if (link.peek().state !== "live") {
		change({ state: "live", heard: t, attempt: 0, retryAt: 0, why: "" });
		tick();
	} else link.peek().heard = t;
}

function tick() {
	clearTimeout(ticking);
	const l = link.peek();
	if (l.state === "stale") return; // relative times freeze
	now.value = Date.now() + offset;
	ticking = setTimeout(tick, 1000 - (now.peek() % 1000) + 5);
}

function message(kind, data, id) {
	if (id > 0) cursor = id;
	if (kind === "heartbeat") {
		heard(ms(data.time));
		behind.value = data.behind ?? 0;
		return;
	}
	heard();
	if (kind === "reset") {
		resets.value++;
		return;
	}
	if (kind === "cursor") {
		if (lostAt !== null) {
			caughtUp.value = { events: Math.max(0, cursor - lostAt), at: Date.now() };
			lostAt = null;
		}
		return;
	}
	queue.push({ kind, row: data, id });
	schedule();
}

// One block of an event stream: lines `field: value` up to an empty one.
function block(text) {
	let kind = "message", data = "", id = 0;
	for (const line of text.split("\n")) {
		const colon = line.indexOf(":");
		if (colon <= 0) continue;
		const field = line.slice(0, colon);
		const value = line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
		if (field === "event") kind = value;
		else if (field === "data") data += value;
		else if (field === "id") id = Number(value);
	}
	if (!data) return id > 0 && (cursor = id);
	message(kind, JSON.parse(data), id);
}

async function read(mine) {
	const r = await fetchApi("stream", {
		params: { "last-event-id": cursor },
		signal: mine.signal,
		accept: "text/event-stream",
		again: false,
	});
	const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	heard();
	for (;;) {
		const { value, done } = await reader.read();
		if (done) throw new Error("the collector closed the connection");
		const blocks = (rest + value).split("\n\n");
		rest = blocks.pop();
		for (const b of blocks) if (b && b[0] !== ":") block(b);
			else heard();
	}
}

function lose(why) {
	controller?.abort();
	controller = null;
	clearTimeout(watchdog);
	clearTimeout(retry);
	const l = link.peek(), t = Date.now();
	const attempt = l.attempt + 1;
	const wait = BACKOFF_S[Math.min(attempt - 1, BACKOFF_S.length - 1)] * 1000;
	const old = attempt >= 4 || (l.heard && t - l.heard >= SILENCE_MS) || l.state === "stale";
	if (lostAt === null && l.state === "live") lostAt = cursor;
	change({ state: old ? "stale" : "reconnecting", attempt, retryAt: t + wait, why,
		since: l.state === "live" ? now.peek() : l.since ?? now.peek() });
	retry = setTimeout(connect, wait);
}

function connect() {
	clearTimeout(retry);
	controller?.abort();
	const mine = new AbortController();
	controller = mine;
	// No answer within 10 s is silence as well.
	clearTimeout(watchdog);
	watchdog = setTimeout(() => lose("the collector does not answer"), SILENCE_MS);
	read(mine).catch((e) => {
		if (controller === mine) lose(e.detail ?? e.message);
	});
}

// A list that was answered before the stream began: it begins there, at the latest.
let earliest = Infinity;
export const answered = (at) => { if (!begun && at < earliest) earliest = at; };

export function start(at) {
	cursor = begun = Math.min(at, earliest);
	tick();
	connect();
}

export const tryNow = () => connect();

// A laptop that wakes up, a network that is back: do not wait for the countdown.
addEventListener("online", () => link.peek().state !== "live" && begun && connect());
document.addEventListener("visibilitychange", () => {
	if (!document.hidden && begun && link.peek().state !== "live") connect();
});
