/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: reading incidents. A source may have made a hundred thousand flows, so
 * what an untrusted-source comes to is not counted from them but kept in
 * incident_devices.
 */
#include "collector/store/incident.h"

#include <stdio.h>
#include <string.h>

#include "collector/store/parts.h"
#include "collector/store/source.h"

/* The order of path states, from harmless to worst. */
#define STATE_RANK(column)                                                                         \
	"CASE " column " WHEN 'unreachable' THEN 5 WHEN 'in-band-unjustified' THEN 4"              \
	" WHEN 'in-band-unexplained' THEN 3 WHEN 'in-band' THEN 2"                                 \
	" WHEN 'primary-failing' THEN 1 ELSE 0 END"
#define IS_SOURCE "i.kind = '" STORE_KIND_UNTRUSTED "'"
#define OF_EPISODES " FROM episodes e WHERE e.incident = i.id"
#define OF_DEVICES " FROM incident_devices d WHERE d.incident = i.id"
#define OF_FLOWS " FROM incident_flows j JOIN flows f ON f.n = j.flow WHERE j.incident = i.id"

#define OWN_COLUMNS                                                                                \
	"i.id, i.kind, i.subject, i.fabric, i.subnet, i.switch, i.began, i.opened, i.closed,"      \
	" i.last, i.worst, i.severity, i.reason, i.closed_by, i.drill, i.joined, i.suspicion,"     \
	" i.suspected, i.answered, i.witness, i.flood_syns, i.updated"
/* And what its episodes, devices and flows add up to. */
#define INCIDENT_COLUMNS                                                                           \
	OWN_COLUMNS ","                                                                            \
	" COALESCE((SELECT e.state" OF_EPISODES " AND e.closed IS NULL"                            \
	"  ORDER BY " STATE_RANK("e.state") " DESC LIMIT 1),"                                      \
	"  CASE WHEN " IS_SOURCE " THEN i.worst ELSE 'primary' END),"                              \
	" (SELECT MAX(e.outage)" OF_EPISODES "),"                                                  \
	" CASE WHEN " IS_SOURCE " THEN (SELECT COUNT(*)" OF_DEVICES ")"                            \
	"  ELSE (SELECT COUNT(DISTINCT e.device)" OF_EPISODES ") END,"                             \
	" (SELECT COUNT(DISTINCT e.device)" OF_EPISODES " AND e.closed IS NULL),"                  \
	" (SELECT COUNT(DISTINCT e.device)" OF_EPISODES " AND e.worst = 'unreachable'),"           \
	" CASE WHEN " IS_SOURCE " THEN (SELECT MIN(d.device)" OF_DEVICES ")"                       \
	"  ELSE (SELECT MIN(e.device)" OF_EPISODES ") END,"                                        \
	" CASE WHEN i.worst = 'attempt' THEN 0 ELSE (SELECT COUNT(*)" OF_FLOWS                     \
	"  AND f.established = 1 AND f.path = 'in-band' AND f.service = 'ssh') END,"               \
	" CASE WHEN " IS_SOURCE " THEN (SELECT SUM(d.attempts + d.established)" OF_DEVICES ")"     \
	"  ELSE (SELECT COUNT(*)" OF_FLOWS " AND f.verdict = 'untrusted') END,"                    \
	" CASE WHEN " IS_SOURCE " THEN (SELECT SUM(d.attempts)" OF_DEVICES ")"                     \
	"  ELSE (SELECT COUNT(*)" OF_FLOWS " AND f.established = 0) END,"                          \
	" (SELECT SUM(d.established)" OF_DEVICES "),"                                              \
	" (SELECT SUM(d.logged_in)" OF_DEVICES ")"

static void own_row(struct db_row *row, struct store_incident *out)
{
	*out = (struct store_incident){
		.id = db_u64(row, 0),
		.kind = db_text(row, 1),
		.subject = db_text(row, 2),
		.fabric = db_text(row, 3),
		.subnet = db_text(row, 4),
		.switch_name = db_text(row, 5),
		.began_ns = db_u64(row, 6),
		.opened_ns = db_u64(row, 7),
		.closed_ns = db_u64(row, 8),
		.last_ns = db_u64(row, 9),
		.worst = db_text(row, 10),
		.severity = db_text(row, 11),
		.reason = db_text(row, 12),
		.closed_by = db_text(row, 13),
		.drill = db_u64(row, 14),
		.joined = db_u64(row, 15),
		.suspicion = db_text(row, 16),
		.suspected_ns = db_u64(row, 17),
		.answered_ns = db_u64(row, 18),
		.witness = db_text(row, 19),
		.flood_syns = db_u64(row, 20),
		.updated = db_u64(row, 21),
		.outage_s = -1,
	};
}

