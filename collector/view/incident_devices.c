/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of an incident's document what happened to its devices: when Ma1 was lost and came
 * back, who said so by what, the states in between, BGP; and what a scrubber needs.
 */
#include "collector/view/incident_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/rules/incident.h"
#include "collector/store/incident.h"
#include "collector/words/text.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define FIRST_SIGN (600 * NS_PER_S) /* an attempt is told of within that */
#define OTHERS 5000		    /* path changes of other devices that are looked through */

static const char *const how_names[] = {
	[STORE_MEMBER_LOST] = "lost",
	[STORE_MEMBER_MOVED] = "moved",
	[STORE_MEMBER_PRIMARY] = "primary",
	[STORE_MEMBER_UNKNOWN] = "unknown",
};

/* ---- members --------------------------------------------------------------------- */

static void put_span(json_t *device, const char *state, bool first, uint64_t from, uint64_t to)
{
	json_t *span = json_object();

	put_text(span, "state", state);
	json_object_set_new(span, "lost", json_true());
	if (first)
		json_object_set_new(span, "first", json_true());
	row_time(span, "from", from);
	row_time(span, "to", to);
	json_array_append_new(json_object_get(device, "spans"), span);
}

static json_t *add_device(struct incident_view *v, const char *name)
{
	json_t *o = json_object();

	put_text(o, "name", name);
	json_object_set_new(o, "spans", json_array());
	json_object_set_new(o, "moves", json_array());
	row_count(o, "sessions", 0);
	json_array_append_new(v->devices, o);
	json_object_set(v->by_name, name, o);
	return o;
}

/* The agent measures an outage from the first attempt that was not answered, and tells of
 * it some seconds later: with the outage it is known when that was. */
static uint64_t lost_at(const struct store_incident_device *d)
{
	uint64_t outage = d->outage_s > 0 ? (uint64_t)(d->outage_s * (double)NS_PER_S) : 0;
	uint64_t at = d->closed_ns > outage ? d->closed_ns - outage : 0;

	return at && at < d->began_ns && d->began_ns - at < FIRST_SIGN ? at : d->began_ns;
}

/* A device that failed twice has two episodes: it was lost from the first on, came back
 * with the last, and was without Ma1 for both together. */
static void put_episode(json_t *o, const struct store_incident_device *d)
{
	uint64_t lost = lost_at(d);
	double before = 0;

	put_text(o, "worst", d->worst);
	put_text(o, "state", d->state);
	if (d->unreachable)
		json_object_set_new(o, "neither", json_true());
	if (!json_object_get(o, "reason"))
		put_text(o, "reason", d->reason);
	json_object_del(o, "back");
	row_time(o, "back", d->closed_ns);
	if (d->how != STORE_MEMBER_LOST)
		return;
	put_text(o, "how", how_names[d->how]);
	if (!json_object_get(o, "lost"))
		row_time(o, "lost", lost);
	put_span(o, "primary-failing", true, lost, d->closed_ns);
	doc_number(o, "lost_s", &before);
	json_object_del(o, "lost_s");
	if (d->closed_ns >= lost)
		row_seconds(o, "lost_s", before + (double)(d->closed_ns - lost) / (double)NS_PER_S);
}

static int take_device(void *arg, const struct store_incident_device *d)
{
	struct incident_view *v = arg;
	json_t *o;

	if (!d->episode) {
		/* The one that is suspected is not one of those that hang off it. */
		if (doc_is(v->doc, "switch", d->device))
			return 0;
		o = json_object();
		put_text(o, "name", d->device);
		put_text(o, "role", d->role);
		put_text(o, "how", how_names[d->how]);
		row_time(o, "last", d->last_ns);
		json_array_append_new(json_object_get(v->doc, "unaffected"), o);
		return 0;
	}
	o = json_object_get(v->by_name, d->device);
	if (!o) {
		o = add_device(v, d->device);
		put_text(o, "role", d->role);
		put_text(o, "how", how_names[d->how]);
	}
	put_episode(o, d);
	return 0;
}

static int take_reached(void *arg, const struct store_untrusted *row)
{
	struct incident_view *v = arg;

	if (row->device && *row->device && !json_object_get(v->by_name, row->device))
		put_text(add_device(v, row->device), "how", "reached");
	return 0;
}

int incident_put_devices(struct incident_view *v)
{
	json_t *subnet;
	int rc = store_incident_devices(v->s, v->id, take_device, v);

	/* Of an untrusted source: those that it reached for. */
	if (!rc && doc_is(v->doc, "kind", STORE_KIND_UNTRUSTED))
		rc = store_incident_untrusted(v->s, v->id, take_reached, v);
	if (doc_is(v->doc, "kind", STORE_KIND_SWITCH)) {
		subnet = json_object();
		put_text(subnet, "prefix", doc_text(v->doc, "subject"));
		row_count(subnet, "devices",
			  json_array_size(v->devices) +
				  json_array_size(json_object_get(v->doc, "unaffected")));
		json_object_set_new(v->doc, "subnet", subnet);
	}
	return rc;
}

