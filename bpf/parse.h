/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GW_PARSE_H
#define GW_PARSE_H
/*
 * The one packet parser: Ethernet, wrappings (wrap.h), IPv4, IPv6, TCP and ICMP
 * errors. The innermost IP header is the one that counts.
 *
 * The TC programs, the libpcap path, the tests and the fuzzer all compile this
 * file, so they cannot disagree. It reads bytes, never casts header structs,
 * calls nothing and allocates nothing. The one bounds check is spelled
 * `p + n > end` with n small: the BPF verifier does not accept `end - p < n`.
 *
 * It has two stages, because nearly every frame is plain: no tag, no option, no
 * extension header. gw_parse_plain() knows those only, at constant offsets, and
 * tests the ports before it reads anything else, so that a packet on no watched
 * port leaves after the port bytes. Whatever looks unusual it leaves to
 * gw_parse_any(), which knows everything and alone judges what is wrong.
 * gw_parse() is both. The TC programs run the first stage on each packet and
 * the second only when it is asked for; tests/unit/test_bpf_parse.c holds that
 * the first stage never says other than the second.
 */
#include "common/bytes.h"
#include "wrap.h"

/* Clang and gcc spell it differently; the BPF programs need it done. */
#ifdef __clang__
#define GW_UNROLL _Pragma("clang loop unroll(full)")
#else
#define GW_UNROLL _Pragma("GCC unroll 8")
#endif

#define GW_PARSE_OTHER (-1) /* gw_parse_plain() only: the second stage must look */

/* Ports watched, host order; unused entries are zero and come last. In the
 * kernel it is constant data (hence volatile), known to the verifier, which
 * takes the comparisons with unused entries out of the program. */
struct gw_gate {
	__u16 ssh[GW_MAX_PORTS];
	__u16 bgp[GW_MAX_PORTS];
};

struct gw_pkt {
	const __u8 *src, *dst; /* 4 or 16 bytes, inside the packet */
	const __u8 *payload;   /* TCP payload; may be beyond `end` */
	const __u8 *icmp_src;  /* who sent the ICMP error */
	__u32 ip_bytes;	       /* IP total length; by the caller for GSO */
	__u32 header_len;      /* IP and TCP headers, for GSO arithmetic */
	__u32 payload_len;     /* by the IP length, not by what was captured */
	__u32 seq, ack;	       /* host order */
	__u32 segments;	       /* 1; the caller sets gso_segs */
	__u16 sport, dport;    /* host order */
	__u8 family;	       /* 4 or 6 */
	__u8 tcp_flags;
	__u8 fragment; /* 1: first fragment of several, 2: a later one */
	__u8 icmp_type, icmp_code;
	__u8 more_fragments;   /* of a later fragment; 0: the last one */
	__u16 fragment_at;     /* of a later fragment: its offset */
	__u32 fragment_id;
	__u32 fragment_head;   /* of a first fragment: bytes before its payload */
	struct gw_wrap wrap; /* what was around the IP header that the rest is about */
};

static __always_inline int gw_port_in(const volatile __u16 *ports, __u16 port)
{
	int i;

	GW_UNROLL
	for (i = 0; i < GW_MAX_PORTS; i++) {
		__u16 watched = ports[i];

		if (!watched)
			return 0;
		if (watched == port)
			return 1;
	}
	return 0;
}

static __always_inline int gw_either_in(const volatile __u16 *ports, __u16 port, __u16 other)
{
	int i;

	GW_UNROLL
	for (i = 0; i < GW_MAX_PORTS; i++) {
		__u16 watched = ports[i];

		if (!watched)
			return 0;
		if (watched == port || watched == other)
			return 1;
	}
	return 0;
}

static __always_inline int gw_gate_passes(const volatile struct gw_gate *g, __u16 sport,
					  __u16 dport)
{
	return gw_either_in(g->ssh, sport, dport) || gw_either_in(g->bgp, sport, dport);
}

/* The service of a flow whose responder's port is `port`, the other `other`. */
static __always_inline __u8 gw_gate_service(const volatile struct gw_gate *g, __u16 port,
					    __u16 other)
{
	if (gw_port_in(g->ssh, port))
		return GW_SERVICE_SSH;
	if (gw_port_in(g->bgp, port))
		return GW_SERVICE_BGP;
	if (gw_port_in(g->ssh, other))
		return GW_SERVICE_SSH;
	return gw_port_in(g->bgp, other) ? GW_SERVICE_BGP : GW_SERVICE_NONE;
}

