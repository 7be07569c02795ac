/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An incident's document: what is said of it, and that it becomes Markdown and HTML
 * that nobody can break out of. UPDATE=1 writes the golden Markdown anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/report/axis.h"
#include "collector/report/report.h"
#include "collector/words/incident.h"
#include "collector/words/text.h"
#include "common/clock.h"
#include "tests/unit/html_check.h"

#define DIR "tests/unit/report/"

static char *render(const json_t *doc, enum report_format format)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	assert_int_equal(report_write(doc, format, to), 0);
	fclose(to);
	return text;
}

static json_t *load(const char *name)
{
	char path[200];
	json_error_t error;
	json_t *doc;

	snprintf(path, sizeof(path), DIR "%s.json", name);
	doc = json_load_file(path, 0, &error);
	if (!doc)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	assert_int_equal(incident_words(doc), 0);
	return doc;
}

static char *read_file(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r");
	ssize_t n = f ? getdelim(&text, &size, '\0', f) : -1;

	if (f)
		fclose(f);
	if (n < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void check_html(const json_t *doc)
{
	char *html = render(doc, REPORT_HTML);
	struct html_check c;

	if (!html_check(&c, html))
		fail_msg("%s", c.why);
	free(html);
}

/* ---- words ------------------------------------------------------------------- */

static void same(const char *what, const char *is, const char *want)
{
	if (strcmp(is, want) != 0)
		fail_msg("%s:\n     is: %s\n  wants: %s", what, is, want);
}

/* words.json: documents, and what is said of them. */
static void test_words(void **state)
{
	json_t *cases = json_load_file(DIR "words.json", 0, NULL), *c;
	size_t i;

	assert_true(json_array_size(cases) > 0);
	json_array_foreach(cases, i, c)
	{
		json_t *doc = json_object_get(c, "doc"), *words, *figures;

		assert_int_equal(incident_words(doc), 0);
		same(doc_text(c, "case"), doc_text(doc, "title"), doc_text(c, "title"));
		words = doc_list(doc, "words");
		assert_int_equal(json_array_size(words), 3);
		for (size_t k = 0; k < 3; k++)
			same(doc_text(c, "case"), json_string_value(json_array_get(words, k)),
			     json_string_value(json_array_get(doc_list(c, "words"), k)));
		figures = doc_list(doc, "figures");
		assert_int_equal(json_array_size(figures), 7);
		same(doc_text(c, "case"), doc_text(json_array_get(figures, 1), "value"),
		     doc_text(c, "figure"));
		check_html(doc);
	}
	json_decref(cases);
}

/* ---- what is written ----------------------------------------------------------- */

static void test_golden(void **state)
{
	json_t *doc = load("switch");
	char *md = render(doc, REPORT_MD), *again = render(doc, REPORT_MD), *want;

	assert_string_equal(md, again);
	if (getenv("UPDATE")) {
		FILE *f = fopen(DIR "switch.md", "w");

		assert_non_null(f);
		fputs(md, f);
		fclose(f);
	}
	want = read_file(DIR "switch.md");
	assert_non_null(want);
	assert_string_equal(md, want);
	free(md);
	free(again);
	free(want);
	json_decref(doc);
}

static void test_html(void **state)
{
	static const char *const pieces[] = {
		"<title>Incident 31: fab1-AR-MGMT1 is suspected to have failed at 01:14;",
		"Content-Security-Policy",
		"<main id=\"main\">",
		"<time datetime=\"2026-11-24T01:14:07.000Z\">01:14:07</time>",
		"role=\"img\" aria-labelledby=\"tl-t\" aria-describedby=\"tl-d\"",
		"<title>alice, 01:16:31 to 01:49:02</title>",
		"14 \xc3\x97 untrusted",
		"management switch suspected",
		"class=\"p-blind\"",
		"Other lists would permit it: <bdi>fab1-CP3-TOR2</bdi>",
		"end of the list, which denies",
		"1,204,118 places",
	};
	json_t *doc = load("switch");
	char *html = render(doc, REPORT_HTML), *again = render(doc, REPORT_HTML);

	assert_string_equal(html, again);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		if (!strstr(html, pieces[i]))
			fail_msg("lacks %s", pieces[i]);
	check_html(doc);
	free(html);
	free(again);
	json_decref(doc);
}

/* ---- hostile documents --------------------------------------------------------- */

static const char hostile[] = "</title></bdi><script>alert('x')</script> \" onload=\"x \x1b[31m"
			      "\xe2\x80\xae" // right to left
			      "&lt; | ` * _x_ [a](http://e) www.e.org \\| \xe2\x80\xa8";

/* Every string of the document becomes the hostile one; times keep theirs. */
static void poison(json_t *value)
{
	const char *key;
	void *next;
	json_t *v;
	size_t i;

	if (json_is_string(value)) {
		uint64_t ns;

		if (!time_parse(json_string_value(value), 0, &ns))
			json_string_set(value, hostile);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, v) poison(v);
	} else if (json_is_object(value)) {
		json_object_foreach_safe(value, next, key, v) if (strcmp(key, "kind") != 0 &&
								  strcmp(key, "status") != 0)
			poison(v);
	}
}

static void test_hostile(void **state)
{
	json_t *doc = load("switch");
	char *md, *html;

	poison(doc);
	html = render(doc, REPORT_HTML);
	check_html(doc);
	assert_null(strstr(html, "<script"));
	assert_null(strchr(html, '\x1b'));
	assert_non_null(strstr(html, "&lt;script&gt;"));
	assert_non_null(strstr(html, "\\x1b[31m"));
	assert_non_null(strstr(html, "\\xe2\\x80\\xae"));
	md = render(doc, REPORT_MD);
	assert_null(strchr(md, '\x1b'));
	assert_null(strstr(md, "http://"));
	assert_null(strstr(md, " <script"));
	assert_non_null(strstr(md, "\\<script>"));
	assert_non_null(strstr(md, "\\[a](http\\://e) www\\.e.org"));
	assert_non_null(strstr(md, "\\|"));
	free(md);
	free(html);
	/* The sentences too, made of such names. */
	assert_int_equal(incident_words(doc), 0);
	check_html(doc);
	json_decref(doc);
}

static void test_odd(void **state)
{
	static const char *const docs[] = {
		"{}",
		"{\"devices\":[1,null,{}],\"sessions\":[[]],\"untrusted\":{},\"gaps\":[\"x\"],"
		"\"words\":[1],\"figures\":[null],\"began\":\"-2h\",\"policy\":[],\"record\":1}",
		"{\"devices\":[{\"name\":\"d\",\"spans\":[{\"lost\":true,\"from\":\"9999-12-31T23:"
		"59:"
		"59Z\"}],\"moves\":[{}]}],\"began\":\"1970-01-01T00:00:00Z\",\"closed\":"
		"\"2200-01-01T00:00:00Z\",\"untrusted\":[{\"device\":\"d\",\"first\":"
		"\"2020-01-01T00:00:00Z\",\"attempts\":-5,\"walk\":[{}]}]}",
		"{\"status\":\"open\",\"as_of\":\"2026-11-24T02:00:00Z\",\"began\":"
		"\"2026-11-24T03:00:00Z\",\"devices\":[{\"name\":\"d\",\"lost\":"
		"\"2026-11-24T03:00:00Z\",\"lost_s\":-1e300}]}",
	};

	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
		json_t *doc = json_loads(docs[i], 0, NULL);

		assert_non_null(doc);
		check_html(doc);
		free(render(doc, REPORT_MD));
		assert_int_equal(incident_words(doc), 0);
		check_html(doc);
		free(render(doc, REPORT_MD));
		json_decref(doc);
	}
}

