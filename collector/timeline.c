/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments are gathered from the incident's events and flows, sorted by time, and
 * printed. A source that tries again and again is one moment with a count: the
 * reader wants to see that it tried, not to scroll past it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/incident.h"
#include "collector/query.h"
#include "collector/timeline.h"
#include "collector/words.h"
#include "common/clock.h"

#define MARK_WIDTH 10

enum tone { TONE_PLAIN, TONE_BLUE, TONE_AMBER, TONE_RED, TONE_STRONG };

static const char *const tones[] = { "", "\033[34m", "\033[33m", "\033[31m", "\033[1m" };

struct moment {
	uint64_t time_ns, last_ns; /* last: of the same, tried again */
	uint64_t order;		   /* among equal times: as it was stored */
	unsigned count;
	const char *mark; /* one of the words of docs/collector.md */
	enum tone tone;
	char *text;
	char *key; /* attempts that are the same but for time; NULL: unique */
	char *id;  /* the event's or the flow's */
};

struct timeline {
	struct moment *moments;
	size_t n, size;
	bool failed; /* out of memory */
};

struct moment_row {
	uint64_t time_ns, last_ns, count;
	const char *mark, *text, *id;
};

#define AT(type, field) type, offsetof(struct moment_row, field)
static const struct column columns[] = {
	{ "time", "TIME", AT(COLUMN_TIME, time_ns) }, { "last", NULL, AT(COLUMN_TIME, last_ns) },
	{ "what", "WHAT", AT(COLUMN_TEXT, mark) },    { "count", NULL, AT(COLUMN_COUNT, count) },
	{ "text", "TEXT", AT(COLUMN_TEXT, text) },    { "id", NULL, AT(COLUMN_TEXT, id) },
};

static void push(struct timeline *t, const struct moment *m, const char *text, const char *key,
		 const char *id)
{
	struct moment *to;

	if (t->n == t->size) {
		size_t size = t->size ? 2 * t->size : 64;
		struct moment *grown = realloc(t->moments, size * sizeof(*grown));

		if (!grown) {
			t->failed = true;
			return;
		}
		t->moments = grown;
		t->size = size;
	}
	to = &t->moments[t->n];
	*to = *m;
	to->order = t->n;
	to->count = 1;
	to->last_ns = m->time_ns;
	to->text = strdup(text);
	to->key = key ? strdup(key) : NULL;
	to->id = strdup(id);
	t->failed |= !to->text || (key && !to->key) || !to->id;
	t->n++;
}

static void free_timeline(struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->moments[i].text);
		free(t->moments[i].key);
		free(t->moments[i].id);
	}
	free(t->moments);
}

/* ---- gathering ------------------------------------------------------------- */

static void mark_change(const struct event *e, struct moment *m)
{
	enum incident_path to = INCIDENT_PRIMARY, from = INCIDENT_PRIMARY;
	bool known = incident_path_parse(e->change.to, &to);

	incident_path_parse(e->change.from, &from);
	m->mark = "change";
	m->tone = TONE_STRONG;
	if (!known)
		return;
	if (to == INCIDENT_PRIMARY) {
		m->mark = from == INCIDENT_FAILING ? "recovered" : "FAILBACK";
	} else if (to == INCIDENT_FAILING) {
		m->mark = "Ma1 fails";
		m->tone = TONE_AMBER;
	} else if (to == INCIDENT_UNREACHABLE) {
		m->mark = "NEITHER";
		m->tone = TONE_RED;
	} else {
		m->mark = from > INCIDENT_FAILING && from < INCIDENT_UNREACHABLE ? "change"
										 : "FAILOVER";
		m->tone = to == INCIDENT_UNJUSTIFIED   ? TONE_RED
			  : to == INCIDENT_UNEXPLAINED ? TONE_AMBER
						       : TONE_BLUE;
	}
}

