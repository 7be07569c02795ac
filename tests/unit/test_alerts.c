/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of operators: what is understood and what refused, and which alerts are
 * listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/command/alerts.h"
#include "collector/command/operate.h"
#include "collector/ingest/alerting.h"
#include "collector/ingest/ingest.h"
#include "common/clock.h"
#include "tests/unit/alert_events.h"
#include "tests/unit/both_stores.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct store *store;
static uint64_t seq;

static void put(uint64_t at, const char *type, const char *severity, const char *parts)
{
	struct ingest_counts counts = { 0 };
	struct ingest_entry entry = { .id = "1-1" };
	char doc[DOC_LEN];

	entry.json = document(doc, "a", ++seq, T0 + at, type, severity, parts);
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0 + at, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	if (counts.dead)
		fail_msg("%s: %s", counts.dead_reason, doc);
}

static void flow(uint64_t at, const char *type, struct a_flow f)
{
	char parts[DOC_LEN];

	put(at, type, "info", flow_parts(parts, &f, T0 + at));
}

static void path(uint64_t at, const char *device, const char *to)
{
	char parts[500];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'%s'},'change':{'from':'primary','to':'%s','reason':'r'}",
		 device, to);
	put(at, "path.change", "warning", parts);
}

static int setup(void **state)
{
	seq = 0;
	store = both_stores_open("glasswatch-test");
	return store ? 0 : -1;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

/* ---- what is asked ------------------------------------------------------------ */

static char *const devices[] = { "d1" };

static void test_refused(void **state)
{
	static const struct {
		enum alerts_command what;
		struct alerts_args a;
		const char *words; /* of the refusal; NULL: it is taken */
	} cases[] = {
		{ ALERTS_LIST, { .why = NULL }, NULL },
		{ ALERTS_LIST, { .state = "drill" }, NULL },
		{ ALERTS_LIST, { .state = "all" }, NULL },
		{ ALERTS_LIST, { .state = "over" }, "resolved, drill, all" },
		{ ALERTS_LIST, { .name = "of-tomorrow" }, "--name" },
		{ ALERTS_LIST, { .severity = "bad" }, "--severity" },
		{ ALERTS_LIST, { .q = { .path = "in-band", .service = "bgp" } }, NULL },
		{ ALERTS_LIST, { .q = { .path = "both" } }, "--path" },
		{ ALERTS_LIST, { .q = { .since = "yesterday" } }, "--since" },
		{ ALERTS_ACKNOWLEDGE, { .why = NULL }, "--reason is missing" },
		{ ALERTS_ACKNOWLEDGE, { .why = "x" }, NULL },
		{ ALERTS_ACKNOWLEDGE, { .why = "x", .till = "2h" }, NULL },
		{ ALERTS_ACKNOWLEDGE, { .why = "x", .till = "tomorrow" }, "--until" },
		{ ALERTS_ACKNOWLEDGE, { .why = "x", .till = "400d" }, "a year" },
		{ ALERTS_ACKNOWLEDGE, { .why = "x", .till = "2h", .for_ns = S(1) }, "one of them" },
		{ ALERTS_SILENCE, { .why = NULL }, NULL },
		{ ALERTS_SILENCE, { .state = "all" }, NULL },
		{ ALERTS_SILENCE, { .state = "open" }, "--state" },
		{ ALERTS_SILENCE, { .name = "untrusted-source" }, "--reason is missing" },
		{ ALERTS_SILENCE, { .q = { .source = "203.0.113.7" } }, "--reason is missing" },
		{ ALERTS_SILENCE, { .agent = "a" }, "--reason is missing" },
		{ ALERTS_SILENCE, { .till = "2h" }, "--reason is missing" },
		{ ALERTS_SILENCE, { .name = "no-policy", .why = "x" }, "how long is missing" },
		{ ALERTS_SILENCE, { .name = "no-policy", .why = "x", .for_ns = S(1) }, NULL },
		{ ALERTS_SILENCE,
		  { .name = "no-policy", .why = "x", .for_ns = S(1), .state = "all" },
		  "--state is for the list" },
		{ ALERTS_SILENCE, { .end = 3 }, NULL },
		{ ALERTS_SILENCE, { .end = 3, .name = "no-policy" }, "--name: --end ends one" },
		{ ALERTS_SILENCE,
		  { .end = 3, .q = { .format = "json" } },
		  "--format is for the list" },
		{ ALERTS_DRILL, { .why = NULL }, NULL },
		{ ALERTS_DRILL, { .devices = devices, .n_devices = 1 }, "--reason is missing" },
		{ ALERTS_DRILL, { .why = "x", .for_ns = S(1) }, "--device is missing" },
		{ ALERTS_DRILL, { .end = 1, .for_ns = S(7200) }, "--for: --end ends one" },
		{ ALERTS_DRILL, { .end = 1, .till = "2h" }, "--until: --end ends one" },
		{ ALERTS_DRILL, { .end = 1 }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct alerts_args a = cases[i].a;
		char err[600] = "";
		bool good;

		a.now_ns = T0;
		good = alerts_check(cases[i].what, &a, err, sizeof(err));
		if (good != !cases[i].words)
			fail_msg("case %zu is %s: %s", i, good ? "taken" : "refused", err);
		if (!good && !strstr(err, cases[i].words))
			fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err, cases[i].words);
	}
}

/* A call that is refused has changed nothing. */
static int count_silence(void *arg, const struct store_silence *x)
{
	++*(int *)arg;
	return 0;
}

static void test_silence(void **state)
{
	struct alerts_args a = { .name = "no-policy", .who = "frank", .now_ns = T0 };
	FILE *to = tmpfile();
	int n = 0;

	assert_int_equal(alerts_silence(store, &a, to), 2);
	assert_int_equal(ftell(to), 0); /* nothing else is listed in its stead */
	a.why = "x";
	a.for_ns = S(60);
	assert_int_equal(alerts_silence(store, &a, to), 0);
	a = (struct alerts_args){ .end = 1, .name = "no-policy", .who = "frank", .now_ns = T0 };
	assert_int_equal(alerts_silence(store, &a, to), 2);
	assert_int_equal(store_silences(store, T0 + S(1), count_silence, &n), 0);
	assert_int_equal(n, 1); /* it was not ended */
	a.name = NULL;
	assert_int_equal(alerts_silence(store, &a, to), 0);
	assert_int_equal(store_silences(store, T0 + S(1), count_silence, &n), 0);
	assert_int_equal(n, 1);
	fclose(to);
}

/* ---- the list ------------------------------------------------------------------- */

static char said[8000];

/* The names of what is listed: "untrusted-source no-policy". */
static const char *listed(struct alerts_args a)
{
	static char names[600];
	FILE *to = fmemopen(said, sizeof(said) - 1, "w");
	json_t *list, *row;
	size_t i;

	memset(said, 0, sizeof(said));
	a.now_ns = T0 + S(5000);
	a.q.format = "json";
	assert_int_equal(alerts_list(store, &a, to), 0);
	fclose(to);
	list = json_loads(said, 0, NULL);
	assert_non_null(list);
	names[0] = '\0';
	json_array_foreach(list, i, row)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? " " : "",
			 json_string_value(json_object_get(row, "name")));
	json_decref(list);
	return names;
}

