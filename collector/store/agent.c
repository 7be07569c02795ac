/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: agents, their newest numbers and the numbers that are missing. Together
 * they know each number that is stored.
 *
 * Each event changes its agent's row. It is kept here, and written when the
 * transaction ends or somebody asks for it, so the price is paid once for a batch. What
 * is kept is good for the next transaction when nobody else has written between.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"
#include "common/fnv.h"

struct agent {
	struct agent *next;
	char *name, *policy;
	bool stored; /* there is a row */
	bool changed, stopped;
	uint64_t first_ns, last_ns, last_seq, events, heard_ns;

	uint64_t folded; /* the highest number of an event of a flow */
	bool folded_known;

	/* The newest statistics, as long as they are not written. */
	char *stats;
	size_t stats_len;
	uint64_t stats_ns, interval_ns;
	uint64_t stats_seq; /* of that event; 0: there is none */
	bool stats_seq_known;
};

static unsigned slot_of(const char *name)
{
	return fnv1a(name) % STORE_AGENT_SLOTS;
}

void store_agents_forget(struct store *s)
{
	for (unsigned i = 0; i < STORE_AGENT_SLOTS; i++) {
		struct agent *a = s->agents[i], *next;

		for (; a; a = next) {
			next = a->next;
			free(a->name);
			free(a->policy);
			free(a->stats);
			free(a);
		}
		s->agents[i] = NULL;
	}
}

static int no_memory(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
}

static bool set_policy(struct agent *a, const char *policy)
{
	char *copy;

	if (!policy || (a->policy && strcmp(a->policy, policy) == 0))
		return true;
	copy = strdup(policy);
	if (!copy)
		return false;
	free(a->policy);
	a->policy = copy;
	return true;
}

static int read_agent(struct store *s, struct agent *a)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT first_seen, last_seen, last_seq, events, state, policy, heard,"
			" stats_time FROM agents WHERE agent = $1",
			"t", a->name);

	if (rc <= 0)
		return rc;
	a->stored = true;
	a->first_ns = db_u64(row, 0);
	a->last_ns = db_u64(row, 1);
	a->last_seq = db_u64(row, 2);
	a->events = db_u64(row, 3);
	a->stopped = strcmp(db_text(row, 4), "stopped") == 0;
	a->heard_ns = db_u64(row, 6);
	a->stats_ns = db_u64(row, 7);
	return set_policy(a, db_text(row, 5)) ? 0 : no_memory(s);
}

static int find(struct store *s, const char *name, struct agent **out)
{
	struct agent **slot = &s->agents[slot_of(name)], *a;
	int rc = store_chain_head(s); /* forgets them when somebody else has written */

	if (rc)
		return rc;
	for (a = *slot; a; a = a->next) {
		if (strcmp(a->name, name) == 0) {
			*out = a;
			return 0;
		}
	}
	a = calloc(1, sizeof(*a));
	if (!a || !(a->name = strdup(name))) {
		free(a);
		return no_memory(s);
	}
	rc = read_agent(s, a);
	if (rc) {
		free(a->policy);
		free(a->name);
		free(a);
		return rc;
	}
	a->next = *slot;
	*slot = *out = a;
	return 0;
}

static int write_stats(struct store *s, struct agent *a)
{
	int rc = db_later(s->db,
			  "UPDATE agents SET stats_time = $1, stats = $2, interval = $3"
			  " WHERE agent = $4",
			  "ijit", a->stats_ns, a->stats, a->stats_len, a->interval_ns, a->name);

	free(a->stats);
	a->stats = NULL;
	return rc;
}

/* The column is in capitals, so that the rows of the table of its name go on waiting. */
static int write_agent(struct store *s, struct agent *a)
{
	int rc;

	a->changed = false;
	a->stored = true;
	rc = db_later(s->db,
		      "INSERT INTO agents (agent, first_seen, last_seen, last_seq, EVENTS, state,"
		      " policy, heard, interval) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)"
		      " ON CONFLICT (agent) DO UPDATE SET first_seen = excluded.first_seen,"
		      " last_seen = excluded.last_seen, last_seq = excluded.last_seq,"
		      " EVENTS = excluded.EVENTS, state = excluded.state,"
		      " policy = excluded.policy, heard = excluded.heard",
		      "tiiiitti", a->name, a->first_ns, a->last_ns, a->last_seq, a->events,
		      a->stopped ? "stopped" : "running", a->policy, a->heard_ns);
	return rc || !a->stats ? rc : write_stats(s, a);
}

/* Called by the database before any statement that names the table. */
int store_agents_write(void *arg)
{
	struct store *s = arg;
	int rc = 0;

	for (unsigned i = 0; i < STORE_AGENT_SLOTS && !rc; i++)
		for (struct agent *a = s->agents[i]; a && !rc; a = a->next)
			if (a->changed)
				rc = write_agent(s, a);
	return rc;
}

/* ---- numbers --------------------------------------------------------------- */

static int add_gap(struct store *s, const char *agent, uint64_t first, uint64_t last,
		   uint64_t found_ns, uint64_t noticed_ns, bool told)
{
	return db_later(s->db,
			"INSERT INTO gaps (agent, first, last, found, noticed, told)"
			" VALUES ($1, $2, $3, $4, $5, $6)",
			"tiiiii", agent, first, last, found_ns, noticed_ns, (uint64_t)told);
}

