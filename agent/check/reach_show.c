/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/reach_show.h"

#include <stdlib.h>
#include <string.h>

#include "common/fabric/text.h"

#define SHOWN_POINTS 30	  /* of the text; JSON has all */
#define SHOWN_DEVICES 6	  /* of one single point */
#define SHOWN_CHANGES 200 /* devices that a supposition changes */

static const char *const family_str[] = { "IPv4", "IPv6" };
static const char *const family_key[] = { "ipv4", "ipv6" };
static const char *const state_str[] = { "none", "no", "one-way", "yes" };
_Static_assert(sizeof(family_str) / sizeof(family_str[0]) == GRAPH_FAMILIES, "a name for each");
_Static_assert(sizeof(state_str) / sizeof(state_str[0]) == REACH_YES + 1, "a name for each");

/* ---- JSON ---- */

static const char *kind_of(const struct graph *g, const struct reach_element *e)
{
	switch (e->kind) {
	case REACH_LINK:
		return "link";
	case REACH_SESSION:
		return "session";
	case REACH_NODE:
		return g->nodes[e->number].device ? "device" : "neighbor";
	}
	return "";
}

/* Its words without the kind. */
static const char *name_of(const struct graph *g, const struct reach_element *e, char *buf)
{
	const char *blank = strchr(reach_element_text(g, e, buf), ' ');

	return blank ? blank + 1 : buf;
}

static json_t *element_object(const struct graph *g, const struct reach_element *e)
{
	json_t *o = json_object();
	char text[GRAPH_TEXT];

	text_set(o, "kind", kind_of(g, e));
	text_set(o, "name", name_of(g, e, text));
	return o;
}

static json_t *hops_array(const struct reach *r, const struct reach_way *w)
{
	const struct graph *g = r->graph;
	json_t *hops = json_array();
	char text[GRAPH_TEXT];

	for (uint32_t i = 0; i < w->n_edges; i++) {
		const struct graph_edge *e = &g->edges[r->edges[w->edges + i]];

		if (!i)
			json_array_append_new(hops, text_json(graph_place_text(g, e->from, text)));
		json_array_append_new(hops, text_json(graph_place_text(g, e->to, text)));
	}
	return hops;
}

static json_t *answer_object(const struct reach *r, const struct reach_answer *a)
{
	const struct graph *g = r->graph;
	json_t *o = json_object(), *ways = json_array(), *only = json_array(), *why = json_array();
	char text[GRAPH_TEXT];

	text_set(o, "address", addr_format(&a->address.addr, text));
	text_set(o, "outside", state_str[a->outside]);
	text_set(o, "ce", state_str[a->ce]);
	for (uint32_t i = 0; i < a->n_ways; i++) {
		const struct reach_way *w = &r->ways[a->ways + i];
		json_t *way = json_object();

		text_set(way, "from", graph_place_text(g, w->vantage, text));
		json_object_set_new(way, "hops", hops_array(r, w));
		json_object_set_new(way, "two_way", json_boolean(w->two_way));
		if (w->source.addr.family)
			text_set(way, "back", prefix_format(&w->source, text));
		json_array_append_new(ways, way);
	}
	for (uint32_t i = 0; i < a->n_singles; i++)
		json_array_append_new(only, element_object(g, &r->elements[a->singles + i]));
	for (unsigned i = 0; i < a->n_faults; i++)
		json_array_append_new(why, text_json(reach_fault_text(g, &a->faults[i], text)));
	json_object_set_new(o, "ways", ways);
	json_object_set_new(o, "only_way", only);
	json_object_set_new(o, "why", why);
	if (a->doubt.kind)
		text_set(o, "doubt", reach_fault_text(g, &a->doubt, text));
	return o;
}

static json_t *device_object(const struct reach *r, const struct reach_device *d)
{
	const struct graph_node *n = &r->graph->nodes[d->node];
	json_t *o = json_object();

	text_set(o, "device", n->name);
	text_set(o, "role", fabric_role_name(n->device->role));
	for (int f = 0; f < GRAPH_FAMILIES; f++)
		if (d->family[f].address.addr.family)
			json_object_set_new(o, family_key[f], answer_object(r, &d->family[f]));
	return o;
}

/* ---- single points, by what they are ---- */

struct point {
	struct reach_element element;
	uint32_t device; /* number of reach->devices */
	unsigned families;
};

static int by_element(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->element.kind != y->element.kind)
		return x->element.kind < y->element.kind ? -1 : 1;
	if (x->element.number != y->element.number)
		return x->element.number < y->element.number ? -1 : 1;
	if (x->families != y->families)
		return x->families > y->families ? -1 : 1;
	return x->device < y->device ? -1 : x->device > y->device;
}

