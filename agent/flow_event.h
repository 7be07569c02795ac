/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FLOW_EVENT_H
#define GW_FLOW_EVENT_H
/* What the engine knows of a flow, as an event says it. Pure. */
#include "agent/bgp.h"
#include "common/fabric/prefix_list.h"
#include "agent/ssh.h"
#include "agent/wrapping.h"
#include "common/community_id.h"
#include "common/event.h"

struct fabric_target;
struct flow;

/* Texts that an event borrows while it is encoded. */
struct flow_event_texts {
	char id[17], icmp[64], prefix[PREFIX_STRLEN], community[COMMUNITY_ID_STRLEN];
	char cipher[2 * SSH_NAME_MAX + 4], mac[2 * SSH_NAME_MAX + 4];
	char compression[2 * SSH_NAME_MAX + 4];
	struct wrapping_texts wrapping;
};

/* What the flow is watched for, or NULL; the flow's fabric owns it. */
const struct fabric_target *flow_target(const struct flow *f);

/* By who speaks, where, and whether they are inside. */
enum event_severity flow_severity(const struct flow *f);

/* The lengths of its SSH packets say that a login succeeded. */
bool flow_logged_in(const struct flow *f);

/* Ends, counters, trust and SSH. The event borrows from the flow and from t. */
void flow_event_fill(const struct flow *f, struct event *e, struct flow_event_texts *t);

/* All that was read of the flow's BGP; nothing when no message ever was. */
void flow_event_bgp(struct event *e, const struct flow *f);

/* Add one message to the event's list. */
void flow_event_bgp_open(struct event *e, const struct flow *f, const struct bgp_open *o);
void flow_event_bgp_notification(struct event *e, const struct flow *f,
				 const struct bgp_notification *n);

#endif
