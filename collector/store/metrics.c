/* SPDX-License-Identifier: Apache-2.0 */
/* Each statement is answered by an index or by a small table. */
#include "collector/store/metrics.h"

#include <string.h>

#include "collector/store/parts.h"
#include "common/clock.h"

#define DAY_NS (86400 * NS_PER_S)

/* One row of numbers into the places that follow; columns that are NULL are 0. */
static int numbers(struct store *s, const char *sql, uint64_t *const *out, int n)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, sql, "");

	for (int i = 0; i < n && rc > 0; i++)
		*out[i] = db_u64(row, i);
	return rc < 0 ? rc : 0;
}

#define NUMBERS(s, sql, ...)                                                                       \
	numbers(s, sql, (uint64_t *const[]){ __VA_ARGS__ },                                        \
		(int)(sizeof((uint64_t *const[]){ __VA_ARGS__ }) / sizeof(uint64_t *)))

static int in_force(struct store *s, uint64_t now_ns, const char *sql, uint64_t *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, sql, "i", now_ns);

	if (rc > 0)
		*out = db_u64(row, 0);
	return rc < 0 ? rc : 0;
}

int store_metrics(struct store *s, uint64_t now_ns, struct store_metrics *m)
{
	uint64_t derived = 0;
	int rc;

	memset(m, 0, sizeof(*m));
	rc = NUMBERS(s, "SELECT n, time, stored FROM events ORDER BY n DESC LIMIT 1", &m->events,
		     &m->newest_time_ns, &m->newest_stored_ns);
	if (!rc)
		rc = NUMBERS(s, "SELECT stored FROM events ORDER BY n LIMIT 1",
			     &m->oldest_stored_ns);
	/* their numbers have no holes but at the beginning */
	if (!rc)
		rc = NUMBERS(s,
			     "SELECT (SELECT MAX(n) FROM dead_letters)"
			     " - (SELECT MIN(n) FROM dead_letters) + 1",
			     &m->dead_letters);
	if (!rc)
		rc = store_behind(s, &derived, &m->places, &m->underived_ns);
	m->underived = m->places > derived ? m->places - derived : 0;
	if (!rc)
		rc = NUMBERS(s,
			     "SELECT number, time, place FROM anchors ORDER BY number DESC LIMIT 1",
			     &m->anchors, &m->anchor_ns, &m->anchor_place);
	if (!rc)
		rc = NUMBERS(s, "SELECT COUNT(*) FROM anchors WHERE sent = 0", &m->anchors_unsent);
	if (!rc)
		rc = NUMBERS(s, "SELECT COUNT(*), CAST(SUM(events) AS BIGINT) FROM segments",
			     &m->segments, &m->removed);
	if (!rc)
		rc = in_force(s, now_ns,
			      "SELECT COUNT(*) FROM silences WHERE since <= $1 AND until > $1"
			      " AND ended IS NULL",
			      &m->silences);
	if (!rc)
		rc = in_force(s, now_ns,
			      "SELECT COUNT(*) FROM drills WHERE since <= $1 AND until > $1"
			      " AND ended IS NULL",
			      &m->drills);
	if (rc)
		return rc;
	if (db_is_pg(s->db))
		return NUMBERS(s, "SELECT pg_database_size(current_database())", &m->bytes);
	return NUMBERS(s,
		       "SELECT c.page_count * z.page_size, f.freelist_count * z.page_size"
		       " FROM pragma_page_count c, pragma_page_size z, pragma_freelist_count f",
		       &m->bytes, &m->free_bytes);
}

bool store_is_pg(const struct store *s)
{
	return db_is_pg(s->db);
}

/* Words first, their number last. */
/* What is open is found by the index on that, and by no other: path || ''. */
static const struct {
	int words;
	const char *sql;
} tallies[] = {
	[STORE_TALLY_INCIDENTS] = { 2, "SELECT kind,"
				       " CASE WHEN drill = 0 THEN 'no' ELSE 'yes' END, COUNT(*)"
				       " FROM incidents WHERE closed IS NULL AND joined = 0"
				       " GROUP BY 1, 2" },
	[STORE_TALLY_FLOWS] = { 4, "SELECT service, path, verdict, outcome, COUNT(*) FROM flows"
				   " WHERE open = 1 AND same_as IS NULL GROUP BY 1, 2, 3, 4" },
	[STORE_TALLY_SESSIONS] = { 1, "SELECT COALESCE(justified, 'unknown'), COUNT(*) FROM flows"
				      " WHERE open = 1 AND same_as IS NULL"
				      " AND path || '' = 'in-band' AND service || '' = 'ssh'"
				      " AND established + 0 = 1 GROUP BY 1" },
	/* A row without a state only knows of the incident of its subnet. */
	[STORE_TALLY_DEVICES] = { 1, "SELECT COALESCE(NULLIF(p.state, ''), 'primary'), COUNT(*)"
				     " FROM devices d LEFT JOIN device_paths p"
				     " ON p.device = d.device GROUP BY 1" },
	[STORE_TALLY_TARGETS] = { 2, "SELECT path, CASE WHEN reached IS NOT NULL THEN 'reached'"
				     " WHEN seen IS NOT NULL THEN 'seen' ELSE 'unseen' END,"
				     " COUNT(*) FROM targets GROUP BY 1, 2" },
	[STORE_TALLY_ARMED] = { 1, "SELECT CASE armed WHEN 1 THEN 'yes' WHEN 0 THEN 'no'"
				   " ELSE 'unknown' END,"
				   " COUNT(*) FROM targets WHERE path = 'in-band' GROUP BY 1" },
};

