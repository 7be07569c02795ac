/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_BASE_OUTPUT_H
#define GW_BASE_OUTPUT_H
/*
 * Rows to people and programs: an aligned table, a JSON array, CSV (RFC 4180).
 *
 * A list of columns describes the row's struct; one row is handed over at a time.
 * Strings may come from the wire: in tables and CSV control characters, and what
 * turns the direction of writing, are shown as \xNN; JSON escapes all that is not
 * printable ASCII. So nothing here can draw on a terminal.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV };

enum column_type {
	COLUMN_TEXT,	/* const char *; NULL: absent */
	COLUMN_TIME,	/* uint64_t ns; 0: absent */
	COLUMN_COUNT,	/* uint64_t */
	COLUMN_ID,	/* uint64_t, the number of another row; 0: absent */
	COLUMN_NUMBER,	/* int64_t; below 0: absent */
	COLUMN_SECONDS, /* double; below 0: absent */
	COLUMN_FLAG,	/* bool */
	COLUMN_LIST	/* const char *, "a,b": a list in JSON; NULL: absent */
};

struct column {
	const char *name;  /* CSV and JSON; "a.b" is nested in JSON; NULL: not there */
	const char *title; /* table; NULL: not there */
	enum column_type type;
	size_t offset;
	unsigned width; /* table: shrinks to this when the terminal is narrow */
};

struct output;

/* width: columns of the terminal, 0: no limit (a pipe or a file). */
struct output *output_open(FILE *to, enum output_format format, const struct column *columns,
			   size_t n, unsigned width);

/* json: the row's own document (borrowed), instead of one made of the columns. */
void output_row(struct output *o, const void *row, json_t *json);

/* Ends the array, writes what waits, frees. Returns the number of rows, or -1
 * when writing failed. */
long output_close(struct output *o);

/* The JSON object that output_row() makes of a row's columns; the caller owns it. */
json_t *output_document(const struct column *columns, size_t n, const void *row);

/* One line of CSV by itself; row NULL: the names of the columns. */
void output_csv_row(FILE *to, const struct column *columns, size_t n, const void *row);

/* One cell. guard: the text may come from the wire; one that a spreadsheet would take
 * for a formula is given a ' before it. */
void output_csv_cell(FILE *to, const char *text, bool guard);

/* Text made fit for a terminal; at most size - 1 bytes, whole characters. */
const char *output_clean(const char *text, char *buf, size_t size);

/* 2026-11-23T02:14:03Z, with milliseconds when asked. Returns buf. */
const char *output_time(uint64_t real_ns, bool milliseconds, char buf[32]);

/* "0.4s", "12.8s", "36m54s", "2h05m", "3d04h". Returns buf. */
const char *output_duration(double seconds, char buf[24]);

/* "512 B", "31 kB", "1.2 MB". Returns buf. */
const char *output_bytes(uint64_t n, char buf[24]);

#endif
