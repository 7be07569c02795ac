/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers as values; how fast who may ask; and the server on a port of
 * its own, spoken to in bytes: bodies made at once and piece by piece, streams that
 * somebody wakes, requests that are cut short, too large or too many, and an end that
 * waits for nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/http/http.h"
#include "collector/http/limit.h"
#include "common/clock.h"

/* ---- values ---------------------------------------------------------------------- */

static void test_uri(void **state)
{
	static const struct {
		const char *uri, *path, *a, *b; /* path NULL: refused */
	} cases[] = {
		{ "/", "/" },
		{ "/x?a=1&b=2", "/x", "1", "2" },
		{ "/x?b=%2d2h&a=a+b%2B", "/x", "a b+", "-2h" },
		{ "/x?a", "/x", "", NULL },
		{ "/x?&&a=&", "/x", "", NULL },
		{ "/x?a==&b=?/", "/x", "=", "?/" },
		{ "/%C3%A9?a=%e2%82%ac", "/\xc3\xa9", "\xe2\x82\xac", NULL },
		{ "/a+b", "/a+b" },
		{ "/x?a=1&a=2", NULL },
		{ "/x?%61=1&a=2", NULL },
		{ "/%00", NULL },
		{ "/%", NULL },
		{ "/%4", NULL },
		{ "/%zz", NULL },
		{ "/%0a", NULL },
		{ "/?a=%00", NULL },
		{ "/?a=%ff", NULL },
		{ "/?%ff=1", NULL },
		{ "/%c3", NULL },
		{ "x", NULL },
		{ "", NULL },
		{ "http://x/", NULL },
		{ "*", NULL },
	};
	struct http_request r;
	const char *why, *value;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = http_request_uri(&r, cases[i].uri, &why);

		if (good != (cases[i].path != NULL))
			fail_msg("%s: %s", cases[i].uri, good ? "taken" : why);
		if (!good)
			continue;
		assert_string_equal(r.path, cases[i].path);
		for (int j = 0; j < 2; j++) {
			const char *want = j ? cases[i].b : cases[i].a;

			value = http_param(&r, j ? "b" : "a");
			assert_int_equal(want != NULL, value != NULL);
			if (want)
				assert_string_equal(value, want);
		}
	}
}

static void test_uri_bounds(void **state)
{
	char uri[HTTP_MAX_URI + 8] = "/";
	struct http_request r;
	const char *why;
	size_t n = 2;

	memset(uri + 1, 'a', HTTP_MAX_URI);
	assert_false(http_request_uri(&r, uri, &why));
	uri[HTTP_MAX_URI] = '\0';
	assert_true(http_request_uri(&r, uri, &why));
	strcpy(uri, "/?");
	for (int i = 0; i <= HTTP_MAX_PARAMS; i++)
		n += (size_t)sprintf(uri + n, "%d=&", i);
	assert_false(http_request_uri(&r, uri, &why));
	assert_string_equal(why, "too many parameters");
}

static void test_problem(void **state)
{
	struct http_request r = { .id = "1" };
	struct http_answer a = { 0 };
	json_t *doc;

	http_answer_json(&a, 200, json_pack("{}"));
	http_answer_header(&a, "Allow", "%s", "GET");
	http_problem(&a, &r, 404, "not-found", "no %s", "such");
	assert_int_equal(a.status, 404);
	assert_string_equal(a.type, "application/problem+json");
	assert_int_equal(a.n_headers, 1);
	doc = json_loadb(a.body, a.len, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(doc, "type")),
			    "urn:glasswatch:problem:not-found");
	assert_string_equal(json_string_value(json_object_get(doc, "detail")), "no such");
	assert_int_equal(json_integer_value(json_object_get(doc, "status")), 404);
	json_decref(doc);
	/* what the client sent was cut within a character */
	http_problem(&a, &r, 400, "bad-parameter", "%.1s", "\xc3\xa9");
	doc = json_loadb(a.body, a.len, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(doc, "detail")), "");
	json_decref(doc);
	http_answer_clear(&a);
}