/* Many devices: the busy ones are drawn, the others are counted. */
static void test_many(void **state)
{
	json_t *doc = load("switch"), *devices = doc_list(doc, "devices");
	char *html;

	for (int i = 0; i < 100; i++) {
		json_t *d = json_deep_copy(json_array_get(devices, 0));
		char name[32];

		snprintf(name, sizeof(name), "fab1-CP%d-TOR1", i + 10);
		json_object_set_new(d, "name", json_string(name));
		json_object_set_new(d, "sessions", json_integer(0));
		json_array_insert_new(devices, 0, d);
	}
	check_html(doc);
	html = render(doc, REPORT_HTML);
	assert_non_null(strstr(html, "74 more devices are not drawn"));
	assert_non_null(strstr(html, "y=\"72\">fab1-AR-CE1</text>"));
	free(html);
	json_decref(doc);
}

/* ---- small pieces --------------------------------------------------------------- */

static void test_text(void **state)
{
	static const struct {
		double s;
		const char *text;
	} durations[] = { { 0, "0 s" },		  { 0.42, "0.4 s" },
			  { 9.97, "10 s" },	  { 47, "47 s" },
			  { 59.6, "1 min 00 s" }, { 2261, "37 min 41 s" },
			  { 7500, "2 h 05 min" }, { 273600, "3 d 4 h" },
			  { -3, "0 s" },	  { 1e300, "11574 d 1 h" } };
	char buf[TEXT_SMALL], *shown;

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		assert_string_equal(text_duration(durations[i].s, buf), durations[i].text);
	assert_string_equal(text_digits(1204118, buf), "1,204,118");
	assert_string_equal(text_digits(UINT64_MAX, buf), "18,446,744,073,709,551,615");
	assert_string_equal(text_many(0, "device", buf), "no devices");
	assert_string_equal(text_many(1, "device", buf), "one device");
	assert_string_equal(text_many(13, "device", buf), "13 devices");
	assert_string_equal(text_day(1795480000 * NS_PER_S, buf), "24 November 2026");
	shown = text_shown("\xc3\xa4\xc3\xb6\xc3\xbc", 2);
	assert_string_equal(shown, "\xc3\xa4\xc3\xb6\xe2\x80\xa6");
	free(shown);
}

