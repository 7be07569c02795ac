/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts in the store, and what rules look up. What operators said is in
 * operate.c, what is to be sent in deliver.c. */
#include "collector/store/alert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"
#include "common/clock.h"
#include "common/cut.h"

#define OVER_MOST 64 /* alerts that end in one go; the next tick goes on */
#define AHEAD (60 * NS_PER_S) /* so much two collectors' clocks may differ */
#define SILENCES_MOST 256

static const char *const state_names[] = {
	[STORE_ALERT_OPEN] = "open",
	[STORE_ALERT_ACKNOWLEDGED] = "acknowledged",
	[STORE_ALERT_SILENCED] = "silenced",
	[STORE_ALERT_RESOLVED] = "resolved",
};
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == STORE_ALERT_STATES, "one each");

const char *store_alert_state_name(enum store_alert_state s)
{
	return state_names[s];
}

bool store_alert_state_parse(const char *text, enum store_alert_state *out)
{
	for (int i = 0; text && i < STORE_ALERT_STATES; i++)
		if (strcmp(text, state_names[i]) == 0) {
			*out = (enum store_alert_state)i;
			return true;
		}
	return false;
}

static enum event_severity severity_parse(const char *text)
{
	for (int i = 0; text && i < SEVERITY_NUM; i++)
		if (strcmp(text, event_severity_name((enum event_severity)i)) == 0)
			return (enum event_severity)i;
	return SEVERITY_INFO;
}

void store_alert_wrong(struct store *s, const char *text)
{
	db_say(s->db, STORE_REFUSED, "%s", text);
}

/* ---- reading --------------------------------------------------------------- */

/* Silences are few; a prefix cannot be compared in SQL that both databases know. */
struct silence {
	uint64_t id;
	char name[64], device[256], agent[256];
	bool has_source;
	struct prefix source;
};

struct silences {
	struct silence list[SILENCES_MOST];
	size_t n;
};

static int keep_silence(void *arg, const struct store_silence *x)
{
	struct silences *all = arg;
	struct silence *k;

	if (all->n == SILENCES_MOST)
		return 0;
	k = &all->list[all->n];
	*k = (struct silence){ .id = x->id, .has_source = x->source != NULL };
	snprintf(k->name, sizeof(k->name), "%s", x->name ? x->name : "");
	snprintf(k->device, sizeof(k->device), "%s", x->device ? x->device : "");
	snprintf(k->agent, sizeof(k->agent), "%s", x->agent ? x->agent : "");
	if (x->source && addr_parse(x->source, &k->source.addr))
		k->source.len = addr_bits(&k->source.addr);
	else if (x->source && !prefix_parse(x->source, &k->source))
		return 0; /* it fits nothing */
	all->n++;
	return 0;
}

static bool fits(const char *want, const char *is)
{
	return !*want || (is && strcmp(want, is) == 0);
}

static bool in_prefix(const struct prefix *p, const char *address)
{
	struct addr a;

	return address && addr_parse(address, &a) && prefix_contains(p, &a);
}

static uint64_t silence_of(const struct silences *all, const struct store_alert *a)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct silence *x = &all->list[i];

		if (fits(x->name, a->name) && fits(x->device, a->device) &&
		    fits(x->agent, a->agent) &&
		    (!x->has_source || in_prefix(&x->source, a->source)))
			return x->id;
	}
	return 0;
}

static enum store_alert_state state_of(const struct store_alert *a, uint64_t now_ns)
{
	if (a->resolved_ns)
		return STORE_ALERT_RESOLVED;
	if (a->silence)
		return STORE_ALERT_SILENCED;
	if (a->acked_ns && (!a->acked_until_ns || a->acked_until_ns > now_ns))
		return STORE_ALERT_ACKNOWLEDGED;
	return STORE_ALERT_OPEN;
}

#define COLUMNS                                                                                    \
	"id, name, key, bundle, severity, device, agent, source, incident, since, last, heard, "   \
	"count, text, resolved, resolved_by, drill, acked, acked_by, acked_why, acked_until, "     \
	"updated"

