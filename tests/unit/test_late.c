/* SPDX-License-Identifier: Apache-2.0 */
/* What comes late, or is told by another clock: what stands now, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert_events.h"
#include "collector/ingest/ingest.h"
#include "collector/store/alert.h"
#include "collector/store/episode.h"
#include "collector/store/parts.h"
#include "tests/unit/both_stores.h"

#define T0 (1700000000 * NS_PER_S)
#define AT(s) (T0 + (uint64_t)((s)*1e9))

static struct store *store;
static char said[1000];

static int setup(void **state)
{
	store = both_stores_open("glasswatch-test");
	return store ? 0 : -1;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

/* An event of time `at`, which is stored at `stored`. */
static void put_at(const char *agent, uint64_t seq, double at, double stored, const char *type,
		   const char *parts)
{
	struct ingest_counts counts = { 0 };
	char id[64], doc[DOC_LEN];
	struct ingest_entry entry = { .id = id, .json = doc };

	snprintf(id, sizeof(id), "%s-%d", agent, (int)seq);
	document(doc, agent, seq, AT(at), type, "info", parts);
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, AT(stored), &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	if (counts.stored != 1)
		fail_msg("%s: %s", counts.dead_reason, doc);
}

static void put(const char *agent, uint64_t seq, double at, const char *type, const char *parts)
{
	put_at(agent, seq, at, at, type, parts);
}

static void path(const char *agent, uint64_t seq, double at, const char *to, const char *reason)
{
	char parts[500];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'d1'},'change':{'from':'primary','to':'%s','reason':'%s'}", to,
		 reason);
	put(agent, seq, at, "path.change", parts);
}

/* ---- reading back ---- */

static int list_alert(void *arg, const struct store_alert *a)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s %s %s",
		 said[0] ? ", " : "", store_alert_state_name(a->state), a->name, a->key);
	return 0;
}

/* All alerts, the newest first. */
static const char *alerts(void)
{
	struct store_alert_filter f = { .now_ns = AT(0) };

	said[0] = '\0';
	assert_int_equal(store_alerts(store, &f, list_alert, NULL), 0);
	return said;
}

static int list_text(void *arg, struct db_row *row)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s", said[0] ? ", " : "",
		 db_text(row, 0));
	return 0;
}

/* The one column of all rows. */
static const char *column(const char *sql)
{
	said[0] = '\0';
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(db_each(store->db, list_text, NULL, sql, ""), 0);
	store_rollback(store);
	return said;
}

/* Each episode: from and to, in ms since T0, state and why it ended. */
static const char *episodes(void)
{
	return column("SELECT CAST((opened - 1700000000000000000) / 1000000 AS TEXT) || '-' ||"
		      " COALESCE(CAST((closed - 1700000000000000000) / 1000000 AS TEXT), '') ||"
		      " ' ' || state || ' ' || COALESCE(closed_by, 'open')"
		      " FROM episodes ORDER BY opened");
}

/* ---- the tests ---- */

/* Two agents see the same failure, the clock of one is half a second behind. */
static void test_clocks(void **state)
{
	path("a", 1, 100, "primary-failing", "primary-unanswered");
	path("b", 1, 99.5, "in-band", "primary-unanswered");
	assert_string_equal(episodes(), "99500- in-band open");
	path("a", 2, 100.2, "in-band", "primary-unanswered");
	path("a", 3, 110, "primary", "primary-ok");
	path("b", 2, 109.6, "primary", "primary-ok");
	assert_string_equal(episodes(), "99500-110000 primary primary-ok");
	assert_string_equal(alerts(), "");

	path("a", 4, 200, "primary-failing", "primary-unanswered");
	path("b", 3, 199.5, "unreachable", "primary-unanswered");
	assert_string_equal(episodes(),
			    "99500-110000 primary primary-ok, 199500- unreachable open");
	assert_string_equal(alerts(), "open device-unreachable d1");
}

/* What one agent tells of an outage that is over makes no second one of it, although another
 * agent sees the next one begin. */
static void test_over(void **state)
{
	path("a", 1, 10, "in-band", "primary-unanswered");
	path("a", 2, 20, "primary", "primary-ok");
	path("a", 3, 30, "primary-failing", "primary-unanswered");
	path("b", 1, 9.9, "primary-failing", "primary-unanswered");
	path("b", 2, 10.1, "unreachable", "primary-unanswered");
	assert_string_equal(episodes(), "10000-20000 primary primary-ok");
	assert_string_equal(alerts(), "");
	path("b", 3, 20.1, "primary", "primary-ok");
	path("b", 4, 29.9, "in-band", "primary-unanswered");
	assert_string_equal(episodes(), "10000-20000 primary primary-ok, 29900- in-band open");
}

/* A batch with a failover comes after what its agent said next: a sign that the primary
 * path fails (still, for an agent that began anew) is no failback. */
