/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CUT_H
#define GW_CUT_H
/* Text from the wire in a buffer that it may not fit into. */
#include <stddef.h>

/* Writes text, cut between characters of UTF-8 when it does not fit: half a character is no
 * text to PostgreSQL or JSON. text may be buf. Returns buf. */
const char *cut_text(const char *text, char *buf, size_t size);

#endif
