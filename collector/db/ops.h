/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DB_OPS_H
#define GW_DB_OPS_H
/* What db.c asks of the two databases; sqlite.c and pg.c alone include it. */
#include "collector/db/db.h"

struct db_ops {
	void (*close)(struct db *d);
	/* *row NULL when there is none, or row itself is NULL when none is wanted.
	 * Returns the rows changed, or below 0. */
	int (*run)(struct db *d, const char *sql, const struct db_value *v, int n,
		   struct db_row **row);
	int (*later)(struct db *d, const char *sql, const struct db_value *v, int n);
	int (*each)(struct db *d, const char *sql, const struct db_value *v, int n, db_row_fn *fn,
		    void *arg);
	int (*bulk_open)(struct db *d, struct db_bulk *b);
	int (*bulk_add)(struct db *d, struct db_bulk *b, const struct db_value *v, int n);
	int (*flush)(struct db *d);
	int (*script)(struct db *d, const char *sql);
	int (*schema)(struct db *d, int *version);
	int (*own)(struct db *d);
	int (*begin)(struct db *d, bool write);
	int (*commit)(struct db *d);
	void (*rollback)(struct db *d);
	int (*mark)(struct db *d);
	int (*unmark)(struct db *d);
	int (*undo)(struct db *d);
	int (*lead)(struct db *d);
	int (*damage)(struct db *d, db_row_fn *fn, void *arg);

	bool (*is_null)(struct db_row *row, int column);
	const char *(*text)(struct db_row *row, int column);
	int64_t (*i64)(struct db_row *row, int column);
	double (*real)(struct db_row *row, int column);
	const void *(*blob)(struct db_row *row, int column, size_t *len);
	int (*columns)(struct db_row *row);
	char (*kind)(struct db_row *row, int column);
};

struct db_watch {
	const char *table;
	int (*write)(void *arg);
	void *arg;
};

/* The first member of both databases' own struct. */
struct db {
	const struct db_ops *ops;
	bool pg;
	char *name; /* for people: the file, or the URL without secrets */
	char error[512];
	struct db_watch watches[DB_MAX_BULKS];
	unsigned n_watches;
	unsigned pending; /* bit i: watch i has rows to be written */
};

/* The first member of their rows. */
struct db_row {
	struct db *db;
};

/* Room for n bytes more in what waits. False: no memory. */
bool db_bulk_room(struct db_bulk *b, size_t n);

int db_say(struct db *d, int result, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Which watches a statement names, and writing those among them that wait. */
unsigned db_names(const struct db *d, const char *sql);
int db_write_pending(struct db *d, unsigned names);

struct db *db_sqlite_open(const char *path, bool write, char *err, size_t size);
struct db *db_pg_open(const char *url, bool write, char *err, size_t size);

size_t db_pg_files(const char *url, char **files, size_t most);

#endif
