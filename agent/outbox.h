/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_OUTBOX_H
#define GW_OUTBOX_H
/*
 * The agent's durable queue: every event passes through it, gets its number
 * there, and leaves it when the receiver has acknowledged it. How it works, what
 * it promises and what it drops when it is full is told at the top of outbox.c.
 *
 * Order of calls: open; then per loop turn any number of push(), one commit();
 * each() and ack() as the publisher goes; close.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct event;
struct outbox;

#define OUTBOX_DEFAULT_BYTES (256ull << 20)

enum outbox_drop {
	OUTBOX_DROP_FULL,      /* the bound was reached */
	OUTBOX_DROP_UNWRITTEN, /* the file could not be written, nor memory hold more */
	OUTBOX_DROP_NUM
};

/* At all times: generated = acknowledged + waiting + the sum of dropped. They
 * count from the outbox's creation, over restarts. */
struct outbox_counters {
	uint64_t generated, acknowledged, waiting;
	uint64_t dropped[OUTBOX_DROP_NUM];
	uint64_t waiting_bytes;
};

struct outbox_item {
	uint64_t seq;
	const char *id, *type, *json; /* borrowed for the call */
	size_t json_len;
};

/* Opens or creates the queue in an SQLite file; ":memory:" is one that does not
 * survive. max_bytes bounds the waiting documents (0: the default). NULL with one
 * line in err: in use by another agent, made for another agent's name, not an
 * outbox, not writable. */
struct outbox *outbox_open(const char *path, const char *agent, uint64_t max_bytes, char *err,
			   size_t size);

/* Commits what is pending. Accepts NULL. */
void outbox_close(struct outbox *o);

/* Sets e->agent and e->seq and encodes; the event is written by the next
 * commit(). 0, or -ENOMEM: then no number was used. */
int outbox_push(struct outbox *o, struct event *e);

/* Writes what was pushed and removes what was acknowledged, as one transaction.
 * 0, or a negative errno: nothing is lost, the next commit tries again. */
int outbox_commit(struct outbox *o);

/* Calls fn with committed events of a number above `after`, in order, at most max,
 * until fn returns false. fn may ack(), but not push() or commit(). Returns how many
 * calls or a negative errno. */
int outbox_each(struct outbox *o, uint64_t after, unsigned max,
		bool (*fn)(void *arg, const struct outbox_item *item), void *arg);

/* The receiver has this event for good; it goes with a later commit. */
void outbox_ack(struct outbox *o, uint64_t seq);

/* Events from first to last are on their way: do not drop them now. 0, 0: none. */
void outbox_hold(struct outbox *o, uint64_t first, uint64_t last);

/* Rows of others in the same file, written in the transaction of each commit: what
 * they say and what the events say is then true together. */
struct sqlite3;

struct outbox_companion {
	bool (*due)(void *arg);		      /* worth a commit without any event */
	int (*write)(void *arg);	      /* inside the transaction; negative: undo it */
	void (*written)(void *arg, int result); /* 0, or a negative errno: undone */
	void *arg;
};

struct sqlite3 *outbox_file(struct outbox *o);
void outbox_join(struct outbox *o, const struct outbox_companion *c);

void outbox_counters(const struct outbox *o, struct outbox_counters *out);

/* Why the file cannot be written at present; "": it can. */
const char *outbox_problem(const struct outbox *o);

/* The counters as agent.stats publishes them:
 * {"generated","acknowledged","waiting","waiting_bytes","dropped":{reason:n}}. */
json_t *outbox_counters_json(const struct outbox_counters *c);

const char *outbox_drop_name(enum outbox_drop d);

#endif
