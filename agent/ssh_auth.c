/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: each direction is walked packet by packet until its NEWKEYS. From
 * there on what can be told are lengths, of packets or of segments, and they are gathered
 * into exchanges: what the client sent, what the server answered before the client spoke
 * again. SERVICE_ACCEPT opens the login; its length is known, since its text is. The
 * first exchange is the client asking for the methods with `none`, and the answer shows
 * how long USERAUTH_FAILURE is in this session. USERAUTH_SUCCESS is the one message of a
 * single byte, so the shortest packet that the cipher can make; RFC 4253 6 and each
 * cipher's own text say how long that is. (NEWKEYS is as short: it comes right behind a
 * key exchange's reply in one answer, never first.)
 *
 * Attempts are counted afterwards, over the list: answers that ask for more
 * (USERAUTH_PK_OK, INFO_REQUEST) are none, and are known by what was asked.
 */
#include "agent/ssh_auth.h"

#include <string.h>

#include "common/bytes.h"

#define MSG_NEWKEYS 21
#define PACKET_MAX 35000       /* clear: RFC 4253 6.1 */
#define CIPHERED_MAX (1 << 18) /* OpenSSH's PACKET_MAX_SIZE */
#define PADDING_MIN 4
#define HEAD_CLEAR 6
#define HEAD_CIPHERED 4

/* Payloads, RFC 4252 and 4253; strings count with their four bytes of length. */
#define PAYLOAD_SERVICE (1 + 4 + 12) /* "ssh-userauth", request and accept */
#define PAYLOAD_SUCCESS 1
#define PAYLOAD_NONE (1 + 4 + 4 + 14 + 4 + 4) /* and the user's name */
#define PAYLOAD_NONE_MAX (PAYLOAD_NONE + 32)
#define KBDINT_OVER_NONE 24 /* a longer name, two more strings that are empty */
#define PAYLOAD_PROMPT (1 + 3 * 4 + 4 + 4 + 10 + 1) /* INFO_REQUEST with "Password: " */
#define PAYLOAD_FAILURE_KBDINT (6 + 30)		    /* "publickey,keyboard-interactive" */
#define PK_OK_UNDER_QUERY 5	    /* PK_OK = query - none - 5, whoever the user is */
#define PAYLOAD_FAILURE_MIN (6 + 8) /* "password", the shortest method in use */
#define SIGNATURE_MIN 60	    /* what a signed request has over the query */
#define ANSWER_MAX 3000		    /* of a login: a certificate in PK_OK, no session data */
#define NOTE_MAX 200		    /* debug messages that may stand before SUCCESS */
#define SEGMENT_FULL 500	    /* what follows a segment this long may be its rest */

/* ---- lengths --------------------------------------------------------------------- */

static bool has(const char *name, const char *part)
{
	return strstr(name, part) != NULL;
}

/* By what their names have in common; 0: not known. */
static uint8_t cipher_block(const char *name)
{
	static const char *const by16[] = { "aes", "rijndael", "twofish", "camellia", "serpent" };
	static const char *const by8[] = { "chacha20", "3des", "blowfish", "cast128", "arcfour" };
	size_t i;

	for (i = 0; i < sizeof(by16) / sizeof(by16[0]); i++)
		if (has(name, by16[i]))
			return 16;
	for (i = 0; i < sizeof(by8) / sizeof(by8[0]); i++)
		if (has(name, by8[i]))
			return 8;
	return 0;
}

static uint8_t mac_len(const char *name)
{
	static const struct {
		const char *part;
		uint8_t len;
	} macs[] = {
		{ "sha1-96", 12 },     { "md5-96", 12 },    { "sha2-256-96", 12 },
		{ "sha2-512-96", 12 }, { "sha2-256", 32 },  { "sha2-512", 64 },
		{ "sha1", 20 },	       { "md5", 16 },	    { "umac-64", 8 },
		{ "umac-128", 16 },    { "ripemd160", 20 },
	};
	size_t i;

	for (i = 0; i < sizeof(macs) / sizeof(macs[0]); i++)
		if (has(name, macs[i].part))
			return macs[i].len;
	return 0;
}

