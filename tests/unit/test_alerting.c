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
#include "collector/command/operate.h"
#include "collector/ingest/alerting.h"
#include "collector/ingest/ingest.h"
#include "collector/store/alert.h"
#include "collector/store/deliver.h"
#include "collector/store/fleet.h"
#include "tests/unit/both_stores.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)
#define DAY S(86400)
#define HOOK "webhook http://h #1"

static struct store *store;
static uint64_t seq;
static char said[80000];

static int setup(void **state)
{
	seq = 0;
	store = both_stores_open("glasswatch-test");
	if (!store)
		return -1;
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

static void path_of(const char *agent, uint64_t at, const char *device, const char *to)
{
	char parts[500];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'%s'},'change':{'from':'primary','to':'%s','reason':'r'}",
		 device, to);
	put_of(agent, at, "path.change", "warning", parts);
}

static void path(uint64_t at, const char *device, const char *to)
{
	path_of("a", at, device, to);
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
	seq = 101;
	path(S(20), "d1", "unreachable");
	seq = 60;
	path(S(15), "d1", "primary");
	seq = 61;
	path(S(16), "d1", "unreachable");
	alerts_are(S(21), "open device-unreachable critical d1 x1");
}

/* Two agents see one device: an alert is there while the worst of what they see is. */
static void test_two_agents(void **state)
{
	path_of("a", S(1), "d1", "primary-failing");
	path_of("a", S(2), "d1", "unreachable");
	alerts_are(S(2), "open device-unreachable critical d1 x1");
	path_of("b", S(3), "d1", "primary-failing");
	path_of("b", S(4), "d1", "in-band");
	tick(S(5));
	alerts_are(S(5), "open device-unreachable critical d1 x1");
	path_of("b", S(6), "d1", "unreachable"); /* and it is one more that says so */
	alerts_are(S(6), "open device-unreachable critical d1 x2");
	path_of("a", S(7), "d1", "in-band");
	alerts_are(S(7), "open device-unreachable critical d1 x2");
	path_of("b", S(8), "d1", "in-band");
	alerts_are(S(8), "resolved device-unreachable critical d1 x2");
}

/* What one agent saw worse is over: what the other one still sees is told again. */
static void test_two_agents_back(void **state)
{
	path_of("a", S(1), "d1", "in-band-unjustified");
	path_of("b", S(2), "d1", "unreachable");
	alerts_are(S(2), "open device-unreachable critical d1 x1; "
			 "resolved in-band-unjustified warning d1 x1");
	path_of("b", S(3), "d1", "in-band");
	alerts_are(S(3), "open in-band-unjustified warning d1 x1; "
			 "resolved device-unreachable critical d1 x1; "
			 "resolved in-band-unjustified warning d1 x1");
	tick(S(4));
	path_of("b", S(5), "d1", "primary"); /* not for all */
	path_of("a", S(6), "d1", "primary");
	tick(S(7));
	alerts_are(S(7), "resolved in-band-unjustified warning d1 x1; "
			 "resolved device-unreachable critical d1 x1; "
			 "resolved in-band-unjustified warning d1 x1");
}

static void bgp(const char *agent, uint64_t at, const char *state)
{
	char parts[500];

	snprintf(parts, sizeof(parts),
		 "'service':'bgp','source':{'ip':'10.0.0.1','port':179,'packets':1,'bytes':1},"
		 "'destination':{'ip':'10.0.0.2','port':50000,'packets':1,'bytes':1},"
		 "'network':{'type':'ipv4','transport':'tcp'},"
		 "'bgp':{'session':{'state':'%s','reason':'r'}}",
		 state);
	put_of(agent, at, "bgp.session", "warning", parts);
}

static void route(uint64_t at, bool armed)
{
	char parts[200];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'d1'},'bgp':{'route':{'target':'10.30.0.1','armed':%s}}",
		 armed ? "true" : "false");
	put(at, "bgp.route", "warning", parts);
}

