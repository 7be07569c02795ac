/* SPDX-License-Identifier: Apache-2.0 */
/* The store: the record of events and dead letters, and what is known of agents and
 * devices. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store_db.h"
#include "common/addr.h"

#define DEAD_LETTER_MAX 65536 /* bytes kept of an entry that cannot be stored */

/* ---- events ---------------------------------------------------------------- */

static const char *type_text(const struct event *e, char *buf, size_t size)
{
	if (e->type != EVENT_ALERT)
		return event_type_name(e->type);
	snprintf(buf, size, "alert.%s", e->alert ? e->alert : "");
	return buf;
}

/* The stored event of this number: the same document? */
static int compare_stored(struct store *s, const struct event *e, const char *json, size_t len)
{
	struct db_row *row;
	const char *stored;
	int rc = db_get(s->db, &row, "SELECT json FROM events WHERE agent = $1 AND seq = $2", "ti",
			e->agent, e->seq);

	if (rc < 0)
		return rc;
	stored = rc ? db_text(row, 0) : NULL;
	return stored && strlen(stored) == len && memcmp(stored, json, len) == 0 ? STORE_DUPLICATE
										 : STORE_CONFLICT;
}

int store_event(struct store *s, const struct event *e, const char *json, size_t len,
		uint64_t stored_ns, uint64_t *n)
{
	char type[128], source[ADDR_STRLEN];
	struct db_value v[1 + STORE_CHAIN_EVENT_N];
	int i = 0, rc;

	rc = store_chain_head(s);
	if (rc)
		return rc;
	v[i++] = db_value_u64(s->newest + 1);
	v[i++] = db_value_text(e->agent);
	v[i++] = db_value_u64(e->seq);
	v[i++] = db_value_u64(e->time_ns);
	v[i++] = db_value_u64(stored_ns);
	v[i++] = db_value_text(type_text(e, type, sizeof(type)));
	v[i++] = db_value_text(event_severity_name(e->severity));
	v[i++] = db_value_text(e->device);
	v[i++] = db_value_text(event_path_name(e->path));
	v[i++] = db_value_text(event_service_name(e->service));
	v[i++] = db_value_text(
		e->has_ends && e->source.ip.family ? addr_format(&e->source.ip, source) : NULL);
	v[i++] = db_value_text(e->has_trust ? event_verdict_name(e->trust.verdict) : NULL);
	v[i++] = db_value_text(e->policy);
	v[i++] = db_value_text(e->has_flow ? e->flow.id : NULL);
	v[i++] = (struct db_value){ .kind = 't', .data = json, .len = len };
	rc = db_run_values(s->db,
			   "INSERT INTO events (n, " STORE_CHAIN_EVENT ") VALUES ($1, $2, $3, $4,"
			   " $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
			   " ON CONFLICT (agent, seq) DO NOTHING",
			   v, i);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return compare_stored(s, e, json, len);
	*n = ++s->newest;
	rc = store_chain_add(s, CHAIN_EVENT, *n, v + 1, STORE_CHAIN_EVENT_N);
	return rc ? rc : STORE_NEW;
}

int store_dead_letter(struct store *s, const char *entry, uint64_t received_ns, const char *reason,
		      const void *data, size_t len)
{
	struct db_value v[STORE_CHAIN_DEAD_N] = { db_value_text(entry),
						  db_value_u64(received_ns),
						  db_value_text(reason),
						  { .kind = 'b' } };
	struct db_row *row;
	int rc;

	if (len > DEAD_LETTER_MAX)
		len = DEAD_LETTER_MAX;
	v[3].data = len ? data : "";
	v[3].len = len;
	rc = db_get(s->db, &row,
		    "INSERT INTO dead_letters (" STORE_CHAIN_DEAD ") VALUES ($1, $2, $3, $4)"
		    " ON CONFLICT (entry, data) DO NOTHING RETURNING n",
		    "titb", entry, received_ns, reason, v[3].data, v[3].len);
	return rc <= 0 ? rc
		       : store_chain_add(s, CHAIN_DEAD_LETTER, db_u64(row, 0), v,
					 STORE_CHAIN_DEAD_N);
}

/* ---- agents ---------------------------------------------------------------- */

static int add_gap(struct store *s, const char *agent, uint64_t first, uint64_t last,
		   uint64_t found_ns, uint64_t noticed_ns, bool told)
{
	return store_done(db_run(s->db,
				 "INSERT INTO gaps (agent, first, last, found, noticed, told)"
				 " VALUES ($1, $2, $3, $4, $5, $6)",
				 "tiiiii", agent, first, last, found_ns, noticed_ns,
				 (uint64_t)told));
}

/* A number below the newest arrived: it leaves the gap that it was missing from. */
static int fill_gap(struct store *s, const char *agent, uint64_t seq)
{
	uint64_t first, last, found, noticed;
	struct db_row *row;
	bool told;
	int rc;

	rc = db_get(s->db, &row,
		    "SELECT first, last, found, noticed, told FROM gaps"
		    " WHERE agent = $1 AND first <= $2 AND last >= $2",
		    "ti", agent, seq);
	if (rc <= 0)
		return rc;
	first = db_u64(row, 0);
	last = db_u64(row, 1);
	found = db_u64(row, 2);
	noticed = db_u64(row, 3);
	told = db_u64(row, 4) != 0;
	rc = store_done(db_run(s->db, "DELETE FROM gaps WHERE agent = $1 AND first = $2", "ti",
			       agent, first));
	if (!rc && first < seq)
		rc = add_gap(s, agent, first, seq - 1, found, noticed, told);
	if (!rc && seq < last)
		rc = add_gap(s, agent, seq + 1, last, found, noticed, told);
	return rc;
}

