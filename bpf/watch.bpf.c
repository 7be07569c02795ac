// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The TC programs: gw_ingress and gw_egress, the same code for both directions.
 *
 * A packet's way, cheapest test first:
 *	1. Not plain TCP on a watched port: out, before any map or clock.
 *	2. Its flow is known and the packet changes nothing but numbers (which
 *	   gw_track_quiet() says): counted in the flow map, by the tick, out.
 *	3. Everything else goes to gw_careful(): odd frames, packets of no flow,
 *	   and those that a record is written for. It parses anew with both stages
 *	   of parse.h, judges a new flow once against the fabric's tables, and
 *	   hands records to user space through the ring buffer.
 *
 * The answer is always "next": no packet is dropped, changed or delayed.
 *
 * The fabric's tables are maps of maps with two slots. `active` says which slot
 * is in force and is read once per judged flow; user space fills the other slot
 * and then writes `active`, so a flow is judged by one generation whole.
 *
 * The ring buffer is written without waking the reader, which polls it by timer:
 * a wake-up costs 5 us, two hundred times the record. Only when it fills past
 * ring_wake the reader is woken, once per crossing.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "track.h"

#define GW_NEXT (-1) /* TCX_NEXT and TC_ACT_UNSPEC are the same */
#define GW_PULL 512  /* header bytes made linear where they are not: Ethernet, three
		      * tags, IPv6, extension headers of an ordinary size, TCP; or two
		      * tunnels around them */

/* Set before load, then constant to the verifier. */
const volatile struct gw_gate gate;
const volatile struct gw_wire_ports gate_wire; /* the same, as gw_parse_gate() wants it */
const volatile __u8 watch_all;	/* flows without a target too */
const volatile __u8 with_actor; /* actor.bpf.c fills the map */
const volatile __u32 ring_wake = 1 << 20;

/* Written by user space at any time. Time is a tick count times tick_ns plus
 * tick_base_ns: bpf_ktime_get_coarse_ns() says the same, and costs 13 ns. */
__u64 tick_ns = 0;
__s64 tick_base_ns = 0;
__u32 active = 0;
__u32 numbers[2] = {}; /* fabric->number of each slot; 0: none loaded */

/* What clock_sample() read. */
__u64 sample_ticks = 0;
__u64 sample_ns = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct gw_key4);
	__type(value, struct gw_flow);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct gw_key6);
	__type(value, struct gw_flow);
} flows6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} ring SEC(".maps");

/* One more than enum gw_stat: packets of step 2, which are PACKETS and WATCHED
 * at once; user space adds them to both. */
#define GW_STAT_QUIET GW_STAT_MAX

struct gw_stats {
	__u64 n[GW_STAT_MAX + 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gw_stats);
} stats SEC(".maps");

/* What the functions of the careful way hand to each other: too big for the
 * stack, and numbers that come out of a map have no history, which is what lets
 * the verifier check each function once. TC programs of one CPU do not interrupt
 * each other, they all run with bottom halves off. */
struct gw_work {
	struct gw_record record; /* being built */
	struct gw_pkt pkt;	 /* its pointers are NULL */
	__u8 ends[2][16];	 /* the packet's source and destination address */
	__u32 payload_at;	 /* offset in the frame */
	struct gw_orientation o;
	__u8 pad;
	struct gw_walk walk;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gw_work);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* socket cookie */
	__type(value, struct gw_actor);
} actors SEC(".maps");

struct gw_address4 {
	__u8 bytes[4];
};

struct gw_address6 {
	__u8 bytes[16];
};

#define GW_SLOTS(name, kind, key_type, value_type, flags) \
	struct name##_slot { \
		__uint(type, kind); \
		__uint(max_entries, 1); \
		__uint(map_flags, flags); \
		__uint(key_size, sizeof(key_type)); \
		__uint(value_size, sizeof(value_type)); \
	}; \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
		__uint(max_entries, 2); \
		__type(key, __u32); \
		__array(values, struct name##_slot); \
	} name SEC(".maps")

