/* SPDX-License-Identifier: Apache-2.0 */
/* What raises and what resolves an alert: documents in, changes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert_events.h"
#include "collector/rules/alert.h"
#include "common/clock.h"
#include "common/cut.h"

#define T0 (1700000000 * NS_PER_S)

static void read_event(char buf[DOC_LEN], struct event *e)
{
	char err[256];

	if (event_decode(buf, strlen(buf), e, err, sizeof(err)))
		fail_msg("%s: %s", err, buf);
}

/* "raise NAME SEVERITY KEY", or "resolve NAME KEY"; "~": no new sign. */
static const char *changes(struct event *e, char buf[2000])
{
	struct alert_change list[ALERT_MOST];
	unsigned n = alert_step(e, list);

	buf[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		const struct alert_change *c = &list[i];

		assert_true(c->text[0] != '\0');
		snprintf(buf + strlen(buf), 2000 - strlen(buf), "%s%s %s %s%s%s", i ? "; " : "",
			 c->resolve ? "resolve" : "raise", alert_about(c->rule)->name,
			 c->resolve ? "" : event_severity_name(c->severity),
			 c->resolve ? ""
			 : c->again ? " "
				    : " ~",
			 c->key);
	}
	return buf;
}

static void test_flows(void **state)
{
	static const char in[] = "'auth':{'result':'success','attempts':1,'confidence':'high',"
				 "'basis':'packet-lengths'}";
	static const struct {
		const char *what, *type;
		struct a_flow flow;
		const char *want;
	} cases[] = {
		{ "an attempt", "flow.start", { 0 }, "raise untrusted-source notice 203.0.113.7" },
		{ "it goes on",
		  "flow.end",
		  { .outcome = "refused" },
		  "raise untrusted-source notice ~203.0.113.7" },
		{ "it got in",
		  "flow.update",
		  { .outcome = "established" },
		  "raise untrusted-source warning ~203.0.113.7" },
		{ "it was in",
		  "flow.end",
		  { .outcome = "reset" },
		  "raise untrusted-source warning ~203.0.113.7" },
		{ "logged in",
		  "flow.update",
		  { .outcome = "established", .more = "'ssh':{@}" },
		  "raise untrusted-source critical ~203.0.113.7" },
		{ "IPv6",
		  "flow.start",
		  { .source = "2001:db8::7", .destination = "2001:db8::1" },
		  "raise untrusted-source notice 2001:db8::7" },
		{ "trusted", "flow.start", { .verdict = "trusted" }, "" },
		{ "a BGP neighbor",
		  "flow.start",
		  { .service = "bgp", .more_trust = "'neighbor':true" },
		  "" },
		{ "BGP of a stranger",
		  "flow.start",
		  { .service = "bgp" },
		  "raise untrusted-source notice 203.0.113.7" },
		{ "no list",
		  "flow.start",
		  { .verdict = "no-policy" },
		  "raise no-policy notice d1 ipv4" },
		{ "no list for IPv6",
		  "flow.start",
		  { .verdict = "no-policy", .source = "2001:db8::7", .destination = "2001:db8::1" },
		  "raise no-policy notice d1 ipv6" },
		{ "once a flow", "flow.update", { .verdict = "no-policy" }, "" },
		{ "of a neighbor",
		  "flow.start",
		  { .verdict = "no-policy", .more_trust = "'neighbor':true" },
		  "" },
		{ "a target in no configuration",
		  "flow.start",
		  { .device = "",
		    .destination = "192.0.2.99",
		    .verdict = "trusted",
		    .more_flow = "'target':'unknown'" },
		  "raise unknown-in-band-target warning 192.0.2.99" },
	};
	char doc[DOC_LEN], parts[DOC_LEN], more[300], said[2000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct a_flow f = cases[i].flow;
		struct event e;

		if (f.more && strchr(f.more, '@')) {
			snprintf(more, sizeof(more), "'ssh':{%s}", in);
			f.more = more;
		}
		document(doc, "a", 1, T0, cases[i].type, "info", flow_parts(parts, &f, T0));
		read_event(doc, &e);
		if (strcmp(changes(&e, said), cases[i].want) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", cases[i].what, said, cases[i].want);
		event_clear(&e);
	}
}

static void test_outbound(void **state)
{
	char doc[DOC_LEN], parts[DOC_LEN], said[2000], *word;
	struct a_flow f = { 0 };
	struct event e;

	document(doc, "a", 1, T0, "flow.start", "info", flow_parts(parts, &f, T0));
	word = strstr(doc, "\"inbound\"");
	assert_non_null(word);
	memmove(word + 10, word + 9, strlen(word + 9) + 1);
	memcpy(word, "\"outbound\"", 10);
	read_event(doc, &e);
	assert_string_equal(changes(&e, said), "");
	event_clear(&e);
}

static void test_others(void **state)
{
#define CHANGE(to) "'device':{'name':'d1'},'change':{'from':'primary','to':'" to "','reason':'r'}"
#define ENDS                                                                                       \
	"'service':'bgp','source':{'ip':'192.0.2.9','port':50000,'packets':1,'bytes':1},"          \
	"'destination':{'ip':'192.0.2.1','port':179,'packets':1,'bytes':1},"                       \
	"'network':{'type':'ipv4','transport':'tcp','vlan':[],'mpls':[],'encapsulation':[]}"
#define SESSION(state, reason) ENDS ",'bgp':{'session':{'state':'" state "','reason':'" reason "'}}"
#define ROUTE(armed)                                                                               \
	"'device':{'name':'d1'},'path':'in-band'," ENDS                                            \
	",'bgp':{'route':{'action':'announce','prefix':'192.0.2.66/32','from':'source',"           \
	"'target':'192.0.2.66','armed':" armed "}}"
#define READY(ready, codes)                                                                        \
	"'device':{'name':'d1'},'fabric':{'ready':" ready ",'codes':[" codes "]}"
	static const struct {
		const char *type, *severity, *parts, *want;
	} cases[] = {
		{ "path.change", "warning", CHANGE("in-band-unjustified"),
		  "raise in-band-unjustified warning d1; resolve in-band-unexplained d1; "
		  "resolve device-unreachable d1" },
		{ "path.change", "warning", CHANGE("in-band-unexplained"),
		  "resolve in-band-unjustified d1; raise in-band-unexplained notice d1; "
		  "resolve device-unreachable d1" },
		{ "path.change", "critical", CHANGE("unreachable"),
		  "resolve in-band-unjustified d1; resolve in-band-unexplained d1; "
		  "raise device-unreachable critical d1" },
		{ "path.change", "notice", CHANGE("primary"),
		  "resolve in-band-unjustified d1; resolve in-band-unexplained d1; "
		  "resolve device-unreachable d1" },
		{ "path.change", "notice", CHANGE("of-tomorrow"), "" },
		{ "bgp.session", "warning", SESSION("down", "silent"),
		  "raise bgp-session-down warning 192.0.2.1 192.0.2.9" },
		{ "bgp.session", "notice", SESSION("down", "notification"),
		  "raise bgp-session-down notice 192.0.2.1 192.0.2.9" },
		{ "bgp.session", "warning", SESSION("at-risk", "hold-time"), "" },
		{ "bgp.session", "info", SESSION("up", "established"),
		  "resolve bgp-session-down 192.0.2.1 192.0.2.9" },
		{ "bgp.route", "warning", ROUTE("false"), "raise not-armed warning d1 192.0.2.66" },
		{ "bgp.route", "notice", ROUTE("true"), "resolve not-armed d1 192.0.2.66" },
		{ "fabric.device", "info", READY("false", "'lo6-no-ipv6'"),
		  "raise not-armed warning d1 configuration" },
		{ "fabric.device", "info", READY("true", ""),
		  "resolve not-armed d1 configuration" },
		{ "fabric.device", "info", "'device':{'name':'d1'},'fabric':{}", "" },
		{ "fabric.device", "info", "'device':{'name':'d1'},'fabric':{'ready':'no'}", "" },
		{ "policy.loaded", "info",
		  "'change':{'devices':3,'previous':'aaaa','changed':['d1']}",
		  "raise policy-changed notice 9f3c" },
		{ "policy.loaded", "info", "'change':{'devices':3,'previous':'9f3c'}", "" },
		{ "policy.loaded", "info", "'change':{'devices':3}", "" },
		{ "agent.loss", "warning", "'loss':{'reason':'outbox-full','count':7}",
		  "raise events-lost warning a outbox" },
		{ "alert.syn-flood", "warning",
		  "'alert':{'state':'told','text':'many','target':'192.0.2.1'}",
		  "raise syn-flood warning 192.0.2.1" },
		{ "alert.syn-flood", "warning", "'alert':{'state':'told','text':'many'}",
		  "raise syn-flood warning several" },
		/* an agent cannot raise what is not its own to raise */
		{ "alert.agent-silent", "warning", "'alert':{'state':'raised','text':'x'}", "" },
		{ "alert.of-tomorrow", "warning", "'alert':{'state':'raised','text':'x'}", "" },
		{ "agent.start", "info", "", "" },
		{ "agent.stats", "info", "'stats':{}", "" },
	};
	char doc[DOC_LEN], said[2000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event e;

		document(doc, "a", 1, T0, cases[i].type, cases[i].severity, cases[i].parts);
		read_event(doc, &e);
		if (strcmp(changes(&e, said), cases[i].want) != 0)
			fail_msg("%s %zu: \"%s\", not \"%s\"", cases[i].type, i, said,
				 cases[i].want);
		event_clear(&e);
	}
}

/* The codes of what a configuration lacks, the first of many, whatever they are. */
static void test_codes(void **state)
{
	static const struct {
		const char *codes, *want;
	} cases[] = {
		{ "'lo6-no-ipv6','group-missing'", ": lo6-no-ipv6, group-missing" },
		{ "'a','b','c','d','e','f','g'", ": a, b, c, d, e and 2 more" },
		{ "", ": no reason given" },
		{ "7", ": ?" },
	};
	char parts[DOC_LEN], doc[DOC_LEN];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct alert_change list[ALERT_MOST];
		struct event e;

		snprintf(parts, sizeof(parts),
			 "'device':{'name':'d1'},'fabric':{'ready':false,'codes':[%s]}",
			 cases[i].codes);
		document(doc, "a", 1, T0, "fabric.device", "info", parts);
		read_event(doc, &e);
		assert_int_equal(alert_step(&e, list), 1);
		assert_non_null(strstr(list[0].text, "d1 is not ready for break-glass"));
		assert_string_equal(strrchr(list[0].text, ':'), cases[i].want);
		event_clear(&e);
	}
}

