/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports in JSON: Nexus resources as `az` prints them, flat in an array, and as the
 * ARM interface does, under `properties` in a page's `value`; NetBox devices, an
 * array or a page's `results`. One resource alone is read too.
 *
 * What a thing is tells its `type`, or where that is missing the fields that only it
 * has. Fields that are absent or null say nothing: every export lacks some.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fabric/inventory.h"
#include "common/json_tree.h"

#define MAX_NAME 255
#define MAX_SEQ UINT32_MAX

/* json_tree wants an object; Azure's command line prints an array. */
static const char wrap[] = "{\"value\":";

struct reader {
	struct inventory *inv;
	uint32_t source;
	struct json_tree tree;
	const char *text; /* as the tree counts in it */
	bool lines;	  /* the tree knows where things stand */
	size_t shift;	  /* bytes before the file's own */
	int first_line;	  /* of the text that the tree has */
	size_t counted;	  /* bytes of text whose line ends are in `line` */
	int line;
	device_report_fn *report;
	void *arg;
	bool no_memory;
};

static void __attribute__((format(printf, 4, 5)))
tell(struct reader *r, enum device_report kind, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->report(r->arg, kind, line, text);
}

/* Things are read in the order of the text, so each byte is looked at once. */
static int line_of(struct reader *r, const struct json_node *n)
{
	if (!r->lines || !n || n->at < r->shift)
		return 0;
	if (n->at < r->counted) {
		r->counted = r->shift;
		r->line = r->first_line;
	}
	for (; r->counted < n->at; r->counted++)
		r->line += r->text[r->counted] == '\n';
	return r->line;
}

static const struct json_node *get(struct reader *r, const struct json_node *o, const char *name)
{
	return json_tree_get(&r->tree, o, name);
}

/* A member that is a string without NUL bytes, and not empty; else NULL. */
static const char *text_in(struct reader *r, const struct json_node *o, const char *name)
{
	const struct json_node *n = get(r, o, name);

	if (!n || n->type != JSON_STRING || !n->text_len || n->text_len > 4096 ||
	    memchr(n->text, '\0', n->text_len))
		return NULL;
	return n->text;
}

static const char *name_in(struct reader *r, const struct json_node *o, const char *name)
{
	const char *text = text_in(r, o, name);

	return text && strlen(text) <= MAX_NAME ? text : NULL;
}

static char *copy(struct reader *r, const char *text)
{
	char *s = strdup(text);

	if (!s)
		r->no_memory = true;
	return s;
}

static struct inventory_device *add_device(struct reader *r, const char *name,
					   const struct json_node *o)
{
	struct inventory_device *d = inventory_device(r->inv, name, line_of(r, o), r->source);

	if (!d)
		r->no_memory = true;
	return d;
}

/* An address, with or without a length after it. */
static void add_address(struct reader *r, struct inventory_device *d, const struct json_node *o,
			const char *member)
{
	const char *text = text_in(r, o, member);
	int line = line_of(r, get(r, o, member));
	struct prefix p;

	if (!text)
		return;
	if (!prefix_parse(text, &p) && !addr_parse(text, &p.addr)) {
		tell(r, DEVICE_PROBLEM, line, "%s of %s: \"%.60s\" is no address", member, d->name,
		     text);
		return;
	}
	if (inventory_address(d, &p.addr, GW_PATH_PRIMARY, line) < 0)
		r->no_memory = true;
}

/* ---- Nexus ---- */

static void read_nexus_device(struct reader *r, const struct json_node *o,
			      const struct json_node *properties)
{
	const char *host = name_in(r, properties, "hostName"), *name = name_in(r, o, "name");
	const char *role = text_in(r, properties, "networkDeviceRole");
	struct inventory_device *d;

	if (!host && !name) {
		tell(r, DEVICE_PROBLEM, line_of(r, o), "a device without hostName and name");
		return;
	}
	d = add_device(r, host ? host : name, o);
	if (!d)
		return;
	if (host && name && strcmp(host, name) != 0)
		d->alias = copy(r, name);
	if (role) {
		d->role = inventory_role(role);
		if (d->role == ROLE_UNKNOWN)
			tell(r, DEVICE_PROBLEM, line_of(r, get(r, properties, "networkDeviceRole")),
			     "networkDeviceRole of %s: \"%.60s\" is none of CE, ToR, NPB, TS, "
			     "Management",
			     d->name, role);
	}
	add_address(r, d, properties, "managementIpv4Address");
	add_address(r, d, properties, "managementIpv6Address");
}

