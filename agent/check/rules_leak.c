/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two directions: into the in-band VRF go the loopbacks of the fabric, so that the
 * PE learns them; out of it go the operators' networks, so that ToRs have a way back.
 * Each direction has its leak and its route-map. Where a leak names another map than
 * the procedure's, that one is what is looked at.
 */
#include "agent/check/rules_leak.h"

#include <string.h>
#include <strings.h>

struct direction {
	const char *to, *from;	     /* VRFs; NULL: default */
	const char *map;	     /* name */
	const char *list, *list_v6;  /* what should be let through */
	const struct model_leak *by; /* NULL: absent */
};

static void directions(const struct subject *s, struct direction out[2])
{
	const struct fabric_names *n = s->names;

	out[0] = (struct direction){ NULL,	 n->vrf,	n->leak_infra_default,
				     n->trusted, n->trusted_v6, NULL };
	out[1] = (struct direction){ n->vrf,	  NULL,		  n->leak_default_infra,
				     n->loopback, n->loopback_v6, NULL };
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < s->m->n_leaks; i++) {
			const struct model_leak *l = &s->m->leaks[i];

			if (!model_same_vrf(l->vrf, out[k].to) ||
			    !model_same_vrf(l->source, out[k].from))
				continue;
			out[k].by = l;
			if (l->policy && !l->rcf)
				out[k].map = l->policy;
		}
}

/* ---- S8 ---- */

static void mend_soo(const struct subject *s, struct finding *f)
{
	rule_mend(f, "ip extcommunity-list %s permit soo 100:100\n", s->names->soo);
}

static const struct model_community *soo_list(const struct subject *s, bool *good)
{
	const struct model_community *first = NULL;

	*good = false;
	for (size_t i = 0; i < s->m->n_communities; i++) {
		const struct model_community *c = &s->m->communities[i];

		if (strcmp(c->name, s->names->soo) != 0)
			continue;
		if (!first)
			first = c;
		*good = *good || (c->permit && c->soo);
	}
	return first;
}

void rule_soo_missing(const struct subject *s)
{
	bool good;

	if (!soo_list(s, &good))
		mend_soo(s, rule_tell(s, 0, "ip extcommunity-list %s is absent", s->names->soo));
}

void rule_soo_not_soo(const struct subject *s)
{
	bool good;
	const struct model_community *c = soo_list(s, &good);

	if (c && !good)
		mend_soo(s, rule_tell(s, c->line, "extcommunity-list %s has no permit soo entry",
				      s->names->soo));
}

/* ---- S9 ---- */

static void mend_map(const struct subject *s, struct finding *f, const struct direction *d)
{
	for (unsigned i = 0; i < 2; i++)
		rule_mend(f,
			  "route-map %s permit %u\n   match %s address prefix-list %s\n"
			  "   match source-protocol bgp\n"
			  "   set extcommunity extcommunity-list %s\n",
			  d->map, 10 + 10 * i, rule_ip(i ? 6 : 4), i ? d->list_v6 : d->list,
			  s->names->soo);
}

void rule_leak_map_undefined(const struct subject *s)
{
	struct direction d[2];

	directions(s, d);
	for (size_t k = 0; k < 2; k++) {
		struct finding *f;

		if (model_map(s->m, d[k].map))
			continue;
		if (d[k].by && d[k].by->rcf) /* a function does the map's work */
			continue;
		if (d[k].by && d[k].by->policy)
			f = rule_tell(s, d[k].by->line,
				      "route-map %s is named by a leak but not defined", d[k].map);
		else
			f = rule_tell(s, 0, "route-map %s is absent", d[k].map);
		mend_map(s, f, &d[k]);
	}
}

typedef void statement_fn(const struct subject *s, const struct direction *d,
			  const struct model_statement *t);

static void each_permit(const struct subject *s, statement_fn *fn)
{
	struct direction d[2];

	directions(s, d);
	for (size_t k = 0; k < 2; k++) {
		const struct model_route_map *map = model_map(s->m, d[k].map);

		if (k && strcmp(d[0].map, d[1].map) == 0)
			continue; /* one map for both */
		for (size_t i = 0; map && i < map->n_statements; i++)
			if (map->statements[i].permit)
				fn(s, &d[k], &map->statements[i]);
	}
}

