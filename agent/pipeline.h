/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_PIPELINE_H
#define GW_PIPELINE_H
/*
 * Carries what the capture shows through the stages:
 *
 *	record -> flow -> stream -> ssh, bgp -> path -> event
 *
 * and, by the clock, what records do not show: counters of established flows,
 * time-outs, ends. It is the only place that knows all stages; none of them calls
 * another. Same code live and in replay: the clock is handed in.
 */
#include <stdbool.h>
#include <stdint.h>

#include "agent/capture.h"
#include "agent/memory.h"
#include "common/event.h"

struct fabric;
struct pipeline;

struct pipeline_config {
	uint32_t max_flows;
	uint64_t linger_ns;  /* a closed flow is reported after this silence */
	uint64_t attempt_ns; /* a flow that was never answered: after this */
	uint64_t closing_ns; /* one side closed: after this */
	uint64_t idle_ns;    /* an established flow: after this */
	uint64_t update_ns;  /* flow.update of long flows, every */
	uint64_t unanswered_ns; /* Ma1 or lo6 counts as failed this long after an
				 * unanswered SYN that was repeated */
	uint64_t stalled_ns; /* ... and after unacknowledged data this old */
	uint32_t flood_limit; /* attempts toward a target with events of their own, in each
			       * FLOOD_NS; 0: all */
	uint64_t window_ns;  /* evidence about a path counts for this long */
};

/* Takes an event over; 0 or a negative errno. Strings in it are borrowed. */
typedef int pipeline_emit_fn(void *arg, struct event *e);

struct pipeline_counters {
	uint64_t events, flows, flows_open, late_packets, table_full, found_by_sweep;
	uint64_t path_changes;
	uint64_t attempts_summed; /* half-open flows without events of their own */
	uint64_t routes, routes_refused; /* BGP's, that cover an in-band address */
};

/* Capture and arg are borrowed. NULL: no memory. */
struct pipeline *pipeline_new(const struct pipeline_config *config, struct capture *capture,
			      pipeline_emit_fn *emit, void *arg);
void pipeline_free(struct pipeline *p); /* accepts NULL */

/* Puts a fabric in force: the capture first, then every open flow is judged
 * again. Takes its own reference. 0, or a negative errno with the old one still in
 * force. Emits policy.loaded and one fabric.device per device. */
int pipeline_load(struct pipeline *p, struct fabric *f, struct now now);

/* f is what is in force, read again: all that is told is which devices are ready for
 * break-glass and were not, or the other way round. Returns how many. Takes that over from
 * f, which may be let go of then. */
size_t pipeline_readiness(struct pipeline *p, struct fabric *f, struct now now);

/* From now on what is told of flows and paths is noted, for an agent after this one;
 * and what one before this one noted is known again. Before the first load. life
 * names the capture's clock. 0 or a negative errno. */
int pipeline_remember(struct pipeline *p, struct notes *notes, uint64_t life,
		      struct memory_recalled *out);

/* After the first load and the first poll: flows whose end nobody told of, and that
 * are not to be seen any more, end here. Returns how many. */
unsigned pipeline_resume(struct pipeline *p, struct now now);

/* There are notes that deserve a commit of their own; write them, in the outbox's
 * transaction; and how it went. */
bool pipeline_has_news(const struct pipeline *p);
int pipeline_note(struct pipeline *p);
void pipeline_noted(struct pipeline *p, int result);

/* The current fabric, or NULL; borrowed. */
struct fabric *pipeline_fabric(const struct pipeline *p);

/* What the clock says now; before the records that were captured up to now. */
void pipeline_clock(struct pipeline *p, struct now now);

/* One record, in the order of capture; a capture_record_fn. */
void pipeline_record(void *pipeline, const struct gw_record *r);

/* Moves the clock, and when a tick is over does what time demands of the flows
 * that are due. Cheap in between. */
void pipeline_tick(struct pipeline *p, struct now now);

/* Ends every flow: the agent or the capture stops. */
void pipeline_finish(struct pipeline *p, struct now now);

void pipeline_counters(const struct pipeline *p, struct pipeline_counters *out);

/* Sends an event of the agent's own (agent.start, agent.stats ...); fills in what
 * is common. */
void pipeline_emit(struct pipeline *p, struct event *e, struct now now);

#endif
