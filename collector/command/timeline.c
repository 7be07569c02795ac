/* SPDX-License-Identifier: Apache-2.0 */
/* The moments of an incident (view/moments.h), printed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/command/query.h"
#include "collector/command/timeline.h"
#include "collector/view/moments.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define MARK_WIDTH 10

static const char *const tones[MOMENT_NUM_TONES] = { "", "\033[34m", "\033[33m", "\033[31m",
						     "\033[1m" };

struct moment_row {
	uint64_t time_ns, last_ns, count;
	const char *mark, *device, *text, *id;
};

#define AT(type, field) type, offsetof(struct moment_row, field)
static const struct column columns[] = {
	{ "time", "TIME", AT(COLUMN_TIME, time_ns) }, { "last", NULL, AT(COLUMN_TIME, last_ns) },
	{ "what", "WHAT", AT(COLUMN_TEXT, mark) },    { "count", NULL, AT(COLUMN_COUNT, count) },
	{ "device", NULL, AT(COLUMN_TEXT, device) },  { "text", "TEXT", AT(COLUMN_TEXT, text) },
	{ "id", NULL, AT(COLUMN_TEXT, id) },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* ---- printing -------------------------------------------------------------- */

/* The text after its mark, wrapped at words; indent is where it begins. */
static void print_wrapped(FILE *to, const char *text, unsigned indent, unsigned width)
{
	unsigned room = width > indent + 20 ? width - indent : 0;

	while (room && strlen(text) > room) {
		unsigned cut = room;

		while (cut > room / 2 && text[cut] != ' ')
			cut--;
		if (text[cut] != ' ') {
			cut = room; /* not inside a character */
			while (cut > 1 && ((unsigned char)text[cut] & 0xc0) == 0x80)
				cut--;
		}
		fprintf(to, "%.*s\n%*s", (int)cut, text, (int)indent, "");
		text += cut;
		text += *text == ' ';
	}
	fprintf(to, "%s\n", text);
}

static void print_fact(FILE *to, const char *name, const char *text)
{
	fprintf(to, "  %-*s  %s\n", MARK_WIDTH, name, text);
}

/* What is said of the management switch, and since and until when. */
static void print_switch(const struct store_incident *i, FILE *to)
{
	char text[WORDS_LEN + 64], clean[128], since[32], until[32];
	bool ended = i->answered_ns && strcmp(i->suspicion, "suspected") != 0;

	if (!i->suspected_ns)
		return;
	output_clean(i->switch_name ? i->switch_name : "its name is not known", clean,
		     sizeof(clean));
	snprintf(text, sizeof(text), "%s, suspected since %s%s%s", clean,
		 output_time(i->suspected_ns, false, since), ended ? " until " : "",
		 ended ? output_time(i->answered_ns, false, until) : "");
	if (ended && i->witness)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ": %s answered over Ma1",
			 output_clean(i->witness, clean, sizeof(clean)));
	print_fact(to, "switch", text);
}

static void print_head(const struct store_incident *i, uint64_t now, FILE *to, bool colour)
{
	char text[WORDS_LEN + 64], words[WORDS_LEN], time[32], took[24], reason[128];

	fprintf(to, "%sIncident %" PRIu64 ": %s%s\n\n", colour ? "\033[1m" : "", i->id,
		words_incident(i, words), colour ? "\033[0m" : "");
	output_clean(words_reason(i->reason), reason, sizeof(reason));
	snprintf(text, sizeof(text), "%s, %s", output_time(i->opened_ns, false, time), reason);
	print_fact(to, "opened", text);
	if (i->closed_ns) {
		output_clean(words_reason(i->closed_by ? i->closed_by : ""), reason,
			     sizeof(reason));
		snprintf(text, sizeof(text), "%s, %s", output_time(i->closed_ns, false, time),
			 reason);
	} else {
		snprintf(text, sizeof(text), "still open, since %s",
			 output_duration(now > i->opened_ns
						 ? (double)(now - i->opened_ns) / (double)NS_PER_S
						 : 0,
					 took));
	}
	print_fact(to, "closed", text);
	if (i->outage_s >= 0) {
		snprintf(text, sizeof(text), "%s without Ma1%s",
			 output_duration(i->outage_s, took),
			 i->devices > 1 ? ", the longest of them" : "");
		print_fact(to, "outage", text);
	}
	print_switch(i, to);
}

