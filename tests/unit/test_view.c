/* SPDX-License-Identifier: Apache-2.0 */
/* A small incident, told by hand; then each document says of it what it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/view/incident.h"
#include "collector/view/view.h"
#include "tests/unit/view_scene.h"

static void scene(void)
{
	tell(0, "agent.start", "");
	device(1, TOR1, "tor", "11", "", "");
	device(2, TOR2, "tor", "12",
	       ",{\"seq\":20,\"action\":\"permit\",\"prefix\":\"203.0.113.0/24\",\"line\":13}",
	       ",\"ready\":false,\"steps\":{\"S1\":\"fail\"},\"codes\":[\"lo6-no-ipv6\"]");
	device(3, "lab1-CP2-TOR1", "tor", "13", "",
	       ",\"ready\":true,\"steps\":{\"S1\":\"ok\"},\"codes\":[]");
	device(4, "lab1-AR-MGMT1", "mgmt-switch", "31", "", "");
	flow(10, "flow.start", "f1", TOR1, false, "10.20.0.5", "established", 10, 100, "");
	flow(20, "flow.end", "f1", TOR1, false, "10.20.0.5", "closed", 10, 5000, "");
	flow(100, "flow.end", "f2", TOR1, false, "10.20.0.5", "unanswered", 60, 60, ALICE);
	change(100, TOR1, "primary", "primary-failing", "primary-unanswered");
	flow(120, "flow.start", "f3", TOR1, true, "10.20.0.5", "attempt", 120, 60, ALICE);
	flow(121, "flow.update", "f3", TOR1, true, "10.20.0.5", "established", 120, 900, LOGIN);
	change(121, TOR1, "primary-failing", "in-band", "primary-unanswered");
	flow(181, "flow.update", "f3", TOR1, true, "10.20.0.5", "established", 120, 1900, "");
	for (unsigned i = 0; i < 3; i++) {
		char id[8];

		snprintf(id, sizeof(id), "u%u", i);
		flow(200 + i, "flow.end", id, TOR1, true, "203.0.113.77", "refused", 200 + i, 60,
		     "");
	}
	tell(210, "bgp.route",
	     "\"device\":{\"name\":\"" TOR2 "\",\"role\":\"tor\"},\"path\":\"in-band\","
	     "\"service\":\"bgp\",\"bgp\":{\"route\":{\"action\":\"withdraw\","
	     "\"prefix\":\"198.51.100.12/32\",\"from\":\"source\",\"target\":\"198.51.100.12\","
	     "\"armed\":false}}");
}

/* In memory; or in a database of PostgreSQL, in which each test takes a schema of its own
 * that was made before: view1, view2, ... */
static struct store *empty_store(void)
{
	const char *url = getenv("GLASSWATCH_TEST_DB");
	char where[512] = ":memory:", err[256];
	static unsigned n;
	struct store *s;

	if (url)
		snprintf(where, sizeof(where), "%s&options=-csearch_path%%3Dview%u", url, ++n);
	s = store_open(where, STORE_WRITE, err, sizeof(err));
	if (!s)
		print_error("%s\n", err);
	return s;
}

