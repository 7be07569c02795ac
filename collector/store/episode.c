/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what correlation remembers of devices and writes of incidents. */
#include "collector/store/episode.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/metrics.h"
#include "collector/store/parts.h"
#include "common/clock.h"
#include "common/cut.h"
#include "common/fnv.h"

/* An open flow without a packet for so long is one that nobody will end. */
#define FORGOTTEN (24 * 3600 * NS_PER_S)

static void copy(char *to, size_t size, const char *text)
{
	cut_text(text ? text : "", to, size);
}

/* ---- the memory of a device ------------------------------------------------- */

#define PATH_COLUMNS                                                                               \
	"state, since, agent, seq, failing, failing_event, incident, joint, stale"

static void path_row(struct db_row *row, struct store_path *out)
{
	copy(out->state, sizeof(out->state), db_text(row, 0));
	out->since_ns = db_u64(row, 1);
	copy(out->agent, sizeof(out->agent), db_text(row, 2));
	out->seq = db_u64(row, 3);
	out->failing_ns = db_u64(row, 4);
	out->failing_event = db_u64(row, 5);
	out->episode = db_u64(row, 6);
	out->joint = db_u64(row, 7);
	out->stale = db_u64(row, 8) != 0;
}

/*
 * Each event of a device asks for its path, which seldom changes: rows are kept, by a
 * hash of the name.
 */
#define PATHS_KEPT 4096

struct store_paths {
	struct {
		char device[256]; /* "": empty */
		bool known;	  /* there is a row */
		struct store_path path;
	} slots[PATHS_KEPT];
};

void store_paths_forget(struct store *s)
{
	free(s->paths);
	s->paths = NULL;
}

/* Where the device is, or would be. */
static unsigned slot_of(const struct store_paths *paths, const char *device)
{
	uint32_t h = fnv1a(device);
	unsigned first = (h ^ h >> 16) % PATHS_KEPT, slot;

	for (unsigned i = 0; paths && i < 8; i++) {
		slot = (first + i) % PATHS_KEPT;
		if (!paths->slots[slot].device[0] || strcmp(paths->slots[slot].device, device) == 0)
			return slot;
	}
	return first;
}

static int read_path(struct store *s, const char *device, struct store_path *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT " PATH_COLUMNS " FROM device_paths WHERE device = $1",
			"t", device);

	if (rc == 1)
		path_row(row, out);
	return rc;
}

int store_path_get(struct store *s, const char *device, struct store_path *out)
{
	int rc = store_chain_head(s); /* forgets them when somebody else has written */
	unsigned slot;

	memset(out, 0, sizeof(*out));
	if (rc)
		return rc;
	slot = slot_of(s->paths, device);
	if (s->paths && device[0] && strcmp(s->paths->slots[slot].device, device) == 0) {
		*out = s->paths->slots[slot].path;
		return s->paths->slots[slot].known;
	}
	rc = read_path(s, device, out);
	if (!s->paths)
		s->paths = calloc(1, sizeof(*s->paths));
	if (rc >= 0 && s->paths && strlen(device) < sizeof(s->paths->slots[slot].device)) {
		copy(s->paths->slots[slot].device, sizeof(s->paths->slots[slot].device), device);
		s->paths->slots[slot].known = rc == 1;
		s->paths->slots[slot].path = *out;
	}
	return rc;
}

/* The row that is kept is now this one; but for joint, see store_path_put(). */
static void keep_path(struct store *s, const char *device, const struct store_path *p)
{
	unsigned slot = slot_of(s->paths, device);
	uint64_t joint;

	if (!s->paths || strcmp(s->paths->slots[slot].device, device) != 0)
		return;
	joint = s->paths->slots[slot].known ? s->paths->slots[slot].path.joint : 0;
	s->paths->slots[slot].known = true;
	s->paths->slots[slot].path = *p;
	s->paths->slots[slot].path.joint = joint;
}

/* joint is store_incident_announce()'s alone. */
int store_path_put(struct store *s, const char *device, const struct store_path *p)
{
	keep_path(s, device, p);
	return store_done(db_run(s->db,
				 "INSERT INTO device_paths (device, state, since, agent, seq,"
				 " failing, failing_event, incident, joint, stale)"
				 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)"
				 " ON CONFLICT (device) DO UPDATE SET state = excluded.state,"
				 " since = excluded.since, agent = excluded.agent,"
				 " seq = excluded.seq, failing = excluded.failing,"
				 " failing_event = excluded.failing_event,"
				 " incident = excluded.incident, stale = excluded.stale",
				 "ttitiiiii", device, p->state, p->since_ns, p->agent, p->seq,
				 p->failing_ns, p->failing_event, p->episode, (uint64_t)p->stale));
}