static void read_row(struct db_row *row, struct store_alert *a)
{
	*a = (struct store_alert){
		.id = db_u64(row, 0),
		.name = db_text(row, 1),
		.key = db_text(row, 2),
		.bundle = db_text(row, 3),
		.severity = severity_parse(db_text(row, 4)),
		.device = db_text(row, 5),
		.agent = db_text(row, 6),
		.source = db_text(row, 7),
		.incident = db_u64(row, 8),
		.since_ns = db_u64(row, 9),
		.last_ns = db_u64(row, 10),
		.heard_ns = db_u64(row, 11),
		.count = db_u64(row, 12),
		.text = db_text(row, 13),
		.resolved_ns = db_u64(row, 14),
		.resolved_by = db_text(row, 15),
		.drill = db_u64(row, 16),
		.acked_ns = db_u64(row, 17),
		.acked_by = db_text(row, 18),
		.acked_why = db_text(row, 19),
		.acked_until_ns = db_u64(row, 20),
		.updated = db_u64(row, 21),
	};
}

struct reading {
	const struct store_alert_filter *filter;
	struct silences silences;
	uint64_t handed;
	store_alert_fn *fn;
	void *arg;
	int stopped; /* what fn returned */
};

#define ENOUGH 1 /* the limit is reached */

static int hand_out(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	const struct store_alert_filter *f = r->filter;
	struct store_alert a;

	read_row(row, &a);
	a.silence = silence_of(&r->silences, &a);
	a.state = state_of(&a, f->now_ns);
	if ((f->states && !(f->states & 1u << a.state)) || a.severity < f->severity ||
	    (f->has_source && !in_prefix(&f->source, a.source)))
		return 0;
	r->stopped = r->fn(r->arg, &a);
	if (r->stopped)
		return ENOUGH;
	return f->limit && ++r->handed == f->limit ? ENOUGH : 0;
}

/* Its own, and those that an event of it has made, changed or ended: they were raised at its
 * devices while it lasted. Such an event is no newer than the alert's newest change. */
static void where_incident(struct db_query *q, uint64_t incident)
{
	if (!incident)
		return;
	db_where_u64(q, "(incident = ", incident);
	db_add_u64(q,
		   " OR id IN (SELECT u.id FROM alerts u CROSS JOIN alert_events a"
		   " CROSS JOIN incident_events i WHERE a.alert = u.id AND i.event = a.event"
		   " AND i.incident = ",
		   incident);
	db_add_u64(q,
		   " AND u.updated >= (SELECT MIN(event) FROM incident_events"
		   " WHERE incident = ",
		   incident);
	db_add(q, ")))");
}

static int read_alerts(struct store *s, const struct store_alert_filter *f, uint64_t id,
		       store_alert_fn *fn, void *arg)
{
	struct db_query q = { 0 };
	struct reading *r = calloc(1, sizeof(*r));
	unsigned open = 1u << STORE_ALERT_RESOLVED;
	int rc;

	if (!r)
		return STORE_FAILED;
	r->filter = f;
	r->fn = fn;
	r->arg = arg;
	rc = store_silences(s, f->now_ns, keep_silence, &r->silences);
	db_add(&q, "SELECT " COLUMNS " FROM alerts");
	db_where_u64(&q, "id = ", id);
	if (f->states && !(f->states & open))
		db_where(&q, "resolved IS NULL");
	if (f->states == open)
		db_where(&q, "resolved IS NOT NULL");
	if (f->since_ns) {
		db_where_u64(&q, "COALESCE(resolved, 9223372036854775807) >= ", f->since_ns);
	}
	db_where_u64(&q, "since < ", f->until_ns);
	db_where_text(&q, "name = ", f->name);
	db_where_text(&q, "device = ", f->device);
	db_where_text(&q, "agent = ", f->agent);
	db_where_text(&q, "bundle = ", f->bundle);
	where_incident(&q, f->incident);
	db_where_u64(&q, "id < ", f->before);
	db_add(&q, " ORDER BY id DESC");
	if (!rc)
		rc = db_query_each(s->db, &q, hand_out, r);
	if (rc >= 0)
		rc = r->stopped;
	free(r);
	return rc;
}

