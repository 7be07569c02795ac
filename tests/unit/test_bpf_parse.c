/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser in the kernel (BPF_PROG_TEST_RUN) against the parser in user space:
 * the same frames, every byte of the answer. And the parser's first stage
 * against its second: where the first decides, they must agree.
 *
 * Frames: every shape that the generator can make (families, tags, IP options,
 * extension headers, fragments, TCP options, ICMP errors), cut at every length,
 * and each mutated at random; and these in random chains of wrappings, some longer
 * than the parser follows. The seed is fixed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#include "bpf/parsetest.h"
#include "wrapped_frames.h"

#define FRAME_MAX 256
#define MUTATIONS 40 /* of each shape */
#define CHAINS 65000 /* of wrappings; a million frames in all */
#define CUTS 4	     /* of each, at random lengths */
#define BROKEN 10    /* of each, with bytes changed */

static const struct gw_gate test_gate = { .ssh = { 22, 2222 }, .bgp = { 179 } };

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

static uint64_t seed = 0x9e3779b97f4a7c15ull;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static void put(struct frame *f, const void *bytes, size_t n)
{
	assert_true(f->len + n <= FRAME_MAX);
	memcpy(f->bytes + f->len, bytes, n);
	f->len += n;
}

static void put16(struct frame *f, uint16_t v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(f, b, 2);
}

static void put32(struct frame *f, uint32_t v)
{
	put16(f, (uint16_t)(v >> 16));
	put16(f, (uint16_t)v);
}

/* ---- shapes ------------------------------------------------------------------ */

enum inner { TCP_PLAIN, TCP_OPTIONS, TCP_OTHER_PORT, UDP, ICMP_ERROR, ICMP_ECHO, NUM_INNER };
enum ext { EXT_NONE, EXT_HOP, EXT_FRAG_FIRST, EXT_FRAG_LATER, EXT_AUTH, EXT_CHAIN, NUM_EXT };

struct shape {
	int family, tags, ip_options; /* ip_options: v4, in words */
	enum ext ext;		      /* v6; v4: only the fragments */
	enum inner inner;
	uint16_t sport, dport;
	size_t payload;
};

static void put_tcp(struct frame *f, const struct shape *s, uint16_t sport, uint16_t dport)
{
	int words = s->inner == TCP_OPTIONS ? 8 : 5;
	size_t i;

	put16(f, sport);
	put16(f, dport);
	put32(f, 0x12345678);
	put32(f, 0x9abcdef0);
	put(f, (uint8_t[]){ (uint8_t)(words << 4), (uint8_t)(0x10 | rnd(32)) }, 2);
	put16(f, 65535);
	put32(f, 0);
	for (i = 20; i < (size_t)words * 4; i++)
		put(f, "\x01", 1);
	for (i = 0; i < s->payload; i++)
		put(f, "S", 1);
}

static void put_ip4(struct frame *f, const uint8_t *src, const uint8_t *dst, int options,
		    uint16_t frag, uint8_t proto, uint16_t rest)
{
	int i;

	put(f, (uint8_t[]){ (uint8_t)(0x45 + options), 0 }, 2);
	put16(f, (uint16_t)(20 + options * 4 + rest));
	put16(f, 1);
	put16(f, frag);
	put(f, (uint8_t[]){ 64, proto, 0, 0 }, 4);
	put(f, src, 4);
	put(f, dst, 4);
	for (i = 0; i < options * 4; i++)
		put(f, "\x01", 1);
}

static void put_ip6(struct frame *f, const uint8_t *src, const uint8_t *dst, uint8_t next,
		    uint16_t rest)
{
	put32(f, 0x60000000);
	put16(f, rest);
	put(f, (uint8_t[]){ next, 64 }, 2);
	put(f, src, 16);
	put(f, dst, 16);
}

