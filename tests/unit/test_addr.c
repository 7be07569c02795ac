/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/addr.h"

/* Text in, canonical text out; NULL: refused. */
static const struct {
	const char *in, *out;
} addresses[] = {
	{ "10.20.0.5", "10.20.0.5" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "10.1", NULL },
	{ "010.0.0.1", NULL },
	{ "10.00.0.0", NULL },
	{ "0x0a.0.0.1", NULL },
	{ "10.0.0.256", NULL },
	{ "10.0.0.1.", NULL },
	{ "10.0.0.1.2", NULL },
	{ " 10.0.0.1", NULL },
	{ "10.0.0.1 ", NULL },
	{ "10.0.0.1/32", NULL },
	{ "10.0.0.1%eth0", NULL },
	{ "167772161", NULL },
	{ "", NULL },
	{ "localhost", NULL },
	{ "2002::CAFE", "2002::cafe" },
	{ "1b11:3a00:22b0:0082::", "1b11:3a00:22b0:82::" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "::1:2", "::1:2" }, /* not ::0.1.0.2 */
	{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
	{ "1:0:0:2:0:0:3:4", "1::2:0:0:3:4" },
	{ "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0" }, /* one group is not shortened */
	{ "1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8" },
	{ "fe80::1%Et1", "fe80::1" },
	{ "fe80::1%", NULL },
	{ "::ffff:10.1.2.3", "10.1.2.3" },
	{ "::FFFF:a01:203", "10.1.2.3" },
	{ "::ffff:010.1.2.3", NULL },
	{ "64:ff9b::10.1.2.3", "64:ff9b::a01:203" },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1::2::3", NULL },
	{ "12345::", NULL },
	{ "[::1]", NULL },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff0", NULL },
};

static void test_addr(void **state)
{
	char buf[ADDR_STRLEN];

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct addr a = { .family = 99 };
		bool ok = addr_parse(addresses[i].in, &a);

		if (!addresses[i].out) {
			if (ok)
				fail_msg("'%s' was accepted", addresses[i].in);
			assert_int_equal(a.family, 99);
			continue;
		}
		if (!ok)
			fail_msg("'%s' was refused", addresses[i].in);
		assert_string_equal(addr_format(&a, buf), addresses[i].out);
	}
}

static void test_wire_bytes(void **state)
{
	static const uint8_t wire[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3 };
	struct addr six = addr_from_bytes(6, wire), four = addr_from_bytes(4, wire + 12);
	struct addr none = { 0 };
	char buf[ADDR_STRLEN];

	/* on the wire a mapped address is an IPv6 address */
	assert_string_equal(addr_format(&six, buf), "::ffff:10.1.2.3");
	assert_false(addr_equal(&six, &four));
	assert_true(addr_compare(&four, &six) < 0);
	assert_int_equal(addr_bits(&four), 32);
	assert_int_equal(addr_bits(&six), 128);
	assert_string_equal(addr_format(&none, buf), "");
}

static const struct {
	const char *in, *out, *masked;
} prefixes[] = {
	{ "10.20.30.40/16", "10.20.30.40/16", "10.20.0.0/16" },
	{ "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0" },
	{ "10.1.2.3/32", "10.1.2.3/32", "10.1.2.3/32" },
	{ "10.1.2.3/31", "10.1.2.3/31", "10.1.2.2/31" },
	{ "255.255.255.255/9", "255.255.255.255/9", "255.128.0.0/9" },
	{ "1b11:3a00:22b0:0082::/64", "1b11:3a00:22b0:82::/64", "1b11:3a00:22b0:82::/64" },
	{ "2001:db8::ffff/121", "2001:db8::ffff/121", "2001:db8::ff80/121" },
	{ "::1/128", "::1/128", "::1/128" },
	{ "::/0", "::/0", "::/0" },
	{ "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104" },
	{ "10.1.2.3", NULL, NULL },
	{ "10.1.2.3/", NULL, NULL },
	{ "10.1.2.3/33", NULL, NULL },
	{ "10.1.2.3/08", NULL, NULL },
	{ "10.1.2.3/+8", NULL, NULL },
	{ "10.1.2.3/-1", NULL, NULL },
	{ "10.42.42.42/32/32", NULL, NULL },
	{ "10.00.0.0/24", NULL, NULL },
	{ "10.1/16", NULL, NULL },
	{ "::/129", NULL, NULL },
	{ "::/4294967296", NULL, NULL },
	{ "fe80::1%Et1/64", NULL, NULL },
	{ "/8", NULL, NULL },
};

static void test_prefix(void **state)
{
	char buf[PREFIX_STRLEN];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct prefix p, m;

		if (prefix_parse(prefixes[i].in, &p) != (prefixes[i].out != NULL))
			fail_msg("'%s'", prefixes[i].in);
		if (!prefixes[i].out)
			continue;
		m = prefix_mask(&p);
		assert_string_equal(prefix_format(&p, buf), prefixes[i].out);
		assert_string_equal(prefix_format(&m, buf), prefixes[i].masked);
	}
}

static const struct {
	const char *prefix, *addr;
	bool contains;
} containments[] = {
	{ "10.20.0.0/16", "10.20.255.255", true }, { "10.20.0.0/16", "10.21.0.0", false },
	{ "10.20.9.9/16", "10.20.0.1", true },	   { "0.0.0.0/0", "1.2.3.4", true },
	{ "0.0.0.0/0", "::1", false },		   { "::/0", "1.2.3.4", false },
	{ "10.0.0.64/27", "10.0.0.95", true },	   { "10.0.0.64/27", "10.0.0.96", false },
	{ "10.0.0.1/32", "10.0.0.1", true },	   { "10.0.0.1/32", "10.0.0.0", false },
	{ "2001:db8::/33", "2001:db8:7fff::", true }, { "2001:db8::/33", "2001:db8:8000::", false },
	{ "2001:db8::1/128", "2001:db8::1", true },
};

static void test_containment(void **state)
{
	for (size_t i = 0; i < sizeof(containments) / sizeof(containments[0]); i++) {
		struct prefix p;
		struct addr a;

		assert_true(prefix_parse(containments[i].prefix, &p));
		assert_true(addr_parse(containments[i].addr, &a));
		if (prefix_contains(&p, &a) != containments[i].contains)
			fail_msg("%s in %s", containments[i].addr, containments[i].prefix);
	}
}

static const struct {
	const char *outer, *inner;
	bool covers;
} covers[] = {
	{ "10.0.0.0/8", "10.1.0.0/16", true },	 { "10.1.0.0/16", "10.0.0.0/8", false },
	{ "10.0.0.0/8", "10.0.0.0/8", true },	 { "10.0.0.0/8", "11.0.0.0/8", false },
	{ "0.0.0.0/0", "::/0", false },		 { "::/0", "2001:db8::/32", true },
	{ "10.9.9.9/8", "10.1.2.3/16", true }, /* host bits do not matter */
};

static void test_covers(void **state)
{
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++) {
		struct prefix outer, inner;

		assert_true(prefix_parse(covers[i].outer, &outer));
		assert_true(prefix_parse(covers[i].inner, &inner));
		if (prefix_covers(&outer, &inner) != covers[i].covers)
			fail_msg("%s covers %s", covers[i].outer, covers[i].inner);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr),	    cmocka_unit_test(test_wire_bytes),
		cmocka_unit_test(test_prefix),	    cmocka_unit_test(test_containment),
		cmocka_unit_test(test_covers),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
