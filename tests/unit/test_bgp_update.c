/* SPDX-License-Identifier: Apache-2.0 */
/* Routes out of UPDATEs: message bytes next to what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/bgp_update.h"

static char seen[65536];

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	size_t n = strlen(seen);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(seen + n, sizeof(seen) - n, fmt, ap);
	va_end(ap);
}

/* "+prefix", "-prefix"; "#7" a path id; "@rd"; ">next hop"; "(AS path)" */
static void on_route(void *arg, const struct bgp_route *r)
{
	static const uint8_t no_rd[8];
	char text[PREFIX_STRLEN];
	unsigned i;

	say("%s%c%s", seen[0] ? " " : "", r->withdrawn ? '-' : '+',
	    prefix_format(&r->prefix, text));
	assert_true(r->withdrawn == (r->attributes == NULL));
	if (r->has_path_id)
		say("#%u", r->path_id);
	if (memcmp(r->rd, no_rd, 8) != 0)
		say("@%02x%02x%02x", r->rd[1], r->rd[6], r->rd[7]);
	if (r->withdrawn)
		return;
	if (r->attributes->next_hop.family)
		say(">%s", addr_format(&r->attributes->next_hop, text));
	say("(");
	for (i = 0; i < r->attributes->n_as_path; i++)
		say("%s%u", i ? " " : "", r->attributes->as_path[i]);
	say(")");
}

/* ---- making messages ------------------------------------------------------------------ */

static uint8_t body[70000], attributes[70000];
static size_t n_attributes;

#define TEXT(s) s, sizeof(s) - 1
#define NOTHING "", 0

static void attribute(uint8_t type, const char *value, size_t n)
{
	uint8_t *p = attributes + n_attributes;

	p[0] = n > 255 ? 0x50 : 0x40;
	p[1] = type;
	if (n > 255)
		p[2] = (uint8_t)(n >> 8);
	p[n > 255 ? 3 : 2] = (uint8_t)n;
	memcpy(p + (n > 255 ? 4 : 3), value, n);
	n_attributes += n + (n > 255 ? 4 : 3);
}

static struct bgp_update_form form;

/* A new speaker of plain prefixes, and an UPDATE without attributes. */
static void begin(void)
{
	unsigned f;

	seen[0] = '\0';
	n_attributes = 0;
	form.as4 = BGP_YES;
	for (f = 0; f < BGP_NUM_FAMILIES; f++)
		form.add_path[f] = BGP_NO;
}

static struct bgp_update read_bytes(size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* reading past its end is seen */
	struct bgp_update u;

	assert_non_null(copy);
	memcpy(copy, body, n);
	u = bgp_update_read(copy, n, &form, on_route, NULL);
	free(copy);
	return u;
}

static size_t compose(const char *withdrawn, size_t n_withdrawn, const char *nlri, size_t n_nlri)
{
	uint8_t *p = body;

	*p++ = (uint8_t)(n_withdrawn >> 8);
	*p++ = (uint8_t)n_withdrawn;
	memcpy(p, withdrawn, n_withdrawn);
	p += n_withdrawn;
	*p++ = (uint8_t)(n_attributes >> 8);
	*p++ = (uint8_t)n_attributes;
	memcpy(p, attributes, n_attributes);
	p += n_attributes;
	memcpy(p, nlri, n_nlri);
	return (size_t)(p - body) + n_nlri;
}

static struct bgp_update update(const char *withdrawn, size_t n_withdrawn, const char *nlri,
				size_t n_nlri)
{
	return read_bytes(compose(withdrawn, n_withdrawn, nlri, n_nlri));
}

/* ORIGIN IGP, AS_PATH 65001 65536, NEXT_HOP 192.0.2.1 */
static void usual_attributes(void)
{
	attribute(1, TEXT("\x00"));
	attribute(2, TEXT("\x02\x02\x00\x00\xfd\xe9\x00\x01\x00\x00"));
	attribute(3, TEXT("\xc0\x00\x02\x01"));
}

#define LO6_64 "\x20\xc6\x33\x64\x40" /* 198.51.100.64/32 */
#define LO6_65 "\x20\xc6\x33\x64\x41"
#define V6_64 "\x80\x20\x01\x0d\xb8\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x64"

