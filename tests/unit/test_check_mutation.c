/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing that break-glass hangs on goes unnoticed: each line of a good configuration is
 * deleted, and each of its words altered, one at a time; `check` must report it, or
 * docs/check.md lists the line under "Lines that are not needed", with the reason.
 *
 * A row there is "| delete | `PATTERN` | why |" or "| alter | `PATTERN` | why |"; both
 * stands for either. The pattern is the line without blanks around it, behind those that
 * it stands below, as `router bgp 65000 > vrf A > rd 1:1`; `*` is anything. [word] in it
 * is the word that is altered, and without one any word may be.
 *
 * Comments and the text of banners are no lines. Keywords are not altered where the
 * device would not take another word in their place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/check/check.h"
#include "agent/check/model.h"

#define OWN "tests/lab/fabric"
#define PAGE "docs/check.md"
#define MAX_ROWS 200
#define MAX_LINE 400

enum change { CHANGE_DELETE = 1, CHANGE_ALTER = 2 };

struct row {
	unsigned changes;
	char pattern[MAX_LINE];
	size_t used;
};

static struct row rows[MAX_ROWS];
static size_t n_rows;
static char scratch[64];
static bool with_shared;

/* ---- the page ---- */

static int read_page(void **state)
{
	char line[4096], what[16], pattern[MAX_LINE];
	FILE *from = fopen(PAGE, "r");
	bool here = false;

	strcpy(scratch, "/tmp/glasswatch-mutation-XXXXXX");
	if (!from || !mkdtemp(scratch))
		return -1;
	while (fgets(line, sizeof(line), from)) {
		if (line[0] == '#')
			here = strstr(line, "Lines that are not needed") != NULL;
		if (!here || sscanf(line, "| %15s | `%399[^`]` | %*c", what, pattern) != 2)
			continue;
		if (n_rows == MAX_ROWS)
			return -1;
		rows[n_rows].changes = strcmp(what, "delete") == 0  ? CHANGE_DELETE
				       : strcmp(what, "alter") == 0 ? CHANGE_ALTER
				       : strcmp(what, "both") == 0  ? CHANGE_DELETE | CHANGE_ALTER
								    : 0;
		if (rows[n_rows].changes)
			strcpy(rows[n_rows++].pattern, pattern);
	}
	fclose(from);
	return n_rows ? 0 : -1;
}

static int drop_scratch(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	return system(command);
}

static bool matches(const char *pattern, const char *text)
{
	for (; *pattern; pattern++, text++) {
		if (*pattern == '*') {
			for (;; text++) {
				if (matches(pattern + 1, text))
					return true;
				if (!*text)
					return false;
			}
		}
		if (*pattern != *text)
			return false;
	}
	return !*text;
}

static bool is_listed(enum change what, const char *plain, const char *marked)
{
	bool found = false;

	for (size_t i = 0; i < n_rows; i++) {
		bool word = strchr(rows[i].pattern, '[') != NULL;

		if (rows[i].changes & what &&
		    matches(rows[i].pattern, word && what == CHANGE_ALTER ? marked : plain)) {
			rows[i].used++;
			found = true;
		}
	}
	return found;
}

/* ---- one mutation ---- */

struct tally {
	unsigned changes, reported, listed, missed;
};

/* Findings of the fabric in scratch. */
static size_t findings(void)
{
	char err[512];
	struct fabric *f = fabric_load_extra(scratch, false, &model_extra, err, sizeof(err));
	struct check c;
	size_t n;

	if (!f) /* not even loaded: that is told too */
		return 1;
	assert_int_equal(check_run(&c, f), 0);
	n = c.findings.n;
	check_clear(&c);
	fabric_unref(f);
	return n;
}

static void put_file(const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s.cfg", scratch, name);
	unlink(path); /* a link to the good one */
	to = fopen(path, "w");
	assert_non_null(to);
	assert_int_equal(fwrite(text, 1, len, to), len);
	assert_int_equal(fclose(to), 0);
}

