/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BGP_SESSION_H
#define GW_BGP_SESSION_H
/*
 * The BGP side of a flow: its records go through the reader (bgp.h), and what was
 * said becomes bgp.message and bgp.session events, and bgp.route events of the prefixes
 * that cover an in-band address (armed.h). Pure but for the sink.
 *
 * Hold time: each side gives the other up when nothing comes for the smaller of the
 * times in both OPENs, and is to speak three times within it (RFC 4271 4.4). When a side
 * of an established session sent nothing new for two thirds of it, the session is at
 * risk; said once, with the time at which it was so, until both sides are heard again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bpf/record.h"

struct armed;
struct event;
struct fabric;
struct flow;
struct now;

/* Takes the events; what they hold is borrowed. */
struct bgp_sink {
	void (*emit)(void *arg, struct event *e);
	void *arg;
	const struct now *now;
	struct armed *armed;
	const struct fabric *fabric; /* whose targets armed knows; NULL: none */
};

/* A record of the flow, of any kind; of another service's flow nothing happens. */
void bgp_session_read(const struct bgp_sink *to, struct flow *f, const struct gw_record *r);

/* Only a session that was up goes down, and once. */
void bgp_session_down(const struct bgp_sink *to, struct flow *f, const char *reason);

/* When to look at the session again, on the capture's clock; UINT64_MAX: no need. */
uint64_t bgp_session_due(const struct flow *f);

/* It is that time. */
void bgp_session_look(const struct bgp_sink *to, struct flow *f);

/* Before the flow's last event. finishing: nobody looks any more. */
void bgp_session_end(const struct bgp_sink *to, struct flow *f, bool finishing);

#endif
