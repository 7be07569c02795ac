/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of any bytes through link, parser, tracker and table. The input is a
 * series of frames: link type, cut, two bytes of length, then the bytes. Each frame
 * is copied to a block of exactly its size, so that reading past its end is seen.
 * The first byte's highest bits say that it comes late, and on another interface.
 *
 * The parser is held against itself: the first stage says what the second says or
 * nothing, with the gate's ports in either form; and a tag that was taken out of a
 * frame reads as one that is in it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link.h"
#include "agent/watch.h"
#include "agent/wrapping.h"
#include "bpf/parsetest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int links[] = { LINK_ETHERNET, LINK_NULL, LINK_RAW, LINK_SLL, LINK_SLL2, LINK_LOOP };

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_wrap(const struct gw_wrap *w)
{
	struct wrapping_texts texts;
	struct event e = { 0 };
	int i;

	require(w->vlan_n <= GW_MAX_VLAN && w->mpls_n <= GW_MAX_MPLS);
	require(w->tunnel_n <= GW_MAX_TUNNEL);
	for (i = 0; i < GW_MAX_TUNNEL; i++)
		require((w->tunnel[i] != GW_TUNNEL_NONE) == (i < w->tunnel_n) &&
			w->tunnel[i] < GW_TUNNEL_KINDS);
	require(!w->outer_family || w->tunnel_n);
	wrapping_fill(w, &e, &texts);
	require(e.encapsulation_n == w->tunnel_n);
}

static void check_record(void *arg, const struct gw_record *r)
{
	require(r->kind >= GW_REC_CONTROL && r->kind <= GW_REC_REPLACED);
	require(r->key.family == 4 || r->key.family == 6);
	require(r->dir <= 1);
	require(!(r->part & ~(GW_PART_MORE | GW_PART_LATER)));
	if (r->part & GW_PART_LATER)
		require(r->kind == GW_REC_PAYLOAD && !r->is_new &&
			!(r->tcp_flags & (GW_SYN | GW_FIN)));
	check_wrap(&r->flow.wrap);
	if (r->kind == GW_REC_PAYLOAD)
		require(r->snap_len <= GW_SNAP && r->snap_len <= r->payload_len);
	++*(unsigned *)arg;
}

static void check_flow(void *arg, const struct gw_key *key, const struct gw_flow *f)
{
	const char *state = gw_track_conn_state(f);

	require(state[0] != '\0' && f->dir[0].packets + f->dir[1].packets > 0);
	require(f->strays + (uint64_t)f->dir[0].fragments + f->dir[1].fragments <=
		2 * (f->dir[0].packets + f->dir[1].packets));
	require(f->syn.n <= f->strays);
	(void)gw_track_missed(f, 0);
	(void)gw_track_missed(f, 1);
}

/* ---- the parser against itself ------------------------------------------------- */

static const struct gw_gate gate = { .ssh = { 22 }, .bgp = { 179 } };

static struct parsetest parse_any(const uint8_t *frame, size_t n)
{
	struct parsetest t;
	struct gw_pkt p = { 0 };
	enum gw_parse verdict;

	p.src = p.dst = p.payload = p.icmp_src = frame;
	verdict = gw_parse_any(frame, frame + n, (uint32_t)n, &gate, &p);
	parsetest_fill(&t, (int)verdict, frame, &p);
	return t;
}

static void check_stages(const uint8_t *frame, size_t n, const struct parsetest *any)
{
	/* two ports in all, and in the other form one of three */
	static const struct gw_wire_ports pair = {
		.pair = GW_WIRE16(22) | (uint32_t)GW_WIRE16(179) << 16,
		.ports = { GW_WIRE16(22), GW_WIRE16(179) }
	};
	static const struct gw_wire_ports list = { .ports = { GW_WIRE16(22), GW_WIRE16(179) } };
	const struct gw_wire_ports *const forms[] = { NULL, &pair, &list };
	struct parsetest t;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		parsetest_plain(frame, frame + n, &gate, forms[i], &t);
		if (t.verdict == GW_PARSE_OTHER)
			continue;
		require(t.verdict == any->verdict);
		if (t.verdict == GW_PARSE_TCP)
			require(memcmp(&t, any, sizeof(t)) == 0);
	}
}

/* A tag put before what the frame has; the parser may refuse one more for its limits. */
static void check_tag(const uint8_t *frame, size_t n, struct parsetest *any)
{
	uint8_t *tagged = malloc(n + 4);
	struct parsetest t;

	require(tagged != NULL);
	memcpy(tagged, frame, 12);
	memcpy(tagged + 12, "\x81\x00\xe1\x23", 4);
	memcpy(tagged + 16, frame + 12, n - 12);
	t = parse_any(tagged, n + 4);
	free(tagged);
	require(t.verdict == any->verdict || t.verdict == GW_PARSE_IGNORE);
	if (t.verdict != GW_PARSE_TCP && t.verdict != GW_PARSE_ICMP)
		return;
	gw_parse_outer_tag(&any->pkt, 0x0123);
	require(memcmp(&t.pkt, &any->pkt, sizeof(t.pkt)) == 0);
	require(t.src == any->src + 4 && t.dst == any->dst + 4);
	require(t.payload == any->payload + (t.verdict == GW_PARSE_TCP ? 4 : 0));
}

static void check_parser(const uint8_t *frame, size_t n)
{
	struct parsetest any = parse_any(frame, n);

	check_stages(frame, n, &any);
	if (n >= 14)
		check_tag(frame, n, &any);
}

/* ---- the engine below the flow ------------------------------------------------- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct capture_config config = { .ssh_ports = { 22 }, .bgp_ports = { 179 },
						      .max_flows = 64, .watch_all = true };
	struct watch *w = watch_new(&config);
	unsigned records = 0;
	uint64_t now = 1;

	require(w != NULL);
	while (size >= 4) {
		int linktype = links[(data[0] & 0x3f) % (sizeof(links) / sizeof(links[0]))];
		uint32_t ifindex = data[0] & 0x40 ? 2 : 1;
		size_t n = (size_t)data[2] << 8 | data[3];
		struct gw_pkt pkt;
		enum gw_parse parsed;
		uint8_t *frame;

		now += data[0] & 0x80 ? 40000000000 : 1000000;
		data += 4;
		size -= 4;
		n = n < size ? n : size;
		frame = malloc(n ? n : 1);
		require(frame != NULL);
		memcpy(frame, data, n);
		if (linktype == LINK_ETHERNET)
			check_parser(frame, n);
		parsed = link_parse(linktype, frame, (uint32_t)n, (uint32_t)n + data[-3],
				    watch_gate(w), &pkt);
		watch_packet(w, parsed, &pkt, frame + n, now, ifindex, check_record, &records);
		free(frame);
		data += n;
		size -= n;
	}
	watch_sweep(w, check_flow, NULL);
	watch_free(w);
	return 0;
}
