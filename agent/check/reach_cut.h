/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_REACH_CUT_H
#define GW_CHECK_REACH_CUT_H
/*
 * What is supposed to be down, in words (--without, --management-switch), and the marks of
 * it in the graph.
 */
#include "agent/check/reach.h"

/* One thing that is down. */
struct reach_supposed {
	const char *words; /* as given; borrowed */
	struct reach_element *elements;
	uint32_t n_elements;
	char *remark; /* why nothing, or less than it seems, is cut; NULL: none */
};

/*
 * Finds what the words mean and marks it as cut:
 *
 *	DEVICE              a device, or a neighbor that no configuration describes
 *	DEVICE:INTERFACE    the link at that port ("Et5/1" will do); of a port in a channel
 *	                    the channel's, when it is its only one
 *	SUBNET              the link in which a subnet lies: 203.0.113.0/31
 *	A,B                 every link between the two
 *	session:A,B         every BGP session between the two
 *
 * 0; -EINVAL: err says what is wrong with them; -ENOMEM.
 */
int reach_suppose(struct graph *g, const char *words, struct reach_supposed *out, char *err,
		  size_t size);
void reach_supposed_clear(struct reach_supposed *s);

/* The devices whose Ma1 hangs on a management switch: as fabric.yaml says, and of those of
 * which it says nothing all with Ma1 in one subnet with the switch's own addresses. The
 * switch is marked as cut. */
struct reach_switch {
	const char *name; /* as its configuration has it */
	bool *hangs;	  /* by device */
	uint32_t n;
	bool guessed;	/* by subnet, which other switches share */
	uint32_t other; /* one of those; GRAPH_NONE: none */
};

int reach_switch_find(struct graph *g, const char *name, struct reach_switch *out, char *err,
		      size_t size);
void reach_switch_clear(struct reach_switch *s);

#endif