/* One for each pair of element and device, sorted so that equal elements and families
 * stand together. malloc()ed; NULL: no memory, or none. */
static struct point *points_of(const struct reach *r, size_t *n)
{
	struct point *all = malloc((r->n_elements ? r->n_elements : 1) * sizeof(*all));

	*n = 0;
	for (uint32_t i = 0; all && i < r->n_devices; i++) {
		size_t first = *n;

		for (int f = 0; f < GRAPH_FAMILIES; f++) {
			const struct reach_answer *a = &r->devices[i].family[f];

			for (uint32_t k = 0; k < a->n_singles; k++) {
				const struct reach_element *e = &r->elements[a->singles + k];
				size_t p = first;

				while (p < *n && !reach_same_element(&all[p].element, e))
					p++;
				if (p == *n)
					all[(*n)++] = (struct point){ *e, i, 0 };
				all[p].families |= 1u << f;
			}
		}
	}
	if (all && *n)
		qsort(all, *n, sizeof(*all), by_element);
	return all;
}

/* How many from `at` on are of one element and the same families. */
static size_t run_of(const struct point *all, size_t n, size_t at)
{
	size_t k = at;

	while (k < n && reach_same_element(&all[k].element, &all[at].element) &&
	       all[k].families == all[at].families)
		k++;
	return k - at;
}

static json_t *points_array(const struct reach *r)
{
	json_t *array = json_array();
	struct point *all;
	size_t n, len;

	all = points_of(r, &n);
	for (size_t i = 0; i < n; i += len) {
		json_t *o = element_object(r->graph, &all[i].element);
		json_t *families = json_array(), *devices = json_array();

		len = run_of(all, n, i);
		for (int f = 0; f < GRAPH_FAMILIES; f++)
			if (all[i].families & 1u << f)
				json_array_append_new(families, json_string(family_key[f]));
		for (size_t k = i; k < i + len; k++)
			json_array_append_new(
				devices,
				text_json(r->graph->nodes[r->devices[all[k].device].node].name));
		json_object_set_new(o, "families", families);
		json_object_set_new(o, "devices", devices);
		json_array_append_new(array, o);
	}
	free(all);
	return array;
}

void reach_into_document(const struct reach *r, json_t *doc)
{
	json_t *devices = json_array();

	for (uint32_t i = 0; i < r->n_devices; i++)
		json_array_append_new(devices, device_object(r, &r->devices[i]));
	json_object_set_new(doc, "reach", devices);
	json_object_set_new(doc, "single_points", points_array(r));
}

/* ---- for people ---- */

static void show_counts(const struct reach *r, enum graph_family f, FILE *to)
{
	uint32_t expected = 0, reached = 0, tors = 0, from_ce = 0, with = 0;

	for (uint32_t i = 0; i < r->n_devices; i++) {
		const struct reach_answer *a = &r->devices[i].family[f];

		with += a->address.addr.family != 0;
		expected += a->outside_expected;
		reached += a->outside_expected && a->outside == REACH_YES;
		tors += a->ce_expected;
		from_ce += a->ce == REACH_YES;
	}
	fprintf(to, "  %s: ", family_str[f]);
	if (!with) {
		fputs("no in-band address\n", to);
		return;
	}
	if (expected)
		fprintf(to, "%u of %u devices are reached from outside the fabric", reached, with);
	else
		fputs("no session with the outside carries it", to);
	fprintf(to, "; %u of %u ToRs from a CE\n", from_ce, tors);
}

static void show_families(unsigned families, FILE *to)
{
	if (families != (1u << GRAPH_FAMILIES) - 1)
		fprintf(to, " (%s)", family_str[families & 1u << GRAPH_V4 ? GRAPH_V4 : GRAPH_V6]);
}

static void show_point(const struct reach *r, const struct point *p, size_t len, FILE *to)
{
	char text[GRAPH_TEXT];

	fputs("    ", to);
	text_put(to, 0, reach_element_text(r->graph, &p->element, text));
	fputs(" -> ", to);
	for (size_t k = 0; k < len && k < SHOWN_DEVICES; k++) {
		fputs(k ? ", " : "", to);
		text_put(to, 0, r->graph->nodes[r->devices[p[k].device].node].name);
	}
	if (len > SHOWN_DEVICES)
		fprintf(to, " and %zu more", len - SHOWN_DEVICES);
	show_families(p->families, to);
	fputc('\n', to);
}

struct run {
	size_t at, len;
};

