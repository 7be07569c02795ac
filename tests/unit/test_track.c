/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf/track.h in user space: packets of one flow in, state and counters out. A
 * packet is written as text: direction (> initiator, < responder), flags (S F R A
 * or . for none), sequence offset from that side's ISN, payload length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bpf/track.h"

#define ISN_A 0xfffffff0u /* wraps at once */
#define ISN_B 1000u

static const struct gw_gate gate = { .ssh = { 22 }, .bgp = { 179 } };

static const struct {
	const char *packets;
	const char *state;
	uint32_t again, missed;
} cases[] = {
	{ ">S0", "S0", 0, 0 },
	{ ">S0 >S0 >S0", "S0", 2, 0 },
	{ ">S0 <RA0", "REJ", 0, 0 },
	{ ">S0 <SA0 >A1", "S1", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 <A1+20 >FA11 <FA21 >A12", "SF", 0, 0 },
	{ ">S0 <SA0 >A1 >FA1", "S2", 0, 0 },
	{ ">S0 <SA0 >A1 <FA1", "S3", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 >R11", "RSTO", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 <R1", "RSTR", 0, 0 },
	{ ">S0 >R1", "RSTOS0", 0, 0 },
	{ ">S0 >FA1", "SH", 0, 0 },
	{ "<SA0 <R1", "RSTRH", 0, 0 },
	{ "<SA0 <FA1", "SHR", 0, 0 },
	{ ">A1+10 <A1+10", "OTH", 0, 0 },
	{ ">A1+10 <A1+10 >FA11 <FA11", "SF", 0, 0 },
	/* the SYN was missed, or acknowledged before it was answered */
	{ "<SA0 >A1", "S1", 0, 0 },
	{ ">S0 <A1", "S0", 0, 0 },
	/* FIN, then a reset because the other side still sends, then its FIN */
	{ ">S0 <SA0 >A1 >FA1 <A1+10 >R2 <FA11", "SF", 0, 0 },
	{ ">S0 <SA0 >A1 >FA1 <A1+10 >R2", "RSTO", 0, 0 },
	/* a reset after both FINs changes nothing any more */
	{ ">S0 <SA0 >A1 >FA1 <FA1 >R2", "SF", 0, 0 },
	/* the second copy is a retransmission, and so is the second FIN */
	{ ">S0 <SA0 >A1 >A1+10 >A1+10 >FA11 <FA1 >FA11", "SF", 2, 0 },
	/* 10 bytes never seen, the acknowledgement shows nothing else */
	{ ">S0 <SA0 >A1 >A1+10 >A21+10 <A1", "S1", 0, 10 },
	/* seen late: reordered, neither missed nor repeated */
	{ ">S0 <SA0 >A1 >A1+10 >A21+10 >A11+10", "S1", 0, 0 },
	/* met in mid-stream, the first two segments in the wrong order */
	{ ">A31+10 >A21+10 <A1+1", "OTH", 0, 0 },
	{ ">A31+10 >A11+10 <A1+1", "OTH", 0, 10 },
};

static const char *one_packet(const char *p, struct gw_pkt *pkt, uint32_t *d)
{
	uint32_t isn;

	memset(pkt, 0, sizeof(*pkt));
	*d = *p++ == '<';
	isn = *d ? ISN_B : ISN_A;
	pkt->sport = *d ? 22 : 40000;
	pkt->dport = *d ? 40000 : 22;
	pkt->segments = 1;
	for (; *p && (*p < '0' || *p > '9'); p++)
		pkt->tcp_flags |= *p == 'S' ? GW_SYN : *p == 'F' ? GW_FIN : *p == 'R' ? GW_RST :
				  *p == 'A' ? GW_ACK : 0;
	pkt->seq = isn + (uint32_t)strtoul(p, (char **)&p, 10);
	if (*p == '+')
		pkt->payload_len = (uint32_t)strtoul(p + 1, (char **)&p, 10);
	pkt->ip_bytes = 40 + pkt->payload_len;
	/* acknowledges nothing in particular: what is missed comes from the holes */
	pkt->ack = *d ? ISN_A + 1 : ISN_B + 1;
	return *p == ' ' ? p + 1 : p;
}

static void test_states(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *p = cases[i].packets;
		struct gw_flow f;
		struct gw_pkt pkt;
		uint64_t now = 1, missed;
		uint32_t d, n = 0;

		memset(&f, 0, sizeof(f));
		while (*p) {
			p = one_packet(p, &pkt, &d);
			if (!n++)
				gw_track_begin(&f, &pkt, gw_orient(&gate, &pkt, d, 0, 0), now);
			assert_false(n > 1 && gw_track_replaces(&f, d, &pkt));
			gw_track(&f, d, &pkt, now++, 4);
		}
		missed = gw_track_missed(&f, 0) + gw_track_missed(&f, 1);
		if (strcmp(gw_track_conn_state(&f), cases[i].state) ||
		    f.dir[0].again + f.dir[1].again != cases[i].again ||
		    missed != cases[i].missed)
			fail_msg("%s: %s, %u again, %u missed", cases[i].packets,
				 gw_track_conn_state(&f), f.dir[0].again + f.dir[1].again,
				 (unsigned)missed);
		assert_int_equal(f.dir[0].packets + f.dir[1].packets, n);
	}
}

