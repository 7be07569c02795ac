/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/report_html_text.h"

#include <stdlib.h>

#include "collector/output.h"
#include "collector/report_text.h"

static void escaped(FILE *to, const char *text, size_t characters)
{
	char *shown = text_shown(text, characters);

	for (const char *p = shown ? shown : ""; *p; p++) {
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