/* p at the TCP header; rest: bytes of IP payload by the IP length. */
static __always_inline enum gw_parse gw_parse_tcp(const __u8 *p, const __u8 *end, __u32 rest,
						  const volatile struct gw_gate *gate,
						  struct gw_pkt *pkt)
{
	__u32 hl;

	if (p + 4 > end)
		return GW_PARSE_SHORT;
	pkt->sport = be16(p);
	pkt->dport = be16(p + 2);
	if (!gw_gate_passes(gate, pkt->sport, pkt->dport))
		return GW_PARSE_IGNORE;
	if (p + 20 > end)
		return GW_PARSE_SHORT;
	hl = (__u32)(p[12] >> 4) * 4;
	if (hl < 20 || hl > rest)
		return GW_PARSE_BAD;
	pkt->seq = be32(p + 4);
	pkt->ack = be32(p + 8);
	pkt->tcp_flags = p[13] & (GW_FIN | GW_SYN | GW_RST | GW_PSH | GW_ACK);
	pkt->payload = p + hl;
	pkt->payload_len = rest - hl;
	pkt->header_len += hl;
	if (pkt->fragment)
		pkt->fragment_head += hl;
	return GW_PARSE_TCP;
}

/* The quote inside an ICMP error: an IP header and at least 8 bytes of TCP
 * (RFC 792; RFC 4443 2.4). p at the quoted IP header. */
static __always_inline enum gw_parse gw_parse_quote(const __u8 *p, const __u8 *end, int family,
						    const volatile struct gw_gate *gate,
						    struct gw_pkt *pkt)
{
	__u32 hl;

	if (family == 4) {
		if (p + 20 > end)
			return GW_PARSE_SHORT;
		hl = (__u32)(p[0] & 0x0f) * 4;
		if ((p[0] >> 4) != 4 || hl < 20)
			return GW_PARSE_BAD;
		if (p[9] != GW_IPPROTO_TCP || (be16(p + 6) & 0x1fff))
			return GW_PARSE_IGNORE;
		pkt->src = p + 12;
		pkt->dst = p + 16;
	} else {
		if (p + 40 > end)
			return GW_PARSE_SHORT;
		if (p[6] != GW_IPPROTO_TCP)
			return GW_PARSE_IGNORE;
		hl = 40;
		pkt->src = p + 8;
		pkt->dst = p + 24;
	}
	p += hl;
	if (p + 8 > end)
		return GW_PARSE_SHORT;
	pkt->sport = be16(p);
	pkt->dport = be16(p + 2);
	pkt->seq = be32(p + 4);
	if (!gw_gate_passes(gate, pkt->sport, pkt->dport))
		return GW_PARSE_IGNORE;
	return GW_PARSE_ICMP;
}

/*
 * A later fragment has no ports; fragment.h finds its flow by what its first
 * fragment had. p at its part of the datagram; rest: bytes of it, by the IP length.
 */
static __always_inline enum gw_parse gw_parse_later(const __u8 *p, __u32 rest, __u32 id, __u32 at,
						    __u8 more, struct gw_pkt *pkt)
{
	pkt->payload = p;
	pkt->payload_len = rest;
	pkt->fragment = 2;
	pkt->fragment_id = id;
	pkt->fragment_at = (__u16)at;
	pkt->more_fragments = more;
	return GW_PARSE_FRAGMENT;
}

/* wire: bytes of the frame on the wire from p on, for a total length of 0
 * (segmentation offload leaves it empty). */
static __always_inline enum gw_parse gw_parse_ipv4(const __u8 *p, const __u8 *end, __u32 wire,
						   const volatile struct gw_gate *gate,
						   struct gw_pkt *pkt)
{
	__u32 hl, total;
	__u16 frag;

