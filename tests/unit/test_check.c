/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readiness rules: the fabrics of ../shared, whose expected findings others wrote
 * down, and our own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "agent/check/check.h"
#include "agent/check/model.h"
#include "agent/check/rules.h"
#include "tests/unit/scratch.h"

/* ---- a directory of links to the configurations of one fabric ---- */

static const char *shared(void)
{
	const char *at = getenv("GLASSWATCH_SHARED");
	static char dir[512], absolute[4096];

	snprintf(dir, sizeof(dir), "%s/data/eos/configs", at ? at : "../shared");
	if (!realpath(dir, absolute) || access(absolute, R_OK) < 0) {
		print_message("SKIP: no %s; the rules are NOT checked against it\n", dir);
		skip();
	}
	return absolute;
}

static void run(const char *format, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

struct checked {
	struct fabric *f;
	struct check c;
};

static struct checked check_directory(const char *dir)
{
	struct checked x;
	char err[512];

	x.f = fabric_load_extra(dir, false, &model_extra, err, sizeof(err));
	if (!x.f)
		fail_msg("%s", err);
	assert_int_equal(check_run(&x.c, x.f), 0);
	return x;
}

static void done(struct checked *x)
{
	check_clear(&x->c);
	fabric_unref(x->f);
}

static void print_finding(const struct finding *f)
{
	print_message("  %s %s %s %s:%d %s: %s\n", f->device, f->step,
		      finding_severity_name(f->severity), f->file, f->line, f->code, f->reason);
}

/* ---- what others expect ---- */

static void test_good(void **state)
{
	char dir[4200];
	struct checked x;

	snprintf(dir, sizeof(dir), "%s/good", shared());
	x = check_directory(dir);
	for (size_t i = 0; i < x.c.findings.n; i++)
		print_finding(&x.c.findings.all[i]);
	assert_int_equal(x.c.findings.n, 0);
	assert_int_equal(x.c.n_devices, 13);
	for (size_t i = 0; i < x.c.n_devices; i++) {
		const struct check_device *d = &x.c.devices[i];
		enum fabric_role r = d->device->role;

		assert_int_equal(d->applies, r == ROLE_CE || r == ROLE_TOR);
		assert_int_equal(d->ready, d->applies);
		assert_int_equal(d->steps[1], d->applies ? STEP_OK : STEP_NA);
		assert_int_equal(d->steps[9], r == ROLE_CE ? STEP_OK : STEP_NA);
	}
	done(&x);
}

static bool is_expected(const struct finding *f, json_t *expect)
{
	json_t *e;
	size_t i;

	json_array_foreach(expect, i, e)
	{
		if (strcmp(json_string_value(json_object_get(e, "step")), f->step) == 0 &&
		    strcmp(json_string_value(json_object_get(e, "severity")),
			   finding_severity_name(f->severity)) == 0 &&
		    json_integer_value(json_object_get(e, "line")) == f->line) {
			json_array_remove(expect, i);
			return true;
		}
	}
	return false;
}

/* One file in place of the device that it replaces. Returns how many things differ. */
static unsigned check_variant(const char *from, json_t *v)
{
	const char *file = json_string_value(json_object_get(v, "file"));
	const char *device = json_string_value(json_object_get(v, "replaces"));
	const char *kind = json_string_value(json_object_get(v, "dir"));
	json_t *expect = json_deep_copy(json_object_get(v, "expect")), *e;
	unsigned bad = 0;
	struct checked x;
	size_t i;

	run("rm -f %s/*; ln -s %s/good/*.cfg %s/; ln -sf %s/%s/%s %s/%s.cfg", scratch, from,
	    scratch, from, kind, file, scratch, device);
	x = check_directory(scratch);
	for (i = 0; i < x.c.findings.n; i++) {
		const struct finding *f = &x.c.findings.all[i];

		if (strcmp(f->device, device) == 0 && is_expected(f, expect))
			continue;
		/* rules beyond the procedure may have more to say of what is broken */
		if (strcmp(f->step, "-") == 0 && strcmp(f->device, device) == 0 &&
		    strcmp(kind, "broken") == 0)
			continue;
		if (!bad)
			print_message("%s\n", file);
		print_finding(f);
		bad++;
	}
	json_array_foreach(expect, i, e)
	{
		if (!bad)
			print_message("%s\n", file);
		print_message("  missing: %s %s line %lld: %s\n",
			      json_string_value(json_object_get(e, "step")),
			      json_string_value(json_object_get(e, "severity")),
			      (long long)json_integer_value(json_object_get(e, "line")),
			      json_string_value(json_object_get(e, "reason")));
		bad++;
	}
	json_decref(expect);
	done(&x);
	return bad;
}

static void test_expected(void **state)
{
	char path[4200];
	unsigned bad = 0;
	json_error_t err;
	json_t *all, *v;
	size_t i;

	snprintf(path, sizeof(path), "%s/EXPECT.json", shared());
	all = json_load_file(path, 0, &err);
	if (!all)
		fail_msg("%s: %s", path, err.text);
	assert_true(json_array_size(all) > 40);
	json_array_foreach(all, i, v) bad += check_variant(shared(), v);
	print_message("%zu variants\n", json_array_size(all));
	json_decref(all);
	assert_int_equal(bad, 0);
}

/* ---- a case for every rule, on our own fabric ---- */

#define OWN "tests/lab/fabric"
#define CE "lab1-AR-CE1"
#define TOR "lab1-CP1-TOR1"
#define MGMT "lab1-AR-MGMT1"
#define SAME (-1)

/* In the device's file `from` (its first occurrence after `after`, if given) is replaced by
 * `to`; and then the rule finds it. */
struct rule_case {
	const char *code, *device, *after, *from, *to;
	int line;     /* where it points, of what is then there; SAME: not looked at */
	int severity; /* SAME: the rule's own */
};

/* Of IPv4 alone. */
#define MAP "route-map adv_loopback permit 10\n   match ip address prefix-list loopback\n"

static const struct rule_case cases[] = {
	{ "lo6-missing", TOR, NULL, "interface Loopback6", "interface Loopback7", 0, SAME },
	{ "lo6-shutdown", TOR, NULL, "interface Loopback6\n", "interface Loopback6\n   shutdown\n",
	  34, SAME },
	{ "lo6-wrong-vrf", CE, "interface Loopback6", "   vrf INFRA-MGMT\n", "", 42, SAME },
	{ "lo6-wrong-vrf", TOR, "interface Loopback6", "   ip address",
	  "   vrf MGMT\n   ip address", 35, SAME },
	{ "lo6-no-ipv4", TOR, NULL, "   ip address 198.51.100.66/32\n", "", 33, SAME },
	{ "lo6-ipv4-length", TOR, NULL, "100.66/32", "100.66/31", 35, SAME },
	{ "lo6-no-ipv6", TOR, NULL, "   ipv6 address 2001:db8:0:6::66/128\n", "", 33, SAME },
	{ "lo6-ipv6-length", TOR, NULL, "6::66/128", "6::66/64", 36, SAME },
	{ "loopback-list-missing", TOR, NULL, "ip prefix-list loopback\n", "ip prefix-list other\n",
	  0, SAME },
	{ "loopback-list-outside", TOR, NULL,
	  "ip prefix-list loopback\n   seq 10 permit 198.51.100.64/27 le 32\n",
	  "ip prefix-list loopback source file:/mnt/flash/x\n", 47, SAME },
	{ "loopback-not-permitted", TOR, NULL, " le 32", "", 48, SAME },
	{ "loopback-not-permitted", TOR, NULL, "100.64/27 le 32", "100.64/27 ge 25 le 31", 48,
	  SAME },
	{ "loopback-not-permitted", TOR, NULL, "   seq 10 permit 198",
	  "   seq 9 deny 198.51.100.66/32\n   seq 10 permit 198", 48, SAME },
	{ "loopback-not-permitted", TOR, NULL, "198.51.100.64/27 le", "198.51.100.0/27 le", 47,
	  SAME },
	{ "link-no-ipv6", TOR, NULL, "   ipv6 address 2001:db8:0:c::4/127\n", "", 26, SAME },
	{ "link-ipv6-mismatch", TOR, NULL, "c::4/127", "c::6/127", 31, SAME },
	{ "link-ipv6-mismatch", TOR, NULL, "c::4/127", "c::5/127", 31, SAME },
	{ "group-missing", TOR, NULL, "   neighbor CE_TOR_UNDERLAY peer group\n", "", 65, SAME },
	{ "group-no-auto-local-addr", TOR, NULL, "   neighbor CE_TOR_UNDERLAY auto-local-addr\n",
	  "", 69, SAME },
	{ "ipv6-not-activated", TOR, "address-family ipv6", "neighbor", "no neighbor", 84, SAME },
	{ "rcf-missing", TOR, NULL, "control-functions", "something else", 0, SAME },
	{ "rcf-outside", TOR, NULL, "code unit adv_loopback",
	  "code unit adv_loopback source pulled-from flash:x", 100, SAME },
	{ "rcf-no-list", TOR, NULL, "prefix_list_v6 loopback_v6", "prefix_list_v6 other", 100,
	  SAME },
	{ "rcf-undefined-list", TOR, NULL, "prefix_list_v6 loopback_v6", "prefix_list_v6 other",
	  105, SAME },
	{ "rcf-not-accepted", TOR, NULL, "return true", "return false", 102, SAME },
	{ "rcf-not-accepted", TOR, NULL, "            }}\n", "            }\n", 100, SAME },
	{ "rcf-not-accepted", TOR, NULL, "{if prefix match prefix_list_v4",
	  "{if not prefix match prefix_list_v4", 102, SAME },
	{ "rcf-no-function", TOR, NULL, "function adv_loopback()", "function other()", 100, SAME },
	{ "redistribute-missing", TOR, NULL, "   redistribute connected rcf adv_loopback()\n", "",
	  65, SAME },
	{ "redistribute-missing", TOR, NULL, "   redistribute connected rcf adv_loopback()\n",
	  "   address-family ipv4\n      redistribute connected rcf adv_loopback()\n", 78, SAME },
	{ "redistribute-unfiltered", TOR, NULL, "connected rcf adv_loopback()", "connected", 77,
	  SAME },
	{ "redistribute-unfiltered", TOR, NULL, "connected rcf adv_loopback()",
	  "connected rcf other()", 77, SAME },
	{ "redistribute-undefined", TOR, NULL, "connected rcf adv_loopback()",
	  "connected route-map adv_loopback", 77, FINDING_WARN },
	{ "advertise-map-denies", TOR, NULL, "router bgp 65101\n", MAP "router bgp 65101\n", 65,
	  SAME },
	{ "advertise-map-open", TOR, NULL, "router bgp 65101\n",
	  MAP "route-map adv_loopback permit 20\nrouter bgp 65101\n", 67, SAME },
	{ "soo-missing", CE, NULL, "ip extcommunity-list aon-soo permit soo 100:100\n", "", 0,
	  SAME },
	{ "soo-not-soo", CE, NULL, "permit soo 100:100", "permit rt 100:100", 58, SAME },
	{ "leak-map-undefined", CE, NULL, "subscribe-policy leak_infra_default",
	  "subscribe-policy other", 154, SAME },
	{ "leak-map-no-list", CE, "route-map leak_infra_default permit 20",
	  "   match ipv6 address prefix-list trusted_sources_v6\n", "", 94, SAME },
	{ "leak-map-undefined-list", CE, "route-map leak_infra_default permit 20",
	  "prefix-list trusted_sources_v6", "prefix-list other", 95, SAME },
	{ "leak-map-no-protocol", CE, "route-map leak_infra_default permit 20",
	  "source-protocol bgp", "source-protocol static", 96, SAME },
	{ "leak-map-no-soo", CE, "route-map leak_infra_default permit 20",
	  "   set extcommunity extcommunity-list aon-soo\n", "", 94, SAME },
	{ "leak-ipv4-missing", CE, NULL, "route-map leak_infra_default permit 10",
	  "route-map leak_infra_default deny 10", 89, SAME },
	{ "leak-missing", CE, NULL, "source-vrf INFRA-MGMT", "source-vrf INFRA_MGMT", 154, SAME },
	{ "leak-missing", CE, NULL,
	  "      leak routes source-vrf default subscribe-policy leak_default_infra\n", "", 152,
	  SAME },
	{ "trusted-missing", TOR, NULL, "ipv6 prefix-list trusted_sources_v6\n",
	  "ipv6 prefix-list other\n", 0, SAME },
	{ "trusted-outside", TOR, NULL,
	  "ipv6 prefix-list trusted_sources_v6\n   seq 10 permit 2001:db8:ffff::/48\n",
	  "ipv6 prefix-list trusted_sources_v6 source file:/mnt/flash/x\n", 57, SAME },
	{ "trusted-empty", TOR, NULL, "   seq 10 permit 2001:db8:ffff::/48\n", "", 57, SAME },
	{ "trusted-empty", TOR, NULL, "   seq 20 permit 198.18.1.0/24\n",
	  "   seq 5 deny 198.16.0.0/12\n   seq 20 permit 198.18.1.0/24\n", 51, SAME },
	{ "trusted-any", TOR, NULL, "198.18.1.0/24", "0.0.0.0/0 le 32", 51, SAME },
	{ "trusted-any", TOR, NULL, "198.18.1.0/24", "0.0.0.0/1", 51, SAME },
	{ "lo6-unreachable", TOR, NULL, "   redistribute connected rcf adv_loopback()\n", "", 35,
	  SAME },
	{ "lo6-unreachable", CE, "   vrf INFRA-MGMT\n      rd", "remote-as 64600", "shutdown", 45,
	  SAME },
	{ "lo6-no-way-back", TOR, NULL, "   seq 20 permit 198.18.1.0/24\n", "", 35, SAME },
	{ "lo6-duplicate", TOR, NULL, "198.51.100.66/32", "198.51.100.67/32", 35, SAME },
	{ "ma1-duplicate", TOR, NULL, "192.0.2.21/24", "192.0.2.11/24", 41, SAME },
	{ "ma1-missing", TOR, "interface Management1", "   vrf MGMT\n", "   shutdown\n", 40, SAME },
	{ "ma1-missing", TOR, NULL, "interface Management1", "interface Ethernet99", 0, SAME },
	{ "lo6-on-excluded-role", MGMT, NULL, "interface Management1",
	  "interface Loopback6\n   ip address 198.51.100.90/32\ninterface Management1", SAME,
	  SAME },
	{ "role-unknown", TOR, NULL, "hostname lab1-CP1-TOR1", "hostname lab1-CP1-LEAF", 0, SAME },
	{ "config-unread", TOR, NULL, "ip address 192.0.2.21/24", "ip address 192.0.2.21", 41,
	  SAME },
	{ "trusted-shadowed", TOR, NULL, "   seq 30 permit 198.19.128.0/17\n",
	  "   seq 30 deny 198.18.1.128/25\n", 52, SAME },
	{ "trusted-ambiguous", TOR, NULL, "   seq 30 permit 198.19.128.0/17\n",
	  "   seq 30 permit 198.19.128.0/17 le 24\n", 51, SAME },
	{ "trusted-drift", TOR, NULL, "2001:db8:ffff::/48", "2001:db8:ffff::/47", 58, SAME },
	{ "undefined-name", CE, NULL, "remote-as 64600\n",
	  "remote-as 64600\n      neighbor 203.0.113.102 route-map PE in\n", 126, SAME },
	{ "undefined-name", TOR, NULL, "vrf instance MGMT\n", "", SAME, SAME },
	{ "not-multi-agent", TOR, NULL, "multi-agent", "ribd", 11, SAME },
	{ "not-multi-agent", TOR, NULL, "service routing protocols model multi-agent\n", "", 0,
	  FINDING_WARN },
	{ "routing-off", TOR, NULL, "ip routing\n", "no ip routing\n", 44, SAME },
	{ "routing-off", CE, NULL, "ipv6 unicast-routing vrf INFRA-MGMT\n", "", 0, SAME },
	{ "ssh-not-enabled-in-vrf", CE, "management ssh", "idle-timeout 60", "idle-timeout 61", 0,
	  SAME },
	{ "ssh-not-enabled-in-vrf", TOR, NULL, "management ssh\n", "management ssh\n   shutdown\n",
	  93, SAME },
	{ "leaked-not-redistributed", CE, "address-family ipv6", "redistribute bgp leaked",
	  "maximum-paths 2", 119, SAME },
	{ "ce-lo6-not-redistributed", CE, "   vrf INFRA-MGMT\n      rd",
	  "      redistribute connected rcf adv_loopback()\n", "", 123, SAME },
	{ "leak-ipv6-missing", CE, NULL, "route-map leak_infra_default permit 20",
	  "route-map leak_infra_default deny 20", 89, SAME },
	{ "leak-other-list", CE, "route-map leak_infra_default permit 10",
	  "prefix-list trusted_sources\n", "prefix-list loopback\n", 90, SAME },
	{ "leak-two-families", CE, NULL, "route-map leak_infra_default permit 20\n", "", 89, SAME },
	{ "leak-misses-tor", CE, NULL, "198.51.100.64/27 le 32", "198.51.100.64/31 le 32", 60,
	  SAME },
	{ "link-ipv4-mismatch", TOR, NULL, "203.0.113.4/31", "203.0.113.4/30", 30, SAME },
	{ "link-not-routed", TOR, "interface Ethernet24/1", "   no switchport\n", "", 26, SAME },
	{ "link-not-routed", TOR, "interface Ethernet24/1", "   no switchport\n",
	  "   no switchport\n   channel-group 5 mode active\n", 26, SAME },
	{ "link-not-routed", CE, NULL, "interface Ethernet1/1\n",
	  "interface Ethernet1/1.5\n   encapsulation dot1q vlan 5\n", 21, SAME },
	{ "link-shutdown", TOR, "interface Ethernet24/1", "   no switchport\n",
	  "   no switchport\n   shutdown\n", 30, SAME },
	{ "link-no-vlan", CE, NULL, "interface Ethernet1/1\n",
	  "interface Ethernet1/1\n   no switchport\ninterface Ethernet1/1.5\n", 23, SAME },
	{ "link-no-member", CE, NULL, "interface Ethernet1/1\n", "interface Port-Channel1\n", 21,
	  SAME },
	{ "session-none", TOR, NULL,
	  "   neighbor 203.0.113.1 peer group CE_TOR_UNDERLAY\n   neighbor 203.0.113.1 description "
	  "lab1-AR-CE1\n   neighbor 203.0.113.5 peer group CE_TOR_UNDERLAY\n",
	  "", 69, SAME },
	{ "session-no-link", TOR, NULL, "203.0.113.4/31", "203.0.113.200/31", 75, SAME },
	{ "session-one-sided", CE, NULL, "203.0.113.1/31", "203.0.113.1/30", SAME, SAME },
	{ "session-not-in-group", CE, NULL, "neighbor 203.0.113.0 peer group CE_TOR_UNDERLAY",
	  "neighbor 203.0.113.0 timers 1 3", 106, SAME },
	{ "session-as-mismatch", CE, NULL, "neighbor 203.0.113.0 remote-as 65101",
	  "neighbor 203.0.113.0 remote-as 65102", 106, SAME },
	{ "session-as-mismatch", TOR, NULL, "   neighbor CE_TOR_UNDERLAY remote-as 65000\n", "", 72,
	  SAME },
	{ "session-shutdown", TOR, NULL, "neighbor 203.0.113.1 description lab1-AR-CE1",
	  "neighbor 203.0.113.1 shutdown", 73, SAME },
	{ "session-shutdown", TOR, NULL, "neighbor CE_TOR_UNDERLAY send-community",
	  "neighbor CE_TOR_UNDERLAY shutdown", 69, SAME },
	{ "ipv4-not-activated", TOR, "address-family ipv4", "neighbor", "no neighbor", 81, SAME },
	{ "pe-session-missing", CE, "address-family ipv4\n         neighbor", "activate",
	  "next-hop-unchanged", 125, SAME },
};

static char *read_whole(const char *path)
{
	FILE *from = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	if (!from || !text)
		fail_msg("%s", path);
	assert_true(fread(text, 1, (1 << 16) - 1, from) > 0);
	fclose(from);
	return text;
}

static void write_own(const char *device, const char *text)
{
	char path[256];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s.cfg", scratch, device);
	unlink(path);
	to = fopen(path, "w");
	assert_non_null(to);
	fputs(text, to);
	assert_int_equal(fclose(to), 0);
}

/* text with the first `from` behind `after` replaced; malloc()ed. */
static char *edited(const char *text, const struct rule_case *c)
{
	const char *at = c->after ? strstr(text, c->after) : text;
	size_t before, room = strlen(text) + strlen(c->to) + 100;
	char *out = malloc(room);

	at = at ? strstr(at, c->from) : NULL;
	if (!at || !out)
		fail_msg("%s: %s has no `%s`", c->code, c->device, c->from);
	before = (size_t)(at - text);
	memcpy(out, text, before);
	snprintf(out + before, room - before, "%s%s", c->to, at + strlen(c->from));
	return out;
}

/* A second edit, in the room that edited() left; the newline that `from` ends in stays. */
static void replace_in(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from), *rest;

	assert_non_null(at);
	rest = strdup(at + strlen(from) - 1); /* with its newline */
	assert_non_null(rest);
	sprintf(at, "%s%s", to, rest);
	free(rest);
}

