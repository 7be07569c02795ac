/* SPDX-License-Identifier: Apache-2.0 */
/* The control plane's graph and who is reached over it: the lab's configurations
 * (tests/lab/fabric) with one or two things changed. Run from the repository's root. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/check/reach.h"
#include "agent/check/reach_cut.h"
#include "tests/unit/scratch.h"

#define LAB "tests/lab/fabric"

static const char *const files[] = { "lab1-AR-CE1", "lab1-AR-CE2", "lab1-CP1-TOR1", "lab1-CP1-TOR2",
				     "lab1-AR-MGMT1" };
#define FILES (sizeof(files) / sizeof(files[0]))

/* A text of a configuration, and what stands there instead; the first time it occurs. */
struct edit {
	const char *file, *from, *to;
};

static char *read_text(const char *name)
{
	char path[128], *text = calloc(1, 65536);
	FILE *f;

	snprintf(path, sizeof(path), LAB "/%s.cfg", name);
	f = fopen(path, "r");
	if (!f || !text)
		fail_msg("%s cannot be read", path);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

static void replace(char *text, const struct edit *e)
{
	char *at = strstr(text, e->from), *rest;

	if (!at)
		fail_msg("%s has no `%s`", e->file, e->from);
	rest = strdup(at + strlen(e->from));
	assert_non_null(rest);
	strcpy(at, e->to);
	strcat(at, rest);
	free(rest);
}

struct made {
	struct fabric *f;
	struct graph *g;
};

static struct made make(const struct edit *edits, size_t n)
{
	char path[160], err[256];
	struct made m;

	for (size_t i = 0; i < FILES; i++) {
		char *text = read_text(files[i]);
		FILE *to;

		for (size_t k = 0; k < n; k++)
			if (edits[k].file && strstr(files[i], edits[k].file))
				replace(text, &edits[k]);
		snprintf(path, sizeof(path), "%s/%s.cfg", scratch, files[i]);
		to = fopen(path, "w");
		assert_non_null(to);
		fputs(text, to);
		assert_int_equal(fclose(to), 0);
		free(text);
	}
	m.f = fabric_load_extra(scratch, false, &model_extra, err, sizeof(err));
	if (!m.f)
		fail_msg("%s", err);
	m.g = graph_build(m.f, &m.f->names);
	assert_non_null(m.g);
	return m;
}

static void drop(struct made *m)
{
	graph_free(m->g);
	fabric_unref(m->f);
}

static char letter(enum reach_state s)
{
	return "-N1Y"[s];
}

/* "YYYY YYYY / NNYY NNYY": CE1, CE2, TOR1, TOR2; IPv4, IPv6; from outside / from a CE. */
static void verdicts(const struct reach *r, char *out)
{
	assert_int_equal(r->n_devices, 4);
	for (int from = 0; from < 2; from++) {
		for (int f = 0; f < GRAPH_FAMILIES; f++) {
			for (unsigned d = 0; d < 4; d++) {
				const struct reach_answer *a = &r->devices[d].family[f];

				*out++ = letter(from ? a->ce : a->outside);
			}
			*out++ = ' ';
		}
		if (!from) {
			*out++ = '/';
			*out++ = ' ';
		}
	}
	out[-1] = '\0';
}

#define GOOD "YYYY YYYY / NNYY NNYY"
#define LEAK_IN "      leak routes source-vrf INFRA-MGMT subscribe-policy leak_infra_default\n"
#define LEAK_OUT "      leak routes source-vrf default subscribe-policy leak_default_infra\n"
#define TOR_RCF "   redistribute connected rcf adv_loopback()\n"
#define AF6 "   address-family ipv6\n      neighbor CE_TOR_UNDERLAY activate\n"

/* Each with the reason that is given to the device and family named. */
static const struct {
	const char *what;
	struct edit edits[4];
	const char *expect;
	int device, family; /* whose reason */
	const char *why;
} cases[] = {
	{ "as they are", { { 0 } }, GOOD, 0, 0, NULL },
	{ "a ToR redistributes nothing",
	  { { "TOR1", TOR_RCF, "" } },
	  "YYNY YYNY / NNNY NNNY",
	  2,
	  0,
	  "does not announce it" },
	{ "list loopback refuses it",
	  { { "TOR1", "   seq 10 permit 198.51.100.64/27 le 32\n",
	      "   seq 5 deny 198.51.100.66/32\n   seq 10 permit 198.51.100.64/27 le 32\n" } },
	  "YYNY YYYY / NNNY NNYY",
	  2,
	  0,
	  "adv_loopback of lab1-CP1-TOR1 does not let" },
	{ "the RCF leaves IPv6 out",
	  { { "TOR2",
	      "            @SEQ_20 {if prefix match prefix_list_v6 loopback_v6 {\n"
	      "               return true;\n            }}\n",
	      "" } },
	  "YYYY YYYN / NNYY NNYN",
	  3,
	  1,
	  "adv_loopback" },
	{ "the whole session has another AS, at one end",
	  { { "TOR1", "neighbor CE_TOR_UNDERLAY remote-as 65000",
	      "neighbor CE_TOR_UNDERLAY remote-as 65001" } },
	  "YYNY YYNY / NNNY NNNY",
	  2,
	  0,
	  "for AS 65001, which it is not" },
	{ "one CE has another AS for it: the other CE is there",
	  { { "CE1", "neighbor 203.0.113.0 remote-as 65101",
	      "neighbor 203.0.113.0 remote-as 65102" } },
	  GOOD,
	  0,
	  0,
	  NULL },
	{ "both CEs have the neighbor shut down",
	  { { "CE1", "   neighbor 203.0.113.2 description",
	      "   neighbor 203.0.113.2 shutdown\n   neighbor 203.0.113.2 description" },
	    { "CE2", "   neighbor 203.0.113.6 description",
	      "   neighbor 203.0.113.6 shutdown\n   neighbor 203.0.113.6 description" } },
	  "YYYN YYYN / NNYN NNYN",
	  3,
	  0,
	  "shut down" },
	{ "both uplinks are shut down",
	  { { "TOR1", "   ip address 203.0.113.0/31\n",
	      "   shutdown\n   ip address 203.0.113.0/31\n" },
	    { "TOR1", "   ip address 203.0.113.4/31\n",
	      "   shutdown\n   ip address 203.0.113.4/31\n" } },
	  "YYNY YYNY / NNNY NNNY",
	  2,
	  1,
	  "Ethernet23/1 of lab1-CP1-TOR1 is shut down" },
	{ "Loopback6 is shut down",
	  { { "TOR1", "interface Loopback6\n", "interface Loopback6\n   shutdown\n" } },
	  "YYNY YYNY / NNNY NNNY",
	  2,
	  1,
	  "Loopback6 of lab1-CP1-TOR1 is shut down" },
	{ "no IPv6 on Loopback6",
	  { { "TOR1", "   ipv6 address 2001:db8:0:6::66/128\n", "" } },
	  "YYYY YY-Y / NNYY NN-Y",
	  0,
	  0,
	  NULL },
	{ "IPv6 is not activated on the CEs",
	  { { "CE1", AF6, "   address-family ipv6\n" },
	    { "CE2", AF6, "   address-family ipv6\n" } },
	  "YYYY YYNN / NNYY NNNN",
	  2,
	  1,
	  "has not activated its neighbor" },
	{ "IPv6 is deactivated for one neighbor, by its address",
	  { { "CE1", AF6, AF6 "      no neighbor 203.0.113.0 activate\n" },
	    { "CE2", AF6, AF6 "      no neighbor 203.0.113.4 activate\n" } },
	  "YYYY YYNY / NNYY NNNY",
	  2,
	  1,
	  "has not activated its neighbor" },
	{ "one CE does not leak: the other does",
	  { { "CE1", LEAK_IN, "" }, { "CE1", LEAK_OUT, "" } },
	  GOOD,
	  0,
	  0,
	  NULL },
	{ "no CE leaks out of default",
	  { { "CE1", LEAK_OUT, "" }, { "CE2", LEAK_OUT, "" } },
	  "YYNN YYNN / NNYY NNYY",
	  2,
	  0,
	  "leaks nothing into VRF INFRA-MGMT" },
	{ "no CE leaks into default: no way back",
	  { { "CE1", LEAK_IN, "" }, { "CE2", LEAK_IN, "" } },
	  "YY11 YY11 / NNYY NNYY",
	  2,
	  0,
	  "leaks nothing into VRF default" },
	{ "leaked routes are not redistributed in default",
	  { { "CE1", "      neighbor CE_TOR_UNDERLAY activate\n      redistribute bgp leaked\n",
	      "      neighbor CE_TOR_UNDERLAY activate\n" },
	    { "CE2", "      neighbor CE_TOR_UNDERLAY activate\n      redistribute bgp leaked\n",
	      "      neighbor CE_TOR_UNDERLAY activate\n" } },
	  "YY11 YYYY / NNYY NNYY",
	  2,
	  0,
	  "does not redistribute leaked routes in VRF default" },
	{ "a leak policy matches another protocol",
	  { { "CE1", "   match source-protocol bgp\n", "   match source-protocol static\n" },
	    { "CE2", "   match source-protocol bgp\n", "   match source-protocol static\n" } },
	  "YYNN YYYY / NNYY NNYY",
	  2,
	  0,
	  "leak policy leak_default_infra" },
	{ "a leak names a policy that is not defined",
	  { { "CE1", "subscribe-policy leak_default_infra", "subscribe-policy leak_defualt_infra" },
	    { "CE2", "subscribe-policy leak_default_infra",
	      "subscribe-policy leak_defualt_infra" } },
	  "YYNN YYNN / NNYY NNYY",
	  2,
	  0,
	  "leak policy leak_defualt_infra" },
	{ "the CEs' own Loopback6 is redistributed in global BGP only",
	  { { "CE1", "      redistribute connected rcf adv_loopback()\n", "" } },
	  "NYYY NYYY / NNYY NNYY",
	  0,
	  0,
	  "does not announce it" },
	{ "no route of operators gets past the CEs",
	  { { "CE1", "   seq 10 permit 198.18.0.0/16\n", "   seq 4 deny 198.18.0.0/16 le 32\n" },
	    { "CE2", "   seq 10 permit 198.18.0.0/16\n", "   seq 4 deny 198.18.0.0/16 le 32\n" } },
	  "1111 YYYY / NNYY NNYY",
	  2,
	  0,
	  NULL },
	{ "what gets past the CEs is not whom the ToR trusts",
	  { { "TOR1", "   seq 20 permit 198.18.1.0/24\n", "" } },
	  "YY1Y YYYY / NNYY NNYY",
	  2,
	  0,
	  NULL },
	{ "the VRF does not route",
	  { { "CE1", "ip routing vrf INFRA-MGMT\n", "" } },
	  "NYYY YYYY / NNYY NNYY",
	  0,
	  0,
	  "does not route it in VRF INFRA-MGMT" },
	{ "the link's IPv6 subnets differ",
	  { { "TOR1", "2001:db8:0:c::0/127", "2001:db8:0:c::100/127" },
	    { "TOR1", "2001:db8:0:c::4/127", "2001:db8:0:c::104/127" } },
	  "YYYY YYNY / NNYY NNNY",
	  2,
	  1,
	  "has no address for it in the other end's subnet" },
	{ "the ToR does not name one CE, and the other session is down",
	  { { "TOR2", "   neighbor 203.0.113.3 peer group CE_TOR_UNDERLAY\n", "" },
	    { "TOR2", "   neighbor 203.0.113.3 description lab1-AR-CE1\n", "" },
	    { "CE2", "   neighbor 203.0.113.6 description",
	      "   neighbor 203.0.113.6 shutdown\n   neighbor 203.0.113.6 description" } },
	  "YYYN YYYN / NNYN NNYN",
	  3,
	  0,
	  "lab1-CP1-TOR2 has no neighbor statement for lab1-AR-CE1" },
	{ "a neighbor's list lets nothing out",
	  { { "TOR1", "      neighbor CE_TOR_UNDERLAY activate\n",
	      "      neighbor CE_TOR_UNDERLAY activate\n"
	      "      neighbor CE_TOR_UNDERLAY prefix-list trusted_sources out\n" } },
	  "YYNY YYYY / NNNY NNYY",
	  2,
	  0,
	  "trusted_sources of lab1-CP1-TOR1 refuses it" },
	{ "a neighbor's list lets nothing in",
	  { { "TOR1", "      neighbor CE_TOR_UNDERLAY activate\n",
	      "      neighbor CE_TOR_UNDERLAY activate\n"
	      "      neighbor CE_TOR_UNDERLAY prefix-list loopback in\n" } },
	  "YY1Y YYYY / NNYY NNYY",
	  2,
	  0,
	  "loopback of lab1-CP1-TOR1 refuses it" },
	{ "a route-map that is named and not defined redistributes all",
	  { { "TOR1", TOR_RCF, "   redistribute connected route-map adv_loopback\n" } },
	  GOOD,
	  0,
	  0,
	  NULL },
	{ "announced by a network statement",
	  { { "TOR1", TOR_RCF, "   network 198.51.100.66/32\n" } },
	  "YYYY YYNY / NNYY NNNY",
	  2,
	  1,
	  "does not announce it" },
	{ "a static route leads back",
	  { { "CE1", LEAK_IN, "" },
	    { "CE2", LEAK_IN, "" },
	    { "TOR1", "!\nrouter bgp", "!\nip route 0.0.0.0/0 203.0.113.1\n!\nrouter bgp" } },
	  "YYY1 YY11 / NNYY NNYY",
	  3,
	  0,
	  "leaks nothing" },
};

static void test_verdicts(void **state)
{
	char got[64], why[GRAPH_TEXT], all[REACH_MAX_FAULTS * (GRAPH_TEXT + 4)];
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m = make(cases[i].edits, 4);
		struct reach *r = reach_run(m.g, true);
		const struct reach_answer *a;

		assert_non_null(r);
		verdicts(r, got);
		a = &r->devices[cases[i].device].family[cases[i].family];
		all[0] = '\0';
		for (unsigned k = 0; k < a->n_faults; k++) {
			strcat(all, reach_fault_text(m.g, &a->faults[k], why));
			strcat(all, " | ");
		}
		if (strcmp(got, cases[i].expect) != 0 ||
		    (cases[i].why && !strstr(all, cases[i].why))) {
			print_error("%s: %s, expected %s; why: %s\n", cases[i].what, got,
				    cases[i].expect, all);
			failed++;
		}
		reach_free(r);
		drop(&m);
	}
	assert_int_equal(failed, 0);
}

