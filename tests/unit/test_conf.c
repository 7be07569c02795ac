/* SPDX-License-Identifier: Apache-2.0 */
/* A small program's table, its file, its command line (in a child process, because
 * conf_start() ends it on bad usage), its help. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/conf.h"

enum { CMD_RUN = 1, CMD_LIST = 2 };

struct sample {
	char *redis, *name;
	struct conf_strings interface;
	struct conf_ports ssh_port;
	bool all, quiet;
	int capture;
	uint32_t flows;
	uint64_t big, ring, idle, stall;
};

#define AT(field) offsetof(struct sample, field)
static const struct conf_option options[] = {
	{ .key = "redis", .letter = 'r', .type = CONF_STRING, .offset = AT(redis),
	  .preset = "redis://localhost", .argument = "URL", .help = "where events go" },
	{ .key = "name", .type = CONF_STRING, .offset = AT(name), .argument = "NAME",
	  .help = "who we are" },
	{ .key = "interface", .letter = 'i', .type = CONF_STRINGS, .offset = AT(interface),
	  .max = 3, .argument = "IFACE", .help = "watch this one" },
	{ .key = "ssh-port", .type = CONF_PORTS, .offset = AT(ssh_port), .preset = "22", .max = 4,
	  .argument = "N,...", .help = "ports of SSH" },
	{ .key = "all", .letter = 'a', .type = CONF_BOOL, .offset = AT(all),
	  .flags = CONF_NOT_IN_FILE, .commands = CMD_LIST, .help = "everything" },
	{ .key = "quiet", .type = CONF_BOOL, .offset = AT(quiet), .preset = "true",
	  .help = "say little" },
	{ .key = "capture", .type = CONF_CHOICE, .offset = AT(capture),
	  .choices = "auto|bpf|pcap", .preset = "auto", .argument = "HOW", .help = "by which" },
	{ .key = "max-flows", .type = CONF_U32, .offset = AT(flows), .preset = "65536", .min = 16,
	  .max = 1000000, .argument = "N", .help = "flows kept" },
	{ .key = "big", .type = CONF_U64, .offset = AT(big), .argument = "N", .help = "a number" },
	{ .key = "timeout.idle", .type = CONF_DURATION, .offset = AT(idle), .preset = "5m",
	  .min = NS_PER_S, .argument = "TIME", .help = "forget a silent flow" },
	{ .key = "ring", .type = CONF_SIZE, .offset = AT(ring), .preset = "4M",
	  .argument = "SIZE", .help = "ring buffer" },
	{ .key = "timeout.stall", .type = CONF_DURATION, .offset = AT(stall), .preset = "10s",
	  .argument = "TIME",
	  .help = "a help of many words that is broken at a blank where the line would be too "
		  "wide and nowhere else" },
};

static const struct conf_command commands[] = {
	{ "run", CMD_RUN, "", 0, 0, "do it" },
	{ "list", CMD_LIST, "DIR [NAME]", 1, 2, "show it" },
};

static bool check(const void *config, const struct conf_command *command, const char **key,
		  char *err, size_t size)
{
	const struct sample *s = config;

	if (strncmp(s->redis, "redis://", 8) == 0)
		return true;
	*key = "redis";
	snprintf(err, size, "'%s' is not redis://HOST", s->redis);
	return false;
}

static const struct conf_program program = {
	"sample", "shows conf", options, sizeof(options) / sizeof(options[0]), commands, 2, check
};

/* ---- the file ---- */

