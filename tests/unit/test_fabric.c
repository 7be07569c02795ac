/* SPDX-License-Identifier: Apache-2.0 */
/* A fabric from the configurations under tests/unit/fabric/ and from texts
 * written here into a directory of their own. Run from the repository's root. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "common/fabric/device.h"
#include "common/fabric/fabric.h"
#include "common/fabric/show.h"
#include "agent/report.h"
#include "tests/unit/scratch.h"

#define SMALL "tests/unit/fabric/small"
#define FAULTY "tests/unit/fabric/faulty"

static struct addr addr_of(const char *text)
{
	struct addr a;

	if (!addr_parse(text, &a))
		fail_msg("%s", text);
	return a;
}

static struct fabric *load(const char *dir)
{
	char err[256];
	struct fabric *f = fabric_load(dir, err, sizeof(err));

	if (!f)
		fail_msg("%s", err);
	return f;
}

/* ---- the small fabric ---- */

/* With the ends of BGP sessions. A neighbor that is in no configuration is a peer. */
static void test_underlay(void **state)
{
	static const struct {
		const char *address, *device, *vrf;
		bool peer;
	} wanted[] = {
		{ "203.0.113.0", "net7-CR1-TOR1", NULL, false },
		{ "203.0.113.1", "net7-AR-CE1", NULL, false },
		{ "203.0.113.128", "net7-AR-CE1", "INFRA-MGMT", true },
	};
	struct fabric *plain = load(SMALL), *f;
	struct addr a = addr_of("198.51.100.65");
	size_t more = 0;
	char err[256];

	f = fabric_load_with(SMALL, true, err, sizeof(err));
	assert_non_null(f);
	assert_int_equal(f->n_problems, 0);
	for (size_t i = 0; i < f->n_targets; i++)
		more += f->targets[i].path == GW_PATH_NONE;
	assert_int_equal(f->n_targets, plain->n_targets + more);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct addr address = addr_of(wanted[i].address);
		const struct fabric_target *t = fabric_find_target(f, &address);

		if (!t)
			fail_msg("%s", wanted[i].address);
		assert_int_equal(t->path, GW_PATH_NONE);
		assert_int_equal(t->peer, wanted[i].peer);
		assert_string_equal(f->devices[t->device].name, wanted[i].device);
		assert_string_equal(t->vrf ? t->vrf : "-", wanted[i].vrf ? wanted[i].vrf : "-");
	}
	/* what is watched for SSH stays that */
	assert_int_equal(fabric_find_target(f, &a)->path, GW_PATH_INBAND);
	assert_string_not_equal(f->generation, plain->generation);
	fabric_unref(plain);
	fabric_unref(f);
}

/* Between loopbacks the own end is any loopback of the neighbor's VRF. */
static void test_underlay_loopbacks(void **state)
{
	static const char *const own[] = { "198.51.100.1", "198.51.100.2" };
	static const char *const none[] = { "198.51.100.3", "203.0.113.1", "2001:db8::1" };
	char err[256];
	struct fabric *f;

	write_file("one-CE1.cfg", "hostname one-CE1\n"
				  "interface Loopback0\n   ip address 198.51.100.1/32\n"
				  "   ipv6 address 2001:db8::1/128\n"
				  "interface Loopback1\n   ip address 198.51.100.2/32\n"
				  "interface Loopback2\n   vrf OTHER\n"
				  "   ip address 198.51.100.3/32\n"
				  "interface Ethernet1\n   ip address 203.0.113.1/31\n"
				  "router bgp 65000\n   neighbor 198.51.100.9 remote-as 65000\n"
				  "end\n");
	f = fabric_load_with(scratch, true, err, sizeof(err));
	remove_file("one-CE1.cfg");
	assert_non_null(f);
	for (size_t i = 0; i < 2; i++) {
		struct addr a = addr_of(own[i]);

		assert_false(fabric_find_target(f, &a)->peer);
	}
	for (size_t i = 0; i < 3; i++) {
		struct addr a = addr_of(none[i]);

		assert_null(fabric_find_target(f, &a));
	}
	fabric_unref(f);
}

static void test_targets(void **state)
{
	static const struct {
		const char *address, *device;
		enum gw_path path;
		const char *vrf;
	} wanted[] = {
		{ "192.0.2.11", "net7-AR-CE1", GW_PATH_PRIMARY, "MGMT" },
		{ "192.0.2.21", "net7-CR1-TOR1", GW_PATH_PRIMARY, "MGMT" }, /* shut down */
		{ "192.0.2.31", "net7-AR-MGMT1", GW_PATH_PRIMARY, NULL },
		{ "198.51.100.65", "net7-AR-CE1", GW_PATH_INBAND, "INFRA-MGMT" },
		{ "198.51.100.66", "net7-CR1-TOR1", GW_PATH_INBAND, NULL },
		{ "198.51.100.96", "net7-CR1-TOR1", GW_PATH_INBAND, NULL }, /* secondary */
		{ "2001:db8:7:1::11", "net7-AR-CE1", GW_PATH_PRIMARY, "MGMT" },
		{ "2001:db8:7:2::65", "net7-AR-CE1", GW_PATH_INBAND, "INFRA-MGMT" },
		{ "2001:db8:7:2::66", "net7-CR1-TOR1", GW_PATH_INBAND, NULL },
	};
	/* a banner's, an anycast gateway's, a link's, the router id, link-local */
	static const char *const none[] = { "10.255.255.255", "192.0.2.254", "203.0.113.1",
					    "198.51.100.1",   "fe80::31",    "192.0.2.10" };
	struct fabric *f = load(SMALL);

	(void)state;
	assert_int_equal(f->n_problems, 0);
	assert_int_equal(f->n_notes, 0);
	assert_int_equal(f->n_devices, 3);
	assert_int_equal(f->n_targets, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < f->n_targets; i++) {
		struct addr a = addr_of(wanted[i].address);
		const struct fabric_target *t = fabric_find_target(f, &a);

		if (!t || t != &f->targets[i]) /* sorted */
			fail_msg("%s", wanted[i].address);
		assert_string_equal(f->devices[t->device].name, wanted[i].device);
		assert_int_equal(t->path, wanted[i].path);
		assert_string_equal(t->vrf ? t->vrf : "-", wanted[i].vrf ? wanted[i].vrf : "-");
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct addr a = addr_of(none[i]);

		assert_null(fabric_find_target(f, &a));
	}
	fabric_unref(f);
}

