/* SPDX-License-Identifier: Apache-2.0 */
/* Documents in, rows of a real store (in memory) out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/command/operate.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/own.h"
#include "collector/ingest/quiet.h"
#include "collector/store/episode.h"
#include "common/clock.h"
#include "tests/unit/both_stores.h"
#include "tests/unit/sources_agree.h"

#define T0 (1700000000 * NS_PER_S)
#define AT(s) (T0 + (uint64_t)((s)*1e9))

static struct store *store;
static struct ingest_counts counts;
static char entry_id[32];

static int setup(void **state)
{
	memset(&counts, 0, sizeof(counts));
	store = both_stores_open(NULL);
	return store ? 0 : -1;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static void ingest_text(const char *text)
{
	static unsigned n;
	struct ingest_entry entry = { .id = entry_id, .json = text, .len = strlen(text) };

	snprintf(entry_id, sizeof(entry_id), "%u-0", ++n);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
}

static void ingest(struct event e)
{
	char *text;

	e.agent = e.agent ? e.agent : "a";
	e.flow.handshake_ms = -1;
	text = event_encode(&e);
	assert_non_null(text);
	ingest_text(text);
	free(text);
}

static struct event flow(uint64_t seq, enum event_type type, const char *id, enum gw_path path,
			 const char *outcome, double start, double end)
{
	struct event e = { .type = type,
			   .seq = seq,
			   .time_ns = AT(end),
			   .device = "d",
			   .path = path,
			   .service = GW_SERVICE_SSH,
			   .has_ends = true,
			   .has_flow = true,
			   .flow = { .id = id,
				     .start_ns = AT(start),
				     .end_ns = AT(end),
				     .state = "S1",
				     .outcome = outcome,
				     .initiator = GW_BASIS_SYN },
			   .has_trust = true,
			   .trust = { .verdict = GW_VERDICT_TRUSTED,
				      .list = "t",
				      .has_rule = true,
				      .seq = 10,
				      .prefix = "10.0.0.0/8" } };

	addr_parse("10.0.0.5", &e.source.ip);
	addr_parse(path == GW_PATH_INBAND ? "10.3.0.1" : "10.1.0.1", &e.destination.ip);
	e.source.port = 40000;
	e.destination.port = 22;
	e.source.packets = seq;
	return e;
}

static struct event change(uint64_t seq, double at, const char *from, const char *to,
			   const char *evidence)
{
	struct event e = {
		.type = EVENT_PATH_CHANGE,
		.seq = seq,
		.time_ns = AT(at),
		.device = "d",
		.has_change = true,
		.change = { .from = from, .to = to, .reason = "primary-unanswered", .outage_s = -1 }
	};

	if (evidence)
		e.change.evidence[e.change.evidence_n++] = evidence;
	return e;
}

static struct event plain(uint64_t seq, enum event_type type)
{
	return (struct event){ .type = type, .seq = seq, .time_ns = AT(seq) };
}

/* ---- reading back ---- */

static char flows[1024];

static int list_flow(void *arg, const struct store_flow *f)
{
	snprintf(flows + strlen(flows), sizeof(flows) - strlen(flows), "%s%s", flows[0] ? " " : "",
		 f->flow);
	return 0;
}

static const char *flows_of(uint64_t incident)
{
	struct store_filter f = { .incident = incident };

	flows[0] = '\0';
	assert_int_equal(store_flows(store, &f, list_flow, NULL), 0);
	return flows;
}

/* Those of agents, and that an incident is over; alerts that they raised join, too. */
static int list_seq(void *arg, const struct store_event *e)
{
	if (strcmp(e->agent, store_name(store)) == 0 && strcmp(e->type, "alert.incident") != 0)
		return 0;
	snprintf(flows + strlen(flows), sizeof(flows) - strlen(flows), "%s%" PRIu64,
		 flows[0] ? " " : "", e->seq);
	return 0;
}

static const char *events_of(uint64_t incident)
{
	struct store_filter f = { .incident = incident };

	flows[0] = '\0';
	assert_int_equal(store_events(store, &f, list_seq, NULL), 0);
	return flows;
}

static struct store_incident incident(uint64_t id)
{
	struct store_incident i = { 0 };

	store_incident_get(store, id, &i);
	return i;
}

static int take_agent(void *arg, const struct store_agent *a)
{
	snprintf(flows, sizeof(flows),
		 "%s last %" PRIu64 " events %" PRIu64 " missing %" PRIu64 " gaps %s", a->state,
		 a->last_seq, a->events, a->missing, a->gaps ? a->gaps : "-");
	return 0;
}

static const char *agent(void)
{
	struct store_filter all = { 0 };

	flows[0] = '\0';
	store_agents(store, &all, take_agent, NULL);
	return flows;
}

/* ---- several devices ---- */

/* A device of the subnet, as its agent loaded it. */
static void know(uint64_t seq, const char *device, const char *role, const char *ma1)
{
	struct event e = plain(seq, EVENT_FABRIC_DEVICE);

	e.device = device;
	e.role = role;
	e.policy = "p";
	e.extra = json_pack("{s:{s:[{s:s,s:s,s:[s]}]}}", "fabric", "management", "interface",
			    "Management1", "vrf", "MGMT", "addresses", ma1);
	ingest(e);
	json_decref(e.extra);
}

