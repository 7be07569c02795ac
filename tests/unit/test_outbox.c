/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/outbox.h"
#include "common/clock.h"
#include "common/event.h"
#include "common/log.h"

#define T0 (1795395723ull * NS_PER_S) /* 2026-11-23T01:02:03Z */

#define VALIDATE "tests/validate_events.py"

static char directory[64], path[96], err[300];

static int make_directory(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/test_outbox.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/outbox", directory);
	log_threshold(LOG_LEVEL_ERROR);
	return 0;
}

static int remove_directory(void **state)
{
	char name[120];

	unlink(path);
	snprintf(name, sizeof(name), "%s-wal", path);
	unlink(name);
	snprintf(name, sizeof(name), "%s-journal", path);
	unlink(name);
	return rmdir(directory);
}

static struct outbox *open_outbox(uint64_t max_bytes)
{
	struct outbox *o = outbox_open(path, "a", max_bytes, err, sizeof(err));

	if (!o)
		fail_msg("%s", err);
	return o;
}

static void push(struct outbox *o, enum event_type type, enum event_severity severity,
		 uint64_t time_ns)
{
	struct event e = { .type = type, .time_ns = time_ns, .alert = "test" };

	e.severity = severity;
	assert_int_equal(outbox_push(o, &e), 0);
	assert_string_equal(e.agent, "a");
}

static struct outbox_counters counters(const struct outbox *o)
{
	struct outbox_counters c;

	outbox_counters(o, &c);
	assert_int_equal(c.generated, c.acknowledged + c.waiting + c.dropped[0] + c.dropped[1]);
	return c;
}

/* What waits, decoded as far as the tests ask. */
struct seen {
	uint64_t seq[4096];
	char type[4096][32];
	json_t *doc; /* of the latest agent.loss */
	unsigned n;
};

static bool note(void *arg, const struct outbox_item *item)
{
	struct seen *seen = arg;
	struct event e;
	char id[40];

	assert_true(seen->n < 4096);
	assert_int_equal(event_decode(item->json, item->json_len, &e, err, sizeof(err)), 0);
	assert_int_equal(e.seq, item->seq);
	snprintf(id, sizeof(id), "a/%llu", (unsigned long long)item->seq);
	assert_string_equal(item->id, id);
	if (e.type == EVENT_AGENT_LOSS) {
		json_decref(seen->doc);
		seen->doc = json_incref(e.doc);
	}
	seen->seq[seen->n] = item->seq;
	snprintf(seen->type[seen->n++], 32, "%s", item->type);
	event_clear(&e);
	return true;
}

static struct seen seen;

static void look(struct outbox *o)
{
	int n;

	json_decref(seen.doc);
	seen.doc = NULL;
	seen.n = 0;
	n = outbox_each(o, 0, 4096, note, &seen);
	assert_int_equal(n, seen.n);
}

static void numbers_survive_restarts(void **state)
{
	struct outbox *o = open_outbox(0);
	struct stat st;

	push(o, EVENT_AGENT_START, SEVERITY_INFO, T0);
	look(o);
	assert_int_equal(seen.n, 0); /* nothing leaves before it is written */
	assert_int_equal(counters(o).waiting, 1);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	assert_int_equal(seen.n, 1);
	push(o, EVENT_FLOW_START, SEVERITY_INFO, T0);
	outbox_close(o);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	o = open_outbox(0);
	push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	assert_int_equal(seen.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(seen.seq[i], i + 1);
	for (unsigned i = 1; i <= 3; i++)
		outbox_ack(o, i);
	outbox_ack(o, 3); /* twice counts once */
	outbox_ack(o, 99);
	assert_int_equal(outbox_commit(o), 0);
	assert_int_equal(counters(o).acknowledged, 3);
	assert_int_equal(counters(o).waiting_bytes, 0);
	outbox_close(o);

	o = open_outbox(0);
	push(o, EVENT_AGENT_STOP, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.seq[0], 4);
	assert_int_equal(counters(o).generated, 4);
	outbox_close(o);
}

static void each_goes_on_and_stops(void **state)
{
	struct outbox *o = outbox_open(":memory:", "a", 0, err, sizeof(err));

	for (int i = 0; i < 20; i++)
		push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	outbox_ack(o, 3);
	outbox_ack(o, 7);
	outbox_ack(o, 5);
	assert_int_equal(outbox_commit(o), 0);
	seen.n = 0;
	assert_int_equal(outbox_each(o, 4, 3, note, &seen), 3);
	assert_int_equal(seen.seq[0], 6);
	assert_int_equal(seen.seq[1], 8);
	assert_int_equal(seen.seq[2], 9);
	outbox_close(o);
}

/* A child pushes and commits, reports each committed number, and is killed. What
 * is found is at least what was reported, without a hole. */
static void killed_in_the_middle(void **state)
{
	uint64_t reported = 0, last = 0;

	for (int round = 0; round < 5; round++) {
		int fds[2], status;
		struct outbox *o;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			o = outbox_open(path, "a", 0, err, sizeof(err));
			for (;;) {
				struct event e = { .type = EVENT_FLOW_END, .time_ns = T0 };

				for (int i = 0; i < 7; i++)
					if (outbox_push(o, &e))
						_exit(1);
				if (outbox_commit(o) ||
				    write(fds[1], &e.seq, sizeof(e.seq)) != sizeof(e.seq))
					_exit(1);
			}
		}
		close(fds[1]);
		for (int i = 0; i < 20; i++)
			assert_int_equal(read(fds[0], &reported, sizeof(reported)),
					 sizeof(reported));
		kill(pid, SIGKILL);
		while (read(fds[0], &reported, sizeof(reported)) == sizeof(reported))
			;
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));

		o = open_outbox(0);
		look(o);
		assert_true(seen.n && seen.seq[seen.n - 1] >= reported);
		for (unsigned i = 0; i < seen.n; i++) {
			assert_int_equal(seen.seq[i], ++last);
			outbox_ack(o, last);
		}
		assert_int_equal(counters(o).generated, last);
		outbox_close(o);
	}
}

