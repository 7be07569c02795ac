/* SPDX-License-Identifier: Apache-2.0 */
/* Questions as the user writes them: what is understood, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/query.h"
#include "common/clock.h"

#define NOW (1700000000 * NS_PER_S)

static void test_understood(void **state)
{
	struct query_args args = { .since = "-2h",
				   .until = "2023-11-14T22:13:20Z",
				   .source = "10.0.0.0/8",
				   .path = "in-band",
				   .service = "ssh",
				   .verdict = "no-policy",
				   .type = "alert.first-seen",
				   .format = "csv",
				   .limit = "7",
				   .device = "d" };
	struct query q;
	char err[256];

	assert_true(query_parse(QUERY_EVENTS, &args, NOW, &q, err, sizeof(err)));
	assert_int_equal(q.filter.since_ns, NOW - 7200 * NS_PER_S);
	assert_int_equal(q.filter.until_ns, NOW);
	assert_int_equal(q.filter.source.len, 8);
	assert_int_equal(q.format, OUTPUT_CSV);
	assert_int_equal(q.filter.limit, 7);
	assert_false(q.cut);
	assert_string_equal(q.filter.type, "alert.first-seen");

	args = (struct query_args){ .source = "::1" };
	assert_true(query_parse(QUERY_FLOWS, &args, NOW, &q, err, sizeof(err)));
	assert_int_equal(q.filter.source.len, 128);
	assert_int_equal(q.filter.limit, QUERY_TABLE_LIMIT);
	assert_true(q.cut);
	args.format = "json";
	assert_true(query_parse(QUERY_FLOWS, &args, NOW, &q, err, sizeof(err)));
	assert_int_equal(q.filter.limit, 0);
	args.format = "table";
	args.limit = "0";
	assert_true(query_parse(QUERY_FLOWS, &args, NOW, &q, err, sizeof(err)));
	assert_int_equal(q.filter.limit, 0);
	assert_false(q.cut);
}

static void test_refused(void **state)
{
	static const struct {
		struct query_args args;
		const char *words;
	} cases[] = {
		{ { .path = "both" }, "--path \"both\": one of primary, in-band" },
		{ { .service = "telnet" }, "--service \"telnet\": one of ssh, bgp" },
		{ { .verdict = "" }, "one of trusted, untrusted, no-policy" },
		{ { .format = "xml" }, "one of table, json, csv" },
		{ { .type = "alert." }, "agent.loss" },
		{ { .type = "flows" }, "one of flow, bgp, path" },
		{ { .since = "2 hours" }, "--since" },
		{ { .until = "99" }, "--until" },
		{ { .since = "-1h", .until = "-2h" }, "not before" },
		{ { .source = "10.0.0" }, "--source \"10.0.0\": an address" },
		{ { .source = "10.0.0.0/33" }, "prefix" },
		{ { .limit = "-1" }, "--limit" },
		{ { .limit = "99999999999999999999" }, "--limit" },
		{ { .limit = "1e3" }, "--limit" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct query q;
		char err[600] = "";

		if (query_parse(QUERY_EVENTS, &cases[i].args, NOW, &q, err, sizeof(err)))
			fail_msg("case %zu is taken", i);
		if (!strstr(err, cases[i].words))
			fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err, cases[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understood),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
