/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table needs the width of all rows before it can print the first. It keeps the
 * first FIT_ROWS rows, fits the columns to them, prints them, and prints what
 * follows at once with the same widths: memory does not grow with the answer.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/output.h"
#include "common/clock.h"

#define FIT_ROWS 500
#define MAX_COLUMNS 40
#define CELL 512

struct output {
	FILE *to;
	enum output_format format;
	const struct column *columns;
	size_t n;
	unsigned width, widths[MAX_COLUMNS];
	unsigned gap; /* table: between columns */
	char ***kept; /* table: rows of cells that wait for their widths */
	size_t n_kept;
	bool fitted, failed;
	long rows;
};

/* ---- text ------------------------------------------------------------------ */

/* Length and code point of the UTF-8 character at p; 0: it is none. */
static unsigned utf8(const unsigned char *p, uint32_t *point)
{
	unsigned n;

	if (p[0] < 0x80) {
		*point = p[0];
		return 1;
	}
	n = p[0] >= 0xf0 && p[0] < 0xf5	  ? 4
	    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
	    : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
					  : 0;
	if (!n)
		return 0;
	*point = p[0] & (0xff >> (n + 1));
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (p[i] & 0x3f);
	}
	return n;
}

/* Control characters, and those that reorder or hide what stands beside them. */
static bool is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x061c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb);
}

const char *output_clean(const char *text, char *buf, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = 0;

	while (*p) {
		uint32_t c = 0;
		unsigned n = utf8(p, &c);

		if (n && !is_harmful(c)) {
			if (len + n >= size)
				break;
			memcpy(buf + len, p, n);
			len += n;
			p += n;
			continue;
		}
		if (!n)
			n = 1;
		if (len + 4 * n >= size)
			break;
		for (; n; n--)
			len += (size_t)sprintf(buf + len, "\\x%02x", *p++);
	}
	buf[len] = '\0';
	return buf;
}

/* Columns that the text takes on a terminal; wide characters are not looked up. */
static unsigned columns_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

const char *output_time(uint64_t real_ns, bool milliseconds, char buf[32])
{
	char full[TIME_STRLEN];

	time_format(real_ns, full); /* 2026-11-23T01:02:03.123456789Z */
	snprintf(buf, 32, milliseconds ? "%.23sZ" : "%.19sZ", full);
	return buf;
}

const char *output_duration(double seconds, char buf[24])
{
	uint64_t s = (uint64_t)(seconds + 0.5);

	if (seconds < 59.95)
		snprintf(buf, 24, "%.1fs", seconds);
	else if (s < 3600)
		snprintf(buf, 24, "%" PRIu64 "m%02us", s / 60, (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(buf, 24, "%" PRIu64 "h%02um", s / 3600, (unsigned)(s / 60 % 60));
	else
		snprintf(buf, 24, "%" PRIu64 "d%02uh", s / 86400, (unsigned)(s / 3600 % 24));
	return buf;
}

const char *output_bytes(uint64_t n, char buf[24])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)n;
	unsigned u = 0;

	while (v >= 999.5 && u < 4) {
		v /= 1000;
		u++;
	}
	snprintf(buf, 24, u && v < 9.95 ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}

/* ---- cells ----------------------------------------------------------------- */

static const void *field(const struct column *c, const void *row)
{
	return (const char *)row + c->offset;
}

/* The cell as text; "" when absent. people: rounded, for reading. */
static void cell(const struct column *c, const void *row, bool people, char *buf)
{
	const void *at = field(c, row);
	const char *text;
	char small[TIME_STRLEN];
	double seconds;

	buf[0] = '\0';
	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_LIST:
		text = *(const char *const *)at;
		if (text)
			output_clean(text, buf, CELL);
		break;
	case COLUMN_TIME:
		if (!*(const uint64_t *)at)
			break;
		if (people)
			snprintf(buf, CELL, "%s", output_time(*(const uint64_t *)at, false, small));
		else
			snprintf(buf, CELL, "%s", time_format(*(const uint64_t *)at, small));
		break;
	case COLUMN_COUNT:
	case COLUMN_ID:
		if (*(const uint64_t *)at || c->type == COLUMN_COUNT)
			snprintf(buf, CELL, "%" PRIu64, *(const uint64_t *)at);
		break;
	case COLUMN_NUMBER:
		if (*(const int64_t *)at >= 0)
			snprintf(buf, CELL, "%" PRId64, *(const int64_t *)at);
		break;
	case COLUMN_SECONDS:
		seconds = *(const double *)at;
		if (seconds >= 0 && people)
			output_duration(seconds, buf);
		else if (seconds >= 0)
			snprintf(buf, CELL, "%.9g", seconds);
		break;
	case COLUMN_FLAG:
		snprintf(buf, CELL, "%s", *(const bool *)at ? "true" : "false");
		break;
	}
}

