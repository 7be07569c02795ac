/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_ORDER_H
#define GW_ORDER_H
/*
 * One direction's segments in the order of their bytes, for readers that must know
 * where a segment ends. A repeat adds nothing; of a segment that overlaps what was
 * there the new part is handed on; what comes early waits for what is before it. A gap
 * that is never filled ends the way: nothing beyond it is handed on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bpf/record.h"

#define ORDER_HELD 8 /* segments that wait; more are lost, and so is what follows */

struct order_held {
	uint32_t seq, len;
	uint16_t n;
	bool more;
	uint8_t bytes[GW_SNAP];
};

struct order {
	bool started;
	uint8_t n_held;
	uint32_t first, next;	 /* sequence numbers */
	struct order_held *held; /* ORDER_HELD of them once one has waited */
};

/* The bytes at offset `at` of the stream: n of len are at hand. more: the segment goes
 * on in another record (GW_PART_MORE). */
typedef void order_fn(void *arg, uint32_t at, const uint8_t *bytes, uint32_t n, uint32_t len,
		      bool more);

/* first: the direction's first sequence number, when a SYN showed it, else the
 * record's own. fn is called for each piece that is now in order. */
void order_feed(struct order *o, const struct gw_record *r, uint32_t first, order_fn *fn,
		void *arg);
void order_clear(struct order *o); /* accepts a zeroed one; leaves one */

#endif