static void test_limit(void **state)
{
	struct http_limit *l = http_limit_new(2, 4);
	uint64_t now = 1000 * NS_PER_S;
	unsigned wait = 0;
	char name[32];

	for (int i = 0; i < 4; i++)
		assert_true(http_limit_take(l, "a", now, &wait));
	assert_false(http_limit_take(l, "a", now, &wait));
	assert_int_equal(wait, 1);
	assert_true(http_limit_take(l, "b", now, &wait));
	now += NS_PER_S / 2;
	assert_true(http_limit_take(l, "a", now, &wait));
	assert_false(http_limit_take(l, "a", now, &wait));
	now += 3600 * NS_PER_S; /* no more than the burst */
	for (int i = 0; i < 4; i++)
		assert_true(http_limit_take(l, "a", now, &wait));
	assert_false(http_limit_take(l, "a", now, &wait));
	/* a clock that stands still or goes back gives nothing */
	assert_false(http_limit_take(l, "a", now - NS_PER_S, &wait));
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "10.%d.%d.1", i / 256, i % 256);
		assert_true(http_limit_take(l, name, now, &wait));
	}
	http_limit_free(l);
	l = http_limit_new(0, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(http_limit_take(l, "a", now, &wait));
	http_limit_free(l);
}

static void test_addresses(void **state)
{
	assert_int_equal(http_reach("127.0.0.1:8686"), HTTP_LOOPBACK);
	assert_int_equal(http_reach("127.9.9.9:1"), HTTP_LOOPBACK);
	assert_int_equal(http_reach("localhost:0"), HTTP_LOOPBACK);
	assert_int_equal(http_reach("[::1]:8686"), HTTP_LOOPBACK);
	assert_int_equal(http_reach("0.0.0.0:80"), HTTP_EVERYBODY);
	assert_int_equal(http_reach("[::]:80"), HTTP_EVERYBODY);
	assert_int_equal(http_reach("10.0.0.1:65535"), HTTP_EVERYBODY);
	assert_int_equal(http_reach("[::ffff:127.0.0.1]:80"), HTTP_EVERYBODY);
	for (const char *const *bad =
		     (const char *const[]){ "", ":", ":80", "127.0.0.1", "127.0.0.1:",
					    "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x",
					    "::1:80", "[::1:80", "name:80", "127.1:80", NULL };
	     *bad; bad++)
		if (http_reach(*bad) != HTTP_NO_ADDRESS)
			fail_msg("%s is taken", *bad);
}

/* ---- a server ---------------------------------------------------------------------- */

static uint64_t now_mono(void)
{
	struct now now = clock_now();

	return now.mono_ns;
}

/* A body of `left` bytes, a piece for each fill; forever waiting when `left` is 0. */
struct pieces {
	size_t left, piece;
	char fill;
	atomic_bool closed;
};

static struct pieces *waiting; /* the newest stream */
static struct http_waker *waker;
static atomic_int closed;
static char said[64]; /* to the stream */

static ssize_t pieces_read(void *arg, char *buf, size_t max)
{
	struct pieces *p = arg;
	size_t n = p->piece < max ? p->piece : max;

	if (!n)
		return p->left ? 0 : HTTP_SOURCE_END;
	memset(buf, p->fill, n);
	p->piece -= n;
	return (ssize_t)n;
}

static void pieces_fill(void *arg, unsigned worker)
{
	struct pieces *p = arg;

	p->piece = p->left < 50000 ? p->left : 50000;
	p->left -= p->piece;
	p->fill = (char)('a' + (p->fill - 'a' + 1) % 26);
}

static void pieces_close(void *arg)
{
	closed++;
	free(arg);
}

static ssize_t stream_read(void *arg, char *buf, size_t max)
{
	size_t n = strlen(said);

	memcpy(buf, said, n);
	said[0] = '\0';
	return (ssize_t)n;
}

static void stream_start(void *arg, struct http_waker *w)
{
	waiting = arg;
	waker = w;
}

static const struct http_source of_pieces = { .read = pieces_read,
					      .fill = pieces_fill,
					      .close = pieces_close };
static const struct http_source of_stream = { .read = stream_read,
					      .start = stream_start,
					      .close = pieces_close };

static bool check(void *arg, struct http_request *r, struct http_answer *a)
{
	if (strcmp(r->path, "/no") != 0)
		return false;
	http_problem(a, r, 404, "not-found", "no");
	return true;
}

#define MUCH (16 << 20) /* more than the kernel takes of a connection that nobody reads */

