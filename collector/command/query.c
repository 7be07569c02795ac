/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of columns per command says what is printed; see base/output.h. Titles
 * are the columns of the table on a terminal, made to fit 100 characters; CSV and
 * JSON have all of them. A flow or an event in JSON is its document.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/command/query.h"
#include "collector/words/words.h"
#include "common/clock.h"
#include "common/event.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT(field) COLUMN_TEXT, offsetof(ROW, field)
#define TIME(field) COLUMN_TIME, offsetof(ROW, field)
#define COUNT(field) COLUMN_COUNT, offsetof(ROW, field)
#define NUMBER(field) COLUMN_NUMBER, offsetof(ROW, field)
#define SECONDS(field) COLUMN_SECONDS, offsetof(ROW, field)
#define FLAG(field) COLUMN_FLAG, offsetof(ROW, field)
#define LIST(field) COLUMN_LIST, offsetof(ROW, field)

struct event_row {
	struct store_event e;
	char what[WORDS_LEN];
	const char *text;
};

#define ROW struct event_row
static const struct column event_columns[] = {
	{ "time", "TIME", TIME(e.time_ns) }, { "agent", NULL, TEXT(e.agent) },
	{ "seq", NULL, COUNT(e.seq) },	     { "severity", "SEVERITY", TEXT(e.severity) },
	{ "type", "TYPE", TEXT(e.type) },    { "device", "DEVICE", TEXT(e.device), 12 },
	{ "path", NULL, TEXT(e.path) },	     { "service", NULL, TEXT(e.service) },
	{ "source", NULL, TEXT(e.source) },  { "verdict", NULL, TEXT(e.verdict) },
	{ "policy", NULL, TEXT(e.policy) },  { "flow", NULL, TEXT(e.flow) },
	{ "what", "WHAT", TEXT(text), 20 },
};
#undef ROW

struct flow_row {
	struct store_flow f;
	double duration_s;
	const char *direction;
	const char *whither; /* device; where it is not known, the address */
};

#define ROW struct flow_row
static const struct column flow_columns[] = {
	{ "start", "START", TIME(f.start_ns) },
	{ "end", NULL, TIME(f.end_ns) },
	{ "open", NULL, FLAG(f.open) },
	{ NULL, "DEVICE", TEXT(whither), 12 },
	{ "device", NULL, TEXT(f.device) },
	{ "role", NULL, TEXT(f.role) },
	{ "path", "PATH", TEXT(f.path) },
	{ "service", "SVC", TEXT(f.service) },
	{ "direction", NULL, TEXT(direction) },
	{ "source", "SOURCE", TEXT(f.source), 15 },
	{ "source_port", NULL, COUNT(f.source_port) },
	{ "destination", NULL, TEXT(f.destination) },
	{ "destination_port", NULL, COUNT(f.destination_port) },
	{ "verdict", "VERDICT", TEXT(f.verdict) },
	{ "list", NULL, TEXT(f.list) },
	{ "rule", NULL, NUMBER(f.rule) },
	{ "prefix", NULL, TEXT(f.prefix) },
	{ "outcome", "OUTCOME", TEXT(f.outcome) },
	{ "established", NULL, FLAG(f.established) },
	{ "state", NULL, TEXT(f.state) },
	{ "duration", "TIME", SECONDS(duration_s) },
	{ "source_packets", NULL, COUNT(f.source_packets) },
	{ "source_bytes", NULL, COUNT(f.source_bytes) },
	{ "destination_packets", NULL, COUNT(f.destination_packets) },
	{ "destination_bytes", NULL, COUNT(f.destination_bytes) },
	{ "user", "USER", TEXT(f.user), 6 },
	{ "justified", NULL, TEXT(f.justified) },
	{ "login", NULL, TEXT(f.login) },
	{ "community_id", NULL, TEXT(f.community_id) },
	{ "agent", NULL, TEXT(f.agent) },
	{ "flow", NULL, TEXT(f.flow) },
};
#undef ROW

struct incident_row {
	struct store_incident i;
	const char *status;
	const char *suspicion; /* NULL: there never was one */
	bool drill;
	char text[WORDS_LEN];
	const char *summary;
};