struct view_call {
	store_view_fn *fn;
	void *arg;
};

static int take_view(void *arg, struct db_row *row)
{
	struct view_call *call = arg;
	struct store_view v = { .since_ns = db_u64(row, 2),
				.seq = db_u64(row, 3),
				.failing_ns = db_u64(row, 4),
				.failing_event = db_u64(row, 5),
				.stale = db_u64(row, 6) != 0 };

	copy(v.state, sizeof(v.state), db_text(row, 1));
	return call->fn(call->arg, db_text(row, 0), &v);
}

int store_views(struct store *s, const char *device, store_view_fn *fn, void *arg)
{
	struct view_call call = { fn, arg };

	return db_each(s->db, take_view, &call,
		       "SELECT agent, state, since, seq, failing, failing_event, stale"
		       " FROM device_views WHERE device = $1",
		       "t", device);
}

int store_view_put(struct store *s, const char *device, const char *agent,
		   const struct store_view *v)
{
	return store_done(
		db_run(s->db,
		       "INSERT INTO device_views (device, agent, state, since, seq, failing,"
		       " failing_event, stale) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		       " ON CONFLICT (device, agent) DO UPDATE SET state = excluded.state,"
		       " since = excluded.since, seq = excluded.seq, failing = excluded.failing,"
		       " failing_event = excluded.failing_event, stale = excluded.stale",
		       "tttiiiii", device, agent, v->state, v->since_ns, v->seq, v->failing_ns,
		       v->failing_event, (uint64_t)v->stale));
}

int store_views_primary(struct store *s, const char *device)
{
	return store_done(db_run(s->db,
				 "UPDATE device_views SET state = 'primary', failing = 0,"
				 " failing_event = 0 WHERE device = $1 AND state <> 'primary'",
				 "t", device));
}

int store_path_stale(struct store *s, const char *agent)
{
	int rc = db_run(s->db, "UPDATE device_views SET stale = 1 WHERE agent = $1", "t", agent);

	if (rc < 0)
		return rc;
	store_paths_forget(s);
	return store_done(db_run(s->db,
				 "UPDATE device_paths SET stale = 1 WHERE device IN"
				 " (SELECT device FROM device_views WHERE agent = $1)",
				 "t", agent));
}

/* ---- where a device belongs --------------------------------------------------- */

const char *store_fabric_of(const char *device, char *buf, size_t size)
{
	size_t len = strcspn(device, "-");

	return cut_text(device, buf, len < size ? len + 1 : size);
}

/* The subnet of the first management interface that is in one; IPv4 before IPv6. */
static void subnet_of(const json_t *management, char *buf, size_t size)
{
	char best[PREFIX_STRLEN] = "", text[PREFIX_STRLEN];
	const json_t *interface, *address;
	uint8_t family = 0;
	size_t i, k;

	json_array_foreach(management, i, interface)
	{
		json_array_foreach(json_object_get(interface, "addresses"), k, address)
		{
			const char *word = json_string_value(address);
			struct prefix p;

			if (!word || !prefix_parse(word, &p) || p.len + 1 >= addr_bits(&p.addr) ||
			    (family && family <= p.addr.family))
				continue;
			p = prefix_mask(&p);
			family = p.addr.family;
			copy(best, sizeof(best), prefix_format(&p, text));
		}
	}
	copy(buf, size, best);
}

static void site_of(const char *device, const json_t *doc, struct store_site *out)
{
	const json_t *fabric = json_object_get(doc, "fabric");

	store_fabric_of(device, out->fabric, sizeof(out->fabric));
	subnet_of(json_object_get(fabric, "management"), out->subnet, sizeof(out->subnet));
}

static int write_site(struct store *s, const char *device, const struct store_site *p)
{
	return store_done(db_run(s->db,
				 "UPDATE devices SET fabric = $1, subnet = $2 WHERE device = $3",
				 "ttt", p->fabric, p->subnet, device));
}

int store_site_put(struct store *s, const char *device, const char *json, size_t len)
{
	struct store_site p = { 0 };
	json_t *doc = json_loadb(json, len, 0, NULL);

	site_of(device, doc, &p);
	json_decref(doc);
	return write_site(s, device, &p);
}

/* Devices that were stored by an older collector have no place yet. */
struct unplaced {
	struct store *s;
};

static int site_row(void *arg, struct db_row *row)
{
	struct unplaced *u = arg;
	struct store_site p = { 0 };
	json_t *doc = json_loads(db_text(row, 1), 0, NULL);
	int rc;

	site_of(db_text(row, 0), doc, &p);
	rc = write_site(u->s, db_text(row, 0), &p);
	json_decref(doc);
	return rc;
}

