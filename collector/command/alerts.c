/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/command/alerts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/command/operate.h"
#include "collector/rules/alert.h"
#include "collector/store/fleet.h"
#include "collector/store/list.h"
#include "collector/view/alert.h"
#include "common/clock.h"
#include "common/log.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT(field) COLUMN_TEXT, offsetof(ROW, field)
#define TIME(field) COLUMN_TIME, offsetof(ROW, field)
#define COUNT(field) COLUMN_COUNT, offsetof(ROW, field)
#define ID(field) COLUMN_ID, offsetof(ROW, field)
#define FLAG(field) COLUMN_FLAG, offsetof(ROW, field)

/* The event that raised an alert may be told a little later than the last packet of the flow
 * that it is about: an attempt that was given up, a connection that was reset. */
#define FLOW_BEFORE (60 * NS_PER_S)

static int complain(const char *text)
{
	log_error("%s", text);
	return 2;
}

static int failed(struct store *s)
{
	return complain(store_error(s));
}

static int wrote(FILE *to, bool good)
{
	return good && fflush(to) == 0 ? 0 : complain("stdout: the answer could not be written");
}

static int print_json(json_t *doc, FILE *to)
{
	int rc = json_dumpf(doc, to, JSON_ENSURE_ASCII | JSON_INDENT(2));

	json_decref(doc);
	return wrote(to, rc == 0 && fputc('\n', to) != EOF);
}

/* ---- what is asked ------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static bool refuse(char *err, size_t size, const char *format,
							 ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, size, format, ap);
	va_end(ap);
	return false;
}

static bool read_filter(const struct alerts_args *a, struct query *q, struct store_alert_filter *f,
			char *err, size_t size)
{
	enum store_alert_state state;
	enum alert_rule rule;
	int severity = 0;

	if (!query_parse(QUERY_EVENTS, &a->q, a->now_ns, q, err, size))
		return false;
	/* The limit counts what is listed: see print_alert(). */
	*f = (struct store_alert_filter){ .now_ns = a->now_ns,
					  .states = 1u << STORE_ALERT_OPEN |
						    1u << STORE_ALERT_ACKNOWLEDGED |
						    1u << STORE_ALERT_SILENCED,
					  .since_ns = q->filter.since_ns,
					  .until_ns = q->filter.until_ns,
					  .name = a->name,
					  .device = q->filter.device,
					  .agent = a->agent,
					  .has_source = q->filter.has_source,
					  .source = q->filter.source };
	if (a->state && (strcmp(a->state, "all") == 0 || strcmp(a->state, "drill") == 0)) {
		f->states = 0;
	} else if (a->state) {
		if (!store_alert_state_parse(a->state, &state))
			return refuse(err, size,
				      "--state \"%.40s\": one of open, acknowledged, silenced, "
				      "resolved, drill, all",
				      a->state);
		f->states = 1u << state;
	}
	if (a->name && !alert_parse(a->name, &rule))
		return refuse(err, size,
			      "--name \"%.60s\": there is no such alert; docs/collector.md has the "
			      "list",
			      a->name);
	while (a->severity && severity < SEVERITY_NUM &&
	       strcmp(a->severity, event_severity_name((enum event_severity)severity)) != 0)
		severity++;
	if (severity == SEVERITY_NUM)
		return refuse(err, size,
			      "--severity \"%.40s\": one of info, notice, warning, critical",
			      a->severity);
	f->severity = (enum event_severity)severity;
	return true;
}

/* A time, or how long from now. */
static bool read_until(const char *text, uint64_t now_ns, uint64_t *out, char *err, size_t size)
{
	uint64_t ns;

	if (time_parse(text, now_ns, out))
		return true;
	if (!duration_parse(text, &ns) || ns > OPERATE_LONGEST)
		return refuse(err, size,
			      "--until \"%.60s\": a time such as 2026-11-23T01:02:03Z, or how long "
			      "from now, such as 2h; a year at most",
			      text);
	*out = now_ns + ns;
	return true;
}

/* Of what lasts: --for or --until. */
static bool read_end(const struct alerts_args *a, uint64_t *until_ns, char *err, size_t size)
{
	if (a->for_ns && a->till)
		return refuse(err, size, "--for and --until: one of them says when it ends");
	if (a->till)
		return read_until(a->till, a->now_ns, until_ns, err, size);
	if (!a->for_ns)
		return refuse(err, size, "how long is missing: --for 2h, or --until TIME");
	*until_ns = a->now_ns + a->for_ns;
	return true;
}

