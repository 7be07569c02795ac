/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in SQLite: opening, migrations, writing. The tables are specified in
 * schema.sql.
 *
 * The file is in WAL mode with synchronous=FULL: readers never make the writer
 * wait, and a commit that returned has reached the disk; the collector
 * acknowledges entries to Redis on that promise. One batch is one transaction,
 * so the price of the fsync is paid once for some hundred events.
 *
 * Each entry of a batch runs inside a savepoint. When its values break a
 * constraint, only that entry is undone (it becomes a dead letter) and the batch
 * goes on; when the store itself cannot be written, the whole batch is undone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store_sqlite.h"
#include "common/addr.h"

#define APPLICATION_ID 0x67776173 /* "gwas": marks the file as ours */
#define BUSY_MS 2000		  /* how long to wait for another writer */
#define DEAD_LETTER_MAX 65536	  /* bytes kept of an entry that cannot be stored */

static const char schema_1[] =
#include "schema.sql.h"
	;
static const char schema_2[] =
#include "schema_2.sql.h"
	;

/* migrations[i] leads from schema i to schema i + 1. */
static const char *const migrations[] = { schema_1, schema_2 };
#define SCHEMA_CHAIN 2 /* the first with a hash chain */
#define SCHEMA ((int)(sizeof(migrations) / sizeof(migrations[0])))