static int put_agent(struct store *s, bool known, const struct event *e, uint64_t now_ns)
{
	const char *state = e->type == EVENT_AGENT_STOP ? "stopped" : "running";

	if (!known)
		return db_run(s->db,
			      "INSERT INTO agents (agent, first_seen, last_seen, last_seq, events,"
			      " state, policy, heard, interval)"
			      " VALUES ($1, $2, $2, $3, 1, $4, $5, $6, 0)",
			      "tiitti", e->agent, e->time_ns, e->seq, state, e->policy, now_ns);
	return db_run(s->db,
		      "UPDATE agents SET heard = $1, events = events + 1,"
		      " first_seen = CASE WHEN $2 < first_seen THEN $2 ELSE first_seen END,"
		      " last_seen = CASE WHEN $2 > last_seen THEN $2 ELSE last_seen END,"
		      " state = CASE WHEN $3 > last_seq THEN $4 ELSE state END,"
		      " policy = CASE WHEN $3 > last_seq THEN COALESCE($5, policy)"
		      "  ELSE policy END,"
		      " last_seq = CASE WHEN $3 > last_seq THEN $3 ELSE last_seq END"
		      " WHERE agent = $6",
		      "iiittt", now_ns, e->time_ns, e->seq, state, e->policy, e->agent);
}

int store_agent(struct store *s, const struct event *e, const char *json, size_t len,
		uint64_t now_ns, uint64_t interval_ns)
{
	uint64_t last = 0;
	struct db_row *row;
	int rc, known;

	known = db_get(s->db, &row, "SELECT last_seq FROM agents WHERE agent = $1", "t", e->agent);
	if (known < 0)
		return known;
	if (known)
		last = db_u64(row, 0);
	/* What came before an agent's first event is no loss that is worth telling. */
	if (e->seq > last + 1)
		rc = add_gap(s, e->agent, last + 1, e->seq - 1, e->time_ns, now_ns, !known);
	else if (e->seq <= last)
		rc = fill_gap(s, e->agent, e->seq);
	else
		rc = 0; /* the next one */
	if (!rc)
		rc = put_agent(s, known, e, now_ns);
	if (rc >= 0 && e->type == EVENT_AGENT_STATS)
		rc = db_run(s->db,
			    "UPDATE agents SET stats_time = $1, stats = $2, interval = $3"
			    " WHERE agent = $4 AND COALESCE(stats_time, 0) <= $1",
			    "ijit", e->time_ns, json, len, interval_ns, e->agent);
	return store_done(rc);
}

/* ---- devices --------------------------------------------------------------- */

/* The address of a target that is watched for itself; without a path it is one of
 * the underlay. */
static const char *target_address(const json_t *target, const char **path)
{
	const char *address = json_string_value(json_object_get(target, "address"));

	*path = json_string_value(json_object_get(target, "path"));
	return *path ? address : NULL;
}

static bool lists(const json_t *targets, const char *address)
{
	const char *one, *path;
	json_t *target;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)targets, i, target)
	{
		one = target_address(target, &path);
		if (one && strcmp(one, address) == 0)
			return true;
	}
	return false;
}

struct gone {
	const json_t *targets; /* as they are now */
	json_t *addresses;     /* that are not among them */
};

static int keep_gone(void *arg, struct db_row *row)
{
	struct gone *gone = arg;

	if (!lists(gone->targets, db_text(row, 0)))
		json_array_append_new(gone->addresses, json_string(db_text(row, 0)));
	return 0;
}

static int put_targets(struct store *s, const struct event *e, const json_t *targets,
		       uint64_t now_ns)
{
	struct gone gone = { .targets = targets, .addresses = json_array() };
	const char *address, *path;
	json_t *x;
	size_t i;
	int rc;

	rc = db_each(s->db, keep_gone, &gone, "SELECT address FROM targets WHERE device = $1", "t",
		     e->device);
	json_array_foreach(gone.addresses, i, x)
	{
		if (rc >= 0)
			rc = db_run(s->db, "DELETE FROM targets WHERE device = $1 AND address = $2",
				    "tt", e->device, json_string_value(x));
	}
	json_decref(gone.addresses);
	json_array_foreach((json_t *)(uintptr_t)gone.targets, i, x)
	{
		address = target_address(x, &path);
		if (address && rc >= 0)
			rc = db_run(s->db,
				    "INSERT INTO targets (address, device, path, since)"
				    " VALUES ($1, $2, $3, $4)"
				    " ON CONFLICT (address, device) DO NOTHING",
				    "ttti", address, e->device, path, now_ns);
	}
	return store_done(rc);
}

int store_device(struct store *s, const struct event *e, const char *json, size_t len,
		 uint64_t now_ns)
{
	json_t *doc;
	int rc = db_run(s->db,
			"INSERT INTO devices (device, role, policy, updated, json)"
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (device) DO UPDATE SET"
			" role = excluded.role, policy = excluded.policy,"
			" updated = excluded.updated, json = excluded.json"
			" WHERE excluded.updated >= devices.updated",
			"tttij", e->device, e->role, e->policy, e->time_ns, json, len);

	if (rc <= 0)
		return rc; /* 0: an older document than the one that is known */
	doc = json_loadb(json, len, 0, NULL);
	rc = put_targets(s, e, json_object_get(json_object_get(doc, "fabric"), "targets"), now_ns);
	json_decref(doc);
	return rc;
}
