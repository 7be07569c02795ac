/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GW_TRACK_H
#define GW_TRACK_H
/*
 * What one TCP packet does to its flow. Pure: packet, clock and flow come in,
 * the flow is changed, and the answer says which records to hand up. The TC
 * program runs it on the kernel's flow map, agent/watch.c on its own table;
 * that both run this is why live and replay agree.
 *
 * Order of calls for a packet of an existing flow:
 *	gw_track_replaces()  a new connection on the same 5-tuple? Then
 *			     gw_track_without_syn() on the old one, if its SYN had been
 *			     taken for a stray, and gw_track_resume() on the new
 *	gw_track()	     count; the hot path is a few additions, and is also
 *			     to be had alone: gw_track_quiet(), gw_track_count()
 * and for a packet of no flow:
 *	gw_orient()	     who is the initiator
 *	gw_judge_role()	     whose address is to be judged, if any
 *	(look up trust), gw_judge_verdict()
 *	gw_track_begin(), gw_track()
 *
 * Constant size: retransmits and missed bytes come from the sequence numbers
 * without remembering segments. A segment that jumps ahead opens a hole of that
 * size; an older segment first fills holes and, when there is none, repeats
 * bytes already seen. So a repeat while a hole is open counts as filling it.
 *
 * Resets and SYNs that their receiver would not believe (RFC 5961) change nothing but
 * the packet counters; they are counted as strays.
 */
#include "parse.h"

#ifdef __bpf__
#define GW_ADD(where, n) ((void)__sync_fetch_and_add(&(where), (n)))
#else
#define GW_ADD(where, n) ((void)((where) += (n)))
#endif

/* what gw_track() answers, or-ed */
#define GW_EMIT_CONTROL 1
#define GW_EMIT_PAYLOAD 2
#define GW_OTHER_HOOK 4 /* not counted: this direction is counted elsewhere */

/* A direction moves to another interface when it was silent on its own for
 * this long: a re-route, not the same packet seen twice on its way through. */
#define GW_HOOK_SILENCE_NS 1000000000ull

static __always_inline int gw_seq_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* Nothing more is to come: reset, or closed by both sides. */
static __always_inline int gw_track_is_over(const struct gw_flow *f)
{
	__u8 a = f->dir[0].state, b = f->dir[1].state;

	return a == GW_TCP_RESET || b == GW_TCP_RESET ||
	       (a == GW_TCP_CLOSED && b == GW_TCP_CLOSED);
}

/* p has SYN: may it be one of this connection's? */
static __always_inline int gw_track_own_syn(const struct gw_flow *f, __u32 d,
					    const struct gw_pkt *p)
{
	const struct gw_dir *s = &f->dir[d & 1], *o = &f->dir[!(d & 1)];

	if (s->flags & GW_SYN) /* a retransmission has the same number */
		return s->first == p->seq + 1;
	if (p->tcp_flags & GW_ACK)
		return 1;
	if (s->packets)
		return 0; /* in the middle of its stream */
	/* the first packet, or a simultaneous open (RFC 9293 3.5), or its own answer has
	 * overtaken it */
	return !o->packets || o->state == GW_TCP_SYN_SENT ||
	       ((o->flags & GW_ACK) && o->ack == p->seq + 1);
}

/* p answers a SYN that may have been a stranger's: it was not. */
static __always_inline int gw_track_answers_syn(const struct gw_flow *f, __u32 d,
						const struct gw_pkt *p)
{
	__u8 flags = p->tcp_flags & (GW_SYN | GW_RST | GW_ACK);

	return f->syn.n && f->syn.dir != (d & 1) && p->ack == f->syn.first &&
	       (flags == (GW_SYN | GW_ACK) || flags == (GW_RST | GW_ACK));
}

/*
 * 1: the packet belongs to another connection on this 5-tuple, which begins with it or
 * with the SYN that it answers (gw_track_answers_syn()). A SYN alone does not end an
 * established connection: its receiver challenges it (RFC 5961 4.2), and anybody can
 * send one.
 */
static __always_inline int gw_track_replaces(const struct gw_flow *f, __u32 d,
					     const struct gw_pkt *p)
{
	const struct gw_dir *o = &f->dir[!(d & 1)];

	if (gw_track_answers_syn(f, d, p))
		return 1;
	if ((p->tcp_flags & (GW_SYN | GW_RST)) != GW_SYN || gw_track_own_syn(f, d, p))
		return 0;
	/* where one direction is seen, no answer would be */
	return gw_track_is_over(f) || !o->packets;
}

