/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, and what is behind them; see api.h. */
#include <stdlib.h>
#include <string.h>

#include "collector/api/call.h"
#include "collector/api/stream.h"
#include "collector/report/report.h"
#include "collector/view/alert.h"
#include "collector/view/incident.h"
#include "collector/view/metrics.h"
#include "common/addr.h"
#include "common/clock.h"

static const char openapi[] =
#include "collector/api/openapi.json.h"
	;

static void show(struct api_call *c)
{
	json_t *doc = c->route->view(c->store, &c->args);

	if (!doc) {
		api_store_failed(c);
	} else if (json_is_null(doc)) {
		json_decref(doc);
		http_problem(c->a, c->r, 404, "not-found", "there is no such thing in the store");
	} else {
		http_answer_json(c->a, 200, doc);
	}
}

static void show_found(struct api_call *c, json_t *doc)
{
	if (!doc)
		api_store_failed(c);
	else if (json_is_null(doc))
		http_problem(c->a, c->r, 404, "not-found", "there is none with this number");
	else
		http_answer_json(c->a, 200, json_incref(doc));
	json_decref(doc);
}

static void show_session(struct api_call *c)
{
	show_found(c, view_session(c->store, &c->args, c->id));
}

/* A report has its styles in itself, and nothing else. */
#define REPORT_POLICY                                                                              \
	"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "          \
	"form-action 'none'; frame-ancestors 'none'"

static void show_report(struct api_call *c, const char *type, void (*write)(const json_t *, FILE *))
{
	json_t *doc = view_incident(c->store, &c->args, c->id);
	char *text = NULL;
	size_t size = 0;
	FILE *to;

	if (!doc || json_is_null(doc)) {
		show_found(c, doc);
		return;
	}
	to = open_memstream(&text, &size);
	if (to) {
		write(doc, to);
		fclose(to);
	}
	json_decref(doc);
	http_answer_text(c->a, 200, type, text, size);
	c->a->policy = REPORT_POLICY;
}

static void show_incident(struct api_call *c)
{
	show_found(c, view_incident(c->store, &c->args, c->id));
}

static void show_incident_md(struct api_call *c)
{
	show_report(c, "text/markdown; charset=utf-8", report_md);
}

static void show_incident_html(struct api_call *c)
{
	show_report(c, "text/html; charset=utf-8", report_html);
}

/* The page shows what this token may do, and what it may not. */
static json_t *actions(const struct api_call *c)
{
	return c->r->operate ? json_pack("[s, s, s]", "acknowledge", "silence", "drill")
			     : json_array();
}

static void show_alerts(struct api_call *c)
{
	json_t *doc = view_alerts(c->store, &c->args);

	if (doc)
		json_object_set_new(doc, "actions", actions(c));
	show_found(c, doc);
}

/* What others make without moment and cursor, of one snapshot with them. */
enum part { PART_ALERT, PART_SILENCES, PART_DRILLS };

static void show_part(struct api_call *c, enum part part, const char *key)
{
	bool active = c->args.state != NULL;
	uint64_t n, stored;
	json_t *inner = NULL, *doc = NULL;
	char time[TIME_STRLEN];

	if (store_snapshot(c->store) == 0 && view_newest(c->store, &n, &stored) >= 0)
		inner = part == PART_ALERT	? view_alert(c->store, c->id, c->now_ns)
			: part == PART_SILENCES ? view_silences(c->store, active, c->now_ns)
						: view_drills(c->store, active, c->now_ns);
	if (inner && !json_is_null(inner))
		doc = json_pack("{s:s, s:I, s:O}", "as_of", time_format(c->now_ns, time), "cursor",
				(json_int_t)n, key, inner);
	else if (inner)
		doc = json_null();
	if (doc && part == PART_ALERT && !json_is_null(doc))
		json_object_set_new(doc, "actions", actions(c));
	store_rollback(c->store);
	json_decref(inner);
	show_found(c, doc);
}

static void show_alert(struct api_call *c)
{
	show_part(c, PART_ALERT, "alert");
}

static void show_silences(struct api_call *c)
{
	show_part(c, PART_SILENCES, "silences");
}

static void show_drills(struct api_call *c)
{
	show_part(c, PART_DRILLS, "drills");
}