GW_SLOTS(targets4, BPF_MAP_TYPE_HASH, struct gw_address4, struct gw_target, 0);
GW_SLOTS(targets6, BPF_MAP_TYPE_HASH, struct gw_address6, struct gw_target, 0);
GW_SLOTS(ranges4, BPF_MAP_TYPE_LPM_TRIE, struct gw_range4, __u32, BPF_F_NO_PREALLOC);
GW_SLOTS(ranges6, BPF_MAP_TYPE_LPM_TRIE, struct gw_range6, __u32, BPF_F_NO_PREALLOC);
GW_SLOTS(trust4, BPF_MAP_TYPE_LPM_TRIE, struct gw_trust4, struct gw_rule, BPF_F_NO_PREALLOC);
GW_SLOTS(trust6, BPF_MAP_TYPE_LPM_TRIE, struct gw_trust6, struct gw_rule, BPF_F_NO_PREALLOC);

static __always_inline void gw_count(__u32 what)
{
	__u32 zero = 0;
	struct gw_stats *s = bpf_map_lookup_elem(&stats, &zero);

	if (s)
		s->n[what]++;
}

/* ---- keys ------------------------------------------------------------------ */

/*
 * Keys are written in the words in which the map's hash and comparison read
 * them: what was stored in halves and is loaded whole has to wait for the stores
 * to retire, which costs more than making the key.
 */
union gw_key4_words {
	struct gw_key4 key;
	struct {
		__u32 ab[2]; /* written at once, as eight bytes */
		__u32 ports;
	} w;
} __attribute__((aligned(8)));

union gw_key6_words {
	struct gw_key6 key;
	struct {
		__u64 a[2], b[2];
		__u32 ports;
	} w;
};

/* Source port, destination port, as they are on the wire. */
static __always_inline __u32 gw_port_word(const struct gw_pkt *p)
{
	__u32 host = (__u32)p->sport << 16 | p->dport;

	return be32(&host);
}

/* Both return the direction of the packet; keys are in the order of record.h. In
 * IP headers the destination's address follows the source's. */
static __always_inline __u32 gw_key4_of(union gw_key4_words *key, const struct gw_pkt *p)
{
	__u32 src = be32(p->src), dst = be32(p->src + 4), ports = gw_port_word(p);
	__u64 ab = *(const __u64 *)p->src;
	__u32 back = src > dst || (src == dst && p->sport > p->dport);

	if (back) {
		ab = ab >> 32 | ab << 32;
		ports = ports >> 16 | ports << 16;
	}
	*(__u64 *)key->w.ab = ab;
	key->w.ports = ports;
	return back;
}

static __always_inline __u32 gw_key6_of(union gw_key6_words *key, const struct gw_pkt *p)
{
	const __u64 *src = (const __u64 *)p->src, *dst = src + 2;
	__u64 s = be64(src), d = be64(dst);
	__u32 back, ports = gw_port_word(p);

	if (s == d) {
		s = be64(src + 1);
		d = be64(dst + 1);
	}
	back = s > d || (s == d && p->sport > p->dport);
	if (back) {
		key->w.a[0] = dst[0];
		key->w.a[1] = dst[1];
		key->w.b[0] = src[0];
		key->w.b[1] = src[1];
		ports = ports >> 16 | ports << 16;
	} else {
		key->w.a[0] = src[0];
		key->w.a[1] = src[1];
		key->w.b[0] = dst[0];
		key->w.b[1] = dst[1];
	}
	key->w.ports = ports;
	return back;
}

/* ---- super-packets --------------------------------------------------------- */

static __always_inline void gw_count_segments(struct __sk_buff *skb, const __u8 *data,
					      struct gw_pkt *p, int v6)
{
	const __u8 *ip;
	__u32 size;
	int jumbo = 0;

	if (!p->payload_len)
		return;
	size = skb->gso_size;
	if (!size)
		return;
	ip = v6 ? p->src - 8 : p->src - 12;
	if (v6)
		jumbo = !ip[4] && !ip[5] && !ip[6];
	gw_parse_segments(p, skb->len - (__u32)(ip - data), skb->gso_segs, size, jumbo);
}

