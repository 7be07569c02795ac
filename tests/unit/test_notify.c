/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of what, and the texts that receivers are sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/deliver/deliver.h"
#include "collector/deliver/notify.h"
#include "common/clock.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)
#define OVER .severity = SEVERITY_WARNING, .resolved_ns = T0, .state = STORE_ALERT_RESOLVED

static void test_judge(void **state)
{
	static const struct notify_policy policy = { SEVERITY_NOTICE, S(3600) };
	static const struct store_told warned = { 1, true, SEVERITY_WARNING, T0 };
	static const struct store_told ended = { 1, false, SEVERITY_WARNING, T0 };
	static const struct {
		const char *what;
		struct store_alert a;
		const struct store_told *told;
		uint64_t now;
		enum notify_verdict want;
	} cases[] = {
		{ "new", { .severity = SEVERITY_WARNING }, NULL, T0, NOTIFY_FIRING },
		{ "below the least", { .severity = SEVERITY_INFO }, NULL, T0, NOTIFY_NOTHING },
		{ "told", { .severity = SEVERITY_WARNING }, &warned, T0 + S(10), NOTIFY_NOTHING },
		{ "worse", { .severity = SEVERITY_CRITICAL }, &warned, T0 + S(1), NOTIFY_FIRING },
		{ "lasts", { .severity = SEVERITY_WARNING }, &warned, T0 + S(3600), NOTIFY_FIRING },
		{ "set back", { .severity = SEVERITY_WARNING }, &warned, 1, NOTIFY_NOTHING },
		{ "a drill", { .severity = SEVERITY_INFO, .drill = 3 }, NULL, T0, NOTIFY_NOTHING },
		{ "silenced",
		  { .severity = SEVERITY_CRITICAL, .silence = 2, .state = STORE_ALERT_SILENCED },
		  NULL,
		  T0,
		  NOTIFY_NOTHING },
		{ "silenced and worse",
		  { .severity = SEVERITY_CRITICAL, .silence = 2, .state = STORE_ALERT_SILENCED },
		  &warned,
		  T0,
		  NOTIFY_NOTHING },
		{ "acknowledged before it was told",
		  { .severity = SEVERITY_WARNING, .state = STORE_ALERT_ACKNOWLEDGED },
		  NULL,
		  T0,
		  NOTIFY_NOTHING },
		{ "acknowledged, and lasts",
		  { .severity = SEVERITY_WARNING, .state = STORE_ALERT_ACKNOWLEDGED },
		  &warned,
		  T0 + S(9999),
		  NOTIFY_NOTHING },
		{ "acknowledged, and worse",
		  { .severity = SEVERITY_CRITICAL, .state = STORE_ALERT_ACKNOWLEDGED },
		  &warned,
		  T0,
		  NOTIFY_FIRING },
		{ "over", { OVER }, &warned, T0 + S(1), NOTIFY_RESOLVED },
		{ "over, and told", { OVER }, &ended, T0 + S(1), NOTIFY_NOTHING },
		{ "over before it was told", { OVER }, NULL, T0 + S(1), NOTIFY_RESOLVED },
		{ "over, silenced since",
		  { OVER, .silence = 2 },
		  &warned,
		  T0 + S(1),
		  NOTIFY_RESOLVED },
		{ "over, silenced all the time",
		  { OVER, .silence = 2 },
		  NULL,
		  T0 + S(1),
		  NOTIFY_NOTHING },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (notify_judge(&cases[i].a, cases[i].told, &policy, cases[i].now) !=
		    cases[i].want)
			fail_msg("%s", cases[i].what);
}

static struct store_alert an_alert(void)
{
	return (struct store_alert){ .id = 7,
				     .name = "untrusted-source",
				     .key = "203.0.113.7",
				     .bundle = "source/203.0.113.7",
				     .severity = SEVERITY_CRITICAL,
				     .device = "d<!channel>\x1b[31m",
				     .source = "203.0.113.7",
				     .since_ns = T0,
				     .last_ns = T0 + S(5),
				     .count = 3,
				     .text = "203.0.113.7 & <https://evil|friends> logged in" };
}

static json_t *body(enum notify_kind kind, unsigned firing, unsigned resolved,
		    enum event_severity was)
{
	struct notify n = { .kind = kind,
			    .collector = "glasswatch-x",
			    .receiver = "webhook http://h #1",
			    .bundle = "source/203.0.113.7",
			    .number = 42,
			    .now_ns = T0 + S(60) };
	struct store_alert a = an_alert();
	json_t *doc;
	char *text;

	for (unsigned i = 0; i < firing; i++)
		assert_true(notify_add(&n, &a, NOTIFY_FIRING, was));
	a.resolved_ns = T0 + S(50);
	a.state = STORE_ALERT_RESOLVED;
	for (unsigned i = 0; i < resolved; i++)
		assert_true(notify_add(&n, &a, NOTIFY_RESOLVED, was));
	text = notify_body(&n);
	assert_non_null(text);
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	free(text);
	notify_clear(&n);
	return doc;
}

static const char *text_at(const json_t *doc, const char *key)
{
	return json_string_value(json_object_get(doc, key));
}

static void test_webhook(void **state)
{
	json_t *doc = body(NOTIFY_WEBHOOK, 1, 1, SEVERITY_NUM);
	const json_t *alerts = json_object_get(doc, "alerts");

	assert_string_equal(text_at(doc, "status"), "firing");
	assert_string_equal(text_at(doc, "bundle"), "source/203.0.113.7");
	assert_int_equal(json_integer_value(json_object_get(doc, "notification")), 42);
	assert_int_equal(json_array_size(alerts), 2);
	assert_string_equal(text_at(json_array_get(alerts, 0), "status"), "firing");
	assert_string_equal(text_at(json_array_get(alerts, 1), "status"), "resolved");
	assert_string_equal(text_at(json_array_get(alerts, 0), "severity"), "critical");
	json_decref(doc);
	doc = body(NOTIFY_WEBHOOK, 0, 1, SEVERITY_NUM);
	assert_string_equal(text_at(doc, "status"), "resolved");
	json_decref(doc);
}

static void test_slack(void **state)
{
	json_t *doc = body(NOTIFY_SLACK, 1, 0, SEVERITY_NUM);
	char *text = json_dumps(doc, 0);

	assert_string_equal(text_at(doc, "text"), "glasswatch: untrusted-source");
	/* no mention, no link, no control character */
	assert_null(strchr(text, '<'));
	assert_null(strstr(text, "\\u001b"));
	assert_non_null(strstr(text, "&lt;!channel&gt;"));
	assert_non_null(strstr(text, "&amp; &lt;https://evil|friends&gt;"));
	free(text);
	json_decref(doc);
	doc = body(NOTIFY_SLACK, 20, 10, SEVERITY_NUM);
	assert_int_equal(json_array_size(json_object_get(doc, "attachments")), 20);
	assert_string_equal(text_at(doc, "text"),
			    "glasswatch: 20 alerts, 10 are over; 10 are not shown");
	json_decref(doc);
}

static void test_manager(void **state)
{
	json_t *doc = body(NOTIFY_ALERTMANAGER, 1, 1, SEVERITY_NOTICE);
	const json_t *labels = json_object_get(json_array_get(doc, 0), "labels");

	/* with another severity it was another alert: that one ends */
	assert_int_equal(json_array_size(doc), 4);
	assert_string_equal(text_at(labels, "severity"), "notice");
	assert_string_equal(text_at(json_array_get(doc, 0), "endsAt"),
			    "2023-11-14T22:14:20.000000000Z");
	labels = json_object_get(json_array_get(doc, 1), "labels");
	assert_string_equal(text_at(labels, "severity"), "critical");
	assert_string_equal(text_at(labels, "alertname"), "untrusted-source");
	assert_string_equal(text_at(labels, "source"), "203.0.113.7");
	assert_null(json_object_get(labels, "agent"));
	assert_string_equal(text_at(json_array_get(doc, 1), "startsAt"),
			    "2023-11-14T22:13:20.000000000Z");
	assert_string_equal(text_at(json_array_get(doc, 1), "endsAt"),
			    "2023-11-14T22:19:20.000000000Z");
	json_decref(doc);
}

static void test_names(void **state)
{
	static const struct {
		enum notify_kind kind;
		const char *url, *want; /* NULL: refused */
	} cases[] = {
		{ NOTIFY_WEBHOOK, "http://127.0.0.1:9000/hook/s3cret",
		  "webhook http://127.0.0.1:9000 #" },
		{ NOTIFY_SLACK, "https://hooks.slack.com/services/T0/B0/s3cret",
		  "slack https://hooks.slack.com #" },
		{ NOTIFY_ALERTMANAGER, "http://[::1]:9093/am",
		  "alertmanager http://[::1]:9093/am" },
		{ NOTIFY_WEBHOOK, "ftp://h/x", NULL },
		{ NOTIFY_WEBHOOK, "file:///etc/passwd", NULL },
		{ NOTIFY_WEBHOOK, "h/x", NULL },
		{ NOTIFY_WEBHOOK, "", NULL },
		{ NOTIFY_WEBHOOK, "https://u:s3cret@h/", NULL },
	};
	char name[300], other[300], err[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = deliver_name(cases[i].kind, cases[i].url, name, sizeof(name), err,
					 sizeof(err));

		if (good != (cases[i].want != NULL))
			fail_msg("%s: %s", cases[i].url, good ? name : err);
		if (!good) {
			assert_null(strstr(err, "s3cret"));
			continue;
		}
		if (strncmp(name, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("%s: %s", cases[i].url, name);
		assert_null(strstr(name, "s3cret"));
	}
	assert_true(
		deliver_name(NOTIFY_SLACK, "https://h/a", name, sizeof(name), err, sizeof(err)));
	assert_true(
		deliver_name(NOTIFY_SLACK, "https://h/b", other, sizeof(other), err, sizeof(err)));
	assert_string_not_equal(name, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge), cmocka_unit_test(test_webhook),
		cmocka_unit_test(test_slack), cmocka_unit_test(test_manager),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
