/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the collector answers over a large store, beside reading all of it.
 *
 *	bench_query COLLECTOR	EVENTS (10 million), RUNS, SEED, TMPDIR in the environment
 *
 * The store is filled by ingest_batch(), as the collector would, from a fleet of made-up
 * agents (fleet.h); only Redis is not there, and the transactions are larger. STORE=FILE
 * uses what an earlier call with KEEP=1 has left.
 *
 * Then each command is run for its first page, RUNS times, as a process of its own: its
 * start is part of the time. And each list of the API is asked for its first page, of
 * `glasswatch-collector run` with nothing else to do. The filters are frequent ones, on
 * which the newest rows match, and rare ones, on which few or none do. Beside
 * them stands what a scan of the whole list takes, without documents: SELECT SUM(LENGTH(policy)).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collector/ingest.h"
#include "tests/bench/bench.h"
#include "tests/bench/fleet.h"

#define START_NS 1764288000000000000
#define PER_SECOND 500
#define SITES 100
#define FILL_BATCH 10000
#define LIMIT_MS 200
#define MOST_WORDS 12
#define FIRST_PAGE "50"

static struct fleet *fleet;
static unsigned runs, slow;
static char since[32], until[32]; /* the store's last hour */

/* ---- filling --------------------------------------------------------------- */

static void fill_batch(struct store *s, size_t n)
{
	static struct ingest_entry entries[FILL_BATCH];
	struct ingest_counts counts = { 0 };
	size_t len;
	int rc;

	for (size_t i = 0; i < n; i++) {
		const char *text = fleet_next(fleet, &len);

		free((char *)(uintptr_t)entries[i].json);
		entries[i].id = "0-1";
		entries[i].json = bench_must(strdup(text));
		entries[i].len = len;
	}
	rc = ingest_begin(s);
	if (!rc)
		rc = ingest_batch(s, entries, n, fleet_time(fleet), &counts);
	if (!rc)
		rc = store_anchor_make(s, fleet_time(fleet), 1000, 0) < 0;
	if (!rc)
		rc = ingest_commit(s);
	if (rc || counts.dead)
		bench_die("%s %s", store_error(s), counts.dead_reason);
}

static void fill(const char *path, size_t events)
{
	char err[600];
	struct store *s = store_open(path, STORE_WRITE, err, sizeof(err));
	double began = bench_now();

	if (!s)
		bench_die("%s", err);
	store_set_name(s, "glasswatch-collector");
	for (size_t done = 0; done < events; done += FILL_BATCH) {
		fill_batch(s, events - done < FILL_BATCH ? events - done : FILL_BATCH);
		if (done && done % 1000000 == 0)
			fprintf(stderr, "bench: %zu events, %.0f/s\n", done,
				(double)done / (bench_now() - began));
	}
	store_close(s);
}

/* ---- asking ---------------------------------------------------------------- */

static void say(const char *name, double *ms, unsigned n, const char *note)
{
	double median;

	qsort(ms, n, sizeof(*ms), bench_compare);
	median = ms[n / 2];
	slow += median >= LIMIT_MS;
	printf("%9.1f ms (%.1f to %.1f)  %s%s%s\n", median, ms[0], ms[n - 1], name, note,
	       median >= LIMIT_MS ? "   ABOVE " : "");
	fflush(stdout);
}

static void scan(const char *path)
{
	double began = bench_now();
	struct stat st;
	sqlite3 *db;
	sqlite3_stmt *q;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) ||
	    sqlite3_prepare_v2(db, "SELECT COUNT(*), SUM(LENGTH(policy)) FROM events", -1, &q,
			       NULL) ||
	    sqlite3_step(q) != SQLITE_ROW)
		bench_die("%s: %s", path, sqlite3_errmsg(db));
	stat(path, &st);
	printf("%9.1f ms  a scan of the rows of all %lld events in a file of %.2f GB\n",
	       (bench_now() - began) * 1e3, (long long)sqlite3_column_int64(q, 0),
	       (double)st.st_size / 1e9);
	sqlite3_finalize(q);
	sqlite3_close(db);
	fflush(stdout);
}

