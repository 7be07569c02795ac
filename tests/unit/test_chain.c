/* SPDX-License-Identifier: Apache-2.0 */
/* The hash chain without a store: hashes, anchors as text, and what is said of
 * records that somebody has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/record/chain.h"
#include "collector/store/chain_check.h"
#include "common/clock.h"

#define ID "000102030405060708090a0b0c0d0e0f"
#define PLACES 40

/* ---- hashes ---------------------------------------------------------------- */

static void test_hashes(void **state)
{
	struct chain_digest *d = chain_digest_new();
	struct chain_hash first, digest, next;
	char hex[CHAIN_HEX_LEN];

	/* printf %s 000102030405060708090a0b0c0d0e0f | sha256sum */
	assert_true(chain_first(d, ID, &first));
	assert_string_equal(chain_hex(&first, hex),
			    "d65df89f702eec58ca3c7bf2001c9ffc7cd80553ae01d42a799ba26756142d96");
	/* t 0000000000000005 event, i 0000000000000102, n, t ...0 , b ...1 ff */
	chain_begin(d, "event");
	chain_int(d, 0x102);
	chain_null(d);
	chain_text(d, "", 0);
	chain_bytes(d, "\xff", 1);
	assert_true(chain_end(d, &digest));
	assert_string_equal(chain_hex(&digest, hex),
			    "051a97b86542e91d80bb36c3526f6940f4e0192caa3c244beb4f3250d24573c1");
	assert_true(chain_next(d, &first, &digest, &next));
	assert_string_equal(chain_hex(&next, hex),
			    "e63754da0f8bd118a53c50a3f746573db120885487d1bb1eda548221a2cebd75");
	chain_digest_free(d);
}

/* Fields cannot flow into each other. */
static void test_fields(void **state)
{
	struct chain_digest *d = chain_digest_new();
	struct chain_hash h[6];

	for (int i = 0; i < 6; i++) {
		chain_begin(d, "event");
		if (i == 0) {
			chain_text(d, "ab", 2);
			chain_text(d, "c", 1);
		} else if (i == 1) {
			chain_text(d, "a", 1);
			chain_text(d, "bc", 2);
		} else if (i == 2) {
			chain_bytes(d, "ab", 2);
			chain_text(d, "c", 1);
		} else if (i == 3) {
			chain_null(d);
		} else if (i == 4) {
			chain_int(d, 0);
		} else {
			chain_text(d, "", 0);
		}
		assert_true(chain_end(d, &h[i]));
		for (int k = 0; k < i; k++)
			assert_false(chain_equal(&h[i], &h[k]));
	}
	chain_digest_free(d);
}

/* ---- anchors as text ------------------------------------------------------- */

static void test_anchor_text(void **state)
{
	struct chain_anchor a = { .store = ID,
				  .number = 7,
				  .place = 12345,
				  .time_ns = 1700000000123456789u },
			    b;
	char line[CHAIN_ANCHOR_LEN], err[200];
	size_t len;

	memset(a.hash.bytes, 0xa5, sizeof(a.hash.bytes));
	len = chain_anchor_format(&a, "c1", line);
	assert_int_equal(len, strlen(line));
	assert_true(chain_anchor_parse(line, len, &b, err, sizeof(err)));
	assert_memory_equal(&a, &b, sizeof(a));
	/* The longest that a name can make it. */
	memset(line, 0, sizeof(line));
	assert_true(chain_anchor_format(&a, NULL, line) > 0);
}

static void test_anchor_refused(void **state)
{
#define HASH "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define TIME "\"time\":\"2026-11-23T01:02:03Z\""
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "not an anchor" },
		{ "[]", "\"store\"" },
		{ "{}", "\"store\"" },
		{ "{\"store\":\"xyz\"}", "\"store\"" },
		{ "{\"store\":\"" ID "\",\"number\":0}", "\"number\"" },
		{ "{\"store\":\"" ID "\",\"number\":-1}", "\"number\"" },
		{ "{\"store\":\"" ID "\",\"number\":1,\"place\":\"2\"}", "\"place\"" },
		{ "{\"store\":\"" ID "\",\"number\":1,\"place\":2,\"hash\":\"a5\"}", "\"hash\"" },
		{ "{\"store\":\"" ID "\",\"number\":1,\"place\":2,\"hash\":\"" HASH "\"}",
		  "\"time\"" },
		{ "{\"store\":\"" ID "\",\"number\":1,\"place\":2,\"hash\":\"" HASH
		  "\",\"time\":\"-2h\"}",
		  "\"time\"" },
		{ "{\"store\":\"" ID "\",\"store\":\"" ID "\"}", "duplicate" },
	};
	struct chain_anchor a;
	char err[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(chain_anchor_parse(cases[i].text, strlen(cases[i].text), &a, err,
						sizeof(err)));
		if (!strstr(err, cases[i].words))
			fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, err, cases[i].words);
	}
	assert_true(chain_anchor_parse(
		"{\"store\":\"" ID "\",\"number\":1,\"place\":2,\"hash\":\"" HASH "\"," TIME
		",\"more\":[]}",
		strlen("{\"store\":\"" ID "\",\"number\":1,\"place\":2,\"hash\":\"" HASH "\"," TIME
		       ",\"more\":[]}"),
		&a, err, sizeof(err)));
}

