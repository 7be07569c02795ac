/* SPDX-License-Identifier: Apache-2.0 */
/* What receivers are sent. docs/collector.md has the formats. */
#include "collector/deliver/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/view/alert.h"
#include "common/clock.h"

#define SLACK_MOST 20 /* attachments; Slack asks for no more */
#define SLACK_TEXT 1200

static const char *const kind_names[] = {
	[NOTIFY_WEBHOOK] = "webhook",
	[NOTIFY_SLACK] = "slack",
	[NOTIFY_ALERTMANAGER] = "alertmanager",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == NOTIFY_KINDS, "one name each");

const char *notify_kind_name(enum notify_kind k)
{
	return kind_names[k];
}

enum notify_verdict notify_judge(const struct store_alert *a, const struct store_told *told,
				 const struct notify_policy *p, uint64_t now_ns)
{
	bool worse = told && told->firing && a->severity > told->severity;

	if (a->drill)
		return NOTIFY_NOTHING;
	if (a->resolved_ns) {
		if (told)
			return told->firing ? NOTIFY_RESOLVED : NOTIFY_NOTHING;
		return a->severity >= p->least && !a->silence ? NOTIFY_RESOLVED : NOTIFY_NOTHING;
	}
	if (a->silence || a->severity < p->least)
		return NOTIFY_NOTHING;
	if (worse)
		return NOTIFY_FIRING;
	if (a->state == STORE_ALERT_ACKNOWLEDGED)
		return NOTIFY_NOTHING;
	if (!told)
		return NOTIFY_FIRING;
	if (!p->repeat_ns || now_ns < told->time_ns || now_ns - told->time_ns < p->repeat_ns)
		return NOTIFY_NOTHING;
	return NOTIFY_FIRING;
}

bool notify_lasts(const struct store_alert *a, const struct notify_policy *p)
{
	return !a->resolved_ns && !a->drill && !a->silence && a->severity >= p->least;
}

bool notify_add(struct notify *n, const struct store_alert *a, enum notify_verdict verdict,
		enum event_severity was)
{
	json_t *row = view_alert_row(a);

	if (!n->alerts)
		n->alerts = json_array();
	if (verdict == NOTIFY_FIRING)
		n->firing++;
	else
		n->resolved++;
	if (!row ||
	    json_object_set_new(row, "status",
				json_string(verdict == NOTIFY_FIRING ? "firing" : "resolved")))
		goto failed;
	if (was < SEVERITY_NUM && was != a->severity &&
	    json_object_set_new(row, "was", json_string(event_severity_name(was))))
		goto failed;
	return json_array_append_new(n->alerts, row) == 0;
failed:
	json_decref(row);
	return false;
}

void notify_clear(struct notify *n)
{
	json_decref(n->alerts);
	*n = (struct notify){ 0 };
}

static const char *text_of(const json_t *alert, const char *key)
{
	return json_string_value(json_object_get(alert, key));
}

static bool is_firing(const json_t *alert)
{
	const char *status = text_of(alert, "status");

	return status && strcmp(status, "firing") == 0;
}

/* ---- the generic one ----------------------------------------------------------- */

static json_t *webhook(const struct notify *n)
{
	char now[TIME_STRLEN];

	return json_pack("{s:i,s:s,s:s,s:I,s:s,s:s,s:s,s:O}", "version", 1, "collector",
			 n->collector, "receiver", n->receiver, "notification",
			 (json_int_t)n->number, "sent", time_format(n->now_ns, now), "bundle",
			 n->bundle, "status", n->firing ? "firing" : "resolved", "alerts",
			 n->alerts);
}

/* ---- Slack ------------------------------------------------------------------------ */

/* Slack takes <...> for links and mentions, & for what hides them. */
static const char *slack_text(const char *text, char *buf, size_t size)
{
	char clean[SLACK_TEXT];
	size_t len = 0;

	output_clean(text, clean, sizeof(clean));
	for (const char *c = clean; *c && len + 8 < size; c++) {
		const char *as = *c == '&'   ? "&amp;"
				 : *c == '<' ? "&lt;"
				 : *c == '>' ? "&gt;"
					     : NULL;

		if (as)
			len += (size_t)snprintf(buf + len, size - len, "%s", as);
		else
			buf[len++] = *c;
	}
	buf[len] = '\0';
	return buf;
}

static json_t *slack_field(const char *title, const char *value)
{
	char text[SLACK_TEXT];

	return json_pack("{s:s,s:s,s:b}", "title", title, "value",
			 slack_text(value, text, sizeof(text)), "short", 1);
}

