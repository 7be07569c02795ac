/* SPDX-License-Identifier: Apache-2.0 */
/* Events in, alerts, own events and deliveries in the store out; and what the tick
 * ends. Real stores; time is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert_events.h"
#include "collector/alerting.h"
#include "collector/ingest.h"
#include "collector/operate.h"
#include "collector/store_alert.h"
#include "collector/store_deliver.h"
#include "tests/unit/both_stores.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)
#define DAY S(86400)
#define HOOK "webhook http://h #1"

static struct store *store;
static uint64_t seq;
static char said[6000];

static int setup(void **state)
{
	char err[256];

	seq = 0;
	store = store_open(both_stores_fresh(), STORE_WRITE, err, sizeof(err));
	if (!store)
		return -1;
	store_set_name(store, "glasswatch-test");
	return store_receiver_note(store, HOOK, "webhook", S(5), T0);
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static void put_of(const char *agent, uint64_t at, const char *type, const char *severity,
		   const char *parts)
{
	struct ingest_counts counts = { 0 };
	char id[32], doc[DOC_LEN];
	struct ingest_entry entry = { .id = id, .json = doc };

	seq++;
	snprintf(id, sizeof(id), "%d-0", (int)seq);
	document(doc, agent, seq, T0 + at, type, severity, parts);
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0 + at, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	if (counts.dead)
		fail_msg("%s: %s", counts.dead_reason, doc);
}

static void put(uint64_t at, const char *type, const char *severity, const char *parts)
{
	put_of("a", at, type, severity, parts);
}

static void flow_of(const char *agent, uint64_t at, const char *type, struct a_flow f)
{
	char parts[DOC_LEN];

	put_of(agent, at, type, "info", flow_parts(parts, &f, T0 + at));
}

static void flow(uint64_t at, const char *type, struct a_flow f)
{
	flow_of("a", at, type, f);
}

static void path(uint64_t at, const char *device, const char *to)
{
	char parts[500];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'%s'},'change':{'from':'primary','to':'%s','reason':'r'}",
		 device, to);
	put(at, "path.change", "warning", parts);
}

static void tick(uint64_t at)
{
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(alerting_tick(store, T0 + at), 0);
	assert_int_equal(ingest_commit(store), 0);
}

static int list_alert(void *arg, const struct store_alert *a)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s %s %s %s x%d%s",
		 said[0] ? "; " : "", store_alert_state_name(a->state), a->name,
		 event_severity_name(a->severity), a->key, (int)a->count, a->drill ? " drill" : "");
	return 0;
}

/* All alerts, the newest first. */
static const char *alerts(uint64_t at)
{
	struct store_alert_filter f = { .now_ns = T0 + at };

	said[0] = '\0';
	assert_int_equal(store_alerts(store, &f, list_alert, NULL), 0);
	return said;
}

#define alerts_are(at, want) assert_string_equal(alerts(at), want)

static int list_event(void *arg, const struct store_event *e)
{
	json_t *doc = json_loads(e->json, 0, NULL);

	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s %s", said[0] ? "; " : "",
		 e->type + 6,
		 json_string_value(json_object_get(json_object_get(doc, "alert"), "state")));
	json_decref(doc);
	return 0;
}

static const char *events(void)
{
	struct store_filter f = { .type = "alert", .arrival = true };

	said[0] = '\0';
	assert_int_equal(store_events(store, &f, list_event, NULL), 0);
	return said;
}

static uint64_t waiting(void)
{
	uint64_t rows, oldest;

	assert_int_equal(store_deliver_waiting(store, NULL, &rows, &oldest), 0);
	return rows;
}

/* ---- the rules ------------------------------------------------------------------ */

