/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <cmocka.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "common/redis.h"
#include "tests/unit/redis_server.h"

/* want NULL: refused. */
static const struct {
	const char *url, *host, *path, *user, *password;
	unsigned port, db;
	const char *printed; /* or a word of the reason */
} urls[] = {
	{ "redis://127.0.0.1", "127.0.0.1", NULL, NULL, NULL, 6379, 0, "redis://127.0.0.1:6379/0" },
	{ "REDIS://h.example/", "h.example", NULL, NULL, NULL, 6379, 0,
	  "redis://h.example:6379/0" },
	{ "redis://h:7000/3", "h", NULL, NULL, NULL, 7000, 3, "redis://h:7000/3" },
	{ "redis://[2001:db8::1]:7000/3", "2001:db8::1", NULL, NULL, NULL, 7000, 3,
	  "redis://[2001:db8::1]:7000/3" },
	{ "redis://:secret@h", "h", NULL, NULL, "secret", 6379, 0, "redis://h:6379/0" },
	{ "redis://me:a%40b%2fc@h:1", "h", NULL, "me", "a@b/c", 1, 0, "redis://h:1/0" },
	{ "redis://me:a@b@h:1", "h", NULL, "me", "a@b", 1, 0, "redis://h:1/0" },
	{ "unix:///run/redis.sock", NULL, "/run/redis.sock", NULL, NULL, 0, 0,
	  "unix:///run/redis.sock" },
	{ "redis+unix:///r%20s?db=2", NULL, "/r s", NULL, NULL, 0, 2, "unix:///r s?db=2" },
	{ "unix://:secret@/r", NULL, "/r", NULL, "secret", 0, 0, "unix:///r" },
	{ "", NULL, NULL, NULL, NULL, 0, 0, "neither redis:// nor unix://" },
	{ "localhost:6379", NULL, NULL, NULL, NULL, 0, 0, "neither redis:// nor unix://" },
	{ "http://h", NULL, NULL, NULL, NULL, 0, 0, "neither redis:// nor unix://" },
#ifdef HAVE_HIREDIS_SSL
	{ "rediss://h:1/2", "h", NULL, NULL, NULL, 1, 2, "rediss://h:1/2" },
#else
	{ "rediss://h", NULL, NULL, NULL, NULL, 0, 0, "TLS is not in this build" },
	{ "rediss+sentinel://h/m", NULL, NULL, NULL, NULL, 0, 0, "TLS is not in this build" },
#endif
	{ "redis://", NULL, NULL, NULL, NULL, 0, 0, "no host" },
	{ "redis://:6379", NULL, NULL, NULL, NULL, 0, 0, "no host" },
	{ "redis://h:", NULL, NULL, NULL, NULL, 0, 0, "port" },
	{ "redis://h:0", NULL, NULL, NULL, NULL, 0, 0, "port" },
	{ "redis://h:65536", NULL, NULL, NULL, NULL, 0, 0, "port" },
	{ "redis://h:12x", NULL, NULL, NULL, NULL, 0, 0, "port" },
	{ "redis://h:123456789", NULL, NULL, NULL, NULL, 0, 0, "port" },
	{ "redis://h/x", NULL, NULL, NULL, NULL, 0, 0, "/DATABASE" },
	{ "redis://h/1/2", NULL, NULL, NULL, NULL, 0, 0, "/DATABASE" },
	{ "redis://h?db=1", NULL, NULL, NULL, NULL, 0, 0, "/DATABASE" },
	{ "redis://h h", NULL, NULL, NULL, NULL, 0, 0, "host name" },
	{ "redis://[::1", NULL, NULL, NULL, NULL, 0, 0, "[ without ]" },
	{ "redis://[127.0.0.1]", NULL, NULL, NULL, NULL, 0, 0, "no IPv6 address" },
	{ "redis://me@h", "h", NULL, "me", NULL, 6379, 0, "redis://h:6379/0" },
	{ "redis://@h", NULL, NULL, NULL, NULL, 0, 0, "the user" },
	{ "redis+sentinel://me@s1,[2001:db8::1]:7,s3:8/main/2", NULL, NULL, "me", NULL, 0, 2,
	  "redis+sentinel://s1:26379,[2001:db8::1]:7,s3:8/main/2" },
	{ "redis+sentinel://s1", NULL, NULL, NULL, NULL, 0, 0, "/MASTER" },
	{ "redis+sentinel://s1/", NULL, NULL, NULL, NULL, 0, 0, "/MASTER" },
	{ "redis+sentinel://s1,/m", NULL, NULL, NULL, NULL, 0, 0, "no host" },
	{ "redis+sentinel://s1:0/m", NULL, NULL, NULL, NULL, 0, 0, "port" },
	{ "redis+sentinel://s1/m/x", NULL, NULL, NULL, NULL, 0, 0, "/DATABASE" },
	{ "redis+sentinel://1,2,3,4,5,6,7,8,9/m", NULL, NULL, NULL, NULL, 0, 0, "more than 8" },
	{ "redis://:secret%zz@h", NULL, NULL, NULL, NULL, 0, 0, "%-escape in the password" },
	{ "redis://:secret%00@h", NULL, NULL, NULL, NULL, 0, 0, "%-escape in the password" },
	{ "redis://:secret%4@h", NULL, NULL, NULL, NULL, 0, 0, "%-escape in the password" },
	{ "unix://relative", NULL, NULL, NULL, NULL, 0, 0, "begins with /" },
	{ "unix:///p?x=1", NULL, NULL, NULL, NULL, 0, 0, "?db=NUMBER" },
	{ "unix:///p?db=", NULL, NULL, NULL, NULL, 0, 0, "?db=NUMBER" },
};

