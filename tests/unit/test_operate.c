/* SPDX-License-Identifier: Apache-2.0 */
/* What operators say: what can be meant, what it does, and that the record has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/command/operate.h"
#include "collector/ingest/alerting.h"
#include "collector/ingest/ingest.h"
#include "collector/view/alert.h"
#include "common/clock.h"
#include "tests/unit/both_stores.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)

static struct store *store;
static char said[2000];

static void raise_alert(enum alert_rule rule, const char *device, const char *source)
{
	struct alert_change c;

	alert_missing(rule, NULL, device, source, &c);
	c.since_ns = T0;
	snprintf(c.source, sizeof(c.source), "%s", source ? source : "");
	snprintf(c.text, sizeof(c.text), "it is so");
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(alerting_tell(store, &c, NULL, T0), 0);
	assert_int_equal(store_commit(store), 0);
}

static int setup(void **state)
{
	store = both_stores_open("glasswatch-test");
	if (!store)
		return -1;
	raise_alert(ALERT_DEVICE_UNREACHABLE, "d1", NULL);
	raise_alert(ALERT_UNTRUSTED_SOURCE, "d1", "203.0.113.7");
	raise_alert(ALERT_UNTRUSTED_SOURCE, "d2", "2001:db8::7");
	return 0;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static int list_state(void *arg, const struct store_alert *a)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%d %s", said[0] ? "; " : "",
		 (int)a->id, store_alert_state_name(a->state));
	return 0;
}

static const char *states(uint64_t at)
{
	struct store_alert_filter f = { .now_ns = T0 + at };

	said[0] = '\0';
	assert_int_equal(store_alerts(store, &f, list_state, NULL), 0);
	return said;
}

static int list_event(void *arg, const struct store_event *e)
{
	if (strstr("alert.acknowledged alert.silenced alert.drill", e->type))
		snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s",
			 said[0] ? " " : "", e->type + 6);
	return 0;
}

static const char *events(void)
{
	struct store_filter f = { .type = "alert", .arrival = true };

	said[0] = '\0';
	assert_int_equal(store_events(store, &f, list_event, NULL), 0);
	return said;
}

static void test_acknowledge(void **state)
{
	json_t *doc;

	assert_int_equal(operate_acknowledge(store, 1, "frank", "on it", 0, T0 + S(1)), 1);
	assert_int_equal(operate_acknowledge(store, 2, "frank", "an hour", T0 + S(3600), T0 + S(1)),
			 1);
	assert_string_equal(states(S(2)), "3 open; 2 acknowledged; 1 acknowledged");
	assert_string_equal(states(S(3600)), "3 open; 2 open; 1 acknowledged");
	assert_int_equal(operate_acknowledge(store, 99, "frank", "x", 0, T0), 0);
	assert_int_equal(operate_acknowledge(store, 0, "frank", "x", 0, T0), 0);
	assert_string_equal(events(), "acknowledged acknowledged");
	doc = view_alert(store, 1, T0 + S(2));
	assert_non_null(doc);
	assert_int_equal(json_array_size(json_object_get(doc, "history")), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(doc, "acknowledged"), "by")),
		"frank");
	json_decref(doc);
	assert_true(json_is_null(view_alert(store, 99, T0)));
}

static void test_wrong(void **state)
{
	static const struct {
		const char *who, *why;
		uint64_t until_ns;
		const char *words;
	} cases[] = {
		{ "", "x", 0, "who" },
		{ NULL, "x", 0, "who" },
		{ "f", "", 0, "reason" },
		{ "f", "\xff", 0, "UTF-8" },
		{ "f", "x", T0, "before it begins" },
		{ "f", "x", T0 + OPERATE_LONGEST + S(1), "a year" },
	};
	char text[OPERATE_MAX_TEXT + 2];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(operate_acknowledge(store, 1, cases[i].who, cases[i].why,
						     cases[i].until_ns, T0),
				 OPERATE_WRONG);
		assert_non_null(strstr(store_error(store), cases[i].words));
	}
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(operate_acknowledge(store, 1, "f", text, 0, T0), OPERATE_WRONG);
	assert_string_equal(events(), "");
}

static void silence(struct store_silence x, uint64_t at, int want)
{
	uint64_t id;

	x.who = "frank";
	x.why = "scan";
	x.until_ns = T0 + S(3600);
	if (operate_silence(store, &x, T0 + at, &id) != want)
		fail_msg("%s", store_error(store));
}

static void test_silence(void **state)
{
	silence((struct store_silence){ .source = "203.0.113.0/24" }, 0, 1);
	assert_string_equal(states(S(1)), "3 open; 2 silenced; 1 open");
	silence((struct store_silence){ .source = "2001:db8::7" }, 0, 1);
	silence((struct store_silence){ .name = "device-unreachable", .device = "d1" }, 0, 1);
	assert_string_equal(states(S(1)), "3 silenced; 2 silenced; 1 silenced");
	assert_string_equal(states(S(3600)), "3 open; 2 open; 1 open");
	assert_int_equal(operate_silence_end(store, 2, "frank", T0 + S(5)), 1);
	assert_int_equal(operate_silence_end(store, 2, "frank", T0 + S(6)), 0);
	assert_int_equal(operate_silence_end(store, 77, "frank", T0 + S(6)), 0);
	assert_string_equal(states(S(6)), "3 open; 2 silenced; 1 silenced");
	/* all that it says must fit */
	silence((struct store_silence){ .name = "untrusted-source", .device = "d1" }, 0, 1);
	assert_string_equal(states(S(6)), "3 open; 2 silenced; 1 silenced");
	silence((struct store_silence){ 0 }, 0, OPERATE_WRONG);
	silence((struct store_silence){ .name = "of-tomorrow" }, 0, OPERATE_WRONG);
	silence((struct store_silence){ .source = "everywhere" }, 0, OPERATE_WRONG);
	silence((struct store_silence){ .device = "" }, 0, OPERATE_WRONG);
	assert_string_equal(events(), "silenced silenced silenced silenced silenced");
}