#define LISTED(want, ...) assert_string_equal(listed((struct alerts_args){ __VA_ARGS__ }), want)

/* Of flows an alert says nothing itself: its source, or its device, has had them. */
static void test_flows(void **state)
{
	struct alert_change c;

	/* long over when d2 is used over lo6 */
	flow(0, "flow.end",
	     (struct a_flow){ .id = "old", .device = "d2", .service = "bgp", .verdict = "trusted",
			      .source = "10.0.0.1" });
	flow(S(1000), "flow.start", (struct a_flow){ .id = "f1", .path = "in-band" });
	flow(S(1001), "flow.start",
	     (struct a_flow){ .id = "f2", .device = "d2", .path = "in-band", .verdict = "trusted",
			      .source = "10.0.0.1", .outcome = "established" });
	path(S(1002), "d2", "in-band-unjustified");
	alert_missing(ALERT_AGENT_SILENT, "a", NULL, "a", &c);
	c.since_ns = T0 + S(1003);
	snprintf(c.text, sizeof(c.text), "it is so");
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(alerting_tell(store, &c, NULL, T0 + S(1003)), 0);
	assert_int_equal(store_commit(store), 0);

	LISTED("agent-silent in-band-unjustified untrusted-source", .who = "");
	LISTED("in-band-unjustified untrusted-source", .q = { .path = "in-band" });
	LISTED("in-band-unjustified untrusted-source", .q = { .service = "ssh" });
	LISTED("untrusted-source", .q = { .verdict = "untrusted" });
	LISTED("in-band-unjustified", .q = { .verdict = "trusted", .path = "in-band" });
	LISTED("", .q = { .path = "primary" });
	LISTED("", .q = { .service = "bgp" });
	LISTED("", .q = { .verdict = "no-policy" });
	LISTED("in-band-unjustified", .q = { .path = "in-band", .device = "d2" });
	/* the limit counts what is listed, not what is looked at */
	LISTED("untrusted-source", .q = { .verdict = "untrusted", .limit = "1" });
	LISTED("in-band-unjustified", .q = { .path = "in-band", .limit = "1" });
	LISTED("agent-silent in-band-unjustified", .q = { .limit = "2" });

	/* the source goes on over Ma1 while the alert is open; then it is over */
	flow(S(1100), "flow.start", (struct a_flow){ .id = "f3", .path = "primary" });
	LISTED("untrusted-source", .q = { .path = "primary" });
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(alerting_tick(store, T0 + S(2200)), 0);
	assert_int_equal(ingest_commit(store), 0);
	flow(S(2300), "flow.end",
	     (struct a_flow){ .id = "f9", .path = "primary", .service = "bgp",
			      .verdict = "no-policy", .source = "203.0.113.7" });
	LISTED("untrusted-source", .q = { .path = "primary" }, .state = "resolved");
	LISTED("", .q = { .service = "bgp" }, .state = "resolved");
}

