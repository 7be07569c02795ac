/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wrapping.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/addr.h"

static const struct {
	const char *name;
	bool has_id;
} kinds[] = {
	[GW_TUNNEL_NONE] = { "none", false },
	[GW_TUNNEL_GRE] = { "gre", false },
	[GW_TUNNEL_ERSPAN1] = { "erspan1", false },
	[GW_TUNNEL_ERSPAN2] = { "erspan2", true },
	[GW_TUNNEL_ERSPAN3] = { "erspan3", true },
	[GW_TUNNEL_IPIP] = { "ipip", false },
	[GW_TUNNEL_6IN4] = { "6in4", false },
	[GW_TUNNEL_4IN6] = { "4in6", false },
	[GW_TUNNEL_6IN6] = { "6in6", false },
	[GW_TUNNEL_VXLAN] = { "vxlan", true },
	[GW_TUNNEL_GENEVE] = { "geneve", true },
	[GW_TUNNEL_GTPU] = { "gtpu", false },
	[GW_TUNNEL_PPPOE] = { "pppoe", false },
	[GW_TUNNEL_EOMPLS] = { "eompls", false },
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == GW_TUNNEL_KINDS, "a name for each kind");
static_assert(GW_MAX_VLAN <= EVENT_MAX_STACK && GW_MAX_MPLS <= EVENT_MAX_STACK &&
	      GW_MAX_TUNNEL <= EVENT_MAX_STACK, "an event has room for the stacks");

void wrapping_fill(const struct gw_wrap *w, struct event *e, struct wrapping_texts *t)
{
	unsigned i;

	for (i = 0; i < w->vlan_n && i < GW_MAX_VLAN; i++)
		e->vlan[i] = w->vlan[i];
	e->vlan_n = i;
	for (i = 0; i < w->mpls_n && i < GW_MAX_MPLS; i++)
		e->mpls[i] = w->mpls[i];
	e->mpls_n = i;
	for (i = 0; i < w->tunnel_n && i < GW_MAX_TUNNEL; i++) {
		unsigned kind = w->tunnel[i] < GW_TUNNEL_KINDS ? w->tunnel[i] : GW_TUNNEL_NONE;

		if (kinds[kind].has_id)
			snprintf(t->tunnel[i], sizeof(t->tunnel[i]), "%s:%u", kinds[kind].name,
				 w->tunnel_id[i]);
		else
			snprintf(t->tunnel[i], sizeof(t->tunnel[i]), "%s", kinds[kind].name);
		e->encapsulation[i] = t->tunnel[i];
	}
	e->encapsulation_n = i;
	if (w->outer_family) {
		e->outer_source = addr_from_bytes(w->outer_family, w->outer[0]);
		e->outer_destination = addr_from_bytes(w->outer_family, w->outer[1]);
	}
}
