/* SPDX-License-Identifier: Apache-2.0 */
/* Which in-band addresses are announced, from routes that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "agent/armed.h"
#include "common/fabric/fabric.h"

static char seen[4096];
static struct armed *armed;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	size_t n = strlen(seen);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(seen + n, sizeof(seen) - n, fmt, ap);
	va_end(ap);
}

/* "1:armed", "1:down", as a target became; "1+" and "1-" as it was already */
static void on_change(void *arg, const struct armed_route *r, const struct armed_change *c)
{
	if (seen[0])
		say(" ");
	if (c->target == ARMED_NO_TARGET)
		say("covers %u", c->covers);
	else if (c->was != c->armed)
		say("%u:%s", c->target, c->armed ? "armed" : "down");
	else
		say("%u%c", c->target, c->armed ? '+' : '-');
	if (c->unseen)
		say("?");
}

/* Targets as in a fabric: by address. 1, 2 and 4 are lo6 addresses. */
static struct fabric_target targets[5];
static struct fabric fabric = { .targets = targets, .n_targets = 5 };

static void load(void)
{
	assert_int_equal(armed_prepare(armed, &fabric), 0);
	armed_load(armed, &fabric);
}

static int begin(void **state)
{
	static const struct {
		const char *address;
		enum gw_path path;
	} rows[] = {
		{ "192.0.2.11", GW_PATH_PRIMARY },	{ "198.51.100.64", GW_PATH_INBAND },
		{ "198.51.100.65", GW_PATH_INBAND },	{ "203.0.113.1", GW_PATH_NONE },
		{ "2001:db8:0:6::64", GW_PATH_INBAND },
	};
	size_t i;

	for (i = 0; i < 5; i++) {
		assert_true(addr_parse(rows[i].address, &targets[i].address));
		targets[i].path = rows[i].path;
	}
	fabric.n_targets = 5;
	armed = armed_new(16);
	assert_non_null(armed);
	load();
	return 0;
}

static int end(void **state)
{
	armed_free(armed);
	return 0;
}

static struct armed_route route_of(uint64_t session, const char *prefix)
{
	struct armed_route r = { .session = session };

	assert_true(prefix_parse(prefix, &r.prefix));
	return r;
}

static const char *announce(uint64_t session, const char *prefix)
{
	struct armed_route r = route_of(session, prefix);

	seen[0] = '\0';
	armed_announce(armed, &r, on_change, NULL);
	return seen;
}

static const char *withdraw(uint64_t session, const char *prefix, bool whole)
{
	struct armed_route r = route_of(session, prefix);

	seen[0] = '\0';
	armed_withdraw(armed, &r, whole, on_change, NULL);
	return seen;
}

static const char *down(uint64_t session)
{
	seen[0] = '\0';
	armed_session_down(armed, session, on_change, NULL);
	return seen;
}

static void test_host_routes(void **state)
{
	assert_string_equal(announce(7, "198.51.100.64/32"), "1:armed");
	assert_string_equal(announce(7, "198.51.100.64/32"), ""); /* nothing new */
	assert_string_equal(announce(8, "198.51.100.64/32"), "1+");
	assert_string_equal(announce(7, "2001:db8:0:6::64/128"), "4:armed");
	assert_int_equal(armed_routes(armed), 3);
	assert_string_equal(withdraw(7, "198.51.100.64/32", true), "1+");
	assert_string_equal(withdraw(7, "198.51.100.64/32", true), "");
	assert_string_equal(withdraw(8, "198.51.100.64/32", true), "1:down");
	assert_string_equal(withdraw(8, "198.51.100.65/32", true), ""); /* never announced */
	assert_string_equal(announce(8, "198.51.100.64/32"), "1:armed");
	/* what is no target's, or no in-band one's */
	assert_string_equal(announce(8, "198.51.100.66/32"), "");
	assert_string_equal(announce(8, "192.0.2.11/32"), "");
	assert_string_equal(announce(8, "203.0.113.0/31"), "");
	assert_string_equal(withdraw(8, "10.0.0.0/8", false), "");
	assert_int_equal(armed_routes(armed), 2);
}

static void test_session_down(void **state)
{
	announce(7, "198.51.100.64/32");
	announce(7, "198.51.100.65/32");
	announce(8, "198.51.100.65/32");
	assert_string_equal(down(9), "");
	assert_string_equal(down(7), "1:down 2+");
	assert_string_equal(down(7), "");
	assert_string_equal(down(8), "2:down");
	assert_int_equal(armed_routes(armed), 0);
}

