/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REPORT_HTML_TEXT_H
#define GW_REPORT_HTML_TEXT_H
/*
 * Text into HTML: the only way by which a string of the document gets there. Control
 * characters are shown as \xNN, the five special ones as entities, so that the text
 * may stand between tags and in a quoted attribute.
 */
#include <stdint.h>
#include <stdio.h>

void html_text(FILE *to, const char *text); /* at most TEXT_SHOWN characters */
void html_long(FILE *to, const char *text); /* all of it: a sentence of ours */
/* The same; names with a hyphen in them are not broken there. */
void html_sentence(FILE *to, const char *text);
/* As html_text() in <bdi>: a name's direction of writing stays its own. */
void html_name(FILE *to, const char *text);
/* <time datetime="...Z">02:14:07</time> */
void html_time(FILE *to, uint64_t ns, uint64_t base_ns);

#endif
