/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GW_PARSETEST_H
#define GW_PARSETEST_H
/*
 * The parser's answer with offsets instead of pointers, so that the kernel's and
 * user space's can be compared byte by byte.
 */
#include "parse.h"

struct parsetest {
	__s32 verdict;
	__u32 src, dst, payload, icmp_src; /* offsets from the frame's start; 0: none */
	__u32 pad;
	struct gw_pkt pkt; /* its pointers are NULL */
};

static __always_inline void parsetest_fill(struct parsetest *t, int verdict, const __u8 *data,
					   const struct gw_pkt *p)
{
	t->verdict = verdict;
	t->src = (__u32)(p->src - data);
	t->dst = (__u32)(p->dst - data);
	t->payload = (__u32)(p->payload - data);
	t->icmp_src = (__u32)(p->icmp_src - data);
	t->pad = 0;
	t->pkt = *p;
	t->pkt.src = t->pkt.dst = t->pkt.payload = t->pkt.icmp_src = 0;
}

static __always_inline void parsetest_plain(const __u8 *data, const __u8 *end,
					    const volatile struct gw_gate *gate,
					    const volatile struct gw_wire_ports *wire,
					    struct parsetest *t)
{
	struct gw_pkt p = {};
	int verdict;

	p.src = p.dst = p.payload = p.icmp_src = data;
	verdict = gw_parse_plain(data, end, gate, wire, &p);
	parsetest_fill(t, verdict, data, &p);
}

/* The second stage's end, after a walk that answered `walked`. */
static __always_inline void parsetest_found(const __u8 *data, const __u8 *end, __u32 wire,
					    int walked, const struct gw_walk *walk,
					    const volatile struct gw_gate *gate,
					    struct parsetest *t)
{
	struct gw_pkt p = {};
	int verdict;

	p.src = p.dst = p.payload = p.icmp_src = data;
	verdict = walked == GW_WALK_DONE ? gw_parse_found(data, end, wire, walk, gate, &p) :
					   gw_parse_lost(walked);
	parsetest_fill(t, verdict, data, &p);
	t->pkt.wrap = walk->wrap; /* also of a packet that led nowhere */
}

#endif
