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

#include "collector/base/metrics.h"
#include "collector/correlate/correlate.h"
#include "collector/correlate/fold.h"
#include "collector/ingest/ahead.h"
#include "collector/ingest/alerting.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/notice.h"
#include "collector/rules/silence.h"
#include "collector/store/derive.h"
#include "collector/store/episode.h"
#include "collector/store/fleet.h"
#include "collector/store/metrics.h"
#include "collector/store/source.h"
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
	return store_target_armed(s, target, e->device, json_is_true(armed), e->time_ns);
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

/* STORE_NEW, STORE_DUPLICATE, STORE_CONFLICT or below 0. derived: derive_event() follows
 * in this transaction. */
static int record_event(struct store *s, const struct ahead_item *item, uint64_t now_ns,
			bool derived, uint64_t *place)
{
	const struct ingest_entry *entry = item->entry;
	const struct event *e = &item->event;
	uint64_t lap = metrics_clock(metrics_of(s));
	int rc;

	rc = store_record(s, e, entry->json, entry->len, now_ns,
			  item->hashed ? &item->digest : NULL, derived, place);
	if (rc == STORE_NEW) {
		int agent = store_agent(s, e, now_ns);

		rc = agent ? agent : STORE_NEW;
	}
	metrics_lap(metrics_of(s), METRIC_EVENT_SECONDS, METRICS_STORE, lap);
	return rc;
}

/* Statistics that are older than those of the agent that are known tell nothing: by their
 * counters it would have begun anew. */
static int take_stats(struct store *s, const struct event *e, const char *json, size_t len,
		      uint64_t stored_ns)
{
	int rc = store_agent_stats(s, e, json, len,
				   silence_interval(json_object_get(e->doc, "stats")));

	return rc == 1 ? notice_stats(s, e, stored_ns) : rc;
}

/* The configuration of a device. *old: one that is newer is known. */
static int take_device(struct store *s, const struct event *e, const char *json, size_t len,
		       uint64_t stored_ns, bool *old)
{
	int rc = store_device(s, e, json, len, stored_ns);

	*old = rc == 0;
	if (rc != 1)
		return rc;
	rc = store_device_says(s, e->device, json_object_get(e->doc, "fabric"));
	return rc ? rc : store_site_put(s, e->device, json, len);
}

/* All that follows from an event of the record, which was stored then. */
static int derive_event(struct store *s, struct event *e, const char *json, size_t len,
			uint64_t place, uint64_t stored_ns)
{
	uint64_t n, lap = metrics_clock(metrics_of(s));
	struct folded flow = { 0 };
	bool old = false;
	int rc = store_event_row(s, e, place, stored_ns, &n);

	if (!rc && e->type == EVENT_AGENT_STATS)
		rc = take_stats(s, e, json, len, stored_ns);
	if (!rc && (e->type == EVENT_AGENT_START || e->type == EVENT_AGENT_STOP))
		rc = store_path_stale(s, e->agent);
	if (!rc && e->type == EVENT_FABRIC_DEVICE && e->device)
		rc = take_device(s, e, json, len, stored_ns, &old);
	if (!rc && is_flow(e))
		rc = fold_flow(s, e, n, &flow);
	if (!rc && !is_flow(e) && e->has_ends)
		rc = store_source_seen(s, &e->source.ip);
	if (!rc && e->type == EVENT_BGP_ROUTE)
		rc = store_route(s, e);
	if (!rc)
		rc = correlate(s, e, n, flow.n ? &flow : NULL);
	if (!rc && !old)
		rc = alerting_event(s, e, n, stored_ns);
	if (!rc)
		rc = note(s, e, flow.n, stored_ns);
	metrics_lap(metrics_of(s), METRIC_EVENT_SECONDS, METRICS_DERIVE, lap);
	return rc;
}

static void note_dead(struct store *s, const char *entry, const char *reason,
		      struct ingest_counts *counts)
{
	counts->dead++;
	metrics_note(store_counts(s), METRIC_DEAD, 0, 1);
	snprintf(counts->dead_reason, sizeof(counts->dead_reason), "%s", reason);
	snprintf(counts->dead_entry, sizeof(counts->dead_entry), "%s", entry);
}

static int bury(struct store *s, const struct ingest_entry *entry, uint64_t now_ns,
		const char *reason, struct ingest_counts *counts)
{
	const char *data = entry->json ? entry->json : entry->raw;
	size_t len = entry->json ? entry->len : entry->raw_len;

	note_dead(s, entry->id, reason, counts);
	return store_dead_letter(s, entry->id, now_ns, reason, data, len);
}

