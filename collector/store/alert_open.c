/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: alerts that are open. Most of what a rule finds is a further sign of one of
 * them. So they are kept here, all of them, and a sign changes the row when the
 * transaction ends or somebody asks for the table. They are as good as other rows that
 * are kept (chain.c says when they are not).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/alert.h"
#include "collector/store/parts.h"
#include "common/fnv.h"

#define BUCKETS 1024
#define NAMES 32 /* rules; there are fewer */

struct open_alert {
	struct open_alert *next, *next_id;
	struct store_alert_found found;
	uint64_t heard_ns, updated;
	bool changed;
	char *name, *key; /* in one block */
};

struct store_open {
	struct open_alert *buckets[BUCKETS]; /* by name and key */
	struct open_alert *ids[BUCKETS];
	struct {
		char name[64];
		uint64_t open;
	} names[NAMES];
};

void store_open_forget(struct store *s)
{
	struct open_alert *a, *next;

	for (unsigned i = 0; s->open_alerts && i < BUCKETS; i++)
		for (a = s->open_alerts->buckets[i]; a; a = next) {
			next = a->next;
			free(a->name);
			free(a);
		}
	free(s->open_alerts);
	s->open_alerts = NULL;
}

/* How many of this name are open; NULL: more names than there are rules. */
static uint64_t *count_of(struct store_open *o, const char *name)
{
	for (unsigned i = 0; i < NAMES; i++) {
		if (!o->names[i].name[0])
			snprintf(o->names[i].name, sizeof(o->names[i].name), "%s", name);
		if (strcmp(o->names[i].name, name) == 0)
			return &o->names[i].open;
	}
	return NULL;
}

static unsigned bucket_of(const char *name, const char *key)
{
	uint32_t h = fnv1a(name) * 31 + fnv1a(key);

	return (h ^ h >> 16) & (BUCKETS - 1);
}

int store_open_add(struct store *s, const char *name, const char *key,
		   const struct store_alert_found *found)
{
	size_t name_len = strlen(name) + 1, key_len = strlen(key) + 1;
	struct open_alert *a, **bucket;
	uint64_t *count;

	if (!s->open_alerts)
		return 0; /* they are read when somebody asks */
	a = calloc(1, sizeof(*a));
	if (!a || !(a->name = malloc(name_len + key_len))) {
		free(a);
		return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
	}
	memcpy(a->name, name, name_len);
	a->key = a->name + name_len;
	memcpy(a->key, key, key_len);
	a->found = *found;
	bucket = &s->open_alerts->buckets[bucket_of(name, key)];
	a->next = *bucket;
	*bucket = a;
	bucket = &s->open_alerts->ids[found->id & (BUCKETS - 1)];
	a->next_id = *bucket;
	*bucket = a;
	count = count_of(s->open_alerts, name);
	if (count)
		++*count;
	return 0;
}

static int read_open(void *arg, struct db_row *row)
{
	struct store_alert_found found;

	store_alert_found_row(row, &found);
	return store_open_add(arg, db_text(row, STORE_ALERT_FOUND_N),
			      db_text(row, STORE_ALERT_FOUND_N + 1), &found);
}

static int read_all(struct store *s)
{
	int rc = store_chain_head(s); /* forgets them when somebody else has written */

	if (rc || s->open_alerts)
		return rc;
	s->open_alerts = calloc(1, sizeof(*s->open_alerts));
	if (!s->open_alerts)
		return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
	rc = db_each(s->db, read_open, s,
		     "SELECT " STORE_ALERT_FOUND ", name, key FROM alerts WHERE resolved IS NULL",
		     "");
	if (rc)
		store_open_forget(s);
	return rc;
}

int store_alert_find(struct store *s, const char *name, const char *key,
		     struct store_alert_found *out)
{
	int rc = read_all(s);

	memset(out, 0, sizeof(*out));
	if (rc)
		return rc;
	for (struct open_alert *a = s->open_alerts->buckets[bucket_of(name, key)]; a; a = a->next)
		if (strcmp(a->key, key) == 0 && strcmp(a->name, name) == 0) {
			*out = a->found;
			return 1;
		}
	return 0;
}

int store_alert_how_many(struct store *s, const char *name, uint64_t *open)
{
	int rc = read_all(s);
	const uint64_t *count = rc ? NULL : count_of(s->open_alerts, name);

	*open = count ? *count : 0;
	return rc;
}

/* NULL: it is not open, or they are not read. */
static struct open_alert *of_id(struct store *s, uint64_t id)
{
	struct open_alert *a = s->open_alerts ? s->open_alerts->ids[id & (BUCKETS - 1)] : NULL;

	while (a && a->found.id != id)
		a = a->next_id;
	return a;
}

void store_open_remove(struct store *s, uint64_t id)
{
	struct open_alert *a = of_id(s, id), **p;
	uint64_t *count;

	if (!a)
		return;
	for (p = &s->open_alerts->buckets[bucket_of(a->name, a->key)]; *p != a;)
		p = &(*p)->next;
	*p = a->next;
	for (p = &s->open_alerts->ids[id & (BUCKETS - 1)]; *p != a;)
		p = &(*p)->next_id;
	*p = a->next_id;
	count = count_of(s->open_alerts, a->name);
	if (count)
		--*count;
	free(a->name);
	free(a);
}

void store_open_change(struct store *s, uint64_t id, enum event_severity severity, uint64_t drill)
{
	struct open_alert *a = of_id(s, id);

	if (!a)
		return;
	a->found.severity = severity;
	a->found.drill = drill;
}

int store_alert_sign(struct store *s, uint64_t id, uint64_t time_ns, uint64_t now_ns, bool again,
		     uint64_t event_n)
{
	struct open_alert *a;
	int rc = read_all(s);

	if (rc)
		return rc;
	a = of_id(s, id);
	if (!a)
		return 0; /* it was resolved */
	if (time_ns > a->found.last_ns)
		a->found.last_ns = time_ns;
	a->heard_ns = now_ns;
	if (again) {
		a->found.count++;
		a->updated = event_n;
	}
	a->changed = true;
	db_pending(s->db, s->watch_alerts);
	return 0;
}

/* Called by the database before any statement that names the table. */
int store_open_write(void *arg)
{
	struct store *s = arg;
	int rc = 0;

	for (unsigned i = 0; s->open_alerts && i < BUCKETS; i++)
		for (struct open_alert *a = s->open_alerts->buckets[i]; a && !rc; a = a->next) {
			if (!a->changed)
				continue;
			a->changed = false;
			rc = db_later(s->db,
				      "UPDATE alerts SET last = $1, heard = $2, count = $3,"
				      " updated = CASE WHEN updated < $4 THEN $4 ELSE updated END"
				      " WHERE id = $5",
				      "iiiii", a->found.last_ns, a->heard_ns, a->found.count,
				      a->updated, a->found.id);
		}
	return rc;
}
