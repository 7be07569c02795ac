// SPDX-License-Identifier: Apache-2.0
// Debian's chromium, as the tests and the screenshots drive it.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

export const executable = process.env.CHROMIUM || ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

export const launch = () =>
	chromium.launch({
		executablePath: executable,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--font-render-hinting=none"],
	});

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };
