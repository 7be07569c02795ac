/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TC programs whole, through BPF_PROG_TEST_RUN: what flows, counters and
 * records come of which packets. The last test plays random conversations to the
 * kernel and to the user-space watch (agent/watch.c) and wants the same flows and
 * the same records of both.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "common/fabric/fabric.h"
#include "agent/kernel.h"
#include "agent/watch.h"
#include "bpf/fragment.h"
#include "fragment_frames.h"
#include "kernel_frames.h"
#include "wrapped_frames.h"
#include "watch.skel.h"

#define MAX_RECORDS 4096
#define LOOPBACK 1 /* BPF_PROG_TEST_RUN's device */

static struct capture_config config = { .ssh_ports = { 22 }, .bgp_ports = { 179 },
					.max_flows = 1024, .ring_bytes = 4 << 20 };
static struct capture *capture;
static struct kernel *kernel;
static struct gw_record records[MAX_RECORDS];
static size_t n_records;

/* ---- a small fabric --------------------------------------------------------------- */

/* target 0: 192.0.2.1 primary, 1: 2001:db8::1 in-band; range 198.18.0.0/16 but for
 * 198.18.9.0/24, and 2001:db8:6::/48; trusted: 10.0.0.0/8, 2001:db8:a::/48 */
static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static struct fabric fabric_of(uint32_t number, bool permit)
{
	static struct fabric_device device;
	static struct fabric_target targets[2];
	static struct fabric_range ranges[3];
	static struct prefix_entry entries[2][2];
	static struct prefix_list lists[2][2];
	static struct fabric_policy policies[2];
	struct fabric f = { .number = number, .devices = &device, .n_devices = 1,
			    .targets = targets, .n_targets = 2, .policies = &policies[permit],
			    .n_policies = 1, .ranges = ranges, .n_ranges = 3 };
	struct lpm_entry e[3];
	int i;

	targets[0] = (struct fabric_target){ .address = address("192.0.2.1"),
					     .path = GW_PATH_PRIMARY };
	targets[1] = (struct fabric_target){ .address = address("2001:db8::1"),
					     .path = GW_PATH_INBAND };
	ranges[0] = (struct fabric_range){ prefix("198.18.0.0/16"), true };
	ranges[1] = (struct fabric_range){ prefix("198.18.9.0/24"), false };
	ranges[2] = (struct fabric_range){ prefix("2001:db8:6::/48"), true };
	for (i = 0; i < 3; i++)
		e[i] = (struct lpm_entry){ ranges[i].prefix, ranges[i].permit, (uint32_t)i };
	f.range_table = lpm_build(e, 3);
	entries[permit][0] = (struct prefix_entry){ .seq = 10, .permit = permit,
						    .prefix = prefix("10.0.0.0/8") };
	entries[permit][1] = (struct prefix_entry){ .seq = 10, .permit = permit,
						    .prefix = prefix("2001:db8:a::/48") };
	for (i = 0; i < 2; i++)
		lists[permit][i] = (struct prefix_list){ .name = (char *)"l",
							 .family = i ? 6 : 4,
							 .entries = &entries[permit][i],
							 .n_entries = 1 };
	policies[permit].v4 = &lists[permit][0];
	policies[permit].v6 = &lists[permit][1];
	policies[permit].v4_table = prefix_list_compile(policies[permit].v4);
	policies[permit].v6_table = prefix_list_compile(policies[permit].v6);
	assert_true(f.range_table && policies[permit].v4_table && policies[permit].v6_table);
	return f;
}

static void fabric_done(struct fabric *f)
{
	lpm_free(f->range_table);
	lpm_free(f->policies->v4_table);
	lpm_free(f->policies->v6_table);
}

/* ---- running ---------------------------------------------------------------------- */

static void keep(void *arg, const struct gw_record *r)
{
	assert_true(n_records < MAX_RECORDS);
	memset(&records[n_records], 0, sizeof(records[0]));
	memcpy(&records[n_records++], r,
	       GW_RECORD_SHORT + r->snap_len);
}

/* Runs one frame and collects the records. */
static void run_frame(const uint8_t *frame, size_t len, bool egress, const struct __sk_buff *ctx)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .ctx_in = ctx, .ctx_size_in = ctx ? sizeof(*ctx) : 0);
	int prog = bpf_program__fd(egress ? kernel->watch->progs.gw_egress :
					    kernel->watch->progs.gw_ingress);

	if (bpf_prog_test_run_opts(prog, &opts))
		fail_msg("BPF_PROG_TEST_RUN: %s", strerror(errno));
	assert_int_equal(opts.retval, (uint32_t)-1); /* TCX_NEXT, always */
	n_records = 0;
	while (capture->ops->poll(capture, 0, keep, NULL) > 0)
		;
}

static void run_packet(const struct packet *p)
{
	uint8_t frame[FRAME_ROOM];
	size_t len = packet_frame(p, frame);

	run_frame(frame, len, false, NULL);
}

static struct packet packet(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			    uint8_t flags, uint32_t seq, uint32_t ack, uint16_t payload)
{
	struct packet p = { .src = address(src), .dst = address(dst), .sport = sport,
			    .dport = dport, .flags = flags, .seq = seq, .ack = ack,
			    .payload = payload };

	return p;
}

static void run(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t flags,
		uint32_t seq, uint32_t ack, uint16_t payload)
{
	struct packet p = packet(src, sport, dst, dport, flags, seq, ack, payload);

	run_packet(&p);
}

static struct gw_flow flow_between(const char *src, uint16_t sport, const char *dst,
				   uint16_t dport)
{
	struct packet p = packet(src, sport, dst, dport, 0, 0, 0, 0);
	struct gw_key key = packet_key(&p);
	struct gw_flow f;

	memset(&f, 0, sizeof(f));
	if (capture->ops->read(capture, &key, &f))
		f.wrap.vlan_n = 0xff; /* no such flow */
	return f;
}

static bool is_flow(const struct gw_flow *f)
{
	return f->wrap.vlan_n != 0xff;
}

static void drop(void *arg, const struct gw_key *key, const struct gw_flow *flow)
{
	assert_int_equal(capture->ops->forget(capture, key, NULL), 0);
}

static uint64_t stat(enum gw_stat s)
{
	uint64_t all[GW_STAT_MAX];

	capture->ops->stats(capture, all);
	return all[s];
}

static struct fabric current;

static int with_kernel(void **state)
{
	char err[512];

	capture = capture_bpf_open(&config, err, sizeof(err));
	if (!capture) {
		if (geteuid() == 0)
			fail_msg("%s", err);
		print_message("skipped: %s\n", err);
		return 0;
	}
	kernel = kernel_of_capture(capture);
	current = fabric_of(3, true);
	assert_int_equal(capture->ops->load(capture, &current), 0);
	return 0;
}

static int without_kernel(void **state)
{
	if (capture) {
		capture->ops->close(capture);
		fabric_done(&current);
	}
	capture = NULL;
	return 0;
}

#define NEED_KERNEL()                                                                         \
	do {                                                                                  \
		if (!capture)                                                                 \
			skip();                                                               \
	} while (0)

/* ---- tests ------------------------------------------------------------------------ */