static struct frame frame_of(const struct shape *s)
{
	static const uint8_t a4[4] = { 10, 0, 0, 1 }, b4[4] = { 10, 0, 0, 2 };
	static const uint8_t a6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	static const uint8_t b6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };
	struct frame f = { .len = 0 }, in = { .len = 0 }, ext = { .len = 0 };
	static const uint16_t tag_types[3] = { 0x88a8, 0x8100, 0x9100 };
	uint8_t proto = 6, next;
	uint16_t frag = 0;
	int i;

	switch (s->inner) {
	case TCP_PLAIN: case TCP_OPTIONS:
		put_tcp(&in, s, s->sport, s->dport);
		break;
	case TCP_OTHER_PORT:
		put_tcp(&in, s, 443, 50000);
		break;
	case UDP:
		proto = 17;
		put16(&in, s->sport);
		put16(&in, s->dport);
		put32(&in, 8u << 16);
		break;
	case ICMP_ERROR: case ICMP_ECHO:
		proto = s->family == 4 ? 1 : 58;
		put(&in,
		    (uint8_t[]){ s->inner == ICMP_ECHO ? 128
				 : s->family == 4      ? 3
						       : 1,
				 1, 0, 0 },
		    4);
		put32(&in, 0);
		if (s->family == 4)
			put_ip4(&in, b4, a4, s->ip_options, 0, 6, 40);
		else
			put_ip6(&in, b6, a6, 6, 40);
		put_tcp(&in, s, s->sport, s->dport);
		break;
	default:
		break;
	}
	next = proto;
	if (s->family == 6) {
		switch (s->ext) {
		case EXT_HOP: /* 16 bytes */
			next = 0;
			put(&ext, (uint8_t[16]){ proto, 1 }, 16);
			break;
		case EXT_FRAG_FIRST: case EXT_FRAG_LATER:
			/* its reserved byte is not a length */
			next = 44;
			put(&ext, (uint8_t[8]){ proto, 9, s->ext == EXT_FRAG_LATER, 1 }, 8);
			break;
		case EXT_AUTH:
			next = 51;
			put(&ext, (uint8_t[24]){ proto, 4 }, 24);
			break;
		case EXT_CHAIN:
			next = 0;
			put(&ext, (uint8_t[8]){ 60 }, 8);
			put(&ext, (uint8_t[8]){ 43 }, 8);
			put(&ext, (uint8_t[8]){ 44 }, 8);
			put(&ext, (uint8_t[8]){ 60 }, 8);
			put(&ext, (uint8_t[8]){ proto }, 8);
			break;
		default:
			break;
		}
	} else if (s->ext == EXT_FRAG_FIRST) {
		frag = 0x2000;
	} else if (s->ext == EXT_FRAG_LATER) {
		frag = 0x2005;
	}

	put(&f, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	for (i = 0; i < s->tags; i++) {
		put16(&f, tag_types[i % 3]);
		put16(&f, (uint16_t)(0x2000 | (100 + i)));
	}
	put16(&f, s->family == 4 ? 0x0800 : 0x86dd);
	if (s->family == 4)
		put_ip4(&f, a4, b4, s->ip_options, frag, proto, (uint16_t)in.len);
	else
		put_ip6(&f, a6, b6, next, (uint16_t)(ext.len + in.len));
	put(&f, ext.bytes, ext.len);
	put(&f, in.bytes, in.len);
	return f;
}

static size_t each_shape(void (*fn)(const struct shape *, void *), void *arg)
{
	static const uint16_t ports[][2] = { { 40000, 22 }, { 2222, 40000 }, { 179, 179 } };
	struct shape s;
	size_t p, n = 0;

	for (p = 0; p < 3; p++)
		for (s.family = 4; s.family <= 6; s.family += 2)
			for (s.tags = 0; s.tags <= 4; s.tags++)
				for (s.ip_options = 0; s.ip_options <= (s.family == 4 ? 10 : 0);
				     s.ip_options += 5)
					for (s.ext = EXT_NONE; s.ext < NUM_EXT; s.ext++)
						for (s.inner = 0; s.inner < NUM_INNER; s.inner++) {
							s.sport = ports[p][0];
							s.dport = ports[p][1];
							s.payload = s.tags % 2 ? 7 : 0;
							fn(&s, arg);
							n++;
						}
	return n;
}

/* ---- comparing -------------------------------------------------------------------- */