static int switch_of(struct store *s, const char *device, struct store_site *p)
{
	struct db_row *row;
	int rc;

	if (!p->subnet[0])
		return 0;
	rc = db_get(s->db, &row,
		    "SELECT MIN(device), COUNT(*) FROM devices WHERE subnet = $1 AND fabric = $2"
		    " AND role = 'mgmt-switch' AND device <> $3",
		    "ttt", p->subnet, p->fabric, device);
	if (rc == 1 && db_u64(row, 1) == 1)
		copy(p->switch_name, sizeof(p->switch_name), db_text(row, 0));
	return rc < 0 ? rc : 0;
}

int store_site_get(struct store *s, const char *device, struct store_site *out)
{
	struct unplaced u = { s };
	struct db_row *row;
	int rc;

	memset(out, 0, sizeof(*out));
	store_fabric_of(device, out->fabric, sizeof(out->fabric));
	rc = db_each(s->db, site_row, &u, "SELECT device, json FROM devices WHERE subnet IS NULL",
		     "");
	if (rc)
		return rc;
	rc = db_get(s->db, &row, "SELECT fabric, subnet FROM devices WHERE device = $1", "t",
		    device);
	if (rc <= 0)
		return rc;
	copy(out->fabric, sizeof(out->fabric), db_text(row, 0));
	copy(out->subnet, sizeof(out->subnet), db_text(row, 1));
	return switch_of(s, device, out);
}

struct failing_call {
	store_failing_fn *fn;
	void *arg;
};

static int take_failing(void *arg, struct db_row *row)
{
	struct failing_call *call = arg;
	char device[STORE_DEVICE_LEN];
	struct store_path p = { 0 };

	path_row(row, &p);
	copy(device, sizeof(device), db_text(row, 9));
	return call->fn(call->arg, device, &p);
}

int store_failing(struct store *s, const struct store_site *at, store_failing_fn *fn, void *arg)
{
	struct failing_call call = { fn, arg };

	return db_each(s->db, take_failing, &call,
		       "SELECT " PATH_COLUMNS ", device FROM device_paths"
		       " WHERE state = 'primary-failing' AND incident = 0 AND device IN"
		       " (SELECT device FROM devices WHERE subnet = $1 AND fabric = $2)",
		       "tt", at->subnet, at->fabric);
}

/* ---- episodes ------------------------------------------------------------------- */

#define EPISODE_COLUMNS                                                                            \
	"id, incident, device, began, opened, closed, state, worst, reason, closed_by, outage, lost"

static void episode_row(struct db_row *row, struct store_episode *out)
{
	*out = (struct store_episode){
		.id = db_u64(row, 0),
		.incident = db_u64(row, 1),
		.device = db_text(row, 2),
		.began_ns = db_u64(row, 3),
		.opened_ns = db_u64(row, 4),
		.closed_ns = db_u64(row, 5),
		.state = db_text(row, 6),
		.worst = db_text(row, 7),
		.reason = db_text(row, 8),
		.closed_by = db_text(row, 9),
		.outage_s = db_is_null(row, 10) ? -1 : db_real(row, 10),
		.lost = db_u64(row, 11) != 0,
	};
}

int store_episode_add(struct store *s, struct store_episode *e)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"INSERT INTO episodes (incident, device, began, opened, closed, state,"
			" worst, reason, closed_by, outage, lost)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
			"itiiottttdi", e->incident, e->device, e->began_ns, e->opened_ns,
			e->closed_ns, e->state, e->worst, e->reason, e->closed_by, e->outage_s,
			(uint64_t)e->lost);

	if (rc == 1)
		e->id = db_u64(row, 0);
	return store_done(rc);
}

int store_episode_put(struct store *s, const struct store_episode *e)
{
	return store_done(
		db_run(s->db,
		       "UPDATE episodes SET incident = $1, began = $2, opened = $3, closed = $4,"
		       " state = $5, worst = $6, reason = $7, closed_by = $8, outage = $9,"
		       " lost = $10 WHERE id = $11",
		       "iiiottttdii", e->incident, e->began_ns, e->opened_ns, e->closed_ns,
		       e->state, e->worst, e->reason, e->closed_by, e->outage_s, (uint64_t)e->lost,
		       e->id));
}

int store_episode_at(struct store *s, const char *device, uint64_t time_ns,
		     struct store_episode *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT " EPISODE_COLUMNS " FROM episodes WHERE device = $1"
			" AND began <= $2 AND (closed IS NULL OR closed >= $2)"
			" ORDER BY opened DESC, id DESC LIMIT 1",
			"ti", device, time_ns);

	if (rc == 1)
		episode_row(row, out);
	return rc;
}

int store_episode_get(struct store *s, uint64_t id, struct store_episode *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT " EPISODE_COLUMNS " FROM episodes WHERE id = $1", "i",
			id);

	if (rc == 1)
		episode_row(row, out);
	return rc;
}

