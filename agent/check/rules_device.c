/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/rules_device.h"

#include <string.h>

/* RCF and the leaks of `router general` exist with the multi-agent model only. It is
 * what newer EOS has unless told otherwise, so a configuration that does not say is not
 * certainly wrong. */
void rule_not_multi_agent(const struct subject *s)
{
	struct finding *f;

	if (s->m->multi_agent)
		return;
	if (s->m->agent_line) {
		f = rule_tell(s, s->m->agent_line,
			      "the routing model is not multi-agent: RCF and leaks do not exist in "
			      "it");
	} else {
		f = rule_tell(
			s, 0,
			"no `service routing protocols model multi-agent`: before EOS 4.32 RCF "
			"and leaks do not exist without it");
		f->severity = FINDING_WARN;
	}
	rule_mend(f, "service routing protocols model multi-agent\n");
}

static void check_routing(const struct subject *s, const char *vrf, uint8_t family)
{
	const struct model_routing *r = model_routing(s->m, vrf, family);
	const char *what = family == 4 ? "ip routing" : "ipv6 unicast-routing";

	if (r && r->on)
		return;
	rule_mend(rule_tell(s, r ? r->line : 0, "`%s%s%s` is %s: IPv%u is not routed in vrf %s",
			    what, vrf ? " vrf " : "", vrf ? vrf : "", r ? "taken back" : "absent",
			    family, rule_vrf(vrf)),
		  "%s%s%s\n", what, vrf ? " vrf " : "", vrf ? vrf : "");
}

void rule_routing_off(const struct subject *s)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		check_routing(s, NULL, family);
		if (rule_inband_vrf(s))
			check_routing(s, rule_inband_vrf(s), family);
	}
}

/* In the default VRF the server runs unless it is shut down; in another it must be
 * enabled. */
void rule_ssh_not_enabled(const struct subject *s)
{
	const char *vrf = rule_inband_vrf(s);
	const struct model_ssh *ssh = model_ssh(s->m, vrf);

	if (vrf ? ssh && ssh->on : !ssh || ssh->on)
		return;
	rule_mend(rule_tell(s, ssh ? ssh->line : 0,
			    vrf ? "management ssh is not enabled in vrf %s: nobody can log in over "
				  "%s"
				: "management ssh is shut down in vrf %s: nobody can log in over "
				  "%s",
			    rule_vrf(vrf), s->names->interface),
		  vrf ? "management ssh\n   vrf %s\n      no shutdown\n"
		      : "management ssh\n   no shutdown\n",
		  vrf);
}

/* ---- names ---- */

static bool is_defined(const struct subject *s, const struct model_use *u)
{
	const struct model *m = s->m;

	switch (u->kind) {
	case NAME_ROUTE_MAP:
		return model_map(m, u->name) != NULL;
	case NAME_LIST_V4:
	case NAME_LIST_V6:
		return rule_list(s, u->kind == NAME_LIST_V4 ? 4 : 6, u->name) != NULL;
	case NAME_COMMUNITY:
		for (size_t i = 0; i < m->n_communities; i++)
			if (strcmp(m->communities[i].name, u->name) == 0)
				return true;
		return false;
	case NAME_FUNCTION:
		for (size_t i = 0; i < m->n_codes; i++)
			if (m->codes[i].outside) /* perhaps there */
				return true;
		return model_function(m, u->name) != NULL;
	case NAME_VRF:
		return model_has_vrf(m, u->name);
	case NAME_GROUP:
		return model_group(m, u->name) && model_group(m, u->name)->line;
	case NAME_NUM:
		break;
	}
	return true;
}

static const char *const kind_str[] = { "route-map",	     "ip prefix-list", "ipv6 prefix-list",
					"extcommunity-list", "RCF function",   "VRF",
					"peer group" };
_Static_assert(sizeof(kind_str) / sizeof(kind_str[0]) == NAME_NUM, "a name for each");

void rule_undefined_name(const struct subject *s)
{
	const struct model *m = s->m;

	for (size_t i = 0; i < m->n_uses; i++) {
		const struct model_use *u = &m->uses[i];
		bool said = false;

		if (is_defined(s, u))
			continue;
		/* A member says that its group is undefined by that; the first is enough. */
		for (size_t k = 0; k < i && !said; k++)
			said = m->uses[k].kind == u->kind && strcmp(m->uses[k].name, u->name) == 0;
		if (!said)
			rule_tell(s, u->line, "%s %s is used but not defined", kind_str[u->kind],
				  u->name);
	}
	for (size_t i = 0; i < s->d->n_interfaces; i++) {
		const struct fabric_interface *in = &s->d->interfaces[i];

		if (!model_has_vrf(m, in->vrf))
			rule_mend(rule_tell(s, in->vrf_line, "VRF %s of %s is not defined", in->vrf,
					    in->name),
				  "vrf instance %s\n", in->vrf);
	}
}

/* ---- the configuration itself ---- */

void rule_no_config(const struct subject *s)
{
	if (s->d->no_config)
		rule_tell(s, 0, "there is no configuration of %s: nothing was checked", s->d->name);
}

static void tell_remarks(const struct subject *s, const struct fabric_problem *all, size_t n_all,
			 bool conflict)
{
	size_t n;
	const struct fabric_problem *p = scope_remarks(all, n_all, s->d->file, &n);

	for (size_t i = 0; i < n && !s->d->no_config; i++)
		if (p[i].conflict == conflict)
			rule_tell(s, p[i].line, "%s", p[i].text);
}

void rule_config_unread(const struct subject *s)
{
	tell_remarks(s, s->scope->fabric->problems, s->scope->fabric->n_problems, false);
}

void rule_source_conflict(const struct subject *s)
{
	tell_remarks(s, s->scope->fabric->problems, s->scope->fabric->n_problems, true);
	tell_remarks(s, s->scope->fabric->notes, s->scope->fabric->n_notes, true);
}
