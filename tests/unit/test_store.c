/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a real file and in PostgreSQL: opening, modes, transactions, what it says. */
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
#include <libpq-fe.h>
#include <sqlite3.h>

#include "collector/ingest/ingest.h"
#include "collector/store/store.h"
#include "tests/unit/both_stores.h"

static char dir[] = "/tmp/glasswatch-store.XXXXXX";
static char path[sizeof(dir) + 16], err[600];

#define DAY (86400 * UINT64_C(1000000000))

static struct store *fresh(void)
{
	return store_open(both_stores_pg() ? both_stores_fresh() : path, STORE_WRITE, err,
			  sizeof(err));
}

static struct store *again(enum store_mode mode)
{
	return store_open(both_stores_pg() ? both_stores_again() : path, mode, err, sizeof(err));
}

static int setup(void **state)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	snprintf(path, sizeof(path), "%s/store.db", mkdtemp(dir));
	err[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	char name[sizeof(path) + 16];

	snprintf(name, sizeof(name), "%s-wal", path);
	unlink(name);
	snprintf(name, sizeof(name), "%s-shm", path);
	unlink(name);
	snprintf(name, sizeof(name), "%s-leader", path);
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
	int rc = store_event(s, &e, json, strlen(json), seq * 3 * DAY, &n);

	return rc == STORE_NEW && store_agent(s, &e, 1) ? -9 : rc;
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
	struct store *s = fresh(), *reader;

	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, 1, "{}"), STORE_NEW);
	assert_int_equal(add(s, 1, "{}"), STORE_DUPLICATE);
	assert_int_equal(add(s, 1, "{ }"), STORE_CONFLICT);
	reader = again(STORE_READ);
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
	struct store *s = fresh();
	struct store_flow f = { .agent = NULL, .flow = "f", .json = "{}", .rule = -1 };

	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_entry_begin(s), 0);
	assert_int_equal(store_flow_put(s, &f), STORE_REFUSED);
	assert_non_null(strstr(store_error(s), "flows.agent"));
	assert_int_equal(store_entry_undo(s), 0);
	f.agent = "a";
	assert_int_equal(store_flow_put(s, &f), 0);
	assert_true(f.n >= 1);
	assert_int_equal(store_commit(s), 0);
	store_close(s);
}

/* Rows of all kinds, each in its own week; a row changed nothing of what comes after. */
static void test_again(void **state)
{
	struct store *s = fresh(), *reader;
	struct store_filter two = { .limit = 2 };
	unsigned n = 0;

	assert_int_equal(store_begin(s), 0);
	for (uint64_t i = 1; i <= 9; i++)
		assert_int_equal(add(s, i, "{}"), STORE_NEW);
	assert_int_equal(store_commit(s), 0);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, 9, "{}"), STORE_DUPLICATE);
	assert_int_equal(add(s, 12, "{}"), STORE_NEW);
	assert_int_equal(add(s, 10, "{}"), STORE_NEW);
	assert_int_equal(add(s, 10, "{ }"), STORE_CONFLICT);
	assert_int_equal(add(s, 11, "{}"), STORE_NEW);
	assert_int_equal(add(s, 11, "{}"), STORE_DUPLICATE);
	assert_int_equal(store_commit(s), 0);
	store_close(s);
	reader = again(STORE_READ);
	assert_int_equal(count(reader), 12);
	assert_int_equal(store_events(reader, &two, count_event, &n), 0);
	assert_int_equal(n, 2);
	store_close(reader);
}

static int check_place(void *arg, const struct store_place *p)
{
	uint64_t *places = arg;

	assert_true(p->there);
	assert_true(chain_equal(&p->row, &p->digest));
	assert_int_equal(p->place, ++*places);
	return 0;
}

/* More rows than one piece of an answer, with a question at each. */
static void test_chain(void **state)
{
	struct store *s = fresh();
	char json[2000];
	uint64_t places = 0, length;

	memset(json, 'x', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	assert_int_equal(store_begin(s), 0);
	for (uint64_t i = 1; i <= 700; i++)
		assert_int_equal(add(s, i, json), STORE_NEW);
	assert_int_equal(store_dead_letter(s, "1-1", 5, "why", "\0\xff", 2), 0);
	assert_int_equal(store_dead_letter(s, "1-1", 5, "why", "\0\xff", 2), 0);
	assert_int_equal(store_commit(s), 0);
	assert_int_equal(store_snapshot(s), 0);
	assert_int_equal(store_chain(s, check_place, &places), 0);
	assert_int_equal(store_chain_strays(s, check_place, &places), 0);
	assert_int_equal(store_chain_length(s, &length), 0);
	store_rollback(s);
	assert_int_equal(places, 701);
	assert_int_equal(length, 701);
	store_close(s);
}

static void test_leader(void **state)
{
	struct store *a = fresh(), *b = again(STORE_WRITE);

	assert_int_equal(store_leads(a), 1);
	assert_int_equal(store_leads(b), 0);
	assert_int_equal(store_leads(a), 1);
	store_close(a);
	/* the server takes a moment to see that it is gone */
	for (int i = 0; i < 9000 && store_leads(b) == 0; i++)
		usleep(10000);
	assert_int_equal(store_leads(b), 1);
	store_close(b);
}

/* Two that share a store take turns; the numbers have no holes, the chain is one. */
static void test_turns(void **state)
{
	struct store *a = fresh(), *b = again(STORE_WRITE);
	uint64_t places = 0;

	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(store_begin(a), 0);
		assert_int_equal(add(a, 2 * i + 1, "{}"), STORE_NEW);
		assert_int_equal(store_commit(a), 0);
		assert_int_equal(store_begin(b), 0);
		assert_int_equal(add(b, 2 * i + 1, "{}"), STORE_DUPLICATE);
		assert_int_equal(add(b, 2 * i + 2, "{}"), STORE_NEW);
		assert_int_equal(store_commit(b), 0);
	}
	assert_int_equal(store_snapshot(a), 0);
	assert_int_equal(store_chain(a, check_place, &places), 0);
	store_rollback(a);
	assert_int_equal(places, 10);
	store_close(a);
	store_close(b);
}

