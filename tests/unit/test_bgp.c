/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP out of TCP segments: first the reader alone, then flows from packet to event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/bgp.h"
#include "tests/unit/engine.h"

/* ---- messages ------------------------------------------------------------------- */

static uint8_t bytes[200000];
static size_t used;

static void put_message(uint8_t type, const void *body, size_t n)
{
	uint8_t *p = bytes + used;

	assert_true(used + BGP_HEADER + n <= sizeof(bytes));
	memset(p, 0xff, 16);
	put16(p + 16, (uint16_t)(BGP_HEADER + n));
	p[18] = type;
	if (n)
		memcpy(p + BGP_HEADER, body, n);
	used += BGP_HEADER + n;
}

static void put_keepalive(void)
{
	put_message(BGP_KEEPALIVE, NULL, 0);
}

static void put_zeros(uint8_t type, size_t n)
{
	static const uint8_t zeros[65535];

	put_message(type, zeros, n);
}

static void put_update(size_t n)
{
	put_zeros(BGP_UPDATE, n);
}

#define PUT(type, text) put_message(type, text, sizeof(text) - 1)

/* AS 65001, hold time 90, 192.0.2.1; AS by capability 4200000001; what else is
 * offered twice or in a parameter of its own is told once */
#define OPEN_BODY                                                                                  \
	"\x04\xfd\xe9\x00\x5a\xc0\x00\x02\x01\x1a"                                                 \
	"\x02\x12\x01\x04\x00\x01\x00\x01\x41\x04\xfa\x56\xea\x01\x01\x04\x00\x02\x00\x01"         \
	"\x02\x02\x02\x00"                                                                         \
	"\x01\x00"
/* AS 65002, hold time 180, 192.0.2.2; extended messages */
#define OPEN_PLAIN "\x04\xfd\xea\x00\xb4\xc0\x00\x02\x02\x00"
#define OPEN_EXTENDED "\x04\xfd\xea\x00\xb4\xc0\x00\x02\x02\x04\x02\x02\x06\x00"

/* ---- the reader ------------------------------------------------------------------ */

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

static void on_message(void *arg, const struct bgp_message *m)
{
	static const char *const letters = "?OUNKR";

	assert_true((m->open != NULL) == (m->type == BGP_OPEN));
	assert_true((m->notification != NULL) == (m->type == BGP_NOTIFICATION));
	say("%c", letters[m->type]);
}

static struct bgp bgp;

static void begin(void)
{
	bgp_clear(&bgp);
	used = 0;
	seen[0] = '\0';
}

static void feed_part(uint8_t dir, uint32_t first, uint32_t at, size_t len, size_t at_hand)
{
	/* a block of exactly this size: reading past its end is seen */
	uint8_t *copy = malloc(at_hand ? at_hand : 1);
	struct bgp_segment s = { dir, first + at, (uint32_t)len, (uint32_t)at_hand, copy, first };

	assert_non_null(copy);
	memcpy(copy, bytes + at, at_hand);
	bgp_feed(&bgp, &s, on_message, NULL);
	free(copy);
}

static void feed(uint32_t first, uint32_t at, size_t len)
{
	feed_part(0, first, at, len, len);
}

static void put_session(void)
{
	PUT(BGP_OPEN, OPEN_BODY);
	put_keepalive();
	put_update(4);
	put_update(4000);
	put_update(4077); /* the longest */
	PUT(BGP_ROUTE_REFRESH, "\x00\x01\x00\x01");
	put_keepalive();
	PUT(BGP_NOTIFICATION, "\x06\x02\x05"
			      "hello");
}
#define SESSION "OKUUURKN"

static void test_messages(void **state)
{
	static const uint8_t codes[] = { 1, 65, 2 };
	const struct bgp_open *o = &bgp.opens[0];

	begin();
	put_session();
	feed(1000, 0, used);
	assert_string_equal(seen, SESSION);
	assert_int_equal(bgp.count[0][BGP_UPDATE], 3);
	assert_int_equal(bgp.count[1][BGP_UPDATE], 0);
	assert_int_equal(bgp.n_opens, 1);
	assert_int_equal(o->version, 4);
	assert_int_equal(o->asn, 4200000001u);
	assert_int_equal(o->hold_time, 90);
	assert_memory_equal(o->router_id, "\xc0\x00\x02\x01", 4);
	assert_int_equal(o->n_capabilities, sizeof(codes));
	assert_memory_equal(o->capabilities, codes, sizeof(codes));
	assert_false(o->extended);
	assert_int_equal(bgp.n_notifications, 1);
	assert_string_equal(bgp.notifications[0].name, "Cease/Administrative Shutdown");
	assert_string_equal(bgp.notifications[0].text, "hello");
}

