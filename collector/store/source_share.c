/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: what one source did in a span of time.
 *
 * A source whose flows are all of the span has its sums in `sources`. Of another one they
 * are put together: the days within, the five minutes within before and behind those, and
 * at both ends the flows themselves; besides those that had begun before and lasted into
 * it. Which devices it reached is in `source_uses`: one whose first or newest flow began
 * within the span is of it; whether one is that had flows before and behind it is asked of
 * its flows.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"
#include "collector/store/source.h"
#include "collector/store/source_share.h"
#include "common/clock.h"

#define FEW 1000 /* flows: they are read rather than all uses of their source */

/* A flow that had begun long before the span. */
struct store_lasting {
	size_t next; /* of the same source: its place + 1; 0: none */
	bool established;
	uint64_t start_ns, end_ns;
	/* in one block, of which the first is the beginning */
	const char *verdict, *device, *path, *user;
};

/* Each name a key. */
struct names {
	json_t *devices, *paths, *users;
};

static int no_memory(struct store *s)
{
	return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
}

/* ---- conditions ---------------------------------------------------------------- */

void store_where_sums(struct db_query *q, const struct store_filter *f)
{
	db_where_text(q, "path = ", f->path);
	db_where_text(q, "service = ", f->service);
	db_where_text(q, "verdict = ", f->verdict);
}

void store_where_flows(struct db_query *q, const struct store_filter *f)
{
	db_where(q, "direction = 'inbound' AND same_as IS NULL");
	db_where_text(q, "path || '' = ", f->path);
	db_where_text(q, "service || '' = ", f->service);
	db_where_text(q, "verdict || '' = ", f->verdict);
}

void store_where_long(struct db_query *q, uint64_t time_ns)
{
	uint64_t early = time_ns > STORE_LONG_NS ? time_ns - STORE_LONG_NS : 1;

	db_where_u64(q,
		     "n IN (SELECT n FROM flows WHERE " STORE_IS_LONG " AND \"end\" >= ", time_ns);
	db_add_u64(q, " AND start + 0 < ", early);
	db_add_u64(q, " UNION ALL SELECT n FROM flows WHERE open = 1 AND start + 0 < ", early);
	db_add(q, ")");
}

/* ---- sums ---------------------------------------------------------------------- */

static const char *const verdicts[] = { NULL, "trusted", "no-policy", "untrusted" };

static uint64_t rank_of(const char *verdict)
{
	for (uint64_t i = 1; verdict && i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strcmp(verdict, verdicts[i]) == 0)
			return i;
	return 0;
}

#define RANK                                                                                       \
	"MAX(CASE verdict WHEN 'untrusted' THEN 3 WHEN 'no-policy' THEN 2"                         \
	" WHEN 'trusted' THEN 1 ELSE 0 END)"
#define SUMS                                                                                       \
	"SELECT MIN(first), MAX(last), SUM(total), SUM(established),"                              \
	" SUM(CASE verdict WHEN 'untrusted' THEN total ELSE 0 END), " RANK " FROM "

static void add(struct store_sums_of *to, const struct store_sums_of *x)
{
	if (!x->flows)
		return;
	if (!to->flows || x->first_ns < to->first_ns)
		to->first_ns = x->first_ns;
	if (x->last_ns > to->last_ns)
		to->last_ns = x->last_ns;
	to->flows += x->flows;
	to->established += x->established;
	to->untrusted += x->untrusted;
	if (x->rank > to->rank)
		to->rank = x->rank;
}

static int take_sums(void *arg, struct db_row *row)
{
	struct store_sums_of x = { db_u64(row, 0), db_u64(row, 1), db_u64(row, 2),
				   db_u64(row, 3), db_u64(row, 4), db_u64(row, 5) };

	add(arg, &x);
	return 0;
}

static int sum_flows(struct store_asked *w, struct store_share *x, uint64_t from_ns, uint64_t to_ns)
{
	struct db_query q = { 0 };

	if (from_ns >= to_ns)
		return 0;
	db_add(&q, "SELECT MIN(start), MAX(\"end\"), COUNT(*), SUM(established),"
		   " SUM(CASE verdict WHEN 'untrusted' THEN 1 ELSE 0 END), " RANK " FROM flows");
	db_where_text(&q, "source = ", x->source);
	db_where_u64(&q, "start >= ", from_ns);
	db_where_u64(&q, "start < ", to_ns);
	store_where_flows(&q, w->filter);
	return db_query_each(w->s->db, &q, take_sums, &x->sums);
}