static const struct finding *find(const struct checked *x, const struct rule_case *c)
{
	for (size_t i = 0; i < x->c.findings.n; i++) {
		const struct finding *f = &x->c.findings.all[i];

		if (strcmp(f->code, c->code) == 0 && (c->line == SAME || f->line == c->line))
			return f;
	}
	return NULL;
}

static const struct rule *rule_of(const char *code)
{
	for (size_t i = 0; i < n_rules; i++)
		if (strcmp(rules[i].code, code) == 0)
			return &rules[i];
	fail_msg("no rule %s", code);
	return NULL;
}

/* The lines that findings of a rule propose, at the end of the configuration, take them
 * away. False: not all of them know such lines without the operator. */
static bool check_fix(const char *text, const struct rule_case *c, const struct findings *f)
{
	const char *end = strstr(text, "\nend");
	char *mended = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&mended, &len);
	struct checked x;
	bool known = true;

	assert_non_null(end);
	assert_non_null(to);
	fwrite(text, 1, (size_t)(end - text) + 1, to);
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *one = &f->all[i];

		if (strcmp(one->code, c->code) != 0 || strcmp(one->device, c->device) != 0)
			continue;
		known = known && one->fix && !strchr(one->fix, '<');
		fputs(one->fix ? one->fix : "", to);
	}
	fputs("end\n", to);
	fclose(to);
	if (known) {
		write_own(c->device, mended);
		x = check_directory(scratch);
		for (size_t i = 0; i < x.c.findings.n; i++)
			if (strcmp(x.c.findings.all[i].code, c->code) == 0 &&
			    strcmp(x.c.findings.all[i].device, c->device) == 0) {
				print_finding(&x.c.findings.all[i]);
				fail_msg("%s: still there in\n%s", c->code, mended);
			}
		done(&x);
	}
	free(mended);
	return known;
}

