/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links are paired by subnet, never by description: in the procedure's own example a
 * description names another port than its interface. A fault that both ends show is
 * told once, at the ToR: it has the fewer links, and is the one that is added or
 * exchanged. The other end's line goes with it.
 */
#include "agent/check/rules_link.h"

#include <stdlib.h>
#include <string.h>

/* One CE-ToR session of the device, as its own configuration has it. */
struct link {
	const struct fabric_neighbor *n;
	const struct fabric_interface *in; /* NULL: no subnet holds the neighbor */
	const struct fabric_address *own;  /* of that subnet */
	const struct scope_address *far;   /* NULL: not in the fabric */
};

typedef void link_fn(const struct subject *s, const struct link *l);

static void each_link(const struct subject *s, link_fn *fn)
{
	for (size_t i = 0; i < s->d->n_neighbors; i++) {
		struct link l = { .n = &s->d->neighbors[i] };

		if (!rule_is_underlay(s, l.n))
			continue;
		l.in = rule_link(s, l.n, &l.own);
		l.far = rule_far_end(s, l.n);
		fn(s, &l);
	}
}

/* Each interface once, though two neighbors may be on it. */
static bool is_first_on(const struct subject *s, const struct link *l)
{
	for (size_t i = 0; &s->d->neighbors[i] != l->n; i++)
		if (rule_is_underlay(s, &s->d->neighbors[i]) &&
		    rule_link(s, &s->d->neighbors[i], NULL) == l->in)
			return false;
	return true;
}

static const struct fabric_address *ipv6_of(const struct fabric_interface *in)
{
	for (size_t i = 0; i < in->n_addresses; i++)
		if (in->addresses[i].prefix.addr.family == 6)
			return &in->addresses[i];
	return NULL;
}

/* Whether this end is the one that tells of a fault that both show. */
static bool tells(const struct subject *s, const struct link *l)
{
	const struct fabric_device *far = l->far->device;

	if (s->d->role != far->role)
		return s->d->role == ROLE_TOR || (far->role != ROLE_TOR && far->role != ROLE_CE);
	return s->d > far;
}

static void point_at(struct finding *f, const struct link *l, int line)
{
	f->far_file = l->far->device->file;
	f->far_line = line;
}

/* ---- S3 ---- */

static void check_ipv6(const struct subject *s, const struct link *l)
{
	char own[PREFIX_STRLEN], peer[ADDR_STRLEN], want[PREFIX_STRLEN] = "<IPv6>/127";
	const struct fabric_address *far;

	if (!l->in || l->own->prefix.addr.family != 4 || ipv6_of(l->in) || !is_first_on(s, l))
		return;
	far = l->far ? ipv6_of(l->far->interface) : NULL;
	if (far && far->prefix.len == 127) { /* the other one of the two */
		struct prefix p = far->prefix;

		p.addr.bytes[15] ^= 1;
		prefix_format(&p, want);
	}
	rule_mend(rule_tell(s, l->in->line,
			    "%s (CE-ToR link %s to neighbor %s) has no IPv6 address", l->in->name,
			    prefix_format(&l->own->prefix, own), addr_format(&l->n->address, peer)),
		  "interface %s\n   ipv6 address %s\n", l->in->name, want);
}

void rule_link_no_ipv6(const struct subject *s)
{
	each_link(s, check_ipv6);
}

/* The address of one end that shares no subnet with the other end's; NULL: they pair. */
static const struct fabric_address *unpaired(const struct fabric_interface *own,
					     const struct fabric_interface *far, bool *same)
{
	const struct fabric_address *left = NULL;

	*same = false;
	for (size_t i = 0; i < own->n_addresses; i++) {
		const struct prefix *p = &own->addresses[i].prefix;

		if (p->addr.family != 6)
			continue;
		if (!left)
			left = &own->addresses[i];
		for (size_t k = 0; k < far->n_addresses; k++) {
			const struct prefix *q = &far->addresses[k].prefix;

			if (q->addr.family != 6)
				continue;
			if (addr_equal(&p->addr, &q->addr)) {
				*same = true;
				return &own->addresses[i];
			}
			if (p->len == q->len && prefix_contains(p, &q->addr))
				return NULL;
		}
	}
	return left;
}