/* Either of two peers may open the next connection. */
static void test_same_peers(void **state)
{
	char doc[DOC_LEN], said[2][2000];

	for (int i = 0; i < 2; i++) {
		struct event e;

		document(doc, "a", 1, T0, "bgp.session", "warning",
			 i ? "'service':'bgp','source':{'ip':'192.0.2.1','port':50000,'packets':1,"
			     "'bytes':1},'destination':{'ip':'192.0.2.9','port':179,'packets':1,"
			     "'bytes':1},'network':{'type':'ipv4','transport':'tcp','vlan':[],"
			     "'mpls':[],'encapsulation':[]},'bgp':{'session':{'state':'down',"
			     "'reason':'silent'}}"
			   : SESSION("down", "silent"));
		read_event(doc, &e);
		changes(&e, said[i]);
		event_clear(&e);
	}
	assert_string_equal(said[0], said[1]);
}

static void test_wants(void **state)
{
	static const struct {
		const char *type;
		struct a_flow flow;
		bool known, shared, user;
	} cases[] = {
		{ "flow.start", { .outcome = "attempt" }, false, false, false },
		{ "flow.update", { .outcome = "established" }, true, false, false },
		{ "flow.update",
		  { .outcome = "established", .path = "in-band" },
		  true,
		  true,
		  false },
		{ "flow.end", { .outcome = "closed", .path = "in-band" }, true, false, false },
		{ "flow.update",
		  { .outcome = "established",
		    .more = "'actor':{'user':'alice','uid':1,'pid':2,'comm':'ssh'}" },
		  true,
		  false,
		  true },
		{ "flow.update",
		  { .outcome = "established", .service = "bgp" },
		  false,
		  false,
		  false },
		{ "flow.update", { .outcome = "established", .device = "" }, false, false, false },
	};
	char doc[DOC_LEN], parts[DOC_LEN];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event e;

		document(doc, "a", 1, T0, cases[i].type, "info",
			 flow_parts(parts, &cases[i].flow, T0));
		read_event(doc, &e);
		if (alert_wants_known(&e) != cases[i].known ||
		    alert_wants_shared(&e) != cases[i].shared ||
		    alert_wants_user(&e) != cases[i].user)
			fail_msg("case %zu", i);
		event_clear(&e);
	}
}

