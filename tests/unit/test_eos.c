/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax tree: what stands where, and above all what is free text. Cases
 * are a configuration and its outline: per line its number, one dot per level,
 * its text; lines of RCF text have a colon after the dots.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/fabric/eos.h"

static char *outline(const struct eos *e)
{
	const struct eos_node *root = eos_root(e), *n = root->child;
	char *text = NULL;
	size_t len = 0, depth = 1;
	FILE *to = open_memstream(&text, &len);

	while (n) {
		fprintf(to, "%d ", n->line);
		for (size_t i = 1; i < depth; i++)
			fputc('.', to);
		fprintf(to, "%s%s\n", n->code ? ":" : "", n->text);
		if (n->child) {
			n = n->child;
			depth++;
			continue;
		}
		while (n != root && !n->next) {
			n = n->parent;
			depth--;
		}
		n = n == root ? NULL : n->next;
	}
	fclose(to);
	return text;
}

static const struct {
	const char *name, *text, *outline;
	const char *note; /* NULL: none */
} cases[] = {
	{ "as EOS prints it",
	  "! Command: show running-config\n!\nhostname a\n!\ninterface Ethernet1\n"
	  "   no switchport\n   ip address 10.0.0.1/31\n!\nip routing\n!\nend\n",
	  "3 hostname a\n5 interface Ethernet1\n6 .no switchport\n7 .ip address 10.0.0.1/31\n"
	  "9 ip routing\n" },
	{ "carriage returns, no end, no newline",
	  "interface Loopback0\r\n   mtu 9000\r\n!\r\nip routing",
	  "1 interface Loopback0\n2 .mtu 9000\n4 ip routing\n" },
	{ "a byte order mark", "\xef\xbb\xbfhostname a\n", "1 hostname a\n" },
	{ "nothing", "", "" },
	{ "only comments", "!\n! x\n\n   !\n", "" },
	{ "everything indented", "  hostname a\n  interface Vlan1\n    mtu 9000\n  ip routing\n",
	  "1 hostname a\n2 interface Vlan1\n3 .mtu 9000\n4 ip routing\n" },
	{ "sub-commands of an interface at the first column",
	  "interface Ethernet1\nip address 10.0.0.1/31\nvrf A\nno shutdown\ndescription x\n"
	  "vrf instance A\nip routing\n",
	  "1 interface Ethernet1\n2 .ip address 10.0.0.1/31\n3 .vrf A\n4 .no shutdown\n"
	  "5 .description x\n6 vrf instance A\n7 ip routing\n" },
	{ "a global command that looks like one",
	  "interface Vlan1\nip address virtual source-nat vrf A address 10.0.0.1\nmtu 9000\n",
	  "1 interface Vlan1\n2 ip address virtual source-nat vrf A address 10.0.0.1\n3 mtu "
	  "9000\n" },
	{ "an indented interface opens inside an interface",
	  "interface Loopback0\n ip address 10.0.0.1/32\n!\n\tinterface Loopback6\n vrf A\n"
	  " ip ospf area 0\n ip address 10.0.0.2/32\ninterface Ma1\n",
	  "1 interface Loopback0\n2 .ip address 10.0.0.1/32\n4 interface Loopback6\n5 .vrf A\n"
	  "6 .ip ospf area 0\n7 .ip address 10.0.0.2/32\n8 interface Ma1\n" },
	{ "and at the start of a file", "\tinterface Loopback6\n vrf A\n ip address 10.0.0.2/32\n",
	  "1 interface Loopback6\n2 .vrf A\n3 .ip address 10.0.0.2/32\n" },
	{ "but not elsewhere",
	  "router path-selection\n   interface Tunnel100 primary\n   interface Ethernet3\n   x\n",
	  "1 router path-selection\n2 .interface Tunnel100 primary\n3 .interface Ethernet3\n4 "
	  ".x\n" },
	{ "ragged indentation",
	  "interface Ethernet1\n  mtu 9000\n    ip address 10.0.0.1/31\n"
	  "ip prefix-list a\n  seq 10 permit 10.0.0.0/8\n     seq 20 permit 11.0.0.0/8\n"
	  "seq 30 permit 12.0.0.0/8\n",
	  "1 interface Ethernet1\n2 .mtu 9000\n3 .ip address 10.0.0.1/31\n4 ip prefix-list a\n"
	  "5 .seq 10 permit 10.0.0.0/8\n6 .seq 20 permit 11.0.0.0/8\n7 .seq 30 permit "
	  "12.0.0.0/8\n" },
	{ "BGP by indentation, comments at the first column",
	  "router bgp 1\n   neighbor A activate\n!\n   address-family ipv6\n"
	  "      neighbor A activate\n!\n   vrf V\n      rd 1:1\n      !\n      address-family "
	  "ipv4\n"
	  "         neighbor B activate\n   vrf W\n      evpn multicast\n"
	  "         address-family ipv4\n            transit\n",
	  "1 router bgp 1\n2 .neighbor A activate\n4 .address-family ipv6\n5 ..neighbor A "
	  "activate\n"
	  "7 .vrf V\n8 ..rd 1:1\n10 ..address-family ipv4\n11 ...neighbor B activate\n12 .vrf W\n"
	  "13 ..evpn multicast\n14 ...address-family ipv4\n15 ....transit\n" },
	{ "BGP flat",
	  "router bgp 1\n neighbor A peer group\n address-family ipv4\n neighbor A activate\n"
	  " address-family ipv6\n neighbor A activate\n vrf V\n neighbor B remote-as 2\n"
	  " address-family ipv4\n neighbor B activate\n vrf W\n rd 1:1\nend\n",
	  "1 router bgp 1\n2 .neighbor A peer group\n3 .address-family ipv4\n4 ..neighbor A "
	  "activate\n"
	  "5 .address-family ipv6\n6 ..neighbor A activate\n7 .vrf V\n8 ..neighbor B remote-as 2\n"
	  "9 ..address-family ipv4\n10 ...neighbor B activate\n11 .vrf W\n12 ..rd 1:1\n" },
	{ "a family after a vrf with deeper lines is global",
	  "router bgp 1\n   vrf V\n      rd 1:1\n   address-family evpn\n      x\n",
	  "1 router bgp 1\n2 .vrf V\n3 ..rd 1:1\n4 .address-family evpn\n5 ..x\n" },
	{ "router general with exit, code with EOF",
	  "router general\n   vrf A\n      leak routes x\n      exit\n   !\n   vrf B\n"
	  "      leak routes y\n   exit\n   control-functions\n      code unit f\n"
	  "         function f() {\n         }\n         EOF\n   exit\nip routing\n",
	  "1 router general\n2 .vrf A\n3 ..leak routes x\n6 .vrf B\n7 ..leak routes y\n"
	  "9 .control-functions\n10 ..code unit f\n11 ...:function f() {\n12 ...:}\n"
	  "15 ip routing\n" },
	{ "router general flat",
	  "router general\n vrf A\n leak routes x\n vrf B\n leak routes y\n control-functions\n"
	  " code unit f\n function f() {\n @SEQ_10 {if true {\n return true;\n }}\n }\n"
	  " function g() { # not a brace: }\n }\n EOF\n!\nend\n",
	  "1 router general\n2 .vrf A\n3 ..leak routes x\n4 .vrf B\n5 ..leak routes y\n"
	  "6 .control-functions\n7 ..code unit f\n8 ...:function f() {\n9 ...:@SEQ_10 {if true {\n"
	  "10 ...:return true;\n11 ...:}}\n12 ...:}\n13 ...:function g() { # not a brace: }\n"
	  "14 ...:}\n" },
	{ "code without EOF",
	  "router general\n   control-functions\n      code\n         function f() {\n"
	  "         }\n!\nip routing\nend\n",
	  "1 router general\n2 .control-functions\n3 ..code\n4 ...:function f() {\n5 ...:}\n"
	  "7 ip routing\n" },
	{ "code whose braces never close",
	  "router general\n   control-functions\n      code unit f\n         function f() {\n"
	  "ip prefix-list trusted_sources seq 1 permit 0.0.0.0/0\nend\n",
	  "1 router general\n2 .control-functions\n3 ..code unit f\n4 ...:function f() {\n"
	  "5 ...:ip prefix-list trusted_sources seq 1 permit 0.0.0.0/0\n6 ...:end\n",
	  "code unit is not closed by EOF: nothing after it is read" },
	{ "`code` elsewhere is a word", "daemon x\n   code\n   y\n",
	  "1 daemon x\n2 .code\n3 .y\n" },
	{ "a banner",
	  "banner login\n!x\nip prefix-list trusted_sources seq 1 permit 0.0.0.0/0\n   EOF\n"
	  "EOF not alone\nend\nbanner motd\nEOF\nhostname a\n",
	  "1 banner login\n9 hostname a\n" },
	{ "a banner in DOS text", "banner motd\r\nhostname b\r\nEOF\r\nhostname a\r\n",
	  "1 banner motd\n4 hostname a\n" },
	{ "a banner after an indented line",
	  "interface Ethernet1\n   banner login\nx\nEOF\n   mtu 9000\n",
	  "1 interface Ethernet1\n2 banner login\n5 mtu 9000\n" },
	{ "no banner", "no banner login\nhostname a\n", "1 no banner login\n2 hostname a\n" },
	{ "a banner that is not closed", "hostname a\nbanner exec\nhostname b\n EOF\nend\n",
	  "1 hostname a\n2 banner exec\n",
	  "banner is not closed by EOF: nothing after it is read" },
	{ "a comment block",
	  "interface Loopback0\n   comment\nip prefix-list x\n   EOF\n   mtu 9000\ncomment on\n",
	  "1 interface Loopback0\n5 .mtu 9000\n6 comment on\n" },
	{ "action bash",
	  "event-handler a\n   action bash\n      hostname b\n      EOF\n   delay 5\n"
	  "event-handler b\n   action bash echo\n   delay 5\n",
	  "1 event-handler a\n2 .action bash\n5 .delay 5\n6 event-handler b\n7 .action bash echo\n"
	  "8 .delay 5\n" },
	{ "certificate and key",
	  "management api http-commands\n   protocol https certificate\nhostname b\n   EOF\n"
	  "hostname c\n   EOF\n   no shutdown\n",
	  "1 management api http-commands\n2 .protocol https certificate\n7 .no shutdown\n" },
	{ "management flat",
	  "management ssh\n idle-timeout 60\n vrf A\n no shutdown\n vrf B\n no shutdown\n",
	  "1 management ssh\n2 .idle-timeout 60\n3 .vrf A\n4 ..no shutdown\n5 .vrf B\n"
	  "6 ..no shutdown\n" },
	{ "text after end", "hostname a\nend\nleaf1#\n! x\n", "1 hostname a\n" },
	{ "a second file after end", "hostname a\nend\n!\nhostname b\n", "1 hostname a\n",
	  "stands after `end` and is not read, nor is what follows" },
	{ "an indented end", "daemon x\n   end\nhostname a\n",
	  "1 daemon x\n2 .end\n3 hostname a\n" },
	{ "an EOF that closes nothing", "some text\nip routing\nEOF\nhostname a\n",
	  "1 some text\n2 ip routing\n4 hostname a\n",
	  "EOF closes nothing: free text before it may have been read as configuration" },
	{ "words", "\tip  \t routing\t \n", "1 ip  \t routing\n" },
};

