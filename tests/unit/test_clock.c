/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"

#define REFUSED UINT64_MAX
#define T0 (1795395723ull * NS_PER_S) /* 2026-11-23T01:02:03Z */

static const struct {
	const char *in;
	uint64_t ns;
} times[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-11-23T01:02:03Z", T0 },
	{ "2026-11-23t01:02:03z", T0 },
	{ "2026-11-23 01:02:03Z", T0 },
	{ "2026-11-23T01:02:03.5Z", T0 + 500000000 },
	{ "2026-11-23T01:02:03.123456789Z", T0 + 123456789 },
	{ "2026-11-23T01:02:03.1234567899Z", T0 + 123456789 },
	{ "2026-11-23T02:02:03+01:00", T0 },
	{ "2026-11-22T19:32:03-05:30", T0 },
	{ "2026-11-23T01:01:60Z", T0 - 3 * NS_PER_S },
	{ "2000-02-29T00:00:00Z", 951782400ull * NS_PER_S },
	{ "2024-02-29T12:00:00Z", 1709208000ull * NS_PER_S },
	{ "2023-02-29T12:00:00Z", REFUSED },
	{ "2100-02-29T12:00:00Z", REFUSED },
	{ "2026-13-01T00:00:00Z", REFUSED },
	{ "2026-00-01T00:00:00Z", REFUSED },
	{ "2026-11-31T00:00:00Z", REFUSED },
	{ "2026-11-23T24:00:00Z", REFUSED },
	{ "2026-11-23T01:60:00Z", REFUSED },
	{ "2026-11-23T01:02:61Z", REFUSED },
	{ "2026-11-23T01:02:03", REFUSED },
	{ "2026-11-23T01:02:03.Z", REFUSED },
	{ "2026-11-23T01:02:03Zx", REFUSED },
	{ "2026-11-23T01:02:03+0100", REFUSED },
	{ "2026-11-23T01:02:03+24:00", REFUSED },
	{ "1969-12-31T23:59:59Z", REFUSED },
	{ "1970-01-01T00:00:00+01:00", REFUSED },
	{ "9999-01-01T00:00:00Z", REFUSED },
	{ "2026-11-23", REFUSED },
	{ "", REFUSED },
	{ "yesterday", REFUSED },
	{ "now", T0 },
	{ "-2h", T0 - 7200 * NS_PER_S },
	{ "-90s", T0 - 90 * NS_PER_S },
	{ "-3d", T0 - 3 * 86400 * NS_PER_S },
	{ "-1h30m", T0 - 5400 * NS_PER_S },
	{ "-30", T0 - 30 * NS_PER_S },
	{ "-", REFUSED },
	{ "--2h", REFUSED },
	{ "-99999d", REFUSED }, /* before 1970 */
};

static void test_time_parse(void **state)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		uint64_t ns = 77;
		bool ok = time_parse(times[i].in, T0, &ns);

		if (times[i].ns == REFUSED ? ok || ns != 77 : !ok || ns != times[i].ns)
			fail_msg("'%s': %s, %llu", times[i].in, ok ? "read" : "refused",
				 (unsigned long long)ns);
	}
}

static void test_time_format(void **state)
{
	char buf[TIME_STRLEN];
	uint64_t ns;

	assert_string_equal(time_format(T0 + 123456789, buf), "2026-11-23T01:02:03.123456789Z");
	assert_string_equal(time_format(0, buf), "1970-01-01T00:00:00.000000000Z");
	assert_string_equal(time_format(UINT64_MAX, buf), "2554-07-21T23:34:33.709551615Z");
	/* every day of 400 years there and back */
	for (uint64_t day = 0; day < 146097; day++) {
		assert_true(time_parse(time_format(day * 86400 * NS_PER_S, buf), 0, &ns));
		assert_true(ns == day * 86400 * NS_PER_S);
	}
}

static const struct {
	const char *in;
	uint64_t ns;
	const char *out; /* canonical */
} durations[] = {
	{ "12.5s", 12500000000ull, "12s500ms" },
	{ "250ms", 250000000ull, "250ms" },
	{ "5m", 300 * NS_PER_S, "5m" },
	{ "2h15m", 8100 * NS_PER_S, "2h15m" },
	{ "3d", 3 * 86400 * NS_PER_S, "3d" },
	{ "90", 90 * NS_PER_S, "1m30s" },
	{ "1.5", 1500000000ull, "1s500ms" },
	{ "0", 0, "0s" },
	{ "0s", 0, "0s" },
	{ "7us", 7000, "7us" },
	{ "9ns", 9, "9ns" },
	{ "1.5h", 5400 * NS_PER_S, "1h30m" },
	{ "0.1ns", 0, "0s" },
	{ "213503d", 213503ull * 86400 * NS_PER_S, "213503d" },
	{ "213504d", REFUSED, NULL },
	{ "99999999999999999999s", REFUSED, NULL },
	{ "", REFUSED, NULL },
	{ "s", REFUSED, NULL },
	{ ".5s", REFUSED, NULL },
	{ "5.s", REFUSED, NULL },
	{ "1.2.3s", REFUSED, NULL },
	{ "5x", REFUSED, NULL },
	{ "5M", REFUSED, NULL },
	{ "5 m", REFUSED, NULL },
	{ "-5m", REFUSED, NULL },
	{ "30m1h", REFUSED, NULL },
	{ "1h1h", REFUSED, NULL },
	{ "1h30", REFUSED, NULL },
};

static void test_duration(void **state)
{
	char buf[DURATION_STRLEN];

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		uint64_t ns = 77, again;
		bool ok = duration_parse(durations[i].in, &ns);

		if (durations[i].ns == REFUSED ? ok || ns != 77 : !ok || ns != durations[i].ns)
			fail_msg("'%s': %s, %llu", durations[i].in, ok ? "read" : "refused",
				 (unsigned long long)ns);
		if (!ok)
			continue;
		assert_string_equal(duration_format(ns, buf), durations[i].out);
		assert_true(duration_parse(buf, &again) && again == ns);
	}
	assert_string_equal(duration_format(UINT64_MAX, buf), "213503d23h34m33s709ms551us615ns");
}

static void test_now_moves(void **state)
{
	struct now a = clock_now(), b = clock_now();

	assert_true(b.mono_ns >= a.mono_ns);
	assert_true(a.real_ns > T0 / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_parse),
		cmocka_unit_test(test_time_format),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_now_moves),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
