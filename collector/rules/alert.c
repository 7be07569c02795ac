/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of alert.h. Names of devices and users come from agents: they are cut and
 * kept as they are; who prints a sentence cleans it. */
#include "collector/rules/alert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/rules/incident.h"
#include "common/clock.h"
#include "common/cut.h"

#define MINUTES(n) ((uint64_t)(n)*60 * NS_PER_S)
#define NAME_LEN 128
#define MOST_CODES 5 /* of a device, in a sentence */

static const struct alert_about rules[] = {
	[ALERT_UNTRUSTED_SOURCE] = { "untrusted-source", SEVERITY_NOTICE, .quiet_ns = MINUTES(15),
				     .key = "source",
				     .raised = "a source that the device's own lists do not permit "
					       "tried a device "
					       "(notice), got a connection (warning), logged in "
					       "(critical)",
				     .resolved = "nothing came from it for 15 minutes" },
	[ALERT_INBAND_UNJUSTIFIED] = { "in-band-unjustified", SEVERITY_WARNING, .drill = true,
				       .key = "device",
				       .raised = "a device is used over Loopback6 although its Ma1 "
						 "works",
				       .resolved = "its path state is another" },
	[ALERT_INBAND_UNEXPLAINED] = { "in-band-unexplained", SEVERITY_NOTICE, .drill = true,
				       .key = "device",
				       .raised = "a device is used over Loopback6, and nothing is "
						 "known of its Ma1",
				       .resolved = "its path state is another" },
	[ALERT_DEVICE_UNREACHABLE] = { "device-unreachable", SEVERITY_CRITICAL, .key = "device",
				       .raised = "a device answers on neither path",
				       .resolved = "its path state is another" },
	[ALERT_MANAGEMENT_SWITCH] = { "management-switch-suspected", SEVERITY_CRITICAL,
				      .key = "fabric, Ma1 subnet",
				      .raised = "several devices of one Ma1 subnet have lost Ma1 "
						"together",
				      .resolved = "a device of the subnet answers over Ma1 again" },
	[ALERT_UNKNOWN_TARGET] = { "unknown-in-band-target", SEVERITY_WARNING,
				   .quiet_ns = MINUTES(60), .key = "address",
				   .raised = "a flow toward an address in the range of Loopback6 "
					     "that is in no "
					     "configuration",
				   .resolved = "nothing went to it for an hour" },
	[ALERT_NO_POLICY] = { "no-policy", SEVERITY_NOTICE, .key = "device, address family",
			      .raised = "a device has no list to judge a source by, or its entries "
					"are not in "
					"the configuration",
			      .resolved = "a later flow of that family to it could be judged" },
	[ALERT_POLICY_CHANGED] = { "policy-changed", SEVERITY_NOTICE, .told = true,
				   .quiet_ns = MINUTES(60), .key = "generation",
				   .raised = "an agent has put another generation of the fabric in "
					     "force",
				   .resolved = "an hour has passed" },
	[ALERT_NOT_ARMED] = { "not-armed", SEVERITY_WARNING,
			      .key = "device, and Loopback6 address or `configuration`",
			      .raised = "no watched BGP session announces the Loopback6 of a "
					"device any more; or its configuration lacks what "
					"break-glass needs, by the codes of `check`",
			      .resolved = "it is announced again; or the configuration has it" },
	[ALERT_BGP_DOWN] = { "bgp-session-down", SEVERITY_NOTICE, .key = "both addresses",
			     .raised = "a BGP session went down; notice when an operator ended it, "
				       "else warning",
			     .resolved = "a session of these two is up" },
	[ALERT_AGENT_SILENT] = { "agent-silent", SEVERITY_WARNING, .key = "agent",
				 .raised = "nothing has come from a running agent for three "
					   "heartbeats",
				 .resolved = "it is heard again, or was stopped" },
	[ALERT_EVENTS_LOST] = { "events-lost", SEVERITY_WARNING, .told = true,
				.quiet_ns = MINUTES(60), .key = "agent, reason",
				.raised = "numbers of an agent are missing; or it could not keep "
					  "all it saw, or "
					  "all it had to send",
				.resolved = "nothing more was lost for an hour" },
	[ALERT_SHARED_ACCOUNT] = { "shared-account", SEVERITY_NOTICE, .drill = true,
				   .key = "device or user",
				   .raised = "two sources have SSH sessions over Loopback6 on one "
					     "device at once; or "
					     "one login user has sessions from two places at once",
				   .resolved = "they are not there at once any more" },
	[ALERT_FIRST_SEEN] = { "first-seen", SEVERITY_NOTICE, .told = true, .drill = true,
			       .quiet_ns = MINUTES(60), .key = "device, source",
			       .raised = "a source that never was on this device, known for a day "
					 "or longer, has "
					 "an SSH session there",
			       .resolved = "an hour has passed" },
	[ALERT_INTERFACE_DOWN] = { "interface-down", SEVERITY_WARNING, .key = "agent, interface",
				   .raised =
					   "a heartbeat says that an interface of an agent is down",
				   .resolved = "it is up, or not watched any more" },
	[ALERT_TARGET_UNSEEN] = { "target-unseen", SEVERITY_NOTICE, .key = "device",
				  .raised = "no flow of an address of the device was seen for "
					    "--unseen",
				  .resolved = "each address was seen" },
	[ALERT_SYN_FLOOD] = { "syn-flood", SEVERITY_WARNING, .told = true, .quiet_ns = MINUTES(5),
			      .key = "target",
			      .raised = "more attempts toward a target than are told one by one",
			      .resolved = "no flood for 5 minutes" },
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) == ALERT_NUM_RULES, "one row each");