/* The first option that says what is silenced or drilled, why, or how long; NULL: none. */
static const char *about(const struct alerts_args *a)
{
	return a->why		? "reason"
	       : a->for_ns	? "for"
	       : a->till	? "until"
	       : a->n_devices	? "device"
	       : a->q.device	? "device"
	       : a->q.source	? "source"
	       : a->name	? "name"
	       : a->agent	? "agent"
				: NULL;
}

/* Of silences or drills. */
static bool check_list(const struct alerts_args *a, struct query *q, char *err, size_t size)
{
	if (a->state && strcmp(a->state, "all") != 0)
		return refuse(err, size,
			      "--state \"%.40s\": `all` lists those that are over, too", a->state);
	return query_parse(QUERY_EVENTS, &a->q, a->now_ns, q, err, size);
}

static bool check_active(bool drill, const struct alerts_args *a, char *err, size_t size)
{
	const char *given = about(a), *listed = a->state ? "state" : a->q.format ? "format" : NULL;
	struct query q;
	uint64_t until;

	if (!given && !a->end)
		return check_list(a, &q, err, size);
	if (listed)
		return refuse(err, size, "--%s is for the list: leave it out", listed);
	if (a->end && given)
		return refuse(err, size, "--%s: --end ends one as it is; leave out one of them",
			      given);
	if (a->end)
		return true;
	if (!a->why)
		return refuse(err, size,
			      drill ? "--reason is missing: what is the drill? Only without "
				      "options drills are listed"
				    : "--reason is missing: why are they silenced? Only without "
				      "options silences are listed");
	if (drill && !a->n_devices)
		return refuse(err, size,
			      "--device is missing: on which devices? --device all means every "
			      "one");
	return read_end(a, &until, err, size);
}

bool alerts_check(enum alerts_command what, const struct alerts_args *a, char *err, size_t size)
{
	struct store_alert_filter f;
	struct query q;
	uint64_t until;

	switch (what) {
	case ALERTS_LIST:
		return read_filter(a, &q, &f, err, size);
	case ALERTS_ACKNOWLEDGE:
		if (!a->why)
			return refuse(err, size, "--reason is missing: why is it acknowledged?");
		return (!a->till && !a->for_ns) || read_end(a, &until, err, size);
	case ALERTS_SILENCE:
	case ALERTS_DRILL:
		return check_active(what == ALERTS_DRILL, a, err, size);
	}
	return true;
}

/* ---- alerts ------------------------------------------------------------------ */

struct alert_row {
	struct store_alert a;
	const char *state, *severity;
};

#define ROW struct alert_row
static const struct column alert_columns[] = {
	{ "id", "ID", COUNT(a.id) },
	{ "state", "STATE", TEXT(state) },
	{ "severity", "SEVERITY", TEXT(severity) },
	{ "name", "ALERT", TEXT(a.name) },
	{ "key", NULL, TEXT(a.key) },
	{ "bundle", NULL, TEXT(a.bundle) },
	{ "device", NULL, TEXT(a.device) },
	{ "agent", NULL, TEXT(a.agent) },
	{ "source", NULL, TEXT(a.source) },
	{ "incident", NULL, ID(a.incident) },
	{ "since", "SINCE", TIME(a.since_ns) },
	{ "last", NULL, TIME(a.last_ns) },
	{ "count", "COUNT", COUNT(a.count) },
	{ "resolved", NULL, TIME(a.resolved_ns) },
	{ "resolved_by", NULL, TEXT(a.resolved_by) },
	{ "drill", NULL, ID(a.drill) },
	{ "silence", NULL, ID(a.silence) },
	{ "acknowledged", NULL, TIME(a.acked_ns) },
	{ "acknowledged_by", NULL, TEXT(a.acked_by) },
	{ "acknowledged_reason", NULL, TEXT(a.acked_why) },
	{ "acknowledged_until", NULL, TIME(a.acked_until_ns) },
	{ "text", "WHAT", TEXT(a.text), 20 },
};
#undef ROW

struct alert_list {
	struct store *store;
	const struct query_args *flows; /* path, service, verdict */
	struct output *out;
	bool drill; /* only those of drills */
	uint64_t left;
};

#define ENOUGH 1 /* as many rows as were asked for */

static int take_flow(void *arg, const struct store_list_flow *row)
{
	*(bool *)arg = true;
	return 0;
}

