/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of an incident's document what comes from its flows: what they say of a path, the
 * break-glass sessions, the untrusted sources and why they are that.
 */
#include "collector/view/incident_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/store/incident.h"
#include "collector/store/report.h"
#include "collector/view/trust.h"
#include "collector/words/text.h"
#include "collector/words/words.h"
#include "common/addr.h"
#include "common/clock.h"

#define JUDGED 20 /* untrusted sources that are held against every device's list */

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

/* ---- what a flow proves -------------------------------------------------------- */

/* "SSH from 10.20.0.5 unanswered after 6 SYNs": of a flow that was not established, or
 * stalled. Whether it did the change says, not the flow. */
static void proof(const struct store_flow *f, const json_t *doc, char *buf, size_t size)
{
	const json_t *flow = json_object_get(doc, "flow");
	const char *service = is(f->service, "bgp") ? "BGP" : "SSH", *icmp;
	char clean[128];

	icmp = doc_text(flow, "icmp");
	if (f->established)
		snprintf(buf, size, "the session of %s from %s stalled",
			 f->user ? output_clean(f->user, clean, sizeof(clean)) : service,
			 f->source ? f->source : "?");
	else if (is(f->outcome, "unreachable"))
		snprintf(buf, size, "%s from %s: ICMP %s", service, f->source ? f->source : "?",
			 output_clean(*icmp ? icmp : "unreachable", clean, sizeof(clean)));
	else if (is(f->outcome, "refused"))
		snprintf(buf, size, "%s from %s refused", service, f->source ? f->source : "?");
	else
		snprintf(buf, size, "%s from %s unanswered after %" PRIu64 " SYN%s", service,
			 f->source ? f->source : "?", f->source_packets,
			 f->source_packets == 1 ? "" : "s");
}

/* By the agent's own row: of a flow that several saw, one is counted in the incident, but
 * each names its own as evidence. */
bool incident_proof(struct incident_view *v, const char *agent, const char *flow, bool stalled,
		    char *buf, size_t size)
{
	struct store_flow f;
	json_t *doc;

	if (store_flow_get(v->s, agent, flow, &f) <= 0)
		return false;
	/* The session over lo6 stands among the evidence of the change that it made. */
	if (f.established && (!stalled || is(f.path, "in-band")))
		return false;
	doc = json_loads(f.json, 0, NULL);
	proof(&f, doc, buf, size);
	json_decref(doc);
	return true;
}

/* Who told of it, and under which policy. */
static void note_agent(struct incident_view *v, const char *agent, const char *policy)
{
	json_t *of;

	json_object_set_new(v->agents, agent, json_true());
	if (!policy || !*policy)
		return;
	of = json_object_get(v->policies, policy);
	if (!of) {
		of = json_object();
		json_object_set_new(v->policies, policy, of);
	}
	json_object_set_new(of, agent, json_true());
}

static void key_of(const char *source, const char *device, char *buf, size_t size)
{
	snprintf(buf, size, "%s %s", source ? source : "", device ? device : "");
}

/* The first flow of a source at a device says where it went and what decided; the
 * newest how it ended. There may be very many: only the first one's document is read. */
static void note_untrusted(struct incident_view *v, const struct store_flow *f)
{
	struct store_flow first;
	char key[400];
	json_t *u, *doc;

	key_of(f->source, f->device, key, sizeof(key));
	u = json_object_get(v->reached, key);
	if (!u) {
		u = json_object();
		put_text(u, "path", f->path);
		put_text(u, "address", f->destination);
		put_text(u, "service", f->service);
		put_text(u, "list", f->list);
		if (f->rule >= 0) {
			row_count(u, "seq", (uint64_t)f->rule);
			put_text(u, "prefix", f->prefix);
		}
		if (store_flow_get(v->s, f->agent, f->flow, &first) > 0) {
			doc = json_loads(first.json, 0, NULL);
			put_text(u, "policy", doc_text(doc, "policy"));
			note_agent(v, f->agent, doc_text(doc, "policy"));
			json_decref(doc);
		}
		json_object_set_new(v->reached, key, u);
	}
	/* What got in is said rather than what did not. */
	if (!doc_flag(u, "in") || f->established)
		put_text(u, "outcome", f->outcome);
	if (f->established)
		json_object_set_new(u, "in", json_true());
}

