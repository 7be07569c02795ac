/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REPORT_REPORT_H
#define GW_REPORT_REPORT_H
/*
 * The post-incident review: an incident's document (view/incident.h) as Markdown, as
 * HTML that stands by itself, or as it is. The same document gives the same bytes;
 * the time of writing is in it.
 *
 * The renderers take any document: what is absent or odd is left out, and strings are
 * made harmless for the format they go into.
 */
#include <stdio.h>
#include <jansson.h>

enum report_format { REPORT_MD, REPORT_HTML, REPORT_JSON, REPORT_NUM };

/* "md", "html", "json"; REPORT_NUM: none of them. */
enum report_format report_format_parse(const char *text);

/* 0, or -1 when writing failed. */
int report_write(const json_t *doc, enum report_format format, FILE *to);

void report_md(const json_t *doc, FILE *to);
void report_html(const json_t *doc, FILE *to);

#endif
