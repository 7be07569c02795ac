/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Markdown that reads well as it stands, in a mail or a ticket, and renders as well:
 * tables are padded to their columns, the timeline is drawn in letters.
 *
 * What comes from the record cannot become markup: what Markdown would take for its
 * own is escaped with a backslash, and only where it would.
 */
#include "collector/report/report.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "collector/report/axis.h"
#include "collector/words/text.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define PADDED 56 /* columns wider than this are not padded to */
#define DRAWN 68  /* letters of the drawn timeline */
#define LINE 96	  /* where paragraphs are broken */
#define NAMES 22
#define LANES 40

struct page {
	const json_t *doc;
	FILE *to;
	uint64_t base;
};

/* ---- text ------------------------------------------------------------------ */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Would Markdown take the character at p for its own? */
static bool is_markup(const char *text, const char *p)
{
	char before = p > text ? p[-1] : ' ', after = p[1];

	switch (*p) {
	case '*':
	case '`':
	case '|':
	case '<':
	case '[':
	case '~':
	case '$':
		return true;
	case '_': /* trusted_sources is one word */
		return !is_word(before) || !is_word(after);
	case '\\':
		return ispunct((unsigned char)after) || !after;
	case '&':
		return isalnum((unsigned char)after) || after == '#';
	case ':': /* a link by itself: http://... */
		return after == '/' && p[2] == '/';
	case '.': /* www.... */
		return p - text >= 3 && strncasecmp(p - 3, "www", 3) == 0;
	case '#':
	case '+':
	case '-':
	case '=':
	case '>':
		return p == text;
	default:
		return false;
	}
}

/* "1." at the beginning would become a list. */
static bool is_number_mark(const char *text, const char *p)
{
	if ((*p != '.' && *p != ')') || p == text || (p[1] && p[1] != ' '))
		return false;
	while (p-- > text)
		if (!isdigit((unsigned char)*p))
			return false;
	return true;
}

/* Escapes into a string of JSON: cells wait there for the width of their column. */
static json_t *escaped(const char *text, size_t characters)
{
	char *shown = text_shown(text, characters), *out;
	size_t len = 0;
	json_t *string;

	out = shown ? malloc(2 * strlen(shown) + 1) : NULL;
	for (const char *p = shown; out && *p; p++) {
		if (is_markup(shown, p) || is_number_mark(shown, p))
			out[len++] = '\\';
		out[len++] = *p;
	}
	string = json_stringn(out ? out : "", len);
	free(out);
	free(shown);
	return string;
}

static void put(const struct page *p, const char *text)
{
	fputs(text, p->to);
}

static void put_text(const struct page *p, const char *text, size_t characters)
{
	json_t *s = escaped(text, characters);

	put(p, json_string_value(s) ? json_string_value(s) : "");
	json_decref(s);
}

/* A paragraph, broken before words that begin with a letter: what else may begin a
 * line can be a mark. column: where it begins. */
static void put_wrapped(const struct page *p, const char *text, unsigned indent, unsigned column)
{
	json_t *s = escaped(text, 0);
	const char *at = json_string_value(s) ? json_string_value(s) : "";

	while (*at) {
		size_t n = strcspn(at, " ");
		char next = at[n] ? at[n + 1] : '\0';

		fprintf(p->to, "%.*s", (int)n, at);
		for (size_t i = 0; i < n; i++)
			column += ((unsigned char)at[i] & 0xc0) != 0x80;
		at += n;
		if (!*at)
			break;
		at++;
		if (column + 1 + strcspn(at, " ") > LINE && isalpha((unsigned char)next)) {
			fprintf(p->to, "\n%*s", (int)indent, "");
			column = indent;
		} else {
			putc(' ', p->to);
			column++;
		}
	}
	json_decref(s);
}

static void put_name(const struct page *p, const char *text)
{
	put_text(p, text, TEXT_SHOWN);
}

/* ---- tables ---------------------------------------------------------------- */

#define COLUMNS 10

struct table {
	size_t n;
	bool right[COLUMNS];
	json_t *cells; /* row by row */
};

