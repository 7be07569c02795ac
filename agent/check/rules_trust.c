/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/rules_trust.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHADOWED 20	   /* findings per list */
#define MAX_AMBIGUOUS 2000 /* entries of a list that is looked at: the work is its square */
#define MAX_DIFF 20	   /* lines of a difference that are shown */
#define MOST 0.5	   /* of all addresses: more is "most of the space" */
#define MIN_FLEET 3	   /* devices; of two, none is the odd one out */

typedef void list_fn(const struct subject *s, const struct prefix_list *l);

static const char *trusted_name(const struct subject *s, uint8_t family)
{
	return family == 4 ? s->names->trusted : s->names->trusted_v6;
}

/* The trust lists that are there to be read. */
static void each_list(const struct subject *s, list_fn *fn)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		const struct prefix_list *l = rule_list(s, family, trusted_name(s, family));

		if (l && !l->external)
			fn(s, l);
	}
}

static bool trusts_anyone(const struct prefix_list *l)
{
	for (uint32_t i = 0; i < l->n_entries; i++)
		if (l->entries[i].permit && prefix_list_shadow(l, i) == GW_RULE_IMPLICIT)
			return true;
	return false;
}

/* ---- S11 ---- */

void rule_trusted_missing(const struct subject *s)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		const char *name = trusted_name(s, family);

		if (!rule_list(s, family, name))
			rule_mend(rule_tell(s, 0, "%s prefix-list %s is absent", rule_ip(family),
					    name),
				  "%s prefix-list %s\n   seq 10 permit <operators' network>\n",
				  rule_ip(family), name);
	}
}

void rule_trusted_outside(const struct subject *s)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		const struct prefix_list *l = rule_list(s, family, trusted_name(s, family));

		if (l && l->external)
			rule_tell(s, l->line,
				  "prefix-list %s is read from a file: its entries are not in the "
				  "configuration",
				  l->name);
	}
}

/* Where nothing is trusted: the deny that covers every permit, if it is one. */
static void check_empty(const struct subject *s, const struct prefix_list *l)
{
	const struct prefix_entry *by = NULL;
	bool permits = false;
	struct finding *f;

	if (trusts_anyone(l))
		return;
	for (uint32_t i = 0; i < l->n_entries; i++) {
		if (!l->entries[i].permit)
			continue;
		permits = true;
		if (!by)
			by = &l->entries[prefix_list_shadow(l, i)];
	}
	if (by)
		f = rule_tell(s, by->line,
			      "prefix-list %s permits no address (every permit is shadowed by seq "
			      "%u)",
			      l->name, by->seq);
	else
		f = rule_tell(s, l->line, "prefix-list %s permits no address (%s)", l->name,
			      !l->n_entries ? "it has no entry"
			      : permits	    ? "no permit decides"
					    : "it has no permit");
	if (by)
		rule_mend(f, "%s prefix-list %s\n   no seq %u\n", rule_ip(l->family), l->name,
			  by->seq);
	else
		rule_mend(f, "%s prefix-list %s\n   seq 10 permit <operators' network>\n",
			  rule_ip(l->family), l->name);
}

void rule_trusted_empty(const struct subject *s)
{
	each_list(s, check_empty);
}

/* The part of all addresses that the list permits, 0 to 1. */
static double permitted(const struct prefix_list *l)
{
	struct lpm *t = prefix_list_compile(l);
	double part = 0;
	size_t n;
	const struct lpm_entry *e = t ? lpm_entries(t, &n) : NULL;

	/* Entries are sorted, outer before inner: each takes its part from the one around
	 * it and says what it is now. */
	for (size_t i = 0; e && i < n; i++) {
		double size = ldexp(1, -(int)e[i].prefix.len);
		bool around = false;

		for (size_t k = i; k-- > 0;)
			if (prefix_covers(&e[k].prefix, &e[i].prefix)) {
				around = e[k].permit;
				break;
			}
		part += ((double)e[i].permit - (double)around) * size;
	}
	lpm_free(t);
	return part;
}

