/* SPDX-License-Identifier: Apache-2.0 */
/* What retention removes and what it leaves, whatever the clocks of the agents say. Events
 * in; stores are real, time is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert_events.h"
#include "collector/ingest/ahead.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/own.h"
#include "collector/ingest/retain.h"
#include "collector/store/alert.h"
#include "collector/store/episode.h"
#include "collector/store/incident.h"
#include "collector/store/parts.h"
#include "collector/store/retain.h"
#include "collector/store/source.h"
#include "tests/unit/both_stores.h"
#include "tests/unit/sources_agree.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)
#define DAY S(86400)
#define ALICE "'actor':{'user':'alice','uid':1,'pid':2,'comm':'ssh'}"

static struct store *store;
static uint64_t seq;

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

/* Stored at one time, told of another. */
static void put(const char *agent, uint64_t stored, uint64_t time_ns, const char *type,
		const char *parts)
{
	struct ingest_counts counts = { 0 };
	char id[32], doc[DOC_LEN];
	struct ingest_entry entry = { .id = id, .json = doc };

	snprintf(id, sizeof(id), "%d-0", (int)++seq);
	document(doc, agent, seq, time_ns, type, "info", parts);
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, stored, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	if (counts.dead)
		fail_msg("%s: %s", counts.dead_reason, doc);
}

static void flow(const char *agent, uint64_t stored, uint64_t time_ns, const char *type,
		 struct a_flow f)
{
	char parts[DOC_LEN];

	put(agent, stored, time_ns, type, flow_parts(parts, &f, time_ns));
}

static void tell(uint64_t at)
{
	struct event own = { .type = EVENT_ALERT,
			     .alert = "record-sealed",
			     .severity = SEVERITY_INFO,
			     .time_ns = at };
	uint64_t n;

	assert_int_equal(ingest_own(store, &own, at, &n), 0);
}

/* All that is stored is sealed; what comes is not, from the event that tells of it. */
static void seal(uint64_t at)
{
	struct store_segment x;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_anchor_make(store, at, 1, 0), 1);
	assert_int_equal(store_seal_older(store, at + 1, &x), 1);
	x.why = "age";
	assert_int_equal(store_seal(store, &x), 0);
	tell(at);
	assert_int_equal(store_commit(store), 0);
}

static void sweep_by(unsigned rows)
{
	int rc = 1;

	for (int i = 0; i < 10000 && rc == 1; i++) {
		assert_int_equal(store_begin(store), 0);
		rc = store_sweep(store, rows, T0 + 300 * DAY);
		assert_int_equal(store_commit(store), 0);
	}
	assert_int_equal(rc, 0);
}

static void sweep(void)
{
	sweep_by(1000);
}

static uint64_t ask(const char *sql)
{
	struct db_row *row;

	assert_int_equal(db_get(store->db, &row, sql, ""), 1);
	return db_u64(row, 0);
}

#define COUNT(of) ask("SELECT COUNT(*) FROM " of)

/* Of f1 of the agent "a": has its document this? */
static bool tells(const char *text)
{
	struct store_flow f;
	bool found;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_flow_get(store, "a", "f1", &f), 1);
	found = strstr(f.json, text) != NULL;
	store_rollback(store);
	return found;
}

/* A sweep that was undone keeps the documents when it is tried again. */
static void test_undone(void **state)
{
	struct a_flow f = { .outcome = "established", .verdict = "trusted", .more = ALICE };

	flow("a", T0 + S(1), T0 + S(1), "flow.start", f);
	seal(T0 + S(2));
	f.more = NULL;
	flow("a", T0 + S(100), T0 + S(100), "flow.update", f);
	assert_true(tells("alice"));
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_sweep(store, 1000, T0 + S(200)), 1);
	store_rollback(store);
	sweep();
	assert_int_equal(COUNT("events WHERE agent = 'a'"), 1);
	assert_true(tells("alice"));
}

