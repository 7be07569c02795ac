/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks: http.lock guards the list of connections and is taken before an exchange's
 * lock, which guards `suspended` and is held around the calls that suspend and
 * resume. jobs_lock stands alone. libmicrohttpd calls us back with none of its own
 * held.
 *
 * An exchange lives until libmicrohttpd says that it is completed, which it never
 * does while the connection is suspended. A job belongs to a suspended connection.
 */
#include "collector/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/log.h"

#define EVENT_THREADS 2
#define STACK (256 * 1024)
#define MEMORY (24 * 1024)	   /* of a connection: request line, headers, buffers */
#define IDLE_S 30		   /* a connection on which nothing moves */
#define REQUEST_NS (20 * NS_PER_S) /* a request is whole so soon, or its client is cut */
#define ANSWER_NS (120 * NS_PER_S) /* and has read its answer, unless that is a stream */
#define SPARE 64		   /* connections beyond the limit that are told so */
#define LARGE 65536		   /* bytes of an answer that count as held */
#define MAX_JOBS 256		   /* requests that wait for a worker */
#define PIECE 16384		   /* bytes asked of a source at once */
#define MAX_PEM (256 * 1024)

enum stage {
	STAGE_READING,	 /* the connection has no whole request */
	STAGE_WORKING,	 /* a worker has it, or it waits for one */
	STAGE_ANSWERING, /* a body of known length is sent */
	STAGE_STREAMING	 /* a source's */
};

struct connection {
	struct connection *prev, *next;
	struct http_waker *exchange;
	char *uri;
	bool uri_too_long;
	unsigned generation; /* of the server that it came to, see reload() */
	int fd;
	enum stage stage;
	uint64_t since_ns; /* when it entered the stage */
};

/* One request and its answer. */
struct http_waker {
	struct http *http;
	struct MHD_Connection *mhd;
	struct connection *connection;
	struct http_request request;
	struct http_answer answer;
	char *body;
	size_t len;
	size_t held; /* of http->held */
	bool too_large, answered, working, filling;
	pthread_mutex_t lock;
	bool suspended;
	struct http_waker *next_job;
};

struct http {
	struct http_config config;
	struct server *server;
	atomic_bool stopping, reload;
	atomic_uint generation;

	pthread_mutex_t lock;
	struct connection *connections;
	atomic_uint n_connections;

	pthread_mutex_t jobs_lock;
	pthread_cond_t jobs_there;
	struct http_waker *jobs, **jobs_end;
	unsigned n_jobs;
	bool jobs_stop;
	pthread_t workers[HTTP_WORKERS];
	unsigned n_workers;

	pthread_mutex_t house_lock;
	pthread_cond_t house_stop;
	pthread_t house;
	bool house_runs, house_stopping;

	uint8_t boot[6]; /* of request ids */
	atomic_uint_fast64_t numbers;
	atomic_uint_fast64_t requests, refused, cut;
	atomic_size_t held; /* bytes of large answers that are not sent yet */
};

/* One of libmicrohttpd's; there are two while a certificate is replaced. */
struct server {
	struct http *http;
	struct MHD_Daemon *daemon;
	unsigned generation;
};

struct worker {
	struct http *http;
	unsigned number;
};

/* It is being stopped, or has been replaced. */
static bool is_old(const struct http_waker *x)
{
	return x->http->stopping || x->connection->generation < x->http->generation;
}

/* ---- suspending ------------------------------------------------------------- */

void http_wake(struct http_waker *x)
{
	pthread_mutex_lock(&x->lock);
	if (x->suspended) {
		x->suspended = false;
		MHD_resume_connection(x->mhd);
	}
	pthread_mutex_unlock(&x->lock);
}

/* Within the lock. */
static void suspend(struct http_waker *x)
{
	x->suspended = true;
	MHD_suspend_connection(x->mhd);
}

void http_cut(struct http_waker *x)
{
	x->http->cut++;
	shutdown(x->connection->fd, SHUT_RDWR);
	http_wake(x); /* it notices when it goes on */
}

/* ---- workers ---------------------------------------------------------------- */

