/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: opening, transactions. The tables are specified in schema.sql.
 *
 * One batch is one transaction, so the price of reaching the disk is paid once for
 * some hundred events. Each entry of a batch runs inside a savepoint. When its values
 * break a constraint, only that entry is undone (it becomes a dead letter) and the
 * batch goes on; when the store itself cannot be written, the whole batch is undone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/metrics.h"
#include "collector/store/parts.h"

static const char schema_sqlite[] =
#include "collector/store/schema.sql.h"
	;

static const char schema_pg[] =
#include "collector/store/schema_pg.sql.h"
	;

/* Those before it were never released; there is no way from them to this one. */
#define SCHEMA 9

int store_done(int rc)
{
	return rc < 0 ? rc : 0;
}

/* ---- opening --------------------------------------------------------------- */

/* Inside the transaction that prepare_schema() began. */
static int create(struct store *s)
{
	char version[16];
	int rc = db_script(s->db, db_is_pg(s->db) ? schema_pg : schema_sqlite);

	if (!rc)
		rc = store_chain_begin(s);
	if (!rc)
		rc = db_own(s->db);
	if (rc)
		return rc;
	snprintf(version, sizeof(version), "%d", SCHEMA);
	return store_done(db_run(s->db, "INSERT INTO meta (key, value) VALUES ('schema', $1)", "t",
				 version));
}

/* Is this our database, and which schema has it? *version is 0 for an empty one. */
static int identify(struct store *s, int *version)
{
	int rc = db_schema(s->db, version);

	if (rc || *version == 0 || *version == SCHEMA)
		return rc;
	if (*version < SCHEMA)
		return db_say(s->db, STORE_FAILED,
			      "%s: written by an older glasswatch-collector (schema %d, this one "
			      "has %d), whose layout cannot be brought up to date: keep it to be "
			      "read by that one, and begin a new store beside it",
			      db_name(s->db), *version, SCHEMA);
	return db_say(s->db, STORE_FAILED,
		      "%s: written by a newer glasswatch-collector (schema %d, this one knows "
		      "%d): upgrade this program",
		      db_name(s->db), *version, SCHEMA);
}

static int prepare_schema(struct store *s, enum store_mode mode)
{
	int version, rc = identify(s, &version);

	if (rc || (mode == STORE_READ && version == SCHEMA))
		return rc;
	if (mode == STORE_READ)
		return db_say(s->db, STORE_FAILED,
			      "%s: the store is empty; `glasswatch-collector run` fills it",
			      db_name(s->db));
	rc = store_begin(s); /* also to learn whether it can be written */
	if (rc)
		return rc;
	rc = identify(s, &version); /* another collector may have been faster */
	if (!rc && version == 0)
		rc = create(s);
	if (!rc)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

/* Rows that are kept, and written before a statement that names their table. */
static void watch(struct store *s)
{
	s->watch_agents = db_watch(s->db, "agents", store_agents_write, s);
	s->watch_flows = db_watch(s->db, "flows", store_flows_write, s);
	s->watch_sums = db_watch(s->db, "sources", store_sums_write, s);
	s->watch_targets = db_watch(s->db, "targets", store_targets_write, s);
	s->watch_clients = db_watch(s->db, "known_hassh", store_clients_write, s);
	s->watch_alerts = db_watch(s->db, "alerts", store_open_write, s);
}

struct store *store_open(const char *path, enum store_mode mode, char *err, size_t size)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s || !(s->digest = chain_digest_new())) {
		snprintf(err, size, "%s: out of memory", path);
		store_close(s);
		return NULL;
	}
	s->db = db_open(path, mode == STORE_WRITE, err, size);
	if (s->db)
		watch(s);
	if (!s->db || store_record_open(s) || store_flow_open(s) || store_sources_open(s) ||
	    prepare_schema(s, mode) || store_chain_open(s)) {
		if (s->db)
			snprintf(err, size, "%s", db_error(s->db));
		store_close(s);
		return NULL;
	}
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	metrics_log_free(s->counts);
	chain_digest_free(s->digest);
	db_close(s->db);
	db_bulk_free(&s->events);
	store_blocks_close(s);
	db_bulk_free(&s->flows);
	db_bulk_free(&s->sum_rows);
	db_bulk_free(&s->span_rows);
	db_bulk_free(&s->use_rows);
	store_forget_rows(s);
	store_kept_free(s);
	store_twins_free(s);
	free(s->document);
	free(s);
}

const char *store_place(const struct store *s)
{
	return db_name(s->db);
}

bool store_is_file(const char *path)
{
	return !db_is_url(path);
}

size_t store_files(const char *path, char *files[STORE_MAX_FILES])
{
	return db_files(path, files, STORE_MAX_FILES);
}

const char *store_error(const struct store *s)
{
	return db_error(s->db);
}

/* ---- transactions ---------------------------------------------------------- */

void store_count(struct store *s, struct metrics *m)
{
	metrics_log_free(s->counts);
	s->counts = metrics_log_new(m);
}

struct metrics_log *store_counts(struct store *s)
{
	return s->counts;
}

int store_begin(struct store *s)
{
	int rc = db_begin(s->db, true);

	s->head_known = false; /* another collector may have written since */
	store_twins_forget(s);
	s->writing = !rc;
	s->careful = false;
	return rc;
}

int store_snapshot(struct store *s)
{
	return db_begin(s->db, false);
}

int store_commit(struct store *s)
{
	int rc = db_commit(s->db);

	s->writing = s->writing && rc;
	if (!rc)
		metrics_log_commit(s->counts);
	s->kept = !rc && s->head_known;
	s->kept_head = s->head;
	s->kept_derived = s->derived;
	if (!rc)
		s->swept_to_kept = s->swept_to;
	return rc;
}

void store_forget_rows(struct store *s)
{
	store_agents_forget(s);
	store_kept_forget_all(s);
	store_known_forget(s);
	store_open_forget(s);
	store_shared_forget(s);
	store_sums_forget(s);
	store_drills_forget(s);
	s->own_next = 0;
	store_paths_forget(s);
	store_twins_forget(s);
}

/* What is kept of rows may be of a transaction that never was. */
static void forget(struct store *s)
{
	s->head_known = s->kept = false;
	s->week = 0;
	store_blocks_forget(s);
	store_forget_rows(s);
}

void store_rollback(struct store *s)
{
	metrics_log_rollback(s->counts);
	db_rollback(s->db);
	s->writing = false;
	s->swept_to = s->swept_to_kept;
	forget(s);
}

int store_flush(struct store *s)
{
	return db_flush(s->db);
}

int store_leads(struct store *s)
{
	return db_lead(s->db);
}

int store_entry_begin(struct store *s)
{
	s->counts_mark = metrics_log_mark(s->counts);
	s->careful = true;
	return db_mark(s->db);
}

int store_entry_end(struct store *s)
{
	return db_unmark(s->db);
}

int store_entry_undo(struct store *s)
{
	int rc = db_undo(s->db);

	metrics_log_undo(s->counts, s->counts_mark);
	forget(s);
	return rc;
}
