/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/finding.h"

#include <stdlib.h>
#include <string.h>

#include "common/fnv.h"

static const char *const severity_str[] = { "ADVICE", "WARN", "UNKNOWN", "FAIL" };
_Static_assert(sizeof(severity_str) / sizeof(severity_str[0]) == FINDING_NUM, "a name for each");

const char *finding_severity_name(enum finding_severity s)
{
	return severity_str[s];
}

unsigned finding_step(const char *step)
{
	return step[0] == 'S' ? (unsigned)strtoul(step + 1, NULL, 10) : 0;
}

struct finding *finding_add(struct findings *f, const struct finding *what)
{
	static struct finding nobodys; /* written and never read */
	struct finding *larger = f->all;

	if (!(f->n & (f->n - 1))) /* grows to powers of two: full */
		larger = realloc(f->all, (f->n ? 2 * f->n : 1) * sizeof(*larger));
	if (!larger || !what->reason) {
		f->no_memory = true;
		free(what->reason);
		free(nobodys.fix);
		nobodys = (struct finding){ .device = what->device };
		return &nobodys;
	}
	f->all = larger;
	larger[f->n] = *what;
	return &larger[f->n++];
}

void findings_clear(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->all[i].reason);
		free(f->all[i].fix);
	}
	free(f->all);
	memset(f, 0, sizeof(*f));
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	unsigned p = finding_step(x->step), q = finding_step(y->step);
	int c;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (p != q) /* the procedure's steps first */
		return !q || (p && p < q) ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	c = strcmp(x->code, y->code);
	return c ? c : strcmp(x->reason, y->reason);
}

void findings_sort(struct findings *f)
{
	if (f->n)
		qsort(f->all, f->n, sizeof(*f->all), by_place);
}

/* What the loader says of an address that two devices have, too. */
static bool is_minor(const struct finding *f)
{
	return f->line &&
	       (strcmp(f->code, "undefined-name") == 0 || strcmp(f->code, "config-unread") == 0);
}

uint64_t finding_fingerprint(const char *device, const char *code, const char *reason)
{
	uint64_t h = FNV1A64_START;

	if (!device)
		device = "";
	h = fnv1a64(h, device, strlen(device) + 1);
	h = fnv1a64(h, code, strlen(code) + 1);
	for (const char *p = reason; *p; p++) {
		h = fnv1a64(h, p, 1);
		if (p - reason >= 4 && strncmp(p - 4, "line ", 5) == 0)
			while (p[1] >= '0' && p[1] <= '9')
				p++;
	}
	return h;
}

void findings_thin(struct findings *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct finding x = f->all[i];
		bool said = false;

		/* what stood before i may have moved, but is there still, or said no more */
		for (size_t k = 0; is_minor(&x) && k < f->n && !said; k++)
			said = f->all[k].line == x.line && !is_minor(&f->all[k]);
		if (said) {
			free(x.reason);
			free(x.fix);
		} else {
			f->all[kept++] = x;
		}
	}
	f->n = kept;
}

void findings_move(struct findings *to, struct findings *from)
{
	for (size_t i = 0; i < from->n; i++) {
		size_t n = to->n;

		finding_add(to, &from->all[i]);
		if (to->n == n) /* its reason is freed already */
			free(from->all[i].fix);
	}
	to->no_memory = to->no_memory || from->no_memory;
	free(from->all);
	memset(from, 0, sizeof(*from));
}