static int add_event(void *arg, const struct store_event *row)
{
	struct moment m = { .time_ns = row->time_ns };
	struct timeline *t = arg;
	char text[WORDS_LEN], id[300], err[128];
	struct event e;

	if (event_decode(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	words_event(&e, text);
	snprintf(id, sizeof(id), "%s/%" PRIu64, row->agent, row->seq);
	if (e.type == EVENT_PATH_CHANGE) {
		mark_change(&e, &m);
	} else if (e.type == EVENT_ALERT) {
		m.mark = "alert";
		m.tone = TONE_RED;
	} else {
		m.mark = "bgp";
	}
	push(t, &m, text, NULL, id);
	event_clear(&e);
	return 0;
}

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

static void add_session(struct timeline *t, const struct store_flow *f)
{
	struct moment m = { .time_ns = f->start_ns };
	char text[3 * WORDS_LEN], flow[WORDS_LEN], trust[WORDS_LEN], clean[64];
	char in[24], out[24], took[24];
	bool untrusted = is(f->verdict, "untrusted");

	m.mark = untrusted ? "UNTRUSTED" : is(f->path, "in-band") ? "session" : "Ma1 works";
	m.tone = untrusted ? TONE_RED : is(f->path, "in-band") ? TONE_BLUE : TONE_PLAIN;
	words_flow(f, flow);
	words_trust(f, trust);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", flow,
		 untrusted ? ": got in" : " established", trust[0] ? ", " : "", trust,
		 f->user ? ", user " : "",
		 f->user ? output_clean(f->user, clean, sizeof(clean)) : "",
		 f->open && is(f->path, "in-band") ? ", still open" : "");
	push(t, &m, text, NULL, f->flow);
	/* Also when it came after the failback: somebody stayed on lo6. */
	if (f->open || !is(f->path, "in-band"))
		return;
	m.time_ns = f->end_ns;
	m.mark = "end";
	m.tone = TONE_PLAIN;
	snprintf(text, sizeof(text), "%s %s after %s, %s in, %s out", flow,
		 is(f->outcome, "reset") ? "reset" : "ended",
		 output_duration((double)(f->end_ns - f->start_ns) / (double)NS_PER_S, took),
		 output_bytes(f->source_bytes, in), output_bytes(f->destination_bytes, out));
	push(t, &m, text, NULL, f->flow);
}

static void add_attempt(struct timeline *t, const struct store_flow *f)
{
	struct moment m = { .time_ns = f->start_ns, .mark = "attempt" };
	char text[3 * WORDS_LEN], key[300], trust[WORDS_LEN], clean[64];

	if (is(f->verdict, "untrusted")) {
		m.mark = "UNTRUSTED";
		m.tone = TONE_RED;
	}
	words_trust(f, trust);
	snprintf(text, sizeof(text), "%s from %s to %s (%s) %s%s%s",
		 f->service ? f->service : "flow", f->source ? f->source : "?",
		 words_interface(f->path), f->destination ? f->destination : "?",
		 f->outcome ? output_clean(f->outcome, clean, sizeof(clean)) : "",
		 m.tone ? ", " : "", m.tone ? trust : "");
	snprintf(key, sizeof(key), "%s %s %s %s %s", f->service ? f->service : "",
		 f->source ? f->source : "", f->destination ? f->destination : "",
		 f->outcome ? f->outcome : "", f->verdict ? f->verdict : "");
	push(t, &m, text, key, f->flow);
}

static int add_flow(void *arg, const struct store_flow *f)
{
	if (f->established)
		add_session(arg, f);
	else
		add_attempt(arg, f);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Attempts alike become one, as long as nothing else but attempts lies between:
 * what was tried before a failover and after it are two things. */
static void merge(struct timeline *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct moment *m = &t->moments[i];
		bool merged = false;

		for (size_t k = kept; m->key && k > 0 && t->moments[k - 1].key; k--) {
			struct moment *before = &t->moments[k - 1];

			if (strcmp(before->key, m->key) != 0)
				continue;
			before->count++;
			before->last_ns = m->time_ns;
			free(m->text);
			free(m->key);
			free(m->id);
			merged = true;
			break;
		}
		if (!merged)
			t->moments[kept++] = *m;
	}
	t->n = kept;
}

/* ---- printing -------------------------------------------------------------- */

/* The text after its mark, wrapped at words; indent is where it begins. */
static void print_wrapped(FILE *to, const char *text, unsigned indent, unsigned width)
{
	unsigned room = width > indent + 20 ? width - indent : 0;

	while (room && strlen(text) > room) {
		unsigned cut = room;

		while (cut > room / 2 && text[cut] != ' ')
			cut--;
		if (text[cut] != ' ') {
			cut = room; /* not inside a character */
			while (cut > 1 && ((unsigned char)text[cut] & 0xc0) == 0x80)
				cut--;
		}
		fprintf(to, "%.*s\n%*s", (int)cut, text, (int)indent, "");
		text += cut;
		text += *text == ' ';
	}
	fprintf(to, "%s\n", text);
}

static void print_fact(FILE *to, const char *name, const char *text)
{
	fprintf(to, "  %-*s  %s\n", MARK_WIDTH, name, text);
}

static void print_head(const struct store_episode *i, uint64_t now, FILE *to, bool colour)
{
	char text[WORDS_LEN + 64], words[WORDS_LEN], time[32], took[24], reason[128];

	fprintf(to, "%sIncident %" PRIu64 ": %s%s\n\n", colour ? "\033[1m" : "", i->id,
		words_incident(i, words), colour ? "\033[0m" : "");
	output_clean(words_reason(i->reason), reason, sizeof(reason));
	snprintf(text, sizeof(text), "%s, %s", output_time(i->opened_ns, false, time), reason);
	print_fact(to, "opened", text);
	if (i->closed_ns) {
		output_clean(words_reason(i->closed_by ? i->closed_by : ""), reason,
			     sizeof(reason));
		snprintf(text, sizeof(text), "%s, %s", output_time(i->closed_ns, false, time),
			 reason);
	} else {
		snprintf(text, sizeof(text), "still open, since %s",
			 output_duration(now > i->opened_ns
						 ? (double)(now - i->opened_ns) / (double)NS_PER_S
						 : 0,
					 took));
	}
	print_fact(to, "closed", text);
	if (i->outage_s >= 0) {
		snprintf(text, sizeof(text), "%s without Ma1", output_duration(i->outage_s, took));
		print_fact(to, "outage", text);
	}
	snprintf(text, sizeof(text),
		 "%" PRIu64 " over lo6; %" PRIu64 " flow%s from untrusted "
		 "sources; %" PRIu64 " attempt%s failed",
		 i->sessions, i->untrusted, i->untrusted == 1 ? "" : "s", i->attempts,
		 i->attempts == 1 ? "" : "s");
	print_fact(to, "sessions", text);
	fputc('\n', to);
}

static void print_moments(const struct timeline *t, FILE *to, unsigned width, bool colour)
{
	char day[32] = "", time[32], text[3 * WORDS_LEN + 80], last[32];

	for (size_t i = 0; i < t->n; i++) {
		const struct moment *m = &t->moments[i];

		output_time(m->time_ns, true, time);
		if (strncmp(day, time, 10) != 0) {
			snprintf(day, sizeof(day), "%.10s", time);
			fprintf(to, "  %s UTC\n", day);
		}
		if (m->count > 1) {
			output_time(m->last_ns, false, last);
			snprintf(text, sizeof(text), "%s (%u times until %.8s)", m->text, m->count,
				 last + 11);
		} else {
			snprintf(text, sizeof(text), "%s", m->text);
		}
		fprintf(to, "  %.12s  %s%-*s%s  ", time + 11, colour ? tones[m->tone] : "",
			MARK_WIDTH, m->mark, colour && m->tone ? "\033[0m" : "");
		print_wrapped(to, text, 2 + 12 + 2 + MARK_WIDTH + 2, width);
	}
}

static struct moment_row row_of(const struct moment *m)
{
	return (struct moment_row){ .time_ns = m->time_ns,
				    .last_ns = m->count > 1 ? m->last_ns : 0,
				    .count = m->count,
				    .mark = m->mark,
				    .text = m->text,
				    .id = m->id };
}

static void print_json(const struct timeline *t, const struct store_episode *i, FILE *to)
{
	json_t *doc = query_incident(i), *list = json_array();
	char *text;

	for (size_t n = 0; n < t->n; n++) {
		struct moment_row row = row_of(&t->moments[n]);

		json_array_append_new(list, output_document(columns, 6, &row));
	}
	json_object_set_new(doc, "timeline", list);
	text = json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fprintf(to, "%s\n", text ? text : "");
	free(text);
	json_decref(doc);
}

static void print_csv(const struct timeline *t, FILE *to)
{
	output_csv_row(to, columns, 6, NULL);
	for (size_t i = 0; i < t->n; i++) {
		struct moment_row row = row_of(&t->moments[i]);

		output_csv_row(to, columns, 6, &row);
	}
}

int timeline_print(struct store *s, uint64_t id, enum output_format format, uint64_t now,
		   unsigned width, bool colour, FILE *to)
{
	struct store_filter filter = { .incident = id };
	struct timeline t = { 0 };
	struct store_episode i;
	int rc;

	rc = store_episode_get(s, id, &i);
	if (rc <= 0)
		return rc;
	rc = store_events(s, &filter, add_event, &t);
	if (!rc)
		rc = store_flows(s, &filter, add_flow, &t);
	if (!rc && t.failed)
		rc = QUERY_WRITE_FAILED;
	if (!rc) {
		if (t.n)
			qsort(t.moments, t.n, sizeof(*t.moments), by_time);
		merge(&t);
		if (format == OUTPUT_JSON) {
			print_json(&t, &i, to);
		} else if (format == OUTPUT_CSV) {
			print_csv(&t, to);
		} else {
			print_head(&i, now, to, colour);
			print_moments(&t, to, width, colour);
		}
		rc = fflush(to) || ferror(to) ? QUERY_WRITE_FAILED : 1;
	}
	free_timeline(&t);
	return rc;
}