static void incident_row(struct db_row *row, struct store_incident *out)
{
	own_row(row, out);
	out->state = db_text(row, 22);
	out->outage_s = db_is_null(row, 23) ? -1 : db_real(row, 23);
	out->devices = db_u64(row, 24);
	out->open = db_u64(row, 25);
	out->unreachable = db_u64(row, 26);
	out->device = out->devices == 1 ? db_text(row, 27) : NULL;
	out->sessions = db_u64(row, 28);
	out->untrusted = db_u64(row, 29);
	out->attempts = db_u64(row, 30);
	out->established = db_u64(row, 31);
	out->logged_in = db_u64(row, 32);
}

/* ---- incidents ------------------------------------------------------------------- */

struct incident_call {
	struct store *s;
	store_incident_fn *fn;
	void *arg;
};

static int take_incident(void *arg, struct db_row *from)
{
	struct incident_call *call = arg;
	struct store_incident row;
	int rc = store_incident_get(call->s, db_u64(from, 0), &row);

	return rc == 1 ? call->fn(call->arg, &row) : rc;
}

static void where_device(struct db_query *q, const char *device)
{
	if (!device)
		return;
	db_where_text(q, "i.id IN (SELECT incident FROM episodes WHERE device = ", device);
	db_add_text(q, " UNION ALL SELECT incident FROM incident_devices WHERE device = ", device);
	db_add(q, ")");
}

/* text lives as long as q. */
static void where_source(struct store *s, struct db_query *q, const struct prefix *source,
			 char text[PREFIX_STRLEN])
{
	if (source->len == addr_bits(&source->addr)) {
		db_add_text(q, " AND f.source = ", addr_format(&source->addr, text));
		return;
	}
	prefix_format(source, text);
	if (db_is_pg(s->db)) {
		db_add_text(q, " AND CAST(f.source AS inet) <<= CAST(", text);
		db_add(q, " AS inet)");
	} else {
		db_add_text(q, " AND gw_within(f.source, ", text);
		db_add(q, ") = 1");
	}
}

/* Those that hold such a flow. Of a source that has few flows they are found by those; of
 * what is frequent they are met soon among the newest incidents. */
static void where_flow(struct store *s, struct db_query *q, const struct store_incident_filter *f,
		       const struct store_gate *gate, char text[PREFIX_STRLEN])
{
	const struct {
		const char *column, *value;
	} asked[] = {
		{ " AND f.path = ", f->f.path },	 { " AND f.service = ", f->f.service },
		{ " AND f.verdict = ", f->f.verdict },	 { " AND f.outcome = ", f->outcome },
		{ " AND f.login = ", f->login },	 { " AND f.\"user\" = ", f->user },
		{ " AND f.agent = ", f->agent },
	};
	bool any = f->f.has_source;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		any |= asked[i].value != NULL;
	if (!any)
		return;
	if (f->f.has_source && gate->few) {
		db_where(q, "i.id IN (SELECT j.incident FROM flows f JOIN incident_flows j"
			    " ON j.flow = f.n WHERE f.");
		store_gate_add(q, gate);
	} else {
		db_where(q, "EXISTS (SELECT 1 FROM incident_flows j JOIN flows f ON f.n = j.flow"
			    " WHERE j.incident = i.id");
	}
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (asked[i].value)
			db_add_text(q, asked[i].column, asked[i].value);
	if (f->f.has_source && !gate->few)
		where_source(s, q, &f->f.source, text);
	db_add(q, ")");
}

static void where_severity(struct db_query *q, enum event_severity least)
{
	if (least == SEVERITY_INFO)
		return;
	db_where_text(q, "(i.severity = ", event_severity_name(least));
	for (int i = least + 1; i < SEVERITY_NUM; i++)
		db_add_text(q, " OR i.severity = ", event_severity_name((enum event_severity)i));
	db_add(q, ")");
}

