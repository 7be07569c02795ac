/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/reach_rules.h"

#include <stdio.h>
#include <string.h>

#include "agent/check/reach.h"

static const char *const family_str[] = { "IPv4", "IPv6" };
_Static_assert(sizeof(family_str) / sizeof(family_str[0]) == GRAPH_FAMILIES, "a name for each");

/* "; because A, and B", or nothing where it is not known. */
static const char *because(const struct subject *s, const struct reach_answer *a, char *buf,
			   size_t size)
{
	char text[GRAPH_TEXT];
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < a->n_faults && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? "; " : ": ",
				       reach_fault_text(s->scope->reach->graph, &a->faults[i],
							text));
	return buf;
}

void rule_lo6_unreachable(const struct subject *s)
{
	const struct reach_device *d = reach_of(s->scope->reach, s->d);
	char why[REACH_MAX_FAULTS * (GRAPH_TEXT + 2)];

	for (int f = 0; d && f < GRAPH_FAMILIES; f++) {
		const struct reach_answer *a = &d->family[f];

		if (a->ce_expected && a->ce == REACH_NO)
			rule_tell(s, a->line, "no CE has a route to its %s address of %s%s",
				  family_str[f], s->names->interface,
				  because(s, a, why, sizeof(why)));
		else if (a->outside_expected && a->outside == REACH_NO)
			rule_tell(s, a->line,
				  "no route to its %s address of %s leaves the fabric%s",
				  family_str[f], s->names->interface,
				  because(s, a, why, sizeof(why)));
	}
}

void rule_lo6_no_way_back(const struct subject *s)
{
	const struct reach_device *d = reach_of(s->scope->reach, s->d);
	char why[REACH_MAX_FAULTS * (GRAPH_TEXT + 2)];

	for (int f = 0; d && f < GRAPH_FAMILIES; f++)
		if (d->family[f].outside == REACH_ONE_WAY)
			rule_tell(s, d->family[f].line,
				  "its %s address of %s is reached, but it has no route back to a "
				  "trusted source%s",
				  family_str[f], s->names->interface,
				  because(s, &d->family[f], why, sizeof(why)));
}
