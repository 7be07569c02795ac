/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox: between what the agent has seen and what the receiver has.
 *
 * Numbers. An event's number is one more than the last one's, from 1, for as long
 * as the file exists. The counter is written in the transaction that writes the
 * events, and nothing is handed to the publisher before that transaction is on
 * the disk. So an agent that is killed takes with it only events that nobody has
 * seen, and their numbers are given again: in the receiver's store there is
 * neither a hole nor a number twice.
 *
 * Durability. WAL with synchronous=FULL: one fsync per commit, and commits are one
 * per loop turn. Measured: a commit costs 0.2-0.3 ms of disk, 500 events in a
 * commit 10 % more than with NORMAL, which does not sync at all. NORMAL would
 * survive kill -9 but not a power cut: the file would come back with an older
 * counter, numbers that Redis already holds would be given to other events, and
 * the collector would drop those as duplicates.
 *
 * Bound. The waiting documents' bytes are counted; beyond max_bytes the oldest of
 * the lowest rank goes: info, notice, warning and critical, alerts and path
 * changes, loss reports. What is on its way to the receiver (outbox_hold()) is
 * passed over, else it might be both delivered and counted as dropped. Alerts, path
 * changes and loss reports share all of the room, and nothing else can take it from
 * them: one of them goes only when they fill it by themselves, even if all that is
 * lower is on its way just now and the file grows beyond the bound by it. What goes
 * is entered into the ledger by reason and type, in the same transaction, and
 * reported by an agent.loss event when a quarter of the room is free again or the
 * oldest entry is a minute old; then the ledger starts anew.
 *
 * When the file cannot be written (disk full), what is pushed waits in memory, up
 * to MEMORY_BYTES, by the same rule, and each commit tries again.
 *
 * One process per file: SQLite's exclusive locking mode, held from open to close;
 * the kernel frees it when the process dies.
 *
 * Tables: event (seq, rank, time in ns, type, json), state (one row: the counters
 * and whose numbers they are), loss (the ledger).
 */
#include "agent/outbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sqlite3.h>

#include "common/clock.h"
#include "common/event.h"
#include "common/log.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define APPLICATION_ID 0x67776f62 /* "gwob" */
#define SCHEMA_VERSION 1
#define MEMORY_BYTES (16ull << 20)
#define OPEN_WAIT_MS 1000 /* for an agent that is just going */
#define REPORT_AFTER_NS (60 * NS_PER_S)
#define SAY_AGAIN_NS (300 * NS_PER_S)
#define LEDGER_MAX 48  /* types are about 14 and the alerts' names */
#define TYPE_STRLEN 64 /* longest type kept in the ledger, cut beyond */
#define DROP_BATCH 64

/* Who goes first when there is no room. */
enum rank { RANK_INFO, RANK_NOTICE, RANK_WARNING, RANK_ALERT, RANK_LOSS, RANK_NUM };

static const char *const drop_str[] = {
	[OUTBOX_DROP_FULL] = "outbox-full",
	[OUTBOX_DROP_UNWRITTEN] = "outbox-unwritten",
};
static_assert(ARRAY_SIZE(drop_str) == OUTBOX_DROP_NUM, "a name for each reason");

struct loss {
	enum outbox_drop reason;
	char type[TYPE_STRLEN];
	uint64_t count, from_ns, to_ns; /* the dropped events' own times */
};

/* All that a transaction changes besides the rows. A commit works on a copy, which
 * replaces the original when SQLite has said yes. Pending events are in it. */
struct tally {
	uint64_t generated, acknowledged, dropped[OUTBOX_DROP_NUM];
	uint64_t bytes[RANK_NUM], waiting[RANK_NUM];
	struct loss ledger[LEDGER_MAX];
	unsigned n_ledger;
	bool ledger_changed;
};

/* Pushed, not yet in the file. Texts lie in the outbox's arena, by offset. */
struct pending {
	uint64_t seq, time_ns;
	enum rank rank;
	size_t type, json, json_len;
};

