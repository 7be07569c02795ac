/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "agent/outbox.h"
#include "agent/publish.h"
#include "common/clock.h"
#include "common/event.h"
#include "common/log.h"
#include "common/redis.h"
#include "tests/unit/redis_server.h"

#define T0 (1795395723ull * NS_PER_S) /* 2026-11-23T01:02:03Z */

static char directory[64], path[96], err[400];
static struct event_base *base;

static int setup(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/test_publish.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/out", directory);
	log_threshold(LOG_LEVEL_ERROR); /* refusals are what is tested */
	base = event_base_new();
	return base ? 0 : -1;
}

static int teardown(void **state)
{
	event_base_free(base);
	unlink(path);
	return rmdir(directory);
}

static struct outbox *new_outbox(void)
{
	struct outbox *o = outbox_open(":memory:", "a", 0, err, sizeof(err));

	if (!o)
		fail_msg("%s", err);
	return o;
}

static void push(struct sink *s, unsigned n)
{
	while (n--) {
		struct event e = { .type = EVENT_FLOW_END, .time_ns = T0 };

		assert_int_equal(s->ops->push(s, &e), 0);
	}
}

static struct outbox_counters counters(struct sink *s)
{
	struct outbox_counters c;

	s->ops->counters(s, &c);
	assert_int_equal(c.generated, c.acknowledged + c.waiting + c.dropped[0] + c.dropped[1]);
	return c;
}

static void run_ms(unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_base_loopexit(base, &tv);
	event_base_loop(base, 0);
}

/* For at most 90 s. */
static void until_acknowledged(struct sink *s, uint64_t n)
{
	for (int i = 0; i < 9000 && counters(s).acknowledged < n; i++)
		run_ms(10);
}

/* ---- Redis ---- */

static struct sink *to_redis(const struct redis_server *s, struct outbox *o, const char *query)
{
	char text[160];
	struct redis_url url;
	struct sink *sink;

	snprintf(text, sizeof(text), "unix://%s%s", s->socket, query);
	assert_int_equal(redis_url_parse(text, &url, err, sizeof(err)), 0);
	sink = publish_to_redis(base, o, &url, PUBLISH_STREAM, err, sizeof(err));
	redis_url_clear(&url);
	assert_non_null(sink);
	return sink;
}

/* Different ids in the stream, counted by the server itself. */
static long long distinct(struct redis_server *s)
{
	return redis_server_ask(
		s, "EVAL %s 0",
		"local seen, n = {}, 0 "
		"for _, e in ipairs(redis.call('XRANGE', 'glasswatch:events', '-', '+')) do "
		"  local id = e[2][2] "
		"  if e[2][1] ~= 'id' or e[2][3] ~= 'type' or e[2][4] ~= 'flow.end' or "
		"     cjson.decode(e[2][6]).id ~= id then return -2 end "
		"  if not seen[id] then seen[id] = true n = n + 1 end "
		"end return n");
}

/* Without their repeats, the events stand in the order of their numbers. */
static long long in_order(struct redis_server *s)
{
	return redis_server_ask(
		s, "EVAL %s 0",
		"local seen, last = {}, 0 "
		"for _, e in ipairs(redis.call('XRANGE', 'glasswatch:events', '-', '+')) do "
		"  local seq = cjson.decode(e[2][6]).seq "
		"  if not seen[seq] then "
		"    if seq < last then return -seq end "
		"    seen[seq], last = true, seq "
		"  end "
		"end return 1");
}

static void redis_there(void **state)
{
	struct redis_server s;
	struct sink *sink;

	redis_server_prepare(&s);
	redis_server_start(&s, NULL);
	sink = to_redis(&s, new_outbox(), "");
	push(sink, 3000);
	assert_int_equal(sink->ops->commit(sink), 0);
	until_acknowledged(sink, 3000);
	/* without drain(), and without further commits */
	assert_int_equal(counters(sink).acknowledged, 3000);
	push(sink, 1);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(distinct(&s), 3001);
	assert_int_equal(redis_server_ask(&s, "XLEN glasswatch:events"), 3001);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_remove(&s);
}