static void know_subnet(void)
{
	know(1, "f-sw", "mgmt-switch", "192.0.2.31/24");
	know(2, "f-a", "ce", "192.0.2.11/24");
	know(3, "f-b", "tor", "192.0.2.12/24");
	know(4, "f-c", "tor", "192.0.2.13/24");
	know(5, "g-a", "tor", "192.0.2.14/24"); /* another fabric, the same addresses */
}

static struct event of(struct event e, const char *device, const char *agent)
{
	e.device = device;
	e.agent = agent;
	return e;
}

static struct event because(struct event e, const char *reason)
{
	e.change.reason = reason;
	return e;
}

static char members[512];

static int list_member(void *arg, const struct store_incident_device *d)
{
	static const char *const how[] = { "lost", "moved", "primary", "unknown" };

	snprintf(members + strlen(members), sizeof(members) - strlen(members), "%s%s %s%s%s",
		 members[0] ? ", " : "", d->device, how[d->how], d->episode ? " " : "",
		 d->episode ? d->worst : "");
	return 0;
}

static const char *members_of(uint64_t id)
{
	members[0] = '\0';
	assert_int_equal(store_incident_devices(store, id, list_member, NULL), 0);
	return members;
}

static int list_incident(void *arg, const struct store_incident *i)
{
	snprintf(flows + strlen(flows), sizeof(flows) - strlen(flows), "%s%" PRIu64 " %s %s",
		 flows[0] ? ", " : "", i->id, i->kind, i->subject);
	return 0;
}

static const char *incidents(void)
{
	struct store_incident_filter f = { 0 };

	flows[0] = '\0';
	assert_int_equal(store_incidents(store, &f, list_incident, NULL), 0);
	return flows;
}

/* ---- the tests ---- */

static void test_gaps(void **state)
{
	static const struct {
		uint64_t seq;
		const char *says;
	} steps[] = {
		{ 3, "running last 3 events 1 missing 2 gaps 1-2" },
		{ 4, "running last 4 events 2 missing 2 gaps 1-2" },
		{ 10, "running last 10 events 3 missing 7 gaps 1-2,5-9" },
		{ 7, "running last 10 events 4 missing 6 gaps 1-2,5-6,8-9" },
		{ 7, "running last 10 events 4 missing 6 gaps 1-2,5-6,8-9" },
		{ 5, "running last 10 events 5 missing 5 gaps 1-2,6,8-9" },
		{ 9, "running last 10 events 6 missing 4 gaps 1-2,6,8" },
		{ 6, "running last 10 events 7 missing 3 gaps 1-2,8" },
		{ 1, "running last 10 events 8 missing 2 gaps 2,8" },
		{ 2, "running last 10 events 9 missing 1 gaps 8" },
		{ 8, "running last 10 events 10 missing 0 gaps -" },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ingest(plain(steps[i].seq, EVENT_AGENT_STATS));
		assert_string_equal(agent(), steps[i].says);
	}
	assert_int_equal(counts.stored, 10);
	assert_int_equal(counts.duplicates, 1);
	ingest(plain(11, EVENT_AGENT_STOP));
	assert_string_equal(agent(), "stopped last 11 events 11 missing 0 gaps -");
	ingest(plain(12, EVENT_AGENT_START));
	assert_string_equal(agent(), "running last 12 events 12 missing 0 gaps -");
}

static void test_fold(void **state)
{
	struct event e = flow(1, EVENT_FLOW_START, "f", GW_PATH_INBAND, "attempt", 1, 1);
	struct store_flow f;

	e.has_actor = true;
	e.actor.user = "alice";
	e.actor.loginuid = 0xffffffff;
	ingest(e);
	assert_int_equal(store_flow_get(store, "a", "f", &f), 1);
	assert_true(f.open);
	assert_false(f.established);

	e = flow(3, EVENT_FLOW_END, "f", GW_PATH_INBAND, "reset", 1, 9);
	ingest(e);
	/* late: fills in what is missing, changes nothing else */
	e = flow(2, EVENT_FLOW_UPDATE, "f", GW_PATH_INBAND, "established", 1, 5);
	e.has_ssh = true;
	e.ssh_client.proto_version = "2.0";
	e.ssh_client.software_version = "x";
	ingest(e);

	assert_int_equal(store_flow_get(store, "a", "f", &f), 1);
	assert_false(f.open);
	assert_true(f.established);
	assert_int_equal(f.seq, 3);
	assert_int_equal(f.source_packets, 3);
	assert_int_equal(f.end_ns, AT(9));
	assert_string_equal(f.outcome, "reset");
	assert_string_equal(f.user, "alice");
	assert_string_equal(f.verdict, "trusted");
	assert_int_equal(f.rule, 10);
	assert_non_null(strstr(f.json, "\"software_version\":\"x\""));
	assert_non_null(strstr(f.json, "\"user\":\"alice\""));
	assert_non_null(strstr(f.json, "\"outcome\":\"reset\""));
	/* another agent's flow of the same id is another flow */
	e.agent = "b";
	e.seq = 1;
	ingest(e);
	assert_string_equal(flows_of(0), "f f");
}