static void handle(void *arg, unsigned worker, struct http_request *r, struct http_answer *a)
{
	struct pieces *p;
	char *text;

	if (strcmp(r->path, "/pieces") == 0 || strcmp(r->path, "/stream") == 0) {
		p = calloc(1, sizeof(*p));
		p->left = strcmp(r->path, "/stream") == 0 ? 0 : 1000000;
		p->fill = 'z';
		a->status = 200;
		a->type = "text/plain";
		a->source = strcmp(r->path, "/stream") == 0 ? &of_stream : &of_pieces;
		a->arg = p;
		return;
	}
	if (strcmp(r->path, "/large") == 0) {
		text = malloc(MUCH);
		memset(text, 'x', MUCH);
		http_answer_text(a, 200, "text/plain", text, MUCH);
		return;
	}
	if (asprintf(&text, "%zu %s", r->len, r->body ? r->body : "-") < 0)
		text = NULL;
	http_answer_text(a, 200, "text/plain", text, text ? strlen(text) : 0);
}

struct server {
	struct http *http;
	int socket;
	struct sockaddr_in at;
};

static void start(struct server *s, uint32_t connections, uint32_t per_address)
{
	struct http_config config = { .connections = connections,
				      .per_address = per_address,
				      .now_mono = now_mono,
				      .check = check,
				      .handle = handle };
	socklen_t len = sizeof(s->at);
	char err[300];
	bool in_use;

	s->socket = config.socket = http_listen("127.0.0.1:0", &in_use, err, sizeof(err));
	assert_true(s->socket >= 0);
	assert_int_equal(getsockname(s->socket, (struct sockaddr *)&s->at, &len), 0);
	s->http = http_start(&config, err, sizeof(err));
	if (!s->http)
		fail_msg("%s", err);
}

static void stop(struct server *s)
{
	http_stop(s->http);
	close(s->socket);
}

