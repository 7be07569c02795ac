/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/view/incident.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/incident.h"
#include "collector/view/incident_parts.h"
#include "collector/words/incident.h"
#include "collector/words/text.h"
#include "common/clock.h"

/* ---- fields ------------------------------------------------------------------ */

void put_text(json_t *o, const char *key, const char *text)
{
	if (text && *text)
		row_text(o, key, text);
}

void put_row(json_t *doc, const char *list, json_t *row, size_t most)
{
	json_t *rows = json_object_get(doc, list);
	char key[64];

	if (json_array_size(rows) < most) {
		json_array_append_new(rows, row);
		return;
	}
	json_decref(row);
	snprintf(key, sizeof(key), "%s_left_out", list);
	row_count(doc, key, doc_count(doc, key) + 1);
}

static int keep_event(void *arg, const struct store_event *row)
{
	json_t *o = json_object();

	row_text(o, "agent", row->agent);
	row_count(o, "seq", row->seq);
	row_count(o, "time", row->time_ns);
	row_text(o, "device", row->device);
	row_text(o, "policy", row->policy);
	row_text(o, "json", row->json);
	json_array_append_new(arg, o);
	return 0;
}

/* The index gives the newest first; who asks pairs what began with what ended. */
int incident_each_event(struct incident_view *v, const char *type, uint64_t since, uint64_t until,
			uint64_t limit, store_event_fn *fn, void *arg)
{
	struct store_list l = {
		.type = type, .since_ns = since, .until_ns = until + 1, .limit = limit
	};
	json_t *rows = json_array();
	int rc = store_list_events(v->s, &l, keep_event, rows);

	for (size_t i = json_array_size(rows); !rc && i > 0; i--) {
		const json_t *o = json_array_get(rows, i - 1);
		struct store_event row = {
			.agent = doc_text(o, "agent"),
			.seq = doc_count(o, "seq"),
			.time_ns = doc_count(o, "time"),
			.type = type,
			.device = json_string_value(json_object_get(o, "device")),
			.policy = json_string_value(json_object_get(o, "policy")),
			.json = doc_text(o, "json"),
		};

		rc = fn(arg, &row);
	}
	json_decref(rows);
	return rc;
}

/* ---- the head ---------------------------------------------------------------- */

static int put_head(struct incident_view *v)
{
	struct store_incident i;
	uint64_t id = v->id;
	int rc = store_incident_resolve(v->s, &id);

	if (rc <= 0)
		return rc;
	rc = store_incident_get(v->s, id, &i);
	if (rc <= 0)
		return rc;
	if (id != v->id)
		row_count(v->doc, "joined", v->id);
	v->id = id;
	v->began = i.began_ns;
	v->end = i.closed_ns ? i.closed_ns : v->now;
	row_count(v->doc, "id", id);
	put_text(v->doc, "kind", i.kind);
	put_text(v->doc, "subject", i.subject);
	put_text(v->doc, "fabric", i.fabric);
	put_text(v->doc, "switch", i.switch_name);
	put_text(v->doc, "status", i.closed_ns ? "closed" : "open");
	put_text(v->doc, "severity", i.severity);
	put_text(v->doc, "worst", i.worst);
	put_text(v->doc, "reason", i.reason);
	put_text(v->doc, "closed_by", i.closed_by);
	row_time(v->doc, "began", i.began_ns);
	row_time(v->doc, "opened", i.opened_ns);
	row_time(v->doc, "closed", i.closed_ns);
	row_time(v->doc, "last", i.last_ns);
	row_seconds(v->doc, "outage_s", i.outage_s);
	put_text(v->doc, "suspicion", i.suspicion);
	row_time(v->doc, "suspected", i.suspected_ns);
	row_time(v->doc, "answered", i.answered_ns);
	put_text(v->doc, "witness", i.witness);
	if (i.drill)
		row_count(v->doc, "drill_id", i.drill);
	if (i.flood_syns)
		row_count(v->doc, "flood_syns", i.flood_syns);
	return 1;
}

/* ---------------------------------------------------------------------------- */

static int put_parts(struct incident_view *v)
{
	static int (*const parts[])(struct incident_view *) = {
		incident_put_flows,	incident_put_devices, incident_put_sessions,
		incident_put_untrusted, incident_put_events,  incident_put_fabric,
		incident_put_alerts,	incident_put_gaps,    incident_put_policy,
		incident_put_record,	incident_put_timeline
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(parts) / sizeof(parts[0]); i++)
		rc = parts[i](v);
	return rc;
}

static void begin(struct incident_view *v)
{
	static const char *const lists[] = { "devices",	  "unaffected", "others", "sessions",
					     "untrusted", "bgp",	"alerts", "still_open",
					     "gaps",	  "timeline",	"changes" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_object_set_new(v->doc, lists[i], json_array());
	v->devices = json_object_get(v->doc, "devices");
	v->by_name = json_object();
	v->reached = json_object();
	v->agents = json_object();
	v->policies = json_object();
}

static void end(struct incident_view *v)
{
	json_decref(v->by_name);
	json_decref(v->reached);
	json_decref(v->agents);
	json_decref(v->policies);
}

json_t *view_incident(struct store *s, const struct view_args *a, uint64_t id)
{
	struct incident_view v = { .s = s, .id = id, .now = view_moment(a) };
	int rc;

	v.doc = view_begin(s, a);
	if (!v.doc)
		return NULL;
	begin(&v);
	rc = put_head(&v);
	if (rc == 0) {
		json_decref(v.doc);
		v.doc = json_null();
	} else if (rc > 0) {
		rc = put_parts(&v);
		incident_words(v.doc);
	}
	end(&v);
	return view_end(s, v.doc, rc);
}
