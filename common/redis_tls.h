/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REDIS_TLS_H
#define GW_REDIS_TLS_H
/*
 * TLS for a connection to Redis: OpenSSL set up by us, handed to hiredis_ssl, which
 * drives it. hiredis' own set-up checks the chain but not the name in the server's
 * certificate, and takes TLS 1.0; ours checks the name or address and begins at
 * TLS 1.2. There is no way to switch the checks off.
 *
 * Files are read anew for each connection: a renewed certificate needs no restart.
 *
 * Where the system's hiredis has no hiredis_ssl (0.14, Debian 12) all of this is
 * absent: redis_tls_built() is false and the rest refuses.
 */
#include <stdbool.h>
#include <stddef.h>

struct redisContext;
struct redis_tls; /* of one connection */
struct redis_url;

#define REDIS_TLS_ABSENT                                                                           \
	"TLS is not in this build, as its hiredis has none (it needs hiredis 1.0 or later with "   \
	"hiredis_ssl, as Debian 13 has); use a unix socket, or redis:// to a TLS tunnel such as "  \
	"stunnel on this machine"

bool redis_tls_built(void);

/* Whether the files of u can be used. 0, or -1 with one line in err. */
int redis_tls_check(const struct redis_url *u, char *err, size_t size);

/* Begins the handshake on a connected socket; host is the name or address it was
 * connected to. NULL with one line in err. End it after hiredis has freed c. */
struct redis_tls *redis_tls_begin(struct redisContext *c, const struct redis_url *u,
				  const char *host, char *err, size_t size);
void redis_tls_end(struct redis_tls *t); /* accepts NULL */

/* When the connection has failed: what TLS says to it, in buf; NULL: nothing. */
const char *redis_tls_problem(struct redis_tls *t, char *buf, size_t size);

#endif
