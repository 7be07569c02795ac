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

#include "fragment.h"

#define GW_NEXT (-1) /* TCX_NEXT and TC_ACT_UNSPEC are the same */
#define GW_PULL (GW_MAX_AT + 256) /* bytes made linear where the headers are not: as far
				   * as the parser goes, IPv6 with extension headers of an
				   * ordinary size, TCP */

/* Set before load, then constant to the verifier. */
const volatile struct gw_gate gate;
const volatile struct gw_wire_ports gate_wire; /* the same, as gw_parse_gate() wants it */
const volatile __u8 watch_all;	/* flows without a target too */
const volatile __u8 with_actor; /* actor.bpf.c fills the map */
const volatile __u32 ring_wake = 1 << 20;
const volatile __u32 ring_reserve = 3 << 20; /* beyond it, only what must not be lost */
const volatile __u64 attempt_ns = 0; /* a record of a half-open flow each, per CPU; 0: all */
const volatile __u64 attempt_burst_ns = 0;

/* Written by user space at any time. Time is a tick count times tick_ns plus
 * tick_base_ns: bpf_ktime_get_coarse_ns() says the same, and costs 13 ns. */
__u64 tick_ns = 0;
__s64 tick_base_ns = 0;
__u32 active = 0;
__u32 attempts_slot = 0; /* of the two in struct gw_attempts */
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

/* Flows whose initiator has not shown that it hears the answers. Anybody can make any
 * number of them, so they have room of their own, and the least used ones go. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GW_MAX_HALF);
	__type(key, struct gw_key4);
	__type(value, struct gw_flow);
} half4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GW_MAX_HALF);
	__type(key, struct gw_key6);
	__type(value, struct gw_flow);
} half6 SEC(".maps");

/* SYNs toward each target, exactly; and by source, of which the heaviest stay. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GW_MAX_ATTEMPTS);
	__type(key, struct gw_attempts);
	__type(value, __u64);
} attempts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GW_MAX_ATTEMPTS);
	__type(key, struct gw_attempts);
	__type(value, __u64);
} sources0 SEC(".maps");

/* The other slot's is a map of its own: what is not counted in any more would soon be
 * among the least used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GW_MAX_ATTEMPTS);
	__type(key, struct gw_attempts);
	__type(value, __u64);
} sources1 SEC(".maps");

/* When the next record of a half-open flow is free: of trusted sources, of others. */
struct gw_budget {
	__u64 free_ns[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gw_budget);
} budget SEC(".maps");

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
	__u32 payload_left;	 /* bytes of it that no record has had yet */
	struct gw_orientation o;
	__u8 pad;
	struct gw_walk walk;
	struct gw_datagram_key datagram; /* of a fragment */
	struct gw_datagram fresh;	 /* an entry being made */
	struct gw_syn syn;		 /* what the new flow begins with */
	struct gw_attempts attempts;	 /* being counted */
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

/* See fragment.h. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GW_MAX_DATAGRAMS);
	__type(key, struct gw_datagram_key);
	__type(value, struct gw_datagram);
} datagrams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GW_MAX_EARLY);
	__type(key, struct gw_datagram_key);
	__type(value, struct gw_record);
} early SEC(".maps");

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
	const struct gw_target *src, *dst, *target, *opener;
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
	if (!gw_is_bgp(&gate, &w->pkt)) {
		if (src && src->path == GW_PATH_NONE)
			src = NULL;
		if (dst && dst->path == GW_PATH_NONE)
			dst = NULL;
	}
	w->o = gw_orient(&gate, &w->pkt, d, src != NULL, dst != NULL);
	from_src = w->o.initiator == d;

	j->generation = numbers[slot];
	j->target = GW_TARGET_NONE;
	j->rule = GW_RULE_IMPLICIT;
	/* the responder's entry, or else the initiator's; a peer's yields: gw_judge_role() */
	target = from_src ? dst : src;
	opener = from_src ? src : dst;
	if (!target || (target->peer && opener))
		target = opener;
	if (!target) {
		if (!gw_in_range(slot, family, from_src ? w->ends[1] : w->ends[0]))
			return watch_all;
		j->path = GW_PATH_INBAND;
		j->verdict = GW_VERDICT_NO_POLICY;
		return 1;
	}
	/* the end that is not this target is judged, unless it is a peer */
	judged = target == src ? 1 : 0;
	if (target->peer)
		judged = !judged;
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

