/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GW_WRAP_H
#define GW_WRAP_H
/*
 * What packets come wrapped in: VLAN tags, MPLS, PPPoE, GRE, ERSPAN, IP in IP, VXLAN,
 * Geneve, GTP-U, Ethernet over MPLS. A part of parse.h, under the same rules.
 *
 * The walk goes from header to header. One step, gw_walk_step(), reads the header at
 * struct gw_walk's offset and leaves the offset and kind of the next one; it ends at
 * an IP header that carries TCP or ICMP, which is the innermost. What was passed on
 * the way is noted in struct gw_wrap. Each step begins from numbers alone, no pointer
 * outlives it: so the kernel runs it as a function of its own, which the verifier
 * checks once instead of once for each order that headers may come in. That is why
 * the kernel unwraps all that user space does.
 *
 * Not followed: fragments of an outer packet (the inner headers are in the first one
 * only, and its payload is not whole), encrypted and compressed tunnels, and other
 * UDP ports than the registered ones.
 */
#include "common/bytes.h"
#include "record.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define GW_ETH_IPV4 0x0800
#define GW_ETH_IPV6 0x86dd
#define GW_ETH_8021Q 0x8100
#define GW_ETH_8021AD 0x88a8
#define GW_ETH_QINQ1 0x9100 /* pre-standard outer tag, still met */
#define GW_ETH_TEB 0x6558   /* an Ethernet frame, with its addresses */
#define GW_ETH_MPLS 0x8847
#define GW_ETH_MPLS_UP 0x8848 /* upstream-assigned labels, RFC 5332 */
#define GW_ETH_PPPOE 0x8864   /* session stage, RFC 2516 */
#define GW_ETH_ERSPAN 0x88be  /* GRE only: types I and II */
#define GW_ETH_ERSPAN3 0x22eb /* GRE only */

#define GW_IPPROTO_ICMP 1
#define GW_IPPROTO_IPV4 4
#define GW_IPPROTO_TCP 6
#define GW_IPPROTO_UDP 17
#define GW_IPPROTO_IPV6 41
#define GW_IPPROTO_GRE 47
#define GW_IPPROTO_ICMPV6 58

/* destination ports */
#define GW_PORT_GTPU 2152
#define GW_PORT_VXLAN 4789
#define GW_PORT_GENEVE 6081

/* IPv6 extension headers walked: hop-by-hop, destination options, routing,
 * fragment, destination options again (RFC 8200 4.1) and one to spare. */
#define GW_MAX_EXT 6

/* GTP-U extension headers walked: a G-PDU has one (PDU session container, 3GPP TS
 * 38.415) or two in use. */
#define GW_MAX_GTP_EXT 2

/* Headers in all, from the first: a level is Ethernet, three tags, some labels and
 * IP with its tunnel header. Longer than a chain in use, short of a packet made to
 * keep us busy. */
#define GW_MAX_STEPS 24

/* The innermost header begins within these bytes; four levels of VXLAN over IPv6
 * with tags take 400, options of Geneve 252. */
#define GW_MAX_AT 1024

enum gw_parse {
	GW_PARSE_TCP,	   /* a TCP segment on a watched port; pkt is filled */
	GW_PARSE_ICMP,	   /* ICMP error quoting one; pkt describes the quote */
	GW_PARSE_IGNORE,   /* not ours */
	GW_PARSE_FRAGMENT, /* a later fragment: no ports; or one of an outer packet */
	GW_PARSE_SHORT,	   /* bytes end inside a header */
	GW_PARSE_BAD	   /* lengths contradict each other */
};

/* what else a step may answer */
#define GW_WALK_ON (-2)	  /* there is another header */
#define GW_WALK_DONE (-3) /* at an IP header for gw_parse_network() */

struct gw_walk {
	__u32 at;   /* offset of the next header */
	__u16 type; /* its kind, as an EtherType; GW_ETH_TEB to begin a frame */
	__u8 tags;  /* VLAN tags in a row */
	__u8 pad;
	struct gw_wrap wrap;
};

/* IP protocols that may be a tunnel, UDP left aside. */
static __always_inline int gw_is_tunnel(__u8 protocol)
{
	return protocol == GW_IPPROTO_IPV4 || protocol == GW_IPPROTO_IPV6 ||
	       protocol == GW_IPPROTO_GRE;
}

