/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of flows, of break-glass sessions and of events. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/view_flows.h"
#include "collector/view_row.h"
#include "common/clock.h"

#define MAX_TYPES 40		      /* of a group */
#define SOURCES_NS (86400 * NS_PER_S) /* when no time is asked */

/* ---- flows ------------------------------------------------------------------- */

json_t *view_session_row(const struct store_list_flow *f, uint64_t now_ns)
{
	json_t *o = view_flow_row(f, now_ns),
	       *doc = json_loads(f->f.json ? f->f.json : "", 0, NULL);
	json_t *auth = json_object_get(json_object_get(doc, "ssh"), "auth");

	row_text(o, "confidence", json_string_value(json_object_get(auth, "confidence")));
	row_text(o, "basis", json_string_value(json_object_get(auth, "basis")));
	if (!f->justified && f->f.established)
		row_text(o, "justified", "unknown");
	json_decref(doc);
	return o;
}

struct page {
	json_t *rows;
	bool sessions;
	uint64_t limit, now_ns;
	struct view_place last;
	bool more;
};

/* One row more than the page holds is asked for: whether there is a next one. */
static int take_flow(void *arg, const struct store_list_flow *f)
{
	struct page *p = arg;

	if (json_array_size(p->rows) == p->limit) {
		p->more = true;
		return 0;
	}
	json_array_append_new(p->rows, p->sessions ? view_session_row(f, p->now_ns)
						   : view_flow_row(f, p->now_ns));
	p->last = (struct view_place){ f->f.start_ns, f->f.n };
	return 0;
}

static void set_next(json_t *doc, const struct page *p)
{
	char text[VIEW_PLACE_LEN];

	if (p->more)
		row_text(doc, "next", view_place_format(&p->last, text));
}

struct facets {
	json_t *facets;
	uint64_t n;
};

static void count_one(json_t *facets, const char *name, const char *word)
{
	json_t *facet = json_object_get(facets, name), *n;

	if (!word)
		return;
	n = json_object_get(facet, word);
	if (n)
		json_integer_set(n, json_integer_value(n) + 1);
	else
		json_object_set_new(facet, word, json_integer(1));
}

static int take_facts(void *arg, const struct store_list_facts *f)
{
	struct facets *c = arg;

	c->n++;
	count_one(c->facets, "path", f->path);
	count_one(c->facets, "verdict", f->verdict);
	count_one(c->facets, "outcome", f->outcome);
	count_one(c->facets, "login", f->login);
	count_one(c->facets, "user", f->user);
	count_one(c->facets, "justified", f->justified);
	return 0;
}

static int count_flows(struct store *s, const struct store_list *l, json_t *doc)
{
	static const char *const names[] = { "path",  "verdict", "outcome",
					     "login", "user",	 "justified" };
	struct facets c = { .facets = json_object() };
	json_t *count = json_object();
	int rc;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_set_new(c.facets, names[i], json_object());
	rc = store_list_facts(s, l, VIEW_COUNT_MAX, take_facts, &c);
	row_count(count, "value", c.n);
	row_flag(count, "exact", rc == 0);
	json_object_set_new(doc, "count", count);
	json_object_set_new(doc, "facets", c.facets);
	return rc < 0 ? rc : 0;
}

static json_t *list_flows(struct store *s, const struct view_args *a, const char *name,
			  bool sessions)
{
	struct page p = { .rows = json_array(),
			  .sessions = sessions,
			  .limit = view_limit(a),
			  .now_ns = view_moment(a) };
	struct store_list l;
	json_t *doc = view_begin(s, a);
	int rc;

	if (!doc) {
		json_decref(p.rows);
		return NULL;
	}
	json_object_set_new(doc, name, p.rows);
	view_list(a, &l);
	l.sessions = l.documents = sessions;
	l.limit = p.limit + 1;
	rc = store_list_flows(s, &l, take_flow, &p);
	set_next(doc, &p);
	if (!rc && !a->after.n)
		rc = count_flows(s, &l, doc);
	return view_end(s, doc, rc);
}

json_t *view_flows(struct store *s, const struct view_args *a)
{
	return list_flows(s, a, "flows", false);
}

json_t *view_sessions(struct store *s, const struct view_args *a)
{
	return list_flows(s, a, "sessions", true);
}