/* However it is cut, repeated and shuffled, it reads the same. */
static void test_segmentation(void **state)
{
	static const size_t sizes[] = { 1, 2, 7, 18, 19, 20, 536, 1460, 2048 };
	size_t i, at, n;
	unsigned seed;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin();
		put_session();
		for (at = 0; at < used; at += n) {
			n = used - at < sizes[i] ? used - at : sizes[i];
			feed(0xffffff00u, (uint32_t)at, n); /* wraps around */
		}
		assert_string_equal(seen, SESSION);
	}
	for (seed = 1; seed < 200; seed++) {
		size_t starts[9], k, j;

		begin();
		put_session();
		srand(seed);
		for (at = 0; at < used;) {
			/* up to eight segments, in any order; some of them twice */
			for (k = 0; k < 8 && at < used; k++) {
				starts[k] = at;
				at += 1 + (size_t)rand() % 1460;
			}
			at = at < used ? at : used;
			starts[k] = at;
			for (j = 0; j < k; j++) {
				size_t a = (j * 3 + seed) % k, size;

				if (k % 3 == 0)
					a = k - 1 - j;
				size = starts[a + 1] - starts[a];
				feed(77, (uint32_t)starts[a], size);
				if (rand() % 4 == 0)
					feed(77, (uint32_t)starts[a], size);
			}
		}
		if (strcmp(seen, SESSION) != 0)
			fail_msg("seed %u: %s", seed, seen);
		assert_null(bgp.reader[0].held);
	}
}

static void test_gap(void **state)
{
	/* a lost segment within the second UPDATE: given up when its receiver has it */
	begin();
	put_session();
	feed(5, 0, 500);
	feed(5, 1000, 2000);
	assert_string_equal(seen, "OKU");
	bgp_acked(&bgp, 0, 5 + 500, on_message, NULL); /* it was what we have */
	assert_int_equal(bgp.reader[0].n_held, 1);
	bgp_acked(&bgp, 0, 5 + 1000, on_message, NULL);
	assert_null(bgp.reader[0].held);
	feed(5, 3000, used - 3000);
	assert_string_equal(seen, "OKUURKN");
	feed(5, 500, 500); /* too late */
	assert_string_equal(seen, "OKUURKN");

	/* ... or when no more segments can wait */
	begin();
	put_session();
	feed(5, 0, 500);
	for (size_t at = 600; at < used; at += 100)
		feed(5, (uint32_t)at, at + 100 < used ? 100 : used - at);
	bgp_finish(&bgp, on_message, NULL);
	assert_string_equal(seen, "OKUURKN");

	/* ... or at the end, with more than one hole */
	begin();
	put_session();
	feed(5, 0, 50);
	feed(5, 5000, 100);
	feed(5, (uint32_t)used - 27, 27);
	bgp_finish(&bgp, on_message, NULL);
	assert_string_equal(seen, "N");
	assert_null(bgp.reader[0].held);

	/* a segment handed up in part: what is missing is not waited for */
	begin();
	put_session();
	feed_part(0, 5, 0, 6000, 2048);
	feed(5, 6000, used - 6000);
	assert_string_equal(seen, "OKURKN");
	/* ... also when it had to wait */
	begin();
	put_session();
	feed(5, 0, 40);
	feed_part(0, 5, 60, 5000, BGP_SEGMENT);
	feed(5, 40, 20);
	feed(5, 5060, used - 5060);
	assert_string_equal(seen, "OKURKN");
	/* ... and when its known part is old */
	begin();
	put_session();
	feed(5, 0, 100);
	feed_part(0, 5, 50, 5000, 20);
	feed(5, 5050, used - 5050);
	assert_string_equal(seen, "OKURKN");
	/* nothing at hand at all */
	begin();
	put_session();
	feed_part(0, 5, 0, 400, 0);
	feed(5, 400, used - 400);
	assert_string_equal(seen, "URKN");
}

