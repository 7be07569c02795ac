/* SPDX-License-Identifier: Apache-2.0 */
/* Carries what incident.h judges to the store. */
#include "collector/correlate.h"

#include <stdio.h>
#include <string.h>

#include "collector/incident.h"

/* The flows that a path.change names as its evidence. */
static int join_evidence(struct store *s, uint64_t incident, const struct event *e)
{
	struct store_flow f;
	int rc = 0;

	for (unsigned i = 0; e->has_change && i < e->change.evidence_n && rc >= 0; i++) {
		rc = store_flow_get(s, e->agent, e->change.evidence[i], &f);
		if (rc == 1)
			rc = store_incident_flow(s, incident, f.n);
	}
	return rc < 0 ? rc : 0;
}

struct join {
	struct store *s;
	uint64_t incident;
};

static int join_first_sign(void *arg, const struct store_event *row)
{
	struct join *join = arg;
	struct event e;
	char err[128];
	int rc;

	if (event_decode(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	rc = store_incident_event(join->s, join->incident, row->n);
	if (!rc)
		rc = join_evidence(join->s, join->incident, &e);
	event_clear(&e);
	return rc;
}

/* The worse of two words; what is not a word is never worse. */
static const char *worse(const char *a, enum incident_path b)
{
	enum incident_path known;

	return incident_path_parse(a, &known) && known >= b ? a : incident_path_name(b);
}

static int open_incident(struct store *s, const struct event *e, struct store_path *memory,
			 struct incident_change *change)
{
	const char *path = incident_path_name(change->path);
	struct store_episode i = {
		.device = e->device,
		.began_ns = change->began_ns,
		.opened_ns = change->opened_ns,
		.state = path,
		.worst = path,
		.reason = change->reason,
		.outage_s = -1,
	};
	int rc = store_episode_add(s, &i);

	change->incident = memory->incident = i.id;
	return rc;
}

static int change_incident(struct store *s, const struct incident_change *change)
{
	struct store_episode i;
	int rc = store_episode_get(s, change->incident, &i);

	if (rc <= 0)
		return rc;
	i.state = incident_path_name(change->path);
	i.worst = worse(i.worst, change->path);
	if (change->actions & INCIDENT_CLOSE) {
		i.closed_ns = change->closed_ns;
		i.closed_by = change->reason;
		i.outage_s = change->outage_s;
	}
	return store_episode_put(s, &i);
}

/* The path.change that follows a late one, if one is stored. */
struct next_change {
	uint64_t self, time_ns;
	enum incident_path to;
	char reason[64];
	double outage_s;
	bool found;
};

static int find_next_change(void *arg, const struct store_event *row)
{
	struct next_change *next = arg;
	struct event e;
	char err[128];

	if (row->n == next->self ||
	    event_decode(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	next->found = e.has_change && incident_path_parse(e.change.to, &next->to);
	next->time_ns = e.time_ns;
	next->outage_s = e.change.outage_s;
	snprintf(next->reason, sizeof(next->reason), "%s", e.change.reason ? e.change.reason : "");
	event_clear(&e);
	return next->found;
}

/*
 * A path.change that is older than the one in force. Inside an incident it joins
 * it. A failover that no incident covers yet becomes one, which ended at the
 * change that followed, or is the beginning of the incident that followed.
 */
static int join_late(struct store *s, const struct event *e, uint64_t n,
		     const struct incident_change *change)
{
	struct store_filter filter = { .device = e->device,
				       .type = "path.change",
				       .since_ns = e->time_ns };
	struct next_change next = { .self = n };
	struct store_episode i;
	uint64_t id;
	int rc;

	rc = store_episode_at(s, e->device, e->time_ns, &i);
	if (rc == 0 && change->path > INCIDENT_FAILING) {
		rc = store_events(s, &filter, find_next_change, &next);
		if (rc < 0)
			return rc;
		rc = next.found && next.to > INCIDENT_FAILING
			     ? store_episode_at(s, e->device, next.time_ns, &i)
			     : 0;
		if (rc == 1) {
			i.opened_ns = i.began_ns = e->time_ns;
			i.reason = change->reason;
			i.worst = worse(i.worst, change->path);
			id = i.id;
			rc = store_episode_put(s, &i);
		} else if (rc == 0 && next.found) {
			const char *path = incident_path_name(change->path);

			i = (struct store_episode){ .device = e->device,
						     .began_ns = e->time_ns,
						     .opened_ns = e->time_ns,
						     .closed_ns = next.time_ns,
						     .state = incident_path_name(next.to),
						     .worst = path,
						     .reason = change->reason,
						     .closed_by = next.reason,
						     .outage_s = next.outage_s };
			rc = store_episode_add(s, &i);
			id = i.id;
		} else {
			return rc;
		}
		if (!rc)
			rc = store_incident_gather(s, id, e->device, e->time_ns);
	} else if (rc == 1) {
		id = i.id;
		rc = 0;
	} else {
		return rc;
	}
	if (!rc)
		rc = store_incident_event(s, id, n);
	return rc ? rc : join_evidence(s, id, e);
}

static int apply(struct store *s, const struct event *e, uint64_t n, uint64_t flow_n,
		 struct store_path *memory, struct incident_change *change)
{
	unsigned todo = change->actions;
	int rc = 0;

	if (todo & INCIDENT_LATE)
		return join_late(s, e, n, change);
	if (todo & INCIDENT_OPEN)
		rc = open_incident(s, e, memory, change);
	if (!rc && (todo & INCIDENT_FIRST_SIGN)) {
		struct store_filter one = {
			.after = change->first_sign - 1, .limit = 1, .oldest = true, .arrival = true
		};
		struct join join = { s, change->incident };

		rc = store_events(s, &one, join_first_sign, &join);
	}
	if (!rc && (todo & INCIDENT_GATHER))
		rc = store_incident_gather(s, change->incident, e->device, change->began_ns);
	if (!rc && (todo & (INCIDENT_CHANGE | INCIDENT_CLOSE)))
		rc = change_incident(s, change);
	if (!rc && (todo & INCIDENT_EVENT))
		rc = store_incident_event(s, change->incident, n);
	if (!rc && (todo & INCIDENT_EVENT))
		rc = join_evidence(s, change->incident, e);
	if (!rc && (todo & INCIDENT_FLOW) && flow_n)
		rc = store_incident_flow(s, change->incident, flow_n);
	return rc;
}

int correlate(struct store *s, const struct event *e, uint64_t n, uint64_t flow_n)
{
	struct incident_change change;
	struct store_path memory;
	bool remember;
	int rc;

	if (!e->device)
		return 0;
	rc = store_path_get(s, e->device, &memory);
	if (rc < 0)
		return rc;
	remember = incident_step(&memory, e, n, &change);
	rc = apply(s, e, n, flow_n, &memory, &change);
	if (!rc && remember)
		rc = store_path_put(s, e->device, &memory);
	return rc;
}