static bool add_job(struct http *h, struct http_waker *x, bool must)
{
	bool there;

	pthread_mutex_lock(&h->jobs_lock);
	there = must || h->n_jobs < MAX_JOBS;
	if (there) {
		x->next_job = NULL;
		*h->jobs_end = x;
		h->jobs_end = &x->next_job;
		h->n_jobs++;
		pthread_cond_signal(&h->jobs_there);
	}
	pthread_mutex_unlock(&h->jobs_lock);
	return there;
}

static struct http_waker *take_job(struct http *h)
{
	struct http_waker *x;

	pthread_mutex_lock(&h->jobs_lock);
	while (!h->jobs && !h->jobs_stop)
		pthread_cond_wait(&h->jobs_there, &h->jobs_lock);
	x = h->jobs;
	if (x) {
		h->jobs = x->next_job;
		if (!h->jobs)
			h->jobs_end = &h->jobs;
		h->n_jobs--;
	}
	pthread_mutex_unlock(&h->jobs_lock);
	return x;
}

static void stage(struct http_waker *x, enum stage s)
{
	struct http *h = x->http;

	pthread_mutex_lock(&h->lock);
	x->connection->stage = s;
	x->connection->since_ns = h->config.now_mono();
	pthread_mutex_unlock(&h->lock);
}

/* Who asks for much on many connections and reads slowly shall not fill the memory: what
 * large answers hold together has a bound. One by itself always may. */
static void hold(struct http *h, struct http_waker *x)
{
	size_t len = x->answer.body ? x->answer.len : 0, others;

	if (len < LARGE)
		return;
#ifdef __GLIBC__
	malloc_trim(0); /* what it was made of took many times as much */
#endif
	others = atomic_fetch_add(&h->held, len);
	if (!others || others + len <= HTTP_MAX_HELD) {
		x->held = len;
		return;
	}
	atomic_fetch_sub(&h->held, len);
	http_problem(&x->answer, &x->request, 503, "busy",
		     "large answers wait for their readers already; ask for less, or later");
	http_answer_header(&x->answer, "Retry-After", "5");
}

static void do_job(struct http *h, unsigned worker, struct http_waker *x)
{
	if (x->filling) {
		if (!h->stopping)
			x->answer.source->fill(x->answer.arg, worker);
		x->filling = false;
	} else if (h->stopping) {
		http_problem(&x->answer, &x->request, 503, "stopping",
			     "the collector is being stopped");
		x->answered = true;
	} else {
		x->request.body = x->body;
		x->request.len = x->len;
		h->config.handle(h->config.arg, worker, &x->request, &x->answer);
		http_answer_compress(&x->answer, &x->request);
		hold(h, x);
		x->answered = true;
	}
	http_wake(x);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct http *h = w->http;
	unsigned number = w->number;
	struct http_waker *x;

	free(w);
	while ((x = take_job(h)) != NULL)
		do_job(h, number, x);
	return NULL;
}

/* ---- answering -------------------------------------------------------------- */

