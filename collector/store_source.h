/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_SOURCE_H
#define GW_STORE_SOURCE_H
/* Sources, summed up: who is told of changes, and who asks. store_sources() is in store.h. */
#include "collector/store.h"

struct db_query;

/* A flow was (NULL: there was none) and is now (NULL: it is removed). */
int store_source_note(struct store *s, const struct store_flow *was, const struct store_flow *now);
/* An event that is of no flow has this source. */
int store_source_seen(struct store *s, const struct addr *a);

/* How a list finds the rows of a prefix. */
#define STORE_ADDRESS_LEN 34
struct store_gate {
	bool few; /* its sources have few flows, or there are none: store_gate_add() finds them;
		   * else they are met soon among the newest */
	char low[STORE_ADDRESS_LEN], high[STORE_ADDRESS_LEN];
};

int store_gate(struct store *s, const struct prefix *p, struct store_gate *g);
/* The condition on the column `source`, without WHERE or AND; g lives as long as q. */
void store_gate_add(struct db_query *q, const struct store_gate *g);

/* What store_sources() says, counted from flows: of a device or until a time. */
int store_sources_counted(struct store *s, const struct store_filter *f, store_source_fn *fn,
			  void *arg);

#endif
