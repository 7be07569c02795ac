/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring's reader: over memory laid out by hand as the kernel lays it out, and
 * over a map of the running kernel, where it can be made.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/ring.h"

#define SIZE 64

/* A ring by hand. The second half repeats the first, as the kernel maps it. */
static struct {
	unsigned long consumer, producer;
	_Alignas(8) uint8_t data[2 * SIZE];
} memory;

static struct ring ring_by_hand(void)
{
	return (struct ring){ .consumer = &memory.consumer, .producer = &memory.producer,
			      .data = memory.data, .mask = SIZE - 1, .at = memory.consumer };
}

static void put(unsigned long position, uint32_t header, const char *text)
{
	uint8_t record[SIZE] = { 0 };
	size_t i, n = 8 + strlen(text);

	memcpy(record, &header, sizeof(header));
	memcpy(record + 8, text, strlen(text));
	for (i = 0; i < n; i++) {
		size_t at = (position + i) % SIZE;

		memory.data[at] = memory.data[at + SIZE] = record[i];
	}
}

struct heard {
	char text[SIZE];
	unsigned stop_after; /* 0: never */
	unsigned n;
};

static bool hear(void *arg, const void *data, size_t len)
{
	struct heard *h = arg;

	strncat(h->text, data, len);
	strcat(h->text, ".");
	return ++h->n != h->stop_after;
}

static void test_order(void **state)
{
	struct heard h = { .n = 0 };
	struct ring r;

	memset(&memory, 0, sizeof(memory));
	put(0, 3, "one");
	put(16, 8 | 1u << 30, "xxxxxxxx"); /* discarded: passed over */
	put(32, 1, "2");
	put(48, 5 | 1u << 31, "three"); /* being written */
	memory.producer = 64;
	r = ring_by_hand();
	assert_int_equal(ring_waiting(&r), 64);
	assert_int_equal(ring_read(&r, hear, &h), 2);
	assert_string_equal(h.text, "one.2.");
	assert_int_equal(r.at, 48);
	put(48, 5, "three");
	assert_int_equal(ring_read(&r, hear, &h), 1);
	assert_string_equal(h.text, "one.2.three.");
	assert_int_equal(ring_read(&r, hear, &h), 0);
}

static void test_release(void **state)
{
	struct heard h = { .stop_after = 1 };
	struct ring r, next;

	memset(&memory, 0, sizeof(memory));
	put(0, 1, "a");
	put(16, 1, "b");
	memory.producer = 32;
	r = ring_by_hand();
	assert_int_equal(ring_read(&r, hear, &h), 1);
	assert_int_equal(ring_held(&r), 16);
	assert_int_equal(memory.consumer, 0);
	/* killed here: the next one reads it again */
	next = ring_by_hand();
	h = (struct heard){ .n = 0 };
	assert_int_equal(ring_read(&next, hear, &h), 2);
	assert_string_equal(h.text, "a.b.");
	ring_release(&next);
	assert_int_equal(memory.consumer, 32);
	assert_int_equal(ring_held(&next), 0);
	assert_int_equal(ring_waiting(&next), 0);
}

static void test_wrap(void **state)
{
	struct heard h = { .n = 0 };
	struct ring r;

	memset(&memory, 0, sizeof(memory));
	memory.consumer = 2 * SIZE + 48;
	put(memory.consumer, 20, "over the end of data");
	memory.producer = memory.consumer + 32;
	r = ring_by_hand();
	assert_int_equal(ring_read(&r, hear, &h), 1);
	assert_string_equal(h.text, "over the end of data.");
	ring_release(&r);
	assert_int_equal(memory.consumer, 3 * SIZE + 16);
}

static void test_seek(void **state)
{
	struct heard h = { .n = 0 };
	struct ring r;

	memset(&memory, 0, sizeof(memory));
	memory.consumer = 128;
	put(128, 1, "a");
	put(144, 1, "b");
	memory.producer = 160;
	r = ring_by_hand();
	assert_false(ring_seek(&r, 112)); /* the producer's already */
	assert_false(ring_seek(&r, 168)); /* not written yet: another ring's position */
	assert_false(ring_seek(&r, 145));
	assert_true(ring_seek(&r, 144));
	assert_int_equal(ring_read(&r, hear, &h), 1);
	assert_string_equal(h.text, "b.");
	assert_int_equal(ring_held(&r), 32);
}

static void test_not_a_ring(void **state)
{
	struct ring r;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_true(ring_open(&r, fds[0], 4096) < 0);
	ring_close(&r);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_release),
		cmocka_unit_test(test_wrap),	   cmocka_unit_test(test_seek),
		cmocka_unit_test(test_not_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
