/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence packs: whatever is changed in one is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/command/export.h"
#include "collector/ingest/ingest.h"
#include "collector/record/pack.h"
#include "common/clock.h"

#define T0 (1700000000 * NS_PER_S)
#define ROWS 8

static char *pack; /* of rows 3 to 6 and what stands between and after them */
static size_t pack_len;
static struct chain_anchor anchor;

static int take_anchor(void *arg, const struct chain_anchor *a)
{
	anchor = *a;
	return 0;
}

static int make(void **state)
{
	struct export_config config = { .since_ns = T0 + 3, .until_ns = T0 + 7, .now_ns = T0 };
	struct ingest_counts counts = { 0 };
	struct export_facts facts;
	struct store *s;
	char err[256], text[512], time[TIME_STRLEN];
	FILE *to;

	s = store_open(":memory:", STORE_WRITE, err, sizeof(err));
	if (!s || ingest_begin(s))
		return -1;
	for (int i = 1; i <= ROWS; i++) {
		struct ingest_entry entry = { .id = "1-0", .json = text };

		if (i == 4) { /* a dead letter with bytes that are no text */
			entry.json = "\xff\x00{";
			entry.len = 3;
		} else {
			/* the fifth is not of the span */
			entry.len = (size_t)snprintf(
				text, sizeof(text),
				"{\"v\":1,\"id\":\"a/"
				"%d\",\"agent\":\"a\",\"seq\":%d,\"time\":\"%s\","
				"\"type\":\"agent.start\",\"severity\":\"info\",\"version\":"
				"\"\xc3\xa9\"}",
				i, i, time_format(i == 5 ? T0 + 99 : T0 + (uint64_t)i, time));
		}
		if (ingest_entry(s, &entry, T0 + (uint64_t)i, &counts))
			return -1;
	}
	if (store_anchor_make(s, T0 + 9, 1, 1) != 1 || ingest_commit(s) ||
	    store_anchors(s, false, 0, take_anchor, NULL))
		return -1;
	to = open_memstream(&pack, &pack_len);
	if (export_run(s, &config, to, &facts) != 1 || fclose(to))
		return -1;
	assert_int_equal(facts.rows, 3);   /* 3, the dead letter, 6 */
	assert_int_equal(facts.places, 6); /* 3 to 8: the anchor's */
	assert_int_equal(facts.anchors, 1);
	assert_true(facts.good);
	store_close(s);
	return 0;
}

static int unmake(void **state)
{
	free(pack);
	return 0;
}

static struct pack_facts judge(const char *text, size_t len, const struct chain_anchor *expected)
{
	struct pack *p = pack_new();
	struct pack_facts facts;
	const char *end = text + len;

	if (expected)
		assert_true(pack_expect(p, expected));
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl - text) : (size_t)(end - text);

		if (!pack_line(p, text, n))
			break;
		text += n + 1;
	}
	facts = *pack_finish(p);
	if (facts.good && expected && !pack_expected(p))
		facts = *pack_unanchored(p);
	facts.what = NULL;
	pack_free(p);
	return facts;
}

static void test_good(void **state)
{
	struct pack_facts f = judge(pack, pack_len, NULL);

	if (!f.good)
		fail_msg("line %d: %s\n%s", (int)f.line, f.text, pack);
	assert_int_equal(f.rows, 3);
	assert_int_equal(f.events, 2);
	assert_int_equal(f.dead_letters, 1);
	assert_int_equal(f.first, 3);
	assert_int_equal(f.last, 8);
	assert_int_equal(f.anchors, 1);
	assert_int_equal(f.anchored, 8);
	assert_true(judge(pack, pack_len, &anchor).good);
}

static void test_anchor(void **state)
{
	struct chain_anchor other = anchor;
	struct pack_facts f;

	other.hash.bytes[7] ^= 1;
	f = judge(pack, pack_len, &other);
	assert_false(f.good);
	assert_non_null(strstr(f.text, "kept elsewhere"));
	other = anchor;
	other.place = 99;
	assert_false(judge(pack, pack_len, &other).good);
}

