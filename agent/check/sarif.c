/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/sarif.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check/rules.h"
#include "common/fabric/text.h"

#define SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"

static const char *level_of(enum finding_severity s)
{
	return s == FINDING_FAIL ? "error" : s == FINDING_ADVICE ? "note" : "warning";
}

/* A path as a URI reference (RFC 3986): relative ones stay relative. malloc()ed. */
static char *uri_of(const char *path)
{
	char *out = malloc(3 * strlen(path) + sizeof("file://")), *at = out;

	if (!out)
		return NULL;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	if (*path == '/')
		at += sprintf(at, "file://");
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (isalnum(c) || strchr("-._~/", c))
			*at++ = (char)c;
		else
			at += sprintf(at, "%%%02X", c);
	}
	*at = '\0';
	return out;
}

static json_t *location(const char *file, int line)
{
	char *uri = uri_of(file);
	json_t *o = json_pack("{s:{s:{s:s}}}", "physicalLocation", "artifactLocation", "uri",
			      uri ? uri : "");

	free(uri);
	if (line > 0)
		json_object_set_new(json_object_get(o, "physicalLocation"), "region",
				    json_pack("{s:i}", "startLine", line));
	return o;
}

static json_t *rule_object(const struct rule *r)
{
	return json_pack("{s:s, s:{s:s}, s:{s:s}, s:{s:s}}", "id", r->code, "shortDescription",
			 "text", r->summary, "defaultConfiguration", "level", level_of(r->severity),
			 "properties", "step", r->step);
}

static size_t rule_index(const char *code)
{
	size_t i = 0;

	while (i < n_rules && strcmp(rules[i].code, code) != 0)
		i++;
	return i;
}

static json_t *result(const struct finding *f)
{
	char print[17];
	size_t rule = rule_index(f->code);
	json_t *o = json_object(), *locations = json_array(), *properties = json_object();
	json_t *message = json_object();

	snprintf(print, sizeof(print), "%016llx",
		 (unsigned long long)finding_fingerprint(f->device, f->code, f->reason));
	json_object_set_new(o, "ruleId", json_string(f->code));
	if (rule < n_rules)
		json_object_set_new(o, "ruleIndex", json_integer((json_int_t)rule));
	json_object_set_new(o, "level", json_string(level_of(f->severity)));
	text_set(message, "text", f->reason);
	json_object_set_new(o, "message", message);
	json_array_append_new(locations, location(f->file, f->line));
	json_object_set_new(o, "locations", locations);
	if (f->far_file) {
		json_t *far = location(f->far_file, f->far_line), *related = json_array();

		json_object_set_new(far, "message", json_pack("{s:s}", "text", "the other end"));
		json_array_append_new(related, far);
		json_object_set_new(o, "relatedLocations", related);
	}
	json_object_set_new(o, "partialFingerprints", json_pack("{s:s}", "glasswatch/v1", print));
	text_set(properties, "device", f->device);
	text_set(properties, "step", f->step);
	text_set(properties, "severity", finding_severity_name(f->severity));
	text_set(properties, "fix", f->fix);
	json_object_set_new(o, "properties", properties);
	return o;
}

json_t *sarif_document(const struct check *c)
{
	json_t *table = json_array(), *results = json_array();

	for (size_t i = 0; i < n_rules; i++)
		json_array_append_new(table, rule_object(&rules[i]));
	for (size_t i = 0; i < c->findings.n; i++)
		if (!c->findings.all[i].old)
			json_array_append_new(results, result(&c->findings.all[i]));
	return json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:s, s:o}]}", "$schema", SCHEMA,
			 "version", "2.1.0", "runs", "tool", "driver", "name", "glasswatch-agent",
			 "version", GLASSWATCH_VERSION, "rules", table, "columnKind",
			 "unicodeCodePoints", "results", results);
}
