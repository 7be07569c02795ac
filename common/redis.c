/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of a connection and where they may go:
 *
 *	PAUSED      no connection; the retry timer is set -> RESOLVING, CONNECTING
 *	RESOLVING   asking for the host's addresses       -> CONNECTING, PAUSED
 *	CONNECTING  connect(2) is under way               -> GREETING, ASKING, PAUSED
 *	ASKING      a Sentinel, where the master is       -> RESOLVING, CONNECTING, PAUSED
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
 *
 * Whom to connect to (try()): with Sentinels, whom they name, asked anew after
 * every loss; a master that says of itself that it is none (ROLE, READONLY) counts
 * as lost. In a cluster, the node that MOVED or ASK named; while it cannot be
 * reached, it and the URL's host in turns, as each may be the one that is dead.
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
#include "common/redis_reply.h"
#include "common/redis_tls.h"
#include "common/secret.h"

#define FIRST_PAUSE_MS 100
#define LAST_PAUSE_MS 5000
#define PATIENCE_MS 5000 /* for a name, a connection and a greeting, each */
#define STEADY_MS 5000
#define UNSENT_MS 30000 /* TCP_USER_TIMEOUT: a peer that vanished without a word */
#define MAX_ADDRESSES 8
#define REASON_LEN 200
#define MAX_REASONS 8 /* told per outage; a server that thinks of more is not worth it */
#define HOST_LEN 256

/* ---- the connection ---- */

enum state { PAUSED, RESOLVING, CONNECTING, ASKING, GREETING, UP };

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
	struct redis_replies *replies;
	struct event *retry;
	struct event *patience;	 /* in UP: until it counts as steady */
	unsigned failures; /* in a row; the pause grows with it */
	char reason[REASON_LEN]; /* of the last loss; up: where */
	char told[MAX_REASONS][REASON_LEN];
	unsigned n_told; /* in this outage */
	struct redis_tls *tls;

	/* Whom this attempt is for. */
	char host[HOST_LEN];
	uint16_t port;
	bool at_sentinel;
	unsigned next_sentinel;

	/* What a cluster's node named. */
	char moved[HOST_LEN]; /* "": none */
	uint16_t moved_port;
	bool use_moved; /* rather than the URL's host */
	bool asking;	/* it said ASK: each command needs ASKING before it */
	bool multi;	/* between MULTI and EXEC: for these, one before MULTI does */

	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *lookup;
	char addresses[MAX_ADDRESSES][ADDR_STRLEN]; /* of `host`, when it is a name */
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

/* Lets go of the connection, if there is one; pending commands are kept. */
static void drop(struct redis *r)
{
	redisAsyncContext *context = r->context;

	r->context = NULL;
	evtimer_del(r->patience);
	if (r->lookup)
		evdns_getaddrinfo_cancel(r->lookup);
	r->lookup = NULL;
	if (context)
		redisAsyncFree(context); /* its callbacks see that it is not r->context */
	redis_tls_end(r->tls);
	r->tls = NULL;
}

static bool was_told(struct redis *r, const char *reason)
{
	for (unsigned i = 0; i < r->n_told; i++)
		if (!strcmp(r->told[i], reason))
			return true;
	if (r->n_told == MAX_REASONS)
		return true;
	snprintf(r->told[r->n_told++], REASON_LEN, "%s", reason);
	return false;
}

/* Any state -> PAUSED. */
static void lose(struct redis *r, const char *why)
{
	bool was_up = r->state == UP;
	unsigned pause = FIRST_PAUSE_MS;
	uint16_t dice;
	char reason[REASON_LEN];

	if (r->state == PAUSED)
		return;
	snprintf(reason, sizeof(reason), "%s", why); /* may lie in what is freed here */
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	r->state = PAUSED;
	r->multi = false;
	drop(r);
	while (r->n_waiters)
		waiter_answer(r, NULL);

	for (unsigned i = 0; i < r->failures && pause < LAST_PAUSE_MS; i++)
		pause *= 2;
	if (pause > LAST_PAUSE_MS)
		pause = LAST_PAUSE_MS;
	r->failures++;
	evutil_secure_rng_get_bytes(&dice, sizeof(dice));
	set_timer(r->retry, pause / 2 + pause * dice / UINT16_MAX / 2);
	if (!was_up && r->next_address >= r->n_addresses)
		r->use_moved = !r->use_moved && r->moved[0];
	if (was_up)
		r->n_told = 0;
	if (!was_told(r, reason) && r->on_state)
		r->on_state(r->arg, false, reason);
}

