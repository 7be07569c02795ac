/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_INCIDENT_H
#define GW_STORE_INCIDENT_H
/*
 * Incidents in the store, and what belongs to one: episodes of devices, flows, events.
 * Which event makes what of them is judged by rules/incident.h (one device) and rules/joint.h
 * (several); correlate/correlate.c carries it here.
 *
 * Three kinds of incident:
 *
 *   failover           one device, from failover to failback. subject: the device
 *   management-switch  several devices of one Ma1 subnet, which failed together.
 *                      subject: the subnet ("192.0.2.0/24"); switch_name where known
 *   untrusted-source   a source that some device's lists do not permit, in one fabric.
 *                      subject: its address
 *
 * The first two are made of episodes, the third of flows alone. A failover whose
 * subnet follows becomes a management-switch under the same number. When two of them
 * turn out to be one, the younger has `joined` set to the older one's number, keeps its
 * row, and everything in it is the older one's; lists leave it out.
 *
 * A flow that several agents saw has one row for each; the first is counted, in the
 * others `same_as` names it. Everything here counts and lists the first one only.
 *
 * Returns as in store.h; strings that go to a callback, or into *out, live until it
 * returns, or until the next call. Times are nanoseconds since the epoch; 0: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store/store.h"

#define STORE_KIND_FAILOVER "failover"
#define STORE_KIND_SWITCH "management-switch"
#define STORE_KIND_UNTRUSTED "untrusted-source"

struct store_incident {
	uint64_t id;
	const char *kind, *subject;
	const char *fabric;	 /* "" where it is not known */
	const char *subnet;	 /* of its devices' Ma1; "" where it is not known */
	const char *switch_name; /* NULL: not known, or no management-switch */
	uint64_t began_ns;	 /* first sign */
	uint64_t opened_ns, closed_ns;
	uint64_t last_ns;  /* newest moment that belongs to it */
	const char *worst; /* a path state; untrusted-source: attempt, established, logged-in */
	const char *state; /* the worst that holds now; as `worst` for a source */
	const char *severity;
	const char *reason; /* why it opened: a word for words_reason() */
	const char *closed_by;
	double outage_s;  /* of the device that was longest without Ma1; below 0: not known */
	uint64_t drill;	  /* the drill that covers its beginning; 0: none */
	uint64_t joined;  /* it is part of this one; 0: it stands for itself */
	uint64_t updated; /* events.n of its newest change */

	/*
	 * management-switch, see rules/joint.h: is the switch suspected? "" never was;
	 * "suspected"; "over": it was, until a lost device answered over Ma1 again;
	 * "withdrawn": another device of the subnet answered over Ma1.
	 */
	const char *suspicion;
	uint64_t suspected_ns, answered_ns; /* since; until */
	const char *witness;		    /* the device that answered; NULL: none */

	/* counted when read */
	uint64_t devices;     /* affected, or reached by the source */
	uint64_t open;	      /* of them: still not on the primary path */
	uint64_t unreachable; /* of them: were reachable on neither path, at some time */
	const char *device;   /* its name, when it is one; NULL: none or several */
	uint64_t sessions;    /* established SSH toward lo6 */
	uint64_t untrusted;   /* flows of untrusted sources */
	uint64_t attempts;    /* flows that were never established */
	uint64_t established; /* untrusted-source, here and below */
	uint64_t logged_in;
	uint64_t flood_syns; /* SYNs of floods from its network, beyond the attempts */
};

/* Lists: since, until (overlap), device, source, path, service, verdict (those that hold
 * such a flow), limit and oldest count; and: */
struct store_incident_filter {
	struct store_filter f;
	const char *kind, *fabric;		     /* NULL: any */
	const char *outcome, *login, *user, *agent; /* of such a flow, as above */
	enum event_severity severity;		     /* at least */
	bool open;				     /* only those that are */
	uint64_t closed_ns;			     /* closed by then; 0: any */
	uint64_t updated;	  /* changed by an event after this one; 0: any */
	uint64_t place_ns, place; /* after this one: its `opened` and number; 0: any */
	bool joined;		  /* also those that are part of another one */
};