static const char *const statement_sql[] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ENTRY_BEGIN] = "SAVEPOINT entry",
	[ST_ENTRY_END] = "RELEASE entry",
	[ST_ENTRY_UNDO] = "ROLLBACK TO entry",
	[ST_EVENT_ADD] = "INSERT INTO events (agent, seq, time, stored, type, severity, device,"
			 " path, service, source, verdict, policy, flow, json)"
			 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
			 " ON CONFLICT (agent, seq) DO NOTHING",
	[ST_EVENT_GET] = "SELECT json FROM events WHERE agent = ? AND seq = ?",
	[ST_AGENT_GET] = "SELECT last_seq FROM agents WHERE agent = ?",
	[ST_AGENT_ADD] =
		"INSERT INTO agents (agent, first_seen, last_seen, last_seq, events,"
		" state, policy, heard, interval) VALUES (?1, ?2, ?2, ?3, 1, ?4, ?5, ?6, 0)",
	[ST_AGENT_PUT] =
		"UPDATE agents SET first_seen = MIN(first_seen, ?2), heard = ?6,"
		" last_seen = MAX(last_seen, ?2), events = events + 1,"
		" state = CASE WHEN ?3 > last_seq THEN ?4 ELSE state END,"
		" policy = CASE WHEN ?3 > last_seq THEN IFNULL(?5, policy) ELSE policy END,"
		" last_seq = MAX(last_seq, ?3) WHERE agent = ?1",
	[ST_AGENT_STATS] = "UPDATE agents SET stats_time = ?2, stats = ?3, interval = ?4"
			   " WHERE agent = ?1 AND IFNULL(stats_time, 0) <= ?2",
	[ST_GAP_ADD] = "INSERT INTO gaps (agent, first, last, found, noticed, told)"
		       " VALUES (?, ?, ?, ?, ?, ?)",
	[ST_GAP_GET] = "SELECT first, last, found, noticed, told FROM gaps"
		       " WHERE agent = ?1 AND first <= ?2 AND last >= ?2",
	[ST_GAP_DELETE] = "DELETE FROM gaps WHERE agent = ? AND first = ?",
	[ST_DEVICE_PUT] = "INSERT INTO devices (device, role, policy, updated, json)"
			  " VALUES (?, ?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET"
			  " role = excluded.role, policy = excluded.policy,"
			  " updated = excluded.updated, json = excluded.json"
			  " WHERE excluded.updated >= updated",
	[ST_DEAD_LETTER] = "INSERT OR IGNORE INTO dead_letters (entry, received, reason, data)"
			   " VALUES (?, ?, ?, ?)",
	[ST_FLOW_GET] = "SELECT " STORE_FLOW_COLUMNS " FROM flows WHERE agent = ? AND flow = ?",
	[ST_FLOW_ADD] = "INSERT INTO flows (" STORE_FLOW_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?,"
			" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_FLOW_PUT] = "REPLACE INTO flows (" STORE_FLOW_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?,"
			" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_PATH_GET] = "SELECT state, since, agent, seq, failing, failing_event, incident, stale"
			" FROM device_paths WHERE device = ?",
	[ST_PATH_PUT] = "REPLACE INTO device_paths (device, state, since, agent, seq, failing,"
			" failing_event, incident, stale) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_PATH_STALE] = "UPDATE device_paths SET stale = 1 WHERE agent = ?",
	[ST_EPISODE_ADD] = "INSERT INTO incidents (device, began, opened, closed, state, worst,"
			    " reason, closed_by, outage) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_EPISODE_PUT] = "UPDATE incidents SET device = ?, began = ?, opened = ?, closed = ?,"
			    " state = ?, worst = ?, reason = ?, closed_by = ?, outage = ?"
			    " WHERE id = ?",
	[ST_EPISODE_AT] = "SELECT " STORE_EPISODE_COLUMNS " FROM incidents i WHERE device = ?1"
			   " AND began <= ?2 AND (closed IS NULL OR closed >= ?2)"
			   " ORDER BY opened DESC, id DESC LIMIT 1",
	[ST_EPISODE_GET] = "SELECT " STORE_EPISODE_COLUMNS " FROM incidents i WHERE id = ?",
	[ST_INCIDENT_EVENT] = "INSERT OR IGNORE INTO incident_events (incident, event)"
			      " VALUES (?, ?)",
	[ST_INCIDENT_FLOW] = "INSERT OR IGNORE INTO incident_flows (incident, flow)"
			     " VALUES (?, ?)",
	[ST_CHAIN_HEAD] = "SELECT place, hash FROM chain ORDER BY place DESC LIMIT 1",
	[ST_CHAIN_ADD] = "INSERT INTO chain (place, kind, n, digest, hash)"
			 " VALUES (?, ?, ?, ?, ?)",
	[ST_CHAIN_EVENT] = "SELECT " STORE_CHAIN_EVENT " FROM events WHERE n = ?",
	[ST_CHAIN_DEAD] = "SELECT " STORE_CHAIN_DEAD " FROM dead_letters WHERE n = ?",
	[ST_CHAIN_PLACE] = "SELECT hash FROM chain WHERE place = ?",
	[ST_ANCHOR_NEWEST] = "SELECT number, place, time FROM anchors"
			     " ORDER BY number DESC LIMIT 1",
	[ST_ANCHOR_ADD] = "INSERT INTO anchors (number, place, hash, time, sent)"
			  " VALUES (?, ?, ?, ?, 0)",
	[ST_ANCHOR_SENT] = "UPDATE anchors SET sent = 1 WHERE number = ?",
	[ST_OWN_NEXT] = "SELECT IFNULL(MAX(seq), 0) + 1 FROM events WHERE agent = ?",
	[ST_GAP_TOLD] = "UPDATE gaps SET told = 1 WHERE agent = ? AND first = ?",
	[ST_ALARM_RAISE] = "INSERT OR IGNORE INTO alarms (name, agent, subject, since, data)"
			   " VALUES (?, ?, ?, ?, ?)",
	[ST_ALARM_PUT] = "REPLACE INTO alarms (name, agent, subject, since, data)"
			 " VALUES (?, ?, ?, ?, ?)",
	[ST_ALARM_CLEAR] = "DELETE FROM alarms WHERE name = ? AND agent = ? AND subject = ?",
	[ST_ALARM_GET] = "SELECT since, data FROM alarms"
			 " WHERE name = ? AND agent = ? AND subject = ?",
	/* Once a minute is enough, and spares the page. */
	[ST_TARGET_SEEN] = "UPDATE targets SET seen = ?2 WHERE address = ?1"
			   " AND (seen IS NULL OR seen < ?2 - 60000000000)",
	[ST_TARGETS_GONE] = "DELETE FROM targets WHERE device = ?1 AND address NOT IN"
			    " (SELECT json_extract(value, '$.address')"
			    "  FROM json_each(?2, '$.fabric.targets'))",
	[ST_TARGETS_ADD] = "INSERT OR IGNORE INTO targets (address, device, path, since)"
			   " SELECT json_extract(value, '$.address'), ?1,"
			   "  json_extract(value, '$.path'), ?3"
			   " FROM json_each(?2, '$.fabric.targets')"
			   " WHERE json_type(value) = 'object'"
			   "  AND json_type(value, '$.address') = 'text'"
			   /* without a path it is one of the underlay, not watched for itself */
			   "  AND json_type(value, '$.path') = 'text'",
	[ST_INCIDENT_GATHER] = "INSERT OR IGNORE INTO incident_flows (incident, flow)"
			       " SELECT ?1, n FROM flows WHERE device = ?2"
			       " AND (open OR end >= ?3) AND direction = 'inbound'"
			       " AND (path = 'in-band' OR verdict = 'untrusted'"
			       "      OR (path = 'primary' AND NOT established))",
};
_Static_assert(sizeof(statement_sql) / sizeof(statement_sql[0]) == ST_NUM, "one text each");