/*
 * 1: both ends are there, as far as packets can show it; until then a flow is half open,
 * and may be one of millions whose sender has made up its address. Such a sender does not
 * see the answer: so the initiator must have acknowledged it, by its number where a
 * SYN-ACK was seen. In mid-stream both must have spoken, and a reset is no word.
 */
#define GW_WINDOW 65535

static __always_inline int gw_track_is_settled(const struct gw_flow *f)
{
	const struct gw_dir *init = &f->dir[f->initiator & 1], *resp = &f->dir[!(f->initiator & 1)];

	if (!(init->flags & GW_ACK) || !(resp->flags & GW_ACK))
		return 0;
	if (resp->flags & GW_SYN)
		return init->ack - resp->first <= resp->high - resp->first + GW_WINDOW;
	return init->state != GW_TCP_RESET && resp->state != GW_TCP_RESET;
}

/* p asks for a connection. */
static __always_inline int gw_track_asks(const struct gw_pkt *p)
{
	return (p->tcp_flags & (GW_SYN | GW_ACK | GW_RST)) == GW_SYN;
}

/* Are the attempts of such flows counted? Not of those watched for no target's sake. */
static __always_inline int gw_track_is_guarded(const struct gw_judgement *j)
{
	return j->path != GW_PATH_NONE || j->target != GW_TARGET_NONE;
}

/* Whom such flows are counted toward: the end that is watched. */
static __always_inline __u32 gw_track_watched_end(const struct gw_flow *f)
{
	return f->judgement.outbound ? f->initiator & 1 : !(f->initiator & 1);
}

struct gw_orientation {
	__u8 initiator; /* direction index */
	__u8 basis;	/* enum gw_basis */
	__u8 service;
};

/*
 * Who opened the flow whose first seen packet is p, sent in direction d?
 * src_watched / dst_watched: that address is in the inventory.
 */
static __always_inline struct gw_orientation gw_orient(const volatile struct gw_gate *gate,
						       const struct gw_pkt *p, __u32 d,
						       int src_watched, int dst_watched)
{
	int sservice = gw_gate_service(gate, p->sport, 0) != GW_SERVICE_NONE;
	int dservice = gw_gate_service(gate, p->dport, 0) != GW_SERVICE_NONE;
	struct gw_orientation o = { (__u8)(d & 1), GW_BASIS_UNKNOWN, 0 };
	__u8 back = !(d & 1);

	if (p->tcp_flags & GW_SYN) {
		o.basis = GW_BASIS_SYN;
		if (p->tcp_flags & GW_ACK)
			o.initiator = back;
	} else if (dst_watched && dservice) {
		o.basis = GW_BASIS_INVENTORY;
	} else if (src_watched && sservice) {
		o.basis = GW_BASIS_INVENTORY;
		o.initiator = back;
	} else if (dservice != sservice) {
		o.basis = GW_BASIS_PORT;
		if (sservice)
			o.initiator = back;
	}
	o.service = o.initiator == (d & 1) ? gw_gate_service(gate, p->dport, p->sport) :
					     gw_gate_service(gate, p->sport, p->dport);
	return o;
}

/* 1: a target of the underlay counts for this packet. Both of its ports are asked as
 * the service's: who opened the flow is not known yet. */
static __always_inline int gw_is_bgp(const volatile struct gw_gate *gate, const struct gw_pkt *p)
{
	return gw_gate_service(gate, p->dport, p->sport) == GW_SERVICE_BGP &&
	       gw_gate_service(gate, p->sport, p->dport) == GW_SERVICE_BGP;
}

/*
 * Is the flow watched, and whose address does whose policy judge? The tables
 * were asked before: what each end is, and whether the responder is inside an
 * in-band range. With a peer the roles change: it is the one to be judged, and
 * the device is at the other end. A peer's entry yields to the other end's.
 */
enum gw_end {
	GW_END_OTHER,
	GW_END_DEVICE, /* a target that is a device's own address */
	GW_END_PEER    /* a target that a device speaks BGP with */
};

enum gw_watched {
	GW_WATCHED_NOT,	    /* nobody's flow */
	GW_WATCHED_INBOUND, /* toward a device: judge the initiator */
	GW_WATCHED_OUTBOUND, /* a device opened it: judge the responder */
	GW_WATCHED_RANGE    /* toward an in-band address that no config has */
};

