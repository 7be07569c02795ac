/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SSH_H
#define GW_SSH_H
/*
 * What SSH says in the clear (RFC 4253): identification strings, then KEXINIT,
 * the lists of algorithms each side offers. From both lists follows what is
 * negotiated, from each HASSH (version 1.1), the digest that names an
 * implementation. Bytes in, observation out; pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssh_ident {
	char proto_version[16];
	char software_version[256]; /* with the comments that may follow it */
	size_t end;		    /* bytes up to and with its line end */
};

enum ssh_result {
	SSH_MORE, /* not complete yet */
	SSH_FOUND,
	SSH_NOT_SSH
};

/* Looks for the identification line in the first bytes of a direction. Lines
 * before it are allowed (a server may send them, and a client's direction is
 * read alike: it costs nothing and a lie gains nothing). */
enum ssh_result ssh_identification(const uint8_t *bytes, size_t len, struct ssh_ident *out);

/* The name-lists of KEXINIT in their order (RFC 4253 7.1), languages left out. */
enum ssh_list {
	SSH_KEX,
	SSH_HOST_KEY,
	SSH_CIPHER_C2S,
	SSH_CIPHER_S2C,
	SSH_MAC_C2S,
	SSH_MAC_S2C,
	SSH_COMPRESSION_C2S,
	SSH_COMPRESSION_S2C,
	SSH_NUM_LISTS
};

struct ssh_kexinit {
	char *list[SSH_NUM_LISTS]; /* into text */
	char *text;		   /* owned; NULL: none */
};

/* Reads binary packets from the byte after the identification line until
 * KEXINIT. SSH_FOUND fills *out (ssh_kexinit_clear() frees); without memory the
 * answer is SSH_NOT_SSH. */
enum ssh_result ssh_kexinit(const uint8_t *bytes, size_t len, struct ssh_kexinit *out);
void ssh_kexinit_clear(struct ssh_kexinit *k); /* accepts a zeroed one */

#define SSH_HASSH_LEN 32 /* MD5 in hex */

/* The algorithms that HASSH is made of, "kex;cipher;mac;compression" in the
 * direction the side sends, and their MD5. Returns the string, malloc()ed, or
 * NULL without memory or MD5 (a FIPS libcrypto refuses it). */
char *ssh_hassh(const struct ssh_kexinit *k, bool server, char hash[SSH_HASSH_LEN + 1]);

#define SSH_NAME_MAX 64 /* an algorithm's name, RFC 4251 6 */

/* The first of the client's names that the server has too (RFC 4253 7.1), for
 * each list; empty: none in common. */
struct ssh_choice {
	char name[SSH_NUM_LISTS][SSH_NAME_MAX + 1];
};

void ssh_negotiate(const struct ssh_kexinit *client, const struct ssh_kexinit *server,
		   struct ssh_choice *out);

#endif
