/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"
#include "common/clock.h"

#define FORGET (86400 * NS_PER_S) /* a receiver that no collector has had for so long */

/* A row that more alerts may join; and one that has the alert of this number. */
#define OPEN "attempts = 0 AND LENGTH(alerts) < 4000"
#define HAS(number) "' ' || alerts || ' ' LIKE '% ' || " number " || ' %'"

/* ---- what changes an alert --------------------------------------------------- */

/* First a row for each receiver that has no open one, then the number into the open rows
 * that do not have it: so it is in an open row of each, however full the others are. */
int store_deliver_queue(struct store *s, const char *bundle, uint64_t alert, uint64_t now_ns)
{
	char number[24];
	int rc;

	snprintf(number, sizeof(number), "%" PRIu64, alert);
	rc = db_run(s->db,
		    "INSERT INTO deliveries (receiver, bundle, alerts, created, due, attempts)"
		    " SELECT r.receiver, CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT),"
		    " CAST($3 AS BIGINT) + r.wait, 0 FROM receivers r WHERE r.seen > $4"
		    " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.receiver = r.receiver"
		    " AND d.bundle = $1 AND " OPEN ")",
		    "ttii", bundle, number, now_ns, now_ns > FORGET ? now_ns - FORGET : 0);
	if (rc < 0)
		return rc;
	return store_done(db_run(s->db,
				 "UPDATE deliveries SET alerts = alerts || ' ' || $1"
				 " WHERE bundle = $2 AND " OPEN " AND NOT " HAS("$1"),
				 "tt", number, bundle));
}

/* 1: this alert waits for the receiver. */
static int waits(struct store *s, const char *receiver, const char *bundle, const char *number)
{
	struct db_row *row;

	return db_get(s->db, &row,
		      "SELECT 1 FROM deliveries WHERE bundle = $1 AND receiver = $2 AND " HAS("$3"),
		      "ttt", bundle, receiver, number);
}

/* A new row for one receiver, due at once. */
static int add_row(struct store *s, const char *receiver, const char *bundle, const char *alerts,
		   uint64_t now_ns)
{
	return store_done(db_run(s->db,
				 "INSERT INTO deliveries (receiver, bundle, alerts, created, due,"
				 " attempts) VALUES ($1, $2, $3, $4, $4, 0)",
				 "ttti", receiver, bundle, alerts, now_ns));
}

/* ---- who sends ---------------------------------------------------------------- */

static int finish(struct store *s, int rc)
{
	if (rc >= 0) {
		int failed = store_commit(s);

		if (!failed)
			return rc;
		rc = failed;
	}
	store_rollback(s);
	return rc;
}

static int again(struct store *s, const char *receiver, const struct store_again *a,
		 uint64_t now_ns)
{
	char number[24];
	int rc;

	snprintf(number, sizeof(number), "%" PRIu64, a->alert);
	rc = waits(s, receiver, a->bundle, number);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = db_run(s->db,
		    "UPDATE deliveries SET alerts = alerts || ' ' || $1"
		    " WHERE bundle = $2 AND receiver = $3 AND " OPEN,
		    "ttt", number, a->bundle, receiver);
	if (rc)
		return rc < 0 ? rc : 0;
	return add_row(s, receiver, a->bundle, number, now_ns);
}

int store_deliver_again(struct store *s, const char *receiver, const struct store_again *list,
			size_t n, uint64_t now_ns)
{
	int rc = n ? store_begin(s) : 0;

	if (rc || !n)
		return rc;
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = again(s, receiver, &list[i], now_ns);
	return finish(s, rc);
}

int store_receiver_note(struct store *s, const char *receiver, const char *kind, uint64_t wait_ns,
			uint64_t now_ns)
{
	int rc = store_begin(s);

	if (rc)
		return rc;
	rc = db_run(s->db,
		    "INSERT INTO receivers (receiver, kind, wait, seen) VALUES ($1, $2, $3, $4)"
		    " ON CONFLICT (receiver) DO UPDATE SET kind = excluded.kind,"
		    " wait = excluded.wait, seen = excluded.seen",
		    "ttii", receiver, kind, wait_ns, now_ns);
	return finish(s, rc < 0 ? rc : 0);
}

