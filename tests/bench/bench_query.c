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
 * start is part of the time. And each route of the API that reads is asked for its first
 * page, lists also for their second one and one from the middle of the store, of
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

#include "collector/ingest/ingest.h"
#include "tests/bench/bench.h"
#include "tests/bench/fleet.h"

#define PER_SECOND 500
#define SITES 100
#define FILL_BATCH 10000
#define LIMIT_MS 200
#define MOST_WORDS 12
#define FIRST_PAGE "50"
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"

static struct fleet *fleet;
static unsigned runs, slow;

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

/* Of the flows: what a collector itself says of the store later is of another time. */
static void span_of(const char *path, time_t *first, time_t *last)
{
	sqlite3 *db;
	sqlite3_stmt *q;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) ||
	    sqlite3_prepare_v2(db,
			       "SELECT (SELECT MIN(start) FROM flows),"
			       " (SELECT MAX(start) FROM flows)",
			       -1, &q, NULL) ||
	    sqlite3_step(q) != SQLITE_ROW)
		bench_die("%s: %s", path, sqlite3_errmsg(db));
	*first = (time_t)(sqlite3_column_int64(q, 0) / 1000000000);
	*last = (time_t)(sqlite3_column_int64(q, 1) / 1000000000);
	sqlite3_finalize(q);
	sqlite3_close(db);
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

/* Reads an answer to its end; its status, and where the next page begins ("": nowhere). */
static int get(int port, const char *target, char next[64])
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char text[600], buf[65536], *at;
	int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
	ssize_t n, len = snprintf(text, sizeof(text),
				  "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
				  target);

	if (next)
		next[0] = '\0';
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    write(fd, text, (size_t)len) == len)
		while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
			buf[n] = '\0';
			if (!status)
				sscanf(buf, "HTTP/1.1 %d", &status);
			if (next && (at = strstr(buf, "\"next\":")) != NULL)
				sscanf(at + 7, " \"%63[0-9.]", next);
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

		status = get(port, target, NULL);
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

/* What questions ask for: names in braces, and what they stand for. */
static struct {
	char device[64], source[64], stranger[64], since[32], until[32], middle[48];
} names;

static void name_all(time_t first, time_t last)
{
	time_t hour = last - 3600;

	fleet_device(fleet, 42, 7, names.device);
	fleet_source(fleet, names.source);
	fleet_stranger(fleet, 4711, names.stranger);
	strftime(names.since, sizeof(names.since), TIME_FORMAT, gmtime(&hour));
	strftime(names.until, sizeof(names.until), TIME_FORMAT, gmtime(&last));
	snprintf(names.middle, sizeof(names.middle), "%lld000000000.1",
		 (long long)first + (long long)(last - first) / 2);
}

static const char *filled_in(const char *question, char *out, size_t size)
{
	const struct {
		const char *name, *value;
	} of[] = { { "{device}", names.device },     { "{source}", names.source },
		   { "{stranger}", names.stranger }, { "{since}", names.since },
		   { "{until}", names.until },	     { "{middle}", names.middle },
		   { "{page}", FIRST_PAGE } };
	size_t len = 0;

	while (*question && len + 1 < size) {
		size_t i = 0;

		while (i < sizeof(of) / sizeof(of[0]) &&
		       strncmp(question, of[i].name, strlen(of[i].name)) != 0)
			i++;
		if (i == sizeof(of) / sizeof(of[0])) {
			out[len++] = *question++;
			continue;
		}
		len += (size_t)snprintf(out + len, size - len, "%s", of[i].value);
		question += strlen(of[i].name);
	}
	out[len < size ? len : size - 1] = '\0';
	return out;
}

