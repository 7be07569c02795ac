/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_QUERY_H
#define GW_COMMAND_QUERY_H
/*
 * The read commands: what was asked, as text, into a filter; rows of the store
 * into a table, JSON or CSV.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "collector/base/output.h"
#include "collector/store/incident.h"
#include "collector/store/store.h"

enum query_what {
	QUERY_EVENTS,
	QUERY_FLOWS,
	QUERY_INCIDENTS,
	QUERY_SOURCES,
	QUERY_AGENTS,
	QUERY_DEAD_LETTERS,
	QUERY_NUM
};

#define QUERY_TABLE_LIMIT 200 /* rows of a table when no limit is asked */

/* As the user wrote them; NULL: not given. */
struct query_args {
	const char *since, *until, *device, *source, *path, *service, *verdict, *type, *limit;
	const char *format; /* NULL: table */
};

struct query {
	enum query_what what;
	enum output_format format;
	struct store_filter filter;
	bool cut;	/* the limit is ours, not the user's */
	bool limited;	/* the limit is the user's */
	uint64_t now_ns;
	unsigned width; /* of the terminal; 0: not one */
};

const char *query_name(enum query_what what); /* the command's */

/* False with one line in err, which names the option and the words it takes. The
 * strings of args must outlive the query. */
bool query_parse(enum query_what what, const struct query_args *args, uint64_t now_real_ns,
		 struct query *out, char *err, size_t size);

/* The first option given that chooses rows, without its "--": of one row there is nothing
 * to choose. NULL: none is. */
const char *query_given(const struct query_args *args);

/* Prints the answer. The number of rows, or below 0: STORE_* with store_error(),
 * or QUERY_WRITE_FAILED. */
#define QUERY_WRITE_FAILED (-10)
long query_run(struct store *s, const struct query *q, FILE *to);

/* An incident as `incidents --format json` shows it; the caller owns it. */
json_t *query_incident(const struct store_incident *i);

/* Prints events newer than row *after, one line each (JSON: one document each), of these
 * the newest `limit` (0: all), and moves *after. Returns as query_run(). */
long query_follow(struct store *s, const struct query *q, uint64_t limit, FILE *to,
		  uint64_t *after);

/* What stands before the first row that is followed: CSV's header. */
void query_header(const struct query *q, FILE *to);

/* The newest row's number, from which to follow. */
int query_newest(struct store *s, uint64_t *n);

#endif