static void test_neighbors(void **state)
{
	struct fabric *f = load(SMALL);
	struct addr tor = addr_of("203.0.113.0"), pe = addr_of("203.0.113.128"),
		    other = addr_of("203.0.113.9");

	(void)state;
	assert_string_equal(f->devices[0].name, "net7-AR-CE1");
	assert_int_equal(f->devices[0].n_neighbors, 2);
	assert_int_equal(f->devices[0].neighbors[0].asn, 65101); /* of its peer group */
	assert_string_equal(f->devices[0].neighbors[0].peer_group, "TORS");
	assert_string_equal(f->devices[0].neighbors[1].vrf, "INFRA-MGMT");
	assert_int_equal(f->devices[2].asn, 65101);
	assert_int_equal(f->devices[2].neighbors[0].asn, 66000); /* 1.464 */
	assert_true(fabric_is_neighbor(f, 0, &tor));
	assert_true(fabric_is_neighbor(f, 0, &pe));
	assert_false(fabric_is_neighbor(f, 0, &other));
	assert_false(fabric_is_neighbor(f, 1, &tor));
	assert_false(fabric_is_neighbor(f, 2, &other)); /* taken back */
	assert_false(fabric_is_neighbor(f, 99, &tor));
	fabric_unref(f);
}

static void test_judge(void **state)
{
	static const struct {
		const char *source;
		enum gw_verdict verdict;
		int seq; /* -1: implicit */
	} cases[] = {
		{ "198.18.66.1", GW_VERDICT_UNTRUSTED, 5 },
		{ "198.18.67.1", GW_VERDICT_TRUSTED, 10 },
		{ "198.19.0.1", GW_VERDICT_UNTRUSTED, -1 },
		{ "0.0.0.1", GW_VERDICT_UNTRUSTED, -1 }, /* a banner would permit it */
		{ "2001:db8:ff::1", GW_VERDICT_TRUSTED, 10 },
		{ "2001:db8::1", GW_VERDICT_UNTRUSTED, -1 },
	};
	struct fabric *f = load(SMALL);
	struct addr nobody = { 0 };

	(void)state;
	/* Equal lists, written differently: one policy. No list: another. */
	assert_int_equal(f->n_policies, 2);
	assert_int_equal(f->devices[0].policy, f->devices[2].policy);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a = addr_of(cases[i].source);
		struct fabric_trust t = fabric_judge(f, f->devices[0].policy, &a);

		if (t.verdict != cases[i].verdict || !t.list ||
		    (cases[i].seq < 0) != (t.rule == GW_RULE_IMPLICIT) ||
		    (cases[i].seq >= 0 && t.list->entries[t.rule].seq != (uint32_t)cases[i].seq))
			fail_msg("%s", cases[i].source);
		t = fabric_judge(f, f->devices[1].policy, &a);
		assert_int_equal(t.verdict, GW_VERDICT_NO_POLICY);
		assert_null(t.list);
		assert_int_equal(t.rule, GW_RULE_IMPLICIT);
	}
	assert_int_equal(fabric_judge(f, 0, &nobody).verdict, GW_VERDICT_NO_POLICY);
	assert_int_equal(fabric_judge(f, 99, &nobody).verdict, GW_VERDICT_NO_POLICY);
	fabric_unref(fabric_ref(f));
	fabric_unref(f);
	fabric_unref(NULL);
}

/* ---- what cannot be read ---- */

