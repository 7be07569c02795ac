/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/rules_bgp.h"

#include <string.h>
#include <strings.h>

/* ---- S4 ---- */

void rule_group_missing(const struct subject *s)
{
	const struct model_group *g = model_group(s->m, s->names->peer_group);

	if (g && g->line)
		return;
	rule_mend(rule_tell(s, s->m->bgp_line,
			    s->m->bgp_line ? "peer group %s is not defined"
					   : "there is no router bgp, and so no peer group %s",
			    s->names->peer_group),
		  "router bgp %u\n   neighbor %s peer group\n   neighbor %s auto-local-addr\n",
		  s->m->asn, s->names->peer_group, s->names->peer_group);
}

void rule_group_auto_local(const struct subject *s)
{
	const struct model_group *g = model_group(s->m, s->names->peer_group);

	if (g && g->line && !g->auto_local_line)
		rule_mend(rule_tell(s, g->line, "peer group %s has no auto-local-addr", g->name),
			  "router bgp %u\n   neighbor %s auto-local-addr\n", s->m->asn, g->name);
}

/* ---- S5 ---- */

static void mend_activate(const struct subject *s, struct finding *f, const char *family)
{
	rule_mend(f, "router bgp %u\n   address-family %s\n      neighbor %s activate\n", s->m->asn,
		  family, s->names->peer_group);
}

void rule_ipv6_not_activated(const struct subject *s)
{
	const char *group = s->names->peer_group;
	const struct model_family *af = model_family(s->m, NULL, "ipv6"), *other = NULL;
	const struct model_activate *a = model_activate(s->m, NULL, "ipv6", group);
	struct finding *f;

	if (a && a->on)
		return;
	for (size_t i = 0; i < s->m->n_families; i++)
		if (s->m->families[i].vrf && strcasecmp(s->m->families[i].name, "ipv6") == 0)
			other = &s->m->families[i];
	if (af)
		f = rule_tell(s, a ? a->line : af->line,
			      "%s is not activated under address-family ipv6", group);
	else if (other)
		f = rule_tell(s, s->m->bgp_line,
			      "address-family ipv6 is absent: %s is not activated for IPv6 (one "
			      "under vrf %s does not count)",
			      group, other->vrf);
	else
		f = rule_tell(s, s->m->bgp_line,
			      "address-family ipv6 is absent: %s is not activated for IPv6", group);
	mend_activate(s, f, "ipv6");
}

void rule_ipv4_not_activated(const struct subject *s)
{
	const char *group = s->names->peer_group;
	const struct model_family *af = model_family(s->m, NULL, "ipv4");
	const struct model_activate *a = model_activate(s->m, NULL, "ipv4", group);

	if (!s->m->bgp_line || (a ? a->on : s->m->default_ipv4))
		return;
	mend_activate(s,
		      rule_tell(s,
				a    ? a->line
				: af ? af->line
				     : s->m->bgp_line,
				"%s is not activated for IPv4: its sessions carry no IPv4 route",
				group),
		      "ipv4");
}

/* ---- S6 ---- */

/* The unit of that name, or else the one that holds the function of that name, which is
 * what is called. */
static const struct model_code *advertise_unit(const struct subject *s)
{
	const struct model_code *code = model_code(s->m, s->names->advertise);

	if (code)
		return code;
	for (size_t i = 0; i < s->m->n_codes; i++)
		for (size_t k = 0; k < s->m->codes[i].n_functions; k++)
			if (strcmp(s->m->codes[i].functions[k].name, s->names->advertise) == 0)
				return &s->m->codes[i];
	return NULL;
}

static void mend_rcf(const struct subject *s, struct finding *f)
{
	rule_mend(f,
		  "router general\n   control-functions\n      code unit %s\n"
		  "         function %s() {\n"
		  "            @SEQ_10 {if prefix match prefix_list_v4 %s {\n"
		  "               return true;\n            }}\n"
		  "            @SEQ_20 {if prefix match prefix_list_v6 %s {\n"
		  "               return true;\n            }}\n         }\n         EOF\n",
		  s->names->advertise, s->names->advertise, s->names->loopback,
		  s->names->loopback_v6);
}