static uint32_t session_between(const struct graph *g, const char *a, const char *b)
{
	uint32_t x = graph_node_named(g, a), y = graph_node_named(g, b);

	for (uint32_t s = 0; s < g->n_sessions; s++) {
		uint32_t p = g->places[g->sessions[s].place[0]].node;
		uint32_t q = g->places[g->sessions[s].place[1]].node;

		if ((p == x && q == y) || (p == y && q == x))
			return s;
	}
	fail_msg("no session of %s and %s", a, b);
	return GRAPH_NONE;
}

/* Six sessions, of which those with a NULL are not cut. */
static void test_cuts(void **state)
{
	static const struct {
		const char *cut[3][2]; /* sessions */
		const char *node;
		const char *expect;
	} t[] = {
		{ { { "lab1-AR-CE1", "lab1-CP1-TOR1" } }, NULL, GOOD },
		{ { { "lab1-AR-CE1", "lab1-CP1-TOR1" }, { "lab1-AR-CE2", "lab1-CP1-TOR1" } },
		  NULL,
		  "YYNY YYNY / NNNY NNNY" },
		{ { { "lab1-AR-CE1", "PE1" } }, NULL, "NYYY NYYY / NNYY NNYY" },
		{ { { "lab1-AR-CE1", "PE1" }, { "lab1-AR-CE2", "PE1" } },
		  NULL,
		  "NNNN NNNN / NNYY NNYY" },
		/* not by TOR2 and CE1: its AS is CE2's, in what TOR2 would tell */
		{ { { "lab1-AR-CE1", "lab1-CP1-TOR1" }, { "lab1-AR-CE2", "PE1" } },
		  NULL,
		  "YNNY YNNY / NNYY NNYY" },
		{ { { NULL } }, "PE1", "NNNN NNNN / NNYY NNYY" },
		{ { { NULL } }, "lab1-AR-CE1", "NYYY NYYY / NNYY NNYY" },
		{ { { "lab1-AR-CE2", "lab1-CP1-TOR1" } }, "lab1-AR-CE1", "NYNY NYNY / NNNY NNNY" },
	};
	struct made m = make(NULL, 0);
	char got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint32_t cut[3];
		struct reach *r;

		for (int k = 0; k < 3; k++) {
			cut[k] = GRAPH_NONE;
			if (t[i].cut[k][0]) {
				cut[k] = session_between(m.g, t[i].cut[k][0], t[i].cut[k][1]);
				m.g->sessions[cut[k]].cut = true;
			}
		}
		if (t[i].node)
			m.g->nodes[graph_node_named(m.g, t[i].node)].cut = true;
		r = reach_run(m.g, false);
		assert_non_null(r);
		verdicts(r, got);
		if (strcmp(got, t[i].expect) != 0)
			fail_msg("case %zu: %s, expected %s", i, got, t[i].expect);
		reach_free(r);
		for (int k = 0; k < 3; k++)
			if (cut[k] != GRAPH_NONE)
				m.g->sessions[cut[k]].cut = false;
		if (t[i].node)
			m.g->nodes[graph_node_named(m.g, t[i].node)].cut = false;
	}
	drop(&m);
}

