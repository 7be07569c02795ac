/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_HTTP_HTTP_H
#define GW_HTTP_HTTP_H
/*
 * The server: libmicrohttpd, and around it what a client may cost.
 *
 *	event threads   two of libmicrohttpd's, on epoll: read requests, write answers
 *	workers		make the answers; only they wait for a store
 *	housekeeper	once a second: cuts who is too slow, calls tick()
 *
 * A request's journey: check() says at once, in an event thread, whether it is
 * answered without work (refused, mostly), before its body is read; else its
 * connection is suspended, a worker calls handle(), and the connection goes on. A
 * body that is made piece by piece (struct http_source) suspends it whenever there
 * is nothing to send. So a slow question, or a client that reads slowly, holds up
 * nobody else, and an idle stream costs a connection and no thread.
 *
 * Start it after confine(): threads that run before are not confined by Landlock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/http/request.h"

#define HTTP_WORKERS 4
#define HTTP_MAX_HELD (64 << 20) /* bytes of large answers that wait to be read */
#define HTTP_NICE 10 /* of all its threads: what is stored comes first */

struct http;

struct http_totals {
	uint64_t requests, refused; /* with 4xx or 5xx */
	uint64_t connections;	    /* now */
	uint64_t cut;		    /* were too slow */
};

struct http_config {
	int socket;		/* of http_listen(); stays the caller's */
	const char *cert, *key; /* files of PEM; NULL: no TLS */
	uint32_t connections;	/* at once; further ones are answered 503 */
	uint32_t per_address;	/* of one address, further ones are closed; 0: no limit */
	uint64_t (*now_mono)(void);
	/* True: *a is the answer. Must not wait. */
	bool (*check)(void *arg, struct http_request *r, struct http_answer *a);
	void (*handle)(void *arg, unsigned worker, struct http_request *r, struct http_answer *a);
	void (*tick)(void *arg, const struct http_totals *now); /* may be NULL */
	void *arg;
};

/* ADDR:PORT, [ADDR]:PORT; port 0 takes any. A listening socket, or -1 with one line
 * in err and *in_use. */
int http_listen(const char *address, bool *in_use, char *err, size_t size);
/* Who reaches such an address. */
enum http_reach { HTTP_NO_ADDRESS, HTTP_LOOPBACK, HTTP_EVERYBODY };
enum http_reach http_reach(const char *address);
/* Where it listens, as ADDR:PORT. */
const char *http_listening(int socket, char *buf, size_t size);

/* NULL with one line in err. */
struct http *http_start(const struct http_config *config, char *err, size_t size);
/* Answers what is being answered, closes all. Accepts NULL. */
void http_stop(struct http *h);

/* Within a second certificate and key are read again: connections that are open end,
 * and their clients come back. If they are not good the old ones stay, and the log
 * says so. */
void http_reload(struct http *h);

/* There is something to read for this source. From any thread, until its close(). */
void http_wake(struct http_waker *w);
/* Cuts its connection. */
void http_cut(struct http_waker *w);

void http_totals(struct http *h, struct http_totals *out);

#endif
