/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of a connection and where they may go:
 *
 *	PAUSED      no connection; the retry timer is set -> RESOLVING, CONNECTING
 *	RESOLVING   asking for the host's addresses       -> CONNECTING, PAUSED
 *	CONNECTING  connect(2) is under way               -> GREETING, PAUSED
 *	GREETING    AUTH, SELECT and PING are sent        -> UP, PAUSED
 *	UP          commands may be sent                  -> PAUSED
 *
 * Every way back to PAUSED goes through lose(), which answers all pending
 * commands with NULL before it says "down". The PING keeps a Redis that is still
 * loading its file from counting as up.
 *
 * The pause doubles from FIRST_PAUSE_MS to LAST_PAUSE_MS with a jitter of a half,
 * so that many agents do not return to a restarted Redis in the same instant; it
 * begins anew only after a connection has lasted STEADY_MS, so that a server that
 * accepts and hangs up is not called ten times a second.
 */
#include "common/redis.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
#include <hiredis/adapters/libevent.h>

#include "common/addr.h"

#define DEFAULT_PORT 6379
#define FIRST_PAUSE_MS 100
#define LAST_PAUSE_MS 5000
#define PATIENCE_MS 5000 /* for a name, a connection and a greeting, each */
#define STEADY_MS 5000
#define UNSENT_MS 30000 /* TCP_USER_TIMEOUT: a peer that vanished without a word */
#define MAX_ADDRESSES 8
#define REASON_LEN 160

/* ---- the URL ---- */

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

/* [user]:password@ or password-less user@; returns what follows. */
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
	if (!colon) {
		*why = "a user without a password";
		return text;
	}
	if (colon > text) {
		out->user = unescape(text, (size_t)(colon - text));
		if (!out->user)
			*why = "a bad %-escape in the user";
	}
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

static const char *parse_tcp(const char *text, struct redis_url *out)
{
	const char *host = text, *rest;
	size_t n;
	unsigned long v;
	char port[8];

	if (*text == '[') {
		struct addr a;

		host = text + 1;
		n = strcspn(host, "]");
		if (host[n] != ']')
			return "[ without ]";
		rest = host + n + 1;
		out->host = strndup(host, n);
		if (!out->host || !addr_parse(out->host, &a) || a.family != 6)
			return "no IPv6 address between [ and ]";
	} else {
		n = strcspn(host, ":/?#");
		rest = host + n;
		if (n == 0 || n > 253)
			return "no host";
		if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-_") < n)
			return "a host name with a character that none has";
		out->host = strndup(host, n);
		if (!out->host)
			return "no memory";
	}
	out->port = DEFAULT_PORT;
	if (*rest == ':') {
		n = strcspn(rest + 1, "/");
		if (n >= sizeof(port))
			return "the port is not a number from 1 to 65535";
		memcpy(port, rest + 1, n);
		port[n] = '\0';
		if (!parse_number(port, 65535, &v) || v == 0)
			return "the port is not a number from 1 to 65535";
		out->port = (uint16_t)v;
		rest += 1 + n;
	}
	if (*rest == '\0' || !strcmp(rest, "/"))
		return NULL;
	if (*rest != '/' || !parse_number(rest + 1, 65535, &v))
		return "after the host only :PORT and /DATABASE may follow";
	out->db = (unsigned)v;
	return NULL;
}

int redis_url_parse(const char *text, struct redis_url *out, char *err, size_t size)
{
	static const char *const local[] = { "unix://", "redis+unix://", "redis-socket://" };
	const char *why = NULL;
	bool known = false;

	memset(out, 0, sizeof(*out));
	if (!strncasecmp(text, "rediss://", 9)) {
		why = "TLS is not in this build, as its hiredis has none; use redis:// through a "
		      "tunnel, or a unix socket";
		known = true;
	} else if (!strncasecmp(text, "redis://", 8)) {
		const char *rest = parse_login(text + 8, out, &why);

		known = true;
		if (!why)
			why = parse_tcp(rest, out);
	}
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]) && !known; i++) {
		size_t n = strlen(local[i]);

		if (!strncasecmp(text, local[i], n)) {
			const char *rest = parse_login(text + n, out, &why);

			known = true;
			if (!why)
				why = parse_unix(rest, out);
		}
	}
	if (!known)
		why = "it begins with neither redis:// nor unix://";
	if (!why)
		return 0;
	redis_url_clear(out);
	/* The text is not repeated: it may hold a password. */
	snprintf(err, size,
		 "Redis URL: %s (redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or "
		 "unix:///PATH[?db=DB])",
		 why);
	return -1;
}

