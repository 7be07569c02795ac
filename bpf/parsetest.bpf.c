// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For tests/unit/test_bpf_parse.c only: what the parser says when the kernel
 * runs it. parsetest.h describes the answer and fills it, on both sides.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parsetest.h"

const volatile struct gw_gate gate;
const volatile struct gw_wire_ports gate_wire;
struct parsetest answers[2] = {};
struct gw_walk walk = {};

static __noinline int parse_plain(struct __sk_buff *skb)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	parsetest_plain(data, end, &gate, &gate_wire, &answers[0]);
	return 0;
}

__noinline int parse_step(struct __sk_buff *skb)
{
	return gw_walk_step((void *)(long)skb->data, (void *)(long)skb->data_end, &walk);
}

/* as watch.bpf.c does it */
static __noinline int parse_any(struct __sk_buff *skb)
{
	int r = GW_WALK_ON, i;

	__builtin_memset(&walk, 0, sizeof(walk));
	walk.type = GW_ETH_TEB;
	for (i = 0; i < GW_MAX_STEPS && r == GW_WALK_ON; i++)
		r = parse_step(skb);
	parsetest_found((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len, r, &walk,
			&gate, &answers[1]);
	return 0;
}

SEC("tc")
int gw_parse_test(struct __sk_buff *skb)
{
	parse_plain(skb);
	parse_any(skb);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
