/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_HTTP_TOKEN_H
#define GW_HTTP_TOKEN_H
/*
 * Who may ask the API, and who may act. The file has a line for each token:
 *
 *	NAME read|operate SHA-256 of the token, in hexadecimal
 *
 * Blank lines and those that begin with # are left out. A name is said wherever
 * its owner acts, so one token is for one person or program.
 *
 * A token is "gw_" and 256 random bits. So a plain hash is enough: salt and a slow
 * hash protect what people choose, which can be guessed; of these there are more
 * than anybody can try. A slow hash would let anyone keep the collector busy with
 * wrong tokens.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TOKEN_LEN 46	  /* "gw_" and 43 of base64url */
#define TOKEN_NAME_LEN 63 /* letters, digits and ._@- */

struct tokens;

/* NULL with one line in err: it cannot be read, somebody else may change it, a line
 * is none. */
struct tokens *tokens_open(const char *path, char *err, size_t size);
void tokens_close(struct tokens *t); /* accepts NULL */

/* Reads the file again when it is another. One with a fault changes nothing, and is
 * complained of once; when it is gone, no token is valid. From one thread. */
void tokens_refresh(struct tokens *t);

/* From any thread. Takes as long whichever token it is, and whether it is one.
 * name: of TOKEN_NAME_LEN + 1 bytes. */
bool tokens_find(struct tokens *t, const char *token, char *name, bool *operate);

/* The command `token`: prints a new token and the line for the file. Exit status. */
int token_make(const char *name, const char *right, FILE *out);

#endif
