/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats in, alerts out, through a real store in memory. Time is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/ingest/ingest.h"
#include "collector/ingest/notice.h"
#include "collector/store/alert.h"
#include "collector/store/parts.h"
#include "common/clock.h"
#include "tests/unit/both_stores.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)
#define LISTENING (T0 - S(1000))
#define UNSEEN S(3600)

static struct store *store;
static struct ingest_counts counts;
static char said[4000];

static int setup(void **state)
{
	memset(&counts, 0, sizeof(counts));
	store = both_stores_open("glasswatch-test");
	return store ? 0 : -1;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static void ingest(uint64_t at, uint64_t seq, const char *type, const char *more)
{
	static unsigned n;
	char id[32], doc[2000], time[TIME_STRLEN];
	struct ingest_entry entry = { .id = id, .json = doc };

	snprintf(id, sizeof(id), "%u-0", ++n);
	entry.len = (size_t)snprintf(doc, sizeof(doc),
				     "{\"v\":1,\"id\":\"a/%d\",\"agent\":\"a\",\"seq\":%d,"
				     "\"time\":\"%s\",\"type\":\"%s\",\"severity\":\"info\"%s}",
				     (int)seq, (int)seq, time_format(T0 + at, time), type, more);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0 + at, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(counts.dead, 0);
}

static void tick(uint64_t at)
{
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(notice_tick(store, T0 + at, LISTENING, UNSEEN), 0);
	assert_int_equal(ingest_commit(store), 0);
}

static int list_alert(void *arg, const struct store_event *e)
{
	json_t *doc = json_loads(e->json, 0, NULL), *a = json_object_get(doc, "alert");

	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s %s: %s",
		 said[0] ? "\n" : "", e->type, json_string_value(json_object_get(a, "state")),
		 json_string_value(json_object_get(a, "text")));
	assert_string_equal(e->agent, "glasswatch-test");
	json_decref(doc);
	return 0;
}

/* All alerts so far, a line each. */
static const char *alerts(void)
{
	struct store_filter f = { .type = "alert", .arrival = true };

	said[0] = '\0';
	assert_int_equal(store_events(store, &f, list_alert, NULL), 0);
	return said;
}

static void test_silent(void **state)
{
	ingest(0, 1, "agent.start", "");
	tick(S(30));
	assert_string_equal(alerts(), "");
	tick(S(31));
	tick(S(32));
	assert_string_equal(alerts(), "alert.agent-silent raised: a is silent: nothing has come "
				      "from it since 2023-11-14T22:13:20Z");
	ingest(S(40), 2, "agent.stats", ",\"stats\":{\"heartbeat\":{\"interval_s\":60}}");
	tick(S(41));
	assert_non_null(strstr(alerts(), "\nalert.agent-silent cleared: a is heard again"));
	tick(S(200)); /* its interval is a minute */
	ingest(S(201), 3, "agent.stop", "");
	tick(S(9000));
	assert_null(strstr(alerts() + 120, "raised"));
}

static void test_gap(void **state)
{
	ingest(0, 40, "agent.start", ""); /* what was before is not missed */
	ingest(S(1), 41, "agent.stats", ",\"stats\":{}");
	ingest(S(10), 45, "agent.stats", ",\"stats\":{}");
	tick(S(20));
	ingest(S(25), 43, "agent.stats", ",\"stats\":{}"); /* late */
	tick(S(29));
	assert_string_equal(alerts(), "");
	tick(S(70));
	assert_string_equal(strstr(alerts(), "alert.events-lost"),
			    "alert.events-lost told: 1 event of a never came: number 42 to 42\n"
			    "alert.events-lost told: 1 event of a never came: number 44 to 44");
	tick(S(200));
	assert_non_null(strstr(alerts(), "alert.agent-silent raised"));
	ingest(S(201), 48, "agent.stop", "");
	tick(S(300));
	assert_non_null(strstr(alerts(), "2 events of a never came: numbers 46 to 47"));
}

/* The clock was set back by a day: nothing waits until it is that late again. */
static void test_set_back(void **state)
{
	ingest(S(86400), 40, "agent.start", "");
	ingest(S(86401), 42, "agent.start", "");
	tick(S(10));
	assert_string_equal(alerts(), "alert.agent-silent raised: a is silent: nothing has come "
				      "from it since 2023-11-14T21:56:40Z\n"
				      "alert.events-lost told: 1 event of a never came: number 41 "
				      "to 41");
	ingest(S(20), 43, "agent.stats", ",\"stats\":{}");
	tick(S(21));
	assert_non_null(strstr(alerts(), "\nalert.agent-silent cleared: a is heard again"));
}

static void drops(uint64_t at, uint64_t seq, int ring, int outbox)
{
	char more[300];

	snprintf(more, sizeof(more),
		 ",\"stats\":{\"capture\":{\"packets\":1,\"dropped_ring_full\":%d},"
		 "\"delivery\":{\"dropped\":{\"outbox-full\":%d}}}",
		 ring, outbox);
	ingest(at, seq, "agent.stats", more);
}

