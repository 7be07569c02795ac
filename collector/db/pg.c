/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL, over one connection in libpq's pipeline mode: what need not be answered
 * at once (db_later()) is sent and answered together with the next that must be.
 *
 * A long answer is fetched in pieces through a cursor, so that memory is bounded and
 * other statements can run between two rows. Rows that are put into a table by the
 * thousand (db_bulk) go there by COPY, before the next statement that names the table.
 *
 * A connection that is lost ends the transaction; db_begin() makes a new one. Writers
 * take turns by an advisory lock, which is given back when a transaction or its
 * connection ends: the chain is one, whoever writes.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/db/ops.h"
#include "collector/db/pg_value.h"
#include "common/bytes.h"
#include "common/fnv.h"

#define MOST_STATEMENTS 512 /* prepared at the server */
#define MOST_WAITING 256    /* sent without an answer: their answers fit the socket's buffer */
#define SLOTS 256
#define FIRST_PIECE 64 /* rows of an answer; more when they are small */
#define MOST_PIECE 4096
#define PIECE_BYTES (512 * 1024)
#define COPY_BYTES (4 * 1024 * 1024)

/* The advisory locks: (this, a number made of the schema's name). */
#define LOCK_WRITER "1735878003"
#define LOCK_LEADER "1735878004"

struct pg_row {
	struct db_row row;
	PGresult *result;
	int at;
};

struct statement {
	struct pg_row row; /* of db_get() */
	char *sql;
	char name[24];
	bool prepared;
	uint64_t sent;	/* the exchange in which it was prepared */
	uint64_t used;	/* when, by a count of uses */
	unsigned names; /* db_names() */
	struct statement *next;
};

struct pg {
	struct db db;
	PGconn *conn;
	char *url;
	bool write, in_transaction, leading;
	struct statement *slots[SLOTS];
	unsigned n_statements;
	uint64_t names, uses, exchanges, cursors;
	unsigned waiting;
};

static struct pg *of(struct db *d)
{
	return (struct pg *)d;
}

/* ---- what went wrong ------------------------------------------------------- */

