/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of any bytes through link, parser, tracker and table. The input is a
 * series of frames: link type, cut, two bytes of length, then the bytes. Each frame
 * is copied to a block of exactly its size, so that reading past its end is seen.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link.h"
#include "agent/watch.h"
#include "agent/wrapping.h"

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
	check_wrap(&r->flow.wrap);
	if (r->kind == GW_REC_PAYLOAD)
		require(r->snap_len <= GW_SNAP && r->snap_len <= r->payload_len);
	++*(unsigned *)arg;
}

static void check_flow(void *arg, const struct gw_key *key, const struct gw_flow *f)
{
	const char *state = gw_track_conn_state(f);

	require(state[0] != '\0' && f->dir[0].packets + f->dir[1].packets > 0);
	(void)gw_track_missed(f, 0);
	(void)gw_track_missed(f, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct capture_config config = { .ssh_ports = { 22 }, .bgp_ports = { 179 },
						      .max_flows = 64, .watch_all = true };
	struct watch *w = watch_new(&config);
	unsigned records = 0;
	uint64_t now = 1;

	require(w != NULL);
	while (size >= 4) {
		int linktype = links[data[0] % (sizeof(links) / sizeof(links[0]))];
		size_t n = (size_t)data[2] << 8 | data[3];
		struct gw_pkt pkt;
		enum gw_parse parsed;
		uint8_t *frame;

		data += 4;
		size -= 4;
		n = n < size ? n : size;
		frame = malloc(n ? n : 1);
		require(frame != NULL);
		memcpy(frame, data, n);
		parsed = link_parse(linktype, frame, (uint32_t)n, (uint32_t)n + data[-3],
				    watch_gate(w), &pkt);
		watch_packet(w, parsed, &pkt, frame + n, now += 1000000, 1, check_record,
			     &records);
		free(frame);
		data += n;
		size -= n;
	}
	watch_sweep(w, check_flow, NULL);
	watch_free(w);
	return 0;
}
