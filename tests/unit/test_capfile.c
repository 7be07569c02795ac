/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files written byte by byte, whole, cut at each offset, and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "agent/capfile.h"

struct bytes {
	uint8_t at[4096];
	size_t n;
	int big; /* byte order of the writer */
};

static void add(struct bytes *b, uint64_t v, int size)
{
	int i;

	for (i = 0; i < size; i++)
		b->at[b->n++] = (uint8_t)(v >> 8 * (b->big ? size - 1 - i : i));
}

static void add_text(struct bytes *b, const char *text)
{
	memcpy(b->at + b->n, text, strlen(text));
	b->n += strlen(text);
}

static void pcap_head(struct bytes *b, uint32_t magic, uint32_t linktype)
{
	add(b, magic, 4);
	add(b, 2, 2);
	add(b, 4, 2);
	add(b, 0, 4);
	add(b, 0, 4);
	add(b, 65535, 4);
	add(b, linktype, 4);
}

static void pcap_packet(struct bytes *b, uint32_t s, uint32_t frac, const char *data, uint32_t wire)
{
	add(b, s, 4);
	add(b, frac, 4);
	add(b, strlen(data), 4);
	add(b, wire, 4);
	add_text(b, data);
}

static struct capfile *open_bytes(const struct bytes *b, char *err, size_t size)
{
	char path[64];
	int fd = memfd_create("capture", 0);
	struct capfile *f;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b->at, b->n), (ssize_t)b->n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	f = capfile_open(path, err, size);
	close(fd);
	return f;
}

static void test_pcap(void **state)
{
	static const struct {
		uint32_t magic;
		int big;
		uint64_t ns;
	} forms[] = {
		{ 0xa1b2c3d4, 0, 5000006000 }, { 0xa1b2c3d4, 1, 5000006000 },
		{ 0xa1b23c4d, 0, 5000000006 }, { 0xa1b23c4d, 1, 5000000006 },
	};
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct bytes b = { .big = forms[i].big };
		struct capfile_packet p;
		struct capfile *f;
		char err[256];

		pcap_head(&b, forms[i].magic, 1);
		pcap_packet(&b, 5, 6, "hello", 99);
		pcap_packet(&b, 6, 0, "", 60);
		f = open_bytes(&b, err, sizeof(err));
		assert_non_null(f);
		assert_int_equal(capfile_next(f, &p), 1);
		assert_int_equal(p.time_ns, forms[i].ns);
		assert_int_equal(p.captured, 5);
		assert_int_equal(p.wire, 99);
		assert_int_equal(p.linktype, 1);
		assert_memory_equal(p.data, "hello", 5);
		assert_int_equal(capfile_next(f, &p), 1);
		assert_int_equal(p.captured, 0);
		assert_int_equal(capfile_next(f, &p), 0);
		assert_int_equal(capfile_next(f, &p), 0);
		capfile_close(f);
	}
}

/* Wherever it is cut: what is whole before the cut is read, then one error that
 * names the offset of the record that is not whole. */
static void test_cut(void **state)
{
	struct bytes whole = { .big = 0 };
	size_t cut;

	pcap_head(&whole, 0xa1b2c3d4, 1);
	pcap_packet(&whole, 1, 0, "first", 5);
	pcap_packet(&whole, 2, 0, "second!", 7);
	for (cut = 0; cut < whole.n; cut++) {
		struct bytes b = whole;
		struct capfile_packet p;
		struct capfile *f;
		char err[256], offset[32];
		int expect = cut >= 24 + 16 + 5 ? 1 : 0, n = 0, got;

		b.n = cut;
		f = open_bytes(&b, err, sizeof(err));
		if (cut < 24) {
			assert_null(f);
			assert_non_null(strstr(err, "/proc/self/fd/"));
			continue;
		}
		while ((got = capfile_next(f, &p)) == 1)
			n++;
		assert_int_equal(n, expect);
		if (cut == 24 || cut == 24 + 21) {
			assert_int_equal(got, 0); /* between records: a clean end */
		} else {
			assert_int_equal(got, -1);
			snprintf(offset, sizeof(offset), "offset %d:", expect ? 45 : 24);
			assert_non_null(strstr(capfile_error(f), offset));
		}
		capfile_close(f);
	}
}

static void block(struct bytes *b, uint32_t type, const struct bytes *body)
{
	size_t padded = (body->n + 3) & ~(size_t)3;

	add(b, type, 4);
	add(b, padded + 12, 4);
	memcpy(b->at + b->n, body->at, body->n);
	memset(b->at + b->n + body->n, 0, padded - body->n);
	b->n += padded;
	add(b, padded + 12, 4);
}