/* The single points that are told are those whose removal, one at a time, loses the device. */
static void check_singles(const struct edit *edits, size_t n_edits)
{
	struct made m = make(edits, n_edits);
	struct graph *g = m.g;
	struct reach *r = reach_run(g, true);
	uint32_t n = g->n_links + g->n_sessions + g->n_nodes, told = 0, found = 0;

	assert_non_null(r);
	for (uint32_t i = 0; i < n; i++) {
		struct reach_element x = { i < g->n_links		    ? REACH_LINK
					   : i < g->n_links + g->n_sessions ? REACH_SESSION
									    : REACH_NODE,
					   i < g->n_links ? i
					   : i < g->n_links + g->n_sessions
						   ? i - g->n_links
						   : i - g->n_links - g->n_sessions };
		struct reach *without;

		reach_set_cut(g, &x, true);
		without = reach_run(g, false);
		reach_set_cut(g, &x, false);
		assert_non_null(without);
		for (uint32_t d = 0; d < r->n_devices; d++)
			for (int f = 0; f < GRAPH_FAMILIES; f++) {
				const struct reach_answer *a = &r->devices[d].family[f];
				bool is_told = false, is_single;

				if (x.kind == REACH_NODE && x.number == r->devices[d].node)
					continue;
				for (uint32_t k = 0; k < a->n_singles; k++) {
					const struct reach_element *e =
						&r->elements[a->singles + k];

					is_told |= e->kind == x.kind && e->number == x.number;
				}
				is_single = a->outside == REACH_YES &&
					    without->devices[d].family[f].outside != REACH_YES;
				told += is_told;
				found += is_single;
				if (is_told != is_single) {
					char text[GRAPH_TEXT];

					fail_msg("%s, family %d, %s: told %d, is %d",
						 g->nodes[r->devices[d].node].name, f,
						 reach_element_text(g, &x, text), is_told,
						 is_single);
				}
			}
		reach_free(without);
	}
	assert_int_equal(told, found);
	assert_true(told > 0);
	reach_free(r);
	drop(&m);
}

