/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INGEST_RETAIN_H
#define GW_INGEST_RETAIN_H
/* Removing what is older, or more, than is wanted; store/retain.h says how. */
#include <stdint.h>

#include "collector/store/store.h"

struct retain {
	uint64_t age_ns, size; /* 0: no limit */
	/* its own: */
	uint64_t looked_ns;
	uint64_t tick_ns, even_ns; /* the newest tick; since when the clock has gone on evenly */
	bool sweeping;
	bool crowded; /* something else than the record takes the room: said */
};

/* Within a transaction of the collector that leads, now and then: seals what is due and
 * removes some rows of what is sealed. 1: a segment was sealed, an anchor is due now; 0;
 * or below. */
int retain_tick(struct store *s, struct retain *r, uint64_t now_ns);

#endif