static bool is_error(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR;
}

/* "MOVED 866 192.0.2.7:7001", or ASK: another node of the cluster has the key. An
 * empty host is the one that we talk to. */
static bool is_elsewhere(struct redis *r, const char *text)
{
	bool ask = !strncmp(text, "ASK ", 4);
	const char *at, *colon;
	char why[REASON_LEN];
	unsigned long port;
	size_t n;

	if (!ask && strncmp(text, "MOVED ", 6))
		return false;
	at = strchr(text, ' ');
	at = at ? strchr(at + 1, ' ') : NULL;
	colon = at ? strrchr(++at, ':') : NULL;
	n = colon ? (size_t)(colon - at) : 0;
	if (!colon || n >= sizeof(r->moved) || r->url.path ||
	    (port = strtoul(colon + 1, NULL, 10)) == 0 || port > UINT16_MAX)
		return false;
	if (n)
		snprintf(r->moved, sizeof(r->moved), "%.*s", (int)n, at);
	else
		snprintf(r->moved, sizeof(r->moved), "%s", r->host);
	r->moved_port = (uint16_t)port;
	r->use_moved = true;
	r->asking = ask;
	snprintf(why, sizeof(why), "the cluster keeps the key at %.100s port %lu", r->moved, port);
	lose(r, why);
	return true;
}

/* hiredis' reply callback. */
static void on_reply(redisAsyncContext *context, void *reply, void *arg)
{
	struct redis *r = arg;
	const redisReply *answer = reply;
	bool error = answer && is_error(answer);

	if (context != r->context)
		return;
	if (error && is_elsewhere(r, answer->str))
		return;
	waiter_answer(r, reply);
	if (error && r->url.master && context == r->context && !strncmp(answer->str, "READONLY", 8))
		lose(r, "the master is a replica now");
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

static void write_place(struct redis *r)
{
	if (r->url.path)
		snprintf(r->reason, sizeof(r->reason), "%s", r->url.path);
	else
		snprintf(r->reason, sizeof(r->reason),
			 strchr(r->host, ':') ? "[%.150s]:%u" : "%.150s:%u", r->host, r->port);
}

static void on_ping(void *arg, const struct redisReply *reply)
{
	struct redis *r = arg;

	if (!reply || r->state != GREETING)
		return; /* lose() is on its way */
	/* A user who may not PING is logged in all the same. */
	if (is_error(reply) && strncmp(reply->str, "NOPERM", 6)) {
		lose(r, reply->str);
		return;
	}
	r->state = UP;
	r->n_told = 0;
	write_place(r);
	set_timer(r->patience, STEADY_MS);
	if (r->on_state)
		r->on_state(r->arg, true, "");
}

/* A Sentinel may still name a master that has just become a replica. */
static void on_role(void *arg, const struct redisReply *reply)
{
	if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements &&
	    reply->element[0]->type == REDIS_REPLY_STRING &&
	    strcmp(reply->element[0]->str, "master"))
		lose(arg, "Sentinel names a master that is a replica");
}

/* The file may have been changed since; while it cannot be read, the last one. */
static void renew_password(struct redis *r)
{
	char err[REASON_LEN];
	char *fresh = r->url.password_file ?
			      secret_read(r->url.password_file, err, sizeof(err)) :
			      NULL;

	if (!fresh)
		return;
	redis_url_set(&r->url.password, fresh);
	redis_url_set(&fresh, NULL);
}

