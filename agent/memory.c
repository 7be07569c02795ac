/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/fabric.h"
#include "agent/recall.h"

#define GONE_MAX 65536 /* removed flows whose notes go one by one; beyond, all are written anew */
#define NAME_SIZE 300  /* "path/" and a device's name */
#define PATH_PREFIX "path/"

/* The note called "agent". */
struct place {
	uint32_t version, size;
	uint64_t life, capture, position, real_ns;
	uint32_t loads, pad;
};

struct noted_path {
	char name[NAME_SIZE];
	struct recall_path path;
};

struct memory {
	struct notes *notes;
	uint64_t life;
	memory_encode_fn *encode;
	void *arg;

	struct flow **changed; /* NULL entries: gone since */
	size_t n_changed, max_changed;
	uint64_t *gone; /* ids whose notes are to go */
	size_t n_gone, max_gone;
	bool all_anew; /* not each of both could be listed */
	bool *path_seen; /* by device index: differs from its note */
	size_t n_path_seen;
	bool path_changed;
	struct recall_bytes mind; /* of the flow at hand */
	char *buf;		  /* encode()'s */
	size_t buf_size;

	struct place place;	    /* as noted */
	struct noted_path *was;	    /* as noted */
	size_t n_was;
	struct memory_lost *lost;
	size_t n_lost, next_lost;
};

struct memory *memory_new(struct notes *notes, uint64_t life, memory_encode_fn *encode, void *arg)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->notes = notes;
	m->life = life;
	m->encode = encode;
	m->arg = arg;
	return m;
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	for (; m->next_lost < m->n_lost; m->next_lost++)
		json_decref(m->lost[m->next_lost].body);
	free(m->lost);
	free(m->was);
	free(m->changed);
	free(m->gone);
	free(m->path_seen);
	free(m->mind.at);
	free(m->buf);
	free(m);
}

static bool room(void **array, size_t *max, size_t n, size_t size)
{
	size_t more = *max ? *max * 2 : 64;
	void *p;

	if (n < *max)
		return true;
	p = realloc(*array, more * size);
	if (!p)
		return false;
	*array = p;
	*max = more;
	return true;
}

/* ---- what is to be noted ------------------------------------------------------------ */

void memory_flow(struct memory *m, struct flow *f)
{
	if (!m || f->to_note)
		return;
	f->noted = true;
	if (!room((void **)&m->changed, &m->max_changed, m->n_changed, sizeof(*m->changed))) {
		m->all_anew = true;
		return;
	}
	m->changed[m->n_changed++] = f;
	f->to_note = (uint32_t)m->n_changed;
}

static void forget_id(struct memory *m, uint64_t id)
{
	if (m->n_gone == GONE_MAX ||
	    !room((void **)&m->gone, &m->max_gone, m->n_gone, sizeof(*m->gone))) {
		m->all_anew = true;
		m->n_gone = 0;
		return;
	}
	m->gone[m->n_gone++] = id;
}

void memory_forget(struct memory *m, struct flow *f)
{
	if (!m)
		return;
	if (f->to_note)
		m->changed[f->to_note - 1] = NULL;
	f->to_note = 0;
	if (f->noted)
		forget_id(m, f->id);
}

void memory_path(struct memory *m, size_t device, bool changed)
{
	if (!m)
		return;
	if (device >= m->n_path_seen) {
		bool *grown = realloc(m->path_seen, device + 1);

		if (!grown)
			return; /* noted when it is seen again */
		memset(grown + m->n_path_seen, 0, device + 1 - m->n_path_seen);
		m->path_seen = grown;
		m->n_path_seen = device + 1;
	}
	m->path_seen[device] = true;
	m->path_changed |= changed;
}

bool memory_has_news(const struct memory *m)
{
	return m && (m->n_changed || m->all_anew || m->path_changed);
}

/* ---- the transaction ------------------------------------------------------------------ */

static int write_flow(struct memory *m, const struct flow *f)
{
	struct note note = { .id = f->id };

	if (!recall_note_flow(f, &m->mind))
		return -ENOMEM;
	note.mind = m->mind.at;
	note.mind_len = m->mind.len;
	if (f->state == FLOW_OPEN) {
		long len = m->encode(m->arg, f, &m->buf, &m->buf_size);

		if (len < 0)
			return -ENOMEM;
		note.doc = m->buf;
		note.doc_len = (size_t)len;
	}
	return notes_put_flow(m->notes, &note);
}

struct writing {
	struct memory *m;
	int err;
};

static void write_each(void *arg, struct flow *f)
{
	struct writing *w = arg;

	if (!w->err && f->noted)
		w->err = write_flow(w->m, f);
}

static int write_flows(struct memory *m, struct flow_table *flows)
{
	struct writing w = { m, 0 };
	size_t i;
	int err = 0;

	if (m->all_anew) {
		w.err = notes_drop_flows(m->notes);
		flow_each(flows, UINT64_MAX, write_each, &w);
		return w.err;
	}
	for (i = 0; !err && i < m->n_gone; i++)
		err = notes_drop_flow(m->notes, m->gone[i]);
	for (i = 0; !err && i < m->n_changed; i++)
		if (m->changed[i])
			err = write_flow(m, m->changed[i]);
	return err;
}

/* A former agent's, as it was noted. */
static void path_was(struct memory *m, const char *name, const struct recall_path *path)
{
	struct noted_path *grown;

	grown = realloc(m->was, (m->n_was + 1) * sizeof(*grown));
	if (!grown)
		return; /* its device begins anew */
	m->was = grown;
	snprintf(grown[m->n_was].name, NAME_SIZE, "%s", name);
	grown[m->n_was++].path = *path;
}

