/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: the hash chain. What is hashed is specified in record/chain.h; storing hashes
 * the values that it hands to the database, checking those that it reads from there.
 *
 * The chain's end is read once in a transaction: collectors that share a store
 * take turns, and each goes on where the other has stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "collector/store/parts.h"

void store_column_hash(struct db_row *row, int column, struct chain_hash *out)
{
	size_t len;
	const void *data;

	memset(out, 0, sizeof(*out));
	if (db_kind(row, column) != 'b')
		return;
	data = db_blob(row, column, &len);
	if (len == CHAIN_HASH_LEN)
		memcpy(out->bytes, data, CHAIN_HASH_LEN);
}

/* ---- digests --------------------------------------------------------------- */

int store_no_hash(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: libcrypto does not give a SHA-256", db_name(s->db));
}

bool store_chain_digest(struct chain_digest *d, bool event, const struct db_value *v, int n,
			struct chain_hash *out)
{
	chain_begin(d, event ? "event" : "dead-letter");
	for (int i = 0; i < n; i++) {
		if (v[i].kind == 't')
			chain_text(d, v[i].data, v[i].len);
		else if (v[i].kind == 'n')
			chain_int(d, v[i].number);
		else if (v[i].kind == 'b')
			chain_bytes(d, v[i].data, v[i].len);
		else
			chain_null(d);
	}
	return chain_end(d, out);
}

bool store_event_digest(struct chain_digest *d, const struct event *e, const char *json, size_t len,
			uint64_t stored_ns, struct chain_hash *out)
{
	struct db_value v[STORE_CHAIN_EVENT_N + 1];
	struct store_event_texts texts;
	int n = store_event_values(e, stored_ns, &texts, v);

	v[n++] = (struct db_value){ .kind = 't', .type = 't', .data = json, .len = len };
	return store_chain_digest(d, true, v, n, out);
}

/* ---- growing --------------------------------------------------------------- */

/* No place is there: none was made yet, or all are removed. */
static int empty_head(struct store *s)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT last, hash FROM segments ORDER BY number DESC LIMIT 1",
			"");

	if (rc == 1) {
		s->head_place = db_u64(row, 0);
		store_column_hash(row, 1, &s->head);
	} else if (rc == 0) {
		s->head_place = 0;
		if (!chain_first(s->digest, s->id, &s->head))
			return store_no_hash(s);
	}
	return store_done(rc);
}

static int read_numbers(struct store *s)
{
	uint64_t swept;
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT COALESCE(MAX(n), 0), (SELECT value FROM meta WHERE key = 'swept'),"
			" (SELECT value FROM meta WHERE key = 'derived') FROM events",
			"");

	if (rc < 0)
		return rc;
	s->newest = db_u64(row, 0);
	swept = db_is_null(row, 1) ? 0 : strtoull(db_text(row, 1), NULL, 10);
	s->derived = db_is_null(row, 2) ? 0 : strtoull(db_text(row, 2), NULL, 10);
	s->head_known = true;
	if (!s->kept || !chain_equal(&s->head, &s->kept_head) || s->derived != s->kept_derived ||
	    swept != s->swept) {
		s->swept = swept;
		store_forget_rows(s);
	}
	return 0;
}

int store_chain_head(struct store *s)
{
	const uint8_t *links;
	struct db_row *row;
	size_t len;
	int rc;

	if (s->head_known)
		return 0;
	rc = db_get(s->db, &row,
		    "SELECT first + count - 1, links FROM blocks ORDER BY first DESC LIMIT 1", "");
	if (rc < 0)
		return rc;
	if (rc) {
		s->head_place = db_u64(row, 0);
		links = db_blob(row, 1, &len);
		memset(&s->head, 0, sizeof(s->head));
		if (links && len >= BLOCK_LINK)
			memcpy(s->head.bytes, links + len - CHAIN_HASH_LEN, CHAIN_HASH_LEN);
	} else {
		rc = empty_head(s);
		if (rc)
			return rc;
	}
	return read_numbers(s);
}

