/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what is missing, and which alarms are open. */
#include <string.h>

#include "collector/store/parts.h"

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
	struct db_row *row;
	int rc = store_chain_head(s); /* forgets it when somebody else has written */

	if (!rc && !s->own_next) {
		rc = db_get(s->db, &row,
			    "SELECT COALESCE(MAX(seq), 0) + 1 FROM (SELECT MAX(seq) AS seq"
			    " FROM events WHERE agent = $1 UNION ALL SELECT last FROM sealed"
			    " WHERE agent = $1) AS x",
			    "t", store_name(s));
		if (rc == 1)
			s->own_next = db_u64(row, 0);
	}
	if (rc < 0)
		return rc;
	*seq = s->own_next++;
	return 1;
}

/* ---- heartbeats and gaps --------------------------------------------------- */

struct beat_call {
	store_beat_fn *fn;
	void *arg;
};

static int take_beat(void *arg, struct db_row *row)
{
	struct beat_call *call = arg;
	struct store_beat b = { .agent = db_text(row, 0),
				.running = db_u64(row, 1) != 0,
				.heard_ns = db_u64(row, 2),
				.interval_ns = db_u64(row, 3),
				.alarm_ns = db_u64(row, 4) };

	return call->fn(call->arg, &b);
}

int store_beats(struct store *s, store_beat_fn *fn, void *arg)
{
	struct beat_call call = { fn, arg };

	return db_each(s->db, take_beat, &call,
		       "SELECT a.agent, a.state = 'running', a.heard, a.interval,"
		       " COALESCE(l.since, 0) FROM agents a LEFT JOIN alarms l"
		       " ON l.name = 'agent-silent' AND l.agent = a.agent AND l.subject = ''",
		       "");
}

struct gap_call {
	store_gap_fn *fn;
	void *arg;
};

static int take_gap(void *arg, struct db_row *row)
{
	struct gap_call *call = arg;
	struct store_gap g = { .agent = db_text(row, 0),
			       .first = db_u64(row, 1),
			       .last = db_u64(row, 2),
			       .noticed_ns = db_u64(row, 3) };

	return call->fn(call->arg, &g);
}

int store_gaps(struct store *s, uint64_t noticed_until_ns, uint64_t or_after_ns, store_gap_fn *fn,
	       void *arg)
{
	struct gap_call call = { fn, arg };

	return db_each(s->db, take_gap, &call,
		       "SELECT agent, first, last, noticed FROM gaps"
		       " WHERE told = 0 AND (noticed <= $1 OR noticed > $2) ORDER BY agent, first",
		       "ii", noticed_until_ns, or_after_ns);
}

int store_gap_told(struct store *s, const char *agent, uint64_t first)
{
	return store_done(db_run(s->db, "UPDATE gaps SET told = 1 WHERE agent = $1 AND first = $2",
				 "ti", agent, first));
}

/* ---- alarms ---------------------------------------------------------------- */

int store_alarm_raise(struct store *s, const struct store_alarm *a)
{
	return db_run(s->db,
		      "INSERT INTO alarms (name, agent, subject, since, data)"
		      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name, agent, subject) DO NOTHING",
		      "tttit", a->name, a->agent, a->subject, a->since_ns, a->data);
}

int store_alarm_put(struct store *s, const struct store_alarm *a)
{
	return store_done(db_run(s->db,
				 "INSERT INTO alarms (name, agent, subject, since, data)"
				 " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name, agent, subject)"
				 " DO UPDATE SET since = excluded.since, data = excluded.data",
				 "tttit", a->name, a->agent, a->subject, a->since_ns, a->data));
}

int store_alarm_clear(struct store *s, const struct store_alarm *a)
{
	return db_run(s->db, "DELETE FROM alarms WHERE name = $1 AND agent = $2 AND subject = $3",
		      "ttt", a->name, a->agent, a->subject);
}

int store_alarm_get(struct store *s, struct store_alarm *a)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT since, data FROM alarms"
			" WHERE name = $1 AND agent = $2 AND subject = $3",
			"ttt", a->name, a->agent, a->subject);

	if (rc == 1) {
		a->since_ns = db_u64(row, 0);
		a->data = db_text(row, 1);
	}
	return rc;
}

struct alarm_call {
	store_alarm_fn *fn;
	void *arg;
};

static int take_alarm(void *arg, struct db_row *row)
{
	struct alarm_call *call = arg;
	struct store_alarm a = { .name = db_text(row, 0),
				 .agent = db_text(row, 1),
				 .subject = db_text(row, 2),
				 .since_ns = db_u64(row, 3),
				 .data = db_text(row, 4) };

	return call->fn(call->arg, &a);
}

int store_alarms(struct store *s, const char *name, const char *agent, store_alarm_fn *fn,
		 void *arg)
{
	struct alarm_call call = { fn, arg };

	return db_each(s->db, take_alarm, &call,
		       "SELECT name, agent, subject, since, data FROM alarms"
		       " WHERE name = $1 AND agent = $2 ORDER BY subject",
		       "tt", name, agent);
}

/* ---- targets --------------------------------------------------------------- */

#define UNSEEN(addresses)                                                                          \
	"SELECT device, " addresses ", MIN(since) FROM targets t WHERE seen IS NULL"               \
	" AND since <= $1 AND NOT EXISTS (SELECT 1 FROM alarms l WHERE l.name = 'target-unseen'"   \
	" AND l.agent = '' AND l.subject = t.device) GROUP BY device ORDER BY device LIMIT $2"

struct unseen_call {
	store_unseen_fn *fn;
	void *arg;
};

static int take_unseen(void *arg, struct db_row *row)
{
	struct unseen_call *call = arg;
	struct store_unseen u = { .device = db_text(row, 0),
				  .targets = db_text(row, 1),
				  .since_ns = db_u64(row, 2) };

	return call->fn(call->arg, &u);
}

int store_unseen(struct store *s, uint64_t since_ns, unsigned most, store_unseen_fn *fn, void *arg)
{
	struct unseen_call call = { fn, arg };

	return db_each(s->db, take_unseen, &call,
		       db_is_pg(s->db) ? UNSEEN("string_agg(address, ',')")
				       : UNSEEN("GROUP_CONCAT(address)"),
		       "ii", since_ns, (uint64_t)most);
}

int store_seen_again(struct store *s, unsigned most, store_alarm_fn *fn, void *arg)
{
	struct alarm_call call = { fn, arg };

	return db_each(s->db, take_alarm, &call,
		       "SELECT name, agent, subject, since, data FROM alarms"
		       " WHERE name = 'target-unseen' AND NOT EXISTS"
		       " (SELECT 1 FROM targets WHERE device = subject AND seen IS NULL) LIMIT $1",
		       "i", (uint64_t)most);
}