static int write_paths(struct memory *m, const struct memory_view *v)
{
	size_t n = v->fabric ? v->fabric->n_devices : 0, i;
	int err = 0;

	for (i = 0; !err && i < n && i < m->n_path_seen; i++) {
		struct recall_path path;
		struct note note = { .mind = &path, .mind_len = sizeof(path) };
		char name[NAME_SIZE];

		if (!m->path_seen[i])
			continue;
		snprintf(name, sizeof(name), PATH_PREFIX "%s", v->fabric->devices[i].name);
		recall_note_path(&v->paths[i], v->real_offset, &path);
		note.name = name;
		err = notes_put(m->notes, &note);
	}
	return err;
}

static int write_place(struct memory *m, const struct memory_view *v)
{
	struct capture *c = (struct capture *)v->capture;
	struct place place = { .version = RECALL_VERSION, .size = sizeof(place),
			       .life = m->life, .capture = c->id, .loads = v->loads,
			       .real_ns = v->now.real_ns };
	struct note note = { .name = "agent", .mind = &place, .mind_len = sizeof(place) };

	place.position = c->pinned && c->ops->position ? c->ops->position(c) : 0;
	return notes_put(m->notes, &note);
}

int memory_write(struct memory *m, const struct memory_view *v)
{
	int err = write_flows(m, v->flows);

	if (!err)
		err = write_paths(m, v);
	return err ? err : write_place(m, v);
}

void memory_written(struct memory *m, int result)
{
	size_t i;

	if (result)
		return;
	for (i = 0; i < m->n_changed; i++)
		if (m->changed[i])
			m->changed[i]->to_note = 0;
	m->n_changed = m->n_gone = 0;
	m->all_anew = m->path_changed = false;
	memset(m->path_seen, 0, m->n_path_seen);
}

/* ---- at start ---------------------------------------------------------------------------- */

struct recalling {
	struct memory *m;
	struct flow_table *flows;
	struct memory_recalled *out;
	int err;
};

static void recall_note(void *arg, const struct note *note)
{
	struct recalling *r = arg;
	struct memory *m = r->m;

	if (strcmp(note->name, "agent") == 0 && note->mind_len == sizeof(m->place)) {
		memcpy(&m->place, note->mind, sizeof(m->place));
		if (m->place.size != sizeof(m->place))
			memset(&m->place, 0, sizeof(m->place));
	} else if (strncmp(note->name, PATH_PREFIX, strlen(PATH_PREFIX)) == 0 &&
		   note->mind_len == sizeof(struct recall_path)) {
		struct recall_path path;

		memcpy(&path, note->mind, sizeof(path));
		path_was(m, note->name, &path);
	}
}

/* Its end was not told and cannot be seen any more. */
static void lose(struct recalling *r, const struct note *note)
{
	struct memory *m = r->m;
	struct memory_lost lost = { .id = note->id }, *grown;

	if (!recall_end(note, &lost.event, &lost.body)) {
		forget_id(m, note->id); /* its end was told, or its note is damaged */
		return;
	}
	grown = realloc(m->lost, (m->n_lost + 1) * sizeof(*grown));
	if (!grown) {
		json_decref(lost.body);
		r->err = -ENOMEM;
		return;
	}
	m->lost = grown;
	grown[m->n_lost++] = lost;
}

static void recall_one(void *arg, const struct note *note)
{
	struct recalling *r = arg;
	struct flow *f = NULL;
	struct gw_key key;
	bool ended;

	if (r->out->goes_on && recall_flow_key(note, &key, &ended)) {
		f = flow_find(r->flows, &key);
		if (f && ended) { /* the table holds what came after it */
			forget_id(r->m, note->id);
			return;
		}
		if (f) {
			memory_forget(r->m, f);
			flow_remove(r->flows, f);
		}
		f = flow_add(r->flows, &key);
	}
	if (!f || !recall_flow(note, f)) {
		if (f)
			flow_remove(r->flows, f);
		lose(r, note);
		return;
	}
	if (f->state == FLOW_OPEN) {
		f->unseen = true;
		r->out->open++;
	}
}

int memory_recall(struct memory *m, const struct capture *capture, struct flow_table *flows,
		  struct memory_recalled *out)
{
	struct recalling r = { m, flows, out, 0 };
	int err;

	memset(out, 0, sizeof(*out));
	err = notes_each(m->notes, recall_note, &r);
	if (err)
		return err;
	out->any = m->place.size != 0;
	out->same_clock = out->any && m->place.life == m->life;
	out->goes_on = out->same_clock && capture->inherited && m->place.capture == capture->id &&
		       m->place.version == RECALL_VERSION;
	out->position = m->place.position;
	out->real_ns = m->place.real_ns;
	out->loads = m->place.loads;
	err = notes_each_flow(m->notes, recall_one, &r);
	return err ? err : r.err;
}

bool memory_next_lost(struct memory *m, struct memory_lost *out)
{
	if (!m || m->next_lost == m->n_lost)
		return false;
	*out = m->lost[m->next_lost++];
	forget_id(m, out->id);
	return true;
}

bool memory_recall_path(const struct memory *m, const char *device, int64_t real_offset,
			struct path *out)
{
	char name[NAME_SIZE];
	size_t i;

	if (!m)
		return false;
	snprintf(name, sizeof(name), PATH_PREFIX "%s", device);
	for (i = 0; i < m->n_was; i++) {
		struct note note = { .mind = &m->was[i].path, .mind_len = sizeof(m->was[i].path) };

		if (strcmp(m->was[i].name, name) == 0)
			return recall_path(&note, real_offset, m->place.life == m->life, out);
	}
	return false;
}
