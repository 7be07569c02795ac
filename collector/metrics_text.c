/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two formats differ in little: OpenMetrics calls a counter by its name without
 * _total where it describes it, wants quotes escaped there too, and an end mark.
 */
#include "collector/metrics_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct page {
	FILE *out;
	bool open; /* OpenMetrics */
	const struct metrics_family *family;
};

/* ---- writing --------------------------------------------------------------- */

static void put_escaped(struct page *p, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", p->out);
		else if (*text == '\\' || (*text == '"' && quotes))
			fprintf(p->out, "\\%c", *text);
		else
			fputc(*text, p->out);
	}
}

/* Numbers as both formats read them: bounds and seconds always with a fraction. */
static void put_real(struct page *p, double value)
{
	char text[40];

	snprintf(text, sizeof(text), "%.17g", value);
	if (strtod(text, NULL) == value)
		for (int digits = 1; digits < 17; digits++) {
			char shorter[40];

			snprintf(shorter, sizeof(shorter), "%.*g", digits, value);
			if (strtod(shorter, NULL) == value) {
				memcpy(text, shorter, sizeof(text));
				break;
			}
		}
	fprintf(p->out, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

static void begin(struct page *p, const struct metrics_family *f)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	size_t len = strlen(f->name);

	if (p->open && f->kind == METRICS_COUNTER)
		len -= strlen("_total");
	p->family = f;
	fprintf(p->out, "# HELP %.*s ", (int)len, f->name);
	put_escaped(p, f->help, p->open);
	fprintf(p->out, "\n# TYPE %.*s %s\n", (int)len, f->name, kinds[f->kind]);
}

/* Name, suffix, and the labels of the family with these words; `last` more, or NULL. */
static void put_name(struct page *p, const char *suffix, const char *const *words, const char *le)
{
	const char *key = p->family->labels;
	char between = '{';

	fprintf(p->out, "%s%s", p->family->name, suffix);
	for (unsigned i = 0; *key; i++) {
		size_t len = strcspn(key, " ");

		fprintf(p->out, "%c%.*s=\"", between, (int)len, key);
		put_escaped(p, words[i] ? words[i] : "", true);
		fputc('"', p->out);
		between = ',';
		key += len + (key[len] == ' ');
	}
	if (le)
		fprintf(p->out, "%cle=\"%s\"", between, le);
	if (le || between == ',')
		fputc('}', p->out);
	fputc(' ', p->out);
}

static void put_whole(struct page *p, const char *const *words, int64_t value)
{
	put_name(p, "", words, NULL);
	fprintf(p->out, "%" PRId64 "\n", value);
}

static void put_seconds(struct page *p, const char *const *words, double value)
{
	put_name(p, "", words, NULL);
	put_real(p, value);
	fputc('\n', p->out);
}

/* ---- what the process counts ----------------------------------------------- */

struct own {
	struct page *page;
	enum metric which;
};

static void put_histogram(struct page *p, enum metric which, const struct metrics_value *v)
{
	const double *bounds;
	unsigned n = metrics_buckets(which, &bounds);
	char le[40];

	for (unsigned i = 0; i < n; i++) {
		snprintf(le, sizeof(le), "%g", bounds[i]);
		if (!strpbrk(le, ".e"))
			strcat(le, ".0");
		put_name(p, "_bucket", v->labels, le);
		fprintf(p->out, "%" PRIu64 "\n", v->buckets[i]);
	}
	put_name(p, "_bucket", v->labels, "+Inf");
	fprintf(p->out, "%" PRIu64 "\n", v->count);
	put_name(p, "_sum", v->labels, NULL);
	put_real(p, v->sum);
	fputc('\n', p->out);
	put_name(p, "_count", v->labels, NULL);
	fprintf(p->out, "%" PRIu64 "\n", v->count);
}

static void put_own(void *arg, const struct metrics_value *v)
{
	const struct own *o = arg;

	if (o->page->family->kind == METRICS_HISTOGRAM)
		put_histogram(o->page, o->which, v);
	else
		put_whole(o->page, v->labels, v->gauge);
}

static void process(struct page *p, const struct metrics *m)
{
	for (unsigned i = 0; i < METRIC_OWN_NUM; i++) {
		struct own o = { p, i };

		begin(p, metrics_family(i));
		metrics_each(m, i, put_own, &o);
	}
}

/* ---- the page -------------------------------------------------------------- */

enum here { HERE_BUILD, HERE_STARTED, HERE_NUM };

static const struct metrics_family here[] = {
	[HERE_BUILD] = { "glasswatch_build_info", METRICS_GAUGE, "version", "Always 1." },
	[HERE_STARTED] = { "process_start_time_seconds", METRICS_GAUGE, "",
			   "When the collector was started." },
};
static_assert(COUNT(here) == HERE_NUM, "a row for each");

const struct metrics_family *metrics_text_family(unsigned i)
{
	if (i < HERE_NUM)
		return &here[i];
	i -= HERE_NUM;
	return i < METRIC_OWN_NUM ? metrics_family(i) : NULL;
}

static char *write_page(struct store *reader, const struct metrics *m, uint64_t now_ns, bool open)
{
	char *text = NULL;
	size_t size = 0;
	struct page p = { .out = open_memstream(&text, &size), .open = open };
	const char *const version[] = { GLASSWATCH_VERSION };
	bool bad;

	if (!p.out)
		return NULL;
	begin(&p, &here[HERE_BUILD]);
	put_whole(&p, version, 1);
	begin(&p, &here[HERE_STARTED]);
	if (m)
		put_seconds(&p, NULL, (double)metrics_started(m) / 1e9);
	process(&p, m);
	if (open)
		fputs("# EOF\n", p.out);
	bad = ferror(p.out);
	if (fclose(p.out) == 0 && !bad)
		return text;
	free(text);
	return NULL;
}

char *metrics_text(struct store *reader, const struct metrics *m, uint64_t now_ns)
{
	return write_page(reader, m, now_ns, false);
}

char *metrics_open_text(struct store *reader, const struct metrics *m, uint64_t now_ns)
{
	return write_page(reader, m, now_ns, true);
}
