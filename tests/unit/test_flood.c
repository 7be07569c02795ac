/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods: which attempts have events of their own, what is said of the others; the
 * counting of SYNs in user space; and a capture of a flood, through the engine.
 */
#include "tests/unit/engine.h"

#include "agent/attempts.h"
#include "agent/flood.h"
#include "agent/flowkey.h"
#include "agent/watch.h"
#include "common/event.h"

#define LIMIT 20

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

/* ---- the limit ---------------------------------------------------------------------- */

static unsigned admitted(struct flood *f, const struct addr *target, enum flood_kind kind,
			 unsigned n)
{
	unsigned got = 0;

	while (n--)
		got += flood_admit(f, target, kind);
	return got;
}

static void test_limit(void **state)
{
	struct addr a = address("192.0.2.1"), b = address("2001:db8::1");
	struct flood *f = flood_new(LIMIT);
	unsigned turn;

	assert_non_null(f);
	for (turn = 0; turn < 3; turn++) {
		assert_int_equal(admitted(f, &a, FLOOD_OTHER, 1000), LIMIT);
		assert_int_equal(admitted(f, &b, FLOOD_OTHER, LIMIT), LIMIT);
		/* whatever strangers do, those that may speak of a path have their room */
		assert_int_equal(admitted(f, &a, FLOOD_TRUSTED, 1000), 5 * LIMIT);
		assert_int_equal(admitted(f, &a, FLOOD_REPEATED, 1000), 5 * LIMIT);
		assert_true(flood_is_on(f, &a));
		assert_false(flood_is_on(f, &b));
		flood_turn(f, turn + 1, turn + 1);
		assert_true(flood_is_on(f, &a)); /* in the interval before */
	}
	flood_turn(f, 9, 9);
	assert_false(flood_is_on(f, &a));
	flood_free(f);
	f = flood_new(0);
	assert_int_equal(admitted(f, &a, FLOOD_OTHER, 1000), 1000);
	flood_free(f);
}

/* ---- what is said ------------------------------------------------------------------- */

static struct flood_sum sums[FLOOD_ALERTS + 1];
static size_t n_sums;

static void keep_sum(void *arg, const struct flood_sum *s)
{
	assert_true(n_sums < FLOOD_ALERTS + 1);
	sums[n_sums++] = *s;
}

static void count(struct flood *f, const char *target, const char *source, uint64_t n)
{
	struct addr t = address(target), s = address(source ? source : target);
	struct gw_attempts who = { .family = t.family, .by_source = source != NULL };

	memcpy(who.target, t.bytes, 16);
	if (source)
		memcpy(who.source, s.bytes, t.family == 4 ? 3 : 8);
	flood_count(f, &who, n);
}

static void report(struct flood *f)
{
	n_sums = 0;
	flood_report(f, keep_sum, NULL);
}

static void test_sums(void **state)
{
	struct addr a = address("192.0.2.1"), b = address("192.0.2.2"), c = address("2001:db8::1");
	struct flood *f = flood_new(LIMIT);
	char source[32];
	unsigned i;

	assert_non_null(f);
	flood_turn(f, 1000, 1000);
	admitted(f, &a, FLOOD_OTHER, 100);
	admitted(f, &b, FLOOD_OTHER, LIMIT);
	flood_turn(f, 11000, 12000);
	admitted(f, &b, FLOOD_OTHER, 100); /* the next interval's */
	count(f, "192.0.2.1", NULL, 5000);
	count(f, "192.0.2.2", NULL, LIMIT + 7); /* each asked again, at most */
	count(f, "2001:db8::1", NULL, 90000);	/* the kernel told of none */
	for (i = 1; i <= 100; i++) {
		snprintf(source, sizeof(source), "10.0.%u.9", i * 37 % 101);
		count(f, "192.0.2.1", source, i * 37 % 101);
		count(f, "192.0.2.2", source, 1);
	}
	count(f, "2001:db8::1", "2001:db8:a:b::1", 70000);
	report(f);
	assert_int_equal(n_sums, 2);
	assert_true(addr_equal(&sums[0].target, &c));
	assert_int_equal(sums[0].syns, 90000);
	assert_int_equal(sums[0].reported, 0);
	assert_int_equal(sums[0].n_sources, 1);
	assert_int_equal(sums[0].sources[0].syns, 70000);
	assert_true(addr_equal(&sums[1].target, &a));
	assert_int_equal(sums[1].syns, 5000);
	assert_int_equal(sums[1].reported, LIMIT);
	assert_int_equal(sums[1].from_ns, 1000);
	assert_int_equal(sums[1].to_ns, 11000);
	assert_int_equal(sums[1].n_sources, FLOOD_SOURCES);
	for (i = 0; i < FLOOD_SOURCES; i++) {
		assert_int_equal(sums[1].sources[i].syns, 100 - i);
		assert_int_equal(sums[1].sources[i].prefix[2], 100 - i);
	}
	flood_turn(f, 22000, 22000);
	report(f);
	assert_int_equal(n_sums, 1);
	assert_true(addr_equal(&sums[0].target, &b));
	assert_int_equal(sums[0].from_ns, 12000);
	flood_free(f);
}