static void test_midstream(void **state)
{
	struct bgp_segment s = { 1, 900, 0, 0, bytes, 900 };

	/* begins inside a message; what was before the first segment stays out */
	begin();
	put_session();
	feed(500, 0, 0);
	bgp_clear(&bgp);
	s.seq = s.first = 500 + 30;
	s.bytes = bytes + 30;
	s.len = s.n = (uint32_t)used - 30;
	bgp_feed(&bgp, &s, on_message, NULL);
	assert_string_equal(seen, "KUUURKN");
	assert_true(bgp_was_up(&bgp));
	assert_false(bgp_is_up(&bgp));

	/* a marker with a length or type that cannot be is none */
	begin();
	memset(bytes, 0xff, 40);
	used = 40;
	put_message(9, "xxxx", 4);
	put_message(BGP_KEEPALIVE, "x", 1);
	put_message(BGP_NOTIFICATION, "x", 1);
	put_message(BGP_OPEN, OPEN_PLAIN, 9);
	put_message(BGP_UPDATE, "xxx", 3);
	put_update(4078);
	put_keepalive();
	feed(1, 0, used);
	assert_string_equal(seen, "K");

	/* not BGP at all */
	begin();
	for (size_t i = 0; i < 60000; i++)
		bytes[i] = (uint8_t)(i % 3 ? 0xff : i);
	for (size_t at = 0; at < 60000; at += 1000)
		feed(1, (uint32_t)at, 1000);
	assert_string_equal(seen, "");
	assert_false(bgp_spoken(&bgp));
}

static void test_extended(void **state)
{
	begin();
	PUT(BGP_OPEN, OPEN_EXTENDED);
	put_update(65535 - BGP_HEADER);
	PUT(BGP_NOTIFICATION, "\x04\x00");
	/* one side's offer is not enough */
	feed(1, 0, used);
	assert_string_equal(seen, "ON");
	assert_false(bgp.offer[1].extended);

	begin();
	PUT(BGP_OPEN, OPEN_EXTENDED);
	feed_part(1, 1, 0, used, used);
	put_update(65535 - BGP_HEADER);
	put_update(4078);
	put_zeros(BGP_NOTIFICATION, 5000);
	put_zeros(BGP_OPEN, 5000); /* these stay short */
	put_keepalive();
	for (size_t at = 0; at < used; at += 1460)
		feed(1, (uint32_t)at, at + 1460 < used ? 1460 : used - at);
	assert_true(bgp.offer[0].extended && bgp.offer[1].extended);
	assert_string_equal(seen, "OOUUNK");
	assert_int_equal(bgp.count[0][BGP_UPDATE], 2);

	/* a hole in the part that is not kept */
	begin();
	PUT(BGP_OPEN, OPEN_EXTENDED);
	feed_part(1, 1, 0, used, used);
	put_update(60000);
	put_keepalive();
	feed(1, 0, 10000);
	feed(1, 11000, 100);
	bgp_acked(&bgp, 0, 11101, on_message, NULL);
	feed(1, 11100, used - 11100);
	assert_string_equal(seen, "OOK");
}

/* Parameters that say what is not so: what came before them stands. */
static void test_odd_opens(void **state)
{
	static const struct {
		const char *body;
		size_t n;
		uint32_t asn;
		unsigned capabilities;
	} cases[] = {
#define CASE(text, asn, n) { text, sizeof(text) - 1, asn, n }
#define HEAD "\x04\xfd\xea\x00\xb4\xc0\x00\x02\x02"
		CASE(HEAD "\x00", 65002, 0),
		CASE(HEAD "\xff", 65002, 0),
		CASE(HEAD "\x02\x02", 65002, 0),
		CASE(HEAD "\x04\x02\xff\x41\x04", 65002, 0),
		CASE(HEAD "\x06\x02\x04\x41\x04\x00\x01", 65002, 0),
		CASE(HEAD "\x05\x02\x03\x41\x01\x07", 65002, 1), /* of another length */
		CASE(HEAD "\x08\x02\x06\x41\x04\x00\x03\x00\x01", 196609, 1),
		CASE(HEAD "\x0c\x02\x06\x41\x04\x00\x03\x00\x01\x02\x02\x46", 196609, 1),
		/* RFC 9072: long parameters */
		CASE(HEAD "\xff\xff\x00\x09\x02\x00\x06\x41\x04\x00\x03\x00\x02", 196610, 1),
		CASE(HEAD "\xff\xff\x00\x09\x02\x00\x09\x41\x04\x00\x03\x00\x02", 65002, 0),
		CASE(HEAD "\xff\xff\x00\x01\x02\x00", 65002, 0),
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		put_message(BGP_OPEN, cases[i].body, cases[i].n);
		put_keepalive();
		feed(1, 0, used);
		assert_string_equal(seen, "OK");
		if (bgp.opens[0].asn != cases[i].asn ||
		    bgp.opens[0].n_capabilities != cases[i].capabilities)
			fail_msg("%zu: AS %u, %u capabilities", i, bgp.opens[0].asn,
				 bgp.opens[0].n_capabilities);
	}
	/* every code there is, twice */
	begin();
	used = BGP_HEADER + 13;
	for (i = 0; i < 512; i++) {
		bytes[used++] = (uint8_t)i;
		bytes[used++] = 0;
	}
	memcpy(bytes + BGP_HEADER, HEAD "\xff\xff\x04\x03", 13);
	memmove(bytes + BGP_HEADER + 16, bytes + BGP_HEADER + 13, 1024);
	memcpy(bytes + BGP_HEADER + 13, "\x02\x04\x00", 3);
	memset(bytes, 0xff, 16);
	put16(bytes + 16, BGP_HEADER + 16 + 1024);
	bytes[18] = BGP_OPEN;
	feed(1, 0, BGP_HEADER + 16 + 1024);
	assert_string_equal(seen, "O");
	assert_int_equal(bgp.opens[0].n_capabilities, 256);
	assert_true(bgp.opens[0].extended);
}

