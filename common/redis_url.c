/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/redis_tls.h"

#define DEFAULT_PORT 6379
#define SENTINEL_PORT 26379

/* Copies n bytes with %XX decoded; NULL for a bad escape, %00 or no memory. */
static char *unescape(const char *text, size_t n)
{
	char *out = malloc(n + 1), *to = out;

	for (size_t i = 0; out && i < n; i++) {
		unsigned v = (unsigned char)text[i];

		if (text[i] == '%') {
			char hex[3] = { 0 }, *end;

			if (i + 2 >= n)
				goto bad;
			memcpy(hex, text + i + 1, 2);
			v = (unsigned)strtoul(hex, &end, 16);
			if (*end || hex[0] == '+' || hex[0] == '-' || hex[0] == ' ' || v == 0)
				goto bad;
			i += 2;
		}
		*to++ = (char)v;
	}
	if (out)
		*to = '\0';
	return out;
bad:
	free(out);
	return NULL;
}

/* Digits only, at most max. */
static bool parse_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out <= max;
}

/* USER@ or [USER]:PASSWORD@; returns what follows. */
static const char *parse_login(const char *text, struct redis_url *out, const char **why)
{
	size_t span = strcspn(text, "/?#");
	const char *at = NULL, *colon;

	for (size_t i = 0; i < span; i++)
		if (text[i] == '@')
			at = text + i;
	if (!at)
		return text;
	colon = memchr(text, ':', (size_t)(at - text));
	if (colon != text) {
		out->user = unescape(text, (size_t)((colon ? colon : at) - text));
		if (!out->user || !*out->user)
			*why = "a bad %-escape in the user, or none before the @";
	}
	if (!colon)
		return at + 1;
	out->password = unescape(colon + 1, (size_t)(at - colon - 1));
	if (!out->password)
		*why = "a bad %-escape in the password";
	return at + 1;
}

static const char *parse_unix(const char *text, struct redis_url *out)
{
	size_t n = strcspn(text, "?");
	unsigned long db;

	if (*text != '/')
		return "the path of a unix socket begins with /";
	out->path = unescape(text, n);
	if (!out->path)
		return "a bad %-escape in the path";
	if (strlen(out->path) >= 108) /* sun_path, unix(7) */
		return "the path of the unix socket is longer than 107 bytes";
	if (!text[n])
		return NULL;
	if (strncmp(text + n, "?db=", 4) || !parse_number(text + n + 4, 65535, &db))
		return "after the path only ?db=NUMBER may follow";
	out->db = (unsigned)db;
	return NULL;
}

/* HOST[:PORT], up to one of the characters in `end`. *text moves behind it. */
static const char *parse_host(const char **text, uint16_t port, struct redis_host *out)
{
	const char *host = *text, *rest;
	unsigned long v;
	char number[8];
	size_t n;

	if (*host == '[') {
		struct addr a;

		n = strcspn(++host, "]");
		if (host[n] != ']')
			return "[ without ]";
		rest = host + n + 1;
		out->name = strndup(host, n);
		if (!out->name || !addr_parse(out->name, &a) || a.family != 6)
			return "no IPv6 address between [ and ]";
	} else {
		n = strcspn(host, ":/?#,");
		rest = host + n;
		if (n == 0 || n > 253)
			return "no host";
		if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-_") < n)
			return "a host name with a character that none has";
		out->name = strndup(host, n);
		if (!out->name)
			return "no memory";
	}
	out->port = port;
	if (*rest == ':') {
		n = strcspn(++rest, "/,");
		if (n >= sizeof(number))
			return "the port is not a number from 1 to 65535";
		memcpy(number, rest, n);
		number[n] = '\0';
		if (!parse_number(number, 65535, &v) || v == 0)
			return "the port is not a number from 1 to 65535";
		out->port = (uint16_t)v;
		rest += n;
	}
	*text = rest;
	return NULL;
}

/* "", "/" or "/DB" */
static const char *parse_db(const char *text, struct redis_url *out)
{
	unsigned long v;

	if (*text == '\0' || !strcmp(text, "/"))
		return NULL;
	if (*text != '/' || !parse_number(text + 1, 65535, &v))
		return "after the host only :PORT and /DATABASE may follow";
	out->db = (unsigned)v;
	return NULL;
}

static const char *parse_tcp(const char *text, struct redis_url *out)
{
	struct redis_host host = { 0 };
	const char *why = parse_host(&text, DEFAULT_PORT, &host);

	out->host = host.name;
	out->port = host.port;
	return why ? why : parse_db(text, out);
}

static const char *parse_sentinel(const char *text, struct redis_url *out)
{
	const char *why;
	size_t n;

	do {
		if (out->n_sentinels == REDIS_MAX_SENTINELS)
			return "more than 8 Sentinels";
		why = parse_host(&text, SENTINEL_PORT, &out->sentinel[out->n_sentinels++]);
		if (why)
			return why;
	} while (*text++ == ',');
	n = text[-1] == '/' ? strcspn(text, "/?#") : 0;
	if (!n)
		return "after the Sentinels /MASTER must follow, the master's name";
	out->master = unescape(text, n);
	if (!out->master)
		return "a bad %-escape in the master's name";
	return parse_db(text + n, out);
}