static void test_problems(void **state)
{
	static const struct {
		const char *file;
		int line;
		const char *part;
	} wanted[] = {
		{ "a-CE1.cfg", 3, "`ip address 10.0.0.0`: an address and its length are wanted" },
		{ "a-CE1.cfg", 5, "192.0.2.12/33" },
		{ "a-CE1.cfg", 9, "10.42.42.42/32/32" },
		{ "a-CE1.cfg", 10, "no host can have this address" },
		{ "a-CE1.cfg", 11, "`ipv6 address 2001:db8::1`" },
		{ "a-CE1.cfg", 12, "one VRF name is wanted" },
		{ "a-CE1.cfg", 15, "`set 11 permit 198.19.0.0/16`: not an entry" },
		{ "a-CE1.cfg", 16, "eq does not go with ge or le" },
		{ "a-CE1.cfg", 17, "a length from 1 to 32 is wanted" },
		{ "a-CE1.cfg", 18, "an IPv4 prefix is wanted" },
		{ "a-CE1.cfg", 19, "seq takes a number" },
		{ "a-CE1.cfg", 22, "10.00.0.0/24" },
		{ "a-CE1.cfg", 25, "a prefix-list's name is wanted" },
		{ "a-CE1.cfg", 26, "an AS number is wanted" },
		{ "a-CE1.cfg", 29, "not a neighbor's address" },
		{ "a-CE1.cfg", 30, "an AS number is wanted after remote-as" },
		{ "a-CE1.cfg", 31, "not read inside `router bgp 65000` of line 28" },
		{ "a-CE1.cfg", 34, "stands after `end`" },
		{ "b-CE1.cfg", 0, "hostname net8-CE1 is that of " FAULTY "/a-CE1.cfg too" },
		{ "c-TOR1.cfg", 3, "is a target of net8-CE1 already" },
		{ "c-TOR1.cfg", 4, "banner is not closed" },
		{ "d-readme.txt", 0, "no EOS configuration statement" },
		{ "e-image.bin", 0, "NUL bytes" },
	};
	static const char *const notes[] = {
		"Management2 gets its address at run time",
		"never decides: seq 10 (line 14) covers it",
		"has bits beyond its length: read as 198.20.0.0/16",
		"loopback seq 5 0.0.0.0/0 is wider than /8",
		"is read from file:/mnt/flash/trusted.txt",
		"does not end in a role",
		"no hostname in it: called f-nameless",
	};
	struct fabric *f = load(FAULTY);
	struct addr first = addr_of("192.0.2.11"), range = addr_of("198.51.100.70"),
		    world = addr_of("8.8.8.8"), v6 = addr_of("2001:db8::1");

	(void)state;
	for (size_t i = 0; i < f->n_problems; i++)
		if (i >= sizeof(wanted) / sizeof(wanted[0]) ||
		    strcmp(strrchr(f->problems[i].file, '/') + 1, wanted[i].file) != 0 ||
		    f->problems[i].line != wanted[i].line ||
		    !strstr(f->problems[i].text, wanted[i].part))
			fail_msg("unexpected: %s:%d: %s", f->problems[i].file, f->problems[i].line,
				 f->problems[i].text);
	assert_int_equal(f->n_problems, sizeof(wanted) / sizeof(wanted[0]));
	assert_int_equal(f->n_notes, sizeof(notes) / sizeof(notes[0]));
	for (size_t i = 0; i < f->n_notes; i++)
		if (!strstr(f->notes[i].text, notes[i]))
			fail_msg("unexpected note: %s:%d: %s", f->notes[i].file, f->notes[i].line,
				 f->notes[i].text);

	assert_int_equal(f->n_devices, 3);
	assert_string_equal(f->devices[fabric_find_target(f, &first)->device].name, "net8-CE1");
	assert_true(fabric_in_range(f, &range));
	assert_false(fabric_in_range(f, &world));
	/* entries outside the configuration: never trusted, never denied */
	assert_int_equal(fabric_judge(f, f->devices[0].policy, &v6).verdict, GW_VERDICT_NO_POLICY);
	/* the unclosed banner took the list with it */
	assert_int_equal(fabric_judge(f, f->devices[1].policy, &first).verdict,
			 GW_VERDICT_NO_POLICY);
	fabric_unref(f);
}

static void test_load_fails(void **state)
{
	char err[256];

	(void)state;
	assert_null(fabric_load("/nonexistent/fabric", err, sizeof(err)));
	assert_string_equal(err, "/nonexistent/fabric: No such file or directory");
	assert_null(fabric_load(FAULTY "/a-CE1.cfg", err, sizeof(err)));
	assert_string_equal(err, FAULTY "/a-CE1.cfg: Not a directory");
	assert_null(fabric_load(scratch, err, sizeof(err)));
	assert_non_null(strstr(err, "holds no device: put one EOS running-config"));
	write_file("x.txt", "hello\n");
	assert_null(fabric_load(scratch, err, sizeof(err)));
	assert_non_null(strstr(err, "/x.txt: no EOS configuration statement in it"));
	if (geteuid() != 0) {
		char path[128];

		snprintf(path, sizeof(path), "%s/x.txt", scratch);
		chmod(path, 0);
		assert_null(fabric_load(scratch, err, sizeof(err)));
		assert_non_null(strstr(err, "/x.txt: Permission denied"));
	}
}

/* A FIFO must not block the load; a subdirectory and a dangling link neither
 * count nor pass for a device. */
static void test_odd_files(void **state)
{
	char path[128], err[256];
	struct fabric *f;

	(void)state;
	write_file("a.cfg", "hostname x-CE1\n");
	snprintf(path, sizeof(path), "%s/fifo", scratch);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/sub", scratch);
	assert_int_equal(mkdir(path, 0700), 0);
	f = load(scratch);
	assert_int_equal(f->n_devices, 1);
	assert_int_equal(f->n_problems, 0);
	fabric_unref(f);
	snprintf(path, sizeof(path), "%s/link", scratch);
	assert_int_equal(symlink("gone.cfg", path), 0);
	assert_null(fabric_load(scratch, err, sizeof(err)));
	assert_non_null(strstr(err, "/link: No such file or directory"));
}

/* ---- generation ---- */

static void test_generation(void **state)
{
	static const char a[] =
		"hostname x-CE1\ninterface Management1\n   ip address 192.0.2.1/24\n"
		"ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
		"   seq 20 permit 198.19.0.0/16\n";
	static const char a_other[] = "! a comment\n\nhostname x-CE1\n"
				      "ip prefix-list trusted_sources seq 20 permit 198.19.0.0/16\n"
				      "ip prefix-list trusted_sources seq 10 permit 198.18.0.0/16\n"
				      "interface Management1\n   ip address 192.0.2.1/24\n";
	static const char *const changed[] = {
		/* an address, an action, a seq, a bound, a vrf, a neighbor */
		"hostname x-CE1\ninterface Management1\n   ip address 192.0.2.2/24\n"
		"ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
		"   seq 20 permit 198.19.0.0/16\n",
		"hostname x-CE1\ninterface Management1\n   ip address 192.0.2.1/24\n"
		"ip prefix-list trusted_sources\n   seq 10 deny 198.18.0.0/16\n"
		"   seq 20 permit 198.19.0.0/16\n",
		"hostname x-CE1\ninterface Management1\n   ip address 192.0.2.1/24\n"
		"ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
		"   seq 30 permit 198.19.0.0/16\n",
		"hostname x-CE1\ninterface Management1\n   ip address 192.0.2.1/24\n"
		"ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
		"   seq 20 permit 198.19.0.0/16 le 24\n",
		"hostname x-CE1\ninterface Management1\n   vrf M\n   ip address 192.0.2.1/24\n"
		"ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
		"   seq 20 permit 198.19.0.0/16\n",
		"hostname x-CE1\ninterface Management1\n   ip address 192.0.2.1/24\n"
		"ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
		"   seq 20 permit 198.19.0.0/16\nrouter bgp 1\n   neighbor 192.0.2.9 remote-as 2\n",
	};
	static const char b[] =
		"hostname x-TOR1\ninterface Management1\n   ip address 192.0.2.3/24\n";
	char first[FABRIC_GENERATION_LEN + 1];
	struct fabric *f;

	(void)state;
	write_file("1.cfg", a);
	write_file("2.cfg", b);
	f = load(scratch);
	strcpy(first, f->generation);
	assert_int_equal(strlen(first), FABRIC_GENERATION_LEN);
	assert_int_equal(strspn(first, "0123456789abcdef"), FABRIC_GENERATION_LEN);
	fabric_unref(f);

	write_file("0.cfg", b);
	write_file("7.conf", a_other);
	remove_file("1.cfg");
	remove_file("2.cfg");
	f = load(scratch);
	assert_string_equal(f->generation, first);
	fabric_unref(f);

	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
		write_file("7.conf", changed[i]);
		f = load(scratch);
		if (strcmp(f->generation, first) == 0)
			fail_msg("change %zu has the same generation", i);
		fabric_unref(f);
	}
}

