/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_REACH_H
#define GW_CHECK_REACH_H
/*
 * From where would a device's in-band address be reached, and what is the only way?
 *
 * A route to the address is followed along the graph's edges as BGP would carry it: each
 * place takes the one with the fewest AS, refuses one that has its own AS in it, and tells
 * others only what its policies let pass. Where the route arrives, packets can set out; the
 * way back is a route to where operators sit, followed from there to the device. Operators
 * sit outside (behind a PE, in the in-band VRF) or on a CE.
 *
 * Which routes the outside announces is known where the PE's configuration is here (its
 * `network` statements and redistributed static routes). Else those are tried that the CEs'
 * leaks let pass, and the prefixes of the CEs' trusted sources.
 *
 * Not followed: local preference, MED, prepending, communities and `continue` (they choose
 * among ways, or are in doubt), BFD, maximum-routes, routes of an IGP.
 *
 * Cost: near-linear. A search from a device stops when every place it could come to has
 * been reached, nearest to the outside first; ways back are one search for each route of
 * the outside, for all devices at once; single points are looked for among the elements of
 * one way only, because what is not on it does not cut it.
 */
#include "agent/check/graph.h"

#define REACH_MAX_HOPS 64	/* sessions in a row; no fabric has a fifth of it */
#define REACH_MAX_FAULTS 4	/* told for one address */
#define REACH_MAX_SOURCES 16	/* routes of the outside that are tried, in one component */
#define REACH_MAX_EXPLAINED 256 /* addresses of one component and family that are told why not */

enum reach_state {
	REACH_NONE,    /* the device has no such address */
	REACH_NO,      /* no route to it arrives */
	REACH_ONE_WAY, /* one arrives, but the device has none back */
	REACH_YES,
};

/* Where packets to the address may set out, and how. */
struct reach_way {
	uint32_t vantage;	 /* place */
	uint32_t edges, n_edges; /* the route's way from the device, in reach->edges */
	uint32_t back, n_back;	 /* the way of the route back, from the vantage */
	struct prefix source;	 /* that route; family 0: there is none, or it is a CE */
	bool two_way;
};

enum reach_kind { REACH_LINK, REACH_SESSION, REACH_NODE };

struct reach_element {
	enum reach_kind kind;
	uint32_t number; /* of the graph's links, sessions or nodes */
};

bool reach_same_element(const struct reach_element *a, const struct reach_element *b);
void reach_set_cut(struct graph *g, const struct reach_element *e, bool cut);

struct reach_answer {
	struct prefix address; /* family 0: none */
	int line;
	enum reach_state outside; /* from outside the fabric */
	enum reach_state ce;	  /* from a CE that is not the device itself */
	/* It should be: sessions to the outside carry the family, where it is; a ToR has a CE. */
	bool outside_expected, ce_expected;
	uint32_t ways, n_ways;	     /* in reach->ways */
	uint32_t singles, n_singles; /* the only way from outside; in reach->elements */
	struct graph_fault faults[REACH_MAX_FAULTS]; /* why not; of the outside, else of CEs */
	unsigned n_faults;
	struct graph_fault doubt; /* FAULT_NONE, or a policy that was taken to permit */
};

struct reach_device {
	uint32_t node;
	uint32_t place; /* of its in-band address; GRAPH_NONE: it has none */
	struct reach_answer family[GRAPH_FAMILIES];
};

struct reach {
	const struct graph *graph;
	struct reach_device *devices; /* every CE and ToR, by node */
	uint32_t n_devices;
	struct reach_way *ways;
	uint32_t n_ways;
	uint32_t *edges;
	uint32_t n_edges;
	struct reach_element *elements;
	uint32_t n_elements;
};

/* With the graph's cuts as they are. singles: look for single points too. NULL: no
 * memory. The graph is borrowed; its cuts are changed and put back meanwhile. */
struct reach *reach_run(struct graph *g, bool singles);
void reach_free(struct reach *r); /* accepts NULL */

/* NULL: it is neither a CE nor a ToR. The device is one of the graph's fabric. */
const struct reach_device *reach_of(const struct reach *r, const struct fabric_device *d);

/* Was it reached, is it? From outside the fabric, where that is known; else from a CE.
 * `before` says which (a cut may have taken the outside away). */
bool reach_holds(const struct reach_answer *before, const struct reach_answer *now);

/* In words: why not. buf has GRAPH_TEXT bytes; returns it. */
const char *reach_fault_text(const struct graph *g, const struct graph_fault *f, char *buf);
const char *reach_element_text(const struct graph *g, const struct reach_element *e, char *buf);

#endif
