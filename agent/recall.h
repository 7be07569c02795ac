/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RECALL_H
#define GW_RECALL_H
/*
 * What an agent notes of its flows and paths, and how the next one knows them
 * again. Pure: values in, notes out, and back. When which note is written is
 * pipeline.c's; that notes and events are one transaction is outbox_notes.h's.
 *
 * A flow has a note from its flow.start until the capture has forgotten it:
 *
 *	open	what was told and by which counters, and a document: the event that
 *		would tell of it now. A next agent that finds the flow in the kernel
 *		goes on with it under the same id; one that does not, makes the
 *		missing flow.end out of the document, as one that was cut.
 *	ended	flow.end was told: late packets, and the kernel's entry, are to be
 *		swallowed. No document.
 *
 * A device's path has a note from its first evidence on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "agent/flow.h"
#include "agent/outbox_notes.h"
#include "agent/path.h"
#include "agent/recall_ssh.h"
#include "common/event.h"

/* Raise when a struct of recall.c changes; part of the pinned layout. */
#define RECALL_VERSION 1

/* The mind of a flow's note, in the place of what was in out. False: no memory. */
bool recall_note_flow(const struct flow *f, struct recall_bytes *out);

/* What is to be in the document beside the event: {"keep":{...}}, or NULL. */
json_t *recall_keep(const struct flow *f);

/* A note of this version into an entry whose key is set; false: of another one, or
 * damaged. The flow has no fabric yet. */
bool recall_flow_key(const struct note *note, struct gw_key *key, bool *ended);
bool recall_flow(const struct note *note, struct flow *f);

/* The flow's last event, out of its document alone. *body is new and owned by the
 * caller; e borrows it. False: no document. */
bool recall_end(const struct note *note, struct event *e, json_t **body);

/* Parts that only the former agent has read. Returns a new object for the event's
 * `extra`, or NULL. */
json_t *recall_parts(const struct flow *f, struct event *e);

struct recall_path {
	uint32_t version, size;
	int64_t real_offset;
	struct path path;
};

void recall_note_path(const struct path *p, int64_t real_offset, struct recall_path *out);

/* A path as noted; by another clock its times are brought over by the wall clock.
 * False: of another version. */
bool recall_path(const struct note *note, int64_t real_offset, bool same_clock,
		 struct path *out);

#endif