static void test_ipv4(void **state)
{
	struct bgp_update u;

	begin();
	usual_attributes();
	u = update(TEXT("\x18\x0a\x01\x02" LO6_65), TEXT(LO6_64 "\x00\x1b\xc6\x33\x64\x5f"));
	assert_false(u.malformed || u.ambiguous);
	assert_int_equal(u.end_of_rib, BGP_NUM_FAMILIES);
	/* the last one's host bits are not part of it */
	assert_string_equal(seen, "-10.1.2.0/24 -198.51.100.65/32"
				  " +198.51.100.64/32>192.0.2.1(65001 65536)"
				  " +0.0.0.0/0>192.0.2.1(65001 65536)"
				  " +198.51.100.64/27>192.0.2.1(65001 65536)");

	/* RFC 4724: nothing at all */
	begin();
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_int_equal(u.end_of_rib, BGP_IPV4);
	assert_string_equal(seen, "");
}

#define REACH_V6                                                                                   \
	"\x00\x02\x01\x10\x20\x01\x0d\xb8\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x01\x00"

static void test_ipv6(void **state)
{
	struct bgp_update u;

	begin();
	attribute(14, TEXT(REACH_V6 V6_64));
	attribute(2, NOTHING); /* an internal route's path */
	attribute(15, TEXT("\x00\x02\x01\x30\x20\x01\x0d\xb8\x00\x05"));
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_string_equal(seen, "-2001:db8:5::/48 +2001:db8:0:6::64/128>2001:db8:0:c::1()");

	/* a link-local next hop behind it; all four octets of an extended length */
	begin();
	attribute(2, TEXT("\x02\x01\x00\x00\xfd\xe9"));
	attribute(14, TEXT("\x00\x02\x01\x20\x20\x01\x0d\xb8\x00\x00\x00\x0c\x00\x00\x00\x00\x00"
			   "\x00\x00\x01\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
			   "\x00\x01\x00" V6_64));
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_string_equal(seen, "+2001:db8:0:6::64/128>2001:db8:0:c::1(65001)");

	/* IPv4 routes in MP attributes, with an IPv6 next hop: RFC 8950 */
	begin();
	attribute(2, NOTHING);
	attribute(14, TEXT("\x00\x01\x01\x10\x20\x01\x0d\xb8\x00\x00\x00\x0c\x00\x00\x00\x00\x00"
			   "\x00\x00\x01\x00" LO6_64));
	u = update(NOTHING, NOTHING);
	assert_string_equal(seen, "+198.51.100.64/32>2001:db8:0:c::1()");

	begin();
	attribute(15, TEXT("\x00\x02\x01"));
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_int_equal(u.end_of_rib, BGP_IPV6);
	begin();
	attribute(15, TEXT("\x00\x02\x01"));
	attribute(2, NOTHING);
	assert_int_equal(update(NOTHING, NOTHING).end_of_rib, BGP_NUM_FAMILIES);
	/* L2VPN EVPN is passed over; its end of RIB is none of ours */
	begin();
	attribute(15, TEXT("\x00\x19\x46"));
	assert_int_equal(update(NOTHING, NOTHING).end_of_rib, BGP_NUM_FAMILIES);
	begin();
	attribute(2, NOTHING);
	attribute(14, TEXT("\x00\x19\x46\x03\x01\x02\x03\x00\xff\xff\xff"));
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_string_equal(seen, "");
}

