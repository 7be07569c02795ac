/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FLOWKEY_H
#define GW_FLOWKEY_H
/* The canonical flow key in user space: making it, hashing it, reading it. */
#include <string.h>

#include "agent/hash.h"
#include "bpf/parse.h"
#include "common/addr.h"

/* Fills key from a packet's addresses and ports; returns the direction index
 * of its sender: 0 when the source is side A. */
static inline uint32_t flowkey_make(struct gw_key *key, const struct gw_pkt *p)
{
	size_t n = p->family == 4 ? 4 : 16;
	int order = memcmp(p->src, p->dst, n);
	bool back = order > 0 || (order == 0 && p->sport > p->dport);

	memset(key, 0, sizeof(*key));
	memcpy(key->a, back ? p->dst : p->src, n);
	memcpy(key->b, back ? p->src : p->dst, n);
	key->aport = __builtin_bswap16(back ? p->dport : p->sport);
	key->bport = __builtin_bswap16(back ? p->sport : p->dport);
	key->family = p->family;
	return back;
}

static inline uint64_t flowkey_hash(const struct gw_key *key, uint64_t seed)
{
	return hash_bytes(key, sizeof(*key), seed);
}

/* The side that sends in direction d. */
static inline struct addr flowkey_addr(const struct gw_key *key, uint32_t d)
{
	return addr_from_bytes(key->family, d ? key->b : key->a);
}

static inline uint16_t flowkey_port(const struct gw_key *key, uint32_t d)
{
	return __builtin_bswap16(d ? key->bport : key->aport);
}

#endif
