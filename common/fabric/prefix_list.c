/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefix-lists and their compiled form.
 *
 * struct lpm is one array, sorted by address and then by length, so that a
 * prefix stands before all that it contains. Each entry knows its parent, the
 * longest other entry that covers it. To look an address up, take the last entry
 * that begins at or before it, and climb until an entry contains it. That is the
 * longest match: let P be the longest entry that contains A, and C the last one
 * that begins at or before A. C is P or stands after it, so C begins inside P;
 * prefixes nest or are disjoint, so C is inside P and P is on C's way up.
 * The cost is one binary search and at most as many steps as prefixes nest.
 */
#include <stdlib.h>
#include <string.h>

#include "common/fabric/prefix_list.h"

#define NO_PARENT UINT32_MAX

struct lpm {
	struct lpm_entry *entries;
	uint32_t *parent; /* NO_PARENT: outermost */
	size_t n;
};

bool prefix_list_match(const struct prefix_list *l, const struct addr *a, uint32_t *rule)
{
	for (size_t i = 0; i < l->n_entries; i++) {
		if (prefix_contains(&l->entries[i].prefix, a)) {
			*rule = (uint32_t)i;
			return true;
		}
	}
	return false;
}

static bool admits_length(const struct prefix_entry *e, uint8_t len)
{
	if (e->eq)
		return len == e->eq;
	if (!e->ge && !e->le)
		return len == e->prefix.len;
	return len >= e->ge && (!e->le || len <= e->le);
}

bool prefix_list_route(const struct prefix_list *l, const struct prefix *route, uint32_t *rule)
{
	for (size_t i = 0; i < l->n_entries; i++) {
		const struct prefix_entry *e = &l->entries[i];

		if (prefix_covers(&e->prefix, route) && admits_length(e, route->len)) {
			*rule = (uint32_t)i;
			return true;
		}
	}
	return false;
}

bool prefix_list_has_bounds(const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n_entries; i++)
		if (l->entries[i].eq || l->entries[i].ge || l->entries[i].le)
			return true;
	return false;
}

uint32_t prefix_list_shadow(const struct prefix_list *l, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (prefix_covers(&l->entries[k].prefix, &l->entries[i].prefix))
			return k;
	return GW_RULE_IMPLICIT;
}

void prefix_list_clear(struct prefix_list *l)
{
	free(l->name);
	free(l->entries);
	memset(l, 0, sizeof(*l));
}

/* By address, then length, then rule: a prefix before what it contains, and
 * of equal prefixes the one of lower seq first. */
static int entry_compare(const void *a, const void *b)
{
	const struct lpm_entry *x = a, *y = b;
	int c = addr_compare(&x->prefix.addr, &y->prefix.addr);

	if (c)
		return c;
	if (x->prefix.len != y->prefix.len)
		return x->prefix.len < y->prefix.len ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

struct lpm *lpm_build(const struct lpm_entry *entries, size_t n)
{
	struct lpm *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->n = n;
	t->entries = malloc((n ? n : 1) * sizeof(*t->entries));
	t->parent = malloc((n ? n : 1) * sizeof(*t->parent));
	if (!t->entries || !t->parent) {
		lpm_free(t);
		return NULL;
	}
	if (n)
		memcpy(t->entries, entries, n * sizeof(*entries));
	qsort(t->entries, n, sizeof(*t->entries), entry_compare);
	for (size_t i = 0; i < n; i++) {
		uint32_t up = i ? (uint32_t)i - 1 : NO_PARENT;

		while (up != NO_PARENT &&
		       !prefix_covers(&t->entries[up].prefix, &t->entries[i].prefix))
			up = t->parent[up];
		t->parent[i] = up;
	}
	return t;
}

/*
 * Drops each entry that an entry of lower seq covers. Sorted, the entries that
 * cover one stand before it; `low` carries the lowest rule among them and the
 * entry itself, so an entry stays when its own rule is the lowest. Entries that
 * are dropped take part all the same: whatever covers one of them covers what it
 * covers, and has a lower seq still.
 */
struct lpm *prefix_list_compile(const struct prefix_list *l)
{
	size_t n = l->n_entries, kept = 0, room = n ? n : 1;
	struct lpm_entry *all = calloc(room, sizeof(*all));
	struct lpm_entry *keep = calloc(room, sizeof(*keep));
	uint32_t *parent = calloc(room, sizeof(*parent));
	uint32_t *low = calloc(room, sizeof(*low));
	struct lpm *t = NULL;

	if (!all || !keep || !parent || !low)
		goto out;
	for (size_t i = 0; i < n; i++)
		all[i] = (struct lpm_entry){ l->entries[i].prefix, l->entries[i].permit,
					     (uint32_t)i };
	qsort(all, n, sizeof(*all), entry_compare);
	for (size_t i = 0; i < n; i++) {
		uint32_t up = i ? (uint32_t)i - 1 : NO_PARENT;

		while (up != NO_PARENT && !prefix_covers(&all[up].prefix, &all[i].prefix))
			up = parent[up];
		parent[i] = up;
		low[i] = all[i].rule;
		if (up != NO_PARENT && low[up] < low[i])
			low[i] = low[up];
		else
			keep[kept++] = all[i];
	}
	t = lpm_build(keep, kept);
out:
	free(all);
	free(keep);
	free(parent);
	free(low);
	return t;
}

void lpm_free(struct lpm *t)
{
	if (!t)
		return;
	free(t->entries);
	free(t->parent);
	free(t);
}

bool lpm_match(const struct lpm *t, const struct addr *a, uint32_t *rule)
{
	size_t low = 0, high = t->n;
	uint32_t at;

	while (low < high) { /* entries below low begin at or before a */
		size_t mid = low + (high - low) / 2;

		if (addr_compare(&t->entries[mid].prefix.addr, a) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	at = low ? (uint32_t)low - 1 : NO_PARENT;
	while (at != NO_PARENT && !prefix_contains(&t->entries[at].prefix, a))
		at = t->parent[at];
	if (at == NO_PARENT)
		return false;
	*rule = t->entries[at].rule;
	return true;
}

const struct lpm_entry *lpm_entries(const struct lpm *t, size_t *n)
{
	*n = t->n;
	return t->entries;
}
