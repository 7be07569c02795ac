/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_VERIFY_H
#define GW_COMMAND_VERIFY_H
/*
 * The command `verify`: is the stored record as it was stored, is anything missing?
 * What is found is judged by store/chain_check.h; here the store is walked and the answer
 * printed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "collector/base/output.h"
#include "collector/record/chain.h"
#include "collector/store/store.h"

/* Anchors kept outside of the store, of whatever store, in any order; grows. */
struct verify_anchors {
	struct chain_anchor *list;
	size_t n, room;
	/* Lines of a file that are no anchors. */
	size_t bad, pieces;	/* pieces: of them, those that begin as anchors do */
	size_t first_bad;	/* number of the line, from 1; 0: there is none */
	size_t before_last_bad; /* so many of the list stand before the last of them */
	char why[200];		/* what is wrong with the first one */
	bool cut;		/* the last line has no end */
};

bool verify_anchors_add(struct verify_anchors *a, const struct chain_anchor *anchor);
void verify_anchors_free(struct verify_anchors *a);

/* Reads a file of one anchor per line, as `run --anchors` writes it. A line that is none, as
 * a full disk or somebody's hand leaves it, is counted and passed over; what to make of it
 * is the caller's. False, with one line in err: it cannot be read. */
bool verify_anchors_read(struct verify_anchors *a, FILE *from, const char *name, char *err,
			 size_t size);

struct verify_config {
	enum output_format format;	/* table: text */
	struct verify_anchors *anchors; /* NULL: none were asked for; is sorted */
	const char *anchors_name;	/* where they are from */
	/* Called now and then, with the number of places so far; NULL: not. */
	void (*progress)(uint64_t done, uint64_t of);
	struct verify_outcome *outcome; /* filled when it could be checked; NULL: not asked */
};

struct verify_outcome {
	uint64_t places, findings;
	uint64_t covers;     /* places that an anchor from elsewhere agrees with; 0: none */
	char first_bad[300]; /* what was found first, as the answer has it; else empty */
};

/* 0 the record is good, 1 it is not; below 0: STORE_* with store_error(), or
 * QUERY_WRITE_FAILED. */
int verify_run(struct store *s, const struct verify_config *config, FILE *to);

#endif