/* What a dead collector had read comes after what came later: it says how it was. */
static void test_late_bgp(void **state)
{
	seq = 9;
	bgp("a", S(20), "up");
	seq = 8;
	bgp("a", S(10), "down");
	alerts_are(S(20), "");
	seq = 19;
	bgp("a", S(40), "down");
	seq = 17;
	bgp("a", S(30), "up");
	alerts_are(S(40), "open bgp-session-down warning 10.0.0.1 10.0.0.2 x1");
	seq = 20; /* its clock was set back: its numbers count */
	bgp("a", S(25), "up");
	alerts_are(S(40), "resolved bgp-session-down warning 10.0.0.1 10.0.0.2 x1");
	/* numbers of two agents say nothing of each other; their times do */
	bgp("b", S(60), "down");
	seq = 50;
	bgp("a", S(50), "up");
	alerts_are(S(60), "open bgp-session-down warning 10.0.0.1 10.0.0.2 x1; "
			  "resolved bgp-session-down warning 10.0.0.1 10.0.0.2 x1");
	seq = 30;
	bgp("b", S(70), "up");
	alerts_are(S(70), "resolved bgp-session-down warning 10.0.0.1 10.0.0.2 x1; "
			  "resolved bgp-session-down warning 10.0.0.1 10.0.0.2 x1");
}

static void test_late_route(void **state)
{
	seq = 19;
	route(S(20), true);
	seq = 17;
	route(S(10), false);
	alerts_are(S(20), "");
	seq = 29;
	route(S(40), false);
	seq = 27;
	route(S(30), true);
	alerts_are(S(40), "open not-armed warning d1 10.30.0.1 x1");
	seq = 30;
	route(S(50), true);
	alerts_are(S(50), "resolved not-armed warning d1 10.30.0.1 x1");
}

static void ready(uint64_t at, const char *is)
{
	char parts[300];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'d1'},'fabric':{'ready':%s,'codes':['lo6-missing'],"
		 "'targets':[]}",
		 is);
	put(at, "fabric.device", "info", parts);
}

static void test_late_device(void **state)
{
	seq = 9;
	ready(S(20), "true");
	seq = 8;
	ready(S(10), "false");
	alerts_are(S(20), "");
	seq = 19;
	ready(S(40), "false");
	seq = 17;
	ready(S(30), "true");
	alerts_are(S(40), "open not-armed warning d1 configuration x1");
	seq = 20;
	ready(S(50), "true");
	alerts_are(S(50), "resolved not-armed warning d1 configuration x1");
}

