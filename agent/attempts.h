/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_ATTEMPTS_H
#define GW_ATTEMPTS_H
/*
 * SYNs of half-open flows, counted by target and by source prefix, for captures in user
 * space; the kernel programs have maps for it. Bounded: totals are exact, of targets that
 * there is no room for together; of sources the heaviest stay, each exact since it was
 * entered.
 */
#include "agent/capture.h"

struct attempts;

struct attempts *attempts_new(void); /* NULL: no memory */
void attempts_free(struct attempts *a); /* accepts NULL */

/* One SYN. Addresses have 4 or 16 bytes. */
void attempts_add(struct attempts *a, uint8_t family, const uint8_t *target,
		  const uint8_t *source);

/* Hands out all that was counted, and begins anew. */
void attempts_take(struct attempts *a, capture_attempts_fn *fn, void *arg);

#endif