static void test_untrusted(void **state)
{
	struct a_flow f = { .outcome = "attempt" };

	flow(1, "flow.start", f);
	alerts_are(1, "open untrusted-source notice 203.0.113.7 x1");
	f.id = "f2";
	f.device = "d2";
	flow(2, "flow.start", f);
	f.outcome = "refused";
	flow(3, "flow.end", f);
	alerts_are(3, "open untrusted-source notice 203.0.113.7 x2");
	f.id = "f3";
	f.outcome = "established";
	flow(4, "flow.start", f);
	alerts_are(4, "open untrusted-source warning 203.0.113.7 x3");
	f.more = "'ssh':{'auth':{'result':'success','attempts':1,'confidence':'high',"
		 "'basis':'packet-lengths'}}";
	flow(5, "flow.update", f);
	flow(6, "flow.end", f);
	alerts_are(6, "open untrusted-source critical 203.0.113.7 x3");
	assert_string_equal(events(), "untrusted-source raised; untrusted-source raised; "
				      "untrusted-source raised");
	tick(S(899));
	alerts_are(S(899), "open untrusted-source critical 203.0.113.7 x3");
	tick(S(920));
	alerts_are(S(920), "resolved untrusted-source critical 203.0.113.7 x3");
	/* one bundle, which nobody has begun to send: one notification */
	assert_int_equal(waiting(), 1);
	f = (struct a_flow){ .id = "f4" };
	flow(S(1000), "flow.start", f);
	alerts_are(S(1000), "open untrusted-source notice 203.0.113.7 x1; "
			    "resolved untrusted-source critical 203.0.113.7 x3");
}

static void test_path(void **state)
{
	path(1, "d1", "in-band-unjustified");
	path(2, "d2", "unreachable");
	alerts_are(2, "open device-unreachable critical d2 x1; "
		      "open in-band-unjustified warning d1 x1");
	path(3, "d1", "in-band-unjustified");
	alerts_are(3, "open device-unreachable critical d2 x1; "
		      "open in-band-unjustified warning d1 x2");
	path(4, "d1", "in-band-unexplained");
	alerts_are(4, "open in-band-unexplained notice d1 x1; "
		      "open device-unreachable critical d2 x1; "
		      "resolved in-band-unjustified warning d1 x2");
	path(5, "d1", "primary");
	path(6, "d2", "in-band");
	alerts_are(6, "resolved in-band-unexplained notice d1 x1; "
		      "resolved device-unreachable critical d2 x1; "
		      "resolved in-band-unjustified warning d1 x2");
	tick(10);
	assert_string_equal(events(), "in-band-unjustified raised; device-unreachable raised; "
				      "in-band-unjustified cleared; in-band-unexplained raised; "
				      "in-band-unexplained cleared; device-unreachable cleared");
}

/* What is older than the state in force raises nothing. */
static void test_late(void **state)
{
	seq = 100;
	path(S(10), "d1", "primary");
	seq = 50;
	path(S(5), "d1", "unreachable");
	alerts_are(S(11), "");
}

/* An agent that starts anew may never say that the device is back; its flow does. */
static void test_stale(void **state)
{
	path(S(1), "d1", "in-band-unjustified");
	put(S(2), "agent.start", "info", "");
	flow(S(3), "flow.start", (struct a_flow){ .verdict = "trusted", .outcome = "established" });
	tick(S(4));
	alerts_are(S(4), "resolved in-band-unjustified warning d1 x1");
}

static void test_no_policy(void **state)
{
	struct a_flow f = { .verdict = "no-policy" };

	flow(1, "flow.start", f);
	f.id = "f2";
	flow(2, "flow.start", f);
	tick(3);
	alerts_are(3, "open no-policy notice d1 ipv4 x2");
	f = (struct a_flow){ .id = "f3",
			     .verdict = "trusted",
			     .source = "2001:db8::7",
			     .destination = "2001:db8::1" };
	flow(4, "flow.start", f);
	tick(5);
	alerts_are(5, "open no-policy notice d1 ipv4 x2");
	f = (struct a_flow){ .id = "f4", .verdict = "trusted" };
	flow(6, "flow.start", f);
	tick(7);
	alerts_are(7, "resolved no-policy notice d1 ipv4 x2");
}

