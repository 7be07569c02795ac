/* SPDX-License-Identifier: Apache-2.0 */
/* Which flows last at a time: see STORE_LONG_NS. Those that are open have an index, too. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/list.h"
#include "collector/store/parts.h"
#include "collector/store/source.h"
#include "common/clock.h"

#define MORE_COLUMNS ", justified, login, same_as"
#define N_MORE 3
/* As the index events_state has it. */
#define IS_STATE "type IN ('path.change', 'fabric.device', 'bgp.route')"
#define EVENT_COLUMNS                                                                              \
	"n, agent, seq, time, stored, type, severity, device, path, service, source, verdict,"     \
	" policy, flow, place"

struct flow_call {
	struct store *store;
	store_list_flow_fn *fn;
	void *arg;
	uint64_t rows;
	bool documents;
};

/* When an agent's events were; so what it never sent is not looked for everywhere. */
struct agent {
	uint64_t first_ns, last_ns;
	bool many; /* its rows are met soon among the newest of all; else there are few of it, to
		    * be sorted */
};

/* 1, or 0: there is no such agent. */
static int agent_of(struct store *s, const struct store_list *l, struct agent *out)
{
	uint64_t events = 0, all, stored_ns;
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT first_seen, last_seen, events FROM agents WHERE agent = $1", "t",
			l->agent);

	if (rc <= 0)
		return rc;
	out->first_ns = db_u64(row, 0);
	out->last_ns = db_u64(row, 1);
	events = db_u64(row, 2);
	rc = store_list_newest(s, &all, &stored_ns);
	/* One in all / events is of it: a page is met within so many rows. */
	out->many = l->limit && (double)events * (double)events > (double)all * (double)l->limit;
	return rc < 0 ? rc : 1;
}

static int take_flow(void *arg, struct db_row *row)
{
	struct flow_call *call = arg;
	struct store_list_flow f = { 0 };
	int more = db_columns(row) - N_MORE, rc;

	store_flow_row(row, &f.f);
	f.justified = db_text(row, more);
	f.login = db_text(row, more + 1);
	f.same_as = db_u64(row, more + 2);
	call->rows++;
	if (call->documents && (rc = store_document(call->store, &f.f)) < 0)
		return rc;
	return call->fn(call->arg, &f);
}

void store_list_within(struct store *s, struct db_query *q, const struct store_list *l, char *text)
{
	bool pg = db_is_pg(s->db);

	prefix_format(&l->source, text);
	db_add_text(q, pg ? "CAST(source AS inet) <<= CAST(" : "gw_within(source, ", text);
	db_add(q, pg ? " AS inet)" : ")");
}

static bool is_host(const struct store_list *l)
{
	return l->source.len == addr_bits(&l->source.addr);
}

static void where_source(struct store *s, struct db_query *q, const struct store_list *l,
			 const struct store_gate *gate, char *text)
{
	if (!l->has_source)
		return;
	if (gate && gate->few) {
		db_where(q, "");
		store_gate_add(q, gate);
	} else if (is_host(l)) {
		db_where_text(q, "source = ", addr_format(&l->source.addr, text));
	} else {
		db_where(q, "");
		store_list_within(s, q, l, text);
	}
}

/* Outcomes that only a flow that was never established has. */
static bool is_failed(const char *outcome)
{
	return outcome && (strcmp(outcome, "refused") == 0 || strcmp(outcome, "unanswered") == 0 ||
			   strcmp(outcome, "unreachable") == 0 || strcmp(outcome, "attempt") == 0);
}

static void where_incident(struct db_query *q, const struct store_list *l)
{
	if (!l->incident)
		return;
	db_where_u64(q, "n IN (SELECT flow FROM incident_flows WHERE incident = ", l->incident);
	db_add(q, ")");
}

/* Only of a break-glass session it is asked whether it was justified. */
static bool of_sessions(const struct store_list *l)
{
	return l->sessions || l->justified;
}

/* Those that are open are few beside all others: they are found by that, and sorted. What
 * else is asked is written so that no index fits it. */
