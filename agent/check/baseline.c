/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static json_t *load(const char *file, char *err, size_t size)
{
	json_error_t e;
	FILE *from = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	json_t *doc;

	if (!from) {
		snprintf(err, size, "%s: %s", file, strerror(errno));
		return NULL;
	}
	doc = json_loadf(from, JSON_REJECT_DUPLICATES, &e);
	if (from != stdin)
		fclose(from);
	if (!doc)
		snprintf(err, size, "%s:%d: %s: a baseline is what `check --format json` prints",
			 file, e.line, e.text);
	return doc;
}

/* The fingerprints of its findings, sorted; malloc()ed. NULL: err. */
static uint64_t *read_known(const char *file, size_t *n, char *err, size_t size)
{
	json_t *doc = load(file, err, size), *all, *one;
	uint64_t *known = NULL;
	size_t i;

	if (!doc)
		return NULL;
	all = json_object_get(doc, "findings");
	if (!json_is_array(all)) {
		snprintf(err, size,
			 "%s: no array `findings` in it: a baseline is what `check --format json` "
			 "prints",
			 file);
		goto out;
	}
	*n = json_array_size(all);
	known = calloc(*n ? *n : 1, sizeof(*known));
	if (!known)
		snprintf(err, size, "%s: out of memory", file);
	json_array_foreach(all, i, one)
	{
		const char *device = json_string_value(json_object_get(one, "device"));
		const char *code = json_string_value(json_object_get(one, "code"));
		const char *reason = json_string_value(json_object_get(one, "reason"));

		if (known && (!code || !reason)) {
			snprintf(err, size, "%s: finding %zu has no `code` or no `reason`", file,
				 i + 1);
			free(known);
			known = NULL;
		}
		if (known)
			known[i] = finding_fingerprint(device, code, reason);
	}
	if (known)
		qsort(known, *n, sizeof(*known), by_number);
out:
	json_decref(doc);
	return known;
}

int baseline_apply(const char *file, struct findings *f, size_t *gone, char *err, size_t size)
{
	size_t n = 0;
	uint64_t *known = read_known(file, &n, err, size);
	bool *used = known ? calloc(n ? n : 1, sizeof(*used)) : NULL;

	if (!used) {
		if (known)
			snprintf(err, size, "%s: out of memory", file);
		free(known);
		return -1;
	}
	*gone = n;
	for (size_t i = 0; i < f->n; i++) {
		struct finding *x = &f->all[i];
		uint64_t print = finding_fingerprint(x->device, x->code, x->reason);
		const uint64_t *at = bsearch(&print, known, n, sizeof(*known), by_number);
		size_t k = at ? (size_t)(at - known) : n;

		while (k > 0 && k < n && known[k - 1] == print)
			k--;
		while (k < n && known[k] == print && used[k])
			k++;
		if (k < n && known[k] == print) {
			used[k] = x->old = true;
			(*gone)--;
		}
	}
	free(used);
	free(known);
	return 0;
}
