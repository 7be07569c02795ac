/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BGP_SESSION_H
#define GW_BGP_SESSION_H
/*
 * The BGP side of a flow: its records go through the reader (bgp.h), and what was
 * said becomes bgp.message and bgp.session events. Pure but for the sink.
 */
#include <stdbool.h>

#include "bpf/record.h"

struct event;
struct flow;

/* Takes the events; what they hold is borrowed. */
struct bgp_sink {
	void (*emit)(void *arg, struct event *e);
	void *arg;
};

/* A record of the flow, of any kind; of another service's flow nothing happens. */
void bgp_session_read(const struct bgp_sink *to, struct flow *f, const struct gw_record *r);

/* Only a session that was up goes down, and once. */
void bgp_session_down(const struct bgp_sink *to, struct flow *f, const char *reason);

/* Before the flow's last event. finishing: nobody looks any more. */
void bgp_session_end(const struct bgp_sink *to, struct flow *f, bool finishing);

#endif