static bool sizes_of(const char *cipher, const char *mac, struct ssh_sizes *out)
{
	memset(out, 0, sizeof(*out));
	out->block = cipher_block(cipher);
	if (has(cipher, "chacha20-poly1305")) { /* the length is encrypted on its own */
		out->apart = true;
		out->mac = 16;
	} else if (has(cipher, "gcm") || has(cipher, "GCM")) { /* RFC 5647 */
		out->block = 16;
		out->apart = out->readable = true;
		out->mac = 16;
	} else {
		out->apart = out->readable = has(mac, "-etm@");
		out->mac = mac_len(mac);
	}
	return out->block && out->mac;
}

/* What a packet takes on the wire, with the least padding (RFC 4253 6). */
static uint32_t wire_len(const struct ssh_sizes *s, uint32_t payload)
{
	uint32_t body = 1 + payload + (s->apart ? 0 : 4), padding = s->block - body % s->block;

	if (padding < PADDING_MIN)
		padding += s->block;
	return (s->apart ? 4 : 0) + body + padding + s->mac;
}

/* The payloads that take so much. */
struct range {
	int32_t min, max;
};

static struct range payload_of(const struct ssh_sizes *s, uint32_t wire)
{
	int32_t max = (int32_t)wire - 4 - 1 - PADDING_MIN - s->mac;

	return (struct range){ max - (s->block - 1), max };
}

static bool overlap(struct range a, struct range b)
{
	return a.min <= b.max && b.min <= a.max;
}

void ssh_auth_negotiated(struct ssh_auth *a, const struct ssh_choice *c,
			 const char *client_software, const char *server_software)
{
	a->negotiated = true;
	a->openssh = strncmp(server_software, "OpenSSH", 7) == 0;
	a->no_none = strncmp(client_software, "paramiko", 8) == 0;
	if (!sizes_of(c->name[SSH_CIPHER_C2S], c->name[SSH_MAC_C2S], &a->side[0].sizes) ||
	    !sizes_of(c->name[SSH_CIPHER_S2C], c->name[SSH_MAC_S2C], &a->side[1].sizes))
		a->stop = SSH_AUTH_NO_CIPHER;
	/* zlib@openssh.com begins after the login; zlib, or a name not known, at once */
	if ((!has("none,zlib@openssh.com", c->name[SSH_COMPRESSION_C2S]) ||
	     strcmp(c->name[SSH_COMPRESSION_C2S], "zlib") == 0) ||
	    (!has("none,zlib@openssh.com", c->name[SSH_COMPRESSION_S2C]) ||
	     strcmp(c->name[SSH_COMPRESSION_S2C], "zlib") == 0))
		a->stop = SSH_AUTH_COMPRESSED;
}

/* ---- exchanges -------------------------------------------------------------------- */

static void stop(struct ssh_auth *a, enum ssh_auth_stop why)
{
	if (!a->stop)
		a->stop = why;
}

static void client_sent(struct ssh_auth *a, uint32_t size)
{
	if (!a->asked && !a->accepted) {
		/* EXT_INFO may come before it */
		a->asked = size == wire_len(&a->side[0].sizes, PAYLOAD_SERVICE);
		return;
	}
	if (a->n && !a->answering) {
		a->exchange[a->n - 1].request += size;
		return;
	}
	a->answering = false;
	if (a->n == SSH_AUTH_EXCHANGES) {
		stop(a, SSH_AUTH_TOO_LONG);
		return;
	}
	a->exchange[a->n++] = (struct ssh_exchange){ .request = size };
}

/* The last of the answer is as long as USERAUTH_SUCCESS. */
static void looks_like_success(struct ssh_auth *a, const struct ssh_exchange *e)
{
	uint32_t before = e->total - e->last;
	bool readable = a->side[1].sizes.readable;

	/* a banner goes before the first answer, and notes may before any */
	if (before <= NOTE_MAX || (a->n == 1 && (readable || before < SEGMENT_FULL))) {
		a->success = true;
		a->n_before = a->n;
	} else if (readable) {
		stop(a, SSH_AUTH_REKEYED);
	}
}

/* Some pad to 16 bytes even where the length field is not counted in (dropbear); OpenSSH
 * does not. */
