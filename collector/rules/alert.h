/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RULES_ALERT_H
#define GW_RULES_ALERT_H
/*
 * What is worth an alert. Pure: an event goes in, what it raises and resolves comes
 * out; ingest/alerting.c looks up what more is needed and carries it to the store. The table
 * in alert.c is the list of rules, docs/collector.md shows it.
 *
 * An alert is about something, its key: while it is open, the same rule about the same
 * key is a further sign of it and no second alert. It is over when
 *
 *	an event says so	a path.change to another state, a BGP session that is up
 *	the store says so	two sources are no longer on a device at once (alerting_tick())
 *	nothing more is heard	for the rule's quiet time; what only ever happens, and
 *				never ends, is over by this alone
 *
 * Alerts with one cause are of one bundle, and are told together: those of an incident,
 * of a source, of an agent.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/event.h"

#define ALERT_KEY_LEN 400
#define ALERT_TEXT_LEN 600
#define ALERT_MOST 4		       /* changes by one event */
#define ALERT_MOST_OPEN 500	       /* of a rule; the rest is one alert, its key "*" */
#define ALERT_LEARN (86400 * NS_PER_S) /* who comes to a new device is not yet a surprise */

enum alert_rule {
	ALERT_UNTRUSTED_SOURCE,
	ALERT_INBAND_UNJUSTIFIED,
	ALERT_INBAND_UNEXPLAINED,
	ALERT_DEVICE_UNREACHABLE,
	ALERT_MANAGEMENT_SWITCH,
	ALERT_UNKNOWN_TARGET,
	ALERT_NO_POLICY,
	ALERT_POLICY_CHANGED,
	ALERT_NOT_ARMED,
	ALERT_BGP_DOWN,
	ALERT_AGENT_SILENT,
	ALERT_EVENTS_LOST,
	ALERT_SHARED_ACCOUNT,
	ALERT_FIRST_SEEN,
	ALERT_INTERFACE_DOWN,
	ALERT_TARGET_UNSEEN,
	ALERT_SYN_FLOOD,
	ALERT_NUM_RULES
};

struct alert_about {
	const char *name;
	enum event_severity severity; /* the least it has */
	bool told;		      /* it happens and has no end of its own */
	bool drill;		      /* expected of a drill */
	uint64_t quiet_ns;	      /* over when not heard of for so long; 0: never by that */
	const char *key;	      /* what it is about, for people; so are these */
	const char *raised, *resolved;
};

const struct alert_about *alert_about(enum alert_rule r);
bool alert_parse(const char *name, enum alert_rule *out);

struct alert_change {
	enum alert_rule rule;
	bool resolve;
	bool again; /* one more of it: counts up. false: it goes on */
	enum event_severity severity;
	char key[ALERT_KEY_LEN];
	char bundle[ALERT_KEY_LEN]; /* "" : of an incident, if there is one, else its key */
	const char *device, *agent; /* borrowed; NULL: none */
	char source[ADDR_STRLEN];   /* "": none */
	uint64_t since_ns;
	uint64_t incident;	   /* that it is of; 0: that of its device or source, if any */
	char text[ALERT_TEXT_LEN]; /* one sentence; of a resolved one, why */
};

/* What this event raises and resolves by itself; how many. May make e->doc. */
unsigned alert_step(struct event *e, struct alert_change out[ALERT_MOST]);
/* The same of a path.change, where its device's state is another one: what e->change.to says
 * is the view of one agent. */
unsigned alert_path(const struct event *e, const char *state, struct alert_change out[ALERT_MOST]);

/* What has to be looked up for it, if anything. */
bool alert_wants_known(const struct event *e);	/* is the source new to the device? */
bool alert_wants_shared(const struct event *e); /* who else is on the device? */
bool alert_wants_user(const struct event *e);	/* where else is this user? */

/* And what follows of the answer. `other` is the address of the other one. */
void alert_first_seen(const struct event *e, struct alert_change *out);
void alert_shared_device(const struct event *e, const char *other, struct alert_change *out);
void alert_shared_user(const struct event *e, const char *other, struct alert_change *out);

/* An incident of kind management-switch; fabric "": none. Two fabrics may use the same
 * addresses. */
void alert_management_switch(const char *fabric, const char *subject, const char *name,
			     uint64_t incident, unsigned devices, uint64_t since_ns,
			     struct alert_change *out);

/* What the collector misses (ingest/notice.h); agent, device and subject: NULL or "" none. */
void alert_missing(enum alert_rule r, const char *agent, const char *device, const char *subject,
		   struct alert_change *out);

/* A key that stands for all that are beyond ALERT_MOST_OPEN. */
void alert_overflow(struct alert_change *c);

#endif
