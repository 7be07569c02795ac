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

static __noinline int parse_plain(struct __sk_buff *skb)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	parsetest_plain(data, end, &gate, &gate_wire, &answers[0]);
	return 0;
}

static __noinline int parse_any(struct __sk_buff *skb)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	parsetest_any(data, end, skb->len, &gate, &answers[1]);
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
