/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fabric/statement.h"

#include <string.h>

/* The parser has found the first words already. */
static void split(const struct eos_node *node, struct statement *s)
{
	size_t n = node->n_words < EOS_WORDS ? node->n_words : EOS_WORDS;
	const char *rest;

	if (n == 0) {
		s->n = eos_split(node->text, s->w, STATEMENT_WORDS);
		return;
	}
	for (size_t i = 0; i < n; i++)
		s->w[i] = (struct eos_word){ node->text + node->words[i].at, node->words[i].len };
	rest = s->w[n - 1].at + s->w[n - 1].len;
	s->n = node->n_words;
	if (s->n > n) {
		eos_split(rest, s->w + n, STATEMENT_WORDS - n);
		return;
	}
	for (size_t i = n; i < STATEMENT_WORDS; i++)
		s->w[i] = (struct eos_word){ "", 0 };
}

struct statement statement_of(const struct eos_node *node)
{
	struct statement s; /* 300 bytes, for every line: each is written once */

	s.node = node;
	split(node, &s);
	s.no = s.n && (eos_is(s.w[0], "no") || eos_is(s.w[0], "default"));
	if (s.no) {
		memmove(s.w, s.w + 1, sizeof(s.w) - sizeof(s.w[0]));
		s.w[STATEMENT_WORDS - 1] = (struct eos_word){ "", 0 };
		s.n--;
	}
	return s;
}

bool word_equals(struct eos_word w, const char *name)
{
	return strlen(name) == w.len && memcmp(w.at, name, w.len) == 0;
}

/* Decimal, nothing else. */
bool word_number(struct eos_word w, uint32_t most, uint32_t *out)
{
	uint64_t v = 0;

	if (!w.len || w.len > 10)
		return false;
	for (size_t i = 0; i < w.len; i++) {
		if (w.at[i] < '0' || w.at[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(w.at[i] - '0');
	}
	if (v > most)
		return false;
	*out = (uint32_t)v;
	return true;
}

bool word_addr(struct eos_word w, struct addr *out)
{
	char text[ADDR_STRLEN + 32]; /* with room for %Port-Channel1.501 */

	if (w.len >= sizeof(text))
		return false;
	memcpy(text, w.at, w.len);
	text[w.len] = '\0';
	return addr_parse(text, out);
}

/* "255.255.255.0" -> 24; false when the ones are not in front. */
static bool word_mask(struct eos_word w, uint8_t *len)
{
	struct addr a;
	uint32_t m;
	uint8_t n = 0;

	if (!word_addr(w, &a) || a.family != 4)
		return false;
	m = (uint32_t)a.bytes[0] << 24 | (uint32_t)a.bytes[1] << 16 | (uint32_t)a.bytes[2] << 8 |
	    a.bytes[3];
	for (; m & 0x80000000u; m <<= 1)
		n++;
	*len = n;
	return m == 0;
}

/* "a/len", or for IPv4 "a mask" in two words. Returns the words used, 0: none. */
size_t words_prefix(const struct eos_word *w, uint8_t family, struct prefix *out)
{
	char text[PREFIX_STRLEN];

	if (w[0].len >= sizeof(text))
		return 0;
	memcpy(text, w[0].at, w[0].len);
	text[w[0].len] = '\0';
	if (prefix_parse(text, out))
		return out->addr.family == family ? 1 : 0;
	if (family == 4 && addr_parse(text, &out->addr) && out->addr.family == 4 &&
	    word_mask(w[1], &out->len))
		return 2;
	return 0;
}

/* "65000" or asdot "65101.0001". */
bool word_asn(struct eos_word w, uint32_t *out)
{
	const char *dot = memchr(w.at, '.', w.len);
	uint32_t high, low;

	if (!dot)
		return word_number(w, UINT32_MAX, out) && *out != 0;
	if (!word_number((struct eos_word){ w.at, (size_t)(dot - w.at) }, 0xffff, &high) ||
	    !word_number((struct eos_word){ dot + 1, w.len - (size_t)(dot + 1 - w.at) }, 0xffff,
			 &low))
		return false;
	*out = high << 16 | low;
	return *out != 0;
}
