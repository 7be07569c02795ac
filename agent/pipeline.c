/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters: a record brings a snapshot of its flow's counters. Between records
 * the capture alone counts, and the engine asks for a flow's counters when the
 * flow is due: when a time-out would end it, a report is to be made, or its path
 * is to be judged. So a packet costs the engine nothing, and a flow ends only by
 * counters that were read a moment before. Flows whose first record was lost are
 * found by a sweep over all of the capture's flows.
 *
 * Clocks: records carry the capture's clock; real_offset, measured at each
 * pipeline_clock(), turns it into wall-clock time. A flow keeps the offset of its
 * first record, so its start reads the same in each of its events.
 */
#include "agent/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/actor.h"
#include "agent/armed.h"
#include "agent/bgp_session.h"
#include "agent/check/ready.h"
#include "common/fabric/fabric.h"
#include "agent/flood.h"
#include "agent/flow.h"
#include "agent/flow_event.h"
#include "agent/flowkey.h"
#include "agent/judge.h"
#include "agent/path.h"
#include "agent/recall.h"
#include "agent/report.h"
#include "bpf/track.h"

#define TICK_NS 250000000ull
#define SWEEP_NS 10000000000ull
#define ADOPT_NS 1000000000ull
#define FLOOD_NS 10000000000ull	     /* attempts are limited, and summed up, by the interval */
#define STALE_NS (2 * FLOOD_NS)	     /* a half-open flow that nobody told of by then: no more */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define MAX_ROUTES 16 /* made anew for each input, and is to be seen full */
#else
#define MAX_ROUTES 262144 /* that cover an in-band address; 64 bytes each when used */
#endif
#define NO_ACTOR_LOGIN 0xffffffffu

struct pipeline {
	struct pipeline_config config;
	struct capture *capture;
	pipeline_emit_fn *emit;
	void *arg;
	struct bgp_sink bgp;
	struct armed *armed;
	struct fabric *fabric;
	uint32_t loads;
	struct flow_table *flows;
	struct path *paths; /* by device index of ->fabric */
	struct now now;
	int64_t real_offset;
	uint64_t next_tick_ns, next_sweep_ns;
	struct flood *flood;
	uint64_t next_flood_ns, count_flood_ns; /* the interval's end; its numbers; 0: none */
	uint32_t half;				/* flows that are half open */
	bool finishing;
	struct actor_names *names;
	struct memory *memory; /* NULL: nothing is noted */
	struct pipeline_counters counters;
};

static void emit_now(void *pipeline, struct event *e)
{
	struct pipeline *p = pipeline;

	pipeline_emit(p, e, p->now);
}

struct pipeline *pipeline_new(const struct pipeline_config *config, struct capture *capture,
			      pipeline_emit_fn *emit, void *arg)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->config = *config;
	p->capture = capture;
	p->emit = emit;
	p->arg = arg;
	p->armed = armed_new(MAX_ROUTES);
	p->bgp = (struct bgp_sink){ emit_now, p, &p->now, p->armed, NULL };
	p->flows = flow_table_new(config->max_flows);
	p->names = actor_names_new();
	p->flood = flood_new(config->flood_limit);
	if (!p->flows || !p->flood || !p->names || !p->armed) {
		pipeline_free(p);
		return NULL;
	}
	return p;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	memory_free(p->memory);
	flow_table_free(p->flows);
	flood_free(p->flood);
	actor_names_free(p->names);
	armed_free(p->armed);
	fabric_unref(p->fabric);
	free(p->paths);
	free(p);
}

struct fabric *pipeline_fabric(const struct pipeline *p)
{
	return p->fabric;
}

void pipeline_counters(const struct pipeline *p, struct pipeline_counters *out)
{
	*out = p->counters;
	out->flows_open = flow_count(p->flows);
	out->routes = armed_routes(p->armed);
	out->routes_refused = armed_refused(p->armed);
}

void pipeline_clock(struct pipeline *p, struct now now)
{
	p->now = now;
	p->real_offset = (int64_t)(now.real_ns - now.mono_ns);
}

void pipeline_emit(struct pipeline *p, struct event *e, struct now now)
{
	if (!e->time_ns)
		e->time_ns = now.real_ns;
	if (!e->policy && p->fabric)
		e->policy = p->fabric->generation;
	p->counters.events++;
	/* the sink logs its own failures; there is nothing to undo here */
	p->emit(p->arg, e);
}

/* ---- events -------------------------------------------------------------------- */

