/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "collector/words/words.h"
#include "common/event.h"

#define HEAD                                                                                       \
	"{\"v\":1,\"id\":\"a/1\",\"agent\":\"a\",\"seq\":1,\"time\":\"2026-11-23T01:02:03Z\","     \
	"\"severity\":\"info\",\"service\":\"bgp\","                                               \
	"\"source\":{\"ip\":\"203.0.113.1\",\"port\":40000,\"packets\":1,\"bytes\":1},"            \
	"\"destination\":{\"ip\":\"198.51.100.64\",\"port\":179,\"packets\":1,\"bytes\":1},"
#define OPEN                                                                                       \
	"{\"from\":\"source\",\"asn\":65001,\"hold_time\":90,\"router_id\":\"192.0.2.1\","         \
	"\"capabilities\":[]}"
#define SHUTDOWN                                                                                   \
	"{\"from\":\"destination\",\"code\":6,\"subcode\":2,"                                      \
	"\"name\":\"Cease/Administrative Shutdown\",\"text\":\"work\\u001b[2J\"}"

#define ROUTE(action)                                                                              \
	"\"type\":\"bgp.route\",\"bgp\":{\"route\":{\"action\":\"" action                      \
	"\",\"prefix\":\"198.51.100.66/32\""

static void test_bgp(void **state)
{
	static const char *const cases[][2] = {
		{ "\"type\":\"bgp.message\",\"bgp\":{\"opens\":[" OPEN "]}}",
		  "OPEN from 203.0.113.1: AS 65001, hold time 90 s" },
		{ "\"type\":\"bgp.message\",\"bgp\":{\"notifications\":[" SHUTDOWN "]}}",
		  "NOTIFICATION from 198.51.100.64 6/2 Cease/Administrative Shutdown: "
		  "work\\x1b[2J" },
		{ "\"type\":\"bgp.session\",\"bgp\":{\"session\":{\"state\":\"up\","
		  "\"reason\":\"established\"},\"opens\":[" OPEN "]}}",
		  "session up: established; OPEN from 203.0.113.1: AS 65001, hold time 90 s" },
		{ "\"type\":\"bgp.session\",\"bgp\":{\"session\":{\"state\":\"down\","
		  "\"reason\":\"closed\"}}}",
		  "session down: closed" },
		{ "\"type\":\"bgp.session\",\"bgp\":{\"session\":{\"state\":\"at-risk\","
		  "\"reason\":\"hold-time\",\"silent\":\"destination\",\"hold_time\":90}}}",
		  "session at-risk: hold-time; nothing new from 198.51.100.64, hold time 90 s" },
		{ ROUTE("announce") ",\"from\":\"source\",\"armed\":true,"
		  "\"as_path\":[65101,65000]}}}",
		  "203.0.113.1 announces 198.51.100.66/32: lo6 is armed; AS path 65101 65000" },
		{ ROUTE("withdraw") ",\"from\":\"destination\",\"armed\":false}}}",
		  "198.51.100.64 withdraws 198.51.100.66/32: lo6 is not armed" },
		{ ROUTE("withdraw") ",\"from\":\"source\",\"armed\":false,"
		  "\"reason\":\"session-down\"}}}",
		  "session down, gone is 198.51.100.66/32: lo6 is not armed" },
		{ ROUTE("withdraw") ",\"from\":\"source\",\"covers\":4}}}",
		  "203.0.113.1 withdraws 198.51.100.66/32, which covers 4 lo6 addresses" },
		{ "\"type\":\"bgp.message\",\"bgp\":{\"notifications\":[{\"from\":\"source\","
		  "\"code\":6,\"subcode\":9,\"name\":\"Cease/Hard Reset\","
		  "\"inner\":\"Cease/Administrative Reset\"}]}}",
		  "NOTIFICATION from 203.0.113.1 6/9 Cease/Hard Reset, for Cease/Administrative "
		  "Reset" },
		{ "\"type\":\"bgp.session\"}", "agent a" },
		{ "\"type\":\"alert.syn-flood\",\"alert\":{\"state\":\"told\",\"text\":"
		  "\"900 SYNs toward 192.0.2.1 in 10 s\",\"syns\":900,\"sources\":[{\"prefix\":"
		  "\"203.0.113.0/24\",\"syns\":90}]}}",
		  "900 SYNs toward 192.0.2.1 in 10 s; 90 of them from 203.0.113.0/24" },
	};
	char text[2000], words[WORDS_LEN], err[200];
	struct event e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), HEAD "%s", cases[i][0]);
		if (event_decode(text, strlen(text), &e, err, sizeof(err)))
			fail_msg("%zu: %s", i, err);
		assert_string_equal(words_event(&e, words), cases[i][1]);
		event_clear(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bgp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
