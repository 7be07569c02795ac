/* SPDX-License-Identifier: Apache-2.0 */
/* The store in SQLite: what is missing, and which alarms are open. */
#include <string.h>

#include "collector/store_sqlite.h"

static uint64_t u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

/* Hands each row of a SELECT to take(), until it returns something. */
static int each(struct store *s, sqlite3_stmt *st, int (*take)(sqlite3_stmt *, void *), void *arg)
{
	int step, rc = 0;

	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		if ((rc = take(st, arg)) != 0)
			break;
	if (!rc && step != SQLITE_DONE)
		rc = store_sqlite_failed(s);
	sqlite3_finalize(st);
	return rc;
}

void store_set_name(struct store *s, const char *name)
{
	s->name = name;
}

const char *store_name(const struct store *s)
{
	return s->name ? s->name : "";
}

int store_own_next(struct store *s, uint64_t *seq)
{
	sqlite3_stmt *row;
	int rc = store_sqlite_run(s, ST_OWN_NEXT, &row, "t", store_name(s));

	if (rc == 1) {
		*seq = u64(row, 0);
		sqlite3_reset(row);
	}
	return rc;
}

/* ---- heartbeats and gaps --------------------------------------------------- */

struct beat_call {
	store_beat_fn *fn;
	void *arg;
};

static int take_beat(sqlite3_stmt *st, void *arg)
{
	struct beat_call *call = arg;
	struct store_beat b = { .agent = store_sqlite_text(st, 0),
				.running = sqlite3_column_int(st, 1) != 0,
				.heard_ns = u64(st, 2),
				.interval_ns = u64(st, 3),
				.alarm_ns = u64(st, 4) };

	return call->fn(call->arg, &b);
}

int store_beats(struct store *s, store_beat_fn *fn, void *arg)
{
	struct beat_call call = { fn, arg };
	sqlite3_stmt *st;
	int rc = store_sqlite_prepare(
		s,
		"SELECT a.agent, a.state = 'running', a.heard, a.interval, IFNULL(l.since, 0)"
		" FROM agents a LEFT JOIN alarms l ON l.name = 'agent-silent'"
		" AND l.agent = a.agent AND l.subject = ''",
		&st);

	return rc ? rc : each(s, st, take_beat, &call);
}

struct gap_call {
	store_gap_fn *fn;
	void *arg;
};

static int take_gap(sqlite3_stmt *st, void *arg)
{
	struct gap_call *call = arg;
	struct store_gap g = { .agent = store_sqlite_text(st, 0),
			       .first = u64(st, 1),
			       .last = u64(st, 2),
			       .noticed_ns = u64(st, 3) };

	return call->fn(call->arg, &g);
}

int store_gaps(struct store *s, uint64_t noticed_until_ns, store_gap_fn *fn, void *arg)
{
	struct gap_call call = { fn, arg };
	sqlite3_stmt *st;
	int rc = store_sqlite_prepare(s,
				      "SELECT agent, first, last, noticed FROM gaps"
				      " WHERE NOT told AND noticed <= ? ORDER BY agent, first",
				      &st);

	if (rc)
		return rc;
	sqlite3_bind_int64(st, 1, (sqlite3_int64)noticed_until_ns);
	return each(s, st, take_gap, &call);
}

int store_gap_told(struct store *s, const char *agent, uint64_t first)
{
	return store_sqlite_done(store_sqlite_run(s, ST_GAP_TOLD, NULL, "ti", agent, first));
}

/* ---- alarms ---------------------------------------------------------------- */

static int changed(struct store *s, int before, int rc)
{
	return rc < 0 ? rc : sqlite3_total_changes(s->db) != before;
}

int store_alarm_raise(struct store *s, const struct store_alarm *a)
{
	int before = sqlite3_total_changes(s->db);

	return changed(s, before,
		       store_sqlite_run(s, ST_ALARM_RAISE, NULL, "tttit", a->name, a->agent,
					a->subject, a->since_ns, a->data));
}