static void test_labels(void **state)
{
	struct bgp_update u;

	/* two labels before 198.51.100.64/32; withdrawn with the label that means nothing */
	begin();
	attribute(2, NOTHING);
	attribute(14,
		  TEXT("\x00\x01\x04\x04\xc0\x00\x02\x01\x00\x50\x00\x01\x00\x00\x02\x11\xc6\x33"
		       "\x64\x40"));
	attribute(15, TEXT("\x00\x01\x04\x38\x80\x00\x00\xc6\x33\x64\x41"));
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_string_equal(seen, "-198.51.100.65/32 +198.51.100.64/32>192.0.2.1()");

	/* VPN: a label, RD 65000:501, the prefix; next hop behind an RD of zeros */
	begin();
	attribute(2, NOTHING);
	attribute(14, TEXT("\x00\x01\x80\x0c\x00\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x02\x01\x00"
			   "\x78\x00\x00\x11\x00\x00\xfd\xe8\x00\x00\x01\xf5\xc6\x33\x64\x40"));
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_string_equal(seen, "+198.51.100.64/32@0001f5>192.0.2.1()");
	begin();
	attribute(15,
		  TEXT("\x00\x02\x80\xd8\x80\x00\x00\x00\x00\xfd\xe8\x00\x00\x01\xf5\x20\x01\x0d"
		       "\xb8\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x64"));
	u = update(NOTHING, NOTHING);
	assert_false(u.malformed);
	assert_string_equal(seen, "-2001:db8:0:6::64/128@0001f5");

	/* too short for its label, for its RD, no bottom of the stack */
	begin();
	attribute(15, TEXT("\x00\x01\x04\x10\x80\x00"));
	assert_true(update(NOTHING, NOTHING).malformed);
	begin();
	attribute(15, TEXT("\x00\x01\x80\x38\x80\x00\x00\x00\x00\xfd\xe8"));
	assert_true(update(NOTHING, NOTHING).malformed);
	begin();
	attribute(2, NOTHING);
	attribute(14, TEXT("\x00\x01\x04\x04\xc0\x00\x02\x01\x00\x38\x00\x00\x00\xc6\x33\x64\x40"));
	assert_true(update(NOTHING, NOTHING).malformed);
	assert_string_equal(seen, "");
}

static void test_add_path(void **state)
{
	struct bgp_update u;

	/* agreed for IPv4 only */
	begin();
	form.add_path[BGP_IPV4] = BGP_YES;
	usual_attributes();
	attribute(15, TEXT("\x00\x02\x01" V6_64));
	u = update(TEXT("\x00\x00\x00\x09" LO6_65),
		   TEXT("\x00\x00\x00\x01" LO6_64 "\x00\x00\x00\x02" LO6_64));
	assert_false(u.malformed);
	assert_string_equal(seen, "-198.51.100.65/32#9 -2001:db8:0:6::64/128"
				  " +198.51.100.64/32#1>192.0.2.1(65001 65536)"
				  " +198.51.100.64/32#2>192.0.2.1(65001 65536)");
	/* plain prefixes where ids were agreed contradict themselves */
	begin();
	form.add_path[BGP_IPV4] = BGP_YES;
	u = update(TEXT(LO6_65), NOTHING);
	assert_true(u.malformed);
	assert_string_equal(seen, "");
}

/* Nobody saw the OPENs: what fits one form only is read by it. */
static void test_not_known(void **state)
{
	static const struct {
		const char *withdrawn;
		size_t n;
		bool ambiguous;
		const char *expect;
	} cases[] = {
		{ TEXT(LO6_64), false, "-198.51.100.64/32" },
		{ TEXT(LO6_64 LO6_65), false, "-198.51.100.64/32 -198.51.100.65/32" },
		{ TEXT("\x00"), false, "-0.0.0.0/0" },
		{ TEXT("\x00\x00\x00\x01" LO6_64), false, "-198.51.100.64/32#1" },
		{ TEXT("\x00\x00\x00\x07\x00"), false, "-0.0.0.0/0#7" },
		{ TEXT("\x00\x00\x00\x00\x00"), false, "-0.0.0.0/0#0" },
		{ TEXT("\x18\x0a\x01\x02\x18\x0a\x01\x03"), true, "" }, /* fits both */
		{ TEXT("\x21\x0a\x01\x02"), true, "" },			/* fits none */
	};
	struct bgp_update u;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		form.add_path[BGP_IPV4] = BGP_NOT_KNOWN;
		u = update(cases[i].withdrawn, cases[i].n, NOTHING);
		assert_false(u.malformed);
		assert_int_equal(u.ambiguous, cases[i].ambiguous);
		assert_string_equal(seen, cases[i].expect);
	}
	/* the width of ASes shows in the path's length */
	begin();
	form.as4 = BGP_NOT_KNOWN;
	usual_attributes();
	update(NOTHING, TEXT("\x00"));
	assert_string_equal(seen, "+0.0.0.0/0>192.0.2.1(65001 65536)");
	begin();
	form.as4 = BGP_NOT_KNOWN;
	attribute(2, TEXT("\x02\x02\xfd\xe9\xfd\xea"));
	attribute(3, TEXT("\xc0\x00\x02\x01"));
	update(NOTHING, TEXT("\x00"));
	assert_string_equal(seen, "+0.0.0.0/0>192.0.2.1(65001 65002)");
}

