/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GW_FRAGMENT_H
#define GW_FRAGMENT_H
/*
 * IP fragments. Only the first one has ports; what comes later belongs to the flow
 * that the first one with the same addresses and identification belonged to. This is
 * no reassembly: each fragment is counted as the packet that it is, and its bytes
 * have their place in the sequence space by its offset. Pure like track.h: the tables
 * are the kernel program's and agent/fragments.c's.
 *
 * Two tables, both bounded, the least recently used entry goes first:
 *	datagrams	one struct gw_datagram for each datagram under way
 *	early fragments	those that came before their first one, as a record each,
 *			by (datagram, number); the first one fetches them
 *
 * A fragment is attributed only when it fits what is known of its datagram: behind
 * the first one, not beyond the last, in bytes that none has filled (without
 * remembering pieces: like track.h, a jump ahead opens a hole and only that much may
 * be filled), and in time. Any other is counted in GW_STAT_FRAGMENTS and nowhere else.
 */
#include "track.h"

/* RFC 791 3.2 sees 15 s and Linux keeps 30; RFC 8200 4.5 says 60. */
#define GW_FRAGMENT_NS4 30000000000ull
#define GW_FRAGMENT_NS6 60000000000ull

#define GW_MAX_DATAGRAMS 4096
#define GW_MAX_EARLY 1024    /* early fragments in all; 2.5 kB each */
#define GW_MAX_EARLY_EACH 16 /* of one datagram: 9000 bytes in pieces of 576 */

/* The protocol need not be told: it is always TCP (IPv6: RFC 8200 has none here). */
struct gw_datagram_key {
	__u8 src[16], dst[16];
	__u32 id;
	__u8 family;
	__u8 number; /* of an early fragment; else 0 */
	__u8 pad[2];
};

struct gw_datagram {
	struct gw_key key;  /* the flow; of no family while the first fragment is awaited */
	__u64 start_ns;	    /* the flow's, lest it is another by now */
	__u64 time_ns;	    /* of the fragment that was seen first */
	__u32 seq;	    /* of the byte at offset 0, if that were payload */
	__u32 ack;
	__u32 first;	    /* length of the first fragment */
	__u32 end;	    /* highest end seen */
	__u32 hole;	    /* bytes in [first, end) not seen */
	__u32 total;	    /* the last fragment's end; 0: not seen yet */
	__u8 dir;
	__u8 tcp_flags;
	__u8 handed_up; /* the first fragment's payload was, so the others' is */
	__u8 early;	/* early fragments kept */
	__u8 pad[4];
};

static __always_inline int gw_datagram_is_old(const struct gw_datagram *g, __u8 family, __u64 now)
{
	return (__s64)(now - g->time_ns) >
	       (__s64)(family == 4 ? GW_FRAGMENT_NS4 : GW_FRAGMENT_NS6);
}

/* p: a first fragment that was counted to the flow `key`. */
static __always_inline void gw_datagram_begin(struct gw_datagram *g, const struct gw_key *key,
					      __u64 start_ns, __u32 d, const struct gw_pkt *p,
					      __u32 emit, __u64 now)
{
	g->key = *key;
	g->start_ns = start_ns;
	g->time_ns = now;
	g->seq = p->seq + !!(p->tcp_flags & GW_SYN) - p->fragment_head;
	g->ack = p->ack;
	g->first = p->fragment_head + p->payload_len;
	g->end = g->first;
	g->hole = 0;
	g->total = 0;
	g->dir = (__u8)(d & 1);
	/* what takes sequence numbers is counted with the first one */
	g->tcp_flags = p->tcp_flags & (GW_ACK | GW_RST);
	g->handed_up = (emit & GW_EMIT_PAYLOAD) != 0;
	g->early = 0;
	__builtin_memset(g->pad, 0, sizeof(g->pad));
}

/* 1: the later fragment p has its place in the datagram, which is now filled. */
static __always_inline int gw_datagram_take(struct gw_datagram *g, const struct gw_pkt *p)
{
	__u32 at = p->fragment_at, len = p->payload_len, end = at + len;

	if (!len || end > 0xffff || at < g->first)
		return 0;
	if (p->more_fragments ? (len & 7) != 0 : g->end > end)
		return 0;
	if (g->total && (p->more_fragments ? end > g->total : end != g->total))
		return 0;
	if (at >= g->end) {
		g->hole += at - g->end;
		g->end = end;
	} else {
		if (len > g->hole || end > g->end)
			return 0;
		g->hole -= len;
	}
	if (!p->more_fragments)
		g->total = end;
	return 1;
}

/* Makes the later fragment p the TCP segment that it is a part of. */
static __always_inline void gw_datagram_segment(const struct gw_datagram *g, struct gw_pkt *p)
{
	p->seq = g->seq + p->fragment_at;
	p->ack = g->ack;
	p->tcp_flags = g->tcp_flags;
	p->segments = 1;
}

/* What became of a later fragment. */
#define GW_FRAGMENT_COUNTED 0
#define GW_FRAGMENT_UNFIT 1
/* or GW_OTHER_HOOK */

/* p, seen at `hook`, belongs to datagram g of flow f: counts it, and makes it the TCP
 * segment that it is a part of. */
static __always_inline __u32 gw_datagram_count(struct gw_datagram *g, struct gw_flow *f,
					       struct gw_pkt *p, __u64 now, __u32 hook)
{
	if (f->dir[g->dir & 1].hook != hook)
		return GW_OTHER_HOOK;
	if (!gw_datagram_take(g, p))
		return GW_FRAGMENT_UNFIT;
	gw_datagram_segment(g, p);
	gw_track_fragment(f, g->dir, p, now);
	return GW_FRAGMENT_COUNTED;
}

/* An early fragment is kept as the record that it will be, but for these. */
static __always_inline void gw_early_keep(struct gw_record *r, const struct gw_pkt *p, __u32 hook)
{
	r->ifindex = hook;
	r->seq = p->fragment_at;
	r->ack = p->ip_bytes;
	r->payload_len = p->payload_len;
	r->part = gw_track_part(p);
}

static __always_inline void gw_early_fetch(const struct gw_record *r, struct gw_pkt *p)
{
	p->fragment = 2;
	p->fragment_at = (__u16)r->seq;
	p->ip_bytes = r->ack;
	p->payload_len = r->payload_len;
	p->more_fragments = (r->part & GW_PART_MORE) != 0;
}

/* Fills in what a record of a later fragment has in common, early or not. */
static __always_inline void gw_datagram_record(const struct gw_datagram *g,
					       const struct gw_pkt *p, struct gw_record *r)
{
	r->kind = GW_REC_PAYLOAD;
	r->key = g->key;
	r->seq = p->seq;
	r->ack = p->ack;
	r->payload_len = p->payload_len;
	r->dir = g->dir;
	r->tcp_flags = p->tcp_flags;
	r->part = gw_track_part(p);
}

_Static_assert(sizeof(struct gw_datagram_key) == 40, "gw_datagram_key layout");
_Static_assert(sizeof(struct gw_datagram) == 88, "gw_datagram layout");

#endif
