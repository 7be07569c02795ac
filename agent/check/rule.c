/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/rule.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/device.h"
#include "common/fnv.h"

/* ---- the scope ---- */

static int by_address(const void *a, const void *b)
{
	const struct scope_address *x = a, *y = b;
	int c = addr_compare(&x->address->prefix.addr, &y->address->prefix.addr);

	if (c)
		return c;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->address->line < y->address->line ? -1 : x->address->line > y->address->line;
}

static int build_addresses(struct scope *s)
{
	const struct fabric *f = s->fabric;
	size_t n = 0;

	for (size_t i = 0; i < f->n_devices; i++)
		for (size_t k = 0; k < f->devices[i].n_interfaces; k++)
			n += f->devices[i].interfaces[k].n_addresses;
	s->addresses = calloc(n ? n : 1, sizeof(*s->addresses));
	if (!s->addresses)
		return -ENOMEM;
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct fabric_device *d = &f->devices[i];

		for (size_t k = 0; k < d->n_interfaces; k++)
			for (size_t a = 0; a < d->interfaces[k].n_addresses; a++)
				s->addresses[s->n_addresses++] =
					(struct scope_address){ d, &d->interfaces[k],
								&d->interfaces[k].addresses[a] };
	}
	if (n)
		qsort(s->addresses, n, sizeof(*s->addresses), by_address);
	return 0;
}

uint64_t rule_list_digest(const struct prefix_list *l)
{
	uint64_t h = FNV1A64_START;

	for (size_t i = 0; i < l->n_entries; i++) {
		const struct prefix_entry *e = &l->entries[i];
		uint8_t bytes[21] = { e->permit, e->prefix.len, e->eq, e->ge, e->le };

		memcpy(bytes + 5, e->prefix.addr.bytes, sizeof(e->prefix.addr.bytes));
		h = fnv1a64(h, bytes, sizeof(bytes));
	}
	return h;
}

static int by_digest(const void *a, const void *b)
{
	const struct scope_list *x = a, *y = b;

	if (x->digest != y->digest)
		return x->digest < y->digest ? -1 : 1;
	return x->device < y->device ? -1 : x->device > y->device;
}

static int by_count(const void *a, const void *b)
{
	const struct scope_list *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->device < y->device ? -1 : x->device > y->device;
}

static int build_lists(struct scope *s, uint8_t family)
{
	const struct fabric *f = s->fabric;
	size_t at = family == 4 ? 0 : 1, n = 0, kept = 0;
	struct scope_list *all = calloc(f->n_devices ? f->n_devices : 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	s->lists[at] = all;
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct fabric_device *d = &f->devices[i];
		const struct prefix_list *l;

		if (d->role != ROLE_CE && d->role != ROLE_TOR)
			continue;
		l = device_list(d, family, family == 4 ? s->names->trusted : s->names->trusted_v6);
		if (l && !l->external && l->n_entries)
			all[n++] = (struct scope_list){ l, d, rule_list_digest(l), 1 };
	}
	s->n_with[at] = n;
	if (n)
		qsort(all, n, sizeof(*all), by_digest);
	for (size_t i = 0; i < n; i++) {
		if (kept && all[kept - 1].digest == all[i].digest)
			all[kept - 1].n++;
		else
			all[kept++] = all[i];
	}
	if (kept)
		qsort(all, kept, sizeof(*all), by_count);
	s->n_lists[at] = kept;
	return 0;
}

int scope_build(struct scope *s, const struct fabric *f)
{
	*s = (struct scope){ .fabric = f, .names = &f->names };
	if (build_addresses(s) < 0 || build_lists(s, 4) < 0 || build_lists(s, 6) < 0) {
		scope_clear(s);
		return -ENOMEM;
	}
	return 0;
}

void scope_clear(struct scope *s)
{
	free(s->addresses);
	free(s->lists[0]);
	free(s->lists[1]);
	memset(s, 0, sizeof(*s));
}

