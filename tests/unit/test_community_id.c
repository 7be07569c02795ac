/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "common/community_id.h"

#define PUBLISHED "../shared/data/traces/COMMUNITY_ID_VECTORS.json"

/* From the specification's own examples and checked with its reference program. */
static const struct {
	uint8_t proto;
	const char *src;
	uint16_t sport;
	const char *dst;
	uint16_t dport;
	const char *id;
} cases[] = {
	{ 6, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
	{ 6, "66.35.250.204", 80, "128.232.110.120", 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
	{ 17, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
	{ 1, "192.168.0.89", 8, "192.168.0.1", 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
	{ 1, "192.168.0.1", 0, "192.168.0.89", 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
	{ 1, "10.0.0.1", 11, "10.0.0.2", 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM=" },
	{ 46, "10.1.12.1", 0, "10.1.12.2", 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=" },
	{ 132, "192.168.170.8", 7, "192.168.170.56", 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=" },
};

static void check(uint8_t proto, const char *src, uint16_t sport, const char *dst, uint16_t dport,
		  const char *id)
{
	char out[COMMUNITY_ID_STRLEN];
	struct addr s, d;

	assert_true(addr_parse(src, &s));
	assert_true(addr_parse(dst, &d));
	assert_ptr_equal(community_id(&s, sport, &d, dport, proto, out), out);
	if (strcmp(out, id))
		fail_msg("%u %s:%u %s:%u: %s, not %s", proto, src, sport, dst, dport, out, id);
}

static void known_answers(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].proto, cases[i].src, cases[i].sport, cases[i].dst, cases[i].dport,
		      cases[i].id);
}

static void published_vectors(void **state)
{
	json_t *all = json_load_file(PUBLISHED, 0, NULL), *v;
	size_t i;

	if (!all) {
		print_message("skipped: no %s here\n", PUBLISHED);
		skip();
	}
	assert_true(json_array_size(all) > 100);
	json_array_foreach(all, i, v)
		check((uint8_t)json_integer_value(json_object_get(v, "proto")),
		      json_string_value(json_object_get(v, "saddr")),
		      (uint16_t)json_integer_value(json_object_get(v, "sport")),
		      json_string_value(json_object_get(v, "daddr")),
		      (uint16_t)json_integer_value(json_object_get(v, "dport")),
		      json_string_value(json_object_get(v, "community_id")));
	json_decref(all);
}

static void mixed_families(void **state)
{
	char out[COMMUNITY_ID_STRLEN];
	struct addr v4, v6, none = { 0 };

	assert_true(addr_parse("192.0.2.1", &v4));
	assert_true(addr_parse("2001:db8::1", &v6));
	assert_null(community_id(&v4, 1, &v6, 2, 6, out));
	assert_null(community_id(&none, 1, &none, 2, 6, out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(mixed_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
