/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack begins at the place of its first row and goes on to the first anchor at or
 * after its last one: so what it holds hangs on something that was told elsewhere when
 * it happened. Between its rows stand the digests of the others, which tell nothing of
 * their content.
 */
#include "collector/command/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/command/query.h"
#include "collector/record/pack.h"
#include "collector/store/pack.h"
#include "common/clock.h"

/* ---- which rows -------------------------------------------------------------- */

struct numbers {
	uint64_t *list;
	size_t n, room;
};

static int take_number(void *arg, uint64_t n)
{
	struct numbers *x = arg;

	if (x->n == x->room) {
		size_t room = x->room ? x->room * 2 : 256;
		uint64_t *list = realloc(x->list, room * sizeof(*list));

		if (!list)
			return STORE_FAILED;
		x->list = list;
		x->room = room;
	}
	x->list[x->n++] = n;
	return 0;
}

static int compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

static bool has(const struct numbers *x, uint64_t n)
{
	return x->n && bsearch(&n, x->list, x->n, sizeof(n), compare);
}

/* ---- writing ----------------------------------------------------------------- */

struct export
{
	struct store *store;
	const struct export_config *config;
	FILE *to;
	struct chain_digest *digest;
	struct numbers events, dead;
	struct chain_anchor *anchors;
	size_t n_anchors, room_anchors, next_anchor;
	json_t *waiting; /* digests of places that are not in the pack */
	uint64_t waiting_from;
	struct chain_hash hash;
	struct export_facts *facts;
};

static bool write_line(struct export *x, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	bool good = text && fprintf(x->to, "%s\n", text) > 0;

	free(text);
	json_decref(o);
	return good;
}

static bool flush_digests(struct export *x)
{
	json_t *o;

	if (!json_array_size(x->waiting))
		return true;
	o = json_pack("{s:I,s:o}", "from", (json_int_t)x->waiting_from, "digests", x->waiting);
	x->waiting = json_array();
	return write_line(x, o);
}

static bool write_anchor(struct export *x, const struct chain_anchor *a)
{
	char line[CHAIN_ANCHOR_LEN];
	size_t len = chain_anchor_format(a, store_name(x->store), line);

	x->facts->anchors++;
	return len && fprintf(x->to, "{\"anchor\":%s}\n", line) > 0;
}

static bool write_row(struct export *x, const struct store_pack_place *p, json_t *row)
{
	const char *kind = p->event ? "event" : "dead-letter";
	char digest[CHAIN_HEX_LEN], hash[CHAIN_HEX_LEN];
	struct chain_hash now;

	if (!pack_digest(x->digest, kind, row, &now) || !chain_equal(&now, &p->digest)) {
		if (x->facts->good)
			x->facts->bad_place = p->place;
		x->facts->good = false;
	}
	x->facts->rows++;
	return write_line(x, json_pack("{s:I,s:s,s:I,s:o,s:s,s:s}", "place", (json_int_t)p->place,
				       "kind", kind, "n", (json_int_t)p->n, "row", row, "digest",
				       chain_hex(&p->digest, digest), "hash",
				       chain_hex(&p->hash, hash)));
}

static int take_place(void *arg, const struct store_pack_place *p)
{
	struct export *x = arg;
	char hex[CHAIN_HEX_LEN];
	bool good = true;
	json_t *row = NULL;
	int rc;

	x->hash = p->hash;
	if (has(p->event ? &x->events : &x->dead, p->n)) {
		rc = store_pack_row(x->store, p->event, p->n, &row);
		if (rc < 0)
			return rc;
		if (!rc) { /* gone from the record: its digest is what is left */
			x->facts->good = false;
			x->facts->bad_place = p->place;
		}
	}
	if (row) {
		good = flush_digests(x) && write_row(x, p, row);
	} else {
		if (!json_array_size(x->waiting))
			x->waiting_from = p->place;
		json_array_append_new(x->waiting, json_string(chain_hex(&p->digest, hex)));
		if (json_array_size(x->waiting) == PACK_DIGESTS)
			good = flush_digests(x);
	}
	x->facts->places++;
	while (good && x->next_anchor < x->n_anchors &&
	       x->anchors[x->next_anchor].place <= p->place) {
		const struct chain_anchor *a = &x->anchors[x->next_anchor++];

		if (a->place == p->place)
			good = flush_digests(x) && write_anchor(x, a);
	}
	return good ? 0 : QUERY_WRITE_FAILED;
}

static int keep_anchor(void *arg, const struct chain_anchor *a)
{
	struct export *x = arg;

	if (x->n_anchors == x->room_anchors) {
		size_t room = x->room_anchors ? x->room_anchors * 2 : 16;
		struct chain_anchor *list = realloc(x->anchors, room * sizeof(*list));

		if (!list)
			return STORE_FAILED;
		x->anchors = list;
		x->room_anchors = room;
	}
	x->anchors[x->n_anchors++] = *a;
	return 0;
}

