/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/event.h"

#define T0 (1795395723ull * NS_PER_S) /* 2026-11-23T01:02:03Z */
#define VALIDATE "tests/validate_events.py"

static struct addr addr(const char *text)
{
	struct addr a = { 0 };

	assert_true(addr_parse(text, &a));
	return a;
}

/* The document that DESIGN shows, as far as its fields are in the struct. */
static struct event full(void)
{
	struct event e = { .type = EVENT_FLOW_END,
			   .severity = SEVERITY_INFO,
			   .time_ns = T0 + 123456789,
			   .agent = "mgmt-1",
			   .seq = 42,
			   .policy = "9f3c0a1b2c3d",
			   .device = "fab5-AR-CE1",
			   .role = "ce",
			   .vrf = "INFRA-MGMT",
			   .path = GW_PATH_INBAND,
			   .service = GW_SERVICE_SSH,
			   .has_ends = true,
			   .community_id = "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
			   .vlan = { 100 },
			   .vlan_n = 1,
			   .encapsulation = { "vxlan:5000" },
			   .encapsulation_n = 1,
			   .has_flow = true,
			   .has_trust = true,
			   .has_ssh = true,
			   .has_actor = true };

	e.source = (struct event_end){ addr("10.20.0.5"), 50122, 31, 5123 };
	e.destination = (struct event_end){ addr("10.30.0.64"), 22, 28, 6021 };
	e.outer_source = addr("192.0.2.1");
	e.outer_destination = addr("192.0.2.2");
	e.flow.id = "f1";
	e.flow.start_ns = T0;
	e.flow.end_ns = T0 + 12500000000;
	e.flow.state = "SF";
	e.flow.outcome = "closed";
	e.flow.initiator = GW_BASIS_SYN;
	e.flow.handshake_ms = 0.41;
	e.flow.strays = 2;
	e.trust.verdict = GW_VERDICT_TRUSTED;
	e.trust.list = "trusted_sources";
	e.trust.has_rule = true;
	e.trust.seq = 10;
	e.trust.prefix = "10.20.0.0/16";
	e.ssh_client = (struct event_ssh_side){ "2.0", "OpenSSH_9.2p1 Debian-2", NULL, NULL };
	e.ssh_server = (struct event_ssh_side){ "2.0", "OpenSSH_8.7",
						"0123456789abcdef0123456789abcdef", "a;b" };
	e.ssh_kex = "curve25519-sha256";
	e.ssh_cipher = "aes128-ctr / aes256-ctr";
	e.ssh_auth.result = "success";
	e.ssh_auth.has_attempts = true;
	e.ssh_auth.attempts = 2;
	e.ssh_auth.confidence = "high";
	e.ssh_auth.basis = "packet-lengths";
	e.actor.user = "alice";
	e.actor.uid = 1000;
	e.actor.loginuid = 1000;
	e.actor.pid = 4242;
	e.actor.comm = "ssh";
	return e;
}

static const char full_text[] =
	"{\"v\":1,\"id\":\"mgmt-1/42\",\"agent\":\"mgmt-1\",\"seq\":42,"
	"\"time\":\"2026-11-23T01:02:03.123456789Z\",\"type\":\"flow.end\",\"severity\":\"info\","
	"\"policy\":\"9f3c0a1b2c3d\","
	"\"device\":{\"name\":\"fab5-AR-CE1\",\"role\":\"ce\",\"vrf\":\"INFRA-MGMT\"},"
	"\"path\":\"in-band\",\"service\":\"ssh\","
	"\"source\":{\"ip\":\"10.20.0.5\",\"port\":50122,\"packets\":31,\"bytes\":5123},"
	"\"destination\":{\"ip\":\"10.30.0.64\",\"port\":22,\"packets\":28,\"bytes\":6021},"
	"\"network\":{\"type\":\"ipv4\",\"transport\":\"tcp\","
	"\"community_id\":\"1:LQU9qZlK+B5F3KDmev6m5PMibrg=\",\"vlan\":[100],\"mpls\":[],"
	"\"encapsulation\":[\"vxlan:5000\"],"
	"\"outer\":{\"source\":\"192.0.2.1\",\"destination\":\"192.0.2.2\"}},"
	"\"flow\":{\"id\":\"f1\",\"direction\":\"inbound\","
	"\"start\":\"2026-11-23T01:02:03.000000000Z\",\"end\":\"2026-11-23T01:02:15.500000000Z\","
	"\"duration\":12.5,\"state\":\"SF\",\"outcome\":\"closed\",\"initiator\":\"syn\","
	"\"handshake_ms\":0.41,\"retransmits\":0,\"fragments\":0,\"missed_bytes\":0,\"strays\":2},"
	"\"trust\":{\"verdict\":\"trusted\",\"list\":\"trusted_sources\",\"seq\":10,"
	"\"prefix\":\"10.20.0.0/16\"},"
	"\"ssh\":{\"client\":{\"proto_version\":\"2.0\",\"software_version\":"
	"\"OpenSSH_9.2p1 Debian-2\"},\"server\":{\"proto_version\":\"2.0\","
	"\"software_version\":\"OpenSSH_8.7\","
	"\"hassh\":{\"hash\":\"0123456789abcdef0123456789abcdef\",\"string\":\"a;b\"}},"
	"\"kex\":\"curve25519-sha256\",\"cipher\":\"aes128-ctr / aes256-ctr\","
	"\"auth\":{\"result\":\"success\",\"attempts\":2,\"confidence\":\"high\","
	"\"basis\":\"packet-lengths\"}},"
	"\"actor\":{\"user\":\"alice\",\"uid\":1000,\"loginuid\":1000,\"pid\":4242,"
	"\"comm\":\"ssh\"}}";

