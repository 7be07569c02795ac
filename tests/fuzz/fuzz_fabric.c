/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a directory: several files, joined, judged, checked and printed. A line
 * `==NAME` begins a file; what stands before the first is a configuration. The files
 * are real ones in a directory of this process, since that is what the loader reads.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "agent/check/check.h"
#include "agent/check/model.h"
#include "agent/check/reach.h"
#include "agent/check/show.h"
#include "common/fabric/fabric.h"
#include "common/fabric/show.h"

#define MAX_FILES 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static char paths[MAX_FILES][128];

static void require(int condition)
{
	if (!condition)
		abort();
}

static void leave(void)
{
	rmdir(dir);
}

/* A file name of letters, digits, dots and dashes, begun by the number of the file. */
static void name_file(size_t n, const char *given, size_t len)
{
	char name[32];
	size_t k = 0;

	for (size_t i = 0; i < len && k + 1 < sizeof(name); i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", given[i]) && given[i])
			name[k++] = given[i];
	name[k] = '\0';
	if (strncmp(name, "fabric.y", 8) == 0)
		snprintf(paths[n], sizeof(paths[n]), "%s/%s", dir, name);
	else
		snprintf(paths[n], sizeof(paths[n]), "%s/%zu%s", dir, n, name);
}

static void write_file(size_t n, const char *text, size_t len)
{
	FILE *to = fopen(paths[n], "w");

	require(to != NULL);
	fwrite(text, 1, len, to);
	fclose(to);
}

static size_t write_files(const char *text, size_t len)
{
	const char *end = text + len, *from = text;
	size_t n = 0;

	name_file(0, ".cfg", 4);
	while (n < MAX_FILES) {
		const char *next = len ? memmem(from, (size_t)(end - from), "\n==", 3) : NULL, *eol;

		write_file(n++, from, (size_t)((next ? next + 1 : end) - from));
		if (!next || n == MAX_FILES)
			break;
		next += 3;
		eol = memchr(next, '\n', (size_t)(end - next));
		if (!eol)
			break;
		name_file(n, next, (size_t)(eol - next));
		from = eol + 1;
	}
	return n;
}

static void check_fabric(const struct fabric *f)
{
	for (size_t i = 0; i < f->n_targets; i++) {
		require(f->targets[i].device < f->n_devices);
		require(i == 0 ||
			addr_compare(&f->targets[i - 1].address, &f->targets[i].address) < 0);
		require(fabric_find_target(f, &f->targets[i].address) == &f->targets[i]);
	}
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct fabric_device *d = &f->devices[i];

		require(d->name && d->name[0] && d->file && d->policy < f->n_policies);
		for (size_t k = 0; k < d->n_told; k++)
			require(d->told[k].source < f->n_sources);
	}
}

static void check_text(const char *text, size_t len)
{
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	require(json_is_object(doc));
	json_decref(doc);
}

static void show(const struct fabric *f, const struct check *c, int what)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	require(to != NULL);
	if (what == 0)
		fabric_show(f, true, to);
	else
		check_show(c,
			   what == 1   ? CHECK_JSON
			   : what == 2 ? CHECK_SARIF
				       : CHECK_TEXT,
			   &(struct check_baseline){ NULL, 0 }, to);
	fclose(to);
	if (what < 3)
		check_text(text, len);
	free(text);
}

static void reach(const struct fabric *f)
{
	struct graph *g = graph_build(f, &f->names);
	struct reach *r = g ? reach_run(g, true) : NULL;

	require(r != NULL);
	reach_free(r);
	graph_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[512] = "";
	struct fabric *f;
	struct check c;
	size_t n;

	if (!dir[0]) {
		strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/glasswatch-fuzz-XXXXXX"
							  : "/tmp/glasswatch-fuzz-XXXXXX");
		require(mkdtemp(dir) != NULL);
		atexit(leave);
	}
	n = write_files((const char *)data, size);
	f = fabric_load_extra(dir, true, &model_extra, err, sizeof(err));
	for (size_t i = 0; i < n; i++)
		unlink(paths[i]);
	if (!f) {
		require(err[0] != '\0');
		return 0;
	}
	check_fabric(f);
	require(check_run(&c, f) == 0);
	for (int what = 0; what < 4; what++)
		show(f, &c, what);
	check_clear(&c);
	reach(f);
	fabric_unref(f);
	return 0;
}
