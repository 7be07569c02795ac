/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/db/pg_value.h"

#include <stdlib.h>
#include <string.h>

void pg_put_u64(uint8_t to[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get(const uint8_t *from, int len)
{
	uint64_t value = 0;

	for (int i = 0; i < len; i++)
		value = value << 8 | from[i];
	return value;
}

void pg_values(struct pg_values *out, const struct db_value *v, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t bits;

		out->formats[i] = 1;
		out->types[i] = v[i].type == 'n'   ? PG_INT8
				: v[i].type == 'd' ? PG_FLOAT8
				: v[i].type == 'b' ? PG_BYTEA
				: v[i].type == 't' ? PG_TEXT
						   : 0;
		out->values[i] = NULL;
		out->lengths[i] = 0;
		switch (v[i].kind) {
		case 'n':
		case 'd':
			bits = (uint64_t)v[i].number;
			if (v[i].kind == 'd')
				memcpy(&bits, &v[i].real, sizeof(bits));
			pg_put_u64(out->numbers[i], bits);
			out->values[i] = (const char *)out->numbers[i];
			out->lengths[i] = 8;
			break;
		case 't':
		case 'b':
			out->values[i] = v[i].data ? v[i].data : "";
			out->lengths[i] = (int)v[i].len;
			break;
		}
	}
}

char pg_kind(const PGresult *r, int row, int column)
{
	if (PQgetisnull(r, row, column))
		return 0;
	switch (PQftype(r, column)) {
	case PG_BOOL:
	case PG_INT2:
	case PG_INT4:
	case PG_INT8:
	case PG_OID:
		return 'n';
	case PG_FLOAT4:
	case PG_FLOAT8:
	case PG_NUMERIC:
		return 'd';
	case PG_BYTEA:
		return 'b';
	default:
		return 't';
	}
}

/* SUM() of bigint is numeric: digits of base 10000, the first of the given weight. */
static double numeric(const uint8_t *p, int len)
{
	int digits = len >= 8 ? (int)get(p, 2) : 0;
	int weight = len >= 8 ? (int16_t)get(p + 2, 2) : 0;
	bool negative = len >= 8 && get(p + 4, 2) == 0x4000;
	double value = 0, unit = 1;

	for (int i = 0; i < digits && 8 + 2 * i + 2 <= len; i++)
		value = value * 10000 + (double)get(p + 8 + 2 * i, 2);
	for (int i = digits - 1; i < weight; i++)
		unit *= 10000;
	for (int i = weight; i < digits - 1; i++)
		unit /= 10000;
	return (negative ? -value : value) * unit;
}

static int64_t whole(const uint8_t *p, int len)
{
	int digits = len >= 8 ? (int)get(p, 2) : 0;
	int weight = len >= 8 ? (int16_t)get(p + 2, 2) : 0;
	bool negative = len >= 8 && get(p + 4, 2) == 0x4000;
	int64_t value = 0;

	for (int i = 0; i <= weight && i < 5; i++) {
		value *= 10000;
		if (i < digits && 8 + 2 * i + 2 <= len)
			value += (int64_t)get(p + 8 + 2 * i, 2);
	}
	return negative ? -value : value;
}

int64_t pg_i64(const PGresult *r, int row, int column)
{
	const uint8_t *p = (const uint8_t *)PQgetvalue(r, row, column);
	int len = PQgetlength(r, row, column);

	if (PQgetisnull(r, row, column))
		return 0;
	switch (PQftype(r, column)) {
	case PG_BOOL:
		return len == 1 && p[0] != 0;
	case PG_INT2:
		return (int16_t)get(p, 2);
	case PG_INT4:
		return (int32_t)get(p, 4);
	case PG_INT8:
	case PG_OID:
		return (int64_t)get(p, len);
	case PG_NUMERIC:
		return whole(p, len);
	case PG_FLOAT4:
	case PG_FLOAT8:
		return (int64_t)pg_real(r, row, column);
	default:
		return strtoll((const char *)p, NULL, 10);
	}
}

double pg_real(const PGresult *r, int row, int column)
{
	const uint8_t *p = (const uint8_t *)PQgetvalue(r, row, column);
	int len = PQgetlength(r, row, column);
	uint64_t bits;
	uint32_t half;
	double real;
	float single;

	if (PQgetisnull(r, row, column))
		return 0;
	switch (PQftype(r, column)) {
	case PG_FLOAT8:
		bits = get(p, 8);
		memcpy(&real, &bits, sizeof(real));
		return real;
	case PG_FLOAT4:
		half = (uint32_t)get(p, 4);
		memcpy(&single, &half, sizeof(single));
		return single;
	case PG_NUMERIC:
		return numeric(p, len);
	default:
		return (double)pg_i64(r, row, column);
	}
}
