/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What verify reads: anchors, a line each, in a file or a stream that others can
 * write to; and a record that somebody has changed in any way. The first byte says
 * how many places there are; two bytes each then change one of them. A record that is
 * not what it was must not pass, and nothing else may happen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/command/verify.h"
#include "collector/store/chain_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID "000102030405060708090a0b0c0d0e0f"
#define PLACES 64

static void anchors(const uint8_t *data, size_t size)
{
	struct verify_anchors list = { 0 };
	char err[300], line[CHAIN_ANCHOR_LEN];
	struct chain_anchor again;
	FILE *f = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;

	if (!f)
		return;
	if (verify_anchors_read(&list, f, "f", err, sizeof(err)))
		for (size_t i = 0; i < list.n; i++) {
			size_t len = chain_anchor_format(&list.list[i], "c", line);

			if (!chain_anchor_parse(line, len, &again, err, sizeof(err)) ||
			    memcmp(&again, &list.list[i], sizeof(again)) != 0)
				abort();
		}
	verify_anchors_free(&list);
	fclose(f);
}

static void make(struct store_place *places, size_t n)
{
	struct chain_digest *d = chain_digest_new();
	struct chain_hash before;

	chain_first(d, ID, &before);
	for (size_t i = 0; i < n; i++) {
		struct store_place *p = &places[i];

		*p = (struct store_place){ .place = i + 1, .n = i + 1, .kind = "event" };
		p->there = true;
		chain_begin(d, p->kind);
		chain_int(d, (int64_t)i);
		chain_end(d, &p->row);
		p->digest = p->row;
		chain_next(d, &before, &p->digest, &p->hash);
		before = p->hash;
	}
	chain_digest_free(d);
}

static size_t change(struct store_place *places, size_t n, uint8_t how, uint8_t where)
{
	struct store_place *p = &places[where % n], *q = &places[(where ^ how) % n], keep = *p;

	switch (how % 9) {
	case 0:
		p->row.bytes[where % 32] ^= (uint8_t)(1 + how / 9);
		break;
	case 1:
		p->digest.bytes[how / 9] ^= 1;
		break;
	case 2:
		p->hash.bytes[how / 9] ^= 1;
		break;
	case 3:
		*p = *q;
		*q = keep;
		break;
	case 4:
		p->row = q->row;
		q->row = keep.row;
		break;
	case 5:
		p->there = false;
		break;
	case 6:
		p->place = q->place;
		break;
	case 7:
		*p = *q;
		break;
	default:
		memmove(p, p + 1, (size_t)(places + n - p - 1) * sizeof(*p));
		n--;
		break;
	}
	return n;
}

static bool same(const struct store_place *a, const struct store_place *b)
{
	return a->place == b->place && a->there == b->there && chain_equal(&a->row, &b->row) &&
	       chain_equal(&a->digest, &b->digest) && chain_equal(&a->hash, &b->hash);
}

static void record(const uint8_t *data, size_t size)
{
	struct store_place was[PLACES], now[PLACES];
	size_t n = 1 + data[0] % PLACES, left = n;
	struct chain_check *c = chain_check_new(ID);
	const struct chain_finding *found;
	bool changed = false;

	make(was, n);
	memcpy(now, was, sizeof(now));
	for (size_t i = 1; i + 1 < size && i < 64 && left; i += 2)
		left = change(now, left, data[i], data[i + 1]);
	for (size_t i = 0; i < left; i++) {
		chain_check_place(c, &now[i]);
		changed |= !same(&was[i], &now[i]);
	}
	chain_check_finish_places(c);
	for (size_t i = 0; i + 1 < size && i < 32; i += 2) {
		struct chain_anchor a = { .store = ID, .number = data[i], .place = 1 + data[i] };

		a.hash = was[data[i + 1] % n].hash;
		chain_check_anchor(c, &a, data[i] < left ? &now[data[i]].hash : NULL, i & 2);
	}
	if (changed && !chain_check_totals(c)->findings)
		abort();
	chain_check_finish(c, size & 1);
	chain_check_findings(c, &found);
	chain_check_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		record(data, size);
	anchors(data, size);
	return 0;
}
