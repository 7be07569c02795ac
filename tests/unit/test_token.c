/* SPDX-License-Identifier: Apache-2.0 */
/* The file of tokens: what is taken, what is refused, what happens when it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/http/token.h"

static char path[64];

static void put(const char *text, mode_t mode)
{
	FILE *f;

	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static int setup(void **state)
{
	snprintf(path, sizeof(path), "/tmp/test_token.%d", (int)getpid());
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return 0;
}

/* What the command prints: the token, and its line. */
static void make(const char *name, const char *right, char token[TOKEN_LEN + 1], char line[200])
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(token_make(name, right, f), 0);
	fclose(f);
	assert_int_equal(sscanf(text, "token: %46s\nline for the file: %199[^\n]", token, line), 2);
	assert_int_equal(strlen(token), TOKEN_LEN);
	free(text);
}

static void test_made(void **state)
{
	char token[2][TOKEN_LEN + 1], line[2][200], file[500], name[TOKEN_NAME_LEN + 1], err[300];
	struct tokens *t;
	bool operate;

	make("alice", "read", token[0], line[0]);
	make("noc@mgmt-1.x_y", "operate", token[1], line[1]);
	assert_string_not_equal(token[0], token[1]);
	snprintf(file, sizeof(file), "# who may ask\n\n%s\r\n  \t%s  \n", line[0], line[1]);
	put(file, 0640);
	t = tokens_open(path, err, sizeof(err));
	assert_non_null(t);
	assert_true(tokens_find(t, token[0], name, &operate));
	assert_string_equal(name, "alice");
	assert_false(operate);
	assert_true(tokens_find(t, token[1], name, &operate));
	assert_string_equal(name, "noc@mgmt-1.x_y");
	assert_true(operate);

	assert_false(tokens_find(t, "", name, &operate));
	assert_false(tokens_find(t, "gw_", name, &operate));
	token[0][20] ^= 1;
	assert_false(tokens_find(t, token[0], name, &operate));
	tokens_close(t);
}

static void test_refused(void **state)
{
#define HASH "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
	static const struct {
		const char *text;
		mode_t mode;
		const char *why;
	} cases[] = {
		{ "alice read " HASH "\n", 0660, "can be changed by others" },
		{ "alice read " HASH "\n", 0602, "can be changed by others" },
		{ "alice\n", 0600, ":1: after the name comes its right" },
		{ "\nalice write " HASH "\n", 0600, ":2: after the name comes its right" },
		{ "alice read\n", 0600, "after the right comes" },
		{ "alice read " HASH "0\n", 0600, "after the right comes" },
		{ "alice read " HASH " operate\n", 0600, "after the right comes" },
		{ "al/ice read " HASH "\n", 0600, "a name of letters" },
		{ "a read " HASH "\na operate " HASH "\n", 0600, ":2: this name has a token" },
		{ "0123456789012345678901234567890123456789012345678901234567890123 read " HASH
		  "\n",
		  0600, "a name of letters" },
	};
	char err[300];
	struct tokens *t;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(cases[i].text, cases[i].mode);
		t = tokens_open(path, err, sizeof(err));
		if (t || !strstr(err, cases[i].why))
			fail_msg("case %zu: %s", i, t ? "taken" : err);
	}
	unlink(path);
	assert_null(tokens_open(path, err, sizeof(err)));
	assert_non_null(strstr(err, "No such file"));
	assert_null(tokens_open("/tmp", err, sizeof(err)));
	put("# nobody\n", 0644);
	t = tokens_open(path, err, sizeof(err));
	assert_non_null(t);
	tokens_close(t);
}

static void test_changed(void **state)
{
	char token[2][TOKEN_LEN + 1], line[2][200], name[TOKEN_NAME_LEN + 1], err[300];
	struct tokens *t;
	bool operate;

	make("alice", "read", token[0], line[0]);
	make("bob", "read", token[1], line[1]);
	put(line[0], 0600);
	t = tokens_open(path, err, sizeof(err));
	assert_non_null(t);
	tokens_refresh(t);
	assert_true(tokens_find(t, token[0], name, &operate));

	put(line[1], 0600); /* alice's is taken back */
	tokens_refresh(t);
	assert_false(tokens_find(t, token[0], name, &operate));
	assert_true(tokens_find(t, token[1], name, &operate));

	put("bob writes", 0600); /* a mistake changes nothing */
	tokens_refresh(t);
	tokens_refresh(t);
	assert_true(tokens_find(t, token[1], name, &operate));

	unlink(path);
	tokens_refresh(t);
	assert_false(tokens_find(t, token[1], name, &operate));
	put(line[0], 0600);
	tokens_refresh(t);
	assert_true(tokens_find(t, token[0], name, &operate));
	assert_false(tokens_find(t, token[1], name, &operate));
	tokens_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