static void fill_event(struct pipeline *p, const struct flow *f, struct event *e,
		       struct flow_event_texts *texts)
{
	e->severity = flow_severity(f);
	flow_event_fill(f, e, texts);
	flow_event_bgp(e, f);
	if (f->actor.pid) {
		e->has_actor = true;
		e->actor.pid = f->actor.pid;
		e->actor.uid = f->actor.uid;
		e->actor.loginuid = f->actor.loginuid;
		e->actor.comm = f->actor.comm;
		e->actor.user = actor_user(p->names, f->actor.loginuid != NO_ACTOR_LOGIN ?
							     f->actor.loginuid :
							     f->actor.uid);
	}
	e->extra = recall_parts(f, e);
}

static void emit_body(struct pipeline *p, struct event *e, json_t *body)
{
	if (!body)
		return; /* no memory: the fabric is in force all the same */
	e->extra = body;
	pipeline_emit(p, e, p->now);
	json_decref(body);
}

static void emit_flow(struct pipeline *p, struct flow *f, enum event_type type, bool cut)
{
	struct event e = { .type = type };
	struct flow_event_texts texts;

	fill_event(p, f, &e, &texts);
	e.flow.cut = cut;
	f->updated_ns = p->now.mono_ns;
	f->reported = flow_outcome(f);
	f->login_reported = flow_logged_in(f);
	pipeline_emit(p, &e, p->now);
	json_decref(e.extra);
	memory_flow(p->memory, f);
}

/* Its note goes with it. */
static void remove_flow(struct pipeline *p, struct flow *f)
{
	memory_forget(p->memory, f);
	p->half -= f->half;
	flow_remove(p->flows, f);
}

/* ---- path ---------------------------------------------------------------------- */

static void emit_change(struct pipeline *p, uint32_t device, const struct path_change *c)
{
	static const enum event_severity severity[PATH_NUM_STATES] = {
		[PATH_PRIMARY] = SEVERITY_NOTICE,
		[PATH_PRIMARY_FAILING] = SEVERITY_WARNING,
		[PATH_INBAND] = SEVERITY_WARNING,
		[PATH_INBAND_UNEXPLAINED] = SEVERITY_WARNING,
		[PATH_INBAND_UNJUSTIFIED] = SEVERITY_WARNING,
		[PATH_UNREACHABLE] = SEVERITY_CRITICAL,
	};
	const struct fabric_device *d = &p->fabric->devices[device];
	char ids[PATH_EVIDENCE + 1][17];
	struct event e = { .type = EVENT_PATH_CHANGE, .severity = severity[c->to] };
	unsigned i;

	e.device = d->name;
	e.role = fabric_role_name(d->role);
	e.has_change = true;
	e.change.from = path_state_name(c->from);
	e.change.to = path_state_name(c->to);
	e.change.reason = path_reason_name(c->reason);
	e.change.outage_s = c->outage_ns ? (double)c->outage_ns / 1e9 : -1;
	for (i = 0; i < c->evidence_n; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%016llx", (unsigned long long)c->evidence[i]);
		e.change.evidence[e.change.evidence_n++] = ids[i];
	}
	p->counters.path_changes++;
	/* the evidence's own time: a change is when it happened, not when we looked */
	e.time_ns = c->at_ns + (uint64_t)p->real_offset;
	pipeline_emit(p, &e, p->now);
}

static void tell_path(struct pipeline *p, struct flow *f, enum path_input_kind kind,
		      enum path_reason reason, uint64_t at_ns, uint64_t since_ns)
{
	const struct fabric_target *t = flow_target(f);
	struct path_input in = { kind, reason, at_ns, since_ns, f->id };
	struct path_change change;
	bool changed;

	if (!t || f->fabric != p->fabric)
		return;
	changed = path_update(&p->paths[t->device], &in, p->config.window_ns, &change);
	if (changed)
		emit_change(p, t->device, &change);
	memory_path(p->memory, t->device, changed);
	if (changed || kind != PATH_IN_PRIMARY_OK) /* that one is told again and again */
		memory_flow(p->memory, f);
}

/* A failure or refusal counts only from a source that the device's own lists do
 * not refuse: what a filter does to strangers says nothing about the path. */
static bool flow_may_blame(const struct flow *f)
{
	return f->judgement.verdict == GW_VERDICT_TRUSTED ||
	       f->judgement.verdict == GW_VERDICT_NO_POLICY;
}

/* The initiator's data waits for an acknowledgement while it keeps sending. */
static bool flow_is_stalled(const struct pipeline *p, const struct gw_flow *c)
{
	const struct gw_dir *init = &c->dir[c->initiator & 1], *resp = &c->dir[!c->initiator];

	return flow_is_established(c) && init->seq_known && (resp->flags & GW_ACK) &&
	       gw_seq_after(init->high, resp->ack) && init->last_ns > resp->last_ns &&
	       p->now.mono_ns > resp->last_ns &&
	       p->now.mono_ns - resp->last_ns >= p->config.stalled_ns &&
	       init->last_ns - resp->last_ns >= p->config.stalled_ns / 4;
}

