/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search.
 *
 * flood() carries one route from its origin, in rounds: a round's places have as many AS
 * between them and the origin. Within a round, leaks and sessions inside one AS are
 * followed first (they add no AS), then sessions to other AS lead to the next round. A
 * place keeps the way by which the route came first, the shortest, as BGP does. Each place
 * is entered once, so a flood costs no more than the edges of its component, and it ends as
 * soon as `wanted` vantages have it.
 *
 * For one component and family:
 *  1. how far each place is from the outside, and how many vantages it could come to;
 *  2. the routes of the outside, each flooded once (trees);
 *  3. for each device a flood, its ways, the way back from the trees, and the elements
 *     without which neither is left.
 */
#include "agent/check/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/check/graph_policy.h"
#include "common/fabric/device.h"
#include "common/grow.h"

struct tree { /* a route of the outside, and where it got to */
	uint32_t vantage;
	struct prefix source;
	uint32_t *via; /* by local number of the place: edge, NOT_REACHED or GRAPH_NONE */
};

#define NOT_REACHED (UINT32_MAX - 1)

struct memo { /* which places could come to the outside without an element */
	struct reach_element element;
	uint8_t *reaches; /* by local number */
};

struct search {
	struct graph *g;
	struct reach *r;
	enum graph_family family;
	/* of the flood; by place */
	uint32_t *stamp, *dist, *via;
	uint32_t now; /* stamp of the flood in hand */
	uint32_t origin;
	const struct prefix *route;
	uint32_t *round, *next; /* places */
	uint32_t n_round, n_next;
	/* of the component in hand; by place */
	uint32_t *outside_dist; /* sessions and leaks to the outside, no policy asked */
	uint32_t *possible;	/* vantages that it could come to */
	uint32_t *number;	/* local */
	uint32_t *members;	/* places of the component; part of by_component */
	uint32_t n_members;
	uint32_t *vantages; /* places */
	uint32_t n_vantages;
	bool outside; /* a session to the outside carries the family */
	struct tree *trees;
	uint32_t n_trees;
	struct memo *memos;
	uint32_t n_memos;
	unsigned n_explained;
	/* of all components */
	uint32_t *by_component, *first; /* places by component; its first */
	bool no_memory;
};

static void *grow(struct search *s, void *array, uint32_t n, size_t size)
{
	void *larger = grow_array(array, n, size);

	if (!larger)
		s->no_memory = true;
	return larger;
}