/* ---- records that somebody has changed -------------------------------------- */

static struct store_place record[PLACES + 1];
static size_t n_record;
static struct chain_digest *digest;

static struct chain_hash content(unsigned number)
{
	struct chain_hash h;

	chain_begin(digest, "event");
	chain_int(digest, number);
	chain_end(digest, &h);
	return h;
}

static int make_record(void **state)
{
	struct chain_hash before;

	digest = chain_digest_new();
	chain_first(digest, ID, &before);
	for (unsigned i = 0; i < PLACES; i++) {
		struct store_place *p = &record[i];

		*p = (struct store_place){ .place = i + 1,
					   .n = i + 1,
					   .kind = "event",
					   .there = true,
					   .agent = "a",
					   .seq = i + 1,
					   .type = "agent.start",
					   .time_ns = 1 };
		p->digest = p->row = content(i);
		chain_next(digest, &before, &p->digest, &p->hash);
		before = p->hash;
	}
	n_record = PLACES;
	return 0;
}

static int free_record(void **state)
{
	chain_digest_free(digest);
	return 0;
}

static void renumber(void)
{
	for (size_t i = 0; i < n_record; i++)
		record[i].place = i + 1;
}

static void drop(size_t i)
{
	memmove(&record[i], &record[i + 1], (n_record - i - 1) * sizeof(record[0]));
	n_record--;
}

static void swap(size_t a, size_t b)
{
	struct store_place p = record[a];

	record[a] = record[b];
	record[b] = p;
}

static struct chain_check *checked(void)
{
	struct chain_check *c = chain_check_new(ID);

	for (size_t i = 0; i < n_record; i++)
		chain_check_place(c, &record[i]);
	chain_check_finish_places(c);
	return c;
}

/* "changed 12, moved 5": what is found, with the place. */
static const char *found(void)
{
	static char text[2000];
	struct chain_check *c = checked();
	const struct chain_finding *f;
	size_t n;

	chain_check_finish(c, false);
	n = chain_check_findings(c, &f);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %d", i ? ", " : "",
			 chain_fault_name(f[i].fault), (int)f[i].place);
	chain_check_free(c);
	return text;
}

static void test_sound(void **state)
{
	assert_string_equal(found(), "");
	n_record = 0;
	assert_string_equal(found(), "");
}

static void test_changed(void **state)
{
	record[11].row.bytes[3] ^= 1;
	assert_string_equal(found(), "changed 12");
	record[0].row.bytes[0] ^= 1;
	record[39].row.bytes[31] ^= 128;
	assert_string_equal(found(), "changed 1, changed 12, changed 40");
}

static void test_hash_changed(void **state)
{
	record[11].hash.bytes[3] ^= 1;
	assert_string_equal(found(), "changed 12");
}

static void test_last_hash_changed(void **state)
{
	record[39].hash.bytes[3] ^= 1;
	assert_string_equal(found(), "broken 40");
}

static void test_digest_changed(void **state)
{
	record[11].digest.bytes[3] ^= 1;
	assert_string_equal(found(), "changed 12");
}

static void test_replaced(void **state)
{
	record[11].row = record[11].digest = content(77);
	assert_string_equal(found(), "broken 12");
}

static void test_row_gone(void **state)
{
	record[11].there = false;
	assert_string_equal(found(), "removed 12");
}

static void test_place_gone(void **state)
{
	drop(11);
	drop(11);
	assert_string_equal(found(), "removed 12");
	renumber();
	assert_string_equal(found(), "broken 12");
}

static void test_first_gone(void **state)
{
	drop(0);
	assert_string_equal(found(), "removed 1");
	renumber();
	assert_string_equal(found(), "broken 1");
}

