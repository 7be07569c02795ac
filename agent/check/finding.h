/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CHECK_FINDING_H
#define GW_CHECK_FINDING_H
/*
 * What a rule has to say about a device: where, why, and the lines that mend it.
 * A list of findings owns their texts; device and file are borrowed from the fabric,
 * step and code are constants of the rule table.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ascending: what is worse is greater. */
enum finding_severity {
	FINDING_ADVICE,	 /* break-glass works; this would make it better or safer */
	FINDING_WARN,	 /* it may not work, or lets in more than it should */
	FINDING_UNKNOWN, /* the configuration does not say */
	FINDING_FAIL,	 /* it does not work */
	FINDING_NUM
};

struct finding {
	const char *device; /* NULL: of the fabric as a whole */
	const char *step;   /* "S1" .. "S11"; "-": beyond the procedure */
	const char *code;   /* "lo6-no-ipv6" */
	enum finding_severity severity;
	const char *file;
	int line;	      /* 0: what is missing has no line */
	char *reason;	      /* one sentence, no full stop */
	char *fix;	      /* EOS lines, each ended; NULL: none is known */
	const char *far_file; /* the other end of a link; NULL: none */
	int far_line;
	bool old; /* in the baseline */
};

struct findings {
	struct finding *all;
	size_t n;
	bool no_memory; /* at least one could not be kept */
};

/* Takes ownership of reason (NULL: no memory). Returns the finding, to be completed at
 * once: the next one may move it. On lack of memory a finding that nobody keeps. */
struct finding *finding_add(struct findings *f, const struct finding *what);
void findings_clear(struct findings *f);

/* Appends all of `from`, which is empty afterwards. */
void findings_move(struct findings *to, struct findings *from);

/* Of one device: by severity (worst first), step, line, code. */
void findings_sort(struct findings *f);

/* One fault, one finding: of several of one device on one line, those that say only that
 * a name is not defined, or a statement not read, go where another says more. */
void findings_thin(struct findings *f);

const char *finding_severity_name(enum finding_severity s); /* "FAIL" */

/* What stays the same while lines move: device, code and reason without line numbers. */
uint64_t finding_fingerprint(const char *device, const char *code, const char *reason);

/* Number of a step, 1 to 11; 0: beyond the procedure. */
unsigned finding_step(const char *step);

#endif