/* libpq's texts have several lines; the first says it. */
static void first_line(const char *text, char *out, size_t size)
{
	static const char *const prefixes[] = { "ERROR:  ", "FATAL:  ", "PANIC:  " };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			text += strlen(prefixes[i]);
	snprintf(out, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static int not_there(struct pg *p)
{
	char why[300];

	first_line(PQerrorMessage(p->conn), why, sizeof(why));
	return db_say(&p->db, STORE_FAILED, "%s: the database is not there: %s", p->db.name,
		      why[0] ? why : "the connection was lost");
}

static int failed(struct pg *p, const PGresult *r)
{
	const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *name = p->db.name;
	struct db *d = &p->db;

	if (!code || !text || strncmp(code, "08", 2) == 0 || strncmp(code, "57P", 3) == 0)
		return not_there(p);
	if (strncmp(code, "22", 2) == 0 || strncmp(code, "23", 2) == 0 ||
	    strncmp(code, "54", 2) == 0) {
		const char *table = PQresultErrorField(r, PG_DIAG_TABLE_NAME);
		const char *column = PQresultErrorField(r, PG_DIAG_COLUMN_NAME);

		return db_say(d, STORE_REFUSED, "%s%s%s%s%s", text, table ? ": " : "",
			      table ? table : "", column ? "." : "", column ? column : "");
	}
	if (strcmp(code, "53100") == 0)
		return db_say(d, STORE_FAILED, "%s: no space left for the store: %s", name, text);
	if (strcmp(code, "55P03") == 0)
		return db_say(d, STORE_FAILED, "%s: the store is locked by another program", name);
	if (strcmp(code, "25006") == 0)
		return db_say(d, STORE_FAILED, "%s: the store cannot be written: %s", name, text);
	if (strncmp(code, "XX00", 4) == 0 && code[4] != '0')
		return db_say(
			d, STORE_BROKEN,
			"%s: the store is damaged (%s); restore a copy of it, or name another "
			"database and a new one is begun",
			name, text);
	if (strcmp(code, "42P01") == 0)
		return db_say(d, STORE_BROKEN,
			      "%s: the store was removed or replaced while it was in use (%s)",
			      name, text);
	return db_say(d, STORE_FAILED, "%s: %s", name, text);
}

/* ---- sending and answers --------------------------------------------------- */

/* What was prepared together with something that failed may not be there. */
static void doubt(struct pg *p, uint64_t exchange)
{
	for (unsigned i = 0; i < SLOTS; i++)
		for (struct statement *x = p->slots[i]; x; x = x->next)
			if (x->sent == exchange)
				x->prepared = false;
}

static void forget_all(struct pg *p)
{
	for (unsigned i = 0; i < SLOTS; i++)
		for (struct statement *x = p->slots[i]; x; x = x->next)
			x->prepared = false;
}

/* Waits for the answers to all that was sent. *last (NULL: not wanted) is the newest
 * one's. The first failure is what is returned. */
static int finish(struct pg *p, PGresult **last)
{
	PGresult *keep = NULL, *r;
	int rc = 0, nothing = 0;

	if (PQpipelineSync(p->conn) != 1)
		rc = not_there(p);
	while (!rc || PQstatus(p->conn) == CONNECTION_OK) {
		ExecStatusType status;

		r = PQgetResult(p->conn);
		if (!r) {
			/* one between two answers; more are none */
			if (++nothing > 2) {
				rc = rc ? rc : not_there(p);
				break;
			}
			continue;
		}
		nothing = 0;
		status = PQresultStatus(r);
		if (status == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			break;
		}
		if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
			PQclear(keep);
			keep = r;
			continue;
		}
		if (status != PGRES_PIPELINE_ABORTED && !rc)
			rc = failed(p, r);
		PQclear(r);
	}
	if (rc)
		doubt(p, p->exchanges);
	p->exchanges++;
	p->waiting = 0;
	if (last && !rc)
		*last = keep;
	else
		PQclear(keep);
	return rc;
}

static int send_text(struct pg *p, const char *sql)
{
	if (PQsendQueryParams(p->conn, sql, 0, NULL, NULL, NULL, NULL, 1) != 1)
		return not_there(p);
	p->waiting++;
	return 0;
}

/* One statement without values. */
static int command(struct pg *p, const char *sql, PGresult **last)
{
	int rc = send_text(p, sql);

	return rc ? rc : finish(p, last);
}

/* ---- connecting ------------------------------------------------------------ */

static void no_notice(void *arg, const PGresult *r)
{
}

static int settle(struct pg *p)
{
	PGresult *r;
	int rc;

	if (PQstatus(p->conn) != CONNECTION_OK)
		return not_there(p);
	PQsetNoticeReceiver(p->conn, no_notice, NULL);
	if (PQsetClientEncoding(p->conn, "UTF8") != 0 || PQenterPipelineMode(p->conn) != 1)
		return not_there(p);
	p->waiting = 0;
	p->in_transaction = p->leading = false;
	forget_all(p);
	/* An answer is fetched to its end. A writer waits for another, not for ever.
	 * What is acknowledged has reached the disk, whatever the server's default. */
	rc = send_text(p, "SELECT set_config('cursor_tuple_fraction', '1', false),"
			  " set_config('lock_timeout', '10s', false)");
	if (!rc)
		rc = send_text(p, "SELECT set_config('synchronous_commit', 'on', false)"
				  " WHERE current_setting('synchronous_commit') = 'off'");
	if (!rc && !p->write)
		rc = send_text(p, "SET default_transaction_read_only = on");
	if (!rc)
		rc = command(p, "SELECT getdatabaseencoding()", &r);
	if (rc)
		return rc;
	if (strcmp(PQgetvalue(r, 0, 0), "UTF8") != 0)
		rc = db_say(&p->db, STORE_FAILED,
			    "%s: the database's encoding is %s: make one with ENCODING 'UTF8'",
			    p->db.name, PQgetvalue(r, 0, 0));
	PQclear(r);
	return rc;
}

static int reconnect(struct pg *p)
{
	PQreset(p->conn);
	return settle(p);
}

/* Where nothing is under way, a lost connection is made anew. */
static int alive(struct pg *p)
{
	return p->in_transaction || PQstatus(p->conn) == CONNECTION_OK ? 0 : reconnect(p);
}

/* ---- statements ------------------------------------------------------------ */

static unsigned slot_of(const char *sql)
{
	return fnv1a(sql) & (SLOTS - 1);
}

static void drop(struct pg *p, struct statement *x)
{
	struct statement **at = &p->slots[slot_of(x->sql)];

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	PQclear(x->row.result);
	free(x->sql);
	free(x);
	p->n_statements--;
}

/* The server's copy is closed too; a name is not used again. */
static void drop_oldest(struct pg *p)
{
	struct statement *oldest = NULL;
	char sql[48];

	for (unsigned i = 0; i < SLOTS; i++)
		for (struct statement *x = p->slots[i]; x; x = x->next)
			if (!oldest || x->used < oldest->used)
				oldest = x;
	if (!oldest)
		return;
	if (oldest->prepared) {
		snprintf(sql, sizeof(sql), "DEALLOCATE %s", oldest->name);
		send_text(p, sql);
	}
	drop(p, oldest);
}

static struct statement *find(struct pg *p, const char *sql)
{
	unsigned slot = slot_of(sql);
	struct statement *x;

	for (x = p->slots[slot]; x; x = x->next)
		if (strcmp(x->sql, sql) == 0)
			break;
	if (!x) {
		if (p->n_statements >= MOST_STATEMENTS)
			drop_oldest(p);
		x = calloc(1, sizeof(*x));
		if (!x || !(x->sql = strdup(sql))) {
			free(x);
			db_say(&p->db, STORE_FAILED, "%s: out of memory", p->db.name);
			return NULL;
		}
		x->row.row.db = &p->db;
		x->names = db_names(&p->db, sql);
		x->next = p->slots[slot];
		p->slots[slot] = x;
		p->n_statements++;
	}
	x->used = ++p->uses;
	return x;
}

static int send_statement(struct pg *p, struct statement *x, const struct db_value *v, int n)
{
	struct pg_values values;

	pg_values(&values, v, n);
	if (!x->prepared) {
		snprintf(x->name, sizeof(x->name), "gw%llu", (unsigned long long)++p->names);
		if (PQsendPrepare(p->conn, x->name, x->sql, n, values.types) != 1)
			return not_there(p);
		p->waiting++;
		x->prepared = true;
		x->sent = p->exchanges;
	}
	if (PQsendQueryPrepared(p->conn, x->name, n, values.values, values.lengths, values.formats,
				1) != 1)
		return not_there(p);
	p->waiting++;
	return 0;
}

/* *x: sql, after what waits and is named by it has been written. */
static int ready(struct pg *p, const char *sql, struct statement **x)
{
	int rc;

	*x = find(p, sql);
	if (!*x)
		return STORE_FAILED;
	if (!(p->db.pending & (*x)->names))
		return 0;
	rc = db_write_pending(&p->db, (*x)->names);
	if (!rc && !(*x = find(p, sql)))
		rc = STORE_FAILED;
	return rc;
}

static int changed_rows(const PGresult *r)
{
	return atoi(PQcmdTuples((PGresult *)(uintptr_t)r));
}

static int pg_run(struct db *d, const char *sql, const struct db_value *v, int n,
		  struct db_row **row)
{
	struct pg *p = of(d);
	struct statement *x;
	PGresult *r = NULL;
	int rc = alive(p);

	if (rc)
		return rc;
	rc = ready(p, sql, &x);
	if (!rc)
		rc = send_statement(p, x, v, n);
	if (!rc)
		rc = finish(p, &r);
	if (rc)
		return rc;
	PQclear(x->row.result);
	x->row.result = r;
	x->row.at = 0;
	if (row && PQntuples(r))
		*row = &x->row.row;
	return changed_rows(r);
}

static int pg_later(struct db *d, const char *sql, const struct db_value *v, int n)
{
	struct pg *p = of(d);
	struct statement *x;
	int rc;

	if (!p->in_transaction) {
		rc = pg_run(d, sql, v, n, NULL);
		return rc < 0 ? rc : 0;
	}
	rc = ready(p, sql, &x);
	if (!rc)
		rc = send_statement(p, x, v, n);
	if (!rc && p->waiting >= MOST_WAITING)
		rc = finish(p, NULL);
	return rc;
}

static int walk_piece(struct pg *p, PGresult *r, db_row_fn *fn, void *arg)
{
	struct pg_row row = { .row.db = &p->db, .result = r };
	int rc = 0;

	for (int n = PQntuples(r); row.at < n && !rc; row.at++)
		rc = fn(arg, &row.row);
	return rc;
}

/* So many rows next time, by the size of these. */
static int next_piece(const PGresult *r, int piece)
{
	size_t size = PQresultMemorySize(r);

	if (size > 2 * PIECE_BYTES)
		return piece > 2 ? piece / 2 : 1;
	return size < PIECE_BYTES / 2 && piece < MOST_PIECE ? piece * 2 : piece;
}

static int open_cursor(struct pg *p, const char *cursor, const char *sql, const struct db_value *v,
		       int n)
{
	struct pg_values values;
	char text[4400];

	if (snprintf(text, sizeof(text), "DECLARE %s NO SCROLL CURSOR FOR %s", cursor, sql) >=
	    (int)sizeof(text))
		return db_say(&p->db, STORE_FAILED, "%s: a question of too many parts", p->db.name);
	pg_values(&values, v, n);
	if (PQsendQueryParams(p->conn, text, n, values.types, values.values, values.lengths,
			      values.formats, 0) != 1)
		return not_there(p);
	p->waiting++;
	return 0;
}

static int pg_each(struct db *d, const char *sql, const struct db_value *v, int n, db_row_fn *fn,
		   void *arg)
{
	struct pg *p = of(d);
	char cursor[32], fetch[80];
	int piece = FIRST_PIECE, rows, rc = alive(p);
	bool own = !p->in_transaction;

	if (rc)
		return rc;
	snprintf(cursor, sizeof(cursor), "gw_c%llu", (unsigned long long)++p->cursors);
	rc = db_write_pending(d, db_names(d, sql));
	if (!rc && own) {
		rc = send_text(p, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		p->in_transaction = true;
	}
	if (!rc)
		rc = open_cursor(p, cursor, sql, v, n);
	do {
		PGresult *r = NULL;

		snprintf(fetch, sizeof(fetch), "FETCH %d FROM %s", piece, cursor);
		if (!rc)
			rc = command(p, fetch, &r);
		if (rc)
			break;
		rows = PQntuples(r);
		rc = walk_piece(p, r, fn, arg);
		n = piece;
		piece = next_piece(r, piece);
		PQclear(r);
	} while (!rc && rows == n);
	if (own) {
		db_rollback(d);
	} else if (rc >= 0) {
		snprintf(fetch, sizeof(fetch), "CLOSE %s", cursor);
		send_text(p, fetch);
	}
	return rc;
}

/* PQexec() and COPY have no place in a pipeline. */
static int leave_pipeline(struct pg *p)
{
	int rc = p->waiting ? finish(p, NULL) : 0;

	if (rc)
		return rc;
	return PQexitPipelineMode(p->conn) == 1 ? 0 : not_there(p);
}

static int pg_script(struct db *d, const char *sql)
{
	struct pg *p = of(d);
	PGresult *r;
	int rc = leave_pipeline(p);

	if (rc)
		return rc;
	r = PQexec(p->conn, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		rc = failed(p, r);
	PQclear(r);
	if (PQenterPipelineMode(p->conn) != 1 && !rc)
		rc = not_there(p);
	return rc;
}

/* ---- rows ------------------------------------------------------------------ */

static const struct pg_row *row_of(struct db_row *row)
{
	return (struct pg_row *)row;
}

static bool pg_is_null(struct db_row *row, int column)
{
	return PQgetisnull(row_of(row)->result, row_of(row)->at, column) != 0;
}

static const char *pg_text(struct db_row *row, int column)
{
	return pg_is_null(row, column) ? NULL
				       : PQgetvalue(row_of(row)->result, row_of(row)->at, column);
}

static int64_t pg_row_i64(struct db_row *row, int column)
{
	return pg_i64(row_of(row)->result, row_of(row)->at, column);
}

static double pg_row_real(struct db_row *row, int column)
{
	return pg_real(row_of(row)->result, row_of(row)->at, column);
}

static const void *pg_blob(struct db_row *row, int column, size_t *len)
{
	*len = (size_t)PQgetlength(row_of(row)->result, row_of(row)->at, column);
	return pg_text(row, column);
}

static int pg_columns(struct db_row *row)
{
	return PQnfields(row_of(row)->result);
}

static char pg_row_kind(struct db_row *row, int column)
{
	return pg_kind(row_of(row)->result, row_of(row)->at, column);
}

/* ---- many rows ------------------------------------------------------------- */

static const uint8_t copy_head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
static const uint8_t copy_end[2] = { 0xff, 0xff };

static void put_number(struct db_bulk *b, uint64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		b->data[b->len++] = (uint8_t)(value >> (8 * i));
}

static void put_field(struct db_bulk *b, const struct db_value *v)
{
	uint64_t bits = (uint64_t)v->number;

	switch (v->kind) {
	case 'n':
	case 'd':
		if (v->kind == 'd')
			memcpy(&bits, &v->real, sizeof(bits));
		put_number(b, 8, 4);
		put_number(b, bits, 8);
		break;
	case 't':
	case 'b':
		put_number(b, v->len, 4);
		if (v->len)
			memcpy(b->data + b->len, v->data, v->len);
		b->len += v->len;
		break;
	default:
		put_number(b, 0xffffffff, 4);
		break;
	}
}

static int pg_bulk_add(struct db *d, struct db_bulk *b, const struct db_value *v, int n)
{
	size_t need = sizeof(copy_head) + sizeof(copy_end) + 2 + 12 * (size_t)n;

	for (int i = 0; i < n; i++)
		need += v[i].kind == 't' || v[i].kind == 'b' ? v[i].len : 0;
	if (!db_bulk_room(b, need))
		return db_say(d, STORE_FAILED, "%s: out of memory", d->name);
	if (!b->rows) {
		memcpy(b->data, copy_head, sizeof(copy_head));
		b->len = sizeof(copy_head);
	}
	put_number(b, (uint64_t)n, 2);
	for (int i = 0; i < n; i++) {
		put_field(b, &v[i]);
		b->types[i] = v[i].type;
	}
	b->n = (unsigned)n;
	b->rows++;
	db_pending(d, b->watch);
	return b->len > COPY_BYTES ? db_write_pending(d, 1u << b->watch) : 0;
}

static int copied(struct pg *p)
{
	PGresult *r;
	int rc = 0;

	while ((r = PQgetResult(p->conn))) {
		if (PQresultStatus(r) != PGRES_COMMAND_OK && !rc)
			rc = failed(p, r);
		PQclear(r);
	}
	return rc;
}

/* The rows that wait are one COPY. */
static int copy_bulk(struct pg *p, struct db_bulk *b)
{
	char sql[400];
	PGresult *r;
	int rc = leave_pipeline(p);

	if (rc)
		return rc;
	snprintf(sql, sizeof(sql), "COPY %s (%s) FROM STDIN (FORMAT binary)", b->table, b->columns);
	r = PQexec(p->conn, sql);
	if (PQresultStatus(r) == PGRES_COPY_IN) {
		memcpy(b->data + b->len, copy_end, sizeof(copy_end));
		b->len += sizeof(copy_end);
		if (PQputCopyData(p->conn, (const char *)b->data, (int)b->len) != 1 ||
		    PQputCopyEnd(p->conn, NULL) != 1)
			rc = not_there(p);
		else
			rc = copied(p);
	} else {
		rc = failed(p, r);
	}
	PQclear(r);
	if (PQenterPipelineMode(p->conn) != 1 && !rc)
		rc = not_there(p);
	return rc;
}

static const char *array_of(char type)
{
	return type == 'n'   ? "bigint[]"
	       : type == 'd' ? "float8[]"
	       : type == 'b' ? "bytea[]"
			     : "text[]";
}

/* COPY knows no ON CONFLICT: an INSERT whose values are an array for each column. */
static char *merge_sql(const struct db_bulk *b)
{
	char *sql = NULL;
	size_t size;
	FILE *f = open_memstream(&sql, &size);

	if (!f)
		return NULL;
	fprintf(f, "INSERT INTO %s (%s) SELECT * FROM unnest(", b->table, b->columns);
	for (unsigned i = 0; i < b->n; i++)
		fprintf(f, "%s$%u::%s", i ? ", " : "", i + 1, array_of(b->types[i]));
	fprintf(f, ") AS x WHERE true %s", b->conflict);
	if (fclose(f)) {
		free(sql);
		return NULL;
	}
	return sql;
}

static size_t put_u32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
	return 4;
}

static size_t field_len(const uint8_t *field)
{
	uint32_t len = be32(field);

	return 4 + (len == UINT32_MAX ? 0 : len);
}

/* A column of the rows as an array: its values stand in one as they stand in COPY, length
 * and bytes. Returns its length; to NULL: that alone. */
static size_t column_array(const struct db_bulk *b, unsigned column, uint8_t *to)
{
	static const struct {
		char type;
		uint32_t oid;
	} of_type[] = { { 't', PG_TEXT }, { 'n', PG_INT8 }, { 'd', PG_FLOAT8 }, { 'b', PG_BYTEA } };
	const uint8_t *at = b->data + sizeof(copy_head), *null = NULL;
	uint32_t oid = PG_TEXT;
	size_t len = 20;

	for (size_t i = 0; i < sizeof(of_type) / sizeof(of_type[0]); i++)
		if (of_type[i].type == b->types[column])
			oid = of_type[i].oid;
	for (size_t row = 0; row < b->rows; row++) {
		at += 2;
		for (unsigned i = 0; i < b->n; i++) {
			size_t field = field_len(at);

			if (i == column && to)
				memcpy(to + len, at, field);
			if (i == column && be32(at) == UINT32_MAX)
				null = at;
			len += i == column ? field : 0;
			at += field;
		}
	}
	if (to) { /* dimensions, whether there is a NULL, what it is of, how many, from 1 */
		to += put_u32(to, 1);
		to += put_u32(to, null != NULL);
		to += put_u32(to, oid);
		to += put_u32(to, (uint32_t)b->rows);
		put_u32(to, 1);
	}
	return len;
}

static int merge_bulk(struct pg *p, struct db_bulk *b)
{
	struct db_value v[DB_MAX_VALUES] = { 0 };
	uint8_t *arrays, *to;
	size_t need = 0;
	int rc;

	if (!b->sql && !(b->sql = merge_sql(b)))
		return db_say(&p->db, STORE_FAILED, "%s: out of memory", p->db.name);
	for (unsigned i = 0; i < b->n; i++)
		need += column_array(b, i, NULL);
	arrays = to = malloc(need);
	if (!arrays)
		return db_say(&p->db, STORE_FAILED, "%s: out of memory", p->db.name);
	for (unsigned i = 0; i < b->n; i++) {
		v[i].kind = 'b';
		v[i].type = 0; /* the statement tells */
		v[i].data = to;
		v[i].len = column_array(b, i, to);
		to += v[i].len;
	}
	rc = pg_later(&p->db, b->sql, v, (int)b->n);
	free(arrays);
	return rc;
}

static int write_bulk(void *arg)
{
	struct db_bulk *b = arg;
	struct pg *p = of(b->db);
	int rc;

	if (!b->rows)
		return 0;
	rc = b->conflict ? merge_bulk(p, b) : copy_bulk(p, b);
	b->rows = 0;
	return rc;
}

static int pg_bulk_open(struct db *d, struct db_bulk *b)
{
	b->db = d;
	b->watch = db_watch(d, b->table, write_bulk, b);
	return 0;
}

static int pg_flush(struct db *d)
{
	struct pg *p = of(d);
	int rc = db_write_pending(d, ~0u);

	return rc || !p->waiting ? rc : finish(p, NULL);
}

/* Rows that wait are of what is undone. */
static void forget_rows(struct pg *p)
{
	for (unsigned i = 0; i < p->db.n_watches; i++)
		if (p->db.watches[i].write == write_bulk)
			((struct db_bulk *)p->db.watches[i].arg)->rows = 0;
	p->db.pending = 0;
}

/* ---- transactions ---------------------------------------------------------- */

static int try_begin(struct pg *p, bool write)
{
	int rc = send_text(p, write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");

	if (!rc && write && p->write)
		rc = send_text(p, "SELECT pg_advisory_xact_lock(" LOCK_WRITER
				  ", hashtext(current_schema()))");
	return rc ? rc : finish(p, NULL);
}

static int pg_begin(struct db *d, bool write)
{
	struct pg *p = of(d);
	int rc = alive(p);

	if (!rc)
		rc = try_begin(p, write);
	/* The server was started anew, say: nothing was under way. */
	if (rc == STORE_FAILED && PQstatus(p->conn) != CONNECTION_OK) {
		rc = reconnect(p);
		if (!rc)
			rc = try_begin(p, write);
	}
	p->in_transaction = true;
	if (rc)
		db_rollback(d);
	return rc;
}

static int pg_commit(struct db *d)
{
	struct pg *p = of(d);
	PGresult *r = NULL;
	int rc = db_write_pending(d, ~0u);

	if (!rc)
		rc = command(p, "COMMIT", &r);
	if (rc)
		return rc;
	/* A transaction that failed is rolled back by COMMIT, without an error. */
	if (strcmp(PQcmdStatus(r), "COMMIT") != 0)
		rc = db_say(d, STORE_FAILED, "%s: the transaction was undone", d->name);
	PQclear(r);
	p->in_transaction = false;
	return rc;
}

static void pg_rollback(struct db *d)
{
	struct pg *p = of(d);
	char error[sizeof(d->error)];

	memcpy(error, d->error, sizeof(error));
	forget_rows(p);
	if (p->in_transaction && PQstatus(p->conn) == CONNECTION_OK) {
		if (p->waiting)
			finish(p, NULL);
		command(p, "ROLLBACK", NULL);
	}
	p->in_transaction = false;
	memcpy(d->error, error, sizeof(error)); /* why it is rolled back */
}

static int pg_mark(struct db *d)
{
	struct pg *p = of(d);
	int rc = pg_flush(d); /* what fails is of what came before */

	return rc ? rc : command(p, "SAVEPOINT entry", NULL);
}

static int pg_unmark(struct db *d)
{
	struct pg *p = of(d);
	int rc = pg_flush(d);

	return rc ? rc : command(p, "RELEASE entry", NULL);
}

static int pg_undo(struct db *d)
{
	struct pg *p = of(d);

	forget_rows(p);
	if (p->waiting)
		finish(p, NULL);
	return command(p, "ROLLBACK TO entry", NULL) ? STORE_FAILED
						     : command(p, "RELEASE entry", NULL);
}

/* 1: this session has the lock, until it ends. */
static int pg_lead(struct db *d)
{
	struct pg *p = of(d);
	PGresult *r = NULL;
	int rc = alive(p);

	if (!rc && p->leading)
		return PQstatus(p->conn) == CONNECTION_OK;
	if (!rc)
		rc = command(p,
			     "SELECT pg_try_advisory_lock(" LOCK_LEADER
			     ", hashtext(current_schema()))",
			     &r);
	if (rc)
		return rc;
	p->leading = pg_i64(r, 0, 0) != 0;
	PQclear(r);
	return p->leading;
}

/* ---- opening --------------------------------------------------------------- */

static int pg_schema(struct db *d, int *version)
{
	struct db_row *row;
	int rc;

	*version = 0;
	rc = db_get(d, &row, "SELECT to_regclass('meta') IS NOT NULL", "");
	if (rc < 0 || db_u64(row, 0) == 0)
		return rc < 0 ? rc : 0;
	rc = db_get(d, &row,
		    "SELECT (SELECT value FROM meta WHERE key = 'schema') FROM meta"
		    " WHERE key = 'program' AND value = 'glasswatch-collector'",
		    "");
	if (rc < 1)
		return db_say(d, STORE_FAILED,
			      "%s: this is another program's database, not a store of "
			      "glasswatch-collector",
			      d->name);
	*version = db_is_null(row, 0) ? 0 : atoi(db_text(row, 0));
	return 0;
}

static int pg_own(struct db *d)
{
	int rc = db_run(d,
			"INSERT INTO meta (key, value) VALUES ('program', 'glasswatch-collector')"
			" ON CONFLICT (key) DO NOTHING",
			"");

	return rc < 0 ? rc : 0;
}

/* Pages whose checksum was wrong when the server read them. */
static int pg_damage(struct db *d, db_row_fn *fn, void *arg)
{
	return pg_each(d,
		       "SELECT 'the server has read ' || checksum_failures || ' pages with a wrong"
		       " checksum' FROM pg_stat_database WHERE datname = current_database()"
		       " AND checksum_failures > 0",
		       NULL, 0, fn, arg);
}

static void pg_close(struct db *d)
{
	struct pg *p = of(d);

	for (unsigned i = 0; i < SLOTS; i++)
		while (p->slots[i])
			drop(p, p->slots[i]);
	PQfinish(p->conn);
	free(p->url);
	free(d->name);
	free(p);
}

static const struct db_ops ops = {
	.close = pg_close,
	.run = pg_run,
	.later = pg_later,
	.each = pg_each,
	.bulk_open = pg_bulk_open,
	.bulk_add = pg_bulk_add,
	.flush = pg_flush,
	.script = pg_script,
	.schema = pg_schema,
	.own = pg_own,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.mark = pg_mark,
	.unmark = pg_unmark,
	.undo = pg_undo,
	.lead = pg_lead,
	.damage = pg_damage,
	.is_null = pg_is_null,
	.text = pg_text,
	.i64 = pg_row_i64,
	.real = pg_row_real,
	.blob = pg_blob,
	.columns = pg_columns,
	.kind = pg_row_kind,
};

static const char *option(const PQconninfoOption *o, const char *key)
{
	for (; o->keyword; o++)
		if (strcmp(o->keyword, key) == 0)
			return o->val && o->val[0] ? o->val : NULL;
	return NULL;
}

/* The URL for people, without what is secret in it. NULL with the reason in err. */
static char *readable(const char *url, char *err, size_t size)
{
	PQconninfoOption *o = PQconninfoParse(url, NULL);
	const char *host, *port, *user, *name;
	char text[600];

	/* The text is not repeated: it may hold a password. */
	if (!o) {
		snprintf(err, size,
			 "--db: not a URL that PostgreSQL knows "
			 "(postgresql://[USER@]HOST[:PORT]/DATABASE[?host=/SOCKET/FOLDER])");
		return NULL;
	}
	if (option(o, "password") || option(o, "sslpassword")) {
		snprintf(err, size,
			 "--db: a password in the URL can be read by others in the list of "
			 "processes: write it to a file of mode 600 and set PGPASSFILE, or set "
			 "PGPASSWORD");
		PQconninfoFree(o);
		return NULL;
	}
	host = option(o, "host");
	port = option(o, "port");
	user = option(o, "user");
	name = option(o, "dbname");
	snprintf(text, sizeof(text), "postgresql://%s%s%s%s%s/%s", user ? user : "",
		 user ? "@" : "", host ? host : "", port ? ":" : "", port ? port : "",
		 name ? name : "");
	PQconninfoFree(o);
	return strdup(text);
}

/* libpq's defaults, of which the environment is a part, stand behind the URL's. */
size_t db_pg_files(const char *url, char **files, size_t most)
{
	static const char *const keys[] = { "passfile", "sslrootcert", "sslcert",
					    "sslkey",	"sslcrl",      "sslcrldir" };
	PQconninfoOption *of_url = PQconninfoParse(url, NULL), *usual = PQconndefaults();
	const char *home = getenv("HOME");
	size_t n = 0;

	for (size_t i = 0; of_url && usual && i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *file = option(of_url, keys[i]);

		file = file ? file : option(usual, keys[i]);
		if (file && n < most && (files[n] = strdup(file)))
			n++;
	}
	/* what is in no option stands in a folder of the user's */
	if (home && n < most && asprintf(&files[n], "%s/.postgresql", home) > 0)
		n++;
	PQconninfoFree(of_url);
	PQconninfoFree(usual);
	return n;
}

struct db *db_pg_open(const char *url, bool write, char *err, size_t size)
{
	/* Those of the URL win. A server that vanished is noticed in half a minute. */
	const char *const keys[] = {
		"connect_timeout",	     "keepalives_idle",	 "keepalives_interval",
		"keepalives_count",	     "tcp_user_timeout", "gssencmode",
		"fallback_application_name", "dbname",		 NULL
	};
	const char *const values[] = {
		"5", "10", "5", "3", "30000", "disable", "glasswatch-collector", url, NULL
	};
	struct pg *p = calloc(1, sizeof(*p));
	char why[300];

	if (!p || !(p->url = strdup(url)) || !(p->db.name = readable(url, err, size))) {
		if (!p || !p->url)
			snprintf(err, size, "--db: out of memory");
		if (p)
			free(p->url);
		free(p);
		return NULL;
	}
	p->db.ops = &ops;
	p->db.pg = true;
	p->write = write;
	p->conn = PQconnectdbParams(keys, values, 1);
	if (PQstatus(p->conn) != CONNECTION_OK) {
		first_line(PQerrorMessage(p->conn), why, sizeof(why));
		snprintf(err, size, "%s: the database is not there: %s", p->db.name, why);
		pg_close(&p->db);
		return NULL;
	}
	if (settle(p)) {
		snprintf(err, size, "%s", p->db.error);
		pg_close(&p->db);
		return NULL;
	}
	return &p->db;
}
