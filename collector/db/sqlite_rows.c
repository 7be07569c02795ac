/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row is its number of values (one byte), then each: its kind (one byte), and
 *
 *	n d	8 bytes, as the machine has them
 *	t b	the length, 4 bytes; then so many
 *	0	nothing
 */
#include "collector/db/sqlite_rows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/db/ops.h"

static_assert(DB_MAX_VALUES < 256, "a row's number of values is one byte");

/* ---- rows in memory -------------------------------------------------------- */

static bool is_bytes(char kind)
{
	return kind == 't' || kind == 'b';
}

static uint8_t *put(uint8_t *to, const void *from, size_t n)
{
	if (n)
		memcpy(to, from, n);
	return to + n;
}

static uint8_t *put_value(uint8_t *to, const struct db_value *v)
{
	uint32_t len = (uint32_t)v->len;

	*to++ = (uint8_t)v->kind;
	if (is_bytes(v->kind)) {
		to = put(to, &len, sizeof(len));
		return put(to, v->data, len);
	}
	if (v->kind == 'd')
		return put(to, &v->real, sizeof(v->real));
	return v->kind ? put(to, &v->number, sizeof(v->number)) : to;
}

bool db_rows_add(struct db_bulk *b, const struct db_value *v, int n)
{
	size_t need = 1 + 9 * (size_t)n;
	uint8_t *to;

	for (int i = 0; i < n; i++) {
		need += is_bytes(v[i].kind) ? v[i].len : 0;
		if (is_bytes(v[i].kind) && v[i].len > INT32_MAX)
			return false;
	}
	if (!db_bulk_room(b, need))
		return false;
	to = b->data + b->len;
	*to++ = (uint8_t)n;
	for (int i = 0; i < n; i++)
		to = put_value(to, &v[i]);
	b->len = (size_t)(to - b->data);
	b->rows++;
	return true;
}

void db_rows_forget(struct db_bulk *b)
{
	b->rows = b->len = 0;
}

static const uint8_t *get_value(const uint8_t *from, struct db_value *v)
{
	uint32_t len;

	v->kind = (char)*from++;
	if (is_bytes(v->kind)) {
		memcpy(&len, from, sizeof(len));
		v->data = from + sizeof(len);
		v->len = len;
		return from + sizeof(len) + len;
	}
	if (!v->kind)
		return from;
	memcpy(v->kind == 'd' ? (void *)&v->real : (void *)&v->number, from, 8);
	return from + 8;
}

/* ---- the table ------------------------------------------------------------- */

struct table {
	sqlite3_vtab base;
	const struct db_bulk **now;
};

struct walk {
	sqlite3_vtab_cursor base;
	const uint8_t *next;
	size_t row, rows; /* this one of so many */
	int n;
	struct db_value v[DB_MAX_VALUES];
};

static int rows_connect(sqlite3 *handle, void *arg, int argc, const char *const *argv,
			sqlite3_vtab **out, char **err)
{
	char sql[32 + DB_MAX_VALUES * 8] = "CREATE TABLE x (c1";
	size_t len = strlen(sql);
	struct table *t;
	int rc;

	for (int i = 2; i <= DB_MAX_VALUES; i++)
		len += (size_t)snprintf(sql + len, sizeof(sql) - len, ", c%d", i);
	snprintf(sql + len, sizeof(sql) - len, ")");
	rc = sqlite3_declare_vtab(handle, sql);
	if (rc != SQLITE_OK)
		return rc;
	t = calloc(1, sizeof(*t));
	if (!t)
		return SQLITE_NOMEM;
	t->now = arg;
	*out = &t->base;
	return SQLITE_OK;
}

static int rows_disconnect(sqlite3_vtab *t)
{
	free(t);
	return SQLITE_OK;
}

static int rows_plan(sqlite3_vtab *t, sqlite3_index_info *info)
{
	return SQLITE_OK;
}

static int rows_begin(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
	struct walk *w = calloc(1, sizeof(*w));

	if (!w)
		return SQLITE_NOMEM;
	*out = &w->base;
	return SQLITE_OK;
}

static int rows_end(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

static void take_row(struct walk *w)
{
	if (w->row >= w->rows)
		return;
	w->n = *w->next++;
	for (int i = 0; i < w->n; i++)
		w->next = get_value(w->next, &w->v[i]);
}

static int rows_first(sqlite3_vtab_cursor *cursor, int plan, const char *text, int argc,
		      sqlite3_value **argv)
{
	const struct db_bulk *b = *((struct table *)(void *)cursor->pVtab)->now;
	struct walk *w = (struct walk *)cursor;

	w->row = 0;
	w->rows = b ? b->rows : 0;
	w->next = b ? b->data : NULL;
	take_row(w);
	return SQLITE_OK;
}

static int rows_next(sqlite3_vtab_cursor *cursor)
{
	struct walk *w = (struct walk *)cursor;

	w->row++;
	take_row(w);
	return SQLITE_OK;
}

static int rows_over(sqlite3_vtab_cursor *cursor)
{
	const struct walk *w = (const struct walk *)cursor;

	return w->row >= w->rows;
}

/* The bytes stay where they are until the statement is done. */
static int rows_column(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int i)
{
	const struct walk *w = (const struct walk *)cursor;
	const struct db_value *v = &w->v[i];

	switch (i < w->n ? v->kind : 0) {
	case 't':
		sqlite3_result_text64(to, v->data, v->len, SQLITE_STATIC, SQLITE_UTF8);
		break;
	case 'b':
		sqlite3_result_blob64(to, v->data, v->len, SQLITE_STATIC);
		break;
	case 'n':
		sqlite3_result_int64(to, v->number);
		break;
	case 'd':
		sqlite3_result_double(to, v->real);
		break;
	default:
		sqlite3_result_null(to);
		break;
	}
	return SQLITE_OK;
}

static int rows_number(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)((const struct walk *)cursor)->row;
	return SQLITE_OK;
}

/* Without xCreate: it is there in each connection that has it, and in no file. */
static const sqlite3_module module = {
	.xConnect = rows_connect,
	.xBestIndex = rows_plan,
	.xDisconnect = rows_disconnect,
	.xDestroy = rows_disconnect,
	.xOpen = rows_begin,
	.xClose = rows_end,
	.xFilter = rows_first,
	.xNext = rows_next,
	.xEof = rows_over,
	.xColumn = rows_column,
	.xRowid = rows_number,
};

int db_rows_open(sqlite3 *handle, const struct db_bulk **now)
{
	return sqlite3_create_module(handle, "gw_rows", &module, (void *)now);
}

/* OR FAIL: who is told that a row was refused undoes them all. Else SQLite would keep
 * a copy of each page that the statement changes, to do so itself. */
char *db_rows_sql(const struct db_bulk *b, int columns)
{
	char *sql = NULL;
	size_t size;
	FILE *f = open_memstream(&sql, &size);

	if (!f)
		return NULL;
	fprintf(f, "INSERT OR FAIL INTO %s (%s) SELECT c1", b->table, b->columns);
	for (int i = 2; i <= columns; i++)
		fprintf(f, ", c%d", i);
	fputs(" FROM gw_rows", f);
	if (b->conflict)
		fprintf(f, " WHERE true %s", b->conflict); /* else ON were one of a join */
	if (fclose(f)) {
		free(sql);
		return NULL;
	}
	return sql;
}