static const struct {
	const char *yaml;
	const char *err; /* NULL: accepted, and printed as in `out` where given */
	const char *out;
} files[] = {
	{ "", NULL,
	  "redis: \"redis://localhost\"\n# name: not set\ninterface: []\nssh-port: [22]\n"
	  "quiet: true\ncapture: auto\nmax-flows: 65536\nbig: 0\n"
	  "timeout:\n  idle: 5m\n  stall: 10s\nring: 4M\n" },
	{ "redis: redis://[::1]:6379\nname: \"x\\ty\\\"z\\u2028\"\ninterface: [eth0, 'eth 1']\n"
	  "ssh-port: [22, 2222]\nquiet: off\ncapture: pcap\nmax-flows: 16\n"
	  "big: 18446744073709551615\n"
	  "timeout:\n  stall: 1.5s\n  idle: 90\nring: 64K\n",
	  NULL,
	  "redis: \"redis://[::1]:6379\"\nname: \"x\\x09y\\\"z\\u2028\"\n"
	  "interface: [\"eth0\", \"eth 1\"]\nssh-port: [22, 2222]\n"
	  "quiet: false\ncapture: pcap\nmax-flows: 16\nbig: 18446744073709551615\n"
	  "timeout:\n  idle: 1m30s\n  stall: 1s500ms\nring: 64K\n" },
	{ "# nothing but a comment\n", NULL, NULL },
	{ "---\nname: x\n...\n", NULL, NULL },
	{ "interface: eth0\nssh-port: 22,2222\n", NULL, NULL },
	{ "interface: []\n", NULL, NULL },
	{ "timeout:\n", NULL, NULL },
	{ "name: &n lab\ninterface: [*n, eth1]\n", NULL, NULL },
	{ "name: '7'\nquiet: \"no\"\n", NULL, NULL },
	{ "name: x\n\nrediss: y\n", "F:3: unknown key 'rediss'; did you mean 'redis'?", NULL },
	{ "zebra: 1\n", "F:1: unknown key 'zebra'; `sample -n` prints the known ones", NULL },
	{ "timeout:\n  idle: 1s\n  idel: 5m\n",
	  "F:3: unknown key 'timeout.idel'; did you mean 'timeout.idle'?", NULL },
	{ "timeout.idle: 5m\n",
	  "F:1: 'timeout.idle' is written nested: one line for each side of the dot", NULL },
	{ "timeout: 5m\n", "F:1: timeout holds keys of its own; indent them below it", NULL },
	{ "all: true\n", "F:1: all is an option of the command line only", NULL },
	{ "name: x\nring: 1M\nname: y\n", "F:3: name is set twice, first on line 1; remove one",
	  NULL },
	{ "timeout:\n  idle: 1s\ntimeout:\n  idle: 2s\n",
	  "F:4: timeout.idle is set twice, first on line 2; remove one", NULL },
	{ "name:\n", "F:1: name has no value; remove the line for the default", NULL },
	{ "name: ~\n", "F:1: name has no value; remove the line for the default", NULL },
	{ "name: ''\n", "F:1: name: the value is empty", NULL },
	{ "name: [a]\n", "F:1: name must be a single value", NULL },
	{ "name:\n  first: a\n", "F:2: name must be a single value", NULL },
	{ "interface:\n  - a\n  - [b]\n", "F:3: interface: each entry must be a plain value",
	  NULL },
	{ "interface:\n  a: b\n", "F:2: interface must be a single value or a list of values",
	  NULL },
	{ "interface: [a, b, c, d]\n", "F:1: interface: more than 3 values", NULL },
	{ "ssh-port: [22, 22]\n", "F:1: ssh-port: port 22 is given twice", NULL },
	{ "ssh-port: [1, 2, 3, 4, 5]\n", "F:1: ssh-port: more than 4 ports", NULL },
	{ "ssh-port: 65536\n", "F:1: ssh-port: '65536' is not a port, 1 to 65535", NULL },
	{ "ssh-port: 22,\n", "F:1: ssh-port: '' is not a port, 1 to 65535", NULL },
	{ "ssh-port:\n  - 22\n  - 0\n", "F:3: ssh-port: '0' is not a port, 1 to 65535", NULL },
	{ "quiet: maybe\n", "F:1: quiet: 'maybe' is not true or false", NULL },
	{ "capture: ebpf\n", "F:1: capture: 'ebpf' is not one of auto|bpf|pcap", NULL },
	{ "max-flows: 7x\n", "F:1: max-flows: '7x' is not a whole number", NULL },
	{ "max-flows: -7\n", "F:1: max-flows: '-7' is not a whole number", NULL },
	{ "max-flows: 1e3\n", "F:1: max-flows: '1e3' is not a whole number", NULL },
	{ "max-flows: 15\n", "F:1: max-flows: '15' is out of range, 16 to 1000000", NULL },
	{ "max-flows: 1000001\n", "F:1: max-flows: '1000001' is out of range, 16 to 1000000",
	  NULL },
	{ "big: 18446744073709551616\n",
	  "F:1: big: '18446744073709551616' is not a whole number", NULL },
	{ "ring: 64MB\n", "F:1: ring: '64MB' is not a size such as 65536, 512K or 64M", NULL },
	{ "ring: 16777217T\n", "F:1: ring: '16777217T' is not a size such as 65536, 512K or 64M",
	  NULL },
	{ "timeout:\n  idle: 5 minutes\n",
	  "F:2: timeout.idle: '5 minutes' is not a duration such as 30s, 5m or 2h15m", NULL },
	{ "timeout:\n  idle: 10ms\n", "F:2: timeout.idle: '10ms' is too small; the least is 1s",
	  NULL },
	{ "- a\n", "F:1: expected `key: value` lines", NULL },
	{ "just words\n", "F:1: expected `key: value` lines", NULL },
	{ "? [a]\n: b\n", "F:1: a key must be a short plain word", NULL },
	{ "name: x\n---\nname: y\n", "F:3: a second document; put all keys into the first", NULL },
	{ "name: x\n  ring: 3: 4\n",
	  "F:2: not YAML: mapping values are not allowed in this context", NULL },
	{ "name: \"x\n",
	  "F:2: not YAML: while scanning a quoted scalar, found unexpected end of stream", NULL },
	{ "name: *x\n", "F:1: not YAML: found undefined alias", NULL },
	{ "name: \xff\n", "F:1: not YAML: invalid leading UTF-8 octet", NULL },
	{ "name: \"a\\0b\"\n", "F:1: name must be a single value", NULL },
};

