/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/retain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/parts.h"
#include "collector/store/source.h"

#define OVERHEAD 900 /* bytes of an event besides its document: columns, indexes, links, flow */
#define COLUMNS "number, first, last, before, hash, events, oldest, newest, removed, why"

static void take_segment(struct db_row *row, struct store_segment *x)
{
	*x = (struct store_segment){ .number = db_u64(row, 0),
				     .first = db_u64(row, 1),
				     .last = db_u64(row, 2),
				     .events = db_u64(row, 5),
				     .oldest_ns = db_u64(row, 6),
				     .newest_ns = db_u64(row, 7),
				     .removed_ns = db_u64(row, 8),
				     .why = db_text(row, 9) };
	store_column_hash(row, 3, &x->before);
	store_column_hash(row, 4, &x->hash);
}

struct segment_call {
	store_segment_fn *fn;
	void *arg;
};

static int take_row(void *arg, struct db_row *row)
{
	struct segment_call *call = arg;
	struct store_segment x;

	take_segment(row, &x);
	return call->fn(call->arg, &x);
}

int store_segments(struct store *s, store_segment_fn *fn, void *arg)
{
	struct segment_call call = { fn, arg };

	return db_each(s->db, take_row, &call, "SELECT " COLUMNS " FROM segments ORDER BY number",
		       "");
}

/* ---- sealing --------------------------------------------------------------- */

/* x after the newest segment: number, first, before. */
static int begin_segment(struct store *s, struct store_segment *x)
{
	struct db_row *row = NULL;
	int rc;

	memset(x, 0, sizeof(*x));
	rc = db_get(s->db, &row, "SELECT " COLUMNS " FROM segments ORDER BY number DESC LIMIT 1",
		    "");
	if (rc < 0)
		return rc;
	if (rc) {
		struct store_segment newest;

		take_segment(row, &newest);
		x->number = newest.number + 1;
		x->first = newest.last + 1;
		x->before = newest.hash;
		x->oldest_ns = newest.newest_ns;
		return 0;
	}
	x->number = x->first = 1;
	if (!chain_first(s->digest, s->id, &x->before))
		return db_say(s->db, STORE_FAILED, "%s: libcrypto does not give a SHA-256",
			      db_name(s->db));
	return 0;
}

static int end_segment(struct store *s, struct db_row *anchor, struct store_segment *x)
{
	struct db_row *row = NULL;
	int rc;

	x->last = db_u64(anchor, 0);
	store_column_hash(anchor, 1, &x->hash);
	x->newest_ns = db_u64(anchor, 2);
	x->why = "";
	rc = db_get(s->db, &row,
		    "SELECT CAST(SUM(events) AS BIGINT) FROM blocks WHERE first >= $1"
		    " AND first <= $2",
		    "ii", x->first, x->last);
	if (rc == 1)
		x->events = db_u64(row, 0);
	return rc < 0 ? rc : 1;
}

int store_seal_older(struct store *s, uint64_t anchored_before_ns, struct store_segment *x)
{
	struct db_row *row = NULL;
	int rc = store_chain_head(s);

	if (!rc)
		rc = begin_segment(s, x);
	if (!rc)
		rc = db_get(s->db, &row,
			    "SELECT place, hash, time FROM anchors WHERE place >= $1"
			    " AND time < $2 AND place <= $3 ORDER BY number DESC LIMIT 1",
			    "iii", x->first, anchored_before_ns, s->derived);
	return rc <= 0 ? rc : end_segment(s, row, x);
}

int store_seal_places(struct store *s, uint64_t places, struct store_segment *x)
{
	struct db_row *row = NULL;
	int rc = store_chain_head(s);

	if (!rc)
		rc = begin_segment(s, x);
	if (!rc)
		rc = db_get(s->db, &row,
			    "SELECT place, hash, time FROM anchors WHERE place >= $1"
			    " AND place <= $2 ORDER BY number LIMIT 1",
			    "ii", x->first + (places ? places - 1 : 0), s->derived);
	return rc <= 0 ? rc : end_segment(s, row, x);
}