void redis_url_clear(struct redis_url *u)
{
	if (u->password)
		explicit_bzero(u->password, strlen(u->password));
	free(u->host);
	free(u->path);
	free(u->user);
	free(u->password);
	memset(u, 0, sizeof(*u));
}

const char *redis_url_format(const struct redis_url *u, char buf[REDIS_URL_STRLEN])
{
	if (u->path && u->db)
		snprintf(buf, REDIS_URL_STRLEN, "unix://%s?db=%u", u->path, u->db);
	else if (u->path)
		snprintf(buf, REDIS_URL_STRLEN, "unix://%s", u->path);
	else
		snprintf(buf, REDIS_URL_STRLEN,
			 strchr(u->host, ':') ? "redis://[%s]:%u/%u" : "redis://%s:%u/%u", u->host,
			 u->port, u->db);
	return buf;
}

static int url_copy(struct redis_url *to, const struct redis_url *from)
{
	*to = (struct redis_url){ .port = from->port, .db = from->db };
	if ((from->host && !(to->host = strdup(from->host))) ||
	    (from->path && !(to->path = strdup(from->path))) ||
	    (from->user && !(to->user = strdup(from->user))) ||
	    (from->password && !(to->password = strdup(from->password)))) {
		redis_url_clear(to);
		return -ENOMEM;
	}
	return 0;
}

/* ---- the connection ---- */

enum state { PAUSED, RESOLVING, CONNECTING, GREETING, UP };

/* Who waits for the next reply. */
struct waiter {
	redis_reply_fn *fn;
	void *arg;
};

struct redis {
	struct event_base *base;
	struct redis_url url;
	redis_state_fn *on_state;
	void *arg;

	enum state state;
	redisAsyncContext *context; /* CONNECTING and on */
	struct event *retry;
	struct event *patience;	 /* in UP: until it counts as steady */
	unsigned failures;	 /* in a row; the pause grows with it */
	char reason[REASON_LEN]; /* why it is down, as last said; "": not said */

	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *lookup;
	char addresses[MAX_ADDRESSES][ADDR_STRLEN]; /* of a host name */
	unsigned n_addresses, next_address;

	struct waiter *waiters; /* a ring: hiredis answers in order */
	size_t first, n_waiters, max_waiters;
};

static void set_timer(struct event *timer, unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	evtimer_add(timer, &tv);
}

static bool waiter_push(struct redis *r, redis_reply_fn *fn, void *arg)
{
	if (r->n_waiters == r->max_waiters) {
		size_t max = r->max_waiters ? 2 * r->max_waiters : 256;
		struct waiter *w = malloc(max * sizeof(*w));

		if (!w)
			return false;
		for (size_t i = 0; i < r->n_waiters; i++)
			w[i] = r->waiters[(r->first + i) % r->max_waiters];
		free(r->waiters);
		r->waiters = w;
		r->max_waiters = max;
		r->first = 0;
	}
	r->waiters[(r->first + r->n_waiters++) % r->max_waiters] = (struct waiter){ fn, arg };
	return true;
}

static void waiter_answer(struct redis *r, const struct redisReply *reply)
{
	struct waiter w;

	if (!r->n_waiters)
		return;
	w = r->waiters[r->first];
	r->first = (r->first + 1) % r->max_waiters;
	r->n_waiters--;
	if (w.fn)
		w.fn(w.arg, reply);
}

/* Any state -> PAUSED. */
static void lose(struct redis *r, const char *why)
{
	redisAsyncContext *context = r->context;
	bool was_up = r->state == UP;
	unsigned pause = FIRST_PAUSE_MS;
	uint16_t dice;
	char reason[REASON_LEN];

	if (r->state == PAUSED)
		return;
	snprintf(reason, sizeof(reason), "%s", why); /* may lie in what is freed here */
	r->state = PAUSED;
	r->context = NULL;
	evtimer_del(r->patience);
	if (r->lookup)
		evdns_getaddrinfo_cancel(r->lookup);
	r->lookup = NULL;
	if (context)
		redisAsyncFree(context); /* its callbacks see that it is not r->context */
	while (r->n_waiters)
		waiter_answer(r, NULL);

	for (unsigned i = 0; i < r->failures && pause < LAST_PAUSE_MS; i++)
		pause *= 2;
	if (pause > LAST_PAUSE_MS)
		pause = LAST_PAUSE_MS;
	r->failures++;
	evutil_secure_rng_get_bytes(&dice, sizeof(dice));
	set_timer(r->retry, pause / 2 + pause * dice / UINT16_MAX / 2);
	if (!was_up && !strcmp(reason, r->reason))
		return;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	if (r->on_state)
		r->on_state(r->arg, false, r->reason);
}

