/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as text and as bytes.
 *
 * inet_pton() is strict about IPv4 (four decimal parts, no octal), so reading is
 * left to it. Writing is not: inet_ntop() spells ::1:2 as ::0.1.0.2, which is
 * not RFC 5952 and would not compare equal to what other tools print.
 */
#include "common/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_mapped(const struct addr *a)
{
	return a->family == 6 && !memcmp(a->bytes, mapped, sizeof(mapped));
}

/* text[0..len) as it stands, without the changes that addr_parse() makes. */
static bool parse_plain(const char *text, size_t len, struct addr *out)
{
	struct addr a = { 0 };
	char buf[ADDR_STRLEN];

	if (!len || len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (memchr(buf, ':', len)) {
		if (inet_pton(AF_INET6, buf, a.bytes) != 1)
			return false;
		a.family = 6;
	} else {
		if (inet_pton(AF_INET, buf, a.bytes) != 1)
			return false;
		a.family = 4;
	}
	*out = a;
	return true;
}

bool addr_parse(const char *text, struct addr *out)
{
	const char *scope = strchr(text, '%');
	size_t len = scope ? (size_t)(scope - text) : strlen(text);
	struct addr a;

	if (!parse_plain(text, len, &a))
		return false;
	if (scope && (a.family != 6 || !scope[1]))
		return false;
	if (is_mapped(&a))
		a = addr_from_bytes(4, a.bytes + 12);
	*out = a;
	return true;
}

/* RFC 5952: lower case, no leading zeros, "::" for the longest run of at least
 * two zero groups (the first of equals); IPv4-mapped in mixed notation. */
static void format6(const uint8_t *b, char *buf)
{
	static const char digits[] = "0123456789abcdef";
	int best = -1, best_n = 1, run = 0, n = 0;

	for (int i = 0; i < 8; i++) {
		run = b[2 * i] || b[2 * i + 1] ? 0 : run + 1;
		if (run > best_n) {
			best_n = run;
			best = i - run + 1;
		}
	}
	for (int i = 0; i < 8; i++) {
		unsigned group = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
		int shift = group < 0x10 ? 0 : group < 0x100 ? 4 : group < 0x1000 ? 8 : 12;

		if (i == best) {
			buf[n++] = ':';
			buf[n++] = ':';
			i += best_n - 1;
			continue;
		}
		if (n && buf[n - 1] != ':')
			buf[n++] = ':';
		for (; shift >= 0; shift -= 4)
			buf[n++] = digits[group >> shift & 15];
	}
	buf[n] = '\0';
}

/* n below 256 in decimal; returns where it ends. */
static char *decimal(char *to, uint8_t n)
{
	if (n >= 100)
		*to++ = (char)('0' + n / 100);
	if (n >= 10)
		*to++ = (char)('0' + n / 10 % 10);
	*to++ = (char)('0' + n % 10);
	return to;
}

const char *addr_format(const struct addr *a, char *buf)
{
	const uint8_t *b = a->bytes;
	char *to = buf;

	if (a->family == 4) { /* without snprintf(): a fleet has a hundred thousand */
		for (int i = 0; i < 4; i++) {
			to = decimal(to, b[i]);
			*to++ = '.';
		}
		to[-1] = '\0';
	} else if (is_mapped(a))
		snprintf(buf, ADDR_STRLEN, "::ffff:%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	else if (a->family == 6)
		format6(b, buf);
	else
		buf[0] = '\0';
	return buf;
}

struct addr addr_from_bytes(uint8_t family, const uint8_t *bytes)
{
	struct addr a = { .family = family };

	memcpy(a.bytes, bytes, family == 4 ? 4 : 16);
	return a;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

uint8_t addr_bits(const struct addr *a)
{
	return a->family == 4 ? 32 : 128;
}

bool prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/'), *p;
	struct prefix prefix;
	unsigned len = 0;

	/* No IPv4-mapped rewriting: in a prefix it would change the length. */
	if (!slash || !parse_plain(text, (size_t)(slash - text), &prefix.addr))
		return false;
	p = slash + 1;
	if (!*p || (*p == '0' && p[1]))
		return false;
	for (; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		len = len * 10 + (unsigned)(*p - '0');
		if (len > addr_bits(&prefix.addr))
			return false;
	}
	prefix.len = (uint8_t)len;
	*out = prefix;
	return true;
}

const char *prefix_format(const struct prefix *p, char *buf)
{
	size_t n;

	addr_format(&p->addr, buf);
	n = strlen(buf);
	buf[n] = '/';
	*decimal(buf + n + 1, p->len) = '\0';
	return buf;
}

struct prefix prefix_mask(const struct prefix *p)
{
	struct prefix m = *p;
	unsigned whole = p->len / 8;

	for (unsigned i = whole; i < sizeof(m.addr.bytes); i++)
		m.addr.bytes[i] = 0;
	if (p->len % 8)
		m.addr.bytes[whole] = p->addr.bytes[whole] & (uint8_t)(0xff << (8 - p->len % 8));
	return m;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	unsigned whole = p->len / 8;
	uint8_t mask;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole))
		return false;
	if (p->len % 8 == 0)
		return true;
	mask = (uint8_t)(0xff << (8 - p->len % 8));
	return ((p->addr.bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}
