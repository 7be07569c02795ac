/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CONF_H
#define GW_CONF_H
/*
 * One table of options per program. From it come: the keys of the YAML file, the
 * long and short options, `--help`, the checks of values, and `-n`, which prints
 * the configuration in force as YAML that reads back to the same. Where a value
 * was set it is remembered, so that every complaint names FILE:LINE or --option.
 *
 * How a program uses it (agent/config.c; collector/config.c alike):
 *
 *	enum { CMD_RUN = 1 << 0, CMD_REPLAY = 1 << 1 };
 *
 *	struct agent_config {			// zeroed; conf fills it
 *		char *fabric;			// CONF_STRING; NULL: not set
 *		struct conf_strings interface;	// CONF_STRINGS
 *		struct conf_ports ssh_port;	// CONF_PORTS
 *		bool all;			// CONF_BOOL
 *		int capture;			// CONF_CHOICE: index into .choices
 *		uint64_t idle_ns;		// CONF_DURATION
 *	};
 *
 *	#define AT(field) offsetof(struct agent_config, field)
 *	static const struct conf_option options[] = {
 *		{ .key = "fabric", .type = CONF_STRING, .offset = AT(fabric),
 *		  .argument = "DIR", .help = "directory of device configurations" },
 *		{ .key = "interface", .letter = 'i', .type = CONF_STRINGS,
 *		  .offset = AT(interface), .commands = CMD_RUN, .argument = "IFACE",
 *		  .help = "watch this interface" },
 *		{ .key = "ssh-port", .type = CONF_PORTS, .offset = AT(ssh_port), .preset = "22",
 *		  .max = GW_MAX_PORTS, .argument = "N,...", .help = "ports of SSH" },
 *		{ .key = "all", .type = CONF_BOOL, .offset = AT(all), .commands = CMD_REPLAY,
 *		  .flags = CONF_NOT_IN_FILE, .help = "watch every flow" },
 *		{ .key = "capture", .type = CONF_CHOICE, .offset = AT(capture), .preset = "auto",
 *		  .choices = "auto|bpf|pcap", .argument = "auto|bpf|pcap", .help = "..." },
 *		{ .key = "timeout.idle", .type = CONF_DURATION, .offset = AT(idle_ns),
 *		  .preset = "5m", .min = NS_PER_S, .argument = "TIME", .help = "..." },
 *	};
 *	static const struct conf_command commands[] = {
 *		{ "run", CMD_RUN, "", 0, 0, "watch live traffic" },
 *		{ "replay", CMD_REPLAY, "FILE...", 1, -1, "read captures, print events" },
 *	};
 *	const struct conf_program agent_config_program = {
 *		"glasswatch-agent", "watches a fabric's management plane",
 *		options, ARRAY_SIZE(options), commands, ARRAY_SIZE(commands), check };
 *
 *	main(): struct agent_config config = { 0 }; struct conf_call call;
 *		conf_start(&agent_config_program, argc, argv, &config, &call);
 *		switch (call.command->bit) ... call.args[0 .. call.n_args)
 *		...
 *		conf_free(&agent_config_program, &config);
 *
 * In the file "timeout.idle" is nested (timeout: then idle:), on the command line
 * it is --timeout-idle. At most one dot. A later setting replaces an earlier one:
 * preset, then file, then command line; a list option may be repeated, its first
 * use on the command line replaces the file's whole list. A list may be written in
 * the file as one scalar or as a sequence.
 *
 * libyaml and not libcyaml: libcyaml 1.3.1 reads "7x" as the number 7 and "maybe"
 * as true, tells an unknown or repeated key by the line where its mapping began,
 * and leaves no line number for checks after the load (a duration, a URL).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_MAX_PORTS 16
#define CONF_ERRLEN 512

enum conf_type {
	CONF_STRING,   /* char *; NULL when not set and no preset; owned */
	CONF_STRINGS,  /* struct conf_strings; .max limits the number, 0: no limit */
	CONF_PORTS,    /* struct conf_ports: 1..65535, no repeats; .max as above */
	CONF_BOOL,     /* bool */
	CONF_U32,      /* uint32_t; .min and .max are inclusive, .max 0: the type's */
	CONF_U64,      /* uint64_t */
	CONF_SIZE,     /* uint64_t bytes: "64M"; K M G T are powers of 1024 */
	CONF_DURATION, /* uint64_t ns, as duration_parse() reads: "5m" */
	CONF_CHOICE    /* int: index into .choices, "auto|bpf|pcap" */
};

struct conf_strings {
	char **item; /* owned, NULL when n is 0 */
	size_t n;
};

struct conf_ports {
	uint16_t port[CONF_MAX_PORTS];
	size_t n;
};

enum { CONF_NOT_IN_FILE = 1 << 0 /* an option only: --since, --all */ };

struct conf_option {
	const char *key; /* lower case, "-" between words, "." before a nested key */
	char letter;	 /* short option; 0: none. c, h, n and V are taken */
	enum conf_type type;
	unsigned flags;
	unsigned commands;  /* bits of the commands with this option; 0: all */
	size_t offset;	    /* into the program's config struct */
	const char *preset; /* as written on the command line; NULL: zero or empty */
	const char *choices;
	uint64_t min, max;
	const char *argument; /* name in --help: "FILE"; NULL for CONF_BOOL */
	const char *help;     /* one sentence, lower case, no full stop */
};

struct conf_command {
	const char *name;
	unsigned bit;
	const char *arguments;	/* for usage: "DIR ADDRESS", "FILE..." or "" */
	int min_args, max_args; /* max -1: no limit */
	const char *help;
	const char *more; /* lines below the options in its --help; NULL: none */
};

struct conf_program {
	const char *name;
	const char *summary;
	const struct conf_option *options;
	size_t n_options;
	const struct conf_command *commands;
	size_t n_commands;

	/* May be NULL. Looks at the values together, after all are set. When one is
	 * wrong: points *key at that option's key (or leaves NULL), writes what is
	 * wrong and what to do to err, returns false. */
	bool (*check)(const void *config, const struct conf_command *command, const char **key,
		      char *err, size_t size);
};

struct conf_call {
	const struct conf_command *command;
	char **args; /* into argv */
	int n_args;
};

/*
 * Everything main() needs: reads `COMMAND [options] [arguments]`, fills config,
 * answers --help, --version and -n itself (exit 0), and dies (exit 2) with one
 * line on anything wrong. Sets log_program(). -c FILE ("-": stdin) names the YAML
 * file; every command takes it, and skips keys that are other commands'.
 */
void conf_start(const struct conf_program *program, int argc, char **argv, void *config,
		struct conf_call *call);

/* The steps of it, for tests. Each returns false with the complaint in err
 * (CONF_ERRLEN bytes), in the form "FILE:LINE: text" where there is a file. */
bool conf_defaults(const struct conf_program *program, void *config, char *err);
bool conf_read(const struct conf_program *program, const char *name, const char *text, size_t len,
	       void *config, char *err);

/* Writes the configuration as YAML; returns malloc()ed text, NULL without memory. */
char *conf_print(const struct conf_program *program, const void *config);

/* Writes the help of one command (NULL: of the program); malloc()ed. */
char *conf_help(const struct conf_program *program, const struct conf_command *command);

/* Frees what the options own and sets them to zero. */
void conf_free(const struct conf_program *program, void *config);

#endif
