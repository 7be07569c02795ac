/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over what the sources say, in their order, with an index of the devices
 * by name and one of their management addresses. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/merge.h"

struct by_address {
	struct addr address;
	uint32_t device;
};

/* What was said of a device so far; beside f->devices. */
struct said {
	const struct inventory_device *role_by; /* NULL: only the host name tells */
};

struct merger {
	struct fabric *f;
	struct inventory *inv;
	uint32_t *names; /* devices sorted by name */
	size_t n_names;
	struct by_address *addresses; /* of Management interfaces, sorted */
	size_t n_addresses;
	struct said *said;
	merge_remark_fn *remark;
	void *arg;
	char *err;
	size_t size;
	int ret;
};

static int by_name(const void *a, const void *b, void *fabric)
{
	const struct fabric *f = fabric;

	return strcmp(f->devices[*(const uint32_t *)a].name, f->devices[*(const uint32_t *)b].name);
}

static int by_address(const void *a, const void *b)
{
	const struct by_address *x = a, *y = b;

	return addr_compare(&x->address, &y->address);
}

static void __attribute__((format(printf, 4, 5)))
note(struct merger *m, const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m->remark(m->arg, DEVICE_NOTE, false, file, line, text);
}

static void __attribute__((format(printf, 3, 4)))
fail(struct merger *m, int line, const char *fmt, ...)
{
	const char *file = m->inv->sources[m->inv->settings].file;
	char text[400];
	va_list ap;

	if (m->ret)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(m->err, m->size, "%s:%d: %s", file, line, text);
	m->ret = -EINVAL;
}

/* "FILE:LINE", the end of a long path; buf has PLACE_LEN bytes. */
#define PLACE_LEN 160
static const char *place(const struct merger *m, const struct inventory_device *s, int line,
			 char *buf)
{
	const char *file = m->inv->sources[s->source].file;
	size_t len = strlen(file);

	if (len > PLACE_LEN - 20)
		file += len - (PLACE_LEN - 20);
	if (line)
		snprintf(buf, PLACE_LEN, "%s:%d", file, line);
	else
		snprintf(buf, PLACE_LEN, "%s", file);
	return buf;
}

static int index_devices(struct merger *m)
{
	struct fabric *f = m->f;
	size_t n = 0;

	for (size_t i = 0; i < f->n_devices; i++)
		for (size_t k = 0; k < f->devices[i].n_interfaces; k++)
			if (f->devices[i].interfaces[k].kind == IF_MANAGEMENT)
				n += f->devices[i].interfaces[k].n_addresses;
	m->names = calloc(f->n_devices + 1, sizeof(*m->names));
	m->addresses = calloc(n + 1, sizeof(*m->addresses));
	if (!m->names || !m->addresses)
		return -ENOMEM;
	for (size_t i = 0; i < f->n_devices; i++) {
		m->names[i] = (uint32_t)i;
		for (size_t k = 0; k < f->devices[i].n_interfaces; k++) {
			const struct fabric_interface *in = &f->devices[i].interfaces[k];

			for (size_t a = 0; in->kind == IF_MANAGEMENT && a < in->n_addresses; a++)
				m->addresses[m->n_addresses++] =
					(struct by_address){ in->addresses[a].prefix.addr,
							     (uint32_t)i };
		}
	}
	m->n_names = f->n_devices;
	qsort_r(m->names, m->n_names, sizeof(*m->names), by_name, f);
	qsort(m->addresses, m->n_addresses, sizeof(*m->addresses), by_address);
	return 0;
}