static void test_file(void **state)
{
	char err[CONF_ERRLEN];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct sample s = { 0 }, again = { 0 };
		char *first, *second;
		bool ok;

		err[0] = '\0';
		assert_true(conf_defaults(&program, &s, err));
		ok = conf_read(&program, "F", files[i].yaml, strlen(files[i].yaml), &s, err);
		if (ok != !files[i].err || (files[i].err && strcmp(err, files[i].err) != 0))
			fail_msg("%s\n  expected: %s\n  got:      %s", files[i].yaml,
				 files[i].err ? files[i].err : "accepted", ok ? "accepted" : err);
		if (ok) { /* what is printed reads back to the same */
			first = conf_print(&program, &s);
			if (files[i].out)
				assert_string_equal(first, files[i].out);
			assert_true(conf_defaults(&program, &again, err));
			if (!conf_read(&program, "P", first, strlen(first), &again, err))
				fail_msg("printed, but not read: %s\n%s", err, first);
			second = conf_print(&program, &again);
			assert_string_equal(first, second);
			free(first);
			free(second);
		}
		conf_free(&program, &s);
		conf_free(&program, &again);
	}
}

/* ---- the command line ---- */

struct run {
	int status;
	char out[8192], err[2048];
};

static void slurp(FILE *f, char *buf, size_t size)
{
	size_t n;

	rewind(f);
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	fclose(f);
}

