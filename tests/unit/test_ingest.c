/* SPDX-License-Identifier: Apache-2.0 */
/* Documents in, rows of a real store (in memory) out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/ingest.h"
#include "common/clock.h"

#define T0 (1700000000 * NS_PER_S)
#define AT(s) (T0 + (uint64_t)((s)*1e9))

static struct store *store;
static struct ingest_counts counts;
static char entry_id[32];

static int setup(void **state)
{
	char err[256];

	memset(&counts, 0, sizeof(counts));
	store = store_open(":memory:", STORE_WRITE, err, sizeof(err));
	return store ? 0 : -1;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static void ingest_text(const char *text)
{
	static unsigned n;
	struct ingest_entry entry = { .id = entry_id, .json = text, .len = strlen(text) };

	snprintf(entry_id, sizeof(entry_id), "%u-0", ++n);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
}

static void ingest(struct event e)
{
	char *text;

	e.agent = e.agent ? e.agent : "a";
	e.flow.handshake_ms = -1;
	text = event_encode(&e);
	assert_non_null(text);
	ingest_text(text);
	free(text);
}

static struct event flow(uint64_t seq, enum event_type type, const char *id, enum gw_path path,
			 const char *outcome, double start, double end)
{
	struct event e = { .type = type,
			   .seq = seq,
			   .time_ns = AT(end),
			   .device = "d",
			   .path = path,
			   .service = GW_SERVICE_SSH,
			   .has_ends = true,
			   .has_flow = true,
			   .flow = { .id = id,
				     .start_ns = AT(start),
				     .end_ns = AT(end),
				     .state = "S1",
				     .outcome = outcome,
				     .initiator = GW_BASIS_SYN },
			   .has_trust = true,
			   .trust = { .verdict = GW_VERDICT_TRUSTED,
				      .list = "t",
				      .has_rule = true,
				      .seq = 10,
				      .prefix = "10.0.0.0/8" } };

	addr_parse("10.0.0.5", &e.source.ip);
	addr_parse(path == GW_PATH_INBAND ? "10.3.0.1" : "10.1.0.1", &e.destination.ip);
	e.source.port = 40000;
	e.destination.port = 22;
	e.source.packets = seq;
	return e;
}

static struct event change(uint64_t seq, double at, const char *from, const char *to,
			   const char *evidence)
{
	struct event e = {
		.type = EVENT_PATH_CHANGE,
		.seq = seq,
		.time_ns = AT(at),
		.device = "d",
		.has_change = true,
		.change = { .from = from, .to = to, .reason = "primary-unanswered", .outage_s = -1 }
	};

	if (evidence)
		e.change.evidence[e.change.evidence_n++] = evidence;
	return e;
}

static struct event plain(uint64_t seq, enum event_type type)
{
	return (struct event){ .type = type, .seq = seq, .time_ns = AT(seq) };
}

/* ---- reading back ---- */

static char flows[1024];

static int list_flow(void *arg, const struct store_flow *f)
{
	snprintf(flows + strlen(flows), sizeof(flows) - strlen(flows), "%s%s", flows[0] ? " " : "",
		 f->flow);
	return 0;
}

static const char *flows_of(uint64_t incident)
{
	struct store_filter f = { .incident = incident };

	flows[0] = '\0';
	assert_int_equal(store_flows(store, &f, list_flow, NULL), 0);
	return flows;
}

static int list_seq(void *arg, const struct store_event *e)
{
	snprintf(flows + strlen(flows), sizeof(flows) - strlen(flows), "%s%" PRIu64,
		 flows[0] ? " " : "", e->seq);
	return 0;
}

static const char *events_of(uint64_t incident)
{
	struct store_filter f = { .incident = incident };

	flows[0] = '\0';
	assert_int_equal(store_events(store, &f, list_seq, NULL), 0);
	return flows;
}

static struct store_episode incident(uint64_t id)
{
	struct store_episode i = { 0 };

	store_episode_get(store, id, &i);
	return i;
}

static int take_agent(void *arg, const struct store_agent *a)
{
	snprintf(flows, sizeof(flows),
		 "%s last %" PRIu64 " events %" PRIu64 " missing %" PRIu64 " gaps %s", a->state,
		 a->last_seq, a->events, a->missing, a->gaps ? a->gaps : "-");
	return 0;
}