const struct alert_about *alert_about(enum alert_rule r)
{
	return &rules[r];
}

bool alert_parse(const char *name, enum alert_rule *out)
{
	for (int i = 0; name && i < ALERT_NUM_RULES; i++)
		if (strcmp(name, rules[i].name) == 0) {
			*out = (enum alert_rule)i;
			return true;
		}
	return false;
}

/* ---- parts of a change ------------------------------------------------------ */

static struct alert_change *begin(struct alert_change *c, enum alert_rule r, const struct event *e)
{
	*c = (struct alert_change){ .rule = r,
				    .again = true,
				    .severity = rules[r].severity,
				    .device = e->device,
				    .since_ns = e->time_ns };
	return c;
}

static void set_source(struct alert_change *c, const struct event *e)
{
	addr_format(&e->source.ip, c->source);
	snprintf(c->bundle, sizeof(c->bundle), "source/%s", c->source);
}

static void set_key(struct alert_change *c, const char *first, const char *second)
{
	char a[NAME_LEN], b[NAME_LEN];

	snprintf(c->key, sizeof(c->key), "%s%s%s", cut_text(first, a, sizeof(a)),
		 second ? " " : "", second ? cut_text(second, b, sizeof(b)) : "");
}

static void say(struct alert_change *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct alert_change *c, const char *fmt, ...)
{
	char text[ALERT_TEXT_LEN * 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cut_text(text, c->text, sizeof(c->text));
}

static bool is_flow(const struct event *e)
{
	return e->type == EVENT_FLOW_START || e->type == EVENT_FLOW_UPDATE ||
	       e->type == EVENT_FLOW_END;
}

static bool logged_in(const struct event *e)
{
	return e->ssh_auth.result && strcmp(e->ssh_auth.result, "success") == 0;
}

static const char *over(const struct event *e)
{
	return e->path == GW_PATH_PRIMARY  ? " over Ma1"
	       : e->path == GW_PATH_INBAND ? " over lo6"
					   : "";
}

/* The device's name, or the address where it has none. */
static const char *whom(const struct event *e, char buf[NAME_LEN])
{
	if (e->device)
		return cut_text(e->device, buf, NAME_LEN);
	return addr_format(&e->destination.ip, buf);
}

/* ---- flows ------------------------------------------------------------------ */

static void untrusted(const struct event *e, struct alert_change *c)
{
	const char *service = e->service == GW_SERVICE_BGP ? "BGP" : "SSH";
	char name[NAME_LEN];

	begin(c, ALERT_UNTRUSTED_SOURCE, e);
	set_source(c, e);
	set_key(c, c->source, NULL);
	c->again = e->type == EVENT_FLOW_START;
	if (logged_in(e)) {
		c->severity = SEVERITY_CRITICAL;
		say(c, "%s, which its lists do not permit, logged in on %s%s", c->source,
		    whom(e, name), over(e));
	} else if (incident_outcome_established(e->flow.outcome)) {
		c->severity = SEVERITY_WARNING;
		say(c, "%s, which its lists do not permit, has reached %s on %s%s", c->source,
		    service, whom(e, name), over(e));
	} else {
		say(c, "%s, which its lists do not permit, tried %s on %s%s", c->source, service,
		    whom(e, name), over(e));
	}
}

static unsigned step_flow(const struct event *e, struct alert_change *out)
{
	unsigned n = 0;
	char target[ADDR_STRLEN], name[NAME_LEN];

	if (e->flow.outbound || !e->has_ends)
		return 0;
	if (e->has_trust && e->trust.verdict == GW_VERDICT_UNTRUSTED && !e->trust.neighbor)
		untrusted(e, &out[n++]);
	if (e->flow.unknown_target) {
		struct alert_change *c = begin(&out[n++], ALERT_UNKNOWN_TARGET, e);

		set_source(c, e);
		set_key(c, addr_format(&e->destination.ip, target), NULL);
		c->again = e->type == EVENT_FLOW_START;
		say(c, "%s reached for %s, which is in the range of lo6 and in no configuration",
		    c->source, target);
	}
	/* One word of it in each flow is enough. */
	if (e->type == EVENT_FLOW_START && e->device && e->has_trust && !e->trust.neighbor &&
	    e->trust.verdict == GW_VERDICT_NO_POLICY) {
		struct alert_change *c = begin(&out[n++], ALERT_NO_POLICY, e);

		set_key(c, e->device, e->source.ip.family == 6 ? "ipv6" : "ipv4");
		snprintf(c->bundle, sizeof(c->bundle), "no-policy");
		say(c, "%s has no list that IPv%d sources could be judged by", whom(e, name),
		    e->source.ip.family == 6 ? 6 : 4);
	}
	return n;
}

static bool is_session(const struct event *e)
{
	return is_flow(e) && e->device && e->has_ends && !e->flow.outbound &&
	       e->service == GW_SERVICE_SSH && incident_outcome_established(e->flow.outcome);
}

bool alert_wants_known(const struct event *e)
{
	return is_session(e);
}

bool alert_wants_shared(const struct event *e)
{
	return e->path == GW_PATH_INBAND && e->type != EVENT_FLOW_END && is_session(e);
}

bool alert_wants_user(const struct event *e)
{
	return e->has_actor && e->actor.user && e->type != EVENT_FLOW_END && is_session(e);
}

void alert_first_seen(const struct event *e, struct alert_change *out)
{
	char name[NAME_LEN];

	begin(out, ALERT_FIRST_SEEN, e);
	set_source(out, e);
	set_key(out, e->device, out->source);
	say(out, "%s was never seen on %s before; it has an SSH session%s", out->source,
	    whom(e, name), over(e));
}

void alert_shared_device(const struct event *e, const char *other, struct alert_change *out)
{
	char name[NAME_LEN], key[NAME_LEN + 8];

	begin(out, ALERT_SHARED_ACCOUNT, e);
	addr_format(&e->source.ip, out->source);
	snprintf(key, sizeof(key), "device %s", cut_text(e->device, name, sizeof(name)));
	snprintf(out->key, sizeof(out->key), "%s", key);
	out->again = e->type == EVENT_FLOW_START;
	say(out, "%s and %s are on %s%s at once", out->source, other, whom(e, name), over(e));
}

void alert_shared_user(const struct event *e, const char *other, struct alert_change *out)
{
	char user[NAME_LEN];

	begin(out, ALERT_SHARED_ACCOUNT, e);
	addr_format(&e->source.ip, out->source);
	cut_text(e->actor.user, user, sizeof(user));
	snprintf(out->key, sizeof(out->key), "user %s", user);
	snprintf(out->bundle, sizeof(out->bundle), "user/%s", user);
	out->again = e->type == EVENT_FLOW_START;
	out->device = NULL;
	say(out, "%s has sessions from %s and from %s at once", user, out->source, other);
}

/* ---- the device's path ------------------------------------------------------- */

static const struct {
	enum incident_path path;
	enum alert_rule rule;
	const char *text;
} paths[] = {
	{ INCIDENT_UNJUSTIFIED, ALERT_INBAND_UNJUSTIFIED,
	  "%s is used over lo6 while its Ma1 works" },
	{ INCIDENT_UNEXPLAINED, ALERT_INBAND_UNEXPLAINED,
	  "%s is used over lo6, and nothing is known of its Ma1" },
	{ INCIDENT_UNREACHABLE, ALERT_DEVICE_UNREACHABLE, "%s answers neither on Ma1 nor on lo6" },
};

unsigned alert_path(const struct event *e, const char *state, struct alert_change out[ALERT_MOST])
{
	enum incident_path to;
	char name[NAME_LEN];
	unsigned n = 0;

	if (!e->device || !e->has_change || !incident_path_parse(state, &to))
		return 0;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct alert_change *c = begin(&out[n++], paths[i].rule, e);

		set_key(c, e->device, NULL);
		c->resolve = paths[i].path != to;
		c->again = e->change.to && strcmp(e->change.to, state) == 0;
		whom(e, name);
		if (c->resolve) {
			say(c, "the path of %s is %s now", name, incident_path_name(to));
		} else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			say(c, paths[i].text, name);
#pragma GCC diagnostic pop
		}
	}
	return n;
}

