/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for receivers: nothing of it is lost, however much it is, however long it
 * takes, and whatever the clock does. Real stores; time is ours. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/store/deliver.h"
#include "common/clock.h"
#include "tests/unit/both_stores.h"

#define S(x) ((uint64_t)(x)*NS_PER_S)
#define T0 S(1700000000)
#define DAY S(86400)
#define HOOK "webhook http://h #1"
#define CHAT "slack http://s #2"
#define MANY 3000

static struct store *store;

static int setup(void **state)
{
	store = both_stores_open(NULL);
	if (!store)
		return -1;
	return store_receiver_note(store, HOOK, "webhook", S(5), T0);
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

/* Alerts first to last of a bundle have changed. */
static void queue(const char *bundle, uint64_t first, uint64_t last, uint64_t now_ns)
{
	assert_int_equal(store_begin(store), 0);
	for (uint64_t i = first; i <= last; i++)
		assert_int_equal(store_deliver_queue(store, bundle, i, now_ns), 0);
	assert_int_equal(store_commit(store), 0);
}

static void again(struct store *by, uint64_t alert, uint64_t now_ns)
{
	struct store_again a = { alert, "b" };

	assert_int_equal(store_deliver_again(by, HOOK, &a, 1, now_ns), 0);
}

static int claim(uint64_t now_ns, struct store_claim *c)
{
	return store_deliver_claim(store, HOOK, now_ns, now_ns + S(15), c);
}

static uint64_t waiting(const char *receiver)
{
	uint64_t rows, oldest;

	assert_int_equal(store_deliver_waiting(store, receiver, &rows, &oldest), 0);
	return rows;
}

/* Claims all that is due and answers for it. How many alerts of up to MANY there were. */
static size_t drain(uint64_t now_ns)
{
	static bool seen[MANY + 1];
	struct store_claim c;
	size_t n = 0;

	memset(seen, 0, sizeof(seen));
	while (claim(now_ns, &c) == 1) {
		for (size_t i = 0; i < c.n_alerts; i++)
			if (c.alerts[i] <= MANY && !seen[c.alerts[i]]) {
				seen[c.alerts[i]] = true;
				n++;
			}
		assert_int_equal(store_deliver_done(store, HOOK, &c, NULL, 0, now_ns), 0);
		store_claim_free(&c);
	}
	assert_int_equal(waiting(HOOK), 0);
	return n;
}

/* More of one bundle than a row takes, for one receiver and for all. */
static void test_many(void **state)
{
	assert_int_equal(store_receiver_note(store, CHAT, "slack", S(5), T0), 0);
	queue("b", 1, MANY, T0);
	assert_int_equal(waiting(HOOK), waiting(CHAT));
	assert_int_equal(drain(T0 + S(5)), MANY);
	/* one receiver's rows are gone, the other's are full */
	queue("b", 1, 10, T0 + S(6));
	assert_int_equal(drain(T0 + S(11)), 10);
}

/* A row that a sweep has filled has room for a change that comes then. */
static void test_swept(void **state)
{
	struct store_claim c;

	for (uint64_t i = 1; i <= MANY; i++)
		again(store, i, T0);
	queue("b", MANY, MANY, T0);
	assert_int_equal(drain(T0 + S(5)), MANY);
	/* the same over and over is there once, and needs no second row */
	queue("b", 1, 2, T0 + S(10));
	for (int i = 0; i < 1500; i++) {
		again(store, 1 + i % 2, T0 + S(10));
		queue("b", 1, 2, T0 + S(10));
	}
	assert_int_equal(waiting(HOOK), 1);
	assert_int_equal(claim(T0 + S(15), &c), 1);
	assert_int_equal(c.n_alerts, 2);
	/* it is on its way: a sweep leaves it alone, but not another alert of the bundle */
	again(store, 2, T0 + S(15));
	assert_int_equal(waiting(HOOK), 1);
	again(store, 12, T0 + S(15));
	assert_int_equal(waiting(HOOK), 2);
	/* while a change of it is news */
	queue("b", 2, 2, T0 + S(15));
	assert_int_equal(store_deliver_done(store, HOOK, &c, NULL, 0, T0 + S(15)), 0);
	store_claim_free(&c);
	assert_int_equal(drain(T0 + S(20)), 2);
}

/* All but the first hundred did not fit. */
static void answer_hundred(struct store_claim *c, uint64_t now_ns)
{
	assert_true(c->n_alerts > 100);
	c->n_rest = c->n_alerts - 100;
	memmove(c->alerts, c->alerts + 100, c->n_rest * sizeof(*c->alerts));
	assert_int_equal(store_deliver_done(store, HOOK, c, NULL, 0, now_ns), 0);
	store_claim_free(c);
}

/* What does not fit into a notification is due again, with all its numbers, */
static void test_rest(void **state)
{
	struct store_claim c;

	queue("b", 1, MANY, T0);
	assert_int_equal(claim(T0 + S(5), &c), 1);
	answer_hundred(&c, T0 + S(5));
	assert_int_equal(claim(T0 + S(5), &c), 1);
	answer_hundred(&c, T0 + S(5));
	assert_int_equal(drain(T0 + S(5)), MANY - 200);
	/* more than one row's worth of it */
	queue("b", 1, MANY, T0 + S(10));
	assert_int_equal(claim(T0 + S(15), &c), 1);
	c.alerts = realloc(c.alerts, MANY * sizeof(*c.alerts));
	for (c.n_alerts = 0; c.n_alerts < MANY; c.n_alerts++)
		c.alerts[c.n_alerts] = c.n_alerts + 1;
	answer_hundred(&c, T0 + S(15));
	assert_int_equal(drain(T0 + S(15)), MANY - 100);
}

/* also while another notification of the bundle waits for its next attempt, even one of
 * the same alerts, */
static void test_rest_beside(void **state)
{
	struct store_claim c;

	queue("b", 120, 120, T0);
	assert_int_equal(claim(T0 + S(5), &c), 1);
	assert_int_equal(store_deliver_failed(store, HOOK, &c, T0 + S(300), "HTTP 400"), 0);
	store_claim_free(&c);
	queue("b", 1, 150, T0 + S(10));
	assert_int_equal(claim(T0 + S(15), &c), 1);
	assert_int_equal(c.n_alerts, 150);
	answer_hundred(&c, T0 + S(15));
	assert_int_equal(claim(T0 + S(15), &c), 1);
	assert_int_equal(c.n_alerts, 50);
	assert_int_equal(c.alerts[0], 101);
	assert_int_equal(c.attempts, 1);
	assert_int_equal(store_deliver_done(store, HOOK, &c, NULL, 0, T0 + S(15)), 0);
	store_claim_free(&c);
	assert_int_equal(waiting(HOOK), 1);
}

/* and together with the answer or not at all: here the database refuses the rest. */
static void test_rest_refused(void **state)
{
	struct store_told told = { .alert = 1, .firing = true, .time_ns = T0 + S(5) };
	struct store_claim c;

	if (!both_stores_pg())
		return;
	queue("b", 1, 150, T0);
	assert_int_equal(claim(T0 + S(5), &c), 1);
	both_stores_sql("ALTER TABLE deliveries ADD CHECK (alerts NOT LIKE '101 %')");
	c.n_rest = 50;
	memmove(c.alerts, c.alerts + 100, 50 * sizeof(*c.alerts));
	assert_true(store_deliver_done(store, HOOK, &c, &told, 1, T0 + S(5)) < 0);
	store_claim_free(&c);
	assert_int_equal(store_told_get(store, HOOK, 1, &told), 0);
	assert_int_equal(drain(T0 + S(20)), 150);
}

/* The clock is set back by a day: nothing waits for that day to pass, */
static void test_set_back(void **state)
{
	struct store_claim c;

	assert_int_equal(store_receiver_note(store, HOOK, "webhook", S(5), T0 + DAY), 0);
	queue("b", 1, 1, T0 + DAY);
	queue("tried", 2, 2, T0 + DAY);
	assert_int_equal(claim(T0 + DAY + S(5), &c), 1);
	assert_int_equal(store_deliver_failed(store, HOOK, &c, T0 + DAY + S(300), "HTTP 500"), 0);
	store_claim_free(&c);
	assert_int_equal(drain(T0 + S(3600)), 2);
	/* neither what joins a row of then, nor what is on its way */
	queue("b", 1, 1, T0 + DAY);
	again(store, 3, T0 + S(3600));
	queue("b", 2, 2, T0 + S(3600));
	assert_int_equal(drain(T0 + S(3600)), 3);
	queue("b", 1, 1, T0 + DAY);
	assert_int_equal(claim(T0 + DAY + S(5), &c), 1);
	store_claim_free(&c);
	assert_int_equal(drain(T0 + S(3600)), 1);
}

/* and what is put off as long as can be is still put off. */
static void test_put_off(void **state)
{
	struct store_claim c;

	assert_int_equal(store_receiver_note(store, HOOK, "webhook", S(600), T0), 0);
	queue("b", 1, 1, T0);
	assert_int_equal(claim(T0 - S(59), &c), 0);
	assert_int_equal(claim(T0 + S(599), &c), 0);
	assert_int_equal(claim(T0 + S(600), &c), 1);
	assert_int_equal(store_deliver_failed(store, HOOK, &c, T0 + S(1200), "HTTP 429"), 0);
	store_claim_free(&c);
	assert_int_equal(claim(T0 + S(600), &c), 0);
	assert_int_equal(drain(T0 + S(1200)), 1);
}

/* A collector of two receivers was down for more than a day. */
static void test_down(void **state)
{
	uint64_t now = T0 + DAY + S(1);

	assert_int_equal(store_receiver_note(store, CHAT, "slack", S(5), T0), 0);
	queue("b", 1, 1, T0);
	assert_int_equal(store_receiver_note(store, HOOK, "webhook", S(5), now), 0);
	assert_int_equal(waiting(CHAT), 1);
	assert_int_equal(store_receiver_note(store, CHAT, "slack", S(5), now), 0);
	assert_int_equal(store_receivers_forget(store, now), 0);
	assert_int_equal(waiting(CHAT), 1);
	assert_int_equal(waiting(HOOK), 1);
	/* only one of them is there from now on */
	assert_int_equal(store_receiver_note(store, HOOK, "webhook", S(5), now + DAY), 0);
	assert_int_equal(store_receivers_forget(store, now + DAY), 0);
	assert_int_equal(waiting(CHAT), 0);
	assert_int_equal(waiting(HOOK), 1);
}

/* A receiver has refused alerts for a week, and others of the bundle since a minute. */
static void test_give_up(void **state)
{
	uint64_t now = T0 + 7 * DAY + S(60);
	struct store_told told[3] = { 0 }, found;
	struct store_claim c;

	for (size_t i = 0; i < 3; i++)
		told[i] = (struct store_told){ i + 1, true, SEVERITY_WARNING, now };
	queue("b", 1, 2, T0);
	assert_int_equal(claim(T0 + S(5), &c), 1);
	assert_int_equal(store_deliver_failed(store, HOOK, &c, now, "HTTP 400"), 0);
	store_claim_free(&c);
	assert_int_equal(store_receiver_note(store, HOOK, "webhook", S(5), now), 0);
	queue("b", 2, 3, now - S(50)); /* the second has changed, the third is new */
	assert_int_equal(claim(now, &c), 1);
	assert_int_equal(c.n_alerts, 3);
	assert_int_equal(c.n_rows, 2);
	assert_int_equal(store_deliver_give_up(store, HOOK, &c, told, 3, now - 7 * DAY), 0);
	assert_int_equal(store_deliver_failed(store, HOOK, &c, now + S(60), "HTTP 400"), 0);
	store_claim_free(&c);
	assert_int_equal(store_told_get(store, HOOK, 1, &found), 1);
	assert_int_equal(store_told_get(store, HOOK, 2, &found), 0);
	assert_int_equal(store_told_get(store, HOOK, 3, &found), 0);
	assert_int_equal(waiting(HOOK), 1);
	assert_int_equal(claim(now + S(59), &c), 0);
	assert_int_equal(claim(now + S(60), &c), 1);
	assert_int_equal(c.n_alerts, 2);
	assert_int_equal(c.alerts[0], 2);
	assert_int_equal(c.attempts, 2);
	store_claim_free(&c);
}

static _Atomic bool over;

static void *sweep(void *arg)
{
	for (uint64_t i = 1; i <= MANY; i++)
		again(arg, i, T0);
	over = true;
	return NULL;
}

/* Another collector repeats alerts while this one claims what it has queued. */
static void test_two(void **state)
{
	static bool seen[MANY + 1];
	bool last = false;
	size_t n = 0;
	struct store_claim c;
	struct store *other;
	pthread_t thread;
	char err[256];

	if (!both_stores_pg())
		return;
	other = store_open(both_stores_again(), STORE_WRITE, err, sizeof(err));
	assert_non_null(other);
	assert_int_equal(pthread_create(&thread, NULL, sweep, other), 0);
	while (!last) {
		last = over; /* what was queued before it was set is claimed after it was read */
		while (claim(T0, &c) == 1) {
			for (size_t i = 0; i < c.n_alerts; i++) {
				n += !seen[c.alerts[i]];
				seen[c.alerts[i]] = true;
			}
			assert_int_equal(store_deliver_done(store, HOOK, &c, NULL, 0, T0), 0);
			store_claim_free(&c);
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	store_close(other);
	assert_int_equal(n, MANY);
}

static int run(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_many),
		T(test_swept),
		T(test_rest),
		T(test_rest_beside),
		T(test_rest_refused),
		T(test_set_back),
		T(test_put_off),
		T(test_down),
		T(test_give_up),
		T(test_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return both_stores(run);
}
