/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The property on which trust rests: for every list and address, the compiled
 * table decides as the plain list does, by the same entry.
 *
 * Lists are random, but not uniform: prefixes of few bits that vary, so that they
 * nest, repeat and shadow each other, and addresses near the edges of the list's
 * own prefixes, where a mistake would show. The seed is printed; GLASSWATCH_SEED
 * plays another one. Where the shared example data is present, its cases and
 * configurations are checked too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fabric/fabric.h"
#include "common/fabric/prefix_list.h"

#define PAIRS_WANTED 1200000
#define ADDRESSES_PER_LIST 60
#define MAX_ENTRIES 40

static uint64_t random_state;

/* xorshift64*: the same numbers on every machine. */
static uint32_t draw(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dull) >> 32) % below;
}

/* Adds one, or takes one away: the neighbor of an address, wrapping around. */
static void step(struct addr *a, int by)
{
	for (int i = addr_bits(a) / 8 - 1; i >= 0; i--) {
		a->bytes[i] = (uint8_t)(a->bytes[i] + by);
		if (a->bytes[i] != (by > 0 ? 0 : 0xff))
			return;
	}
}

static void set_last(const struct prefix *p, struct addr *a)
{
	*a = p->addr;
	for (unsigned bit = p->len; bit < addr_bits(a); bit++)
		a->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

static struct addr random_addr(uint8_t family, const struct addr *base, unsigned free_bits)
{
	struct addr a = base ? *base : (struct addr){ .family = family };
	unsigned bits = addr_bits(&a);

	if (!base)
		for (unsigned i = 0; i < bits / 8; i++)
			a.bytes[i] = (uint8_t)draw(256);
	/* flip some bits of a window, so that prefixes of one list are related */
	for (unsigned i = 0; i < free_bits; i++) {
		unsigned bit = draw(bits);

		if (draw(2))
			a.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	return a;
}

static void random_list(struct prefix_list *l, struct prefix_entry *entries)
{
	uint8_t family = draw(2) ? 4 : 6;
	struct addr base = random_addr(family, NULL, 0);
	unsigned bits = addr_bits(&base), window = 1 + draw(bits);
	uint32_t seq = draw(20);

	*l = (struct prefix_list){ .name = "random", .family = family, .entries = entries };
	l->n_entries = draw(8) ? draw(MAX_ENTRIES) : draw(3);
	for (size_t i = 0; i < l->n_entries; i++) {
		struct prefix_entry *e = &entries[i];
		struct prefix p = { .len = (uint8_t)draw(bits + 1) };

		if (i && draw(3) == 0) { /* inside, around or beside an earlier one */
			p.addr = entries[draw((uint32_t)i)].prefix.addr;
			if (draw(2))
				p.addr.bytes[draw(bits / 8)] ^= (uint8_t)(1 << draw(8));
		} else {
			p.addr = random_addr(family, &base, draw(4));
		}
		if (draw(2) && window < bits) /* lengths close together nest more */
			p.len = (uint8_t)(window + draw(bits - window + 1));
		*e = (struct prefix_entry){ .seq = seq, .permit = draw(2) };
		e->prefix = prefix_mask(&p);
		seq += 1 + draw(10);
	}
}

static struct addr random_question(const struct prefix_list *l)
{
	const struct prefix *p;
	struct addr a;

	if (!l->n_entries || draw(10) == 0)
		return random_addr(draw(20) ? l->family : 10 - l->family, NULL, 0);
	p = &l->entries[draw((uint32_t)l->n_entries)].prefix;
	a = p->addr;
	switch (draw(5)) {
	case 0: /* first */
		break;
	case 1: /* before the first */
		step(&a, -1);
		break;
	case 2: /* last */
		set_last(p, &a);
		break;
	case 3: /* after the last */
		set_last(p, &a);
		step(&a, 1);
		break;
	default: /* inside */
		for (unsigned bit = p->len; bit < addr_bits(&a); bit++)
			if (draw(2))
				a.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	return a;
}

static void test_random(void **state)
{
	const char *given = getenv("GLASSWATCH_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 20260215;
	unsigned long pairs = 0, lists = 0, v6 = 0, trusted = 0, implicit = 0, dropped = 0,
		      wrong = 0;
	struct prefix_entry entries[MAX_ENTRIES];

	(void)state;
	random_state = seed ? seed : 1;
	while (pairs < PAIRS_WANTED) {
		struct prefix_list l;
		struct lpm *t;
		size_t kept;

		random_list(&l, entries);
		t = prefix_list_compile(&l);
		assert_non_null(t);
		lpm_entries(t, &kept);
		dropped += l.n_entries - kept;
		lists++;
		for (int i = 0; i < ADDRESSES_PER_LIST; i++, pairs++) {
			struct addr a = random_question(&l);
			uint32_t rule = GW_RULE_IMPLICIT, compiled = GW_RULE_IMPLICIT;
			bool found = prefix_list_match(&l, &a, &rule);

			v6 += a.family == 6;
			trusted += found && entries[rule].permit;
			implicit += !found;
			if (lpm_match(t, &a, &compiled) != found || compiled != rule) {
				char text[ADDR_STRLEN];

				if (wrong++ < 10)
					print_message("list %lu, %s: rule %d, compiled %d\n", lists,
						      addr_format(&a, text), (int)rule,
						      (int)compiled);
			}
		}
		lpm_free(t);
	}
	print_message("seed %llu: %lu (list, address) pairs, %lu lists, %lu IPv6, %lu permitted, "
		      "%lu implicit; %lu shadowed entries dropped; %lu disagreements\n",
		      (unsigned long long)seed, pairs, lists, v6, trusted, implicit, dropped,
		      wrong);
	assert_int_equal(wrong, 0);
	assert_true(pairs >= 1000000 && v6 > pairs / 4 && v6 < pairs * 3 / 4);
	assert_true(trusted > pairs / 10 && implicit > pairs / 10 && dropped > lists);
}

/* ---- the shared example data, when it is there ---- */

static const char *shared(const char *path, char *out, size_t size)
{
	const char *base = getenv("GLASSWATCH_SHARED");

	snprintf(out, size, "%s/data/eos/configs/%s", base ? base : "../shared", path);
	if (access(out, R_OK) == 0)
		return out;
	print_message("SKIP: no %s; the shared examples are NOT checked (GLASSWATCH_SHARED "
		      "names another place)\n",
		      out);
	return NULL;
}

static void copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	int c;

	if (!in || !out)
		fail_msg("%s -> %s", from, to);
	while ((c = fgetc(in)) != EOF)
		fputc(c, out);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* list, address, decision, seq, ambiguous, note: separated by tabs. */
static void test_address_cases(void **state)
{
	char path[512], line[512], dir[] = "/tmp/glasswatch-cases-XXXXXX", copy[64], err[256];
	struct fabric *f;
	FILE *cases;
	int n = 0;

	(void)state;
	if (!shared("addresses/lists.cfg", path, sizeof(path)))
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(copy, sizeof(copy), "%s/lists.cfg", dir);
	copy_file(path, copy);
	f = fabric_load(dir, err, sizeof(err));
	unlink(copy);
	rmdir(dir);
	if (!f)
		fail_msg("%s", err);
	assert_int_equal(f->n_problems, 0);

	cases = fopen(shared("addresses/CASES.tsv", path, sizeof(path)), "r");
	assert_non_null(cases);
	assert_non_null(fgets(line, sizeof(line), cases)); /* names of the columns */
	for (; fgets(line, sizeof(line), cases); n++) {
		char *rest = line, *name = strsep(&rest, "\t"), *address = strsep(&rest, "\t");
		char *decision = strsep(&rest, "\t"), *seq = strsep(&rest, "\t");
		char *ambiguous = strsep(&rest, "\t");
		const struct prefix_list *l = NULL;
		const char *got = "unknown", *got_ambiguous = "no";
		char got_seq[16] = "-";
		struct addr a;

		assert_non_null(ambiguous);
		assert_true(addr_parse(address, &a));
		for (size_t i = 0; i < f->devices[0].n_lists; i++)
			if (strcmp(f->devices[0].lists[i].name, name) == 0)
				l = &f->devices[0].lists[i];
		if (l && !l->external) {
			struct prefix host = { a, addr_bits(&a) };
			struct lpm *t = prefix_list_compile(l);
			uint32_t rule, route;
			bool permit;

			strcpy(got_seq, l->family == a.family ? "implicit" : "no-list");
			if (lpm_match(t, &a, &rule))
				sprintf(got_seq, "%u", l->entries[rule].seq);
			permit = strcmp(got_seq, "implicit") && strcmp(got_seq, "no-list") &&
				 l->entries[rule].permit;
			got = permit ? "permit" : "deny";
			if (prefix_list_has_bounds(l) && (prefix_list_route(l, &host, &route) &&
							  l->entries[route].permit) != permit)
				got_ambiguous = "yes";
			lpm_free(t);
		}
		if (strcmp(got, decision) || strcmp(got_seq, seq) ||
		    strcmp(got_ambiguous, ambiguous))
			fail_msg("%s %s: %s by %s, ambiguous %s; wanted %s by %s, ambiguous %s",
				 name, address, got, got_seq, got_ambiguous, decision, seq,
				 ambiguous);
	}
	fclose(cases);
	fabric_unref(f);
	print_message("%d address cases\n", n);
	assert_true(n > 30);
}

static const struct fabric_device *device_named(const struct fabric *f, const char *name)
{
	for (size_t i = 0; i < f->n_devices; i++)
		if (strcmp(f->devices[i].name, name) == 0)
			return &f->devices[i];
	return NULL;
}

static struct fabric *load_good(const char *path)
{
	char err[256];
	struct fabric *f = fabric_load(path, err, sizeof(err));

	if (!f)
		fail_msg("%s", err);
	for (size_t i = 0; i < f->n_problems; i++)
		print_message("%s:%d: %s\n", f->problems[i].file, f->problems[i].line,
			      f->problems[i].text);
	assert_int_equal(f->n_problems, 0);
	assert_int_equal(f->n_notes, 0);
	return f;
}

static void test_good_fabric(void **state)
{
	char path[512];
	struct fabric *f;
	unsigned roles[ROLE_NUM] = { 0 };

	(void)state;
	if (!shared("good", path, sizeof(path)))
		skip();
	f = load_good(path);
	assert_int_equal(f->n_devices, 13);
	/* Ma1 of all, with IPv6 on the ten CEs and ToRs, which have Loopback6 in both */
	assert_int_equal(f->n_targets, 13 + 10 + 20);
	for (size_t i = 0; i < f->n_devices; i++)
		roles[f->devices[i].role]++;
	assert_int_equal(roles[ROLE_CE], 2);
	assert_int_equal(roles[ROLE_TOR], 8);
	assert_int_equal(roles[ROLE_MGMT_SWITCH], 2);
	assert_int_equal(roles[ROLE_NPB], 1);
	assert_int_equal(f->n_policies, 2);
	fabric_unref(f);
}

/* A configuration written in another way, in place of the one that it repeats. */
static void test_tolerance(void **state)
{
	static const struct {
		const char *file, *replaces;
		size_t more_targets;
		bool same_lists;
	} files[] = {
		{ "t01-oneline-prefix-lists.cfg", "fab1-AR-CE1", 0, true },
		{ "t02-crlf-no-final-newline.cfg", "fab1-CP1-TOR1", 0, true },
		{ "t03-no-seq-and-remarks.cfg", "fab1-CP1-TOR1", 0, false },
		{ "t04-older-eos-keywords.cfg", "fab1-CP1-TOR1", 0, true },
		{ "t05-seed-flat-indent.cfg", "fab1-AR-CE1", 0, true },
		{ "t06-uppercase-v6-and-zeros.cfg", "fab1-CP1-TOR1", 0, true },
		{ "t07-out-of-order-seq.cfg", "fab1-CP1-TOR1", 0, true },
		{ "t08-mask-form-and-secondary.cfg", "fab1-CP1-TOR1", 1, true },
		{ "t09-no-rcf-eof.cfg", "fab1-AR-CE1", 0, true },
		{ "t10-comments-and-no-lines.cfg", "fab1-CP1-TOR1", 0, true },
	};
	char good_path[512], path[512];
	struct fabric *good;

	(void)state;
	if (!shared("good", good_path, sizeof(good_path)) ||
	    !shared("tolerance", path, sizeof(path)))
		skip();
	good = load_good(good_path);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char dir[] = "/tmp/glasswatch-tolerance-XXXXXX", from[1024], to[1024], copy[64];
		const struct fabric_device *d, *was;
		struct fabric *f;

		assert_non_null(mkdtemp(dir));
		for (size_t k = 0; k < good->n_devices; k++) {
			was = &good->devices[k];
			snprintf(to, sizeof(to), "%s/%s.cfg", dir, was->name);
			if (strcmp(was->name, files[i].replaces) == 0)
				snprintf(from, sizeof(from), "%s/%s", path, files[i].file);
			else
				snprintf(from, sizeof(from), "%s", was->file);
			copy_file(from, to);
		}
		print_message("%s\n", files[i].file);
		f = load_good(dir);
		for (size_t k = 0; k < good->n_devices; k++) {
			snprintf(copy, sizeof(copy), "%s/%s.cfg", dir, good->devices[k].name);
			unlink(copy);
		}
		rmdir(dir);

		assert_int_equal(f->n_devices, good->n_devices);
		assert_int_equal(f->n_targets, good->n_targets + files[i].more_targets);
		for (size_t k = 0; k < good->n_targets; k++) {
			const struct fabric_target *t = &good->targets[k];
			const struct fabric_target *same = fabric_find_target(f, &t->address);

			assert_non_null(same);
			assert_int_equal(same->path, t->path);
			assert_string_equal(f->devices[same->device].name,
					    good->devices[t->device].name);
			assert_string_equal(same->vrf ? same->vrf : "default",
					    t->vrf ? t->vrf : "default");
		}
		d = device_named(f, files[i].replaces);
		was = device_named(good, files[i].replaces);
		assert_non_null(d);
		assert_int_equal(d->role, was->role);
		assert_int_equal(d->asn, was->asn);
		assert_int_equal(d->n_neighbors, was->n_neighbors);
		for (size_t k = 0; k < d->n_neighbors; k++) {
			assert_true(
				addr_equal(&d->neighbors[k].address, &was->neighbors[k].address));
			assert_int_equal(d->neighbors[k].asn, was->neighbors[k].asn);
		}
		assert_int_equal(f->n_policies, good->n_policies + !files[i].same_lists);
		if (files[i].same_lists && !files[i].more_targets)
			assert_string_equal(f->generation, good->generation);
		fabric_unref(f);
	}
	fabric_unref(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_address_cases),
		cmocka_unit_test(test_good_fabric),
		cmocka_unit_test(test_tolerance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