static void test_incident(void **state)
{
	struct store_incident i;

	/* before: done with, does not belong to it */
	ingest(flow(1, EVENT_FLOW_END, "old", GW_PATH_INBAND, "closed", 1, 5));
	ingest(flow(2, EVENT_FLOW_START, "ma1", GW_PATH_PRIMARY, "attempt", 10, 10));
	ingest(change(3, 12, "primary", "primary-failing", "ma1"));
	ingest(flow(4, EVENT_FLOW_START, "lo6", GW_PATH_INBAND, "established", 20, 20));
	ingest(change(5, 21, "primary-failing", "in-band", "lo6"));
	i = incident(1);
	assert_int_equal(i.began_ns, AT(12));
	assert_int_equal(i.opened_ns, AT(21));
	assert_int_equal(i.closed_ns, 0);
	assert_int_equal(i.sessions, 1);
	assert_string_equal(flows_of(1), "ma1 lo6");

	ingest(flow(6, EVENT_FLOW_END, "try", GW_PATH_INBAND, "refused", 25, 25));
	ingest(change(7, 30, "in-band", "unreachable", NULL));
	ingest(change(8, 35, "unreachable", "in-band", NULL));
	ingest(change(9, 40, "in-band", "primary", NULL));
	/* ends after the incident, and is a session of it all the same */
	ingest(flow(10, EVENT_FLOW_END, "lo6", GW_PATH_INBAND, "closed", 20, 50));
	ingest(flow(11, EVENT_FLOW_START, "new", GW_PATH_PRIMARY, "established", 45, 45));
	i = incident(1);
	assert_int_equal(i.closed_ns, AT(40));
	assert_string_equal(i.worst, "unreachable");
	assert_string_equal(i.state, "primary");
	assert_true(i.outage_s == 28);
	assert_int_equal(i.attempts, 2);
	assert_string_equal(flows_of(1), "ma1 lo6 try");
	assert_string_equal(events_of(1), "3 5 7 8 9");
	assert_int_equal(incident(2).id, 0);
}