static __always_inline void gw_key4_short(const struct gw_key *key, struct gw_key4 *k)
{
	__builtin_memcpy(k->a, key->a, 4);
	__builtin_memcpy(k->b, key->b, 4);
	k->aport = key->aport;
	k->bport = key->bport;
}

/* half: of the flows that are half open, or of the others */
static __always_inline struct gw_flow *gw_find_flow(const struct gw_key *key, int half)
{
	if (key->family == 4) {
		struct gw_key4 k = {};

		gw_key4_short(key, &k);
		return half ? bpf_map_lookup_elem(&half4, &k) : bpf_map_lookup_elem(&flows4, &k);
	}
	return half ? bpf_map_lookup_elem(&half6, key) : bpf_map_lookup_elem(&flows6, key);
}

static __always_inline struct gw_flow *gw_find_either(const struct gw_key *key)
{
	struct gw_flow *f = gw_find_flow(key, 0);

	return f ? f : gw_find_flow(key, 1);
}

static __always_inline long gw_keep_flow(const struct gw_key *key, const struct gw_flow *f,
					 int half, __u64 flags)
{
	if (key->family == 4) {
		struct gw_key4 k = {};

		gw_key4_short(key, &k);
		return half ? bpf_map_update_elem(&half4, &k, f, flags) :
			      bpf_map_update_elem(&flows4, &k, f, flags);
	}
	return half ? bpf_map_update_elem(&half6, key, f, flags) :
		      bpf_map_update_elem(&flows6, key, f, flags);
}

static __always_inline void gw_drop_flow(const struct gw_key *key, int half)
{
	if (key->family == 4) {
		struct gw_key4 k = {};

		gw_key4_short(key, &k);
		if (half)
			bpf_map_delete_elem(&half4, &k);
		else
			bpf_map_delete_elem(&flows4, &k);
		return;
	}
	if (half)
		bpf_map_delete_elem(&half6, key);
	else
		bpf_map_delete_elem(&flows6, key);
}

/* ---- half-open flows ------------------------------------------------------------ */

static __always_inline void gw_add_attempt(void *map, const struct gw_attempts *key)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(map, key);

	if (!n) {
		if (!bpf_map_update_elem(map, key, &one, BPF_NOEXIST))
			return;
		n = bpf_map_lookup_elem(map, key); /* another CPU was faster */
	}
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* The work holds a SYN toward (or, of a device that asks, from) ends[target]. */
__noinline int gw_count_attempt(__u32 target)
{
	struct gw_work *w = gw_work();
	struct gw_attempts *a;
	__u64 *n;

	if (!w)
		return 0;
	gw_count(GW_STAT_SYNS);
	target &= 1;
	a = &w->attempts;
	__builtin_memset(a, 0, sizeof(*a));
	a->slot = *(volatile __u32 *)&attempts_slot & 1;
	a->family = w->pkt.family;
	__builtin_memcpy(a->target, w->ends[target], 16);
	gw_add_attempt(&attempts, a);
	n = bpf_map_lookup_elem(&attempts, a);
	if (!n) { /* no room: for all of those together there is, since it comes first */
		a->family = 0;
		__builtin_memset(a->target, 0, sizeof(a->target));
		gw_add_attempt(&attempts, a);
		return 0;
	}
	a->by_source = 1;
	if (w->pkt.family == 4)
		__builtin_memcpy(a->source, w->ends[!target], 3);
	else
		__builtin_memcpy(a->source, w->ends[!target], 8);
	if (a->slot)
		gw_add_attempt(&sources1, a);
	else
		gw_add_attempt(&sources0, a);
	return 0;
}

