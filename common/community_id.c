/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "1:" + base64(SHA-1(seed . address . address . protocol . 0 . port . port)),
 * everything in network order, the smaller (address, port) first.
 */
#include "common/community_id.h"

#include <stdbool.h>
#include <string.h>
#include <openssl/evp.h>

#define SEED_LEN 2
#define INPUT_LEN (SEED_LEN + 16 + 16 + 2 + 4)
#define SHA1_LEN 20

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, SCTP = 132 };

/* ICMP has no ports: the type stands for the source's, and the type that answers
 * it for the destination's. A message that nothing answers has its code there, and
 * is not ordered, as it has one direction only. */
static const struct {
	uint8_t proto, type, answer;
} icmp_pair[] = {
	{ ICMP, 8, 0 },	     /* echo */
	{ ICMP, 13, 14 },    /* timestamp */
	{ ICMP, 15, 16 },    /* information */
	{ ICMP, 10, 9 },     /* router solicitation, advertisement */
	{ ICMP, 17, 18 },    /* address mask */
	{ ICMP6, 128, 129 }, /* echo */
	{ ICMP6, 133, 134 }, /* router solicitation, advertisement */
	{ ICMP6, 135, 136 }, /* neighbour solicitation, advertisement */
	{ ICMP6, 130, 131 }, /* multicast listener query, report */
	{ ICMP6, 139, 140 }, /* node information */
	{ ICMP6, 144, 145 }, /* home agent discovery */
};

static bool icmp_answer(uint8_t proto, uint16_t type, uint16_t *answer)
{
	for (size_t i = 0; i < sizeof(icmp_pair) / sizeof(icmp_pair[0]); i++) {
		if (icmp_pair[i].proto != proto)
			continue;
		if (icmp_pair[i].type == type)
			*answer = icmp_pair[i].answer;
		else if (icmp_pair[i].answer == type)
			*answer = icmp_pair[i].type;
		else
			continue;
		return true;
	}
	return false;
}

static size_t put16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return 2;
}

const char *community_id(const struct addr *src, uint16_t sport, const struct addr *dst,
			 uint16_t dport, uint8_t proto, char out[COMMUNITY_ID_STRLEN])
{
	uint8_t in[INPUT_LEN] = { 0 }, hash[EVP_MAX_MD_SIZE];
	size_t addr_len = src->family == 4 ? 4 : 16, n = SEED_LEN;
	unsigned hash_len = 0;
	bool ordered = true;
	int c;

	if (src->family != dst->family || src->family == 0)
		return NULL;
	if (proto == ICMP || proto == ICMP6)
		ordered = icmp_answer(proto, sport, &dport);
	c = memcmp(src->bytes, dst->bytes, addr_len);
	if (ordered && (c > 0 || (c == 0 && sport > dport))) {
		const struct addr *addr = src;
		uint16_t port = sport;

		src = dst;
		dst = addr;
		sport = dport;
		dport = port;
	}
	memcpy(in + n, src->bytes, addr_len);
	n += addr_len;
	memcpy(in + n, dst->bytes, addr_len);
	n += addr_len;
	in[n] = proto;
	n += 2; /* and a zero */
	if (proto == TCP || proto == UDP || proto == SCTP || proto == ICMP || proto == ICMP6) {
		n += put16(in + n, sport);
		n += put16(in + n, dport);
	}
	if (!EVP_Digest(in, n, hash, &hash_len, EVP_sha1(), NULL) || hash_len != SHA1_LEN)
		return NULL;
	memcpy(out, "1:", 2);
	EVP_EncodeBlock((unsigned char *)out + 2, hash, SHA1_LEN);
	return out;
}
