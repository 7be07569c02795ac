/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of flows, of break-glass sessions and of events. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/view/flows.h"
#include "collector/view/row.h"
#include "common/clock.h"

#define MAX_TYPES 40		      /* of a group */
/* Pages end here, too, whatever their limit: as a tree a document takes twenty times its
 * text, a row 8 kB, and several pages may be asked for at once. */
#define EVENTS_BYTES (2 << 20)
#define FLOWS_ROWS 2500
#define SOURCES_NS (86400 * NS_PER_S) /* when no time is asked */
#define SOURCES_FLOWS 10000	      /* the newest, that are looked at */

struct sources {
	json_t *rows, *by_name;
	uint64_t looked, limit;
};

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

	if (p.limit > FLOWS_ROWS)
		p.limit = FLOWS_ROWS;
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
		uint64_t time_ns, n, stored_ns;
		char *json;
	} *rows;
	size_t n, room;
	size_t bytes; /* of this type's documents */
};

#define ENOUGH 1 /* the page ends at a row of this type, if not before */

static int take_event(void *arg, const struct store_event *e)
{
	struct events *p = arg;
	struct event_place *to;

	if (p->n == p->room) {
		size_t room = p->room ? p->room * 2 : 128;
		struct event_place *rows = realloc(p->rows, room * sizeof(*rows));

		if (!rows)
			return STORE_FAILED;
		p->rows = rows;
		p->room = room;
	}
	to = &p->rows[p->n];
	*to = (struct event_place){ e->time_ns, e->n, e->stored_ns, strdup(e->json) };
	if (!to->json)
		return STORE_FAILED;
	p->n++;
	p->bytes += strlen(to->json);
	return p->bytes > EVENTS_BYTES ? ENOUGH : 0;
}

static int take_type(void *arg, const char *type)
{
	struct events *p = arg;
	int rc;

	p->list->type = type;
	p->bytes = 0;
	rc = store_list_events(p->store, p->list, take_event, p);
	return rc == ENOUGH ? 0 : rc;
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
	size_t bytes = 0;
	int rc;

	if (!doc)
		return NULL;
	rows = json_array();
	json_object_set_new(doc, "events", rows);
	view_list(a, &l);
	l.limit = limit + 1;
	rc = a->type ? store_list_types(s, a->type, MAX_TYPES, take_type, &p)
		     : take_type(&p, NULL);
	if (p.n)
		qsort(p.rows, p.n, sizeof(*p.rows), newest_first);
	for (size_t i = 0; i < p.n; i++) {
		const struct event_place *e = &p.rows[i];

		bytes += strlen(e->json);
		page.more |= i == limit || (i && bytes > EVENTS_BYTES);
		if (!page.more) {
			json_array_append_new(rows, view_event_row(&(struct store_event){
							    .n = e->n,
							    .stored_ns = e->stored_ns,
							    .json = e->json }));
			page.last = (struct view_place){ e->time_ns, e->n };
		}
		free(e->json);
	}
	set_next(doc, &page);
	free(p.rows);
	return view_end(s, doc, rc);
}

/* ---- sources ----------------------------------------------------------------- */

static const char *const verdicts[] = { "trusted", "no-policy", "untrusted" };

static void count_up(json_t *o, const char *key, uint64_t by)
{
	json_t *n = json_object_get(o, key);

	json_integer_set(n, json_integer_value(n) + (json_int_t)by);
}

/* Rows come with the newest first; the times stay numbers until the end. */
static int take_seen(void *arg, const struct store_list_seen *f)
{
	static const char *const counts[] = { "devices", "flows", "established", "untrusted",
					      "first",	 "last",  "worst" };
	struct sources *x = arg;
	json_t *o = json_object_get(x->by_name, f->source), *n;
	json_int_t worst = 0;

	x->looked++;
	if (!o && json_array_size(x->rows) == x->limit) /* the page is full of later ones */
		return 0;
	if (!o) {
		o = json_object();
		row_text(o, "source", f->source);
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
			row_count(o, counts[i], 0);
		json_object_set_new(o, "paths", json_array());
		json_object_set_new(o, "users", json_array());
		json_object_set_new(o, "names", json_object());
		json_object_set_new(x->by_name, f->source, o);
		json_array_append(x->rows, o);
	}
	count_up(o, "flows", 1);
	count_up(o, "established", f->established);
	count_up(o, "untrusted", f->verdict && strcmp(f->verdict, "untrusted") == 0);
	json_integer_set(json_object_get(o, "first"), (json_int_t)f->start_ns);
	n = json_object_get(o, "last");
	if ((json_int_t)f->end_ns > json_integer_value(n))
		json_integer_set(n, (json_int_t)f->end_ns);
	for (int i = 0; f->verdict && i < 3; i++)
		if (strcmp(f->verdict, verdicts[i]) == 0)
			worst = i + 1;
	n = json_object_get(o, "worst");
	if (worst > json_integer_value(n))
		json_integer_set(n, worst);
	row_once(json_object_get(o, "paths"), f->path, 4);
	row_once(json_object_get(o, "users"), f->user, 50);
	n = json_object_get(o, "names");
	if (f->device && !json_object_get(n, f->device)) {
		json_object_set_new(n, f->device, json_true());
		count_up(o, "devices", 1);
	}
	return 0;
}

