/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences. Claims are as strong as their evidence. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/words/words.h"

/* Text in the making; what does not fit is left out. */
struct line {
	char *buf;
	size_t len;
};

static void add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, WORDS_LEN - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < WORDS_LEN - l->len ? (size_t)n : WORDS_LEN - l->len - 1;
}

/* Text from the wire or another program, at most 128 bytes of it. */
static void add_clean(struct line *l, const char *before, const char *text)
{
	char clean[128];

	if (text && *text)
		add(l, "%s%s", before, output_clean(text, clean, sizeof(clean)));
}

const char *words_reason(const char *reason)
{
	static const char *const known[][2] = {
		{ "primary-ok", "Ma1 answers" },
		{ "primary-unanswered", "Ma1 did not answer" },
		{ "primary-unreachable", "Ma1 is unreachable, says an ICMP error" },
		{ "primary-stalled", "a session to Ma1 stalled" },
		{ "primary-refused", "Ma1 refused the connection" },
		{ "in-band-unanswered", "lo6 did not answer" },
		{ "in-band-unreachable", "lo6 is unreachable, says an ICMP error" },
		{ "in-band-ended", "the last session over lo6 ended" },
		{ "no-evidence", "nothing was seen of Ma1" },
		{ "untrusted", "the device's own lists do not permit the source" },
		{ "quiet", "nothing more was seen of the source" },
		{ "joined", "it is part of another incident" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i][0], reason) == 0)
			return known[i][1];
	return reason;
}

const char *words_interface(const char *path)
{
	if (path && strcmp(path, "primary") == 0)
		return "Ma1";
	if (path && strcmp(path, "in-band") == 0)
		return "lo6";
	return "the device";
}

static void add_flow(struct line *l, const struct event *e)
{
	char ip[ADDR_STRLEN];
	const char *verdict = e->has_trust ? event_verdict_name(e->trust.verdict) : NULL;

	if (event_path_name(e->path))
		add(l, "%s ", event_path_name(e->path));
	add(l, "%s", event_service_name(e->service) ? event_service_name(e->service) : "flow");
	if (e->has_ends)
		add(l, " from %s", addr_format(&e->source.ip, ip));
	if (e->has_ends && (!e->device || e->flow.outbound))
		add(l, " to %s", addr_format(&e->destination.ip, ip));
	add_clean(l, " ", e->flow.outcome);
	if (verdict)
		add(l, ", %s", verdict);
	if (e->flow.unknown_target)
		add(l, ", unknown target");
	if (e->has_actor)
		add_clean(l, ", user ", e->actor.user);
}

static void add_change(struct line *l, const struct event *e)
{
	char text[24];

	add_clean(l, "", e->change.from);
	add_clean(l, " -> ", e->change.to);
	if (e->change.reason)
		add_clean(l, ": ", words_reason(e->change.reason));
	if (e->change.outage_s >= 0)
		add(l, ", outage %s", output_duration(e->change.outage_s, text));
}

const char *words_back(const char *from, char buf[WORDS_LEN])
{
	struct line l = { .buf = buf };

	add_clean(&l, "", from);
	add(&l, " -> primary: %s", words_reason("primary-ok"));
	return buf;
}

/* Members of an object that are numbers or short strings: "a 1, b 2". */
static void add_members(struct line *l, const json_t *object)
{
	const char *key, *comma = "";
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (json_is_integer(value)) {
			add_clean(l, comma, key);
			add(l, " %" JSON_INTEGER_FORMAT, json_integer_value(value));
		} else if (json_is_string(value)) {
			add_clean(l, comma, key);
			add_clean(l, " ", json_string_value(value));
		} else {
			continue;
		}
		comma = ", ";
	}
}

static void add_sender(struct line *l, const struct event *e, const json_t *message)
{
	const char *from = json_string_value(json_object_get(message, "from"));
	char ip[ADDR_STRLEN];

	if (from && e->has_ends)
		add(l, " from %s",
		    addr_format(strcmp(from, "source") == 0 ? &e->source.ip : &e->destination.ip,
				ip));
}

