/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_PATH_H
#define GW_VIEW_PATH_H
/*
 * The path of a device as it was at some moment of the past: what its agents have said until
 * then, in the order of time, by the rules of rules/incident.h, and when its episodes ended. Of
 * what was said later it knows nothing, so that the same moment looks the same whenever one asks.
 *
 * An agent that has begun anew may never say that the device is back; the end of the episode
 * does (path_ended()).
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/rules/incident.h"
#include "collector/store/fleet.h"

#define PATH_VIEWS 8 /* agents that see one device elsewhere; beyond, the oldest is forgotten */

struct path {
	enum incident_path state; /* the worst that an agent sees */
	uint64_t since_ns;	  /* the newest change */
	uint64_t failing_ns;	  /* since when Ma1 fails; 0: it does not, or nobody has said */
	uint64_t event;		  /* events.n of what led to the state; 0: the episode's end */
	char reason[128];
	struct path_view {
		uint32_t agent; /* its name's hash */
		enum incident_path state;
		uint64_t since_ns, failing_ns;
	} views[PATH_VIEWS]; /* of agents that see it elsewhere than on Ma1 */
	unsigned n_views;
};

/* One more change; they come in the order of time. False: its state is no word. */
bool path_step(struct path *p, const struct store_fleet_change *c);
/* Its episode ended then. */
void path_ended(struct path *p, uint64_t closed_ns);

/* The path at that moment, of the device `name`; 0, or STORE_*. */
int path_at(struct store *s, const char *name, uint64_t time_ns, struct path *out);

#endif
