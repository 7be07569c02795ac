/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bgp_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/armed.h"
#include "common/fabric/fabric.h"
#include "agent/flow.h"
#include "agent/flow_event.h"
#include "common/bytes.h"
#include "common/clock.h"
#include "common/event.h"

#define RISK_PARTS 3 /* of the hold time; at the second one it is at risk */
#define RD_STRLEN 32

struct context {
	const struct bgp_sink *to;
	struct flow *f;
};

static void fill(const struct flow *f, struct event *e, struct flow_event_texts *texts)
{
	enum event_severity flow = flow_severity(f);

	if (e->severity < flow)
		e->severity = flow; /* who speaks may matter more than what is said */
	e->has_bgp = true;
	flow_event_fill(f, e, texts);
}

static void emit(const struct bgp_sink *to, const struct flow *f, struct event *e)
{
	struct flow_event_texts texts;

	fill(f, e, &texts);
	to->emit(to->arg, e);
}

/* As flow.source and flow.destination. */
static unsigned side_of(const struct flow *f, uint8_t dir)
{
	return (dir & 1) != (f->counters.initiator & 1);
}

/* ---- routes -------------------------------------------------------------------------- */

/* What armed hands back of a route, and what only its message knows. */
struct routing {
	struct context c;
	const struct bgp_attributes *attributes; /* NULL: withdrawn */
	const char *reason;
};

static enum event_severity route_severity(const struct armed_change *c)
{
	if (c->target == ARMED_NO_TARGET || c->was == c->armed)
		return c->unseen && !c->armed ? SEVERITY_NOTICE : SEVERITY_INFO;
	return c->armed ? SEVERITY_NOTICE : SEVERITY_WARNING;
}

/* RFC 4364 4.2. NULL: of a type that has no text. */
static const char *rd_format(const uint8_t rd[8], char out[RD_STRLEN])
{
	switch (be16(rd)) {
	case 0:
		snprintf(out, RD_STRLEN, "%u:%u", be16(rd + 2), be32(rd + 4));
		return out;
	case 1:
		snprintf(out, RD_STRLEN, "%u.%u.%u.%u:%u", rd[2], rd[3], rd[4], rd[5],
			 be16(rd + 6));
		return out;
	case 2:
		snprintf(out, RD_STRLEN, "%u:%u", be32(rd + 2), be16(rd + 6));
		return out;
	}
	return NULL;
}

/* The event is about the device that the prefix leads to; the flow is the speaker's. */
static void fill_device(struct event *e, const struct fabric *f, const struct armed_change *c)
{
	const struct fabric_target *t;

	e->device = e->role = e->vrf = NULL;
	e->path = GW_PATH_NONE;
	if (c->target == ARMED_NO_TARGET)
		return;
	t = &f->targets[c->target];
	e->device = f->devices[t->device].name;
	e->role = fabric_role_name(f->devices[t->device].role);
	e->vrf = t->vrf ? t->vrf : "default";
	e->path = t->path;
	e->bgp.route.target = t->address;
	e->bgp.route.has_armed = true;
	e->bgp.route.armed = c->armed;
}

static void on_change(void *arg, const struct armed_route *r, const struct armed_change *c)
{
	struct event e = { .type = EVENT_BGP_ROUTE, .severity = route_severity(c) };
	struct event_bgp_route *route = &e.bgp.route;
	char prefix[PREFIX_STRLEN], rd[RD_STRLEN];
	const struct routing *by = arg;
	struct flow_event_texts texts;

	route->action = by->attributes ? "announce" : "withdraw";
	route->reason = by->reason;
	route->prefix = prefix_format(&r->prefix, prefix);
	route->from = side_of(by->c.f, r->dir);
	route->has_path_id = r->has_path_id;
	route->path_id = r->path_id;
	if (r->family == BGP_IPV4_VPN || r->family == BGP_IPV6_VPN)
		route->rd = rd_format(r->rd, rd);
	if (by->attributes) {
		route->next_hop = by->attributes->next_hop;
		route->has_as_path = true;
		route->as_path = by->attributes->as_path;
		route->n_as_path = by->attributes->n_as_path;
	}
	if (r->prefix.len < addr_bits(&r->prefix.addr))
		route->covers = c->covers;
	route->unseen = c->unseen;
	fill(by->c.f, &e, &texts);
	fill_device(&e, by->c.to->fabric, c);
	by->c.to->emit(by->c.to->arg, &e);
}

struct routes {
	struct context c;
	uint8_t dir;
};

static void on_route(void *arg, const struct bgp_route *r)
{
	const struct routes *by = arg;
	struct routing routing = { by->c, r->attributes, NULL };
	struct flow_bgp *b = by->c.f->bgp;
	struct armed_route a = { .session = by->c.f->id,
				 .dir = by->dir,
				 .family = (uint8_t)r->family,
				 .prefix = r->prefix,
				 .has_path_id = r->has_path_id,
				 .path_id = r->path_id };

	memcpy(a.rd, r->rd, sizeof(a.rd));
	b->has_routes = true;
	if (r->withdrawn)
		armed_withdraw(by->c.to->armed, &a, bgp_is_whole(&b->bgp) && !b->recalled,
			       on_change, &routing);
	else
		armed_announce(by->c.to->armed, &a, on_change, &routing);
}

