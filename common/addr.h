/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_ADDR_H
#define GW_ADDR_H
/* IPv4 and IPv6 addresses and prefixes: one type, strict text. */
#include <stdbool.h>
#include <stdint.h>

#define ADDR_STRLEN 46	 /* INET6_ADDRSTRLEN */
#define PREFIX_STRLEN 50 /* address, slash, three digits, NUL */

/* An IPv4 address stands in bytes[0..3], the rest is zero; so two addresses are
 * equal when memcmp() says so. family 0: no address. */
struct addr {
	uint8_t family; /* 0, 4 or 6 */
	uint8_t bytes[16];
};

struct prefix {
	struct addr addr; /* host bits as given; prefix_mask() clears them */
	uint8_t len;
};

/* Reads one address in its full textual form. Octal, short ("10.1") and other
 * odd spellings are refused; "%scope" is dropped; an IPv4-mapped IPv6 address
 * becomes IPv4. Returns false and leaves *out alone when it does not parse. */
bool addr_parse(const char *text, struct addr *out);

/* Canonical text (RFC 5952). buf has ADDR_STRLEN bytes; returns buf. */
const char *addr_format(const struct addr *a, char *buf);

/* From wire bytes: family 4 reads 4 bytes, 6 reads 16. IPv4-mapped addresses
 * are kept as IPv6: on the wire they are a different thing. */
struct addr addr_from_bytes(uint8_t family, const uint8_t *bytes);

bool addr_equal(const struct addr *a, const struct addr *b);
int addr_compare(const struct addr *a, const struct addr *b); /* by family, then bytes */
uint8_t addr_bits(const struct addr *a);		      /* 32 or 128 */

/* "a.b.c.d/len", "x::y/len". False when it does not parse or len is too long. */
bool prefix_parse(const char *text, struct prefix *out);
const char *prefix_format(const struct prefix *p, char *buf); /* PREFIX_STRLEN */
struct prefix prefix_mask(const struct prefix *p);	      /* host bits cleared */
bool prefix_contains(const struct prefix *p, const struct addr *a);
/* True when every address of `inner` is in `outer`. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);

#endif
