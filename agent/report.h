/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REPORT_H
#define GW_REPORT_H
/*
 * The bodies of the events that speak of the agent and its fabric: policy.loaded,
 * fabric.device, agent.start, agent.stats. Each returns a new JSON object to be
 * merged into the event (event->extra), or NULL without memory; the caller owns it.
 */
#include <jansson.h>

#include "agent/capture.h"
#include "agent/flood.h"
#include "agent/outbox.h"
#include "agent/pipeline.h"

struct fabric;

/* {"change":{...}}: what is in force, and what differs from old (NULL: none). */
json_t *report_policy(const struct fabric *f, const struct fabric *old);

/* {"fabric":{...}}: addresses, lists as loaded with file and line. */
json_t *report_device(const struct fabric *f, size_t device);

/* {"alert":{...}}: attempts that were summed up. */
json_t *report_flood(const struct flood_sum *sum);

/* {"interfaces":[...], "capture":..., "version":...} */
json_t *report_start(const struct capture_config *config, const char *capture);

/* {"stats":{...}}: counters of capture, engine and delivery. */
json_t *report_stats(const uint64_t capture[GW_STAT_MAX], const struct pipeline_counters *engine,
		     const struct outbox_counters *delivery);

/* Adds to that how often it comes, and whether the interfaces are up: what the
 * collector needs to notice that something is not seen. */
void report_heartbeat(json_t *stats, const struct capture_config *config, uint64_t interval_ns,
		      bool (*up)(const char *interface));

#endif
