/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bgp_session.h"

#include <stdlib.h>

#include "agent/flow.h"
#include "agent/flow_event.h"
#include "common/event.h"

static void emit(const struct bgp_sink *to, const struct flow *f, struct event *e)
{
	enum event_severity flow = flow_severity(f);
	struct flow_event_texts texts;

	if (e->severity < flow)
		e->severity = flow; /* who speaks may matter more than what is said */
	e->has_bgp = true;
	flow_event_fill(f, e, &texts);
	to->emit(to->arg, e);
}

/* A connection that makes room for another, and what an operator does on purpose. */
static bool is_routine(const struct bgp_notification *n)
{
	static const bool routine[] = { [2] = true, [3] = true, [4] = true,
					[6] = true, [7] = true, [9] = true };

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

void bgp_session_down(const struct bgp_sink *to, struct flow *f, const char *reason)
{
	if (!f->bgp || f->bgp->told_down || !(f->bgp->told_up || bgp_was_up(&f->bgp->bgp)))
		return;
	f->bgp->told_down = true;
	tell(to, f, false, reason);
}

struct context {
	const struct bgp_sink *to;
	struct flow *f;
};

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
	if (r->kind == GW_REC_PAYLOAD && !(r->tcp_flags & GW_RST)) { /* its text is not BGP */
		struct bgp_segment s = { .dir = d,
					 .seq = r->seq + !!(r->tcp_flags & GW_SYN),
					 .len = r->payload_len,
					 .n = r->snap_len,
					 .bytes = r->snap };

		s.first = r->flow.dir[d].seq_known ? r->flow.dir[d].first : s.seq;
		bgp_feed(&f->bgp->bgp, &s, message, &c);
	}
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
