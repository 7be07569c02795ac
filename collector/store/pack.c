/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"

struct call {
	union {
		store_pack_fn *n;
		store_pack_place_fn *place;
		store_anchor_fn *anchor;
	} fn;
	void *arg;
	struct store *store;
};

static int take_n(void *arg, struct db_row *row)
{
	struct call *call = arg;

	return call->fn.n(call->arg, db_u64(row, 0));
}

static uint64_t open_end(uint64_t until_ns)
{
	return until_ns ? until_ns : (uint64_t)INT64_MAX;
}

int store_pack_span(struct store *s, uint64_t since_ns, uint64_t until_ns, store_pack_fn *fn,
		    void *arg)
{
	struct call call = { .fn.n = fn, .arg = arg };

	return db_each(s->db, take_n, &call,
		       "SELECT n FROM events WHERE time >= $1 AND time < $2 ORDER BY n", "ii",
		       since_ns, open_end(until_ns));
}

int store_pack_dead(struct store *s, uint64_t since_ns, uint64_t until_ns, store_pack_fn *fn,
		    void *arg)
{
	struct call call = { .fn.n = fn, .arg = arg };

	return db_each(s->db, take_n, &call,
		       "SELECT n FROM dead_letters WHERE received >= $1 AND received < $2"
		       " ORDER BY n",
		       "ii", since_ns, open_end(until_ns));
}

/* The events of one flow: those of its device in its time. */
static int take_flow(void *arg, struct db_row *row)
{
	struct call *call = arg;

	return db_each(call->store->db, take_n, call,
		       "SELECT n FROM events WHERE device = $1 AND time >= $2 AND time <= $3"
		       " AND agent = $4 AND flow = $5",
		       "tiitt", db_text(row, 0), db_u64(row, 1), db_u64(row, 2) + 600000000000ull,
		       db_text(row, 3), db_text(row, 4));
}

static int take_device(void *arg, struct db_row *row)
{
	struct call *call = arg;

	return db_each(call->store->db, take_n, call,
		       "SELECT n FROM (SELECT n FROM events WHERE type IN ('path.change',"
		       " 'fabric.device', 'bgp.route') AND device = $1 AND type = 'fabric.device'"
		       " AND time <= $2 ORDER BY time DESC, n DESC LIMIT 1) AS newest",
		       "ti", db_text(row, 0), db_u64(row, 1));
}

int store_pack_incident(struct store *s, uint64_t incident, store_pack_fn *fn, void *arg)
{
	struct call call = { .fn.n = fn, .arg = arg, .store = s };
	int rc;

	rc = db_each(s->db, take_n, &call,
		     "SELECT event FROM incident_events WHERE incident = $1 ORDER BY event", "i",
		     incident);
	if (!rc)
		rc = db_each(s->db, take_flow, &call,
			     "SELECT f.device, f.start, f.\"end\", f.agent, f.flow"
			     " FROM incident_flows j JOIN flows f ON f.n = j.flow"
			     " WHERE j.incident = $1 AND f.device IS NOT NULL",
			     "i", incident);
	if (!rc)
		rc = db_each(s->db, take_device, &call,
			     "SELECT f.device, MAX(f.start) FROM incident_flows j"
			     " JOIN flows f ON f.n = j.flow"
			     " WHERE j.incident = $1 AND f.device IS NOT NULL GROUP BY f.device",
			     "i", incident);
	return rc;
}

int store_pack_place(struct store *s, bool event, uint64_t n, uint64_t *place)
{
	struct db_row *row;
	int rc = event ? db_get(s->db, &row, "SELECT place FROM events WHERE n = $1", "i", n)
		       : db_get(s->db, &row, "SELECT place FROM dead_letters WHERE n = $1", "i", n);

	if (rc > 0)
		*place = db_u64(row, 0);
	return rc;
}

static void hash_of(struct db_row *row, int column, struct chain_hash *out)
{
	size_t len = 0;
	const void *data = db_blob(row, column, &len);

	memset(out, 0, sizeof(*out));
	if (data && len == CHAIN_HASH_LEN)
		memcpy(out->bytes, data, CHAIN_HASH_LEN);
}

int store_pack_hash(struct store *s, uint64_t place, struct chain_hash *out)
{
	struct db_row *row;
	int rc = store_chain_hash(s, place, out);

	if (rc)
		return rc;
	rc = db_get(s->db, &row, "SELECT hash FROM segments WHERE last = $1", "i", place);
	if (rc > 0)
		hash_of(row, 0, out);
	return rc;
}

struct places_call {
	struct store *store;
	store_pack_place_fn *fn;
	void *arg;
	uint64_t first, last;
	uint64_t block; /* its first place */
	uint64_t n[BLOCK_ROWS]; /* of its events; 0: not derived */
};

static int keep_number(void *arg, struct db_row *row)
{
	struct places_call *call = arg;

	call->n[db_u64(row, 0) - call->block] = db_u64(row, 1);
	return 0;
}