static void one_agent_per_file(void **state)
{
	struct outbox *o = open_outbox(0);
	int status;
	pid_t pid;

	assert_null(outbox_open(path, "a", 0, err, sizeof(err)));
	assert_non_null(strstr(err, "is in use by another agent"));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(!outbox_open(path, "a", 0, err, sizeof(err)) &&
				      strstr(err, "is in use by another agent")
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	outbox_close(o);

	assert_null(outbox_open(path, "b", 0, err, sizeof(err)));
	assert_non_null(strstr(err, "holds the numbers of agent \"a\""));
	assert_null(outbox_open(path, "a/b", 0, err, sizeof(err)));
	assert_non_null(strstr(err, "agent name"));
	assert_null(outbox_open("/nonexistent/outbox", "a", 0, err, sizeof(err)));
	assert_non_null(strstr(err, "/nonexistent/outbox: No such file"));
}

static void other_files(void **state)
{
	FILE *f = fopen(path, "w");

	for (int i = 0; i < 200; i++)
		fputs("this is not a database\n", f);
	fclose(f);
	assert_null(outbox_open(path, "a", 0, err, sizeof(err)));
	assert_non_null(strstr(err, "is damaged"));
}

static uint64_t loss_count(const char *type)
{
	json_t *loss = json_object_get(seen.doc, "loss");

	return (uint64_t)json_integer_value(
		type ? json_object_get(json_object_get(loss, "types"), type)
		     : json_object_get(loss, "count"));
}

/* The report is a document like any other: held against the schema, where python
 * and the sources are at hand. */
static void follows_schema(const json_t *doc)
{
	FILE *p;

	if (access(VALIDATE, R_OK) ||
	    system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null")) {
		print_message("not held against the schema: no python3-jsonschema\n");
		return;
	}
	p = popen("/usr/bin/python3 " VALIDATE " >&2", "w");
	assert_non_null(p);
	assert_int_equal(json_dumpf(doc, p, JSON_COMPACT), 0);
	assert_int_equal(pclose(p), 0);
}

/* Full: info goes first, from the oldest, alerts and path changes last; the counts
 * are exact and the report comes when there is room. */
static void bound(void **state)
{
	struct outbox *o = open_outbox(20000); /* about 150 events */
	struct outbox_counters c;
	uint64_t dropped;
	unsigned n[4] = { 0 };

	for (uint64_t i = 0; i < 500; i++) {
		if (i % 10 == 0)
			push(o, i % 20 ? EVENT_ALERT : EVENT_PATH_CHANGE, SEVERITY_INFO, T0 + i);
		else if (i % 10 == 1)
			push(o, EVENT_FLOW_END, SEVERITY_WARNING, T0 + i);
		else
			push(o, EVENT_FLOW_START, SEVERITY_INFO, T0 + i);
		if (i % 7 == 0)
			assert_int_equal(outbox_commit(o), 0);
	}
	assert_int_equal(outbox_commit(o), 0);
	c = counters(o);
	assert_int_equal(c.generated, 500);
	assert_true(c.waiting_bytes <= 20000);
	assert_true(c.waiting_bytes > 19000); /* and no more than needed went */
	look(o);
	for (unsigned i = 0; i < seen.n; i++) {
		n[0] += !strcmp(seen.type[i], "alert.test");
		n[1] += !strcmp(seen.type[i], "path.change");
		n[2] += !strcmp(seen.type[i], "flow.end");
		n[3] += !strcmp(seen.type[i], "flow.start");
		if (!strcmp(seen.type[i], "flow.start"))
			assert_true(seen.seq[i] > 400);
	}
	assert_int_equal(n[0], 25);
	assert_int_equal(n[1], 25);
	assert_int_equal(n[2], 50);
	assert_int_equal(c.dropped[OUTBOX_DROP_FULL], 400 - n[3]);
	assert_null(seen.doc);
	dropped = c.dropped[OUTBOX_DROP_FULL];

	/* The ledger survives a restart. */
	outbox_close(o);
	o = open_outbox(20000);
	assert_int_equal(counters(o).dropped[OUTBOX_DROP_FULL], dropped);
	for (unsigned i = 0; i < seen.n / 2; i++)
		outbox_ack(o, seen.seq[i]);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	assert_int_equal(seen.seq[seen.n - 1], 501);
	assert_string_equal(seen.type[seen.n - 1], "agent.loss");
	assert_int_equal(loss_count(NULL), dropped);
	assert_int_equal(loss_count("flow.start"), dropped);
	follows_schema(seen.doc);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(seen.doc, "loss"), "from")),
		"2026-11-23T01:02:03.000000002Z");
	counters(o);

	/* Reported once. */
	push(o, EVENT_FLOW_END, SEVERITY_INFO, T0 + NS_PER_S);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	assert_string_equal(seen.type[seen.n - 1], "flow.end");
	outbox_close(o);
}

