/* SPDX-License-Identifier: Apache-2.0 */
/* The store: the record of events and dead letters, and what is known of devices. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/derive.h"
#include "collector/store/parts.h"
#include "common/addr.h"

#define DEAD_LETTER_MAX 65536 /* bytes kept of an entry that cannot be stored */

int store_record_open(struct store *s)
{
	s->events = (struct db_bulk){ .table = "events",
				      .columns = "n, place, " STORE_CHAIN_EVENT ", change" };
	s->watch_derived = db_watch(s->db, "meta", store_derived_write, s);
	return store_blocks_open(s) || db_bulk_open(s->db, &s->events);
}

/* ---- events ---------------------------------------------------------------- */

static const char *type_text(const struct event *e, char *buf, size_t size)
{
	if (e->type != EVENT_ALERT)
		return event_type_name(e->type);
	snprintf(buf, size, "alert.%s", e->alert ? e->alert : "");
	return buf;
}

/* The stored event of this number: the same document? One that was removed is taken
 * for the same. */
static int compare_stored(struct store *s, const struct event *e, const char *json, size_t len)
{
	const struct block_row *stored;
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT place FROM events WHERE agent = $1 AND seq = $2", "ti",
			e->agent, e->seq);

	if (rc > 0)
		rc = store_row(s, db_u64(row, 0), &stored);
	else if (!rc)
		rc = store_block_find(s, e->agent, e->seq, &stored);
	if (rc <= 0)
		return rc < 0 ? rc : STORE_DUPLICATE;
	return stored->json_len == len && memcmp(stored->json, json, len) == 0 ? STORE_DUPLICATE
									       : STORE_CONFLICT;
}

/* PostgreSQL: the week's part of the table, before anything is put into it. */
static int have_partition(struct store *s, uint64_t stored_ns)
{
	uint64_t week = stored_ns / STORE_WEEK;
	struct db_row *row;
	char name[40], sql[300];
	int rc;

	if (!db_is_pg(s->db) || s->week == week + 1)
		return 0;
	snprintf(name, sizeof(name), "events_w%" PRIu64, week);
	rc = db_get(s->db, &row, "SELECT to_regclass($1) IS NULL", "t", name);
	if (rc < 0)
		return rc;
	if (db_u64(row, 0)) {
		/* Attaching waits for no reader; CREATE TABLE ... PARTITION OF would. */
		snprintf(sql, sizeof(sql),
			 "CREATE TABLE %s (LIKE events INCLUDING DEFAULTS);"
			 " ALTER TABLE events ATTACH PARTITION %s"
			 " FOR VALUES FROM (%" PRIu64 ") TO (%" PRIu64 ")",
			 name, name, week * STORE_WEEK, (week + 1) * STORE_WEEK);
		rc = db_script(s->db, sql);
		if (rc)
			return rc;
	}
	s->week = week + 1;
	return 0;
}

int store_event_values(const struct event *e, uint64_t stored_ns, struct store_event_texts *buf,
		       struct db_value *v)
{
	int i = 0;

	v[i++] = db_value_text(e->agent);
	v[i++] = db_value_u64(e->seq);
	v[i++] = db_value_u64(e->time_ns);
	v[i++] = db_value_u64(stored_ns);
	v[i++] = db_value_text(type_text(e, buf->type, sizeof(buf->type)));
	v[i++] = db_value_text(event_severity_name(e->severity));
	v[i++] = db_value_text(e->device);
	v[i++] = db_value_text(event_path_name(e->path));
	v[i++] = db_value_text(event_service_name(e->service));
	v[i++] = db_value_text(e->has_ends && e->source.ip.family
				       ? addr_format(&e->source.ip, buf->source)
				       : NULL);
	v[i++] = db_value_text(e->has_trust ? event_verdict_name(e->trust.verdict) : NULL);
	v[i++] = db_value_text(e->policy);
	v[i++] = db_value_text(e->has_flow ? e->flow.id : NULL);
	return i;
}

int store_record(struct store *s, const struct event *e, const char *json, size_t len,
		 uint64_t stored_ns, const struct chain_hash *digest, bool derived, uint64_t *place)
{
	struct block_row row = { .event = true,
				 .number = e->seq,
				 .stored_ns = stored_ns,
				 .agent = e->agent,
				 .agent_len = strlen(e->agent),
				 .json = json,
				 .json_len = len };
	struct chain_hash made;
	int rc;

	/* Also one that was removed since. Of one's own each has the next number. */
	rc = strcmp(e->agent, store_name(s)) ? store_agent_knows(s, e->agent, e->seq) : 0;
	if (rc)
		return rc < 0 ? rc : compare_stored(s, e, json, len);
	if (!digest && !store_event_digest(s->digest, e, json, len, stored_ns, &made))
		return store_no_hash(s);
	rc = store_chain_add(s, &row, digest ? digest : &made, derived);
	*place = s->head_place;
	return rc ? rc : STORE_NEW;
}

/* What lists of changes say without the document; NULL: it is of another type. */
static const char *change_text(const struct event *e, char *buf, size_t size)
{
	const json_t *bgp, *armed;

	if (e->type == EVENT_PATH_CHANGE && e->change.to) {
		snprintf(buf, size, "%s %s", e->change.to,
			 e->change.reason ? e->change.reason : "");
		return buf;
	}
	if (e->type != EVENT_BGP_SESSION && e->type != EVENT_BGP_ROUTE)
		return NULL;
	bgp = json_object_get(e->doc, "bgp");
	armed = json_object_get(json_object_get(bgp, "route"), "armed");
	if (armed)
		return json_is_true(armed) ? "armed" : "not-armed";
	return json_string_value(json_object_get(json_object_get(bgp, "session"), "state"));
}