/* 1: the number is missing, and *row says since when. */
static int find_gap(struct store *s, const char *agent, uint64_t seq, struct db_row **row)
{
	return db_get(s->db, row,
		      "SELECT first, last, found, noticed, told FROM gaps"
		      " WHERE agent = $1 AND first <= $2 AND last >= $2",
		      "ti", agent, seq);
}

/* A number below the newest arrived: it leaves the gap that it was missing from. */
static int fill_gap(struct store *s, const char *agent, uint64_t seq)
{
	uint64_t first, last, found, noticed;
	struct db_row *row;
	bool told;
	int rc;

	rc = find_gap(s, agent, seq, &row);
	if (rc <= 0)
		return rc;
	first = db_u64(row, 0);
	last = db_u64(row, 1);
	found = db_u64(row, 2);
	noticed = db_u64(row, 3);
	told = db_u64(row, 4) != 0;
	rc = db_later(s->db, "DELETE FROM gaps WHERE agent = $1 AND first = $2", "ti", agent,
		      first);
	if (!rc && first < seq)
		rc = add_gap(s, agent, first, seq - 1, found, noticed, told);
	if (!rc && seq < last)
		rc = add_gap(s, agent, seq + 1, last, found, noticed, told);
	return rc;
}

int store_agent_knows(struct store *s, const char *agent, uint64_t seq)
{
	struct db_row *row;
	struct agent *a;
	int rc = find(s, agent, &a);

	if (rc || seq > a->last_seq)
		return rc;
	rc = find_gap(s, agent, seq, &row);
	return rc < 0 ? rc : rc == 0;
}

/* Which of its events the statistics are that are stored. What waits has none: the table is in
 * capitals, so that it goes on waiting. */
static int know_stats(struct store *s, struct agent *a)
{
	struct db_row *row;
	json_t *doc;
	int rc;

	if (a->stats_seq_known)
		return 0;
	rc = db_get(s->db, &row, "SELECT stats FROM AGENTS WHERE agent = $1", "t", a->name);
	if (rc < 0)
		return rc;
	if (rc == 1 && db_text(row, 0)) {
		doc = json_loads(db_text(row, 0), 0, NULL);
		a->stats_seq = (uint64_t)json_integer_value(json_object_get(doc, "seq"));
		json_decref(doc);
	}
	a->stats_seq_known = true;
	return 0;
}

static int set_stats(struct store *s, struct agent *a, const struct event *e, const char *json,
		     size_t len, uint64_t interval_ns)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return no_memory(s);
	memcpy(copy, json, len);
	free(a->stats);
	a->stats = copy;
	a->stats_len = len;
	a->stats_ns = e->time_ns;
	a->stats_seq = e->seq;
	a->interval_ns = interval_ns;
	return 0;
}

int store_agent(struct store *s, const struct event *e, uint64_t now_ns)
{
	struct agent *a;
	int rc = find(s, e->agent, &a);

	if (rc)
		return rc;
	/* What came before an agent's first event is no loss that is worth telling. */
	if (e->seq > a->last_seq + 1)
		rc = add_gap(s, e->agent, a->last_seq + 1, e->seq - 1, e->time_ns, now_ns,
			     a->events == 0);
	else if (e->seq <= a->last_seq)
		rc = fill_gap(s, e->agent, e->seq);
	if (rc)
		return rc;
	if (e->seq > a->last_seq) {
		a->last_seq = e->seq;
		a->stopped = e->type == EVENT_AGENT_STOP;
		if (!set_policy(a, e->policy))
			return no_memory(s);
	}
	if (!a->events || e->time_ns < a->first_ns)
		a->first_ns = e->time_ns;
	if (e->time_ns > a->last_ns)
		a->last_ns = e->time_ns;
	a->events++;
	a->heard_ns = now_ns;
	a->changed = true;
	db_pending(s->db, s->watch_agents);
	return 0;
}

int store_agent_stats(struct store *s, const struct event *e, const char *json, size_t len,
		      uint64_t interval_ns)
{
	struct agent *a;
	int rc = find(s, e->agent, &a);

	if (!rc)
		rc = know_stats(s, a);
	if (rc || e->seq < a->stats_seq)
		return rc;
	a->changed = true;
	db_pending(s->db, s->watch_agents);
	rc = set_stats(s, a, e, json, len, interval_ns);
	return rc ? rc : 1;
}

int store_flow_late(struct store *s, const char *agent, uint64_t seq, bool *late)
{
	struct db_row *row;
	struct agent *a;
	int rc = find(s, agent, &a);

	if (rc)
		return rc;
	if (!a->folded_known) {
		/* Of those that wait none is of a flow: this would be known. */
		rc = db_get(s->db, &row, "SELECT MAX(seq) FROM EVENTS WHERE agent = $1", "t",
			    agent);
		if (rc < 0)
			return rc;
		a->folded = rc ? db_u64(row, 0) : 0;
		a->folded_known = true;
	}
	/* When something was undone in this transaction, it is not relied on. */
	*late = s->careful || seq < a->folded;
	if (seq > a->folded)
		a->folded = seq;
	return 0;
}
