/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_EOS_H
#define GW_EOS_H
/*
 * One EOS running-config -> a tree of sections and lines with line numbers.
 * The tree says what stands where; what it means is the reader's business
 * (device.c, and the readiness rules).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define EOS_MAX_LINES 1000000 /* more is no running-config */
#define EOS_MAX_LINE 65535    /* a longer line is passed over and noted */
#define EOS_WORDS 5	      /* of a line that are found while it is parsed */
#define EOS_MAX_DEPTH 16      /* EOS itself nests 5 deep; deeper lines join level 16 */
#define EOS_MAX_NOTES 32

struct eos_node {
	const char *text; /* without blanks around it; "" for the root */
	int line;	  /* from 1; 0 for the root */
	bool code;	  /* a line of RCF text under `code unit`: not a command */
	uint16_t n_words; /* of the line, where they were looked for (code: 0) */
	struct {
		uint16_t at, len; /* in text */
	} words[EOS_WORDS];	  /* the first ones */
	struct eos_node *parent, *child, *next, *last;
};

/* Something about the file that a reader of it must be told. */
struct eos_note {
	int line;
	const char *text;
};

struct eos; /* owns the nodes and their text */

/* Never fails on content, whatever the bytes are. NULL: no memory. */
struct eos *eos_parse(const char *text, size_t len);
void eos_free(struct eos *e); /* accepts NULL */

const struct eos_node *eos_root(const struct eos *e);
/* NAME of "! device: NAME (...)", the fallback where hostname is missing, or NULL. */
const char *eos_device_comment(const struct eos *e);
/* True when there is no `end` and the last line is not ended: perhaps a copy that
 * was cut. */
bool eos_is_cut(const struct eos *e);
const struct eos_note *eos_notes(const struct eos *e, size_t *n);

/* A word of a line, not NUL-terminated. */
struct eos_word {
	const char *at;
	size_t len;
};

/* Splits at blanks into at most max words; the others are empty words. Returns
 * how many the line has, which may be more than max. */
size_t eos_split(const char *text, struct eos_word *words, size_t max);

/* Without case. Here, because some fifty are asked of every line: most differ in the
 * length, which the compiler knows of a literal, or in the first letter. */
static inline bool eos_is(struct eos_word w, const char *keyword)
{
	return w.len == strlen(keyword) && (w.len == 0 || (w.at[0] | 0x20) == (*keyword | 0x20)) &&
	       strncasecmp(w.at, keyword, w.len) == 0;
}

const char *eos_after(const char *text, size_t n); /* what follows the first n words */

#endif