static void test_rows_swapped(void **state)
{
	struct chain_hash h = record[4].row;

	record[4].row = record[8].row;
	record[8].row = h;
	assert_string_equal(found(), "moved 5");
	record[8].row = record[20].row; /* a circle of three */
	record[20].row = h;
	assert_string_equal(found(), "moved 5, moved 9, moved 21");
}

static void test_places_swapped(void **state)
{
	static const size_t pairs[][2] = { { 4, 8 }, { 4, 5 }, { 0, 39 }, { 38, 39 }, { 0, 1 } };

	for (size_t i = 0; i < 5; i++) {
		char want[64];

		swap(pairs[i][0], pairs[i][1]);
		renumber();
		snprintf(want, sizeof(want), "moved %zu", pairs[i][0] + 1);
		if (!strstr(found(), want))
			fail_msg("%s lacks %s", found(), want);
		snprintf(want, sizeof(want), "moved %zu", pairs[i][1] + 1);
		if (!strstr(found(), want))
			fail_msg("%s lacks %s", found(), want);
		assert_null(strstr(found(), "broken"));
		assert_null(strstr(found(), "inserted"));
		swap(pairs[i][0], pairs[i][1]);
		renumber();
	}
}

static void put_in(size_t i, bool fits)
{
	memmove(&record[i + 1], &record[i], (n_record - i) * sizeof(record[0]));
	n_record++;
	record[i].row = record[i].digest = content(99);
	if (fits)
		chain_next(digest, &record[i - 1].hash, &record[i].digest, &record[i].hash);
	else
		record[i].hash = content(98);
	renumber();
}

static void test_put_in(void **state)
{
	put_in(11, false);
	assert_string_equal(found(), "inserted 12");
}

static void test_put_in_well(void **state)
{
	put_in(11, true);
	assert_string_equal(found(), "inserted 12");
}

/* Whatever is done to it, it does not pass. */
static void test_any(void **state)
{
	unsigned seed = 20261123;

	for (unsigned round = 0; round < 3000; round++) {
		struct store_place before[PLACES + 1];
		size_t a = (size_t)rand_r(&seed) % PLACES, b = (size_t)rand_r(&seed) % PLACES;

		memcpy(before, record, sizeof(before));
		switch (rand_r(&seed) % 5) {
		case 0:
			record[a].row.bytes[b % 32] ^= 1u << a % 8;
			break;
		case 1:
			record[a].hash.bytes[b % 32] ^= 1u << a % 8;
			break;
		case 2:
			drop(a == PLACES - 1 ? 0 : a); /* the end is the anchors' matter */
			renumber();
			break;
		case 3:
			swap(a, a == b ? (b + 1) % PLACES : b);
			renumber();
			break;
		default:
			put_in(1 + a % (PLACES - 1), a & 1);
			break;
		}
		if (!found()[0])
			fail_msg("round %u, places %zu and %zu: nothing found", round, a, b);
		memcpy(record, before, sizeof(before));
		n_record = PLACES;
	}
}

/* ---- anchors ---------------------------------------------------------------- */

static void feed(struct chain_check *c, uint64_t number, uint64_t place, bool good)
{
	struct chain_anchor a = { .store = ID, .number = number, .place = place, .time_ns = 1 };

	if (place <= n_record)
		a.hash = record[place - 1].hash;
	a.hash.bytes[0] ^= !good;
	chain_check_anchor(c, &a, place <= n_record ? &record[place - 1].hash : NULL, true);
}