static void the_document(void **state)
{
	struct event e = full();
	char *text = event_encode(&e);

	assert_string_equal(text, full_text);
	free(text);
}

static struct event minimal(enum event_type type)
{
	return (struct event){ .type = type, .time_ns = T0, .agent = "a", .seq = 1 };
}

static void absent_beats_null(void **state)
{
	struct event e = minimal(EVENT_AGENT_START);
	char *text = event_encode(&e);

	assert_string_equal(text, "{\"v\":1,\"id\":\"a/1\",\"agent\":\"a\",\"seq\":1,"
				  "\"time\":\"2026-11-23T01:02:03.000000000Z\","
				  "\"type\":\"agent.start\",\"severity\":\"info\"}");
	free(text);
}

static struct event change(void)
{
	struct event e = minimal(EVENT_PATH_CHANGE);

	e.severity = SEVERITY_CRITICAL;
	e.device = "d";
	e.path = GW_PATH_INBAND;
	e.has_change = true;
	e.change.from = "primary";
	e.change.to = "in-band";
	e.change.reason = "primary-unanswered";
	e.change.evidence[0] = "f1";
	e.change.evidence[1] = "f2";
	e.change.evidence_n = 2;
	e.change.outage_s = 61.25;
	return e;
}

/* Bytes that are not UTF-8, and what must stand in the document. */
static const struct {
	const char *in, *out;
} strings[] = {
	{ "plain", "plain" },
	{ "quote\" back\\", "quote\\\" back\\\\" },
	{ "\x01\n\x1f\x7f", "\\\\x01\\\\x0a\\\\x1f\\\\x7f" },
	{ "\xc2\x9b\xc2\xa0", "\\\\xc2\\\\x9b\xc2\xa0" }, /* CSI as one character */
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xf0\x9f\x90\x9f", "\xf0\x9f\x90\x9f" },
	{ "\xff", "\\\\xff" },
	{ "\xc3", "\\\\xc3" },		  /* cut */
	{ "\xc0\xaf", "\\\\xc0\\\\xaf" }, /* overlong */
	{ "\xe0\x80\xaf", "\\\\xe0\\\\x80\\\\xaf" },
	{ "\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80" }, /* surrogate */
	{ "\xf4\x90\x80\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80" },
	{ "\xe2\x82", "\\\\xe2\\\\x82" },
};

static void strings_from_the_wire(void **state)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct event e = minimal(EVENT_FLOW_END), back;
		char want[200], err[200], *text;

		e.has_ssh = true;
		e.ssh_client.proto_version = "2.0";
		e.ssh_client.software_version = strings[i].in;
		text = event_encode(&e);
		snprintf(want, sizeof(want), "\"software_version\":\"%s\"}", strings[i].out);
		if (!strstr(text, want))
			fail_msg("case %zu: %s", i, text);
		assert_int_equal(event_decode(text, strlen(text), &back, err, sizeof(err)), 0);
		event_clear(&back);
		free(text);
	}
}