int store_episode_ended(struct store *s, const char *device, uint64_t *closed_ns)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT closed FROM episodes WHERE device = $1 AND closed IS NOT NULL"
			" ORDER BY opened DESC LIMIT 1",
			"t", device);

	*closed_ns = rc == 1 ? db_u64(row, 0) : 0;
	return rc < 0 ? rc : 0;
}

/* ---- incidents ------------------------------------------------------------------- */

int store_incident_add(struct store *s, struct store_incident *i)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"INSERT INTO incidents (kind, subject, fabric, subnet, switch, began,"
			" opened, closed, last, worst, severity, reason, closed_by, drill, joined,"
			" suspicion, suspected, answered, witness, flood_syns, updated)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
			" $15, $16, $17, $18, $19, $20, $21) RETURNING id",
			"tttttiioittttiitootii", i->kind, i->subject, i->fabric, i->subnet,
			i->switch_name, i->began_ns, i->opened_ns, i->closed_ns, i->last_ns,
			i->worst, i->severity, i->reason, i->closed_by, i->drill, i->joined,
			i->suspicion ? i->suspicion : "", i->suspected_ns, i->answered_ns,
			i->witness, i->flood_syns, i->updated);

	if (rc == 1)
		i->id = db_u64(row, 0);
	metrics_note(s->counts, METRIC_INCIDENTS, metrics_incident(i->kind), 1);
	return store_done(rc);
}

int store_incident_put(struct store *s, const struct store_incident *i)
{
	return store_done(
		db_run(s->db,
		       "UPDATE incidents SET kind = $1, subject = $2, fabric = $3, subnet = $4,"
		       " switch = $5, began = $6, opened = $7, closed = $8, last = $9, worst = $10,"
		       " severity = $11, reason = $12, closed_by = $13, drill = $14, joined = $15,"
		       " suspicion = $16, suspected = $17, answered = $18, witness = $19,"
		       " flood_syns = $20, updated = $21 WHERE id = $22",
		       "tttttiioittttiitootiii", i->kind, i->subject, i->fabric, i->subnet,
		       i->switch_name, i->began_ns, i->opened_ns, i->closed_ns, i->last_ns,
		       i->worst, i->severity, i->reason, i->closed_by, i->drill, i->joined,
		       i->suspicion ? i->suspicion : "", i->suspected_ns, i->answered_ns,
		       i->witness, i->flood_syns, i->updated, i->id));
}

/* By its number, where another SELECT has found it. */
static int found(struct store *s, int rc, struct db_row *row, struct store_incident *out)
{
	return rc == 1 ? store_incident_own(s, db_u64(row, 0), out) : rc;
}

int store_incident_of_subnet(struct store *s, const struct store_site *at, uint64_t from_ns,
			     uint64_t to_ns, uint64_t except, struct store_incident *out)
{
	struct db_row *row;
	int rc;

	if (to_ns)
		rc = db_get(s->db, &row,
			    "SELECT id FROM incidents WHERE subnet = $1 AND fabric = $2"
			    " AND joined = 0 AND id <> $3 AND began <= $4"
			    " AND (closed IS NULL OR closed >= $5)"
			    " ORDER BY opened DESC, id DESC LIMIT 1",
			    "ttiii", at->subnet, at->fabric, except, to_ns, from_ns);
	else
		rc = db_get(s->db, &row,
			    "SELECT id FROM incidents WHERE subnet = $1 AND fabric = $2"
			    " AND joined = 0 AND id <> $3 AND closed IS NULL"
			    " ORDER BY opened DESC, id DESC LIMIT 1",
			    "tti", at->subnet, at->fabric, except);
	return found(s, rc, row, out);
}

int store_incident_unexplained(struct store *s, const struct store_site *at, uint64_t except,
			       struct store_incident *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT id FROM incidents WHERE subnet = $1 AND fabric = $2"
			" AND joined = 0 AND id <> $3 AND closed IS NULL"
			" AND worst = 'in-band-unexplained' ORDER BY id LIMIT 1",
			"tti", at->subnet, at->fabric, except);

	return found(s, rc, row, out);
}

int store_incident_of_source(struct store *s, const char *source, const char *fabric,
			     uint64_t time_ns, struct store_incident *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT id FROM incidents WHERE subject = $1"
			" AND kind = '" STORE_KIND_UNTRUSTED "' AND fabric = $2"
			" AND (closed IS NULL OR (closed >= $3 AND began <= $3))"
			" ORDER BY id DESC LIMIT 1",
			"tti", source, fabric, time_ns);

	return found(s, rc, row, out);
}

struct summing {
	struct store_incident_sum *out;
	bool open;
	uint64_t closed_ns;
};

