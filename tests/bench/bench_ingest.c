/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast one collector takes events in, beside what its database can do at all.
 *
 *	bench_ingest COLLECTOR		STORE (sqlite, postgresql), EVENTS, ROUNDS, BATCH, SEED,
 *					TMPDIR in the environment
 *
 * One round is: the stream of a redis-server of our own is filled with EVENTS
 * documents (fleet.h); `glasswatch-collector run` takes them into a new store, from
 * its start until the last one is acknowledged, which says that all are in the record and
 * on the disk; and on until all that follows from them can be asked for: flows,
 * incidents, alerts. Then the floor stores the same documents into a new database, from
 * opening it to its last commit. Both take turns, so that a change of the machine's mood
 * hits both; what the round says is the ratio of the rate of recording to the floor's,
 * and the rate of deriving besides, from the collector's start too.
 *
 * The floor of SQLite: the same library, on the same file system, WAL, synchronous=FULL and
 * every other setting as the collector's; BATCH documents in a transaction, as the
 * collector's --batch; one prepared INSERT into
 *
 *	documents (n INTEGER PRIMARY KEY, json TEXT NOT NULL)
 *
 * without an index.
 *
 * The floor of PostgreSQL: in the same server, which has its own defaults (fsync is on),
 * over the same kind of connection, with synchronous_commit = on; BATCH documents in one
 * binary COPY, the format that the collector sends, each a transaction of its own, into
 *
 *	events_floor (n BIGINT, json TEXT)
 *
 * without an index. Before each of the two the server writes a checkpoint, so that
 * neither pays for what the other has left.
 *
 * "The same documents" are the bytes, nothing else: they lie in memory, need not be read
 * from Redis, decoded, hashed, put in columns or folded. So the ratio is what all of that
 * costs, and the floor is not one that a collector can reach.
 *
 * Redis keeps nothing on the disk here: its own writing would share the disk
 * with the two that are compared.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/fleet.h"

#define STREAM "glasswatch:events"
#define START_NS 1764288000000000000 /* 2025-11-28; any day does */

struct documents {
	char *text;
	size_t *at; /* document i is text + at[i] to at[i + 1] */
	size_t n;
};

struct round {
	double collector, floor; /* events a second */
	double derived;
	double recorded_cpu_s, cpu_s; /* of the collector until the last is acknowledged; in all */
	long peak_kib;
};

static struct documents make_documents(uint64_t seed, size_t n)
{
	struct documents d = { .n = n };
	struct fleet *f = fleet_new(seed, 20, START_NS, 500);
	size_t size = 0, len;

	d.at = bench_must(calloc(n + 1, sizeof(*d.at)));
	bench_must(f);
	for (size_t i = 0; i < n; i++) {
		const char *text = fleet_next(f, &len);

		if (d.at[i] + len > size) {
			size = size ? 2 * size : 1 << 20;
			while (d.at[i] + len > size)
				size *= 2;
			d.text = bench_must(realloc(d.text, size));
		}
		memcpy(d.text + d.at[i], text, len);
		d.at[i + 1] = d.at[i] + len;
	}
	fleet_free(f);
	return d;
}

/* ---- Redis ----------------------------------------------------------------- */

static void fill(redisContext *c, const struct documents *d)
{
	const char *argv[] = { "XADD", STREAM, "*", "id", "x", "type", "x", "json", NULL };
	size_t len[9];
	redisReply *reply;
	size_t answered = 0;

	for (int i = 0; i < 8; i++)
		len[i] = strlen(argv[i]);
	reply = bench_must(redisCommand(c, "FLUSHALL"));
	freeReplyObject(reply);
	for (size_t i = 0; i < d->n; i++) {
		argv[8] = d->text + d->at[i];
		len[8] = d->at[i + 1] - d->at[i];
		redisAppendCommandArgv(c, 9, argv, len);
		while (i + 1 - answered > 500 || (i + 1 == d->n && answered <= i)) {
			if (redisGetReply(c, (void **)&reply) != REDIS_OK)
				bench_die("Redis: %s", c->errstr);
			if (reply->type == REDIS_REPLY_ERROR)
				bench_die("Redis: %s", reply->str);
			freeReplyObject(reply);
			answered++;
		}
	}
}

