// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who opened a connection: the process that is in connect() when its socket goes
 * to SYN_SENT. At that moment the source port is not chosen yet, so the note is
 * left under the socket's cookie, which the TC egress program reads off the SYN.
 *
 * An object of its own because it needs the kernel's type information (BTF);
 * where that is missing the TC programs load without it. The few fields it reads
 * are declared here and relocated when it is loaded (CO-RE).
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "parse.h"

#define GW_TCP_SYN_SENT_STATE 2 /* TCP_SYN_SENT of net/tcp_states.h */

struct sock_common {
	__u16 skc_dport; /* network order */
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
} __attribute__((preserve_access_index));

typedef struct {
	__u32 val;
} kuid_t;

struct task_struct {
	kuid_t loginuid; /* not there without CONFIG_AUDIT */
} __attribute__((preserve_access_index));

const volatile struct gw_gate gate;

/* The same map as in watch.bpf.c, whose descriptor user space puts here. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct gw_actor);
} actors SEC(".maps");

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(gw_set_state, struct sock *sk, int oldstate, int newstate)
{
	struct gw_actor actor = {};
	struct task_struct *task;
	__u64 cookie, ids;
	__u16 port;

	if (newstate != GW_TCP_SYN_SENT_STATE)
		return 0;
	port = __builtin_bswap16(sk->__sk_common.skc_dport);
	if (!gw_gate_passes(&gate, port, port))
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	actor.pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	ids = bpf_get_current_uid_gid();
	actor.uid = (__u32)ids;
	actor.loginuid = 0xffffffff;
	task = (struct task_struct *)bpf_get_current_task();
	if (bpf_core_field_exists(task->loginuid))
		actor.loginuid = BPF_CORE_READ(task, loginuid.val);
	bpf_get_current_comm(actor.comm, sizeof(actor.comm));
	bpf_map_update_elem(&actors, &cookie, &actor, BPF_ANY);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
