/* SPDX-License-Identifier: Apache-2.0 */
/* The path state machine as a table: evidence in order, the change expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "agent/path.h"

#define S 1000000000ull
#define WINDOW (300 * S)
#define NONE PATH_NUM_STATES /* no change expected */
#define STEPS 8

struct step {
	enum path_input_kind kind;
	enum path_reason why; /* of a failure */
	unsigned at_s;
	enum path_state to;	 /* NONE: stays */
	enum path_reason reason; /* of the change */
	int outage_s;		 /* -1: absent */
};

#define OK(t, ...) { PATH_IN_PRIMARY_OK, PATH_REASON_PRIMARY_OK, t, __VA_ARGS__ }
#define FAILED(t, ...) { PATH_IN_PRIMARY_FAILED, PATH_REASON_PRIMARY_UNANSWERED, t, __VA_ARGS__ }
#define STALLED(t, ...) { PATH_IN_PRIMARY_FAILED, PATH_REASON_PRIMARY_STALLED, t, __VA_ARGS__ }
#define ICMP(t, ...) { PATH_IN_PRIMARY_FAILED, PATH_REASON_PRIMARY_UNREACHABLE, t, __VA_ARGS__ }
#define REFUSED(t, ...) { PATH_IN_PRIMARY_REFUSED, PATH_REASON_PRIMARY_REFUSED, t, __VA_ARGS__ }
#define OPENED(t, ...) { PATH_IN_INBAND_OPENED, PATH_REASON_NO_EVIDENCE, t, __VA_ARGS__ }
#define CLOSED(t, ...) { PATH_IN_INBAND_CLOSED, PATH_REASON_INBAND_ENDED, t, __VA_ARGS__ }
#define LO6DEAD(t, ...) { PATH_IN_INBAND_FAILED, PATH_REASON_INBAND_UNANSWERED, t, __VA_ARGS__ }
#define STAYS NONE, 0, -1
#define TO(state, reason) PATH_##state, PATH_REASON_##reason, -1
#define BACK(reason, outage) PATH_PRIMARY, PATH_REASON_##reason, outage