	if (p + 20 > end)
		return GW_PARSE_SHORT;
	if (p[9] != GW_IPPROTO_TCP && p[9] != GW_IPPROTO_ICMP)
		return GW_PARSE_IGNORE;
	hl = (__u32)(p[0] & 0x0f) * 4;
	total = be16(p + 2);
	if (!total)
		total = wire;
	/* of TCP the ports are asked first, as gw_parse_gate() does */
	if ((p[0] >> 4) != 4 || hl < 20 || (total < hl && p[9] != GW_IPPROTO_TCP))
		return GW_PARSE_BAD;
	frag = be16(p + 6);
	pkt->family = 4;
	pkt->ip_bytes = total;
	pkt->header_len = hl;
	pkt->src = p + 12;
	pkt->dst = p + 16;
	if (frag & 0x1fff && p[9] != GW_IPPROTO_TCP)
		return GW_PARSE_IGNORE;
	if (frag & 0x1fff)
		return gw_parse_later(p + hl, total > hl ? total - hl : 0, be16(p + 4),
				      (__u32)(frag & 0x1fff) * 8, frag >> 13 & 1, pkt);
	pkt->fragment = (frag & 0x2000) != 0;
	if (p[9] == GW_IPPROTO_TCP) {
		if (pkt->fragment)
			pkt->fragment_id = be16(p + 4);
		return gw_parse_tcp(p + hl, end, total > hl ? total - hl : 0, gate, pkt);
	}

	pkt->icmp_src = p + 12;
	p += hl;
	if (p + 8 > end)
		return GW_PARSE_SHORT;
	/* 3 destination unreachable, 11 time exceeded, 12 parameter problem */
	if (p[0] != 3 && p[0] != 11 && p[0] != 12)
		return GW_PARSE_IGNORE;
	pkt->icmp_type = p[0];
	pkt->icmp_code = p[1];
	return gw_parse_quote(p + 8, end, 4, gate, pkt);
}

static __always_inline enum gw_parse gw_parse_ipv6(const __u8 *p, const __u8 *end, __u32 wire,
						   const volatile struct gw_gate *gate,
						   struct gw_pkt *pkt)
{
	const __u8 *ip = p;
	struct gw_ext x = {};
	__u32 payload, used;
	__u8 next;

	if (p + 40 > end)
		return GW_PARSE_SHORT;
	if (p[6] == GW_IPPROTO_UDP)
		return GW_PARSE_IGNORE; /* before the version, as gw_parse_gate() does */
	if ((p[0] >> 4) != 6)
		return GW_PARSE_BAD;
	payload = be16(p + 4);
	if (!payload)
		payload = wire > 40 ? wire - 40 : 0;
	if (!gw_skip_extensions(p, end, &x))
		return GW_PARSE_SHORT;
	next = x.next;
	used = x.used;
	p += 40 + used;
	if (x.later ? next != GW_IPPROTO_TCP && !gw_is_extension(next) :
		      next != GW_IPPROTO_TCP && next != GW_IPPROTO_ICMPV6)
		return GW_PARSE_IGNORE;
	if (used > payload)
		return GW_PARSE_BAD;
	pkt->family = 6;
	pkt->ip_bytes = 40 + payload;
	pkt->header_len = 40 + used;
	pkt->src = ip + 8;
	pkt->dst = ip + 24;
	if (x.later)
		return gw_parse_later(p + 8, payload > used + 8 ? payload - used - 8 : 0, x.id,
				      x.at & 0xfff8, x.at & 1, pkt);
	pkt->fragment = x.fragment;
	if (next == GW_IPPROTO_TCP) {
		if (x.fragment) {
			pkt->fragment_id = x.id;
			pkt->fragment_head = used - x.body;
		}
		return gw_parse_tcp(p, end, payload - used, gate, pkt);
	}

	if (p + 8 > end)
		return GW_PARSE_SHORT;
	/* 1 unreachable, 2 too big, 3 time exceeded, 4 parameter (RFC 4443) */
	if (p[0] < 1 || p[0] > 4)
		return GW_PARSE_IGNORE;
	pkt->icmp_src = ip + 8;
	pkt->icmp_type = p[0];
	pkt->icmp_code = p[1];
	return gw_parse_quote(p + 8, end, 6, gate, pkt);
}

/* p at the network header that `ethertype` announces. */
static __always_inline enum gw_parse gw_parse_network(const __u8 *p, const __u8 *end,
						      __u16 ethertype, __u32 wire,
						      const volatile struct gw_gate *gate,
						      struct gw_pkt *pkt)
{
	if (ethertype == GW_ETH_IPV4)
		return gw_parse_ipv4(p, end, wire, gate, pkt);
	if (ethertype == GW_ETH_IPV6)
		return gw_parse_ipv6(p, end, wire, gate, pkt);
	return GW_PARSE_IGNORE;
}

