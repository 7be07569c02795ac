/* SPDX-License-Identifier: Apache-2.0 */
/* What is missing, and when that is worth an alert: cases and moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/rules/silence.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)

static void test_agent(void **state)
{
	static const struct {
		const char *what;
		struct silence_agent agent;
		uint64_t now, listening;
		enum silence_change want;
	} cases[] = {
		{ "heard just now", { S(1000), 0, true }, S(1001), S(1), SILENCE_NOTHING },
		{ "three heartbeats", { S(1000), 0, true }, S(1030), S(1), SILENCE_NOTHING },
		{ "more than three", { S(1000), 0, true }, S(1031), S(1), SILENCE_RAISE },
		{ "its own interval", { S(1000), S(60), true }, S(1180), S(1), SILENCE_NOTHING },
		{ "beyond it", { S(1000), S(60), true }, S(1181), S(1), SILENCE_RAISE },
		{ "a quick one", { S(1000), S(1), true }, S(1004), S(1), SILENCE_RAISE },
		{ "stopped", { S(1000), 0, false }, S(9000), S(1), SILENCE_NOTHING },
		{ "we do not listen", { S(1000), 0, true }, S(9000), 0, SILENCE_NOTHING },
		{ "we listen since now", { S(1000), 0, true }, S(9000), S(8990), SILENCE_NOTHING },
		{ "and for long", { S(1000), 0, true }, S(9000), S(8969), SILENCE_RAISE },
		{ "never heard by this collector", { 0, 0, true }, S(9000), S(8969),
		  SILENCE_RAISE },
		{ "a clock that stepped back",
		  { S(9000), 0, true },
		  S(50),
		  S(20),
		  SILENCE_NOTHING },
		{ "and nothing since", { S(9000), 0, true }, S(51), S(20), SILENCE_RAISE },
		{ "a little: another collector's",
		  { S(60), 0, true },
		  S(51),
		  S(20),
		  SILENCE_NOTHING },
		{ "told before it stepped back",
		  { S(8900), 0, true, true, S(9000) },
		  S(60),
		  S(20),
		  SILENCE_NOTHING },
		{ "and heard since",
		  { S(55), 0, true, true, S(9000) },
		  S(60),
		  S(20),
		  SILENCE_CLEAR },
		{ "told already",
		  { S(1000), 0, true, true, S(1031) },
		  S(5000),
		  S(1),
		  SILENCE_NOTHING },
		{ "back", { S(4999), 0, true, true, S(1031) }, S(5000), S(1), SILENCE_CLEAR },
		{ "back, in a backlog",
		  { S(4999), 0, true, true, S(1031) },
		  S(5000),
		  0,
		  SILENCE_CLEAR },
		{ "its stop came late",
		  { S(1000), 0, false, true, S(1031) },
		  S(5000),
		  S(1),
		  SILENCE_CLEAR },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (silence_agent(&cases[i].agent, cases[i].now, cases[i].listening) !=
		    cases[i].want)
			fail_msg("%s", cases[i].what);
}

static void test_times(void **state)
{
	assert_false(silence_gap_due(S(100), S(159)));
	assert_true(silence_gap_due(S(100), S(160)));
	assert_false(silence_gap_due(S(100), S(50)));
	assert_false(silence_growth_due(S(100), S(159)));
	assert_true(silence_growth_due(S(100), S(160)));
	assert_true(silence_growth_due(S(100), S(50)));
}

static void test_growth(void **state)
{
	static const struct {
		const char *before, *now, *want; /* NULL: none */
	} cases[] = {
		{ NULL, "{}", NULL },
		{ NULL, "{'capture':{'packets':9,'dropped_ring_full':0}}", NULL },
		{ NULL, "{'capture':{'packets':9,'dropped_ring_full':3}}",
		  "{'capture.dropped_ring_full':3}" },
		{ "{'capture':{'dropped_ring_full':3}}", "{'capture':{'dropped_ring_full':3}}",
		  NULL },
		{ "{'capture':{'dropped_ring_full':3}}", "{'capture':{'dropped_ring_full':5}}",
		  "{'capture.dropped_ring_full':2}" },
		/* the agent has begun anew */
		{ "{'capture':{'dropped_ring_full':3}}", "{'capture':{'dropped_ring_full':1}}",
		  "{'capture.dropped_ring_full':1}" },
		{ "{'engine':{'table_full':0},'delivery':{'dropped':{'outbox-full':4}}}",
		  "{'engine':{'table_full':2,'flows':7},'delivery':{'generated':9,"
		  "'dropped':{'outbox-full':9,'outbox-unwritten':1}}}",
		  "{'engine.table_full':2,'delivery.dropped.outbox-full':5,"
		  "'delivery.dropped.outbox-unwritten':1}" },
		/* what is no counter */
		{ "[]", "{'dropped':'x','a':{'dropped':[1]},'dropped_x':-4,'b':{'dropped':null}}",
		  NULL },
		{ NULL, "{'a':{'b':{'c':{'d':{'dropped':1}}}}}", NULL },
		{ NULL, "[]", NULL },
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *doc[3] = { NULL, NULL, NULL }, *got;
		const char *from[3] = { cases[i].before, cases[i].now, cases[i].want };

		for (int k = 0; k < 3; k++) {
			if (!from[k])
				continue;
			snprintf(text, sizeof(text), "%s", from[k]);
			for (char *c = text; *c; c++)
				*c = *c == '\'' ? '"' : *c;
			doc[k] = json_loads(text, 0, NULL);
			assert_non_null(doc[k]);
		}
		got = silence_growth(doc[0], doc[1]);
		if ((got == NULL) != (doc[2] == NULL) || (got && !json_equal(got, doc[2])))
			fail_msg("%s", cases[i].now);
		json_decref(got);
		for (int k = 0; k < 3; k++)
			json_decref(doc[k]);
	}
}

static void test_interval(void **state)
{
	static const struct {
		const char *stats;
		uint64_t want;
	} cases[] = {
		{ "{}", 0 },
		{ "{\"heartbeat\":{\"interval_s\":10.0}}", S(10) },
		{ "{\"heartbeat\":{\"interval_s\":3}}", S(3) },
		{ "{\"heartbeat\":{\"interval_s\":0.25}}", S(1) },
		{ "{\"heartbeat\":{\"interval_s\":-1}}", 0 },
		{ "{\"heartbeat\":{\"interval_s\":1e300}}", 0 },
		{ "{\"heartbeat\":{\"interval_s\":\"10\"}}", 0 },
		{ "{\"heartbeat\":10}", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *stats = json_loads(cases[i].stats, 0, NULL);

		assert_int_equal(silence_interval(stats), cases[i].want);
		json_decref(stats);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agent),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