static void where_open(struct store *s, struct db_query *q, const struct store_list *l, char *text)
{
	db_where(q, "open = 1");
	if (of_sessions(l))
		db_where(q, "path || '' = 'in-band' AND service || '' = 'ssh' AND established = 1");
	if (l->justified)
		db_where_text(q, "COALESCE(justified, 'unknown') = ", l->justified);
	db_where_text(q, "device = ", l->device);
	if (l->has_source && is_host(l))
		where_source(s, q, l, NULL, text);
	db_where_u64(q, "n = ", l->n);
	db_where_u64(q, "start + 0 < ", l->until_ns);
	where_incident(q, l);
}

/* What an index answers. The words that are written out are those of the partial
 * indexes flows_sessions, flows_sessions_user, flows_sessions_login, flows_justified,
 * flows_untrusted, flows_intruders, flows_inband, flows_failed, flows_login and flows_actor. */
static void where_indexed(struct store *s, struct db_query *q, const struct store_list *l,
			  bool lasting, char *text)
{
	if (l->is_open) {
		where_open(s, q, l, text);
		return;
	}
	/* The column in other words as well, and SQLite would no more see that the index fits. */
	if (of_sessions(l))
		db_where(q, STORE_IS_SESSION);
	if (l->justified)
		db_where_text(q, "COALESCE(justified, 'unknown') = ", l->justified);
	if (l->verdict && strcmp(l->verdict, "trusted") != 0) {
		db_where(q, "verdict <> 'trusted'");
		db_where_text(q, "verdict = ", l->verdict);
	}
	if (l->verdict && strcmp(l->verdict, "no-policy") == 0)
		db_where(q, "verdict = 'no-policy'");
	if (l->path && strcmp(l->path, "in-band") == 0)
		db_where(q, "path = 'in-band'");
	if (is_failed(l->outcome)) {
		db_where(q, "established = 0");
		db_where_text(q, "outcome = ", l->outcome);
	}
	if (l->login && strcmp(l->login, "success") != 0) {
		db_where(q, "login <> 'success'");
		db_where_text(q, of_sessions(l) ? "COALESCE(login, '') = " : "login = ", l->login);
	}
	if (l->user && of_sessions(l)) {
		db_where_text(q, "COALESCE(\"user\", '') = ", l->user);
	} else if (l->user) {
		db_where(q, "\"user\" IS NOT NULL");
		db_where_text(q, "\"user\" = ", l->user);
	}
	db_where_text(q, "device = ", l->device);
	if (l->has_source && is_host(l))
		where_source(s, q, l, NULL, text);
	db_where_u64(q, "n = ", l->n);
	/* What lasts is found by its number: no index on the start is to be walked. */
	db_where_u64(q, lasting ? "start + 0 < " : "start < ", l->until_ns);
	where_incident(q, l);
}

/* The rest, as conditions that follow " AND " each. */
static void add_and_text(struct db_query *q, const char *condition, const char *value)
{
	if (!value)
		return;
	db_add(q, " AND ");
	db_add_text(q, condition, value);
}

static void add_rest(struct db_query *q, const struct store_list *l)
{
	/* Asked for by its number it is given whatever it is. */
	db_add(q, l->n ? "1 = 1" : "same_as IS NULL");
	add_and_text(q, "path = ", l->path);
	add_and_text(q, "service = ", l->service);
	add_and_text(q, "verdict = ", l->verdict);
	add_and_text(q, "outcome = ", l->outcome);
	add_and_text(q, of_sessions(l) ? "login || '' = " : "login = ", l->login);
	add_and_text(q, of_sessions(l) ? "\"user\" || '' = " : "\"user\" = ", l->user);
	add_and_text(q, l->agent_many ? "agent || '' = " : "agent = ", l->agent);
	if (l->is_closed)
		db_add(q, " AND open = 0");
}

/* The rows that had begun before `since` and lasted then. */
static void where_lasting(struct db_query *q, uint64_t since)
{
	uint64_t early = since > STORE_LONG_NS ? since - STORE_LONG_NS : 0;

	db_where(q, "n IN (");
	db_add_u64(q, "SELECT n FROM flows WHERE start >= ", early);
	db_add_u64(q, " AND start < ", since);
	db_add_u64(q, " AND (open = 1 OR \"end\" >= ", since);
	db_add_u64(q, ") UNION ALL SELECT n FROM flows WHERE " STORE_IS_LONG " AND \"end\" >= ",
		   since);
	db_add_u64(q, " AND start + 0 < ", early);
	db_add_u64(q, " AND open = 0 UNION ALL SELECT n FROM flows WHERE open = 1 AND start + 0 < ",
		   early);
	db_add(q, ")");
}