static int longest_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void show_points(const struct reach *r, FILE *to)
{
	size_t n, n_runs = 0;
	struct point *all = points_of(r, &n);
	struct run *runs = malloc((n ? n : 1) * sizeof(*runs));

	for (size_t i = 0; all && runs && i < n; i += runs[n_runs - 1].len)
		runs[n_runs++] = (struct run){ i, run_of(all, n, i) };
	if (n_runs) {
		qsort(runs, n_runs, sizeof(*runs), longest_first);
		fputs("  single points, each the only way from outside to:\n", to);
	}
	for (size_t i = 0; i < n_runs && i < SHOWN_POINTS; i++)
		show_point(r, all + runs[i].at, runs[i].len, to);
	if (n_runs > SHOWN_POINTS)
		fprintf(to, "    and %zu more, which `--format json` has\n", n_runs - SHOWN_POINTS);
	free(all);
	free(runs);
}

void reach_show(const struct reach *r, FILE *to)
{
	if (!r->n_devices)
		return;
	fputs("\nin-band reach, as the configurations would have it\n", to);
	for (int f = 0; f < GRAPH_FAMILIES; f++)
		show_counts(r, (enum graph_family)f, to);
	show_points(r, to);
}

/* ---- what if ---- */

enum ma1 { MA1_NONE, MA1_KEPT, MA1_LOST };

static const char *const ma1_str[] = { "none", "kept", "lost" };
_Static_assert(sizeof(ma1_str) / sizeof(ma1_str[0]) == MA1_LOST + 1, "a name for each");

/* What becomes of one device. */
struct outcome {
	bool applies;	  /* a CE or ToR */
	bool down;	  /* as supposed */
	bool before, now; /* reached by its in-band address of any family */
	bool family_lost; /* reached before by one family, and not now */
	enum ma1 ma1;
	bool lost; /* what the question is about: no longer reached in-band (by a family), or, of
		    * a management switch, by neither path */
};

static enum ma1 ma1_of(const struct reach_what_if *w, uint32_t device)
{
	const struct fabric_device *d = w->now->graph->nodes[device].device;
	enum ma1 ma1 = MA1_NONE;

	for (size_t i = 0; i < d->n_interfaces; i++)
		if (d->interfaces[i].kind == IF_MANAGEMENT && d->interfaces[i].n_addresses)
			ma1 = MA1_KEPT;
	for (size_t i = 0; i < d->n_told; i++)
		if (d->told[i].path == GW_PATH_PRIMARY)
			ma1 = MA1_KEPT;
	for (size_t i = 0; ma1 == MA1_KEPT && i < w->n_switches; i++)
		if (w->switches[i].hangs[device])
			ma1 = MA1_LOST;
	return ma1;
}

static struct outcome outcome_of(const struct reach_what_if *w, uint32_t device)
{
	const struct graph_node *node = &w->now->graph->nodes[device];
	const struct reach_device *b = reach_of(w->before, node->device);
	const struct reach_device *n = reach_of(w->now, node->device);
	struct outcome o = { .applies = b != NULL, .down = node->cut, .ma1 = ma1_of(w, device) };

	for (int f = 0; b && f < GRAPH_FAMILIES; f++) {
		bool before = reach_holds(&b->family[f], &b->family[f]);
		bool now = !o.down && reach_holds(&b->family[f], &n->family[f]);

		o.before |= before;
		o.now |= now;
		o.family_lost |= before && !now && !o.down;
	}
	o.lost = o.applies && !o.down && (o.family_lost || (o.ma1 == MA1_LOST && !o.now));
	return o;
}

/* Did the way from the outside move? */
static bool moved(const struct reach *before, const struct reach_answer *b, const struct reach *now,
		  const struct reach_answer *n)
{
	if (b->outside != n->outside || b->ce != n->ce || b->n_ways != n->n_ways)
		return true;
	for (uint32_t i = 0; i < b->n_ways; i++) {
		const struct reach_way *x = &before->ways[b->ways + i];
		const struct reach_way *y = &now->ways[n->ways + i];

		if (x->vantage != y->vantage || x->n_edges != y->n_edges ||
		    memcmp(&before->edges[x->edges], &now->edges[y->edges],
			   x->n_edges * sizeof(uint32_t)) != 0)
			return true;
	}
	return false;
}

static bool is_changed(const struct reach_what_if *w, uint32_t device, const struct outcome *o)
{
	const struct fabric_device *d = w->now->graph->nodes[device].device;
	const struct reach_device *b = reach_of(w->before, d), *n = reach_of(w->now, d);

	if (o->down || o->lost || o->ma1 == MA1_LOST)
		return true;
	for (int f = 0; b && f < GRAPH_FAMILIES; f++)
		if (moved(w->before, &b->family[f], w->now, &n->family[f]))
			return true;
	return false;
}

