/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_SESSIONS_H
#define GW_COMMAND_SESSIONS_H
/* The commands `sessions` and `coverage`: the documents of view/view.h as tables. */
#include <stdbool.h>
#include <stdio.h>

#include "collector/command/query.h"
#include "collector/view/view.h"

struct sessions_config {
	struct query query; /* filter, format, width */
	const char *justified, *login, *user;
	uint64_t now_ns;
};

/* False with one line in err: a word that is none. */
bool sessions_check(const struct sessions_config *config, char *err, size_t size);

/* Return as query_run(): the number of rows, or below 0. */
long sessions_run(struct store *s, const struct sessions_config *config, FILE *to);

/* *uncovered: how many devices are not covered. */
long coverage_run(struct store *s, const struct view_args *a, const struct query *q,
		  uint64_t *uncovered, FILE *to);

#endif