static const char *const commands[] = {
	"flows --limit {page}",
	"events --limit {page}",
	"incidents --limit {page}",
	"sources --limit {page}",
	"agents --limit {page}",
	"dead-letters --limit {page}",
	"alerts --limit {page}",
	"sessions --limit {page}",
	"coverage",
	"coverage --device {device}",
	"silence",
	"drill",
	"incidents 1",
	"report 1",
	"alerts 1",

	"events --type flow --limit {page}",
	"events --type flow.start --limit {page}",
	"events --type path.change --limit {page}",
	"events --type agent.stats --limit {page}",
	"events --type alert --limit {page}",
	"events --path in-band --limit {page}",
	"events --service bgp --limit {page}",
	"events --verdict untrusted --limit {page}",
	"events --verdict no-policy --limit {page}",
	"events --source 203.0.0.0/16 --limit {page}",
	"events --source 192.0.2.0/24 --limit {page}",
	"flows --path in-band --limit {page}",
	"flows --service bgp --limit {page}",
	"flows --verdict untrusted --limit {page}",
	"flows --verdict no-policy --limit {page}",
	"flows --source 203.0.0.0/16 --limit {page}",
	"flows --source 192.0.2.0/24 --limit {page}",
	"sessions --verdict untrusted --limit {page}",
	"sessions --justified no --limit {page}",
	"sessions --login failure --limit {page}",
	"sessions --actor carol --limit {page}",
	"sessions --source 10.20.0.0/16 --limit {page}",
	"sources --verdict untrusted --limit {page}",
	"sources --path in-band --limit {page}",
	"sources --source 192.0.2.0/24 --limit {page}",
	"sources --source 10.20.0.0/16 --limit {page}",
	"incidents --verdict untrusted --limit {page}",
	"incidents --path in-band --limit {page}",
	"incidents --source 203.0.0.0/16 --limit {page}",
	"incidents --device {device} --limit {page}",
	"incidents --since {since} --limit {page}",
	"alerts --state open --limit {page}",
	"alerts --severity critical --limit {page}",
	"alerts --name in-band-unjustified --limit {page}",
	"alerts --source 203.0.0.0/16 --limit {page}",
	"alerts --device {device} --limit {page}",
	"alerts --since {since} --limit {page}",
	"agents --device {device} --limit {page}",
	"agents --since {since} --limit {page}",
	"sources --since {since} --until {until} --limit {page}",
};

/* Of each list that has them. */
static const char *const lists[] = { "flows", "events", "sessions", "sources" };
static const char *const filters[] = {
	"--device {device}",
	"--device {device} --verdict untrusted",
	"--source {source}",
	"--source {stranger}",
	"--source {stranger} --device {device}",
	"--since {since}",
	"--since {since} --verdict untrusted",
	"--until {since}",
	"--until {since} --verdict untrusted",
};

static void ask_commands(const struct bench *b, const char *program, const char *path)
{
	char question[300], words[400];

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		ask(b, program, path, filled_in(commands[i], words, sizeof(words)));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < sizeof(filters) / sizeof(filters[0]); k++) {
			snprintf(question, sizeof(question), "%s %s --limit {page}", lists[i],
				 filters[k]);
			ask(b, program, path, filled_in(question, words, sizeof(words)));
		}
}

/* Every route that answers with a list or one thing of it; below /api/v1/. Exports are
 * whole: of what one device did in an hour. */
