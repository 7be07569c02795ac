/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_API_STREAM_H
#define GW_API_STREAM_H
/*
 * What changes, told to whoever listens: GET /api/v1/stream, Server-Sent Events.
 *
 * One thread reads the record once for everybody: after each commit, but at most some
 * times a second, it makes the documents of what the new events changed
 * (view_changes()) and puts them into a ring as one batch, which each client copies
 * from at its own pace. The ring has a size; a client that is so slow that its place
 * is overwritten is cut. It comes back with the number that it saw last, and goes on
 * there. A batch ends with `event: cursor` and its number as `id`, so a client that
 * was cut within a batch sees that batch again, whole: documents are states, to see
 * one twice does no harm.
 *
 * A number before the ring's oldest batch is caught up with: what has changed since
 * is read from the store, once for all who ask for it (after a restart they all come
 * at once). More than VIEW_CHANGES_MAX events behind, or a number that this store has
 * not reached, is answered by `event: reset`: read the lists again.
 */
#include <stdint.h>

#include "collector/http/request.h"

struct metrics;
struct store;
struct stream;

struct stream_config {
	const char *db;
	unsigned clients;	 /* at once; further ones are answered 503 */
	struct metrics *metrics; /* borrowed; NULL: none */
	uint64_t (*now_real)(void), (*now_mono)(void);
};

/* Starts the thread. NULL with one line in err. */
struct stream *stream_start(const struct stream_config *config, char *err, size_t size);
/* After http_stop(): nobody listens any more. Accepts NULL. */
void stream_stop(struct stream *s);

/* Something was committed. From any thread; never waits. */
void stream_poke(struct stream *s);

/* Makes the answer to a client who wants to listen: parameters events and
 * last-event-id, or the header. Uses the worker's store. */
void stream_join(struct stream *s, struct store *store, const struct http_request *r,
		 struct http_answer *a);

#endif