static void bgp_messages(void **state)
{
	static const uint8_t codes[] = { 1, 2, 65 };
	struct event e = minimal(EVENT_FLOW_END), back;
	char *text, err[200];

	e.has_bgp = true;
	e.bgp.has_counts = true;
	e.bgp.counts[0] = (struct event_bgp_counts){ 1, 24, 0, 3, 0 };
	e.bgp.counts[1] = (struct event_bgp_counts){ 1, 2, 1, 3, 4 };
	text = event_encode(&e);
	assert_non_null(strstr(text, "\"bgp\":{\"source\":{\"open\":1,\"update\":24,"
				     "\"notification\":0,\"keepalive\":3,\"route_refresh\":0},"
				     "\"destination\":{\"open\":1,\"update\":2,"
				     "\"notification\":1,\"keepalive\":3,\"route_refresh\":4}}"));
	free(text);

	e.bgp.has_counts = false;
	e.bgp.session = "down";
	e.bgp.reason = "notification";
	e.bgp.opens[e.bgp.n_opens++] =
		(struct event_bgp_open){ 0, 4200000001u, 180, addr("192.0.2.46"), codes, 3 };
	e.bgp.notifications[e.bgp.n_notifications++] = (struct event_bgp_notification){
		1, 6, 2, "Cease/Administrative Shutdown", "at \xff\"four\""
	};
	e.bgp.notifications[e.bgp.n_notifications++] =
		(struct event_bgp_notification){ 0, 99, 0, NULL, NULL };
	text = event_encode(&e);
	assert_non_null(strstr(
		text,
		"\"bgp\":{\"session\":{\"state\":\"down\",\"reason\":\"notification\"},"
		"\"opens\":[{\"from\":\"source\",\"asn\":4200000001,\"hold_time\":180,"
		"\"router_id\":\"192.0.2.46\",\"capabilities\":[1,2,65]}],"
		"\"notifications\":[{\"from\":\"destination\",\"code\":6,\"subcode\":2,"
		"\"name\":\"Cease/Administrative Shutdown\",\"text\":\"at \\\\xff\\\"four\\\"\"},"
		"{\"from\":\"source\",\"code\":99,\"subcode\":0}]}"));
	assert_int_equal(event_decode(text, strlen(text), &back, err, sizeof(err)), 0);
	assert_false(back.has_bgp); /* to be read from the document */
	assert_int_equal(json_array_size(json_object_get(json_object_get(back.doc, "bgp"),
							 "notifications")), 2);
	event_clear(&back);
	free(text);
}

static void extra_is_merged(void **state)
{
	struct event e = minimal(EVENT_AGENT_STATS);
	char *text;

	e.extra = json_pack("{s:{s:i},s:s,s:s}", "stats", "packets", 7, "seq", "mine", "type", "x");
	text = event_encode(&e);
	assert_non_null(strstr(text, ",\"severity\":\"info\",\"stats\":{\"packets\":7}}"));
	assert_null(strstr(text, "mine"));
	free(text);
	json_decref(e.extra);
}

static void big_and_odd_numbers(void **state)
{
	struct event e = full(), back;
	char *text, err[200];

	e.source.bytes = UINT64_MAX;
	e.flow.end_ns = e.flow.start_ns - 1;
	e.flow.handshake_ms = -1;
	e.actor.loginuid = 0xffffffff;
	text = event_encode(&e);
	assert_non_null(strstr(text, "\"bytes\":9223372036854775807"));
	assert_non_null(strstr(text, "\"duration\":0.0,"));
	assert_null(strstr(text, "handshake"));
	assert_null(strstr(text, "loginuid"));
	assert_int_equal(event_decode(text, strlen(text), &back, err, sizeof(err)), 0);
	assert_true(back.flow.handshake_ms < 0);
	assert_int_equal(back.actor.loginuid, 0xffffffff);
	event_clear(&back);
	free(text);
}

static void buffer_is_used_again(void **state)
{
	struct event e = minimal(EVENT_AGENT_START);
	char *buf = NULL, *first;
	size_t size = 0;

	assert_true(event_encode_into(&e, &buf, &size) > 0);
	first = buf;
	for (int i = 0; i < 10; i++)
		assert_int_equal(event_encode_into(&e, &buf, &size), (long)strlen(buf));
	assert_ptr_equal(first, buf);
	e = full();
	for (unsigned i = 0; i < EVENT_MAX_STACK; i++)
		e.encapsulation[i] = "geneve:1000000";
	e.encapsulation_n = 100; /* more than fits is cut */
	assert_true(event_encode_into(&e, &buf, &size) > 0);
	free(buf);
}

