/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_AUDIT_H
#define GW_AUDIT_H
/* The auditor's commands: sessions, coverage, judge, export, and `verify --pack`. */
#include "collector/command/verify.h"
#include "collector/config.h"

/* command: CMD_SESSIONS, CMD_COVERAGE, CMD_JUDGE or CMD_EXPORT. Returns the exit status,
 * with what is wrong on stderr. width: of the terminal, 0: it is none. */
int audit(const struct collector_config *config, unsigned command, uint64_t now_ns, unsigned width);

/* anchors NULL: none were asked for. The exit status. */
int audit_pack(const struct collector_config *config, const struct verify_anchors *anchors,
	       enum output_format format);

#endif