static void judge(struct tally *t, enum change what, const char *name, int line, const char *plain,
		  const char *marked, const char *text, size_t len)
{
	bool listed = is_listed(what, plain, marked);

	t->changes++;
	put_file(name, text, len);
	if (findings()) {
		t->reported++;
	} else if (listed) {
		t->listed++;
	} else {
		t->missed++;
		print_message("not reported and not listed: %s:%d %s `%s`\n", name, line,
			      what == CHANGE_DELETE ? "delete" : "alter", marked);
	}
}

static bool ends_in(const char *from, const char *to, const char *word)
{
	size_t len = strlen(word);

	while (to > from && to[-1] == ' ')
		to--;
	return (size_t)(to - from) >= len && strncmp(to - len, word, len) == 0;
}

/* The word altered, as a slip or a change of mind would; line: where it begins. False: a
 * keyword, of which the device itself would refuse any other. */
static bool alter(const char *line, const char *word, size_t len, char *out, size_t size)
{
	static const struct {
		const char *from, *to, *after; /* NULL: anywhere */
	} swaps[] = {
		{ "permit", "deny", NULL },	      { "deny", "permit", NULL },
		{ "true;", "false;", NULL },	      { "bgp", "connected", "source-protocol" },
		{ "bgp", "static", "redistribute" },  { "connected", "static", NULL },
		{ "multi-agent", "ribd", NULL },      { "soo", "rt", NULL },
		{ "ipv4", "ipv6", "address-family" }, { "ipv6", "ipv4", "address-family" }
	};
	static const char *const keywords[] = { "ipv4", "ipv6", "ipv4-unicast", "dot1q", "sha512" };
	bool name = false;

	for (size_t i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++)
		if (strlen(swaps[i].from) == len && strncmp(word, swaps[i].from, len) == 0 &&
		    (!swaps[i].after || ends_in(line, word, swaps[i].after))) {
			snprintf(out, size, "%s", swaps[i].to);
			return true;
		}
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strlen(keywords[i]) == len && strncmp(word, keywords[i], len) == 0)
			return false;
	snprintf(out, size, "%.*s", (int)len, word);
	for (size_t i = len; i-- > 0;)
		if (isdigit((unsigned char)out[i])) {
			out[i] = (char)(out[i] == '9' ? '0' : out[i] + 1);
			return true;
		}
	for (size_t i = 0; i < len; i++)
		name = name || isupper((unsigned char)word[i]) || word[i] == '_' ||
		       strncmp(word, "loopback", 8) == 0;
	name = name || (len == 7 && strncmp(word, "aon-soo", 7) == 0);
	if (!name || strncmp(word, "prefix_list_v", 13) == 0)
		return false;
	if (len > 2 && strncmp(out + len - 2, "()", 2) == 0)
		snprintf(out + len - 2, size - len + 2, "x()");
	else
		snprintf(out + len, size - len, "x");
	return true;
}

/* The lines that a line stands below, by indentation: "router bgp 65000 > vrf A > ". */
struct above {
	char text[8][MAX_LINE];
	size_t indent[8], depth;
};

static void put_above(struct above *a, const char *line, size_t len, char *out, size_t size)
{
	size_t indent = strspn(line, " ");

	out[0] = '\0';
	while (a->depth && a->indent[a->depth - 1] >= indent)
		a->depth--;
	for (size_t i = 0; i < a->depth; i++) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, "%s > ", a->text[i]);
	}
	assert_true(a->depth < 8);
	a->indent[a->depth] = indent;
	snprintf(a->text[a->depth++], MAX_LINE, "%.*s", (int)(len - indent), line + indent);
}

