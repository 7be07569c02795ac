/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_WRAPPED_FRAMES_H
#define TEST_WRAPPED_FRAMES_H
/*
 * Frames wrapped in whatever bpf/wrap.h reads, made from the inside out: each
 * function puts one header before what is there, and notes what the parser has to
 * say of it. wrapped_frame() makes a random chain around an IP packet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wrap.h"

#define WRAPPED_ROOM 3584 /* a page, less what BPF_PROG_TEST_RUN keeps to itself */
#define WRAPPED_NOTES 32

struct wrapped {
	uint8_t room[WRAPPED_ROOM];
	size_t at;     /* the first byte in use; the last is the room's */
	uint16_t type; /* what stands there */
	unsigned steps, tags;
	/* innermost first */
	uint16_t vlan[WRAPPED_NOTES];
	uint32_t mpls[WRAPPED_NOTES], id[WRAPPED_NOTES];
	uint8_t kind[WRAPPED_NOTES];
	unsigned vlan_n, mpls_n, kind_n;
	uint8_t outer_family, outer[2][16];
};

static inline uint8_t *wrapped_bytes(struct wrapped *w)
{
	return w->room + w->at;
}

static inline size_t wrapped_len(const struct wrapped *w)
{
	return sizeof(w->room) - w->at;
}

static inline uint8_t *wrapped_before(struct wrapped *w, size_t n)
{
	if (w->at < n)
		abort();
	w->at -= n;
	memset(w->room + w->at, 0, n);
	return w->room + w->at;
}

static inline void wrapped_put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void wrapped_put32(uint8_t *at, uint32_t v)
{
	wrapped_put16(at, v >> 16);
	wrapped_put16(at + 2, v);
}

/* Begins with a packet of that type. */
static inline void wrapped_begin(struct wrapped *w, const uint8_t *bytes, size_t n, uint16_t type)
{
	memset(w, 0, sizeof(*w));
	w->at = sizeof(w->room);
	memcpy(wrapped_before(w, n), bytes, n);
	w->type = type;
	w->steps = 1;
}

static inline void wrapped_ethernet(struct wrapped *w)
{
	uint8_t *p = wrapped_before(w, 14);

	p[0] = p[6] = 2;
	wrapped_put16(p + 12, w->type);
	w->type = GW_ETH_TEB;
	w->tags = 0;
	w->steps++;
}

static inline void wrapped_tag(struct wrapped *w, uint16_t tag_type, uint16_t id)
{
	uint8_t *p = wrapped_before(w, 4);

	wrapped_put16(p, 0x6000u | id);
	wrapped_put16(p + 2, w->type);
	w->vlan[w->vlan_n++] = id;
	w->type = tag_type;
	w->tags++;
	w->steps++;
}

static inline void wrapped_note(struct wrapped *w, uint8_t kind, uint32_t id, uint16_t type)
{
	w->kind[w->kind_n] = kind;
	w->id[w->kind_n++] = id;
	w->type = type;
}

/* The stack of n labels; around an Ethernet frame it is a pseudowire. */
static inline void wrapped_mpls(struct wrapped *w, uint32_t label, unsigned n)
{
	unsigned i;

	if (w->type == GW_ETH_TEB) {
		wrapped_before(w, 4);
		wrapped_note(w, GW_TUNNEL_EOMPLS, 0, 0);
	}
	for (i = 0; i < n; i++) {
		wrapped_put32(wrapped_before(w, 4), (label + i) << 12 | (i ? 0 : 0x100) | 64);
		w->mpls[w->mpls_n++] = label + i;
		w->steps++;
	}
	w->type = GW_ETH_MPLS;
}

static inline void wrapped_pppoe(struct wrapped *w)
{
	size_t n = wrapped_len(w);
	uint8_t *p = wrapped_before(w, 8);

	p[0] = 0x11;
	wrapped_put16(p + 2, 7);
	wrapped_put16(p + 4, (uint32_t)n + 2);
	wrapped_put16(p + 6, w->type == GW_ETH_IPV4 ? 0x0021 : 0x0057);
	wrapped_note(w, GW_TUNNEL_PPPOE, 0, GW_ETH_PPPOE);
	w->steps++;
}