/* Worse, in the order of rules/incident.h. */
static int rank(const char *state)
{
	static const char *const order[] = { "primary",		    "primary-failing",
					     "in-band",		    "in-band-unexplained",
					     "in-band-unjustified", "unreachable" };

	for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++)
		if (strcmp(order[i], state) == 0)
			return i;
	return -1;
}

/* Episodes in the order of their first sign. */
static int sum_episode(void *arg, struct db_row *row)
{
	struct summing *sum = arg;
	struct store_incident_sum *out = sum->out;
	struct store_episode e;

	episode_row(row, &e);
	if (!out->began_ns) {
		out->began_ns = e.began_ns;
		copy(out->device, sizeof(out->device), e.device);
		copy(out->reason, sizeof(out->reason), e.reason);
	}
	if (!out->opened_ns || e.opened_ns < out->opened_ns)
		out->opened_ns = e.opened_ns;
	if (e.began_ns > out->newest_ns)
		out->newest_ns = e.began_ns;
	if (!out->worst[0] || rank(e.worst) > rank(out->worst))
		copy(out->worst, sizeof(out->worst), e.worst);
	if (!e.closed_ns) {
		sum->open = true;
	} else if (e.closed_ns >= sum->closed_ns) {
		sum->closed_ns = e.closed_ns;
		copy(out->closed_by, sizeof(out->closed_by), e.closed_by);
	}
	return 0;
}

int store_incident_sum(struct store *s, uint64_t id, struct store_incident_sum *out)
{
	struct summing sum = { .out = out };
	struct db_row *row;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = db_each(s->db, sum_episode, &sum,
		     "SELECT " EPISODE_COLUMNS " FROM episodes WHERE incident = $1"
		     " ORDER BY began, id",
		     "i", id);
	if (rc)
		return rc;
	if (!sum.open)
		out->closed_ns = sum.closed_ns;
	rc = db_get(s->db, &row,
		    "SELECT COUNT(DISTINCT device),"
		    " COUNT(DISTINCT CASE WHEN lost = 1 THEN device END),"
		    " COUNT(DISTINCT CASE WHEN lost = 1 AND closed IS NULL THEN device END)"
		    " FROM episodes WHERE incident = $1",
		    "i", id);
	if (rc != 1)
		return rc;
	out->devices = (unsigned)db_u64(row, 0);
	out->ever_lost = (unsigned)db_u64(row, 1);
	out->lost = (unsigned)db_u64(row, 2);
	return 0;
}

int store_incident_touch(struct store *s, uint64_t id, uint64_t time_ns, uint64_t event_n)
{
	return store_done(db_run(s->db,
				 "UPDATE incidents SET last = CASE WHEN last < $1 THEN $1"
				 " ELSE last END, updated = $2 WHERE id = $3",
				 "iii", time_ns, event_n, id));
}

int store_incident_undrilled(struct store *s, uint64_t id)
{
	return store_done(db_run(s->db,
				 "UPDATE incidents SET drill = 0 WHERE id = $1 AND drill <> 0", "i",
				 id));
}

int store_incident_announce(struct store *s, const struct store_site *at, uint64_t id)
{
	store_paths_forget(s);
	return store_done(
		db_run(s->db,
		       "INSERT INTO device_paths (device, state, since, agent, seq, failing,"
		       " failing_event, incident, stale, joint)"
		       " SELECT device, '', 0, '', 0, 0, 0, 0, 0, CAST($1 AS BIGINT) FROM devices"
		       " WHERE subnet = $2 AND fabric = $3"
		       " ON CONFLICT (device) DO UPDATE SET joint = excluded.joint",
		       "itt", id, at->subnet, at->fabric));
}

int store_incident_lost(struct store *s, uint64_t id, const char *device, uint64_t time_ns)
{
	struct db_row *row;

	return db_get(s->db, &row,
		      "SELECT 1 FROM episodes WHERE incident = $1 AND device = $2 AND lost = 1"
		      " AND began <= $3 LIMIT 1",
		      "iti", id, device, time_ns);
}

int store_incident_merge(struct store *s, uint64_t from, uint64_t into, uint64_t event_n)
{
	int rc = db_run(s->db, "UPDATE episodes SET incident = $1 WHERE incident = $2", "ii", into,
			from);

	if (rc >= 0)
		rc = db_run(s->db,
			    "INSERT INTO incident_events (incident, event)"
			    " SELECT CAST($1 AS BIGINT), event FROM incident_events"
			    " WHERE incident = $2 ON CONFLICT (incident, event) DO NOTHING",
			    "ii", into, from);
	if (rc >= 0)
		rc = db_run(s->db,
			    "INSERT INTO incident_flows (incident, flow)"
			    " SELECT CAST($1 AS BIGINT), flow FROM incident_flows"
			    " WHERE incident = $2 ON CONFLICT (incident, flow) DO NOTHING",
			    "ii", into, from);
	if (rc >= 0)
		rc = db_run(s->db,
			    "UPDATE alerts SET incident = $1, updated = $2 WHERE incident = $3",
			    "iii", into, event_n, from);
	if (rc >= 0)
		rc = db_run(s->db, "DELETE FROM incident_events WHERE incident = $1", "i", from);
	if (rc >= 0)
		rc = db_run(s->db, "DELETE FROM incident_flows WHERE incident = $1", "i", from);
	return store_done(rc);
}

