/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite. The file is in WAL mode with synchronous=FULL: readers never make the
 * writer wait, and a commit that returned has reached the disk; the collector
 * acknowledges entries to Redis on that promise.
 *
 * A statement is prepared once. It is looked for by where its text stands first,
 * which nearly always finds it, then by the text itself. One that is under way (a
 * db_each() around this call) is left alone: its text is prepared a second time.
 *
 * A row that db_get() found is read where it stands, within a transaction. Outside of
 * one it is copied, since a statement that is not done holds its snapshot open; also
 * one that was RETURNED, since a savepoint cannot begin while a statement writes.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "collector/db/ops.h"
#include "collector/db/sqlite_rows.h"
#include "common/addr.h"
#include "common/fnv.h"

#define APPLICATION_ID 0x67776173 /* "gwas": marks the file as ours */
#define BUSY_MS 2000		  /* how long to wait for another writer */
#define MOST_STATEMENTS 512	  /* filters can be put together in more ways */
#define SLOTS 256		  /* a power of two */
#define DAMAGE_LINES "20"
#define ONE_THREAD SQLITE_OPEN_NOMUTEX /* at a time has a connection */
#define ROWS_BYTES (1024 * 1024)       /* of a bulk, that wait */

struct statement {
	struct db_row row; /* a row of this statement is the statement */
	sqlite3_stmt *st;
	char *sql;
	const char *from; /* where the text stood; it may not stand there any more */
	struct statement *next;
	struct statement *next_open;
	uint64_t used;			    /* when, by a count of uses */
	unsigned names;			    /* db_names() */
	uint8_t at[DB_MAX_VALUES];	    /* where SQLite has $1, $2, ... */
	sqlite3_value *copy[DB_MAX_VALUES]; /* of the row */
	bool copied;
	bool open;    /* a row of it is in use */
	bool walking; /* db_each() is */
};

struct sqlite {
	struct db db;
	sqlite3 *handle;
	bool write;
	struct statement *slots[SLOTS]; /* by the text */
	struct statement *quick[SLOTS]; /* by where the text stood */
	unsigned n_statements;
	uint64_t uses;
	struct statement *open;
	const struct db_bulk *rows; /* those that are put into their table now */
	int leader;		    /* the file; -1: not opened yet */
	bool leading;
};

static struct sqlite *of(struct db *d)
{
	return (struct sqlite *)d;
}

/* Classifies SQLite's last error. */
static int failed(struct sqlite *s)
{
	struct db *d = &s->db;
	const char *why = sqlite3_errmsg(s->handle);

	switch (sqlite3_extended_errcode(s->handle) & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return db_say(d, STORE_REFUSED, "%s", why);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return db_say(d, STORE_BROKEN,
			      "%s: the store is damaged (%s); restore a copy of it, or move it "
			      "away and a new one is begun",
			      d->name, why);
	case SQLITE_FULL:
		return db_say(d, STORE_FAILED, "%s: no space left for the store", d->name);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return db_say(d, STORE_FAILED, "%s: the store is locked by another program",
			      d->name);
	case SQLITE_READONLY:
		return db_say(d, STORE_FAILED, "%s: the store cannot be written: %s", d->name, why);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: {
		int sys = sqlite3_system_errno(s->handle);

		return db_say(d, STORE_FAILED, "%s: %s%s%s", d->name, why, sys ? ": " : "",
			      sys ? strerror(sys) : "");
	}
	default:
		return db_say(d, STORE_FAILED, "%s: %s", d->name, why);
	}
}

/* ---- statements ------------------------------------------------------------ */

static unsigned slot_of_text(const char *sql)
{
	return fnv1a(sql) & (SLOTS - 1);
}