/* What this flow says about its device's paths; told once each. */
static void observe_path(struct pipeline *p, struct flow *f)
{
	const struct gw_flow *c = &f->counters;
	const struct gw_dir *init = &c->dir[c->initiator & 1], *resp = &c->dir[!c->initiator];
	bool primary = f->judgement.path == GW_PATH_PRIMARY;
	enum flow_outcome o = flow_outcome(f);

	if (!flow_target(f) || f->judgement.outbound || c->service != GW_SERVICE_SSH)
		return;
	if (flow_is_established(c)) {
		if (primary && (!f->told_ok || resp->last_ns > f->told_ok_ns) &&
		    resp->state != GW_TCP_RESET) {
			uint64_t at = f->told_ok ? resp->last_ns : flow_last_ns(c);

			/* refreshed at most once a second: evidence, not a counter */
			if (!f->told_ok || at - f->told_ok_ns >= NS_PER_S) {
				f->told_ok = true;
				f->told_ok_ns = resp->last_ns;
				f->stalled = false;
				tell_path(p, f, PATH_IN_PRIMARY_OK, PATH_REASON_PRIMARY_OK, at, 0);
			}
		}
		if (!primary && !f->told_inband) {
			f->told_inband = true;
			tell_path(p, f, PATH_IN_INBAND_OPENED, PATH_REASON_NO_EVIDENCE,
				  c->established_ns ? c->established_ns : c->start_ns, 0);
		}
		if (!primary && !f->told_inband_end && flow_is_closed(c)) {
			f->told_inband_end = true;
			tell_path(p, f, PATH_IN_INBAND_CLOSED, PATH_REASON_INBAND_ENDED,
				  flow_last_ns(c), 0);
		}
		if (primary && !f->stalled && !flow_is_closed(c) && flow_may_blame(f) &&
		    flow_is_stalled(p, c)) {
			f->stalled = true;
			tell_path(p, f, PATH_IN_PRIMARY_FAILED, PATH_REASON_PRIMARY_STALLED,
				  init->last_ns, resp->last_ns);
		}
		return;
	}
	if (!flow_may_blame(f))
		return;
	if (primary && o == OUTCOME_REFUSED && !f->told_refused) {
		f->told_refused = true;
		tell_path(p, f, PATH_IN_PRIMARY_REFUSED, PATH_REASON_PRIMARY_REFUSED,
			  flow_last_ns(c), 0);
	}
	if (f->told_failed)
		return;
	if (f->icmp_seen && o == OUTCOME_UNREACHABLE) {
		f->told_failed = true;
		tell_path(p, f, primary ? PATH_IN_PRIMARY_FAILED : PATH_IN_INBAND_FAILED,
			  primary ? PATH_REASON_PRIMARY_UNREACHABLE :
				    PATH_REASON_INBAND_UNREACHABLE,
			  init->last_ns, c->start_ns);
	} else if (o == OUTCOME_UNANSWERED &&
		   (p->now.mono_ns >= c->start_ns + p->config.unanswered_ns || p->finishing)) {
		f->told_failed = true;
		tell_path(p, f, primary ? PATH_IN_PRIMARY_FAILED : PATH_IN_INBAND_FAILED,
			  primary ? PATH_REASON_PRIMARY_UNANSWERED :
				    PATH_REASON_INBAND_UNANSWERED,
			  init->last_ns, c->start_ns);
	}
}

static uint64_t flow_timeout(const struct pipeline *p, const struct flow *f)
{
	const struct gw_flow *c = &f->counters;

	if (flow_is_closed(c))
		return p->config.linger_ns;
	if (c->dir[0].state == GW_TCP_CLOSED || c->dir[1].state == GW_TCP_CLOSED)
		return p->config.closing_ns;
	return flow_is_established(c) || c->phase == GW_PHASE_DATA ? p->config.idle_ns :
								     p->config.attempt_ns;
}

static void set_due(const struct pipeline *p, struct flow *f)
{
	const struct gw_flow *c = &f->counters;
	uint64_t due, at;

	if (f->state == FLOW_ENDED) {
		f->due_ns = f->ended_ns + FLOW_TOMBSTONE_NS;
		return;
	}
	due = flow_last_ns(c) + flow_timeout(p, f);
	at = f->updated_ns + p->config.update_ns;
	due = at < due ? at : due;
	if (flow_target(f) && !flow_is_closed(c)) {
		/* evidence about the path is to be fresh, and a silence noticed */
		at = flow_is_established(c) ? p->now.mono_ns + p->config.stalled_ns / 8 :
					      c->start_ns + p->config.unanswered_ns;
		if (at > p->now.mono_ns)
			due = at < due ? at : due;
	}
	at = bgp_session_due(f);
	f->due_ns = at < due ? at : due;
}