static void where_place(struct db_query *q, const struct store_list *l, const char *time)
{
	char text[64];

	if (!l->place_n)
		return;
	snprintf(text, sizeof(text), "%s <= ", time);
	db_where_u64(q, text, l->place_ns);
	snprintf(text, sizeof(text), " AND (%s < ", time);
	db_add_u64(q, text, l->place_ns);
	db_add_u64(q, " OR n < ", l->place_n);
	db_add(q, ")");
}

/* One of the two halves of a list: what began in the span, and what lasted before. */
static int flows_half(struct store *s, const struct store_list *l, const struct store_gate *gate,
		      bool lasting, uint64_t limit, struct flow_call *call)
{
	struct db_query q = { 0 };
	char text[PREFIX_STRLEN];

	db_add(&q, "SELECT " STORE_FLOW_COLUMNS MORE_COLUMNS " FROM flows");
	where_indexed(s, &q, l, lasting, text);
	if (lasting)
		where_lasting(&q, l->since_ns);
	else
		db_where_u64(&q, l->is_open ? "start + 0 >= " : "start >= ", l->since_ns);
	where_place(&q, l, lasting || l->is_open ? "start + 0" : "start");
	db_where(&q, "");
	add_rest(&q, l);
	if (l->has_source && !is_host(l))
		where_source(s, &q, l, gate, text);
	db_add(&q, lasting || gate->few || l->is_open ? " ORDER BY start + 0 DESC, n DESC"
					: " ORDER BY start DESC, n DESC");
	if (limit)
		db_add_u64(&q, " LIMIT ", limit);
	return db_query_each(s->db, &q, take_flow, call);
}

/* The list, with what is known of its agent. 1, or 0: there is no such agent. */
static int with_agent(struct store *s, const struct store_list *from, struct store_list *l)
{
	struct agent agent = { 0 };
	int rc;

	*l = *from;
	if (!l->agent)
		return 1;
	rc = agent_of(s, l, &agent);
	if (rc <= 0)
		return rc;
	l->agent_many = agent.many;
	/* What began later is not of it. */
	if (!l->until_ns || l->until_ns > agent.last_ns)
		l->until_ns = agent.last_ns + 1;
	return 1;
}

int store_list_flows(struct store *s, const struct store_list *from, store_list_flow_fn *fn,
		     void *arg)
{
	struct flow_call call = { .store = s, .fn = fn, .arg = arg, .documents = from->documents };
	struct store_gate gate = { 0 };
	struct store_list list, *l = &list;
	int rc = with_agent(s, from, l);

	if (rc <= 0)
		return rc;
	rc = 0;
	if (l->has_source && !is_host(l))
		rc = store_gate(s, &l->source, &gate);
	if (!rc)
		rc = flows_half(s, l, &gate, false, l->limit, &call);
	if (rc || !l->since_ns || (l->limit && call.rows >= l->limit))
		return rc;
	return flows_half(s, l, &gate, true, l->limit ? l->limit - call.rows : 0, &call);
}

int store_list_active(struct store *s, const char *device, uint64_t time_ns, uint64_t limit,
		      store_list_flow_fn *fn, void *arg)
{
	struct flow_call call = { .fn = fn, .arg = arg };
	struct db_query q = { 0 };

	db_add(&q, "SELECT " STORE_FLOW_COLUMNS MORE_COLUMNS " FROM flows");
	if (time_ns)
		where_lasting(&q, time_ns + 1);
	else
		db_where(&q, "open = 1");
	db_where_text(&q, "device = ", device);
	db_where(&q, "established = 1 AND service = 'ssh' AND direction = 'inbound'"
		     " AND same_as IS NULL");
	if (limit)
		db_add_u64(&q, " LIMIT ", limit);
	return db_query_each(s->db, &q, take_flow, &call);
}

/* ---- counting ---------------------------------------------------------------- */

struct facts_call {
	store_list_facts_fn *fn;
	void *arg;
	uint64_t rows;
};

