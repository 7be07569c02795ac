/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, the help, and the order in which settings take effect.
 *
 * getopt_long() runs once over the arguments and only notes what it met; then
 * presets, file and notes are applied in that order. So the place of -c among the
 * other options does not matter.
 */
#include "common/conf.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf_value.h"
#include "common/conf_yaml.h"
#include "common/log.h"

#define FILE_MOST (1u << 20) /* no honest configuration is longer */
#define HELP_COLUMN 30
#define HELP_WIDTH 90

/* Long options that are not in the table; above any index into it. */
enum { OPT_CONFIG = 1 << 16, OPT_HELP, OPT_CHECK, OPT_VERSION };

#define LINE_PRESET 0
#define LINE_ARGUMENT (-1)

struct note {
	size_t option;
	const char *text;
};

struct arguments {
	struct note *notes;
	size_t n_notes;
	const char *file;
	bool help, check, version;
	int first; /* index into argv of what is left */
};

/* "timeout.idle" as a long option. */
static void long_name(const char *key, char *buf)
{
	size_t i;

	for (i = 0; i < CONF_VALUE_LEN - 1 && key[i]; i++)
		buf[i] = key[i] == '.' ? '-' : key[i];
	buf[i] = '\0';
}

static bool takes(const struct conf_command *command, const struct conf_option *o)
{
	return !o->commands || !command || (o->commands & command->bit);
}

/* ---- presets and file ---- */

bool conf_defaults(const struct conf_program *p, void *config, char *err)
{
	char why[CONF_ERRLEN];

	for (size_t i = 0; i < p->n_options; i++) {
		const struct conf_option *o = &p->options[i];

		conf_value_clear(o, config);
		if (o->preset && !conf_value_set(o, config, o->preset, why)) {
			snprintf(err, CONF_ERRLEN, "preset of %s: %.400s", o->key, why);
			return false;
		}
	}
	return true;
}

bool conf_read(const struct conf_program *p, const char *name, const char *text, size_t len,
	       void *config, char *err)
{
	int *lines = calloc(p->n_options, sizeof(*lines));
	bool ok;

	if (!lines) {
		snprintf(err, CONF_ERRLEN, "out of memory");
		return false;
	}
	ok = conf_yaml_read(p, name, text, len, config, lines, err);
	free(lines);
	return ok;
}

static void read_file(const struct conf_program *p, const char *path, void *config, int *lines)
{
	const char *name = strcmp(path, "-") ? path : "stdin";
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text, err[CONF_ERRLEN];
	size_t len;

	if (!in)
		die("%s: cannot open: %s", name, strerror(errno));
	text = malloc(FILE_MOST + 1);
	if (!text)
		die("out of memory");
	errno = 0;
	len = fread(text, 1, FILE_MOST + 1, in);
	if (ferror(in))
		die("%s: cannot read: %s", name, strerror(errno));
	if (len > FILE_MOST)
		die("%s: longer than 1 MiB, not a configuration file", name);
	if (!conf_yaml_read(p, name, text, len, config, lines, err))
		die("%s", err);
	free(text);
	if (in != stdin)
		fclose(in);
}

/* ---- command line ---- */

/* `word` is an option that getopt_long() does not know for this command. */
__attribute__((noreturn)) static void
die_unknown(const struct conf_program *p, const struct conf_command *command, const char *word)
{
	char key[CONF_VALUE_LEN] = "", name[CONF_VALUE_LEN];
	const char *near;

	snprintf(key, sizeof(key), "%.*s", (int)strcspn(word, "="), word);
	for (size_t i = 0; i < p->n_options; i++) {
		long_name(p->options[i].key, name);
		if (!strncmp(key, "--", 2) && !strcmp(key + 2, name))
			die("%s is not an option of '%s'; see `%s %s --help`", key, command->name,
			    p->name, command->name);
	}
	near = !strncmp(key, "--", 2) ? conf_nearest(p, key + 2, 0) : NULL;
	if (!near)
		die("unknown option %s; see `%s %s --help`", key, p->name, command->name);
	long_name(near, name);
	die("unknown option %s; did you mean --%s?", key, name);
}

