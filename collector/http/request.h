/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_HTTP_REQUEST_H
#define GW_HTTP_REQUEST_H
/*
 * A request and its answer as values, without a server: http.c fills the first and
 * sends the second; what stands between them (api/api.c) needs neither sockets nor
 * threads, so tests and the fuzzer call it as it is.
 *
 * An error is a problem document (RFC 9457): its `type` is HTTP_PROBLEM and one of
 * the names in docs/api.md, which do not change; `detail` says what to do about it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#define HTTP_MAX_URI 4096   /* bytes of path and query */
#define HTTP_MAX_BODY 16384 /* bytes; the longest that any route has a use for */
#define HTTP_MAX_PARAMS 32
#define HTTP_MAX_HEADERS 16
#define HTTP_ID_LEN 25
#define HTTP_PROBLEM "urn:glasswatch:problem:"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_param {
	const char *name, *value;
};

struct http_request {
	enum http_method method;
	char uri[HTTP_MAX_URI + 1]; /* decoded in place; path and params point into it */
	const char *path;
	struct http_param params[HTTP_MAX_PARAMS];
	size_t n_params;
	char id[HTTP_ID_LEN]; /* X-Request-Id */
	/* headers, NULL where they were not sent; borrowed */
	const char *host, *origin, *fetch_site, *authorization, *content_type, *accept,
		*accept_encoding, *if_none_match, *last_event_id, *forwarded_for;
	const char *body; /* NULL until it is there; then with a final zero byte */
	size_t len;
	char client[64]; /* its address */
	/* what the check found, for the route */
	const void *route;
	char who[64]; /* name of the token; "" without */
	bool operate; /* may change something */
};

/* Where a body comes from that is not there all at once. */
#define HTTP_SOURCE_END (-1)
#define HTTP_SOURCE_ABORT (-2) /* cut the connection: what was sent is not whole */

struct http_waker; /* http.h */

struct http_source {
	/* Hands over at most max bytes; 0: nothing now. Never waits. */
	ssize_t (*read)(void *arg, char *buf, size_t max);
	/* A worker makes more, after read() had nothing; the store is its own. NULL:
	 * somebody else will, and calls http_wake(). */
	void (*fill)(void *arg, unsigned worker);
	/* Before the first read; the waker is good until close(). May be NULL. */
	void (*start)(void *arg, struct http_waker *waker);
	void (*close)(void *arg); /* always, last */
};

struct http_header {
	const char *name; /* static */
	char value[256];
};

struct http_answer {
	unsigned status;
	const char *type; /* of the content, static; NULL: there is none */
	char *body;	  /* malloc()ed */
	size_t len;
	const struct http_source *source; /* or this; arg is its own to free, in close() */
	void *arg;
	struct http_header headers[HTTP_MAX_HEADERS];
	size_t n_headers;
	const char *policy; /* Content-Security-Policy, in place of the page's; static */
	bool no_store;	    /* Cache-Control: no-store */
	bool close;    /* the connection, after this */
};

/* Takes a request's target apart: path and parameters, percent-decoded. False with
 * what is wrong in why (static): too long, not ours, bad escapes, zero bytes, not
 * UTF-8, too many parameters, one twice. */
bool http_request_uri(struct http_request *r, const char *uri, const char **why);
enum http_method http_request_method(const char *name);
/* NULL: not given. */
const char *http_param(const struct http_request *r, const char *name);

void http_answer_clear(struct http_answer *a);
void http_answer_header(struct http_answer *a, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Takes doc over. */
void http_answer_json(struct http_answer *a, unsigned status, json_t *doc);
/* Takes body over, which may be NULL: no memory. */
void http_answer_text(struct http_answer *a, unsigned status, const char *type, char *body,
		      size_t len);
/* name: of docs/api.md, static. Replaces what was in the answer but its headers. */
void http_problem(struct http_answer *a, const struct http_request *r, unsigned status,
		  const char *name, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
const char *http_status_text(unsigned status);

/* The body compressed when the client takes it so and it is worth it. */
void http_answer_compress(struct http_answer *a, const struct http_request *r);

#endif