/* Runs conf_start() on the words of `line` in a child, which prints what it got. */
static struct run run(const char *line)
{
	char *argv[32] = { "sample" }, *copy = strdup(line), *save = NULL, *word, *yaml;
	FILE *out = tmpfile(), *err = tmpfile();
	struct sample s = { 0 };
	struct conf_call call;
	struct run r;
	int argc = 1;
	pid_t pid;

	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0 && out && err);
	if (pid == 0) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		conf_start(&program, argc, argv, &s, &call);
		yaml = conf_print(&program, &s);
		printf("%s %d %s%s\n%s", call.command->name, call.n_args,
		       call.n_args ? call.args[0] : "", s.all ? " all" : "", yaml);
		free(yaml);
		conf_free(&program, &s);
		free(copy);
		fflush(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &r.status, 0), pid);
	assert_true(WIFEXITED(r.status));
	r.status = WEXITSTATUS(r.status);
	slurp(out, r.out, sizeof(r.out));
	slurp(err, r.err, sizeof(r.err));
	free(copy);
	return r;
}

static char yaml_path[] = "/tmp/test_conf.XXXXXX";

static const struct {
	const char *line; /* @ is the file below */
	int status;
	const char *text; /* in stdout when the status is 0, else the whole stderr */
} lines[] = {
	{ "", 2, "sample: which command? see `sample --help`\n" },
	{ "walk", 2, "sample: unknown command 'walk'; see `sample --help`\n" },
	{ "-a run", 2, "sample: the command comes before the options; see `sample --help`\n" },
	{ "--help", 0, "usage: sample COMMAND" },
	{ "list --help", 0, "usage: sample list [options] DIR [NAME]" },
	{ "--version", 0, "sample " GLASSWATCH_VERSION "\n" },
	{ "run --version", 0, "sample " GLASSWATCH_VERSION "\n" },
	{ "run", 0, "run 0 \nredis: \"redis://localhost\"\n" },
	{ "run --bogus", 2, "sample: unknown option --bogus; see `sample run --help`\n" },
	{ "run --redsi=x", 2, "sample: unknown option --redsi; did you mean --redis?\n" },
	{ "run --timeout-idel 3", 2,
	  "sample: unknown option --timeout-idel; did you mean --timeout-idle?\n" },
	{ "run -x", 2, "sample: unknown option -x; see `sample run --help`\n" },
	{ "run --all", 2, "sample: --all is not an option of 'run'; see `sample run --help`\n" },
	{ "run --redis", 2, "sample: option --redis needs a value; see `sample run --help`\n" },
	{ "run --help=x", 2, "sample: option --help=x takes no value\n" },
	{ "run x", 2, "sample: unexpected argument 'x'; see `sample run --help`\n" },
	{ "list", 2, "sample: usage: sample list [options] DIR [NAME]\n" },
	{ "list --all d", 0, "list 1 d all\n" },
	{ "list d -a", 0, "list 1 d all\n" },
	{ "list --all=no d", 0, "list 1 d\n" },
	{ "list --all=x d", 2, "sample: --all: 'x' is not true or false\n" },
	{ "list a b c", 2, "sample: unexpected argument 'c'; see `sample list --help`\n" },
	{ "run --timeout-idle 1h", 0, "timeout:\n  idle: 1h\n" },
	{ "run --timeout-idle 1w", 2,
	  "sample: --timeout-idle: '1w' is not a duration such as 30s, 5m or 2h15m\n" },
	{ "run -i a -i b", 0, "interface: [\"a\", \"b\"]\n" },
	{ "run --ssh-port 22,2222", 0, "ssh-port: [22, 2222]\n" },
	{ "run --ssh-port 22,2222 --ssh-port 830", 0, "ssh-port: [22, 2222, 830]\n" },
	{ "run -r http://x", 2, "sample: --redis: 'http://x' is not redis://HOST\n" },
	{ "run --name \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 0,
	  "name: \"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\n" },
	{ "run --name \xc2\x85\xef\xbb\xbf", 0, "name: \"\\x85\\ufeff\"\n" },
	{ "run --name x\xe9", 2, "sample: --name: the value is not UTF-8\n" },
	{ "run --name x\xe2\x82", 2, "sample: --name: the value is not UTF-8\n" },
	{ "run --name \xc0\x80", 2, "sample: --name: the value is not UTF-8\n" },
	{ "run --name \xed\xa0\x80", 2, "sample: --name: the value is not UTF-8\n" },
	{ "run --name \xf4\x90\x80\x80", 2, "sample: --name: the value is not UTF-8\n" },
	{ "run --name \xfa\x8d\x9a\x9b", 2, "sample: --name: the value is not UTF-8\n" },
	{ "run -i \x80", 2, "sample: --interface: the value is not UTF-8\n" },
	{ "run -c @", 0, "name: \"from-file\"\ninterface: [\"f0\", \"f1\"]\n" },
	{ "run -i a -c @", 0, "name: \"from-file\"\ninterface: [\"a\"]\n" },
	{ "run -c @ -n --capture pcap", 0, "redis: \"redis://file\"\n" },
	{ "run -c @ -n --capture pcap", 0, "capture: pcap\n" },
	{ "list -c @ -n", 0, "capture: bpf\n" },
	{ "run -c @ -c @", 2, "sample: -c is given twice; name one file\n" },
	{ "run -c /nonexistent/f", 2,
	  "sample: /nonexistent/f: cannot open: No such file or directory\n" },
	{ "run -c /tmp", 2, "sample: /tmp: cannot read: Is a directory\n" },
};