/* Sets of header numbers below 64. 63 is no extension and only keeps compilers
 * from taking a set of one for a comparison. */
#define GW_EXTENSIONS (1ull << 0 | 1ull << 43 | 1ull << 44 | 1ull << 51 | 1ull << 60)
#define GW_EXT_FRAGMENT (1ull << 44 | 1ull << 63)
#define GW_EXT_AUTH (1ull << 51 | 1ull << 63)

struct gw_ext {
	__u32 used; /* bytes of extension headers */
	__u32 id;   /* of the fragment header, and where it ends in these bytes */
	__u32 body;
	__u16 at;   /* the fragment's offset, and 1 when more follow */
	__u8 next;  /* what follows them */
	__u8 fragment, later; /* a fragment; not the first one */
	__u8 pad[3];
};

static __always_inline int gw_is_extension(__u8 next)
{
	return next < 64 && ((GW_EXTENSIONS >> next) & 1);
}

/* ip: an IPv6 header, its 40 bytes known to be there. 0: bytes end too early. */
static __always_inline int gw_skip_extensions(const __u8 *ip, const __u8 *end, struct gw_ext *x)
{
	const __u8 *p = ip + 40;
	__u32 n, fixed, auth, used = 0;
	__u8 next = ip[6];
	int i;

	for (i = 0; i < GW_MAX_EXT; i++) {
		/* hop-by-hop 0, routing 43, fragment 44, authentication 51,
		 * destination options 60 */
		if (!gw_is_extension(next))
			break;
		if (p + 8 > end)
			return 0;
		/* In eighths after the first; authentication counts in fourths after
		 * the second (RFC 4302 2.2); a fragment header is always 8 bytes (RFC
		 * 8200 4.5). Computed without a branch: five kinds six times over are
		 * more ways than the verifier is willing to walk. */
		fixed = (GW_EXT_FRAGMENT >> next) & 1;
		auth = (GW_EXT_AUTH >> next) & 1;
		n = ((p[1] & (fixed - 1)) + 1 + auth) * (8 - 4 * auth);
		if (next == 44) {
			x->at = be16(p + 2);
			x->fragment = (x->at & 0xfff9) != 0;
			x->later = (x->at & 0xfff8) != 0;
			x->id = be32(p + 4);
			x->body = used + 8;
		}
		next = p[0];
		if (x->later)
			break; /* what follows is no header */
		p += n;
		used += n;
	}
	x->next = next;
	x->used = used;
	return 1;
}

/* ---- steps ------------------------------------------------------------------- */

/* Notes a tunnel that has been passed; the next header is `type` at `at`. */
static __always_inline int gw_walk_into(struct gw_walk *w, __u8 kind, __u32 id, __u32 at,
					__u16 type)
{
	__u32 n = w->wrap.tunnel_n;

	if (n >= GW_MAX_TUNNEL)
		return GW_PARSE_IGNORE;
	w->wrap.tunnel[n] = kind;
	w->wrap.tunnel_id[n] = id;
	w->wrap.tunnel_n = (__u8)(n + 1);
	w->at = at;
	w->type = type;
	return GW_WALK_ON;
}

/* The kind of an IP header by its version; 0: neither. p + 1 <= end is known. */
static __always_inline __u16 gw_ip_type(const __u8 *p)
{
	__u8 version = p[0] >> 4;

	return version == 4 ? GW_ETH_IPV4 : version == 6 ? GW_ETH_IPV6 : 0;
}

/* Goes on with the header that an EtherType announces. An Ethernet frame is none of
 * those: 0x6558 is for tunnels, and the first stage does not know it either. */
static __always_inline int gw_walk_ethertype(struct gw_walk *w, __u16 type, __u32 n)
{
	w->type = type;
	w->at += n;
	return type == GW_ETH_TEB ? GW_PARSE_IGNORE : GW_WALK_ON;
}

static __always_inline int gw_step_ethernet(const __u8 *p, const __u8 *end, struct gw_walk *w)
{
	if (p + 14 > end)
		return GW_PARSE_SHORT;
	w->tags = 0;
	return gw_walk_ethertype(w, be16(p + 12), 14);
}

