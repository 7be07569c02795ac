/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are made out of the documents, so that a table says what the page says. */
#include "collector/command/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/view/flows.h"
#include "collector/view/row.h"
#include "common/clock.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT(field) COLUMN_TEXT, offsetof(ROW, field)
#define TIME(field) COLUMN_TIME, offsetof(ROW, field)

struct session_row {
	uint64_t id, start_ns, end_ns;
	const char *device, *role, *user, *who, *source, *destination, *verdict, *list, *prefix;
	const char *outcome, *login, *confidence, *basis, *justified, *agent, *flow, *words;
	const char *login_text;
	char login_buf[48];
	double duration_s;
	bool open;
};

#define ROW struct session_row
static const struct column session_columns[] = {
	{ "id", "ID", COLUMN_COUNT, offsetof(ROW, id) },
	{ "start", "START", TIME(start_ns) },
	{ "end", NULL, TIME(end_ns) },
	{ "open", "OPEN", COLUMN_FLAG, offsetof(ROW, open) },
	{ "device", "DEVICE", TEXT(device), 12 },
	{ "role", NULL, TEXT(role) },
	{ NULL, "WHO", TEXT(who), 6 },
	{ "user", NULL, TEXT(user) },
	{ "source", "SOURCE", TEXT(source), 13 },
	{ "destination", NULL, TEXT(destination) },
	{ "duration_s", "TIME", COLUMN_SECONDS, offsetof(ROW, duration_s) },
	{ "verdict", "VERDICT", TEXT(verdict) },
	{ "list", NULL, TEXT(list) },
	{ "prefix", NULL, TEXT(prefix) },
	{ "outcome", NULL, TEXT(outcome) },
	{ NULL, "LOGIN", TEXT(login_text), 8 },
	{ "login", NULL, TEXT(login) },
	{ "confidence", NULL, TEXT(confidence) },
	{ "basis", NULL, TEXT(basis) },
	{ "justified", "JUSTIFIED", TEXT(justified) },
	{ "agent", NULL, TEXT(agent) },
	{ "flow", NULL, TEXT(flow) },
	{ "words", NULL, TEXT(words) },
};
#undef ROW

bool sessions_check(const struct sessions_config *c, char *err, size_t size)
{
	static const char *const answers[] = { "yes", "no", "unknown", "drill" };
	static const char *const logins[] = { "success", "failure", "unknown" };
	bool good = !c->justified;

	for (size_t i = 0; !good && i < ARRAY_SIZE(answers); i++)
		good = strcmp(c->justified, answers[i]) == 0;
	if (!good) {
		snprintf(err, size, "--justified \"%.40s\": one of yes, no, unknown, drill",
			 c->justified);
		return false;
	}
	good = !c->login;
	for (size_t i = 0; !good && i < ARRAY_SIZE(logins); i++)
		good = strcmp(c->login, logins[i]) == 0;
	if (!good)
		snprintf(err, size, "--login \"%.40s\": one of success, failure, unknown",
			 c->login);
	return good;
}

static const char *text_of(const json_t *o, const char *part, const char *key)
{
	return json_string_value(json_object_get(part ? json_object_get(o, part) : o, key));
}

static uint64_t time_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	uint64_t ns = 0;

	return text && time_parse(text, 0, &ns) ? ns : 0;
}

static void print_session(struct output *o, json_t *doc)
{
	struct session_row r = {
		.id = (uint64_t)json_integer_value(json_object_get(doc, "id")),
		.start_ns = time_of(doc, "start"),
		.end_ns = time_of(doc, "end"),
		.open = json_is_true(json_object_get(doc, "open")),
		.device = text_of(doc, NULL, "device"),
		.role = text_of(doc, NULL, "role"),
		.user = text_of(doc, NULL, "user"),
		.source = text_of(doc, "source", "ip"),
		.destination = text_of(doc, "destination", "ip"),
		.verdict = text_of(doc, "trust", "verdict"),
		.list = text_of(doc, "trust", "list"),
		.prefix = text_of(doc, "trust", "prefix"),
		.outcome = text_of(doc, NULL, "outcome"),
		.login = text_of(doc, NULL, "login"),
		.confidence = text_of(doc, NULL, "confidence"),
		.basis = text_of(doc, NULL, "basis"),
		.justified = text_of(doc, NULL, "justified"),
		.agent = text_of(doc, NULL, "agent"),
		.flow = text_of(doc, NULL, "flow"),
		.words = text_of(doc, NULL, "words"),
		.duration_s = json_real_value(json_object_get(doc, "duration_s")),
	};

	r.who = r.user;
	if (r.login) {
		snprintf(r.login_buf, sizeof(r.login_buf), r.confidence ? "%s, %s" : "%s", r.login,
			 r.confidence);
		r.login_text = r.login_buf;
	}
	output_row(o, &r, doc);
}

