/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_WORDS_TEXT_H
#define GW_WORDS_TEXT_H
/*
 * Small pieces that the words, and the renderers, of an incident's document share:
 * reading a member that may not be there, times and durations for reading, and text
 * from the wire made harmless.
 *
 * The reading functions accept any JSON value, also NULL: what is absent or of
 * another type is "", 0, or false.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

const char *doc_text(const json_t *object, const char *key);
uint64_t doc_count(const json_t *object, const char *key); /* integers from 0 on */
bool doc_number(const json_t *object, const char *key, double *out);
bool doc_flag(const json_t *object, const char *key);
/* RFC 3339, as nanoseconds since the epoch. */
bool doc_time(const json_t *object, const char *key, uint64_t *ns);
bool doc_is(const json_t *object, const char *key, const char *word);
json_t *doc_list(const json_t *object, const char *key); /* borrowed; NULL: none */

#define TEXT_SMALL 48

/* "0.4 s", "47 s", "37 min 41 s", "2 h 05 min", "3 d 4 h". */
const char *text_duration(double seconds, char buf[TEXT_SMALL]);

/* "02:14:07", and with the day before it when that is not `base_ns`'s day. UTC. */
const char *text_clock(uint64_t ns, uint64_t base_ns, char buf[TEXT_SMALL]);
/* "02:14" */
const char *text_minute(uint64_t ns, char buf[TEXT_SMALL]);
/* "23 November 2026" */
const char *text_day(uint64_t ns, char buf[TEXT_SMALL]);

/* "none", "one" ... "twelve", "1,204". */
const char *text_number(uint64_t n, char buf[TEXT_SMALL]);
/* "1,204,118" */
const char *text_digits(uint64_t n, char buf[TEXT_SMALL]);
/* "one device", "14 devices": the number and its noun, "s" added. */
const char *text_many(uint64_t n, const char *noun, char buf[TEXT_SMALL]);

/* A string of the document as it may be shown: control characters and those that
 * turn the direction of writing as \xNN; at most so many characters, 0: all. The
 * caller frees; NULL when memory ran out. */
#define TEXT_SHOWN 256
char *text_shown(const char *text, size_t characters);

/* "Ma1 lost", "on neither path", ... for a path state. */
const char *text_state(const char *state);
/* "ToR" for tor, "CE" for ce. */
const char *text_role(const char *role);

#endif