int store_alerts(struct store *s, const struct store_alert_filter *f, store_alert_fn *fn, void *arg)
{
	return read_alerts(s, f, 0, fn, arg);
}

struct one {
	store_alert_fn *fn;
	void *arg;
	bool found;
	int rc;
};

static int hand_one(void *arg, const struct store_alert *a)
{
	struct one *one = arg;

	one->found = true;
	one->rc = one->fn(one->arg, a);
	return one->rc;
}

int store_alert_get(struct store *s, uint64_t id, uint64_t now_ns, store_alert_fn *fn, void *arg)
{
	struct store_alert_filter f = { .now_ns = now_ns };
	struct one one = { .fn = fn, .arg = arg };
	int rc = id ? read_alerts(s, &f, id, hand_one, &one) : 0;

	if (rc)
		return rc;
	return one.found;
}

static int count_one(void *arg, const struct store_alert *a)
{
	struct store_alert_counts *out = arg;

	out->state[a->state]++;
	if (a->state == STORE_ALERT_OPEN)
		out->severity[a->severity]++;
	return 0;
}

int store_alert_count(struct store *s, uint64_t now_ns, struct store_alert_counts *out)
{
	struct store_alert_filter f = { .now_ns = now_ns,
					.states = 1u << STORE_ALERT_OPEN |
						  1u << STORE_ALERT_ACKNOWLEDGED |
						  1u << STORE_ALERT_SILENCED };
	struct db_row *row;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = store_alerts(s, &f, count_one, out);
	if (rc)
		return rc;
	rc = db_get(s->db, &row, "SELECT COUNT(*) FROM alerts WHERE resolved IS NOT NULL", "");
	if (rc == 1)
		out->state[STORE_ALERT_RESOLVED] = db_u64(row, 0);
	return rc < 0 ? rc : 0;
}

struct event_reading {
	store_event_fn *fn;
	void *arg;
	struct store *store;
	struct store_text text;
};

static int hand_event(void *arg, struct db_row *row)
{
	struct event_reading *r = arg;
	int rc = store_text(r->store, db_u64(row, 1), &r->text);
	struct store_event e = { .n = db_u64(row, 0), .json = r->text.json };

	return rc <= 0 ? rc : r->fn(r->arg, &e);
}

int store_alert_events(struct store *s, uint64_t id, store_event_fn *fn, void *arg)
{
	struct event_reading r = { fn, arg, .store = s };
	int rc = db_each(s->db, hand_event, &r,
			 "SELECT e.n, e.place FROM alert_events a JOIN events e ON e.n = a.event"
			 " WHERE a.alert = $1 ORDER BY e.n",
			 "i", id);

	free(r.text.text);
	return rc;
}

/* ---- changes ---------------------------------------------------------------- */

static void copy(char *to, size_t size, const char *text)
{
	cut_text(text ? text : "", to, size);
}

void store_alert_found_row(struct db_row *row, struct store_alert_found *out)
{
	memset(out, 0, sizeof(*out));
	out->id = db_u64(row, 0);
	out->since_ns = db_u64(row, 1);
	out->last_ns = db_u64(row, 2);
	out->count = db_u64(row, 3);
	out->drill = db_u64(row, 4);
	out->severity = severity_parse(db_text(row, 5));
	copy(out->bundle, sizeof(out->bundle), db_text(row, 6));
	copy(out->device, sizeof(out->device), db_text(row, 7));
	copy(out->agent, sizeof(out->agent), db_text(row, 8));
	copy(out->source, sizeof(out->source), db_text(row, 9));
}

/* As store_alert_find() will find it. */
static int keep_open(struct store *s, const struct store_alert *a)
{
	struct store_alert_found found = { .id = a->id,
					   .since_ns = a->since_ns,
					   .last_ns = a->last_ns,
					   .count = a->count,
					   .drill = a->drill,
					   .severity = a->severity };

	copy(found.bundle, sizeof(found.bundle), a->bundle);
	copy(found.device, sizeof(found.device), a->device);
	copy(found.agent, sizeof(found.agent), a->agent);
	copy(found.source, sizeof(found.source), a->source);
	return store_open_add(s, a->name, a->key, &found);
}

