/* SPDX-License-Identifier: Apache-2.0 */
/* How far the stream may be trimmed: what the groups say in, an entry out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "collector/consume/trim.h"

static void test_ids(void **state)
{
	static const char *const bad[] = { "",	   "-",	    "1",   "1-",
					   "-1",   "1-2-3", "a-1", "1-b",
					   " 1-2", "1-2 ",  "+",   "18446744073709551616-0" };
	struct trim_id a, b;

	assert_true(trim_id_parse("1700000000000-7", &a));
	assert_int_equal(a.ms, 1700000000000);
	assert_int_equal(a.seq, 7);
	assert_true(trim_id_parse("18446744073709551615-18446744073709551615", &b));
	assert_true(b.ms == UINT64_MAX && b.seq == UINT64_MAX);
	assert_int_equal(trim_id_compare(a, b), -1);
	assert_int_equal(trim_id_compare(b, a), 1);
	assert_int_equal(trim_id_compare(a, a), 0);
	b = (struct trim_id){ a.ms, a.seq + 1 };
	assert_int_equal(trim_id_compare(a, b), -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (trim_id_parse(bad[i], &a))
			fail_msg("\"%s\" is an id", bad[i]);
}

/* The reply that hiredis makes of these bytes; lines are divided by blanks. */
static redisReply *reply_of(const char *text)
{
	redisReader *reader = redisReaderCreate();
	char wire[2000];
	void *reply = NULL;
	size_t n = 0;

	for (; *text; text++) {
		wire[n++] = *text == ' ' ? '\r' : *text;
		if (*text == ' ')
			wire[n++] = '\n';
	}
	redisReaderFeed(reader, wire, n);
	redisReaderGetReply(reader, &reply);
	redisReaderFree(reader);
	assert_non_null(reply);
	return reply;
}

static char asked[200];

static void owes(void *arg, const char *group)
{
	strcat(asked, group);
	strcat(asked, " ");
}

#define GROUP(name, pending, last)                                                                 \
	"*6 $4 name $2 " name " $7 pending :" pending " $17 last-delivered-id $3 " last " "

static void test_groups(void **state)
{
	static const struct {
		const char *reply;
		bool good;
		uint64_t ms, seq;
		const char *holder, *asked;
	} cases[] = {
		{ "*1 " GROUP("aa", "0", "5-7"), true, 5, 8, "aa", "" },
		{ "*2 " GROUP("aa", "0", "5-7") GROUP("bb", "0", "4-9"), true, 4, 10, "bb", "" },
		{ "*2 " GROUP("aa", "0", "4-9") GROUP("bb", "0", "5-7"), true, 4, 10, "aa", "" },
		{ "*2 " GROUP("aa", "3", "5-7") GROUP("bb", "0", "5-7"), true, 5, 8, "aa", "aa " },
		{ "*2 " GROUP("aa", "3", "5-7") GROUP("bb", "1", "0-0"), true, 0, 1, "bb",
		  "aa bb " },
		{ "*0 ", false, 0, 0, "", "" },
		{ "-ERR ", false, 0, 0, "", "" },
		{ "*1 *2 $4 name $2 aa ", false, 0, 0, "", "" },
		{ "*1 " GROUP("aa", "0", "xyz"), false, 0, 0, "", "" },
		{ "*1 :5 ", false, 0, 0, "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		redisReply *reply = reply_of(cases[i].reply);
		struct trim_round r;

		asked[0] = '\0';
		if (trim_groups(&r, reply, owes, NULL) != cases[i].good)
			fail_msg("%s", cases[i].reply);
		if (cases[i].good) {
			assert_int_equal(r.keep.ms, cases[i].ms);
			assert_int_equal(r.keep.seq, cases[i].seq);
			assert_string_equal(r.holder, cases[i].holder);
			assert_string_equal(asked, cases[i].asked);
		}
		freeReplyObject(reply);
	}
}

static void test_pending(void **state)
{
	struct trim_round r = { .keep = { 5, 8 }, .holder = "aa", .groups = 2 };
	redisReply *reply = reply_of("*4 :3 $3 4-2 $3 5-7 *0 ");

	assert_true(trim_pending(&r, reply, "bb"));
	assert_true(r.keep.ms == 4 && r.keep.seq == 2);
	assert_string_equal(r.holder, "bb");
	freeReplyObject(reply);
	reply = reply_of("*4 :3 $3 4-3 $3 5-7 *0 "); /* a group that is further */
	assert_true(trim_pending(&r, reply, "cc"));
	assert_string_equal(r.holder, "bb");
	freeReplyObject(reply);
	reply = reply_of("*4 :0 $-1 $-1 *-1 "); /* all acknowledged in the meantime */
	assert_true(trim_pending(&r, reply, "cc"));
	assert_true(r.keep.ms == 4 && r.keep.seq == 2);
	freeReplyObject(reply);
	reply = reply_of(":3 ");
	assert_false(trim_pending(&r, reply, "cc"));
	freeReplyObject(reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