static void test_unknown_target(void **state)
{
	struct a_flow f = { .device = "",
			    .destination = "192.0.2.99",
			    .verdict = "trusted",
			    .more_flow = "'target':'unknown'" };

	flow(1, "flow.start", f);
	tick(2);
	alerts_are(2, "open unknown-in-band-target warning 192.0.2.99 x1");
	put(3, "fabric.device", "info",
	    "'device':{'name':'d9'},'fabric':{'targets':[{'address':'192.0.2.99','path':"
	    "'in-band'}]}");
	tick(4);
	alerts_are(4, "resolved unknown-in-band-target warning 192.0.2.99 x1");
}

static void test_first_seen(void **state)
{
	struct a_flow f = { .verdict = "trusted", .outcome = "established", .source = "10.0.0.1" };

	/* a new device: nobody is a surprise there */
	flow(1, "flow.start", f);
	f.id = "f2";
	f.source = "10.0.0.2";
	flow(2, "flow.start", f);
	alerts_are(2, "");
	f.id = "f3";
	flow(DAY + S(2), "flow.start", f);
	alerts_are(DAY + S(2), "");
	assert_int_equal(store_receiver_note(store, HOOK, "webhook", S(5), T0 + DAY), 0);
	f.id = "f4";
	f.source = "10.0.0.3";
	flow(DAY + S(3), "flow.start", f);
	flow(DAY + S(4), "flow.update", f);
	alerts_are(DAY + S(4), "open first-seen notice d1 10.0.0.3 x1");
	/* an attempt that does not get in is no visit */
	f.id = "f5";
	f.source = "10.0.0.4";
	f.outcome = "attempt";
	flow(DAY + S(5), "flow.start", f);
	alerts_are(DAY + S(5), "open first-seen notice d1 10.0.0.3 x1");
	tick(DAY + S(3700));
	alerts_are(DAY + S(3700), "resolved first-seen notice d1 10.0.0.3 x1");
	/* what only happens is told once, and its end is nobody's news */
	assert_int_equal(waiting(), 1);
}

static void test_shared(void **state)
{
	struct a_flow one = { .id = "f1",
			      .verdict = "trusted",
			      .outcome = "established",
			      .path = "in-band",
			      .source = "10.0.0.1" };
	struct a_flow two = one;

	two.id = "f2";
	two.source = "10.0.0.2";
	flow(1, "flow.start", one);
	one.id = "f1b"; /* a second session of the same source */
	flow(2, "flow.start", one);
	alerts_are(2, "");
	flow(3, "flow.start", two);
	alerts_are(3, "open shared-account notice device d1 x1");
	tick(4);
	alerts_are(4, "open shared-account notice device d1 x1");
	two.outcome = "closed";
	flow(S(5), "flow.end", two);
	tick(S(6));
	alerts_are(S(6), "resolved shared-account notice device d1 x1");
	/* one user of one host, by both its addresses */
	one.more = two.more = "'actor':{'user':'alice','uid':1,'pid':2,'comm':'ssh'}";
	one.outcome = two.outcome = "established";
	one.device = two.device = "d9";
	one.id = "f9";
	two.id = "f10";
	flow(S(6), "flow.start", one);
	two.source = "2001:db8::2";
	flow(S(6), "flow.start", two);
	alerts_are(S(6), "resolved shared-account notice device d1 x1");
	/* over Ma1 it is nothing to speak of */
	one = (struct a_flow){ .id = "m1", .verdict = "trusted", .outcome = "established" };
	flow(S(7), "flow.start", one);
	one.id = "m2";
	one.source = "10.0.0.9";
	flow(S(8), "flow.start", one);
	alerts_are(S(8), "resolved shared-account notice device d1 x1");
}