struct range {
	uint64_t first, last;
};

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	INSERT,
	ACK,
	OLDEST,
	DELETE,
	EACH,
	STATE,
	LEDGER_CLEAR,
	LEDGER_ADD,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[INSERT] = "INSERT INTO event(seq, rank, time, type, json) VALUES(?, ?, ?, ?, ?)",
	[ACK] = "DELETE FROM event WHERE seq BETWEEN ? AND ? RETURNING rank, length(json)",
	[OLDEST] = ("SELECT seq, time, type, length(json) FROM event WHERE rank = ? AND seq >= ?"
		    " AND NOT seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"),
	[DELETE] = "DELETE FROM event WHERE seq = ?",
	[EACH] = "SELECT seq, type, json FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
	[STATE] = "UPDATE state SET generated = ?, acknowledged = ?, full = ?, unwritten = ?",
	[LEDGER_CLEAR] = "DELETE FROM loss",
	[LEDGER_ADD] = "INSERT INTO loss(reason, type, count, first, last) VALUES(?, ?, ?, ?, ?)",
};

struct outbox {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	char *path, *agent;
	uint64_t max_bytes;
	struct tally tally;

	struct pending *pending;
	size_t n_pending, max_pending;
	char *arena;
	size_t arena_len, arena_size;
	char *scratch; /* event_encode_into()'s */
	size_t scratch_size;

	struct range *acks;
	size_t n_acks, max_acks;
	struct range hold;

	uint64_t floor[RANK_NUM]; /* no row of the rank is below: where to look */
	uint64_t newest_ns;	  /* see tell_time() */
	uint64_t ledger_since_ns; /* newest_ns when the ledger got its first entry */
	uint64_t full_said_ns;	  /* newest_ns when it was full last */
	bool failing;		  /* the last commit failed, and it has been said */
	char problem[200];	  /* why, when it has */
	struct outbox_companion companion; /* write NULL: none */
};

const char *outbox_drop_name(enum outbox_drop d)
{
	return drop_str[d];
}

/* ---- SQLite ---- */

static int step(struct outbox *o, enum statement which)
{
	sqlite3_stmt *s = o->statement[which];
	int rc = sqlite3_step(s);

	/* A statement that is not reset keeps the transaction open. */
	sqlite3_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -EIO;
}

static void bind(sqlite3_stmt *s, int i, uint64_t v)
{
	sqlite3_bind_int64(s, i, (sqlite3_int64)v);
}

static uint64_t column(sqlite3_stmt *s, int i)
{
	return (uint64_t)sqlite3_column_int64(s, i);
}