/* The outer IP header. extra: words of options, or bytes/8 of an extension header. */
static inline void wrapped_ip(struct wrapped *w, int family, uint8_t protocol, unsigned extra,
			      uint8_t host)
{
	size_t n = wrapped_len(w);
	uint8_t *p;

	memset(w->outer, 0, sizeof(w->outer));
	if (family == 4) {
		p = wrapped_before(w, 20 + extra * 4);
		memset(p + 20, 1, extra * 4);
		p[0] = (uint8_t)(0x45 + extra);
		wrapped_put16(p + 2, (uint32_t)(n + 20 + extra * 4));
		p[8] = 64;
		p[9] = protocol;
		wrapped_put32(p + 12, 0xac100000u + host);
		wrapped_put32(p + 16, 0xac100100u + host);
		memcpy(w->outer[0], p + 12, 4);
		memcpy(w->outer[1], p + 16, 4);
		w->type = GW_ETH_IPV4;
	} else {
		if (extra) { /* destination options: RFC 2473 4.1.1 for one */
			p = wrapped_before(w, extra * 8);
			p[0] = protocol;
			p[1] = (uint8_t)(extra - 1);
			protocol = 60;
		}
		p = wrapped_before(w, 40);
		p[0] = 0x60;
		wrapped_put16(p + 4, (uint32_t)(n + extra * 8));
		p[6] = protocol;
		p[7] = 64;
		p[8] = p[24] = 0xfd;
		p[23] = host;
		p[39] = (uint8_t)(host + 1);
		memcpy(w->outer[0], p + 8, 16);
		memcpy(w->outer[1], p + 24, 16);
		w->type = GW_ETH_IPV6;
	}
	w->outer_family = (uint8_t)family;
	w->steps++;
}

/* GRE with the parts that flags announce: checksum 8, key 2, sequence 1. */
static inline void wrapped_gre(struct wrapped *w, unsigned flags, uint16_t type)
{
	unsigned words = 1 + !!(flags & 8) + !!(flags & 2) + !!(flags & 1);
	uint8_t *p = wrapped_before(w, words * 4);

	p[0] = (uint8_t)(flags << 4);
	wrapped_put16(p + 2, type);
}

static inline void wrapped_udp(struct wrapped *w, uint16_t port)
{
	size_t n = wrapped_len(w) + 8;
	uint8_t *p = wrapped_before(w, 8);

	wrapped_put16(p, 50000);
	wrapped_put16(p + 2, port);
	wrapped_put16(p + 4, (uint32_t)n);
}

/* Around what is there, in a header of `family`; 0 where that does not go. r: random. */
static inline int wrapped_tunnel(struct wrapped *w, enum gw_tunnel kind, int family, uint32_t r)
{
	unsigned extra = r % 3 ? 0 : family == 4 ? r >> 4 & 7 : r >> 4 & 3;
	uint32_t id = r >> 8 & 0x3ff, vni = r >> 8;
	uint8_t *p;
	int ip = w->type == GW_ETH_IPV4 || w->type == GW_ETH_IPV6, v6 = w->type == GW_ETH_IPV6;
	uint8_t protocol = GW_IPPROTO_GRE;

	switch (kind) {
	case GW_TUNNEL_GRE:
		if (!ip && w->type != GW_ETH_TEB && w->type != GW_ETH_MPLS)
			return 0;
		wrapped_gre(w, r & 0xb, w->type);
		wrapped_note(w, kind, 0, 0);
		break;
	case GW_TUNNEL_ERSPAN1: case GW_TUNNEL_ERSPAN2: case GW_TUNNEL_ERSPAN3:
		if (w->type != GW_ETH_TEB)
			return 0;
		if (kind == GW_TUNNEL_ERSPAN2) {
			p = wrapped_before(w, 8);
			wrapped_put32(p, 0x10640000u | id);
		} else if (kind == GW_TUNNEL_ERSPAN3) {
			if (r & 1)
				wrapped_before(w, 8);
			p = wrapped_before(w, 12);
			wrapped_put32(p, 0x20640000u | id);
			wrapped_put32(p + 8, 0x12348000u | (r & 1));
		}
		wrapped_gre(w, kind == GW_TUNNEL_ERSPAN1 ? 0 : 1,
			    kind == GW_TUNNEL_ERSPAN3 ? GW_ETH_ERSPAN3 : GW_ETH_ERSPAN);
		wrapped_note(w, kind, kind == GW_TUNNEL_ERSPAN1 ? 0 : id, 0);
		break;
	case GW_TUNNEL_IPIP: case GW_TUNNEL_6IN4: case GW_TUNNEL_4IN6: case GW_TUNNEL_6IN6:
		if (!ip)
			return 0;
		protocol = v6 ? GW_IPPROTO_IPV6 : GW_IPPROTO_IPV4;
		wrapped_note(w, family == 4 ? (v6 ? GW_TUNNEL_6IN4 : GW_TUNNEL_IPIP) :
					      (v6 ? GW_TUNNEL_6IN6 : GW_TUNNEL_4IN6), 0, 0);
		break;
	case GW_TUNNEL_VXLAN:
		if (w->type != GW_ETH_TEB)
			return 0;
		p = wrapped_before(w, 8);
		p[0] = 0x08;
		wrapped_put32(p + 4, vni << 8);
		wrapped_udp(w, GW_PORT_VXLAN);
		protocol = GW_IPPROTO_UDP;
		wrapped_note(w, kind, vni, 0);
		break;
	case GW_TUNNEL_GENEVE:
		if (!ip && w->type != GW_ETH_TEB)
			return 0;
		wrapped_before(w, (r & 3) * 4);
		p = wrapped_before(w, 8);
		p[0] = r & 3;
		wrapped_put16(p + 2, w->type);
		wrapped_put32(p + 4, vni << 8);
		wrapped_udp(w, GW_PORT_GENEVE);
		protocol = GW_IPPROTO_UDP;
		wrapped_note(w, kind, vni, 0);
		break;
	case GW_TUNNEL_GTPU:
		if (!ip)
			return 0;
		if (r & 1) { /* a PDU session container */
			p = wrapped_before(w, 4);
			p[0] = 1;
		}
		if (r & 3) {
			p = wrapped_before(w, 4);
			p[3] = r & 1 ? 0x85 : 0;
		}
		p = wrapped_before(w, 8);
		p[0] = (uint8_t)(0x30 | (r & 1) << 2 | (r & 2));
		p[1] = 255;
		wrapped_udp(w, GW_PORT_GTPU);
		protocol = GW_IPPROTO_UDP;
		wrapped_note(w, kind, 0, 0);
		break;
	default:
		return 0;
	}
	wrapped_ip(w, family, protocol, extra, (uint8_t)(r >> 16));
	return 1;
}

