/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in SQLite: reading. Each list is one SELECT, put together from the
 * parts of the filter that are set; values are always bound, never printed into
 * the text.
 *
 * With a limit the newest rows are wanted, but people read downwards in time:
 * the inner SELECT takes the newest, the outer one turns them round.
 *
 * What a time span means: an event lies in it; a flow, a source, an agent or an
 * incident overlaps it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/store_sqlite.h"

#define MAX_VALUES 24

struct value {
	const char *text; /* NULL: the number is meant */
	uint64_t number;
};

/* A SELECT in the making: its text, and the values for its question marks. */
struct select {
	char sql[4096];
	size_t len;
	struct value values[MAX_VALUES];
	int n;
	bool open; /* WHERE is written */
	char source[PREFIX_STRLEN];
};

static void add(struct select *q, const char *text)
{
	size_t n = strlen(text);

	if (q->len + n < sizeof(q->sql)) {
		memcpy(q->sql + q->len, text, n + 1);
		q->len += n;
	}
}

static void bind(struct select *q, const char *text, uint64_t number)
{
	if (q->n < MAX_VALUES)
		q->values[q->n++] = (struct value){ text, number };
}

static void where(struct select *q, const char *condition)
{
	add(q, q->open ? " AND " : " WHERE ");
	add(q, condition);
	q->open = true;
}

static void where_text(struct select *q, const char *condition, const char *text)
{
	if (!text)
		return;
	where(q, condition);
	bind(q, text, 0);
}

static void where_number(struct select *q, const char *condition, uint64_t number)
{
	if (!number)
		return;
	where(q, condition);
	bind(q, NULL, number);
}

/* One host is a comparison, which the index on source answers. */
static void where_source(struct select *q, const struct store_filter *f)
{
	if (!f->has_source)
		return;
	if (f->source.len == addr_bits(&f->source.addr)) {
		addr_format(&f->source.addr, q->source);
		where_text(q, "source = ?", q->source);
	} else {
		prefix_format(&f->source, q->source);
		where_text(q, "gw_within(source, ?)", q->source);
	}
}

/* The parts that events and flows share. */
static void where_what(struct select *q, const struct store_filter *f)
{
	where_text(q, "device = ?", f->device);
	where_text(q, "path = ?", f->path);
	where_text(q, "service = ?", f->service);
	where_text(q, "verdict = ?", f->verdict);
	where_source(q, f);
}

static bool asks_what(const struct store_filter *f)
{
	return f->path || f->service || f->verdict || f->has_source;
}

static int prepare(struct store *s, const struct select *q, sqlite3_stmt **st)
{
	int rc = sqlite3_prepare_v2(s->db, q->sql, -1, st, NULL);

	for (int i = 0; rc == SQLITE_OK && i < q->n; i++)
		rc = q->values[i].text
			     ? sqlite3_bind_text(*st, i + 1, q->values[i].text, -1, SQLITE_STATIC)
			     : sqlite3_bind_int64(*st, i + 1, (sqlite3_int64)q->values[i].number);
	if (rc != SQLITE_OK) {
		rc = store_sqlite_failed(s);
		sqlite3_finalize(*st);
		return rc;
	}
	return 0;
}

/* Runs q and hands each row to take(), which reads it and calls the caller. */
static int each(struct store *s, const struct select *q, int (*take)(sqlite3_stmt *, void *),
		void *arg)
{
	sqlite3_stmt *st = NULL;
	int step, rc = prepare(s, q, &st);

	if (rc)
		return rc;
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		if ((rc = take(st, arg)) != 0)
			break;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = store_sqlite_failed(s);
	sqlite3_finalize(st);
	return rc;
}

/* `order` and its reverse, around the newest f->limit rows. */
static void newest(struct select *q, const struct store_filter *f, const char *key)
{
	char text[160];

	if (!f->limit)
		snprintf(text, sizeof(text), " ORDER BY %s, n", key);
	else if (f->oldest)
		snprintf(text, sizeof(text), " ORDER BY %s, n LIMIT ?)", key);
	else
		snprintf(text, sizeof(text), " ORDER BY %s DESC, n DESC LIMIT ?) ORDER BY %s, n",
			 key, key);
	add(q, text);
	if (f->limit)
		bind(q, NULL, f->limit);
}

static uint64_t u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

/* ---- events ---------------------------------------------------------------- */

struct event_call {
	store_event_fn *fn;
	void *arg;
};