/* Where name stands, or would stand, in the index. */
static size_t slot_of(const struct merger *m, const char *name, bool *found)
{
	size_t low = 0, high = m->n_names;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(m->f->devices[m->names[mid]].name, name);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint32_t device_named(const struct merger *m, const char *name)
{
	bool found;
	size_t slot = slot_of(m, name, &found);

	return found ? m->names[slot] : UINT32_MAX;
}

/* A device that no configuration tells of, with the name and file of what does. */
static uint32_t append(struct merger *m, const struct inventory_device *s)
{
	struct fabric *f = m->f;
	struct fabric_device *devices;
	struct said *said;
	uint32_t *names, number = (uint32_t)f->n_devices;
	size_t slot;
	bool found;

	devices = realloc(f->devices, (f->n_devices + 1) * sizeof(*devices));
	if (devices)
		f->devices = devices;
	said = realloc(m->said, (f->n_devices + 1) * sizeof(*said));
	if (said)
		m->said = said;
	names = realloc(m->names, (m->n_names + 1) * sizeof(*names));
	if (names)
		m->names = names;
	if (!devices || !said || !names)
		return UINT32_MAX;
	devices[number] = (struct fabric_device){ .name = strdup(s->name),
						  .file = strdup(m->inv->sources[s->source].file),
						  .role = device_role(s->name),
						  .no_config = true };
	said[number] = (struct said){ NULL };
	f->n_devices++;
	if (!devices[number].name || !devices[number].file)
		return UINT32_MAX;
	slot = slot_of(m, s->name, &found);
	memmove(names + slot + 1, names + slot, (m->n_names - slot) * sizeof(*names));
	names[slot] = number;
	m->n_names++;
	return number;
}

/* By host name first, then by the other name, then by a management address: an
 * export's resource name need not be the host name. */
static uint32_t find(const struct merger *m, const struct inventory_device *s)
{
	uint32_t device = device_named(m, s->name);

	if (device == UINT32_MAX && s->alias)
		device = device_named(m, s->alias);
	for (size_t i = 0; device == UINT32_MAX && i < s->n_addresses; i++) {
		struct by_address key = { s->addresses[i].address, 0 };
		const struct by_address *at = m->n_addresses
						      ? bsearch(&key, m->addresses, m->n_addresses,
								sizeof(key), by_address)
						      : NULL;

		if (at)
			device = at->device;
	}
	return device;
}

/* Told at the device's configuration, so that whoever looks at the device sees it; at
 * the source where there is none. */
static void __attribute__((format(printf, 5, 6)))
conflict(struct merger *m, const struct fabric_device *d, const struct inventory_device *s,
	 int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (d->no_config)
		m->remark(m->arg, DEVICE_PROBLEM, true, m->inv->sources[s->source].file, s->line,
			  text);
	else
		m->remark(m->arg, DEVICE_PROBLEM, true, d->file, line, text);
}

static void merge_role(struct merger *m, uint32_t number, const struct inventory_device *s)
{
	struct fabric_device *d = &m->f->devices[number];
	const struct inventory_device *before = m->said[number].role_by;
	char here[PLACE_LEN], there[PLACE_LEN];

	if (s->role == ROLE_UNKNOWN)
		return;
	place(m, s, s->line, here);
	if (before && before->role != s->role) {
		conflict(m, d, s, 0,
			 "role of %s: %s in %s, %s in %s, which counts; `role` in fabric.yaml "
			 "decides",
			 d->name, fabric_role_name(s->role), here, fabric_role_name(before->role),
			 place(m, before, before->line, there));
		return;
	}
	if (before)
		return;
	if (d->role != ROLE_UNKNOWN && d->role != s->role)
		conflict(m, d, s, 0,
			 "role of %s: %s by its host name, %s in %s, which counts; `role` in "
			 "fabric.yaml decides",
			 d->name, fabric_role_name(d->role), fabric_role_name(s->role), here);
	d->role = s->role;
	m->said[number].role_by = s;
}

static int add_told(struct merger *m, uint32_t number, const struct inventory_device *s,
		    const struct inventory_address *a)
{
	struct fabric_device *d = &m->f->devices[number];
	struct fabric_told *array;

	array = realloc(d->told, (d->n_told + 1) * sizeof(*array));
	if (!array)
		return -ENOMEM;
	d->told = array;
	array[d->n_told++] = (struct fabric_told){
		.address = a->address, .path = a->path, .source = s->source, .line = a->line
	};
	return 0;
}

/* An export's management address. */
static int merge_address(struct merger *m, uint32_t number, const struct inventory_device *s,
			 const struct inventory_address *a)
{
	struct fabric_device *d = &m->f->devices[number];
	const struct fabric_address *own = NULL;
	char here[ADDR_STRLEN], there[ADDR_STRLEN], where[PLACE_LEN];

	for (size_t i = 0; i < d->n_interfaces; i++)
		for (size_t k = 0; k < d->interfaces[i].n_addresses; k++) {
			const struct fabric_address *b = &d->interfaces[i].addresses[k];

			if (addr_equal(&b->prefix.addr, &a->address))
				return 0;
			if (!own && d->interfaces[i].kind == IF_MANAGEMENT &&
			    b->prefix.addr.family == a->address.family)
				own = b;
		}
	place(m, s, a->line, where);
	if (own) {
		conflict(m, d, s, own->line,
			 "management address of %s: %s here, which counts, %s in %s", d->name,
			 addr_format(&own->prefix.addr, there), addr_format(&a->address, here),
			 where);
		return 0;
	}
	for (size_t i = 0; i < d->n_told; i++) {
		const struct fabric_told *b = &d->told[i];

		if (addr_equal(&b->address, &a->address))
			return 0;
		/* one source may know several */
		if (b->source == s->source || b->address.family != a->address.family)
			continue;
		conflict(m, d, s, 0,
			 "management address of %s: %s in %s, %s in %s:%d, which counts", d->name,
			 addr_format(&a->address, here), where, addr_format(&b->address, there),
			 m->inv->sources[b->source].file, b->line);
		return 0;
	}
	return add_told(m, number, s, a);
}

static int merge_export(struct merger *m, size_t i)
{
	const struct inventory_device *s = &m->inv->devices[i];
	uint32_t number = find(m, s);
	int ret = 0;

	if (number == UINT32_MAX) {
		number = append(m, s);
		if (number == UINT32_MAX)
			return -ENOMEM;
		note(m, m->inv->sources[s->source].file, s->line,
		     "%s has no configuration here: known by this entry alone", s->name);
	}
	merge_role(m, number, s);
	for (size_t k = 0; k < s->n_addresses && ret == 0; k++)
		ret = merge_address(m, number, s, &s->addresses[k]);
	return ret;
}

/* ---- fabric.yaml ---- */

static int set_switch(struct fabric_device *d, const char *name)
{
	free(d->management_switch);
	d->management_switch = strdup(name);
	return d->management_switch ? 0 : -ENOMEM;
}

static int merge_settings(struct merger *m, const struct inventory_device *s)
{
	uint32_t number = find(m, s);
	struct fabric_device *d;
	int ret = 0;

	if (number == UINT32_MAX && !s->n_addresses) {
		fail(m, s->line,
		     "no device %s: no configuration or export has it, and without targets "
		     "there is nothing to watch",
		     s->name);
		return m->ret;
	}
	if (number == UINT32_MAX)
		number = append(m, s);
	if (number == UINT32_MAX)
		return -ENOMEM;
	d = &m->f->devices[number];
	if (s->role != ROLE_UNKNOWN)
		d->role = s->role;
	if (s->management_switch)
		ret = set_switch(d, s->management_switch);
	for (size_t i = 0; i < s->n_addresses && ret == 0; i++)
		ret = add_told(m, number, s, &s->addresses[i]);
	return ret;
}

/* The switch whose narrowest subnet holds a primary address of the device. */
static const char *switch_by_subnet(const struct merger *m, const struct fabric_device *d)
{
	const char *best = NULL;
	int length = -1;

	for (size_t i = 0; i < m->inv->n_switches; i++) {
		const struct inventory_switch *s = &m->inv->switches[i];

		for (size_t k = 0; k < s->n_subnets; k++) {
			const struct prefix *p = &s->subnets[k];
			bool in = false;

			if (p->len <= length)
				continue;
			for (size_t n = 0; n < d->n_interfaces; n++)
				for (size_t a = 0; d->interfaces[n].kind == IF_MANAGEMENT &&
						   a < d->interfaces[n].n_addresses;
				     a++)
					in |= prefix_contains(
						p, &d->interfaces[n].addresses[a].prefix.addr);
			for (size_t n = 0; n < d->n_told; n++)
				in |= d->told[n].path == GW_PATH_PRIMARY &&
				      prefix_contains(p, &d->told[n].address);
			if (in) {
				best = s->name;
				length = p->len;
			}
		}
	}
	return best;
}

/* The device's own line counts, then a switch's list, then the subnets. */
static int merge_switches(struct merger *m)
{
	struct fabric *f = m->f;

	for (size_t i = 0; i < m->inv->n_switches; i++) {
		const struct inventory_switch *s = &m->inv->switches[i];

		for (size_t k = 0; k < s->n_devices; k++) {
			uint32_t number = device_named(m, s->devices[k]);
			struct fabric_device *d;

			if (number == UINT32_MAX) {
				fail(m, s->device_lines[k], "no device %s", s->devices[k]);
				return m->ret;
			}
			d = &f->devices[number];
			if (d->management_switch && strcmp(d->management_switch, s->name) != 0) {
				fail(m, s->device_lines[k], "%s hangs on %s already", d->name,
				     d->management_switch);
				return m->ret;
			}
			if (set_switch(d, s->name) < 0)
				return -ENOMEM;
		}
	}
	for (size_t i = 0; m->inv->n_switches && i < f->n_devices; i++) {
		const char *name = f->devices[i].management_switch
					   ? NULL
					   : switch_by_subnet(m, &f->devices[i]);

		/* a switch's own Ma1 may be in the subnet that it makes */
		if (name && strcmp(name, f->devices[i].name) != 0 &&
		    set_switch(&f->devices[i], name) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- ipPrefixes ---- */

static bool is_trusted(const struct inventory *inv, const struct inventory_list *l)
{
	for (size_t i = 0; l->id && i < inv->n_trusted; i++)
		if (strcasecmp(inv->trusted[i], l->id) == 0)
			return true;
	return false;
}

static int take_lists(struct merger *m)
{
	struct inventory *inv = m->inv;
	struct fabric *f = m->f;

	f->intended = calloc(inv->n_lists ? inv->n_lists : 1, sizeof(*f->intended));
	if (!f->intended)
		return -ENOMEM;
	for (size_t i = 0; i < inv->n_lists; i++) {
		f->intended[i] =
			(struct fabric_intent){ .list = inv->lists[i].list,
						.source = inv->lists[i].source,
						.trusted = is_trusted(inv, &inv->lists[i]) };
		inv->lists[i].list = (struct prefix_list){ 0 };
	}
	f->n_intended = inv->n_lists;
	for (size_t i = 0; i < inv->n_trusted; i++) {
		bool found = false;

		for (size_t k = 0; k < inv->n_lists && !found; k++)
			found = inv->lists[k].id &&
				strcasecmp(inv->lists[k].id, inv->trusted[i]) == 0;
		if (!found)
			note(m, NULL, 0,
			     "trustedIpPrefixes of the Nexus fabric names %.200s, which no export "
			     "here holds: not compared",
			     inv->trusted[i]);
	}
	return 0;
}

int merge_inventory(struct fabric *f, struct inventory *inv, merge_remark_fn *remark, void *arg,
		    char *err, size_t size)
{
	struct merger m = {
		.f = f, .inv = inv, .remark = remark, .arg = arg, .err = err, .size = size
	};

	m.said = calloc(f->n_devices + 1, sizeof(*m.said));
	m.ret = m.said ? index_devices(&m) : -ENOMEM;
	for (size_t i = 0; i < inv->n_devices && m.ret == 0; i++)
		if ((int)inv->devices[i].source != inv->settings)
			m.ret = merge_export(&m, i);
	for (size_t i = 0; i < inv->n_devices && m.ret == 0; i++)
		if ((int)inv->devices[i].source == inv->settings)
			m.ret = merge_settings(&m, &inv->devices[i]);
	if (m.ret == 0)
		m.ret = merge_switches(&m);
	if (m.ret == 0)
		m.ret = take_lists(&m);
	if (m.ret == 0) {
		f->sources = inv->sources;
		f->n_sources = inv->n_sources;
		f->names = inv->names;
		f->texts = inv->texts;
		f->n_texts = inv->n_texts;
		inv->sources = NULL;
		inv->texts = NULL;
		inv->n_sources = inv->n_texts = 0;
	}
	free(m.names);
	free(m.addresses);
	free(m.said);
	return m.ret;
}

/* ---- trust as intended ---- */

static bool same_entry(const struct prefix_entry *a, const struct prefix_entry *b)
{
	return a->seq == b->seq && a->permit == b->permit && a->prefix.len == b->prefix.len &&
	       addr_equal(&a->prefix.addr, &b->prefix.addr) && a->eq == b->eq && a->ge == b->ge &&
	       a->le == b->le;
}

/* "seq 20 permit 198.19.128.0/17 is missing" */
static void say_difference(const struct prefix_list *have, const struct prefix_list *want,
			   char *out, size_t size, int *line)
{
	const struct prefix_entry *e;
	const char *what;
	char text[PREFIX_STRLEN];
	size_t i = 0;

	while (i < have->n_entries && i < want->n_entries &&
	       same_entry(&have->entries[i], &want->entries[i]))
		i++;
	*line = i < have->n_entries ? have->entries[i].line : have->line;
	if (i == have->n_entries ||
	    (i < want->n_entries && want->entries[i].seq < have->entries[i].seq)) {
		e = &want->entries[i];
		what = "is missing";
		*line = have->line;
	} else {
		e = &have->entries[i];
		what = i < want->n_entries && want->entries[i].seq == e->seq ? "is another there"
									     : "is not there";
	}
	snprintf(out, size, "seq %u %s %s %s", e->seq, e->permit ? "permit" : "deny",
		 prefix_format(&e->prefix, text), what);
}

static bool same_list(const struct prefix_list *a, const struct prefix_list *b)
{
	if (a->n_entries != b->n_entries)
		return false;
	for (size_t i = 0; i < a->n_entries; i++)
		if (!same_entry(&a->entries[i], &b->entries[i]))
			return false;
	return true;
}

void merge_compare_trust(const struct fabric *f, merge_remark_fn *remark, void *arg)
{
	for (size_t i = 0; i < f->n_intended; i++) {
		const struct fabric_intent *want = &f->intended[i];

		if (!want->trusted || !want->list.family)
			continue;
		for (uint32_t p = 0; p < f->n_policies; p++) {
			const struct prefix_list *have = want->list.family == 4 ? f->policies[p].v4
										: f->policies[p].v6;
			const struct fabric_device *first = NULL;
			char difference[160], text[512];
			size_t n = 0;
			int line;

			if (!have || same_list(have, &want->list))
				continue;
			for (size_t k = 0; k < f->n_devices; k++)
				if (f->devices[k].policy == p && !f->devices[k].no_config) {
					first = first ? first : &f->devices[k];
					n++;
				}
			if (!first)
				continue;
			say_difference(have, &want->list, difference, sizeof(difference), &line);
			snprintf(text, sizeof(text),
				 "%s of %s%s differs from ipPrefixes %s (%s:%d), which the Nexus "
				 "fabric trusts: %s",
				 have->name, first->name, n > 1 ? " and others" : "",
				 want->list.name, f->sources[want->source].file, want->list.line,
				 difference);
			remark(arg, DEVICE_NOTE, true, first->file, line, text);
		}
	}
}