static void test_replaced(void **state)
{
	struct gw_flow f;
	struct gw_pkt pkt;
	uint32_t d;

	memset(&f, 0, sizeof(f));
	one_packet(">S0", &pkt, &d);
	gw_track_begin(&f, &pkt, gw_orient(&gate, &pkt, d, 0, 0), 1);
	gw_track(&f, d, &pkt, 1, 4);
	one_packet(">S0", &pkt, &d);
	assert_false(gw_track_replaces(&f, d, &pkt)); /* a retransmission */
	one_packet(">S77", &pkt, &d);
	assert_true(gw_track_replaces(&f, d, &pkt));
	one_packet("<S0", &pkt, &d);
	assert_false(gw_track_replaces(&f, d, &pkt)); /* simultaneous open */
}

static void test_orientation(void **state)
{
	static const struct {
		const char *packet;
		int src_watched, dst_watched;
		uint8_t initiator, basis;
	} orient[] = {
		{ ">S0", 0, 0, 0, GW_BASIS_SYN },
		{ "<SA0", 0, 0, 0, GW_BASIS_SYN },
		{ "<S0", 0, 0, 1, GW_BASIS_SYN }, /* whatever the ports say */
		{ ">A1", 0, 1, 0, GW_BASIS_INVENTORY },
		{ "<A1", 1, 0, 0, GW_BASIS_INVENTORY },
		{ ">A1", 0, 0, 0, GW_BASIS_PORT },
		{ "<A1", 0, 0, 0, GW_BASIS_PORT },
	};
	struct gw_orientation o;
	struct gw_pkt pkt;
	uint32_t d;
	size_t i;

	for (i = 0; i < sizeof(orient) / sizeof(orient[0]); i++) {
		one_packet(orient[i].packet, &pkt, &d);
		o = gw_orient(&gate, &pkt, d, orient[i].src_watched, orient[i].dst_watched);
		assert_int_equal(o.initiator, orient[i].initiator);
		assert_int_equal(o.basis, orient[i].basis);
		assert_int_equal(o.service, GW_SERVICE_SSH);
	}
	/* both ports are services, nobody is known */
	one_packet(">A1", &pkt, &d);
	pkt.sport = 179;
	o = gw_orient(&gate, &pkt, d, 0, 0);
	assert_int_equal(o.basis, GW_BASIS_UNKNOWN);
}

/* One flow seen on two interfaces counts once; a re-route moves it. */
static void test_hooks(void **state)
{
	struct gw_flow f;
	struct gw_pkt pkt;
	uint32_t d;

	memset(&f, 0, sizeof(f));
	one_packet(">S0", &pkt, &d);
	gw_track_begin(&f, &pkt, gw_orient(&gate, &pkt, d, 0, 0), 1);
	gw_track(&f, d, &pkt, 1, 4);
	assert_int_equal(gw_track(&f, d, &pkt, 2, 7), GW_OTHER_HOOK);
	assert_int_equal(f.dir[0].packets, 1);
	assert_int_not_equal(gw_track(&f, d, &pkt, 1 + GW_HOOK_SILENCE_NS, 7), GW_OTHER_HOOK);
	assert_int_equal(f.dir[0].packets, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_orientation),
		cmocka_unit_test(test_hooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