/* ---- records -------------------------------------------------------------------- */

static bool judge_by_lists(const struct pipeline *p, const struct flow *f,
			   struct gw_judgement *out)
{
	struct judge_ends ends = judge_ends(p->fabric, &f->key,
					    f->counters.service == GW_SERVICE_BGP);

	return judge_flow(p->fabric, &f->key, &ends, f->counters.initiator & 1, f->counters.basis,
			  out);
}

/* Judged by the fabric now in force; the kernel's answer is taken as it is when
 * it was given by the same one. */
static void judge(struct pipeline *p, struct flow *f)
{
	const struct gw_flow *c = &f->counters;

	fabric_unref(f->fabric);
	f->fabric = p->fabric ? fabric_ref(p->fabric) : NULL;
	if (p->fabric && c->judgement.generation == p->fabric->number)
		f->judgement = c->judgement;
	else
		judge_by_lists(p, f, &f->judgement);
}

/* ---- half-open flows: anybody can make any number of them ------------------------ */

static void count_half(struct pipeline *p, struct flow *f)
{
	bool half = !gw_track_is_settled(&f->counters);

	p->half = p->half - f->half + half;
	f->half = half;
}

static struct addr attempt_target(const struct gw_key *key, const struct gw_flow *c)
{
	return flowkey_addr(key, gw_track_watched_end(c));
}

static enum flood_kind attempt_kind(const struct gw_flow *c)
{
	bool trusted = c->judgement.verdict == GW_VERDICT_TRUSTED;

	/* what may be held against a path: see flow_may_blame() */
	if ((trusted || c->judgement.verdict == GW_VERDICT_NO_POLICY) &&
	    c->dir[c->initiator & 1].again)
		return FLOOD_REPEATED;
	return trusted ? FLOOD_TRUSTED : FLOOD_OTHER;
}

/* May this flow, which is not in the table, have events? Without a limit, and where it
 * is watched for no target's sake, all may. */
static bool may_begin(struct pipeline *p, const struct gw_key *key, const struct gw_flow *c)
{
	enum flood_kind kind = attempt_kind(c);
	struct addr target;

	if (gw_track_is_settled(c) || !p->config.flood_limit ||
	    !gw_track_is_guarded(&c->judgement))
		return true;
	target = attempt_target(key, c);
	if (p->half >= p->config.max_flows / (kind == FLOOD_OTHER ? 8 : 4))
		flood_refuse(p->flood, &target); /* the rest of the table is for others */
	else if (flood_admit(p->flood, &target, kind))
		return true;
	p->counters.attempts_summed++;
	return false;
}

/* A half-open flow that no record has told of: it may be one of those that were summed
 * up, or was, long ago. */
static bool may_be_adopted(struct pipeline *p, const struct gw_key *key, const struct gw_flow *c)
{
	struct addr target = attempt_target(key, c);

	if (gw_track_is_settled(c) || !p->config.flood_limit ||
	    !gw_track_is_guarded(&c->judgement))
		return true;
	return p->now.mono_ns < flow_last_ns(c) + STALE_NS && !flood_is_on(p->flood, &target) &&
	       may_begin(p, key, c);
}

static void emit_flood(void *pipeline, const struct flood_sum *sum)
{
	const struct fabric_target *t = NULL;
	struct event e = { .type = EVENT_ALERT, .alert = "syn-flood",
			   .severity = SEVERITY_WARNING };
	struct pipeline *p = pipeline;

	if (sum->has_target && p->fabric)
		t = fabric_find_target(p->fabric, &sum->target);
	if (t) {
		e.device = p->fabric->devices[t->device].name;
		e.role = fabric_role_name(p->fabric->devices[t->device].role);
		e.vrf = t->vrf ? t->vrf : "default";
		e.path = t->path;
	}
	emit_body(p, &e, report_flood(sum));
}

static void sum_up(struct pipeline *p)
{
	if (p->capture->ops->counted)
		p->capture->ops->counted(p->capture, flood_count, p->flood);
	flood_report(p->flood, emit_flood, p);
	p->count_flood_ns = 0;
}

static void turn_flood(struct pipeline *p, uint64_t end_ns)
{
	if (p->capture->ops->turn)
		p->capture->ops->turn(p->capture);
	flood_turn(p->flood, end_ns + (uint64_t)p->real_offset, p->now.real_ns);
	p->next_flood_ns = p->now.mono_ns + FLOOD_NS;
	p->count_flood_ns = p->now.mono_ns + TICK_NS;
}

