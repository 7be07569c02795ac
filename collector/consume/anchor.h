/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONSUME_ANCHOR_H
#define GW_CONSUME_ANCHOR_H
/*
 * Anchors of the chain (record/chain.h) on their way out: to a stream of their own in
 * Redis, and to a file. The store makes them, in the transaction that stores a
 * batch, and remembers which of them Redis has; so a collector that is killed, or
 * a Redis that is away, costs none.
 *
 * The stream is {EVENTS}:anchors, where EVENTS is the stream of events: the braces
 * keep both on one node of a Redis Cluster. It is not the stream of events itself,
 * because that one is trimmed. Entries have one field, json; chain_anchor_format()
 * writes it, and a line of the file as well.
 */
#include <stdbool.h>
#include <stddef.h>

#include "collector/command/verify.h"
#include "common/redis.h"

#define ANCHOR_KEY_LEN 600

struct consume_anchors;
struct store;

const char *consume_anchor_key(const char *stream, char buf[ANCHOR_KEY_LEN]);

/* file NULL: none. answered() is called after each of Redis' answers. NULL with one
 * line in err. Strings are borrowed. */
struct consume_anchors *consume_anchors_open(struct store *store, const char *stream,
					     const char *collector, const char *file,
					     void (*answered)(void *arg), void *arg, char *err,
					     size_t size);
void consume_anchors_close(struct consume_anchors *a); /* accepts NULL; before redis_close() */

/* Within a transaction: notes what Redis has confirmed. As the store's functions.
 * noted(): it was committed. */
int consume_anchors_note(struct consume_anchors *a);
void consume_anchors_noted(struct consume_anchors *a);

/* Outside of one: hands over what was made. */
void consume_anchors_send(struct consume_anchors *a, struct redis *redis);

/* How many Redis has not answered yet. A lost connection answers all. */
unsigned consume_anchors_waiting(const struct consume_anchors *a);

/* Reads all anchors from Redis; waits for it. False with one line in err. */
bool consume_anchors_fetch(const struct redis_url *url, const char *stream,
			   struct verify_anchors *out, char *err, size_t size);

#endif