/* An agent whose clock was ahead is not believed for longer than it was. */
static void test_ahead_bgp(void **state)
{
	struct ingest_counts counts = { 0 };
	struct ingest_entry entry = { .id = "ahead-0" };
	char doc[DOC_LEN];

	entry.json = document(doc, "c", 1, T0 + 300 * DAY, "bgp.session", "info",
			      "'service':'bgp',"
			      "'source':{'ip':'10.0.0.1','port':179,'packets':1,'bytes':1},"
			      "'destination':{'ip':'10.0.0.2','port':50000,'packets':1,'bytes':1},"
			      "'network':{'type':'ipv4','transport':'tcp'},"
			      "'bgp':{'session':{'state':'up','reason':'r'}}");
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0 + S(10), &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(counts.stored, 1);
	bgp("a", S(20), "down");
	alerts_are(S(20), "open bgp-session-down warning 10.0.0.1 10.0.0.2 x1");
	/* nor our own, which was */
	bgp("a", 300 * DAY, "down");
	bgp("b", S(30), "up");
	alerts_are(S(30), "resolved bgp-session-down warning 10.0.0.1 10.0.0.2 x2");
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
	/* another agent there, which sees another device */
	f.device = "d3";
	flow_of("same", 1, "flow.start", f);
	alerts_are(1, "");
	flow_of("same", 1, "flow.end", f);
	f.device = NULL;
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

static int count_shared(void)
{
	uint64_t open;

	assert_int_equal(store_alert_how_many(store, "shared-account", &open), 0);
	return (int)open;
}

/* So many go on that the newest are not among those that one look takes. */
static void test_shared_many(void **state)
{
	char device[16], id[16];
	struct a_flow f = { .id = id,
			    .device = device,
			    .verdict = "trusted",
			    .outcome = "established",
			    .path = "in-band" };

	for (int i = 0; i < 2 * 80; i++) {
		snprintf(device, sizeof(device), "d%d", i / 2);
		snprintf(id, sizeof(id), "f%d", i);
		f.source = i % 2 ? "10.0.0.1" : "10.0.0.2";
		flow(S(1), "flow.start", f);
	}
	assert_int_equal(count_shared(), 80);
	f.outcome = "closed";
	for (int i = 2 * 70; i < 2 * 80; i++) {
		snprintf(device, sizeof(device), "d%d", i / 2);
		snprintf(id, sizeof(id), "f%d", i);
		f.source = i % 2 ? "10.0.0.1" : "10.0.0.2";
		flow(S(2), "flow.end", f);
	}
	tick(S(3));
	assert_int_equal(count_shared(), 70);
	tick(S(2000)); /* agents that say nothing of the others any more */
	tick(S(2001));
	assert_int_equal(count_shared(), 0);
}

/* The clock was set back by a year: what was heard of then was heard of now. */
static void test_clock_back(void **state)
{
	flow(365 * DAY, "flow.start", (struct a_flow){ 0 });
	tick(S(100));
	tick(S(900));
	alerts_are(S(900), "open untrusted-source notice 203.0.113.7 x1");
	tick(S(1001));
	alerts_are(S(1001), "resolved untrusted-source notice 203.0.113.7 x1");
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

static void bgp_of(uint64_t at, int i, const char *state)
{
	char parts[500];

	snprintf(parts, sizeof(parts),
		 "'service':'bgp','source':{'ip':'10.0.%d.%d','port':179,'packets':1,'bytes':1},"
		 "'destination':{'ip':'10.9.0.2','port':50000,'packets':1,'bytes':1},"
		 "'network':{'type':'ipv4','transport':'tcp'},"
		 "'bgp':{'session':{'state':'%s','reason':'r'}}",
		 i / 250, i % 250, state);
	put(at, "bgp.session", "warning", parts);
}

/* How many of these have no alert of their own. */
static int without(const char *name, const char *key, int from, int to)
{
	struct store_alert_found found;
	char buf[64];
	int n = 0;

	for (int i = from; i < to; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(buf, sizeof(buf), key, i / 250, i % 250);
#pragma GCC diagnostic pop
		n += store_alert_find(store, name, buf, &found) != 1;
	}
	return n;
}

static int state_of_one(void *arg, const struct store_alert *a)
{
	if (strcmp(a->key, "*") == 0 && !a->resolved_ns)
		++*(int *)arg;
	return 0;
}

/* Is an alert open that stands for others? */
static bool stands(const char *name)
{
	struct store_alert_filter f = { .now_ns = T0, .name = name };
	int n = 0;

	assert_int_equal(store_alerts(store, &f, state_of_one, &n), 0);
	return n == 1;
}

#define BGP "bgp-session-down"
#define PEERS "10.0.%d.%d 10.9.0.2"

/* What lasts has no quiet time that would end it. Each that goes on gets an alert of its own
 * when there is room, and the one that stands for them lasts until then. */
static void test_overflow_lasts(void **state)
{
	const int all = ALERT_MOST_OPEN + 100;

	for (int i = 0; i < all; i++)
		bgp_of(S(1), i, "down");
	assert_int_equal(without(BGP, PEERS, 0, all), 100);
	assert_true(stands(BGP));
	bgp_of(S(2), all - 1, "up"); /* it was one of those beyond */
	bgp_of(S(2), all - 2, "up");
	bgp_of(S(3), all - 2, "down"); /* and is again */
	tick(S(4));
	assert_int_equal(without(BGP, PEERS, 0, all), 100);
	for (int i = 0; i < 20; i++)
		bgp_of(S(5), i, "up");
	tick(S(6));
	assert_int_equal(without(BGP, PEERS, 20, all - 1), 80); /* "*" is one, too */
	assert_true(stands(BGP));
	for (int i = 20; i < 150; i++)
		bgp_of(S(7), i, "up");
	for (int i = 0; i < 3; i++) /* so many at a time */
		tick(S(8 + i));
	assert_int_equal(without(BGP, PEERS, 150, all - 1), 0);
	assert_int_equal(without(BGP, PEERS, all - 1, all), 1);
	assert_false(stands(BGP));
	for (int i = 150; i < all - 1; i++)
		bgp_of(S(20), i, "up");
	tick(S(21));
	assert_null(strstr(alerts(S(21)), "open"));
}

#define DOWN "device-unreachable"

/* One of those beyond is in another state when there is room. */
static void test_overflow_path(void **state)
{
	const int all = ALERT_MOST_OPEN + 5;
	char device[32], last[36];

	for (int i = 0; i < all; i++) {
		snprintf(device, sizeof(device), "d%d-%d", i / 250, i % 250);
		path(S(1), device, "unreachable");
	}
	assert_int_equal(without(DOWN, "d%d-%d", 0, all), 5);
	snprintf(last, sizeof(last), "%s x", device);
	put(S(2), "agent.start", "info", "");
	flow(S(3), "flow.start",
	     (struct a_flow){ .device = device, .verdict = "trusted", .outcome = "established" });
	for (int i = 0; i < 10; i++) {
		snprintf(device, sizeof(device), "d%d-%d", i / 250, i % 250);
		path(S(4), device, "primary");
	}
	tick(S(5));
	assert_int_equal(without(DOWN, "d%d-%d", 10, all), 1);
	assert_int_equal(without(DOWN, "d%d-%d", all - 1, all), 1);
	assert_null(strstr(alerts(S(5)), last));
	assert_false(stands(DOWN));
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

/* What happened in a drill does not go on after it: nobody is told of it then. */
static void test_drill_happened(void **state)
{
	struct store_drill d = { .device = "d1", .who = "frank", .why = "break-glass drill" };
	struct a_flow f = { .verdict = "trusted",
			    .outcome = "established",
			    .path = "in-band",
			    .source = "10.0.0.1" };
	uint64_t id;

	flow(S(1), "flow.start", f);
	f.outcome = "closed";
	flow(S(2), "flow.end", f);
	assert_int_equal(store_receiver_note(store, HOOK, "webhook", S(5), T0 + 2 * DAY), 0);
	d.until_ns = T0 + 2 * DAY + S(1800);
	assert_int_equal(operate_drill(store, &d, T0 + 2 * DAY, &id), 1);
	f = (struct a_flow){ .id = "f2",
			     .verdict = "trusted",
			     .outcome = "established",
			     .path = "in-band",
			     .source = "10.0.0.9" };
	flow(2 * DAY + S(10), "flow.start", f);
	f.outcome = "closed";
	flow(2 * DAY + S(60), "flow.end", f);
	tick(2 * DAY + S(1801));
	alerts_are(2 * DAY + S(1801), "open first-seen info d1 10.0.0.9 x1 drill");
	assert_int_equal(waiting(), 0);
	tick(2 * DAY + S(3700));
	alerts_are(2 * DAY + S(3700), "resolved first-seen info d1 10.0.0.9 x1 drill");
	assert_int_equal(waiting(), 0);
}

static int count_drills(void *arg, const struct store_alert *a)
{
	*(int *)arg += a->drill && !a->resolved_ns;
	return 0;
}

static int in_drill(void)
{
	struct store_alert_filter f = { .now_ns = T0 };
	int n = 0;

	assert_int_equal(store_alerts(store, &f, count_drills, &n), 0);
	return n;
}

/* Those that another drill covers do not keep the rest from being told. */
static void test_drills_overlap(void **state)
{
	struct store_drill d = { .who = "frank", .why = "break-glass drill" };
	char device[16];
	uint64_t id;

	d.until_ns = T0 + S(200);
	d.device = device;
	for (int i = 0; i < 70; i++) {
		snprintf(device, sizeof(device), "d%d", i);
		assert_int_equal(operate_drill(store, &d, T0, &id), 1);
	}
	d.until_ns = T0 + S(100);
	d.device = NULL;
	assert_int_equal(operate_drill(store, &d, T0, &id), 1);
	for (int i = 0; i < 80; i++) {
		snprintf(device, sizeof(device), "d%d", i);
		path(S(2), device, "in-band-unjustified");
	}
	assert_int_equal(in_drill(), 80);
	for (int i = 0; i < 3; i++)
		tick(S(101 + i));
	assert_int_equal(in_drill(), 70);
	for (int i = 0; i < 3; i++)
		tick(S(201 + i));
	assert_int_equal(in_drill(), 0);
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
	assert_int_equal(store_deliver_done(store, HOOK, &c, NULL, 0, T0 + S(10)), 0);
	store_claim_free(&c);
	assert_int_equal(waiting(), 3);
}

/* A notification's number is never that of another one, not even when all have gone. */
static void test_numbers(void **state)
{
	struct store_claim c, next;

	path(S(1), "d1", "unreachable");
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(10), T0 + S(25), &c), 1);
	assert_int_equal(store_deliver_done(store, HOOK, &c, NULL, 0, T0 + S(10)), 0);
	assert_int_equal(waiting(), 0);
	path(S(12), "d2", "unreachable");
	assert_int_equal(store_deliver_claim(store, HOOK, T0 + S(20), T0 + S(35), &next), 1);
	assert_true(next.rows[0] > c.rows[c.n_rows - 1]);
	store_claim_free(&c);
	store_claim_free(&next);
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
	assert_int_equal(store_receivers_forget(store, T0 + DAY - S(1)), 0);
	assert_int_equal(waiting(), 1);
	assert_int_equal(store_receivers_forget(store, T0 + DAY), 0);
	assert_int_equal(waiting(), 0);
}

static int list_of(void *arg, const struct store_alert *a)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s of %d",
		 said[0] ? "; " : "", a->name, (int)a->incident);
	return 0;
}