/* ---- ranges ---- */

static void test_ranges(void **state)
{
	/* Two devices' lists: an address is in range when either permits it. */
	static const struct {
		const char *address;
		bool in;
	} cases[] = {
		{ "10.1.0.1", true },				     /* a's /16 */
		{ "10.1.5.1", true },				     /* a denies it, b permits it */
		{ "10.1.6.1", false },				     /* a's hole, b says nothing */
		{ "10.1.6.9", true },				     /* a's island in the hole */
		{ "10.2.0.1", false },				     /* b's deny alone */
		{ "10.9.0.1", false },				     /* nobody */
		{ "11.0.0.1", false },				     /* only 0.0.0.0/0 */
		{ "2001:db8:7::1", true }, { "2001:db9::1", false }, /* only a /16 */
	};
	struct fabric *f;

	(void)state;
	write_file("a.cfg", "hostname x-CE1\n"
			    "ip prefix-list loopback\n   seq 1 deny 0.0.0.0/0\n"
			    "   seq 2 permit 10.1.6.9/32\n   seq 3 deny 10.1.6.0/24\n"
			    "   seq 4 deny 10.1.5.0/24\n   seq 5 permit 10.1.0.0/16 le 32\n"
			    "ipv6 prefix-list loopback_v6\n   seq 1 permit 2001::/16 le 128\n");
	write_file("b.cfg", "hostname x-TOR1\n"
			    "ip prefix-list loopback\n   seq 2 permit 10.1.5.0/24 eq 32\n"
			    "   seq 3 deny 10.2.0.0/16\n"
			    "ipv6 prefix-list loopback_v6\n   seq 1 permit 2001:db8::/32 eq 128\n");
	f = load(scratch);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a = addr_of(cases[i].address);

		if (fabric_in_range(f, &a) != cases[i].in)
			fail_msg("%s", cases[i].address);
	}
	assert_int_equal(f->n_problems, 0);
	assert_int_equal(f->n_notes, 2); /* 0.0.0.0/0 and 2001::/16 */
	/* 10.1/16 and in it the hole and the island; b's /24 changes nothing there */
	assert_int_equal(f->n_ranges, 4);
	fabric_unref(f);
}

/* ---- single statements ---- */

static void count(void *arg, enum device_report kind, int line, const char *text)
{
	(void)line;
	(void)text;
	if (kind == DEVICE_PROBLEM)
		++*(int *)arg;
}

/* Reads a text as one device; returns how many problems it has. */
static int read_text(const char *text, struct fabric_device *d)
{
	struct eos *e = eos_parse(text, strlen(text));
	int problems = 0, ret = device_read(e, "stem", count, &problems, d);

	eos_free(e);
	return ret < 0 ? ret : problems;
}