/* ---- path changes --------------------------------------------------------------------- */

static bool is_in_band(const char *state)
{
	return strncmp(state, "in-band", 7) == 0;
}

static void put_change(struct incident_view *v, const char *device, uint64_t t, const char *path)
{
	json_t *o = json_object();

	row_time(o, "t", t);
	put_text(o, "device", device);
	put_text(o, "path", path);
	json_array_append_new(json_object_get(v->doc, "changes"), o);
}

static void put_move(json_t *device, const char *what, uint64_t t)
{
	json_t *o = json_object();

	put_text(o, "what", what);
	row_time(o, "time", t);
	json_array_append_new(json_object_get(device, "moves"), o);
}

/* The evidence that is named first, as a sentence. */
static void put_evidence(struct incident_view *v, json_t *device, const struct event *e,
			 const char *id)
{
	const char *reason = e->change.reason ? e->change.reason : "";
	bool stalled = strcmp(reason, "primary-stalled") == 0;
	char text[300];

	if (json_object_get(device, "event"))
		return;
	put_text(device, "event", id);
	for (unsigned i = 0; i < e->change.evidence_n; i++) {
		if (!incident_proof(v, e->agent, e->change.evidence[i], stalled, text,
				    sizeof(text)))
			continue;
		put_text(device, "evidence", text);
		return;
	}
	put_text(device, "evidence", words_reason(reason));
}

/* Several agents may tell of the same change: a state that is already known is none. */
static void path_change(struct incident_view *v, const struct store_event *row,
			const struct event *e, const char *id)
{
	json_t *device = json_object_get(v->by_name, row->device ? row->device : "");
	const char *to = e->change.to ? e->change.to : "";
	char from[64], since[TIME_STRLEN];

	if (!device)
		return;
	snprintf(from, sizeof(from), "%s", doc_text(device, "now"));
	snprintf(since, sizeof(since), "%s", doc_text(device, "now_since"));
	if (!from[0]) { /* the first one */
		snprintf(from, sizeof(from), "%s", e->change.from ? e->change.from : "primary");
		put_change(v, row->device, row->time_ns < v->began ? row->time_ns : v->began, from);
	}
	put_evidence(v, device, e, id);
	if (strcmp(from, to) == 0)
		return;
	put_change(v, row->device, row->time_ns, to);
	if (is_in_band(to) && !is_in_band(from))
		put_move(device, "failover", row->time_ns);
	else if (strcmp(to, "primary") == 0 && strcmp(from, "primary-failing") != 0)
		put_move(device, "failback", row->time_ns);
	if (strcmp(from, "unreachable") == 0 && since[0]) {
		uint64_t ns = 0;

		doc_time(device, "now_since", &ns);
		put_span(device, "unreachable", false, ns, row->time_ns);
	}
	json_object_del(device, "now_since");
	put_text(device, "now", to);
	row_time(device, "now_since", row->time_ns);
}

/* What a device is still in when the incident ends, or now. An agent that has begun anew
 * does not tell of the way back: then the episode's end is it. */
static void end_states(struct incident_view *v)
{
	uint64_t since, back;
	json_t *d;
	size_t i;

	json_array_foreach(v->devices, i, d)
	{
		const char *now = doc_text(d, "now");
		bool is_back = doc_time(d, "back", &back);

		if (strcmp(now, "unreachable") == 0 && doc_time(d, "now_since", &since))
			put_span(d, "unreachable", false, since, is_back ? back : 0);
		if (is_back && *now && strcmp(now, "primary") != 0) {
			put_change(v, doc_text(d, "name"), back, "primary");
			put_move(d, "failback", back);
		}
		json_object_del(d, "now");
		json_object_del(d, "now_since");
	}
}

/* ---- events --------------------------------------------------------------------------- */

static void bgp(struct incident_view *v, const struct store_event *row, struct event *e,
		const char *id)
{
	const json_t *doc = json_object_get(event_doc(e), "bgp");
	const char *state = doc_text(json_object_get(doc, "session"), "state");
	const char *action = doc_text(json_object_get(doc, "route"), "action");
	json_t *o = json_object();
	char text[WORDS_LEN];

	row_time(o, "time", row->time_ns);
	put_text(o, "device", row->device);
	put_text(o, "type", row->type);
	put_text(o, "state",
		 *state				   ? state
		 : strcmp(action, "withdraw") == 0 ? "withdrawn"
		 : *action			   ? "announced"
						   : "message");
	put_text(o, "text", words_event(e, text));
	put_text(o, "event", id);
	put_row(v->doc, "bgp", o, INCIDENT_BGP);
}