static int take_flow(void *arg, const struct store_flow *f)
{
	struct incident_view *v = arg;

	v->flows++;
	json_object_set_new(v->agents, f->agent, json_true());
	if (is(f->verdict, "untrusted"))
		note_untrusted(v, f);
	return 0;
}

int incident_put_flows(struct incident_view *v)
{
	struct store_filter filter = { .incident = v->id, .bare = true };

	return store_flows(v->s, &filter, take_flow, v);
}

/* ---- sessions -------------------------------------------------------------------- */

/* "ssh on jump-1": the program that opened it. Where nobody watches, that is said. */
static void put_actor(json_t *o, const struct store_flow *f, const json_t *doc)
{
	json_t *actor = json_object_get(doc, "actor");
	const char *comm = doc_text(actor, "comm");
	const json_t *via = json_object_get(actor, "via"), *hop;
	char text[400];
	json_t *value;
	size_t i, len = 0;

	if (json_is_object(actor))
		json_object_set(o, "actor", actor);
	text[0] = '\0';
	json_array_foreach(via, i, hop) if (json_is_string(hop) && len < sizeof(text) - 1)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i ? " \xe2\x86\x92 " : "", json_string_value(hop));
	if (!text[0] && *comm)
		snprintf(text, sizeof(text), "%s on %s", comm, f->agent);
	else if (!text[0])
		snprintf(text, sizeof(text), "not known: the source has no agent");
	/* Cut within a character it would be no text. */
	value = json_string(text);
	json_object_set_new(o, "came", value ? value : json_string("not known"));
}

static void put_trust(json_t *o, const struct store_flow *f)
{
	json_t *trust = json_object();
	char text[300];

	put_text(trust, "verdict", f->verdict);
	put_text(trust, "list", f->list);
	if (f->rule >= 0) {
		row_count(trust, "seq", (uint64_t)f->rule);
		put_text(trust, "prefix", f->prefix);
		snprintf(text, sizeof(text), "%s seq %" PRId64 ", %s", f->list ? f->list : "list",
			 f->rule, f->prefix ? f->prefix : "");
	} else if (is(f->verdict, "no-policy")) {
		snprintf(text, sizeof(text), "the device has no such list");
	} else {
		snprintf(text, sizeof(text), "no entry of %s contains it",
			 f->list ? f->list : "the list");
	}
	put_text(trust, "rule", text);
	json_object_set_new(o, "trust", trust);
}

/* Why the outcome of a login is not known: ssh.auth.basis, see docs/events.md. */
static const char *unknown_login(const char *basis)
{
	static const char *const known[][2] = {
		{ "not-seen", "a part of it was not seen" },
		{ "compression", "the session was compressed" },
		{ "cipher", "the lengths of its cipher are not known" },
		{ "rekey", "new keys were agreed amid the login" },
		{ "length", "more requests than a login has" },
		{ "not-understood", "its packets were not understood" },
		{ "open", "undecided when the agent stopped" },
		{ "no-attempt", "closed before a login was tried" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i][0], basis) == 0)
			return known[i][1];
	return "nothing tells how it ended";
}

static void put_login(json_t *o, const struct store_flow *f, const json_t *doc)
{
	const json_t *auth = json_object_get(json_object_get(doc, "ssh"), "auth");
	const char *result = doc_text(auth, "result"), *confidence = doc_text(auth, "confidence");
	uint64_t attempts = doc_count(auth, "attempts");
	json_t *login = json_object();
	char text[160];

	put_text(login, "result", *result ? result : "unknown");
	put_text(login, "confidence", confidence);
	put_text(login, "basis", doc_text(auth, "basis"));
	if (json_object_get(auth, "attempts"))
		row_count(login, "attempts", attempts);
	if (!*result)
		snprintf(text, sizeof(text), "%s", f->open ? "not decided yet" : unknown_login(""));
	else if (is(result, "unknown"))
		snprintf(text, sizeof(text), "%s", unknown_login(doc_text(auth, "basis")));
	else
		snprintf(text, sizeof(text), "%" PRIu64 " attempt%s, %.20s confidence", attempts,
			 attempts == 1 ? "" : "s", confidence);
	put_text(login, "text", text);
	json_object_set_new(o, "login", login);
}

/* By what is known of the device; for a session that nothing has been said of. */
static const char *judge(const json_t *device, uint64_t start_ns)
{
	uint64_t lost;

	if (doc_time(device, "lost", &lost))
		return start_ns >= lost ? "yes" : "unknown";
	return doc_is(device, "worst", "in-band-unjustified") ? "no" : "unknown";
}

