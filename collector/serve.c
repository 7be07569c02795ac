/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/api.h"
#include "collector/config.h"
#include "collector/http.h"
#include "collector/stream.h"
#include "collector/token.h"
#include "common/log.h"

_Static_assert(API_WORKERS == HTTP_WORKERS, "each worker has a store");

struct serve {
	const struct collector_config *config;
	struct metrics *metrics;
	const char *name;
	uint64_t (*now_real)(void), (*now_mono)(void);
	int socket;
	struct tokens *tokens;
	struct stream *stream;
	struct api *api;
	struct http *http;
};

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
			     .now_mono = now_mono };
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
