/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Ansible inventory in YAML. What it names that a configuration names too: the
 * hosts, their management address (`ansible_host`, when it is an address) and
 * their role: a host's `role` or `device_role`, else the name of a group that is
 * a role's (a group CE, or TOR inside of another one).
 *
 * A host may stand in many groups, also through aliases (`&a`, `*a`); all that is
 * said of it is put together. Variables that groups give to their hosts, and those
 * of group_vars/ and host_vars/, are not read: they may be templates.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/inventory.h"
#include "common/fabric/yaml_tree.h"
#include "common/fnv.h"

#define MAX_DEPTH 32	  /* of groups in groups */
#define MAX_VISITS 200000 /* an alias to a group counts whenever it is met */
#define MAX_NAME 255

struct reader {
	struct inventory *inv;
	uint32_t source;
	size_t first; /* of inv->devices that is of this source */
	struct yaml_tree *tree;
	device_report_fn *report;
	void *arg;
	size_t visits;
	size_t *index; /* hosts by hash of their name; 0: free, else number + 1 */
	size_t n_index;
	int ret;
};

static void __attribute__((format(printf, 3, 4)))
problem(struct reader *r, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->report(r->arg, DEVICE_PROBLEM, line, text);
}

static size_t hash_of(const char *name)
{
	uint64_t h = fnv1a64(FNV1A64_START, name, strlen(name));

	return (size_t)(h ^ h >> 32);
}

/* Twice the room, all hosts of this source put in again. */
static bool widen(struct reader *r)
{
	size_t n = r->n_index ? 2 * r->n_index : 64;
	size_t *index = calloc(n, sizeof(*index));

	if (!index)
		return false;
	for (size_t i = r->first; i < r->inv->n_devices; i++) {
		size_t at = hash_of(r->inv->devices[i].name) & (n - 1);

		while (index[at])
			at = (at + 1) & (n - 1);
		index[at] = i + 1;
	}
	free(r->index);
	r->index = index;
	r->n_index = n;
	return true;
}

/* The host of that name, made where there is none. NULL: no memory. */
static struct inventory_device *host_at(struct reader *r, const char *name, int line)
{
	struct inventory_device *d;
	size_t at;

	if (2 * (r->inv->n_devices - r->first + 1) > r->n_index && !widen(r))
		return NULL;
	at = hash_of(name) & (r->n_index - 1);
	for (; r->index[at]; at = (at + 1) & (r->n_index - 1)) {
		d = &r->inv->devices[r->index[at] - 1];
		if (strcmp(d->name, name) == 0)
			return d;
	}
	d = inventory_device(r->inv, name, line, r->source);
	if (d)
		r->index[at] = r->inv->n_devices;
	return d;
}

static void read_host(struct reader *r, int key, int vars, enum fabric_role role)
{
	static const char *const roles[] = { "role", "device_role" };
	const char *name = yaml_text(r->tree, key), *text;
	struct inventory_device *d;
	struct addr a;

	if (!name || !*name || strlen(name) > MAX_NAME) {
		problem(r, yaml_line(r->tree, key), "a host's name is wanted");
		return;
	}
	if (strchr(name, '[')) { /* leaf[01:16]: several, and no host of that name */
		problem(r, yaml_line(r->tree, key), "%.60s: ranges of hosts are not read", name);
		return;
	}
	d = host_at(r, name, yaml_line(r->tree, key));
	if (!d) {
		r->ret = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		text = yaml_text(r->tree, yaml_get(r->tree, vars, roles[i]));
		if (text && inventory_role(text) != ROLE_UNKNOWN)
			role = inventory_role(text);
	}
	if (role != ROLE_UNKNOWN && d->role == ROLE_UNKNOWN) {
		d->role = role;
	} else if (role != ROLE_UNKNOWN && d->role != role) {
		problem(r, yaml_line(r->tree, key),
			"%s is a %s here and a %s on line %d: the first counts", d->name,
			fabric_role_name(role), fabric_role_name(d->role), d->line);
	}
	text = yaml_text(r->tree, yaml_get(r->tree, vars, "ansible_host"));
	if (text && addr_parse(text, &a) &&
	    inventory_address(d, &a, GW_PATH_PRIMARY,
			      yaml_line(r->tree, yaml_get(r->tree, vars, "ansible_host"))) < 0)
		r->ret = -ENOMEM;
}