/* "; nothing new from 203.0.113.0, hold time 90 s" */
static void add_silent(struct line *l, const struct event *e, const json_t *session)
{
	const char *silent = json_string_value(json_object_get(session, "silent"));
	char ip[ADDR_STRLEN];

	if (!silent || !e->has_ends)
		return;
	add(l, "; nothing new from %s, hold time %" JSON_INTEGER_FORMAT " s",
	    addr_format(strcmp(silent, "source") == 0 ? &e->source.ip : &e->destination.ip, ip),
	    json_integer_value(json_object_get(session, "hold_time")));
}

/* "203.0.113.0 withdraws 198.51.100.66/32: lo6 is not armed" */
static void add_route(struct line *l, const struct event *e, const json_t *route)
{
	const char *action = json_string_value(json_object_get(route, "action"));
	const char *from = json_string_value(json_object_get(route, "from"));
	const json_t *armed = json_object_get(route, "armed"), *as;
	bool lost = json_object_get(route, "reason") != NULL;
	const char *between = "; AS path ";
	char ip[ADDR_STRLEN];
	size_t i;

	if (lost)
		add(l, "session down, gone is ");
	else if (from && e->has_ends)
		add(l, "%s ", addr_format(strcmp(from, "source") == 0 ? &e->source.ip :
								       &e->destination.ip, ip));
	if (!lost && action)
		add(l, "%ss ", strcmp(action, "announce") == 0 ? "announce" : "withdraw");
	add_clean(l, "", json_string_value(json_object_get(route, "prefix")));
	if (json_object_get(route, "covers"))
		add(l, ", which covers %" JSON_INTEGER_FORMAT " lo6 addresses",
		    json_integer_value(json_object_get(route, "covers")));
	if (armed)
		add(l, json_is_true(armed) ? ": lo6 is armed" : ": lo6 is not armed");
	json_array_foreach(json_object_get(route, "as_path"), i, as)
	{
		add(l, "%s%" JSON_INTEGER_FORMAT, between, json_integer_value(as));
		between = " ";
	}
}

/* "session down: notification; NOTIFICATION from 192.0.2.1: Cease/Administrative Reset" */
static void add_bgp(struct line *l, const struct event *e)
{
	const json_t *bgp = json_object_get(e->doc, "bgp"), *m;
	const json_t *session = json_object_get(bgp, "session");
	const char *between = "";
	size_t i;

	if (json_object_get(bgp, "route")) {
		add_route(l, e, json_object_get(bgp, "route"));
		return;
	}
	if (session) {
		add_clean(l, "session ", json_string_value(json_object_get(session, "state")));
		add_clean(l, ": ", json_string_value(json_object_get(session, "reason")));
		add_silent(l, e, session);
		between = "; ";
	}
	json_array_foreach(json_object_get(bgp, "opens"), i, m)
	{
		add(l, "%sOPEN", between);
		add_sender(l, e, m);
		add(l, ": AS %" JSON_INTEGER_FORMAT ", hold time %" JSON_INTEGER_FORMAT " s",
		    json_integer_value(json_object_get(m, "asn")),
		    json_integer_value(json_object_get(m, "hold_time")));
		between = "; ";
	}
	json_array_foreach(json_object_get(bgp, "notifications"), i, m)
	{
		add(l, "%sNOTIFICATION", between);
		add_sender(l, e, m);
		add(l, " %" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		    json_integer_value(json_object_get(m, "code")),
		    json_integer_value(json_object_get(m, "subcode")));
		add_clean(l, " ", json_string_value(json_object_get(m, "name")));
		add_clean(l, ", for ", json_string_value(json_object_get(m, "inner")));
		add_clean(l, ": ", json_string_value(json_object_get(m, "text")));
		between = "; ";
	}
}

/* Who raised it has said it in a sentence; may be longer than a word may be. */
static void add_alert(struct line *l, const json_t *alert)
{
	const json_t *top = json_array_get(json_object_get(alert, "sources"), 0);
	const char *text = json_string_value(json_object_get(alert, "text"));
	char clean[WORDS_LEN];

	if (text)
		add(l, "%s", output_clean(text, clean, sizeof(clean)));
	else
		add_members(l, alert);
	if (top) { /* of a flood */
		add(l, "; %" JSON_INTEGER_FORMAT,
		    json_integer_value(json_object_get(top, "syns")));
		add_clean(l, " of them from ", json_string_value(json_object_get(top, "prefix")));
	}
}