#define ROW struct incident_row
static const struct column incident_columns[] = {
	{ "id", "ID", COUNT(i.id) },
	{ "kind", "KIND", TEXT(i.kind) },
	{ "subject", "SUBJECT", TEXT(i.subject), 12 },
	{ "fabric", NULL, TEXT(i.fabric) },
	{ "switch", NULL, TEXT(i.switch_name) },
	{ "device", NULL, TEXT(i.device) },
	{ "devices", "DEVICES", COUNT(i.devices) },
	{ "unreachable", NULL, COUNT(i.unreachable) },
	{ "status", "STATUS", TEXT(status) },
	{ "suspicion", NULL, TEXT(suspicion) },
	{ "suspected", NULL, TIME(i.suspected_ns) },
	{ "answered", NULL, TIME(i.answered_ns) },
	{ "witness", NULL, TEXT(i.witness) },
	{ "began", NULL, TIME(i.began_ns) },
	{ "opened", "OPENED", TIME(i.opened_ns) },
	{ "closed", NULL, TIME(i.closed_ns) },
	{ "last", NULL, TIME(i.last_ns) },
	{ "state", NULL, TEXT(i.state) },
	{ "worst", "WORST", TEXT(i.worst) },
	{ "severity", NULL, TEXT(i.severity) },
	{ "reason", NULL, TEXT(i.reason) },
	{ "closed_by", NULL, TEXT(i.closed_by) },
	{ "outage_s", "OUTAGE", SECONDS(i.outage_s) },
	{ "sessions", "SESSIONS", COUNT(i.sessions) },
	{ "untrusted", NULL, COUNT(i.untrusted) },
	{ "attempts", NULL, COUNT(i.attempts) },
	{ "established", NULL, COUNT(i.established) },
	{ "logged_in", NULL, COUNT(i.logged_in) },
	{ "flood_syns", NULL, COUNT(i.flood_syns) },
	{ "drill", NULL, FLAG(drill) },
	{ "summary", NULL, TEXT(summary) },
};
#undef ROW

#define ROW struct store_source
static const struct column source_columns[] = {
	{ "source", "SOURCE", TEXT(source), 15 },
	{ "verdict", "VERDICT", TEXT(verdict) },
	{ "devices", "DEVICES", COUNT(devices) },
	{ "flows", "FLOWS", COUNT(flows) },
	{ "established", "ESTABLISHED", COUNT(established) },
	{ "untrusted", NULL, COUNT(untrusted) },
	{ "paths", "PATHS", LIST(paths), 7 },
	{ "users", "USERS", LIST(users), 5 },
	{ "first_seen", NULL, TIME(first_ns) },
	{ "last_seen", "LAST SEEN", TIME(last_ns) },
};
#undef ROW

#define ROW struct store_agent
static const struct column agent_columns[] = {
	{ "agent", "AGENT", TEXT(agent), 12 },	     { "state", "STATE", TEXT(state) },
	{ "policy", "POLICY", TEXT(policy) },	     { "first_seen", NULL, TIME(first_ns) },
	{ "last_seen", "LAST SEEN", TIME(last_ns) }, { "last_seq", "LAST SEQ", COUNT(last_seq) },
	{ "events", NULL, COUNT(events) },	     { "missing", "MISSING", COUNT(missing) },
	{ "gaps", "GAPS", LIST(gaps), 6 },	     { "alarms", "ALARMS", LIST(alarms), 12 },
	{ "stats_time", NULL, TIME(stats_ns) },
};
#undef ROW

#define ROW struct store_dead
static const struct column dead_columns[] = {
	{ "n", "N", COUNT(n) },
	{ "received", "RECEIVED", TIME(received_ns) },
	{ "entry", "ENTRY", TEXT(entry) },
	{ "size", "BYTES", COUNT(size) },
	{ "reason", "REASON", TEXT(reason), 20 },
};
#undef ROW

