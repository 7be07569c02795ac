// SPDX-License-Identifier: Apache-2.0
// 100,000 sessions in a day: the timeline is panned and the frames are counted. The rate is
// printed; it is demanded only of a machine that has nothing else to do. What is always
// demanded is that two processors have the time for 30 frames in a second.
import assert from "node:assert/strict";
import { availableParallelism, loadavg } from "node:os";
import { test } from "node:test";
import { look, ready, serve } from "./page.mjs";
import { line, pan } from "./speed_timeline.mjs";

const FRAMES = 30, CORES = 2;

for (const devices of [13, 500])
	test(`100,000 sessions on ${devices} devices are pannable`, async () => {
		const server = await serve({ devices, scene: "busy" });
		console.log(`# ${devices} devices, ${server.events} events, one a session; ${availableParallelism()} processors, load ${loadavg()[0].toFixed(1)}`);
		for (const [what, hash] of [["a day", "from=-1d"], ["an hour", "from=-1h"], ["a minute", "from=-3h&to=-179m"]]) {
			const page = await look(server, `#/timeline?${hash}&only=all`, { size: { width: 1440, height: 900 } });
			await ready(page);
			await page.locator(".timeline-view [aria-busy=true]").waitFor({ state: "detached" });
			await page.locator(".tl-row").first().waitFor();
			const idle = loadavg()[0] < 1;
			await pan(page, 1.5); // the tiles beside the window
			const r = await pan(page, 4);
			console.log(`# ${devices} devices, ${line(what, r)}`);
			assert.ok(r.moved, "it moved");
			assert.ok(r.cpu < (1000 / FRAMES) * CORES, `${r.cpu} ms of processor time a frame`);
			if (idle) assert.ok(r.fps >= FRAMES, `${r.fps} frames/s`);
			await page.done();
		}
		await server.close();
	});