int store_alarm_put(struct store *s, const struct store_alarm *a)
{
	return store_sqlite_done(store_sqlite_run(s, ST_ALARM_PUT, NULL, "tttit", a->name, a->agent,
						  a->subject, a->since_ns, a->data));
}

int store_alarm_clear(struct store *s, const struct store_alarm *a)
{
	int before = sqlite3_total_changes(s->db);

	return changed(s, before,
		       store_sqlite_run(s, ST_ALARM_CLEAR, NULL, "ttt", a->name, a->agent,
					a->subject));
}

int store_alarm_get(struct store *s, struct store_alarm *a)
{
	sqlite3_stmt *row;
	int rc = store_sqlite_run(s, ST_ALARM_GET, &row, "ttt", a->name, a->agent, a->subject);

	if (rc == 1) {
		a->since_ns = u64(row, 0);
		a->data = store_sqlite_text(row, 1);
	}
	return rc;
}

struct alarm_call {
	store_alarm_fn *fn;
	void *arg;
};

static int take_alarm(sqlite3_stmt *st, void *arg)
{
	struct alarm_call *call = arg;
	struct store_alarm a = { .name = store_sqlite_text(st, 0),
				 .agent = store_sqlite_text(st, 1),
				 .subject = store_sqlite_text(st, 2),
				 .since_ns = u64(st, 3),
				 .data = store_sqlite_text(st, 4) };

	return call->fn(call->arg, &a);
}

int store_alarms(struct store *s, const char *name, const char *agent, store_alarm_fn *fn,
		 void *arg)
{
	struct alarm_call call = { fn, arg };
	sqlite3_stmt *st;
	int rc = store_sqlite_prepare(s,
				      "SELECT name, agent, subject, since, data FROM alarms"
				      " WHERE name = ? AND agent = ? ORDER BY subject",
				      &st);

	if (rc)
		return rc;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, agent, -1, SQLITE_STATIC);
	return each(s, st, take_alarm, &call);
}

/* ---- targets --------------------------------------------------------------- */

int store_target_seen(struct store *s, const char *address, uint64_t time_ns)
{
	return store_sqlite_done(store_sqlite_run(s, ST_TARGET_SEEN, NULL, "ti", address, time_ns));
}

struct unseen_call {
	store_unseen_fn *fn;
	void *arg;
};

static int take_unseen(sqlite3_stmt *st, void *arg)
{
	struct unseen_call *call = arg;
	struct store_unseen u = { .device = store_sqlite_text(st, 0),
				  .targets = store_sqlite_text(st, 1),
				  .since_ns = u64(st, 2) };

	return call->fn(call->arg, &u);
}

int store_unseen(struct store *s, uint64_t since_ns, unsigned most, store_unseen_fn *fn, void *arg)
{
	struct unseen_call call = { fn, arg };
	sqlite3_stmt *st;
	int rc = store_sqlite_prepare(s,
				      "SELECT device, GROUP_CONCAT(address), MIN(since)"
				      " FROM targets t WHERE seen IS NULL AND since <= ?"
				      " AND NOT EXISTS (SELECT 1 FROM alarms l"
				      "  WHERE l.name = 'target-unseen' AND l.agent = ''"
				      "  AND l.subject = t.device)"
				      " GROUP BY device ORDER BY device LIMIT ?",
				      &st);

	if (rc)
		return rc;
	sqlite3_bind_int64(st, 1, (sqlite3_int64)since_ns);
	sqlite3_bind_int64(st, 2, most);
	return each(s, st, take_unseen, &call);
}

int store_seen_again(struct store *s, unsigned most, store_alarm_fn *fn, void *arg)
{
	struct alarm_call call = { fn, arg };
	sqlite3_stmt *st;
	int rc = store_sqlite_prepare(s,
				      "SELECT name, agent, subject, since, data FROM alarms"
				      " WHERE name = 'target-unseen' AND NOT EXISTS"
				      " (SELECT 1 FROM targets WHERE device = subject"
				      "  AND seen IS NULL) LIMIT ?",
				      &st);

	if (rc)
		return rc;
	sqlite3_bind_int64(st, 1, most);
	return each(s, st, take_alarm, &call);
}
