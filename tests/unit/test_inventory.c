/* SPDX-License-Identifier: Apache-2.0 */
/* Sources beside the configurations: fabric.yaml, exports of Nexus and NetBox, an
 * Ansible inventory, and what counts where they differ. Texts of our own; the
 * exports under the shared data are read too where they are there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "common/fabric/fabric.h"
#include "common/fabric/inventory.h"
#include "common/fabric/show.h"
#include "tests/unit/scratch.h"

/* Two devices; the second has no IPv6 on Ma1, and its management address comes by DHCP. */
static void write_configs(void)
{
	write_file("net7-AR-CE1.cfg", "hostname net7-AR-CE1\n"
				      "vrf instance MGMT\n"
				      "interface Management1\n"
				      "   vrf MGMT\n"
				      "   ip address 192.0.2.11/24\n"
				      "interface Loopback6\n"
				      "   ip address 198.51.100.64/32\n"
				      "ip prefix-list trusted_sources\n"
				      "   seq 10 permit 198.18.0.0/16\n"
				      "   seq 20 permit 198.19.0.0/16\n"
				      "ip prefix-list operators\n"
				      "   seq 10 permit 203.0.113.0/24\n"
				      "end\n");
	write_file("net7-CR1-TOR1.cfg", "hostname net7-CR1-TOR1\n"
					"interface Management1\n"
					"   ip address dhcp\n"
					"interface Loopback6\n"
					"   ip address 198.51.100.65/32\n"
					"end\n");
}

static struct fabric *load(void)
{
	char err[512];
	struct fabric *f = fabric_load(scratch, err, sizeof(err));

	if (!f)
		fail_msg("%s", err);
	return f;
}

static void refused(const char *settings, const char *why)
{
	char err[512] = "", wanted[600];

	write_file("fabric.yaml", settings);
	assert_null(fabric_load(scratch, err, sizeof(err)));
	snprintf(wanted, sizeof(wanted), "%s/fabric.yaml:%s", scratch, why);
	if (strncmp(err, wanted, strlen(wanted)) != 0)
		fail_msg("\"%s\", wanted \"%s\"", err, wanted);
}

static const struct fabric_target *target(const struct fabric *f, const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return fabric_find_target(f, &a);
}

/* The only remark of its kind that holds text; NULL text: there is none at all. */
static void remark_is(const struct fabric_problem *p, size_t n, const char *file, int line,
		      const char *text, bool conflict)
{
	for (size_t i = 0; i < n; i++) {
		const char *slash = p[i].file ? strrchr(p[i].file, '/') : NULL;

		if (!strstr(p[i].text, text))
			continue;
		assert_string_equal(slash ? slash + 1 : "", file);
		assert_int_equal(p[i].line, line);
		assert_int_equal(p[i].conflict, conflict);
		return;
	}
	for (size_t i = 0; i < n; i++)
		print_message("%s:%d: %s\n", p[i].file ? p[i].file : "-", p[i].line, p[i].text);
	fail_msg("nothing says \"%s\"", text);
}

/* ---- fabric.yaml ---- */

