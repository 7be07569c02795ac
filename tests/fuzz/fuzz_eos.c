/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration: the tree must be sound, and what the readers of
 * devices and of routing make of it must obey their own promises. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check/model.h"
#include "common/fabric/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void report(void *arg, enum device_report kind, int line, const char *text)
{
	(void)kind;
	require(line >= 0 && strlen(text) < 512);
	++*(unsigned *)arg;
}

static void check_tree(const struct eos *e)
{
	const struct eos_node *root = eos_root(e), *n = root->child;
	int line = 0, depth = 1;

	while (n) {
		require(n->line > line && depth <= EOS_MAX_DEPTH + 1);
		require(strlen(n->text) <= EOS_MAX_LINE && n->text[0] && n->text[0] != '!');
		line = n->line;
		if (n->child) {
			require(n->child->parent == n);
			n = n->child;
			depth++;
			continue;
		}
		while (n != root && !n->next) {
			n = n->parent;
			depth--;
		}
		n = n == root ? NULL : n->next;
	}
}

static void check_list(const struct prefix_list *l)
{
	struct lpm *t = prefix_list_compile(l);

	require(t != NULL);
	for (size_t i = 0; i < l->n_entries; i++) {
		const struct prefix_entry *e = &l->entries[i];
		uint32_t rule, compiled;

		require(i == 0 || l->entries[i - 1].seq < e->seq);
		require(e->prefix.addr.family == l->family);
		require(prefix_list_match(l, &e->prefix.addr, &rule));
		require(lpm_match(t, &e->prefix.addr, &compiled) && compiled == rule);
	}
	lpm_free(t);
}

static void check_model(const struct model *m)
{
	for (size_t i = 0; i < m->n_maps; i++) {
		const struct model_route_map *map = &m->maps[i];

		require(map->name && map->name[0]);
		for (size_t k = 1; k < map->n_statements; k++)
			require(map->statements[k - 1].seq < map->statements[k].seq);
	}
	for (size_t i = 0; i < m->n_leaks; i++)
		require(m->leaks[i].line > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eos *e = eos_parse((const char *)data, size);
	struct fabric_device d;
	unsigned reports = 0;
	void *model;
	int ret;

	require(e != NULL);
	check_tree(e);
	model = model_extra.read(e);
	require(model != NULL);
	check_model(model);
	model_extra.free(model);
	ret = device_read(e, "stem", report, &reports, &d);
	require(ret == 0 || ret == -ENOENT);
	if (ret == 0) {
		require(d.name && d.name[0]);
		for (size_t i = 0; i < d.n_lists; i++)
			check_list(&d.lists[i]);
		device_clear(&d);
	}
	eos_free(e);
	return 0;
}