static void check_any(const struct subject *s, const struct prefix_list *l)
{
	char text[PREFIX_STRLEN];
	const struct prefix_entry *widest = NULL;
	double part;

	for (uint32_t i = 0; i < l->n_entries; i++) {
		const struct prefix_entry *e = &l->entries[i];

		if (!e->permit || prefix_list_shadow(l, i) != GW_RULE_IMPLICIT)
			continue;
		if (e->prefix.len == 0) {
			rule_mend(rule_tell(s, e->line,
					    "prefix-list %s permits %s: every source not denied "
					    "earlier is trusted",
					    l->name, prefix_format(&e->prefix, text)),
				  "%s prefix-list %s\n   no seq %u\n", rule_ip(l->family), l->name,
				  e->seq);
			return;
		}
		if (!widest || e->prefix.len < widest->prefix.len)
			widest = e;
	}
	if (!widest || widest->prefix.len > 16) /* not even 20,000 of them are most of it */
		return;
	part = permitted(l);
	if (part >= MOST)
		rule_tell(s, widest->line, "prefix-list %s trusts %.0f %% of all IPv%u addresses",
			  l->name, part * 100, l->family);
}

void rule_trusted_any(const struct subject *s)
{
	each_list(s, check_any);
}

/* ---- beyond the procedure ---- */

static void check_shadowed(const struct subject *s, const struct prefix_list *l)
{
	unsigned told = 0;

	if (!trusts_anyone(l)) /* told as trusted-empty */
		return;
	for (uint32_t i = 0; i < l->n_entries && told < MAX_SHADOWED; i++) {
		const struct prefix_entry *e = &l->entries[i], *by;
		uint32_t shadow = prefix_list_shadow(l, i);
		char text[PREFIX_STRLEN];
		struct finding *f;

		if (shadow == GW_RULE_IMPLICIT)
			continue;
		by = &l->entries[shadow];
		f = rule_tell(s, e->line,
			      "%s seq %u %s %s never decides: seq %u (line %d) covers it and comes "
			      "first%s",
			      l->name, e->seq, e->permit ? "permit" : "deny",
			      prefix_format(&e->prefix, text), by->seq, by->line,
			      !e->permit && by->permit ? "; what it should keep out is trusted"
						       : "");
		rule_mend(f, "%s prefix-list %s\n   no seq %u\n", rule_ip(l->family), l->name,
			  e->seq);
		if (!e->permit && by->permit && by->seq)
			rule_mend(f, "   seq %u deny %s\n", by->seq - 1, text);
		told++;
	}
}

void rule_trusted_shadowed(const struct subject *s)
{
	each_list(s, check_shadowed);
}

/* The first address after a prefix; false: there is none. */
static bool address_after(const struct prefix *p, struct addr *out)
{
	struct prefix first = prefix_mask(p);
	unsigned bit = p->len;

	*out = first.addr;
	while (bit-- > 0) { /* adds one at the last bit of the prefix */
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		out->bytes[bit / 8] ^= mask;
		if (out->bytes[bit / 8] & mask)
			return true;
	}
	return false;
}

static bool is_ambiguous(const struct prefix_list *l, const struct addr *a)
{
	struct prefix host = { *a, addr_bits(a) };
	uint32_t rule;
	bool inside = prefix_list_match(l, a, &rule) && l->entries[rule].permit;
	bool route = prefix_list_route(l, &host, &rule) && l->entries[rule].permit;

	return inside != route;
}

/* What decides changes only where a prefix begins or has ended, so these addresses
 * stand for all. */
static void check_ambiguous(const struct subject *s, const struct prefix_list *l)
{
	if (!prefix_list_has_bounds(l) || l->n_entries > MAX_AMBIGUOUS)
		return;
	for (size_t i = 0; i < 2 * l->n_entries; i++) {
		const struct prefix_entry *e = &l->entries[i / 2];
		struct addr a = prefix_mask(&e->prefix).addr;
		char text[ADDR_STRLEN];
		uint32_t rule;
		int line = l->line;

		if (i % 2 && !address_after(&e->prefix, &a))
			continue;
		if (!is_ambiguous(l, &a))
			continue;
		if (prefix_list_match(l, &a, &rule))
			line = l->entries[rule].line;
		rule_tell(s, line,
			  "prefix-list %s can be read in two ways for %s: its networks %s it, its "
			  "eq/ge/le %s it",
			  l->name, addr_format(&a, text),
			  prefix_list_match(l, &a, &rule) && l->entries[rule].permit ? "permit"
										     : "deny",
			  prefix_list_match(l, &a, &rule) && l->entries[rule].permit ? "deny"
										     : "permit");
		return;
	}
}