/* hiredis' reply callback. */
static void on_reply(redisAsyncContext *context, void *reply, void *arg)
{
	struct redis *r = arg;

	if (context == r->context)
		waiter_answer(r, reply);
}

static int send_command(struct redis *r, redis_reply_fn *fn, void *arg, int argc, const char **argv,
			const size_t *argvlen)
{
	if (!waiter_push(r, fn, arg))
		return -ENOMEM;
	if (redisAsyncCommandArgv(r->context, on_reply, r, argc, argv, argvlen) == REDIS_OK)
		return 0;
	r->n_waiters--;
	return -ENOTCONN;
}

static bool is_error(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR;
}

static void on_login(void *arg, const struct redisReply *reply)
{
	char why[REASON_LEN];

	if (!reply || !is_error(reply))
		return;
	snprintf(why, sizeof(why), "log-in refused: %s", reply->str);
	lose(arg, why);
}

static void on_select(void *arg, const struct redisReply *reply)
{
	char why[REASON_LEN];

	if (!reply || !is_error(reply))
		return;
	snprintf(why, sizeof(why), "database refused: %s", reply->str);
	lose(arg, why);
}

static void on_ping(void *arg, const struct redisReply *reply)
{
	struct redis *r = arg;

	if (!reply)
		return; /* lose() is on its way */
	/* A user who may not PING is logged in all the same. */
	if (is_error(reply) && strncmp(reply->str, "NOPERM", 6)) {
		lose(r, reply->str);
		return;
	}
	r->state = UP;
	r->reason[0] = '\0';
	set_timer(r->patience, STEADY_MS);
	if (r->on_state)
		r->on_state(r->arg, true, "");
}

/* CONNECTING -> GREETING */
static void greet(struct redis *r)
{
	const char *login[3] = { "AUTH" }, *ping = "PING", *select[2] = { "SELECT" };
	int n = 1, failed = 0;
	char db[8];

	r->state = GREETING;
	set_timer(r->patience, PATIENCE_MS);
	if (r->url.user)
		login[n++] = r->url.user;
	if (r->url.password) {
		login[n++] = r->url.password;
		failed |= send_command(r, on_login, r, n, login, NULL);
	}
	if (r->url.db) {
		snprintf(db, sizeof(db), "%u", r->url.db);
		select[1] = db;
		failed |= send_command(r, on_select, r, 2, select, NULL);
	}
	failed |= send_command(r, on_ping, r, 1, &ping, NULL);
	if (failed)
		lose(r, "no memory for the greeting");
}

static void on_connect(const redisAsyncContext *context, int status)
{
	struct redis *r = context->data;
	unsigned unsent_ms = UNSENT_MS;
	char why[REASON_LEN];

	if (context != r->context)
		return;
	if (status != REDIS_OK) {
		snprintf(why, sizeof(why), "%s",
			 context->c.err ? context->c.errstr : strerror(errno));
		r->context = NULL; /* hiredis frees it on return */
		lose(r, why);
		return;
	}
	if (r->url.host) {
		/* Failing to set these costs time in an outage, nothing else. */
		redisEnableKeepAlive(&r->context->c);
		setsockopt(context->c.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms,
			   sizeof(unsent_ms));
	}
	greet(r);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
	struct redis *r = context->data;

	if (context != r->context)
		return;
	r->context = NULL; /* hiredis frees it on return */
	lose(r, status != REDIS_OK && context->errstr ? context->errstr : "connection closed");
}

/* -> CONNECTING; takes a context that hiredis has begun to connect. */
static void begin(struct redis *r, redisAsyncContext *context)
{
	r->state = CONNECTING;
	if (!context) {
		lose(r, "no memory for a connection");
		return;
	}
	if (context->err) {
		char why[REASON_LEN];

		snprintf(why, sizeof(why), "%s", context->errstr);
		redisAsyncFree(context);
		lose(r, why);
		return;
	}
	context->data = r;
	r->context = context;
	redisLibeventAttach(context, r->base);
	redisAsyncSetConnectCallback(context, on_connect);
	redisAsyncSetDisconnectCallback(context, on_disconnect);
	set_timer(r->patience, PATIENCE_MS);
}

/* The host's addresses, one per attempt. */
static void connect_next(struct redis *r)
{
	begin(r, redisAsyncConnect(r->addresses[r->next_address++], r->url.port));
}