/* In the order of `opened`, not of numbers: one that is learnt of late has a new number. */
static void where_place(struct db_query *q, const struct store_incident_filter *f)
{
	if (!f->place)
		return;
	db_where_u64(q, "i.opened <= ", f->place_ns);
	db_add_u64(q, " AND (i.opened < ", f->place_ns);
	db_add_u64(q, " OR i.id < ", f->place);
	db_add(q, ")");
}

int store_incidents(struct store *s, const struct store_incident_filter *f, store_incident_fn *fn,
		    void *arg)
{
	struct incident_call call = { s, fn, arg };
	bool newest = f->f.limit && !f->f.oldest;
	struct db_query q = { 0 };
	struct store_gate gate = { 0 };
	char source[PREFIX_STRLEN];
	int rc = f->f.has_source ? store_gate(s, &f->f.source, &gate) : 0;

	if (rc)
		return rc;
	db_add(&q, "SELECT id FROM (SELECT i.id, i.opened FROM incidents i");
	if (!f->joined)
		db_where(&q, "i.joined = 0");
	if (f->open)
		db_where(&q, "i.closed IS NULL");
	db_where_u64(&q, "i.closed <= ", f->closed_ns);
	if (f->f.since_ns) {
		db_where_u64(&q, "(i.closed IS NULL OR i.closed >= ", f->f.since_ns);
		db_add(&q, ")");
	}
	db_where_u64(&q, "i.began < ", f->f.until_ns);
	db_where_text(&q, "i.kind = ", f->kind);
	db_where_text(&q, "i.fabric = ", f->fabric);
	db_where_u64(&q, "i.updated > ", f->updated);
	where_severity(&q, f->severity);
	where_place(&q, f);
	where_device(&q, f->f.device);
	where_flow(s, &q, f, &gate, source);
	if (f->f.limit) {
		db_add(&q, newest ? " ORDER BY i.opened DESC, i.id DESC"
				  : " ORDER BY i.opened, i.id");
		db_add_u64(&q, " LIMIT ", f->f.limit);
	}
	db_add(&q, ") AS wanted ORDER BY opened, id");
	return db_query_each(s->db, &q, take_incident, &call);
}

int store_incident_get(struct store *s, uint64_t id, struct store_incident *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT " INCIDENT_COLUMNS " FROM incidents i WHERE i.id = $1", "i", id);

	if (rc == 1)
		incident_row(row, out);
	return rc;
}

int store_incident_own(struct store *s, uint64_t id, struct store_incident *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT " OWN_COLUMNS " FROM incidents i WHERE i.id = $1",
			"i", id);

	if (rc == 1)
		own_row(row, out);
	return rc;
}

int store_incident_resolve(struct store *s, uint64_t *id)
{
	struct db_row *row;
	int rc;

	for (unsigned hops = 0; hops < 32; hops++) {
		rc = db_get(s->db, &row, "SELECT joined FROM incidents WHERE id = $1", "i", *id);
		if (rc != 1 || !db_u64(row, 0))
			return rc;
		*id = db_u64(row, 0);
	}
	return 1;
}

/* ---- its devices -------------------------------------------------------------- */

struct device_call {
	store_incident_device_fn *fn;
	void *arg;
};

/* The newest session to the device's Ma1 since then, and not after the end. */
#define LAST_PRIMARY(device, began, closed)                                                        \
	"(SELECT MAX(f.start) FROM flows f WHERE f.device = " device " AND f.start >= " began      \
	" AND (" closed " IS NULL OR f.start <= " closed ") AND f.path = 'primary'"                \
	" AND f.established = 1 AND f.direction = 'inbound')"

static int take_affected(void *arg, struct db_row *row)
{
	struct device_call *call = arg;
	struct store_incident_device d = {
		.device = db_text(row, 0),
		.role = db_text(row, 1),
		.how = db_u64(row, 2) ? STORE_MEMBER_LOST : STORE_MEMBER_MOVED,
		.episode = db_u64(row, 3),
		.began_ns = db_u64(row, 4),
		.opened_ns = db_u64(row, 5),
		.closed_ns = db_u64(row, 6),
		.state = db_text(row, 7),
		.worst = db_text(row, 8),
		.reason = db_text(row, 9),
		.closed_by = db_text(row, 10),
		.outage_s = db_is_null(row, 11) ? -1 : db_real(row, 11),
		.sessions = db_u64(row, 12),
		.last_ns = db_u64(row, 13),
	};

	d.unreachable = d.worst && strcmp(d.worst, "unreachable") == 0;
	return call->fn(call->arg, &d);
}

