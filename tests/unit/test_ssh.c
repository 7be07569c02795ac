/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/ssh.h"
#include "agent/stream.h"

static const struct {
	const char *bytes;
	enum ssh_result result;
	const char *proto, *software;
} cases[] = {
	{ "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", SSH_FOUND, "2.0",
	  "OpenSSH_9.2p1 Debian-2+deb12u3" },
	{ "SSH-2.0-OpenSSH_8.7\r\nand more", SSH_FOUND, "2.0", "OpenSSH_8.7" },
	{ "SSH-1.99-Cisco-1.25\n", SSH_FOUND, "1.99", "Cisco-1.25" },
	{ "Welcome\r\nto the lab\r\nSSH-2.0-x\r\n", SSH_FOUND, "2.0", "x" },
	{ "SSH-2.0-OpenS", SSH_MORE, NULL, NULL },
	{ "", SSH_MORE, NULL, NULL },
	{ "GET / HTTP/1.1\r\n\r\n", SSH_MORE, NULL, NULL },
	{ "SSH-2.0\r\n", SSH_NOT_SSH, NULL, NULL },
	{ "SSH-2.0-\r\n", SSH_NOT_SSH, NULL, NULL },
	{ "SSH--x\r\n", SSH_NOT_SSH, NULL, NULL },
	{ "SSH-2.0-a\x1b[2Jb\r\n", SSH_NOT_SSH, NULL, NULL },
	{ "SSH-12345678901234567890-x\r\n", SSH_NOT_SSH, NULL, NULL },
};

static void test_identification(void **state)
{
	struct ssh_ident ident;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum ssh_result r = ssh_identification((const uint8_t *)cases[i].bytes,
							     strlen(cases[i].bytes), &ident);

		if (r != cases[i].result)
			fail_msg("%s: %d", cases[i].bytes, r);
		if (r != SSH_FOUND)
			continue;
		assert_string_equal(ident.proto_version, cases[i].proto);
		assert_string_equal(ident.software_version, cases[i].software);
	}
}

static void test_longest_line(void **state)
{
	struct ssh_ident ident;
	char line[400];

	memset(line, 'x', sizeof(line));
	memcpy(line, "SSH-2.0-", 8);
	memcpy(line + 253, "\r\n", 2); /* 255 bytes: the longest allowed */
	assert_int_equal(ssh_identification((uint8_t *)line, 255, &ident), SSH_FOUND);
	assert_int_equal(strlen(ident.software_version), 245);
	memset(line, 'x', sizeof(line));
	memcpy(line, "SSH-2.0-", 8);
	assert_int_equal(ssh_identification((uint8_t *)line, sizeof(line), &ident),
			 SSH_NOT_SSH);
}

static void feed(struct stream *s, uint32_t first, uint32_t seq, const char *bytes, bool expect)
{
	struct gw_record r;

	memset(&r, 0, sizeof(r));
	r.seq = seq;
	r.snap_len = (uint16_t)strlen(bytes);
	r.payload_len = r.snap_len;
	memcpy(r.snap, bytes, r.snap_len);
	assert_int_equal(stream_feed(s, &r, first), expect);
}

