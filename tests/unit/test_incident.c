/* SPDX-License-Identifier: Apache-2.0 */
/* The correlation rules of one device as tables: memory and event in, actions out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/rules/incident.h"
#include "common/clock.h"

#define T0 (1000 * NS_PER_S)
#define AGENTS 3

/* What the store would remember: the device, and what each agent sees of it. */
static struct store_path device;
static struct store_view views[AGENTS]; /* of agents "a", "b", "c" */
static struct incident_change out;
static uint64_t next_episode, ended_ns;

static int setup(void **state)
{
	memset(&device, 0, sizeof(device));
	memset(views, 0, sizeof(views));
	next_episode = 7;
	ended_ns = 0;
	return 0;
}

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

/* As correlate.c does it. */
static unsigned step_in(const struct event *e, uint64_t n, bool subnet_open)
{
	struct incident_others others = { .ended_ns = ended_ns };
	int who = e->agent[0] - 'a';

	if (!incident_needs_views(&device, e)) {
		incident_step(&device, NULL, NULL, subnet_open, e, n, &out);
		return out.actions;
	}
	for (int i = 0; i < AGENTS; i++)
		if (i != who)
			incident_other(&others, &views[i]);
	incident_step(&device, &views[who], &others, subnet_open, e, n, &out);
	if (out.actions & INCIDENT_OPEN)
		device.episode = next_episode++;
	if (out.actions & INCIDENT_CLOSE)
		ended_ns = out.closed_ns;
	for (int i = 0; i < AGENTS && out.actions & INCIDENT_CLOSE; i++)
		if (views[i].state[0]) {
			snprintf(views[i].state, sizeof(views[i].state), "primary");
			views[i].failing_ns = views[i].failing_event = 0;
		}
	return out.actions;
}

static unsigned step(const struct event *e, uint64_t n)
{
	return step_in(e, n, false);
}

#define OPENS (INCIDENT_OPEN | INCIDENT_GATHER | INCIDENT_EVENT)
#define JOINS (INCIDENT_CHANGE | INCIDENT_EVENT)
#define CONFIRMS INCIDENT_CHANGE /* another agent has told it already */
#define CLOSES (JOINS | INCIDENT_CLOSE)

/* One path.change after another; what each must lead to. */
static void test_transitions(void **state)
{
	static const struct {
		const char *to;
		unsigned actions;
		uint64_t began, closed; /* as sequence numbers */
		bool lost;
	} steps[] = {
		{ "primary", 0 },
		{ "primary-failing", 0, 0, 0, true },
		{ "primary", 0 }, /* recovered before anybody was on lo6 */
		{ "primary-failing", 0, 0, 0, true },
		{ "in-band", OPENS | INCIDENT_FIRST_SIGN, 4, 0, true },
		{ "unreachable", JOINS, 0, 0, true },
		{ "in-band", JOINS, 0, 0, true },
		{ "primary-failing", JOINS, 0, 0, true },
		{ "primary", CLOSES, 0, 9 },
		{ "primary", 0 },
		{ "in-band-unjustified", OPENS, 11 },
		{ "in-band", JOINS, 0, 0, true },
		{ "primary", CLOSES, 0, 13 },
		{ "in-band-unexplained", OPENS, 14 },
		{ "primary", CLOSES, 0, 15 },
		{ "unreachable", OPENS, 16, 0, true },
		{ "a-state-of-tomorrow", 0 },
		{ "primary", CLOSES, 0, 18 },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct event e = change(steps[i].to, i + 1, -1);

		step(&e, 100 + i);
		if (out.actions != steps[i].actions)
			fail_msg("step %zu to %s: actions %u, not %u", i + 1, steps[i].to,
				 out.actions, steps[i].actions);
		assert_int_equal(out.lost, steps[i].lost);
		if (steps[i].began)
			assert_int_equal(out.began_ns, T0 + steps[i].began * NS_PER_S);
		if (steps[i].closed)
			assert_int_equal(out.closed_ns, T0 + steps[i].closed * NS_PER_S);
	}
	assert_int_equal(device.episode, 0);
}

