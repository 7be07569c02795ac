/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/record/pack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pack {
	struct chain_digest *digest;
	struct pack_facts facts;
	json_t *header;
	struct chain_hash hash; /* at `place` */
	uint64_t place;
	struct chain_anchor *expected;
	size_t n_expected;
	uint64_t met;
};

const char *const *pack_fields(const char *kind)
{
	static const char *const event[] = { "agent",	 "seq",	   "time", "stored",  "type",
					     "severity", "device", "path", "service", "source",
					     "verdict",	 "policy", "flow", "json",    NULL };
	static const char *const dead[] = { "entry", "received", "reason", "data", NULL };

	if (strcmp(kind, "event") == 0)
		return event;
	return strcmp(kind, "dead-letter") == 0 ? dead : NULL;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* len hexadecimal digits. */
static bool from_hex(const char *hex, size_t len, uint8_t *out)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return len % 2 == 0;
}

bool pack_parse_hash(const char *hex, struct chain_hash *out)
{
	return hex && strlen(hex) == 2 * CHAIN_HASH_LEN &&
	       from_hex(hex, 2 * CHAIN_HASH_LEN, out->bytes);
}

/* ---- digests ----------------------------------------------------------------- */

static bool add_hex(struct chain_digest *d, const json_t *value)
{
	const json_t *text = json_object_get(value, "text");
	const json_t *hex = text ? text : json_object_get(value, "bytes");
	size_t len = json_string_length(hex);
	uint8_t *data;
	bool good;

	if (!json_is_string(hex) || json_object_size(value) != 1)
		return false;
	data = malloc(len / 2 + 1);
	good = data && from_hex(json_string_value(hex), len, data);
	if (good && text)
		chain_text(d, data, len / 2);
	else if (good)
		chain_bytes(d, data, len / 2);
	free(data);
	return good;
}

static bool add_field(struct chain_digest *d, const json_t *value)
{
	if (json_is_null(value))
		chain_null(d);
	else if (json_is_integer(value))
		chain_int(d, json_integer_value(value));
	else if (json_is_string(value))
		chain_text(d, json_string_value(value), json_string_length(value));
	else if (json_is_object(value))
		return add_hex(d, value);
	else
		return false;
	return true;
}

bool pack_digest(struct chain_digest *d, const char *kind, const json_t *row,
		 struct chain_hash *out)
{
	const char *const *fields = pack_fields(kind);
	bool good = fields != NULL;
	size_t n = 0;

	if (good)
		chain_begin(d, kind);
	for (; good && fields[n]; n++)
		good = add_field(d, json_object_get(row, fields[n]));
	/* What is beside the columns would be read and is not proven. */
	return good && json_object_size(row) == n && chain_end(d, out);
}

/* ---- checking ---------------------------------------------------------------- */

struct pack *pack_new(void)
{
	struct pack *p = calloc(1, sizeof(*p));

	if (p && !(p->digest = chain_digest_new())) {
		free(p);
		return NULL;
	}
	if (p)
		p->facts.good = true;
	return p;
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	chain_digest_free(p->digest);
	json_decref(p->header);
	free(p->expected);
	free(p);
}

static bool bad(struct pack *p, uint64_t place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool bad(struct pack *p, uint64_t place, const char *fmt, ...)
{
	va_list ap;

	p->facts.good = false;
	p->facts.place = place;
	va_start(ap, fmt);
	vsnprintf(p->facts.text, sizeof(p->facts.text), fmt, ap);
	va_end(ap);
	return false;
}

static bool get_count(const json_t *o, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static bool get_hash(const json_t *o, const char *key, struct chain_hash *out)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) && pack_parse_hash(json_string_value(v), out);
}

