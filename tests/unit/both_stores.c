/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/both_stores.h"

#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool pg_turn;
static char folder[64], url[200];
static pid_t server;

static void become_postgres(void)
{
	const struct passwd *who = geteuid() == 0 ? getpwnam("postgres") : NULL;

	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (who && (setgid(who->pw_gid) || setuid(who->pw_uid)))
		_exit(126);
	if (!freopen("/dev/null", "w", stdout))
		_exit(126);
}

/* setuid() forgets what the parent's death brings: it is asked for after it. */
static pid_t start(char *const *args, bool quiet)
{
	pid_t pid = fork();

	if (pid == 0) {
		become_postgres();
		prctl(PR_SET_PDEATHSIG, SIGQUIT);
		if (chdir("/") || (quiet && !freopen("/dev/null", "w", stderr)))
			_exit(126);
		execv(args[0], args);
		_exit(127);
	}
	return pid;
}

static bool find_program(const char *name, char *path, size_t size)
{
	char pattern[100];
	glob_t found;
	bool there;

	snprintf(pattern, sizeof(pattern), "/usr/lib/postgresql/*/bin/%s", name);
	there = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc;
	if (there)
		snprintf(path, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
	globfree(&found);
	return there;
}

static bool answers(void)
{
	struct timespec pause = { 0, 50 * 1000 * 1000 };
	bool up = false;

	for (int i = 0; i < 1800 && !up; i++) {
		PGconn *c = PQconnectdb(url);

		up = PQstatus(c) == CONNECTION_OK;
		PQfinish(c);
		if (!up)
			nanosleep(&pause, NULL);
	}
	return up;
}

static bool start_server(void)
{
	char initdb[200], postgres[200], data[100];
	const struct passwd *who = getpwnam("postgres");
	int status;
	pid_t pid;

	if (!find_program("initdb", initdb, sizeof(initdb)) ||
	    !find_program("postgres", postgres, sizeof(postgres)) || (geteuid() == 0 && !who))
		return false;
	strcpy(folder, "/tmp/glasswatch-pg.XXXXXX");
	if (!mkdtemp(folder) || (geteuid() == 0 && chown(folder, who->pw_uid, who->pw_gid)))
		return false;
	snprintf(data, sizeof(data), "%s/data", folder);
	snprintf(url, sizeof(url), "postgresql:///postgres?host=%s&user=glasswatch", folder);
	{
		char *args[] = { initdb,       "-D", data,   "-N",	 "-A", "trust", "-U",
				 "glasswatch", "-E", "UTF8", "--locale", "C",  NULL };

		pid = start(args, false);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			return false;
	}
	{
		char *args[] = { postgres, "-D",
				 data,	   "-k",
				 folder,   "-h",
				 "",	   "-F",
				 "-c",	   "shared_buffers=16MB",
				 "-c",	   "max_wal_senders=0",
				 "-c",	   "wal_level=minimal",
				 NULL };

		server = start(args, true);
	}
	return server > 0 && answers();
}

static void remove_folder(void)
{
	char *args[] = { "/bin/rm", "-rf", folder, NULL };
	pid_t pid;

	if (!folder[0])
		return;
	pid = fork();
	if (pid == 0) {
		execv(args[0], args);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	folder[0] = '\0';
}

static void stop_server(void)
{
	if (server > 0) {
		kill(server, SIGINT);
		waitpid(server, NULL, 0);
	}
	server = 0;
	remove_folder();
}

static void no_notice(void *arg, const PGresult *r)
{
}

void both_stores_sql(const char *sql)
{
	PGconn *c = PQconnectdb(url);
	PGresult *r;

	PQsetNoticeReceiver(c, no_notice, NULL);
	r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fprintf(stderr, "%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

bool both_stores_pg(void)
{
	return pg_turn;
}

struct store *both_stores_open(const char *name)
{
	char err[256];
	struct store *s = store_open(both_stores_fresh(), STORE_WRITE, err, sizeof(err));

	if (!s)
		fprintf(stderr, "%s\n", err);
	else if (name)
		store_set_name(s, name);
	return s;
}

const char *both_stores_again(void)
{
	return pg_turn ? url : ":memory:";
}

const char *both_stores_fresh(void)
{
	if (pg_turn)
		both_stores_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
	return both_stores_again();
}

int both_stores(int (*run)(void))
{
	int failures = run();

	atexit(stop_server);
	if (!start_server()) {
		printf("SKIP: no PostgreSQL server could be started; these tests were NOT run "
		       "over it\n");
		return failures;
	}
	printf("== the same over PostgreSQL\n");
	pg_turn = true;
	failures += run();
	pg_turn = false;
	stop_server();
	return failures;
}
