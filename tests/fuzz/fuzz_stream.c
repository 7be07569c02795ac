/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments in any order against a reassembly that knows for each byte whether it has
 * come. The input: first sequence number, what that is taken from, then segments of
 * offset, length, flags and a byte that its payload is made of. Repeats may say
 * something else than what they repeat, as an attacker's would: a byte handed out
 * stays as it was, one that waits behind a gap is the last that came.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/stream.h"
#include "common/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
	uint8_t byte[STREAM_BYTES];
	bool have[STREAM_BYTES];
	uint32_t len; /* without a gap */
};

static void require(int condition)
{
	if (!condition)
		abort();
}

/* from: of the segment's first byte, counted from the stream's; kept: a segment
 * behind a gap is kept. */
static void model_feed(struct model *m, int64_t from, const uint8_t *bytes, uint32_t n, bool kept)
{
	int64_t begin = from > m->len ? from : m->len;
	uint32_t len = m->len;
	int64_t at;

	if (begin > len && !kept)
		return;
	for (at = begin; at < from + n && at < STREAM_BYTES; at++) {
		m->byte[at] = bytes[at - from];
		m->have[at] = true;
	}
	while (m->len < STREAM_BYTES && m->have[m->len])
		m->len++;
}

static void check(const struct stream *s, const struct model *m)
{
	uint8_t i;

	require(s->len == m->len && s->full == (m->len == STREAM_BYTES));
	require(memcmp(s->bytes, m->byte, m->len) == 0);
	require(s->n_ahead <= STREAM_AHEAD);
	for (i = 0; i < s->n_ahead; i++)
		require(s->ahead[i].from > s->len && s->ahead[i].to > s->ahead[i].from &&
			s->ahead[i].to <= STREAM_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	static struct gw_record r;
	struct cursor c = cursor_of(data, size);
	struct stream *s = calloc(1, sizeof(*s)); /* writing past its end is seen */
	uint16_t offset, len;
	uint8_t how, text;
	uint32_t first, i;

	require(s != NULL);
	memset(&m, 0, sizeof(m));
	if (!cursor_u32(&c, &first)) {
		free(s);
		return 0;
	}
	while (cursor_u16(&c, &offset) && cursor_u16(&c, &len) && cursor_u8(&c, &how) &&
	       cursor_u8(&c, &text)) {
		bool kept = s->n_ahead < STREAM_AHEAD, grew;
		int64_t from = offset % (STREAM_BYTES + 64);
		uint32_t before = m.len;

		if (how & 1) /* begins before the stream does, near or as far as can be */
			from = how & 2 ? -from : INT32_MIN + from;
		else if (how & 2) /* next to what is there, where most segments are */
			from = (int64_t)s->len - 4 + offset % 8;
		r.seq = first + (uint32_t)from;
		r.tcp_flags = how & 4 ? GW_SYN | GW_ACK : GW_ACK;
		if (how & 4)
			r.seq--; /* a SYN takes a number: its payload begins behind it */
		r.snap_len = len % (GW_SNAP + 1);
		r.payload_len = r.snap_len + (how >> 4);
		for (i = 0; i < r.snap_len; i++)
			r.snap[i] = (uint8_t)(text + i);
		grew = stream_feed(s, &r, first);
		model_feed(&m, from, r.snap, r.snap_len, kept);
		check(s, &m);
		require(grew == (m.len > before));
	}
	free(s);
	return 0;
}
