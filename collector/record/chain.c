/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/record/chain.h"

#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define GATHERED 512

/* Short fields are gathered: each call into libcrypto costs as much as some of them. */
struct chain_digest {
	EVP_MD_CTX *ctx;
	EVP_MD *sha256; /* to look it up by name each time would cost more than to hash */
	bool failed;
	size_t len;
	uint8_t gathered[GATHERED];
};

bool chain_equal(const struct chain_hash *a, const struct chain_hash *b)
{
	return memcmp(a->bytes, b->bytes, CHAIN_HASH_LEN) == 0;
}

const char *chain_hex(const struct chain_hash *h, char buf[CHAIN_HEX_LEN])
{
	for (size_t i = 0; i < CHAIN_HASH_LEN; i++)
		snprintf(buf + 2 * i, 3, "%02x", h->bytes[i]);
	return buf;
}

/* ---- digests and links ----------------------------------------------------- */

struct chain_digest *chain_digest_new(void)
{
	struct chain_digest *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->ctx = EVP_MD_CTX_new();
	d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (d->ctx && d->sha256)
		return d;
	chain_digest_free(d);
	return NULL;
}

void chain_digest_free(struct chain_digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->sha256);
	free(d);
}

static void start(struct chain_digest *d)
{
	d->len = 0;
	d->failed = EVP_DigestInit_ex(d->ctx, d->sha256, NULL) != 1;
}

static void hash(struct chain_digest *d, const void *data, size_t len)
{
	if (len && EVP_DigestUpdate(d->ctx, data, len) != 1)
		d->failed = true;
}

static void put(struct chain_digest *d, const void *data, size_t len)
{
	if (d->len + len > GATHERED) {
		hash(d, d->gathered, d->len);
		d->len = 0;
	}
	if (len > GATHERED) {
		hash(d, data, len);
	} else if (len) {
		memcpy(d->gathered + d->len, data, len);
		d->len += len;
	}
}

static void put_number(struct chain_digest *d, char kind, uint64_t value)
{
	uint8_t field[9] = { (uint8_t)kind };

	for (int i = 0; i < 8; i++)
		field[1 + i] = (uint8_t)(value >> (56 - 8 * i));
	put(d, field, sizeof(field));
}

void chain_begin(struct chain_digest *d, const char *kind)
{
	start(d);
	chain_text(d, kind, strlen(kind));
}

void chain_null(struct chain_digest *d)
{
	put(d, "n", 1);
}

void chain_int(struct chain_digest *d, int64_t value)
{
	put_number(d, 'i', (uint64_t)value);
}

void chain_text(struct chain_digest *d, const void *text, size_t len)
{
	put_number(d, 't', len);
	put(d, text, len);
}

void chain_bytes(struct chain_digest *d, const void *data, size_t len)
{
	put_number(d, 'b', len);
	put(d, data, len);
}

bool chain_end(struct chain_digest *d, struct chain_hash *out)
{
	unsigned len = 0;

	hash(d, d->gathered, d->len);
	if (EVP_DigestFinal_ex(d->ctx, out->bytes, &len) != 1 || len != CHAIN_HASH_LEN)
		d->failed = true;
	return !d->failed;
}

bool chain_first(struct chain_digest *d, const char *store_id, struct chain_hash *out)
{
	start(d);
	put(d, store_id, strlen(store_id));
	return chain_end(d, out);
}

bool chain_next(struct chain_digest *d, const struct chain_hash *before,
		const struct chain_hash *digest, struct chain_hash *out)
{
	start(d);
	put(d, before->bytes, CHAIN_HASH_LEN);
	put(d, digest->bytes, CHAIN_HASH_LEN);
	return chain_end(d, out);
}

/* ---- anchors --------------------------------------------------------------- */

size_t chain_anchor_format(const struct chain_anchor *a, const char *collector,
			   char buf[CHAIN_ANCHOR_LEN])
{
	char hex[CHAIN_HEX_LEN], time[TIME_STRLEN];
	json_t *doc = json_pack("{s:s,s:I,s:I,s:s,s:s,s:s*}", "store", a->store, "number",
				(json_int_t)a->number, "place", (json_int_t)a->place, "hash",
				chain_hex(&a->hash, hex), "time", time_format(a->time_ns, time),
				"collector", collector);
	size_t len = doc ? json_dumpb(doc, buf, CHAIN_ANCHOR_LEN - 1, JSON_COMPACT) : 0;

	json_decref(doc);
	if (len >= CHAIN_ANCHOR_LEN)
		len = 0;
	buf[len] = '\0';
	return len;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool get_hash(const json_t *doc, struct chain_hash *out)
{
	const char *text = json_string_value(json_object_get(doc, "hash"));

	if (!text || strlen(text) != 2 * CHAIN_HASH_LEN)
		return false;
	for (size_t i = 0; i < CHAIN_HASH_LEN; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool get_count(const json_t *doc, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(doc, key);

	if (!json_is_integer(v) || json_integer_value(v) <= 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static bool get_store(const json_t *doc, char out[CHAIN_ID_LEN])
{
	const char *text = json_string_value(json_object_get(doc, "store"));

	if (!text || strlen(text) != CHAIN_ID_LEN - 1 ||
	    strspn(text, "0123456789abcdef") != CHAIN_ID_LEN - 1)
		return false;
	memcpy(out, text, CHAIN_ID_LEN);
	return true;
}

static bool get_time(const json_t *doc, uint64_t *out)
{
	const char *text = json_string_value(json_object_get(doc, "time"));

	return text && text[0] >= '0' && text[0] <= '9' && time_parse(text, 0, out);
}

bool chain_anchor_parse(const char *text, size_t len, struct chain_anchor *out, char *err,
			size_t size)
{
	json_error_t why;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	const char *wrong = NULL;

	memset(out, 0, sizeof(*out));
	if (!doc) {
		snprintf(err, size, "not an anchor: %s", why.text);
		return false;
	}
	if (!get_store(doc, out->store))
		wrong = "store";
	else if (!get_count(doc, "number", &out->number))
		wrong = "number";
	else if (!get_count(doc, "place", &out->place))
		wrong = "place";
	else if (!get_hash(doc, &out->hash))
		wrong = "hash";
	else if (!get_time(doc, &out->time_ns))
		wrong = "time";
	json_decref(doc);
	if (wrong)
		snprintf(err, size, "not an anchor: \"%s\" is missing or malformed", wrong);
	return !wrong;
}