/* An agent is ahead: its flow begins after all that is sealed was stored. */
static void test_ahead(void **state)
{
	struct a_flow f = { .outcome = "established",
			    .verdict = "trusted",
			    .more = ALICE,
			    .start_ns = T0 + S(4) };

	flow("a", T0 + S(1), T0 + S(4), "flow.start", f);
	seal(T0 + S(2));
	f.more = NULL;
	flow("a", T0 + S(100), T0 + S(103), "flow.update", f);
	sweep();
	assert_int_equal(COUNT("events WHERE agent = 'a'"), 1);
	assert_true(tells("alice"));
	f.outcome = "closed";
	flow("a", T0 + S(110), T0 + S(113), "flow.end", f);
	assert_true(tells("alice"));
	seal(T0 + S(112));
	sweep();
	assert_int_equal(COUNT("flows"), 0);
}

/* Each step may be the last before the collector ends: documents are kept by the steps that
 * follow as well. */
static void test_steps(void **state)
{
	struct a_flow f = { .outcome = "established", .verdict = "trusted", .start_ns = T0 };
	char id[16];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		f.id = id;
		f.more = ALICE;
		flow("a", T0 + S(i), T0 + S(i), "flow.start", f);
	}
	seal(T0 + S(30));
	f.more = NULL;
	for (int i = 0; i < 20; i += 2) {
		snprintf(id, sizeof(id), "f%d", i);
		flow("a", T0 + S(100), T0 + S(100), "flow.update", f);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(store_begin(store), 0);
		assert_int_equal(store_sweep(store, 2, T0 + S(200)), 1);
		assert_int_equal(store_commit(store), 0);
	}
	teardown(state);
	if (!both_stores_pg())
		return (void)setup(state); /* it was in memory */
	store = store_open(both_stores_again(), STORE_WRITE, id, sizeof(id));
	assert_non_null(store);
	sweep_by(2);
	assert_int_equal(COUNT("flows"), 20);
	for (int i = 0; i < 20; i++) {
		struct store_flow row;

		snprintf(id, sizeof(id), "f%d", i);
		assert_int_equal(store_begin(store), 0);
		assert_int_equal(store_flow_get(store, "a", id, &row), 1);
		assert_non_null(strstr(row.json, "alice"));
		store_rollback(store);
	}
}

/* What is derived later than an event of the collector's own has a higher number, although
 * its place is before. */
static void behind(bool own_goes)
{
	char parts[DOC_LEN], doc[3][DOC_LEN];
	struct a_flow f = { .outcome = "established", .verdict = "trusted", .more = ALICE };
	struct ingest_counts counts = { 0 };
	struct ingest_entry entries[3] = { { .id = "1-0" }, { .id = "2-0" }, { .id = "3-0" } };
	struct readers *readers = readers_new(NULL);
	struct ingest_later *later = ingest_later_new(readers);
	struct store_segment x;

	for (int i = 0; i < 3; i++) {
		f.id = i == 2 ? "f1" : i ? "f2" : "f3";
		document(doc[i], "a", ++seq, T0, "flow.start", "info", flow_parts(parts, &f, T0));
		entries[i].json = doc[i];
		entries[i].len = strlen(doc[i]);
	}
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_record(store, entries, 3, T0, &counts), 0);
	if (!own_goes)
		assert_int_equal(store_anchor_make(store, T0, 1, 0), 1);
	tell(T0);
	if (own_goes)
		assert_int_equal(store_anchor_make(store, T0, 1, 0), 1);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_derive(store, later, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	f.id = "f1";
	f.more = NULL;
	flow("a", T0 + S(100), T0 + S(100), "flow.update", f);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_seal_older(store, T0 + S(1), &x), 1);
	assert_int_equal(x.last, own_goes ? 4 : 3);
	x.why = "age";
	assert_int_equal(store_seal(store, &x), 0);
	assert_int_equal(store_commit(store), 0);
	sweep();
	assert_int_equal(COUNT("events WHERE agent = 'a'"), 1);
	assert_int_equal(COUNT("flows"), 3);
	assert_true(tells("alice"));
	ingest_later_free(later);
	readers_free(readers);
}

static void test_behind(void **state)
{
	behind(false);
}

static void test_behind_own(void **state)
{
	behind(true);
}