static int take_event(sqlite3_stmt *st, void *arg)
{
	struct event_call *call = arg;
	struct store_event row = {
		.n = u64(st, 0),
		.agent = store_sqlite_text(st, 1),
		.seq = u64(st, 2),
		.time_ns = u64(st, 3),
		.stored_ns = u64(st, 4),
		.type = store_sqlite_text(st, 5),
		.severity = store_sqlite_text(st, 6),
		.device = store_sqlite_text(st, 7),
		.path = store_sqlite_text(st, 8),
		.service = store_sqlite_text(st, 9),
		.source = store_sqlite_text(st, 10),
		.verdict = store_sqlite_text(st, 11),
		.policy = store_sqlite_text(st, 12),
		.flow = store_sqlite_text(st, 13),
		.json = store_sqlite_text(st, 14),
	};

	return call->fn(call->arg, &row);
}

int store_events(struct store *s, const struct store_filter *f, store_event_fn *fn, void *arg)
{
	struct event_call call = { fn, arg };
	struct select q = { 0 };

	if (f->limit)
		add(&q, "SELECT * FROM (");
	add(&q, "SELECT n, agent, seq, time, stored, type, severity, device, path, service,"
		" source, verdict, policy, flow, json FROM events");
	where_number(&q, "time >= ?", f->since_ns);
	where_number(&q, "time < ?", f->until_ns);
	where_number(&q, "n > ?", f->after);
	where_number(&q, "n IN (SELECT event FROM incident_events WHERE incident = ?)",
		     f->incident);
	if (f->type) {
		/* "flow" is also every "flow.x": '.' + 1 is '/'. */
		where(&q, "(type = ? OR (type > ? || '.' AND type < ? || '/'))");
		bind(&q, f->type, 0);
		bind(&q, f->type, 0);
		bind(&q, f->type, 0);
	}
	where_what(&q, f);
	newest(&q, f, f->arrival ? "n" : "time");
	return each(s, &q, take_event, &call);
}

/* ---- flows ----------------------------------------------------------------- */

struct flow_call {
	store_flow_fn *fn;
	void *arg;
};

static int take_flow(sqlite3_stmt *st, void *arg)
{
	struct flow_call *call = arg;
	struct store_flow row;

	store_sqlite_flow(st, &row);
	return call->fn(call->arg, &row);
}

static void where_flow_span(struct select *q, const struct store_filter *f)
{
	where_number(q, "(open OR end >= ?)", f->since_ns);
	where_number(q, "start < ?", f->until_ns);
}

int store_flows(struct store *s, const struct store_filter *f, store_flow_fn *fn, void *arg)
{
	struct flow_call call = { fn, arg };
	struct select q = { 0 };

	if (f->limit)
		add(&q, "SELECT * FROM (");
	add(&q, "SELECT " STORE_FLOW_COLUMNS " FROM flows");
	where_flow_span(&q, f);
	where_number(&q, "n IN (SELECT flow FROM incident_flows WHERE incident = ?)", f->incident);
	where_what(&q, f);
	newest(&q, f, "start");
	return each(s, &q, take_flow, &call);
}

/* ---- incidents ------------------------------------------------------------- */

struct incident_call {
	store_episode_fn *fn;
	void *arg;
};

static int take_incident(sqlite3_stmt *st, void *arg)
{
	struct incident_call *call = arg;
	struct store_episode row;

	store_sqlite_episode(st, &row);
	return call->fn(call->arg, &row);
}

int store_episodes(struct store *s, const struct store_filter *f, store_episode_fn *fn, void *arg)
{
	struct incident_call call = { fn, arg };
	struct select q = { 0 };

	/* n: newest() sorts by it. */
	if (f->limit)
		add(&q, "SELECT * FROM (");
	add(&q, "SELECT " STORE_EPISODE_COLUMNS ", id AS n FROM incidents i");
	where_number(&q, "(closed IS NULL OR closed >= ?)", f->since_ns);
	where_number(&q, "began < ?", f->until_ns);
	where_text(&q, "device = ?", f->device);
	if (asks_what(f)) {
		where(&q, "EXISTS (SELECT 1 FROM incident_flows j JOIN flows ON flows.n = j.flow"
			  " WHERE j.incident = i.id");
		where_text(&q, "path = ?", f->path);
		where_text(&q, "service = ?", f->service);
		where_text(&q, "verdict = ?", f->verdict);
		where_source(&q, f);
		add(&q, ")");
	}
	newest(&q, f, "opened");
	return each(s, &q, take_incident, &call);
}

/* ---- sources --------------------------------------------------------------- */

struct source_call {
	store_source_fn *fn;
	void *arg;
};

static int take_source(sqlite3_stmt *st, void *arg)
{
	static const char *const verdicts[] = { NULL, "trusted", "no-policy", "untrusted" };
	struct source_call *call = arg;
	int worst = sqlite3_column_int(st, 7);
	struct store_source row = {
		.source = store_sqlite_text(st, 0),
		.first_ns = u64(st, 1),
		.last_ns = u64(st, 2),
		.flows = u64(st, 3),
		.established = u64(st, 4),
		.devices = u64(st, 5),
		.untrusted = u64(st, 6),
		.verdict = worst >= 0 && worst <= 3 ? verdicts[worst] : NULL,
		.paths = store_sqlite_text(st, 8),
		.users = store_sqlite_text(st, 9),
	};

	return call->fn(call->arg, &row);
}