static void test_counters(void **state)
{
	drops(0, 1, 0, 0);
	drops(S(10), 2, 0, 0);
	assert_string_equal(alerts(), "");
	drops(S(20), 3, 12, 0);
	assert_string_equal(alerts(), "alert.events-lost told: a could not keep all it saw: "
				      "capture.dropped_ring_full 12");
	for (uint64_t i = 1; i <= 5; i++) /* growth is told once a minute */
		drops(S(20 + 10 * i), 3 + i, 12 + (int)i, 0);
	assert_null(strstr(alerts(), "\n"));
	drops(S(80), 9, 18, 2);
	assert_non_null(strstr(alerts(), "\nalert.events-lost told: a could not keep all it saw: "
					 "capture.dropped_ring_full 6, "
					 "delivery.dropped.outbox-full 2"));
	drops(S(200), 10, 18, 2);
	drops(S(300), 11, 1, 2); /* a new process counts from 0 */
	assert_non_null(strstr(alerts(), "capture.dropped_ring_full 1"));
	assert_int_equal(counts.stored, 11);
}

static void interfaces(uint64_t at, uint64_t seq, const char *list)
{
	char more[300];

	snprintf(more, sizeof(more), ",\"stats\":{\"interfaces\":{%s}}", list);
	ingest(at, seq, "agent.stats", more);
}

static void test_interfaces(void **state)
{
	interfaces(0, 1, "\"oob0\":true,\"inb0\":true");
	interfaces(S(1), 2, "\"oob0\":false,\"inb0\":true");
	interfaces(S(2), 3, "\"oob0\":false,\"inb0\":false");
	interfaces(S(3), 4, "\"oob0\":true,\"inb0\":false");
	interfaces(S(4), 5, "\"oob0\":true,\"eth0\":7");
	assert_string_equal(
		alerts(), "alert.interface-down raised: oob0 of a is down: nothing is seen there\n"
			  "alert.interface-down raised: inb0 of a is down: nothing is seen there\n"
			  "alert.interface-down cleared: oob0 of a is up, or not watched any more\n"
			  "alert.interface-down cleared: inb0 of a is up, or not watched any more");
}

static void device(uint64_t at, uint64_t seq, const char *targets)
{
	char more[600];

	snprintf(more, sizeof(more),
		 ",\"policy\":\"0123456789ab\",\"device\":{\"name\":\"d\",\"role\":\"tor\"},"
		 "\"fabric\":{\"targets\":[%s]}",
		 targets);
	ingest(at, seq, "fabric.device", more);
}

static void flow(uint64_t at, uint64_t seq, const char *source, const char *destination)
{
	char more[900];

	snprintf(more, sizeof(more),
		 ",\"device\":{\"name\":\"d\"},\"service\":\"ssh\","
		 "\"source\":{\"ip\":\"%s\",\"port\":1,\"packets\":1,\"bytes\":40},"
		 "\"destination\":{\"ip\":\"%s\",\"port\":22,\"packets\":0,\"bytes\":0},"
		 "\"flow\":{\"id\":\"f%d\",\"start\":\"2023-11-14T22:13:20Z\","
		 "\"end\":\"2023-11-14T22:13:20Z\",\"outcome\":\"attempt\",\"state\":\"S0\"}",
		 source, destination, (int)seq);
	ingest(at, seq, "flow.end", more);
}

static void test_targets(void **state)
{
	static const char *const two = "{\"address\":\"10.1.0.1\",\"path\":\"primary\"},"
				       "{\"address\":\"10.3.0.1\",\"path\":\"in-band\"}";

	device(0, 1, two);
	flow(S(5), 2, "10.9.0.1", "10.1.0.1");
	tick(UNSEEN - S(1));
	assert_null(strstr(alerts(), "target"));
	device(UNSEEN / 2, 3, two); /* told again: known all the same */
	tick(UNSEEN);
	tick(UNSEEN + S(1));
	assert_non_null(strstr(alerts(), "alert.target-unseen raised: no agent has seen a packet "
					 "of 10.3.0.1 of this device, known since "
					 "2023-11-14T22:13:20Z"));
	assert_null(strstr(strstr(alerts(), "target-unseen") + 10, "target-unseen"));
	flow(UNSEEN + S(2), 4, "10.3.0.1", "10.9.0.1"); /* by a flow of its own */
	tick(UNSEEN + S(3));
	assert_non_null(strstr(alerts(), "target-unseen cleared: each address"));

	device(UNSEEN + S(4), 5,
	       "{\"address\":\"10.4.0.1\",\"path\":\"primary\"},{\"path\":1},7,"
	       "{\"address\":\"10.5.0.1\"},{\"address\":5}");
	tick(3 * UNSEEN);
	assert_non_null(strstr(alerts(), "a packet of 10.4.0.1 of"));
	device(3 * UNSEEN + S(5), 6, ""); /* it is not watched any more */
	tick(3 * UNSEEN + S(6));
	assert_non_null(strstr(strstr(alerts(), "10.4.0.1"), "target-unseen cleared"));
}

