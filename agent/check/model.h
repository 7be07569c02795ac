/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_MODEL_H
#define GW_CHECK_MODEL_H
/*
 * What a device's configuration says about routing, beyond what struct
 * fabric_device holds already (interfaces, addresses, prefix-lists, neighbors with
 * their AS and peer group): VRFs, route-maps, extcommunity-lists, RCF, `router bgp`,
 * leaks, static routes, SSH. Every part has the line that says it.
 *
 * Read once per device while its syntax tree is there (struct fabric_extra):
 *
 *	f = fabric_load_extra(dir, false, &model_extra, err, sizeof(err));
 *	m = model_of(&f->devices[i]);
 *
 * Nothing is resolved and nothing is judged: names are kept as written, and a name
 * that nobody defines is a name all the same. A later line replaces an earlier one
 * as it would on the device, and `no ...` takes back. VRF `default` is NULL
 * everywhere. Lines that say nothing here are passed over, so the model of a file
 * with errors is what can be read of it; device.c reports those.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/fabric/fabric.h"

struct model_vrf {
	const char *name;
	int line; /* of `vrf instance` */
};

/* `ip routing [vrf V]`, `ipv6 unicast-routing [vrf V]` and their `no`. */
struct model_routing {
	const char *vrf; /* NULL: default */
	uint8_t family;	 /* 4 or 6 */
	bool on;
	int line;
};

/* One line of a route-map's statement. */
enum model_clause_kind {
	CLAUSE_MATCH_LIST,     /* match ip|ipv6 address prefix-list NAME; family says which */
	CLAUSE_MATCH_PROTOCOL, /* match source-protocol NAME */
	CLAUSE_MATCH_OTHER,
	CLAUSE_SET_EXTCOMMUNITY, /* set extcommunity extcommunity-list NAME */
	CLAUSE_SUB_MAP,		 /* sub-route-map NAME */
	CLAUSE_SET_OTHER	 /* any other line: set, continue, description */
};

struct model_clause {
	enum model_clause_kind kind;
	uint8_t family;
	const char *name; /* NULL where the kind has none */
	int line;
};

struct model_statement {
	uint32_t seq;
	bool permit;
	int line;
	struct model_clause *clauses;
	size_t n_clauses;
};

struct model_route_map {
	const char *name;
	int line;			    /* of its first statement */
	struct model_statement *statements; /* ascending seq */
	size_t n_statements;
};

struct model_community { /* one line of `ip extcommunity-list` */
	const char *name;
	bool permit, soo; /* soo: holds a site of origin */
	int line;
};

/* RCF: what a code unit's text says, comments left out. */
struct model_code_match { /* prefix_list_v4 NAME, prefix_list_v6 NAME */
	uint8_t family;
	const char *name;
	int line;
	bool accepts; /* a route that the list matches is let in by what follows */
};

struct model_function {
	const char *name;
	int line;
};

struct model_code {
	const char *name; /* "" for the default unit */
	int line;
	bool closed;  /* its braces are balanced */
	bool outside; /* its text is kept in a file, not in the configuration */
	struct model_function *functions;
	size_t n_functions;
	struct model_code_match *matches;
	size_t n_matches;
};

struct model_leak {		  /* the VRF receives, the source gives */
	const char *vrf, *source; /* NULL: default */
	const char *policy;	  /* route-map; NULL: none named */
	bool rcf;		  /* policy is an RCF function */
	int line;
};

struct model_static {
	const char *vrf; /* NULL: default */
	struct prefix prefix;
	const char *next_hop; /* as written: an address, an interface */
	int line;
};

/* ---- router bgp ---- */

struct model_group {
	const char *name;
	int line;	     /* of `neighbor NAME peer group`; 0: never defined */
	int auto_local_line; /* of `neighbor NAME auto-local-addr`; 0: not said */
	bool shutdown;
	uint32_t asn; /* 0: not given */
};

/* `address-family F`, global (vrf NULL) or in a vrf. */
struct model_family {
	const char *vrf, *name; /* name as written: "ipv4", "ipv6", "evpn" */
	int line;
};

/* `[no] neighbor WHO activate` in an address-family. */
struct model_activate {
	const char *vrf, *family, *who; /* who: address or peer group, as written */
	bool on;
	int line;
};

