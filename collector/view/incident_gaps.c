/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of an incident's document what we could not see: time in which an agent was silent,
 * stopped, or blind on an interface; events that are lost; addresses nobody watches;
 * and what nobody can see by its nature. What is not in this list was seen as far as
 * the record tells.
 */
#include "collector/view/incident_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/store/fleet.h"
#include "collector/store/incident.h"
#include "collector/store/span.h"
#include "collector/view/cover.h"
#include "collector/words/text.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define LOOKED_THROUGH 2000 /* newest events of a type */

struct gaps {
	struct incident_view *v;
	json_t *open;	/* "kind agent subject": since when */
	json_t *starts; /* agent: times of agent.start, in their order */
	json_t *holes;	/* agent: some of its numbers are missing, and when is known */
	struct cover unseen; /* within the incident */
};

/* ---- intervals ------------------------------------------------------------------- */

/* One that overlaps the incident. to 0: it has not ended. */
static void put_interval(struct gaps *g, const char *kind, const char *agent, uint64_t from,
			 uint64_t to, const char *text)
{
	struct incident_view *v = g->v;
	uint64_t end = to ? to : v->end;
	json_t *o;

	if (from > v->end || (to && to < v->began) || end < from)
		return;
	o = json_object();
	put_text(o, "kind", kind);
	put_text(o, "agent", agent);
	row_time(o, "from", from);
	row_time(o, "to", to);
	row_seconds(o, "seconds", (double)(end - from) / (double)NS_PER_S);
	put_text(o, "text", text);
	put_row(v->doc, "gaps", o, INCIDENT_ALERTS);
	cover_add(&g->unseen, from, end);
}

static void put_fact(struct incident_view *v, const char *kind, const char *text)
{
	json_t *o = json_object();

	put_text(o, "kind", kind);
	put_text(o, "text", text);
	put_row(v->doc, "gaps", o, INCIDENT_ALERTS);
}

/* ---- what was raised and cleared --------------------------------------------------- */

static void gap_text(const char *kind, const char *agent, const char *subject, char *buf,
		     size_t size)
{
	char name[160], what[160];

	output_clean(agent, name, sizeof(name));
	output_clean(subject, what, sizeof(what));
	if (strcmp(kind, "interface-down") == 0)
		snprintf(buf, size,
			 "Interface %s of agent %s was down: what went past it then was "
			 "not seen there.",
			 what, name);
	else if (strcmp(kind, "not-running") == 0)
		snprintf(buf, size,
			 "Agent %s was not running: what it would have seen is not "
			 "known, unless another agent saw it.",
			 name);
	else
		snprintf(buf, size,
			 "Agent %s was silent: what it saw then came late or never, "
			 "unless another agent saw it.",
			 name);
}

/* From raised to cleared, by name of the alert, agent and interface. */
static int take_alarm(void *arg, const struct store_event *row)
{
	struct gaps *g = arg;
	json_t *doc = json_loads(row->json, 0, NULL);
	const json_t *alert = json_object_get(doc, "alert"), *open;
	const char *agent = doc_text(alert, "agent"), *subject = doc_text(alert, "interface");
	const char *kind = row->type + strlen("alert.");
	char key[500], text[600];
	uint64_t since = row->time_ns;

	doc_time(alert, "since", &since);
	snprintf(key, sizeof(key), "%s %s %s", kind, agent, subject);
	open = json_object_get(g->open, key);
	if (doc_is(alert, "state", "raised")) {
		json_object_set_new(g->open, key,
				    json_pack("{s:s, s:s, s:s, s:I}", "kind", kind, "agent", agent,
					      "subject", subject, "since", (json_int_t)since));
	} else if (open) {
		gap_text(kind, agent, subject, text, sizeof(text));
		put_interval(g, kind, agent, doc_count(open, "since"), row->time_ns, text);
		json_object_del(g->open, key);
	}
	json_decref(doc);
	return 0;
}

static int take_start(void *arg, const struct store_event *row)
{
	struct gaps *g = arg;
	json_t *list = json_object_get(g->starts, row->agent);

	if (!list) {
		list = json_array();
		json_object_set_new(g->starts, row->agent, list);
	}
	json_array_append_new(list, json_integer((json_int_t)row->time_ns));
	return 0;
}

