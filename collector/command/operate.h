/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_OPERATE_H
#define GW_COMMAND_OPERATE_H
/*
 * What operators do: acknowledge an alert, silence alerts, announce a drill, verify the
 * record. Each call is one transaction of its own on a store that is open for writing,
 * and has an event in the record (alert.acknowledged, alert.silenced, alert.drill,
 * alert.record-verified) that says who, why and until when; store_set_name() was called
 * before.
 *
 * Returns 1: done, 0: there is no such alert, silence or drill, or it is over
 * already; OPERATE_WRONG: a value cannot be meant (store_error() says which); or
 * STORE_FAILED, STORE_BROKEN.
 */
#include "collector/store/alert.h"

#define OPERATE_WRONG STORE_REFUSED
#define OPERATE_LONGEST (366ULL * 86400 * 1000000000) /* nobody silences for ever */
#define OPERATE_MAX_TEXT 500			      /* bytes of who, why */

/* until_ns 0: until it is resolved. Again: replaces who, why and until. */
int operate_acknowledge(struct store *s, uint64_t alert, const char *who, const char *why,
			uint64_t until_ns, uint64_t now_ns);

/* x->since_ns 0: from now. who, why and until_ns are required. */
int operate_silence(struct store *s, const struct store_silence *x, uint64_t now_ns, uint64_t *id);
int operate_silence_end(struct store *s, uint64_t id, const char *who, uint64_t now_ns);

int operate_drill(struct store *s, const struct store_drill *x, uint64_t now_ns, uint64_t *id);
int operate_drill_end(struct store *s, uint64_t id, const char *who, uint64_t now_ns);

/* `verify --note`: the record was verified by `who` (alert.record-verified). places: how many;
 * findings 0: it is good, else `first_bad` says what was found first; covers: places that an
 * anchor from elsewhere agrees with, 0: none was asked for. */
int operate_verified(struct store *s, const char *who, uint64_t places, uint64_t findings,
		     const char *first_bad, uint64_t covers, uint64_t now_ns);

#endif
