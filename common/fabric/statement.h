/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STATEMENT_H
#define GW_STATEMENT_H
/*
 * A line of an EOS configuration as words, and the words as values. Pure; what a
 * line means is its reader's business (device.c, agent/check/model.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/fabric/eos.h"

#define STATEMENT_WORDS 16 /* the longest statement read has 12 */

/* A line's node and its words without a leading `no` or `default`. */
struct statement {
	const struct eos_node *node;
	struct eos_word w[STATEMENT_WORDS]; /* those beyond n are empty */
	size_t n;			    /* may be more than STATEMENT_WORDS */
	bool no;
};

struct statement statement_of(const struct eos_node *node);

/* Names are told apart by case, keywords (eos_is()) are not. */
bool word_equals(struct eos_word w, const char *name);

/* Each returns false and leaves *out alone where the word is no such value. */
bool word_number(struct eos_word w, uint32_t most, uint32_t *out); /* decimal */
bool word_asn(struct eos_word w, uint32_t *out); /* "65000" or asdot "65101.0001"; never 0 */
bool word_addr(struct eos_word w, struct addr *out);

/* "a/len", or for IPv4 "a mask" in two words; host bits are kept. Returns the words
 * used, 0: none of that family. */
size_t words_prefix(const struct eos_word *w, uint8_t family, struct prefix *out);

#endif
