/* SPDX-License-Identifier: Apache-2.0 */
/* What agent/check/model.c reads of a configuration, and what it takes back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "agent/check/model.h"
#include "common/fabric/eos.h"

static struct model *read_text(const char *text)
{
	struct eos *config = eos_parse(text, strlen(text));
	struct model *m;

	assert_non_null(config);
	m = model_read(config);
	assert_non_null(m);
	eos_free(config); /* the model keeps nothing of it */
	return m;
}

static const char whole[] =
	"service routing protocols model multi-agent\n"			   /* 1 */
	"vrf instance INFRA-MGMT\n"					   /* 2 */
	"ip routing\n"							   /* 3 */
	"no ip routing vrf MGMT\n"					   /* 4 */
	"ipv6 unicast-routing vrf INFRA-MGMT\n"				   /* 5 */
	"ip extcommunity-list aon-soo permit soo 100:100\n"		   /* 6 */
	"ip route vrf MGMT 0.0.0.0/0 192.0.2.1\n"			   /* 7 */
	"route-map leak permit 20\n"					   /* 8 */
	"   match ipv6 address prefix-list loopback_v6\n"		   /* 9 */
	"route-map leak permit 10\n"					   /* 10 */
	"   match ip address prefix-list loopback\n"			   /* 11 */
	"   match source-protocol bgp\n"				   /* 12 */
	"   set extcommunity extcommunity-list aon-soo\n"		   /* 13 */
	"router bgp 65000\n"						   /* 14 */
	"   no bgp default ipv4-unicast\n"				   /* 15 */
	"   neighbor UNDERLAY peer group\n"				   /* 16 */
	"   neighbor UNDERLAY auto-local-addr\n"			   /* 17 */
	"   neighbor 203.0.113.0 peer group UNDERLAY\n"			   /* 18 */
	"   neighbor 203.0.113.0 route-map IN in\n"			   /* 19 */
	"   redistribute connected rcf adv_loopback()\n"		   /* 20 */
	"   address-family ipv6\n"					   /* 21 */
	"      neighbor UNDERLAY activate\n"				   /* 22 */
	"      redistribute bgp leaked\n"				   /* 23 */
	"   vrf INFRA-MGMT\n"						   /* 24 */
	"      redistribute connected route-map adv\n"			   /* 25 */
	"      address-family ipv4\n"					   /* 26 */
	"         no neighbor 203.0.113.128 activate\n"			   /* 27 */
	"management ssh\n"						   /* 28 */
	"   vrf INFRA-MGMT\n"						   /* 29 */
	"      no shutdown\n"						   /* 30 */
	"router general\n"						   /* 31 */
	"   vrf default\n"						   /* 32 */
	"      leak routes source-vrf INFRA-MGMT subscribe-policy l1\n"	   /* 33 */
	"   control-functions\n"					   /* 34 */
	"      code unit adv_loopback\n"				   /* 35 */
	"         function adv_loopback() {\n"				   /* 36 */
	"            @SEQ_10 {if prefix match prefix_list_v4 loopback {\n" /* 37 */
	"               return true; # prefix_list_v6 no\n"		   /* 38 */
	"            }}\n"						   /* 39 */
	"            if prefix match prefix_list_v6 loopback_v6 {\n"	   /* 40 */
	"               return false;\n"				   /* 41 */
	"            }\n"						   /* 42 */
	"         }\n"							   /* 43 */
	"         EOF\n"						   /* 44 */
	"end\n";

