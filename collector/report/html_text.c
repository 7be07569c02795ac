/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/report/html_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/words/text.h"

#define UNBROKEN 40 /* letters of a name that is kept on one line */

static void put_escaped(FILE *to, const char *p, size_t n)
{
	for (; n; n--, p++) {
		switch (*p) {
		case '&':
			fputs("&amp;", to);
			break;
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		case '\'':
			fputs("&#39;", to);
			break;
		default:
			putc(*p, to);
		}
	}
}

static void escaped(FILE *to, const char *text, size_t characters)
{
	char *shown = text_shown(text, characters);

	if (shown)
		put_escaped(to, shown, strlen(shown));
	free(shown);
}

void html_text(FILE *to, const char *text)
{
	escaped(to, text, TEXT_SHOWN);
}

void html_long(FILE *to, const char *text)
{
	escaped(to, text, 0);
}

void html_sentence(FILE *to, const char *text)
{
	char *shown = text_shown(text, 0);

	for (const char *p = shown; p && *p;) {
		size_t n = strcspn(p, " ");
		bool keep = n <= UNBROKEN && memchr(p, '-', n);

		if (keep)
			fputs("<span class=\"nw\">", to);
		put_escaped(to, p, n);
		if (keep)
			fputs("</span>", to);
		p += n;
		if (*p)
			putc(*p++, to);
	}
	free(shown);
}

void html_name(FILE *to, const char *text)
{
	fputs("<bdi>", to);
	escaped(to, text, TEXT_SHOWN);
	fputs("</bdi>", to);
}

void html_time(FILE *to, uint64_t ns, uint64_t base_ns)
{
	char full[32], shown[TEXT_SMALL];

	fprintf(to, "<time datetime=\"%s\">%s</time>", output_time(ns, true, full),
		text_clock(ns, base_ns, shown));
}