/* May a half-open flow have a record? So many a second, and so many at once. */
static __noinline int gw_may_tell(const struct gw_flow *f, __u64 now)
{
	__u32 zero = 0, trusted;
	struct gw_budget *b;
	__u64 from;

	if (!attempt_ns || !f)
		return 1;
	b = bpf_map_lookup_elem(&budget, &zero);
	if (!b)
		return 1;
	trusted = f->judgement.verdict == GW_VERDICT_TRUSTED;
	from = b->free_ns[trusted];
	if (from + attempt_burst_ns < now)
		from = now - attempt_burst_ns;
	if (from > now) {
		gw_count(GW_STAT_UNTOLD);
		return 0;
	}
	b->free_ns[trusted] = from + attempt_ns;
	return 1;
}

/* ---- records -------------------------------------------------------------------- */

/* What may be lost before paths are: contents, and attempts of strangers. */
static __always_inline int gw_yields(const struct gw_record *r)
{
	return r->kind == GW_REC_PAYLOAD ||
	       (r->flow.judgement.verdict != GW_VERDICT_TRUSTED && !gw_track_is_settled(&r->flow));
}

static __always_inline void gw_submit(struct gw_record *r, __u32 size)
{
	__u64 before = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	__u64 flags = before < ring_wake && before + size >= ring_wake ? BPF_RB_FORCE_WAKEUP :
									 BPF_RB_NO_WAKEUP;

	if (before + size > ring_reserve && gw_yields(r))
		gw_count(GW_STAT_DROP_RESERVE);
	else if (bpf_ringbuf_output(&ring, r, size, flags))
		gw_count(GW_STAT_DROP_RING);
	else
		gw_count(GW_STAT_RECORDS);
}

_Static_assert((GW_SNAP & (GW_SNAP - 1)) == 0, "GW_SNAP masks");

/* n, known to be at most GW_SNAP and not 0, so that the verifier sees it too. */
static __always_inline __u32 gw_snap_size(__u32 n)
{
	n--;
	asm volatile("" : "+r"(n));
	return (n & (GW_SNAP - 1)) + 1;
}

/* As many bytes from `at` of the frame as there are, and as the record holds. */
static __always_inline void gw_snap(struct __sk_buff *skb, struct gw_record *r, __u32 at,
				    __u32 there)
{
	__u32 n = there < r->payload_len ? there : r->payload_len;

	r->snap_len = 0;
	n = n < GW_SNAP ? n : GW_SNAP;
	if (!n)
		return;
	n = gw_snap_size(n);
	if (!bpf_skb_load_bytes(skb, at, r->snap, n))
		r->snap_len = (__u16)n;
}

static __always_inline void gw_submit_payload(struct gw_record *r)
{
	__u32 n = r->snap_len;

	if (n && n <= GW_SNAP)
		gw_submit(r, GW_RECORD_SHORT + gw_snap_size(n));
	else
		gw_submit(r, GW_RECORD_SHORT);
}

/* Submits the payload's next record; 1: there is more of it. As agent/watch.c does. */
__noinline int gw_emit_part(struct __sk_buff *skb, __u32 nth)
{
	struct gw_work *w = gw_work();
	__u32 at, left, there, share;
	struct gw_record *r;

	if (!w)
		return 0;
	r = &w->record;
	at = w->payload_at;
	left = w->payload_left;
	there = skb->len > at ? skb->len - at : 0;
	there = there < left ? there : left;
	share = gw_track_share(&r->flow, nth, left, there);
	r->payload_len = share;
	if (share < left)
		r->part |= GW_PART_MORE;
	else if (nth)
		r->part = GW_PART_LATER | gw_track_part(&w->pkt);
	gw_snap(skb, r, at, there);
	gw_submit_payload(r);
	if (share == left)
		return 0;
	gw_track_next_part(r, share);
	w->payload_left = left - share;
	w->payload_at = at + share;
	return 1;
}