static __always_inline enum gw_watched gw_judge_role(enum gw_end initiator, enum gw_end responder,
						     int in_range)
{
	if (responder == GW_END_DEVICE)
		return GW_WATCHED_INBOUND;
	if (initiator == GW_END_DEVICE)
		return GW_WATCHED_OUTBOUND;
	if (initiator == GW_END_PEER)
		return GW_WATCHED_INBOUND;
	if (responder == GW_END_PEER)
		return GW_WATCHED_OUTBOUND;
	return in_range ? GW_WATCHED_RANGE : GW_WATCHED_NOT;
}

/* An initiator that nothing showed is never trusted. */
static __always_inline __u8 gw_judge_verdict(__u8 verdict, __u8 basis)
{
	return basis == GW_BASIS_UNKNOWN && verdict == GW_VERDICT_TRUSTED ? GW_VERDICT_UNTRUSTED :
									    verdict;
}

/* f must be zeroed; judgement is filled by the caller. */
static __always_inline void gw_track_begin(struct gw_flow *f, const struct gw_pkt *p,
					   struct gw_orientation o, __u64 now_ns)
{
	f->start_ns = now_ns;
	f->initiator = o.initiator;
	f->basis = o.basis;
	f->service = o.service;
	f->wrap = p->wrap;
	/* without a handshake in sight there is nothing to wait for */
	f->phase = (p->tcp_flags & GW_SYN) ? GW_PHASE_HANDSHAKE : GW_PHASE_DATA;
}

/* The old connection's counters without the SYN that was the new one's. */
static __always_inline void gw_track_without_syn(struct gw_flow *f)
{
	struct gw_dir *s = &f->dir[f->syn.dir & 1];

	s->packets -= f->syn.n;
	s->bytes -= f->syn.bytes;
	f->strays -= f->syn.n;
	__builtin_memset(&f->syn, 0, sizeof(f->syn));
}

/* f, just begun with the answer, gets the SYN. */
static __always_inline void gw_track_resume(struct gw_flow *f, const struct gw_syn *syn)
{
	struct gw_dir *s = &f->dir[syn->dir & 1];

	f->start_ns = syn->time_ns;
	s->packets = syn->n;
	s->bytes = syn->bytes;
	s->again = (__u32)syn->n - 1;
	s->last_ns = syn->time_ns;
	s->first = s->high = syn->first;
	s->seq_known = 1;
	s->hook = syn->hook;
	s->flags = GW_SYN;
	s->state = GW_TCP_SYN_SENT;
}

/* What would be acknowledged when all is: the FIN takes a number too. */
static __always_inline __u32 gw_track_end(const struct gw_dir *s)
{
	return s->high + !!(s->flags & GW_FIN);
}

/*
 * Would the receiver of this reset believe it? It wants the number that it expects
 * next, or one in its window (RFC 9293 3.10.7.4, RFC 5961 3.2). Of the window we know
 * that it begins at what was acknowledged and holds what was sent; GW_WINDOW more is
 * allowed for what we have not seen.
 */
static __always_inline int gw_track_believed(const struct gw_flow *f, __u32 d,
					     const struct gw_pkt *p)
{
	const struct gw_dir *s = &f->dir[d & 1], *o = &f->dir[!(d & 1)];
	__u32 low = o->ack, top = gw_track_end(s);

	if (gw_track_is_over(f) || (!s->packets && !o->packets))
		return 1;
	if ((p->tcp_flags & GW_ACK) && o->seq_known && p->ack == gw_track_end(o))
		return 1;
	if (o->state == GW_TCP_SYN_SENT && !s->seq_known) /* data with the SYN: RFC 7413 */
		return (p->tcp_flags & GW_ACK) && p->ack - o->first <= o->high - o->first;
	if (!(o->flags & GW_ACK)) {
		if (!s->seq_known)
			return 1;
		low = top - GW_WINDOW;
	} else if (!s->seq_known || gw_seq_after(low, top)) {
		top = low;
	}
	return p->seq - low <= top - low + GW_WINDOW;
}

/* Neither this connection's SYN nor a reset that its receiver believes. */
static __always_inline int gw_track_is_stray(const struct gw_flow *f, __u32 d,
					     const struct gw_pkt *p)
{
	if (p->tcp_flags & GW_RST)
		return !gw_track_believed(f, d, p);
	return (p->tcp_flags & GW_SYN) && !gw_track_own_syn(f, d, p);
}

