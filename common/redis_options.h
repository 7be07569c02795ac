/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REDIS_OPTIONS_H
#define GW_REDIS_OPTIONS_H
/*
 * The options by which both programs are told of Redis, beside the URL itself:
 * rows for their option tables, and the way from there to a struct redis_url.
 *
 * A password is read from the file of redis-password-file, else from the variable
 * GLASSWATCH_REDIS_PASSWORD. In a URL it is refused: command lines are read by
 * everybody on the machine, and `-n` prints the configuration.
 */
#include <stddef.h>

#include "common/conf.h"
#include "common/redis_url.h"

#define REDIS_ENV_USER "GLASSWATCH_REDIS_USER"
#define REDIS_ENV_PASSWORD "GLASSWATCH_REDIS_PASSWORD"

struct redis_options {
	char *url, *user, *password_file;
	char *tls_ca, *tls_cert, *tls_key, *tls_name;
};

/* at: offset of the struct redis_options; bits: the commands that take them. The
 * row of "redis" itself is the program's. */
#define REDIS_OPTION(name, field, at, bits, what, text)                                            \
	{ .key = name, .type = CONF_STRING, .commands = bits, .argument = what, .help = text,      \
	  .offset = (at) + offsetof(struct redis_options, field) }
#define REDIS_OPTIONS(at, bits)                                                                    \
	REDIS_OPTION("redis-user", user, at, bits, "NAME",                                         \
		     "log in to Redis as this user (or in the URL, or " REDIS_ENV_USER ")"),       \
	REDIS_OPTION("redis-password-file", password_file, at, bits, "FILE",                       \
		     "its password is the first line of this file, of mode 600 (or in "            \
		     "the environment: " REDIS_ENV_PASSWORD ")"),                                  \
	REDIS_OPTION("redis-tls-ca", tls_ca, at, bits, "FILE",                                     \
		     "with rediss://: certificates of the CAs to trust, PEM (default: the "        \
		     "system's)"),                                                                 \
	REDIS_OPTION("redis-tls-cert", tls_cert, at, bits, "FILE",                                 \
		     "with rediss://: our own certificate, for a server that asks for one"),       \
	REDIS_OPTION("redis-tls-key", tls_key, at, bits, "FILE", "the key of redis-tls-cert"),     \
	REDIS_OPTION("redis-tls-name", tls_name, at, bits, "NAME",                                 \
		     "with rediss://: the name in the server's certificate, and in SNI "           \
		     "(default: the URL's host)")

/* Puts the options together; reads password and TLS files to see that they can be
 * used. 0 and *out, which redis_url_clear() frees; or -1, *key the option that is
 * wrong, and one line in err, which holds no password. */
int redis_options_url(const struct redis_options *o, struct redis_url *out, const char **key,
		      char *err, size_t size);

#endif