static void test_notifications(void **state)
{
	static const struct {
		const char *body;
		size_t n;
		const char *name, *text;
	} cases[] = {
#define SAYS(body, name, text) { body, sizeof(body) - 1, name, text }
		SAYS("\x06\x04\x03"
		     "abc",
		     "Cease/Administrative Reset", "abc"),
		SAYS("\x06\x02", "Cease/Administrative Shutdown", ""),
		SAYS("\x06\x02\x00", "Cease/Administrative Shutdown", ""),
		SAYS("\x06\x02\x04"
		     "abc",
		     "Cease/Administrative Shutdown", ""),
		SAYS("\x06\x02\x03"
		     "a\0c",
		     "Cease/Administrative Shutdown", "a\\x00c"),
		SAYS("\x06\x02\x04\xf0\x9f\x8c\x99", "Cease/Administrative Shutdown",
		     "\xf0\x9f\x8c\x99"),
		SAYS("\x06\x09\x06\x02\x03"
		     "abc",
		     "Cease/Hard Reset", "abc"),
		SAYS("\x06\x09\x06", "Cease/Hard Reset", ""),
		SAYS("\x06\x09\x04\x00\x03"
		     "abc",
		     "Cease/Hard Reset", ""),
		SAYS("\x06\x06\x03"
		     "abc",
		     "Cease/Other Configuration Change", ""),
		SAYS("\x06\x63", "Cease", ""),
		SAYS("\x02\x02\xfd\xe9", "OPEN Message Error/Bad Peer AS", ""),
		SAYS("\x01\x03\x09", "Message Header Error/Bad Message Type", ""),
		SAYS("\x03\x0b", "UPDATE Message Error/Malformed AS_PATH", ""),
		SAYS("\x04\x00", "Hold Timer Expired", ""),
		SAYS("\x05\x02",
		     "Finite State Machine Error/Receive Unexpected Message in OpenConfirm State",
		     ""),
		SAYS("\x07\x01", "ROUTE-REFRESH Message Error/Invalid Message Length", ""),
		SAYS("\x08\x00", "Send Hold Timer Expired", ""),
		SAYS("\x00\x00", "", ""),
		SAYS("\xff\x02", "", ""),
	};
	char text[256], name[BGP_NAME_STRLEN];
	unsigned code, sub;
	size_t i;

	begin();
	PUT(BGP_NOTIFICATION, "\x06\x09\x06\x04");
	feed(1, 0, used);
	assert_string_equal(bgp.notifications[0].name, "Cease/Hard Reset");
	assert_string_equal(bgp.notifications[0].inner, "Cease/Administrative Reset");

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		put_message(BGP_NOTIFICATION, cases[i].body, cases[i].n);
		feed(1, 0, used);
		assert_string_equal(seen, "N");
		assert_string_equal(bgp.notifications[0].name, cases[i].name);
		assert_string_equal(bgp.notifications[0].text, cases[i].text);
	}
	/* the longest text, all of it NUL; no name is cut */
	begin();
	memset(text, 0, sizeof(text));
	put_message(BGP_NOTIFICATION, "\x06\x02\xff", 3);
	put16(bytes + 16, BGP_HEADER + 3 + 255);
	memset(bytes + used, 0, 255);
	used += 255;
	feed(1, 0, used);
	assert_int_equal(strlen(bgp.notifications[0].text), BGP_TEXT_STRLEN - 1);
	for (code = 0; code < 256; code++)
		for (sub = 0; sub < 256; sub++) {
			bgp_notification_name((uint8_t)code, (uint8_t)sub, name);
			assert_true(strlen(name) < BGP_NAME_STRLEN - 1);
		}
}

