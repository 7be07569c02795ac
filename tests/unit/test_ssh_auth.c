/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/ssh_auth.h"

/*
 * A talk is written as "C52 s52+328": who sends, and lengths on the wire; + joins packets
 * into one segment. All begin after NEWKEYS. The lengths are those of real logins to
 * OpenSSH 9.2 where nothing else is said.
 */
#define CHACHA "chacha20-poly1305@openssh.com"
#define GCM "aes128-gcm@openssh.com"
#define CTR "aes128-ctr"
#define ETM "hmac-sha2-256-etm@openssh.com"
#define SHA2 "hmac-sha2-256"
#define OPENSSH "OpenSSH_9.2p1"

struct login {
	const char *name, *cipher, *mac, *server, *talk;
	enum ssh_auth_end end;
	enum ssh_auth_result result;
	unsigned attempts;
	enum ssh_auth_confidence confidence;
	const char *basis;
	const char *client; /* NULL: OpenSSH */
};

#define P "packet-lengths"
#define S "segment-lengths"
#define SUCCESS SSH_AUTH_SUCCESS
#define FAILURE SSH_AUTH_FAILURE
#define UNKNOWN SSH_AUTH_UNKNOWN
#define HIGH SSH_AUTH_HIGH
#define MEDIUM SSH_AUTH_MEDIUM
#define LOW SSH_AUTH_LOW
#define CLOSED SSH_AUTH_CLOSED
#define OPEN SSH_AUTH_OPEN
#define CUT SSH_AUTH_CUT

