/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted comes out, in both formats; words are bounded; threads may count. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/record.h"
#include "collector/metrics_text.h"
#include "common/event.h"

static uint64_t ticks;

static uint64_t tick(void)
{
	return ticks;
}

static struct metrics *metrics;

static int setup(void **state)
{
	ticks = 1000;
	metrics = metrics_new(tick, 1700000000500000000);
	return metrics ? 0 : -1;
}

static int teardown(void **state)
{
	metrics_free(metrics);
	return 0;
}

/* Fails unless the page has this line. */
static void has(const char *page, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = page; (at = strstr(at, line)); at += len)
		if ((at == page || at[-1] == '\n') && at[len] == '\n')
			return;
	fail_msg("no line \"%s\" in\n%s", line, page);
}

static void has_not(const char *page, const char *text)
{
	if (strstr(page, text))
		fail_msg("\"%s\" is in\n%s", text, page);
}

static void test_counting(void **state)
{
	unsigned flow = metrics_series(METRIC_FLOWS, GW_SERVICE_SSH, GW_PATH_INBAND,
				       GW_VERDICT_UNTRUSTED, metrics_outcome("closed"));
	char *page;

	metrics_add(metrics, METRIC_EVENTS, EVENT_FLOW_END, 3);
	metrics_add(metrics, METRIC_DEAD, 0, 1);
	metrics_add(metrics, METRIC_FLOWS, flow, 2);
	metrics_set(metrics, METRIC_LAG, 0, 17);
	metrics_move(metrics, METRIC_STREAM_CLIENTS, 0, 3);
	metrics_move(metrics, METRIC_STREAM_CLIENTS, 0, -1);
	page = metrics_text(NULL, metrics, 0);
	assert_non_null(page);
	has(page, "# TYPE glasswatch_events_total counter");
	has(page, "glasswatch_events_total{type=\"flow.end\"} 3");
	has(page, "glasswatch_events_total{type=\"flow.start\"} 0");
	has(page, "glasswatch_events_dead_total 1");
	has(page, "glasswatch_flows_total{service=\"ssh\",path=\"in-band\",verdict=\"untrusted\","
		  "outcome=\"closed\"} 2");
	has(page, "glasswatch_flows_total{service=\"bgp\",path=\"primary\",verdict=\"trusted\","
		  "outcome=\"attempt\"} 0");
	has(page, "glasswatch_group_lag 17");
	has(page, "glasswatch_stream_clients 2");
	has(page, "process_start_time_seconds 1700000000.5");
	has_not(page, "\nglasswatch_group_pending"); /* not known */
	has_not(page, "service=\"none\"");	     /* nothing was counted there */
	free(page);

	metrics_unset(metrics, METRIC_LAG, 0);
	page = metrics_text(NULL, metrics, 0);
	has_not(page, "\nglasswatch_group_lag");
	free(page);
}

static void test_outcome_that_nobody_knows(void **state)
{
	unsigned series = metrics_series(METRIC_FLOWS, GW_SERVICE_NONE, GW_PATH_NONE,
					 GW_VERDICT_NONE, metrics_outcome("evaporated"));
	char *page;

	assert_int_equal(metrics_outcome(NULL), metrics_outcome("evaporated"));
	metrics_add(metrics, METRIC_FLOWS, series, 1);
	/* beyond the last word of each label: the last */
	metrics_add(metrics, METRIC_FLOWS, metrics_series(METRIC_FLOWS, 99, 99, 99, 99), 1);
	page = metrics_text(NULL, metrics, 0);
	has(page, "glasswatch_flows_total{service=\"none\",path=\"none\",verdict=\"none\","
		  "outcome=\"other\"} 1");
	has(page, "glasswatch_flows_total{service=\"bgp\",path=\"in-band\",verdict=\"no-policy\","
		  "outcome=\"other\"} 1");
	free(page);
}