static void test_anchors(void **state)
{
	static const struct {
		struct {
			uint64_t number, place;
			bool good;
		} fed[4];
		const char *want;
		uint64_t at;
	} cases[] = {
		{ { { 1, 10, true }, { 2, 20, true }, { 3, 40, true } }, NULL, 0 },
		{ { { 5, 10, true }, { 6, 20, true } }, NULL, 0 }, /* old ones are trimmed */
		{ { { 1, 10, true }, { 3, 40, true } }, "unanchored", 0 },
		{ { { 1, 10, true }, { 2, 20, false }, { 3, 40, false } }, "rewritten", 11 },
		{ { { 1, 40, true }, { 2, 41, true } }, "tail-cut", 41 },
		{ { { 0 } }, "unanchored", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct chain_check *c = checked();
		const struct chain_finding *f;
		size_t n;

		for (size_t k = 0; k < 4 && cases[i].fed[k].number; k++)
			feed(c, cases[i].fed[k].number, cases[i].fed[k].place,
			     cases[i].fed[k].good);
		chain_check_finish(c, true);
		n = chain_check_findings(c, &f);
		assert_int_equal(n, cases[i].want != NULL);
		if (n) {
			assert_string_equal(chain_fault_name(f[0].fault), cases[i].want);
			assert_int_equal(f[0].place, cases[i].at);
		}
		chain_check_free(c);
	}
}

/* More than is kept is counted. */
static void test_many(void **state)
{
	struct chain_check *c = chain_check_new(ID);
	struct store_place p = { .kind = "event", .there = true };
	const struct chain_finding *f;

	for (uint64_t i = 1; i <= 5000; i++) {
		p.place = i;
		p.row.bytes[0] = (uint8_t)i;
		chain_check_place(c, &p);
	}
	chain_check_finish_places(c);
	chain_check_finish(c, false);
	assert_int_equal(chain_check_findings(c, &f), CHAIN_KEEP);
	assert_true(chain_check_totals(c)->findings >= 5000);
	chain_check_free(c);
}

#define with_record(test) cmocka_unit_test_setup_teardown(test, make_record, free_record)

/* ---- places that are sealed -------------------------------------------------- */

/* Places 1 to 10 and 11 to 20 are sealed, those up to `gone` removed. */
static struct chain_check *sealed(const struct store_segment seals[2], unsigned n_seals,
				  uint64_t gone, uint64_t told)
{
	struct chain_check *c = chain_check_new(ID);
	char before[CHAIN_HEX_LEN], hash[CHAIN_HEX_LEN];

	for (unsigned i = 0; i < n_seals; i++)
		chain_check_seal(c, &seals[i]);
	for (size_t i = gone; i < n_record; i++)
		chain_check_place(c, &record[i]);
	chain_check_finish_places(c);
	for (uint64_t i = told; told && i <= 2; i++) {
		struct chain_hash first;

		chain_first(digest, ID, &first);
		chain_check_told(c, i, i == 1 ? 1 : 11, 10 * i,
				 chain_hex(i == 1 ? &first : &record[9].hash, before),
				 chain_hex(&record[10 * i - 1].hash, hash));
	}
	chain_check_finish(c, false);
	return c;
}

static void test_sealed(void **state)
{
	static const struct {
		unsigned seals;
		uint64_t gone, told;
		int change; /* of the second seal: 1 last, 2 hash, 3 before */
		bool good;
	} cases[] = {
		{ 2, 20, 1, 0, true },	{ 2, 20, 2, 0, true },
		{ 2, 10, 2, 0, true },			       /* the second is not removed yet, */
		{ 2, 0, 1, 0, true },	{ 2, 15, 1, 0, true }, /* or half of it is */
		{ 2, 20, 0, 0, false },			       /* nobody tells of it */
		{ 2, 21, 1, 0, false },			       /* more is gone */
		{ 1, 20, 1, 0, false }, { 0, 20, 0, 0, false },
		{ 2, 21, 1, 1, false }, { 2, 20, 1, 2, false },
		{ 2, 20, 1, 3, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_segment seals[2] = {
			{ .number = 1, .first = 1, .last = 10, .hash = record[9].hash },
			{ .number = 2,
			  .first = 11,
			  .last = 20,
			  .before = record[9].hash,
			  .hash = record[19].hash },
		};
		struct chain_check *c;

		chain_first(digest, ID, &seals[0].before);
		if (cases[i].change == 1) {
			seals[1].last = 21;
			seals[1].hash = record[20].hash;
		} else if (cases[i].change) {
			struct chain_hash *h = cases[i].change == 2 ? &seals[1].hash
								    : &seals[1].before;

			h->bytes[5] ^= 1;
		}
		c = sealed(seals, cases[i].seals, cases[i].gone, cases[i].told);
		if ((chain_check_totals(c)->findings == 0) != cases[i].good)
			fail_msg("case %zu: %d findings", i, (int)chain_check_totals(c)->findings);
		chain_check_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sealed, make_record, free_record),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_anchor_text),
		cmocka_unit_test(test_anchor_refused),
		with_record(test_sound),
		with_record(test_changed),
		with_record(test_hash_changed),
		with_record(test_last_hash_changed),
		with_record(test_digest_changed),
		with_record(test_replaced),
		with_record(test_row_gone),
		with_record(test_place_gone),
		with_record(test_first_gone),
		with_record(test_rows_swapped),
		with_record(test_places_swapped),
		with_record(test_put_in),
		with_record(test_put_in_well),
		with_record(test_any),
		with_record(test_anchors),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