static void read_arguments(const struct conf_program *p, const struct conf_command *command,
			   int argc, char **argv, struct arguments *a)
{
	struct option *longs = calloc(p->n_options + 5, sizeof(*longs));
	char(*names)[CONF_VALUE_LEN] = calloc(p->n_options + 1, sizeof(*names));
	char shorts[256] = ":c:hnV";
	size_t n = 0, s = strlen(shorts);
	int c, index;

	a->notes = calloc((size_t)argc + 1, sizeof(*a->notes));
	if (!longs || !names || !a->notes)
		die("out of memory");
	for (size_t i = 0; i < p->n_options; i++) {
		const struct conf_option *o = &p->options[i];

		if (!takes(command, o))
			continue;
		long_name(o->key, names[i]);
		longs[n++] = (struct option){ names[i],
					      o->type == CONF_BOOL ? optional_argument
								   : required_argument,
					      NULL, (int)i + 256 };
		if (o->letter && s + 2 < sizeof(shorts)) {
			shorts[s++] = o->letter;
			if (o->type != CONF_BOOL)
				shorts[s++] = ':';
		}
	}
	longs[n++] = (struct option){ "config", required_argument, NULL, OPT_CONFIG };
	longs[n++] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	longs[n++] = (struct option){ "check-config", no_argument, NULL, OPT_CHECK };
	longs[n++] = (struct option){ "version", no_argument, NULL, OPT_VERSION };

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		switch (c) {
		case 'c':
		case OPT_CONFIG:
			if (a->file)
				die("-c is given twice; name one file");
			a->file = optarg;
			continue;
		case 'h':
		case OPT_HELP:
			a->help = true;
			continue;
		case 'n':
		case OPT_CHECK:
			a->check = true;
			continue;
		case 'V':
		case OPT_VERSION:
			a->version = true;
			continue;
		case ':':
			die("option %s needs a value; see `%s %s --help`", argv[optind - 1],
			    p->name, command->name);
		case '?':
			if (optopt && optopt < 256)
				die("unknown option -%c; see `%s %s --help`", optopt, p->name,
				    command->name);
			if (optopt >= 256)
				die("option %s takes no value", argv[optind - 1]);
			die_unknown(p, command, argv[optind - 1]);
		}
		index = c - 256;
		for (size_t i = 0; c < 256 && i < p->n_options; i++)
			if (p->options[i].letter == c && takes(command, &p->options[i]))
				index = (int)i;
		a->notes[a->n_notes++] = (struct note){ (size_t)index, optarg ? optarg : "true" };
	}
	a->first = optind;
	free(longs);
	free(names);
}

/* "--redis" or "agent.yaml:3", for a complaint about an option's value. */
static void origin(const struct conf_option *o, const char *file, int line, char *buf, size_t size)
{
	char name[CONF_VALUE_LEN];

	if (line > 0 && file)
		snprintf(buf, size, "%s:%d: %s", strcmp(file, "-") ? file : "stdin", line, o->key);
	else if (line == LINE_ARGUMENT || o->flags & CONF_NOT_IN_FILE) {
		long_name(o->key, name);
		snprintf(buf, size, "--%s", name);
	} else {
		snprintf(buf, size, "%s", o->key);
	}
}

static void apply_notes(const struct conf_program *p, const struct arguments *a, void *config,
			int *lines)
{
	char why[CONF_ERRLEN], where[CONF_ERRLEN];

	for (size_t i = 0; i < a->n_notes; i++) {
		const struct conf_option *o = &p->options[a->notes[i].option];
		int *line = &lines[a->notes[i].option];

		if (*line != LINE_ARGUMENT)
			conf_value_clear(o, config);
		*line = LINE_ARGUMENT;
		if (!conf_value_set(o, config, a->notes[i].text, why)) {
			origin(o, NULL, *line, where, sizeof(where));
			die("%s: %s", where, why);
		}
	}
}

static void check(const struct conf_program *p, const struct conf_command *command,
		  const void *config, const char *file, const int *lines)
{
	char why[CONF_ERRLEN] = "", where[CONF_ERRLEN];
	const char *key = NULL;

	if (!p->check || p->check(config, command, &key, why, sizeof(why)))
		return;
	for (size_t i = 0; key && i < p->n_options; i++)
		if (!strcmp(p->options[i].key, key)) {
			origin(&p->options[i], file, lines[i], where, sizeof(where));
			die("%s: %s", where, why);
		}
	die("%s", why);
}

static void print_and_exit(char *text)
{
	bool failed;

	if (!text)
		die("out of memory");
	/* A text longer than stdout's buffer fails in the first, and the second then has nothing
	 * left to write. */
	failed = fputs(text, stdout) < 0;
	failed |= fflush(stdout) != 0;
	free(text);
	if (failed)
		die("stdout: cannot write: %s", strerror(errno));
	_exit(0); /* as in die() */
}

static void print_version(const struct conf_program *p)
{
	char *text = NULL;

	if (asprintf(&text, "%s %s\n", p->name, GLASSWATCH_VERSION) < 0)
		text = NULL;
	print_and_exit(text);
}

static const struct conf_command *find_command(const struct conf_program *p, const char *word)
{
	for (size_t i = 0; i < p->n_commands; i++)
		if (!strcmp(p->commands[i].name, word))
			return &p->commands[i];
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
		print_and_exit(conf_help(p, NULL));
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		print_version(p);
	if (word[0] == '-')
		die("the command comes before the options; see `%s --help`", p->name);
	die("unknown command '%s'; see `%s --help`", word, p->name);
}