static json_t *fields_of(const char *kind)
{
	const char *const *fields = pack_fields(kind);
	json_t *list = json_array();

	for (; *fields; fields++)
		json_array_append_new(list, json_string(*fields));
	return list;
}

static json_t *how_to(void)
{
	return json_pack(
		"[s,s,s,s,s]",
		"digest = SHA-256 over the text of `kind`, then each column in the order of "
		"`fields`",
		"a field is one byte for its kind, then its value: n null; i integer, 8 bytes, "
		"most "
		"significant first; t text and b bytes, each after its length in 8 bytes",
		"hash = SHA-256(hash of the place before || digest); before place 1 it is SHA-256 "
		"of "
		"the text of `store`",
		"an anchor's hash is that of its place; compare it with the anchors that were kept "
		"outside of the store, in Redis or in a file",
		"glasswatch-collector verify --pack FILE checks all of it");
}

static bool write_header(struct export *x, uint64_t first, uint64_t last,
			 const struct chain_hash *before)
{
	const struct export_config *c = x->config;
	char hex[CHAIN_HEX_LEN], time[TIME_STRLEN];
	json_t *what = json_object();

	if (c->incident)
		json_object_set_new(what, "incident", json_integer((json_int_t)c->incident));
	if (c->since_ns)
		json_object_set_new(what, "since", json_string(time_format(c->since_ns, time)));
	if (c->until_ns)
		json_object_set_new(what, "until", json_string(time_format(c->until_ns, time)));
	return write_line(x,
			  json_pack("{s:i,s:s,s:s,s:s,s:o,s:I,s:I,s:s,s:{s:o,s:o},s:o}", "pack",
				    PACK_VERSION, "store", store_id(x->store), "created",
				    time_format(c->now_ns, time), "by",
				    "glasswatch-collector " GLASSWATCH_VERSION, "what", what,
				    "first", (json_int_t)first, "last", (json_int_t)last, "before",
				    chain_hex(before, hex), "fields", "event", fields_of("event"),
				    "dead-letter", fields_of("dead-letter"), "how", how_to()));
}

/* ---- the walk ---------------------------------------------------------------- */

static int choose(struct export *x)
{
	const struct export_config *c = x->config;
	int rc;

	if (c->incident)
		rc = store_pack_incident(x->store, c->incident, take_number, &x->events);
	else
		rc = store_pack_span(x->store, c->since_ns, c->until_ns, take_number, &x->events);
	if (!rc && !c->incident)
		rc = store_pack_dead(x->store, c->since_ns, c->until_ns, take_number, &x->dead);
	if (x->events.n)
		qsort(x->events.list, x->events.n, sizeof(*x->events.list), compare);
	return rc;
}

/* The places of the first and the last row. 1; 0: they have none. */
static int ends(struct export *x, uint64_t *first, uint64_t *last)
{
	const struct numbers *sets[] = { &x->events, &x->dead };
	uint64_t place;
	int rc;

	*first = UINT64_MAX;
	*last = 0;
	for (int i = 0; i < 2; i++) {
		const struct numbers *n = sets[i];

		for (int end = 0; end < 2 && n->n; end++) {
			rc = store_pack_place(x->store, i == 0, n->list[end ? n->n - 1 : 0],
					      &place);
			if (rc < 0)
				return rc;
			if (!rc)
				continue;
			*first = place < *first ? place : *first;
			*last = place > *last ? place : *last;
		}
	}
	return *last != 0;
}

static int walk(struct export *x)
{
	struct chain_hash before;
	uint64_t first = 0, last = 0, covers;
	char hex[CHAIN_HEX_LEN];
	int rc;

	rc = choose(x);
	if (!rc)
		rc = ends(x, &first, &last);
	if (rc <= 0)
		return rc;
	rc = store_pack_covers(x->store, last, &covers);
	if (rc)
		return rc;
	if (covers > last)
		last = covers;
	rc = store_pack_anchors(x->store, first, last, keep_anchor, x);
	if (rc)
		return rc;
	if (first > 1) {
		rc = store_pack_hash(x->store, first - 1, &before);
		if (rc < 0)
			return rc;
		if (!rc)
			memset(&before, 0, sizeof(before));
	} else if (!chain_first(x->digest, store_id(x->store), &before)) {
		return STORE_FAILED;
	}
	if (!write_header(x, first, last, &before))
		return QUERY_WRITE_FAILED;
	rc = store_pack_places(x->store, first, last, take_place, x);
	if (rc)
		return rc;
	if (!flush_digests(x) ||
	    !write_line(x, json_pack("{s:I,s:I,s:s}", "end", (json_int_t)last, "rows",
				     (json_int_t)x->facts->rows, "hash", chain_hex(&x->hash, hex))))
		return QUERY_WRITE_FAILED;
	return 1;
}

int export_run(struct store *s, const struct export_config *config, FILE *to,
	       struct export_facts *facts)
{
	struct export x = { .store = s,
			    .config = config,
			    .to = to,
			    .digest = chain_digest_new(),
			    .waiting = json_array(),
			    .facts = facts };
	int rc = x.digest ? store_snapshot(s) : STORE_FAILED;

