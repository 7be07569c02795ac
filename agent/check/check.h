/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_CHECK_H
#define GW_CHECK_CHECK_H
/*
 * Is break-glass ready? All rules over all devices of a fabric, and what that says of
 * each device and step. Pure: the fabric (loaded with model_extra) in, findings out.
 */
#include "agent/check/finding.h"
#include "agent/check/reach.h"
#include "common/fabric/fabric.h"

#define CHECK_STEPS 11

enum step_state { STEP_NA, STEP_OK, STEP_WARN, STEP_UNKNOWN, STEP_FAIL, STEP_NUM };

struct check_device {
	const struct fabric_device *device;
	enum step_state steps[CHECK_STEPS + 1]; /* [1] is S1; [0]: all that has no step */
	bool applies;				/* a CE or ToR, or of unknown role */
	bool ready;				/* nothing fails and nothing is unknown */
	size_t first, n;			/* its findings */
};

struct check {
	const struct fabric *fabric;
	struct check_device *devices; /* as the fabric's */
	size_t n_devices;
	struct graph *graph; /* the control plane, and who is reached over it */
	struct reach *reach;
	struct findings findings; /* device by device, worst first; at the end the fabric's own */
};

/* 0 or -ENOMEM. The check borrows the fabric, and goes by its names. */
int check_run(struct check *c, const struct fabric *f);
void check_clear(struct check *c);

/* "n/a", "ok", "warn", "unknown", "fail" */
const char *check_state_name(enum step_state s);

#endif