void alert_management_switch(const char *fabric, const char *subject, const char *name,
			     uint64_t incident, unsigned devices, uint64_t since_ns,
			     struct alert_change *out)
{
	static const struct event nothing;
	char subnet[NAME_LEN], label[NAME_LEN];

	begin(out, ALERT_MANAGEMENT_SWITCH, &nothing);
	out->since_ns = since_ns;
	out->incident = incident;
	set_key(out, *fabric ? fabric : subject, *fabric ? subject : NULL);
	snprintf(out->bundle, sizeof(out->bundle), "incident/%" PRIu64, incident);
	cut_text(subject, subnet, sizeof(subnet));
	if (name && *name)
		say(out, "%u devices of %s lost Ma1 together: %s is suspected", devices, subnet,
		    cut_text(name, label, sizeof(label)));
	else
		say(out, "%u devices of %s lost Ma1 together: its management switch is suspected",
		    devices, subnet);
}

/* ---- BGP --------------------------------------------------------------------- */

/* Decoding leaves what is said of BGP in the document. */
static const json_t *bgp_part(struct event *e, const char *part)
{
	return json_object_get(json_object_get(event_doc(e), "bgp"), part);
}

static unsigned step_route(struct event *e, struct alert_change *out)
{
	const json_t *route = bgp_part(e, "route");
	const char *target = json_string_value(json_object_get(route, "target"));
	const json_t *armed = json_object_get(route, "armed");
	char name[NAME_LEN], address[ADDR_STRLEN];

	if (!e->device || !target || !json_is_boolean(armed))
		return 0;
	begin(out, ALERT_NOT_ARMED, e);
	cut_text(target, address, sizeof(address));
	set_key(out, e->device, address);
	out->resolve = json_is_true(armed);
	if (out->resolve)
		say(out, "%s of %s is announced again", address, whom(e, name));
	else
		say(out,
		    "no watched BGP session announces %s of %s any more: it may not be reached "
		    "over lo6",
		    address, whom(e, name));
	return 1;
}

