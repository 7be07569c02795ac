// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For tests/bench/bench_kernel.c only: the empty program that all costs are
 * measured against, and gw_rotate, which gives every run another source port
 * and address before it hands the packet to the program under test.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} next SEC(".maps");

__u32 turn = 0;

SEC("tc")
int gw_empty(struct __sk_buff *skb)
{
	return -1;
}

/* An IPv4 TCP frame without options: bytes 28 and 29 are the lower half of the
 * source address, 34 and 35 the source port. */
SEC("tc")
int gw_rotate(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 n = turn++;

	if (data + 54 > end)
		return -1;
	*(__u16 *)(data + 34) = 1024 + (n & 0x7fff);
	*(__u16 *)(data + 28) = n >> 15;
	bpf_tail_call(skb, &next, 0);
	return -1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
