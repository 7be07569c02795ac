/* SPDX-License-Identifier: Apache-2.0 */
/* What makes several devices one incident, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collector/rules/joint.h"

#define S(s) ((uint64_t)(s) * NS_PER_S)
#define HOUR 3600

/* Seconds; answered 0: nobody has. */
static void test_joins(void **state)
{
	static const struct {
		const char *name;
		unsigned began, newest;
		bool has_loss;
		unsigned at;
		bool lost;
		enum incident_path path;
		unsigned answered;
		bool joins;
	} cases[] = {
		{ "minutes later", 1000, 1000, true, 1200, true, INCIDENT_INBAND, 0, true },
		{ "hours later, nobody answered", 1000, 1000, true, 1000 + 3 * HOUR, true,
		  INCIDENT_INBAND, 0, true },
		{ "hours later, one had answered", 1000, 1000, true, 1000 + 3 * HOUR, true,
		  INCIDENT_INBAND, 2000, false },
		{ "one answered, but just then", 1000, 1000, true, 1500, true, INCIDENT_INBAND,
		  1200, true },
		{ "close to the newest of many", 1000, 9000, true, 9300, true, INCIDENT_INBAND,
		  2000, true },
		{ "the answer came after both", 1000, 1000, true, 1000 + HOUR, true,
		  INCIDENT_INBAND, 1001 + HOUR, true },
		{ "nobody on lo6", 1000, 1000, true, 1010, true, INCIDENT_FAILING, 0, true },
		{ "it had begun before", 1000 + HOUR, 1000 + HOUR, true, 1000, true,
		  INCIDENT_FAILING, 0, true },
		{ "long before, and one answered since", 1000 + HOUR, 1000 + HOUR, true, 1000,
		  true, INCIDENT_FAILING, 1500, false },
		{ "unexplained, nobody answered", 1000, 1000, true, 1200, false,
		  INCIDENT_UNEXPLAINED, 0, true },
		{ "unexplained, one answered", 1000, 1000, true, 1200, false,
		  INCIDENT_UNEXPLAINED, 1100, false },
		{ "its Ma1 works", 1000, 1000, true, 1200, false, INCIDENT_UNJUSTIFIED, 0, false },
		{ "its Ma1 refused", 1000, 1000, true, 1200, false, INCIDENT_INBAND, 0, false },
		{ "the other is no loss", 1000, 1000, false, 1200, true, INCIDENT_INBAND, 0,
		  false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct joint_sign incident = { S(cases[i].began), cases[i].has_loss,
					       INCIDENT_INBAND };
		struct joint_sign episode = { S(cases[i].at), cases[i].lost, cases[i].path };

		if (joint_joins(&incident, S(cases[i].newest), &episode, S(cases[i].answered)) !=
		    cases[i].joins)
			fail_msg("%s", cases[i].name);
	}
}

static void test_word(void **state)
{
	static const struct {
		enum joint_word now;
		struct joint_facts facts; /* lost, answered, witness_lost, closed */
		enum joint_word then;
	} cases[] = {
		{ JOINT_NOTHING, { 0 }, JOINT_NOTHING },
		{ JOINT_NOTHING, { .lost = 1 }, JOINT_NOTHING },
		{ JOINT_NOTHING, { .lost = 1, .answered = true }, JOINT_NOTHING },
		{ JOINT_NOTHING, { .lost = 2 }, JOINT_SUSPECTED },
		{ JOINT_NOTHING, { .lost = 2, .answered = true }, JOINT_WITHDRAWN },
		{ JOINT_SUSPECTED, { .lost = 5 }, JOINT_SUSPECTED },
		{ JOINT_SUSPECTED, { .lost = 1 }, JOINT_SUSPECTED },
		{ JOINT_SUSPECTED, { .lost = 4, .answered = true }, JOINT_WITHDRAWN },
		{ JOINT_SUSPECTED,
		  { .lost = 4, .answered = true, .witness_lost = true },
		  JOINT_OVER },
		{ JOINT_SUSPECTED, { .closed = true }, JOINT_OVER },
		{ JOINT_OVER, { .lost = 3 }, JOINT_OVER },
		{ JOINT_WITHDRAWN, { .lost = 3 }, JOINT_WITHDRAWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (joint_word(cases[i].now, &cases[i].facts) != cases[i].then)
			fail_msg("case %zu", i);
	for (int i = 0; i < JOINT_NUM_WORDS; i++)
		assert_int_equal(joint_word_parse(joint_word_name((enum joint_word)i)), i);
	assert_int_equal(joint_word_parse(NULL), JOINT_NOTHING);
	assert_int_equal(joint_word_parse("nonsense"), JOINT_NOTHING);
}

static void test_source(void **state)
{
	struct event e = { .device = "d",
			   .has_flow = true,
			   .has_ends = true,
			   .source = { .ip = { .family = 4 } },
			   .service = GW_SERVICE_SSH,
			   .has_trust = true,
			   .trust = { .verdict = GW_VERDICT_UNTRUSTED } };

	assert_true(joint_takes_source(&e));
	e.trust.neighbor = true;
	assert_true(joint_takes_source(&e));
	e.service = GW_SERVICE_BGP;
	assert_false(joint_takes_source(&e));
	e.trust.neighbor = false;
	assert_true(joint_takes_source(&e));
	e.flow.outbound = true;
	assert_false(joint_takes_source(&e));
	e.flow.outbound = false;
	e.trust.verdict = GW_VERDICT_NO_POLICY;
	assert_false(joint_takes_source(&e));
	for (int i = 0; i < JOINT_NUM_REACHES; i++)
		assert_int_equal(joint_reach_parse(joint_reach_name((enum joint_reach)i)), i);
	assert_string_equal(joint_reach_severity(JOINT_ATTEMPT), "notice");
	assert_string_equal(joint_reach_severity(JOINT_LOGGED_IN), "critical");
}

static void test_justified(void **state)
{
	static const struct {
		const char *before;
		bool drill;
		const char *state, *then;
	} cases[] = {
		{ NULL, false, "", "unknown" },
		{ NULL, false, "primary", "unknown" },
		{ "unknown", false, "in-band", "yes" },
		{ NULL, false, "primary-failing", "yes" },
		{ NULL, false, "unreachable", "yes" },
		{ "unknown", false, "in-band-unexplained", "unknown" },
		{ "unknown", false, "in-band-unjustified", "no" },
		{ "no", false, "in-band", "no" },
		{ "yes", false, "in-band-unjustified", "yes" },
		{ "yes", false, "primary", "yes" },
		{ NULL, true, "in-band-unjustified", "drill" },
		{ "no", true, "in-band", "drill" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
			joint_justified(cases[i].before, cases[i].drill, cases[i].state),
			cases[i].then);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_justified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