/* When room never comes, the report is sent after a minute all the same; and only
 * alerts left means that alerts go. */
static void bound_for_long(void **state)
{
	struct outbox *o = open_outbox(5000);
	uint64_t reported = 0;

	for (uint64_t i = 0; i < 200; i++) {
		push(o, EVENT_ALERT, SEVERITY_CRITICAL, T0 + i * NS_PER_S);
		assert_int_equal(outbox_commit(o), 0);
	}
	look(o);
	for (unsigned i = 0; i < seen.n; i++)
		reported += !strcmp(seen.type[i], "agent.loss");
	assert_true(reported == 2 || reported == 3);
	assert_true(loss_count("alert.test") > 50);
	assert_true(counters(o).waiting_bytes < 6000);
	outbox_close(o);
}

/* What is on its way is not dropped. */
static void held(void **state)
{
	struct outbox *o = open_outbox(2000);

	for (int i = 0; i < 10; i++)
		push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	outbox_hold(o, 3, 6);
	for (int i = 0; i < 40; i++) {
		push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
		assert_int_equal(outbox_commit(o), 0);
	}
	look(o);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(seen.seq[i], 3 + i);
	assert_true(seen.seq[4] > 35);
	for (unsigned i = 3; i <= 6; i++)
		outbox_ack(o, i);
	outbox_hold(o, 0, 0);
	assert_int_equal(outbox_commit(o), 0);
	assert_int_equal(counters(o).acknowledged, 4);
	outbox_close(o);
}

/* Even when all that is lower is on its way, it takes no room from alerts. */
static void held_takes_no_alert(void **state)
{
	struct outbox *o = open_outbox(5000);
	unsigned alerts = 0;

	for (int i = 0; i < 30; i++)
		push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	outbox_hold(o, 1, 30);
	for (int i = 0; i < 20; i++) {
		push(o, i % 2 ? EVENT_ALERT : EVENT_PATH_CHANGE, SEVERITY_NOTICE, T0);
		push(o, EVENT_FLOW_END, SEVERITY_CRITICAL, T0);
		assert_int_equal(outbox_commit(o), 0);
	}
	look(o);
	for (unsigned i = 0; i < seen.n; i++)
		alerts += !strcmp(seen.type[i], "alert.test") ||
			  !strcmp(seen.type[i], "path.change");
	assert_int_equal(alerts, 20);
	assert_true(counters(o).dropped[OUTBOX_DROP_FULL] > 0);
	/* Only they themselves: then the oldest of them go. */
	for (int i = 0; i < 200; i++)
		push(o, EVENT_ALERT, SEVERITY_NOTICE, T0);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	alerts = 0;
	for (unsigned i = 0; i < seen.n; i++)
		alerts += !strcmp(seen.type[i], "alert.test");
	assert_in_range(alerts, 20, 50);
	outbox_close(o);
}