static const struct login logins[] = {
	{ "a key", CHACHA, ETM, OPENSSH, "C44 s44 C60 s52 C140 s100 C308 s28 C112 s536 s184 C52",
	  CLOSED, SUCCESS, 1, HIGH, S },
	{ "a key", GCM, ETM, OPENSSH, "C52 s52 C68 s52 C148 s100 C308 s36 C120 s552+200 C52",
	  CLOSED, SUCCESS, 1, HIGH, P },
	{ "a key", CTR, ETM, OPENSSH, "C68 s68 C84 s68 C164 s116 C324 s52 C152 s584 s232", CLOSED,
	  SUCCESS, 1, HIGH, P },
	{ "a key", CTR, SHA2, OPENSSH, "C64 s64 C80 s80 C160 s112 C320 s48 C160 s576", CLOSED,
	  SUCCESS, 1, HIGH, S },
	{ "at once, not only at the end", CHACHA, ETM, OPENSSH,
	  "C44 s44 C60 s52 C140 s100 C308 s28", OPEN, SUCCESS, 1, HIGH, S },
	{ "undecided", CHACHA, ETM, OPENSSH, "C44 s44 C60 s52 C140 s100 C308", OPEN,
	  SSH_AUTH_PENDING, 0, LOW, S },
	{ "a cut capture", CHACHA, ETM, OPENSSH, "C44 s44 C60 s52 C148 s52 C148", CUT, UNKNOWN, 1,
	  LOW, "open" },
	{ "three keys refused", CHACHA, ETM, OPENSSH,
	  "C44 s44 C60 s52 C140 s52 C140 s52 C140 s52 C140 s100 C308 s28 C112", CLOSED, SUCCESS, 4,
	  HIGH, S },
	{ "two kinds of key", CTR, ETM, OPENSSH,
	  "C68 s68 C84 s68 C516 s68 C212 s148 C404 s52 C152 s232", CLOSED, SUCCESS, 2, HIGH, P },
	{ "six passwords, thrown out", CHACHA, ETM, OPENSSH,
	  "C44 s44 C60 s52 C148 s52 C148 s52 C148 s52 C148 s52 C148 s52 C148 s76", CLOSED, FAILURE,
	  6, HIGH, S },
	{ "six passwords, thrown out", GCM, ETM, OPENSSH,
	  "C52 s52 C68 s52 C148 s52 C148 s52 C148 s52 C148 s52 C148 s52 C148 s84", CLOSED, FAILURE,
	  6, HIGH, P },
	{ "banner, password", CHACHA, ETM, OPENSSH, "C44 s44 C60 s288 C148 s52 C148 s28 s396 C112",
	  CLOSED, SUCCESS, 2, HIGH, S },
	{ "banner, keys", CTR, SHA2, OPENSSH, "C64 s64 C80 s336 C160 s80 C160 s112 C320 s48 C160",
	  CLOSED, SUCCESS, 2, HIGH, S },
	{ "banner, password", CTR, ETM, OPENSSH,
	  "C68 s68 C84 s260+68 C164 s68 C164 s52 C152 s420 s68", CLOSED, SUCCESS, 2, HIGH, P },
	{ "long banner, let in at once", GCM, ETM, OPENSSH, "C52 s52 C68 s2036+36 C120 s552",
	  CLOSED, SUCCESS, 1, MEDIUM, P },
	{ "keyboard-interactive", CHACHA, ETM, OPENSSH,
	  "C44 s44 C60 s312 C84 s60 C84 s76 C84 s60 C84 s76 C84 s60 C84 s44 C84 s28 C112 s396",
	  CLOSED, SUCCESS, 3, HIGH, S },
	{ "keyboard-interactive", CTR, ETM, OPENSSH,
	  "C68 s68 C84 s260+100 C100 s84 C100 s68 C100 s52 C152 s420", CLOSED, SUCCESS, 1, HIGH,
	  P },
	{ "a key, then a password", CHACHA, ETM, OPENSSH,
	  "C44 s44 C60 s44 C140 s100 C308 s44 C148 s28 C112 s676", CLOSED, SUCCESS, 2, HIGH, S },
	{ "the methods asked, then gone", CHACHA, ETM, OPENSSH, "C44 s44 C60 s52", CLOSED, FAILURE,
	  0, HIGH, S },
	{ "gone before", CHACHA, ETM, OPENSSH, "C44 s44", CLOSED, UNKNOWN, 0, LOW, "no-attempt" },
	{ "gone before", CHACHA, ETM, OPENSSH, "", CLOSED, UNKNOWN, 0, LOW, "no-attempt" },
	{ "extensions first, each way", CHACHA, ETM, OPENSSH,
	  "s300 C60 C44 s44 C60 s52 C148 s28 C112", CLOSED, SUCCESS, 1, HIGH, S },
	{ "without waiting for the service", GCM, ETM, OPENSSH, "C52+68 s52+52 C148 s36 C120 s200",
	  CLOSED, SUCCESS, 1, HIGH, P },
	{ "the same, where packets cannot be told apart", CHACHA, ETM, OPENSSH,
	  "C104 s44 s52 C148 s28 C112 s200", CLOSED, SUCCESS, 1, HIGH, S },
	/* Cisco 1.25, each request in two segments */
	{ "another server", "aes128-cbc", "hmac-sha1", "Cisco-1.25",
	  "C52 s52 C64 C4 s52 C64 C20 s36 C64 C4 s52 C64 C20 s36", CLOSED, SUCCESS, 1, MEDIUM, S },
	{ "another server, refused", "aes128-cbc", "hmac-sha1", "Cisco-1.25",
	  "C52 s52 C64 C4 s52 C64 C20 s52 C64 C20 s52", CLOSED, FAILURE, 2, LOW, S },
	{ "another server, refused", GCM, ETM, "dropbear_2022.83",
	  "C52 s52 C68 s52 C84 s52 C84 s52", CLOSED, FAILURE, 2, MEDIUM, P },
	/* dropbear 2022.83 pads to 16 */
	{ "another server", CHACHA, ETM, "dropbear_2022.83",
	  "C44 s44 C60 s52 C148 s36 C52 s44 C52 C36 s36 s36 s88 C36 C60", CLOSED, SUCCESS, 1,
	  MEDIUM, S },
	/* made: a FAILURE that names no method is as short as SUCCESS in blocks of 16 */
	{ "no method at all", GCM, ETM, "other", "C52 s52 C68 s36", CLOSED, SUCCESS, 1, LOW, P },
	/* made: new keys amid the login end with the shortest packet too */
	{ "new keys", GCM, ETM, OPENSSH, "C52 s52 C68 s52 C148 s52 C148 s1092 C1300 s420+36 C36",
	  CLOSED, UNKNOWN, 2, LOW, "rekey" },
	/* made: SUCCESS joined to what follows it */
	{ "a session, not a login", CHACHA, ETM, OPENSSH, "C44 s44 C60 s52 C148 s424 C112 s36 C36",
	  CLOSED, UNKNOWN, 2, LOW, "not-understood" },
	{ "the same, and nothing short after it", CHACHA, ETM, OPENSSH,
	  "C44 s44 C60 s52 C140 s100 C308 s564 C112 s184 C52 s72 s176 C36 C60", CLOSED, UNKNOWN, 3,
	  LOW, "not-understood" },
	/* a prompt as long as a refusal: "publickey,keyboard-interactive", AES-GCM */
	{ "keyboard-interactive alone", GCM, ETM, OPENSSH,
	  "C52 s52 C68 s68 C84 s68 C84 s68 C84 s68 C84 s52 C84 s36 C120 s200", CLOSED, SUCCESS, 2,
	  HIGH, P },
	{ "a password without asking", CHACHA, ETM, OPENSSH, "C44 s44 C76 s28 C112 s400", CLOSED,
	  SUCCESS, 1, HIGH, S, "paramiko_2.12.0" },
	{ "a wrong password without asking", CHACHA, ETM, OPENSSH, "C44 s44 C76 s52", CLOSED,
	  FAILURE, 1, HIGH, S, "paramiko_2.12.0" },
	{ "much data", CTR, SHA2, OPENSSH, "C64 s64 C80 s80 C160 s96 C160 s32768 C64", CLOSED,
	  UNKNOWN, 2, LOW, "not-understood" },
	{ "the end of a long segment", CHACHA, ETM, OPENSSH, "C44 s44 C60 s52 C148 s1448 s28 C148",
	  CLOSED, UNKNOWN, 1, LOW, "not-understood" },
	{ "a cipher of which nothing is known", "none", "none", OPENSSH, "C20 s20", CLOSED, UNKNOWN,
	  0, LOW, "cipher" },
};