static long long member(const redisReply *group, const char *name)
{
	for (size_t i = 0; i + 1 < group->elements; i += 2)
		if (strcmp(group->element[i]->str, name) == 0)
			return group->element[i + 1]->integer;
	return -1;
}

/* All were handed out, and all are acknowledged. */
static bool is_done(redisContext *c, size_t n)
{
	redisReply *reply = bench_must(redisCommand(c, "XINFO GROUPS " STREAM));
	bool done = reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
		    member(reply->element[0], "entries-read") == (long long)n &&
		    member(reply->element[0], "pending") == 0;

	freeReplyObject(reply);
	return done;
}

/* ---- the two --------------------------------------------------------------- */

static void sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		bench_die("%s: %s", text, sqlite3_errmsg(db));
}

static void pg(PGconn *c, const char *text, ExecStatusType due)
{
	PGresult *r = PQexec(c, text);

	if (PQresultStatus(r) != due)
		bench_die("%s: %s", text, PQerrorMessage(c));
	PQclear(r);
}

/* All of the record is in the lists. */
#define IS_DERIVED                                                                                 \
	"SELECT 1 FROM meta WHERE key = 'derived' AND CAST(value AS BIGINT) >="                    \
	" (SELECT first + count - 1 FROM blocks ORDER BY first DESC LIMIT 1)"

static bool is_derived(PGconn *server, const char *path)
{
	PGresult *answer;
	sqlite3_stmt *st;
	sqlite3 *db;
	bool done;

	if (server) {
		answer = PQexec(server, IS_DERIVED);
		if (PQresultStatus(answer) != PGRES_TUPLES_OK)
			bench_die("%s: %s", IS_DERIVED, PQerrorMessage(server));
		done = PQntuples(answer) == 1;
		PQclear(answer);
		return done;
	}
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, IS_DERIVED, -1, &st, NULL) != SQLITE_OK)
		bench_die("%s: %s", path, sqlite3_errmsg(db));
	done = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_finalize(st);
	sqlite3_close(db);
	return done;
}

static double cpu_of(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = bench_must(fopen(path, "r"));
	if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		   &system) != 2)
		bench_die("%s: not as expected", path);
	fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void pause_unless_ended(pid_t pid, const char *log, long ms)
{
	struct timespec pause = { 0, ms * 1000000 };
	int status;

	if (waitpid(pid, &status, WNOHANG) != 0)
		bench_die("the collector ended; see %s", log);
	nanosleep(&pause, NULL);
}

/* Its own: what wait4() tells is that of this program, too, as the child is its copy until
 * it runs another. */