static void section(struct bytes *b)
{
	struct bytes body = { .big = b->big };

	add(&body, 0x1a2b3c4d, 4);
	add(&body, 1, 2);
	add(&body, 0, 2);
	add(&body, UINT64_MAX, 8);
	block(b, 0x0a0d0d0a, &body);
}

static void interface(struct bytes *b, uint16_t linktype, int tsresol, int64_t offset)
{
	struct bytes body = { .big = b->big };

	add(&body, linktype, 2);
	add(&body, 0, 2);
	add(&body, 65535, 4);
	if (tsresol >= 0) {
		add(&body, 9, 2);
		add(&body, 1, 2);
		add(&body, (uint64_t)tsresol, 1);
		add(&body, 0, 3);
	}
	if (offset) {
		add(&body, 14, 2);
		add(&body, 8, 2);
		add(&body, (uint64_t)offset, 8);
	}
	add(&body, 0, 4);
	block(b, 1, &body);
}

static void enhanced(struct bytes *b, uint32_t i, uint64_t units, const char *data)
{
	struct bytes body = { .big = b->big };

	add(&body, i, 4);
	add(&body, units >> 32, 4);
	add(&body, units, 4);
	add(&body, strlen(data), 4);
	add(&body, strlen(data), 4);
	add_text(&body, data);
	block(b, 6, &body);
}

static void test_pcapng(void **state)
{
	int big;

	for (big = 0; big < 2; big++) {
		struct bytes b = { .big = big }, junk = { .big = big };
		struct capfile_packet p;
		struct capfile *f;
		char err[256];

		section(&b);
		interface(&b, 276, 9, 0);	 /* SLL2, nanoseconds */
		interface(&b, 1, -1, 100);	 /* Ethernet, microseconds, + 100 s */
		interface(&b, 1, 0x80 | 10, 0); /* 1/1024 s */
		add_text(&junk, "unknown block");
		block(&b, 0xbad, &junk);
		enhanced(&b, 0, 7000000001, "abc");
		enhanced(&b, 1, 2000003, "defg");
		enhanced(&b, 2, 1024 + 512, "h");
		section(&b); /* a section of its own interfaces follows */
		interface(&b, 101, -1, 0);
		enhanced(&b, 0, 1, "xy");
		f = open_bytes(&b, err, sizeof(err));
		assert_non_null(f);
		assert_int_equal(capfile_next(f, &p), 1);
		assert_int_equal(p.linktype, 276);
		assert_int_equal(p.time_ns, 7000000001);
		assert_memory_equal(p.data, "abc", 3);
		assert_int_equal(capfile_next(f, &p), 1);
		assert_int_equal(p.linktype, 1);
		assert_int_equal(p.time_ns, 102000003000);
		assert_int_equal(capfile_next(f, &p), 1);
		assert_int_equal(p.time_ns, 1500000000);
		assert_int_equal(capfile_next(f, &p), 1);
		assert_int_equal(p.linktype, 101);
		assert_int_equal(capfile_next(f, &p), 0);
		capfile_close(f);
	}
}

static void test_broken(void **state)
{
	struct bytes b = { .big = 0 };
	struct capfile_packet p;
	struct capfile *f;
	char err[256];

	add_text(&b, "this is no capture at all");
	assert_null(open_bytes(&b, err, sizeof(err)));
	assert_non_null(strstr(err, "neither pcap nor pcapng"));

	b.n = 0; /* a length that cannot be */
	pcap_head(&b, 0xa1b2c3d4, 1);
	add(&b, 1, 4);
	add(&b, 0, 4);
	add(&b, 0xfffffff0, 4);
	add(&b, 60, 4);
	f = open_bytes(&b, err, sizeof(err));
	assert_int_equal(capfile_next(f, &p), -1);
	assert_non_null(strstr(capfile_error(f), "corrupt"));
	capfile_close(f);

	b.n = 0; /* a packet of an interface that is not described */
	section(&b);
	enhanced(&b, 3, 0, "abcd");
	f = open_bytes(&b, err, sizeof(err));
	assert_int_equal(capfile_next(f, &p), -1);
	assert_non_null(strstr(capfile_error(f), "interface 3"));
	capfile_close(f);

	assert_null(capfile_open("/nonexistent/file.pcap", err, sizeof(err)));
	assert_string_equal(err, "/nonexistent/file.pcap: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
