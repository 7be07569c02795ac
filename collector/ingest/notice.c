/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/ingest/notice.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/alerting.h"
#include "collector/ingest/quiet.h"
#include "collector/rules/silence.h"
#include "common/cut.h"

#define A_TICK 64		/* alerts of a kind at once; the next tick goes on */
#define SETTLED (10 * NS_PER_S) /* listening for so long before a target is missed */

/* ---- an alert -------------------------------------------------------------- */

struct alert {
	enum alert_rule rule;
	bool resolve;
	enum event_severity severity;
	const char *agent, *device, *subject; /* NULL: none */
	uint64_t since_ns;
	json_t *more; /* members besides; taken over; NULL: none */
};

static int raise_alert(struct store *s, uint64_t now_ns, const struct alert *a, const char *fmt,
		       ...) __attribute__((format(printf, 4, 5)));

static int raise_alert(struct store *s, uint64_t now_ns, const struct alert *a, const char *fmt,
		       ...)
{
	struct alert_change c;
	va_list ap;

	alert_missing(a->rule, a->agent, a->device, a->subject, &c);
	c.resolve = a->resolve;
	c.severity = a->severity;
	c.since_ns = a->since_ns;
	va_start(ap, fmt);
	vsnprintf(c.text, sizeof(c.text), fmt, ap);
	va_end(ap);
	cut_text(c.text, c.text, sizeof(c.text));
	return alerting_tell(s, &c, a->more, now_ns);
}

/* "2026-11-23T02:14:00Z" */
static const char *clock_text(uint64_t ns, char buf[TIME_STRLEN])
{
	time_format(ns - ns % NS_PER_S, buf);
	snprintf(buf + 19, 2, "Z");
	return buf;
}

/* ---- agents that are silent ------------------------------------------------ */

struct silent {
	char agent[256];
	uint64_t heard_ns, alarm_ns;
	bool running;
	enum silence_change change;
};

struct silents {
	struct silent list[A_TICK];
	size_t n;
	uint64_t now_ns, listening_ns;
};

static int judge_beat(void *arg, const struct store_beat *b)
{
	struct silents *all = arg;
	struct silence_agent a = { .heard_ns = b->heard_ns,
				   .interval_ns = b->interval_ns,
				   .running = b->running,
				   .alarmed = b->alarm_ns != 0,
				   .alarm_ns = b->alarm_ns };
	enum silence_change change = silence_agent(&a, all->now_ns, all->listening_ns);
	struct silent *x;

	if (change == SILENCE_NOTHING || all->n == A_TICK)
		return 0;
	x = &all->list[all->n++];
	cut_text(b->agent, x->agent, sizeof(x->agent));
	/* before the clock was set back: not since we listen */
	x->heard_ns = b->heard_ns > all->now_ns ? all->listening_ns : b->heard_ns;
	x->alarm_ns = b->alarm_ns;
	x->running = b->running;
	x->change = change;
	return 0;
}

static int tell_silent(struct store *s, const struct silent *x, uint64_t now_ns)
{
	struct store_alarm alarm = {
		.name = "agent-silent", .agent = x->agent, .subject = "", .since_ns = now_ns
	};
	struct alert alert = { .rule = ALERT_AGENT_SILENT, .agent = x->agent };
	char time[TIME_STRLEN];
	int rc;

	if (x->change == SILENCE_RAISE) {
		rc = store_alarm_raise(s, &alarm);
		alert.severity = SEVERITY_WARNING;
		alert.since_ns = x->heard_ns;
		if (rc <= 0)
			return rc;
		return raise_alert(s, now_ns, &alert,
				   "%s is silent: nothing has come from it since %s", x->agent,
				   clock_text(x->heard_ns, time));
	}
	rc = store_alarm_clear(s, &alarm);
	alert.resolve = true;
	alert.severity = SEVERITY_NOTICE;
	alert.since_ns = x->alarm_ns;
	if (rc <= 0)
		return rc;
	return raise_alert(s, now_ns, &alert, x->running ? "%s is heard again" : "%s was stopped",
			   x->agent);
}

