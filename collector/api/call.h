/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_API_CALL_H
#define GW_API_CALL_H
/* One request on its way through api*.c. */
#include "collector/api/api.h"
#include "collector/http/request.h"
#include "collector/store/store.h"
#include "collector/view/view.h"

struct api_call;

/* Makes the answer; the store is open. */
typedef void api_route_fn(struct api_call *c);
typedef json_t *api_view_fn(struct store *s, const struct view_args *a);

enum api_right { API_OPEN, API_READ, API_OPERATE };

struct api_route {
	enum http_method method; /* HTTP_GET answers HEAD as well */
	const char *path;	 /* "{id}" stands for a number above 0 */
	enum api_right right;
	const char *params; /* names of those it takes, separated by blanks */
	api_route_fn *fn;
	api_view_fn *view;  /* what fn shows */
	const char *states; /* words of `state`, separated by | */
	bool no_store;	    /* answered without one */
};

struct api_call {
	struct api *api;
	const struct api_route *route;
	struct http_request *r;
	struct http_answer *a;
	struct store *store;
	unsigned worker;
	uint64_t id; /* of the path */
	uint64_t now_ns;
	struct view_args args;
};

/* routes.c */
extern const struct api_route api_routes[];
extern const size_t api_n_routes;

/* args.c: the parameters into c->args. False: the answer says what is wrong. */
bool api_args(struct api_call *c);

/* operate.c */
void api_acknowledge(struct api_call *c);
void api_silence(struct api_call *c);
void api_silence_end(struct api_call *c);
void api_drill(struct api_call *c);
void api_drill_end(struct api_call *c);

/* export.c: all rows of a list, page by page. */
void api_export_csv(struct api_call *c);
void api_export_json(struct api_call *c);

/* files.c: the page's files. Returns false when there is no such file. */
bool api_file(struct api_call *c, const char *folder);

/* api.c */
const struct api_config *api_config(const struct api *a);
bool api_has_word(const char *words, const char *word); /* words: separated by blanks */
void api_store_failed(struct api_call *c);
struct store *api_worker_store(struct api *a, unsigned worker);
/* The one store that may be written, for the time until it is given back. */
struct store *api_write(struct api *a);
void api_written(struct api *a, struct store *s, bool broken);

#endif
