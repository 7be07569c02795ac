/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/view/cover.h"

#include <stdlib.h>

#include "common/clock.h"

void cover_add(struct cover *c, uint64_t from, uint64_t to)
{
	if (from < c->from_ns)
		from = c->from_ns;
	if (to > c->to_ns)
		to = c->to_ns;
	if (to <= from || c->n == COVER_MOST)
		return;
	c->list[c->n].from = from;
	c->list[c->n++].to = to;
}

static int by_start(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b; /* from is the first member */

	return *x < *y ? -1 : *x > *y;
}

double cover_seconds(struct cover *c)
{
	uint64_t ns = 0, until = 0;

	if (c->n)
		qsort(c->list, c->n, sizeof(c->list[0]), by_start);
	for (size_t i = 0; i < c->n; i++) {
		uint64_t from = c->list[i].from > until ? c->list[i].from : until;

		if (c->list[i].to > from)
			ns += c->list[i].to - from;
		if (c->list[i].to > until)
			until = c->list[i].to;
	}
	return (double)ns / (double)NS_PER_S;
}