/* The management switch dies: noticed device by device. */
static void test_switch(void **state)
{
	struct store_incident i;

	know_subnet();
	ingest(of(flow(10, EVENT_FLOW_END, "ma1-a", GW_PATH_PRIMARY, "unanswered", 100, 108),
		  "f-a", "a"));
	ingest(of(change(11, 108, "primary", "primary-failing", "ma1-a"), "f-a", "a"));
	/* nobody needs c, which fails before anything is open */
	ingest(of(change(12, 109, "primary", "primary-failing", NULL), "f-c", "a"));
	ingest(of(flow(13, EVENT_FLOW_START, "lo6-a", GW_PATH_INBAND, "established", 110, 110),
		  "f-a", "a"));
	ingest(of(change(14, 110, "primary-failing", "in-band", "lo6-a"), "f-a", "a"));
	i = incident(1);
	assert_string_equal(i.kind, "management-switch");
	assert_string_equal(i.subject, "192.0.2.0/24");
	assert_string_equal(i.switch_name, "f-sw");
	assert_string_equal(i.suspicion, "suspected");
	assert_int_equal(i.devices, 2);
	assert_string_equal(members_of(1), "f-a lost in-band, f-c lost primary-failing, "
					   "f-b unknown, f-sw unknown");
	/* an hour later somebody tries b: nobody had answered */
	ingest(of(change(15, 4000, "primary", "primary-failing", NULL), "f-b", "a"));
	assert_int_equal(incident(1).devices, 3);
	ingest(of(change(16, 4010, "primary-failing", "unreachable", NULL), "f-b", "a"));
	/* the other fabric's device is another incident */
	ingest(of(change(17, 4020, "primary-failing", "unreachable", NULL), "g-a", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24, 2 failover g-a");
	i = incident(1);
	assert_string_equal(i.worst, "unreachable");
	assert_string_equal(i.state, "unreachable");
	assert_string_equal(i.severity, "critical");
	assert_int_equal(i.unreachable, 1);
	assert_int_equal(i.sessions, 1);
	assert_int_equal(i.open, 3);
	assert_int_equal(i.began_ns, AT(108));

	/* it comes back, and a is the first that is seen there */
	ingest(of(flow(18, EVENT_FLOW_START, "back", GW_PATH_PRIMARY, "established", 5000, 5000),
		  "f-a", "a"));
	assert_string_equal(incident(1).suspicion, "over");
	assert_string_equal(incident(1).witness, "f-a");
	assert_int_equal(incident(1).answered_ns, AT(5000));
	ingest(of(change(19, 5000, "in-band", "primary", "back"), "f-a", "a"));
	ingest(of(change(20, 5100, "primary-failing", "primary", NULL), "f-c", "a"));
	i = incident(1);
	assert_int_equal(i.closed_ns, 0);
	assert_int_equal(i.open, 1);
	ingest(of(change(21, 5200, "unreachable", "primary", NULL), "f-b", "a"));
	i = incident(1);
	assert_int_equal(i.closed_ns, AT(5200));
	assert_string_equal(i.state, "primary");
	assert_true(i.outage_s == 5100 - 109);
	assert_string_equal(flows_of(1), "ma1-a lo6-a back");
	/* what fails now has nothing to do with it */
	ingest(of(change(22, 6000, "primary", "primary-failing", NULL), "f-b", "a"));
	ingest(of(change(23, 6001, "primary-failing", "in-band", NULL), "f-b", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24, 2 failover g-a, "
					 "3 failover f-b");
}

/* Nobody has tried lo6 yet: two devices that lose Ma1 at nearly the same time say enough. */
static void test_dead_switch(void **state)
{
	know_subnet();
	/* one alone, one that refuses, and one of long before are none */
	ingest(of(change(10, 100, "primary", "primary-failing", NULL), "f-a", "a"));
	ingest(of(because(change(11, 101, "primary", "primary-failing", NULL), "primary-refused"),
		  "f-b", "a"));
	ingest(of(change(12, 901, "primary", "primary-failing", NULL), "f-c", "a"));
	assert_string_equal(incidents(), "");
	ingest(of(change(13, 902, "primary-failing", "primary", NULL), "f-a", "a"));
	ingest(of(change(14, 1500, "primary", "primary-failing", NULL), "f-a", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24");
	assert_string_equal(members_of(1), "f-c lost primary-failing, f-a lost primary-failing, "
					   "f-b unknown, f-sw unknown");
	assert_string_equal(incident(1).suspicion, "suspected");
	assert_int_equal(incident(1).began_ns, AT(901));
	assert_int_equal(incident(1).suspected_ns, AT(1500));
	assert_string_equal(events_of(1), "12 14");
	ingest(of(change(15, 1600, "primary-failing", "primary", NULL), "f-a", "a"));
	assert_int_equal(incident(1).closed_ns, 0);
	ingest(of(change(16, 1601, "primary-failing", "primary", NULL), "f-c", "a"));
	assert_int_equal(incident(1).closed_ns, AT(1601));

	/* one of the subnet answered between: the switch forwards */
	ingest(of(change(17, 3000, "primary", "primary-failing", NULL), "f-a", "a"));
	ingest(of(flow(18, EVENT_FLOW_START, "ma1-c", GW_PATH_PRIMARY, "established", 3010, 3010),
		  "f-c", "a"));
	ingest(of(change(19, 3020, "primary-refused", "primary", NULL), "f-b", "a"));
	ingest(of(change(20, 3030, "primary", "primary-failing", NULL), "f-b", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24");
}

/* One of the subnet is used over Ma1 all the same. */
static void test_contradiction(void **state)
{
	struct store_incident i;

	know_subnet();
	ingest(of(change(10, 100, "primary", "unreachable", NULL), "f-a", "a"));
	ingest(of(change(11, 110, "primary", "unreachable", NULL), "f-b", "a"));
	assert_string_equal(incident(1).suspicion, "suspected");
	assert_int_equal(incident(1).suspected_ns, AT(110));
	/* began before, is still going on: proves nothing */
	ingest(of(flow(12, EVENT_FLOW_UPDATE, "old", GW_PATH_PRIMARY, "established", 50, 120),
		  "f-c", "a"));
	assert_string_equal(incident(1).suspicion, "suspected");
	/* somebody whom the lists refuse: it does not matter who */
	ingest(of(flow(13, EVENT_FLOW_START, "new", GW_PATH_PRIMARY, "established", 130, 130),
		  "f-c", "b"));
	i = incident(1);
	assert_string_equal(i.suspicion, "withdrawn");
	assert_string_equal(i.witness, "f-c");
	assert_int_equal(i.answered_ns, AT(130));
	assert_int_equal(i.suspected_ns, AT(110));
	assert_string_equal(members_of(1), "f-a lost unreachable, f-b lost unreachable, "
					   "f-c primary, f-sw unknown");
	/* soon after: together with them; much later: not */
	ingest(of(change(14, 200, "primary", "unreachable", NULL), "f-c", "a"));
	assert_int_equal(incident(1).devices, 3);
	assert_string_equal(incident(1).suspicion, "withdrawn");
	ingest(of(change(15, 5000, "primary", "unreachable", NULL), "f-sw", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24, 2 failover f-sw");
}

/* What was on lo6 without a known reason, and turns out to have had the same one. */
static void test_merge(void **state)
{
	uint64_t id = 1;

	know_subnet();
	ingest(of(flow(9, EVENT_FLOW_START, "lo6-a", GW_PATH_INBAND, "established", 95, 95), "f-a",
		  "a"));
	ingest(of(change(10, 100, "primary", "in-band-unexplained", "lo6-a"), "f-a", "a"));
	ingest(of(change(11, 110, "primary", "unreachable", NULL), "f-b", "a"));
	assert_string_equal(incidents(), "1 failover f-a, 2 failover f-b");
	/* its Ma1 is tried, and fails: a loss, and the older of both holds them */
	ingest(of(change(12, 120, "in-band-unexplained", "in-band", NULL), "f-a", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24");
	assert_int_equal(incident(1).devices, 2);
	assert_int_equal(incident(2).joined, 1);
	assert_true(incident(2).closed_ns != 0);
	assert_string_equal(events_of(1), "10 11 12");
	id = 2;
	assert_int_equal(store_incident_resolve(store, &id), 1);
	assert_int_equal(id, 1);

	/* a third one, of which nothing is known, is explained by the suspected switch */
	assert_string_equal(incident(1).suspicion, "suspected");
	ingest(of(change(13, 130, "primary", "in-band-unexplained", NULL), "f-c", "a"));
	assert_int_equal(incident(1).devices, 3);
	/* and one whose Ma1 works is not */
	ingest(of(change(14, 140, "primary", "in-band-unjustified", NULL), "f-sw", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24, 3 failover f-sw");
}

/* A batch that a dead collector had read: the second device comes when all is over. */
static void test_late_switch(void **state)
{
	know_subnet();
	ingest(of(change(10, 100, "primary", "unreachable", NULL), "f-a", "a"));
	ingest(of(change(20, 300, "unreachable", "primary", NULL), "f-a", "a"));
	ingest(of(change(21, 310, "unreachable", "primary", NULL), "f-b", "a"));
	ingest(of(change(11, 110, "primary", "unreachable", NULL), "f-b", "a"));
	assert_string_equal(incidents(), "1 management-switch 192.0.2.0/24");
	assert_int_equal(incident(1).closed_ns, AT(310));
	assert_string_equal(members_of(1), "f-a lost unreachable, f-b lost unreachable, "
					   "f-c unknown, f-sw unknown");
}

/* Two agents see the same flows and the same failover. */
static void test_two_agents(void **state)
{
	struct event x = flow(1, EVENT_FLOW_START, "x1", GW_PATH_INBAND, "established", 20, 20);
	struct event y;
	struct store_flow f;
	char agents[64];

	x.community_id = "1:abc";
	y = of(x, "d", "b");
	y.flow.id = "y1";
	y.flow.start_ns += NS_PER_MS;
	y.has_actor = true;
	y.actor.user = "alice";
	y.actor.loginuid = 0xffffffff;
	ingest(x);
	ingest(change(2, 21, "primary", "in-band", "x1"));
	ingest(y);
	ingest(of(change(2, 21.1, "primary", "in-band", "y1"), "d", "b"));
	assert_string_equal(incidents(), "1 failover d");
	assert_int_equal(incident(1).sessions, 1);
	assert_int_equal(incident(1).devices, 1);
	assert_string_equal(flows_of(1), "x1");
	assert_string_equal(flows_of(0), "x1");
	assert_int_equal(store_flow_get(store, "b", "y1", &f), 1);
	assert_int_equal(f.same_as, 1);
	assert_int_equal(store_flow_get(store, "a", "x1", &f), 1);
	assert_int_equal(f.same_as, 0);
	assert_string_equal(f.user, "alice"); /* who it was, only b can know */
	assert_string_equal(f.justified, "yes");
	assert_int_equal(store_flow_seen_by(store, f.n, agents, sizeof(agents)), 0);
	assert_string_equal(agents, "a,b");

	/* the same ports again, later: another flow */
	x = flow(3, EVENT_FLOW_START, "x2", GW_PATH_INBAND, "attempt", 500, 500);
	x.community_id = "1:abc";
	y = of(x, "d", "b");
	y.flow.id = "y2";
	ingest(flow(4, EVENT_FLOW_END, "x1", GW_PATH_INBAND, "closed", 20, 100));
	ingest(y);
	assert_string_equal(flows_of(0), "x1 y2");
	/* only the second of the two sees that it is established */
	ingest(x);
	assert_string_equal(flows_of(0), "x1 y2");
	x = flow(5, EVENT_FLOW_UPDATE, "x2", GW_PATH_INBAND, "established", 500, 501);
	ingest(x);
	assert_int_equal(store_flow_get(store, "b", "y2", &f), 1);
	assert_true(f.established);
	assert_string_equal(f.justified, "yes");

	ingest(because(change(6, 600, "in-band", "primary", NULL), "primary-ok"));
	assert_int_equal(incident(1).closed_ns, AT(600));
	ingest(of(because(change(6, 600.1, "in-band", "primary", NULL), "primary-ok"), "d", "b"));
	assert_string_equal(incidents(), "1 failover d");
}

static struct event from(struct event e, const char *source, bool neighbor)
{
	addr_parse(source, &e.source.ip);
	e.trust.verdict = GW_VERDICT_UNTRUSTED;
	e.trust.neighbor = neighbor;
	return e;
}

static char reached[256];

static int list_reached(void *arg, const struct store_untrusted *u)
{
	snprintf(reached + strlen(reached), sizeof(reached) - strlen(reached),
		 "%s%s %s %" PRIu64 " %" PRIu64 " %" PRIu64, reached[0] ? ", " : "", u->source,
		 u->device, u->attempts, u->established, u->logged_in);
	return 0;
}

static const char *reached_by(uint64_t id)
{
	reached[0] = '\0';
	assert_int_equal(store_incident_untrusted(store, id, list_reached, NULL), 0);
	return reached;
}

static int count_quiet(void *arg, const struct store_incident *i)
{
	++*(unsigned *)arg;
	return 0;
}

static int take_text(void *arg, const struct store_event *e)
{
	json_t *doc = json_loads(e->json, 0, NULL);

	snprintf(arg, 300, "%s",
		 json_string_value(json_object_get(json_object_get(doc, "alert"), "text")));
	json_decref(doc);
	return 0;
}

static void test_untrusted(void **state)
{
	struct event e = flow(1, EVENT_FLOW_START, "u1", GW_PATH_PRIMARY, "attempt", 10, 10);
	struct store_filter closed = { .type = "alert.incident" };
	struct store_incident i;
	unsigned quiet = 0;
	char text[300] = "";

	ingest(of(from(e, "203.0.113.77", false), "f-a", "a"));
	i = incident(1);
	assert_string_equal(i.kind, "untrusted-source");
	assert_string_equal(i.subject, "203.0.113.77");
	assert_string_equal(i.fabric, "f");
	assert_string_equal(i.severity, "notice");
	e = flow(2, EVENT_FLOW_END, "u1", GW_PATH_PRIMARY, "refused", 10, 11);
	ingest(of(from(e, "203.0.113.77", false), "f-a", "a"));
	e = flow(3, EVENT_FLOW_START, "u2", GW_PATH_INBAND, "attempt", 20, 20);
	ingest(of(from(e, "203.0.113.77", false), "f-b", "a"));
	assert_string_equal(reached_by(1), "203.0.113.77 f-a 1 0 0, 203.0.113.77 f-b 1 0 0");
	e = flow(4, EVENT_FLOW_UPDATE, "u2", GW_PATH_INBAND, "established", 20, 21);
	ingest(of(from(e, "203.0.113.77", false), "f-b", "a"));
	i = incident(1);
	assert_string_equal(i.worst, "established");
	assert_string_equal(i.severity, "warning");
	e = flow(5, EVENT_FLOW_UPDATE, "u2", GW_PATH_INBAND, "established", 20, 25);
	e.has_ssh = true;
	e.ssh_client.proto_version = "2.0";
	e.ssh_client.software_version = "x";
	e.ssh_auth.result = "success";
	e.ssh_auth.confidence = "high";
	e.ssh_auth.basis = "packet-lengths";
	ingest(of(from(e, "203.0.113.77", false), "f-b", "a"));
	i = incident(1);
	assert_string_equal(i.worst, "logged-in");
	assert_string_equal(i.severity, "critical");
	assert_int_equal(i.devices, 2);
	assert_int_equal(i.untrusted, 2);
	assert_int_equal(i.attempts, 1);
	assert_int_equal(i.established, 1);
	assert_int_equal(i.logged_in, 1);
	assert_int_equal(i.sessions, 1);
	assert_string_equal(reached_by(1), "203.0.113.77 f-a 1 0 0, 203.0.113.77 f-b 0 1 1");

	/* another fabric, and another source: incidents of their own; a BGP neighbor: none */
	e = flow(6, EVENT_FLOW_START, "u3", GW_PATH_PRIMARY, "attempt", 30, 30);
	ingest(of(from(e, "203.0.113.77", false), "g-a", "a"));
	e = flow(7, EVENT_FLOW_START, "u4", GW_PATH_PRIMARY, "attempt", 31, 31);
	ingest(of(from(e, "203.0.113.78", false), "f-a", "a"));
	e = flow(8, EVENT_FLOW_START, "u5", GW_PATH_PRIMARY, "attempt", 32, 32);
	e.service = GW_SERVICE_BGP;
	ingest(of(from(e, "203.0.113.79", true), "f-a", "a"));
	assert_string_equal(incidents(), "1 untrusted-source 203.0.113.77, "
					 "2 untrusted-source 203.0.113.77, "
					 "3 untrusted-source 203.0.113.78");

	/* quiet are those without an open flow: f-b's session goes on */
	assert_int_equal(store_incident_quiet(store, AT(4000), 10, count_quiet, &quiet), 0);
	assert_int_equal(quiet, 0);
	e = flow(9, EVENT_FLOW_END, "u2", GW_PATH_INBAND, "closed", 20, 300);
	ingest(of(from(e, "203.0.113.77", false), "f-b", "a"));
	assert_int_equal(incident(1).last_ns, AT(300));
	assert_int_equal(store_incident_quiet(store, AT(299), 10, count_quiet, &quiet), 0);
	assert_int_equal(quiet, 0);
	assert_int_equal(store_incident_quiet(store, AT(301), 10, count_quiet, &quiet), 0);
	assert_int_equal(quiet, 1);

	/* by an event of the collector's own, once, and not while it may be deaf */
	store_set_name(store, "glasswatch-test");
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(quiet_tick(store, AT(300 + 3500), AT(0)), 0);
	assert_int_equal(quiet_tick(store, AT(300 + 3601), 0), 0);
	assert_int_equal(incident(1).closed_ns, 0);
	assert_int_equal(quiet_tick(store, AT(300 + 3601), AT(0)), 0);
	i = incident(1);
	assert_int_equal(i.closed_ns, AT(300 + 3601));
	assert_string_equal(i.closed_by, "quiet");
	assert_int_equal(quiet_tick(store, AT(300 + 3602), AT(0)), 0);
	assert_int_equal(ingest_commit(store), 0);
	assert_int_equal(store_events(store, &closed, take_text, text), 0);
	assert_string_equal(text, "203.0.113.77, which is not permitted, reached for 2 devices "
				  "and is thought to have logged in, 1 time; nothing more was "
				  "seen of it for an hour");
	/* comes again: another one */
	e = flow(10, EVENT_FLOW_START, "u6", GW_PATH_PRIMARY, "attempt", 9000, 9000);
	ingest(of(from(e, "203.0.113.77", false), "f-a", "a"));
	assert_int_equal(incident(4).began_ns, AT(9000));
}

static void test_flood(void **state)
{
	struct event e = flow(1, EVENT_FLOW_START, "u1", GW_PATH_PRIMARY, "attempt", 10, 10);
	struct event f = plain(2, EVENT_ALERT);

	ingest(of(from(e, "203.0.113.77", false), "f-a", "a"));
	f.alert = "syn-flood";
	f.device = "f-a";
	f.extra = json_pack("{s:{s:[{s:s,s:i},{s:s,s:i}]}}", "alert", "sources", "prefix",
			    "198.51.100.0/24", "syns", 7, "prefix", "203.0.113.0/24", "syns", 1000);
	ingest(f);
	json_decref(f.extra);
	assert_int_equal(incident(1).flood_syns, 1000);
	assert_string_equal(events_of(1), "2");
}

static const char *justified(const char *id)
{
	static struct store_flow f;

	assert_int_equal(store_flow_get(store, "a", id, &f), 1);
	return f.justified ? f.justified : "-";
}

static void test_justified(void **state)
{
	/* nothing is known, then Ma1 is tried and fails */
	ingest(flow(1, EVENT_FLOW_START, "s1", GW_PATH_INBAND, "established", 10, 10));
	assert_string_equal(justified("s1"), "unknown");
	ingest(change(2, 10, "primary", "in-band-unexplained", "s1"));
	assert_string_equal(justified("s1"), "unknown");
	ingest(change(3, 20, "in-band-unexplained", "in-band", "s1"));
	assert_string_equal(justified("s1"), "yes");
	ingest(because(change(4, 30, "in-band", "primary", NULL), "primary-ok"));
	/* it stays on lo6, and somebody else comes to lo6 without need */
	ingest(flow(5, EVENT_FLOW_START, "s2", GW_PATH_INBAND, "established", 40, 40));
	ingest(because(change(6, 40, "primary", "in-band-unjustified", "s2"), "primary-ok"));
	assert_string_equal(justified("s1"), "yes");
	assert_string_equal(justified("s2"), "no");
	ingest(flow(7, EVENT_FLOW_END, "s2", GW_PATH_INBAND, "closed", 40, 50));
	/* an attempt is no session, nor is BGP */
	ingest(flow(8, EVENT_FLOW_START, "t1", GW_PATH_INBAND, "attempt", 60, 60));
	assert_string_equal(justified("t1"), "-");
	/* what comes when all is over is judged by the state of its own time */
	ingest(because(change(9, 70, "in-band-unjustified", "primary", NULL), "in-band-ended"));
	ingest(flow(10, EVENT_FLOW_END, "late", GW_PATH_INBAND, "closed", 22, 25));
	assert_string_equal(justified("late"), "yes");
	ingest(flow(11, EVENT_FLOW_END, "none", GW_PATH_INBAND, "closed", 2, 3));
	assert_string_equal(justified("none"), "unknown");
}

/* Break-glass access that was announced. */
static void test_drill(void **state)
{
	struct store_drill drill = { .device = "f-a",
				     .who = "alice",
				     .why = "quarterly",
				     .since_ns = AT(100),
				     .until_ns = AT(200) };
	uint64_t id;

	store_set_name(store, "glasswatch-test");
	know_subnet();
	assert_int_equal(operate_drill(store, &drill, AT(100), &id), 1);
	ingest(of(flow(10, EVENT_FLOW_START, "s1", GW_PATH_INBAND, "established", 110, 110), "f-a",
		  "a"));
	ingest(of(because(change(11, 110, "primary", "in-band-unjustified", "s1"), "primary-ok"),
		  "f-a", "a"));
	assert_string_equal(justified("s1"), "drill");
	assert_int_equal(incident(1).drill, id);
	ingest(of(because(change(12, 150, "in-band-unjustified", "primary", NULL), "in-band-ended"),
		  "f-a", "a"));
	/* when it is over, it justifies nothing */
	ingest(of(flow(13, EVENT_FLOW_START, "s2", GW_PATH_INBAND, "established", 210, 210), "f-a",
		  "a"));
	ingest(of(because(change(14, 210, "primary", "in-band-unjustified", "s2"), "primary-ok"),
		  "f-a", "a"));
	assert_string_equal(justified("s2"), "no");
	assert_int_equal(incident(2).drill, 0);
}

/* One of two agents is silent: the other one's word is enough. */
static void test_silent_agent(void **state)
{
	struct event silent = { .type = EVENT_ALERT, .alert = "agent-silent", .time_ns = AT(25) };
	uint64_t n;

	store_set_name(store, "glasswatch-test");
	ingest(change(1, 10, "primary", "in-band-unjustified", NULL));
	ingest(of(change(1, 10.1, "primary", "in-band-unjustified", NULL), "d", "b"));
	ingest(of(because(change(2, 20, "in-band-unjustified", "primary", NULL), "in-band-ended"),
		  "d", "b"));
	assert_int_equal(incident(1).closed_ns, 0); /* a is not back */
	ingest(of(change(3, 22, "primary", "in-band-unjustified", NULL), "d", "b"));
	silent.extra = json_pack("{s:{s:s,s:s,s:s,s:s}}", "alert", "state", "raised", "agent", "a",
				 "since", "2023-11-14T22:13:20Z", "text", "a is silent");
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_own(store, &silent, AT(25), &n), 0);
	assert_int_equal(ingest_commit(store), 0);
	json_decref(silent.extra);
	ingest(of(because(change(4, 30, "in-band-unjustified", "primary", NULL), "in-band-ended"),
		  "d", "b"));
	assert_int_equal(incident(1).closed_ns, AT(30));
	assert_int_equal(incident(2).id, 0);
}

/* A dead consumer had read the failover; its batch comes after the failback. */
static void test_late_failover(void **state)
{
	ingest(flow(4, EVENT_FLOW_END, "lo6", GW_PATH_INBAND, "closed", 22, 30));
	ingest(change(5, 40, "in-band", "primary", NULL));
	assert_int_equal(incident(1).id, 0);
	ingest(change(3, 21, "primary-failing", "in-band", "lo6"));
	assert_int_equal(incident(1).opened_ns, AT(21));
	assert_int_equal(incident(1).closed_ns, AT(40));
	assert_string_equal(flows_of(1), "lo6");
	/* one more late event lies within it */
	ingest(change(4 + 100, 35, "in-band", "unreachable", NULL)); /* not late: newer number */
	assert_int_equal(incident(2).opened_ns, AT(35));
}

static void test_late_joins(void **state)
{
	ingest(change(6, 40, "in-band", "unreachable", NULL));
	ingest(change(3, 21, "primary-failing", "in-band", NULL));
	assert_int_equal(incident(1).opened_ns, AT(21));
	assert_string_equal(incident(1).worst, "unreachable");
	assert_int_equal(incident(2).id, 0);
	ingest(change(4, 30, "in-band", "in-band-unjustified", NULL));
	assert_string_equal(events_of(1), "3 4 6");
}

static int take_dead(void *arg, const struct store_dead *d)
{
	snprintf(flows, sizeof(flows), "%s", d->reason);
	++*(unsigned *)arg;
	return 0;
}

static void test_dead_letters(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"nonsense",
		"{\"v\":1,\"id\":\"a/"
		"1\",\"agent\":\"a\",\"seq\":1,\"time\":\"2026-11-23T00:00:00Z\","
		"\"type\":\"flow.start\",\"severity\":\"info\",\"flow\":{\"direction\":\"inbound\"}"
		"}",
	};
	struct store_filter all = { 0 };
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ingest_text(texts[i]);
		assert_int_equal(counts.dead, i + 1);
	}
	assert_int_equal(counts.stored, 0);
	assert_string_equal(counts.dead_reason, "a flow without an id");
	ingest(plain(1, EVENT_AGENT_START));
	ingest(plain(1, EVENT_AGENT_STOP));
	assert_non_null(strstr(counts.dead_reason, "a/1 is stored already"));
	assert_string_equal(agent(), "running last 1 events 1 missing 0 gaps -");
	assert_int_equal(store_dead_letters(store, &all, take_dead, &n), 0);
	assert_int_equal(n, counts.dead);
}

/* What is summed up is what counting says. */
static void all_agree(void)
{
	struct prefix ten, none;
	struct store_filter filters[] = { { 0 },
					  { .limit = 2 },
					  { .limit = 50 },
					  { .verdict = "untrusted" },
					  { .path = "in-band", .limit = 9 },
					  { .service = "ssh", .verdict = "trusted" },
					  { .service = "bgp" },
					  { .since_ns = AT(25) },
					  { .since_ns = AT(25), .limit = 1 },
					  { .has_source = true, .limit = 5 },
					  { .has_source = true, .limit = 5 } };
	size_t n = sizeof(filters) / sizeof(filters[0]);

	assert_true(prefix_parse("10.0.0.0/8", &ten));
	assert_true(prefix_parse("192.0.2.0/24", &none));
	filters[n - 2].source = ten;
	filters[n - 1].source = none;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sources_agree(store, &filters[i]), i != 6 && i != n - 1);
}

static void test_sources(void **state)
{
	struct event events[] = {
		flow(1, EVENT_FLOW_START, "f1", GW_PATH_PRIMARY, "attempt", 1, 1),
		flow(2, EVENT_FLOW_UPDATE, "f1", GW_PATH_PRIMARY, "established", 1, 4),
		flow(3, EVENT_FLOW_START, "f2", GW_PATH_INBAND, "attempt", 5, 5),
		flow(4, EVENT_FLOW_START, "f3", GW_PATH_PRIMARY, "attempt", 6, 6),
		flow(5, EVENT_FLOW_END, "f1", GW_PATH_PRIMARY, "closed", 1, 20),
		flow(6, EVENT_FLOW_END, "f3", GW_PATH_PRIMARY, "refused", 6, 21),
		flow(7, EVENT_FLOW_START, "f4", GW_PATH_PRIMARY, "attempt", 22, 22),
		flow(9, EVENT_FLOW_END, "f5", GW_PATH_PRIMARY, "closed", 30, 33),
		flow(8, EVENT_FLOW_START, "f5", GW_PATH_PRIMARY, "attempt", 30, 30),
		flow(1, EVENT_FLOW_START, "g1", GW_PATH_INBAND, "attempt", 5, 40),
	};
	struct store_flow f;

	events[3].trust.verdict = events[5].trust.verdict = GW_VERDICT_UNTRUSTED;
	addr_parse("203.0.113.9", &events[3].source.ip);
	events[5].source = events[3].source;
	events[3].device = events[5].device = "e";
	events[4].has_actor = true; /* it is known at the end only */
	events[4].actor.user = "ann";
	events[6].flow.outbound = true;
	addr_parse("10.0.0.77", &events[6].source.ip);
	addr_parse("2001:db8::7", &events[7].source.ip);
	events[8].source = events[7].source;
	events[2].community_id = events[9].community_id = "1:x"; /* the same, seen twice */
	events[9].agent = "b";
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		ingest(events[i]);
	assert_int_equal(store_flow_get(store, "b", "g1", &f), 1);
	assert_true(f.same_as != 0);
	all_agree();
	/* and what is taken away again */
	assert_int_equal(store_flow_get(store, "a", "f1", &f), 1);
	assert_int_equal(store_begin(store), 0);
	f.path = "in-band"; /* another sum, another use */
	assert_int_equal(store_flow_put(store, &f), 0);
	assert_int_equal(store_commit(store), 0);
	all_agree();
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_incident, setup, teardown),
		cmocka_unit_test_setup_teardown(test_switch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_switch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_contradiction, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_switch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_agents, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untrusted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_justified, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_agent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_failover, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_joins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_letters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sources, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
