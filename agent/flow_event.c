/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/flow_event.h"

#include <stdio.h>
#include <string.h>

#include "common/fabric/fabric.h"
#include "agent/flow.h"
#include "agent/flowkey.h"
#include "bpf/track.h"

const struct fabric_target *flow_target(const struct flow *f)
{
	if (!f->fabric || f->judgement.target == GW_TARGET_NONE ||
	    f->judgement.target >= f->fabric->n_targets)
		return NULL;
	return &f->fabric->targets[f->judgement.target];
}

static bool flow_unknown_target(const struct flow *f)
{
	return f->judgement.path == GW_PATH_INBAND && !flow_target(f);
}

static struct addr flow_judged_address(const struct flow *f)
{
	uint32_t init = f->counters.initiator & 1;

	return flowkey_addr(&f->key, f->judgement.outbound ? !init : init);
}

static bool flow_neighbor(const struct flow *f)
{
	const struct fabric_target *t = flow_target(f);
	struct addr a = flow_judged_address(f);

	return t && f->counters.service == GW_SERVICE_BGP &&
	       fabric_is_neighbor(f->fabric, t->device, &a);
}

enum event_severity flow_severity(const struct flow *f)
{
	enum flow_outcome o = flow_outcome(f);
	bool inside = o == OUTCOME_ESTABLISHED || o == OUTCOME_CLOSED || o == OUTCOME_RESET;

	if (flow_unknown_target(f))
		return SEVERITY_WARNING;
	if (f->judgement.verdict == GW_VERDICT_UNTRUSTED && !flow_neighbor(f))
		return inside ? SEVERITY_WARNING : SEVERITY_NOTICE;
	if (f->judgement.verdict == GW_VERDICT_NO_POLICY)
		return SEVERITY_NOTICE;
	if (f->judgement.path == GW_PATH_INBAND && f->counters.service == GW_SERVICE_SSH)
		return SEVERITY_NOTICE; /* break-glass use is never routine */
	return SEVERITY_INFO;
}

static void fill_trust(const struct flow *f, struct event *e, struct flow_event_texts *t)
{
	const struct fabric_policy *policy;
	const struct prefix_list *list;
	struct addr judged;

	if (f->judgement.verdict == GW_VERDICT_NONE)
		return;
	e->has_trust = true;
	e->trust.verdict = f->judgement.verdict;
	e->trust.neighbor = flow_neighbor(f);
	if (!flow_target(f) || f->judgement.policy >= f->fabric->n_policies)
		return;
	policy = &f->fabric->policies[f->judgement.policy];
	judged = flow_judged_address(f);
	list = judged.family == 4 ? policy->v4 : policy->v6;
	if (!list)
		return;
	e->trust.list = list->name;
	if (f->judgement.rule < list->n_entries) {
		const struct prefix_entry *rule = &list->entries[f->judgement.rule];

		e->trust.has_rule = true;
		e->trust.seq = rule->seq;
		e->trust.prefix = prefix_format(&rule->prefix, t->prefix);
	}
}

/* "A", or "A / B" where the directions differ: to the server, to the client. */
static const char *both_ways(const char *c2s, const char *s2c, char *buf, size_t size)
{
	if (!*c2s || !*s2c)
		return NULL;
	if (strcmp(c2s, s2c) == 0)
		return c2s;
	snprintf(buf, size, "%s / %s", c2s, s2c);
	return buf;
}

static void fill_ssh_side(struct event_ssh_side *to, const struct ssh_flow_side *side)
{
	if (!side->has_ident)
		return;
	to->proto_version = side->ident.proto_version;
	to->software_version = side->ident.software_version;
	if (side->hassh) {
		to->hassh = side->hash;
		to->hassh_string = side->hassh;
	}
}

bool flow_logged_in(const struct flow *f)
{
	return f->ssh && f->ssh->auth.success;
}

static void fill_login(const struct flow *f, struct event *e)
{
	struct ssh_auth_outcome o = ssh_flow_login(f->ssh, &f->counters, e->type == EVENT_FLOW_END);

	if (o.result == SSH_AUTH_PENDING)
		return;
	e->ssh_auth.result = ssh_auth_result_name(o.result);
	e->ssh_auth.has_attempts = true;
	e->ssh_auth.attempts = o.attempts;
	e->ssh_auth.confidence = ssh_auth_confidence_name(o.confidence);
	e->ssh_auth.basis = o.basis;
}

static void fill_ssh(const struct flow *f, struct event *e, struct flow_event_texts *t)
{
	const struct ssh_flow *s = f->ssh;
	uint32_t init = f->counters.initiator & 1;

	if (!s || (!s->side[0].has_ident && !s->side[1].has_ident))
		return;
	e->has_ssh = true;
	fill_ssh_side(&e->ssh_client, &s->side[init]);
	fill_ssh_side(&e->ssh_server, &s->side[!init]);
	fill_login(f, e);
	if (!s->has_choice)
		return;
	e->ssh_kex = s->choice.name[SSH_KEX][0] ? s->choice.name[SSH_KEX] : NULL;
	e->ssh_host_key = s->choice.name[SSH_HOST_KEY][0] ? s->choice.name[SSH_HOST_KEY] : NULL;
	e->ssh_cipher = both_ways(s->choice.name[SSH_CIPHER_C2S], s->choice.name[SSH_CIPHER_S2C],
				  t->cipher, sizeof(t->cipher));
	e->ssh_mac = both_ways(s->choice.name[SSH_MAC_C2S], s->choice.name[SSH_MAC_S2C], t->mac,
			       sizeof(t->mac));
	e->ssh_compression = both_ways(s->choice.name[SSH_COMPRESSION_C2S],
				       s->choice.name[SSH_COMPRESSION_S2C], t->compression,
				       sizeof(t->compression));
}

