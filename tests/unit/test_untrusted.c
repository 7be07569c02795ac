/* SPDX-License-Identifier: Apache-2.0 */
/* What an untrusted source comes to, when the verdict on its flows changes while they last,
 * or two agents judge by other generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alert_events.h"
#include "collector/ingest/ingest.h"
#include "collector/store/episode.h"
#include "tests/unit/both_stores.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)

static struct store *store;
static uint64_t seq;
static char said[300];

static int setup(void **state)
{
	seq = 0;
	store = both_stores_open(NULL);
	return store ? 0 : -1;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

/* One event of a flow that began in second 1; success: its login is known to have been one. */
static void flow_of(const char *agent, const char *id, uint64_t at, const char *type,
		    const char *verdict, const char *outcome, bool success)
{
	struct a_flow f = { .id = id,
			    .verdict = verdict,
			    .outcome = outcome,
			    .start_ns = T0 + S(1),
			    .more = success ? "'ssh':{'client':{'proto_version':'2.0',"
					      "'software_version':'x'},'auth':{'result':'success',"
					      "'confidence':'high','basis':'packet-lengths'}}"
					    : NULL };
	struct ingest_counts counts = { 0 };
	char entry_id[32], doc[DOC_LEN], parts[DOC_LEN];
	struct ingest_entry entry = { .id = entry_id, .json = doc };

	seq++;
	snprintf(entry_id, sizeof(entry_id), "%d-0", (int)seq);
	document(doc, agent, seq, T0 + S(at), type, "info", flow_parts(parts, &f, T0 + S(at)));
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0 + S(at), &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	if (counts.stored != 1)
		fail_msg("%s: %s", counts.dead_reason, doc);
}

static void flow(uint64_t at, const char *type, const char *verdict, const char *outcome)
{
	flow_of("a", "f1", at, type, verdict, outcome, false);
}

/* ---- reading back ---- */

static int list_reached(void *arg, const struct store_untrusted *u)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s: %d %d %d",
		 strchr(said, ':') ? ", " : " ", u->device, (int)u->attempts, (int)u->established,
		 (int)u->logged_in);
	return 0;
}

/* The worst it came to, and by device: attempts, established, logged in. "": there is no
 * incident. */
static const char *reached(void)
{
	struct store_incident i;

	said[0] = '\0';
	if (store_incident_own(store, 1, &i) != 1)
		return said;
	snprintf(said, sizeof(said), "%s", i.worst);
	assert_int_equal(store_incident_untrusted(store, 1, list_reached, NULL), 0);
	assert_int_equal(store_incident_own(store, 2, &i), 0);
	return said;
}

/* ---- the tests ---- */

/* In one event it is judged untrusted and is established: it never was an attempt. */
static void test_at_once(void **state)
{
	flow(1, "flow.start", "trusted", "attempt");
	flow(2, "flow.update", "untrusted", "established");
	assert_string_equal(reached(), "established d1: 0 1 0");
	flow(9, "flow.end", "untrusted", "closed");
	assert_string_equal(reached(), "established d1: 0 1 0");
}

/* A session is there already when its source is taken from the list. */
static void test_turned(void **state)
{
	struct store_incident i;

	flow(1, "flow.start", "trusted", "established");
	flow(60, "flow.update", "trusted", "established");
	assert_string_equal(reached(), "");
	flow(100, "flow.update", "untrusted", "established");
	assert_string_equal(reached(), "established d1: 0 1 0");
	flow(160, "flow.update", "untrusted", "established");
	flow(200, "flow.end", "untrusted", "closed");
	assert_string_equal(reached(), "established d1: 0 1 0");
	/* it is one since it is not permitted */
	assert_int_equal(store_incident_own(store, 1, &i), 1);
	assert_int_equal(i.began_ns, T0 + S(100));
	assert_int_equal(i.last_ns, T0 + S(200));
}

static void test_turned_attempt(void **state)
{
	flow(1, "flow.start", "trusted", "attempt");
	flow(2, "flow.update", "untrusted", "unanswered");
	assert_string_equal(reached(), "attempt d1: 1 0 0");
	flow(3, "flow.update", "untrusted", "established");
	assert_string_equal(reached(), "established d1: 0 1 0");
}

