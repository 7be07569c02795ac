/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event's JSON, written and read.
 *
 * Writing goes straight into one growing buffer, in the order in which docs show
 * the document, because it is done for every event on the capture's thread: a
 * tree of json_t per event costs several times as much. Only `extra`, whose shape
 * is not known here, passes through jansson. Reading looks into a json_tree, for the
 * same reason on the collector's side; what is no plain document of ours is jansson's
 * to judge.
 *
 * Numbers: counters are integers (jansson reads up to 2^63-1, larger ones are
 * written as that); durations in seconds and handshake in milliseconds are reals.
 */
#include "common/event.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_tree.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NO_LOGINUID 0xffffffffu
#define ALERT_PREFIX "alert."
#define FIRST_BUFFER 2048 /* most documents are below 1.5 KiB */

/* ---- names ---- */

static const char *const type_str[] = {
	[EVENT_FLOW_START] = "flow.start",	 [EVENT_FLOW_UPDATE] = "flow.update",
	[EVENT_FLOW_END] = "flow.end",		 [EVENT_BGP_SESSION] = "bgp.session",
	[EVENT_BGP_MESSAGE] = "bgp.message",	 [EVENT_BGP_ROUTE] = "bgp.route",
	[EVENT_PATH_CHANGE] = "path.change",	 [EVENT_POLICY_LOADED] = "policy.loaded",
	[EVENT_FABRIC_DEVICE] = "fabric.device", [EVENT_AGENT_START] = "agent.start",
	[EVENT_AGENT_STOP] = "agent.stop",	 [EVENT_AGENT_STATS] = "agent.stats",
	[EVENT_AGENT_LOSS] = "agent.loss",	 [EVENT_ALERT] = "alert",
};
static_assert(ARRAY_SIZE(type_str) == EVENT_NUM_TYPES, "a name for each type");

static const char *const severity_str[] = {
	[SEVERITY_INFO] = "info",
	[SEVERITY_NOTICE] = "notice",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_CRITICAL] = "critical",
};
static_assert(ARRAY_SIZE(severity_str) == SEVERITY_NUM, "a name for each severity");

/* NULL: written as absent. */
static const char *const path_str[] = {
	[GW_PATH_NONE] = NULL,
	[GW_PATH_PRIMARY] = "primary",
	[GW_PATH_INBAND] = "in-band",
};

static const char *const service_str[] = {
	[GW_SERVICE_NONE] = NULL,
	[GW_SERVICE_SSH] = "ssh",
	[GW_SERVICE_BGP] = "bgp",
};

static const char *const verdict_str[] = {
	[GW_VERDICT_NONE] = NULL,
	[GW_VERDICT_TRUSTED] = "trusted",
	[GW_VERDICT_UNTRUSTED] = "untrusted",
	[GW_VERDICT_NO_POLICY] = "no-policy",
};

static const char *const basis_str[] = {
	[GW_BASIS_UNKNOWN] = "unknown",
	[GW_BASIS_SYN] = "syn",
	[GW_BASIS_INVENTORY] = "inventory",
	[GW_BASIS_PORT] = "port",
};

#define NAME(table, i) ((size_t)(i) < ARRAY_SIZE(table) ? (table)[i] : NULL)

const char *event_type_name(enum event_type t)
{
	return NAME(type_str, t);
}

const char *event_severity_name(enum event_severity s)
{
	return NAME(severity_str, s);
}

const char *event_path_name(enum gw_path p)
{
	return NAME(path_str, p);
}

const char *event_service_name(enum gw_service s)
{
	return NAME(service_str, s);
}

const char *event_verdict_name(enum gw_verdict v)
{
	return NAME(verdict_str, v);
}

const char *event_basis_name(enum gw_basis b)
{
	return NAME(basis_str, b);
}

bool event_agent_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789._-");

	return n > 0 && n <= EVENT_AGENT_MAX && name[n] == '\0';
}

/* ---- writing ---- */

/* Once memory ran out, `failed` stays set and nothing more is written. */
struct writer {
	char *buf;
	size_t len, size;
	bool failed;
};

static bool grow(struct writer *w, size_t more)
{
	size_t size = w->size ? w->size : FIRST_BUFFER;
	char *buf;

	if (w->failed)
		return false;
	if (w->size - w->len > more) /* one byte stays for the NUL */
		return true;
	while (size - w->len <= more)
		size *= 2;
	buf = realloc(w->buf, size);
	if (!buf) {
		w->failed = true;
		return false;
	}
	w->buf = buf;
	w->size = size;
	return true;
}

static void put(struct writer *w, const char *s, size_t n)
{
	if (!grow(w, n))
		return;
	memcpy(w->buf + w->len, s, n);
	w->len += n;
}

static void put_text(struct writer *w, const char *s)
{
	put(w, s, strlen(s));
}

static void put_char(struct writer *w, char c)
{
	put(w, &c, 1);
}

static void put_uint(struct writer *w, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	if (v > INT64_MAX)
		v = INT64_MAX;
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	put(w, p, (size_t)(digits + sizeof(digits) - p));
}

/* Seconds with as many decimals as are not zero: 12.5. */
static void put_seconds(struct writer *w, uint64_t ns)
{
	char decimals[11];
	size_t n = 10;

	put_uint(w, ns / NS_PER_S);
	snprintf(decimals, sizeof(decimals), ".%09u", (unsigned)(ns % NS_PER_S));
	while (n > 2 && decimals[n - 1] == '0') /* "12.0" stays a real number */
		n--;
	put(w, decimals, n);
}

