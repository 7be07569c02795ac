// SPDX-License-Identifier: Apache-2.0
// Light or dark: as the system says, until the reader chooses. Canvases read colours from
// `colour(name)` and draw again when `theme` changes.
import { computed, effect, signal } from "@preact/signals";

const KEY = "glasswatch.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const dark = signal(system.matches);
system.addEventListener("change", (e) => { dark.value = e.matches; });

const remembered = () => {
	try {
		return localStorage.getItem(KEY);
	} catch {
		return null;
	}
};
const chosen = signal(remembered());
export const theme = computed(() => chosen.value ?? (dark.value ? "dark" : "light"));

export function setTheme(name) {
	chosen.value = name;
	try {
		localStorage.setItem(KEY, name);
	} catch {
		// then it lasts until the page is loaded again
	}
}

effect(() => { document.documentElement.dataset.theme = theme.value; });

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

export const still = matchMedia("(prefers-reduced-motion: reduce)");
