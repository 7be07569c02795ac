/* SPDX-License-Identifier: Apache-2.0 */
/* Carries what rules/incident.h judges to the store. */
#include "collector/correlate/correlate.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "collector/correlate/parts.h"
#include "common/cut.h"

/* The flows that a path.change names as its evidence. */
static int join_evidence(struct store *s, uint64_t incident, const struct event *e)
{
	struct store_flow f;
	int rc = 0;

	for (unsigned i = 0; e->has_change && i < e->change.evidence_n && rc >= 0; i++) {
		rc = store_flow_find(s, e->agent, e->change.evidence[i], &f);
		if (rc == 1)
			rc = store_incident_flow(s, incident, f.same_as ? f.same_as : f.n);
	}
	return rc < 0 ? rc : 0;
}

int correlate_join_event(struct store *s, uint64_t incident, const struct event *e, uint64_t n)
{
	int rc = store_incident_event(s, incident, n);

	return rc ? rc : join_evidence(s, incident, e);
}

struct join {
	struct store *s;
	uint64_t incident;
};

static int join_stored(void *arg, const struct store_event *row)
{
	struct join *join = arg;
	struct event e;
	char err[128];
	int rc;

	if (event_read(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	rc = correlate_join_event(join->s, join->incident, &e, row->n);
	event_clear(&e);
	return rc;
}

int correlate_join_stored(struct store *s, uint64_t incident, uint64_t event_n)
{
	struct store_filter one = {
		.after = event_n - 1, .limit = 1, .oldest = true, .arrival = true
	};
	struct join join = { s, incident };

	return store_events(s, &one, join_stored, &join);
}

/* The worse of two words; what is not a word is never worse. */
static const char *worse(const char *a, enum incident_path b)
{
	enum incident_path known;

	return incident_path_parse(a, &known) && known >= b ? a : incident_path_name(b);
}

/* ---- one event of one device ------------------------------------------------ */

/* An episode, while its row's strings may be gone. */
struct held {
	struct store_episode e;
	char device[STORE_DEVICE_LEN], state[32], worst[32], reason[64], closed_by[64];
};

static const char *hold_text(char *to, size_t size, const char *text)
{
	cut_text(text ? text : "", to, size);
	return text ? to : NULL;
}

static void hold(struct held *h)
{
	h->e.device = hold_text(h->device, sizeof(h->device), h->e.device);
	h->e.state = hold_text(h->state, sizeof(h->state), h->e.state);
	h->e.worst = hold_text(h->worst, sizeof(h->worst), h->e.worst);
	h->e.reason = hold_text(h->reason, sizeof(h->reason), h->e.reason);
	h->e.closed_by = hold_text(h->closed_by, sizeof(h->closed_by), h->e.closed_by);
}

static int open_episode(struct store *s, const struct event *e, uint64_t n,
			struct store_path *memory, const struct incident_change *change,
			struct held *h)
{
	const char *path = incident_path_name(change->path);
	int rc;

	h->e = (struct store_episode){ .device = e->device,
				       .began_ns = change->began_ns,
				       .opened_ns = change->opened_ns,
				       .state = path,
				       .worst = path,
				       .reason = change->reason,
				       .outage_s = -1,
				       .lost = change->lost || change->first_sign };
	hold(h);
	rc = correlate_attach(s, &h->e, change->path, n);
	memory->episode = h->e.id;
	return rc;
}

static int change_episode(struct store *s, const struct incident_change *change, struct held *h,
			  bool *became_lost)
{
	struct store_episode *e = &h->e;

	*became_lost = change->lost && !e->lost;
	e->lost |= change->lost;
	if (change->actions & INCIDENT_CHANGE) {
		e->state = incident_path_name(change->path);
		e->worst = worse(e->worst, change->path);
	}
	if ((change->actions & INCIDENT_EARLIER) && change->opened_ns < e->opened_ns) {
		e->opened_ns = change->opened_ns;
		if (e->began_ns > e->opened_ns)
			e->began_ns = e->opened_ns;
	}
	if (change->actions & INCIDENT_CLOSE) {
		e->closed_ns = change->closed_ns > e->opened_ns ? change->closed_ns : e->opened_ns;
		e->closed_by = change->reason;
		e->outage_s = change->outage_s;
	}
	return store_episode_put(s, e);
}

/* The path.change that follows a late one, if one is stored. A sign that the primary path
 * fails is only noted: it ends no failover. */
struct next_change {
	uint64_t self, time_ns;
	enum incident_path to;
	char reason[64];
	double outage_s;
	bool found, fails;
};

static int find_next_change(void *arg, const struct store_event *row)
{
	struct next_change *next = arg;
	struct event e;
	char err[128];

	if (row->n == next->self || event_read(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	next->found = e.has_change && incident_path_parse(e.change.to, &next->to) &&
		      next->to != INCIDENT_FAILING;
	next->fails |= e.has_change && !next->found && next->to == INCIDENT_FAILING;
	next->time_ns = e.time_ns;
	next->outage_s = e.change.outage_s;
	cut_text(e.change.reason ? e.change.reason : "", next->reason, sizeof(next->reason));
	event_clear(&e);
	return next->found;
}

/* Another agent may have told the same, a little earlier or later. */
#define SAME_CHANGE (10 * NS_PER_S)

struct same_change {
	const struct event *e;
	bool found;
};

static int find_same_change(void *arg, const struct store_event *row)
{
	struct same_change *same = arg;
	struct event e;
	char err[128];

	if (event_read(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	same->found = e.has_change && e.change.to && strcmp(e.agent, same->e->agent) != 0 &&
		      strcmp(e.change.to, same->e->change.to) == 0;
	event_clear(&e);
	return same->found;
}

static int join_if_new(struct store *s, uint64_t incident, const struct event *e, uint64_t n)
{
	struct store_filter near = { .device = e->device,
				     .type = "path.change",
				     .incident = incident,
				     .since_ns = e->time_ns - SAME_CHANGE,
				     .until_ns = e->time_ns + SAME_CHANGE };
	struct same_change same = { .e = e };
	int rc = store_events(s, &near, find_same_change, &same);

	if (rc < 0 || same.found)
		return rc < 0 ? rc : 0;
	return correlate_join_event(s, incident, e, n);
}

/*
 * A path.change that is older than the one in force. Inside an episode it joins it. A
 * failover that no episode covers yet becomes one, which ended at the change that
 * followed, or is the beginning of the episode that followed, or lasts still.
 */
static int join_late(struct store *s, const struct event *e, uint64_t n,
		     struct store_path *memory, const struct incident_change *change)
{
	struct store_filter filter = { .device = e->device,
				       .type = "path.change",
				       .since_ns = e->time_ns };
	struct next_change next = { .self = n };
	struct held h = { 0 };
	bool became_lost = false, lasts = false;
	int rc;

	rc = store_episode_at(s, e->device, e->time_ns, &h.e);
	if (rc == 1) {
		hold(&h);
		return join_if_new(s, h.e.incident, e, n);
	}
	if (rc < 0 || change->path <= INCIDENT_FAILING)
		return rc;
	rc = store_events(s, &filter, find_next_change, &next);
	if (rc >= 0 && !next.found && next.fails && !memory->episode &&
	    strcmp(memory->state, incident_path_name(INCIDENT_FAILING)) == 0) {
		next = (struct next_change){ .to = INCIDENT_FAILING, .outage_s = -1 };
		lasts = true;
	}
	if (rc < 0 || (!next.found && !lasts))
		return rc < 0 ? rc : 0;
	rc = next.to > INCIDENT_FAILING ? store_episode_at(s, e->device, next.time_ns, &h.e) : 0;
	if (rc < 0)
		return rc;
	if (rc == 1) {
		hold(&h);
		h.e.opened_ns = h.e.began_ns = e->time_ns;
		h.e.reason = change->reason;
		h.e.worst = worse(h.e.worst, change->path);
		became_lost = change->lost && !h.e.lost;
		h.e.lost |= change->lost;
		rc = store_episode_put(s, &h.e);
	} else {
		const char *path = incident_path_name(change->path);

		h.e = (struct store_episode){ .device = e->device,
					      .began_ns = e->time_ns,
					      .opened_ns = e->time_ns,
					      .closed_ns = next.time_ns,
					      .state = incident_path_name(next.to),
					      .worst = path,
					      .reason = change->reason,
					      .closed_by = lasts ? NULL : next.reason,
					      .outage_s = next.outage_s,
					      .lost = change->lost };
		hold(&h);
		rc = correlate_attach(s, &h.e, change->path, n);
		if (!rc && lasts) {
			memory->episode = h.e.id;
			became_lost = h.e.lost;
			rc = store_path_put(s, e->device, memory);
		}
	}
	if (!rc)
		rc = store_incident_gather(s, h.e.incident, e->device, e->time_ns);
	if (!rc)
		rc = correlate_join_event(s, h.e.incident, e, n);
	return rc ? rc
		  : correlate_refresh(s, &h.e.incident, &h.e, became_lost, n, e->time_ns);
}

static int apply(struct store *s, const struct event *e, uint64_t n, const struct folded *flow,
		 struct store_path *memory, const struct incident_change *change)
{
	unsigned todo = change->actions;
	bool became_lost = false;
	struct held h = { 0 };
	int rc = 0;

	if (todo & INCIDENT_LATE)
		return join_late(s, e, n, memory, change);
	if (!todo)
		return 0;
	if (todo & INCIDENT_OPEN) {
		rc = open_episode(s, e, n, memory, change, &h);
		became_lost = h.e.lost;
		if (!rc) /* at once: others of its subnet are asked below */
			rc = store_path_put(s, e->device, memory);
	} else {
		rc = store_episode_get(s, change->episode, &h.e);
		if (rc <= 0)
			return rc;
		hold(&h);
		rc = 0;
		if (todo & (INCIDENT_CHANGE | INCIDENT_EARLIER | INCIDENT_CLOSE))
			rc = change_episode(s, change, &h, &became_lost);
	}
	if (!rc && (todo & INCIDENT_FIRST_SIGN))
		rc = correlate_join_stored(s, h.e.incident, change->first_sign);
	if (!rc && (todo & INCIDENT_GATHER))
		rc = store_incident_gather(s, h.e.incident, e->device, change->began_ns);
	if (!rc && (todo & INCIDENT_EVENT))
		rc = correlate_join_event(s, h.e.incident, e, n);
	if (!rc && (todo & INCIDENT_FLOW) && flow)
		rc = store_incident_flow(s, h.e.incident, flow->same_as ? flow->same_as : flow->n);
	if (!rc && (todo & INCIDENT_CLOSE))
		rc = store_views_primary(s, e->device);
	if (!rc && (todo & (INCIDENT_OPEN | INCIDENT_CHANGE | INCIDENT_EARLIER)))
		rc = correlate_refresh(s, &h.e.incident, &h.e, became_lost, n, e->time_ns);
	else if (!rc)
		rc = store_incident_touch(s, h.e.incident, e->time_ns, n);
	return rc;
}

struct views {
	const char *agent;
	struct store_view mine;
	struct incident_others others;
};

static int take_view(void *arg, const char *agent, const struct store_view *v)
{
	struct views *views = arg;

	if (strcmp(agent, views->agent) == 0)
		views->mine = *v;
	else
		incident_other(&views->others, v);
	return 0;
}

/* Of a failing primary path: an incident of its subnet may take it in at once, or it and
 * another one that fails are the beginning of one. */
static int ask_subnet(struct store *s, const struct event *e, const struct store_path *memory,
		      bool *open)
{
	enum incident_path to;

	*open = false;
	if (e->type != EVENT_PATH_CHANGE || memory->episode || !e->has_change ||
	    !incident_path_parse(e->change.to, &to) || to != INCIDENT_FAILING ||
	    !incident_is_loss(e->change.to, e->change.reason))
		return 0;
	return correlate_subnet_open(s, e->device, memory->joint, e->time_ns, open);
}

static int correlate_device(struct store *s, const struct event *e, uint64_t n,
			    const struct folded *flow, struct store_path *memory)
{
	struct views views = { .agent = e->agent };
	struct incident_change change;
	bool open = false;
	int rc;

	if (incident_needs_views(memory, e)) {
		rc = store_views(s, e->device, take_view, &views);
		if (!rc && !memory->episode)
			rc = store_episode_ended(s, e->device, &views.others.ended_ns);
		if (!rc)
			rc = ask_subnet(s, e, memory, &open);
		if (rc)
			return rc;
	}
	incident_step(memory, &views.mine, &views.others, open, e, n, &change);
	if (flow && flow->same_as)
		change.actions &= ~(unsigned)INCIDENT_FLOW; /* the other one has joined */
	if (change.view)
		rc = store_view_put(s, e->device, e->agent, &views.mine);
	else
		rc = 0;
	if (!rc)
		rc = apply(s, e, n, flow, memory, &change);
	if (!rc && change.remember)
		rc = store_path_put(s, e->device, memory);
	return rc;
}

/* Alerts that change more than what they are joined to: an agent that is silent is not
 * waited for; a source that has been quiet is gone; a flood is the work of sources. */
static int correlate_alert(struct store *s, const struct event *e, uint64_t n)
{
	bool own = strcmp(e->agent, store_name(s)) == 0;
	const json_t *alert;
	const char *agent, *state;
	json_t *doc;
	int rc = 0;

	if (!e->alert || (strcmp(e->alert, "agent-silent") != 0 &&
			  strcmp(e->alert, "incident") != 0))
		return correlate_flood(s, e, n);
	if (!own)
		return 0;
	doc = correlate_doc(e);
	alert = json_object_get(doc, "alert");
	agent = json_string_value(json_object_get(alert, "agent"));
	state = json_string_value(json_object_get(alert, "state"));
	if (strcmp(e->alert, "incident") == 0)
		rc = correlate_quiet(
			s, (uint64_t)json_integer_value(json_object_get(alert, "incident")), n,
			e->time_ns);
	else if (agent && state && strcmp(state, "raised") == 0)
		rc = store_path_stale(s, agent);
	json_decref(doc);
	return rc;
}

json_t *correlate_doc(const struct event *e)
{
	if (e->doc)
		return json_incref(e->doc);
	if (e->text)
		return json_loadb(e->text, e->text_len, 0, NULL);
	return e->extra ? json_incref(e->extra) : NULL; /* one of our own */
}

int correlate(struct store *s, const struct event *e, uint64_t n, struct folded *flow)
{
	struct store_path memory;
	int rc = 0;

	if (flow && (flow->added || flow->rose || flow->login_rose || flow->turned))
		rc = correlate_twin(s, e, n, flow);
	if (rc)
		return rc;
	if (e->type == EVENT_ALERT)
		rc = correlate_alert(s, e, n);
	if (rc)
		return rc;
	if (!e->device)
		return flow ? correlate_session(s, e, n, flow, NULL) : 0;
	rc = store_path_get(s, e->device, &memory);
	if (rc >= 0)
		rc = correlate_device(s, e, n, flow, &memory);
	if (!rc && e->type == EVENT_PATH_CHANGE)
		rc = correlate_sessions(s, e, n);
	if (rc || !flow)
		return rc;
	rc = correlate_session(s, e, n, flow, &memory);
	if (!rc && memory.joint && flow->rose && e->path == GW_PATH_PRIMARY && !e->flow.outbound)
		rc = correlate_answered(s, memory.joint, e->device, flow->start_ns, n);
	return rc ? rc : correlate_source(s, e, n, flow);
}
