/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_TIMELINE_H
#define GW_COMMAND_TIMELINE_H
/*
 * One incident, minute by minute: path changes with their reasons, sessions over
 * lo6 from their beginning to their end, attempts, untrusted sources, BGP, alerts,
 * in the order in which they happened.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "collector/base/output.h"
#include "collector/store/store.h"

/* Prints incident `id`. 1; 0: there is no such incident; below 0: STORE_*, or
 * QUERY_WRITE_FAILED. width 0: not a terminal, lines are not wrapped. */
int timeline_print(struct store *s, uint64_t id, enum output_format format, uint64_t now_real_ns,
		   unsigned width, bool colour, FILE *to);

#endif