void rule_trusted_ambiguous(const struct subject *s)
{
	each_list(s, check_ambiguous);
}

static bool same_entry(const struct prefix_entry *a, const struct prefix_entry *b)
{
	return a->permit == b->permit && a->prefix.len == b->prefix.len && a->eq == b->eq &&
	       a->ge == b->ge && a->le == b->le && addr_equal(&a->prefix.addr, &b->prefix.addr);
}

static const struct prefix_entry *find_entry(const struct prefix_list *l,
					     const struct prefix_entry *e)
{
	for (size_t i = 0; i < l->n_entries; i++)
		if (same_entry(&l->entries[i], e))
			return &l->entries[i];
	return NULL;
}

/* "- permit 198.18.0.0/16, + deny ..." for what one list has and the other has not. */
static char *difference(const struct prefix_list *own, const struct prefix_list *most, int *line)
{
	char *out = NULL, text[PREFIX_STRLEN];
	size_t len = 0, told = 0, more = 0;
	FILE *to = open_memstream(&out, &len);

	if (!to)
		return NULL;
	for (unsigned side = 0; side < 2; side++) {
		const struct prefix_list *l = side ? most : own, *other = side ? own : most;

		for (size_t i = 0; i < l->n_entries; i++) {
			const struct prefix_entry *e = &l->entries[i];

			if (find_entry(other, e))
				continue;
			if (!side && *line == own->line)
				*line = e->line;
			if (told >= MAX_DIFF) {
				more++;
				continue;
			}
			fprintf(to, "%s%s %s %s", told++ ? ", " : "", side ? "lacks" : "has",
				e->permit ? "permit" : "deny", prefix_format(&e->prefix, text));
			if (e->eq || e->ge || e->le)
				fprintf(to, " eq/ge/le %u/%u/%u", e->eq, e->ge, e->le);
		}
	}
	if (!told)
		fputs("the same entries in another order", to);
	if (more)
		fprintf(to, ", and %zu more", more);
	return fclose(to) == 0 ? out : NULL;
}

static void mend_drift(struct finding *f, const struct prefix_list *l,
		       const struct prefix_list *most)
{
	char text[PREFIX_STRLEN];

	rule_mend(f, "no %s prefix-list %s\n%s prefix-list %s\n", rule_ip(l->family), l->name,
		  rule_ip(l->family), l->name);
	for (size_t i = 0; i < most->n_entries; i++) {
		const struct prefix_entry *e = &most->entries[i];

		rule_mend(f, "   seq %u %s %s", e->seq, e->permit ? "permit" : "deny",
			  prefix_format(&e->prefix, text));
		if (e->eq)
			rule_mend(f, " eq %u", e->eq);
		if (e->ge)
			rule_mend(f, " ge %u", e->ge);
		if (e->le)
			rule_mend(f, " le %u", e->le);
		rule_mend(f, "\n");
	}
}

static void check_drift(const struct subject *s, const struct prefix_list *l)
{
	const struct scope *c = s->scope;
	size_t at = l->family == 4 ? 0 : 1;
	const struct scope_list *most = c->n_lists[at] ? &c->lists[at][0] : NULL;
	int line = l->line;
	struct finding *f;
	char *diff;

	if (!most || c->n_with[at] < MIN_FLEET || 2 * most->n <= c->n_with[at] ||
	    most->digest == rule_list_digest(l) || !trusts_anyone(l))
		return;
	diff = difference(l, most->list, &line);
	f = rule_tell(s, line, "prefix-list %s differs from that of %zu of %zu devices (%s): %s",
		      l->name, most->n, c->n_with[at], most->device->name, diff ? diff : "");
	f->far_file = most->device->file;
	f->far_line = most->list->line;
	mend_drift(f, l, most->list);
	free(diff);
}

void rule_trusted_drift(const struct subject *s)
{
	each_list(s, check_drift);
}