static void put_real(struct writer *w, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.9g", v);
	put_text(w, text);
}

/* Length of the UTF-8 sequence at p, 0 when it is not one (RFC 3629) or is a control
 * character (C1). The text ends with NUL, which no continuation byte equals. */
static size_t utf8(const unsigned char *p)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
		if (p[0] == 0xc2)
			low = 0xa0; /* U+0080 to U+009F */
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3;
		if (p[0] == 0xe0)
			low = 0xa0; /* shorter form exists */
		if (p[0] == 0xed)
			high = 0x9f; /* surrogates */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		if (p[0] == 0xf0)
			low = 0x90;
		if (p[0] == 0xf4)
			high = 0x8f; /* beyond U+10FFFF */
	} else {
		return 0;
	}
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_string(struct writer *w, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	char code[8];

	put_char(w, '"');
	while (*p) {
		size_t n = 0;

		while (plain(p[n]))
			n++;
		if (n == 0 && *p >= 0x80)
			n = utf8(p);
		if (n) {
			put(w, (const char *)p, n);
			p += n;
			continue;
		}
		if (*p == '"' || *p == '\\')
			snprintf(code, sizeof(code), "\\%c", *p);
		else
			snprintf(code, sizeof(code), "\\\\x%02x", *p);
		put_text(w, code);
		p++;
	}
	put_char(w, '"');
}

/* Writes "key": with a comma before it unless it is the first in its object. Keys
 * are ours and need no escaping. */
static void put_key(struct writer *w, const char *key)
{
	if (w->failed)
		return;
	if (w->len && w->buf[w->len - 1] != '{')
		put_char(w, ',');
	put_char(w, '"');
	put_text(w, key);
	put(w, "\":", 2);
}

static void put_object(struct writer *w, const char *key)
{
	put_key(w, key);
	put_char(w, '{');
}

static void end_object(struct writer *w)
{
	put_char(w, '}');
}

/* NULL is absent. */
static void put_member(struct writer *w, const char *key, const char *value)
{
	if (!value)
		return;
	put_key(w, key);
	put_string(w, value);
}

static void put_number(struct writer *w, const char *key, uint64_t value)
{
	put_key(w, key);
	put_uint(w, value);
}

static void put_time(struct writer *w, const char *key, uint64_t real_ns)
{
	char text[TIME_STRLEN];

	put_member(w, key, time_format(real_ns, text));
}

static void put_addr(struct writer *w, const char *key, const struct addr *a)
{
	char text[ADDR_STRLEN];

	if (a->family)
		put_member(w, key, addr_format(a, text));
}

static void put_true(struct writer *w, const char *key, bool value)
{
	if (!value)
		return;
	put_key(w, key);
	put(w, "true", 4);
}

static unsigned at_most(unsigned n, unsigned max)
{
	return n < max ? n : max;
}

static void put_end(struct writer *w, const char *key, const struct event_end *end)
{
	put_object(w, key);
	put_addr(w, "ip", &end->ip);
	put_number(w, "port", end->port);
	put_number(w, "packets", end->packets);
	put_number(w, "bytes", end->bytes);
	end_object(w);
}

/* The three stacks are there even when empty: that no tag was on the wire is known,
 * not unseen. */
static void put_network(struct writer *w, const struct event *e)
{
	put_object(w, "network");
	put_member(w, "type", e->source.ip.family == 6 ? "ipv6" : "ipv4");
	put_member(w, "transport", "tcp");
	put_member(w, "community_id", e->community_id);
	put_key(w, "vlan");
	put_char(w, '[');
	for (unsigned i = 0; i < at_most(e->vlan_n, EVENT_MAX_STACK); i++) {
		put(w, ",", i > 0);
		put_uint(w, e->vlan[i]);
	}
	put_char(w, ']');
	put_key(w, "mpls");
	put_char(w, '[');
	for (unsigned i = 0; i < at_most(e->mpls_n, EVENT_MAX_STACK); i++) {
		put(w, ",", i > 0);
		put_uint(w, e->mpls[i]);
	}
	put_char(w, ']');
	put_key(w, "encapsulation");
	put_char(w, '[');
	for (unsigned i = 0; i < at_most(e->encapsulation_n, EVENT_MAX_STACK); i++) {
		put(w, ",", i > 0);
		put_string(w, e->encapsulation[i]);
	}
	put_char(w, ']');
	if (e->outer_source.family || e->outer_destination.family) {
		put_object(w, "outer");
		put_addr(w, "source", &e->outer_source);
		put_addr(w, "destination", &e->outer_destination);
		end_object(w);
	}
	end_object(w);
}