static int setup(void **state)
{
	if (begin_scene(empty_store()))
		return -1;
	scene();
	return 0;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static struct view_args now(void)
{
	return (struct view_args){ .now_ns = AT(240) };
}

/* ---- the documents ----------------------------------------------------------- */

static void test_devices(void **state)
{
	struct view_args a = now();
	json_t *doc = good(view_devices(store, &a));
	const json_t *d;

	assert_true(json_integer_value(at(doc, "cursor")) >= (json_int_t)seq);
	says(doc, "as_of", "2023-11-14T22:17:20.000000000Z");
	assert_int_equal(json_array_size(at(doc, "devices")), 4);
	d = named(at(doc, "devices"), "name", TOR1);
	says(d, "role", "tor");
	says(d, "fabric", "lab1");
	says(d, "group.switch", "lab1-AR-MGMT1");
	says(d, "group.subnet", "192.0.2.0/24");
	says(d, "ma1.address", "192.0.2.11");
	says(d, "ma1.evidence", "failed");
	says(d, "lo6.v4", "198.51.100.11");
	says(d, "lo6.evidence", "ok");
	says(d, "lo6.reached_at", "2023-11-14T22:15:21.000000000Z");
	says(d, "path.state", "in-band");
	says(d, "path.since", "2023-11-14T22:15:21.000000000Z");
	says(d, "path.reason", "primary-unanswered");
	says(d, "path.evidence.0", "f2");
	assert_null(at(d, "armed.ok"));
	counts(d, "open.ma1", 0);
	counts(d, "open.lo6", 1);
	says(d, "open.first.0", "alice");
	is(d, "trust.drift", false);
	is(d, "trust.no_policy", false);
	counts(d, "refused_1h", 3);
	d = named(at(doc, "devices"), "name", TOR2);
	is(d, "armed.ok", false);
	says(d, "armed.codes.0", "not-announced-v4");
	is(d, "trust.drift", true);
	says(d, "path.state", "primary");
	says(d, "armed.codes.1", "lo6-no-ipv6");
	is(named(at(doc, "devices"), "name", "lab1-CP2-TOR1"), "armed.ok", true);
	d = named(at(doc, "devices"), "name", "lab1-AR-MGMT1");
	assert_null(at(d, "lo6"));
	assert_null(at(d, "armed"));
	json_decref(doc);

	/* as it was before anybody moved */
	a.at_ns = AT(110);
	doc = good(view_devices(store, &a));
	d = named(at(doc, "devices"), "name", TOR1);
	says(d, "path.state", "primary-failing");
	counts(d, "open.lo6", 0);
	counts(d, "refused_1h", 0);
	assert_null(at(d, "lo6.reached_at"));
	d = named(at(doc, "devices"), "name", TOR2); /* BGP had not said anything then */
	says(d, "armed.codes.0", "lo6-no-ipv6");
	assert_null(at(d, "armed.codes.1"));
	json_decref(doc);
	a.at_ns = AT(15);
	doc = good(view_devices(store, &a));
	d = named(at(doc, "devices"), "name", TOR1);
	says(d, "path.state", "primary");
	counts(d, "open.ma1", 1);
	json_decref(doc);
}

static void test_summary(void **state)
{
	struct view_args a = now();
	json_t *doc = good(view_summary(store, &a));

	counts(doc, "broken.lost", 1);
	counts(doc, "broken.of", 4);
	says(doc, "broken.groups.0.subnet", "192.0.2.0/24");
	counts(doc, "broken.groups.0.of", 4);
	counts(doc, "paths.primary", 3);
	counts(doc, "paths.in_band", 1);
	counts(doc, "paths.failing", 0);
	counts(doc, "paths.neither", 0);
	counts(doc, "sessions.open", 1);
	says(doc, "sessions.actors.0", "alice");
	says(doc, "untrusted.0.source", "203.0.113.77");
	counts(doc, "untrusted.0.attempts", 3);
	counts(doc, "untrusted.0.established", 0);
	says(doc, "untrusted.0.would_trust.0", TOR2);
	assert_int_equal(json_array_size(at(doc, "untrusted.0.would_trust")), 1);
	says(doc, "words.0.level", "wrong");
	says(doc, "words.0.text", "Ma1 is lost on 1 of 4 devices.");
	says(doc, "words.1.text", "3 on Ma1, 1 on lo6, 0 failing, 0 on neither.");
	says(doc, "words.2.text", "No one is in who should not be. 203.0.113.77 tried.");
	says(doc, "words.2.reason",
	     "3 attempts of 1 untrusted source within the last hour did not get in. " TOR2
	     " would let it in.");
	says(doc, "words.2.level", "unknown");
	json_decref(doc);

	a.at_ns = AT(50);
	doc = good(view_summary(store, &a));
	counts(doc, "broken.lost", 0);
	says(doc, "words.0.level", "calm");
	says(doc, "words.0.text", "Ma1 is not seen to fail on any of 4 devices.");
	says(doc, "words.1.text", "All 4 are on Ma1.");
	says(doc, "words.1.reason", "No break-glass session is open.");
	says(doc, "words.2.level", "calm");
	json_decref(doc);
}

static void test_switch(void **state)
{
	struct view_args a = now();
	json_t *doc;

	change(130, "lab1-CP2-TOR1", "primary", "primary-failing", "primary-unanswered");
	change(140, TOR2, "primary", "primary-failing", "primary-unanswered");
	change(145, TOR1, "in-band", "primary", "primary-ok");
	doc = good(view_summary(store, &a));
	says(doc, "words.0.text", "Ma1 is lost on 2 of 4 devices.");
	assert_memory_equal(json_string_value(at(doc, "words.0.reason")), "Both ", 5);
	json_decref(doc);
	change(146, TOR1, "primary", "in-band", "primary-unanswered");
	change(150, "lab1-CP2-TOR1", "primary-failing", "in-band", "primary-unanswered");
	change(160, TOR2, "primary-failing", "in-band", "primary-unanswered");
	doc = good(view_summary(store, &a));
	counts(doc, "broken.groups.0.lost", 3);
	says(doc, "broken.groups.0.switch", "lab1-AR-MGMT1");
	says(doc, "words.0.text", "Ma1 is lost on 3 of 4 devices.");
	if (strncmp(json_string_value(at(doc, "words.0.reason")),
		    "All 3 hang off lab1-AR-MGMT1, suspected dead since 22:1", 54) != 0)
		says(doc, "words.0.reason", "All 3 hang off lab1-AR-MGMT1 ...");
	json_decref(doc);
	doc = good(view_incidents(store, &a));
	says(named(at(doc, "incidents"), "kind", "management-switch"), "words",
	     "3 devices of 192.0.2.0/24 lost Ma1 together; lab1-AR-MGMT1 is suspected.");
	json_decref(doc);
}

static void test_empty(void **state)
{
	struct view_args a = now();
	json_t *doc;

	store_close(store);
	store = empty_store();
	assert_non_null(store);
	doc = good(view_summary(store, &a));
	says(doc, "words.0.level", "unknown");
	says(doc, "words.0.text", "Nothing has been seen yet.");
	counts(doc, "cursor", 0);
	json_decref(doc);
	doc = good(view_timeline(store, &(struct view_args){ .now_ns = AT(9),
							     .since_ns = AT(0),
							     .until_ns = AT(9) }));
	counts(doc, "folded", 0);
	json_decref(doc);
	doc = view_session(store, &a, 7);
	assert_true(json_is_null(doc));
	json_decref(good(view_coverage(store, &a)));
	json_decref(good(view_agents(store, &a)));
	json_decref(good(view_flows(store, &a)));
}

static void test_flows(void **state)
{
	struct view_args a = now();
	json_t *doc, *all = json_array(), *row;
	size_t i;

	a.limit = 2;
	doc = good(view_flows(store, &a));
	counts(doc, "count.value", 6);
	is(doc, "count.exact", true);
	counts(doc, "facets.verdict.untrusted", 3);
	counts(doc, "facets.verdict.trusted", 3);
	counts(doc, "facets.path.in-band", 4);
	counts(doc, "facets.user.alice", 2);
	for (;;) {
		const char *next = json_string_value(at(doc, "next"));

		json_array_foreach(at(doc, "flows"), i, row)
			json_array_append(all, json_object_get(row, "flow"));
		if (!next)
			break;
		assert_true(view_place_parse(next, &a.after));
		json_decref(doc);
		doc = good(view_flows(store, &a));
	}
	json_decref(doc);
	assert_int_equal(json_array_size(all), 6);
	says(all, "0", "u2");
	says(all, "3", "f3");
	says(all, "5", "f1");
	json_decref(all);

	a = now();
	a.verdict = "untrusted";
	doc = good(view_flows(store, &a));
	assert_int_equal(json_array_size(at(doc, "flows")), 3);
	counts(doc, "count.value", 3);
	says(doc, "flows.0.words", "203.0.113.77 tried " TOR1 " over lo6 and was refused.");
	says(doc, "flows.0.source.ip", "203.0.113.77");
	json_decref(doc);
	a = now();
	a.since_ns = AT(150); /* f3 lasted then */
	a.until_ns = AT(200);
	doc = good(view_flows(store, &a));
	assert_int_equal(json_array_size(at(doc, "flows")), 1);
	says(doc, "flows.0.flow", "f3");
	counts(doc, "count.value", 1);
	json_decref(doc);
	a = now();
	a.has_source = prefix_parse("203.0.0.0/8", &a.source);
	doc = good(view_flows(store, &a));
	assert_int_equal(json_array_size(at(doc, "flows")), 3);
	counts(doc, "count.value", 3);
	json_decref(doc);
	a = now();
	doc = good(view_sessions(store, &a));
	assert_int_equal(json_array_size(at(doc, "sessions")), 1);
	says(doc, "sessions.0.confidence", "high");
	json_decref(doc);
}

static void test_session(void **state)
{
	struct view_args a = now();
	json_t *list = good(view_sessions(store, &a)), *doc;
	uint64_t id = (uint64_t)json_integer_value(at(list, "sessions.0.id"));

	json_decref(list);
	doc = good(view_session(store, &a, id));
	says(doc, "words", "alice is on " TOR1 " over lo6, since 22:15 UTC.");
	says(doc, "trust.verdict", "trusted");
	assert_int_equal(json_array_size(at(doc, "trust.walk")), 2);
	says(doc, "trust.walk.0.reason", "does not contain it");
	says(doc, "trust.walk.1.result", "decides");
	says(doc, "trust.walk.1.file", TOR1 ".cfg");
	counts(doc, "trust.walk.1.line", 12);
	says(doc, "trust.generation", "9f3c0a1b2c3d");
	says(doc, "actor.user", "alice");
	says(doc, "actor.via.0.at", "a");
	says(doc, "auth.words",
	     "Success, 2 attempts, high confidence. Inferred from encrypted packet lengths, not "
	     "read.");
	says(doc, "justified.evidence.0.to", "in-band");
	says(doc, "justified.evidence.0.words", "Ma1 did not answer");
	says(doc, "seen_by.0", "a");
	assert_true(json_real_value(at(doc, "bytes.step")) == 60);
	counts(doc, "bytes.out.0", 900);
	counts(doc, "bytes.out.1", 1000);
	counts(doc, "bytes.in.0", 450);
	is(doc, "bytes.missing.1", false);
	json_decref(doc);
	assert_true(json_is_null(view_session(store, &a, 999)));
	assert_true(json_is_null(view_session(store, &a, 0)));
}

static void test_trust(void **state)
{
	struct view_args a = now();
	struct addr address;
	const json_t *d;
	json_t *doc;

	assert_true(addr_parse("203.0.113.77", &address));
	doc = good(view_trust(store, &a, &address));
	says(doc, "words", "The devices disagree: 1 of 4 trusts 203.0.113.77.");
	counts(doc, "verdicts.trusted", 1);
	counts(doc, "verdicts.untrusted", 3);
	d = named(at(doc, "devices"), "device", TOR2);
	says(d, "verdict", "trusted");
	says(d, "file", TOR2 ".cfg");
	counts(d, "line", 13);
	counts(d, "seq", 20);
	is(d, "odd", true);
	is(named(at(doc, "devices"), "device", TOR1), "odd", false);
	assert_int_equal(json_array_size(at(doc, "policies")), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *p = json_array_get(at(doc, "policies"), i);

		if (json_is_true(at(p, "majority"))) {
			assert_int_equal(json_array_size(at(p, "devices")), 3);
			continue;
		}
		says(p, "diff.extra.0.prefix", "203.0.113.0/24");
		says(p, "mend.0", "ip prefix-list trusted_sources");
		says(p, "mend.1", "   no seq 20 permit 203.0.113.0/24");
	}
	counts(doc, "known.flows", 3);
	json_decref(doc);
	assert_true(addr_parse("2001:db8::1", &address));
	doc = good(view_trust(store, &a, &address));
	says(doc, "words", "No device has a list to judge 2001:db8::1 by.");
	json_decref(doc);
}

static void test_coverage(void **state)
{
	struct view_args a = now();
	json_t *doc = good(view_coverage(store, &a));
	const json_t *d = named(at(doc, "devices"), "device", TOR1);

	says(d, "paths.0.watched", "yes");
	says(d, "paths.1.watched", "yes");
	is(d, "paths.1.recent", true);
	says(d, "paths.2.watched", "none");
	is(d, "covered", false); /* no lo6 by IPv6 */
	d = named(at(doc, "devices"), "device", TOR2);
	says(d, "paths.0.watched", "blind");
	d = named(at(doc, "devices"), "device", "lab1-AR-MGMT1");
	assert_int_equal(json_array_size(at(d, "paths")), 1);
	counts(doc, "totals.devices", 4);
	counts(doc, "totals.never_reached", 2);
	json_decref(doc);
	a.now_ns = AT(240) + 91 * 86400 * NS_PER_S;
	doc = good(view_coverage(store, &a));
	is(named(at(doc, "devices"), "device", TOR1), "paths.1.recent", false);
	json_decref(doc);
	/* A device that nobody has told the configuration of lacks nothing by design. */
	change(320, "lab1-NEW1", "primary", "primary-failing", "primary-unanswered");
	doc = good(view_coverage(store, &a));
	counts(doc, "totals.devices", 5);
	d = named(at(doc, "devices"), "device", "lab1-NEW1");
	is(d, "covered", false);
	says(d, "paths.0.words", "Ma1: no configuration is known, so neither is its address");
	json_decref(doc);
}

static void test_timeline(void **state)
{
	struct view_args a = now();
	const json_t *l;
	json_t *doc;

	a.since_ns = AT(15);
	a.until_ns = AT(315);
	doc = good(view_timeline(store, &a));
	assert_int_equal(json_array_size(at(doc, "lanes")), 4);
	l = named(at(doc, "lanes"), "device", TOR1);
	is(l, "abnormal", true);
	/* f1, which had begun before, and f2 */
	says(l, "ma1.0.2", "trusted");
	assert_true(json_real_value(at(l, "ma1.0.0")) == -5);
	says(l, "ma1.1.2", "failed");
	/* three refused attempts are one run of three */
	l = named(at(doc, "lanes"), "device", TOR1);
	for (size_t i = 0; i < json_array_size(at(l, "lo6")); i++) {
		const json_t *r = json_array_get(at(l, "lo6"), i);

		if (strcmp(json_string_value(json_array_get(r, 2)), "refused") == 0)
			assert_true(json_integer_value(json_array_get(r, 3)) >= 1);
		/* who it was, when it is one */
		assert_true(json_is_string(json_array_get(r, 5)) ==
			    (json_integer_value(json_array_get(r, 3)) == 1));
	}
	says(l, "path.0.2", "primary");
	says(l, "path.1.2", "primary-failing");
	says(l, "path.2.2", "in-band");
	assert_true(json_real_value(at(l, "path.2.1")) == 225); /* now, not the span's end */
	says(l, "marks.0.kind", "failover");
	says(l, "marks.0.words", "primary-failing -> in-band: Ma1 did not answer");
	is(named(at(doc, "lanes"), "device", "lab1-CP2-TOR1"), "abnormal", false);
	counts(doc, "folded", 0);
	says(doc, "words.0", "1 device lost Ma1");
	says(doc, "words.1", "1 failover, 0 failbacks");
	json_decref(doc);

	a.abnormal = true;
	doc = good(view_timeline(store, &a));
	assert_int_equal(json_array_size(at(doc, "lanes")), 2); /* TOR1, and TOR2: not armed */
	counts(doc, "folded", 2);
	json_decref(doc);

	/* merged at any scale, what is abnormal stays */
	a = now();
	a.since_ns = AT(0) - 365 * 86400 * NS_PER_S;
	a.until_ns = AT(240);
	a.px = 100;
	doc = good(view_timeline(store, &a));
	l = named(at(doc, "lanes"), "device", TOR1);
	assert_int_equal(json_array_size(at(l, "ma1")), 2);
	assert_int_equal(json_array_size(at(l, "lo6")), 2);
	json_decref(doc);
}

/* The runs of a class, and the flows that they tell of; *first is where the first begins. */
static size_t runs(const json_t *lane, const char *class, json_int_t *flows, double *first)
{
	static const char *const bands[] = { "ma1", "lo6" };
	json_t *r;
	size_t n = 0, i;

	*flows = 0;
	for (int band = 0; band < 2; band++)
		json_array_foreach(at(lane, bands[band]), i, r)
		{
			if (strcmp(json_string_value(json_array_get(r, 2)), class) != 0)
				continue;
			if (!n++)
				*first = json_real_value(json_array_get(r, 0));
			*flows += json_integer_value(json_array_get(r, 3));
		}
	return n;
}

/* A flood of refused ones, and two that are rare within it. */
static void test_many(void **state)
{
	struct view_args a = now();
	char id[16], source[32];
	json_int_t n, justified;
	const json_t *l, *d;
	double first = 0;
	json_t *doc;

	for (unsigned i = 0; i < 6000; i++) {
		unsigned time = 1000 + i / 2;

		snprintf(id, sizeof(id), "m%u", i);
		snprintf(source, sizeof(source), "203.0.114.%u", i % 250);
		flow(time, "flow.end", id, TOR1, i % 2, source, "refused", time, 60, "");
	}
	flow(3000, "flow.start", "in", TOR1, false, "203.0.115.1", "established", 2990, 900, LOGIN);
	flow(3010, "flow.end", "in", TOR1, false, "203.0.115.1", "closed", 2990, 900, "");
	flow(3020, "flow.start", "s1", TOR1, true, "10.20.0.5", "established", 3019, 900, ALICE);
	flow(3030, "flow.end", "s1", TOR1, true, "10.20.0.5", "closed", 3019, 900, "");

	a.now_ns = AT(4000);
	a.since_ns = AT(600);
	a.until_ns = AT(4000);
	doc = good(view_timeline(store, &a));
	is(doc, "thinned", true);
	is(doc, "sampled", false);
	l = named(at(doc, "lanes"), "device", TOR1);
	is(l, "abnormal", true);
	/* in steps over the whole of it, on both bands, */
	assert_true(runs(l, "refused", &n, &first) >= 2 && n > 500 && n < 6000);
	assert_true(first <= 420);
	/* and what is rare is not hidden by it */
	assert_int_equal(runs(l, "untrusted", &n, &first), 1);
	assert_true(n == 1 && first == 2390);
	assert_int_equal(runs(l, "justified", &justified, &first), 1); /* within f3: it is open */
	assert_int_equal(justified, 2);
	assert_non_null(strstr(json_string_value(at(doc, "words.3")), "at least"));
	json_decref(doc);

	/* a device that nothing was seen of is not shown before it */
	a.limit = 1;
	doc = good(view_timeline(store, &a));
	says(doc, "lanes.0.device", TOR1);
	json_decref(doc);

	/* nearer it is whole */
	a = now();
	a.now_ns = AT(4000);
	a.since_ns = AT(1000);
	a.until_ns = AT(1400);
	doc = good(view_timeline(store, &a));
	is(doc, "thinned", false);
	runs(named(at(doc, "lanes"), "device", TOR1), "refused", &n, &first);
	assert_int_equal(n, 800);
	json_decref(doc);
	a.device = TOR1;
	doc = good(view_timeline(store, &a));
	is(doc, "thinned", false);
	runs(named(at(doc, "lanes"), "device", TOR1), "refused", &n, &first);
	assert_int_equal(n, 800);
	json_decref(doc);

	/* All are counted, though not all are named. */
	a = now();
	a.now_ns = AT(4100);
	doc = good(view_summary(store, &a));
	is(doc, "untrusted_more", true);
	assert_true(json_array_size(at(doc, "untrusted")) == 251);
	assert_non_null(strstr(json_string_value(at(doc, "words.2.reason")),
			       "At least 6000 attempts of at least 251 untrusted sources"));
	json_decref(doc);
	doc = good(view_devices(store, &a));
	d = named(at(doc, "devices"), "name", TOR1);
	counts(d, "refused_1h", 6000);
	json_decref(doc);

	/* a page of the sources that were there last, of all that they did */
	a.limit = 2;
	doc = good(view_sources(store, &a));
	assert_int_equal(json_array_size(at(doc, "sources")), 2);
	says(doc, "sources.0.source", "203.0.114.249");
	says(doc, "sources.1.source", "203.0.114.248");
	counts(doc, "sources.1.flows", 24);
	json_decref(doc);
}

/* As an agent tells it: with the flow that the session is of. */
static void test_bgp_session(void **state)
{
	struct view_args a = now();
	const json_t *l;
	json_t *doc;

	tell(300, "bgp.session",
	     "\"device\":{\"name\":\"" TOR1 "\",\"role\":\"tor\"},\"service\":\"bgp\","
	     "\"source\":{\"ip\":\"198.51.100.1\",\"port\":179,\"packets\":3,\"bytes\":180},"
	     "\"destination\":{\"ip\":\"198.51.100.2\",\"port\":50001,\"packets\":3,"
	     "\"bytes\":180},\"network\":{\"type\":\"ipv4\",\"transport\":\"tcp\","
	     "\"community_id\":\"1:b1\",\"vlan\":[],\"mpls\":[],\"encapsulation\":[]},"
	     "\"flow\":{\"id\":\"b1\",\"direction\":\"inbound\","
	     "\"start\":\"2023-11-14T22:00:00Z\",\"end\":\"2023-11-14T22:10:00Z\","
	     "\"duration\":600,\"state\":\"S1\",\"outcome\":\"established\",\"initiator\":\"syn\","
	     "\"retransmits\":0,\"fragments\":0,\"missed_bytes\":0},"
	     "\"bgp\":{\"session\":{\"state\":\"down\",\"reason\":\"hold-timer\"}}");
	a.since_ns = AT(250);
	a.until_ns = AT(400);
	a.now_ns = AT(400);
	doc = good(view_timeline(store, &a));
	l = named(at(doc, "lanes"), "device", TOR1);
	says(named(at(l, "marks"), "kind", "bgp"), "state", "down");
	is(l, "abnormal", true);
	json_decref(doc);
}

static void test_events(void **state)
{
	struct view_args a = now();
	json_t *doc;

	a.type = "path";
	doc = good(view_events(store, &a));
	assert_int_equal(json_array_size(at(doc, "events")), 2);
	says(doc, "events.0.event.change.to", "in-band");
	json_decref(doc);
	a.type = "flow";
	a.limit = 4;
	doc = good(view_events(store, &a));
	assert_int_equal(json_array_size(at(doc, "events")), 4);
	says(doc, "events.0.event.flow.id", "u2");
	says(doc, "events.3.event.flow.id", "f3");
	assert_true(view_place_parse(json_string_value(at(doc, "next")), &a.after));
	json_decref(doc);
	doc = good(view_events(store, &a));
	says(doc, "events.0.event.type", "flow.update");
	json_decref(doc);
}

static void test_incidents(void **state)
{
	struct view_args a = now();
	const json_t *i;
	json_t *doc = good(view_incidents(store, &a));

	assert_int_equal(json_array_size(at(doc, "incidents")), 2);
	i = named(at(doc, "incidents"), "kind", "failover");
	says(i, "status", "open");
	says(i, "device", TOR1);
	says(i, "words", TOR1 " was reached over lo6 because Ma1 had failed.");
	counts(i, "sessions", 1);
	i = named(at(doc, "incidents"), "kind", "untrusted-source");
	says(i, "subject", "203.0.113.77");
	counts(i, "attempts", 3);
	counts(i, "established", 0);
	says(i, "words",
	     "203.0.113.77, which is not permitted, tried " TOR1 ", 3 times, and did not get in.");
	json_decref(doc);
	a.at_ns = AT(150); /* the failover had come, the source had not */
	doc = good(view_incidents(store, &a));
	assert_int_equal(json_array_size(at(doc, "incidents")), 1);
	json_decref(doc);
	a.at_ns = AT(50);
	doc = good(view_incidents(store, &a));
	assert_int_equal(json_array_size(at(doc, "incidents")), 0);
	json_decref(doc);
	a = now();
	a.limit = 1;
	doc = good(view_incidents(store, &a));
	says(doc, "incidents.0.kind", "untrusted-source");
	assert_true(view_place_parse(json_string_value(at(doc, "next")), &a.after));
	json_decref(doc);
	doc = good(view_incidents(store, &a));
	says(doc, "incidents.0.kind", "failover");
	json_decref(doc);
	a = now();
	a.state = "closed";
	doc = good(view_incidents(store, &a));
	assert_int_equal(json_array_size(at(doc, "incidents")), 0);
	json_decref(doc);
}

/* Attempts are those that were never established, wherever they are counted. */
static void test_attempts(void **state)
{
	struct view_args a = now();
	const json_t *u;
	json_t *doc, *list;
	json_int_t id;

	flow(230, "flow.start", "in", TOR1, true, "203.0.114.9", "established", 230, 900, "");
	list = good(view_incidents(store, &a));
	u = named(at(list, "incidents"), "subject", "203.0.114.9");
	counts(u, "attempts", 0);
	counts(u, "established", 1);
	id = json_integer_value(at(u, "id"));
	json_decref(list);
	doc = good(view_incident(store, &a, (uint64_t)id));
	counts(doc, "untrusted.0.attempts", 0);
	counts(doc, "untrusted.0.established", 1);
	says(named(at(doc, "figures"), "key", "attempts"), "value", "0");
	says(doc, "words.0",
	     "203.0.114.9 reached for " TOR1 " once, at 22:17:10. The device's own list does not"
	     " permit it.");
	json_decref(doc);
	doc = good(view_summary(store, &a));
	u = named(at(doc, "untrusted"), "source", "203.0.114.9");
	counts(u, "attempts", 0);
	counts(u, "established", 1);
	json_decref(doc);
}

static void test_alerts(void **state)
{
	struct view_args a = now();
	json_t *doc = good(view_alerts(store, &a));
	size_t n = json_array_size(at(doc, "alerts"));

	assert_true(n >= 2);
	named(at(doc, "alerts"), "name", "untrusted-source");
	named(at(doc, "alerts"), "name", "not-armed");
	assert_true(json_integer_value(at(doc, "states.open")) >= 2);
	json_decref(doc);
	a.device = TOR2;
	doc = good(view_alerts(store, &a));
	assert_true(json_array_size(at(doc, "alerts")) < n);
	json_decref(doc);
	a = now();
	a.limit = 1;
	doc = good(view_alerts(store, &a));
	assert_true(view_place_parse(json_string_value(at(doc, "next")), &a.after));
	json_decref(doc);
	doc = good(view_alerts(store, &a));
	assert_int_equal(json_array_size(at(doc, "alerts")), 1);
	json_decref(doc);
}

struct heard {
	json_t *of[VIEW_NUM_KINDS];
	unsigned n;
};

static int take_change(void *arg, enum view_kind kind, const json_t *document)
{
	struct heard *h = arg;

	assert_null(h->of[VIEW_SUMMARY]); /* it is the last */
	if (!h->of[kind])
		h->of[kind] = json_array();
	json_array_append_new(h->of[kind], json_deep_copy(document));
	h->n++;
	return 0;
}

static void test_changes(void **state)
{
	struct view_args a = now();
	struct heard h = { 0 };
	uint64_t n, stored;

	assert_int_equal(view_newest(store, &n, &stored), 0);
	assert_true(n >= seq);
	assert_int_equal(view_changes(store, &a, n, n, take_change, &h), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(view_changes(store, &a, 9, 13, take_change, &h), 0);
	assert_true(json_array_size(h.of[VIEW_INCIDENT]) >= 1);
	assert_true(json_array_size(h.of[VIEW_ALERT]) >= 1);
	assert_int_equal(json_array_size(h.of[VIEW_DEVICE]), 1);
	says(h.of[VIEW_DEVICE], "0.name", TOR1);
	says(h.of[VIEW_DEVICE], "0.path.state", "in-band");
	assert_int_equal(json_array_size(h.of[VIEW_SESSION]), 1); /* once, as it is now */
	says(h.of[VIEW_SESSION], "0.flow", "f3");
	counts(h.of[VIEW_SESSION], "0.source.bytes", 1900);
	assert_int_equal(json_array_size(h.of[VIEW_SUMMARY]), 1);
	counts(h.of[VIEW_SUMMARY], "0.cursor", 13);
	for (int i = 0; i < VIEW_NUM_KINDS; i++) {
		assert_non_null(view_kind_name((enum view_kind)i));
		json_decref(h.of[i]);
	}
}

static void test_place(void **state)
{
	static const char *const wrong[] = { "",   ".",	  "1",	  "1.",	   ".1",
					     "a",  "1.b", "-1.2", "1.2.3", "99999999999999999999.1",
					     "1.0" };
	struct view_place p = { 5, 6 };
	char buf[VIEW_PLACE_LEN];

	assert_string_equal(view_place_format(&p, buf), "5.6");
	assert_true(view_place_parse("12.34", &p));
	assert_int_equal(p.time_ns, 12);
	assert_int_equal(p.n, 34);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (view_place_parse(wrong[i], &p))
			fail_msg("\"%s\" is taken", wrong[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_devices),	TEST(test_summary),
		TEST(test_switch),	TEST(test_empty),
		TEST(test_flows),	TEST(test_session),
		TEST(test_trust),	TEST(test_coverage),
		TEST(test_timeline),	TEST(test_events),
		TEST(test_incidents),	TEST(test_alerts),
		TEST(test_attempts),
		TEST(test_changes),	TEST(test_many),
		TEST(test_bgp_session), cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
