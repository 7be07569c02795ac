/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_READINESS_H
#define GW_READINESS_H
/* The command `check`. */
#include "agent/config.h"

/* The exit status: 0 ready, 1 findings (advice alone is none), 2 bad input, which is
 * said on stderr. */
int readiness_check(const struct agent_config *config, const char *dir);

extern const char readiness_help[]; /* below the options in its --help */

#endif
