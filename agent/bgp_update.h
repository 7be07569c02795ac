/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BGP_UPDATE_H
#define GW_BGP_UPDATE_H
/*
 * The routes in a BGP UPDATE: one call per prefix, so no message is too long.
 * Pure, and never reads beyond the message.
 *
 *	IPv4 unicast	withdrawn routes and NLRI (RFC 4271), MP attributes
 *	IPv6 unicast	MP_REACH_NLRI, MP_UNREACH_NLRI (RFC 4760)
 *	labeled, VPN	the same, behind labels and a route distinguisher (RFC 8277, 4364, 4659)
 *	other families	passed over
 *
 * A list of prefixes is read whole or not at all. Where a length contradicts another
 * the message is malformed: what it withdraws, as far as that can be read, is reported;
 * what it announces is not, because a receiver does not take it either (RFC 7606).
 *
 * Whether prefixes carry a path identifier (RFC 7911) is agreed in the OPENs. Where
 * those were not seen, a list is read only when exactly one of the two forms fits it;
 * what fits both is left, and the message is said to be ambiguous.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define BGP_AS_PATH 64 /* ASes of a path that are kept, from the nearest */

enum bgp_family {
	BGP_IPV4,
	BGP_IPV6,
	BGP_IPV4_LABELED,
	BGP_IPV6_LABELED,
	BGP_IPV4_VPN,
	BGP_IPV6_VPN,
	BGP_NUM_FAMILIES /* none of them */
};

/* Not known where the OPENs were not seen. */
enum bgp_agreed { BGP_NOT_KNOWN, BGP_NO, BGP_YES };

struct bgp_update_form {
	enum bgp_agreed add_path[BGP_NUM_FAMILIES];
	enum bgp_agreed as4; /* ASes of four octets, RFC 6793 */
};

struct bgp_attributes {
	struct addr next_hop;	       /* family 0: none */
	uint32_t as_path[BGP_AS_PATH]; /* members of sets as they come */
	unsigned n_as_path;
};

struct bgp_route {
	bool withdrawn;
	enum bgp_family family;
	struct prefix prefix; /* host bits cleared */
	uint8_t rd[8];	      /* zero: none */
	bool has_path_id;
	uint32_t path_id;
	const struct bgp_attributes *attributes; /* NULL: withdrawn */
};

struct bgp_update {
	bool malformed;
	bool ambiguous;		    /* something was left unread */
	enum bgp_family end_of_rib; /* RFC 4724; BGP_NUM_FAMILIES: it is none */
};

typedef void bgp_route_fn(void *arg, const struct bgp_route *r);

/* By AFI and SAFI; BGP_NUM_FAMILIES: not read. */
enum bgp_family bgp_family_of(uint16_t afi, uint8_t safi);

/* Reads what follows the header of an UPDATE; withdrawn routes come first. */
struct bgp_update bgp_update_read(const uint8_t *body, size_t n, const struct bgp_update_form *form,
				  bgp_route_fn *fn, void *arg);

#endif
