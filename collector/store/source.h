/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_SOURCE_H
#define GW_STORE_SOURCE_H
/* Sources, summed up: who is told of changes, and who asks. store_sources() is in store.h. */
#include "collector/store/store.h"

struct db_query;

/* A flow was (NULL: there was none) and is now (NULL: it is removed). */
int store_source_note(struct store *s, const struct store_flow *was, const struct store_flow *now);
/* An event that is of no flow has this source. */
int store_source_seen(struct store *s, const struct addr *a);

/* An address so that those of a prefix stand together. */
#define STORE_ADDRESS_LEN 34
void store_source_address(const struct addr *a, char buf[STORE_ADDRESS_LEN]);

/* What is summed up of spans of time: of these two lengths, counted from 1970. */
#define STORE_SOURCE_SHORT UINT64_C(300000000000)
#define STORE_SOURCE_LONG UINT64_C(86400000000000)

static inline uint64_t store_span_floor(uint64_t time_ns, uint64_t span_ns)
{
	return time_ns - time_ns % span_ns;
}

/* How a list finds the rows of a prefix. */
struct store_gate {
	bool few; /* its sources have few flows, or there are none: store_gate_add() finds them;
		   * else they are met soon among the newest */
	char low[STORE_ADDRESS_LEN], high[STORE_ADDRESS_LEN];
};

/* The first and the last address of it. */
void store_gate_bounds(const struct prefix *p, struct store_gate *g);
int store_gate(struct store *s, const struct prefix *p, struct store_gate *g);
/* The condition on the column `source`, without WHERE or AND; g lives as long as q. */
void store_gate_add(struct db_query *q, const struct store_gate *g);

/* What store_sources() says, counted from flows: of a device, of an incident. */
int store_sources_counted(struct store *s, const struct store_filter *f, store_source_fn *fn,
			  void *arg);

/* So many flows before a time are looked at for the newest sources before it, else all
 * sources are that went on behind it. Tests set it. */
extern uint64_t store_sources_look;

#endif
