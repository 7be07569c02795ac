/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/command/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/command/query.h"
#include "collector/store/chain_check.h"
#include "collector/store/retain.h"
#include "common/clock.h"

#define PROGRESS_EVERY 100000 /* places */

/* ---- anchors from elsewhere ------------------------------------------------ */

bool verify_anchors_add(struct verify_anchors *a, const struct chain_anchor *anchor)
{
	if (a->n == a->room) {
		size_t room = a->room ? a->room * 2 : 64;
		struct chain_anchor *list = realloc(a->list, room * sizeof(*list));

		if (!list)
			return false;
		a->list = list;
		a->room = room;
	}
	a->list[a->n++] = *anchor;
	return true;
}

void verify_anchors_free(struct verify_anchors *a)
{
	free(a->list);
	memset(a, 0, sizeof(*a));
}

static void note_bad(struct verify_anchors *a, const char *line, size_t len, size_t number,
		     const char *why)
{
	static const char begin[] = "{\"store\":\"";

	if (!a->bad++) {
		a->first_bad = number;
		snprintf(a->why, sizeof(a->why), "%s", why);
	}
	a->before_last_bad = a->n;
	a->pieces += strncmp(line, begin, len < strlen(begin) ? len : strlen(begin)) == 0;
}

bool verify_anchors_read(struct verify_anchors *a, FILE *from, const char *name, char *err,
			 size_t size)
{
	struct chain_anchor anchor;
	char *line = NULL, why[200];
	size_t room = 0, number = 0;
	bool good = true;
	ssize_t len;

	while (good && (len = getline(&line, &room, from)) >= 0) {
		number++;
		a->cut = !len || line[len - 1] != '\n';
		len -= !a->cut;
		if (!len)
			continue;
		if (!chain_anchor_parse(line, (size_t)len, &anchor, why, sizeof(why)))
			note_bad(a, line, (size_t)len, number, why);
		else if (!(good = verify_anchors_add(a, &anchor)))
			snprintf(err, size, "%s: out of memory", name);
	}
	if (good && ferror(from)) {
		snprintf(err, size, "%s: %s", name, strerror(errno));
		good = false;
	}
	free(line);
	return good;
}

/* By number; several collectors may have sent the same one. */
static int compare(const void *x, const void *y)
{
	const struct chain_anchor *a = x, *b = y;

	return a->number < b->number ? -1 : a->number > b->number;
}

/* ---- the walk -------------------------------------------------------------- */

struct walk {
	struct store *store;
	const struct verify_config *config;
	struct chain_check *check;
	uint64_t length; /* of the chain */
	uint64_t done, others;
	uint64_t underived; /* places */
};

static int take_damage(void *arg, const char *what)
{
	struct walk *w = arg;

	chain_check_damage(w->check, what);
	return 0;
}

static int take_place(void *arg, const struct store_place *p)
{
	struct walk *w = arg;

	chain_check_place(w->check, p);
	if (++w->done % PROGRESS_EVERY == 0 && w->config->progress)
		w->config->progress(w->done, w->length);
	return 0;
}

static int take_seal(void *arg, const struct store_segment *x)
{
	struct walk *w = arg;

	chain_check_seal(w->check, x);
	return 0;
}

/* What alert.record-sealed tells. */
static int take_told(void *arg, const struct store_event *row)
{
	struct walk *w = arg;
	json_t *doc = json_loads(row->json, 0, NULL);
	const json_t *a = json_object_get(doc, "alert");
	const char *before = json_string_value(json_object_get(a, "before"));
	const char *hash = json_string_value(json_object_get(a, "hash"));

	/* others may not call themselves what the collector is called */
	if (before && hash && strncmp(row->agent, "glasswatch-", strlen("glasswatch-")) == 0)
		chain_check_told(w->check,
				 (uint64_t)json_integer_value(json_object_get(a, "segment")),
				 (uint64_t)json_integer_value(json_object_get(a, "first")),
				 (uint64_t)json_integer_value(json_object_get(a, "last")), before,
				 hash);
	json_decref(doc);
	return 0;
}

static int take_stray(void *arg, const struct store_place *p)
{
	struct walk *w = arg;

	chain_check_stray(w->check, p);
	return 0;
}

static int take_hole(void *arg, const struct store_hole *h)
{
	struct walk *w = arg;

	chain_check_hole(w->check, h);
	return 0;
}

static int take_anchor(struct walk *w, const struct chain_anchor *a, bool outside)
{
	struct chain_hash now;
	bool known;
	int rc = store_chain_hash(w->store, a->place, &now);

	if (rc < 0)
		return rc;
	if (!rc && chain_check_is_sealed(w->check, a->place, &now, &known)) {
		if (!known)
			now = a->hash; /* within a segment: nothing is there to be compared */
		rc = 1;
	}
	chain_check_anchor(w->check, a, rc ? &now : NULL, outside);
	return 0;
}

static int take_own_anchor(void *arg, const struct chain_anchor *a)
{
	return take_anchor(arg, a, false);
}