/* What record_event() answered, other than an error. A conflict has changed nothing. */
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

/* The end of what store_entry_begin() began, which went so far. STORE_REFUSED: nothing
 * of it stays, and reason says why. */
static int end_entry(struct store *s, int rc, char *reason, size_t size)
{
	int end;

	if (rc == STORE_FAILED || rc == STORE_BROKEN)
		return rc;
	if (rc != STORE_REFUSED) {
		end = store_entry_end(s);
		if (end != STORE_REFUSED)
			return end ? end : rc;
	}
	snprintf(reason, size, "the store refuses it: %s", store_error(s));
	end = store_entry_undo(s);
	return end ? end : STORE_REFUSED;
}

/* What cannot be derived stays in the record; a dead letter tells of it. */
static int refuse(struct store *s, const char *json, size_t len, uint64_t place, uint64_t stored_ns,
		  const char *why, struct ingest_counts *counts)
{
	char reason[700], entry[40];

	snprintf(entry, sizeof(entry), "place %" PRIu64, place);
	snprintf(reason, sizeof(reason), "it is in the record, but not in any list: %s", why);
	note_dead(s, entry, reason, counts);
	return store_not_derived(s, place, stored_ns, reason, json, len);
}

static int derive_careful(struct store *s, struct event *e, const char *json, size_t len,
			  uint64_t place, uint64_t stored_ns, struct ingest_counts *counts)
{
	char why[600];
	int rc = store_entry_begin(s);

	if (rc)
		return rc;
	rc = end_entry(s, derive_event(s, e, json, len, place, stored_ns), why, sizeof(why));
	return rc == STORE_REFUSED ? refuse(s, json, len, place, stored_ns, why, counts) : rc;
}

static int record_careful(struct store *s, struct ahead_item *item, uint64_t now_ns, bool derived,
			  struct ingest_counts *counts)
{
	const struct ingest_entry *entry = item->entry;
	struct event *e = &item->event;
	char reason[600];
	uint64_t place;
	int rc = store_entry_begin(s), new;

	if (rc)
		return rc;
	new = record_event(s, item, now_ns, derived, &place);
	new = end_entry(s, new, reason, sizeof(reason));
	if (new == STORE_REFUSED)
		return bury(s, entry, now_ns, reason, counts);
	rc = new < 0 ? new : settle(s, entry, e, now_ns, new, counts);
	if (rc || new != STORE_NEW || !derived)
		return rc;
	rc = derive_careful(s, e, entry->json, entry->len, place, now_ns, counts);
	return rc ? rc : store_derived_all(s);
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

struct taking {
	struct store *s;
	bool careful; /* with a way back for each one alone; else STORE_REFUSED: something of
		       * it was refused */
	bool derived; /* what follows is derived at once */
	uint64_t now_ns;
	struct ingest_counts *counts;
};

static int take_item(const struct taking *t, struct ahead_item *item)
{
	const struct ingest_entry *entry = item->entry;
	struct event *e = &item->event;
	uint64_t place;
	int rc = admit(t->s, item, t->now_ns, t->counts), new;

	if (rc)
		return rc < 0 ? rc : 0;
	if (t->careful)
		return record_careful(t->s, item, t->now_ns, t->derived, t->counts);
	new = record_event(t->s, item, t->now_ns, t->derived, &place);
	rc = new < 0 ? new : settle(t->s, entry, e, t->now_ns, new, t->counts);
	if (rc || new != STORE_NEW || !t->derived)
		return rc;
	return derive_event(t->s, e, entry->json, entry->len, place, t->now_ns);
}

static int take(struct taking *t, struct ahead *a)
{
	struct ahead_item *item;
	uint64_t lag;
	int rc = store_lag(t->s, &lag);

	t->derived = t->derived && lag == 0; /* what came before comes first */
	while (!rc && (item = ahead_next(a)) != NULL)
		rc = take_item(t, item);
	return !rc && t->derived ? store_derived_all(t->s) : rc;
}

int ingest_take(struct store *s, struct ahead *a, bool derived, struct ingest_counts *counts)
{
	struct taking t = {
		.s = s, .derived = derived, .now_ns = ahead_stored(a), .counts = counts
	};
	struct ingest_counts before = *counts;
	int rc = take(&t, a);

	if (!rc)
		rc = store_flush(s); /* what is refused is told by now */
	if (rc != STORE_REFUSED)
		return rc;
	/* A savepoint for each costs as much as a third of the rest. */
	*counts = before;
	t.careful = true;
	t.derived = derived;
	ahead_again(a);
	store_rollback(s);
	rc = store_begin(s);
	return rc ? rc : take(&t, a);
}

/* careful: each has its way back, and nothing else of the transaction is undone. */
static int ingest(struct store *s, const struct ingest_entry *entries, size_t n, bool derived,
		  bool careful, uint64_t now_ns, struct ingest_counts *counts)
{
	struct taking t = {
		.s = s, .careful = true, .derived = derived, .now_ns = now_ns, .counts = counts
	};
	struct readers *r = readers_new(metrics_of(s));
	struct ahead *a = r ? ahead_begin(r, entries, n, derived, now_ns) : NULL;
	int rc = !a ? STORE_FAILED : careful ? take(&t, a) : ingest_take(s, a, derived, counts);

	ahead_end(a);
	readers_free(r);
	return rc;
}

int ingest_entry(struct store *s, const struct ingest_entry *entry, uint64_t now_real_ns,
		 struct ingest_counts *counts)
{
	return ingest(s, entry, 1, true, true, now_real_ns, counts);
}

int ingest_batch(struct store *s, const struct ingest_entry *entries, size_t n,
		 uint64_t now_real_ns, struct ingest_counts *counts)
{
	return ingest(s, entries, n, true, false, now_real_ns, counts);
}

int ingest_record(struct store *s, const struct ingest_entry *entries, size_t n,
		  uint64_t now_real_ns, struct ingest_counts *counts)
{
	return ingest(s, entries, n, false, false, now_real_ns, counts);
}

/* ---- what was left for later ------------------------------------------------ */

struct ingest_later {
	struct readers *readers; /* borrowed */
	struct store_batch batch;
	struct ingest_entry entries[STORE_BATCH_ROWS];
};

struct ingest_later *ingest_later_new(struct readers *r)
{
	struct ingest_later *l = calloc(1, sizeof(*l));