/* Runs a query of one row with one integer. */
static int query_int(sqlite3 *db, const char *text, sqlite3_int64 *out)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(db, text, -1, &s, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(s);
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_finalize(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static const char create[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE event(seq INTEGER PRIMARY KEY, rank INTEGER NOT NULL, time INTEGER NOT NULL,"
	" type TEXT NOT NULL, json BLOB NOT NULL);"
	"CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), agent TEXT NOT NULL,"
	" generated INTEGER NOT NULL, acknowledged INTEGER NOT NULL, full INTEGER NOT NULL,"
	" unwritten INTEGER NOT NULL);"
	"CREATE TABLE loss(reason INTEGER NOT NULL, type TEXT NOT NULL, count INTEGER NOT NULL,"
	" first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY(reason, type)) WITHOUT ROWID;"
	"PRAGMA application_id = 1735880546;"
	"PRAGMA user_version = 1;";
static_assert(APPLICATION_ID == 1735880546 && SCHEMA_VERSION == 1, "as the pragmas say");

static int insert_agent(sqlite3 *db, const char *agent)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(db, "INSERT INTO state VALUES(1, ?, 0, 0, 0, 0)", -1, &s, NULL);

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_bind_text(s, 1, agent, -1, SQLITE_STATIC);
	rc = sqlite3_step(s);
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : rc;
}

/* Fills the tally from the file. */
static int read_state(struct outbox *o, char *err, size_t size)
{
	struct tally *t = &o->tally;
	sqlite3_stmt *s;
	int rc;

	rc = sqlite3_prepare_v2(o->db,
				"SELECT agent, generated, acknowledged, full, unwritten"
				" FROM state",
				-1, &s, NULL);
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW) {
		sqlite3_finalize(s);
		return rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
	}
	if (strcmp((const char *)sqlite3_column_text(s, 0), o->agent)) {
		snprintf(err, size,
			 "outbox %s holds the numbers of agent \"%s\", this one is \"%s\": "
			 "give it that name or another outbox",
			 o->path, (const char *)sqlite3_column_text(s, 0), o->agent);
		sqlite3_finalize(s);
		return -1;
	}
	t->generated = column(s, 1);
	t->acknowledged = column(s, 2);
	t->dropped[OUTBOX_DROP_FULL] = column(s, 3);
	t->dropped[OUTBOX_DROP_UNWRITTEN] = column(s, 4);
	sqlite3_finalize(s);

	rc = sqlite3_prepare_v2(o->db,
				"SELECT rank, count(*), sum(length(json)) FROM event"
				" GROUP BY rank",
				-1, &s, NULL);
	if (rc != SQLITE_OK)
		return rc;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (column(s, 0) < RANK_NUM) {
			t->waiting[column(s, 0)] = column(s, 1);
			t->bytes[column(s, 0)] = column(s, 2);
		}
	}
	sqlite3_finalize(s);
	if (rc != SQLITE_DONE)
		return rc;

	rc = sqlite3_prepare_v2(o->db, "SELECT reason, type, count, first, last FROM loss", -1, &s,
				NULL);
	if (rc != SQLITE_OK)
		return rc;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW && t->n_ledger < LEDGER_MAX) {
		struct loss *l = &t->ledger[t->n_ledger++];

		l->reason = column(s, 0) < OUTBOX_DROP_NUM ? (enum outbox_drop)column(s, 0) : 0;
		snprintf(l->type, sizeof(l->type), "%s", (const char *)sqlite3_column_text(s, 1));
		l->count = column(s, 2);
		l->from_ns = column(s, 3);
		l->to_ns = column(s, 4);
		if (l->to_ns > o->ledger_since_ns)
			o->ledger_since_ns = l->to_ns;
	}
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

static bool in_memory(const char *path)
{
	return !strcmp(path, ":memory:");
}

/* Opens the file, takes its lock, makes the tables. Returns an SQLite code, or -1
 * when err has been written. */
static int open_file(struct outbox *o, char *err, size_t size)
{
	sqlite3_int64 application = 0, version = 0, tables = 0;
	int rc, fd;

	if (!in_memory(o->path)) {
		/* SQLite would create it readable by all; the record is not. */
		fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) {
			snprintf(err, size, "outbox %s: %s", o->path, strerror(errno));
			return -1;
		}
		close(fd);
	}
	rc = sqlite3_open_v2(o->path, &o->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_busy_timeout(o->db, OPEN_WAIT_MS);
	/* Exclusive before the first access: then WAL needs no shared memory file and
	 * the lock is kept from here to close. */
	rc = sqlite3_exec(o->db,
			  "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
			  "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608;"
			  "BEGIN EXCLUSIVE; COMMIT;",
			  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = query_int(o->db, "PRAGMA application_id", &application);
	if (rc == SQLITE_OK)
		rc = query_int(o->db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = query_int(o->db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc != SQLITE_OK)
		return rc;
	if (tables == 0 && application == 0) {
		rc = sqlite3_exec(o->db, create, NULL, NULL, NULL);
		return rc == SQLITE_OK ? insert_agent(o->db, o->agent) : rc;
	}
	if (application != APPLICATION_ID) {
		snprintf(err, size, "outbox %s: an SQLite file, but not an outbox", o->path);
		return -1;
	}
	if (version != SCHEMA_VERSION) {
		snprintf(err, size, "outbox %s has version %lld, this program knows %d", o->path,
			 (long long)version, SCHEMA_VERSION);
		return -1;
	}
	return SQLITE_OK;
}

struct outbox *outbox_open(const char *path, const char *agent, uint64_t max_bytes, char *err,
			   size_t size)
{
	struct outbox *o;
	int rc;

	if (!event_agent_valid(agent)) {
		snprintf(err, size, "agent name \"%s\": 1 to %d letters, digits, '.', '_', '-'",
			 agent, EVENT_AGENT_MAX);
		return NULL;
	}
	o = calloc(1, sizeof(*o));
	if (!o) {
		snprintf(err, size, "outbox %s: no memory", path);
		return NULL;
	}
	o->path = strdup(path);
	o->agent = strdup(agent);
	o->max_bytes = max_bytes ? max_bytes : OUTBOX_DEFAULT_BYTES;
	rc = o->path && o->agent ? open_file(o, err, size) : SQLITE_NOMEM;
	if (rc == SQLITE_OK) {
		rc = read_state(o, err, size);
		if (rc == SQLITE_DONE)
			rc = SQLITE_OK;
	}
	for (int i = 0; rc == SQLITE_OK && i < STATEMENTS; i++)
		rc = sqlite3_prepare_v3(o->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					&o->statement[i], NULL);
	if (rc == SQLITE_OK)
		return o;
	if (rc == SQLITE_BUSY)
		snprintf(err, size, "outbox %s is in use by another agent", path);
	else if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
		snprintf(err, size,
			 "outbox %s is damaged (%s): move it away, and give the agent a "
			 "new name, as its numbers begin at 1 again",
			 path, sqlite3_errstr(rc));
	else if (rc >= 0)
		snprintf(err, size, "outbox %s: %s", path,
			 o->db ? sqlite3_errmsg(o->db) : sqlite3_errstr(rc));
	outbox_close(o);
	return NULL;
}

void outbox_close(struct outbox *o)
{
	if (!o)
		return;
	if (o->statement[STATEMENTS - 1]) /* fully open */
		outbox_commit(o);
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(o->statement[i]);
	sqlite3_close(o->db);
	free(o->pending);
	free(o->arena);
	free(o->scratch);
	free(o->acks);
	free(o->path);
	free(o->agent);
	free(o);
}

/* ---- what goes when there is no room ---- */

static enum rank rank_of(const struct event *e)
{
	if (e->type == EVENT_AGENT_LOSS)
		return RANK_LOSS;
	if (e->type == EVENT_ALERT || e->type == EVENT_PATH_CHANGE)
		return RANK_ALERT;
	switch (e->severity) {
	case SEVERITY_INFO:
		return RANK_INFO;
	case SEVERITY_NOTICE:
		return RANK_NOTICE;
	default:
		return RANK_WARNING;
	}
}

static uint64_t bytes_from(const struct tally *t, enum rank lowest)
{
	uint64_t sum = 0;

	for (enum rank rank = lowest; rank < RANK_NUM; rank++)
		sum += t->bytes[rank];
	return sum;
}

static uint64_t all_bytes(const struct tally *t)
{
	return bytes_from(t, RANK_INFO);
}

/* Moves one event from waiting to dropped. */
static void tally_drop(struct tally *t, enum outbox_drop reason, enum rank rank, const char *type,
		       uint64_t time_ns, uint64_t bytes)
{
	struct loss *l = NULL;

	t->waiting[rank]--;
	t->bytes[rank] -= bytes;
	t->dropped[reason]++;
	t->ledger_changed = true;
	for (unsigned i = 0; i < t->n_ledger && !l; i++)
		if (t->ledger[i].reason == reason &&
		    !strncmp(t->ledger[i].type, type, TYPE_STRLEN - 1))
			l = &t->ledger[i];
	if (!l && t->n_ledger < LEDGER_MAX) {
		l = &t->ledger[t->n_ledger++];
		memset(l, 0, sizeof(*l));
		l->reason = reason;
		snprintf(l->type, sizeof(l->type), "%s", type);
		l->from_ns = l->to_ns = time_ns;
	}
	if (!l) { /* more kinds than the ledger has lines: the last one takes them */
		l = &t->ledger[LEDGER_MAX - 1];
		l->reason = reason;
		snprintf(l->type, sizeof(l->type), "other");
	}
	l->count++;
	if (time_ns < l->from_ns)
		l->from_ns = time_ns;
	if (time_ns > l->to_ns)
		l->to_ns = time_ns;
}

/* What counts against the room when an event of this rank is to go. */
static bool too_much(const struct outbox *o, const struct tally *t, enum rank rank)
{
	return bytes_from(t, rank < RANK_ALERT ? RANK_INFO : RANK_ALERT) > o->max_bytes;
}

/* Inside a transaction: deletes until the rest fits. */
static int make_room(struct outbox *o, struct tally *t)
{
	for (enum rank rank = 0; rank < RANK_NUM; rank++) {
		while (too_much(o, t, rank) && t->waiting[rank]) {
			uint64_t going[DROP_BATCH];
			unsigned n = 0;
			sqlite3_stmt *s = o->statement[OLDEST];
			int rc = SQLITE_DONE;

			bind(s, 1, rank);
			bind(s, 2, o->floor[rank]);
			bind(s, 3, o->hold.first);
			bind(s, 4, o->hold.last);
			bind(s, 5, DROP_BATCH);
			while (too_much(o, t, rank) && n < DROP_BATCH &&
			       (rc = sqlite3_step(s)) == SQLITE_ROW) {
				going[n++] = column(s, 0);
				tally_drop(t, OUTBOX_DROP_FULL, rank,
					   (const char *)sqlite3_column_text(s, 2), column(s, 1),
					   column(s, 3));
			}
			sqlite3_reset(s);
			if (rc != SQLITE_ROW && rc != SQLITE_DONE)
				return -EIO;
			for (unsigned i = 0; i < n; i++) {
				bind(o->statement[DELETE], 1, going[i]);
				if (step(o, DELETE))
					return -EIO;
			}
			if (n == 0)
				break; /* the rest of it is on its way */
			o->floor[rank] = going[n - 1] + 1;
			if (o->hold.last && o->floor[rank] > o->hold.first)
				o->floor[rank] = o->hold.first; /* what is held may come back */
		}
	}
	return 0;
}

/* ---- in ---- */

/* Makes room for one more element. */
static bool reserve(void **array, size_t *max, size_t need, size_t element)
{
	size_t n = *max ? *max : 64;
	void *p;

	if (need <= *max)
		return true;
	while (n < need)
		n *= 2;
	p = realloc(*array, n * element);
	if (!p)
		return false;
	*array = p;
	*max = n;
	return true;
}

static size_t arena_add(struct outbox *o, const char *text, size_t len)
{
	size_t at = o->arena_len;

	memcpy(o->arena + at, text, len);
	o->arena[at + len] = '\0';
	o->arena_len += len + 1;
	return at;
}

static const char *type_text(const struct event *e, char *buf, size_t size)
{
	if (e->type != EVENT_ALERT)
		return event_type_name(e->type);
	snprintf(buf, size, "alert.%s", e->alert);
	return buf;
}

/* Events are the outbox's clock. Those of flows may be older than the last one;
 * agent.stats is of now: when it is older, the clock was set back, and what is to
 * come in a minute must not wait until the clock has caught up. */
static void tell_time(struct outbox *o, const struct event *e)
{
	if (e->time_ns > o->newest_ns || e->type == EVENT_AGENT_STATS)
		o->newest_ns = e->time_ns;
	if (o->ledger_since_ns > o->newest_ns)
		o->ledger_since_ns = o->newest_ns;
	if (o->full_said_ns > o->newest_ns)
		o->full_said_ns = o->newest_ns;
}

int outbox_push(struct outbox *o, struct event *e)
{
	char buf[128];
	const char *type = type_text(e, buf, sizeof(buf));
	struct pending *p;
	long len;

	e->agent = o->agent;
	e->seq = o->tally.generated + 1;
	len = event_encode_into(e, &o->scratch, &o->scratch_size);
	if (len < 0 ||
	    !reserve((void **)&o->pending, &o->max_pending, o->n_pending + 1, sizeof(*p)) ||
	    !reserve((void **)&o->arena, &o->arena_size,
		     o->arena_len + (size_t)len + strlen(type) + 2, 1))
		return -ENOMEM;
	p = &o->pending[o->n_pending++];
	p->seq = e->seq;
	p->time_ns = e->time_ns;
	p->rank = rank_of(e);
	p->type = arena_add(o, type, strlen(type));
	p->json = arena_add(o, o->scratch, (size_t)len);
	p->json_len = (size_t)len;
	o->tally.generated++;
	o->tally.waiting[p->rank]++;
	o->tally.bytes[p->rank] += p->json_len;
	tell_time(o, e);
	return 0;
}

static int insert(struct outbox *o, uint64_t seq, enum rank rank, uint64_t time_ns,
		  const char *type, const char *json, size_t json_len)
{
	sqlite3_stmt *s = o->statement[INSERT];

	bind(s, 1, seq);
	bind(s, 2, rank);
	bind(s, 3, time_ns);
	sqlite3_bind_text(s, 4, type, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(s, 5, json, json_len, SQLITE_STATIC);
	return step(o, INSERT);
}

/* The file cannot take them: lets go of the lowest and oldest in memory until what
 * is left fits, and closes the gaps. */
static void thin_pending(struct outbox *o)
{
	uint64_t bytes = 0, keep = o->max_bytes < MEMORY_BYTES ? o->max_bytes : MEMORY_BYTES;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < o->n_pending; i++)
		bytes += o->pending[i].json_len;
	for (enum rank rank = 0; rank < RANK_NUM && bytes > keep; rank++) {
		for (size_t i = 0; i < o->n_pending && bytes > keep; i++) {
			struct pending *p = &o->pending[i];

			if (p->rank != rank || !p->seq)
				continue;
			tally_drop(&o->tally, OUTBOX_DROP_UNWRITTEN, rank, o->arena + p->type,
				   p->time_ns, p->json_len);
			bytes -= p->json_len;
			p->seq = 0; /* gone */
		}
	}
	for (size_t i = 0; i < o->n_pending; i++) {
		struct pending p = o->pending[i];
		size_t type_len = strlen(o->arena + p.type) + 1;

		if (!p.seq)
			continue;
		/* Texts lie in the order of the events, so they only move down. */
		memmove(o->arena + at, o->arena + p.type, type_len);
		p.type = at;
		at += type_len;
		memmove(o->arena + at, o->arena + p.json, p.json_len + 1);
		p.json = at;
		at += p.json_len + 1;
		o->pending[n++] = p;
	}
	o->n_pending = n;
	o->arena_len = at;
}

/* ---- the report of what was dropped ---- */

static bool report_due(const struct outbox *o, const struct tally *t)
{
	uint64_t since = o->ledger_since_ns ? o->ledger_since_ns : o->newest_ns;

	return t->n_ledger &&
	       (all_bytes(t) <= o->max_bytes / 4 * 3 || o->newest_ns >= since + REPORT_AFTER_NS);
}

/* One agent.loss event per reason, in the transaction that clears the ledger. */
static int report(struct outbox *o, struct tally *t, enum outbox_drop reason)
{
	struct event e = { .type = EVENT_AGENT_LOSS,
			   .severity = SEVERITY_WARNING,
			   .agent = o->agent,
			   .seq = t->generated + 1 };
	uint64_t count = 0, from = UINT64_MAX, to = 0;
	char from_text[TIME_STRLEN], to_text[TIME_STRLEN];
	json_t *types = json_object();
	long len;
	int rc;

	for (unsigned i = 0; i < t->n_ledger; i++) {
		const struct loss *l = &t->ledger[i];

		if (l->reason != reason)
			continue;
		json_object_set_new(types, l->type, json_integer((json_int_t)l->count));
		count += l->count;
		from = l->from_ns < from ? l->from_ns : from;
		to = l->to_ns > to ? l->to_ns : to;
	}
	if (!count) {
		json_decref(types);
		return 0;
	}
	e.time_ns = o->newest_ns > to ? o->newest_ns : to;
	e.extra = json_pack("{s:{s:s, s:I, s:s, s:s, s:o}}", "loss", "reason", drop_str[reason],
			    "count", (json_int_t)count, "from", time_format(from, from_text), "to",
			    time_format(to, to_text), "types", types);
	if (!e.extra)
		return -ENOMEM;
	len = event_encode_into(&e, &o->scratch, &o->scratch_size);
	json_decref(e.extra);
	if (len < 0)
		return -ENOMEM;
	rc = insert(o, e.seq, RANK_LOSS, e.time_ns, event_type_name(e.type), o->scratch,
		    (size_t)len);
	t->generated++;
	t->waiting[RANK_LOSS]++;
	t->bytes[RANK_LOSS] += (uint64_t)len;
	return rc;
}

static int write_ledger(struct outbox *o, const struct tally *t)
{
	sqlite3_stmt *s = o->statement[LEDGER_ADD];

	if (step(o, LEDGER_CLEAR))
		return -EIO;
	for (unsigned i = 0; i < t->n_ledger; i++) {
		const struct loss *l = &t->ledger[i];

		bind(s, 1, l->reason);
		sqlite3_bind_text(s, 2, l->type, -1, SQLITE_STATIC);
		bind(s, 3, l->count);
		bind(s, 4, l->from_ns);
		bind(s, 5, l->to_ns);
		if (step(o, LEDGER_ADD))
			return -EIO;
	}
	return 0;
}

/* ---- the transaction ---- */

static int remove_acknowledged(struct outbox *o, struct tally *t)
{
	sqlite3_stmt *s = o->statement[ACK];

	for (size_t i = 0; i < o->n_acks; i++) {
		int rc;

		bind(s, 1, o->acks[i].first);
		bind(s, 2, o->acks[i].last);
		while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
			t->waiting[column(s, 0)]--;
			t->bytes[column(s, 0)] -= column(s, 1);
			t->acknowledged++;
		}
		sqlite3_reset(s);
		if (rc != SQLITE_DONE)
			return -EIO;
	}
	return 0;
}

static int write_state(struct outbox *o, const struct tally *t)
{
	sqlite3_stmt *s = o->statement[STATE];

	bind(s, 1, t->generated);
	bind(s, 2, t->acknowledged);
	bind(s, 3, t->dropped[OUTBOX_DROP_FULL]);
	bind(s, 4, t->dropped[OUTBOX_DROP_UNWRITTEN]);
	return step(o, STATE);
}

static int transaction(struct outbox *o, struct tally *t)
{
	if (step(o, BEGIN))
		return -EIO;
	if (remove_acknowledged(o, t))
		return -EIO;
	for (size_t i = 0; i < o->n_pending; i++) {
		const struct pending *p = &o->pending[i];

		if (insert(o, p->seq, p->rank, p->time_ns, o->arena + p->type, o->arena + p->json,
			   p->json_len))
			return -EIO;
	}
	if (all_bytes(t) > o->max_bytes && make_room(o, t))
		return -EIO;
	if (report_due(o, t)) {
		for (enum outbox_drop d = 0; d < OUTBOX_DROP_NUM; d++)
			if (report(o, t, d))
				return -EIO;
		t->n_ledger = 0;
		t->ledger_changed = true;
	}
	if (t->ledger_changed && write_ledger(o, t))
		return -EIO;
	if (write_state(o, t))
		return -EIO;
	if (o->companion.write && o->companion.write(o->companion.arg))
		return -EIO;
	return step(o, COMMIT);
}

struct sqlite3 *outbox_file(struct outbox *o)
{
	return o->db;
}

void outbox_join(struct outbox *o, const struct outbox_companion *c)
{
	o->companion = *c;
}

static bool companion_due(const struct outbox *o)
{
	return o->companion.due && o->companion.due(o->companion.arg);
}

static void companion_written(const struct outbox *o, int result)
{
	if (o->companion.written)
		o->companion.written(o->companion.arg, result);
}

/* Not when it fills, empties a little and fills again. */
static bool say_full(struct outbox *o)
{
	uint64_t before = o->full_said_ns;

	o->full_said_ns = o->newest_ns;
	return !before || o->newest_ns >= before + SAY_AGAIN_NS;
}

int outbox_commit(struct outbox *o)
{
	struct tally t = o->tally;

	if (!o->n_pending && !o->n_acks && !companion_due(o))
		return 0;
	if (transaction(o, &t)) {
		snprintf(o->problem, sizeof(o->problem), "%s", sqlite3_errmsg(o->db));
		/* Some errors have rolled back already; then this one fails, rightly. */
		if (!sqlite3_get_autocommit(o->db))
			step(o, ROLLBACK);
		memset(o->floor, 0, sizeof(o->floor));
		thin_pending(o);
		if (!o->failing)
			log_error("outbox %s cannot be written: %s; events wait in memory", o->path,
				  o->problem);
		o->failing = true;
		companion_written(o, -EIO);
		return -EIO;
	}
	if (o->failing)
		log_info("outbox %s is written again", o->path);
	o->failing = false;
	if (t.dropped[OUTBOX_DROP_FULL] > o->tally.dropped[OUTBOX_DROP_FULL] && say_full(o))
		log_warning("outbox %s is full (%llu bytes wait): the oldest events of least "
			    "severity are dropped",
			    o->path, (unsigned long long)all_bytes(&t));
	if (!t.n_ledger)
		o->ledger_since_ns = 0;
	else if (!o->ledger_since_ns)
		o->ledger_since_ns = o->newest_ns;
	t.ledger_changed = false;
	o->tally = t;
	o->n_pending = 0;
	o->arena_len = 0;
	o->n_acks = 0;
	companion_written(o, 0);
	return 0;
}

/* ---- out ---- */

int outbox_each(struct outbox *o, uint64_t after, unsigned max,
		bool (*fn)(void *arg, const struct outbox_item *item), void *arg)
{
	sqlite3_stmt *s = o->statement[EACH];
	char id[EVENT_ID_STRLEN];
	int rc, n = 0;

	bind(s, 1, after);
	bind(s, 2, max);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct outbox_item item = { .seq = column(s, 0), .id = id };

		item.type = (const char *)sqlite3_column_text(s, 1);
		item.json = sqlite3_column_blob(s, 2);
		item.json_len = (size_t)sqlite3_column_bytes(s, 2);
		snprintf(id, sizeof(id), "%s/%llu", o->agent, (unsigned long long)item.seq);
		n++;
		if (!fn(arg, &item))
			break;
	}
	sqlite3_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? n : -EIO;
}

void outbox_ack(struct outbox *o, uint64_t seq)
{
	struct range *last = o->n_acks ? &o->acks[o->n_acks - 1] : NULL;

	if (last && last->last + 1 == seq) {
		last->last = seq;
		return;
	}
	/* Without memory it is not noted, and goes to the receiver once more. */
	if (!reserve((void **)&o->acks, &o->max_acks, o->n_acks + 1, sizeof(*o->acks)))
		return;
	o->acks[o->n_acks++] = (struct range){ seq, seq };
}

void outbox_hold(struct outbox *o, uint64_t first, uint64_t last)
{
	o->hold = (struct range){ first, last };
}

void outbox_counters(const struct outbox *o, struct outbox_counters *out)
{
	const struct tally *t = &o->tally;

	memset(out, 0, sizeof(*out));
	out->generated = t->generated;
	out->acknowledged = t->acknowledged;
	for (enum rank rank = 0; rank < RANK_NUM; rank++)
		out->waiting += t->waiting[rank];
	for (enum outbox_drop d = 0; d < OUTBOX_DROP_NUM; d++)
		out->dropped[d] = t->dropped[d];
	out->waiting_bytes = all_bytes(t);
}

const char *outbox_problem(const struct outbox *o)
{
	return o->failing ? o->problem : "";
}

json_t *outbox_counters_json(const struct outbox_counters *c)
{
	json_t *dropped = json_object();

	for (enum outbox_drop d = 0; d < OUTBOX_DROP_NUM; d++)
		json_object_set_new(dropped, drop_str[d], json_integer((json_int_t)c->dropped[d]));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "generated", (json_int_t)c->generated,
			 "acknowledged", (json_int_t)c->acknowledged, "waiting",
			 (json_int_t)c->waiting, "waiting_bytes", (json_int_t)c->waiting_bytes,
			 "dropped", dropped);
}
