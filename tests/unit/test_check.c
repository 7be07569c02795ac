/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readiness rules: the fabrics of ../shared, whose expected findings others wrote
 * down, and our own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "agent/check/check.h"
#include "agent/check/model.h"

/* ---- a directory of links to the configurations of one fabric ---- */

static char scratch[64];

static int make_scratch(void **state)
{
	strcpy(scratch, "/tmp/glasswatch-check-XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

static int drop_scratch(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	return system(command);
}

static const char *shared(void)
{
	const char *at = getenv("GLASSWATCH_SHARED");
	static char dir[512], absolute[4096];

	snprintf(dir, sizeof(dir), "%s/data/eos/configs", at ? at : "../shared");
	if (!realpath(dir, absolute) || access(absolute, R_OK) < 0) {
		print_message("SKIP: no %s; the rules are NOT checked against it\n", dir);
		skip();
	}
	return absolute;
}

static void run(const char *format, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

struct checked {
	struct fabric *f;
	struct check c;
};

static struct checked check_directory(const char *dir)
{
	struct checked x;
	char err[512];

	x.f = fabric_load_extra(dir, false, &model_extra, err, sizeof(err));
	if (!x.f)
		fail_msg("%s", err);
	assert_int_equal(check_run(&x.c, x.f), 0);
	return x;
}

static void done(struct checked *x)
{
	check_clear(&x->c);
	fabric_unref(x->f);
}

static void print_finding(const struct finding *f)
{
	print_message("  %s %s %s %s:%d %s: %s\n", f->device, f->step,
		      finding_severity_name(f->severity), f->file, f->line, f->code, f->reason);
}

/* ---- what others expect ---- */

static void test_good(void **state)
{
	char dir[4200];
	struct checked x;

	snprintf(dir, sizeof(dir), "%s/good", shared());
	x = check_directory(dir);
	for (size_t i = 0; i < x.c.findings.n; i++)
		print_finding(&x.c.findings.all[i]);
	assert_int_equal(x.c.findings.n, 0);
	assert_int_equal(x.c.n_devices, 13);
	for (size_t i = 0; i < x.c.n_devices; i++) {
		const struct check_device *d = &x.c.devices[i];
		enum fabric_role r = d->device->role;

		assert_int_equal(d->applies, r == ROLE_CE || r == ROLE_TOR);
		assert_int_equal(d->ready, d->applies);
		assert_int_equal(d->steps[1], d->applies ? STEP_OK : STEP_NA);
		assert_int_equal(d->steps[9], r == ROLE_CE ? STEP_OK : STEP_NA);
	}
	done(&x);
}

static bool is_expected(const struct finding *f, json_t *expect)
{
	json_t *e;
	size_t i;

	json_array_foreach(expect, i, e)
	{
		if (strcmp(json_string_value(json_object_get(e, "step")), f->step) == 0 &&
		    strcmp(json_string_value(json_object_get(e, "severity")),
			   finding_severity_name(f->severity)) == 0 &&
		    json_integer_value(json_object_get(e, "line")) == f->line) {
			json_array_remove(expect, i);
			return true;
		}
	}
	return false;
}

/* One file in place of the device that it replaces. Returns how many things differ. */
static unsigned check_variant(const char *from, json_t *v)
{
	const char *file = json_string_value(json_object_get(v, "file"));
	const char *device = json_string_value(json_object_get(v, "replaces"));
	const char *kind = json_string_value(json_object_get(v, "dir"));
	json_t *expect = json_deep_copy(json_object_get(v, "expect")), *e;
	unsigned bad = 0;
	struct checked x;
	size_t i;

	run("rm -f %s/*; ln -s %s/good/*.cfg %s/; ln -sf %s/%s/%s %s/%s.cfg", scratch, from,
	    scratch, from, kind, file, scratch, device);
	x = check_directory(scratch);
	for (i = 0; i < x.c.findings.n; i++) {
		const struct finding *f = &x.c.findings.all[i];

		if (strcmp(f->device, device) == 0 && is_expected(f, expect))
			continue;
		/* rules beyond the procedure may have more to say of what is broken */
		if (strcmp(f->step, "-") == 0 && strcmp(f->device, device) == 0 &&
		    strcmp(kind, "broken") == 0)
			continue;
		if (!bad)
			print_message("%s\n", file);
		print_finding(f);
		bad++;
	}
	json_array_foreach(expect, i, e)
	{
		if (!bad)
			print_message("%s\n", file);
		print_message("  missing: %s %s line %lld: %s\n",
			      json_string_value(json_object_get(e, "step")),
			      json_string_value(json_object_get(e, "severity")),
			      (long long)json_integer_value(json_object_get(e, "line")),
			      json_string_value(json_object_get(e, "reason")));
		bad++;
	}
	json_decref(expect);
	done(&x);
	return bad;
}

static void test_expected(void **state)
{
	char path[4200];
	unsigned bad = 0;
	json_error_t err;
	json_t *all, *v;
	size_t i;

	snprintf(path, sizeof(path), "%s/EXPECT.json", shared());
	all = json_load_file(path, 0, &err);
	if (!all)
		fail_msg("%s: %s", path, err.text);
	assert_true(json_array_size(all) > 40);
	json_array_foreach(all, i, v) bad += check_variant(shared(), v);
	print_message("%zu variants\n", json_array_size(all));
	json_decref(all);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_expected),
	};

	return cmocka_run_group_tests_name("check", tests, make_scratch, drop_scratch);
}
