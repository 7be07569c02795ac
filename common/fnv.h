/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FNV_H
#define GW_FNV_H
/* FNV-1a, for tables whose keys nobody chooses to our harm, and to tell contents apart. It is
 * not seeded; agent/hash.h is, for what packets choose. */
#include <stddef.h>
#include <stdint.h>

#define FNV1A64_START 14695981039346656037u

/* 32 bits, of a text. */
static inline uint32_t fnv1a(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

/* 64 bits, of len more bytes; h is FNV1A64_START or what came before. */
static inline uint64_t fnv1a64(uint64_t h, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 1099511628211u;
	return h;
}

#endif
