/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Geometry, in units of the viewBox: names at the left up to PLOT, time from there to
 * the right edge. A lane is LANE high: Ma1's band, a gap, lo6's band, room for marks.
 */
#include "collector/report/svg.h"

#include <stdlib.h>
#include <string.h>

#include "collector/report/axis.h"
#include "collector/report/html_text.h"
#include "collector/words/text.h"
#include "collector/words/words.h"
#include "common/clock.h"

#define WIDTH 1000
#define PLOT 206
#define RIGHT 14 /* so that the last label is not cut */
#define TOP 24	 /* the axis' labels */
#define LANE 50
#define BAND 14
#define MA1 5	   /* of a lane */
#define LO6 22	   /* of a lane */
#define MARKS 43   /* of a lane: middle of BGP and alerts */
#define LETTER 6.2 /* width of a letter of 11 px, on average; BOLD: of a bold one */
#define BOLD 6.9
#define NAME_LETTERS 24
#define ROWS 4 /* sessions at the same time that are drawn apart */

struct drawing {
	const json_t *doc;
	struct axis axis;
	FILE *to;
	uint64_t base;
	const json_t *lanes[SVG_LANES];
	size_t n, left_out;
	unsigned top, height;
};

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double x_of(const struct drawing *d, uint64_t ns)
{
	return PLOT + axis_place(&d->axis, ns) * (WIDTH - RIGHT - PLOT);
}

static unsigned y_of(const struct drawing *d, size_t lane)
{
	return d->top + (unsigned)lane * LANE;
}

