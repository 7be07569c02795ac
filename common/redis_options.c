/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis_tls.h"
#include "common/secret.h"

static const char no_password[] =
	"a password in the URL can be read by others in the list of processes: write it to a "
	"file of mode 600 and name that with redis-password-file, or set " REDIS_ENV_PASSWORD;

/* User and password; the options' go before the URL's and the environment's. */
static int log_in(const struct redis_options *o, struct redis_url *out, const char **key,
		  char *err, size_t size)
{
	const char *env_user = secret_env(REDIS_ENV_USER);
	const char *env_password = secret_env(REDIS_ENV_PASSWORD);
	const char *user = o->user ? o->user : out->user ? out->user : env_user;

	if (user != out->user && redis_url_set(&out->user, user))
		goto no_memory;
	if (o->password_file) {
		*key = "redis-password-file";
		out->password = secret_read(o->password_file, err, size);
		if (!out->password)
			return -1;
		if (redis_url_set(&out->password_file, o->password_file))
			goto no_memory;
	} else if (redis_url_set(&out->password, env_password)) {
		goto no_memory;
	}
	if (!out->user || out->password)
		return 0;
	*key = o->user ? "redis-user" : "redis";
	snprintf(err, size, "a user without a password: give redis-password-file, or set "
			    REDIS_ENV_PASSWORD);
	return -1;
no_memory:
	snprintf(err, size, "no memory");
	return -1;
}

static int tls(const struct redis_options *o, struct redis_url *out, const char **key, char *err,
	       size_t size)
{
	const char *first = o->tls_ca	? "redis-tls-ca" :
			    o->tls_cert ? "redis-tls-cert" :
			    o->tls_key	? "redis-tls-key" :
			    o->tls_name ? "redis-tls-name" :
					  NULL;

	*key = first ? first : "redis";
	if (first && !redis_tls_built()) {
		snprintf(err, size, "%s", REDIS_TLS_ABSENT);
		return -1;
	}
	if (first && !out->tls) {
		snprintf(err, size, "TLS needs a URL that begins with rediss://");
		return -1;
	}
	if (!o->tls_cert != !o->tls_key) {
		*key = o->tls_cert ? "redis-tls-cert" : "redis-tls-key";
		snprintf(err, size, "certificate and key belong together: give redis-tls-cert and "
				    "redis-tls-key");
		return -1;
	}
	if (redis_url_set(&out->tls_ca, o->tls_ca) || redis_url_set(&out->tls_cert, o->tls_cert) ||
	    redis_url_set(&out->tls_key, o->tls_key) ||
	    redis_url_set(&out->tls_name, o->tls_name)) {
		snprintf(err, size, "no memory");
		return -1;
	}
	return out->tls ? redis_tls_check(out, err, size) : 0;
}

int redis_options_url(const struct redis_options *o, struct redis_url *out, const char **key,
		      char *err, size_t size)
{
	*key = "redis";
	if (redis_url_parse(o->url, out, err, size))
		return -1;
	if (out->password) {
		snprintf(err, size, "%s", no_password);
		goto wrong;
	}
	if (log_in(o, out, key, err, size) || tls(o, out, key, err, size))
		goto wrong;
	return 0;
wrong:
	redis_url_clear(out);
	return -1;
}
