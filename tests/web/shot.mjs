// SPDX-License-Identifier: Apache-2.0
// One look at the page, for whoever builds it:
//	node tests/web/shot.mjs URL FILE.png [dark] [phone] [full]
// Says what the console and the Content-Security-Policy had to say.
import { DESKTOP, PHONE, launch } from "./browser.mjs";

const [url, file, ...how] = process.argv.slice(2);
const phone = how.includes("phone");
const browser = await launch();
const page = await browser.newPage({
	viewport: phone ? PHONE : DESKTOP, deviceScaleFactor: phone ? 2 : 1, hasTouch: phone, isMobile: phone,
	colorScheme: how.includes("dark") ? "dark" : "light", timezoneId: "Europe/Berlin",
});
page.on("console", (m) => console.log("console", m.type(), m.text()));
page.on("pageerror", (e) => console.log("error", e.message));
await page.goto(url);
await page.waitForTimeout(Number(process.env.WAIT ?? 1500));
await page.screenshot({ path: file, fullPage: how.includes("full") });
await browser.close();