static void test_command_line(void **state)
{
	char line[256];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *at = strchr(lines[i].line, '@');
		struct run r;

		if (strlen(lines[i].line) > 100)
			fail();
		if (!at || strstr(lines[i].line, "-c @ -c @"))
			snprintf(line, sizeof(line), "%s", lines[i].line);
		else
			snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - lines[i].line),
				 lines[i].line, yaml_path, at + 1);
		r = run(line);
		if (r.status != lines[i].status ||
		    (r.status ? strcmp(r.err, lines[i].text) != 0 || r.out[0] :
				!strstr(r.out, lines[i].text) || r.err[0]))
			fail_msg("sample %s\n  expected %d: %s\n  got %d: %s%s", line,
				 lines[i].status, lines[i].text, r.status, r.out, r.err);
	}
}

/* A value that only the program's own check refuses is blamed on its line. */
static void test_check_names_the_line(void **state)
{
	char line[64], wanted[128];
	struct run r;
	FILE *f = fopen(yaml_path, "w");

	assert_non_null(f);
	fputs("name: x\n\nredis: unix:/x\n", f);
	fclose(f);
	snprintf(line, sizeof(line), "run -n -c %s", yaml_path);
	snprintf(wanted, sizeof(wanted), "sample: %s:3: redis: 'unix:/x' is not redis://HOST\n",
		 yaml_path);
	r = run(line);
	assert_int_equal(r.status, 2);
	assert_string_equal(r.err, wanted);
}

static void test_help(void **state)
{
	char *text = conf_help(&program, &commands[0]), *line, *save = NULL;

	assert_non_null(strstr(text, "\n  -r, --redis URL             where events go "
				     "(default: redis://localhost)\n"));
	assert_non_null(strstr(text, "\n      --timeout-idle TIME     forget a silent flow "));
	assert_non_null(strstr(text, " a help of many words that is broken at a blank where the\n"
				     "                              line would be too wide and "
				     "nowhere else (default: 10s)\n"));
	assert_null(strstr(text, "--all")); /* another command's */
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		assert_true(strlen(line) <= 90);
	free(text);
}

static int write_file(void **state)
{
	int fd = mkstemp(yaml_path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		return -1;
	fputs("redis: redis://file\nname: from-file\ninterface: [f0, f1]\ncapture: bpf\n", f);
	return fclose(f);
}

static int remove_file(void **state)
{
	return unlink(yaml_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_check_names_the_line),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("conf", tests, write_file, remove_file);
}