typedef int store_incident_fn(void *arg, const struct store_incident *row);
/* In the order of opened. */
int store_incidents(struct store *s, const struct store_incident_filter *f, store_incident_fn *fn,
		    void *arg);
/* 1 and *out; 0: none of this number. One that is part of another is given as it is. */
int store_incident_get(struct store *s, uint64_t id, struct store_incident *out);
/* Its own row alone, for who changes it: nothing is counted. */
int store_incident_own(struct store *s, uint64_t id, struct store_incident *out);
/* The number under which it is to be looked up: follows `joined`. 1, or 0: no such. */
int store_incident_resolve(struct store *s, uint64_t *id);

/* ---- its devices -------------------------------------------------------------- */

/* How a device stands in a failover or management-switch. */
enum store_member {
	STORE_MEMBER_LOST,    /* Ma1 failed; unreachable tells whether lo6 did, too */
	STORE_MEMBER_MOVED,   /* on lo6, and nothing shows that its Ma1 failed */
	STORE_MEMBER_PRIMARY, /* of the subnet, not affected: used over Ma1 since it began */
	STORE_MEMBER_UNKNOWN  /* of the subnet, not affected: nothing was seen of its Ma1 */
};

struct store_incident_device {
	const char *device;
	const char *role; /* NULL: not known */
	enum store_member how;
	uint64_t episode; /* 0: it is not affected; then all below is empty, but last_ns */
	uint64_t began_ns, opened_ns, closed_ns;
	const char *state, *worst, *reason, *closed_by;
	double outage_s;
	bool unreachable;  /* was, at some time */
	uint64_t sessions; /* established SSH toward its lo6 */
	uint64_t last_ns;  /* newest established flow to its Ma1 since it began; 0: none */
};

typedef int store_incident_device_fn(void *arg, const struct store_incident_device *row);
/* Affected ones first, in the order of their first sign (a device that failed twice is
 * there twice); then, of a management-switch, the others of its subnet by name. */
int store_incident_devices(struct store *s, uint64_t id, store_incident_device_fn *fn, void *arg);

/* ---- its flows and events -------------------------------------------------------- */

/* Break-glass sessions (established SSH toward lo6), in the order of time. */
int store_incident_sessions(struct store *s, uint64_t id, store_flow_fn *fn, void *arg);

/* Flows and events: store_flows(), store_events() with filter.incident. */

/* An untrusted source at one device: of an untrusted-source; of the other kinds those
 * that reached for its devices while it lasted. */
struct store_untrusted {
	const char *source, *device;
	uint64_t attempts, established, logged_in; /* flows: never, ever, with a login */
	uint64_t open;				   /* established and not ended */
	uint64_t first_ns, last_ns;
	uint64_t incident; /* the untrusted-source incident of this source; 0: none */
};

typedef int store_untrusted_fn(void *arg, const struct store_untrusted *row);
int store_incident_untrusted(struct store *s, uint64_t id, store_untrusted_fn *fn, void *arg);

/* ---- the fabric ------------------------------------------------------------------ */

/* What a device's newest fabric.device says of its place. */
struct store_group {
	const char *device, *role;
	const char *fabric;	 /* its name up to the first '-' */
	const char *subnet;	 /* of its Ma1: "192.0.2.0/24"; NULL: it has none */
	const char *switch_name; /* of that subnet; NULL: not known, or this is one */
};

typedef int store_group_fn(void *arg, const struct store_group *row);
/* All devices, or those of one subnet of a fabric, by name. */
int store_groups(struct store *s, const char *fabric, const char *subnet, store_group_fn *fn,
		 void *arg);
int store_group_get(struct store *s, const char *device, store_group_fn *fn, void *arg);

/* ---- who saw a flow --------------------------------------------------------------- */

/* The names of the agents that saw it, the one that is counted first: "a,b". */
int store_flow_seen_by(struct store *s, uint64_t flow_n, char *buf, size_t size);

#endif