static void handshake(const char *src, uint16_t sport, const char *dst)
{
	run(src, sport, dst, 22, GW_SYN, 1000, 0, 0);
	run(dst, 22, src, sport, GW_SYN | GW_ACK, 5000, 1001, 0);
	run(src, sport, dst, 22, GW_ACK, 1001, 5001, 0);
}

static void test_session(void **state)
{
	static const struct {
		const char *src, *dst;
		uint32_t target, header;
		enum gw_path path;
	} cases[] = {
		{ "10.1.2.3", "192.0.2.1", 0, 40, GW_PATH_PRIMARY },
		{ "2001:db8:a::5", "2001:db8::1", 1, 60, GW_PATH_INBAND },
	};
	size_t c;

	NEED_KERNEL();
	for (c = 0; c < 2; c++) {
		const char *src = cases[c].src, *dst = cases[c].dst;
		uint64_t watched = stat(GW_STAT_WATCHED);
		struct gw_flow f;
		uint32_t d, i;

		run(src, 40000, dst, 22, GW_SYN, 1000, 0, 0);
		assert_int_equal(n_records, 1);
		assert_int_equal(records[0].kind, GW_REC_CONTROL);
		assert_int_equal(records[0].is_new, 1);
		assert_int_equal(records[0].tcp_flags, GW_SYN);
		assert_int_equal(records[0].ifindex, LOOPBACK);
		assert_int_equal(records[0].flow.basis, GW_BASIS_SYN);
		assert_int_equal(records[0].flow.service, GW_SERVICE_SSH);
		assert_int_equal(records[0].flow.judgement.verdict, GW_VERDICT_TRUSTED);
		assert_int_equal(records[0].flow.judgement.rule, 0);
		assert_int_equal(records[0].flow.judgement.target, cases[c].target);
		assert_int_equal(records[0].flow.judgement.path, cases[c].path);
		assert_int_equal(records[0].flow.judgement.generation, 3);
		assert_int_equal(records[0].flow.judgement.outbound, 0);
		d = records[0].dir;

		run(dst, 22, src, 40000, GW_SYN | GW_ACK, 5000, 1001, 0);
		assert_int_equal(n_records, 1);
		assert_int_equal(records[0].is_new, 0);
		assert_int_equal(records[0].dir, !d);
		run(src, 40000, dst, 22, GW_ACK, 1001, 5001, 0);
		assert_int_equal(n_records, 1);
		assert_true(records[0].flow.established_ns > records[0].flow.start_ns);

		for (i = 0; i < 16; i++) {
			run(src, 40000, dst, 22, GW_ACK | GW_PSH, 1001 + 100 * i, 5001, 100);
			assert_int_equal(n_records, i < GW_FIRST_PAYLOADS);
			if (n_records) {
				assert_int_equal(records[0].kind, GW_REC_PAYLOAD);
				assert_int_equal(records[0].snap_len, 100);
				assert_int_equal(records[0].payload_len, 100);
				assert_memory_equal(records[0].snap, "abcdefghij", 10);
				assert_int_equal(records[0].snap[100], 0);
			}
		}
		f = flow_between(src, 40000, dst, 22);
		assert_true(is_flow(&f));
		assert_int_equal(f.initiator, d);
		assert_int_equal(f.dir[d].packets, 18);
		assert_int_equal(f.dir[d].payload, 1600);
		assert_int_equal(f.dir[d].bytes, 18 * cases[c].header + 1600);
		assert_int_equal(f.dir[!d].packets, 1);
		assert_int_equal(f.dir[d].high, 2601);
		assert_int_equal(f.dir[d].state, GW_TCP_ESTABLISHED);
		assert_int_equal(stat(GW_STAT_WATCHED) - watched, 19);

		run(src, 40000, dst, 22, GW_FIN | GW_ACK, 2601, 5001, 0);
		assert_int_equal(n_records, 1);
		assert_string_equal(gw_track_conn_state(&records[0].flow), "S2");
	}
	assert_int_equal(stat(GW_STAT_DROP_RING), 0);
}

/* A packet longer than the snap, and longer than what there is of it. */
static void test_snap(void **state)
{
	NEED_KERNEL();
	handshake("10.1.2.3", 40100, "192.0.2.1");
	run("10.1.2.3", 40100, "192.0.2.1", 22, GW_ACK, 1001, 5001, 3000);
	assert_int_equal(n_records, 1);
	assert_int_equal(records[0].payload_len, 3000);
	assert_int_equal(records[0].snap_len, GW_SNAP);
}

static void test_replaced(void **state)
{
	NEED_KERNEL();
	handshake("10.1.2.3", 40200, "192.0.2.1");
	run("10.1.2.3", 40200, "192.0.2.1", 22, GW_ACK, 1001, 5001, 10);
	/* the same SYN again is a retransmission */
	run("10.1.2.3", 40200, "192.0.2.1", 22, GW_SYN, 1000, 0, 0);
	assert_int_equal(n_records, 1);
	assert_int_equal(records[0].kind, GW_REC_CONTROL);
	/* another one does not end the connection, and neither does a reset from afar */
	run("10.1.2.3", 40200, "192.0.2.1", 22, GW_SYN, 77000, 0, 0);
	assert_int_equal(n_records, 0);
	run("10.1.2.3", 40200, "192.0.2.1", 22, GW_RST, 900000, 0, 0);
	assert_int_equal(n_records, 0);
	run("192.0.2.1", 22, "10.1.2.3", 40200, GW_ACK, 5001, 1011, 20);
	assert_int_equal(n_records, 1);
	assert_string_equal(gw_track_conn_state(&records[0].flow), "S1");
	assert_int_equal(records[0].flow.strays, 2);
	/* its answer shows that it opened another one */
	run("192.0.2.1", 22, "10.1.2.3", 40200, GW_SYN | GW_ACK, 9000, 77001, 0);
	assert_int_equal(n_records, 2);
	assert_int_equal(records[0].kind, GW_REC_REPLACED);
	assert_int_equal(records[0].flow.dir[!records[0].dir].payload, 10);
	assert_int_equal(records[0].flow.dir[!records[0].dir].packets, 5);
	assert_int_equal(records[0].flow.strays, 1);
	assert_int_equal(records[1].kind, GW_REC_CONTROL);
	assert_int_equal(records[1].is_new, 1);
	assert_int_equal(records[1].flow.initiator, !records[1].dir);
	assert_int_equal(records[1].flow.dir[0].packets, 1);
	assert_int_equal(records[1].flow.dir[1].packets, 1);
	assert_int_equal(records[1].flow.judgement.verdict, GW_VERDICT_TRUSTED);
	run("10.1.2.3", 40200, "192.0.2.1", 22, GW_ACK, 77001, 9001, 0);
	assert_true(records[0].flow.established_ns > records[0].flow.start_ns);
	/* closed: the next SYN is believed at once */
	run("192.0.2.1", 22, "10.1.2.3", 40200, GW_RST, 9001, 0, 0);
	assert_int_equal(n_records, 1);
	run("10.1.2.3", 40200, "192.0.2.1", 22, GW_SYN, 88000, 0, 0);
	assert_int_equal(n_records, 2);
	assert_int_equal(records[0].kind, GW_REC_REPLACED);
	assert_int_equal(records[1].flow.dir[records[1].dir].packets, 1);
	assert_int_equal(records[1].flow.strays, 0);
}

