/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_DB_H
#define GW_STORE_DB_H
/* What the files of the store share: store.c (opening, transactions), store_record.c
 * (events, agents, devices), store_flow.c, store_episode.c, store_chain.c,
 * store_missing.c, store_read.c and whoever else holds SQL. */
#include "collector/chain.h"
#include "collector/db.h"
#include "collector/store.h"

#define STORE_AGENT_SLOTS 64
#define STORE_WEEK (7 * 86400 * UINT64_C(1000000000)) /* of a partition */

struct agent;
struct store_kept;
struct store_alert_found;
struct store_known;
struct store_open;
struct store_drills_kept;
struct store_paths;

struct store {
	struct db *db;
	const char *name;	    /* of the agent that the collector's own events are of */
	struct metrics_log *counts; /* NULL: nothing is counted */
	size_t counts_mark;	    /* of the entry that began last */

	/* the chain */
	char id[CHAIN_ID_LEN];
	struct chain_digest *digest;
	struct chain_hash head; /* at this place; read again in each transaction */
	uint64_t head_place;
	uint64_t newest; /* events.n */
	bool head_known;

	/* Others write as well: what is kept of rows is good for a transaction, and for
	 * the next when the chain still ends where the last one of ours has left it. */
	bool kept;
	struct chain_hash kept_head;
	struct agent *agents[STORE_AGENT_SLOTS]; /* store_agent.c */
	int watch_agents;

	struct db_bulk events, chain;
	uint64_t week; /* PostgreSQL: the partition of week - 1 is there; 0: not known */

	/* Flows as they are in their rows, store_flow_kept.c; good as long. */
	struct store_kept *kept_flows;
	uint64_t newest_flow; /* flows.n; 0: not known */
	struct store_paths *paths;   /* store_episode.c */
	struct store_known *known;   /* store_known.c; good as long, as those below */
	struct store_open *open_alerts; /* store_alert_open.c */
	struct store_drills_kept *drills_kept; /* store_operate.c */
	int watch_targets, watch_clients, watch_alerts;
	uint64_t own_next; /* of the collector's own events; 0: not known */
	uint64_t swept; /* rows were removed so often, by whomever: what is kept is of then */
	uint64_t documents_kept; /* segments.number: of the flows that stay, by store_sweep() */

	char *document; /* the newest that store_document() made */
	size_t document_size;
};

/* A number of rows is no error. */
int store_done(int rc);

int store_record_open(struct store *s);

/* All that is kept of rows: agents, flows, paths, known sources, alerts, drills. */
void store_forget_rows(struct store *s);

/* store_agent.c. 1: an event of this number is stored; 0: it is not. */
int store_agent_knows(struct store *s, const char *agent, uint64_t seq);
int store_agents_write(void *arg);
void store_agents_forget(struct store *s);

/* store_chain.c: gives a row of the record its place. v: the columns of
 * STORE_CHAIN_EVENT or STORE_CHAIN_DEAD, as they are stored. */
enum chain_kind { CHAIN_EVENT, CHAIN_DEAD_LETTER };
int store_chain_add(struct store *s, enum chain_kind kind, uint64_t n, const struct db_value *v,
		    int n_values);
int store_chain_head(struct store *s); /* so that head, head_place, newest are known */
/* Reads the store's id, or gives it one and builds the chain over what is there;
 * inside the transaction that brings the schema up to date. */
int store_chain_open(struct store *s);
int store_chain_build(struct store *s);

/* Reads the columns of STORE_FLOW_COLUMNS, in order. */
void store_flow_row(struct db_row *row, struct store_flow *out);
/* NULL: it is not kept. Strings live until the flow is put. */
const struct store_flow *store_kept_find(struct store *s, const char *agent, const char *flow);
const struct store_flow *store_kept_row(struct store *s, uint64_t n);
void store_kept_put(struct store *s, const struct store_flow *f);
void store_kept_forget(struct store *s, uint64_t n); /* its row is changed by a statement */
void store_kept_forget_all(struct store *s);
void store_kept_free(struct store *s);
/* Puts f->json together; it lives until the next call. 0, or below. */
int store_document(struct store *s, struct store_flow *f);

#define STORE_FLOW_COLUMNS                                                                         \
	"n, agent, flow, seq, open, established, direction, device, role, path, service, "         \
	"source, source_port, source_packets, source_bytes, "                                      \
	"destination, destination_port, destination_packets, destination_bytes, "                  \
	"state, outcome, verdict, list, rule, prefix, start, \"end\", community_id, \"user\", "    \
	"json, parts, same_as, justified, login, updated"

/* What retention removes: $1 when it must have ended before, $2 at most so many. */
#define STORE_OF_OPEN_INCIDENT                                                                     \
	"EXISTS (SELECT 1 FROM incident_flows j JOIN incidents i ON i.id = j.incident"             \
	" WHERE j.flow = flows.n AND i.closed IS NULL)"
#define STORE_OLD_FLOWS                                                                            \
	"SELECT n FROM flows WHERE start <= $1 AND open = 0 AND \"end\" < $1 AND NOT "             \
	STORE_OF_OPEN_INCIDENT " ORDER BY start LIMIT $2"
#define STORE_OLD_INCIDENTS "SELECT id FROM incidents WHERE closed < $1"

void store_paths_forget(struct store *s);

/* store_known.c: what changes is written before a statement that names the table. */
int store_targets_write(void *arg);
int store_clients_write(void *arg);
int store_target_known(struct store *s, const char *address); /* a row was added */
void store_known_forget(struct store *s);

/* store_alert_open.c, for store_alert.c: an alert was opened, changed, resolved. */
#define STORE_ALERT_FOUND                                                                          \
	"id, since, last, count, drill, severity, bundle, device, agent, source"
#define STORE_ALERT_FOUND_N 10
void store_alert_found_row(struct db_row *row, struct store_alert_found *out);
int store_open_add(struct store *s, const char *name, const char *key,
		   const struct store_alert_found *found);
void store_open_change(struct store *s, uint64_t id, enum event_severity severity, uint64_t drill);
void store_open_remove(struct store *s, uint64_t id);
int store_open_write(void *arg);
void store_open_forget(struct store *s);

void store_drills_forget(struct store *s); /* store_operate.c */

/* A hash in a column; all zero when it is none. */
void store_column_hash(struct db_row *row, int column, struct chain_hash *out);

/* What a place of the chain covers, in this order; see chain.h. */
#define STORE_CHAIN_EVENT                                                                          \
	"agent, seq, time, stored, type, severity, device, path, service, source, verdict, "       \
	"policy, flow, json"
#define STORE_CHAIN_EVENT_N 14
#define STORE_CHAIN_DEAD "entry, received, reason, data"
#define STORE_CHAIN_DEAD_N 4

#endif