struct model_redistribute {
	const char *vrf;    /* NULL: global */
	const char *family; /* NULL: said outside any address-family */
	const char *what;   /* "connected", "static", "bgp", ... */
	bool leaked;	    /* `bgp leaked`, `... include leaked` */
	const char *policy; /* NULL: unfiltered */
	bool rcf;	    /* policy is an RCF function's name, without "()" */
	int line;
};

/* `network P`, whatever its policy. */
struct model_network {
	const char *vrf, *family; /* as in model_redistribute */
	struct prefix prefix;	  /* host bits cleared */
	int line;
};

/* `neighbor WHO route-map|prefix-list NAME in|out`, `neighbor WHO rcf in|out NAME()`. */
enum model_filter_kind { FILTER_MAP, FILTER_LIST, FILTER_FUNCTION };

struct model_filter {
	const char *vrf, *family, *who; /* who: address or peer group, as written */
	enum model_filter_kind kind;
	bool in;
	const char *name;
	int line;
};

struct model_bgp_vrf {
	const char *name;
	int line;
};

/* ---- SSH ---- */

struct model_ssh { /* one `vrf` of `management ssh`, or (vrf NULL) the whole of it */
	const char *vrf;
	int line;
	bool on; /* the last word was `no shutdown` (in a vrf) or not `shutdown` (the whole) */
};

/* Where a name is used. Names that the device defines have no line here. */
enum model_name {
	NAME_ROUTE_MAP,
	NAME_LIST_V4,
	NAME_LIST_V6,
	NAME_COMMUNITY,
	NAME_FUNCTION,
	NAME_VRF,
	NAME_GROUP,
	NAME_NUM
};

struct model_use {
	enum model_name kind;
	const char *name;
	int line;
};

struct model {
	struct model_vrf *vrfs;
	size_t n_vrfs;
	struct model_routing *routing;
	size_t n_routing;
	struct model_route_map *maps;
	size_t n_maps;
	struct model_community *communities;
	size_t n_communities;
	struct model_code *codes;
	size_t n_codes;
	struct model_leak *leaks;
	size_t n_leaks;
	struct model_static *statics;
	size_t n_statics;

	uint32_t asn; /* 0: no `router bgp` */
	int bgp_line;
	bool default_ipv4; /* neighbors are active for IPv4 unless told otherwise */
	struct model_group *groups;
	size_t n_groups;
	struct model_family *families;
	size_t n_families;
	struct model_activate *activates;
	size_t n_activates;
	struct model_redistribute *redistributes;
	size_t n_redistributes;
	struct model_network *networks;
	size_t n_networks;
	struct model_filter *filters;
	size_t n_filters;
	struct model_bgp_vrf *bgp_vrfs;
	size_t n_bgp_vrfs;

	struct model_ssh *ssh;
	size_t n_ssh;
	struct model_use *uses;
	size_t n_uses;

	int general_line;	  /* of `router general`; 0: absent */
	int agent_line;		  /* of `service routing protocols model`; 0: not said */
	bool multi_agent;	  /* what it says */
	bool routed_ports;	  /* `switchport default mode routed` */
	struct model_text *texts; /* owns the names */
};

extern const struct fabric_extra model_extra;

/* Of a device loaded with model_extra; NULL: it was not. */
const struct model *model_of(const struct fabric_device *d);

/* NULL: no memory. model_free() accepts NULL. */
struct model *model_read(const struct eos *config);
void model_free(struct model *m);

/* By name; NULL: the device has none. A VRF counts when `vrf instance` defines it, and
 * `default` (NULL) always does. */
const struct model_route_map *model_map(const struct model *m, const char *name);
const struct model_code *model_code(const struct model *m, const char *name);
const struct model_function *model_function(const struct model *m, const char *name);
const struct model_group *model_group(const struct model *m, const char *name);
const struct model_family *model_family(const struct model *m, const char *vrf, const char *name);
bool model_has_vrf(const struct model *m, const char *name);

/* The last word on it; NULL: nothing is said. */
const struct model_activate *model_activate(const struct model *m, const char *vrf,
					    const char *family, const char *who);
const struct model_routing *model_routing(const struct model *m, const char *vrf, uint8_t family);
const struct model_ssh *model_ssh(const struct model *m, const char *vrf);

/* Equal, where NULL stands for VRF `default`. */
bool model_same_vrf(const char *a, const char *b);

#endif