static unsigned slot_of_place(const char *sql)
{
	uint64_t h = (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u;

	return (unsigned)(h >> 56);
}
static_assert(SLOTS == 256, "slot_of_place() gives 8 bits");

static void let_go(struct sqlite *s, struct statement *x)
{
	if (!x->open)
		return;
	sqlite3_reset(x->st);
	x->open = false;
	for (struct statement **p = &s->open; *p; p = &(*p)->next_open) {
		if (*p == x) {
			*p = x->next_open;
			break;
		}
	}
}

/* A SELECT that was not run to its end would hold its snapshot open. */
static void let_all_go(struct sqlite *s)
{
	struct statement *next;

	for (struct statement *x = s->open; x; x = next) {
		next = x->next_open;
		sqlite3_reset(x->st);
		x->open = false;
	}
	s->open = NULL;
}

static void forget_copy(struct statement *x)
{
	for (int i = 0; x->copied && i < DB_MAX_VALUES; i++) {
		sqlite3_value_free(x->copy[i]);
		x->copy[i] = NULL;
	}
	x->copied = false;
}

static int copy_row(struct sqlite *s, struct statement *x)
{
	int n = sqlite3_column_count(x->st);

	x->copied = true;
	for (int i = 0; i < n && i < DB_MAX_VALUES; i++)
		if (!(x->copy[i] = sqlite3_value_dup(sqlite3_column_value(x->st, i))))
			return db_say(&s->db, STORE_FAILED, "%s: out of memory", s->db.name);
	return 0;
}

static void drop(struct sqlite *s, struct statement *x)
{
	struct statement **p = &s->slots[slot_of_text(x->sql)];

	while (*p != x)
		p = &(*p)->next;
	*p = x->next;
	if (s->quick[slot_of_place(x->from)] == x)
		s->quick[slot_of_place(x->from)] = NULL;
	let_go(s, x);
	forget_copy(x);
	sqlite3_finalize(x->st);
	free(x->sql);
	free(x);
	s->n_statements--;
}

static void drop_oldest(struct sqlite *s)
{
	struct statement *oldest = NULL;

	for (unsigned i = 0; i < SLOTS; i++)
		for (struct statement *x = s->slots[i]; x; x = x->next)
			if (!x->open && !x->walking && (!oldest || x->used < oldest->used))
				oldest = x;
	if (oldest)
		drop(s, oldest);
}

static int prepare(struct sqlite *s, const char *sql, struct statement **out)
{
	struct statement *x = calloc(1, sizeof(*x));
	unsigned slot = slot_of_text(sql);
	char name[16];

	if (s->n_statements >= MOST_STATEMENTS)
		drop_oldest(s);
	if (!x || !(x->sql = strdup(sql))) {
		free(x);
		return db_say(&s->db, STORE_FAILED, "%s: out of memory", s->db.name);
	}
	if (sqlite3_prepare_v3(s->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &x->st, NULL) !=
	    SQLITE_OK) {
		free(x->sql);
		free(x);
		return failed(s);
	}
	for (int i = 0; i < DB_MAX_VALUES; i++) {
		snprintf(name, sizeof(name), "$%d", i + 1);
		x->at[i] = (uint8_t)sqlite3_bind_parameter_index(x->st, name);
	}
	x->row.db = &s->db;
	x->names = db_names(&s->db, sql);
	x->next = s->slots[slot];
	s->slots[slot] = x;
	s->n_statements++;
	*out = x;
	return 0;
}

static int look(struct sqlite *s, const char *sql, struct statement **out)
{
	struct statement **quick = &s->quick[slot_of_place(sql)], *x = *quick;
	int rc;

	if (!x || x->walking || strcmp(x->sql, sql) != 0) {
		for (x = s->slots[slot_of_text(sql)]; x; x = x->next)
			if (!x->walking && strcmp(x->sql, sql) == 0)
				break;
		if (!x) {
			rc = prepare(s, sql, &x);
			if (rc)
				return rc;
		}
		if (s->quick[slot_of_place(x->from)] == x)
			s->quick[slot_of_place(x->from)] = NULL;
		x->from = sql;
		*quick = x;
	}
	let_go(s, x);
	forget_copy(x);
	x->used = ++s->uses;
	*out = x;
	return 0;
}

/* After what waits and is named by sql has been written. */
static int find(struct sqlite *s, const char *sql, struct statement **out)
{
	int rc = look(s, sql, out);

	if (rc || !(s->db.pending & (*out)->names))
		return rc;
	rc = db_write_pending(&s->db, (*out)->names);
	return rc ? rc : look(s, sql, out);
}

static int bind(struct sqlite *s, struct statement *x, const struct db_value *v, int n)
{
	int rc = SQLITE_OK;

	for (int i = 0; i < n && rc == SQLITE_OK; i++) {
		int at = x->at[i];

		switch (v[i].kind) {
		case 't':
			rc = sqlite3_bind_text64(x->st, at, v[i].data, v[i].len, SQLITE_STATIC,
						 SQLITE_UTF8);
			break;
		case 'b':
			rc = sqlite3_bind_blob64(x->st, at, v[i].data ? v[i].data : "", v[i].len,
						 SQLITE_STATIC);
			break;
		case 'n':
			rc = sqlite3_bind_int64(x->st, at, v[i].number);
			break;
		case 'd':
			rc = sqlite3_bind_double(x->st, at, v[i].real);
			break;
		default:
			rc = sqlite3_bind_null(x->st, at);
			break;
		}
	}
	return rc == SQLITE_OK ? 0 : failed(s);
}

static int sqlite_run(struct db *d, const char *sql, const struct db_value *v, int n,
		      struct db_row **row)
{
	struct sqlite *s = of(d);
	struct statement *x;
	int before, rc;

	rc = find(s, sql, &x);
	if (!rc)
		rc = bind(s, x, v, n);
	if (rc)
		return rc;
	before = sqlite3_total_changes(s->handle);
	rc = sqlite3_step(x->st);
	if (rc == SQLITE_ROW && row &&
	    (sqlite3_get_autocommit(s->handle) || !sqlite3_stmt_readonly(x->st))) {
		*row = &x->row;
		rc = copy_row(s, x);
		sqlite3_reset(x->st);
		return rc ? rc : sqlite3_total_changes(s->handle) - before;
	}
	if (rc == SQLITE_ROW && row) {
		*row = &x->row;
		x->open = true;
		x->next_open = s->open;
		s->open = x;
		return sqlite3_total_changes(s->handle) - before;
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : failed(s);
	sqlite3_reset(x->st);
	return rc ? rc : sqlite3_total_changes(s->handle) - before;
}

static int sqlite_each(struct db *d, const char *sql, const struct db_value *v, int n,
		       db_row_fn *fn, void *arg)
{
	struct sqlite *s = of(d);
	struct statement *x;
	int step = SQLITE_DONE, rc;

	rc = find(s, sql, &x);
	if (!rc)
		rc = bind(s, x, v, n);
	if (rc)
		return rc;
	x->walking = true;
	while (!rc && (step = sqlite3_step(x->st)) == SQLITE_ROW)
		rc = fn(arg, &x->row);
	if (!rc && step != SQLITE_DONE)
		rc = failed(s);
	x->walking = false;
	sqlite3_reset(x->st);
	return rc;
}

/* SQLite lets an unprotected value be read where one thread has the connection. */
static sqlite3_value *value_of(struct db_row *row, int column)
{
	struct statement *x = (struct statement *)row;

	return x->copied ? x->copy[column] : sqlite3_column_value(x->st, column);
}

static bool sqlite_is_null(struct db_row *row, int column)
{
	return sqlite3_value_type(value_of(row, column)) == SQLITE_NULL;
}

static const char *sqlite_text(struct db_row *row, int column)
{
	return (const char *)sqlite3_value_text(value_of(row, column));
}

static int64_t sqlite_i64(struct db_row *row, int column)
{
	return sqlite3_value_int64(value_of(row, column));
}

static double sqlite_real(struct db_row *row, int column)
{
	return sqlite3_value_double(value_of(row, column));
}

static const void *sqlite_blob(struct db_row *row, int column, size_t *len)
{
	const void *data = sqlite3_value_blob(value_of(row, column));

	*len = (size_t)sqlite3_value_bytes(value_of(row, column));
	return data;
}

static int sqlite_columns(struct db_row *row)
{
	return sqlite3_column_count(((struct statement *)row)->st);
}

static char sqlite_kind(struct db_row *row, int column)
{
	switch (sqlite3_value_type(value_of(row, column))) {
	case SQLITE_INTEGER:
		return 'n';
	case SQLITE_FLOAT:
		return 'd';
	case SQLITE_TEXT:
		return 't';
	case SQLITE_BLOB:
		return 'b';
	default:
		return 0;
	}
}

static int sqlite_script(struct db *d, const char *sql)
{
	struct sqlite *s = of(d);

	let_all_go(s); /* a table cannot be changed under a SELECT */
	return sqlite3_exec(s->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(s);
}

static int no_rows(int rc)
{
	return rc < 0 ? rc : 0;
}

static int sqlite_later(struct db *d, const char *sql, const struct db_value *v, int n)
{
	return no_rows(sqlite_run(d, sql, v, n, NULL));
}

static int no_memory(struct db *d)
{
	return db_say(d, STORE_FAILED, "%s: out of memory", d->name);
}

static int write_bulk(void *arg)
{
	struct db_bulk *b = arg;
	struct sqlite *s = of(b->db);
	int rc;

	if (!b->rows)
		return 0;
	s->rows = b;
	rc = sqlite_later(b->db, b->sql, NULL, 0);
	s->rows = NULL;
	db_rows_forget(b);
	return rc;
}

static int sqlite_bulk_open(struct db *d, struct db_bulk *b)
{
	b->db = d;
	b->watch = db_watch(d, b->table, write_bulk, b);
	return 0;
}

static int sqlite_bulk_add(struct db *d, struct db_bulk *b, const struct db_value *v, int n)
{
	if ((!b->sql && !(b->sql = db_rows_sql(b, n))) || !db_rows_add(b, v, n))
		return no_memory(d);
	db_pending(d, b->watch);
	/* who only reads is told at once that it cannot */
	return b->len > ROWS_BYTES || !of(d)->write ? db_write_pending(d, 1u << b->watch) : 0;
}

/* Rows that wait are of what is undone. */
static void forget_rows(struct db *d)
{
	for (unsigned i = 0; i < d->n_watches; i++)
		if (d->watches[i].write == write_bulk)
			db_rows_forget(d->watches[i].arg);
	d->pending = 0;
}

static int sqlite_flush(struct db *d)
{
	return db_write_pending(d, ~0u);
}

/* ---- transactions ---------------------------------------------------------- */

static int sqlite_begin(struct db *d, bool write)
{
	return no_rows(sqlite_run(d, write ? "BEGIN IMMEDIATE" : "BEGIN", NULL, 0, NULL));
}

/* A file that was removed or replaced under us takes what is written to it along:
 * its rows must not be acknowledged. */
static bool is_gone(struct sqlite *s)
{
	int moved = 0;

	return sqlite3_file_control(s->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
		       SQLITE_OK &&
	       moved;
}

static int sqlite_commit(struct db *d)
{
	int rc = sqlite_flush(d);

	if (rc)
		return rc;
	let_all_go(of(d));
	if (is_gone(of(d)))
		return db_say(d, STORE_BROKEN,
			      "%s: the store was removed or replaced while it was in use", d->name);
	return no_rows(sqlite_run(d, "COMMIT", NULL, 0, NULL));
}

static void sqlite_rollback(struct db *d)
{
	forget_rows(d);
	let_all_go(of(d));
	/* After some errors (disk full) SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(of(d)->handle))
		sqlite3_exec(of(d)->handle, "ROLLBACK", NULL, NULL, NULL);
}

static int sqlite_mark(struct db *d)
{
	int rc = sqlite_flush(d); /* what is of before is not undone */

	return rc ? rc : no_rows(sqlite_run(d, "SAVEPOINT entry", NULL, 0, NULL));
}

static int sqlite_unmark(struct db *d)
{
	int rc = sqlite_flush(d);

	let_all_go(of(d));
	return rc ? rc : no_rows(sqlite_run(d, "RELEASE entry", NULL, 0, NULL));
}

static int sqlite_undo(struct db *d)
{
	int rc;

	forget_rows(d);
	let_all_go(of(d));
	rc = sqlite_run(d, "ROLLBACK TO entry", NULL, 0, NULL);
	return rc < 0 ? rc : sqlite_unmark(d);
}

/* Collectors that share a file: one of them has the lock on a file beside it, until
 * its process ends. */
static int sqlite_lead(struct db *d)
{
	struct sqlite *s = of(d);
	char path[4096];

	if (s->leading || strcmp(d->name, ":memory:") == 0)
		return 1;
	if (s->leader < 0) {
		snprintf(path, sizeof(path), "%s-leader", d->name);
		s->leader = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
		if (s->leader < 0)
			return db_say(d, STORE_FAILED, "%s: %s", path, strerror(errno));
	}
	s->leading = flock(s->leader, LOCK_EX | LOCK_NB) == 0;
	return s->leading;
}

static int sqlite_damage(struct db *d, db_row_fn *fn, void *arg)
{
	return sqlite_each(d, "PRAGMA integrity_check(" DAMAGE_LINES ")", NULL, 0, fn, arg);
}

/* ---- opening --------------------------------------------------------------- */

static int ask_int(struct sqlite *s, const char *sql, int *out)
{
	sqlite3_stmt *st;
	int rc = -1;

	if (sqlite3_prepare_v2(s->handle, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
		rc = 0;
	}
	sqlite3_finalize(st);
	return rc;
}

static int sqlite_schema(struct db *d, int *version)
{
	struct sqlite *s = of(d);
	int tables, id;

	*version = 0;
	if (ask_int(s, "SELECT COUNT(*) FROM sqlite_schema", &tables) ||
	    ask_int(s, "PRAGMA application_id", &id)) {
		if ((sqlite3_errcode(s->handle) & 0xff) == SQLITE_NOTADB)
			return db_say(d, STORE_FAILED,
				      "%s: this is not a store of glasswatch-collector", d->name);
		return failed(s);
	}
	if (tables == 0)
		return 0;
	if (id != APPLICATION_ID)
		return db_say(d, STORE_FAILED,
			      "%s: this is another program's database, not a store of "
			      "glasswatch-collector",
			      d->name);
	if (ask_int(s, "SELECT value FROM meta WHERE key = 'schema'", version))
		return failed(s);
	return 0;
}

static int sqlite_own(struct db *d)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
	return sqlite_script(d, sql);
}

/* Asked first: SQLite's "unable to open database file" helps nobody. */
static bool may_open(const char *path, bool write, char *err, size_t size)
{
	const char *fmt;
	int why;

	if (strcmp(path, ":memory:") == 0 || access(path, write ? W_OK : R_OK) == 0)
		return true;
	why = errno;
	if (write && why == ENOENT)
		return true; /* it is made */
	if (write)
		fmt = "%s: the store cannot be written: %s";
	else if (why == ENOENT)
		fmt = "%s: no such store; start `glasswatch-collector run`, or name another with "
		      "--db FILE";
	else
		fmt = "%s: the store cannot be read: %s";
	snprintf(err, size, fmt, path, strerror(why));
	return false;
}

/* A file where nothing can be written beside it, nor has been: a copy on a
 * read-only file system, say. SQLite cannot make its -shm file there. */
static bool is_fixed(const char *path)
{
	char name[4096], *slash;

	if (snprintf(name, sizeof(name), "%s-wal", path) >= (int)sizeof(name) ||
	    access(name, F_OK) == 0)
		return false;
	slash = strrchr(name, '/');
	if (slash)
		slash[slash == name] = '\0';
	return access(slash ? name : ".", W_OK) != 0;
}

static int open_file(struct sqlite *s, const char *path)
{
	char uri[3 * 4096 + 32];
	size_t n = 5;

	if (s->write)
		return sqlite3_open_v2(path, &s->handle,
				       ONE_THREAD | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				       NULL);
	if (strlen(path) >= 4096 || !is_fixed(path))
		return sqlite3_open_v2(path, &s->handle, ONE_THREAD | SQLITE_OPEN_READONLY, NULL);
	memcpy(uri, "file:", n);
	for (; *path; path++)
		n += (size_t)snprintf(uri + n, 4, strchr("?#%", *path) ? "%%%02x" : "%c",
				      (unsigned char)*path);
	snprintf(uri + n, sizeof(uri) - n, "?immutable=1");
	return sqlite3_open_v2(uri, &s->handle, ONE_THREAD | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
			       NULL);
}

/* gw_within(ADDRESS, PREFIX): both as text. */
static void sql_within(sqlite3_context *ctx, int n, sqlite3_value **values)
{
	const char *address = (const char *)sqlite3_value_text(values[0]);
	const char *text = (const char *)sqlite3_value_text(values[1]);
	struct addr a;
	struct prefix p;

	sqlite3_result_int(ctx, address && text && addr_parse(address, &a) &&
					prefix_parse(text, &p) && prefix_contains(&p, &a));
}

/* WAL cannot be chosen inside a transaction; a file of another program must not be
 * changed by it, so that is asked before. */
static int prepare_file(struct sqlite *s)
{
	int version, rc = sqlite_schema(&s->db, &version);

	if (rc)
		return rc;
	/* The inner pages of the indexes over millions of rows, so that each is read once for an
	 * answer. Four of the API's threads have one each. */
	if (!s->write)
		return sqlite_script(&s->db, "PRAGMA cache_size = -8192");
	/* The cache holds what a batch changes, and the ends of the indexes: a page that
	 * does not fit is written twice. The WAL grows to 32 MiB, so that a page
	 * that each batch changes is copied into the file now and then only. */
	return sqlite_script(&s->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				     " PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;"
				     " PRAGMA wal_autocheckpoint = 8192;"
				     " PRAGMA journal_size_limit = 67108864;");
}

static void sqlite_close(struct db *d)
{
	struct sqlite *s = of(d);

	for (unsigned i = 0; i < SLOTS; i++)
		while (s->slots[i])
			drop(s, s->slots[i]);
	sqlite3_close(s->handle);
	if (s->leader >= 0)
		close(s->leader);
	free(d->name);
	free(s);
}

static const struct db_ops ops = {
	.close = sqlite_close,
	.run = sqlite_run,
	.later = sqlite_later,
	.each = sqlite_each,
	.bulk_open = sqlite_bulk_open,
	.bulk_add = sqlite_bulk_add,
	.flush = sqlite_flush,
	.script = sqlite_script,
	.schema = sqlite_schema,
	.own = sqlite_own,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.mark = sqlite_mark,
	.unmark = sqlite_unmark,
	.undo = sqlite_undo,
	.lead = sqlite_lead,
	.damage = sqlite_damage,
	.is_null = sqlite_is_null,
	.text = sqlite_text,
	.i64 = sqlite_i64,
	.real = sqlite_real,
	.blob = sqlite_blob,
	.columns = sqlite_columns,
	.kind = sqlite_kind,
};

/* Nobody asks how much memory SQLite has, and counting it takes a lock each time. */
static void count_no_memory(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct db *db_sqlite_open(const char *path, bool write, char *err, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sqlite *s = calloc(1, sizeof(*s));

	pthread_once(&once, count_no_memory);
	if (!s || !(s->db.name = strdup(path))) {
		snprintf(err, size, "%s: out of memory", path);
		free(s);
		return NULL;
	}
	s->db.ops = &ops;
	s->write = write;
	s->leader = -1;
	if (!may_open(path, write, err, size))
		goto fail;
	if (open_file(s, path) != SQLITE_OK) {
		int why = s->handle ? sqlite3_system_errno(s->handle) : ENOMEM;

		snprintf(err, size, "%s: the store cannot be opened: %s%s", path,
			 why ? strerror(why) : sqlite3_errmsg(s->handle),
			 why == ENOENT ? " (create the directory, or name another with --db FILE)"
				       : "");
		goto fail;
	}
	sqlite3_extended_result_codes(s->handle, 1);
	sqlite3_busy_timeout(s->handle, BUSY_MS);
	if (sqlite3_create_function(s->handle, "gw_within", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
				    NULL, sql_within, NULL, NULL) != SQLITE_OK ||
	    db_rows_open(s->handle, &s->rows) != SQLITE_OK || prepare_file(s) != 0) {
		snprintf(err, size, "%s", s->db.error[0] ? s->db.error : sqlite3_errmsg(s->handle));
		goto fail;
	}
	return &s->db;
fail:
	sqlite_close(&s->db);
	return NULL;
}
