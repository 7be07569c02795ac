/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building the graph.
 *
 * Order: nodes and places of the devices; an index of every interface address; then each
 * `neighbor` statement, unless the other end's has led to it already, becomes a session:
 * the owner of the address it names, else the outside. Where several devices own it
 * (fabrics that number their links alike), one of our own fabric is meant, or one that names
 * an address of ours back. At last the faults, the leaks, and edges by place.
 *
 * Nothing here is quadratic in one device's neighbors: a CE may have thousands. To find
 * which statement of the other end is ours, the shorter of the two lists is walked and
 * the other searched.
 */
#include "agent/check/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fnv.h"
#include "common/grow.h"

struct owner { /* of an address */
	uint32_t device;
	uint32_t next[2]; /* in its fabric, in all; GRAPH_NONE: the chain ends */
	const struct fabric_interface *interface;
	const struct fabric_address *address;
};

/* One `neighbor WHO activate`, read. */
struct active {
	struct addr address; /* family 0: a peer group */
	const char *group, *vrf;
	enum graph_family family;
	uint32_t order;
	bool on;
};

struct builder {
	struct graph *g;
	const struct fabric *f;
	struct owner *owners;
	uint32_t n_owners;
	uint32_t *heads[2]; /* of chains, by hash of fabric and address, of address */
	uint32_t mask;
	uint32_t *first;      /* device -> its first neighbor among all */
	bool *taken;	      /* neighbor statements that are in a session */
	uint32_t *link_heads; /* chains of links by their nodes */
	uint32_t *link_next;
	uint32_t *outside_heads; /* chains of outside nodes */
	uint32_t *outside_next;	 /* by node less the devices */
	struct active *actives;	 /* all devices' */
	uint32_t *first_active;	 /* device -> its first; one more at the end */
	bool no_memory;
};

static void *grow(struct builder *b, void *array, uint32_t n, size_t size)
{
	void *larger = grow_array(array, n, size);

	if (!larger)
		b->no_memory = true;
	return larger;
}