/* A number, or a string of digits, as ARM prints subnetMaskLength. */
static bool number_of(const struct json_node *n, uint64_t most, uint32_t *out)
{
	uint64_t v = 0;

	if (!n)
		return false;
	if (n->type == JSON_INTEGER) {
		if (n->integer < 0 || (uint64_t)n->integer > most)
			return false;
		*out = (uint32_t)n->integer;
		return true;
	}
	if (n->type != JSON_STRING || !n->text_len || n->text_len > 10)
		return false;
	for (uint32_t i = 0; i < n->text_len; i++) {
		if (n->text[i] < '0' || n->text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(n->text[i] - '0');
	}
	if (v > most)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* `condition` and its `subnetMaskLength` as a bound. False: reported. */
static bool read_condition(struct reader *r, const struct json_node *rule, const char *list,
			   struct prefix_entry *e)
{
	const struct json_node *condition = get(r, rule, "condition");
	const char *word = text_in(r, rule, "condition");
	uint8_t *bound;
	uint32_t length;

	if (!condition || condition->type == JSON_NULL)
		return true;
	bound = !word						? NULL
		: strcasecmp(word, "EqualTo") == 0		? &e->eq
		: strcasecmp(word, "GreaterThanOrEqualTo") == 0 ? &e->ge
		: strcasecmp(word, "LesserThanOrEqualTo") == 0	? &e->le
								: NULL;
	if (!bound) {
		tell(r, DEVICE_PROBLEM, line_of(r, condition),
		     "%s sequenceNumber %u: condition \"%.40s\" is none that can be read: EqualTo, "
		     "GreaterThanOrEqualTo, LesserThanOrEqualTo",
		     list, e->seq, word ? word : "");
		return false;
	}
	if (!number_of(get(r, rule, "subnetMaskLength"), addr_bits(&e->prefix.addr), &length) ||
	    length == 0) {
		tell(r, DEVICE_PROBLEM, e->line,
		     "%s sequenceNumber %u: %s wants a subnetMaskLength from 1 to %u", list, e->seq,
		     word, addr_bits(&e->prefix.addr));
		return false;
	}
	*bound = (uint8_t)length;
	return true;
}

static bool read_rule(struct reader *r, const struct json_node *rule, const char *list,
		      struct prefix_entry *e)
{
	const char *action = text_in(r, rule, "action"),
		   *prefix = text_in(r, rule, "networkPrefix");
	char text[PREFIX_STRLEN];
	struct prefix given;

	*e = (struct prefix_entry){ .line = line_of(r, rule) };
	if (!number_of(get(r, rule, "sequenceNumber"), MAX_SEQ, &e->seq)) {
		tell(r, DEVICE_PROBLEM, e->line,
		     "%s: a rule's sequenceNumber from 0 to 4294967295 is wanted", list);
		return false;
	}
	if (!action || (strcasecmp(action, "Permit") != 0 && strcasecmp(action, "Deny") != 0)) {
		tell(r, DEVICE_PROBLEM, e->line,
		     "%s sequenceNumber %u: the action is neither Permit nor Deny", list, e->seq);
		return false;
	}
	e->permit = strcasecmp(action, "Permit") == 0;
	if (!prefix || !prefix_parse(prefix, &given)) {
		tell(r, DEVICE_PROBLEM, e->line,
		     "%s sequenceNumber %u: networkPrefix \"%.60s\" is no prefix, as 192.0.2.0/24",
		     list, e->seq, prefix ? prefix : "");
		return false;
	}
	e->prefix = prefix_mask(&given);
	if (!addr_equal(&given.addr, &e->prefix.addr))
		tell(r, DEVICE_NOTE, e->line,
		     "%s sequenceNumber %u has bits beyond its length: read as %s", list, e->seq,
		     prefix_format(&e->prefix, text));
	return read_condition(r, rule, list, e);
}

static int by_seq(const void *a, const void *b)
{
	const struct prefix_entry *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void read_nexus_list(struct reader *r, const struct json_node *o,
			    const struct json_node *properties)
{
	const struct json_node *rules = get(r, properties, "ipPrefixRules"), *rule;
	const char *name = name_in(r, o, "name"), *id = text_in(r, o, "id");
	struct inventory *inv = r->inv;
	struct inventory_list *array, *l;
	size_t n = 0, kept = 0;

	if (!name) {
		tell(r, DEVICE_PROBLEM, line_of(r, o), "ipPrefixes without a name");
		return;
	}
	if (inv->n_lists & (inv->n_lists - 1)) {
		array = inv->lists;
	} else {
		array = realloc(inv->lists, (inv->n_lists ? 2 * inv->n_lists : 1) * sizeof(*array));
		if (!array) {
			r->no_memory = true;
			return;
		}
		inv->lists = array;
	}
	l = &array[inv->n_lists++];
	*l = (struct inventory_list){ .source = r->source };
	l->list.line = line_of(r, o);
	l->list.name = copy(r, name);
	l->id = id ? copy(r, id) : NULL;
	for (rule = json_tree_first(&r->tree, rules); rule; rule = json_tree_next(&r->tree, rule))
		n++;
	l->list.entries = calloc(n ? n : 1, sizeof(*l->list.entries));
	if (!l->list.entries) {
		r->no_memory = true;
		return;
	}
	if (!rules || rules->type != JSON_ARRAY)
		return;
	for (rule = json_tree_first(&r->tree, rules); rule; rule = json_tree_next(&r->tree, rule)) {
		struct prefix_entry e;

		if (!read_rule(r, rule, name, &e))
			continue;
		if (!l->list.family)
			l->list.family = e.prefix.addr.family;
		if (e.prefix.addr.family != l->list.family) {
			tell(r, DEVICE_PROBLEM, e.line,
			     "%s sequenceNumber %u: IPv4 and IPv6 in one list", name, e.seq);
			continue;
		}
		l->list.entries[l->list.n_entries++] = e;
	}
	if (l->list.n_entries > 1)
		qsort(l->list.entries, l->list.n_entries, sizeof(*l->list.entries), by_seq);
	for (size_t i = 0; i < l->list.n_entries; i++) {
		if (kept && l->list.entries[kept - 1].seq == l->list.entries[i].seq) {
			tell(r, DEVICE_PROBLEM, l->list.entries[i].line,
			     "%s: sequenceNumber %u is given twice", name, l->list.entries[i].seq);
			continue;
		}
		l->list.entries[kept++] = l->list.entries[i];
	}
	l->list.n_entries = kept;
}

static void read_nexus_fabric(struct reader *r, const struct json_node *properties)
{
	const struct json_node *ids = get(r, properties, "trustedIpPrefixes"), *id;
	struct inventory *inv = r->inv;

	if (!ids || ids->type != JSON_ARRAY)
		return;
	for (id = json_tree_first(&r->tree, ids); id; id = json_tree_next(&r->tree, id)) {
		char **array;

		if (id->type != JSON_STRING || !id->text_len ||
		    memchr(id->text, '\0', id->text_len)) {
			tell(r, DEVICE_PROBLEM, line_of(r, id),
			     "trustedIpPrefixes holds resource ids");
			continue;
		}
		array = realloc(inv->trusted, (inv->n_trusted + 1) * sizeof(*array));
		if (!array) {
			r->no_memory = true;
			return;
		}
		inv->trusted = array;
		array[inv->n_trusted] = copy(r, id->text);
		if (array[inv->n_trusted])
			inv->n_trusted++;
	}
}

/* ---- NetBox ---- */

/* role since NetBox 3.6, device_role before; an object with name and slug, or a word. */
static enum fabric_role netbox_role(struct reader *r, const struct json_node *o)
{
	static const char *const members[] = { "role", "device_role" };
	static const char *const words[] = { "slug", "name" };

	for (size_t i = 0; i < 2; i++) {
		const struct json_node *n = get(r, o, members[i]);
		const char *word = text_in(r, o, members[i]);

		if (word && inventory_role(word) != ROLE_UNKNOWN)
			return inventory_role(word);
		for (size_t k = 0; n && n->type == JSON_OBJECT && k < 2; k++) {
			word = text_in(r, n, words[k]);
			if (word && inventory_role(word) != ROLE_UNKNOWN)
				return inventory_role(word);
		}
	}
	return ROLE_UNKNOWN; /* the site's own word: fabric.yaml may tell */
}

static void read_netbox_device(struct reader *r, const struct json_node *o)
{
	static const char *const primary[] = { "primary_ip4", "primary_ip6" };
	const struct json_node *oob = get(r, o, "oob_ip");
	const char *name = name_in(r, o, "name");
	struct inventory_device *d;

	if (!name) /* NetBox allows it: a spare part */
		return;
	d = add_device(r, name, o);
	if (!d)
		return;
	d->role = netbox_role(r, o);
	/* The out-of-band address is Ma1's; where it is not kept, the primary one is. */
	if (oob && oob->type == JSON_OBJECT) {
		add_address(r, d, oob, "address");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const struct json_node *n = get(r, o, primary[i]);

		if (n && n->type == JSON_OBJECT)
			add_address(r, d, n, "address");
	}
}

/* ---- the document ---- */

enum thing { THING_NONE, NEXUS_DEVICE, NEXUS_LIST, NEXUS_FABRIC, NETBOX_DEVICE };

static bool type_ends(const char *type, const char *end)
{
	size_t n = strlen(type), k = strlen(end);

	return n >= k && strcasecmp(type + n - k, end) == 0;
}

static enum thing thing_of(struct reader *r, const struct json_node *o,
			   const struct json_node *properties)
{
	const char *type = text_in(r, o, "type");
	const struct json_node *rules = get(r, properties, "ipPrefixRules");

	if (type && strcasestr(type, "microsoft.managednetworkfabric/"))
		return type_ends(type, "/networkdevices")   ? NEXUS_DEVICE
		       : type_ends(type, "/ipprefixes")	    ? NEXUS_LIST
		       : type_ends(type, "/networkfabrics") ? NEXUS_FABRIC
							    : THING_NONE;
	if (rules && rules->type == JSON_ARRAY)
		return NEXUS_LIST;
	if (get(r, properties, "networkDeviceRole") || get(r, properties, "networkDeviceSku") ||
	    get(r, properties, "hostName"))
		return NEXUS_DEVICE;
	if (get(r, o, "device_type") || get(r, o, "oob_ip") || get(r, o, "primary_ip4"))
		return NETBOX_DEVICE;
	return THING_NONE;
}

/* What the export as a whole is called: of the first thing known in it. */
static const char *const kinds[] = { "unknown", "nexus", "nexus", "nexus", "netbox" };

static enum thing read_thing(struct reader *r, const struct json_node *o)
{
	const struct json_node *properties = get(r, o, "properties");
	struct fabric_source *s = &r->inv->sources[r->source];
	enum thing thing;

	if (o->type != JSON_OBJECT)
		return THING_NONE;
	if (!properties || properties->type != JSON_OBJECT)
		properties = o;
	thing = thing_of(r, o, properties);
	switch (thing) {
	case NEXUS_DEVICE:
		read_nexus_device(r, o, properties);
		break;
	case NEXUS_LIST:
		read_nexus_list(r, o, properties);
		break;
	case NEXUS_FABRIC:
		read_nexus_fabric(r, properties);
		break;
	case NETBOX_DEVICE:
		read_netbox_device(r, o);
		break;
	case THING_NONE:
		return thing;
	}
	if (strcmp(s->kind, kinds[THING_NONE]) == 0)
		s->kind = kinds[thing];
	return thing;
}

/* A page says when there is another one, which the file then lacks. */
static void check_next(struct reader *r, const struct json_node *page, const char *member)
{
	const struct json_node *next = get(r, page, member);

	if (!next || next->type != JSON_STRING || !next->text_len)
		return;
	r->inv->sources[r->source].incomplete = true;
	tell(r, DEVICE_PROBLEM, line_of(r, next),
	     "%s is set: this is one page of several, and what is on the others is missing; "
	     "export them all into one file, or each into its own without %s",
	     member, member);
}

static void read_document(struct reader *r)
{
	const struct json_node *doc = &r->tree.nodes[1], *list, *o;
	const struct json_node *strange = NULL;
	size_t unknown = 0, known = 0;

	if (doc->type != JSON_OBJECT) {
		tell(r, DEVICE_PROBLEM, 0, "an object or an array is wanted");
		return;
	}
	list = get(r, doc, "value");
	check_next(r, doc, "nextLink");
	if (!list || list->type != JSON_ARRAY) {
		list = get(r, doc, "results");
		check_next(r, doc, "next");
	}
	if (!list || list->type != JSON_ARRAY) { /* one alone */
		known = read_thing(r, doc) != THING_NONE;
		strange = known ? NULL : doc;
		unknown = !known;
		list = NULL;
	}
	for (o = json_tree_first(&r->tree, list); o && !r->no_memory;
	     o = json_tree_next(&r->tree, o)) {
		if (read_thing(r, o) != THING_NONE) {
			known++;
			continue;
		}
		if (!unknown++)
			strange = o;
	}
	if (unknown)
		tell(r, DEVICE_PROBLEM, line_of(r, strange),
		     "%zu of %zu entries are neither Nexus devices, ipPrefixes or fabrics nor "
		     "NetBox devices: not read",
		     unknown, unknown + known);
}

/* Reads text, of which shift bytes were put before the file's own, and one after. */
static json_t *read_by_jansson(struct reader *r, const char *text, size_t len)
{
	size_t added = r->shift ? r->shift + 1 : 0;
	json_error_t error;
	json_t *doc = json_loadb(text + r->shift, len - added, 0, &error), *page;

	if (!doc) {
		tell(r, DEVICE_PROBLEM, error.line > 0 ? error.line : 0, "not JSON: %s, column %d",
		     error.text, error.column > 0 ? error.column : 1);
		return NULL;
	}
	if (json_is_array(doc)) {
		page = json_object();
		json_object_set_new(page, "value", doc);
		doc = page;
	}
	return doc;
}

int inventory_read_json(struct inventory *inv, const char *text, size_t len,
			device_report_fn *report, void *arg)
{
	struct reader r = { .inv = inv,
			    .source = (uint32_t)inv->n_sources - 1,
			    .first_line = 1,
			    .report = report,
			    .arg = arg };
	json_t *doc = NULL;
	char *wrapped = NULL;
	int known;

	inv->sources[r.source].kind = kinds[THING_NONE];
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* UTF-8 byte order mark */
		text += 3;
		len -= 3;
	}
	for (; len && strchr(" \t\r\n", *text) && *text; text++, len--)
		r.first_line += *text == '\n';
	if (len && *text == '[') {
		r.shift = sizeof(wrap) - 1;
		wrapped = malloc(r.shift + len + 1);
		if (!wrapped)
			return -ENOMEM;
		memcpy(wrapped, wrap, r.shift);
		memcpy(wrapped + r.shift, text, len);
		wrapped[r.shift + len] = '}';
		text = wrapped;
		len += r.shift + 1;
	}
	r.text = text;
	r.counted = r.shift;
	r.line = r.first_line;
	known = json_tree_read(&r.tree, text, len);
	if (known == 0 && wrapped && r.tree.nodes[r.tree.nodes[1].child].next) {
		json_tree_clear(&r.tree); /* `[...], "more": ...` is only JSON when wrapped */
		known = 1;
	}
	r.lines = known == 0;
	if (known == 1) {
		doc = read_by_jansson(&r, text, len);
		if (doc && json_tree_from(&r.tree, doc) < 0)
			known = -1;
	}
	if (r.tree.nodes)
		read_document(&r);
	json_tree_clear(&r.tree);
	json_decref(doc);
	free(wrapped);
	return r.no_memory || known < 0 ? -ENOMEM : 0;
}
