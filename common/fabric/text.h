/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FABRIC_TEXT_H
#define GW_FABRIC_TEXT_H
/*
 * Names and descriptions come from configurations and may hold any byte. For JSON they
 * are made valid UTF-8; for a terminal control characters are escaped.
 */
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* Bytes that are no UTF-8, and for a terminal control characters (C1 too), as \xNN.
 * malloc()ed; NULL: no memory. */
char *text_clean(const char *text, bool terminal);

/* Prints text, cleaned for a terminal, in a column of at least width. */
void text_put(FILE *to, int width, const char *text);

json_t *text_json(const char *text); /* NULL: no memory */

/* Nothing is set where text is NULL. */
void text_set(json_t *object, const char *key, const char *text);

#endif