static void read_group(struct reader *r, const char *name, int group, enum fabric_role role,
		       unsigned depth)
{
	int hosts = yaml_get(r->tree, group, "hosts");
	int children = yaml_get(r->tree, group, "children");

	if (depth > MAX_DEPTH || ++r->visits > MAX_VISITS) {
		if (r->visits <= MAX_VISITS + 1)
			problem(r, yaml_line(r->tree, group),
				"groups stand in groups without an end: the rest is not read");
		r->visits = MAX_VISITS + 1;
		return;
	}
	if (inventory_role(name) != ROLE_UNKNOWN)
		role = inventory_role(name);
	if (yaml_kind_of(r->tree, hosts) == YAML_MAP)
		for (size_t i = 0; i < yaml_size(r->tree, hosts) && !r->ret; i++) {
			if (++r->visits > MAX_VISITS)
				return;
			read_host(r, yaml_key(r->tree, hosts, i), yaml_item(r->tree, hosts, i),
				  role);
		}
	else if (yaml_kind_of(r->tree, hosts) != YAML_NOTHING)
		problem(r, yaml_line(r->tree, hosts), "hosts of %.60s: `NAME:` lines are wanted",
			name);
	for (size_t i = 0; i < yaml_size(r->tree, children) && !r->ret; i++) {
		const char *child = yaml_text(r->tree, yaml_key(r->tree, children, i));

		if (child)
			read_group(r, child, yaml_item(r->tree, children, i), role, depth + 1);
	}
}

/* A map whose values are groups: maps that have hosts, children or vars, or nothing. */
static bool is_inventory(struct yaml_tree *t)
{
	int root = yaml_root(t);
	bool any = false;

	if (yaml_kind_of(t, root) != YAML_MAP)
		return false;
	for (size_t i = 0; i < yaml_size(t, root); i++) {
		int group = yaml_item(t, root, i);

		if (yaml_get(t, group, "hosts") || yaml_get(t, group, "children"))
			any = true;
		else if (yaml_kind_of(t, group) != YAML_NOTHING && !yaml_get(t, group, "vars"))
			return false;
	}
	return any;
}

int inventory_read_ansible(struct inventory *inv, const char *text, size_t len,
			   device_report_fn *report, void *arg)
{
	struct reader r = { .inv = inv,
			    .source = (uint32_t)inv->n_sources - 1,
			    .first = inv->n_devices,
			    .report = report,
			    .arg = arg };
	char why[256];
	int line, root;

	inv->sources[r.source].kind = "unknown";
	r.tree = yaml_tree_read(text, len, &line, why, sizeof(why));
	if (!r.tree && line == 0)
		return -ENOMEM;
	if (!r.tree) {
		problem(&r, line, "%s", why);
		return 0;
	}
	root = yaml_root(r.tree);
	if (!is_inventory(r.tree)) {
		problem(&r, yaml_line(r.tree, root),
			"no Ansible inventory (groups with `hosts:` or `children:`): not read; "
			"what glasswatch itself is told belongs into fabric.yaml");
	} else {
		inv->sources[r.source].kind = "ansible";
		if (yaml_second(r.tree))
			problem(&r, yaml_second(r.tree), "a second document is not read");
		for (size_t i = 0; i < yaml_size(r.tree, root) && !r.ret; i++) {
			const char *name = yaml_text(r.tree, yaml_key(r.tree, root, i));

			if (name)
				read_group(&r, name, yaml_item(r.tree, root, i), ROLE_UNKNOWN, 0);
		}
	}
	yaml_tree_free(r.tree);
	free(r.index);
	return r.ret;
}
