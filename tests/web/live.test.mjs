// SPDX-License-Identifier: Apache-2.0
// The stream: what happens when it is lost, and that nothing is missed when it is back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { look, live, ready, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "calm" });

test("the collector stops: the page says since when it is old, and is grey; it starts: caught up, nothing missed", async () => {
	const page = await look(server, "#/fleet", { lost: true });
	await ready(page);
	await live(page);
	await page.evaluate(() => { window.sameDocument = true; });
	await server.do({ do: "stop" });
	const banner = page.locator(".stale-banner");
	await banner.waitFor();
	assert.match(await banner.innerText(), /This page is old: last heard at \d\d:\d\d:\d\d[\s\S]*wait in Redis[\s\S]*Attempt \d+/);
	assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("main")).filter), "grayscale(1)");
	const clock = await page.locator(".clock").innerText();
	await page.waitForTimeout(1500);
	assert.equal(await page.locator(".clock").innerText(), clock, "the clock stands");
	// While nobody listens, somebody moves in.
	await server.live("session", [{ at: -3 }, { at: 0 }, "fab1-CP1-TOR1", "in-band", "10.20.0.41", "meanwhile"], { closed: false });
	await server.do({ do: "start" });
	await page.locator(".banner.calm", { hasText: /Caught up: \d+ events?\./ }).waitFor();
	await live(page);
	await page.locator(".side .who", { hasText: "meanwhile" }).waitFor();
	assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("main")).filter), "none");
	assert.equal(await page.evaluate(() => window.sameDocument), true);
	assert.match(await page.locator(".half .badge", { hasText: "meanwhile" }).innerText(), /1\s+meanwhile/);
	await page.done();
});

test("Try now does not wait for the countdown", async () => {
	const page = await look(server, "#/fleet", { lost: true });
	await ready(page);
	await live(page);
	await server.do({ do: "stop" });
	await page.locator(".stale-banner").waitFor();
	await page.waitForFunction(() => /Attempt ([5-9]|\d\d)/.test(document.querySelector(".stale-banner")?.innerText));
	await server.do({ do: "start" });
	await page.getByRole("button", { name: "Try now" }).click().catch(() => {});
	await live(page);
	await page.done();
});

test("the page opened while the collector is away: says so, then comes by itself", async () => {
	const page = await look(server, "#/fleet", { lost: true });
	await ready(page);
	await page.route("**/api/v1/**", (r) => r.abort("connectionrefused"));
	await page.reload();
	await page.locator(".banner", { hasText: "could not be read" }).waitFor();
	await page.unroute("**/api/v1/**");
	await ready(page);
	await live(page);
	assert.equal(await page.locator(".banner", { hasText: "could not be read" }).count(), 0);
	await page.done();
});

test("another store: the page is told to read its lists again, and shows nothing of the old one", async () => {
	const page = await look(server, "#/fleet", { lost: true });
	await ready(page);
	await live(page);
	assert.ok((await page.locator(".rung").count()) > 0);
	await page.evaluate(() => { window.sameDocument = true; });
	await server.do({ do: "stop" });
	await server.do({ do: "forget" });
	await server.do({ do: "start" });
	await page.locator(".blind-box", { hasText: "Nothing has been seen yet" }).waitFor();
	assert.equal(await page.locator(".rung").count(), 0);
	assert.equal(await page.evaluate(() => window.sameDocument), true);
	await page.done();
});
