/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of a flow: of each part, what the newest event that has it says.
 *
 * It is not stored. The record has every event already, and to write a flow's
 * document anew with each of them would double what goes to the disk. The row says
 * which event has which part, as text: "1a2b:fff,1a07:800" (events.n and a mask of bits
 * of event_part_name(), both hexadecimal). Event 0 is the row itself: a flow from before
 * this was so has its document in its column json.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/parts.h"
#include "common/event.h"
#include "common/json_tree.h"

#define ALL_PARTS ((1u << EVENT_NUM_PARTS) - 1)

struct place {
	uint64_t n;
	unsigned parts;
};

/* At most so many: each has a part that no other has. */
struct places {
	struct place at[EVENT_NUM_PARTS + 1];
	int n;
};

static void add_place(struct places *p, uint64_t n, unsigned parts)
{
	if (parts && p->n <= EVENT_NUM_PARTS)
		p->at[p->n++] = (struct place){ n, parts };
}

/* The members of a document in the row. */
static unsigned parts_of(const char *json)
{
	struct json_tree tree;
	json_t *doc = NULL;
	unsigned parts = 0;
	int rc = json_tree_read(&tree, json, strlen(json));

	if (rc > 0 && (doc = json_loads(json, 0, NULL)) != NULL)
		rc = json_tree_from(&tree, doc);
	for (unsigned i = 0; !rc && i < EVENT_NUM_PARTS; i++)
		parts |= json_tree_get(&tree, &tree.nodes[1], event_part_name(i)) ? 1u << i : 0;
	if (!rc)
		json_tree_clear(&tree);
	json_decref(doc);
	return parts;
}

static void read_places(const struct store_flow *f, struct places *p)
{
	const char *text = f->parts;
	char *end;

	p->n = 0;
	if (!text) {
		if (f->json && f->json[0])
			add_place(p, 0, parts_of(f->json));
		return;
	}
	while (*text) {
		uint64_t n = strtoull(text, &end, 16);
		unsigned parts;

		if (*end != ':')
			return;
		parts = (unsigned)strtoul(end + 1, &end, 16);
		add_place(p, n, parts & ALL_PARTS);
		text = *end == ',' ? end + 1 : "";
	}
}

char *store_flow_parts(const struct store_flow *f, uint64_t n, unsigned parts, bool late)
{
	struct places old, all = { .n = 0 };
	unsigned taken = 0;
	char *text = malloc((EVENT_NUM_PARTS + 2) * 24), *to = text;

	if (!text)
		return NULL;
	read_places(f, &old);
	for (int i = 0; i < old.n; i++)
		taken |= old.at[i].parts;
	if (late)
		parts &= ~taken;
	add_place(&all, n, parts);
	for (int i = 0; i < old.n; i++)
		add_place(&all, old.at[i].n, old.at[i].parts & ~parts);
	*to = '\0';
	for (int i = 0; i < all.n; i++)
		to += sprintf(to, "%s%" PRIx64 ":%x", i ? "," : "", all.at[i].n, all.at[i].parts);
	return text;
}

bool store_document_needs(const struct store_flow *f, uint64_t n)
{
	struct places places = { .n = 0 };
	bool needs = false;

	if (f->parts)
		read_places(f, &places);
	for (int i = 0; i < places.n; i++)
		needs |= places.at[i].n && places.at[i].n <= n;
	return needs;
}

/* ---- putting together ------------------------------------------------------ */

struct made {
	struct store *s;
	size_t len;
	char *part[EVENT_NUM_PARTS]; /* owned */
};

/* Takes these parts out of an event's document. */
static int take_parts(struct made *m, const char *json, unsigned parts)
{
	struct json_tree tree;
	json_t *doc = NULL;
	int rc = json_tree_read(&tree, json, strlen(json));

	if (rc > 0) {
		doc = json_loads(json, 0, NULL);
		rc = doc ? 0 : -1;
	}
	for (unsigned i = 0; !rc && i < EVENT_NUM_PARTS; i++) {
		const char *name = event_part_name(i);
		const struct json_node *node = doc ? NULL
						   : json_tree_get(&tree, &tree.nodes[1], name);

		if (!(parts & 1u << i))
			continue;
		free(m->part[i]);
		m->part[i] =
			doc ? json_dumps(json_object_get(doc, name), JSON_COMPACT | JSON_ENCODE_ANY)
			: node ? strndup(json + node->at, node->length)
			       : NULL;
	}
	if (!doc && !rc)
		json_tree_clear(&tree);
	json_decref(doc);
	return 0;
}

static bool put(struct made *m, const char *text)
{
	size_t len = strlen(text);
	struct store *s = m->s;

	if (m->len + len >= s->document_size) {
		size_t size = 2 * (m->len + len) + 1024;
		char *document = realloc(s->document, size);

		if (!document)
			return false;
		s->document = document;
		s->document_size = size;
	}
	memcpy(s->document + m->len, text, len + 1);
	m->len += len;
	return true;
}

static bool put_all(struct made *m)
{
	bool good = put(m, "{");

	for (unsigned i = 0; good && i < EVENT_NUM_PARTS; i++)
		if (m->part[i])
			good = put(m, m->len > 1 ? ",\"" : "\"") && put(m, event_part_name(i)) &&
			       put(m, "\":") && put(m, m->part[i]);
	return good && put(m, "}");
}

int store_document(struct store *s, struct store_flow *f)
{
	struct made made = { .s = s };
	struct store_text text = { 0 };
	struct places places;
	struct db_row *row;
	int rc = 0;

	if (!f->parts)
		return 0; /* it is in the row */
	read_places(f, &places);
	for (int i = 0; i < places.n && rc >= 0; i++) {
		const char *json = f->json;

		if (places.at[i].n) {
			rc = db_get(s->db, &row, "SELECT place FROM events WHERE n = $1", "i",
				    places.at[i].n);
			if (rc > 0)
				rc = store_text(s, db_u64(row, 0), &text);
			if (rc <= 0)
				continue; /* it was removed from the record */
			json = text.json;
		}
		if (json)
			take_parts(&made, json, places.at[i].parts);
	}
	if (rc >= 0)
		rc = put_all(&made)
			     ? 0
			     : db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
	for (unsigned i = 0; i < EVENT_NUM_PARTS; i++)
		free(made.part[i]);
	free(text.text);
	f->json = s->document;
	return rc < 0 ? rc : 0;
}