static void test_session(void **state)
{
	begin();
	PUT(BGP_OPEN, OPEN_PLAIN);
	put_keepalive();
	assert_false(bgp_spoken(&bgp));
	feed(1, 0, used);
	assert_true(bgp_spoken(&bgp));
	feed_part(1, 9, 0, used - 1, used - 1);
	assert_false(bgp_is_up(&bgp));
	assert_false(bgp_was_up(&bgp));
	feed_part(1, 9, (uint32_t)used - 1, 1, 1);
	assert_true(bgp_is_up(&bgp));

	/* what is repeated is counted, and not kept */
	begin();
	for (int i = 0; i < 50; i++) {
		PUT(BGP_OPEN, OPEN_PLAIN);
		PUT(BGP_NOTIFICATION, "\x06\x04");
	}
	feed(1, 0, used);
	feed_part(1, 1, 0, used, used);
	assert_int_equal(bgp.count[0][BGP_OPEN], 50);
	assert_int_equal(bgp.count[1][BGP_NOTIFICATION], 50);
	assert_int_equal(bgp.n_opens, 2 * BGP_MAX_KEPT);
	assert_int_equal(bgp.n_notifications, 2 * BGP_MAX_KEPT);
	bgp_clear(&bgp);
}

/* ---- from packet to event ---------------------------------------------------------- */

#define LO6 "198.51.100.64"
#define PEER "203.0.113.1"
#define STRANGER "203.0.113.66"

static const char device[] = "hostname test-CE1\n"
			     "interface Loopback6\n   ip address 198.51.100.64/32\n"
			     "   ipv6 address 2001:db8:0:6::64/128\n"
			     "ip prefix-list loopback\n   seq 10 permit 198.51.100.64/27 le 32\n"
			     "ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
			     "router bgp 65000\n   neighbor 203.0.113.1 remote-as 65001\n"
			     "end\n";

static int make_fabric(void **state)
{
	engine_make_fabric(device);
	return 0;
}

static void begin_packets(void)
{
	begin_capture();
	used = 0;
}

/* A connection of PEER's, port 40000: each side's next sequence number. */
static uint32_t next[2];
static const char *who[2];

static void handshake(unsigned ms, const char *peer)
{
	who[0] = peer;
	who[1] = LO6;
	next[0] = 101;
	next[1] = 501;
	packet(ms, (struct segment){ who[0], who[1], 40000, 179, GW_SYN, 100, 0, NULL });
	packet(ms, (struct segment){ who[1], who[0], 179, 40000, GW_SYN | GW_ACK, 500, 101, NULL });
	packet(ms, (struct segment){ who[0], who[1], 40000, 179, GW_ACK, 101, 501, NULL });
}

/* Sends what PUT and its like have written, and begins anew. */
static void send(unsigned ms, unsigned from, uint8_t flags)
{
	struct segment s = { who[from], who[!from], from ? 179 : 40000, from ? 40000 : 179,
			     flags,	next[from], next[!from],	(const char *)bytes,
			     used };

	if (!used)
		s.payload = NULL;
	packet(ms, s);
	next[from] += (uint32_t)used + !!(flags & GW_FIN);
	used = 0;
}

static void open_both(unsigned ms)
{
	PUT(BGP_OPEN, OPEN_BODY);
	send(ms, 0, GW_ACK);
	PUT(BGP_OPEN, OPEN_PLAIN);
	put_keepalive();
	send(ms + 1, 1, GW_ACK);
	put_keepalive();
	send(ms + 2, 0, GW_ACK);
}

static void say_route(const struct event_bgp_route *r)
{
	char hop[ADDR_STRLEN];
	unsigned i;

	say(" %u %s %s", r->from, r->action, r->prefix);
	if (r->reason)
		say(" by %s", r->reason);
	if (r->next_hop.family)
		say(" via %s", addr_format(&r->next_hop, hop));
	for (i = 0; i < r->n_as_path; i++)
		say(" AS%u", r->as_path[i]);
	if (r->has_path_id)
		say(" #%u", r->path_id);
	if (r->rd)
		say(" RD %s", r->rd);
	if (r->covers)
		say(" covers %u", r->covers);
	if (r->has_armed)
		say(r->armed ? " armed" : " NOT armed");
	if (r->unseen)
		say(" unseen");
}