/* What a line was that is none is not known. One before the newest anchor of this store is
 * of no weight, as that covers all places before it, and the numbers show whether one is
 * missing; one behind it may have been a newer one, which somebody did not like. */
static void judge_bad(struct walk *w, const struct verify_anchors *a)
{
	const struct chain_anchor *newest = NULL;

	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->list[i].store, store_id(w->store)) == 0 &&
		    (!newest || a->list[i].number > newest->number))
			newest = &a->list[i];
	if (a->bad && newest && newest < a->list + a->before_last_bad)
		chain_check_unread(w->check);
}

static int take_outside(struct walk *w)
{
	struct verify_anchors *a = w->config->anchors;
	uint64_t before = 0;
	int rc = 0;

	if (a)
		judge_bad(w, a);
	if (a && a->n)
		qsort(a->list, a->n, sizeof(*a->list), compare);
	for (size_t i = 0; a && i < a->n && !rc; i++) {
		if (strcmp(a->list[i].store, store_id(w->store)) != 0) {
			w->others++;
		} else if (a->list[i].number != before) {
			before = a->list[i].number;
			rc = take_anchor(w, &a->list[i], true);
		}
	}
	return rc;
}

/* What cannot be read ends a step; the steps after it are still worth while. */
static int judge_step(struct walk *w, int rc)
{
	if (rc == STORE_BROKEN) {
		chain_check_damage(w->check, store_error(w->store));
		return 0;
	}
	return rc;
}

static int walk(struct walk *w)
{
	struct store_filter told = { .type = "alert.record-sealed", .arrival = true };
	uint64_t derived = 0, places = 0, oldest_ns;
	int rc = store_snapshot(w->store);

	if (!rc)
		rc = judge_step(w, store_behind(w->store, &derived, &places, &oldest_ns));
	w->underived = places > derived ? places - derived : 0;
	if (!rc)
		rc = judge_step(w, store_damage(w->store, take_damage, w));
	if (!rc)
		rc = judge_step(w, store_chain_length(w->store, &w->length));
	if (!rc)
		rc = judge_step(w, store_segments(w->store, take_seal, w));
	if (!rc)
		rc = judge_step(w, store_chain(w->store, take_place, w));
	chain_check_finish_places(w->check);
	if (!rc)
		rc = judge_step(w, store_chain_strays(w->store, take_stray, w));
	if (!rc)
		rc = judge_step(w, store_events(w->store, &told, take_told, w));
	if (!rc)
		rc = judge_step(w, store_holes(w->store, take_hole, w));
	if (!rc)
		rc = judge_step(w, store_anchors(w->store, false, 0, take_own_anchor, w));
	if (!rc)
		rc = judge_step(w, take_outside(w));
	chain_check_finish(w->check, w->config->anchors != NULL);
	store_rollback(w->store);
	return rc;
}

/* ---- the answer ------------------------------------------------------------ */

/* "place 17: event 17, mgmt-1/17 flow.end of 2026-11-23T01:02:03Z: was changed ..." */
static void print_finding(const struct chain_finding *f, FILE *to)
{
	const char *comma = "";
	char clean[512], time[32];

	if (f->place) {
		fprintf(to, "place %" PRIu64, f->place);
		comma = ": ";
	}
	if (f->kind[0]) {
		fprintf(to, "%s%s", comma, output_clean(f->kind, clean, sizeof(clean)));
		if (f->n)
			fprintf(to, " %" PRIu64, f->n);
		comma = ", ";
	}
	if (f->id[0]) {
		fprintf(to, "%s%s", comma, output_clean(f->id, clean, sizeof(clean)));
		comma = ", ";
	}
	if (f->type[0] && f->id[0])
		fprintf(to, " %s", output_clean(f->type, clean, sizeof(clean)));
	if (f->time_ns)
		fprintf(to, " of %s", output_time(f->time_ns, false, time));
	fprintf(to, "%s%s\n", comma[0] ? ": " : "", output_clean(f->text, clean, sizeof(clean)));
}

static void print_text(const struct walk *w, FILE *to)
{
	const struct chain_totals *t = chain_check_totals(w->check);
	const struct chain_finding *found;
	size_t n = chain_check_findings(w->check, &found);
	char hex[CHAIN_HEX_LEN], time[32];

	for (size_t i = 0; i < n; i++)
		print_finding(&found[i], to);
	if (t->findings > n)
		fprintf(to, "... and %" PRIu64 " more\n", t->findings - n);
	fprintf(to, "%s: %" PRIu64 " events, %" PRIu64 " dead letters; ",
		t->findings ? "NOT GOOD" : "good", t->events, t->dead_letters);
	fprintf(to, "the chain ends at place %" PRIu64 " with %s\n", t->places,
		chain_hex(&t->head, hex));
	if (w->underived)
		fprintf(to,
			"not derived yet: the last %" PRIu64
			" places; the lists do not have them\n",
			w->underived);
	if (t->sealed)
		fprintf(to,
			"sealed: place 1 to %" PRIu64
			" was removed because of its age or size; the rest follows "
			"its hash\n",
			t->sealed);
	if (w->config->anchors && t->anchors && t->newest_place)
		fprintf(to,
			"anchors: %" PRIu64 " in %s; the newest that agrees is of %s and covers "
			"place 1 to %" PRIu64 "\n",
			t->anchors, w->config->anchors_name, output_time(t->newest_ns, false, time),
			t->newest_place);
	if (w->config->anchors && w->config->anchors->bad)
		fprintf(to, "anchors: lines of %s that are none: %zu; the first is line %zu: %s\n",
			w->config->anchors_name, w->config->anchors->bad,
			w->config->anchors->first_bad, w->config->anchors->why);
	if (!w->config->anchors)
		fprintf(to, "anchors: not asked for; that the end was not cut off or rewritten is "
			    "shown only with --anchors\n");
	fprintf(to, "covered: documents, events and dead letters, each column; flows, incidents, "
		    "devices and agents are derived from them\n");
}