static void test_histogram(void **state)
{
	unsigned stage = metrics_series(METRIC_EVENT_SECONDS, METRICS_STORE, 0, 0, 0);
	char *page;

	metrics_observe(metrics, METRIC_EVENT_SECONDS, stage, 10000); /* on a bound: below it */
	metrics_observe(metrics, METRIC_EVENT_SECONDS, stage, 10001); /* the next one */
	metrics_observe(metrics, METRIC_EVENT_SECONDS, stage, 5000000000); /* above all */
	ticks = 3000;
	assert_int_equal(metrics_lap(metrics, METRIC_EVENT_SECONDS, stage, 1000), 3000);
	assert_int_equal(metrics_lap(metrics, METRIC_EVENT_SECONDS, stage, 9000), 3000);
	page = metrics_text(NULL, metrics, 0);
	has(page, "# TYPE glasswatch_event_seconds histogram");
	has(page, "glasswatch_event_seconds_bucket{stage=\"store\",le=\"1e-05\"} 3");
	has(page, "glasswatch_event_seconds_bucket{stage=\"store\",le=\"2.5e-05\"} 4");
	has(page, "glasswatch_event_seconds_bucket{stage=\"store\",le=\"1.0\"} 4");
	has(page, "glasswatch_event_seconds_bucket{stage=\"store\",le=\"+Inf\"} 5");
	has(page, "glasswatch_event_seconds_count{stage=\"store\"} 5");
	has(page, "glasswatch_event_seconds_sum{stage=\"store\"} 5.000022001");
	has(page, "glasswatch_event_seconds_count{stage=\"decode\"} 0");
	free(page);
}

static void test_names(void **state)
{
	unsigned known = metrics_name(metrics, METRICS_ROUTE, "/api/v1/flows"), other;
	char text[32], *page;

	assert_int_equal(metrics_name(metrics, METRICS_ROUTE, "/api/v1/flows"), known);
	/* labels have words of their own */
	metrics_name(metrics, METRICS_RECEIVER, "hook \"\\\n");
	metrics_request(metrics, known, 200, 2000000);
	metrics_request(metrics, known, 418, 2000000);
	for (int i = 1; i < METRICS_NAMES; i++) {
		snprintf(text, sizeof(text), "/%d", i);
		assert_int_equal(metrics_name(metrics, METRICS_ROUTE, text), i);
	}
	other = metrics_name(metrics, METRICS_ROUTE, "/one/more");
	assert_int_equal(metrics_name(metrics, METRICS_ROUTE, "/and/another"), other);
	metrics_request(metrics, other, 503, 1000);
	page = metrics_text(NULL, metrics, 0);
	has(page, "glasswatch_api_request_seconds_count{route=\"/api/v1/flows\",code=\"200\"} 1");
	has(page, "glasswatch_api_request_seconds_count{route=\"/api/v1/flows\",code=\"other\"} 1");
	has(page, "glasswatch_api_request_seconds_count{route=\"other\",code=\"503\"} 1");
	has_not(page, "route=\"/api/v1/flows\",code=\"404\"");
	has_not(page, "/one/more");
	/* a receiver is shown from its first naming on */
	has(page,
	    "glasswatch_deliveries_total{receiver=\"hook \\\"\\\\\\n\",result=\"retried\"} 0");
	free(page);
}

static void *count_much(void *arg)
{
	unsigned name = metrics_name(metrics, METRICS_ALERT, arg);

	for (int i = 0; i < 20000; i++) {
		metrics_add(metrics, METRIC_EVENTS, EVENT_ALERT, 1);
		metrics_observe(metrics, METRIC_DELAY_SECONDS, 0, 1000);
		metrics_add(metrics, METRIC_ALERTS_RAISED, name, 1);
	}
	return NULL;
}