/* Decoding and encoding again gives the same bytes. */
static void round_trip(void **state)
{
	struct event events[] = { full(), change(), full() }, back;
	char err[200];

	events[2].flow.outbound = events[2].flow.unknown_target = events[2].flow.cut = true;
	events[2].flow.icmp = "3/1 from 192.0.2.1";
	events[2].source.ip = addr("2001:db8::1");
	events[2].trust.neighbor = true;
	events[2].mpls[0] = 16;
	events[2].mpls_n = 1;
	events[2].service = GW_SERVICE_BGP;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		char *a = event_encode(&events[i]), *b;

		if (event_decode(a, strlen(a), &back, err, sizeof(err)))
			fail_msg("%s: %s", err, a);
		b = event_encode(&back);
		assert_string_equal(a, b);
		event_clear(&back);
		free(a);
		free(b);
	}
}

static void alerts_have_a_name(void **state)
{
	struct event e = minimal(EVENT_ALERT), back;
	char *text, err[200];

	e.alert = "untrusted-ssh";
	text = event_encode(&e);
	assert_non_null(strstr(text, "\"type\":\"alert.untrusted-ssh\""));
	assert_int_equal(event_decode(text, strlen(text), &back, err, sizeof(err)), 0);
	assert_int_equal(back.type, EVENT_ALERT);
	assert_string_equal(back.alert, "untrusted-ssh");
	event_clear(&back);
	free(text);
}

#define HEAD "\"id\":\"a/1\",\"agent\":\"a\",\"seq\":1,"
#define TAIL "\"time\":\"2026-11-23T01:02:03Z\",\"severity\":\"info\",\"type\":\"flow.end\""

/* What must not be taken, and a word of the reason. */
static const struct {
	const char *text, *why;
} refused[] = {
	{ "", "not JSON" },
	{ "[]", "not a JSON object" },
	{ "{\"v\":1,\"v\":1}", "duplicate" },
	{ "{" HEAD TAIL "}", "v is missing" },
	{ "{\"v\":2," HEAD TAIL "}", "another version" },
	{ "{\"v\":\"1\"," HEAD TAIL "}", "v is not an integer" },
	{ "{\"v\":1," TAIL "}", "agent is missing" },
	{ "{\"v\":1,\"agent\":\"a/b\",\"seq\":1,\"id\":\"a/b/1\"," TAIL "}", "agent" },
	{ "{\"v\":1,\"agent\":\"a\",\"id\":\"a/0\",\"seq\":0," TAIL "}", "seq" },
	{ "{\"v\":1,\"agent\":\"a\",\"id\":\"a/1\",\"seq\":1.0," TAIL "}", "seq" },
	{ "{\"v\":1,\"agent\":\"a\",\"id\":\"a/1\",\"seq\":-1," TAIL "}", "seq" },
	{ "{\"v\":1,\"agent\":\"a\",\"id\":\"a/2\",\"seq\":1," TAIL "}", "id" },
	{ "{\"v\":1,\"agent\":\"a\",\"seq\":1," TAIL "}", "id" },
	{ "{\"v\":1," HEAD "\"time\":\"now\",\"type\":\"flow.end\",\"severity\":\"info\"}",
	  "time" },
	{ "{\"v\":1," HEAD "\"type\":\"flow.end\",\"severity\":\"info\"}", "time is missing" },
	{ "{\"v\":1," HEAD "\"time\":\"2026-11-23T01:02:03Z\",\"severity\":\"info\"}",
	  "type is missing" },
	{ "{\"v\":1," HEAD "\"time\":\"2026-11-23T01:02:03Z\",\"severity\":\"info\","
	  "\"type\":\"flow.stop\"}",
	  "\"flow.stop\" is not known" },
	{ "{\"v\":1," HEAD "\"time\":\"2026-11-23T01:02:03Z\",\"severity\":\"info\","
	  "\"type\":\"alert\"}",
	  "not known" },
	{ "{\"v\":1," HEAD "\"time\":\"2026-11-23T01:02:03Z\",\"severity\":\"info\","
	  "\"type\":\"alert.\"}",
	  "not known" },
	{ "{\"v\":1," HEAD "\"time\":\"2026-11-23T01:02:03Z\",\"severity\":\"bad\","
	  "\"type\":\"flow.end\"}",
	  "severity" },
	{ "{\"v\":1," HEAD TAIL ",\"source\":{\"ip\":\"1.2.3\"}}", "source.ip" },
	{ "{\"v\":1," HEAD TAIL ",\"source\":{\"port\":65536}}", "source.port" },
	{ "{\"v\":1," HEAD TAIL ",\"source\":7}", "source is not an object" },
	{ "{\"v\":1," HEAD TAIL ",\"network\":{\"vlan\":[\"x\"]}}", "network.vlan" },
	{ "{\"v\":1," HEAD TAIL ",\"network\":{\"encapsulation\":[7]}}", "encapsulation" },
	{ "{\"v\":1," HEAD TAIL ",\"flow\":{\"initiator\":\"me\"}}", "flow.initiator" },
	{ "{\"v\":1," HEAD TAIL ",\"flow\":{\"start\":\"-2h\"}}", "flow.start" },
	{ "{\"v\":1," HEAD TAIL ",\"flow\":{\"cut\":1}}", "flow.cut" },
	{ "{\"v\":1," HEAD TAIL ",\"trust\":{\"seq\":4294967296}}", "trust.seq" },
	{ "{\"v\":1," HEAD TAIL ",\"path\":\"sideways\"}", "path" },
	{ "{\"v\":1," HEAD TAIL ",\"policy\":null}", "policy is not a string" },
};

