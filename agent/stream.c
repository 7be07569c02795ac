/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stream.h"

#include <string.h>

bool stream_feed(struct stream *s, const struct gw_record *r, uint32_t first)
{
	uint32_t seq = r->seq + !!(r->tcp_flags & GW_SYN), skip;
	uint32_t len = r->snap_len;

	if (s->full)
		return false;
	if (!s->started) {
		s->next = first;
		s->started = true;
	}
	skip = s->next - seq; /* bytes of this segment we already have */
	if (skip > len)
		return false; /* later than expected, or wholly old */
	len -= skip;
	if (len > (uint32_t)STREAM_BYTES - s->len) {
		len = (uint32_t)STREAM_BYTES - s->len;
		s->full = true;
	}
	memcpy(s->bytes + s->len, r->snap + skip, len);
	s->len = (uint16_t)(s->len + len);
	s->next += len;
	if (r->snap_len < r->payload_len)
		s->full = true; /* the rest of this segment was not handed up */
	return len > 0;
}