/* ---- the careful way --------------------------------------------------------- */

static __always_inline const struct gw_target *gw_find_target(__u32 slot, __u8 family,
							      const __u8 *address)
{
	void *table = family == 4 ? bpf_map_lookup_elem(&targets4, &slot) :
				    bpf_map_lookup_elem(&targets6, &slot);

	return table ? bpf_map_lookup_elem(table, address) : NULL;
}

static __always_inline int gw_in_range(__u32 slot, __u8 family, const __u8 *address)
{
	const __u32 *permit = NULL;
	void *table;

	if (family == 4) {
		struct gw_range4 k = { .prefix_len = 32 };

		__builtin_memcpy(k.address, address, 4);
		table = bpf_map_lookup_elem(&ranges4, &slot);
		if (table)
			permit = bpf_map_lookup_elem(table, &k);
	} else {
		struct gw_range6 k = { .prefix_len = 128 };

		__builtin_memcpy(k.address, address, 16);
		table = bpf_map_lookup_elem(&ranges6, &slot);
		if (table)
			permit = bpf_map_lookup_elem(table, &k);
	}
	return permit && *permit;
}

static __always_inline const struct gw_rule *gw_find_rule(__u32 slot, __u8 family, __u32 policy,
							  const __u8 *address)
{
	void *table;

	if (family == 4) {
		struct gw_trust4 k = { .prefix_len = 64, .policy = policy };

		__builtin_memcpy(k.address, address, 4);
		table = bpf_map_lookup_elem(&trust4, &slot);
		return table ? bpf_map_lookup_elem(table, &k) : NULL;
	} else {
		struct gw_trust6 k = { .prefix_len = 160, .policy = policy };

		__builtin_memcpy(k.address, address, 16);
		table = bpf_map_lookup_elem(&trust6, &slot);
		return table ? bpf_map_lookup_elem(table, &k) : NULL;
	}
}

static __always_inline struct gw_work *gw_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* Target and trust of a new flow, into the record's flow. 0: not watched. */
__noinline int gw_judge(__u32 d)
{
	__u32 slot = *(volatile __u32 *)&active & 1;
	const struct gw_target *src, *dst, *target;
	struct gw_work *w = gw_work();
	const struct gw_rule *rule;
	struct gw_judgement *j;
	__u32 from_src, judged;
	__u8 family;

	if (!w)
		return 0;
	d &= 1;
	j = &w->record.flow.judgement;
	family = w->pkt.family;
	src = gw_find_target(slot, family, w->ends[0]);
	dst = gw_find_target(slot, family, w->ends[1]);
	w->o = gw_orient(&gate, &w->pkt, d, src != NULL, dst != NULL);
	from_src = w->o.initiator == d;

	j->generation = numbers[slot];
	j->target = GW_TARGET_NONE;
	j->rule = GW_RULE_IMPLICIT;
	/* the responder's entry, or else the initiator's */
	target = from_src ? (dst ? dst : src) : (src ? src : dst);
	if (!target) {
		if (!gw_in_range(slot, family, from_src ? w->ends[1] : w->ends[0]))
			return watch_all;
		j->path = GW_PATH_INBAND;
		j->verdict = GW_VERDICT_NO_POLICY;
		return 1;
	}
	/* the end that is not this target is judged */
	judged = target == src ? 1 : 0;
	j->target = target->target;
	j->policy = target->policy;
	j->path = target->path;
	j->outbound = judged == from_src;
	j->verdict = GW_VERDICT_NO_POLICY;
	rule = gw_find_rule(slot, family, target->policy, w->ends[judged]);
	if (rule) {
		j->rule = rule->rule;
		j->verdict = gw_judge_verdict(rule->verdict, w->o.basis);
	}
	return 1;
}