static int dial(const struct server *s)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&s->at, sizeof(s->at)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What comes until the text is there (NULL: until the end); the number of bytes. */
static size_t hear(int fd, char *buf, size_t size, const char *until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t have = 0;
	ssize_t n;

	buf[0] = '\0';
	while (have < size - 1 && (!until || !strstr(buf, until))) {
		if (poll(&p, 1, 60000) <= 0)
			fail_msg("nothing came for a minute after \"%s\"", buf);
		n = recv(fd, buf + have, size - 1 - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
		buf[have] = '\0';
	}
	return have;
}

#define HOST "Host: localhost\r\n"

static void test_answers(void **state)
{
	static const char *const posts[] = {
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		"POST /echo HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	};
	static char buf[1100000];
	struct server s;
	size_t n;
	int fd;

	start(&s, 100, 0);
	fd = dial(&s); /* several on one connection */
	say(fd, "GET /x HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, buf, sizeof(buf), "0 -");
	assert_non_null(strstr(buf, "200 OK"));
	assert_non_null(strstr(buf, "X-Content-Type-Options: nosniff"));
	assert_non_null(strstr(buf, "frame-ancestors 'none'"));
	assert_non_null(strstr(buf, "X-Request-Id: "));
	for (int i = 0; i < 2; i++) {
		say(fd, posts[i]);
		hear(fd, buf, sizeof(buf), "5 hello");
		assert_non_null(strstr(buf, "5 hello"));
	}
	say(fd, "GET /no HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, buf, sizeof(buf), "}");
	assert_non_null(strstr(buf, "404 Not Found"));
	say(fd, "GET /?a=%00 HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, buf, sizeof(buf), "}");
	assert_non_null(strstr(buf, "problem:bad-request"));
	say(fd, "HEAD /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	n = hear(fd, buf, sizeof(buf), NULL);
	assert_true(n > 4 && memcmp(buf + n - 4, "\r\n\r\n", 4) == 0);
	close(fd);

	fd = dial(&s);
	say(fd, "GET /pieces HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	n = hear(fd, buf, sizeof(buf), NULL);
	for (char *c = buf; *c; c++) /* the chunks' sizes and headers aside, all is there */
		n -= (*c < 'a' || *c > 'z') ? 1 : 0;
	assert_true(n >= 1000000);
	assert_non_null(strstr(buf, "\r\n0\r\n\r\n"));
	close(fd);
	stop(&s);
}

static void test_refusals(void **state)
{
	char big[HTTP_MAX_URI + 200], buf[4096];
	struct http_totals totals;
	struct server s;
	int fd, fds[20];

	start(&s, 10, 0);
	fd = dial(&s);
	sprintf(big, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", HTTP_MAX_URI, 0);
	say(fd, big);
	hear(fd, buf, sizeof(buf), "}");
	assert_non_null(strstr(buf, "414"));
	assert_non_null(strstr(buf, "problem:uri-too-long"));
	close(fd);

	fd = dial(&s);
	say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n");
	hear(fd, buf, sizeof(buf), NULL);
	assert_true(strstr(buf, " 413 ") || strstr(buf, " 400 "));
	close(fd);

	fd = dial(&s);
	say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 20000\r\n\r\n");
	hear(fd, buf, sizeof(buf), "}");
	assert_non_null(strstr(buf, "problem:body-too-large"));
	close(fd);

	fd = dial(&s); /* without a length */
	say(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 20; i++) {
		memset(buf, 'x', 1024);
		sprintf(big, "400\r\n%.1024s\r\n", buf);
		say(fd, big);
	}
	say(fd, "0\r\n\r\n");
	hear(fd, buf, sizeof(buf), "}");
	assert_non_null(strstr(buf, "problem:body-too-large"));
	close(fd);

	fd = dial(&s);
	say(fd, "nonsense\r\n\r\n");
	hear(fd, buf, sizeof(buf), NULL);
	close(fd);

	for (int i = 0; i < 20; i++) {
		fds[i] = dial(&s);
		say(fds[i], "GET /x HTTP/1.1\r\n" HOST "\r\n");
		hear(fds[i], buf, sizeof(buf), i < 10 ? "0 -" : "}");
	}
	assert_non_null(strstr(buf, "503"));
	assert_non_null(strstr(buf, "Retry-After"));
	http_totals(s.http, &totals);
	assert_true(totals.refused >= 12);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	stop(&s);
}

/* Large answers that nobody reads do not add up for ever; small ones go on. */
static void test_held(void **state)
{
	struct server s;
	char buf[4096];
	unsigned good = 0, busy = 0;
	int fd, fds[8];

	start(&s, 100, 0);
	for (int i = 0; i < 8; i++) {
		fds[i] = dial(&s);
		say(fds[i], "GET /large HTTP/1.1\r\n" HOST "\r\n");
		hear(fds[i], buf, 13, "\r\n"); /* the status */
		good += strstr(buf, " 200") != NULL;
		busy += strstr(buf, " 503") != NULL;
	}
	assert_int_equal(good, HTTP_MAX_HELD / MUCH);
	assert_int_equal(busy, 8 - good);
	hear(fds[7], buf, sizeof(buf), "}");
	assert_non_null(strstr(buf, "problem:busy"));
	assert_non_null(strstr(buf, "Retry-After: 5"));
	fd = dial(&s);
	say(fd, "GET /x HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, buf, sizeof(buf), "0 -");
	close(fd);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	for (int i = 0; i < 9000; i++) { /* it is noticed that they are gone */
		fd = dial(&s);
		say(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n");
		hear(fd, buf, 13, "\r\n");
		close(fd);
		if (strstr(buf, " 200"))
			break;
		usleep(10000);
	}
	assert_non_null(strstr(buf, " 200"));
	stop(&s);
}

static void test_stream(void **state)
{
	struct server s;
	char buf[4096];
	int fd, before = closed;

	start(&s, 100, 0);
	fd = dial(&s);
	say(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, buf, sizeof(buf), "\r\n\r\n");
	for (int i = 0; i < 200; i++) { /* waking and sleeping cross each other */
		sprintf(said, "<%d>", i);
		http_wake(waker);
		sprintf(buf, "<%d>", i);
		char want[16];

		strcpy(want, buf);
		hear(fd, buf, sizeof(buf), want);
	}
	close(fd);
	/* it is noticed at the next byte that it cannot have */
	for (int i = 0; i < 9000 && closed == before; i++) {
		strcpy(said, "gone?");
		http_wake(waker);
		usleep(10000);
		if (i == 0)
			assert_non_null(waiting);
	}
	assert_int_equal(closed, before + 1);

	fd = dial(&s);
	say(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, buf, sizeof(buf), "\r\n\r\n");
	http_cut(waker);
	hear(fd, buf, sizeof(buf), NULL);
	close(fd);
	fd = dial(&s);
	say(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	hear(fd, buf, sizeof(buf), "\r\n\r\n");
	stop(&s); /* with a client that waits */
	hear(fd, buf, sizeof(buf), NULL);
	close(fd);
	assert_int_equal(closed, before + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri),	  cmocka_unit_test(test_uri_bounds),
		cmocka_unit_test(test_problem),	  cmocka_unit_test(test_limit),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_held),
		cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