static void test_settings(void **state)
{
	const struct fabric_device *d;
	struct fabric *f, *plain;

	(void)state;
	write_configs();
	plain = load();
	write_file("fabric.yaml", "names:\n"
				  "  trusted: operators\n"
				  "  peer_group: EDGE\n"
				  "devices:\n"
				  "  net7-CR1-TOR1:\n"
				  "    role: npb\n"
				  "    management_switch: net7-CR1-MGMT1\n"
				  "  net7-AR-TS1:\n"
				  "    targets:\n"
				  "      - {address: 192.0.2.99, path: primary}\n"
				  "      - {address: '2001:db8::99', path: in-band}\n"
				  "management_switches:\n"
				  "  net7-AR-MGMT1:\n"
				  "    subnets: [192.0.2.0/24]\n"
				  "  net7-AR-MGMT2:\n"
				  "    subnets: [192.0.2.96/28]\n");
	f = load();
	assert_int_equal(f->n_problems, 0);
	assert_int_equal(f->n_devices, 3);
	assert_string_equal(f->names.peer_group, "EDGE");
	assert_string_equal(f->names.loopback, "loopback");

	d = fabric_find_device(f, "net7-CR1-TOR1");
	assert_int_equal(d->role, ROLE_NPB);
	assert_string_equal(d->management_switch, "net7-CR1-MGMT1");
	d = fabric_find_device(f, "net7-AR-CE1");
	assert_string_equal(d->management_switch, "net7-AR-MGMT1");
	assert_false(d->no_config);
	assert_int_equal(d->n_vrfs, 1);
	assert_string_equal(d->vrfs[0].name, "MGMT");
	d = fabric_find_device(f, "net7-AR-TS1");
	assert_true(d->no_config);
	assert_int_equal(d->role, ROLE_TERMINAL_SERVER);
	assert_string_equal(d->management_switch, "net7-AR-MGMT2"); /* the narrower subnet */
	assert_int_equal(target(f, "192.0.2.99")->path, GW_PATH_PRIMARY);
	assert_int_equal(target(f, "2001:db8::99")->path, GW_PATH_INBAND);

	/* the other list decides now, and the generation tells */
	d = fabric_find_device(f, "net7-AR-CE1");
	{
		struct addr a;

		assert_true(addr_parse("203.0.113.7", &a));
		assert_int_equal(fabric_judge(f, d->policy, &a).verdict, GW_VERDICT_TRUSTED);
		assert_true(addr_parse("198.18.0.1", &a));
		assert_int_equal(fabric_judge(f, d->policy, &a).verdict, GW_VERDICT_UNTRUSTED);
	}
	assert_string_not_equal(f->generation, plain->generation);
	fabric_unref(f);
	fabric_unref(plain);

	write_file("fabric.yaml", "# nothing\n");
	fabric_unref(load());
}

static void test_settings_refused(void **state)
{
	(void)state;
	write_configs();
	refused("name:\n  vrf: X\n",
		"1: unknown key 'name'; known: names, devices, management_switches");
	refused("names:\n  vrff: X\n", "2: unknown key 'vrff' of names; known: peer_group, ");
	refused("names:\n  vrf: [X]\n", "2: vrf: one word is wanted");
	refused("names: x\n", "1: names holds keys of its own");
	refused("names:\n  vrf: X\n  vrf: Y\n", "3: vrf is given twice, first on line 2");
	refused("devices:\n  net7-AR-CE1:\n    rolle: ce\n",
		"3: unknown key 'rolle' of net7-AR-CE1");
	refused("devices:\n  net7-AR-CE1:\n    role: spine\n",
		"3: role 'spine' is none of ce, tor");
	refused("devices:\n  net7-AR-CE9:\n    role: ce\n", "2: no device net7-AR-CE9");
	refused("devices:\n  net7-AR-CE1: {}\n  net7-AR-CE1: {}\n",
		"3: net7-AR-CE1 is given twice, first on line 2");
	refused("devices:\n  net7-AR-CE1:\n    targets:\n      - address: 10.1\n",
		"4: '10.1' is no IPv4 or IPv6 address");
	refused("devices:\n  net7-AR-CE1:\n    targets:\n      - address: 192.0.2.1\n",
		"4: a target has both address and path");
	refused("devices:\n  net7-AR-CE1:\n    targets: [{path: up, address: 192.0.2.1}]\n",
		"3: path is primary or in-band, not 'up'");
	refused("devices:\n  net7-AR-CE1:\n    targets: 192.0.2.1\n", "3: targets is a list");
	refused("management_switches:\n  S:\n    subnets: [192.0.2.0]\n",
		"3: '192.0.2.0' is no subnet");
	refused("management_switches:\n  S: {subnets: [192.0.2.0/24]}\n  T: {subnets: "
		"[192.0.2.9/24]}\n",
		"3: 192.0.2.9/24 is a subnet of S already");
	refused("management_switches:\n  S: {devices: [net7-AR-CE9]}\n",
		"2: no device net7-AR-CE9");
	refused("management_switches:\n  S: {devices: [net7-AR-CE1]}\n  T: {devices: "
		"[net7-AR-CE1]}\n",
		"3: net7-AR-CE1 hangs on S already");
	refused("names: {vrf: X}\n---\nnames: {vrf: Y}\n", "3: a second document");
	refused("names: {vrf: X\n", "2: not YAML: ");
	refused("- a\n", "1: expected `key:` lines");
}

