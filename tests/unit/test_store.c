/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a real file: opening, modes, transactions, what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "collector/ingest.h"
#include "collector/store.h"

static char dir[] = "/tmp/glasswatch-store.XXXXXX";
static char path[sizeof(dir) + 16], err[600];

static int setup(void **state)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	snprintf(path, sizeof(path), "%s/store.db", mkdtemp(dir));
	err[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	char name[sizeof(path) + 8];

	snprintf(name, sizeof(name), "%s-wal", path);
	unlink(name);
	snprintf(name, sizeof(name), "%s-shm", path);
	unlink(name);
	unlink(path);
	return rmdir(dir);
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void refuses(const char *name, enum store_mode mode, const char *words)
{
	struct store *s = store_open(name, mode, err, sizeof(err));

	assert_null(s);
	if (!strstr(err, words) || strncmp(err, name, strlen(name)) != 0)
		fail_msg("\"%s\" does not begin with %s or lacks \"%s\"", err, name, words);
}

static int count_event(void *arg, const struct store_event *e)
{
	++*(unsigned *)arg;
	return 0;
}

static unsigned count(struct store *s)
{
	struct store_filter all = { 0 };
	unsigned n = 0;

	assert_int_equal(store_events(s, &all, count_event, &n), 0);
	return n;
}

static int add(struct store *s, uint64_t seq, const char *json)
{
	struct event e = { .type = EVENT_AGENT_START, .agent = "a", .seq = seq, .time_ns = 5 };
	uint64_t n;

	return store_event(s, &e, json, strlen(json), 1, &n);
}

static void test_open(void **state)
{
	struct store *s;

	refuses(path, STORE_READ, "glasswatch-collector run");
	refuses("/nonexistent/dir/store.db", STORE_WRITE, "create the directory");
	s = store_open(path, STORE_WRITE, err, sizeof(err));
	assert_non_null(s);
	store_close(s);
	s = store_open(path, STORE_WRITE, err, sizeof(err)); /* again */
	assert_non_null(s);
	store_close(s);

	sql("UPDATE meta SET value = '99'");
	refuses(path, STORE_WRITE, "upgrade this program");
	refuses(path, STORE_READ, "upgrade this program");
	sql("UPDATE meta SET value = '0'");
	refuses(path, STORE_READ, "empty");
	sql("PRAGMA application_id = 5");
	refuses(path, STORE_WRITE, "another program's database");
}

static void test_not_ours(void **state)
{
	FILE *f = fopen(path, "w");

	for (int i = 0; i < 1000; i++)
		fputs("these are words\n", f);
	fclose(f);
	refuses(path, STORE_WRITE, "not a store");
	refuses(path, STORE_READ, "not a store");
}

static void test_transactions(void **state)
{
	struct store *s = store_open(path, STORE_WRITE, err, sizeof(err)), *reader;

	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, 1, "{}"), STORE_NEW);
	assert_int_equal(add(s, 1, "{}"), STORE_DUPLICATE);
	assert_int_equal(add(s, 1, "{ }"), STORE_CONFLICT);
	reader = store_open(path, STORE_READ, err, sizeof(err));
	assert_non_null(reader);
	assert_int_equal(count(reader), 0);
	assert_int_equal(store_entry_begin(s), 0);
	assert_int_equal(add(s, 2, "{}"), STORE_NEW);
	assert_int_equal(store_entry_undo(s), 0);
	assert_int_equal(store_entry_begin(s), 0);
	assert_int_equal(add(s, 3, "{}"), STORE_NEW);
	assert_int_equal(store_entry_end(s), 0);
	assert_int_equal(store_commit(s), 0);
	assert_int_equal(count(reader), 2);

	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, 4, "{}"), STORE_NEW);
	store_rollback(s);
	assert_int_equal(count(s), 2);
	/* A reader writes nothing, and says so. */
	assert_int_equal(store_begin(reader), 0);
	assert_int_equal(add(reader, 5, "{}"), STORE_FAILED);
	assert_non_null(strstr(store_error(reader), "cannot be written"));
	store_rollback(reader);
	store_close(reader);
	store_close(s);
}

static void test_locked(void **state)
{
	struct store *a = store_open(path, STORE_WRITE, err, sizeof(err));
	struct store *b = store_open(path, STORE_WRITE, err, sizeof(err));

	assert_int_equal(store_begin(a), 0);
	assert_int_equal(store_begin(b), STORE_FAILED);
	assert_non_null(strstr(store_error(b), "locked by another program"));
	store_rollback(b);
	assert_int_equal(store_commit(a), 0);
	assert_int_equal(store_begin(b), 0);
	store_rollback(b);
	store_close(a);
	store_close(b);
}

static void test_refused(void **state)
{
	struct store *s = store_open(":memory:", STORE_WRITE, err, sizeof(err));
	struct store_flow f = { .agent = NULL, .flow = "f", .json = "{}", .rule = -1 };

	assert_int_equal(store_flow_put(s, &f), STORE_REFUSED);
	assert_non_null(strstr(store_error(s), "flows.agent"));
	f.agent = "a";
	assert_int_equal(store_flow_put(s, &f), 0);
	assert_int_equal(f.n, 1);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
