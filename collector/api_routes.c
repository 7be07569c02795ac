/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, and what is behind them; see api.h. */
#include <stdlib.h>
#include <string.h>

#include "collector/api_call.h"
#include "collector/metrics_text.h"
#include "collector/query.h"
#include "common/clock.h"

static const char openapi[] =
#include "openapi.json.h"
	;

static void show_self(struct api_call *c)
{
	json_t *doc = json_pack("{s:s, s:s, s:b}", "right", c->r->operate ? "operate" : "read",
				"version", GLASSWATCH_VERSION, "tokens",
				api_config(c->api)->tokens != NULL);
	char buf[TIME_STRLEN];

	if (c->r->who[0])
		json_object_set_new(doc, "who", json_string(c->r->who));
	json_object_set_new(doc, "time", json_string(time_format(c->now_ns, buf)));
	http_answer_json(c->a, 200, doc);
}

static void show_openapi(struct api_call *c)
{
	http_answer_text(c->a, 200, "application/openapi+json", strdup(openapi), strlen(openapi));
}

/* Without a store as well: that it cannot be read is one of the metrics. */
static void show_metrics(struct api_call *c)
{
	struct store *s = api_worker_store(c->api, c->worker);
	char *text = metrics_text(s, api_config(c->api)->metrics, c->now_ns);

	http_answer_text(c->a, 200, METRICS_TEXT_TYPE, text, text ? strlen(text) : 0);
}

static void show_health(struct api_call *c)
{
	http_answer_json(c->a, 200, json_pack("{s:s}", "status", "ok"));
}

static void show_ready(struct api_call *c)
{
	uint64_t n;

	if (!c->store || query_newest(c->store, &n) < 0)
		api_store_failed(c);
	else if (api_config(c->api)->ready &&
		 !api_config(c->api)->ready(api_config(c->api)->ready_arg))
		http_problem(c->a, c->r, 503, "not-ready", "events are not read from Redis now");
	else
		http_answer_json(c->a, 200, json_pack("{s:s}", "status", "ready"));
}

const struct api_route api_routes[] = {
	{ HTTP_GET, "/api/v1/self", API_READ, "", show_self, .no_store = true },
	{ HTTP_GET, "/api/v1/openapi.json", API_READ, "", show_openapi, .no_store = true },
	{ HTTP_GET, "/metrics", API_READ, "", show_metrics, .no_store = true },
	{ HTTP_GET, "/healthz", API_OPEN, "", show_health, .no_store = true },
	{ HTTP_GET, "/readyz", API_OPEN, "", show_ready },
};

const size_t api_n_routes = sizeof(api_routes) / sizeof(api_routes[0]);