static void test_outlines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct eos *e = eos_parse(cases[i].text, strlen(cases[i].text));
		char *got = outline(e);
		size_t n;
		const struct eos_note *notes = eos_notes(e, &n);

		if (strcmp(got, cases[i].outline) != 0)
			fail_msg("%s: got\n%swanted\n%s", cases[i].name, got, cases[i].outline);
		if (!cases[i].note && n)
			fail_msg("%s: unexpected note: %s", cases[i].name, notes[0].text);
		if (cases[i].note) {
			assert_int_equal(n, 1);
			assert_string_equal(notes[0].text, cases[i].note);
		}
		free(got);
		eos_free(e);
	}
}

static void test_device_comment(void **state)
{
	static const char text[] = "! device: r2 (cEOSLab, EOS-4.36.0.1F-47401373.43601F (eng))\n"
				   "! device: second (x)\nhostname a\n";
	static const char banner[] = "banner login\n! device: liar (x)\nEOF\n";
	struct eos *e = eos_parse(text, strlen(text));

	(void)state;
	assert_string_equal(eos_device_comment(e), "r2");
	eos_free(e);
	e = eos_parse(banner, strlen(banner));
	assert_null(eos_device_comment(e));
	eos_free(e);
}

static void test_bytes(void **state)
{
	size_t n;
	struct eos *e = eos_parse("hostname a\n\0", 12);

	(void)state;
	assert_null(eos_root(e)->child);
	assert_string_equal(eos_notes(e, &n)[0].text, "holds NUL bytes: it is not a text file");
	eos_free(e);
	e = eos_parse(NULL, 0);
	assert_null(eos_root(e)->child);
	eos_free(e);
}

