/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BENCH_H
#define GW_BENCH_H
/* What the benchmarks of the collector share: a directory of their own, a Redis and a
 * PostgreSQL of their own, processes, figures. A failure ends the program with one line. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct redisContext;
struct pg_conn; /* libpq's PGconn */

struct bench {
	char dir[256]; /* below TMPDIR, or /var/tmp: a disk, where /tmp may be none */
	pid_t redis;
	int redis_port;
	pid_t postgres;
	char postgres_url[400];
};

void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *bench_must(void *p); /* not NULL */

/* A number from the environment. */
unsigned bench_number(const char *name, unsigned preset);

void bench_open(struct bench *b);
int bench_port(void); /* a TCP port of the loopback that nobody has now */
/* Starts a redis-server that keeps nothing on the disk. The caller frees the connection. */
struct redisContext *bench_redis(struct bench *b);
/* Starts a PostgreSQL server with its own defaults, on a unix socket in the directory
 * alone; as the user postgres where we are root. The caller finishes the connection. */
struct pg_conn *bench_postgres(struct bench *b);
void bench_close(struct bench *b); /* ends the servers and removes the directory */

/* Runs a program, argv up to NULL, with its stderr in a file. */
pid_t bench_start(const char *log, const char *const *argv);
void bench_remove(const char *db); /* a database and what SQLite keeps beside it */

double bench_now(void);				 /* seconds of a clock that is not set */
int bench_compare(const void *a, const void *b); /* doubles, for qsort() */
/* "NAME: median M (min A, max B)"; sorts the values. */
void bench_say(const char *name, double *values, unsigned n);

#endif