static void print_counts(const struct store_incident *i, FILE *to)
{
	char text[WORDS_LEN];

	if (strcmp(i->kind, STORE_KIND_UNTRUSTED) == 0)
		snprintf(text, sizeof(text),
			 "%" PRIu64 " flow%s: %" PRIu64 " failed, %" PRIu64
			 " established, %" PRIu64 " with a login",
			 i->untrusted, i->untrusted == 1 ? "" : "s", i->attempts, i->established,
			 i->logged_in);
	else
		snprintf(text, sizeof(text),
			 "%" PRIu64 " over lo6; %" PRIu64 " flow%s from untrusted "
			 "sources; %" PRIu64 " attempt%s failed",
			 i->sessions, i->untrusted, i->untrusted == 1 ? "" : "s", i->attempts,
			 i->attempts == 1 ? "" : "s");
	print_fact(to, "sessions", text);
	fputc('\n', to);
}

/* ---- the devices of an incident ---------------------------------------------- */

struct device_lines {
	FILE *to;
	const char *name; /* of the fact; "" after the first */
};

static int print_device(void *arg, const struct store_incident_device *d)
{
	struct device_lines *lines = arg;
	char text[WORDS_LEN], words[WORDS_LEN], clean[128];

	snprintf(text, sizeof(text), "%-16s  %s", output_clean(d->device, clean, sizeof(clean)),
		 words_member(d, words));
	print_fact(lines->to, lines->name, text);
	lines->name = "";
	return 0;
}

static int print_reached(void *arg, const struct store_untrusted *u)
{
	struct device_lines *lines = arg;
	char text[WORDS_LEN], clean[128];

	snprintf(text, sizeof(text),
		 "%-16s  %" PRIu64 " failed, %" PRIu64 " established, %" PRIu64 " with a login%s",
		 output_clean(u->device, clean, sizeof(clean)), u->attempts, u->established,
		 u->logged_in, u->open ? "; it is still there" : "");
	print_fact(lines->to, lines->name, text);
	lines->name = "";
	return 0;
}

static int print_devices(struct store *s, const struct store_incident *i, FILE *to)
{
	struct device_lines lines = { to, "devices" };

	if (strcmp(i->kind, STORE_KIND_UNTRUSTED) == 0)
		return store_incident_untrusted(s, i->id, print_reached, &lines);
	if (strcmp(i->kind, STORE_KIND_SWITCH) == 0)
		return store_incident_devices(s, i->id, print_device, &lines);
	return 0;
}

/* ---- its moments --------------------------------------------------------------- */

/* The widest device of them; 0: they are all of one. */
static unsigned device_width(const struct moments *t)
{
	bool several = false;
	size_t width = 0;

	for (size_t i = 0; i < t->n; i++) {
		several |= i && strcmp(t->list[i].device, t->list[0].device) != 0;
		if (strlen(t->list[i].device) > width)
			width = strlen(t->list[i].device);
	}
	return several ? (unsigned)width : 0;
}

static void print_moments(const struct moments *t, FILE *to, unsigned width, bool colour)
{
	char day[32] = "", time[32], text[3 * WORDS_LEN + 80], last[32], clean[128];
	unsigned column = device_width(t), indent = 2 + 12 + 2 + MARK_WIDTH + 2;

	for (size_t i = 0; i < t->n; i++) {
		const struct moment *m = &t->list[i];

		output_time(m->time_ns, true, time);
		if (strncmp(day, time, 10) != 0) {
			snprintf(day, sizeof(day), "%.10s", time);
			fprintf(to, "  %s UTC\n", day);
		}
		if (m->count > 1) {
			output_time(m->last_ns, false, last);
			snprintf(text, sizeof(text), "%s (%" PRIu64 " times until %.8s)", m->text,
				 m->count, last + 11);
		} else {
			snprintf(text, sizeof(text), "%s", m->text);
		}
		fprintf(to, "  %.12s  %s%-*s%s  ", time + 11, colour ? tones[m->tone] : "",
			MARK_WIDTH, m->mark, colour && m->tone ? "\033[0m" : "");
		if (column)
			fprintf(to, "%-*s  ", (int)column,
				output_clean(m->device, clean, sizeof(clean)));
		print_wrapped(to, text, column ? indent + column + 2 : indent, width);
	}
}

static struct moment_row row_of(const struct moment *m)
{
	return (struct moment_row){ .time_ns = m->time_ns,
				    .last_ns = m->count > 1 ? m->last_ns : 0,
				    .count = m->count,
				    .mark = m->mark,
				    .device = m->device[0] ? m->device : NULL,
				    .text = m->text,
				    .id = m->id };
}

/* The devices as a row of JSON each. */
struct member_row {
	struct store_incident_device d;
	const char *how;
};