/* Those that this incident holds, each with the one that it is of; the newest first. */
static const char *alerts_of(uint64_t incident)
{
	struct store_alert_filter f = { .now_ns = T0, .incident = incident };

	said[0] = '\0';
	assert_int_equal(store_alerts(store, &f, list_of, NULL), 0);
	return said;
}

/* Events of alerts that it holds, and their states. */
static const char *events_of(uint64_t incident)
{
	struct store_filter f = { .type = "alert", .arrival = true, .incident = incident };

	said[0] = '\0';
	assert_int_equal(store_events(store, &f, list_event, NULL), 0);
	return said;
}

/* Four devices in a subnet of Ma1, known after i seconds each. */
static void subnet(char fabric)
{
	char parts[600];

	for (int i = 1; i <= 4; i++) {
		snprintf(parts, sizeof(parts),
			 "'device':{'name':'%c-d%d','role':'tor'},'fabric':{'management':[{"
			 "'interface':'Management1','vrf':'M','addresses':['192.0.2.%d/24']}],"
			 "'targets':[{'address':'192.0.2.%d','path':'primary'}]}",
			 fabric, i, i, i);
		put(S(i), "fabric.device", "info", parts);
	}
}

static void move(uint64_t at, const char *device, const char *from, const char *to,
		 const char *reason)
{
	char parts[300];

	snprintf(parts, sizeof(parts),
		 "'device':{'name':'%s'},'change':{'from':'%s','to':'%s','reason':'%s'}", device,
		 from, to, reason);
	put(at, "path.change", "warning", parts);
}