static int take_facts(void *arg, struct db_row *row)
{
	struct facts_call *call = arg;
	struct store_list_facts f = { .path = db_text(row, 1),
				      .verdict = db_text(row, 2),
				      .outcome = db_text(row, 3),
				      .login = db_text(row, 4),
				      .user = db_text(row, 5),
				      .justified = db_text(row, 6) };

	call->rows++;
	return db_u64(row, 0) ? call->fn(call->arg, &f) : 0;
}

static int facts_half(struct store *s, const struct store_list *l, bool lasting, uint64_t limit,
		      struct facts_call *call)
{
	struct db_query q = { 0 };
	char text[PREFIX_STRLEN];

	db_add(&q, "SELECT CASE WHEN ");
	add_rest(&q, l);
	if (l->has_source && !is_host(l)) {
		db_add(&q, " AND ");
		store_list_within(s, &q, l, text);
	}
	db_add(&q, " THEN 1 ELSE 0 END, path, verdict, outcome, login, \"user\", justified"
		   " FROM flows");
	where_indexed(s, &q, l, lasting, text);
	if (lasting)
		where_lasting(&q, l->since_ns);
	else
		db_where_u64(&q, "start >= ", l->since_ns);
	db_add_u64(&q,
		   lasting || l->is_open ? " ORDER BY start + 0 DESC, n DESC LIMIT "
			   : " ORDER BY start DESC, n DESC LIMIT ",
		   limit);
	return db_query_each(s->db, &q, take_facts, call);
}

int store_list_facts(struct store *s, const struct store_list *from, uint64_t most,
		     store_list_facts_fn *fn, void *arg)
{
	struct facts_call call = { .fn = fn, .arg = arg };
	struct store_list list, *l = &list;
	int rc = with_agent(s, from, l);

	if (rc <= 0)
		return rc;
	rc = facts_half(s, l, false, most + 1, &call);

	if (!rc && l->since_ns && call.rows <= most)
		rc = facts_half(s, l, true, most + 1 - call.rows, &call);
	return rc ? rc : call.rows > most;
}

struct seen_call {
	store_list_seen_fn *fn;
	void *arg;
};

static int take_seen(void *arg, struct db_row *row)
{
	struct seen_call *call = arg;
	struct store_list_seen f = { .source = db_text(row, 0),
				     .device = db_text(row, 1),
				     .path = db_text(row, 2),
				     .verdict = db_text(row, 3),
				     .user = db_text(row, 4),
				     .established = db_u64(row, 5) != 0,
				     .start_ns = db_u64(row, 6),
				     .end_ns = db_u64(row, 7) };

	return call->fn(call->arg, &f);
}

int store_list_seen(struct store *s, const struct store_list *l, store_list_seen_fn *fn, void *arg)
{
	struct seen_call call = { fn, arg };
	struct db_query q = { 0 };
	struct store_gate gate = { 0 };
	char text[PREFIX_STRLEN];
	int rc = l->has_source && !is_host(l) ? store_gate(s, &l->source, &gate) : 0;

	if (rc)
		return rc;
	db_add(&q, "SELECT source, device, path, verdict, \"user\", established, start, \"end\""
		   " FROM flows");
	where_indexed(s, &q, l, false, text);
	db_where_u64(&q, "start >= ", l->since_ns);
	db_where(&q, "direction = 'inbound' AND source IS NOT NULL AND ");
	add_rest(&q, l);
	if (l->has_source && !is_host(l))
		where_source(s, &q, l, &gate, text);
	db_add_u64(&q,
		   gate.few ? " ORDER BY start + 0 DESC, n DESC LIMIT "
			    : " ORDER BY start DESC, n DESC LIMIT ",
		   l->limit);
	return db_query_each(s->db, &q, take_seen, &call);
}

/* ---- events ------------------------------------------------------------------ */

struct event_call {
	store_event_fn *fn;
	void *arg;
	struct store *store;
	struct store_text text;
};

static void event_row(struct db_row *row, struct store_event *out)
{
	*out = (struct store_event){ .n = db_u64(row, 0),
				     .agent = db_text(row, 1),
				     .seq = db_u64(row, 2),
				     .time_ns = db_u64(row, 3),
				     .stored_ns = db_u64(row, 4),
				     .type = db_text(row, 5),
				     .severity = db_text(row, 6),
				     .device = db_text(row, 7),
				     .path = db_text(row, 8),
				     .service = db_text(row, 9),
				     .source = db_text(row, 10),
				     .verdict = db_text(row, 11),
				     .policy = db_text(row, 12),
				     .flow = db_text(row, 13) };
}