static bool take_header(struct pack *p, const json_t *o)
{
	const char *store = json_string_value(json_object_get(o, "store"));
	struct chain_hash first;
	uint64_t version = 0;

	if (!get_count(o, "pack", &version))
		return bad(p, 0, "it does not begin as an evidence pack does");
	if (version != PACK_VERSION)
		return bad(p, 0, "it is of version %" PRIu64 ", this program reads version %d",
			   version, PACK_VERSION);
	if (!store || strlen(store) != CHAIN_ID_LEN - 1 ||
	    strspn(store, "0123456789abcdef") != CHAIN_ID_LEN - 1 ||
	    !get_count(o, "first", &p->facts.first) || !get_count(o, "last", &p->facts.last) ||
	    !get_hash(o, "before", &p->hash) || !p->facts.first ||
	    p->facts.last + 1 < p->facts.first)
		return bad(p, 0, "its header lacks store, first, last or before");
	memcpy(p->facts.store, store, CHAIN_ID_LEN);
	p->place = p->facts.first - 1;
	if (!p->place && (!chain_first(p->digest, store, &first) || !chain_equal(&first, &p->hash)))
		return bad(p, 0, "the chain does not begin as that of store %s does", store);
	p->header = json_incref((json_t *)(uintptr_t)o);
	p->facts.what = json_object_get(o, "what");
	return true;
}

/* Anchors kept elsewhere that are of the place now reached. */
static bool meet(struct pack *p)
{
	for (size_t i = 0; i < p->n_expected; i++) {
		const struct chain_anchor *a = &p->expected[i];

		if (a->place != p->place || strcmp(a->store, p->facts.store) != 0)
			continue;
		if (!chain_equal(&a->hash, &p->hash))
			return bad(p, p->place,
				   "anchor %" PRIu64 ", kept elsewhere, has another hash at this "
				   "place: the record was made anew",
				   a->number);
		p->met++;
	}
	return true;
}

static bool advance(struct pack *p, const struct chain_hash *digest)
{
	struct chain_hash next;

	if (p->place >= p->facts.last)
		return bad(p, p->place + 1, "it goes on after the last place that it tells of");
	if (!chain_next(p->digest, &p->hash, digest, &next))
		return bad(p, p->place + 1, "libcrypto does not give a SHA-256");
	p->hash = next;
	p->place++;
	return meet(p);
}

static void name_row(struct pack *p, const json_t *row)
{
	const char *agent = json_string_value(json_object_get(row, "agent"));

	p->facts.id[0] = '\0';
	if (agent && json_is_integer(json_object_get(row, "seq")))
		snprintf(p->facts.id, sizeof(p->facts.id), "%.255s/%" JSON_INTEGER_FORMAT, agent,
			 json_integer_value(json_object_get(row, "seq")));
}

static bool take_row(struct pack *p, const json_t *o)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const json_t *row = json_object_get(o, "row");
	struct chain_hash told, digest, hash;
	uint64_t place = 0;

	name_row(p, row);
	if (!get_count(o, "place", &place) || !kind || !json_is_object(row) ||
	    !get_hash(o, "digest", &told) || !get_hash(o, "hash", &hash))
		return bad(p, p->place + 1, "a row lacks place, kind, row, digest or hash");
	if (place != p->place + 1)
		return bad(p, place,
			   "this place does not follow place %" PRIu64 ": rows are gone "
			   "or stand in another order",
			   p->place);
	if (!pack_digest(p->digest, kind, row, &digest))
		return bad(p, place, "its columns are not those of a stored row");
	if (!chain_equal(&digest, &told))
		return bad(p, place, "a column of the row is not as it was stored");
	if (!advance(p, &digest))
		return false;
	if (!chain_equal(&p->hash, &hash))
		return bad(p, place, "its hash does not follow from the places before it");
	p->facts.rows++;
	p->facts.events += strcmp(kind, "event") == 0;
	p->facts.dead_letters += strcmp(kind, "event") != 0;
	return true;
}

static bool take_digests(struct pack *p, const json_t *o)
{
	const json_t *list = json_object_get(o, "digests"), *item;
	struct chain_hash digest;
	uint64_t from = 0;
	size_t i;

	p->facts.id[0] = '\0';
	if (!get_count(o, "from", &from) || !json_is_array(list) || !json_array_size(list))
		return bad(p, p->place + 1, "digests lack from or digests");
	if (from != p->place + 1)
		return bad(p, from,
			   "this place does not follow place %" PRIu64 ": rows are gone "
			   "or stand in another order",
			   p->place);
	json_array_foreach((json_t *)(uintptr_t)list, i, item)
	{
		if (!json_is_string(item) || !pack_parse_hash(json_string_value(item), &digest))
			return bad(p, p->place + 1, "its digest is none");
		if (!advance(p, &digest))
			return false;
	}
	return true;
}

