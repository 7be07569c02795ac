/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of incidents and of alerts. */
#include "collector/view_lists.h"

#include <inttypes.h>
#include <string.h>

#include "collector/store_alert.h"
#include "collector/view_alert.h"
#include "collector/view_row.h"
#include "common/clock.h"

/* ---- incidents --------------------------------------------------------------- */

static const char *worst_words(const char *worst, bool over)
{
	if (strcmp(worst, "unreachable") == 0)
		return over ? "was reachable on neither path" : "is reachable on neither path";
	if (strcmp(worst, "in-band-unjustified") == 0)
		return "was reached over lo6 although Ma1 worked";
	if (strcmp(worst, "in-band-unexplained") == 0)
		return "was reached over lo6; nothing shows whether Ma1 worked";
	return "was reached over lo6 because Ma1 had failed";
}

static void say_incident(struct say *w, const struct store_incident *i, bool over)
{
	if (strcmp(i->kind, STORE_KIND_UNTRUSTED) == 0) {
		say_clean(w, i->subject);
		say(w, " is untrusted; it reached for ");
		say_number(w, i->devices, "device", "devices");
		say(w, ": %" PRIu64 " attempts, %" PRIu64 " established, %" PRIu64 " logged in.",
		    i->attempts, i->established, i->logged_in);
		return;
	}
	if (strcmp(i->kind, STORE_KIND_SWITCH) == 0) {
		say_number(w, i->devices, "device", "devices");
		say(w, " of the Ma1 subnet ");
		say_clean(w, i->subject);
		say(w, " lost Ma1 together");
		if (i->suspicion && i->suspicion[0] && strcmp(i->suspicion, "withdrawn") != 0) {
			say(w, "; ");
			say_clean(w, i->switch_name ? i->switch_name : "their management switch");
			say(w, over ? " was suspected" : " is suspected");
		}
		if (i->unreachable)
			say(w, "; %" PRIu64 " of them reachable on neither path", i->unreachable);
		say(w, ".");
		return;
	}
	say_clean(w, i->device ? i->device : i->subject);
	say(w, " %s.", worst_words(i->worst, over));
}

json_t *view_incident_row(const struct store_incident *i, uint64_t moment_ns)
{
	uint64_t closed = i->closed_ns && i->closed_ns <= moment_ns ? i->closed_ns : 0;
	json_t *o = json_object();
	struct say w = { 0 };

	row_count(o, "id", i->id);
	row_text(o, "kind", i->kind);
	row_text(o, "subject", i->subject);
	if (i->fabric && i->fabric[0])
		row_text(o, "fabric", i->fabric);
	row_text(o, "switch", i->switch_name);
	if (i->suspicion && i->suspicion[0])
		row_text(o, "suspicion", i->suspicion);
	row_text(o, "device", i->device);
	row_text(o, "status", closed ? "closed" : "open");
	row_time(o, "began", i->began_ns);
	row_time(o, "opened", i->opened_ns);
	row_time(o, "closed", closed);
	row_time(o, "last", i->last_ns);
	row_text(o, "state", i->state);
	row_text(o, "worst", i->worst);
	row_text(o, "severity", i->severity);
	row_text(o, "reason", i->reason);
	if (closed)
		row_text(o, "closed_by", i->closed_by);
	if (closed)
		row_seconds(o, "outage_s", i->outage_s);
	if (i->drill)
		row_count(o, "drill", i->drill);
	if (i->joined)
		row_count(o, "joined", i->joined);
	row_count(o, "devices", i->devices);
	row_count(o, "still_open", i->open);
	row_count(o, "unreachable", i->unreachable);
	row_count(o, "sessions", i->sessions);
	row_count(o, "untrusted", i->untrusted);
	row_count(o, "attempts", i->attempts);
	if (strcmp(i->kind, STORE_KIND_UNTRUSTED) == 0) {
		row_count(o, "established", i->established);
		row_count(o, "logged_in", i->logged_in);
	}
	row_count(o, "updated", i->updated);
	say_incident(&w, i, closed != 0);
	row_text(o, "words", w.text);
	return o;
}

struct take {
	json_t *rows;
	uint64_t moment_ns, limit, last;
	bool more;
	bool closed_only;
};