const char *words_event(const struct event *e, char buf[WORDS_LEN])
{
	struct line l = { buf, 0 };

	buf[0] = '\0';
	switch (e->type) {
	case EVENT_FLOW_START:
	case EVENT_FLOW_UPDATE:
	case EVENT_FLOW_END:
		add_flow(&l, e);
		break;
	case EVENT_PATH_CHANGE:
		add_change(&l, e);
		break;
	case EVENT_POLICY_LOADED:
		add_clean(&l, "generation ", e->policy);
		break;
	case EVENT_FABRIC_DEVICE:
		add_clean(&l, "", e->role);
		add_clean(&l, ", generation ", e->policy);
		break;
	case EVENT_AGENT_STATS:
		add_members(&l, json_object_get(e->doc, "stats"));
		break;
	case EVENT_AGENT_LOSS:
		add_members(&l, json_object_get(e->doc, "loss"));
		break;
	case EVENT_BGP_SESSION:
	case EVENT_BGP_MESSAGE:
	case EVENT_BGP_ROUTE:
		add_bgp(&l, e);
		add_members(&l, json_object_get(e->doc, "change"));
		break;
	case EVENT_ALERT:
		if (e->has_flow)
			add_flow(&l, e);
		else
			add_alert(&l, json_object_get(e->doc, "alert"));
		break;
	default:
		break;
	}
	if (!buf[0])
		add_clean(&l, "agent ", e->agent);
	return buf;
}

const char *words_flow(const struct store_flow *f, char buf[WORDS_LEN])
{
	struct line l = { buf, 0 };
	bool v6 = f->source && strchr(f->source, ':');

	buf[0] = '\0';
	add(&l, "%s", f->service ? f->service : "flow");
	if (f->source)
		add(&l, v6 ? " from [%s]:%" PRIu64 : " from %s:%" PRIu64, f->source,
		    f->source_port);
	add(&l, " to %s", words_interface(f->path));
	if (f->destination)
		add(&l, " (%s)", f->destination);
	return buf;
}

const char *words_trust(const struct store_flow *f, char buf[WORDS_LEN])
{
	struct line l = { buf, 0 };

	buf[0] = '\0';
	if (!f->verdict)
		return buf;
	if (strcmp(f->verdict, "no-policy") == 0) {
		add(&l, "no-policy: the device has no list to judge it by");
		return buf;
	}
	add(&l, "%s", f->verdict);
	add_clean(&l, " by ", f->list);
	if (f->rule >= 0)
		add(&l, " seq %" PRId64, f->rule);
	else if (f->list)
		add(&l, ", in none of its entries");
	if (f->rule >= 0 && f->prefix) {
		add_clean(&l, " (", f->prefix);
		add(&l, ")");
	}
	return buf;
}

/* "4 devices", or the one by its name. */
static void add_devices(struct line *l, const struct store_incident *i)
{
	if (i->device)
		add_clean(l, "", i->device);
	else
		add(l, "%" PRIu64 " devices", i->devices);
}

static void add_failover(struct line *l, const struct store_incident *i)
{
	const char *what;

	if (strcmp(i->worst, "unreachable") == 0)
		what = i->closed_ns ? "was reachable on neither path"
				    : "is reachable on neither path";
	else if (strcmp(i->worst, "in-band-unjustified") == 0)
		what = "was reached over lo6 although Ma1 worked";
	else if (strcmp(i->worst, "in-band-unexplained") == 0)
		what = "was reached over lo6; nothing shows whether Ma1 worked";
	else if (strcmp(i->worst, "primary-failing") == 0)
		what = "lost Ma1; nobody was on lo6";
	else
		what = "was reached over lo6 because Ma1 had failed";
	add_clean(l, "", i->device ? i->device : i->subject);
	add(l, " %s", what);
}