static void close_incident(uint64_t closed_ns)
{
	struct store_incident i;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_incident_own(store, 1, &i), 1);
	i.closed_ns = closed_ns;
	i.closed_by = "quiet";
	assert_int_equal(store_incident_put(store, &i), 0);
	assert_int_equal(store_commit(store), 0);
}

/* Age counts from the time of storing: what happened last year and was stored today stays
 * with what was stored today. */
static void test_replayed(void **state)
{
	put("a", T0, T0, "agent.start", "");
	seal(T0 + S(1));
	flow("a", T0 + S(2), T0 - 300 * DAY, "flow.end",
	     (struct a_flow){ .outcome = "closed", .verdict = "untrusted" });
	close_incident(T0 - 299 * DAY);
	sweep();
	assert_int_equal(COUNT("events WHERE type = 'flow.end'"), 1);
	assert_int_equal(COUNT("flows"), 1);
	assert_int_equal(COUNT("incidents"), 1);
	assert_int_equal(COUNT("incident_flows"), 1);
	seal(T0 + S(100));
	sweep();
	assert_int_equal(COUNT("flows"), 0);
	assert_int_equal(COUNT("incidents"), 0);
	assert_int_equal(COUNT("incident_flows"), 0);
}

/* The flows of an open incident stay, with their documents, until it is over and what
 * changed it last is old. */
static void test_incident(void **state)
{
	flow("a", T0, T0, "flow.end",
	     (struct a_flow){ .outcome = "closed", .verdict = "untrusted", .more = ALICE });
	seal(T0 + S(1));
	sweep();
	assert_int_equal(COUNT("flows"), 1);
	assert_int_equal(COUNT("incidents"), 1);
	assert_true(tells("alice"));
	close_incident(T0 + S(50));
	flow("a", T0 + S(60), T0 + S(60), "flow.end",
	     (struct a_flow){ .id = "f2", .outcome = "closed", .verdict = "trusted" });
	assert_int_equal(COUNT("flows"), 2);
	seal(T0 + S(61));
	sweep();
	assert_int_equal(COUNT("flows"), 0);
	assert_int_equal(COUNT("incidents"), 0);
}

static void change_path(uint64_t at, const char *to)
{
	char parts[500];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'d1'},'change':{'from':'primary','to':'%s','reason':'r'}", to);
	put("a", at, at, "path.change", parts);
}

static void test_alerts(void **state)
{
	change_path(T0, "unreachable");
	change_path(T0 + S(1), "primary");
	assert_int_not_equal(COUNT("alerts"), 0);
	assert_int_not_equal(COUNT("alert_events"), 0);
	seal(T0 + S(2));
	change_path(T0 + S(3), "unreachable");
	sweep();
	/* the new one stays */
	assert_int_not_equal(COUNT("alerts WHERE resolved IS NULL"), 0);
	assert_int_equal(COUNT("alerts WHERE resolved IS NOT NULL"), 0);
	assert_int_not_equal(COUNT("alert_events"), 0);
	assert_int_equal(COUNT("alert_events WHERE alert NOT IN (SELECT id FROM alerts)"), 0);
	change_path(T0 + S(4), "primary");
	seal(T0 + S(5));
	sweep();
	assert_int_equal(COUNT("alerts"), 0);
	assert_int_equal(COUNT("alert_events"), 0);
}

/* Two agents saw one flow; it is counted as long as one of them says that it goes on. */
static void test_twins(void **state)
{
	struct a_flow f = { .outcome = "established", .verdict = "trusted", .start_ns = T0 };
	struct store_filter all = { 0 };

	flow("a", T0 + S(1), T0 + S(1), "flow.start", f);
	flow("b", T0 + S(1), T0 + S(1), "flow.start", f);
	assert_int_equal(COUNT("flows WHERE same_as IS NOT NULL"), 1);
	f.outcome = "closed";
	flow("a", T0 + S(9), T0 + S(9), "flow.end", f);
	seal(T0 + S(10));
	sweep();
	assert_int_equal(COUNT("flows WHERE same_as IS NULL"), 1);
	assert_true(sources_agree(store, &all));
	flow("b", T0 + S(20), T0 + S(20), "flow.end", f);
	seal(T0 + S(21));
	sweep();
	assert_int_equal(COUNT("flows"), 0);
	assert_false(sources_agree(store, &all));
}

