/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine from packet to event, by the packets' own clock: a capture file
 * written here, a fabric of one device, and the events that must come out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/engine.h"

#define MA1 "192.0.2.11"
#define LO6 "198.51.100.64"
#define UNKNOWN_LO6 "198.51.100.77"
#define OPERATOR "198.18.1.10"
#define STRANGER "203.0.113.66"

static const char device[] = "hostname test-CE1\n"
			     "interface Management1\n   vrf MGMT\n   ip address 192.0.2.11/24\n"
			     "interface Loopback6\n   ip address 198.51.100.64/32\n"
			     "ip prefix-list loopback\n   seq 10 permit 198.51.100.64/27 le 32\n"
			     "ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
			     "router bgp 65000\n   neighbor 203.0.113.1 remote-as 65001\n"
			     "end\n";

static int make_fabric(void **state)
{
	engine_make_fabric(device);
	return 0;
}

/* ---- a capture from lines of segments ----------------------------------------- */

static void syn(unsigned ms, const char *from, const char *to, uint16_t port)
{
	packet(ms, (struct segment){ from, to, port, 22, GW_SYN, 100, 0, NULL });
}

/* A session of whole seconds: handshake, banners, FINs unless it stays open. */
static void session(unsigned ms, const char *from, const char *to, uint16_t port, unsigned length_s)
{
	packet(ms, (struct segment){ from, to, port, 22, GW_SYN, 100, 0, NULL });
	packet(ms + 1, (struct segment){ to, from, 22, port, GW_SYN | GW_ACK, 500, 101, NULL });
	packet(ms + 2, (struct segment){ from, to, port, 22, GW_ACK, 101, 501, NULL });
	packet(ms + 3, (struct segment){ to, from, 22, port, GW_ACK, 501, 101,
					 "SSH-2.0-OpenSSH_8.7\r\n" });
	packet(ms + 4, (struct segment){ from, to, port, 22, GW_ACK, 101, 522,
					 "SSH-2.0-OpenSSH_9.2p1\r\n" });
	if (!length_s)
		return;
	ms += length_s * 1000;
	packet(ms, (struct segment){ from, to, port, 22, GW_FIN | GW_ACK, 124, 522, NULL });
	packet(ms + 1, (struct segment){ to, from, 22, port, GW_FIN | GW_ACK, 522, 125, NULL });
	packet(ms + 2, (struct segment){ from, to, port, 22, GW_ACK, 125, 523, NULL });
}

/* ---- what came out, one line an event ------------------------------------------ */

static char out[65536];

static void line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void line(const char *fmt, ...)
{
	size_t n = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, sizeof(out) - n, fmt, ap);
	va_end(ap);
}

static int collect(void *arg, struct event *e)
{
	const char *verdict = e->has_trust ? event_verdict_name(e->trust.verdict) : "-";

	if (e->has_change) {
		line("%s %s > %s by %s", e->device, e->change.from, e->change.to,
		     e->change.reason);
		if (e->change.outage_s >= 0)
			line(" after %.0f s", e->change.outage_s);
		line("\n");
	} else if (e->has_flow) {
		line("%s %s %s %s %s%s%s%s\n", event_type_name(e->type),
		     e->device ? e->device : "-",
		     event_path_name(e->path) ? event_path_name(e->path) : "-", verdict,
		     e->flow.outcome, e->flow.unknown_target ? " unknown-target" : "",
		     e->flow.outbound ? " outbound" : "", e->flow.cut ? " cut" : "");
		if (e->type == EVENT_FLOW_END && e->has_ssh && e->ssh_server.software_version)
			line("  server %s\n", e->ssh_server.software_version);
	}
	return 0;
}

static struct pipeline_counters counters;

static void run_capture(bool watch_all)
{
	out[0] = '\0';
	counters = engine_run(watch_all, collect);
}

static void test_trusted_session(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 2);
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "flow.end test-CE1 primary trusted closed\n"
				 "  server OpenSSH_8.7\n");
}

/* Resets and SYNs from somebody who guesses end no session, and answer no SYN. */
static void test_blind_attack(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 0);
	packet(100, (struct segment){ OPERATOR, MA1, 40000, 22, GW_RST, 0x40000000, 0, NULL });
	packet(110, (struct segment){ MA1, OPERATOR, 22, 40000, GW_RST | GW_ACK, 0, 7, NULL });
	packet(120, (struct segment){ OPERATOR, MA1, 40000, 22, GW_SYN, 0x50000000, 0, NULL });
	packet(121, (struct segment){ MA1, OPERATOR, 22, 40000, GW_ACK, 522, 124, NULL });
	packet(2000, (struct segment){ OPERATOR, MA1, 40000, 22, GW_FIN | GW_ACK, 124, 522, NULL });
	packet(2001, (struct segment){ MA1, OPERATOR, 22, 40000, GW_FIN | GW_ACK, 522, 125, NULL });
	packet(2002, (struct segment){ OPERATOR, MA1, 40000, 22, GW_ACK, 125, 523, NULL });
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "flow.end test-CE1 primary trusted closed\n"
				 "  server OpenSSH_8.7\n");

	begin_capture();
	syn(10000, OPERATOR, MA1, 40001);
	packet(10100, (struct segment){ MA1, OPERATOR, 22, 40001, GW_RST, 0, 0, NULL });
	syn(11000, OPERATOR, MA1, 40001);
	syn(13000, OPERATOR, MA1, 40001);
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted unanswered\n"
				 "test-CE1 primary > primary-failing by primary-unanswered\n"
				 "flow.end test-CE1 primary trusted unanswered\n");
}

