/* SPDX-License-Identifier: Apache-2.0 */
/* Of an incident's document the policy that was in force, the record behind it, and its
 * moments in order. */
#include "collector/view/incident_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/report.h"
#include "collector/view/moments.h"
#include "collector/words/text.h"

#define LOADS 2000 /* newest policy.loaded that are looked through */

/* ---- policy ------------------------------------------------------------------------ */

/* Since when an agent has its generation; a load that changes nothing is none. */
struct loads {
	struct incident_view *v;
	json_t *now;   /* agent: {generation, since} when the incident began */
	json_t *since; /* generation: since when, of any agent */
};

static void names(const json_t *change, const char *key, const char *word, char *buf, size_t size)
{
	const json_t *list = doc_list(change, key), *name;
	size_t len = strlen(buf), i;

	json_array_foreach(list, i, name)
	{
		if (!json_is_string(name) || len + 80 > size)
			break;
		len += (size_t)snprintf(buf + len, size - len, "%s%.60s", i ? ", " : word,
					json_string_value(name));
	}
}

static void put_load(struct incident_view *v, const struct store_event *row, const json_t *doc)
{
	const json_t *change = json_object_get(doc, "change");
	const char *before = doc_text(change, "previous");
	json_t *o = json_object();
	char text[600], id[300];

	text[0] = '\0';
	if (*before)
		snprintf(text, sizeof(text), "it was %.40s", before);
	names(change, "added", "; new: ", text, sizeof(text));
	names(change, "removed", "; gone: ", text, sizeof(text));
	names(change, "changed", "; changed: ", text, sizeof(text));
	snprintf(id, sizeof(id), "%s/%" PRIu64, row->agent, row->seq);
	row_time(o, "time", row->time_ns);
	put_text(o, "agent", row->agent);
	put_text(o, "generation", row->policy);
	put_text(o, "text", text[0] ? text : "the agent started");
	put_text(o, "event", id);
	json_array_append_new(json_object_get(json_object_get(v->doc, "policy"), "changes"), o);
}

static int take_load(void *arg, const struct store_event *row)
{
	struct loads *l = arg;
	const json_t *had = json_object_get(l->now, row->agent);
	bool same = had && doc_is(had, "generation", row->policy ? row->policy : "");
	json_t *doc;

	if (!row->policy || same)
		return 0;
	if (row->time_ns > l->v->began && had) {
		doc = json_loads(row->json, 0, NULL);
		put_load(l->v, row, doc);
		json_decref(doc);
	}
	if (row->time_ns <= l->v->began || !had)
		json_object_set_new(l->now, row->agent,
				    json_pack("{s:s, s:I}", "generation", row->policy, "since",
					      (json_int_t)row->time_ns));
	if (!json_object_get(l->since, row->policy))
		json_object_set_new(l->since, row->policy, json_integer((json_int_t)row->time_ns));
	return 0;
}

/* What the events and flows of the incident were judged by, and by whom. */
static void put_generations(struct loads *l, json_t *policy)
{
	json_t *list = json_object_get(policy, "generations"), *of, *o, *agents, *unused;
	const char *generation, *agent;

	json_object_foreach(l->v->policies, generation, of)
	{
		o = json_object();
		agents = json_array();
		put_text(o, "generation", generation);
		row_time(o, "since", doc_count(l->since, generation));
		json_object_foreach(of, agent, unused)
			json_array_append_new(agents, json_string(agent));
		json_object_set_new(o, "agents", agents);
		json_array_append_new(list, o);
	}
}

int incident_put_policy(struct incident_view *v)
{
	struct loads l = { v, json_object(), json_object() };
	json_t *policy = json_object();
	int rc;

	json_object_set_new(policy, "generations", json_array());
	json_object_set_new(policy, "changes", json_array());
	json_object_set(v->doc, "policy", policy);
	rc = incident_each_event(v, "policy.loaded", 0, v->end, LOADS, take_load, &l);
	put_generations(&l, policy);
	json_decref(policy);
	json_decref(l.now);
	json_decref(l.since);
	return rc;
}

/* ---- the record ---------------------------------------------------------------------- */

int incident_put_record(struct incident_view *v)
{
	json_t *record = json_object(), *agents = json_array(), *unused;
	struct chain_anchor anchor;
	struct chain_hash hash;
	char hex[CHAIN_HEX_LEN];
	const char *agent;
	uint64_t places = 0;
	int rc;

	json_object_set_new(v->doc, "record", record);
	row_count(record, "events", v->events);
	row_count(record, "flows", v->flows);
	json_object_foreach(v->agents, agent, unused)
		json_array_append_new(agents, json_string(agent));
	json_object_set_new(record, "agents", agents);
	rc = store_chain_length(v->s, &places);
	row_count(record, "places", places);
	if (rc >= 0)
		rc = store_chain_hash(v->s, places, &hash);
	if (rc > 0)
		put_text(record, "hash", chain_hex(&hash, hex));
	if (rc >= 0)
		rc = store_anchor_newest(v->s, &anchor);
	if (rc > 0) {
		json_t *o = json_object();

		row_count(o, "number", anchor.number);
		row_count(o, "place", anchor.place);
		put_text(o, "hash", chain_hex(&anchor.hash, hex));
		row_time(o, "time", anchor.time_ns);
		json_object_set_new(record, "anchor", o);
	}
	return rc < 0 ? rc : 0;
}

/* ---- moments --------------------------------------------------------------------------- */

int incident_put_timeline(struct incident_view *v)
{
	struct moments m;
	int rc = moments_gather(v->s, v->id, &m);

	for (size_t i = 0; !rc && i < m.n; i++) {
		const struct moment *x = &m.list[i];
		json_t *o = json_object();

		row_time(o, "time", x->time_ns);
		put_text(o, "what", x->mark);
		put_text(o, "tone", moment_tone_name(x->tone));
		put_text(o, "device", x->device);
		put_text(o, "text", x->text);
		row_count(o, "count", x->count);
		if (x->count > 1)
			row_time(o, "last", x->last_ns);
		put_text(o, "id", x->id);
		put_row(v->doc, "timeline", o, INCIDENT_MOMENTS);
	}
	moments_free(&m);
	return rc;
}