static void test_judgement(void **state)
{
	static const struct {
		const char *src;
		uint16_t sport;
		const char *dst;
		uint16_t dport;
		uint8_t flags;
		bool watched;
		enum gw_basis basis;
		enum gw_path path;
		enum gw_verdict verdict;
		uint32_t target;
		bool outbound;
	} cases[] = {
		/* untrusted by the end of the list */
		{ "203.0.113.5", 1024, "192.0.2.1", 22, GW_SYN, true, GW_BASIS_SYN,
		  GW_PATH_PRIMARY, GW_VERDICT_UNTRUSTED, 0, false },
		{ "2001:db8:b::5", 1024, "2001:db8::1", 179, GW_SYN, true, GW_BASIS_SYN,
		  GW_PATH_INBAND, GW_VERDICT_UNTRUSTED, 1, false },
		/* mid-stream: the device's side has the port */
		{ "10.1.1.1", 1025, "192.0.2.1", 22, GW_ACK, true, GW_BASIS_INVENTORY,
		  GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, 0, false },
		{ "192.0.2.1", 22, "10.1.1.1", 1026, GW_ACK, true, GW_BASIS_INVENTORY,
		  GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, 0, false },
		/* a SYN-ACK shows the initiator too */
		{ "192.0.2.1", 22, "10.1.1.1", 1027, GW_SYN | GW_ACK, true, GW_BASIS_SYN,
		  GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, 0, false },
		/* the device opens it: its peer is judged */
		{ "192.0.2.1", 1028, "10.9.9.9", 179, GW_SYN, true, GW_BASIS_SYN,
		  GW_PATH_PRIMARY, GW_VERDICT_TRUSTED, 0, true },
		{ "192.0.2.1", 1029, "203.0.113.9", 22, GW_SYN, true, GW_BASIS_SYN,
		  GW_PATH_PRIMARY, GW_VERDICT_UNTRUSTED, 0, true },
		/* in the range, in no configuration */
		{ "10.1.1.1", 1030, "198.18.1.1", 22, GW_SYN, true, GW_BASIS_SYN,
		  GW_PATH_INBAND, GW_VERDICT_NO_POLICY, GW_TARGET_NONE, false },
		{ "10.1.1.1", 1031, "198.18.9.1", 22, GW_SYN, false, 0, 0, 0, 0, false },
		{ "2001:db8:a::1", 1032, "2001:db8:6::9", 22, GW_ACK, true, GW_BASIS_PORT,
		  GW_PATH_INBAND, GW_VERDICT_NO_POLICY, GW_TARGET_NONE, false },
		/* the range counts for responders only */
		{ "198.18.1.1", 1033, "203.0.113.7", 22, GW_SYN, false, 0, 0, 0, 0, false },
		/* nobody's */
		{ "10.1.1.1", 1034, "203.0.113.7", 22, GW_SYN, false, 0, 0, 0, 0, false },
		{ "2001:db8:a::1", 1035, "2001:db8:7::9", 179, GW_SYN, false, 0, 0, 0, 0, false },
		/* another port is not even looked at */
		{ "10.1.1.1", 1036, "192.0.2.1", 443, GW_SYN, false, 0, 0, 0, 0, false },
	};
	size_t i;

	NEED_KERNEL();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gw_flow f;

		run(cases[i].src, cases[i].sport, cases[i].dst, cases[i].dport, cases[i].flags, 1,
		    0, 0);
		f = flow_between(cases[i].src, cases[i].sport, cases[i].dst, cases[i].dport);
		if (is_flow(&f) != cases[i].watched)
			fail_msg("case %zu: %swatched", i, is_flow(&f) ? "" : "not ");
		assert_int_equal(n_records, cases[i].watched);
		if (!cases[i].watched)
			continue;
		assert_int_equal(f.basis, cases[i].basis);
		assert_int_equal(f.judgement.path, cases[i].path);
		assert_int_equal(f.judgement.verdict, cases[i].verdict);
		assert_int_equal(f.judgement.target, cases[i].target);
		assert_int_equal(f.judgement.outbound, cases[i].outbound);
	}
}

static void test_reload(void **state)
{
	struct fabric other;
	struct gw_flow f;

	NEED_KERNEL();
	run("10.1.2.3", 40300, "192.0.2.1", 22, GW_SYN, 1, 0, 0);
	other = fabric_of(4, false);
	assert_int_equal(capture->ops->load(capture, &other), 0);
	/* judged once: the old flow keeps its judgement */
	run("10.1.2.3", 40300, "192.0.2.1", 22, GW_RST, 2, 0, 0);
	assert_int_equal(records[0].flow.judgement.generation, 3);
	assert_int_equal(records[0].flow.judgement.verdict, GW_VERDICT_TRUSTED);
	run("10.1.2.3", 40301, "192.0.2.1", 22, GW_SYN, 1, 0, 0);
	assert_int_equal(records[0].flow.judgement.generation, 4);
	assert_int_equal(records[0].flow.judgement.verdict, GW_VERDICT_UNTRUSTED);
	assert_int_equal(records[0].flow.judgement.rule, 0);
	/* no fabric watches nothing */
	assert_int_equal(capture->ops->load(capture, NULL), 0);
	run("10.1.2.3", 40302, "192.0.2.1", 22, GW_SYN, 1, 0, 0);
	f = flow_between("10.1.2.3", 40302, "192.0.2.1", 22);
	assert_false(is_flow(&f));
	assert_int_equal(capture->ops->load(capture, &current), 0);
	fabric_done(&other);
}