static int collect(void *arg, struct event *e)
{
	unsigned i;

	if (!e->has_flow)
		return 0;
	if (e->type == EVENT_FLOW_START || e->type == EVENT_FLOW_UPDATE)
		return 0;
	say("%s %s %s %s", event_type_name(e->type), event_severity_name(e->severity),
	    e->device ? e->device : "-", e->flow.outcome);
	if (e->trust.neighbor)
		say(" neighbor");
	if (e->bgp.session)
		say(" %s by %s", e->bgp.session, e->bgp.reason);
	if (e->bgp.has_silent)
		say(" %u of %u s at %d.%d", e->bgp.silent, e->bgp.hold_time,
		    (int)(e->time_ns / NS_PER_S) - 1000, (int)(e->time_ns / 100000000 % 10));
	if (e->bgp.route.action)
		say_route(&e->bgp.route);
	for (i = 0; e->bgp.has_counts && i < 2; i++)
		say(" %d%d%d%d%d", (int)e->bgp.counts[i].open, (int)e->bgp.counts[i].update,
		    (int)e->bgp.counts[i].notification, (int)e->bgp.counts[i].keepalive,
		    (int)e->bgp.counts[i].route_refresh);
	for (i = 0; i < e->bgp.n_opens; i++)
		say(" %u:AS%u", e->bgp.opens[i].from, e->bgp.opens[i].asn);
	for (i = 0; i < e->bgp.n_notifications; i++)
		say(" %u:%s(%s)", e->bgp.notifications[i].from, e->bgp.notifications[i].name,
		    e->bgp.notifications[i].text ? e->bgp.notifications[i].text : "");
	say("\n");
	return 0;
}

static void run_capture(void)
{
	seen[0] = '\0';
	engine_run(false, collect);
}

#define OPENED(neighbor) "bgp.message %s test-CE1 established" neighbor " 0:AS4200000001\n"

static void test_flow_notification(void **state)
{
	begin_packets();
	handshake(0, PEER);
	open_both(10);
	put_update(40);
	send(20, 1, GW_ACK);
	packet(21, (struct segment){ LO6, PEER, 179, 40000, GW_ACK, next[1] - 63, next[0],
				     (const char *)bytes, 63 }); /* again */
	PUT(BGP_NOTIFICATION, "\x06\x04\x04"
			      "work");
	send(5000, 1, GW_ACK | GW_FIN);
	send(5001, 0, GW_ACK | GW_FIN);
	run_capture();
	assert_string_equal(
		seen, "bgp.message info test-CE1 established neighbor 0:AS4200000001\n"
		      "bgp.message info test-CE1 established neighbor 1:AS65002\n"
		      "bgp.session info test-CE1 established neighbor up by established"
		      " 0:AS4200000001 1:AS65002\n"
		      "bgp.message notice test-CE1 established neighbor"
		      " 1:Cease/Administrative Reset(work)\n"
		      "bgp.session notice test-CE1 established neighbor down by notification"
		      " 1:Cease/Administrative Reset(work)\n"
		      "flow.end info test-CE1 closed neighbor 10010 11110 0:AS4200000001 1:AS65002"
		      " 1:Cease/Administrative Reset(work)\n");
}