void rule_rcf_missing(const struct subject *s)
{
	if (!advertise_unit(s))
		mend_rcf(s, rule_tell(s, 0, "code unit %s is absent", s->names->advertise));
}

void rule_rcf_outside(const struct subject *s)
{
	const struct model_code *code = advertise_unit(s);

	if (code && code->outside)
		rule_tell(s, code->line,
			  "code unit %s is read from a file: what it does is not in the "
			  "configuration",
			  code->name);
}

/* Whether the text of the unit is here to be judged. */
static const struct model_code *readable_unit(const struct subject *s)
{
	const struct model_code *code = advertise_unit(s);

	return code && !code->outside ? code : NULL;
}

void rule_rcf_no_list(const struct subject *s)
{
	const struct model_code *code = readable_unit(s);

	for (uint8_t family = 4; code && family <= 6; family += 2) {
		const char *name = family == 4 ? s->names->loopback : s->names->loopback_v6;
		bool found = false;

		for (size_t i = 0; i < code->n_matches; i++)
			found = found || (code->matches[i].family == family &&
					  strcmp(code->matches[i].name, name) == 0);
		if (!found)
			mend_rcf(s,
				 rule_tell(s, code->line, "%s() does not match %s prefix-list %s",
					   s->names->advertise, rule_ip(family), name));
	}
}

void rule_rcf_undefined_list(const struct subject *s)
{
	const struct model_code *code = readable_unit(s);

	for (size_t i = 0; code && i < code->n_matches; i++) {
		const struct model_code_match *m = &code->matches[i];
		struct finding *f;

		if (rule_list(s, m->family, m->name))
			continue;
		if (rule_list(s, m->family == 4 ? 6 : 4, m->name))
			f = rule_tell(
				s, m->line,
				"%s() names %s prefix-list %s (prefix_list_v%u), which is not "
				"defined",
				s->names->advertise, rule_ip(m->family), m->name, m->family);
		else
			f = rule_tell(s, m->line,
				      "%s() names %s prefix-list %s, which is not defined",
				      s->names->advertise, rule_ip(m->family), m->name);
		if (strcmp(m->name, m->family == 4 ? s->names->loopback : s->names->loopback_v6) ==
		    0)
			rule_mend(f, "%s prefix-list %s\n   seq 10 permit %s\n", rule_ip(m->family),
				  m->name,
				  m->family == 4 ? "<range of the loopbacks> le 32"
						 : "<range of the loopbacks> eq 128");
		else
			mend_rcf(s, f);
	}
}

void rule_rcf_not_accepted(const struct subject *s)
{
	const struct model_code *code = readable_unit(s);
	struct finding *f;

	if (!code)
		return;
	if (!code->closed) {
		f = rule_tell(s, code->line, "the braces of code unit %s do not balance",
			      code->name);
		mend_rcf(s, f);
		return;
	}
	for (size_t i = 0; i < code->n_matches; i++) {
		const struct model_code_match *m = &code->matches[i];

		if (m->accepts || strcmp(m->name, m->family == 4 ? s->names->loopback
								 : s->names->loopback_v6) != 0)
			continue;
		f = rule_tell(s, m->line,
			      "%s() matches %s prefix-list %s but does not return true for it",
			      s->names->advertise, rule_ip(m->family), m->name);
		mend_rcf(s, f);
	}
}

void rule_rcf_no_function(const struct subject *s)
{
	const struct model_code *code = readable_unit(s);

	if (code && code->closed && !model_function(s->m, s->names->advertise))
		mend_rcf(s, rule_tell(s, code->line, "code unit %s has no function %s()",
				      code->name, s->names->advertise));
}

/* ---- S7 ---- */

/* The line that redistributes connected routes in a VRF: the i-th of them, for there may
 * be one in each address-family. NULL: no more. */
static const struct model_redistribute *connected(const struct subject *s, const char *vrf,
						  size_t i)
{
	for (size_t k = 0; k < s->m->n_redistributes; k++)
		if (model_same_vrf(s->m->redistributes[k].vrf, vrf) &&
		    strcasecmp(s->m->redistributes[k].what, "connected") == 0 && i-- == 0)
			return &s->m->redistributes[k];
	return NULL;
}