void flow_event_fill(const struct flow *f, struct event *e, struct flow_event_texts *t)
{
	const struct gw_flow *c = &f->counters;
	uint32_t init = c->initiator & 1, resp = !init;
	const struct fabric_target *target = flow_target(f);

	if (f->fabric)
		e->policy = f->fabric->generation;
	if (target) {
		const struct fabric_device *device = &f->fabric->devices[target->device];

		e->device = device->name;
		e->role = fabric_role_name(device->role);
		e->vrf = target->vrf ? target->vrf : "default";
	}
	e->path = f->judgement.path;
	e->service = c->service;
	e->has_ends = true;
	e->source.ip = flowkey_addr(&f->key, init);
	e->source.port = flowkey_port(&f->key, init);
	e->source.packets = c->dir[init].packets;
	e->source.bytes = c->dir[init].bytes;
	e->destination.ip = flowkey_addr(&f->key, resp);
	e->destination.port = flowkey_port(&f->key, resp);
	e->destination.packets = c->dir[resp].packets;
	e->destination.bytes = c->dir[resp].bytes;
	e->community_id = community_id(&e->source.ip, e->source.port, &e->destination.ip,
				       e->destination.port, GW_IPPROTO_TCP, t->community);
	wrapping_fill(&c->wrap, e, &t->wrapping);

	e->has_flow = true;
	snprintf(t->id, sizeof(t->id), "%016llx", (unsigned long long)f->id);
	e->flow.id = t->id;
	e->flow.start_ns = c->start_ns + (uint64_t)f->real_offset;
	e->flow.end_ns = flow_last_ns(c) + (uint64_t)f->real_offset;
	e->flow.state = gw_track_conn_state(c);
	e->flow.outcome = flow_outcome_name(flow_outcome(f));
	e->flow.initiator = c->basis;
	e->flow.outbound = f->judgement.outbound;
	e->flow.unknown_target = flow_unknown_target(f);
	e->flow.handshake_ms = c->established_ns && (c->dir[init].flags & GW_SYN)
				       ? (double)(c->established_ns - c->start_ns) / 1e6
				       : -1;
	e->flow.retransmits = (uint64_t)c->dir[0].again + c->dir[1].again;
	e->flow.fragments = (uint64_t)c->dir[0].fragments + c->dir[1].fragments;
	e->flow.missed_bytes = gw_track_missed(c, 0) + gw_track_missed(c, 1);
	e->flow.strays = c->strays;
	if (f->icmp_seen) {
		char from[ADDR_STRLEN];
		struct addr a = addr_from_bytes(f->key.family, f->icmp_source);

		snprintf(t->icmp, sizeof(t->icmp), "%u/%u from %s", f->icmp_type, f->icmp_code,
			 addr_format(&a, from));
		e->flow.icmp = t->icmp;
	}
	fill_trust(f, e, t);
	fill_ssh(f, e, t);
}

void flow_event_bgp_open(struct event *e, const struct flow *f, const struct bgp_open *o)
{
	struct event_bgp_open *out = &e->bgp.opens[e->bgp.n_opens++];

	out->from = (o->dir & 1) != (f->counters.initiator & 1);
	out->asn = o->asn;
	out->hold_time = o->hold_time;
	out->router_id = addr_from_bytes(4, o->router_id);
	out->capabilities = o->capabilities;
	out->n_capabilities = o->n_capabilities;
}

void flow_event_bgp_notification(struct event *e, const struct flow *f,
				 const struct bgp_notification *n)
{
	struct event_bgp_notification *out = &e->bgp.notifications[e->bgp.n_notifications++];

	out->from = (n->dir & 1) != (f->counters.initiator & 1);
	out->code = n->code;
	out->subcode = n->subcode;
	out->name = n->name[0] ? n->name : NULL;
	out->inner = n->inner[0] ? n->inner : NULL;
	out->text = n->text[0] ? n->text : NULL;
}

static void fill_bgp_side(struct event_bgp_counts *to, const struct flow_bgp *b, unsigned d)
{
	const uint64_t *n = b->bgp.count[d];

	to->open = n[BGP_OPEN];
	to->update = n[BGP_UPDATE];
	to->notification = n[BGP_NOTIFICATION];
	to->keepalive = n[BGP_KEEPALIVE];
	to->route_refresh = n[BGP_ROUTE_REFRESH];
	to->malformed = b->malformed[d];
	to->ambiguous = b->ambiguous[d];
	if (n[BGP_KEEPALIVE] < 2)
		return;
	to->keepalive_average = (double)(b->keepalive_ns[d] - b->keepalive_first_ns[d]) / 1e9 /
				(double)(n[BGP_KEEPALIVE] - 1);
	to->keepalive_max = (double)b->keepalive_max_ns[d] / 1e9;
}

void flow_event_bgp(struct event *e, const struct flow *f)
{
	const struct bgp *b = f->bgp ? &f->bgp->bgp : NULL;
	unsigned i;

	if (!b || !bgp_spoken(b))
		return;
	e->has_bgp = true;
	e->bgp.has_counts = true;
	for (i = 0; i < 2; i++)
		fill_bgp_side(&e->bgp.counts[i], f->bgp, i ^ (f->counters.initiator & 1));
	for (i = 0; i < b->n_opens; i++)
		flow_event_bgp_open(e, f, &b->opens[i]);
	for (i = 0; i < b->n_notifications; i++)
		flow_event_bgp_notification(e, f, &b->notifications[i]);
}
