/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/order.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/track.h"

/* The part of a segment that is new, when it touches what is there. */
static bool hand_on(struct order *o, uint32_t seq, const uint8_t *bytes, uint32_t n, uint32_t len,
		    bool more, order_fn *fn, void *arg)
{
	uint32_t skip = o->next - seq, at = o->next - o->first;

	if (gw_seq_after(seq, o->next))
		return false;
	if (!gw_seq_after(seq + len, o->next))
		return true;
	o->next = seq + len;
	fn(arg, at, bytes + (skip < n ? skip : n), skip < n ? n - skip : 0, len - skip, more);
	return true;
}

static void hold(struct order *o, uint32_t seq, const struct gw_record *r)
{
	struct order_held *h;

	if (!o->held)
		o->held = malloc(ORDER_HELD * sizeof(*o->held));
	if (!o->held || o->n_held == ORDER_HELD)
		return;
	h = &o->held[o->n_held++];
	h->seq = seq;
	h->len = r->payload_len;
	h->n = r->snap_len;
	h->more = r->part & GW_PART_MORE;
	memcpy(h->bytes, r->snap, r->snap_len);
}

static bool hand_on_held(struct order *o, order_fn *fn, void *arg)
{
	unsigned i;

	for (i = 0; i < o->n_held; i++) {
		struct order_held *h = &o->held[i];

		if (!hand_on(o, h->seq, h->bytes, h->n, h->len, h->more, fn, arg))
			continue;
		o->n_held--;
		if (i < o->n_held)
			memcpy(h, &o->held[o->n_held], sizeof(*h));
		return true;
	}
	return false;
}

void order_feed(struct order *o, const struct gw_record *r, uint32_t first, order_fn *fn, void *arg)
{
	uint32_t seq = r->seq + !!(r->tcp_flags & GW_SYN);

	if (!r->payload_len || r->snap_len > r->payload_len || r->payload_len > INT32_MAX)
		return;
	if (!o->started) {
		o->started = true;
		o->first = o->next = first;
	}
	if (!hand_on(o, seq, r->snap, r->snap_len, r->payload_len, r->part & GW_PART_MORE, fn,
		     arg)) {
		hold(o, seq, r);
		return;
	}
	while (hand_on_held(o, fn, arg))
		;
}

void order_clear(struct order *o)
{
	free(o->held);
	memset(o, 0, sizeof(*o));
}
