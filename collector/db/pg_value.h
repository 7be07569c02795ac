/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DB_PG_VALUE_H
#define GW_DB_PG_VALUE_H
/*
 * Values as PostgreSQL sends and takes them, in its binary format: numbers in 8 bytes,
 * most significant first; text and bytes as they are.
 */
#include <libpq-fe.h>

#include "collector/db/db.h"

/* Of pg_type.h, which a client does not have. */
enum {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_OID = 26,
	PG_FLOAT4 = 700,
	PG_FLOAT8 = 701,
	PG_NUMERIC = 1700
};

/* The values of one statement, as libpq takes them; they point into v and here. */
struct pg_values {
	Oid types[DB_MAX_VALUES];
	const char *values[DB_MAX_VALUES];
	int lengths[DB_MAX_VALUES];
	int formats[DB_MAX_VALUES];
	uint8_t numbers[DB_MAX_VALUES][8];
};

void pg_values(struct pg_values *out, const struct db_value *v, int n);
void pg_put_u64(uint8_t to[8], uint64_t value);

/* A field of a result in the binary format. */
char pg_kind(const PGresult *r, int row, int column); /* as db_kind() */
int64_t pg_i64(const PGresult *r, int row, int column);
double pg_real(const PGresult *r, int row, int column);

#endif