static int sum_spans(struct store_asked *w, struct store_share *x, uint64_t span_ns,
		     uint64_t from_ns, uint64_t to_ns)
{
	struct db_query q = { 0 };

	if (from_ns >= to_ns)
		return 0;
	db_add(&q, SUMS "source_spans");
	db_where_text(&q, "address = ", x->address);
	db_where_u64(&q, "span = ", span_ns);
	db_where_u64(&q, "start >= ", from_ns);
	db_where_u64(&q, "start < ", to_ns);
	store_where_sums(&q, w->filter);
	return db_query_each(w->s->db, &q, take_sums, &x->sums);
}

static uint64_t ceil_to(uint64_t time_ns, uint64_t span_ns)
{
	return store_span_floor(time_ns + span_ns - 1, span_ns);
}

/* Of [from, to) whole spans of this length, and what is left at both ends by `rest`. */
static int sum_around(struct store_asked *w, struct store_share *x, uint64_t span_ns,
		      uint64_t from_ns, uint64_t to_ns,
		      int (*rest)(struct store_asked *w, struct store_share *x, uint64_t from_ns,
				  uint64_t to_ns))
{
	uint64_t first = ceil_to(from_ns, span_ns), end = store_span_floor(to_ns, span_ns);
	int rc;

	if (first >= end)
		return rest(w, x, from_ns, to_ns);
	rc = rest(w, x, from_ns, first);
	if (!rc)
		rc = sum_spans(w, x, span_ns, first, end);
	return rc ? rc : rest(w, x, end, to_ns);
}

static int sum_short(struct store_asked *w, struct store_share *x, uint64_t from_ns, uint64_t to_ns)
{
	return from_ns < to_ns ? sum_around(w, x, STORE_SOURCE_SHORT, from_ns, to_ns, sum_flows)
			       : 0;
}

/* ---- what lasted into the span --------------------------------------------------- */

#define LASTING_COLUMNS "start, \"end\", established, verdict, device, path, \"user\""
#define N_LASTING 7

static void read_lasting(struct db_row *row, struct store_lasting *out)
{
	*out = (struct store_lasting){ .start_ns = db_u64(row, 0),
				       .end_ns = db_u64(row, 1),
				       .established = db_u64(row, 2) != 0,
				       .verdict = db_text(row, 3),
				       .device = db_text(row, 4),
				       .path = db_text(row, 5),
				       .user = db_text(row, 6) };
}

static char *keep(const char **text, char *to)
{
	const char *from = *text ? *text : "";

	*text = to;
	return stpcpy(to, from) + 1;
}

static size_t len_of(const char *text)
{
	return text ? strlen(text) + 1 : 1;
}

static int take_lasting(void *arg, struct db_row *row)
{
	const char *source = db_text(row, N_LASTING);
	struct store_asked *w = arg;
	struct store_lasting *x;
	char *text;

	if (w->n_lasting == w->size_lasting) {
		size_t size = w->size_lasting ? 2 * w->size_lasting : 256;

		x = realloc(w->lasting, size * sizeof(*x));
		if (!x)
			return no_memory(w->s);
		w->lasting = x;
		w->size_lasting = size;
	}
	x = &w->lasting[w->n_lasting];
	read_lasting(row, x);
	text = malloc(len_of(x->verdict) + len_of(x->device) + len_of(x->path) + len_of(x->user));
	if (!text)
		return no_memory(w->s);
	keep(&x->user, keep(&x->path, keep(&x->device, keep(&x->verdict, text))));
	x->next = (size_t)json_integer_value(json_object_get(w->lasts, source));
	w->n_lasting++;
	json_object_set_new(w->lasts, source, json_integer((json_int_t)w->n_lasting));
	return 0;
}

/* Those that had begun long before, of all sources: asked once. */
static int find_lasting(struct store_asked *w)
{
	struct db_query q = { 0 };

	w->lasts = json_object();
	if (!w->lasts)
		return no_memory(w->s);
	db_add(&q, "SELECT " LASTING_COLUMNS ", source FROM flows");
	store_where_long(&q, w->filter->since_ns);
	db_where(&q, "source IS NOT NULL");
	store_where_flows(&q, w->filter);
	return db_query_each(w->s->db, &q, take_lasting, w);
}

struct lasting_call {
	struct store_sums_of *sums; /* NULL: not asked; the next, too */
	struct names *names;
};

static void note(json_t *set, const char *name)
{
	if (name && *name && !json_object_get(set, name))
		json_object_set_new(set, name, json_true());
}

