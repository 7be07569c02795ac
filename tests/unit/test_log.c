/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches stderr, seen through a pipe. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log.h"

static char line[16384];

/* Runs fn with stderr in `line`. */
static void capture(void (*fn)(void))
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	close(saved);
	n = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	line[n > 0 ? n : 0] = '\0';
}

static const char *text;

static void say(void)
{
	log_error("%s", text);
}

static const struct {
	const char *in, *out;
} cases[] = {
	{ "plain", "p: plain\n" },
	{ "", "p: \n" },
	{ "two\nlines\r", "p: two\\x0alines\\x0d\n" },
	{ "\x1b[31mred\x07", "p: \\x1b[31mred\\x07\n" },
	{ "tab\tdel\x7f", "p: tab\\x09del\\x7f\n" },
	{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
	  "p: gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\n" },
	{ "c1 \xc2\x9b" "31m", "p: c1 \\xc2\\x9b31m\n" },	/* CSI as U+009B */
	{ "\x9b" "31m", "p: \\x9b31m\n" },			/* CSI as one byte */
	{ "\xc0\xaf", "p: \\xc0\\xaf\n" },		/* overlong */
	{ "\xe0\x9f\xbf", "p: \\xe0\\x9f\\xbf\n" },	/* overlong */
	{ "\xed\xa0\x80", "p: \\xed\\xa0\\x80\n" },	/* surrogate */
	{ "\xf4\x90\x80\x80", "p: \\xf4\\x90\\x80\\x80\n" }, /* above U+10FFFF */
	{ "cut \xe2\x82", "p: cut \\xe2\\x82\n" },
};

static void test_lines(void **state)
{
	log_program("p");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = cases[i].in;
		capture(say);
		assert_string_equal(line, cases[i].out);
	}
}

static void test_long_line_is_cut(void **state)
{
	char *big = malloc(100000);

	memset(big, 1, 99999);
	big[99999] = '\0';
	text = big;
	capture(say);
	assert_true(strlen(line) < 4 * 2048 + 10);
	assert_string_equal(line + strlen(line) - 8, "\\x01...\n");
	free(big);
}

static void say_all(void)
{
	log_error("e");
	log_warning("w");
	log_info("i");
	log_debug("d");
}

static void test_threshold(void **state)
{
	capture(say_all);
	assert_string_equal(line, "p: e\np: w\np: i\n");
	log_threshold(LOG_LEVEL_WARNING);
	capture(say_all);
	assert_string_equal(line, "p: e\np: w\n");
	log_threshold(LOG_LEVEL_DEBUG);
	capture(say_all);
	assert_string_equal(line, "p: e\np: w\np: i\np: d\n");
}

static int status;

static void die_in_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		die("%s:%d: no", "file", 7);
	waitpid(pid, &status, 0);
}

static void test_die(void **state)
{
	capture(die_in_child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	assert_string_equal(line, "p: file:7: no\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_line_is_cut),
		cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_die),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
