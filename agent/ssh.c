/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ssh.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"

/* The identification line is at most 255 bytes with CR LF (RFC 4253 4.2). Old
 * servers end it with LF alone, which the RFC asks us to accept. */
#define IDENT_MAX 255

#define MSG_KEXINIT 20
#define PACKET_MAX 35000 /* what every implementation must take, RFC 4253 6.1 */
#define COOKIE_LEN 16

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
	const uint8_t *proto = line + 4, *dash, *soft, *end = line + len;
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
	return soft < end && *soft != ' ' &&
	       copy_until(out->software_version, sizeof(out->software_version), soft,
			  (size_t)(end - soft));
}

enum ssh_result ssh_identification(const uint8_t *bytes, size_t len, struct ssh_ident *out)
{
	size_t at = 0;

	while (at < len) {
		const uint8_t *line = bytes + at, *lf = memchr(line, '\n', len - at);
		size_t n = lf ? (size_t)(lf - line) : len - at;

		if (n >= 4 && memcmp(line, "SSH-", 4) == 0) {
			if (!lf)
				return n > IDENT_MAX ? SSH_NOT_SSH : SSH_MORE;
			if (line[n - 1] == '\r')
				n--;
			if (n > IDENT_MAX || !parse_line(line, n, out))
				return SSH_NOT_SSH;
			out->end = (size_t)(lf + 1 - bytes);
			return SSH_FOUND;
		}
		if (!lf)
			break;
		at += n + 1;
	}
	return SSH_MORE;
}

/* One name-list (RFC 4251 5): US-ASCII names with commas, at out + *used. */
static bool read_list(struct cursor *c, char *text, size_t *used, char **list)
{
	uint32_t n, i;
	const uint8_t *p;

	if (!cursor_u32(c, &n) || !(p = cursor_take(c, n)))
		return false;
	for (i = 0; i < n; i++)
		if (p[i] <= 0x20 || p[i] >= 0x7f)
			return false;
	*list = text + *used;
	memcpy(*list, p, n);
	(*list)[n] = '\0';
	*used += n + 1;
	return true;
}

/* payload: after the message number. */
static enum ssh_result read_kexinit(const uint8_t *payload, size_t len, struct ssh_kexinit *out)
{
	struct cursor c = cursor_of(payload, len);
	size_t used = 0;
	int i;

	memset(out, 0, sizeof(*out));
	/* each list gives its four bytes of length for one of end */
	out->text = malloc(len + 1);
	if (!out->text)
		return SSH_NOT_SSH;
	cursor_take(&c, COOKIE_LEN);
	for (i = 0; i < SSH_NUM_LISTS; i++) {
		if (!read_list(&c, out->text, &used, &out->list[i])) {
			ssh_kexinit_clear(out);
			return SSH_NOT_SSH;
		}
	}
	return SSH_FOUND;
}

enum ssh_result ssh_kexinit(const uint8_t *bytes, size_t len, struct ssh_kexinit *out)
{
	struct cursor c = cursor_of(bytes, len);

	for (;;) {
		const uint8_t *packet;
		uint32_t packet_len;
		uint8_t padding;

		if (!cursor_u32(&c, &packet_len))
			return SSH_MORE;
		/* padding length, a message number, four bytes of padding */
		if (packet_len < 6 || packet_len > PACKET_MAX)
			return SSH_NOT_SSH;
		packet = cursor_take(&c, packet_len);
		if (!packet)
			return SSH_MORE;
		padding = packet[0];
		if (padding < 4 || padding + 2u > packet_len)
			return SSH_NOT_SSH;
		if (packet[1] == MSG_KEXINIT)
			return read_kexinit(packet + 2, packet_len - 2 - padding, out);
		if (packet[1] < 1 || packet[1] > 4) /* only disconnect .. debug may precede */
			return SSH_NOT_SSH;
	}
}

void ssh_kexinit_clear(struct ssh_kexinit *k)
{
	free(k->text);
	memset(k, 0, sizeof(*k));
}

char *ssh_hassh(const struct ssh_kexinit *k, bool server, char hash[SSH_HASSH_LEN + 1])
{
	const char *cipher = k->list[server ? SSH_CIPHER_S2C : SSH_CIPHER_C2S];
	const char *mac = k->list[server ? SSH_MAC_S2C : SSH_MAC_C2S];
	const char *compression = k->list[server ? SSH_COMPRESSION_S2C : SSH_COMPRESSION_C2S];
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0, i;
	char *text;

	if (asprintf(&text, "%s;%s;%s;%s", k->list[SSH_KEX], cipher, mac, compression) < 0)
		return NULL;
	if (!EVP_Digest(text, strlen(text), digest, &n, EVP_md5(), NULL) ||
	    n * 2 != SSH_HASSH_LEN) {
		free(text);
		return NULL;
	}
	for (i = 0; i < n; i++)
		snprintf(hash + 2 * i, 3, "%02x", digest[i]);
	return text;
}

/* The length of the name at p, and where the next one begins. */
static size_t name_len(const char *p, const char **next)
{
	const char *comma = strchr(p, ',');
	size_t n = comma ? (size_t)(comma - p) : strlen(p);

	*next = comma ? comma + 1 : p + n;
	return n;
}

static bool list_has(const char *list, const char *name, size_t n)
{
	const char *next;

	for (; *list; list = next)
		if (name_len(list, &next) == n && memcmp(list, name, n) == 0)
			return true;
	return false;
}

void ssh_negotiate(const struct ssh_kexinit *client, const struct ssh_kexinit *server,
		   struct ssh_choice *out)
{
	const char *p, *next;
	size_t n;
	int i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < SSH_NUM_LISTS; i++) {
		for (p = client->list[i]; *p; p = next) {
			n = name_len(p, &next);
			if (!n || n > SSH_NAME_MAX || !list_has(server->list[i], p, n))
				continue;
			memcpy(out->name[i], p, n);
			break;
		}
	}
}
