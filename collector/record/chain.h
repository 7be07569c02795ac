/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RECORD_CHAIN_H
#define GW_RECORD_CHAIN_H
/*
 * The hash chain over the stored record. Pure: fields in, hashes out.
 *
 * The record is every event and every dead letter, in the order in which they were
 * stored. Each has a place in the chain, from 1, without holes:
 *
 *	digest = SHA-256 over the row's fields, in this order:
 *	           the kind, as text: "event" or "dead-letter"
 *	           event:       agent seq time stored type severity device path service
 *	                        source verdict policy flow json
 *	           dead-letter: entry received reason data
 *	hash   = SHA-256(hash of the place before || digest)
 *
 * The hash before the first place is SHA-256 of the store's id, a text. A field is
 * one byte for its kind, then its value: 'n' NULL, without a value; 'i' an integer,
 * 8 bytes, most significant first; 't' text and 'b' bytes, each with its length in
 * bytes, as 8 bytes, before it. The row's number is not part of it: that a
 * row stands at the right place is what the chain says.
 *
 * A row that was changed has another digest. Rows that were taken out, put in or
 * moved, with their digests, break the links beside them. Who rewrites all hashes
 * from some place to the end leaves no broken link; and who cuts off the end breaks
 * none. Both show against an anchor: a copy of a place's hash, kept elsewhere.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_HASH_LEN 32
#define CHAIN_HEX_LEN (2 * CHAIN_HASH_LEN + 1)
#define CHAIN_ID_LEN 33 /* a store's id: 32 hexadecimal digits */
#define CHAIN_ANCHOR_LEN 512

struct chain_hash {
	uint8_t bytes[CHAIN_HASH_LEN];
};

bool chain_equal(const struct chain_hash *a, const struct chain_hash *b);
const char *chain_hex(const struct chain_hash *h, char buf[CHAIN_HEX_LEN]);

/* ---- digests and links ----------------------------------------------------- */

struct chain_digest; /* one in the making, used again and again */

struct chain_digest *chain_digest_new(void); /* NULL: no memory */
void chain_digest_free(struct chain_digest *d);

void chain_begin(struct chain_digest *d, const char *kind);
void chain_null(struct chain_digest *d);
void chain_int(struct chain_digest *d, int64_t value);
void chain_text(struct chain_digest *d, const void *text, size_t len);
void chain_bytes(struct chain_digest *d, const void *data, size_t len);
/* False: libcrypto failed at some time since chain_begin(). */
bool chain_end(struct chain_digest *d, struct chain_hash *out);

bool chain_first(struct chain_digest *d, const char *store_id, struct chain_hash *out);
bool chain_next(struct chain_digest *d, const struct chain_hash *before,
		const struct chain_hash *digest, struct chain_hash *out);

/* ---- anchors --------------------------------------------------------------- */

/* "At this time, this store's record had so many places, and this hash at the
 * last." Numbers count from 1 without holes, so that a missing one is known. */
struct chain_anchor {
	char store[CHAIN_ID_LEN];
	uint64_t number, place, time_ns;
	struct chain_hash hash;
};

/* One line of JSON without a newline. Returns its length. */
size_t chain_anchor_format(const struct chain_anchor *a, const char *collector,
			   char buf[CHAIN_ANCHOR_LEN]);
/* False with the reason in err. Other members are passed over. */
bool chain_anchor_parse(const char *text, size_t len, struct chain_anchor *out, char *err,
			size_t size);

#endif