static json_t *slack_attachment(const json_t *alert)
{
	static const char *const fields[] = { "device", "source", "agent", "severity", "since" };
	const char *severity = text_of(alert, "severity");
	char text[SLACK_TEXT], title[200], head[64];
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (text_of(alert, fields[i]))
			json_array_append_new(list,
					      slack_field(fields[i], text_of(alert, fields[i])));
	snprintf(head, sizeof(head), "%s%s", text_of(alert, "name"),
		 is_firing(alert) ? "" : ": resolved");
	slack_text(head, title, sizeof(title));
	slack_text(text_of(alert, "text"), text, sizeof(text));
	/* no markup: what looks like it comes from names */
	return json_pack("{s:s,s:s,s:s,s:s,s:[],s:o}", "color",
			 !is_firing(alert)		     ? "#808080"
			 : strcmp(severity, "critical") == 0 ? "danger"
							     : "warning",
			 "title", title, "text", text, "fallback", text, "mrkdwn_in", "fields",
			 list);
}

static json_t *slack(const struct notify *n)
{
	json_t *list = json_array(), *alert;
	char text[200];
	size_t i, all = json_array_size(n->alerts);

	json_array_foreach(n->alerts, i, alert)
	{
		if (i == SLACK_MOST)
			break;
		json_array_append_new(list, slack_attachment(alert));
	}
	if (all == 1)
		snprintf(text, sizeof(text), "glasswatch: %s%s",
			 text_of(json_array_get(n->alerts, 0), "name"),
			 n->firing ? "" : " is over");
	else if (n->resolved == 0)
		snprintf(text, sizeof(text), "glasswatch: %u alerts", n->firing);
	else if (n->firing == 0)
		snprintf(text, sizeof(text), "glasswatch: %u alerts are over", n->resolved);
	else
		snprintf(text, sizeof(text), "glasswatch: %u alerts, %u are over", n->firing,
			 n->resolved);
	if (all > SLACK_MOST)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "; %zu are not shown",
			 all - SLACK_MOST);
	return json_pack("{s:s,s:o}", "text", text, "attachments", list);
}

/* ---- Alertmanager ------------------------------------------------------------------ */

static json_t *manager_alert(const struct notify *n, const json_t *alert, const char *severity,
			     bool firing)
{
	char ends[TIME_STRLEN];
	json_t *labels, *notes, *acked = json_object_get(alert, "acknowledged"), *count;
	char text[32];

	labels = json_pack("{s:s,s:s,s:O,s:O,s:O*,s:O*,s:O*,s:s}", "alertname",
			   text_of(alert, "name"), "severity", severity, "bundle",
			   json_object_get(alert, "bundle"), "key", json_object_get(alert, "key"),
			   "device", json_object_get(alert, "device"), "agent",
			   json_object_get(alert, "agent"), "source",
			   json_object_get(alert, "source"), "collector", n->collector);
	notes = json_pack("{s:O}", "summary", json_object_get(alert, "text"));
	count = json_object_get(alert, "id");
	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(count));
	json_object_set_new(notes, "alert", json_string(text));
	if (acked)
		json_object_set(notes, "acknowledged_by", json_object_get(acked, "by"));
	if (text_of(alert, "resolved_by"))
		json_object_set(notes, "resolved_by", json_object_get(alert, "resolved_by"));
	time_format(firing ? n->now_ns + NOTIFY_EXPIRE : n->now_ns, ends);
	return json_pack("{s:o,s:o,s:O,s:s}", "labels", labels, "annotations", notes, "startsAt",
			 json_object_get(alert, "since"), "endsAt", ends);
}

static json_t *manager(const struct notify *n)
{
	json_t *list = json_array(), *alert;
	size_t i;

	json_array_foreach(n->alerts, i, alert)
	{
		/* The severity is a label: with another it is another alert there. */
		if (text_of(alert, "was"))
			json_array_append_new(list, manager_alert(n, alert, text_of(alert, "was"),
								  false));
		json_array_append_new(list, manager_alert(n, alert, text_of(alert, "severity"),
							  is_firing(alert)));
	}
	return list;
}

char *notify_body(const struct notify *n)
{
	json_t *doc = n->kind == NOTIFY_WEBHOOK ? webhook(n)
		      : n->kind == NOTIFY_SLACK ? slack(n)
						: manager(n);
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	return text;
}
