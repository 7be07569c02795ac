/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_COMMAND_ALERTS_H
#define GW_COMMAND_ALERTS_H
/*
 * The commands of operators: `alerts`, `acknowledge`, `silence`, `drill`. What was
 * asked comes as text; an answer goes to `to`.
 *
 * Each returns the command's exit status: 0, or 2 after one line in the log.
 */
#include <stdint.h>
#include <stdio.h>

#include "collector/command/query.h"
#include "collector/store/store.h"

struct alerts_args {
	struct query_args q;		  /* all but type */
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

enum alerts_command { ALERTS_LIST, ALERTS_ACKNOWLEDGE, ALERTS_SILENCE, ALERTS_DRILL };

/* What can be said without the store: options that do not go together, words that are
 * none, what is missing. False with one line in err. The commands ask it themselves. */
bool alerts_check(enum alerts_command what, const struct alerts_args *a, char *err, size_t size);

/* Path, service and verdict of alerts are those of flows: an alert is listed when its source
 * (without one, its device; without both, its incident) had such a flow while it lasted. */
int alerts_list(struct store *s, const struct alerts_args *a, FILE *to);
/* Wants no option that chooses rows. */
int alerts_show(struct store *s, uint64_t id, const struct alerts_args *a, FILE *to);
int alerts_acknowledge(struct store *s, uint64_t id, const struct alerts_args *a, FILE *to);
/* With end: ends it. With anything that says what, why or how long: makes one. Else lists
 * them. */
int alerts_silence(struct store *s, const struct alerts_args *a, FILE *to);
int alerts_drill(struct store *s, const struct alerts_args *a, FILE *to);
/* True: the call of silence or drill changes the store. */
bool alerts_changes(const struct alerts_args *a);

#endif