static void add_switch(struct line *l, const struct store_incident *i)
{
	bool is_now = i->suspicion && strcmp(i->suspicion, "suspected") == 0;

	add(l, "%" PRIu64 " device%s of ", i->devices, i->devices == 1 ? "" : "s");
	add_clean(l, "", i->subject);
	add(l, " lost Ma1 together");
	if (i->suspicion && strcmp(i->suspicion, "withdrawn") == 0) {
		add_clean(l, "; ", i->witness ? i->witness : "another one");
		add(l, " of the same subnet answered over Ma1");
	} else if (i->suspicion && i->suspicion[0]) {
		add_clean(l, "; ", i->switch_name ? i->switch_name : "their management switch");
		add(l, " %s suspected", is_now ? "is" : "was");
	}
	if (i->unreachable)
		add(l, "; %" PRIu64 " %s on neither path", i->unreachable,
		    i->closed_ns ? i->unreachable == 1 ? "was" : "were"
		    : i->unreachable == 1 ? "is or was"
					  : "are or were");
}

static void add_source(struct line *l, const struct store_incident *i)
{
	uint64_t times = !i->established ? i->attempts
			 : i->logged_in ? i->logged_in
					: i->established;
	bool all = i->device || !i->established; /* the same is said of each device */

	add_clean(l, "", i->subject);
	add(l, ", which is not permitted, ");
	if (!all)
		add(l, "reached for %" PRIu64 " devices and ", i->devices);
	add(l, i->logged_in	? "is thought to have logged in"
	       : i->established ? "got a connection"
				: "tried ");
	if (all && i->established)
		add(l, i->logged_in ? " on " : " to ");
	if (all)
		add_devices(l, i);
	if (!all || !i->established)
		add(l, ", %" PRIu64 " time%s", times, times == 1 ? "" : "s");
	if (!i->established)
		add(l, ", and did not get in");
}

const char *words_incident(const struct store_incident *i, char buf[WORDS_LEN])
{
	struct line l = { buf, 0 };

	buf[0] = '\0';
	if (i->joined)
		add(&l, "it turned out to be part of incident %" PRIu64, i->joined);
	else if (strcmp(i->kind, STORE_KIND_UNTRUSTED) == 0)
		add_source(&l, i);
	else if (strcmp(i->kind, STORE_KIND_SWITCH) == 0)
		add_switch(&l, i);
	else
		add_failover(&l, i);
	return buf;
}

const char *words_quiet(const struct store_incident *i, char buf[WORDS_LEN])
{
	struct line l = { buf, 0 };

	buf[0] = '\0';
	add_source(&l, i);
	add(&l, "; nothing more was seen of it for an hour");
	return buf;
}

static void add_clock(struct line *l, const char *before, uint64_t time_ns)
{
	char time[32];

	add(l, "%s%.8s", before, output_time(time_ns, false, time) + 11);
}

const char *words_how(enum store_member how)
{
	static const char *const words[] = { [STORE_MEMBER_LOST] = "lost",
					     [STORE_MEMBER_MOVED] = "moved",
					     [STORE_MEMBER_PRIMARY] = "primary",
					     [STORE_MEMBER_UNKNOWN] = "unknown" };

	return words[how];
}

const char *words_member(const struct store_incident_device *d, char buf[WORDS_LEN])
{
	struct line l = { buf, 0 };

	buf[0] = '\0';
	if (d->how == STORE_MEMBER_UNKNOWN) {
		add(&l, "not known: nobody tried its Ma1");
	} else if (d->how == STORE_MEMBER_PRIMARY) {
		add_clock(&l, "used over Ma1, last at ", d->last_ns);
	} else {
		add_clock(&l, d->how == STORE_MEMBER_LOST ? "lost Ma1 at " : "on lo6 since ",
			  d->began_ns);
		if (d->closed_ns)
			add_clock(&l, ", back at ", d->closed_ns);
		if (d->sessions)
			add(&l, "; %" PRIu64 " session%s over lo6", d->sessions,
			    d->sessions == 1 ? "" : "s");
		else if (!d->unreachable)
			add(&l, "; nobody on lo6");
		if (d->unreachable)
			add(&l, "; %s on neither path",
			    d->closed_ns || strcmp(d->state, "unreachable") != 0 ? "was" : "is");
	}
	return buf;
}
