/* SPDX-License-Identifier: Apache-2.0 */
/* The agents: who reports, what it lost, in a sentence. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/view/agents.h"
#include "collector/view/row.h"
#include "common/clock.h"

static json_t *list_of(const char *text)
{
	json_t *list = json_array();

	while (text && *text) {
		size_t n = strcspn(text, ",");

		json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return list;
}

static uint64_t counter(const json_t *delivery, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(delivery, key));
}

/* Reasons are counted one by one, and they are numbers or an object of numbers. */
static uint64_t dropped(const json_t *delivery)
{
	const json_t *d = json_object_get(delivery, "dropped");
	const char *key;
	uint64_t sum = 0;
	json_t *value;

	if (json_is_integer(d))
		return (uint64_t)json_integer_value(d);
	json_object_foreach((json_t *)(uintptr_t)d, key, value)
		sum += (uint64_t)json_integer_value(value);
	return sum;
}

static void say_agent(struct say *w, const struct store_agent *r, const json_t *delivery,
		      uint64_t now_ns)
{
	say_clean(w, r->agent);
	if (strcmp(r->state, "silent") == 0) {
		say(w, " is silent: nothing has come from it since ");
		say_clock(w, r->last_ns, now_ns);
		say(w, ".");
	} else {
		say(w, " is %s.", r->state);
	}
	if (r->missing)
		say(w, " %" PRIu64 " of its events are missing.", r->missing);
	else
		say(w, " None of its events is missing.");
	if (delivery)
		say(w,
		    " %" PRIu64 " generated = %" PRIu64 " acknowledged + %" PRIu64
		    " waiting + %" PRIu64 " dropped.",
		    counter(delivery, "generated"), counter(delivery, "acknowledged"),
		    counter(delivery, "waiting"), dropped(delivery));
}

json_t *view_agent_row(const struct store_agent *r, uint64_t now_ns)
{
	json_t *o = json_object(), *doc = r->stats ? json_loads(r->stats, 0, NULL) : NULL;
	json_t *stats = json_object_get(doc, "stats");
	json_t *delivery = json_object_get(stats, "delivery");
	struct say w = { 0 };

	if (!delivery && json_object_get(stats, "generated"))
		delivery = stats;
	row_text(o, "agent", r->agent);
	row_text(o, "state", r->state);
	row_text(o, "policy", r->policy);
	row_time(o, "first_seen", r->first_ns);
	row_time(o, "last_seen", r->last_ns);
	row_count(o, "last_seq", r->last_seq);
	row_count(o, "events", r->events);
	row_count(o, "missing", r->missing);
	json_object_set_new(o, "gaps", list_of(r->gaps));
	json_object_set_new(o, "alarms", list_of(r->alarms));
	row_time(o, "stats_time", r->stats_ns);
	if (stats)
		json_object_set(o, "stats", stats);
	say_agent(&w, r, delivery, now_ns);
	row_text(o, "words", w.text);
	json_decref(doc);
	return o;
}

struct take {
	json_t *rows;
	uint64_t now_ns;
};

static int take_agent(void *arg, const struct store_agent *r)
{
	struct take *t = arg;

	json_array_append_new(t->rows, view_agent_row(r, t->now_ns));
	return 0;
}

json_t *view_agents(struct store *s, const struct view_args *a)
{
	struct store_filter f = { .since_ns = a->since_ns, .until_ns = a->until_ns };
	struct take t = { .now_ns = view_moment(a) };
	json_t *doc = view_begin(s, a);
	int rc;

	if (!doc)
		return NULL;
	t.rows = json_array();
	json_object_set_new(doc, "agents", t.rows);
	rc = store_agents(s, &f, take_agent, &t);
	return view_end(s, doc, rc);
}
