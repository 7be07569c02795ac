/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_REPORT_H
#define GW_STORE_REPORT_H
/* What an incident's document needs besides: every device as it is configured now, and
 * the newest anchor. Returns as in store.h. */
#include <stdint.h>

#include "collector/record/chain.h"
#include "collector/store/store.h"

struct store_known_device {
	const char *device;
	const char *role; /* NULL: not known */
	const char *json; /* its newest fabric.device document */
};

/* All of them by name; strings live until fn returns. */
typedef int store_known_device_fn(void *arg, const struct store_known_device *row);
int store_known_devices(struct store *s, store_known_device_fn *fn, void *arg);

/* 1 and *out; 0: there is none yet. */
int store_anchor_newest(struct store *s, struct chain_anchor *out);

#endif