static void lose(uint64_t at, const char *device)
{
	move(at, device, "primary", "primary-failing", "primary-unanswered");
	move(at + S(5), device, "primary-failing", "in-band", "primary-unanswered");
}

static void lose_three(uint64_t at, char fabric)
{
	char device[8];

	for (int i = 1; i <= 3; i++) {
		snprintf(device, sizeof(device), "%c-d%d", fabric, i);
		lose(at + S(10 * i), device);
	}
}

/* The switch of a subnet: several devices lose Ma1 together. */
static void test_switch(void **state)
{
	struct a_flow f = { .verdict = "trusted", .outcome = "established", .device = "f-d1" };

	subnet('f');
	lose_three(S(100), 'f');
	tick(S(140));
	alerts_are(S(140), "open management-switch-suspected critical f 192.0.2.0/24 x1");
	f.destination = "192.0.2.1";
	flow(S(150), "flow.start", f);
	tick(S(151));
	alerts_are(S(151), "resolved management-switch-suspected critical f 192.0.2.0/24 x1");
	/* it is of the incident that it tells of, from its beginning to its end */
	assert_string_equal(alerts_of(1), "management-switch-suspected of 1");
	assert_string_equal(events_of(1), "management-switch-suspected raised; "
					  "management-switch-suspected cleared");
}

/* An incident holds what is raised for it, and what is raised at its devices meanwhile. */
static void test_incident(void **state)
{
	struct a_flow f = { .device = "f-d1", .path = "in-band", .outcome = "refused" };

	subnet('f');
	f.id = "f0";
	flow(S(50), "flow.end", f);
	lose(S(100), "f-d1");
	assert_string_equal(alerts_of(1), "untrusted-source of 1");
	assert_string_equal(alerts_of(2), "");
	f.id = "f1";
	f.source = "203.0.113.8";
	flow(S(120), "flow.end", f);
	assert_string_equal(alerts_of(2), "untrusted-source of 3");
	assert_string_equal(alerts_of(3), "untrusted-source of 3");
	tick(S(2000));
	assert_string_equal(events_of(1), "untrusted-source raised; untrusted-source cleared");
	assert_string_equal(events_of(3), "untrusted-source raised; untrusted-source cleared");
}

