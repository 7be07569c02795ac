/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into a block, and back; and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/record/block.h"

static struct block_tools *tools;

static int setup(void **state)
{
	tools = block_tools_new();
	return tools ? 0 : -1;
}

static int teardown(void **state)
{
	block_tools_free(tools);
	return 0;
}

static struct block_row event(uint64_t number, const char *agent, const char *json)
{
	return (struct block_row){ .event = true,
				   .number = number,
				   .stored_ns = 1700000000000000000 + number,
				   .agent = agent,
				   .agent_len = strlen(agent),
				   .json = json,
				   .json_len = strlen(json) };
}

static struct chain_hash hash(uint8_t byte)
{
	struct chain_hash h;

	memset(h.bytes, byte, sizeof(h.bytes));
	return h;
}

static void add(struct block *b, struct block_row row)
{
	struct chain_hash digest = hash((uint8_t)b->count), link = hash((uint8_t)(b->count + 100));

	assert_true(block_add(b, &row, &digest, &link));
}

static void test_there_and_back(void **state)
{
	static const uint64_t numbers[] = { 1, 127, 128, 16384, UINT64_MAX };
	struct block b = { 0 }, out = { 0 };
	const uint8_t *body;
	size_t len;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		add(&b, event(numbers[i], "agent", i ? "{\"a\":1}" : ""));
	add(&b, (struct block_row){ .number = 7, .stored_ns = 9 });
	assert_int_equal(b.events, 5);
	body = block_pack(tools, &b, &len);
	assert_non_null(body);
	assert_true(block_unpack(tools, &out, 41, 6, body, len));
	assert_int_equal(out.first, 41);
	assert_int_equal(out.events, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(out.rows[i].number, numbers[i]);
		assert_int_equal(out.rows[i].stored_ns, 1700000000000000000 + numbers[i]);
		assert_int_equal(out.rows[i].agent_len, 5);
		assert_memory_equal(out.rows[i].agent, "agent", 5);
		assert_int_equal(out.rows[i].json_len, i ? 7 : 0);
	}
	assert_false(out.rows[5].event);
	assert_int_equal(out.rows[5].number, 7);
	assert_int_equal(b.links[5 * BLOCK_LINK], 5);
	assert_int_equal(b.links[5 * BLOCK_LINK + CHAIN_HASH_LEN], 105);
	/* another number of rows than it has */
	assert_false(block_unpack(tools, &out, 41, 5, body, len));
	assert_false(block_unpack(tools, &out, 41, 7, body, len));
	assert_int_equal(out.count, 0);
	block_free(&b);
	block_free(&out);
}

static void test_full(void **state)
{
	char *large = malloc(BLOCK_BYTES + 1);
	struct block b = { 0 };

	memset(large, 'x', BLOCK_BYTES);
	large[BLOCK_BYTES] = '\0';
	assert_false(block_is_full(&b));
	add(&b, event(1, "a", large));
	assert_true(block_is_full(&b));
	block_clear(&b);
	for (unsigned i = 0; i < BLOCK_ROWS; i++) {
		assert_false(block_is_full(&b));
		add(&b, event(i, "a", "{}"));
	}
	assert_true(block_is_full(&b));
	block_free(&b);
	free(large);
}

/* Each byte changed, each end cut off: not one of them is read as something else. */
static void test_damaged(void **state)
{
	struct block b = { 0 }, out = { 0 };
	const uint8_t *packed;
	uint8_t *body;
	size_t len;

	for (uint64_t i = 0; i < 20; i++)
		add(&b, event(i, "agent", "{\"id\":\"agent/1\",\"type\":\"flow.start\"}"));
	packed = block_pack(tools, &b, &len);
	body = malloc(len);
	memcpy(body, packed, len);
	for (size_t i = 0; i < len; i++) {
		assert_false(block_unpack(tools, &out, 1, 20, body, i));
		body[i] ^= 0x10;
		if (block_unpack(tools, &out, 1, 20, body, len))
			assert_memory_equal(out.bytes, b.bytes, b.len); /* a bit without meaning */
		body[i] ^= 0x10;
	}
	assert_true(block_unpack(tools, &out, 1, 20, body, len));
	block_free(&b);
	block_free(&out);
	free(body);
}

static void test_none(void **state)
{
	static const char *const bodies[] = { "", "x", "z", "r", "re", "rd\x81", "re\1\1\5a",
					      "rd\1\1d\1\1" };
	struct block out = { 0 };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_false(block_unpack(tools, &out, 1, 1, (const uint8_t *)bodies[i],
					  strlen(bodies[i])));
	assert_true(block_unpack(tools, &out, 1, 2, (const uint8_t *)"rd\1\1d\1\1", 7));
	assert_false(block_unpack(tools, &out, 1, 0, (const uint8_t *)"r", 1));
	assert_false(block_unpack(tools, &out, 1, BLOCK_ROWS + 1, (const uint8_t *)"r", 1));
	block_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
