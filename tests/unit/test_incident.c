/* SPDX-License-Identifier: Apache-2.0 */
/* The correlation rules as tables: memory and event in, actions out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/incident.h"
#include "common/clock.h"

#define T0 (1000 * NS_PER_S)

static struct event change(const char *to, uint64_t seq, double outage_s)
{
	return (struct event){
		.type = EVENT_PATH_CHANGE,
		.agent = "a",
		.seq = seq,
		.time_ns = T0 + seq * NS_PER_S,
		.device = "d",
		.has_change = true,
		.change = { .from = "primary", .to = to, .reason = "r", .outage_s = outage_s }
	};
}

/* One path.change after another; what each must lead to. */
static void test_transitions(void **state)
{
	static const struct {
		const char *to;
		unsigned actions;
		uint64_t began, closed; /* as sequence numbers */
	} steps[] = {
		{ "primary", 0 },
		{ "primary-failing", 0 },
		{ "primary", 0 }, /* recovered before anybody was on lo6 */
		{ "primary-failing", 0 },
		{ "in-band", INCIDENT_OPEN | INCIDENT_GATHER | INCIDENT_EVENT | INCIDENT_FIRST_SIGN,
		  4 },
		{ "unreachable", INCIDENT_CHANGE | INCIDENT_EVENT },
		{ "in-band", INCIDENT_CHANGE | INCIDENT_EVENT },
		{ "primary-failing", INCIDENT_CHANGE | INCIDENT_EVENT },
		{ "primary", INCIDENT_CHANGE | INCIDENT_EVENT | INCIDENT_CLOSE, 0, 9 },
		{ "primary", 0 },
		{ "in-band-unjustified", INCIDENT_OPEN | INCIDENT_GATHER | INCIDENT_EVENT, 11 },
		{ "in-band", INCIDENT_CHANGE | INCIDENT_EVENT },
		{ "primary", INCIDENT_CHANGE | INCIDENT_EVENT | INCIDENT_CLOSE, 0, 13 },
		{ "in-band-unexplained", INCIDENT_OPEN | INCIDENT_GATHER | INCIDENT_EVENT, 14 },
		{ "primary", INCIDENT_CHANGE | INCIDENT_EVENT | INCIDENT_CLOSE, 0, 15 },
		{ "unreachable", INCIDENT_OPEN | INCIDENT_GATHER | INCIDENT_EVENT, 16 },
		{ "a-state-of-tomorrow", 0 },
		{ "primary", INCIDENT_CHANGE | INCIDENT_EVENT | INCIDENT_CLOSE, 0, 18 },
	};
	struct store_path memory = { 0 };
	struct incident_change out;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct event e = change(steps[i].to, i + 1, -1);

		incident_step(&memory, &e, 100 + i, &out);
		if (out.actions != steps[i].actions)
			fail_msg("step %zu to %s: actions %u, not %u", i + 1, steps[i].to,
				 out.actions, steps[i].actions);
		if (steps[i].began)
			assert_int_equal(out.began_ns, T0 + steps[i].began * NS_PER_S);
		if (steps[i].closed)
			assert_int_equal(out.closed_ns, T0 + steps[i].closed * NS_PER_S);
		if (out.actions & INCIDENT_OPEN)
			memory.incident = 7 + i;
	}
	assert_int_equal(memory.incident, 0);
}

static void test_outage(void **state)
{
	struct store_path memory = { 0 };
	struct incident_change out;
	struct event e;

	/* The agent's own measure wins; else from the first sign; else not known. */
	e = change("primary-failing", 10, -1);
	incident_step(&memory, &e, 1, &out);
	e = change("in-band", 20, -1);
	incident_step(&memory, &e, 2, &out);
	assert_int_equal(out.first_sign, 1);
	memory.incident = 1;
	e = change("primary", 40, 55.5);
	incident_step(&memory, &e, 3, &out);
	assert_true(out.outage_s == 55.5);

	e = change("primary-failing", 50, -1);
	incident_step(&memory, &e, 4, &out);
	e = change("unreachable", 60, -1);
	incident_step(&memory, &e, 5, &out);
	memory.incident = 2;
	e = change("primary", 75, -1);
	incident_step(&memory, &e, 6, &out);
	assert_true(out.outage_s == 25);

	e = change("in-band-unjustified", 80, -1);
	incident_step(&memory, &e, 7, &out);
	memory.incident = 3;
	e = change("primary", 90, -1);
	incident_step(&memory, &e, 8, &out);
	assert_true(out.outage_s < 0);
}