/* Two incidents turn out to be one: what the younger held is the older's, over or not. */
static void test_merged(void **state)
{
	subnet('f');
	move(S(100), "f-d2", "primary", "in-band-unexplained", "no-evidence");
	move(S(110), "f-d1", "primary", "primary-failing", "primary-unanswered");
	move(S(111), "f-d1", "primary-failing", "unreachable", "primary-unanswered");
	move(S(115), "f-d1", "unreachable", "in-band", "primary-unanswered");
	assert_string_equal(alerts_of(1), "in-band-unexplained of 1");
	assert_string_equal(alerts_of(2), "device-unreachable of 2");
	lose(S(120), "f-d3");
	assert_string_equal(alerts_of(1), "management-switch-suspected of 1; "
					  "device-unreachable of 1; in-band-unexplained of 1");
	assert_string_equal(alerts_of(2), "");
}

/* Two fabrics may use the same addresses: their switches are two. */
static void test_same_subnet(void **state)
{
	struct a_flow f = { .verdict = "trusted",
			    .outcome = "established",
			    .device = "f-d1",
			    .destination = "192.0.2.1" };

	subnet('f');
	subnet('g');
	lose_three(S(100), 'f');
	lose_three(S(1100), 'g');
	tick(S(1140));
	alerts_are(S(1140), "open management-switch-suspected critical g 192.0.2.0/24 x1; "
			    "open management-switch-suspected critical f 192.0.2.0/24 x1");
	flow(S(1150), "flow.start", f);
	tick(S(1151));
	alerts_are(S(1151), "open management-switch-suspected critical g 192.0.2.0/24 x1; "
			    "resolved management-switch-suspected critical f 192.0.2.0/24 x1");
}

static int see_target(void *arg, const struct store_target *t)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s %s %d%s%s; ", t->device,
		 t->address, t->armed, t->seen_ns ? " seen" : "", t->reached_ns ? " reached" : "");
	return 0;
}

static const char *targets_now(void)
{
	said[0] = '\0';
	assert_int_equal(store_targets(store, "f-d1", see_target, NULL), 0);
	assert_int_equal(store_targets(store, "g-d1", see_target, NULL), 0);
	return said;
}

/* So may their devices; a route or a flow is one of the device that it is told of. */
static void test_same_address(void **state)
{
	static const char *const devices[] = { "f-d1", "g-d1" };
	struct a_flow f = { .id = "u1",
			    .path = "in-band",
			    .outcome = "established",
			    .device = "f-d1",
			    .destination = "10.30.0.1" };
	char parts[300];

	for (int i = 0; i < 2; i++) {
		snprintf(parts, sizeof(parts),
			 "'device':{'name':'%s'},'fabric':{'targets':[{'address':'10.30.0.1',"
			 "'path':'in-band'}]}",
			 devices[i]);
		put(S(1), "fabric.device", "info", parts);
	}
	put(S(2), "bgp.route", "warning",
	    "'device':{'name':'f-d1'},'bgp':{'route':{'target':'10.30.0.1','armed':false}}");
	assert_string_equal(targets_now(), "f-d1 10.30.0.1 0; g-d1 10.30.0.1 -1; ");
	flow(S(3), "flow.start", f);
	assert_string_equal(targets_now(), "f-d1 10.30.0.1 0 seen reached; g-d1 10.30.0.1 -1; ");
	/* a neighbor of a device: whose it is, is not known */
	f.id = "u2";
	f.device = "h-d9";
	f.outcome = "attempt";
	flow(S(4), "flow.start", f);
	assert_string_equal(targets_now(),
			    "f-d1 10.30.0.1 0 seen reached; g-d1 10.30.0.1 -1 seen; ");
	f.id = "u3";
	f.device = "g-d1";
	f.outcome = "established";
	flow(S(500), "flow.start", f);
	assert_string_equal(targets_now(),
			    "f-d1 10.30.0.1 0 seen reached; g-d1 10.30.0.1 -1 seen reached; ");
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
		T(test_numbers),     T(test_lease),	     T(test_forgotten),	 T(test_hostile),
		T(test_switch),
		T(test_incident),
		T(test_merged),
		T(test_two_agents),
		T(test_two_agents_back),
		T(test_late_bgp),
		T(test_late_route),
		T(test_late_device),
		T(test_ahead_bgp),
		T(test_overflow_lasts),
		T(test_overflow_path),
		T(test_same_subnet),
		T(test_same_address),
		T(test_drill_happened),
		T(test_drills_overlap),
		T(test_shared_many),
		T(test_clock_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
