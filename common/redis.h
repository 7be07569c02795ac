/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REDIS_H
#define GW_REDIS_H
/*
 * A connection to Redis that keeps itself up: thin over hiredis' asynchronous
 * client on a libevent loop. It connects, logs in, selects the database, asks
 * PING, and only then says "up"; when it is lost it says "down" and tries again
 * after a growing, jittered pause. Nothing here blocks the loop: names are
 * resolved by libevent's own resolver.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct redisReply;
struct redis;

#define REDIS_URL_STRLEN 300

struct redis_url {
	char *host;	       /* NULL: unix */
	char *path;	       /* of the unix socket; NULL: TCP */
	char *user, *password; /* NULL: none */
	uint16_t port;
	unsigned db;
};

/* redis://[[user]:password@]host[:port][/db], redis+unix:///path[?db=N] or
 * unix:///path[?db=N]; user and password may be %-escaped. Returns 0 and fills
 * *out (redis_url_clear() frees), or -1 with one line in err that never holds the
 * password. */
int redis_url_parse(const char *text, struct redis_url *out, char *err, size_t size);
void redis_url_clear(struct redis_url *u); /* accepts a zeroed one */

/* The URL as it may be printed, without user and password. Returns buf. */
const char *redis_url_format(const struct redis_url *u, char buf[REDIS_URL_STRLEN]);

/* Called at each change: up, or down with the reason. Attempts that fail while
 * it is down call again only when the reason is a new one. */
typedef void redis_state_fn(void *arg, bool up, const char *reason);

/* reply NULL: the connection was lost before the answer came. The reply is
 * hiredis' and is gone after the call. */
typedef void redis_reply_fn(void *arg, const struct redisReply *reply);

/* Begins to connect. Copies url. Ignores SIGPIPE for the whole process. NULL: no
 * memory. */
struct redis *redis_open(struct event_base *base, const struct redis_url *url,
			 redis_state_fn *state, void *arg);
void redis_close(struct redis *r); /* pending replies are called with NULL; accepts NULL */

bool redis_is_up(const struct redis *r);

/* Queues a command; many may be under way, replies come in the same order. fn may
 * be NULL. Returns 0 or -ENOTCONN (then fn is not called). */
int redis_send(struct redis *r, redis_reply_fn *fn, void *arg, int argc, const char **argv,
	       const size_t *argvlen);

/* Drops the connection as if the peer had, with this reason, and tries again. */
void redis_restart(struct redis *r, const char *reason);

/* When down: tries now instead of after the pause. */
void redis_hurry(struct redis *r);

#endif
