/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/api/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collector/api/call.h"
#include "collector/api/stream.h"
#include "collector/base/metrics.h"
#include "collector/http/http.h"
#include "collector/http/limit.h"
#include "collector/http/token.h"
#include "common/addr.h"
#include "common/clock.h"
#include "common/log.h"

#define BURST 4 /* a quiet client may ask so many times its rate at once */

struct api {
	struct api_config config;
	struct store *stores[API_WORKERS];
	pthread_mutex_t write_lock;
	struct store *write;
	pthread_mutex_t limit_lock;
	struct http_limit *limit;
	pthread_mutex_t complaint_lock;
	char complaint[600]; /* said last, so that it is said once */
};

const struct api_config *api_config(const struct api *a)
{
	return &a->config;
}

/* ---- stores --------------------------------------------------------------------- */

static void complain(struct api *a, const char *text)
{
	pthread_mutex_lock(&a->complaint_lock);
	if (strcmp(a->complaint, text) != 0) {
		snprintf(a->complaint, sizeof(a->complaint), "%s", text);
		log_warning("the API: %s", text);
	}
	pthread_mutex_unlock(&a->complaint_lock);
}

struct store *api_worker_store(struct api *a, unsigned worker)
{
	char err[600];

	if (!a->stores[worker]) {
		a->stores[worker] = store_open(a->config.db, STORE_READ, err, sizeof(err));
		if (!a->stores[worker])
			complain(a, err);
	}
	return a->stores[worker];
}

void api_store_failed(struct api_call *c)
{
	http_problem(c->a, c->r, 503, "store-unavailable",
		     "the store cannot be read now; what agents send waits in Redis");
	http_answer_header(c->a, "Retry-After", "2");
	if (!c->store)
		return;
	complain(c->api, store_error(c->store));
	/* the file may have been replaced, the server restarted */
	store_close(c->store);
	c->store = c->api->stores[c->worker] = NULL;
}

struct store *api_write(struct api *a)
{
	char err[600];

	pthread_mutex_lock(&a->write_lock);
	if (!a->write) {
		a->write = store_open(a->config.db, STORE_WRITE, err, sizeof(err));
		if (a->write)
			store_set_name(a->write, a->config.name);
		else
			complain(a, err);
	}
	if (!a->write)
		pthread_mutex_unlock(&a->write_lock);
	return a->write;
}

void api_written(struct api *a, struct store *s, bool broken)
{
	if (broken) {
		complain(a, store_error(s));
		store_close(s);
		a->write = NULL;
	}
	pthread_mutex_unlock(&a->write_lock);
	if (a->config.stream)
		stream_poke(a->config.stream);
}

/* ---- routes ----------------------------------------------------------------------- */

static const struct api_route page = { HTTP_GET, "", API_OPEN, NULL, .no_store = true };

bool api_has_word(const char *words, const char *word)
{
	size_t len = strlen(word), n;

	for (; *words; words += n + (words[n] == ' ')) {
		n = strcspn(words, " ");
		if (n == len && strncmp(words, word, n) == 0)
			return true;
	}
	return false;
}

static bool matches(const char *pattern, const char *path, uint64_t *id)
{
	char *end;

	for (; *pattern; pattern++) {
		if (*pattern != '{') {
			if (*path++ != *pattern)
				return false;
			continue;
		}
		errno = 0;
		*id = strtoull(path, &end, 10);
		if (*path < '1' || *path > '9' || errno || *id > INT64_MAX)
			return false;
		path = end;
		pattern = strchr(pattern, '}');
	}
	return !*path;
}

/* *allow: methods of this path, "" when it is none. */
static const struct api_route *find(enum http_method method, const char *path, uint64_t *id,
				    char allow[64])
{
	static const char *const names[] = { "GET, HEAD", NULL, "POST", "DELETE" };
	enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
	const struct api_route *found = NULL;

	allow[0] = '\0';
	for (size_t i = 0; i < api_n_routes; i++) {
		if (!matches(api_routes[i].path, path, id))
			continue;
		strcat(allow, allow[0] ? ", " : "");
		strcat(allow, names[api_routes[i].method]);
		if (api_routes[i].method == wanted)
			found = &api_routes[i];
	}
	if (!allow[0] && strncmp(path, "/api/", 5) != 0) {
		strcpy(allow, "GET, HEAD");
		if (wanted == HTTP_GET)
			found = &page;
	}
	if (allow[0])
		strcat(allow, ", OPTIONS");
	return found;
}

