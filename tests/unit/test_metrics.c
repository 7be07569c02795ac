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
#include "collector/ingest/ingest.h"
#include "collector/store/store.h"
#include "collector/view/metrics.h"
#include "common/clock.h"
#include "common/event.h"
#include "tests/unit/both_stores.h"

#define T0 (1700000000 * NS_PER_S)

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
	has(page, "glasswatch_build_info{version=\"" GLASSWATCH_VERSION "\",store=\"none\"} 1");
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

/* ---- what is read of the store ---------------------------------------------- */

static struct store *store;

static int setup_store(void **state)
{
	store = both_stores_open(NULL);
	return store ? setup(state) : -1;
}

static int teardown_store(void **state)
{
	store_close(store);
	return teardown(state);
}

static void ingest(const char *agent, unsigned seq, const char *type, const char *more)
{
	struct ingest_counts counts = { 0 };
	char json[4000];
	struct ingest_entry entry = { .id = "1-1", .json = json };

	entry.len = (size_t)snprintf(json, sizeof(json),
				     "{\"v\":1,\"id\":\"%s/%u\",\"agent\":\"%s\",\"seq\":%u,"
				     "\"time\":\"2023-11-14T22:13:20Z\",\"type\":\"%s\","
				     "\"severity\":\"info\",\"policy\":\"9f3c\"%s}",
				     agent, seq, agent, seq, type, more);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0 + NS_PER_S, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(counts.stored, 1);
}

/* As agent/report.c and agent/outbox.c write it. */
static const char real_stats[] =
	",\"stats\":{\"capture\":{\"packets\":100,\"watched\":90,\"flows\":7,\"records\":40,"
	"\"dropped_ring_full\":3,\"dropped_map_full\":0,\"parse_short\":1,\"parse_bad\":2,"
	"\"later_fragments\":4,\"other_interface\":5,\"icmp_errors\":6,\"syns\":8,"
	"\"half_open_untold\":9,\"dropped_ring_reserve\":1},\"engine\":{\"events\":55,\"flows\":7,"
	"\"flows_now\":2,\"late_packets\":1,\"table_full\":0,\"found_by_sweep\":1,"
	"\"path_changes\":2,\"routes_now\":4,\"routes_refused\":0,\"attempts_summed\":11},"
	"\"delivery\":{\"generated\":60,\"acknowledged\":50,\"waiting\":7,\"waiting_bytes\":4096,"
	"\"dropped\":{\"outbox-full\":2,\"outbox-unwritten\":1}},"
	"\"interfaces\":{\"oob0\":true,\"we\\\"ird\":false},\"heartbeat\":{\"interval_s\":5.0}}";

static void test_empty_store(void **state)
{
	char *page = metrics_text(store, metrics, T0);

	has(page, both_stores_pg() ? "glasswatch_build_info{version=\"" GLASSWATCH_VERSION
				     "\",store=\"postgresql\"} 1"
				   : "glasswatch_build_info{version=\"" GLASSWATCH_VERSION
				     "\",store=\"sqlite\"} 1");
	has(page, "glasswatch_store_readable 1");
	has(page, "glasswatch_store_events_total 0");
	has(page, "glasswatch_chain_places_total 0");
	has(page, "glasswatch_incidents_open{kind=\"management-switch\",drill=\"no\"} 0");
	has(page, "glasswatch_devices{state=\"unreachable\"} 0");
	has(page, "glasswatch_flows_open{service=\"ssh\",path=\"in-band\",verdict=\"untrusted\","
		  "outcome=\"established\"} 0");
	has(page, "glasswatch_breakglass_sessions_open{justified=\"no\"} 0");
	has(page, "glasswatch_targets{path=\"in-band\",state=\"unseen\"} 0");
	has(page, "glasswatch_loopbacks{armed=\"no\"} 0");
	has(page, "glasswatch_alerts_open{name=\"untrusted-source\",severity=\"notice\","
		  "state=\"open\"} 0");
	has(page, "glasswatch_agents{state=\"running\"} 0");
	has(page, "glasswatch_agents_unlisted 0");
	has_not(page, "\nglasswatch_store_written_timestamp_seconds");
	has_not(page, "\nglasswatch_agent_running");
	free(page);
}