static bool is_shortest(const struct ssh_auth *a, uint32_t size)
{
	const struct ssh_sizes *s = &a->side[1].sizes;

	return size == wire_len(s, PAYLOAD_SUCCESS) ||
	       (!a->openssh && s->apart && size == 4u + 16 + s->mac);
}

static void server_sent(struct ssh_auth *a, uint32_t size)
{
	const struct ssh_sizes *s = &a->side[1].sizes;
	struct ssh_exchange *e;

	if (!a->accepted) { /* EXT_INFO may come before it */
		a->accepted = size == wire_len(s, PAYLOAD_SERVICE);
		return;
	}
	if (!a->n) {
		if (a->asked)
			return;
		/* the request came in one segment with the one for the service */
		a->exchange[a->n++] = (struct ssh_exchange){ 0 };
	}
	a->answering = true;
	e = &a->exchange[a->n - 1];
	if (!e->n)
		e->first = size;
	e->last = size;
	e->total += size;
	if (e->n < UINT16_MAX)
		e->n++;
	if (!a->success && is_shortest(a, size))
		looks_like_success(a, e);
}

/* Enough is known: two exchanges more than the login show that it goes on. */
static bool ssh_auth_done(const struct ssh_auth *a)
{
	return a->stop || (a->success && a->n >= a->n_before + 2);
}

static void unit_sent(struct ssh_auth *a, bool server, uint32_t size)
{
	if (ssh_auth_done(a))
		return;
	if (server)
		server_sent(a, size);
	else
		client_sent(a, size);
}

/* ---- packets ---------------------------------------------------------------------- */

static void lose(struct ssh_auth *a, struct ssh_auth_side *s)
{
	s->phase = SSH_AUTH_LOST;
	if (!a->success)
		stop(a, SSH_AUTH_CONFUSED);
}

/* A packet's head is there: how much of it is to come? */
static bool head_read(struct ssh_auth_side *s)
{
	uint32_t len = be32(s->head);

	if (s->phase == SSH_AUTH_CLEAR) {
		if (len < HEAD_CLEAR || len > PACKET_MAX)
			return false;
		s->newkeys = s->head[5] == MSG_NEWKEYS;
		s->packet = 4 + len;
		s->left = s->packet - HEAD_CLEAR;
	} else {
		if (!len || len > CIPHERED_MAX || len % s->sizes.block)
			return false;
		s->packet = 4 + len + s->sizes.mac;
		s->left = s->packet - HEAD_CIPHERED;
	}
	return true;
}

static void packet_read(struct ssh_auth *a, struct ssh_auth_side *s)
{
	s->n_head = 0;
	if (s->phase == SSH_AUTH_LENGTHS) {
		unit_sent(a, s == &a->side[1], s->packet);
		return;
	}
	if (!s->newkeys)
		return;
	s->phase = SSH_AUTH_LENGTHS;
	if (!a->negotiated)
		lose(a, s);
}

/* Takes what it can of the segment; returns how much, 0 when it is lost. */
static uint32_t read_some(struct ssh_auth *a, struct ssh_auth_side *s, const uint8_t *bytes,
			  uint32_t n, uint32_t len)
{
	uint32_t take, want = s->phase == SSH_AUTH_CLEAR ? HEAD_CLEAR : HEAD_CIPHERED;

	if (s->phase == SSH_AUTH_LENGTHS && !s->sizes.readable) {
		s->parts += len;
		if (!s->more) {
			unit_sent(a, s == &a->side[1], s->parts);
			s->parts = 0;
		}
		return len;
	}
	if (s->n_head < want) {
		if (!n)
			return 0; /* a border that is not at hand */
		s->head[s->n_head++] = bytes[0];
		if (s->n_head == want && !head_read(s))
			return 0;
		return 1;
	}
	take = s->left < len ? s->left : len;
	s->left -= take;
	if (!s->left)
		packet_read(a, s);
	return take;
}

void ssh_auth_segment(struct ssh_auth *a, bool server, const uint8_t *bytes, uint32_t n,
		      uint32_t len)
{
	struct ssh_auth_side *s = &a->side[server];

	while (len && s->phase != SSH_AUTH_LOST && !ssh_auth_done(a)) {
		uint32_t took = read_some(a, s, bytes, n, len);

		if (!took) {
			lose(a, s);
			return;
		}
		bytes += took < n ? took : n;
		n -= took < n ? took : n;
		len -= took;
	}
}