static void test_interfaces(void **state)
{
	static const struct {
		const char *text, *wanted; /* "name[!] vrf address..." per interface */
		int problems;
	} cases[] = {
		{ "interface ma1\n   ip address 10.0.0.1/24\n", "Management1 - 10.0.0.1/24;" },
		{ "interface Management 1/1\n   vrf forwarding M\n", "Management1/1 M;" },
		{ "interface LOOPBACK6\n", "Loopback6 -;" },
		{ "interface Po1.501\n   vrf default\n", "Port-Channel1.501 -;" },
		{ "interface Ethernet1\n   ip address 10.0.0.1/24\n   ip address 10.0.0.2/24\n",
		  "Ethernet1 - 10.0.0.2/24;" },
		{ "interface Ethernet1\n   ip address 10.0.0.1 255.255.255.0\n"
		  "   ip address 10.0.0.2/24 secondary\n   ip address 10.0.0.3/24 secondary\n"
		  "   no ip address 10.0.0.2/24\n",
		  "Ethernet1 - 10.0.0.1/24 10.0.0.3/24;" },
		{ "interface Ethernet1\n   ip address 10.0.0.1/24\n   ipv6 address 2001:db8::1/64\n"
		  "   ipv6 address 2001:DB8::0002/64\n   no ip address\n",
		  "Ethernet1 - 2001:db8::1/64 2001:db8::2/64;" },
		{ "interface Ethernet1\n   shutdown\ninterface Ethernet2\ninterface Ethernet1\n"
		  "   ip address 10.0.0.1/24\n",
		  "Ethernet1! - 10.0.0.1/24;Ethernet2 -;" },
		{ "interface Ethernet1\n   shutdown\n   no shutdown\n   no ip proxy-arp\n",
		  "Ethernet1 -;" },
		{ "interface Ethernet1\n   ip address unnumbered Loopback0\n   ip address dhcp\n"
		  "   ip address virtual 10.0.0.1/24\n   ipv6 address virtual 2001:db8::1/64\n"
		  "   ipv6 address auto-config\n   ipv6 address fe80::1/64 link-local\n"
		  "   ipv6 enable\n",
		  "Ethernet1 -;" },
		{ "interface Ethernet1\n   ip address 10.0.0.1/24\nno interface Ethernet1\n"
		  "interface Ethernet2\n",
		  "Ethernet2 -;" },
		{ "interface Ethernet1\nstun\n   client\n      server-profile a\n"
		  "         ip address 10.8.8.8\n",
		  "Ethernet1 -;" },
		{ "interface profile x\n   command mtu 9000\ninterface defaults\n   mtu 9000\n"
		  "interface Vlan9\n",
		  "Vlan9 -;" },
		{ "interface Ethernet1\n   ip address 10.0.0.1 255.0.255.0\n", "Ethernet1 -;", 1 },
		{ "interface Ethernet1\n   ip address 10.0.0.1/24 primary\n", "Ethernet1 -;", 1 },
		{ "interface Ethernet1\n   ip address\n   ipv6 address 10.0.0.1/24\n",
		  "Ethernet1 -;", 2 },
		{ "interface Ethernet1\n   ip address 224.0.0.1/24\n   ip address 0.0.0.0/0\n"
		  "   ipv6 address ::1/128\n   ipv6 address ff02::1/64\n",
		  "Ethernet1 -;", 4 },
		{ "interface\nhostname a b\n", "", 2 },
		{ "vlan 1\n   interface Loopback6\n   ip address 10.0.0.1/32\nhostname a\n", "",
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fabric_device d;
		char got[512] = "", text[PREFIX_STRLEN];
		int problems = read_text(cases[i].text, &d);

		for (size_t k = 0; problems >= 0 && k < d.n_interfaces; k++) {
			const struct fabric_interface *in = &d.interfaces[k];

			strcat(got, in->name);
			strcat(got, in->shutdown ? "! " : " ");
			strcat(got, in->vrf ? in->vrf : "-");
			for (size_t n = 0; n < in->n_addresses; n++) {
				strcat(got, " ");
				strcat(got, prefix_format(&in->addresses[n].prefix, text));
			}
			strcat(got, ";");
		}
		if (strcmp(got, cases[i].wanted) != 0 || problems != cases[i].problems)
			fail_msg("%s\ngot %s, %d problems", cases[i].text, got, problems);
		device_clear(&d);
	}
}

static void test_lists(void **state)
{
	static const struct {
		const char *text, *wanted; /* "seq prefix bounds" per entry of list a, `-`: deny */
		int problems;
	} cases[] = {
		{ "ip prefix-list a\n   remark x y z\n   deny 10.0.0.0/8\n   permit 11.0.0.0/8\n"
		  "   seq 7 permit 12.0.0.0/8\n   seq 15 remark x\n",
		  "7 12.0.0.0/8;10 -10.0.0.0/8;20 11.0.0.0/8;" },
		{ "ip prefix-list a seq 30 permit 10.0.0.0/8\nip prefix-list a permit 11.0.0.0/8\n"
		  "ip prefix-list a seq 30 deny 12.0.0.0/8\n",
		  "30 -12.0.0.0/8;40 11.0.0.0/8;" },
		{ "ip prefix-list a\n   permit 10.0.0.0/8\n   permit 11.0.0.0/8\n   no seq 20\n"
		  "   permit 12.0.0.0/8\n",
		  "10 10.0.0.0/8;20 12.0.0.0/8;" },
		{ "ip prefix-list a permit 10.0.0.0/8\nno ip prefix-list a\n"
		  "ip prefix-list a permit 11.0.0.0/8\n",
		  "10 11.0.0.0/8;" },
		{ "ip prefix-list a seq 1 permit 10.0.0.0/8\nno ip prefix-list a seq 1\n", "" },
		{ "ip prefix-list a\nseq 4294967295 permit 10.0.0.0 255.0.0.0 ge 9 le 24\n"
		  "seq 0 permit 10.0.0.0/8 eq 32\n",
		  "0 10.0.0.0/8 eq 32;4294967295 10.0.0.0/8 ge 9 le 24;" },
		{ "IP PREFIX-LIST a SEQ 10 PERMIT 10.0.0.0/8 LE 32\nip prefix-list A deny "
		  "0.0.0.0/0\n",
		  "10 10.0.0.0/8 le 32;" },
		{ "ip prefix-list a seq 4294967290 permit 10.0.0.0/8\n"
		  "ip prefix-list a permit 11.0.0.0/8\n",
		  "4294967290 10.0.0.0/8;", 1 },
		{ "ip prefix-list a\n   seq 1\n   seq x permit 10.0.0.0/8\n   permit\n"
		  "   permit any\n   permit 10.0.0.0/8 le\n   permit 10.0.0.0/8 le 33\n"
		  "   permit 10.0.0.0/8 le 24 le 25\n   permit 10.0.0.0/8 ge 25 le 24\n"
		  "   permit 10.0.0.0/8 tag 5\n   no permit 10.0.0.0/8\n   permit 10.0.0.0 le\n",
		  "", 11 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fabric_device d;
		const struct prefix_list *l;
		char got[512] = "", text[PREFIX_STRLEN];
		int n = 0, problems = read_text(cases[i].text, &d);

		l = device_list(&d, 4, "a");
		assert_non_null(l);
		for (size_t k = 0; k < l->n_entries; k++) {
			const struct prefix_entry *e = &l->entries[k];

			n += sprintf(got + n, "%u %s%s", e->seq, e->permit ? "" : "-",
				     prefix_format(&e->prefix, text));
			if (e->eq)
				n += sprintf(got + n, " eq %u", e->eq);
			if (e->ge)
				n += sprintf(got + n, " ge %u", e->ge);
			if (e->le)
				n += sprintf(got + n, " le %u", e->le);
			n += sprintf(got + n, ";");
		}
		if (strcmp(got, cases[i].wanted) != 0 || problems != cases[i].problems)
			fail_msg("%s\ngot %s, %d problems", cases[i].text, got, problems);
		device_clear(&d);
	}
}

static void test_names(void **state)
{
	struct fabric_device d;

	(void)state;
	assert_int_equal(read_text("! device: r2 (x)\ninterface Ethernet1\n", &d), 0);
	assert_string_equal(d.name, "r2");
	device_clear(&d);
	assert_int_equal(read_text("! device: r2 (x)\nhostname DC1.POD1.LEAF2A\n", &d), 0);
	assert_string_equal(d.name, "DC1.POD1.LEAF2A");
	device_clear(&d);
	assert_int_equal(read_text("interface Ethernet1\n", &d), 0);
	assert_string_equal(d.name, "stem");
	device_clear(&d);
	assert_int_equal(read_text("some words\nip routing\n", &d), -ENOENT);
	assert_int_equal(read_text("", &d), -ENOENT);
}

static void test_roles(void **state)
{
	static const struct {
		const char *name;
		enum fabric_role role;
	} names[] = {
		{ "fab5-AR-CE1", ROLE_CE },
		{ "CE2", ROLE_CE },
		{ "fab5-AR-CE-1", ROLE_CE },
		{ "fab5-CP1-TOR1", ROLE_TOR },
		{ "x-CR1-ToR", ROLE_TOR },
		{ "fab1-AR-MGMT1", ROLE_MGMT_SWITCH },
		{ "x-AggrRack-MgmtSwitch2", ROLE_MGMT_SWITCH },
		{ "AR-Mgmt2", ROLE_MGMT_SWITCH },
		{ "fab1-AR-NPB1", ROLE_NPB },
		{ "fab1-TS1", ROLE_TERMINAL_SERVER },
		{ "PE1", ROLE_PE },
		{ "fab5-AR-CE1.example.net", ROLE_CE },
		{ "DC1.POD1.LEAF2A", ROLE_UNKNOWN },
		{ "office1", ROLE_UNKNOWN },
		{ "1", ROLE_UNKNOWN },
		{ "", ROLE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (device_role(names[i].name) != names[i].role)
			fail_msg("%s: %s", names[i].name,
				 fabric_role_name(device_role(names[i].name)));
	assert_string_equal(fabric_role_name(ROLE_MGMT_SWITCH), "mgmt-switch");
	assert_string_equal(fabric_role_name(ROLE_TERMINAL_SERVER), "terminal-server");
}

/* ---- printing ---- */

/* What a command prints; *status is its exit status. Not inlined: gcc 12 takes
 * the stream's buffer for the variable that points to it (-Wdangling-pointer). */
__attribute__((noinline)) static char *printed(const struct fabric *f, const char *address,
					       const char *device, bool json, int *status)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	*status = address ? trust_show(f, address, device, json, to) : fabric_show(f, json, to);
	fclose(to);
	return text;
}

static const char *member(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "(absent)";
}

static void test_fabric_json(void **state)
{
	struct fabric *f = load(SMALL);
	int status;
	char *text = printed(f, NULL, NULL, true, &status);
	json_t *doc = json_loads(text, 0, NULL), *d, *o;

	(void)state;
	assert_int_equal(status, 0);
	assert_non_null(doc);
	assert_string_equal(member(doc, "generation"), f->generation);
	assert_int_equal(json_array_size(json_object_get(doc, "targets")), 9);
	assert_int_equal(json_array_size(json_object_get(doc, "problems")), 0);
	assert_null(json_object_get(doc, "notes"));
	d = json_array_get(json_object_get(doc, "devices"), 2);
	assert_string_equal(member(d, "name"), "net7-CR1-TOR1");
	assert_string_equal(member(d, "role"), "tor");
	assert_string_equal(member(d, "file"), SMALL "/net7-CR1-TOR1.cfg");
	o = json_array_get(json_object_get(d, "management"), 0);
	assert_string_equal(member(o, "interface"), "Management1");
	assert_string_equal(member(o, "vrf"), "MGMT");
	o = json_array_get(json_object_get(d, "loopbacks"), 0);
	assert_string_equal(member(o, "vrf"), "default");
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "addresses"), 0)),
			    "198.51.100.66/32");
	assert_int_equal(json_array_size(json_object_get(o, "secondary")), 1);
	o = json_array_get(json_object_get(json_object_get(d, "prefix_lists"), "trusted_sources"),
			   0);
	assert_int_equal(json_integer_value(json_object_get(o, "seq")), 5);
	assert_string_equal(member(o, "action"), "deny");
	assert_string_equal(member(o, "prefix"), "198.18.66.0/24");
	assert_null(json_object_get(o, "eq"));
	o = json_array_get(json_object_get(json_object_get(d, "ipv6_prefix_lists"), "loopback_v6"),
			   0);
	assert_int_equal(json_integer_value(json_object_get(o, "eq")), 128);
	o = json_object_get(d, "bgp");
	assert_int_equal(json_integer_value(json_object_get(o, "asn")), 65101);
	o = json_array_get(json_object_get(o, "neighbors"), 0);
	assert_string_equal(member(o, "address"), "203.0.113.1");
	o = json_array_get(json_object_get(doc, "devices"), 1);
	assert_null(json_object_get(o, "bgp"));
	json_decref(doc);
	free(text);
	fabric_unref(f);

	f = load(FAULTY);
	text = printed(f, NULL, NULL, true, &status);
	assert_int_equal(status, 1);
	doc = json_loads(text, 0, NULL);
	o = json_array_get(json_object_get(doc, "problems"), 0);
	assert_string_equal(member(o, "file"), FAULTY "/a-CE1.cfg");
	assert_int_equal(json_integer_value(json_object_get(o, "line")), 3);
	json_decref(doc);
	free(text);
	fabric_unref(f);
}