static void note_names(struct names *names, const char *device, const char *path, const char *user)
{
	note(names->devices, device);
	note(names->paths, path);
	note(names->users, user);
}

static void tell_lasting(const struct lasting_call *call, const struct store_lasting *f)
{
	uint64_t rank = rank_of(f->verdict);
	struct store_sums_of x = { f->start_ns, f->end_ns, 1, f->established, rank == 3, rank };

	if (call->names)
		note_names(call->names, f->device, f->path, f->user);
	if (call->sums)
		add(call->sums, &x);
}

static int take_late(void *arg, struct db_row *row)
{
	struct store_lasting f;

	read_lasting(row, &f);
	tell_lasting(arg, &f);
	return 0;
}

/* What had begun before the span and lasted into it; what took no minute is found by when
 * it began. */
static int each_lasting(struct store_asked *w, const struct store_share *x,
			struct store_sums_of *sums, struct names *names)
{
	uint64_t since = w->filter->since_ns;
	struct lasting_call call = { sums, names };
	struct db_query q = { 0 };
	int rc = 0;

	if (!x->since)
		return 0;
	if (!w->lasts)
		rc = find_lasting(w);
	if (rc)
		return rc;
	for (size_t at = (size_t)json_integer_value(json_object_get(w->lasts, x->source)); at;
	     at = w->lasting[at - 1].next)
		tell_lasting(&call, &w->lasting[at - 1]);
	db_add(&q, "SELECT " LASTING_COLUMNS " FROM flows");
	db_where_text(&q, "source = ", x->source);
	db_where_u64(&q, "start >= ", since > STORE_LONG_NS ? since - STORE_LONG_NS : 0);
	db_where_u64(&q, "start < ", since);
	db_where_u64(&q, "(open = 1 OR \"end\" >= ", since);
	db_add(&q, ")");
	store_where_flows(&q, w->filter);
	return db_query_each(w->s->db, &q, take_late, &call);
}

/* ---- one source ------------------------------------------------------------------ */

int store_share_sum(struct store_asked *w, struct store_share *x)
{
	const struct store_filter *f = w->filter;
	struct db_query q = { 0 };
	struct store_sums_of all;
	int rc;

	db_add(&q, SUMS "sources");
	db_where_text(&q, "address = ", x->address);
	db_where(&q, "total > 0");
	store_where_sums(&q, f);
	rc = db_query_each(w->s->db, &q, take_sums, &x->sums);
	if (rc)
		return rc;
	all = x->sums;
	x->since = f->since_ns > all.first_ns;
	x->until = f->until_ns && f->until_ns <= all.last_ns;
	if (!all.flows || (!x->since && !x->until))
		return 0;
	x->from_ns = x->since ? f->since_ns : store_span_floor(all.first_ns, STORE_SOURCE_LONG);
	x->to_ns = x->until ? f->until_ns : ceil_to(all.last_ns + 1, STORE_SOURCE_LONG);
	memset(&x->sums, 0, sizeof(x->sums));
	if (x->from_ns < x->to_ns)
		rc = sum_around(w, x, STORE_SOURCE_LONG, x->from_ns, x->to_ns, sum_short);
	return rc ? rc : each_lasting(w, x, &x->sums, NULL);
}

struct uses_call {
	struct store_asked *asked;
	const struct store_share *part;
	struct names *names;
};

static bool has(json_t *set, const char *name)
{
	return !name || !*name || json_object_get(set, name);
}

static int nothing(void *arg, struct db_row *row)
{
	return 1;
}

/* It had flows before the span and behind it. 1: and one that began within; 0, or below. */
static int used_within(const struct uses_call *call, struct db_row *use)
{
	const struct store_share *x = call->part;
	struct db_query q = { 0 };
	const char *device = db_text(use, 0);

	db_add(&q, "SELECT 1 FROM flows");
	db_where_text(&q, *device ? "device = " : "COALESCE(device, '') = ", device);
	db_where_text(&q, *device ? "source || '' = " : "source = ", x->source);
	db_where_u64(&q, "start >= ", x->from_ns);
	db_where_u64(&q, "start < ", x->to_ns);
	db_where(&q, "direction = 'inbound' AND same_as IS NULL");
	db_where_text(&q, "COALESCE(path, '') = ", db_text(use, 1));
	db_where_text(&q, "COALESCE(\"user\", '') = ", db_text(use, 2));
	db_where_text(&q, "COALESCE(service, '') = ", db_text(use, 5));
	db_where_text(&q, "COALESCE(verdict, '') = ", db_text(use, 6));
	db_add(&q, " LIMIT 1");
	return db_query_each(call->asked->s->db, &q, nothing, NULL);
}