/* The nth line of the pack; *len without its end. */
static const char *line(size_t n, size_t *len)
{
	const char *at = pack;

	while (n--)
		at = strchr(at, '\n') + 1;
	*len = strcspn(at, "\n");
	return at;
}

static size_t lines(void)
{
	size_t n = 0;

	for (const char *at = pack; *at; at++)
		n += *at == '\n';
	return n;
}

static void test_cut_and_moved(void **state)
{
	char *text = malloc(2 * pack_len + 2);
	size_t n = lines();

	for (size_t gone = 0; gone < n; gone++) {
		size_t len, at = 0;

		for (size_t i = 0; i < n; i++) {
			const char *l = line(i, &len);

			if (i == gone)
				continue;
			memcpy(text + at, l, len + 1);
			at += len + 1;
		}
		/* An anchor may go: the pack then has one fewer. */
		if (strncmp(line(gone, &len), "{\"anchor\"", 9) == 0)
			continue;
		if (judge(text, at, NULL).good)
			fail_msg("line %zu can be taken out", gone);
	}
	for (size_t twice = 0; twice < n; twice++) {
		size_t len, at = 0;

		for (size_t i = 0; i < n; i++) {
			const char *l = line(i, &len);

			for (int k = 0; k < (i == twice ? 2 : 1); k++) {
				memcpy(text + at, l, len + 1);
				at += len + 1;
			}
		}
		if (strncmp(line(twice, &len), "{\"anchor\"", 9) == 0)
			continue;
		if (judge(text, at, NULL).good)
			fail_msg("line %zu can stand twice", twice);
	}
	for (size_t len = 0; len + 1 < pack_len; len++)
		if (judge(pack, len, NULL).good)
			fail_msg("it can be cut off after %zu bytes", len);
	free(text);
}

/* Each byte of rows, digests, anchors and end, changed in two ways. */
static void test_each_byte(void **state)
{
	char *text = malloc(pack_len);
	size_t first = (size_t)(strchr(pack, '\n') - pack) + 1;
	unsigned unproven = 0;

	for (size_t i = first; i < pack_len; i++)
		for (int way = 0; way < 2; way++) {
			memcpy(text, pack, pack_len);
			text[i] = way ? (char)(text[i] ^ 1) : ' ';
			if (text[i] != pack[i] && judge(text, pack_len, NULL).good)
				unproven++;
		}
	/* Free are: the number n of each row (its place is what counts), an anchor's own
	 * number, time and collector, and blanks between the parts. */
	if (unproven > 200)
		fail_msg("%u changes are not found", unproven);
	for (size_t i = first; i < pack_len; i++) {
		const char *row = NULL;

		/* within "row":{...} nothing is free */
		for (const char *at = pack + first; (at = strstr(at, "\"row\":{")); at++)
			if (at + 7 <= pack + i && pack + i < strstr(at, "},\"digest\""))
				row = at;
		if (!row)
			continue;
		memcpy(text, pack, pack_len);
		text[i] = (char)(text[i] ^ 1);
		if (judge(text, pack_len, NULL).good)
			fail_msg("byte %zu of a row is not proven: %.40s", i, pack + i);
	}
	free(text);
}

static void test_wrong(void **state)
{
	static const char *const cases[] = {
		"",
		"{}",
		"[]",
		"{\"pack\":2}",
		"{\"pack\":1,\"store\":\"x\"}",
		"null\n",
		("{\"pack\":1,\"store\":\"00000000000000000000000000000000\","
		 "\"first\":0,\"last\":0,\"before\":\"00\"}"),
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (judge(cases[i], strlen(cases[i]), NULL).good)
			fail_msg("case %zu is taken", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	      cmocka_unit_test(test_anchor),
		cmocka_unit_test(test_cut_and_moved), cmocka_unit_test(test_each_byte),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
