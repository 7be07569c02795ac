/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONSUME_CONSUME_H
#define GW_CONSUME_CONSUME_H
/*
 * The way in: entries of a Redis Stream, read as one consumer of a group, handed
 * to ingest batch by batch, acknowledged when the store has committed them.
 *
 * The order of things on a connection:
 *
 *	GROUP    make the group, and the stream, where they are missing
 *	PENDING  what was handed to this consumer before and never acknowledged
 *	CLAIM    what dead consumers of the group left behind
 *	READ     what is new; from time to time CLAIM again
 *
 * A batch that the store cannot take is forgotten here: its entries stay pending
 * in Redis, and after a pause PENDING reads them again. A lost connection begins at
 * GROUP. What is read twice is dropped by its id in the store. So nothing is held
 * in memory that is not safe elsewhere.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/redis.h"

struct consume;
struct event_base;
struct metrics;
struct store;

struct consume_config {
	struct redis_url url; /* borrowed */
	const char *stream, *group, *consumer;
	const char *anchors;	      /* file for anchors of the chain; NULL: none */
	unsigned batch;		      /* entries read at once */
	uint64_t retain_age_ns;	      /* what is older is removed; 0: nothing is */
	uint64_t retain_size;	      /* so is what is more, in bytes */
	bool trim;		      /* remove from the stream what all groups acknowledged */
	uint64_t unseen_ns;	      /* a target without a flow for so long is missed */
	uint64_t claim_idle_ns;	      /* another consumer's entry is left behind after this */
	uint64_t (*now_real)(void);   /* the clock; main.c owns it */
	void (*committed)(void *arg); /* after each commit; must not wait; NULL: nobody */
	void *committed_arg;
	struct metrics *metrics;      /* borrowed; NULL: nothing is counted */
};

struct consume_totals {
	uint64_t stored, duplicates, dead;
};

/* Begins to connect. stopped() is called from the loop, once, when nothing is left
 * to do: after consume_stop(), or when the store is broken (status 2). NULL with one
 * line in err. */
struct consume *consume_open(struct event_base *base, const struct consume_config *config,
			     struct store *store, void (*stopped)(void *arg, int status), void *arg,
			     char *err, size_t size);

/* Whether this collector leads those that share the store (store_leads()). Any thread. */
bool consume_leads(const struct consume *c);

/* Reads no more; waits, shortly, for Redis to confirm what was acknowledged. */
void consume_stop(struct consume *c);
void consume_close(struct consume *c, struct consume_totals *totals); /* accepts NULL */

#endif