static void test_singles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_singles(cases[i].edits, 4);
}

/* Fabrics with the same addresses in one directory do not touch each other. */
static void test_same_addresses(void **state)
{
	struct made m = make(NULL, 0);
	char path[160], err[256], *text, *at;
	struct reach *r;
	FILE *to;

	(void)state;
	drop(&m);
	for (size_t i = 0; i < FILES; i++) {
		text = read_text(files[i]);
		while ((at = strstr(text, "lab1-")))
			at[3] = '2';
		snprintf(path, sizeof(path), "%s/second-%zu.cfg", scratch, i);
		to = fopen(path, "w");
		assert_non_null(to);
		fputs(text, to);
		assert_int_equal(fclose(to), 0);
		free(text);
	}
	m.f = fabric_load_extra(scratch, false, &model_extra, err, sizeof(err));
	assert_non_null(m.f);
	m.g = graph_build(m.f, &m.f->names);
	assert_non_null(m.g);
	assert_int_equal(m.g->n_sessions, 12);
	assert_int_equal(m.g->n_links, 12);
	assert_int_equal(m.g->n_nodes - m.g->n_devices, 2); /* two neighbors called PE1 */
	m.g->nodes[graph_node_named(m.g, "lab1-AR-CE1")].cut = true;
	m.g->nodes[graph_node_named(m.g, "lab1-AR-CE2")].cut = true;
	r = reach_run(m.g, true);
	assert_non_null(r);
	assert_int_equal(r->n_devices, 8);
	for (unsigned i = 0; i < 8; i++) {
		const char *name = m.g->nodes[r->devices[i].node].name;

		assert_int_equal(r->devices[i].family[GRAPH_V4].outside,
				 name[3] == '1' ? REACH_NO : REACH_YES);
	}
	reach_free(r);
	drop(&m);
	for (size_t i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/second-%zu.cfg", scratch, i);
		remove(path);
	}
}