void conf_start(const struct conf_program *p, int argc, char **argv, void *config,
		struct conf_call *call)
{
	const struct conf_command *command;
	struct arguments a = { 0 };
	char err[CONF_ERRLEN];
	int *lines;

	log_program(p->name);
	if (argc < 2)
		die("which command? see `%s --help`", p->name);
	command = find_command(p, argv[1]);
	read_arguments(p, command, argc - 1, argv + 1, &a);
	if (a.help)
		print_and_exit(conf_help(p, command));
	if (a.version)
		print_version(p);

	lines = calloc(p->n_options, sizeof(*lines));
	if (!lines)
		die("out of memory");
	if (!conf_defaults(p, config, err))
		die("%s", err);
	if (a.file)
		read_file(p, a.file, config, lines);
	apply_notes(p, &a, config, lines);
	check(p, command, config, a.file, lines);
	if (a.check)
		print_and_exit(conf_print(p, config));

	call->command = command;
	call->args = argv + 1 + a.first;
	call->n_args = argc - 1 - a.first;
	if (call->n_args < command->min_args)
		die("usage: %s %s [options] %s", p->name, command->name, command->arguments);
	if (command->max_args >= 0 && call->n_args > command->max_args)
		die("unexpected argument '%s'; see `%s %s --help`", call->args[command->max_args],
		    p->name, command->name);
	free(lines);
	free(a.notes);
}

void conf_free(const struct conf_program *p, void *config)
{
	for (size_t i = 0; i < p->n_options; i++)
		conf_value_clear(&p->options[i], config);
}

/* ---- help ---- */

/* text from column HELP_COLUMN on, broken at blanks; `used` columns are filled. */
static void print_wrapped(FILE *out, const char *text, int used)
{
	int at, len;

	if (used >= HELP_COLUMN - 1) {
		putc('\n', out);
		used = 0;
	}
	at = used + fprintf(out, "%*s", HELP_COLUMN - used, "");
	for (bool first = true; *text; first = false) {
		len = (int)strcspn(text, " ");
		if (!first && at + 1 + len > HELP_WIDTH)
			at = fprintf(out, "\n%*s", HELP_COLUMN, "") - 1;
		else if (!first)
			at += fprintf(out, " ");
		at += fprintf(out, "%.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	putc('\n', out);
}

static void print_option_help(FILE *out, const struct conf_option *o)
{
	char name[CONF_VALUE_LEN], text[1024];
	int used;

	long_name(o->key, name);
	if (o->letter)
		used = fprintf(out, "  -%c, --%s", o->letter, name);
	else
		used = fprintf(out, "      --%s", name);
	if (o->argument)
		used += fprintf(out, " %s", o->argument);
	snprintf(text, sizeof(text), "%s%s%s%s%s", o->help,
		 o->type == CONF_STRINGS ? "; may be repeated" : "", o->preset ? " (default: " : "",
		 o->preset ? o->preset : "", o->preset ? ")" : "");
	print_wrapped(out, text, used);
}

char *conf_help(const struct conf_program *p, const struct conf_command *command)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (command) {
		fprintf(out, "usage: %s %s [options]%s%s\n\n%s\n\noptions:\n", p->name,
			command->name, *command->arguments ? " " : "", command->arguments,
			command->help);
		for (size_t i = 0; i < p->n_options; i++)
			if (takes(command, &p->options[i]))
				print_option_help(out, &p->options[i]);
	} else {
		fprintf(out, "usage: %s COMMAND [options] [arguments]\n\n%s\n\ncommands:\n",
			p->name, p->summary);
		for (size_t i = 0; i < p->n_commands; i++)
			print_wrapped(out, p->commands[i].help,
				      fprintf(out, "  %s%s%s", p->commands[i].name,
					      *p->commands[i].arguments ? " " : "",
					      p->commands[i].arguments));
		fprintf(out, "\n`%s COMMAND --help` lists a command's options.\n\nfor each:\n",
			p->name);
	}
	print_wrapped(out, "read options from this YAML file, '-' for stdin",
		      fprintf(out, "  -c, --config FILE"));
	print_wrapped(out, "check the configuration, print it as YAML, and exit",
		      fprintf(out, "  -n, --check-config"));
	print_wrapped(out, "this text", fprintf(out, "  -h, --help"));
	print_wrapped(out, "print the version", fprintf(out, "  -V, --version"));
	if (command && command->more)
		fprintf(out, "\n%s", command->more);
	fprintf(out, "\nexit status: 0 good; 1 the answer is no; 2 bad usage or input\n");
	if (ferror(out) || fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