#define ADD(s, where, name, ...)                                                                   \
	do {                                                                                       \
		void *larger_ = grow(s, (where)->name, (where)->n_##name, sizeof(*(where)->name)); \
		if (!larger_)                                                                      \
			break;                                                                     \
		(where)->name = larger_;                                                           \
		(where)->name[(where)->n_##name++] = __VA_ARGS__;                                  \
	} while (0)

/* ---- may a route go along an edge? ---- */

static bool for_family(const char *name, enum graph_family f)
{
	return !name || strncasecmp(name, f == GRAPH_V4 ? "ipv4" : "ipv6", 4) == 0;
}

static struct graph_fault none(void)
{
	return graph_fault(FAULT_NONE, GRAPH_NONE, 0, NULL);
}

/* By a route-map or RCF; a NULL policy permits. What is named and not defined is taken
 * to permit where EOS was seen to do so (a route-map), and is in doubt. */
static bool redistributes(const struct graph_node *n, const struct model_redistribute *x,
			  const struct prefix *route, const char *protocol,
			  struct policy_answer *answer)
{
	if (!x->policy)
		*answer = (struct policy_answer){ true, false, x->line };
	else if (x->rcf)
		*answer = policy_function(n->device, n->model, x->policy, route);
	else if (!model_map(n->model, x->policy))
		*answer = (struct policy_answer){ true, true, x->line };
	else
		*answer = policy_map(n->device, n->model, x->policy, route, protocol);
	return answer->permit;
}

/* Does a place tell its neighbors of a route that it has by `what`, not by BGP? */
static struct graph_fault redistribution(const struct search *s, uint32_t place, const char *what,
					 bool leaked, const struct prefix *route,
					 struct graph_fault *doubt)
{
	const struct graph_place *p = &s->g->places[place];
	const struct graph_node *n = &s->g->nodes[p->node];
	const struct model *m = n->model;
	struct graph_fault why = graph_fault(leaked ? FAULT_NOT_LEAKED : FAULT_NOT_ORIGINATED,
					     p->node, m ? m->bgp_line : 0, p->vrf);

	for (size_t i = 0; m && i < m->n_redistributes; i++) {
		const struct model_redistribute *x = &m->redistributes[i];
		struct policy_answer a;

		if (strcasecmp(x->what, what) != 0 || (leaked && !x->leaked) ||
		    !model_same_vrf(x->vrf, p->vrf) || !for_family(x->family, s->family))
			continue;
		if (redistributes(n, x, route, what, &a)) {
			if (a.doubt && doubt)
				*doubt = graph_fault(FAULT_ORIGIN_POLICY, p->node, x->line,
						     x->policy);
			return none();
		}
		why = graph_fault(FAULT_ORIGIN_POLICY, p->node, x->line, x->policy);
	}
	return why;
}

/* Does the origin announce it? The outside does. */
static struct graph_fault origination(const struct search *s, struct graph_fault *doubt)
{
	const struct graph_place *p = &s->g->places[s->origin];

	const struct model *m = s->g->nodes[p->node].model;

	if (p->outside || !m)
		return none();
	for (size_t i = 0; i < m->n_networks; i++)
		if (model_same_vrf(m->networks[i].vrf, p->vrf) &&
		    m->networks[i].prefix.len == s->route->len &&
		    addr_equal(&m->networks[i].prefix.addr, &s->route->addr))
			return none();
	return redistribution(s, s->origin, "connected", false, s->route, doubt);
}

static bool is_internal(const struct graph *g, const struct graph_edge *e)
{
	return g->nodes[g->places[e->from].node].asn == g->nodes[g->places[e->to].node].asn;
}

/* Is the receiver's AS in the path that the sender would tell? */
static bool loops(const struct search *s, const struct graph_edge *edge)
{
	const struct graph *g = s->g;
	uint32_t asn = g->nodes[g->places[edge->to].node].asn, e = s->via[edge->from];

	for (; e != GRAPH_NONE; e = s->via[g->edges[e].from])
		if (g->edges[e].session != GRAPH_NONE && !is_internal(g, &g->edges[e]) &&
		    g->nodes[g->places[g->edges[e].from].node].asn == asn)
			return true;
	return false;
}

static struct graph_fault leak_fault(const struct search *s, const struct graph_edge *e,
				     struct graph_fault *doubt)
{
	const struct graph_place *from = &s->g->places[e->from], *to = &s->g->places[e->to];
	const struct graph_node *n = &s->g->nodes[from->node];
	uint32_t via = s->via[e->from];
	const char *protocol = via == GRAPH_NONE && n->device ? "connected" : "bgp";
	struct policy_answer a;

	if (via != GRAPH_NONE && s->g->edges[via].session == GRAPH_NONE)
		return graph_fault(FAULT_LEAKED_TWICE, from->node, e->leak->line, to->vrf);
	if (!e->leak->policy)
		return none();
	a = e->leak->rcf ? policy_function(n->device, n->model, e->leak->policy, s->route)
			 : policy_map(n->device, n->model, e->leak->policy, s->route, protocol);
	if (!a.permit)
		return graph_fault(FAULT_LEAK_POLICY, from->node, a.line ? a.line : e->leak->line,
				   e->leak->policy);
	if (a.doubt && doubt)
		*doubt = graph_fault(FAULT_LEAK_POLICY, from->node, a.line, e->leak->policy);
	return none();
}

/* A neighbor's route-map, function or list refuses the route of the flood in hand. */
static struct graph_fault filter_fault(const struct search *s, uint32_t place,
				       const struct graph_filters *x, struct graph_fault *doubt)
{
	const struct graph_node *n = &s->g->nodes[s->g->places[place].node];
	const struct model_filter *both[] = { x->map, x->list };

	for (int i = 0; i < 2; i++) {
		const struct model_filter *f = both[i];
		struct policy_answer a;

		if (!f)
			continue;
		if (f->kind == FILTER_FUNCTION)
			a = policy_function(n->device, n->model, f->name, s->route);
		else if (f->kind == FILTER_LIST)
			a = policy_list(n->device, f->name, s->route);
		else if (!model_map(n->model, f->name)) /* EOS was seen to permit then */
			a = (struct policy_answer){ true, true, f->line };
		else
			a = policy_map(n->device, n->model, f->name, s->route, "bgp");
		if (!a.permit)
			return graph_fault(FAULT_FILTER, s->g->places[place].node,
					   a.line ? a.line : f->line, f->name);
		if (a.doubt && doubt)
			*doubt = graph_fault(FAULT_FILTER, s->g->places[place].node, f->line,
					     f->name);
	}
	return none();
}

/* What stops the edge, whatever the route. */
static struct graph_fault standing_fault(const struct search *s, const struct graph_edge *e)
{
	const struct graph *g = s->g;
	const struct graph_place *from = &g->places[e->from], *to = &g->places[e->to];
	const struct graph_session *x;

	if (g->nodes[from->node].cut)
		return graph_fault(FAULT_CUT, from->node, 0, g->nodes[from->node].name);
	if (g->nodes[to->node].cut)
		return graph_fault(FAULT_CUT, to->node, 0, g->nodes[to->node].name);
	if (e->session == GRAPH_NONE && !e->leak)
		return graph_fault(
			FAULT_NO_LEAK, from->node,
			g->nodes[from->node].model ? g->nodes[from->node].model->general_line : 0,
			to->vrf);
	if (e->session == GRAPH_NONE)
		return from->routing[s->family] && to->routing[s->family]
			       ? none()
			       : graph_fault(FAULT_ROUTING, from->node, 0,
					     from->routing[s->family] ? to->vrf : from->vrf);
	x = &g->sessions[e->session];
	if (x->cut || (x->link != GRAPH_NONE && g->links[x->link].cut)) {
		struct graph_fault f = graph_fault(FAULT_CUT, GRAPH_NONE, 0, NULL);

		f.value = e->session;
		return f;
	}
	return x->down.kind ? x->down : x->family[s->family];
}

/* What stops the route of the flood in hand, which `from` has. */
static struct graph_fault edge_fault(const struct search *s, uint32_t edge,
				     struct graph_fault *doubt)
{
	const struct graph *g = s->g;
	const struct graph_edge *e = &g->edges[edge];
	const struct graph_place *from = &g->places[e->from];
	struct graph_fault f = standing_fault(s, e);
	uint32_t via = s->via[e->from];
	int side;

	if (f.kind)
		return f;
	if (e->session == GRAPH_NONE)
		return leak_fault(s, e, doubt);
	if (via == GRAPH_NONE) {
		f = origination(s, doubt);
	} else if (g->edges[via].session == GRAPH_NONE) {
		f = redistribution(s, e->from, "bgp", true, s->route, doubt);
	} else if (is_internal(g, e) && is_internal(g, &g->edges[via])) {
		f = graph_fault(FAULT_IBGP, from->node, 0, g->nodes[g->places[e->to].node].name);
	}
	if (f.kind)
		return f;
	side = e->from == g->sessions[e->session].place[0] ? 0 : 1;
	f = filter_fault(s, e->from, &g->sessions[e->session].filters[side][s->family][0], doubt);
	if (f.kind)
		return f;
	if (!is_internal(g, e) && loops(s, e))
		return graph_fault(FAULT_AS_LOOP, from->node, 0,
				   g->nodes[g->places[e->to].node].name);
	return filter_fault(s, e->to, &g->sessions[e->session].filters[!side][s->family][1], doubt);
}

/* ---- the flood ---- */

static bool has(const struct search *s, uint32_t place)
{
	return s->stamp[place] == s->now;
}

static bool adds_no_as(const struct graph *g, const struct graph_edge *e)
{
	return e->session == GRAPH_NONE || is_internal(g, e);
}

static void enter(struct search *s, uint32_t place, uint32_t via, uint32_t dist, uint32_t *list,
		  uint32_t *n)
{
	s->stamp[place] = s->now;
	s->via[place] = via;
	s->dist[place] = dist;
	list[(*n)++] = place;
}

/* The outside tells nobody what it has learned: what lies behind it is not known. */
static bool is_end(const struct search *s, uint32_t place)
{
	return place != s->origin && !s->g->nodes[s->g->places[place].node].device;
}

/* The places nearest to the outside come first: insertion, for rounds are short where it
 * matters and in order elsewhere. */
static void sort_round(struct search *s)
{
	if (s->n_round > 64)
		return;
	for (uint32_t i = 1; i < s->n_round; i++) {
		uint32_t p = s->round[i], k = i;

		for (; k && s->outside_dist[s->round[k - 1]] > s->outside_dist[p]; k--)
			s->round[k] = s->round[k - 1];
		s->round[k] = p;
	}
}

static bool is_vantage(const struct search *s, uint32_t place)
{
	const struct graph_place *p = &s->g->places[place];
	const struct fabric_device *d = s->g->nodes[p->node].device;

	return !s->g->nodes[p->node].cut && (p->outside || (d && d->role == ROLE_CE && !p->vrf));
}

/* How many vantages have the route, not counting the origin's own device. Ends when that
 * many are `wanted`. outside: only those count that are outside. */
static uint32_t flood(struct search *s, uint32_t origin, const struct prefix *route,
		      uint32_t wanted, bool outside)
{
	const struct graph *g = s->g;
	uint32_t found = 0, own = g->places[origin].node;

	s->now++;
	s->origin = origin;
	s->route = route;
	s->n_round = s->n_next = 0;
	if (g->nodes[own].cut)
		return 0;
	enter(s, origin, GRAPH_NONE, 0, s->round, &s->n_round);
	for (uint32_t dist = 0; s->n_round && dist < REACH_MAX_HOPS; dist++) {
		uint32_t *swap;

		for (uint32_t i = 0; i < s->n_round; i++) { /* it grows meanwhile */
			const struct graph_place *p = &g->places[s->round[i]];

			for (uint32_t e = p->out; e < p->out + p->n_out; e++) {
				uint32_t to = g->edges[e].to;

				if (has(s, to) || !adds_no_as(g, &g->edges[e]) ||
				    edge_fault(s, e, NULL).kind)
					continue;
				enter(s, to, e, dist, s->round, &s->n_round);
				if (is_vantage(s, to) && g->places[to].node != own &&
				    (!outside || g->places[to].outside) && ++found == wanted)
					return found;
			}
		}
		sort_round(s);
		for (uint32_t i = 0; i < s->n_round; i++) {
			const struct graph_place *p = &g->places[s->round[i]];

			if (is_end(s, s->round[i]))
				continue;
			for (uint32_t e = p->out; e < p->out + p->n_out; e++) {
				uint32_t to = g->edges[e].to;

				if (has(s, to) || adds_no_as(g, &g->edges[e]) ||
				    edge_fault(s, e, NULL).kind)
					continue;
				enter(s, to, e, dist + 1, s->next, &s->n_next);
				if (is_vantage(s, to) && g->places[to].node != own &&
				    (!outside || g->places[to].outside) && ++found == wanted)
					return found;
			}
		}
		swap = s->round;
		s->round = s->next;
		s->n_round = s->n_next;
		s->next = swap;
		s->n_next = 0;
	}
	return found;
}

/* ---- a component's distances ---- */

/* Backwards from a place, along edges that stand. Counts what it finds in ->possible. */
static void count_possible(struct search *s, uint32_t from)
{
	const struct graph *g = s->g;
	uint32_t n = 0;

	s->now++;
	enter(s, from, GRAPH_NONE, 0, s->round, &n);
	for (uint32_t i = 0; i < n; i++) {
		const struct graph_place *p = &g->places[s->round[i]];

		if (p->node != g->places[from].node)
			s->possible[s->round[i]]++;
		for (uint32_t k = p->in; k < p->in + p->n_in; k++) {
			const struct graph_edge *e = &g->edges[g->incoming[k]];

			if (!has(s, e->from) && !standing_fault(s, e).kind)
				enter(s, e->from, GRAPH_NONE, 0, s->round, &n);
		}
	}
}

/* Backwards from every vantage of a kind, into dist (by place); faulty: along edges that
 * do not stand, too. */
static void measure(struct search *s, uint32_t *dist, bool outside, bool faulty)
{
	const struct graph *g = s->g;
	uint32_t n = 0;

	s->now++;
	for (uint32_t i = 0; i < s->n_members; i++)
		dist[s->members[i]] = UINT32_MAX;
	for (uint32_t i = 0; i < s->n_vantages; i++)
		if (!outside || g->places[s->vantages[i]].outside) {
			enter(s, s->vantages[i], GRAPH_NONE, 0, s->round, &n);
			dist[s->vantages[i]] = 0;
		}
	for (uint32_t i = 0; i < n; i++) {
		const struct graph_place *p = &g->places[s->round[i]];

		for (uint32_t k = p->in; k < p->in + p->n_in; k++) {
			const struct graph_edge *e = &g->edges[g->incoming[k]];

			if (has(s, e->from) || (!faulty && standing_fault(s, e).kind))
				continue;
			dist[e->from] = dist[s->round[i]] + 1;
			enter(s, e->from, GRAPH_NONE, 0, s->round, &n);
		}
	}
}

/* ---- what the outside announces ---- */

static bool overlap(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

static void add_source(struct prefix *sources, unsigned *n, const struct prefix *p)
{
	struct prefix masked = prefix_mask(p);

	for (unsigned i = 0; i < *n; i++)
		if (sources[i].len == masked.len && addr_equal(&sources[i].addr, &masked.addr))
			return;
	if (*n < REACH_MAX_SOURCES)
		sources[(*n)++] = masked;
}

/* Routes that a list lets pass: each permit entry's shortest. */
static void add_list(const struct search *s, const struct fabric_device *d, const char *name,
		     struct prefix *sources, unsigned *n)
{
	const struct prefix_list *l = device_list(d, graph_family_number(s->family), name);

	for (size_t i = 0; l && i < l->n_entries; i++) {
		const struct prefix_entry *e = &l->entries[i];
		struct prefix p = e->prefix;
		uint32_t rule;

		p.len = e->eq ? e->eq : e->ge > p.len ? e->ge : p.len;
		if (e->permit && prefix_list_route(l, &p, &rule) && l->entries[rule].permit)
			add_source(sources, n, &p);
	}
}

/* Those of a device of the fabric, as its configuration says. */
static void own_sources(const struct search *s, uint32_t place, struct prefix *sources, unsigned *n)
{
	const struct graph_place *p = &s->g->places[place];
	const struct model *m = s->g->nodes[p->node].model;
	bool redistributed = false;

	for (size_t i = 0; m && i < m->n_networks; i++)
		if (model_same_vrf(m->networks[i].vrf, p->vrf) &&
		    m->networks[i].prefix.addr.family == graph_family_number(s->family))
			add_source(sources, n, &m->networks[i].prefix);
	for (size_t i = 0; m && i < m->n_redistributes; i++)
		redistributed |= strcasecmp(m->redistributes[i].what, "static") == 0 &&
				 model_same_vrf(m->redistributes[i].vrf, p->vrf) &&
				 for_family(m->redistributes[i].family, s->family);
	for (size_t i = 0; redistributed && i < m->n_statics; i++)
		if (model_same_vrf(m->statics[i].vrf, p->vrf) &&
		    m->statics[i].prefix.addr.family == graph_family_number(s->family) &&
		    !redistribution(s, place, "static", false, &m->statics[i].prefix, NULL).kind)
			add_source(sources, n, &m->statics[i].prefix);
}

static void map_sources(const struct search *s, const struct graph_node *node, const char *map,
			struct prefix *sources, unsigned *n)
{
	const struct model_route_map *x = model_map(node->model, map);

	for (size_t i = 0; x && i < x->n_statements; i++)
		for (size_t k = 0; k < x->statements[i].n_clauses; k++) {
			const struct model_clause *c = &x->statements[i].clauses[k];

			if (c->kind == CLAUSE_MATCH_LIST && c->name &&
			    c->family == graph_family_number(s->family))
				add_list(s, node->device, c->name, sources, n);
		}
}

/* Those that could pass, where nobody says which there are. */
static void likely_sources(const struct search *s, struct prefix *sources, unsigned *n)
{
	static const struct prefix everything[GRAPH_FAMILIES] = { { .addr.family = 4 },
								  { .addr.family = 6 } };
	const struct graph *g = s->g;

	for (uint32_t i = 0; i < s->n_members; i++) {
		const struct graph_place *p = &g->places[s->members[i]];
		const struct graph_node *node = &g->nodes[p->node];

		if (!node->device || node->device->role != ROLE_CE ||
		    !model_same_vrf(p->vrf, g->names->vrf))
			continue;
		for (uint32_t e = p->out; e < p->out + p->n_out; e++)
			if (g->edges[e].leak && g->edges[e].leak->policy && !g->edges[e].leak->rcf)
				map_sources(s, node, g->edges[e].leak->policy, sources, n);
		add_list(s, node->device,
			 s->family == GRAPH_V4 ? g->names->trusted : g->names->trusted_v6, sources,
			 n);
	}
	if (!*n)
		sources[(*n)++] = everything[s->family];
}

static void plant(struct search *s, uint32_t vantage, const struct prefix *source)
{
	struct tree t = { .vantage = vantage, .source = *source };

	t.via = malloc((s->n_members ? s->n_members : 1) * sizeof(*t.via));
	if (!t.via) {
		s->no_memory = true;
		return;
	}
	flood(s, vantage, &t.source, UINT32_MAX, false);
	for (uint32_t i = 0; i < s->n_members; i++)
		t.via[i] = has(s, s->members[i]) ? s->via[s->members[i]] : NOT_REACHED;
	ADD(s, s, trees, t);
	if (s->no_memory)
		free(t.via);
}

static void plant_trees(struct search *s)
{
	struct prefix sources[REACH_MAX_SOURCES], own[REACH_MAX_SOURCES];
	unsigned n = 0;

	likely_sources(s, sources, &n);
	for (uint32_t v = 0; v < s->n_vantages && !s->no_memory; v++) {
		unsigned n_own = 0;

		if (!s->g->places[s->vantages[v]].outside)
			continue;
		own_sources(s, s->vantages[v], own, &n_own);
		for (unsigned i = 0; i < (n_own ? n_own : n) && !s->no_memory; i++)
			plant(s, s->vantages[v], n_own ? &own[i] : &sources[i]);
	}
}

/* ---- a device's answer ---- */

/* Would operators there be trusted by the device? Without a list anybody would. */
static bool is_trusted(const struct search *s, const struct fabric_device *d,
		       const struct prefix *source)
{
	const struct prefix_list *l =
		device_list(d, graph_family_number(s->family),
			    s->family == GRAPH_V4 ? s->g->names->trusted : s->g->names->trusted_v6);

	if (!l || l->external)
		return true;
	for (size_t i = 0; i < l->n_entries; i++) {
		const struct prefix *longer = &l->entries[i].prefix;
		uint32_t rule;

		if (!l->entries[i].permit || !overlap(longer, source))
			continue;
		if (longer->len < source->len)
			longer = source;
		if (prefix_list_match(l, &longer->addr, &rule) && l->entries[rule].permit)
			return true;
	}
	return false;
}

/* A static route of the device's own leads back. */
static bool has_static(const struct search *s, uint32_t place)
{
	const struct graph_place *p = &s->g->places[place];
	const struct graph_node *n = &s->g->nodes[p->node];

	for (size_t i = 0; n->model && i < n->model->n_statics; i++)
		if (model_same_vrf(n->model->statics[i].vrf, p->vrf) &&
		    n->model->statics[i].prefix.addr.family == graph_family_number(s->family) &&
		    is_trusted(s, n->device, &n->model->statics[i].prefix))
			return true;
	return false;
}

static bool on_edge(const struct graph *g, uint32_t edge, const struct reach_element *x)
{
	const struct graph_edge *e = &g->edges[edge];

	switch (x->kind) {
	case REACH_NODE:
		return g->places[e->from].node == x->number || g->places[e->to].node == x->number;
	case REACH_SESSION:
		return e->session == x->number;
	case REACH_LINK:
		return e->session != GRAPH_NONE && g->sessions[e->session].link == x->number;
	}
	return false;
}

/* Does the route of a tree come to a place, without an element (NULL: with all)? */
static bool comes(const struct search *s, const struct tree *t, uint32_t place,
		  const struct reach_element *without)
{
	const struct graph *g = s->g;
	uint32_t via = t->via[s->number[place]];

	if (via == NOT_REACHED)
		return false;
	if (without && without->kind == REACH_NODE && g->places[t->vantage].node == without->number)
		return false;
	for (; without && via != GRAPH_NONE; via = t->via[s->number[g->edges[via].from]])
		if (on_edge(g, via, without))
			return false;
	return true;
}

static const struct tree *tree_back(const struct search *s, const struct reach_device *d,
				    uint32_t vantage, const struct reach_element *without)
{
	const struct fabric_device *device = s->g->nodes[d->node].device;

	for (uint32_t i = 0; i < s->n_trees; i++)
		if (s->trees[i].vantage == vantage && comes(s, &s->trees[i], d->place, without) &&
		    is_trusted(s, device, &s->trees[i].source))
			return &s->trees[i];
	return NULL;
}

static void keep_path(struct search *s, uint32_t end, uint32_t *at, uint32_t *n)
{
	*at = s->r->n_edges;
	for (uint32_t e = s->via[end]; e != GRAPH_NONE; e = s->via[s->g->edges[e].from])
		ADD(s, s->r, edges, e);
	*n = s->r->n_edges - *at;
	for (uint32_t i = 0; i < *n / 2; i++) { /* from the origin on */
		uint32_t *a = &s->r->edges[*at + i], *z = &s->r->edges[*at + *n - 1 - i], swap = *a;

		*a = *z;
		*z = swap;
	}
}

static void keep_back(struct search *s, const struct tree *t, uint32_t place, struct reach_way *w)
{
	uint32_t e = t->via[s->number[place]];

	w->source = t->source;
	w->back = s->r->n_edges;
	for (; e != GRAPH_NONE; e = t->via[s->number[s->g->edges[e].from]])
		ADD(s, s->r, edges, e);
	w->n_back = s->r->n_edges - w->back;
	for (uint32_t i = 0; !s->no_memory && i < w->n_back / 2; i++) {
		uint32_t *a = &s->r->edges[w->back + i];
		uint32_t *z = &s->r->edges[w->back + w->n_back - 1 - i], swap = *a;

		*a = *z;
		*z = swap;
	}
}

static void add_way(struct search *s, const struct reach_device *d, struct reach_answer *a,
		    uint32_t vantage)
{
	const struct graph *g = s->g;
	struct reach_way w = { .vantage = vantage };
	enum reach_state state = REACH_ONE_WAY;
	unsigned sessions = 0;

	keep_path(s, vantage, &w.edges, &w.n_edges);
	for (uint32_t i = 0; i < w.n_edges && !s->no_memory; i++) {
		uint32_t e = s->r->edges[w.edges + i];

		sessions += g->edges[e].session != GRAPH_NONE;
		if (!a->doubt.kind)
			edge_fault(s, e, &a->doubt);
	}
	if (g->places[vantage].outside) {
		const struct tree *t = tree_back(s, d, vantage, NULL);

		if (t)
			keep_back(s, t, d->place, &w);
		w.two_way = t || has_static(s, d->place);
	} else {
		w.two_way = sessions == 1; /* by the link that both are on */
	}
	if (w.two_way)
		state = REACH_YES;
	if (g->places[vantage].outside) {
		if (a->outside < state)
			a->outside = state;
	} else if (a->ce < state) {
		a->ce = state;
	}
	ADD(s, s->r, ways, w);
	a->n_ways = s->r->n_ways - a->ways;
}

/* ---- single points ---- */

bool reach_same_element(const struct reach_element *a, const struct reach_element *b)
{
	return a->kind == b->kind && a->number == b->number;
}

/* The elements of a way, but for the device itself. */
static uint32_t elements_of(const struct search *s, uint32_t own, uint32_t at, uint32_t n,
			    struct reach_element *out, uint32_t count, uint32_t room)
{
	const struct graph *g = s->g;

	for (uint32_t i = 0; i < n; i++) {
		const struct graph_edge *e = &g->edges[s->r->edges[at + i]];
		struct reach_element x[4];
		unsigned m = 0;

		if (e->session != GRAPH_NONE) {
			if (g->sessions[e->session].link != GRAPH_NONE)
				x[m++] = (struct reach_element){ REACH_LINK,
								 g->sessions[e->session].link };
			x[m++] = (struct reach_element){ REACH_SESSION, e->session };
		}
		x[m++] = (struct reach_element){ REACH_NODE, g->places[e->from].node };
		x[m++] = (struct reach_element){ REACH_NODE, g->places[e->to].node };
		for (unsigned k = 0; k < m; k++) {
			bool known = x[k].kind == REACH_NODE && x[k].number == own;

			for (uint32_t j = 0; j < count && !known; j++)
				known = reach_same_element(&out[j], &x[k]);
			if (!known && count < room)
				out[count++] = x[k];
		}
	}
	return count;
}

void reach_set_cut(struct graph *g, const struct reach_element *x, bool cut)
{
	switch (x->kind) {
	case REACH_LINK:
		g->links[x->number].cut = cut;
		break;
	case REACH_SESSION:
		g->sessions[x->number].cut = cut;
		break;
	case REACH_NODE:
		g->nodes[x->number].cut = cut;
		break;
	}
}

static bool way_has(const struct search *s, const struct reach_way *w,
		    const struct reach_element *x)
{
	for (uint32_t i = 0; i < w->n_edges; i++)
		if (on_edge(s->g, s->r->edges[w->edges + i], x))
			return true;
	for (uint32_t i = 0; i < w->n_back; i++)
		if (on_edge(s->g, s->r->edges[w->back + i], x))
			return true;
	return false;
}

/* Which places could come to the outside while `x` is cut; kept for the next device. */
static const struct memo *remember(struct search *s, const struct reach_element *x)
{
	const struct graph *g = s->g;
	struct memo m = { .element = *x };
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_memos; i++)
		if (reach_same_element(&s->memos[i].element, x))
			return &s->memos[i];
	m.reaches = calloc(s->n_members ? s->n_members : 1, 1);
	if (!m.reaches) {
		s->no_memory = true;
		return NULL;
	}
	s->now++;
	for (uint32_t i = 0; i < s->n_vantages; i++)
		if (g->places[s->vantages[i]].outside && is_vantage(s, s->vantages[i]))
			enter(s, s->vantages[i], GRAPH_NONE, 0, s->round, &n);
	for (uint32_t i = 0; i < n; i++) {
		const struct graph_place *p = &g->places[s->round[i]];

		m.reaches[s->number[s->round[i]]] = 1;
		for (uint32_t k = p->in; k < p->in + p->n_in; k++) {
			const struct graph_edge *e = &g->edges[g->incoming[k]];

			if (!has(s, e->from) && !standing_fault(s, e).kind)
				enter(s, e->from, GRAPH_NONE, 0, s->round, &n);
		}
	}
	ADD(s, s, memos, m);
	if (s->no_memory) {
		free(m.reaches);
		return NULL;
	}
	return &s->memos[s->n_memos - 1];
}

/* With x cut: does a route of the vantage come to the device all the same? A neighbor
 * that has it by a way without x, and tells it, is enough; else it is flooded anew. */
static bool back_without(struct search *s, const struct reach_device *d, uint32_t vantage,
			 const struct reach_element *x)
{
	const struct graph *g = s->g;
	const struct graph_place *p = &g->places[d->place];
	const struct fabric_device *device = g->nodes[d->node].device;
	bool any_in = false;

	if (tree_back(s, d, vantage, x) || has_static(s, d->place))
		return true;
	for (uint32_t k = p->in; k < p->in + p->n_in; k++)
		any_in |= !standing_fault(s, &g->edges[g->incoming[k]]).kind;
	if (!any_in)
		return false;
	for (uint32_t i = 0; i < s->n_trees; i++) {
		const struct tree *t = &s->trees[i];

		if (t->vantage != vantage || !is_trusted(s, device, &t->source))
			continue;
		flood(s, vantage, &t->source, UINT32_MAX, false);
		if (has(s, d->place))
			return true;
	}
	return false;
}

/* With x cut: is the device reached from outside and can it answer? */
static bool survives(struct search *s, const struct reach_device *d, const struct reach_answer *a,
		     const struct reach_element *x)
{
	const struct graph *g = s->g;
	uint32_t found[64], n = 0;

	for (uint32_t i = 0; i < a->n_ways; i++) {
		const struct reach_way *w = &s->r->ways[a->ways + i];

		if (g->places[w->vantage].outside && w->two_way && !way_has(s, w, x))
			return true;
	}
	if (x->kind == REACH_NODE || !on_edge(g, s->r->edges[s->r->ways[a->ways].edges], x)) {
		const struct memo *m = remember(s, x);

		if (m && !m->reaches[s->number[d->place]])
			return false;
	}
	flood(s, d->place, &a->address, UINT32_MAX, true);
	for (uint32_t i = 0; i < s->n_vantages && n < 64; i++)
		if (g->places[s->vantages[i]].outside && has(s, s->vantages[i]))
			found[n++] = s->vantages[i];
	for (uint32_t i = 0; i < n; i++)
		if (back_without(s, d, found[i], x))
			return true;
	return false;
}

static void find_singles(struct search *s, const struct reach_device *d, struct reach_answer *a)
{
	struct reach_element x[8 * REACH_MAX_HOPS];
	const struct reach_way *w = NULL;
	uint32_t n;

	for (uint32_t i = 0; i < a->n_ways && !w; i++)
		if (s->g->places[s->r->ways[a->ways + i].vantage].outside &&
		    s->r->ways[a->ways + i].two_way)
			w = &s->r->ways[a->ways + i];
	a->singles = s->r->n_elements;
	if (!w)
		return;
	n = elements_of(s, d->node, w->edges, w->n_edges, x, 0, 8 * REACH_MAX_HOPS);
	n = elements_of(s, d->node, w->back, w->n_back, x, n, 8 * REACH_MAX_HOPS);
	for (uint32_t i = 0; i < n && !s->no_memory; i++) {
		bool alive;

		reach_set_cut(s->g, &x[i], true);
		alive = survives(s, d, a, &x[i]);
		reach_set_cut(s->g, &x[i], false);
		if (!alive)
			ADD(s, s->r, elements, x[i]);
	}
	a->n_singles = s->r->n_elements - a->singles;
}

/* ---- why not ---- */

static void tell(struct reach_answer *a, const struct graph_fault *f)
{
	for (unsigned i = 0; i < a->n_faults; i++) {
		const struct graph_fault *x = &a->faults[i];

		if (x->kind == f->kind && x->node == f->node && x->line == f->line &&
		    x->value == f->value)
			return;
	}
	if (a->n_faults < REACH_MAX_FAULTS)
		a->faults[a->n_faults++] = *f;
}

/* Of the edges that the route did not take, those that lead nearer to where it should. */
static void explain_out(struct search *s, const struct reach_device *d, struct reach_answer *a,
			uint32_t *dist, bool outside)
{
	const struct graph *g = s->g;

	measure(s, dist, outside, true);
	flood(s, d->place, &a->address, UINT32_MAX, false);
	for (uint32_t i = 0; i < s->n_members; i++) {
		const struct graph_place *p = &g->places[s->members[i]];

		if (!has(s, s->members[i]) || is_end(s, s->members[i]))
			continue;
		for (uint32_t e = p->out; e < p->out + p->n_out; e++) {
			struct graph_fault f;

			if (has(s, g->edges[e].to) || dist[g->edges[e].to] >= dist[s->members[i]])
				continue;
			f = edge_fault(s, e, NULL);
			if (f.kind)
				tell(a, &f);
		}
	}
}

/* From the device backwards, over places that have no route back, to those that have. */
static void explain_back(struct search *s, const struct reach_device *d, struct reach_answer *a,
			 uint32_t vantage)
{
	const struct graph *g = s->g;
	const struct tree *t = NULL;
	uint32_t *list = s->next, n = 0;
	uint8_t *seen = calloc(s->n_members ? s->n_members : 1, 1);

	for (uint32_t i = 0; i < s->n_trees && !t; i++)
		if (s->trees[i].vantage == vantage &&
		    is_trusted(s, g->nodes[d->node].device, &s->trees[i].source))
			t = &s->trees[i];
	if (!seen || !t) {
		struct graph_fault f = graph_fault(FAULT_NOT_ORIGINATED, g->places[vantage].node, 0,
						   g->names->trusted);

		if (seen)
			tell(a, &f);
		free(seen);
		return;
	}
	flood(s, vantage, &t->source, UINT32_MAX, false);
	if (has(s, d->place)) {
		free(seen);
		return;
	}
	list = s->next; /* the flood is over; it has swapped them */
	list[n++] = d->place;
	seen[s->number[d->place]] = 1;
	for (uint32_t i = 0; i < n; i++) {
		const struct graph_place *p = &g->places[list[i]];

		for (uint32_t k = p->in; k < p->in + p->n_in; k++) {
			const struct graph_edge *e = &g->edges[g->incoming[k]];

			if (has(s, e->from)) {
				struct graph_fault f = edge_fault(s, g->incoming[k], NULL);

				if (f.kind && f.kind != FAULT_AS_LOOP)
					tell(a, &f);
			} else if (!seen[s->number[e->from]]) {
				seen[s->number[e->from]] = 1;
				list[n++] = e->from;
			}
		}
	}
	free(seen);
}

static void explain(struct search *s, const struct reach_device *d, struct reach_answer *a)
{
	uint32_t *dist = calloc(s->g->n_places ? s->g->n_places : 1, sizeof(*dist));
	bool outside = false;

	if (!dist) {
		s->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < s->n_vantages; i++)
		outside |= s->g->places[s->vantages[i]].outside;
	if (a->outside == REACH_ONE_WAY) {
		for (uint32_t i = 0; i < a->n_ways; i++) {
			uint32_t v = s->r->ways[a->ways + i].vantage;

			if (s->g->places[v].outside)
				explain_back(s, d, a, v);
		}
	} else {
		explain_out(s, d, a, dist, outside);
	}
	free(dist);
}

/* ---- the whole ---- */

/* The device's own in-band address of the family. */
static void find_address(const struct search *s, struct reach_device *d)
{
	const struct fabric_device *dev = s->g->nodes[d->node].device;
	struct reach_answer *a = &d->family[s->family];

	for (size_t i = 0; i < dev->n_interfaces; i++) {
		const struct fabric_interface *x = &dev->interfaces[i];

		if (strcmp(x->name, s->g->names->interface) != 0)
			continue;
		for (size_t k = 0; k < x->n_addresses; k++) {
			const struct fabric_address *y = &x->addresses[k];

			if (y->secondary || y->prefix.addr.family != graph_family_number(s->family))
				continue;
			a->address = prefix_mask(&y->prefix); /* as its connected route is */
			a->line = y->line;
			a->outside = a->ce = REACH_NO;
			if (x->shutdown) {
				a->faults[0] = graph_fault(FAULT_INTERFACE, d->node,
							   x->shutdown_line, x->name);
				a->n_faults = 1;
			}
			return;
		}
	}
}

static void answer(struct search *s, struct reach_device *d, bool singles)
{
	struct reach_answer *a = &d->family[s->family];

	a->ways = s->r->n_ways;
	a->outside_expected = s->outside;
	for (uint32_t i = 0; i < s->n_vantages; i++)
		a->ce_expected |= !s->g->places[s->vantages[i]].outside &&
				  s->g->nodes[d->node].device->role == ROLE_TOR;
	if (a->n_faults || s->g->nodes[d->node].cut) /* it is shut down, or gone */
		return;
	flood(s, d->place, &a->address, s->possible[d->place] ? s->possible[d->place] : UINT32_MAX,
	      false);
	for (uint32_t i = 0; i < s->n_vantages && !s->no_memory; i++)
		if (has(s, s->vantages[i]) && s->g->places[s->vantages[i]].node != d->node)
			add_way(s, d, a, s->vantages[i]);
	if (a->outside != REACH_YES && s->n_explained++ < REACH_MAX_EXPLAINED)
		explain(s, d, a);
	if (singles && a->outside == REACH_YES)
		find_singles(s, d, a);
}

static void clear_component(struct search *s)
{
	for (uint32_t i = 0; i < s->n_trees; i++)
		free(s->trees[i].via);
	for (uint32_t i = 0; i < s->n_memos; i++)
		free(s->memos[i].reaches);
	s->n_trees = s->n_memos = s->n_vantages = s->n_explained = 0;
	free(s->trees);
	free(s->memos);
	s->trees = NULL;
	s->memos = NULL;
}

static void enter_component(struct search *s, uint32_t component)
{
	s->members = s->by_component + s->first[component];
	s->n_members = s->first[component + 1] - s->first[component];
	for (uint32_t i = 0; i < s->n_members; i++) {
		s->number[s->members[i]] = i;
		s->possible[s->members[i]] = 0;
		if (is_vantage(s, s->members[i]))
			s->vantages[s->n_vantages++] = s->members[i];
	}
	measure(s, s->outside_dist, true, false);
	s->outside = false;
	for (uint32_t i = 0; i < s->n_vantages; i++) {
		const struct graph_place *p = &s->g->places[s->vantages[i]];

		count_possible(s, s->vantages[i]);
		for (uint32_t k = p->in; p->outside && k < p->in + p->n_in; k++)
			s->outside |= !standing_fault(s, &s->g->edges[s->g->incoming[k]]).kind;
	}
	plant_trees(s);
}

static bool group_places(struct search *s)
{
	const struct graph *g = s->g;
	uint32_t *at;

	s->first = calloc((size_t)g->n_components + 2, sizeof(*s->first));
	if (!s->first)
		return false;
	at = s->first + 1;
	for (uint32_t p = 0; p < g->n_places; p++)
		at[g->places[p].component + 1]++;
	for (uint32_t c = 1; c <= g->n_components; c++)
		at[c] += at[c - 1];
	for (uint32_t p = 0; p < g->n_places; p++)
		s->by_component[at[g->places[p].component]++] = p;
	return true; /* each `at` has moved on to the next one's beginning */
}

/* Devices by the component of their in-band address. */
static uint32_t *group_devices(struct search *s, uint32_t **next)
{
	uint32_t *head = malloc(((size_t)s->g->n_components + 1) * sizeof(*head));

	*next = malloc(((size_t)s->r->n_devices + 1) * sizeof(**next));
	if (!head || !*next) {
		free(head);
		return NULL;
	}
	memset(head, 0xff, ((size_t)s->g->n_components + 1) * sizeof(*head));
	for (uint32_t i = s->r->n_devices; i-- > 0;) {
		uint32_t place = s->r->devices[i].place;

		if (place == GRAPH_NONE)
			continue;
		(*next)[i] = head[s->g->places[place].component];
		head[s->g->places[place].component] = i;
	}
	return head;
}

static void list_devices(struct search *s)
{
	const struct graph *g = s->g;

	for (uint32_t n = 0; n < g->n_devices; n++) {
		const struct fabric_device *d = g->nodes[n].device;
		struct reach_device x = { .node = n, .place = GRAPH_NONE };

		if (d->role != ROLE_CE && d->role != ROLE_TOR)
			continue;
		for (size_t i = 0; i < d->n_interfaces; i++)
			if (strcmp(d->interfaces[i].name, g->names->interface) == 0)
				x.place = graph_place_of(g, n, d->interfaces[i].vrf);
		ADD(s, s->r, devices, x);
	}
}

static void run_family(struct search *s, bool singles)
{
	const struct graph *g = s->g;
	uint32_t *next = NULL, *head = group_devices(s, &next);

	if (!head) {
		s->no_memory = true;
		free(next);
		return;
	}
	for (uint32_t i = 0; i < s->r->n_devices; i++)
		find_address(s, &s->r->devices[i]);
	for (uint32_t c = 0; c < g->n_components && !s->no_memory; c++) {
		if (head[c] == UINT32_MAX)
			continue;
		enter_component(s, c);
		for (uint32_t i = head[c]; i != UINT32_MAX && !s->no_memory; i = next[i])
			if (s->r->devices[i].family[s->family].address.addr.family)
				answer(s, &s->r->devices[i], singles);
		clear_component(s);
	}
	free(head);
	free(next);
}

struct reach *reach_run(struct graph *g, bool singles)
{
	size_t n = g->n_places ? g->n_places : 1;
	struct search s = { .g = g, .r = calloc(1, sizeof(*s.r)) };
	uint32_t **arrays[] = { &s.stamp,    &s.dist,	      &s.via,	   &s.round,
				&s.next,     &s.outside_dist, &s.possible, &s.number,
				&s.vantages, &s.by_component };

	if (!s.r)
		return NULL;
	s.r->graph = g;
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		*arrays[i] = calloc(n, sizeof(uint32_t));
		s.no_memory |= !*arrays[i];
	}
	if (!s.no_memory)
		s.no_memory = !group_places(&s);
	if (!s.no_memory)
		list_devices(&s);
	for (s.family = 0; s.family < GRAPH_FAMILIES && !s.no_memory; s.family++)
		run_family(&s, singles);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		free(*arrays[i]);
	free(s.first);
	if (s.no_memory) {
		reach_free(s.r);
		return NULL;
	}
	return s.r;
}

void reach_free(struct reach *r)
{
	if (!r)
		return;
	free(r->devices);
	free(r->ways);
	free(r->edges);
	free(r->elements);
	free(r);
}

const struct reach_device *reach_of(const struct reach *r, const struct fabric_device *d)
{
	uint32_t low = 0, high = r->n_devices;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct fabric_device *x = r->graph->nodes[r->devices[mid].node].device;

		if (x == d)
			return &r->devices[mid];
		if (x < d)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool reach_holds(const struct reach_answer *before, const struct reach_answer *now)
{
	return (before->outside_expected ? now->outside : now->ce) == REACH_YES;
}
