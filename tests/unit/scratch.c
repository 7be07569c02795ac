/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/scratch.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

char scratch[64];

int make_scratch(void **state)
{
	(void)state;
	strcpy(scratch, "/tmp/glasswatch-test-XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

int drop_scratch(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	return system(command);
}

void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	to = fopen(path, "w");
	assert_non_null(to);
	fputs(text, to);
	assert_int_equal(fclose(to), 0);
}

void remove_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	assert_int_equal(unlink(path), 0);
}
