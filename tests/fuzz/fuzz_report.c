/* SPDX-License-Identifier: Apache-2.0 */
/* The report: any JSON document becomes words, Markdown, and HTML that is well-formed, holds
 * nothing that a browser would run or fetch, and no control character. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/report/report.h"
#include "collector/words/incident.h"
#include "tests/unit/html_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *render(const json_t *doc, enum report_format format)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to || report_write(doc, format, to))
		abort();
	fclose(to);
	return text;
}

static void check(const json_t *doc)
{
	char *html = render(doc, REPORT_HTML), *md = render(doc, REPORT_MD);
	struct html_check c;

	if (!html_check(&c, html)) {
		fprintf(stderr, "%s\n", c.why);
		abort();
	}
	for (const char *p = md; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\n') || *p == 0x7f)
			abort();
	free(html);
	free(md);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = json_loadb((const char *)data, size, 0, NULL);

	if (json_is_object(doc)) {
		check(doc); /* as it is: also words that nobody of us has made */
		if (incident_words(doc))
			abort();
		check(doc);
	}
	json_decref(doc);
	return 0;
}