/* Every address of a /16 at once: rooms and sums stay bounded, and nothing is forgotten. */
static void test_many_targets(void **state)
{
	struct flood *f = flood_new(LIMIT);
	uint64_t whole = 0, told = 0, got = 0;
	struct addr a = address("198.18.0.0");
	uint32_t i, targets = 0;

	assert_non_null(f);
	for (i = 0; i < 65536; i++) {
		a.bytes[2] = (uint8_t)(i >> 8);
		a.bytes[3] = (uint8_t)i;
		got += admitted(f, &a, FLOOD_OTHER, 30);
	}
	flood_turn(f, 1, 1);
	for (i = 0; i < 65536; i++) {
		struct gw_attempts who = { .family = 4 };

		a.bytes[2] = (uint8_t)(i >> 8);
		a.bytes[3] = (uint8_t)i;
		memcpy(who.target, a.bytes, 4);
		flood_count(f, &who, 30);
		whole += 30;
	}
	assert_true(got <= LIMIT * (FLOOD_TARGETS + 64));
	report(f);
	assert_int_equal(n_sums, FLOOD_ALERTS);
	for (i = 0; i < n_sums; i++) {
		told += sums[i].syns;
		targets += sums[i].targets;
	}
	assert_int_equal(told, whole);
	assert_false(sums[FLOOD_ALERTS - 1].has_target);
	assert_true(targets <= FLOOD_TARGETS + 1);
	flood_free(f);
}

/* ---- counting in user space ------------------------------------------------------------ */

static struct {
	uint64_t whole, heavy, rows;
} tally;

static void keep_count(void *arg, const struct gw_attempts *who, uint64_t syns)
{
	static const uint8_t heavy[3] = { 203, 0, 113 };

	tally.rows++;
	if (!who->by_source)
		tally.whole += syns;
	else if (memcmp(who->source, heavy, 3) == 0)
		tally.heavy += syns;
}

static void test_attempts(void **state)
{
	struct attempts *a = attempts_new();
	uint64_t random = 88172645463325252ull, heavy = 0;
	uint32_t i;

	assert_non_null(a);
	for (i = 0; i < 500000; i++) {
		uint8_t target[4] = { 192, 0, 2, (uint8_t)(i % 50) }, source[4];

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		memcpy(source, &random, 4);
		if (i % 50 == 7)
			memcpy(source, "\xcb\x00\x71", 3);
		heavy += memcmp(source, "\xcb\x00\x71", 3) == 0;
		attempts_add(a, 4, target, source);
	}
	attempts_take(a, keep_count, NULL);
	assert_int_equal(tally.whole, 500000);
	assert_true(tally.heavy >= 9990 && tally.heavy <= heavy);
	assert_true(tally.rows <= 2 * GW_MAX_ATTEMPTS + 1);
	tally.whole = 0;
	attempts_take(a, keep_count, NULL);
	assert_int_equal(tally.whole, 0);
	/* more targets than there is room for are counted together */
	for (i = 0; i < 100000; i++) {
		uint8_t target[16] = { 0x20, 0x01, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
				       (uint8_t)i };

		attempts_add(a, 6, target, target);
	}
	attempts_take(a, keep_count, NULL);
	assert_int_equal(tally.whole, 100000);
	attempts_free(a);
}

/* ---- through the engine ---------------------------------------------------------------- */

static const char running_config[] =
	"hostname test-CE1\n!\n"
	"interface Management1\n   ip address 192.0.2.11/24\n!\n"
	"ip prefix-list trusted_sources\n   seq 10 permit 198.51.100.0/24\n!\n";

static struct {
	unsigned starts, of_strangers, ends, established, alerts, changes;
	json_int_t syns, reported;
	char prefix[64], device[64];
} seen;

