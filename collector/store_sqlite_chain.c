/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in SQLite: the hash chain. What is hashed is specified in chain.h; a
 * row is read back after it was inserted, so that storing and checking run the
 * same code over the same bytes.
 *
 * The chain's end is read once in a transaction: collectors that share a store
 * take turns, and each goes on where the other has stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store_sqlite.h"
#include "common/log.h"

#define BUILD_TELL 200000 /* rows; a store of fewer is done before anybody wonders */
#define DAMAGE_LINES "20"

static const char *const kind_str[] = {
	[CHAIN_EVENT] = "event", [CHAIN_DEAD_LETTER] = "dead-letter"
};

static uint64_t u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

static void column_hash(sqlite3_stmt *st, int column, struct chain_hash *out)
{
	memset(out, 0, sizeof(*out));
	if (sqlite3_column_type(st, column) == SQLITE_BLOB &&
	    sqlite3_column_bytes(st, column) == CHAIN_HASH_LEN)
		memcpy(out->bytes, sqlite3_column_blob(st, column), CHAIN_HASH_LEN);
}

/* ---- digests --------------------------------------------------------------- */

static int no_hash(struct store *s)
{
	return store_sqlite_say(s, STORE_FAILED, "%s: libcrypto does not give a SHA-256", s->path);
}

/* The digest of a row whose columns stand in st from column `first` on. */
static bool digest_of(struct store *s, enum chain_kind kind, sqlite3_stmt *st, int first,
		      struct chain_hash *out)
{
	chain_begin(s->digest, kind_str[kind]);
	for (int i = first; i < sqlite3_column_count(st); i++) {
		switch (sqlite3_column_type(st, i)) {
		case SQLITE_NULL:
			chain_null(s->digest);
			break;
		case SQLITE_INTEGER:
			chain_int(s->digest, sqlite3_column_int64(st, i));
			break;
		case SQLITE_TEXT: {
			const void *text = sqlite3_column_text(st, i);

			chain_text(s->digest, text, (size_t)sqlite3_column_bytes(st, i));
			break;
		}
		default: {
			const void *data = sqlite3_column_blob(st, i);

			chain_bytes(s->digest, data, (size_t)sqlite3_column_bytes(st, i));
			break;
		}
		}
	}
	return chain_end(s->digest, out);
}

/* ---- growing --------------------------------------------------------------- */

static int read_head(struct store *s)
{
	sqlite3_stmt *row;
	int rc;

	if (s->head_known)
		return 0;
	rc = store_sqlite_run(s, ST_CHAIN_HEAD, &row, "");
	if (rc < 0)
		return rc;
	if (rc) {
		s->head_place = u64(row, 0);
		column_hash(row, 1, &s->head);
		sqlite3_reset(row);
	} else {
		s->head_place = 0;
		if (!chain_first(s->digest, s->id, &s->head))
			return no_hash(s);
	}
	s->head_known = true;
	return 0;
}

int store_sqlite_chain_add(struct store *s, enum chain_kind kind, uint64_t n)
{
	struct chain_hash digest, hash;
	sqlite3_stmt *row;
	bool good;
	int rc;

	rc = read_head(s);
	if (rc)
		return rc;
	rc = store_sqlite_run(s, kind == CHAIN_EVENT ? ST_CHAIN_EVENT : ST_CHAIN_DEAD, &row, "i",
			      n);
	if (rc <= 0)
		return rc;
	good = digest_of(s, kind, row, 0, &digest);
	sqlite3_reset(row);
	if (!good || !chain_next(s->digest, &s->head, &digest, &hash))
		return no_hash(s);
	rc = store_sqlite_run(s, ST_CHAIN_ADD, NULL, "itibb", s->head_place + 1, kind_str[kind], n,
			      digest.bytes, sizeof(digest.bytes), hash.bytes, sizeof(hash.bytes));
	if (rc < 0)
		return rc;
	s->head = hash;
	s->head_place++;
	return 0;
}

/* A store that is older than the chain: the order of arrival is known within each
 * kind; between them, the time of storing tells. */
