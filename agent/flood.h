/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FLOOD_H
#define GW_FLOOD_H
/*
 * How many attempts toward one target become flows with events of their own, and what is
 * said of the others: one sum per target and interval. Pure; whoever calls has the clock.
 *
 * An attempt is a flow that is half open (gw_track_is_settled()). In each interval a
 * target has room for `limit` of them from sources that are not trusted. Trusted ones
 * have room of their own, FLOOD_TRUSTED_SHARE times as much, and those that asked again
 * as much once more: they are evidence about a path, but an address can be made up.
 *
 * Order of calls: flood_admit() and flood_refuse() while an interval lasts; at its end
 * flood_turn(); then what the capture has counted in it, flood_count(), and
 * flood_report().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "common/addr.h"

#define FLOOD_TRUSTED_SHARE 5
#define FLOOD_TARGETS 16384 /* in one interval; beyond it they share one room */
#define FLOOD_ALERTS 64	    /* of one interval; beyond it the rest is summed up */
#define FLOOD_SOURCES 8	    /* named in one of them */

enum flood_kind { FLOOD_OTHER, FLOOD_TRUSTED, FLOOD_REPEATED, FLOOD_KINDS };

struct flood;

struct flood_source {
	uint8_t family, prefix[8];
	uint64_t syns;
};

struct flood_sum {
	uint64_t from_ns, to_ns;
	bool has_target; /* else it stands for several */
	struct addr target;
	uint32_t targets; /* how many it stands for */
	uint64_t syns;	  /* as the capture has counted */
	uint64_t reported; /* attempts with events of their own */
	struct flood_source sources[FLOOD_SOURCES]; /* heaviest first */
	size_t n_sources;
};

typedef void flood_report_fn(void *arg, const struct flood_sum *sum);

/* limit 0: everything is admitted and nothing is said. NULL: no memory. */
struct flood *flood_new(uint32_t limit);
void flood_free(struct flood *f); /* accepts NULL */

/* May this attempt have events of its own? */
bool flood_admit(struct flood *f, const struct addr *target, enum flood_kind kind);

/* It may not, for another reason: nothing has room for it. */
void flood_refuse(struct flood *f, const struct addr *target);

/* Was any attempt toward the target refused, in this interval or the one before? */
bool flood_is_on(const struct flood *f, const struct addr *target);

/* One interval ends at to_ns, and another one begins with now_ns; wall clock. */
void flood_turn(struct flood *f, uint64_t to_ns, uint64_t now_ns);

/* Of the interval that has ended; a capture_attempts_fn. */
void flood_count(void *flood, const struct gw_attempts *who, uint64_t syns);

/* A sum for each target that had more than its limit, most SYNs first. */
void flood_report(struct flood *f, flood_report_fn *fn, void *arg);

#endif