static int take_use(void *arg, struct db_row *row)
{
	const struct uses_call *call = arg;
	const struct store_share *x = call->part;
	uint64_t first = db_u64(row, 3), newest = db_u64(row, 4);
	bool within = !x->since || !x->until || first >= x->from_ns || newest < x->to_ns;
	const char *device = db_text(row, 0), *path = db_text(row, 1), *user = db_text(row, 2);
	int rc;

	if (has(call->names->devices, device) && has(call->names->paths, path) &&
	    has(call->names->users, user))
		return 0;
	rc = within ? 1 : used_within(call, row);
	if (rc > 0)
		note_names(call->names, device, path, user);
	return rc < 0 ? rc : 0;
}

static int take_names(void *arg, struct db_row *row)
{
	const struct uses_call *call = arg;

	note_names(call->names, db_text(row, 0), db_text(row, 1), db_text(row, 2));
	return 0;
}

static int find_names(struct store_asked *w, const struct store_share *x, struct names *names)
{
	struct uses_call call = { w, x, names };
	struct db_query q = { 0 };
	int rc;

	if (x->since && x->until && x->sums.flows <= FEW) {
		db_add(&q, "SELECT device, path, \"user\" FROM flows");
		db_where_text(&q, "source = ", x->source);
		db_where_u64(&q, "start >= ", x->from_ns);
		db_where_u64(&q, "start < ", x->to_ns);
		store_where_flows(&q, w->filter);
		rc = db_query_each(w->s->db, &q, take_names, &call);
	} else {
		db_add(&q, "SELECT device, path, actor, first, newest, service, verdict"
			   " FROM source_uses");
		db_where_text(&q, "address = ", x->address);
		if (x->since)
			db_where_u64(&q, "newest >= ", x->from_ns);
		if (x->until)
			db_where_u64(&q, "first < ", x->to_ns);
		store_where_sums(&q, w->filter);
		rc = db_query_each(w->s->db, &q, take_use, &call);
	}
	return rc ? rc : each_lasting(w, x, NULL, names);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By commas, free()d by the caller. False: no memory. *out NULL: there are none. */
static bool join(json_t *set, char **out)
{
	size_t n = json_object_size(set), i = 0, len = 0;
	const char **names, *name;
	json_t *value;
	char *at;

	*out = NULL;
	if (!n)
		return set != NULL;
	names = calloc(n, sizeof(*names));
	if (!names)
		return false;
	json_object_foreach(set, name, value)
	{
		names[i++] = name;
		len += strlen(name) + 1;
	}
	qsort(names, n, sizeof(*names), by_name);
	at = *out = malloc(len);
	for (i = 0; at && i < n; i++) {
		at = stpcpy(at, names[i]);
		*at++ = i + 1 < n ? ',' : '\0';
	}
	free(names);
	return *out != NULL;
}

/* The primary path stands first. */
static const char *paths_in_order(const char *paths)
{
	return paths && strcmp(paths, "in-band,primary") == 0 ? "primary,in-band" : paths;
}

static int tell(struct store *s, const struct store_share *x, const struct names *names,
		store_source_fn *fn, void *arg)
{
	struct store_source row = { .source = x->source,
				    .first_ns = x->sums.first_ns,
				    .last_ns = x->sums.last_ns,
				    .flows = x->sums.flows,
				    .established = x->sums.established,
				    .untrusted = x->sums.untrusted,
				    .devices = json_object_size(names->devices),
				    .verdict = verdicts[x->sums.rank & 3] };
	char *paths = NULL, *users = NULL;
	int rc;

	if (names->devices && join(names->paths, &paths) && join(names->users, &users)) {
		row.paths = paths_in_order(paths);
		row.users = users;
		rc = fn(arg, &row);
	} else {
		rc = no_memory(s);
	}
	free(paths);
	free(users);
	return rc;
}

int store_share_tell(struct store_asked *w, const struct store_share *x, store_source_fn *fn,
		     void *arg)
{
	struct names names = { json_object(), json_object(), json_object() };
	int rc = find_names(w, x, &names);

	if (!rc)
		rc = tell(w->s, x, &names, fn, arg);
	json_decref(names.devices);
	json_decref(names.paths);
	json_decref(names.users);
	return rc;
}

void store_asked_free(struct store_asked *w)
{
	for (size_t i = 0; i < w->n_lasting; i++)
		free((char *)w->lasting[i].verdict);
	free(w->lasting);
	json_decref(w->lasts);
}