/* gw_parse_any() with the walk in sight; test_stages() holds it to be the same */
static void user_walk(const uint8_t *bytes, size_t len, struct parsetest *out)
{
	struct gw_walk walk = { .type = GW_ETH_TEB };
	int r = GW_WALK_ON, i;

	for (i = 0; i < GW_MAX_STEPS && r == GW_WALK_ON; i++)
		r = gw_walk_step(bytes, bytes + len, &walk);
	parsetest_found(bytes, bytes + len, (uint32_t)len, r, &walk, &test_gate, out);
}

static void user_parse(const uint8_t *bytes, size_t len, struct parsetest out[2])
{
	/* of the frame's own size, so that the sanitizer sees a byte read too far */
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	memset(out, 0, 2 * sizeof(*out));
	parsetest_plain(copy, copy + len, &test_gate, NULL, &out[0]);
	user_walk(copy, len, &out[1]);
	free(copy);
}

static void compare_stages(const uint8_t *bytes, size_t len)
{
	struct parsetest t[2];

	user_parse(bytes, len, t);
	if (t[0].verdict == GW_PARSE_OTHER)
		return;
	assert_int_equal(t[0].verdict, t[1].verdict);
	if (t[0].verdict == GW_PARSE_TCP)
		assert_memory_equal(&t[0], &t[1], sizeof(t[0]));
}

/* Each shape whole, cut at every length, and mutated. */
static void each_frame(const struct shape *s, void *arg)
{
	void (*fn)(const uint8_t *, size_t) = *(void (**)(const uint8_t *, size_t))arg;
	struct frame f = frame_of(s), m;
	size_t i;
	int n;

	for (i = s->sport == 40000 && !s->ip_options ? 0 : f.len; i <= f.len; i++)
		fn(f.bytes, i);
	for (n = 0; n < MUTATIONS; n++) {
		m = f;
		for (i = 0; i <= rnd(3); i++)
			m.bytes[12 + rnd((uint32_t)f.len - 12)] = (uint8_t)rnd(256);
		fn(m.bytes, f.len);
	}
}

/* A random chain of wrappings around a random shape; whole, cut and mutated. */
static void each_wrapped(void (*fn)(const uint8_t *, size_t),
			 void (*check)(struct wrapped *, size_t))
{
	static const uint16_t ports[][2] = { { 40000, 22 }, { 2222, 40000 }, { 179, 179 } };
	static struct wrapped w;
	uint8_t copy[WRAPPED_ROOM];
	unsigned chain, i, n;

	for (chain = 0; chain < CHAINS; chain++) {
		const uint16_t *port = ports[rnd(3)];
		struct shape s = { .family = rnd(2) ? 4 : 6,
				   .ip_options = rnd(3) ? 0 : 5,
				   .ext = rnd(2) ? EXT_NONE : (enum ext)rnd(NUM_EXT),
				   .inner = rnd(2) ? TCP_PLAIN : (enum inner)rnd(NUM_INNER),
				   .sport = port[0],
				   .dport = port[1],
				   .payload = rnd(9) };
		struct frame f = frame_of(&s);
		size_t len;

		wrapped_begin(&w, f.bytes + 14, f.len - 14,
			      s.family == 4 ? GW_ETH_IPV4 : GW_ETH_IPV6);
		wrapped_frame(&w, rnd, 12);
		len = wrapped_len(&w);
		if (check)
			check(&w, f.len - 14);
		if (!fn)
			continue;
		fn(wrapped_bytes(&w), len);
		for (i = 0; i < CUTS; i++)
			fn(wrapped_bytes(&w), rnd((uint32_t)len));
		for (i = 0; i < BROKEN; i++) {
			memcpy(copy, wrapped_bytes(&w), len);
			for (n = 0; n <= rnd(3); n++)
				copy[12 + rnd((uint32_t)len - 12)] =
					(uint8_t)(rnd(2) ? rnd(256) : 1u << rnd(8));
			fn(copy, len);
		}
	}
}

static void test_stages(void **state)
{
	void (*fn)(const uint8_t *, size_t) = compare_stages;

	each_shape(each_frame, &fn);
	each_wrapped(fn, NULL);
}

static unsigned kinds_seen[GW_TUNNEL_KINDS], too_long;