static unsigned letters(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* ---- which lanes ----------------------------------------------------------- */

static bool is_busy(const struct drawing *d, const json_t *device)
{
	const char *name = doc_text(device, "name");
	const json_t *u;
	size_t i;

	if (doc_count(device, "sessions") || doc_flag(device, "neither"))
		return true;
	json_array_foreach(doc_list(d->doc, "untrusted"), i,
			   u) if (doc_is(u, "device", name)) return true;
	return false;
}

/* In the document's order; when there are too many, the busy ones. */
static void choose(struct drawing *d)
{
	const json_t *devices = doc_list(d->doc, "devices"), *device;
	bool few = json_array_size(devices) <= SVG_LANES;
	size_t i;

	for (int busy = 1; busy >= (few ? 1 : 0); busy--)
		json_array_foreach(devices, i,
				   device) if (d->n < SVG_LANES &&
					       (few || is_busy(d, device) == (busy == 1)))
			d->lanes[d->n++] = device;
	d->left_out = json_array_size(devices) - d->n;
}

static int lane_of(const struct drawing *d, const char *device)
{
	for (size_t i = 0; *device && i < d->n; i++)
		if (doc_is(d->lanes[i], "name", device))
			return (int)i;
	return -1;
}

/* ---- pieces ---------------------------------------------------------------- */

/* A name of at most `most` letters; what is longer is cut in its middle, because
 * names differ at their ends. */
static void put_name(const struct drawing *d, const char *name, unsigned most)
{
	char *shown = text_shown(name, TEXT_SHOWN);
	unsigned n = shown ? letters(shown) : 0, at = 0;
	const char *p = shown;
	char part[TEXT_SHOWN * 4 + 8];
	size_t len = 0;

	for (; p && *p && len < sizeof(part) - 8; at++) {
		bool keep = n <= most || at < most / 2 || at >= n - (most - most / 2 - 1);

		if (n > most && at == most / 2) {
			memcpy(part + len, "\xe2\x80\xa6", 3);
			len += 3;
		}
		do {
			if (keep)
				part[len++] = *p;
			p++;
		} while (((unsigned char)*p & 0xc0) == 0x80);
	}
	part[len] = '\0';
	html_text(d->to, part);
	free(shown);
}

static void put_hover(const struct drawing *d, const char *what, uint64_t from, uint64_t to)
{
	char a[TEXT_SMALL], b[TEXT_SMALL];

	fputs("<title>", d->to);
	html_text(d->to, what);
	fprintf(d->to, ", %s", text_clock(from, d->base, a));
	if (to > from)
		fprintf(d->to, " to %s", text_clock(to, d->base, b));
	fputs("</title>", d->to);
}

static void put_patterns(FILE *to)
{
	static const char *const pattern =
		"<pattern id=\"%s\" width=\"%d\" height=\"%d\" patternUnits=\"userSpaceOnUse\" "
		"patternTransform=\"rotate(%d)\"><rect class=\"%s\" width=\"%d\" "
		"height=\"%d\"/><rect class=\"%s\" width=\"%s\" height=\"%d\"/></pattern>";

	fputs("<defs>", to);
	fprintf(to, pattern, "h-lost", 8, 8, 45, "f-red-bg", 8, 8, "f-red-soft", "1.3", 8);
	fprintf(to, pattern, "h-red", 5, 5, 45, "f-red-bg", 5, 5, "f-red", "2.2", 5);
	fprintf(to, pattern, "h-amber", 6, 6, -45, "f-amber-bg", 6, 6, "f-amber", "1.8", 6);
	fprintf(to, pattern, "h-blind", 6, 6, 45, "f-none", 6, 6, "f-hatch", "1.5", 6);
	fputs("</defs>", to);
}

static void put_axis(const struct drawing *d)
{
	char label[16];

	for (uint64_t t = axis_first(&d->axis); t <= d->axis.to_ns; t += d->axis.step_ns) {
		double x = x_of(d, t);

		fprintf(d->to, "<path class=\"s-grid\" d=\"M%.1f %d V%u\"/>", x, TOP - 4,
			d->height);
		fprintf(d->to, "<text class=\"t-mid\" x=\"%.1f\" y=\"12\">%s</text>", x,
			axis_label(&d->axis, t, label));
	}
}

/* ---- the management switch ------------------------------------------------- */

static bool has_switch(const json_t *doc)
{
	return doc_is(doc, "kind", "management-switch");
}

static void put_switch(const struct drawing *d)
{
	const char *name = doc_text(d->doc, "switch"), *over;
	uint64_t from = 0, to = d->axis.now_ns;
	double x0, x1, width;

	if (!*name)
		name = doc_text(d->doc, "subject");
	if (!doc_time(d->doc, "suspected", &from))
		doc_time(d->doc, "opened", &from);
	if (!doc_time(d->doc, "answered", &to))
		doc_time(d->doc, "closed", &to);
	x0 = x_of(d, from);
	x1 = x_of(d, to);
	over = doc_is(d->doc, "suspicion", "withdrawn") ? "suspicion withdrawn"
							: "management switch suspected";
	width = letters(over) * BOLD + 10;
	fputs("<text class=\"t-key\" x=\"0\" y=\"42\">", d->to);
	put_name(d, name, NAME_LETTERS + 6);
	fprintf(d->to,
		"</text><g><path class=\"s-red\" d=\"M%.1f 32 v12 M%.1f 32 v12 M%.1f 38 H%.1f\"/>",
		x0, x1, x0, x1);
	put_hover(d, over, from, to);
	fputs("</g>", d->to);
	/* The words on the line where there is room, else beside it. */
	if (x1 - x0 > width + 16)
		fprintf(d->to,
			"<rect class=\"f-page\" x=\"%.1f\" y=\"31\" width=\"%.1f\" "
			"height=\"14\"/><text class=\"t-red t-key\" x=\"%.1f\" y=\"42\">%s</text>",
			x0 + 8, width, x0 + 14, over);
	else if (x1 + width < WIDTH)
		fprintf(d->to, "<text class=\"t-red t-key\" x=\"%.1f\" y=\"42\">%s</text>", x1 + 8,
			over);
	else
		fprintf(d->to, "<text class=\"t-red t-key t-end\" x=\"%.1f\" y=\"42\">%s</text>",
			x0 - 8, over);
}

/* ---- a lane ---------------------------------------------------------------- */

static void put_labels(const struct drawing *d, size_t lane)
{
	const json_t *device = d->lanes[lane];
	char took[TEXT_SMALL];
	unsigned y = y_of(d, lane);
	uint64_t ns;
	double s;

	fprintf(d->to, "<text class=\"t-key\" x=\"0\" y=\"%u\">", y + MA1 + 11);
	put_name(d, doc_text(device, "name"), NAME_LETTERS);
	fputs("</text>", d->to);
	if (doc_number(device, "lost_s", &s))
		fprintf(d->to, "<text class=\"t-red\" x=\"0\" y=\"%u\">Ma1 lost %s</text>",
			y + LO6 + 11, text_duration(s, took));
	else if (doc_time(device, "lost", &ns))
		fprintf(d->to, "<text class=\"t-red\" x=\"0\" y=\"%u\">Ma1 lost %s</text>",
			y + LO6 + 11, text_clock(ns, d->base, took));
	fprintf(d->to, "<text class=\"t-small t-end\" x=\"%d\" y=\"%u\">Ma1</text>", PLOT - 8,
		y + MA1 + 10);
	fprintf(d->to, "<text class=\"t-small t-end\" x=\"%d\" y=\"%u\">lo6</text>", PLOT - 8,
		y + LO6 + 10);
	fprintf(d->to, "<path class=\"s-line\" d=\"M%d %u H%d M%d %u H%d\"/>", PLOT,
		y + MA1 + BAND / 2, WIDTH - RIGHT, PLOT, y + LO6 + BAND / 2, WIDTH - RIGHT);
}

/* Where it is known that Ma1, or neither path, answered. */
static void put_spans(const struct drawing *d, size_t lane)
{
	unsigned y = y_of(d, lane);
	const json_t *s;
	size_t i;

	json_array_foreach(doc_list(d->lanes[lane], "spans"), i, s)
	{
		bool neither = doc_is(s, "state", "unreachable");
		uint64_t from, to;
		double x0, x1;

		if (!doc_flag(s, "lost") || !doc_time(s, "from", &from))
			continue;
		if (!doc_time(s, "to", &to))
			to = d->axis.now_ns ? d->axis.now_ns : d->axis.to_ns;
		x0 = x_of(d, from);
		x1 = x_of(d, to);
		fprintf(d->to,
			"<g><rect class=\"p-lost\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" "
			"height=\"%d\"/>",
			x0, y + MA1, larger(x1 - x0, 1), BAND);
		if (neither)
			fprintf(d->to,
				"<rect class=\"p-lost\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" "
				"height=\"%d\"/>",
				x0, y + LO6, larger(x1 - x0, 1), BAND);
		if (i == 0 || doc_flag(s, "first"))
			fprintf(d->to, "<path class=\"s-red\" d=\"M%.1f %u v%d\"/>", x0, y + MA1,
				BAND);
		put_hover(d, neither ? "neither path answers" : "Ma1 lost", from, to);
		fputs("</g>", d->to);
		if (neither && x1 - x0 > 90)
			fprintf(d->to,
				"<rect class=\"f-page\" x=\"%.1f\" y=\"%u\" width=\"72\" "
				"height=\"%d\"/><text class=\"t-red t-key\" x=\"%.1f\" "
				"y=\"%u\">on neither</text>",
				x0 + 6, y + LO6 + 1, BAND - 2, x0 + 10, y + LO6 + 11);
	}
}

static const char *bar_class(const json_t *session)
{
	const json_t *justified = json_object_get(session, "justified");

	if (doc_is(json_object_get(session, "trust"), "verdict", "untrusted") ||
	    doc_is(justified, "answer", "no"))
		return "p-red";
	if (doc_is(justified, "answer", "yes"))
		return "p-blue";
	if (doc_is(justified, "answer", "drill"))
		return "p-drill";
	return "p-amber";
}

static uint64_t end_of(const struct drawing *d, const json_t *session)
{
	uint64_t end = 0;

	if (doc_flag(session, "open") && d->axis.now_ns)
		return d->axis.now_ns;
	doc_time(session, "end", &end);
	return end;
}

/* Sessions at the same time share the band's height. */
static void put_sessions(const struct drawing *d, size_t lane)
{
	const char *name = doc_text(d->lanes[lane], "name");
	const json_t *list = doc_list(d->doc, "sessions"), *s;
	double edge[ROWS] = { 0 }, height;
	unsigned y = y_of(d, lane) + LO6, rows = 1, row;
	uint64_t from, to;
	size_t i;

	for (int draw = 0; draw < 2; draw++) {
		height = (double)BAND / rows;
		memset(edge, 0, sizeof(edge));
		json_array_foreach(list, i, s)
		{
			const char *who = doc_text(s, "user"), *class = bar_class(s);
			double x0, x1, text;

			if (!doc_is(s, "device", name) || !doc_time(s, "start", &from))
				continue;
			to = end_of(d, s);
			x0 = x_of(d, from);
			x1 = larger(x_of(d, to), x0 + 3);
			for (row = 0; row < ROWS - 1 && edge[row] > x0; row++)
				;
			edge[row] = x1;
			if (!draw) {
				rows = row + 1 > rows ? row + 1 : rows;
				continue;
			}
			if (!*who)
				who = doc_text(s, "source");
			fprintf(d->to,
				"<g><rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
				"height=\"%.1f\" rx=\"2\"/>",
				class, x0, y + row * height, x1 - x0, height - (rows > 1));
			put_hover(d, who, from, to);
			fputs("</g>", d->to);
			text = letters(who) * BOLD + 10;
			if (rows > 1 || x1 - x0 < text)
				continue;
			if (strcmp(class, "p-blue") != 0)
				fprintf(d->to,
					"<rect class=\"f-page\" x=\"%.1f\" y=\"%u\" "
					"width=\"%.1f\" height=\"%d\"/>",
					x0 + 4, y + 1, text - 4, BAND - 2);
			fprintf(d->to, "<text class=\"%s\" x=\"%.1f\" y=\"%u\">",
				strcmp(class, "p-blue") == 0 ? "t-on t-key" : "t-key", x0 + 6,
				y + 11);
			put_name(d, who, 40);
			fputs("</text>", d->to);
		}
	}
}

static void put_untrusted(const struct drawing *d, size_t lane)
{
	const char *name = doc_text(d->lanes[lane], "name");
	double edge[2] = { PLOT, PLOT };
	const json_t *u;
	size_t i;

	json_array_foreach(doc_list(d->doc, "untrusted"), i, u)
	{
		bool lo6 = doc_is(u, "path", "in-band");
		unsigned y = y_of(d, lane) + (lo6 ? LO6 : MA1);
		uint64_t got = doc_count(u, "established"), n = doc_count(u, "attempts") + got;
		char number[TEXT_SMALL], text[120];
		uint64_t from, to;
		double x0, x1, width, at;

		if (!doc_is(u, "device", name) || !doc_time(u, "first", &from))
			continue;
		if (!doc_time(u, "last", &to))
			to = from;
		if (doc_count(u, "open") && d->axis.now_ns > to)
			to = d->axis.now_ns;
		x0 = x_of(d, from);
		x1 = larger(x_of(d, to), x0 + 8);
		fprintf(d->to,
			"<g><rect class=\"p-red\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" "
			"height=\"%d\"/><circle class=\"f-red s-page\" cx=\"%.1f\" cy=\"%u\" "
			"r=\"7\"/><rect class=\"f-on-red\" x=\"%.1f\" y=\"%.1f\" width=\"8\" "
			"height=\"2.2\"/>",
			x0, y, x1 - x0, BAND, x0, y + 7, x0 - 4, y + 5.9);
		put_hover(d, doc_text(u, "source"), from, to);
		fputs("</g>", d->to);
		snprintf(text, sizeof(text), "%s \xc3\x97 %s", text_digits(n, number),
			 got ? "untrusted, got in" : "untrusted");
		width = letters(text) * BOLD + 6;
		/* The words before it, behind it, or on it: wherever there is room. */
		if (x0 - 9 - width > edge[lo6])
			at = x0 - 9 - width;
		else if (x1 + 5 + width < WIDTH)
			at = x1 + 4;
		else if (x1 - x0 > width + 24)
			at = x0 + 14;
		else
			at = 0;
		if (at > 0)
			fprintf(d->to,
				"<rect class=\"f-page\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" "
				"height=\"%d\"/><text class=\"t-red t-key\" x=\"%.1f\" "
				"y=\"%u\">%s</text>",
				at, y + 1, width, BAND - 2, at + 4, y + 11, text);
		edge[lo6] = x1 + 5;
	}
}

/* Arrows: down from Ma1 to lo6 at a failover, up at the failback. */
static void put_moves(const struct drawing *d, size_t lane)
{
	unsigned y = y_of(d, lane);
	const json_t *m;
	uint64_t t;
	size_t i;

	json_array_foreach(doc_list(d->lanes[lane], "moves"), i, m)
	{
		bool back = doc_is(m, "what", "failback");
		double x;

		if (!doc_time(m, "time", &t))
			continue;
		x = x_of(d, t);
		if (back)
			fprintf(d->to,
				"<g><path class=\"s-ink\" d=\"M%.1f %u V%u\"/><path "
				"class=\"f-ink\" d=\"M%.1f %u l4.5 -7 l4.5 7z\"/>",
				x, y + LO6 + BAND + 1, y + MA1 + 2, x - 4.5, y + MA1 + 4);
		else
			fprintf(d->to,
				"<g><path class=\"s-ink\" d=\"M%.1f %u V%u\"/><path "
				"class=\"f-ink\" d=\"M%.1f %u l4.5 7 l4.5 -7z\"/>",
				x, y + MA1 - 1, y + LO6 - 1, x - 4.5, y + LO6 - 3);
		put_hover(d, back ? "failback to Ma1" : "failover to lo6", t, t);
		fputs("</g>", d->to);
	}
}

/* BGP and alerts, of this device, below its bands. */
static void put_marks(const struct drawing *d, size_t lane)
{
	const char *name = doc_text(d->lanes[lane], "name");
	unsigned y = y_of(d, lane) + MARKS;
	const json_t *m;
	uint64_t t;
	size_t i;

	json_array_foreach(doc_list(d->doc, "bgp"), i, m)
	{
		bool up = doc_is(m, "state", "up");
		double x;

		if (!doc_is(m, "device", name) || !doc_time(m, "time", &t))
			continue;
		x = x_of(d, t);
		fprintf(d->to, "<g><path class=\"%s\" d=\"M%.1f %u h6 l3 5 l-3 5 h-6 l-3 -5z\"/>",
			up ? "s-hex f-hex" : "s-hex f-page", x - 3, y - 5);
		put_hover(d, doc_text(m, "text"), t, t);
		fputs("</g>", d->to);
	}
	json_array_foreach(doc_list(d->doc, "alerts"), i, m)
	{
		double x;

		if (!doc_is(m, "device", name) || !doc_time(m, "time", &t))
			continue;
		x = x_of(d, t);
		fprintf(d->to,
			"<g><path class=\"s-ink\" d=\"M%.1f %u v-11\"/><path class=\"%s\" "
			"d=\"M%.1f %u l8 3 l-8 3z\"/>",
			x, y + 5, doc_is(m, "severity", "critical") ? "f-red" : "f-ink", x, y - 6);
		put_hover(d, doc_text(m, "name"), t, t);
		fputs("</g>", d->to);
	}
}

/* ---- what was not seen ----------------------------------------------------- */

static void put_gaps(const struct drawing *d)
{
	const json_t *g, *name;
	size_t i, k;

	json_array_foreach(doc_list(d->doc, "gaps"), i, g)
	{
		const json_t *devices = doc_list(g, "devices");
		uint64_t from, to;
		double x0, x1;

		if (!doc_time(g, "from", &from))
			continue;
		if (!doc_time(g, "to", &to))
			to = d->axis.now_ns ? d->axis.now_ns : d->axis.to_ns;
		x0 = x_of(d, from);
		x1 = larger(x_of(d, to), x0 + 3);
		if (to < d->axis.from_ns || from > d->axis.to_ns)
			continue;
		fputs("<g>", d->to);
		if (!devices)
			fprintf(d->to,
				"<rect class=\"p-blind\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
				"height=\"%u\"/>",
				x0, TOP - 2, x1 - x0, d->height - TOP);
		json_array_foreach(devices, k, name)
		{
			int lane =
				lane_of(d, json_string_value(name) ? json_string_value(name) : "");

			if (lane >= 0)
				fprintf(d->to,
					"<rect class=\"p-blind\" x=\"%.1f\" y=\"%u\" "
					"width=\"%.1f\" height=\"%d\"/>",
					x0, y_of(d, (size_t)lane) + 2, x1 - x0, LANE - 4);
		}
		put_hover(d, doc_text(g, "text"), from, to);
		fputs("</g>", d->to);
	}
}

/* ---------------------------------------------------------------------------- */

static void put_description(const struct drawing *d)
{
	char a[TEXT_SMALL], b[TEXT_SMALL];
	const json_t *word;
	size_t i;

	fprintf(d->to, "<title id=\"tl-t\">Timeline of the incident, %s to %s UTC</title>",
		text_clock(d->axis.from_ns, d->base, a), text_clock(d->axis.to_ns, d->base, b));
	fputs("<desc id=\"tl-d\">", d->to);
	json_array_foreach(doc_list(d->doc, "words"), i, word)
	{
		html_long(d->to, json_string_value(word) ? json_string_value(word) : "");
		fputs(" ", d->to);
	}
	fputs("All that is drawn is also in the tables below.</desc>", d->to);
}

void report_svg(const json_t *doc, FILE *to)
{
	struct drawing d = { .doc = doc, .axis = axis_of(doc), .to = to };

	doc_time(doc, "began", &d.base);
	choose(&d);
	d.top = TOP + (has_switch(doc) ? 32 : 0);
	d.height = d.top + (unsigned)d.n * LANE + 4;
	fprintf(to,
		"<svg viewBox=\"0 0 %d %u\" role=\"img\" aria-labelledby=\"tl-t\" "
		"aria-describedby=\"tl-d\">",
		WIDTH, d.height);
	put_description(&d);
	put_patterns(to);
	put_axis(&d);
	for (size_t i = 0; i < d.n; i++)
		put_labels(&d, i);
	for (size_t i = 0; i < d.n; i++) {
		put_spans(&d, i);
		put_sessions(&d, i);
	}
	put_gaps(&d); /* over the bars: what was seen there was not seen in full */
	if (has_switch(doc))
		put_switch(&d);
	for (size_t i = 0; i < d.n; i++) {
		put_untrusted(&d, i);
		put_moves(&d, i);
		put_marks(&d, i);
	}
	if (d.axis.now_ns)
		fprintf(to, "<path class=\"s-ink\" d=\"M%.1f %d V%u\"/>", x_of(&d, d.axis.now_ns),
			TOP - 4, d.height);
	fputs("</svg>\n", to);
	if (d.left_out)
		fprintf(to,
			"<p class=\"dim\">%zu more devices are not drawn. Nobody was seen on them; "
			"they are in the table below.</p>\n",
			d.left_out);
}

/* ---- the legend ------------------------------------------------------------ */

#define SWATCH "<svg class=\"sw\" viewBox=\"0 0 26 14\" aria-hidden=\"true\">"

/* What is drawn somewhere; only that is explained. */
enum drawn {
	DRAWN_LOST,
	DRAWN_YES,
	DRAWN_UNKNOWN,
	DRAWN_NO,
	DRAWN_DRILL,
	DRAWN_UNTRUSTED,
	DRAWN_MOVE,
	DRAWN_BGP,
	DRAWN_ALERT,
	DRAWN_GAP,
	DRAWN_NUM
};

static void look(const json_t *doc, bool drawn[DRAWN_NUM])
{
	const json_t *o;
	size_t i;

	json_array_foreach(doc_list(doc, "devices"), i, o)
	{
		drawn[DRAWN_LOST] |= json_array_size(doc_list(o, "spans")) > 0;
		drawn[DRAWN_MOVE] |= json_array_size(doc_list(o, "moves")) > 0;
	}
	json_array_foreach(doc_list(doc, "sessions"), i, o)
	{
		const char *class = bar_class(o);

		drawn[DRAWN_YES] |= strcmp(class, "p-blue") == 0;
		drawn[DRAWN_NO] |= strcmp(class, "p-red") == 0;
		drawn[DRAWN_DRILL] |= strcmp(class, "p-drill") == 0;
		drawn[DRAWN_UNKNOWN] |= strcmp(class, "p-amber") == 0;
	}
	json_array_foreach(doc_list(doc, "gaps"), i, o)
		drawn[DRAWN_GAP] |= *doc_text(o, "from") != '\0';
	json_array_foreach(doc_list(doc, "alerts"), i, o)
		drawn[DRAWN_ALERT] |= *doc_text(o, "device") != '\0';
	drawn[DRAWN_UNTRUSTED] = json_array_size(doc_list(doc, "untrusted")) > 0;
	drawn[DRAWN_BGP] = json_array_size(doc_list(doc, "bgp")) > 0;
}

void report_svg_legend(const json_t *doc, FILE *to)
{
	static const struct {
		const char *drawn, *words;
	} rows[DRAWN_NUM] = {
		[DRAWN_LOST] = { "<rect class=\"p-lost\" y=\"1\" width=\"26\" height=\"12\"/><path "
				 "class=\"s-red\" "
				 "d=\"M1 1v12\"/>",
				 "Ma1 lost" },
		[DRAWN_YES] = { "<rect class=\"p-blue\" y=\"1\" width=\"26\" height=\"12\" "
				"rx=\"2\"/>",
				"session over lo6, justified" },
		[DRAWN_UNKNOWN] = { "<rect class=\"p-amber\" x=\"1\" y=\"1\" width=\"24\" "
				    "height=\"12\" rx=\"2\"/>",
				    "not known whether justified" },
		[DRAWN_NO] = { "<rect class=\"p-red\" x=\"1\" y=\"1\" width=\"24\" height=\"12\" "
			       "rx=\"2\"/>",
			       "not justified" },
		[DRAWN_DRILL] = { "<rect class=\"p-drill\" x=\"1\" y=\"1\" width=\"24\" "
				  "height=\"12\" rx=\"2\"/>",
				  "drill" },
		[DRAWN_UNTRUSTED] = { "<rect class=\"p-red\" x=\"8\" y=\"1\" width=\"17\" "
				      "height=\"12\"/><circle "
				      "class=\"f-red s-page\" cx=\"8\" cy=\"7\" r=\"6.5\"/><rect "
				      "class=\"f-on-red\" "
				      "x=\"4\" y=\"6\" width=\"8\" height=\"2.2\"/>",
				      "untrusted source" },
		[DRAWN_MOVE] = { "<path class=\"s-ink\" d=\"M6 1v9M20 13v-9\"/><path "
				 "class=\"f-ink\" d=\"M2 7l4 6 "
				 "4-6zM16 7l4-6 4 6z\"/>",
				 "failover, failback" },
		[DRAWN_BGP] = { "<path class=\"s-hex f-page\" d=\"M4 2h6l3 5-3 5H4L1 7z\"/><path "
				"class=\"s-hex "
				"f-hex\" d=\"M17 2h5l3 5-3 5h-5l-3-5z\"/>",
				"BGP down, up" },
		[DRAWN_ALERT] = { "<path class=\"s-ink\" d=\"M9 14V1\"/><path class=\"f-ink\" "
				  "d=\"M9 1l9 3.5-9 "
				  "3.5z\"/>",
				  "alert" },
		[DRAWN_GAP] = { "<rect class=\"p-blind\" x=\"1\" y=\"1\" width=\"24\" "
				"height=\"12\"/>",
				"we could not see" },
	};

	bool drawn[DRAWN_NUM] = { false };

	look(doc, drawn);
	fputs("<ul class=\"key\">", to);
	for (size_t i = 0; i < DRAWN_NUM; i++)
		if (drawn[i])
			fprintf(to, "<li>" SWATCH "%s</svg>%s</li>", rows[i].drawn, rows[i].words);
	fputs("</ul>\n", to);
}