int store_incident_event(struct store *s, uint64_t id, uint64_t event_n)
{
	return store_done(db_run(s->db,
				 "INSERT INTO incident_events (incident, event) VALUES ($1, $2)"
				 " ON CONFLICT (incident, event) DO NOTHING",
				 "ii", id, event_n));
}

int store_incident_flow_new(struct store *s, uint64_t id, uint64_t flow_n)
{
	return db_run(s->db,
		      "INSERT INTO incident_flows (incident, flow) VALUES ($1, $2)"
		      " ON CONFLICT (incident, flow) DO NOTHING",
		      "ii", id, flow_n);
}

int store_incident_flow(struct store *s, uint64_t id, uint64_t flow_n)
{
	return store_done(store_incident_flow_new(s, id, flow_n));
}

/* Flows of a device that lasted at `since`, or began after it; `early` is STORE_LONG_NS
 * before. A device may have had a million flows: there is an index for those that are
 * open, one for those that began since, and one for those that took long, which
 * COALESCE() leads to. */
#define LASTED(columns, device_is, early, since, more)                                             \
	"SELECT " columns " FROM FLOWS WHERE device = " device_is " AND open = 1" more             \
	" UNION ALL SELECT " columns " FROM FLOWS WHERE device = " device_is " AND open = 0"       \
	" AND start >= " early " AND \"end\" >= " since more                                       \
	" UNION ALL SELECT " columns " FROM FLOWS WHERE COALESCE(device, '') = " device_is         \
	" AND open = 0 AND start < " early " AND " STORE_IS_LONG                                   \
	" AND \"end\" >= " since more

#define BELONGS                                                                                    \
	" AND direction = 'inbound' AND same_as IS NULL"                                           \
	" AND (path = 'in-band' OR verdict = 'untrusted'"                                          \
	"      OR (path = 'primary' AND established = 0))"

int store_incident_gather(struct store *s, uint64_t id, const char *device, uint64_t since_ns)
{
	int rc = store_flows_write_of(s, device);

	if (rc)
		return rc;
	return store_done(db_run(s->db,
				 "INSERT INTO incident_flows (incident, flow)"
				 " SELECT CAST($1 AS BIGINT), n FROM ("
				 LASTED("n", "$2", "$3", "$4", BELONGS)
				 ") AS lasted WHERE true ON CONFLICT (incident, flow) DO NOTHING",
				 "itii", id, device,
				 since_ns > STORE_LONG_NS ? since_ns - STORE_LONG_NS : 0,
				 since_ns));
}

int store_incident_sign(struct store *s, uint64_t id, uint64_t *sign_ns)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT MIN(f.start) FROM incident_flows j JOIN flows f ON f.n = j.flow"
			" WHERE j.incident = $1 AND f.path = 'primary' AND f.established = 0"
			" AND COALESCE(f.verdict, '') <> 'untrusted'",
			"i", id);

	*sign_ns = rc == 1 ? db_u64(row, 0) : 0;
	return store_done(rc);
}

/* The first of each device, by its index, and then the first of those. */
int store_answered(struct store *s, const struct store_site *at, uint64_t after_ns, uint64_t *at_ns,
		   char device[STORE_DEVICE_LEN])
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT answered, device FROM (SELECT d.device, (SELECT f.start"
			"  FROM flows f WHERE f.device = d.device AND f.start > $1"
			"  AND f.path = 'primary' AND f.established = 1"
			"  AND f.direction = 'inbound' ORDER BY f.start LIMIT 1) AS answered"
			" FROM devices d WHERE d.subnet = $2 AND d.fabric = $3) AS firsts"
			" WHERE answered IS NOT NULL ORDER BY answered, device LIMIT 1",
			"itt", after_ns, at->subnet, at->fabric);

	if (rc == 1) {
		*at_ns = db_u64(row, 0);
		copy(device, STORE_DEVICE_LEN, db_text(row, 1));
	}
	return rc;
}