static void test_names(void **state)
{
	enum alert_rule r;

	for (int i = 0; i < ALERT_NUM_RULES; i++) {
		const struct alert_about *a = alert_about((enum alert_rule)i);

		assert_true(alert_parse(a->name, &r));
		assert_int_equal(r, i);
		assert_non_null(a->key);
		assert_non_null(a->raised);
		assert_non_null(a->resolved);
		/* what has no end is over by time alone */
		assert_true(!a->told || a->quiet_ns);
	}
	assert_false(alert_parse("of-tomorrow", &r));
	assert_false(alert_parse(NULL, &r));
}

static void test_cut(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *want;
	} cases[] = {
		{ "abc", 4, "abc" },
		{ "abcd", 4, "abc" },
		{ "", 1, "" },
		{ "a\xc3\xa9", 4, "a\xc3\xa9" }, /* e with an accent, whole */
		{ "a\xc3\xa9", 3, "a" },
		{ "\xe2\x82\xac", 3, "" },
		{ "\xf0\x9f\x94\xa5x", 5, "\xf0\x9f\x94\xa5" },
		{ "\xf0\x9f\x94\xa5", 4, "" },
		{ "\x80\x80\x80", 3, "\x80\x80" }, /* not UTF-8: as it is */
	};
	char buf[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(cut_text(cases[i].text, buf, cases[i].size), cases[i].want);
}

static void test_long_names(void **state)
{
	char name[2000], parts[2200], doc[4096], said[2000], time[TIME_STRLEN];
	struct event e;
	char err[100];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(parts, sizeof(parts),
		 "\"device\":{\"name\":\"%s\"},\"change\":{\"from\":\"primary\",\"to\":"
		 "\"unreachable\",\"reason\":\"r\"}",
		 name);
	snprintf(doc, sizeof(doc),
		 "{\"v\":1,\"id\":\"a/1\",\"agent\":\"a\",\"seq\":1,\"time\":\"%s\","
		 "\"type\":\"path.change\",\"severity\":\"critical\",%s}",
		 time_format(T0, time), parts);
	assert_int_equal(event_decode(doc, strlen(doc), &e, err, sizeof(err)), 0);
	changes(&e, said);
	assert_non_null(strstr(said, "raise device-unreachable critical xxx"));
	event_clear(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows),	   cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_others),	   cmocka_unit_test(test_codes),
		cmocka_unit_test(test_same_peers), cmocka_unit_test(test_wants),
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_cut),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
