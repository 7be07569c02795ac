/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs' own options, as a command line gives them: lines of "key value", set
 * one after the other, over a file. What is accepted passes or fails the program's
 * check with a reason, and prints as YAML that reads back and prints the same.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "common/conf_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* collector/config.h has commands of the same names as the agent's. */
extern const struct conf_program collector_program;

union config {
	struct agent_config agent;
	uint64_t room[128]; /* for the collector's */
};

static void require(int condition)
{
	if (!condition)
		abort();
}

static const struct conf_option *find(const struct conf_program *p, const char *key)
{
	for (size_t i = 0; i < p->n_options; i++)
		if (!strcmp(p->options[i].key, key))
			return &p->options[i];
	return NULL;
}

/* A line as an argument. False: refused, where a program would end. */
static bool set(const struct conf_program *p, char *line, union config *config)
{
	char err[CONF_ERRLEN] = "", *value = strchr(line, ' ');
	const struct conf_option *o;

	if (!value)
		return true;
	*value++ = '\0';
	o = find(p, line);
	if (!o || conf_value_set(o, config, value, err))
		return true;
	require(err[0] != '\0');
	return false;
}

static void check(const struct conf_program *p, const union config *config)
{
	for (size_t i = 0; p->check && i < p->n_commands; i++) {
		char err[CONF_ERRLEN] = "";
		const char *key = NULL;

		if (!p->check(config, &p->commands[i], &key, err, sizeof(err)))
			require(err[0] && (!key || find(p, key)));
	}
}

static void print(const struct conf_program *p, const union config *config)
{
	union config again = { 0 };
	char err[CONF_ERRLEN] = "", *first = conf_print(p, config), *second;

	require(first && conf_defaults(p, &again, err));
	require(conf_read(p, "P", first, strlen(first), &again, err));
	second = conf_print(p, &again);
	require(second && !strcmp(first, second));
	free(first);
	free(second);
	conf_free(p, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf_program *p;
	union config config = { 0 };
	char err[CONF_ERRLEN] = "", *text, *file, *line, *next;
	bool good = true;

	if (!size)
		return 0;
	p = data[0] & 1 ? &collector_program : &agent_program;
	text = malloc(size);
	require(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	require(conf_defaults(p, &config, err));
	file = strstr(text, "---\n"); /* then the file */
	if (file) {
		*file = '\0';
		file += 4;
		good = conf_read(p, "F", file, strlen(file), &config, err);
		require(good || strncmp(err, "F:", 2) == 0);
	}
	for (line = text; good && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		good = set(p, line, &config);
	}
	if (good) {
		check(p, &config);
		print(p, &config);
	}
	conf_free(p, &config);
	free(text);
	return 0;
}