static void test_outage(void **state)
{
	struct event e;

	/* The agent's own measure wins; else from the first sign; else not known. */
	e = change("primary-failing", 10, -1);
	step(&e, 1);
	e = change("in-band", 20, -1);
	step(&e, 2);
	assert_int_equal(out.first_sign, 1);
	e = change("primary", 40, 55.5);
	step(&e, 3);
	assert_true(out.outage_s == 55.5);

	e = change("primary-failing", 50, -1);
	step(&e, 4);
	e = change("unreachable", 60, -1);
	step(&e, 5);
	e = change("primary", 75, -1);
	step(&e, 6);
	assert_true(out.outage_s == 25);

	e = change("in-band-unjustified", 80, -1);
	step(&e, 7);
	e = change("primary", 90, -1);
	step(&e, 8);
	assert_true(out.outage_s < 0);
}

static void test_late(void **state)
{
	struct event e = change("in-band", 20, -1);

	step(&e, 1);
	/* A smaller number of the same agent is late, whatever its clock says. */
	e = change("primary", 19, -1);
	e.time_ns = T0 + 99 * NS_PER_S;
	assert_int_equal(step(&e, 2), INCIDENT_LATE);
	assert_false(out.remember || out.view);
	assert_int_equal(device.episode, 7);

	/* A greater one is not, although the clock stepped back. */
	e = change("primary", 21, -1);
	e.time_ns = T0 - 99 * NS_PER_S;
	assert_true(step(&e, 3) & INCIDENT_CLOSE);

	/* Of another agent, what is older than what closed the last one. */
	e = change("in-band", 30, -1);
	step(&e, 4);
	e = change("primary", 40, -1);
	assert_true(step(&e, 5) & INCIDENT_CLOSE);
	e = change("in-band", 1, -1);
	e.agent = "b";
	e.time_ns = T0 + 29 * NS_PER_S;
	assert_int_equal(step(&e, 6), INCIDENT_LATE);
	assert_int_equal(device.episode, 0);
	e.seq = 2; /* it is remembered that this agent has spoken, and it holds nothing open */
	e.time_ns = T0 + 41 * NS_PER_S;
	assert_int_equal(step(&e, 7), OPENS);
	e = change("primary", 42, -1);
	assert_int_equal(step(&e, 8), CONFIRMS);
}

/*
 * Two agents and one device: agent, state, reason, time; what it leads to, and whether
 * an episode is open then. Times are seconds, and numbers within each agent.
 */