/* ---- events ------------------------------------------------------------------ */

/* Rows of several types are gathered, and sorted afterwards. */
struct events {
	struct store *store;
	struct store_list *list;
	struct event_place {
		uint64_t time_ns, n;
		json_t *row;
	} * rows;
	size_t n, room;
	bool full; /* no memory */
};

static int take_event(void *arg, const struct store_event *e)
{
	struct events *p = arg;

	if (p->n == p->room) {
		size_t room = p->room ? p->room * 2 : 128;
		struct event_place *rows = realloc(p->rows, room * sizeof(*rows));

		if (!rows)
			return STORE_FAILED;
		p->rows = rows;
		p->room = room;
	}
	p->rows[p->n++] = (struct event_place){ e->time_ns, e->n, view_event_row(e) };
	return 0;
}

static int take_type(void *arg, const char *type)
{
	struct events *p = arg;

	p->list->type = type;
	return store_list_events(p->store, p->list, take_event, p);
}

static int newest_first(const void *x, const void *y)
{
	const struct event_place *a = x, *b = y;

	if (a->time_ns != b->time_ns)
		return a->time_ns > b->time_ns ? -1 : 1;
	return a->n > b->n ? -1 : a->n < b->n;
}

json_t *view_events(struct store *s, const struct view_args *a)
{
	uint64_t limit = view_limit(a);
	struct store_list l;
	struct events p = { .store = s, .list = &l };
	struct page page = { .limit = limit };
	json_t *doc = view_begin(s, a), *rows;
	int rc;

	if (!doc)
		return NULL;
	rows = json_array();
	json_object_set_new(doc, "events", rows);
	view_list(a, &l);
	l.limit = limit + 1;
	rc = a->type ? store_list_types(s, a->type, MAX_TYPES, take_type, &p)
		     : store_list_events(s, &l, take_event, &p);
	if (p.n)
		qsort(p.rows, p.n, sizeof(*p.rows), newest_first);
	for (size_t i = 0; i < p.n; i++) {
		if (i < limit) {
			json_array_append(rows, p.rows[i].row);
			page.last = (struct view_place){ p.rows[i].time_ns, p.rows[i].n };
		}
		json_decref(p.rows[i].row);
	}
	page.more = p.n > limit;
	set_next(doc, &page);
	free(p.rows);
	return view_end(s, doc, rc);
}

/* ---- sources ----------------------------------------------------------------- */

static int take_source(void *arg, const struct store_source *r)
{
	json_t *o = json_object(), *list;
	const char *at;

	row_text(o, "source", r->source);
	row_text(o, "verdict", r->verdict);
	row_count(o, "devices", r->devices);
	row_count(o, "flows", r->flows);
	row_count(o, "established", r->established);
	row_count(o, "untrusted", r->untrusted);
	for (int i = 0; i < 2; i++) {
		list = json_array();
		for (at = i ? r->users : r->paths; at && *at;) {
			size_t n = strcspn(at, ",");

			json_array_append_new(list, json_stringn(at, n));
			at += n + (at[n] == ',');
		}
		json_object_set_new(o, i ? "users" : "paths", list);
	}
	row_time(o, "first_seen", r->first_ns);
	row_time(o, "last_seen", r->last_ns);
	json_array_insert_new(arg, 0, o);
	return 0;
}

json_t *view_sources(struct store *s, const struct view_args *a)
{
	struct store_filter f = { .since_ns = a->since_ns,
				  .until_ns = a->until_ns,
				  .device = a->device,
				  .path = a->path,
				  .service = a->service,
				  .verdict = a->verdict,
				  .has_source = a->has_source,
				  .source = a->source,
				  .limit = view_limit(a) };
	json_t *doc = view_begin(s, a), *rows = json_array();
	int rc;

	if (!doc) {
		json_decref(rows);
		return NULL;
	}
	/* They are counted from their flows: of all time that would take its time. */
	if (!f.since_ns && view_moment(a) > SOURCES_NS)
		f.since_ns = view_moment(a) - SOURCES_NS;
	row_time(doc, "since", f.since_ns);
	json_object_set_new(doc, "sources", rows);
	rc = store_sources(s, &f, take_source, rows);
	return view_end(s, doc, rc);
}