/* Sets *had to whether such a flow was there while it lasted. */
static int had_flow(struct store *s, const struct query_args *q, const struct store_alert *a,
		    bool *had)
{
	struct store_list l = {
		.path = q->path,
		.service = q->service,
		.verdict = q->verdict,
		.since_ns = a->since_ns > FLOW_BEFORE ? a->since_ns - FLOW_BEFORE : 1,
		.until_ns = a->resolved_ns ? a->resolved_ns + 1 : 0,
		.limit = 1,
	};

	*had = !q->path && !q->service && !q->verdict;
	if (*had)
		return 0;
	if (a->source && addr_parse(a->source, &l.source.addr)) {
		l.has_source = true;
		l.source.len = addr_bits(&l.source.addr);
	} else if (a->device) {
		l.device = a->device;
	} else if (a->incident) {
		l.incident = a->incident;
	} else {
		return 0; /* an agent's, say: it is of no flow */
	}
	return store_list_flows(s, &l, take_flow, had);
}

static int print_alert(void *arg, const struct store_alert *a)
{
	struct alert_row row = { .a = *a,
				 .state = a->drill ? "drill" : store_alert_state_name(a->state),
				 .severity = event_severity_name(a->severity) };
	struct alert_list *l = arg;
	json_t *doc;
	bool had;
	int rc;

	if (l->drill && !a->drill)
		return 0;
	rc = had_flow(l->store, l->flows, a, &had);
	if (rc || !had)
		return rc;
	doc = view_alert_row(a);
	if (!doc)
		return STORE_FAILED;
	output_row(l->out, &row, doc);
	json_decref(doc);
	return --l->left ? 0 : ENOUGH;
}

int alerts_list(struct store *s, const struct alerts_args *a, FILE *to)
{
	struct alert_list l = { .store = s, .flows = &a->q };
	struct store_alert_filter f;
	struct query q;
	char err[600];
	long rows;
	int rc;

	if (!read_filter(a, &q, &f, err, sizeof(err)))
		return complain(err);
	l.drill = a->state && strcmp(a->state, "drill") == 0;
	l.left = q.filter.limit ? q.filter.limit : UINT64_MAX;
	l.out = output_open(to, q.format, alert_columns, ARRAY_SIZE(alert_columns), a->width);
	if (!l.out)
		return complain("out of memory");
	rc = store_alerts(s, &f, print_alert, &l);
	rows = output_close(l.out);
	if (rc < 0)
		return failed(s);
	if (rows < 0)
		return wrote(to, false);
	if (rows == 0)
		log_info("no alerts match");
	if (q.cut && (uint64_t)rows == q.filter.limit)
		log_info("these are the newest %ld; --limit 0 shows all", rows);
	return 0;
}

/* ---- one alert ----------------------------------------------------------------- */

static void print_line(FILE *to, const char *key, const char *value)
{
	char clean[1200];

	if (value)
		fprintf(to, "%-13s %s\n", key, output_clean(value, clean, sizeof(clean)));
}

static void print_member(FILE *to, const json_t *doc, const char *key)
{
	const json_t *value = json_object_get(doc, key);
	char text[32];

	if (json_is_integer(value)) {
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		print_line(to, key, text);
	} else {
		print_line(to, key, json_string_value(value));
	}
}

static void print_moment(FILE *to, const json_t *entry)
{
	const char *time = json_string_value(json_object_get(entry, "time"));
	const char *severity = json_string_value(json_object_get(entry, "severity"));
	const char *text = json_string_value(json_object_get(entry, "text"));
	const char *why = json_string_value(json_object_get(entry, "reason"));
	char clean[1200], reason[1200];

	fprintf(to, "  %.19sZ  %-8s  %s", time ? time : "", severity ? severity : "",
		output_clean(text ? text : "", clean, sizeof(clean)));
	if (json_object_get(entry, "by") && why)
		fprintf(to, ": %s", output_clean(why, reason, sizeof(reason)));
	fputc('\n', to);
}

