/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REPORT_AXIS_H
#define GW_REPORT_AXIS_H
/* The span of time that a drawn timeline shows, and what is written on its axis. */
#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

struct axis {
	uint64_t from_ns, to_ns; /* from < to */
	uint64_t step_ns;	 /* between ticks, at most AXIS_TICKS of them */
	uint64_t now_ns;	 /* of what is not over: what comes after is not known */
};

#define AXIS_TICKS 9

/* Around all that the document tells of, with a margin. */
struct axis axis_of(const json_t *doc);

/* 0 to 1; what lies outside is put at the edge. */
double axis_place(const struct axis *a, uint64_t ns);

/* The first tick, and the text under one: "02:15", "02:15:30", "24 Nov". */
uint64_t axis_first(const struct axis *a);
const char *axis_label(const struct axis *a, uint64_t ns, char buf[16]);

#endif
