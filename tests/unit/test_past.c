/* SPDX-License-Identifier: Apache-2.0 */
/* The past looks the same whenever one asks: what was said later changes nothing of it. */
#include "collector/store/alert.h"
#include "collector/view/incident.h"
#include "tests/unit/both_stores.h"
#include "tests/unit/view_scene.h"

#define CP2 "lab1-CP2-TOR1"

static int setup(void **state)
{
	if (begin_scene(both_stores_open(NULL)))
		return -1;
	device(1, TOR1, "tor", "11", "", "");
	device(2, TOR2, "tor", "12", "", "");
	device(3, CP2, "tor", "13", "", "");
	device(4, "lab1-AR-MGMT1", "mgmt-switch", "31", "", "");
	return 0;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

/* How the devices stood then, as people read it, and their groups: asked now. */
static char *stood(unsigned then)
{
	struct view_args a = { .now_ns = AT(5000), .at_ns = AT(then) };
	json_t *devices = good(view_devices(store, &a)), *summary = good(view_summary(store, &a));
	json_t *out = json_array(), *d;
	char *text;
	size_t i;

	json_array_foreach(json_object_get(devices, "devices"), i, d)
		json_array_append_new(out, json_pack("[O,O,O]", json_object_get(d, "name"),
						     json_object_get(d, "ma1"),
						     json_object_get(d, "path")));
	json_array_append(out, json_object_get(summary, "broken"));
	json_array_append(out, json_object_get(summary, "paths"));
	text = json_dumps(out, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(devices);
	json_decref(summary);
	json_decref(out);
	return text;
}

static const json_t *device_then(json_t **doc, const char *name, unsigned then)
{
	struct view_args a = { .now_ns = AT(5000), .at_ns = AT(then) };

	json_decref(*doc);
	*doc = good(view_devices(store, &a));
	return named(at(*doc, "devices"), "name", name);
}

#define MOMENTS 5

/* Two devices lose Ma1, each seen by another agent; that of the second starts anew meanwhile. */
static void test_same(void **state)
{
	static const unsigned moments[MOMENTS] = { 105, 130, 155, 165, 305 };
	char *before[MOMENTS], *after;
	json_t *doc = NULL;
	const json_t *d;
	unsigned n = 0;

	teller = "b";
	flow(100, "flow.end", "f2", TOR2, false, "10.20.0.5", "unanswered", 60, 60, "");
	change(100, TOR2, "primary", "primary-failing", "primary-unanswered");
	before[n++] = stood(105);
	teller = "a";
	change(110, TOR1, "primary", "primary-failing", "primary-unanswered");
	teller = "c"; /* sees lo6 only */
	change(120, TOR1, "primary", "in-band-unexplained", "no-evidence");
	before[n++] = stood(130);
	teller = "a";
	change(150, TOR1, "primary-failing", "in-band", "primary-unanswered");
	before[n++] = stood(155); /* not better than its worst view */
	teller = "b";
	change(160, TOR2, "primary-failing", "in-band", "primary-unanswered");
	before[n++] = stood(165);
	tell(200, "agent.start", "");
	flow(300, "flow.start", "f3", TOR2, false, "10.20.0.5", "established", 300, 100, "");
	before[n++] = stood(305);
	teller = "a";
	change(310, TOR1, "in-band", "primary", "primary-ok");

	/* and both again */
	change(1000, TOR1, "primary", "primary-failing", "primary-unanswered");
	change(1010, TOR1, "primary-failing", "in-band", "primary-unanswered");
	teller = "b";
	change(1020, TOR2, "primary", "primary-failing", "primary-unanswered");
	change(1030, TOR2, "primary-failing", "in-band", "primary-unanswered");
	for (n = 0; n < MOMENTS; n++) {
		after = stood(moments[n]);
		if (strcmp(before[n], after) != 0)
			fail_msg("at %u: %s\nand later: %s", moments[n], before[n], after);
		free(before[n]);
		free(after);
	}

	d = device_then(&doc, TOR2, 165);
	says(d, "path.state", "in-band");
	says(d, "path.since", "2023-11-14T22:16:00.000000000Z");
	says(d, "ma1.since", "2023-11-14T22:15:00.000000000Z");
	d = device_then(&doc, TOR1, 155);
	says(d, "path.state", "in-band-unexplained");
	/* no agent said that it was back */
	d = device_then(&doc, TOR2, 400);
	says(d, "path.state", "primary");
	says(d, "path.since", "2023-11-14T22:18:20.000000000Z");
	json_decref(doc);
}

static double second(const json_t *lane, size_t span, size_t column)
{
	return json_real_value(json_array_get(json_array_get(at(lane, "path"), span), column));
}

/* The way back that no agent tells of is seen on every timeline. */
static void test_back(void **state)
{
	struct view_args a = { .now_ns = AT(5000), .since_ns = AT(0), .until_ns = AT(1000) };
	const json_t *l, *m;
	json_t *doc;

	teller = "b";
	flow(100, "flow.end", "f2", TOR2, false, "10.20.0.5", "unanswered", 60, 60, "");
	change(100, TOR2, "primary", "primary-failing", "primary-unanswered");
	change(160, TOR2, "primary-failing", "in-band", "primary-unanswered");
	tell(200, "agent.start", "");
	flow(300, "flow.start", "f3", TOR2, false, "10.20.0.5", "established", 300, 100, "");

	doc = good(view_timeline(store, &a));
	says(doc, "words.1", "1 failover, 1 failback");
	l = named(at(doc, "lanes"), "device", TOR2);
	says(l, "state", "primary");
	assert_int_equal(json_array_size(at(l, "path")), 4);
	says(l, "path.2.2", "in-band");
	assert_true(second(l, 2, 1) == 300);
	says(l, "path.3.2", "primary");
	assert_true(second(l, 3, 0) == 300 && second(l, 3, 1) == 1000);
	m = named(at(l, "marks"), "kind", "failback");
	says(m, "words", "in-band -> primary: Ma1 answers");
	assert_true(json_real_value(at(m, "t")) == 300);
	json_decref(doc);

	a.since_ns = AT(250); /* it was away before */
	doc = good(view_timeline(store, &a));
	l = named(at(doc, "lanes"), "device", TOR2);
	says(l, "path.0.2", "in-band");
	assert_true(second(l, 0, 1) == 50);
	says(l, "path.1.2", "primary");
	json_decref(doc);

	a = (struct view_args){ .now_ns = AT(5000) };
	doc = good(view_incident(store, &a, 1));
	m = named(at(doc, "timeline"), "what", "FAILBACK");
	says(m, "time", "2023-11-14T22:18:20.000000000Z");
	says(m, "device", TOR2);
	says(m, "text", "back on Ma1: Ma1 answers, outage 3m20s");
	says(m, "id", "f3");
	json_decref(doc);
}

/* One that an agent tells of is there once. */
static void test_back_once(void **state)
{
	struct view_args a = { .now_ns = AT(5000), .since_ns = AT(0), .until_ns = AT(1000) };
	json_t *doc, *m;
	size_t i, n = 0;

	change(100, TOR1, "primary", "primary-failing", "primary-unanswered");
	change(160, TOR1, "primary-failing", "in-band", "primary-unanswered");
	change(300, TOR1, "in-band", "primary", "primary-ok");
	doc = good(view_timeline(store, &a));
	says(doc, "words.1", "1 failover, 1 failback");
	assert_int_equal(json_array_size(at(named(at(doc, "lanes"), "device", TOR1), "marks")), 2);
	json_decref(doc);
	doc = good(view_incident(store, &a, 1));
	json_array_foreach(json_object_get(doc, "timeline"), i, m)
		n += strcmp(json_string_value(json_object_get(m, "what")), "FAILBACK") == 0;
	assert_int_equal(n, 1);
	json_decref(doc);
}

static void silent(const char *agent, unsigned since)
{
	struct store_alert a = { .name = "agent-silent",
				 .key = agent,
				 .bundle = "agent",
				 .severity = SEVERITY_WARNING,
				 .agent = agent,
				 .since_ns = AT(since),
				 .last_ns = AT(since),
				 .heard_ns = AT(since),
				 .count = 1,
				 .text = "it is silent" };

	assert_int_equal(ingest_begin(store), 0);
	assert_true(store_alert_add(store, &a) >= 0);
	assert_int_equal(ingest_commit(store), 0);
}

/* Time that was not seen in full is counted once, and only that of the span. */
static void test_unseen(void **state)
{
	struct view_args a = { .now_ns = AT(5000), .since_ns = AT(100), .until_ns = AT(280) };
	json_t *doc;

	doc = good(view_timeline(store, &a));
	says(doc, "words.5", "no gap in what the agents sent");
	json_decref(doc);
	silent("b", 90);
	silent("c", 200);
	silent("d", 250);
	doc = good(view_timeline(store, &a));
	assert_int_equal(json_array_size(at(doc, "gaps")), 3);
	says(doc, "words.5", "3 min not seen in full");
	json_decref(doc);
	a.now_ns = AT(260); /* what is to come is not missed */
	a.since_ns = AT(140);
	doc = good(view_timeline(store, &a));
	says(doc, "words.5", "2 min not seen in full");
	json_decref(doc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same),
		TEST(test_back),
		TEST(test_back_once),
		TEST(test_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
