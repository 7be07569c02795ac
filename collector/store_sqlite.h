/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_SQLITE_H
#define GW_STORE_SQLITE_H
/* What store_sqlite.c (opening, writing) and store_sqlite_read.c share. */
#include <sqlite3.h>

#include "collector/store.h"

#define STORE_NUM_STATEMENTS 32

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statements[STORE_NUM_STATEMENTS]; /* prepared on first use */
	char error[512];
};

/* Classifies SQLite's last error, writes store_error() and returns STORE_*. */
int store_sqlite_failed(struct store *s);

/* Text of a column, NULL when it is NULL. */
const char *store_sqlite_text(sqlite3_stmt *st, int column);

/* Reads the columns of STORE_FLOW_COLUMNS and STORE_INCIDENT_COLUMNS, in order. */
void store_sqlite_flow(sqlite3_stmt *st, struct store_flow *out);
void store_sqlite_incident(sqlite3_stmt *st, struct store_incident *out);

#define STORE_FLOW_COLUMNS                                                                         \
	"n, agent, flow, seq, open, established, direction, device, role, path, service, "         \
	"source, source_port, source_packets, source_bytes, "                                      \
	"destination, destination_port, destination_packets, destination_bytes, "                  \
	"state, outcome, verdict, list, rule, prefix, start, end, community_id, user, json"

/* sessions: established SSH toward lo6; attempts: never established. */
#define STORE_INCIDENT_COLUMNS                                                                     \
	"id, device, began, opened, closed, state, worst, reason, closed_by, outage, "             \
	"(SELECT COUNT(*) FROM incident_flows j JOIN flows f ON f.n = j.flow "                     \
	" WHERE j.incident = i.id AND f.established AND f.path = 'in-band' "                       \
	" AND f.service = 'ssh'), "                                                                \
	"(SELECT COUNT(*) FROM incident_flows j JOIN flows f ON f.n = j.flow "                     \
	" WHERE j.incident = i.id AND f.verdict = 'untrusted'), "                                  \
	"(SELECT COUNT(*) FROM incident_flows j JOIN flows f ON f.n = j.flow "                     \
	" WHERE j.incident = i.id AND NOT f.established)"

#endif
