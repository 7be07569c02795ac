/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_ALERTS_H
#define GW_ALERTS_H
/*
 * The commands of operators: `alerts`, `acknowledge`, `silence`, `drill`. What was
 * asked comes as text; an answer goes to `to`.
 *
 * Each returns the command's exit status: 0, or 2 after one line in the log.
 */
#include <stdint.h>
#include <stdio.h>

#include "collector/query.h"
#include "collector/store.h"

struct alerts_args {
	struct query_args q;		  /* since, until, device, source, limit, format */
	const char *state, *name, *agent; /* NULL: any; state NULL: what is not resolved */
	const char *severity;		  /* at least */
	const char *who, *why;
	const char *till;     /* a time, or a duration from now */
	uint64_t for_ns;      /* 0: not given */
	uint64_t end;	      /* the silence or drill to end; 0: none */
	char *const *devices; /* of a drill */
	size_t n_devices;
	uint64_t now_ns;
	unsigned width; /* of the terminal; 0: not one */
};

int alerts_list(struct store *s, const struct alerts_args *a, FILE *to);
int alerts_show(struct store *s, uint64_t id, const struct alerts_args *a, FILE *to);
int alerts_acknowledge(struct store *s, uint64_t id, const struct alerts_args *a, FILE *to);
/* With a reason: makes one. With end: ends it. Else lists them. */
int alerts_silence(struct store *s, const struct alerts_args *a, FILE *to);
int alerts_drill(struct store *s, const struct alerts_args *a, FILE *to);
/* True: the call of silence or drill changes the store. */
bool alerts_changes(const struct alerts_args *a);

#endif
