/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fabric.yaml: what a person adds to the configurations or knows better.
 *
 *	names:                  what the fabric calls things, key by key (names.h)
 *	  peer_group: CE_TOR_UNDERLAY
 *	devices:
 *	  HOST:
 *	    role: ce            ce tor mgmt-switch npb terminal-server pe
 *	    management_switch: NAME
 *	    targets:            further addresses to watch
 *	      - address: 192.0.2.99
 *	        path: primary   or in-band
 *	management_switches:    whose Ma1 hang on which switch
 *	  NAME:
 *	    subnets: [192.0.2.0/25]
 *	    devices: [HOST, ...]
 *
 * All of it is optional. It is written by hand, so a slip is an error with its line,
 * never passed over: a role that is silently not set would be worse than none.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/inventory.h"
#include "common/fabric/yaml_tree.h"

#define MAX_NAME 255

struct reader {
	struct inventory *inv;
	uint32_t source;
	struct yaml_tree *tree;
	char *err;
	size_t size;
	int ret; /* 0, -EINVAL with err, -ENOMEM */
};

/* Always false. The first fault is the one that is told. */
static bool __attribute__((format(printf, 3, 4)))
fail(struct reader *r, int line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (r->ret)
		return false;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(r->err, r->size, "%d: %s", line, text);
	r->ret = -EINVAL;
	return false;
}

static bool no_memory(struct reader *r)
{
	r->ret = -ENOMEM;
	return false;
}

/* One value, a word of at most MAX_NAME bytes. NULL: said. */
static const char *word_at(struct reader *r, int node, int key, const char *what)
{
	const char *text = yaml_text(r->tree, node);

	if (yaml_kind_of(r->tree, node) != YAML_TEXT || !text || !*text ||
	    strlen(text) > MAX_NAME || strpbrk(text, " \t\r\n")) {
		fail(r, yaml_line(r->tree, node ? node : key), "%s: one word is wanted", what);
		return NULL;
	}
	return text;
}

static bool is_map(struct reader *r, int node, int key, const char *what)
{
	enum yaml_kind kind = yaml_kind_of(r->tree, node);

	if (kind == YAML_MAP || kind == YAML_NOTHING)
		return true;
	return fail(r, yaml_line(r->tree, key), "%s holds keys of its own; indent them below it",
		    what);
}

static bool twice(struct reader *r, const char *text, int line, int first)
{
	return fail(r, line, "%.64s is given twice, first on line %d", text, first);
}

/* The i'th key of a map, a word that no earlier key of it is. NULL: said. For maps of
 * our own keys: it looks at all that stand before. */
static const char *key_at(struct reader *r, int map, size_t i)
{
	int key = yaml_key(r->tree, map, i);
	const char *text = word_at(r, key, key, "a key");

	for (size_t k = 0; text && k < i; k++) {
		const char *before = yaml_text(r->tree, yaml_key(r->tree, map, k));

		if (before && strcmp(before, text) == 0) {
			twice(r, text, yaml_line(r->tree, key),
			      yaml_line(r->tree, yaml_key(r->tree, map, k)));
			return NULL;
		}
	}
	return text;
}

struct name {
	const char *text;
	int line;
};

static int by_text(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	return c ? c : x->line < y->line ? -1 : x->line > y->line;
}

/* The keys of a map are names, thousands of them perhaps: words, and each once. */
static bool check_keys(struct reader *r, int map)
{
	size_t n = yaml_size(r->tree, map);
	struct name *names = calloc(n ? n : 1, sizeof(*names));

	if (!names)
		return no_memory(r);
	for (size_t i = 0; i < n && !r->ret; i++) {
		int key = yaml_key(r->tree, map, i);

		names[i] = (struct name){ word_at(r, key, key, "a name"), yaml_line(r->tree, key) };
	}
	if (!r->ret && n)
		qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 1; i < n && !r->ret; i++)
		if (strcmp(names[i - 1].text, names[i].text) == 0)
			twice(r, names[i].text, names[i].line, names[i - 1].line);
	free(names);
	return r->ret == 0;
}

static bool unknown(struct reader *r, int key, const char *where, const char *known)
{
	return fail(r, yaml_line(r->tree, key), "unknown key '%.64s'%s%.64s; known: %s",
		    yaml_text(r->tree, key), *where ? " of " : "", where, known);
}

static bool read_names(struct reader *r, int map)
{
	for (size_t i = 0; i < yaml_size(r->tree, map); i++) {
		const char *key = key_at(r, map, i), **slot, *text;
		char known[256] = "", **texts;

		if (!key)
			return false;
		slot = fabric_names_at(&r->inv->names, key);
		for (size_t k = 0; !slot && fabric_names_key(k); k++)
			snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
				 k ? ", " : "", fabric_names_key(k));
		if (!slot)
			return unknown(r, yaml_key(r->tree, map, i), "names", known);
		text = word_at(r, yaml_item(r->tree, map, i), yaml_key(r->tree, map, i), key);
		if (!text)
			return false;
		texts = realloc(r->inv->texts, (r->inv->n_texts + 1) * sizeof(*texts));
		if (!texts)
			return no_memory(r);
		r->inv->texts = texts;
		texts[r->inv->n_texts] = strdup(text);
		if (!texts[r->inv->n_texts])
			return no_memory(r);
		*slot = texts[r->inv->n_texts++];
	}
	return true;
}