static ssize_t on_read(void *arg, uint64_t position, char *buf, size_t max)
{
	struct http_waker *x = arg;
	const struct http_source *source = x->answer.source;
	bool more = false;
	ssize_t n;

	pthread_mutex_lock(&x->lock);
	n = is_old(x) ? HTTP_SOURCE_ABORT : source->read(x->answer.arg, buf, max);
	if (n == 0) {
		more = source->fill != NULL;
		x->filling = more;
		suspend(x);
	}
	pthread_mutex_unlock(&x->lock);
	if (more) /* nobody else resumes this one */
		add_job(x->http, x, true);
	if (n == HTTP_SOURCE_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static struct MHD_Response *make_response(struct http_waker *x)
{
	struct http_answer *a = &x->answer;
	struct MHD_Response *r;

	if (a->source)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, on_read, x, NULL);
	r = MHD_create_response_from_buffer(a->len, a->body ? a->body : "",
					    a->body ? MHD_RESPMEM_MUST_FREE
						    : MHD_RESPMEM_PERSISTENT);
	if (r)
		a->body = NULL;
	return r;
}

#define PAGE_POLICY                                                                                \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "          \
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "              \
	"form-action 'none'; frame-ancestors 'none'"

/* What a browser is told of every answer: nothing here is for other sites' pages,
 * frames or caches. The page brings its scripts and styles itself. */
static void add_headers(struct MHD_Response *r, const struct http_waker *x)
{
	static const char *const always[][2] = {
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "X-Frame-Options", "DENY" },
		{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
	};
	const struct http_answer *a = &x->answer;

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		MHD_add_response_header(r, always[i][0], always[i][1]);
	MHD_add_response_header(r, "Content-Security-Policy", a->policy ? a->policy : PAGE_POLICY);
	if (x->http->config.cert)
		MHD_add_response_header(r, "Strict-Transport-Security", "max-age=31536000");
	MHD_add_response_header(r, "X-Request-Id", x->request.id);
	if (a->type)
		MHD_add_response_header(r, "Content-Type", a->type);
	if (a->no_store)
		MHD_add_response_header(r, "Cache-Control", "no-store");
	if (a->close)
		MHD_add_response_header(r, "Connection", "close");
	for (size_t i = 0; i < a->n_headers; i++)
		MHD_add_response_header(r, a->headers[i].name, a->headers[i].value);
}

static enum MHD_Result answer(struct http_waker *x)
{
	struct MHD_Response *r;
	enum MHD_Result rc;

	if (!x->answer.status)
		x->answer.status = 500;
	if (x->answer.status >= 400)
		x->http->refused++;
	r = make_response(x);
	if (!r)
		return MHD_NO;
	add_headers(r, x);
	if (x->answer.source && x->answer.source->start)
		x->answer.source->start(x->answer.arg, x);
	stage(x, x->answer.source ? STAGE_STREAMING : STAGE_ANSWERING);
	rc = MHD_queue_response(x->mhd, x->answer.status, r);
	MHD_destroy_response(r);
	return rc;
}

/* ---- requests ---------------------------------------------------------------- */

static void name_client(struct http_waker *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;
	char *to = x->request.client;
	const struct in6_addr *v6;

	snprintf(to, sizeof(x->request.client), "?");
	if (sa && sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)sa)->sin_addr, to,
			  sizeof(x->request.client));
	} else if (sa && sa->sa_family == AF_INET6) {
		v6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(v6))
			inet_ntop(AF_INET, v6->s6_addr + 12, to, sizeof(x->request.client));
		else
			inet_ntop(AF_INET6, v6, to, sizeof(x->request.client));
	}
}

/* The last one: a proxy puts its own after what the client has sent. */
static enum MHD_Result take_forwarded(void *arg, enum MHD_ValueKind kind, const char *key,
				      const char *value)
{
	const char **last = arg;

	if (strcasecmp(key, "X-Forwarded-For") == 0)
		*last = value;
	return MHD_YES;
}

static void read_headers(struct http_waker *x)
{
	const struct {
		const char *name, **to;
	} wanted[] = {
		{ "Host", &x->request.host },
		{ "Origin", &x->request.origin },
		{ "Sec-Fetch-Site", &x->request.fetch_site },
		{ "Authorization", &x->request.authorization },
		{ "Content-Type", &x->request.content_type },
		{ "Accept", &x->request.accept },
		{ "Accept-Encoding", &x->request.accept_encoding },
		{ "If-None-Match", &x->request.if_none_match },
		{ "Last-Event-ID", &x->request.last_event_id },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		*wanted[i].to =
			MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, wanted[i].name);
	MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, take_forwarded,
				  &x->request.forwarded_for);
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static struct http_waker *begin(struct http *h, struct MHD_Connection *mhd)
{
	struct connection *c = connection_of(mhd);
	struct http_waker *x = c ? calloc(1, sizeof(*x)) : NULL;

	if (!x)
		return NULL;
	x->http = h;
	x->mhd = mhd;
	x->connection = c;
	pthread_mutex_init(&x->lock, NULL);
	snprintf(x->request.id, sizeof(x->request.id), "%02x%02x%02x%02x%02x%02x-%" PRIx64,
		 h->boot[0], h->boot[1], h->boot[2], h->boot[3], h->boot[4], h->boot[5],
		 (uint64_t)++h->numbers);
	name_client(x);
	read_headers(x);
	pthread_mutex_lock(&h->lock);
	c->exchange = x;
	pthread_mutex_unlock(&h->lock);
	h->requests++;
	return x;
}

/* Answered before the body, if there is one, has been read: the rest of it would be
 * taken for the next request, so the connection ends. */
