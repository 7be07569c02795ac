/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_FRAMES_H
#define TEST_FRAMES_H
/* Ethernet frames with one IPv4 TCP segment, for tests of what comes after the
 * parser. */
#include <stdint.h>
#include <string.h>

#include "bpf/record.h"

struct segment {
	const char *src, *dst; /* dotted quads */
	uint16_t sport, dport;
	uint8_t flags;
	uint32_t seq, ack;
	const char *payload; /* NULL: none */
	size_t payload_len;  /* 0: the payload is a string */
};

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static inline void put_quad(uint8_t *p, const char *text)
{
	unsigned v = 0;

	for (;; text++) {
		if (*text >= '0' && *text <= '9') {
			v = v * 10 + (unsigned)(*text - '0');
			continue;
		}
		*p++ = (uint8_t)v;
		v = 0;
		if (!*text)
			return;
	}
}

/* Writes the frame to out (at least 54 bytes and the payload); returns its
 * length. */
static inline size_t frame_of(const struct segment *s, uint8_t *out)
{
	size_t n = !s->payload	  ? 0 :
		   s->payload_len ? s->payload_len :
				    strlen(s->payload);
	uint8_t *ip = out + 14, *tcp = ip + 20;

	memset(out, 0, 54);
	put16(out + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(40 + n));
	ip[8] = 64;
	ip[9] = 6;
	put_quad(ip + 12, s->src);
	put_quad(ip + 16, s->dst);
	put16(tcp, s->sport);
	put16(tcp + 2, s->dport);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	tcp[12] = 0x50;
	tcp[13] = s->flags;
	if (n)
		memcpy(tcp + 20, s->payload, n);
	return 54 + n;
}

#endif