static void test_whole(void **state)
{
	struct model *m = read_text(whole);
	const struct model_route_map *map = model_map(m, "leak");
	const struct model_code *code = model_code(m, "adv_loopback");

	assert_true(m->multi_agent);
	assert_true(model_has_vrf(m, "INFRA-MGMT"));
	assert_true(model_has_vrf(m, NULL));
	assert_false(model_has_vrf(m, "MGMT"));
	assert_true(model_routing(m, NULL, 4)->on);
	assert_false(model_routing(m, "MGMT", 4)->on);
	assert_int_equal(model_routing(m, "INFRA-MGMT", 6)->line, 5);
	assert_null(model_routing(m, NULL, 6));
	assert_int_equal(m->n_communities, 1);
	assert_true(m->communities[0].soo);
	assert_int_equal(m->n_statics, 1);
	assert_string_equal(m->statics[0].next_hop, "192.0.2.1");

	assert_int_equal(map->n_statements, 2); /* by seq, not by line */
	assert_int_equal(map->statements[0].seq, 10);
	assert_int_equal(map->statements[0].n_clauses, 3);
	assert_int_equal(map->statements[0].clauses[0].kind, CLAUSE_MATCH_LIST);
	assert_string_equal(map->statements[0].clauses[0].name, "loopback");
	assert_int_equal(map->statements[1].clauses[0].family, 6);

	assert_int_equal(m->asn, 65000);
	assert_int_equal(m->bgp_line, 14);
	assert_false(m->default_ipv4);
	assert_int_equal(model_group(m, "UNDERLAY")->line, 16);
	assert_int_equal(model_group(m, "UNDERLAY")->auto_local_line, 17);
	assert_int_equal(model_family(m, NULL, "ipv6")->line, 21);
	assert_null(model_family(m, NULL, "ipv4"));
	assert_true(model_activate(m, NULL, "ipv6", "UNDERLAY")->on);
	assert_false(model_activate(m, "INFRA-MGMT", "ipv4", "203.0.113.128")->on);
	assert_int_equal(m->n_redistributes, 3);
	assert_true(m->redistributes[0].rcf);
	assert_string_equal(m->redistributes[0].policy, "adv_loopback");
	assert_true(m->redistributes[1].leaked);
	assert_string_equal(m->redistributes[1].family, "ipv6");
	assert_string_equal(m->redistributes[2].vrf, "INFRA-MGMT");

	assert_true(model_ssh(m, "INFRA-MGMT")->on);
	assert_null(model_ssh(m, NULL));
	assert_int_equal(m->n_leaks, 1);
	assert_null(m->leaks[0].vrf);
	assert_string_equal(m->leaks[0].source, "INFRA-MGMT");
	assert_int_equal(m->leaks[0].line, 33);

	assert_true(code->closed);
	assert_int_equal(model_function(m, "adv_loopback")->line, 36);
	assert_int_equal(code->n_matches, 2); /* none in the comment */
	assert_true(code->matches[0].accepts);
	assert_int_equal(code->matches[1].line, 40);
	assert_false(code->matches[1].accepts);
	model_free(m);
}

static void test_taken_back(void **state)
{
	struct model *m = read_text("vrf instance A\nno vrf instance A\n"
				    "route-map M permit 10\n   match source-protocol bgp\n"
				    "no route-map M permit 10\n"
				    "route-map N permit 10\n   match source-protocol bgp\n"
				    "   no match source-protocol bgp\n"
				    "router bgp 1.5\n   neighbor G peer-group\n"
				    "   neighbor G auto-local-addr\n"
				    "   no neighbor G auto-local-addr\n"
				    "   redistribute connected\n   no redistribute connected\n"
				    "ip route 0.0.0.0/0 192.0.2.1\nno ip route 0.0.0.0/0\n");

	assert_false(model_has_vrf(m, "A"));
	assert_null(model_map(m, "M"));
	assert_int_equal(model_map(m, "N")->statements[0].n_clauses, 0);
	assert_int_equal(m->asn, 65541);
	assert_true(model_group(m, "G")->line);
	assert_false(model_group(m, "G")->auto_local_line);
	assert_int_equal(m->n_redistributes, 0);
	assert_int_equal(m->n_statics, 0);
	model_free(m);
}

static void test_routes_of_bgp(void **state)
{
	struct model *m = read_text("router bgp 65000\n"
				    "   network 198.18.0.1/16\n"
				    "   network 198.19.0.0 255.255.0.0\n"
				    "   no network 198.19.0.0/16\n"
				    "   neighbor 203.0.113.0 route-map IN in\n"
				    "   neighbor 203.0.113.0 route-map IN2 in\n"
				    "   neighbor G rcf out f()\n"
				    "   neighbor G rcf in g()\n"
				    "   no neighbor G rcf in g()\n"
				    "   vrf V\n"
				    "      address-family ipv6\n"
				    "         network 2001:db8::/32 route-map M\n"
				    "         neighbor 2001:db8::1 prefix-list L out\n");

	(void)state;
	assert_int_equal(m->n_networks, 2);
	assert_int_equal(m->networks[0].prefix.len, 16);
	assert_int_equal(m->networks[0].prefix.addr.bytes[3], 0);
	assert_string_equal(m->networks[1].vrf, "V");
	assert_string_equal(m->networks[1].family, "ipv6");
	assert_int_equal(m->networks[1].line, 12);
	assert_int_equal(m->n_filters, 3);
	assert_string_equal(m->filters[0].name, "IN2");
	assert_true(m->filters[0].in);
	assert_int_equal(m->filters[1].kind, FILTER_FUNCTION);
	assert_string_equal(m->filters[1].name, "f");
	assert_false(m->filters[1].in);
	assert_int_equal(m->filters[2].kind, FILTER_LIST);
	assert_string_equal(m->filters[2].who, "2001:db8::1");
	model_free(m);
}

static void test_nothing(void **state)
{
	struct model *m = read_text("");

	assert_int_equal(m->bgp_line, 0);
	assert_int_equal(m->general_line, 0);
	model_free(m);
	model_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_taken_back),
		cmocka_unit_test(test_routes_of_bgp),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
