/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/view/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fnv.h"
#include "common/grow.h"

#define MOST_CHANGES 500 /* of one episode, the newest; else of what came after the last one */

/* The view of this agent, made when it has none. */
static struct path_view *view_of(struct path *p, const char *agent)
{
	uint32_t hash = fnv1a(agent ? agent : "");

	for (unsigned i = 0; i < p->n_views; i++)
		if (p->views[i].agent == hash)
			return &p->views[i];
	if (p->n_views == PATH_VIEWS)
		memmove(p->views, p->views + 1, --p->n_views * sizeof(p->views[0]));
	p->views[p->n_views] = (struct path_view){ .agent = hash };
	return &p->views[p->n_views++];
}

/* An agent sees the device on Ma1. When Ma1 has answered it, later than every sign of others
 * that it did not, who sees only a part is overruled. */
static void back(struct path *p, const char *agent, const char *reason, uint64_t time_ns)
{
	bool overrules = strcmp(reason, "primary-ok") == 0;
	uint32_t hash = fnv1a(agent ? agent : "");
	unsigned n = 0;

	for (unsigned i = 0; i < p->n_views; i++) {
		if (p->views[i].agent == hash)
			continue;
		overrules &= p->views[i].since_ns < time_ns;
		p->views[n++] = p->views[i];
	}
	p->n_views = overrules ? 0 : n;
}

bool path_step(struct path *p, const struct store_fleet_change *c)
{
	enum incident_path to, was = p->state;
	size_t len = strcspn(c->change, " ");
	const char *reason = c->change + len + (c->change[len] == ' ');
	struct path_view *mine;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)len, c->change);
	if (!incident_path_parse(word, &to))
		return false;
	if (to == INCIDENT_PRIMARY) {
		back(p, c->agent, reason, c->time_ns);
	} else {
		mine = view_of(p, c->agent);
		mine->state = to;
		mine->since_ns = c->time_ns;
		if (to == INCIDENT_FAILING && !mine->failing_ns)
			mine->failing_ns = c->time_ns;
	}
	p->state = INCIDENT_PRIMARY;
	p->since_ns = c->time_ns;
	p->failing_ns = 0;
	for (unsigned i = 0; i < p->n_views; i++) {
		const struct path_view *v = &p->views[i];

		if (v->state > p->state)
			p->state = v->state;
		if (v->failing_ns && (!p->failing_ns || v->failing_ns < p->failing_ns))
			p->failing_ns = v->failing_ns;
	}
	if (p->state == to || p->state != was) {
		p->event = c->n;
		snprintf(p->reason, sizeof(p->reason), "%s", reason);
	}
	return true;
}

void path_ended(struct path *p, uint64_t closed_ns)
{
	*p = (struct path){ .since_ns = closed_ns > p->since_ns ? closed_ns : p->since_ns };
}

/* ---- at a moment ------------------------------------------------------------------- */

struct word {
	struct store_fleet_change c;
	char agent[256], change[160];
};

struct words {
	struct word *list;
	size_t n;
};

static int keep(void *arg, const struct store_fleet_change *c)
{
	struct words *w = arg;
	struct word *x = grow_array(w->list, w->n, sizeof(*x));

	if (!x)
		return STORE_FAILED;
	w->list = x;
	x += w->n++;
	x->c = *c;
	snprintf(x->agent, sizeof(x->agent), "%s", c->agent);
	snprintf(x->change, sizeof(x->change), "%s", c->change);
	return 0;
}

/* Only what belongs to the episode of that moment is read, or what came after the one before. */
int path_at(struct store *s, const char *name, uint64_t time_ns, struct path *out)
{
	struct store_fleet_episode e;
	struct words w = { 0 };
	uint64_t from = 0;
	int rc = store_fleet_episode(s, name, time_ns, &e);

	*out = (struct path){ 0 };
	if (rc < 0)
		return rc;
	if (rc && (!e.closed_ns || e.closed_ns > time_ns)) {
		from = e.began_ns;
	} else if (rc) {
		from = e.closed_ns;
		path_ended(out, e.closed_ns);
	}
	rc = store_fleet_changes(s, name, from, time_ns, MOST_CHANGES, keep, &w);
	for (size_t i = w.n; i > 0 && !rc; i--) {
		w.list[i - 1].c.agent = w.list[i - 1].agent;
		w.list[i - 1].c.change = w.list[i - 1].change;
		path_step(out, &w.list[i - 1].c);
	}
	free(w.list);
	return rc;
}
