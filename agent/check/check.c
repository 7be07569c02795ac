/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check/rules.h"

static const char *const state_str[] = { "n/a", "ok", "warn", "unknown", "fail" };
_Static_assert(sizeof(state_str) / sizeof(state_str[0]) == STEP_NUM, "a name for each");

const char *check_state_name(enum step_state s)
{
	return state_str[s];
}

static void look(struct subject *s)
{
	for (size_t i = 0; i < n_rules; i++) {
		s->rule = &rules[i];
		if (rules[i].roles & 1u << s->d->role &&
		    (!s->d->no_config || rules[i].without_config))
			rules[i].look(s);
	}
}

static bool has_step(enum fabric_role role, unsigned step)
{
	if (!step)
		return true;
	for (size_t i = 0; i < n_rules; i++)
		if (finding_step(rules[i].step) == step && rules[i].roles & 1u << role)
			return true;
	return false;
}

/* An advice leaves a step as it is. */
static enum step_state state_of(enum finding_severity s)
{
	return s == FINDING_FAIL      ? STEP_FAIL
	       : s == FINDING_UNKNOWN ? STEP_UNKNOWN
	       : s == FINDING_WARN    ? STEP_WARN
				      : STEP_OK;
}

static void judge(struct check_device *d, const struct findings *f, size_t first)
{
	enum fabric_role role = d->device->role;

	d->applies = role == ROLE_CE || role == ROLE_TOR || role == ROLE_UNKNOWN;
	d->ready = d->applies;
	d->first = first;
	d->n = f->n - first;
	for (unsigned k = 0; k <= CHECK_STEPS; k++)
		d->steps[k] = role == ROLE_UNKNOWN || (d->applies && d->device->no_config)
				      ? STEP_UNKNOWN
			      : d->applies && has_step(role, k) ? STEP_OK
								: STEP_NA;
	for (size_t i = first; i < f->n; i++) {
		unsigned step = finding_step(f->all[i].step);
		enum step_state state = state_of(f->all[i].severity);

		if (state > d->steps[step] && d->steps[step] != STEP_NA)
			d->steps[step] = state;
		if (f->all[i].severity >= FINDING_UNKNOWN)
			d->ready = false;
	}
}

static int by_file(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the loader says of files that are no device's: an export, a second file of one
 * name, a file that is no configuration. */
static int add_fabric_remarks(struct check *c)
{
	const struct fabric *f = c->fabric;
	const char **files = calloc(f->n_devices ? f->n_devices : 1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	for (size_t i = 0; i < f->n_devices; i++)
		files[i] = f->devices[i].file;
	qsort(files, f->n_devices, sizeof(*files), by_file);
	for (size_t i = 0; i < f->n_problems + f->n_notes; i++) {
		const struct fabric_problem *p = i < f->n_problems ? &f->problems[i]
								   : &f->notes[i - f->n_problems];
		const char *file = p->file ? p->file : f->directory;

		if ((i >= f->n_problems && !p->conflict) ||
		    bsearch(&file, files, f->n_devices, sizeof(*files), by_file))
			continue;
		finding_add(&c->findings, &(struct finding){ .step = "-",
							     .code = p->conflict ? "source-conflict"
										 : "config-unread",
							     .severity = FINDING_WARN,
							     .file = file,
							     .line = p->line,
							     .reason = strdup(p->text) });
	}
	free(files);
	return 0;
}

int check_run(struct check *c, const struct fabric *f)
{
	struct scope scope;
	int ret = -ENOMEM;

	*c = (struct check){ .fabric = f };
	if (scope_build(&scope, f) < 0)
		return -ENOMEM;
	c->graph = graph_build(f, &f->names);
	c->reach = c->graph ? reach_run(c->graph, true) : NULL;
	if (!c->reach)
		goto out;
	scope.reach = c->reach;
	c->devices = calloc(f->n_devices ? f->n_devices : 1, sizeof(*c->devices));
	if (!c->devices)
		goto out;
	c->n_devices = f->n_devices;
	for (size_t i = 0; i < f->n_devices; i++) {
		struct findings own = { NULL, 0, false };
		size_t first = c->findings.n, n_links;
		struct scope_link *links = scope_links(&f->devices[i], &n_links);
		struct subject s = { .scope = &scope,
				     .names = &f->names,
				     .d = &f->devices[i],
				     .m = model_of(&f->devices[i]),
				     .out = &own,
				     .links = links };

		if (!links && n_links)
			goto out;
		look(&s);
		free(links);
		findings_thin(&own);
		findings_sort(&own);
		findings_move(&c->findings, &own);
		c->devices[i].device = s.d;
		judge(&c->devices[i], &c->findings, first);
	}
	if (add_fabric_remarks(c) == 0 && !c->findings.no_memory)
		ret = 0;
out:
	scope_clear(&scope);
	if (ret < 0)
		check_clear(c);
	return ret;
}

void check_clear(struct check *c)
{
	free(c->devices);
	reach_free(c->reach);
	graph_free(c->graph);
	findings_clear(&c->findings);
	memset(c, 0, sizeof(*c));
}