static void test_agents(void **state)
{
	char *page;

	ingest("a", 1, "agent.start", "");
	ingest("a", 5, "agent.stats", real_stats);
	ingest("b", 1, "agent.stop", "");
	page = metrics_text(store, metrics, T0 + 9 * NS_PER_S);
	has(page, "glasswatch_store_written_timestamp_seconds 1700000001.0");
	has(page, "glasswatch_store_newest_event_timestamp_seconds 1700000000.0");
	has(page, "glasswatch_agents{state=\"running\"} 1");
	has(page, "glasswatch_agents{state=\"stopped\"} 1");
	has(page, "glasswatch_agent_info{agent=\"a\",policy=\"9f3c\"} 1");
	has(page, "glasswatch_agent_running{agent=\"a\"} 1");
	has(page, "glasswatch_agent_running{agent=\"b\"} 0");
	has(page, "glasswatch_agent_heard_timestamp_seconds{agent=\"a\"} 1700000001.0");
	has(page, "glasswatch_agent_heartbeat_interval_seconds{agent=\"a\"} 5.0");
	has(page, "glasswatch_agent_heartbeat_interval_seconds{agent=\"b\"} 10.0"); /* assumed */
	has(page, "glasswatch_agent_sequence{agent=\"a\"} 5");
	has(page, "glasswatch_agent_events_stored_total{agent=\"a\"} 2");
	has(page, "glasswatch_agent_events_missing{agent=\"a\"} 3");
	has(page, "glasswatch_agent_events_missing{agent=\"b\"} 0");
	has(page, "glasswatch_agent_events_generated_total{agent=\"a\"} 60");
	has(page, "glasswatch_agent_events_acknowledged_total{agent=\"a\"} 50");
	has(page, "glasswatch_agent_events_waiting{agent=\"a\"} 7");
	has(page, "glasswatch_agent_events_dropped_total{agent=\"a\",reason=\"outbox-full\"} 2");
	has(page,
	    "glasswatch_agent_events_dropped_total{agent=\"a\",reason=\"outbox-unwritten\"} 1");
	has(page, "glasswatch_agent_capture_dropped_total{agent=\"a\",reason=\"ring-full\"} 3");
	has(page, "glasswatch_agent_interface_up{agent=\"a\",interface=\"oob0\"} 1");
	has(page, "glasswatch_agent_interface_up{agent=\"a\",interface=\"we\\\"ird\"} 0");
	has(page, "glasswatch_agent_attempts_summed_total{agent=\"a\"} 11");
	has_not(page, "glasswatch_agent_packets_total{agent=\"b\"}");
	free(page);
}

/* As `agents` has it: who is not heard does not run. */
static void test_silent(void **state)
{
	struct store_alarm alarm = {
		.name = "agent-silent", .agent = "a", .subject = "", .since_ns = T0
	};
	char *page;

	ingest("a", 1, "agent.start", "");
	ingest("c", 1, "agent.start", "");
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(store_alarm_raise(store, &alarm), 1);
	assert_int_equal(ingest_commit(store), 0);
	page = metrics_text(store, metrics, T0 + 9 * NS_PER_S);
	has(page, "glasswatch_agents{state=\"running\"} 1");
	has(page, "glasswatch_agents{state=\"silent\"} 1");
	has(page, "glasswatch_agents{state=\"stopped\"} 0");
	has(page, "glasswatch_agent_running{agent=\"a\"} 1"); /* it has not said that it stops */
	free(page);
}

/* What lies in the subnet of an incident, and of whose own path nothing was told, is on it. */
static void test_devices(void **state)
{
	static const char *const names[] = { "f-d1", "f-d2", "f-mgmt" };
	char more[400], *page;
	unsigned n = 0;

	for (int i = 0; i < 3; i++) {
		snprintf(more, sizeof(more),
			 ",\"device\":{\"name\":\"%s\",\"role\":\"%s\"},\"fabric\":{"
			 "\"management\":[{\"interface\":\"Management1\",\"vrf\":\"M\","
			 "\"addresses\":[\"192.0.2.%d/24\"]}],\"targets\":[{"
			 "\"address\":\"192.0.2.%d\",\"path\":\"primary\"}]}",
			 names[i], i < 2 ? "tor" : "mgmt-switch", i + 1, i + 1);
		ingest("a", ++n, "fabric.device", more);
	}
	for (int i = 0; i < 2; i++) {
		snprintf(more, sizeof(more),
			 ",\"device\":{\"name\":\"%s\"},"
			 "\"change\":{\"from\":\"primary\",\"to\":\"in-band\","
			 "\"reason\":\"primary-unanswered\"}",
			 names[i]);
		ingest("a", ++n, "path.change", more);
	}
	page = metrics_text(store, metrics, T0 + 9 * NS_PER_S);
	has(page, "glasswatch_devices{state=\"in-band\"} 2");
	has(page, "glasswatch_devices{state=\"primary\"} 1");
	has_not(page, "glasswatch_devices{state=\"\"}");
	free(page);
}