static int take_incident(void *arg, const struct store_incident *i)
{
	struct take *t = arg;

	if (t->closed_only && (!i->closed_ns || i->closed_ns > t->moment_ns))
		return 0;
	/* They come in the order of time, the page begins with the newest. */
	json_array_insert_new(t->rows, 0, view_incident_row(i, t->moment_ns));
	return 0;
}

json_t *view_incidents(struct store *s, const struct view_args *a)
{
	struct store_incident_filter f = { .f = { .since_ns = a->since_ns,
						  .until_ns = a->until_ns,
						  .device = a->device,
						  .path = a->path,
						  .service = a->service,
						  .verdict = a->verdict,
						  .has_source = a->has_source,
						  .source = a->source,
						  .limit = view_limit(a) },
					   .kind = a->kind,
					   .before = a->after.n };
	struct take t = { .moment_ns = view_moment(a),
			  .closed_only = a->state && strcmp(a->state, "closed") == 0 };
	json_t *doc = view_begin(s, a);
	struct view_place next;
	char text[VIEW_PLACE_LEN];
	int rc;

	if (!doc)
		return NULL;
	if (a->at_ns) { /* what had begun by then */
		if (!f.f.until_ns || f.f.until_ns > a->at_ns)
			f.f.until_ns = a->at_ns + 1;
		if (a->state && strcmp(a->state, "open") == 0)
			f.f.since_ns = a->at_ns;
	} else {
		f.open = a->state && strcmp(a->state, "open") == 0;
	}
	t.rows = json_array();
	json_object_set_new(doc, "incidents", t.rows);
	rc = store_incidents(s, &f, take_incident, &t);
	if (!rc && json_array_size(t.rows) == f.f.limit) {
		json_t *last = json_array_get(t.rows, json_array_size(t.rows) - 1);

		next = (struct view_place){ 1, (uint64_t)json_integer_value(
						       json_object_get(last, "id")) };
		row_text(doc, "next", view_place_format(&next, text));
	}
	return view_end(s, doc, rc);
}

/* ---- alerts ------------------------------------------------------------------ */

static int take_alert(void *arg, const struct store_alert *x)
{
	struct take *t = arg;

	if (json_array_size(t->rows) == t->limit) {
		t->more = true;
		return 0;
	}
	t->last = x->id;
	json_array_append_new(t->rows, view_alert_row(x));
	return 0;
}

static enum event_severity severity_of(const char *text)
{
	for (int i = SEVERITY_INFO; text && i < SEVERITY_NUM; i++)
		if (strcmp(text, event_severity_name((enum event_severity)i)) == 0)
			return (enum event_severity)i;
	return SEVERITY_INFO;
}

json_t *view_alerts(struct store *s, const struct view_args *a)
{
	struct store_alert_filter f = { .now_ns = view_moment(a),
					.since_ns = a->since_ns,
					.until_ns = a->until_ns,
					.name = a->type,
					.device = a->device,
					.agent = a->agent,
					.has_source = a->has_source,
					.source = a->source,
					.severity = severity_of(a->severity),
					.incident = a->incident,
					.before = a->after.n,
					.limit = view_limit(a) + 1 };
	struct take t = { .limit = view_limit(a) };
	json_t *doc = view_begin(s, a), *count;
	struct store_alert_counts counts;
	enum store_alert_state state;
	char text[VIEW_PLACE_LEN];
	struct view_place next;
	int rc;

	if (!doc)
		return NULL;
	if (a->state && store_alert_state_parse(a->state, &state))
		f.states = 1u << state;
	t.rows = json_array();
	json_object_set_new(doc, "alerts", t.rows);
	rc = store_alerts(s, &f, take_alert, &t);
	if (!rc && t.more) {
		next = (struct view_place){ 1, t.last };
		row_text(doc, "next", view_place_format(&next, text));
	}
	if (!rc && !a->after.n) {
		rc = store_alert_count(s, view_moment(a), &counts);
		count = json_object();
		for (int i = 0; !rc && i < STORE_ALERT_STATES; i++)
			row_count(count, store_alert_state_name((enum store_alert_state)i),
				  counts.state[i]);
		json_object_set_new(doc, "states", count);
	}
	return view_end(s, doc, rc);
}