static void test_drill(void **state)
{
	struct store_drill x = { .device = "d2", .who = "frank", .why = "drill" };
	struct alerts_args a = { .now_ns = T0 + S(5000), .q = { .format = "csv" } };
	uint64_t id;
	char *line;
	FILE *to;

	x.until_ns = T0 + S(3600);
	assert_int_equal(operate_drill(store, &x, T0, &id), 1);
	path(S(2), "d1", "in-band-unjustified");
	path(S(3), "d2", "in-band-unjustified");
	LISTED("in-band-unjustified in-band-unjustified", .who = "");
	LISTED("in-band-unjustified", .state = "drill");
	assert_non_null(strstr(said, "\"drill\":1"));
	path(S(9), "d2", "primary");
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(alerting_tick(store, T0 + S(10)), 0);
	assert_int_equal(ingest_commit(store), 0);
	LISTED("in-band-unjustified", .state = "drill"); /* also when it is over */

	/* what is not there is empty, as in the other columns */
	memset(said, 0, sizeof(said));
	to = fmemopen(said, sizeof(said) - 1, "w");
	a.state = "open";
	assert_int_equal(alerts_list(store, &a, to), 0);
	fclose(to);
	line = strstr(said, "\r\n");
	assert_non_null(line);
	assert_non_null(strstr(line, ",1,,,,,,,,,")); /* count, and what comes after it */
	assert_null(strstr(line, ",0,"));
}

static void test_show(void **state)
{
	static const struct alerts_args cases[] = {
		{ .state = "resolved" },  { .name = "untrusted-source" }, { .agent = "a" },
		{ .severity = "notice" }, { .q = { .since = "-1h" } },	  { .q = { .limit = "1" } },
	};
	struct alerts_args a = { .now_ns = T0 + S(5000) };
	FILE *to = tmpfile();

	flow(S(1), "flow.start", (struct a_flow){ .id = "f1" });
	assert_int_equal(alerts_show(store, 1, &a, to), 0);
	assert_int_equal(alerts_show(store, 99, &a, to), 2);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		a = cases[i];
		a.now_ns = T0 + S(5000);
		if (alerts_show(store, 1, &a, to) != 2)
			fail_msg("case %zu is taken", i);
	}
	fclose(to);
}

static int run(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_refused), T(test_silence), T(test_flows), T(test_drill), T(test_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
