/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/graph_policy.h"

#include <string.h>
#include <strings.h>

#include "common/fabric/device.h"

#define MAX_SUB_MAPS 8 /* sub-route-maps in each other; more is a loop */

static const struct policy_answer deny = { 0 };

struct policy_answer policy_list(const struct fabric_device *d, const char *name,
				 const struct prefix *route)
{
	const struct prefix_list *l = device_list(d, route->addr.family, name);
	uint32_t rule;

	if (!l)
		return deny;
	if (l->external)
		return (struct policy_answer){ true, true, l->line };
	if (!prefix_list_route(l, route, &rule))
		return (struct policy_answer){ false, false, l->line };
	return (struct policy_answer){ l->entries[rule].permit, false, l->entries[rule].line };
}

static struct policy_answer map_at(const struct fabric_device *d, const struct model *m,
				   const char *name, const struct prefix *route,
				   const char *protocol, unsigned depth);

/* Does one line of a statement hold? Only matches can fail to. */
static struct policy_answer clause_holds(const struct fabric_device *d, const struct model *m,
					 const struct model_clause *c, const struct prefix *route,
					 const char *protocol, unsigned depth)
{
	struct policy_answer yes = { true, false, c->line };

	switch (c->kind) {
	case CLAUSE_MATCH_LIST:
		if (c->family != route->addr.family)
			return deny;
		return c->name ? policy_list(d, c->name, route) : deny;
	case CLAUSE_MATCH_PROTOCOL:
		yes.permit = c->name && strcasecmp(c->name, protocol) == 0;
		return yes;
	case CLAUSE_MATCH_OTHER: /* a community, a tag: not known here */
		yes.doubt = true;
		return yes;
	case CLAUSE_SUB_MAP:
		return c->name ? map_at(d, m, c->name, route, protocol, depth + 1) : yes;
	case CLAUSE_SET_EXTCOMMUNITY:
	case CLAUSE_SET_OTHER:
		break;
	}
	return yes;
}

static struct policy_answer map_at(const struct fabric_device *d, const struct model *m,
				   const char *name, const struct prefix *route,
				   const char *protocol, unsigned depth)
{
	const struct model_route_map *map = model_map(m, name);
	struct policy_answer answer = deny;

	if (!map || depth > MAX_SUB_MAPS)
		return deny;
	answer.line = map->line;
	for (size_t i = 0; i < map->n_statements; i++) {
		const struct model_statement *s = &map->statements[i];
		bool holds = true, doubt = false;

		for (size_t k = 0; k < s->n_clauses && holds; k++) {
			struct policy_answer c =
				clause_holds(d, m, &s->clauses[k], route, protocol, depth);

			holds = c.permit;
			doubt |= c.doubt;
		}
		if (holds)
			return (struct policy_answer){ s->permit, doubt, s->line };
	}
	return answer;
}

struct policy_answer policy_map(const struct fabric_device *d, const struct model *m,
				const char *name, const struct prefix *route, const char *protocol)
{
	return map_at(d, m, name, route, protocol, 0);
}

struct policy_answer policy_function(const struct fabric_device *d, const struct model *m,
				     const char *name, const struct prefix *route)
{
	for (size_t i = 0; i < m->n_codes; i++) {
		const struct model_code *c = &m->codes[i];
		struct policy_answer answer = { false, false, c->line };
		bool here = c->outside;

		for (size_t k = 0; k < c->n_functions; k++)
			here |= strcmp(c->functions[k].name, name) == 0;
		if (!here)
			continue;
		if (c->outside || !c->n_matches)
			return (struct policy_answer){ true, true, c->line };
		for (size_t k = 0; k < c->n_matches; k++)
			if (c->matches[k].family == route->addr.family) {
				struct policy_answer l = policy_list(d, c->matches[k].name, route);

				if (l.permit)
					return l;
			}
		return answer;
	}
	return deny;
}