static void watch_floods(struct pipeline *p)
{
	if (p->count_flood_ns && p->now.mono_ns >= p->count_flood_ns)
		sum_up(p);
	if (!p->next_flood_ns) {
		flood_turn(p->flood, p->now.real_ns, p->now.real_ns);
		p->next_flood_ns = p->now.mono_ns + FLOOD_NS;
	}
	if (p->now.mono_ns < p->next_flood_ns)
		return;
	turn_flood(p, p->next_flood_ns);
	if (!p->capture->ops->turn) /* nothing is under way: at once, before more is counted */
		sum_up(p);
}

/* The interval that is cut short. */
static void finish_floods(struct pipeline *p)
{
	if (p->count_flood_ns)
		sum_up(p);
	turn_flood(p, p->now.mono_ns);
	sum_up(p);
}

/* ---- flows ----------------------------------------------------------------------- */

static struct flow *begin_flow(struct pipeline *p, const struct gw_key *key,
			       const struct gw_flow *counters)
{
	struct flow *f = flow_add(p->flows, key);

	if (!f) {
		p->counters.table_full++;
		return NULL;
	}
	f->counters = *counters;
	f->real_offset = p->real_offset;
	f->id = flow_make_id(key, counters->start_ns);
	judge(p, f);
	count_half(p, f);
	p->counters.flows++;
	return f;
}

static uint64_t packets_of(const struct gw_flow *c)
{
	return c->dir[0].packets + c->dir[1].packets;
}

static void end_flow(struct pipeline *p, struct flow *f, bool cut)
{
	f->state = FLOW_ENDED;
	f->ended_ns = p->now.mono_ns;
	f->ended_packets = packets_of(&f->counters);
	observe_path(p, f);
	bgp_session_end(&p->bgp, f, p->finishing);
	emit_flow(p, f, EVENT_FLOW_END, cut);
	if (f->told_inband && !f->told_inband_end && !p->finishing) {
		f->told_inband_end = true;
		tell_path(p, f, PATH_IN_INBAND_CLOSED, PATH_REASON_INBAND_ENDED,
			  flow_last_ns(&f->counters), 0);
	}
	ssh_flow_free(f->ssh);
	f->ssh = NULL;
	flow_forget_bgp(f);
}

static void read_payload(struct flow *f, const struct gw_record *r)
{
	if (f->counters.service != GW_SERVICE_SSH)
		return;
	if (!f->ssh)
		f->ssh = ssh_flow_new(f->counters.initiator);
	if (f->ssh)
		ssh_flow_feed(f->ssh, r);
}

/* An ICMP error counts when it quotes a packet that the initiator did send and
 * says that the destination is not to be had; "fragmentation needed" and "packet
 * too big" are part of a working path. */
static bool icmp_is_failure(const struct flow *f, const struct gw_record *r)
{
	const struct gw_dir *init = &f->counters.dir[f->counters.initiator & 1];

	if ((r->dir & 1) != (f->counters.initiator & 1) || !init->seq_known)
		return false;
	if (gw_seq_after(init->first - 1, r->seq) || gw_seq_after(r->seq, init->high))
		return false;
	if (f->key.family == 4)
		return (r->icmp_type == 3 && r->icmp_code != 4) || r->icmp_type == 11;
	return r->icmp_type == 1 || r->icmp_type == 3;
}

static void icmp_record(struct pipeline *p, struct flow *f, const struct gw_record *r)
{
	bool first = !f->icmp_seen;

	if (!icmp_is_failure(f, r))
		return;
	f->icmp_seen = true;
	f->icmp_type = r->icmp_type;
	f->icmp_code = r->icmp_code;
	memcpy(f->icmp_source, r->icmp_source, sizeof(f->icmp_source));
	if (first && flow_outcome(f) == OUTCOME_UNREACHABLE)
		emit_flow(p, f, EVENT_FLOW_UPDATE, false);
	observe_path(p, f);
}

/* At once: someone got in, or nobody answers. The end has flow.end. */
static bool outcome_is_news(const struct flow *f)
{
	enum flow_outcome o = flow_outcome(f);

	return (o != f->reported && (o == OUTCOME_ESTABLISHED || o == OUTCOME_UNANSWERED)) ||
	       (flow_logged_in(f) && !f->login_reported);
}

/* Another connection has the key now. */
static void drop_flow(struct pipeline *p, struct flow *f)
{
	if (f->state == FLOW_OPEN)
		end_flow(p, f, false);
	remove_flow(p, f);
}

static void replaced_record(struct pipeline *p, struct flow *f, const struct gw_record *r)
{
	if (!f && !may_be_adopted(p, &r->key, &r->flow))
		return;
	if (!f) { /* all that told of it before was lost */
		f = begin_flow(p, &r->key, &r->flow);
		if (!f)
			return;
		emit_flow(p, f, EVENT_FLOW_START, false);
	}
	if (f->state == FLOW_OPEN) {
		f->counters = r->flow;
		bgp_session_down(&p->bgp, f, "replaced");
	}
	drop_flow(p, f);
}

