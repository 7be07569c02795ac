/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/fabric/prefix_list.h"

#define MAX_ENTRIES 6

struct rule {
	uint32_t seq;
	bool permit;
	const char *prefix;
	uint8_t eq, ge, le;
};

struct question {
	const char *address;
	int seq; /* -1: implicit deny */
};

static const struct {
	const char *name;
	struct rule rules[MAX_ENTRIES];
	struct question questions[6];
	size_t kept; /* entries left by the compilation */
} cases[] = {
	{ "empty", { { 0 } }, { { "10.0.0.1", -1 }, { "2001:db8::1", -1 } }, 0 },
	{ "edges of a prefix",
	  { { 10, true, "192.0.2.128/25", 0, 0, 0 } },
	  { { "192.0.2.127", -1 },
	    { "192.0.2.128", 10 },
	    { "192.0.2.255", 10 },
	    { "192.0.3.0", -1 } },
	  1 },
	{ "a deny before makes a hole",
	  { { 5, false, "198.18.66.0/24", 0, 0, 0 }, { 10, true, "198.18.0.0/16", 0, 0, 0 } },
	  { { "198.18.66.1", 5 }, { "198.18.65.255", 10 }, { "198.19.0.0", -1 } },
	  2 },
	{ "a deny after does not",
	  { { 10, true, "198.18.0.0/16", 0, 0, 0 }, { 20, false, "198.18.66.0/24", 0, 0, 0 } },
	  { { "198.18.66.1", 10 } },
	  1 },
	{ "nested three deep, in and out",
	  { { 10, true, "10.1.2.3/32", 0, 0, 0 },
	    { 20, false, "10.1.2.0/24", 0, 0, 0 },
	    { 30, true, "10.1.0.0/16", 0, 0, 0 },
	    { 40, false, "0.0.0.0/0", 0, 0, 0 } },
	  { { "10.1.2.3", 10 },
	    { "10.1.2.4", 20 },
	    { "10.1.3.0", 30 },
	    { "11.0.0.0", 40 },
	    { "255.255.255.255", 40 } },
	  4 },
	{ "shadowed by one that is shadowed itself",
	  { { 10, true, "10.0.0.0/8", 0, 0, 0 },
	    { 20, false, "10.1.0.0/16", 0, 0, 0 },
	    { 30, false, "10.1.1.0/24", 0, 0, 0 } },
	  { { "10.1.1.1", 10 }, { "10.1.2.1", 10 } },
	  1 },
	{ "shadowed around one of higher seq",
	  { { 10, true, "10.0.0.0/8", 0, 0, 0 },
	    { 20, false, "10.1.1.0/24", 0, 0, 0 },
	    { 30, false, "10.1.0.0/16", 0, 0, 0 } },
	  { { "10.1.1.1", 10 }, { "10.1.2.1", 10 } },
	  1 },
	{ "the same prefix twice",
	  { { 10, false, "10.0.0.0/8", 0, 0, 0 }, { 20, true, "10.0.0.0/8", 0, 0, 0 } },
	  { { "10.0.0.1", 10 } },
	  1 },
	{ "everything first",
	  { { 1, true, "::/0", 0, 0, 0 }, { 2, false, "2001:db8::/32", 0, 0, 0 } },
	  { { "2001:db8::1", 1 }, { "ffff::", 1 }, { "10.0.0.1", -1 } },
	  1 },
	{ "siblings and a far one",
	  { { 10, true, "2001:db8::/33", 0, 0, 0 },
	    { 20, false, "2001:db8:8000::/33", 0, 0, 0 },
	    { 30, true, "2001:db8::/32", 0, 0, 0 } },
	  { { "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", 10 },
	    { "2001:db8:8000::", 20 },
	    { "2001:db9::", -1 } },
	  3 },
	{ "lengths do not matter to an address",
	  { { 10, false, "10.0.0.0/24", 0, 25, 31 }, { 20, true, "10.0.0.0/16", 0, 0, 24 } },
	  { { "10.0.0.1", 10 }, { "10.0.1.1", 20 } },
	  2 },
};

