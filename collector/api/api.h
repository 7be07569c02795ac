/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_API_API_H
#define GW_API_API_H
/*
 * The HTTP API: one table of routes says what each takes, who may ask it, and which
 * document answers it (view/view.h) or what it does (command/operate.h). docs/api.md is for its
 * users; openapi.json, which it serves, specifies every route, parameter and answer.
 *
 * A request is checked first, by api_check(), without a store: route, method, where
 * it comes from, its token, how fast its client asks, the names of its parameters.
 * api_handle() answers what is left, in a worker with a store of its own.
 *
 * With tokens (--tokens) everything under /api/ and /metrics demands one; only
 * /healthz, /readyz and the page's own files, which tell nothing of the fabric, do
 * not. Without tokens whoever reaches the port may operate: it is open on loopback
 * alone then, and only for requests that name the loopback as their host and come
 * from no other site's page.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collector/http/request.h"

#define API_WORKERS 4

struct api;
struct http_totals;
struct metrics;
struct stream;
struct tokens;

struct api_config {
	const char *db;		 /* opened for each worker when it is first needed */
	const char *name;	 /* of the agent that own events are of */
	struct tokens *tokens;	 /* borrowed; NULL: no authentication */
	struct stream *stream;	 /* borrowed; NULL: none */
	struct metrics *metrics; /* borrowed; NULL: none */
	const char *web;	 /* folder of the page's files; NULL: none */
	bool behind_proxy;	 /* the last address of X-Forwarded-For is the client */
	uint32_t rate;		 /* requests a second of one client; 0: no limit */
	uint64_t (*now_real)(void), (*now_mono)(void);
	bool (*ready)(void *arg); /* of the rest of the program; NULL: it always is */
	void *ready_arg;
};

struct api *api_new(const struct api_config *config); /* NULL: no memory */
void api_free(struct api *a);			      /* accepts NULL; nobody asks any more */

/* For http_config. */
bool api_check(void *api, struct http_request *r, struct http_answer *a);
void api_handle(void *api, unsigned worker, struct http_request *r, struct http_answer *a);
void api_tick(void *api, const struct http_totals *now);

#endif
