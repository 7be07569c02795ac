/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_ROW_H
#define GW_VIEW_ROW_H
/* What the documents share: how they begin and end, their fields, their words. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "collector/store/list.h"
#include "collector/view/view.h"
#include "collector/words/words.h"

/* Begins one snapshot and the document: as_of, cursor. NULL with store_error(). */
json_t *view_begin(struct store *s, const struct view_args *a);
/* Ends it. doc, or NULL when rc is below 0; then doc is freed. */
json_t *view_end(struct store *s, json_t *doc, int rc);

/* The moment that is described. */
uint64_t view_moment(const struct view_args *a);
/* Rows of a page. */
uint64_t view_limit(const struct view_args *a);

/* ---- fields: what is absent is left out --------------------------------------- */

void row_text(json_t *o, const char *key, const char *text);
void row_time(json_t *o, const char *key, uint64_t ns);
void row_count(json_t *o, const char *key, uint64_t n);
void row_flag(json_t *o, const char *key, bool yes);
void row_seconds(json_t *o, const char *key, double s); /* below 0: absent; to the ms */
/* A list of at most `most`; the same text is not put in twice. */
void row_once(json_t *list, const char *text, size_t most);

/* ---- words -------------------------------------------------------------------- */

/* Text in the making; what does not fit is left out. Zero it first. */
struct say {
	char text[WORDS_LEN];
	size_t len;
};

void say(struct say *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text from the wire, cleaned. */
void say_clean(struct say *w, const char *text);
/* "a", "a and b", "a, b and 3 more". names: a list of texts. */
void say_names(struct say *w, const json_t *names, size_t most);
/* "12 s", "37 min", "2 h 5 min", "3 d 4 h". */
void say_lasting(struct say *w, double seconds);
/* "02:14 UTC"; "2026-11-20 02:14 UTC" when that is not the day of `now`. */
void say_clock(struct say *w, uint64_t ns, uint64_t now_ns);
/* "1 device", "3 devices". */
void say_number(struct say *w, uint64_t n, const char *one, const char *many);

/* What a flow was, in one sentence: "bob is on fab1-CP1-TOR2 over lo6." */
const char *view_flow_words(const struct store_list_flow *f, uint64_t now_ns, struct say *w);

/* ---- rows --------------------------------------------------------------------- */

json_t *view_flow_row(const struct store_list_flow *f, uint64_t now_ns);
json_t *view_event_row(const struct store_event *e);

enum event_severity view_severity(const char *text); /* NULL: info */
/* What of a's filters concerns a list. */
void view_list(const struct view_args *a, struct store_list *l);

#endif