static void test_threads(void **state)
{
	char *names[] = { "one", "two", "one", "two" }, *page;
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_much, names[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	page = metrics_text(NULL, metrics, 0);
	has(page, "glasswatch_events_total{type=\"alert\"} 80000");
	has(page, "glasswatch_event_delay_seconds_count 80000");
	has(page, "glasswatch_alerts_raised_total{name=\"one\"} 40000");
	has(page, "glasswatch_alerts_raised_total{name=\"two\"} 40000");
	free(page);
}

static void test_log(void **state)
{
	struct metrics_log *log = metrics_log_new(metrics);
	char *page;
	size_t mark;

	assert_non_null(log);
	assert_ptr_equal(metrics_log_to(log), metrics);
	for (int i = 0; i < 1000; i++)
		metrics_note(log, METRIC_EVENTS, EVENT_ALERT, 1);
	metrics_note(log, METRIC_DELAY_SECONDS, 0, 2500000000);
	mark = metrics_log_mark(log);
	metrics_note(log, METRIC_DEAD, 0, 1);
	metrics_log_undo(log, mark);
	page = metrics_text(NULL, metrics, 0);
	has(page, "glasswatch_events_total{type=\"alert\"} 0"); /* not yet */
	free(page);
	metrics_log_commit(log);
	metrics_note(log, METRIC_DUPLICATES, 0, 1);
	metrics_log_rollback(log);
	metrics_log_commit(log);
	page = metrics_text(NULL, metrics, 0);
	has(page, "glasswatch_events_total{type=\"alert\"} 1000");
	has(page, "glasswatch_event_delay_seconds_sum 2.5");
	has(page, "glasswatch_events_dead_total 0");
	has(page, "glasswatch_events_duplicate_total 0");
	free(page);
	metrics_log_free(log);
	metrics_note(NULL, METRIC_DEAD, 0, 1);
	metrics_log_commit(NULL);
	metrics_log_free(NULL);
	assert_null(metrics_log_new(NULL));
}

static void test_without(void **state)
{
	char *page;

	metrics_add(NULL, METRIC_EVENTS, 0, 1);
	metrics_set(NULL, METRIC_LAG, 0, 1);
	metrics_observe(NULL, METRIC_DELAY_SECONDS, 0, 1);
	assert_int_equal(metrics_name(NULL, METRICS_ROUTE, "x"), 0);
	assert_int_equal(metrics_lap(NULL, METRIC_DELAY_SECONDS, 0, 5), 0);
	metrics_request(NULL, 0, 200, 1);
	page = metrics_text(NULL, NULL, 0);
	has(page, "glasswatch_build_info{version=\"" GLASSWATCH_VERSION "\"} 1");
	free(page);
}

static void test_open_metrics(void **state)
{
	char *page;

	metrics_add(metrics, METRIC_DEAD, 0, 1);
	page = metrics_open_text(NULL, metrics, 0);
	has(page, "# TYPE glasswatch_events_dead counter");
	has(page, "glasswatch_events_dead_total 1");
	assert_string_equal(page + strlen(page) - 6, "# EOF\n");
	free(page);
}

/* Base units, _total of counters and of nothing else, no name twice. */
static void test_names_of_metrics(void **state)
{
	const struct metrics_family *f, *other;

	for (unsigned i = 0; (f = metrics_text_family(i)); i++) {
		size_t len = strlen(f->name);
		bool total = len > 6 && strcmp(f->name + len - 6, "_total") == 0;

		if (total != (f->kind == METRICS_COUNTER))
			fail_msg("%s: _total belongs to counters", f->name);
		if (f->kind == METRICS_HISTOGRAM && !strstr(f->name, "_seconds"))
			fail_msg("%s: in seconds, and says so", f->name);
		if (strspn(f->name, "abcdefghijklmnopqrstuvwxyz_") != len)
			fail_msg("%s: letters and _", f->name);
		if (!*f->help || f->help[strlen(f->help) - 1] != '.')
			fail_msg("%s: help is a sentence", f->name);
		for (unsigned k = 0; k < i; k++) {
			other = metrics_text_family(k);
			if (strcmp(other->name, f->name) == 0)
				fail_msg("%s: twice", f->name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outcome_that_nobody_knows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_metrics, setup, teardown),
		cmocka_unit_test(test_names_of_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