static void test_trust_show(void **state)
{
	struct fabric *f = load(SMALL);
	int status;
	char *text, *second;
	json_t *o;

	(void)state;
	text = printed(f, "198.18.1.1", NULL, true, &status);
	assert_int_equal(status, 0);
	second = strchr(text, '\n') + 1;
	assert_non_null(strchr(second, '\n'));
	o = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
	assert_string_equal(member(o, "device"), "net7-AR-CE1");
	assert_string_equal(member(o, "verdict"), "trusted");
	assert_string_equal(member(o, "list"), "trusted_sources");
	assert_string_equal(member(o, "prefix"), "198.18.0.0/16");
	assert_int_equal(json_integer_value(json_object_get(o, "seq")), 10);
	assert_int_equal(json_integer_value(json_object_get(o, "line")), 35);
	json_decref(o);
	o = json_loads(second, JSON_DISABLE_EOF_CHECK, NULL);
	assert_string_equal(member(o, "verdict"), "no-policy");
	assert_null(json_object_get(o, "list"));
	json_decref(o);
	free(text);

	/* the same policy, but the device's own file and line */
	text = printed(f, "::ffff:198.18.66.9", "net7-CR1-TOR1", false, &status);
	assert_int_equal(status, 1);
	assert_string_equal(text, "net7-CR1-TOR1  untrusted  trusted_sources seq 5 deny "
				  "198.18.66.0/24  " SMALL "/net7-CR1-TOR1.cfg:22\n");
	free(text);
	text = printed(f, "2001:db8::1", "net7-CR1-TOR1", true, &status);
	assert_int_equal(status, 1);
	o = json_loads(text, 0, NULL);
	assert_string_equal(member(o, "verdict"), "untrusted");
	assert_string_equal(member(o, "list"), "trusted_sources_v6");
	assert_null(json_object_get(o, "seq"));
	assert_null(json_object_get(o, "prefix"));
	json_decref(o);
	free(text);

	text = printed(f, "10.1", NULL, true, &status);
	assert_int_equal(status, 2);
	assert_string_equal(text, "");
	free(text);
	text = printed(f, "10.1.1.1", "CE1", true, &status);
	assert_int_equal(status, 2);
	assert_string_equal(text, "");
	free(text);
	fabric_unref(f);
}

