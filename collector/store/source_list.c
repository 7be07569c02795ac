/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: the list of sources, the newest by when they were there last. What each did is
 * put together by source_share.c, so that it costs no more when there are more flows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/list.h"
#include "collector/store/parts.h"
#include "collector/store/source.h"
#include "collector/store/source_share.h"
#include "common/clock.h"

#define LIST_MOST 10000 /* more are gathered, and sorted here */

uint64_t store_sources_look = 30000;

struct found {
	char address[STORE_ADDRESS_LEN], source[ADDR_STRLEN];
	uint64_t last_ns;	   /* within the span */
	struct store_share *share; /* NULL: not asked yet */
};

struct walk {
	struct store_asked asked;
	struct found *list;
	size_t n, size, sure;
	json_t *seen; /* addresses, or sources, that were met */
};

static int no_memory(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
}

static void where_prefix(struct db_query *q, const struct store_filter *f, struct store_gate *g)
{
	if (!f->has_source)
		return;
	store_gate_bounds(&f->source, g);
	db_where_text(q, "address >= ", g->low);
	db_where_text(q, "address <= ", g->high);
}

/* When its newest flow of the span ended, where the row of it does not tell: what is open
 * lasts, whenever its newest packet was; and when flows began behind the span, nothing is
 * known of those before. 0 in last_ns: it has none. */
static int ask_last(struct walk *w, struct found *f)
{
	const struct store_filter *filter = w->asked.filter;
	struct store_share x = { .address = f->address, .source = f->source };
	int rc;

	if (f->last_ns >= filter->since_ns && (!filter->until_ns || f->last_ns < filter->until_ns))
		return 0;
	rc = store_share_sum(&w->asked, &x);
	f->last_ns = x.sums.last_ns;
	if (rc || !f->last_ns)
		return rc;
	f->share = malloc(sizeof(*f->share));
	if (!f->share)
		return no_memory(w->asked.s);
	*f->share = x;
	return 0;
}

/* True: this was not met before. */
static bool is_new(json_t *seen, const char *name)
{
	return !json_object_get(seen, name) && json_object_set_new(seen, name, json_true()) == 0;
}

/* last_ns: of its row, or LAST_ASKED. */
#define LAST_ASKED UINT64_MAX

static int put(struct walk *w, const char *address, const char *source, uint64_t last_ns)
{
	struct found *f;
	int rc;

	if (w->n == w->size) {
		size_t size = w->size ? 2 * w->size : 256;

		f = realloc(w->list, size * sizeof(*f));
		if (!f)
			return no_memory(w->asked.s);
		w->list = f;
		w->size = size;
	}
	f = &w->list[w->n];
	memset(f, 0, sizeof(*f));
	snprintf(f->address, sizeof(f->address), "%s", address);
	snprintf(f->source, sizeof(f->source), "%s", source);
	f->last_ns = last_ns;
	rc = ask_last(w, f);
	w->n += f->last_ns != 0;
	return rc;
}

static int find(void *arg, struct db_row *row)
{
	return put(arg, db_text(row, 0), db_text(row, 1), db_u64(row, 2));
}

static int find_straddling(void *arg, struct db_row *row)
{
	struct walk *w = arg;

	return is_new(w->seen, db_text(row, 0)) ? find(w, row) : 0;
}

/* Enough are those whose newest flow is of the span. Behind them come those that may have
 * an open one from before it: when that was tells none of their rows, so all are asked. */
static int find_newest(void *arg, struct db_row *row)
{
	struct walk *w = arg;

	if (!is_new(w->seen, db_text(row, 0)))
		return 0;
	if (w->sure == w->asked.filter->limit)
		return 1;
	w->sure += db_u64(row, 2) >= w->asked.filter->since_ns;
	return find(w, row);
}

static void where_there(struct db_query *q, const struct walk *w, struct store_gate *g)
{
	db_where(q, "total > 0");
	store_where_sums(q, w->asked.filter);
	where_prefix(q, w->asked.filter, g);
}

#define IS_OPEN " IN (SELECT source FROM flows WHERE open = 1))"

/* Those that went on behind the span: when their newest flow of it ended is asked. */
static int ask_straddling(struct walk *w)
{
	struct db_query q = { 0 };
	struct store_gate g;

	db_add(&q, "SELECT address, source, last FROM sources");
	where_there(&q, w, &g);
	db_where_u64(&q, "last >= ", w->asked.filter->until_ns);
	db_where_u64(&q, "first < ", w->asked.filter->until_ns);
	db_add(&q, " ORDER BY last");
	return db_query_each(w->asked.s->db, &q, find_straddling, w);
}

/* Until now, or when straddling ones are found already: by the index on `last`. */
static int ask_newest(struct walk *w)
{
	const struct store_filter *f = w->asked.filter;
	struct db_query q = { 0 };
	struct store_gate g;
	int rc;

	db_add(&q, "SELECT address, source, last FROM sources");
	where_there(&q, w, &g);
	db_where_u64(&q, "last < ", f->until_ns);
	if (f->since_ns) {
		db_where_u64(&q, "(last >= ", f->since_ns);
		db_add(&q, " OR source" IS_OPEN);
	}
	db_add(&q, " ORDER BY last DESC, address DESC");
	rc = db_query_each(w->asked.s->db, &q, find_newest, w);
	return rc < 0 ? rc : 0;
}