void ssh_auth_part(struct ssh_auth *a, bool server, const uint8_t *bytes, uint32_t n,
		   uint32_t len)
{
	a->side[server].more = true;
	ssh_auth_segment(a, server, bytes, n, len);
	a->side[server].more = false;
}

/* ---- the outcome ------------------------------------------------------------------ */

static struct range request_payload(const struct ssh_auth *a, const struct ssh_exchange *e)
{
	return payload_of(&a->side[0].sizes, e->request);
}

/* A first request this short asks for the methods; one with a password may be as short,
 * and the clients that begin with one are known by name. */
static bool begins_with_none(const struct ssh_auth *a)
{
	return !a->no_none && request_payload(a, &a->exchange[0]).min <= PAYLOAD_NONE_MAX;
}

/* Did the server say that this key would do? By the length, which follows from the
 * query's; or the next request is the same with a signature. */
static bool is_pk_ok(const struct ssh_auth *a, unsigned i)
{
	const struct ssh_exchange *e = &a->exchange[i];
	struct range none = request_payload(a, &a->exchange[0]), query = request_payload(a, e);
	struct range ok = { query.min - none.max - PK_OK_UNDER_QUERY,
			    query.max - none.min - PK_OK_UNDER_QUERY };

	if (query.max - none.min < SIGNATURE_MIN)
		return false;
	return overlap(ok, payload_of(&a->side[1].sizes, e->last)) ||
	       (i + 1 < a->n && e->last > a->exchange[0].last &&
		a->exchange[i + 1].request >= e->request + SIGNATURE_MIN);
}

static bool is_kbdint(const struct ssh_auth *a, const struct ssh_exchange *e)
{
	struct range none = request_payload(a, &a->exchange[0]);

	none.min += KBDINT_OVER_NONE;
	none.max += KBDINT_OVER_NONE;
	return overlap(none, request_payload(a, e));
}

/* In blocks of 16 a prompt may be as long as a refusal; where the refusal can only be of
 * a server that has keyboard-interactive and no passwords, it is taken for a prompt. */
static bool may_be_prompt(const struct ssh_auth *a, uint32_t failure)
{
	struct range r = payload_of(&a->side[1].sizes, failure);

	return r.min <= PAYLOAD_PROMPT && PAYLOAD_FAILURE_KBDINT <= r.max;
}

struct tally {
	unsigned attempts;
	bool sure; /* each answer was recognised */
};

static struct tally count_attempts(const struct ssh_auth *a)
{
	unsigned i = 0, n = a->success ? a->n_before - 1u : a->n;
	struct tally t = { a->success, true };
	uint32_t accept, failure = 0;
	bool asked_more = false;

	if (!a->n) /* nor need the cipher be known */
		return t;
	accept = wire_len(&a->side[1].sizes, PAYLOAD_SERVICE);
	if (n && begins_with_none(a)) {
		failure = a->exchange[0].last;
		i = 1;
	} else if (a->success && a->n_before == 1 && begins_with_none(a)) {
		return t; /* let in without a question */
	}
	for (; i < n; i++) {
		const struct ssh_exchange *e = &a->exchange[i];
		bool failed = e->last == failure || e->total == failure;

		if (!e->n)
			continue;
		if (failed && !asked_more && i && i + 1 < a->n && is_kbdint(a, e) &&
		    may_be_prompt(a, failure))
			failed = false;
		if (!failed && is_pk_ok(a, i))
			continue;
		if (!failed && asked_more && e->last == accept)
			continue; /* INFO_REQUEST with no prompts is as long */
		if (!failed && !asked_more && is_kbdint(a, e)) {
			asked_more = true;
			continue;
		}
		asked_more = false;
		t.attempts++;
		if (failed || i + 1 == n) /* the last may be a DISCONNECT: too many */
			continue;
		/* a banner was in one segment with the first answer */
		t.sure = t.sure && (!i || a->exchange[0].total > e->last);
		failure = e->last;
	}
	return t;
}

