/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of incidents and of alerts. */
#include "collector/view/lists.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/alert.h"
#include "collector/view/alert.h"
#include "collector/view/row.h"
#include "collector/words/words.h"
#include "common/clock.h"

/* ---- incidents --------------------------------------------------------------- */

/* Its sentence, as the command line has it; of a moment before it was closed. */
static void put_words(json_t *o, const struct store_incident *i, uint64_t closed_ns)
{
	struct store_incident then = *i;
	char text[WORDS_LEN];
	struct say w = { 0 };

	then.closed_ns = closed_ns;
	say(&w, "%s.", words_incident(&then, text));
	row_text(o, "words", w.text);
}

json_t *view_incident_row(const struct store_incident *i, uint64_t moment_ns)
{
	uint64_t closed = i->closed_ns && i->closed_ns <= moment_ns ? i->closed_ns : 0;
	json_t *o = json_object();

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
	put_words(o, i, closed);
	return o;
}

struct take {
	json_t *rows;
	uint64_t moment_ns, limit, last;
	bool more;
};

struct incidents {
	struct incident_place {
		uint64_t opened_ns, id;
		json_t *row;
	} *rows;
	size_t n;
	uint64_t moment_ns;
};

static int take_incident(void *arg, const struct store_incident *i)
{
	struct incidents *t = arg;

	t->rows[t->n++] = (struct incident_place){ i->opened_ns, i->id,
						   view_incident_row(i, t->moment_ns) };
	return 0;
}

json_t *view_incidents(struct store *s, const struct view_args *a)
{
	uint64_t limit = view_limit(a);
	struct store_incident_filter f = { .f = { .since_ns = a->since_ns,
						  .until_ns = a->until_ns,
						  .device = a->device,
						  .path = a->path,
						  .service = a->service,
						  .verdict = a->verdict,
						  .has_source = a->has_source,
						  .source = a->source,
						  .limit = limit + 1 },
					   .kind = a->kind,
					   .outcome = a->outcome,
					   .login = a->login,
					   .user = a->user,
					   .agent = a->agent,
					   .severity = view_severity(a->severity),
					   .place_ns = a->after.time_ns,
					   .place = a->after.n };
	struct incidents t = { .moment_ns = view_moment(a) };
	json_t *doc = view_begin(s, a), *rows;
	struct view_place last;
	char text[VIEW_PLACE_LEN];
	int rc;

	if (!doc)
		return NULL;
	if (a->state && strcmp(a->state, "closed") == 0)
		f.closed_ns = t.moment_ns;
	if (a->at_ns) { /* what had begun by then */
		if (!f.f.until_ns || f.f.until_ns > a->at_ns)
			f.f.until_ns = a->at_ns + 1;
		if (a->state && strcmp(a->state, "open") == 0)
			f.f.since_ns = a->at_ns;
	} else {
		f.open = a->state && strcmp(a->state, "open") == 0;
	}
	rows = json_array();
	json_object_set_new(doc, "incidents", rows);
	t.rows = calloc(limit + 1, sizeof(*t.rows));
	rc = t.rows ? store_incidents(s, &f, take_incident, &t) : STORE_FAILED;
	/* They come in the order of time, the page begins with the newest; the one that
	 * comes first is too many when there are more than the page holds. */
	for (size_t i = t.n; i > 0; i--) {
		if (t.n - i < limit)
			json_array_append(rows, t.rows[i - 1].row);
		json_decref(t.rows[i - 1].row);
	}
	if (t.n > limit) {
		last = (struct view_place){ t.rows[1].opened_ns, t.rows[1].id };
		row_text(doc, "next", view_place_format(&last, text));
	}
	free(t.rows);
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
					.severity = view_severity(a->severity),
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