/* words: "flows --device X --limit 50", without spaces in a word. */
static void ask(const struct bench *b, const char *program, const char *path, const char *words)
{
	const char *argv[MOST_WORDS + 6] = { program };
	char copy[400], log[300], *word, *at;
	double *ms = bench_must(calloc(runs, sizeof(*ms)));
	int n = 1, status = 0;

	snprintf(copy, sizeof(copy), "%s", words);
	snprintf(log, sizeof(log), "%s/ask.log", b->dir);
	for (word = strtok_r(copy, " ", &at); word && n < MOST_WORDS;
	     word = strtok_r(NULL, " ", &at))
		argv[n++] = word;
	argv[n++] = "--db";
	argv[n++] = path;
	for (unsigned i = 0; i < runs; i++) {
		double began = bench_now();

		waitpid(bench_start(log, argv), &status, 0);
		ms[i] = (bench_now() - began) * 1e3;
	}
	say(words, ms, runs, WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? "" : "  FAILED");
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		slow++;
	free(ms);
}

/* Reads an answer to its end; its status. */
static int get(int port, const char *target)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char text[600], buf[65536];
	int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
	ssize_t n, len = snprintf(text, sizeof(text),
				  "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
				  target);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    write(fd, text, (size_t)len) == len)
		while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
			buf[n] = '\0';
			if (!status)
				sscanf(buf, "HTTP/1.1 %d", &status);
		}
	close(fd);
	return status;
}

static void ask_api(int port, const char *target)
{
	double *ms = bench_must(calloc(runs, sizeof(*ms)));
	char note[32] = "";
	int status = 0;

	for (unsigned i = 0; i < runs; i++) {
		double began = bench_now();

		status = get(port, target);
		ms[i] = (bench_now() - began) * 1e3;
	}
	if (status != 200)
		snprintf(note, sizeof(note), "  STATUS %d", status);
	slow += status != 200;
	say(target, ms, runs, note);
	free(ms);
}

static void peak(pid_t pid)
{
	char path[64], line[200];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = bench_must(fopen(path, "r"));
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			printf("%9.1f MiB  peak memory of the collector that answered\n",
			       strtod(line + 6, NULL) / 1024);
	fclose(f);
}

static void ask_commands(const struct bench *b, const char *program, const char *path)
{
	char device[64], source[64], stranger[64], words[400];
	static const char *const plain[] = { "flows",
					     "events",
					     "incidents",
					     "sources",
					     "agents",
					     "dead-letters",
					     "alerts",
					     "sessions",
					     "coverage",
					     "events --type flow",
					     "events --type flow.start",
					     "events --type path.change",
					     "events --type agent.stats",
					     "events --type alert",
					     "events --path in-band",
					     "events --service bgp",
					     "events --verdict untrusted",
					     "events --verdict no-policy",
					     "events --source 203.0.0.0/16",
					     "events --source 192.0.2.0/24",
					     "flows --path in-band",
					     "flows --service bgp",
					     "flows --verdict untrusted",
					     "flows --verdict no-policy",
					     "flows --source 203.0.0.0/16",
					     "flows --source 192.0.2.0/24",
					     "sources --verdict untrusted",
					     "sources --source 192.0.2.0/24",
					     "incidents 1" };

	fleet_device(fleet, 42, 7, device);
	fleet_source(fleet, source);
	fleet_stranger(fleet, 4711, stranger);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		bool one = strcmp(plain[i], "incidents 1") == 0;

		snprintf(words, sizeof(words), "%s%s", plain[i],
			 one || strcmp(plain[i], "coverage") == 0 ? "" : " --limit " FIRST_PAGE);
		ask(b, program, path, words);
	}
	for (int i = 0; i < 2; i++) {
		const char *what = i ? "flows" : "events";

		snprintf(words, sizeof(words), "%s --device %s --limit " FIRST_PAGE, what, device);
		ask(b, program, path, words);
		snprintf(words, sizeof(words),
			 "%s --device %s --verdict untrusted --limit " FIRST_PAGE, what, device);
		ask(b, program, path, words);
		snprintf(words, sizeof(words), "%s --source %s --limit " FIRST_PAGE, what, source);
		ask(b, program, path, words);
		snprintf(words, sizeof(words), "%s --source %s --limit " FIRST_PAGE, what,
			 stranger);
		ask(b, program, path, words);
		snprintf(words, sizeof(words), "%s --source %s --device %s --limit " FIRST_PAGE,
			 what, stranger, device);
		ask(b, program, path, words);
		snprintf(words, sizeof(words), "%s --since %s --limit " FIRST_PAGE, what, since);
		ask(b, program, path, words);
		snprintf(words, sizeof(words),
			 "%s --until %s --verdict untrusted --limit " FIRST_PAGE, what, since);
		ask(b, program, path, words);
	}
}

