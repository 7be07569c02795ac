/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_HASH_H
#define GW_HASH_H
/* For the hash tables of user space. Flow ids are made of it too (flow.h), and the next
 * agent goes on with them: another mixing wants another RECALL_VERSION (recall.h). */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

/* Of `size` bytes, a multiple of eight. The seed is mixed in, so that a sender who
 * picks addresses and ports cannot aim at one bucket. */
static inline uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed)
{
	const uint8_t *at = bytes;
	uint64_t h = seed, w;
	size_t i;

	for (i = 0; i + sizeof(w) <= size; i += sizeof(w)) {
		memcpy(&w, at + i, sizeof(w));
		h = (h ^ w) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	h *= 0xd6e8feb86659fd93ull;
	return h ^ (h >> 32);
}

/* A seed for one table; where the kernel has no chance to give yet, its address. */
static inline uint64_t hash_seed(const void *table)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = 0x2545f4914f6cdd1dull ^ (uintptr_t)table;
	return seed;
}

#endif