static void make(const struct rule *rules, struct prefix_list *l, struct prefix_entry *entries)
{
	*l = (struct prefix_list){ .name = "test", .entries = entries };
	for (size_t i = 0; i < MAX_ENTRIES && rules[i].prefix; i++) {
		struct prefix_entry *e = &entries[l->n_entries++];

		*e = (struct prefix_entry){ .seq = rules[i].seq, .permit = rules[i].permit };
		assert_true(prefix_parse(rules[i].prefix, &e->prefix));
		e->eq = rules[i].eq;
		e->ge = rules[i].ge;
		e->le = rules[i].le;
	}
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix_entry entries[MAX_ENTRIES];
		struct prefix_list l;
		struct lpm *t;
		size_t kept;

		make(cases[i].rules, &l, entries);
		t = prefix_list_compile(&l);
		lpm_entries(t, &kept);
		if (kept != cases[i].kept)
			fail_msg("%s: %zu kept", cases[i].name, kept);
		for (const struct question *q = cases[i].questions; q->address; q++) {
			struct addr a;
			uint32_t rule = 0, compiled = 0;
			bool found, same;

			assert_true(addr_parse(q->address, &a));
			found = prefix_list_match(&l, &a, &rule);
			same = lpm_match(t, &a, &compiled) == found && compiled == rule;
			if (found != (q->seq >= 0) || !same ||
			    (found && entries[rule].seq != (uint32_t)q->seq))
				fail_msg("%s: %s: list %d, rule %u; table: rule %u", cases[i].name,
					 q->address, found, rule, compiled);
		}
		lpm_free(t);
	}
	lpm_free(NULL);
}

static void test_routes(void **state)
{
	static const struct rule rules[MAX_ENTRIES] = {
		{ 10, false, "0.0.0.0/0", 0, 0, 0 },	 { 20, true, "10.0.0.64/27", 0, 0, 32 },
		{ 30, true, "10.1.0.0/16", 24, 0, 0 },	 { 40, true, "10.2.0.0/16", 0, 20, 0 },
		{ 50, false, "10.3.0.0/16", 0, 20, 24 }, { 60, true, "10.0.0.0/8", 0, 0, 32 },
	};
	static const struct {
		const char *route;
		int seq;
	} routes[] = {
		{ "0.0.0.0/0", 10 },	{ "10.0.0.66/32", 20 }, { "10.0.0.64/27", 20 },
		{ "10.0.0.64/26", 60 }, { "10.1.5.0/24", 30 },	{ "10.1.5.0/25", 60 },
		{ "10.2.0.0/16", 60 },	{ "10.2.0.0/20", 40 },	{ "10.2.3.4/32", 40 },
		{ "10.3.0.0/20", 50 },	{ "10.3.0.0/25", 60 },	{ "11.0.0.0/8", -1 },
	};
	struct prefix_entry entries[MAX_ENTRIES];
	struct prefix_list l;

	(void)state;
	make(rules, &l, entries);
	assert_true(prefix_list_has_bounds(&l));
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct prefix p;
		uint32_t rule;
		bool found;

		assert_true(prefix_parse(routes[i].route, &p));
		found = prefix_list_route(&l, &p, &rule);
		if (found != (routes[i].seq >= 0) ||
		    (found && entries[rule].seq != (uint32_t)routes[i].seq))
			fail_msg("%s", routes[i].route);
	}
	l.n_entries = 1;
	assert_false(prefix_list_has_bounds(&l));
}

static void test_shadow(void **state)
{
	struct prefix_entry entries[MAX_ENTRIES];
	struct prefix_list l;

	(void)state;
	make(cases[5].rules, &l, entries); /* shadowed by one that is shadowed */
	assert_int_equal(prefix_list_shadow(&l, 0), GW_RULE_IMPLICIT);
	assert_int_equal(prefix_list_shadow(&l, 1), 0);
	assert_int_equal(prefix_list_shadow(&l, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
