/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RECORD_PACK_H
#define GW_RECORD_PACK_H
/*
 * An evidence pack: a part of the record that proves by itself that it is as it was
 * stored. Pure: lines in, a judgement out.
 *
 * A file of JSON documents, one a line:
 *
 *	{"pack": 1, "store": ID, "created": TIME, "what": {...}, "first": PLACE, "last": PLACE,
 *	 "before": HASH, "fields": {"event": [...], "dead-letter": [...]}, "how": [...]}
 *	{"place": N, "kind": "event", "n": N, "row": {...}, "digest": HASH, "hash": HASH}
 *	{"from": PLACE, "digests": [HASH, ...]}
 *	{"anchor": {"store": ID, "number": N, "place": N, "hash": HASH, "time": TIME}}
 *	{"end": PLACE, "rows": N, "hash": HASH}
 *
 * The header is first and the end is last. Places follow each other without a hole from
 * `first` to `last`: rows in full, of the others the digests alone, so that the chain
 * (chain.h) links every row to the ones after it, and to the anchors. An anchor stands
 * after its place. Hashes are hexadecimal.
 *
 * A row has every column of the stored row: null, a number, a text; {"text": HEX} is
 * text that is not UTF-8, {"bytes": HEX} bytes. Which of them is told by the digest.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "collector/record/chain.h"

#define PACK_VERSION 1
#define PACK_DIGESTS 256 /* of one line, when we write it */
#define PACK_MAX_LINE (16 * 1024 * 1024)

/* The columns of a kind in the order of the digest, ended by NULL; NULL: no such kind. */
const char *const *pack_fields(const char *kind);

/* The digest of a row. False: a column is missing or is none of the kinds above, or
 * libcrypto failed. */
bool pack_digest(struct chain_digest *d, const char *kind, const json_t *row,
		 struct chain_hash *out);

bool pack_parse_hash(const char *hex, struct chain_hash *out); /* false: it is none */

struct pack; /* one that is being checked */

struct pack_facts {
	bool good, done; /* done: the end was seen */
	uint64_t line;	 /* the first bad one, or how many there are */
	uint64_t place;	 /* of the first bad row; 0: it is no row */
	char id[320];	 /* agent/seq of it, where it has one */
	char text[400];	 /* what is wrong, in one sentence */
	char store[CHAIN_ID_LEN];
	uint64_t first, last; /* places */
	uint64_t rows, events, dead_letters;
	uint64_t anchors, anchored; /* in the pack; the last place that one of them covers */
	uint64_t anchored_ns;
	struct chain_hash hash; /* at the last place */
	json_t *what;		/* of the header; borrowed from the pack */
};

struct pack *pack_new(void); /* NULL: no memory */
void pack_free(struct pack *p);

/* False: it is bad, and that is final. Line ends are not part of a line. */
bool pack_line(struct pack *p, const char *text, size_t len);
/* After the last line. */
const struct pack_facts *pack_finish(struct pack *p);

/* An anchor that was kept elsewhere; before the first line. Those of other stores and
 * places do not matter. False: no memory. */
bool pack_expect(struct pack *p, const struct chain_anchor *a);
uint64_t pack_expected(const struct pack *p); /* how many of them were met and agree */
/* The judgement when none was, and one was wanted. */
const struct pack_facts *pack_unanchored(struct pack *p);

#endif