static void put_flow(struct writer *w, const struct event *e)
{
	put_object(w, "flow");
	put_member(w, "id", e->flow.id);
	put_member(w, "direction", e->flow.outbound ? "outbound" : "inbound");
	if (e->flow.start_ns)
		put_time(w, "start", e->flow.start_ns);
	if (e->flow.end_ns)
		put_time(w, "end", e->flow.end_ns);
	if (e->flow.start_ns && e->flow.end_ns) {
		put_key(w, "duration");
		/* A clock that was set back in between makes no negative time. */
		put_seconds(w, e->flow.end_ns > e->flow.start_ns ? e->flow.end_ns - e->flow.start_ns
								 : 0);
	}
	put_member(w, "state", e->flow.state);
	put_member(w, "outcome", e->flow.outcome);
	put_member(w, "initiator", event_basis_name(e->flow.initiator));
	if (e->flow.unknown_target)
		put_member(w, "target", "unknown");
	put_true(w, "cut", e->flow.cut);
	if (isfinite(e->flow.handshake_ms) && e->flow.handshake_ms >= 0) {
		put_key(w, "handshake_ms");
		put_real(w, e->flow.handshake_ms);
	}
	put_number(w, "retransmits", e->flow.retransmits);
	put_number(w, "fragments", e->flow.fragments);
	put_number(w, "missed_bytes", e->flow.missed_bytes);
	if (e->flow.strays)
		put_number(w, "strays", e->flow.strays);
	put_member(w, "icmp", e->flow.icmp);
	end_object(w);
}

static void put_trust(struct writer *w, const struct event *e)
{
	put_object(w, "trust");
	put_member(w, "verdict", event_verdict_name(e->trust.verdict));
	put_member(w, "list", e->trust.list);
	if (e->trust.has_rule) {
		put_number(w, "seq", e->trust.seq);
		put_member(w, "prefix", e->trust.prefix);
	}
	put_true(w, "neighbor", e->trust.neighbor);
	end_object(w);
}

static void put_ssh_auth(struct writer *w, const struct event *e)
{
	if (!e->ssh_auth.result)
		return;
	put_object(w, "auth");
	put_member(w, "result", e->ssh_auth.result);
	if (e->ssh_auth.has_attempts)
		put_number(w, "attempts", e->ssh_auth.attempts);
	put_member(w, "confidence", e->ssh_auth.confidence);
	put_member(w, "basis", e->ssh_auth.basis);
	end_object(w);
}

static void put_ssh_side(struct writer *w, const char *key, const struct event_ssh_side *side)
{
	if (!side->proto_version && !side->software_version && !side->hassh)
		return;
	put_object(w, key);
	put_member(w, "proto_version", side->proto_version);
	put_member(w, "software_version", side->software_version);
	if (side->hassh) {
		put_object(w, "hassh");
		put_member(w, "hash", side->hassh);
		put_member(w, "string", side->hassh_string);
		end_object(w);
	}
	end_object(w);
}

static const char *bgp_from(unsigned from)
{
	return from ? "destination" : "source";
}

static void put_bgp_counts(struct writer *w, const char *key, const struct event_bgp_counts *n)
{
	put_object(w, key);
	put_number(w, "open", n->open);
	put_number(w, "update", n->update);
	put_number(w, "notification", n->notification);
	put_number(w, "keepalive", n->keepalive);
	put_number(w, "route_refresh", n->route_refresh);
	end_object(w);
}

static void put_bgp_cadence(struct writer *w, const struct event_bgp_counts n[2])
{
	if (n[0].keepalive_max <= 0 && n[1].keepalive_max <= 0)
		return;
	put_object(w, "keepalive_s");
	for (unsigned i = 0; i < 2; i++) {
		if (n[i].keepalive_max <= 0)
			continue;
		put_object(w, bgp_from(i));
		put_key(w, "average");
		put_real(w, n[i].keepalive_average);
		put_key(w, "max");
		put_real(w, n[i].keepalive_max);
		end_object(w);
	}
	end_object(w);
}

static void put_bgp_unread(struct writer *w, const struct event_bgp_counts n[2])
{
	if (!n[0].malformed && !n[0].ambiguous && !n[1].malformed && !n[1].ambiguous)
		return;
	put_object(w, "unread");
	for (unsigned i = 0; i < 2; i++) {
		if (!n[i].malformed && !n[i].ambiguous)
			continue;
		put_object(w, bgp_from(i));
		put_number(w, "malformed", n[i].malformed);
		put_number(w, "ambiguous", n[i].ambiguous);
		end_object(w);
	}
	end_object(w);
}

static void put_bgp_open(struct writer *w, const struct event_bgp_open *o)
{
	put_char(w, '{');
	put_member(w, "from", bgp_from(o->from));
	put_number(w, "asn", o->asn);
	put_number(w, "hold_time", o->hold_time);
	put_addr(w, "router_id", &o->router_id);
	put_key(w, "capabilities");
	put_char(w, '[');
	for (size_t i = 0; i < o->n_capabilities; i++) {
		put(w, ",", i > 0);
		put_uint(w, o->capabilities[i]);
	}
	put_char(w, ']');
	end_object(w);
}

static void put_bgp_notification(struct writer *w, const struct event_bgp_notification *n)
{
	put_char(w, '{');
	put_member(w, "from", bgp_from(n->from));
	put_number(w, "code", n->code);
	put_number(w, "subcode", n->subcode);
	put_member(w, "name", n->name);
	put_member(w, "inner", n->inner);
	put_member(w, "text", n->text);
	end_object(w);
}