const struct scope_address *scope_owners(const struct scope *s, const struct addr *a, size_t *n)
{
	size_t low = 0, high = s->n_addresses;

	while (low < high) { /* the first that is not below a */
		size_t mid = low + (high - low) / 2;

		if (addr_compare(&s->addresses[mid].address->prefix.addr, a) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*n = 0;
	while (low + *n < s->n_addresses &&
	       addr_equal(&s->addresses[low + *n].address->prefix.addr, a))
		(*n)++;
	return s->addresses + low;
}

const struct fabric_problem *scope_remarks(const struct fabric_problem *all, size_t n_all,
					   const char *file, size_t *n)
{
	size_t low = 0, high = n_all;

	while (low < high) { /* the first that is not below file */
		size_t mid = low + (high - low) / 2;

		if (strcmp(all[mid].file ? all[mid].file : "", file) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*n = 0;
	while (low + *n < n_all && all[low + *n].file && strcmp(all[low + *n].file, file) == 0)
		(*n)++;
	return all ? all + low : NULL;
}

/* ---- links ---- */

/* A subnet of a device, with the place of its address in the configuration. */
struct subnet {
	struct prefix net;
	struct scope_link link;
	size_t order;
};

static int by_length(const struct prefix *a, const struct prefix *b)
{
	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

static int by_subnet(const void *a, const void *b)
{
	const struct subnet *x = a, *y = b;
	int c = by_length(&x->net, &y->net);

	if (!c)
		c = addr_compare(&x->net.addr, &y->net.addr);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static struct subnet *subnets_of(const struct fabric_device *d, size_t *n)
{
	struct subnet *all;
	size_t most = 0;

	*n = 0;
	for (size_t i = 0; i < d->n_interfaces; i++)
		most += d->interfaces[i].n_addresses;
	all = calloc(most ? most : 1, sizeof(*all));
	for (size_t i = 0; all && i < d->n_interfaces; i++) {
		const struct fabric_interface *in = &d->interfaces[i];

		for (size_t k = 0; in->kind == IF_OTHER && k < in->n_addresses; k++) {
			all[*n] = (struct subnet){ prefix_mask(&in->addresses[k].prefix),
						   { in, &in->addresses[k] },
						   *n };
			(*n)++;
		}
	}
	if (all && *n)
		qsort(all, *n, sizeof(*all), by_subnet);
	return all;
}

/* The first of all that is not below key. */
static size_t subnet_at(const struct subnet *all, size_t n, const struct subnet *key)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_subnet(&all[mid], key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Of the subnets that hold the neighbor, the one that is configured first. */
static struct scope_link link_of(const struct subnet *all, size_t n,
				 const struct fabric_neighbor *to)
{
	const struct subnet *best = NULL;
	size_t i = 0;

	while (i < n) { /* once for each family and length that there is */
		struct subnet key = { .net = all[i].net };

		if (key.net.addr.family == to->address.family) {
			key.net.addr = to->address;
			key.net = prefix_mask(&key.net);
			for (size_t k = subnet_at(all, n, &key);
			     k < n && by_length(&all[k].net, &key.net) == 0 &&
			     addr_equal(&all[k].net.addr, &key.net.addr);
			     k++) {
				if (!model_same_vrf(all[k].link.in->vrf, to->vrf))
					continue;
				if (!best || all[k].order < best->order)
					best = &all[k];
				break;
			}
		}
		key.net = all[i].net;
		memset(key.net.addr.bytes, 0xff, sizeof(key.net.addr.bytes));
		key.order = SIZE_MAX;
		i = subnet_at(all, n, &key); /* the next length */
	}
	return best ? best->link : (struct scope_link){ NULL, NULL };
}

struct scope_link *scope_links(const struct fabric_device *d, size_t *n)
{
	struct scope_link *links = NULL;
	struct subnet *all;
	size_t n_all;

	*n = d->n_neighbors;
	if (!*n)
		return NULL;
	all = subnets_of(d, &n_all);
	if (all)
		links = calloc(*n, sizeof(*links));
	for (size_t i = 0; links && i < *n; i++)
		links[i] = link_of(all, n_all, &d->neighbors[i]);
	free(all);
	return links;
}

/* ---- telling ---- */

struct finding *rule_tell(const struct subject *s, int line, const char *fmt, ...)
{
	struct finding f = { .device = s->d->name,
			     .step = s->rule->step,
			     .code = s->rule->code,
			     .severity = s->rule->severity,
			     .file = s->d->file,
			     .line = line };
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&f.reason, fmt, ap) < 0)
		f.reason = NULL;
	va_end(ap);
	return finding_add(s->out, &f);
}

void rule_mend(struct finding *f, const char *fmt, ...)
{
	char *more = NULL, *both = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&more, fmt, ap) < 0)
		more = NULL;
	va_end(ap);
	if (!more || !f->fix) {
		f->fix = more ? more : f->fix;
		return;
	}
	if (asprintf(&both, "%s%s", f->fix, more) >= 0) {
		free(f->fix);
		f->fix = both;
	}
	free(more);
}

/* ---- what rules ask ---- */

const char *rule_ip(uint8_t family)
{
	return family == 4 ? "ip" : "ipv6";
}

const char *rule_vrf(const char *vrf)
{
	return vrf ? vrf : "default";
}

const struct fabric_interface *rule_inband(const struct subject *s)
{
	for (size_t i = 0; i < s->d->n_interfaces; i++)
		if (strcmp(s->d->interfaces[i].name, s->names->interface) == 0)
			return &s->d->interfaces[i];
	return NULL;
}

const struct fabric_address *rule_address(const struct fabric_interface *in, uint8_t family)
{
	const struct fabric_address *first = NULL;

	for (size_t i = 0; i < in->n_addresses; i++) {
		const struct fabric_address *a = &in->addresses[i];

		if (a->prefix.addr.family != family || a->secondary)
			continue;
		if (a->prefix.len == addr_bits(&a->prefix.addr))
			return a;
		if (!first)
			first = a;
	}
	return first;
}

const char *rule_inband_vrf(const struct subject *s)
{
	return s->d->role == ROLE_CE ? s->names->vrf : NULL;
}

const struct prefix_list *rule_list(const struct subject *s, uint8_t family, const char *name)
{
	return device_list(s->d, family, name);
}

bool rule_is_underlay(const struct subject *s, const struct fabric_neighbor *n)
{
	return !n->vrf && n->peer_group && strcmp(n->peer_group, s->names->peer_group) == 0;
}

const struct fabric_interface *rule_link(const struct subject *s, const struct fabric_neighbor *n,
					 const struct fabric_address **own)
{
	const struct scope_link *l = &s->links[n - s->d->neighbors];

	if (own && l->in)
		*own = l->own;
	return l->in;
}

const struct scope_address *rule_far_end(const struct subject *s, const struct fabric_neighbor *n)
{
	size_t count;
	const struct scope_address *a = scope_owners(s->scope, &n->address, &count);

	for (size_t i = 0; i < count; i++)
		if (a[i].device != s->d && a[i].interface->kind == IF_OTHER &&
		    model_same_vrf(a[i].interface->vrf, n->vrf))
			return &a[i];
	return NULL;
}
