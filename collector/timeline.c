/* SPDX-License-Identifier: Apache-2.0 */
/* The moments of an incident (moments.h), printed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/moments.h"
#include "collector/query.h"
#include "collector/timeline.h"
#include "collector/words.h"
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

static void print_head(const struct store_episode *i, uint64_t now, FILE *to, bool colour)
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
		snprintf(text, sizeof(text), "%s without Ma1", output_duration(i->outage_s, took));
		print_fact(to, "outage", text);
	}
	snprintf(text, sizeof(text),
		 "%" PRIu64 " over lo6; %" PRIu64 " flow%s from untrusted "
		 "sources; %" PRIu64 " attempt%s failed",
		 i->sessions, i->untrusted, i->untrusted == 1 ? "" : "s", i->attempts,
		 i->attempts == 1 ? "" : "s");
	print_fact(to, "sessions", text);
	fputc('\n', to);
}

static void print_moments(const struct moments *t, FILE *to, unsigned width, bool colour)
{
	char day[32] = "", time[32], text[3 * WORDS_LEN + 80], last[32];

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
		print_wrapped(to, text, 2 + 12 + 2 + MARK_WIDTH + 2, width);
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

static void print_json(const struct moments *t, const struct store_episode *i, FILE *to)
{
	json_t *doc = query_incident(i), *list = json_array();
	char *text;

	for (size_t n = 0; n < t->n; n++) {
		struct moment_row row = row_of(&t->list[n]);

		json_array_append_new(list, output_document(columns, COLUMNS, &row));
	}
	json_object_set_new(doc, "timeline", list);
	text = json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fprintf(to, "%s\n", text ? text : "");
	free(text);
	json_decref(doc);
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
	struct store_episode i;
	int rc;

	rc = store_episode_get(s, id, &i);
	if (rc <= 0)
		return rc;
	rc = moments_gather(s, id, &t);
	if (!rc && t.failed)
		rc = QUERY_WRITE_FAILED;
	if (!rc) {
		if (format == OUTPUT_JSON) {
			print_json(&t, &i, to);
		} else if (format == OUTPUT_CSV) {
			print_csv(&t, to);
		} else {
			print_head(&i, now, to, colour);
			print_moments(&t, to, width, colour);
		}
		rc = fflush(to) || ferror(to) ? QUERY_WRITE_FAILED : 1;
	}
	moments_free(&t);
	return rc;
}