static const struct model_clause *clause(const struct model_statement *t,
					 enum model_clause_kind kind)
{
	for (size_t i = 0; i < t->n_clauses; i++)
		if (t->clauses[i].kind == kind)
			return &t->clauses[i];
	return NULL;
}

/* IPv6 where the statement's seq is the second of the map, as the procedure has it. */
static uint8_t family_of(const struct model_statement *t)
{
	const struct model_clause *c = clause(t, CLAUSE_MATCH_LIST);

	return c ? c->family : t->seq > 10 ? 6 : 4;
}

static void check_list(const struct subject *s, const struct direction *d,
		       const struct model_statement *t)
{
	uint8_t family = family_of(t);

	if (!clause(t, CLAUSE_MATCH_LIST))
		rule_mend(rule_tell(s, t->line,
				    "route-map %s permit %u matches no prefix-list: it leaks every "
				    "route",
				    d->map, t->seq),
			  "route-map %s permit %u\n   match %s address prefix-list %s\n", d->map,
			  t->seq, rule_ip(family), family == 4 ? d->list : d->list_v6);
}

void rule_leak_map_no_list(const struct subject *s)
{
	each_permit(s, check_list);
}

static void check_lists_defined(const struct subject *s, const struct direction *d,
				const struct model_statement *t)
{
	for (size_t i = 0; i < t->n_clauses; i++) {
		const struct model_clause *c = &t->clauses[i];
		const char *want = c->family == 4 ? d->list : d->list_v6;
		struct finding *f;

		if (c->kind != CLAUSE_MATCH_LIST || rule_list(s, c->family, c->name))
			continue;
		f = rule_tell(s, c->line,
			      "route-map %s permit %u matches %s prefix-list %s, which is not "
			      "defined",
			      d->map, t->seq, rule_ip(c->family), c->name);
		if (strcmp(c->name, want) == 0)
			rule_mend(f, "%s prefix-list %s\n   seq 10 permit <prefix>\n",
				  rule_ip(c->family), c->name);
		else
			rule_mend(f,
				  "route-map %s permit %u\n   no match %s address prefix-list %s\n"
				  "   match %s address prefix-list %s\n",
				  d->map, t->seq, rule_ip(c->family), c->name, rule_ip(c->family),
				  want);
	}
}

void rule_leak_map_undefined_list(const struct subject *s)
{
	each_permit(s, check_lists_defined);
}

static void check_protocol(const struct subject *s, const struct direction *d,
			   const struct model_statement *t)
{
	const struct model_clause *c = clause(t, CLAUSE_MATCH_PROTOCOL);

	if (c && c->name && strcasecmp(c->name, "bgp") == 0)
		return;
	rule_mend(rule_tell(s, c ? c->line : t->line,
			    "route-map %s permit %u does not match source-protocol bgp", d->map,
			    t->seq),
		  "route-map %s permit %u\n   match source-protocol bgp\n", d->map, t->seq);
}

void rule_leak_map_no_protocol(const struct subject *s)
{
	each_permit(s, check_protocol);
}

static void check_soo(const struct subject *s, const struct direction *d,
		      const struct model_statement *t)
{
	const struct model_clause *c = clause(t, CLAUSE_SET_EXTCOMMUNITY);

	if (c && c->name && strcmp(c->name, s->names->soo) == 0)
		return;
	rule_mend(rule_tell(s, c ? c->line : t->line,
			    "route-map %s permit %u does not set extcommunity-list %s", d->map,
			    t->seq, s->names->soo),
		  "route-map %s permit %u\n   set extcommunity extcommunity-list %s\n", d->map,
		  t->seq, s->names->soo);
}

void rule_leak_map_no_soo(const struct subject *s)
{
	each_permit(s, check_soo);
}