int store_seal(struct store *s, const struct store_segment *x)
{
	return store_done(db_run(s->db,
				 "INSERT INTO segments (" COLUMNS
				 ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)",
				 "iiibbiiit", x->number, x->first, x->last, x->before.bytes,
				 sizeof(x->before.bytes), x->hash.bytes, sizeof(x->hash.bytes),
				 x->events, x->oldest_ns, x->newest_ns, x->why));
}

int store_seal_oldest(struct store *s, uint64_t *ns)
{
	struct store_segment x;
	struct db_row *row = NULL;
	int rc = begin_segment(s, &x);

	*ns = 0;
	if (!rc)
		rc = db_get(s->db, &row,
			    "SELECT time FROM anchors WHERE place >= $1 ORDER BY number LIMIT 1",
			    "i", x.first);
	if (rc == 1)
		*ns = db_u64(row, 0);
	return store_done(rc);
}

/* ---- removing -------------------------------------------------------------- */

/* What is over goes with the newest event that changed it, so its age is that of the
 * record, whatever the clocks of those who told of it. $1: events.n of the newest event
 * that goes. */
#define OF_OPEN_INCIDENT(flow)                                                                     \
	"EXISTS (SELECT 1 FROM incident_flows j JOIN incidents i ON i.id = j.incident"             \
	" WHERE j.flow = " flow ".n AND i.closed IS NULL)"
#define IS_OVER(flow)                                                                              \
	flow ".open = 0 AND " flow ".updated <= $1 AND NOT " OF_OPEN_INCIDENT(flow)
/* One that another agent saw too stays as long as what that one told: it is the one that
 * is counted. */
#define GOES                                                                                       \
	IS_OVER("flows")                                                                           \
	" AND NOT EXISTS (SELECT 1 FROM flows t WHERE t.same_as = flows.n"                         \
	" AND NOT (" IS_OVER("t") "))"
#define NAMED                                                                                      \
	"n IN (SELECT f.n FROM events e JOIN flows f ON f.agent = e.agent AND f.flow = e.flow"     \
	" WHERE e.place >= $2 AND e.place <= $3)"
#define LEFT_OVER "SELECT n FROM flows WHERE " GOES " AND n <= $2 ORDER BY n LIMIT $3"
#define OLD_INCIDENTS "SELECT id FROM incidents WHERE updated <= $1 AND closed IS NOT NULL"
#define OLD_ALERTS "SELECT id FROM alerts WHERE updated <= $1 AND resolved IS NOT NULL"

/* 1: the first one after a place. */
static int next_event(struct store *s, uint64_t after, uint64_t *place, uint64_t *n)
{
	struct db_row *row = NULL;
	int rc = db_get(s->db, &row,
			"SELECT place, n FROM events WHERE place > $1 ORDER BY place LIMIT 1", "i",
			after);

	if (rc == 1) {
		*place = db_u64(row, 0);
		*n = db_u64(row, 1);
	}
	return rc;
}

/* At most this, and that is no harm: of the events that go none is left. */
static int newest_before(struct store *s, const struct store_segment *x, uint64_t *newest)
{
	uint64_t place, n = 0;
	int rc = next_event(s, x->last, &place, &n);

	*newest = rc == 1 ? n - 1 : INT64_MAX;
	return store_done(rc);
}

/* Events have their numbers in the order of their places, but for the collector's own: while
 * something is left to be derived they have theirs before it. So the newest is the last of
 * either. */