static unsigned step_session(struct event *e, struct alert_change *out)
{
	const json_t *session = bgp_part(e, "session");
	const char *state = json_string_value(json_object_get(session, "state"));
	const char *reason = json_string_value(json_object_get(session, "reason"));
	char a[ADDR_STRLEN], b[ADDR_STRLEN], name[NAME_LEN], why[64];
	bool up;

	if (!state || !e->has_ends)
		return 0;
	up = strcmp(state, "up") == 0;
	if (!up && strcmp(state, "down") != 0)
		return 0; /* at risk: it may come back, or it goes down */
	begin(out, ALERT_BGP_DOWN, e);
	addr_format(&e->source.ip, a);
	addr_format(&e->destination.ip, b);
	/* either of them may open the next connection */
	if (strcmp(a, b) < 0)
		set_key(out, a, b);
	else
		set_key(out, b, a);
	out->resolve = up;
	if (e->severity >= SEVERITY_WARNING)
		out->severity = SEVERITY_WARNING;
	cut_text(reason ? reason : "nobody saw why", why, sizeof(why));
	if (up)
		say(out, "BGP between %s and %s is up", a, b);
	else if (e->device)
		say(out, "BGP between %s and %s, %s, went down: %s", a, b, whom(e, name), why);
	else
		say(out, "BGP between %s and %s went down: %s", a, b, why);
	return 1;
}

/* ---- agents ------------------------------------------------------------------ */

void alert_missing(enum alert_rule r, const char *agent, const char *device, const char *subject,
		   struct alert_change *out)
{
	static const struct event nothing;
	char name[NAME_LEN];

	begin(out, r, &nothing);
	out->agent = agent && *agent ? agent : NULL;
	out->device = device && *device ? device : NULL;
	set_key(out,
		out->agent    ? agent
		: out->device ? device
			      : "",
		subject && *subject ? subject : NULL);
	if (out->agent)
		snprintf(out->bundle, sizeof(out->bundle), "agent/%s",
			 cut_text(agent, name, sizeof(name)));
	else
		snprintf(out->bundle, sizeof(out->bundle), "%s", rules[r].name);
}

static unsigned step_loss(struct event *e, struct alert_change *out)
{
	const json_t *loss = json_object_get(event_doc(e), "loss");
	const char *reason = json_string_value(json_object_get(loss, "reason"));

	alert_missing(ALERT_EVENTS_LOST, e->agent, NULL, "outbox", out);
	out->since_ns = e->time_ns;
	say(out, "%s dropped %" JSON_INTEGER_FORMAT " events: %.60s", e->agent,
	    json_integer_value(json_object_get(loss, "count")),
	    reason && strcmp(reason, "outbox-full") == 0 ? "its outbox is full"
	    : reason					 ? "its outbox cannot be written"
							 : "it does not say why");
	return 1;
}