int store_sources(struct store *s, const struct store_filter *f, store_source_fn *fn, void *arg)
{
	struct source_call call = { fn, arg };
	struct select q = { 0 };

	if (f->limit)
		add(&q, "SELECT * FROM (");
	add(&q, "SELECT source, MIN(start), MAX(end) AS last, COUNT(*), SUM(established),"
		" COUNT(DISTINCT device), SUM(IFNULL(verdict = 'untrusted', 0)),"
		" MAX(CASE verdict WHEN 'untrusted' THEN 3 WHEN 'no-policy' THEN 2"
		" WHEN 'trusted' THEN 1 ELSE 0 END), GROUP_CONCAT(DISTINCT path),"
		" GROUP_CONCAT(DISTINCT user), MAX(n) AS n FROM flows");
	where(&q, "direction = 'inbound' AND source IS NOT NULL");
	where_flow_span(&q, f);
	where_what(&q, f);
	add(&q, " GROUP BY source");
	newest(&q, f, "last");
	return each(s, &q, take_source, &call);
}

/* ---- agents ---------------------------------------------------------------- */

struct agent_call {
	store_agent_fn *fn;
	void *arg;
};

static int take_agent(sqlite3_stmt *st, void *arg)
{
	struct agent_call *call = arg;
	struct store_agent row = {
		.agent = store_sqlite_text(st, 0),
		.state = store_sqlite_text(st, 1),
		.policy = store_sqlite_text(st, 2),
		.first_ns = u64(st, 3),
		.last_ns = u64(st, 4),
		.last_seq = u64(st, 5),
		.events = u64(st, 6),
		.missing = u64(st, 7),
		.gaps = store_sqlite_text(st, 8),
		.stats_ns = u64(st, 9),
		.stats = store_sqlite_text(st, 10),
		.alarms = store_sqlite_text(st, 11),
	};

	return call->fn(call->arg, &row);
}

int store_agents(struct store *s, const struct store_filter *f, store_agent_fn *fn, void *arg)
{
	struct agent_call call = { fn, arg };
	struct select q = { 0 };

	if (f->limit)
		add(&q, "SELECT * FROM (");
	add(&q, "SELECT agent, CASE WHEN EXISTS (SELECT 1 FROM alarms l"
		"  WHERE l.agent = a.agent AND l.name = 'agent-silent') THEN 'silent' ELSE state"
		" END, policy, first_seen, last_seen, last_seq, events,"
		" (SELECT IFNULL(SUM(last - first + 1), 0) FROM gaps g WHERE g.agent = a.agent),"
		" (SELECT GROUP_CONCAT(CASE WHEN first = last THEN first"
		"   ELSE first || '-' || last END) FROM (SELECT first, last FROM gaps g"
		"   WHERE g.agent = a.agent ORDER BY first)),"
		" stats_time, stats, (SELECT GROUP_CONCAT(CASE subject WHEN '' THEN name"
		"   ELSE name || ' ' || subject END) FROM alarms l WHERE l.agent = a.agent"
		"   AND l.name <> 'events-lost'), agent AS n FROM agents a");
	where_number(&q, "last_seen >= ?", f->since_ns);
	where_number(&q, "first_seen < ?", f->until_ns);
	if (f->device || asks_what(f)) {
		where(&q, "EXISTS (SELECT 1 FROM events WHERE events.agent = a.agent");
		where_what(&q, f);
		add(&q, ")");
	}
	newest(&q, f, "last_seen");
	return each(s, &q, take_agent, &call);
}

/* ---- dead letters ---------------------------------------------------------- */

struct dead_call {
	store_dead_fn *fn;
	void *arg;
};

static int take_dead(sqlite3_stmt *st, void *arg)
{
	struct dead_call *call = arg;
	struct store_dead row = {
		.n = u64(st, 0),
		.entry = store_sqlite_text(st, 1),
		.received_ns = u64(st, 2),
		.reason = store_sqlite_text(st, 3),
		.data = sqlite3_column_blob(st, 4),
		.size = (uint64_t)sqlite3_column_bytes(st, 4),
	};

	return call->fn(call->arg, &row);
}

int store_dead_letters(struct store *s, const struct store_filter *f, store_dead_fn *fn, void *arg)
{
	struct dead_call call = { fn, arg };
	struct select q = { 0 };

	if (f->limit)
		add(&q, "SELECT * FROM (");
	add(&q, "SELECT n, entry, received, reason, data FROM dead_letters");
	where_number(&q, "received >= ?", f->since_ns);
	where_number(&q, "received < ?", f->until_ns);
	newest(&q, f, "received");
	return each(s, &q, take_dead, &call);
}