static bool is_right_aligned(const struct column *c)
{
	return c->type == COLUMN_COUNT || c->type == COLUMN_ID || c->type == COLUMN_NUMBER ||
	       c->type == COLUMN_SECONDS;
}

/* ---- table ----------------------------------------------------------------- */

/* Prints text in exactly `width` columns. What is too long is cut in the middle,
 * because names differ at their ends; the last column, a sentence, at its end. */
static void print_cut(struct output *o, const char *text, unsigned width, bool right, bool last)
{
	unsigned have = columns_of(text), head, i = 0;

	if (have <= width) {
		if (right)
			fprintf(o->to, "%*s", (int)(width - have), "");
		fputs(text, o->to);
		if (!right && !last)
			fprintf(o->to, "%*s", (int)(width - have), "");
		return;
	}
	head = width <= 6 ? width : last ? width - 2 : (width - 2) / 2;
	for (; *text && i < head; text++) {
		fputc(*text, o->to);
		i += ((unsigned char)text[1] & 0xc0) != 0x80;
	}
	if (width > 6) {
		fputs("..", o->to);
		for (; *text && have - i > width - 2 - head; text++)
			i += ((unsigned char)text[1] & 0xc0) != 0x80;
		fputs(text, o->to);
	}
}

static void print_row(struct output *o, char *const *cells)
{
	bool first = true;
	size_t last = 0;

	for (size_t i = 0; i < o->n; i++)
		if (o->columns[i].title)
			last = i;
	for (size_t i = 0; i < o->n; i++) {
		if (!o->columns[i].title)
			continue;
		if (!first)
			fprintf(o->to, "%*s", (int)o->gap, "");
		first = false;
		print_cut(o, cells[i], o->widths[i], is_right_aligned(&o->columns[i]), i == last);
	}
	fputc('\n', o->to);
}

static void free_row(const struct output *o, char **cells)
{
	for (size_t i = 0; cells && i < o->n; i++)
		free(cells[i]);
	free(cells);
}

/* Makes the row fit: first with one space between columns, then taking from the
 * widest column that may shrink. */
static void shrink(struct output *o)
{
	unsigned total = 0, gaps = 0;

	for (size_t i = 0; i < o->n; i++)
		if (o->columns[i].title) {
			total += o->widths[i];
			gaps++;
		}
	gaps -= gaps > 0;
	o->gap = o->width && total + 2 * gaps > o->width ? 1 : 2;
	total += o->gap * gaps;
	while (o->width && total > o->width) {
		size_t widest = o->n;

		for (size_t i = 0; i < o->n; i++)
			if (o->columns[i].title && o->widths[i] > o->columns[i].width &&
			    o->columns[i].width &&
			    (widest == o->n || o->widths[i] > o->widths[widest]))
				widest = i;
		if (widest == o->n)
			return;
		o->widths[widest]--;
		total--;
	}
}

static void fit(struct output *o)
{
	char *titles[MAX_COLUMNS];

	o->fitted = true;
	if (!o->n_kept)
		return;
	for (size_t i = 0; i < o->n; i++) {
		titles[i] = (char *)(uintptr_t)(o->columns[i].title ? o->columns[i].title : "");
		o->widths[i] = columns_of(titles[i]);
		for (size_t r = 0; r < o->n_kept; r++) {
			unsigned w = columns_of(o->kept[r][i]);

			if (w > o->widths[i])
				o->widths[i] = w;
		}
	}
	shrink(o);
	print_row(o, titles);
	for (size_t r = 0; r < o->n_kept; r++) {
		print_row(o, o->kept[r]);
		free_row(o, o->kept[r]);
	}
	o->n_kept = 0;
}

static void table_row(struct output *o, const void *row)
{
	char **cells = calloc(o->n, sizeof(*cells));
	char buf[CELL];

	for (size_t i = 0; cells && i < o->n; i++) {
		cell(&o->columns[i], row, true, buf);
		cells[i] = strdup(buf[0] ? buf : "-");
		if (!cells[i]) {
			free_row(o, cells);
			cells = NULL;
		}
	}
	if (!cells) {
		o->failed = true;
		return;
	}
	if (!o->fitted) {
		o->kept[o->n_kept++] = cells;
		if (o->n_kept == FIT_ROWS)
			fit(o);
		return;
	}
	print_row(o, cells);
	free_row(o, cells);
}

/* ---- CSV and JSON ---------------------------------------------------------- */