int alerts_show(struct store *s, uint64_t id, const struct alerts_args *a, FILE *to)
{
	static const char *const members[] = { "id",	      "name",  "state",	 "severity",
					       "device",      "agent", "source", "incident",
					       "since",	      "last",  "count",	 "resolved",
					       "resolved_by", "drill", "silence" };
	const char *given = query_given(&a->q);
	json_t *doc, *acked, *entry;
	struct store_alert_filter f;
	struct query q;
	char err[600];
	size_t i;

	if (!read_filter(a, &q, &f, err, sizeof(err)))
		return complain(err);
	if (!given)
		given = a->state      ? "state"
			: a->name     ? "name"
			: a->agent    ? "agent"
			: a->severity ? "severity"
				      : NULL;
	if (given) {
		log_error("--%s chooses among alerts: with a number leave it out", given);
		return 2;
	}
	if (q.format == OUTPUT_CSV)
		return complain("--format csv is for the list; one alert is a table or json");
	doc = view_alert(s, id, a->now_ns);
	if (!doc)
		return failed(s);
	if (json_is_null(doc)) {
		log_error("there is no alert %" PRIu64
			  "; `glasswatch-collector alerts --state all` "
			  "lists them",
			  id);
		return 2;
	}
	if (q.format == OUTPUT_JSON)
		return print_json(doc, to);
	print_line(to, "what", json_string_value(json_object_get(doc, "text")));
	for (i = 0; i < ARRAY_SIZE(members); i++)
		print_member(to, doc, members[i]);
	acked = json_object_get(doc, "acknowledged");
	if (acked) {
		print_line(to, "acknowledged", json_string_value(json_object_get(acked, "at")));
		print_member(to, acked, "by");
		print_member(to, acked, "reason");
		print_member(to, acked, "until");
	}
	fprintf(to, "history\n");
	json_array_foreach(json_object_get(doc, "history"), i, entry) print_moment(to, entry);
	json_decref(doc);
	return wrote(to, true);
}

/* ---- acknowledge, silence, drill --------------------------------------------------- */

static int operated(struct store *s, int rc, const char *missing)
{
	if (rc == 1)
		return 0;
	return rc == 0 ? complain(missing) : failed(s);
}

int alerts_acknowledge(struct store *s, uint64_t id, const struct alerts_args *a, FILE *to)
{
	uint64_t until = 0;
	char text[100], err[600];
	int status;

	if (!alerts_check(ALERTS_ACKNOWLEDGE, a, err, sizeof(err)) ||
	    ((a->till || a->for_ns) && !read_end(a, &until, err, sizeof(err))))
		return complain(err);
	snprintf(text, sizeof(text), "there is no open alert %" PRIu64, id);
	status = operated(s, operate_acknowledge(s, id, a->who, a->why, until, a->now_ns), text);
	if (status)
		return status;
	fprintf(to, "alert %" PRIu64 " is acknowledged\n", id);
	return wrote(to, true);
}

bool alerts_changes(const struct alerts_args *a)
{
	return a->end || about(a);
}

struct active_row {
	struct store_silence x; /* a drill has the fields that it shares */
	bool active;
};

#define ROW struct active_row
static const struct column silence_columns[] = {
	{ "id", "ID", COUNT(x.id) },
	{ "active", "ACTIVE", FLAG(active) },
	{ "name", "ALERT", TEXT(x.name) },
	{ "device", "DEVICE", TEXT(x.device), 12 },
	{ "source", "SOURCE", TEXT(x.source) },
	{ "agent", "AGENT", TEXT(x.agent) },
	{ "since", NULL, TIME(x.since_ns) },
	{ "until", "UNTIL", TIME(x.until_ns) },
	{ "ended", NULL, TIME(x.ended_ns) },
	{ "by", "BY", TEXT(x.who) },
	{ "reason", "REASON", TEXT(x.why), 12 },
};
static const struct column drill_columns[] = {
	{ "id", "ID", COUNT(x.id) },
	{ "active", "ACTIVE", FLAG(active) },
	{ "device", "DEVICE", TEXT(x.device), 12 },
	{ "since", "SINCE", TIME(x.since_ns) },
	{ "until", "UNTIL", TIME(x.until_ns) },
	{ "ended", NULL, TIME(x.ended_ns) },
	{ "by", "BY", TEXT(x.who) },
	{ "reason", "REASON", TEXT(x.why), 12 },
};
#undef ROW

struct listing {
	struct output *out;
	uint64_t now_ns;
	bool all;
};

static int print_active(struct listing *l, const struct store_silence *x, json_t *doc)
{
	struct active_row row = { .x = *x };
	uint64_t end = x->ended_ns ? x->ended_ns : x->until_ns;

	row.active = x->since_ns <= l->now_ns && end > l->now_ns;
	if (doc && (l->all || end > l->now_ns))
		output_row(l->out, &row, doc);
	json_decref(doc);
	return doc ? 0 : STORE_FAILED;
}