static const char *agent(void)
{
	struct store_filter all = { 0 };

	flows[0] = '\0';
	store_agents(store, &all, take_agent, NULL);
	return flows;
}

/* ---- the tests ---- */

static void test_gaps(void **state)
{
	static const struct {
		uint64_t seq;
		const char *says;
	} steps[] = {
		{ 3, "running last 3 events 1 missing 2 gaps 1-2" },
		{ 4, "running last 4 events 2 missing 2 gaps 1-2" },
		{ 10, "running last 10 events 3 missing 7 gaps 1-2,5-9" },
		{ 7, "running last 10 events 4 missing 6 gaps 1-2,5-6,8-9" },
		{ 7, "running last 10 events 4 missing 6 gaps 1-2,5-6,8-9" },
		{ 5, "running last 10 events 5 missing 5 gaps 1-2,6,8-9" },
		{ 9, "running last 10 events 6 missing 4 gaps 1-2,6,8" },
		{ 6, "running last 10 events 7 missing 3 gaps 1-2,8" },
		{ 1, "running last 10 events 8 missing 2 gaps 2,8" },
		{ 2, "running last 10 events 9 missing 1 gaps 8" },
		{ 8, "running last 10 events 10 missing 0 gaps -" },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ingest(plain(steps[i].seq, EVENT_AGENT_STATS));
		assert_string_equal(agent(), steps[i].says);
	}
	assert_int_equal(counts.stored, 10);
	assert_int_equal(counts.duplicates, 1);
	ingest(plain(11, EVENT_AGENT_STOP));
	assert_string_equal(agent(), "stopped last 11 events 11 missing 0 gaps -");
	ingest(plain(12, EVENT_AGENT_START));
	assert_string_equal(agent(), "running last 12 events 12 missing 0 gaps -");
}

static void test_fold(void **state)
{
	struct event e = flow(1, EVENT_FLOW_START, "f", GW_PATH_INBAND, "attempt", 1, 1);
	struct store_flow f;

	e.has_actor = true;
	e.actor.user = "alice";
	e.actor.loginuid = 0xffffffff;
	ingest(e);
	assert_int_equal(store_flow_get(store, "a", "f", &f), 1);
	assert_true(f.open);
	assert_false(f.established);

	e = flow(3, EVENT_FLOW_END, "f", GW_PATH_INBAND, "reset", 1, 9);
	ingest(e);
	/* late: fills in what is missing, changes nothing else */
	e = flow(2, EVENT_FLOW_UPDATE, "f", GW_PATH_INBAND, "established", 1, 5);
	e.has_ssh = true;
	e.ssh_client.proto_version = "2.0";
	e.ssh_client.software_version = "x";
	ingest(e);

	assert_int_equal(store_flow_get(store, "a", "f", &f), 1);
	assert_false(f.open);
	assert_true(f.established);
	assert_int_equal(f.seq, 3);
	assert_int_equal(f.source_packets, 3);
	assert_int_equal(f.end_ns, AT(9));
	assert_string_equal(f.outcome, "reset");
	assert_string_equal(f.user, "alice");
	assert_string_equal(f.verdict, "trusted");
	assert_int_equal(f.rule, 10);
	assert_non_null(strstr(f.json, "\"software_version\":\"x\""));
	assert_non_null(strstr(f.json, "\"user\":\"alice\""));
	assert_non_null(strstr(f.json, "\"outcome\":\"reset\""));
	/* another agent's flow of the same id is another flow */
	e.agent = "b";
	e.seq = 1;
	ingest(e);
	assert_string_equal(flows_of(0), "f f");
}