/* ---- what is supposed ---- */

static void test_words(void **state)
{
	static const struct {
		const char *words, *cut; /* the elements; or what the error holds */
	} t[] = {
		{ "lab1-ar-ce1", "device lab1-AR-CE1" },
		{ "PE1", "neighbor PE1" },
		{ "lab1-CP1-TOR1:Et23/1",
		  "link lab1-AR-CE1:Ethernet5/1 - lab1-CP1-TOR1:Ethernet23/1" },
		{ "lab1-CP1-TOR1:ethernet24/1",
		  "link lab1-AR-CE2:Ethernet5/1 - lab1-CP1-TOR1:Ethernet24/1" },
		{ "203.0.113.2/31", "link lab1-AR-CE1:Ethernet6/1 - lab1-CP1-TOR2:Ethernet23/1" },
		{ "2001:db8:0:c::3/127",
		  "link lab1-AR-CE1:Ethernet6/1 - lab1-CP1-TOR2:Ethernet23/1" },
		{ "lab1-CP1-TOR2,lab1-AR-CE1",
		  "link lab1-AR-CE1:Ethernet6/1 - lab1-CP1-TOR2:Ethernet23/1" },
		{ "PE1,lab1-AR-CE1", "link lab1-AR-CE1:Ethernet1/1 - PE1" },
		{ "session:PE1,lab1-AR-CE1",
		  "session lab1-AR-CE1 - PE1 (203.0.113.103 - 203.0.113.102)" },
		{ "lab1-AR-CE3", "!no device or neighbor is called lab1-AR-CE3" },
		{ "", "!no device or neighbor is called" },
		{ ":", "!no device is called" },
		{ ",", "!no device or neighbor is called" },
		{ "session:", "!a session is session:DEVICE,DEVICE" },
		{ "session:lab1-AR-CE1", "!a session is session:DEVICE,DEVICE" },
		{ "session:lab1-AR-CE1,lab1-AR-CE2", "!have no BGP session" },
		{ "lab1-AR-CE1:Et9/9", "!lab1-AR-CE1 has no interface Et9/9" },
		{ "lab1-AR-CE1:", "!lab1-AR-CE1 has no interface" },
		{ "lab1-AR-CE1:Ma1", "!no BGP session of lab1-AR-CE1 goes by Management1" },
		{ "PE1:Et1", "!no device is called PE1" },
		{ "203.0.113.2/32", "!no link between BGP neighbors has the subnet" },
	};
	char err[256], text[GRAPH_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct made m = make(NULL, 0);
		struct reach_supposed s;
		int ret = reach_suppose(m.g, t[i].words, &s, err, sizeof(err));

		if (t[i].cut[0] == '!') {
			if (ret != -EINVAL || !strstr(err, t[i].cut + 1))
				fail_msg("`%s`: %d %s", t[i].words, ret, err);
		} else if (ret != 0 || s.n_elements != 1 ||
			   strcmp(reach_element_text(m.g, s.elements, text), t[i].cut) != 0) {
			fail_msg("`%s`: %d %s", t[i].words, ret, ret ? err : text);
		}
		reach_supposed_clear(&s);
		drop(&m);
	}
}

