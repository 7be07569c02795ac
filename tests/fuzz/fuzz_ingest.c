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

#include "collector/command/query.h"
#include "collector/command/timeline.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/notice.h"
#include "collector/store/chain_check.h"
#include "common/clock.h"

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

/* Whatever was stored is in the chain; numbers may be missing. */
static int take_place(void *arg, const struct store_place *p)
{
	chain_check_place(arg, p);
	return 0;
}

static void check(struct store *s)
{
	struct chain_check *c = chain_check_new(store_id(s));

	if (!c || store_chain(s, take_place, c))
		abort();
	chain_check_finish_places(c);
	if (chain_check_totals(c)->findings || !chain_check_totals(c)->places)
		abort();
	chain_check_free(c);
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
		if (s)
			store_set_name(s, "glasswatch-fuzz");
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
	/* Two hours later, with whatever came as the newest heartbeat. */
	if (notice_tick(s, 1700000000000000000 + 7200 * NS_PER_S, 1, 3600 * NS_PER_S))
		abort();
	if (counts.stored) {
		ask(s, nowhere);
		check(s);
	}
	store_rollback(s);
	return 0;
}
