// SPDX-License-Identifier: Apache-2.0
// Trust: an address, what each device says of it and by which line, drift with the lines that mend it,
// what the record knows; as GET /trust has it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { look, live, ready, serve } from "./page.mjs";

const server = await serve({ devices: 13, scene: "during" });

test("without an address: what differs, and who tried", async () => {
	const page = await look(server, "#/trust");
	await page.locator(".nothing").waitFor();
	const { devices } = await server.api("devices");
	const drift = devices.filter((d) => d.trust.drift);
	assert.match(await page.locator(".nothing h2").innerText(), new RegExp(`differs from the majority on ${drift.length} of ${devices.length} devices`));
	assert.equal(await page.locator(".nothing .strip").first().locator("li").count(), drift.length);
	await page.locator(".nothing a", { hasText: "203.0.113.77" }).click();
	await page.waitForURL(/address=203\.0\.113\.77/);
	await page.done();
});

test("the devices disagree: sentence, strip, table and drift are the API's", async () => {
	const page = await look(server, "#/trust?address=203.0.113.77");
	await page.locator(".answer-line h2").waitFor();
	const doc = await server.api("trust?address=203.0.113.77");
	assert.equal((await page.locator(".answer-line h2").innerText()).trim(), doc.words.replace(/\.$/, ""));
	const odd = doc.devices.filter((d) => d.odd);
	assert.equal((await page.locator(".strip .odd").innerText()).replace(/\s+/g, " "), `${odd[0].device} would let it in`);
	assert.equal(await page.locator(".strip li").first().locator(".odd").count(), 1, "odd ones first");
	const rows = await page.locator(".verdicts [data-row]").evaluateAll((all) => all.map((r) => [...r.querySelectorAll("[role=cell]")].map((c) => c.innerText.trim())));
	assert.equal(rows.length, doc.devices.length);
	assert.deepEqual(rows[0], [odd[0].device, "trusted", `seq ${odd[0].seq} ${odd[0].action} ${odd[0].prefix}`, `${odd[0].file}:${odd[0].line}`]);
	for (const [device, verdict, rule] of rows.slice(1)) {
		const d = doc.devices.find((x) => x.device === device);
		assert.equal(verdict, d.verdict);
		assert.equal(rule, "end of list");
	}
	const other = doc.policies.find((p) => !p.majority);
	assert.match(await page.locator(".policy").innerText(), new RegExp(`Policy B on ${other.devices[0]}`));
	assert.equal(await page.locator(".policy .add").count(), other.diff.extra.length + other.diff.missing.length);
	assert.match(await page.locator(".policy .add").innerText(), /\+[\s\S]*seq 30 permit 203\.0\.113\.0\/24[\s\S]*only /);
	assert.equal(await page.locator(".mend code").innerText(), other.mend.join("\n"));
	// What the record knows.
	const known = await page.locator("section[aria-labelledby=known]").innerText();
	const { sources } = await server.api("sources?source=203.0.113.77&since=-366d");
	assert.match(known, new RegExp(`First seen[\\s\\S]*Last seen[\\s\\S]*fab1-CP2-TOR1[\\s\\S]*over lo6[\\s\\S]*${sources[0].flows}, none established, ${sources[0].untrusted} judged untrusted`));
	// Untrusted is grey here: amber marks the disagreement.
	assert.equal(await page.locator(".trust-view .h-red").count(), 0);
	await page.done();
});

test("all agree: in ink, nothing is odd", async () => {
	for (const [address, words] of [["10.20.0.5", /10\.20\.0\.5 is trusted by all of 13 devices/], ["192.0.2.200", /No device trusts 192\.0\.2\.200/], ["2001:db8:20::7", /2001:db8:20::7 is trusted by all of 13 devices/]]) {
		const page = await look(server, `#/trust?address=${address}`);
		await page.locator(".answer-line h2").waitFor();
		assert.match(await page.locator(".answer-line h2").innerText(), words);
		assert.equal(await page.locator(".strip .odd, .answer-line .h-amber").count(), 0);
		await page.done();
	}
});

test("typed: no address is refused in words; brackets are taken off; each is a link", async () => {
	const page = await look(server, "#/trust");
	await ready(page);
	await page.keyboard.press("/");
	await page.keyboard.type("gibberish");
	await page.keyboard.press("Enter");
	assert.match(await page.locator("#address-error").innerText(), /no address/);
	await page.locator("#address").fill("[2001:db8:20::5]");
	await page.keyboard.press("Enter");
	await page.waitForURL(/address=2001:db8:20::5/);
	await page.locator(".answer-line h2", { hasText: "2001:db8:20::5" }).waitFor();
	await page.locator("#address").fill("203.0.113.9");
	await page.getByRole("button", { name: "Judge" }).click();
	await page.locator(".answer-line h2", { hasText: "1 of 13 trusts 203.0.113.9" }).waitFor();
	assert.match(await page.locator("section[aria-labelledby=known]").innerText(), /never seen as a source/);
	await page.goBack();
	await page.locator(".answer-line h2", { hasText: "2001:db8:20::5" }).waitFor();
	await page.done();
});

test("the lines that mend are copied; a device is chosen by keyboard", async () => {
	const page = await look(server, "#/trust?address=203.0.113.77");
	await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
	await page.locator(".mend").waitFor();
	await page.getByRole("button", { name: "Copy" }).click();
	await page.getByRole("button", { name: "Copied" }).waitFor();
	assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^ip prefix-list trusted_sources\n {3}no seq 30/);
	await page.locator(".verdicts [tabindex='0']").focus();
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("Enter");
	await page.waitForURL(/device=fab1-/);
	await page.done();
});

test("a source that is seen again, and a list that changes, are told without reload", async () => {
	const page = await look(server, "#/trust?address=203.0.113.77");
	await page.locator("section[aria-labelledby=known]").waitFor();
	await live(page);
	const flows = async () => Number(/Flows\s+(\d+)/.exec(await page.locator("section[aria-labelledby=known]").innerText())[1]);
	const was = await flows();
	await server.live("refused", [{ at: 0 }, "fab1-CP14-TOR2", "in-band", "203.0.113.77"]);
	await page.waitForFunction((n) => new RegExp(`Flows\\s+${n}`).test(document.querySelector("section[aria-labelledby=known]").innerText), was + 1);
	await server.live("tell_fabric", [{ at: 0 }], { drifting: ["fab1-CP14-TOR1", "fab1-CP14-TOR2"] });
	await page.locator(".answer-line h2", { hasText: "2 of 13 trust 203.0.113.77" }).waitFor();
	await page.done();
});
