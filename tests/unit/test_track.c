/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf/track.h in user space: packets of one flow in, state and counters out. A
 * packet is written as text: direction (> initiator, < responder), flags (S F R A
 * or . for none), sequence offset from that side's ISN, +payload length,
 * ^acknowledged offset from the other's ISN (1 where it is not said).
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
	uint32_t again, missed, strays;
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

	/* both at once (RFC 9293 3.5); each SYN is sent again with the ACK */
	{ ">S0 <S0", "S1", 0, 0 },
	{ ">S0 <S0 >SA0 <SA0 >A1 <A1", "S1", 2, 0 },
	/* the answer was faster than the SYN */
	{ "<SA0 >S0 >A1 >A1+10", "S1", 0, 0 },
	/* half-open: one end has forgotten it, and says so when it is spoken to */
	{ ">S0 <SA0 >A1 >A1+10 <R1", "RSTR", 0, 0 },
	{ ">S0 <SA0", "S1", 0, 0 },

	/* overlaps: of what was seen, of a hole, of both */
	{ ">S0 <SA0 >A1 >A1+10 >A6+10", "S1", 1, 0 },
	{ ">S0 <SA0 >A1 >A1+10 >A21+10 >A6+15", "S1", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 >A21+10 >A11+15 >A1+30", "S1", 1, 0 },
	/* keep-alives, with and without their byte, before any data too */
	{ ">S0 <SA0 >A1 >A0 >A0+1", "S1", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 >A10+1 <A1^11 >A10 >A10+1 <A1^11", "S1", 0, 0 },
	{ ">S0 <SA0 >A1 >A11+10 >A20+1 <A0+1", "S1", 0, 10 },
	/* zero-window probes: a new byte, again and again, then all of it */
	{ ">S0 <SA0 >A1 >A1+10 >A11+1 >A11+1 >A11+1 >A12+10", "S1", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 >A10 >A10 >A11+10", "S1", 0, 0 },
	/* data after a FIN, and with one that is sent again */
	{ ">S0 <SA0 >A1 >FA1+10 <A1^12 >FA1+10 <FA1 >A12", "SF", 1, 0 },
	{ ">S0 <SA0 >A1 <FA1 >A1+10 >A11+10 >FA21", "SF", 0, 0 },
	/* acknowledged, never seen */
	{ ">S0 <SA0 >A1 >A1+10 <A1^31", "S1", 0, 20 },

	/* resets that nobody believes: far ahead, far behind, or, of a SYN, without or with
	 * another acknowledgement */
	{ ">S0 <SA0 >A1 >A1+10 <R500000", "S1", 0, 0, 1 },
	{ ">S0 <SA0 >A1 >A1+10 >R4000000000 <A1+10", "S1", 0, 0, 1 },
	{ ">S0 <SA0 >A1 <A1+20 >A1^21 <R3", "S1", 0, 0, 1 },
	{ ">S0 <R0", "S0", 0, 0, 1 },
	{ ">S0 <RA0^9", "S0", 0, 0, 1 },
	{ ">A1+10 <A1+10 <R500000", "OTH", 0, 0, 1 },
	/* and those that somebody does: what is expected, in the window, not yet
	 * acknowledged, or by the acknowledgement */
	{ ">S0 <SA0 >A1 <A1+20 >A1^21 <R21", "RSTR", 0, 0 },
	{ ">S0 <SA0 >A1 <R20000", "RSTR", 0, 0 },
	{ ">S0 <SA0 >A1 <A1+20 <R21", "RSTR", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 <RA500000^11", "RSTR", 0, 0 },
	{ ">S0 <SA0 >A1 >A1+10 >FA11 <A1^12 <R1", "RSTR", 0, 0 },
	{ ">A1+10 <R1", "RSTRH", 0, 0 },
	/* after it, whatever comes is its echo */
	{ ">S0 <SA0 >A1 >A1+10 <R1 <R500000 >R7", "RSTR", 0, 0 },
	/* SYNs in an established connection: another number, or another side's */
	{ ">S0 <SA0 >A1 >S77 >A1+10", "S1", 0, 0, 1 },
	{ ">S0 <SA0 >A1 >S77 >S77 >S99 <A1+10", "S1", 0, 0, 3 },
	{ ">S0 <SA0 >A1 <S500 <SA900 <A1+10", "S1", 0, 0, 2 },
	{ ">A1+10 <A1+10 >S77 >A11+10", "OTH", 0, 0, 1 },
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
	pkt->ack = 1;
	if (*p == '^')
		pkt->ack = (uint32_t)strtoul(p + 1, (char **)&p, 10);
	pkt->ack += *d ? ISN_A : ISN_B;
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
		    missed != cases[i].missed || f.strays != cases[i].strays)
			fail_msg("%s: %s, %u again, %u missed, %u strays", cases[i].packets,
				 gw_track_conn_state(&f), f.dir[0].again + f.dir[1].again,
				 (unsigned)missed, f.strays);
		assert_int_equal(f.dir[0].packets + f.dir[1].packets, n);
	}
}

/* What is one flow's, and what begins another. */
static void test_replaced(void **state)
{
	static const struct {
		const char *packets, *last;
		int replaces;
	} replaced[] = {
		{ ">S0", ">S0", 0 },  /* a retransmission */
		{ ">S0", ">S77", 1 }, /* nobody has answered */
		{ ">S0", "<S0", 0 },  /* simultaneous open */
		{ ">S0 <SA0 >A1", ">S77", 0 },
		{ ">S0 <SA0 >A1 >S77", "<A1", 0 }, /* challenged */
		{ ">S0 <SA0 >A1 >S77", "<SA900", 0 },
		{ ">S0 <SA0 >A1 >S77", "<SA900^78", 1 },
		{ ">S0 <SA0 >A1 >S77", "<RA0^78", 1 }, /* refused, by one that knows neither */
		{ ">S0 <SA0 >A1 >S77", "<R1", 0 },
		{ ">S0 <SA0 >A1 >S77", ">SA900^78", 0 }, /* nobody answers himself */
		{ ">S0 <SA0 >A1 >S77 >S99", "<SA900^78", 0 }, /* the last one counts */
		/* over: there is nothing to defend */
		{ ">S0 <SA0 >A1 <R1", ">S77", 1 },
		{ ">S0 <SA0 >A1 <R1", "<SA900^78", 1 }, /* its SYN was not seen */
		{ ">S0 <SA0 >A1 >FA1 <FA1", ">S77", 1 },
		{ ">S0 <SA0 >A1 >FA1 <A1", ">S77", 0 },
		/* one direction seen */
		{ "<SA0 <A1+10", "<SA900", 1 },
		{ ">A1+10", ">S77", 1 },
		{ "<A1+10", ">S77", 0 }, /* its answer would be seen */
		{ "<A1+10", ">S0", 0 },	 /* its answer was seen */
	};
	struct gw_flow f;
	struct gw_pkt pkt;
	uint32_t d, n;
	size_t i;

	for (i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
		const char *p = replaced[i].packets;

		memset(&f, 0, sizeof(f));
		for (n = 0; *p; n++) {
			p = one_packet(p, &pkt, &d);
			if (!n)
				gw_track_begin(&f, &pkt, gw_orient(&gate, &pkt, d, 0, 0), 1);
			gw_track(&f, d, &pkt, 1 + n, 4);
		}
		one_packet(replaced[i].last, &pkt, &d);
		if (gw_track_replaces(&f, d, &pkt) != replaced[i].replaces)
			fail_msg("%s, then %s: %d", replaced[i].packets, replaced[i].last,
				 !replaced[i].replaces);
	}
}

/* The SYN that was a stray of the old connection is the first packet of the new one. */
static void test_resumed(void **state)
{
	static const char *const first[] = { ">S0", "<SA0", ">A1", ">A1+10", ">S77", ">S77" };
	struct gw_flow f;
	struct gw_pkt pkt;
	struct gw_syn syn;
	uint32_t d;
	size_t i;

	memset(&f, 0, sizeof(f));
	for (i = 0; i < 6; i++) {
		one_packet(first[i], &pkt, &d);
		if (!i)
			gw_track_begin(&f, &pkt, gw_orient(&gate, &pkt, d, 0, 0), 1);
		gw_track(&f, d, &pkt, 10 + i, 4);
	}
	one_packet("<SA900^78", &pkt, &d);
	assert_true(gw_track_answers_syn(&f, d, &pkt));
	syn = f.syn;
	gw_track_without_syn(&f);
	assert_int_equal(f.dir[0].packets, 3);
	assert_int_equal(f.dir[0].bytes, 130);
	assert_int_equal(f.strays, 0);

	memset(&f, 0, sizeof(f));
	gw_track_begin(&f, &pkt, gw_orient(&gate, &pkt, d, 0, 0), 20);
	gw_track_resume(&f, &syn);
	gw_track(&f, d, &pkt, 20, 4);
	one_packet(">A78^901", &pkt, &d);
	gw_track(&f, d, &pkt, 30, 4);
	assert_string_equal(gw_track_conn_state(&f), "S1");
	assert_int_equal(f.initiator, 0);
	assert_int_equal(f.start_ns, 14);
	assert_int_equal(f.established_ns, 30);
	assert_int_equal(f.dir[0].packets, 3);
	assert_int_equal(f.dir[0].again, 1);
	assert_int_equal(f.dir[0].first, ISN_A + 78);
}

/* Six gigabytes, so that every number has been around, with and without a handshake. */
static void test_wrap_around(void **state)
{
	static const char *const begins[] = { ">S0", ">A1" };
	struct gw_flow f;
	struct gw_pkt pkt;
	uint32_t d, i;
	size_t c;

	for (c = 0; c < 2; c++) {
		memset(&f, 0, sizeof(f));
		one_packet(begins[c], &pkt, &d);
		gw_track_begin(&f, &pkt, gw_orient(&gate, &pkt, d, 0, 0), 1);
		gw_track(&f, d, &pkt, 1, 4);
		one_packet(">A1", &pkt, &d);
		pkt.payload_len = 1 << 20;
		for (i = 0; i < 6 * 1024; i++) {
			gw_track(&f, d, &pkt, 1, 4);
			if (i % 100 == 0) /* each of them comes twice */
				gw_track(&f, d, &pkt, 1, 4);
			pkt.seq += pkt.payload_len;
		}
		assert_int_equal(f.dir[0].again, 62);
		assert_int_equal(f.dir[0].hole, 0);
		assert_int_equal(f.dir[0].high, pkt.seq);
		assert_int_equal(gw_track_missed(&f, 0), 0);
	}
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
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_wrap_around),
		cmocka_unit_test(test_orientation),
		cmocka_unit_test(test_hooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