static void test_two_agents(void **state)
{
	static const struct {
		const char *name;
		struct {
			char agent;
			const char *to, *reason;
			double at;
			unsigned actions;
			bool open;
		} steps[10];
	} scenes[] = {
		{ "both see the same",
		  { { 'a', "primary-failing", "primary-unanswered", 10, 0, false },
		    { 'b', "primary-failing", "primary-unanswered", 10.1, 0, false },
		    { 'a', "in-band", "primary-unanswered", 20, OPENS | INCIDENT_FIRST_SIGN, true },
		    { 'b', "in-band", "primary-unanswered", 20.1, CONFIRMS | INCIDENT_EARLIER,
		      true },
		    { 'a', "primary", "primary-ok", 30, CLOSES, false },
		    { 'b', "primary", "primary-ok", 30.1, 0, false } } },
		{ "the end of the last session is everybody's word",
		  { { 'a', "in-band-unjustified", "primary-ok", 10, OPENS, true },
		    { 'b', "in-band-unjustified", "primary-ok", 10.1,
		      CONFIRMS | INCIDENT_EARLIER, true },
		    { 'b', "primary", "in-band-ended", 20, CONFIRMS, true },
		    { 'a', "primary", "in-band-ended", 20.1, CLOSES, false } } },
		{ "one sees lo6 alone",
		  { { 'b', "in-band-unexplained", "no-evidence", 10, OPENS, true },
		    { 'a', "primary-failing", "primary-unanswered", 11, JOINS, true },
		    { 'a', "primary", "primary-ok", 20, CLOSES, false },
		    { 'b', "primary", "in-band-ended", 25, 0, false } } },
		{ "a sign after the answer: not back for all",
		  { { 'a', "in-band", "primary-unanswered", 10, OPENS, true },
		    { 'b', "in-band", "primary-unanswered", 21, CONFIRMS | INCIDENT_EARLIER,
		      true },
		    { 'a', "primary", "primary-ok", 20, CONFIRMS, true },
		    { 'b', "primary", "primary-ok", 30, CLOSES, false } } },
		{ "the second one's events come after the first one's failback",
		  { { 'a', "in-band", "primary-unanswered", 10, OPENS, true },
		    { 'a', "primary", "primary-ok", 20, CLOSES, false },
		    { 'b', "in-band", "primary-unanswered", 10.1, INCIDENT_LATE, false },
		    { 'b', "primary", "primary-ok", 20.1, 0, false },
		    { 'b', "in-band", "primary-unanswered", 30, OPENS, true } } },
		{ "it was earlier than was known",
		  { { 'a', "in-band", "primary-unanswered", 10, OPENS, true },
		    { 'b', "in-band", "primary-unanswered", 9.9, CONFIRMS | INCIDENT_EARLIER,
		      true },
		    { 'a', "primary", "primary-ok", 20, CLOSES, false } } },
		{ "the second one's clock is behind",
		  { { 'a', "primary-failing", "primary-unanswered", 100, 0, false },
		    { 'b', "in-band", "primary-unanswered", 99.5, OPENS | INCIDENT_FIRST_SIGN,
		      true },
		    { 'a', "in-band", "primary-unanswered", 100.2, CONFIRMS | INCIDENT_EARLIER,
		      true },
		    { 'a', "primary", "primary-ok", 110, CLOSES, false } } },
		{ "and sees neither path",
		  { { 'a', "primary-failing", "primary-unanswered", 100, 0, false },
		    { 'b', "unreachable", "primary-unanswered", 99.5,
		      OPENS | INCIDENT_FIRST_SIGN, true } } },
		{ "a sign that is newer does not make the past present",
		  { { 'a', "in-band", "primary-unanswered", 10, OPENS, true },
		    { 'a', "primary", "primary-ok", 20, CLOSES, false },
		    { 'a', "primary-failing", "primary-unanswered", 30, 0, false },
		    { 'b', "primary-failing", "primary-unanswered", 9.9, INCIDENT_LATE, false },
		    { 'b', "in-band", "primary-unanswered", 10.1, INCIDENT_LATE, false },
		    { 'b', "primary", "primary-ok", 20.1, 0, false },
		    { 'b', "in-band", "primary-unanswered", 29.9, OPENS | INCIDENT_FIRST_SIGN,
		      true } } },
		{ "it came back before anybody moved",
		  { { 'a', "primary-failing", "primary-unanswered", 10, 0, false },
		    { 'a', "primary", "primary-ok", 20, 0, false },
		    { 'b', "in-band", "primary-unanswered", 12, INCIDENT_LATE, false } } },
		{ "the worse of both",
		  { { 'a', "in-band", "primary-unanswered", 10, OPENS, true },
		    { 'b', "unreachable", "in-band-unanswered", 11, JOINS | INCIDENT_EARLIER,
		      true },
		    { 'a', "primary-failing", "primary-unanswered", 12, JOINS, true },
		    { 'c', "primary", "primary-ok", 8, 0, true },
		    { 'b', "primary", "primary-ok", 20, CLOSES, false } } },
	};

	for (size_t s = 0; s < sizeof(scenes) / sizeof(scenes[0]); s++) {
		setup(state);
		for (size_t i = 0; scenes[s].steps[i].to; i++) {
			struct event e = change(scenes[s].steps[i].to, i + 1, -1);
			char agent[2] = { scenes[s].steps[i].agent };

			e.agent = agent;
			e.change.reason = scenes[s].steps[i].reason;
			e.time_ns = T0 + (uint64_t)(scenes[s].steps[i].at * 1e9);
			step(&e, i + 1);
			if (out.actions != scenes[s].steps[i].actions)
				fail_msg("%s, step %zu: actions %u, not %u", scenes[s].name, i + 1,
					 out.actions, scenes[s].steps[i].actions);
			if ((device.episode != 0) != scenes[s].steps[i].open)
				fail_msg("%s, step %zu: open or not", scenes[s].name, i + 1);
		}
	}
	/* the last scene: c had said primary before, the worst of the others held */
	assert_string_equal(device.state, "primary");
}

