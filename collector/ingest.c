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

#include "collector/alerting.h"
#include "collector/correlate.h"
#include "collector/fold.h"
#include "collector/ingest.h"
#include "collector/ingest_ahead.h"
#include "collector/metrics.h"
#include "collector/notice.h"
#include "collector/silence.h"
#include "collector/store_episode.h"
#include "collector/store_fleet.h"
#include "collector/store_metrics.h"
#include "common/event.h"

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

/* A route says whether a device's lo6 is announced. */
static int store_route(struct store *s, const struct event *e)
{
	const json_t *route = json_object_get(json_object_get(e->doc, "bgp"), "route");
	const char *target = json_string_value(json_object_get(route, "target"));
	const json_t *armed = json_object_get(route, "armed");

	if (!target || !json_is_boolean(armed))
		return 0;
	return store_target_armed(s, target, json_is_true(armed), e->time_ns);
}

static struct metrics *metrics_of(struct store *s)
{
	return metrics_log_to(store_counts(s));
}

static bool is_flow(const struct event *e)
{
	return e->has_flow && (e->type == EVENT_FLOW_START || e->type == EVENT_FLOW_UPDATE ||
			       e->type == EVENT_FLOW_END);
}

/* A new event is counted, and what it tells of a flow. */
static int note(struct store *s, const struct event *e, uint64_t flow_n, uint64_t now_ns)
{
	struct metrics_log *log = store_counts(s);
	enum metrics_justified justified;
	int rc;

	metrics_note(log, METRIC_EVENTS, e->type, 1);
	metrics_note(log, METRIC_DELAY_SECONDS, 0, now_ns > e->time_ns ? now_ns - e->time_ns : 0);
	if (!log || !is_flow(e))
		return 0;
	if (e->type == EVENT_FLOW_START)
		metrics_note(log, METRIC_FLOWS_STARTED,
			     metrics_series(METRIC_FLOWS_STARTED, e->service, e->path,
					    e->trust.verdict, 0),
			     1);
	if (e->type != EVENT_FLOW_END)
		return 0;
	metrics_note(log, METRIC_FLOWS,
		     metrics_series(METRIC_FLOWS, e->service, e->path, e->trust.verdict,
				    metrics_outcome(e->flow.outcome)),
		     1);
	if (e->service != GW_SERVICE_SSH || e->path != GW_PATH_INBAND)
		return 0;
	rc = store_metrics_session(s, flow_n, &justified);
	if (rc > 0)
		metrics_note(log, METRIC_SESSIONS, justified, 1);
	return rc < 0 ? rc : 0;
}

/* STORE_NEW, STORE_DUPLICATE, STORE_CONFLICT or below 0. */
static int store_all(struct store *s, struct event *e, const struct ingest_entry *entry,
		     uint64_t now_ns)
{
	struct folded flow = { 0 };
	uint64_t n, interval = 0, lap = metrics_clock(metrics_of(s));
	int rc;

	if (e->type == EVENT_AGENT_STATS)
		interval = silence_interval(json_object_get(e->doc, "stats"));
	rc = store_event(s, e, entry->json, entry->len, now_ns, &n);
	lap = metrics_lap(metrics_of(s), METRIC_EVENT_SECONDS, METRICS_STORE, lap);
	if (rc != STORE_NEW)
		return rc;
	rc = store_agent(s, e, entry->json, entry->len, now_ns, interval);
	if (!rc && e->type == EVENT_AGENT_STATS)
		rc = notice_stats(s, e, now_ns);
	if (!rc && (e->type == EVENT_AGENT_START || e->type == EVENT_AGENT_STOP))
		rc = store_path_stale(s, e->agent);
	if (!rc && e->type == EVENT_FABRIC_DEVICE && e->device)
		rc = store_device(s, e, entry->json, entry->len, now_ns);
	if (!rc && e->type == EVENT_FABRIC_DEVICE && e->device)
		rc = store_device_trust(s, e->device, json_object_get(e->doc, "fabric"));
	if (!rc && e->type == EVENT_FABRIC_DEVICE && e->device)
		rc = store_site_put(s, e->device, entry->json, entry->len);
	if (!rc && is_flow(e))
		rc = fold_flow(s, e, n, &flow);
	if (!rc && e->type == EVENT_BGP_ROUTE)
		rc = store_route(s, e);
	if (!rc)
		rc = correlate(s, e, n, flow.n ? &flow : NULL);
	if (!rc)
		rc = alerting_event(s, e, n, now_ns);
	if (!rc)
		rc = note(s, e, flow.n, now_ns);
	metrics_lap(metrics_of(s), METRIC_EVENT_SECONDS, METRICS_DERIVE, lap);
	return rc ? rc : STORE_NEW;
}

static int bury(struct store *s, const struct ingest_entry *entry, uint64_t now_ns,
		const char *reason, struct ingest_counts *counts)
{
	const char *data = entry->json ? entry->json : entry->raw;
	size_t len = entry->json ? entry->len : entry->raw_len;

	counts->dead++;
	metrics_note(store_counts(s), METRIC_DEAD, 0, 1);
	snprintf(counts->dead_reason, sizeof(counts->dead_reason), "%s", reason);
	snprintf(counts->dead_entry, sizeof(counts->dead_entry), "%s", entry->id);
	return store_dead_letter(s, entry->id, now_ns, reason, data, len);
}

