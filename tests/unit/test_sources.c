/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store sums up of sources is what counting their flows says: of any span of time,
 * with any filter, and after flows changed. The seed is printed; GLASSWATCH_SEED repeats it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "collector/store/source.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "tests/unit/both_stores.h"
#include "tests/unit/sources_agree.h"

#define T0 (1700006400 * NS_PER_S) /* 2023-11-15T00:00:00Z */
#define DAY (86400 * NS_PER_S)
#define FLOWS 700
#define DAYS 4

static struct store *store;
static unsigned seed;

static int setup(void **state)
{
	store = both_stores_open(NULL);
	return store ? 0 : -1;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static unsigned below(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static const char *any(const char *const *of, unsigned n)
{
	return of[below(n)];
}

#define ANY(list) any(list, sizeof(list) / sizeof((list)[0]))

static const char *const sources[] = { "10.0.0.5",  "10.0.0.6",	   "10.0.7.7",
				       "192.0.2.9", "2001:db8::7", "2001:db8:1::8" };
static const char *const devices[] = { "d", "e", "f", "g", NULL };
static const char *const paths[] = { "primary", "in-band", NULL };
static const char *const services[] = { "ssh", "ssh", "bgp", NULL };
static const char *const verdicts[] = { "trusted", "untrusted", "no-policy", NULL };
static const char *const users[] = { "ann", "bob", NULL, NULL };

/* Near the borders of spans, most of all. */
static uint64_t any_time(void)
{
	static const uint64_t near[] = { 0, 1, 299999999999, 300000000001, 30000000000 };
	uint64_t t = T0 + below(DAYS * 288) * STORE_SOURCE_SHORT;

	if (below(4) == 0)
		t = T0 + below(DAYS) * DAY;
	return t + (below(2) ? near[below(5)] : below(300000) * UINT64_C(1000000) + below(1000));
}

static uint64_t any_length(void)
{
	switch (below(4)) {
	case 0:
		return below(1000) * UINT64_C(1000003);
	case 1:
		return UINT64_C(59999999999) + below(3);
	case 2:
		return below(50000) * NS_PER_S;
	default:
		return below(400) * NS_PER_S + below(1000000);
	}
}

static void put(struct store_flow *f)
{
	assert_int_equal(store_flow_put(store, f), 0);
}

static void make(unsigned n)
{
	char name[16];
	struct store_flow f = { .agent = "a", .flow = name, .seq = n, .rule = -1, .json = "{}" };

	snprintf(name, sizeof(name), "f%u", n);
	f.source = ANY(sources);
	f.device = ANY(devices);
	f.path = ANY(paths);
	f.service = ANY(services);
	f.verdict = ANY(verdicts);
	f.user = ANY(users);
	f.established = below(2);
	f.open = below(10) == 0;
	f.outbound = below(10) == 0;
	f.start_ns = any_time();
	f.end_ns = f.start_ns + any_length();
	f.end_ns += 1000 - f.end_ns % 1000 + n; /* no two end at once: their order is nobody's */
	put(&f);
}

static void alter(unsigned n)
{
	struct store_flow f;
	char name[16];

	snprintf(name, sizeof(name), "f%u", n);
	assert_int_equal(store_flow_get(store, "a", name, &f), 1);
	switch (below(9)) {
	case 0:
		f.verdict = ANY(verdicts);
		break;
	case 1:
		f.user = ANY(users);
		break;
	case 2:
		f.path = ANY(paths);
		break;
	case 3:
		f.device = ANY(devices);
		break;
	case 4: /* it is another's twin: not counted any more */
		f.same_as = 1;
		break;
	case 5:
		f.start_ns -= below(400) * NS_PER_S;
		break;
	case 6:
		f.end_ns += below(400) * NS_PER_S;
		break;
	case 7:
		f.open = !f.open;
		f.established = true;
		break;
	default:
		f.outbound = !f.outbound;
		break;
	}
	put(&f);
}

static void agree_on_anything(unsigned times)
{
	while (times--) {
		struct store_filter f = { 0 };

		if (below(3))
			f.since_ns = any_time();
		if (below(3))
			f.until_ns = f.since_ns && below(2) ? f.since_ns + any_length() + 1
							    : any_time();
		if (f.until_ns && f.until_ns <= f.since_ns) {
			uint64_t t = f.since_ns;

			f.since_ns = f.until_ns;
			f.until_ns = t + 1;
		}
		f.path = ANY(paths);
		f.service = ANY(services);
		f.verdict = ANY(verdicts);
		if (below(2))
			f.path = f.service = f.verdict = NULL;
		f.limit = below(3) ? below(8) : 0;
		store_sources_look = below(2) ? 30000 : 1 + below(200);
		if (below(4) == 0) {
			f.has_source = true;
			assert_true(prefix_parse(below(2) ? "10.0.0.0/16" : "2001:db8::7/128",
						 &f.source));
		}
		sources_agree(store, &f);
	}
}

static void test_anything(void **state)
{
	assert_int_equal(store_begin(store), 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		make(i);
		if (i % 50 == 49) {
			assert_int_equal(store_commit(store), 0);
			assert_int_equal(store_begin(store), 0);
		}
	}
	assert_int_equal(store_commit(store), 0);
	agree_on_anything(200);
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(store_begin(store), 0);
		for (unsigned k = 0; k < 10; k++)
			alter(below(FLOWS));
		assert_int_equal(store_commit(store), 0);
		agree_on_anything(10);
	}
}

/* More than FEW flows of one source within the span, on a device that it used before and
 * behind, and on one that it did not use within. */
static void test_used_within(void **state)
{
	struct store_filter f = { .since_ns = T0 + DAY, .until_ns = T0 + 2 * DAY };
	char line[SOURCES_LINES] = "";

	assert_int_equal(store_begin(store), 0);
	for (unsigned i = 0; i < 1300; i++) {
		char name[16];
		struct store_flow x = { .agent = "a",
					.flow = name,
					.seq = i + 1,
					.rule = -1,
					.json = "{}",
					.path = "primary",
					.service = "ssh",
					.verdict = "trusted",
					.source = "10.0.0.5" };

		snprintf(name, sizeof(name), "f%u", i);
		x.start_ns = i < 1200 ? f.since_ns + i * 60 * NS_PER_S
			     : i & 1  ? T0 + i * NS_PER_S
				      : T0 + 3 * DAY + i * NS_PER_S;
		x.end_ns = x.start_ns + NS_PER_S;
		x.device = i & 2 && i >= 1200 ? "outside" : "within";
		put(&x);
	}
	assert_int_equal(store_commit(store), 0);
	sources_agree(store, &f);
	assert_int_equal(store_sources(store, &f, sources_line, line), 0);
	assert_non_null(strstr(line, " 1200/0 1 0 trusted")); /* one device */
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_anything, setup, teardown),
		cmocka_unit_test_setup_teardown(test_used_within, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	const char *given = getenv("GLASSWATCH_SEED");

	seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("GLASSWATCH_SEED=%u\n", seed);
	return both_stores(run);
}