static void test_turned_logged_in(void **state)
{
	flow_of("a", "f1", 1, "flow.start", "trusted", "established", false);
	flow_of("a", "f1", 5, "flow.update", "trusted", "established", true);
	flow_of("a", "f1", 9, "flow.update", "untrusted", "established", true);
	assert_string_equal(reached(), "logged-in d1: 0 1 1");
}

/* What it did while it was not permitted is not undone, and is counted once. */
static void test_there_and_back(void **state)
{
	flow(1, "flow.start", "untrusted", "attempt");
	flow(2, "flow.update", "trusted", "attempt");
	assert_string_equal(reached(), "attempt d1: 1 0 0");
	flow(3, "flow.update", "untrusted", "established");
	assert_string_equal(reached(), "established d1: 0 1 0");
	flow(4, "flow.update", "trusted", "established");
	flow(5, "flow.update", "untrusted", "established");
	assert_string_equal(reached(), "established d1: 0 1 0");
	flow(6, "flow.end", "trusted", "closed");
	assert_string_equal(reached(), "established d1: 0 1 0");
}

static void test_permitted_before_it_got_in(void **state)
{
	flow(1, "flow.start", "untrusted", "attempt");
	flow(2, "flow.update", "trusted", "established");
	flow(3, "flow.end", "trusted", "closed");
	assert_string_equal(reached(), "attempt d1: 1 0 0");
}

/* Another agent sees the same flow, and judges it by a newer generation. */
static void test_other_generation(void **state)
{
	flow_of("a", "f1", 1, "flow.start", "trusted", "established", false);
	flow_of("b", "x1", 1, "flow.start", "untrusted", "established", false);
	assert_string_equal(reached(), "established d1: 0 1 0");
	flow_of("a", "f1", 30, "flow.update", "untrusted", "established", false);
	flow_of("b", "x1", 31, "flow.update", "untrusted", "established", true);
	assert_string_equal(reached(), "logged-in d1: 0 1 1");
	flow_of("b", "x1", 40, "flow.end", "untrusted", "closed", true);
	flow_of("a", "f1", 40, "flow.end", "untrusted", "closed", true);
	assert_string_equal(reached(), "logged-in d1: 0 1 1");
}

static void test_other_generation_attempt(void **state)
{
	flow_of("a", "f1", 1, "flow.start", "trusted", "attempt", false);
	flow_of("b", "x1", 1, "flow.start", "untrusted", "attempt", false);
	assert_string_equal(reached(), "attempt d1: 1 0 0");
	flow_of("b", "x1", 2, "flow.update", "untrusted", "established", false);
	assert_string_equal(reached(), "established d1: 0 1 0");
}

static void test_other_generation_turned(void **state)
{
	flow_of("a", "f1", 1, "flow.start", "trusted", "established", false);
	flow_of("b", "x1", 1, "flow.start", "trusted", "established", false);
	assert_string_equal(reached(), "");
	flow_of("b", "x1", 20, "flow.update", "untrusted", "established", false);
	assert_string_equal(reached(), "established d1: 0 1 0");
	flow_of("a", "f1", 21, "flow.update", "untrusted", "established", false);
	assert_string_equal(reached(), "established d1: 0 1 0");
}

static void test_both_agree(void **state)
{
	flow_of("a", "f1", 1, "flow.start", "untrusted", "attempt", false);
	flow_of("b", "x1", 1, "flow.start", "untrusted", "attempt", false);
	assert_string_equal(reached(), "attempt d1: 1 0 0");
	flow_of("b", "x1", 2, "flow.update", "untrusted", "established", false);
	flow_of("a", "f1", 2, "flow.update", "untrusted", "established", false);
	assert_string_equal(reached(), "established d1: 0 1 0");
}

static int run(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_at_once),
		T(test_turned),
		T(test_turned_attempt),
		T(test_turned_logged_in),
		T(test_there_and_back),
		T(test_permitted_before_it_got_in),
		T(test_other_generation),
		T(test_other_generation_attempt),
		T(test_other_generation_turned),
		T(test_both_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