/* Names come from files: they must not draw on a terminal nor break the JSON. */
/* ---- what the fabric.device event says ---- */

static void test_report_lists(void **state)
{
	struct fabric *f;
	json_t *doc, *body, *entry;

	write_file("x.cfg", "hostname x\n"
			    "interface Management1\n   ip address 192.0.2.1/24\n"
			    "ip prefix-list both seq 1 permit 198.51.100.0/24\n"
			    "ipv6 prefix-list both\n   seq 2 permit 2001:db8::/32\n");
	f = load(scratch);
	doc = report_device(f, 0);
	body = json_object_get(doc, "fabric");
	entry = json_array_get(json_object_get(json_object_get(body, "prefix_lists"), "both"), 0);
	assert_string_equal(member(entry, "prefix"), "198.51.100.0/24");
	entry = json_array_get(json_object_get(json_object_get(body, "ipv6_prefix_lists"), "both"),
			       0);
	assert_string_equal(member(entry, "prefix"), "2001:db8::/32");
	json_decref(doc);
	fabric_unref(f);
	remove_file("x.cfg");
}

static void test_hostile_names(void **state)
{
	struct fabric *f;
	int status;
	char *text;
	json_t *doc;

	(void)state;
	write_file("a.cfg",
		   "hostname a\x1b[31m\xff-CE1\ninterface Management1\n   vrf \xc3\xa9\x07\n"
		   "   ip address 192.0.2.1/24\nip prefix-list \xfe\n   seq 1 permit \x1b]0;x\n");
	f = load(scratch);
	text = printed(f, NULL, NULL, false, &status);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 && *p != '\n')
			fail_msg("control character %d", *p);
	assert_non_null(strstr(text, "a\\x1b[31m\\xff-CE1"));
	free(text);
	text = printed(f, NULL, NULL, true, &status);
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	assert_string_equal(member(json_array_get(json_object_get(doc, "devices"), 0), "name"),
			    "a\x1b[31m\\xff-CE1");
	json_decref(doc);
	free(text);
	fabric_unref(f);
}

/* Constructs of published configurations, in words of our own: what looks like a host
 * name, an interface or an address and is none, free text in sections, link-local
 * neighbors that only their interface tells apart. */