struct talking {
	struct ssh_auth auth;
	bool readable;
	uint8_t mac;
	unsigned cut; /* segments of so many bytes; where no packet is readable, parts of one */
};

/* A clear packet: length, padding, message number; its content does not matter. */
static void send_clear(struct talking *t, bool server, uint8_t message, uint32_t len)
{
	uint8_t *bytes = calloc(1, len);

	bytes[2] = (uint8_t)((len - 4) >> 8);
	bytes[3] = (uint8_t)(len - 4);
	bytes[4] = 4;
	bytes[5] = message;
	ssh_auth_segment(&t->auth, server, bytes, len, len);
	free(bytes);
}

static void send_segment(struct talking *t, bool server, const uint32_t *packets, unsigned n)
{
	uint32_t len = 0, at = 0, step;
	uint8_t *bytes;
	unsigned i;

	for (i = 0; i < n; i++)
		len += packets[i];
	bytes = malloc(len);
	memset(bytes, 0xa5, len);
	for (i = 0; i < n && t->readable; i++) {
		uint32_t body = packets[i] - 4 - t->mac;

		bytes[at] = 0;
		bytes[at + 1] = (uint8_t)(body >> 16);
		bytes[at + 2] = (uint8_t)(body >> 8);
		bytes[at + 3] = (uint8_t)body;
		at += packets[i];
	}
	step = t->cut ? t->cut : len;
	for (at = 0; at < len; at += step) {
		uint32_t k = len - at < step ? len - at : step;
		uint8_t *copy = malloc(k); /* a read too far is seen */

		memcpy(copy, bytes + at, k);
		if (!t->readable && at + k < len)
			ssh_auth_part(&t->auth, server, copy, k, k);
		else
			ssh_auth_segment(&t->auth, server, copy, k, k);
		free(copy);
	}
	free(bytes);
}

static void send_talk(struct talking *t, const char *talk)
{
	while (*talk) {
		bool server = *talk++ == 's';
		uint32_t packets[8];
		unsigned n = 0;
		char *end;

		do {
			packets[n++] = (uint32_t)strtoul(talk, &end, 10);
			talk = end + 1;
		} while (*end == '+');
		talk = *end ? end + 1 : end;
		send_segment(t, server, packets, n);
	}
}

static struct ssh_choice choose(const char *cipher, const char *mac, const char *compression)
{
	struct ssh_choice c = { 0 };
	int i;

	for (i = 0; i < 2; i++) {
		strcpy(c.name[SSH_CIPHER_C2S + i], cipher);
		strcpy(c.name[SSH_MAC_C2S + i], mac);
		strcpy(c.name[SSH_COMPRESSION_C2S + i], compression);
	}
	return c;
}

static void begin(struct talking *t, const struct login *l, const char *compression)
{
	struct ssh_choice c = choose(l->cipher, l->mac, compression);

	memset(&t->auth, 0, sizeof(t->auth));
	t->mac = strcmp(l->cipher, GCM) == 0 ? 16 : 32;
	t->readable = strcmp(l->basis, P) == 0 || strcmp(l->cipher, GCM) == 0;
	send_clear(t, true, 20, 1152);
	send_clear(t, false, 20, 992);
	ssh_auth_negotiated(&t->auth, &c, l->client ? l->client : OPENSSH, l->server);
	send_clear(t, false, 30, 1208);
	send_clear(t, true, 31, 1000);
	send_clear(t, true, 21, 16);
	send_clear(t, false, 21, 16);
}

static void expect(const struct login *l, struct ssh_auth_outcome o)
{
	if (o.result != l->result || o.attempts != l->attempts || o.confidence != l->confidence ||
	    strcmp(o.basis, l->basis) != 0)
		fail_msg("%s (%s): result %d attempts %u confidence %d basis %s", l->name,
			 l->cipher, o.result, o.attempts, o.confidence, o.basis);
}

static void test_logins(void **state)
{
	struct talking t = { 0 };
	size_t i;

	for (i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		begin(&t, &logins[i], "none");
		send_talk(&t, logins[i].talk);
		expect(&logins[i], ssh_auth_outcome(&t.auth, logins[i].end, true));
	}
}