static void test_failover(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 1);
	syn(10000, OPERATOR, MA1, 40001);
	syn(11000, OPERATOR, MA1, 40001);
	syn(13000, OPERATOR, MA1, 40001);
	session(20000, OPERATOR, LO6, 40002, 10);
	session(60000, OPERATOR, MA1, 40003, 1);
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "flow.end test-CE1 primary trusted closed\n"
				 "  server OpenSSH_8.7\n"
				 "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted unanswered\n"
				 "test-CE1 primary > primary-failing by primary-unanswered\n"
				 "flow.start test-CE1 in-band trusted attempt\n"
				 "flow.update test-CE1 in-band trusted established\n"
				 "test-CE1 primary-failing > in-band by primary-unanswered\n"
				 "flow.end test-CE1 in-band trusted closed\n"
				 "  server OpenSSH_8.7\n"
				 "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "test-CE1 in-band > primary by primary-ok after 50 s\n"
				 "flow.end test-CE1 primary trusted unanswered\n"
				 "flow.end test-CE1 primary trusted closed\n"
				 "  server OpenSSH_8.7\n");
}

/* What happens to a stranger proves nothing about the path. */
static void test_stranger(void **state)
{
	begin_capture();
	syn(0, STRANGER, MA1, 40001);
	syn(1000, STRANGER, MA1, 40001);
	syn(3000, STRANGER, MA1, 40001);
	syn(9000, STRANGER, MA1, 40002);
	packet(9001, (struct segment){ MA1, STRANGER, 22, 40002, GW_RST | GW_ACK, 0, 101, NULL });
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary untrusted attempt\n"
				 "flow.update test-CE1 primary untrusted unanswered\n"
				 "flow.start test-CE1 primary untrusted attempt\n"
				 "flow.end test-CE1 primary untrusted unanswered\n"
				 "flow.end test-CE1 primary untrusted refused\n");
}

static void test_unjustified(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 1);
	session(5000, OPERATOR, LO6, 40001, 2);
	run_capture(false);
	assert_non_null(strstr(out, "test-CE1 primary > in-band-unjustified by primary-ok\n"));
	assert_non_null(strstr(out, "test-CE1 in-band-unjustified > primary by in-band-ended\n"));
}

static void test_unreachable(void **state)
{
	unsigned i;

	begin_capture();
	for (i = 0; i < 3; i++)
		syn(i * 1500, OPERATOR, MA1, 40001);
	for (i = 0; i < 3; i++)
		syn(10000 + i * 1500, OPERATOR, LO6, 40002);
	session(40000, STRANGER, MA1, 40003, 1); /* answers: it is back */
	run_capture(false);
	assert_non_null(strstr(out, "test-CE1 primary > primary-failing by primary-unanswered\n"));
	assert_non_null(strstr(out,
			       "test-CE1 primary-failing > unreachable by in-band-unanswered\n"));
	assert_non_null(strstr(out, "test-CE1 unreachable > primary by primary-ok after 40 s\n"));
}

static void test_stalled(void **state)
{
	unsigned i;

	begin_capture();
	session(0, OPERATOR, MA1, 40000, 0);
	/* keys typed into silence, sent again and again */
	for (i = 0; i < 6; i++)
		packet(5000 + i * 3000, (struct segment){ OPERATOR, MA1, 40000, 22, GW_ACK, 124,
							  522, "secret" });
	run_capture(false);
	assert_non_null(strstr(out, "test-CE1 primary > primary-failing by primary-stalled\n"));
	assert_non_null(strstr(out, "flow.end test-CE1 primary trusted established cut\n"));
}

static void icmp_unreachable(unsigned ms, const char *from, const struct segment *quoted)
{
	uint8_t frame[256], inner[256];
	size_t n = frame_of(quoted, inner) - 14;
	uint8_t *ip = frame + 14;

	memset(frame, 0, sizeof(frame));
	put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(28 + n));
	ip[9] = 1;
	put_quad(ip + 12, from);
	put_quad(ip + 16, quoted->src);
	ip[20] = 3;
	ip[21] = 1;
	memcpy(ip + 28, inner + 14, n);
	put_frame(ms, frame, 14 + 28 + n);
}