/* The second stage's last step: the IP header that the walk has come to. */
static __always_inline enum gw_parse gw_parse_found(const __u8 *data, const __u8 *end, __u32 wire,
						    const struct gw_walk *walk,
						    const volatile struct gw_gate *gate,
						    struct gw_pkt *pkt)
{
	__u32 at = walk->at;

	pkt->segments = 1;
	pkt->wrap = walk->wrap;
	if (at > GW_MAX_AT)
		return GW_PARSE_IGNORE;
	return gw_parse_network(data + at, end, walk->type, wire > at ? wire - at : 0, gate, pkt);
}

/* What a walk that ended in `r` comes to when it has not ended at an IP header. */
static __always_inline enum gw_parse gw_parse_lost(int r)
{
	return r == GW_WALK_ON ? GW_PARSE_IGNORE : (enum gw_parse)r;
}

/* The second stage: a packet of any shape, beginning with the header `type` (see
 * struct gw_walk). The kernel has the same loop, in watch.bpf.c. */
static __always_inline enum gw_parse gw_parse_from(const __u8 *data, const __u8 *end, __u32 wire,
						   __u16 type,
						   const volatile struct gw_gate *gate,
						   struct gw_pkt *pkt)
{
	struct gw_walk walk = { .type = type };
	int r = GW_WALK_ON, i;

	for (i = 0; i < GW_MAX_STEPS && r == GW_WALK_ON; i++)
		r = gw_walk_step(data, end, &walk);
	if (r != GW_WALK_DONE)
		return gw_parse_lost(r);
	return gw_parse_found(data, end, wire, &walk, gate, pkt);
}

static __always_inline enum gw_parse gw_parse_any(const __u8 *data, const __u8 *end, __u32 wire,
						  const volatile struct gw_gate *gate,
						  struct gw_pkt *pkt)
{
	return gw_parse_from(data, end, wire, GW_ETH_TEB, gate, pkt);
}

/* The plain TCP header at p, 20 bytes of it known to be there; rest: bytes of
 * IP payload by the IP length. Its ports have passed. */
static __always_inline int gw_parse_plain_tcp(const __u8 *p, __u32 rest, struct gw_pkt *pkt)
{
	__u32 hl = (__u32)(p[12] >> 4) * 4;

	if (hl < 20 || hl > rest)
		return GW_PARSE_OTHER;
	pkt->seq = be32(p + 4);
	pkt->ack = be32(p + 8);
	pkt->tcp_flags = p[13] & (GW_FIN | GW_SYN | GW_RST | GW_PSH | GW_ACK);
	pkt->payload = p + hl;
	pkt->payload_len = rest - hl;
	pkt->header_len += hl;
	pkt->segments = 1;
	return GW_PARSE_TCP;
}

/*
 * The first stage's first half: is it plain TCP on a watched port? Says
 * GW_PARSE_IGNORE, GW_PARSE_OTHER, GW_PLAIN_V4 or GW_PLAIN_V6. Reads as little as
 * it can, for this is what every packet of the machine pays: one bounds check for
 * all but the shortest frames, numbers compared as they are on the wire.
 *
 * wire: the gate's ports as they are on the wire; or NULL, to have the gate itself
 * asked.
 */
#define GW_PLAIN_V4 (-4)
#define GW_PLAIN_V6 (-6)

/* The ports of both services in network order. Two in all is the usual number,
 * and they need one load instead of three. */
