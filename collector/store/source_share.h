/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_SOURCE_SHARE_H
#define GW_STORE_SOURCE_SHARE_H
/*
 * Of what a source did, what is of the span that a list of sources asks for. It costs the
 * days of the span and the flows of two times five minutes, not all flows. Returns as in
 * store.h.
 */
#include <jansson.h>

#include "collector/store/store.h"

struct db_query;
struct store_lasting;

/* One list. Set the first two, and the others to zero. */
struct store_asked {
	struct store *s;
	const struct store_filter *filter;
	struct store_lasting *lasting; /* flows that had begun long before the span */
	size_t n_lasting, size_lasting;
	json_t *lasts; /* a source: the place + 1 of its first one; NULL: not asked yet */
};

void store_asked_free(struct store_asked *w);

/* All 0: it did nothing. */
struct store_sums_of {
	uint64_t first_ns, last_ns, flows, established, untrusted, rank;
};

/* Set the first two. */
struct store_share {
	const char *address, *source; /* borrowed; address as store_source_address() has it */
	bool since, until;	      /* some is before the span, some behind */
	uint64_t from_ns, to_ns;      /* then what began within is of it */
	struct store_sums_of sums;
};

int store_share_sum(struct store_asked *w, struct store_share *x);
/* Calls fn for one that was summed up and did something; returns what it returned. */
int store_share_tell(struct store_asked *w, const struct store_share *x, store_source_fn *fn,
		     void *arg);

/* The path, service and verdict that are asked for: of sums, and of flows so that no index
 * fits but that on the source, or on what else is asked. */
void store_where_sums(struct db_query *q, const struct store_filter *f);
void store_where_flows(struct db_query *q, const struct store_filter *f);
/* Flows that had begun long before a time and ended behind it, or are open. */
void store_where_long(struct db_query *q, uint64_t time_ns);

#endif