/* The flows before a time, the newest first, until there are enough sources, and a minute on. */
struct before {
	struct walk *walk;
	uint64_t rows;
	uint64_t full_ns; /* since then enough were there; 0: not yet */
};

static int take_before(void *arg, const struct store_list_seen *f)
{
	struct before *b = arg;
	struct walk *w = b->walk;

	b->rows++;
	if (b->full_ns > f->start_ns + STORE_LONG_NS)
		return 1;
	is_new(w->seen, f->source);
	if (!b->full_ns && f->start_ns >= w->asked.filter->since_ns &&
	    json_object_size(w->seen) >= w->asked.filter->limit)
		b->full_ns = f->start_ns;
	return 0;
}

static int take_source(void *arg, struct db_row *row)
{
	const struct store_filter *f = ((struct walk *)arg)->asked.filter;
	struct addr a;

	if (!f->has_source || (addr_parse(db_text(row, 0), &a) && prefix_contains(&f->source, &a)))
		is_new(((struct walk *)arg)->seen, db_text(row, 0));
	return 0;
}

static int find_long(struct walk *w, uint64_t time_ns)
{
	struct db_query q = { 0 };

	db_add(&q, "SELECT source FROM flows");
	store_where_long(&q, time_ns);
	db_where(&q, "source IS NOT NULL");
	store_where_flows(&q, w->asked.filter);
	return db_query_each(w->asked.s->db, &q, take_source, w);
}

static int put_seen(struct walk *w)
{
	char address[STORE_ADDRESS_LEN];
	const char *source;
	json_t *value;
	struct addr a;
	int rc = 0;

	json_object_foreach(w->seen, source, value)
	{
		if (rc || !addr_parse(source, &a))
			continue;
		store_source_address(&a, address);
		rc = put(w, address, source, LAST_ASKED);
	}
	return rc;
}

/* Until a time, when enough sources were there shortly before it: whoever is one of the
 * newest has a flow that began about then, or lasted. 1; 0: their flows are too many. */
static int ask_before(struct walk *w)
{
	const struct store_filter *f = w->asked.filter;
	struct store_list l = { .since_ns = f->since_ns > STORE_LONG_NS
						    ? f->since_ns - STORE_LONG_NS
						    : 0,
				.until_ns = f->until_ns,
				.path = f->path,
				.service = f->service,
				.verdict = f->verdict,
				.has_source = f->has_source,
				.source = f->source,
				.limit = store_sources_look };
	struct before b = { .walk = w };
	int rc = store_list_seen(w->asked.s, &l, take_before, &b);
	uint64_t from_ns = b.full_ns ? b.full_ns : f->since_ns;

	if (rc == 0 && b.rows == l.limit) {
		json_object_clear(w->seen);
		return 0;
	}
	if (rc >= 0 && from_ns)
		rc = find_long(w, from_ns);
	if (rc >= 0)
		rc = put_seen(w);
	return rc < 0 ? rc : 1;
}

static int ask_until(struct walk *w)
{
	int rc = ask_before(w);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = ask_straddling(w);
	return rc ? rc : ask_newest(w);
}

static int ask_all(struct walk *w)
{
	const struct store_filter *f = w->asked.filter;
	struct db_query q = { 0 };
	struct store_gate g;

	db_add(&q, "SELECT address, MAX(source), MAX(last) FROM sources");
	where_there(&q, w, &g);
	db_add(&q, " GROUP BY address");
	if (f->until_ns)
		db_add_u64(&q, " HAVING MIN(first) < ", f->until_ns);
	if (f->since_ns) {
		db_add_u64(&q, f->until_ns ? " AND (MAX(last) >= " : " HAVING (MAX(last) >= ",
			   f->since_ns);
		db_add(&q, " OR MAX(source)" IS_OPEN);
	}
	return db_query_each(w->asked.s->db, &q, find, w);
}

static int by_last(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->last_ns != y->last_ns)
		return x->last_ns < y->last_ns ? -1 : 1;
	return strcmp(x->address, y->address);
}

static int tell(struct walk *w, const struct found *f, store_source_fn *fn, void *arg)
{
	struct store_share x = { 0 };
	int rc = 0;

	if (f->share)
		x = *f->share;
	x.address = f->address; /* the list may have moved since */
	x.source = f->source;
	if (!f->share)
		rc = store_share_sum(&w->asked, &x);
	return rc || !x.sums.flows ? rc : store_share_tell(&w->asked, &x, fn, arg);
}

int store_sources(struct store *s, const struct store_filter *f, store_source_fn *fn, void *arg)
{
	struct walk w = { .asked = { .s = s, .filter = f }, .seen = json_object() };
	size_t first;
	int rc;

	if (f->device || f->incident || f->oldest)
		rc = store_sources_counted(s, f, fn, arg);
	else if (!w.seen)
		rc = no_memory(s);
	else if (!f->limit || f->limit > LIST_MOST)
		rc = ask_all(&w);
	else
		rc = f->until_ns ? ask_until(&w) : ask_newest(&w);
	if (w.n)
		qsort(w.list, w.n, sizeof(*w.list), by_last);
	first = f->limit && w.n > f->limit ? w.n - f->limit : 0;
	for (size_t i = first; i < w.n && !rc; i++)
		rc = tell(&w, &w.list[i], fn, arg);
	for (size_t i = 0; i < w.n; i++)
		free(w.list[i].share);
	free(w.list);
	json_decref(w.seen);
	store_asked_free(&w.asked);
	return rc;
}
