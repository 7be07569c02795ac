/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_INCIDENT_PARTS_H
#define GW_VIEW_INCIDENT_PARTS_H
/* What the files that make an incident's document share. Each part returns 0 or STORE_*,
 * and needs what the parts before it have put into the document. */
#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "collector/store/store.h"
#include "collector/view/row.h"
#include "common/event.h"

#define INCIDENT_SESSIONS 1000 /* rows of a list, at most */
#define INCIDENT_UNTRUSTED 500
#define INCIDENT_BGP 1000
#define INCIDENT_ALERTS 500
#define INCIDENT_MOMENTS 3000
#define INCIDENT_NAMES 50 /* of devices that are only named */

struct incident_view {
	struct store *s;
	json_t *doc;
	uint64_t id, now;
	uint64_t began, end; /* end: closed, or now */
	json_t *devices;     /* of the document, and by name; borrowed */
	json_t *by_name;
	json_t *reached;  /* "source device": flows of an untrusted source there */
	json_t *agents;	  /* agent: true, who told of it */
	json_t *policies; /* generation: {agent: true} */
	uint64_t events, flows;
};

/* As row_text(); "" is absent as well. */
void put_text(json_t *o, const char *key, const char *text);
/* Appends to the list of that name, unless it has `most`: then it is counted. */
void put_row(json_t *doc, const char *list, json_t *row, size_t most);

/* What a flow says of the path, a sentence. False: there is no such flow. */
bool incident_proof(struct incident_view *v, const char *agent, const char *flow, bool stalled,
		    char *buf, size_t size);

/* Events of one type in [since, until], the newest so many, in the order of time. Of a row
 * these are given: agent, seq, time_ns, type, device, policy, json. */
int incident_each_event(struct incident_view *v, const char *type, uint64_t since_ns,
			uint64_t until_ns, uint64_t limit, store_event_fn *fn, void *arg);

/* ---- the parts, in their order ---- */

int incident_put_flows(struct incident_view *v);     /* reached, agents, policies */
int incident_put_devices(struct incident_view *v);   /* devices, unaffected, subnet */
int incident_put_sessions(struct incident_view *v);  /* sessions, first_lo6 */
int incident_put_untrusted(struct incident_view *v); /* untrusted */
int incident_put_events(struct incident_view *v);    /* spans, moves, evidence, bgp, changes */
int incident_put_fabric(struct incident_view *v);    /* addresses, walks, would_trust */
int incident_put_alerts(struct incident_view *v);    /* alerts, still_open, drill */
int incident_put_gaps(struct incident_view *v);	     /* gaps, unseen_s */
int incident_put_policy(struct incident_view *v);
int incident_put_record(struct incident_view *v);
int incident_put_timeline(struct incident_view *v);

#endif