/* The ends that TCP makes, each with its reason. */
static void test_flow_ends(void **state)
{
	static const struct {
		uint8_t flags;
		unsigned ms;
		const char *expect;
	} cases[] = {
		{ GW_ACK | GW_FIN, 100, " down by closed\n" },
		{ GW_RST, 100, " down by reset\n" },
		{ GW_SYN, 100, " down by replaced\n" },
		{ GW_ACK, 100, NULL }, /* still up when the capture ends */
		{ GW_ACK, 9000000, " down by silent\n" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *down;

		begin_packets();
		handshake(0, PEER);
		open_both(10);
		if (cases[i].flags == GW_SYN)
			next[0] += 100000;
		send(cases[i].ms, 0, cases[i].flags);
		if (cases[i].flags == GW_SYN) {
			/* the SYN alone could be anybody's */
			next[0]++;
			next[1] += 100000;
			send(cases[i].ms, 1, GW_SYN | GW_ACK);
		}
		run_capture();
		down = strstr(seen, " down by");
		if (!cases[i].expect) {
			assert_null(down);
			continue;
		}
		assert_non_null(down);
		assert_memory_equal(down, cases[i].expect, strlen(cases[i].expect));
		assert_null(strstr(down + 1, " down by"));
		assert_non_null(strstr(seen, "bgp.session warning"));
	}
}

/* A refused OPEN is a message and no session; a stranger's is a warning. */
static void test_flow_refused(void **state)
{
	begin_packets();
	handshake(0, STRANGER);
	PUT(BGP_OPEN, OPEN_BODY);
	send(10, 0, GW_ACK);
	PUT(BGP_NOTIFICATION, "\x02\x02");
	send(11, 1, GW_ACK | GW_FIN);
	send(12, 0, GW_ACK | GW_FIN);
	run_capture();
	assert_string_equal(seen, "bgp.message warning test-CE1 established 0:AS4200000001\n"
				  "bgp.message warning test-CE1 established"
				  " 1:OPEN Message Error/Bad Peer AS()\n"
				  "flow.end warning test-CE1 closed 10000 00100 0:AS4200000001"
				  " 1:OPEN Message Error/Bad Peer AS()\n");
}

/* What is no BGP has no `bgp`; what was lost before a FIN is waited for, to the end. */
static void test_flow_odd(void **state)
{
	begin_packets();
	handshake(0, PEER);
	memcpy(bytes, "GET / HTTP/1.1\r\n\r\n", 18);
	used = 18;
	send(10, 0, GW_ACK);
	run_capture();
	assert_string_equal(seen, "flow.end info test-CE1 established neighbor\n");

	begin_packets();
	handshake(0, PEER);
	open_both(10);
	put_update(100);
	next[1] += 50; /* never seen */
	send(20, 1, GW_ACK);
	PUT(BGP_NOTIFICATION, "\x04\x00");
	send(30, 1, GW_ACK);
	run_capture();
	assert_non_null(strstr(seen, "bgp.session warning test-CE1 established neighbor down by "
				     "notification 1:Hold Timer Expired()\n"));
	assert_non_null(strstr(seen, "flow.end info test-CE1 established neighbor 10010 11110"));
}

/* ORIGIN, AS_PATH 65001 of two octets, NEXT_HOP; the route to lo6 */
#define ANNOUNCE                                                                                   \
	"\x00\x00\x00\x12\x40\x01\x01\x00\x40\x02\x04\x02\x01\xfd\xe9"                             \
	"\x40\x03\x04\xcb\x00\x71\x01\x20\xc6\x33\x64\x40"
#define WITHDRAW "\x00\x05\x20\xc6\x33\x64\x40\x00\x00"
/* the same for IPv6; and the end of its RIB */
#define ANNOUNCE_V6                                                                                \
	"\x00\x00\x00\x30\x40\x02\x04\x02\x01\xfd\xe9\x80\x0e\x26\x00\x02\x01\x10"                 \
	"\x20\x01\x0d\xb8\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x01\x00"                     \
	"\x80\x20\x01\x0d\xb8\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x64"
#define END_OF_RIB "\x00\x00\x00\x06\x80\x0f\x03\x00\x02\x01"

/* The lines of what was seen that begin with this. */
static void keep_lines(const char *beginning)
{
	char all[sizeof(seen)], *line, *rest = all;

	strcpy(all, seen);
	seen[0] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, beginning, strlen(beginning)))
			say("%s\n", line);
}

static void test_routes(void **state)
{
	begin_packets();
	handshake(0, PEER);
	open_both(10);
	PUT(BGP_UPDATE, ANNOUNCE);
	PUT(BGP_UPDATE, ANNOUNCE_V6);
	PUT(BGP_UPDATE, END_OF_RIB);
	send(20, 0, GW_ACK);
	PUT(BGP_UPDATE, ANNOUNCE);
	PUT(BGP_UPDATE, ANNOUNCE); /* nothing new */
	send(21, 1, GW_ACK);
	PUT(BGP_UPDATE, WITHDRAW);
	send(22, 0, GW_ACK);
	PUT(BGP_UPDATE, WITHDRAW);
	send(23, 1, GW_ACK);
	PUT(BGP_UPDATE, WITHDRAW);
	PUT(BGP_NOTIFICATION, "\x06\x04");
	PUT(BGP_UPDATE, ANNOUNCE); /* after the end */
	send(24, 0, GW_ACK | GW_FIN);
	run_capture();
	keep_lines("bgp.route");
#define ROUTE(severity) "bgp.route " severity " test-CE1 established neighbor"
	assert_string_equal(
		seen, ROUTE("notice") " 0 announce 198.51.100.64/32 via 203.0.113.1 AS65001 armed\n"
		      ROUTE("notice") " 0 announce 2001:db8:0:6::64/128 via 2001:db8:0:c::1 AS65001"
		      " armed\n"
		      ROUTE("info") " 1 announce 198.51.100.64/32 via 203.0.113.1 AS65001 armed\n"
		      ROUTE("info") " 0 withdraw 198.51.100.64/32 armed\n"
		      ROUTE("warning") " 1 withdraw 198.51.100.64/32 NOT armed\n"
		      ROUTE("warning") " 0 withdraw 2001:db8:0:6::64/128 by session-down"
		      " NOT armed\n");
}