static int take_event(void *arg, const struct store_event *row)
{
	struct incident_view *v = arg;
	char id[EVENT_ID_STRLEN], err[128];
	struct event e;

	v->events++;
	json_object_set_new(v->agents, row->agent, json_true());
	if (row->policy) {
		if (!json_object_get(v->policies, row->policy))
			json_object_set_new(v->policies, row->policy, json_object());
		json_object_set_new(json_object_get(v->policies, row->policy), row->agent,
				    json_true());
	}
	if (event_read(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	snprintf(id, sizeof(id), "%s/%" PRIu64, row->agent, row->seq);
	if (e.type == EVENT_PATH_CHANGE)
		path_change(v, row, &e, id);
	else if (strncmp(row->type, "bgp.", 4) == 0)
		bgp(v, row, &e, id);
	event_clear(&e);
	return 0;
}

/* Who else lost Ma1 meanwhile. */
static int take_other(void *arg, const struct store_event *row)
{
	struct incident_view *v = arg;
	struct event e;
	char err[128];

	if (!row->device || json_object_get(v->by_name, row->device) ||
	    event_read(row->json, strlen(row->json), &e, err, sizeof(err)))
		return 0;
	if (e.change.to && (strcmp(e.change.to, "primary-failing") == 0 ||
			    strcmp(e.change.to, "unreachable") == 0))
		row_once(json_object_get(v->doc, "others"), row->device, INCIDENT_NAMES);
	event_clear(&e);
	return 0;
}

/* ---- what a scrubber needs -------------------------------------------------------------- */

/* Open sessions over lo6, beside the state: a change for each that begins or ends. */
static void put_opens(struct incident_view *v)
{
	json_t *changes = json_object_get(v->doc, "changes"), *s;
	uint64_t t;
	size_t i;

	json_array_foreach(json_object_get(v->doc, "sessions"), i, s)
	{
		const char *device = doc_text(s, "device");

		for (int ends = 0; ends < 2 && *device; ends++) {
			json_t *o;

			if ((ends && doc_flag(s, "open")) ||
			    !doc_time(s, ends ? "end" : "start", &t))
				continue;
			o = json_object();
			row_time(o, "t", t);
			put_text(o, "device", device);
			json_object_set_new(o, "opens", json_integer(ends ? -1 : 1));
			json_array_append_new(changes, o);
		}
	}
}

struct change {
	json_t *o;
	const char *t;
	size_t order;
};

/* RFC 3339 in UTC with nanoseconds sorts as text. */
static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int rc = strcmp(x->t, y->t);

	return rc ? rc : x->order < y->order ? -1 : x->order > y->order;
}

/* Sorted; then each says all that is true of its device from then on. */
static void sort_changes(struct incident_view *v)
{
	json_t *changes = json_object_get(v->doc, "changes"), *sorted = json_array(), *o;
	json_t *path = json_object(), *open = json_object();
	size_t n = json_array_size(changes), i;
	struct change *list = calloc(n ? n : 1, sizeof(*list));

	json_array_foreach(changes, i, o) if (list)
		list[i] = (struct change){ o, doc_text(o, "t"), i };
	if (list)
		qsort(list, n, sizeof(*list), by_time);
	for (i = 0; list && i < n; i++) {
		const char *device = doc_text(list[i].o, "device");
		json_int_t now = json_integer_value(json_object_get(open, device));

		o = list[i].o;
		now += json_integer_value(json_object_get(o, "opens"));
		json_object_del(o, "opens");
		json_object_set_new(open, device, json_integer(now));
		if (json_object_get(o, "path"))
			json_object_set(path, device, json_object_get(o, "path"));
		else if (json_object_get(path, device))
			json_object_set(o, "path", json_object_get(path, device));
		row_count(o, "open", now > 0 ? (uint64_t)now : 0);
		json_array_append(sorted, o);
	}
	json_object_set_new(v->doc, "changes", sorted);
	json_decref(path);
	json_decref(open);
	free(list);
}

int incident_put_events(struct incident_view *v)
{
	struct store_filter filter = { .incident = v->id };
	int rc = store_events(v->s, &filter, take_event, v);

	end_states(v);
	put_opens(v);
	sort_changes(v);
	if (!rc && !doc_is(v->doc, "kind", STORE_KIND_UNTRUSTED))
		rc = incident_each_event(v, "path.change", v->began, v->end, OTHERS, take_other, v);
	return rc;
}
