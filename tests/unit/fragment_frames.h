/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_FRAGMENT_FRAMES_H
#define TEST_FRAGMENT_FRAMES_H
/* IP fragments of plain Ethernet frames, as a router or a sender would make them. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the frame that can be cut: what comes after the IP header. */
static inline size_t fragment_body(const uint8_t *frame, size_t len)
{
	return len - 14 - (frame[12] == 0x08 ? 20 : 40);
}

/* Writes to out a fragment with bytes [from, from + n) of the frame's IP payload, which
 * says that they stand at `at`; returns its length. The frame has no VLAN tag, no IP
 * option and no extension header. */
static inline size_t fragment_of(const uint8_t *frame, uint32_t id, uint32_t from, uint32_t n,
				 uint32_t at, bool more, uint8_t *out)
{
	bool v4 = frame[12] == 0x08;
	size_t head = 14 + (v4 ? 20 : 40), extra = v4 ? 0 : 8;
	uint8_t *ip = out + 14, *x = out + head;

	memcpy(out, frame, head);
	memcpy(out + head + extra, frame + head + from, n);
	if (v4) {
		ip[2] = (uint8_t)((20 + n) >> 8);
		ip[3] = (uint8_t)(20 + n);
		ip[4] = (uint8_t)(id >> 8);
		ip[5] = (uint8_t)id;
		ip[6] = (uint8_t)(more << 5 | at >> 11);
		ip[7] = (uint8_t)(at >> 3);
		return head + n;
	}
	ip[4] = (uint8_t)((8 + n) >> 8);
	ip[5] = (uint8_t)(8 + n);
	x[0] = ip[6];
	ip[6] = 44;
	x[1] = 0;
	x[2] = (uint8_t)(at >> 8);
	x[3] = (uint8_t)((at & 0xf8) | more);
	x[4] = (uint8_t)(id >> 24);
	x[5] = (uint8_t)(id >> 16);
	x[6] = (uint8_t)(id >> 8);
	x[7] = (uint8_t)id;
	return head + 8 + n;
}

#endif
