/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_PUBLISH_H
#define GW_PUBLISH_H
/*
 * Where events go. One small interface, three ways:
 *
 *	publish_direct()   lines to a file or stdout, numbered from 1, no outbox:
 *			   for `replay`
 *	publish_to_file()  outbox to a file or stdout: `run --output`
 *	publish_to_redis() outbox to a Redis Stream: `run --redis`
 *
 * The engine push()es, main calls commit() once per loop turn before it sleeps,
 * and at the end drain() and close(). No call waits for the network, except
 * drain(), as long as it is told.
 */
#include <stdbool.h>
#include <stddef.h>

#include "agent/outbox.h"

struct event;
struct event_base;
struct redis_url;
struct sink;

#define PUBLISH_STREAM "glasswatch:events"

struct sink_ops {
	/* Gives the event its agent and number and takes it over. 0 or a negative
	 * errno. */
	int (*push)(struct sink *s, struct event *e);

	/* Makes what was pushed durable and goes on sending. 0 or a negative errno.
	 * -EPIPE: nobody reads stdout any more. Direct: any write error, for good.
	 * But for -EPIPE what is wrong has been logged; with an outbox it is tried
	 * again. */
	int (*commit)(struct sink *s);

	/* Commits and hands over what waits, for at most timeout_ms; runs the loop.
	 * Returns how many events still wait. */
	uint64_t (*drain)(struct sink *s, unsigned timeout_ms);

	void (*counters)(struct sink *s, struct outbox_counters *out);

	/* For people, how the receiver is: one line, without its name. */
	void (*words)(const struct sink *s, char *buf, size_t size);

	/* Commits and frees, the outbox too. What waits stays in its file. Negative
	 * errno when the last write failed. */
	int (*close)(struct sink *s);
};

struct sink {
	const struct sink_ops *ops;
};

/* path "-": stdout. All return NULL with one line in err. They ignore SIGPIPE for
 * the whole process. */
struct sink *publish_direct(const char *path, const char *agent, char *err, size_t size);

/* These two take ownership of the outbox when they succeed. */
struct sink *publish_to_file(struct event_base *base, struct outbox *o, const char *path, char *err,
			     size_t size);
struct sink *publish_to_redis(struct event_base *base, struct outbox *o,
			      const struct redis_url *url, const char *stream, char *err,
			      size_t size);

#endif
