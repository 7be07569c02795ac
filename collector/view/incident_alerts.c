/* SPDX-License-Identifier: Apache-2.0 */
/* Of an incident's document the alerts that belong to it, what is still open of its
 * devices, and the drill that covers it. */
#include "collector/view/incident_parts.h"

#include <stdio.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/store/alert.h"
#include "collector/words/text.h"
#include "collector/words/words.h"

/* What became of it, in a few words. */
static void end_of(const struct incident_view *v, const struct store_alert *a, char *buf,
		   size_t size)
{
	char clock[TEXT_SMALL], who[128], why[256];

	if (a->resolved_ns) {
		const char *by = a->resolved_by ? words_reason(a->resolved_by) : "";

		snprintf(buf, size, "resolved %s%s%s", text_clock(a->resolved_ns, v->began, clock),
			 *by ? ": " : "", output_clean(by, why, sizeof(why)));
	} else if (a->acked_ns && a->acked_by) {
		snprintf(buf, size, "acknowledged by %s: %s",
			 output_clean(a->acked_by, who, sizeof(who)),
			 output_clean(a->acked_why ? a->acked_why : "", why, sizeof(why)));
	} else {
		snprintf(buf, size, "%s", a->silence ? "silenced" : "open");
	}
}

static json_t *row_of(const struct incident_view *v, const struct store_alert *a, const char *since)
{
	json_t *o = json_object();
	char text[600];

	row_count(o, "id", a->id);
	row_time(o, since, a->since_ns);
	put_text(o, "name", a->name);
	put_text(o, "severity", event_severity_name(a->severity));
	put_text(o, "device", a->device);
	put_text(o, "source", a->source);
	put_text(o, "text", a->text);
	row_count(o, "count", a->count);
	row_time(o, "resolved", a->resolved_ns);
	end_of(v, a, text, sizeof(text));
	put_text(o, "end", text);
	return o;
}

static int take_alert(void *arg, const struct store_alert *a)
{
	struct incident_view *v = arg;

	put_row(v->doc, "alerts", row_of(v, a, "time"), INCIDENT_ALERTS);
	return 0;
}

/* Of any incident or none: its devices, or its source. */
static int take_open(void *arg, const struct store_alert *a)
{
	struct incident_view *v = arg;

	if (a->incident == v->id || (a->device && json_object_get(v->by_name, a->device)) ||
	    (a->source && doc_is(v->doc, "subject", a->source)))
		put_row(v->doc, "still_open", row_of(v, a, "since"), INCIDENT_ALERTS);
	return 0;
}

static int take_drill(void *arg, const struct store_drill *d)
{
	struct incident_view *v = arg;
	json_t *o;

	if (d->id != doc_count(v->doc, "drill_id"))
		return 0;
	o = json_object();
	put_text(o, "who", d->who);
	put_text(o, "why", d->why);
	row_time(o, "since", d->since_ns);
	row_time(o, "until", d->ended_ns ? d->ended_ns : d->until_ns);
	json_object_set_new(v->doc, "drill", o);
	return 0;
}

/* They come the newest first; a report reads downwards in time. */
static void turn(json_t *doc, const char *list)
{
	const json_t *rows = json_object_get(doc, list);
	json_t *turned = json_array();

	for (size_t i = json_array_size(rows); i > 0; i--)
		json_array_append(turned, json_array_get(rows, i - 1));
	json_object_set_new(doc, list, turned);
}

int incident_put_alerts(struct incident_view *v)
{
	struct store_alert_filter mine = { .now_ns = v->now, .incident = v->id };
	struct store_alert_filter open = { .now_ns = v->now,
					   .states = 1 << STORE_ALERT_OPEN |
						     1 << STORE_ALERT_ACKNOWLEDGED |
						     1 << STORE_ALERT_SILENCED };
	int rc = store_alerts(v->s, &mine, take_alert, v);

	if (!rc)
		rc = store_alerts(v->s, &open, take_open, v);
	if (!rc && doc_count(v->doc, "drill_id"))
		rc = store_drills(v->s, 0, take_drill, v);
	turn(v->doc, "alerts");
	turn(v->doc, "still_open");
	return rc;
}