static void put_bgp_route(struct writer *w, const struct event_bgp_route *r)
{
	put_object(w, "route");
	put_member(w, "action", r->action);
	put_member(w, "reason", r->reason);
	put_member(w, "prefix", r->prefix);
	put_member(w, "from", bgp_from(r->from));
	put_addr(w, "next_hop", &r->next_hop);
	if (r->has_as_path) {
		put_key(w, "as_path");
		put_char(w, '[');
		for (unsigned i = 0; i < r->n_as_path; i++) {
			put(w, ",", i > 0);
			put_uint(w, r->as_path[i]);
		}
		put_char(w, ']');
	}
	if (r->has_path_id)
		put_number(w, "path_id", r->path_id);
	put_member(w, "rd", r->rd);
	put_addr(w, "target", &r->target);
	if (r->covers)
		put_number(w, "covers", r->covers);
	if (r->has_armed) {
		put_key(w, "armed");
		put_text(w, r->armed ? "true" : "false");
	}
	put_true(w, "unseen", r->unseen);
	end_object(w);
}

static void put_bgp(struct writer *w, const struct event *e)
{
	unsigned i;

	put_object(w, "bgp");
	if (e->bgp.session) {
		put_object(w, "session");
		put_member(w, "state", e->bgp.session);
		put_member(w, "reason", e->bgp.reason);
		if (e->bgp.has_silent)
			put_member(w, "silent", bgp_from(e->bgp.silent));
		if (e->bgp.hold_time)
			put_number(w, "hold_time", e->bgp.hold_time);
		end_object(w);
	}
	if (e->bgp.route.action)
		put_bgp_route(w, &e->bgp.route);
	if (e->bgp.has_counts) {
		put_bgp_counts(w, "source", &e->bgp.counts[0]);
		put_bgp_counts(w, "destination", &e->bgp.counts[1]);
		put_bgp_cadence(w, e->bgp.counts);
		put_bgp_unread(w, e->bgp.counts);
	}
	if (e->bgp.n_opens) {
		put_key(w, "opens");
		put_char(w, '[');
		for (i = 0; i < at_most(e->bgp.n_opens, EVENT_MAX_BGP); i++) {
			put(w, ",", i > 0);
			put_bgp_open(w, &e->bgp.opens[i]);
		}
		put_char(w, ']');
	}
	if (e->bgp.n_notifications) {
		put_key(w, "notifications");
		put_char(w, '[');
		for (i = 0; i < at_most(e->bgp.n_notifications, EVENT_MAX_BGP); i++) {
			put(w, ",", i > 0);
			put_bgp_notification(w, &e->bgp.notifications[i]);
		}
		put_char(w, ']');
	}
	end_object(w);
}

static void put_actor(struct writer *w, const struct event *e)
{
	put_object(w, "actor");
	put_member(w, "user", e->actor.user);
	put_number(w, "uid", e->actor.uid);
	if (e->actor.loginuid != NO_LOGINUID)
		put_number(w, "loginuid", e->actor.loginuid);
	put_number(w, "pid", e->actor.pid);
	put_member(w, "comm", e->actor.comm);
	end_object(w);
}

static void put_change(struct writer *w, const struct event *e)
{
	put_object(w, "change");
	put_member(w, "from", e->change.from);
	put_member(w, "to", e->change.to);
	put_member(w, "reason", e->change.reason);
	put_key(w, "evidence");
	put_char(w, '[');
	for (unsigned i = 0; i < at_most(e->change.evidence_n, EVENT_MAX_EVIDENCE); i++) {
		put(w, ",", i > 0);
		put_string(w, e->change.evidence[i]);
	}
	put_char(w, ']');
	if (isfinite(e->change.outage_s) && e->change.outage_s >= 0) {
		put_key(w, "outage_s");
		put_real(w, e->change.outage_s);
	}
	end_object(w);
}

/* Keys of the top level that the struct's parts give. */
static bool is_taken(const struct event *e, const char *key)
{
	static const char *const always[] = {
		"v", "id", "agent", "seq", "time", "type", "severity"
	};

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (!strcmp(key, always[i]))
			return true;
	return (e->policy && !strcmp(key, "policy")) || (e->device && !strcmp(key, "device")) ||
	       (event_path_name(e->path) && !strcmp(key, "path")) ||
	       (event_service_name(e->service) && !strcmp(key, "service")) ||
	       (e->has_ends && (!strcmp(key, "source") || !strcmp(key, "destination") ||
				!strcmp(key, "network"))) ||
	       (e->has_flow && !strcmp(key, "flow")) || (e->has_trust && !strcmp(key, "trust")) ||
	       (e->has_ssh && !strcmp(key, "ssh")) || (e->has_bgp && !strcmp(key, "bgp")) ||
	       (e->has_actor && !strcmp(key, "actor")) || (e->has_change && !strcmp(key, "change"));
}

static void put_extra(struct writer *w, const struct event *e)
{
	const char *key;
	json_t *value;

	json_object_foreach(e->extra, key, value)
	{
		char *text;

		if (is_taken(e, key))
			continue;
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!text) {
			w->failed = true;
			return;
		}
		put_char(w, ',');
		put_string(w, key);
		put_char(w, ':');
		put_text(w, text);
		free(text);
	}
}

