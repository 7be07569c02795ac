/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/outbox_notes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sqlite3.h>

enum statement { PUT_FLOW, DROP_FLOW, DROP_FLOWS, EACH_FLOW, PUT, EACH, STATEMENTS };

static const char *const sql[STATEMENTS] = {
	[PUT_FLOW] = "INSERT OR REPLACE INTO flow_note(id, mind, doc) VALUES(?, ?, ?)",
	[DROP_FLOW] = "DELETE FROM flow_note WHERE id = ?",
	[DROP_FLOWS] = "DELETE FROM flow_note",
	[EACH_FLOW] = "SELECT id, mind, doc FROM flow_note",
	[PUT] = "INSERT OR REPLACE INTO note(name, mind) VALUES(?, ?)",
	[EACH] = "SELECT name, mind FROM note",
};

struct notes {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
};

struct notes *notes_open(struct outbox *o, char *err, size_t size)
{
	struct notes *n = calloc(1, sizeof(*n));
	int rc = SQLITE_NOMEM, i;

	if (n) {
		n->db = outbox_file(o);
		rc = sqlite3_exec(n->db,
				  "CREATE TABLE IF NOT EXISTS flow_note(id INTEGER PRIMARY KEY,"
				  " mind BLOB NOT NULL, doc TEXT);"
				  "CREATE TABLE IF NOT EXISTS note(name TEXT PRIMARY KEY,"
				  " mind BLOB NOT NULL) WITHOUT ROWID;",
				  NULL, NULL, NULL);
	}
	for (i = 0; rc == SQLITE_OK && i < STATEMENTS; i++)
		rc = sqlite3_prepare_v3(n->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					&n->statement[i], NULL);
	if (rc == SQLITE_OK)
		return n;
	snprintf(err, size, "the outbox takes no notes about flows: %s",
		 n ? sqlite3_errmsg(n->db) : "no memory");
	notes_close(n);
	return NULL;
}

void notes_close(struct notes *n)
{
	int i;

	if (!n)
		return;
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(n->statement[i]);
	free(n);
}

static int step(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	sqlite3_reset(s); /* one that is not keeps the transaction open */
	return rc == SQLITE_DONE ? 0 : -EIO;
}

int notes_put_flow(struct notes *n, const struct note *note)
{
	sqlite3_stmt *s = n->statement[PUT_FLOW];

	sqlite3_bind_int64(s, 1, (sqlite3_int64)note->id);
	sqlite3_bind_blob64(s, 2, note->mind, note->mind_len, SQLITE_STATIC);
	if (note->doc)
		sqlite3_bind_text64(s, 3, note->doc, note->doc_len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(s, 3);
	return step(s);
}

int notes_drop_flow(struct notes *n, uint64_t id)
{
	sqlite3_bind_int64(n->statement[DROP_FLOW], 1, (sqlite3_int64)id);
	return step(n->statement[DROP_FLOW]);
}

int notes_drop_flows(struct notes *n)
{
	return step(n->statement[DROP_FLOWS]);
}

int notes_put(struct notes *n, const struct note *note)
{
	sqlite3_stmt *s = n->statement[PUT];

	sqlite3_bind_text(s, 1, note->name, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(s, 2, note->mind, note->mind_len, SQLITE_STATIC);
	return step(s);
}

static int each(struct notes *n, enum statement which,
		void (*fn)(void *arg, const struct note *note), void *arg)
{
	sqlite3_stmt *s = n->statement[which];
	int rc;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct note note = { .mind = sqlite3_column_blob(s, 1),
				     .mind_len = (size_t)sqlite3_column_bytes(s, 1) };

		if (which == EACH_FLOW) {
			note.id = (uint64_t)sqlite3_column_int64(s, 0);
			note.doc = (const char *)sqlite3_column_text(s, 2);
			note.doc_len = (size_t)sqlite3_column_bytes(s, 2);
		} else {
			note.name = (const char *)sqlite3_column_text(s, 0);
		}
		fn(arg, &note);
	}
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? 0 : -EIO;
}

int notes_each_flow(struct notes *n, void (*fn)(void *arg, const struct note *note), void *arg)
{
	return each(n, EACH_FLOW, fn, arg);
}

int notes_each(struct notes *n, void (*fn)(void *arg, const struct note *note), void *arg)
{
	return each(n, EACH, fn, arg);
}
