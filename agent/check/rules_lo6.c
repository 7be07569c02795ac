/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/rules_lo6.h"

#include <string.h>

/* ---- S1 ---- */

static void mend_interface(const struct subject *s, struct finding *f)
{
	const char *vrf = rule_inband_vrf(s);

	rule_mend(f, "interface %s\n", s->names->interface);
	if (vrf)
		rule_mend(f, "   vrf %s\n", vrf);
}

void rule_lo6_missing(const struct subject *s)
{
	struct finding *f;

	if (rule_inband(s))
		return;
	f = rule_tell(s, 0, "interface %s is absent", s->names->interface);
	mend_interface(s, f);
	rule_mend(f, "   description \"Inband Management\"\n   ip address <IPv4>/32\n"
		     "   ipv6 address <IPv6>/128\n");
}

void rule_lo6_shutdown(const struct subject *s)
{
	const struct fabric_interface *in = rule_inband(s);

	if (in && in->shutdown)
		rule_mend(rule_tell(s, in->shutdown_line, "%s is shut down", in->name),
			  "interface %s\n   no shutdown\n", in->name);
}

void rule_lo6_vrf(const struct subject *s)
{
	const struct fabric_interface *in = rule_inband(s);
	const char *want = rule_inband_vrf(s);
	struct finding *f;

	if (!in || model_same_vrf(in->vrf, want))
		return;
	f = rule_tell(s, in->vrf_line ? in->vrf_line : in->line,
		      want ? "%s of a CE must be in vrf %s (it is in %s)"
			   : "%s of a ToR must be in vrf %s (it is in %s)",
		      in->name, rule_vrf(want), rule_vrf(in->vrf));
	rule_mend(f, "interface %s\n   %s%s\n", in->name, want ? "vrf " : "no vrf",
		  want ? want : "");
	/* EOS takes the addresses away when the VRF changes. */
	for (size_t i = 0; i < in->n_addresses; i++) {
		char text[PREFIX_STRLEN];

		rule_mend(f, "   %s address %s%s\n", rule_ip(in->addresses[i].prefix.addr.family),
			  prefix_format(&in->addresses[i].prefix, text),
			  in->addresses[i].secondary ? " secondary" : "");
	}
}

static void no_address(const struct subject *s, uint8_t family, const char *name, const char *want)
{
	const struct fabric_interface *in = rule_inband(s);

	if (in && !rule_address(in, family))
		rule_mend(rule_tell(s, in->line, "%s has no %s address", in->name, name),
			  "interface %s\n   %s address %s\n", in->name, rule_ip(family), want);
}

void rule_lo6_no_ipv4(const struct subject *s)
{
	no_address(s, 4, "IPv4", "<IPv4>/32");
}

void rule_lo6_no_ipv6(const struct subject *s)
{
	no_address(s, 6, "IPv6", "<IPv6>/128");
}

static void wrong_length(const struct subject *s, uint8_t family, const char *name)
{
	const struct fabric_interface *in = rule_inband(s);
	const struct fabric_address *a = in ? rule_address(in, family) : NULL;
	char text[ADDR_STRLEN], whole[PREFIX_STRLEN];
	struct finding *f;

	if (!a || a->prefix.len == addr_bits(&a->prefix.addr))
		return;
	f = rule_tell(s, a->line, "%s %s address is not a /%u", in->name, name,
		      addr_bits(&a->prefix.addr));
	rule_mend(f, "interface %s\n", in->name);
	if (family == 6) /* a second one would stand beside it */
		rule_mend(f, "   no ipv6 address %s\n", prefix_format(&a->prefix, whole));
	rule_mend(f, "   %s address %s/%u\n", rule_ip(family), addr_format(&a->prefix.addr, text),
		  addr_bits(&a->prefix.addr));
}

void rule_lo6_ipv4_length(const struct subject *s)
{
	wrong_length(s, 4, "IPv4");
}

void rule_lo6_ipv6_length(const struct subject *s)
{
	wrong_length(s, 6, "IPv6");
}

/* ---- S2 ---- */

static const char *loopback_name(const struct subject *s, uint8_t family)
{
	return family == 4 ? s->names->loopback : s->names->loopback_v6;
}

static const char *list_example(uint8_t family)
{
	return family == 4 ? "<range of the loopbacks> le 32" : "<range of the loopbacks> eq 128";
}

void rule_loopback_list_missing(const struct subject *s)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		const char *name = loopback_name(s, family);

		if (!rule_list(s, family, name))
			rule_mend(rule_tell(s, 0, "%s prefix-list %s is absent", rule_ip(family),
					    name),
				  "%s prefix-list %s\n   seq 10 permit %s\n", rule_ip(family), name,
				  list_example(family));
	}
}

void rule_loopback_list_outside(const struct subject *s)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		const struct prefix_list *l = rule_list(s, family, loopback_name(s, family));

		if (l && l->external)
			rule_tell(s, l->line,
				  "%s prefix-list %s is read from a file: whether it permits %s is "
				  "not in the configuration",
				  rule_ip(family), l->name, s->names->interface);
	}
}

/* A seq for a permit that must come before entry i (SIZE_MAX: anywhere at the end). */
static uint32_t free_seq(const struct prefix_list *l, size_t i)
{
	uint32_t before, at;

	if (i == SIZE_MAX)
		return l->n_entries ? l->entries[l->n_entries - 1].seq + 10 : 10;
	before = i ? l->entries[i - 1].seq : 0;
	at = l->entries[i].seq;
	return before + (at - before) / 2; /* equal to `before` where no number is left */
}