static void put_justified(struct incident_view *v, json_t *o, const struct store_flow *f)
{
	const json_t *device = json_object_get(v->by_name, f->device ? f->device : "");
	const char *answer = f->justified ? f->justified : judge(device, f->start_ns);
	json_t *justified = json_object();
	char text[160], clock[TEXT_SMALL];
	uint64_t lost;

	put_text(justified, "answer", answer);
	if (is(answer, "yes") && doc_time(device, "lost", &lost))
		snprintf(text, sizeof(text), "Ma1 lost at %s", text_clock(lost, v->began, clock));
	else if (is(answer, "yes"))
		snprintf(text, sizeof(text), "Ma1 had failed");
	else if (is(answer, "no"))
		snprintf(text, sizeof(text), "Ma1 worked");
	else if (is(answer, "drill"))
		snprintf(text, sizeof(text), "a drill was announced");
	else
		snprintf(text, sizeof(text), "nothing was seen of Ma1");
	put_text(justified, "why", text);
	json_object_set_new(o, "justified", justified);
}

static int take_session(void *arg, const struct store_flow *f)
{
	struct incident_view *v = arg;
	json_t *o = json_object(), *doc = json_loads(f->json, 0, NULL), *device;
	const json_t *ssh = json_object_get(doc, "ssh"), *flow = json_object_get(doc, "flow");
	char id[400];

	snprintf(id, sizeof(id), "%s/%s", f->agent, f->flow);
	put_text(o, "id", id);
	row_count(o, "flow", f->n);
	put_text(o, "agent", f->agent);
	row_time(o, "start", f->start_ns);
	row_time(o, "end", f->end_ns);
	json_object_set_new(o, "open", json_boolean(f->open));
	row_seconds(o, "duration_s",
		    f->end_ns > f->start_ns ? (double)(f->end_ns - f->start_ns) / (double)NS_PER_S
					    : 0);
	put_text(o, "user", f->user);
	put_actor(o, f, doc);
	put_text(o, "source", f->source);
	row_count(o, "source_port", f->source_port);
	put_text(o, "device", f->device);
	put_text(o, "address", f->destination);
	put_trust(o, f);
	put_login(o, f, doc);
	put_justified(v, o, f);
	row_count(o, "source_bytes", f->source_bytes);
	row_count(o, "destination_bytes", f->destination_bytes);
	row_count(o, "missed_bytes", doc_count(flow, "missed_bytes"));
	put_text(o, "client", doc_text(json_object_get(ssh, "client"), "software_version"));
	put_text(o, "outcome", f->outcome);
	note_agent(v, f->agent, doc_text(doc, "policy"));
	put_row(v->doc, "sessions", o, INCIDENT_SESSIONS);
	device = json_object_get(v->by_name, f->device ? f->device : "");
	if (device) {
		row_count(device, "sessions", doc_count(device, "sessions") + 1);
		if (!json_object_get(device, "first_lo6"))
			row_time(device, "first_lo6", f->start_ns);
	}
	json_decref(doc);
	return 0;
}

int incident_put_sessions(struct incident_view *v)
{
	return store_incident_sessions(v->s, v->id, take_session, v);
}

/* ---- untrusted sources --------------------------------------------------------------- */

static int take_untrusted(void *arg, const struct store_untrusted *row)
{
	struct incident_view *v = arg;
	json_t *u = json_object(), *known, *value;
	const char *name;
	char key[400];

	put_text(u, "source", row->source);
	put_text(u, "device", row->device);
	row_time(u, "first", row->first_ns);
	row_time(u, "last", row->last_ns);
	row_count(u, "attempts", row->attempts);
	row_count(u, "established", row->established);
	row_count(u, "logged_in", row->logged_in);
	row_count(u, "open", row->open);
	if (row->incident && row->incident != v->id)
		row_count(u, "incident", row->incident);
	key_of(row->source, row->device, key, sizeof(key));
	known = json_object_get(v->reached, key);
	json_object_foreach(known, name, value) json_object_set(u, name, value);
	put_row(v->doc, "untrusted", u, INCIDENT_UNTRUSTED);
	return 0;
}