/* The example that we ship holds every key, and the defaults. */
static void test_example(void **state)
{
	FILE *from = fopen("docs/examples/fabric.yaml", "r");
	char text[4096], err[256] = "";
	struct inventory inv;
	size_t len;

	(void)state;
	assert_non_null(from);
	len = fread(text, 1, sizeof(text) - 1, from);
	fclose(from);
	text[len] = '\0';
	inventory_init(&inv);
	assert_int_equal(inventory_source(&inv, "F", FABRIC_SETTINGS), 0);
	if (inventory_read_settings(&inv, text, len, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	assert_int_equal(inv.n_devices, 2);
	assert_int_equal(inv.n_switches, 1);
	for (size_t i = 0; fabric_names_key(i); i++) {
		struct fabric_names preset = fabric_names_default;
		const char *key = fabric_names_key(i);

		if (!strstr(text, key))
			fail_msg("%s is not in the example", key);
		assert_string_equal(*fabric_names_at(&inv.names, key),
				    *fabric_names_at(&preset, key));
	}
	inventory_clear(&inv);
}

/* ---- exports ---- */

#define DEVICE(host, role, ip)                                                                     \
	"{\"hostName\": \"" host "\", \"networkDeviceRole\": \"" role                              \
	"\", \"managementIpv4Address\": " ip ", \"annotation\": null,\n"                           \
	" \"type\": \"microsoft.managednetworkfabric/networkdevices\"}"

static void test_nexus_devices(void **state)
{
	const struct fabric_device *d;
	struct fabric *f;

	(void)state;
	write_configs();
	write_file("nexus.json",
		   "[\n" DEVICE("net7-AR-CE1", "CE", "\"192.0.2.11\"") ",\n" DEVICE(
			   "net7-CR1-TOR1", "ToR",
			   "\"192.0.2.21\"") ",\n" DEVICE("net7-AR-TS1", "TS", "null") "\n]\n");
	f = load();
	assert_int_equal(f->n_problems, 0);
	assert_int_equal(f->n_devices, 3);
	assert_int_equal(f->n_sources, 1);
	assert_string_equal(f->sources[0].kind, "nexus");
	assert_int_equal(f->sources[0].n_devices, 3);
	d = fabric_find_device(f, "net7-CR1-TOR1");
	assert_int_equal(d->n_told, 1); /* its configuration says DHCP */
	assert_int_equal(target(f, "192.0.2.21")->path, GW_PATH_PRIMARY);
	assert_true(fabric_find_device(f, "net7-AR-TS1")->no_config);
	remark_is(f->notes, f->n_notes, "nexus.json", 6, "net7-AR-TS1 has no configuration", false);
	fabric_unref(f);

	/* the same as a page of the ARM interface, with a name that is no host name */
	write_file("nexus.json",
		   "{\"value\": [{\"name\": \"networkDevice1\", \"properties\":\n" DEVICE(
			   "net7-CR1-TOR1", "Management",
			   "\"192.0.2.21\"") "}],\n\"nextLink\": \"https://example.net/2\"}\n");
	f = load();
	assert_int_equal(f->n_devices, 2);
	assert_true(f->sources[0].incomplete);
	remark_is(f->problems, f->n_problems, "nexus.json", 4, "nextLink is set", false);
	/* a switch, says the export; a ToR, says the name */
	remark_is(f->problems, f->n_problems, "net7-CR1-TOR1.cfg", 0,
		  "tor by its host name, mgmt-switch in ", true);
	assert_int_equal(fabric_find_device(f, "net7-CR1-TOR1")->role, ROLE_MGMT_SWITCH);
	fabric_unref(f);

	/* fabric.yaml decides, and the conflict stays told: the export is wrong */
	write_file("fabric.yaml", "devices: {net7-CR1-TOR1: {role: tor}}\n");
	f = load();
	assert_int_equal(fabric_find_device(f, "net7-CR1-TOR1")->role, ROLE_TOR);
	fabric_unref(f);
}

static void test_conflicts(void **state)
{
	struct fabric *f;

	(void)state;
	write_configs();
	write_file("a.json", "[" DEVICE("net7-AR-CE1", "CE", "\"192.0.2.12\"") ",\n" DEVICE(
				     "net7-CR1-TOR1", "ToR", "\"192.0.2.21\"") "]");
	write_file("b.json", "{\"results\": [{\"name\": \"net7-CR1-TOR1\", \"device_type\": {},\n"
			     "\"role\": {\"slug\": \"npb\"},\n"
			     "\"oob_ip\": {\"address\": \"192.0.2.22/24\"}}]}");
	f = load();
	assert_int_equal(f->n_problems, 3);
	remark_is(f->problems, f->n_problems, "net7-AR-CE1.cfg", 5,
		  "192.0.2.11 here, which counts, 192.0.2.12 in ", true);
	remark_is(f->problems, f->n_problems, "net7-CR1-TOR1.cfg", 0, "/b.json:1, tor in ", true);
	remark_is(f->problems, f->n_problems, "net7-CR1-TOR1.cfg", 0, "192.0.2.22 in ", true);
	assert_null(target(f, "192.0.2.12"));
	assert_null(target(f, "192.0.2.22"));
	assert_non_null(target(f, "192.0.2.21"));
	fabric_unref(f);
}

/* Names and places that are found in another way than by the host name. */
static void test_matching(void **state)
{
	struct fabric *f;

	(void)state;
	write_configs();
	write_file("a.json",
		   "[{\"hostName\": \"AR-CE1\", \"name\": \"net7-AR-CE1\"},\n"
		   "{\"hostName\": \"renamed\", \"managementIpv4Address\": \"192.0.2.11\"}]");
	f = load();
	assert_int_equal(f->n_devices, 2);
	assert_int_equal(f->n_problems, 0);
	fabric_unref(f);
}

#define RULE(seq, action, prefix, more)                                                            \
	"{\"sequenceNumber\": " seq ", \"action\": \"" action "\", \"networkPrefix\": \"" prefix   \
	"\"" more "}"

#define BOUND(condition, length)                                                                   \
	", \"condition\": \"" condition "\", \"subnetMaskLength\": \"" length "\""

static void test_nexus_lists(void **state)
{
	const struct prefix_list *l;
	struct fabric *f;

	(void)state;
	write_configs();
	/* clang-format off */
	write_file("lists.json",
		   "[{\"name\": \"t4\", \"id\": \"/x/ipPrefixes/t4\",\n"
		   "\"ipPrefixRules\": [\n"
		   RULE("4155123341", "Permit", "198.19.3.4/16", "") ",\n"
		   RULE("10", "Permit", "198.18.0.0/16", BOUND("LesserThanOrEqualTo", "24")) ",\n"
		   RULE("30", "Permit", "198.18.0.0/16", BOUND("Range", "24")) ",\n"
		   RULE("31", "Maybe", "198.18.0.0/16", "") ",\n"
		   RULE("32", "Deny", "198.18.0.0", "") ",\n"
		   RULE("33", "Deny", "2001:db8::/32", "") ",\n"
		   RULE("34", "Deny", "198.18.0.0/16", BOUND("EqualTo", "")) "]},\n"
		   "{\"name\": \"fab\","
		   " \"type\": \"Microsoft.ManagedNetworkFabric/networkFabrics\",\n"
		   "\"trustedIpPrefixes\": [\"/x/IPPREFIXES/t4\", \"/x/ipPrefixes/gone\"]}]\n");
	/* clang-format on */
	f = load();
	assert_int_equal(f->n_intended, 1);
	assert_true(f->intended[0].trusted);
	l = &f->intended[0].list;
	assert_int_equal(l->n_entries, 2);
	assert_int_equal(l->entries[0].le, 24);
	assert_int_equal(l->entries[0].line, 4);
	assert_int_equal(l->entries[1].seq, 4155123341u);
	assert_int_equal(f->n_problems, 5);
	remark_is(f->problems, f->n_problems, "lists.json", 5, "condition \"Range\"", false);
	remark_is(f->problems, f->n_problems, "lists.json", 6, "neither Permit nor Deny", false);
	remark_is(f->problems, f->n_problems, "lists.json", 7, "is no prefix", false);
	remark_is(f->problems, f->n_problems, "lists.json", 8, "IPv4 and IPv6 in one list", false);
	remark_is(f->problems, f->n_problems, "lists.json", 9, "wants a subnetMaskLength", false);
	remark_is(f->notes, f->n_notes, "lists.json", 3, "read as 198.19.0.0/16", false);
	remark_is(f->notes, f->n_notes, "", 0, "/x/ipPrefixes/gone", false);
	remark_is(f->notes, f->n_notes, "net7-AR-CE1.cfg", 9, "differs from ipPrefixes t4", true);
	fabric_unref(f);
}

static void test_json_refused(void **state)
{
	static const struct {
		const char *text, *why;
		int line;
	} cases[] = {
		{ "[\n{\"hostName\": \"x\"},\n{\"hostName\" \"y\"}]", "not JSON: ", 3 },
		{ "", "not JSON: ", 1 },
		{ "[{\"hostName\": \"x\"}", "not JSON: ", 1 },
		{ "[{\"hostName\": \"x\"}], \"more\": 1", "not JSON: ", 1 },
		{ "7", "an object or an array is wanted", 0 },
		{ "[\n{\"colour\": \"red\"}, 5]", "2 of 2 entries are neither", 2 },
		{ "[{\"networkDeviceRole\": \"CE\"}]", "a device without hostName and name", 1 },
		{ "[{\"hostName\": \"x\",\n\"networkDeviceRole\": \"Spine\"}]",
		  "\"Spine\" is none of CE", 2 },
		{ "[{\"hostName\": \"x\",\n\"managementIpv4Address\": \"10.1\"}]",
		  "\"10.1\" is no address", 2 },
	};

	(void)state;
	write_configs();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fabric *f;

		write_file("x.json", cases[i].text);
		f = load();
		if (f->n_problems != 1)
			fail_msg("%s: %zu problems", cases[i].text, f->n_problems);
		if (strncmp(cases[i].text, "7", 1) == 0)
			assert_non_null(strstr(f->problems[0].text, "not"));
		else
			remark_is(f->problems, f->n_problems, "x.json", cases[i].line, cases[i].why,
				  false);
		fabric_unref(f);
	}
	/* escapes beyond ASCII: another reader, which knows no lines, and the same answer */
	write_file("x.json", "[{\"hostName\": \"net7-AR-CE1\", \"annotation\": \"\\u00e9\",\n"
			     "\"managementIpv4Address\": \"192.0.2.12\"}]");
	{
		struct fabric *f = load();

		assert_int_equal(f->n_problems, 1);
		remark_is(f->problems, 1, "net7-AR-CE1.cfg", 5, "192.0.2.12 in ", true);
		fabric_unref(f);
	}
}

static void test_netbox(void **state)
{
	struct fabric *f;

	(void)state;
	write_configs();
	write_file(
		"netbox.json",
		"{\"count\": 3, \"next\": null, \"results\": [\n"
		"{\"name\": \"net7-CR1-TOR1\", \"device_type\": {\"model\": \"x\"},\n"
		" \"device_role\": {\"name\": \"Top of Rack\", \"slug\": \"leaf\"},\n"
		" \"primary_ip4\": {\"address\": \"198.51.100.65/32\"},\n"
		" \"primary_ip6\": {\"address\": \"2001:db8::21/64\"}},\n"
		"{\"name\": null, \"device_type\": {}},\n"
		"{\"name\": \"net7-AR-NPB1\", \"device_type\": {}, \"role\": {\"slug\": \"tap\"},\n"
		" \"oob_ip\": {\"address\": \"192.0.2.51/24\"},\n"
		" \"primary_ip4\": {\"address\": \"192.0.2.52/24\"}}]}\n");
	f = load();
	assert_int_equal(f->n_problems, 0);
	assert_string_equal(f->sources[0].kind, "netbox");
	assert_int_equal(f->sources[0].n_devices, 2);
	assert_non_null(target(f, "2001:db8::21"));
	assert_int_equal(target(f, "198.51.100.65")->path, GW_PATH_INBAND); /* its own lo6 */
	assert_non_null(target(f, "192.0.2.51"));
	assert_null(target(f, "192.0.2.52"));
	assert_int_equal(fabric_find_device(f, "net7-AR-NPB1")->role, ROLE_NPB);
	fabric_unref(f);
}

static void test_ansible(void **state)
{
	struct fabric *f;

	(void)state;
	write_configs();
	write_file("hosts.yml", "all:\n"
				"  vars: {ansible_user: x}\n"
				"  children:\n"
				"    fabric:\n"
				"      children:\n"
				"        CE:\n"
				"          hosts:\n"
				"            net7-AR-CE1: {ansible_host: 192.0.2.11}\n"
				"            net7-AR-CE2:\n"
				"              ansible_host: 192.0.2.12\n"
				"        leafs:\n"
				"          hosts:\n"
				"            net7-CR1-TOR1:\n"
				"              role: Top-of-Rack\n"
				"              ansible_host: tor1.example.net\n"
				"              ansible_password: !vault |\n"
				"                $ANSIBLE_VAULT;1.1;AES256\n"
				"ungrouped:\n");
	f = load();
	assert_int_equal(f->n_problems, 0);
	assert_string_equal(f->sources[0].kind, "ansible");
	assert_int_equal(f->sources[0].n_devices, 3);
	assert_int_equal(fabric_find_device(f, "net7-AR-CE2")->role, ROLE_CE);
	assert_non_null(target(f, "192.0.2.12"));
	assert_int_equal(fabric_find_device(f, "net7-CR1-TOR1")->n_told, 0);
	fabric_unref(f);

	write_file("hosts.yml", "a: &a\n  children: {b: *a}\n  hosts: {'leaf[1:4]': }\n");
	f = load();
	remark_is(f->problems, f->n_problems, "hosts.yml", 1, "groups stand in groups", false);
	remark_is(f->problems, f->n_problems, "hosts.yml", 3, "ranges of hosts", false);
	fabric_unref(f);

	write_file("hosts.yml", "router:\n  - 1\n");
	f = load();
	remark_is(f->problems, f->n_problems, "hosts.yml", 1, "no Ansible inventory", false);
	fabric_unref(f);

	write_file("hosts.yml", "a: [\n");
	f = load();
	remark_is(f->problems, f->n_problems, "hosts.yml", 2, "not YAML", false);
	fabric_unref(f);
}

static void test_only_exports(void **state)
{
	char *text = NULL;
	size_t len = 0;
	struct fabric *f;
	json_t *doc, *d;
	FILE *to;

	(void)state;
	write_file("nexus.json", "[" DEVICE("net7-AR-CE1", "CE", "\"192.0.2.11\"") "]");
	f = load();
	assert_int_equal(f->n_devices, 1);
	to = open_memstream(&text, &len);
	assert_int_equal(fabric_show(f, true, to), 0);
	fclose(to);
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	d = json_array_get(json_object_get(doc, "devices"), 0);
	assert_true(json_is_false(json_object_get(d, "configuration")));
	d = json_array_get(json_object_get(d, "told"), 0);
	assert_string_equal(json_string_value(json_object_get(d, "address")), "192.0.2.11");
	assert_int_equal(json_integer_value(json_object_get(d, "line")), 1);
	d = json_array_get(json_object_get(doc, "sources"), 0);
	assert_string_equal(json_string_value(json_object_get(d, "kind")), "nexus");
	json_decref(doc);
	free(text);
	fabric_unref(f);
}

/* The synthetic exports, in both shapes, agree with the thirteen configurations. */
static void test_shared_exports(void **state)
{
	static const char *const shapes[] = { "cli", "rest" };
	const char *shared = getenv("GLASSWATCH_SHARED") ? getenv("GLASSWATCH_SHARED")
							 : "../shared";
	char command[512], path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/data/eos/configs/azure", shared);
	if (access(path, R_OK) != 0) {
		print_message("SKIP: no %s; the shared exports are NOT read\n", path);
		skip();
	}
	for (size_t i = 0; i < 2; i++) {
		struct fabric *f;
		size_t trusted = 0;

		snprintf(command, sizeof(command),
			 "rm -f %s/* && cp %s/data/eos/configs/good/*.cfg %s/*-%s.json %s", scratch,
			 shared, path, shapes[i], scratch);
		assert_int_equal(system(command), 0);
		f = load();
		for (size_t k = 0; k < f->n_problems; k++)
			print_message("%s\n", f->problems[k].text);
		assert_int_equal(f->n_problems, 0);
		assert_int_equal(f->n_devices, 14); /* and the terminal server */
		assert_int_equal(f->n_targets, 43);
		assert_int_equal(f->n_intended, 5);
		assert_int_equal(fabric_find_device(f, "fab1-AR-TS1")->role, ROLE_TERMINAL_SERVER);
		for (size_t k = 0; k < f->n_intended; k++)
			trusted += f->intended[k].trusted;
		assert_int_equal(trusted, i == 0 ? 2 : 0); /* the fabric is in the first shape */
		for (size_t k = 0; k < f->n_notes; k++)
			assert_false(f->notes[k].conflict);
		fabric_unref(f);
	}
}

int main(void)
{
#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, drop_scratch)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example), SCRATCH(test_settings),
		SCRATCH(test_settings_refused), SCRATCH(test_nexus_devices),
		SCRATCH(test_conflicts),	SCRATCH(test_matching),
		SCRATCH(test_nexus_lists),	SCRATCH(test_json_refused),
		SCRATCH(test_netbox),		SCRATCH(test_ansible),
		SCRATCH(test_only_exports),	SCRATCH(test_shared_exports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