	if (l)
		l->readers = r;
	return l;
}

void ingest_later_free(struct ingest_later *l)
{
	if (l)
		store_batch_clear(&l->batch);
	free(l);
}

static int derive_item(struct store *s, struct ahead_item *item, const struct store_batch_row *at,
		       bool careful, struct ingest_counts *counts)
{
	const char *json = item->entry->json;
	uint64_t stored_ns = at->row->stored_ns;
	size_t len = item->entry->len;
	int rc;

	if (item->failed)
		return STORE_FAILED;
	if (item->why)
		rc = refuse(s, json, len, at->place, stored_ns, item->why, counts);
	else if (careful)
		rc = derive_careful(s, &item->event, json, len, at->place, stored_ns, counts);
	else
		rc = derive_event(s, &item->event, json, len, at->place, stored_ns);
	if (!rc)
		store_derived_put(s, at->place);
	return rc;
}

static int derive_batch(struct store *s, struct ingest_later *l, bool careful,
			struct ingest_counts *counts)
{
	struct store_batch *b = &l->batch;
	struct ahead_item *item;
	struct ahead *a;
	int rc = store_batch_next(s, b);

	if (!rc)
		rc = store_twins_ask(s, b);
	if (rc)
		return rc;
	for (unsigned i = 0; i < b->n; i++)
		l->entries[i] = (struct ingest_entry){ .json = b->rows[i].row->json,
						       .len = b->rows[i].row->json_len };
	a = ahead_begin(l->readers, l->entries, b->n, true, 0);
	rc = a ? 0 : STORE_FAILED;
	while (!rc && (item = ahead_next(a)) != NULL)
		rc = derive_item(s, item, &b->rows[item->entry - l->entries], careful, counts);
	ahead_end(a);
	if (rc)
		return rc;
	store_derived_put(s, b->upto);
	if (b->n_blocks == STORE_BATCH_BLOCKS)
		return 1;
	return store_derived_all(s); /* what stands behind is our own of now */
}

int ingest_derive(struct store *s, struct ingest_later *l, struct ingest_counts *counts)
{
	struct ingest_counts before = *counts;
	int rc = derive_batch(s, l, false, counts), flush;

	if (rc >= 0 && (flush = store_flush(s)) != 0)
		rc = flush;
	if (rc != STORE_REFUSED)
		return rc;
	*counts = before;
	store_rollback(s);
	rc = store_begin(s);
	if (!rc)
		rc = derive_batch(s, l, true, counts);
	/* What is refused next must not undo it again. */
	if (rc >= 0 && (flush = store_commit(s)) != 0)
		rc = flush;
	if (rc >= 0 && (flush = store_begin(s)) != 0)
		rc = flush;
	return rc;
}

int ingest_commit(struct store *s)
{
	int rc = store_commit(s);

	if (rc)
		store_rollback(s);
	return rc;
}