static void test_failing_after(void **state)
{
	path("a", 5, 30, "primary-failing", "primary-unanswered");
	path("a", 3, 21, "in-band", "primary-unanswered");
	assert_string_equal(episodes(), "21000- primary-failing open");
	path("a", 6, 40, "primary", "primary-ok");
	assert_string_equal(episodes(), "21000-40000 primary primary-ok");

	path("a", 9, 130, "primary-failing", "primary-unanswered");
	path("a", 10, 140, "primary", "primary-ok");
	path("a", 8, 121, "in-band", "primary-unanswered");
	assert_string_equal(episodes(), "21000-40000 primary primary-ok,"
					" 121000-140000 primary primary-ok");
}

static void heartbeat(uint64_t seq, double at, double stored, int dropped, const char *up)
{
	char parts[300];

	snprintf(parts, sizeof(parts),
		 "'stats':{'capture':{'dropped_ring_full':%d},'interfaces':{'eth0':%s}}", dropped,
		 up);
	put_at("a", seq, at, stored, "agent.stats", parts);
}

static const char *heartbeat_kept(void)
{
	column("SELECT stats FROM agents WHERE agent = 'a'");
	*strstr(said, ",\"time\"") = '\0';
	return strstr(said, "\"seq\"");
}

/* A heartbeat that comes late tells nothing, one whose clock had been wrong does not stand
 * for ever. */
static void test_heartbeats(void **state)
{
	heartbeat(1, 0, 0, 1000, "true");
	heartbeat(4, 4000, 4000, 1005, "true");
	assert_string_equal(heartbeat_kept(), "\"seq\":4");
	assert_string_equal(alerts(), "open events-lost a counters");
	heartbeat(3, 3990, 8000, 1004, "false");
	assert_string_equal(heartbeat_kept(), "\"seq\":4");
	assert_string_equal(alerts(), "open events-lost a counters");
	assert_string_equal(column("SELECT CAST(COUNT(*) AS TEXT) FROM events"
				   " WHERE type = 'alert.events-lost'"),
			    "2");
	heartbeat(5, 4e8, 9000, 1005, "true");
	heartbeat(6, 9010, 9010, 1005, "false");
	assert_string_equal(heartbeat_kept(), "\"seq\":6");
	assert_string_equal(alerts(), "open interface-down a eth0, open events-lost a counters");
}

static void device(const char *agent, uint64_t seq, double at, double stored, const char *lacks,
		   const char *address)
{
	char parts[600];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'f-d1','role':'tor'},'fabric':{'ready':%s,'codes':[%s],"
		 "'management':[{'interface':'Management1','vrf':'M','addresses':['%s/24']}],"
		 "'targets':[{'address':'%s','path':'primary'}]}",
		 lacks[0] ? "false" : "true", lacks, address, address);
	put_at(agent, seq, at, stored, "fabric.device", parts);
}

/* What is known of the device: by the document, by what was read of it, by its targets. */
static const char *device_kept(void)
{
	return column("SELECT CASE WHEN d.json LIKE '%' || t.address || '/24%' THEN '' ELSE"
		      " 'another document, ' END || t.address || ' ' || d.subnet || ' ' || d.ready"
		      " FROM devices d JOIN targets t ON t.device = d.device ORDER BY t.address");
}

/* What is known of a device is of one document, the newest. */
static void test_devices(void **state)
{
	device("a", 5, 20, 20, "", "192.0.2.1");
	device("a", 4, 10, 30, "'lo6-missing'", "198.51.100.1");
	assert_string_equal(device_kept(), "192.0.2.1 192.0.2.0/24 ");
	assert_string_equal(alerts(), "");
	/* its clock was wrong when it began */
	device("a", 6, 3e8, 40, "'lo6-missing'", "203.0.113.1");
	assert_string_equal(device_kept(), "203.0.113.1 203.0.113.0/24 lo6-missing");
	assert_string_equal(alerts(), "open not-armed f-d1 configuration");
	device("a", 7, 50, 50, "", "192.0.2.1");
	assert_string_equal(device_kept(), "192.0.2.1 192.0.2.0/24 ");
	assert_string_equal(alerts(), "resolved not-armed f-d1 configuration");

	/* of two agents the later one counts */
	device("b", 90, 45, 60, "'lo6-missing'", "198.51.100.1");
	assert_string_equal(device_kept(), "192.0.2.1 192.0.2.0/24 ");
	device("b", 91, 55, 61, "", "192.0.2.2");
	assert_string_equal(device_kept(), "192.0.2.2 192.0.2.0/24 ");
	/* but none is of the future */
	device("a", 8, 3e8, 62, "", "192.0.2.1");
	assert_string_equal(device_kept(), "192.0.2.1 192.0.2.0/24 ");
	device("b", 92, 63, 63, "", "192.0.2.2");
	assert_string_equal(device_kept(), "192.0.2.2 192.0.2.0/24 ");
}

static int run(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_clocks),
		T(test_over),
		T(test_failing_after),
		T(test_heartbeats),
		T(test_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