static int take_unaffected(void *arg, struct db_row *row)
{
	struct device_call *call = arg;
	struct store_incident_device d = { .device = db_text(row, 0),
					   .role = db_text(row, 1),
					   .outage_s = -1,
					   .last_ns = db_u64(row, 2) };

	d.how = d.last_ns ? STORE_MEMBER_PRIMARY : STORE_MEMBER_UNKNOWN;
	return call->fn(call->arg, &d);
}

int store_incident_devices(struct store *s, uint64_t id, store_incident_device_fn *fn, void *arg)
{
	struct device_call call = { fn, arg };
	int rc;

	rc = db_each(s->db, take_affected, &call,
		     "SELECT e.device, d.role, e.lost, e.id, e.began, e.opened, e.closed, e.state,"
		     " e.worst, e.reason, e.closed_by, e.outage,"
		     " (SELECT COUNT(*) FROM incident_flows j JOIN flows f ON f.n = j.flow"
		     "  WHERE j.incident = e.incident AND f.device = e.device"
		     "  AND f.path = 'in-band' AND f.service = 'ssh' AND f.established = 1),"
		     " " LAST_PRIMARY("e.device", "e.began", "e.closed")
		     " FROM episodes e LEFT JOIN devices d ON d.device = e.device"
		     " WHERE e.incident = $1 ORDER BY e.began, e.id",
		     "i", id);
	if (rc)
		return rc;
	return db_each(s->db, take_unaffected, &call,
		       "SELECT d.device, d.role, " LAST_PRIMARY("d.device", "i.began", "i.closed")
		       " FROM incidents i JOIN devices d ON d.subnet = i.subnet"
		       " AND d.fabric = i.fabric WHERE i.id = $1 AND i.kind = '" STORE_KIND_SWITCH
		       "' AND NOT EXISTS (SELECT 1 FROM episodes e WHERE e.incident = i.id"
		       " AND e.device = d.device) ORDER BY d.device",
		       "i", id);
}

/* ---- its flows -------------------------------------------------------------------- */

struct flow_call {
	struct store *s;
	store_flow_fn *fn;
	void *arg;
};

static int take_flow(void *arg, struct db_row *from)
{
	struct flow_call *call = arg;
	struct store_flow row;
	int rc;

	store_flow_row(from, &row);
	rc = store_document(call->s, &row);
	return rc ? rc : call->fn(call->arg, &row);
}

int store_incident_sessions(struct store *s, uint64_t id, store_flow_fn *fn, void *arg)
{
	struct flow_call call = { s, fn, arg };

	return db_each(s->db, take_flow, &call,
		       "SELECT " STORE_FLOW_COLUMNS " FROM flows WHERE n IN"
		       " (SELECT flow FROM incident_flows WHERE incident = $1)"
		       " AND " STORE_IS_SESSION " ORDER BY start, n",
		       "i", id);
}

struct untrusted_call {
	store_untrusted_fn *fn;
	void *arg;
};

static int take_untrusted(void *arg, struct db_row *row)
{
	struct untrusted_call *call = arg;
	struct store_untrusted u = {
		.source = db_text(row, 0),
		.device = db_text(row, 1),
		.attempts = db_u64(row, 2),
		.established = db_u64(row, 3),
		.logged_in = db_u64(row, 4),
		.open = db_u64(row, 5),
		.first_ns = db_u64(row, 6),
		.last_ns = db_u64(row, 7),
		.incident = db_u64(row, 8),
	};

	return call->fn(call->arg, &u);
}

