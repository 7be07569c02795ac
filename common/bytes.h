/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef GW_BYTES_H
#define GW_BYTES_H
/*
 * Reading numbers from wire bytes, and the one bounds-checked reader through
 * which user space decodes untrusted data. The be16/be32 readers take unaligned
 * pointers and are safe in BPF programs; struct cursor is for user space.
 */
#include <linux/types.h>

/* The bytes as the machine has them, for comparisons. */
#ifdef __bpf__
/* The verifier lets a packet be read at any alignment where the machine does,
 * and one load instead of two or four is what the per-packet path is made of. */
#define GW_RAW(type, at) (*(const type *)(at))
#else
#define GW_RAW(type, at) (((const struct { type v; } __attribute__((packed)) *)(at))->v)
#endif

static inline __attribute__((always_inline)) __u16 raw16(const void *at)
{
	return GW_RAW(__u16, at);
}

static inline __attribute__((always_inline)) __u32 raw32(const void *at)
{
	return GW_RAW(__u32, at);
}

static inline __attribute__((always_inline)) __u64 raw64(const void *at)
{
	return GW_RAW(__u64, at);
}

#ifdef __bpf__
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define GW_BE(bits, x) __builtin_bswap##bits(x)
#else
#define GW_BE(bits, x) (x)
#endif

static inline __attribute__((always_inline)) __u16 be16(const void *at)
{
	return GW_BE(16, *(const __u16 *)at);
}

static inline __attribute__((always_inline)) __u32 be32(const void *at)
{
	return GW_BE(32, *(const __u32 *)at);
}

static inline __attribute__((always_inline)) __u64 be64(const void *at)
{
	return GW_BE(64, *(const __u64 *)at);
}
#else
static inline __attribute__((always_inline)) __u16 be16(const void *at)
{
	const __u8 *p = (const __u8 *)at;

	return (__u16)((p[0] << 8) | p[1]);
}

static inline __attribute__((always_inline)) __u32 be32(const void *at)
{
	const __u8 *p = (const __u8 *)at;

	return ((__u32)p[0] << 24) | ((__u32)p[1] << 16) | ((__u32)p[2] << 8) | p[3];
}
#endif

#ifndef __bpf__
#include <stdbool.h>
#include <stddef.h>

/* A window on borrowed bytes. A short read fails, sets nothing and marks the
 * cursor failed for good, so a caller may check once at the end. */
struct cursor {
	const __u8 *at;
	size_t left;
	bool failed;
};

static inline struct cursor cursor_of(const void *data, size_t len)
{
	struct cursor c = { (const __u8 *)data, len, false };

	return c;
}

/* Returns the n bytes at the cursor and moves past them, or NULL when fewer
 * are left. */
static inline const __u8 *cursor_take(struct cursor *c, size_t n)
{
	const __u8 *p = c->at;

	if (c->failed || c->left < n) {
		c->failed = true;
		return NULL;
	}
	c->at += n;
	c->left -= n;
	return p;
}

static inline bool cursor_u8(struct cursor *c, __u8 *out)
{
	const __u8 *p = cursor_take(c, 1);

	if (p)
		*out = *p;
	return p != NULL;
}

static inline bool cursor_u16(struct cursor *c, __u16 *out)
{
	const __u8 *p = cursor_take(c, 2);

	if (p)
		*out = be16(p);
	return p != NULL;
}

static inline bool cursor_u32(struct cursor *c, __u32 *out)
{
	const __u8 *p = cursor_take(c, 4);

	if (p)
		*out = be32(p);
	return p != NULL;
}
#endif /* !__bpf__ */

#endif