/* A map without any permit that matches a list of that family leaks none of it. */
static void check_family(const struct subject *s, uint8_t family, const char *name)
{
	struct direction d[2];

	directions(s, d);
	for (size_t k = 0; k < 2; k++) {
		const struct model_route_map *map = model_map(s->m, d[k].map);
		bool found = false;

		for (size_t i = 0; map && i < map->n_statements; i++) {
			const struct model_statement *t = &map->statements[i];

			if (!t->permit)
				continue;
			if (!clause(t, CLAUSE_MATCH_LIST))
				found = true; /* all of it */
			for (size_t c = 0; c < t->n_clauses; c++)
				found = found || (t->clauses[c].kind == CLAUSE_MATCH_LIST &&
						  t->clauses[c].family == family);
		}
		if (map && !found)
			rule_mend(rule_tell(s, map->line,
					    "route-map %s has no permit for %s: %s routes are not "
					    "leaked into vrf %s",
					    d[k].map, name, name, rule_vrf(d[k].to)),
				  "route-map %s permit <seq>\n   match %s address prefix-list %s\n"
				  "   match source-protocol bgp\n"
				  "   set extcommunity extcommunity-list %s\n",
				  d[k].map, rule_ip(family), family == 4 ? d[k].list : d[k].list_v6,
				  s->names->soo);
	}
}

void rule_leak_ipv4_missing(const struct subject *s)
{
	check_family(s, 4, "IPv4");
}

void rule_leak_ipv6_missing(const struct subject *s)
{
	check_family(s, 6, "IPv6");
}

static void check_which_list(const struct subject *s, const struct direction *d,
			     const struct model_statement *t)
{
	for (size_t i = 0; i < t->n_clauses; i++) {
		const struct model_clause *c = &t->clauses[i];
		const char *want = c->family == 4 ? d->list : d->list_v6;

		if (c->kind == CLAUSE_MATCH_LIST && strcmp(c->name, want) != 0 &&
		    rule_list(s, c->family, c->name))
			rule_tell(s, c->line,
				  "route-map %s permit %u matches %s prefix-list %s; into vrf %s "
				  "go those of %s",
				  d->map, t->seq, rule_ip(c->family), c->name, rule_vrf(d->to),
				  want);
	}
}

void rule_leak_other_list(const struct subject *s)
{
	each_permit(s, check_which_list);
}

/* Several match lines must all match, and no route is of both families. */
static void check_families(const struct subject *s, const struct direction *d,
			   const struct model_statement *t)
{
	bool v4 = false, v6 = false;

	for (size_t i = 0; i < t->n_clauses; i++) {
		v4 = v4 || (t->clauses[i].kind == CLAUSE_MATCH_LIST && t->clauses[i].family == 4);
		v6 = v6 || (t->clauses[i].kind == CLAUSE_MATCH_LIST && t->clauses[i].family == 6);
	}
	if (v4 && v6)
		rule_mend(rule_tell(s, t->line,
				    "route-map %s permit %u matches an IPv4 and an IPv6 list: no "
				    "route matches both",
				    d->map, t->seq),
			  "route-map %s permit %u\n   no match ipv6 address prefix-list %s\n"
			  "route-map %s permit <seq>\n   match ipv6 address prefix-list %s\n"
			  "   match source-protocol bgp\n"
			  "   set extcommunity extcommunity-list %s\n",
			  d->map, t->seq, d->list_v6, d->map, d->list_v6, s->names->soo);
}

void rule_leak_two_families(const struct subject *s)
{
	each_permit(s, check_families);
}

/* The in-band address of a ToR that this CE has a session with goes to the PE only when
 * the CE's own loopback list lets it through the leak. */
void rule_leak_misses_tor(const struct subject *s)
{
	for (size_t i = 0; i < s->d->n_neighbors; i++) {
		const struct fabric_neighbor *n = &s->d->neighbors[i];
		const struct scope_address *far = rule_is_underlay(s, n) ? rule_far_end(s, n)
									 : NULL;
		struct subject tor = *s;
		const struct fabric_interface *in;

		if (!far || far->device->role != ROLE_TOR)
			continue;
		tor.d = far->device;
		tor.links = NULL; /* those of s: not asked for */
		in = rule_inband(&tor);
		for (uint8_t family = 4; in && family <= 6; family += 2) {
			const struct prefix_list *l =
				rule_list(s, family,
					  family == 4 ? s->names->loopback : s->names->loopback_v6);
			const struct fabric_address *a = rule_address(in, family);
			char text[PREFIX_STRLEN];
			struct prefix route;
			uint32_t rule;

			if (!l || l->external || !a || a->prefix.len != addr_bits(&a->prefix.addr))
				continue;
			route = a->prefix;
			if (prefix_list_route(l, &route, &rule) && l->entries[rule].permit)
				continue;
			rule_mend(
				rule_tell(s, l->line,
					  "%s of %s (%s) is not permitted by this CE's prefix-list "
					  "%s: it is not leaked into vrf %s",
					  in->name, far->device->name, prefix_format(&route, text),
					  l->name, s->names->vrf),
				"%s prefix-list %s\n   permit %s\n", rule_ip(family), l->name,
				text);
		}
	}
}

