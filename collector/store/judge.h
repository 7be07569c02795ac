/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_STORE_JUDGE_H
#define GW_STORE_JUDGE_H
#include "collector/store/list.h"

/* Inbound flows that were judged alike: one source at one device, by one rule. */
struct store_judged {
	const char *device, *source;
	const char *verdict, *list, *prefix; /* list, prefix NULL: none decided */
	int64_t rule;			     /* seq; -1: none */
	uint64_t flows, established, first_ns, last_ns;
	const char *user; /* one of those who came so; NULL: not known */
};

/* l: since, until, device, source. In the order of device and source. */
typedef int store_judged_fn(void *arg, const struct store_judged *row);
int store_judged(struct store *s, const struct store_list *l, store_judged_fn *fn, void *arg);

#endif
