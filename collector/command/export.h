/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_EXPORT_H
#define GW_COMMAND_EXPORT_H
/* The commands `export` and `verify --pack`: an evidence pack is made, and checked. */
#include <stdbool.h>
#include <stdio.h>

#include "collector/base/output.h"
#include "collector/command/verify.h"
#include "collector/store/store.h"

struct export_config {
	uint64_t incident;	     /* 0: a span */
	uint64_t since_ns, until_ns; /* 0: open end */
	uint64_t now_ns;
};

struct export_facts {
	uint64_t rows, places, anchors; /* anchors 0: none covers its end yet */
	bool good;			/* every row was as it was stored */
	uint64_t bad_place;
};

/* 1: written, *facts tells of it; 0: there is nothing to export. Below 0: STORE_* with
 * store_error(), or QUERY_WRITE_FAILED. */
int export_run(struct store *s, const struct export_config *config, FILE *to,
	       struct export_facts *facts);

/* 0 good, 1 not; QUERY_WRITE_FAILED; or -1 with one line in err: it cannot be read.
 * anchors: kept elsewhere, may be NULL. */
int export_verify(FILE *from, const char *name, const struct verify_anchors *anchors,
		  enum output_format format, FILE *to, char *err, size_t size);

#endif