/* The longest prefix that was ever announced decides. */
static void test_aggregates(void **state)
{
	assert_string_equal(announce(7, "0.0.0.0/0"), "covers 2");
	assert_string_equal(announce(7, "198.51.100.64/27"), "1:armed 2:armed");
	assert_string_equal(announce(8, "198.51.100.64/32"), "1+");
	assert_string_equal(withdraw(8, "198.51.100.64/32", true), "1:down");
	assert_string_equal(withdraw(7, "198.51.100.64/27", true), "2:down");
	assert_string_equal(announce(7, "198.51.100.64/27"), "2:armed");
	assert_string_equal(announce(7, "198.51.100.0/24"), "covers 2");
	assert_string_equal(withdraw(7, "0.0.0.0/0", true), "covers 2");
	assert_string_equal(announce(9, "::/0"), "covers 1");
	assert_string_equal(down(9), "covers 1");
}

/* Routes of one session that differ in direction, family, RD or path. */
static void test_distinct(void **state)
{
	struct armed_route r = route_of(7, "198.51.100.64/32");
	unsigned i;

	seen[0] = '\0';
	for (i = 0; i < 5; i++) {
		armed_announce(armed, &r, on_change, NULL);
		if (i == 0)
			r.dir = 1;
		if (i == 1)
			r.family = 4;
		if (i == 2)
			r.rd[7] = 1;
		if (i == 3)
			r.has_path_id = true;
	}
	r.path_id = 9;
	armed_announce(armed, &r, on_change, NULL);
	assert_string_equal(seen, "1:armed 1+ 1+ 1+ 1+ 1+");
	assert_string_equal(down(7), "1+ 1+ 1+ 1+ 1+ 1:down");
}

/* A session met in mid-stream withdraws what nobody saw it announce; told once. */
static void test_mid_stream(void **state)
{
	assert_string_equal(withdraw(7, "198.51.100.64/32", false), "1-?");
	assert_string_equal(withdraw(7, "198.51.100.64/32", false), "");
	assert_string_equal(announce(7, "198.51.100.64/32"), "1:armed");
	assert_string_equal(withdraw(8, "198.51.100.64/32", false), "1+?");
	assert_string_equal(withdraw(7, "198.51.100.64/32", false), "1:down");
	assert_string_equal(withdraw(7, "198.51.100.64/32", false), "");
	assert_string_equal(withdraw(7, "0.0.0.0/0", false), "covers 2?");
	assert_string_equal(down(7), "");
	assert_string_equal(down(8), "");
	assert_int_equal(armed_routes(armed), 0);
}

static void test_full(void **state)
{
	struct armed_route r = route_of(7, "198.51.100.64/32");

	seen[0] = '\0';
	r.has_path_id = true;
	for (r.path_id = 0; r.path_id < 20; r.path_id++)
		armed_announce(armed, &r, on_change, NULL);
	assert_int_equal(armed_routes(armed), 16);
	assert_int_equal(armed_refused(armed), 4);
	assert_string_equal(withdraw(8, "198.51.100.64/32", false), "");
	assert_int_equal(armed_refused(armed), 5);
	down(7);
	assert_int_equal(armed_routes(armed), 0);
	assert_string_equal(announce(7, "198.51.100.64/32"), "1:armed");
}

/* Another fabric: what it still names is known, what it no longer names is forgotten. */
static void test_reload(void **state)
{
	announce(7, "198.51.100.64/32");
	announce(8, "198.51.100.64/32");
	announce(7, "198.51.100.65/32");
	announce(7, "2001:db8:0:6::64/128");
	withdraw(7, "2001:db8:0:6::64/128", false);
	memmove(&targets[1], &targets[2], 3 * sizeof(targets[0])); /* .64 is gone */
	fabric.n_targets = 4;
	load();
	assert_int_equal(armed_routes(armed), 2);
	assert_string_equal(announce(7, "198.51.100.64/32"), "");
	assert_string_equal(withdraw(7, "198.51.100.65/32", true), "1:down");
	/* a host route was known */
	assert_string_equal(announce(7, "198.51.100.64/27"), "covers 1");
	assert_int_equal(armed_prepare(armed, &fabric), 0); /* and not loaded */
	load();
	assert_string_equal(announce(7, "198.51.100.65/32"), "1:armed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_host_routes, begin, end),
		cmocka_unit_test_setup_teardown(test_session_down, begin, end),
		cmocka_unit_test_setup_teardown(test_aggregates, begin, end),
		cmocka_unit_test_setup_teardown(test_distinct, begin, end),
		cmocka_unit_test_setup_teardown(test_mid_stream, begin, end),
		cmocka_unit_test_setup_teardown(test_full, begin, end),
		cmocka_unit_test_setup_teardown(test_reload, begin, end),
	};

	armed_free(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
