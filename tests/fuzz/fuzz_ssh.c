/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes of an SSH stream. The input is a sequence number, then segments:
 * length, step back, bytes. However they repeat and overlap, the stream holds what
 * was sent, in order; and an identification, once found, does not change as more
 * bytes come. What follows it is read as KEXINIT, and negotiated with itself.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/order.h"
#include "agent/ssh.h"
#include "agent/stream.h"
#include "common/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_identification(const uint8_t *bytes, size_t len)
{
	struct ssh_ident found = { 0 }, now = { 0 };
	bool was_found = false;
	size_t n;

	for (n = 0; n <= len; n++) {
		/* a block of exactly this size: reading past its end is seen */
		uint8_t *copy = malloc(n ? n : 1);
		enum ssh_result r;

		require(copy != NULL);
		memcpy(copy, bytes, n);
		r = ssh_identification(copy, n, &now);
		free(copy);
		require(!was_found || r == SSH_FOUND);
		if (r != SSH_FOUND)
			continue;
		require(memchr(now.proto_version, 0, sizeof(now.proto_version)) != NULL);
		require(memchr(now.software_version, 0, sizeof(now.software_version)) != NULL);
		require(!was_found || (strcmp(found.software_version, now.software_version) == 0 &&
				       strcmp(found.proto_version, now.proto_version) == 0));
		found = now;
		was_found = true;
	}
}

static void check_kexinit(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	char hash[SSH_HASSH_LEN + 1], *text;
	struct ssh_kexinit k;
	struct ssh_choice choice;
	const char *first;
	int i;

	require(copy != NULL);
	memcpy(copy, bytes, len);
	if (ssh_kexinit(copy, len, &k) == SSH_FOUND) {
		text = ssh_hassh(&k, true, hash);
		require(text && strlen(hash) == SSH_HASSH_LEN);
		free(text);
		ssh_negotiate(&k, &k, &choice);
		for (i = 0; i < SSH_NUM_LISTS; i++) {
			first = choice.name[i];
			require(strstr(k.list[i], first) != NULL && !strchr(first, ','));
		}
		ssh_kexinit_clear(&k);
	}
	free(copy);
}

static uint8_t sent[65536]; /* what the peer has sent so far */

static void in_order(void *arg, uint32_t at, const uint8_t *bytes, uint32_t n, uint32_t len,
		     bool more)
{
	uint32_t *end = arg;

	require(at == *end && n == len && at + len <= sizeof(sent));
	require(memcmp(bytes, sent + at, n) == 0);
	*end = at + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(data, size);
	struct stream stream = { 0 };
	struct gw_record record;
	struct order order = { 0 };
	struct ssh_ident ident;
	uint32_t first, at = 0, ordered = 0;
	uint8_t len, back;

	if (!cursor_u32(&c, &first))
		return 0;
	while (cursor_u8(&c, &len) && cursor_u8(&c, &back) && at + len < sizeof(sent)) {
		uint32_t from = back < at ? at - back : 0, fresh;
		const uint8_t *p = cursor_take(&c, len);

		if (!p)
			break;
		memset(&record, 0, sizeof(record));
		/* a repeated byte is the same byte: TCP's promise, kept here */
		fresh = from + len > at ? from + len - at : 0;
		memcpy(sent + at, p, fresh);
		at += fresh;
		record.seq = first + from;
		record.payload_len = len;
		record.snap_len = len;
		memcpy(record.snap, sent + from, len);
		stream_feed(&stream, &record, first);
		order_feed(&order, &record, first, in_order, &ordered);
		require(ordered == at);
		require(stream.len <= STREAM_BYTES && stream.len <= at);
		require(memcmp(stream.bytes, sent, stream.len) == 0);
	}
	order_clear(&order);
	require(stream.len == at || stream.full);
	check_identification(stream.bytes, stream.len);
	if (ssh_identification(stream.bytes, stream.len, &ident) == SSH_FOUND)
		check_kexinit(stream.bytes + ident.end, stream.len - ident.end);
	return 0;
}
