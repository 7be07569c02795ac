/* SPDX-License-Identifier: Apache-2.0 */
/* Silences and drills. */
#include "collector/store/alert.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"

struct reading {
	store_silence_fn *silence;
	store_drill_fn *drill;
	void *arg;
};

static int hand_silence(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	struct store_silence x = {
		.id = db_u64(row, 0),
		.name = db_text(row, 1),
		.device = db_text(row, 2),
		.source = db_text(row, 3),
		.agent = db_text(row, 4),
		.who = db_text(row, 5),
		.why = db_text(row, 6),
		.since_ns = db_u64(row, 7),
		.until_ns = db_u64(row, 8),
		.ended_ns = db_u64(row, 9),
	};

	return r->silence(r->arg, &x);
}

int store_silences(struct store *s, uint64_t now_ns, store_silence_fn *fn, void *arg)
{
	struct reading r = { .silence = fn, .arg = arg };

#define SILENCES                                                                                   \
	"SELECT id, name, device, source, agent, who, why, since, until, ended FROM silences"
	if (!now_ns)
		return db_each(s->db, hand_silence, &r, SILENCES " ORDER BY id DESC", "");
	return db_each(s->db, hand_silence, &r,
		       SILENCES " WHERE since <= $1 AND COALESCE(ended, until) > $1"
				" ORDER BY id DESC",
		       "i", now_ns);
}

static int hand_drill(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	struct store_drill x = {
		.id = db_u64(row, 0),
		.device = db_text(row, 1),
		.who = db_text(row, 2),
		.why = db_text(row, 3),
		.since_ns = db_u64(row, 4),
		.until_ns = db_u64(row, 5),
		.ended_ns = db_u64(row, 6),
	};

	return r->drill(r->arg, &x);
}

int store_drills(struct store *s, uint64_t now_ns, store_drill_fn *fn, void *arg)
{
	struct reading r = { .drill = fn, .arg = arg };

#define DRILLS "SELECT id, device, who, why, since, until, ended FROM drills"
	if (!now_ns)
		return db_each(s->db, hand_drill, &r, DRILLS " ORDER BY id DESC", "");
	return db_each(s->db, hand_drill, &r,
		       DRILLS " WHERE since <= $1 AND COALESCE(ended, until) > $1 ORDER BY id DESC",
		       "i", now_ns);
}

/*
 * Each session asks whether a drill covers it, and there are few drills: they are kept.
 * When there are more than fit, the database is asked.
 */
#define DRILLS_KEPT 256

struct store_drills_kept {
	struct {
		uint64_t id, since_ns, until_ns;
		char device[256]; /* "": all */
	} list[DRILLS_KEPT]; /* the newest first */
	size_t n;
	bool too_many;
};

void store_drills_forget(struct store *s)
{
	free(s->drills_kept);
	s->drills_kept = NULL;
}

static int keep_drill(void *arg, const struct store_drill *x)
{
	struct store_drills_kept *k = arg;

	if (k->n == DRILLS_KEPT || (x->device && strlen(x->device) >= sizeof(k->list[0].device))) {
		k->too_many = true;
		return 0;
	}
	k->list[k->n].id = x->id;
	k->list[k->n].since_ns = x->since_ns;
	k->list[k->n].until_ns = x->ended_ns ? x->ended_ns : x->until_ns;
	strcpy(k->list[k->n].device, x->device ? x->device : "");
	k->n++;
	return 0;
}

static int ask_drill(struct store *s, const char *device, uint64_t time_ns, uint64_t *id)
{
	struct db_row *row;
	int rc;

	if (device)
		rc = db_get(
			s->db, &row,
			"SELECT id FROM drills WHERE since <= $1 AND COALESCE(ended, until) > $1"
			" AND (device IS NULL OR device = $2) ORDER BY id DESC LIMIT 1",
			"it", time_ns, device);
	else
		rc = db_get(
			s->db, &row,
			"SELECT id FROM drills WHERE since <= $1 AND COALESCE(ended, until) > $1"
			" AND device IS NULL ORDER BY id DESC LIMIT 1",
			"i", time_ns);
	if (rc == 1)
		*id = db_u64(row, 0);
	return rc;
}

int store_drill_at(struct store *s, const char *device, uint64_t time_ns, uint64_t *id)
{
	struct store_drills_kept *k;
	int rc = store_chain_head(s); /* forgets them when somebody else has written */

	*id = 0;
	if (rc)
		return rc;
	if (!s->drills_kept) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return ask_drill(s, device, time_ns, id);
		rc = store_drills(s, 0, keep_drill, k);
		if (rc) {
			free(k);
			return rc;
		}
		s->drills_kept = k;
	}
	k = s->drills_kept;
	if (k->too_many)
		return ask_drill(s, device, time_ns, id);
	for (size_t i = 0; i < k->n && !*id; i++)
		if (k->list[i].since_ns <= time_ns && k->list[i].until_ns > time_ns &&
		    (!k->list[i].device[0] ||
		     (device && strcmp(k->list[i].device, device) == 0)))
			*id = k->list[i].id;
	return *id != 0;
}

int store_silence_add(struct store *s, struct store_silence *x)
{
	struct db_row *row;
	int rc = db_get(s->db, &row,
			"INSERT INTO silences (name, device, source, agent, who, why, since, until)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
			"ttttttii", x->name, x->device, x->source, x->agent, x->who, x->why,
			x->since_ns, x->until_ns);

	if (rc == 1)
		x->id = db_u64(row, 0);
	return rc < 0 ? rc : 0;
}

int store_drill_add(struct store *s, struct store_drill *x)
{
	struct db_row *row;
	int rc;

	store_drills_forget(s);
	rc = db_get(s->db, &row,
			"INSERT INTO drills (device, who, why, since, until)"
			" VALUES ($1, $2, $3, $4, $5) RETURNING id",
			"tttii", x->device, x->who, x->why, x->since_ns, x->until_ns);

	if (rc == 1)
		x->id = db_u64(row, 0);
	return rc < 0 ? rc : 0;
}

int store_silence_end(struct store *s, uint64_t id, uint64_t now_ns)
{
	return db_run(s->db,
		      "UPDATE silences SET ended = $1 WHERE id = $2 AND ended IS NULL"
		      " AND until > $1",
		      "ii", now_ns, id);
}

int store_drill_end(struct store *s, uint64_t id, uint64_t now_ns)
{
	store_drills_forget(s);
	return db_run(s->db,
		      "UPDATE drills SET ended = $1 WHERE id = $2 AND ended IS NULL"
		      " AND until > $1",
		      "ii", now_ns, id);
}