/* Submits the record as kind; its key, flow and numbers are filled. */
__noinline int gw_emit(struct __sk_buff *skb, __u32 kind)
{
	struct gw_work *w = gw_work();
	__u32 n;

	if (!w)
		return 0;
	w->record.kind = kind;
	w->record.snap_len = 0;
	if (kind != GW_REC_PAYLOAD) {
		gw_submit(&w->record, GW_RECORD_SHORT);
		return 0;
	}
	w->payload_left = w->record.payload_len;
	for (n = 0; n < GW_MAX_PARTS; n++)
		if (!gw_emit_part(skb, n))
			break;
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
 * has GW_PARSED_BACK when side B sent it. On GW_PARSE_FRAGMENT it holds the packet and
 * its addresses; of no family: a piece of an outer packet. */
#define GW_PARSED_BACK 0x100

/* A later fragment has addresses, but no ports to make a key of. */
static __always_inline int gw_parse_ends(struct gw_work *w, struct gw_pkt *local,
					 const __u8 *data)
{
	if (local->family == 4) {
		__builtin_memcpy(w->ends[0], local->src, 4);
		__builtin_memcpy(w->ends[1], local->dst, 4);
	} else {
		__builtin_memcpy(w->ends[0], local->src, 16);
		__builtin_memcpy(w->ends[1], local->dst, 16);
	}
	w->payload_at = (__u32)(local->payload - data);
	local->src = local->dst = local->payload = local->icmp_src = NULL;
	w->pkt = *local;
	return GW_PARSE_FRAGMENT;
}

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
	w->pkt.family = 0;
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
	if (parsed != GW_PARSE_TCP && parsed != GW_PARSE_ICMP && parsed != GW_PARSE_FRAGMENT)
		return parsed;

	key = &w->record.key;
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memset(w->record.icmp_source, 0, sizeof(w->record.icmp_source));
	__builtin_memset(w->ends, 0, sizeof(w->ends));
	if (parsed == GW_PARSE_FRAGMENT)
		return gw_parse_ends(w, &local, data);
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

/* What few records have. */
static __always_inline void gw_record_begin(struct gw_record *r)
{
	r->is_new = 0;
	r->part = 0;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	r->pad2 = 0;
	__builtin_memset(&r->actor, 0, sizeof(r->actor));
}

/* ---- fragments; the same as in agent/watch.c --------------------------------- */

static __always_inline void gw_datagram_key_of(struct gw_work *w)
{
	__builtin_memcpy(w->datagram.src, w->ends[0], 16);
	__builtin_memcpy(w->datagram.dst, w->ends[1], 16);
	w->datagram.id = w->pkt.fragment_id;
	w->datagram.family = w->pkt.family;
	w->datagram.number = 0;
	__builtin_memset(w->datagram.pad, 0, sizeof(w->datagram.pad));
}

#define GW_LATER_LOST 0	  /* it does not fit, or its flow is gone */
#define GW_LATER_COUNTED 1
#define GW_LATER_RECORD 2 /* and r is to be submitted */

/* Counts the fragment in the work to its flow; r, which has its bytes, becomes its
 * record. */
__noinline int gw_fragment_counted(struct gw_datagram *g, struct gw_record *r, __u64 now,
				   __u32 hook)
{
	struct gw_work *w = gw_work();
	struct gw_flow *flow;
	__u32 what;

	if (!w || !g || !r)
		return GW_LATER_LOST;
	w->record.key = g->key;
	flow = gw_find_either(&w->record.key);
	if (!flow || flow->start_ns != g->start_ns)
		return GW_LATER_LOST;
	what = gw_datagram_count(g, flow, &w->pkt, now, hook);
	if (what == GW_FRAGMENT_UNFIT)
		return GW_LATER_LOST;
	gw_count(GW_STAT_PACKETS);
	if (what == GW_OTHER_HOOK) {
		gw_count(GW_STAT_OTHER_HOOK);
		return GW_LATER_COUNTED;
	}
	gw_count(GW_STAT_WATCHED);
	if (!g->handed_up)
		return GW_LATER_COUNTED;
	gw_datagram_record(g, &w->pkt, r);
	r->time_ns = now;
	r->ifindex = hook >> 1;
	__builtin_memcpy(&r->flow, flow, sizeof(r->flow));
	return GW_LATER_RECORD;
}

/* The work's key is of a datagram whose first fragment has come: its early one. */
__noinline int gw_fetch_early(__u32 number, __u64 now)
{
	struct gw_work *w = gw_work();
	struct gw_datagram *g;
	struct gw_stats *s;
	struct gw_record *r;
	__u32 zero = 0;
	int what;

	if (!w)
		return 0;
	w->datagram.number = (__u8)number;
	r = bpf_map_lookup_elem(&early, &w->datagram);
	w->datagram.number = 0;
	g = bpf_map_lookup_elem(&datagrams, &w->datagram);
	if (!r || !g)
		return 0;
	gw_early_fetch(r, &w->pkt);
	what = gw_fragment_counted(g, r, now, r->ifindex);
	if (what == GW_LATER_LOST)
		return 0;
	s = bpf_map_lookup_elem(&stats, &zero);
	if (s)
		s->n[GW_STAT_FRAGMENTS]--; /* it has its flow after all */
	if (what == GW_LATER_RECORD)
		gw_submit_payload(r);
	return 0;
}

/* The first fragment in the work was counted; `emit` says what gw_track() answered.
 * Those that came before it follow it now. */
__noinline int gw_first_fragment(__u32 d, __u32 emit, __u64 now)
{
	struct gw_work *w = gw_work();
	const struct gw_datagram *g;
	const struct gw_flow *flow;
	__u32 n = 0, i;

	if (!w)
		return 0;
	flow = gw_find_either(&w->record.key);
	if (!flow)
		return 0;
	gw_datagram_key_of(w);
	g = bpf_map_lookup_elem(&datagrams, &w->datagram);
	if (g && !gw_datagram_is_old(g, w->pkt.family, now))
		n = g->early;
	gw_datagram_begin(&w->fresh, &w->record.key, flow->start_ns, d, &w->pkt, emit, now);
	bpf_map_update_elem(&datagrams, &w->datagram, &w->fresh, BPF_ANY);
	for (i = 0; i < GW_MAX_EARLY_EACH && i < n; i++)
		gw_fetch_early(i, now);
	return 0;
}

/* May the fragment in the work, whose ports are not known, be of a flow that is
 * watched? */
__noinline int gw_fragment_matters(void)
{
	__u32 slot = *(volatile __u32 *)&active & 1;
	struct gw_work *w = gw_work();
	__u8 family;

	if (!w)
		return 0;
	if (watch_all)
		return 1;
	family = w->pkt.family;
	return gw_find_target(slot, family, w->ends[0]) ||
	       gw_find_target(slot, family, w->ends[1]) ||
	       gw_in_range(slot, family, w->ends[0]) || gw_in_range(slot, family, w->ends[1]);
}

/* It came before its first fragment: kept until that one comes. */
__noinline int gw_early_fragment(struct __sk_buff *skb, __u64 now, __u32 hook)
{
	struct gw_work *w = gw_work();
	struct gw_datagram *g;
	struct gw_record *r;
	__u32 at;

	if (!w || !gw_fragment_matters())
		return 0;
	g = bpf_map_lookup_elem(&datagrams, &w->datagram);
	if (!g || gw_datagram_is_old(g, w->pkt.family, now)) {
		__builtin_memset(&w->fresh, 0, sizeof(w->fresh));
		w->fresh.time_ns = now;
		bpf_map_update_elem(&datagrams, &w->datagram, &w->fresh, BPF_ANY);
		g = bpf_map_lookup_elem(&datagrams, &w->datagram);
	}
	if (!g || g->early >= GW_MAX_EARLY_EACH)
		return 0;
	r = &w->record;
	gw_record_begin(r);
	r->icmp_type = r->icmp_code = 0;
	gw_early_keep(r, &w->pkt, hook);
	at = w->payload_at;
	gw_snap(skb, r, at, skb->len > at ? skb->len - at : 0);
	w->datagram.number = g->early++;
	bpf_map_update_elem(&early, &w->datagram, r, BPF_ANY);
	return 0;
}

/* 1: counted to its flow. */
__noinline int gw_later_fragment(struct __sk_buff *skb, __u32 egress)
{
	__u32 hook = skb->ifindex << 1 | (egress & 1);
	__u64 now = bpf_ktime_get_ns();
	struct gw_work *w = gw_work();
	struct gw_datagram *g;
	int what;

	if (!w)
		return 0;
	gw_datagram_key_of(w);
	g = bpf_map_lookup_elem(&datagrams, &w->datagram);
	if (!g || !g->key.family || gw_datagram_is_old(g, w->pkt.family, now))
		return gw_early_fragment(skb, now, hook);
	gw_record_begin(&w->record);
	w->record.icmp_type = w->record.icmp_code = 0;
	what = gw_fragment_counted(g, &w->record, now, hook);
	if (what == GW_LATER_RECORD) {
		__u32 at = w->payload_at;

		gw_snap(skb, &w->record, at, skb->len > at ? skb->len - at : 0);
		gw_submit_payload(&w->record);
	}
	return what != GW_LATER_LOST;
}

/*
 * The record holds a flow that was half open when its packet came.
 * One that is not any more moves to where it cannot be evicted. began: of the entry that
 * was counted; the LRU may have given it to another flow meanwhile. 1: no record.
 */
__noinline int gw_half_open(__u32 emit, __u64 began)
{
	struct gw_work *w = gw_work();
	struct gw_flow *f;

	if (!w)
		return 1;
	f = &w->record.flow;
	if (gw_track_asks(&w->pkt) && gw_track_is_guarded(&f->judgement))
		gw_count_attempt(f->judgement.outbound ? 0 : 1);
	if (began && f->start_ns != began)
		return 1;
	if (!gw_track_is_settled(f))
		return emit ? !gw_may_tell(f, w->record.time_ns) : 1;
	if (gw_keep_flow(&w->record.key, f, 0, BPF_NOEXIST) &&
	    !gw_find_flow(&w->record.key, 0)) {
		gw_count(GW_STAT_DROP_MAP); /* it is full; as before then, while that lasts */
		return 0;
	}
	gw_drop_flow(&w->record.key, 1);
	return 0;
}

/* The work holds the packet: its flow and its records. Says what gw_track() said, and
 * GW_COUNTED when the packet was counted to a flow. */
#define GW_COUNTED 0x100

__noinline int gw_segment(struct __sk_buff *skb, __u32 d, __u32 icmp, __u32 egress)
{
	__u32 hook = skb->ifindex << 1 | (egress & 1), emit = 0;
	struct gw_work *w = gw_work();
	int is_new = 0, replaced = 0, half = 0;
	struct gw_flow *flow;
	struct gw_record *r;
	__u64 now, began = 0;
	__u8 flags;

	if (!w)
		return 0;
	d &= 1;
	flags = w->pkt.tcp_flags;
	w->syn.n = 0;
	r = &w->record;
	flow = gw_find_flow(&r->key, 0);
	if (!flow) {
		flow = gw_find_flow(&r->key, 1);
		half = 1;
	}
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
	gw_record_begin(r);
	r->part = gw_track_part(&w->pkt);

	if (icmp) {
		r->time_ns = bpf_ktime_get_ns();
		__builtin_memcpy(&r->flow, flow, sizeof(r->flow));
		gw_count(GW_STAT_ICMP);
		if (half && !gw_may_tell(&r->flow, r->time_ns))
			return 0;
		return gw_emit(skb, GW_REC_ICMP);
	}

	if (flow && gw_track_replaces(flow, d, &w->pkt)) {
		r->time_ns = bpf_ktime_get_ns();
		__builtin_memcpy(&r->flow, flow, sizeof(r->flow));
		if (gw_track_answers_syn(flow, d, &w->pkt)) {
			w->syn = r->flow.syn;
			gw_track_without_syn(&r->flow);
		}
		if (!half || gw_may_tell(&r->flow, r->time_ns))
			gw_emit(skb, GW_REC_REPLACED);
		replaced = 1;
		flow = NULL;
	}
	if (!flow) {
		__builtin_memset(&r->flow, 0, sizeof(r->flow));
		if (w->syn.n) /* whatever the packet is, it answers a SYN */
			w->pkt.tcp_flags = GW_SYN | GW_ACK;
		if (!gw_judge(d)) {
			if (replaced)
				gw_drop_flow(&r->key, half);
			return 0;
		}
		if (skb->vlan_present)
			gw_parse_outer_tag(&w->pkt, (__u16)skb->vlan_tci);
		now = bpf_ktime_get_ns();
		gw_track_begin(&r->flow, &w->pkt, w->o, now);
		w->pkt.tcp_flags = flags;
		if (w->syn.n)
			gw_track_resume(&r->flow, &w->syn);
		emit = gw_track_flow(&r->flow, d, now, hook);
		if (replaced && !half)
			gw_drop_flow(&r->key, 0);
		half = 1;
		if (!gw_keep_flow(&r->key, &r->flow, half, replaced ? BPF_ANY : BPF_NOEXIST)) {
			gw_count(GW_STAT_FLOWS);
			is_new = 1;
		} else {
			/* another CPU was faster; or it works on the map's free list */
			flow = gw_find_flow(&r->key, half);
			if (!flow) {
				gw_count(GW_STAT_DROP_MAP);
				gw_half_open(0, 0);
				return 0;
			}
		}
	} else {
		now = bpf_ktime_get_ns();
	}
	if (flow) {
		began = flow->start_ns;
		emit = gw_track_flow(flow, d, now, hook);
		if (emit & GW_OTHER_HOOK) {
			gw_count(GW_STAT_OTHER_HOOK);
			return 0;
		}
	}
	gw_count(GW_STAT_WATCHED);
	r->time_ns = now;
	if (flow && (emit || half))
		__builtin_memcpy(&r->flow, flow, sizeof(r->flow));
	if (half && gw_half_open(emit, began))
		return GW_COUNTED;
	if (!emit)
		return GW_COUNTED;
	r->is_new = (__u8)is_new;
	if (with_actor && (egress & 1) && (r->tcp_flags & (GW_SYN | GW_ACK)) == GW_SYN) {
		__u64 cookie = bpf_get_socket_cookie(skb);
		const struct gw_actor *actor = bpf_map_lookup_elem(&actors, &cookie);

		if (actor)
			__builtin_memcpy(&r->actor, actor, sizeof(r->actor));
	}
	gw_emit(skb, emit & GW_EMIT_PAYLOAD ? GW_REC_PAYLOAD : GW_REC_CONTROL);
	return (int)(emit | GW_COUNTED);
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
		parsed = gw_segment(skb, d, 0, egress);
		/* from here, because the stack is short */
		if (w->pkt.fragment && (parsed & GW_COUNTED))
			gw_first_fragment(d, (__u32)parsed, w->record.time_ns);
		break;
	case GW_PARSE_ICMP:
		gw_count(GW_STAT_PACKETS);
		return gw_segment(skb, d, 1, egress);
	case GW_PARSE_FRAGMENT:
		if (!w->pkt.family || !gw_later_fragment(skb, egress))
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
