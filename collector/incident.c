/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of incident.h. */
#include <stdio.h>
#include <string.h>

#include "collector/incident.h"
#include "common/clock.h"

static const char *const path_names[] = {
	[INCIDENT_PRIMARY] = "primary",
	[INCIDENT_FAILING] = "primary-failing",
	[INCIDENT_INBAND] = "in-band",
	[INCIDENT_UNEXPLAINED] = "in-band-unexplained",
	[INCIDENT_UNJUSTIFIED] = "in-band-unjustified",
	[INCIDENT_UNREACHABLE] = "unreachable",
};
_Static_assert(sizeof(path_names) / sizeof(path_names[0]) == INCIDENT_NUM_PATHS, "one name each");

const char *incident_path_name(enum incident_path p)
{
	return path_names[p];
}

bool incident_path_parse(const char *text, enum incident_path *out)
{
	for (int i = 0; text && i < INCIDENT_NUM_PATHS; i++)
		if (strcmp(text, path_names[i]) == 0) {
			*out = (enum incident_path)i;
			return true;
		}
	return false;
}

bool incident_outcome_established(const char *outcome)
{
	return outcome && (strcmp(outcome, "established") == 0 || strcmp(outcome, "closed") == 0 ||
			   strcmp(outcome, "reset") == 0);
}

bool incident_takes_flow(const struct event *e)
{
	if (!e->has_flow || !e->device || e->flow.outbound)
		return false;
	if (e->path == GW_PATH_INBAND)
		return true;
	if (e->has_trust && e->trust.verdict == GW_VERDICT_UNTRUSTED)
		return true;
	return e->path == GW_PATH_PRIMARY && !incident_outcome_established(e->flow.outcome);
}

static bool is_late(const struct store_path *memory, const struct event *e)
{
	if (!memory->state[0])
		return false;
	if (strcmp(memory->agent, e->agent) == 0)
		return e->seq < memory->seq;
	return e->time_ns < memory->since_ns;
}

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns >= from_ns ? (double)(to_ns - from_ns) / (double)NS_PER_S : -1;
}

static void close_incident(struct store_path *memory, const struct event *e,
			   struct incident_change *out)
{
	out->actions |= INCIDENT_CLOSE;
	out->closed_ns = e->time_ns;
	memory->incident = 0;
}

/* Moves the memory to the state that this event reports. */
static void enter(struct store_path *memory, enum incident_path to, const struct event *e)
{
	snprintf(memory->state, sizeof(memory->state), "%s", path_names[to]);
	snprintf(memory->agent, sizeof(memory->agent), "%s", e->agent);
	memory->since_ns = e->time_ns;
	memory->seq = e->seq;
	memory->stale = false;
	if (to == INCIDENT_PRIMARY)
		memory->failing_ns = memory->failing_event = 0;
}

static bool step_path(struct store_path *memory, const struct event *e, uint64_t n,
		      struct incident_change *out)
{
	enum incident_path to;

	if (!e->has_change || !incident_path_parse(e->change.to, &to))
		return false;
	out->path = to;
	out->reason = e->change.reason ? e->change.reason : "";
	if (is_late(memory, e)) {
		out->actions = INCIDENT_LATE;
		return false;
	}
	out->incident = memory->incident;
	if (memory->incident)
		out->actions = INCIDENT_EVENT | INCIDENT_CHANGE;

	if (to == INCIDENT_PRIMARY) {
		out->outage_s = e->change.outage_s >= 0 ? e->change.outage_s
							: seconds(memory->failing_ns, e->time_ns);
		if (memory->incident)
			close_incident(memory, e, out);
	} else if (to == INCIDENT_FAILING) {
		if (!memory->failing_ns) {
			memory->failing_ns = e->time_ns;
			memory->failing_event = n;
		}
	} else if (!memory->incident) {
		out->actions = INCIDENT_OPEN | INCIDENT_GATHER | INCIDENT_EVENT;
		out->opened_ns = out->began_ns = e->time_ns;
		/* A clock that stepped back must not make it begin later. */
		if (memory->failing_ns && memory->failing_ns < e->time_ns)
			out->began_ns = memory->failing_ns;
		out->first_sign = memory->failing_event;
		if (out->first_sign)
			out->actions |= INCIDENT_FIRST_SIGN;
	}
	enter(memory, to, e);
	return true;
}

static bool step_flow(struct store_path *memory, const struct event *e, struct incident_change *out)
{
	if (!memory->incident)
		return false;
	out->incident = memory->incident;
	if (incident_takes_flow(e))
		out->actions |= INCIDENT_FLOW;
	if (memory->stale && e->path == GW_PATH_PRIMARY && !e->flow.outbound &&
	    e->flow.start_ns > memory->since_ns && strcmp(e->agent, memory->agent) == 0 &&
	    incident_outcome_established(e->flow.outcome)) {
		out->actions |= INCIDENT_FLOW | INCIDENT_CHANGE;
		out->path = INCIDENT_PRIMARY;
		out->reason = "primary-ok";
		out->outage_s = seconds(memory->failing_ns, e->time_ns);
		close_incident(memory, e, out);
		enter(memory, INCIDENT_PRIMARY, e);
		return true;
	}
	return false;
}

bool incident_step(struct store_path *memory, const struct event *e, uint64_t n,
		   struct incident_change *out)
{
	*out = (struct incident_change){ .outage_s = -1 };
	if (!e->device)
		return false;
	switch (e->type) {
	case EVENT_PATH_CHANGE:
		return step_path(memory, e, n, out);
	case EVENT_FLOW_START:
	case EVENT_FLOW_UPDATE:
	case EVENT_FLOW_END:
		return step_flow(memory, e, out);
	case EVENT_BGP_SESSION:
	case EVENT_BGP_MESSAGE:
	case EVENT_BGP_ROUTE:
	case EVENT_ALERT:
		if (memory->incident) {
			out->incident = memory->incident;
			out->actions = INCIDENT_EVENT;
		}
		return false;
	default:
		return false;
	}
}
