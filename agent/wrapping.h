/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_WRAPPING_H
#define GW_WRAPPING_H
/* What a flow's packets were wrapped in (struct gw_wrap), as an event says it. */
#include "bpf/record.h"
#include "common/event.h"

/* The names that the event borrows. */
struct wrapping_texts {
	char tunnel[GW_MAX_TUNNEL][24];
};

/* Fills the event's vlan, mpls, encapsulation, outer_source, outer_destination. */
void wrapping_fill(const struct gw_wrap *w, struct event *e, struct wrapping_texts *t);

#endif