static void test_icmp(void **state)
{
	struct packet p = packet("10.1.2.3", 40400, "192.0.2.1", 22, GW_SYN, 9, 0, 0);
	uint8_t quoted[FRAME_ROOM], frame[FRAME_ROOM] = { 0 };

	NEED_KERNEL();
	run_packet(&p);
	packet_frame(&p, quoted);
	memcpy(frame, quoted, 34);
	frame[17] = 20 + 8 + 28;
	frame[23] = 1;
	memcpy(frame + 26, "\xcb\x00\x71\x01", 4); /* 203.0.113.1 */
	frame[34] = 3;
	frame[35] = 13;
	memcpy(frame + 42, quoted + 14, 28);
	run_frame(frame, 70, false, NULL);
	assert_int_equal(n_records, 1);
	assert_int_equal(records[0].kind, GW_REC_ICMP);
	assert_int_equal(records[0].icmp_type, 3);
	assert_int_equal(records[0].icmp_code, 13);
	assert_memory_equal(records[0].icmp_source, "\xcb\x00\x71\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(records[0].dir, records[0].flow.initiator);
	assert_int_equal(records[0].flow.dir[records[0].dir].packets, 1);
	/* about a flow that nobody knows */
	frame[62] = 1;
	run_frame(frame, 70, false, NULL);
	assert_int_equal(n_records, 0);
}

/* A super-packet of 5 segments of 200 bytes. */
static void test_gso(void **state)
{
	struct __sk_buff ctx = { .gso_segs = 5, .gso_size = 200 };
	uint8_t frame[FRAME_ROOM * 2];
	struct packet p;
	struct gw_flow f;
	size_t len;
	int i;

	NEED_KERNEL();
	handshake("10.1.2.3", 40500, "192.0.2.1");
	p = packet("10.1.2.3", 40500, "192.0.2.1", 22, GW_ACK, 1001, 5001, 900);
	for (i = 0; i < 6; i++) { /* the last ones by the quiet way */
		len = packet_frame(&p, frame);
		run_frame(frame, len, false, &ctx);
		p.seq += 900;
	}
	f = flow_between("10.1.2.3", 40500, "192.0.2.1", 22);
	assert_int_equal(f.dir[f.initiator].packets, 2 + 30);
	assert_int_equal(f.dir[f.initiator].payload, 5400);
	assert_int_equal(f.dir[f.initiator].bytes, 2 * 40 + 5400 + 30 * 40);
}

/* A super-packet in a tunnel: the segments' own headers are the innermost. */
static void test_gso_wrapped(void **state)
{
	struct __sk_buff ctx = { .gso_segs = 5, .gso_size = 200 };
	struct packet p = packet("10.1.2.3", 40510, "192.0.2.1", 22, GW_SYN, 1, 0, 0);
	static struct wrapped w;
	uint8_t frame[FRAME_ROOM];
	struct gw_flow f;
	size_t len;
	int i;

	NEED_KERNEL();
	for (i = 0; i < 2; i++) {
		len = packet_frame(&p, frame);
		wrapped_begin(&w, frame + 14, len - 14, GW_ETH_IPV4);
		wrapped_ethernet(&w);
		assert_true(wrapped_tunnel(&w, GW_TUNNEL_VXLAN, 6, 5000 << 8));
		wrapped_ethernet(&w);
		run_frame(wrapped_bytes(&w), wrapped_len(&w), false, i ? &ctx : NULL);
		p = packet("10.1.2.3", 40510, "192.0.2.1", 22, GW_ACK, 2, 0, 900);
	}
	f = flow_between("10.1.2.3", 40510, "192.0.2.1", 22);
	assert_int_equal(f.dir[f.initiator].packets, 1 + 5);
	assert_int_equal(f.dir[f.initiator].payload, 900);
	assert_int_equal(f.dir[f.initiator].bytes, 40 + 900 + 5 * 40);
	assert_int_equal(f.wrap.tunnel[0], GW_TUNNEL_VXLAN);
	assert_int_equal(f.wrap.tunnel_id[0], 5000);
	assert_int_equal(f.wrap.outer_family, 6);
}

static void test_odd_frames(void **state)
{
	struct packet p = packet("10.1.2.3", 40600, "192.0.2.1", 22, GW_SYN, 9, 0, 0);
	uint64_t fragments, bad;
	uint8_t frame[FRAME_ROOM];
	struct gw_flow f;
	size_t len;

	NEED_KERNEL();
	fragments = stat(GW_STAT_FRAGMENTS);
	bad = stat(GW_STAT_PARSE_BAD);
	p.tag = 42;
	run_packet(&p);
	f = flow_between("10.1.2.3", 40600, "192.0.2.1", 22);
	assert_int_equal(f.wrap.vlan_n, 1);
	assert_int_equal(f.wrap.vlan[0], 42);
	p.tag = 0;
	len = packet_frame(&p, frame);
	frame[21] = 9; /* fragment offset */
	run_frame(frame, len, false, NULL);
	assert_int_equal(stat(GW_STAT_FRAGMENTS), fragments + 1);
	len = packet_frame(&p, frame);
	frame[46] = 0x20; /* a TCP header of 8 bytes */
	run_frame(frame, len, false, NULL);
	assert_int_equal(stat(GW_STAT_PARSE_BAD), bad + 1);
}

/* One fragment of a packet: bytes [from, from + n) of what is after the IP header. */
static void run_fragment(const struct packet *p, uint32_t id, uint32_t from, uint32_t n, bool more,
			 bool egress)
{
	uint8_t frame[FRAME_ROOM], out[FRAME_ROOM];

	packet_frame(p, frame);
	run_frame(out, fragment_of(frame, id, from, n, from, more, out), egress, NULL);
}

/* Later fragments are packets of their flow, whether they come after the first one or
 * before it; and nothing else that has the same addresses is. */
static void test_fragments(void **state)
{
	static const struct {
		const char *src, *dst;
		uint32_t header; /* of a fragment's IP packet */
	} cases[] = {
		{ "10.1.2.3", "192.0.2.1", 20 },
		{ "2001:db8:a::5", "2001:db8::1", 48 },
	};
	size_t c;

	NEED_KERNEL();
	for (c = 0; c < 2; c++) {
		struct packet p = packet(cases[c].src, 40610, cases[c].dst, 22, GW_ACK, 1001, 5001,
					 500);
		uint64_t lost = stat(GW_STAT_FRAGMENTS), other = stat(GW_STAT_OTHER_HOOK);
		const struct gw_dir *d;
		struct gw_flow f;
		uint64_t bytes;

		handshake(cases[c].src, 40610, cases[c].dst);
		f = flow_between(cases[c].src, 40610, cases[c].dst, 22);
		bytes = f.dir[f.initiator].bytes;

		/* in order */
		run_fragment(&p, 7, 0, 200, true, false);
		assert_int_equal(n_records, 1);
		assert_int_equal(records[0].part, GW_PART_MORE);
		assert_int_equal(records[0].payload_len, 180);
		run_fragment(&p, 7, 200, 200, true, false);
		assert_int_equal(n_records, 1);
		assert_int_equal(records[0].part, GW_PART_MORE | GW_PART_LATER);
		assert_int_equal(records[0].seq, 1181);
		assert_int_equal(records[0].snap_len, 200);
		assert_int_equal(records[0].snap[0], 'a' + 180 % 26);
		run_fragment(&p, 7, 400, 120, false, false);
		assert_int_equal(records[0].part, GW_PART_LATER);
		f = flow_between(cases[c].src, 40610, cases[c].dst, 22);
		d = &f.dir[f.initiator];
		assert_int_equal(d->packets, 2 + 3);
		assert_int_equal(d->bytes - bytes, 3 * cases[c].header + 520);
		assert_int_equal(d->payload, 500);
		assert_int_equal(d->fragments, 3);
		assert_int_equal(d->high, 1501);
		assert_int_equal(d->hole, 0);

		/* backwards: they wait for the first one */
		p.seq = 1501;
		run_fragment(&p, 8, 400, 120, false, false);
		run_fragment(&p, 8, 200, 200, true, false);
		assert_int_equal(n_records, 0);
		assert_int_equal(stat(GW_STAT_FRAGMENTS), lost + 2);
		run_fragment(&p, 8, 0, 200, true, false);
		assert_int_equal(n_records, 3);
		assert_int_equal(records[1].seq, 1881);
		assert_int_equal(records[2].seq, 1681);
		assert_int_equal(records[2].snap[0], 'a' + 180 % 26);
		assert_int_equal(records[2].flow.dir[records[2].dir].high, 2001);
		assert_int_equal(stat(GW_STAT_FRAGMENTS), lost);

		/* again, and over the first one's bytes: nobody's */
		run_fragment(&p, 8, 200, 200, true, false);
		run_fragment(&p, 8, 96, 104, true, false);
		/* beyond the last one */
		run_fragment(&p, 8, 520, 0, true, false);
		assert_int_equal(stat(GW_STAT_FRAGMENTS), lost + 3);
		/* another datagram, of which no first one is known */
		run_fragment(&p, 9, 200, 200, true, false);
		assert_int_equal(n_records, 0);
		assert_int_equal(stat(GW_STAT_FRAGMENTS), lost + 4);
		/* on its way out it is seen again */
		p.seq = 2001;
		run_fragment(&p, 10, 0, 200, true, false);
		run_fragment(&p, 10, 0, 200, true, true);
		run_fragment(&p, 10, 200, 320, false, false);
		run_fragment(&p, 10, 200, 320, false, true);
		assert_int_equal(stat(GW_STAT_OTHER_HOOK), other + 2);
		f = flow_between(cases[c].src, 40610, cases[c].dst, 22);
		d = &f.dir[f.initiator];
		assert_int_equal(d->packets, 2 + 8);
		assert_int_equal(d->payload, 1500);
		assert_int_equal(d->again, 0);
		assert_int_equal(d->hole, 0);
	}
}

/* A BGP segment that no record holds comes in several. */
static void test_parts(void **state)
{
	struct packet p = packet("10.1.2.3", 40620, "192.0.2.1", 179, GW_SYN, 1000, 0, 0);
	struct gw_flow f;

	NEED_KERNEL();
	run_packet(&p);
	p.flags = GW_ACK | GW_FIN;
	p.seq = 1001;
	p.payload = 3000;
	run_packet(&p);
	assert_int_equal(n_records, 2);
	assert_int_equal(records[0].part, GW_PART_MORE);
	assert_int_equal(records[0].payload_len, GW_SNAP);
	assert_int_equal(records[0].snap_len, GW_SNAP);
	assert_int_equal(records[0].tcp_flags, GW_ACK | GW_FIN);
	assert_int_equal(records[1].part, GW_PART_LATER);
	assert_int_equal(records[1].seq, 1001 + GW_SNAP);
	assert_int_equal(records[1].payload_len, 3000 - GW_SNAP);
	assert_int_equal(records[1].snap_len, 3000 - GW_SNAP);
	assert_int_equal(records[1].tcp_flags, GW_ACK);
	assert_int_equal(records[1].snap[0], 'a' + GW_SNAP % 26);
	f = flow_between("10.1.2.3", 40620, "192.0.2.1", 179);
	assert_int_equal(f.dir[f.initiator].packets, 2);
	assert_int_equal(f.dir[f.initiator].payload, 3000);
}

/* The same packet seen at two hooks. */
static bool run_at_both(const uint8_t *frame, size_t len, bool first)
{
	uint64_t began = clock_now().mono_ns;

	run_frame(frame, len, first, NULL);
	run_frame(frame, len, !first, NULL);
	return clock_now().mono_ns - began < NS_PER_S; /* a second is a silence */
}

/* The same packet on its way out is counted once. */
static void test_other_hook(void **state)
{
	uint64_t before, other;
	uint16_t port = 40700;
	uint8_t frame[FRAME_ROOM];
	struct gw_flow f, later;
	bool quick;

	NEED_KERNEL();
	do { /* where it took too long, again with another flow */
		struct packet p = packet("10.1.2.3", ++port, "192.0.2.1", 22, GW_SYN, 9, 0, 0);
		size_t len = packet_frame(&p, frame);

		before = stat(GW_STAT_OTHER_HOOK);
		quick = run_at_both(frame, len, false);
		f = flow_between("10.1.2.3", port, "192.0.2.1", 22);
		other = stat(GW_STAT_OTHER_HOOK);
		/* after a silence it has moved there, and only there it is counted */
		usleep(1200000);
		quick &= run_at_both(frame, len, true);
		later = flow_between("10.1.2.3", port, "192.0.2.1", 22);
	} while (!quick);
	assert_int_equal(f.dir[f.initiator].packets, 1);
	assert_int_equal(other, before + 1);
	assert_int_equal(later.dir[later.initiator].packets, 2);
	assert_int_equal(later.dir[later.initiator].hook, LOOPBACK << 1 | 1);
	assert_int_equal(stat(GW_STAT_OTHER_HOOK), before + 2);
}

static void no_record(void *arg, const struct gw_record *r)
{
}

static void count(void *arg, const struct gw_key *key, const struct gw_flow *flow)
{
	++*(int *)arg;
}

static void test_sweep(void **state)
{
	struct gw_flow f;
	struct packet p;
	struct gw_key key;
	int n = 0, i;

	NEED_KERNEL();
	capture->ops->sweep(capture, drop, NULL);
	for (i = 0; i < 300; i++) {
		run("10.7.7.7", (uint16_t)(2000 + i), "192.0.2.1", 22, GW_SYN, 1, 0, 0);
		run("2001:db8:a::7", (uint16_t)(2000 + i), "2001:db8::1", 22, GW_SYN, 1, 0, 0);
	}
	assert_int_equal(capture->ops->sweep(capture, count, &n), 600);
	assert_int_equal(n, 600);
	p = packet("10.7.7.7", 2000, "192.0.2.1", 22, 0, 0, 0, 0);
	key = packet_key(&p);
	assert_int_equal(capture->ops->forget(capture, &key, &f), 0);
	assert_int_equal(f.dir[f.initiator].packets, 1);
	assert_int_equal(capture->ops->forget(capture, &key, &f), -ENOENT);
	assert_int_equal(capture->ops->read(capture, &key, &f), -ENOENT);
	assert_int_equal(capture->ops->sweep(capture, drop, NULL), 599);
	assert_int_equal(capture->ops->sweep(capture, count, &n), 0);
}

/* A budget hands up so many records and leaves the rest for the next poll. */
static void test_budget(void **state)
{
	struct packet p = packet("10.8.8.8", 0, "192.0.2.1", 22, GW_SYN, 1, 0, 0);
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint8_t frame[FRAME_ROOM];
	int i;

	NEED_KERNEL();
	for (i = 0; i < 10; i++) {
		p.sport = (uint16_t)(3000 + i);
		opts.data_in = frame;
		opts.data_size_in = (uint32_t)packet_frame(&p, frame);
		assert_int_equal(bpf_prog_test_run_opts(
			bpf_program__fd(kernel->watch->progs.gw_ingress), &opts), 0);
	}
	n_records = 0;
	assert_int_equal(capture->ops->poll(capture, 4, keep, NULL), 4);
	assert_int_equal(capture->ops->poll(capture, 4, keep, NULL), 4);
	assert_int_equal(capture->ops->poll(capture, 4, keep, NULL), 2);
	assert_int_equal(capture->ops->poll(capture, 4, keep, NULL), 0);
	assert_int_equal(records[9].key.family, 4);
}

static void run_on(struct capture *c, const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint8_t frame[FRAME_ROOM];

	opts.data_in = frame;
	opts.data_size_in = (uint32_t)packet_frame(p, frame);
	assert_int_equal(bpf_prog_test_run_opts(
		bpf_program__fd(kernel_of_capture(c)->watch->progs.gw_ingress), &opts), 0);
}

/* The three packets after which a connection is one; the last is returned. */
static struct packet connect_on(struct capture *c, uint16_t port)
{
	struct packet p = packet("10.8.8.8", port, "192.0.2.1", 22, GW_SYN, 1000, 0, 0);
	struct packet answer = packet("192.0.2.1", 22, "10.8.8.8", port, GW_SYN | GW_ACK, 5000,
				      1001, 0);

	run_on(c, &p);
	run_on(c, &answer);
	p.flags = GW_ACK;
	p.seq = 1001;
	p.ack = 5001;
	run_on(c, &p);
	return p;
}

static struct capture *open_small(const struct capture_config *small)
{
	char err[512];
	struct capture *c = capture_bpf_open(small, err, sizeof(err));

	assert_non_null(c);
	assert_int_equal(c->ops->load(c, &current), 0);
	return c;
}

/* Full tables refuse and count; what is there stays. Connections beyond are counted among
 * the half-open ones. */
static void test_full(void **state)
{
	struct capture_config small = config;
	uint64_t all[GW_STAT_MAX];
	struct capture *c;
	struct gw_flow f;
	struct packet p;
	struct gw_key key;
	int i;

	NEED_KERNEL();
	small.max_flows = 16;
	small.ring_bytes = 4096;
	c = open_small(&small);
	for (i = 0; i < 40; i++) {
		p = connect_on(c, (uint16_t)(4000 + i));
		key = packet_key(&p);
		assert_int_equal(c->ops->read(c, &key, &f), 0);
		assert_int_equal(f.dir[0].packets + f.dir[1].packets, 3);
	}
	c->ops->stats(c, all);
	assert_int_equal(all[GW_STAT_FLOWS], 40);
	assert_true(all[GW_STAT_DROP_MAP] > 0 && all[GW_STAT_DROP_MAP] <= 24);
	assert_int_equal(all[GW_STAT_RECORDS] + all[GW_STAT_DROP_RING], 3 * 40);
	assert_true(all[GW_STAT_DROP_RING] > 0);
	c->ops->close(c);
}

/* ---- floods ------------------------------------------------------------------------- */

/* However many are half open, an established flow stays; what is not settled never takes
 * its room: nor SYNs that were answered, nor guesses at the answer's number, nor what
 * seems to be in mid-stream and is answered by a reset. */
static void test_half_open(void **state)
{
	struct capture_config small = config;
	uint64_t all[GW_STAT_MAX];
	struct packet p, kept;
	struct capture *c;
	struct gw_key key;
	struct gw_flow f;
	int i;

	NEED_KERNEL();
	small.max_flows = 16;
	c = open_small(&small);
	kept = connect_on(c, 4000);
	for (i = 0; i < 3 * GW_MAX_HALF; i++) {
		char from[32];

		snprintf(from, sizeof(from), "172.16.%d.%d", i >> 8 & 255, i & 255);
		p = packet(from, 4000, "192.0.2.1", 22, GW_SYN, 77, 0, 0);
		switch (i % 3) {
		case 0:
			run_on(c, &p);
			p = packet("192.0.2.1", 22, from, 4000, GW_SYN | GW_ACK, 5000, 78, 0);
			break;
		case 1:
			run_on(c, &p);
			p = packet("192.0.2.1", 22, from, 4000, GW_SYN | GW_ACK, 5000, 78, 0);
			run_on(c, &p);
			p = packet(from, 4000, "192.0.2.1", 22, GW_ACK, 78, 900000000, 0);
			break;
		case 2:
			p.flags = GW_ACK;
			p.ack = 99;
			run_on(c, &p);
			p = packet("192.0.2.1", 22, from, 4000, GW_RST | GW_ACK, 99, 77, 0);
			break;
		}
		run_on(c, &p);
		c->ops->poll(c, 0, no_record, NULL);
	}
	c->ops->stats(c, all);
	assert_int_equal(all[GW_STAT_DROP_MAP], 0);
	assert_int_equal(all[GW_STAT_SYNS], 1 + 2 * GW_MAX_HALF);
	key = packet_key(&kept);
	assert_int_equal(c->ops->read(c, &key, &f), 0);
	assert_int_equal(f.dir[0].packets + f.dir[1].packets, 3);
	i = 0;
	assert_true(c->ops->sweep(c, count, &i) <= GW_MAX_HALF + 1);
	/* both directions of what goes on since before us, and the room is there */
	p = packet("10.8.8.8", 4100, "192.0.2.1", 22, GW_ACK, 100, 200, 10);
	run_on(c, &p);
	p = packet("192.0.2.1", 22, "10.8.8.8", 4100, GW_ACK, 200, 110, 10);
	run_on(c, &p);
	key = packet_key(&p);
	assert_int_equal(c->ops->read(c, &key, &f), 0);
	assert_true(gw_track_is_settled(&f));
	c->ops->close(c);
}

struct counted {
	uint64_t whole, of_source, others;
	size_t n;
};

static void keep_count(void *arg, const struct gw_attempts *who, uint64_t syns)
{
	static const uint8_t heavy6[8] = { 0x20, 0x01, 0x0d, 0xb8, 0x0b, 0x00, 0x00, 0x07 };
	struct counted *k = arg;

	k->n++;
	if (!who->by_source)
		k->whole += syns;
	else if (who->family == 6 ? !memcmp(who->source, heavy6, 8) :
				    !memcmp(who->source, "\xac\x10\x07", 3))
		k->of_source += syns;
	else
		k->others += syns;
}

/* To the last one, by target and by source; each is handed out once. */
static void test_counted(void **state)
{
	struct counted k = { 0 };
	struct packet p;
	char from[40];
	int i;

	NEED_KERNEL();
	for (i = 0; i < 2; i++) {
		capture->ops->turn(capture);
		capture->ops->counted(capture, keep_count, &k);
	}
	memset(&k, 0, sizeof(k));
	for (i = 0; i < 3000; i++) {
		if (i % 10)
			snprintf(from, sizeof(from), "172.17.%d.%d", i >> 8, i & 255);
		else
			snprintf(from, sizeof(from), "172.16.7.%d", i % 251);
		p = packet(from, (uint16_t)(1024 + i), "192.0.2.1", 22, GW_SYN, 7, 0, 0);
		run_on(capture, &p);
		snprintf(from, sizeof(from), "2001:db8:b:%x::1", i + 16);
		p = packet(i % 10 ? from : "2001:db8:b00:7::9", (uint16_t)(1024 + i),
			   "2001:db8::1", 22, GW_SYN, 7, 0, 0);
		run_on(capture, &p);
		capture->ops->poll(capture, 0, no_record, NULL);
	}
	capture->ops->counted(capture, keep_count, &k);
	assert_int_equal(k.n, 0); /* the slot that is counted in */
	capture->ops->turn(capture);
	capture->ops->counted(capture, keep_count, &k);
	assert_int_equal(k.whole, 6000);
	assert_int_equal(k.of_source, 600);
	assert_int_equal(k.others, 5400);
	capture->ops->counted(capture, keep_count, &k);
	assert_int_equal(k.whole, 6000);
}

/* Records of half-open flows take tokens, of trusted sources and others apart; what is
 * not told is counted, and a flow is told of when it is established. */
static void test_untold(void **state)
{
	struct capture_config small = config;
	uint64_t all[GW_STAT_MAX];
	struct capture *c;
	struct packet p;
	int i;

	NEED_KERNEL();
	small.attempt_rate = 1; /* and four at once */
	c = open_small(&small);
	for (i = 0; i < 1000; i++) {
		p = packet("172.16.1.1", (uint16_t)(1024 + i), "192.0.2.1", 22, GW_SYN, 7, 0, 0);
		run_on(c, &p);
	}
	c->ops->stats(c, all);
	assert_int_equal(all[GW_STAT_RECORDS] + all[GW_STAT_UNTOLD], 1000);
	assert_true(all[GW_STAT_RECORDS] >= 4 && all[GW_STAT_RECORDS] < 100);
	connect_on(c, 4000); /* trusted: another bucket */
	n_records = 0;
	while (c->ops->poll(c, 0, keep, NULL) > 0)
		;
	assert_int_equal(records[n_records - 1].tcp_flags, GW_ACK);
	assert_true(records[n_records - 1].flow.established_ns != 0);
	assert_int_equal(records[n_records - 3].tcp_flags, GW_SYN);
	c->ops->close(c);
}

/* Beyond three quarters of the ring only what tells of connections is taken. */
static void test_reserve(void **state)
{
	struct capture_config small = config;
	uint64_t all[GW_STAT_MAX], records_then;
	struct capture *c;
	struct packet p;
	int i;

	NEED_KERNEL();
	small.ring_bytes = 16384;
	c = open_small(&small);
	for (i = 0; i < 100; i++) {
		p = packet("172.16.1.1", (uint16_t)(1024 + i), "192.0.2.1", 22, GW_SYN, 7, 0, 0);
		run_on(c, &p);
	}
	c->ops->stats(c, all);
	records_then = all[GW_STAT_RECORDS];
	assert_int_equal(records_then + all[GW_STAT_DROP_RESERVE], 100);
	assert_true(all[GW_STAT_DROP_RESERVE] > 0);
	assert_int_equal(all[GW_STAT_DROP_RING], 0);
	p = connect_on(c, 4000);
	c->ops->stats(c, all);
	assert_int_equal(all[GW_STAT_RECORDS], records_then + 3);
	p.payload = 10; /* contents wait with the strangers */
	run_on(c, &p);
	c->ops->stats(c, all);
	assert_int_equal(all[GW_STAT_RECORDS], records_then + 3);
	c->ops->close(c);
}

/* ---- the kernel and the user-space watch ------------------------------------------- */

static struct gw_record user_records[32];
static size_t n_user_records;

static void keep_user(void *arg, const struct gw_record *r)
{
	assert_true(n_user_records < 32);
	memset(&user_records[n_user_records], 0, sizeof(user_records[0]));
	/* the kernel zeroes the rest of a snap, user space need not */
	memcpy(&user_records[n_user_records++], r, GW_RECORD_SHORT + r->snap_len);
}

/* The clocks differ; whether a time is set does not. */
static void timeless(struct gw_flow *f)
{
	f->start_ns = f->start_ns != 0;
	f->established_ns = f->established_ns != 0;
	f->syn.time_ns = f->syn.time_ns != 0;
	f->dir[0].last_ns = f->dir[0].last_ns != 0;
	f->dir[1].last_ns = f->dir[1].last_ns != 0;
}

static uint64_t seed = 0xda3e39cb94b95bdbull;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

/* The user-space watch, and what both have made so far. */
static struct watch *twin;
static uint64_t twin_now = 1000, twin_lost;
static size_t twin_records, twin_parts;

/* Plays one frame to both, and compares the records and what they could not keep. */
static void both(const uint8_t *frame, size_t len)
{
	uint64_t user_stats[GW_STAT_MAX];
	enum gw_parse parsed;
	struct gw_pkt pkt;
	size_t r;

	run_frame(frame, len, false, NULL);
	n_user_records = 0;
	memset(&pkt, 0, sizeof(pkt));
	parsed = gw_parse(frame, frame + len, (uint32_t)len, watch_gate(twin), &pkt);
	watch_packet(twin, parsed, &pkt, frame + len, twin_now++, LOOPBACK, keep_user, NULL);

	assert_int_equal(n_records, n_user_records);
	for (r = 0; r < n_records; r++) {
		assert_true(records[r].time_ns != 0);
		records[r].time_ns = user_records[r].time_ns = 0;
		timeless(&records[r].flow);
		timeless(&user_records[r].flow);
		assert_memory_equal(&records[r], &user_records[r], sizeof(records[r]));
		twin_parts += (records[r].part & GW_PART_LATER) != 0;
	}
	twin_records += n_records;
	watch_stats(twin, user_stats);
	assert_int_equal(stat(GW_STAT_FRAGMENTS) - twin_lost, user_stats[GW_STAT_FRAGMENTS]);
}

/* The frame in pieces, some of them lost, twice, in any order, or with a lie. */
static void both_in_fragments(const uint8_t *frame, size_t len)
{
	uint32_t body = (uint32_t)fragment_body(frame, len), size = 8 + 8 * rnd(16);
	/* few ids: neither table is to overflow */
	uint32_t n = (body + size - 1) / size, id = rnd(2), i;
	uint32_t order = rnd(4); /* 0: backwards, 1: any, else as they were sent */
	uint8_t out[FRAME_ROOM];

	for (i = 0; i < n; i++) {
		uint32_t k = order == 0 ? n - 1 - i : order == 1 ? rnd(n) : i;
		uint32_t from = k * size, at = from;
		uint32_t count = body - from < size ? body - from : size;
		bool more = k + 1 < n;

		if (!rnd(20))
			continue;
		if (!rnd(30))
			more = !more;
		if (at && !rnd(30))
			at = 8 * rnd(rnd(2) ? 8192 : 40);
		both(out, fragment_of(frame, id, from, count, at, more, out));
	}
}

static void test_same_as_user_space(void **state)
{
	static const char *const ends[2][3] = {
		{ "10.1.1.1", "203.0.113.8", "192.0.2.1" },
		{ "2001:db8:a::1", "2001:db8:6::1", "2001:db8::1" } };
	static const uint8_t flags[] = { GW_SYN, GW_SYN | GW_ACK, GW_ACK,	   GW_ACK,
					 GW_ACK, GW_ACK,	  GW_ACK | GW_PSH, GW_FIN | GW_ACK,
					 GW_RST, GW_RST | GW_ACK };
	size_t i, in_tunnel = 0, in_fragments = 0;
	uint64_t user[GW_STAT_MAX], syns;

	NEED_KERNEL();
	capture->ops->sweep(capture, drop, NULL);
	twin_lost = stat(GW_STAT_FRAGMENTS);
	syns = stat(GW_STAT_SYNS);
	twin = watch_new(&config);
	assert_non_null(twin);
	watch_load(twin, &current);
	for (i = 0; i < 40000; i++) {
		const char *const *e = ends[rnd(2)];
		uint32_t from = rnd(3), to = (from + 1 + rnd(2)) % 3;
		uint16_t ports[2] = { rnd(8) ? 22 : 179, (uint16_t)(5000 + rnd(6)) };
		bool back = rnd(2);
		struct packet p = packet(e[from], ports[back], e[to], ports[!back],
					 flags[rnd(sizeof(flags))], 1000 + rnd(400), rnd(4000),
					 rnd(2) ? (uint16_t)rnd(300) : 0);
		struct gw_key key = packet_key(&p);
		struct gw_flow k, u;
		uint8_t frame[FRAME_ROOM];
		size_t len;
		int err;

		p.tag = rnd(10) ? 0 : 7;
		len = packet_frame(&p, frame);
		if (!p.tag && p.payload && !rnd(3)) {
			both_in_fragments(frame, len);
		} else if (!p.tag && !rnd(4)) {
			static struct wrapped wrapped;

			wrapped_begin(&wrapped, frame + 14, len - 14,
				      p.src.family == 4 ? GW_ETH_IPV4 : GW_ETH_IPV6);
			wrapped_frame(&wrapped, rnd, 6);
			both(wrapped_bytes(&wrapped), wrapped_len(&wrapped));
		} else {
			both(frame, len);
		}
		err = capture->ops->read(capture, &key, &k);
		assert_int_equal(err, watch_read(twin, &key, &u));
		if (err)
			continue;
		in_tunnel += k.wrap.tunnel_n > 0;
		in_fragments += k.dir[0].fragments > 0;
		timeless(&k);
		timeless(&u);
		assert_memory_equal(&k, &u, sizeof(k));
		if (!rnd(50)) {
			assert_int_equal(capture->ops->forget(capture, &key, NULL), 0);
			assert_int_equal(watch_forget(twin, &key, NULL), 0);
		}
	}
	print_message("%zu packets, %zu records, %zu of them later parts, no difference\n", i,
		      twin_records, twin_parts);
	assert_true(twin_records > 1000 && twin_parts > 1000 && in_tunnel > 1000);
	assert_true(in_fragments > 1000);
	watch_stats(twin, user);
	assert_int_equal(user[GW_STAT_SYNS], stat(GW_STAT_SYNS) - syns);
	assert_true(user[GW_STAT_SYNS] > 1000);
	watch_free(twin);
}

/* Ends of BGP sessions: a device's address on a link, and a neighbor's that is in no
 * configuration. Every pair of ends, ports and flags, in the kernel and outside. */
static void test_underlay(void **state)
{
	static const char *const ends[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
					    "10.1.2.3" };
	enum { MGMT, OWN, PEER, PEER_TOO, STRANGER, NUM_ENDS };
	static const struct {
		unsigned from, to;
		uint16_t sport, dport;
		uint32_t target; /* GW_TARGET_NONE: not watched */
		bool outbound;
	} cases[] = {
		{ STRANGER, OWN, 40000, 179, OWN, false },
		{ OWN, STRANGER, 40001, 179, OWN, true },
		{ PEER, OWN, 40002, 179, OWN, false },
		{ OWN, PEER, 40003, 179, OWN, true }, /* the device's entry, not the peer's */
		{ STRANGER, PEER, 40004, 179, PEER, true }, /* so it is the device that opens */
		{ PEER, STRANGER, 40005, 179, PEER, false },
		{ PEER, PEER_TOO, 40006, 179, PEER, false },
		{ STRANGER, OWN, 40007, 22, GW_TARGET_NONE, false }, /* BGP alone */
		{ PEER, STRANGER, 40008, 22, GW_TARGET_NONE, false },
		{ OWN, MGMT, 40009, 22, MGMT, false },
		{ OWN, STRANGER, 22, 179, GW_TARGET_NONE, false },
		{ MGMT, PEER, 40010, 179, MGMT, true },
	};
	static const uint16_t ports[] = { 22, 179, 40000, 40001 };
	static const uint8_t flags[] = { GW_SYN, GW_SYN | GW_ACK, GW_ACK };
	static struct fabric_target targets[4];
	struct fabric f = current;
	struct watch *w;
	unsigned i, watched = 0;

	NEED_KERNEL();
	for (i = 0; i < 4; i++)
		targets[i] = (struct fabric_target){ .address = address(ends[i]),
						     .path = i ? GW_PATH_NONE : GW_PATH_PRIMARY,
						     .peer = i >= PEER };
	f.number = 5;
	f.targets = targets;
	f.n_targets = 4;
	capture->ops->sweep(capture, drop, NULL);
	assert_int_equal(capture->ops->load(capture, &f), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *from = ends[cases[i].from], *to = ends[cases[i].to];
		struct gw_flow k;

		run(from, cases[i].sport, to, cases[i].dport, GW_SYN, 1, 0, 0);
		k = flow_between(from, cases[i].sport, to, cases[i].dport);
		assert_int_equal(is_flow(&k), cases[i].target != GW_TARGET_NONE);
		if (!is_flow(&k))
			continue;
		assert_int_equal(k.judgement.target, cases[i].target);
		assert_int_equal(k.judgement.outbound, cases[i].outbound);
		/* 10.0.0.0/8 is trusted; of two ends that are none of it the other is judged */
		assert_int_equal(k.judgement.verdict,
				 cases[i].from == STRANGER && cases[i].to != PEER ?
					 GW_VERDICT_TRUSTED :
				 cases[i].to == STRANGER && cases[i].from != PEER ?
					 GW_VERDICT_TRUSTED :
					 GW_VERDICT_UNTRUSTED);
	}

	w = watch_new(&config);
	assert_non_null(w);
	watch_load(w, &f);
	for (i = 0; i < NUM_ENDS * NUM_ENDS * 4 * 4 * 3; i++) {
		unsigned from = i % NUM_ENDS, to = i / NUM_ENDS % NUM_ENDS;
		unsigned rest = i / NUM_ENDS / NUM_ENDS;
		struct packet p = packet(ends[from], ports[rest % 4], ends[to], ports[rest / 4 % 4],
					 flags[rest / 16], 1000, 2000, 0);
		struct gw_key key = packet_key(&p);
		uint8_t frame[FRAME_ROOM];
		struct gw_flow k, u;
		struct gw_pkt pkt;
		size_t len = packet_frame(&p, frame);
		int err;

		if (from == to)
			continue;
		capture->ops->sweep(capture, drop, NULL);
		run_frame(frame, len, false, NULL);
		n_user_records = 0;
		memset(&pkt, 0, sizeof(pkt));
		watch_packet(w, gw_parse(frame, frame + len, (uint32_t)len, watch_gate(w), &pkt),
			     &pkt, frame + len, i + 1, LOOPBACK, keep_user, NULL);
		err = capture->ops->read(capture, &key, &k);
		assert_int_equal(err, watch_read(w, &key, &u));
		if (err)
			continue;
		watched++;
		timeless(&k);
		timeless(&u);
		assert_memory_equal(&k, &u, sizeof(k));
		watch_forget(w, &key, NULL);
	}
	assert_true(watched > 200);
	watch_free(w);
	capture->ops->sweep(capture, drop, NULL);
	assert_int_equal(capture->ops->load(capture, &current), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),	   cmocka_unit_test(test_snap),
		cmocka_unit_test(test_replaced),   cmocka_unit_test(test_judgement),
		cmocka_unit_test(test_reload),	   cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_gso),	   cmocka_unit_test(test_gso_wrapped),
		cmocka_unit_test(test_odd_frames), cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_other_hook), cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_budget),	   cmocka_unit_test(test_full),
		cmocka_unit_test(test_half_open),  cmocka_unit_test(test_counted),
		cmocka_unit_test(test_untold),	   cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_same_as_user_space),
		cmocka_unit_test(test_underlay),
	};

	return cmocka_run_group_tests_name("bpf_watch", tests, with_kernel, without_kernel);
}

#else
static void test_nothing(void **state)
{
	print_message("skipped: built without the kernel programs (WITH_BPF)\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing) };

	return cmocka_run_group_tests_name("bpf_watch", tests, NULL, NULL);
}
#endif