static void show_timeline(struct api_call *c)
{
	if (!c->args.until_ns)
		c->args.until_ns = c->now_ns;
	if (!c->args.since_ns)
		http_problem(c->a, c->r, 400, "missing-parameter", "from: the span's beginning");
	else if (c->args.since_ns >= c->args.until_ns)
		http_problem(c->a, c->r, 400, "bad-parameter",
			     "the span ends before it begins: nothing lies between");
	else
		show_found(c, view_timeline(c->store, &c->args));
}

static void show_trust(struct api_call *c)
{
	const char *text = http_param(c->r, "address");
	struct addr address;

	if (!text)
		http_problem(c->a, c->r, 400, "missing-parameter",
			     "address: whose trust is asked for");
	else if (!addr_parse(text, &address))
		http_problem(c->a, c->r, 400, "bad-parameter",
			     "address=%.60s: an address as 10.20.0.5", text);
	else
		show_found(c, view_trust(c->store, &c->args, &address));
}

/* How far what is answered elsewhere is behind what is recorded. */
static void put_lag(struct api_call *c, json_t *doc)
{
	struct store *s = api_worker_store(c->api, c->worker);
	uint64_t derived, places, oldest_ns;
	char buf[TIME_STRLEN];
	json_t *record;

	if (!s || store_behind(s, &derived, &places, &oldest_ns) < 0)
		return;
	record = json_pack("{s:I, s:I}", "places", (json_int_t)places, "underived",
			   (json_int_t)(places > derived ? places - derived : 0));
	if (oldest_ns)
		json_object_set_new(record, "underived_since",
				    json_string(time_format(oldest_ns, buf)));
	json_object_set_new(doc, "record", record);
}

static void show_self(struct api_call *c)
{
	json_t *doc = json_pack("{s:s, s:s, s:b}", "right", c->r->operate ? "operate" : "read",
				"version", GLASSWATCH_VERSION, "tokens",
				api_config(c->api)->tokens != NULL);
	char buf[TIME_STRLEN];

	if (c->r->who[0])
		json_object_set_new(doc, "who", json_string(c->r->who));
	json_object_set_new(doc, "time", json_string(time_format(c->now_ns, buf)));
	put_lag(c, doc);
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
	const struct metrics *m = api_config(c->api)->metrics;
	/* Who knows it names it; preferences among several are not weighed. */
	bool open = c->r->accept && strstr(c->r->accept, "application/openmetrics-text");
	char *text = open ? metrics_open_text(s, m, c->now_ns) : metrics_text(s, m, c->now_ns);

	http_answer_text(c->a, 200, open ? METRICS_OPEN_TYPE : METRICS_TEXT_TYPE, text,
			 text ? strlen(text) : 0);
}

static void show_health(struct api_call *c)
{
	http_answer_json(c->a, 200, json_pack("{s:s}", "status", "ok"));
}

static void show_ready(struct api_call *c)
{
	uint64_t n, stored;

	if (!c->store || view_newest(c->store, &n, &stored) < 0)
		api_store_failed(c);
	else if (api_config(c->api)->ready &&
		 !api_config(c->api)->ready(api_config(c->api)->ready_arg))
		http_problem(c->a, c->r, 503, "not-ready", "events are not read from Redis now");
	else
		http_answer_json(c->a, 200, json_pack("{s:s}", "status", "ready"));
}

static void follow(struct api_call *c)
{
	if (!api_config(c->api)->stream)
		http_problem(c->a, c->r, 503, "not-ready", "there is no stream");
	else
		stream_join(api_config(c->api)->stream, c->store, c->r, c->a);
}

#define PAGE_OF "after limit"
#define SPAN "since until"
#define WHAT "device source path service verdict"
#define FLOW WHAT " outcome login user agent"
#define FLOWS SPAN " " FLOW " justified state incident"
#define SESSIONS SPAN " device source verdict outcome login user agent justified state incident"
#define EVENTS SPAN " " WHAT " agent type severity incident"
#define OPEN_CLOSED "open|closed"