static int take_event(void *arg, struct db_row *row)
{
	struct event_call *call = arg;
	struct store_event e;
	int rc = store_text(call->store, db_u64(row, 14), &call->text);

	if (rc < 0)
		return rc;
	event_row(row, &e);
	e.json = call->text.json ? call->text.json : "{}"; /* it cannot be read: verify tells */
	return call->fn(call->arg, &e);
}

/* Hands the row out; 1, or what fn returned. */
static int give_event(struct store *s, struct db_row *row, store_event_fn *fn, void *arg)
{
	struct event_call call = { fn, arg, .store = s };
	int rc = take_event(&call, row);

	free(call.text.text);
	return rc ? rc : 1;
}

int store_list_events(struct store *s, const struct store_list *l, store_event_fn *fn, void *arg)
{
	struct event_call call = { fn, arg, .store = s };
	struct db_query q = { 0 };
	struct store_gate gate = { 0 };
	struct agent agent = { 0 };
	char text[PREFIX_STRLEN];
	int rc = l->has_source && !is_host(l) ? store_gate(s, &l->source, &gate) : 0;

	if (rc)
		return rc;
	if (l->agent) {
		rc = agent_of(s, l, &agent);
		if (rc <= 0)
			return rc;
	}

	db_add(&q, "SELECT " EVENT_COLUMNS " FROM events");
	db_where_u64(&q, "time >= ", l->since_ns > agent.first_ns ? l->since_ns : agent.first_ns);
	db_where_u64(&q, "time < ", l->until_ns);
	db_where_u64(&q, "time <= ", agent.last_ns);
	where_place(&q, l, "time");
	db_where_u64(&q, "n = ", l->n);
	if (l->incident) {
		db_where_u64(&q, "n IN (SELECT event FROM incident_events WHERE incident = ",
			     l->incident);
		db_add(&q, ")");
	}
	if (l->type && (strcmp(l->type, "path.change") == 0 || strcmp(l->type, "bgp.route") == 0 ||
			strcmp(l->type, "fabric.device") == 0))
		db_where(&q, IS_STATE);
	db_where_text(&q, "type = ", l->type);
	if (l->severity == SEVERITY_NOTICE)
		db_where(&q, "severity <> 'info'");
	/* As the indexes events_severe and events_critical have it. */
	if (l->severity == SEVERITY_WARNING)
		db_where(&q, "severity IN ('warning', 'critical')");
	if (l->severity == SEVERITY_CRITICAL)
		db_where(&q, "severity = 'critical'");
	db_where_text(&q, "device = ", l->device);
	db_where_text(&q, agent.many ? "agent || '' = " : "agent = ", l->agent);
	db_where_text(&q, "path = ", l->path);
	db_where_text(&q, "service = ", l->service);
	db_where_text(&q, "verdict = ", l->verdict);
	/* As the index events_untrusted has it; of one device that would lead past those of all. */
	if (l->verdict && strcmp(l->verdict, "trusted") != 0 && !l->device && !l->has_source)
		db_where(&q, "verdict <> 'trusted'");
	where_source(s, &q, l, &gate, text);
	db_add(&q, gate.few ? " ORDER BY time + 0 DESC, n DESC" : " ORDER BY time DESC, n DESC");
	if (l->limit)
		db_add_u64(&q, " LIMIT ", l->limit);
	rc = db_query_each(s->db, &q, take_event, &call);
	free(call.text.text);
	return rc;
}

/* A step of a loose index scan for each type. */
int store_list_types(struct store *s, const char *group, unsigned most, store_list_type_fn *fn,
		     void *arg)
{
	char type[128], end[128];
	struct db_row *row;
	int rc;

	if (strchr(group, '.'))
		return fn(arg, group);
	snprintf(type, sizeof(type), "%s.", group);
	snprintf(end, sizeof(end), "%s/", group); /* '.' + 1 is '/' */
	while (most--) {
		rc = db_get(s->db, &row,
			    "SELECT type FROM events WHERE type > $1 AND type < $2"
			    " ORDER BY type LIMIT 1",
			    "tt", type, end);
		if (rc <= 0)
			return rc;
		snprintf(type, sizeof(type), "%s", db_text(row, 0));
		rc = fn(arg, type);
		if (rc)
			return rc;
	}
	return 0;
}