int store_chain_add(struct store *s, const struct block_row *row, const struct chain_hash *digest,
		    bool derived)
{
	struct chain_hash hash;
	int rc = store_chain_head(s);

	if (rc)
		return rc;
	if (!chain_next(s->digest, &s->head, digest, &hash))
		return store_no_hash(s);
	rc = store_block_add(s, s->head_place + 1, row, digest, &hash, derived);
	if (rc < 0)
		return rc;
	s->head = hash;
	s->head_place++;
	return 0;
}

/* Unlike any other store's: 32 hexadecimal digits. */
int store_chain_begin(struct store *s)
{
	uint8_t random[(CHAIN_ID_LEN - 1) / 2];
	char id[CHAIN_ID_LEN];
	int rc;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return db_say(s->db, STORE_FAILED, "%s: no random numbers for the store's id",
			      db_name(s->db));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	rc = db_run(s->db, "INSERT INTO meta (key, value) VALUES ('store', $1)", "t", id);
	return rc < 0 ? rc : store_chain_open(s);
}

int store_chain_open(struct store *s)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT value FROM meta WHERE key = 'store'", "");

	if (rc >= 0)
		snprintf(s->id, sizeof(s->id), "%s", rc ? db_text(row, 0) : "");
	return store_done(rc);
}

const char *store_id(const struct store *s)
{
	return s->id;
}

/* ---- anchors --------------------------------------------------------------- */

int store_anchor_make(struct store *s, uint64_t now_ns, uint64_t places, uint64_t age_ns)
{
	uint64_t number = 0, place = 0, time = 0;
	struct db_row *row;
	int rc;

	rc = store_chain_head(s);
	if (!rc)
		rc = db_get(s->db, &row,
			    "SELECT number, place, time FROM anchors ORDER BY number DESC LIMIT 1",
			    "");
	if (rc < 0)
		return rc;
	if (rc) {
		number = db_u64(row, 0);
		place = db_u64(row, 1);
		time = db_u64(row, 2);
	}
	/* A clock that stepped back must not stop them: then each is due. */
	if (s->head_place == place ||
	    (s->head_place - place < places && now_ns >= time && now_ns - time < age_ns))
		return 0;
	rc = db_run(s->db,
		    "INSERT INTO anchors (number, place, hash, time, sent)"
		    " VALUES ($1, $2, $3, $4, 0)",
		    "iibi", number + 1, s->head_place, s->head.bytes, sizeof(s->head.bytes),
		    now_ns);
	return rc < 0 ? rc : 1;
}

int store_anchor_sent(struct store *s, uint64_t number)
{
	return store_done(
		db_run(s->db, "UPDATE anchors SET sent = 1 WHERE number = $1", "i", number));
}

struct anchor_call {
	struct store *s;
	store_anchor_fn *fn;
	void *arg;
};

static int take_anchor(void *arg, struct db_row *row)
{
	struct anchor_call *call = arg;
	struct chain_anchor a = { .number = db_u64(row, 0),
				  .place = db_u64(row, 1),
				  .time_ns = db_u64(row, 3) };

	snprintf(a.store, sizeof(a.store), "%s", call->s->id);
	store_column_hash(row, 2, &a.hash);
	return call->fn(call->arg, &a);
}

int store_anchors(struct store *s, bool unsent_only, uint64_t after, store_anchor_fn *fn, void *arg)
{
	struct anchor_call call = { s, fn, arg };

	return db_each(s->db, take_anchor, &call,
		       unsent_only ? "SELECT number, place, hash, time FROM anchors"
				     " WHERE sent = 0 AND number > $1 ORDER BY number"
				   : "SELECT number, place, hash, time FROM anchors"
				     " WHERE number > $1 ORDER BY number",
		       "i", after);
}