static __always_inline struct gw_flow *gw_find_flow(const struct gw_key *key)
{
	if (key->family == 4) {
		struct gw_key4 k = {};

		__builtin_memcpy(k.a, key->a, 4);
		__builtin_memcpy(k.b, key->b, 4);
		k.aport = key->aport;
		k.bport = key->bport;
		return bpf_map_lookup_elem(&flows4, &k);
	}
	return bpf_map_lookup_elem(&flows6, key);
}

static __always_inline long gw_keep_flow(const struct gw_key *key, const struct gw_flow *f,
					 __u64 flags)
{
	if (key->family == 4) {
		struct gw_key4 k = {};

		__builtin_memcpy(k.a, key->a, 4);
		__builtin_memcpy(k.b, key->b, 4);
		k.aport = key->aport;
		k.bport = key->bport;
		return bpf_map_update_elem(&flows4, &k, f, flags);
	}
	return bpf_map_update_elem(&flows6, key, f, flags);
}

static __always_inline void gw_drop_flow(const struct gw_key *key)
{
	if (key->family == 4) {
		struct gw_key4 k = {};

		__builtin_memcpy(k.a, key->a, 4);
		__builtin_memcpy(k.b, key->b, 4);
		k.aport = key->aport;
		k.bport = key->bport;
		bpf_map_delete_elem(&flows4, &k);
		return;
	}
	bpf_map_delete_elem(&flows6, key);
}

static __always_inline void gw_submit(struct gw_record *r, __u32 size)
{
	__u64 before = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	__u64 flags = before < ring_wake && before + size >= ring_wake ? BPF_RB_FORCE_WAKEUP :
									 BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_output(&ring, r, size, flags))
		gw_count(GW_STAT_DROP_RING);
	else
		gw_count(GW_STAT_RECORDS);
}

_Static_assert((GW_SNAP & (GW_SNAP - 1)) == 0, "GW_SNAP masks");

/* Submits the record as kind; its key, flow and numbers are filled. */
__noinline int gw_emit(struct __sk_buff *skb, __u32 kind)
{
	struct gw_work *w = gw_work();
	struct gw_record *r;
	__u32 n, room;

	if (!w)
		return 0;
	r = &w->record;
	r->kind = kind;
	r->snap_len = 0;
	if (kind != GW_REC_PAYLOAD) {
		gw_submit(r, GW_RECORD_SHORT);
		return 0;
	}
	n = r->payload_len;
	room = skb->len > w->payload_at ? skb->len - w->payload_at : 0;
	n = n < room ? n : room;
	n = n < GW_SNAP ? n : GW_SNAP;
	if (n) {
		/* changes nothing, and shows the verifier that 1 <= n <= GW_SNAP */
		n--;
		asm volatile("" : "+r"(n));
		n = (n & (GW_SNAP - 1)) + 1;
		if (!bpf_skb_load_bytes(skb, w->payload_at, r->snap, n)) {
			r->snap_len = (__u16)n;
			gw_submit(r, GW_RECORD_SHORT + n);
			return 0;
		}
	}
	gw_submit(r, GW_RECORD_SHORT);
	return 0;
}

/* One header, see gw_walk_step(). Takes and leaves numbers, so the verifier checks it
 * once, not once for each order of headers. */
__noinline int gw_step(struct __sk_buff *skb)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct gw_work *w = gw_work();

	return w ? gw_walk_step(data, end, &w->walk) : GW_PARSE_BAD;
}

/* The second stage alone, which knows all that the first does. On TCP and ICMP
 * the work holds the packet, its addresses and its canonical key; the answer
 * has GW_PARSED_BACK when side B sent it. */
#define GW_PARSED_BACK 0x100