int store_incident_reach(struct store *s, uint64_t id, const char *device,
			 const struct store_reach *r)
{
	return store_done(
		db_run(s->db,
		       "INSERT INTO incident_devices (incident, device, attempts, established,"
		       " logged_in, first, last) VALUES ($1, $2, $3, $4, $5, $6, $7)"
		       " ON CONFLICT (incident, device) DO UPDATE SET"
		       " attempts = incident_devices.attempts + excluded.attempts,"
		       " established = incident_devices.established + excluded.established,"
		       " logged_in = incident_devices.logged_in + excluded.logged_in,"
		       " first = CASE WHEN excluded.first < incident_devices.first"
		       "  THEN excluded.first ELSE incident_devices.first END,"
		       " last = CASE WHEN excluded.last > incident_devices.last"
		       "  THEN excluded.last ELSE incident_devices.last END",
		       "itnnnii", id, device, r->attempts, r->established, r->logged_in,
		       r->first_ns, r->last_ns));
}

struct quiet {
	struct store *s;
	store_incident_fn *fn;
	void *arg;
};

static int take_quiet(void *arg, struct db_row *row)
{
	struct quiet *q = arg;
	struct store_incident i;
	int rc = store_incident_get(q->s, db_u64(row, 0), &i);

	return rc == 1 ? q->fn(q->arg, &i) : rc;
}

int store_incident_quiet(struct store *s, uint64_t since_ns, uint64_t most, store_incident_fn *fn,
			 void *arg)
{
	struct quiet q = { s, fn, arg };

	return db_each(s->db, take_quiet, &q,
		       "SELECT id FROM incidents i WHERE kind = '" STORE_KIND_UNTRUSTED "'"
		       " AND closed IS NULL AND last < $1 AND NOT EXISTS (SELECT 1"
		       "  FROM incident_flows j JOIN flows f ON f.n = j.flow"
		       "  WHERE j.incident = i.id AND f.open = 1 AND f.\"end\" >= $2)"
		       " ORDER BY id LIMIT $3",
		       "iii", since_ns, since_ns > FORGOTTEN ? since_ns - FORGOTTEN : 0, most);
}

struct flood {
	struct store *s;
	struct prefix prefix;
	uint64_t syns, event_n, last_ns;
};

static int take_flood(void *arg, struct db_row *row)
{
	struct flood *f = arg;
	uint64_t id = db_u64(row, 0);
	struct addr source;
	int rc;

	if (!db_text(row, 1) || !addr_parse(db_text(row, 1), &source) ||
	    !prefix_contains(&f->prefix, &source))
		return 0;
	rc = db_run(f->s->db,
		    "UPDATE incidents SET flood_syns = flood_syns + $1, updated = $2,"
		    " last = CASE WHEN last < $3 THEN $3 ELSE last END WHERE id = $4",
		    "iiii", f->syns, f->event_n, f->last_ns, id);
	return rc < 0 ? rc : store_incident_event(f->s, id, f->event_n);
}

int store_incident_flood(struct store *s, const char *fabric, const char *prefix, uint64_t syns,
			 uint64_t event_n, uint64_t last_ns)
{
	struct flood f = { .s = s, .syns = syns, .event_n = event_n, .last_ns = last_ns };

	if (!prefix_parse(prefix, &f.prefix))
		return 0;
	return db_each(s->db, take_flood, &f,
		       "SELECT id, subject FROM incidents WHERE kind = '" STORE_KIND_UNTRUSTED "'"
		       " AND closed IS NULL AND fabric = $1",
		       "t", fabric);
}

/* ---- flows ------------------------------------------------------------------------ */

/* Of the flows of a Community ID: the nearest to f that may be the same. */
struct twin_search {
	struct store *s;
	const struct store_flow *f;
	uint64_t slack_ns;
	uint64_t n, away_ns;
};

static bool may_be_same(const struct twin_search *t, const struct store_flow *x)
{
	const struct store_flow *f = t->f;

	return !x->same_as && x->device && strcmp(x->device, f->device) == 0 &&
	       strcmp(x->agent, f->agent) != 0 && x->start_ns <= f->end_ns + t->slack_ns &&
	       (x->open || x->end_ns + t->slack_ns >= f->start_ns);
}

struct taken {
	uint64_t n;
	const char *agent;
};

static int is_taken(void *arg, const struct store_flow *x)
{
	const struct taken *t = arg;

	return x->same_as == t->n && strcmp(x->agent, t->agent) == 0;
}

/* 1: x is the same as another flow of f's agent. */
static int taken(const struct twin_search *t, uint64_t n)
{
	struct taken by = { n, t->f->agent };
	struct db_row *row;
	int rc = store_kept_twins(t->s, t->f->community_id, is_taken, &by);

	return rc ? rc
		  : db_get(t->s->db, &row,
			   "SELECT 1 FROM FLOWS WHERE same_as IS NOT NULL AND same_as = $1"
			   " AND agent = $2",
			   "it", n, t->f->agent);
}