long event_encode_into(const struct event *e, char **buf, size_t *size)
{
	struct writer w = { *buf, 0, *buf ? *size : 0, false };

	put_char(&w, '{');
	put_number(&w, "v", EVENT_VERSION);
	put_key(&w, "id");
	put_char(&w, '"');
	put_text(&w, e->agent); /* event_agent_valid(): nothing to escape */
	put_char(&w, '/');
	put_uint(&w, e->seq);
	put_char(&w, '"');
	put_member(&w, "agent", e->agent);
	put_number(&w, "seq", e->seq);
	put_time(&w, "time", e->time_ns);
	put_key(&w, "type");
	if (e->type == EVENT_ALERT) {
		put_text(&w, "\"" ALERT_PREFIX);
		put_text(&w, e->alert); /* a name of ours, as an agent's */
		put_char(&w, '"');
	} else {
		put_string(&w, event_type_name(e->type));
	}
	put_member(&w, "severity", event_severity_name(e->severity));
	put_member(&w, "policy", e->policy);
	if (e->device) {
		put_object(&w, "device");
		put_member(&w, "name", e->device);
		put_member(&w, "role", e->role);
		put_member(&w, "vrf", e->vrf);
		end_object(&w);
	}
	put_member(&w, "path", event_path_name(e->path));
	put_member(&w, "service", event_service_name(e->service));
	if (e->has_ends) {
		put_end(&w, "source", &e->source);
		put_end(&w, "destination", &e->destination);
		put_network(&w, e);
	}
	if (e->has_flow)
		put_flow(&w, e);
	if (e->has_trust && event_verdict_name(e->trust.verdict))
		put_trust(&w, e);
	if (e->has_ssh) {
		put_object(&w, "ssh");
		put_ssh_side(&w, "client", &e->ssh_client);
		put_ssh_side(&w, "server", &e->ssh_server);
		put_member(&w, "kex", e->ssh_kex);
		put_member(&w, "host_key", e->ssh_host_key);
		put_member(&w, "cipher", e->ssh_cipher);
		put_member(&w, "mac", e->ssh_mac);
		put_member(&w, "compression", e->ssh_compression);
		put_ssh_auth(&w, e);
		end_object(&w);
	}
	if (e->has_bgp)
		put_bgp(&w, e);
	if (e->has_actor)
		put_actor(&w, e);
	if (e->has_change)
		put_change(&w, e);
	if (e->extra)
		put_extra(&w, e);
	put_char(&w, '}');
	put(&w, "", 1); /* NUL */
	*buf = w.buf;
	*size = w.size;
	return w.failed ? -1 : (long)(w.len - 1);
}

char *event_encode(const struct event *e)
{
	char *buf = NULL;
	size_t size = 0;

	if (event_encode_into(e, &buf, &size) >= 0)
		return buf;
	free(buf);
	return NULL;
}

/* ---- reading ---- */

/* The first thing wrong with the document; err keeps it. */
struct reader {
	char *err;
	size_t size;
	bool failed;
	struct json_tree *tree;
};

static void __attribute__((format(printf, 2, 3))) wrong(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->failed)
		return;
	r->failed = true;
	va_start(ap, fmt);
	vsnprintf(r->err, r->size, fmt, ap);
	va_end(ap);
}

/* Each get_ leaves *out alone when the key is absent and fails the reader when it
 * has another type. `part` names the object for the message. Returns presence. */
static const char *dot(const char *part)
{
	return *part ? "." : "";
}

static bool get_string(struct reader *r, const struct json_node *o, const char *part,
		       const char *key, const char **out)
{
	const struct json_node *v = json_tree_get(r->tree, o, key);

	if (!v)
		return false;
	if (v->type != JSON_STRING) {
		wrong(r, "%s%s%s is not a string", part, dot(part), key);
		return false;
	}
	*out = v->text;
	return true;
}

static bool get_uint(struct reader *r, const struct json_node *o, const char *part, const char *key,
		     uint64_t max, uint64_t *out)
{
	const struct json_node *v = json_tree_get(r->tree, o, key);

	if (!v)
		return false;
	if (v->type != JSON_INTEGER || v->integer < 0 || (uint64_t)v->integer > max) {
		wrong(r, "%s%s%s is not an integer from 0 to %llu", part, dot(part), key,
		      (unsigned long long)max);
		return false;
	}
	*out = (uint64_t)v->integer;
	return true;
}