static void redis_absent_at_start(void **state)
{
	struct redis_server s;
	struct sink *sink;

	redis_server_prepare(&s);
	sink = to_redis(&s, new_outbox(), "");
	push(sink, 700);
	assert_int_equal(sink->ops->commit(sink), 0);
	assert_int_equal(sink->ops->drain(sink, 300), 700);
	redis_server_start(&s, NULL);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(distinct(&s), 700);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_remove(&s);
}

static void redis_killed_while_events_flow(void **state)
{
	struct redis_server s;
	struct sink *sink;

	redis_server_prepare(&s);
	redis_server_start(&s, NULL);
	sink = to_redis(&s, new_outbox(), "");
	for (int i = 0; i < 40; i++) {
		push(sink, 100);
		assert_int_equal(sink->ops->commit(sink), 0);
		run_ms(2);
		if (i % 10 == 5)
			redis_server_kill(&s);
		if (i % 10 == 8)
			redis_server_start(&s, NULL);
	}
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(counters(sink).acknowledged, 4000);
	assert_int_equal(distinct(&s), 4000);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_remove(&s);
}

/* Redis refuses (another type under the key; full): nothing is lost, order is kept. */
static void redis_refuses(void **state)
{
	struct redis_server s;
	struct sink *sink;

	redis_server_prepare(&s);
	redis_server_start(&s, NULL);
	assert_int_equal(redis_server_ask(&s, "SET glasswatch:events x"), 0);
	sink = to_redis(&s, new_outbox(), "");
	push(sink, 1500);
	assert_int_equal(sink->ops->commit(sink), 0);
	run_ms(300);
	assert_int_equal(counters(sink).waiting, 1500);
	assert_int_equal(redis_server_ask(&s, "DEL glasswatch:events"), 1);
	run_ms(200);
	assert_int_equal(redis_server_ask(&s, "CONFIG SET maxmemory 1"), 0);
	push(sink, 1500);
	assert_int_equal(sink->ops->commit(sink), 0);
	run_ms(500);
	assert_true(counters(sink).waiting >= 1500);
	assert_int_equal(redis_server_ask(&s, "CONFIG SET maxmemory 0"), 0);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(distinct(&s), 3000);
	assert_int_equal(in_order(&s), 1);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_remove(&s);
}

/* Its memory is freed when it has refused the first events of what is under way, and
 * has not read the rest. */
static void redis_takes_again_halfway(void **state)
{
	struct redis_server s;
	struct sink *sink;
	redisContext *other;
	redisReply *reply;
	int done = 0;

	redis_server_prepare(&s);
	redis_server_start(&s, NULL);
	sink = to_redis(&s, new_outbox(), "");
	push(sink, 100);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	for (int round = 0; round < 5; round++) {
		assert_int_equal(redis_server_ask(&s, "CONFIG SET maxmemory 1"), 0);
		other = redisConnectUnix(s.socket);
		assert_true(other && !other->err);
		redis_server_pause(&s);
		push(sink, 500);
		assert_int_equal(sink->ops->commit(sink), 0);
		run_ms(20); /* they are in the socket's buffer: more than Redis reads at once */
		redisAppendCommand(other, "CONFIG SET maxmemory 0");
		while (!done)
			assert_int_equal(redisBufferWrite(other, &done), REDIS_OK);
		done = 0;
		redis_server_go_on(&s);
		assert_int_equal(redisGetReply(other, (void **)&reply), REDIS_OK);
		freeReplyObject(reply);
		redisFree(other);
		assert_int_equal(sink->ops->drain(sink, 90000), 0);
	}
	assert_int_equal(distinct(&s), 2600);
	assert_int_equal(in_order(&s), 1);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_remove(&s);
}

