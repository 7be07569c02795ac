/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: the hash chain. What is hashed is specified in chain.h; storing hashes
 * the values that it hands to the database, checking those that it reads from there.
 *
 * The chain's end is read once in a transaction: collectors that share a store
 * take turns, and each goes on where the other has stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "collector/store_db.h"
#include "common/log.h"

#define BUILD_TELL 200000 /* rows; a store of fewer is done before anybody wonders */

static const char *const kind_str[] = {
	[CHAIN_EVENT] = "event", [CHAIN_DEAD_LETTER] = "dead-letter"
};

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

static int no_hash(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: libcrypto does not give a SHA-256", db_name(s->db));
}

static bool digest_values(struct store *s, enum chain_kind kind, const struct db_value *v, int n,
			  struct chain_hash *out)
{
	chain_begin(s->digest, kind_str[kind]);
	for (int i = 0; i < n; i++) {
		if (v[i].kind == 't')
			chain_text(s->digest, v[i].data, v[i].len);
		else if (v[i].kind == 'n')
			chain_int(s->digest, v[i].number);
		else if (v[i].kind == 'b')
			chain_bytes(s->digest, v[i].data, v[i].len);
		else
			chain_null(s->digest);
	}
	return chain_end(s->digest, out);
}

/* The columns of a row as values, which live as long as the row. */
static void row_values(struct db_row *row, struct db_value *v, int n)
{
	for (int i = 0; i < n; i++) {
		v[i] = (struct db_value){ .kind = db_kind(row, i) };
		if (v[i].kind == 'n')
			v[i].number = db_i64(row, i);
		else if (v[i].kind)
			v[i].data = db_blob(row, i, &v[i].len);
	}
}

static struct db_value hash_value(const struct chain_hash *h)
{
	return (struct db_value){
		.kind = 'b', .type = 'b', .data = h->bytes, .len = sizeof(h->bytes)
	};
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
			return no_hash(s);
	}
	return store_done(rc);
}

int store_chain_head(struct store *s)
{
	uint64_t swept;
	struct db_row *row;
	int rc;

	if (s->head_known)
		return 0;
	rc = db_get(s->db, &row, "SELECT place, hash FROM chain ORDER BY place DESC LIMIT 1", "");
	if (rc < 0)
		return rc;
	if (rc) {
		s->head_place = db_u64(row, 0);
		store_column_hash(row, 1, &s->head);
	} else {
		rc = empty_head(s);
		if (rc)
			return rc;
	}
	rc = db_get(s->db, &row,
		    "SELECT COALESCE(MAX(n), 0), (SELECT value FROM meta WHERE key = 'swept') FROM "
		    "events",
		    "");
	if (rc < 0)
		return rc;
	s->newest = db_u64(row, 0);
	swept = db_is_null(row, 1) ? 0 : strtoull(db_text(row, 1), NULL, 10);
	s->head_known = true;
	if (!s->kept || !chain_equal(&s->head, &s->kept_head) || swept != s->swept) {
		s->swept = swept;
		store_forget_rows(s);
	}
	return 0;
}

int store_chain_add(struct store *s, enum chain_kind kind, uint64_t n, const struct db_value *v,
		    int n_values)
{
	struct chain_hash digest, hash;
	int rc = store_chain_head(s);

	struct db_value row[5];

	if (rc)
		return rc;
	if (!digest_values(s, kind, v, n_values, &digest) ||
	    !chain_next(s->digest, &s->head, &digest, &hash))
		return no_hash(s);
	row[0] = db_value_u64(s->head_place + 1);
	row[1] = db_value_text(kind_str[kind]);
	row[2] = db_value_u64(n);
	row[3] = hash_value(&digest);
	row[4] = hash_value(&hash);
	rc = db_bulk_add(s->db, &s->chain, row, 5);
	if (rc < 0)
		return rc;
	s->head = hash;
	s->head_place++;
	return 0;
}

