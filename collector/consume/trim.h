/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONSUME_TRIM_H
#define GW_CONSUME_TRIM_H
/*
 * Removes from the stream what every group has acknowledged, and nothing else.
 *
 *	XINFO GROUPS          of each group: what it was handed last, how many it owes
 *	XPENDING              for each group that owes: the first that it owes
 *	XTRIM MINID           the smallest of them
 *
 * Groups may go on between these commands: they are only further then than what
 * was asked, so too little is trimmed, never too much. A group that is made in between
 * finds the stream as any group does that is made later.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/redis.h"

struct metrics;
struct redisReply;

/* The id of an entry, "ms-seq". */
struct trim_id {
	uint64_t ms, seq;
};

bool trim_id_parse(const char *text, struct trim_id *out);
int trim_id_compare(struct trim_id a, struct trim_id b);

/* What a round has learnt. Pure: for the tests. */
struct trim_round {
	struct trim_id keep; /* this entry and later ones */
	char holder[128];    /* the group that keeps it */
	unsigned groups, owing;
};

/* The answer to XINFO GROUPS. Calls owes() with each group that has pending
 * entries. False: it cannot be understood, trim nothing. */
bool trim_groups(struct trim_round *r, const struct redisReply *reply,
		 void (*owes)(void *arg, const char *group), void *arg);
/* The answer to XPENDING, of one of these groups. False: as above. */
bool trim_pending(struct trim_round *r, const struct redisReply *reply, const char *group);

struct consume_trim;

/* trim false: only looks how far the own group is, which is counted in m (or NULL).
 * Strings and m are borrowed. NULL: no memory. */
struct consume_trim *consume_trim_new(const char *stream, const char *own_group, bool trim,
				      struct metrics *m);
void consume_trim_free(struct consume_trim *t); /* accepts NULL; after redis_close() */

/* Begins a round, if none is under way. */
void consume_trim_start(struct consume_trim *t, struct redis *redis, uint64_t now_ns);

#endif
