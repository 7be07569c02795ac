/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stream.h"

#include <string.h>

/* Takes in pieces that are no longer beyond a gap. */
static void join_ahead(struct stream *s)
{
	unsigned i = 0;

	while (i < s->n_ahead) {
		if (s->ahead[i].from > s->len) {
			i++;
			continue;
		}
		if (s->ahead[i].to > s->len)
			s->len = s->ahead[i].to;
		s->ahead[i] = s->ahead[--s->n_ahead];
		i = 0; /* the others may join now */
	}
}

bool stream_feed(struct stream *s, const struct gw_record *r, uint32_t first)
{
	uint32_t seq = r->seq + !!(r->tcp_flags & GW_SYN), skip = 0, at, len = r->snap_len;
	uint16_t before = s->len;

	if (!s->started) {
		s->first = first;
		s->started = true;
	}
	at = seq - s->first;
	if (at > UINT32_MAX / 2) { /* begins before the stream does */
		skip = s->first - seq;
		at = 0;
	}
	if (at < s->len) { /* what is there is not written again */
		skip += s->len - at;
		at = s->len;
	}
	if (skip >= len || at >= STREAM_BYTES)
		return false;
	len -= skip;
	if (len > STREAM_BYTES - at)
		len = STREAM_BYTES - at;
	if (at > s->len) {
		if (s->n_ahead == STREAM_AHEAD)
			return false;
		s->ahead[s->n_ahead++] =
			(struct stream_piece){ (uint16_t)at, (uint16_t)(at + len) };
	} else {
		s->len = (uint16_t)(at + len);
	}
	memcpy(s->bytes + at, r->snap + skip, len);
	join_ahead(s);
	s->full = s->len == STREAM_BYTES;
	return s->len > before;
}
