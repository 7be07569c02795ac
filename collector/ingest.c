/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journey of one event, in C. A function that returns int here returns what
 * the store returned: below 0 the entry (STORE_REFUSED) or the whole batch
 * (the rest) is undone.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/incident.h"
#include "collector/ingest.h"
#include "collector/notice.h"
#include "collector/silence.h"
#include "common/event.h"

/* ---- flows ----------------------------------------------------------------- */

/* Parts of the document that describe the flow, not the event about it. */
static const char *const flow_parts[] = { "policy", "device",	   "path",    "service",
					  "source", "destination", "network", "flow",
					  "trust",  "ssh",	   "bgp",     "actor" };

/*
 * The flow's document: each part from the newest event that has it. `old` is the
 * stored one or NULL; when `late`, the event is older than what is stored and only
 * fills in what is missing. Returns malloc()ed text or NULL.
 */
static char *fold_document(const char *old, const struct event *e, bool late)
{
	json_t *doc = old ? json_loads(old, 0, NULL) : NULL;
	char *text;

	if (!doc)
		doc = json_object();
	for (size_t i = 0; i < sizeof(flow_parts) / sizeof(flow_parts[0]); i++) {
		json_t *part = json_object_get(e->doc, flow_parts[i]);

		if (part && !(late && json_object_get(doc, flow_parts[i])))
			json_object_set(doc, flow_parts[i], part);
	}
	text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	return text;
}

/* The columns that only the newest event may set. */
static void fold_newest(struct store_flow *f, const struct event *e)
{
	f->seq = e->seq;
	f->open = e->type != EVENT_FLOW_END;
	f->end_ns = e->flow.end_ns;
	f->state = e->flow.state;
	f->outcome = e->flow.outcome;
	f->source_packets = e->source.packets;
	f->source_bytes = e->source.bytes;
	f->destination_packets = e->destination.packets;
	f->destination_bytes = e->destination.bytes;
}

static void fold_trust(struct store_flow *f, const struct event *e)
{
	f->verdict = event_verdict_name(e->trust.verdict);
	f->list = e->trust.list;
	f->rule = e->trust.has_rule ? (int64_t)e->trust.seq : -1;
	f->prefix = e->trust.has_rule ? e->trust.prefix : NULL;
}

/* Folds a flow event into its row; *n is the row. */
static int store_flow_event(struct store *s, const struct event *e, uint64_t *n)
{
	char source[ADDR_STRLEN], destination[ADDR_STRLEN];
	struct store_flow f = { .rule = -1 };
	bool late;
	char *json;
	int rc;

	rc = store_flow_get(s, e->agent, e->flow.id, &f);
	if (rc < 0)
		return rc;
	late = f.n && e->seq < f.seq;
	json = fold_document(f.json, e, late);
	if (!json)
		return STORE_FAILED;
	f.agent = e->agent;
	f.flow = e->flow.id;
	if (!late)
		fold_newest(&f, e);
	if (!f.start_ns || e->flow.start_ns < f.start_ns)
		f.start_ns = e->flow.start_ns;
	f.established |= incident_outcome_established(e->flow.outcome);
	f.outbound = e->flow.outbound;
	if (e->device && (!late || !f.device)) {
		f.device = e->device;
		f.role = e->role;
	}
	if (event_path_name(e->path))
		f.path = event_path_name(e->path);
	if (event_service_name(e->service))
		f.service = event_service_name(e->service);
	if (e->has_ends && e->source.ip.family && e->destination.ip.family &&
	    (!late || !f.source)) {
		f.source = addr_format(&e->source.ip, source);
		f.source_port = e->source.port;
		f.destination = addr_format(&e->destination.ip, destination);
		f.destination_port = e->destination.port;
	}
	if (e->has_trust && (!late || !f.verdict))
		fold_trust(&f, e);
	if (e->community_id)
		f.community_id = e->community_id;
	if (e->has_actor && e->actor.user && (!late || !f.user))
		f.user = e->actor.user;
	f.json = json;
	rc = store_flow_put(s, &f);
	*n = f.n;
	if (!rc && f.source)
		rc = store_target_seen(s, f.source, e->time_ns);
	if (!rc && f.destination)
		rc = store_target_seen(s, f.destination, e->time_ns);
	free(json);
	return rc;
}

