/* SPDX-License-Identifier: Apache-2.0 */
/* The file of anchors when its disk is full, or somebody's hand was in it: what `run` writes
 * there then, and what `verify` makes of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alert_events.h"
#include "collector/command/verify.h"
#include "collector/consume/anchor.h"
#include "collector/ingest/ingest.h"
#include "collector/store/store.h"

#define T0 (1700000000 * NS_PER_S)

static struct store *store;
static struct consume_anchors *anchors;
static char file[64];
static uint64_t seq;

static void answered(void *arg)
{
}

static void open_anchors(void)
{
	char err[400];

	anchors = consume_anchors_open(store, "s", "c", file, answered, NULL, err, sizeof(err));
	if (!anchors)
		fail_msg("%s", err);
}

static int setup(void **state)
{
	char err[256];
	int fd;

	seq = 0;
	store = store_open(":memory:", STORE_WRITE, err, sizeof(err));
	strcpy(file, "/tmp/glasswatch-anchors.XXXXXX");
	fd = mkstemp(file);
	if (!store || fd < 0)
		return -1;
	close(fd);
	signal(SIGXFSZ, SIG_IGN); /* the disk is full where the limit of a file's size is */
	open_anchors();
	return 0;
}

static int teardown(void **state)
{
	consume_anchors_close(anchors);
	store_close(store);
	unlink(file);
	return 0;
}

/* An event, and the anchor after it, which goes to the file: Redis has it. */
static void make_anchor(void)
{
	struct ingest_counts counts = { 0 };
	char id[32], doc[DOC_LEN];
	struct ingest_entry entry = { .id = id, .json = doc };

	snprintf(id, sizeof(id), "%d-0", (int)++seq);
	document(doc, "a", seq, T0, "agent.start", "info", "");
	entry.len = strlen(doc);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, T0, &counts), 0);
	assert_int_equal(store_anchor_make(store, T0, 1, 0), 1);
	assert_int_equal(store_anchor_sent(store, seq), 0);
	assert_int_equal(ingest_commit(store), 0);
}

static void send_anchors(void)
{
	consume_anchors_send(anchors, NULL);
}

static void limit(rlim_t most)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static size_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return (size_t)st.st_size;
}

static char *read_file(void)
{
	static char buf[8192];
	FILE *f = fopen(file, "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	return buf;
}

static void write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* Line n, from 0, without its end. */
static const char *line(const char *text, int n, char buf[CHAIN_ANCHOR_LEN])
{
	while (n--)
		text = strchr(text, '\n') + 1;
	snprintf(buf, CHAIN_ANCHOR_LEN, "%.*s", (int)strcspn(text, "\n"), text);
	return buf;
}

static int verify(struct verify_outcome *outcome)
{
	struct verify_anchors list = { 0 };
	struct verify_config config = { .anchors = &list,
					.anchors_name = "anchors",
					.outcome = outcome };
	char err[300], *text = NULL;
	size_t size;
	FILE *from = fopen(file, "r"), *to = open_memstream(&text, &size);
	int rc;

	assert_non_null(from);
	assert_true(verify_anchors_read(&list, from, file, err, sizeof(err)));
	fclose(from);
	rc = verify_run(store, &config, to);
	fclose(to);
	assert_int_equal(list.bad != 0, strstr(text, "none") != NULL);
	free(text);
	verify_anchors_free(&list);
	return rc;
}

static void test_full(void **state)
{
	struct verify_outcome out;
	size_t two;

	make_anchor();
	make_anchor();
	send_anchors();
	two = file_size();
	assert_true(two > 200);
	make_anchor();
	limit(two + 40); /* a piece of a line fits */
	send_anchors();
	assert_int_equal(file_size(), two);
	limit(two);
	send_anchors();
	assert_int_equal(file_size(), two);
	limit(RLIM_INFINITY);
	send_anchors();
	make_anchor();
	send_anchors();
	assert_int_equal(verify(&out), 0);
	assert_int_equal(out.covers, 4);
}

/* Where a piece of a line is left, the next one does not begin in it, also after a start. */
static void test_piece(void **state)
{
	char text[4096], piece[CHAIN_ANCHOR_LEN];
	struct verify_outcome out;

	make_anchor();
	make_anchor();
	send_anchors();
	line(read_file(), 1, piece);
	snprintf(text, sizeof(text), "%s%.50s", read_file(), piece);
	write_file(text);
	/* nothing follows: it may have been a newer one */
	assert_int_equal(verify(&out), 1);
	assert_int_equal(out.findings, 1);
	consume_anchors_close(anchors);
	open_anchors();
	make_anchor();
	send_anchors();
	assert_int_equal(verify(&out), 0);
	assert_int_equal(out.covers, 3);
	/* a piece is all there is */
	write_file("{\"store\":\"00");
	consume_anchors_close(anchors);
	open_anchors();
	send_anchors();
	assert_int_equal(verify(&out), 0);
	assert_int_equal(out.covers, 3);
}

static void test_other_file(void **state)
{
	static const char *const texts[] = { "root:x:0:0\n", "{\"store\":\"0\nhello\n", "x" };
	char err[400];

	for (int i = 0; i < 3; i++) {
		write_file(texts[i]);
		assert_null(consume_anchors_open(store, "s", "c", file, answered, NULL, err,
						 sizeof(err)));
		assert_non_null(strstr(err, ":1: not an anchor"));
	}
}

/* Anchors are spoilt on purpose: the record is not good by those that are left. */
static void test_spoilt(void **state)
{
	char text[4096], l[4][CHAIN_ANCHOR_LEN];
	struct verify_outcome out;

	for (int i = 0; i < 4; i++)
		make_anchor();
	send_anchors();
	for (int i = 0; i < 4; i++)
		line(read_file(), i, l[i]);
	snprintf(text, sizeof(text), "%s\nxx\n%s\n%s\n", l[0], l[2], l[3]);
	write_file(text); /* its number is missing */
	assert_int_equal(verify(&out), 1);
	snprintf(text, sizeof(text), "%s\n%s\n%s\nxx\n", l[0], l[1], l[2]);
	write_file(text);
	assert_int_equal(verify(&out), 1);
	snprintf(text, sizeof(text), "%s\n%s\n%s\nxx\n%s\n", l[0], l[1], l[2], l[2]);
	write_file(text); /* an old one put behind it */
	assert_int_equal(verify(&out), 1);
	snprintf(text, sizeof(text), "xx\n%s\n%s\nyy\n%s\n%s\n", l[0], l[1], l[2], l[3]);
	write_file(text); /* none is missing, and the newest covers all */
	assert_int_equal(verify(&out), 0);
	assert_int_equal(out.covers, 4);
	/* those of another store alone: there is none of this one */
	memcpy(strstr(l[3], "\"store\":\"") + 9, "00000000", 8);
	snprintf(text, sizeof(text), "%s\nxx\n", l[3]);
	write_file(text);
	assert_int_equal(verify(&out), 1);
}

int main(void)
{
#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		with_store(test_full),
		with_store(test_piece),
		with_store(test_other_file),
		with_store(test_spoilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