static __always_inline int gw_step_tag(const __u8 *p, const __u8 *end, struct gw_walk *w)
{
	__u32 n = w->wrap.vlan_n;

	if (w->tags >= GW_MAX_VLAN)
		return GW_PARSE_IGNORE;
	if (p + 4 > end)
		return GW_PARSE_SHORT;
	if (n < GW_MAX_VLAN) {
		w->wrap.vlan[n] = be16(p) & 0x0fff;
		w->wrap.vlan_n = (__u8)(n + 1);
	}
	w->tags++;
	return gw_walk_ethertype(w, be16(p + 2), 4);
}

/* One label (RFC 3032 2.1). Nothing says what follows the last: an IP version, or
 * the zero with which a pseudowire's control word begins (RFC 4385 2). */
static __always_inline int gw_step_mpls(const __u8 *p, const __u8 *end, struct gw_walk *w)
{
	__u32 n = w->wrap.mpls_n, entry;

	if (p + 4 > end)
		return GW_PARSE_SHORT;
	entry = be32(p);
	if (n < GW_MAX_MPLS) {
		w->wrap.mpls[n] = entry >> 12;
		w->wrap.mpls_n = (__u8)(n + 1);
	}
	w->at += 4;
	if (!(entry & 0x100)) /* bottom of stack */
		return GW_WALK_ON;
	if (p + 5 > end)
		return GW_PARSE_SHORT;
	if (p[4] >> 4 == 0)
		return gw_walk_into(w, GW_TUNNEL_EOMPLS, 0, w->at + 4, GW_ETH_TEB);
	w->type = gw_ip_type(p + 4);
	return w->type ? GW_WALK_ON : GW_PARSE_IGNORE;
}

/* PPPoE session with the PPP protocol number in full (RFC 2516 5, 7). */
static __always_inline int gw_step_pppoe(const __u8 *p, const __u8 *end, struct gw_walk *w)
{
	__u16 ppp;

	if (p + 8 > end)
		return GW_PARSE_SHORT;
	ppp = be16(p + 6);
	if (p[0] != 0x11 || p[1] != 0 || (ppp != 0x0021 && ppp != 0x0057))
		return GW_PARSE_IGNORE;
	return gw_walk_into(w, GW_TUNNEL_PPPOE, 0, w->at + 8,
			    ppp == 0x0021 ? GW_ETH_IPV4 : GW_ETH_IPV6);
}

/* GRE (RFC 2784, 2890) and ERSPAN in it (draft-foschiano-erspan-03). at: offset of p. */
static __always_inline int gw_step_gre(const __u8 *p, const __u8 *end, __u32 at, struct gw_walk *w)
{
	__u32 flags, n;
	__u16 type, hint;

	if (p + 4 > end)
		return GW_PARSE_SHORT;
	flags = be16(p);
	type = be16(p + 2);
	if (flags & 0x4007) /* source routes (RFC 1701), version 1 (PPTP) */
		return GW_PARSE_IGNORE;
	n = 4 + 4 * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1));
	p += n;
	at += n;
	switch (type) {
	case GW_ETH_IPV4: case GW_ETH_IPV6: case GW_ETH_TEB: case GW_ETH_MPLS:
	case GW_ETH_MPLS_UP:
		return gw_walk_into(w, GW_TUNNEL_GRE, 0, at, type);
	case GW_ETH_ERSPAN:
		if (!(flags & 0x1000)) /* type I has no sequence number, and no header */
			return gw_walk_into(w, GW_TUNNEL_ERSPAN1, 0, at, GW_ETH_TEB);
		if (p + 8 > end)
			return GW_PARSE_SHORT;
		if (p[0] >> 4 != 1)
			return GW_PARSE_IGNORE;
		return gw_walk_into(w, GW_TUNNEL_ERSPAN2, be16(p + 2) & 0x3ff, at + 8, GW_ETH_TEB);
	case GW_ETH_ERSPAN3:
		if (p + 12 > end)
			return GW_PARSE_SHORT;
		hint = be16(p + 10); /* its lowest bit: eight bytes more */
		n = 12 + 8 * (hint & 1);
		if (p[0] >> 4 != 2 || hint >> 10 & 0x1f) /* frame type: not Ethernet */
			return GW_PARSE_IGNORE;
		return gw_walk_into(w, GW_TUNNEL_ERSPAN3, be16(p + 2) & 0x3ff, at + n, GW_ETH_TEB);
	}
	return GW_PARSE_IGNORE;
}