int store_list_arrived(struct store *s, uint64_t after_n, uint64_t upto_n, store_event_fn *fn,
		       void *arg)
{
	struct event_call call = { fn, arg, .store = s };
	int rc = db_each(s->db, take_event, &call,
			 "SELECT " EVENT_COLUMNS " FROM events WHERE n > $1 AND n <= $2 ORDER BY n",
			 "ii", after_n, upto_n);

	free(call.text.text);
	return rc;
}

int store_list_state(struct store *s, const char *device, const char *type, uint64_t time_ns,
		     store_event_fn *fn, void *arg)
{
	struct db_row *row;
	int rc;

	rc = db_get(
		s->db, &row,
		"SELECT " EVENT_COLUMNS " FROM events WHERE " IS_STATE
		" AND device = $1 AND type = $2 AND time <= $3 ORDER BY time DESC, n DESC LIMIT 1",
		"tti", device, type, time_ns ? time_ns : (uint64_t)INT64_MAX);
	return rc <= 0 ? rc : give_event(s, row, fn, arg);
}

int store_list_flow_next(struct store *s, const struct store_flow *f, uint64_t time_ns,
			 store_event_fn *fn, void *arg)
{
	struct db_row *row;
	int rc;

	/* The device is what the index finds. */
	rc = f->device
		     ? db_get(s->db, &row,
			      "SELECT " EVENT_COLUMNS " FROM events WHERE device = $1"
			      " AND time >= $2 AND agent = $3 AND flow = $4 AND type LIKE 'flow.%'"
			      " ORDER BY time, n LIMIT 1",
			      "titt", f->device, time_ns, f->agent, f->flow)
		     : db_get(s->db, &row,
			      "SELECT " EVENT_COLUMNS " FROM events WHERE time >= $1"
			      " AND time <= $2 AND agent = $3 AND flow = $4 AND type LIKE 'flow.%'"
			      " ORDER BY time, n LIMIT 1",
			      "iitt", time_ns, time_ns + 300 * NS_PER_S, f->agent, f->flow);
	return rc <= 0 ? rc : give_event(s, row, fn, arg);
}

int store_list_flow_n(struct store *s, const char *agent, const char *flow, uint64_t *n)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT n FROM flows WHERE agent = $1 AND flow = $2", "tt",
			agent, flow);

	if (rc > 0)
		*n = db_u64(row, 0);
	return rc;
}

struct name_call {
	store_list_type_fn *fn;
	void *arg;
};

static int take_name(void *arg, struct db_row *row)
{
	struct name_call *call = arg;

	return call->fn(call->arg, db_text(row, 0));
}

int store_list_seen_by(struct store *s, uint64_t n, store_list_type_fn *fn, void *arg)
{
	struct name_call call = { fn, arg };

	return db_each(s->db, take_name, &call,
		       "SELECT agent FROM flows WHERE n = $1 UNION ALL"
		       " SELECT agent FROM flows WHERE same_as IS NOT NULL AND same_as = $1",
		       "i", n);
}

struct id_call {
	store_list_id_fn *fn;
	void *arg;
};

static int take_id(void *arg, struct db_row *row)
{
	struct id_call *call = arg;

	return call->fn(call->arg, db_u64(row, 0));
}

int store_list_alerts(struct store *s, uint64_t after_n, store_list_id_fn *fn, void *arg)
{
	struct id_call call = { fn, arg };

	return db_each(s->db, take_id, &call,
		       "SELECT id FROM alerts WHERE updated > $1 ORDER BY updated", "i", after_n);
}

int store_list_newest(struct store *s, uint64_t *n, uint64_t *stored_ns)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT n, stored FROM events ORDER BY n DESC LIMIT 1", "");

	*n = *stored_ns = 0;
	if (rc > 0) {
		*n = db_u64(row, 0);
		*stored_ns = db_u64(row, 1);
	}
	return rc < 0 ? rc : 0;
}
