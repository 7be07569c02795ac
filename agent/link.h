/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_LINK_H
#define GW_LINK_H
/*
 * Link types other than Ethernet: strips the link header and goes on with what
 * it says is next. Numbers are LINKTYPE_ values (tcpdump.org).
 */
#include <stdbool.h>

#include "bpf/parse.h"

enum link_type {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_DLT = 12, /* DLT_RAW as some writers store it */
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276
};

static inline bool link_known(int linktype)
{
	switch (linktype) {
	case LINK_NULL: case LINK_ETHERNET: case LINK_RAW_DLT: case LINK_RAW: case LINK_LOOP:
	case LINK_SLL: case LINK_IPV4: case LINK_IPV6: case LINK_SLL2:
		return true;
	}
	return false;
}

/* Parses one captured frame. wire: its length before any cut. *pkt is zeroed
 * here. */
static inline enum gw_parse link_parse(int linktype, const __u8 *data, __u32 captured, __u32 wire,
				       const struct gw_gate *gate, struct gw_pkt *pkt)
{
	const __u8 *end = data + captured;
	__u16 type = 0;
	__u32 head = 0;

	__builtin_memset(pkt, 0, sizeof(*pkt));
	pkt->segments = 1;
	switch (linktype) {
	case LINK_ETHERNET:
		return gw_parse(data, end, wire, gate, pkt);
	case LINK_SLL: /* packet type, ARPHRD, address; protocol at 14 */
		head = 16;
		if (captured < head)
			return GW_PARSE_SHORT;
		type = be16(data + 14);
		break;
	case LINK_SLL2: /* protocol at 0, interface index at 4 */
		head = 20;
		if (captured < head)
			return GW_PARSE_SHORT;
		type = be16(data);
		break;
	case LINK_NULL: /* address family in the writer's byte order; BSDs differ
			 * on AF_INET6, so the IP version decides */
	case LINK_LOOP:
		head = 4;
		break;
	case LINK_RAW: case LINK_RAW_DLT: case LINK_IPV4: case LINK_IPV6:
		break;
	default:
		return GW_PARSE_IGNORE;
	}
	if (captured <= head)
		return GW_PARSE_SHORT;
	data += head;
	wire -= wire < head ? wire : head;
	if (!type)
		type = (data[0] >> 4) == 6 ? GW_ETH_IPV6 : GW_ETH_IPV4;
	return gw_parse_from(data, end, wire, type, gate, pkt);
}

#endif