int store_incident_untrusted(struct store *s, uint64_t id, store_untrusted_fn *fn, void *arg)
{
	struct untrusted_call call = { fn, arg };
	int rc;

	rc = db_each(s->db, take_untrusted, &call,
		     "SELECT i.subject, d.device, d.attempts, d.established, d.logged_in,"
		     " (SELECT COUNT(*) FROM flows f WHERE f.device = d.device AND f.open = 1"
		     "  AND f.source = i.subject AND f.established = 1 AND f.same_as IS NULL),"
		     " d.first, d.last, i.id FROM incident_devices d"
		     " JOIN incidents i ON i.id = d.incident WHERE d.incident = $1"
		     " ORDER BY d.first, d.device",
		     "i", id);
	if (rc)
		return rc;
	return db_each(
		s->db, take_untrusted, &call,
		"SELECT f.source, f.device,"
		" SUM(CASE WHEN f.established = 0 THEN 1 ELSE 0 END),"
		" SUM(f.established), SUM(CASE WHEN f.login = 'success' THEN 1 ELSE 0 END),"
		" SUM(CASE WHEN f.open = 1 AND f.established = 1 THEN 1 ELSE 0 END),"
		" MIN(f.start) AS first, MAX(f.\"end\"),"
		" (SELECT MAX(x.id) FROM incidents x WHERE x.subject = f.source"
		"  AND x.kind = '" STORE_KIND_UNTRUSTED "' AND x.began <= MAX(f.start)"
		"  AND (x.closed IS NULL OR x.closed >= MIN(f.start)))"
		" FROM incidents i JOIN incident_flows j ON j.incident = i.id"
		" JOIN flows f ON f.n = j.flow WHERE i.id = $1"
		" AND i.kind <> '" STORE_KIND_UNTRUSTED "'"
		" AND f.verdict = 'untrusted' AND f.source IS NOT NULL AND f.device IS NOT NULL"
		" GROUP BY f.source, f.device ORDER BY MIN(f.start), f.source, f.device",
		"i", id);
}

/* ---- the fabric ------------------------------------------------------------------ */

struct group_call {
	store_group_fn *fn;
	void *arg;
};

static int take_group(void *arg, struct db_row *row)
{
	struct group_call *call = arg;
	const char *subnet = db_text(row, 3);
	struct store_group g = {
		.device = db_text(row, 0),
		.role = db_text(row, 1),
		.fabric = db_text(row, 2) ? db_text(row, 2) : "",
		.subnet = subnet && subnet[0] ? subnet : NULL,
		.switch_name = db_text(row, 4),
	};

	return call->fn(call->arg, &g);
}

#define GROUP_SELECT                                                                               \
	"SELECT d.device, d.role, d.fabric, d.subnet,"                                             \
	" (SELECT CASE WHEN COUNT(*) = 1 THEN MIN(m.device) END FROM devices m"                    \
	"  WHERE m.subnet = d.subnet AND m.subnet <> '' AND m.fabric = d.fabric"                   \
	"  AND m.role = 'mgmt-switch' AND m.device <> d.device) FROM devices d"

int store_groups(struct store *s, const char *fabric, const char *subnet, store_group_fn *fn,
		 void *arg)
{
	struct group_call call = { fn, arg };

	if (!subnet)
		return db_each(s->db, take_group, &call, GROUP_SELECT " ORDER BY d.device", "");
	return db_each(s->db, take_group, &call,
		       GROUP_SELECT " WHERE d.subnet = $1 AND d.fabric = $2 ORDER BY d.device",
		       "tt", subnet, fabric);
}

int store_group_get(struct store *s, const char *device, store_group_fn *fn, void *arg)
{
	struct group_call call = { fn, arg };
	bool there = false;
	struct db_row *row;
	int rc = db_get(s->db, &row, GROUP_SELECT " WHERE d.device = $1", "t", device);

	there = rc == 1;
	if (there)
		rc = take_group(&call, row);
	return rc ? rc : there;
}

/* ---- who saw a flow --------------------------------------------------------------- */

struct seen_by {
	char *buf;
	size_t len, size;
};

static int take_agent(void *arg, struct db_row *row)
{
	struct seen_by *seen = arg;
	int n = snprintf(seen->buf + seen->len, seen->size - seen->len, "%s%s",
			 seen->len ? "," : "", db_text(row, 0));

	if (n < 0 || (size_t)n >= seen->size - seen->len) {
		seen->buf[seen->len] = '\0'; /* no half names */
		return 0;
	}
	seen->len += (size_t)n;
	return 0;
}

int store_flow_seen_by(struct store *s, uint64_t flow_n, char *buf, size_t size)
{
	struct seen_by seen = { buf, 0, size };

	buf[0] = '\0';
	return db_each(s->db, take_agent, &seen,
		       "SELECT agent FROM flows WHERE n = $1 OR same_as = $1"
		       " ORDER BY CASE WHEN same_as IS NULL THEN 0 ELSE 1 END, n",
		       "i", flow_n);
}