static const char *const targets[] = {
	"self",
	"openapi.json",
	"summary",
	"summary?at={since}",
	"devices",
	"devices?at={since}",
	"devices?device={device}",
	"flows",
	"flows?device={device}",
	"flows?device={device}&verdict=untrusted",
	"flows?source={source}",
	"flows?source={stranger}",
	"flows?source={stranger}&device={device}",
	"flows?source=203.0.0.0/16",
	"flows?source=192.0.2.0/24",
	"flows?verdict=untrusted",
	"flows?verdict=no-policy",
	"flows?path=in-band",
	"flows?service=bgp",
	"flows?outcome=refused",
	"flows?outcome=closed",
	"flows?login=failure",
	"flows?user=carol",
	"flows?agent=oob-042",
	"flows?state=open",
	"flows?state=closed",
	"flows?justified=no",
	"flows?justified=yes",
	"flows?since={since}",
	"flows?since={since}&verdict=untrusted",
	"flows?until={since}",
	"flows?incident=1",
	"flows?after={middle}",
	"flows?after={middle}&device={device}",
	"flows?after={middle}&verdict=untrusted",
	"flows.csv?device={device}&since={since}",
	"flows.json?device={device}&since={since}",
	"sessions",
	"sessions?device={device}",
	"sessions?source={source}",
	"sessions?source={stranger}",
	"sessions?source=10.20.0.0/16",
	"sessions?verdict=untrusted",
	"sessions?verdict=trusted",
	"sessions?justified=no",
	"sessions?justified=yes",
	"sessions?login=failure",
	"sessions?user=carol",
	"sessions?agent=oob-042",
	"sessions?state=open",
	"sessions?state=closed",
	"sessions?since={since}",
	"sessions?until={since}",
	"sessions?incident=1",
	"sessions?after={middle}",
	"sessions.csv?device={device}&since={since}",
	"sessions.json?device={device}&since={since}",
	"sessions/1000",
	"events",
	"events?device={device}",
	"events?device={device}&verdict=untrusted",
	"events?source={source}",
	"events?source={stranger}",
	"events?source={stranger}&device={device}",
	"events?source=203.0.0.0/16",
	"events?source=192.0.2.0/24",
	"events?verdict=untrusted",
	"events?verdict=no-policy",
	"events?path=in-band",
	"events?service=bgp",
	"events?type=path.change",
	"events?type=flow",
	"events?type=alert",
	"events?type=agent.stats",
	"events?severity=warning",
	"events?severity=critical",
	"events?agent=oob-042",
	"events?since={since}",
	"events?until={since}&verdict=untrusted",
	"events?incident=1",
	"events?after={middle}",
	"events?after={middle}&type=path.change",
	"events.csv?device={device}&since={since}",
	"events.json?device={device}&since={since}",
	"incidents",
	"incidents?device={device}",
	"incidents?source={stranger}",
	"incidents?verdict=untrusted",
	"incidents?path=in-band",
	"incidents?kind=untrusted-source",
	"incidents?kind=failover",
	"incidents?state=open",
	"incidents?state=closed",
	"incidents?severity=critical",
	"incidents?since={since}",
	"incidents/1",
	"incidents/1.json",
	"incidents/1.md",
	"incidents/1.html",
	"alerts",
	"alerts?state=open",
	"alerts?state=resolved",
	"alerts?severity=critical",
	"alerts?name=in-band-unjustified",
	"alerts?device={device}",
	"alerts?source=203.0.0.0/16",
	"alerts?agent=oob-042",
	"alerts?incident=1",
	"alerts?since={since}",
	"alerts/1",
	"silences",
	"drills",
	"sources",
	"sources?device={device}",
	"sources?source={source}",
	"sources?source=203.0.0.0/16",
	"sources?source=192.0.2.0/24",
	"sources?verdict=untrusted",
	"sources?path=in-band",
	"sources?service=bgp",
	"sources?since={since}",
	"sources?since=-30d",
	"sources?until={since}",
	"agents",
	"agents?agent=oob-042",
	"coverage",
	"coverage?device={device}",
	"timeline?from={since}&to={until}",
	"timeline?from={since}&to={until}&limit=10000",
	"timeline?from={since}&to={until}&only=abnormal",
	"timeline?from={since}&to={until}&device={device}",
	"timeline?from=-1d",
	"timeline?from=-1d&limit=10000",
	"timeline?from=-1d&device={device}",
	"trust?address={source}",
	"trust?address={stranger}",
	"trust?address={source}&at={since}",
};

static void ask_routes(int port)
{
	static const char *const paged[] = { "flows",	"flows?verdict=untrusted",
					     "events",	"events?type=flow",
					     "sessions", "incidents",
					     "alerts" };
	char target[300], words[400], next[64];

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		snprintf(target, sizeof(target), "/api/v1/%s", targets[i]);
		ask_api(port, filled_in(target, words, sizeof(words)));
	}
	ask_api(port, "/metrics");
	for (size_t i = 0; i < sizeof(paged) / sizeof(paged[0]); i++) {
		snprintf(target, sizeof(target), "/api/v1/%s", paged[i]);
		get(port, target, next);
		if (!next[0])
			continue;
		snprintf(words, sizeof(words), "%s%cafter=%s", target,
			 strchr(target, '?') ? '&' : '?', next);
		ask_api(port, words);
	}
}

static void ask_lists(const struct bench *b, const char *program, const char *path)
{
	char url[64], listen[64], log[300];
	int port = bench_port();
	pid_t pid;

	snprintf(url, sizeof(url), "redis://127.0.0.1:%d", b->redis_port);
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
	snprintf(log, sizeof(log), "%s/collector.log", b->dir);
	pid = bench_start(log, (const char *[]){ program, "run", "--redis", url, "--db", path,
						 "--listen", listen, "--http-rate", "0", NULL });
	for (int i = 0; i < 100 && get(port, "/healthz", NULL) != 200; i++)
		usleep(50000);
	ask_routes(port);
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
	time_t start, first, last;

	if (argc != 2)
		bench_die("usage: bench_query COLLECTOR");
	runs = bench_number("RUNS", 5);
	bench_open(&b);
	snprintf(path, sizeof(path), "%s/query.db", b.dir);
	if (given)
		snprintf(path, sizeof(path), "%s", given);
	/* The newest event is of now: answers about what is recent are full, too. */
	start = time(NULL) - (time_t)(events / PER_SECOND);
	fleet = bench_must(fleet_new(bench_number("SEED", 1), SITES,
				     (uint64_t)start * 1000000000, PER_SECOND));
	if (!given || access(path, F_OK) != 0)
		fill(path, events);
	span_of(path, &first, &last);
	name_all(first, last);
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