static const struct {
	const char *begins;
	const char *(*parse)(const char *text, struct redis_url *out);
	bool tls;
} schemes[] = {
	{ "redis://", parse_tcp, false },
	{ "rediss://", parse_tcp, true },
	{ "redis+sentinel://", parse_sentinel, false },
	{ "rediss+sentinel://", parse_sentinel, true },
	{ "unix://", parse_unix, false },
	{ "redis+unix://", parse_unix, false },
	{ "redis-socket://", parse_unix, false },
};

int redis_url_parse(const char *text, struct redis_url *out, char *err, size_t size)
{
	const char *why = "it begins with neither redis:// nor unix://";

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].begins);

		if (strncasecmp(text, schemes[i].begins, n))
			continue;
		why = NULL;
		out->tls = schemes[i].tls;
		if (out->tls && !redis_tls_built()) {
			snprintf(err, size, "Redis URL: %s", REDIS_TLS_ABSENT);
			return -1;
		}
		text = parse_login(text + n, out, &why);
		if (!why)
			why = schemes[i].parse(text, out);
		break;
	}
	if (!why)
		return 0;
	redis_url_clear(out);
	/* The text is not repeated: it may hold a password. */
	snprintf(err, size,
		 "Redis URL: %s (redis://[USER@]HOST[:PORT][/DB], rediss:// for TLS, "
		 "redis+sentinel://HOST[:PORT],.../MASTER or unix:///PATH[?db=DB])",
		 why);
	return -1;
}

/* ---- the struct ---- */

int redis_url_set(char **field, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return -ENOMEM;
	if (*field)
		explicit_bzero(*field, strlen(*field));
	free(*field);
	*field = copy;
	return 0;
}

void redis_url_clear(struct redis_url *u)
{
	if (u->password)
		explicit_bzero(u->password, strlen(u->password));
	for (unsigned i = 0; i < u->n_sentinels; i++)
		free(u->sentinel[i].name);
	free(u->host);
	free(u->path);
	free(u->user);
	free(u->password);
	free(u->master);
	free(u->password_file);
	free(u->tls_ca);
	free(u->tls_cert);
	free(u->tls_key);
	free(u->tls_name);
	memset(u, 0, sizeof(*u));
}

int redis_url_copy(struct redis_url *to, const struct redis_url *from)
{
	bool failed = false;

	*to = (struct redis_url){ .port = from->port, .db = from->db, .tls = from->tls };
	for (unsigned i = 0; i < from->n_sentinels; i++) {
		to->sentinel[i].port = from->sentinel[i].port;
		failed |= redis_url_set(&to->sentinel[i].name, from->sentinel[i].name);
	}
	to->n_sentinels = from->n_sentinels;
	failed |= redis_url_set(&to->host, from->host);
	failed |= redis_url_set(&to->path, from->path);
	failed |= redis_url_set(&to->user, from->user);
	failed |= redis_url_set(&to->password, from->password);
	failed |= redis_url_set(&to->master, from->master);
	failed |= redis_url_set(&to->password_file, from->password_file);
	failed |= redis_url_set(&to->tls_ca, from->tls_ca);
	failed |= redis_url_set(&to->tls_cert, from->tls_cert);
	failed |= redis_url_set(&to->tls_key, from->tls_key);
	failed |= redis_url_set(&to->tls_name, from->tls_name);
	if (!failed)
		return 0;
	redis_url_clear(to);
	return -ENOMEM;
}

static int format_host(char *buf, size_t size, const char *name, uint16_t port)
{
	return snprintf(buf, size, strchr(name, ':') ? "[%s]:%u" : "%s:%u", name, port);
}

const char *redis_url_format(const struct redis_url *u, char buf[REDIS_URL_STRLEN])
{
	size_t size = REDIS_URL_STRLEN, n;

	if (u->path) {
		n = (size_t)snprintf(buf, size, "unix://%s", u->path);
		if (u->db && n < size)
			snprintf(buf + n, size - n, "?db=%u", u->db);
		return buf;
	}
	n = (size_t)snprintf(buf, size, "redis%s%s://", u->tls ? "s" : "",
			     u->master ? "+sentinel" : "");
	if (!u->master)
		n += (size_t)format_host(buf + n, size - n, u->host, u->port);
	for (unsigned i = 0; i < u->n_sentinels && n < size; i++) {
		if (i)
			buf[n++] = ',';
		n += (size_t)format_host(buf + n, size - n, u->sentinel[i].name,
					 u->sentinel[i].port);
	}
	if (u->master && n < size)
		n += (size_t)snprintf(buf + n, size - n, "/%s", u->master);
	if (n < size)
		snprintf(buf + n, size - n, "/%u", u->db);
	buf[size - 1] = '\0';
	return buf;
}