static void test_stream(void **state)
{
	struct stream s;

	memset(&s, 0, sizeof(s));
	feed(&s, 1000, 1000, "SSH-", true);
	feed(&s, 1000, 1000, "SSH-", false); /* a repeat */
	feed(&s, 1000, 1002, "H-2.0", true); /* overlaps */
	feed(&s, 1000, 1020, "later", false); /* a gap before it */
	feed(&s, 1000, 1013, "early", false);
	feed(&s, 1000, 1007, "-x\r\n", true);
	assert_int_equal(s.len, 11);
	assert_memory_equal(s.bytes, "SSH-2.0-x\r\n", 11);
	feed(&s, 1000, 1009, "?\nab", true); /* what is there stays as it was */
	assert_int_equal(s.len, 18);
	feed(&s, 1000, 1018, "cd", true);
	assert_int_equal(s.len, 25);
	assert_memory_equal(s.bytes, "SSH-2.0-x\r\nabearlycdlater", 25);

	/* what begins before the stream neither changes nor shortens it */
	feed(&s, 1000, 990, "..........ssh", false);
	feed(&s, 1000, 990, "..........SSH-1.9-x?\nabearlycdlater+", true);
	assert_int_equal(s.len, 26);
	assert_memory_equal(s.bytes, "SSH-2.0-x\r\nabearlycdlater+", 26);
	memset(&s, 0, sizeof(s));
	feed(&s, 1000, 998, "..SSH-", true);
	assert_memory_equal(s.bytes, "SSH-", 4);

	/* sequence numbers wrap */
	memset(&s, 0, sizeof(s));
	feed(&s, 0xfffffffe, 0xfffffffe, "abcd", true);
	feed(&s, 0xfffffffe, 2, "ef", true);
	assert_memory_equal(s.bytes, "abcdef", 6);
}

static void test_stream_bounded(void **state)
{
	struct stream s;
	struct gw_record r;
	uint32_t seq = 5;
	int i;

	memset(&s, 0, sizeof(s));
	memset(&r, 0, sizeof(r));
	r.snap_len = GW_SNAP;
	r.payload_len = GW_SNAP;
	for (i = 0; i < 2 * STREAM_BYTES / GW_SNAP; i++) {
		r.seq = seq;
		stream_feed(&s, &r, 5);
		seq += GW_SNAP;
	}
	assert_int_equal(s.len, STREAM_BYTES);
	assert_true(s.full);
	/* of a segment handed up in part the rest is a gap */
	memset(&s, 0, sizeof(s));
	r.seq = 5;
	r.payload_len = GW_SNAP + 100;
	assert_true(stream_feed(&s, &r, 5));
	r.seq = 5 + GW_SNAP + 100;
	assert_false(stream_feed(&s, &r, 5));
	assert_int_equal(s.len, GW_SNAP);
	/* too many pieces beyond a gap: the next one is not kept, nothing breaks */
	memset(&s, 0, sizeof(s));
	r.snap_len = 1;
	for (i = 0; i < 2 * STREAM_AHEAD; i++) {
		r.seq = 105 + 10 * (uint32_t)i;
		assert_false(stream_feed(&s, &r, 5));
	}
	assert_int_equal(s.n_ahead, STREAM_AHEAD);
}

/* ---- KEXINIT ----------------------------------------------------------------- */

static size_t put_packet(uint8_t *to, uint8_t message, const char *const lists[10])
{
	size_t n = 4 + 2 + 16, i, len, padding;

	memset(to, 0, 22);
	to[5] = message;
	for (i = 0; i < 10; i++) {
		len = strlen(lists[i]);
		to[n] = to[n + 1] = 0;
		to[n + 2] = (uint8_t)(len >> 8);
		to[n + 3] = (uint8_t)len;
		memcpy(to + n + 4, lists[i], len);
		n += 4 + len;
	}
	memset(to + n, 0, 5); /* first_kex_packet_follows, reserved */
	n += 5;
	padding = 8 - n % 8 + (8 - n % 8 < 4 ? 8 : 0);
	memset(to + n, 0, padding);
	to[4] = (uint8_t)padding;
	n += padding;
	to[2] = (uint8_t)((n - 4) >> 8);
	to[3] = (uint8_t)(n - 4);
	return n;
}

static const char *const client_lists[10] = {
	"curve25519-sha256,ecdh-sha2-nistp256,ext-info-c", "ssh-ed25519,rsa-sha2-512",
	"chacha20-poly1305@openssh.com,aes128-ctr", "aes128-ctr,aes256-ctr",
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-256", "hmac-sha2-256", "none,zlib@openssh.com",
	"none,zlib@openssh.com", "", "",
};
static const char *const server_lists[10] = {
	"ecdh-sha2-nistp256,diffie-hellman-group14-sha256", "rsa-sha2-512", "aes128-ctr",
	"aes256-ctr,aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", "",
};

