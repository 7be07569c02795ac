/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "agent/ssh.h"
#include "agent/stream.h"

static const struct {
	const char *bytes;
	enum ssh_ident_result result;
	const char *proto, *software, *comments;
} cases[] = {
	{ "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", SSH_IDENT_FOUND, "2.0", "OpenSSH_9.2p1",
	  "Debian-2+deb12u3" },
	{ "SSH-2.0-OpenSSH_8.7\r\nand more", SSH_IDENT_FOUND, "2.0", "OpenSSH_8.7", "" },
	{ "SSH-1.99-Cisco-1.25\n", SSH_IDENT_FOUND, "1.99", "Cisco-1.25", "" },
	{ "Welcome\r\nto the lab\r\nSSH-2.0-x\r\n", SSH_IDENT_FOUND, "2.0", "x", "" },
	{ "SSH-2.0-OpenS", SSH_IDENT_MORE, NULL, NULL, NULL },
	{ "", SSH_IDENT_MORE, NULL, NULL, NULL },
	{ "GET / HTTP/1.1\r\n\r\n", SSH_IDENT_MORE, NULL, NULL, NULL },
	{ "SSH-2.0\r\n", SSH_IDENT_NOT_SSH, NULL, NULL, NULL },
	{ "SSH-2.0-\r\n", SSH_IDENT_NOT_SSH, NULL, NULL, NULL },
	{ "SSH--x\r\n", SSH_IDENT_NOT_SSH, NULL, NULL, NULL },
	{ "SSH-2.0-a\x1b[2Jb\r\n", SSH_IDENT_NOT_SSH, NULL, NULL, NULL },
	{ "SSH-12345678901234567890-x\r\n", SSH_IDENT_NOT_SSH, NULL, NULL, NULL },
};

static void test_identification(void **state)
{
	struct ssh_ident ident;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum ssh_ident_result r = ssh_identification((const uint8_t *)cases[i].bytes,
							     strlen(cases[i].bytes), &ident);

		if (r != cases[i].result)
			fail_msg("%s: %d", cases[i].bytes, r);
		if (r != SSH_IDENT_FOUND)
			continue;
		assert_string_equal(ident.proto_version, cases[i].proto);
		assert_string_equal(ident.software_version, cases[i].software);
		assert_string_equal(ident.comments, cases[i].comments);
	}
}

static void test_longest_line(void **state)
{
	struct ssh_ident ident;
	char line[400];

	memset(line, 'x', sizeof(line));
	memcpy(line, "SSH-2.0-", 8);
	memcpy(line + 253, "\r\n", 2); /* 255 bytes: the longest allowed */
	assert_int_equal(ssh_identification((uint8_t *)line, 255, &ident), SSH_IDENT_FOUND);
	assert_int_equal(strlen(ident.software_version), 245);
	memset(line, 'x', sizeof(line));
	memcpy(line, "SSH-2.0-", 8);
	assert_int_equal(ssh_identification((uint8_t *)line, sizeof(line), &ident),
			 SSH_IDENT_NOT_SSH);
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
	feed(&s, 1000, 1007, "-x\r\n", true);
	assert_int_equal(s.len, 11);
	assert_memory_equal(s.bytes, "SSH-2.0-x\r\n", 11);

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
	/* a segment handed up in part closes the stream behind it */
	memset(&s, 0, sizeof(s));
	r.seq = 5;
	r.payload_len = GW_SNAP + 100;
	assert_true(stream_feed(&s, &r, 5));
	assert_true(s.full);
	r.seq = 5 + GW_SNAP;
	assert_false(stream_feed(&s, &r, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_longest_line),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
