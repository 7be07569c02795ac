/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/command/operate.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "collector/ingest/own.h"
#include "collector/rules/alert.h"
#include "common/clock.h"
#include "common/cut.h"

/* ---- what can be meant ---------------------------------------------------------- */

static int wrong(struct store *s, const char *text)
{
	store_alert_wrong(s, text);
	return OPERATE_WRONG;
}

static bool is_text(const char *text, size_t most)
{
	json_t *j;
	bool good;

	if (!text || !*text || strlen(text) > most)
		return false;
	j = json_string(text); /* NULL: it is not UTF-8 */
	good = j != NULL;
	json_decref(j);
	return good;
}

static int check_person(struct store *s, const char *who, const char *why)
{
	if (!is_text(who, OPERATE_MAX_TEXT))
		return wrong(s, "who does it is missing, longer than 500 bytes, or not UTF-8");
	if (!is_text(why, OPERATE_MAX_TEXT))
		return wrong(s, "the reason is missing, longer than 500 bytes, or not UTF-8");
	return 0;
}

static int check_times(struct store *s, uint64_t since_ns, uint64_t until_ns, uint64_t now_ns)
{
	if (until_ns <= now_ns || until_ns <= since_ns)
		return wrong(s, "it would be over before it begins");
	if (until_ns - now_ns > OPERATE_LONGEST)
		return wrong(s, "longer than a year is not meant");
	return 0;
}

static int check_names(struct store *s, const struct store_silence *x)
{
	struct prefix p;
	struct addr a;
	enum alert_rule rule;

	if (!x->name && !x->device && !x->source && !x->agent)
		return wrong(s, "a silence of everything is not meant: give a name, device, source "
				"or agent");
	if (x->name && !alert_parse(x->name, &rule))
		return wrong(s, "there is no alert of this name");
	if (x->source && !addr_parse(x->source, &a) && !prefix_parse(x->source, &p))
		return wrong(s, "the source is neither an address nor a prefix");
	if ((x->device && !is_text(x->device, 255)) || (x->agent && !is_text(x->agent, 255)))
		return wrong(s, "a name is empty, longer than 255 bytes, or not UTF-8");
	return 0;
}

/* ---- the record ------------------------------------------------------------------ */

struct said {
	const char *name; /* of alert.NAME */
	const char *device;
	json_t *body; /* taken over */
};

static int record(struct store *s, const struct said *what, uint64_t now_ns, uint64_t *n)
{
	struct event e = { .type = EVENT_ALERT,
			   .alert = what->name,
			   .severity = SEVERITY_NOTICE,
			   .time_ns = now_ns,
			   .device = what->device };
	char since[TIME_STRLEN];
	int rc;

	if (what->body)
		json_object_set_new(what->body, "since", json_string(time_format(now_ns, since)));
	e.extra = json_pack("{s:o*}", "alert", what->body);
	if (!e.extra)
		return STORE_FAILED;
	rc = ingest_own(s, &e, now_ns, n);
	json_decref(e.extra);
	return rc;
}

static int finish(struct store *s, int rc)
{
	int failed;

	if (rc <= 0) {
		store_rollback(s);
		return rc;
	}
	failed = store_commit(s);
	if (failed) {
		store_rollback(s);
		return failed;
	}
	return rc;
}

static json_t *time_or_none(uint64_t ns)
{
	char buf[TIME_STRLEN];

	return ns ? json_string(time_format(ns, buf)) : NULL;
}

/* "2026-11-23T02:14:00Z" */
static const char *clock_text(uint64_t ns, char buf[TIME_STRLEN])
{
	time_format(ns - ns % NS_PER_S, buf);
	snprintf(buf + 19, 2, "Z");
	return buf;
}

/* ---- acknowledge ------------------------------------------------------------------ */

struct subject {
	char name[64], device[256], key[ALERT_KEY_LEN];
	bool open;
};

static int take_subject(void *arg, const struct store_alert *a)
{
	struct subject *x = arg;

	cut_text(a->name, x->name, sizeof(x->name));
	cut_text(a->device ? a->device : "", x->device, sizeof(x->device));
	cut_text(a->key, x->key, sizeof(x->key));
	x->open = !a->resolved_ns;
	return 0;
}

int operate_acknowledge(struct store *s, uint64_t alert, const char *who, const char *why,
			uint64_t until_ns, uint64_t now_ns)
{
	struct subject x = { .open = false };
	struct said what = { .name = "acknowledged" };
	char text[2 * OPERATE_MAX_TEXT], time[TIME_STRLEN], by[200];
	uint64_t n;
	int rc = check_person(s, who, why);

	if (!rc && until_ns)
		rc = check_times(s, 0, until_ns, now_ns);
	if (!rc)
		rc = store_begin(s);
	if (rc)
		return rc;
	rc = store_alert_get(s, alert, now_ns, take_subject, &x);
	if (rc != 1 || !x.open)
		return finish(s, rc < 0 ? rc : 0);
	what.device = x.device[0] ? x.device : NULL;
	snprintf(text, sizeof(text), "%s acknowledged alert %" PRIu64 ", %s of %s%s%s",
		 cut_text(who, by, sizeof(by)), alert, x.name, x.key, until_ns ? ", until " : "",
		 until_ns ? clock_text(until_ns, time) : "");
	what.body = json_pack("{s:s,s:I,s:s,s:s,s:s,s:s,s:o*}", "state", "told", "alert",
			      (json_int_t)alert, "name", x.name, "by", who, "reason", why, "text",
			      text, "until", time_or_none(until_ns));
	rc = record(s, &what, now_ns, &n);
	if (!rc)
		rc = store_alert_acknowledge(s, alert, who, why, until_ns, now_ns, n);
	return finish(s, rc);
}