void pipeline_record(void *pipeline, const struct gw_record *r)
{
	struct pipeline *p = pipeline;
	struct flow *f = flow_find(p->flows, &r->key);
	bool begun = false;

	/* what a record makes happen happens at its packet's time */
	p->now.mono_ns = r->time_ns;
	p->now.real_ns = r->time_ns + (uint64_t)p->real_offset;
	if (f && f->counters.start_ns != r->flow.start_ns) {
		if (r->flow.start_ns < f->counters.start_ns)
			return; /* of a flow that a sweep has found replaced */
		/* the record that said REPLACED was lost: what we have is the last */
		drop_flow(p, f);
		f = NULL;
	}
	if (r->kind == GW_REC_REPLACED) {
		replaced_record(p, f, r);
		return;
	}
	if (!f) {
		if (r->kind == GW_REC_ICMP)
			return; /* its flow's record comes with the sweep, the flow too */
		if (!may_begin(p, &r->key, &r->flow))
			return;
		f = begin_flow(p, &r->key, &r->flow);
		if (!f)
			return;
		begun = true;
	}
	if (f->state == FLOW_ENDED)
		return; /* a straggler; counted when the tombstone goes */
	/* a sweep may have read newer counters than the record carries */
	if (r->kind != GW_REC_ICMP && packets_of(&r->flow) >= packets_of(&f->counters))
		f->counters = r->flow;
	count_half(p, f);
	if (r->actor.pid)
		f->actor = r->actor;
	if (r->kind == GW_REC_PAYLOAD)
		read_payload(f, r);
	if (begun)
		emit_flow(p, f, EVENT_FLOW_START, false);
	bgp_session_read(&p->bgp, f, r);
	if (r->kind == GW_REC_ICMP)
		icmp_record(p, f, r);
	else if (outcome_is_news(f))
		emit_flow(p, f, EVENT_FLOW_UPDATE, false);
	observe_path(p, f);
	set_due(p, f);
	memory_flow(p->memory, f);
}

/* ---- the clock ------------------------------------------------------------------ */

/* A flow of the capture that no record has told of: after a while its record was
 * lost, before that it may still be on its way. */
static void swept(void *arg, const struct gw_key *key, const struct gw_flow *counters)
{
	struct pipeline *p = arg;
	struct flow *f;

	if (p->now.mono_ns < counters->start_ns + ADOPT_NS && !p->finishing)
		return;
	f = flow_find(p->flows, key);
	if (f && f->counters.start_ns >= counters->start_ns)
		return;
	if (!may_be_adopted(p, key, counters))
		return;
	if (f)
		drop_flow(p, f);
	f = begin_flow(p, key, counters);
	if (!f)
		return;
	p->counters.found_by_sweep++;
	emit_flow(p, f, EVENT_FLOW_START, false);
	set_due(p, f);
}

static void refresh(struct pipeline *p, struct flow *f)
{
	struct gw_flow fresh;

	if (p->capture->ops->read(p->capture, &f->key, &fresh) == 0 &&
	    fresh.start_ns == f->counters.start_ns)
		f->counters = fresh;
}

/* The end of a flow that has ended: its key may be another's from now on. */
static void bury(struct pipeline *p, struct flow *f)
{
	struct gw_flow fresh;

	/* not the entry of another connection that has the key by now */
	if (p->capture->ops->read(p->capture, &f->key, &fresh) == 0 &&
	    fresh.start_ns == f->counters.start_ns &&
	    p->capture->ops->forget(p->capture, &f->key, &fresh) == 0)
		p->counters.late_packets += packets_of(&fresh) - f->ended_packets;
	remove_flow(p, f);
}

static void look_at(void *arg, struct flow *f)
{
	struct pipeline *p = arg;
	uint64_t now = p->now.mono_ns, ends;

	if (f->state == FLOW_ENDED) {
		bury(p, f);
		return;
	}
	refresh(p, f);
	count_half(p, f);
	if (outcome_is_news(f))
		emit_flow(p, f, EVENT_FLOW_UPDATE, false);
	observe_path(p, f);
	bgp_session_look(&p->bgp, f);
	ends = flow_last_ns(&f->counters) + flow_timeout(p, f);
	if (now >= ends) {
		end_flow(p, f, false);
		f->ended_ns = ends;
	} else if (now >= f->updated_ns + p->config.update_ns) {
		emit_flow(p, f, EVENT_FLOW_UPDATE, false);
	}
	set_due(p, f);
	/* The clock of a capture file jumps to its next packet: what ended long before it
	 * is not to take it for a straggler. */
	if (f->state == FLOW_ENDED && f->due_ns <= now)
		bury(p, f);
}