static void same(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(!a && !b);
}

static void url_table(void **state)
{
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char err[400] = "", text[REDIS_URL_STRLEN];
		struct redis_url u;
		int rc = redis_url_parse(urls[i].url, &u, err, sizeof(err));

		bool good = urls[i].host || urls[i].path || strstr(urls[i].printed, "sentinel:");

		if (rc != (good ? 0 : -1))
			fail_msg("%s: %d %s", urls[i].url, rc, err);
		same(u.host, urls[i].host);
		same(u.path, urls[i].path);
		same(u.user, urls[i].user);
		same(u.password, urls[i].password);
		assert_int_equal(u.port, urls[i].port);
		assert_int_equal(u.db, urls[i].db);
		if (rc == 0)
			assert_string_equal(redis_url_format(&u, text), urls[i].printed);
		else if (!strstr(err, urls[i].printed))
			fail_msg("%s: \"%s\" lacks \"%s\"", urls[i].url, err, urls[i].printed);
		assert_null(strstr(err, "secret"));
		redis_url_clear(&u);
	}
}

/* ---- connections; the states as they come, one word each ---- */

static struct event_base *base;
static struct redis *redis;
static char history[2000];
static unsigned replies, lost;

static void on_state(void *arg, bool up, const char *reason)
{
	size_t n = strlen(history);

	snprintf(history + n, sizeof(history) - n, "%s%s;", up ? "up" : "down:", reason);
}

static void on_reply(void *arg, const struct redisReply *reply)
{
	if (!reply)
		lost++;
	else if (reply->type != REDIS_REPLY_ERROR)
		replies++;
}

static void start(const char *text)
{
	struct redis_url u;
	char err[400];

	history[0] = '\0';
	replies = lost = 0;
	if (redis_url_parse(text, &u, err, sizeof(err)))
		fail_msg("%s", err);
	base = event_base_new();
	redis = redis_open(base, &u, on_state, NULL);
	redis_url_clear(&u);
	assert_non_null(redis);
	assert_false(redis_is_up(redis));
}

/* Runs the loop until the history has the word, for at most 90 s. */
static void until(const char *word)
{
	for (int i = 0; i < 9000 && !strstr(history, word); i++) {
		struct timeval tv = { 0, 10000 };

		event_base_loopexit(base, &tv);
		event_base_loop(base, 0);
	}
	if (!strstr(history, word))
		fail_msg("no \"%s\" in \"%s\"", word, history);
}

static void run_ms(unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_base_loopexit(base, &tv);
	event_base_loop(base, 0);
}