static __always_inline void gw_track_stray(struct gw_flow *f, __u32 d, const struct gw_pkt *p,
					   __u64 now_ns, __u32 hook)
{
	struct gw_syn *y = &f->syn;

	GW_ADD(f->dir[d & 1].packets, p->segments);
	GW_ADD(f->dir[d & 1].bytes, p->ip_bytes);
	f->strays++;
	if ((p->tcp_flags & (GW_SYN | GW_ACK | GW_RST)) != GW_SYN)
		return;
	if (!y->n || y->first != p->seq + 1 || y->dir != (d & 1)) {
		y->time_ns = now_ns;
		y->first = p->seq + 1;
		y->hook = hook;
		y->bytes = 0;
		y->n = 0;
		y->dir = (__u8)(d & 1);
	}
	y->n++;
	y->bytes += p->ip_bytes;
}

/* Control packets and the first packet of a direction; rare. */
static __always_inline __u32 gw_track_state(struct gw_flow *f, __u32 d, const struct gw_pkt *p,
					    __u64 now_ns)
{
	struct gw_dir *s = &f->dir[d & 1], *o = &f->dir[!(d & 1)];
	__u8 flags = p->tcp_flags;
	__u32 emit = 0;

	if (s->state == GW_TCP_INACTIVE || (flags & (GW_SYN | GW_FIN | GW_RST)))
		emit = GW_EMIT_CONTROL;

	if (flags & GW_RST) {
		/* after both FINs a reset changes nothing any more */
		if (s->state != GW_TCP_CLOSED || o->state != GW_TCP_CLOSED)
			s->state = GW_TCP_RESET;
		return emit;
	}
	if (flags & GW_SYN) {
		if (!s->seq_known) {
			s->first = p->seq + 1;
			s->high = p->seq + 1;
			s->seq_known = 1;
		} else if (s->flags & GW_SYN) {
			s->again++;
		}
		if (!(flags & GW_ACK) && s->state == GW_TCP_INACTIVE &&
		    o->state == GW_TCP_SYN_SENT) {
			/* simultaneous open; Zeek calls it established here */
			s->state = o->state = GW_TCP_ESTABLISHED;
		} else if (!(flags & GW_ACK)) {
			if (s->state == GW_TCP_INACTIVE)
				s->state = o->flags & GW_SYN ? GW_TCP_ESTABLISHED :
							       GW_TCP_SYN_SENT;
		} else {
			if (o->state == GW_TCP_SYN_SENT)
				o->state = GW_TCP_ESTABLISHED;
			if (s->state == GW_TCP_INACTIVE || s->state == GW_TCP_SYN_SENT)
				s->state = GW_TCP_ESTABLISHED;
		}
		return emit;
	}
	if (s->state == GW_TCP_INACTIVE) {
		/* the SYN was missed, the SYN-ACK was not */
		if ((flags & GW_ACK) && o->state == GW_TCP_ESTABLISHED)
			s->state = GW_TCP_ESTABLISHED;
		/* some stacks acknowledge a SYN before they answer it */
		else if (p->payload_len || o->state != GW_TCP_SYN_SENT)
			s->state = GW_TCP_PARTIAL;
	}
	if (flags & GW_FIN) {
		if (s->state == GW_TCP_CLOSED && !p->payload_len)
			s->again++;
		/* FIN, then RST because more data came: closed after all */
		if (o->state == GW_TCP_RESET && (o->flags & GW_FIN))
			o->state = GW_TCP_CLOSED;
		if (s->state != GW_TCP_RESET)
			s->state = GW_TCP_CLOSED;
	}
	if (f->phase == GW_PHASE_HANDSHAKE && (d & 1) == f->initiator && (flags & GW_ACK)) {
		f->phase = GW_PHASE_DATA;
		if (o->flags & GW_SYN) {
			f->established_ns = now_ns;
			emit = GW_EMIT_CONTROL;
		}
	}
	return emit;
}

/* A flow met mid-stream may show what is older than its first segment while that is
 * still in flight; afterwards the numbers may have come around. */
#define GW_EARLY_BYTES (1u << 24)