static int tick_silent(struct store *s, uint64_t now_ns, uint64_t listening_ns)
{
	struct silents all = { .now_ns = now_ns, .listening_ns = listening_ns };
	int rc = store_beats(s, judge_beat, &all);

	for (size_t i = 0; i < all.n && !rc; i++)
		rc = tell_silent(s, &all.list[i], now_ns);
	return rc;
}

/* ---- numbers that are missing ---------------------------------------------- */

struct gap {
	char agent[256];
	uint64_t first, last, noticed_ns;
};

struct gaps {
	struct gap list[A_TICK];
	size_t n;
};

static int keep_gap(void *arg, const struct store_gap *g)
{
	struct gaps *all = arg;
	struct gap *x;

	if (all->n == A_TICK)
		return 0;
	x = &all->list[all->n++];
	cut_text(g->agent, x->agent, sizeof(x->agent));
	x->first = g->first;
	x->last = g->last;
	x->noticed_ns = g->noticed_ns;
	return 0;
}

static int tell_gap(struct store *s, const struct gap *g, uint64_t now_ns)
{
	uint64_t count = g->last - g->first + 1;
	struct alert alert = {
		.rule = ALERT_EVENTS_LOST,
		.severity = SEVERITY_WARNING,
		.agent = g->agent,
		.subject = "sequence",
		.since_ns = g->noticed_ns < now_ns ? g->noticed_ns : now_ns,
		.more = json_pack("{s:s,s:I,s:I,s:I}", "reason", "sequence", "count",
				  (json_int_t)count, "first", (json_int_t)g->first, "last",
				  (json_int_t)g->last),
	};
	int rc = raise_alert(s, now_ns, &alert,
			     "%" PRIu64 " event%s of %s never came: number%s %" PRIu64
			     " to %" PRIu64,
			     count, count == 1 ? "" : "s", g->agent, count == 1 ? "" : "s",
			     g->first, g->last);

	return rc ? rc : store_gap_told(s, g->agent, g->first);
}

static int tick_gaps(struct store *s, uint64_t now_ns)
{
	struct gaps all = { .n = 0 };
	int rc;

	if (now_ns < SILENCE_GAP)
		return 0;
	/* those ahead, too: the clock was set back since */
	rc = store_gaps(s, now_ns - SILENCE_GAP, now_ns + SILENCE_GAP, keep_gap, &all);
	for (size_t i = 0; i < all.n && !rc; i++)
		rc = tell_gap(s, &all.list[i], now_ns);
	return rc;
}

/* ---- targets --------------------------------------------------------------- */

/* The device's name is kept whole: the alarm is found by it. */
struct unseen {
	char *device, targets[400];
	uint64_t since_ns;
};

struct unseens {
	struct unseen list[A_TICK];
	size_t n;
};

static int keep_unseen(void *arg, const struct store_unseen *u)
{
	struct unseens *all = arg;
	struct unseen *x = &all->list[all->n++];

	x->device = strdup(u->device);
	cut_text(u->targets, x->targets, sizeof(x->targets));
	x->since_ns = u->since_ns;
	return x->device ? 0 : STORE_FAILED;
}

static int keep_seen(void *arg, const struct store_alarm *a)
{
	struct unseens *all = arg;
	struct unseen *x = &all->list[all->n++];

	x->device = strdup(a->subject);
	x->since_ns = a->since_ns;
	return x->device ? 0 : STORE_FAILED;
}

static json_t *target_list(char *targets)
{
	json_t *list = json_array();
	char *save = NULL;

	for (char *t = strtok_r(targets, ",", &save); t; t = strtok_r(NULL, ",", &save))
		json_array_append_new(list, json_string(t));
	return json_pack("{s:o}", "targets", list);
}