static bool take_anchor(struct pack *p, const json_t *o)
{
	char *text = json_dumps(json_object_get(o, "anchor"), JSON_COMPACT | JSON_ENCODE_ANY);
	struct chain_anchor a;
	char why[200];
	bool good;

	p->facts.id[0] = '\0';
	good = text && chain_anchor_parse(text, strlen(text), &a, why, sizeof(why));
	free(text);
	if (!good)
		return bad(p, 0, "a line is not an anchor");
	if (strcmp(a.store, p->facts.store) != 0)
		return bad(p, 0, "anchor %" PRIu64 " is of another store", a.number);
	if (a.place != p->place)
		return bad(p, 0,
			   "anchor %" PRIu64 " is of place %" PRIu64
			   ", it stands after place %" PRIu64,
			   a.number, a.place, p->place);
	if (!chain_equal(&a.hash, &p->hash))
		return bad(p, a.place, "anchor %" PRIu64 " has another hash at this place",
			   a.number);
	p->facts.anchors++;
	p->facts.anchored = a.place;
	p->facts.anchored_ns = a.time_ns;
	return true;
}

static bool take_end(struct pack *p, const json_t *o)
{
	struct chain_hash hash;
	uint64_t rows = 0, end = 0;

	p->facts.id[0] = '\0';
	if (!get_count(o, "end", &end) || !get_count(o, "rows", &rows) ||
	    !get_hash(o, "hash", &hash))
		return bad(p, 0, "its end lacks end, rows or hash");
	if (end != p->place || end != p->facts.last)
		return bad(p, 0, "it ends at place %" PRIu64 ", and tells of %" PRIu64, p->place,
			   p->facts.last);
	if (rows != p->facts.rows)
		return bad(p, 0, "it holds %" PRIu64 " rows and tells of %" PRIu64, p->facts.rows,
			   rows);
	if (!chain_equal(&hash, &p->hash))
		return bad(p, 0, "its last hash is another one");
	p->facts.done = true;
	return true;
}

bool pack_line(struct pack *p, const char *text, size_t len)
{
	json_error_t why;
	json_t *o;
	bool good;

	if (!p->facts.good)
		return false;
	p->facts.line++;
	if (p->facts.done)
		return bad(p, 0, "something follows its end");
	if (len > PACK_MAX_LINE)
		return bad(p, p->place + 1, "a line is longer than any row may be");
	o = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (!json_is_object(o))
		good = bad(p, p->header ? p->place + 1 : 0, "not a JSON document: %.100s",
			   o ? "no object" : why.text);
	else if (!p->header)
		good = take_header(p, o);
	else if (json_object_get(o, "row"))
		good = take_row(p, o);
	else if (json_object_get(o, "digests"))
		good = take_digests(p, o);
	else if (json_object_get(o, "anchor"))
		good = take_anchor(p, o);
	else if (json_object_get(o, "end"))
		good = take_end(p, o);
	else
		good = bad(p, 0, "a line is neither row, digests, anchor nor end");
	json_decref(o);
	return good;
}

const struct pack_facts *pack_finish(struct pack *p)
{
	if (p->facts.good && !p->header)
		bad(p, 0, "it is empty");
	else if (p->facts.good && !p->facts.done)
		bad(p, 0, "its end is missing: it was cut off after place %" PRIu64, p->place);
	p->facts.hash = p->hash;
	return &p->facts;
}

bool pack_expect(struct pack *p, const struct chain_anchor *a)
{
	struct chain_anchor *list =
		realloc(p->expected, (p->n_expected + 1) * sizeof(*p->expected));

	if (!list)
		return false;
	p->expected = list;
	list[p->n_expected++] = *a;
	return true;
}

uint64_t pack_expected(const struct pack *p)
{
	return p->met;
}

const struct pack_facts *pack_unanchored(struct pack *p)
{
	bad(p, 0, "none of the anchors that were kept elsewhere is of a place in it");
	return &p->facts;
}
