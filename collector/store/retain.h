/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_RETAIN_H
#define GW_STORE_RETAIN_H
/*
 * Removing what is old, so that the rest can still be verified.
 *
 * The record is removed from its beginning, in segments. A segment ends at an anchored
 * place and is sealed first: a row of `segments` has its places, the hash before the
 * first and the hash of the last, and an event of the collector's own tells of it
 * (ingest/retain.c). Only then its rows go, in small steps: the flows that its events name,
 * where they are over; places, events, dead letters; at last what else is over: flows left
 * over, closed incidents, resolved alerts. Each of these goes with the newest event that
 * changed it. What is open stays; a flow that stays keeps its document in its own row from
 * then on.
 */
#include "collector/store/store.h"

struct store_segment {
	uint64_t number; /* from 1, without holes */
	uint64_t first, last;
	struct chain_hash before, hash;
	uint64_t events;
	uint64_t oldest_ns, newest_ns; /* stored between */
	uint64_t removed_ns;	       /* 0: under way */
	const char *why;	       /* "age", "size" */
};

/* What may be sealed: up to the newest anchor that was made before; 1 and *x, or 0. */
int store_seal_older(struct store *s, uint64_t anchored_before_ns, struct store_segment *x);
/* The same, up to the first anchor by which so many places are sealed. */
int store_seal_places(struct store *s, uint64_t places, struct store_segment *x);
int store_seal(struct store *s, const struct store_segment *x);
/* When the oldest anchor that is not sealed was made; 0: there is none. */
int store_seal_oldest(struct store *s, uint64_t *ns);

/* Removes about so many rows of what is sealed. 1: there is more to do. */
int store_sweep(struct store *s, unsigned rows, uint64_t now_ns);

typedef int store_segment_fn(void *arg, const struct store_segment *x);
int store_segments(struct store *s, store_segment_fn *fn, void *arg);

/* places: of the chain, that are not sealed. record: about how many bytes they take, with
 * what is derived from them, by the size of the newest. bytes: in use, of SQLite the pages;
 * of PostgreSQL the same as record. */
int store_size(struct store *s, uint64_t *bytes, uint64_t *places, uint64_t *record);

#endif