static void ask_lists(const struct bench *b, const char *program, const char *path)
{
	static const char *const targets[] = { "summary",
					       "devices",
					       "flows",
					       "sessions",
					       "events",
					       "incidents",
					       "incidents/1",
					       "alerts",
					       "agents",
					       "coverage",
					       "sources",
					       "sources?verdict=untrusted",

					       "flows?verdict=untrusted",
					       "flows?path=in-band",
					       "flows?source=192.0.2.0/24",
					       "events?type=path.change",
					       "events?verdict=untrusted",
					       "trust?address=10.20.0.1" };
	char url[64], listen[64], log[300], target[200], device[64];
	int port = bench_port();
	pid_t pid;

	snprintf(url, sizeof(url), "redis://127.0.0.1:%d", b->redis_port);
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
	snprintf(log, sizeof(log), "%s/collector.log", b->dir);
	pid = bench_start(log, (const char *[]){ program, "run", "--redis", url, "--db", path,
						 "--listen", listen, NULL });
	for (int i = 0; i < 100 && get(port, "/healthz") != 200; i++)
		usleep(50000);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		snprintf(target, sizeof(target), "/api/v1/%s", targets[i]);
		ask_api(port, target);
	}
	fleet_device(fleet, 42, 7, device);
	snprintf(target, sizeof(target), "/api/v1/flows?device=%s&verdict=untrusted", device);
	ask_api(port, target);
	snprintf(target, sizeof(target), "/api/v1/timeline?from=%s&to=%s", since, until);
	ask_api(port, target);
	snprintf(target, sizeof(target), "/api/v1/timeline?from=%s&to=%s&device=%s", since, until,
		 device);
	ask_api(port, target);
	snprintf(target, sizeof(target), "/api/v1/events?device=%s", device);
	ask_api(port, target);
	ask_api(port, "/metrics");
	peak(pid);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	size_t events = bench_number("EVENTS", 10000000);
	const char *given = getenv("STORE");
	char path[300];
	struct bench b;
	time_t last;

	if (argc != 2)
		bench_die("usage: bench_query COLLECTOR");
	runs = bench_number("RUNS", 5);
	bench_open(&b);
	snprintf(path, sizeof(path), "%s/query.db", b.dir);
	if (given)
		snprintf(path, sizeof(path), "%s", given);
	fleet = bench_must(fleet_new(bench_number("SEED", 1), SITES, START_NS, PER_SECOND));
	if (!given || access(path, F_OK) != 0)
		fill(path, events);
	last = (time_t)(START_NS / 1000000000 + events / PER_SECOND);
	strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime(&last));
	last -= 3600;
	strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", gmtime(&last));
	redisFree(bench_redis(&b));
	scan(path);
	scan(path);
	ask_commands(&b, argv[1], path);
	ask_lists(&b, argv[1], path);
	printf("%u of them failed or took %d ms or more\n", slow, LIMIT_MS);
	fleet_free(fleet);
	bench_close(&b);
	return 0;
}
