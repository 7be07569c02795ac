/* SPDX-License-Identifier: Apache-2.0 */
/* Questions as the user writes them: what is understood, what is refused; and what is
 * answered where that depends on the question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/command/query.h"
#include "collector/ingest/ingest.h"
#include "common/clock.h"
#include "tests/unit/alert_events.h"

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

static void test_given(void **state)
{
	struct query_args args = { .format = "json" };

	assert_null(query_given(&args));
	args.limit = "1";
	assert_string_equal(query_given(&args), "limit");
	args.since = "-1h";
	assert_string_equal(query_given(&args), "since");
}

/* ---- answers -------------------------------------------------------------------- */

static struct store *store;
static uint64_t seq;

static void flow(uint64_t at_ns, const char *type, struct a_flow f)
{
	struct ingest_counts counts = { 0 };
	struct ingest_entry entry = { .id = "1-1" };
	char parts[DOC_LEN], doc[DOC_LEN];

	entry.json = document(doc, "a", ++seq, at_ns, type, "info", flow_parts(parts, &f, at_ns));
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, at_ns, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(counts.dead, 0);
}

static int setup(void **state)
{
	char err[256];

	seq = 0;
	store = store_open(":memory:", STORE_WRITE, err, sizeof(err));
	if (!store)
		return -1;
	store_set_name(store, "glasswatch-test");
	flow(NOW - 100 * NS_PER_S, "flow.start", (struct a_flow){ .id = "f1" });
	flow(NOW - 90 * NS_PER_S, "flow.start", (struct a_flow){ .id = "f2" });
	flow(NOW - 80 * NS_PER_S, "flow.end",
	     (struct a_flow){ .id = "f2", .start_ns = NOW - 90 * NS_PER_S });
	return 0;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

/* The cell of a CSV answer, in the row of this flow. */
static const char *cell(const char *flow_id, const char *column)
{
	static char text[4000], value[200];
	struct query_args args = { .format = "csv" };
	FILE *to = fmemopen(text, sizeof(text) - 1, "w");
	char err[256], *line, *end, *at;
	struct query q;
	int n = 0;

	memset(text, 0, sizeof(text));
	assert_true(query_parse(QUERY_FLOWS, &args, NOW, &q, err, sizeof(err)));
	assert_true(query_run(store, &q, to) > 0);
	fclose(to);
	end = strstr(text, "\r\n");
	assert_non_null(end);
	*end = '\0';
	at = strstr(text, column);
	assert_non_null(at);
	for (char *c = text; c < at; c++)
		n += *c == ',';
	for (line = end + 2; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
		*end = '\0';
		if (strcmp(strrchr(line, ',') + 1, flow_id) == 0)
			break;
	}
	assert_non_null(end);
	for (at = line; n; at++)
		n -= *at == ',';
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, ","), at);
	return value;
}

/* As `sessions` and the API have it. */
static void test_duration(void **state)
{
	assert_string_equal(cell("f1", "duration"), "100"); /* it is open: until now */
	assert_string_equal(cell("f2", "duration"), "10");
}

static void test_follow(void **state)
{
	struct query_args args = { .format = "json", .type = "flow", .limit = "2" };
	char err[256], text[4000] = "";
	FILE *to = fmemopen(text, sizeof(text) - 1, "w");
	uint64_t after = 0;
	struct query q;
	char *second;

	assert_true(query_parse(QUERY_EVENTS, &args, NOW, &q, err, sizeof(err)));
	assert_true(q.limited);
	assert_int_equal(query_follow(store, &q, q.filter.limit, to, &after), 2);
	second = strstr(text, "\n{");
	assert_non_null(second);
	assert_non_null(strstr(text, "a/2\""));
	assert_non_null(strstr(second, "a/3\""));
	assert_int_equal(query_follow(store, &q, 0, to, &after), 0);
	flow(NOW, "flow.end", (struct a_flow){ .id = "f1", .start_ns = NOW - 100 * NS_PER_S });
	assert_int_equal(query_follow(store, &q, 0, to, &after), 1);
	fclose(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understood),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_given),
		cmocka_unit_test_setup_teardown(test_duration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_follow, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