/* What store_all() answered, other than an error. A conflict has changed nothing. */
static int settle(struct store *s, const struct ingest_entry *entry, const struct event *e,
		  uint64_t now_ns, int rc, struct ingest_counts *counts)
{
	char reason[600];

	if (rc == STORE_CONFLICT) {
		snprintf(reason, sizeof(reason),
			 "%s/%" PRIu64 " is stored already with other content: two agents have the "
			 "same name, or the agent's outbox was removed and it counts from 1 again "
			 "(give it a new name)",
			 e->agent, e->seq);
		return bury(s, entry, now_ns, reason, counts);
	}
	if (rc == STORE_NEW) {
		counts->stored++;
		return 0;
	}
	counts->duplicates++;
	metrics_note(store_counts(s), METRIC_DUPLICATES, 0, 1);
	return 0;
}

/* Whatever the store refuses of it, nothing of it stays. */
static int ingest_event(struct store *s, const struct ingest_entry *entry, struct event *e,
			uint64_t now_ns, struct ingest_counts *counts)
{
	char reason[600];
	int rc = store_entry_begin(s), end;

	if (rc)
		return rc;
	rc = store_all(s, e, entry, now_ns);
	if (rc == STORE_FAILED || rc == STORE_BROKEN)
		return rc;
	if (rc == STORE_REFUSED)
		snprintf(reason, sizeof(reason), "the store refuses it: %s", store_error(s));
	end = rc == STORE_REFUSED ? store_entry_undo(s) : store_entry_end(s);
	if (end)
		return end;
	return rc == STORE_REFUSED ? bury(s, entry, now_ns, reason, counts)
				   : settle(s, entry, e, now_ns, rc, counts);
}

int ingest_begin(struct store *s)
{
	return store_begin(s);
}

/* 0: it is an event that may be stored. 1: it was buried. */
static int admit(struct store *s, const struct ahead_item *item, uint64_t now_ns,
		 struct ingest_counts *counts)
{
	const char *why = item->why;
	int rc;

	if (!why && item->failed)
		return STORE_FAILED;
	if (!why)
		why = strcmp(item->event.agent, store_name(s)) == 0
			      ? "the name of its agent is the collector's own"
			      : unfit(&item->event);
	if (!why)
		return 0;
	rc = bury(s, item->entry, now_ns, why, counts);
	return rc ? rc : 1;
}

/* careful: with a way back for this one alone. Else STORE_REFUSED: something of it was
 * refused. */
static int ingest_item(struct store *s, struct ahead_item *item, bool careful, uint64_t now_ns,
		       struct ingest_counts *counts)
{
	struct event *e = &item->event;
	int rc = admit(s, item, now_ns, counts);

	if (rc)
		return rc < 0 ? rc : 0;
	if (careful)
		return ingest_event(s, item->entry, e, now_ns, counts);
	rc = store_all(s, e, item->entry, now_ns);
	return rc < 0 ? rc : settle(s, item->entry, e, now_ns, rc, counts);
}

static int ingest_all(struct store *s, const struct ingest_entry *entries, size_t n, bool careful,
		      uint64_t now_ns, struct ingest_counts *counts)
{
	struct ahead *a = ahead_begin(entries, n, metrics_of(s));
	struct ahead_item *item;
	int rc = a ? 0 : STORE_FAILED;

	while (!rc && (item = ahead_next(a)) != NULL)
		rc = ingest_item(s, item, careful, now_ns, counts);
	ahead_end(a);
	return rc;
}

int ingest_entry(struct store *s, const struct ingest_entry *entry, uint64_t now_real_ns,
		 struct ingest_counts *counts)
{
	return ingest_all(s, entry, 1, true, now_real_ns, counts);
}

int ingest_batch(struct store *s, const struct ingest_entry *entries, size_t n,
		 uint64_t now_real_ns, struct ingest_counts *counts)
{
	struct ingest_counts before = *counts;
	int rc = ingest_all(s, entries, n, false, now_real_ns, counts);

	if (!rc)
		rc = store_flush(s); /* what is refused is told by now */
	if (rc != STORE_REFUSED)
		return rc;
	/* A savepoint for each costs as much as a third of the rest. */
	*counts = before;
	store_rollback(s);
	rc = store_begin(s);
	return rc ? rc : ingest_all(s, entries, n, true, now_real_ns, counts);
}

static int store_own(struct store *s, const struct event *e, const char *json, uint64_t now_ns,
		     uint64_t *n)
{
	int rc = store_event(s, e, json, strlen(json), now_ns, n);

	if (rc != STORE_NEW)
		return rc < 0 ? rc : STORE_REFUSED;
	metrics_note(store_counts(s), METRIC_EVENTS, e->type, 1);
	return correlate(s, e, *n, NULL);
}

int ingest_own(struct store *s, struct event *e, uint64_t now_real_ns, uint64_t *n)
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
	rc = store_own(s, e, json, now_real_ns, n);
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