static json_t *finding_document(const struct chain_finding *f)
{
	char time[TIME_STRLEN];
	json_t *doc = json_pack("{s:s,s:s}", "fault", chain_fault_name(f->fault), "text", f->text);

	if (f->place)
		json_object_set_new(doc, "place", json_integer((json_int_t)f->place));
	if (f->kind[0]) {
		json_object_set_new(doc, "kind", json_string(f->kind));
		if (f->n)
			json_object_set_new(doc, "n", json_integer((json_int_t)f->n));
	}
	if (f->id[0])
		json_object_set_new(doc, "id", json_string(f->id));
	if (f->type[0])
		json_object_set_new(doc, "type", json_string(f->type));
	if (f->time_ns)
		json_object_set_new(doc, "time", json_string(time_format(f->time_ns, time)));
	return doc;
}

static void print_json(const struct walk *w, FILE *to)
{
	const struct chain_totals *t = chain_check_totals(w->check);
	const struct chain_finding *found;
	size_t n = chain_check_findings(w->check, &found);
	json_t *doc, *list = json_array();
	char hex[CHAIN_HEX_LEN], time[TIME_STRLEN];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, finding_document(&found[i]));
	doc = json_pack("{s:s,s:b,s:I,s:I,s:I,s:s,s:I,s:o,s:[s,s]}", "store", store_id(w->store),
			"good", t->findings == 0, "places", (json_int_t)t->places, "events",
			(json_int_t)t->events, "dead_letters", (json_int_t)t->dead_letters, "head",
			chain_hex(&t->head, hex), "findings_total", (json_int_t)t->findings,
			"findings", list, "covered", "events", "dead_letters");
	if (doc && w->underived)
		json_object_set_new(doc, "underived", json_integer((json_int_t)w->underived));
	if (doc && t->sealed)
		json_object_set_new(doc, "sealed", json_integer((json_int_t)t->sealed));
	if (doc && w->config->anchors) {
		json_t *a = json_pack("{s:s,s:I,s:I,s:I}", "from", w->config->anchors_name,
				      "of_this_store", (json_int_t)t->anchors, "of_others",
				      (json_int_t)w->others, "covers", (json_int_t)t->newest_place);

		if (w->config->anchors->bad) {
			json_object_set_new(a, "bad_lines",
					    json_integer((json_int_t)w->config->anchors->bad));
			json_object_set_new(
				a, "first_bad_line",
				json_integer((json_int_t)w->config->anchors->first_bad));
		}
		if (t->newest_ns)
			json_object_set_new(a, "newest",
					    json_string(time_format(t->newest_ns, time)));
		json_object_set_new(doc, "anchors", a);
	}
	json_dumpf(doc, to, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', to);
	json_decref(doc);
}

static void take_outcome(const struct walk *w, struct verify_outcome *out)
{
	const struct chain_totals *t = chain_check_totals(w->check);
	const struct chain_finding *found;
	FILE *to;

	*out = (struct verify_outcome){ .places = t->places, .findings = t->findings };
	if (w->config->anchors && t->anchors)
		out->covers = t->newest_place;
	if (!chain_check_findings(w->check, &found))
		return;
	to = fmemopen(out->first_bad, sizeof(out->first_bad), "w");
	if (to) {
		print_finding(&found[0], to);
		fclose(to);
	}
	out->first_bad[sizeof(out->first_bad) - 1] = '\0';
	out->first_bad[strcspn(out->first_bad, "\n")] = '\0';
}

int verify_run(struct store *s, const struct verify_config *config, FILE *to)
{
	struct walk w = { .store = s, .config = config, .check = chain_check_new(store_id(s)) };
	int rc;

	if (!w.check)
		return STORE_FAILED;
	rc = walk(&w);
	if (!rc) {
		if (config->format == OUTPUT_JSON)
			print_json(&w, to);
		else
			print_text(&w, to);
		rc = chain_check_totals(w.check)->findings != 0;
		if (fflush(to) || ferror(to))
			rc = QUERY_WRITE_FAILED;
		if (config->outcome)
			take_outcome(&w, config->outcome);
	}
	chain_check_free(w.check);
	return rc;
}