static void long_device(uint64_t at, uint64_t seq, const char *begins, const char *type,
			const char *parts)
{
	char more[1200], name[400];

	snprintf(name, sizeof(name), "%s", begins);
	for (int i = 0; i < 150; i++)
		strcat(name, "\xc3\xa9");
	snprintf(more, sizeof(more), ",\"device\":{\"name\":\"%s\",\"role\":\"tor\"},%s", name,
		 parts);
	ingest(at, seq, type, more);
}

/* A name that no buffer holds is cut between characters, and is told of once all the same. */
static void test_long_device(void **state)
{
	static const char targets[] =
		"\"fabric\":{\"targets\":[{\"address\":\"192.0.2.1\",\"path\":\"primary\"}]}";
	static const char change[] = "\"change\":{\"from\":\"primary\",\"to\":\"unreachable\","
				     "\"reason\":\"r\"}";
	const char *one;

	long_device(0, 1, "f-", "fabric.device", targets);
	long_device(S(1), 2, "", "fabric.device", targets); /* nor its fabric's */
	long_device(S(2), 3, "f-", "path.change", change);
	long_device(S(3), 4, "", "path.change", change);
	for (uint64_t i = 0; i < 5; i++)
		tick(UNSEEN + S(2 + i));
	one = strstr(alerts(), "alert.target-unseen raised");
	assert_non_null(one);
	assert_non_null(one = strstr(one + 1, "alert.target-unseen raised"));
	assert_null(strstr(one + 1, "alert.target-unseen"));
	flow(UNSEEN + S(7), 5, "192.0.2.1", "10.9.0.1");
	tick(UNSEEN + S(8));
	one = strstr(alerts(), "alert.target-unseen cleared");
	assert_non_null(one);
	assert_non_null(strstr(one + 1, "alert.target-unseen cleared"));
}

/* Nobody but the collector speaks in its name. */
static void test_name(void **state)
{
	struct ingest_entry entry = { .id = "1-0" };

	entry.json = "{\"v\":1,\"id\":\"glasswatch-test/1\",\"agent\":\"glasswatch-test\","
		     "\"seq\":1,\"time\":\"2026-11-23T01:02:03Z\",\"type\":\"agent.start\","
		     "\"severity\":\"info\"}";
	entry.len = strlen(entry.json);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(counts.dead, 1);
	assert_non_null(strstr(counts.dead_reason, "collector's own"));
}

/* Undone with the batch: told again by the next. */
static void test_undone(void **state)
{
	ingest(0, 1, "agent.start", "");
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(notice_tick(store, T0 + S(31), LISTENING, UNSEEN), 0);
	store_rollback(store);
	assert_string_equal(alerts(), "");
	tick(S(32));
	assert_non_null(strstr(alerts(), "raised"));
}

/* What the store refuses to be told of undoes that alone. */
static void test_refused(void **state)
{
	struct store_alert_found found;
	char refused[100];

	ingest(0, 1, "agent.start", "");
	ingest(S(1), 2, "agent.loss", ",\"loss\":{\"reason\":\"outbox-full\",\"count\":7}");
	assert_int_equal(store_alert_find(store, "events-lost", "a outbox", &found), 1);
	assert_int_equal(ingest_begin(store), 0);
	if (db_is_pg(store->db))
		assert_true(db_run(store->db,
				   "ALTER TABLE alarms ADD CHECK (name <> 'agent-silent')",
				   "") >= 0);
	else
		assert_true(db_run(store->db,
				   "CREATE TRIGGER no BEFORE INSERT ON alarms"
				   " WHEN NEW.name = 'agent-silent'"
				   " BEGIN SELECT RAISE(ABORT, 'no'); END",
				   "") >= 0);
	assert_int_equal(ingest_commit(store), 0);
	ingest(S(2), 3, "agent.stats", ",\"stats\":{}");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ingest_begin(store), 0);
		assert_int_equal(notice_careful(store, T0 + S(4000 + i), LISTENING, UNSEEN, refused,
						sizeof(refused)),
				 0);
		assert_true(refused[0] != '\0');
		assert_int_equal(ingest_commit(store), 0);
	}
	assert_null(strstr(alerts(), "agent-silent"));
	/* the rest of the tick was done */
	assert_int_equal(store_alert_find(store, "events-lost", "a outbox", &found), 0);
	assert_non_null(strstr(alerts(), "events-lost cleared"));
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int run(void)
{
	const struct CMUnitTest tests[] = {
		with_store(test_set_back),
		with_store(test_silent),     with_store(test_gap),     with_store(test_counters),
		with_store(test_interfaces), with_store(test_targets), with_store(test_name),
		with_store(test_undone),     with_store(test_long_device),
		with_store(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
