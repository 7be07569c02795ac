/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as tables, JSON and CSV; text from the wire made harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/base/output.h"

struct row {
	const char *name, *list;
	uint64_t time, count, other;
	int64_t number;
	double seconds;
	bool flag;
};

static const struct column columns[] = {
	{ "name", "NAME", COLUMN_TEXT, offsetof(struct row, name), 8 },
	{ "in.list", "LIST", COLUMN_LIST, offsetof(struct row, list) },
	{ "in.time", "TIME", COLUMN_TIME, offsetof(struct row, time) },
	{ "count", "COUNT", COLUMN_COUNT, offsetof(struct row, count) },
	{ "other", NULL, COLUMN_ID, offsetof(struct row, other) },
	{ "number", NULL, COLUMN_NUMBER, offsetof(struct row, number) },
	{ "seconds", "TOOK", COLUMN_SECONDS, offsetof(struct row, seconds) },
	{ "flag", NULL, COLUMN_FLAG, offsetof(struct row, flag) },
};

static const struct row rows[] = {
	{ "a", "x,y", 1700000000000000000, 7, 9, 3, 2.5, true },
	{ "he said \"no\", then left; it was far", NULL, 0, 12345, 0, -1, -1, false },
};

static char *print(enum output_format format, unsigned width, unsigned n)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	struct output *o = output_open(to, format, columns, 8, width);

	for (unsigned i = 0; i < n; i++)
		output_row(o, &rows[i % 2], NULL);
	assert_int_equal(output_close(o), n);
	fclose(to);
	return text;
}

static void check(enum output_format format, unsigned width, unsigned n, const char *want)
{
	char *text = print(format, width, n);

	assert_string_equal(text, want);
	free(text);
}

static void test_formats(void **state)
{
	check(OUTPUT_TABLE, 0, 0, "");
	check(OUTPUT_JSON, 0, 0, "[]\n");
	check(OUTPUT_CSV, 0, 0, "name,in.list,in.time,count,other,number,seconds,flag\r\n");
	check(OUTPUT_TABLE, 0, 2,
	      "NAME                                 LIST  TIME                  COUNT  TOOK\n"
	      "a                                    x,y   2023-11-14T22:13:20Z      7  2.5s\n"
	      "he said \"no\", then left; it was far  -     -                     12345     -\n");
	check(OUTPUT_TABLE, 50, 2,
	      "NAME          LIST TIME                 COUNT TOOK\n"
	      "a             x,y  2023-11-14T22:13:20Z     7 2.5s\n"
	      "he sa..as far -    -                    12345    -\n");
	check(OUTPUT_CSV, 0, 2,
	      "name,in.list,in.time,count,other,number,seconds,flag\r\n"
	      "a,\"x,y\",2023-11-14T22:13:20.000000000Z,7,9,3,2.5,true\r\n"
	      "\"he said \"\"no\"\", then left; it was far\",,,12345,,,,false\r\n");
	check(OUTPUT_JSON, 0, 2,
	      "[\n{\"name\":\"a\",\"in\":{\"list\":[\"x\",\"y\"],"
	      "\"time\":\"2023-11-14T22:13:20.000000000Z\"},\"count\":7,\"other\":9,\"number\":3,"
	      "\"seconds\":2.5,\"flag\":true},\n"
	      "{\"name\":\"he said \\\"no\\\", then left; it was far\",\"count\":12345,"
	      "\"flag\":false}\n]\n");
}

static void cell_is(const char *text, bool guard, const char *want)
{
	char *out = NULL;
	size_t size;
	FILE *to = open_memstream(&out, &size);

	output_csv_cell(to, text, guard);
	fclose(to);
	assert_string_equal(out, want);
	free(out);
}

/* A spreadsheet shall not compute what a device is called. */
static void test_formula(void **state)
{
	static const struct column texts[] = {
		{ "name", "NAME", COLUMN_TEXT, 0, 0 },
		{ "list", "LIST", COLUMN_LIST, 0, 0 },
	};
	const char *row = "=1+1,\"x\"";
	char *out = NULL;
	size_t size;
	FILE *to = open_memstream(&out, &size);

	output_csv_row(to, texts, 2, &row);
	fclose(to);
	assert_string_equal(out, "\"'=1+1,\"\"x\"\"\",\"'=1+1,\"\"x\"\"\"\r\n");
	free(out);
	cell_is("=cmd|' /C calc'!A0", true, "'=cmd|' /C calc'!A0");
	cell_is("+1", true, "'+1");
	cell_is("-2+3", true, "'-2+3");
	cell_is("@SUM(1)", true, "'@SUM(1)");
	cell_is("a=b", true, "a=b");
	cell_is("", true, "");
	cell_is("-1", false, "-1");
}

/* A long answer is printed as it comes, with the widths of its beginning. */
static void test_long(void **state)
{
	char *text = print(OUTPUT_TABLE, 0, 2001), *p = text;
	unsigned lines = 0;

	for (; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 2002);
	free(text);
}

static void test_clean(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80",
		  "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80" },
		{ "\x1b[31mred\x07\n\t\x7f", "\\x1b[31mred\\x07\\x0a\\x09\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" }, /* C1: CSI in one character */
		{ "\xe2\x80\xae"
		  "txt",
		  "\\xe2\\x80\\xaetxt" },			  /* right-to-left override */
		{ "\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82" }, /* not UTF-8 */
	};
	char buf[128], small[8];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(output_clean(cases[i].text, buf, sizeof(buf)), cases[i].want);
	assert_string_equal(output_clean("abcdefghij", small, sizeof(small)), "abcdefg");
	assert_string_equal(output_clean("abcdef\xc3\xa9", small, sizeof(small)), "abcdef");
	assert_string_equal(output_clean("abcd\x01", small, sizeof(small)), "abcd");
}

static void test_units(void **state)
{
	char buf[24];

	assert_string_equal(output_duration(0, buf), "0.0s");
	assert_string_equal(output_duration(9.94, buf), "9.9s");
	assert_string_equal(output_duration(12.8, buf), "12.8s");
	assert_string_equal(output_duration(2232, buf), "37m12s");
	assert_string_equal(output_duration(7500, buf), "2h05m");
	assert_string_equal(output_duration(273600, buf), "3d04h");
	assert_string_equal(output_bytes(0, buf), "0 B");
	assert_string_equal(output_bytes(999, buf), "999 B");
	assert_string_equal(output_bytes(1000, buf), "1.0 kB");
	assert_string_equal(output_bytes(51230, buf), "51 kB");
	assert_string_equal(output_bytes(999999, buf), "1.0 MB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_formula),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