static void check_ipv6_pair(const struct subject *s, const struct link *l)
{
	const struct fabric_address *own, *far;
	char subnet[PREFIX_STRLEN], a[PREFIX_STRLEN], b[PREFIX_STRLEN];
	struct prefix net, want;
	struct finding *f;
	bool same;

	if (!l->in || !l->far || l->own->prefix.addr.family != 4 || !tells(s, l))
		return;
	far = ipv6_of(l->far->interface);
	if (!far || !ipv6_of(l->in)) /* told as link-no-ipv6 */
		return;
	own = unpaired(l->in, l->far->interface, &same);
	if (!own)
		return;
	net = prefix_mask(&l->own->prefix);
	prefix_format(&own->prefix, a);
	f = rule_tell(s, own->line,
		      same ? "%s pairs with %s %s by IPv4 (%s), and both have the IPv6 address %s "
			     "(%s)"
			   : "%s pairs with %s %s by IPv4 (%s) but not by IPv6 (%s vs %s)",
		      l->in->name, l->far->device->name, l->far->interface->name,
		      prefix_format(&net, subnet), a, prefix_format(&far->prefix, b));
	point_at(f, l, far->line);
	if (far->prefix.len == 127) {
		want = far->prefix;
		want.addr.bytes[15] ^= 1;
		rule_mend(f, "interface %s\n   no ipv6 address %s\n   ipv6 address %s\n",
			  l->in->name, a, prefix_format(&want, b));
	}
}

void rule_link_ipv6_mismatch(const struct subject *s)
{
	each_link(s, check_ipv6_pair);
}

static void check_ipv4_pair(const struct subject *s, const struct link *l)
{
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];
	const struct prefix *far;

	if (!l->in || !l->far || !tells(s, l))
		return;
	far = &l->far->address->prefix;
	if (far->len == l->own->prefix.len && prefix_contains(far, &l->own->prefix.addr))
		return;
	point_at(rule_tell(s, l->own->line, "%s and %s %s differ in their subnet (%s vs %s)",
			   l->in->name, l->far->device->name, l->far->interface->name,
			   prefix_format(&l->own->prefix, a), prefix_format(far, b)),
		 l, l->far->address->line);
}

void rule_link_ipv4_mismatch(const struct subject *s)
{
	each_link(s, check_ipv4_pair);
}

/* ---- the port ---- */

static bool is_physical(const char *name)
{
	return (strncmp(name, "Ethernet", 8) == 0 || strncmp(name, "Port-Channel", 12) == 0) &&
	       !strchr(name, '.');
}

static const struct fabric_interface *interface_of(const struct fabric_device *d, const char *name,
						   size_t len)
{
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (strncmp(d->interfaces[i].name, name, len) == 0 && !d->interfaces[i].name[len])
			return &d->interfaces[i];
	return NULL;
}

/* The interfaces of all sessions that carry the in-band path: of CE and ToR, and on a CE
 * those in the in-band VRF, toward the PE; each once. */
static bool carries(const struct subject *s, const struct fabric_neighbor *n)
{
	return rule_is_underlay(s, n) ||
	       (s->d->role == ROLE_CE && n->vrf && strcmp(n->vrf, s->names->vrf) == 0);
}

typedef void port_fn(const struct subject *s, const struct fabric_interface *in);

/* A CE may have thousands of neighbors: which interfaces were met is marked, not asked. */
static void each_port(const struct subject *s, port_fn *fn)
{
	bool *met = calloc(s->d->n_interfaces + 1, sizeof(*met));

	if (!met) {
		s->out->no_memory = true;
		return;
	}
	for (size_t i = 0; i < s->d->n_neighbors; i++) {
		const struct fabric_interface *in = NULL;

		if (carries(s, &s->d->neighbors[i]))
			in = rule_link(s, &s->d->neighbors[i], NULL);
		if (in && !met[in - s->d->interfaces]) {
			met[in - s->d->interfaces] = true;
			fn(s, in);
		}
	}
	free(met);
}

