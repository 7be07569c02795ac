/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/serve.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/api/api.h"
#include "collector/api/stream.h"
#include "collector/config.h"
#include "collector/http/http.h"
#include "collector/http/token.h"
#include "common/log.h"

_Static_assert(API_WORKERS == HTTP_WORKERS, "each worker has a store");

struct serve {
	const struct collector_config *config;
	struct metrics *metrics;
	const char *name;
	uint64_t (*now_real)(void), (*now_mono)(void);
	int socket;
	bool page; /* there is one to show */
	struct tokens *tokens;
	struct stream *stream;
	struct api *api;
	struct http *http;
};

static bool has_page(const char *folder)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/index.html", folder);
	return access(path, R_OK) == 0;
}

/* The folder web/ beside this program; NULL: there is no page in it. malloc()ed. */
static char *page_beside(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof("web"));
	char *slash;

	if (len <= 0)
		return NULL;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return NULL;
	strcpy(slash + 1, "web");
	return has_page(path) ? strdup(path) : NULL;
}

bool serve_page(struct collector_config *config, char *err, size_t size)
{
	bool named = strcmp(config->web, COLLECTOR_WEB) != 0;
	struct stat st;
	char *beside;

	if (strcmp(config->listen, "off") == 0)
		return true;
	if (named && stat(config->web, &st) < 0) {
		snprintf(err, size, "--web: %.400s: %s", config->web, strerror(errno));
		return false;
	}
	if (named && !S_ISDIR(st.st_mode)) {
		snprintf(err, size, "--web: %.400s: %s", config->web, strerror(ENOTDIR));
		return false;
	}
	beside = named ? NULL : page_beside();
	if (beside) {
		free(config->web);
		config->web = beside;
	}
	return true;
}

struct serve *serve_open(const struct collector_config *config, const char *name,
			 struct metrics *metrics, uint64_t (*now_real)(void),
			 uint64_t (*now_mono)(void), char *err, size_t size)
{
	struct serve *s;
	bool in_use;

	err[0] = '\0';
	if (strcmp(config->listen, "off") == 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(err, size, "out of memory while starting");
		return NULL;
	}
	*s = (struct serve){ .config = config,
			     .metrics = metrics,
			     .name = name,
			     .now_real = now_real,
			     .now_mono = now_mono,
			     .page = has_page(config->web) };
	s->socket = http_listen(config->listen, &in_use, err, size);
	if (s->socket < 0) {
		if (in_use && strcmp(config->listen, COLLECTOR_LISTEN) == 0) {
			log_warning("%s: questions over HTTP are not answered; --listen names "
				    "another port, or off",
				    err);
			err[0] = '\0';
		}
		free(s);
		return NULL;
	}
	if (config->tokens)
		s->tokens = tokens_open(config->tokens, err, size);
	if (config->tokens && !s->tokens) {
		close(s->socket);
		free(s);
		return NULL;
	}
	return s;
}

int serve_start(struct serve *s, char *err, size_t size)
{
	const struct collector_config *c = s->config;
	const struct stream_config stream = { .db = c->db,
					      .clients = c->http_connections * 9 / 10,
					      .metrics = s->metrics,
					      .now_real = s->now_real,
					      .now_mono = s->now_mono };
	struct api_config api = { .db = c->db,
				  .name = s->name,
				  .tokens = s->tokens,
				  .metrics = s->metrics,
				  .web = c->web,
				  .behind_proxy = c->behind_proxy,
				  .rate = c->http_rate,
				  .now_real = s->now_real,
				  .now_mono = s->now_mono };
	struct http_config http = { .socket = s->socket,
				    .cert = c->tls_cert,
				    .key = c->tls_key,
				    .connections = c->http_connections,
				    /* all of them are the proxy's */
				    .per_address = c->behind_proxy ? 0 : c->http_per_address,
				    .now_mono = s->now_mono,
				    .check = api_check,
				    .handle = api_handle,
				    .tick = api_tick };
	char at[80];

	s->stream = stream_start(&stream, err, size);
	if (!s->stream)
		return -1;
	api.stream = s->stream;
	snprintf(err, size, "out of memory while starting");
	s->api = api_new(&api);
	if (!s->api)
		return -1;
	http.arg = s->api;
	s->http = http_start(&http, err, size);
	if (!s->http)
		return -1;
	log_info("answering questions on %s://%s%s", c->tls_cert ? "https" : "http",
		 http_listening(s->socket, at, sizeof(at)), s->tokens ? "" : ", without tokens");
	if (!s->page)
		log_warning("%s: there is no page here, only the API answers; `make install` puts "
			    "one there, --web DIR names another folder",
			    c->web);
	return 0;
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	http_stop(s->http);
	stream_stop(s->stream);
	api_free(s->api);
	tokens_close(s->tokens);
	close(s->socket);
	free(s);
}

void serve_reload(struct serve *s)
{
	if (s && s->http)
		http_reload(s->http);
}

void serve_poke(struct serve *s)
{
	if (s && s->stream)
		stream_poke(s->stream);
}