/* ---- S10 ---- */

/* A leak that was meant for this direction, but names a VRF that does not exist. */
static const struct model_leak *misspelt(const struct subject *s, const struct direction *d,
					 const char **name)
{
	for (size_t i = 0; i < s->m->n_leaks; i++) {
		const struct model_leak *l = &s->m->leaks[i];
		bool to = model_has_vrf(s->m, l->vrf), from = model_has_vrf(s->m, l->source);

		if (to == from)
			continue;
		*name = to ? l->source : l->vrf;
		if (to ? model_same_vrf(l->vrf, d->to) : model_same_vrf(l->source, d->from))
			return l;
	}
	return NULL;
}

void rule_leak_missing(const struct subject *s)
{
	struct direction d[2];

	directions(s, d);
	for (size_t k = 0; k < 2; k++) {
		const char *to = rule_vrf(d[k].to), *from = rule_vrf(d[k].from), *name;
		const struct model_leak *l;
		struct finding *f;

		if (d[k].by)
			continue;
		l = misspelt(s, &d[k], &name);
		if (l)
			f = rule_tell(s, l->line,
				      "no leak from vrf %s into vrf %s (line names %s, which is "
				      "not a VRF of this device)",
				      from, to, name);
		else
			f = rule_tell(s, s->m->general_line, "no leak from vrf %s into vrf %s",
				      from, to);
		rule_mend(f, "router general\n");
		if (l)
			rule_mend(f, "   vrf %s\n      no leak routes source-vrf %s\n",
				  rule_vrf(l->vrf), rule_vrf(l->source));
		rule_mend(f, "   vrf %s\n      leak routes source-vrf %s subscribe-policy %s\n", to,
			  from, d[k].map);
	}
}

/* ---- beyond the procedure ---- */

static bool redistributes_leaked(const struct subject *s, const char *vrf, const char *family)
{
	for (size_t i = 0; i < s->m->n_redistributes; i++) {
		const struct model_redistribute *r = &s->m->redistributes[i];

		if (r->leaked && strcasecmp(r->what, "bgp") == 0 && model_same_vrf(r->vrf, vrf) &&
		    (!r->family || strcasecmp(r->family, family) == 0))
			return true;
	}
	return false;
}

/* A family counts where the device has sessions for it: it has the address-family there, or
 * neighbors are active for it without. */
void rule_leaked_not_redistributed(const struct subject *s)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	struct direction d[2];

	directions(s, d);
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < 2; i++) {
			const struct model_family *af = model_family(s->m, d[k].to, families[i]);
			int line = s->m->bgp_line;

			if (!d[k].by || (i == 1 && !af) ||
			    redistributes_leaked(s, d[k].to, families[i]))
				continue;
			for (size_t v = 0; v < s->m->n_bgp_vrfs; v++)
				if (model_same_vrf(s->m->bgp_vrfs[v].name, d[k].to))
					line = s->m->bgp_vrfs[v].line;
			rule_mend(rule_tell(s, af ? af->line : line,
					    "%s routes leaked into vrf %s are not announced: no "
					    "`redistribute bgp leaked`",
					    i ? "IPv6" : "IPv4", rule_vrf(d[k].to)),
				  d[k].to ? "router bgp %u\n   vrf %s\n      redistribute bgp "
					    "leaked\n"
					  : "router bgp %u\n   address-family %s\n      "
					    "redistribute bgp leaked\n",
				  s->m->asn, d[k].to ? d[k].to : families[i]);
		}
}
