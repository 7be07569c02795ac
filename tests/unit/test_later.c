/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded first and derived later: the same comes of it, once, whoever does it. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/store/chain_check.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/ahead.h"
#include "collector/store/episode.h"
#include "common/clock.h"
#include "tests/unit/both_stores.h"

#define T0 (1700000000 * NS_PER_S)
#define MOST 10000

static struct store *store;
static struct readers *readers;
static struct ingest_later *later;
static struct ingest_counts counts;

static struct store *again(void)
{
	char err[256];
	struct store *s = store_open(both_stores_again(), STORE_WRITE, err, sizeof(err));

	assert_non_null(s);
	store_set_name(s, "glasswatch-test");
	return s;
}

static int setup(void **state)
{
	memset(&counts, 0, sizeof(counts));
	store = both_stores_open(NULL);
	readers = readers_new(NULL);
	later = readers ? ingest_later_new(readers) : NULL;
	if (!store || !later)
		return -1;
	store_set_name(store, "glasswatch-test");
	return 0;
}

static int teardown(void **state)
{
	ingest_later_free(later);
	readers_free(readers);
	store_close(store);
	return 0;
}

static const char *other; /* the agent; NULL: "a" */
static bool seen_by_two;

static char *document(uint64_t seq, const char *device, const char *flow)
{
	struct event e = { .type = EVENT_FLOW_END,
			   .agent = other ? other : "a",
			   .seq = seq,
			   .time_ns = T0 + seq * NS_PER_S,
			   .device = device,
			   .path = GW_PATH_INBAND,
			   .service = GW_SERVICE_SSH,
			   .has_ends = true,
			   .source.port = 4000,
			   .destination.port = 22,
			   .has_flow = true,
			   .flow = { .id = flow,
				     .start_ns = T0 + seq * NS_PER_S,
				     .end_ns = T0 + seq * NS_PER_S,
				     .state = "SF",
				     .outcome = "closed",
				     .initiator = GW_BASIS_SYN,
				     .handshake_ms = -1 },
			   .has_trust = true,
			   .trust = { .verdict = GW_VERDICT_UNTRUSTED, .list = "t" } };
	char community[32], *text;

	snprintf(community, sizeof(community), "1:f%" PRIu64 "+/=", seq);
	e.community_id = seen_by_two ? community : NULL;
	addr_parse("192.0.2.9", &e.source.ip);
	addr_parse("10.3.0.1", &e.destination.ip);
	text = event_encode(&e);
	assert_non_null(text);
	return text;
}

typedef int take_fn(struct store *s, const struct ingest_entry *entries, size_t n, uint64_t now,
		    struct ingest_counts *counts);

/* Events first to last of an agent, each of a flow of its own; device NULL: "d". */
static void take(take_fn *fn, uint64_t first, uint64_t last, const char *device)
{
	static struct ingest_entry entries[MOST];
	char flow[32], id[32];
	size_t n = 0;

	for (uint64_t seq = first; seq <= last; seq++, n++) {
		snprintf(flow, sizeof(flow), "f%" PRIu64, seq);
		snprintf(id, sizeof(id), "%" PRIu64 "-0", seq);
		entries[n] =
			(struct ingest_entry){ .id = strdup(id),
					       .json = document(seq, device ? device : "d", flow) };
		entries[n].len = strlen(entries[n].json);
	}
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(fn(store, entries, n, T0 + 5000 * NS_PER_S, &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	for (size_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)entries[i].json);
		free((char *)(uintptr_t)entries[i].id);
	}
}

/* 1: there is more. */
static int derive(void)
{
	int rc;

	assert_int_equal(ingest_begin(store), 0);
	rc = ingest_derive(store, later, &counts);
	if (rc < 0)
		fail_msg("%d: %s", rc, store_error(store));
	assert_int_equal(ingest_commit(store), 0);
	return rc;
}

static uint64_t behind(void)
{
	uint64_t derived, places, oldest_ns;

	assert_int_equal(store_behind(store, &derived, &places, &oldest_ns), 0);
	assert_true((places == derived) == (oldest_ns == 0));
	return places - derived;
}

struct listed {
	uint64_t n, events, last_seq;
	bool in_order;
};

static int list_event(void *arg, const struct store_event *e)
{
	struct listed *l = arg;

	assert_int_equal(e->n, ++l->n);
	if (strcmp(e->agent, "a") != 0)
		return 0;
	l->events++;
	l->in_order = l->in_order && e->seq > l->last_seq;
	l->last_seq = e->seq;
	assert_non_null(strstr(e->json, e->flow));
	return 0;
}

static struct listed list(void)
{
	struct store_filter all = { .arrival = true };
	struct listed l = { .in_order = true };

	assert_int_equal(store_events(store, &all, list_event, &l), 0);
	return l;
}

static int take_place(void *arg, const struct store_place *p)
{
	chain_check_place(arg, p);
	return 0;
}

static int take_stray(void *arg, const struct store_place *p)
{
	chain_check_stray(arg, p);
	return 0;
}

static int take_hole(void *arg, const struct store_hole *h)
{
	chain_check_hole(arg, h);
	return 0;
}

