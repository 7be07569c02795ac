/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_GRAPH_H
#define GW_CHECK_GRAPH_H
/*
 * The control plane that a fabric's configurations describe: who would exchange which
 * routes with whom.
 *
 *   node     a device, or a BGP neighbor that no configuration here describes ("outside";
 *            several statements of one AS and one description are one neighbor)
 *   place    one routing table of a node: a VRF in which it has BGP neighbors or an
 *            in-band address
 *   link     what joins two ports that share a subnet; sub-interfaces are their port's
 *   session  two places whose `neighbor` statements meet, or one and the outside
 *   edge     a direction in which routes may go: along a session, or leaked between two
 *            places of one device. Edges exist also where a fault stops them, so that
 *            the fault can be told.
 *
 * A session stands when both ends name each other's address and AS, nothing of it is shut
 * down, and, per family, both have activated it, route it, and have addresses of it on the
 * link to be each other's next hop. Of the outside the same is taken for granted.
 *
 * Built once; only the `cut` marks change afterwards. Building takes a time that grows
 * with the configurations' size; addresses may occur again in other fabrics of the same
 * directory (a fabric is what a host name says before its first "-").
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/check/model.h"
#include "common/fabric/names.h"
#include "common/fabric/fabric.h"

#define GRAPH_NONE UINT32_MAX
#define GRAPH_TEXT 400 /* a reason in words */

enum graph_family { GRAPH_V4, GRAPH_V6, GRAPH_FAMILIES };

/* Why something does not carry routes. */
enum graph_fault_kind {
	FAULT_NONE,
	FAULT_CUT,	     /* as the caller supposes */
	FAULT_SHUTDOWN,	     /* neighbor or peer group */
	FAULT_INTERFACE,     /* is shut down */
	FAULT_NOT_CONNECTED, /* no subnet leads to the neighbor, and it is one-sided */
	FAULT_ONE_SIDED,     /* the other does not name us */
	FAULT_AS,	     /* remote-as is not the other's AS */
	FAULT_NO_AS,	     /* no remote-as */
	FAULT_FAMILY,	     /* not activated */
	FAULT_ROUTING,	     /* `ip routing` or `ipv6 unicast-routing` is not on */
	FAULT_NEXT_HOP,	     /* no address of the family on the link, or another subnet */
	FAULT_NO_LEAK,	     /* no `leak routes` between the two */
	FAULT_LEAK_POLICY,   /* it refuses the route */
	FAULT_NOT_LEAKED,    /* a leaked route is not redistributed */
	FAULT_LEAKED_TWICE,
	FAULT_NOT_ORIGINATED, /* no redistribution or network statement takes the route */
	FAULT_ORIGIN_POLICY,  /* it refuses the route */
	FAULT_FILTER,	      /* of a neighbor statement: refuses the route */
	FAULT_AS_LOOP,	      /* the receiver's AS is in the path */
	FAULT_IBGP,	      /* learned from its own AS, not told to its own AS */
};

/* name is borrowed from model or fabric; what it names depends on the kind. */
struct graph_fault {
	enum graph_fault_kind kind;
	uint32_t node; /* whose configuration says so */
	int line;      /* 0: nowhere, something is missing */
	const char *name;
	uint32_t value; /* an AS */
};

struct graph_node {
	const char *name;
	const struct fabric_device *device; /* NULL: outside */
	const struct model *model;	    /* NULL: outside */
	struct addr address;		    /* outside: by which it was first named ... */
	uint32_t by;			    /* ... and the device that did */
	char *owned;			    /* the name's memory, or NULL */
	uint32_t asn;			    /* 0: speaks no BGP */
	uint32_t first_place, n_places;
	bool cut;
};

struct graph_place {
	uint32_t node;
	const char *vrf;     /* NULL: default */
	bool outside;	     /* management traffic enters the fabric here */
	uint32_t out, n_out; /* its part of graph->edges */
	uint32_t in, n_in;   /* its part of graph->incoming */
	bool routing[GRAPH_FAMILIES];
	uint32_t component; /* places with a way between them, whatever its faults */
};

struct graph_end {
	uint32_t node;
	const struct fabric_interface *interface; /* NULL: outside's */
};

struct graph_link {
	struct graph_end end[2];
	bool cut;
};

/* What a `neighbor` statement lets in or out; NULL: everything. */
struct graph_filters {
	const struct model_filter *map, *list; /* map: route-map or function */
};

struct graph_session {
	uint32_t place[2];
	const struct fabric_neighbor *said[2]; /* what place[i] says of the other; NULL: nothing */
	struct addr address[2];		       /* of place[i]; family 0: not known */
	uint32_t link;			       /* GRAPH_NONE: they share none */
	struct graph_fault down, family[GRAPH_FAMILIES];
	struct graph_filters filters[2][GRAPH_FAMILIES][2]; /* of place[i]: out, in */
	bool cut;
};

struct graph_edge {
	uint32_t from, to;
	uint32_t session;	       /* GRAPH_NONE: a leak */
	const struct model_leak *leak; /* NULL: there should be one */
};

struct graph {
	const struct fabric_names *names;
	struct graph_node *nodes; /* the fabric's devices by their numbers, then the outside */
	uint32_t n_nodes, n_devices;
	struct graph_place *places;
	uint32_t n_places;
	struct graph_link *links;
	uint32_t n_links;
	struct graph_session *sessions;
	uint32_t n_sessions;
	struct graph_edge *edges; /* by place */
	uint32_t n_edges;
	uint32_t *incoming; /* edges by the place they lead to */
	uint32_t n_components;
};

/* The fabric must have been loaded with model_extra; it and names are borrowed. NULL: no
 * memory. */
struct graph *graph_build(const struct fabric *f, const struct fabric_names *names);
void graph_free(struct graph *g); /* accepts NULL */

uint8_t graph_family_number(enum graph_family f); /* 4 or 6 */

/* Whether two host names say the same before their first "-". */
bool graph_same_fabric(const char *a, const char *b);

struct graph_fault graph_fault(enum graph_fault_kind kind, uint32_t node, int line,
			       const char *name);

/* GRAPH_NONE: there is none. */
uint32_t graph_place_of(const struct graph *g, uint32_t node, const char *vrf);
uint32_t graph_node_named(const struct graph *g, const char *name); /* without case */

/* "Port-Channel1" of "Port-Channel1.501". Returns the length. */
size_t graph_port_len(const char *interface);

/* In words, for people: each writes into buf (GRAPH_TEXT bytes) and returns it. */
const char *graph_place_text(const struct graph *g, uint32_t place, char *buf);
const char *graph_link_text(const struct graph *g, uint32_t link, char *buf);
const char *graph_session_text(const struct graph *g, uint32_t session, char *buf);

#endif