int incident_put_untrusted(struct incident_view *v)
{
	return store_incident_untrusted(v->s, v->id, take_untrusted, v);
}

/* ---- the lists that judged --------------------------------------------------------------- */

/* The list as it is loaded now, entry by entry. Only where it still decides as it did
 * then: else it says nothing about then. */
static void put_walk(json_t *u, const json_t *doc)
{
	json_t *now = json_object(), *walk;
	struct addr source;

	if (!addr_parse(doc_text(u, "source"), &source)) {
		json_decref(now);
		return;
	}
	walk = trust_walk(json_object_get(doc, "fabric"), &source, now);
	if (doc_is(now, "verdict", "untrusted") && doc_is(now, "list", doc_text(u, "list")) &&
	    doc_count(now, "seq") == doc_count(u, "seq")) {
		json_object_set(u, "walk", walk);
		row_flag(u, "implicit", !json_object_get(u, "seq"));
	}
	json_decref(walk);
	json_decref(now);
}

static void put_decided(json_t *u)
{
	const char *list = doc_text(u, "list");
	char text[300];

	if (json_object_get(u, "seq"))
		snprintf(text, sizeof(text), "%.100s denies it, seq %" PRIu64 ", %.100s", list,
			 doc_count(u, "seq"), doc_text(u, "prefix"));
	else
		snprintf(text, sizeof(text),
			 "no entry of %.100s contains it, and the end of the list denies",
			 *list ? list : "its list");
	put_text(u, "decided", text);
}

/* Another device that would let the source in, as it is configured now. */
static void put_would_trust(json_t *u, const json_t *doc, const char *device)
{
	struct addr source;
	json_t *now;

	if (doc_is(u, "device", device) || !addr_parse(doc_text(u, "source"), &source))
		return;
	now = json_object();
	json_decref(trust_walk(json_object_get(doc, "fabric"), &source, now));
	if (doc_is(now, "verdict", "trusted")) {
		if (!json_object_get(u, "would_trust"))
			json_object_set_new(u, "would_trust", json_array());
		row_once(json_object_get(u, "would_trust"), device, INCIDENT_NAMES);
	}
	json_decref(now);
}

static void put_addresses(json_t *o, const json_t *doc)
{
	const json_t *t;
	size_t i;

	json_array_foreach(doc_list(json_object_get(doc, "fabric"), "targets"), i, t)
	{
		const char *key = doc_is(t, "path", "primary")	 ? "ma1"
				  : doc_is(t, "path", "in-band") ? "lo6"
								 : NULL;

		if (!key)
			continue;
		if (!json_object_get(o, key))
			json_object_set_new(o, key, json_array());
		row_once(json_object_get(o, key), doc_text(t, "address"), INCIDENT_NAMES);
	}
	if (!json_object_get(o, "role"))
		put_text(o, "role", doc_text(json_object_get(doc, "device"), "role"));
}

static bool in_fabric(const char *device, const char *fabric)
{
	size_t n = strlen(fabric);

	return !n || (strncmp(device, fabric, n) == 0 && (device[n] == '-' || !device[n]));
}

/* One device after the other: of a big fabric not all documents are held at once. */
static int take_device(void *arg, const struct store_known_device *row)
{
	struct incident_view *v = arg;
	json_t *untrusted = json_object_get(v->doc, "untrusted"), *u, *doc;
	json_t *mine = json_object_get(v->by_name, row->device);
	size_t i;

	if (!in_fabric(row->device, doc_text(v->doc, "fabric")))
		return 0;
	/* Management switches are not among those that could lose Ma1 by one. */
	if (!row->role || strcmp(row->role, "mgmt-switch") != 0)
		row_count(v->doc, "devices_known", doc_count(v->doc, "devices_known") + 1);
	if (!mine && !json_array_size(untrusted))
		return 0;
	doc = json_loads(row->json, 0, NULL);
	if (mine)
		put_addresses(mine, doc);
	json_array_foreach(untrusted, i, u)
	{
		if (doc_is(u, "device", row->device))
			put_walk(u, doc);
		else if (i < JUDGED)
			put_would_trust(u, doc, row->device);
	}
	json_decref(doc);
	return 0;
}

int incident_put_fabric(struct incident_view *v)
{
	json_t *u;
	size_t i;

	json_array_foreach(json_object_get(v->doc, "untrusted"), i, u) put_decided(u);
	return store_known_devices(v->s, take_device, v);
}
