// SPDX-License-Identifier: Apache-2.0
// How fast the timeline pans: the mouse drags the lanes to and fro for some seconds while
// chromium traces itself. Frames are counted as its compositor shows them. On a machine that
// does other things too they say little, so the processor's time that all of chromium used
// is told for each frame as well: it does not depend on who else runs.
// Prints one line a window; used by timeline_speed.test.mjs.
//	node tests/web/speed_timeline.mjs URL#/timeline?...
import process from "node:process";
import { launch } from "./browser.mjs";

const CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline.frame", "toplevel", "benchmark", "cc"];

async function traced(page, work) {
	const cdp = await page.context().newCDPSession(page);
	const events = [];
	cdp.on("Tracing.dataCollected", (d) => events.push(...d.value));
	await cdp.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: CATEGORIES, excludedCategories: ["*"] } });
	await work();
	const done = new Promise((r) => cdp.once("Tracing.tracingComplete", r));
	await cdp.send("Tracing.end");
	await done;
	await cdp.detach();
	return events;
}

// Seconds of processor time of all of chromium's processes.
async function cpu(page) {
	const cdp = await page.context().browser().newBrowserCDPSession();
	const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
	await cdp.detach();
	return processInfo.reduce((s, p) => s + p.cpuTime, 0);
}

// Drags the lanes for `seconds`; a move each 8 ms, as fast as a mouse tells. They are sent
// without waiting for the answer to each: else the answers would be what is measured.
export async function pan(page, seconds = 4) {
	const mouse = await page.context().newCDPSession(page);
	const box = await page.locator(".tl-plot").boundingBox();
	const y = Math.min(box.y + 200, 700), mid = box.x + box.width / 2;
	await page.evaluate(() => {
		window.__frames = [];
		const tick = (t) => {
			window.__frames.push(t);
			window.__stop || requestAnimationFrame(tick);
		};
		window.__stop = false;
		requestAnimationFrame(tick);
	});
	const span0 = await page.locator(".tl-range").innerText();
	let moves = 0;
	const before = await cpu(page);
	const events = await traced(page, async () => {
		await page.mouse.move(mid, y);
		await page.mouse.down();
		const until = Date.now() + seconds * 1000;
		for (let k = 0; Date.now() < until; k++) {
			mouse.send("Input.dispatchMouseEvent", { type: "mouseMoved", button: "left", buttons: 1, x: mid + Math.sin(k / 40) * box.width * 0.4, y }).catch(() => {});
			moves++;
			await new Promise((r) => setTimeout(r, 8));
		}
		await page.mouse.up();
	});
	const used = (await cpu(page)) - before;
	const frames = await page.evaluate(() => {
		window.__stop = true;
		return window.__frames;
	});
	const shown = events.filter((e) => e.name === "DrawFrame").map((e) => e.ts / 1e6).sort((a, b) => a - b);
	const gaps = shown.slice(1).map((t, i) => (t - shown[i]) * 1000).sort((a, b) => a - b);
	const tasks = events.filter((e) => e.name === "FireAnimationFrame" && e.dur).map((e) => e.dur / 1000).sort((a, b) => a - b);
	const at = (list, p) => (list.length ? list[Math.min(list.length - 1, Math.floor(list.length * p))] : NaN);
	const spanned = shown.length > 1 ? shown.at(-1) - shown[0] : NaN;
	return {
		fps: (shown.length - 1) / spanned, animation: (frames.length - 1) / ((frames.at(-1) - frames[0]) / 1000), gap50: at(gaps, 0.5), gap95: at(gaps, 0.95), worst: gaps.at(-1),
		cpu: (used * 1000) / shown.length, frame50: at(tasks, 0.5), frame95: at(tasks, 0.95), moves, moved: span0 !== (await page.locator(".tl-range").innerText()),
	};
}

export const line = (what, r) =>
	`${what}: ${r.fps.toFixed(1)} frames/s shown (${r.animation.toFixed(1)} animation frames/s); between frames ${r.gap50.toFixed(0)} ms, 95 % ${r.gap95.toFixed(0)} ms, worst ${r.worst.toFixed(0)} ms; processor time of chromium ${r.cpu.toFixed(0)} ms a frame, of our drawing ${r.frame95.toFixed(1)} ms (95 %)`;

if (process.argv[1] === new URL(import.meta.url).pathname) {
	const browser = await launch();
	const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
	page.on("pageerror", (e) => console.log(e.stack));
	await page.goto(process.argv[2]);
	await page.locator(".tl-plot").waitFor();
	await page.waitForTimeout(Number(process.env.WAIT ?? 6000));
	console.log(line("first", await pan(page)));
	console.log(line("again", await pan(page)));
	await browser.close();
}