/* What the device is at, while it is seen from two sides. */
static void test_worst_view(void **state)
{
	struct event e = change("unreachable", 1, -1);

	step(&e, 1);
	e = change("in-band", 2, -1);
	e.agent = "b";
	step(&e, 2);
	assert_int_equal(out.path, INCIDENT_UNREACHABLE);
	assert_string_equal(device.state, "unreachable");
	e = change("in-band", 3, -1);
	step(&e, 3);
	assert_int_equal(out.path, INCIDENT_INBAND);
	/* One that is gone is not waited for. */
	views[1].stale = true;
	e = change("primary", 4, -1);
	assert_int_equal(step(&e, 4), CLOSES);
}

/* A device that nobody is on lo6 of, while its subnet has an incident. */
static void test_subnet(void **state)
{
	struct event e = change("primary-failing", 1, -1);

	assert_int_equal(step_in(&e, 11, true), OPENS | INCIDENT_FIRST_SIGN);
	assert_int_equal(out.path, INCIDENT_FAILING);
	assert_int_equal(out.first_sign, 11);
	assert_int_equal(out.began_ns, e.time_ns);
	e = change("in-band", 2, -1);
	assert_int_equal(step_in(&e, 12, true), JOINS);
	e = change("primary", 3, -1);
	assert_int_equal(step_in(&e, 13, true), CLOSES);
	assert_true(out.outage_s == 2);
	e = change("primary", 4, -1);
	assert_int_equal(step_in(&e, 14, true), 0);

	/* It answers, only the service does not: no sign of a dead switch. */
	e = change("in-band", 5, -1);
	e.change.reason = "primary-refused";
	assert_int_equal(step_in(&e, 15, true), OPENS);
	assert_false(out.lost);
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
		struct event e = flow(cases[i].path, cases[i].verdict, cases[i].outcome);

		e.flow.outbound = cases[i].outbound;
		device = (struct store_path){
			.state = "in-band", .agent = "a", .seq = 1, .episode = 4
		};
		step(&e, 9);
		if (out.actions != (cases[i].joins ? INCIDENT_FLOW : 0))
			fail_msg("case %zu: actions %u", i, out.actions);
		assert_false(out.remember || out.view);
		device = (struct store_path){ .state = "primary", .agent = "a", .seq = 1 };
		assert_int_equal(step(&e, 9), 0);
	}
}

/* An agent that began anew never says failback; a session to Ma1 does. */
static void test_stale(void **state)
{
	struct event e = change("primary-failing", 0, -1);

	step(&e, 1);
	e = change("in-band", 1, -1);
	step(&e, 2);

	e = flow(GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, "established");
	step(&e, 9);
	assert_int_equal(device.episode, 7);

	device.stale = views[0].stale = true;
	e.agent = "b"; /* not the one that began anew */
	step(&e, 9);
	e.agent = "a";
	e.flow.outcome = "attempt";
	step(&e, 9);
	assert_int_equal(device.episode, 7);

	e.flow.outcome = "established";
	assert_int_equal(step(&e, 9), INCIDENT_FLOW | INCIDENT_CHANGE | INCIDENT_CLOSE);
	assert_true(out.outage_s == 50);
	assert_true(out.remember && out.view);
	assert_int_equal(device.episode, 0);
	assert_string_equal(device.state, "primary");
	assert_string_equal(views[0].state, "primary");
}

static void test_others(void **state)
{
	struct event e = { .type = EVENT_BGP_SESSION, .agent = "a", .seq = 5, .device = "d" };

	device = (struct store_path){ .state = "in-band", .agent = "a", .seq = 1, .episode = 4 };
	assert_int_equal(step(&e, 9), INCIDENT_EVENT);
	assert_int_equal(out.episode, 4);
	e.device = NULL;
	assert_int_equal(step(&e, 9), 0);
	e = (struct event){ .type = EVENT_AGENT_STATS, .agent = "a", .seq = 6, .device = "d" };
	assert_int_equal(step(&e, 9), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_transitions, setup),
		cmocka_unit_test_setup(test_outage, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_two_agents, setup),
		cmocka_unit_test_setup(test_worst_view, setup),
		cmocka_unit_test_setup(test_subnet, setup),
		cmocka_unit_test_setup(test_flows, setup),
		cmocka_unit_test_setup(test_stale, setup),
		cmocka_unit_test_setup(test_others, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