static unsigned letters(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* "Name|>Right" */
static struct table table_begin(const char *columns)
{
	struct table t = { .cells = json_array() };

	while (*columns && t.n < COLUMNS) {
		size_t n = strcspn(columns, "|");

		t.right[t.n] = *columns == '>';
		json_array_append_new(t.cells,
				      json_stringn(columns + t.right[t.n], n - t.right[t.n]));
		t.n++;
		columns += n + (columns[n] == '|');
	}
	return t;
}

static void cell(struct table *t, const char *text)
{
	json_array_append_new(t->cells, escaped(text, TEXT_SHOWN));
}

static void cell_f(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Of numbers and of words of ours, which need no escape. */
static void cell_f(struct table *t, const char *fmt, ...)
{
	char buf[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	json_array_append_new(t->cells, json_string(buf));
}

static void cell_time(const struct page *p, struct table *t, const json_t *object, const char *key)
{
	char buf[TEXT_SMALL] = "";
	uint64_t ns;

	if (doc_time(object, key, &ns))
		text_clock(ns, p->base, buf);
	cell_f(t, "%s", buf);
}

static const char *cell_at(const struct table *t, size_t row, size_t column)
{
	const char *text = json_string_value(json_array_get(t->cells, row * t->n + column));

	return text ? text : "";
}

static void put_row(const struct page *p, const struct table *t, size_t row, const unsigned *width)
{
	for (size_t c = 0; c < t->n; c++) {
		const char *text = cell_at(t, row, c);
		unsigned n = letters(text), pad = n < width[c] ? width[c] - n : 0;

		if (c + 1 == t->n && !t->right[c])
			pad = 0;
		fprintf(p->to, "| %*s%s%*s ", t->right[c] ? (int)pad : 0, "", text,
			t->right[c] ? 0 : (int)pad, "");
	}
	put(p, "|\n");
}

static void table_end(const struct page *p, struct table *t)
{
	size_t rows = json_array_size(t->cells) / t->n;
	unsigned width[COLUMNS];

	for (size_t c = 0; c < t->n; c++) {
		width[c] = 3;
		for (size_t r = 0; r < rows; r++) {
			unsigned n = letters(cell_at(t, r, c));

			if (n > width[c] && n <= PADDED)
				width[c] = n;
		}
	}
	put_row(p, t, 0, width);
	for (size_t c = 0; c < t->n; c++) {
		unsigned n = c + 1 == t->n && !t->right[c] ? 3 : width[c];

		put(p, "| ");
		for (unsigned i = 0; i + t->right[c] < n; i++)
			putc('-', p->to);
		put(p, t->right[c] ? ": " : " ");
	}
	put(p, "|\n");
	for (size_t r = 1; r < rows; r++)
		put_row(p, t, r, width);
	put(p, "\n");
	json_decref(t->cells);
}

static void put_more(const struct page *p, const char *key, const char *what)
{
	char n[TEXT_SMALL];

	if (doc_count(p->doc, key))
		fprintf(p->to, "%s more %s are not listed here.\n\n",
			text_digits(doc_count(p->doc, key), n), what);
}

/* Strings of a list, with a comma between; "" when there is none. */
static void join(const json_t *list, char *buf, size_t size)
{
	const json_t *s;
	size_t i, len = 0;

	buf[0] = '\0';
	json_array_foreach(list, i, s)
	{
		const char *text = json_string_value(s) ? json_string_value(s) : "";

		if (len + strlen(text) + 3 > size)
			break;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "", text);
	}
}

/* ---- the timeline in letters ----------------------------------------------- */

static size_t column_of(const struct axis *a, uint64_t ns)
{
	size_t c = (size_t)(axis_place(a, ns) * DRAWN);

	return c < DRAWN ? c : DRAWN - 1;
}

static void fill(char *row, const struct axis *a, uint64_t from, uint64_t to, char with)
{
	size_t last = to > from ? column_of(a, to) : column_of(a, from);

	for (size_t c = column_of(a, from); c <= last; c++)
		row[c] = with;
}

static void draw_spans(const json_t *device, const struct axis *a, char *ma1, char *lo6)
{
	const json_t *s;
	uint64_t from, to;
	size_t i;

	json_array_foreach(doc_list(device, "spans"), i, s)
	{
		if (!doc_flag(s, "lost") || !doc_time(s, "from", &from))
			continue;
		if (!doc_time(s, "to", &to))
			to = a->now_ns ? a->now_ns : a->to_ns;
		fill(ma1, a, from, to, 'x');
		if (doc_is(s, "state", "unreachable"))
			fill(lo6, a, from, to, 'x');
	}
}

static char session_letter(const json_t *s)
{
	const json_t *justified = json_object_get(s, "justified");

	if (doc_is(json_object_get(s, "trust"), "verdict", "untrusted") ||
	    doc_is(justified, "answer", "no"))
		return '!';
	return doc_is(justified, "answer", "yes")     ? '#'
	       : doc_is(justified, "answer", "drill") ? 'd'
						      : '?';
}

static void draw_flows(const struct page *p, const char *device, const struct axis *a, char *ma1,
		       char *lo6)
{
	const json_t *s;
	uint64_t from, to;
	size_t i;

	json_array_foreach(doc_list(p->doc, "sessions"), i, s)
	{
		if (!doc_is(s, "device", device) || !doc_time(s, "start", &from))
			continue;
		if (doc_flag(s, "open") && a->now_ns)
			to = a->now_ns;
		else if (!doc_time(s, "end", &to))
			to = from;
		fill(lo6, a, from, to, session_letter(s));
	}
	json_array_foreach(doc_list(p->doc, "untrusted"), i, s)
	{
		if (!doc_is(s, "device", device) || !doc_time(s, "first", &from))
			continue;
		if (!doc_time(s, "last", &to))
			to = from;
		if (doc_count(s, "open") && a->now_ns > to)
			to = a->now_ns;
		fill(doc_is(s, "path", "in-band") ? lo6 : ma1, a, from, to, 'u');
	}
}

static void put_axis(const struct page *p, const struct axis *a)
{
	char row[DRAWN + 20], label[16];
	size_t used = 0;

	memset(row, ' ', sizeof(row));
	for (uint64_t t = axis_first(a); t <= a->to_ns; t += a->step_ns) {
		size_t c = column_of(a, t), n = strlen(axis_label(a, t, label));

		if (c < used || c + n > sizeof(row))
			continue;
		memcpy(row + c, label, n);
		used = c + n + 1;
	}
	fprintf(p->to, "%*s%.*s\n", NAMES + 6, "", used ? (int)used - 1 : 0, row);
}

/* A backtick would end the block that it stands in. */
static void put_lane_name(const struct page *p, const char *name)
{
	char *shown = text_shown(name, NAMES - 1);

	for (char *c = shown; c && *c; c++)
		if (*c == '`')
			*c = '\'';
	fprintf(p->to, "%s%*s", shown ? shown : "",
		shown && letters(shown) < NAMES ? (int)(NAMES - letters(shown)) : 0, "");
	free(shown);
}

static void put_timeline(const struct page *p)
{
	const json_t *devices = doc_list(p->doc, "devices"), *d;
	struct axis a = axis_of(p->doc);
	size_t i;

	if (!json_array_size(devices))
		return;
	put(p, "## Timeline\n\n```text\n");
	put_axis(p, &a);
	json_array_foreach(devices, i, d)
	{
		char ma1[DRAWN], lo6[DRAWN];

		if (i == LANES)
			break;
		memset(ma1, '.', DRAWN);
		memset(lo6, '.', DRAWN);
		draw_spans(d, &a, ma1, lo6);
		draw_flows(p, doc_text(d, "name"), &a, ma1, lo6);
		put_lane_name(p, doc_text(d, "name"));
		fprintf(p->to, "  Ma1 %.*s\n%*slo6 %.*s\n", DRAWN, ma1, NAMES + 2, "", DRAWN, lo6);
	}
	put(p, "\nx lost   # session over lo6, justified   ? not known whether   ! not justified\n"
	       "d drill  u untrusted source\n```\n\n");
	if (json_array_size(devices) > LANES)
		fprintf(p->to, "%zu more devices are not drawn; the table has them.\n\n",
			json_array_size(devices) - LANES);
}

/* ---- sections -------------------------------------------------------------- */

static void put_head(const struct page *p)
{
	const json_t *word, *f;
	char day[TEXT_SMALL];
	struct table t;
	size_t i;

	put(p, "# ");
	put_text(p, doc_text(p->doc, "title"), 0);
	fprintf(p->to, "\n\nIncident %" PRIu64 ", %s, ", doc_count(p->doc, "id"),
		doc_is(p->doc, "status", "open") ? "open" : "closed");
	if (*doc_text(p->doc, "fabric")) {
		put(p, "fabric ");
		put_name(p, doc_text(p->doc, "fabric"));
		put(p, ", ");
	}
	fprintf(p->to, "%s. Times are UTC.\n\n", p->base ? text_day(p->base, day) : "");
	json_array_foreach(doc_list(p->doc, "words"), i, word)
	{
		put_wrapped(p, json_string_value(word) ? json_string_value(word) : "", 0, 0);
		put(p, "\n\n");
	}
	t = table_begin(">In figures| ");
	json_array_foreach(doc_list(p->doc, "figures"), i, f)
	{
		cell(&t, doc_text(f, "value"));
		cell(&t, doc_text(f, "label"));
	}
	table_end(p, &t);
}

static void put_devices(const struct page *p)
{
	const json_t *devices = doc_list(p->doc, "devices"), *d;
	const json_t *others = doc_list(p->doc, "unaffected");
	char text[400], took[TEXT_SMALL];
	struct table t;
	double s;
	size_t i;

	/* Of an untrusted source nothing happened to them. */
	if (!json_array_size(devices) || doc_is(p->doc, "kind", "untrusted-source"))
		return;
	put(p, "## Devices\n\n");
	t = table_begin("Device|Role|Ma1 lost|First on lo6|Back on Ma1|>Without Ma1|Ma1|Evidence");
	json_array_foreach(devices, i, d)
	{
		cell(&t, doc_text(d, "name"));
		cell(&t, text_role(doc_text(d, "role")));
		cell_time(p, &t, d, "lost");
		cell_time(p, &t, d, "first_lo6");
		if (*doc_text(d, "lost") && !*doc_text(d, "back"))
			cell_f(&t, "not yet");
		else
			cell_time(p, &t, d, "back");
		cell_f(&t, "%s", doc_number(d, "lost_s", &s) ? text_duration(s, took) : "");
		join(doc_list(d, "ma1"), text, sizeof(text));
		cell(&t, text);
		snprintf(text, sizeof(text), "%s%s", doc_text(d, "evidence"),
			 doc_flag(d, "neither") ? "; on neither path for a time" : "");
		cell(&t, text);
	}
	table_end(p, &t);
	json_array_foreach(others, i, d)
	{
		put(p, i ? ", " : "Of the same subnet and not affected, as far as was seen: ");
		put_name(p, doc_text(d, "name"));
		if (doc_is(d, "how", "unknown"))
			put(p, " (nothing was seen of its Ma1)");
	}
	if (json_array_size(others))
		put(p, ".\n\n");
}

static void put_sessions(const struct page *p)
{
	const json_t *sessions = doc_list(p->doc, "sessions"), *s;
	char text[700], took[TEXT_SMALL], in[24], out[24];
	struct table t;
	double duration;
	size_t i;

	if (!json_array_size(sessions))
		return;
	put(p, "## Break-glass sessions\n\n");
	t = table_begin("Began|Lasted|Who|How they came|Device|Trust|Login|Justified|>To device|"
			">From device");
	json_array_foreach(sessions, i, s)
	{
		const json_t *trust = json_object_get(s, "trust");
		const json_t *login = json_object_get(s, "login");
		const json_t *why = json_object_get(s, "justified");

		cell_time(p, &t, s, "start");
		cell_f(&t, "%s",
		       doc_flag(s, "open")			? "still open"
		       : doc_number(s, "duration_s", &duration) ? text_duration(duration, took)
								: "");
		cell(&t, *doc_text(s, "user") ? doc_text(s, "user") : "not known");
		snprintf(text, sizeof(text), "%.200s%sfrom %.80s port %" PRIu64,
			 doc_text(s, "came"), *doc_text(s, "came") ? ", " : "",
			 doc_text(s, "source"), doc_count(s, "source_port"));
		cell(&t, text);
		cell(&t, doc_text(s, "device"));
		snprintf(text, sizeof(text), "%.100s, %.300s", doc_text(trust, "verdict"),
			 doc_text(trust, "rule"));
		cell(&t, text);
		snprintf(text, sizeof(text), "%.100s, %.300s", doc_text(login, "result"),
			 doc_text(login, "text"));
		cell(&t, *doc_text(login, "text") ? text : doc_text(login, "result"));
		snprintf(text, sizeof(text), "%.100s: %.300s", doc_text(why, "answer"),
			 doc_text(why, "why"));
		cell(&t, text);
		cell_f(&t, "%s", output_bytes(doc_count(s, "source_bytes"), in));
		cell_f(&t, "%s", output_bytes(doc_count(s, "destination_bytes"), out));
	}
	table_end(p, &t);
	put_more(p, "sessions_left_out", "sessions");
	put(p, "Login outcomes are inferred from the lengths of encrypted packets, not read. Trust "
	       "is the\nverdict of the device's own list.\n\n");
}

static void put_untrusted(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "untrusted"), *u;
	char text[400], n[TEXT_SMALL];
	struct table t;
	size_t i;

	if (!json_array_size(list))
		return;
	put(p, "## Untrusted sources\n\n");
	t = table_begin("Source|Device|Path|First|Last|Outcome|>Attempts|>Established|"
			">Logged in");
	json_array_foreach(list, i, u)
	{
		cell(&t, doc_text(u, "source"));
		cell(&t, doc_text(u, "device"));
		cell_f(&t, "%s", words_interface(doc_text(u, "path")));
		cell_time(p, &t, u, "first");
		cell_time(p, &t, u, "last");
		cell(&t, doc_text(u, "outcome"));
		cell_f(&t, "%s", text_digits(doc_count(u, "attempts"), n));
		cell_f(&t, "%s", text_digits(doc_count(u, "established"), n));
		cell_f(&t, "%s", text_digits(doc_count(u, "logged_in"), n));
	}
	table_end(p, &t);
	put_more(p, "untrusted_left_out", "sources");
	json_array_foreach(list, i, u)
	{
		if (!*doc_text(u, "decided"))
			continue;
		put(p, "- **");
		put_name(p, doc_text(u, "source"));
		put(p, "** at ");
		put_name(p, doc_text(u, "device"));
		put(p, ": ");
		put_name(p, doc_text(u, "decided"));
		put(p, ".");
		join(doc_list(u, "would_trust"), text, sizeof(text));
		if (text[0]) {
			put(p, " Other lists would permit it: ");
			put_name(p, text);
			put(p, ".");
		}
		put(p, "\n");
	}
	put(p, "\n");
}

static void put_moments(const struct page *p)
{
	const json_t *list = doc_list(p->doc, "timeline"), *m;
	char text[1200], last[TEXT_SMALL], n[TEXT_SMALL];
	struct table t;
	uint64_t until;
	size_t i;

	if (!json_array_size(list))
		return;
	put(p, "## What happened, in order\n\n");
	t = table_begin("Time|Device|What|Text|Event or flow");
	json_array_foreach(list, i, m)
	{
		uint64_t count = doc_count(m, "count");

		cell_time(p, &t, m, "time");
		cell(&t, doc_text(m, "device"));
		cell(&t, doc_text(m, "what"));
		if (count > 1 && doc_time(m, "last", &until))
			snprintf(text, sizeof(text), "%.1000s (%s times until %s)",
				 doc_text(m, "text"), text_digits(count, n),
				 text_clock(until, p->base, last));
		else
			snprintf(text, sizeof(text), "%.1100s", doc_text(m, "text"));
		cell(&t, text);
		cell(&t, doc_text(m, "id"));
	}
	table_end(p, &t);
	put_more(p, "timeline_left_out", "moments");
}

/* A list whose columns are members of its objects. */
static void put_list(const struct page *p, const char *title, const json_t *list,
		     const char *columns, const char *time, const char *const *keys)
{
	struct table t;
	const json_t *o;
	size_t i;

	if (!json_array_size(list))
		return;
	fprintf(p->to, "## %s\n\n", title);
	t = table_begin(columns);
	json_array_foreach(list, i, o)
	{
		cell_time(p, &t, o, time);
		for (const char *const *key = keys; *key; key++)
			cell(&t, doc_text(o, *key));
	}
	table_end(p, &t);
}

static void put_gaps(const struct page *p)
{
	const json_t *g;
	char a[TEXT_SMALL], b[TEXT_SMALL];
	uint64_t from, to;
	double s;
	size_t i;

	put(p, "## What we could not see\n\n");
	json_array_foreach(doc_list(p->doc, "gaps"), i, g)
	{
		put(p, "- ");
		if (doc_time(g, "from", &from)) {
			fprintf(p->to, "**%s %s", text_clock(from, p->base, a),
				doc_time(g, "to", &to) ? "to " : "on");
			if (doc_time(g, "to", &to))
				put(p, text_clock(to, p->base, b));
			if (doc_number(g, "seconds", &s))
				fprintf(p->to, ", %s", text_duration(s, a));
			put(p, ".** ");
		}
		put_wrapped(p, doc_text(g, "text"), 2, *doc_text(g, "from") ? 40 : 2);
		put(p, "\n");
	}
	put(p, "\n");
}

static void put_policy(const struct page *p)
{
	static const char *const keys[] = { "agent", "generation", "text", "event", NULL };
	const json_t *policy = json_object_get(p->doc, "policy"), *g;
	const json_t *generations = doc_list(policy, "generations");
	const json_t *changes = doc_list(policy, "changes");
	char text[400], since[TEXT_SMALL];
	uint64_t ns;
	size_t i;

	if (!policy)
		return;
	put(p, "## Policy in force\n\n");
	if (!json_array_size(generations))
		put(p, "No policy was in force: no agent had a fabric to judge by.\n");
	json_array_foreach(generations, i, g)
	{
		put(p, "- Generation ");
		put_name(p, doc_text(g, "generation"));
		if (doc_time(g, "since", &ns))
			fprintf(p->to, ", since %s", text_clock(ns, p->base, since));
		join(doc_list(g, "agents"), text, sizeof(text));
		if (text[0]) {
			put(p, ", of ");
			put_name(p, text);
		}
		put(p, json_array_size(changes) ? ".\n" : ", unchanged throughout.\n");
	}
	put(p, "\n");
	put_list(p, "Changes of policy", changes, "Time|Agent|Generation|What changed|Event",
		 "time", keys);
}

static void put_record(const struct page *p)
{
	const json_t *record = json_object_get(p->doc, "record");
	const json_t *anchor = json_object_get(record, "anchor");
	char n[TEXT_SMALL], text[400], at[TEXT_SMALL];
	uint64_t ns;

	fprintf(p->to, "## Can this record be trusted?\n\n- %s events",
		text_digits(doc_count(record, "events"), n));
	fprintf(p->to, " and %s flows of this incident",
		text_digits(doc_count(record, "flows"), n));
	join(doc_list(record, "agents"), text, sizeof(text));
	if (text[0]) {
		put(p, ", from ");
		put_name(p, text);
	}
	fprintf(p->to, ".\n- The hash chain of the store has %s places; the last is ",
		text_digits(doc_count(record, "places"), n));
	put_name(p, doc_text(record, "hash"));
	put(p, ".\n");
	if (anchor && doc_time(anchor, "time", &ns)) {
		fprintf(p->to, "- The newest anchor is number %" PRIu64 ", of place %s, made %s: ",
			doc_count(anchor, "number"), text_digits(doc_count(anchor, "place"), n),
			text_clock(ns, p->base, at));
		put_name(p, doc_text(anchor, "hash"));
		put(p, ".\n");
	} else {
		put(p, "- There is no anchor yet.\n");
	}
	put(p, "- Check it: `glasswatch-collector verify`.\n\n");
	put(p, "Written by glasswatch-collector " GLASSWATCH_VERSION);
	if (doc_time(p->doc, "as_of", &ns))
		fprintf(p->to, " on %s UTC", text_clock(ns, 0, at));
	put(p, ". Names, addresses and texts are as the devices\nand the wire gave them; what "
	       "cannot be printed is shown as \\\\xNN.\n");
}

void report_md(const json_t *doc, FILE *to)
{
	static const char *const bgp[] = { "device", "state", "text", "event", NULL };
	static const char *const alerts[] = { "name", "severity", "device", "text", "end", NULL };
	static const char *const open[] = { "name", "device", "text", NULL };
	struct page p = { .doc = doc, .to = to };

	doc_time(doc, "began", &p.base);
	put_head(&p);
	put_timeline(&p);
	put_devices(&p);
	put_sessions(&p);
	put_untrusted(&p);
	put_moments(&p);
	put_list(&p, "BGP", doc_list(doc, "bgp"), "Time|Device|State|What|Event", "time", bgp);
	put_more(&p, "bgp_left_out", "BGP events");
	put_list(&p, "Alerts", doc_list(doc, "alerts"),
		 "Since|Alert|Severity|Device|What|Became of it", "time", alerts);
	put_gaps(&p);
	put_policy(&p);
	put_list(&p, "Still open when this was written", doc_list(doc, "still_open"),
		 "Since|Finding|Device|What", "since", open);
	put_record(&p);
}
