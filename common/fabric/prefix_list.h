/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_PREFIX_LIST_H
#define GW_PREFIX_LIST_H
/*
 * An EOS prefix-list: ordered entries, the verdict for an address, and its
 * compilation to longest-prefix match.
 *
 * The list is judged for addresses by containment: entries in ascending seq,
 * the first whose prefix contains the address decides, none is an implicit
 * deny. eq/ge/le speak of route lengths and do not matter here.
 *
 * Compiled: prefixes nest or are disjoint. Drop each entry that an entry of
 * lower seq covers; among those left, a lower seq is the strictly longer prefix
 * wherever two contain the same address, so longest match = first match.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "common/addr.h"

struct prefix_entry {
	uint32_t seq;
	bool permit;
	struct prefix prefix; /* host bits cleared */
	uint8_t eq, ge, le;   /* 0: not given */
	int line;
};

struct prefix_list {
	char *name;
	uint8_t family;
	bool external; /* "source URL": entries are outside the configuration */
	int line;
	struct prefix_entry *entries; /* ascending seq */
	size_t n_entries;
};

struct lpm; /* compiled list */

struct lpm_entry {
	struct prefix prefix;
	bool permit;
	uint32_t rule; /* index into the list's entries */
};

/* First match by seq: true and the entry's index in *rule; false: none. */
bool prefix_list_match(const struct prefix_list *l, const struct addr *a, uint32_t *rule);

/* The other reading, as EOS filters routes with it: the first entry that holds
 * the route and whose eq/ge/le (none: exactly its own length) admit its length. */
bool prefix_list_route(const struct prefix_list *l, const struct prefix *route, uint32_t *rule);

/* True when any entry has eq, ge or le: then the two readings may differ. */
bool prefix_list_has_bounds(const struct prefix_list *l);

/* The index of the entry of lower seq that covers entry i, so that i never
 * decides; or GW_RULE_IMPLICIT: i can decide. */
uint32_t prefix_list_shadow(const struct prefix_list *l, uint32_t i);

/* Frees what the list owns, not the struct. */
void prefix_list_clear(struct prefix_list *l);

struct lpm *prefix_list_compile(const struct prefix_list *l); /* NULL: no memory */

/* A table of entries whose prefixes are masked and distinct; copies them. */
struct lpm *lpm_build(const struct lpm_entry *entries, size_t n); /* NULL: no memory */
void lpm_free(struct lpm *t);					  /* accepts NULL */
bool lpm_match(const struct lpm *t, const struct addr *a, uint32_t *rule);

/* The kept entries, to load into the kernel's table; borrowed. */
const struct lpm_entry *lpm_entries(const struct lpm *t, size_t *n);

#endif
