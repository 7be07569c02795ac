/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: any bytes give a value or one complaint, and what is
 * accepted prints as YAML that reads back and prints the same. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/conf.h"

struct sample {
	char *name;
	struct conf_strings list;
	struct conf_ports port;
	bool quiet;
	int capture;
	uint32_t flows;
	uint64_t ring, idle;
};

#define AT(field) offsetof(struct sample, field)
static const struct conf_option options[] = {
	{ .key = "name", .type = CONF_STRING, .offset = AT(name), .preset = "x" },
	{ .key = "list", .type = CONF_STRINGS, .offset = AT(list), .max = 8 },
	{ .key = "port", .type = CONF_PORTS, .offset = AT(port), .preset = "22" },
	{ .key = "quiet", .type = CONF_BOOL, .offset = AT(quiet) },
	{ .key = "capture", .type = CONF_CHOICE, .offset = AT(capture), .choices = "auto|bpf" },
	{ .key = "t.flows", .type = CONF_U32, .offset = AT(flows), .max = 100 },
	{ .key = "t.ring", .type = CONF_SIZE, .offset = AT(ring) },
	{ .key = "t.idle", .type = CONF_DURATION, .offset = AT(idle), .preset = "5m" },
};

static const struct conf_program program = {
	.name = "fuzz", .options = options, .n_options = sizeof(options) / sizeof(options[0])
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample s = { 0 }, again = { 0 };
	char err[CONF_ERRLEN] = "", *first, *second;

	if (!conf_defaults(&program, &s, err) || !conf_defaults(&program, &again, err))
		abort();
	if (conf_read(&program, "F", (const char *)data, size, &s, err)) {
		first = conf_print(&program, &s);
		if (!first || !conf_read(&program, "P", first, strlen(first), &again, err))
			abort();
		second = conf_print(&program, &again);
		if (!second || strcmp(first, second) != 0)
			abort();
		free(first);
		free(second);
	} else if (strncmp(err, "F:", 2) != 0) {
		abort();
	}
	conf_free(&program, &s);
	conf_free(&program, &again);
	return 0;
}