/* GTP-U version 1 (3GPP TS 29.281 5.1). p at its header, whose 8 bytes are there. */
static __always_inline int gw_step_gtpu(const __u8 *p, const __u8 *end, __u32 at, struct gw_walk *w)
{
	__u32 n = 8, len;
	__u16 type;
	__u8 next = 0;
	int i;

	if (p[0] >> 4 != 3 || p[1] != 255) /* version 1, not GTP'; G-PDU */
		return GW_PARSE_IGNORE;
	if (p[0] & 7) {
		if (p + 12 > end)
			return GW_PARSE_SHORT;
		if (p[0] & 4)
			next = p[11];
		n = 12;
	}
	p += n;
	at += n;
	for (i = 0; i < GW_MAX_GTP_EXT && next; i++) {
		if (p + 4 > end)
			return GW_PARSE_SHORT;
		len = (__u32)p[0] * 4;
		if (!len)
			return GW_PARSE_BAD;
		p += len - 1; /* its last byte names the next */
		if (p + 1 > end)
			return GW_PARSE_SHORT;
		next = p[0];
		p++;
		at += len;
	}
	if (next)
		return GW_PARSE_IGNORE;
	if (p + 1 > end)
		return GW_PARSE_SHORT;
	type = gw_ip_type(p);
	return type ? gw_walk_into(w, GW_TUNNEL_GTPU, 0, at, type) : GW_PARSE_IGNORE;
}

/* at: offset of p, the UDP header. first: the packet is the first fragment of many. */
static __always_inline int gw_step_udp(const __u8 *p, const __u8 *end, __u32 at, int first,
				       struct gw_walk *w)
{
	__u16 port, type;

	if (p + 4 > end)
		return GW_PARSE_SHORT;
	port = be16(p + 2);
	if (port != GW_PORT_VXLAN && port != GW_PORT_GENEVE && port != GW_PORT_GTPU)
		return GW_PARSE_IGNORE;
	if (first)
		return GW_PARSE_FRAGMENT;
	if (p + 16 > end)
		return GW_PARSE_SHORT;
	p += 8;
	at += 8;
	if (port == GW_PORT_VXLAN) { /* RFC 7348 5; its I flag */
		if (!(p[0] & 0x08))
			return GW_PARSE_IGNORE;
		return gw_walk_into(w, GW_TUNNEL_VXLAN, be32(p + 4) >> 8, at + 8, GW_ETH_TEB);
	}
	if (port == GW_PORT_GTPU)
		return gw_step_gtpu(p, end, at, w);
	/* RFC 8926 3.4: version 0, no control packet */
	type = be16(p + 2);
	if (p[0] >> 6 || p[1] & 0x80 ||
	    (type != GW_ETH_TEB && type != GW_ETH_IPV4 && type != GW_ETH_IPV6))
		return GW_PARSE_IGNORE;
	return gw_walk_into(w, GW_TUNNEL_GENEVE, be32(p + 4) >> 8,
			    at + 8 + (p[0] & 0x3fu) * 4, type);
}

/* p at what an IP header carries, at its offset. fragment: 1 first, 2 later one. */
static __always_inline int gw_step_carried(const __u8 *p, const __u8 *end, __u32 at,
					   __u8 protocol, int v6, int fragment, struct gw_walk *w)
{
	if (protocol == GW_IPPROTO_UDP)
		return fragment > 1 ? GW_PARSE_IGNORE : gw_step_udp(p, end, at, fragment, w);
	if (fragment)
		return GW_PARSE_FRAGMENT;
	if (protocol == GW_IPPROTO_GRE)
		return gw_step_gre(p, end, at, w);
	if (protocol == GW_IPPROTO_IPV4)
		return gw_walk_into(w, v6 ? GW_TUNNEL_4IN6 : GW_TUNNEL_IPIP, 0, at, GW_ETH_IPV4);
	return gw_walk_into(w, v6 ? GW_TUNNEL_6IN6 : GW_TUNNEL_6IN4, 0, at, GW_ETH_IPV6);
}