/* ---- incidents ------------------------------------------------------------- */

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
	struct store_incident i = {
		.device = e->device,
		.began_ns = change->began_ns,
		.opened_ns = change->opened_ns,
		.state = path,
		.worst = path,
		.reason = change->reason,
		.outage_s = -1,
	};
	int rc = store_incident_add(s, &i);

	change->incident = memory->incident = i.id;
	return rc;
}

static int change_incident(struct store *s, const struct incident_change *change)
{
	struct store_incident i;
	int rc = store_incident_get(s, change->incident, &i);

	if (rc <= 0)
		return rc;
	i.state = incident_path_name(change->path);
	i.worst = worse(i.worst, change->path);
	if (change->actions & INCIDENT_CLOSE) {
		i.closed_ns = change->closed_ns;
		i.closed_by = change->reason;
		i.outage_s = change->outage_s;
	}
	return store_incident_put(s, &i);
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
	struct store_incident i;
	uint64_t id;
	int rc;

	rc = store_incident_at(s, e->device, e->time_ns, &i);
	if (rc == 0 && change->path > INCIDENT_FAILING) {
		rc = store_events(s, &filter, find_next_change, &next);
		if (rc < 0)
			return rc;
		rc = next.found && next.to > INCIDENT_FAILING
			     ? store_incident_at(s, e->device, next.time_ns, &i)
			     : 0;
		if (rc == 1) {
			i.opened_ns = i.began_ns = e->time_ns;
			i.reason = change->reason;
			i.worst = worse(i.worst, change->path);
			id = i.id;
			rc = store_incident_put(s, &i);
		} else if (rc == 0 && next.found) {
			const char *path = incident_path_name(change->path);

			i = (struct store_incident){ .device = e->device,
						     .began_ns = e->time_ns,
						     .opened_ns = e->time_ns,
						     .closed_ns = next.time_ns,
						     .state = incident_path_name(next.to),
						     .worst = path,
						     .reason = change->reason,
						     .closed_by = next.reason,
						     .outage_s = next.outage_s };
			rc = store_incident_add(s, &i);
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

static int correlate(struct store *s, const struct event *e, uint64_t n, uint64_t flow_n)
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

/* ---- the journey ----------------------------------------------------------- */

/* Why this event cannot be stored, or NULL. */
static const char *unfit(const struct event *e)
{
	if (e->time_ns == 0 || e->time_ns > INT64_MAX || e->flow.start_ns > INT64_MAX ||
	    e->flow.end_ns > INT64_MAX)
		return "a time outside the years 1970 to 2262";
	if (e->has_flow && !e->flow.id)
		return "a flow without an id";
	return NULL;
}

/* STORE_NEW, STORE_DUPLICATE, STORE_CONFLICT or below 0. */
static int store_all(struct store *s, const struct event *e, const struct ingest_entry *entry,
		     uint64_t now_ns)
{
	uint64_t n, flow_n = 0, interval = 0;
	int rc;

	if (e->type == EVENT_AGENT_STATS)
		interval = silence_interval(json_object_get(e->doc, "stats"));
	rc = store_event(s, e, entry->json, entry->len, now_ns, &n);
	if (rc != STORE_NEW)
		return rc;
	rc = store_agent(s, e, entry->json, entry->len, now_ns, interval);
	if (!rc && e->type == EVENT_AGENT_STATS)
		rc = notice_stats(s, e, now_ns);
	if (!rc && e->type == EVENT_AGENT_START)
		rc = store_path_stale(s, e->agent);
	if (!rc && e->type == EVENT_FABRIC_DEVICE && e->device)
		rc = store_device(s, e, entry->json, entry->len, now_ns);
	if (!rc && e->has_flow &&
	    (e->type == EVENT_FLOW_START || e->type == EVENT_FLOW_UPDATE ||
	     e->type == EVENT_FLOW_END))
		rc = store_flow_event(s, e, &flow_n);
	if (!rc)
		rc = correlate(s, e, n, flow_n);
	return rc ? rc : STORE_NEW;
}

static int bury(struct store *s, const struct ingest_entry *entry, uint64_t now_ns,
		const char *reason, struct ingest_counts *counts)
{
	const char *data = entry->json ? entry->json : entry->raw;
	size_t len = entry->json ? entry->len : entry->raw_len;

	counts->dead++;
	snprintf(counts->dead_reason, sizeof(counts->dead_reason), "%s", reason);
	snprintf(counts->dead_entry, sizeof(counts->dead_entry), "%s", entry->id);
	return store_dead_letter(s, entry->id, now_ns, reason, data, len);
}

static int ingest_event(struct store *s, const struct ingest_entry *entry, const struct event *e,
			uint64_t now_ns, struct ingest_counts *counts)
{
	char reason[600];
	int undo, rc;

	rc = store_entry_begin(s);
	if (rc)
		return rc;
	rc = store_all(s, e, entry, now_ns);
	if (rc == STORE_FAILED || rc == STORE_BROKEN)
		return rc;
	if (rc == STORE_REFUSED) {
		snprintf(reason, sizeof(reason), "the store refuses it: %s", store_error(s));
		undo = store_entry_undo(s);
		return undo ? undo : bury(s, entry, now_ns, reason, counts);
	}
	if (rc == STORE_CONFLICT) {
		snprintf(reason, sizeof(reason),
			 "%s/%" PRIu64 " is stored already with other content: two agents have the "
			 "same name, or the agent's outbox was removed and it counts from 1 again "
			 "(give it a new name)",
			 e->agent, e->seq);
		undo = store_entry_undo(s);
		return undo ? undo : bury(s, entry, now_ns, reason, counts);
	}
	if (rc == STORE_NEW)
		counts->stored++;
	else
		counts->duplicates++;
	return store_entry_end(s);
}

int ingest_begin(struct store *s)
{
	return store_begin(s);
}

int ingest_entry(struct store *s, const struct ingest_entry *entry, uint64_t now_real_ns,
		 struct ingest_counts *counts)
{
	const char *why;
	struct event e;
	char err[256];
	int rc;

	if (!entry->json)
		return bury(s, entry, now_real_ns, "the entry has no field \"json\"", counts);
	if (entry->len > INGEST_MAX_JSON)
		return bury(s, entry, now_real_ns, "the document is larger than 1 MiB", counts);
	if (event_decode(entry->json, entry->len, &e, err, sizeof(err)))
		return bury(s, entry, now_real_ns, err, counts);
	why = strcmp(e.agent, store_name(s)) == 0 ? "the name of its agent is the collector's own"
						  : unfit(&e);
	rc = why ? bury(s, entry, now_real_ns, why, counts)
		 : ingest_event(s, entry, &e, now_real_ns, counts);
	event_clear(&e);
	return rc;
}

int ingest_lost(struct store *s, const struct ingest_entry *entry, uint64_t now_real_ns,
		struct ingest_counts *counts)
{
	return bury(s, entry, now_real_ns,
		    "it was trimmed from the stream or deleted before it was acknowledged; if it "
		    "was never stored, its agent's gaps show it",
		    counts);
}

static int store_own(struct store *s, const struct event *e, const char *json, uint64_t now_ns)
{
	uint64_t n;
	int rc = store_event(s, e, json, strlen(json), now_ns, &n);

	if (rc != STORE_NEW)
		return rc < 0 ? rc : STORE_REFUSED;
	return correlate(s, e, n, 0);
}

int ingest_own(struct store *s, struct event *e, uint64_t now_real_ns)
{
	char *json;
	int rc;

	e->agent = store_name(s);
	rc = store_own_next(s, &e->seq);
	if (rc < 0)
		return rc;
	json = event_encode(e);
	if (!json)
		return STORE_FAILED;
	rc = store_own(s, e, json, now_real_ns);
	free(json);
	return rc;
}

int ingest_commit(struct store *s)
{
	int rc = store_commit(s);

	if (rc)
		store_rollback(s);
	return rc;
}