static void verify(uint64_t events)
{
	struct chain_check *c = chain_check_new(store_id(store));

	assert_int_equal(store_snapshot(store), 0);
	assert_int_equal(store_chain(store, take_place, c), 0);
	chain_check_finish_places(c);
	assert_int_equal(store_chain_strays(store, take_stray, c), 0);
	assert_int_equal(store_holes(store, take_hole, c), 0);
	store_rollback(store);
	assert_int_equal(chain_check_totals(c)->findings, 0);
	assert_true(chain_check_totals(c)->events >= events);
	chain_check_free(c);
}

static void test_later(void **state)
{
	struct listed l;

	take(ingest_record, 5, 300, NULL);
	assert_int_equal(behind(), 296);
	l = list();
	assert_int_equal(l.n, 0);
	verify(296);
	/* A small batch waits for what came before it. */
	take(ingest_batch, 301, 302, NULL);
	assert_int_equal(behind(), 298);
	take(ingest_record, 303, 2500, NULL);
	/* Twice: what is not derived yet is known all the same, and what is other content. */
	take(ingest_record, 295, 305, NULL);
	assert_int_equal(counts.duplicates, 11);
	take(ingest_record, 299, 299, "another");
	assert_int_equal(counts.dead, 1);
	verify(2496);
	while (derive())
		;
	assert_int_equal(behind(), 0);
	l = list();
	assert_int_equal(l.events, 2496);
	assert_true(l.in_order);
	assert_true(l.n > l.events); /* alerts, among them */
	verify(l.n);
	take(ingest_batch, 2501, 2502, NULL);
	assert_int_equal(behind(), 0);
	l = list();
	assert_int_equal(l.events, 2498);
	assert_int_equal(derive(), 0);
	verify(l.n);
}

/* What is undone is derived again; what another one has derived is not. */
static void test_turns(void **state)
{
	struct store *mine = store;
	struct listed l;

	take(ingest_record, 1, 9000, NULL);
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_derive(store, later, &counts), 1);
	store_rollback(store);
	assert_int_equal(behind(), 9000);
	assert_int_equal(derive(), 1);
	if (both_stores_pg()) {
		store = again(); /* the other collector goes on, and then this one again */
		derive();
		take(ingest_record, 9001, 9100, NULL);
		store_close(store);
		store = mine;
	}
	while (derive())
		;
	assert_int_equal(behind(), 0);
	l = list();
	assert_int_equal(l.events, both_stores_pg() ? 9100 : 9000);
	assert_true(l.in_order);
	verify(l.n);
}

static int count_flow(void *arg, const struct store_flow *f)
{
	*(unsigned *)arg += f->same_as == 0;
	return 0;
}

static void take_of(const char *agent, uint64_t first, uint64_t last)
{
	other = agent;
	take(ingest_record, first, last, NULL);
}

/* A flow that two agents saw is one, whether both told of it in one batch or not. */
static void test_twins(void **state)
{
	struct store_filter all = { .twins = true };
	unsigned counted = 0;

	seen_by_two = true;
	take_of("a", 1, 300);
	assert_int_equal(derive(), 0);
	if (both_stores_pg()) {
		store_close(store);
		store = again(); /* it has to ask what is there */
	}
	take_of("b", 201, 500);
	assert_int_equal(derive(), 0);
	take_of("a", 301, 600);
	take_of("b", 501, 700);
	take_of("c", 1, 10);
	assert_int_equal(derive(), 0);
	other = NULL;
	seen_by_two = false;
	assert_int_equal(store_flows(store, &all, count_flow, &counted), 0);
	assert_int_equal(counted, 700);
}

static int take_dead(void *arg, const struct store_dead *d)
{
	snprintf(arg, 100, "%s", d->entry);
	assert_non_null(strstr(d->reason, "it is in the record"));
	return 0;
}

/* The database refuses a row: that one alone is left out, and told of. */
static void test_refused(void **state)
{
	struct store_filter all = { 0 };
	char entry[100] = "";
	struct listed l;

	if (!both_stores_pg())
		skip();
	both_stores_sql("ALTER TABLE flows ADD CONSTRAINT no CHECK (device <> 'refused')");
	take(ingest_record, 1, 1200, NULL);
	take(ingest_record, 1201, 1201, "refused");
	take(ingest_record, 1202, 1300, NULL);
	while (derive())
		;
	assert_int_equal(behind(), 0);
	l = list();
	assert_int_equal(l.events, 1299);
	assert_int_equal(counts.dead, 1);
	assert_int_equal(store_dead_letters(store, &all, take_dead, entry), 0);
	assert_string_equal(entry, "place 1201");
	verify(1300);
	/* And where all is done at once. */
	take(ingest_batch, 1301, 1301, "refused");
	take(ingest_batch, 1302, 1302, NULL);
	l = list();
	assert_int_equal(l.events, 1300);
	assert_int_equal(counts.dead, 2);
	assert_int_equal(behind(), 0);
	verify(1302);
	/* It is in the record: the same again is a duplicate. */
	take(ingest_batch, 1301, 1301, "refused");
	assert_int_equal(counts.duplicates, 1);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_twins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