struct totals {
	unsigned before, now, lost, one_family, down, ma1_lost, both;
};

static struct totals count(const struct reach_what_if *w)
{
	struct totals t = { 0 };

	for (uint32_t i = 0; i < w->now->graph->n_devices; i++) {
		struct outcome o = outcome_of(w, i);

		t.before += o.before;
		t.now += o.now;
		t.lost += o.lost;
		t.one_family += o.lost && o.now;
		t.down += o.down;
		t.ma1_lost += o.ma1 == MA1_LOST;
		t.both += o.ma1 == MA1_LOST && o.applies && !o.down && !o.now;
	}
	return t;
}

static json_t *outcome_object(const struct reach_what_if *w, uint32_t device)
{
	const struct graph_node *node = &w->now->graph->nodes[device];
	const struct reach_device *b = reach_of(w->before, node->device);
	const struct reach_device *n = reach_of(w->now, node->device);
	struct outcome o = outcome_of(w, device);
	json_t *doc = json_object();

	text_set(doc, "device", node->name);
	text_set(doc, "role", fabric_role_name(node->device->role));
	json_object_set_new(doc, "down", json_boolean(o.down));
	text_set(doc, "ma1", ma1_str[o.ma1]);
	json_object_set_new(doc, "lost", json_boolean(o.lost));
	for (int f = 0; b && f < GRAPH_FAMILIES; f++) {
		json_t *a;

		if (!b->family[f].address.addr.family)
			continue;
		a = answer_object(w->now, &n->family[f]);
		text_set(a, "before",
			 state_str[b->family[f].outside_expected ? b->family[f].outside
								 : b->family[f].ce]);
		json_object_set_new(doc, family_key[f], a);
	}
	return doc;
}

static json_t *what_if_document(const struct reach_what_if *w)
{
	struct totals t = count(w);
	json_t *doc = json_object(), *without = json_array(), *switches = json_array();
	json_t *devices = json_array();

	for (size_t i = 0; i < w->n_without; i++) {
		json_t *o = json_object(), *down = json_array();

		text_set(o, "words", w->without[i].words);
		for (uint32_t k = 0; k < w->without[i].n_elements; k++)
			json_array_append_new(down, element_object(w->now->graph,
								   &w->without[i].elements[k]));
		json_object_set_new(o, "down", down);
		text_set(o, "remark", w->without[i].remark);
		json_array_append_new(without, o);
	}
	for (size_t i = 0; i < w->n_switches; i++) {
		json_t *o = json_object();

		text_set(o, "name", w->switches[i].name);
		json_object_set_new(o, "devices", json_integer(w->switches[i].n));
		json_object_set_new(o, "guessed", json_boolean(w->switches[i].guessed));
		if (w->switches[i].other != GRAPH_NONE)
			text_set(o, "shared_with", w->now->graph->nodes[w->switches[i].other].name);
		json_array_append_new(switches, o);
	}
	for (uint32_t i = 0; i < w->now->graph->n_devices; i++)
		json_array_append_new(devices, outcome_object(w, i));
	json_object_set_new(doc, "without", without);
	json_object_set_new(doc, "management_switches", switches);
	json_object_set_new(doc, "devices", devices);
	json_object_set_new(doc, "summary",
			    json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "reached_before",
				      (int)t.before, "reached_now", (int)t.now, "lost", (int)t.lost,
				      "down", (int)t.down, "ma1_lost", (int)t.ma1_lost,
				      "both_paths_lost", (int)t.both));
	return doc;
}

/* "IPv4: from PE1 by lab1-AR-CE2 (INFRA-MGMT), lab1-AR-CE2" or why not. */
static void show_answer(const struct reach_what_if *w, const struct reach_answer *b,
			const struct reach_answer *n, enum graph_family f, FILE *to)
{
	const struct graph *g = w->now->graph;
	const struct reach_way *way = NULL;
	bool holds = reach_holds(b, n);
	char text[GRAPH_TEXT];

	if (!b->address.addr.family)
		return;
	for (uint32_t i = 0; i < n->n_ways && !way; i++)
		if (w->now->ways[n->ways + i].two_way &&
		    g->places[w->now->ways[n->ways + i].vantage].outside == b->outside_expected)
			way = &w->now->ways[n->ways + i];
	fprintf(to, "    %s: ", family_str[f]);
	if (holds && way) {
		fputs("reached from ", to);
		text_put(to, 0, graph_place_text(g, way->vantage, text));
		for (uint32_t i = way->n_edges; i-- > 1;) {
			fputs(i == way->n_edges - 1 ? " by " : ", ", to);
			text_put(to, 0,
				 graph_place_text(g, g->edges[w->now->edges[way->edges + i]].from,
						  text));
		}
	} else {
		fputs(!reach_holds(b, b)	    ? "not reached before either"
		      : n->outside == REACH_ONE_WAY ? "LOST: packets arrive, answers do not"
						    : "LOST",
		      to);
		for (unsigned i = 0; i < n->n_faults; i++) {
			fputs(i ? "; " : ": ", to);
			text_put(to, 0, reach_fault_text(g, &n->faults[i], text));
		}
	}
	fputc('\n', to);
}