static __noinline int gw_parse_frame(struct __sk_buff *skb, struct gw_work *w)
{
	struct gw_pkt local = {}; /* not in the work: pointers live in registers */
	const __u8 *data, *end;
	struct gw_key *key;
	struct gw_pkt *pkt;
	int parsed = GW_WALK_ON, i;
	__u32 d;

	if (!w)
		return GW_PARSE_BAD;
	__builtin_memset(&w->walk, 0, sizeof(w->walk));
	w->walk.type = GW_ETH_TEB;
	for (i = 0; i < GW_MAX_STEPS && parsed == GW_WALK_ON; i++)
		parsed = gw_step(skb);
	if (parsed != GW_WALK_DONE)
		return gw_parse_lost(parsed);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	local.payload = data; /* where there is none its offset is 0 */
	parsed = gw_parse_found(data, end, skb->len, &w->walk, &gate, &local);
	if (parsed != GW_PARSE_TCP && parsed != GW_PARSE_ICMP)
		return parsed;

	key = &w->record.key;
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memset(w->record.icmp_source, 0, sizeof(w->record.icmp_source));
	__builtin_memset(w->ends, 0, sizeof(w->ends));
	if (local.family == 4) {
		union gw_key4_words k;

		d = gw_key4_of(&k, &local);
		__builtin_memcpy(key->a, k.key.a, 4);
		__builtin_memcpy(key->b, k.key.b, 4);
		key->aport = k.key.aport;
		key->bport = k.key.bport;
		__builtin_memcpy(w->ends[0], local.src, 4);
		__builtin_memcpy(w->ends[1], local.dst, 4);
		if (parsed == GW_PARSE_ICMP)
			__builtin_memcpy(w->record.icmp_source, local.icmp_src, 4);
		gw_count_segments(skb, data, &local, 0);
	} else {
		d = gw_key6_of((union gw_key6_words *)key, &local);
		__builtin_memcpy(w->ends[0], local.src, 16);
		__builtin_memcpy(w->ends[1], local.dst, 16);
		if (parsed == GW_PARSE_ICMP)
			__builtin_memcpy(w->record.icmp_source, local.icmp_src, 16);
		gw_count_segments(skb, data, &local, 1);
	}
	key->family = local.family;
	w->payload_at = (__u32)(local.payload - data);
	local.src = local.dst = local.payload = local.icmp_src = NULL;
	pkt = &w->pkt;
	*pkt = local;
	return d ? parsed | GW_PARSED_BACK : parsed;
}

/* gw_track() once for all who call it; f is in the flow map or in the work. */
__noinline int gw_track_flow(struct gw_flow *f, __u32 d, __u64 now, __u32 hook)
{
	struct gw_work *w = gw_work();

	if (!f || !w)
		return 0;
	return (int)gw_track(f, d, &w->pkt, now, hook);
}

