/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL. */
#include <stdio.h>

#include "collector/db_ops.h"

struct db *db_pg_open(const char *url, bool write, char *err, size_t size)
{
	snprintf(err, size, "%s: PostgreSQL is not supported yet", url);
	return NULL;
}