static int try_twin(struct twin_search *t, const struct store_flow *x)
{
	uint64_t a = x->start_ns, b = t->f->start_ns, away = a > b ? a - b : b - a;
	int rc;

	if (!may_be_same(t, x) || (t->n && (away > t->away_ns ||
					    (away == t->away_ns && x->n > t->n))))
		return 0;
	rc = taken(t, x->n);
	if (rc)
		return rc < 0 ? rc : 0;
	t->n = x->n;
	t->away_ns = away;
	return 0;
}

static int kept_twin(void *arg, const struct store_flow *x)
{
	return try_twin(arg, x);
}

static int stored_twin(void *arg, struct db_row *row)
{
	struct twin_search *t = arg;
	struct store_flow x = { .n = db_u64(row, 0),
				.agent = db_text(row, 1),
				.device = db_text(row, 2),
				.start_ns = db_u64(row, 3),
				.end_ns = db_u64(row, 4),
				.open = db_u64(row, 5) != 0,
				.same_as = db_u64(row, 6) };

	return store_kept_row(t->s, x.n) ? 0 : try_twin(t, &x);
}

int store_flow_twin(struct store *s, const struct store_flow *f, uint64_t slack_ns, uint64_t *n)
{
	struct twin_search t = { .s = s, .f = f, .slack_ns = slack_ns };
	struct db_row *row;
	int rc = store_kept_twins(s, f->community_id, kept_twin, &t);

	/* Nearly always there is none, and that is told by one short question. */
	if (!rc && !store_twins_none(s, f->community_id))
		rc = db_get(s->db, &row,
			    "SELECT n FROM FLOWS WHERE community_id = $1 AND start <= $2 LIMIT 1",
			    "ti", f->community_id, f->end_ns + slack_ns);
	if (rc > 0)
		rc = db_each(s->db, stored_twin, &t,
			     "SELECT n, agent, device, start, \"end\", open, same_as FROM FLOWS"
			     " WHERE community_id = $1 AND start <= $2",
			     "ti", f->community_id, f->end_ns + slack_ns);
	*n = t.n;
	return rc ? rc : t.n != 0;
}

int store_flow_same_as(struct store *s, uint64_t n, uint64_t as)
{
	struct store_flow f;
	int rc = store_flow_row_get(s, n, &f);

	f.same_as = as;
	return rc == 1 ? store_flow_put(s, &f) : rc;
}

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

int store_flow_lend(struct store *s, const struct store_flow *from, uint64_t updated,
		    struct store_lent *out)
{
	struct store_flow f;
	int rc = store_flow_row_get(s, from->same_as, &f);

	*out = (struct store_lent){ 0 };
	if (rc <= 0)
		return rc;
	if (from->user && !f.user) {
		f.user = from->user;
		f.updated = updated;
	}
	if (from->login && (!f.login || (is(f.login, "unknown") && !is(from->login, "unknown")))) {
		f.login = from->login;
		f.updated = updated;
		out->login_rose = is(from->login, "success");
	}
	if (from->established && !f.established) {
		f.established = true;
		f.updated = updated;
		out->rose = true;
	}
	out->established = f.established;
	out->logged_in = is(f.login, "success");
	out->untrusted = is(f.verdict, "untrusted");
	return store_flow_put(s, &f);
}

struct session_call {
	store_flow_fn *fn;
	void *arg;
};

static int take_session(void *arg, struct db_row *row)
{
	struct session_call *call = arg;
	struct store_flow f;

	store_flow_row(row, &f);
	return call->fn(call->arg, &f);
}

#define INBOUND_SESSION                                                                            \
	" AND start + 0 <= $2 AND " STORE_IS_SESSION " AND direction = 'inbound'"                  \
	" AND same_as IS NULL"

int store_sessions_at(struct store *s, const char *device, uint64_t since_ns, uint64_t until_ns,
		      store_flow_fn *fn, void *arg)
{
	struct session_call call = { fn, arg };
	int rc = store_flows_write_of(s, device);

	return rc ? rc
		  : db_each(s->db, take_session, &call,
		       LASTED(STORE_FLOW_COLUMNS, "$1", "$3", "$4", INBOUND_SESSION), "tiii",
		       device, until_ns, since_ns > STORE_LONG_NS ? since_ns - STORE_LONG_NS : 0,
		       since_ns);
}

int store_flow_justify(struct store *s, uint64_t n, const char *justified, uint64_t updated)
{
	struct store_flow f;
	int rc = store_flow_row_get(s, n, &f);

	if (rc != 1 || (f.justified && strcmp(f.justified, justified) == 0))
		return store_done(rc);
	f.justified = justified;
	f.updated = updated;
	return store_flow_put(s, &f);
}