/* Whether it does so for a family: outside the address-families, or in that one. */
static bool redistributes(const struct subject *s, const char *vrf, const char *family)
{
	const struct model_redistribute *r;

	for (size_t i = 0; (r = connected(s, vrf, i)); i++)
		if (!r->family || strcasecmp(r->family, family) == 0)
			return true;
	return false;
}

/* Under that VRF or address-family (NULL: neither). As the device can do it: by the function,
 * or where a route-map of that name is defined, by that. */
static void mend_redistribute(const struct subject *s, struct finding *f, const char *vrf,
			      const char *family)
{
	bool map = model_map(s->m, s->names->advertise) && !advertise_unit(s);

	rule_mend(f, "router bgp %u\n", s->m->asn);
	if (vrf || family)
		rule_mend(f, "   %s %s\n", vrf ? "vrf" : "address-family", vrf ? vrf : family);
	rule_mend(f, "%s   redistribute connected %s %s%s\n", vrf || family ? "   " : "",
		  map ? "route-map" : "rcf", s->names->advertise, map ? "" : "()");
}

void rule_redistribute_missing(const struct subject *s)
{
	bool v4 = redistributes(s, NULL, "ipv4"), v6 = redistributes(s, NULL, "ipv6");
	struct finding *f;

	if (v4 && v6)
		return;
	if (!v4 && !v6)
		f = rule_tell(s, s->m->bgp_line,
			      "redistribute connected by %s is absent in global BGP",
			      s->names->advertise);
	else
		f = rule_tell(s, connected(s, NULL, 0)->line,
			      "redistribute connected is said for IPv%u alone: IPv%u is not "
			      "announced",
			      v4 ? 4 : 6, v4 ? 6 : 4);
	mend_redistribute(s, f, NULL, NULL);
}

void rule_redistribute_unfiltered(const struct subject *s)
{
	const struct model_redistribute *r;

	for (size_t i = 0; (r = connected(s, NULL, i)); i++) {
		struct finding *f;

		if (r->policy && strcmp(r->policy, s->names->advertise) == 0)
			continue;
		if (r->policy)
			f = rule_tell(s, r->line,
				      "redistribute connected is filtered by %s, not by %s",
				      r->policy, s->names->advertise);
		else
			f = rule_tell(s, r->line, "redistribute connected is not filtered by %s",
				      s->names->advertise);
		mend_redistribute(s, f, NULL, r->family);
	}
}

/* The procedure's own text names a route-map where it builds a function. */
void rule_redistribute_undefined(const struct subject *s)
{
	const struct model_redistribute *r;

	for (size_t i = 0; (r = connected(s, NULL, i)); i++) {
		struct finding *f;

		if (!r->policy || r->rcf || strcmp(r->policy, s->names->advertise) != 0 ||
		    model_map(s->m, r->policy))
			continue;
		if (model_function(s->m, r->policy)) {
			f = rule_tell(s, r->line,
				      "route-map %s is not defined (an RCF function %s() exists: "
				      "`redistribute connected rcf %s()`?)",
				      r->policy, r->policy, r->policy);
			f->severity = FINDING_WARN;
		} else {
			f = rule_tell(s, r->line, "route-map %s is not defined", r->policy);
		}
		mend_redistribute(s, f, NULL, r->family);
	}
}

/* Whether a statement applies to a connected route. Matches that say nothing about the
 * route's prefix or origin are taken to apply. */
static bool applies(const struct subject *s, const struct model_statement *t,
		    const struct prefix *route)
{
	bool listed = false, in_list = false;
	uint8_t family = route->addr.family;

	for (size_t i = 0; i < t->n_clauses; i++) {
		const struct model_clause *c = &t->clauses[i];
		uint32_t rule;

		if (c->kind == CLAUSE_MATCH_PROTOCOL && strcasecmp(c->name, "connected") != 0)
			return false;
		if (c->kind == CLAUSE_MATCH_LIST) {
			const struct prefix_list *l = rule_list(s, family, c->name);

			if (c->family != family) /* several match lines must all match */
				return false;
			listed = true;
			in_list = in_list || (l && prefix_list_route(l, route, &rule) &&
					      l->entries[rule].permit);
		}
	}
	return !listed || in_list;
}