/* The wrappings are read as they were made, and the packet in them as without. */
static void check_wrapped(struct wrapped *w, size_t inner)
{
	const uint8_t *frame = wrapped_bytes(w);
	size_t len = wrapped_len(w), at = len - inner;
	int family = frame[at] >> 4;
	struct gw_wrap expected;
	struct gw_pkt p, bare;
	enum gw_parse said, meant;
	unsigned i;

	memset(&p, 0, sizeof(p));
	memset(&bare, 0, sizeof(bare));
	said = gw_parse(frame, frame + len, (uint32_t)len, &test_gate, &p);
	meant = gw_parse_network(frame + at, frame + len, family == 4 ? GW_ETH_IPV4 : GW_ETH_IPV6,
				 (uint32_t)inner, &test_gate, &bare);
	if (!wrapped_expect(w, inner, &expected)) {
		assert_int_equal(said, GW_PARSE_IGNORE);
		too_long++;
		return;
	}
	assert_int_equal(said, meant);
	if (said != GW_PARSE_TCP && said != GW_PARSE_ICMP)
		return;
	assert_memory_equal(&p.wrap, &expected, sizeof(expected));
	bare.wrap = expected;
	bare.segments = 1;
	assert_memory_equal(&p, &bare, sizeof(p));
	for (i = 0; i < w->kind_n; i++)
		kinds_seen[w->kind[i]]++;
}

static void test_wrapped(void **state)
{
	unsigned i;

	each_wrapped(NULL, check_wrapped);
	for (i = 1; i < GW_TUNNEL_KINDS; i++)
		assert_true(kinds_seen[i] > 100);
	assert_true(too_long > 100);
}

/* What looks like a tunnel and is not followed. */
static void test_not_followed(void **state)
{
	static const struct {
		enum gw_tunnel kind;
		size_t at; /* byte from the outer IP header on */
		uint8_t set;
		enum gw_parse verdict;
	} cases[] = {
		{ GW_TUNNEL_VXLAN, 20 + 8, 0x00, GW_PARSE_IGNORE },  /* no VNI */
		{ GW_TUNNEL_VXLAN, 20 + 3, 0xb6, GW_PARSE_IGNORE },  /* port 4790 */
		{ GW_TUNNEL_VXLAN, 6, 0x20, GW_PARSE_FRAGMENT },     /* first of many */
		{ GW_TUNNEL_VXLAN, 7, 0x09, GW_PARSE_IGNORE },	     /* later one: no port */
		{ GW_TUNNEL_GENEVE, 20 + 8, 0x40, GW_PARSE_IGNORE }, /* version 1 */
		{ GW_TUNNEL_GENEVE, 20 + 9, 0x80, GW_PARSE_IGNORE }, /* control packet */
		{ GW_TUNNEL_GTPU, 20 + 8, 0x50, GW_PARSE_IGNORE },   /* version 2 */
		{ GW_TUNNEL_GTPU, 20 + 9, 1, GW_PARSE_IGNORE },	     /* echo request */
		{ GW_TUNNEL_GRE, 20 + 1, 1, GW_PARSE_IGNORE },	     /* PPTP */
		{ GW_TUNNEL_GRE, 20, 0x40, GW_PARSE_IGNORE },	     /* source route */
		{ GW_TUNNEL_GRE, 6, 0x20, GW_PARSE_FRAGMENT },
		{ GW_TUNNEL_GRE, 7, 0x09, GW_PARSE_FRAGMENT },
		{ GW_TUNNEL_GRE, 0, 0x65, GW_PARSE_BAD },
		{ GW_TUNNEL_ERSPAN2, 20 + 8, 0x20, GW_PARSE_IGNORE }, /* other version */
		{ GW_TUNNEL_ERSPAN3, 20 + 8 + 10, 0x08, GW_PARSE_IGNORE }, /* not Ethernet */
		{ GW_TUNNEL_IPIP, 6, 0x20, GW_PARSE_FRAGMENT },
	};
	const struct shape s = { .family = 4, .sport = 40000, .dport = 22 };
	struct frame f = frame_of(&s);
	struct wrapped w;
	struct gw_pkt p;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum gw_tunnel kind = cases[i].kind;
		const uint8_t *frame;

		wrapped_begin(&w, f.bytes + 14, f.len - 14, GW_ETH_IPV4);
		if (kind != GW_TUNNEL_GTPU && kind != GW_TUNNEL_IPIP)
			wrapped_ethernet(&w);
		assert_true(wrapped_tunnel(&w, kind, 4, 0x1000004)); /* no options */
		wrapped_ethernet(&w);
		frame = wrapped_bytes(&w);
		memset(&p, 0, sizeof(p));
		assert_int_equal(gw_parse(frame, frame + wrapped_len(&w), (uint32_t)wrapped_len(&w),
					  &test_gate, &p), GW_PARSE_TCP);
		wrapped_bytes(&w)[14 + cases[i].at] = cases[i].set;
		memset(&p, 0, sizeof(p));
		assert_int_equal(gw_parse(frame, frame + wrapped_len(&w), (uint32_t)wrapped_len(&w),
					  &test_gate, &p), cases[i].verdict);
	}
}

