/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_AHEAD_H
#define GW_INGEST_AHEAD_H
/*
 * Entries are handed out in their order; threads read the next ones, and those of the
 * batch that comes next, while the caller stores. What is read is the same without them.
 *
 *	readers_new()   ahead_begin()  ahead_next()...  ahead_end()   readers_free()
 *
 * All of it is called from one thread. Several batches may be under way.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store/store.h"
#include "common/event.h"

#define INGEST_MAX_JSON (1024 * 1024) /* a longer document is a dead letter */

struct ahead;
struct metrics;
struct readers;

/* An entry of the stream, borrowed. json NULL: it has no such field, then raw is
 * what it has. */
struct ingest_entry {
	const char *id; /* the stream's */
	const char *json;
	size_t len;
	const char *raw;
	size_t raw_len;
	bool lost; /* it was handed out before and is no longer in the stream */
};

struct ahead_item {
	const struct ingest_entry *entry;
	struct event event; /* cleared by the next call */
	const char *why;    /* not NULL: it is no event that can be stored */
	bool failed;	    /* there was no memory for it */
	bool hashed;
	struct chain_hash digest; /* of its row, where hashed */
	char err[256];
	char *text; /* what the event's strings stand in */
	size_t text_size;
};

/* The threads; they wait until there is a batch that is worth it. NULL: no memory. Fewer
 * threads, or none, are no error: then the caller reads. m: counts the time; may be NULL. */
struct readers *readers_new(struct metrics *m);
void readers_free(struct readers *r); /* accepts NULL; after the last ahead_end() */

/* entries, borrowed, live until ahead_end(). derive: what follows from the events is wanted,
 * and so is the whole document of some. stored_ns: they are recorded at that time, and
 * digests are made of them; 0: they are recorded already. NULL: no memory. */
struct ahead *ahead_begin(struct readers *r, const struct ingest_entry *entries, size_t n,
			  bool derive, uint64_t stored_ns);
/* The next item, valid until the next call; NULL after the last. */
struct ahead_item *ahead_next(struct ahead *a);
void ahead_again(struct ahead *a); /* from the first one */
void ahead_end(struct ahead *a);   /* accepts NULL; the rest is not read */

uint64_t ahead_stored(const struct ahead *a);

#endif
