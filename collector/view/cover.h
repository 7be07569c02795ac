/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_COVER_H
#define GW_VIEW_COVER_H
/* How much of a span of time some intervals cover together: what two of them cover counts once,
 * what lies outside the span not at all. */
#include <stddef.h>
#include <stdint.h>

#define COVER_MOST 1000 /* intervals; more are left out */

struct cover {
	uint64_t from_ns, to_ns; /* the span */
	struct {
		uint64_t from, to;
	} list[COVER_MOST];
	size_t n;
};

void cover_add(struct cover *c, uint64_t from_ns, uint64_t to_ns);
double cover_seconds(struct cover *c);

#endif
