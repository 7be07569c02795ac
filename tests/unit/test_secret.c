/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/secret.h"

/* want NULL: refused, with this word. */
static const struct {
	const char *text;
	mode_t mode;
	const char *want, *word;
} files[] = {
	{ "word\n", 0600, "word", NULL },
	{ "word", 0400, "word", NULL },
	{ "two words \r\nand more\n", 0640, "two words ", NULL },
	{ "word\n", 0644, NULL, "chmod 600" },
	{ "word\n", 0601, NULL, "chmod 600" },
	{ "word\n", 0620, NULL, "chmod 600" },
	{ "", 0600, NULL, "no password" },
	{ "\nword\n", 0600, NULL, "no password" },
};

static void from_files(void **state)
{
	char path[] = "/tmp/test_secret.XXXXXX", err[200], *got;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t n = strlen(files[i].text);

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, files[i].text, n, 0), n);
		assert_int_equal(fchmod(fd, files[i].mode), 0);
		err[0] = '\0';
		got = secret_read(path, err, sizeof(err));
		if (files[i].want) {
			if (!got)
				fail_msg("%s", err);
			assert_string_equal(got, files[i].want);
		} else {
			assert_null(got);
			if (!strstr(err, files[i].word) || !strstr(err, path))
				fail_msg("\"%s\" lacks \"%s\"", err, files[i].word);
			assert_null(strstr(err, "word\n"));
		}
		free(got);
	}
	close(fd);
	unlink(path);
	assert_null(secret_read(path, err, sizeof(err)));
	assert_non_null(strstr(err, "No such file"));
	assert_null(secret_read("/tmp", err, sizeof(err)));
	assert_null(secret_read("/dev/null", err, sizeof(err)));
	assert_non_null(strstr(err, "not a regular file"));
}

static void longest(void **state)
{
	char path[] = "/tmp/test_secret.XXXXXX", err[200], text[2048], *got;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	memset(text, 'x', sizeof(text));
	assert_int_equal(pwrite(fd, text, 1024, 0), 1024);
	got = secret_read(path, err, sizeof(err));
	assert_non_null(got);
	assert_int_equal(strlen(got), 1024);
	free(got);
	assert_int_equal(pwrite(fd, text, 1025, 0), 1025);
	assert_null(secret_read(path, err, sizeof(err)));
	assert_int_equal(pwrite(fd, text, sizeof(text), 0), sizeof(text));
	assert_null(secret_read(path, err, sizeof(err)));
	close(fd);
	unlink(path);
}

static void from_environment(void **state)
{
	assert_int_equal(setenv("TEST_SECRET_A", "word", 1), 0);
	assert_int_equal(setenv("TEST_SECRET_B", "", 1), 0);
	assert_string_equal(secret_env("TEST_SECRET_A"), "word");
	assert_string_equal(getenv("TEST_SECRET_A"), ""); /* blanked */
	assert_string_equal(secret_env("TEST_SECRET_A"), "word");
	assert_null(secret_env("TEST_SECRET_B"));
	assert_null(secret_env("TEST_SECRET_C"));
	assert_int_equal(setenv("TEST_SECRET_C", "late", 1), 0);
	assert_null(secret_env("TEST_SECRET_C")); /* asked before */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_files),
		cmocka_unit_test(longest),
		cmocka_unit_test(from_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