/* Agents whose clocks disagree, of which one is late, and flows of many lengths, removed
 * piece by piece: the sums are what counting says, after each. */
static void test_sums(void **state)
{
	static const char *const sources[] = { "10.0.0.5", "10.0.0.6", "2001:db8::7" };
	static const char *const paths[] = { "primary", "in-band" };
	struct store_filter all = { 0 };
	uint64_t stored = T0 / DAY * DAY, before;
	unsigned made = 0, seed = 7;
	char id[16], community[60];

	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 60; i++, made++) {
			bool late = rand_r(&seed) % 3 == 0;
			uint64_t start = stored + S(i) - (late ? 7 * S(60 * round) : 0);
			uint64_t end = start + S(rand_r(&seed) % 400) + made;
			struct a_flow f = {
				.id = id,
				.source = sources[rand_r(&seed) % 3],
				.path = paths[rand_r(&seed) % 2],
				.verdict = "trusted",
				.outcome = "established",
				.start_ns = start,
				.more_flow = community,
			};

			snprintf(id, sizeof(id), "f%u", made);
			snprintf(community, sizeof(community), "'number':%u", made);
			flow(late ? "b" : "a", stored + S(i), start, "flow.start", f);
			f.outcome = "closed";
			if (rand_r(&seed) % 8)
				flow(late ? "b" : "a", stored + S(i), end, "flow.end", f);
		}
		seal(stored + S(60));
		before = COUNT("flows");
		for (int i = 0, rc = 1; rc == 1; i++) {
			assert_true(i < 1000);
			assert_int_equal(store_begin(store), 0);
			rc = store_sweep(store, 20, T0 + 300 * DAY);
			assert_int_equal(store_commit(store), 0);
			assert_true(rc >= 0);
			assert_true(sources_agree(store, &all));
		}
		assert_true(COUNT("flows") < before);
		stored += S(120);
	}
}

/* Of many that began together the last to end is the first to go. */
static void test_last_first(void **state)
{
	struct a_flow f = { .outcome = "closed", .verdict = "trusted" };
	struct store_filter all = { 0 };
	uint64_t began = T0 / DAY * DAY;
	char id[16];

	f.start_ns = began;
	flow("a", began + S(250), began + S(250), "flow.end", f);
	seal(began + S(251));
	f.id = id;
	for (int i = 0; i < 120; i++) {
		snprintf(id, sizeof(id), "late%d", i);
		f.start_ns = began + S(i + 1);
		flow("a", began + S(300), began + S(i + 2), "flow.end", f);
	}
	sweep();
	assert_int_equal(COUNT("flows"), 120);
	assert_true(sources_agree(store, &all));
}

/* PostgreSQL drops a week's events as a whole: flows were seen to before. */
static void test_weeks(void **state)
{
	struct a_flow f = { .outcome = "established",
			    .verdict = "trusted",
			    .more = ALICE,
			    .start_ns = T0 };
	struct store_filter all = { 0 };

	flow("a", T0, T0, "flow.start", f);
	f.id = "f2";
	f.outcome = "closed";
	flow("a", T0 + S(1), T0 + S(1), "flow.end", f);
	f.id = NULL;
	f.outcome = "established";
	f.more = NULL;
	flow("a", T0 + 14 * DAY, T0 + 14 * DAY, "flow.update", f);
	seal(T0 + 15 * DAY);
	flow("a", T0 + 22 * DAY, T0 + 22 * DAY, "flow.update", f);
	sweep();
	assert_int_equal(COUNT("events WHERE agent = 'a'"), 1);
	assert_int_equal(COUNT("flows"), 1);
	assert_true(tells("alice"));
	assert_true(sources_agree(store, &all));
}

static uint64_t tick(struct retain *r, uint64_t at)
{
	assert_int_equal(ingest_begin(store), 0);
	assert_true(retain_tick(store, r, at) >= 0);
	assert_int_equal(ingest_commit(store), 0);
	return COUNT("segments");
}

