/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMUNITY_ID_H
#define GW_COMMUNITY_ID_H
/*
 * Community ID v1, seed 0: one short name for a flow, the same whichever side is
 * called the source, that Zeek, Suricata and others print as well.
 * https://github.com/corelight/community-id-spec
 */
#include <stdint.h>

#include "common/addr.h"

#define COMMUNITY_ID_STRLEN 31 /* "1:", 28 base64 digits of SHA-1, NUL */

/* Ports in host order; for ICMP they are type and code. Writes the text to out
 * and returns it, or NULL when the families differ or libcrypto refuses SHA-1. */
const char *community_id(const struct addr *src, uint16_t sport, const struct addr *dst,
			 uint16_t dport, uint8_t proto, char out[COMMUNITY_ID_STRLEN]);

#endif