int store_event_row(struct store *s, const struct event *e, uint64_t place, uint64_t stored_ns,
		    uint64_t *n)
{
	struct db_value v[2 + STORE_CHAIN_EVENT_N + 1];
	struct store_event_texts texts;
	char change[160];
	int rc = store_chain_head(s), i;

	if (!rc && db_is_pg(s->db))
		rc = have_partition(s, stored_ns);
	if (rc)
		return rc;
	v[0] = db_value_u64(s->newest + 1);
	v[1] = db_value_u64(place);
	i = 2 + store_event_values(e, stored_ns, &texts, v + 2);
	v[i++] = db_value_text(change_text(e, change, sizeof(change)));
	rc = db_bulk_add(s->db, &s->events, v, i);
	if (rc < 0)
		return rc;
	*n = ++s->newest;
	return 0;
}

int store_event(struct store *s, const struct event *e, const char *json, size_t len,
		uint64_t stored_ns, uint64_t *n)
{
	uint64_t place;
	int rc = store_chain_head(s);
	bool behind = s->derived < s->head_place;

	if (!rc)
		rc = store_record(s, e, json, len, stored_ns, NULL, true, &place);
	if (rc != STORE_NEW)
		return rc;
	rc = store_event_row(s, e, place, stored_ns, n);
	if (rc)
		return rc;
	if (!behind)
		store_derived_put(s, place);
	return STORE_NEW;
}

/* refused: the place of an event; 0: it is none. */
static int add_dead(struct store *s, const char *entry, uint64_t refused, uint64_t received_ns,
		    const char *reason, const void *data, size_t len)
{
	struct db_value v[STORE_CHAIN_DEAD_N] = { db_value_text(entry),
						  db_value_u64(received_ns),
						  db_value_text(reason),
						  { .kind = 'b', .type = 'b' } };
	struct block_row at = { .stored_ns = received_ns };
	struct chain_hash digest;
	struct db_row *row;
	bool behind;
	int rc = store_chain_head(s);

	if (rc)
		return rc;
	if (len > DEAD_LETTER_MAX)
		len = DEAD_LETTER_MAX;
	v[3].data = len ? data : "";
	v[3].len = len;
	behind = s->derived < s->head_place;
	rc = db_get(s->db, &row,
		    "INSERT INTO dead_letters (place, refused, " STORE_CHAIN_DEAD
		    ") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING n",
		    "iotitb", s->head_place + 1, refused, entry, received_ns, reason, v[3].data,
		    v[3].len);
	if (rc <= 0)
		return rc;
	at.number = db_u64(row, 0);
	if (!store_chain_digest(s->digest, false, v, STORE_CHAIN_DEAD_N, &digest))
		return store_no_hash(s);
	rc = store_chain_add(s, &at, &digest, true);
	if (!rc && !behind)
		store_derived_put(s, s->head_place);
	return rc;
}

int store_dead_letter(struct store *s, const char *entry, uint64_t received_ns, const char *reason,
		      const void *data, size_t len)
{
	return add_dead(s, entry, 0, received_ns, reason, data, len);
}

int store_not_derived(struct store *s, uint64_t place, uint64_t received_ns, const char *reason,
		      const void *data, size_t len)
{
	char entry[40];

	snprintf(entry, sizeof(entry), "place %" PRIu64, place);
	return add_dead(s, entry, place, received_ns, reason, data, len);
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
			rc = db_later(s->db,
				      "INSERT INTO targets (address, device, path, since)"
				      " VALUES ($1, $2, $3, $4)"
				      " ON CONFLICT (address, device) DO NOTHING",
				      "ttti", address, e->device, path, now_ns);
		if (address && rc >= 0)
			rc = store_target_known(s, address, e->device);
	}
	return store_done(rc);
}

/* Whether the document, which was told at told_ns, is newer than the one that is known. */
static int is_newest(struct store *s, const struct event *e, uint64_t told_ns, bool *newest)
{
	struct db_row *row;
	const char *agent;
	json_t *doc;
	int rc = db_get(s->db, &row, "SELECT updated, json FROM devices WHERE device = $1", "t",
			e->device);

	*newest = rc == 0 || (rc == 1 && told_ns >= db_u64(row, 0));
	if (rc <= 0)
		return rc;
	doc = json_loads(db_text(row, 1), 0, NULL);
	agent = json_string_value(json_object_get(doc, "agent"));
	/* Its clock may have been wrong. */
	if (agent && strcmp(agent, e->agent) == 0)
		*newest = e->seq > (uint64_t)json_integer_value(json_object_get(doc, "seq"));
	json_decref(doc);
	return 0;
}

int store_device(struct store *s, const struct event *e, const char *json, size_t len,
		 uint64_t now_ns)
{
	uint64_t told_ns = e->time_ns < now_ns ? e->time_ns : now_ns;
	bool newest;
	json_t *doc;
	int rc = is_newest(s, e, told_ns, &newest);

	if (rc || !newest)
		return rc;
	rc = db_run(s->db,
		    "INSERT INTO devices (device, role, policy, updated, json)"
		    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (device) DO UPDATE SET"
		    " role = excluded.role, policy = excluded.policy,"
		    " updated = excluded.updated, json = excluded.json",
		    "tttij", e->device, e->role, e->policy, told_ns, json, len);
	if (rc < 0)
		return rc;
	doc = json_loadb(json, len, 0, NULL);
	rc = put_targets(s, e, json_object_get(json_object_get(doc, "fabric"), "targets"), now_ns);
	json_decref(doc);
	return rc ? rc : 1;
}
