/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of incident.h. */
#include <stdio.h>
#include <string.h>

#include "collector/rules/incident.h"
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

/* A session to Ma1 that may stand for the word of an agent that has none any more. */
static bool is_answer(const struct store_path *device, const struct event *e)
{
	return device->episode && device->stale && e->has_flow && e->path == GW_PATH_PRIMARY &&
	       !e->flow.outbound && incident_outcome_established(e->flow.outcome);
}

bool incident_needs_views(const struct store_path *device, const struct event *e)
{
	if (!e->device)
		return false;
	switch (e->type) {
	case EVENT_PATH_CHANGE:
		return true;
	case EVENT_FLOW_START:
	case EVENT_FLOW_UPDATE:
	case EVENT_FLOW_END:
		return is_answer(device, e);
	default:
		return false;
	}
}

void incident_other(struct incident_others *others, const struct store_view *v)
{
	enum incident_path state;

	if (v->stale || !incident_path_parse(v->state, &state) || state == INCIDENT_PRIMARY)
		return;
	others->states |= 1U << state;
	if (state > others->worst)
		others->worst = state;
	if (v->since_ns > others->since_ns)
		others->since_ns = v->since_ns;
	if (v->failing_ns && (!others->failing_ns || v->failing_ns < others->failing_ns)) {
		others->failing_ns = v->failing_ns;
		others->failing_event = v->failing_event;
	}
}

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns >= from_ns ? (double)(to_ns - from_ns) / (double)NS_PER_S : -1;
}

/* The agent's own memory moves to the state that it reports. */
static void view_enter(struct store_view *mine, enum incident_path to, const struct event *e,
		       uint64_t n)
{
	snprintf(mine->state, sizeof(mine->state), "%s", path_names[to]);
	mine->since_ns = e->time_ns;
	mine->seq = e->seq;
	mine->stale = false;
	if (to == INCIDENT_PRIMARY) {
		mine->failing_ns = mine->failing_event = 0;
	} else if (to == INCIDENT_FAILING && !mine->failing_ns) {
		mine->failing_ns = e->time_ns;
		mine->failing_event = n;
	}
}

bool incident_is_loss(const char *to, const char *reason)
{
	enum incident_path path;

	return incident_path_parse(to, &path) &&
	       (path == INCIDENT_FAILING || path == INCIDENT_INBAND ||
		path == INCIDENT_UNREACHABLE) &&
	       !(reason && strcmp(reason, "primary-refused") == 0);
}

struct first_sign {
	uint64_t time_ns, event;
};

static struct first_sign first_sign(const struct store_view *mine,
				    const struct incident_others *others)
{
	if (mine->failing_ns && (!others->failing_ns || mine->failing_ns <= others->failing_ns))
		return (struct first_sign){ mine->failing_ns, mine->failing_event };
	return (struct first_sign){ others->failing_ns, others->failing_event };
}

/* The device's memory follows: the worst, and the earliest sign, of all views. */
static void device_enter(struct store_path *device, const struct store_view *mine,
			 const struct incident_others *others, enum incident_path worst,
			 const struct event *e)
{
	struct first_sign first = { 0 };

	if (worst != INCIDENT_PRIMARY)
		first = first_sign(mine, others);
	snprintf(device->state, sizeof(device->state), "%s", path_names[worst]);
	/* One agent's clock may step back; of two, the later one counts. */
	if (strcmp(device->agent, e->agent) == 0 || e->time_ns > device->since_ns)
		device->since_ns = e->time_ns;
	snprintf(device->agent, sizeof(device->agent), "%s", e->agent);
	device->seq = e->seq;
	device->stale = false;
	device->failing_ns = first.time_ns;
	device->failing_event = first.event;
}

/* Of an agent that has said primary: is the device back for all? */
static bool is_back(const struct incident_others *others, const char *reason, uint64_t time_ns)
{
	if (others->worst == INCIDENT_PRIMARY)
		return true;
	return strcmp(reason, "primary-ok") == 0 && time_ns > others->since_ns;
}

static void close_episode(struct store_path *device, double measured_s, const struct event *e,
			  struct incident_change *out)
{
	out->actions |= INCIDENT_CLOSE | INCIDENT_CHANGE;
	out->path = INCIDENT_PRIMARY;
	out->closed_ns = e->time_ns;
	out->outage_s = measured_s >= 0 ? measured_s : seconds(device->failing_ns, e->time_ns);
	device->episode = 0;
}

static void open_episode(const struct store_view *mine, const struct incident_others *others,
			 const struct event *e, struct incident_change *out)
{
	struct first_sign first = first_sign(mine, others);

	out->actions = INCIDENT_OPEN | INCIDENT_GATHER | INCIDENT_EVENT;
	out->opened_ns = out->began_ns = e->time_ns;
	/* A clock that stepped back must not make it begin later. */
	if (first.time_ns && first.time_ns < e->time_ns)
		out->began_ns = first.time_ns;
	out->first_sign = first.event;
	if (out->first_sign)
		out->actions |= INCIDENT_FIRST_SIGN;
}

