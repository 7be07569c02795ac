/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: reading. Each list is one SELECT, put together from the
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
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"
#include "collector/store/source.h"
#include "common/clock.h"

/* A condition that ends behind its value. */
static void where_closed(struct db_query *q, const char *condition, uint64_t value,
			 const char *close)
{
	if (!value)
		return;
	db_where_u64(q, condition, value);
	db_add(q, close);
}

/* One host is a comparison, which the index on source answers. text lives as long as q. */
static void where_source(struct store *s, struct db_query *q, const struct store_filter *f,
			 const struct store_gate *gate, char text[PREFIX_STRLEN])
{
	if (!f->has_source)
		return;
	if (gate && gate->few) {
		db_where(q, "");
		store_gate_add(q, gate);
		return;
	}
	if (f->source.len == addr_bits(&f->source.addr)) {
		addr_format(&f->source.addr, text);
		db_where_text(q, "source = ", text);
		return;
	}
	prefix_format(&f->source, text);
	if (db_is_pg(s->db)) {
		db_where_text(q, "CAST(source AS inet) <<= CAST(", text);
		db_add(q, " AS inet)");
	} else {
		db_where_text(q, "gw_within(source, ", text);
		db_add(q, ") = 1");
	}
}

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

/* The parts that events and flows share. What is rare has an index of its own, which
 * the database takes when its condition stands there word for word. */
static void where_what(struct store *s, struct db_query *q, const struct store_filter *f,
		       const struct store_gate *gate, char text[PREFIX_STRLEN])
{
	db_where_text(q, "device = ", f->device);
	if (is(f->path, "in-band"))
		db_where(q, "path = 'in-band'");
	else
		db_where_text(q, "path = ", f->path);
	if (is(f->service, "bgp"))
		db_where(q, "service = 'bgp'");
	else
		db_where_text(q, "service = ", f->service);
	db_where_text(q, "verdict = ", f->verdict);
	/* Of one device the index on that is better than one of all that is rare. */
	if (f->verdict && !is(f->verdict, "trusted") && !f->device)
		db_where(q, "verdict <> 'trusted'");
	if (is(f->verdict, "no-policy"))
		db_where(q, "verdict = 'no-policy'");
	where_source(s, q, f, gate, text);
}

static bool is_prefix(const struct store_filter *f)
{
	return f->has_source && f->source.len < addr_bits(&f->source.addr);
}

static bool is_host(const struct store_filter *f)
{
	return f->has_source && f->source.len == addr_bits(&f->source.addr);
}

static bool asks_what(const struct store_filter *f)
{
	return f->path || f->service || f->verdict || f->has_source;
}

/* `order` and its reverse, around the newest f->limit rows. */
static void newest(struct db_query *q, const struct store_filter *f, const char *key)
{
	char text[160];

	snprintf(text, sizeof(text), " ORDER BY %s%s, n%s", key,
		 f->limit && !f->oldest ? " DESC" : "", f->limit && !f->oldest ? " DESC" : "");
	db_add(q, text);
	if (!f->limit)
		return;
	db_add_u64(q, " LIMIT ", f->limit);
	snprintf(text, sizeof(text), ") AS newest ORDER BY %s, n", key);
	db_add(q, text);
}

/* ---- events ---------------------------------------------------------------- */

struct event_call {
	store_event_fn *fn;
	void *arg;
	struct store *store;
	struct store_text text;
};

static int take_event(void *arg, struct db_row *from)
{
	struct event_call *call = arg;
	int rc = store_text(call->store, db_u64(from, 14), &call->text);
	struct store_event row = {
		.n = db_u64(from, 0),
		.agent = db_text(from, 1),
		.seq = db_u64(from, 2),
		.time_ns = db_u64(from, 3),
		.stored_ns = db_u64(from, 4),
		.type = db_text(from, 5),
		.severity = db_text(from, 6),
		.device = db_text(from, 7),
		.path = db_text(from, 8),
		.service = db_text(from, 9),
		.source = db_text(from, 10),
		.verdict = db_text(from, 11),
		.policy = db_text(from, 12),
		.flow = db_text(from, 13),
		.json = call->text.json ? call->text.json : "{}", /* unreadable: verify tells */
	};

	return rc < 0 ? rc : call->fn(call->arg, &row);
}