static long peak_of(pid_t pid)
{
	char path[64], line[200];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = bench_must(fopen(path, "r"));
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

static void run_collector(const struct bench *b, PGconn *server, const char *program,
			  redisContext *c, const struct documents *d, const char *db,
			  const char *batch, struct round *r)
{
	char url[64], log[300];
	struct rusage used;
	double began;
	pid_t pid;
	int status;

	snprintf(url, sizeof(url), "redis://127.0.0.1:%d", b->redis_port);
	snprintf(log, sizeof(log), "%s/collector.log", b->dir);
	began = bench_now();
	pid = bench_start(log, (const char *[]){ program, "run", "--redis", url, "--db", db,
						 "--batch", batch, "--consumer", "bench", NULL });
	while (!is_done(c, d->n))
		pause_unless_ended(pid, log, 10);
	r->collector = (double)d->n / (bench_now() - began);
	r->recorded_cpu_s = cpu_of(pid);
	while (!is_derived(server, db))
		pause_unless_ended(pid, log, 50);
	r->derived = (double)d->n / (bench_now() - began);
	r->peak_kib = peak_of(pid);
	kill(pid, SIGTERM);
	wait4(pid, &status, 0, &used);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		bench_die("the collector ended with status %d; see %s", status, log);
	r->cpu_s = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6 +
		   (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6;
}

static void floor_sqlite(const struct bench *b, const struct documents *d, unsigned batch,
			 struct round *r)
{
	char path[300];
	sqlite3_stmt *st;
	sqlite3 *db;
	double began;

	snprintf(path, sizeof(path), "%s/floor.db", b->dir);
	began = bench_now();
	if (sqlite3_open(path, &db) != SQLITE_OK)
		bench_die("%s: %s", path, sqlite3_errmsg(db));
	sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		" PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;"
		" PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 67108864;"
		"CREATE TABLE documents (n INTEGER PRIMARY KEY, json TEXT NOT NULL)");
	if (sqlite3_prepare_v2(db, "INSERT INTO documents (json) VALUES (?)", -1, &st, NULL))
		bench_die("%s", sqlite3_errmsg(db));
	for (size_t i = 0; i < d->n;) {
		sql(db, "BEGIN IMMEDIATE");
		for (unsigned k = 0; k < batch && i < d->n; k++, i++) {
			sqlite3_reset(st);
			sqlite3_bind_text(st, 1, d->text + d->at[i], (int)(d->at[i + 1] - d->at[i]),
					  SQLITE_STATIC);
			if (sqlite3_step(st) != SQLITE_DONE)
				bench_die("%s", sqlite3_errmsg(db));
		}
		sqlite3_reset(st);
		sql(db, "COMMIT");
	}
	r->floor = (double)d->n / (bench_now() - began);
	sqlite3_finalize(st);
	sqlite3_close(db);
	bench_remove(path);
}

/* A row of a binary COPY: the number of fields, then each after its length. */
static size_t put_row(char *to, uint64_t n, const char *json, size_t len)
{
	uint16_t fields = htobe16(2);
	uint32_t size_n = htobe32(8), size_json = htobe32((uint32_t)len);

	n = htobe64(n);
	memcpy(to, &fields, 2);
	memcpy(to + 2, &size_n, 4);
	memcpy(to + 6, &n, 8);
	memcpy(to + 14, &size_json, 4);
	memcpy(to + 18, json, len);
	return 18 + len;
}

static void floor_pg(PGconn *c, const struct documents *d, unsigned batch, struct round *r)
{
	static const char head[19] = "PGCOPY\n\377\r\n", end[2] = "\377\377";
	char *rows = NULL;
	double began = bench_now();

	pg(c, "SET synchronous_commit = on", PGRES_COMMAND_OK);
	pg(c, "CREATE TABLE events_floor (n BIGINT, json TEXT)", PGRES_COMMAND_OK);
	for (size_t i = 0, last; i < d->n; i = last) {
		size_t len = sizeof(head);

		last = i + batch < d->n ? i + batch : d->n;
		rows = bench_must(realloc(rows, sizeof(head) + 18 * (last - i) + d->at[last] -
							d->at[i] + sizeof(end)));
		memcpy(rows, head, sizeof(head));
		for (; i < last; i++)
			len += put_row(rows + len, i + 1, d->text + d->at[i],
				       d->at[i + 1] - d->at[i]);
		memcpy(rows + len, end, sizeof(end));
		pg(c, "COPY events_floor (n, json) FROM STDIN (FORMAT binary)", PGRES_COPY_IN);
		if (PQputCopyData(c, rows, (int)(len + sizeof(end))) != 1 ||
		    PQputCopyEnd(c, NULL) != 1)
			bench_die("COPY: %s", PQerrorMessage(c));
		for (PGresult *answer; (answer = PQgetResult(c)); PQclear(answer))
			if (PQresultStatus(answer) != PGRES_COMMAND_OK)
				bench_die("COPY: %s", PQerrorMessage(c));
	}
	r->floor = (double)d->n / (bench_now() - began);
	free(rows);
	pg(c, "DROP TABLE events_floor", PGRES_COMMAND_OK);
}

/* One after the other, each from nothing. */
static void run_sqlite(const struct bench *b, const char *program, redisContext *c,
		       const struct documents *d, unsigned batch, const char *text, struct round *r)
{
	char db[300];

	snprintf(db, sizeof(db), "%s/collector.db", b->dir);
	sync();
	run_collector(b, NULL, program, c, d, db, text, r);
	if (!getenv("KEEP"))
		bench_remove(db);
	sync();
	floor_sqlite(b, d, batch, r);
}

static void run_pg(const struct bench *b, PGconn *server, const char *program, redisContext *c,
		   const struct documents *d, unsigned batch, const char *text, struct round *r)
{
	pg(server, "DROP SCHEMA public CASCADE", PGRES_COMMAND_OK);
	pg(server, "CREATE SCHEMA public", PGRES_COMMAND_OK);
	pg(server, "CHECKPOINT", PGRES_COMMAND_OK);
	sync();
	run_collector(b, server, program, c, d, b->postgres_url, text, r);
	pg(server, "CHECKPOINT", PGRES_COMMAND_OK);
	sync();
	floor_pg(server, d, batch, r);
}

static void no_notice(void *arg, const PGresult *r)
{
}

static bool wants_pg(void)
{
	const char *store = getenv("STORE");

	if (!store || !*store || strcmp(store, "sqlite") == 0)
		return false;
	if (strcmp(store, "postgresql") != 0)
		bench_die("STORE is sqlite or postgresql, not %s", store);
	return true;
}

int main(int argc, char **argv)
{
	unsigned rounds = bench_number("ROUNDS", 7), batch = bench_number("BATCH", 2000);
	size_t events = bench_number("EVENTS", 200000);
	double *ratios, *collector, *floors, *derived;
	struct bench b;
	struct documents d;
	redisContext *c;
	bool is_pg = wants_pg();
	PGconn *server = NULL; /* PostgreSQL only */
	char text[16];

	if (argc != 2)
		bench_die("usage: bench_ingest COLLECTOR");
	snprintf(text, sizeof(text), "%u", batch);
	bench_open(&b);
	if (is_pg) {
		server = bench_postgres(&b);
		PQsetNoticeReceiver(server, no_notice, NULL);
	}
	d = make_documents(bench_number("SEED", 1), events);
	printf("%zu events of %.0f bytes, %u in a transaction, %s %s\n", d.n,
	       (double)d.at[d.n] / (double)d.n, batch, server ? "PostgreSQL" : "SQLite",
	       server ? PQparameterStatus(server, "server_version") : sqlite3_libversion());
	c = bench_redis(&b);
	ratios = bench_must(calloc(rounds, sizeof(*ratios)));
	collector = bench_must(calloc(rounds, sizeof(*collector)));
	floors = bench_must(calloc(rounds, sizeof(*floors)));
	derived = bench_must(calloc(rounds, sizeof(*derived)));
	for (unsigned i = 0; i < rounds; i++) {
		struct round r;

		fill(c, &d);
		if (server)
			run_pg(&b, server, argv[1], c, &d, batch, text, &r);
		else
			run_sqlite(&b, argv[1], c, &d, batch, text, &r);
		ratios[i] = r.collector / r.floor;
		collector[i] = r.collector;
		floors[i] = r.floor;
		derived[i] = r.derived;
		printf("round %u: recorded %.0f/s (%.1f us of CPU an event till then), floor"
		       " %.0f/s, ratio %.3f; derived %.0f/s (%.1f us in all, peak %.0f MiB)\n",
		       i + 1, r.collector, r.recorded_cpu_s / (double)d.n * 1e6, r.floor, ratios[i],
		       r.derived, r.cpu_s / (double)d.n * 1e6, (double)r.peak_kib / 1024);
		fflush(stdout);
	}
	bench_say("recorded, events/s", collector, rounds);
	bench_say("floor, events/s", floors, rounds);
	bench_say("ratio", ratios, rounds);
	bench_say("derived, events/s", derived, rounds);
	redisFree(c);
	if (server)
		PQfinish(server);
	bench_close(&b);
	free(ratios);
	free(collector);
	free(floors);
	free(derived);
	free(d.text);
	free(d.at);
	return 0;
}
