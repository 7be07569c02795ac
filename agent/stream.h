/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STREAM_H
#define GW_STREAM_H
/*
 * The first bytes of one direction of a TCP stream, in order and bounded. Fed
 * with the payload records of a flow in any order: what comes early is kept at its
 * place until the bytes before it have come, a repeat adds nothing, and what comes
 * after a gap is not handed out before the gap is filled.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bpf/record.h"

#define STREAM_BYTES 8192 /* KEXINIT with post-quantum names is 2 to 3 kB */
#define STREAM_AHEAD 8	  /* pieces beyond a gap; more are not kept */

struct stream {
	uint32_t first; /* sequence number of bytes[0] */
	uint16_t len;	/* bytes that are there without a gap */
	bool started, full;
	uint8_t n_ahead;
	struct stream_piece {
		uint16_t from, to;
	} ahead[STREAM_AHEAD];
	uint8_t bytes[STREAM_BYTES];
};

/* first: the direction's first sequence number, when a SYN showed it, else the
 * record's own. Returns true when len has grown. */
bool stream_feed(struct stream *s, const struct gw_record *r, uint32_t first);

#endif
