/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/ready.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check/model.h"
#include "common/fabric/text.h"

static void *read_none(const struct eos *config)
{
	return NULL; /* a settled fabric is not loaded again */
}

static void ready_free(void *extra)
{
	struct ready *r = extra;

	if (!r)
		return;
	json_decref(r->codes);
	json_decref(r->findings);
	free(r);
}

static const struct fabric_extra ready_extra = { read_none, ready_free };

static bool has_text(const json_t *array, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i,
			   item) if (strcmp(json_string_value(item), text) == 0) return true;
	return false;
}

static void take(struct ready *r, const struct finding *f)
{
	json_t *o;

	if (f->severity >= FINDING_UNKNOWN && !has_text(r->codes, f->code))
		json_array_append_new(r->codes, json_string(f->code));
	if (json_array_size(r->findings) >= READY_FINDINGS)
		return;
	o = json_object();
	text_set(o, "code", f->code);
	text_set(o, "severity", finding_severity_name(f->severity));
	if (finding_step(f->step))
		text_set(o, "step", f->step);
	if (f->line)
		json_object_set_new(o, "line", json_integer(f->line));
	text_set(o, "reason", f->reason);
	json_array_append_new(r->findings, o);
}

static struct ready *ready_new(const struct check *c, const struct check_device *d)
{
	struct ready *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->applies = d->applies;
	r->ready = d->ready;
	memcpy(r->steps, d->steps, sizeof(r->steps));
	r->codes = json_array();
	r->findings = json_array();
	if (!r->codes || !r->findings) {
		ready_free(r);
		return NULL;
	}
	for (size_t i = d->first; i < d->first + d->n; i++)
		take(r, &c->findings.all[i]);
	return r;
}

int ready_settle(struct fabric *f)
{
	struct ready **all = calloc(f->n_devices ? f->n_devices : 1, sizeof(*all));
	struct check c;
	int ret = all ? check_run(&c, f) : -ENOMEM;

	if (ret < 0) {
		free(all);
		return ret;
	}
	for (size_t i = 0; i < f->n_devices && ret == 0; i++) {
		all[i] = ready_new(&c, &c.devices[i]);
		if (!all[i])
			ret = -ENOMEM;
	}
	check_clear(&c);
	for (size_t i = 0; i < f->n_devices; i++) {
		if (ret < 0) {
			ready_free(all[i]);
		} else {
			f->extra->free(f->devices[i].extra);
			f->devices[i].extra = all[i];
		}
	}
	if (ret == 0)
		f->extra = &ready_extra;
	free(all);
	return ret;
}

const struct ready *ready_of(const struct fabric *f, size_t device)
{
	return f->extra == &ready_extra ? f->devices[device].extra : NULL;
}

bool ready_equal(const struct ready *a, const struct ready *b)
{
	if (!a || !b)
		return a == b;
	return a->applies == b->applies && a->ready == b->ready &&
	       memcmp(a->steps, b->steps, sizeof(a->steps)) == 0 &&
	       json_equal(a->codes, b->codes) && json_equal(a->findings, b->findings);
}

void ready_swap(struct fabric *f, size_t to, struct fabric *other, size_t from)
{
	void *own = f->devices[to].extra;

	f->devices[to].extra = other->devices[from].extra;
	other->devices[from].extra = own;
}

void ready_describe(const struct ready *r, json_t *body)
{
	json_t *steps;

	if (!r || !r->applies)
		return;
	steps = json_object();
	for (unsigned i = 1; i <= CHECK_STEPS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "S%u", i);
		if (r->steps[i] != STEP_NA)
			text_set(steps, name, check_state_name(r->steps[i]));
	}
	json_object_set_new(body, "ready", json_boolean(r->ready));
	json_object_set_new(body, "steps", steps);
	json_object_set(body, "codes", r->codes);
	if (json_array_size(r->findings))
		json_object_set(body, "findings", r->findings);
}
