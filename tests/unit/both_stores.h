/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BOTH_STORES_H
#define GW_BOTH_STORES_H
/*
 * The same tests over both stores: in memory (SQLite), and in a PostgreSQL server of
 * the test's own, which listens on a unix socket in a folder under /tmp and ends with
 * the test. Where PostgreSQL is not installed, that half is skipped, and says so.
 */
#include <stdbool.h>

#include "collector/store/store.h"

/* Where to open the store of a test: each call makes it empty. */
const char *both_stores_fresh(void);
/* The same, opened to write, as a collector of this name (NULL: none is told); to be closed.
 * NULL when it cannot be opened, and why is printed. */
struct store *both_stores_open(const char *name);
/* The same place as the newest both_stores_fresh(). */
const char *both_stores_again(void);
bool both_stores_pg(void);	       /* it is PostgreSQL's turn */
void both_stores_sql(const char *sql); /* PostgreSQL only */

/* Runs run() once for each; returns the sum of what it returned. */
int both_stores(int (*run)(void));

#endif