/* CONNECTING -> GREETING */
static void greet(struct redis *r)
{
	const char *login[3] = { "AUTH" }, *ping = "PING", *role = "ROLE";
	const char *select[2] = { "SELECT" };
	int n = 1, failed = 0;
	char db[8];

	r->state = GREETING;
	set_timer(r->patience, PATIENCE_MS);
	renew_password(r);
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
	if (r->url.master)
		failed |= send_command(r, on_role, r, 1, &role, NULL);
	failed |= send_command(r, on_ping, r, 1, &ping, NULL);
	if (failed)
		lose(r, "no memory for the greeting");
}

static void go_to(struct redis *r, const char *host, uint16_t port);

/* ASKING -> the master's address. */
static void on_master(void *arg, const struct redisReply *reply)
{
	struct redis *r = arg;
	char why[REASON_LEN], host[HOST_LEN];
	unsigned long port;

	if (!reply)
		return; /* lose() is on its way */
	if (is_error(reply)) {
		snprintf(why, sizeof(why), "Sentinel: %.150s", reply->str);
		lose(r, why);
		return;
	}
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    reply->element[0]->type != REDIS_REPLY_STRING ||
	    reply->element[1]->type != REDIS_REPLY_STRING ||
	    reply->element[0]->len >= sizeof(host) ||
	    (port = strtoul(reply->element[1]->str, NULL, 10)) == 0 || port > UINT16_MAX) {
		snprintf(why, sizeof(why), "Sentinel knows no master named %.100s", r->url.master);
		lose(r, why);
		return;
	}
	snprintf(host, sizeof(host), "%s", reply->element[0]->str);
	drop(r);
	r->at_sentinel = false;
	go_to(r, host, (uint16_t)port);
}

/* CONNECTING -> ASKING */
static void ask(struct redis *r)
{
	const char *question[] = { "SENTINEL", "get-master-addr-by-name", r->url.master };

	r->state = ASKING;
	set_timer(r->patience, PATIENCE_MS);
	if (send_command(r, on_master, r, 3, question, NULL))
		lose(r, "no memory for the question");
}

static void on_connect(const redisAsyncContext *context, int status)
{
	struct redis *r = context->data;
	unsigned unsent_ms = UNSENT_MS;
	char why[REASON_LEN];

	if (context != r->context)
		return;
	if (status != REDIS_OK) {
		snprintf(why, sizeof(why), "%s%s", r->at_sentinel ? "Sentinel: " : "",
			 context->c.err ? context->c.errstr : strerror(errno));
		r->context = NULL; /* hiredis frees it on return */
		lose(r, why);
		return;
	}
	if (!r->url.path) {
		/* Failing to set these costs time in an outage, nothing else. */
		redisEnableKeepAlive(&r->context->c);
		setsockopt(context->c.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms,
			   sizeof(unsent_ms));
	}
	if (r->url.tls) {
		r->tls = redis_tls_begin(&r->context->c, &r->url, r->host, why, sizeof(why));
		if (!r->tls) {
			lose(r, why);
			return;
		}
	}
	if (r->at_sentinel)
		ask(r);
	else
		greet(r);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
	struct redis *r = context->data;
	char buf[REASON_LEN];
	const char *why;

	if (context != r->context)
		return;
	r->context = NULL; /* hiredis frees it on return */
	why = r->tls ? redis_tls_problem(r->tls, buf, sizeof(buf)) : NULL;
	if (!why)
		why = status != REDIS_OK && context->errstr ? context->errstr : "connection closed";
	lose(r, why);
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
	redis_replies_use(r->replies, context->c.reader);
	r->context = context;
	redisLibeventAttach(context, r->base);
	redisAsyncSetConnectCallback(context, on_connect);
	redisAsyncSetDisconnectCallback(context, on_disconnect);
	set_timer(r->patience, PATIENCE_MS);
}