int store_alert_add(struct store *s, struct store_alert *a)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"INSERT INTO alerts (name, key, bundle, severity, device, agent, source,"
			" incident, since, last, heard, count, text, drill, updated)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
			" RETURNING id",
			"tttttttoiiiitii", a->name, a->key, a->bundle,
			event_severity_name(a->severity), a->device, a->agent, a->source,
			a->incident, a->since_ns, a->last_ns, a->heard_ns, a->count, a->text,
			a->drill, a->updated);

	if (rc <= 0)
		return rc;
	a->id = db_u64(row, 0);
	rc = keep_open(s, a);
	return rc ? rc : store_alert_joins(s, a->id, a->updated);
}

/* The event is one of the alert's incident as well, also when that is closed. */
int store_alert_joins(struct store *s, uint64_t id, uint64_t event_n)
{
	int rc = db_later(s->db,
			  "INSERT INTO alert_events (alert, event) VALUES ($1, $2)"
			  " ON CONFLICT (alert, event) DO NOTHING",
			  "ii", id, event_n);

	if (rc < 0 || !event_n)
		return rc;
	return db_later(s->db,
			"INSERT INTO incident_events (incident, event)"
			" SELECT i.id, CAST($1 AS BIGINT) FROM alerts a"
			" JOIN incidents i ON i.id = a.incident WHERE a.id = $2"
			" ON CONFLICT (incident, event) DO NOTHING",
			"ii", event_n, id);
}

int store_alert_change(struct store *s, uint64_t id, enum event_severity severity, const char *text,
		       uint64_t drill, uint64_t event_n)
{
	int rc = db_run(s->db,
			"UPDATE alerts SET severity = $1, text = $2, drill = $3, updated = $4,"
			" acked = NULL, acked_by = NULL, acked_why = NULL, acked_until = NULL"
			" WHERE id = $5",
			"ttiii", event_severity_name(severity), text, drill, event_n, id);

	if (rc >= 0)
		store_open_change(s, id, severity, drill);
	return rc < 0 ? rc : store_alert_joins(s, id, event_n);
}

int store_alert_resolve(struct store *s, uint64_t id, uint64_t time_ns, const char *why,
			uint64_t event_n)
{
	int rc = db_run(s->db,
			"UPDATE alerts SET resolved = $1, resolved_by = $2, updated = $3"
			" WHERE id = $4 AND resolved IS NULL",
			"itii", time_ns, why, event_n, id);

	if (rc >= 0)
		store_open_remove(s, id);
	return rc < 0 ? rc : store_alert_joins(s, id, event_n);
}

int store_alert_acknowledge(struct store *s, uint64_t id, const char *who, const char *why,
			    uint64_t until_ns, uint64_t now_ns, uint64_t event_n)
{
	int rc = db_run(s->db,
			"UPDATE alerts SET acked = $1, acked_by = $2, acked_why = $3,"
			" acked_until = $4, updated = $5 WHERE id = $6 AND resolved IS NULL",
			"ittoii", now_ns, who, why, until_ns, event_n, id);

	if (rc <= 0)
		return rc;
	rc = store_alert_joins(s, id, event_n);
	return rc < 0 ? rc : 1;
}

int store_alert_incident(struct store *s, const char *device, const char *source, uint64_t *id)
{
	struct db_row *row;
	int rc = 0;

	*id = 0;
	if (source)
		rc = db_get(s->db, &row,
			    "SELECT id FROM incidents WHERE kind = 'untrusted-source'"
			    " AND subject = $1 AND closed IS NULL AND joined = 0 ORDER BY id DESC "
			    "LIMIT 1",
			    "t", source);
	else if (device)
		rc = db_get(s->db, &row,
			    "SELECT e.incident FROM device_paths p JOIN episodes e"
			    " ON e.id = p.incident WHERE p.device = $1",
			    "t", device);
	if (rc == 1)
		*id = db_u64(row, 0);
	return rc < 0 ? rc : 0;
}

