/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SHOW_H
#define GW_SHOW_H
/*
 * What `glasswatch-agent fabric` and `glasswatch-agent trust` print. Both return
 * the exit status of the subcommand: 0 good, 1 the answer is "no", 2 bad input,
 * with the reason on stderr.
 */
#include <stdbool.h>
#include <stdio.h>

#include "common/fabric/fabric.h"

/* The fabric as understood: a JSON document or a text for people. 1 when it
 * has problems. */
int fabric_show(const struct fabric *f, bool json, FILE *to);

/* Which list, seq and rule decide for a source address, on each device or on
 * the one named (NULL: all). 1 when none of them trusts it. */
int trust_show(const struct fabric *f, const char *address, const char *device, bool json,
	       FILE *to);

#endif
