/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_JUDGE_H
#define GW_COMMAND_JUDGE_H
/*
 * The command `judge`: the sources of stored flows, judged again by the lists of another
 * set of configurations. What would a change of trusted_sources have meant for those who
 * came?
 */
#include <stdio.h>

#include "collector/command/query.h"
#include "common/fabric/fabric.h"

struct judge_config {
	struct query query; /* filter: since, until, device, source; format, width */
	const struct fabric *fabric;
	bool all; /* also what would stay as it is */
};

/* 0: nobody would be cut off, 1: somebody would; below 0: STORE_* with store_error(),
 * or QUERY_WRITE_FAILED. */
int judge_run(struct store *s, const struct judge_config *config, FILE *to);

#endif