static void check_map(const struct subject *s, const struct model_route_map *map, uint8_t family)
{
	const struct fabric_interface *in = rule_inband(s);
	const struct fabric_address *a = in ? rule_address(in, family) : NULL;
	const struct prefix_list *l =
		rule_list(s, family, family == 4 ? s->names->loopback : s->names->loopback_v6);
	const struct model_statement *by = NULL;
	char text[PREFIX_STRLEN];
	struct prefix route;
	uint32_t rule;

	if (!a || !l)
		return;
	route = prefix_mask(&a->prefix);
	if (!prefix_list_route(l, &route, &rule) || !l->entries[rule].permit)
		return; /* S2 tells it */
	for (size_t i = 0; i < map->n_statements && !by; i++)
		if (applies(s, &map->statements[i], &route))
			by = &map->statements[i];
	if (by && by->permit)
		return;
	rule_mend(rule_tell(s, by ? by->line : map->line, "route-map %s does not permit %s of %s",
			    map->name, prefix_format(&route, text), in->name),
		  "route-map %s permit <seq>\n   match %s address prefix-list %s\n", map->name,
		  rule_ip(family), l->name);
}

/* The route-map by which it does so; NULL: a function, or none that is defined. */
static const struct model_route_map *map_of(const struct subject *s,
					    const struct model_redistribute *r)
{
	return r->policy && !r->rcf ? model_map(s->m, r->policy) : NULL;
}

void rule_advertise_map_denies(const struct subject *s)
{
	const struct model_redistribute *r;

	for (size_t i = 0; (r = connected(s, rule_inband_vrf(s), i)); i++) {
		const struct model_route_map *map = map_of(s, r);

		if (map && (!r->family || strcasecmp(r->family, "ipv4") == 0))
			check_map(s, map, 4);
		if (map && (!r->family || strcasecmp(r->family, "ipv6") == 0))
			check_map(s, map, 6);
	}
}

static void check_open(const struct subject *s, const struct model_route_map *map)
{
	for (size_t i = 0; i < map->n_statements; i++) {
		const struct model_statement *t = &map->statements[i];
		bool matches = !t->permit;

		for (size_t k = 0; k < t->n_clauses; k++)
			matches = matches || t->clauses[k].kind == CLAUSE_MATCH_LIST ||
				  t->clauses[k].kind == CLAUSE_MATCH_OTHER ||
				  t->clauses[k].kind == CLAUSE_SUB_MAP;
		if (!matches)
			rule_mend(rule_tell(s, t->line,
					    "route-map %s permit %u matches no prefix-list: every "
					    "connected route is announced",
					    map->name, t->seq),
				  "route-map %s permit %u\n   match <ip|ipv6> address prefix-list "
				  "<%s|%s>\n",
				  map->name, t->seq, s->names->loopback, s->names->loopback_v6);
	}
}

void rule_advertise_map_open(const struct subject *s)
{
	const struct model_route_map *last = NULL;
	const struct model_redistribute *r;

	for (size_t i = 0; (r = connected(s, NULL, i)); i++) {
		const struct model_route_map *map = map_of(s, r);

		if (map && map != last) /* both families go by one map */
			check_open(s, map);
		last = map ? map : last;
	}
}

/* A CE's in-band interface is in its own VRF: the global line does not carry it. */
void rule_ce_lo6_not_redistributed(const struct subject *s)
{
	int line = s->m->bgp_line;

	if (connected(s, s->names->vrf, 0))
		return;
	for (size_t i = 0; i < s->m->n_bgp_vrfs; i++)
		if (model_same_vrf(s->m->bgp_vrfs[i].name, s->names->vrf))
			line = s->m->bgp_vrfs[i].line;
	mend_redistribute(s,
			  rule_tell(s, line,
				    "no redistribute connected under vrf %s: the PE does not learn "
				    "%s of this CE",
				    s->names->vrf, s->names->interface),
			  s->names->vrf, NULL);
}