static int tell_unseen(struct store *s, struct unseen *x, uint64_t now_ns)
{
	struct store_alarm alarm = {
		.name = "target-unseen", .agent = "", .subject = x->device, .since_ns = now_ns
	};
	struct alert alert = { .rule = ALERT_TARGET_UNSEEN,
			       .severity = SEVERITY_NOTICE,
			       .device = x->device,
			       .since_ns = x->since_ns };
	char targets[sizeof(x->targets)], time[TIME_STRLEN];
	int rc = store_alarm_raise(s, &alarm);

	if (rc <= 0)
		return rc;
	memcpy(targets, x->targets, sizeof(targets));
	alert.more = target_list(x->targets);
	return raise_alert(s, now_ns, &alert,
			   "no agent has seen a packet of %.200s of this device, known since %s",
			   targets, clock_text(x->since_ns, time));
}

static int tell_seen(struct store *s, const struct unseen *x, uint64_t now_ns)
{
	struct store_alarm alarm = { .name = "target-unseen", .agent = "", .subject = x->device };
	struct alert alert = { .rule = ALERT_TARGET_UNSEEN,
			       .resolve = true,
			       .severity = SEVERITY_INFO,
			       .device = x->device,
			       .since_ns = x->since_ns };
	int rc = store_alarm_clear(s, &alarm);

	if (rc <= 0)
		return rc;
	return raise_alert(s, now_ns, &alert, "each address of this device has been seen");
}

static int tick_targets(struct store *s, uint64_t now_ns, uint64_t unseen_ns)
{
	struct unseens missed = { .n = 0 }, seen = { .n = 0 };
	int rc = 0;

	if (now_ns > unseen_ns)
		rc = store_unseen(s, now_ns - unseen_ns, A_TICK, keep_unseen, &missed);
	for (size_t i = 0; i < missed.n && !rc; i++)
		rc = tell_unseen(s, &missed.list[i], now_ns);
	if (!rc)
		rc = store_seen_again(s, A_TICK, keep_seen, &seen);
	for (size_t i = 0; i < seen.n && !rc; i++)
		rc = tell_seen(s, &seen.list[i], now_ns);
	for (size_t i = 0; i < A_TICK; i++) {
		free(missed.list[i].device);
		free(seen.list[i].device);
	}
	return rc;
}

int notice_tick(struct store *s, uint64_t now_ns, uint64_t listening_ns, uint64_t unseen_ns)
{
	int rc = tick_silent(s, now_ns, listening_ns);

	if (!rc)
		rc = tick_gaps(s, now_ns);
	if (!rc && listening_ns && now_ns > listening_ns && now_ns - listening_ns > SETTLED)
		rc = tick_targets(s, now_ns, unseen_ns);
	return rc ? rc : quiet_tick(s, now_ns, listening_ns);
}

/* The end of one of them, which went so far. */
static int end_tick(struct store *s, int rc, char *refused, size_t size)
{
	if (!rc)
		rc = store_entry_end(s);
	if (rc != STORE_REFUSED)
		return rc;
	cut_text(store_error(s), refused, size);
	return store_entry_undo(s);
}

int notice_careful(struct store *s, uint64_t now_ns, uint64_t listening_ns, uint64_t unseen_ns,
		   char *refused, size_t size)
{
	int rc = store_entry_begin(s);

	refused[0] = '\0';
	if (!rc)
		rc = end_tick(s, notice_tick(s, now_ns, listening_ns, unseen_ns), refused, size);
	if (!rc)
		rc = store_entry_begin(s);
	return rc ? rc : end_tick(s, alerting_tick(s, now_ns), refused, size);
}

/* ---- heartbeats ------------------------------------------------------------ */

/* "capture.dropped_ring_full 12, ..." */
static void list_losses(const json_t *losses, char *buf, size_t size)
{
	const char *key;
	json_t *n;
	size_t len = 0;

	buf[0] = '\0';
	json_object_foreach((json_t *)(uintptr_t)losses, key, n) if (len < size)
	{
		len += (size_t)snprintf(buf + len, size - len, "%s%.60s %" JSON_INTEGER_FORMAT,
					len ? ", " : "", key, json_integer_value(n));
	}
}

