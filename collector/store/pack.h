/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_PACK_H
#define GW_STORE_PACK_H
/*
 * The record's rows with their places, for an evidence pack. Within one snapshot.
 * Returns as in store.h.
 */
#include <jansson.h>

#include "collector/store/store.h"

typedef int store_pack_fn(void *arg, uint64_t n);

/* Events, and dead letters that came, in [since, until), in the order of their n. */
int store_pack_span(struct store *s, uint64_t since_ns, uint64_t until_ns, store_pack_fn *fn,
		    void *arg);
int store_pack_dead(struct store *s, uint64_t since_ns, uint64_t until_ns, store_pack_fn *fn,
		    void *arg);
/* What belongs to an incident: its events, every event of its flows, and for each of
 * its devices the configuration by which they were judged. An event may come twice. */
int store_pack_incident(struct store *s, uint64_t incident, store_pack_fn *fn, void *arg);

/* The place of an event or a dead letter. 1 and *place; 0: it has none. */
int store_pack_place(struct store *s, bool event, uint64_t n, uint64_t *place);

/* The hash at a place, also where retention has removed it as the last of a segment.
 * 1; 0: it is not known. */
int store_pack_hash(struct store *s, uint64_t place, struct chain_hash *out);

struct store_pack_place {
	uint64_t place, n;
	bool event;
	struct chain_hash digest, hash;
};

typedef int store_pack_place_fn(void *arg, const struct store_pack_place *p);
int store_pack_places(struct store *s, uint64_t first, uint64_t last, store_pack_place_fn *fn,
		      void *arg);

/* The row as record/pack.h has it; the caller owns it. 1; 0: it is gone. */
int store_pack_row(struct store *s, bool event, uint64_t n, json_t **row);

/* Anchors of places first <= place <= last in their order, and of the first place at
 * or after `last` that has one: *covers, 0: none. */
int store_pack_anchors(struct store *s, uint64_t first, uint64_t last, store_anchor_fn *fn,
		       void *arg);
int store_pack_covers(struct store *s, uint64_t last, uint64_t *covers);

#endif