/* A port of a channel is its link, when there is no other port in it. */
static void test_channel(void **state)
{
	static const struct edit one = {
		"CE1", "interface Ethernet1/1\n",
		"interface Ethernet1/1\n   channel-group 1 mode active\n!\n"
		"interface Port-Channel1.501\n"
	};
	static const struct edit two[] = {
		{ "CE1", "interface Ethernet1/1\n",
		  "interface Ethernet1/1\n   channel-group 1 mode active\n!\n"
		  "interface Ethernet1/2\n   channel-group 1 mode active\n!\n"
		  "interface Port-Channel1\n" },
	};
	struct made m = make(&one, 1);
	struct reach_supposed s;
	char err[256], text[GRAPH_TEXT];

	(void)state;
	/* the channel itself is not described, but its sub-interface is */
	assert_int_equal(reach_suppose(m.g, "lab1-AR-CE1:Po1", &s, err, sizeof(err)), 0);
	assert_int_equal(s.n_elements, 1);
	assert_string_equal(reach_element_text(m.g, s.elements, text),
			    "link lab1-AR-CE1:Port-Channel1 - PE1");
	reach_supposed_clear(&s);
	assert_int_equal(reach_suppose(m.g, "lab1-AR-CE1:Et1/1", &s, err, sizeof(err)), 0);
	assert_int_equal(s.n_elements, 1);
	assert_null(s.remark);
	reach_supposed_clear(&s);
	drop(&m);
	m = make(two, 1);
	assert_int_equal(reach_suppose(m.g, "lab1-AR-CE1:Et1/1", &s, err, sizeof(err)), 0);
	assert_int_equal(s.n_elements, 0);
	assert_string_equal(s.remark, "Ethernet1/1 of lab1-AR-CE1 is one of 2 ports of "
				      "Port-Channel1, which stays up");
	reach_supposed_clear(&s);
	drop(&m);
}

