/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a login looks like. The input chooses ciphers and compression, then is segments
 * and parts of segments: whose and how long, how much of it is at hand, bytes. Whatever
 * comes, a success stays one, an end without one is never pending, and with bytes missed
 * it is unknown.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/ssh_auth.h"
#include "common/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void pick(const char *const *names, unsigned n, uint8_t which, char *out)
{
	strcpy(out, names[which % n]);
}

static void choose(struct ssh_choice *c, uint8_t cipher, uint8_t mac, uint8_t compression)
{
	static const char *const ciphers[] = { "chacha20-poly1305@openssh.com",
					       "aes128-ctr",
					       "aes256-gcm@openssh.com",
					       "3des-cbc",
					       "none",
					       "" };
	static const char *const macs[] = { "hmac-sha2-256-etm@openssh.com", "hmac-sha1",
					    "umac-64@openssh.com", "hmac-x", "" };
	static const char *const compressions[] = { "none", "none", "zlib@openssh.com", "zlib",
						    "" };

	memset(c, 0, sizeof(*c));
	pick(ciphers, 6, cipher & 15, c->name[SSH_CIPHER_C2S]);
	pick(ciphers, 6, cipher >> 4, c->name[SSH_CIPHER_S2C]);
	pick(macs, 5, mac & 15, c->name[SSH_MAC_C2S]);
	pick(macs, 5, mac >> 4, c->name[SSH_MAC_S2C]);
	pick(compressions, 5, compression & 15, c->name[SSH_COMPRESSION_C2S]);
	pick(compressions, 5, compression >> 4, c->name[SSH_COMPRESSION_S2C]);
}

static void check(const struct ssh_auth *a, bool was_success)
{
	struct ssh_auth_outcome open = ssh_auth_outcome(a, SSH_AUTH_OPEN, true);
	struct ssh_auth_outcome closed = ssh_auth_outcome(a, SSH_AUTH_CLOSED, true);
	struct ssh_auth_outcome missed = ssh_auth_outcome(a, SSH_AUTH_CLOSED, false);

	require(a->success || !was_success);
	require(a->n <= SSH_AUTH_EXCHANGES && closed.attempts <= a->n);
	require(open.result == (a->success ? SSH_AUTH_SUCCESS : SSH_AUTH_PENDING));
	require(closed.result != SSH_AUTH_PENDING && closed.basis && missed.basis);
	require(missed.result == (a->success ? SSH_AUTH_SUCCESS : SSH_AUTH_UNKNOWN));
	require(closed.result != SSH_AUTH_UNKNOWN || closed.confidence == SSH_AUTH_LOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t newkeys[16] = { 0, 0, 0, 12, 10, 21 };
	struct cursor c = cursor_of(data, size);
	uint8_t cipher, mac, compression, flags, more;
	struct ssh_auth a = { 0 };
	struct ssh_choice choice;
	uint16_t head;

	if (!cursor_u8(&c, &cipher) || !cursor_u8(&c, &mac) || !cursor_u8(&c, &compression) ||
	    !cursor_u8(&c, &flags))
		return 0;
	choose(&choice, cipher, mac, compression);
	if (flags & 1)
		ssh_auth_negotiated(&a, &choice, flags & 2 ? "paramiko_2" : "OpenSSH_9.2",
				    flags & 4 ? "OpenSSH_9.2" : "other");
	if (flags & 8) {
		ssh_auth_segment(&a, false, newkeys, 16, 16);
		ssh_auth_segment(&a, true, newkeys, 16, 16);
	}
	while (cursor_u16(&c, &head) && cursor_u8(&c, &more)) {
		uint32_t len = head & 0x3fff, n = len < more ? len : more;
		bool was_success = a.success;
		uint8_t *copy;

		if (n > c.left)
			n = (uint32_t)c.left;
		copy = malloc(n ? n : 1); /* a block of this size: a read too far is seen */
		require(copy != NULL);
		memcpy(copy, cursor_take(&c, n), n);
		if (head & 0x4000)
			ssh_auth_part(&a, head >> 15, copy, n, len);
		else
			ssh_auth_segment(&a, head >> 15, copy, n, len);
		free(copy);
		check(&a, was_success);
	}
	return 0;
}
