/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FABRIC_NAMES_H
#define GW_FABRIC_NAMES_H
/*
 * What a fabric calls the things that break-glass access is made of. The defaults
 * are the names of the Nexus procedure; `names` in fabric.yaml sets others.
 */
#include <stddef.h>

struct fabric_names {
	const char *peer_group;		    /* of the CE-ToR sessions */
	const char *loopback, *loopback_v6; /* lists: in-band addresses, read as routes */
	const char *trusted, *trusted_v6;   /* lists: where operators sit */
	const char *vrf;		    /* of in-band management on a CE */
	const char *interface;		    /* that carries the in-band address */
	const char *advertise;		    /* code unit, its function, or a route-map */
	const char *soo;		    /* extcommunity-list */
	const char *leak_default_infra;	    /* route-map of the leak into the VRF */
	const char *leak_infra_default;	    /* route-map of the leak out of it */
};

extern const struct fabric_names fabric_names_default;

/* The name that a key of fabric.yaml sets; NULL: no such key. */
const char **fabric_names_at(struct fabric_names *n, const char *key);

/* The keys in the order above; NULL beyond the last. */
const char *fabric_names_key(size_t i);

#endif