static __always_inline int gw_step_ipv4(const __u8 *p, const __u8 *end, struct gw_walk *w)
{
	__u32 at = w->at, hl;
	__u8 protocol;
	__u16 frag;
	int r;

	if (p + 20 > end)
		return GW_PARSE_SHORT;
	protocol = p[9];
	if (protocol == GW_IPPROTO_TCP || protocol == GW_IPPROTO_ICMP)
		return GW_WALK_DONE;
	if (protocol != GW_IPPROTO_UDP && !gw_is_tunnel(protocol))
		return GW_PARSE_IGNORE;
	hl = (__u32)(p[0] & 0x0f) * 4;
	if (p[0] >> 4 != 4 || hl < 20)
		return protocol == GW_IPPROTO_UDP ? GW_PARSE_IGNORE : GW_PARSE_BAD;
	frag = be16(p + 6);
	r = gw_step_carried(p + hl, end, at + hl, protocol, 0,
			    frag & 0x1fff   ? 2
			    : frag & 0x2000 ? 1
					    : 0,
			    w);
	if (r == GW_WALK_ON && !w->wrap.outer_family) {
		w->wrap.outer_family = 4;
		__builtin_memcpy(w->wrap.outer[0], p + 12, 4);
		__builtin_memcpy(w->wrap.outer[1], p + 16, 4);
	}
	return r;
}

static __always_inline int gw_step_ipv6(const __u8 *p, const __u8 *end, struct gw_walk *w)
{
	struct gw_ext x = {};
	__u32 at = w->at;
	int r;

	if (p + 40 > end)
		return GW_PARSE_SHORT;
	if (p[6] == GW_IPPROTO_TCP || p[6] == GW_IPPROTO_ICMPV6)
		return GW_WALK_DONE;
	if (p[0] >> 4 != 6)
		return p[6] == GW_IPPROTO_UDP ? GW_PARSE_IGNORE : GW_PARSE_BAD;
	if (!gw_skip_extensions(p, end, &x))
		return GW_PARSE_SHORT;
	if (x.next == GW_IPPROTO_TCP || x.next == GW_IPPROTO_ICMPV6)
		return GW_WALK_DONE;
	if (x.later && gw_is_extension(x.next)) /* it may be TCP after that */
		return GW_WALK_DONE;
	if (x.next != GW_IPPROTO_UDP && !gw_is_tunnel(x.next))
		return GW_PARSE_IGNORE;
	r = gw_step_carried(p + 40 + x.used, end, at + 40 + x.used, x.next, 1,
			    x.fragment + x.later, w);
	if (r == GW_WALK_ON && !w->wrap.outer_family) {
		w->wrap.outer_family = 6;
		__builtin_memcpy(w->wrap.outer[0], p + 8, 16);
		__builtin_memcpy(w->wrap.outer[1], p + 24, 16);
	}
	return r;
}

/* Reads the header at w->at. Says GW_WALK_ON, GW_WALK_DONE or an enum gw_parse. */
static __always_inline int gw_walk_step(const __u8 *data, const __u8 *end, struct gw_walk *w)
{
	__u32 at = w->at;
	const __u8 *p;

	if (at > GW_MAX_AT)
		return GW_PARSE_IGNORE;
	p = data + at;
	switch (w->type) {
	case GW_ETH_IPV4:
		return gw_step_ipv4(p, end, w);
	case GW_ETH_IPV6:
		return gw_step_ipv6(p, end, w);
	case GW_ETH_TEB:
		return gw_step_ethernet(p, end, w);
	case GW_ETH_8021Q: case GW_ETH_8021AD: case GW_ETH_QINQ1:
		return gw_step_tag(p, end, w);
	case GW_ETH_MPLS: case GW_ETH_MPLS_UP:
		return gw_step_mpls(p, end, w);
	case GW_ETH_PPPOE:
		return gw_step_pppoe(p, end, w);
	}
	return GW_PARSE_IGNORE;
}

#endif