/* `len` bytes below the highest: they fill a hole, or were seen before. */
static __always_inline void gw_track_again(struct gw_dir *s, __u32 len, __u32 segments)
{
	if (s->hole)
		s->hole = s->hole > len ? s->hole - len : 0;
	else
		s->again += segments;
}

/* Sequence space that carries payload, or the end of it (FIN). */
static __always_inline void gw_track_seq(struct gw_dir *s, __u32 seq, __u32 len, __u32 segments)
{
	__u32 end = seq + len, gap;

	if (!s->seq_known) {
		s->first = seq;
		s->high = end;
		s->seq_known = 1;
	} else if (gw_seq_after(end, s->high)) {
		if (gw_seq_after(seq, s->high))
			s->hole += seq - s->high;
		else if (seq != s->high)
			gw_track_again(s, s->high - seq, segments);
		s->high = end;
	} else if (gw_seq_after(s->first, seq) && len && !(s->flags & GW_SYN) &&
		   s->payload < GW_EARLY_BYTES) {
		/* older than the first segment seen of a flow met mid-stream */
		gap = gw_seq_after(s->first, end) ? s->first - end : 0;
		s->hole += gap;
		s->first = seq;
	} else if (len && (len != 1 || end != s->high)) {
		/* the last byte alone is a keep-alive's, or a zero-window probe's (RFC 9293
		 * 3.8.4, 3.8.6.1): it fills nothing, and nothing is sent again */
		gw_track_again(s, len, segments);
	}
}

/* The part that every counted packet goes through, and for nearly all the only
 * one. The kernel's coarse clock may lag behind the precise one that stamped an
 * earlier packet, so time is never set back. */
static __always_inline void gw_track_count(struct gw_dir *s, const struct gw_pkt *p, __u64 now_ns)
{
	GW_ADD(s->packets, p->segments);
	GW_ADD(s->bytes, p->ip_bytes);
	if ((__s64)(now_ns - s->last_ns) > 0)
		s->last_ns = now_ns;
	if (p->payload_len) {
		GW_ADD(s->payload, p->payload_len);
		if (!(p->tcp_flags & GW_RST)) /* RFC 9293 3.5.3: a reset may carry text */
			gw_track_seq(s, p->seq + !!(p->tcp_flags & GW_SYN), p->payload_len,
				     p->segments);
	} else if ((p->tcp_flags & (GW_FIN | GW_RST | GW_SYN)) == GW_FIN) {
		gw_track_seq(s, p->seq, 0, 1);
	}
	if (p->tcp_flags & GW_ACK) {
		if (!(s->flags & GW_ACK) || gw_seq_after(p->ack, s->ack))
			s->ack = p->ack;
	}
	if (p->tcp_flags & ~s->flags)
		s->flags |= p->tcp_flags;
}

/* 1: gw_track() would only count this packet, so gw_track_count() will do and
 * no precise clock is needed. s is the packet's direction of f. */
static __always_inline int gw_track_quiet(const struct gw_flow *f, const struct gw_dir *s,
					  const struct gw_pkt *p, __u32 hook)
{
	return s->hook == hook && !(p->tcp_flags & (GW_SYN | GW_FIN | GW_RST)) && !p->fragment &&
	       f->phase == GW_PHASE_DATA && s->state != GW_TCP_INACTIVE &&
	       (!p->payload_len || s->sent >= GW_FIRST_PAYLOADS);
}

/*
 * Counts packet p, sent in direction d (0: A to B), seen at `hook`. Returns
 * GW_EMIT_* bits, or GW_OTHER_HOOK when the packet was not counted.
 */
static __always_inline __u32 gw_track(struct gw_flow *f, __u32 d, const struct gw_pkt *p,
				      __u64 now_ns, __u32 hook)
{
	struct gw_dir *s = &f->dir[d & 1];
	__u32 emit = 0;

	if (s->hook != hook) {
		if (s->packets && (__s64)(now_ns - s->last_ns) < (__s64)GW_HOOK_SILENCE_NS)
			return GW_OTHER_HOOK;
		s->hook = hook;
	}
	if ((p->tcp_flags & (GW_SYN | GW_RST)) && gw_track_is_stray(f, d, p)) {
		gw_track_stray(f, d, p, now_ns, hook);
		return 0;
	}
	if ((p->tcp_flags & (GW_SYN | GW_FIN | GW_RST)) || f->phase == GW_PHASE_HANDSHAKE ||
	    s->state == GW_TCP_INACTIVE)
		emit = gw_track_state(f, d, p, now_ns);
	if (p->fragment)
		s->fragments++;
	if (p->payload_len && s->sent < GW_FIRST_PAYLOADS) {
		/* BGP says all that matters in its payload: never the last one */
		if (f->service != GW_SERVICE_BGP || s->sent < GW_FIRST_PAYLOADS - 1)
			s->sent++;
		emit |= GW_EMIT_PAYLOAD;
	}
	gw_track_count(s, p, now_ns);
	return emit;
}