/* The first codes of what a configuration lacks: "lo6-no-ipv6, group-missing and 2 more". */
static void join_codes(const json_t *codes, char *out, size_t size)
{
	size_t n = json_array_size(codes), used = 0, i;
	char code[64];

	for (i = 0; i < n && i < MOST_CODES; i++) {
		const char *text = json_string_value(json_array_get(codes, i));

		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
					 cut_text(text ? text : "?", code, sizeof(code)));
	}
	if (n > i)
		snprintf(out + used, size - used, " and %zu more", n - i);
}

/* Whether the configuration has what break-glass needs. */
static unsigned step_device(struct event *e, struct alert_change *out)
{
	const json_t *fabric = json_object_get(event_doc(e), "fabric");
	const json_t *ready = json_object_get(fabric, "ready");
	char name[NAME_LEN], codes[MOST_CODES * 70] = "";

	if (!e->device || !json_is_boolean(ready))
		return 0;
	begin(out, ALERT_NOT_ARMED, e);
	set_key(out, e->device, "configuration");
	out->resolve = json_is_true(ready);
	join_codes(json_object_get(fabric, "codes"), codes, sizeof(codes));
	if (out->resolve)
		say(out, "the configuration of %s has all that break-glass needs", whom(e, name));
	else
		say(out, "%s is not ready for break-glass by its configuration: %s",
		    whom(e, name), codes[0] ? codes : "no reason given");
	return 1;
}

static unsigned step_policy(struct event *e, struct alert_change *out)
{
	const json_t *change = json_object_get(event_doc(e), "change");
	const char *previous = json_string_value(json_object_get(change, "previous"));
	char name[NAME_LEN], was[NAME_LEN];

	if (!e->policy || !previous || strcmp(previous, e->policy) == 0)
		return 0;
	begin(out, ALERT_POLICY_CHANGED, e);
	set_key(out, e->policy, NULL);
	snprintf(out->bundle, sizeof(out->bundle), "policy/%s", out->key);
	out->agent = e->agent;
	say(out,
	    "policy generation %s is in force after %s: %zu devices changed, %zu came, %zu went",
	    cut_text(e->policy, name, 32), cut_text(previous, was, 32),
	    json_array_size(json_object_get(change, "changed")),
	    json_array_size(json_object_get(change, "added")),
	    json_array_size(json_object_get(change, "removed")));
	return 1;
}

static unsigned step_flood(struct event *e, struct alert_change *out)
{
	const json_t *body = json_object_get(event_doc(e), "alert");
	const char *target = json_string_value(json_object_get(body, "target"));
	const char *text = json_string_value(json_object_get(body, "text"));

	if (!e->alert || strcmp(e->alert, rules[ALERT_SYN_FLOOD].name) != 0)
		return 0;
	begin(out, ALERT_SYN_FLOOD, e);
	set_key(out, target ? target : "several", NULL);
	say(out, "%s", text ? text : "a flood of attempts");
	return 1;
}

unsigned alert_step(struct event *e, struct alert_change out[ALERT_MOST])
{
	switch (e->type) {
	case EVENT_FLOW_START:
	case EVENT_FLOW_UPDATE:
	case EVENT_FLOW_END:
		return step_flow(e, out);
	case EVENT_PATH_CHANGE:
		return alert_path(e, e->change.to, out);
	case EVENT_BGP_ROUTE:
		return step_route(e, out);
	case EVENT_BGP_SESSION:
		return step_session(e, out);
	case EVENT_POLICY_LOADED:
		return step_policy(e, out);
	case EVENT_FABRIC_DEVICE:
		return step_device(e, out);
	case EVENT_AGENT_LOSS:
		return step_loss(e, out);
	case EVENT_ALERT:
		return step_flood(e, out);
	default:
		return 0;
	}
}

void alert_overflow(struct alert_change *c)
{
	char text[ALERT_TEXT_LEN];

	memcpy(text, c->text, sizeof(text));
	snprintf(c->key, sizeof(c->key), "*");
	snprintf(c->bundle, sizeof(c->bundle), "%s/*", rules[c->rule].name);
	c->device = c->agent = NULL;
	c->source[0] = '\0';
	say(c, "more than %u alerts %s are open; the newest beyond them: %s", ALERT_MOST_OPEN,
	    rules[c->rule].name, text);
}
