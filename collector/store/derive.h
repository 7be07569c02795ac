/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_DERIVE_H
#define GW_STORE_DERIVE_H
/*
 * What is in the record and not derived yet. Within a transaction of the writer; it moves
 * the cursor in the same one as it writes what it derived, so each place is derived once.
 */
#include "collector/record/block.h"
#include "collector/store/store.h"

#define STORE_BATCH_BLOCKS 64
#define STORE_BATCH_ROWS (STORE_BATCH_BLOCKS * BLOCK_ROWS)

/* Events that come next. Zero it before its first use. */
struct store_batch {
	uint64_t upto; /* the place up to which these, and what needs no deriving, go */
	unsigned n, n_blocks;
	struct store_batch_row {
		uint64_t place;
		const struct block_row *row;
	} rows[STORE_BATCH_ROWS];
	struct block blocks[STORE_BATCH_BLOCKS];
};

/* Places that are behind the record's end; 0 and more, or below. */
int store_lag(struct store *s, uint64_t *places);
int store_batch_next(struct store *s, struct store_batch *b); /* n 0: nothing is left */
void store_batch_clear(struct store_batch *b);
int store_twins_ask(struct store *s, const struct store_batch *b); /* before they are derived */
/* All is derived up to there; or up to the record's end, always 0. */
void store_derived_put(struct store *s, uint64_t place);
int store_derived_all(struct store *s);
/* An event of the record that cannot be derived: a dead letter tells of it. */
int store_not_derived(struct store *s, uint64_t place, uint64_t received_ns, const char *reason,
		  const void *data, size_t len);

#endif