/* A group, "bgp", is every "bgp.x": '.' + 1 is '/'. Of a group that is rare, the numbers
 * of the newest are taken from the index on types alone; flows are most of all events, and
 * are found in the order of time, which || '' leaves to the database as the only one. */
static void where_type(struct db_query *q, const struct store_filter *f)
{
	bool alone = f->limit && !f->oldest && !f->arrival && !f->device && !asks_what(f) &&
		     !f->incident && !f->after;
	bool rare = !is(f->type, "flow");

	if (strchr(f->type, '.')) {
		db_where_text(q, "type = ", f->type);
		return;
	}
	if (rare && alone)
		db_where(q, "n IN (SELECT n FROM events WHERE ");
	else
		db_where(q, "");
	db_add_text(q, rare ? "type > " : "type || '' > ", f->type);
	db_add_text(q, rare ? " || '.' AND type < " : " || '.' AND type || '' < ", f->type);
	db_add(q, " || '/'");
	if (!rare || !alone)
		return;
	if (f->since_ns)
		db_add_u64(q, " AND time >= ", f->since_ns);
	if (f->until_ns)
		db_add_u64(q, " AND time < ", f->until_ns);
	db_add_u64(q, " ORDER BY time DESC, n DESC LIMIT ", f->limit);
	db_add(q, ")");
}

int store_events(struct store *s, const struct store_filter *f, store_event_fn *fn, void *arg)
{
	struct event_call call = { fn, arg, .store = s };
	struct db_query q = { 0 };
	struct store_gate gate = { 0 };
	char source[PREFIX_STRLEN];
	int rc = is_prefix(f) ? store_gate(s, &f->source, &gate) : 0;

	if (rc)
		return rc;
	if (f->limit)
		db_add(&q, "SELECT * FROM (");
	db_add(&q, "SELECT n, agent, seq, time, stored, type, severity, device, path, service,"
		   " source, verdict, policy, flow, place FROM events");
	db_where_u64(&q, "time >= ", f->since_ns);
	db_where_u64(&q, "time < ", f->until_ns);
	db_where_u64(&q, "n > ", f->after);
	where_closed(&q, "n IN (SELECT event FROM incident_events WHERE incident = ", f->incident,
		     ")");
	if (f->type)
		where_type(&q, f);
	where_what(s, &q, f, &gate, source);
	newest(&q, f, f->arrival ? "n" : gate.few ? "time + 0" : "time");
	rc = db_query_each(s->db, &q, take_event, &call);
	free(call.text.text);
	return rc;
}

/* ---- flows ----------------------------------------------------------------- */

struct flow_call {
	struct store *s;
	store_flow_fn *fn;
	void *arg;
	bool bare;
};

static int take_flow(void *arg, struct db_row *from)
{
	struct flow_call *call = arg;
	struct store_flow row;
	int rc;

	store_flow_row(from, &row);
	rc = call->bare ? 0 : store_document(call->s, &row);
	return rc ? rc : call->fn(call->arg, &row);
}

static void where_flow_span(struct db_query *q, const struct store_filter *f)
{
	where_closed(q, "(open = 1 OR \"end\" >= ", f->since_ns, ")");
	db_where_u64(q, "start < ", f->until_ns);
}

int store_flows(struct store *s, const struct store_filter *f, store_flow_fn *fn, void *arg)
{
	struct flow_call call = { s, fn, arg, f->bare };
	struct db_query q = { 0 };
	struct store_gate gate = { 0 };
	char source[PREFIX_STRLEN];
	int rc = is_prefix(f) ? store_gate(s, &f->source, &gate) : 0;

	if (rc)
		return rc;
	if (f->limit)
		db_add(&q, "SELECT * FROM (");
	db_add(&q, "SELECT " STORE_FLOW_COLUMNS " FROM flows");
	if (!f->twins)
		db_where(&q, "same_as IS NULL");
	where_flow_span(&q, f);
	where_closed(&q, "n IN (SELECT flow FROM incident_flows WHERE incident = ", f->incident,
		     ")");
	where_what(s, &q, f, &gate, source);
	newest(&q, f, gate.few ? "start + 0" : "start");
	return db_query_each(s->db, &q, take_flow, &call);
}

