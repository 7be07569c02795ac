/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SSH_H
#define GW_SSH_H
/*
 * SSH identification strings (RFC 4253 4.2). Bytes in, observation out; pure.
 */
#include <stddef.h>
#include <stdint.h>

struct ssh_ident {
	char proto_version[16];
	char software_version[256];
	char comments[256]; /* empty: none */
};

enum ssh_ident_result {
	SSH_IDENT_MORE, /* not complete yet */
	SSH_IDENT_FOUND,
	SSH_IDENT_NOT_SSH
};

/* Looks for the identification line in the first bytes of a direction. Lines
 * before it are allowed (a server may send them, and a client's direction is
 * read alike: it costs nothing and a lie gains nothing). */
enum ssh_ident_result ssh_identification(const uint8_t *bytes, size_t len, struct ssh_ident *out);

#endif