static void read_update(const struct context *c, const struct bgp_message *m)
{
	struct bgp_update_form form = bgp_form(&c->f->bgp->bgp, m->dir);
	struct routes by = { *c, m->dir & 1 };
	struct bgp_update said;

	if (!c->to->fabric || c->f->bgp->told_down)
		return;
	said = bgp_update_read(m->body, m->len, &form, on_route, &by);
	c->f->bgp->malformed[by.dir] += said.malformed;
	c->f->bgp->ambiguous[by.dir] += said.ambiguous;
}

/* ---- the session ------------------------------------------------------------------------ */

/* A connection that makes room for another, and what an operator does on purpose. */
static bool is_routine(const struct bgp_notification *n)
{
	static const bool routine[] = {
		[2] = true, [3] = true, [4] = true, [6] = true, [7] = true, [9] = true
	};

	return n->code == 6 && n->subcode < sizeof(routine) && routine[n->subcode];
}

static void tell(const struct bgp_sink *to, struct flow *f, bool up, const char *reason)
{
	struct event e = { .type = EVENT_BGP_SESSION };
	const struct bgp *b = &f->bgp->bgp;
	unsigned i;

	e.severity = up ? SEVERITY_INFO : SEVERITY_WARNING;
	if (!up && b->n_notifications && is_routine(&b->notifications[0]))
		e.severity = SEVERITY_NOTICE;
	e.bgp.session = up ? "up" : "down";
	e.bgp.reason = reason;
	for (i = 0; up && i < b->n_opens; i++)
		flow_event_bgp_open(&e, f, &b->opens[i]);
	for (i = 0; !up && i < b->n_notifications; i++)
		flow_event_bgp_notification(&e, f, &b->notifications[i]);
	emit(to, f, &e);
}

static void forget_routes(const struct bgp_sink *to, struct flow *f)
{
	struct routing routing = { { to, f }, NULL, "session-down" };

	if (f->bgp->has_routes && to->fabric)
		armed_session_down(to->armed, f->id, on_change, &routing);
	f->bgp->has_routes = false;
}

void bgp_session_down(const struct bgp_sink *to, struct flow *f, const char *reason)
{
	if (!f->bgp || f->bgp->told_down || !(f->bgp->told_up || bgp_was_up(&f->bgp->bgp)))
		return;
	f->bgp->told_down = true;
	tell(to, f, false, reason);
	forget_routes(to, f);
}

/* ---- hold time --------------------------------------------------------------------------- */

/* When a direction that stays silent puts the session at risk. */
static uint64_t risk_at(const struct flow_bgp *b, unsigned dir)
{
	uint64_t hold_ns = bgp_hold_time(&b->bgp) * NS_PER_S;

	return b->heard_ns[dir] + hold_ns / RISK_PARTS * (RISK_PARTS - 1);
}

static bool has_timer(const struct flow *f)
{
	return f->bgp && f->bgp->told_up && !f->bgp->told_down && bgp_hold_time(&f->bgp->bgp);
}

static void tell_risk(const struct bgp_sink *to, struct flow *f, uint8_t dir)
{
	struct event e = { .type = EVENT_BGP_SESSION, .severity = SEVERITY_WARNING };

	e.bgp.session = "at-risk";
	e.bgp.reason = "hold-time";
	e.bgp.has_silent = true;
	e.bgp.silent = side_of(f, dir);
	e.bgp.hold_time = bgp_hold_time(&f->bgp->bgp);
	/* when it was so, not when we looked */
	e.time_ns = to->now->real_ns - (to->now->mono_ns - risk_at(f->bgp, dir));
	emit(to, f, &e);
}

static void tell_resumed(const struct bgp_sink *to, struct flow *f)
{
	struct event e = { .type = EVENT_BGP_SESSION, .severity = SEVERITY_NOTICE };

	e.bgp.session = "up";
	e.bgp.reason = "resumed";
	emit(to, f, &e);
}

/* In the order of what happened, also where nobody looked in between. */
void bgp_session_look(const struct bgp_sink *to, struct flow *f)
{
	uint8_t i, first;

	if (!has_timer(f))
		return;
	first = risk_at(f->bgp, 1) < risk_at(f->bgp, 0);
	for (i = 0; i < 2; i++) {
		uint8_t d = first ^ i, before = f->bgp->at_risk;

		if (to->now->mono_ns < risk_at(f->bgp, d))
			continue;
		f->bgp->at_risk |= (uint8_t)(1 << d);
		if (!before)
			tell_risk(to, f, d);
	}
}

uint64_t bgp_session_due(const struct flow *f)
{
	uint64_t due = UINT64_MAX, at;
	unsigned d;

	for (d = 0; d < 2 && has_timer(f); d++) {
		at = risk_at(f->bgp, d);
		if (!(f->bgp->at_risk & 1 << d) && at < due)
			due = at;
	}
	return due;
}