static int take_drill(void *arg, const struct store_drill *x)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%d %s", said[0] ? "; " : "",
		 (int)x->id, x->device ? x->device : "all");
	return 0;
}

static const char *drills(uint64_t at)
{
	said[0] = '\0';
	assert_int_equal(store_drills(store, at ? T0 + at : 0, take_drill, NULL), 0);
	return said;
}

static void test_drill(void **state)
{
	struct store_drill x = { .device = "d1", .who = "frank", .why = "drill" };
	uint64_t id;

	x.until_ns = T0 + S(3600);
	assert_int_equal(operate_drill(store, &x, T0, &id), 1);
	assert_int_equal(id, 1);
	x.device = NULL;
	x.since_ns = T0 + S(1800); /* ahead */
	assert_int_equal(operate_drill(store, &x, T0, &id), 1);
	assert_string_equal(drills(S(1)), "1 d1");
	assert_string_equal(drills(S(1800)), "2 all; 1 d1");
	assert_int_equal(store_drill_at(store, "d1", T0 + S(1), &id), 1);
	assert_int_equal(id, 1);
	assert_int_equal(store_drill_at(store, "d2", T0 + S(1), &id), 0);
	assert_int_equal(store_drill_at(store, "d2", T0 + S(1900), &id), 1);
	assert_int_equal(store_drill_at(store, NULL, T0 + S(1), &id), 0);
	assert_int_equal(operate_drill_end(store, 1, "frank", T0 + S(10)), 1);
	assert_int_equal(operate_drill_end(store, 1, "frank", T0 + S(11)), 0);
	assert_int_equal(store_drill_at(store, "d1", T0 + S(12), &id), 0);
	assert_string_equal(drills(0), "2 all; 1 d1");
	x.until_ns = T0;
	assert_int_equal(operate_drill(store, &x, T0, &id), OPERATE_WRONG);
	assert_string_equal(events(), "drill drill drill");
}

