/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RULES_INCIDENT_H
#define GW_RULES_INCIDENT_H
/*
 * Correlation of one device: which events make an episode. Pure: what is remembered of
 * the device and one event go in, what must change comes out; correlate/correlate.c carries it to
 * the store. No clock is asked, an event brings its own time. What makes the episodes of
 * several devices one incident is in joint.h.
 *
 * An episode opens when the device is reached in-band, or on neither path, and closes
 * at failback:
 *
 *   path.change to ...     without an episode       with one
 *   primary                nothing                  closes it, see below
 *   primary-failing        remembered, with its     joins it
 *                          event, as its first
 *                          sign; opens one while
 *                          an incident of its
 *                          subnet is open
 *   in-band, in-band-unexplained,
 *   in-band-unjustified,
 *   unreachable            opens one                joins it, may worsen it
 *
 * While it is open it takes in flows of the device: those toward lo6, those of
 * untrusted sources on either path, and those toward Ma1 that were not answered;
 * also BGP events and alerts. What began before it opened is gathered then.
 *
 * Several agents may see one device. Each has its view, moved by its own events in the
 * order of their numbers, so an agent's clock that steps back does no harm. The device's
 * state is the worst of the views. `primary` closes the episode when
 *
 *   - Ma1 answered (primary-ok), later than every sign of any agent that it did not: then
 *     whoever saw only a part is overruled; or
 *   - no other agent that can still speak sees the device elsewhere.
 *
 * So two agents that see the same make one episode, and one that stands where it sees
 * lo6 alone, or is cut off, neither ends it nor holds it open for ever. A change that
 * another agent has told already, and a return that is not one for all, are not joined.
 *
 * An event is late when its agent has said something newer already, or when no episode
 * is open and it is older than the device's return to the primary path, or than what closed
 * the last episode (a batch that a dead collector had read first): it joins the episode of
 * its own time and changes no state.
 *
 * An agent that starts anew has forgotten the device's path and may never report
 * the failback. Then a session to Ma1 that this agent sees established is its word
 * for primary-ok. One that has stopped, or is silent, is not waited for.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/store/episode.h"
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
	INCIDENT_OPEN = 1,	 /* add an episode: began, opened, path, reason */
	INCIDENT_FIRST_SIGN = 2, /* join the event and evidence of primary-failing */
	INCIDENT_GATHER = 4,	 /* join what the device had since began_ns */
	INCIDENT_CHANGE = 8,	 /* the device's state within the episode changed */
	INCIDENT_EVENT = 16,	 /* join this event, and the flows it names */
	INCIDENT_FLOW = 32,	 /* join this event's flow */
	INCIDENT_CLOSE = 64,	 /* closed_ns, reason, outage_s; all views are primary */
	INCIDENT_LATE = 128,	 /* join this event to the episode of its time */
	INCIDENT_EARLIER = 256	 /* it had opened at opened_ns already, if that is earlier */
};

struct incident_change {
	unsigned actions;
	uint64_t episode; /* which one; 0 with INCIDENT_OPEN */
	enum incident_path path;
	uint64_t began_ns, opened_ns, closed_ns;
	uint64_t first_sign; /* events.n of primary-failing */
	const char *reason;  /* borrowed from the event */
	double outage_s;     /* below 0: not known */
	bool lost;	     /* the primary path was seen to fail */
	bool remember;	     /* `device` was changed */
	bool view;	     /* `mine` was changed */
};

/* What the other agents that can still speak see; and what all have seen. */
struct incident_others {
	enum incident_path worst;
	unsigned states;   /* 1 << state, of those that are not on the primary path */
	uint64_t since_ns; /* newest change of one that is not on the primary path */
	uint64_t failing_ns, failing_event;
	uint64_t ended_ns; /* end of the device's newest episode that is over; 0: there is none */
};

/* True when the event cannot be judged without the agents' views; else `mine` and
 * `others` may be NULL. */
bool incident_needs_views(const struct store_path *device, const struct event *e);

/* Takes the view of another agent in; begin with a zeroed one but for ended_ns. */
void incident_other(struct incident_others *others, const struct store_view *v);

/* Judges the event with row number n. After INCIDENT_OPEN the caller writes the new
 * episode's id into *device. subnet_open: a device whose primary path fails
 * belongs to the open incident of its subnet, or makes one with others of it that fail. */
void incident_step(struct store_path *device, struct store_view *mine,
		   const struct incident_others *others, bool subnet_open, const struct event *e,
		   uint64_t n, struct incident_change *out);

/* True for a change (its `to` and `reason`; reason may be NULL) by which the primary path
 * was seen to fail. Not when it refused: then Ma1 answers. */
bool incident_is_loss(const char *to, const char *reason);

/* True for a flow that belongs into an episode of its device. */
bool incident_takes_flow(const struct event *e);

/* True for an outcome that only an established flow can have. */
bool incident_outcome_established(const char *outcome);

#endif
