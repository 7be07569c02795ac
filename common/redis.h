/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REDIS_H
#define GW_REDIS_H
/*
 * A connection to Redis that keeps itself up: thin over hiredis' asynchronous
 * client on a libevent loop. It connects, logs in, selects the database, asks
 * PING, and only then says "up"; when it is lost it says "down" and tries again
 * after a growing, jittered pause. Nothing here blocks the loop: names are
 * resolved by libevent's own resolver.
 *
 * It finds the server by itself: with Sentinels in the URL it asks them, one after
 * the other, where the master is, each time it connects; a node of a cluster that
 * answers MOVED or ASK is left for the one that it names. That suits users of one
 * key, as all of ours are. Commands under way are then answered with NULL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/redis_url.h"

struct event_base;
struct redisReply;
struct redis;

/* Called at each change: up, or down with the reason. Attempts that fail while
 * it is down call again only when the reason is one that was not told since then. */
typedef void redis_state_fn(void *arg, bool up, const char *reason);

/* reply NULL: the connection was lost before the answer came. The reply is gone after
 * the call, unless it is kept. */
typedef void redis_reply_fn(void *arg, const struct redisReply *reply);

/* Begins to connect. Copies url. Ignores SIGPIPE for the whole process. NULL: no
 * memory. */
struct redis *redis_open(struct event_base *base, const struct redis_url *url,
			 redis_state_fn *state, void *arg);
/* Pending replies are called with NULL. Not from a reply's own function. Accepts NULL. */
void redis_close(struct redis *r);

bool redis_is_up(const struct redis *r);

/* For people: up, "HOST:PORT" or the socket's path; else why not, as of the last
 * attempt. Never empty; valid until the next call into here or turn of the loop. */
const char *redis_words(const struct redis *r);

/* Queues a command; many may be under way, replies come in the same order. fn may
 * be NULL. Returns 0 or -ENOTCONN (then fn is not called). */
int redis_send(struct redis *r, redis_reply_fn *fn, void *arg, int argc, const char **argv,
	       const size_t *argvlen);

/* MULTI and EXEC: what is sent between the two is done as one, or nothing of it. The
 * replies in between say that a command is queued, or why it cannot be; EXEC's is an
 * array, one element for each, or an error. Return as redis_send() does. */
int redis_multi(struct redis *r, redis_reply_fn *fn, void *arg);
int redis_exec(struct redis *r, redis_reply_fn *fn, void *arg);

/* Called by a reply's function: this reply stays until it is given back, which is before
 * redis_close(). */
struct redis_kept;
struct redis_kept *redis_keep(struct redis *r);
void redis_give_back(struct redis *r, struct redis_kept *kept); /* accepts NULL */

/* Sends what is queued now, as far as the socket takes it, not when the loop turns. */
void redis_flush(struct redis *r);

/* Drops the connection as if the peer had, with this reason, and tries again. */
void redis_restart(struct redis *r, const char *reason);

/* When down: tries now instead of after the pause. */
void redis_hurry(struct redis *r);

#endif