/* Everything that agent.stats says is shown: nothing is left behind when it grows. */
static void test_all_of_stats(void **state)
{
	json_t *doc, *group, *value;
	const char *name, *key;
	char *page, wanted[80];

	ingest("a", 1, "agent.stats", real_stats);
	page = metrics_text(store, metrics, T0);
	doc = json_loads(strchr(real_stats, ':') + 1, 0, NULL);
	assert_non_null(doc);
	json_object_foreach(doc, name, group)
	{
		if (strcmp(name, "interfaces") == 0 || strcmp(name, "heartbeat") == 0)
			continue;
		json_object_foreach(group, key, value)
		{
			if (json_is_object(value))
				continue;
			snprintf(wanted, sizeof(wanted), "{agent=\"a\"} %d\n",
				 (int)json_integer_value(value));
			if (!strstr(page, wanted)) {
				snprintf(wanted, sizeof(wanted), "\"} %d\n",
					 (int)json_integer_value(value));
				if (!strstr(page, wanted))
					fail_msg("%s.%s is not on the page", name, key);
			}
		}
	}
	json_decref(doc);
	free(page);
}

static const char a_flow[] =
	",\"device\":{\"name\":\"tor1\",\"role\":\"tor\"},\"path\":\"in-band\",\"service\":\"ssh\","
	"\"source\":{\"ip\":\"203.0.113.7\",\"port\":5,\"packets\":1,\"bytes\":60},"
	"\"destination\":{\"ip\":\"10.30.0.1\",\"port\":22,\"packets\":1,\"bytes\":60},"
	"\"network\":{\"type\":\"ipv4\",\"transport\":\"tcp\",\"community_id\":\"1:x\",\"vlan\":[],"
	"\"mpls\":[],\"encapsulation\":[]},\"flow\":{\"id\":\"f1\",\"direction\":\"inbound\","
	"\"start\":\"2023-11-14T22:13:18Z\",\"end\":\"2023-11-14T22:13:20Z\",\"duration\":2,"
	"\"state\":\"SF\",\"outcome\":\"%s\",\"initiator\":\"syn\",\"retransmits\":0,"
	"\"fragments\":0,\"missed_bytes\":0},\"trust\":{\"verdict\":\"untrusted\"}";

static void flow(unsigned seq, const char *type, const char *outcome)
{
	char more[1200];

	snprintf(more, sizeof(more), a_flow, outcome);
	ingest("a", seq, type, more);
}

/* A flow counts once when it begins, becomes established, ends. */
static void test_flows(void **state)
{
	const char *const ssh = "{service=\"ssh\",path=\"in-band\",verdict=\"untrusted\"";
	char *page, line[200];

	store_count(store, metrics);
	flow(1, "flow.start", "attempt");
	flow(2, "flow.update", "established");
	flow(3, "flow.update", "established");
	page = metrics_text(store, metrics, T0);
	snprintf(line, sizeof(line), "glasswatch_flows_open%s,outcome=\"established\"} 1", ssh);
	has(page, line);
	snprintf(line, sizeof(line), "glasswatch_flows_established_total%s} 1", ssh);
	has(page, line);
	snprintf(line, sizeof(line), "glasswatch_flows_total%s,outcome=\"closed\"} 0", ssh);
	has(page, line);
	free(page);
	flow(4, "flow.end", "closed");

	/* not committed: not counted */
	assert_int_equal(store_begin(store), 0);
	metrics_note(store_counts(store), METRIC_EVENTS, EVENT_FLOW_END, 1);
	store_rollback(store);

	page = metrics_text(store, metrics, T0);
	snprintf(line, sizeof(line), "glasswatch_flows_started_total%s} 1", ssh);
	has(page, line);
	snprintf(line, sizeof(line), "glasswatch_flows_established_total%s} 1", ssh);
	has(page, line);
	snprintf(line, sizeof(line), "glasswatch_flows_total%s,outcome=\"closed\"} 1", ssh);
	has(page, line);
	snprintf(line, sizeof(line), "glasswatch_flows_open%s,outcome=\"established\"} 0", ssh);
	has(page, line);
	has(page, "glasswatch_events_total{type=\"flow.end\"} 1");
	has(page, "glasswatch_events_total{type=\"flow.update\"} 2");
	has(page, "glasswatch_event_delay_seconds_bucket{le=\"1.0\"} 4");
	has(page, "glasswatch_event_seconds_count{stage=\"derive\"} 4");
	free(page);
}

