/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONFINE_H
#define GW_CONFINE_H
/* The agent's rights: what opening things takes, then what running takes. See
 * docs/security.md for the table. */
#include "agent/capture.h"
#include "agent/config.h"

/* First of all. Dies when it cannot be done. */
void confine_start(const struct agent_config *config);

/* When everything is open. `state` is the folder in force; remove_state: it goes
 * with the agent. Dies when it cannot be done. */
void confine(const struct agent_config *config, const struct capture *capture, const char *state,
	     bool remove_state);

#endif
