/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target without a fuzzer: runs it once on each file, and on each file of
 * each folder, of the command line. For compilers that have no libFuzzer, and for
 * `make coverage`, where the corpora count as tests.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned run_file(const char *path, const struct stat *st)
{
	size_t size = (size_t)st->st_size;
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");

	if (!f || !data || fread(data, 1, size, f) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static unsigned run_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), i;
	unsigned ran = 0;
	struct stat st;
	char *file;

	for (i = 0; i < n; i++) {
		if (asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
			exit(2);
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
			ran += run_file(file, &st);
		free(file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return ran;
}

int main(int argc, char **argv)
{
	unsigned ran = 0;
	struct stat st;
	int i;

	for (i = 1; i < argc; i++) {
		if (stat(argv[i], &st) < 0) {
			fprintf(stderr, "%s: no such file or folder\n", argv[i]);
			return 2;
		}
		ran += S_ISDIR(st.st_mode) ? run_folder(argv[i]) : run_file(argv[i], &st);
	}
	printf("%u inputs\n", ran);
	return 0;
}