static void test_rules(void **state)
{
	bool seen[200] = { false };
	unsigned mended = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rule_case *c = &cases[i];
		const struct rule *r = rule_of(c->code);
		char path[256], *good, *text;
		const struct finding *f;
		struct checked x;

		seen[r - rules] = true;
		snprintf(path, sizeof(path), "%s/%s.cfg", OWN, c->device);
		good = read_whole(path);
		run("rm -f %s/*; ln -s $PWD/%s/*.cfg %s/", scratch, OWN, scratch);
		text = edited(good, c);
		if (strncmp(c->code, "advertise-map", 13) == 0)
			replace_in(text, "connected rcf adv_loopback()\n",
				   "connected route-map adv_loopback");
		if (strcmp(c->code, "ssh-not-enabled-in-vrf") == 0 && strcmp(c->device, CE) == 0)
			replace_in(strstr(text, "management ssh"), "INFRA-MGMT\n", "INFRA_MGMT");
		write_own(c->device, text);
		x = check_directory(scratch);
		f = find(&x, c);
		if (!f) {
			for (size_t k = 0; k < x.c.findings.n; k++)
				print_finding(&x.c.findings.all[k]);
			fail_msg("case %zu: no %s at line %d", i, c->code, c->line);
		}
		assert_string_equal(f->step, r->step);
		assert_int_equal(f->severity, c->severity == SAME ? (int)r->severity : c->severity);
		if (strcmp(f->device, c->device) == 0)
			mended += check_fix(text, c, &x.c.findings);
		done(&x);
		free(good);
		free(text);
	}
	print_message("%u of the findings were mended by their own lines\n", mended);
	seen[rule_of("no-config") - rules] = true; /* test_sources() */
	seen[rule_of("source-conflict") - rules] = true;
	for (size_t i = 0; i < n_rules; i++)
		if (!seen[i])
			print_message("no case for %s\n", rules[i].code);
	for (size_t i = 0; i < n_rules; i++)
		assert_true(seen[i]);
}