int store_alert_follow(struct store *s, uint64_t event_n)
{
	return store_done(db_run(
		s->db,
		"UPDATE alerts SET updated = $1, incident ="
		" (SELECT e.incident FROM device_paths p JOIN episodes e ON e.id = p.incident"
		"  WHERE p.device = alerts.device)"
		" WHERE resolved IS NULL AND source IS NULL AND EXISTS"
		" (SELECT 1 FROM device_paths p JOIN episodes e ON e.id = p.incident"
		"  WHERE p.device = alerts.device"
		"  AND e.incident <> COALESCE(alerts.incident, 0))",
		"i", event_n));
}

/* ---- what rules look up ------------------------------------------------------ */

/* What came last is a row of alarms: "NUMBER AGENT" and its time. A time that had not come
 * yet is that of a wrong clock; one that is yet to come is of before our own was set back. */
int store_alert_late(struct store *s, const char *name, const char *key, const struct event *e,
		     uint64_t now_ns)
{
	char what[80], data[EVENT_ID_STRLEN], *agent;
	struct store_alarm last = { .name = what, .agent = "", .subject = key };
	uint64_t seq;
	int rc;

	snprintf(what, sizeof(what), "newest %s", name);
	rc = store_alarm_get(s, &last);
	if (rc < 0)
		return rc;
	if (rc && last.data) {
		seq = strtoull(last.data, &agent, 10);
		agent += *agent == ' ';
		if (strcmp(agent, e->agent) == 0
			    ? e->seq < seq
			    : e->time_ns < last.since_ns && last.since_ns <= now_ns + AHEAD)
			return 1;
	}
	snprintf(data, sizeof(data), "%" PRIu64 " %s", e->seq, e->agent);
	last.since_ns = e->time_ns < now_ns ? e->time_ns : now_ns;
	last.data = data;
	return store_alarm_put(s, &last);
}

struct over {
	store_alert_fn *fn;
	void *arg;
};

static int hand_over(void *arg, struct db_row *row)
{
	struct over *o = arg;
	struct store_alert a;

	read_row(row, &a);
	return o->fn(o->arg, &a);
}

#define OPEN "SELECT " COLUMNS " FROM alerts a WHERE resolved IS NULL"
#define SOME " ORDER BY id LIMIT 64"
/* A flow that is a session now, of shared-account; $2: since when it is one for sure. */
#define ON_IT                                                                                      \
	" AND open = 1 AND established = 1 AND service = 'ssh' AND direction = 'inbound'"          \
	" AND \"end\" >= $2"
/* Of an incident i, as alert_management_switch() makes it. */
#define SWITCH_KEY                                                                                 \
	"(CASE i.fabric WHEN '' THEN i.subject ELSE i.fabric || ' ' || i.subject END)"

int store_alert_not_ahead(struct store *s, uint64_t now_ns)
{
	return store_done(db_run(s->db,
				 "UPDATE alerts SET heard = $1"
				 " WHERE resolved IS NULL AND heard > $2",
				 "ii", now_ns, now_ns + AHEAD));
}

