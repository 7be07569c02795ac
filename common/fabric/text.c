/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fabric/text.h"

#include <stdlib.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at s, 0: none. */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80			 ? 1
		   : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		   : (s[0] & 0xf0) == 0xe0	 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || /* surrogates */
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* Bytes that are no UTF-8, and for a terminal control characters (C1 too), as
 * \xNN. malloc()ed; NULL: no memory. */
char *text_clean(const char *text, bool terminal)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = malloc(4 * strlen(text) + 1), *p = out;

	if (!out)
		return NULL;
	while (*s) {
		size_t n = utf8_len(s);
		bool control = *s < 0x20 || *s == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);

		if (n == 0 || (terminal && control)) {
			p += sprintf(p, "\\x%02x", *s++);
			for (; n > 1; n--)
				p += sprintf(p, "\\x%02x", *s++);
			continue;
		}
		memcpy(p, s, n);
		p += n;
		s += n;
	}
	*p = '\0';
	return out;
}

/* Prints text, cleaned, in a column of at least width. */
void text_put(FILE *to, int width, const char *text)
{
	char *s = text_clean(text, true);

	fprintf(to, "%-*s", width, s ? s : "?");
	free(s);
}

json_t *text_json(const char *text)
{
	json_t *j = json_string(text);
	char *s;

	if (j)
		return j;
	s = text_clean(text, false);
	j = s ? json_string(s) : NULL;
	free(s);
	return j;
}

void text_set(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, text_json(text));
}
