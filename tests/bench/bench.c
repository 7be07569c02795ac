/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "bench: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(2);
}

void *bench_must(void *p)
{
	if (!p)
		bench_die("no memory, or no answer");
	return p;
}

unsigned bench_number(const char *name, unsigned preset)
{
	const char *text = getenv(name);

	return text && *text ? (unsigned)strtoul(text, NULL, 10) : preset;
}

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void bench_say(const char *name, double *values, unsigned n)
{
	const char *fmt;

	qsort(values, n, sizeof(*values), bench_compare);
	fmt = values[n - 1] < 10 ? "%s: median %.3f (min %.3f, max %.3f)\n"
				 : "%s: median %.0f (min %.0f, max %.0f)\n";
	printf(fmt, name, values[n / 2], values[0], values[n - 1]);
}

/* ---- processes ------------------------------------------------------------- */

/* who: NULL for who we are. */
static pid_t start_as(const struct passwd *who, const char *log, const char *const *argv)
{
	pid_t parent = getpid(), pid = fork();
	int fd;

	if (pid < 0)
		bench_die("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	/* the folder we are in may be closed to who */
	if (who && (setgid(who->pw_gid) || setuid(who->pw_uid) || chdir("/")))
		_exit(126);
	/* whatever becomes of us, nothing goes on running; setuid() forgets it */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent)
		execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

pid_t bench_start(const char *log, const char *const *argv)
{
	return start_as(NULL, log, argv);
}

int bench_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		bench_die("no free port: %s", strerror(errno));
	close(fd);
	return ntohs(a.sin_port);
}

struct redisContext *bench_redis(struct bench *b)
{
	struct timespec pause = { 0, 50000000 };
	char port[16], log[300];

	b->redis_port = bench_port();
	snprintf(port, sizeof(port), "%d", b->redis_port);
	snprintf(log, sizeof(log), "%s/redis.log", b->dir);
	b->redis = bench_start(log, (const char *[]){ "redis-server", "--port", port, "--bind",
						      "127.0.0.1", "--save", "", "--appendonly",
						      "no", "--dir", b->dir, NULL });
	for (int i = 0; i < 100; i++) {
		redisContext *c = redisConnect("127.0.0.1", b->redis_port);

		if (c && !c->err)
			return c;
		if (c)
			redisFree(c);
		nanosleep(&pause, NULL);
	}
	bench_die("redis-server does not start; see %s", log);
}

static void find_postgres(const char *name, char *path, size_t size)
{
	char pattern[100];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/usr/lib/postgresql/*/bin/%s", name);
	if (glob(pattern, 0, NULL, &found) != 0)
		bench_die("no %s: PostgreSQL is not installed", pattern);
	snprintf(path, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
	globfree(&found);
}

PGconn *bench_postgres(struct bench *b)
{
	const struct passwd *who = geteuid() == 0 ? getpwnam("postgres") : NULL;
	struct timespec pause = { 0, 50000000 };
	char initdb[200], postgres[200], dir[300], data[320], log[300];
	int status;

	find_postgres("initdb", initdb, sizeof(initdb));
	find_postgres("postgres", postgres, sizeof(postgres));
	snprintf(dir, sizeof(dir), "%s/postgresql", b->dir);
	snprintf(data, sizeof(data), "%s/data", dir);
	snprintf(log, sizeof(log), "%s/postgresql.log", b->dir);
	if (mkdir(dir, 0700))
		bench_die("%s: %s", dir, strerror(errno));
	/* who must get through the directory to its own */
	if (geteuid() == 0 && (!who || chmod(b->dir, 0711) || chown(dir, who->pw_uid, who->pw_gid)))
		bench_die("%s: cannot be given to the user postgres", dir);
	b->postgres =
		start_as(who, log,
			 (const char *[]){ initdb, "-D", data, "-A", "trust", "-U", "glasswatch",
					   "-E", "UTF8", "--locale", "C", NULL });
	waitpid(b->postgres, &status, 0);
	b->postgres = 0;
	if (status != 0)
		bench_die("initdb failed; see %s", log);
	b->postgres = start_as(who, log,
			       (const char *[]){ postgres, "-D", data, "-k", dir, "-h", "", NULL });
	snprintf(b->postgres_url, sizeof(b->postgres_url),
		 "postgresql:///postgres?host=%s&user=glasswatch", dir);
	for (int i = 0; i < 400; i++) {
		PGconn *c = PQconnectdb(b->postgres_url);

		if (PQstatus(c) == CONNECTION_OK)
			return c;
		PQfinish(c);
		nanosleep(&pause, NULL);
	}
	bench_die("postgres does not start; see %s", log);
}

/* ---- files ----------------------------------------------------------------- */

void bench_open(struct bench *b)
{
	const char *base = getenv("TMPDIR");

	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "%s/glasswatch-bench.XXXXXX", base ? base : "/var/tmp");
	if (!mkdtemp(b->dir))
		bench_die("%s: %s", b->dir, strerror(errno));
}

void bench_remove(const char *db)
{
	static const char *const beside[] = { "", "-wal", "-shm" };
	char path[400];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", db, beside[i]);
		unlink(path);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

void bench_close(struct bench *b)
{
	if (b->redis > 0) {
		kill(b->redis, SIGTERM);
		waitpid(b->redis, NULL, 0);
	}
	if (b->postgres > 0) {
		kill(b->postgres, SIGINT); /* without waiting for those who are connected */
		waitpid(b->postgres, NULL, 0);
	}
	if (!getenv("KEEP"))
		nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