static void mutate_line(struct tally *t, const char *name, int number, struct above *above,
			const char *text, size_t len, const char *line, size_t line_len)
{
	char plain[MAX_LINE], marked[MAX_LINE], word[MAX_LINE], over[MAX_LINE];
	const char *end = line + line_len, *at = line, *first;
	char *copy = malloc(len + MAX_LINE);
	size_t before = (size_t)(line - text);

	assert_non_null(copy);
	while (at < end && *at == ' ')
		at++;
	if (at == end || *at == '!') {
		free(copy);
		return;
	}
	put_above(above, line, line_len, over, sizeof(over));
	snprintf(plain, sizeof(plain), "%s%.*s", over, (int)(end - at), at);
	first = at;
	memcpy(copy, text, before);
	memcpy(copy + before, end + 1, len - before - line_len - 1);
	judge(t, CHANGE_DELETE, name, number, plain, plain, copy, len - line_len - 1);

	while (at < end) {
		size_t w = strcspn(at, " \n"), more;

		if (w && alter(line, at, w, word, sizeof(word))) {
			size_t in = (size_t)(at - text);

			more = strlen(word);
			memcpy(copy, text, in);
			memcpy(copy + in, word, more);
			memcpy(copy + in + more, at + w, len - in - w);
			snprintf(marked, sizeof(marked), "%s%.*s[%.*s]%.*s", over,
				 (int)(at - first), first, (int)w, at,
				 (int)(end - at - (ptrdiff_t)w), at + w);
			judge(t, CHANGE_ALTER, name, number, plain, marked, copy, len + more - w);
		}
		at += w ? w : 1;
	}
	free(copy);
}

static void mutate(const char *dir, const char *name)
{
	char path[4400], *text = NULL;
	struct tally t = { 0 };
	struct above above = { .depth = 0 };
	bool banner = false;
	size_t len = 0;
	FILE *from, *to = open_memstream(&text, &len);
	int c, number = 1;

	snprintf(path, sizeof(path), "rm -f %s/*; ln -s $(realpath %s)/*.cfg %s/", scratch, dir,
		 scratch);
	assert_int_equal(system(path), 0);
	assert_int_equal(findings(), 0);
	snprintf(path, sizeof(path), "%s/%s.cfg", dir, name);
	from = fopen(path, "r");
	assert_non_null(from);
	while ((c = getc(from)) != EOF)
		putc(c, to);
	fclose(from);
	fclose(to);
	for (const char *at = text; at < text + len; number++) {
		size_t line_len = strcspn(at, "\n");

		if (banner && strncmp(at, "EOF\n", 4) == 0)
			banner = false;
		if (!banner)
			mutate_line(&t, name, number, &above, text, len, at, line_len);
		banner = banner || strncmp(at, "banner ", 7) == 0;
		at += line_len + 1;
	}
	free(text);
	print_message("%s: %u changes, %u reported, %u listed as not needed, %u missed\n", name,
		      t.changes, t.reported, t.listed, t.missed);
	assert_true(t.changes > 100);
	assert_int_equal(t.missed, 0);
}

static void test_own_ce(void **state)
{
	mutate(OWN, "lab1-AR-CE1");
}

static void test_own_tor(void **state)
{
	mutate(OWN, "lab1-CP1-TOR1");
}

/* The fabric of ../shared has a Port-Channel, and ToRs that announce by a route-map. */
static void test_shared(void **state)
{
	const char *at = getenv("GLASSWATCH_SHARED");
	char dir[600];

	snprintf(dir, sizeof(dir), "%s/data/eos/configs/good", at ? at : "../shared");
	if (access(dir, R_OK) < 0) {
		print_message("SKIP: no %s; its lines are NOT mutated\n", dir);
		skip();
	}
	with_shared = true;
	mutate(dir, "fab1-AR-CE1");
	mutate(dir, "fab1-CP1-TOR1");
	mutate(dir, "fab1-CP3-TOR1");
}

/* The list says nothing that no configuration needs. Runs last. */
static void test_no_idle_row(void **state)
{
	if (!with_shared)
		skip();
	for (size_t i = 0; i < n_rows; i++)
		if (!rows[i].used)
			print_message("%s: no line is `%s`\n", PAGE, rows[i].pattern);
	for (size_t i = 0; i < n_rows; i++)
		assert_true(rows[i].used > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_ce),
		cmocka_unit_test(test_own_tor),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_no_idle_row),
	};

	return cmocka_run_group_tests_name("check_mutation", tests, read_page, drop_scratch);
}