/* ---- small helpers --------------------------------------------------------- */

int store_sqlite_say(struct store *s, int result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return result;
}

int store_sqlite_failed(struct store *s)
{
	int code = sqlite3_extended_errcode(s->db);

	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return store_sqlite_say(s, STORE_REFUSED, "%s", sqlite3_errmsg(s->db));
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return store_sqlite_say(
			s, STORE_BROKEN,
			"%s: the store is damaged (%s); restore a copy of it, or move it away "
			"and a new one is begun",
			s->path, sqlite3_errmsg(s->db));
	case SQLITE_FULL:
		return store_sqlite_say(s, STORE_FAILED, "%s: no space left for the store",
					s->path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return store_sqlite_say(s, STORE_FAILED,
					"%s: the store is locked by another program", s->path);
	case SQLITE_READONLY:
		return store_sqlite_say(s, STORE_FAILED, "%s: the store cannot be written: %s",
					s->path, sqlite3_errmsg(s->db));
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: {
		int sys = sqlite3_system_errno(s->db);

		return store_sqlite_say(s, STORE_FAILED, "%s: %s%s%s", s->path,
					sqlite3_errmsg(s->db), sys ? ": " : "",
					sys ? strerror(sys) : "");
	}
	default:
		return store_sqlite_say(s, STORE_FAILED, "%s: %s", s->path, sqlite3_errmsg(s->db));
	}
}

const char *store_sqlite_text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

int store_sqlite_run(struct store *s, enum store_statement which, sqlite3_stmt **row,
		     const char *fmt, ...)
{
	sqlite3_stmt *st = s->statements[which];
	va_list ap;
	int i = 0, rc;

	if (!st) {
		rc = sqlite3_prepare_v3(s->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
					&st, NULL);
		if (rc != SQLITE_OK)
			return store_sqlite_failed(s);
		s->statements[which] = st;
	}
	sqlite3_reset(st);
	va_start(ap, fmt);
	for (rc = SQLITE_OK; *fmt && rc == SQLITE_OK; fmt++) {
		i++;
		if (*fmt == 't') {
			rc = sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
		} else if (*fmt == 'i') {
			rc = sqlite3_bind_int64(st, i, (sqlite3_int64)va_arg(ap, uint64_t));
		} else if (*fmt == 'o') {
			uint64_t v = va_arg(ap, uint64_t);

			rc = v ? sqlite3_bind_int64(st, i, (sqlite3_int64)v)
			       : sqlite3_bind_null(st, i);
		} else if (*fmt == 'd') {
			double v = va_arg(ap, double);

			rc = v < 0 ? sqlite3_bind_null(st, i) : sqlite3_bind_double(st, i, v);
		} else {
			const char *data = va_arg(ap, const char *);
			size_t len = va_arg(ap, size_t);

			rc = *fmt == 'b' ? sqlite3_bind_blob64(st, i, data, len, SQLITE_STATIC)
					 : sqlite3_bind_text64(st, i, data, len, SQLITE_STATIC,
							       SQLITE_UTF8);
		}
	}
	va_end(ap);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		if (row)
			*row = st;
		else
			sqlite3_reset(st);
		return 1;
	}
	rc = rc == SQLITE_DONE ? 0 : store_sqlite_failed(s);
	sqlite3_reset(st);
	return rc;
}

int store_sqlite_prepare(struct store *s, const char *sql, sqlite3_stmt **st)
{
	*st = NULL;
	return sqlite3_prepare_v2(s->db, sql, -1, st, NULL) == SQLITE_OK ? 0
									 : store_sqlite_failed(s);
}

int store_sqlite_done(int rc)
{
	return rc < 0 ? rc : 0;
}

/* A SELECT that was not run to its end would hold its snapshot open. */
static void reset_all(struct store *s)
{
	for (int i = 0; i < ST_NUM; i++)
		if (s->statements[i])
			sqlite3_reset(s->statements[i]);
}

