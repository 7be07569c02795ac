/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/store/source.h"
#include "tests/unit/sources_agree.h"

int sources_line(void *arg, const struct store_source *row)
{
	char *out = arg;
	size_t len = strlen(out);

	snprintf(out + len, SOURCES_LINES - len,
		 "%s %" PRIu64 "-%" PRIu64 " %" PRIu64 "/%" PRIu64 " %" PRIu64 " %" PRIu64
		 " %s %s %s\n",
		 row->source, row->first_ns, row->last_ns, row->flows, row->established,
		 row->devices, row->untrusted, row->verdict ? row->verdict : "-",
		 row->paths ? row->paths : "-", row->users ? row->users : "-");
	return 0;
}

bool sources_agree(struct store *s, const struct store_filter *f)
{
	char summed[SOURCES_LINES] = "", counted[SOURCES_LINES] = "";

	assert_int_equal(store_sources(s, f, sources_line, summed), 0);
	assert_int_equal(store_sources_counted(s, f, sources_line, counted), 0);
	if (strcmp(summed, counted) != 0)
		print_message("since %" PRIu64 " until %" PRIu64
			      " path %s service %s verdict %s limit %" PRIu64 "\n",
			      f->since_ns, f->until_ns, f->path, f->service, f->verdict, f->limit);
	assert_string_equal(summed, counted);
	return *summed;
}