/* Counts a later IP fragment, which fragment.h has made a segment: its bytes and no
 * more, for what its TCP header said was counted with the first fragment. */
static __always_inline void gw_track_fragment(struct gw_flow *f, __u32 d, const struct gw_pkt *p,
					      __u64 now_ns)
{
	f->dir[d & 1].fragments++;
	gw_track_count(&f->dir[d & 1], p, now_ns);
}

/* The record's part, as far as IP fragments make it one. */
static __always_inline __u8 gw_track_part(const struct gw_pkt *p)
{
	return p->fragment == 1 ? GW_PART_MORE :
	       p->fragment	? GW_PART_LATER | p->more_fragments * GW_PART_MORE :
				  0;
}

/*
 * How many of the `left` payload bytes go into the next record, the packet's nth;
 * `there` of them were captured. BGP says all that matters in its payload, and a
 * super-packet or a jumbo frame has more of it than one record holds.
 */
static __always_inline __u32 gw_track_share(const struct gw_flow *f, __u32 nth, __u32 left,
					    __u32 there)
{
	return f->service == GW_SERVICE_BGP && left > GW_SNAP && there > GW_SNAP &&
			       nth < GW_MAX_PARTS - 1 ?
		       GW_SNAP :
		       left;
}

/* The record of a packet's first `share` bytes becomes that of what comes after. */
static __always_inline void gw_track_next_part(struct gw_record *r, __u32 share)
{
	r->seq += share + !!(r->tcp_flags & GW_SYN);
	r->tcp_flags &= (__u8) ~(GW_SYN | GW_FIN);
	r->part |= GW_PART_LATER;
	r->is_new = 0;
}

/* Bytes of direction d that were sent but never seen. */
static __always_inline __u64 gw_track_missed(const struct gw_flow *f, __u32 d)
{
	const struct gw_dir *s = &f->dir[d & 1], *o = &f->dir[!(d & 1)];
	__u64 missed = s->hole;
	__u32 end = s->high;

	if (!s->seq_known || !(o->flags & GW_ACK) || (o->flags & GW_RST) )
		return missed;
	if (s->flags & GW_FIN)
		end++; /* the FIN takes one number and is acknowledged too */
	if (gw_seq_after(o->ack, end))
		missed += o->ack - end;
	return missed;
}

/* Zeek's conn_state from both endpoints' states: one of S0 S1 SF REJ RSTO RSTR
 * S2 S3 SH SHR RSTOS0 RSTRH OTH (Zeek, base/protocols/conn). */
static __always_inline const char *gw_track_conn_state(const struct gw_flow *f)
{
	__u8 o = f->dir[f->initiator & 1].state, r = f->dir[!(f->initiator & 1)].state;
	int o_blind = o == GW_TCP_INACTIVE || o == GW_TCP_PARTIAL;
	int r_blind = r == GW_TCP_INACTIVE || r == GW_TCP_PARTIAL;
	int empty = !f->dir[0].payload && !f->dir[1].payload;

	if (r == GW_TCP_RESET) {
		if (o == GW_TCP_SYN_SENT || o == GW_TCP_SYN_ACK_SENT ||
		    (o == GW_TCP_RESET && empty))
			return "REJ";
		return o_blind ? "RSTRH" : "RSTR";
	}
	if (o == GW_TCP_RESET)
		return r_blind ? "RSTOS0" : "RSTO";
	if (o == GW_TCP_CLOSED)
		return r == GW_TCP_CLOSED ? "SF" : r_blind ? "SH" : "S2";
	if (r == GW_TCP_CLOSED)
		return o_blind ? "SHR" : "S3";
	if (o == GW_TCP_SYN_SENT && r == GW_TCP_INACTIVE)
		return "S0";
	if (o == GW_TCP_ESTABLISHED && r == GW_TCP_ESTABLISHED)
		return "S1";
	return "OTH";
}

#endif
