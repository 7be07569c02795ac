/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/show.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check/reach_show.h"
#include "agent/check/sarif.h"
#include "common/fabric/text.h"

struct counts {
	size_t applicable, ready, known;
	size_t of[FINDING_NUM]; /* without those that are known */
};

static struct counts count(const struct check *c)
{
	struct counts n = { 0 };

	for (size_t i = 0; i < c->n_devices; i++) {
		n.applicable += c->devices[i].applies;
		n.ready += c->devices[i].ready;
	}
	for (size_t i = 0; i < c->findings.n; i++) {
		if (c->findings.all[i].old)
			n.known++;
		else
			n.of[c->findings.all[i].severity]++;
	}
	return n;
}

bool check_has_findings(const struct check *c)
{
	struct counts n = count(c);

	return n.of[FINDING_FAIL] + n.of[FINDING_UNKNOWN] + n.of[FINDING_WARN] > 0;
}

/* ---- JSON ---- */

static json_t *device_object(const struct check_device *d)
{
	json_t *o = json_object(), *steps = json_object();

	text_set(o, "name", d->device->name);
	text_set(o, "role", fabric_role_name(d->device->role));
	text_set(o, "file", d->device->file);
	json_object_set_new(o, "ready", d->applies ? json_boolean(d->ready) : json_null());
	for (unsigned i = 1; i <= CHECK_STEPS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "S%u", i);
		text_set(steps, name, check_state_name(d->steps[i]));
	}
	json_object_set_new(o, "steps", steps);
	return o;
}

static json_t *finding_object(const struct finding *f)
{
	json_t *o = json_object();
	char print[17];

	text_set(o, "device", f->device);
	text_set(o, "step", f->step);
	text_set(o, "code", f->code);
	text_set(o, "severity", finding_severity_name(f->severity));
	text_set(o, "file", f->file);
	json_object_set_new(o, "line", json_integer(f->line));
	text_set(o, "reason", f->reason);
	text_set(o, "fix", f->fix);
	text_set(o, "far_file", f->far_file);
	if (f->far_line)
		json_object_set_new(o, "far_line", json_integer(f->far_line));
	snprintf(print, sizeof(print), "%016llx",
		 (unsigned long long)finding_fingerprint(f->device, f->code, f->reason));
	text_set(o, "fingerprint", print);
	return o;
}

static json_t *summary_object(const struct check *c, const struct check_baseline *b)
{
	struct counts n = count(c);
	json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "devices",
			      (json_int_t)c->n_devices, "applicable", (json_int_t)n.applicable,
			      "ready", (json_int_t)n.ready, "fail", (json_int_t)n.of[FINDING_FAIL],
			      "unknown", (json_int_t)n.of[FINDING_UNKNOWN], "warn",
			      (json_int_t)n.of[FINDING_WARN], "advice",
			      (json_int_t)n.of[FINDING_ADVICE]);

	if (b->file) {
		json_object_set_new(o, "known", json_integer((json_int_t)n.known));
		json_object_set_new(o, "gone", json_integer((json_int_t)b->gone));
	}
	return o;
}

static json_t *document(const struct check *c, const struct check_baseline *b)
{
	json_t *doc = json_object(), *devices = json_array(), *findings = json_array();

	text_set(doc, "generation", c->fabric->generation);
	for (size_t i = 0; i < c->n_devices; i++)
		json_array_append_new(devices, device_object(&c->devices[i]));
	for (size_t i = 0; i < c->findings.n; i++)
		if (!c->findings.all[i].old)
			json_array_append_new(findings, finding_object(&c->findings.all[i]));
	json_object_set_new(doc, "devices", devices);
	json_object_set_new(doc, "findings", findings);
	json_object_set_new(doc, "summary", summary_object(c, b));
	reach_into_document(c->reach, doc);
	return doc;
}

/* ---- for people ---- */

static const char *cell(enum step_state s)
{
	static const char *const text[STEP_NUM] = { [STEP_NA] = "-",
						    [STEP_OK] = "ok",
						    [STEP_WARN] = "warn",
						    [STEP_UNKNOWN] = "?",
						    [STEP_FAIL] = "FAIL" };

	return text[s];
}