/* A chain of up to `most` wrappings around it, and an Ethernet header around all. */
static inline void wrapped_frame(struct wrapped *w, uint32_t (*rnd)(uint32_t), unsigned most)
{
	static const uint16_t tag_types[] = { GW_ETH_8021Q, GW_ETH_8021AD, GW_ETH_QINQ1 };
	unsigned n = rnd(most + 1), i, tags;

	for (i = 0; i <= n; i++) {
		int ip = w->type == GW_ETH_IPV4 || w->type == GW_ETH_IPV6;
		uint32_t r = rnd(0xffffffff);

		if (i == n && w->type == GW_ETH_TEB)
			break;
		if (w->type != GW_ETH_TEB && (i == n || rnd(2))) {
			tags = rnd(3) ? 0 : 1 + rnd(GW_MAX_VLAN);
			for (; tags; tags--)
				wrapped_tag(w, tag_types[rnd(3)], (uint16_t)(1 + rnd(4094)));
			wrapped_ethernet(w);
		} else if (w->type != GW_ETH_MPLS && w->type != GW_ETH_PPPOE && !rnd(5)) {
			wrapped_mpls(w, 16 + rnd(1000000), 1 + rnd(5));
		} else if (ip && !rnd(5)) {
			wrapped_pppoe(w);
		} else {
			wrapped_tunnel(w, (enum gw_tunnel)(1 + rnd(GW_TUNNEL_KINDS - 1)),
				       r & 1 ? 6 : 4, r);
		}
	}
	if (w->type != GW_ETH_TEB)
		wrapped_ethernet(w);
}

/* What the parser has to say of the wrappings. 0: more than it follows. */
static inline int wrapped_expect(const struct wrapped *w, size_t inner, struct gw_wrap *out)
{
	unsigned i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < w->vlan_n && i < GW_MAX_VLAN; i++)
		out->vlan[i] = w->vlan[w->vlan_n - 1 - i];
	out->vlan_n = (__u8)i;
	for (i = 0; i < w->mpls_n && i < GW_MAX_MPLS; i++)
		out->mpls[i] = w->mpls[w->mpls_n - 1 - i];
	out->mpls_n = (__u8)i;
	for (i = 0; i < w->kind_n && i < GW_MAX_TUNNEL; i++) {
		out->tunnel[i] = w->kind[w->kind_n - 1 - i];
		out->tunnel_id[i] = w->id[w->kind_n - 1 - i];
	}
	out->tunnel_n = (__u8)i;
	out->outer_family = w->outer_family;
	memcpy(out->outer, w->outer, sizeof(out->outer));
	return w->kind_n <= GW_MAX_TUNNEL && w->steps <= GW_MAX_STEPS &&
	       wrapped_len(w) - inner <= GW_MAX_AT;
}

#endif
