/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cut.h"

#include <string.h>

const char *cut_text(const char *text, char *buf, size_t size)
{
	size_t len = strnlen(text, size - 1), lead = len, whole = 1;

	memmove(buf, text, len);
	while (lead && ((unsigned char)buf[lead - 1] & 0xc0) == 0x80)
		lead--;
	/* buf[lead - 1] begins the last character; it tells its length */
	if (lead) {
		unsigned char c = (unsigned char)buf[lead - 1];

		whole = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
		if (len - (lead - 1) < whole)
			len = lead - 1;
	}
	buf[len] = '\0';
	return buf;
}
