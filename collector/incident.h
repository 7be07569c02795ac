/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_INCIDENT_H
#define GW_INCIDENT_H
/*
 * Correlation: which events make an incident. Pure: what is remembered of the
 * device and one event go in, what must change comes out; ingest.c carries it to
 * the store. No clock is asked, an event brings its own time.
 *
 * An incident belongs to one device. It opens when the device is reached in-band,
 * or on neither path, and closes at failback:
 *
 *   path.change to ...     without an incident       with one
 *   primary                nothing                   closes it
 *   primary-failing        remembered, with its      joins it
 *                          event, as its first sign
 *   in-band, in-band-unexplained,
 *   in-band-unjustified,
 *   unreachable            opens one                 joins it, may worsen it
 *
 * While it is open it takes in flows of the device: those toward lo6, those of
 * untrusted sources on either path, and those toward Ma1 that were not answered;
 * also BGP events and alerts. What began before it opened is gathered then.
 *
 * An event that is older than the change in force is late (a batch that a dead
 * collector had read first): it joins the incident of its own time and changes no
 * state. Of two events of one agent the number decides which is older, so an
 * agent's clock that steps back does no harm.
 *
 * An agent that starts anew has forgotten the device's path and may never report
 * the failback. Then a session to Ma1 that this agent sees established closes it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/store.h"
#include "common/event.h"

/* The states of path.change, from harmless to worst. */
enum incident_path {
	INCIDENT_PRIMARY,
	INCIDENT_FAILING,
	INCIDENT_INBAND,
	INCIDENT_UNEXPLAINED,
	INCIDENT_UNJUSTIFIED,
	INCIDENT_UNREACHABLE,
	INCIDENT_NUM_PATHS
};

const char *incident_path_name(enum incident_path p);
/* False: not one of the words; *out is left alone. */
bool incident_path_parse(const char *text, enum incident_path *out);

/* What must be done, in this order. */
enum incident_action {
	INCIDENT_OPEN = 1,	 /* add an incident: began, opened, path, reason */
	INCIDENT_FIRST_SIGN = 2, /* join the event and evidence of primary-failing */
	INCIDENT_GATHER = 4,	 /* join what the device had since began_ns */
	INCIDENT_CHANGE = 8,	 /* the device's state within the incident changed */
	INCIDENT_EVENT = 16,	 /* join this event, and the flows it names */
	INCIDENT_FLOW = 32,	 /* join this event's flow */
	INCIDENT_CLOSE = 64,	 /* closed_ns, reason, outage_s */
	INCIDENT_LATE = 128	 /* join this event to the incident of its time */
};

struct incident_change {
	unsigned actions;
	uint64_t incident; /* which one; 0 with INCIDENT_OPEN */
	enum incident_path path;
	uint64_t began_ns, opened_ns, closed_ns;
	uint64_t first_sign; /* events.n of primary-failing */
	const char *reason;  /* borrowed from the event */
	double outage_s;     /* below 0: not known */
};

/* Judges the event with row number n. `memory` is changed; after INCIDENT_OPEN
 * the caller writes the new incident's id into it. Returns whether memory changed. */
bool incident_step(struct store_path *memory, const struct event *e, uint64_t n,
		   struct incident_change *out);

/* True for a flow that belongs into an incident of its device. */
bool incident_takes_flow(const struct event *e);

/* True for an outcome that only an established flow can have. */
bool incident_outcome_established(const char *outcome);

#endif