static bool read_target(struct reader *r, struct inventory_device *d, int node, int key)
{
	enum gw_path path = GW_PATH_NONE;
	struct addr a = { 0 };

	if (yaml_kind_of(r->tree, node) != YAML_MAP)
		return fail(
			r, yaml_line(r->tree, node ? node : key),
			"targets: entries `- address: A` with `path: primary` or `path: in-band` "
			"are wanted");
	for (size_t i = 0; i < yaml_size(r->tree, node); i++) {
		const char *name = key_at(r, node, i), *text;
		int at = yaml_item(r->tree, node, i);

		if (!name)
			return false;
		text = word_at(r, at, yaml_key(r->tree, node, i), name);
		if (!text)
			return false;
		if (strcmp(name, "address") == 0) {
			if (!addr_parse(text, &a))
				return fail(r, yaml_line(r->tree, at),
					    "'%.64s' is no IPv4 or IPv6 address", text);
		} else if (strcmp(name, "path") == 0) {
			path = strcmp(text, "primary") == 0   ? GW_PATH_PRIMARY
			       : strcmp(text, "in-band") == 0 ? GW_PATH_INBAND
							      : GW_PATH_NONE;
			if (path == GW_PATH_NONE)
				return fail(r, yaml_line(r->tree, at),
					    "path is primary or in-band, not '%.64s'", text);
		} else {
			return unknown(r, yaml_key(r->tree, node, i), "a target", "address, path");
		}
	}
	if (!a.family || path == GW_PATH_NONE)
		return fail(r, yaml_line(r->tree, node), "a target has both address and path");
	return inventory_address(d, &a, path, yaml_line(r->tree, node)) == 0 || no_memory(r);
}

static enum fabric_role role_of(const char *text)
{
	for (int i = 0; i < ROLE_NUM; i++)
		if (strcmp(fabric_role_name((enum fabric_role)i), text) == 0)
			return (enum fabric_role)i;
	return inventory_role(text);
}

static bool read_device(struct reader *r, const char *name, int key, int map)
{
	struct inventory_device *d;

	if (!is_map(r, map, key, name))
		return false;
	d = inventory_device(r->inv, name, yaml_line(r->tree, key), r->source);
	if (!d)
		return no_memory(r);
	for (size_t i = 0; i < yaml_size(r->tree, map); i++) {
		const char *what = key_at(r, map, i), *text;
		int at = yaml_item(r->tree, map, i);

		if (!what)
			return false;
		if (strcmp(what, "targets") == 0) {
			if (yaml_kind_of(r->tree, at) != YAML_LIST)
				return fail(r, yaml_line(r->tree, yaml_key(r->tree, map, i)),
					    "targets is a list");
			for (size_t k = 0; k < yaml_size(r->tree, at); k++)
				if (!read_target(r, d, yaml_item(r->tree, at, k), at))
					return false;
			continue;
		}
		if (strcmp(what, "role") != 0 && strcmp(what, "management_switch") != 0)
			return unknown(r, yaml_key(r->tree, map, i), name,
				       "role, management_switch, targets");
		text = word_at(r, at, yaml_key(r->tree, map, i), what);
		if (!text)
			return false;
		if (strcmp(what, "role") == 0) {
			d->role = role_of(text);
			if (d->role == ROLE_UNKNOWN)
				return fail(r, yaml_line(r->tree, at),
					    "role '%.64s' is none of ce, tor, mgmt-switch, npb, "
					    "terminal-server, pe",
					    text);
			continue;
		}
		d->management_switch = strdup(text);
		if (!d->management_switch)
			return no_memory(r);
	}
	return true;
}

static bool read_devices(struct reader *r, int map)
{
	if (!check_keys(r, map))
		return false;
	for (size_t i = 0; i < yaml_size(r->tree, map); i++) {
		int key = yaml_key(r->tree, map, i);

		if (!read_device(r, yaml_text(r->tree, key), key, yaml_item(r->tree, map, i)))
			return false;
	}
	return true;
}

static bool add_subnet(struct reader *r, struct inventory_switch *s, int node, int key)
{
	const char *text = word_at(r, node, key, "subnets");
	struct prefix p, *array;

	if (!text)
		return false;
	if (!prefix_parse(text, &p))
		return fail(r, yaml_line(r->tree, node),
			    "'%.64s' is no subnet, as 192.0.2.0/25 or 2001:db8::/64", text);
	p = prefix_mask(&p);
	/* two switches with one subnet would make membership a matter of order */
	for (size_t i = 0; i < r->inv->n_switches; i++)
		for (size_t k = 0; k < r->inv->switches[i].n_subnets; k++) {
			const struct prefix *q = &r->inv->switches[i].subnets[k];

			if (q->len == p.len && addr_equal(&q->addr, &p.addr))
				return fail(r, yaml_line(r->tree, node),
					    "%.64s is a subnet of %.64s already", text,
					    r->inv->switches[i].name);
		}
	array = realloc(s->subnets, (s->n_subnets + 1) * sizeof(*array));
	if (!array)
		return no_memory(r);
	s->subnets = array;
	array[s->n_subnets++] = p;
	return true;
}