static void show_device(const struct reach_what_if *w, uint32_t device, const struct outcome *o,
			FILE *to)
{
	const struct graph_node *node = &w->now->graph->nodes[device];
	const struct reach_device *b = reach_of(w->before, node->device);
	const struct reach_device *n = reach_of(w->now, node->device);

	fputs("  ", to);
	text_put(to, 0, node->name);
	fprintf(to, " (%s): ", fabric_role_name(node->device->role));
	if (o->down) {
		fputs("down, as supposed\n", to);
		return;
	}
	if (o->ma1 == MA1_LOST)
		fputs(!o->applies ? "loses Ma1, and has no in-band path\n"
		      : o->now	  ? "loses Ma1, is reached in-band\n"
				  : "loses Ma1, and is NOT REACHED in-band\n",
		      to);
	else
		fputs(!o->lost ? "another way\n" : o->now ? "one family LOST\n" : "LOST\n", to);
	for (int f = 0; b && f < GRAPH_FAMILIES; f++)
		show_answer(w, &b->family[f], &n->family[f], (enum graph_family)f, to);
}

static void show_supposed(const struct reach_what_if *w, FILE *to)
{
	char text[GRAPH_TEXT];

	for (size_t i = 0; i < w->n_without; i++) {
		const struct reach_supposed *s = &w->without[i];

		fputs("without ", to);
		for (uint32_t k = 0; k < s->n_elements; k++) {
			fputs(k ? ", " : "", to);
			text_put(to, 0, reach_element_text(w->now->graph, &s->elements[k], text));
		}
		text_put(to, 0, s->n_elements ? "" : s->words);
		fputs(s->remark ? ": " : "", to);
		text_put(to, 0, s->remark ? s->remark : "");
		fputc('\n', to);
	}
	for (size_t i = 0; i < w->n_switches; i++) {
		const struct reach_switch *s = &w->switches[i];

		fputs("without management switch ", to);
		text_put(to, 0, s->name);
		fprintf(to, ": %u device%s lose%s Ma1", s->n, s->n == 1 ? "" : "s",
			s->n == 1 ? "s" : "");
		if (s->guessed)
			fputs(", by their subnet (fabric.yaml can say which hang on it)", to);
		if (s->other != GRAPH_NONE) {
			fputs("; ", to);
			text_put(to, 0, w->now->graph->nodes[s->other].name);
			fputs(" is in that subnet too", to);
		}
		fputc('\n', to);
	}
}

int reach_what_if_show(const struct reach_what_if *w, bool json, FILE *to)
{
	struct totals t = count(w);
	unsigned shown = 0, changed = 0;

	if (json) {
		json_t *doc = what_if_document(w);

		json_dumpf(doc, to, JSON_INDENT(1));
		fputc('\n', to);
		json_decref(doc);
		return t.lost ? 1 : 0;
	}
	show_supposed(w, to);
	for (int lost = 1; lost >= 0; lost--) /* what is lost comes first */
		for (uint32_t i = 0; i < w->now->graph->n_devices; i++) {
			struct outcome o = outcome_of(w, i);

			if (o.lost != lost || !is_changed(w, i, &o))
				continue;
			changed++;
			if (shown++ < SHOWN_CHANGES)
				show_device(w, i, &o, to);
		}
	if (changed > SHOWN_CHANGES)
		fprintf(to, "  and %u more, which `--format json` has\n", changed - SHOWN_CHANGES);
	fprintf(to, "\n%u of %u devices that were reached in-band still are", t.now, t.before);
	if (t.down)
		fprintf(to, ", %u %s down as supposed", t.down, t.down == 1 ? "is" : "are");
	if (w->n_switches)
		fprintf(to, "; of %u that lose Ma1, %u %s left with no path", t.ma1_lost, t.both,
			t.both == 1 ? "is" : "are");
	fprintf(to, "; %u lost", t.lost);
	if (t.one_family)
		fprintf(to, ", %u of them in one family only", t.one_family);
	fputc('\n', to);
	return t.lost ? 1 : 0;
}
