/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/view/alert.h"

#include <string.h>

#include "common/clock.h"

/* A time, or what absent is made of. */
static json_t *at(uint64_t ns)
{
	char buf[TIME_STRLEN];

	return ns ? json_string(time_format(ns, buf)) : NULL;
}

static json_t *number(uint64_t n)
{
	return n ? json_integer((json_int_t)n) : NULL;
}

json_t *view_alert_row(const struct store_alert *a)
{
	json_t *acked = NULL;

	if (a->acked_ns)
		acked = json_pack("{s:o*,s:s*,s:s*,s:o*}", "at", at(a->acked_ns), "by", a->acked_by,
				  "reason", a->acked_why, "until", at(a->acked_until_ns));
	return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s*,s:s*,s:s*,s:o*,s:o*,s:o*,s:I,s:s,s:o*,s:s*,"
			 "s:o*,s:o*,s:I,s:o*}",
			 "id", (json_int_t)a->id, "name", a->name, "state",
			 store_alert_state_name(a->state), "severity",
			 event_severity_name(a->severity), "key", a->key, "bundle", a->bundle,
			 "device", a->device, "agent", a->agent, "source", a->source, "incident",
			 number(a->incident), "since", at(a->since_ns), "last", at(a->last_ns),
			 "count", (json_int_t)a->count, "text", a->text, "resolved",
			 at(a->resolved_ns), "resolved_by", a->resolved_by, "drill",
			 number(a->drill), "silence", number(a->silence), "updated",
			 (json_int_t)a->updated, "acknowledged", acked);
}

static bool is_active(uint64_t since_ns, uint64_t until_ns, uint64_t ended_ns, uint64_t now_ns)
{
	return since_ns <= now_ns && (ended_ns ? ended_ns : until_ns) > now_ns;
}

json_t *view_silence_row(const struct store_silence *x, uint64_t now_ns)
{
	return json_pack("{s:I,s:s*,s:s*,s:s*,s:s*,s:s,s:s,s:o*,s:o*,s:o*,s:b}", "id",
			 (json_int_t)x->id, "name", x->name, "device", x->device, "source",
			 x->source, "agent", x->agent, "by", x->who, "reason", x->why, "since",
			 at(x->since_ns), "until", at(x->until_ns), "ended", at(x->ended_ns),
			 "active", is_active(x->since_ns, x->until_ns, x->ended_ns, now_ns));
}

json_t *view_drill_row(const struct store_drill *x, uint64_t now_ns)
{
	return json_pack("{s:I,s:s*,s:s,s:s,s:o*,s:o*,s:o*,s:b}", "id", (json_int_t)x->id, "device",
			 x->device, "by", x->who, "reason", x->why, "since", at(x->since_ns),
			 "until", at(x->until_ns), "ended", at(x->ended_ns), "active",
			 is_active(x->since_ns, x->until_ns, x->ended_ns, now_ns));
}

/* ---- one alert ---------------------------------------------------------------- */

static int take_row(void *arg, const struct store_alert *a)
{
	json_t **out = arg;

	*out = view_alert_row(a);
	return *out ? 0 : STORE_FAILED;
}

static int take_event(void *arg, const struct store_event *row)
{
	json_t *list = arg, *doc = json_loads(row->json, 0, NULL);
	json_t *body = json_object_get(doc, "alert");
	json_t *entry;

	if (!doc)
		return 0;
	entry = json_pack("{s:O*,s:O*,s:O*,s:O*,s:O*,s:O*,s:O*,s:O*}", "time",
			  json_object_get(doc, "time"), "type", json_object_get(doc, "type"),
			  "severity", json_object_get(doc, "severity"), "state",
			  json_object_get(body, "state"), "text", json_object_get(body, "text"),
			  "by", json_object_get(body, "by"), "reason",
			  json_object_get(body, "reason"), "until", json_object_get(body, "until"));
	json_decref(doc);
	return json_array_append_new(list, entry) ? STORE_FAILED : 0;
}

json_t *view_alert(struct store *s, uint64_t id, uint64_t now_ns)
{
	json_t *alert = NULL, *history;
	int rc = store_alert_get(s, id, now_ns, take_row, &alert);

	if (rc == 0)
		return json_null();
	if (rc < 0)
		return NULL;
	history = json_array();
	rc = store_alert_events(s, id, take_event, history);
	if (rc || json_object_set_new(alert, "history", history)) {
		json_decref(alert);
		return NULL;
	}
	return alert;
}

/* ---- what operators said ------------------------------------------------------ */

struct listing {
	json_t *list;
	uint64_t now_ns;
};

static int take_silence(void *arg, const struct store_silence *x)
{
	struct listing *l = arg;

	return json_array_append_new(l->list, view_silence_row(x, l->now_ns)) ? STORE_FAILED : 0;
}

static int take_drill(void *arg, const struct store_drill *x)
{
	struct listing *l = arg;

	return json_array_append_new(l->list, view_drill_row(x, l->now_ns)) ? STORE_FAILED : 0;
}

json_t *view_silences(struct store *s, bool active_only, uint64_t now_ns)
{
	struct listing l = { json_array(), now_ns };

	if (!store_silences(s, active_only ? now_ns : 0, take_silence, &l))
		return l.list;
	json_decref(l.list);
	return NULL;
}

json_t *view_drills(struct store *s, bool active_only, uint64_t now_ns)
{
	struct listing l = { json_array(), now_ns };

	if (!store_drills(s, active_only ? now_ns : 0, take_drill, &l))
		return l.list;
	json_decref(l.list);
	return NULL;
}
