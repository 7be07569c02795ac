/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DB_DB_H
#define GW_DB_DB_H
/*
 * One connection to a database: SQLite (sqlite.c) or PostgreSQL (pg.c). Only
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
 * Results below 0 are those of store/store.h: STORE_REFUSED (this value, ever),
 * STORE_FAILED (not now), STORE_BROKEN; db_error() has the reason in words.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/db/result.h"

#define DB_MAX_VALUES 48 /* of one statement */

struct db;
struct db_row; /* a row of an answer, borrowed */
typedef int db_row_fn(void *arg, struct db_row *row);

bool db_is_pg(const struct db *d);
const char *db_error(const struct db *d);

/* ---- a connection: store/store.c alone calls these ---------------------------------- */

/* A file, ":memory:" or a postgresql:// URL. NULL with one line in err, which begins
 * with the name and tells the remedy. */
struct db *db_open(const char *where, bool write, char *err, size_t size);
void db_close(struct db *d);		 /* accepts NULL */
const char *db_name(const struct db *d); /* for people: no password in it */
bool db_is_url(const char *where);
size_t db_files(const char *where, char **files, size_t most); /* see store_files() */
int db_say(struct db *d, int result, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Any number of statements without values. */
int db_script(struct db *d, const char *sql);

/* Which schema it has, 0: none yet. STORE_FAILED: it is not ours, db_error() says so. */
int db_schema(struct db *d, int *version);
int db_own(struct db *d); /* marks a new one as ours */

/* write: waits until no other writer is at work. Else one snapshot for all that is
 * asked until db_rollback(). */
int db_begin(struct db *d, bool write);
int db_commit(struct db *d);
void db_rollback(struct db *d);

/* Within a transaction: what follows db_mark() is kept or undone as a whole. */
int db_mark(struct db *d);
int db_unmark(struct db *d);
int db_undo(struct db *d);

/* 1: this connection leads, until it is closed or lost; 0: another one does. */
int db_lead(struct db *d);

/* What the database itself finds wrong: rows of one text. */
int db_damage(struct db *d, db_row_fn *fn, void *arg);

/* ---- statements ------------------------------------------------------------ */

/*
 * sql may be any text; it is prepared once and kept by its content.
 * Letters of fmt, one for each value: t text (NULL: NULL), i uint64_t, n int64_t,
 * o uint64_t where 0 means NULL, d double where below 0 means NULL, b bytes and
 * their size_t, j text and its size_t.
 */

/* Runs it and takes no row. The number of rows changed, or below 0. */
int db_run(struct db *d, const char *sql, const char *fmt, ...);

/* The same, when nobody wants to know how many: it may be done later, but before any
 * other statement is, and what fails then is told by that, or by db_flush() or
 * db_commit(). PostgreSQL saves a round trip. */
int db_later(struct db *d, const char *sql, const char *fmt, ...);

/* 1: *row is the first row; it lives until the same sql is used again, or the
 * transaction ends. 0: none. */
int db_get(struct db *d, struct db_row **row, const char *sql, const char *fmt, ...);

/* Hands each row to fn, which may run other statements; it returns 0, or anything
 * else to stop; that is returned. However long the answer, memory is bounded. */
int db_each(struct db *d, db_row_fn *fn, void *arg, const char *sql, const char *fmt, ...);

/* Columns from 0. */
bool db_is_null(struct db_row *row, int column);
const char *db_text(struct db_row *row, int column); /* NULL when it is NULL */
uint64_t db_u64(struct db_row *row, int column);     /* 0 when it is NULL */
int64_t db_i64(struct db_row *row, int column);
double db_real(struct db_row *row, int column);
const void *db_blob(struct db_row *row, int column, size_t *len);
int db_columns(struct db_row *row);
/* What stands there: 't' text, 'n' a number without a fraction, 'd' another, 'b' bytes,
 * 0 NULL. */
char db_kind(struct db_row *row, int column);

/* ---- values that are not written into a call ---------------------------------- */

struct db_value {
	char kind; /* 't' text, 'n' number, 'd' double, 'b' bytes; 0: NULL */
	char type; /* the same when it is NULL */
	union {
		int64_t number;
		double real;
		const void *data; /* len bytes; text need not end with NUL */
	};
	size_t len;
};

struct db_value db_value_text(const char *text); /* NULL: NULL */
struct db_value db_value_u64(uint64_t number);
/* As db_run() and db_get(). */
int db_run_values(struct db *d, const char *sql, const struct db_value *v, int n);
int db_get_values(struct db *d, struct db_row **row, const char *sql, const struct db_value *v,
		  int n);
int db_later_values(struct db *d, const char *sql, const struct db_value *v, int n);

/* ---- rows by the thousand ------------------------------------------------------ */

/*
 * Rows for one table. They are there before the next statement
 * that has the table's name in its text, and at db_flush() and db_commit(). What the
 * database refuses of them is told then, for all of them.
 */
#define DB_MAX_BULKS 16

struct db_bulk {
	const char *table, *columns; /* as in INSERT INTO table (columns) */
	/* "ON CONFLICT ..."; then no two of the rows that wait have the same key. NULL: there
	 * is no conflict. */
	const char *conflict;
	/* the database's own: */
	char *sql;
	struct db *db;
	int watch;
	uint8_t *data;
	size_t len, size, rows;
	unsigned n;		   /* of the values of a row, */
	char types[DB_MAX_VALUES]; /* and what they are, as in db_value */
};

/* b lives as long as d; its data is freed by db_bulk_free() after db_close(). */
int db_bulk_open(struct db *d, struct db_bulk *b);
int db_bulk_add(struct db *d, struct db_bulk *b, const struct db_value *v, int n);
int db_bulk_write(struct db *d, struct db_bulk *b); /* those that wait */
void db_bulk_free(struct db_bulk *b);
int db_flush(struct db *d);

/* Rows of a table that are kept elsewhere: after db_pending() write() is called before
 * the next statement that names the table, and at db_flush(), db_mark() and
 * db_commit(). At most DB_MAX_BULKS of bulks and watches. A statement that names it in
 * capitals does not wait for them: who writes one knows what is kept. */
int db_watch(struct db *d, const char *table, int (*write)(void *arg), void *arg);
void db_pending(struct db *d, int watch);

/* ---- a statement in the making --------------------------------------------- */

/* For filters: text, with values where they stand. Zero it first. */
struct db_query {
	char sql[4096];
	size_t len;
	struct db_value values[DB_MAX_VALUES];
	int n;
	bool open; /* WHERE is written */
	bool too_long;
};

void db_add(struct db_query *q, const char *text);
/* Appends text, then a placeholder for this value. */
void db_add_text(struct db_query *q, const char *text, const char *value);
void db_add_u64(struct db_query *q, const char *text, uint64_t value);
/* The same as a condition, after WHERE or AND; without text, or with 0: nothing. */
void db_where(struct db_query *q, const char *condition);
void db_where_text(struct db_query *q, const char *condition, const char *value);
void db_where_u64(struct db_query *q, const char *condition, uint64_t value);
/* STORE_FAILED: the statement became too long. */
int db_query_each(struct db *d, const struct db_query *q, db_row_fn *fn, void *arg);

#endif
