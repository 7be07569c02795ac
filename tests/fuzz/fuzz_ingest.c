/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the stream: any bytes become a row, a duplicate or a dead letter, and
 * never an error of the store. Each line of the input is one entry, all of them
 * one batch; so several events of a device meet in the rules for incidents. The
 * batch is rolled back, for the next input to find an empty store. Before that,
 * questions are asked of what it left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest.h"
#include "collector/query.h"
#include "collector/timeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct store *s, FILE *to)
{
	static const struct query questions[] = {
		{ .what = QUERY_EVENTS, .width = 100 },
		{ .what = QUERY_FLOWS, .format = OUTPUT_JSON },
		{ .what = QUERY_INCIDENTS, .width = 100 },
		{ .what = QUERY_SOURCES, .format = OUTPUT_CSV },
		{ .what = QUERY_AGENTS, .format = OUTPUT_JSON },
	};

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (query_run(s, &questions[i], to) < 0)
			abort();
	for (uint64_t id = 1; id <= 3; id++)
		if (timeline_print(s, id, OUTPUT_TABLE, 1, 100, true, to) < 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store *s;
	static FILE *nowhere;
	const char *at = (const char *)data, *end = at + size;
	struct ingest_counts counts = { 0 };
	uint64_t entries = 0;
	char id[32], err[256];

	if (!s) {
		s = store_open(":memory:", STORE_WRITE, err, sizeof(err));
		nowhere = fopen("/dev/null", "w");
	}
	if (!s || !nowhere || ingest_begin(s))
		abort();
	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line ? line : end) - at);
		struct ingest_entry e = { .id = id, .json = at, .len = len };

		snprintf(id, sizeof(id), "%llu-0", (unsigned long long)++entries);
		if (ingest_entry(s, &e, 1700000000000000000, &counts))
			abort();
		at += len + 1;
	}
	if (counts.stored + counts.duplicates + counts.dead != entries)
		abort();
	if (counts.stored)
		ask(s, nowhere);
	store_rollback(s);
	return 0;
}