/* Answers that no login has: SUCCESS was there, and was not told apart. */
static bool is_session(const struct ssh_auth *a)
{
	unsigned i;

	for (i = 1; i < a->n; i++) {
		const struct ssh_exchange *e = &a->exchange[i];

		if (e->n && (e->last < wire_len(&a->side[1].sizes, PAYLOAD_FAILURE_MIN) ||
			     e->total > ANSWER_MAX))
			return true;
	}
	return false;
}

static enum ssh_auth_confidence success_confidence(const struct ssh_auth *a)
{
	const struct ssh_exchange *e = &a->exchange[a->n_before - 1];
	bool alone = is_shortest(a, e->first);
	bool after_failure = a->n_before > 1;
	bool goes_on = a->n > a->n_before && a->exchange[a->n_before].n;

	if (a->openssh && alone && (after_failure || goes_on))
		return SSH_AUTH_HIGH;
	/* in blocks of 16 a FAILURE with no methods is as short */
	return a->openssh || goes_on ? SSH_AUTH_MEDIUM : SSH_AUTH_LOW;
}

static enum ssh_auth_confidence failure_confidence(const struct ssh_auth *a, bool sure)
{
	if (a->openssh)
		return sure ? SSH_AUTH_HIGH : SSH_AUTH_MEDIUM;
	return sure && a->side[1].sizes.readable ? SSH_AUTH_MEDIUM : SSH_AUTH_LOW;
}

static const char *stop_basis(enum ssh_auth_stop why)
{
	switch (why) {
	case SSH_AUTH_NO_CIPHER:
		return "cipher";
	case SSH_AUTH_COMPRESSED:
		return "compression";
	case SSH_AUTH_REKEYED:
		return "rekey";
	case SSH_AUTH_TOO_LONG:
		return "length";
	case SSH_AUTH_CONFUSED:
	case SSH_AUTH_GOES_ON:
		break;
	}
	return "not-understood";
}

/* NULL: the lengths say what they say. */
static const char *unknown_basis(const struct ssh_auth *a, enum ssh_auth_end end, bool complete,
				 bool sure)
{
	if (!complete)
		return "not-seen";
	if (a->stop)
		return stop_basis(a->stop);
	if (end == SSH_AUTH_CUT)
		return "open";
	if (!a->n || !a->exchange[0].n)
		return "no-attempt";
	/* a segment of another length may be SUCCESS and more */
	return is_session(a) || (!sure && !a->side[1].sizes.readable) ? "not-understood" : NULL;
}

struct ssh_auth_outcome ssh_auth_outcome(const struct ssh_auth *a, enum ssh_auth_end end,
					 bool complete)
{
	struct tally t = count_attempts(a);
	struct ssh_auth_outcome out = { SSH_AUTH_PENDING, t.attempts, SSH_AUTH_LOW, NULL };
	const char *why;

	out.basis = a->side[1].sizes.readable ? "packet-lengths" : "segment-lengths";
	if (a->success) {
		out.result = SSH_AUTH_SUCCESS;
		out.confidence = success_confidence(a);
		return out;
	}
	if (end == SSH_AUTH_OPEN)
		return out;
	why = unknown_basis(a, end, complete, t.sure);
	out.result = why ? SSH_AUTH_UNKNOWN : SSH_AUTH_FAILURE;
	if (why)
		out.basis = why;
	else
		out.confidence = failure_confidence(a, t.sure);
	return out;
}

const char *ssh_auth_result_name(enum ssh_auth_result r)
{
	static const char *const names[] = {
		[SSH_AUTH_PENDING] = NULL,
		[SSH_AUTH_SUCCESS] = "success",
		[SSH_AUTH_FAILURE] = "failure",
		[SSH_AUTH_UNKNOWN] = "unknown",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == SSH_AUTH_NUM_RESULTS, "a name each");

	return names[r];
}

const char *ssh_auth_confidence_name(enum ssh_auth_confidence c)
{
	static const char *const names[] = {
		[SSH_AUTH_LOW] = "low",
		[SSH_AUTH_MEDIUM] = "medium",
		[SSH_AUTH_HIGH] = "high",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == SSH_AUTH_NUM_CONFIDENCES, "a name each");

	return names[c];
}
