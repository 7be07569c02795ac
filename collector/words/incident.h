/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_WORDS_INCIDENT_H
#define GW_WORDS_INCIDENT_H
/*
 * The words of one incident's document (view/incident.h specifies it): its title,
 * three short paragraphs and seven figures, made of the facts that the document
 * holds. Pure. Page, API and report say the same because they all take these.
 *
 * A claim is as strong as its evidence: a switch is suspected, a login inferred, and
 * what nobody saw is not known.
 */
#include <jansson.h>

/* Sets "title", "words" and "figures". Returns 0, or -1 when memory ran out. */
int incident_words(json_t *doc);

#endif