/* From agent.stop to the agent.start after it; a handover leaves nothing out. */
static int take_stop(void *arg, const struct store_event *row)
{
	struct gaps *g = arg;
	json_t *doc = json_loads(row->json, 0, NULL), *start;
	uint64_t again = 0;
	char text[600];
	size_t i;

	json_array_foreach(json_object_get(g->starts, row->agent), i, start)
	{
		again = (uint64_t)json_integer_value(start);
		if (again >= row->time_ns)
			break;
		again = 0;
	}
	if (!doc_flag(doc, "handover")) {
		gap_text("not-running", row->agent, "", text, sizeof(text));
		put_interval(g, "not-running", row->agent, row->time_ns, again, text);
	}
	json_decref(doc);
	return 0;
}

static void still_open(struct gaps *g)
{
	const char *key;
	json_t *o;
	char text[600];

	json_object_foreach(g->open, key, o)
	{
		gap_text(doc_text(o, "kind"), doc_text(o, "agent"), doc_text(o, "subject"), text,
			 sizeof(text));
		put_interval(g, doc_text(o, "kind"), doc_text(o, "agent"), doc_count(o, "since"), 0,
			     text);
	}
}

/* ---- what is lost ------------------------------------------------------------------- */

/* Missing numbers of an agent lie between the events around them. */
static int take_hole(void *arg, const struct store_fleet_gap *row)
{
	struct gaps *g = arg;
	uint64_t from, to, n = row->last - row->first + 1;
	char text[400], name[160];
	int rc = store_span_gap(g->v->s, row->agent, row->first, row->last, &from, &to);

	if (rc <= 0)
		return rc;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " event%s of agent %s never arrived: what %s told of is not known, "
		 "unless another agent saw it.",
		 n, n == 1 ? "" : "s", output_clean(row->agent, name, sizeof(name)),
		 n == 1 ? "it" : "they");
	put_interval(g, "events-missing", row->agent, from, to, text);
	json_object_set_new(g->holes, row->agent, json_true());
	return 0;
}

static int take_lost(void *arg, const struct store_event *row)
{
	struct gaps *g = arg;
	json_t *doc = json_loads(row->json, 0, NULL);
	const json_t *alert = json_object_get(doc, "alert"), *loss = json_object_get(doc, "loss");
	char text[WORDS_LEN + 200], clean[WORDS_LEN], clock[TEXT_SMALL];
	uint64_t from = row->time_ns, to = from;

	if (loss) {
		char a[TEXT_SMALL], b[TEXT_SMALL];

		doc_time(loss, "from", &from);
		doc_time(loss, "to", &to);
		if (from <= g->v->end && to >= g->v->began) {
			snprintf(text, sizeof(text),
				 "Agent %s had to drop %" PRIu64 " events of %s to %s: %s.",
				 output_clean(row->agent, clean, sizeof(clean)),
				 doc_count(loss, "count"), text_clock(from, g->v->began, a),
				 text_clock(to, g->v->began, b), doc_text(loss, "reason"));
			put_fact(g->v, "events-dropped", text);
		}
	} else if (*doc_text(alert, "text") &&
		   !json_object_get(g->holes, doc_text(alert, "agent"))) {
		snprintf(text, sizeof(text), "Noticed at %s: %s.",
			 text_clock(row->time_ns, g->v->began, clock),
			 output_clean(doc_text(alert, "text"), clean, sizeof(clean)));
		put_fact(g->v, "events-lost", text);
	}
	json_decref(doc);
	return 0;
}

/* Addresses of its devices that no flow was seen of. */
static int take_unseen(void *arg, const struct store_event *row)
{
	struct gaps *g = arg;
	json_t *doc, *alert;
	char key[400];

	if (!row->device || !json_object_get(g->v->by_name, row->device))
		return 0;
	doc = json_loads(row->json, 0, NULL);
	alert = json_object_get(doc, "alert");
	snprintf(key, sizeof(key), "%s", row->device);
	if (doc_is(alert, "state", "raised"))
		json_object_set(g->open, key, alert);
	else
		json_object_del(g->open, key);
	json_decref(doc);
	return 0;
}

static void put_unseen(struct gaps *g)
{
	char text[WORDS_LEN + 200], clean[WORDS_LEN];
	const char *device;
	json_t *alert;

	json_object_foreach(g->open, device, alert)
	{
		output_clean(doc_text(alert, "text"), clean, sizeof(clean));
		snprintf(text, sizeof(text), "%s. Whether somebody was there is not known.", clean);
		put_fact(g->v, "unwatched", text);
	}
}

