/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_TEST_SCRATCH_H
#define GW_TEST_SCRATCH_H
/* A directory of a test's own, for files written by it: a fixture of cmocka. */

extern char scratch[64]; /* its path, while the test runs */

int make_scratch(void **state);
int drop_scratch(void **state); /* with all that is in it */

void write_file(const char *name, const char *text);
void remove_file(const char *name);

#endif