int store_receivers_forget(struct store *s, uint64_t now_ns)
{
	uint64_t old = now_ns > FORGET ? now_ns - FORGET : 0;
	int rc = store_begin(s);

	if (rc)
		return rc;
	rc = db_run(s->db,
		    "DELETE FROM deliveries WHERE receiver IN"
		    " (SELECT receiver FROM receivers WHERE seen <= $1)",
		    "i", old);
	if (rc >= 0)
		rc = db_run(s->db,
			    "DELETE FROM told WHERE receiver IN"
			    " (SELECT receiver FROM receivers WHERE seen <= $1)",
			    "i", old);
	if (rc >= 0)
		rc = db_run(s->db, "DELETE FROM receivers WHERE seen <= $1", "i", old);
	return finish(s, rc < 0 ? rc : 0);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool add_alerts(struct store_claim *c, const char *list)
{
	while (list && *list) {
		char *end;
		unsigned long long n = strtoull(list, &end, 10);

		if (end == list)
			break;
		list = end;
		if ((c->n_alerts & (c->n_alerts - 1)) == 0) { /* full at each power of two */
			size_t room = c->n_alerts ? 2 * c->n_alerts : 1;
			uint64_t *more = realloc(c->alerts, room * sizeof(*more));

			if (!more)
				return false;
			c->alerts = more;
		}
		c->alerts[c->n_alerts++] = n;
	}
	return true;
}

static void once_each(struct store_claim *c)
{
	size_t k = 0;

	if (c->n_alerts)
		qsort(c->alerts, c->n_alerts, sizeof(*c->alerts), by_number);
	for (size_t i = 0; i < c->n_alerts; i++)
		if (k == 0 || c->alerts[k - 1] != c->alerts[i])
			c->alerts[k++] = c->alerts[i];
	c->n_alerts = k;
}

static int claim_row(void *arg, struct db_row *row)
{
	struct store_claim *c = arg;
	uint64_t created = db_u64(row, 2), attempts = db_u64(row, 3);

	if (c->n_rows == sizeof(c->rows) / sizeof(c->rows[0]) || c->n_alerts >= STORE_CLAIM_ENOUGH)
		return 1; /* the next claim has it */
	if (!add_alerts(c, db_text(row, 1)))
		return STORE_FAILED;
	c->rows[c->n_rows++] = db_u64(row, 0);
	if (!c->created_ns || created < c->created_ns)
		c->created_ns = created;
	if (attempts > c->attempts)
		c->attempts = attempts;
	return 0;
}

/* Two questions, as each of them is one step in the index. */
static int find_due(struct store *s, const char *receiver, uint64_t now_ns, struct db_row **row)
{
	int rc = db_get(s->db, row,
			"SELECT bundle FROM deliveries WHERE receiver = $1 AND due <= $2"
			" ORDER BY due, id LIMIT 1",
			"ti", receiver, now_ns);

	if (rc)
		return rc;
	return db_get(s->db, row,
		      "SELECT bundle FROM deliveries WHERE receiver = $1 AND due > $2"
		      " ORDER BY due, id LIMIT 1",
		      "ti", receiver, now_ns + STORE_DUE_MOST);
}

int store_deliver_claim(struct store *s, const char *receiver, uint64_t now_ns, uint64_t lease_ns,
			struct store_claim *out)
{
	struct db_row *row;
	int rc;

	*out = (struct store_claim){ 0 };
	/* Mostly nothing is due: then there is nothing to write. */
	rc = find_due(s, receiver, now_ns, &row);
	if (rc != 1)
		return rc;
	rc = store_begin(s);
	if (rc)
		return rc;
	rc = find_due(s, receiver, now_ns, &row);
	if (rc == 1) {
		snprintf(out->bundle, sizeof(out->bundle), "%s", db_text(row, 0));
		rc = db_each(s->db, claim_row, out,
			     "SELECT id, alerts, created, attempts + 1 FROM deliveries"
			     " WHERE receiver = $1 AND bundle = $2"
			     " AND (due <= $3 OR due > $4 OR attempts = 0) ORDER BY id LIMIT 64",
			     "ttii", receiver, out->bundle, now_ns, now_ns + STORE_DUE_MOST);
		for (size_t i = 0; i < out->n_rows && rc >= 0; i++)
			rc = db_run(s->db,
				    "UPDATE deliveries SET attempts = attempts + 1, due = $1"
				    " WHERE id = $2",
				    "ii", lease_ns, out->rows[i]);
	}
	rc = finish(s, rc);
	once_each(out);
	if (rc < 0)
		store_claim_free(out);
	return rc < 0 ? rc : out->n_rows > 0;
}

void store_claim_free(struct store_claim *c)
{
	free(c->alerts);
	*c = (struct store_claim){ 0 };
}

int store_told_get(struct store *s, const char *receiver, uint64_t alert, struct store_told *out)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"SELECT state, severity, time FROM told WHERE alert = $1 AND receiver = $2",
			"it", alert, receiver);

	*out = (struct store_told){ .alert = alert };
	if (rc != 1)
		return rc;
	out->firing = strcmp(db_text(row, 0), "firing") == 0;
	for (int i = 0; i < SEVERITY_NUM; i++)
		if (strcmp(db_text(row, 1), event_severity_name((enum event_severity)i)) == 0)
			out->severity = (enum event_severity)i;
	out->time_ns = db_u64(row, 2);
	return 1;
}

static int tell(struct store *s, const char *receiver, const struct store_told *t)
{
	return db_run(s->db,
		      "INSERT INTO told (alert, receiver, state, severity, time)"
		      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (alert, receiver)"
		      " DO UPDATE SET state = excluded.state, severity = excluded.severity,"
		      " time = excluded.time",
		      "ittti", t->alert, receiver, t->firing ? "firing" : "resolved",
		      event_severity_name(t->severity), t->time_ns);
}

