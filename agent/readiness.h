/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_READINESS_H
#define GW_READINESS_H
/* The command `check`, and the fabric as those commands load it that tell of readiness. */
#include "agent/config.h"

/* The exit status: 0 ready, 1 findings (advice alone is none), 2 bad input, which is
 * said on stderr. */
int readiness_check(const struct agent_config *config, const char *dir);

/* The fabric that --fabric names, with what the rules say of each device (ready.h). NULL
 * and one line in err: as fabric_load_with(). */
struct fabric *readiness_load(const struct agent_config *config, char *err, size_t size);

extern const char readiness_help[]; /* below the options in its --help */

#endif
