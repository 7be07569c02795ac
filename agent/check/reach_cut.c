/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/reach_cut.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int add(struct reach_supposed *s, enum reach_kind kind, uint32_t number)
{
	struct reach_element *larger =
		realloc(s->elements, (s->n_elements + 1) * sizeof(*s->elements));

	if (!larger)
		return -ENOMEM;
	s->elements = larger;
	s->elements[s->n_elements++] = (struct reach_element){ kind, number };
	return 0;
}

/* "Et5/1", "ethernet5/1", "po1" for "Ethernet5/1", "Port-Channel1". */
static bool means_port(const char *words, const char *name, size_t len)
{
	size_t letters = 0, skip = 0;

	while (words[letters] && !isdigit((unsigned char)words[letters]))
		letters++;
	while (skip < len && !isdigit((unsigned char)name[skip]))
		skip++;
	return letters && letters <= skip && strncasecmp(words, name, letters) == 0 &&
	       strlen(words + letters) == len - skip &&
	       strncmp(words + letters, name + skip, len - skip) == 0;
}

/* Several may have a name: neighbors of different fabrics are called alike. All are meant. */
static bool is_named(const struct graph *g, uint32_t node, const char *name)
{
	return strcasecmp(g->nodes[node].name, name) == 0;
}

/* The port in a channel: the channel's name when it is its only member. */
static const struct fabric_interface *channel_of(const struct fabric_device *d,
						 const struct fabric_interface *port,
						 struct reach_supposed *out)
{
	const struct fabric_interface *channel = NULL;
	char name[40], remark[200];
	unsigned members = 0;

	snprintf(name, sizeof(name), "Port-Channel%u", port->channel_group);
	for (size_t i = 0; i < d->n_interfaces; i++) {
		const struct fabric_interface *x = &d->interfaces[i];

		members += x->channel_group == port->channel_group && !x->shutdown;
		/* a sub-interface will do: the channel need not be described itself */
		if (graph_port_len(x->name) == strlen(name) &&
		    strncmp(x->name, name, strlen(name)) == 0)
			channel = x;
	}
	if (members <= 1)
		return channel;
	snprintf(remark, sizeof(remark), "%s of %s is one of %u ports of %s, which stays up",
		 port->name, d->name, members, name);
	free(out->remark);
	out->remark = strdup(remark);
	return NULL;
}

static int links_at(struct graph *g, uint32_t node, const struct fabric_interface *port,
		    struct reach_supposed *out)
{
	size_t len = graph_port_len(port->name);
	int ret = 0;

	for (uint32_t l = 0; l < g->n_links && ret == 0; l++)
		for (int i = 0; i < 2; i++) {
			const struct graph_end *e = &g->links[l].end[i];

			if (e->node == node && e->interface &&
			    graph_port_len(e->interface->name) == len &&
			    strncmp(e->interface->name, port->name, len) == 0)
				ret = add(out, REACH_LINK, l);
		}
	return ret;
}

static int suppose_port(struct graph *g, const char *device, const char *interface,
			struct reach_supposed *out, char *err, size_t size)
{
	uint32_t node = graph_node_named(g, device);
	const struct fabric_device *d;
	const struct fabric_interface *port = NULL;
	int ret;

	if (node == GRAPH_NONE || !g->nodes[node].device) {
		snprintf(err, size, "no device is called %s", device);
		return -EINVAL;
	}
	d = g->nodes[node].device;
	for (size_t i = 0; i < d->n_interfaces && !port; i++)
		if (means_port(interface, d->interfaces[i].name, strlen(d->interfaces[i].name)))
			port = &d->interfaces[i];
	/* the port of sub-interfaces need not be there itself */
	for (size_t i = 0; i < d->n_interfaces && !port; i++)
		if (means_port(interface, d->interfaces[i].name,
			       graph_port_len(d->interfaces[i].name)))
			port = &d->interfaces[i];
	if (!port) {
		snprintf(err, size, "%s has no interface %s", d->name, interface);
		return -EINVAL;
	}
	if (port->channel_group) {
		port = channel_of(d, port, out);
		if (!port && out->remark)
			return 0;
		if (!port) {
			snprintf(err, size, "%s:%s is in a channel that has no address", d->name,
				 interface);
			return -EINVAL;
		}
	}
	ret = links_at(g, node, port, out);
	if (ret == 0 && !out->n_elements) {
		snprintf(err, size, "no BGP session of %s goes by %s: no in-band path needs it",
			 d->name, port->name);
		return -EINVAL;
	}
	return ret;
}

static int suppose_subnet(struct graph *g, const struct prefix *subnet, const char *words,
			  struct reach_supposed *out, char *err, size_t size)
{
	struct prefix want = prefix_mask(subnet);
	int ret = 0;

	for (uint32_t l = 0; l < g->n_links && ret == 0; l++) {
		bool found = false;

		for (int i = 0; i < 2; i++) {
			const struct fabric_interface *x = g->links[l].end[i].interface;

			for (size_t k = 0; x && k < x->n_addresses; k++) {
				struct prefix has = prefix_mask(&x->addresses[k].prefix);

				found |= has.len == want.len && addr_equal(&has.addr, &want.addr);
			}
		}
		if (found)
			ret = add(out, REACH_LINK, l);
	}
	if (ret == 0 && !out->n_elements) {
		snprintf(err, size, "no link between BGP neighbors has the subnet %s", words);
		return -EINVAL;
	}
	return ret;
}

static int suppose_pair(struct graph *g, const char *a, const char *b, bool session,
			struct reach_supposed *out, char *err, size_t size)
{
	const char *both[] = { a, b };
	int ret = 0;

