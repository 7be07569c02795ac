/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/path.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const state_names[] = {
	[PATH_PRIMARY] = "primary",
	[PATH_PRIMARY_FAILING] = "primary-failing",
	[PATH_INBAND] = "in-band",
	[PATH_INBAND_UNEXPLAINED] = "in-band-unexplained",
	[PATH_INBAND_UNJUSTIFIED] = "in-band-unjustified",
	[PATH_UNREACHABLE] = "unreachable",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == PATH_NUM_STATES, "state names");

static const char *const reason_names[] = {
	[PATH_REASON_PRIMARY_OK] = "primary-ok",
	[PATH_REASON_PRIMARY_UNANSWERED] = "primary-unanswered",
	[PATH_REASON_PRIMARY_UNREACHABLE] = "primary-unreachable",
	[PATH_REASON_PRIMARY_STALLED] = "primary-stalled",
	[PATH_REASON_PRIMARY_REFUSED] = "primary-refused",
	[PATH_REASON_INBAND_UNANSWERED] = "in-band-unanswered",
	[PATH_REASON_INBAND_UNREACHABLE] = "in-band-unreachable",
	[PATH_REASON_INBAND_ENDED] = "in-band-ended",
	[PATH_REASON_NO_EVIDENCE] = "no-evidence",
};
static_assert(sizeof(reason_names) / sizeof(reason_names[0]) == PATH_NUM_REASONS, "reason names");

const char *path_state_name(enum path_state s)
{
	return state_names[s];
}

const char *path_reason_name(enum path_reason r)
{
	return reason_names[r];
}

static void remember(struct path *p, uint64_t flow)
{
	unsigned i;

	for (i = 0; i < p->evidence_n; i++)
		if (p->evidence[i] == flow)
			return;
	if (p->evidence_n == PATH_EVIDENCE) { /* the oldest goes */
		memmove(p->evidence, p->evidence + 1, sizeof(p->evidence[0]) * (PATH_EVIDENCE - 1));
		p->evidence_n--;
	}
	p->evidence[p->evidence_n++] = flow;
}

/* The one place where a state changes. */
static bool change_state(struct path *p, enum path_state to, enum path_reason reason,
			 const struct path_input *in, struct path_change *out)
{
	if (p->state == to)
		return false;
	memset(out, 0, sizeof(*out));
	out->from = p->state;
	out->to = to;
	out->reason = reason;
	out->at_ns = in->at_ns;
	memcpy(out->evidence, p->evidence, sizeof(p->evidence));
	out->evidence_n = p->evidence_n;
	if (in->flow && (!out->evidence_n || out->evidence[out->evidence_n - 1] != in->flow))
		out->evidence[out->evidence_n++] = in->flow;
	p->state = to;
	if (to == PATH_PRIMARY) {
		if (p->outage_ns && in->at_ns > p->outage_ns)
			out->outage_ns = in->at_ns - p->outage_ns;
		p->outage_ns = 0;
		p->evidence_n = 0;
	}
	return true;
}

/* What is known about Ma1 at `now`, when the window is taken into account. */
static bool primary_is(const struct path *p, enum path_input_kind kind, uint64_t now,
		       uint64_t window)
{
	return p->known && p->primary == kind &&
	       (now <= p->primary_ns || now - p->primary_ns <= window);
}

static bool primary_failed(struct path *p, const struct path_input *in, uint64_t window,
			   struct path_change *out)
{
	bool inband_dead = p->inband_failed_ns && !p->inband_open &&
			   (in->at_ns <= p->inband_failed_ns ||
			    in->at_ns - p->inband_failed_ns <= window);

	if (!p->outage_ns)
		p->outage_ns = in->since_ns ? in->since_ns : in->at_ns;
	remember(p, in->flow);
	switch (p->state) {
	case PATH_PRIMARY:
	case PATH_PRIMARY_FAILING:
		if (inband_dead)
			return change_state(p, PATH_UNREACHABLE, in->reason, in, out);
		return change_state(p, PATH_PRIMARY_FAILING, in->reason, in, out);
	case PATH_INBAND_UNEXPLAINED:
	case PATH_INBAND_UNJUSTIFIED:
		/* now there is a reason */
		return change_state(p, PATH_INBAND, in->reason, in, out);
	default:
		return false;
	}
}

static bool inband_opened(struct path *p, const struct path_input *in, uint64_t window,
			  struct path_change *out)
{
	p->inband_open++;
	p->inband_failed_ns = 0;
	if (p->state == PATH_INBAND)
		return false;
	/* an outage that nobody has seen the end of goes on, however old */
	if (p->state == PATH_UNREACHABLE || p->state == PATH_PRIMARY_FAILING ||
	    primary_is(p, PATH_IN_PRIMARY_FAILED, in->at_ns, window) ||
	    primary_is(p, PATH_IN_PRIMARY_REFUSED, in->at_ns, window))
		return change_state(p, PATH_INBAND, p->primary_reason, in, out);
	if (primary_is(p, PATH_IN_PRIMARY_OK, in->at_ns, window))
		return change_state(p, PATH_INBAND_UNJUSTIFIED, PATH_REASON_PRIMARY_OK, in, out);
	return change_state(p, PATH_INBAND_UNEXPLAINED, PATH_REASON_NO_EVIDENCE, in, out);
}

bool path_update(struct path *p, const struct path_input *in, uint64_t window_ns,
		 struct path_change *out)
{
	switch (in->kind) {
	case PATH_IN_PRIMARY_OK:
	case PATH_IN_PRIMARY_FAILED:
	case PATH_IN_PRIMARY_REFUSED:
		if (p->known && in->at_ns < p->primary_ns)
			return false; /* newer evidence is there already */
		p->known = true;
		p->primary = in->kind;
		p->primary_reason = in->kind == PATH_IN_PRIMARY_OK ? PATH_REASON_PRIMARY_OK :
								     in->reason;
		p->primary_ns = in->at_ns;
		if (in->kind == PATH_IN_PRIMARY_FAILED)
			return primary_failed(p, in, window_ns, out);
		if (in->kind == PATH_IN_PRIMARY_REFUSED)
			return false; /* it explains a failover, it does not make one */
		/* a session that began on lo6 without need stays what it is until it
		 * ends; everything else is back on the primary path */
		if (p->state == PATH_INBAND_UNJUSTIFIED && p->inband_open)
			return false;
		return change_state(p, PATH_PRIMARY, PATH_REASON_PRIMARY_OK, in, out);
	case PATH_IN_INBAND_OPENED:
		return inband_opened(p, in, window_ns, out);
	case PATH_IN_INBAND_CLOSED:
		if (p->inband_open)
			p->inband_open--;
		if (p->inband_open || (p->state != PATH_INBAND_UNEXPLAINED &&
				       p->state != PATH_INBAND_UNJUSTIFIED))
			return false;
		return change_state(p, PATH_PRIMARY, PATH_REASON_INBAND_ENDED, in, out);
	case PATH_IN_INBAND_FAILED:
		p->inband_failed_ns = in->at_ns;
		if (p->inband_open ||
		    (p->state != PATH_PRIMARY_FAILING && p->state != PATH_INBAND))
			return false;
		remember(p, in->flow);
		return change_state(p, PATH_UNREACHABLE, in->reason, in, out);
	}
	return false;
}
