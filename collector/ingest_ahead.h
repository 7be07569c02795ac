/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_AHEAD_H
#define GW_INGEST_AHEAD_H
/*
 * Entries are handed out in their order; in a large batch threads read the next ones
 * while the caller stores the one before. What is read is the same either way.
 *
 *	ahead_begin()  ahead_next()...  ahead_end()
 */
#include <stddef.h>

#include "collector/ingest.h"
#include "common/event.h"
#include "common/json_tree.h"

struct ahead;
struct metrics;

struct ahead_item {
	const struct ingest_entry *entry;
	struct event event; /* cleared by the next call */
	struct json_tree room; /* what the event's strings stand in */
	const char *why;    /* not NULL: it is no event that can be stored */
	bool failed;	    /* there was no memory for it */
	bool hashed;
	struct chain_hash digest; /* of its row, where hashed */
	char err[256];
};

/* entries, borrowed, live until ahead_end(). derive: what follows from the events is wanted,
 * and so is the whole document of some. stored_ns: they are recorded at that time, and the
 * threads make their digests; 0: they are recorded already. m: counts the time; may be NULL.
 * NULL: no memory. */
struct ahead *ahead_begin(const struct ingest_entry *entries, size_t n, bool derive,
			  uint64_t stored_ns, struct metrics *m);
/* The next item, valid until the next call; NULL after the last. */
struct ahead_item *ahead_next(struct ahead *a);
void ahead_end(struct ahead *a); /* accepts NULL; the rest is not read */

#endif