/* A sign of another agent that is newer ends nothing: two that see the same failure tell it
 * at nearly the same time, by clocks that differ, and are stored in any order. */
static bool is_late(const struct store_path *device, const struct store_view *mine,
		    const struct incident_others *others, const struct event *e)
{
	bool back = strcmp(device->state, path_names[INCIDENT_PRIMARY]) == 0;

	if (mine->state[0] && e->seq < mine->seq)
		return true;
	return !device->episode && strcmp(device->agent, e->agent) != 0 &&
	       e->time_ns < (back ? device->since_ns : others->ended_ns);
}

static void step_path(struct store_path *device, struct store_view *mine,
		      const struct incident_others *others, bool subnet_open,
		      const struct event *e, uint64_t n, struct incident_change *out)
{
	bool other_agent = device->agent[0] && strcmp(device->agent, e->agent) != 0;
	enum incident_path to, worst, was = INCIDENT_PRIMARY;
	bool had_left = incident_path_parse(mine->state, &was) && was != INCIDENT_PRIMARY;

	if (!e->has_change || !incident_path_parse(e->change.to, &to))
		return;
	out->path = to;
	out->reason = e->change.reason ? e->change.reason : "";
	out->lost = incident_is_loss(e->change.to, out->reason);
	if (is_late(device, mine, others, e)) {
		out->actions = INCIDENT_LATE;
		/* What it says is over; the next that it says is judged by its number. */
		if (!mine->state[0] || e->seq >= mine->seq) {
			view_enter(mine, INCIDENT_PRIMARY, e, n);
			out->view = true;
		}
		return;
	}
	view_enter(mine, to, e, n);
	worst = to > others->worst ? to : others->worst;
	if (to == INCIDENT_PRIMARY && is_back(others, out->reason, e->time_ns))
		worst = INCIDENT_PRIMARY;
	out->episode = device->episode;
	if (device->episode && other_agent && to == INCIDENT_PRIMARY && !had_left &&
	    worst != INCIDENT_PRIMARY && e->time_ns < device->since_ns) {
		/* Word from before the other one left, which came late. */
		out->view = true;
		return;
	}
	if (device->episode) {
		out->actions = INCIDENT_EVENT | INCIDENT_CHANGE;
		out->path = worst;
		out->opened_ns = e->time_ns;
		if (other_agent && to > INCIDENT_FAILING)
			out->actions |= INCIDENT_EARLIER;
		/* What another one has said already is said once. */
		if ((others->states & (1U << to)) ||
		    (to == INCIDENT_PRIMARY && worst != INCIDENT_PRIMARY))
			out->actions &= ~(unsigned)INCIDENT_EVENT;
		if (worst == INCIDENT_PRIMARY)
			close_episode(device, e->change.outage_s, e, out);
	} else if (to > INCIDENT_FAILING || (to == INCIDENT_FAILING && subnet_open)) {
		open_episode(mine, others, e, out);
	}
	device_enter(device, mine, others, worst, e);
	out->remember = out->view = true;
}

static void step_flow(struct store_path *device, struct store_view *mine,
		      const struct incident_others *others, const struct event *e,
		      struct incident_change *out)
{
	if (!device->episode)
		return;
	out->episode = device->episode;
	if (incident_takes_flow(e))
		out->actions |= INCIDENT_FLOW;
	if (!is_answer(device, e) || !mine->stale || e->flow.start_ns <= mine->since_ns ||
	    !is_back(others, "primary-ok", e->time_ns))
		return;
	out->actions |= INCIDENT_FLOW;
	out->reason = "primary-ok";
	close_episode(device, -1, e, out);
	view_enter(mine, INCIDENT_PRIMARY, e, 0);
	device_enter(device, mine, others, INCIDENT_PRIMARY, e);
	out->remember = out->view = true;
}

void incident_step(struct store_path *device, struct store_view *mine,
		   const struct incident_others *others, bool subnet_open, const struct event *e,
		   uint64_t n, struct incident_change *out)
{
	*out = (struct incident_change){ .outage_s = -1 };
	if (!e->device)
		return;
	switch (e->type) {
	case EVENT_PATH_CHANGE:
		step_path(device, mine, others, subnet_open, e, n, out);
		break;
	case EVENT_FLOW_START:
	case EVENT_FLOW_UPDATE:
	case EVENT_FLOW_END:
		step_flow(device, mine, others, e, out);
		break;
	case EVENT_BGP_SESSION:
	case EVENT_BGP_MESSAGE:
	case EVENT_BGP_ROUTE:
	case EVENT_ALERT:
		if (device->episode) {
			out->episode = device->episode;
			out->actions = INCIDENT_EVENT;
		}
		break;
	default:
		break;
	}
}
