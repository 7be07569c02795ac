/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REDIS_URL_H
#define GW_REDIS_URL_H
/*
 * Where Redis is and how to log in there.
 *
 *	redis://[USER@]HOST[:PORT][/DB]		rediss:// is the same with TLS
 *	redis+sentinel://[USER@]HOST[:PORT][,HOST[:PORT]...]/MASTER[/DB]
 *		ask these Sentinels where MASTER is; rediss+sentinel:// with TLS to
 *		Sentinels and master
 *	unix:///PATH[?db=DB]			also redis+unix://
 *
 * USER:PASSWORD@ is read too, both may be %-escaped; redis_options.h refuses it
 * where people write it, as command lines and logs are read by others.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIS_URL_STRLEN 300
#define REDIS_MAX_SENTINELS 8

struct redis_host {
	char *name; /* or an address, without brackets */
	uint16_t port;
};

struct redis_url {
	char *host;	       /* NULL: unix, or Sentinels say */
	char *path;	       /* of the unix socket; NULL: TCP */
	char *user, *password; /* NULL: none */
	uint16_t port;
	unsigned db;
	bool tls;
	struct redis_host sentinel[REDIS_MAX_SENTINELS];
	unsigned n_sentinels;
	char *master; /* its name among the Sentinels */

	/* Not in the text; options set them. All may be NULL. */
	char *password_file; /* read again before each log-in; password is the last known */
	char *tls_ca, *tls_cert, *tls_key;
	char *tls_name; /* in the certificate and in SNI; NULL: the host's */
};

/* Returns 0 and fills *out (redis_url_clear() frees), or -1 with one line in err that
 * never holds the password. */
int redis_url_parse(const char *text, struct redis_url *out, char *err, size_t size);
int redis_url_copy(struct redis_url *to, const struct redis_url *from); /* -ENOMEM */
void redis_url_clear(struct redis_url *u); /* accepts a zeroed one */

/* The URL as it may be printed, without user and password. Returns buf. */
const char *redis_url_format(const struct redis_url *u, char buf[REDIS_URL_STRLEN]);

/* Replaces *field by a copy of value (NULL: nothing); the old one is wiped. */
int redis_url_set(char **field, const char *value);

#endif