struct gw_wire_ports {
	__u32 pair;			    /* both, if there are just two; else 0 */
	__u16 ports[2 * GW_MAX_PORTS + 2]; /* zero after the last */
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define GW_WIRE16(x) ((__u16)(((x) & 0xff) << 8 | (x) >> 8))
/* of an IPv4 header's first eight bytes: version and length, fragment bits */
#define GW_IPV4_SHAPE 0xff3f0000000000ffull
#define GW_IPV4_PLAIN 0x0000000000000045ull
#else
#define GW_WIRE16(x) ((__u16)(x))
#define GW_IPV4_SHAPE 0xff00000000003fffull
#define GW_IPV4_PLAIN 0x4500000000000000ull
#endif

static __always_inline int gw_gate_wire(const volatile struct gw_gate *gate,
					const volatile struct gw_wire_ports *wire, const __u8 *at)
{
	__u32 ports, low, high, pair;
	int i;

	if (!wire)
		return gw_gate_passes(gate, be16(at), be16(at + 2));
	ports = raw32(at);
	low = ports & 0xffff;
	high = ports >> 16;
	pair = wire->pair;
	if (pair)
		return low == (pair & 0xffff) || high == (pair & 0xffff) || low == pair >> 16 ||
		       high == pair >> 16;
	GW_UNROLL
	for (i = 0; i < 2 * GW_MAX_PORTS; i++) {
		__u32 watched = wire->ports[i];

		if (!watched)
			return 0;
		if (watched == low || watched == high)
			return 1;
	}
	return 0;
}

static __always_inline int gw_gate_tunnel(const __u8 *udp)
{
	__u16 port = raw16(udp + 2);

	return port == GW_WIRE16(GW_PORT_VXLAN) || port == GW_WIRE16(GW_PORT_GENEVE) ||
	       port == GW_WIRE16(GW_PORT_GTPU);
}

/* IPv4 that is not TCP; of UDP without IP options the ports are known to be there. */
static __always_inline int gw_gate_other4(const __u8 *ip)
{
	__u8 protocol = ip[9];

	if (protocol == GW_IPPROTO_UDP)
		return ip[0] != 0x45 || gw_gate_tunnel(ip + 20) ? GW_PARSE_OTHER :
								  GW_PARSE_IGNORE;
	return protocol == GW_IPPROTO_ICMP || gw_is_tunnel(protocol) ? GW_PARSE_OTHER :
								       GW_PARSE_IGNORE;
}

static __always_inline int gw_parse_gate(const __u8 *data, const __u8 *end,
					 const volatile struct gw_gate *gate,
					 const volatile struct gw_wire_ports *wire)
{
	const __u8 *ip = data + 14;
	__u16 type;

	if (data + 54 > end) {
		/* no room for TCP; the second stage says what is missing */
		if (data + 34 > end || raw16(data + 12) != GW_WIRE16(GW_ETH_IPV4) ||
		    ip[9] == GW_IPPROTO_TCP)
			return GW_PARSE_OTHER;
		if (ip[9] == GW_IPPROTO_UDP && data + 38 > end)
			return GW_PARSE_OTHER;
		return gw_gate_other4(ip);
	}
	type = raw16(data + 12);
	if (__builtin_expect(type == GW_WIRE16(GW_ETH_IPV4), 1)) {
		if (ip[9] != GW_IPPROTO_TCP)
			return gw_gate_other4(ip);
		/* version 4, no options; not a fragment */
		if ((raw64(ip) & GW_IPV4_SHAPE) != GW_IPV4_PLAIN)
			return GW_PARSE_OTHER;
		return gw_gate_wire(gate, wire, ip + 20) ? GW_PLAIN_V4 : GW_PARSE_IGNORE;
	}
	if (type == GW_WIRE16(GW_ETH_IPV6)) {
		if (ip[6] == GW_IPPROTO_UDP)
			return data + 58 > end || gw_gate_tunnel(ip + 40) ? GW_PARSE_OTHER :
									    GW_PARSE_IGNORE;
		if (ip[6] != GW_IPPROTO_TCP || (ip[0] & 0xf0) != 0x60 || data + 74 > end)
			return GW_PARSE_OTHER;
		return gw_gate_wire(gate, wire, ip + 40) ? GW_PLAIN_V6 : GW_PARSE_IGNORE;
	}
	if (type == GW_WIRE16(GW_ETH_8021Q) || type == GW_WIRE16(GW_ETH_8021AD) ||
	    type == GW_WIRE16(GW_ETH_QINQ1) || type == GW_WIRE16(GW_ETH_MPLS) ||
	    type == GW_WIRE16(GW_ETH_MPLS_UP) || type == GW_WIRE16(GW_ETH_PPPOE))
		return GW_PARSE_OTHER;
	return GW_PARSE_IGNORE;
}

/* The second half, for GW_PLAIN_V4 and _V6. Says GW_PARSE_TCP or GW_PARSE_OTHER. */
static __always_inline int gw_parse_plain4(const __u8 *data, const __u8 *end, struct gw_pkt *pkt)
{
	const __u8 *ip = data + 14;
	__u32 total, ports;

	if (data + 54 > end)
		return GW_PARSE_OTHER;
	total = be16(ip + 2);
	if (total < 40)
		return GW_PARSE_OTHER;
	ports = be32(ip + 20);
	pkt->sport = (__u16)(ports >> 16);
	pkt->dport = (__u16)ports;
	pkt->family = 4;
	pkt->ip_bytes = total;
	pkt->header_len = 20;
	pkt->src = ip + 12;
	pkt->dst = ip + 16;
	return gw_parse_plain_tcp(ip + 20, total - 20, pkt);
}

static __always_inline int gw_parse_plain6(const __u8 *data, const __u8 *end, struct gw_pkt *pkt)
{
	const __u8 *ip = data + 14;
	__u32 payload, ports;

	if (data + 74 > end)
		return GW_PARSE_OTHER;
	payload = be16(ip + 4);
	if (!payload)
		return GW_PARSE_OTHER;
	ports = be32(ip + 40);
	pkt->sport = (__u16)(ports >> 16);
	pkt->dport = (__u16)ports;
	pkt->family = 6;
	pkt->ip_bytes = 40 + payload;
	pkt->header_len = 40;
	pkt->src = ip + 8;
	pkt->dst = ip + 24;
	return gw_parse_plain_tcp(ip + 40, payload, pkt);
}

/* The first stage. Says GW_PARSE_IGNORE, GW_PARSE_TCP or GW_PARSE_OTHER. */
static __always_inline int gw_parse_plain(const __u8 *data, const __u8 *end,
					  const volatile struct gw_gate *gate,
					  const volatile struct gw_wire_ports *wire,
					  struct gw_pkt *pkt)
{
	int r = gw_parse_gate(data, end, gate, wire);