/* What only repeats old bytes is not heard: its receiver has not answered it either. */
static void heard(const struct bgp_sink *to, struct flow *f, uint8_t d)
{
	uint8_t before = f->bgp->at_risk;

	f->bgp->heard_ns[d] = to->now->mono_ns;
	f->bgp->at_risk &= (uint8_t) ~(1 << d);
	if (before && !f->bgp->at_risk && has_timer(f))
		tell_resumed(to, f);
}

static void count_keepalive(struct flow_bgp *b, uint8_t d, uint64_t now_ns)
{
	uint64_t since = now_ns - b->keepalive_ns[d];

	if (b->bgp.count[d][BGP_KEEPALIVE] == 1)
		b->keepalive_first_ns[d] = now_ns;
	else if (since > b->keepalive_max_ns[d])
		b->keepalive_max_ns[d] = since;
	b->keepalive_ns[d] = now_ns;
}

/* ---- records ------------------------------------------------------------------------------ */

/* The first few OPENs and NOTIFICATIONs of a direction become events; a session has
 * one of each, so more of them is nothing that more events would tell. */
static void message(void *arg, const struct bgp_message *m)
{
	struct event e = { .type = EVENT_BGP_MESSAGE, .severity = SEVERITY_INFO };
	struct context *c = arg;
	struct flow *f = c->f;

	if (m->open)
		flow_event_bgp_open(&e, f, m->open);
	if (m->notification) {
		e.severity = is_routine(m->notification) ? SEVERITY_NOTICE : SEVERITY_WARNING;
		flow_event_bgp_notification(&e, f, m->notification);
	}
	if ((m->open || m->notification) && f->bgp->bgp.count[m->dir & 1][m->type] <= BGP_MAX_KEPT)
		emit(c->to, f, &e);
	if (m->type == BGP_UPDATE)
		read_update(c, m);
	if (m->type == BGP_KEEPALIVE)
		count_keepalive(f->bgp, m->dir & 1, c->to->now->mono_ns);
	if (!f->bgp->told_up && bgp_is_up(&f->bgp->bgp)) {
		f->bgp->told_up = true;
		tell(c->to, f, true, "established");
	}
	if (m->notification)
		bgp_session_down(c->to, f, "notification");
}

/* What the TCP connection says about the session: a FIN of either side ends it. */
static void watch_end(const struct bgp_sink *to, struct flow *f)
{
	const struct gw_dir *d = f->counters.dir;

	if (d[0].state == GW_TCP_RESET || d[1].state == GW_TCP_RESET)
		bgp_session_down(to, f, "reset");
	else if (d[0].state == GW_TCP_CLOSED || d[1].state == GW_TCP_CLOSED)
		bgp_session_down(to, f, "closed");
}

static void read_segment(const struct context *c, const struct gw_record *r)
{
	uint8_t d = r->dir & 1;
	struct bgp *b = &c->f->bgp->bgp;
	struct bgp_segment s = { .dir = d,
				 .seq = r->seq + !!(r->tcp_flags & GW_SYN),
				 .len = r->payload_len,
				 .n = r->snap_len,
				 .bytes = r->snap };
	uint32_t expected = b->reader[d].next;
	bool began = b->reader[d].started;

	s.first = r->flow.dir[d].seq_known ? r->flow.dir[d].first : s.seq;
	bgp_feed(b, &s, message, (void *)(uintptr_t)c);
	if (!began || b->reader[d].next != expected)
		heard(c->to, c->f, d);
}

void bgp_session_read(const struct bgp_sink *to, struct flow *f, const struct gw_record *r)
{
	struct context c = { to, f };
	uint8_t d = r->dir & 1, back = !d;

	if (r->kind == GW_REC_ICMP || f->counters.service != GW_SERVICE_BGP)
		return;
	if (!f->bgp && r->kind == GW_REC_PAYLOAD)
		f->bgp = calloc(1, sizeof(*f->bgp));
	if (!f->bgp)
		return;
	bgp_session_look(to, f);				   /* the time up to this packet */
	if (r->kind == GW_REC_PAYLOAD && !(r->tcp_flags & GW_RST)) /* its text is not BGP */
		read_segment(&c, r);
	/* what its receiver has, and we have not, will not come again */
	if (r->flow.dir[back].flags & GW_ACK)
		bgp_acked(&f->bgp->bgp, d, r->flow.dir[back].ack, message, &c);
	if (r->flow.dir[d].flags & GW_ACK)
		bgp_acked(&f->bgp->bgp, back, r->flow.dir[d].ack, message, &c);
	watch_end(to, f);
}

void bgp_session_end(const struct bgp_sink *to, struct flow *f, bool finishing)
{
	struct context c = { to, f };

	if (!f->bgp)
		return;
	bgp_finish(&f->bgp->bgp, message, &c);
	watch_end(to, f);
	if (!finishing) /* nobody looks any more: it may well go on */
		bgp_session_down(to, f, "silent");
}