	*facts = (struct export_facts){ .good = true };
	if (!rc)
		rc = walk(&x);
	store_rollback(s);
	if (rc >= 0 && (fflush(to) || ferror(to)))
		rc = QUERY_WRITE_FAILED;
	chain_digest_free(x.digest);
	json_decref(x.waiting);
	free(x.events.list);
	free(x.dead.list);
	free(x.anchors);
	return rc;
}

/* ---- checking ---------------------------------------------------------------- */

static void print_text(const struct pack_facts *f, uint64_t met, bool asked, FILE *to)
{
	char hex[CHAIN_HEX_LEN], time[32], clean[512];

	if (!f->good) {
		fprintf(to, "line %" PRIu64, f->line);
		if (f->place)
			fprintf(to, ", place %" PRIu64, f->place);
		if (f->id[0])
			fprintf(to, ", %s", output_clean(f->id, clean, sizeof(clean)));
		fprintf(to, ": %s\n", output_clean(f->text, clean, sizeof(clean)));
	}
	fprintf(to,
		"%s: %" PRIu64 " events, %" PRIu64 " dead letters, places %" PRIu64 " to %" PRIu64
		" of store %s\n",
		f->good ? "good" : "NOT GOOD", f->events, f->dead_letters, f->first, f->last,
		f->store);
	if (!f->good)
		return;
	fprintf(to, "the chain ends with %s\n", chain_hex(&f->hash, hex));
	if (f->anchors)
		fprintf(to,
			"anchors: %" PRIu64 " in the pack; the newest is of %s, place %" PRIu64
			"\n",
			f->anchors, output_time(f->anchored_ns, false, time), f->anchored);
	else
		fprintf(to, "anchors: none in the pack\n");
	if (asked)
		fprintf(to, "anchors kept elsewhere: %" PRIu64 " of these places, they agree\n",
			met);
	else
		fprintf(to, "anchors kept elsewhere were not asked for (--anchors): that the whole "
			    "pack was not made anew is shown only with them\n");
}

static void print_json(const struct pack_facts *f, uint64_t met, bool asked, FILE *to)
{
	char hex[CHAIN_HEX_LEN], time[TIME_STRLEN];
	json_t *o = json_pack("{s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:s}", "good", f->good, "store",
			      f->store, "first", (json_int_t)f->first, "last", (json_int_t)f->last,
			      "events", (json_int_t)f->events, "dead_letters",
			      (json_int_t)f->dead_letters, "anchors", (json_int_t)f->anchors,
			      "hash", chain_hex(&f->hash, hex));

	if (f->what)
		json_object_set(o, "what", f->what);
	if (f->anchors) {
		json_object_set_new(o, "anchored", json_integer((json_int_t)f->anchored));
		json_object_set_new(o, "anchored_time",
				    json_string(time_format(f->anchored_ns, time)));
	}
	if (asked)
		json_object_set_new(o, "anchors_elsewhere", json_integer((json_int_t)met));
	if (!f->good) {
		json_object_set_new(o, "line", json_integer((json_int_t)f->line));
		if (f->place)
			json_object_set_new(o, "place", json_integer((json_int_t)f->place));
		if (f->id[0])
			json_object_set_new(o, "id", json_string(f->id));
		json_object_set_new(o, "text", json_string(f->text));
	}
	json_dumpf(o, to, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', to);
	json_decref(o);
}

int export_verify(FILE *from, const char *name, const struct verify_anchors *anchors,
		  enum output_format format, FILE *to, char *err, size_t size)
{
	struct pack *p = pack_new();
	const struct pack_facts *facts;
	char *line = NULL;
	size_t room = 0;
	bool good = p != NULL;
	ssize_t len;
	int rc;

	for (size_t i = 0; good && anchors && i < anchors->n; i++)
		good = pack_expect(p, &anchors->list[i]);
	if (!good) {
		snprintf(err, size, "%s: out of memory", name);
		pack_free(p);
		return -1;
	}
	while ((len = getline(&line, &room, from)) >= 0) {
		if (len && line[len - 1] == '\n')
			len--;
		if (!pack_line(p, line, (size_t)len))
			break;
	}
	free(line);
	if (ferror(from)) {
		snprintf(err, size, "%s: %s", name, strerror(errno));
		pack_free(p);
		return -1;
	}
	facts = pack_finish(p);
	if (facts->good && anchors && !pack_expected(p))
		facts = pack_unanchored(p);
	if (format == OUTPUT_JSON)
		print_json(facts, pack_expected(p), anchors != NULL, to);
	else
		print_text(facts, pack_expected(p), anchors != NULL, to);
	rc = facts->good ? 0 : 1;
	if (fflush(to) || ferror(to))
		rc = QUERY_WRITE_FAILED;
	pack_free(p);
	return rc;
}