/* Appends a value to graph array NAME; the value is lost when there is no memory. */
#define ADD(b, name, ...)                                                                          \
	do {                                                                                       \
		void *larger_ = grow(b, (b)->g->name, (b)->g->n_##name, sizeof(*(b)->g->name));    \
		if (!larger_)                                                                      \
			break;                                                                     \
		(b)->g->name = larger_;                                                            \
		(b)->g->name[(b)->g->n_##name++] = __VA_ARGS__;                                    \
	} while (0)

uint8_t graph_family_number(enum graph_family f)
{
	return f == GRAPH_V4 ? 4 : 6;
}

size_t graph_port_len(const char *interface)
{
	return strcspn(interface, ".");
}

static bool same_port(const struct fabric_interface *a, const struct fabric_interface *b)
{
	size_t len;

	if (!a || !b)
		return a == b;
	len = graph_port_len(a->name);
	return len == graph_port_len(b->name) && strncmp(a->name, b->name, len) == 0;
}

bool graph_same_fabric(const char *a, const char *b)
{
	size_t len = strcspn(a, "-");

	return len == strcspn(b, "-") && strncmp(a, b, len) == 0;
}

/* ---- nodes and places ---- */

uint32_t graph_place_of(const struct graph *g, uint32_t node, const char *vrf)
{
	const struct graph_node *n = &g->nodes[node];

	for (uint32_t p = n->first_place; p < n->first_place + n->n_places; p++)
		if (model_same_vrf(g->places[p].vrf, vrf))
			return p;
	return GRAPH_NONE;
}

uint32_t graph_node_named(const struct graph *g, const char *name)
{
	for (uint32_t n = 0; n < g->n_nodes; n++)
		if (strcasecmp(g->nodes[n].name, name) == 0)
			return n;
	return GRAPH_NONE;
}

/* Places of the last node only. */
static void want_place(struct builder *b, const char *vrf)
{
	struct graph *g = b->g;
	uint32_t node = g->n_nodes - 1;
	const struct model *m = g->nodes[node].model;
	struct graph_place p = { .node = node, .vrf = vrf };

	if (graph_place_of(g, node, vrf) != GRAPH_NONE)
		return;
	for (enum graph_family f = 0; f < GRAPH_FAMILIES; f++) {
		const struct model_routing *r = m ? model_routing(m, vrf, graph_family_number(f))
						  : NULL;

		p.routing[f] = !m || (r && r->on);
	}
	ADD(b, places, p);
	g->nodes[node].n_places = g->n_places - g->nodes[node].first_place;
}

static void add_device(struct builder *b, const struct fabric_device *d)
{
	const struct model *m = model_of(d);

	ADD(b, nodes,
	    (struct graph_node){ .name = d->name,
				 .device = d,
				 .model = m,
				 .asn = d->asn,
				 .first_place = b->g->n_places });
	if (b->no_memory)
		return;
	for (size_t i = 0; i < d->n_neighbors; i++)
		want_place(b, d->neighbors[i].vrf);
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (strcmp(d->interfaces[i].name, b->g->names->interface) == 0)
			want_place(b, d->interfaces[i].vrf);
	for (size_t i = 0; m && i < m->n_leaks; i++) {
		want_place(b, m->leaks[i].vrf);
		want_place(b, m->leaks[i].source);
	}
	if (d->role == ROLE_CE) {
		want_place(b, NULL);
		want_place(b, b->g->names->vrf);
	}
}

/* The neighbor that no configuration describes: what is said of it twice is one. */
static uint32_t outside_place(struct builder *b, uint32_t device, const struct fabric_neighbor *n)
{
	struct graph *g = b->g;
	const char *text = n->description;
	uint32_t *head = &b->outside_heads[(n->asn ^ (text ? fnv1a(text) : 0)) & b->mask];
	uint32_t *next;
	struct graph_node o = { .address = n->address,
				.by = device,
				.asn = n->asn,
				.first_place = g->n_places,
				.n_places = 1 };

	for (uint32_t k = *head; k != GRAPH_NONE; k = b->outside_next[k - g->n_devices]) {
		const struct graph_node *x = &g->nodes[k];

		if (n->scope && !text) /* link-local: the same on many links */
			break;
		if (x->asn == n->asn &&
		    graph_same_fabric(g->nodes[x->by].name, g->nodes[device].name) &&
		    (text ? strcmp(x->name, text) == 0
			  : x->owned && addr_equal(&x->address, &n->address)))
			return x->first_place;
	}
	if (!text) {
		o.owned = malloc(ADDR_STRLEN);
		if (!o.owned) {
			b->no_memory = true;
			return GRAPH_NONE;
		}
		addr_format(&n->address, o.owned);
	}
	o.name = text ? text : o.owned;
	next = grow(b, b->outside_next, g->n_nodes - g->n_devices, sizeof(*next));
	if (next) {
		b->outside_next = next;
		next[g->n_nodes - g->n_devices] = *head;
		*head = g->n_nodes;
		ADD(b, nodes, o);
	}
	if (b->no_memory) {
		free(o.owned);
		return GRAPH_NONE;
	}
	ADD(b, places, (struct graph_place){ .node = g->n_nodes - 1, .routing = { true, true } });
	return g->n_places - 1;
}

/* ---- whose address is it ---- */

enum { OF_FABRIC, OF_ALL };

static uint32_t *chain_of(const struct builder *b, int which, uint32_t device, const struct addr *a)
{
	const char *name = b->f->devices[device].name;
	uint32_t h = 2166136261u;

	for (; which == OF_FABRIC && *name && *name != '-'; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	for (size_t i = 0; i < (a->family == 4 ? 4u : 16u); i++)
		h = (h ^ a->bytes[i]) * 16777619u;
	return &b->heads[which][(h ^ h >> 15) & b->mask];
}

static uint32_t *new_heads(struct builder *b, size_t size)
{
	uint32_t *heads = malloc(size * sizeof(*heads));

	if (heads)
		memset(heads, 0xff, size * sizeof(*heads)); /* GRAPH_NONE */
	else
		b->no_memory = true;
	return heads;
}

static void index_addresses(struct builder *b)
{
	size_t n = 0, size = 1024;

	for (size_t d = 0; d < b->f->n_devices; d++)
		for (size_t i = 0; i < b->f->devices[d].n_interfaces; i++)
			n += b->f->devices[d].interfaces[i].n_addresses;
	while (size < 2 * n)
		size *= 2;
	b->mask = (uint32_t)(size - 1);
	b->owners = calloc(n ? n : 1, sizeof(*b->owners));
	b->heads[OF_FABRIC] = new_heads(b, size);
	b->heads[OF_ALL] = new_heads(b, size);
	b->link_heads = new_heads(b, size);
	b->outside_heads = new_heads(b, size);
	if (!b->owners)
		b->no_memory = true;
	if (b->no_memory)
		return;
	for (uint32_t d = 0; d < b->g->n_devices; d++) {
		const struct fabric_device *dev = &b->f->devices[d];

		for (size_t i = 0; i < dev->n_interfaces; i++)
			for (size_t k = 0; k < dev->interfaces[i].n_addresses; k++) {
				const struct fabric_address *a = &dev->interfaces[i].addresses[k];
				struct owner o = { .device = d,
						   .interface = &dev->interfaces[i],
						   .address = a };

				for (int which = 0; which < 2; which++) {
					uint32_t *head = chain_of(b, which, d, &a->prefix.addr);

					o.next[which] = *head;
					*head = b->n_owners;
				}
				b->owners[b->n_owners++] = o;
			}
	}
}

/* The next owner of an address from `at` on: of the device's fabric, or of all. */
static const struct owner *owner_at(const struct builder *b, int which, uint32_t at,
				    uint32_t device, const struct addr *a)
{
	const struct fabric_device *all = b->f->devices;

	for (; at != GRAPH_NONE; at = b->owners[at].next[which])
		if (addr_equal(&b->owners[at].address->prefix.addr, a) &&
		    (which == OF_ALL ||
		     graph_same_fabric(all[b->owners[at].device].name, all[device].name)))
			return &b->owners[at];
	return NULL;
}

static const struct owner *first_owner(const struct builder *b, int which, uint32_t device,
				       const struct addr *a)
{
	return owner_at(b, which, *chain_of(b, which, device, a), device, a);
}

/* The owner of an address that is this very device. */
static const struct owner *own(const struct builder *b, uint32_t device, const struct addr *a,
			       const char *vrf)
{
	const struct owner *o = first_owner(b, OF_FABRIC, device, a);

	while (o && (o->device != device || !model_same_vrf(o->interface->vrf, vrf)))
		o = owner_at(b, OF_FABRIC, o->next[OF_FABRIC], device, a);
	return o;
}

/* Neighbors are sorted by address, then VRF. */
static const struct fabric_neighbor *neighbor_of(const struct fabric_device *d,
						 const struct addr *a, const char *vrf)
{
	size_t low = 0, high = d->n_neighbors;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (addr_compare(&d->neighbors[mid].address, a) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < d->n_neighbors && addr_equal(&d->neighbors[low].address, a); low++)
		if (model_same_vrf(d->neighbors[low].vrf, vrf))
			return &d->neighbors[low];
	return NULL;
}

/* What `there` says of an address of device `here` in `vrf`; *ours is that address. */
static const struct fabric_neighbor *said_back(const struct builder *b, uint32_t here,
					       const char *vrf, uint32_t there,
					       const char *there_vrf, const struct owner **ours)
{
	const struct fabric_device *h = &b->f->devices[here], *t = &b->f->devices[there];
	const struct fabric_neighbor *n;

	if (h->n_interfaces > t->n_neighbors) {
		for (size_t i = 0; i < t->n_neighbors; i++) {
			n = &t->neighbors[i];
			if (!model_same_vrf(n->vrf, there_vrf))
				continue;
			*ours = own(b, here, &n->address, vrf);
			if (*ours)
				return n;
		}
		return NULL;
	}
	for (size_t i = 0; i < h->n_interfaces; i++) {
		if (!model_same_vrf(h->interfaces[i].vrf, vrf))
			continue;
		for (size_t k = 0; k < h->interfaces[i].n_addresses; k++) {
			const struct addr *a = &h->interfaces[i].addresses[k].prefix.addr;

			n = neighbor_of(t, a, there_vrf);
			if (n) {
				*ours = own(b, here, a, vrf);
				return n;
			}
		}
	}
	return NULL;
}

/* Our interface whose subnet holds an address. */
static const struct fabric_interface *toward(const struct fabric_device *d, const char *vrf,
					     const struct addr *a,
					     const struct fabric_address **address)
{
	for (size_t i = 0; i < d->n_interfaces; i++) {
		const struct fabric_interface *x = &d->interfaces[i];

		if (!model_same_vrf(x->vrf, vrf))
			continue;
		for (size_t k = 0; k < x->n_addresses; k++)
			if (x->addresses[k].prefix.addr.family == a->family &&
			    x->addresses[k].prefix.len < addr_bits(a) &&
			    prefix_contains(&x->addresses[k].prefix, a)) {
				*address = &x->addresses[k];
				return x;
			}
	}
	return NULL;
}

/* ---- links ---- */

static uint32_t link_between(struct builder *b, const struct graph_end *x,
			     const struct graph_end *y)
{
	struct graph *g = b->g;
	uint32_t *head = &b->link_heads[(x->node * 2654435761u ^ y->node * 2654435761u) & b->mask];
	uint32_t *next;

	for (uint32_t l = *head; l != GRAPH_NONE; l = b->link_next[l])
		for (int swap = 0; swap < 2; swap++) {
			const struct graph_end *e = &g->links[l].end[swap];
			const struct graph_end *o = &g->links[l].end[!swap];

			if (e->node == x->node && o->node == y->node &&
			    same_port(e->interface, x->interface) &&
			    same_port(o->interface, y->interface))
				return l;
		}
	next = grow(b, b->link_next, g->n_links, sizeof(*next));
	if (!next)
		return GRAPH_NONE;
	b->link_next = next;
	next[g->n_links] = *head;
	*head = g->n_links;
	ADD(b, links, (struct graph_link){ .end = { *x, *y } });
	return b->no_memory ? GRAPH_NONE : g->n_links - 1;
}

/* ---- activation ---- */

static int active_order(const void *a, const void *b)
{
	const struct active *x = a, *y = b;
	int c = addr_compare(&x->address, &y->address);

	return c ? c : x->order < y->order ? -1 : x->order > y->order;
}

/* "ipv4", "ipv6 unicast"; false: another address-family. */
static bool family_named(const char *name, enum graph_family *out)
{
	const char *rest = name + 4;

	if (strncasecmp(name, "ipv4", 4) == 0)
		*out = GRAPH_V4;
	else if (strncasecmp(name, "ipv6", 4) == 0)
		*out = GRAPH_V6;
	else
		return false;
	return !*rest || strcasecmp(rest, " unicast") == 0;
}

static void index_actives(struct builder *b)
{
	size_t n = 0;

	for (uint32_t d = 0; d < b->g->n_devices; d++)
		n += b->g->nodes[d].model ? b->g->nodes[d].model->n_activates : 0;
	b->actives = calloc(n ? n : 1, sizeof(*b->actives));
	b->first_active = calloc((size_t)b->g->n_devices + 1, sizeof(*b->first_active));
	if (!b->actives || !b->first_active) {
		b->no_memory = true;
		return;
	}
	n = 0;
	for (uint32_t d = 0; d < b->g->n_devices; d++) {
		const struct model *m = b->g->nodes[d].model;

		b->first_active[d] = (uint32_t)n;
		for (size_t i = 0; m && i < m->n_activates; i++) {
			const struct model_activate *x = &m->activates[i];
			struct active a = { .vrf = x->vrf, .order = (uint32_t)i, .on = x->on };

			if (!family_named(x->family, &a.family))
				continue;
			if (!addr_parse(x->who, &a.address)) {
				memset(&a.address, 0, sizeof(a.address));
				a.group = x->who;
			}
			b->actives[n++] = a;
		}
		if (n > b->first_active[d])
			qsort(b->actives + b->first_active[d], n - b->first_active[d],
			      sizeof(*b->actives), active_order);
	}
	b->first_active[b->g->n_devices] = (uint32_t)n;
}

/* The last word on who; *found is false when there is none. who: an address, or where its
 * family is 0 a group. */
static bool last_word(const struct builder *b, uint32_t device, const char *vrf,
		      enum graph_family f, const struct addr *who, const char *group, bool *found)
{
	uint32_t low = b->first_active[device], end = b->first_active[device + 1], high = end;
	bool on = false;

	*found = false;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (addr_compare(&b->actives[mid].address, who) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < end && addr_equal(&b->actives[low].address, who); low++) {
		const struct active *a = &b->actives[low];

		if (a->family != f || !model_same_vrf(a->vrf, vrf) ||
		    (a->group && (!group || strcmp(a->group, group) != 0)))
			continue;
		on = a->on;
		*found = true;
	}
	return on;
}

static bool is_active(const struct builder *b, uint32_t device, const struct fabric_neighbor *n,
		      enum graph_family f)
{
	static const struct addr none;
	const struct model *m = b->g->nodes[device].model;
	bool found, on = last_word(b, device, n->vrf, f, &n->address, NULL, &found);

	if (!found && n->peer_group)
		on = last_word(b, device, n->vrf, f, &none, n->peer_group, &found);
	return found ? on : f == GRAPH_V4 && m && m->default_ipv4;
}

/* ---- sessions ---- */

struct graph_fault graph_fault(enum graph_fault_kind kind, uint32_t node, int line,
			       const char *name)
{
	return (struct graph_fault){ .kind = kind, .node = node, .line = line, .name = name };
}

static struct graph_fault session_fault(const struct graph *g, const struct graph_session *s)
{
	const struct graph_link *l = s->link == GRAPH_NONE ? NULL : &g->links[s->link];

	for (int i = 0; i < 2; i++) {
		uint32_t node = g->places[s->place[i]].node;
		uint32_t other = g->places[s->place[!i]].node;
		const struct fabric_neighbor *n = s->said[i];
		const struct model_group *group;
		struct graph_fault as;

		if (!g->nodes[node].device)
			continue;
		if (!n)
			return graph_fault(FAULT_ONE_SIDED, node, g->nodes[node].model->bgp_line,
					   g->nodes[other].name);
		if (!n->asn)
			return graph_fault(FAULT_NO_AS, node, n->line, g->nodes[other].name);
		if (n->asn != g->nodes[other].asn) {
			as = graph_fault(FAULT_AS, node, n->line, g->nodes[other].name);
			as.value = n->asn;
			return as;
		}
		group = n->peer_group ? model_group(g->nodes[node].model, n->peer_group) : NULL;
		if (n->shutdown || (group && group->shutdown))
			return graph_fault(FAULT_SHUTDOWN, node, n->line, g->nodes[other].name);
	}
	for (int i = 0; l && i < 2; i++)
		if (l->end[i].interface && l->end[i].interface->shutdown)
			return graph_fault(FAULT_INTERFACE, l->end[i].node,
					   l->end[i].interface->shutdown_line,
					   l->end[i].interface->name);
	return graph_fault(FAULT_NONE, GRAPH_NONE, 0, NULL);
}

/* Addresses of a family that let each end be the other's next hop. */
static struct graph_fault next_hop_fault(const struct graph_end *x, const struct graph_end *y,
					 enum graph_family f)
{
	const struct fabric_interface *i = x->interface, *k = y->interface;
	int line[2] = { 0, 0 };

	for (size_t m = 0; i && m < i->n_addresses; m++) {
		const struct fabric_address *a = &i->addresses[m];

		if (a->prefix.addr.family != graph_family_number(f))
			continue;
		line[0] = a->line;
		for (size_t n = 0; k && n < k->n_addresses; n++) {
			if (k->addresses[n].prefix.addr.family != graph_family_number(f))
				continue;
			line[1] = k->addresses[n].line;
			if (prefix_contains(&a->prefix, &k->addresses[n].prefix.addr) &&
			    prefix_contains(&k->addresses[n].prefix, &a->prefix.addr))
				return graph_fault(FAULT_NONE, GRAPH_NONE, 0, NULL);
		}
	}
	if (i && !line[0])
		return graph_fault(FAULT_NEXT_HOP, x->node, i->line, i->name);
	for (size_t n = 0; k && n < k->n_addresses; n++)
		if (k->addresses[n].prefix.addr.family == graph_family_number(f))
			line[1] = k->addresses[n].line;
	if (k && !line[1])
		return graph_fault(FAULT_NEXT_HOP, y->node, k->line, k->name);
	return i && k ? graph_fault(FAULT_NEXT_HOP, x->node, line[0], i->name)
		      : graph_fault(FAULT_NONE, GRAPH_NONE, 0, NULL);
}

static struct graph_fault family_fault(const struct builder *b, const struct graph_session *s,
				       enum graph_family f)
{
	const struct graph *g = b->g;
	const struct graph_link *l = s->link == GRAPH_NONE ? NULL : &g->links[s->link];

	for (int i = 0; i < 2; i++) {
		const struct graph_place *p = &g->places[s->place[i]];

		if (!g->nodes[p->node].device)
			continue;
		if (s->said[i] && !is_active(b, p->node, s->said[i], f))
			return graph_fault(FAULT_FAMILY, p->node, s->said[i]->line,
					   g->nodes[g->places[s->place[!i]].node].name);
		if (!p->routing[f])
			return graph_fault(FAULT_ROUTING, p->node, 0, p->vrf);
	}
	return l ? next_hop_fault(&l->end[0], &l->end[1], f)
		 : graph_fault(FAULT_NONE, GRAPH_NONE, 0, NULL);
}

/* Does a filter speak of this neighbor? By its address before by its group. */
static int filter_rank(const struct model_filter *x, const struct fabric_neighbor *n,
		       enum graph_family f)
{
	enum graph_family family;
	struct addr a;

	if (!model_same_vrf(x->vrf, n->vrf) && x->vrf)
		return 0;
	/* outside an address-family a list is one of IPv4 */
	if (x->family ? !family_named(x->family, &family) || family != f
		      : x->kind == FILTER_LIST && f != GRAPH_V4)
		return 0;
	if (addr_parse(x->who, &a))
		return addr_equal(&a, &n->address) && model_same_vrf(x->vrf, n->vrf) ? 2 : 0;
	return n->peer_group && strcmp(x->who, n->peer_group) == 0 ? 1 : 0;
}

static void find_filters(const struct builder *b, struct graph_session *s)
{
	for (int i = 0; i < 2; i++) {
		const struct model *m = b->g->nodes[b->g->places[s->place[i]].node].model;

		for (enum graph_family f = 0; f < GRAPH_FAMILIES; f++) {
			int best[2][2] = { { 0 } };

			for (size_t k = 0; m && s->said[i] && k < m->n_filters; k++) {
				const struct model_filter *x = &m->filters[k];
				struct graph_filters *to = &s->filters[i][f][x->in];
				bool list = x->kind == FILTER_LIST;
				int rank = filter_rank(x, s->said[i], f);

				if (!rank || rank < best[x->in][list])
					continue;
				best[x->in][list] = rank;
				if (list)
					to->list = x;
				else
					to->map = x;
			}
		}
	}
}

/* Does what another fabric's device says mean a device of its own fabric? */
static bool means_its_own(const struct builder *b, uint32_t device,
			  const struct fabric_neighbor *said)
{
	return first_owner(b, OF_FABRIC, device, &said->address) != NULL;
}

/* The device that a neighbor statement means, or NULL: none that is described here. One of
 * our own fabric is meant, the one that names us back if there are several; else one that
 * names us back. */
static const struct owner *peer_of(const struct builder *b, uint32_t device,
				   const struct fabric_neighbor *n,
				   const struct fabric_neighbor **back, const struct owner **ours)
{
	const struct owner *best = NULL;

	*back = NULL;
	*ours = NULL;
	for (int which = OF_FABRIC; which <= OF_ALL && !best; which++) {
		const struct owner *o = first_owner(b, which, device, &n->address);

		for (; o && !*back; o = owner_at(b, which, o->next[which], device, &n->address)) {
			if (o->device == device)
				continue;
			*back = said_back(b, device, n->vrf, o->device, o->interface->vrf, ours);
			if (*back && which == OF_ALL && means_its_own(b, o->device, *back))
				*back = NULL;
			if (*back || (which == OF_FABRIC && !best))
				best = o;
		}
	}
	return best;
}

static void add_session(struct builder *b, uint32_t device, uint32_t number)
{
	struct graph *g = b->g;
	const struct fabric_neighbor *n = &b->f->devices[device].neighbors[number];
	const struct fabric_neighbor *back;
	const struct owner *ours, *peer = peer_of(b, device, n, &back, &ours);
	struct graph_session s = { .said = { n, back }, .link = GRAPH_NONE };
	struct graph_end end[2] = { { device, NULL }, { 0, NULL } };
	const struct fabric_address *address = NULL;

	s.place[0] = graph_place_of(g, device, n->vrf);
	s.address[1] = n->address;
	if (peer) {
		s.place[1] = graph_place_of(g, peer->device, peer->interface->vrf);
		end[1].node = peer->device;
		if (back)
			b->taken[b->first[peer->device] +
				 (uint32_t)(back - b->f->devices[peer->device].neighbors)] = true;
	} else {
		s.place[1] = outside_place(b, device, n);
		if (s.place[1] != GRAPH_NONE)
			end[1].node = g->places[s.place[1]].node;
	}
	if (s.place[1] == GRAPH_NONE) /* it has no BGP there, or no memory */
		return;
	if (ours) {
		address = ours->address;
		end[0].interface = ours->interface;
		if (!prefix_contains(&address->prefix, &n->address))
			end[0].interface = NULL; /* between loopbacks */
	} else {
		end[0].interface = toward(&b->f->devices[device], n->vrf, &n->address, &address);
	}
	if (address)
		s.address[0] = address->prefix.addr;
	if (peer && end[0].interface)
		end[1].interface = peer->interface;
	if (end[0].interface)
		s.link = link_between(b, &end[0], &end[1]);
	find_filters(b, &s);
	s.down = session_fault(g, &s);
	for (enum graph_family f = 0; f < GRAPH_FAMILIES; f++)
		s.family[f] = family_fault(b, &s, f);
	ADD(b, sessions, s);
}

static void add_sessions(struct builder *b)
{
	size_t n = 0;

	b->first = calloc(b->f->n_devices ? b->f->n_devices : 1, sizeof(*b->first));
	if (!b->first)
		goto none;
	for (size_t d = 0; d < b->f->n_devices; d++) {
		b->first[d] = (uint32_t)n;
		n += b->f->devices[d].n_neighbors;
	}
	b->taken = calloc(n ? n : 1, sizeof(*b->taken));
	if (!b->taken)
		goto none;
	for (uint32_t d = 0; d < b->g->n_devices && !b->no_memory; d++)
		for (uint32_t k = 0; k < b->f->devices[d].n_neighbors && !b->no_memory; k++)
			if (!b->taken[b->first[d] + k])
				add_session(b, d, k);
	return;
none:
	b->no_memory = true;
}

/* ---- edges ---- */

static void add_leaks(struct builder *b, uint32_t device)
{
	struct graph *g = b->g;
	const struct graph_node *n = &g->nodes[device];
	uint32_t a, z;

	for (size_t i = 0; n->model && i < n->model->n_leaks; i++) {
		const struct model_leak *l = &n->model->leaks[i];

		a = graph_place_of(g, device, l->source);
		z = graph_place_of(g, device, l->vrf);
		if (a != GRAPH_NONE && z != GRAPH_NONE && a != z)
			ADD(b, edges, (struct graph_edge){ a, z, GRAPH_NONE, l });
	}
	if (n->device->role != ROLE_CE)
		return;
	a = graph_place_of(g, device, NULL);
	z = graph_place_of(g, device, g->names->vrf);
	for (int way = 0; way < 2; way++) {
		bool there = false;

		for (size_t i = 0; n->model && i < n->model->n_leaks; i++)
			there |= model_same_vrf(n->model->leaks[i].source, g->places[a].vrf) &&
				 model_same_vrf(n->model->leaks[i].vrf, g->places[z].vrf);
		if (!there)
			ADD(b, edges, (struct graph_edge){ a, z, GRAPH_NONE, NULL });
		a ^= z;
		z ^= a;
		a ^= z;
	}
}

/* Leaks first, then sessions: a leak adds nothing to an AS path. */
static int edge_order(const void *a, const void *b)
{
	const struct graph_edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if ((x->session == GRAPH_NONE) != (y->session == GRAPH_NONE))
		return x->session == GRAPH_NONE ? -1 : 1;
	return x->session < y->session ? -1 : x->session > y->session;
}

static void add_edges(struct builder *b)
{
	struct graph *g = b->g;

	for (uint32_t d = 0; d < g->n_devices; d++)
		add_leaks(b, d);
	for (uint32_t s = 0; s < g->n_sessions; s++) {
		const uint32_t *p = g->sessions[s].place;

		ADD(b, edges, (struct graph_edge){ p[0], p[1], s, NULL });
		ADD(b, edges, (struct graph_edge){ p[1], p[0], s, NULL });
	}
	if (b->no_memory)
		return;
	if (g->n_edges)
		qsort(g->edges, g->n_edges, sizeof(*g->edges), edge_order);
	g->incoming = calloc(g->n_edges ? g->n_edges : 1, sizeof(*g->incoming));
	if (!g->incoming) {
		b->no_memory = true;
		return;
	}
	for (uint32_t e = 0; e < g->n_edges; e++) {
		g->places[g->edges[e].from].n_out++;
		g->places[g->edges[e].to].n_in++;
	}
	for (uint32_t p = 1; p < g->n_places; p++) {
		g->places[p].out = g->places[p - 1].out + g->places[p - 1].n_out;
		g->places[p].in = g->places[p - 1].in + g->places[p - 1].n_in;
	}
	for (uint32_t p = 0; p < g->n_places; p++)
		g->places[p].n_in = 0;
	for (uint32_t e = 0; e < g->n_edges; e++) {
		struct graph_place *to = &g->places[g->edges[e].to];

		g->incoming[to->in + to->n_in++] = e;
	}
}

static uint32_t root_of(uint32_t *parent, uint32_t p)
{
	while (parent[p] != p)
		p = parent[p] = parent[parent[p]];
	return p;
}

static void find_components(struct builder *b)
{
	struct graph *g = b->g;
	uint32_t *parent = malloc((g->n_places ? g->n_places : 1) * sizeof(*parent));

	if (!parent) {
		b->no_memory = true;
		return;
	}
	for (uint32_t p = 0; p < g->n_places; p++)
		parent[p] = p;
	for (uint32_t e = 0; e < g->n_edges; e++) {
		uint32_t x = root_of(parent, g->edges[e].from), y = root_of(parent, g->edges[e].to);

		if (x < y)
			parent[y] = x;
		else
			parent[x] = y;
	}
	/* a root is the least of its component, so it has its number before the others ask */
	for (uint32_t p = 0; p < g->n_places; p++) {
		uint32_t r = root_of(parent, p);

		g->places[p].component = r == p ? g->n_components++ : g->places[r].component;
	}
	free(parent);
}

/* Management traffic comes from neighbors of the in-band VRF that are no devices, or PEs. */
static void find_outside(struct graph *g)
{
	for (uint32_t s = 0; s < g->n_sessions; s++)
		for (int i = 0; i < 2; i++) {
			struct graph_place *p = &g->places[g->sessions[s].place[i]];
			const struct graph_place *o = &g->places[g->sessions[s].place[!i]];
			const struct fabric_device *d = g->nodes[p->node].device;

			if ((!d || d->role == ROLE_PE) && model_same_vrf(o->vrf, g->names->vrf) &&
			    g->nodes[o->node].device && g->nodes[o->node].device->role != ROLE_PE)
				p->outside = true;
		}
}

struct graph *graph_build(const struct fabric *f, const struct fabric_names *names)
{
	struct builder b = { .f = f, .g = calloc(1, sizeof(*b.g)) };

	if (!b.g)
		return NULL;
	b.g->names = names;
	b.g->n_devices = (uint32_t)f->n_devices;
	for (size_t d = 0; d < f->n_devices && !b.no_memory; d++)
		add_device(&b, &f->devices[d]);
	if (!b.no_memory)
		index_addresses(&b);
	if (!b.no_memory)
		index_actives(&b);
	if (!b.no_memory)
		add_sessions(&b);
	if (!b.no_memory)
		add_edges(&b);
	if (!b.no_memory)
		find_components(&b);
	if (!b.no_memory)
		find_outside(b.g);
	free(b.owners);
	free(b.heads[OF_FABRIC]);
	free(b.heads[OF_ALL]);
	free(b.first);
	free(b.taken);
	free(b.link_heads);
	free(b.link_next);
	free(b.outside_heads);
	free(b.outside_next);
	free(b.actives);
	free(b.first_active);
	if (b.no_memory) {
		graph_free(b.g);
		return NULL;
	}
	return b.g;
}

void graph_free(struct graph *g)
{
	if (!g)
		return;
	for (uint32_t n = 0; n < g->n_nodes; n++)
		free(g->nodes[n].owned);
	free(g->nodes);
	free(g->places);
	free(g->links);
	free(g->sessions);
	free(g->edges);
	free(g->incoming);
	free(g);
}

/* ---- in words ---- */

const char *graph_place_text(const struct graph *g, uint32_t place, char *buf)
{
	const struct graph_place *p = &g->places[place];

	if (p->vrf)
		snprintf(buf, GRAPH_TEXT, "%s (%s)", g->nodes[p->node].name, p->vrf);
	else
		snprintf(buf, GRAPH_TEXT, "%s", g->nodes[p->node].name);
	return buf;
}

const char *graph_link_text(const struct graph *g, uint32_t link, char *buf)
{
	const struct graph_end *e = g->links[link].end;
	char side[2][GRAPH_TEXT / 3];

	for (int i = 0; i < 2; i++) {
		const struct fabric_interface *f = e[i].interface;

		snprintf(side[i], sizeof(side[i]), "%s%s%.*s", g->nodes[e[i].node].name,
			 f ? ":" : "", f ? (int)graph_port_len(f->name) : 0, f ? f->name : "");
	}
	snprintf(buf, GRAPH_TEXT, "link %s - %s", side[0], side[1]);
	return buf;
}

const char *graph_session_text(const struct graph *g, uint32_t session, char *buf)
{
	const struct graph_session *s = &g->sessions[session];
	char side[2][ADDR_STRLEN];

	for (int i = 0; i < 2; i++)
		if (s->address[i].family)
			addr_format(&s->address[i], side[i]);
		else
			snprintf(side[i], sizeof(side[i]), "?");
	snprintf(buf, GRAPH_TEXT, "session %s - %s (%s - %s)",
		 g->nodes[g->places[s->place[0]].node].name,
		 g->nodes[g->places[s->place[1]].node].name, side[0], side[1]);
	return buf;
}