/* An hour back while it is full: the report still comes after a minute. */
static void clock_set_back(void **state)
{
	struct outbox *o = open_outbox(3000);
	uint64_t hour = 3600 * NS_PER_S;

	for (int i = 0; i < 100; i++)
		push(o, EVENT_ALERT, SEVERITY_CRITICAL, T0 + hour);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	assert_null(seen.doc);
	for (uint64_t i = 0; i < 30; i++) {
		push(o, EVENT_AGENT_STATS, SEVERITY_INFO, T0 + 10 * i * NS_PER_S);
		assert_int_equal(outbox_commit(o), 0);
	}
	look(o);
	assert_non_null(seen.doc);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(seen.doc, "loss"), "reason")),
		"outbox-full");
	counters(o);
	outbox_close(o);
}

static void held_then_let_go(void **state)
{
	struct outbox *o = open_outbox(2000);

	for (int i = 0; i < 10; i++)
		push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
	outbox_hold(o, 1, 6);
	for (int i = 0; i < 40; i++) {
		push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
		assert_int_equal(outbox_commit(o), 0);
	}
	outbox_hold(o, 0, 0);
	push(o, EVENT_FLOW_END, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	/* Oldest first again: one of the six made room. */
	assert_int_equal(seen.seq[0], 2);
	outbox_close(o);
}

/* The file cannot grow: events wait in memory, the least go first when that is
 * full too, and all is written once it can be. */
static void unwritable(void **state)
{
	struct rlimit old, tiny;
	struct outbox_counters c;
	struct outbox *o = open_outbox(30000);
	uint64_t total = 0;

	push(o, EVENT_AGENT_START, SEVERITY_INFO, T0);
	assert_int_equal(outbox_commit(o), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = old;
	tiny.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	for (int i = 0; i < 450; i++) {
		push(o, i % 50 ? EVENT_FLOW_END : EVENT_PATH_CHANGE, SEVERITY_INFO, T0 + 5);
		assert_true(outbox_commit(o) < 0);
		c = counters(o);
	}
	look(o);
	assert_true(seen.n <= 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(c.dropped[OUTBOX_DROP_UNWRITTEN] > 50);
	assert_int_equal(outbox_commit(o), 0);
	push(o, EVENT_FLOW_END, SEVERITY_INFO, T0 + 61 * NS_PER_S);
	push(o, EVENT_FLOW_END, SEVERITY_INFO, T0 + 122 * NS_PER_S);
	assert_int_equal(outbox_commit(o), 0);
	push(o, EVENT_FLOW_END, SEVERITY_INFO, T0 + 190 * NS_PER_S);
	assert_int_equal(outbox_commit(o), 0);
	look(o);
	for (unsigned i = 0; i < seen.n; i++)
		total += !strcmp(seen.type[i], "path.change");
	assert_int_equal(total, 9);
	assert_int_equal(loss_count(NULL), c.dropped[OUTBOX_DROP_UNWRITTEN]);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(seen.doc, "loss"), "reason")),
		"outbox-unwritten");
	outbox_close(o);
}

static void counters_as_json(void **state)
{
	struct outbox_counters c = { .generated = 10,
				     .acknowledged = 6,
				     .waiting = 1,
				     .dropped = { 2, 1 },
				     .waiting_bytes = 77 };
	json_t *j = outbox_counters_json(&c);
	char *text = json_dumps(j, JSON_COMPACT);

	assert_string_equal(text, "{\"generated\":10,\"acknowledged\":6,\"waiting\":1,"
				  "\"waiting_bytes\":77,\"dropped\":{\"outbox-full\":2,"
				  "\"outbox-unwritten\":1}}");
	free(text);
	json_decref(j);
}

#define IN_DIRECTORY(f) cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(numbers_survive_restarts),
		cmocka_unit_test(each_goes_on_and_stops),
		IN_DIRECTORY(killed_in_the_middle),
		IN_DIRECTORY(one_agent_per_file),
		IN_DIRECTORY(other_files),
		IN_DIRECTORY(bound),
		IN_DIRECTORY(bound_for_long),
		IN_DIRECTORY(held),
		IN_DIRECTORY(held_takes_no_alert),
		IN_DIRECTORY(held_then_let_go),
		IN_DIRECTORY(clock_set_back),
		IN_DIRECTORY(unwritable),
		cmocka_unit_test(counters_as_json),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	json_decref(seen.doc);
	return failed;
}