/* ---- what follows from the rest ------------------------------------------------------- */

static void put_switch(struct incident_view *v)
{
	const char *name = doc_text(v->doc, "switch");
	char text[700], clean[300];
	size_t of = json_array_size(v->devices);

	if (!doc_is(v->doc, "kind", STORE_KIND_SWITCH))
		return;
	output_clean(*name ? name : "The management switch", clean, sizeof(clean));
	snprintf(text, sizeof(text),
		 "%s itself is not watched. That it failed is inferred from %zu devices of its "
		 "subnet that lost Ma1 together. A cut cable between it and the agents would look "
		 "the same.",
		 clean, of);
	put_fact(v, "inferred", text);
}

static void put_sessions(struct incident_view *v)
{
	size_t unknown = 0, holes = 0, nobody = 0, n, i;
	const json_t *sessions = json_object_get(v->doc, "sessions"), *s;
	char text[400], number[TEXT_SMALL];

	n = json_array_size(sessions);
	json_array_foreach(sessions, i, s)
	{
		unknown += doc_is(json_object_get(s, "login"), "result", "unknown");
		holes += doc_count(s, "missed_bytes") > 0;
		nobody += !*doc_text(s, "user");
	}
	if (unknown) {
		snprintf(text, sizeof(text),
			 "How the login ended is not known for %s of %zu "
			 "session%s.",
			 text_number(unknown, number), n, n == 1 ? "" : "s");
		put_fact(v, "login-unknown", text);
	}
	if (nobody) {
		snprintf(text, sizeof(text),
			 "Who was behind %s of %zu session%s is not known: "
			 "where they came from there is no agent that could "
			 "tell.",
			 text_number(nobody, number), n, n == 1 ? "" : "s");
		put_fact(v, "user-unknown", text);
	}
	if (holes) {
		snprintf(text, sizeof(text), "Of %s of %zu session%s some bytes were not seen.",
			 text_number(holes, number), n, n == 1 ? "" : "s");
		put_fact(v, "bytes-missed", text);
	}
}

static void put_sources(struct incident_view *v)
{
	if (json_array_size(json_object_get(v->doc, "untrusted")))
		put_fact(v, "source-unknown",
			 "Where the untrusted sources are there is no agent. Who was behind them "
			 "is not known.");
}

static void put_always(struct incident_view *v)
{
	put_fact(v, "always", "What was typed in any session is encrypted, and is not recorded.");
	put_fact(v, "always",
		 "Whether a login succeeded is inferred from the lengths of encrypted "
		 "packets, not read.");
}

/* ----------------------------------------------------------------------------------------- */

static int each(struct gaps *g, const char *type, uint64_t since, uint64_t until,
		store_event_fn *fn)
{
	return incident_each_event(g->v, type, since, until, LOOKED_THROUGH, fn, g);
}

int incident_put_gaps(struct incident_view *v)
{
	struct gaps *g = calloc(1, sizeof(*g));
	int rc = 0;

	if (!g)
		return 0;
	g->v = v;
	g->unseen.from_ns = v->began;
	g->unseen.to_ns = v->end;
	g->open = json_object();
	g->starts = json_object();
	g->holes = json_object();
	rc = each(g, "alert.agent-silent", 0, v->now, take_alarm);
	if (!rc)
		rc = each(g, "alert.interface-down", 0, v->now, take_alarm);
	still_open(g);
	if (!rc)
		rc = each(g, "agent.start", 0, v->now, take_start);
	if (!rc)
		rc = each(g, "agent.stop", 0, v->now, take_stop);
	if (!rc)
		rc = store_fleet_gaps(v->s, v->began, 0, COVER_MOST, take_hole, g);
	if (!rc)
		rc = each(g, "alert.events-lost", v->began, v->now, take_lost);
	if (!rc)
		rc = each(g, "agent.loss", v->began, v->now, take_lost);
	json_object_clear(g->open);
	if (!rc)
		rc = each(g, "alert.target-unseen", 0, v->end, take_unseen);
	put_unseen(g);
	put_switch(v);
	put_sources(v);
	put_sessions(v);
	put_always(v);
	row_seconds(v->doc, "unseen_s", cover_seconds(&g->unseen));
	json_decref(g->open);
	json_decref(g->starts);
	json_decref(g->holes);
	free(g);
	return rc;
}