/* What is told is kept with the alarm: the next growth is counted from there. */
static int tell_growth(struct store *s, const struct event *e, const json_t *stats, uint64_t now_ns)
{
	struct store_alarm told = { .name = "events-lost", .agent = e->agent, .subject = "" };
	struct alert alert = { .rule = ALERT_EVENTS_LOST,
			       .severity = SEVERITY_WARNING,
			       .agent = e->agent,
			       .subject = "counters" };
	json_t *before = NULL, *losses;
	char list[300];
	char *data;
	int rc = store_alarm_get(s, &told);

	if (rc < 0)
		return rc;
	if (rc && !silence_growth_due(told.since_ns, now_ns))
		return 0;
	if (rc && told.data)
		before = json_loads(told.data, 0, NULL);
	alert.since_ns = told.since_ns ? told.since_ns : now_ns;
	losses = silence_growth(before, stats);
	json_decref(before);
	if (!losses)
		return 0;
	list_losses(losses, list, sizeof(list));
	alert.more = json_pack("{s:s,s:o}", "reason", "counters", "losses", losses);
	rc = raise_alert(s, now_ns, &alert, "%s could not keep all it saw: %s", e->agent, list);
	if (rc)
		return rc;
	data = json_dumps(stats, JSON_COMPACT);
	told.since_ns = now_ns;
	told.data = data;
	rc = data ? store_alarm_put(s, &told) : STORE_FAILED;
	free(data);
	return rc;
}

static int tell_interface(struct store *s, const char *agent, const char *name, bool up,
			  uint64_t now_ns)
{
	struct store_alarm alarm = {
		.name = "interface-down", .agent = agent, .subject = name, .since_ns = now_ns
	};
	struct alert alert = { .rule = ALERT_INTERFACE_DOWN,
			       .agent = agent,
			       .subject = name,
			       .since_ns = now_ns,
			       .resolve = up,
			       .severity = up ? SEVERITY_NOTICE : SEVERITY_WARNING };
	int rc = up ? store_alarm_clear(s, &alarm) : store_alarm_raise(s, &alarm);

	if (rc <= 0)
		return rc;
	alert.more = json_pack("{s:s}", "interface", name);
	return raise_alert(s, now_ns, &alert,
			   up ? "%s of %s is up, or not watched any more"
			      : "%s of %s is down: nothing is seen there",
			   name, agent);
}

struct interfaces {
	const json_t *now;
	char gone[A_TICK][64];
	size_t n;
};

static int keep_gone(void *arg, const struct store_alarm *a)
{
	struct interfaces *all = arg;

	if (!json_is_false(json_object_get(all->now, a->subject)) && all->n < A_TICK)
		snprintf(all->gone[all->n++], sizeof(all->gone[0]), "%s", a->subject);
	return 0;
}

static int tell_interfaces(struct store *s, const struct event *e, const json_t *stats,
			   uint64_t now_ns)
{
	struct interfaces all = { .now = json_object_get(stats, "interfaces") };
	const char *name;
	json_t *up;
	unsigned n = 0;
	int rc = store_alarms(s, "interface-down", e->agent, keep_gone, &all);

	for (size_t i = 0; i < all.n && !rc; i++)
		rc = tell_interface(s, e->agent, all.gone[i], true, now_ns);
	json_object_foreach((json_t *)(uintptr_t)all.now, name, up)
	{
		/* Names of Linux are shorter than what is kept of one. */
		if (rc || n++ == A_TICK)
			break;
		if (json_is_false(up) && strlen(name) < sizeof(all.gone[0]))
			rc = tell_interface(s, e->agent, name, false, now_ns);
	}
	return rc;
}

int notice_stats(struct store *s, const struct event *e, uint64_t now_ns)
{
	const json_t *stats = json_object_get(e->doc, "stats");
	int rc;

	if (!json_is_object(stats))
		return 0;
	rc = tell_growth(s, e, stats, now_ns);
	return rc ? rc : tell_interfaces(s, e, stats, now_ns);
}