/* ---- silences and drills ------------------------------------------------------------ */

int operate_silence(struct store *s, const struct store_silence *in, uint64_t now_ns, uint64_t *id)
{
	struct store_silence x = *in;
	struct said what = { .name = "silenced", .device = in->device };
	char time[TIME_STRLEN], until[TIME_STRLEN], text[400];
	uint64_t n;
	int rc = check_person(s, x.who, x.why);

	if (!x.since_ns)
		x.since_ns = now_ns;
	if (!rc)
		rc = check_times(s, x.since_ns, x.until_ns, now_ns);
	if (!rc)
		rc = check_names(s, &x);
	if (!rc)
		rc = store_begin(s);
	if (rc)
		return rc;
	rc = store_silence_add(s, &x);
	snprintf(text, sizeof(text), "alerts%s%s are silenced until %s", x.name ? " " : "",
		 x.name ? x.name : "", clock_text(x.until_ns, until));
	what.body = json_pack("{s:s,s:I,s:s,s:s,s:s,s:s,s:s,s:s*,s:s*,s:s*}", "state", "raised",
			      "silence", (json_int_t)x.id, "by", x.who, "reason", x.why, "text",
			      text, "from", time_format(x.since_ns, time), "until",
			      time_format(x.until_ns, until), "name", x.name, "source", x.source,
			      "agent", x.agent);
	if (!rc)
		rc = record(s, &what, now_ns, &n);
	else
		json_decref(what.body);
	*id = x.id;
	return finish(s, rc < 0 ? rc : 1);
}

static int end_it(struct store *s, int rc, const char *name, const char *key, const char *text,
		  uint64_t id, const char *who, uint64_t now_ns)
{
	struct said what = { .name = name };
	uint64_t n;

	if (rc != 1)
		return finish(s, rc < 0 ? rc : 0);
	what.body = json_pack("{s:s,s:I,s:s,s:s}", "state", "cleared", key, (json_int_t)id, "by",
			      who, "text", text);
	rc = record(s, &what, now_ns, &n);
	return finish(s, rc < 0 ? rc : 1);
}

int operate_silence_end(struct store *s, uint64_t id, const char *who, uint64_t now_ns)
{
	int rc = check_person(s, who, "-");

	if (!rc)
		rc = store_begin(s);
	if (rc)
		return rc;
	return end_it(s, store_silence_end(s, id, now_ns), "silenced", "silence",
		      "a silence was ended before its time", id, who, now_ns);
}

int operate_drill(struct store *s, const struct store_drill *in, uint64_t now_ns, uint64_t *id)
{
	struct store_drill x = *in;
	struct said what = { .name = "drill", .device = in->device };
	char time[TIME_STRLEN], until[TIME_STRLEN], text[400], name[200];
	uint64_t n;
	int rc = check_person(s, x.who, x.why);

	if (!x.since_ns)
		x.since_ns = now_ns;
	if (!rc)
		rc = check_times(s, x.since_ns, x.until_ns, now_ns);
	if (!rc && x.device && !is_text(x.device, 255))
		rc = wrong(s, "the device's name is empty, longer than 255 bytes, or not UTF-8");
	if (!rc)
		rc = store_begin(s);
	if (rc)
		return rc;
	rc = store_drill_add(s, &x);
	snprintf(text, sizeof(text), "a drill on %s lasts until %s",
		 x.device ? cut_text(x.device, name, sizeof(name)) : "every device",
		 clock_text(x.until_ns, until));
	what.body = json_pack("{s:s,s:I,s:s,s:s,s:s,s:s,s:s}", "state", "raised", "drill",
			      (json_int_t)x.id, "by", x.who, "reason", x.why, "text", text, "from",
			      time_format(x.since_ns, time), "until",
			      time_format(x.until_ns, until));
	if (!rc)
		rc = record(s, &what, now_ns, &n);
	else
		json_decref(what.body);
	*id = x.id;
	return finish(s, rc < 0 ? rc : 1);
}

int operate_drill_end(struct store *s, uint64_t id, const char *who, uint64_t now_ns)
{
	int rc = check_person(s, who, "-");

	if (!rc)
		rc = store_begin(s);
	if (rc)
		return rc;
	return end_it(s, store_drill_end(s, id, now_ns), "drill", "drill",
		      "a drill was ended before its time", id, who, now_ns);
}

int operate_verified(struct store *s, const char *who, uint64_t places, uint64_t findings,
		     const char *first_bad, uint64_t covers, uint64_t now_ns)
{
	struct said what = { .name = "record-verified" };
	char text[OPERATE_MAX_TEXT + 200];
	uint64_t n;
	int rc = check_person(s, who, "-");

	if (!rc)
		rc = store_begin(s);
	if (rc)
		return rc;
	if (findings)
		snprintf(text, sizeof(text),
			 "the record was verified and is not good: %" PRIu64 " %s: %s",
			 findings, findings == 1 ? "fault" : "faults, the first", first_bad);
	else
		snprintf(text, sizeof(text),
			 "the record was verified: its %" PRIu64
			 " places are as they were stored%s",
			 places, covers ? ", and anchors kept elsewhere agree" : "");
	what.body = json_pack("{s:s,s:s,s:s,s:b,s:I,s:I}", "state", "told", "by", who, "text",
			      text, "good", findings == 0, "places", (json_int_t)places, "faults",
			      (json_int_t)findings);
	if (what.body && covers)
		json_object_set_new(what.body, "covers", json_integer((json_int_t)covers));
	if (what.body && findings)
		json_object_set_new(what.body, "first", json_string(first_bad));
	rc = record(s, &what, now_ns, &n);
	return finish(s, rc < 0 ? rc : 1);
}