/* A user who may XADD only: slower, and the same. */
static void redis_refuses_multi(void **state)
{
	struct redis_server s;
	struct sink *sink;

	redis_server_prepare(&s);
	redis_server_start(&s, NULL);
	assert_int_equal(redis_server_ask(&s, "ACL SETUSER default -multi -exec"), 0);
	sink = to_redis(&s, new_outbox(), "");
	push(sink, 1000);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	/* and one who is given the right, and loses it while connected */
	assert_int_equal(redis_server_ask(&s, "ACL SETUSER default +multi +exec"), 0);
	redis_server_kill(&s);
	redis_server_start(&s, NULL);
	push(sink, 1000);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(redis_server_ask(&s, "ACL SETUSER default -multi"), 0);
	push(sink, 1000);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	redis_server_kill(&s);
	redis_server_start(&s, NULL);
	redis_server_ask(&s, "ACL SETUSER default +multi -exec");
	push(sink, 1000);
	assert_true(sink->ops->drain(sink, 1000) > 900);
	redis_server_ask(&s, "ACL SETUSER default +exec");
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(distinct(&s), 4000);
	assert_int_equal(in_order(&s), 1);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_remove(&s);
}

/* Stopped: capture goes on, a bounded number is under way, and it catches up. */
static void redis_stands_still(void **state)
{
	struct redis_server s;
	struct sink *sink;

	redis_server_prepare(&s);
	redis_server_start(&s, NULL);
	sink = to_redis(&s, new_outbox(), "");
	run_ms(100);
	redis_server_pause(&s);
	for (int i = 0; i < 30; i++) {
		push(sink, 100);
		assert_int_equal(sink->ops->commit(sink), 0);
		run_ms(1);
	}
	assert_int_equal(counters(sink).waiting, 3000);
	redis_server_go_on(&s);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(redis_server_ask(&s, "XLEN glasswatch:events"), 3000);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_remove(&s);
}

/* What one run leaves, the next one sends. */
static void left_for_the_next_run(void **state)
{
	struct redis_server s;
	struct outbox *o;
	struct sink *sink;

	redis_server_prepare(&s);
	snprintf(path, sizeof(path), "%s/out", directory);
	o = outbox_open(path, "a", 0, err, sizeof(err));
	sink = to_redis(&s, o, "");
	push(sink, 10);
	assert_int_equal(sink->ops->close(sink), 0);
	redis_server_start(&s, NULL);
	o = outbox_open(path, "a", 0, err, sizeof(err));
	sink = to_redis(&s, o, "?db=1");
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(sink->ops->close(sink), 0);
	sink = to_redis(&s, new_outbox(), "?db=0");
	assert_int_equal(sink->ops->close(sink), 0);
	assert_int_equal(redis_server_ask(&s, "XLEN glasswatch:events"), 0); /* database 0 */
	redis_server_remove(&s);
}

/* ---- files ---- */

/* Reads the lines back; each decodes and they are numbered from `first`. */
static unsigned read_lines(const char *name, uint64_t first)
{
	FILE *f = fopen(name, "r");
	char *line = NULL;
	size_t size = 0;
	unsigned n = 0;
	ssize_t len;

	assert_non_null(f);
	while ((len = getline(&line, &size, f)) > 0) {
		struct event e;

		assert_int_equal(line[len - 1], '\n');
		if (event_decode(line, (size_t)len - 1, &e, err, sizeof(err)))
			fail_msg("%s: %s", err, line);
		assert_int_equal(e.seq, first + n++);
		event_clear(&e);
	}
	free(line);
	fclose(f);
	return n;
}

static void file_lines(void **state)
{
	struct sink *sink = publish_to_file(base, new_outbox(), path, err, sizeof(err));

	push(sink, 5000); /* more than one turn's batches */
	assert_int_equal(sink->ops->commit(sink), 0);
	until_acknowledged(sink, 5000);
	assert_int_equal(counters(sink).acknowledged, 5000);
	push(sink, 2);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(sink->ops->close(sink), 0);
	assert_int_equal(read_lines(path, 1), 5002);
}