	if (r == GW_PLAIN_V4)
		return gw_parse_plain4(data, end, pkt);
	return r == GW_PLAIN_V6 ? gw_parse_plain6(data, end, pkt) : r;
}

/*
 * An Ethernet frame. pkt must be zeroed by the caller. wire is the frame's
 * length on the wire, which may exceed end - data when the capture cut it. Tags
 * that the kernel took out of the frame: see gw_parse_outer_tag().
 */
static __always_inline enum gw_parse gw_parse(const __u8 *data, const __u8 *end, __u32 wire,
					      const volatile struct gw_gate *gate,
					      struct gw_pkt *pkt)
{
	int r = gw_parse_plain(data, end, gate, 0, pkt);

	return r == GW_PARSE_OTHER ? gw_parse_any(data, end, wire, gate, pkt) : (enum gw_parse)r;
}

/* Puts a tag that was outside the others, and not in the frame, before them. */
static __always_inline void gw_parse_outer_tag(struct gw_pkt *pkt, __u16 tci)
{
	struct gw_wrap *w = &pkt->wrap;

	w->vlan[2] = w->vlan[1];
	w->vlan[1] = w->vlan[0];
	w->vlan[0] = tci & 0x0fff;
	if (w->vlan_n < GW_MAX_VLAN)
		w->vlan_n++;
}

/*
 * A super-packet of segmentation offload (GSO, GRO): counted as the segments
 * that are on the wire, each of which repeats the headers. l3_bytes: from the
 * IP header on, by the buffer's length, because the IP length field may be
 * zero or stale. jumbo: an IPv6 jumbo option (RFC 2675) that the kernel put
 * there for its own use and that no segment carries.
 */
static __always_inline void gw_parse_segments(struct gw_pkt *pkt, __u32 l3_bytes, __u32 segments,
					      __u32 size, int jumbo)
{
	if (l3_bytes < pkt->header_len)
		return;
	pkt->payload_len = l3_bytes - pkt->header_len;
	if (jumbo && pkt->header_len >= 48)
		pkt->header_len -= 8;
	/* a guest's super-packet has its size, but nobody has counted it yet */
	if (!segments && size)
		segments = (pkt->payload_len + size - 1) / size;
	pkt->segments = segments ? segments : 1;
	pkt->ip_bytes = pkt->payload_len + pkt->segments * pkt->header_len;
}

#endif
