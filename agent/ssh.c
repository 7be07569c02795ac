/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ssh.h"

#include <stdbool.h>
#include <string.h>

/* The identification line is at most 255 bytes with CR LF (RFC 4253 4.2). Old
 * servers end it with LF alone, which the RFC asks us to accept. */
#define IDENT_MAX 255

static bool printable(uint8_t c)
{
	return c >= 0x20 && c != 0x7f;
}

static bool copy_until(char *out, size_t size, const uint8_t *from, size_t len)
{
	if (!len || len >= size)
		return false;
	memcpy(out, from, len);
	out[len] = '\0';
	return true;
}

/* "SSH-protoversion-softwareversion[ SP comments]", without its line end */
static bool parse_line(const uint8_t *line, size_t len, struct ssh_ident *out)
{
	const uint8_t *proto = line + 4, *dash, *soft, *space, *end = line + len;
	const uint8_t *p;

	memset(out, 0, sizeof(*out));
	for (p = line; p < end; p++)
		if (!printable(*p))
			return false;
	dash = memchr(proto, '-', (size_t)(end - proto));
	if (!dash || !copy_until(out->proto_version, sizeof(out->proto_version), proto,
				 (size_t)(dash - proto)))
		return false;
	soft = dash + 1;
	space = memchr(soft, ' ', (size_t)(end - soft));
	if (!copy_until(out->software_version, sizeof(out->software_version), soft,
			(size_t)((space ? space : end) - soft)))
		return false;
	if (space && space + 1 < end)
		copy_until(out->comments, sizeof(out->comments), space + 1,
			   (size_t)(end - space - 1));
	return true;
}

enum ssh_ident_result ssh_identification(const uint8_t *bytes, size_t len, struct ssh_ident *out)
{
	size_t at = 0;

	while (at < len) {
		const uint8_t *line = bytes + at, *lf = memchr(line, '\n', len - at);
		size_t n = lf ? (size_t)(lf - line) : len - at;

		if (n >= 4 && memcmp(line, "SSH-", 4) == 0) {
			if (!lf)
				return n > IDENT_MAX ? SSH_IDENT_NOT_SSH : SSH_IDENT_MORE;
			if (n && line[n - 1] == '\r')
				n--;
			return n <= IDENT_MAX && parse_line(line, n, out) ? SSH_IDENT_FOUND :
									    SSH_IDENT_NOT_SSH;
		}
		if (!lf)
			break;
		at += n + 1;
	}
	return SSH_IDENT_MORE;
}