static int by_word(const void *a, const void *b)
{
	json_t *const *x = a, *const *y = b;

	return strcmp(json_string_value(*x), json_string_value(*y));
}

/* The names in order; of paths the primary one first. */
static json_t *in_order(json_t *list, bool paths)
{
	json_t *out = json_array(), *names[50], *name;
	size_t n = 0, i;

	json_array_foreach(list, i, name) if (n < sizeof(names) / sizeof(names[0]))
		names[n++] = name;
	qsort(names, n, sizeof(names[0]), by_word);
	for (i = 0; i < n; i++)
		json_array_append(out, names[paths ? n - 1 - i : i]);
	return out;
}

static void finish_seen(struct sources *x)
{
	uint64_t first, last;
	json_int_t worst;
	json_t *o;
	size_t i;

	json_array_foreach(x->rows, i, o)
	{
		first = (uint64_t)json_integer_value(json_object_get(o, "first"));
		last = (uint64_t)json_integer_value(json_object_get(o, "last"));
		worst = json_integer_value(json_object_get(o, "worst"));
		json_object_del(o, "first");
		json_object_del(o, "last");
		json_object_del(o, "worst");
		json_object_del(o, "names");
		json_object_set_new(o, "paths", in_order(json_object_get(o, "paths"), true));
		json_object_set_new(o, "users", in_order(json_object_get(o, "users"), false));
		row_text(o, "verdict", worst ? verdicts[worst - 1] : NULL);
		row_time(o, "first_seen", first);
		row_time(o, "last_seen", last);
	}
}

/* The first names of a list with commas. */
static json_t *names(const char *list, size_t most)
{
	json_t *out = json_array();

	while (list && *list && json_array_size(out) < most) {
		size_t len = strcspn(list, ",");

		json_array_append_new(out, json_stringn(list, len));
		list += len + (list[len] == ',');
	}
	return out;
}

/* Rows come with the newest last. */
static int take_summed(void *arg, const struct store_source *f)
{
	struct sources *x = arg;
	json_t *o = json_object();

	row_text(o, "source", f->source);
	row_count(o, "devices", f->devices);
	row_count(o, "flows", f->flows);
	row_count(o, "established", f->established);
	row_count(o, "untrusted", f->untrusted);
	json_object_set_new(o, "paths", names(f->paths, 4));
	json_object_set_new(o, "users", names(f->users, 50));
	row_text(o, "verdict", f->verdict);
	row_time(o, "first_seen", f->first_ns);
	row_time(o, "last_seen", f->last_ns);
	json_array_insert_new(x->rows, 0, o);
	return 0;
}

/* Of all that a source did there are sums; those of one device are counted from flows. */
json_t *view_sources(struct store *s, const struct view_args *a)
{
	struct sources x = { .rows = json_array(), .by_name = json_object() };
	json_t *doc = view_begin(s, a);
	struct store_list l;
	bool exact = true;
	int rc;

	if (!doc) {
		json_decref(x.rows);
		json_decref(x.by_name);
		return NULL;
	}
	view_list(a, &l);
	x.limit = view_limit(a);
	if (!l.since_ns && view_moment(a) > SOURCES_NS)
		l.since_ns = view_moment(a) - SOURCES_NS;
	if (l.device) {
		l.limit = SOURCES_FLOWS;
		rc = store_list_seen(s, &l, take_seen, &x);
		finish_seen(&x);
		exact = x.looked < SOURCES_FLOWS;
	} else {
		struct store_filter f = { .since_ns = l.since_ns,
					  .until_ns = l.until_ns,
					  .path = l.path,
					  .service = l.service,
					  .verdict = l.verdict,
					  .has_source = l.has_source,
					  .source = l.source,
					  .limit = x.limit };

		rc = store_sources(s, &f, take_summed, &x);
	}
	row_time(doc, "since", l.since_ns);
	row_flag(doc, "exact", exact);
	json_object_set_new(doc, "sources", x.rows);
	json_decref(x.by_name);
	return view_end(s, doc, rc);
}