static void test_shared_user(void **state)
{
	struct a_flow f = { .verdict = "trusted",
			    .outcome = "established",
			    .source = "10.0.0.1",
			    .more = "'actor':{'user':'alice','uid':1,'pid':2,'comm':'ssh'}" };

	flow_of("a", 1, "flow.start", f);
	f.id = "f2";
	f.source = "10.9.0.1"; /* another address of the same host */
	flow_of("a", 2, "flow.start", f);
	alerts_are(2, "");
	f.id = "f3";
	f.device = "d2";
	f.source = "10.0.0.2";
	flow_of("b", 3, "flow.start", f);
	alerts_are(3, "open shared-account notice user alice x1");
	f.outcome = "closed";
	flow_of("b", S(4), "flow.end", f);
	tick(S(5));
	alerts_are(S(5), "resolved shared-account notice user alice x1");
}

/* A source that tries every address must not fill the store with alerts. */
static void test_overflow(void **state)
{
	struct a_flow f = { 0 };
	struct store_alert_found found;
	uint64_t open;
	char id[16], source[32];

	f.id = id;
	f.source = source;
	for (int i = 0; i < ALERT_MOST_OPEN + 30; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		snprintf(source, sizeof(source), "203.0.%d.%d", 100 + i / 250, 1 + i % 250);
		flow(S(1), "flow.start", f);
	}
	assert_int_equal(store_alert_how_many(store, "untrusted-source", &open), 0);
	assert_int_equal(open, ALERT_MOST_OPEN + 1);
	assert_int_equal(store_alert_find(store, "untrusted-source", "*", &found), 1);
	assert_int_equal(found.count, 30);
	for (int i = 0; i < 10; i++) /* so many at a time */
		tick(S(1000 + i));
	assert_int_equal(store_alert_how_many(store, "untrusted-source", &open), 0);
	assert_int_equal(open, 0);
}

/* ---- drills, notifications ------------------------------------------------------- */

static void test_drill(void **state)
{
	struct store_drill d = { .device = "d1", .who = "frank", .why = "break-glass drill" };
	uint64_t id;

	d.until_ns = T0 + S(7200);
	assert_int_equal(operate_drill(store, &d, T0, &id), 1);
	path(S(1), "d1", "in-band-unjustified");
	alerts_are(S(1), "open in-band-unjustified info d1 x1 drill");
	assert_int_equal(waiting(), 0);
	path(S(2), "d2", "in-band-unjustified"); /* not of the drill */
	assert_int_equal(waiting(), 1);
	path(S(3), "d1", "unreachable"); /* nobody wants that of a drill */
	alerts_are(S(3), "open device-unreachable critical d1 x1; "
			 "open in-band-unjustified warning d2 x1; "
			 "resolved in-band-unjustified info d1 x1 drill");
	path(S(4), "d1", "in-band-unjustified");
	tick(S(7199));
	alerts_are(S(7199), "open in-band-unjustified info d1 x1 drill; "
			    "resolved device-unreachable critical d1 x1; "
			    "open in-band-unjustified warning d2 x1; "
			    "resolved in-band-unjustified info d1 x1 drill");
	/* it goes on after the drill */
	tick(S(7201));
	assert_non_null(strstr(alerts(S(7201)), "open in-band-unjustified warning d1 x1;"));
}

static void test_bundles(void **state)
{
	struct store_claim c;

	path(S(1), "d1", "in-band-unjustified");
	path(S(2), "d2", "unreachable");
	assert_int_equal(waiting(), 2); /* two incidents */
	flow(S(3), "flow.start", (struct a_flow){ 0 });
	assert_int_equal(waiting(), 3);
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(5), T0 + S(20), &c), 0);
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(6), T0 + S(21), &c), 1);
	assert_int_equal(c.n_alerts, 1);
	assert_int_equal(c.attempts, 1);
	assert_string_equal(c.bundle, "incident/1");
	/* what comes while it is on its way is another notification */
	path(S(6), "d1", "primary");
	assert_int_equal(waiting(), 4);
	assert_int_equal(store_deliver_done(store, HOOK, &c, NULL, 0), 0);
	store_claim_free(&c);
	assert_int_equal(waiting(), 3);
}