/* ---- sources --------------------------------------------------------------- */

struct source_call {
	store_source_fn *fn;
	void *arg;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in order, which no database promises of a DISTINCT list; free()d by the caller.
 * NULL: there are none, or there is no memory. */
static char *in_order(const char *list)
{
	size_t n = 1, i = 0, len = list ? strlen(list) : 0;
	char *copy = list ? strdup(list) : NULL, *out = malloc(len + 1), *at = out, **names;

	for (const char *c = list; c && *c; c++)
		n += *c == ',';
	names = calloc(n, sizeof(*names));
	if (copy && out && names) {
		for (char *word = copy; word; i++)
			names[i] = strsep(&word, ",");
		qsort(names, n, sizeof(*names), by_name);
		for (i = 0; i < n; i++) {
			at = stpcpy(at, names[i]);
			*at++ = i + 1 < n ? ',' : '\0';
		}
	} else {
		free(out);
		out = NULL;
	}
	free(names);
	free(copy);
	return out;
}

static int take_source(void *arg, struct db_row *from)
{
	static const char *const verdicts[] = { NULL, "trusted", "no-policy", "untrusted" };
	struct source_call *call = arg;
	int worst = (int)db_u64(from, 7);
	struct store_source row = {
		.source = db_text(from, 0),
		.first_ns = db_u64(from, 1),
		.last_ns = db_u64(from, 2),
		.flows = db_u64(from, 3),
		.established = db_u64(from, 4),
		.devices = db_u64(from, 5),
		.untrusted = db_u64(from, 6),
		.verdict = worst >= 0 && worst <= 3 ? verdicts[worst] : NULL,
		.paths = db_text(from, 8),
	};
	char *users = in_order(db_text(from, 9));
	int rc;

	row.users = users;
	rc = call->fn(call->arg, &row);
	free(users);
	return rc;
}

int store_sources_counted(struct store *s, const struct store_filter *f, store_source_fn *fn,
			  void *arg)
{
	struct source_call call = { fn, arg };
	struct db_query q = { 0 };
	char source[PREFIX_STRLEN];

	if (f->limit)
		db_add(&q, "SELECT * FROM (");
	db_add(&q, "SELECT source, MIN(start), MAX(\"end\") AS last, COUNT(*), SUM(established),"
		   " COUNT(DISTINCT device), SUM(CASE verdict WHEN 'untrusted' THEN 1 ELSE 0 END),"
		   " MAX(CASE verdict WHEN 'untrusted' THEN 3 WHEN 'no-policy' THEN 2"
		   " WHEN 'trusted' THEN 1 ELSE 0 END),"
		   " CASE WHEN MIN(path) < MAX(path) THEN 'primary,in-band' ELSE MIN(path) END, ");
	db_add(&q, db_is_pg(s->db) ? "string_agg(DISTINCT \"user\", ',')"
				   : "GROUP_CONCAT(DISTINCT \"user\")");
	db_add(&q, ", MAX(n) AS n FROM flows");
	db_where(&q, "direction = 'inbound' AND source IS NOT NULL AND same_as IS NULL");
	where_flow_span(&q, f);
	where_what(s, &q, f, NULL, source);
	db_add(&q, " GROUP BY source");
	newest(&q, f, "last");
	return db_query_each(s->db, &q, take_source, &call);
}

/* ---- agents ---------------------------------------------------------------- */

struct agent_call {
	store_agent_fn *fn;
	void *arg;
};

static int take_agent(void *arg, struct db_row *from)
{
	struct agent_call *call = arg;
	struct store_agent row = {
		.agent = db_text(from, 0),
		.state = db_text(from, 1),
		.policy = db_text(from, 2),
		.first_ns = db_u64(from, 3),
		.last_ns = db_u64(from, 4),
		.last_seq = db_u64(from, 5),
		.events = db_u64(from, 6),
		.missing = db_u64(from, 7),
		.gaps = db_text(from, 8),
		.stats_ns = db_u64(from, 9),
		.stats = db_text(from, 10),
		.alarms = db_text(from, 11),
	};

	return call->fn(call->arg, &row);
}

/* Lists with commas; SQLite takes the rows in the order of the inner SELECT. */
#define AGENT_GAPS(list, more)                                                                     \
	"(SELECT " list "(CASE WHEN first = last THEN CAST(first AS TEXT)"                         \
	" ELSE CAST(first AS TEXT) || '-' || CAST(last AS TEXT) END" more                          \
	") FROM (SELECT first, last FROM gaps g WHERE g.agent = a.agent ORDER BY first) AS x)"
#define AGENT_ALARMS(list, more)                                                                   \
	"(SELECT " list "(CASE subject WHEN '' THEN name ELSE name || ' ' || subject END" more     \
	") FROM alarms l WHERE l.agent = a.agent AND l.name <> 'events-lost')"

int store_agents(struct store *s, const struct store_filter *f, store_agent_fn *fn, void *arg)
{
	struct agent_call call = { fn, arg };
	struct db_query q = { 0 };
	char source[PREFIX_STRLEN];

	if (f->limit)
		db_add(&q, "SELECT * FROM (");
	db_add(&q, "SELECT agent, CASE WHEN EXISTS (SELECT 1 FROM alarms l"
		   "  WHERE l.agent = a.agent AND l.name = 'agent-silent') THEN 'silent'"
		   " ELSE state END, policy, first_seen, last_seen, last_seq, events,"
		   " (SELECT COALESCE(SUM(last - first + 1), 0) FROM gaps g"
		   "  WHERE g.agent = a.agent), ");
	db_add(&q, db_is_pg(s->db) ? AGENT_GAPS("string_agg", ", ',' ORDER BY first")
				   : AGENT_GAPS("GROUP_CONCAT", ""));
	db_add(&q, ", stats_time, stats, ");
	db_add(&q, db_is_pg(s->db) ? AGENT_ALARMS("string_agg", ", ',' ORDER BY name, subject")
				   : AGENT_ALARMS("GROUP_CONCAT", ""));
	db_add(&q, ", agent AS n FROM agents a");
	db_where_u64(&q, "last_seen >= ", f->since_ns);
	db_where_u64(&q, "first_seen < ", f->until_ns);
	/* What one device or source did is read once; what is frequent is met soon with each. */
	if (f->device || is_host(f)) {
		db_where(&q, "agent IN (SELECT agent FROM events WHERE 1 = 1");
		where_what(s, &q, f, NULL, source);
		db_add(&q, ")");
	} else if (asks_what(f)) {
		db_where(&q, "EXISTS (SELECT 1 FROM events WHERE events.agent = a.agent");
		where_what(s, &q, f, NULL, source);
		db_add(&q, ")");
	}
	newest(&q, f, "last_seen");
	return db_query_each(s->db, &q, take_agent, &call);
}

/* ---- dead letters ---------------------------------------------------------- */

struct dead_call {
	store_dead_fn *fn;
	void *arg;
};

static int take_dead(void *arg, struct db_row *from)
{
	struct dead_call *call = arg;
	struct store_dead row = {
		.n = db_u64(from, 0),
		.entry = db_text(from, 1),
		.received_ns = db_u64(from, 2),
		.reason = db_text(from, 3),
	};
	size_t size;

	row.data = db_blob(from, 4, &size);
	row.size = size;
	return call->fn(call->arg, &row);
}

int store_dead_letters(struct store *s, const struct store_filter *f, store_dead_fn *fn, void *arg)
{
	struct dead_call call = { fn, arg };
	struct db_query q = { 0 };

	if (f->limit)
		db_add(&q, "SELECT * FROM (");
	db_add(&q, "SELECT n, entry, received, reason, data FROM dead_letters");
	db_where_u64(&q, "received >= ", f->since_ns);
	db_where_u64(&q, "received < ", f->until_ns);
	newest(&q, f, "received");
	return db_query_each(s->db, &q, take_dead, &call);
}