/* What is no statistics of ours is left out, and breaks nothing. */
static void test_strange_stats(void **state)
{
	static const char *const strange[] = {
		"",
		",\"stats\":[]",
		",\"stats\":{\"delivery\":7,\"capture\":null,\"interfaces\":[1]}",
		(",\"stats\":{\"delivery\":{\"generated\":-1,\"waiting\":1.5,\"dropped\":{\"x\":"
		"\"y\"}}}"),
	};
	char *page;

	for (unsigned i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
		ingest("a", i + 1, "agent.stats", strange[i]);
	page = metrics_text(store, metrics, T0);
	has(page, "glasswatch_store_events_total 4");
	has(page, "glasswatch_chain_places_total 4");
	has(page, "glasswatch_agent_events_stored_total{agent=\"a\"} 4");
	has_not(page, "glasswatch_agent_events_generated_total{");
	has_not(page, "glasswatch_agent_interface_up{");
	free(page);
}

/* Whoever writes into the stream may invent names: the page stays bounded. */
static void test_many_agents(void **state)
{
	char name[20], *page;
	unsigned lines = 0;

	for (unsigned i = 0; i < 510; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		ingest(name, 1, "agent.start", "");
	}
	page = metrics_text(store, metrics, T0);
	has(page, "glasswatch_agents{state=\"running\"} 510");
	has(page, "glasswatch_agents_unlisted 10");
	for (const char *at = page; (at = strstr(at, "\nglasswatch_agent_running{")); at++)
		lines++;
	assert_int_equal(lines, 500);
	free(page);
}

static void test_no_store(void **state)
{
	char *page = metrics_text(NULL, metrics, T0);

	has(page, "glasswatch_store_readable 0");
	has_not(page, "glasswatch_devices");
	has_not(page, "glasswatch_agents");
	free(page);
}

/* docs/metrics.md lists every metric as the table has it. */
static void test_documented(void **state)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	char *text = calloc(1, 200000), row[600], labels[200];
	FILE *f = fopen("docs/metrics.md", "r");
	const struct metrics_family *m;
	unsigned rows = 0, i;

	if (!f)
		skip(); /* not started from the top of the tree */
	assert_non_null(text);
	assert_true(fread(text, 1, 199999, f) > 0);
	fclose(f);
	for (i = 0; (m = metrics_text_family(i)); i++) {
		size_t n = 0;

		labels[0] = '\0';
		for (const char *l = m->labels; *l; l += strcspn(l, " "), l += *l == ' ')
			n += (size_t)snprintf(labels + n, sizeof(labels) - n, "%s`%.*s`",
					      n ? " " : "", (int)strcspn(l, " "), l);
		snprintf(row, sizeof(row), "| `%s` | %s%s | %s | %s |\n", m->name, kinds[m->kind],
			 i < METRIC_OWN_NUM ? ", process" : "", labels, m->help);
		if (!strstr(text, row))
			fail_msg("docs/metrics.md has no row\n%s", row);
	}
	for (const char *at = text; (at = strstr(at, "\n| `glasswatch_")); at++)
		rows++;
	assert_int_equal(rows + 1, i); /* process_start_time_seconds */
	free(text);
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

static int with_a_store(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty_store, setup_store, teardown_store),
		cmocka_unit_test_setup_teardown(test_agents, setup_store, teardown_store),
		cmocka_unit_test_setup_teardown(test_silent, setup_store, teardown_store),
		cmocka_unit_test_setup_teardown(test_devices, setup_store, teardown_store),
		cmocka_unit_test_setup_teardown(test_all_of_stats, setup_store, teardown_store),
		cmocka_unit_test_setup_teardown(test_flows, setup_store, teardown_store),
		cmocka_unit_test_setup_teardown(test_strange_stats, setup_store, teardown_store),
		cmocka_unit_test_setup_teardown(test_many_agents, setup_store, teardown_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
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
		cmocka_unit_test_setup_teardown(test_no_store, setup, teardown),
		cmocka_unit_test(test_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) + both_stores(with_a_store);
}