/* The port that a subinterface is on; itself where it is none; NULL: not configured. */
static const struct fabric_interface *port_of(const struct subject *s,
					      const struct fabric_interface *in)
{
	const char *dot = strchr(in->name, '.');

	return dot ? interface_of(s->d, in->name, (size_t)(dot - in->name)) : in;
}

static void check_routed(const struct subject *s, const struct fabric_interface *in)
{
	const struct fabric_interface *port = port_of(s, in);

	if (!port && !s->m->routed_ports) {
		int len = (int)strcspn(in->name, ".");

		rule_mend(rule_tell(s, in->line,
				    "%.*s, which %s is on, is not configured: it is a "
				    "switched port",
				    len, in->name, in->name),
			  "interface %.*s\n   no switchport\n", len, in->name);
		return;
	}
	if (port && port->channel_group) {
		rule_tell(s, port->line,
			  "%s is a member of Port-Channel%u: an address of its own has no effect",
			  port->name, port->channel_group);
		return;
	}
	if (!port || !is_physical(port->name) || port->routed_line || s->m->routed_ports)
		return;
	rule_mend(rule_tell(s, port->line,
			    "%s is a switched port (no `no switchport`): its addresses have no "
			    "effect",
			    port->name),
		  "interface %s\n   no switchport\n", port->name);
}

void rule_link_not_routed(const struct subject *s)
{
	each_port(s, check_routed);
}

static void check_up(const struct subject *s, const struct fabric_interface *in)
{
	const struct fabric_interface *port = port_of(s, in);

	if (!in->shutdown && port && port->shutdown)
		in = port;
	if (in->shutdown)
		rule_mend(rule_tell(s, in->shutdown_line,
				    "%s, which carries the in-band path, is shut down", in->name),
			  "interface %s\n   no shutdown\n", in->name);
}

void rule_link_shutdown(const struct subject *s)
{
	each_port(s, check_up);
}

static void check_vlan(const struct subject *s, const struct fabric_interface *in)
{
	if (strchr(in->name, '.') && !in->vlan)
		rule_mend(rule_tell(s, in->line,
				    "%s has no `encapsulation dot1q vlan`: it carries nothing",
				    in->name),
			  "interface %s\n   encapsulation dot1q vlan <VLAN>\n", in->name);
	else if (!strchr(in->name, '.') && in->vlan && is_physical(in->name))
		rule_tell(
			s, in->line,
			"%s is no subinterface, and `encapsulation dot1q vlan %u` has no effect on "
			"it",
			in->name, in->vlan);
}

void rule_link_no_vlan(const struct subject *s)
{
	each_port(s, check_vlan);
}

static void check_member(const struct subject *s, const struct fabric_interface *in)
{
	size_t len = strcspn(in->name, ".");
	uint32_t number;

	if (strncmp(in->name, "Port-Channel", 12) != 0)
		return;
	number = (uint32_t)strtoul(in->name + 12, NULL, 10);
	for (size_t i = 0; i < s->d->n_interfaces; i++)
		if (strncmp(s->d->interfaces[i].name, "Ethernet", 8) == 0 &&
		    s->d->interfaces[i].channel_group == number && !s->d->interfaces[i].shutdown)
			return;
	rule_mend(rule_tell(s, in->line, "%.*s has no member port that is up", (int)len, in->name),
		  "interface <Ethernet>\n   channel-group %u mode active\n", number);
}

void rule_link_no_member(const struct subject *s)
{
	each_port(s, check_member);
}

/* ---- the session ---- */

void rule_session_no_link(const struct subject *s)
{
	for (size_t i = 0; i < s->d->n_neighbors; i++) {
		const struct fabric_neighbor *n = &s->d->neighbors[i];
		char text[ADDR_STRLEN];

		/* a link-local address is on the link that it names */
		if (rule_is_underlay(s, n) && !n->scope && !rule_link(s, n, NULL))
			rule_tell(s, n->line,
				  "neighbor %s is in no subnet of this device's interfaces: the "
				  "session cannot come up",
				  addr_format(&n->address, text));
	}
}

