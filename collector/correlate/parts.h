/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CORRELATE_PARTS_H
#define GW_CORRELATE_PARTS_H
/* What correlate.c (one device), joint.c (several), flow.c (twins, justification) and
 * source.c (untrusted sources) ask of each other. Each returns 0, or STORE_*; n is
 * always the row of the event that is judged. */
#include "collector/correlate/fold.h"
#include "collector/rules/incident.h"
#include "collector/rules/joint.h"

/* ---- correlate.c ---- */

/* Joins the event and the flows that it names as its evidence. */
int correlate_join_event(struct store *s, uint64_t incident, const struct event *e, uint64_t n);
/* The same for an event that is stored already. */
int correlate_join_stored(struct store *s, uint64_t incident, uint64_t event_n);
/* The whole document, to be released; NULL: there is none. Parse it for what is rare. */
json_t *correlate_doc(const struct event *e);

/* ---- joint.c ---- */

/* True when a device whose primary path has failed since then, and whom nobody is on lo6
 * of, belongs to the open incident of its subnet. */
int correlate_subnet_open(struct store *s, const char *device, uint64_t incident,
			  uint64_t began_ns, bool *open);

/* Gives the episode its incident, a new one or one of its subnet, and adds it. */
int correlate_attach(struct store *s, struct store_episode *e, enum incident_path path,
		     uint64_t n);
/* After an episode of it was changed. became_lost: by this event; then it may turn out
 * to be part of another one: *id is the one that holds it now. */
int correlate_refresh(struct store *s, uint64_t *id, const struct store_episode *e,
		      bool became_lost, uint64_t n, uint64_t now_ns);
/* A session to a Ma1 of its subnet was established. */
int correlate_answered(struct store *s, uint64_t id, const char *device, uint64_t start_ns,
		       uint64_t n);

/* ---- flow.c ---- */

/* Of a flow that another agent has, too, the first row is counted: flow->same_as names
 * it, and what flow says of its state is of that one. `turned` then: the source may be untrusted
 * by this agent, and is not by the other. */
int correlate_twin(struct store *s, const struct event *e, uint64_t n, struct folded *flow);

/* A break-glass session was established; memory: of its device, NULL: it has none. */
int correlate_session(struct store *s, const struct event *e, uint64_t n,
		      const struct folded *flow, const struct store_path *memory);
/* A path.change: the sessions of its device are asked again. */
int correlate_sessions(struct store *s, const struct event *e, uint64_t n);

/* ---- source.c ---- */

int correlate_source(struct store *s, const struct event *e, uint64_t n,
		     const struct folded *flow);
/* It has been quiet for long: closes it. */
int correlate_quiet(struct store *s, uint64_t id, uint64_t n, uint64_t now_ns);
int correlate_flood(struct store *s, const struct event *e, uint64_t n);

#endif
