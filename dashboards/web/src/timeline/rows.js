// SPDX-License-Identifier: Apache-2.0
// Which lanes there are, in which order, and where: a row for each management switch (or Ma1
// subnet) and under it one for each device, by name, so that places stay learnt. Pure.
import { GROUP, LANE } from "./paint.js";

const order = new Intl.Collator("en", { numeric: true });
const byName = order.compare;

// devices  rows of the API's list
// keep(d)  whether it has a lane
// Returns { rows, lanes (rows without the groups), height }.
export function layout(devices, keep) {
	const groups = new Map(), rows = [], lanes = [];
	for (const d of devices) {
		const subnet = d.group?.subnet ?? "", key = subnet ? `${d.fabric ?? ""} ${subnet}` : "";
		let g = groups.get(key);
		if (!g) groups.set(key, (g = { key, subnet, switch: null, devices: [], members: [] }));
		g.switch ??= d.group?.switch ?? null;
		g.devices.push(d.name);
		if (keep(d)) g.members.push(d);
	}
	const sorted = [...groups.values()].filter((g) => g.members.length);
	for (const g of sorted) g.name = g.switch ?? (g.subnet ? `Ma1 ${g.subnet}` : "Ma1 not known");
	sorted.sort((a, b) => (b.key !== "") - (a.key !== "") || byName(a.name, b.name));
	let y = 0;
	for (const g of sorted) {
		rows.push({ group: g, key: `g ${g.key}`, y, h: GROUP });
		y += GROUP;
		for (const d of g.members.sort((a, b) => byName(a.name, b.name))) {
			const row = { device: d.name, key: d.name, role: d.role, lo6: Boolean(d.lo6?.v4 || d.lo6?.v6), y, h: LANE, lane: lanes.length, group: null, of: g };
			rows.push(row);
			lanes.push(row);
			y += LANE;
		}
	}
	return { rows, lanes, height: y };
}

// The row at a height, by bisection.
export function rowAt(rows, y) {
	let lo = 0, hi = rows.length;
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (rows[mid].y + rows[mid].h <= y) lo = mid + 1;
		else hi = mid;
	}
	return lo;
}
