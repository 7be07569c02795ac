/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DB_H
#define GW_DB_H
/*
 * One connection to a database: SQLite (db_sqlite.c) or PostgreSQL (db_pg.c). Only
 * store*.c includes this; it holds the SQL, once, in the words that both understand:
 *
 *	$1, $2 ...	values, numbered in the order in which they first appear
 *	ON CONFLICT (...) DO NOTHING | DO UPDATE SET x = excluded.x;  RETURNING n
 *	COALESCE, CASE; CAST($1 AS BIGINT) where no column tells the type
 *	"end" and "user" quoted; flags are numbers: open = 1, never a bare `open`
 *
 * and not IFNULL, MAX(a, b), INSERT OR IGNORE, REPLACE, json_*(), GROUP_CONCAT.
 * Where the two must differ, db_is_pg() tells.
 *
 * Results below 0 are those of store.h: STORE_REFUSED (this value, ever),
 * STORE_FAILED (not now), STORE_BROKEN; db_error() has the reason in words.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_row; /* a row of an answer, borrowed */

bool db_is_pg(const struct db *d);
const char *db_error(const struct db *d);

/*
 * Statements. sql may be any text; it is prepared once and kept by its content.
 * Letters of fmt, one for each value: t text (NULL: NULL), i uint64_t, n int64_t,
 * o uint64_t where 0 means NULL, d double where below 0 means NULL, b bytes and
 * their size_t, j text and its size_t.
 */

/* Runs it and takes no row. The number of rows changed, or below 0. */
int db_run(struct db *d, const char *sql, const char *fmt, ...);

/* 1: *row is the first row; it lives until the same sql is used again, or the
 * transaction ends. 0: none. */
int db_get(struct db *d, struct db_row **row, const char *sql, const char *fmt, ...);

/* Hands each row to fn, which may run other statements; it returns 0, or anything
 * else to stop; that is returned. However long the answer, memory is bounded. */
typedef int db_row_fn(void *arg, struct db_row *row);
int db_each(struct db *d, db_row_fn *fn, void *arg, const char *sql, const char *fmt, ...);

/* Columns from 0. */
bool db_is_null(struct db_row *row, int column);
const char *db_text(struct db_row *row, int column); /* NULL when it is NULL */
uint64_t db_u64(struct db_row *row, int column);     /* 0 when it is NULL */
int64_t db_i64(struct db_row *row, int column);
double db_real(struct db_row *row, int column);
const void *db_blob(struct db_row *row, int column, size_t *len);

/* ---- a statement in the making --------------------------------------------- */

/* For filters: text, with values where they stand. Zero it first. */
#define DB_MAX_VALUES 32

struct db_query {
	char sql[4096];
	size_t len;
	struct {
		const char *text; /* NULL: the number is meant */
		uint64_t number;
	} values[DB_MAX_VALUES];
	int n;
	bool open; /* WHERE is written */
};

void db_add(struct db_query *q, const char *text);
/* Appends text, then a placeholder for this value. */
void db_add_text(struct db_query *q, const char *text, const char *value);
void db_add_u64(struct db_query *q, const char *text, uint64_t value);
/* The same as a condition, after WHERE or AND; without text, or with 0: nothing. */
void db_where(struct db_query *q, const char *condition);
void db_where_text(struct db_query *q, const char *condition, const char *value);
void db_where_u64(struct db_query *q, const char *condition, uint64_t value);
int db_query_each(struct db *d, const struct db_query *q, db_row_fn *fn, void *arg);

#endif