struct tally_call {
	store_tally_fn *fn;
	void *arg;
	int words;
};

static int take_tally(void *arg, struct db_row *row)
{
	const struct tally_call *call = arg;
	const char *words[STORE_TALLY_WORDS] = { NULL };

	for (int i = 0; i < call->words; i++)
		words[i] = db_text(row, i);
	return call->fn(call->arg, words, db_u64(row, call->words));
}

int store_tally(struct store *s, enum store_tally what, store_tally_fn *fn, void *arg)
{
	struct tally_call call = { fn, arg, tallies[what].words };

	return db_each(s->db, take_tally, &call, tallies[what].sql, "");
}

struct agent_call {
	store_metrics_agent_fn *fn;
	void *arg;
};

static int take_agent(void *arg, struct db_row *row)
{
	const struct agent_call *call = arg;
	const char *state = db_text(row, 1);
	struct store_metrics_agent a = {
		.agent = db_text(row, 0),
		.running = state && strcmp(state, "running") == 0,
		.policy = db_text(row, 2),
		.heard_ns = db_u64(row, 3),
		.interval_ns = db_u64(row, 4),
		.last_seq = db_u64(row, 5),
		.events = db_u64(row, 6),
		.missing = db_u64(row, 7),
		.stats_ns = db_u64(row, 8),
		.stats = db_text(row, 9),
		.silent = db_u64(row, 10) != 0,
	};

	return call->fn(call->arg, &a);
}

int store_metrics_agents(struct store *s, store_metrics_agent_fn *fn, void *arg)
{
	struct agent_call call = { fn, arg };

	return db_each(s->db, take_agent, &call,
		       "SELECT a.agent, a.state, a.policy, a.heard, a.\"interval\", a.last_seq,"
		       " a.events, (SELECT CAST(SUM(g.last - g.first + 1) AS BIGINT) FROM gaps g"
		       " WHERE g.agent = a.agent), a.stats_time, a.stats,"
		       " (SELECT COUNT(*) FROM alarms l WHERE l.name = 'agent-silent'"
		       " AND l.agent = a.agent) FROM agents a"
		       " ORDER BY a.heard DESC, a.agent",
		       "");
}

int store_metrics_session(struct store *s, uint64_t flow, enum metrics_justified *out)
{
	static const char *const words[] = { "yes", "no", "unknown", "drill" };
	struct store_flow f;
	const char *word;
	int rc = store_flow_row_get(s, flow, &f);

	if (rc <= 0)
		return rc;
	if (!f.established || f.same_as || !f.path || strcmp(f.path, "in-band") != 0 ||
	    !f.service || strcmp(f.service, "ssh") != 0)
		return 0;
	word = f.justified;
	*out = METRICS_JUSTIFIED_UNKNOWN;
	for (unsigned i = 0; word && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			*out = i;
	return 1;
}

struct receiver_call {
	store_metrics_receiver_fn *fn;
	void *arg;
};

static int take_receiver(void *arg, struct db_row *row)
{
	const struct receiver_call *call = arg;
	struct store_metrics_receiver r = {
		.receiver = db_text(row, 0),
		.waiting = db_u64(row, 1),
		.failed = db_u64(row, 2),
		.oldest_ns = db_u64(row, 3),
		.error = db_u64(row, 4) != 0,
	};

	return call->fn(call->arg, &r);
}

int store_metrics_receivers(struct store *s, uint64_t now_ns, store_metrics_receiver_fn *fn,
			    void *arg)
{
	struct receiver_call call = { fn, arg };

	return db_each(s->db, take_receiver, &call,
		       "SELECT r.receiver, COUNT(d.id),"
		       " CAST(SUM(CASE WHEN d.attempts > 0 THEN 1 ELSE 0 END) AS BIGINT),"
		       " MIN(d.created), MAX(CASE WHEN r.error IS NULL THEN 0 ELSE 1 END)"
		       " FROM receivers r LEFT JOIN deliveries d ON d.receiver = r.receiver"
		       " WHERE r.seen >= $1 OR d.id IS NOT NULL"
		       " GROUP BY r.receiver ORDER BY r.receiver LIMIT 48",
		       "i", now_ns > DAY_NS ? now_ns - DAY_NS : 0);
}
