/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REPLAY_H
#define GW_REPLAY_H
/* The command `replay`: capture files through the engine, by their own clock. */

#include "common/clock.h"

struct agent_config;

/* now: when the fabric is loaded. Returns the exit status: 0, or 1 when a capture
 * was cut (everything before the cut is reported). Dies with 2 on what cannot be
 * read at all. */
int replay(const struct agent_config *config, char **files, int n_files,
	   struct now now);

#endif