static void test_as_path(void **state)
{
	char path[2 + 255 * 4];
	unsigned i;

	/* a sequence, a set, and an old speaker's: AS 23456 is spelled out */
	begin();
	form.as4 = BGP_NO;
	attribute(2, TEXT("\x02\x02\xfd\xe9\x5b\xa0\x01\x01\xfd\xea"));
	attribute(17, TEXT("\x02\x02\x00\x01\x00\x07\x00\x00\xfd\xea"));
	attribute(3, TEXT("\xc0\x00\x02\x01"));
	update(NOTHING, TEXT("\x00"));
	assert_string_equal(seen, "+0.0.0.0/0>192.0.2.1(65001 65543 65002)");
	/* longer than the path it is to mend: not used */
	begin();
	form.as4 = BGP_NO;
	attribute(2, TEXT("\x02\x01\xfd\xe9"));
	attribute(17, TEXT("\x02\x02\x00\x01\x00\x07\x00\x00\xfd\xea"));
	attribute(3, TEXT("\xc0\x00\x02\x01"));
	update(NOTHING, TEXT("\x00"));
	assert_string_equal(seen, "+0.0.0.0/0>192.0.2.1(65001)");
	/* of a very long path the beginning is kept; an attribute that comes again is not
	 * looked at */
	begin();
	memset(path, 0, sizeof(path));
	path[0] = 2;
	path[1] = (char)255;
	for (i = 0; i < 255; i++)
		path[2 + i * 4 + 3] = 7;
	attribute(2, path, sizeof(path));
	attribute(2, NOTHING);
	attribute(3, TEXT("\xc0\x00\x02\x01"));
	attribute(3, TEXT("\xc0\x00\x02\x09"));
	attribute(17, NOTHING);
	attribute(17, NOTHING);
	assert_false(update(NOTHING, TEXT("\x00")).malformed);
	assert_int_equal(strlen(seen), strlen("+0.0.0.0/0>192.0.2.1()") + 2 * BGP_AS_PATH - 1);
}

static void test_extended(void **state)
{
	static char nlri[65000];
	size_t i, n = 0;
	char *plus;

	for (i = 0; i < 1000; i++, n += 5)
		memcpy(nlri + n, LO6_64, 5);
	begin();
	usual_attributes();
	assert_false(update(NOTHING, nlri, n).malformed);
	for (i = 0, plus = seen; (plus = strchr(plus, '+')); plus++)
		i++;
	assert_int_equal(i, 1000);
}