void pipeline_tick(struct pipeline *p, struct now now)
{
	pipeline_clock(p, now);
	if (now.mono_ns < p->next_tick_ns)
		return;
	p->next_tick_ns = now.mono_ns + TICK_NS;
	watch_floods(p);
	if (now.mono_ns >= p->next_sweep_ns) {
		p->next_sweep_ns = now.mono_ns + SWEEP_NS;
		p->capture->ops->sweep(p->capture, swept, p);
	}
	flow_each(p->flows, now.mono_ns, look_at, p);
}

struct ending {
	struct flow **flows;
	size_t n;
};

static void gather(void *arg, struct flow *f)
{
	struct ending *e = arg;

	e->flows[e->n++] = f;
}

static int by_start(const void *a, const void *b)
{
	const struct flow *x = *(struct flow *const *)a, *y = *(struct flow *const *)b;

	return (x->counters.start_ns > y->counters.start_ns) -
	       (x->counters.start_ns < y->counters.start_ns);
}

static void finish_flow(void *arg, struct flow *f)
{
	struct pipeline *p = arg;

	if (f->state == FLOW_OPEN) {
		refresh(p, f);
		end_flow(p, f, flow_is_established(&f->counters) && !flow_is_closed(&f->counters));
	}
	bury(p, f);
}

void pipeline_finish(struct pipeline *p, struct now now)
{
	struct ending e = { .n = 0 };
	size_t i;

	pipeline_clock(p, now);
	p->finishing = true;
	p->capture->ops->sweep(p->capture, swept, p);
	e.flows = calloc(flow_count(p->flows) + 1, sizeof(*e.flows));
	if (e.flows) { /* in the order they began */
		flow_each(p->flows, UINT64_MAX, gather, &e);
		qsort(e.flows, e.n, sizeof(*e.flows), by_start);
		for (i = 0; i < e.n; i++)
			finish_flow(p, e.flows[i]);
		free(e.flows);
	} else {
		flow_each(p->flows, UINT64_MAX, finish_flow, p);
	}
	finish_floods(p);
	p->finishing = false;
}

/* ---- the fabric ----------------------------------------------------------------- */

static void judge_again(void *arg, struct flow *f)
{
	struct pipeline *p = arg;
	enum gw_verdict before = f->judgement.verdict;
	struct gw_judgement now;

	if (f->state == FLOW_ENDED)
		return;
	/* a flow whose target has gone keeps the fabric that knew it */
	if (!judge_by_lists(p, f, &now))
		return;
	fabric_unref(f->fabric);
	f->fabric = fabric_ref(p->fabric);
	f->judgement = now;
	if (f->judgement.verdict != before)
		emit_flow(p, f, EVENT_FLOW_UPDATE, false);
}

/* Sessions on lo6 that go on since before this agent's time. */
static void count_inband(void *arg, struct flow *f)
{
	const struct fabric_target *t = flow_target(f);
	struct pipeline *p = arg;

	if (t && f->state == FLOW_OPEN && f->told_inband && !f->told_inband_end)
		p->paths[t->device].inband_open++;
}

static void announce_device(struct pipeline *p, const struct fabric *f, size_t device)
{
	const struct fabric_device *d = &f->devices[device];
	struct event e = { .type = EVENT_FABRIC_DEVICE };

	e.device = d->name;
	e.role = fabric_role_name(d->role);
	emit_body(p, &e, report_device(f, device));
}

/* What is in force now, for whoever reads the events only. */
static void announce(struct pipeline *p, const struct fabric *f, const struct fabric *old)
{
	struct event e = { .type = EVENT_POLICY_LOADED };
	size_t i;

	e.severity = f->n_problems ? SEVERITY_NOTICE : SEVERITY_INFO;
	emit_body(p, &e, report_policy(f, old));
	for (i = 0; i < f->n_devices; i++)
		announce_device(p, f, i);
}

size_t pipeline_readiness(struct pipeline *p, struct fabric *f, struct now now)
{
	struct fabric *own = p->fabric;
	size_t told = 0;

	pipeline_clock(p, now);
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct fabric_device *d = fabric_find_device(own, f->devices[i].name);
		size_t at = d ? (size_t)(d - own->devices) : 0;

		if (!d || ready_equal(ready_of(own, at), ready_of(f, i)) || !ready_of(own, at) ||
		    !ready_of(f, i))
			continue;
		ready_swap(own, at, f, i);
		announce_device(p, own, at);
		told++;
	}
	return told;
}

