/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_FNV_H
#define GW_FNV_H
/* FNV-1a, 32 bits, of a text: for tables whose keys nobody chooses to our harm. It is
 * not seeded; agent/hash.h is, for what packets choose. */
#include <stdint.h>

static inline uint32_t fnv1a(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

#endif