static bool add_member(struct reader *r, struct inventory_switch *s, int node, int key)
{
	const char *text = word_at(r, node, key, "devices");
	char **array;
	int *lines;

	if (!text)
		return false;
	array = realloc(s->devices, (s->n_devices + 1) * sizeof(*array));
	if (array)
		s->devices = array;
	lines = realloc(s->device_lines, (s->n_devices + 1) * sizeof(*lines));
	if (lines)
		s->device_lines = lines;
	if (!array || !lines)
		return no_memory(r);
	array[s->n_devices] = strdup(text);
	if (!array[s->n_devices])
		return no_memory(r);
	lines[s->n_devices++] = yaml_line(r->tree, node);
	return true;
}

static bool read_switch(struct reader *r, const char *name, int key, int map)
{
	struct inventory_switch *array, *s;

	if (!is_map(r, map, key, name))
		return false;
	array = realloc(r->inv->switches, (r->inv->n_switches + 1) * sizeof(*array));
	if (!array)
		return no_memory(r);
	r->inv->switches = array;
	s = &array[r->inv->n_switches];
	*s = (struct inventory_switch){ .name = strdup(name), .line = yaml_line(r->tree, key) };
	if (!s->name)
		return no_memory(r);
	r->inv->n_switches++;
	for (size_t i = 0; i < yaml_size(r->tree, map); i++) {
		const char *what = key_at(r, map, i);
		int at = yaml_item(r->tree, map, i), its_key = yaml_key(r->tree, map, i);
		bool subnets;

		if (!what)
			return false;
		subnets = strcmp(what, "subnets") == 0;
		if (!subnets && strcmp(what, "devices") != 0)
			return unknown(r, its_key, name, "subnets, devices");
		if (yaml_kind_of(r->tree, at) != YAML_LIST)
			return fail(r, yaml_line(r->tree, its_key), "%s is a list", what);
		for (size_t k = 0; k < yaml_size(r->tree, at); k++) {
			int item = yaml_item(r->tree, at, k);

			if (!(subnets ? add_subnet : add_member)(r, s, item, its_key))
				return false;
		}
	}
	return true;
}

static bool read_switches(struct reader *r, int map)
{
	if (!check_keys(r, map))
		return false;
	for (size_t i = 0; i < yaml_size(r->tree, map); i++) {
		int key = yaml_key(r->tree, map, i);

		if (!read_switch(r, yaml_text(r->tree, key), key, yaml_item(r->tree, map, i)))
			return false;
	}
	return true;
}

static bool read_root(struct reader *r, int root)
{
	static const struct {
		const char *key;
		bool (*read)(struct reader *r, int map);
	} keys[] = {
		{ "names", read_names },
		{ "devices", read_devices },
		{ "management_switches", read_switches },
	};

	for (size_t i = 0; i < yaml_size(r->tree, root); i++) {
		const char *key = key_at(r, root, i);
		int map = yaml_item(r->tree, root, i);
		size_t k = 0;

		if (!key)
			return false;
		while (k < sizeof(keys) / sizeof(keys[0]) && strcmp(keys[k].key, key) != 0)
			k++;
		if (k == sizeof(keys) / sizeof(keys[0]))
			return unknown(r, yaml_key(r->tree, root, i), "",
				       "names, devices, management_switches");
		if (!is_map(r, map, yaml_key(r->tree, root, i), key) || !keys[k].read(r, map))
			return false;
	}
	return true;
}

int inventory_read_settings(struct inventory *inv, const char *text, size_t len, char *err,
			    size_t size)
{
	struct reader r = {
		.inv = inv, .source = (uint32_t)inv->n_sources - 1, .err = err, .size = size
	};
	char why[256];
	int line, root;

	r.tree = yaml_tree_read(text, len, &line, why, sizeof(why));
	if (!r.tree && line == 0)
		return -ENOMEM;
	if (!r.tree) {
		fail(&r, line, "%s", why);
		return r.ret;
	}
	inv->settings = (int)r.source;
	root = yaml_root(r.tree);
	if (yaml_kind_of(r.tree, root) != YAML_NOTHING && yaml_kind_of(r.tree, root) != YAML_MAP)
		fail(&r, yaml_line(r.tree, root), "expected `key:` lines");
	else if (yaml_second(r.tree))
		fail(&r, yaml_second(r.tree), "a second document; put all keys into the first");
	else
		read_root(&r, root);
	yaml_tree_free(r.tree);
	return r.ret;
}
