/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COLLECTOR_CONFINE_H
#define GW_COLLECTOR_CONFINE_H
/* The rights of `run`; docs/security.md has the table. The questions need none: they
 * are asked with the rights of whoever asks. */
#include "collector/config.h"

/* First of all. Dies when it cannot be done. */
void confine_start(const struct collector_config *config);

/* When everything is open and before threads start. Dies when it cannot be done. */
void confine(const struct collector_config *config);

#endif