static void anchor(uint64_t at)
{
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_anchor_make(store, at, 1, 0), 1);
	assert_int_equal(store_commit(store), 0);
}

/* A clock that is a year ahead for a while costs nothing. Time that has gone on does, an hour
 * after it is known again. */
static void test_jump(void **state)
{
	struct retain r = { .age_ns = 90 * DAY };
	uint64_t at = T0, wrong = T0 + 365 * DAY;

	put("a", T0, T0, "agent.start", "");
	anchor(T0);
	for (; at < T0 + S(7200); at += S(100))
		assert_int_equal(tick(&r, at), 0);
	for (; wrong < T0 + 365 * DAY + S(3600); wrong += S(100))
		assert_int_equal(tick(&r, wrong), 0);
	assert_int_equal(tick(&r, at), 0);
	at = T0 + 100 * DAY;
	for (int i = 0; i < 36; i++, at += S(100)) {
		assert_int_equal(tick(&r, at), 0);
		if (i % 10 == 0)
			assert_int_equal(tick(&r, at - S(1)), 0); /* a step back is no harm */
	}
	for (int i = 0; i < 5; i++, at += S(3))
		assert_int_equal(tick(&r, at), 1);
	assert_int_equal(COUNT("segments WHERE removed > 0"), 1);
	assert_int_equal(COUNT("events WHERE agent = 'a'"), 0);
}

/* What stays when the record goes is larger than the store may be: the record stays too. */
static void test_crowded(void **state)
{
	struct retain r = { .size = 2000000 };
	char device[100];

	if (both_stores_pg())
		return; /* its size is that of the record */
	put("a", T0, T0, "agent.start", "");
	anchor(T0);
	assert_int_equal(tick(&r, T0 + S(10)), 0);
	assert_int_equal(store_begin(store), 0);
	for (int i = 0; i < 30000; i++) {
		snprintf(device, sizeof(device), "device %d, of many whom this source came to", i);
		assert_int_equal(store_known_source(store, device, "10.0.0.1", T0, 0), 1);
	}
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(tick(&r, T0 + S(20)), 0);
	assert_int_equal(tick(&r, T0 + S(30)), 0);
	assert_int_equal(COUNT("events"), 1);
	assert_true(r.crowded);
}

/* Else the oldest of it goes. */
static void test_size(void **state)
{
	struct retain r = { .size = 0 };
	uint64_t at = T0, bytes, places, record;

	assert_int_equal(ingest_begin(store), 0);
	for (int i = 0; i < 2500; i++) {
		struct ingest_counts counts = { 0 };
		char doc[DOC_LEN];
		struct ingest_entry entry = { .id = "1-0", .json = doc };

		document(doc, "a", ++seq, T0, "agent.start", "info", "");
		entry.len = strlen(doc);
		assert_int_equal(ingest_entry(store, &entry, T0, &counts), 0);
		if (i % 100 == 99)
			assert_int_equal(store_anchor_make(store, T0, 1, 0), 1);
	}
	assert_int_equal(store_size(store, &bytes, &places, &record), 0);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(places, 2500);
	assert_true(record > bytes / 2);
	r.size = bytes - bytes / 4;
	for (int i = 0; i < 20; i++)
		tick(&r, at += S(3));
	assert_false(r.crowded);
	assert_in_range(COUNT("segments WHERE removed > 0"), 1, 2);
	assert_in_range(COUNT("events WHERE agent = 'a'"), 1000, 1900);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_size(store, &bytes, &places, &record), 0);
	store_rollback(store);
	assert_true(bytes <= r.size);
}

static int run(void)
{
#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		with_store(test_undone), with_store(test_ahead),    with_store(test_steps),
		with_store(test_behind), with_store(test_behind_own),
		with_store(test_replayed), with_store(test_incident), with_store(test_alerts),
		with_store(test_twins),	 with_store(test_sums),	    with_store(test_last_first),
		with_store(test_weeks),	 with_store(test_jump),	    with_store(test_crowded),
		with_store(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