static void check_permitted(const struct subject *s, const struct prefix_list *l,
			    const struct fabric_address *a)
{
	const struct prefix route = prefix_mask(&a->prefix);
	const struct prefix_entry *covers = NULL;
	char text[PREFIX_STRLEN];
	struct finding *f;
	uint32_t rule, seq;

	prefix_format(&route, text);
	if (prefix_list_route(l, &route, &rule)) {
		const struct prefix_entry *e = &l->entries[rule];

		if (e->permit)
			return;
		f = rule_tell(s, e->line, "%s is denied by prefix-list %s seq %u", text, l->name,
			      e->seq);
		seq = free_seq(l, rule);
		if (rule && seq == l->entries[rule - 1].seq) {
			rule_mend(f, "%s prefix-list %s\n   no seq %u\n", rule_ip(l->family),
				  l->name, e->seq);
			return;
		}
	} else {
		for (size_t i = 0; i < l->n_entries && !covers; i++)
			if (l->entries[i].permit && prefix_covers(&l->entries[i].prefix, &route))
				covers = &l->entries[i];
		if (!covers)
			f = rule_tell(s, l->line,
				      "route %s of %s is not permitted by prefix-list %s (implicit "
				      "deny)",
				      text, s->names->interface, l->name);
		else if (covers->ge || covers->le)
			f = rule_tell(s, covers->line,
				      "%s is not permitted by prefix-list %s (seq %u covers the "
				      "address but not the length %u; implicit deny)",
				      text, l->name, covers->seq, route.len);
		else
			f = rule_tell(s, covers->line,
				      "%s is not permitted by prefix-list %s (seq %u covers the "
				      "address but matches length %u only; implicit deny)",
				      text, l->name, covers->seq,
				      covers->eq ? covers->eq : covers->prefix.len);
		seq = covers ? covers->seq : free_seq(l, SIZE_MAX);
	}
	if (covers) {
		char wide[PREFIX_STRLEN];

		rule_mend(f, "%s prefix-list %s\n   no seq %u\n   seq %u permit %s %s\n",
			  rule_ip(l->family), l->name, seq, seq,
			  prefix_format(&covers->prefix, wide),
			  l->family == 4 ? "le 32" : "eq 128");
	} else {
		rule_mend(f, "%s prefix-list %s\n   seq %u permit %s\n", rule_ip(l->family),
			  l->name, seq, text);
	}
}

void rule_loopback_not_permitted(const struct subject *s)
{
	const struct fabric_interface *in = rule_inband(s);

	for (uint8_t family = 4; in && family <= 6; family += 2) {
		const struct prefix_list *l = rule_list(s, family, loopback_name(s, family));
		const struct fabric_address *a = rule_address(in, family);

		if (l && !l->external && a)
			check_permitted(s, l, a);
	}
}

/* ---- beyond the procedure ---- */

static void check_owners(const struct subject *s, const struct fabric_interface *in)
{
	for (size_t i = 0; i < in->n_addresses; i++) {
		const struct addr *a = &in->addresses[i].prefix.addr;
		char text[ADDR_STRLEN];
		size_t n;
		const struct scope_address *o = scope_owners(s->scope, a, &n);

		for (size_t k = 0; k < n; k++) {
			struct finding *f;

			if (o[k].device == s->d)
				continue;
			f = rule_tell(s, in->addresses[i].line,
				      "%s of %s is an address of %s %s too", addr_format(a, text),
				      in->name, o[k].device->name, o[k].interface->name);
			f->far_file = o[k].device->file;
			f->far_line = o[k].address->line;
			break;
		}
	}
}

void rule_lo6_duplicate(const struct subject *s)
{
	const struct fabric_interface *in = rule_inband(s);

	if (in)
		check_owners(s, in);
}

void rule_ma1_duplicate(const struct subject *s)
{
	for (size_t i = 0; i < s->d->n_interfaces; i++)
		if (s->d->interfaces[i].kind == IF_MANAGEMENT)
			check_owners(s, &s->d->interfaces[i]);
}

/* An address that comes by DHCP is not in the configuration; device.c notes it, and
 * nothing here can tell it from none. */
void rule_ma1_missing(const struct subject *s)
{
	const struct fabric_interface *down = NULL, *bare = NULL;
	struct finding *f;

	for (size_t i = 0; i < s->d->n_interfaces; i++) {
		const struct fabric_interface *in = &s->d->interfaces[i];

		if (in->kind != IF_MANAGEMENT)
			continue;
		if (in->n_addresses && !in->shutdown)
			return;
		if (in->n_addresses)
			down = in;
		else
			bare = in;
	}
	if (down) {
		f = rule_tell(s, down->shutdown_line, "%s is shut down: there is no primary path",
			      down->name);
		rule_mend(f, "interface %s\n   no shutdown\n", down->name);
		return;
	}
	f = rule_tell(s, bare ? bare->line : 0,
		      bare ? "%s has no address: there is no primary path"
			   : "there is no management interface (%s): no primary path",
		      bare ? bare->name : "Management1");
	rule_mend(f, "interface %s\n   ip address <IPv4>/<length>\n",
		  bare ? bare->name : "Management1");
}

void rule_lo6_on_excluded_role(const struct subject *s)
{
	const struct fabric_interface *in = rule_inband(s);

	if (in)
		rule_mend(rule_tell(s, in->line,
				    "%s on a %s: the in-band path is for CEs and ToRs only",
				    in->name, fabric_role_name(s->d->role)),
			  "no interface %s\n", in->name);
}

void rule_role_unknown(const struct subject *s)
{
	if (s->d->role == ROLE_UNKNOWN)
		rule_tell(s, 0,
			  "hostname %s does not end in a role (CE1, TOR1, MGMT1, NPB1, TS1, PE1): "
			  "nothing was checked",
			  s->d->name);
}