static void test_switch(void **state)
{
	struct made m = make(NULL, 0);
	struct reach_switch s;
	char err[256];

	(void)state;
	assert_int_equal(reach_switch_find(m.g, "lab1-ar-mgmt1", &s, err, sizeof(err)), 0);
	assert_string_equal(s.name, "lab1-AR-MGMT1");
	assert_int_equal(s.n, 4);
	assert_true(s.guessed);
	assert_true(m.g->nodes[graph_node_named(m.g, "lab1-AR-MGMT1")].cut);
	reach_switch_clear(&s);
	assert_int_equal(reach_switch_find(m.g, "nobody", &s, err, sizeof(err)), -EINVAL);
	assert_int_equal(reach_switch_find(m.g, "lab1-AR-CE1", &s, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "is no management switch, but a ce"));
	m.f->devices[0].management_switch = strdup("OTHER");
	assert_int_equal(reach_switch_find(m.g, "lab1-AR-MGMT1", &s, err, sizeof(err)), 0);
	assert_int_equal(s.n, 3);
	reach_switch_clear(&s);
	assert_int_equal(reach_switch_find(m.g, "other", &s, err, sizeof(err)), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.hangs[0]);
	assert_false(s.guessed);
	reach_switch_clear(&s);
	drop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts), cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_singles),	 cmocka_unit_test(test_same_addresses),
		cmocka_unit_test(test_words),	 cmocka_unit_test(test_channel),
		cmocka_unit_test(test_switch),
	};

	return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