static void on_resolved(int error, struct evutil_addrinfo *found, void *arg)
{
	struct redis *r = arg;
	char why[REASON_LEN];

	if (error == EVUTIL_EAI_CANCEL) /* r may be gone */
		return;
	r->lookup = NULL;
	r->n_addresses = r->next_address = 0;
	for (const struct evutil_addrinfo *a = found; a && r->n_addresses < MAX_ADDRESSES;
	     a = a->ai_next) {
		const void *at;

		if (a->ai_family == AF_INET)
			at = &((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr;
		else if (a->ai_family == AF_INET6)
			at = &((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr;
		else
			continue;
		evutil_inet_ntop(a->ai_family, at, r->addresses[r->n_addresses++], ADDR_STRLEN);
	}
	if (found)
		evutil_freeaddrinfo(found);
	if (error || !r->n_addresses) {
		snprintf(why, sizeof(why), "the name %.100s: %s", r->url.host,
			 error ? evutil_gai_strerror(error) : "no address");
		lose(r, why);
		return;
	}
	connect_next(r);
}

/* PAUSED -> RESOLVING. A resolver per question: /etc/resolv.conf may have changed,
 * and one that is kept would hold the loop. */
static void resolve(struct redis *r)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
					 .ai_socktype = SOCK_STREAM,
					 .ai_protocol = IPPROTO_TCP };
	struct evdns_getaddrinfo_request *lookup;

	r->state = RESOLVING;
	if (r->dns)
		evdns_base_free(r->dns, 0);
	r->dns = evdns_base_new(r->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
						 EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!r->dns) { /* no name server is configured; /etc/hosts may do */
		r->dns = evdns_base_new(r->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
		if (r->dns)
			evdns_base_load_hosts(r->dns, "/etc/hosts");
	}
	if (!r->dns) {
		lose(r, "no resolver");
		return;
	}
	set_timer(r->patience, PATIENCE_MS);
	lookup = evdns_getaddrinfo(r->dns, r->url.host, NULL, &hints, on_resolved, r);
	if (lookup) /* else it has been answered already, from /etc/hosts */
		r->lookup = lookup;
}

/* Leaves PAUSED. */
static void try(struct redis *r)
{
	struct addr numeric;

	if (r->url.path) {
		begin(r, redisAsyncConnectUnix(r->url.path));
	} else if (addr_parse(r->url.host, &numeric)) {
		begin(r, redisAsyncConnect(r->url.host, r->url.port));
	} else if (r->next_address < r->n_addresses) {
		connect_next(r);
	} else {
		resolve(r);
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	try(arg);
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;

	switch (r->state) {
	case PAUSED:
		break;
	case RESOLVING:
		lose(r, "the name server does not answer");
		break;
	case CONNECTING:
		lose(r, "connection timed out");
		break;
	case GREETING:
		lose(r, "connected, but Redis does not answer");
		break;
	case UP:
		r->failures = 0;
		break;
	}
}

struct redis *redis_open(struct event_base *base, const struct redis_url *url,
			 redis_state_fn *on_state, void *arg)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	signal(SIGPIPE, SIG_IGN); /* a write to a closed connection is an error, not the end */
	r->base = base;
	r->on_state = on_state;
	r->arg = arg;
	r->retry = evtimer_new(base, on_retry, r);
	r->patience = evtimer_new(base, on_patience, r);
	if (!r->retry || !r->patience || url_copy(&r->url, url)) {
		redis_close(r);
		return NULL;
	}
	/* From the loop, so that no callback comes before the caller has r. */
	set_timer(r->retry, 0);
	return r;
}

void redis_close(struct redis *r)
{
	if (!r)
		return;
	r->on_state = NULL;
	lose(r, "closed");
	if (r->dns)
		evdns_base_free(r->dns, 0);
	if (r->retry)
		event_free(r->retry);
	if (r->patience)
		event_free(r->patience);
	redis_url_clear(&r->url);
	free(r->waiters);
	free(r);
}

bool redis_is_up(const struct redis *r)
{
	return r->state == UP;
}

int redis_send(struct redis *r, redis_reply_fn *fn, void *arg, int argc, const char **argv,
	       const size_t *argvlen)
{
	return r->state == UP ? send_command(r, fn, arg, argc, argv, argvlen) : -ENOTCONN;
}

void redis_restart(struct redis *r, const char *reason)
{
	lose(r, reason);
}

void redis_hurry(struct redis *r)
{
	if (r->state == PAUSED)
		set_timer(r->retry, 0);
}