const struct api_route api_routes[] = {
	{ HTTP_GET, "/api/v1/summary", API_READ, "at", show, view_summary },
	{ HTTP_GET, "/api/v1/devices", API_READ, "at device", show, view_devices },
	{ HTTP_GET, "/api/v1/flows", API_READ, FLOWS " " PAGE_OF, show, view_flows, OPEN_CLOSED },
	{ HTTP_GET, "/api/v1/flows.csv", API_READ, FLOWS, api_export_csv, view_flows, OPEN_CLOSED },
	{ HTTP_GET, "/api/v1/flows.json", API_READ, FLOWS, api_export_json, view_flows,
	  OPEN_CLOSED },
	{ HTTP_GET, "/api/v1/sessions", API_READ, SESSIONS " " PAGE_OF, show, view_sessions,
	  OPEN_CLOSED },
	{ HTTP_GET, "/api/v1/sessions.csv", API_READ, SESSIONS, api_export_csv, view_sessions,
	  OPEN_CLOSED },
	{ HTTP_GET, "/api/v1/sessions.json", API_READ, SESSIONS, api_export_json, view_sessions,
	  OPEN_CLOSED },
	{ HTTP_GET, "/api/v1/sessions/{id}", API_READ, "", show_session },
	{ HTTP_GET, "/api/v1/events", API_READ, EVENTS " " PAGE_OF, show, view_events },
	{ HTTP_GET, "/api/v1/events.csv", API_READ, EVENTS, api_export_csv, view_events },
	{ HTTP_GET, "/api/v1/events.json", API_READ, EVENTS, api_export_json, view_events },
	{ HTTP_GET, "/api/v1/incidents", API_READ, SPAN " " FLOW " kind state severity " PAGE_OF,
	  show, view_incidents, OPEN_CLOSED },
	{ HTTP_GET, "/api/v1/incidents/{id}", API_READ, "", show_incident },
	{ HTTP_GET, "/api/v1/incidents/{id}.json", API_READ, "", show_incident },
	{ HTTP_GET, "/api/v1/incidents/{id}.md", API_READ, "", show_incident_md },
	{ HTTP_GET, "/api/v1/incidents/{id}.html", API_READ, "", show_incident_html },
	{ HTTP_GET, "/api/v1/alerts", API_READ,
	  SPAN " name device agent source severity state incident " PAGE_OF, show_alerts, NULL,
	  "open|acknowledged|silenced|resolved" },
	{ HTTP_GET, "/api/v1/alerts/{id}", API_READ, "", show_alert },
	{ HTTP_POST, "/api/v1/alerts/{id}/acknowledge", API_OPERATE, "", api_acknowledge },
	{ HTTP_GET, "/api/v1/silences", API_READ, "state", show_silences, NULL, "open" },
	{ HTTP_POST, "/api/v1/silences", API_OPERATE, "", api_silence },
	{ HTTP_DELETE, "/api/v1/silences/{id}", API_OPERATE, "by", api_silence_end },
	{ HTTP_GET, "/api/v1/drills", API_READ, "state", show_drills, NULL, "open" },
	{ HTTP_POST, "/api/v1/drills", API_OPERATE, "", api_drill },
	{ HTTP_DELETE, "/api/v1/drills/{id}", API_OPERATE, "by", api_drill_end },
	{ HTTP_GET, "/api/v1/sources", API_READ, SPAN " device source path service verdict limit",
	  show, view_sources },
	{ HTTP_GET, "/api/v1/agents", API_READ, "agent", show, view_agents },
	{ HTTP_GET, "/api/v1/coverage", API_READ, "device days", show, view_coverage },
	{ HTTP_GET, "/api/v1/timeline", API_READ, "from to px device only limit", show_timeline },
	{ HTTP_GET, "/api/v1/trust", API_READ, "address at", show_trust },
	{ HTTP_GET, "/api/v1/stream", API_READ, "last-event-id events", follow },
	{ HTTP_GET, "/api/v1/self", API_READ, "", show_self, .no_store = true },
	{ HTTP_GET, "/api/v1/openapi.json", API_READ, "", show_openapi, .no_store = true },
	{ HTTP_GET, "/metrics", API_READ, "", show_metrics, .no_store = true },
	{ HTTP_GET, "/healthz", API_OPEN, "", show_health, .no_store = true },
	{ HTTP_GET, "/readyz", API_OPEN, "", show_ready },
};

const size_t api_n_routes = sizeof(api_routes) / sizeof(api_routes[0]);
