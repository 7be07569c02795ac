/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_MEMORY_H
#define GW_MEMORY_H
/*
 * What of flows and paths has still to be noted, and what a former agent has noted.
 *
 * The order that makes it safe to be killed at any moment:
 *	1. records change flows and make events; each flow that changed is listed here
 *	2. one transaction writes the events, the notes of the listed flows, and the
 *	   place in the order of records up to which all this is true
 *	3. the capture may let go of those records
 * Killed before 2, the next agent reads the records again and makes the same
 * events. Killed between 2 and 3, it finds the place in the notes and passes over
 * what was told. So every flow has one flow.start and one flow.end.
 *
 * While the outbox cannot be written, 3 happens all the same: to capture on counts
 * more than what one would lose by dying then as well.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/capture.h"
#include "agent/flow.h"
#include "agent/outbox_notes.h"
#include "agent/path.h"
#include "common/clock.h"
#include "common/event.h"

struct fabric;
struct memory;

/* Encodes the event that would tell of the flow now, with recall_keep() as extra;
 * its length or -1. */
typedef long memory_encode_fn(void *arg, const struct flow *f, char **buf, size_t *size);

/* Borrows the notes. life: of the capture's clock; another one's times mean
 * nothing. NULL: no memory. */
struct memory *memory_new(struct notes *notes, uint64_t life, memory_encode_fn *encode, void *arg);
void memory_free(struct memory *m); /* accepts NULL */

/* All of these accept NULL: then nothing is noted. */
void memory_flow(struct memory *m, struct flow *f);	/* it changed */
void memory_forget(struct memory *m, struct flow *f);	/* it is about to be removed */
/* A device's path: changed its state, or was merely seen to be as it was. */
void memory_path(struct memory *m, size_t device, bool changed);
bool memory_has_news(const struct memory *m); /* worth a transaction of its own */

/* What else is written: all of it is borrowed for the call. */
struct memory_view {
	const struct capture *capture;
	const struct fabric *fabric;
	const struct path *paths; /* by device index */
	struct flow_table *flows;
	uint32_t loads; /* of fabrics, so that no number is used twice */
	int64_t real_offset;
	struct now now;
};

/* In the transaction, and after it. */
int memory_write(struct memory *m, const struct memory_view *v);
void memory_written(struct memory *m, int result);

/* ---- at start ---- */

struct memory_lost {
	struct event event; /* flow.end */
	json_t *body;
	uint64_t id;
};

struct memory_recalled {
	bool any;	  /* there were notes of this agent */
	bool goes_on;	  /* they speak of this very capture, by this clock */
	bool same_clock;
	uint64_t position; /* in its order of records */
	uint64_t real_ns;  /* when the last note was made */
	uint32_t loads;
	uint32_t open;	    /* flows that go on */
};

/* Reads the notes: flows that go on are added to the table, the others' ends are
 * handed out with memory_next_lost(). 0 or a negative errno. */
int memory_recall(struct memory *m, const struct capture *capture, struct flow_table *flows,
		  struct memory_recalled *out);

/* An end that nobody has told of; *out is owned by the caller. False: no more. */
bool memory_next_lost(struct memory *m, struct memory_lost *out);

/* The path of the device as noted; false: nothing was. */
bool memory_recall_path(const struct memory *m, const char *device, int64_t real_offset,
			struct path *out);

#endif
