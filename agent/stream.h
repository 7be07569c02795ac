/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STREAM_H
#define GW_STREAM_H
/*
 * The first bytes of one direction of a TCP stream, in order and bounded. Fed
 * with the payload records of a flow; a segment out of order is passed over,
 * a repeated one adds nothing. What comes after a gap is never mixed in.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bpf/record.h"

#define STREAM_BYTES 8192 /* KEXINIT with post-quantum names is 2 to 3 kB */

struct stream {
	uint32_t next; /* sequence number expected */
	uint16_t len;
	bool started, full; /* full: closed to further bytes */
	uint8_t bytes[STREAM_BYTES];
};

/* first: the direction's first sequence number, when a SYN showed it, else the
 * record's own. Returns true when bytes were added. */
bool stream_feed(struct stream *s, const struct gw_record *r, uint32_t first);

#endif
