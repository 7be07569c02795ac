/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RECORD_BLOCK_H
#define GW_RECORD_BLOCK_H
/*
 * A block: some rows of the record that were written together, as the table `blocks` has
 * them. Pure: rows in, bytes out, and back.
 *
 * `links` has for each row the digest and the hash that chain.h specifies, 32 bytes
 * each. `body` is one byte for its form, 'z' (a zstd frame with its checksum) or 'r' (as it
 * is), then the rows, one after the other:
 *
 *	kind	 1 byte: 'e' an event, 'd' a dead letter
 *	number	 of an event the number of its agent; of a dead letter dead_letters.n
 *	stored	 nanoseconds since the epoch
 *	agent	 its length, its bytes; of an event
 *	document its length, its bytes; of an event, as it was received
 *
 * Numbers and lengths are LEB128: seven bits a byte, the lowest first, the highest bit says
 * that more follow.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/record/chain.h"

#define BLOCK_ROWS 128		 /* at most so many */
#define BLOCK_BYTES (128 * 1024) /* full when it has so many; one document may be longer */
#define BLOCK_LINK (2 * CHAIN_HASH_LEN)

struct block_row {
	bool event;
	uint64_t number, stored_ns;
	const char *agent, *json; /* not ended by NUL */
	size_t agent_len, json_len;
};

/* Zero it first; what it holds is freed by block_free(). */
struct block {
	uint64_t first; /* place */
	unsigned count, events;
	struct block_row rows[BLOCK_ROWS]; /* valid after block_unpack() */
	uint8_t *bytes;			   /* of the rows, owned */
	size_t len, size;
	uint8_t links[BLOCK_ROWS * BLOCK_LINK];
};

/* What compressing needs, and unpacking; made once. */
struct block_tools;
struct block_tools *block_tools_new(void); /* NULL: no memory */
void block_tools_free(struct block_tools *t);

/* False: no memory. The caller sees to it that there is room: block_is_full(). */
bool block_add(struct block *b, const struct block_row *row, const struct chain_hash *digest,
	       const struct chain_hash *hash);
bool block_is_full(const struct block *b);
/* The body; it lives until the next call with these tools. NULL: no memory. */
const uint8_t *block_pack(struct block_tools *t, const struct block *b, size_t *len);

/* first and count are the caller's to know. False: the body is not one of so many rows. */
bool block_unpack(struct block_tools *t, struct block *b, uint64_t first, unsigned count,
		  const uint8_t *body, size_t len);
void block_clear(struct block *b); /* empties it; its memory is kept */
void block_free(struct block *b);

#endif