static void test_kexinit(void **state)
{
	uint8_t bytes[2048];
	size_t n = put_packet(bytes, 20, client_lists), cut;
	struct ssh_kexinit client, server;
	struct ssh_choice choice;
	char hash[SSH_HASSH_LEN + 1], *text;

	for (cut = 0; cut < n; cut++) { /* however it is cut: no answer before the end */
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, bytes, cut);
		assert_int_equal(ssh_kexinit(copy, cut, &client), SSH_MORE);
		free(copy);
	}
	assert_int_equal(ssh_kexinit(bytes, n, &client), SSH_FOUND);
	assert_string_equal(client.list[SSH_KEX], client_lists[0]);
	assert_string_equal(client.list[SSH_COMPRESSION_S2C], client_lists[7]);
	text = ssh_hassh(&client, false, hash);
	assert_string_equal(text, "curve25519-sha256,ecdh-sha2-nistp256,ext-info-c;"
				  "chacha20-poly1305@openssh.com,aes128-ctr;"
				  "hmac-sha2-256-etm@openssh.com,hmac-sha2-256;"
				  "none,zlib@openssh.com");
	assert_string_equal(hash, "3ac5c89f8a8a6b695a0af0bad495dc90");
	free(text);

	n = put_packet(bytes, 20, server_lists);
	assert_int_equal(ssh_kexinit(bytes, n, &server), SSH_FOUND);
	text = ssh_hassh(&server, true, hash);
	assert_string_equal(text, "ecdh-sha2-nistp256,diffie-hellman-group14-sha256;"
				  "aes256-ctr,aes128-ctr;hmac-sha2-256;none");
	free(text);

	ssh_negotiate(&client, &server, &choice);
	assert_string_equal(choice.name[SSH_KEX], "ecdh-sha2-nistp256");
	assert_string_equal(choice.name[SSH_HOST_KEY], "rsa-sha2-512");
	assert_string_equal(choice.name[SSH_CIPHER_C2S], "aes128-ctr");
	assert_string_equal(choice.name[SSH_CIPHER_S2C], "aes128-ctr");
	assert_string_equal(choice.name[SSH_MAC_C2S], "hmac-sha2-256");
	assert_string_equal(choice.name[SSH_COMPRESSION_C2S], "none");
	ssh_kexinit_clear(&client);
	ssh_kexinit_clear(&server);
}

static void test_kexinit_refused(void **state)
{
	static const char *const odd[10] = { "a b", "", "", "", "", "", "", "", "", "" };
	uint8_t bytes[2048];
	struct ssh_kexinit k;
	size_t n, first;

	n = put_packet(bytes, 20, odd); /* a blank is no part of a name */
	assert_int_equal(ssh_kexinit(bytes, n, &k), SSH_NOT_SSH);
	n = put_packet(bytes, 50, client_lists); /* another message */
	assert_int_equal(ssh_kexinit(bytes, n, &k), SSH_NOT_SSH);
	first = put_packet(bytes, 2, odd); /* SSH_MSG_IGNORE may come before it */
	n = first + put_packet(bytes + first, 20, client_lists);
	assert_int_equal(ssh_kexinit(bytes, n, &k), SSH_FOUND);
	ssh_kexinit_clear(&k);
	bytes[0] = 0xff; /* a length that cannot be */
	assert_int_equal(ssh_kexinit(bytes, n, &k), SSH_NOT_SSH);
	n = put_packet(bytes, 20, client_lists);
	bytes[4] = 0xff; /* more padding than packet */
	assert_int_equal(ssh_kexinit(bytes, 400 < n ? 400 : n, &k), SSH_NOT_SSH);
	n = put_packet(bytes, 20, client_lists);
	bytes[4 + 2 + 16 + 2] = 0x7f; /* a list longer than the packet */
	assert_int_equal(ssh_kexinit(bytes, n, &k), SSH_NOT_SSH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_longest_line),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_bounded),
		cmocka_unit_test(test_kexinit),
		cmocka_unit_test(test_kexinit_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