/* ---- what is not wrong ---- */

/* Edits of our own fabric with which break-glass works as well. */
static void test_no_finding(void **state)
{
	static const struct rule_case fine[] = {
		{ "another session beside the one in the group", CE, NULL,
		  "   neighbor 203.0.113.0 description lab1-CP1-TOR1\n",
		  "   neighbor 203.0.113.0 description lab1-CP1-TOR1\n   neighbor 203.0.113.201 "
		  "remote-as 65101\n",
		  0, 0 },
		{ "a neighbor by its link-local address", TOR, NULL,
		  "   neighbor 203.0.113.5 description lab1-AR-CE2\n",
		  "   neighbor 203.0.113.5 description lab1-AR-CE2\n   neighbor "
		  "fe80::1%Et24/1 peer group CE_TOR_UNDERLAY\n",
		  0, 0 },
		{ "neighbors active for IPv4 by themselves", TOR, NULL,
		  "   no bgp default ipv4-unicast\n", "", 0, 0 },
		{ "ports that are routed unless told otherwise", TOR, NULL, "vrf instance MGMT\n",
		  "vrf instance MGMT\nswitchport default mode routed\n", 0, 0 },
		{ "a second address of the loopback", TOR, NULL, "   ip address 198.51.100.66/32\n",
		  "   ip address 198.51.100.66/32\n   ip address 203.0.113.240/32 secondary\n", 0,
		  0 },
		{ "the filter in the family", TOR, NULL,
		  "   redistribute connected rcf adv_loopback()\n",
		  "   address-family ipv4\n      redistribute connected rcf adv_loopback()\n"
		  "   address-family ipv6\n      redistribute connected rcf adv_loopback()\n",
		  0, 0 },
		{ "another name of the unit", TOR, NULL, "code unit adv_loopback",
		  "code unit whatever", 0, 0 },
		{ "lists returned as they are", TOR, NULL,
		  "            @SEQ_10 {if prefix match prefix_list_v4 loopback {\n"
		  "               return true;\n            }}\n",
		  "            if source_protocol is CONNECTED {\n"
		  "               return prefix match prefix_list_v4 loopback;\n            }\n",
		  0, 0 },
		{ "a trust list with holes", TOR, NULL, "   seq 20 permit 198.18.1.0/24\n",
		  "   seq 10 deny 198.18.1.7/32\n   seq 20 permit 198.18.1.0/24\n", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		char path[256], *good, *text;
		struct checked x;

		snprintf(path, sizeof(path), "%s/%s.cfg", OWN, fine[i].device);
		good = read_whole(path);
		run("rm -f %s/*; ln -s $PWD/%s/*.cfg %s/", scratch, OWN, scratch);
		text = edited(good, &fine[i]);
		write_own(fine[i].device, text);
		x = check_directory(scratch);
		for (size_t k = 0; k < x.c.findings.n; k++)
			print_finding(&x.c.findings.all[k]);
		if (x.c.findings.n)
			fail_msg("%s", fine[i].code);
		done(&x);
		free(good);
		free(text);
	}
}

/* ---- other sources, and a fabric's own names ---- */

static size_t count_code(const struct checked *x, const char *code)
{
	size_t n = 0;

	for (size_t i = 0; i < x->c.findings.n; i++)
		n += strcmp(x->c.findings.all[i].code, code) == 0;
	return n;
}

static void test_sources(void **state)
{
	struct checked x;

	run("rm -f %s/*; ln -s $PWD/%s/*.cfg %s/", scratch, OWN, scratch);
	write_file("devices.json",
		   "[{\"name\":\"a\",\"hostName\":\"lab1-CP1-TOR1\",\"networkDeviceRole\":\"ToR\","
		   "\"managementIpv4Address\":\"192.0.2.99\"},"
		   "{\"name\":\"b\",\"hostName\":\"lab1-AR-CE9\",\"networkDeviceRole\":\"CE\","
		   "\"managementIpv4Address\":\"192.0.2.19\"}]");
	x = check_directory(scratch);
	assert_int_equal(count_code(&x, "no-config"), 1);
	assert_int_equal(count_code(&x, "source-conflict"), 1);
	assert_int_equal(x.c.findings.n, 2);
	for (size_t i = 0; i < x.c.n_devices; i++)
		if (strcmp(x.c.devices[i].device->name, "lab1-AR-CE9") == 0) {
			assert_false(x.c.devices[i].ready);
			assert_int_equal(x.c.devices[i].steps[1], STEP_UNKNOWN);
		}
	done(&x);
}

static void test_names(void **state)
{
	struct checked x;

	run("rm -f %s/*; ln -s $PWD/%s/*.cfg %s/", scratch, OWN, scratch);
	run("sed -i.x 's/CE_TOR_UNDERLAY/FABRIC/; s/INFRA-MGMT/OOB/; s/aon-soo/site/; "
	    "s/adv_loopback/adv/; s/leak_/l_/; s/prefix-list trusted_sources/prefix-list "
	    "ops/' %s/*.cfg; rm -f %s/*.x",
	    scratch, scratch);
	x = check_directory(scratch);
	assert_true(count_code(&x, "group-missing") == 4);
	assert_true(count_code(&x, "lo6-wrong-vrf") == 2);
	assert_true(count_code(&x, "trusted-missing") == 8);
	done(&x);
	write_file("fabric.yaml", "names:\n  peer_group: FABRIC\n  vrf: OOB\n  soo: site\n"
				  "  advertise: adv\n  leak_default_infra: l_default_infra\n"
				  "  leak_infra_default: l_infra_default\n  trusted: ops\n"
				  "  trusted_v6: ops_v6\n");
	x = check_directory(scratch);
	for (size_t i = 0; i < x.c.findings.n; i++)
		print_finding(&x.c.findings.all[i]);
	assert_int_equal(x.c.findings.n, 0);
	done(&x);
}

/* Every rule has its row in the page, with its severity, and every row its rule. */
static void test_page(void **state)
{
	char *page = read_whole("docs/check.md"), *at = page;
	size_t rows = 0;

	for (size_t i = 0; i < n_rules; i++) {
		char row[256];

		snprintf(row, sizeof(row), "\n| `%s` | %s", rules[i].code,
			 finding_severity_name(rules[i].severity));
		if (!strstr(page, row))
			fail_msg("docs/check.md has no row%s", row);
	}
	while ((at = strstr(at, "\n| `"))) {
		char code[64];

		if (sscanf(at, "\n| `%63[a-z0-9-]` |", code) == 1) {
			rule_of(code);
			rows++;
		}
		at++;
	}
	free(page);
	assert_int_equal(rows, n_rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	cmocka_unit_test(test_expected),
		cmocka_unit_test(test_rules),	cmocka_unit_test(test_no_finding),
		cmocka_unit_test(test_sources), cmocka_unit_test(test_names),
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests_name("check", tests, make_scratch, drop_scratch);
}
