/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_READY_H
#define GW_CHECK_READY_H
/*
 * What the rules say of a device, kept for as long as its fabric, for those that tell
 * of devices: a running agent has no use for the models that the rules looked at, which
 * are a hundred times as large.
 *
 *	f = fabric_load_extra(dir, underlay, &model_extra, err, sizeof(err));
 *	ready_settle(f);
 *	... ready_of(f, i)
 */
#include <jansson.h>

#include "agent/check/check.h"

#define READY_FINDINGS 20 /* of a device that are kept in words; all have their code */

struct ready {
	bool applies, ready;
	enum step_state steps[CHECK_STEPS + 1];
	json_t *codes;	  /* array of strings, distinct: what keeps it from being ready */
	json_t *findings; /* array of objects: code, severity, step, line, reason */
};

/* Runs the rules over a fabric that was loaded with model_extra, and puts each device's
 * struct ready in the place of its model. 0; -ENOMEM: the fabric is as before. */
int ready_settle(struct fabric *f);

/* NULL: ready_settle() has not been here. */
const struct ready *ready_of(const struct fabric *f, size_t device);

bool ready_equal(const struct ready *a, const struct ready *b); /* either may be NULL */

/* Gives device `to` of f what device `from` of the other fabric has, and takes its own
 * for it. Both are settled. */
void ready_swap(struct fabric *f, size_t to, struct fabric *other, size_t from);

/* What a fabric.device event says of it: ready, steps, codes, findings; added to body.
 * Nothing where it does not apply. */
void ready_describe(const struct ready *r, json_t *body);

#endif
