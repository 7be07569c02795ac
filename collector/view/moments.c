/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events first, then flows, both in the order of time. While flows are read it is known
 * how many events of a device came before (its epoch); that is part of what makes two
 * attempts the same, so they are merged as they come and memory holds them once.
 */
#include "collector/view/moments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "collector/base/output.h"
#include "collector/rules/incident.h"
#include "collector/store/incident.h"
#include "collector/words/words.h"
#include "common/clock.h"

struct gather {
	struct moments *to;
	size_t events, passed; /* of to->list; those before the flow that is read */
	json_t *epochs;	       /* device: how many of its events have passed */
	json_t *seen;	       /* attempt: its moment */
};

static const char *const tone_names[] = { "plain", "blue", "amber", "red", "strong" };
_Static_assert(sizeof(tone_names) / sizeof(tone_names[0]) == MOMENT_NUM_TONES, "one each");

const char *moment_tone_name(enum moment_tone t)
{
	return tone_names[t];
}

/* Copies the texts. */
static void push(struct moments *t, const struct moment *m, const char *device, const char *text,
		 const char *id)
{
	struct moment *to;

	if (t->n == t->size) {
		size_t size = t->size ? 2 * t->size : 64;
		struct moment *grown = realloc(t->list, size * sizeof(*grown));

		if (!grown) {
			t->failed = true;
			return;
		}
		t->list = grown;
		t->size = size;
	}
	to = &t->list[t->n];
	*to = *m;
	to->order = t->n;
	to->count = 1;
	to->last_ns = m->time_ns;
	to->device = strdup(device ? device : "");
	to->text = strdup(text);
	to->id = strdup(id);
	t->failed |= !to->device || !to->text || !to->id;
	t->n++;
}

void moments_free(struct moments *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].device);
		free(m->list[i].text);
		free(m->list[i].id);
	}
	free(m->list);
	*m = (struct moments){ 0 };
}

/* ---- events ---------------------------------------------------------------- */

/* outage_s below 0: not known. reason: cleaned. */
static void say_back(const char *reason, double outage_s, char text[WORDS_LEN])
{
	char took[24];

	snprintf(text, WORDS_LEN, "back on Ma1: %s%s%s", reason, outage_s >= 0 ? ", outage " : "",
		 outage_s >= 0 ? output_duration(outage_s, took) : "");
}

/* A change that its mark does not tell is told by its states: as the event is. */
static void say_change(const struct event *e, enum incident_path to, const char *mark,
		       char text[WORDS_LEN])
{
	char reason[128];

	if (strcmp(mark, "change") == 0 || !e->change.reason)
		return;
	output_clean(words_reason(e->change.reason), reason, sizeof(reason));
	if (to == INCIDENT_FAILING)
		snprintf(text, WORDS_LEN, "%s", reason);
	else if (to == INCIDENT_UNREACHABLE)
		snprintf(text, WORDS_LEN, "on neither path: %s", reason);
	else if (to != INCIDENT_PRIMARY)
		snprintf(text, WORDS_LEN, "on lo6%s: %s",
			 to == INCIDENT_UNJUSTIFIED   ? ", which is not justified"
			 : to == INCIDENT_UNEXPLAINED ? ", unexplained"
						      : "",
			 reason);
	else
		say_back(reason, e->change.outage_s, text);
}

static void mark_change(const struct event *e, struct moment *m, char text[WORDS_LEN])
{
	enum incident_path to = INCIDENT_PRIMARY, from = INCIDENT_PRIMARY;
	bool known = incident_path_parse(e->change.to, &to);

	incident_path_parse(e->change.from, &from);
	m->mark = "change";
	m->tone = MOMENT_STRONG;
	if (!known)
		return;
	if (to == INCIDENT_PRIMARY) {
		m->mark = from == INCIDENT_FAILING ? "recovered" : "FAILBACK";
	} else if (to == INCIDENT_FAILING) {
		m->mark = "Ma1 fails";
		m->tone = MOMENT_AMBER;
	} else if (to == INCIDENT_UNREACHABLE) {
		m->mark = "NEITHER";
		m->tone = MOMENT_RED;
	} else {
		m->mark = from > INCIDENT_FAILING && from < INCIDENT_UNREACHABLE ? "change"
										 : "FAILOVER";
		m->tone = to == INCIDENT_UNJUSTIFIED   ? MOMENT_RED
			  : to == INCIDENT_UNEXPLAINED ? MOMENT_AMBER
						       : MOMENT_BLUE;
	}
	say_change(e, to, m->mark, text);
}

