/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_BASELINE_H
#define GW_CHECK_BASELINE_H
/*
 * Findings that are known: a document that `check --format json` printed earlier. A
 * finding is the same when device, code and reason are, whatever line it is on now; of
 * several equal ones, as many are known as the baseline has.
 */
#include <stddef.h>
#include <stdio.h>

#include "agent/check/finding.h"

/* Sets ->old of the findings that the baseline has; *gone: how many of its own are
 * there no more. "-" is stdin. 0; -1: err says "FILE:LINE: what is wrong". */
int baseline_apply(const char *file, struct findings *f, size_t *gone, char *err, size_t size);

#endif