/* Who claimed it died: it is anybody's again. */
static void test_lease(void **state)
{
	struct store_claim c, again;

	path(S(1), "d1", "unreachable");
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(10), T0 + S(25), &c), 1);
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(24), T0 + S(40), &again), 0);
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(25), T0 + S(40), &again), 1);
	assert_int_equal(again.attempts, 2);
	assert_int_equal(again.n_alerts, 1);
	assert_int_equal(store_deliver_failed(store, HOOK, &again, T0 + S(50), "HTTP 503"), 0);
	store_claim_free(&again);
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(49), T0 + S(60), &again), 0);
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(50), T0 + S(60), &again), 1);
	store_claim_free(&again);
	store_claim_free(&c);
}

static void test_forgotten(void **state)
{
	path(S(1), "d1", "unreachable");
	assert_int_equal(waiting(), 1);
	assert_int_equal(
		store_receiver_note(store, "slack http://s #2", "slack", S(5), T0 + DAY + S(1)), 0);
	assert_int_equal(waiting(), 0);
}

/* The switch of a subnet: several devices lose Ma1 together. */
static void test_switch(void **state)
{
	char parts[600], device[8];
	struct a_flow f = { .verdict = "trusted", .outcome = "established", .device = "f-d1" };

	for (int i = 1; i <= 4; i++) {
		snprintf(parts, sizeof(parts),
			 "'device':{'name':'f-d%d','role':'tor'},'fabric':{'management':[{"
			 "'interface':'Management1','vrf':'M','addresses':['192.0.2.%d/24']}],"
			 "'targets':[{'address':'192.0.2.%d','path':'primary'}]}",
			 i, i, i);
		put(S(i), "fabric.device", "info", parts);
	}
	for (int i = 1; i <= 3; i++) {
		snprintf(device, sizeof(device), "f-d%d", i);
		snprintf(parts, sizeof(parts),
			 "'device':{'name':'%s'},'change':{'from':'primary','to':'primary-failing',"
			 "'reason':'primary-unanswered'}",
			 device);
		put(S(100 + 10 * i), "path.change", "warning", parts);
		snprintf(parts, sizeof(parts),
			 "'device':{'name':'%s'},'change':{'from':'primary-failing','to':'in-band',"
			 "'reason':'primary-unanswered'}",
			 device);
		put(S(105 + 10 * i), "path.change", "warning", parts);
	}
	tick(S(140));
	alerts_are(S(140), "open management-switch-suspected critical 192.0.2.0/24 x1");
	f.destination = "192.0.2.1";
	flow(S(150), "flow.start", f);
	tick(S(151));
	alerts_are(S(151), "resolved management-switch-suspected critical 192.0.2.0/24 x1");
}

static int see_text(void *arg, const struct store_alert *a)
{
	assert_null(strchr(a->text, '\x1b'));
	assert_null(strstr(a->text, "\xe2\x80\xae"));
	assert_non_null(strstr(a->text, "\\x1b[31m"));
	return 0;
}

/* Names that would like to be something else stay text. */
static void test_hostile(void **state)
{
	struct store_alert_filter f = { .now_ns = T0 };

	path(1, "d\\u001b[31m\\u202e<!channel>", "unreachable");
	assert_non_null(strstr(alerts(1), "device-unreachable"));
	assert_int_equal(store_alerts(store, &f, see_text, NULL), 0);
}

static int run(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_untrusted),   T(test_path),	     T(test_late),	 T(test_stale),
		T(test_no_policy),   T(test_unknown_target), T(test_first_seen), T(test_shared),
		T(test_shared_user), T(test_overflow),	     T(test_drill),	 T(test_bundles),
		T(test_lease),	     T(test_forgotten),	     T(test_hostile),	 T(test_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
