/* SPDX-License-Identifier: Apache-2.0 */
/* The names that events give to what packets were wrapped in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wrapping.h"

static void test_names(void **state)
{
	static const struct {
		uint8_t kind;
		uint32_t id;
		const char *name;
	} cases[] = {
		{ GW_TUNNEL_GRE, 0, "gre" },
		{ GW_TUNNEL_ERSPAN1, 0, "erspan1" },
		{ GW_TUNNEL_ERSPAN2, 1023, "erspan2:1023" },
		{ GW_TUNNEL_ERSPAN3, 0, "erspan3:0" },
		{ GW_TUNNEL_IPIP, 0, "ipip" },
		{ GW_TUNNEL_6IN4, 0, "6in4" },
		{ GW_TUNNEL_4IN6, 0, "4in6" },
		{ GW_TUNNEL_6IN6, 0, "6in6" },
		{ GW_TUNNEL_VXLAN, 16777215, "vxlan:16777215" },
		{ GW_TUNNEL_GENEVE, 0xffffffff, "geneve:4294967295" },
		{ GW_TUNNEL_GTPU, 7, "gtpu" },
		{ GW_TUNNEL_PPPOE, 0, "pppoe" },
		{ GW_TUNNEL_EOMPLS, 0, "eompls" },
	};
	struct wrapping_texts texts;
	struct event e;
	size_t i;

	assert_int_equal(sizeof(cases) / sizeof(cases[0]), GW_TUNNEL_KINDS - 1);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gw_wrap w = { .tunnel = { cases[i].kind }, .tunnel_id = { cases[i].id },
				     .tunnel_n = 1 };

		memset(&e, 0, sizeof(e));
		wrapping_fill(&w, &e, &texts);
		assert_int_equal(e.encapsulation_n, 1);
		assert_string_equal(e.encapsulation[0], cases[i].name);
		assert_int_equal(e.outer_source.family, 0);
	}
}

static void test_stacks(void **state)
{
	const struct gw_wrap w = { .outer = { { 192, 0, 2, 1 }, { 192, 0, 2, 2 } },
				   .outer_family = 4,
				   .vlan = { 100, 200 },
				   .vlan_n = 2,
				   .mpls = { 16001, 24005, 3 },
				   .mpls_n = 3,
				   .tunnel = { GW_TUNNEL_ERSPAN2, GW_TUNNEL_VXLAN },
				   .tunnel_id = { 5, 5000 },
				   .tunnel_n = 2 };
	struct wrapping_texts texts;
	struct event e = { 0 };
	char text[ADDR_STRLEN];

	wrapping_fill(&w, &e, &texts);
	assert_int_equal(e.vlan_n, 2);
	assert_int_equal(e.vlan[1], 200);
	assert_int_equal(e.mpls_n, 3);
	assert_int_equal(e.mpls[0], 16001);
	assert_int_equal(e.encapsulation_n, 2);
	assert_string_equal(e.encapsulation[0], "erspan2:5");
	assert_string_equal(e.encapsulation[1], "vxlan:5000");
	assert_string_equal(addr_format(&e.outer_source, text), "192.0.2.1");
	assert_string_equal(addr_format(&e.outer_destination, text), "192.0.2.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_stacks),
	};

	return cmocka_run_group_tests_name("wrapping", tests, NULL, NULL);
}