static bool is_refused(struct http_waker *x, const char *method)
{
	struct http *h = x->http;
	struct http_request *r = &x->request;
	const char *why,
		*length = MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, "Content-Length");
	bool has_body = length ||
			MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, "Transfer-Encoding");

	r->method = http_request_method(method);
	x->answer.close = has_body;
	if (h->n_connections > h->config.connections) {
		http_problem(&x->answer, r, 503, "busy", "there are %u connections already",
			     h->config.connections);
		http_answer_header(&x->answer, "Retry-After", "5");
		x->answer.close = true;
	} else if (x->connection->uri_too_long) {
		http_problem(&x->answer, r, 414, "uri-too-long",
			     "an address is at most %d bytes long", HTTP_MAX_URI);
	} else if (!x->connection->uri || !http_request_uri(r, x->connection->uri, &why)) {
		http_problem(&x->answer, r, 400, "bad-request", "%s",
			     x->connection->uri ? why : "there is no address");
	} else if (length && strtoull(length, NULL, 10) > HTTP_MAX_BODY) {
		http_problem(&x->answer, r, 413, "body-too-large",
			     "a body is at most %d bytes long", HTTP_MAX_BODY);
	} else if (!h->config.check(h->config.arg, r, &x->answer)) {
		x->answer.close = false;
		return false;
	}
	return true;
}

static void take_body(struct http_waker *x, const char *data, size_t len)
{
	if (!x->body && !x->too_large)
		x->body = malloc(HTTP_MAX_BODY + 1);
	if (!x->body || x->len + len > HTTP_MAX_BODY) {
		x->too_large = true;
		return; /* read on, for as long as a request may take */
	}
	memcpy(x->body + x->len, data, len);
	x->len += len;
	x->body[x->len] = '\0';
}

static enum MHD_Result hand_over(struct http_waker *x)
{
	bool there, stopping;

	if (x->too_large) {
		http_problem(&x->answer, &x->request, 413, "body-too-large",
			     "a body is at most %d bytes long", HTTP_MAX_BODY);
		x->answer.close = true;
		return answer(x);
	}
	stage(x, STAGE_WORKING);
	pthread_mutex_lock(&x->lock);
	stopping = x->http->stopping;
	there = !stopping && add_job(x->http, x, false);
	x->working = there;
	if (there)
		suspend(x);
	pthread_mutex_unlock(&x->lock);
	if (there || stopping)
		return stopping ? MHD_NO : MHD_YES;
	http_problem(&x->answer, &x->request, 503, "busy", "%d requests are waiting already",
		     MAX_JOBS);
	http_answer_header(&x->answer, "Retry-After", "1");
	return answer(x);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **context)
{
	struct http *h = arg;
	struct http_waker *x = *context;

	if (!x) {
		x = begin(h, mhd);
		*context = x;
		if (!x || is_old(x))
			return MHD_NO;
		if (!is_refused(x, method))
			return MHD_YES;
		/* libmicrohttpd ends a connection that is answered before the body */
		x->answered = true;
		return x->answer.close ? answer(x) : MHD_YES;
	}
	if (x->answered)
		return answer(x);
	if (x->working) /* woken without an answer: it stops */
		return MHD_NO;
	if (*len) {
		take_body(x, data, *len);
		*len = 0;
		return MHD_YES;
	}
	return hand_over(x);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct http *h = arg;
	struct http_waker *x = *context;

	if (!x)
		return;
	*context = NULL;
	/* who woke it may not have let go of it yet */
	pthread_mutex_lock(&x->lock);
	pthread_mutex_unlock(&x->lock);
	pthread_mutex_lock(&h->lock);
	x->connection->exchange = NULL;
	x->connection->stage = STAGE_READING;
	x->connection->since_ns = h->config.now_mono();
	pthread_mutex_unlock(&h->lock);
	atomic_fetch_sub(&h->held, x->held);
	http_answer_clear(&x->answer);
	free(x->body);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

/* The target as it came: libmicrohttpd decodes it its own way. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
	struct connection *c = connection_of(mhd);

	if (!c)
		return NULL;
	free(c->uri);
	c->uri_too_long = strlen(uri) > HTTP_MAX_URI;
	c->uri = c->uri_too_long ? NULL : strdup(uri);
	return NULL;
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	const struct server *server = arg;
	struct http *h = server->http;
	struct connection *c;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		c = info ? calloc(1, sizeof(*c)) : NULL;
		*context = c;
		if (!c)
			return; /* its requests are refused, see begin() */
		c->fd = info->connect_fd;
		c->generation = server->generation;
		c->since_ns = h->config.now_mono();
		pthread_mutex_lock(&h->lock);
		c->next = h->connections;
		if (c->next)
			c->next->prev = c;
		h->connections = c;
		h->n_connections++;
		pthread_mutex_unlock(&h->lock);
		return;
	}
	c = *context;
	if (!c)
		return;
	*context = NULL;
	pthread_mutex_lock(&h->lock);
	if (c->next)
		c->next->prev = c->prev;
	*(c->prev ? &c->prev->next : &h->connections) = c->next;
	h->n_connections--;
	pthread_mutex_unlock(&h->lock);
	free(c->uri);
	free(c);
}