/* gw_within(ADDRESS, PREFIX): both as text. */
static void sql_within(sqlite3_context *ctx, int n, sqlite3_value **values)
{
	const char *address = (const char *)sqlite3_value_text(values[0]);
	const char *text = (const char *)sqlite3_value_text(values[1]);
	struct addr a;
	struct prefix p;

	sqlite3_result_int(ctx, address && text && addr_parse(address, &a) &&
					prefix_parse(text, &p) && prefix_contains(&p, &a));
}

/* ---- opening --------------------------------------------------------------- */

static int pragma_int(struct store *s, const char *sql, int *out)
{
	sqlite3_stmt *st;
	int rc = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
		rc = 0;
	}
	sqlite3_finalize(st);
	return rc;
}

/* Inside the transaction that store_open() began. */
static int migrate(struct store *s, int from)
{
	char sql[160];

	for (int i = from; i < SCHEMA; i++)
		if (sqlite3_exec(s->db, migrations[i], NULL, NULL, NULL) != SQLITE_OK)
			return store_sqlite_failed(s);
	if (from < SCHEMA_CHAIN && store_sqlite_chain_build(s))
		return -1;
	snprintf(sql, sizeof(sql),
		 "REPLACE INTO meta VALUES ('schema', '%d'); PRAGMA application_id = %d;", SCHEMA,
		 APPLICATION_ID);
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_sqlite_failed(s);
	return 0;
}

/* Is this our file, and which schema has it? *version is 0 for an empty file. */
static int identify(struct store *s, int *version)
{
	int tables, id;

	*version = 0;
	if (pragma_int(s, "SELECT COUNT(*) FROM sqlite_schema", &tables) ||
	    pragma_int(s, "PRAGMA application_id", &id)) {
		if ((sqlite3_errcode(s->db) & 0xff) == SQLITE_NOTADB)
			return store_sqlite_say(
				s, -1, "%s: this is not a store of glasswatch-collector", s->path);
		return store_sqlite_failed(s);
	}
	if (tables == 0)
		return 0;
	if (id != APPLICATION_ID)
		return store_sqlite_say(s, -1,
					"%s: this is another program's database, not a store of "
					"glasswatch-collector",
					s->path);
	if (pragma_int(s, "SELECT value FROM meta WHERE key = 'schema'", version))
		return store_sqlite_failed(s);
	if (*version > SCHEMA)
		return store_sqlite_say(
			s, -1,
			"%s: written by a newer glasswatch-collector (schema %d, this "
			"one knows %d): upgrade this program",
			s->path, *version, SCHEMA);
	return 0;
}

static int prepare_schema(struct store *s, enum store_mode mode)
{
	int version, rc;

	sqlite3_busy_timeout(s->db, BUSY_MS);
	if (mode == STORE_READ) {
		rc = identify(s, &version);
		if (rc)
			return rc;
		if (version == 0)
			return store_sqlite_say(
				s, -1,
				"%s: the store is empty; `glasswatch-collector run` "
				"fills it",
				s->path);
		if (version < SCHEMA)
			return store_sqlite_say(
				s, -1,
				"%s: written by an older glasswatch-collector; start "
				"`glasswatch-collector run` once to bring it up to date",
				s->path);
		return 0;
	}
	/* WAL first: it cannot be chosen inside a transaction. A file of
	 * another program must not be changed by it, so that is asked before. */
	rc = identify(s, &version);
	if (rc)
		return rc;
	if (sqlite3_exec(s->db,
			 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			 " PRAGMA journal_size_limit = 67108864;",
			 NULL, NULL, NULL) != SQLITE_OK)
		return store_sqlite_failed(s);
	rc = store_begin(s);
	if (rc)
		return rc;
	rc = identify(s, &version); /* another collector may have been faster */
	if (!rc && version < SCHEMA)
		rc = migrate(s, version);
	if (!rc)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

static int prepare_file(struct store *s, enum store_mode mode)
{
	int rc;

	s->digest = chain_digest_new();
	if (!s->digest)
		return store_sqlite_say(s, -1, "%s: out of memory", s->path);
	rc = prepare_schema(s, mode);
	return rc ? rc : store_sqlite_chain_open(s);
}

/* Asked first: SQLite's "unable to open database file" helps nobody. */
static bool may_open(const char *path, enum store_mode mode, char *err, size_t size)
{
	const char *fmt;
	int why;

	if (strcmp(path, ":memory:") == 0 || access(path, mode == STORE_READ ? R_OK : W_OK) == 0)
		return true;
	why = errno;
	if (mode == STORE_WRITE && why == ENOENT)
		return true; /* it is made */
	if (mode == STORE_WRITE)
		fmt = "%s: the store cannot be written: %s";
	else if (why == ENOENT)
		fmt = "%s: no such store; start `glasswatch-collector run`, or name another with "
		      "--db FILE";
	else
		fmt = "%s: the store cannot be read: %s";
	snprintf(err, size, fmt, path, strerror(why));
	return false;
}

/* A file where nothing can be written beside it, nor has been: a copy on a
 * read-only file system, say. SQLite cannot make its -shm file there. */
static bool is_fixed(const char *path)
{
	char name[4096], *slash;

	if (snprintf(name, sizeof(name), "%s-wal", path) >= (int)sizeof(name) ||
	    access(name, F_OK) == 0)
		return false;
	slash = strrchr(name, '/');
	if (slash)
		slash[slash == name] = '\0';
	return access(slash ? name : ".", W_OK) != 0;
}

static int open_file(struct store *s, const char *path, enum store_mode mode)
{
	char uri[3 * 4096 + 32];
	size_t n = 5;

	if (mode == STORE_WRITE)
		return sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				       NULL);
	if (strlen(path) >= 4096 || !is_fixed(path))
		return sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY, NULL);
	memcpy(uri, "file:", n);
	for (; *path; path++)
		n += (size_t)snprintf(uri + n, 4, strchr("?#%", *path) ? "%%%02x" : "%c",
				      (unsigned char)*path);
	snprintf(uri + n, sizeof(uri) - n, "?immutable=1");
	return sqlite3_open_v2(uri, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
}

