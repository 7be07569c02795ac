/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DB_SQLITE_ROWS_H
#define GW_DB_SQLITE_ROWS_H
/*
 * SQLite: the rows of a db_bulk as a table that one INSERT ... SELECT takes them from. An
 * INSERT for each of them opens every index of its table anew, which costs as much as
 * what it puts into them.
 */
#include <sqlite3.h>
#include <stdbool.h>

#include "collector/db/db.h"

/* Makes the table gw_rows, with the columns c1 to c48; it has the rows of *now, which lives as
 * long as the handle. SQLITE_OK, or what SQLite said. */
int db_rows_open(sqlite3 *handle, const struct db_bulk **now);
/* The statement that puts them into their table; free()d by the caller, NULL: no memory. */
char *db_rows_sql(const struct db_bulk *b, int columns);

/* False: no memory. */
bool db_rows_add(struct db_bulk *b, const struct db_value *v, int n);
void db_rows_forget(struct db_bulk *b);

#endif
