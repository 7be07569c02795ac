/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_SHOW_H
#define GW_CHECK_SHOW_H
/*
 * What `glasswatch-agent check` prints. Findings that a baseline has (->old) are left
 * out, everywhere but in the devices' steps, which are what they are.
 *
 * The document of --format json:
 *
 *   generation   of the fabric
 *   devices[]    name, role, file, ready (true, false; null: not applicable),
 *                steps: S1 .. S11 -> "ok" "fail" "warn" "unknown" "n/a"
 *   findings[]   device (absent: the fabric as a whole), step ("S1", or "-" beyond the
 *                procedure), code, severity, file, line (0: what is missing has none),
 *                reason, fingerprint, and where known fix (EOS lines) and
 *                far_file, far_line (the other end)
 *   summary      devices, applicable, ready; fail, unknown, warn, advice: findings;
 *                with a baseline: known, gone
 *   reach[], single_points[]   reach_show.h
 */
#include <stdio.h>

#include "agent/check/check.h"

enum check_format { CHECK_TEXT, CHECK_JSON, CHECK_SARIF };

struct check_baseline {
	const char *file; /* NULL: none */
	size_t gone;	  /* findings of it that are there no more */
};

void check_show(const struct check *c, enum check_format format,
		const struct check_baseline *baseline, FILE *to);

/* Only the EOS lines that mend, device by device. */
void check_show_fix(const struct check *c, FILE *to);

/* Whether anything but advice is left to say. */
bool check_has_findings(const struct check *c);

#endif