struct store *store_open(const char *path, enum store_mode mode, char *err, size_t size)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s || !(s->path = strdup(path))) {
		snprintf(err, size, "%s: out of memory", path);
		free(s);
		return NULL;
	}
	if (!may_open(path, mode, err, size))
		goto fail;
	if (open_file(s, path, mode) != SQLITE_OK) {
		int why = s->db ? sqlite3_system_errno(s->db) : ENOMEM;

		snprintf(err, size, "%s: the store cannot be opened: %s%s", path,
			 why ? strerror(why) : sqlite3_errmsg(s->db),
			 why == ENOENT ? " (create the directory, or name another with --db FILE)"
				       : "");
		goto fail;
	}
	sqlite3_extended_result_codes(s->db, 1);
	if (sqlite3_create_function(s->db, "gw_within", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
				    sql_within, NULL, NULL) != SQLITE_OK ||
	    prepare_file(s, mode) != 0) {
		snprintf(err, size, "%s", s->error[0] ? s->error : sqlite3_errmsg(s->db));
		goto fail;
	}
	return s;
fail:
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < ST_NUM; i++)
		sqlite3_finalize(s->statements[i]);
	chain_digest_free(s->digest);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

const char *store_error(const struct store *s)
{
	return s->error;
}

/* ---- transactions ---------------------------------------------------------- */

int store_begin(struct store *s)
{
	s->head_known = false; /* another collector may have written since */
	return store_sqlite_done(store_sqlite_run(s, ST_BEGIN, NULL, ""));
}

/* A file that was removed or replaced under us takes what is written to it along:
 * its rows must not be acknowledged. */
static bool is_gone(struct store *s)
{
	int moved = 0;

	return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	       moved;
}

int store_commit(struct store *s)
{
	reset_all(s);
	if (is_gone(s))
		return store_sqlite_say(s, STORE_BROKEN,
					"%s: the store was removed or replaced while it was in use",
					s->path);
	return store_sqlite_done(store_sqlite_run(s, ST_COMMIT, NULL, ""));
}

