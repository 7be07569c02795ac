/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_REPORT_H
#define GW_COMMAND_REPORT_H
/* The command `report`: the document of one incident, written for people. */
#include <stdint.h>
#include <stdio.h>

#include "collector/report/report.h"
#include "collector/store/store.h"

/* 1; 0: there is no such incident; below 0: STORE_*, or QUERY_WRITE_FAILED. now: the time
 * of writing, which is told in it. */
int report_run(struct store *s, uint64_t id, enum report_format format, uint64_t now_ns, FILE *to);

#endif