static void show_matrix(const struct check *c, FILE *to)
{
	int width = 6;

	for (size_t i = 0; i < c->n_devices; i++)
		if ((int)strlen(c->devices[i].device->name) > width)
			width = (int)strlen(c->devices[i].device->name);
	fprintf(to, "%-*s  %-15s  %-5s", width, "device", "role", "ready");
	for (unsigned k = 1; k <= CHECK_STEPS; k++)
		fprintf(to, " %s%-3u", "S", k);
	fputs(" more\n", to);
	for (size_t i = 0; i < c->n_devices; i++) {
		const struct check_device *d = &c->devices[i];

		text_put(to, width, d->device->name);
		fprintf(to, "  %-15s  %-5s", fabric_role_name(d->device->role),
			!d->applies ? "n/a"
			: d->ready  ? "yes"
				    : "NO");
		for (unsigned k = 1; k <= CHECK_STEPS; k++)
			fprintf(to, " %-4s", cell(d->steps[k]));
		fprintf(to, " %s\n", cell(d->steps[0]));
	}
}

static void show_finding(const struct finding *f, FILE *to)
{
	fputs("  ", to);
	text_put(to, 0, f->file);
	if (f->line)
		fprintf(to, ":%d", f->line);
	fputs(": ", to);
	if (f->device) {
		text_put(to, 0, f->device);
		fputs(": ", to);
	}
	text_put(to, 0, f->reason);
	fprintf(to, "  [%s%s%s]", finding_step(f->step) ? f->step : "",
		finding_step(f->step) ? " " : "", f->code);
	if (f->far_file) {
		fputs("\n      the other end: ", to);
		text_put(to, 0, f->far_file);
		if (f->far_line)
			fprintf(to, ":%d", f->far_line);
	}
	fputc('\n', to);
}

static void show_text(const struct check *c, const struct check_baseline *b, FILE *to)
{
	struct counts n = count(c);
	size_t left = 0;

	show_matrix(c, to);
	for (unsigned s = FINDING_NUM; s-- > 0;) {
		if (!n.of[s])
			continue;
		left += n.of[s];
		fprintf(to, "\n%s (%zu)\n", finding_severity_name(s), n.of[s]);
		for (size_t i = 0; i < c->findings.n; i++)
			if (c->findings.all[i].severity == s && !c->findings.all[i].old)
				show_finding(&c->findings.all[i], to);
	}
	reach_show(c->reach, to);
	fprintf(to, "\n%zu of %zu devices %s ready", n.ready, n.applicable,
		n.ready == 1 ? "is" : "are");
	if (n.applicable < c->n_devices)
		fprintf(to, " (%zu more have no in-band path)", c->n_devices - n.applicable);
	fprintf(to, "; %zu %sfinding%s", left, b->file ? "new " : "", left == 1 ? "" : "s");
	if (b->file)
		fprintf(to, ", %zu known from %s, %zu of it gone", n.known, b->file, b->gone);
	fputs(left ? "\n`--fix` prints what would mend them, `--format json` has it all.\n" : "\n",
	      to);
}

/* ---- mending ---- */

static bool is_repeated(const struct findings *f, size_t first, size_t i)
{
	for (size_t k = first; k < i; k++)
		if (f->all[k].fix && !f->all[k].old && strcmp(f->all[k].fix, f->all[i].fix) == 0)
			return true;
	return false;
}

void check_show_fix(const struct check *c, FILE *to)
{
	for (size_t i = 0; i < c->n_devices; i++) {
		const struct check_device *d = &c->devices[i];
		bool begun = false;

		for (size_t k = d->first; k < d->first + d->n; k++) {
			const struct finding *f = &c->findings.all[k];

			if (f->old || (f->fix && is_repeated(&c->findings, d->first, k)))
				continue;
			if (!begun) {
				fputs("! ---- ", to);
				text_put(to, 0, d->device->name);
				fputs(" ----\n", to);
				begun = true;
			}
			fprintf(to, "! %s: ", f->code);
			text_put(to, 0, f->reason);
			fputc('\n', to);
			if (!f->fix)
				fputs("!   no lines are known that would mend it\n", to);
			for (const char *at = f->fix; at && *at;) { /* line by line, cleaned */
				size_t len = strcspn(at, "\n");
				char *line = strndup(at, len);

				text_put(to, 0, line ? line : "");
				fputc('\n', to);
				free(line);
				at += len + (at[len] == '\n');
			}
		}
		if (begun)
			fputs("!\n", to);
	}
}

void check_show(const struct check *c, enum check_format format, const struct check_baseline *b,
		FILE *to)
{
	json_t *doc;

	if (format == CHECK_TEXT) {
		show_text(c, b, to);
		return;
	}
	doc = format == CHECK_SARIF ? sarif_document(c) : document(c, b);
	json_dumpf(doc, to, JSON_INDENT(1));
	fputc('\n', to);
	json_decref(doc);
}