	for (int i = 0; i < 2; i++)
		if (graph_node_named(g, both[i]) == GRAPH_NONE) {
			snprintf(err, size, "no device or neighbor is called %s", both[i]);
			return -EINVAL;
		}
	for (uint32_t s = 0; s < g->n_sessions && ret == 0; s++) {
		const struct graph_session *x = &g->sessions[s];
		uint32_t p = g->places[x->place[0]].node, q = g->places[x->place[1]].node;

		if (!(is_named(g, p, a) && is_named(g, q, b)) &&
		    !(is_named(g, p, b) && is_named(g, q, a)))
			continue;
		if (session)
			ret = add(out, REACH_SESSION, s);
		else if (x->link != GRAPH_NONE)
			ret = add(out, REACH_LINK, x->link);
	}
	if (ret == 0 && !out->n_elements) {
		snprintf(err, size, "%s and %s have no %s", a, b,
			 session ? "BGP session" : "link with a BGP session");
		return -EINVAL;
	}
	return ret;
}

static int suppose(struct graph *g, char *words, struct reach_supposed *out, char *err, size_t size)
{
	static const char session[] = "session:";
	bool is_session = strncasecmp(words, session, sizeof(session) - 1) == 0;
	struct prefix subnet;
	char *comma, *colon;

	if (graph_node_named(g, words) != GRAPH_NONE) {
		for (uint32_t n = 0; n < g->n_nodes; n++)
			if (is_named(g, n, words) && add(out, REACH_NODE, n) < 0)
				return -ENOMEM;
		return 0;
	}
	if (prefix_parse(words, &subnet))
		return suppose_subnet(g, &subnet, words, out, err, size);
	if (is_session)
		words += sizeof(session) - 1;
	comma = strchr(words, ',');
	if (comma) {
		*comma = '\0';
		return suppose_pair(g, words, comma + 1, is_session, out, err, size);
	}
	colon = strchr(words, ':');
	if (colon && !is_session) {
		*colon = '\0';
		return suppose_port(g, words, colon + 1, out, err, size);
	}
	snprintf(err, size,
		 is_session ? "a session is session:DEVICE,DEVICE"
			    : "no device or neighbor is called %s; a link is DEVICE:INTERFACE, "
			      "DEVICE,DEVICE or its subnet, a session session:DEVICE,DEVICE",
		 words);
	return -EINVAL;
}

int reach_suppose(struct graph *g, const char *words, struct reach_supposed *out, char *err,
		  size_t size)
{
	char *copy = strdup(words);
	int ret;

	*out = (struct reach_supposed){ .words = words };
	ret = copy ? suppose(g, copy, out, err, size) : -ENOMEM;
	free(copy);
	if (ret < 0)
		reach_supposed_clear(out);
	for (uint32_t i = 0; i < out->n_elements; i++)
		reach_set_cut(g, &out->elements[i], true);
	return ret;
}

void reach_supposed_clear(struct reach_supposed *s)
{
	free(s->elements);
	free(s->remark);
	*s = (struct reach_supposed){ .words = s->words };
}

/* ---- a management switch ---- */

/* Does an address of the device lie in a subnet of the switch? Of the switch any interface
 * counts (a VLAN's address is as good), of the device Ma1. */
static bool share_subnet(const struct fabric_device *d, const struct fabric_device *sw)
{
	for (size_t i = 0; i < d->n_interfaces; i++) {
		if (d->interfaces[i].kind != IF_MANAGEMENT)
			continue;
		for (size_t k = 0; k < d->interfaces[i].n_addresses; k++) {
			const struct prefix *a = &d->interfaces[i].addresses[k].prefix;

			for (size_t m = 0; m < sw->n_interfaces; m++)
				for (size_t n = 0; n < sw->interfaces[m].n_addresses; n++) {
					const struct prefix *b =
						&sw->interfaces[m].addresses[n].prefix;

					if (a->addr.family == b->addr.family &&
					    b->len < addr_bits(&b->addr) &&
					    prefix_contains(b, &a->addr))
						return true;
				}
		}
	}
	return false;
}

int reach_switch_find(struct graph *g, const char *name, struct reach_switch *out, char *err,
		      size_t size)
{
	uint32_t node = graph_node_named(g, name);
	const struct fabric_device *sw = node == GRAPH_NONE ? NULL : g->nodes[node].device;

	*out = (struct reach_switch){ .name = sw ? sw->name : name, .other = GRAPH_NONE };
	out->hangs = calloc(g->n_devices ? g->n_devices : 1, sizeof(*out->hangs));
	if (!out->hangs)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->n_devices; i++) {
		const struct fabric_device *d = g->nodes[i].device;

		if (d->management_switch) {
			out->hangs[i] = strcasecmp(d->management_switch, name) == 0;
		} else if (sw && d != sw && graph_same_fabric(d->name, sw->name) &&
			   share_subnet(d, sw)) {
			/* another switch of the subnet is not hung on this one */
			if (sw->role == ROLE_MGMT_SWITCH && d->role == ROLE_MGMT_SWITCH) {
				out->other = i;
				continue;
			}
			out->hangs[i] = true;
			out->guessed = true;
		}
		out->n += out->hangs[i];
	}
	if (!sw && !out->n)
		snprintf(err, size,
			 "no device is called %s, and no fabric.yaml names it as a "
			 "management_switch",
			 name);
	else if (sw && sw->role != ROLE_MGMT_SWITCH && !(out->n && !out->guessed))
		snprintf(err, size, "%s is no management switch, but a %s (`role` in fabric.yaml)",
			 sw->name, fabric_role_name(sw->role));
	else {
		if (sw)
			g->nodes[node].cut = true;
		return 0;
	}
	reach_switch_clear(out);
	return -EINVAL;
}

void reach_switch_clear(struct reach_switch *s)
{
	free(s->hangs);
	s->hangs = NULL;
}