static int begin_flows(struct store *s, const struct store_segment *x)
{
	struct store_swept_to *to = &s->swept_to;
	struct db_row *row = NULL;
	int rc;

	if (to->segment == x->number)
		return 0;
	to->segment = x->number;
	to->place = x->first - 1;
	to->newest_event = 0;
	rc = db_get(s->db, &row,
		    "SELECT n FROM events WHERE place <= $1 ORDER BY place DESC LIMIT 1", "i",
		    x->last);
	if (rc == 1)
		to->newest_event = db_u64(row, 0);
	if (rc == 1)
		rc = db_get(s->db, &row,
			    "SELECT n FROM events WHERE place <= $1 AND agent <> $2"
			    " ORDER BY place DESC LIMIT 1",
			    "it", x->last, store_name(s));
	if (rc == 1 && db_u64(row, 0) > to->newest_event)
		to->newest_event = db_u64(row, 0);
	if (rc >= 0 && !to->newest_event)
		rc = newest_before(s, x, &to->newest_event);
	return store_done(rc);
}

/* A flow that stays keeps its document: it would lose what the segment's events say. */
static int take_named(void *arg, struct db_row *row)
{
	struct store *s = arg;
	struct store_flow f;
	int rc;

	store_flow_row(row, &f);
	if (f.n > s->swept_to.newest_flow)
		s->swept_to.newest_flow = f.n;
	if (db_u64(row, db_columns(row) - 1)) /* it goes */
		return store_source_note(s, &f, NULL);
	if (!store_document_needs(&f, s->swept_to.newest_event))
		return 0;
	rc = store_document(s, &f);
	return rc ? rc
		  : store_done(db_run(s->db,
				      "UPDATE flows SET json = $1, parts = NULL WHERE n = $2", "ti",
				      f.json, f.n));
}

/* The flows that some of the segment's events name: they go, or keep their documents. All
 * of them before any event goes, as a flow's events are anywhere in the segment. 1: that is
 * done. */
static int sweep_flows(struct store *s, const struct store_segment *x, unsigned rows)
{
	static const char *const gone[] = {
		"DELETE FROM incident_flows WHERE flow IN (SELECT n FROM flows WHERE " GOES
		" AND " NAMED ")",
		"DELETE FROM flows WHERE " GOES " AND " NAMED,
	};
	struct store_swept_to *to = &s->swept_to;
	uint64_t first, last, n;
	int rc = begin_flows(s, x);

	if (!rc)
		rc = next_event(s, to->place, &first, &n);
	if (rc < 0)
		return rc;
	if (!rc || first > x->last)
		return 1;
	last = first + rows - 1 < x->last ? first + rows - 1 : x->last;
	rc = db_each(s->db, take_named, s,
		     "SELECT " STORE_FLOW_COLUMNS ", CASE WHEN " GOES " THEN 1 ELSE 0 END"
		     " FROM flows WHERE " NAMED,
		     "iii", to->newest_event, first, last);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]) && rc >= 0; i++)
		rc = db_run(s->db, gone[i], "iii", to->newest_event, first, last);
	to->place = last;
	return store_done(rc);
}

static const char sealed_sql[] = " GROUP BY agent ON CONFLICT (agent) DO UPDATE SET last ="
				 " CASE WHEN excluded.last > sealed.last THEN excluded.last"
				 " ELSE sealed.last END";

/* The places from first to last, which are whole blocks, and what is of them. */
static int remove_places(struct store *s, uint64_t first, uint64_t last)
{
	char sql[300];
	int rc;

	snprintf(sql, sizeof(sql),
		 "INSERT INTO sealed (agent, last) SELECT agent, MAX(seq) FROM events"
		 " WHERE place >= $1 AND place <= $2%s",
		 sealed_sql);
	rc = db_run(s->db, sql, "ii", first, last);
	if (rc >= 0)
		rc = db_run(s->db,
			    "DELETE FROM incident_events WHERE event IN (SELECT n FROM events"
			    " WHERE place >= $1 AND place <= $2)"
			    " AND incident IN (SELECT id FROM incidents WHERE closed IS NOT NULL)",
			    "ii", first, last);
	if (rc >= 0)
		rc = db_run(s->db, "DELETE FROM events WHERE place >= $1 AND place <= $2", "ii",
			    first, last);
	if (rc >= 0)
		rc = db_run(s->db, "DELETE FROM dead_letters WHERE place >= $1 AND place <= $2",
			    "ii", first, last);
	if (rc >= 0)
		rc = db_run(s->db, "DELETE FROM blocks WHERE first >= $1 AND first <= $2", "ii",
			    first, last);
	return store_done(rc);
}