static int add_event(void *arg, const struct store_event *row)
{
	struct moment m = { .time_ns = row->time_ns };
	struct gather *g = arg;
	char text[WORDS_LEN], id[300], err[128];
	struct event e;

	if (event_decode(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	words_event(&e, text);
	snprintf(id, sizeof(id), "%s/%" PRIu64, row->agent, row->seq);
	if (e.type == EVENT_PATH_CHANGE) {
		mark_change(&e, &m, text);
	} else if (e.type == EVENT_ALERT) {
		m.mark = "alert";
		m.tone = e.severity == SEVERITY_CRITICAL  ? MOMENT_RED
			 : e.severity == SEVERITY_WARNING ? MOMENT_AMBER
							  : MOMENT_PLAIN;
	} else {
		m.mark = "bgp";
	}
	push(g->to, &m, row->device, text, id);
	event_clear(&e);
	return 0;
}

/* ---- flows ------------------------------------------------------------------ */

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

static void add_session(struct gather *g, const struct store_flow *f)
{
	struct moment m = { .time_ns = f->start_ns };
	char text[3 * WORDS_LEN], flow[WORDS_LEN], trust[WORDS_LEN], clean[64];
	char in[24], out[24], took[24];
	bool untrusted = is(f->verdict, "untrusted");

	m.mark = untrusted ? "UNTRUSTED" : is(f->path, "in-band") ? "session" : "Ma1 works";
	m.tone = untrusted ? MOMENT_RED : is(f->path, "in-band") ? MOMENT_BLUE : MOMENT_PLAIN;
	words_flow(f, flow);
	words_trust(f, trust);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", flow,
		 untrusted ? ": got in" : " established", trust[0] ? ", " : "", trust,
		 f->user ? ", user " : "",
		 f->user ? output_clean(f->user, clean, sizeof(clean)) : "",
		 f->open && is(f->path, "in-band") ? ", still open" : "");
	push(g->to, &m, f->device, text, f->flow);
	/* Also when it came after the failback: somebody stayed on lo6. */
	if (f->open || !is(f->path, "in-band"))
		return;
	m.time_ns = f->end_ns;
	m.mark = "end";
	m.tone = MOMENT_PLAIN;
	snprintf(text, sizeof(text), "%s %s after %s, %s in, %s out", flow,
		 is(f->outcome, "reset") ? "reset" : "ended",
		 output_duration((double)(f->end_ns - f->start_ns) / (double)NS_PER_S, took),
		 output_bytes(f->source_bytes, in), output_bytes(f->destination_bytes, out));
	push(g->to, &m, f->device, text, f->flow);
}

/* Lets the events before this time pass; says how many of this device have. */
static json_int_t epoch(struct gather *g, const char *device, uint64_t time_ns)
{
	while (g->passed < g->events && g->to->list[g->passed].time_ns <= time_ns) {
		const char *name = g->to->list[g->passed++].device;
		json_int_t n = json_integer_value(json_object_get(g->epochs, name));

		json_object_set_new(g->epochs, name, json_integer(n + 1));
	}
	return json_integer_value(json_object_get(g->epochs, device));
}

static void add_attempt(struct gather *g, const struct store_flow *f)
{
	struct moment m = { .time_ns = f->start_ns, .mark = "attempt" };
	char text[3 * WORDS_LEN], key[800], trust[WORDS_LEN], clean[64];
	const char *device = f->device ? f->device : "";
	json_t *before;

	if (is(f->verdict, "untrusted")) {
		m.mark = "UNTRUSTED";
		m.tone = MOMENT_RED;
	}
	snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT " %s %s %s %s %s %s",
		 epoch(g, device, f->start_ns), device, f->service ? f->service : "",
		 f->source ? f->source : "", f->destination ? f->destination : "",
		 f->outcome ? f->outcome : "", f->verdict ? f->verdict : "");
	before = json_object_get(g->seen, key);
	if (before) {
		struct moment *same = &g->to->list[json_integer_value(before)];

		same->count++;
		same->last_ns = m.time_ns;
		return;
	}
	words_trust(f, trust);
	snprintf(text, sizeof(text), "%s from %s to %s (%s) %s%s%s",
		 f->service ? f->service : "flow", f->source ? f->source : "?",
		 words_interface(f->path), f->destination ? f->destination : "?",
		 f->outcome ? output_clean(f->outcome, clean, sizeof(clean)) : "",
		 m.tone ? ", " : "", m.tone ? trust : "");
	json_object_set_new(g->seen, key, json_integer((json_int_t)g->to->n));
	push(g->to, &m, device, text, f->flow);
}

