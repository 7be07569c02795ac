/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An evidence pack comes from somebody else. The bytes are read as one, line by line;
 * and they change a good pack: the first two say where, the others what is put there. A
 * pack that passes all the same holds the same rows as the good one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/record/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID "000102030405060708090a0b0c0d0e0f"
#define ROWS 4
#define ROOM 65536

static bool read_pack(const char *text, size_t len, struct chain_hash *hash, uint64_t *rows)
{
	struct pack *p = pack_new();
	const struct pack_facts *facts;
	const char *end = text + len;
	bool good;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl - text) : (size_t)(end - text);

		if (!pack_line(p, text, n))
			break;
		text += n + 1;
	}
	facts = pack_finish(p);
	good = facts->good;
	*hash = facts->hash;
	*rows = facts->rows;
	pack_free(p);
	return good;
}

static size_t make(char *text)
{
	struct chain_digest *d = chain_digest_new();
	char one[CHAIN_HEX_LEN], two[CHAIN_HEX_LEN];
	struct chain_hash hash, digest;
	size_t len;

	chain_first(d, ID, &hash);
	len = (size_t)snprintf(text, ROOM,
			       "{\"pack\":1,\"store\":\"" ID "\",\"first\":1,\"last\":%d,"
			       "\"before\":\"%s\"}\n",
			       ROWS, chain_hex(&hash, one));
	for (int i = 1; i <= ROWS; i++) {
		char row[400];
		json_t *o;

		snprintf(row, sizeof(row),
			 "{\"entry\":\"%d-0\",\"received\":%d,\"reason\":\"r\",\"data\":{\"bytes\":"
			 "\"ff00\"}}",
			 i, i);
		o = json_loads(row, 0, NULL);
		if (!pack_digest(d, "dead-letter", o, &digest))
			abort();
		json_decref(o);
		chain_next(d, &hash, &digest, &hash);
		len += (size_t)snprintf(
			text + len, ROOM - len,
			"{\"place\":%d,\"kind\":\"dead-letter\",\"n\":%d,\"row\":%s,"
			"\"digest\":\"%s\",\"hash\":\"%s\"}\n",
			i, i, row, chain_hex(&digest, one), chain_hex(&hash, two));
	}
	len += (size_t)snprintf(text + len, ROOM - len,
				"{\"end\":%d,\"rows\":%d,\"hash\":\"%s\"}\n", ROWS, ROWS,
				chain_hex(&hash, one));
	chain_digest_free(d);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char good[ROOM], text[ROOM];
	static size_t len;
	static struct chain_hash hash;
	struct chain_hash now;
	uint64_t rows;
	size_t at;

	if (!len) {
		len = make(good);
		if (!read_pack(good, len, &hash, &rows) || rows != ROWS)
			abort();
	}
	read_pack((const char *)data, size, &now, &rows);
	if (size < 3)
		return 0;
	at = (size_t)(data[0] << 8 | data[1]) % len;
	if (at + size - 2 > len)
		return 0;
	memcpy(text, good, len);
	memcpy(text + at, data + 2, size - 2);
	/* Only who changes the header can begin another chain. */
	if (read_pack(text, len, &now, &rows) && at > (size_t)(strchr(good, '\n') - good) &&
	    (rows != ROWS || !chain_equal(&now, &hash)))
		abort();
	return 0;
}