int store_sqlite_chain_build(struct store *s)
{
	sqlite3_stmt *st = NULL;
	uint64_t rows = 0;
	int step, rc;

	if (sqlite3_exec(s->db,
			 "INSERT OR IGNORE INTO meta VALUES ('store', lower(hex(randomblob(16))))",
			 NULL, NULL, NULL) != SQLITE_OK)
		return store_sqlite_failed(s);
	rc = store_sqlite_chain_open(s);
	if (!rc)
		rc = store_sqlite_prepare(
			s,
			"SELECT 0, n, stored FROM events UNION ALL"
			" SELECT 1, n, received FROM dead_letters ORDER BY 3, 1, 2",
			&st);
	if (rc)
		return rc;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		rc = store_sqlite_chain_add(s, (enum chain_kind)sqlite3_column_int(st, 0),
					    u64(st, 1));
		if (rc)
			break;
		if (++rows % BUILD_TELL == 0)
			log_info("%s: building the hash chain, %llu rows so far", s->path,
				 (unsigned long long)rows);
	}
	if (!rc && step != SQLITE_DONE)
		rc = store_sqlite_failed(s);
	sqlite3_finalize(st);
	if (!rc && rows)
		log_info("%s: brought up to date; its %llu rows are in a hash chain now", s->path,
			 (unsigned long long)rows);
	return rc;
}

int store_sqlite_chain_open(struct store *s)
{
	sqlite3_stmt *st;
	const char *id;
	int rc;

	rc = store_sqlite_prepare(s, "SELECT value FROM meta WHERE key = 'store'", &st);
	if (rc)
		return rc;
	id = sqlite3_step(st) == SQLITE_ROW ? store_sqlite_text(st, 0) : NULL;
	snprintf(s->id, sizeof(s->id), "%s", id ? id : "");
	sqlite3_finalize(st);
	return 0;
}

const char *store_id(const struct store *s)
{
	return s->id;
}

/* ---- anchors --------------------------------------------------------------- */

int store_anchor_make(struct store *s, uint64_t now_ns, uint64_t places, uint64_t age_ns)
{
	uint64_t number = 0, place = 0, time = 0;
	sqlite3_stmt *row;
	int rc;

	rc = read_head(s);
	if (!rc)
		rc = store_sqlite_run(s, ST_ANCHOR_NEWEST, &row, "");
	if (rc < 0)
		return rc;
	if (rc) {
		number = u64(row, 0);
		place = u64(row, 1);
		time = u64(row, 2);
		sqlite3_reset(row);
	}
	/* A clock that stepped back must not stop them: then each is due. */
	if (s->head_place == place ||
	    (s->head_place - place < places && now_ns >= time && now_ns - time < age_ns))
		return 0;
	rc = store_sqlite_run(s, ST_ANCHOR_ADD, NULL, "iibi", number + 1, s->head_place,
			      s->head.bytes, sizeof(s->head.bytes), now_ns);
	return rc < 0 ? rc : 1;
}

int store_anchor_sent(struct store *s, uint64_t number)
{
	return store_sqlite_done(store_sqlite_run(s, ST_ANCHOR_SENT, NULL, "i", number));
}

int store_anchors(struct store *s, bool unsent_only, uint64_t after, store_anchor_fn *fn, void *arg)
{
	sqlite3_stmt *st;
	int step, rc;

	rc = store_sqlite_prepare(s,
				  unsent_only ? "SELECT number, place, hash, time FROM anchors"
						" WHERE NOT sent AND number > ? ORDER BY number"
					      : "SELECT number, place, hash, time FROM anchors"
						" WHERE number > ? ORDER BY number",
				  &st);
	if (rc)
		return rc;
	sqlite3_bind_int64(st, 1, (sqlite3_int64)after);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct chain_anchor a = { .number = u64(st, 0),
					  .place = u64(st, 1),
					  .time_ns = u64(st, 3) };

		snprintf(a.store, sizeof(a.store), "%s", s->id);
		column_hash(st, 2, &a.hash);
		rc = fn(arg, &a);
		if (rc)
			break;
	}
	if (!rc && step != SQLITE_DONE)
		rc = store_sqlite_failed(s);
	sqlite3_finalize(st);
	return rc;
}

/* ---- checking -------------------------------------------------------------- */