static const struct {
	const char *name;
	unsigned n;
	struct step steps[STEPS];
} cases[] = {
	{ "nothing but good news", 2, { OK(1, STAYS), OK(2, STAYS) } },
	{ "failover and failback", 5,
	  { OK(1, STAYS), FAILED(10, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)),
	    OPENED(20, TO(INBAND, PRIMARY_UNANSWERED)), CLOSED(30, STAYS),
	    OK(50, BACK(PRIMARY_OK, 40)) } },
	{ "an established session stalls", 2,
	  { STALLED(10, TO(PRIMARY_FAILING, PRIMARY_STALLED)),
	    OPENED(20, TO(INBAND, PRIMARY_STALLED)) } },
	{ "the router says unreachable", 2,
	  { ICMP(10, TO(PRIMARY_FAILING, PRIMARY_UNREACHABLE)), ICMP(11, STAYS) } },
	{ "failing, then well again without lo6", 2,
	  { FAILED(10, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)), OK(15, BACK(PRIMARY_OK, 5)) } },
	{ "on lo6, nothing known", 2,
	  { OPENED(10, TO(INBAND_UNEXPLAINED, NO_EVIDENCE)), CLOSED(20, BACK(INBAND_ENDED, -1)) } },
	{ "on lo6, the reason comes later", 2,
	  { OPENED(10, TO(INBAND_UNEXPLAINED, NO_EVIDENCE)),
	    FAILED(12, TO(INBAND, PRIMARY_UNANSWERED)) } },
	{ "on lo6 although Ma1 works", 4,
	  { OK(1, STAYS), OPENED(10, TO(INBAND_UNJUSTIFIED, PRIMARY_OK)), OK(12, STAYS),
	    CLOSED(20, BACK(INBAND_ENDED, -1)) } },
	{ "two sessions on lo6: the last one ends it", 4,
	  { OK(1, STAYS), OPENED(10, TO(INBAND_UNJUSTIFIED, PRIMARY_OK)), OPENED(11, STAYS),
	    CLOSED(20, STAYS) } },
	{ "unjustified, then Ma1 does fail", 3,
	  { OK(1, STAYS), OPENED(10, TO(INBAND_UNJUSTIFIED, PRIMARY_OK)),
	    FAILED(30, TO(INBAND, PRIMARY_UNANSWERED)) } },
	{ "old good news is no evidence", 2,
	  { OK(1, STAYS), OPENED(400, TO(INBAND_UNEXPLAINED, NO_EVIDENCE)) } },
	{ "an outage nobody saw the end of goes on", 2,
	  { FAILED(10, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)),
	    OPENED(4000, TO(INBAND, PRIMARY_UNANSWERED)) } },
	{ "refused explains, it does not move", 2,
	  { REFUSED(10, STAYS), OPENED(20, TO(INBAND, PRIMARY_REFUSED)) } },
	{ "both dead", 3,
	  { FAILED(10, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)),
	    LO6DEAD(20, TO(UNREACHABLE, INBAND_UNANSWERED)), OK(60, BACK(PRIMARY_OK, 50)) } },
	{ "both dead, lo6 first", 2,
	  { LO6DEAD(10, STAYS), FAILED(12, TO(UNREACHABLE, PRIMARY_UNANSWERED)) } },
	{ "both dead, lo6 comes back", 4,
	  { FAILED(10, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)),
	    LO6DEAD(20, TO(UNREACHABLE, INBAND_UNANSWERED)), FAILED(25, STAYS),
	    OPENED(30, TO(INBAND, PRIMARY_UNANSWERED)) } },
	{ "in-band, then lo6 dies too", 4,
	  { FAILED(10, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)),
	    OPENED(20, TO(INBAND, PRIMARY_UNANSWERED)), CLOSED(25, STAYS),
	    LO6DEAD(40, TO(UNREACHABLE, INBAND_UNANSWERED)) } },
	{ "one failed try on lo6 while a session is open", 3,
	  { FAILED(10, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)),
	    OPENED(20, TO(INBAND, PRIMARY_UNANSWERED)), LO6DEAD(25, STAYS) } },
	{ "a late verdict about an old packet", 2, { OK(20, STAYS), FAILED(10, STAYS) } },
	{ "an old lo6 failure is forgotten", 2,
	  { LO6DEAD(10, STAYS), FAILED(400, TO(PRIMARY_FAILING, PRIMARY_UNANSWERED)) } },
};

static void test_transitions(void **state)
{
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct path p;

		memset(&p, 0, sizeof(p));
		for (k = 0; k < cases[i].n; k++) {
			const struct step *s = &cases[i].steps[k];
			struct path_input in = { s->kind, s->why, s->at_s * S, s->at_s * S,
						 100 + k };
			struct path_change c;
			enum path_state before = p.state;
			bool changed = path_update(&p, &in, WINDOW, &c);

			if (changed != (s->to != NONE) || (changed && c.to != s->to) ||
			    (changed && c.reason != s->reason))
				fail_msg("%s, step %zu: %s by %s", cases[i].name, k,
					 path_state_name(p.state),
					 changed ? path_reason_name(c.reason) : "nothing");
			if (!changed)
				continue;
			assert_int_equal(c.from, before);
			assert_int_equal(c.at_ns, s->at_s * S);
			if (s->outage_s < 0)
				assert_int_equal(c.outage_ns, 0);
			else
				assert_int_equal(c.outage_ns, (uint64_t)s->outage_s * S);
		}
	}
}

static void test_evidence(void **state)
{
	struct path p;
	struct path_change c;
	unsigned i;

	memset(&p, 0, sizeof(p));
	for (i = 1; i <= 10; i++) {
		struct path_input in = { PATH_IN_PRIMARY_FAILED, PATH_REASON_PRIMARY_UNANSWERED,
					 i * S, i * S, i };

		path_update(&p, &in, WINDOW, &c);
	}
	struct path_input in = { PATH_IN_INBAND_OPENED, 0, 20 * S, 0, 99 };

	assert_true(path_update(&p, &in, WINDOW, &c));
	/* the newest failures, then the session */
	assert_int_equal(c.evidence_n, PATH_EVIDENCE + 1);
	assert_int_equal(c.evidence[0], 10 - PATH_EVIDENCE + 1);
	assert_int_equal(c.evidence[PATH_EVIDENCE], 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transitions),
		cmocka_unit_test(test_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