int store_alert_over(struct store *s, enum store_alert_over which, const char *name,
		     const char *state, uint64_t before_ns, store_alert_fn *fn, void *arg)
{
	struct over o = { fn, arg };

	switch (which) {
	case STORE_OVER_QUIET:
		return db_each(s->db, hand_over, &o, OPEN " AND name = $1 AND heard <= $2" SOME,
			       "ti", name, before_ns);
	case STORE_OVER_PATH:
		return db_each(s->db, hand_over, &o,
			       OPEN " AND name = $1 AND EXISTS (SELECT 1 FROM device_paths p"
				    " WHERE p.device = a.device AND p.state <> $2)" SOME,
			       "tt", name, state);
	case STORE_OVER_SWITCH:
		return db_each(s->db, hand_over, &o,
			       OPEN " AND name = $1 AND key <> '*' AND NOT EXISTS"
				    " (SELECT 1 FROM incidents i WHERE i.kind = 'management-switch'"
				    "  AND " SWITCH_KEY " = a.key AND i.closed IS NULL"
				    "  AND i.joined = 0"
				    "  AND i.suspicion = 'suspected')" SOME,
			       "t", name);
	case STORE_OVER_NO_POLICY:
		return db_each(s->db, hand_over, &o,
			       OPEN
			       " AND name = $1 AND EXISTS (SELECT 1 FROM flows f"
			       " WHERE f.device = a.device AND f.start > a.last"
			       " AND f.verdict IN ('trusted', 'untrusted')"
			       " AND (CASE WHEN f.source LIKE '%:%' THEN 'ipv6' ELSE 'ipv4' END)"
			       "  = SUBSTR(a.key, LENGTH(a.key) - 3))" SOME,
			       "t", name);
	case STORE_OVER_UNKNOWN:
		return db_each(s->db, hand_over, &o,
			       OPEN " AND name = $1 AND EXISTS"
				    " (SELECT 1 FROM targets t WHERE t.address = a.key)" SOME,
			       "t", name);
	case STORE_OVER_SHARED:
		return db_each(s->db, hand_over, &o,
			       OPEN
			       " AND name = $1 AND key <> '*' AND 1 >="
			       " (CASE SUBSTR(a.key, 1, 7) WHEN 'device ' THEN"
			       " (SELECT COUNT(DISTINCT CASE WHEN \"user\" IS NULL THEN source"
			       "   ELSE \"user\" || ' of ' || agent END) FROM flows"
			       "   WHERE device = a.device AND path = 'in-band'" ON_IT ")"
			       " ELSE (SELECT CASE COUNT(DISTINCT source) WHEN 1 THEN 1"
			       "   ELSE COUNT(DISTINCT agent) END FROM flows"
			       "   WHERE \"user\" = SUBSTR(a.key, 6)" ON_IT ") END)" SOME,
			       "ti", name, before_ns);
	case STORE_OVER_DRILL:
		return db_each(s->db, hand_over, &o,
			       OPEN
			       " AND name = $1 AND drill <> 0 AND EXISTS (SELECT 1 FROM drills d"
			       " WHERE d.id = a.drill AND COALESCE(d.ended, d.until) <= $2)"
			       " AND NOT EXISTS (SELECT 1 FROM drills d WHERE d.since <= $2"
			       " AND COALESCE(d.ended, d.until) > $2"
			       " AND (d.device IS NULL OR d.device = a.device))" SOME,
			       "ti", name, before_ns);
	}
	return 0;
}

struct switches {
	store_switch_fn *fn;
	void *arg;
};

static int hand_switch(void *arg, struct db_row *row)
{
	struct switches *x = arg;
	struct store_switch out = { .incident = db_u64(row, 0),
				    .subject = db_text(row, 1),
				    .name = db_text(row, 2),
				    .opened_ns = db_u64(row, 3),
				    .drill = db_u64(row, 4),
				    .devices = (unsigned)db_u64(row, 5),
				    .fabric = db_text(row, 6) };

	return x->fn(x->arg, &out);
}

int store_switches(struct store *s, store_switch_fn *fn, void *arg)
{
	struct switches x = { fn, arg };

	return db_each(s->db, hand_switch, &x,
		       "SELECT i.id, i.subject, i.switch, i.opened, i.drill,"
		       " (SELECT COUNT(DISTINCT e.device) FROM episodes e WHERE e.incident = i.id),"
		       " i.fabric"
		       " FROM incidents i WHERE i.kind = 'management-switch' AND i.closed IS NULL"
		       " AND i.joined = 0 AND i.suspicion = 'suspected'"
		       " AND NOT EXISTS (SELECT 1 FROM alerts a"
		       "  WHERE a.name = 'management-switch-suspected' AND a.key = " SWITCH_KEY
		       "  AND a.resolved IS NULL) ORDER BY i.id LIMIT 64",
		       "");
}