static void test_incident(void **state)
{
	struct store_episode i;

	/* before: done with, does not belong to it */
	ingest(flow(1, EVENT_FLOW_END, "old", GW_PATH_INBAND, "closed", 1, 5));
	ingest(flow(2, EVENT_FLOW_START, "ma1", GW_PATH_PRIMARY, "attempt", 10, 10));
	ingest(change(3, 12, "primary", "primary-failing", "ma1"));
	ingest(flow(4, EVENT_FLOW_START, "lo6", GW_PATH_INBAND, "established", 20, 20));
	ingest(change(5, 21, "primary-failing", "in-band", "lo6"));
	i = incident(1);
	assert_int_equal(i.began_ns, AT(12));
	assert_int_equal(i.opened_ns, AT(21));
	assert_int_equal(i.closed_ns, 0);
	assert_int_equal(i.sessions, 1);
	assert_string_equal(flows_of(1), "ma1 lo6");

	ingest(flow(6, EVENT_FLOW_END, "try", GW_PATH_INBAND, "refused", 25, 25));
	ingest(change(7, 30, "in-band", "unreachable", NULL));
	ingest(change(8, 35, "unreachable", "in-band", NULL));
	ingest(change(9, 40, "in-band", "primary", NULL));
	/* ends after the incident, and is a session of it all the same */
	ingest(flow(10, EVENT_FLOW_END, "lo6", GW_PATH_INBAND, "closed", 20, 50));
	ingest(flow(11, EVENT_FLOW_START, "new", GW_PATH_PRIMARY, "established", 45, 45));
	i = incident(1);
	assert_int_equal(i.closed_ns, AT(40));
	assert_string_equal(i.worst, "unreachable");
	assert_string_equal(i.state, "primary");
	assert_true(i.outage_s == 28);
	assert_int_equal(i.attempts, 2);
	assert_string_equal(flows_of(1), "ma1 lo6 try");
	assert_string_equal(events_of(1), "3 5 7 8 9");
	assert_int_equal(incident(2).id, 0);
}

/* A dead consumer had read the failover; its batch comes after the failback. */
static void test_late_failover(void **state)
{
	ingest(flow(4, EVENT_FLOW_END, "lo6", GW_PATH_INBAND, "closed", 22, 30));
	ingest(change(5, 40, "in-band", "primary", NULL));
	assert_int_equal(incident(1).id, 0);
	ingest(change(3, 21, "primary-failing", "in-band", "lo6"));
	assert_int_equal(incident(1).opened_ns, AT(21));
	assert_int_equal(incident(1).closed_ns, AT(40));
	assert_string_equal(flows_of(1), "lo6");
	/* one more late event lies within it */
	ingest(change(4 + 100, 35, "in-band", "unreachable", NULL)); /* not late: newer number */
	assert_int_equal(incident(2).opened_ns, AT(35));
}

static void test_late_joins(void **state)
{
	ingest(change(6, 40, "in-band", "unreachable", NULL));
	ingest(change(3, 21, "primary-failing", "in-band", NULL));
	assert_int_equal(incident(1).opened_ns, AT(21));
	assert_string_equal(incident(1).worst, "unreachable");
	assert_int_equal(incident(2).id, 0);
	ingest(change(4, 30, "in-band", "in-band-unjustified", NULL));
	assert_string_equal(events_of(1), "3 4 6");
}

static int take_dead(void *arg, const struct store_dead *d)
{
	snprintf(flows, sizeof(flows), "%s", d->reason);
	++*(unsigned *)arg;
	return 0;
}

static void test_dead_letters(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"nonsense",
		"{\"v\":1,\"id\":\"a/"
		"1\",\"agent\":\"a\",\"seq\":1,\"time\":\"2026-11-23T00:00:00Z\","
		"\"type\":\"flow.start\",\"severity\":\"info\",\"flow\":{\"direction\":\"inbound\"}"
		"}",
	};
	struct store_filter all = { 0 };
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ingest_text(texts[i]);
		assert_int_equal(counts.dead, i + 1);
	}
	assert_int_equal(counts.stored, 0);
	assert_string_equal(counts.dead_reason, "a flow without an id");
	ingest(plain(1, EVENT_AGENT_START));
	ingest(plain(1, EVENT_AGENT_STOP));
	assert_non_null(strstr(counts.dead_reason, "a/1 is stored already"));
	assert_string_equal(agent(), "running last 1 events 1 missing 0 gaps -");
	assert_int_equal(store_dead_letters(store, &all, take_dead, &n), 0);
	assert_int_equal(n, counts.dead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_incident, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_failover, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_joins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_letters, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