struct kept {
	json_t *rows; /* the newest first */
	uint64_t now_ns;
};

static int keep(void *arg, const struct store_list_flow *f)
{
	struct kept *k = arg;

	return json_array_append_new(k->rows, view_session_row(f, k->now_ns)) ? STORE_FAILED : 0;
}

long sessions_run(struct store *s, const struct sessions_config *c, FILE *to)
{
	const struct store_filter *f = &c->query.filter;
	struct store_list l = { .since_ns = f->since_ns,
				.until_ns = f->until_ns,
				.device = f->device,
				.verdict = f->verdict,
				.has_source = f->has_source,
				.source = f->source,
				.justified = c->justified,
				.login = c->login,
				.user = c->user,
				.sessions = true,
				.documents = true,
				.limit = f->limit };
	struct kept k = { json_array(), c->now_ns };
	struct output *o;
	long rows;
	int rc;

	rc = store_list_flows(s, &l, keep, &k);
	if (rc < 0) {
		json_decref(k.rows);
		return rc;
	}
	o = output_open(to, c->query.format, session_columns, ARRAY_SIZE(session_columns),
			c->query.width);
	for (size_t i = json_array_size(k.rows); o && i-- > 0;)
		print_session(o, json_array_get(k.rows, i));
	json_decref(k.rows);
	rows = output_close(o);
	return rows < 0 ? QUERY_WRITE_FAILED : rows;
}

/* ---- coverage ---------------------------------------------------------------- */

struct coverage_row {
	const char *device, *role, *path, *address, *watched, *words, *way;
	uint64_t seen_ns, reached_ns, drill_ns;
	bool recent, covered;
};

#define ROW struct coverage_row
static const struct column coverage_columns[] = {
	{ "device", "DEVICE", TEXT(device), 12 },
	{ "role", NULL, TEXT(role) },
	{ "path", NULL, TEXT(path) },
	{ NULL, "WAY", TEXT(way) },
	{ "address", "ADDRESS", TEXT(address), 15 },
	{ "watched", "WATCHED", TEXT(watched) },
	{ "seen", "SEEN", TIME(seen_ns) },
	{ "reached", "REACHED", TIME(reached_ns) },
	{ "recent", NULL, COLUMN_FLAG, offsetof(ROW, recent) },
	{ "last_drill", NULL, TIME(drill_ns) },
	{ "covered", NULL, COLUMN_FLAG, offsetof(ROW, covered) },
	{ "words", "WHAT", TEXT(words), 20 },
};
#undef ROW

static void print_paths(struct output *o, const json_t *device)
{
	json_t *path;
	size_t i;

	json_array_foreach(json_object_get(device, "paths"), i, path)
	{
		json_int_t family = json_integer_value(json_object_get(path, "family"));
		struct coverage_row r = {
			.device = text_of(device, NULL, "device"),
			.role = text_of(device, NULL, "role"),
			.path = text_of(path, NULL, "path"),
			.address = text_of(path, NULL, "address"),
			.watched = text_of(path, NULL, "watched"),
			.words = text_of(path, NULL, "words"),
			.seen_ns = time_of(path, "seen"),
			.reached_ns = time_of(path, "reached"),
			.drill_ns = time_of(device, "last_drill"),
			.recent = json_is_true(json_object_get(path, "recent")),
			.covered = json_is_true(json_object_get(device, "covered")),
		};

		r.way = family == 6 ? "lo6 IPv6" : family == 4 ? "lo6 IPv4" : "Ma1";
		output_row(o, &r, NULL);
	}
}

long coverage_run(struct store *s, const struct view_args *a, const struct query *q,
		  uint64_t *uncovered, FILE *to)
{
	json_t *doc = view_coverage(s, a), *device;
	struct output *o;
	size_t i;
	long rows;

	*uncovered = 0;
	if (!doc)
		return STORE_FAILED;
	o = output_open(to, q->format, coverage_columns, ARRAY_SIZE(coverage_columns), q->width);
	json_array_foreach(json_object_get(doc, "devices"), i, device)
	{
		*uncovered += !json_is_true(json_object_get(device, "covered"));
		if (!o)
			continue;
		if (q->format == OUTPUT_JSON)
			output_row(o, NULL, device);
		else
			print_paths(o, device);
	}
	json_decref(doc);
	rows = output_close(o);
	return rows < 0 ? QUERY_WRITE_FAILED : rows;
}
