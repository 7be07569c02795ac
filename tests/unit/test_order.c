/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "agent/order.h"

/* What was handed on, as text: "0:abcd 4:ef" and, where bytes are not at hand, "6:g+2". */
struct heard {
	struct order order;
	char text[512];
};

static void hear(void *arg, uint32_t at, const uint8_t *bytes, uint32_t n, uint32_t len, bool more)
{
	struct heard *h = arg;
	size_t used = strlen(h->text);

	snprintf(h->text + used, sizeof(h->text) - used, "%s%u:%.*s", used ? " " : "", at, (int)n,
		 (const char *)bytes);
	used = strlen(h->text);
	if (len > n)
		used += (size_t)snprintf(h->text + used, sizeof(h->text) - used, "+%u", len - n);
	if (more)
		snprintf(h->text + used, sizeof(h->text) - used, "..");
}

#define FIRST 0xfffffffcu /* so that numbers wrap */

static void say_part(struct heard *h, uint32_t at, const char *bytes, uint32_t unseen, uint8_t part)
{
	struct gw_record r;

	memset(&r, 0, GW_RECORD_SHORT);
	r.part = part;
	r.seq = FIRST + at;
	r.snap_len = (uint16_t)strlen(bytes);
	r.payload_len = r.snap_len + unseen;
	memcpy(r.snap, bytes, r.snap_len);
	order_feed(&h->order, &r, FIRST, hear, h);
}

static void say(struct heard *h, uint32_t at, const char *bytes, uint32_t unseen)
{
	say_part(h, at, bytes, unseen, 0);
}

static void test_in_order(void **state)
{
	struct heard h = { 0 };

	say(&h, 0, "abcd", 0);
	say(&h, 4, "ef", 0);
	say(&h, 4, "ef", 0);	 /* again */
	say(&h, 2, "cdefgh", 0); /* overlaps */
	assert_string_equal(h.text, "0:abcd 4:ef 6:gh");
	order_clear(&h.order);
}

static void test_out_of_order(void **state)
{
	struct heard h = { 0 };

	say(&h, 8, "ij", 0);
	say(&h, 4, "ef", 0);
	say(&h, 6, "gh", 0);
	assert_string_equal(h.text, "");
	say(&h, 0, "abcd", 0);
	assert_string_equal(h.text, "0:abcd 4:ef 6:gh 8:ij");
	assert_int_equal(h.order.n_held, 0);
	order_clear(&h.order);
	order_clear(&h.order);
}

/* Of a segment that was handed up in part the length is known all the same. */
static void test_parts(void **state)
{
	struct heard h = { 0 };

	say(&h, 6, "g", 2);
	say(&h, 0, "ab", 4);
	say(&h, 8, "ij", 0);
	assert_string_equal(h.text, "0:ab+4 6:g+2 9:j");
	say(&h, 5, "f", 9); /* its new part is not at hand */
	assert_string_equal(h.text, "0:ab+4 6:g+2 9:j 10:+5");
	order_clear(&h.order);
}

/* A segment that a router cut: its parts say so, also when they had to wait. */
static void test_cut(void **state)
{
	struct heard h = { 0 };

	say_part(&h, 2, "c", 0, GW_PART_MORE);
	say(&h, 3, "d", 0);
	say_part(&h, 0, "ab", 0, GW_PART_MORE);
	assert_string_equal(h.text, "0:ab.. 2:c.. 3:d");
	order_clear(&h.order);
}

static void test_gap(void **state)
{
	struct heard h = { 0 };
	unsigned i;

	for (i = 0; i <= ORDER_HELD; i++)
		say(&h, 2 + i, "x", 0);
	assert_int_equal(h.order.n_held, ORDER_HELD);
	assert_string_equal(h.text, "");
	say(&h, 0, "ab", 0); /* the last that came early is lost */
	assert_int_equal(h.order.next, FIRST + 2 + ORDER_HELD);
	say(&h, 2 + ORDER_HELD + 1, "z", 0);
	assert_int_equal(h.order.next, FIRST + 2 + ORDER_HELD);
	order_clear(&h.order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order), cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_parts),	 cmocka_unit_test(test_cut),
		cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
