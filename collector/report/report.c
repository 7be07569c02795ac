/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/report/report.h"

#include <stdlib.h>
#include <string.h>

enum report_format report_format_parse(const char *text)
{
	static const char *const names[REPORT_NUM] = { "md", "html", "json" };
	int i = 0;

	while (i < REPORT_NUM && strcmp(text, names[i]) != 0)
		i++;
	return (enum report_format)i;
}

int report_write(const json_t *doc, enum report_format format, FILE *to)
{
	char *text;

	switch (format) {
	case REPORT_MD:
		report_md(doc, to);
		break;
	case REPORT_HTML:
		report_html(doc, to);
		break;
	default:
		text = json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		if (!text)
			return -1;
		fprintf(to, "%s\n", text);
		free(text);
	}
	return fflush(to) || ferror(to) ? -1 : 0;
}