static void on_message(void *arg, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
static void on_message(void *arg, const char *fmt, va_list args)
{
	char text[300];

	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("http: %s", text);
}

/* ---- libmicrohttpd's own threads ------------------------------------------------ */

static char *read_pem(const char *path, char *err, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = malloc(MAX_PEM + 1);
	ssize_t n = fd >= 0 && text ? read(fd, text, MAX_PEM) : -1;

	if (n <= 0)
		snprintf(err, size, "%s: %s", path, n < 0 ? strerror(errno) : "is empty");
	if (fd >= 0)
		close(fd);
	if (n <= 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static void stop_server(struct server *s)
{
	if (s)
		MHD_stop_daemon(s->daemon);
	free(s);
}

static struct server *start_server(struct http *h, unsigned generation, char *err, size_t size)
{
	const struct http_config *c = &h->config;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	char *cert = NULL, *key = NULL;
	/* libmicrohttpd closes the one it is given */
	int listening = fcntl(c->socket, F_DUPFD_CLOEXEC, 3);
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, NULL },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		  "SECURE192:SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);

	snprintf(err, size, "the HTTP server could not be started: %s",
		 listening < 0 ? strerror(errno) : "no threads or no memory");
	if (getsockname(c->socket, (struct sockaddr *)&at, &len) == 0 && at.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	if (c->cert) {
		flags |= MHD_USE_TLS;
		cert = read_pem(c->cert, err, size);
		key = cert ? read_pem(c->key, err, size) : NULL;
		if (!key)
			goto out;
		snprintf(err, size, "%s and %s are no certificate and key that fit each other",
			 c->cert, c->key);
		tls[0].ptr_value = cert;
		tls[1].ptr_value = key;
	} else {
		tls[0].option = MHD_OPTION_END;
	}
	if (!s || listening < 0)
		goto out;
	s->http = h;
	s->generation = generation;
	s->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
		MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_THREAD_POOL_SIZE,
		(unsigned)EVENT_THREADS, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)(c->connections + SPARE),
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)c->per_address,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
		on_uri, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_ARRAY, tls,
		MHD_OPTION_END);
	if (s->daemon)
		listening = -1;
out:
	if (listening >= 0)
		close(listening);
	if (s && !s->daemon) {
		free(s);
		s = NULL;
	}
	free(cert);
	if (key)
		explicit_bzero(key, strlen(key));
	free(key);
	return s;
}

/* ---- housekeeping ------------------------------------------------------------ */

/* libmicrohttpd cuts a connection on which nothing moves; one that moves a byte from
 * time to time it keeps. Its socket is still open while it is in the list. */
static void cut_slow(struct http *h, uint64_t now)
{
	static const uint64_t most[] = {
		[STAGE_READING] = REQUEST_NS, [STAGE_ANSWERING] = ANSWER_NS
	};

	pthread_mutex_lock(&h->lock);
	for (struct connection *c = h->connections; c; c = c->next) {
		if (c->stage == STAGE_WORKING || c->stage == STAGE_STREAMING || now < c->since_ns ||
		    now - c->since_ns < most[c->stage])
			continue;
		h->cut += c->exchange || c->stage == STAGE_ANSWERING || !c->uri;
		shutdown(c->fd, SHUT_RDWR);
		c->since_ns = now;
	}
	pthread_mutex_unlock(&h->lock);
}

/* What is suspended with nobody at work on it goes on; returns how many others there
 * are, which their workers will wake. */