static void test_counts(void **state)
{
	struct store_alert_counts counts;

	assert_int_equal(operate_acknowledge(store, 1, "frank", "on it", 0, T0 + S(1)), 1);
	silence((struct store_silence){ .source = "203.0.113.7" }, 0, 1);
	assert_int_equal(store_alert_count(store, T0 + S(2), &counts), 0);
	assert_int_equal(counts.state[STORE_ALERT_OPEN], 1);
	assert_int_equal(counts.state[STORE_ALERT_ACKNOWLEDGED], 1);
	assert_int_equal(counts.state[STORE_ALERT_SILENCED], 1);
	assert_int_equal(counts.severity[SEVERITY_NOTICE], 1);
}

static int count_one(void *arg, const struct store_alert *a)
{
	++*(int *)arg;
	return 0;
}

static void test_filters(void **state)
{
	static const struct {
		struct store_alert_filter f;
		int want;
	} cases[] = {
		{ { 0 }, 3 },
		{ { .device = "d1" }, 2 },
		{ { .name = "untrusted-source" }, 2 },
		{ { .severity = SEVERITY_CRITICAL }, 1 },
		{ { .limit = 2 }, 2 },
		{ { .before = 2 }, 1 },
		{ { .states = 1u << STORE_ALERT_RESOLVED }, 0 },
		{ { .states = 1u << STORE_ALERT_OPEN }, 3 },
		{ { .until_ns = T0 }, 0 },
		{ { .since_ns = T0 + S(9) }, 3 },
		{ { .agent = "nobody" }, 0 },
		{ { .has_source = true,
		    .source = { .addr = { 4, { 203, 0, 113, 0 } }, .len = 24 } },
		  1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_alert_filter f = cases[i].f;
		int n = 0;

		f.now_ns = T0 + S(1);
		assert_int_equal(store_alerts(store, &f, count_one, &n), 0);
		if (n != cases[i].want)
			fail_msg("case %zu: %d, not %d", i, n, cases[i].want);
	}
}

/* What was noted is an event, and no alert: nothing is open because of it. */
static int list_verified(void *arg, const struct store_event *e)
{
	json_t **doc = arg;

	json_decref(*doc);
	*doc = json_loads(e->json, 0, NULL);
	return 0;
}

static void test_verified(void **state)
{
	static const struct {
		uint64_t findings, covers;
		const char *first;
	} cases[] = { { 0, 0, "" }, { 0, 7, "" }, { 2, 0, "place 3: event 3: was changed" } };
	struct store_filter f = { .type = "alert.record-verified", .arrival = true };
	json_t *doc = NULL, *a;

	assert_int_equal(operate_verified(store, "", 9, 0, "", 0, T0), OPERATE_WRONG);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(operate_verified(store, "frank", 9, cases[i].findings,
						  cases[i].first, cases[i].covers, T0 + S(i)),
				 1);
		assert_int_equal(store_events(store, &f, list_verified, &doc), 0);
		a = json_object_get(doc, "alert");
		assert_string_equal(json_string_value(json_object_get(a, "by")), "frank");
		assert_int_equal(json_is_true(json_object_get(a, "good")), !cases[i].findings);
		assert_int_equal(json_integer_value(json_object_get(a, "places")), 9);
		assert_int_equal(json_integer_value(json_object_get(a, "covers")), cases[i].covers);
		if (cases[i].findings)
			assert_string_equal(json_string_value(json_object_get(a, "first")),
					    cases[i].first);
	}
	assert_string_equal(states(S(9)), "3 open; 2 open; 1 open");
	json_decref(doc);
}

static int run(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_acknowledge), T(test_wrong),  T(test_silence),
		T(test_drill),	     T(test_counts), T(test_filters),
		T(test_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
