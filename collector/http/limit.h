/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_HTTP_LIMIT_H
#define GW_HTTP_LIMIT_H
/*
 * How fast each client may ask: a bucket of tokens for each name (a token's, or an
 * address). The table has a fixed size; a name that finds its place taken pushes
 * out the one that has been quiet longest, whose bucket is full again by then
 * unless there are more busy clients than places. Not locked: the caller does.
 */
#include <stdbool.h>
#include <stdint.h>

struct http_limit;

/* per_second 0: no limit. A client that was quiet may ask `burst` times at once. */
struct http_limit *http_limit_new(uint32_t per_second, uint32_t burst);
void http_limit_free(struct http_limit *l); /* accepts NULL */

/* True: it may. Else *wait_s says after how many seconds it may again, at least 1. */
bool http_limit_take(struct http_limit *l, const char *name, uint64_t now_ns, unsigned *wait_s);

#endif