/* ---- PostgreSQL alone ------------------------------------------------------ */

static void test_pg_url(void **state)
{
	static const struct {
		const char *url, *words;
	} cases[] = {
		{ "postgresql://u:geheim@127.0.0.1:1/x", "PGPASSFILE" },
		{ "postgresql://u@127.0.0.1:1/x?password=geheim", "PGPASSFILE" },
		{ "postgresql://u@127.0.0.1:1/x", "postgresql://u@127.0.0.1:1/x: the database is" },
		{ "postgresql://u@127.0.0.1:1/x?colour=red", "not a URL" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(store_open(cases[i].url, STORE_WRITE, err, sizeof(err)));
		if (!strstr(err, cases[i].words) || strstr(err, "geheim") || strchr(err, '\n'))
			fail_msg("\"%s\" lacks \"%s\"", err, cases[i].words);
	}
}

static void test_pg_open(void **state)
{
	assert_null((both_stores_fresh(), again(STORE_READ)));
	assert_non_null(strstr(err, "`glasswatch-collector run` fills it"));
	both_stores_sql("CREATE TABLE meta (a int)");
	assert_null(again(STORE_WRITE));
	assert_non_null(strstr(err, "another program's database"));
	store_close(fresh());
	both_stores_sql("UPDATE meta SET value = '99' WHERE key = 'schema'");
	assert_null(again(STORE_READ));
	assert_non_null(strstr(err, "upgrade this program"));
}

/* The server ends what was under way; nothing of it is stored, and it goes on. */
static void test_pg_lost(void **state)
{
	struct store *s = fresh();

	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, 1, "{}"), STORE_NEW);
	both_stores_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
			" WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
	assert_int_equal(store_commit(s), STORE_FAILED);
	assert_non_null(strstr(store_error(s), "the database is not there"));
	store_rollback(s);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, 1, "{}"), STORE_NEW);
	assert_int_equal(store_commit(s), 0);
	assert_int_equal(count(s), 1);
	both_stores_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, 2, "{}"), STORE_BROKEN);
	store_rollback(s);
	store_close(s);
}

static void note_columns(sqlite3 *db, PGconn *pg, const char *sql, const char *pg_sql)
{
	PGresult *r = PQexec(pg, pg_sql);
	sqlite3_stmt *st;
	int n = 0;

	assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW && n < PQntuples(r)) {
		const char *want = (const char *)sqlite3_column_text(st, 0);

		if (strcmp(want, PQgetvalue(r, n, 0)) != 0)
			fail_msg("the SQLite store has \"%s\" where schema_pg.sql has \"%s\": run "
				 "tests/schema_pg.py",
				 want, PQgetvalue(r, n, 0));
		n++;
	}
	assert_int_equal(n, PQntuples(r));
	sqlite3_finalize(st);
	PQclear(r);
}

/* schema_pg.sql says what schema.sql says. */
static void test_pg_schema(void **state)
{
	sqlite3 *db;
	PGconn *pg;

	store_close(fresh());
	store_close(store_open(path, STORE_WRITE, err, sizeof(err)));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	pg = PQconnectdb(both_stores_again());
	note_columns(db, pg,
		     "SELECT t.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN"
		     " 'bigint' WHEN 'TEXT' THEN 'text' WHEN 'BLOB' THEN 'bytea' ELSE 'double"
		     " precision' END || CASE WHEN c.\"notnull\" OR c.pk THEN ' not null' ELSE ''"
		     " END FROM sqlite_schema t, pragma_table_info(t.name) c"
		     " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY 1",
		     "SELECT table_name || '.' || column_name || ' ' || data_type || CASE"
		     " is_nullable WHEN 'NO' THEN ' not null' ELSE '' END COLLATE \"C\""
		     " FROM information_schema.columns WHERE table_schema = 'public'"
		     " AND table_name NOT LIKE 'events_w%' ORDER BY 1");
	note_columns(db, pg,
		     "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
		     " ORDER BY 1",
		     "SELECT indexname COLLATE \"C\" FROM pg_indexes WHERE schemaname = 'public'"
		     " AND tablename NOT LIKE 'events_w%' AND indexname NOT LIKE '%_pkey'"
		     " AND indexname NOT LIKE '%_key'"
		     " AND indexname <> 'dead_letters_entry' ORDER BY 1");
	PQfinish(pg);
	sqlite3_close(db);
}

static int run(void)
{
	const struct CMUnitTest file[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
	};
	const struct CMUnitTest pg[] = {
		cmocka_unit_test_setup_teardown(test_pg_url, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pg_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pg_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pg_schema, setup, teardown),
	};
	const struct CMUnitTest both[] = {
		cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
	};

	return cmocka_run_group_tests(both, NULL, NULL) +
	       (both_stores_pg() ? cmocka_run_group_tests(pg, NULL, NULL)
				 : cmocka_run_group_tests(file, NULL, NULL));
}

int main(void)
{
	return both_stores(run);
}