static int note_error(struct store *s, const char *receiver, const char *error)
{
	return db_run(s->db, "UPDATE receivers SET error = $1 WHERE receiver = $2", "tt", error,
		      receiver);
}

/* Rows of their own, whatever else of the bundle waits: that may wait for long. */
static int queue_rest(struct store *s, const char *receiver, const struct store_claim *c,
		      uint64_t now_ns)
{
	char list[4000];
	size_t len = 0;
	int rc = 0;

	for (size_t i = 0; i < c->n_rest && rc >= 0; i++) {
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%" PRIu64,
					len ? " " : "", c->alerts[i]);
		if (i + 1 == c->n_rest || len > sizeof(list) - 24) {
			rc = add_row(s, receiver, c->bundle, list, now_ns);
			len = 0;
		}
	}
	return rc;
}

int store_deliver_done(struct store *s, const char *receiver, const struct store_claim *c,
		       const struct store_told *told, size_t n_told, uint64_t now_ns)
{
	int rc = store_begin(s);

	if (rc)
		return rc;
	for (size_t i = 0; i < c->n_rows && rc >= 0; i++)
		rc = db_run(s->db, "DELETE FROM deliveries WHERE id = $1", "i", c->rows[i]);
	for (size_t i = 0; i < n_told && rc >= 0; i++)
		rc = tell(s, receiver, &told[i]);
	if (rc >= 0)
		rc = queue_rest(s, receiver, c, now_ns);
	if (rc >= 0)
		rc = note_error(s, receiver, NULL);
	return finish(s, rc < 0 ? rc : 0);
}

int store_deliver_give_up(struct store *s, const char *receiver, const struct store_claim *c,
			  const struct store_told *told, size_t n_told, uint64_t old_ns)
{
	char number[24];
	int rc = store_begin(s);

	if (rc)
		return rc;
	for (size_t i = 0; i < c->n_rows && rc >= 0; i++)
		rc = db_run(s->db, "DELETE FROM deliveries WHERE id = $1 AND created < $2", "ii",
			    c->rows[i], old_ns);
	for (size_t i = 0; i < n_told && rc >= 0; i++) {
		snprintf(number, sizeof(number), "%" PRIu64, told[i].alert);
		rc = waits(s, receiver, c->bundle, number);
		if (rc == 0)
			rc = tell(s, receiver, &told[i]);
	}
	return finish(s, rc < 0 ? rc : 0);
}

int store_deliver_failed(struct store *s, const char *receiver, const struct store_claim *c,
			 uint64_t due_ns, const char *error)
{
	int rc = store_begin(s);

	if (rc)
		return rc;
	for (size_t i = 0; i < c->n_rows && rc >= 0; i++)
		rc = db_run(s->db, "UPDATE deliveries SET due = $1, error = $2 WHERE id = $3",
			    "iti", due_ns, error, c->rows[i]);
	if (rc >= 0)
		rc = note_error(s, receiver, error);
	return finish(s, rc < 0 ? rc : 0);
}

int store_deliver_waiting(struct store *s, const char *receiver, uint64_t *rows,
			  uint64_t *oldest_ns)
{
	struct db_row *row;
	int rc;

	if (receiver)
		rc = db_get(s->db, &row,
			    "SELECT COUNT(*), MIN(created) FROM deliveries WHERE receiver = $1",
			    "t", receiver);
	else
		rc = db_get(s->db, &row, "SELECT COUNT(*), MIN(created) FROM deliveries", "");
	*rows = rc == 1 ? db_u64(row, 0) : 0;
	*oldest_ns = rc == 1 ? db_u64(row, 1) : 0;
	return rc < 0 ? rc : 0;
}

struct receivers {
	store_receiver_fn *fn;
	void *arg;
};

static int hand_receiver(void *arg, struct db_row *row)
{
	struct receivers *all = arg;
	struct store_receiver r = { .receiver = db_text(row, 0),
				    .kind = db_text(row, 1),
				    .seen_ns = db_u64(row, 2),
				    .error = db_text(row, 3),
				    .waiting = db_u64(row, 4),
				    .oldest_ns = db_u64(row, 5) };

	return all->fn(all->arg, &r);
}

int store_receivers(struct store *s, store_receiver_fn *fn, void *arg)
{
	struct receivers all = { fn, arg };

	return db_each(s->db, hand_receiver, &all,
		       "SELECT r.receiver, r.kind, r.seen, r.error,"
		       " (SELECT COUNT(*) FROM deliveries d WHERE d.receiver = r.receiver),"
		       " (SELECT MIN(created) FROM deliveries d WHERE d.receiver = r.receiver)"
		       " FROM receivers r ORDER BY r.receiver",
		       "");
}