static void test_icmp(void **state)
{
	struct segment first = { OPERATOR, MA1, 40001, 22, GW_SYN, 100, 0, NULL };
	struct segment lie = { OPERATOR, MA1, 40001, 22, GW_SYN, 999999, 0, NULL };

	begin_capture();
	packet(0, first);
	icmp_unreachable(10, "192.0.2.1", &first);
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted unreachable\n"
				 "test-CE1 primary > primary-failing by primary-unreachable\n"
				 "flow.end test-CE1 primary trusted unreachable\n");
	/* a quote of a packet that was never sent is not believed */
	begin_capture();
	packet(0, first);
	icmp_unreachable(10, "192.0.2.1", &lie);
	run_capture(false);
	assert_null(strstr(out, "unreachable"));
}

static void test_unknown_target(void **state)
{
	begin_capture();
	session(0, OPERATOR, UNKNOWN_LO6, 40000, 1);
	run_capture(false);
	assert_non_null(strstr(out, "flow.start - in-band no-policy attempt unknown-target\n"));
}

static void test_outbound(void **state)
{
	begin_capture();
	session(0, MA1, STRANGER, 40000, 1);
	run_capture(false);
	assert_non_null(strstr(out, "flow.end test-CE1 primary untrusted closed outbound\n"));
}

static void test_nobodys(void **state)
{
	begin_capture();
	session(0, OPERATOR, STRANGER, 40000, 1);
	run_capture(false);
	assert_string_equal(out, "");
	begin_capture();
	session(0, OPERATOR, STRANGER, 40000, 1);
	run_capture(true);
	assert_non_null(strstr(out, "flow.end - - - closed\n"));
}

/* The same 5-tuple again with another sequence number: another flow. */
static void test_port_reused(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 1);
	packet(2000, (struct segment){ OPERATOR, MA1, 40000, 22, GW_SYN, 77777, 0, NULL });
	packet(2001, (struct segment){ MA1, OPERATOR, 22, 40000, GW_RST | GW_ACK, 0, 77778, NULL });
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "flow.end test-CE1 primary trusted closed\n"
				 "  server OpenSSH_8.7\n"
				 "flow.start test-CE1 primary trusted attempt\n"
				 "flow.end test-CE1 primary trusted refused\n");
	assert_int_equal(counters.flows, 2);
}

/* A straggler after flow.end belongs to the flow that ended: no new one. */
static void test_straggler(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 1);
	packet(8000, (struct segment){ MA1, OPERATOR, 22, 40000, GW_FIN | GW_ACK, 522, 125, NULL });
	syn(50000, OPERATOR, MA1, 41000); /* moves the clock */
	run_capture(false);
	assert_int_equal(counters.flows, 2);
	assert_int_equal(counters.late_packets, 1);
}

/* The file ends before the ended flow is forgotten: the straggler is counted all the same. */
static void test_straggler_at_the_end(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 1);
	packet(8000, (struct segment){ MA1, OPERATOR, 22, 40000, GW_FIN | GW_ACK, 522, 125, NULL });
	run_capture(false);
	assert_int_equal(counters.flows, 1);
	assert_int_equal(counters.late_packets, 1);
}

/* A session that was silent for longer than flows are kept goes on: a flow again, of
 * which no packet is taken for a straggler, though the file has nothing in between. */
static void test_resumed(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 0);
	packet(9000000, (struct segment){ MA1, OPERATOR, 22, 40000, GW_ACK, 522, 124, "x" });
	packet(9000001, (struct segment){ OPERATOR, MA1, 40000, 22, GW_ACK, 124, 523, NULL });
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "flow.end test-CE1 primary trusted established\n"
				 "  server OpenSSH_8.7\n"
				 "flow.start test-CE1 primary trusted established\n"
				 "flow.end test-CE1 primary trusted established cut\n");
	assert_int_equal(counters.flows, 2);
	assert_int_equal(counters.late_packets, 0);
}

static void test_long_flow(void **state)
{
	begin_capture();
	session(0, OPERATOR, MA1, 40000, 0);
	packet(61000, (struct segment){ MA1, OPERATOR, 22, 40000, GW_ACK, 522, 124, "x" });
	packet(62000, (struct segment){ OPERATOR, MA1, 40000, 22, GW_ACK, 124, 523, NULL });
	run_capture(false);
	assert_string_equal(out, "flow.start test-CE1 primary trusted attempt\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "flow.update test-CE1 primary trusted established\n"
				 "flow.end test-CE1 primary trusted established cut\n"
				 "  server OpenSSH_8.7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trusted_session),
		cmocka_unit_test(test_blind_attack), cmocka_unit_test(test_failover),
		cmocka_unit_test(test_stranger),	cmocka_unit_test(test_unjustified),
		cmocka_unit_test(test_unreachable),	cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_icmp),		cmocka_unit_test(test_unknown_target),
		cmocka_unit_test(test_outbound),	cmocka_unit_test(test_nobodys),
		cmocka_unit_test(test_port_reused),	cmocka_unit_test(test_straggler),
		cmocka_unit_test(test_long_flow),	cmocka_unit_test(test_straggler_at_the_end),
		cmocka_unit_test(test_resumed),
	};

	return cmocka_run_group_tests(tests, make_fabric, engine_remove_fabric);
}