static void bad_documents(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct event e;
		char err[200] = "";

		if (event_decode(refused[i].text, strlen(refused[i].text), &e, err, sizeof(err)) !=
		    -1)
			fail_msg("taken: %s", refused[i].text);
		if (!strstr(err, refused[i].why))
			fail_msg("\"%s\" lacks \"%s\": %s", err, refused[i].why, refused[i].text);
		assert_null(e.doc);
		event_clear(&e);
	}
}

static void unknown_fields_are_kept(void **state)
{
	const char *text = "{\"v\":1," HEAD TAIL ",\"later\":{\"x\":1},\"flow\":{\"new\":[]}}";
	struct event e;
	char err[200];

	assert_int_equal(event_decode(text, strlen(text), &e, err, sizeof(err)), 0);
	assert_int_equal(e.time_ns, T0);
	assert_true(e.has_flow);
	assert_non_null(json_object_get(e.doc, "later"));
	event_clear(&e);
}

/* Runs the validator on these lines; returns its exit status. */
static int validate(char *const *lines, size_t n)
{
	FILE *p = popen("/usr/bin/python3 " VALIDATE " >/dev/null", "w");
	int status;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		fprintf(p, "%s\n", lines[i]);
	status = pclose(p);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void schema_agrees(void **state)
{
	struct event events[] = { full(), change(), minimal(EVENT_AGENT_START), full() };
	char *lines[4], *bad[] = { (char *)"{\"v\":1," HEAD TAIL "}" };

	if (access(VALIDATE, R_OK) ||
	    system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null")) {
		print_message("skipped: no python3-jsonschema, or not in the source directory\n");
		skip();
	}
	events[3].source.ip = addr("2001:db8::1");
	events[3].destination.ip = addr("::ffff:192.0.2.1");
	events[3].trust.verdict = GW_VERDICT_NO_POLICY;
	events[3].trust.list = NULL;
	events[3].trust.has_rule = false;
	events[3].flow.icmp = "3/1 from 192.0.2.1";
	events[3].flow.cut = true;
	for (size_t i = 0; i < 4; i++)
		lines[i] = event_encode(&events[i]);
	assert_int_equal(validate(lines, 4), 0);
	assert_int_equal(validate(bad, 1), 1);
	assert_int_equal(validate(bad, 0), 1); /* nothing is no proof */
	for (size_t i = 0; i < 4; i++)
		free(lines[i]);
}

static void agent_names(void **state)
{
	char longest[EVENT_AGENT_MAX + 2];

	assert_true(event_agent_valid("mgmt-1.example_x"));
	assert_false(event_agent_valid(""));
	assert_false(event_agent_valid("a/b"));
	assert_false(event_agent_valid("a b"));
	assert_false(event_agent_valid("\xc3\xbc"));
	memset(longest, 'a', sizeof(longest));
	longest[EVENT_AGENT_MAX + 1] = '\0';
	assert_false(event_agent_valid(longest));
	longest[EVENT_AGENT_MAX] = '\0';
	assert_true(event_agent_valid(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document),
		cmocka_unit_test(absent_beats_null),
		cmocka_unit_test(strings_from_the_wire),
		cmocka_unit_test(bgp_messages),
		cmocka_unit_test(extra_is_merged),
		cmocka_unit_test(big_and_odd_numbers),
		cmocka_unit_test(buffer_is_used_again),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(alerts_have_a_name),
		cmocka_unit_test(bad_documents),
		cmocka_unit_test(unknown_fields_are_kept),
		cmocka_unit_test(schema_agrees),
		cmocka_unit_test(agent_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