static unsigned wake_streams(struct http *h)
{
	unsigned left = 0;

	pthread_mutex_lock(&h->lock);
	for (struct connection *c = h->connections; c; c = c->next) {
		struct http_waker *x = c->exchange;

		if (!x || c->generation >= h->generation)
			continue;
		pthread_mutex_lock(&x->lock);
		left += x->suspended;
		pthread_mutex_unlock(&x->lock);
		if (c->stage == STAGE_STREAMING && !x->answer.source->fill)
			http_wake(x);
	}
	pthread_mutex_unlock(&h->lock);
	return left;
}

/* libmicrohttpd reads a certificate once, so a second server takes over the socket;
 * the first one's clients come again. */
static void reload(struct http *h)
{
	struct timespec pause = { 0, 20 * (long)NS_PER_MS };
	struct server *old = h->server, *new;
	char err[600];
	int listening;

	h->reload = false;
	if (!h->config.cert)
		return;
	new = start_server(h, h->generation + 1, err, sizeof(err));
	if (!new) {
		log_error("%s; the old certificate stays", err);
		return;
	}
	h->server = new;
	h->generation++; /* from here on the others' streams end */
	listening = MHD_quiesce_daemon(old->daemon);
	if (listening >= 0)
		close(listening);
	while (wake_streams(h))
		nanosleep(&pause, NULL);
	stop_server(old);
	log_info("the certificate of the API was read again");
}

static void *keep_house(void *arg)
{
	struct http *h = arg;
	struct http_totals totals;
	struct timespec next;
	uint64_t at;

	pthread_mutex_lock(&h->house_lock);
	while (!h->house_stopping) {
		at = h->config.now_mono() + NS_PER_S;
		next.tv_sec = (time_t)(at / NS_PER_S);
		next.tv_nsec = (long)(at % NS_PER_S);
		pthread_cond_timedwait(&h->house_stop, &h->house_lock, &next);
		if (h->house_stopping)
			break;
		cut_slow(h, h->config.now_mono());
		http_totals(h, &totals);
		if (h->config.tick)
			h->config.tick(h->config.arg, &totals);
		if (h->reload)
			reload(h);
	}
	pthread_mutex_unlock(&h->house_lock);
	return NULL;
}

/* ---- life ---------------------------------------------------------------------- */

static bool parse_address(const char *address, struct sockaddr_storage *to, socklen_t *len,
			  bool *loopback)
{
	char host[64];
	const char *colon = strrchr(address, ':');
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
	struct sockaddr_in *four = (struct sockaddr_in *)to;
	unsigned long port;
	char *end;
	size_t n = colon ? (size_t)(colon - address) : 0;

	memset(to, 0, sizeof(*to));
	if (!colon || n == 0 || n >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return false;
	memcpy(host, address, n);
	host[n] = '\0';
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		*len = sizeof(*six);
		*loopback = inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1 &&
			    IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
		return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	*len = sizeof(*four);
	if (strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &four->sin_addr) != 1)
		return false;
	*loopback = ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return true;
}

enum http_reach http_reach(const char *address)
{
	struct sockaddr_storage at;
	socklen_t len;
	bool loopback;

	if (!parse_address(address, &at, &len, &loopback))
		return HTTP_NO_ADDRESS;
	return loopback ? HTTP_LOOPBACK : HTTP_EVERYBODY;
}

int http_listen(const char *address, bool *in_use, char *err, size_t size)
{
	struct sockaddr_storage at;
	socklen_t len;
	bool loopback;
	int fd, one = 1;

	*in_use = false;
	if (!parse_address(address, &at, &len, &loopback)) {
		snprintf(err, size,
			 "\"%.80s\": an address and a port as 127.0.0.1:8686 or [::1]:8686",
			 address);
		return -1;
	}
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* where IPv6 takes both, [::] is everybody as 0.0.0.0 is: that is asked for */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 128) == 0)
		return fd;
	*in_use = errno == EADDRINUSE;
	snprintf(err, size, "%s: %s", address, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

const char *http_listening(int socket, char *buf, size_t size)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN] = "?";

	if (getsockname(socket, (struct sockaddr *)&at, &len) != 0)
		snprintf(buf, size, "?");
	else if (at.ss_family == AF_INET6)
		snprintf(buf, size, "[%s]:%u",
			 inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&at)->sin6_addr, host,
				   sizeof(host)),
			 ntohs(((struct sockaddr_in6 *)&at)->sin6_port));
	else
		snprintf(buf, size, "%s:%u",
			 inet_ntop(AF_INET, &((struct sockaddr_in *)&at)->sin_addr, host,
				   sizeof(host)),
			 ntohs(((struct sockaddr_in *)&at)->sin_port));
	return buf;
}

