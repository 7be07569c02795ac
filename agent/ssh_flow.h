/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_SSH_FLOW_H
#define GW_SSH_FLOW_H
/*
 * What SSH has said in the clear on one flow, and how its login ended as far as lengths
 * tell: fed with its payload records, asked when an event is made. Streams are let go
 * once a side's KEXINIT has been read.
 */
#include <stdbool.h>
#include <stdint.h>

#include "agent/order.h"
#include "agent/ssh.h"
#include "agent/ssh_auth.h"
#include "bpf/record.h"

struct stream;

struct ssh_flow_side {
	struct stream *stream; /* NULL: not begun, or read */
	bool read;	       /* nothing more to be had */
	bool has_ident;
	struct ssh_ident ident;
	struct ssh_kexinit kexinit; /* text NULL: not seen */
	char hash[SSH_HASSH_LEN + 1];
	char *hassh; /* the string; NULL: not known */
	struct order order;
};

struct ssh_flow {
	uint32_t client;	      /* direction index of the initiator */
	struct ssh_flow_side side[2]; /* by direction index */
	bool has_choice;
	struct ssh_choice choice;
	struct ssh_auth auth;
};

struct ssh_flow *ssh_flow_new(uint32_t client); /* NULL: no memory */
void ssh_flow_free(struct ssh_flow *f);		/* accepts NULL */

/* A payload record of the flow. */
void ssh_flow_feed(struct ssh_flow *f, const struct gw_record *r);

/* By the flow's newest counters; pending while it goes on undecided. */
struct ssh_auth_outcome ssh_flow_login(const struct ssh_flow *f, const struct gw_flow *counters,
				       bool ended);

#endif