void store_rollback(struct store *s)
{
	s->head_known = false;
	reset_all(s);
	/* After some errors (disk full) SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

int store_entry_begin(struct store *s)
{
	return store_sqlite_done(store_sqlite_run(s, ST_ENTRY_BEGIN, NULL, ""));
}

int store_entry_end(struct store *s)
{
	return store_sqlite_done(store_sqlite_run(s, ST_ENTRY_END, NULL, ""));
}

int store_entry_undo(struct store *s)
{
	int rc;

	reset_all(s);
	s->head_known = false;
	rc = store_sqlite_run(s, ST_ENTRY_UNDO, NULL, "");
	return rc < 0 ? rc : store_entry_end(s);
}

/* ---- the record ------------------------------------------------------------ */

static const char *type_text(const struct event *e, char *buf, size_t size)
{
	if (e->type != EVENT_ALERT)
		return event_type_name(e->type);
	snprintf(buf, size, "alert.%s", e->alert ? e->alert : "");
	return buf;
}

int store_event(struct store *s, const struct event *e, const char *json, size_t len,
		uint64_t stored_ns, uint64_t *n)
{
	char type[128], source[ADDR_STRLEN];
	const char *stored;
	sqlite3_stmt *row;
	int rc, before = sqlite3_total_changes(s->db);

	rc = store_sqlite_run(
		s, ST_EVENT_ADD, NULL, "tiiitttttttttj", e->agent, e->seq, e->time_ns, stored_ns,
		type_text(e, type, sizeof(type)), event_severity_name(e->severity), e->device,
		event_path_name(e->path), event_service_name(e->service),
		e->has_ends && e->source.ip.family ? addr_format(&e->source.ip, source) : NULL,
		e->has_trust ? event_verdict_name(e->trust.verdict) : NULL, e->policy,
		e->has_flow ? e->flow.id : NULL, json, len);
	if (rc < 0)
		return rc;
	if (sqlite3_total_changes(s->db) != before) {
		*n = (uint64_t)sqlite3_last_insert_rowid(s->db);
		rc = store_sqlite_chain_add(s, CHAIN_EVENT, *n);
		return rc ? rc : STORE_NEW;
	}
	rc = store_sqlite_run(s, ST_EVENT_GET, &row, "ti", e->agent, e->seq);
	if (rc < 0)
		return rc;
	stored = rc ? store_sqlite_text(row, 0) : NULL;
	if (!stored)
		return STORE_CONFLICT;
	rc = strlen(stored) == len && memcmp(stored, json, len) == 0 ? STORE_DUPLICATE
								     : STORE_CONFLICT;
	sqlite3_reset(row);
	return rc;
}

/* A number below the newest arrived: it leaves the gap that it was missing from. */
static int fill_gap(struct store *s, const char *agent, uint64_t seq)
{
	uint64_t first, last, found, noticed, told;
	sqlite3_stmt *row;
	int rc;

	rc = store_sqlite_run(s, ST_GAP_GET, &row, "ti", agent, seq);
	if (rc <= 0)
		return rc;
	first = (uint64_t)sqlite3_column_int64(row, 0);
	last = (uint64_t)sqlite3_column_int64(row, 1);
	found = (uint64_t)sqlite3_column_int64(row, 2);
	noticed = (uint64_t)sqlite3_column_int64(row, 3);
	told = (uint64_t)sqlite3_column_int64(row, 4);
	sqlite3_reset(row);
	rc = store_sqlite_run(s, ST_GAP_DELETE, NULL, "ti", agent, first);
	if (rc >= 0 && first < seq)
		rc = store_sqlite_run(s, ST_GAP_ADD, NULL, "tiiiii", agent, first, seq - 1, found,
				      noticed, told);
	if (rc >= 0 && seq < last)
		rc = store_sqlite_run(s, ST_GAP_ADD, NULL, "tiiiii", agent, seq + 1, last, found,
				      noticed, told);
	return rc;
}

int store_agent(struct store *s, const struct event *e, const char *json, size_t len,
		uint64_t now_ns, uint64_t interval_ns)
{
	const char *state = e->type == EVENT_AGENT_STOP ? "stopped" : "running";
	uint64_t last = 0;
	sqlite3_stmt *row;
	int rc, known;

	known = store_sqlite_run(s, ST_AGENT_GET, &row, "t", e->agent);
	if (known < 0)
		return known;
	if (known) {
		last = (uint64_t)sqlite3_column_int64(row, 0);
		sqlite3_reset(row);
	}
	/* What came before an agent's first event is no loss that is worth telling. */
	if (e->seq > last + 1)
		rc = store_sqlite_run(s, ST_GAP_ADD, NULL, "tiiiii", e->agent, last + 1, e->seq - 1,
				      e->time_ns, now_ns, (uint64_t)(known == 0));
	else
		rc = fill_gap(s, e->agent, e->seq);
	if (rc < 0)
		return rc;
	rc = store_sqlite_run(s, known ? ST_AGENT_PUT : ST_AGENT_ADD, NULL, "tiitti", e->agent,
			      e->time_ns, e->seq, state, e->policy, now_ns);
	if (rc >= 0 && e->type == EVENT_AGENT_STATS)
		rc = store_sqlite_run(s, ST_AGENT_STATS, NULL, "tiji", e->agent, e->time_ns, json,
				      len, interval_ns);
	return store_sqlite_done(rc);
}

int store_device(struct store *s, const struct event *e, const char *json, size_t len,
		 uint64_t now_ns)
{
	int before = sqlite3_total_changes(s->db);
	int rc = store_sqlite_run(s, ST_DEVICE_PUT, NULL, "tttij", e->device, e->role, e->policy,
				  e->time_ns, json, len);

	if (rc < 0 || sqlite3_total_changes(s->db) == before)
		return store_sqlite_done(rc); /* an older document than the one that is known */
	rc = store_sqlite_run(s, ST_TARGETS_GONE, NULL, "tj", e->device, json, len);
	if (rc >= 0)
		rc = store_sqlite_run(s, ST_TARGETS_ADD, NULL, "tji", e->device, json, len, now_ns);
	return store_sqlite_done(rc);
}

int store_dead_letter(struct store *s, const char *entry, uint64_t received_ns, const char *reason,
		      const void *data, size_t len)
{
	int before = sqlite3_total_changes(s->db);
	int rc = store_sqlite_run(s, ST_DEAD_LETTER, NULL, "titb", entry, received_ns, reason,
				  len ? data : "", len < DEAD_LETTER_MAX ? len : DEAD_LETTER_MAX);

	if (rc < 0 || sqlite3_total_changes(s->db) == before)
		return store_sqlite_done(rc);
	return store_sqlite_chain_add(s, CHAIN_DEAD_LETTER,
				      (uint64_t)sqlite3_last_insert_rowid(s->db));
}

/* ---- flows ----------------------------------------------------------------- */

static uint64_t u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

void store_sqlite_flow(sqlite3_stmt *st, struct store_flow *out)
{
	const char *direction = store_sqlite_text(st, 6);

	*out = (struct store_flow){
		.n = u64(st, 0),
		.agent = store_sqlite_text(st, 1),
		.flow = store_sqlite_text(st, 2),
		.seq = u64(st, 3),
		.open = sqlite3_column_int(st, 4) != 0,
		.established = sqlite3_column_int(st, 5) != 0,
		.outbound = direction && strcmp(direction, "outbound") == 0,
		.device = store_sqlite_text(st, 7),
		.role = store_sqlite_text(st, 8),
		.path = store_sqlite_text(st, 9),
		.service = store_sqlite_text(st, 10),
		.source = store_sqlite_text(st, 11),
		.source_port = u64(st, 12),
		.source_packets = u64(st, 13),
		.source_bytes = u64(st, 14),
		.destination = store_sqlite_text(st, 15),
		.destination_port = u64(st, 16),
		.destination_packets = u64(st, 17),
		.destination_bytes = u64(st, 18),
		.state = store_sqlite_text(st, 19),
		.outcome = store_sqlite_text(st, 20),
		.verdict = store_sqlite_text(st, 21),
		.list = store_sqlite_text(st, 22),
		.rule = sqlite3_column_type(st, 23) == SQLITE_NULL ? -1
								   : sqlite3_column_int64(st, 23),
		.prefix = store_sqlite_text(st, 24),
		.start_ns = u64(st, 25),
		.end_ns = u64(st, 26),
		.community_id = store_sqlite_text(st, 27),
		.user = store_sqlite_text(st, 28),
		.json = store_sqlite_text(st, 29),
	};
}

int store_flow_get(struct store *s, const char *agent, const char *flow, struct store_flow *out)
{
	sqlite3_stmt *row;
	int rc = store_sqlite_run(s, ST_FLOW_GET, &row, "tt", agent, flow);

	if (rc == 1)
		store_sqlite_flow(row, out);
	return rc;
}

int store_flow_put(struct store *s, struct store_flow *f)
{
	char rule[24];
	int rc;

	snprintf(rule, sizeof(rule), "%" PRId64, f->rule);
	rc = store_sqlite_run(s, f->n ? ST_FLOW_PUT : ST_FLOW_ADD, NULL,
			      "ottiiittttttiiitiiitttttt"
			      "iittt",
			      f->n, f->agent, f->flow, f->seq, (uint64_t)f->open,
			      (uint64_t)f->established, f->outbound ? "outbound" : "inbound",
			      f->device, f->role, f->path, f->service, f->source, f->source_port,
			      f->source_packets, f->source_bytes, f->destination,
			      f->destination_port, f->destination_packets, f->destination_bytes,
			      f->state, f->outcome, f->verdict, f->list, f->rule < 0 ? NULL : rule,
			      f->prefix, f->start_ns, f->end_ns, f->community_id, f->user, f->json);
	if (rc >= 0 && !f->n)
		f->n = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return store_sqlite_done(rc);
}

/* ---- incidents ------------------------------------------------------------- */

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

int store_path_get(struct store *s, const char *device, struct store_path *out)
{
	sqlite3_stmt *row;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = store_sqlite_run(s, ST_PATH_GET, &row, "t", device);
	if (rc != 1)
		return rc;
	copy(out->state, sizeof(out->state), store_sqlite_text(row, 0));
	out->since_ns = u64(row, 1);
	copy(out->agent, sizeof(out->agent), store_sqlite_text(row, 2));
	out->seq = u64(row, 3);
	out->failing_ns = u64(row, 4);
	out->failing_event = u64(row, 5);
	out->incident = u64(row, 6);
	out->stale = sqlite3_column_int(row, 7) != 0;
	sqlite3_reset(row);
	return 1;
}

int store_path_put(struct store *s, const char *device, const struct store_path *p)
{
	return store_sqlite_done(store_sqlite_run(
		s, ST_PATH_PUT, NULL, "ttitiiiii", device, p->state, p->since_ns, p->agent, p->seq,
		p->failing_ns, p->failing_event, p->incident, (uint64_t)p->stale));
}

int store_path_stale(struct store *s, const char *agent)
{
	return store_sqlite_done(store_sqlite_run(s, ST_PATH_STALE, NULL, "t", agent));
}

void store_sqlite_episode(sqlite3_stmt *st, struct store_episode *out)
{
	*out = (struct store_episode){
		.id = u64(st, 0),
		.device = store_sqlite_text(st, 1),
		.began_ns = u64(st, 2),
		.opened_ns = u64(st, 3),
		.closed_ns = u64(st, 4),
		.state = store_sqlite_text(st, 5),
		.worst = store_sqlite_text(st, 6),
		.reason = store_sqlite_text(st, 7),
		.closed_by = store_sqlite_text(st, 8),
		.outage_s = sqlite3_column_type(st, 9) == SQLITE_NULL
				    ? -1
				    : sqlite3_column_double(st, 9),
		.sessions = u64(st, 10),
		.untrusted = u64(st, 11),
		.attempts = u64(st, 12),
	};
}

int store_episode_add(struct store *s, struct store_episode *i)
{
	int rc = store_sqlite_run(s, ST_EPISODE_ADD, NULL, "tiiottttd", i->device, i->began_ns,
				  i->opened_ns, i->closed_ns, i->state, i->worst, i->reason,
				  i->closed_by, i->outage_s);

	if (rc >= 0)
		i->id = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return store_sqlite_done(rc);
}

int store_episode_put(struct store *s, const struct store_episode *i)
{
	return store_sqlite_done(store_sqlite_run(
		s, ST_EPISODE_PUT, NULL, "tiiottttdi", i->device, i->began_ns, i->opened_ns,
		i->closed_ns, i->state, i->worst, i->reason, i->closed_by, i->outage_s, i->id));
}

int store_episode_at(struct store *s, const char *device, uint64_t time_ns,
		      struct store_episode *out)
{
	sqlite3_stmt *row;
	int rc = store_sqlite_run(s, ST_EPISODE_AT, &row, "ti", device, time_ns);

	if (rc == 1)
		store_sqlite_episode(row, out);
	return rc;
}

int store_episode_get(struct store *s, uint64_t id, struct store_episode *out)
{
	sqlite3_stmt *row;
	int rc = store_sqlite_run(s, ST_EPISODE_GET, &row, "i", id);

	if (rc == 1)
		store_sqlite_episode(row, out);
	return rc;
}

int store_incident_event(struct store *s, uint64_t id, uint64_t event_n)
{
	return store_sqlite_done(store_sqlite_run(s, ST_INCIDENT_EVENT, NULL, "ii", id, event_n));
}

int store_incident_flow(struct store *s, uint64_t id, uint64_t flow_n)
{
	return store_sqlite_done(store_sqlite_run(s, ST_INCIDENT_FLOW, NULL, "ii", id, flow_n));
}

int store_incident_gather(struct store *s, uint64_t id, const char *device, uint64_t since_ns)
{
	return store_sqlite_done(
		store_sqlite_run(s, ST_INCIDENT_GATHER, NULL, "iti", id, device, since_ns));
}
