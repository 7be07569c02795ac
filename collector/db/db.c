/* SPDX-License-Identifier: Apache-2.0 */
/* Values and queries, the same for both databases; ops.h leads to the one that is
 * open. */
#include "collector/db/db.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/db/ops.h"

bool db_is_url(const char *where)
{
	return strncmp(where, "postgresql://", strlen("postgresql://")) == 0 ||
	       strncmp(where, "postgres://", strlen("postgres://")) == 0;
}

size_t db_files(const char *where, char **files, size_t most)
{
	return db_is_url(where) ? db_pg_files(where, files, most) : 0;
}

struct db *db_open(const char *where, bool write, char *err, size_t size)
{
	return db_is_url(where) ? db_pg_open(where, write, err, size)
				: db_sqlite_open(where, write, err, size);
}

void db_close(struct db *d)
{
	if (d)
		d->ops->close(d);
}

bool db_is_pg(const struct db *d)
{
	return d->pg;
}

const char *db_name(const struct db *d)
{
	return d->name;
}

const char *db_error(const struct db *d)
{
	return d->error;
}

int db_say(struct db *d, int result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->error, sizeof(d->error), fmt, ap);
	va_end(ap);
	return result;
}

int db_script(struct db *d, const char *sql)
{
	return d->ops->script(d, sql);
}

int db_schema(struct db *d, int *version)
{
	return d->ops->schema(d, version);
}

int db_own(struct db *d)
{
	return d->ops->own(d);
}

int db_begin(struct db *d, bool write)
{
	return d->ops->begin(d, write);
}

int db_commit(struct db *d)
{
	return d->ops->commit(d);
}

void db_rollback(struct db *d)
{
	d->ops->rollback(d);
}

int db_mark(struct db *d)
{
	return d->ops->mark(d);
}

int db_unmark(struct db *d)
{
	return d->ops->unmark(d);
}

int db_undo(struct db *d)
{
	return d->ops->undo(d);
}

int db_lead(struct db *d)
{
	return d->ops->lead(d);
}

int db_flush(struct db *d)
{
	return d->ops->flush(d);
}

int db_watch(struct db *d, const char *table, int (*write)(void *arg), void *arg)
{
	assert(d->n_watches < DB_MAX_BULKS);
	d->watches[d->n_watches] = (struct db_watch){ table, write, arg };
	return (int)d->n_watches++;
}

void db_pending(struct db *d, int watch)
{
	d->pending |= 1u << watch;
}

static bool in_word(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* As a word: incident_flows is not flows. */
static bool has_word(const char *sql, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = sql; (at = strstr(at, word)) != NULL; at += len)
		if ((at == sql || !in_word(at[-1])) && !in_word(at[len]))
			return true;
	return false;
}

unsigned db_names(const struct db *d, const char *sql)
{
	unsigned names = 0;

	for (unsigned i = 0; i < d->n_watches; i++)
		if (has_word(sql, d->watches[i].table))
			names |= 1u << i;
	return names;
}

int db_write_pending(struct db *d, unsigned names)
{
	int rc = 0;

	for (unsigned i = 0; i < d->n_watches && !rc; i++) {
		if (!(d->pending & names & 1u << i))
			continue;
		d->pending &= ~(1u << i); /* its own statements name the table too */
		rc = d->watches[i].write(d->watches[i].arg);
	}
	return rc;
}

int db_bulk_open(struct db *d, struct db_bulk *b)
{
	return d->ops->bulk_open(d, b);
}

int db_bulk_add(struct db *d, struct db_bulk *b, const struct db_value *v, int n)
{
	return d->ops->bulk_add(d, b, v, n);
}

int db_bulk_write(struct db *d, struct db_bulk *b)
{
	return b->db ? db_write_pending(d, 1u << b->watch) : 0;
}

bool db_bulk_room(struct db_bulk *b, size_t n)
{
	size_t size = b->size ? b->size : 65536;
	uint8_t *data;

	if (b->len + n <= b->size)
		return true;
	while (size < b->len + n)
		size *= 2;
	data = realloc(b->data, size);
	if (!data)
		return false;
	b->data = data;
	b->size = size;
	return true;
}

void db_bulk_free(struct db_bulk *b)
{
	free(b->data);
	free(b->sql);
	b->data = NULL;
	b->sql = NULL;
}

int db_damage(struct db *d, db_row_fn *fn, void *arg)
{
	return d->ops->damage(d, fn, arg);
}

/* ---- values ---------------------------------------------------------------- */

struct db_value db_value_text(const char *text)
{
	struct db_value v = { .type = 't' };

	if (text) {
		v.kind = 't';
		v.data = text;
		v.len = strlen(text);
	}
	return v;
}

struct db_value db_value_u64(uint64_t number)
{
	return (struct db_value){ .kind = 'n', .type = 'n', .number = (int64_t)number };
}

static struct db_value take_double(double real)
{
	return (struct db_value){ .kind = real < 0 ? 0 : 'd', .type = 'd', .real = real };
}