static int read_row(struct store *s, enum chain_kind kind, uint64_t n, struct db_row **row)
{
	return kind == CHAIN_EVENT
		       ? db_get(s->db, row, "SELECT " STORE_CHAIN_EVENT " FROM events WHERE n = $1",
				"i", n)
		       : db_get(s->db, row,
				"SELECT " STORE_CHAIN_DEAD " FROM dead_letters WHERE n = $1", "i",
				n);
}

static const int columns_of[] = {
	[CHAIN_EVENT] = STORE_CHAIN_EVENT_N, [CHAIN_DEAD_LETTER] = STORE_CHAIN_DEAD_N
};

struct build {
	struct store *s;
	uint64_t rows;
};

static int build_place(void *arg, struct db_row *of)
{
	enum chain_kind kind = db_u64(of, 0) ? CHAIN_DEAD_LETTER : CHAIN_EVENT;
	struct db_value v[STORE_CHAIN_EVENT_N];
	struct build *b = arg;
	struct db_row *row;
	int rc = read_row(b->s, kind, db_u64(of, 1), &row);

	if (rc <= 0)
		return rc;
	row_values(row, v, columns_of[kind]);
	rc = store_chain_add(b->s, kind, db_u64(of, 1), v, columns_of[kind]);
	if (!rc && ++b->rows % BUILD_TELL == 0)
		log_info("%s: building the hash chain, %llu rows so far", db_name(b->s->db),
			 (unsigned long long)b->rows);
	return rc;
}

/* Unlike any other store's: 32 hexadecimal digits. */
static int make_id(struct store *s)
{
	uint8_t random[(CHAIN_ID_LEN - 1) / 2];
	char id[CHAIN_ID_LEN];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return db_say(s->db, STORE_FAILED, "%s: no random numbers for the store's id",
			      db_name(s->db));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	return store_done(db_run(s->db,
				 "INSERT INTO meta (key, value) VALUES ('store', $1)"
				 " ON CONFLICT (key) DO NOTHING",
				 "t", id));
}

/* A store that is older than the chain: the order of arrival is known within each
 * kind; between them, the time of storing tells. */
int store_chain_build(struct store *s)
{
	struct build b = { .s = s };
	int rc = make_id(s);

	if (!rc)
		rc = store_chain_open(s);
	if (!rc)
		rc = db_each(s->db, build_place, &b,
			     "SELECT 0, n, stored FROM events UNION ALL"
			     " SELECT 1, n, received FROM dead_letters ORDER BY 3, 1, 2",
			     "");
	if (!rc && b.rows)
		log_info("%s: brought up to date; its %llu rows are in a hash chain now",
			 db_name(s->db), (unsigned long long)b.rows);
	return rc;
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

/* ---- checking -------------------------------------------------------------- */

/* Reads the row that a place is for. */
static int fill_place(struct store *s, struct store_place *p)
{
	struct db_value v[STORE_CHAIN_EVENT_N];
	enum chain_kind kind = CHAIN_EVENT;
	struct db_row *row;
	int rc;

	if (p->kind && strcmp(p->kind, kind_str[CHAIN_DEAD_LETTER]) == 0)
		kind = CHAIN_DEAD_LETTER;
	else if (!p->kind || strcmp(p->kind, kind_str[CHAIN_EVENT]) != 0)
		return 0;
	rc = read_row(s, kind, p->n, &row);
	if (rc <= 0)
		return rc;
	p->there = true;
	row_values(row, v, columns_of[kind]);
	if (!digest_values(s, kind, v, columns_of[kind], &p->row))
		return no_hash(s);
	if (kind == CHAIN_EVENT) {
		p->agent = db_text(row, 0);
		p->seq = db_u64(row, 1);
		p->time_ns = db_u64(row, 2);
		p->type = db_text(row, 4);
	} else {
		p->type = kind_str[kind];
		p->time_ns = db_u64(row, 1);
	}
	return 0;
}

struct place_call {
	struct store *s;
	store_place_fn *fn;
	void *arg;
};

static int take_place(void *arg, struct db_row *row)
{
	struct place_call *call = arg;
	struct store_place p = { .place = db_u64(row, 0),
				 .kind = db_text(row, 1),
				 .n = db_u64(row, 2) };
	int rc;

	store_column_hash(row, 3, &p.digest);
	store_column_hash(row, 4, &p.hash);
	rc = fill_place(call->s, &p);
	return rc ? rc : call->fn(call->arg, &p);
}

int store_chain(struct store *s, store_place_fn *fn, void *arg)
{
	struct place_call call = { s, fn, arg };

	return db_each(s->db, take_place, &call,
		       "SELECT place, kind, n, digest, hash FROM chain ORDER BY place", "");
}

int store_chain_strays(struct store *s, store_place_fn *fn, void *arg)
{
	struct place_call call = { s, fn, arg };

	return db_each(s->db, take_place, &call,
		       "SELECT 0, 'event', n, NULL, NULL FROM events WHERE n NOT IN"
		       " (SELECT n FROM chain WHERE kind = 'event') UNION ALL"
		       " SELECT 0, 'dead-letter', n, NULL, NULL FROM dead_letters"
		       " WHERE n NOT IN (SELECT n FROM chain WHERE kind = 'dead-letter')",
		       "");
}

int store_chain_length(struct store *s, uint64_t *places)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT COALESCE(MAX(place), 0) FROM chain", "");

	*places = rc == 1 ? db_u64(row, 0) : 0;
	return store_done(rc);
}