static int on_event(void *arg, struct event *e)
{
	json_t *alert = json_object_get(e->extra, "alert");

	if (e->type == EVENT_FLOW_START) {
		seen.starts++;
		seen.of_strangers += e->trust.verdict != GW_VERDICT_TRUSTED;
	} else if (e->type == EVENT_FLOW_END) {
		seen.ends++;
		seen.established += strcmp(e->flow.outcome, "established") == 0;
	} else if (e->type == EVENT_PATH_CHANGE) {
		seen.changes++;
	} else if (e->type == EVENT_ALERT) {
		assert_string_equal(e->alert, "syn-flood");
		seen.alerts++;
		seen.syns += json_integer_value(json_object_get(alert, "syns"));
		seen.reported += json_integer_value(json_object_get(alert, "reported"));
		snprintf(seen.prefix, sizeof(seen.prefix), "%s",
			 json_string_value(json_object_get(
				 json_array_get(json_object_get(alert, "sources"), 0), "prefix")));
		snprintf(seen.device, sizeof(seen.device), "%s", e->device);
	}
	return 0;
}

static void say(unsigned ms, const char *from, uint16_t sport, const char *to, uint16_t dport,
		uint8_t flags, uint32_t seq, uint32_t ack)
{
	packet(ms, (struct segment){ from, to, sport, dport, flags, seq, ack, NULL });
}

/* 30,000 SYNs in 25 s; a session goes on, another begins, and Ma1 leaves an operator's
 * repeated SYN unanswered. */
static void record_flood(void)
{
	unsigned ms, k;

	begin_capture();
	say(0, "198.51.100.5", 40000, "192.0.2.11", 22, GW_SYN, 1, 0);
	say(1, "192.0.2.11", 22, "198.51.100.5", 40000, GW_SYN | GW_ACK, 7, 2);
	say(2, "198.51.100.5", 40000, "192.0.2.11", 22, GW_ACK, 2, 8);
	for (ms = 100; ms < 25100; ms += 5) {
		for (k = 0; k < 6; k++) {
			char from[20];

			snprintf(from, sizeof(from), "10.%u.%u.9", k == 5 ? 0 : 1 + k,
				 k == 5 ? 0 : ms / 100);
			say(ms, from, (uint16_t)(1024 + ms), "192.0.2.11", 22, GW_SYN, ms, 0);
		}
		if (ms == 12000) {
			say(ms, "198.51.100.5", 40001, "192.0.2.11", 22, GW_SYN, 1, 0);
			say(ms, "192.0.2.11", 22, "198.51.100.5", 40001, GW_SYN | GW_ACK, 7, 2);
			say(ms, "198.51.100.5", 40001, "192.0.2.11", 22, GW_ACK, 2, 8);
		}
		if (ms == 14000 || ms == 15000 || ms == 17000)
			say(ms, "198.51.100.6", 40002, "192.0.2.11", 22, GW_SYN, 1, 0);
	}
	say(25200, "198.51.100.5", 40000, "192.0.2.11", 22, GW_ACK, 2, 8);
	say(125200, "198.51.100.5", 40000, "192.0.2.11", 22, GW_ACK, 2, 8);
}

static void test_capture(void **state)
{
	struct pipeline_counters c;

	record_flood();
	engine_flood_limit = LIMIT;
	c = engine_run(false, on_event);
	assert_int_equal(seen.of_strangers, 3 * LIMIT);
	assert_int_equal(seen.starts, 3 * LIMIT + 3);
	assert_int_equal(seen.ends, seen.starts);
	assert_int_equal(seen.established, 2);
	assert_int_equal(seen.alerts, 3);
	assert_int_equal(seen.syns, 30000 + 2 + 3);
	assert_int_equal(seen.reported, 3 * LIMIT + 3);
	assert_string_equal(seen.prefix, "10.0.0.0/24");
	assert_string_equal(seen.device, "test-CE1");
	assert_int_equal(c.attempts_summed, 30000 - 3 * LIMIT);
	assert_true(seen.changes >= 1);

	/* 0: everything as it was seen */
	memset(&seen, 0, sizeof(seen));
	record_flood();
	engine_flood_limit = 0;
	c = engine_run(false, on_event);
	assert_int_equal(seen.alerts, 0);
	assert_int_equal(c.attempts_summed, 0);
	assert_true(seen.of_strangers > 900); /* the table of 1000 is full then */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),	     cmocka_unit_test(test_sums),
		cmocka_unit_test(test_many_targets), cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_capture),
	};

	engine_make_fabric(running_config);
	return cmocka_run_group_tests_name("flood", tests, NULL, engine_remove_fabric);
}
