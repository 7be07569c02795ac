/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RULES_SILENCE_H
#define GW_RULES_SILENCE_H
/*
 * What is missing, and when that is worth an alert. Pure: what is known and the
 * time go in, a verdict comes out; ingest/notice.c carries it to the store.
 *
 *   agent-silent     an agent that runs has not been heard for three heartbeats.
 *                    Time in which we did not listen (Redis away, a backlog to be
 *                    read) does not count. Over when it is heard again, or stopped.
 *   events-lost      numbers of an agent are missing for a while (another consumer
 *                    may still hold them); or its own counters of what it dropped
 *                    have grown. Told once; growth at most once a minute.
 *   interface-down   an agent says that an interface of its is down. Over when it is
 *                    up, or no longer watched.
 *   target-unseen    no flow of a device's address was seen since it was first known,
 *                    for a long time. Over when all were.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

#define SILENCE_HEARTBEAT (10 * NS_PER_S) /* of an agent that does not say */
#define SILENCE_BEATS 3			  /* missing before it is silent */
#define SILENCE_GAP (60 * NS_PER_S)	  /* numbers are missing for so long */
#define SILENCE_GROWTH (60 * NS_PER_S)	  /* counters are told at most so often */

enum silence_change { SILENCE_NOTHING, SILENCE_RAISE, SILENCE_CLEAR };

struct silence_agent {
	uint64_t heard_ns;    /* its newest event was stored then */
	uint64_t interval_ns; /* between heartbeats; 0: it does not say */
	bool running;	      /* its newest event is not agent.stop */
	bool alarmed;	      /* agent-silent is raised, */
	uint64_t alarm_ns;    /* since then */
};

/* listening_ns: since when we hear everything as it comes; 0: we do not. */
enum silence_change silence_agent(const struct silence_agent *a, uint64_t now_ns,
				  uint64_t listening_ns);

bool silence_gap_due(uint64_t noticed_ns, uint64_t now_ns);

/* How long after `told` a growth of counters may be told. */
bool silence_growth_due(uint64_t told_ns, uint64_t now_ns);

/* Counters in the "stats" of agent.stats that say that something was lost: members
 * named "dropped...", "table_full", or inside of an object "dropped". Returns an object
 * {"capture.dropped_ring_full":12,...} of those that have grown since `before`
 * (NULL: since nothing), or NULL when none has. A counter that is smaller than it
 * was has begun anew. The caller owns it. */
json_t *silence_growth(const json_t *before, const json_t *now);

/* "heartbeat" of the stats: 0 when it does not say, or nothing sensible. */
uint64_t silence_interval(const json_t *stats);

#endif