int store_snapshot(struct store *s)
{
	if (sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return store_sqlite_failed(s);
	return 0;
}

/* Reads the row that a place is for. */
static int fill_place(struct store *s, struct store_place *p, sqlite3_stmt **row)
{
	enum chain_kind kind = CHAIN_EVENT;
	int rc;

	*row = NULL;
	if (p->kind && strcmp(p->kind, kind_str[CHAIN_DEAD_LETTER]) == 0)
		kind = CHAIN_DEAD_LETTER;
	else if (!p->kind || strcmp(p->kind, kind_str[CHAIN_EVENT]) != 0)
		return 0;
	rc = store_sqlite_run(s, kind == CHAIN_EVENT ? ST_CHAIN_EVENT : ST_CHAIN_DEAD, row, "i",
			      p->n);
	if (rc <= 0)
		return rc;
	p->there = true;
	if (!digest_of(s, kind, *row, 0, &p->row))
		return no_hash(s);
	if (kind == CHAIN_EVENT) {
		p->agent = store_sqlite_text(*row, 0);
		p->seq = u64(*row, 1);
		p->time_ns = u64(*row, 2);
		p->type = store_sqlite_text(*row, 4);
	} else {
		p->type = kind_str[kind];
		p->time_ns = u64(*row, 1);
	}
	return 0;
}

static int each_place(struct store *s, const char *sql, store_place_fn *fn, void *arg)
{
	sqlite3_stmt *st, *row = NULL;
	int step, rc;

	rc = store_sqlite_prepare(s, sql, &st);
	if (rc)
		return rc;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_place p = { .place = u64(st, 0),
					 .kind = store_sqlite_text(st, 1),
					 .n = u64(st, 2) };

		column_hash(st, 3, &p.digest);
		column_hash(st, 4, &p.hash);
		rc = fill_place(s, &p, &row);
		if (!rc)
			rc = fn(arg, &p);
		if (row)
			sqlite3_reset(row);
		if (rc)
			break;
	}
	if (!rc && step != SQLITE_DONE)
		rc = store_sqlite_failed(s);
	sqlite3_finalize(st);
	return rc;
}

int store_chain(struct store *s, store_place_fn *fn, void *arg)
{
	return each_place(s, "SELECT place, kind, n, digest, hash FROM chain ORDER BY place", fn,
			  arg);
}

int store_chain_strays(struct store *s, store_place_fn *fn, void *arg)
{
	return each_place(s,
			  "SELECT 0, 'event', n, NULL, NULL FROM events WHERE n NOT IN"
			  " (SELECT n FROM chain WHERE kind = 'event') UNION ALL"
			  " SELECT 0, 'dead-letter', n, NULL, NULL FROM dead_letters"
			  " WHERE n NOT IN (SELECT n FROM chain WHERE kind = 'dead-letter')",
			  fn, arg);
}

int store_chain_length(struct store *s, uint64_t *places)
{
	sqlite3_stmt *row;
	int rc = store_sqlite_run(s, ST_CHAIN_HEAD, &row, "");

	*places = rc == 1 ? u64(row, 0) : 0;
	if (rc == 1)
		sqlite3_reset(row);
	return store_sqlite_done(rc);
}

int store_chain_hash(struct store *s, uint64_t place, struct chain_hash *out)
{
	sqlite3_stmt *row;
	int rc = store_sqlite_run(s, ST_CHAIN_PLACE, &row, "i", place);

	if (rc == 1) {
		column_hash(row, 0, out);
		sqlite3_reset(row);
	}
	return rc;
}

/* Holes between stored numbers, and what the table of agents knows beyond them. The
 * numbers before an agent's first are not missed: the record began later. */
int store_holes(struct store *s, store_hole_fn *fn, void *arg)
{
	sqlite3_stmt *st;
	int step, rc;

	rc = store_sqlite_prepare(
		s,
		"SELECT agent, first, last, EXISTS (SELECT 1 FROM gaps g WHERE g.agent = h.agent"
		"  AND g.first <= h.first AND g.last >= h.last) FROM ("
		" SELECT agent, seq + 1 AS first, next - 1 AS last FROM (SELECT agent, seq,"
		"   LEAD(seq) OVER (PARTITION BY agent ORDER BY seq) AS next FROM events)"
		"  WHERE next > seq + 1"
		" UNION ALL"
		" SELECT agent, IFNULL((SELECT MAX(seq) FROM events e WHERE e.agent = a.agent), 0)"
		"  + 1, last_seq FROM agents a WHERE last_seq >"
		"  IFNULL((SELECT MAX(seq) FROM events e WHERE e.agent = a.agent), 0)) AS h"
		" ORDER BY agent, first",
		&st);
	if (rc)
		return rc;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_hole h = { .agent = store_sqlite_text(st, 0),
					.first = u64(st, 1),
					.last = u64(st, 2),
					.known = sqlite3_column_int(st, 3) != 0 };

		rc = fn(arg, &h);
		if (rc)
			break;
	}
	if (!rc && step != SQLITE_DONE)
		rc = store_sqlite_failed(s);
	sqlite3_finalize(st);
	return rc;
}

int store_damage(struct store *s, store_damage_fn *fn, void *arg)
{
	sqlite3_stmt *st;
	int step, rc;

	rc = store_sqlite_prepare(s, "PRAGMA integrity_check(" DAMAGE_LINES ")", &st);
	if (rc)
		return rc;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		const char *what = store_sqlite_text(st, 0);

		if (what && strcmp(what, "ok") != 0 && (rc = fn(arg, what)) != 0)
			break;
	}
	if (!rc && step != SQLITE_DONE)
		rc = store_sqlite_failed(s);
	sqlite3_finalize(st);
	return rc;
}
