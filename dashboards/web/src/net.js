// SPDX-License-Identifier: Apache-2.0
// Addresses and prefixes, as text from the collector or a reader: enough to say whether a
// prefix contains an address, as the collector's own filter does.

function four(text) {
	const parts = text.split(".");
	if (parts.length !== 4 || !parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) < 256)) return null;
	return parts.reduce((n, p) => (n << 8n) | BigInt(p), 0n);
}

function six(text) {
	const halves = text.split("::");
	if (halves.length > 2) return null;
	const words = (half) => {
		const out = [];
		const parts = half ? half.split(":") : [];
		for (const [i, p] of parts.entries()) {
			if (i === parts.length - 1 && p.includes(".")) {
				const v4 = four(p);
				if (v4 === null) return null;
				out.push(v4 >> 16n, v4 & 0xffffn);
			} else if (/^[0-9a-f]{1,4}$/i.test(p)) out.push(BigInt("0x" + p));
			else return null;
		}
		return out;
	};
	const a = words(halves[0]), b = halves.length === 2 ? words(halves[1]) : [];
	if (!a || !b) return null;
	const gap = 8 - a.length - b.length;
	if (halves.length === 1 ? gap !== 0 : gap < 1) return null;
	return [...a, ...Array(gap).fill(0n), ...b].reduce((n, w) => (n << 16n) | w, 0n);
}

// { bits: 32 or 128, value } or null
export function address(text) {
	const t = String(text ?? "").trim(), v4 = t.includes(":") ? null : four(t);
	if (v4 !== null) return { bits: 32, value: v4 };
	const v6 = t.includes(":") ? six(t) : null;
	return v6 === null ? null : { bits: 128, value: v6 };
}

// An address or a prefix: { bits, value, len } or null
export function prefix(text) {
	const [a, len, more] = String(text ?? "").trim().split("/");
	const found = more === undefined ? address(a) : null;
	if (!found) return null;
	if (len === undefined) return { ...found, len: found.bits };
	return /^\d{1,3}$/.test(len) && Number(len) <= found.bits ? { ...found, len: Number(len) } : null;
}

export function contains(p, a) {
	if (!p || !a || p.bits !== a.bits) return false;
	const shift = BigInt(p.bits - p.len);
	return p.value >> shift === a.value >> shift;
}
