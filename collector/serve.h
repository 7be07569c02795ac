/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SERVE_H
#define GW_SERVE_H
/*
 * `run` answers questions over HTTP: socket, tokens, stream, API and server as one.
 *
 *	serve_page()	first: where the page is
 *	serve_open()	before confine(): the socket is bound, the tokens are read
 *	serve_start()	after it: threads
 *	serve_stop()	before the metrics go
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collector_config;
struct metrics;
struct serve;

/* Before all: where the page's files are. config->web may be set to the folder web/ beside the
 * program, which is where a build has them. False with one line in err: a folder that --web
 * names is not there. */
bool serve_page(struct collector_config *config, char *err, size_t size);

/* name: of the agent that own events are of; borrowed, as config and metrics (which may
 * be NULL) are. NULL with err "" when nothing is to be served: --listen off, or the
 * default port is another program's, which is a warning. NULL with one line in err
 * on anything else. */
struct serve *serve_open(const struct collector_config *config, const char *name,
			 struct metrics *metrics, uint64_t (*now_real)(void),
			 uint64_t (*now_mono)(void), char *err, size_t size);
/* 0, or -1 with one line in err. */
int serve_start(struct serve *s, char *err, size_t size);
void serve_stop(struct serve *s); /* accepts NULL */

/* The certificate and the tokens are read again. Accepts NULL. */
void serve_reload(struct serve *s);
/* Something was committed. Accepts NULL. */
void serve_poke(struct serve *s);

#endif
