/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_GRAPH_POLICY_H
#define GW_CHECK_GRAPH_POLICY_H
/*
 * Would a device's policy let a route pass? Route-maps, RCF functions and prefix-lists,
 * read as EOS filters routes with them (../shared/data/eos/eos.md sections 2 and 3):
 *
 *  - a route-map's first statement whose matches all hold decides, no match is a deny;
 *  - an RCF function permits what one of its unit's prefix-lists permits: what else the
 *    text says is not followed, only its lists are;
 *  - a list that is named and not defined matches nothing.
 *
 * Where the configuration does not tell, the route passes and the answer is in doubt.
 */
#include <stdbool.h>
#include <stdint.h>

#include "agent/check/model.h"
#include "common/fabric/fabric.h"

struct policy_answer {
	bool permit;
	bool doubt; /* permitted for want of a reason not to */
	int line;   /* of what decided; 0: nothing did (an implicit deny) */
};

/* A route-map. protocol: "bgp", "connected", ...: where the route is from. */
struct policy_answer policy_map(const struct fabric_device *d, const struct model *m,
				const char *name, const struct prefix *route, const char *protocol);

/* A function of RCF. */
struct policy_answer policy_function(const struct fabric_device *d, const struct model *m,
				     const char *name, const struct prefix *route);

/* A prefix-list of the route's family. */
struct policy_answer policy_list(const struct fabric_device *d, const char *name,
				 const struct prefix *route);

#endif
