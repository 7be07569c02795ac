/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_OUTBOX_NOTES_H
#define GW_OUTBOX_NOTES_H
/*
 * What the engine has to know again after its death, in the outbox's file and in
 * its transactions: which flows were told of and how far, each device's path. So an
 * event is in the outbox exactly when the notes say that it was made.
 *
 * Two tables, made where they are missing: flow_note (id, mind, doc) and note (name,
 * mind). `mind` is the engine's own, bytes that only the same version reads; `doc`
 * is JSON, for any version. What is in them is recall.c's.
 */
#include <stddef.h>
#include <stdint.h>

#include "agent/outbox.h"

struct notes;

struct note {
	uint64_t id;	  /* of a flow */
	const char *name; /* of another note */
	const void *mind;
	size_t mind_len;
	const char *doc; /* NULL: none */
	size_t doc_len;
};

/* Borrows the outbox. NULL with one line in err. */
struct notes *notes_open(struct outbox *o, char *err, size_t size);

/* Before the outbox. Accepts NULL. */
void notes_close(struct notes *n);

/* To be called in the companion's write(). 0 or a negative errno. */
int notes_put_flow(struct notes *n, const struct note *note);
int notes_drop_flow(struct notes *n, uint64_t id);
int notes_drop_flows(struct notes *n);
int notes_put(struct notes *n, const struct note *note);

/* Both call fn for each note, borrowed for the call; fn may not write. */
int notes_each_flow(struct notes *n, void (*fn)(void *arg, const struct note *note), void *arg);
int notes_each(struct notes *n, void (*fn)(void *arg, const struct note *note), void *arg);

#endif