int pipeline_load(struct pipeline *p, struct fabric *f, struct now now)
{
	struct path *paths = calloc(f->n_devices ? f->n_devices : 1, sizeof(*paths));
	struct fabric *old = p->fabric;
	size_t i;
	int err;

	if (!paths)
		return -ENOMEM;
	f->number = ++p->loads;
	err = armed_prepare(p->armed, f);
	if (!err)
		err = p->capture->ops->load(p->capture, f);
	if (err < 0) {
		free(paths);
		return err;
	}
	pipeline_clock(p, now);
	for (i = 0; i < f->n_devices; i++) {
		const struct fabric_device *was = fabric_find_device(old, f->devices[i].name);

		if (was)
			paths[i] = p->paths[was - old->devices];
		else if (!old)
			memory_recall_path(p->memory, f->devices[i].name, p->real_offset,
					   &paths[i]);
		paths[i].inband_open = old ? paths[i].inband_open : 0;
	}
	free(p->paths);
	p->paths = paths;
	p->fabric = fabric_ref(f);
	armed_load(p->armed, f);
	p->bgp.fabric = f;
	announce(p, f, old);
	flow_each(p->flows, UINT64_MAX, judge_again, p);
	if (!old)
		flow_each(p->flows, UINT64_MAX, count_inband, p);
	for (i = 0; i < f->n_devices; i++)
		memory_path(p->memory, i, false); /* devices have other places now */
	fabric_unref(old);
	return 0;
}

/* ---- over the agent's death ------------------------------------------------------- */

static long encode_note(void *arg, const struct flow *f, char **buf, size_t *size)
{
	struct event e = { .type = EVENT_FLOW_UPDATE, .agent = "" };
	struct flow_event_texts texts;
	struct pipeline *p = arg;
	json_t *keep = recall_keep(f);
	long len = -1;

	fill_event(p, f, &e, &texts);
	if (keep && e.extra)
		json_object_update(keep, e.extra);
	json_decref(e.extra);
	e.extra = keep;
	if (keep)
		len = event_encode_into(&e, buf, size);
	json_decref(keep);
	return len;
}

static void look_again(void *arg, struct flow *f)
{
	struct pipeline *p = arg;
	struct gw_flow fresh;

	if (f->unseen && p->capture->ops->read(p->capture, &f->key, &fresh) == 0 &&
	    fresh.start_ns == f->counters.start_ns) {
		f->counters = fresh;
		f->unseen = false;
	}
	set_due(p, f);
}

int pipeline_remember(struct pipeline *p, struct notes *notes, uint64_t life,
		      struct memory_recalled *out)
{
	int err;

	p->memory = memory_new(notes, life, encode_note, p);
	if (!p->memory)
		return -ENOMEM;
	err = memory_recall(p->memory, p->capture, p->flows, out);
	if (err)
		return err;
	/* flows in the kernel bear the numbers of the former agent's fabrics */
	p->loads = out->loads;
	if (out->goes_on && p->capture->ops->seek)
		p->capture->ops->seek(p->capture, out->position);
	flow_each(p->flows, UINT64_MAX, look_again, p);
	return 0;
}

struct resuming {
	struct pipeline *p;
	unsigned n;
};

/* No record has told where it has gone, and the capture does not have it. */
static void end_unseen(void *arg, struct flow *f)
{
	struct resuming *r = arg;

	if (!f->unseen)
		return;
	look_again(r->p, f);
	if (f->unseen && f->state == FLOW_OPEN) {
		end_flow(r->p, f, true);
		set_due(r->p, f);
		r->n++;
	}
	f->unseen = false;
}

unsigned pipeline_resume(struct pipeline *p, struct now now)
{
	struct resuming r = { p, 0 };
	struct memory_lost lost;

	pipeline_clock(p, now);
	while (memory_next_lost(p->memory, &lost)) {
		pipeline_emit(p, &lost.event, now);
		json_decref(lost.body);
		r.n++;
	}
	flow_each(p->flows, UINT64_MAX, end_unseen, &r);
	/* what began meanwhile and left no record is found without delay */
	p->next_sweep_ns = now.mono_ns + ADOPT_NS;
	p->capture->ops->sweep(p->capture, swept, p);
	return r.n;
}

bool pipeline_has_news(const struct pipeline *p)
{
	return memory_has_news(p->memory);
}

int pipeline_note(struct pipeline *p)
{
	const struct memory_view v = { .capture = p->capture, .fabric = p->fabric,
				       .paths = p->paths, .flows = p->flows, .loads = p->loads,
				       .real_offset = p->real_offset, .now = p->now };

	return p->memory ? memory_write(p->memory, &v) : 0;
}

void pipeline_noted(struct pipeline *p, int result)
{
	if (p->memory)
		memory_written(p->memory, result);
}