static void test_axis(void **state)
{
	static const struct {
		const char *began, *closed;
		uint64_t step_s;
	} cases[] = {
		{ "2026-11-24T02:00:00Z", "2026-11-24T02:00:00Z", 1 },
		{ "2026-11-24T02:00:00Z", "2026-11-24T02:00:50Z", 10 },
		{ "2026-11-24T02:00:00Z", "2026-11-24T02:37:00Z", 300 },
		{ "2026-11-24T02:00:00Z", "2026-11-24T20:00:00Z", 3 * 3600 },
		{ "2026-11-24T02:00:00Z", "2027-11-24T20:00:00Z", 90 * 86400 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *doc =
			json_pack("{s:s, s:s}", "began", cases[i].began, "closed", cases[i].closed);
		struct axis a = axis_of(doc);
		unsigned ticks = 0;

		assert_int_equal(a.step_ns / NS_PER_S, cases[i].step_s);
		assert_true(a.from_ns < a.to_ns);
		for (uint64_t t = axis_first(&a); t <= a.to_ns; t += a.step_ns)
			ticks++;
		assert_in_range(ticks, 2, AXIS_TICKS);
		assert_true(axis_place(&a, 0) <= 0 && axis_place(&a, UINT64_MAX) >= 1);
		json_decref(doc);
	}
}

/* Of an untrusted source is drawn what it did; who is still there is there until now. */
static void test_lasting(void **state)
{
	json_t *source = json_pack("{s:s, s:s, s:s, s:I}", "first", "2026-11-24T02:00:00Z", "last",
				   "2026-11-24T02:00:03Z", "path", "in-band", "open",
				   (json_int_t)0);
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[o]}", "kind", "untrusted-source",
				"status", "open", "began", "2026-11-24T02:00:00Z", "last",
				"2026-11-24T02:00:03Z", "as_of", "2026-11-24T02:06:00Z",
				"untrusted", source);
	struct axis a = axis_of(doc);

	assert_int_equal(a.now_ns, 0);
	assert_true((a.to_ns - a.from_ns) / NS_PER_S < 10);
	json_object_set_new(source, "open", json_integer(1));
	a = axis_of(doc);
	assert_true(a.now_ns > 0);
	assert_true((a.to_ns - a.from_ns) / NS_PER_S > 360);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words), cmocka_unit_test(test_golden),
		cmocka_unit_test(test_html),  cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_odd),   cmocka_unit_test(test_many),
		cmocka_unit_test(test_text),  cmocka_unit_test(test_axis),
		cmocka_unit_test(test_lasting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