static void test_published_constructs(void **state)
{
	const struct fabric_device *d;
	const struct fabric_interface *loopback = NULL;
	struct fabric *f;
	size_t addresses = 0;

	(void)state;
	write_file("net7-AR-CE1.cfg",
		   "!RANCID-CONTENT-TYPE: arista\n"
		   "dhcp server\n"
		   "   subnet 192.0.2.0/24\n"
		   "      reservations\n"
		   "         mac-address 0001.0001.0001\n"
		   "            ipv4-address 192.0.2.77\n"
		   "            hostname other\n"
		   "!\n"
		   "switchport default mode access\n"
		   "platform sfe interface\n"
		   "   profile P1\n"
		   "      interface Ethernet1\n"
		   "         rx-queue count 4\n"
		   "!\n"
		   "interface defaults\n"
		   "   mtu 9000\n"
		   "   ethernet\n"
		   "      shutdown\n"
		   "!\n"
		   "hostname net7-AR-CE1\n"
		   "!\n"
		   "monitor connectivity\n"
		   "   interface set HOSTS Loopback2-4, Loopback10-12\n"
		   "   host h1\n"
		   "      ip 192.0.2.78\n"
		   "!\n"
		   "vrf instance RED\n"
		   "   description red\n"
		   "!\n"
		   "vrf definition BLUE\n"
		   "!\n"
		   "interface Loopback99\n"
		   "   description hostname other ip address 192.0.2.79/32\n"
		   "   no shutdown\n"
		   "   vrf RED\n"
		   "   ip proxy-arp\n"
		   "   ip address 198.51.100.3/32\n"
		   "   ip address 198.51.100.4/32 secondary\n"
		   "   ipv6 enable\n"
		   "   ipv6 address 2001:DB8::CAFE/64\n"
		   "   ipv6 address fe80::2/64 link-local\n"
		   "   comment\n"
		   "   ip address 192.0.2.80/32\n"
		   "   EOF\n"
		   "\n"
		   "!\n"
		   "interface Management1\n"
		   "   ip address 192.0.2.11/24\n"
		   "   redundancy monitor neighbor ipv6 2001:db8::1 interval 101 milliseconds "
		   "multiplier 3\n"
		   "!\n"
		   "stun\n"
		   "   client\n"
		   "      server-profile s1\n"
		   "         ip address 192.0.2.81\n"
		   "!\n"
		   "ip prefix-list EMPTY\n"
		   "!\n"
		   "ip prefix-list TWO\n"
		   "   seq 10 permit 192.0.2.0/24 ge 25 le 32\n"
		   "   seq 20 permit 198.51.100.0/24 eq 32\n"
		   "!\n"
		   "router bgp 65101.1\n"
		   "   bgp asn notation asdot\n"
		   "   neighbor G peer group\n"
		   "   no neighbor G remote-as\n"
		   "   default neighbor G monitoring\n"
		   "   neighbor 203.0.113.1 peer group G\n"
		   "   no neighbor 203.0.113.1 route-reflector-client\n"
		   "   no neighbor 203.0.113.9 shutdown\n"
		   "!\n"
		   "   neighbor fe80::1%Et1 peer group G\n"
		   "   neighbor fe80::1%Et2 peer group G\n"
		   "   neighbor fe80::1%Et2 description twice\n"
		   "   neighbor interface Ethernet3 peer-group G remote-as 65102\n"
		   "   bgp listen range 203.0.113.64/26 peer-group G remote-as 65103\n"
		   "   !\n"
		   "   vlan 24\n"
		   "      rd 192.0.2.1:10024\n"
		   "   !\n"
		   "   address-family evpn\n"
		   "      neighbor 203.0.113.200 activate\n"
		   "      neighbor default encapsulation mpls next-hop-self source-interface "
		   "Loopback0\n"
		   "   !\n"
		   "   vrf BLUE\n"
		   "   !\n"
		   "   vrf RED\n"
		   "      rd 192.0.2.1:1\n"
		   "      neighbor 203.0.113.1 remote-as 64600\n"
		   "      comment\n"
		   "      neighbor 203.0.113.201 remote-as 1\n"
		   "      EOF\n"
		   "\n"
		   "      !\n"
		   "      address-family ipv4\n"
		   "         neighbor 203.0.113.202 activate\n"
		   "   !\n"
		   "   session tracker ST1\n"
		   "      recovery delay 666 seconds\n"
		   "!\n"
		   "router general\n"
		   "   vrf RED\n"
		   "      leak routes source-vrf BLUE subscribe-policy X\n"
		   "      exit\n"
		   "   !\n"
		   "   control-functions\n"
		   "      code unit c1\n"
		   "         function ALL() {\n"
		   "           return true;\n"
		   "           }\n"
		   "         EOF\n"
		   "   !\n"
		   "   exit\n"
		   "!\n"
		   "management tech-support\n"
		   "   policy show tech-support\n"
		   "      exclude command show ip bgp vrf all\n"
		   "   exit\n"
		   "!\n"
		   "interface Loopback1000\n"
		   "  description at the end, two deep\n"
		   "\n"
		   "!\n");
	f = load(scratch);
	for (size_t i = 0; i < f->n_problems; i++)
		print_message("%d: %s\n", f->problems[i].line, f->problems[i].text);
	assert_int_equal(f->n_problems, 0);
	d = &f->devices[0];
	assert_string_equal(d->name, "net7-AR-CE1");
	assert_int_equal(d->asn, 65101u << 16 | 1);
	assert_int_equal(d->n_neighbors, 4);
	assert_string_equal(d->neighbors[0].address.family == 4 ? "4" : "6", "4");
	assert_string_equal(d->neighbors[2].scope, "Et1");
	assert_string_equal(d->neighbors[3].scope, "Et2");
	assert_string_equal(d->neighbors[3].description, "twice");
	assert_int_equal(d->n_vrfs, 2);
	assert_string_equal(d->vrfs[0].name, "BLUE");
	assert_int_equal(d->n_interfaces, 3);
	for (size_t i = 0; i < d->n_interfaces; i++) {
		addresses += d->interfaces[i].n_addresses;
		if (strcmp(d->interfaces[i].name, "Loopback99") == 0)
			loopback = &d->interfaces[i];
	}
	assert_int_equal(addresses, 4);
	assert_non_null(loopback);
	assert_int_equal(loopback->n_addresses, 3);
	assert_string_equal(loopback->vrf, "RED");
	assert_int_equal(d->n_lists, 2);
	assert_int_equal(device_list(d, 4, "EMPTY")->n_entries, 0);
	assert_int_equal(device_list(d, 4, "TWO")->n_entries, 2);
	fabric_unref(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_underlay),
		cmocka_unit_test_setup_teardown(test_underlay_loopbacks, make_scratch,
						drop_scratch),
		cmocka_unit_test(test_neighbors),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_problems),
		cmocka_unit_test_setup_teardown(test_load_fails, make_scratch, drop_scratch),
		cmocka_unit_test_setup_teardown(test_odd_files, make_scratch, drop_scratch),
		cmocka_unit_test_setup_teardown(test_generation, make_scratch, drop_scratch),
		cmocka_unit_test_setup_teardown(test_ranges, make_scratch, drop_scratch),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_fabric_json),
		cmocka_unit_test(test_trust_show),
		cmocka_unit_test_setup_teardown(test_report_lists, make_scratch, drop_scratch),
		cmocka_unit_test_setup_teardown(test_hostile_names, make_scratch, drop_scratch),
		cmocka_unit_test_setup_teardown(test_published_constructs, make_scratch,
						drop_scratch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