static const struct {
	const char *name;
	const struct column *columns;
	size_t n;
} commands[] = {
	[QUERY_EVENTS] = { "events", event_columns, ARRAY_SIZE(event_columns) },
	[QUERY_FLOWS] = { "flows", flow_columns, ARRAY_SIZE(flow_columns) },
	[QUERY_INCIDENTS] = { "incidents", incident_columns, ARRAY_SIZE(incident_columns) },
	[QUERY_SOURCES] = { "sources", source_columns, ARRAY_SIZE(source_columns) },
	[QUERY_AGENTS] = { "agents", agent_columns, ARRAY_SIZE(agent_columns) },
	[QUERY_DEAD_LETTERS] = { "dead-letters", dead_columns, ARRAY_SIZE(dead_columns) },
};
_Static_assert(ARRAY_SIZE(commands) == QUERY_NUM, "one row each");

const char *query_name(enum query_what what)
{
	return commands[what].name;
}

/* ---- the question ---------------------------------------------------------- */

/* The words of an enum with gaps, for a message: "primary, in-band". */
static bool one_of(const char *option, const char *text, const char *const *words, size_t n,
		   char *err, size_t size)
{
	size_t len;

	if (!text)
		return true;
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	len = (size_t)snprintf(err, size, "--%s \"%.40s\": one of ", option, text);
	for (size_t i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(err + len, size - len, "%s%s", i ? ", " : "", words[i]);
	return false;
}

static bool parse_type(const char *text, char *err, size_t size)
{
	static const char *const groups[] = { "flow",	"bgp",	 "path", "policy",
					      "fabric", "agent", "alert" };
	const char *words[EVENT_NUM_TYPES + ARRAY_SIZE(groups)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		words[n++] = groups[i];
	for (int i = 0; i < EVENT_ALERT; i++)
		words[n++] = event_type_name((enum event_type)i);
	if (text && strncmp(text, "alert.", 6) == 0 && text[6])
		return true;
	return one_of("type", text, words, n, err, size);
}

static bool parse_time(const char *option, const char *text, uint64_t now, uint64_t *out, char *err,
		       size_t size)
{
	if (!text || (time_parse(text, now, out) && *out <= INT64_MAX))
		return true;
	snprintf(err, size,
		 "--%s \"%.40s\": a time as 2026-11-23T01:02:03Z, or relative as -2h, "
		 "-90s, -3d, or now",
		 option, text);
	return false;
}

static bool parse_source(const char *text, struct store_filter *f, char *err, size_t size)
{
	struct addr a;

	if (!text)
		return true;
	f->has_source = true;
	if (addr_parse(text, &a)) {
		f->source = (struct prefix){ a, addr_bits(&a) };
		return true;
	}
	if (prefix_parse(text, &f->source))
		return true;
	snprintf(err, size,
		 "--source \"%.60s\": an address as 10.20.0.5, or a prefix as "
		 "10.20.0.0/16",
		 text);
	return false;
}

static bool parse_limit(const char *text, struct query *q, char *err, size_t size)
{
	char *end;

	if (!text) {
		q->cut = q->format == OUTPUT_TABLE;
		q->filter.limit = q->cut ? QUERY_TABLE_LIMIT : 0;
		return true;
	}
	q->limited = true;
	errno = 0;
	q->filter.limit = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && q->filter.limit <= INT64_MAX)
		return true;
	snprintf(err, size, "--limit \"%.40s\": a number of rows, 0 for all", text);
	return false;
}

bool query_parse(enum query_what what, const struct query_args *args, uint64_t now,
		 struct query *out, char *err, size_t size)
{
	static const char *const paths[] = { "primary", "in-band" };
	static const char *const services[] = { "ssh", "bgp" };
	static const char *const verdicts[] = { "trusted", "untrusted", "no-policy" };
	static const char *const formats[] = { "table", "json", "csv" };
	struct store_filter *f = &out->filter;

	*out = (struct query){ .what = what, .now_ns = now };
	f->device = args->device;
	f->path = args->path;
	f->service = args->service;
	f->verdict = args->verdict;
	f->type = args->type;
	if (!one_of("path", args->path, paths, ARRAY_SIZE(paths), err, size) ||
	    !one_of("service", args->service, services, ARRAY_SIZE(services), err, size) ||
	    !one_of("verdict", args->verdict, verdicts, ARRAY_SIZE(verdicts), err, size) ||
	    !one_of("format", args->format, formats, ARRAY_SIZE(formats), err, size) ||
	    !parse_type(args->type, err, size) ||
	    !parse_time("since", args->since, now, &f->since_ns, err, size) ||
	    !parse_time("until", args->until, now, &f->until_ns, err, size) ||
	    !parse_source(args->source, f, err, size))
		return false;
	if (f->since_ns && f->until_ns && f->since_ns >= f->until_ns) {
		snprintf(err, size, "--since is not before --until: nothing lies between");
		return false;
	}
	for (size_t i = 0; args->format && i < ARRAY_SIZE(formats); i++)
		if (strcmp(args->format, formats[i]) == 0)
			out->format = (enum output_format)i;
	return parse_limit(args->limit, out, err, size);
}

const char *query_given(const struct query_args *args)
{
	return args->since     ? "since"
	       : args->until   ? "until"
	       : args->device  ? "device"
	       : args->source  ? "source"
	       : args->path    ? "path"
	       : args->service ? "service"
	       : args->verdict ? "verdict"
	       : args->type    ? "type"
	       : args->limit   ? "limit"
			       : NULL;
}

/* ---- the answer ------------------------------------------------------------ */

static void describe(struct event_row *row)
{
	struct event e;
	char err[128];

	row->what[0] = '\0';
	if (event_decode(row->e.json, strlen(row->e.json), &e, err, sizeof(err)) == 0) {
		words_event(&e, row->what);
		event_clear(&e);
	}
	row->text = row->what;
}

/* Documents are read only where they are wanted: an export may be long. */
struct print {
	struct output *o;
	enum output_format format;
	uint64_t now_ns;
};

static int print_event(void *arg, const struct store_event *e)
{
	struct print *p = arg;
	struct event_row row = { .e = *e };
	json_t *doc = NULL;

	if (p->format == OUTPUT_JSON)
		doc = json_loads(e->json, 0, NULL);
	else
		describe(&row);
	output_row(p->o, &row, doc);
	json_decref(doc);
	return 0;
}

static int print_flow(void *arg, const struct store_flow *f)
{
	struct print *p = arg;
	struct flow_row row = { .f = *f,
				.direction = f->outbound ? "outbound" : "inbound",
				.whither = f->device ? f->device : f->destination };
	uint64_t end_ns = f->open ? p->now_ns : f->end_ns; /* what is open lasts until now */
	json_t *doc = NULL;

	row.duration_s = end_ns >= f->start_ns ? (double)(end_ns - f->start_ns) / (double)NS_PER_S
						 : 0;
	if (p->format == OUTPUT_JSON && (doc = json_loads(f->json, 0, NULL))) {
		json_object_set_new(doc, "agent", json_string(f->agent));
		json_object_set_new(doc, "open", json_boolean(f->open));
		json_object_set_new(doc, "established", json_boolean(f->established));
		if (f->justified)
			json_object_set_new(doc, "justified", json_string(f->justified));
	}
	output_row(p->o, &row, doc);
	json_decref(doc);
	return 0;
}

static void fill_incident(struct incident_row *row, const struct store_incident *i)
{
	row->i = *i;
	row->status = i->closed_ns ? "closed" : "open";
	row->suspicion = i->suspicion && i->suspicion[0] ? i->suspicion : NULL;
	row->drill = i->drill != 0;
	row->summary = words_incident(i, row->text);
}

json_t *query_incident(const struct store_incident *i)
{
	struct incident_row row;

	fill_incident(&row, i);
	return output_document(incident_columns, ARRAY_SIZE(incident_columns), &row);
}

static int print_incident(void *arg, const struct store_incident *i)
{
	struct incident_row row;

	fill_incident(&row, i);
	output_row(arg, &row, NULL);
	return 0;
}

static int print_source(void *arg, const struct store_source *row)
{
	output_row(arg, row, NULL);
	return 0;
}

static int print_agent(void *arg, const struct store_agent *row)
{
	json_t *doc = NULL, *stats;

	/* The columns, and the agent's own counters beside them. */
	if (row->stats && (stats = json_loads(row->stats, 0, NULL))) {
		doc = output_document(agent_columns, ARRAY_SIZE(agent_columns), row);
		json_object_set(doc, "stats", json_object_get(stats, "stats"));
		json_decref(stats);
	}
	output_row(arg, row, doc);
	json_decref(doc);
	return 0;
}

static int print_dead(void *arg, const struct store_dead *row)
{
	output_row(arg, row, NULL);
	return 0;
}

static int print_rows(struct store *s, const struct query *q, struct output *o)
{
	struct print p = { o, q->format, q->now_ns };

	switch (q->what) {
	case QUERY_EVENTS:
		return store_events(s, &q->filter, print_event, &p);
	case QUERY_FLOWS:
		return store_flows(s, &q->filter, print_flow, &p);
	case QUERY_INCIDENTS: {
		struct store_incident_filter f = { .f = q->filter };

		return store_incidents(s, &f, print_incident, o);
	}
	case QUERY_SOURCES:
		return store_sources(s, &q->filter, print_source, o);
	case QUERY_AGENTS:
		return store_agents(s, &q->filter, print_agent, o);
	case QUERY_DEAD_LETTERS:
		return store_dead_letters(s, &q->filter, print_dead, o);
	case QUERY_NUM:
		break;
	}
	return 0;
}

long query_run(struct store *s, const struct query *q, FILE *to)
{
	struct output *o = output_open(to, q->format, commands[q->what].columns,
				       commands[q->what].n, q->width);
	long rows;
	int rc;

	if (!o)
		return QUERY_WRITE_FAILED;
	rc = print_rows(s, q, o);
	rows = output_close(o);
	return rc < 0 ? rc : rows < 0 ? QUERY_WRITE_FAILED : rows;
}

/* ---- following ------------------------------------------------------------- */

struct follow {
	FILE *to;
	enum output_format format;
	uint64_t *after;
	long rows;
};

static int follow_event(void *arg, const struct store_event *e)
{
	struct follow *f = arg;
	struct event_row row = { .e = *e };
	char time[32], device[128];
	json_t *doc;
	char *text;

	*f->after = e->n;
	f->rows++;
	describe(&row);
	if (f->format == OUTPUT_CSV) {
		output_csv_row(f->to, event_columns, ARRAY_SIZE(event_columns), &row);
	} else if (f->format == OUTPUT_JSON) {
		doc = json_loads(e->json, 0, NULL);
		text = json_dumps(doc, JSON_COMPACT | JSON_ENSURE_ASCII);
		fprintf(f->to, "%s\n", text ? text : "");
		free(text);
		json_decref(doc);
	} else {
		fprintf(f->to, "%s  %-8s  %-13s  %-14s  %s\n", output_time(e->time_ns, true, time),
			e->severity, e->type,
			output_clean(e->device ? e->device : "-", device, sizeof(device)),
			row.text);
	}
	return 0;
}

long query_follow(struct store *s, const struct query *q, uint64_t limit, FILE *to, uint64_t *after)
{
	struct store_filter filter = q->filter;
	struct follow follow = { .to = to, .format = q->format, .after = after };
	int rc;

	filter.after = *after;
	filter.arrival = true;
	filter.limit = limit;
	rc = store_events(s, &filter, follow_event, &follow);
	if (fflush(to) || ferror(to))
		return QUERY_WRITE_FAILED;
	return rc < 0 ? rc : follow.rows;
}

static int take_n(void *arg, const struct store_event *e)
{
	*(uint64_t *)arg = e->n;
	return 0;
}

void query_header(const struct query *q, FILE *to)
{
	if (q->format == OUTPUT_CSV)
		output_csv_row(to, commands[q->what].columns, commands[q->what].n, NULL);
}

int query_newest(struct store *s, uint64_t *n)
{
	struct store_filter filter = { .limit = 1, .arrival = true };

	*n = 0;
	return store_events(s, &filter, take_n, n);
}