static bool get_uint32(struct reader *r, const struct json_node *o, const char *part,
		       const char *key, uint32_t *out)
{
	uint64_t v;

	if (!get_uint(r, o, part, key, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool get_real(struct reader *r, const struct json_node *o, const char *part, const char *key,
		     double *out)
{
	const struct json_node *v = json_tree_get(r->tree, o, key);

	if (!v)
		return false;
	if (v->type != JSON_REAL && v->type != JSON_INTEGER) {
		wrong(r, "%s%s%s is not a number", part, dot(part), key);
		return false;
	}
	*out = v->type == JSON_REAL ? v->real : (double)v->integer;
	return true;
}

static void get_true(struct reader *r, const struct json_node *o, const char *part, const char *key,
		     bool *out)
{
	const struct json_node *v = json_tree_get(r->tree, o, key);

	if (v && v->type != JSON_TRUE && v->type != JSON_FALSE)
		wrong(r, "%s%s%s is not true or false", part, dot(part), key);
	*out = v && v->type == JSON_TRUE;
}

static bool get_time(struct reader *r, const struct json_node *o, const char *part, const char *key,
		     uint64_t *out)
{
	const char *text;

	if (!get_string(r, o, part, key, &text))
		return false;
	/* "now" and "-2h" are for people, not for documents. */
	if (text[0] < '0' || text[0] > '9' || !time_parse(text, 0, out)) {
		wrong(r, "%s%s%s is not an RFC 3339 time", part, dot(part), key);
		return false;
	}
	return true;
}

static void get_addr(struct reader *r, const struct json_node *o, const char *part, const char *key,
		     struct addr *out)
{
	const char *text;

	if (get_string(r, o, part, key, &text) && !addr_parse(text, out))
		wrong(r, "%s%s%s is not an IP address", part, dot(part), key);
}

/* Index of a name in a table, `none` when the key is absent. */
static unsigned get_name(struct reader *r, const struct json_node *o, const char *part,
			 const char *key, const char *const *table, size_t n, unsigned none)
{
	const char *text;

	if (!get_string(r, o, part, key, &text))
		return none;
	for (unsigned i = 0; i < n; i++)
		if (table[i] && !strcmp(table[i], text))
			return i;
	wrong(r, "%s%s%s \"%.40s\" is not known", part, dot(part), key, text);
	return none;
}

/* NULL when absent. */
static const struct json_node *get_object(struct reader *r, const struct json_node *o,
					  const char *part, const char *key)
{
	const struct json_node *v = json_tree_get(r->tree, o, key);

	if (v && v->type != JSON_OBJECT) {
		wrong(r, "%s%s%s is not an object", part, dot(part), key);
		return NULL;
	}
	return v;
}

static const struct json_node *get_array(struct reader *r, const struct json_node *o,
					 const char *part, const char *key)
{
	const struct json_node *v = json_tree_get(r->tree, o, key);

	if (v && v->type != JSON_ARRAY) {
		wrong(r, "%s%s%s is not an array", part, dot(part), key);
		return NULL;
	}
	return v;
}

static bool get_end(struct reader *r, const struct json_node *doc, const char *key,
		    struct event_end *end)
{
	const struct json_node *o = get_object(r, doc, "", key);
	uint64_t port = 0;

	if (!o)
		return false;
	get_addr(r, o, key, "ip", &end->ip);
	get_uint(r, o, key, "port", UINT16_MAX, &port);
	get_uint(r, o, key, "packets", INT64_MAX, &end->packets);
	get_uint(r, o, key, "bytes", INT64_MAX, &end->bytes);
	end->port = (uint16_t)port;
	return true;
}

static void get_network(struct reader *r, const struct json_node *doc, struct event *e)
{
	const struct json_node *o = get_object(r, doc, "", "network"), *v;

	if (!o)
		return;
	get_string(r, o, "network", "community_id", &e->community_id);
	v = json_tree_first(r->tree, get_array(r, o, "network", "vlan"));
	for (; v && e->vlan_n < EVENT_MAX_STACK; v = json_tree_next(r->tree, v)) {
		if (v->type != JSON_INTEGER || v->integer < 0 || v->integer > UINT16_MAX)
			wrong(r, "network.vlan holds something that is not a VLAN number");
		e->vlan[e->vlan_n++] = (uint16_t)v->integer;
	}
	v = json_tree_first(r->tree, get_array(r, o, "network", "mpls"));
	for (; v && e->mpls_n < EVENT_MAX_STACK; v = json_tree_next(r->tree, v)) {
		if (v->type != JSON_INTEGER || v->integer < 0 || v->integer > UINT32_MAX)
			wrong(r, "network.mpls holds something that is not a label");
		e->mpls[e->mpls_n++] = (uint32_t)v->integer;
	}
	v = json_tree_first(r->tree, get_array(r, o, "network", "encapsulation"));
	for (; v && e->encapsulation_n < EVENT_MAX_STACK; v = json_tree_next(r->tree, v)) {
		if (v->type != JSON_STRING)
			wrong(r, "network.encapsulation holds something that is not a string");
		e->encapsulation[e->encapsulation_n++] = v->text;
	}
	o = get_object(r, o, "network", "outer");
	if (o) {
		get_addr(r, o, "network.outer", "source", &e->outer_source);
		get_addr(r, o, "network.outer", "destination", &e->outer_destination);
	}
}

static void get_flow(struct reader *r, const struct json_node *doc, struct event *e)
{
	static const char *const direction[] = { "inbound", "outbound" };
	static const char *const target[] = { NULL, "unknown" };
	const struct json_node *o = get_object(r, doc, "", "flow");

	if (!o)
		return;
	e->has_flow = true;
	get_string(r, o, "flow", "id", &e->flow.id);
	e->flow.outbound =
		get_name(r, o, "flow", "direction", direction, ARRAY_SIZE(direction), 0) == 1;
	get_time(r, o, "flow", "start", &e->flow.start_ns);
	get_time(r, o, "flow", "end", &e->flow.end_ns);
	get_string(r, o, "flow", "state", &e->flow.state);
	get_string(r, o, "flow", "outcome", &e->flow.outcome);
	e->flow.initiator = (enum gw_basis)get_name(r, o, "flow", "initiator", basis_str,
						    ARRAY_SIZE(basis_str), GW_BASIS_UNKNOWN);
	e->flow.unknown_target = get_name(r, o, "flow", "target", target, ARRAY_SIZE(target), 0) ==
				 1;
	get_true(r, o, "flow", "cut", &e->flow.cut);
	get_real(r, o, "flow", "handshake_ms", &e->flow.handshake_ms);
	get_uint(r, o, "flow", "retransmits", INT64_MAX, &e->flow.retransmits);
	get_uint(r, o, "flow", "fragments", INT64_MAX, &e->flow.fragments);
	get_uint(r, o, "flow", "missed_bytes", INT64_MAX, &e->flow.missed_bytes);
	get_uint(r, o, "flow", "strays", INT64_MAX, &e->flow.strays);
	get_string(r, o, "flow", "icmp", &e->flow.icmp);
}

static void get_trust(struct reader *r, const struct json_node *doc, struct event *e)
{
	const struct json_node *o = get_object(r, doc, "", "trust");

	if (!o)
		return;
	e->has_trust = true;
	e->trust.verdict = (enum gw_verdict)get_name(r, o, "trust", "verdict", verdict_str,
						     ARRAY_SIZE(verdict_str), GW_VERDICT_NONE);
	get_string(r, o, "trust", "list", &e->trust.list);
	e->trust.has_rule = get_uint32(r, o, "trust", "seq", &e->trust.seq);
	get_string(r, o, "trust", "prefix", &e->trust.prefix);
	get_true(r, o, "trust", "neighbor", &e->trust.neighbor);
}

static void get_ssh_side(struct reader *r, const struct json_node *ssh, const char *key,
			 struct event_ssh_side *side)
{
	const struct json_node *o = get_object(r, ssh, "ssh", key);

	if (!o)
		return;
	get_string(r, o, "ssh", "proto_version", &side->proto_version);
	get_string(r, o, "ssh", "software_version", &side->software_version);
	o = get_object(r, o, "ssh", "hassh");
	if (o) {
		get_string(r, o, "hassh", "hash", &side->hassh);
		get_string(r, o, "hassh", "string", &side->hassh_string);
	}
}

static void get_ssh_auth(struct reader *r, const struct json_node *ssh, struct event *e)
{
	const struct json_node *o = get_object(r, ssh, "ssh", "auth");

	if (!o)
		return;
	get_string(r, o, "auth", "result", &e->ssh_auth.result);
	e->ssh_auth.has_attempts =
		get_uint(r, o, "auth", "attempts", INT64_MAX, &e->ssh_auth.attempts);
	get_string(r, o, "auth", "confidence", &e->ssh_auth.confidence);
	get_string(r, o, "auth", "basis", &e->ssh_auth.basis);
}

static void get_actor(struct reader *r, const struct json_node *doc, struct event *e)
{
	const struct json_node *o = get_object(r, doc, "", "actor");

	if (!o)
		return;
	e->has_actor = true;
	get_string(r, o, "actor", "user", &e->actor.user);
	get_uint32(r, o, "actor", "uid", &e->actor.uid);
	get_uint32(r, o, "actor", "loginuid", &e->actor.loginuid);
	get_uint32(r, o, "actor", "pid", &e->actor.pid);
	get_string(r, o, "actor", "comm", &e->actor.comm);
}

/* policy.loaded has a "change" of its own, which stays in doc. */
static void get_change(struct reader *r, const struct json_node *doc, struct event *e)
{
	const struct json_node *o, *v;

	if (e->type != EVENT_PATH_CHANGE)
		return;
	o = get_object(r, doc, "", "change");
	if (!o)
		return;
	e->has_change = true;
	get_string(r, o, "change", "from", &e->change.from);
	get_string(r, o, "change", "to", &e->change.to);
	get_string(r, o, "change", "reason", &e->change.reason);
	v = json_tree_first(r->tree, get_array(r, o, "change", "evidence"));
	for (; v && e->change.evidence_n < EVENT_MAX_EVIDENCE; v = json_tree_next(r->tree, v)) {
		if (v->type != JSON_STRING)
			wrong(r, "change.evidence holds something that is not a string");
		e->change.evidence[e->change.evidence_n++] = v->text;
	}
	get_real(r, o, "change", "outage_s", &e->change.outage_s);
}

/* What no event is without. */
static void get_head(struct reader *r, const struct json_node *doc, struct event *e)
{
	const char *id = NULL, *type = NULL, *severity = NULL;
	char expected[EVENT_ID_STRLEN];
	uint64_t v = 0;

	if (!get_uint(r, doc, "", "v", UINT32_MAX, &v) || v != EVENT_VERSION) {
		wrong(r, "v is %s: this program reads version %d",
		      json_tree_get(r->tree, doc, "v") ? "another version" : "missing",
		      EVENT_VERSION);
		return;
	}
	if (!get_string(r, doc, "", "agent", &e->agent) || !event_agent_valid(e->agent))
		wrong(r, "agent is missing or not a name");
	if (!get_uint(r, doc, "", "seq", INT64_MAX, &e->seq) || e->seq == 0)
		wrong(r, "seq is missing or 0");
	if (r->failed)
		return;
	snprintf(expected, sizeof(expected), "%s/%llu", e->agent, (unsigned long long)e->seq);
	if (!get_string(r, doc, "", "id", &id) || strcmp(id, expected))
		wrong(r, "id is missing or not agent/seq (\"%.160s\")", expected);
	if (!get_time(r, doc, "", "time", &e->time_ns))
		wrong(r, "time is missing");
	if (!get_string(r, doc, "", "type", &type)) {
		wrong(r, "type is missing");
	} else if (!strncmp(type, ALERT_PREFIX, strlen(ALERT_PREFIX)) &&
		   event_agent_valid(type + strlen(ALERT_PREFIX))) {
		e->type = EVENT_ALERT;
		e->alert = type + strlen(ALERT_PREFIX);
	} else {
		/* A bare "alert" is not a type. */
		e->type = (enum event_type)get_name(r, doc, "", "type", type_str, EVENT_ALERT, 0);
	}
	if (!get_string(r, doc, "", "severity", &severity))
		wrong(r, "severity is missing");
	e->severity = (enum event_severity)get_name(r, doc, "", "severity", severity_str,
						    SEVERITY_NUM, 0);
}

static const char *const part_str[] = { "policy", "device",	 "path",    "service",
					"source", "destination", "network", "flow",
					"trust",  "ssh",	 "bgp",	    "actor" };
static_assert(ARRAY_SIZE(part_str) == EVENT_NUM_PARTS, "a name for each part");

const char *event_part_name(unsigned part)
{
	return NAME(part_str, part);
}

static unsigned get_flow_parts(struct reader *r, const struct json_node *doc)
{
	unsigned parts = 0;

	for (unsigned i = 0; i < EVENT_NUM_PARTS; i++)
		parts |= json_tree_get(r->tree, doc, part_str[i]) ? 1u << i : 0;
	return parts;
}

/* Each part of the document that the struct has. */
static void get_parts(struct reader *r, const struct json_node *doc, struct event *e)
{
	const struct json_node *o;

	get_string(r, doc, "", "policy", &e->policy);
	o = get_object(r, doc, "", "device");
	if (o) {
		get_string(r, o, "device", "name", &e->device);
		get_string(r, o, "device", "role", &e->role);
		get_string(r, o, "device", "vrf", &e->vrf);
	}
	e->path = (enum gw_path)get_name(r, doc, "", "path", path_str, ARRAY_SIZE(path_str),
					 GW_PATH_NONE);
	e->service = (enum gw_service)get_name(r, doc, "", "service", service_str,
					       ARRAY_SIZE(service_str), GW_SERVICE_NONE);
	e->has_ends = get_end(r, doc, "source", &e->source);
	e->has_ends |= get_end(r, doc, "destination", &e->destination);
	get_network(r, doc, e);
	get_flow(r, doc, e);
	get_trust(r, doc, e);
	o = get_object(r, doc, "", "ssh");
	if (o) {
		e->has_ssh = true;
		get_ssh_side(r, o, "client", &e->ssh_client);
		get_ssh_side(r, o, "server", &e->ssh_server);
		get_string(r, o, "ssh", "kex", &e->ssh_kex);
		get_string(r, o, "ssh", "host_key", &e->ssh_host_key);
		get_string(r, o, "ssh", "cipher", &e->ssh_cipher);
		get_string(r, o, "ssh", "mac", &e->ssh_mac);
		get_string(r, o, "ssh", "compression", &e->ssh_compression);
		get_ssh_auth(r, o, e);
	}
	get_object(r, doc, "", "bgp");
	get_actor(r, doc, e);
	get_change(r, doc, e);
}

/* The document as a tree: from the text, or from what jansson makes of it. */
static int read_tree(struct reader *r, const char *text, size_t len, struct event *e)
{
	json_error_t why;
	int rc = e->doc ? 1 : json_tree_read_again(r->tree, text, len);

	if (rc > 0 && !e->doc) {
		e->doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
		if (!e->doc) {
			snprintf(r->err, r->size, "not JSON: %s at byte %d", why.text,
				 why.position);
			return -1;
		}
	}
	if (rc > 0) {
		json_tree_clear(r->tree);
		rc = json_tree_from(r->tree, e->doc);
	}
	if (rc)
		snprintf(r->err, r->size, "out of memory for the document");
	return rc;
}

int event_read_in(struct json_tree *room, const char *text, size_t len, struct event *e, char *err,
		  size_t size)
{
	struct reader r = { .err = err, .size = size, .tree = room };
	const struct json_node *doc;

	memset(e, 0, sizeof(*e));
	e->flow.handshake_ms = -1;
	e->change.outage_s = -1;
	e->actor.loginuid = NO_LOGINUID;
	e->text = text;
	e->text_len = len;
	if (read_tree(&r, text, len, e)) {
		event_clear(e);
		return -1;
	}
	doc = &room->nodes[1];
	if (doc->type != JSON_OBJECT)
		wrong(&r, "not a JSON object");
	if (!r.failed)
		get_head(&r, doc, e);
	if (!r.failed)
		get_parts(&r, doc, e);
	e->parts = r.failed ? 0 : get_flow_parts(&r, doc);
	if (!r.failed)
		return 0;
	event_clear(e);
	return -1;
}

int event_read(const char *text, size_t len, struct event *e, char *err, size_t size)
{
	struct json_tree tree = { 0 };
	int rc = event_read_in(&tree, text, len, e, err, size);

	if (!rc) {
		e->strings = tree.text; /* the event's strings stand there, or in e->doc */
		tree.text = NULL;
	}
	json_tree_clear(&tree);
	return rc;
}

const json_t *event_doc(struct event *e)
{
	if (!e->doc && e->text)
		e->doc = json_loadb(e->text, e->text_len, JSON_REJECT_DUPLICATES, NULL);
	return e->doc;
}

int event_decode(const char *text, size_t len, struct event *e, char *err, size_t size)
{
	if (event_read(text, len, e, err, size))
		return -1;
	if (event_doc(e))
		return 0;
	snprintf(err, size, "not JSON, or out of memory for it");
	event_clear(e);
	return -1;
}

void event_clear(struct event *e)
{
	json_decref(e->doc);
	free(e->strings);
	memset(e, 0, sizeof(*e));
}
