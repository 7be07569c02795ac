/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_CHAIN_CHECK_H
#define GW_STORE_CHAIN_CHECK_H
/*
 * What is wrong with a stored record. Pure: places, anchors and holes in, findings
 * out; record/chain.h says what a place is.
 *
 * Order of calls: new; seal() for each in order; place() for each in order;
 * finish_places(); stray(), told(), hole(), anchor() in any number, those that have
 * numbers in their order; finish(); then the findings, in the order of their places;
 * free.
 *
 * How a broken link is understood. Between two of them lies a run of places that
 * follow each other. A run whose first place follows the end of another run, by its
 * hashes, stood there once: so rows that were moved, swapped or put in are told
 * from rows that are gone.
 *
 * Places that retention removed are sealed (retain.h). The first place that is
 * there must follow the hash of the newest seal; a seal that was put in or changed
 * fits its neighbours no more, or not the event that told of it when it was made. Rows
 * that are still there while their segment is being removed are checked as others are.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/record/chain.h"
#include "collector/store/retain.h"
#include "collector/store/store.h"

enum chain_fault {
	CHAIN_CHANGED,	/* the row is not as it was stored */
	CHAIN_REMOVED,	/* rows or places are gone */
	CHAIN_INSERTED, /* the row was not stored by a collector */
	CHAIN_MOVED,	/* rows stand in another order */
	CHAIN_BROKEN,	/* does not follow: replaced, or rows before it are gone */
	CHAIN_TAIL_CUT,
	CHAIN_REWRITTEN, /* another record than the one that was anchored */
	CHAIN_UNANCHORED,
	CHAIN_LOST, /* an agent's number that was never stored */
	CHAIN_DAMAGED,
	CHAIN_SEAL, /* of removed places: does not fit, or no event tells of it */
	CHAIN_NUM_FAULTS
};

const char *chain_fault_name(enum chain_fault f); /* "changed", ... */

struct chain_finding {
	enum chain_fault fault;
	uint64_t place, n; /* 0: none */
	char kind[16];	   /* of the row: "event", "dead-letter"; or empty */
	char id[320];	   /* agent/seq of an event, or empty */
	char type[64];
	uint64_t time_ns;
	char text[400]; /* one sentence */
};

struct chain_check;

struct chain_check *chain_check_new(const char *store_id); /* NULL: no memory */
void chain_check_free(struct chain_check *c);		   /* accepts NULL */

void chain_check_seal(struct chain_check *c, const struct store_segment *x);
void chain_check_place(struct chain_check *c, const struct store_place *p);
void chain_check_finish_places(struct chain_check *c);
void chain_check_stray(struct chain_check *c, const struct store_place *p);
/* An event alert.record-sealed of the record; before and hash are as it has them. In
 * the order of their numbers. */
void chain_check_told(struct chain_check *c, uint64_t number, uint64_t first, uint64_t last,
		      const char *before, const char *hash);
void chain_check_hole(struct chain_check *c, const struct store_hole *h);
void chain_check_damage(struct chain_check *c, const char *what);

/* Whether a place is sealed. hash is filled when it is the last of a segment; for others
 * nothing can be said any more. */
bool chain_check_is_sealed(const struct chain_check *c, uint64_t place, struct chain_hash *hash,
			   bool *known);

/* An anchor, and the hash that stands at its place now (NULL: the place is not
 * there). It is one of this store. `outside`: it was kept elsewhere. */
void chain_check_anchor(struct chain_check *c, const struct chain_anchor *a,
			const struct chain_hash *now, bool outside);
/* Something that may have been an anchor, newer than all of this store, cannot be read. */
void chain_check_unread(struct chain_check *c);
/* anchored: outside anchors were asked for, so that none is a finding. */
void chain_check_finish(struct chain_check *c, bool anchored);

struct chain_totals {
	uint64_t places, events, dead_letters;
	uint64_t sealed;		  /* of the places */
	uint64_t anchors;		  /* of those kept elsewhere */
	uint64_t newest_place, newest_ns; /* of those that agree */
	uint64_t findings;		  /* all; at most CHAIN_KEEP are kept */
	struct chain_hash head;
};

#define CHAIN_KEEP 1000

const struct chain_totals *chain_check_totals(const struct chain_check *c);
size_t chain_check_findings(const struct chain_check *c, const struct chain_finding **out);

#endif