struct partition {
	char name[64];
};

static int keep_name(void *arg, struct db_row *row)
{
	struct partition *p = arg;

	snprintf(p->name, sizeof(p->name), "%s", db_text(row, 0));
	return 1;
}

/* PostgreSQL: the oldest partition, when all that is in it is sealed. One that somebody
 * reads is left for the next time: whoever waits for it makes others wait. */
static int drop_partition(struct store *s, const struct store_segment *x)
{
	struct partition p = { .name = "" };
	struct db_row *row = NULL;
	char sql[500];
	int rc;

	rc = db_each(s->db, keep_name, &p,
		     "SELECT inhrelid::regclass::text FROM pg_inherits"
		     " WHERE inhparent = to_regclass('events')"
		     " ORDER BY length(inhrelid::regclass::text), inhrelid::regclass::text LIMIT 1",
		     "");
	if (rc < 0 || !p.name[0])
		return store_done(rc);
	snprintf(sql, sizeof(sql),
		 "SELECT NOT EXISTS (SELECT 1 FROM %s WHERE place > $1)", p.name);
	rc = db_get(s->db, &row, sql, "i", x->last);
	if (rc < 0 || !db_u64(row, 0))
		return store_done(rc);
	rc = db_mark(s->db);
	if (rc)
		return rc;
	snprintf(sql, sizeof(sql),
		 "INSERT INTO sealed (agent, last) SELECT agent, MAX(seq) FROM %s%s;"
		 " SET LOCAL lock_timeout = '100ms'; DROP TABLE %s;"
		 " SET LOCAL lock_timeout = '10s'",
		 p.name, sealed_sql, p.name);
	rc = db_script(s->db, sql);
	s->week = 0;
	return rc ? db_undo(s->db) : db_unmark(s->db);
}

static int sum_down(void *arg, struct db_row *row)
{
	struct store_flow f;

	store_flow_row(row, &f);
	return store_source_note(arg, &f, NULL);
}

/* What is over and was not when its events went. Returns the flows removed; when there
 * are none, the rest goes. */
static int remove_derived(struct store *s, unsigned rows)
{
	static const char *const flows[] = {
		"DELETE FROM incident_flows WHERE flow IN (" LEFT_OVER ")",
		"DELETE FROM flows WHERE n IN (" LEFT_OVER ")",
	};
	static const char *const others[] = {
		"DELETE FROM incident_events WHERE incident IN (" OLD_INCIDENTS ")",
		"DELETE FROM incident_flows WHERE incident IN (" OLD_INCIDENTS ")",
		"DELETE FROM incident_devices WHERE incident IN (" OLD_INCIDENTS ")",
		"DELETE FROM episodes WHERE incident IN (" OLD_INCIDENTS ")",
		"DELETE FROM incidents WHERE id IN (" OLD_INCIDENTS ")",
		"DELETE FROM told WHERE alert IN (" OLD_ALERTS ")",
		"DELETE FROM alert_events WHERE alert IN (" OLD_ALERTS ")",
		"DELETE FROM alerts WHERE id IN (" OLD_ALERTS ")",
	};
	const struct store_swept_to *to = &s->swept_to;
	int rc, removed;

	rc = db_each(s->db, sum_down, s,
		     "SELECT " STORE_FLOW_COLUMNS " FROM flows WHERE n IN (" LEFT_OVER ")", "iii",
		     to->newest_event, to->newest_flow, (uint64_t)rows);
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]) && rc >= 0; i++)
		rc = db_run(s->db, flows[i], "iii", to->newest_event, to->newest_flow,
			    (uint64_t)rows);
	removed = rc;
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && rc >= 0; i++)
		rc = db_run(s->db, others[i], "i", to->newest_event);
	return rc < 0 ? rc : removed;
}