void output_csv_cell(FILE *to, const char *text, bool guard)
{
	const char *before = guard && text[0] && strchr("=+-@", text[0]) ? "'" : "";

	if (!strpbrk(text, ",\"\r\n")) {
		fprintf(to, "%s%s", before, text);
		return;
	}
	fprintf(to, "\"%s", before);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

void output_csv_row(FILE *to, const struct column *columns, size_t n, const void *row)
{
	const char *comma = "";
	char buf[CELL];

	for (size_t i = 0; i < n; i++) {
		if (!columns[i].name)
			continue;
		fputs(comma, to);
		comma = ",";
		if (row)
			cell(&columns[i], row, false, buf);
		output_csv_cell(to, row ? buf : columns[i].name,
				row && (columns[i].type == COLUMN_TEXT ||
					columns[i].type == COLUMN_LIST));
	}
	fputs("\r\n", to);
}

static json_t *json_list(const char *text)
{
	json_t *list = json_array();

	while (list && *text) {
		size_t n = strcspn(text, ",");

		json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return list;
}

/* NULL: absent. */
static json_t *json_cell(const struct column *c, const void *row)
{
	const void *at = field(c, row);
	const char *text;
	char small[TIME_STRLEN];

	switch (c->type) {
	case COLUMN_TEXT:
		text = *(const char *const *)at;
		return text ? json_string(text) : NULL;
	case COLUMN_LIST:
		text = *(const char *const *)at;
		return text ? json_list(text) : NULL;
	case COLUMN_TIME:
		return *(const uint64_t *)at
			       ? json_string(time_format(*(const uint64_t *)at, small))
			       : NULL;
	case COLUMN_COUNT:
	case COLUMN_ID:
		return *(const uint64_t *)at || c->type == COLUMN_COUNT
			       ? json_integer((json_int_t) * (const uint64_t *)at)
			       : NULL;
	case COLUMN_NUMBER:
		return *(const int64_t *)at >= 0 ? json_integer(*(const int64_t *)at) : NULL;
	case COLUMN_SECONDS:
		return *(const double *)at >= 0 ? json_real(*(const double *)at) : NULL;
	case COLUMN_FLAG:
		return json_boolean(*(const bool *)at);
	}
	return NULL;
}

/* "a.b" goes into an object a. */
static void json_place(json_t *doc, const char *name, json_t *value)
{
	const char *dot = strchr(name, '.');
	char outer[64];
	json_t *in;

	if (!value)
		return;
	if (!dot) {
		json_object_set_new(doc, name, value);
		return;
	}
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - name), name);
	in = json_object_get(doc, outer);
	if (!in) {
		in = json_object();
		json_object_set_new(doc, outer, in);
	}
	json_object_set_new(in, dot + 1, value);
}

json_t *output_document(const struct column *columns, size_t n, const void *row)
{
	json_t *doc = json_object();

	for (size_t i = 0; i < n; i++)
		if (columns[i].name)
			json_place(doc, columns[i].name, json_cell(&columns[i], row));
	return doc;
}

static void json_row(struct output *o, const void *row, json_t *json)
{
	json_t *doc = json ? json : output_document(o->columns, o->n, row);
	char *text;

	text = json_dumps(doc, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text)
		fprintf(o->to, "%s%s", o->rows ? ",\n" : "[\n", text);
	else
		o->failed = true;
	free(text);
	if (!json)
		json_decref(doc);
}

/* ---- the life of an output ------------------------------------------------- */

struct output *output_open(FILE *to, enum output_format format, const struct column *columns,
			   size_t n, unsigned width)
{
	struct output *o = calloc(1, sizeof(*o));

	if (!o || n > MAX_COLUMNS)
		goto fail;
	o->to = to;
	o->format = format;
	o->columns = columns;
	o->n = n;
	o->width = width;
	if (format == OUTPUT_TABLE && !(o->kept = calloc(FIT_ROWS, sizeof(*o->kept))))
		goto fail;
	if (format == OUTPUT_CSV)
		output_csv_row(to, columns, n, NULL);
	return o;
fail:
	free(o);
	return NULL;
}

void output_row(struct output *o, const void *row, json_t *json)
{
	if (o->format == OUTPUT_TABLE)
		table_row(o, row);
	else if (o->format == OUTPUT_CSV)
		output_csv_row(o->to, o->columns, o->n, row);
	else
		json_row(o, row, json);
	o->rows++;
}

long output_close(struct output *o)
{
	long rows;

	if (!o)
		return -1;
	if (o->format == OUTPUT_TABLE && !o->fitted)
		fit(o);
	if (o->format == OUTPUT_JSON)
		fputs(o->rows ? "\n]\n" : "[]\n", o->to);
	rows = fflush(o->to) || ferror(o->to) || o->failed ? -1 : o->rows;
	free(o->kept);
	free(o);
	return rows;
}