/* The neighbor statement of the far end that means us; NULL: none. */
static const struct fabric_neighbor *back(const struct link *l)
{
	const struct fabric_device *far = l->far->device;

	for (size_t i = 0; i < far->n_neighbors; i++)
		if (!far->neighbors[i].vrf &&
		    addr_equal(&far->neighbors[i].address, &l->own->prefix.addr))
			return &far->neighbors[i];
	return NULL;
}

static bool is_ours(const struct fabric_device *d)
{
	return d->role == ROLE_CE || d->role == ROLE_TOR;
}

static void check_back(const struct subject *s, const struct link *l)
{
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	if (!l->in || !l->far || !is_ours(l->far->device) || back(l))
		return;
	point_at(rule_tell(s, l->n->line,
			   "neighbor %s is %s, which has no neighbor %s: the session cannot come "
			   "up",
			   addr_format(&l->n->address, a), l->far->device->name,
			   addr_format(&l->own->prefix.addr, b)),
		 l, model_of(l->far->device)->bgp_line);
}

void rule_session_one_sided(const struct subject *s)
{
	each_link(s, check_back);
}

/* Whether a session of the peer group goes to that device as it should. */
static bool has_session(const struct subject *s, const struct fabric_device *far)
{
	for (size_t i = 0; i < s->d->n_neighbors; i++) {
		const struct fabric_neighbor *n = &s->d->neighbors[i];
		const struct scope_address *end = rule_is_underlay(s, n) ? rule_far_end(s, n)
									 : NULL;

		if (end && end->device == far)
			return true;
	}
	return false;
}

/* A CE's neighbor that is a ToR, or the other way round, by the addresses. Beside a session
 * that is in the group there may be others, for what else they have to tell each other. */
void rule_session_not_in_group(const struct subject *s)
{
	for (size_t i = 0; i < s->d->n_neighbors; i++) {
		const struct fabric_neighbor *n = &s->d->neighbors[i];
		const struct scope_address *far;
		char text[ADDR_STRLEN];

		if (n->vrf || rule_is_underlay(s, n) || !rule_link(s, n, NULL))
			continue;
		far = rule_far_end(s, n);
		if (!far || !is_ours(far->device) || far->device->role == s->d->role ||
		    has_session(s, far->device))
			continue;
		addr_format(&n->address, text);
		rule_mend(
			rule_tell(s, n->line,
				  "neighbor %s is %s, but it is not in peer group %s: IPv6 is not "
				  "activated by it",
				  text, far->device->name, s->names->peer_group),
			"router bgp %u\n   neighbor %s peer group %s\n", s->m->asn, text,
			s->names->peer_group);
	}
}

/* The AS that a device expects of its neighbor; 0: none is given. */
static uint32_t expected(const struct model *m, const struct fabric_neighbor *n)
{
	const struct model_group *g = n->peer_group ? model_group(m, n->peer_group) : NULL;

	return n->asn ? n->asn : g ? g->asn : 0;
}

static void check_as(const struct subject *s, const struct link *l)
{
	uint32_t want = expected(s->m, l->n), is = l->far ? l->far->device->asn : 0;
	char text[ADDR_STRLEN];

	addr_format(&l->n->address, text);
	if (!want) {
		rule_mend(rule_tell(s, l->n->line,
				    "neighbor %s has no remote-as, nor has its peer group: the "
				    "session cannot come up",
				    text),
			  "router bgp %u\n   neighbor %s remote-as %u\n", s->m->asn, text, is);
		return;
	}
	if (!is || want == is)
		return;
	rule_mend(rule_tell(s, l->n->line, "neighbor %s is expected in AS %u, but %s is AS %u",
			    text, want, l->far->device->name, is),
		  "router bgp %u\n   neighbor %s remote-as %u\n", s->m->asn, text, is);
}