#define OF(type, field) type, offsetof(struct member_row, field)
static const struct column member_columns[] = {
	{ "device", NULL, OF(COLUMN_TEXT, d.device) },
	{ "role", NULL, OF(COLUMN_TEXT, d.role) },
	{ "how", NULL, OF(COLUMN_TEXT, how) },
	{ "began", NULL, OF(COLUMN_TIME, d.began_ns) },
	{ "opened", NULL, OF(COLUMN_TIME, d.opened_ns) },
	{ "closed", NULL, OF(COLUMN_TIME, d.closed_ns) },
	{ "state", NULL, OF(COLUMN_TEXT, d.state) },
	{ "worst", NULL, OF(COLUMN_TEXT, d.worst) },
	{ "reason", NULL, OF(COLUMN_TEXT, d.reason) },
	{ "closed_by", NULL, OF(COLUMN_TEXT, d.closed_by) },
	{ "outage_s", NULL, OF(COLUMN_SECONDS, d.outage_s) },
	{ "unreachable", NULL, OF(COLUMN_FLAG, d.unreachable) },
	{ "sessions", NULL, OF(COLUMN_COUNT, d.sessions) },
	{ "last_ma1", NULL, OF(COLUMN_TIME, d.last_ns) },
};
#define MEMBER_COLUMNS (sizeof(member_columns) / sizeof(member_columns[0]))

#define AT_DEVICE(type, field) type, offsetof(struct store_untrusted, field)
static const struct column reached_columns[] = {
	{ "device", NULL, AT_DEVICE(COLUMN_TEXT, device) },
	{ "source", NULL, AT_DEVICE(COLUMN_TEXT, source) },
	{ "attempts", NULL, AT_DEVICE(COLUMN_COUNT, attempts) },
	{ "established", NULL, AT_DEVICE(COLUMN_COUNT, established) },
	{ "logged_in", NULL, AT_DEVICE(COLUMN_COUNT, logged_in) },
	{ "open", NULL, AT_DEVICE(COLUMN_COUNT, open) },
	{ "first", NULL, AT_DEVICE(COLUMN_TIME, first_ns) },
	{ "last", NULL, AT_DEVICE(COLUMN_TIME, last_ns) },
};
#define REACHED_COLUMNS (sizeof(reached_columns) / sizeof(reached_columns[0]))

static int list_member(void *list, const struct store_incident_device *d)
{
	struct member_row row = { .d = *d, .how = words_how(d->how) };

	json_array_append_new(list, output_document(member_columns, MEMBER_COLUMNS, &row));
	return 0;
}

static int list_reached(void *list, const struct store_untrusted *u)
{
	json_array_append_new(list, output_document(reached_columns, REACHED_COLUMNS, u));
	return 0;
}

static int print_json(struct store *s, const struct moments *t, const struct store_incident *i,
		      FILE *to)
{
	json_t *doc = query_incident(i), *list = json_array(), *members = json_array();
	json_t *reached = json_array();
	char *text;
	int rc = store_incident_devices(s, i->id, list_member, members);

	if (!rc)
		rc = store_incident_untrusted(s, i->id, list_reached, reached);
	json_object_set_new(doc, "members", members);
	json_object_set_new(doc, "reached", reached);

	for (size_t n = 0; n < t->n; n++) {
		struct moment_row row = row_of(&t->list[n]);

		json_array_append_new(list, output_document(columns, COLUMNS, &row));
	}
	json_object_set_new(doc, "timeline", list);
	text = json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fprintf(to, "%s\n", text ? text : "");
	free(text);
	json_decref(doc);
	return rc;
}

static void print_csv(const struct moments *t, FILE *to)
{
	output_csv_row(to, columns, COLUMNS, NULL);
	for (size_t i = 0; i < t->n; i++) {
		struct moment_row row = row_of(&t->list[i]);

		output_csv_row(to, columns, COLUMNS, &row);
	}
}

int timeline_print(struct store *s, uint64_t id, enum output_format format, uint64_t now,
		   unsigned width, bool colour, FILE *to)
{
	struct moments t = { 0 };
	struct store_incident i;
	int rc;

	rc = store_incident_resolve(s, &id);
	if (rc == 1)
		rc = store_incident_get(s, id, &i);
	if (rc <= 0)
		return rc;
	rc = moments_gather(s, id, &t);
	if (!rc && t.failed)
		rc = QUERY_WRITE_FAILED;
	if (!rc) {
		if (format == OUTPUT_JSON) {
			rc = print_json(s, &t, &i, to);
		} else if (format == OUTPUT_CSV) {
			print_csv(&t, to);
		} else {
			print_head(&i, now, to, colour);
			rc = print_devices(s, &i, to);
			print_counts(&i, to);
			print_moments(&t, to, width, colour);
		}
		if (fflush(to) || ferror(to))
			rc = QUERY_WRITE_FAILED;
	}
	moments_free(&t);
	return rc ? rc : 1;
}