int store_chain_hash(struct store *s, uint64_t place, struct chain_hash *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row, "SELECT hash FROM chain WHERE place = $1", "i", place);

	if (rc == 1)
		store_column_hash(row, 0, out);
	return rc;
}

struct hole_call {
	store_hole_fn *fn;
	void *arg;
};

static int take_hole(void *arg, struct db_row *row)
{
	struct hole_call *call = arg;
	struct store_hole h = { .agent = db_text(row, 0),
				.first = db_u64(row, 1),
				.last = db_u64(row, 2),
				.known = db_u64(row, 3) != 0 };
	uint64_t sealed = db_u64(row, 4);

	if (h.first <= sealed)
		h.first = sealed + 1;
	return h.first <= h.last ? call->fn(call->arg, &h) : 0;
}

/* Holes between stored numbers, and what the table of agents knows beyond them. The
 * numbers before an agent's first are not missed: the record began later, or that part
 * of it is sealed. Up to the highest number that was removed with it, holes are. */
int store_holes(struct store *s, store_hole_fn *fn, void *arg)
{
	struct hole_call call = { fn, arg };

	return db_each(
		s->db, take_hole, &call,
		"SELECT agent, first, last, EXISTS (SELECT 1 FROM gaps g WHERE g.agent = h.agent"
		"  AND g.first <= h.first AND g.last >= h.last),"
		" (SELECT b.last FROM sealed b WHERE b.agent = h.agent) FROM ("
		" SELECT agent, seq + 1 AS first, next - 1 AS last FROM (SELECT agent, seq,"
		"   LEAD(seq) OVER (PARTITION BY agent ORDER BY seq) AS next FROM events) AS e"
		"  WHERE next > seq + 1"
		" UNION ALL"
		" SELECT agent, COALESCE((SELECT MAX(seq) FROM events e WHERE e.agent = a.agent),"
		"  (SELECT last FROM sealed b WHERE b.agent = a.agent), 0) + 1, last_seq"
		"  FROM agents a WHERE last_seq >"
		"  COALESCE((SELECT MAX(seq) FROM events e WHERE e.agent = a.agent),"
		"  (SELECT last FROM sealed b WHERE b.agent = a.agent), 0)) AS h"
		" ORDER BY agent, first",
		"");
}

struct damage_call {
	store_damage_fn *fn;
	void *arg;
};

static int take_damage(void *arg, struct db_row *row)
{
	const char *what = db_text(row, 0);
	struct damage_call *call = arg;

	return what && strcmp(what, "ok") != 0 ? call->fn(call->arg, what) : 0;
}

int store_damage(struct store *s, store_damage_fn *fn, void *arg)
{
	struct damage_call call = { fn, arg };

	return db_damage(s->db, take_damage, &call);
}
