/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/record/block.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LEVEL 1			       /* a higher one saves a tenth and costs twice the time */
#define MOST_BYTES (64 * 1024 * 1024)  /* of the rows; what says more is none of ours */
#define MOST_HEAD (1 + 10 + 10 + 10 + 10) /* bytes of a row besides agent and document */

struct block_tools {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *unpack;
	uint8_t *bytes;
	size_t size;
};

struct block_tools *block_tools_new(void)
{
	struct block_tools *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->compress = ZSTD_createCCtx();
	t->unpack = ZSTD_createDCtx();
	if (t->compress && t->unpack &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(t->compress, ZSTD_c_compressionLevel, LEVEL)) &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(t->compress, ZSTD_c_checksumFlag, 1)))
		return t;
	block_tools_free(t);
	return NULL;
}

void block_tools_free(struct block_tools *t)
{
	if (!t)
		return;
	ZSTD_freeCCtx(t->compress);
	ZSTD_freeDCtx(t->unpack);
	free(t->bytes);
	free(t);
}

static bool make_room(uint8_t **bytes, size_t *size, size_t need)
{
	size_t more = *size ? *size : 4096;
	uint8_t *larger;

	if (need <= *size)
		return true;
	while (more < need)
		more *= 2;
	larger = realloc(*bytes, more);
	if (!larger)
		return false;
	*bytes = larger;
	*size = more;
	return true;
}

/* ---- making ---------------------------------------------------------------- */

static void put_number(struct block *b, uint64_t value)
{
	while (value >= 0x80) {
		b->bytes[b->len++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	b->bytes[b->len++] = (uint8_t)value;
}

static void put_text(struct block *b, const char *text, size_t len)
{
	put_number(b, len);
	memcpy(b->bytes + b->len, text, len);
	b->len += len;
}

bool block_is_full(const struct block *b)
{
	return b->count == BLOCK_ROWS || b->len >= BLOCK_BYTES;
}

bool block_add(struct block *b, const struct block_row *row, const struct chain_hash *digest,
	       const struct chain_hash *hash)
{
	uint8_t *link = b->links + (size_t)b->count * BLOCK_LINK;

	if (b->count == BLOCK_ROWS || !make_room(&b->bytes, &b->size,
						 b->len + MOST_HEAD + row->agent_len +
							 row->json_len))
		return false;
	b->bytes[b->len++] = row->event ? 'e' : 'd';
	put_number(b, row->number);
	put_number(b, row->stored_ns);
	if (row->event) {
		put_text(b, row->agent, row->agent_len);
		put_text(b, row->json, row->json_len);
	}
	memcpy(link, digest->bytes, CHAIN_HASH_LEN);
	memcpy(link + CHAIN_HASH_LEN, hash->bytes, CHAIN_HASH_LEN);
	b->count++;
	b->events += row->event;
	return true;
}

const uint8_t *block_pack(struct block_tools *t, const struct block *b, size_t *len)
{
	size_t most = ZSTD_compressBound(b->len), n;

	if (!make_room(&t->bytes, &t->size, 1 + most))
		return NULL;
	n = ZSTD_compress2(t->compress, t->bytes + 1, most, b->bytes, b->len);
	if (ZSTD_isError(n))
		return NULL;
	t->bytes[0] = 'z';
	*len = 1 + n;
	return t->bytes;
}

/* ---- reading --------------------------------------------------------------- */

static bool unpack_bytes(struct block_tools *t, struct block *b, const uint8_t *body, size_t len)
{
	unsigned long long size;

	if (len < 1)
		return false;
	if (body[0] == 'r') {
		if (!make_room(&b->bytes, &b->size, len))
			return false;
		memcpy(b->bytes, body + 1, len - 1);
		b->len = len - 1;
		return true;
	}
	if (body[0] != 'z')
		return false;
	size = ZSTD_getFrameContentSize(body + 1, len - 1);
	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
	    size > MOST_BYTES || !make_room(&b->bytes, &b->size, (size_t)size + 1))
		return false;
	b->len = ZSTD_decompressDCtx(t->unpack, b->bytes, (size_t)size, body + 1, len - 1);
	return !ZSTD_isError(b->len) && b->len == size;
}

static bool get_number(const struct block *b, size_t *at, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64 && *at < b->len; shift += 7) {
		uint8_t byte = b->bytes[(*at)++];

		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool get_text(const struct block *b, size_t *at, const char **text, size_t *len)
{
	uint64_t n;

	if (!get_number(b, at, &n) || n > b->len - *at)
		return false;
	*text = (const char *)b->bytes + *at;
	*len = (size_t)n;
	*at += (size_t)n;
	return true;
}

static bool get_row(const struct block *b, size_t *at, struct block_row *row)
{
	uint8_t kind;

	memset(row, 0, sizeof(*row));
	if (*at >= b->len)
		return false;
	kind = b->bytes[(*at)++];
	row->event = kind == 'e';
	if ((kind != 'e' && kind != 'd') || !get_number(b, at, &row->number) ||
	    !get_number(b, at, &row->stored_ns))
		return false;
	return !row->event || (get_text(b, at, &row->agent, &row->agent_len) &&
			       get_text(b, at, &row->json, &row->json_len));
}

bool block_unpack(struct block_tools *t, struct block *b, uint64_t first, unsigned count,
		  const uint8_t *body, size_t len)
{
	size_t at = 0;

	block_clear(b);
	if (!count || count > BLOCK_ROWS || !unpack_bytes(t, b, body, len)) {
		block_clear(b);
		return false;
	}
	b->first = first;
	for (; b->count < count && get_row(b, &at, &b->rows[b->count]); b->count++)
		b->events += b->rows[b->count].event;
	if (b->count == count && at == b->len)
		return true;
	block_clear(b);
	return false;
}

void block_clear(struct block *b)
{
	b->first = 0;
	b->count = b->events = 0;
	b->len = 0;
}

void block_free(struct block *b)
{
	free(b->bytes);
	memset(b, 0, sizeof(*b));
}