/* The host's addresses, one per attempt. */
static void connect_next(struct redis *r)
{
	begin(r, redisAsyncConnect(r->addresses[r->next_address++], r->port));
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
		snprintf(why, sizeof(why), "the name %.100s: %s", r->host,
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
	lookup = evdns_getaddrinfo(r->dns, r->host, NULL, &hints, on_resolved, r);
	if (lookup) /* else it has been answered already, from /etc/hosts */
		r->lookup = lookup;
}

/* -> RESOLVING or CONNECTING */
static void go_to(struct redis *r, const char *host, uint16_t port)
{
	bool same = !strcmp(host, r->host);
	struct addr numeric;

	if (!same)
		snprintf(r->host, sizeof(r->host), "%s", host);
	r->port = port;
	if (addr_parse(r->host, &numeric)) {
		r->n_addresses = r->next_address = 0;
		begin(r, redisAsyncConnect(r->host, port));
	} else if (same && r->next_address < r->n_addresses) {
		connect_next(r);
	} else {
		resolve(r);
	}
}

/* Leaves PAUSED. */
static void try(struct redis *r)
{
	const struct redis_host *s;

	if (r->url.path) {
		begin(r, redisAsyncConnectUnix(r->url.path));
	} else if (r->url.n_sentinels) {
		s = &r->url.sentinel[r->next_sentinel++ % r->url.n_sentinels];
		r->at_sentinel = true;
		go_to(r, s->name, s->port);
	} else if (r->use_moved && r->moved[0]) {
		go_to(r, r->moved, r->moved_port);
	} else {
		r->asking = false;
		go_to(r, r->url.host, r->url.port);
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	try(arg);
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;
	char buf[REASON_LEN];
	const char *why = r->tls && r->state != UP ?
				  redis_tls_problem(r->tls, buf, sizeof(buf)) :
				  NULL;

	switch (r->state) {
	case PAUSED:
		break;
	case RESOLVING:
		lose(r, "the name server does not answer");
		break;
	case CONNECTING:
		lose(r, r->at_sentinel ? "Sentinel: connection timed out" :
					 "connection timed out");
		break;
	case ASKING:
		lose(r, why ? why : "Sentinel does not answer");
		break;
	case GREETING:
		lose(r, why ? why : "connected, but Redis does not answer");
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
	snprintf(r->reason, sizeof(r->reason), "connecting");
	r->retry = evtimer_new(base, on_retry, r);
	r->patience = evtimer_new(base, on_patience, r);
	r->replies = redis_replies_new();
	if (!r->replies || !r->retry || !r->patience || redis_url_copy(&r->url, url)) {
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
	redis_replies_free(r->replies);
	free(r->waiters);
	free(r);
}

bool redis_is_up(const struct redis *r)
{
	return r->state == UP;
}

const char *redis_words(const struct redis *r)
{
	return r->reason;
}

int redis_send(struct redis *r, redis_reply_fn *fn, void *arg, int argc, const char **argv,
	       const size_t *argvlen)
{
	const char *first = "ASKING";

	if (r->state != UP)
		return -ENOTCONN;
	if (r->asking && !r->multi && send_command(r, NULL, NULL, 1, &first, NULL))
		return -ENOTCONN;
	return send_command(r, fn, arg, argc, argv, argvlen);
}

int redis_multi(struct redis *r, redis_reply_fn *fn, void *arg)
{
	const char *name = "MULTI";
	int rc = redis_send(r, fn, arg, 1, &name, NULL);

	r->multi = rc == 0;
	return rc;
}

int redis_exec(struct redis *r, redis_reply_fn *fn, void *arg)
{
	const char *name = "EXEC";
	int rc = redis_send(r, fn, arg, 1, &name, NULL);

	r->multi = false;
	return rc;
}

struct redis_kept *redis_keep(struct redis *r)
{
	return redis_replies_keep(r->replies);
}

void redis_give_back(struct redis *r, struct redis_kept *kept)
{
	if (kept)
		redis_replies_give_back(r->replies, kept);
}

/* An error stays in the context until the loop looks there. */
void redis_flush(struct redis *r)
{
	int done;

	if (r->state == UP)
		redisBufferWrite(&r->context->c, &done);
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