/* The work holds the packet: its flow and its records. */
__noinline int gw_segment(struct __sk_buff *skb, __u32 d, __u32 icmp, __u32 egress)
{
	__u32 hook = skb->ifindex << 1 | (egress & 1), emit = 0;
	struct gw_work *w = gw_work();
	int is_new = 0, replaced = 0;
	struct gw_flow *flow;
	struct gw_record *r;
	__u64 now;

	if (!w)
		return 0;
	d &= 1;
	r = &w->record;
	flow = gw_find_flow(&r->key);
	if (icmp && !flow)
		return 0;

	r->ifindex = skb->ifindex;
	r->seq = w->pkt.seq;
	r->ack = w->pkt.ack;
	r->payload_len = w->pkt.payload_len;
	r->dir = (__u8)d;
	r->tcp_flags = w->pkt.tcp_flags;
	r->icmp_type = w->pkt.icmp_type;
	r->icmp_code = w->pkt.icmp_code;
	r->is_new = 0;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	r->pad2 = 0;
	__builtin_memset(&r->actor, 0, sizeof(r->actor));

	if (icmp) {
		r->time_ns = bpf_ktime_get_ns();
		__builtin_memcpy(&r->flow, flow, sizeof(r->flow));
		gw_count(GW_STAT_ICMP);
		return gw_emit(skb, GW_REC_ICMP);
	}

	if (flow && gw_track_replaces(flow, d, &w->pkt)) {
		r->time_ns = bpf_ktime_get_ns();
		__builtin_memcpy(&r->flow, flow, sizeof(r->flow));
		gw_emit(skb, GW_REC_REPLACED);
		replaced = 1;
		flow = NULL;
	}
	if (!flow) {
		__builtin_memset(&r->flow, 0, sizeof(r->flow));
		if (!gw_judge(d)) {
			if (replaced)
				gw_drop_flow(&r->key);
			return 0;
		}
		if (skb->vlan_present)
			gw_parse_outer_tag(&w->pkt, (__u16)skb->vlan_tci);
		now = bpf_ktime_get_ns();
		gw_track_begin(&r->flow, &w->pkt, w->o, now);
		emit = gw_track_flow(&r->flow, d, now, hook);
		if (!gw_keep_flow(&r->key, &r->flow, replaced ? BPF_ANY : BPF_NOEXIST)) {
			gw_count(GW_STAT_FLOWS);
			is_new = 1;
		} else {
			/* another CPU was faster, or the map is full */
			flow = gw_find_flow(&r->key);
			if (!flow) {
				gw_count(GW_STAT_DROP_MAP);
				return 0;
			}
		}
	} else {
		now = bpf_ktime_get_ns();
	}
	if (flow) {
		emit = gw_track_flow(flow, d, now, hook);
		if (emit & GW_OTHER_HOOK) {
			gw_count(GW_STAT_OTHER_HOOK);
			return 0;
		}
	}
	gw_count(GW_STAT_WATCHED);
	if (!emit)
		return 0;
	if (flow)
		__builtin_memcpy(&r->flow, flow, sizeof(r->flow));
	r->time_ns = now;
	r->is_new = (__u8)is_new;
	if (with_actor && (egress & 1) && (r->tcp_flags & (GW_SYN | GW_ACK)) == GW_SYN) {
		__u64 cookie = bpf_get_socket_cookie(skb);
		const struct gw_actor *actor = bpf_map_lookup_elem(&actors, &cookie);

		if (actor)
			__builtin_memcpy(&r->actor, actor, sizeof(r->actor));
	}
	return gw_emit(skb, emit & GW_EMIT_PAYLOAD ? GW_REC_PAYLOAD : GW_REC_CONTROL);
}

/* Functions that are not static are checked by the verifier once, each alone. */
__noinline int gw_careful(struct __sk_buff *skb, __u32 egress)
{
	struct gw_work *w = gw_work();
	__u32 linear, d;
	int parsed;

	if (!w)
		return 0;
	parsed = gw_parse_frame(skb, w);
	linear = skb->data_end - skb->data;
	if (parsed == GW_PARSE_SHORT && skb->len > linear) {
		/* the header is in the buffer's fragments */
		bpf_skb_pull_data(skb, skb->len < GW_PULL ? skb->len : GW_PULL);
		parsed = gw_parse_frame(skb, w);
	}
	d = (parsed & GW_PARSED_BACK) != 0;
	switch (parsed & ~GW_PARSED_BACK) {
	case GW_PARSE_TCP:
		gw_count(GW_STAT_PACKETS);
		return gw_segment(skb, d, 0, egress);
	case GW_PARSE_ICMP:
		gw_count(GW_STAT_PACKETS);
		return gw_segment(skb, d, 1, egress);
	case GW_PARSE_FRAGMENT:
		gw_count(GW_STAT_FRAGMENTS);
		break;
	case GW_PARSE_SHORT:
		gw_count(GW_STAT_PARSE_SHORT);
		break;
	case GW_PARSE_BAD:
		gw_count(GW_STAT_PARSE_BAD);
		break;
	}
	return 0;
}

/* ---- the programs ------------------------------------------------------------- */

/* The flow is known: 1 when all is done. A super-packet is left to the careful
 * way: it stands for many packets, and its arithmetic would cost all the others. */
static __always_inline int gw_hit(struct __sk_buff *skb, struct gw_flow *flow, __u32 d,
				  struct gw_pkt *pkt, __u32 egress)
{
	struct gw_dir *dir = &flow->dir[d & 1];
	struct gw_stats *s;
	__u32 zero = 0;