static void file_with_half_a_line(void **state)
{
	FILE *f = fopen(path, "w");
	struct sink *sink;
	char text[40];

	fputs("{\"v\":1,\"id\"", f);
	fclose(f);
	sink = publish_to_file(base, new_outbox(), path, err, sizeof(err));
	push(sink, 1);
	assert_int_equal(sink->ops->drain(sink, 90000), 0);
	assert_int_equal(sink->ops->close(sink), 0);
	f = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, "{\"v\":1,\"id\"\n");
	assert_non_null(fgets(text, sizeof(text), f));
	assert_memory_equal(text, "{\"v\":1,\"id\":\"a/1\"", 16);
	fclose(f);
}

static void file_that_is_full(void **state)
{
	struct sink *sink = publish_to_file(base, new_outbox(), "/dev/full", err, sizeof(err));

	push(sink, 3);
	assert_int_equal(sink->ops->commit(sink), 0);
	assert_int_equal(sink->ops->drain(sink, 50), 3);
	assert_int_equal(sink->ops->close(sink), -ENOSPC);
}

static void no_such_place(void **state)
{
	struct outbox *o = new_outbox();

	assert_null(publish_to_file(base, o, "/nonexistent/out", err, sizeof(err)));
	assert_string_equal(err, "output /nonexistent/out: No such file or directory");
	assert_null(publish_direct("/nonexistent/out", "a", err, sizeof(err)));
	outbox_close(o);
}

/* A reader that stands still does not stop the writer; one that goes is told. */
static void pipe_reader(void **state)
{
	char buf[65536], copy[96];
	struct sink *sink;
	size_t got = 0;
	ssize_t n;
	int in, out;

	assert_int_equal(mkfifo(path, 0600), 0);
	in = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(in >= 0);
	sink = publish_to_file(base, new_outbox(), path, err, sizeof(err));
	assert_non_null(sink);
	push(sink, 5000);
	assert_int_equal(sink->ops->commit(sink), 0);
	assert_true(sink->ops->drain(sink, 100) > 3000);

	snprintf(copy, sizeof(copy), "%s/copy", directory);
	out = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	for (int i = 0; i < 90000 && counters(sink).waiting; i++) {
		while ((n = read(in, buf, sizeof(buf))) > 0) {
			assert_int_equal(write(out, buf, (size_t)n), n);
			got += (size_t)n;
		}
		run_ms(1);
	}
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(out);
	assert_true(got > 100000);
	assert_int_equal(read_lines(copy, 1), 5000);
	unlink(copy);

	close(in);
	push(sink, 1);
	assert_int_equal(sink->ops->commit(sink), -EPIPE);
	push(sink, 1);
	assert_int_equal(sink->ops->commit(sink), -EPIPE);
	assert_int_equal(sink->ops->drain(sink, 1000), 2);
	assert_int_equal(sink->ops->close(sink), -EPIPE);
}

static void direct(void **state)
{
	struct sink *sink = publish_direct(path, "replay", err, sizeof(err));

	push(sink, 2500);
	assert_int_equal(counters(sink).generated, 2500);
	assert_int_equal(sink->ops->commit(sink), 0);
	assert_int_equal(sink->ops->drain(sink, 0), 0);
	push(sink, 1);
	assert_int_equal(sink->ops->close(sink), 0);
	assert_int_equal(read_lines(path, 1), 2501);

	sink = publish_direct("/dev/full", "replay", err, sizeof(err));
	push(sink, 1);
	assert_int_equal(sink->ops->commit(sink), -ENOSPC);
	assert_int_equal(sink->ops->close(sink), -ENOSPC);
	assert_null(publish_direct(path, "a/b", err, sizeof(err)));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(redis_there),
		TEST(redis_absent_at_start),
		TEST(redis_killed_while_events_flow),
		TEST(redis_refuses),
		TEST(redis_takes_again_halfway),
		TEST(redis_refuses_multi),
		TEST(redis_stands_still),
		TEST(left_for_the_next_run),
		TEST(file_lines),
		TEST(file_with_half_a_line),
		TEST(file_that_is_full),
		TEST(no_such_place),
		TEST(pipe_reader),
		TEST(direct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
