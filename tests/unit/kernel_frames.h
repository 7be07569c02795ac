/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_KERNEL_FRAMES_H
#define TEST_KERNEL_FRAMES_H
/* Frames of both families, and their way through the kernel's programs, for the
 * tests of the latter. */
#include <stdint.h>
#include <string.h>

#include "bpf/record.h"
#include "common/addr.h"

#define FRAME_ROOM 4096

struct packet {
	struct addr src, dst;
	uint16_t sport, dport;
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t payload; /* bytes of it */
	uint16_t tag;	  /* VLAN id; 0: none */
};

static inline size_t packet_frame(const struct packet *p, uint8_t *out)
{
	uint16_t tcp_len = (uint16_t)(20 + p->payload);
	uint8_t *q = out + 12;
	int i;

	memset(out, 0, FRAME_ROOM);
	if (p->tag) {
		*q++ = 0x81;
		*q++ = 0x00;
		*q++ = (uint8_t)(p->tag >> 8);
		*q++ = (uint8_t)p->tag;
	}
	if (p->src.family == 4) {
		*q++ = 0x08;
		*q++ = 0x00;
		q[0] = 0x45;
		q[2] = (uint8_t)((20 + tcp_len) >> 8);
		q[3] = (uint8_t)(20 + tcp_len);
		q[8] = 64;
		q[9] = 6;
		memcpy(q + 12, p->src.bytes, 4);
		memcpy(q + 16, p->dst.bytes, 4);
		q += 20;
	} else {
		*q++ = 0x86;
		*q++ = 0xdd;
		q[0] = 0x60;
		q[4] = (uint8_t)(tcp_len >> 8);
		q[5] = (uint8_t)tcp_len;
		q[6] = 6;
		q[7] = 64;
		memcpy(q + 8, p->src.bytes, 16);
		memcpy(q + 24, p->dst.bytes, 16);
		q += 40;
	}
	q[0] = (uint8_t)(p->sport >> 8);
	q[1] = (uint8_t)p->sport;
	q[2] = (uint8_t)(p->dport >> 8);
	q[3] = (uint8_t)p->dport;
	for (i = 0; i < 4; i++) {
		q[4 + i] = (uint8_t)(p->seq >> (24 - 8 * i));
		q[8 + i] = (uint8_t)(p->ack >> (24 - 8 * i));
	}
	q[12] = 0x50;
	q[13] = p->flags;
	for (i = 0; i < p->payload; i++)
		q[20 + i] = (uint8_t)('a' + i % 26);
	return (size_t)(q - out) + tcp_len;
}

/* The key in its canonical order. */
static inline struct gw_key packet_key(const struct packet *p)
{
	size_t n = p->src.family == 4 ? 4 : 16;
	int order = memcmp(p->src.bytes, p->dst.bytes, n);
	int back = order > 0 || (order == 0 && p->sport > p->dport);
	struct gw_key k;

	memset(&k, 0, sizeof(k));
	memcpy(k.a, back ? p->dst.bytes : p->src.bytes, n);
	memcpy(k.b, back ? p->src.bytes : p->dst.bytes, n);
	k.aport = __builtin_bswap16(back ? p->dport : p->sport);
	k.bport = __builtin_bswap16(back ? p->sport : p->dport);
	k.family = p->src.family;
	return k;
}

#endif