static void test_any_segments(void **state)
{
	static const unsigned cuts[] = { 1, 2, 3, 4, 5, 7, 16, 33, 1448 };
	struct talking t = { 0 };
	size_t i, k;

	for (i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		for (k = 0; k < sizeof(cuts) / sizeof(cuts[0]); k++) {
			t.cut = cuts[k];
			begin(&t, &logins[i], "none");
			send_talk(&t, logins[i].talk);
			expect(&logins[i], ssh_auth_outcome(&t.auth, logins[i].end, true));
		}
	}
}

static void test_not_followed(void **state)
{
	const struct login *key = &logins[0];
	struct talking t = { 0 };
	struct ssh_auth_outcome o;
	uint8_t odd[4] = { 0, 0, 0, 7 };
	int i;

	/* of a failure all must have been seen; a success stays one */
	begin(&t, &logins[9], "none");
	send_talk(&t, logins[9].talk);
	o = ssh_auth_outcome(&t.auth, CLOSED, false);
	assert_int_equal(o.result, UNKNOWN);
	assert_string_equal(o.basis, "not-seen");
	begin(&t, key, "none");
	send_talk(&t, key->talk);
	assert_int_equal(ssh_auth_outcome(&t.auth, CLOSED, false).result, SUCCESS);

	/* zlib compresses the login, zlib@openssh.com what follows it */
	begin(&t, key, "zlib");
	send_talk(&t, key->talk);
	o = ssh_auth_outcome(&t.auth, CLOSED, true);
	assert_int_equal(o.result, UNKNOWN);
	assert_string_equal(o.basis, "compression");
	begin(&t, key, "zlib@openssh.com");
	send_talk(&t, key->talk);
	assert_int_equal(ssh_auth_outcome(&t.auth, CLOSED, true).result, SUCCESS);

	/* more than is kept */
	begin(&t, key, "none");
	send_talk(&t, "C44 s44 C60");
	for (i = 0; i < 50; i++)
		send_talk(&t, "s52 C148");
	send_talk(&t, "s28 C112");
	o = ssh_auth_outcome(&t.auth, CLOSED, true);
	assert_int_equal(o.result, UNKNOWN);
	assert_string_equal(o.basis, "length");

	/* a length that cannot be */
	begin(&t, &logins[1], "none");
	send_talk(&t, "C52 s52 C68 s52");
	ssh_auth_segment(&t.auth, true, odd, 4, 4);
	send_talk(&t, "C148 s36");
	o = ssh_auth_outcome(&t.auth, CLOSED, true);
	assert_int_equal(o.result, UNKNOWN);
	assert_string_equal(o.basis, "not-understood");

	/* a packet's border that was not handed up */
	begin(&t, &logins[1], "none");
	send_talk(&t, "C52 s52 C68");
	ssh_auth_segment(&t.auth, true, odd, 0, 52);
	o = ssh_auth_outcome(&t.auth, CLOSED, true);
	assert_string_equal(o.basis, "not-understood");

	/* keys in use, and nobody has seen which */
	memset(&t.auth, 0, sizeof(t.auth));
	send_clear(&t, true, 21, 16);
	o = ssh_auth_outcome(&t.auth, CLOSED, true);
	assert_string_equal(o.basis, "not-understood");
}

/* Of a segment that was handed up in part, a border within the part is enough. */
static void test_part_of_a_segment(void **state)
{
	struct talking t = { 0 };
	uint8_t long_banner[100] = { 0, 0, 8, 0 }; /* 2048, and 16 for the tag */

	begin(&t, &logins[1], "none");
	send_talk(&t, "C52 s52 C68");
	ssh_auth_segment(&t.auth, true, long_banner, sizeof(long_banner), 4 + 2048 + 16);
	send_talk(&t, "s52 C148 s36");
	assert_int_equal(ssh_auth_outcome(&t.auth, OPEN, true).result, SUCCESS);
}

static void test_names(void **state)
{
	assert_null(ssh_auth_result_name(SSH_AUTH_PENDING));
	assert_string_equal(ssh_auth_result_name(SUCCESS), "success");
	assert_string_equal(ssh_auth_result_name(FAILURE), "failure");
	assert_string_equal(ssh_auth_result_name(UNKNOWN), "unknown");
	assert_string_equal(ssh_auth_confidence_name(HIGH), "high");
	assert_string_equal(ssh_auth_confidence_name(MEDIUM), "medium");
	assert_string_equal(ssh_auth_confidence_name(LOW), "low");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logins),	     cmocka_unit_test(test_any_segments),
		cmocka_unit_test(test_not_followed), cmocka_unit_test(test_part_of_a_segment),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