static void stop(void)
{
	redis_close(redis);
	event_base_free(base);
}

static void send_ping(unsigned n)
{
	const char *argv[] = { "PING" };

	while (n--)
		assert_int_equal(redis_send(redis, on_reply, NULL, 1, argv, NULL), 0);
}

static void absent_then_there(void **state)
{
	struct redis_server s;
	char url[160];

	redis_server_prepare(&s);
	snprintf(url, sizeof(url), "unix://%s?db=3", s.socket);
	start(url);
	until("down:No such file or directory;");
	run_ms(500);
	/* said once, however many attempts there were */
	assert_string_equal(history, "down:No such file or directory;");
	assert_true(redis_send(redis, on_reply, NULL, 0, NULL, NULL) < 0);
	redis_server_start(&s, NULL);
	until("up;");
	send_ping(1000);
	for (int i = 0; i < 9000 && replies < 1000; i++)
		run_ms(10);
	assert_int_equal(replies, 1000);

	/* killed with commands under way: each is answered, with NULL */
	redis_server_pause(&s);
	send_ping(10);
	history[0] = '\0';
	redis_server_kill(&s);
	until("down:");
	assert_int_equal(lost, 10);
	redis_server_start(&s, NULL);
	until("up;");

	redis_restart(redis, "because");
	assert_non_null(strstr(history, "down:because;"));
	send_ping(0);
	history[0] = '\0';
	redis_hurry(redis);
	until("up;");
	stop();
	redis_server_remove(&s);
}

static void closed_with_commands_under_way(void **state)
{
	struct redis_server s;
	char url[160];

	redis_server_prepare(&s);
	redis_server_start(&s, NULL);
	snprintf(url, sizeof(url), "unix://%s", s.socket);
	start(url);
	until("up;");
	send_ping(5);
	stop();
	assert_int_equal(lost, 5);
	redis_server_remove(&s);
}

static void log_in(void **state)
{
	struct redis_server s;
	char url[200];

	redis_server_prepare(&s);
	redis_server_start(&s, "--requirepass s3cret");
	snprintf(url, sizeof(url), "unix://%s", s.socket);
	start(url);
	until("down:NOAUTH");
	stop();
	snprintf(url, sizeof(url), "unix://:wrong@%s", s.socket);
	start(url);
	until("down:log-in refused: WRONGPASS");
	assert_null(strstr(history, "wrong@"));
	stop();
	snprintf(url, sizeof(url), "unix://default:s3cret@%s", s.socket);
	start(url);
	until("up;");
	stop();
	snprintf(url, sizeof(url), "unix://:s3cret@%s?db=999", s.socket);
	start(url);
	until("down:database refused:");
	stop();
	redis_server_remove(&s);
}

/* A listener that never answers, on a port of the kernel's choice. Without `listening`
 * it keeps the port for a server that has SO_REUSEADDR, as redis-server does. */
static int listener(bool listening, unsigned *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (listening)
		assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void tcp_by_number_and_name(void **state)
{
	struct redis_server s;
	char url[160], args[80];
	unsigned port;
	int fd = listener(false, &port);

	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", port);
	start(url);
	until("down:Connection refused;");
	stop();

	redis_server_prepare(&s);
	snprintf(args, sizeof(args), "--port %u --bind 127.0.0.1", port);
	redis_server_start(&s, args);
	start(url);
	until("up;");
	stop();
	/* a name, through libevent's resolver and /etc/hosts; ::1 may come first */
	snprintf(url, sizeof(url), "redis://localhost:%u", port);
	start(url);
	until("up;");
	stop();
	close(fd);
	redis_server_remove(&s);
}

static void mute_server(void **state)
{
	char url[160];
	unsigned port;
	int fd = listener(true, &port);

	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", port);
	start(url);
	until("down:connected, but Redis does not answer;");
	stop();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_table),
		cmocka_unit_test(absent_then_there),
		cmocka_unit_test(closed_with_commands_under_way),
		cmocka_unit_test(log_in),
		cmocka_unit_test(tcp_by_number_and_name),
		cmocka_unit_test(mute_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