/* ---- who asks ----------------------------------------------------------------------- */

/* The host part of "host:port" or "[v6]:port". */
static bool split_host(const char *text, char host[256])
{
	size_t n = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":");

	if (n == 0 || n >= 256 || n > strlen(text) || (text[n] && text[n] != ':'))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	return true;
}

static bool is_loopback_name(const char *host)
{
	struct in_addr v4;

	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

/* Another site's page in a browser on this machine can send requests here, even read
 * the answers once its name resolves to 127.0.0.1 (DNS rebinding). It cannot forge
 * Host and Origin. A token it would not have. */
static bool comes_from_elsewhere(const struct api *a, const struct http_request *r,
				 struct http_answer *out)
{
	char host[256], origin[256];
	const char *scheme;

	if (!r->host || !split_host(r->host, host)) {
		http_problem(out, r, 400, "bad-request", "there is no Host header that names one");
		return true;
	}
	if (!a->config.tokens && !is_loopback_name(host)) {
		http_problem(out, r, 421, "wrong-host",
			     "without tokens this is answered for localhost alone, not for %.80s",
			     host);
		return true;
	}
	scheme = r->origin ? strstr(r->origin, "://") : NULL;
	if ((r->origin &&
	     (!scheme || !split_host(scheme + 3, origin) || strcasecmp(host, origin) != 0 ||
	      /* another port of this machine is another program's */
	      (!a->config.behind_proxy && strcasecmp(scheme + 3, r->host) != 0))) ||
	    (r->fetch_site && strcmp(r->fetch_site, "cross-site") == 0)) {
		http_problem(out, r, 403, "wrong-origin",
			     "pages of other sites may not ask this API");
		return true;
	}
	return false;
}

static void find_client(const struct api *a, const struct http_request *r, char client[64])
{
	const char *last = a->config.behind_proxy ? r->forwarded_for : NULL, *comma;
	struct addr address;

	snprintf(client, 64, "%s", r->client);
	if (!last)
		return;
	comma = strrchr(last, ',');
	last = comma ? comma + 1 : last;
	last += strspn(last, " ");
	if (addr_parse(last, &address))
		snprintf(client, 64, "%s", last);
}

static void count_refused(struct api *a, enum metrics_refused reason)
{
	metrics_add(a->config.metrics, METRIC_HTTP_REFUSED,
		    metrics_series(METRIC_HTTP_REFUSED, reason, 0, 0, 0), 1);
}

static bool too_fast(struct api *a, const struct http_request *r, const char *name,
		     struct http_answer *out)
{
	unsigned wait_s = 1;
	bool may;

	pthread_mutex_lock(&a->limit_lock);
	may = http_limit_take(a->limit, name, a->config.now_mono(), &wait_s);
	pthread_mutex_unlock(&a->limit_lock);
	if (may)
		return false;
	count_refused(a, METRICS_REFUSED_RATE);
	http_problem(out, r, 429, "too-many-requests", "%u requests a second are answered",
		     a->config.rate);
	http_answer_header(out, "Retry-After", "%u", wait_s);
	return true;
}

/* Who: a token's name, or the address. False: the answer says why not. */
static bool identify(struct api *a, struct http_request *r, bool open, struct http_answer *out)
{
	const char *token = r->authorization;
	char client[64], name[TOKEN_NAME_LEN + 3];
	bool known = false;

	find_client(a, r, client);
	if (a->config.tokens && token && strncasecmp(token, "Bearer ", 7) == 0) {
		token += 7 + strspn(token + 7, " ");
		known = strlen(token) <= 256 &&
			tokens_find(a->config.tokens, token, r->who, &r->operate);
	}
	snprintf(name, sizeof(name), "t %s", r->who);
	if (too_fast(a, r, known ? name : client, out))
		return false;
	if (!a->config.tokens)
		r->operate = true;
	if (known || open || !a->config.tokens)
		return true;
	count_refused(a, METRICS_REFUSED_TOKEN);
	http_problem(out, r, 401, "token-needed",
		     token ? "this token is none of the file's"
			   : "send a token: Authorization: Bearer gw_...");
	http_answer_header(out, "WWW-Authenticate", "Bearer realm=\"glasswatch\"%s",
			   token ? ", error=\"invalid_token\"" : "");
	return false;
}

static bool knows_params(const struct api_route *route, const struct http_request *r,
			 struct http_answer *out)
{
	for (size_t i = 0; route->params && i < r->n_params; i++) {
		if (api_has_word(route->params, r->params[i].name))
			continue;
		if (route->params[0])
			http_problem(out, r, 400, "unknown-parameter", "%.60s is none of: %s",
				     r->params[i].name, route->params);
		else
			http_problem(out, r, 400, "unknown-parameter",
				     "%.60s: this takes no parameters", r->params[i].name);
		return false;
	}
	return true;
}

static bool is_json(const char *type)
{
	size_t n = strlen("application/json");

	return type && strncasecmp(type, "application/json", n) == 0 &&
	       (!type[n] || type[n] == ';' || type[n] == ' ');
}

bool api_check(void *arg, struct http_request *r, struct http_answer *out)
{
	struct api *a = arg;
	const struct api_route *route;
	char allow[64];
	uint64_t id;
	bool open;

	if (comes_from_elsewhere(a, r, out))
		return true;
	route = find(r->method, r->path, &id, allow);
	open = route ? route->right == API_OPEN
		     : strncmp(r->path, "/api/", 5) != 0 && strcmp(r->path, "/metrics") != 0;
	if (!identify(a, r, open, out))
		return true;
	if (!allow[0]) {
		http_problem(out, r, 404, "not-found", "there is no %.100s", r->path);
	} else if (r->method == HTTP_OPTIONS) {
		out->status = 204;
		http_answer_header(out, "Allow", "%s", allow);
	} else if (!route) {
		http_problem(out, r, 405, "method-not-allowed", "this is for %s", allow);
		http_answer_header(out, "Allow", "%s", allow);
	} else if (route->right == API_OPERATE && !r->operate) {
		count_refused(a, METRICS_REFUSED_RIGHT);
		http_problem(out, r, 403, "operate-needed",
			     "the token %s may read; this needs one that may operate", r->who);
	} else if (r->method == HTTP_POST && !is_json(r->content_type)) {
		http_problem(out, r, 415, "json-needed", "send the body as application/json");
	} else if (knows_params(route, r, out)) {
		r->route = route;
		return false;
	}
	return true;
}

static void answer(struct api_call *c)
{
	char allow[64];

	find(c->r->method, c->r->path, &c->id, allow);
	if (!api_args(c))
		return;
	if (!c->route->no_store) {
		c->store = api_worker_store(c->api, c->worker);
		if (!c->store) {
			api_store_failed(c);
			return;
		}
	}
	c->route->fn(c);
}

/* Of an export or a stream: until its first bytes. */
static void count(struct metrics *m, const struct api_call *c, uint64_t began)
{
	const char *name = c->route == &page ? "page" : c->route->path;

	if (m)
		metrics_request(m, metrics_name(m, METRICS_ROUTE, name), c->a->status,
				metrics_clock(m) - began);
}

void api_handle(void *arg, unsigned worker, struct http_request *r, struct http_answer *out)
{
	struct api_call c = { .api = arg, .route = r->route, .r = r, .a = out, .worker = worker };
	uint64_t began = metrics_clock(c.api->config.metrics);

	c.now_ns = c.api->config.now_real();
	if (c.route == &page) {
		if (!api_file(&c, c.api->config.web))
			http_problem(out, r, 404, "not-found", "there is no %.100s", r->path);
	} else {
		answer(&c);
	}
	count(c.api->config.metrics, &c, began);
}

/* ---- life ----------------------------------------------------------------------------- */

void api_tick(void *arg, const struct http_totals *now)
{
	struct api *a = arg;

	metrics_set(a->config.metrics, METRIC_HTTP_CONNECTIONS, 0, (int64_t)now->connections);
	if (a->config.tokens)
		tokens_refresh(a->config.tokens);
}

struct api *api_new(const struct api_config *config)
{
	struct api *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->config = *config;
	a->limit = http_limit_new(config->rate, config->rate * BURST);
	pthread_mutex_init(&a->write_lock, NULL);
	pthread_mutex_init(&a->limit_lock, NULL);
	pthread_mutex_init(&a->complaint_lock, NULL);
	if (a->limit)
		return a;
	api_free(a);
	return NULL;
}

void api_free(struct api *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < API_WORKERS; i++)
		store_close(a->stores[i]);
	store_close(a->write);
	http_limit_free(a->limit);
	pthread_mutex_destroy(&a->write_lock);
	pthread_mutex_destroy(&a->limit_lock);
	pthread_mutex_destroy(&a->complaint_lock);
	free(a);
}