static int take_block(void *arg, const struct block *b, bool readable, bool derived)
{
	struct places_call *call = arg;
	int rc;

	memset(call->n, 0, sizeof(call->n));
	call->block = b->first;
	rc = db_each(call->store->db, keep_number, call,
		     "SELECT place, n FROM events WHERE place >= $1 AND place < $2", "ii",
		     b->first, b->first + b->count);
	for (unsigned i = 0; i < b->count && !rc; i++) {
		const uint8_t *link = b->links + (size_t)i * BLOCK_LINK;
		bool event = !readable || b->rows[i].event;
		struct store_pack_place p = { .place = b->first + i,
					      .event = event,
					      .n = event ? call->n[i] : b->rows[i].number };

		memcpy(p.digest.bytes, link, CHAIN_HASH_LEN);
		memcpy(p.hash.bytes, link + CHAIN_HASH_LEN, CHAIN_HASH_LEN);
		if (p.place >= call->first && p.place <= call->last)
			rc = call->fn(call->arg, &p);
	}
	return rc;
}

int store_pack_places(struct store *s, uint64_t first, uint64_t last, store_pack_place_fn *fn,
		      void *arg)
{
	struct places_call call = {
		.store = s, .fn = fn, .arg = arg, .first = first, .last = last
	};

	return store_blocks(s, first, last, take_block, &call);
}

/* ---- rows -------------------------------------------------------------------- */

static json_t *in_hex(const char *key, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	char *hex = malloc(2 * len + 1);
	json_t *o = NULL;

	if (!hex)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * len] = '\0';
	o = json_pack("{s:s}", key, hex);
	free(hex);
	return o;
}

static json_t *value_of(struct store *s, struct db_row *row, int column)
{
	const void *data;
	size_t len = 0;
	json_t *text;

	switch (db_kind(row, column)) {
	case 0:
		return json_null();
	case 'n':
		return json_integer((json_int_t)db_i64(row, column));
	case 't':
		/* SQLite's text may hold zero bytes. */
		if (db_is_pg(s->db)) {
			data = db_text(row, column);
			len = strlen(data);
		} else {
			data = db_blob(row, column, &len);
		}
		text = data ? json_stringn(data, len) : json_string("");
		return text ? text : in_hex("text", data, len);
	default:
		data = db_blob(row, column, &len);
		return in_hex("bytes", data, len);
	}
}

/* The document of the event in row, whose last column is its place. */
static int put_document(struct store *s, struct db_row *row, json_t *out)
{
	struct store_text text = { 0 };
	int rc = store_text(s, db_u64(row, STORE_CHAIN_EVENT_N), &text);
	json_t *json = rc > 0 ? json_stringn(text.json, text.len) : NULL;

	if (rc > 0 && !json)
		json = in_hex("text", text.json, text.len);
	if (json_object_set_new(out, "json", json ? json : json_null()) < 0)
		rc = STORE_FAILED;
	free(text.text);
	return rc;
}

int store_pack_row(struct store *s, bool event, uint64_t n, json_t **out)
{
	static const char *const event_fields[] = { "agent",  "seq",	  "time",   "stored",
						    "type",   "severity", "device", "path",
						    "service", "source",  "verdict", "policy",
						    "flow" };
	static const char *const dead_fields[] = { "entry", "received", "reason", "data" };
	const char *const *fields = event ? event_fields : dead_fields;
	int columns = event ? STORE_CHAIN_EVENT_N : STORE_CHAIN_DEAD_N;
	struct db_row *row;
	int rc;

	rc = event ? db_get(s->db, &row,
			    "SELECT " STORE_CHAIN_EVENT ", place FROM events WHERE n = $1", "i", n)
		   : db_get(s->db, &row,
			    "SELECT " STORE_CHAIN_DEAD " FROM dead_letters WHERE n = $1", "i", n);
	if (rc <= 0)
		return rc;
	*out = json_object();
	for (int i = 0; i < columns && rc > 0; i++)
		if (json_object_set_new(*out, fields[i], value_of(s, row, i)) < 0)
			rc = STORE_FAILED;
	if (event && rc > 0)
		rc = put_document(s, row, *out);
	if (rc > 0)
		return 1;
	json_decref(*out);
	return rc;
}

/* ---- anchors ----------------------------------------------------------------- */

static int take_anchor(void *arg, struct db_row *row)
{
	struct call *call = arg;
	struct chain_anchor a = { .number = db_u64(row, 0),
				  .place = db_u64(row, 1),
				  .time_ns = db_u64(row, 3) };

	snprintf(a.store, sizeof(a.store), "%s", store_id(call->store));
	hash_of(row, 2, &a.hash);
	return call->fn.anchor(call->arg, &a);
}

int store_pack_anchors(struct store *s, uint64_t first, uint64_t last, store_anchor_fn *fn,
		       void *arg)
{
	struct call call = { .fn.anchor = fn, .arg = arg, .store = s };

	return db_each(s->db, take_anchor, &call,
		       "SELECT number, place, hash, time FROM anchors WHERE place >= $1"
		       " AND place <= $2 ORDER BY number",
		       "ii", first, last);
}

int store_pack_covers(struct store *s, uint64_t last, uint64_t *covers)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT place FROM anchors WHERE place >= $1 ORDER BY place LIMIT 1", "i",
			last);

	*covers = rc > 0 ? db_u64(row, 0) : 0;
	return rc < 0 ? rc : 0;
}