/* Lengths that contradict each other: what is withdrawn stands where it can be read. */
static void test_malformed(void **state)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t n;
		const char *expect;
	} cases[] = {
		{ "empty", NOTHING, "" },
		{ "no withdrawn length", TEXT("\x00"), "" },
		{ "withdrawn beyond the end", TEXT("\x00\x06" LO6_65), "" },
		{ "no attribute length", TEXT("\x00\x05" LO6_65 "\x00"), "" },
		{ "attributes beyond the end", TEXT("\x00\x05" LO6_65 "\x00\x04\x40\x01\x01"), "" },
		{ "an attribute beyond them", TEXT("\x00\x05" LO6_65 "\x00\x03\x40\x01\x01" LO6_64),
		  "-198.51.100.65/32" },
		{ "half an attribute", TEXT("\x00\x05" LO6_65 "\x00\x01\x40" LO6_64),
		  "-198.51.100.65/32" },
		{ "no length", TEXT("\x00\x05" LO6_65 "\x00\x02\x40\x01"), "-198.51.100.65/32" },
		{ "half a long length", TEXT("\x00\x05" LO6_65 "\x00\x03\x50\x01\x00"),
		  "-198.51.100.65/32" },
		{ "a prefix of 33 bits", TEXT("\x00\x06\x21\xc6\x33\x64\x40\x00\x00\x00"), "" },
		{ "a prefix beyond the end", TEXT("\x00\x04\x20\xc6\x33\x64\x00\x00"), "" },
		{ "one bad prefix spoils the list", TEXT("\x00\x06" LO6_65 "\x21\x00\x00"), "" },
		{ "announced without attributes", TEXT("\x00\x05" LO6_65 "\x00\x00" LO6_64),
		  "-198.51.100.65/32" },
		{ "without a next hop", TEXT("\x00\x00\x00\x03\x40\x02\x00" LO6_64), "" },
		{ "without a path", TEXT("\x00\x00\x00\x07\x40\x03\x04\xc0\x00\x02\x01" LO6_64),
		  "" },
		{ "a next hop of three bytes",
		  TEXT("\x00\x00\x00\x09\x40\x02\x00\x40\x03\x03\xc0\x00\x02" LO6_64), "" },
		{ "a path of five bytes",
		  TEXT("\x00\x00\x00\x0f\x40\x02\x05\x02\x01\x00\x00\x00"
		       "\x40\x03\x04\xc0\x00\x02\x01" LO6_64),
		  "" },
		{ "a segment of type 9",
		  TEXT("\x00\x00\x00\x10\x40\x02\x06\x09\x01\x00\x00\x00\x07"
		       "\x40\x03\x04\xc0\x00\x02\x01" LO6_64),
		  "" },
		{ "half a segment's head",
		  TEXT("\x00\x00\x00\x0b\x40\x02\x01\x02"
		       "\x40\x03\x04\xc0\x00\x02\x01" LO6_64),
		  "" },
		{ "an empty segment",
		  TEXT("\x00\x00\x00\x0c\x40\x02\x02\x02\x00"
		       "\x40\x03\x04\xc0\x00\x02\x01" LO6_64),
		  "" },
		{ "the NLRI's fault",
		  TEXT("\x00\x00\x00\x0a\x40\x02\x00\x40\x03\x04\xc0\x00\x02\x01" LO6_64 "\x20"),
		  "" },
	};
	struct bgp_update u;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		memcpy(body, cases[i].bytes, cases[i].n);
		u = read_bytes(cases[i].n);
		if (!u.malformed || u.end_of_rib != BGP_NUM_FAMILIES ||
		    strcmp(seen, cases[i].expect) != 0)
			fail_msg("%s: '%s'", cases[i].what, seen);
	}
}

static void test_malformed_mp(void **state)
{
	static const struct {
		uint8_t type;
		const char *value;
		size_t n;
	} cases[] = {
		{ 14, NOTHING },
		{ 14, TEXT("\x00\x02\x01\x11\x20\x01") }, /* next hop beyond the end */
		{ 14, TEXT("\x00\x02\x01\x00") },	  /* no reserved octet */
		{ 14, TEXT("\x00\x02\x01\x05\x01\x02\x03\x04\x05\x00") }, /* of five octets */
		{ 14, TEXT(REACH_V6 "\x81" V6_64) },			  /* 129 bits */
		{ 15, TEXT("\x00\x02") },
		{ 15, TEXT("\x00\x02\x01\x80\x20") },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		attribute(2, NOTHING);
		attribute(cases[i].type, cases[i].value, cases[i].n);
		assert_true(update(NOTHING, NOTHING).malformed);
		assert_string_equal(seen, "");
	}
	/* twice (RFC 7606 3 (g)); what the first one withdraws stands */
	begin();
	attribute(15, TEXT("\x00\x02\x01" V6_64));
	attribute(15, TEXT("\x00\x02\x01"));
	assert_true(update(NOTHING, NOTHING).malformed);
	assert_string_equal(seen, "-2001:db8:0:6::64/128");
	begin();
	attribute(2, NOTHING);
	attribute(14, TEXT(REACH_V6 V6_64));
	attribute(14, TEXT(REACH_V6 V6_64));
	assert_true(update(NOTHING, NOTHING).malformed);
	/* one bad list of announced routes spoils both */
	begin();
	usual_attributes();
	attribute(14, TEXT(REACH_V6 "\x80\x20"));
	assert_true(update(NOTHING, TEXT(LO6_64)).malformed);
	assert_string_equal(seen, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),	     cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_labels),	     cmocka_unit_test(test_add_path),
		cmocka_unit_test(test_not_known),    cmocka_unit_test(test_as_path),
		cmocka_unit_test(test_extended),     cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_malformed_mp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