static int add_flow(void *arg, const struct store_flow *f)
{
	if (f->established)
		add_session(arg, f);
	else
		add_attempt(arg, f);
	return 0;
}

/* ---- what no event says ------------------------------------------------------ */

/* The end of this episode is told of by a change; or *flow is the session to Ma1 that it is
 * known by, "" none. */
static bool is_told(const struct moments *t, const struct store_incident_device *d,
		    const char **flow)
{
	uint64_t newest = 0;

	*flow = "";
	for (size_t i = 0; i < t->n; i++) {
		const struct moment *m = &t->list[i];

		if (strcmp(m->device, d->device) != 0 || m->time_ns > d->closed_ns)
			continue;
		if (m->time_ns == d->closed_ns &&
		    (is(m->mark, "FAILBACK") || is(m->mark, "recovered")))
			return true;
		if (is(m->mark, "Ma1 works") && m->time_ns >= newest) {
			newest = m->time_ns;
			*flow = m->id;
		}
	}
	return false;
}

/* An agent that has begun anew does not tell that a device is back: the session to Ma1 that it
 * sees is its word, and the episode's end. One that closed when it opened was told of by a
 * clock that stepped back. */
static int add_end(void *arg, const struct store_incident_device *d)
{
	struct moment m = { .time_ns = d->closed_ns, .mark = "FAILBACK", .tone = MOMENT_STRONG };
	struct gather *g = arg;
	char text[WORDS_LEN];
	const char *flow;

	if (!d->episode || !d->closed_ns || d->closed_ns == d->opened_ns || g->to->failed ||
	    is_told(g->to, d, &flow))
		return 0;
	if (is(d->worst, incident_path_name(INCIDENT_FAILING)))
		m.mark = "recovered";
	say_back(words_reason("primary-ok"), d->outage_s, text);
	push(g->to, &m, d->device, text, flow);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

int moments_gather(struct store *s, uint64_t incident, struct moments *out)
{
	struct store_filter filter = { .incident = incident, .bare = true };
	struct gather g = { .to = out, .epochs = json_object(), .seen = json_object() };
	int rc;

	*out = (struct moments){ 0 };
	out->failed = !g.epochs || !g.seen;
	rc = store_events(s, &filter, add_event, &g);
	g.events = out->n;
	if (rc >= 0)
		rc = store_flows(s, &filter, add_flow, &g);
	if (rc >= 0)
		rc = store_incident_devices(s, incident, add_end, &g);
	if (out->n)
		qsort(out->list, out->n, sizeof(*out->list), by_time);
	json_decref(g.epochs);
	json_decref(g.seen);
	return rc < 0 ? rc : 0;
}