/* A frame in a frame, which only tunnels announce: behind an EtherType of that number
 * no stage looks, with a tag before it or without. */
static void test_frame_in_frame(void **state)
{
	const struct shape s = { .family = 4, .sport = 40000, .dport = 22 };
	struct frame f = frame_of(&s), in = { .len = 0 };
	struct parsetest t[2];
	int tags, i;

	for (tags = 0; tags < 2; tags++) {
		in.len = 0;
		put(&in, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
		put(&in, "\x81\0\0\5", tags ? 4 : 0);
		put16(&in, GW_ETH_TEB);
		put(&in, f.bytes, f.len);
		user_parse(in.bytes, in.len, t);
		for (i = 0; i < 2; i++)
			assert_true(t[i].verdict == GW_PARSE_IGNORE ||
				    (tags && !i && t[i].verdict == GW_PARSE_OTHER));
	}
}

/* The generator's frames are what they are meant to be. */
static void test_verdicts(void **state)
{
	static const struct {
		struct shape shape;
		enum gw_parse verdict;
	} cases[] = {
		{ { 4, 0, 0, EXT_NONE, TCP_PLAIN, 40000, 22, 0 }, GW_PARSE_TCP },
		{ { 4, 3, 5, EXT_NONE, TCP_OPTIONS, 179, 40000, 7 }, GW_PARSE_TCP },
		{ { 4, 4, 0, EXT_NONE, TCP_PLAIN, 40000, 22, 0 }, GW_PARSE_IGNORE },
		{ { 4, 0, 0, EXT_NONE, TCP_OTHER_PORT, 0, 0, 0 }, GW_PARSE_IGNORE },
		{ { 4, 0, 0, EXT_NONE, UDP, 40000, 22, 0 }, GW_PARSE_IGNORE },
		{ { 4, 1, 0, EXT_FRAG_LATER, TCP_PLAIN, 40000, 22, 0 }, GW_PARSE_FRAGMENT },
		{ { 4, 0, 0, EXT_NONE, ICMP_ERROR, 40000, 22, 0 }, GW_PARSE_ICMP },
		{ { 4, 0, 0, EXT_NONE, ICMP_ECHO, 40000, 22, 0 }, GW_PARSE_IGNORE },
		{ { 6, 0, 0, EXT_NONE, TCP_PLAIN, 40000, 2222, 0 }, GW_PARSE_TCP },
		{ { 6, 2, 0, EXT_CHAIN, TCP_PLAIN, 40000, 2222, 9 }, GW_PARSE_TCP },
		{ { 6, 0, 0, EXT_AUTH, TCP_PLAIN, 40000, 2222, 0 }, GW_PARSE_TCP },
		{ { 6, 0, 0, EXT_FRAG_FIRST, TCP_PLAIN, 40000, 22, 0 }, GW_PARSE_TCP },
		{ { 6, 0, 0, EXT_FRAG_LATER, TCP_PLAIN, 40000, 22, 0 }, GW_PARSE_FRAGMENT },
		{ { 6, 0, 0, EXT_NONE, ICMP_ERROR, 40000, 22, 0 }, GW_PARSE_ICMP },
		{ { 6, 0, 0, EXT_HOP, UDP, 40000, 22, 0 }, GW_PARSE_IGNORE },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = frame_of(&cases[i].shape);
		struct gw_pkt p;

		memset(&p, 0, sizeof(p));
		assert_int_equal(gw_parse(f.bytes, f.bytes + f.len, (uint32_t)f.len, &test_gate,
					  &p),
				 cases[i].verdict);
		if (cases[i].verdict != GW_PARSE_TCP)
			continue;
		assert_int_equal(p.sport, cases[i].shape.sport);
		assert_int_equal(p.dport, cases[i].shape.dport);
		assert_int_equal(p.payload_len, cases[i].shape.payload);
		assert_int_equal(p.wrap.vlan_n, cases[i].shape.tags);
		if (p.wrap.vlan_n)
			assert_int_equal(p.wrap.vlan[0], 100);
	}
}

/* A super-packet counts as what is on the wire. */
static void test_segments(void **state)
{
	struct gw_pkt p = { .header_len = 52, .payload_len = 1448, .ip_bytes = 1500,
			    .segments = 1 };
	struct gw_pkt big = p, guest = p, jumbo = { .header_len = 80, .payload_len = 1 };

	gw_parse_segments(&big, 52 + 10000, 7, 1448, 0);
	assert_int_equal(big.payload_len, 10000);
	assert_int_equal(big.segments, 7);
	assert_int_equal(big.ip_bytes, 10000 + 7 * 52);
	/* nobody counted: as many as its size makes */
	gw_parse_segments(&guest, 52 + 10000, 0, 1448, 0);
	assert_int_equal(guest.segments, 7);
	/* the kernel's own jumbo option is on no wire */
	gw_parse_segments(&jumbo, 80 + 100000, 70, 1440, 1);
	assert_int_equal(jumbo.payload_len, 100000);
	assert_int_equal(jumbo.ip_bytes, 100000 + 70 * 72);
	/* shorter than its own headers: left alone */
	gw_parse_segments(&p, 20, 3, 1448, 0);
	assert_int_equal(p.segments, 1);
}

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "parsetest.skel.h"

static struct parsetest_bpf *skel;
static unsigned compared;

static void compare_kernel(const uint8_t *bytes, size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = (uint32_t)len);
	struct parsetest user[2];
	int i;

	if (len < 14) /* the kernel wants a whole Ethernet header */
		return;
	memset(skel->bss->answers, 0xa5, sizeof(skel->bss->answers));
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.gw_parse_test), &opts)) {
		/* newer kernels do not take a frame that ends in its IP header */
		if (errno == EINVAL && len < 54)
			return;
		fail_msg("BPF_PROG_TEST_RUN of %zu bytes: %s", len, strerror(errno));
	}
	user_parse(bytes, len, user);
	for (i = 0; i < 2; i++)
		assert_memory_equal(&skel->bss->answers[i], &user[i], sizeof(user[i]));
	compared++;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