/* What this store and others keep of flows is no longer as it is. */
static int note_sweep(struct store *s)
{
	char value[24];
	int rc = store_flows_write(s);

	if (rc)
		return rc;
	snprintf(value, sizeof(value), "%" PRIu64, s->swept + 1);
	s->swept++;
	store_kept_forget_all(s);
	return store_done(db_run(s->db,
				 "INSERT INTO meta (key, value) VALUES ('swept', $1)"
				 " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
				 "t", value));
}

/* 1: the first blocks of it that are still there, about so many rows. */
static int end_of_step(struct store *s, const struct store_segment *x, unsigned rows,
		       uint64_t *first, uint64_t *last)
{
	struct db_row *row = NULL;
	int rc = db_get(s->db, &row,
			"SELECT first FROM blocks WHERE first >= $1 AND first <= $2"
			" ORDER BY first LIMIT 1",
			"ii", x->first, x->last);

	if (rc <= 0)
		return rc;
	*first = db_u64(row, 0);
	rc = db_get(s->db, &row,
		    "SELECT first + count - 1 FROM blocks WHERE first >= $1 AND first <= $2"
		    " ORDER BY first DESC LIMIT 1",
		    "ii", *first, *first + rows - 1 < x->last ? *first + rows - 1 : x->last);
	if (rc > 0)
		*last = db_u64(row, 0);
	return rc;
}

int store_sweep(struct store *s, unsigned rows, uint64_t now_ns)
{
	struct store_segment x;
	struct db_row *row = NULL;
	uint64_t first = 0, last = 0;
	int rc;

	rc = db_get(s->db, &row,
		    "SELECT " COLUMNS " FROM segments WHERE removed = 0 ORDER BY number LIMIT 1",
		    "");
	if (rc <= 0)
		return rc;
	take_segment(row, &x);
	rc = store_chain_head(s);
	if (!rc)
		rc = note_sweep(s);
	if (rc)
		return rc;
	rc = sweep_flows(s, &x, 2 * rows); /* most have two events */
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = db_is_pg(s->db) ? drop_partition(s, &x) : 0;
	if (!rc)
		rc = end_of_step(s, &x, rows, &first, &last);
	if (rc < 0)
		return rc;
	if (rc) {
		rc = remove_places(s, first, last);
		return rc ? rc : 1;
	}
	rc = remove_derived(s, rows);
	if (rc)
		return rc < 0 ? rc : 1;
	rc = db_run(s->db, "UPDATE segments SET removed = $1 WHERE number = $2", "ii", now_ns,
		    x.number);
	return rc < 0 ? rc : 1;
}

/* ---- how much there is ----------------------------------------------------- */

int store_size(struct store *s, uint64_t *bytes, uint64_t *places, uint64_t *record)
{
	struct store_segment x;
	struct db_row *row = NULL;
	int rc = store_chain_head(s);

	*bytes = *record = 0;
	if (!rc)
		rc = begin_segment(s, &x);
	if (rc)
		return rc;
	*places = s->head_place - (x.first - 1);
	rc = db_get(s->db, &row,
		    "SELECT COALESCE(CAST(SUM(length(body)) AS BIGINT), 0),"
		    " COALESCE(CAST(SUM(count) AS BIGINT), 0) FROM blocks WHERE first > $1",
		    "i", s->head_place > 10000 ? s->head_place - 10000 : 0);
	if (rc == 1 && db_u64(row, 1))
		*record = *places * (db_u64(row, 0) / db_u64(row, 1) + OVERHEAD);
	*bytes = *record;
	if (rc < 0 || db_is_pg(s->db))
		return store_done(rc);
	rc = db_get(s->db, &row,
		    "SELECT (p.page_count - f.freelist_count) * z.page_size"
		    " FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size z",
		    "");
	*bytes = rc == 1 ? db_u64(row, 0) : 0;
	return store_done(rc);
}