	asm volatile("" : "+r"(dir)); /* compute it once */
	if (!gw_track_quiet(flow, dir, pkt, skb->ifindex << 1 | egress))
		return 0;
	if (pkt->payload_len && skb->gso_size)
		return 0;
	pkt->tcp_flags &= GW_PSH | GW_ACK; /* known already; now to the compiler too */
	gw_track_count(dir, pkt, bpf_jiffies64() * tick_ns + tick_base_ns);
	s = bpf_map_lookup_elem(&stats, &zero);
	if (s)
		s->n[GW_STAT_QUIET]++;
	return 1;
}

/* 1: neither end of this flow, which is not known, is in any table. Says nothing
 * but what gw_judge() would say, at half the price; for a port scan of the rest
 * of the world, or its SSH traffic passing through. */
static __noinline int gw_nobodys4(union gw_key4_words *key)
{
	__u32 slot = *(volatile __u32 *)&active & 1;

	if (!key || watch_all || gw_find_target(slot, 4, key->key.a) ||
	    gw_find_target(slot, 4, key->key.b) || gw_in_range(slot, 4, key->key.a) ||
	    gw_in_range(slot, 4, key->key.b))
		return 0;
	gw_count(GW_STAT_PACKETS);
	return 1;
}

static __noinline int gw_nobodys6(union gw_key6_words *key)
{
	__u32 slot = *(volatile __u32 *)&active & 1;

	if (!key || watch_all || gw_find_target(slot, 6, key->key.a) ||
	    gw_find_target(slot, 6, key->key.b) || gw_in_range(slot, 6, key->key.a) ||
	    gw_in_range(slot, 6, key->key.b))
		return 0;
	gw_count(GW_STAT_PACKETS);
	return 1;
}

static __always_inline int gw_watch4(struct __sk_buff *skb, __u32 egress)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct gw_pkt pkt = {};
	union gw_key4_words key;
	struct gw_flow *flow;
	__u32 d;

	if (gw_parse_plain4(data, end, &pkt) == GW_PARSE_TCP) {
		d = gw_key4_of(&key, &pkt);
		flow = bpf_map_lookup_elem(&flows4, &key);
		if (flow ? gw_hit(skb, flow, d, &pkt, egress) : gw_nobodys4(&key))
			return 0;
	}
	return gw_careful(skb, egress);
}

static __always_inline int gw_watch6(struct __sk_buff *skb, __u32 egress)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	union gw_key6_words key;
	struct gw_pkt pkt = {};
	struct gw_flow *flow;
	__u32 d;

	if (gw_parse_plain6(data, end, &pkt) == GW_PARSE_TCP) {
		d = gw_key6_of(&key, &pkt);
		flow = bpf_map_lookup_elem(&flows6, &key);
		if (flow ? gw_hit(skb, flow, d, &pkt, egress) : gw_nobodys6(&key))
			return 0;
	}
	return gw_careful(skb, egress);
}

/* All of it inline: a call and its return cost an unrelated packet nothing, but a
 * watched one 5 ns where returns are guarded (Spectre, SRSO). */
static __always_inline int gw_watch(struct __sk_buff *skb, __u32 egress)
{
	switch (gw_parse_gate((void *)(long)skb->data, (void *)(long)skb->data_end, &gate,
			      &gate_wire)) {
	case GW_PLAIN_V4:
		gw_watch4(skb, egress);
		break;
	case GW_PLAIN_V6:
		gw_watch6(skb, egress);
		break;
	case GW_PARSE_OTHER:
		gw_careful(skb, egress);
		break;
	}
	return GW_NEXT;
}

SEC("tc")
int gw_ingress(struct __sk_buff *skb)
{
	return gw_watch(skb, 0);
}

SEC("tc")
int gw_egress(struct __sk_buff *skb)
{
	return gw_watch(skb, 1);
}

/* Run by user space through BPF_PROG_TEST_RUN: one reading of both clocks. */
SEC("tc")
int gw_clock_sample(struct __sk_buff *skb)
{
	sample_ticks = bpf_jiffies64();
	sample_ns = bpf_ktime_get_coarse_ns();
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