/* Returns their number. */
static int take_values(struct db_value v[DB_MAX_VALUES], const char *fmt, va_list ap)
{
	int n = 0;

	for (; *fmt && n < DB_MAX_VALUES; fmt++, n++) {
		switch (*fmt) {
		case 't':
			v[n] = db_value_text(va_arg(ap, const char *));
			break;
		case 'i':
			v[n] = db_value_u64(va_arg(ap, uint64_t));
			break;
		case 'n':
			v[n] = db_value_u64((uint64_t)va_arg(ap, int64_t));
			break;
		case 'o':
			v[n] = db_value_u64(va_arg(ap, uint64_t));
			if (!v[n].number)
				v[n].kind = 0;
			break;
		case 'd':
			v[n] = take_double(va_arg(ap, double));
			break;
		default: /* b, j */
			v[n].kind = v[n].type = *fmt == 'b' ? 'b' : 't';
			v[n].data = va_arg(ap, const void *);
			v[n].len = va_arg(ap, size_t);
			break;
		}
	}
	return n;
}

/* ---- statements ------------------------------------------------------------ */

int db_run(struct db *d, const char *sql, const char *fmt, ...)
{
	struct db_value v[DB_MAX_VALUES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = take_values(v, fmt, ap);
	va_end(ap);
	return d->ops->run(d, sql, v, n, NULL);
}

int db_later(struct db *d, const char *sql, const char *fmt, ...)
{
	struct db_value v[DB_MAX_VALUES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = take_values(v, fmt, ap);
	va_end(ap);
	return d->ops->later(d, sql, v, n);
}

int db_later_values(struct db *d, const char *sql, const struct db_value *v, int n)
{
	return d->ops->later(d, sql, v, n);
}

int db_run_values(struct db *d, const char *sql, const struct db_value *v, int n)
{
	return d->ops->run(d, sql, v, n, NULL);
}

int db_get_values(struct db *d, struct db_row **row, const char *sql, const struct db_value *v,
		  int n)
{
	int rc;

	*row = NULL;
	rc = d->ops->run(d, sql, v, n, row);
	return rc < 0 ? rc : *row != NULL;
}

int db_get(struct db *d, struct db_row **row, const char *sql, const char *fmt, ...)
{
	struct db_value v[DB_MAX_VALUES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = take_values(v, fmt, ap);
	va_end(ap);
	return db_get_values(d, row, sql, v, n);
}

int db_each(struct db *d, db_row_fn *fn, void *arg, const char *sql, const char *fmt, ...)
{
	struct db_value v[DB_MAX_VALUES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = take_values(v, fmt, ap);
	va_end(ap);
	return d->ops->each(d, sql, v, n, fn, arg);
}

bool db_is_null(struct db_row *row, int column)
{
	return row->db->ops->is_null(row, column);
}

const char *db_text(struct db_row *row, int column)
{
	return row->db->ops->text(row, column);
}

uint64_t db_u64(struct db_row *row, int column)
{
	return (uint64_t)row->db->ops->i64(row, column);
}

int64_t db_i64(struct db_row *row, int column)
{
	return row->db->ops->i64(row, column);
}

double db_real(struct db_row *row, int column)
{
	return row->db->ops->real(row, column);
}

const void *db_blob(struct db_row *row, int column, size_t *len)
{
	return row->db->ops->blob(row, column, len);
}

int db_columns(struct db_row *row)
{
	return row->db->ops->columns(row);
}

char db_kind(struct db_row *row, int column)
{
	return row->db->ops->kind(row, column);
}

/* ---- a statement in the making --------------------------------------------- */

void db_add(struct db_query *q, const char *text)
{
	size_t n = strlen(text);

	if (q->len + n >= sizeof(q->sql)) {
		q->too_long = true;
		return;
	}
	memcpy(q->sql + q->len, text, n + 1);
	q->len += n;
}

static void add_value(struct db_query *q, const char *text, struct db_value v)
{
	char place[16];

	db_add(q, text);
	if (q->n == DB_MAX_VALUES) {
		q->too_long = true;
		return;
	}
	q->values[q->n++] = v;
	snprintf(place, sizeof(place), "$%d", q->n);
	db_add(q, place);
}

void db_add_text(struct db_query *q, const char *text, const char *value)
{
	add_value(q, text, db_value_text(value));
}

void db_add_u64(struct db_query *q, const char *text, uint64_t value)
{
	add_value(q, text, db_value_u64(value));
}

void db_where(struct db_query *q, const char *condition)
{
	db_add(q, q->open ? " AND " : " WHERE ");
	db_add(q, condition);
	q->open = true;
}

void db_where_text(struct db_query *q, const char *condition, const char *value)
{
	if (!value)
		return;
	db_where(q, condition);
	db_add_text(q, "", value);
}

void db_where_u64(struct db_query *q, const char *condition, uint64_t value)
{
	if (!value)
		return;
	db_where(q, condition);
	db_add_u64(q, "", value);
}

int db_query_each(struct db *d, const struct db_query *q, db_row_fn *fn, void *arg)
{
	if (q->too_long)
		return db_say(d, STORE_FAILED, "%s: a question of too many parts", d->name);
	return d->ops->each(d, q->sql, q->values, q->n, fn, arg);
}
