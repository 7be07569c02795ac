/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_FLEET_H
#define GW_VIEW_FLEET_H
/*
 * Every device as it stands at a moment: what its configuration says, where it is
 * reached, who is on it. Gathered once, then the summary, the list of devices, the
 * coverage and the trust table read it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "collector/rules/incident.h"
#include "collector/store/fleet.h"
#include "collector/view/path.h"
#include "collector/view/view.h"
#include "common/fabric/prefix_list.h"

#define FLEET_NAMES 3	/* of sessions */
#define FLEET_TARGETS 8 /* of a device */
#define FLEET_REFUSED_NS (3600 * NS_PER_S)

/* Distinct pairs of trust lists; devices with equal ones share one. */
struct fleet_policy {
	bool has[2];		    /* IPv4, IPv6: there is such a list */
	struct prefix_list list[2]; /* without lines */
	char id[STORE_TRUST_LEN];
	size_t devices;
};

struct fleet_target {
	struct addr addr;
	char address[ADDR_STRLEN];
	bool in_band;
	uint64_t since_ns, seen_ns, reached_ns;
	int armed;
};

struct fleet_device {
	char *name, *role, *generation;
	char *fabric;		    /* its name up to the first '-' */
	char subnet[PREFIX_STRLEN]; /* of its Ma1; "": none */
	const char *switch_name;    /* of that subnet; NULL: not known */
	char *file;		    /* its configuration */
	char *lacks;		    /* codes of what its configuration lacks for break-glass, by
				     * blanks; "": nothing; NULL: nobody has said */
	json_t *doc;		    /* fabric of its fabric.device; NULL: kept no longer, or none */
	size_t policy;		    /* index; SIZE_MAX: no configuration is known */
	bool drift;		    /* its lists are not those of the others */
	bool wants_lo6;		    /* by its role */

	struct fleet_target targets[FLEET_TARGETS];
	size_t n_targets;

	enum incident_path state;
	uint64_t since_ns, failing_ns;
	bool stale;
	char *reason;
	json_t *evidence;
	struct path *then; /* at an earlier moment, when it has changed since; else NULL */

	unsigned open_ma1, open_lo6;
	json_t *first; /* names of who is on it */
	uint64_t refused;
};

struct fleet_session {
	uint64_t n, start_ns;
	size_t device; /* index; SIZE_MAX: none */
	char *who, *source, *justified, *verdict, *login;
	bool in_band;
};

struct fleet {
	struct fleet_device *devices; /* by name */
	size_t n, room;
	json_t *index; /* name: index */
	struct fleet_policy *policies;
	size_t n_policies;
	struct fleet_session *sessions; /* open ones, inbound SSH */
	size_t n_sessions, room_sessions;
	json_t *refused; /* {source, devices[], attempts, established, logged_in, open, last} */
	/* Those are the newest of more; the numbers are of all, as far as devices are known. */
	bool refused_more;
	uint64_t attempts, got_in;
	uint64_t moment;
};

/* What is wanted besides configuration, targets and path. */
enum { FLEET_SESSIONS = 1, FLEET_REFUSED = 2, FLEET_EVIDENCE = 4, FLEET_DOCS = 8 };

/* Within a snapshot. device: this one only, NULL: all. 0, or STORE_*; then it is to be
 * freed all the same. */
int fleet_load(struct store *s, const struct view_args *a, const char *device, unsigned what,
	       struct fleet *out);
void fleet_free(struct fleet *f);

const struct fleet_device *fleet_find(const struct fleet *f, const char *name);

/* The verdict of a device for a source, and the deciding entry of its policy's list;
 * *rule GW_RULE_IMPLICIT: the end of the list. */
enum gw_verdict fleet_judge(const struct fleet *f, const struct fleet_device *d,
			    const struct addr *source, uint32_t *rule);

bool fleet_lost_ma1(const struct fleet_device *d); /* Ma1 was seen to fail */
bool fleet_has(const struct fleet_device *d, bool in_band);
const struct fleet_target *fleet_target(const struct fleet_device *d, bool in_band,
					uint8_t family); /* NULL: none */

/* A row of the list of devices. */
json_t *fleet_row(const struct fleet *f, const struct fleet_device *d);

#endif