static void test_late(void **state)
{
	struct store_path memory = { 0 };
	struct incident_change out;
	struct event e = change("in-band", 20, -1);

	incident_step(&memory, &e, 1, &out);
	memory.incident = 1;

	/* A smaller number of the same agent is late, whatever its clock says. */
	e = change("primary", 19, -1);
	e.time_ns = T0 + 99 * NS_PER_S;
	assert_false(incident_step(&memory, &e, 2, &out));
	assert_int_equal(out.actions, INCIDENT_LATE);
	assert_int_equal(memory.incident, 1);

	/* A greater one is not, although the clock stepped back. */
	e = change("primary", 21, -1);
	e.time_ns = T0 - 99 * NS_PER_S;
	assert_true(incident_step(&memory, &e, 3, &out));
	assert_true(out.actions & INCIDENT_CLOSE);

	/* Between two agents only the clock can tell. */
	e = change("in-band", 30, -1);
	incident_step(&memory, &e, 4, &out);
	e = change("primary", 1, -1);
	e.agent = "b";
	e.time_ns = T0 + 29 * NS_PER_S;
	incident_step(&memory, &e, 5, &out);
	assert_int_equal(out.actions, INCIDENT_LATE);
	e.time_ns = T0 + 31 * NS_PER_S;
	incident_step(&memory, &e, 6, &out);
	assert_false(out.actions & INCIDENT_LATE);
}

static struct event flow(enum gw_path path, enum gw_verdict verdict, const char *outcome)
{
	return (struct event){
		.type = EVENT_FLOW_START,
		.agent = "a",
		.seq = 50,
		.time_ns = T0 + 50 * NS_PER_S,
		.device = "d",
		.path = path,
		.service = GW_SERVICE_SSH,
		.has_flow = true,
		.flow = { .id = "f", .start_ns = T0 + 50 * NS_PER_S, .outcome = outcome },
		.has_trust = true,
		.trust = { .verdict = verdict }
	};
}

static void test_flows(void **state)
{
	static const struct {
		enum gw_path path;
		enum gw_verdict verdict;
		const char *outcome;
		bool outbound, joins;
	} cases[] = {
		{ GW_PATH_INBAND, GW_VERDICT_TRUSTED, "established", false, true },
		{ GW_PATH_INBAND, GW_VERDICT_TRUSTED, "refused", false, true },
		{ GW_PATH_INBAND, GW_VERDICT_TRUSTED, "established", true, false },
		{ GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, "established", false, false },
		{ GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, "unanswered", false, true },
		{ GW_PATH_PRIMARY, GW_VERDICT_UNTRUSTED, "established", false, true },
		{ GW_PATH_NONE, GW_VERDICT_NONE, "attempt", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_path open = {
			.state = "in-band", .agent = "a", .seq = 1, .incident = 4
		};
		struct store_path calm = { .state = "primary", .agent = "a", .seq = 1 };
		struct event e = flow(cases[i].path, cases[i].verdict, cases[i].outcome);
		struct incident_change out;

		e.flow.outbound = cases[i].outbound;
		assert_false(incident_step(&open, &e, 9, &out));
		if (out.actions != (cases[i].joins ? INCIDENT_FLOW : 0))
			fail_msg("case %zu: actions %u", i, out.actions);
		assert_false(incident_step(&calm, &e, 9, &out));
		assert_int_equal(out.actions, 0);
	}
}

/* An agent that began anew never says failback; a session to Ma1 does. */
static void test_stale(void **state)
{
	struct store_path memory = { .state = "in-band",
				     .agent = "a",
				     .seq = 1,
				     .incident = 4,
				     .since_ns = T0 + NS_PER_S,
				     .failing_ns = T0 };
	struct event e = flow(GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, "established");
	struct incident_change out;

	assert_false(incident_step(&memory, &e, 9, &out));
	assert_int_equal(memory.incident, 4);

	memory.stale = true;
	e.agent = "b"; /* not the one that began anew */
	assert_false(incident_step(&memory, &e, 9, &out));
	e.agent = "a";
	e.flow.outcome = "attempt";
	assert_false(incident_step(&memory, &e, 9, &out));
	assert_int_equal(memory.incident, 4);

	e.flow.outcome = "established";
	assert_true(incident_step(&memory, &e, 9, &out));
	assert_true(out.actions & INCIDENT_CLOSE);
	assert_true(out.outage_s == 50);
	assert_int_equal(memory.incident, 0);
	assert_string_equal(memory.state, "primary");
}

static void test_others(void **state)
{
	struct store_path memory = { .state = "in-band", .agent = "a", .seq = 1, .incident = 4 };
	struct event e = { .type = EVENT_BGP_SESSION, .agent = "a", .seq = 5, .device = "d" };
	struct incident_change out;

	incident_step(&memory, &e, 9, &out);
	assert_int_equal(out.actions, INCIDENT_EVENT);
	assert_int_equal(out.incident, 4);
	e.device = NULL;
	incident_step(&memory, &e, 9, &out);
	assert_int_equal(out.actions, 0);
	e = (struct event){ .type = EVENT_AGENT_STATS, .agent = "a", .seq = 6, .device = "d" };
	incident_step(&memory, &e, 9, &out);
	assert_int_equal(out.actions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transitions), cmocka_unit_test(test_outage),
		cmocka_unit_test(test_late),	    cmocka_unit_test(test_flows),
		cmocka_unit_test(test_stale),	    cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