static void test_kernel(void **state)
{
	void (*fn)(const uint8_t *, size_t) = compare_kernel;

	libbpf_set_print(quiet);
	skel = parsetest_bpf__open();
	assert_non_null(skel);
	memcpy((void *)&skel->rodata->gate, &test_gate, sizeof(test_gate));
	/* as the TC programs have it; user space asks the gate */
	skel->rodata->gate_wire.ports[0] = htons(22);
	skel->rodata->gate_wire.ports[1] = htons(179);
	skel->rodata->gate_wire.ports[2] = htons(2222);
	if (parsetest_bpf__load(skel)) {
		if (errno != EPERM)
			fail_msg("the kernel refuses the program: %s", strerror(errno));
		print_message("skipped: not allowed to load BPF programs; run as root\n");
		parsetest_bpf__destroy(skel);
		skip();
	}
	each_shape(each_frame, &fn);
	each_wrapped(fn, NULL);
	print_message("%u frames compared\n", compared);
	assert_true(compared >= 1000000);
	parsetest_bpf__destroy(skel);
}
#else
static void test_kernel(void **state)
{
	print_message("skipped: built without the kernel programs (WITH_BPF)\n");
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_not_followed),
		cmocka_unit_test(test_frame_in_frame),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests_name("bpf_parse", tests, NULL, NULL);
}
