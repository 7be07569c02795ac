// SPDX-License-Identifier: Apache-2.0
// make screenshots: each view, light and dark, desktop and phone, into docs/screenshots/, of a made-up
// fabric (world.py). ONLY="fleet timeline" for some of them. pngquant makes them small.
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { look, live, ready, root, serve } from "./page.mjs";

const out = process.env.SCREENSHOTS ?? join(root, "docs/screenshots");
const only = process.env.ONLY?.split(" ");
const made = [];
mkdirSync(out, { recursive: true });

async function shots(server, places) {
	for (const [name, place, { height } = {}] of places) {
		if (only && !only.includes(name)) continue;
		for (const phone of [false, true])
			for (const dark of [false, true]) {
				if (name.startsWith("fleet-") && phone) continue;
				const page = await look(server, place, { phone, dark, still: true, zone: "Europe/Berlin", size: phone ? undefined : { width: 1280, height: height ?? 800 } });
				await ready(page);
				if (place.includes("session=")) await page.locator(".panel").waitFor();
				await live(page).catch(() => {});
				await page.waitForTimeout(600); // canvases
				const path = join(out, `${name}-${dark ? "dark" : "light"}${phone ? "-phone" : ""}.png`);
				await page.screenshot({ path });
				made.push(path);
				await page.done();
			}
	}
}

test("13 devices, a dead management switch", async () => {
	const server = await serve({ devices: 13, scene: "during", tokens: true });
	const { sessions } = await server.api("sessions");
	const { incidents } = await server.api("incidents");
	const { alerts } = await server.api("alerts?state=open");
	await server.api("trust?address=203.0.113.77");
	const noticed = alerts.find((a) => a.name === "untrusted-source");
	if (noticed)
		await fetch(`${server.url}api/v1/alerts/${noticed.id}/acknowledge`, {
			method: "POST", headers: { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" },
			body: JSON.stringify({ reason: "a scanner of ours, asked its owner", for: "2h" }),
		});
	const dead = incidents.find((i) => i.kind === "management-switch") ?? incidents[0];
	await shots(server, [
		["fleet", "#/fleet", { height: 860 }],
		["timeline", "#/timeline?from=-40m"],
		["incident", `#/incidents/${dead.id}`, { height: 1100 }],
		["flows", "#/flows"],
		["session", `#/flows?session=${sessions.find((s) => s.open).id}`, { height: 1000 }],
		["alerts", "#/alerts"],
		["trust", "#/trust?address=203.0.113.77"],
		["health", "#/health", { height: 1000 }],
	]);
});

test("500 devices", async () => {
	await shots(await serve({ devices: 500, scene: "big" }), [["fleet-500", "#/fleet", { height: 1000 }]]);
});

test("small files", () => {
	execFileSync("pngquant", ["--force", "--ext", ".png", "--speed", "1", "--strip", "96", ...made]);
	console.log(`# ${made.length} pictures, ${Math.round(made.reduce((a, f) => a + statSync(f).size, 0) / 1000)} kB`);
});