/* A line too long is not cut: what is left of it could mean something else. */
static void test_limits(void **state)
{
	size_t long_line = EOS_MAX_LINE + 1, deep = 1000, n, len = 0, depth = 0;
	char *text = malloc(deep * deep);
	struct eos *e;

	(void)state;
	memset(text, 'x', long_line);
	strcpy(text + long_line, "\nhostname a\n");
	e = eos_parse(text, strlen(text));
	assert_string_equal(eos_root(e)->child->text, "hostname a");
	assert_string_equal(eos_notes(e, &n)[0].text, "the line is too long and is not read");
	assert_int_equal(eos_notes(e, &n)[0].line, 1);
	eos_free(e);

	for (size_t i = 0; i < deep; i++) {
		memset(text + len, ' ', i);
		memcpy(text + len + i, "x\n", 2);
		len += i + 2;
	}
	e = eos_parse(text, len);
	for (const struct eos_node *node = eos_root(e)->child; node; node = node->child)
		depth++;
	assert_int_equal(depth, EOS_MAX_DEPTH + 1);
	eos_free(e);
	free(text);
}

static void test_cut(void **state)
{
	static const struct {
		const char *text;
		bool cut;
	} texts[] = {
		{ "hostname a\nend", false },	     { "hostname a\n", false },
		{ "hostname a\r\n", false },	     { "", false },
		{ "hostname a\ninterface L", true }, { "hostname a\n   end", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct eos *e = eos_parse(texts[i].text, strlen(texts[i].text));

		if (eos_is_cut(e) != texts[i].cut)
			fail_msg("%s", texts[i].text);
		eos_free(e);
	}
}

static void test_words(void **state)
{
	struct eos_word w[3];

	(void)state;
	assert_int_equal(eos_split(" IP\taddress  a b c ", w, 3), 5);
	assert_true(eos_is(w[0], "ip"));
	assert_true(eos_is(w[1], "address"));
	assert_false(eos_is(w[1], "addres"));
	assert_int_equal(eos_split("x", w, 3), 1);
	assert_int_equal(w[2].len, 0);
	assert_string_equal(eos_after("description  \"a  b\" ", 1), "\"a  b\" ");
	assert_string_equal(eos_after("description", 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outlines), cmocka_unit_test(test_device_comment),
		cmocka_unit_test(test_bytes),	 cmocka_unit_test(test_limits),
		cmocka_unit_test(test_words),	 cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
