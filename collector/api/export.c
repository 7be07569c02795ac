/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole list, as CSV or as one JSON array: the same rows in the same order as the
 * pages of the list, made page by page while the client reads, so neither a long list
 * nor a slow client holds memory, or a snapshot that would keep the store's log from
 * being folded. What is stored meanwhile is newer than the first page and not in it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/call.h"
#include "collector/base/output.h"

#define PAGE 1000 /* rows: some megabytes as documents */

/* Where a column's value lies in a row of the list. */
struct place {
	const char *column, *path;
};

static const struct place flow_places[] = {
	{ "id", "id" },
	{ "start", "start" },
	{ "end", "end" },
	{ "duration_s", "duration_s" },
	{ "open", "open" },
	{ "established", "established" },
	{ "device", "device" },
	{ "role", "role" },
	{ "path", "path" },
	{ "service", "service" },
	{ "direction", "direction" },
	{ "user", "user" },
	{ "source", "source.ip" },
	{ "source_port", "source.port" },
	{ "source_packets", "source.packets" },
	{ "source_bytes", "source.bytes" },
	{ "destination", "destination.ip" },
	{ "destination_port", "destination.port" },
	{ "destination_packets", "destination.packets" },
	{ "destination_bytes", "destination.bytes" },
	{ "verdict", "trust.verdict" },
	{ "list", "trust.list" },
	{ "rule", "trust.seq" },
	{ "prefix", "trust.prefix" },
	{ "outcome", "outcome" },
	{ "state", "state" },
	{ "login", "login" },
	{ "justified", "justified" },
	{ "community_id", "community_id" },
	{ "agent", "agent" },
	{ "flow", "flow" },
};

static const struct place event_places[] = {
	{ "n", "n" },
	{ "time", "event.time" },
	{ "stored", "stored" },
	{ "agent", "event.agent" },
	{ "seq", "event.seq" },
	{ "severity", "event.severity" },
	{ "type", "event.type" },
	{ "device", "event.device.name" },
	{ "path", "event.path" },
	{ "service", "event.service" },
	{ "source", "event.source.ip" },
	{ "verdict", "event.trust.verdict" },
	{ "policy", "event.policy" },
	{ "flow", "event.flow.id" },
	{ "what", "words" },
};

static const struct {
	const char *list;
	const struct place *places;
	size_t n;
} lists[] = {
	{ "flows", flow_places, sizeof(flow_places) / sizeof(flow_places[0]) },
	{ "sessions", flow_places, sizeof(flow_places) / sizeof(flow_places[0]) },
	{ "events", event_places, sizeof(event_places) / sizeof(event_places[0]) },
};

struct export
{
	struct api *api;
	api_view_fn *view;
	struct view_args args; /* its strings are the request's, which lives longer */
	char list[16];
	bool csv, ended, failed;
	uint64_t rows;
	char *text;
	size_t len, at;
};

/* ---- a page as text ---------------------------------------------------------- */

static const json_t *at_path(const json_t *row, const char *path)
{
	char part[32];
	size_t n;

	for (; row && *path; path += n + (path[n] == '.')) {
		n = strcspn(path, ".");
		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		row = json_object_get(row, part);
	}
	return row;
}

static void print_text(FILE *to, const char *text)
{
	char clean[2048];

	output_csv_cell(to, output_clean(text, clean, sizeof(clean)), true);
}

static void print_cell(FILE *to, const json_t *value)
{
	if (json_is_string(value))
		print_text(to, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		fprintf(to, "%.9g", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", to);
}

static void print_row(struct export *e, FILE *to, const json_t *row, size_t list)
{
	char *text;

	if (!e->csv) {
		text = json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
		fprintf(to, "%s\n%s", e->rows ? "," : "", text ? text : "{}");
		free(text);
	} else {
		for (size_t i = 0; i < lists[list].n; i++) {
			if (i)
				fputc(',', to);
			print_cell(to, at_path(row, lists[list].places[i].path));
		}
		fputs("\r\n", to);
	}
	e->rows++;
}

static void print_head(struct export *e, FILE *to, size_t list)
{
	if (!e->csv) {
		fputc('[', to);
		return;
	}
	for (size_t i = 0; i < lists[list].n; i++)
		fprintf(to, "%s%s", i ? "," : "", lists[list].places[i].column);
	fputs("\r\n", to);
}

static bool print_page(struct export *e, const json_t *page, bool first)
{
	const json_t *rows = json_object_get(page, e->list), *row;
	const char *next = json_string_value(json_object_get(page, "next"));
	size_t i, list = 0, size;
	FILE *to;

	while (list + 1 < sizeof(lists) / sizeof(lists[0]) && strcmp(lists[list].list, e->list))
		list++;
	free(e->text);
	e->text = NULL;
	e->len = e->at = 0;
	to = open_memstream(&e->text, &size);
	if (!to)
		return false;
	if (first)
		print_head(e, to, list);
	json_array_foreach(rows, i, row) print_row(e, to, row, list);
	e->ended = !next || !view_place_parse(next, &e->args.after);
	if (e->ended && !e->csv)
		fputs("\n]\n", to);
	if (fclose(to) != 0)
		return false;
	e->len = size;
	return true;
}

/* ---- the source --------------------------------------------------------------- */

static void fill_page(struct export *e, struct store *s, bool first)
{
	json_t *page = s ? e->view(s, &e->args) : NULL;

	e->failed = !page || !print_page(e, page, first);
	json_decref(page);
}

static ssize_t on_read(void *arg, char *buf, size_t max)
{
	struct export *e = arg;
	size_t n = e->len - e->at;

	if (e->failed)
		return HTTP_SOURCE_ABORT;
	if (n == 0)
		return e->ended ? HTTP_SOURCE_END : 0;
	if (n > max)
		n = max;
	memcpy(buf, e->text + e->at, n);
	e->at += n;
	return (ssize_t)n;
}

static void on_fill(void *arg, unsigned worker)
{
	struct export *e = arg;

	fill_page(e, api_worker_store(e->api, worker), false);
}

static void on_close(void *arg)
{
	struct export *e = arg;

	free(e->text);
	free(e);
}

static const struct http_source source = { .read = on_read, .fill = on_fill, .close = on_close };

static void export(struct api_call *c, bool csv)
{
	struct export *e = calloc(1, sizeof(*e));
	const char *name = strrchr(c->route->path, '/') + 1;

	if (!e) {
		http_problem(c->a, c->r, 503, "busy", "there is no memory");
		return;
	}
	e->api = c->api;
	e->view = c->route->view;
	e->args = c->args;
	e->args.limit = PAGE;
	e->csv = csv;
	snprintf(e->list, sizeof(e->list), "%.*s", (int)strcspn(name, "."), name);
	fill_page(e, c->store, true);
	if (e->failed) {
		on_close(e);
		api_store_failed(c);
		return;
	}
	c->a->status = 200;
	c->a->type = csv ? "text/csv; charset=utf-8; header=present" : "application/json";
	c->a->no_store = true;
	c->a->source = &source;
	c->a->arg = e;
	http_answer_header(c->a, "Content-Disposition", "attachment; filename=\"%s\"", name);
}

void api_export_csv(struct api_call *c)
{
	export(c, true);
}

void api_export_json(struct api_call *c)
{
	export(c, false);
}