static bool start_threads(struct http *h)
{
	for (unsigned i = 0; i < HTTP_WORKERS; i++) {
		struct worker *w = malloc(sizeof(*w));

		if (!w)
			return false;
		*w = (struct worker){ h, i };
		if (pthread_create(&h->workers[i], NULL, work, w) != 0) {
			free(w);
			return false;
		}
		h->n_workers++;
	}
	h->house_runs = pthread_create(&h->house, NULL, keep_house, h) == 0;
	return h->house_runs;
}

static void init(struct http *h, const struct http_config *config)
{
	pthread_condattr_t monotonic;

	h->config = *config;
	h->jobs_end = &h->jobs;
	pthread_mutex_init(&h->lock, NULL);
	pthread_mutex_init(&h->jobs_lock, NULL);
	pthread_cond_init(&h->jobs_there, NULL);
	pthread_mutex_init(&h->house_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&h->house_stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (getrandom(h->boot, sizeof(h->boot), 0) < 0)
		memset(h->boot, 0, sizeof(h->boot));
}

struct starting {
	struct http *http;
	char *err;
	size_t size;
};

/* In a thread of its own: those that it starts are as nice as it is, libmicrohttpd's
 * as well, and the main loop, which stores, stays what it was. Where that is not
 * allowed they are equals. */
static void *start_all(void *arg)
{
	struct starting *s = arg;

	setpriority(PRIO_PROCESS, 0, HTTP_NICE);
	if (start_threads(s->http))
		s->http->server = start_server(s->http, 0, s->err, s->size);
	return NULL;
}

struct http *http_start(const struct http_config *config, char *err, size_t size)
{
	struct http *h = calloc(1, sizeof(*h));
	sigset_t ours, before;
	pthread_t starter;

	snprintf(err, size, "the HTTP server could not be started: no threads or no memory");
	if (!h)
		return NULL;
	init(h, config);
	/* signals are the main loop's; SIGSYS is each thread's own, see syscalls.c */
	sigfillset(&ours);
	sigdelset(&ours, SIGSYS);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	if (pthread_create(&starter, NULL, start_all, &(struct starting){ h, err, size }) == 0)
		pthread_join(starter, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (h->server)
		return h;
	http_stop(h);
	return NULL;
}

void http_reload(struct http *h)
{
	h->reload = true;
}

static void stop_house(struct http *h)
{
	pthread_mutex_lock(&h->house_lock);
	h->house_stopping = true;
	pthread_cond_signal(&h->house_stop);
	pthread_mutex_unlock(&h->house_lock);
	if (h->house_runs)
		pthread_join(h->house, NULL);
}

static void stop_workers(struct http *h)
{
	pthread_mutex_lock(&h->jobs_lock);
	h->jobs_stop = true;
	pthread_cond_broadcast(&h->jobs_there);
	pthread_mutex_unlock(&h->jobs_lock);
	for (unsigned i = 0; i < h->n_workers; i++)
		pthread_join(h->workers[i], NULL);
}

/* Nothing suspends itself any more; libmicrohttpd must not be stopped while something
 * is. */
static void wake_all(struct http *h)
{
	pthread_mutex_lock(&h->lock);
	for (struct connection *c = h->connections; c; c = c->next)
		if (c->exchange)
			http_wake(c->exchange);
	pthread_mutex_unlock(&h->lock);
}

void http_stop(struct http *h)
{
	if (!h)
		return;
	h->stopping = true;
	stop_house(h);
	stop_workers(h);
	wake_all(h);
	stop_server(h->server);
	pthread_mutex_destroy(&h->lock);
	pthread_mutex_destroy(&h->jobs_lock);
	pthread_cond_destroy(&h->jobs_there);
	pthread_mutex_destroy(&h->house_lock);
	pthread_cond_destroy(&h->house_stop);
	free(h);
}

void http_totals(struct http *h, struct http_totals *out)
{
	out->requests = h->requests;
	out->refused = h->refused;
	out->connections = h->n_connections;
	out->cut = h->cut;
}