static int print_silence(void *arg, const struct store_silence *x)
{
	struct listing *l = arg;

	return print_active(l, x, view_silence_row(x, l->now_ns));
}

static int print_drill(void *arg, const struct store_drill *d)
{
	struct listing *l = arg;
	struct store_silence x = { .id = d->id,
				   .device = d->device,
				   .who = d->who,
				   .why = d->why,
				   .since_ns = d->since_ns,
				   .until_ns = d->until_ns,
				   .ended_ns = d->ended_ns };

	return print_active(l, &x, view_drill_row(d, l->now_ns));
}

static int list(struct store *s, const struct alerts_args *a, bool drills, FILE *to)
{
	struct listing l = { .now_ns = a->now_ns, .all = a->state != NULL };
	struct query q;
	char err[600];
	long rows;
	int rc;

	if (!check_list(a, &q, err, sizeof(err)))
		return complain(err);
	l.out = drills ? output_open(to, q.format, drill_columns, ARRAY_SIZE(drill_columns),
				     a->width)
		       : output_open(to, q.format, silence_columns, ARRAY_SIZE(silence_columns),
				     a->width);
	if (!l.out)
		return complain("out of memory");
	rc = drills ? store_drills(s, 0, print_drill, &l) : store_silences(s, 0, print_silence, &l);
	rows = output_close(l.out);
	if (rc)
		return failed(s);
	if (rows == 0)
		log_info(drills ? "no drill is on" : "nothing is silenced");
	return wrote(to, rows >= 0);
}

static int take_device(void *arg, const struct store_fleet_device *row)
{
	*(bool *)arg = true;
	return 0;
}

/* It may come to be known; more often the name is a slip, and the drill covers nothing. */
static void warn_of_device(struct store *s, const char *device)
{
	char clean[256];
	bool known = false;

	if (device && store_fleet(s, device, false, take_device, &known) == 0 && !known)
		log_warning("no device %s is known so far; `glasswatch-collector coverage` names"
			    " those that are",
			    output_clean(device, clean, sizeof(clean)));
}

int alerts_silence(struct store *s, const struct alerts_args *a, FILE *to)
{
	struct store_silence x = { .name = a->name,
				   .device = a->q.device,
				   .source = a->q.source,
				   .agent = a->agent,
				   .who = a->who,
				   .why = a->why };
	uint64_t id;
	char text[100], err[600];
	int status;

	if (!alerts_check(ALERTS_SILENCE, a, err, sizeof(err)))
		return complain(err);
	if (a->end) {
		snprintf(text, sizeof(text), "no silence %" PRIu64 " is in force", a->end);
		return operated(s, operate_silence_end(s, a->end, a->who, a->now_ns), text);
	}
	if (!alerts_changes(a))
		return list(s, a, false, to);
	if (!read_end(a, &x.until_ns, err, sizeof(err)))
		return complain(err);
	status = operated(s, operate_silence(s, &x, a->now_ns, &id), "");
	if (status)
		return status;
	fprintf(to, "silence %" PRIu64 "\n", id);
	warn_of_device(s, x.device);
	return wrote(to, true);
}

int alerts_drill(struct store *s, const struct alerts_args *a, FILE *to)
{
	struct store_drill x = { .who = a->who, .why = a->why };
	uint64_t id;
	char text[100], err[600];
	int status = 0;

	if (!alerts_check(ALERTS_DRILL, a, err, sizeof(err)))
		return complain(err);
	if (a->end) {
		snprintf(text, sizeof(text), "no drill %" PRIu64 " is on", a->end);
		return operated(s, operate_drill_end(s, a->end, a->who, a->now_ns), text);
	}
	if (!alerts_changes(a))
		return list(s, a, true, to);
	if (!read_end(a, &x.until_ns, err, sizeof(err)))
		return complain(err);
	for (size_t i = 0; i < a->n_devices && !status; i++) {
		x.device = strcmp(a->devices[i], "all") == 0 ? NULL : a->devices[i];
		status = operated(s, operate_drill(s, &x, a->now_ns, &id), "");
		if (status)
			break;
		fprintf(to, "drill %" PRIu64 "\n", id);
		warn_of_device(s, x.device);
	}
	return status ? status : wrote(to, true);
}
