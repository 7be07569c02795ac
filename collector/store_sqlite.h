/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_SQLITE_H
#define GW_STORE_SQLITE_H
/* What store_sqlite.c (opening, writing), store_sqlite_chain.c and store_sqlite_read.c
 * share. */
#include <sqlite3.h>

#include "collector/chain.h"
#include "collector/store.h"

enum store_statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ENTRY_BEGIN,
	ST_ENTRY_END,
	ST_ENTRY_UNDO,
	ST_EVENT_ADD,
	ST_EVENT_GET,
	ST_AGENT_GET,
	ST_AGENT_ADD,
	ST_AGENT_PUT,
	ST_AGENT_STATS,
	ST_GAP_ADD,
	ST_GAP_GET,
	ST_GAP_DELETE,
	ST_DEVICE_PUT,
	ST_DEAD_LETTER,
	ST_FLOW_GET,
	ST_FLOW_ADD,
	ST_FLOW_PUT,
	ST_PATH_GET,
	ST_PATH_PUT,
	ST_PATH_STALE,
	ST_EPISODE_ADD,
	ST_EPISODE_PUT,
	ST_EPISODE_AT,
	ST_EPISODE_GET,
	ST_INCIDENT_EVENT,
	ST_INCIDENT_FLOW,
	ST_INCIDENT_GATHER,
	ST_CHAIN_HEAD,
	ST_CHAIN_ADD,
	ST_CHAIN_EVENT,
	ST_CHAIN_DEAD,
	ST_CHAIN_PLACE,
	ST_ANCHOR_NEWEST,
	ST_ANCHOR_ADD,
	ST_ANCHOR_SENT,
	ST_OWN_NEXT,
	ST_GAP_TOLD,
	ST_ALARM_RAISE,
	ST_ALARM_PUT,
	ST_ALARM_CLEAR,
	ST_ALARM_GET,
	ST_TARGET_SEEN,
	ST_TARGETS_GONE,
	ST_TARGETS_ADD,
	ST_NUM
};

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statements[ST_NUM]; /* prepared on first use */
	char error[512];
	const char *name; /* of the agent that the collector's own events are of */

	/* the chain */
	char id[CHAIN_ID_LEN];
	struct chain_digest *digest;
	struct chain_hash head; /* at this place; read again in each transaction */
	uint64_t head_place;
	bool head_known;
};

int store_sqlite_say(struct store *s, int result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Binds and runs one statement. Letters of fmt: t text (NULL: NULL), i uint64_t,
 * o uint64_t where 0 means NULL, d double where below 0 means NULL, b bytes and
 * their size_t, j text and its size_t. Returns 1: a row stands in *row until the
 * next use of this statement; 0: done; else STORE_*.
 */
int store_sqlite_run(struct store *s, enum store_statement which, sqlite3_stmt **row,
		     const char *fmt, ...);
int store_sqlite_done(int rc); /* a row is no error */

/* A statement of one's own; 0, or STORE_*. */
int store_sqlite_prepare(struct store *s, const char *sql, sqlite3_stmt **st);

/* store_sqlite_chain.c: gives a row of the record its place. */
enum chain_kind { CHAIN_EVENT, CHAIN_DEAD_LETTER };
int store_sqlite_chain_add(struct store *s, enum chain_kind kind, uint64_t n);
/* Reads the store's id, or gives it one and builds the chain over what is there;
 * inside the transaction that brings the schema up to date. */
int store_sqlite_chain_open(struct store *s);
int store_sqlite_chain_build(struct store *s);

/* Classifies SQLite's last error, writes store_error() and returns STORE_*. */
int store_sqlite_failed(struct store *s);

/* Text of a column, NULL when it is NULL. */
const char *store_sqlite_text(sqlite3_stmt *st, int column);

/* Reads the columns of STORE_FLOW_COLUMNS and STORE_EPISODE_COLUMNS, in order. */
void store_sqlite_flow(sqlite3_stmt *st, struct store_flow *out);
void store_sqlite_episode(sqlite3_stmt *st, struct store_episode *out);

#define STORE_FLOW_COLUMNS                                                                         \
	"n, agent, flow, seq, open, established, direction, device, role, path, service, "         \
	"source, source_port, source_packets, source_bytes, "                                      \
	"destination, destination_port, destination_packets, destination_bytes, "                  \
	"state, outcome, verdict, list, rule, prefix, start, end, community_id, user, json"

/* sessions: established SSH toward lo6; attempts: never established. */
#define STORE_EPISODE_COLUMNS                                                                     \
	"id, device, began, opened, closed, state, worst, reason, closed_by, outage, "             \
	"(SELECT COUNT(*) FROM incident_flows j JOIN flows f ON f.n = j.flow "                     \
	" WHERE j.incident = i.id AND f.established AND f.path = 'in-band' "                       \
	" AND f.service = 'ssh'), "                                                                \
	"(SELECT COUNT(*) FROM incident_flows j JOIN flows f ON f.n = j.flow "                     \
	" WHERE j.incident = i.id AND f.verdict = 'untrusted'), "                                  \
	"(SELECT COUNT(*) FROM incident_flows j JOIN flows f ON f.n = j.flow "                     \
	" WHERE j.incident = i.id AND NOT f.established)"

/* What a place of the chain covers, in this order; see chain.h. */
#define STORE_CHAIN_EVENT                                                                          \
	"agent, seq, time, stored, type, severity, device, path, service, source, verdict, "       \
	"policy, flow, json"
#define STORE_CHAIN_DEAD "entry, received, reason, data"

#endif