/* Met in mid-stream: no form is agreed, no announcement was seen. */
static void test_routes_mid_stream(void **state)
{
	static const uint8_t ambiguous[] = { 0, 8, 0x18, 10, 1, 2, 0x18, 10, 1, 3, 0, 0 };

	begin_packets();
	who[0] = PEER;
	who[1] = LO6;
	next[0] = 101;
	next[1] = 501;
	PUT(BGP_UPDATE, WITHDRAW);
	PUT(BGP_UPDATE, WITHDRAW);
	put_message(BGP_UPDATE, ambiguous, sizeof(ambiguous));
	PUT(BGP_UPDATE, "\x00\x01\x00\x00\x00"); /* the default route */
	PUT(BGP_UPDATE, "\x00\x09\x00\x00\x00"); /* malformed */
	send(10, 0, GW_ACK);
	run_capture();
	keep_lines("bgp.route");
	assert_string_equal(seen, ROUTE("notice") " 0 withdraw 198.51.100.64/32 NOT armed unseen\n"
				  "bgp.route notice - established neighbor"
				  " 0 withdraw 0.0.0.0/0 covers 1 unseen\n");
}

/* A stranger that announces a device's lo6 is worth a warning. */
static void test_routes_of_a_stranger(void **state)
{
	begin_packets();
	handshake(0, STRANGER);
	open_both(10);
	PUT(BGP_UPDATE, ANNOUNCE);
	send(20, 0, GW_ACK);
	run_capture();
	keep_lines("bgp.route");
	assert_string_equal(seen, "bgp.route warning test-CE1 established 0 announce"
				  " 198.51.100.64/32 via 203.0.113.1 AS65001 armed\n");
}

/* Hold time 90: at risk after 60 s without anything new of one side. */
static void test_hold_time(void **state)
{
	unsigned s;

	begin_packets();
	handshake(0, PEER);
	open_both(10);
	for (s = 30; s <= 90; s += 30) {
		put_keepalive();
		send(s * 1000, 0, GW_ACK);
		if (s == 90)
			break;
		put_keepalive();
		send(s * 1000 + 100, 1, GW_ACK);
	}
	/* the destination was last heard at 60.1; what it says again is nothing new */
	packet(100000, (struct segment){ LO6, PEER, 179, 40000, GW_ACK, next[1] - 19, next[0],
					 (const char *)bytes, 19 });
	send(119000, 1, GW_ACK);
	put_keepalive();
	send(125000, 0, GW_ACK);
	put_keepalive();
	send(140000, 1, GW_ACK);
	/* both silent, and nobody speaks of one of them until the other is back, too */
	put_keepalive();
	send(230000, 1, GW_ACK);
	put_keepalive();
	send(231000, 0, GW_ACK);
	PUT(BGP_NOTIFICATION, "\x04\x00");
	send(400000, 0, GW_ACK);
	run_capture();
	keep_lines("bgp.session");
#define SESSION_IS(severity) "bgp.session " severity " test-CE1 established neighbor "
	assert_string_equal(
		seen, SESSION_IS("info") "up by established 0:AS4200000001 1:AS65002\n"
		      SESSION_IS("warning") "at-risk by hold-time 1 of 90 s at 120.1\n"
		      SESSION_IS("notice") "up by resumed\n"
		      SESSION_IS("warning") "at-risk by hold-time 0 of 90 s at 185.0\n"
		      SESSION_IS("notice") "up by resumed\n"
		      SESSION_IS("warning") "at-risk by hold-time 1 of 90 s at 290.0\n"
		      SESSION_IS("warning") "down by notification 0:Hold Timer Expired()\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_routes_mid_stream),
		cmocka_unit_test(test_routes_of_a_stranger),
		cmocka_unit_test(test_hold_time),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_segmentation),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_midstream),
		cmocka_unit_test(test_extended),
		cmocka_unit_test(test_odd_opens),
		cmocka_unit_test(test_notifications),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_flow_notification),
		cmocka_unit_test(test_flow_ends),
		cmocka_unit_test(test_flow_refused),
		cmocka_unit_test(test_flow_odd),
	};

	return cmocka_run_group_tests(tests, make_fabric, engine_remove_fabric);
}