void rule_session_as(const struct subject *s)
{
	each_link(s, check_as);
}

static void check_session_up(const struct subject *s, const struct link *l)
{
	char text[ADDR_STRLEN];

	if (l->n->shutdown)
		rule_mend(rule_tell(s, l->n->line, "the session with neighbor %s is shut down",
				    addr_format(&l->n->address, text)),
			  "router bgp %u\n   no neighbor %s shutdown\n", s->m->asn,
			  addr_format(&l->n->address, text));
}

void rule_session_shutdown(const struct subject *s)
{
	const struct model_group *g = model_group(s->m, s->names->peer_group);

	if (g && g->shutdown)
		rule_mend(rule_tell(s, g->line, "peer group %s is shut down", g->name),
			  "router bgp %u\n   no neighbor %s shutdown\n", s->m->asn, g->name);
	each_link(s, check_session_up);
}

void rule_session_none(const struct subject *s)
{
	const struct model_group *g = model_group(s->m, s->names->peer_group);

	for (size_t i = 0; i < s->d->n_neighbors; i++)
		if (rule_is_underlay(s, &s->d->neighbors[i]))
			return;
	for (size_t i = 0; i < s->m->n_uses; i++) /* unnumbered, or a range of addresses */
		if (s->m->uses[i].kind == NAME_GROUP &&
		    strcmp(s->m->uses[i].name, s->names->peer_group) == 0)
			return;
	if (g && g->line) /* else S4 tells that it is not there */
		rule_mend(rule_tell(s, g->line, "no neighbor is in peer group %s", g->name),
			  "router bgp %u\n   neighbor <address> peer group %s\n", s->m->asn,
			  g->name);
}

/* On a link, or behind a static route. */
static bool is_reachable(const struct subject *s, const struct fabric_neighbor *n)
{
	if (n->scope || rule_link(s, n, NULL))
		return true;
	for (size_t i = 0; i < s->m->n_statics; i++)
		if (model_same_vrf(s->m->statics[i].vrf, n->vrf) &&
		    prefix_contains(&s->m->statics[i].prefix, &n->address))
			return true;
	return false;
}

/* A session of the CE in the in-band VRF that can carry IPv4 routes. */
static const char *pe_fault(const struct subject *s, const struct fabric_neighbor *n)
{
	const struct model_activate *a;
	char text[ADDR_STRLEN];

	if (n->shutdown)
		return "is shut down";
	if (!expected(s->m, n))
		return "has no remote-as";
	if (!is_reachable(s, n))
		return "is in no subnet of that VRF";
	a = model_activate(s->m, n->vrf, "ipv4", addr_format(&n->address, text));
	if (!a && n->peer_group)
		a = model_activate(s->m, n->vrf, "ipv4", n->peer_group);
	if (n->address.family == 4 && (a ? !a->on : !s->m->default_ipv4))
		return "is not activated for IPv4";
	return NULL;
}

void rule_pe_session(const struct subject *s)
{
	const struct fabric_neighbor *first = NULL;
	const char *why = NULL;
	char text[ADDR_STRLEN];

	for (size_t i = 0; i < s->d->n_neighbors; i++) {
		const struct fabric_neighbor *n = &s->d->neighbors[i];
		const char *fault;

		if (!n->vrf || strcmp(n->vrf, s->names->vrf) != 0)
			continue;
		fault = pe_fault(s, n);
		if (!fault)
			return;
		if (!first) {
			first = n;
			why = fault;
		}
	}
	if (first)
		rule_tell(s, first->line,
			  "no session with a PE can come up in vrf %s: neighbor %s %s",
			  s->names->vrf, addr_format(&first->address, text), why);
	else
		rule_mend(rule_tell(s, s->m->bgp_line,
				    "no neighbor in vrf %s: nobody announces the loopbacks to the "
				    "PE",
				    s->names->vrf),
			  "router bgp %u\n   vrf %s\n      neighbor <PE> remote-as <AS>\n",
			  s->m->asn, s->names->vrf);
}
