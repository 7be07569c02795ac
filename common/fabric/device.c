/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device's configuration says about it.
 *
 * Nothing is resolved before the whole tree is read: stanzas may come in any
 * order and may be opened again (EOS prints them in order, people do not write
 * them so). Later lines win over earlier ones as they would on the device: a
 * second `ip address` replaces the first, an entry with a known seq replaces
 * that entry, `no ...` takes back what was said.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fabric/device.h"
#include "common/fabric/statement.h"
#include "common/grow.h"

#define MAX_NAME 255 /* of anything; longer is no name */
#define QUOTE_LEN 80 /* of an offending line in a message */
#define SEQ_STEP 10  /* EOS numbers an entry without seq: the last + 10 */
#define BUCKETS 256  /* a chassis has some 600 interfaces */

struct group { /* BGP peer group */
	char *name;
	uint32_t asn;
};

/* What the lines said about one list, in their order. */
struct said {
	struct prefix_entry entry;
	uint32_t order;
	bool gone; /* `no seq N` */
};

struct list_reader {
	struct said *said;
	size_t n;
	bool defined;
	bool any; /* an entry stands; highest is its seq */
	uint32_t highest;
};

struct reader {
	struct fabric_device *d;
	device_report_fn *report;
	void *arg;
	struct group *groups;
	size_t n_groups;
	struct list_reader *lists; /* beside d->lists */
	size_t recent;		   /* list looked up last */
	uint32_t heads[BUCKETS];   /* of interfaces by name: 0: none, else number + 1 */
	uint32_t *next;		   /* of the same bucket, beside d->interfaces */
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

/* "`ip address 10.0.0.0`: WHY" */
static void unread(struct reader *r, const struct eos_node *n, const char *why)
{
	tell(r, DEVICE_PROBLEM, n->line, "`%.*s%s`: %s", QUOTE_LEN, n->text,
	     strlen(n->text) > QUOTE_LEN ? "..." : "", why);
}

/* Makes room for one more element; arrays grow to powers of two. */
static void *grow(struct reader *r, void *array, size_t n, size_t size)
{
	void *larger = grow_array(array, n, size);

	if (!larger)
		r->no_memory = true;
	return larger;
}

static char *text_of(struct reader *r, const char *at, size_t len)
{
	char *s = strndup(at, len);

	if (!s)
		r->no_memory = true;
	return s;
}

static void replace(struct reader *r, char **slot, const char *at, size_t len)
{
	free(*slot);
	*slot = text_of(r, at, len);
}

/* ---- interfaces ---- */

/* The types that EOS prints and people shorten (Et1, Ma1, lo6). */
static const char *const types[] = { "Ethernet", "Management", "Loopback", "Port-Channel",
				     "Vlan",	 "Vxlan",      "Tunnel" };

static char *append(char *to, const char *at, size_t len)
{
	memcpy(to, at, len);
	return to + len;
}

/* "ma1", "Management 1", "LOOPBACK6" -> as EOS prints it, in NAME_ROOM bytes. False: no
 * name. */
#define NAME_ROOM (2 * MAX_NAME + 32)
static bool interface_name(const struct statement *s, char *out)
{
	struct eos_word w = s->w[1];
	size_t letters = 0;

	if (s->n < 2 || s->n > 3 || w.len > MAX_NAME || s->w[2].len > MAX_NAME)
		return false;
	if (s->n == 3 && !isdigit((unsigned char)s->w[2].at[0]))
		return false;
	while (letters < w.len && (isalpha((unsigned char)w.at[letters]) || w.at[letters] == '-'))
		letters++;
	for (size_t i = 0; letters >= 2 && i < sizeof(types) / sizeof(types[0]); i++) {
		size_t len = strlen(types[i]);

		if (letters > len || strncasecmp(w.at, types[i], letters) != 0)
			continue;
		out = append(out, types[i], len);
		w.at += letters;
		w.len -= letters;
		break;
	}
	out = append(out, w.at, w.len);
	*append(out, s->w[2].at, s->w[2].len) = '\0';
	return true;
}

static void interface_clear(struct fabric_interface *i)
{
	free(i->name);
	free(i->vrf);
	free(i->description);
	free(i->addresses);
}

static uint32_t bucket_of(const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return (h ^ h >> 16) % BUCKETS;
}

static struct fabric_interface *interface_at(struct reader *r, const char *name, int line)
{
	struct fabric_device *d = r->d;
	struct fabric_interface *i, *array;
	uint32_t bucket = bucket_of(name), *next;

	for (uint32_t k = r->heads[bucket]; k; k = r->next[k - 1])
		if (strcmp(d->interfaces[k - 1].name, name) == 0)
			return &d->interfaces[k - 1];
	next = grow(r, r->next, d->n_interfaces, sizeof(*next));
	if (next)
		r->next = next;
	array = grow(r, d->interfaces, d->n_interfaces, sizeof(*array));
	if (array)
		d->interfaces = array;
	if (!array || !next)
		return NULL;
	i = &array[d->n_interfaces];
	*i = (struct fabric_interface){ .kind = IF_OTHER, .line = line };
	i->name = text_of(r, name, strlen(name));
	if (!i->name)
		return NULL;
	if (strncmp(name, "Management", 10) == 0)
		i->kind = IF_MANAGEMENT;
	else if (strncmp(name, "Loopback", 8) == 0)
		i->kind = IF_LOOPBACK;
	next[d->n_interfaces] = r->heads[bucket];
	r->heads[bucket] = (uint32_t)++d->n_interfaces;
	return i;
}

/* Takes an interface back. An empty name matches nothing; finish() drops it. */
static void remove_interface(struct fabric_device *d, const char *name)
{
	for (size_t k = 0; k < d->n_interfaces; k++)
		if (strcmp(d->interfaces[k].name, name) == 0)
			d->interfaces[k].name[0] = '\0';
}

/* No host has these. Link-local IPv6 ones are passed over elsewhere. */
static bool is_host(const struct addr *a)
{
	static const uint8_t zero[16];

	if (a->family == 4)
		return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
	return a->bytes[0] != 0xff && memcmp(a->bytes, zero, 15) != 0;
}

static void drop_addresses(struct fabric_interface *i, uint8_t family, bool primary_only,
			   const struct addr *only)
{
	size_t kept = 0;

	for (size_t k = 0; k < i->n_addresses; k++) {
		const struct fabric_address *a = &i->addresses[k];

		if (a->prefix.addr.family != family || (primary_only && a->secondary) ||
		    (only && !addr_equal(&a->prefix.addr, only)))
			i->addresses[kept++] = *a;
	}
	i->n_addresses = kept;
}

static void read_ip_address(struct reader *r, struct fabric_interface *i, const struct statement *s)
{
	uint8_t family = eos_is(s->w[0], "ip") ? 4 : 6;
	const struct eos_word *w = &s->w[2], *after;
	struct fabric_address a = { .line = s->node->line };
	struct fabric_address *array;
	size_t used;

	if (s->no) {
		if (s->n == 2)
			drop_addresses(i, family, false, NULL);
		else if (words_prefix(w, family, &a.prefix))
			drop_addresses(i, family, false, &a.prefix.addr);
		return;
	}
	/* An anycast gateway's address is not this device's own. */
	if (eos_is(w[0], "virtual"))
		return;
	if (eos_is(w[0], "dhcp") || eos_is(w[0], "auto-config")) {
		if (i->kind == IF_MANAGEMENT)
			tell(r, DEVICE_NOTE, s->node->line,
			     "%s gets its address at run time (%.*s): it is not known here and not "
			     "watched",
			     i->name, (int)w[0].len, w[0].at);
		return;
	}
	if (family == 4 && eos_is(w[0], "unnumbered"))
		return;
	used = words_prefix(w, family, &a.prefix);
	if (!used) {
		unread(r, s->node,
		       family == 4 ? "an address and its length are wanted, as 192.0.2.1/24"
				   : "an address and its length are wanted, as 2001:db8::1/64");
		return;
	}
	after = w + used;
	if (family == 6 &&
	    (eos_is(after[0], "link-local") ||
	     (a.prefix.addr.bytes[0] == 0xfe && (a.prefix.addr.bytes[1] & 0xc0) == 0x80)))
		return; /* the same on many links: no target */
	if (family == 4 && eos_is(after[0], "secondary")) {
		a.secondary = true;
		used++;
	}
	if (s->n != 2 + used) {
		unread(r, s->node, "more words than an address takes");
		return;
	}
	if (!is_host(&a.prefix.addr)) {
		unread(r, s->node, "no host can have this address");
		return;
	}
	drop_addresses(i, family, false, &a.prefix.addr); /* said twice */
	if (family == 4 && !a.secondary)
		drop_addresses(i, family, true, NULL);
	array = grow(r, i->addresses, i->n_addresses, sizeof(*array));
	if (!array)
		return;
	i->addresses = array;
	i->addresses[i->n_addresses++] = a;
}

static void read_vrf_line(struct reader *r, struct fabric_interface *i, const struct statement *s)
{
	size_t at = s->n > 2 && eos_is(s->w[1], "forwarding") ? 2 : 1; /* before EOS 4.23 */

	free(i->vrf);
	i->vrf = NULL;
	i->vrf_line = 0;
	if (s->no)
		return;
	if (s->n != at + 1 || s->w[at].len > MAX_NAME) {
		unread(r, s->node, "one VRF name is wanted");
		return;
	}
	i->vrf_line = s->node->line;
	if (!eos_is(s->w[at], "default"))
		i->vrf = text_of(r, s->w[at].at, s->w[at].len);
}

/* A number of its words; whatever else it says is not of interest here. */
static void read_part(const struct statement *s, size_t at, uint32_t *number)
{
	*number = 0;
	if (!s->no)
		word_number(s->w[at], UINT32_MAX, number);
}

static void read_interface(struct reader *r, const struct statement *head)
{
	char name[NAME_ROOM];
	struct fabric_interface *i;

	if (eos_is(head->w[1], "profile") || eos_is(head->w[1], "defaults")) /* no interface */
		return;
	if (!interface_name(head, name)) {
		unread(r, head->node, "one interface name is wanted");
		return;
	}
	if (head->no) {
		remove_interface(r->d, name);
		return;
	}
	i = interface_at(r, name, head->node->line);
	if (!i)
		return;
	for (const struct eos_node *n = head->node->child; n && !r->no_memory; n = n->next) {
		struct statement s = statement_of(n);

		if ((eos_is(s.w[0], "ip") || eos_is(s.w[0], "ipv6")) && eos_is(s.w[1], "address"))
			read_ip_address(r, i, &s);
		else if (eos_is(s.w[0], "vrf"))
			read_vrf_line(r, i, &s);
		else if (eos_is(s.w[0], "shutdown")) {
			i->shutdown = !s.no;
			i->shutdown_line = s.no ? 0 : n->line;
		} else if (eos_is(s.w[0], "switchport") && s.n == 1)
			i->routed_line = s.no ? n->line : 0;
		else if (eos_is(s.w[0], "encapsulation") && eos_is(s.w[2], "vlan"))
			read_part(&s, 3, &i->vlan);
		else if (eos_is(s.w[0], "channel-group"))
			read_part(&s, 1, &i->channel_group);
		else if (eos_is(s.w[0], "description")) {
			const char *text = s.no ? "" : eos_after(n->text, 1);

			free(i->description);
			i->description = *text ? text_of(r, text, strlen(text)) : NULL;
		}
	}
}

/* ---- prefix-lists ---- */

static int said_order(const void *a, const void *b)
{
	const struct said *x = a, *y = b;

	if (x->entry.seq != y->entry.seq)
		return x->entry.seq < y->entry.seq ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Sorts by seq and keeps what was said last of each. */
static void settle(struct list_reader *l)
{
	size_t kept = 0;

	if (l->n)
		qsort(l->said, l->n, sizeof(*l->said), said_order);
	for (size_t i = 0; i < l->n; i++) {
		if (i + 1 < l->n && l->said[i + 1].entry.seq == l->said[i].entry.seq)
			continue;
		if (!l->said[i].gone)
			l->said[kept++] = l->said[i];
	}
	for (size_t i = 0; i < kept; i++)
		l->said[i].order = (uint32_t)i;
	l->n = kept;
	l->any = kept > 0;
	l->highest = kept ? l->said[kept - 1].entry.seq : 0;
}

static void say(struct reader *r, size_t list, const struct prefix_entry *e, bool gone)
{
	struct list_reader *l = &r->lists[list];
	struct said *array = grow(r, l->said, l->n, sizeof(*array));

	if (!array)
		return;
	l->said = array;
	l->said[l->n] = (struct said){ *e, (uint32_t)l->n, gone };
	l->n++;
	if (gone) {
		if (l->any && e->seq == l->highest)
			settle(l);
	} else if (!l->any || e->seq > l->highest) {
		l->any = true;
		l->highest = e->seq;
	}
}

/* Finds the list or makes it. Returns its index or SIZE_MAX: no memory. */
static size_t list_at(struct reader *r, uint8_t family, struct eos_word name, int line)
{
	struct fabric_device *d = r->d;
	struct list_reader *readers;
	struct prefix_list *lists;

	for (size_t k = 0; k < d->n_lists; k++) {
		size_t i = (r->recent + k) % d->n_lists;

		if (d->lists[i].family == family && word_equals(name, d->lists[i].name)) {
			r->recent = i;
			return i;
		}
	}
	lists = grow(r, d->lists, d->n_lists, sizeof(*lists));
	if (lists)
		d->lists = lists;
	readers = grow(r, r->lists, d->n_lists, sizeof(*readers));
	if (readers)
		r->lists = readers;
	if (!lists || !readers)
		return SIZE_MAX;
	lists[d->n_lists] = (struct prefix_list){ .family = family, .line = line };
	lists[d->n_lists].name = text_of(r, name.at, name.len);
	if (!lists[d->n_lists].name)
		return SIZE_MAX;
	readers[d->n_lists] = (struct list_reader){ 0 };
	r->recent = d->n_lists;
	return d->n_lists++;
}

/* "eq 32", "ge 25 le 32", ... Returns the words used; 0 and *why: not readable. */
static size_t read_bounds(const struct eos_word *w, size_t n, struct prefix_entry *e,
			  const char **why)
{
	uint32_t most = addr_bits(&e->prefix.addr), v;
	size_t used = 0;

	while (used < n) {
		uint8_t *bound = eos_is(w[used], "eq")	 ? &e->eq
				 : eos_is(w[used], "ge") ? &e->ge
				 : eos_is(w[used], "le") ? &e->le
							 : NULL;

		if (!bound || *bound) {
			*why = "only eq, ge and le may follow the prefix, each once";
			return 0;
		}
		if (used + 1 >= n || !word_number(w[used + 1], most, &v) || v == 0) {
			*why = most == 32 ? "a length from 1 to 32 is wanted"
					  : "a length from 1 to 128 is wanted";
			return 0;
		}
		*bound = (uint8_t)v;
		used += 2;
	}
	if (e->eq && (e->ge || e->le)) {
		*why = "eq does not go with ge or le";
		return 0;
	}
	if (e->ge && e->le && e->ge > e->le) {
		*why = "ge is above le: it matches nothing";
		return 0;
	}
	return used;
}

/* "[seq N] permit|deny PREFIX [bounds]", "remark ...", "source URL". */
static void read_entry(struct reader *r, size_t list, const struct eos_node *node,
		       const struct eos_word *w, size_t n)
{
	struct prefix_list *l = &r->d->lists[list];
	struct prefix_entry e = { .line = node->line };
	struct prefix given;
	const char *why = NULL;
	bool numbered = false;
	size_t used;

	if (eos_is(w[0], "source") && n >= 2) {
		l->external = true;
		tell(r, DEVICE_NOTE, node->line,
		     "prefix-list %s is read from %.*s: its entries are not in the configuration",
		     l->name, (int)(w[1].len < QUOTE_LEN ? w[1].len : QUOTE_LEN), w[1].at);
		return;
	}
	if (eos_is(w[0], "seq")) {
		if (n < 2 || !word_number(w[1], UINT32_MAX, &e.seq)) {
			unread(r, node, "seq takes a number from 0 to 4294967295");
			return;
		}
		numbered = true;
		w += 2;
		n -= 2;
	}
	if (n && eos_is(w[0], "remark"))
		return;
	if (!n || !(eos_is(w[0], "permit") || eos_is(w[0], "deny"))) {
		unread(r, node, "not an entry of a prefix-list: [seq N] permit|deny PREFIX");
		return;
	}
	e.permit = eos_is(w[0], "permit");
	used = n > 1 ? words_prefix(w + 1, l->family, &given) : 0;
	if (!used || 1 + used > n) {
		unread(r, node,
		       l->family == 4 ? "an IPv4 prefix is wanted, as 192.0.2.0/24"
				      : "an IPv6 prefix is wanted, as 2001:db8::/32");
		return;
	}
	e.prefix = prefix_mask(&given);
	w += 1 + used;
	n -= 1 + used;
	if (n && !read_bounds(w, n, &e, &why)) {
		unread(r, node, why);
		return;
	}
	if (!numbered) {
		struct list_reader *state = &r->lists[list];

		if (state->any && state->highest > UINT32_MAX - SEQ_STEP) {
			unread(r, node, "no seq is left after the highest of the list");
			return;
		}
		e.seq = state->any ? state->highest + SEQ_STEP : SEQ_STEP;
	}
	if (!addr_equal(&given.addr, &e.prefix.addr)) {
		char text[PREFIX_STRLEN];

		tell(r, DEVICE_NOTE, node->line, "seq %u has bits beyond its length: read as %s",
		     e.seq, prefix_format(&e.prefix, text));
	}
	say(r, list, &e, false);
}

static void remove_entry(struct reader *r, size_t list, const struct eos_node *node,
			 const struct eos_word *w)
{
	struct prefix_entry e = { .line = node->line };

	if (eos_is(w[0], "remark"))
		return;
	if (eos_is(w[0], "source")) {
		r->d->lists[list].external = false;
		return;
	}
	if (!eos_is(w[0], "seq") || !word_number(w[1], UINT32_MAX, &e.seq)) {
		unread(r, node, "`seq N` is wanted to tell which entry goes");
		return;
	}
	say(r, list, &e, true);
}

static void read_prefix_list(struct reader *r, const struct statement *s)
{
	uint8_t family = eos_is(s->w[0], "ip") ? 4 : 6;
	size_t list;

	if (s->n < 3 || s->w[2].len > MAX_NAME) {
		unread(r, s->node, "a prefix-list's name is wanted");
		return;
	}
	list = list_at(r, family, s->w[2], s->node->line);
	if (list == SIZE_MAX)
		return;
	if (s->no && s->n == 3) {
		r->lists[list].n = 0;
		r->lists[list].any = r->lists[list].defined = false;
		r->d->lists[list].external = false;
		return;
	}
	if (s->no) {
		remove_entry(r, list, s->node, s->w + 3);
		return;
	}
	if (!r->lists[list].defined)
		r->d->lists[list].line = s->node->line;
	r->lists[list].defined = true;
	if (s->n > 3)
		read_entry(r, list, s->node, s->w + 3, s->n - 3);
	for (const struct eos_node *n = s->node->child; n && !r->no_memory; n = n->next) {
		struct statement entry = statement_of(n);

		if (entry.no)
			remove_entry(r, list, n, entry.w);
		else
			read_entry(r, list, n, entry.w, entry.n);
	}
}

/* ---- BGP ---- */

static struct group *group_at(struct reader *r, const char *name, size_t len)
{
	struct group *array;

	for (size_t i = 0; i < r->n_groups; i++)
		if (word_equals((struct eos_word){ name, len }, r->groups[i].name))
			return &r->groups[i];
	array = grow(r, r->groups, r->n_groups, sizeof(*array));
	if (!array)
		return NULL;
	r->groups = array;
	array[r->n_groups] = (struct group){ text_of(r, name, len), 0 };
	return array[r->n_groups].name ? &array[r->n_groups++] : NULL;
}

static bool same_vrf(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void neighbor_clear(struct fabric_neighbor *n)
{
	free(n->peer_group);
	free(n->vrf);
	free(n->description);
	free(n->scope);
}

/* What follows the % of fe80::1%Et1, or an empty word. */
static struct eos_word scope_of(struct eos_word w)
{
	const char *percent = memchr(w.at, '%', w.len);

	if (!percent)
		return (struct eos_word){ "", 0 };
	return (struct eos_word){ percent + 1, (size_t)(w.at + w.len - percent) - 1 };
}

/* Link-local addresses tell nothing without their interface: fe80::1 is on many. */
static struct fabric_neighbor *neighbor_at(struct reader *r, const struct addr *a,
					   struct eos_word scope, const char *vrf, bool make,
					   int line)
{
	struct fabric_device *d = r->d;
	struct fabric_neighbor *array;

	/* Lines about one neighbor follow each other: look from the end. */
	for (size_t i = d->n_neighbors; i-- > 0;)
		if (addr_equal(&d->neighbors[i].address, a) && same_vrf(d->neighbors[i].vrf, vrf) &&
		    word_equals(scope, d->neighbors[i].scope ? d->neighbors[i].scope : ""))
			return &d->neighbors[i];
	if (!make)
		return NULL;
	array = grow(r, d->neighbors, d->n_neighbors, sizeof(*array));
	if (!array)
		return NULL;
	d->neighbors = array;
	array[d->n_neighbors] = (struct fabric_neighbor){ .address = *a, .line = line };
	if (vrf) {
		array[d->n_neighbors].vrf = text_of(r, vrf, strlen(vrf));
		if (!array[d->n_neighbors].vrf)
			return NULL;
	}
	if (scope.len) {
		array[d->n_neighbors].scope = text_of(r, scope.at, scope.len);
		if (!array[d->n_neighbors].scope) {
			free(array[d->n_neighbors].vrf);
			return NULL;
		}
	}
	return &array[d->n_neighbors++];
}

/* Only digits, dots, or a colon: meant as an address, no peer group's name. */
static bool looks_like_address(struct eos_word w)
{
	bool digits = true;

	for (size_t i = 0; i < w.len; i++) {
		if (w.at[i] == ':')
			return true;
		digits = digits && (isdigit((unsigned char)w.at[i]) || w.at[i] == '.');
	}
	return digits && memchr(w.at, '.', w.len);
}

/* A line `neighbor X ...` in global BGP or directly in a vrf; those under an
 * address-family do not make a neighbor. */
static void read_neighbor(struct reader *r, const struct statement *s, const char *vrf)
{
	const struct eos_word *w = s->w;
	struct fabric_neighbor *n = NULL;
	struct group *g = NULL;
	struct addr a;
	bool hyphen = eos_is(w[2], "peer-group");

	if (s->n < 2 || w[1].len > MAX_NAME) {
		unread(r, s->node, "an address or a peer group is wanted");
		return;
	}
	if (eos_is(w[1], "interface")) /* unnumbered: no address to know it by */
		return;
	if (word_addr(w[1], &a)) {
		n = neighbor_at(r, &a, scope_of(w[1]), vrf, !s->no, s->node->line);
		if (!n)
			return;
		if (s->no && s->n == 2) {
			neighbor_clear(n);
			*n = r->d->neighbors[--r->d->n_neighbors];
			return;
		}
	} else if (looks_like_address(w[1])) {
		unread(r, s->node, "not a neighbor's address");
		return;
	} else {
		g = group_at(r, w[1].at, w[1].len);
		if (!g)
			return;
	}
	if (eos_is(w[2], "remote-as")) {
		uint32_t asn = 0;

		if (!s->no && !word_asn(w[3], &asn)) {
			unread(r, s->node, "an AS number is wanted after remote-as");
			return;
		}
		if (n)
			n->asn = asn;
		else
			g->asn = asn;
	} else if (n && (hyphen || (eos_is(w[2], "peer") && eos_is(w[3], "group")))) {
		struct eos_word name = hyphen ? w[3] : w[4];

		free(n->peer_group);
		n->peer_group = NULL;
		if (!s->no && (!name.len || name.len > MAX_NAME))
			unread(r, s->node, "a peer group's name is wanted");
		else if (!s->no)
			n->peer_group = text_of(r, name.at, name.len);
	} else if (n && eos_is(w[2], "description")) {
		const char *text = s->no ? "" : eos_after(s->node->text, 3);

		free(n->description);
		n->description = *text ? text_of(r, text, strlen(text)) : NULL;
	} else if (n && eos_is(w[2], "shutdown")) {
		n->shutdown = !s->no;
	}
}

static void read_bgp(struct reader *r, const struct statement *head)
{
	if (head->no) {
		for (size_t i = 0; i < r->d->n_neighbors; i++)
			neighbor_clear(&r->d->neighbors[i]);
		r->d->n_neighbors = 0;
		r->d->asn = 0;
		return;
	}
	if (head->n != 3 || !word_asn(head->w[2], &r->d->asn)) {
		unread(r, head->node, "an AS number is wanted");
		return;
	}
	for (const struct eos_node *n = head->node->child; n && !r->no_memory; n = n->next) {
		struct statement s = statement_of(n);
		char vrf[MAX_NAME + 1] = "";

		if (eos_is(s.w[0], "neighbor")) {
			read_neighbor(r, &s, NULL);
			continue;
		}
		if (!eos_is(s.w[0], "vrf") || s.no)
			continue;
		if (s.n != 2 || s.w[1].len > MAX_NAME) {
			unread(r, n, "one VRF name is wanted");
			continue;
		}
		memcpy(vrf, s.w[1].at, s.w[1].len);
		for (const struct eos_node *v = n->child; v && !r->no_memory; v = v->next) {
			struct statement line = statement_of(v);

			if (eos_is(line.w[0], "neighbor"))
				read_neighbor(r, &line,
					      strcasecmp(vrf, "default") == 0 ? NULL : vrf);
		}
	}
}

/* ---- VRFs ---- */

/* `vrf instance V`, before EOS 4.23 `vrf definition V`. */
static void read_vrf(struct reader *r, const struct statement *s)
{
	struct fabric_device *d = r->d;
	struct fabric_vrf *array;
	size_t i = 0;

	if (s->n != 3 || s->w[2].len > MAX_NAME) {
		unread(r, s->node, "one VRF name is wanted");
		return;
	}
	if (eos_is(s->w[2], "default"))
		return;
	while (i < d->n_vrfs && !word_equals(s->w[2], d->vrfs[i].name))
		i++;
	if (s->no && i < d->n_vrfs) {
		free(d->vrfs[i].name);
		d->vrfs[i] = d->vrfs[--d->n_vrfs];
	}
	if (s->no || i < d->n_vrfs)
		return;
	array = grow(r, d->vrfs, d->n_vrfs, sizeof(*array));
	if (!array)
		return;
	d->vrfs = array;
	array[i] = (struct fabric_vrf){ text_of(r, s->w[2].at, s->w[2].len), s->node->line };
	if (array[i].name)
		d->n_vrfs++;
}

static int vrf_order(const void *a, const void *b)
{
	const struct fabric_vrf *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* ---- the whole ---- */

static bool is_prefix_list(const struct statement *s)
{
	return (eos_is(s->w[0], "ip") || eos_is(s->w[0], "ipv6")) && eos_is(s->w[1], "prefix-list");
}

/* `interface Loopback6` or a management interface, opened where none can be. */
static bool is_lost_interface(const struct statement *s)
{
	const struct eos_node *after = s->node->child ? s->node->child : s->node->next;
	char name[NAME_ROOM];
	struct eos_word w;

	if (!eos_is(s->w[0], "interface") || s->n != 2 || !after || !interface_name(s, name) ||
	    (strcmp(name, "Loopback6") != 0 && strncmp(name, "Management", 10) != 0))
		return false;
	eos_split(after->text, &w, 1);
	return eos_is(w, "ip") || eos_is(w, "ipv6") || eos_is(w, "description") || eos_is(w, "vrf");
}

/* A list or a management interface inside another section is not read, because
 * most sections have sub-lines of such names; passing over a `deny` in silence
 * would be the wrong way to fail. */
static void report_misplaced(struct reader *r, const struct eos_node *section)
{
	const struct eos_node *n = section->child;

	while (n) {
		/* `ip ...`, `interface ...`, `no ...`, `default ...` */
		if (!n->code && strchr("iInNdD", n->text[0])) {
			struct statement s = statement_of(n);

			if (is_prefix_list(&s) || is_lost_interface(&s)) {
				char why[2 * QUOTE_LEN];

				snprintf(why, sizeof(why), "not read inside `%.*s` of line %d",
					 QUOTE_LEN, section->text, section->line);
				unread(r, n, why);
			}
		}
		if (n->child) {
			n = n->child;
			continue;
		}
		while (n != section && !n->next)
			n = n->parent;
		if (n == section)
			return;
		n = n->next;
	}
}

static int list_order(const void *a, const void *b)
{
	const struct prefix_list *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int neighbor_order(const void *a, const void *b)
{
	const struct fabric_neighbor *x = a, *y = b;
	int c = addr_compare(&x->address, &y->address);

	c = c ? c : strcmp(x->vrf ? x->vrf : "", y->vrf ? y->vrf : "");
	return c ? c : strcmp(x->scope ? x->scope : "", y->scope ? y->scope : "");
}

static void finish(struct reader *r)
{
	struct fabric_device *d = r->d;
	size_t kept = 0;

	for (size_t i = 0; i < d->n_interfaces; i++) {
		if (d->interfaces[i].name[0])
			d->interfaces[kept++] = d->interfaces[i];
		else
			interface_clear(&d->interfaces[i]);
	}
	d->n_interfaces = kept;

	kept = 0;
	for (size_t i = 0; i < d->n_lists; i++) {
		struct prefix_list *l = &d->lists[i];
		struct list_reader *state = &r->lists[i];

		settle(state);
		if (!state->defined) {
			prefix_list_clear(l);
			continue;
		}
		l->entries = calloc(state->n ? state->n : 1, sizeof(*l->entries));
		if (!l->entries) {
			r->no_memory = true;
			state->n = 0;
		}
		for (size_t k = 0; k < state->n; k++)
			l->entries[k] = state->said[k].entry;
		l->n_entries = state->n;
		d->lists[kept++] = *l;
	}
	d->n_lists = kept;
	if (d->n_lists)
		qsort(d->lists, d->n_lists, sizeof(*d->lists), list_order);

	for (size_t i = 0; i < d->n_neighbors; i++) {
		struct fabric_neighbor *n = &d->neighbors[i];

		if (!n->asn && n->peer_group)
			for (size_t k = 0; k < r->n_groups; k++)
				if (strcmp(r->groups[k].name, n->peer_group) == 0)
					n->asn = r->groups[k].asn;
	}
	if (d->n_neighbors)
		qsort(d->neighbors, d->n_neighbors, sizeof(*d->neighbors), neighbor_order);
	if (d->n_vrfs)
		qsort(d->vrfs, d->n_vrfs, sizeof(*d->vrfs), vrf_order);
}

int device_read(const struct eos *config, const char *stem, device_report_fn *report, void *arg,
		struct fabric_device *out)
{
	const char *comment = eos_device_comment(config);
	const struct eos_note *notes;
	struct reader r = { .d = out, .report = report, .arg = arg };
	size_t n_notes, statements = comment != NULL, n_lists;

	memset(out, 0, sizeof(*out));
	notes = eos_notes(config, &n_notes);
	for (size_t i = 0; i < n_notes; i++)
		tell(&r, DEVICE_PROBLEM, notes[i].line, "%s", notes[i].text);
	if (eos_is_cut(config))
		tell(&r, DEVICE_NOTE, 0, "no `end`, and the last line is not ended: cut off?");

	for (const struct eos_node *n = eos_root(config)->child; n && !r.no_memory; n = n->next) {
		struct statement s = statement_of(n);

		if (eos_is(s.w[0], "hostname") && !s.no) {
			statements++;
			if (s.n != 2 || s.w[1].len > MAX_NAME)
				unread(&r, n, "one host name is wanted");
			else
				replace(&r, &out->name, s.w[1].at, s.w[1].len);
		} else if (eos_is(s.w[0], "interface")) {
			statements++;
			read_interface(&r, &s);
		} else if (is_prefix_list(&s)) {
			statements++;
			read_prefix_list(&r, &s);
		} else if (eos_is(s.w[0], "vrf") &&
			   (eos_is(s.w[1], "instance") || eos_is(s.w[1], "definition"))) {
			statements++;
			read_vrf(&r, &s);
		} else if (eos_is(s.w[0], "router") && eos_is(s.w[1], "bgp")) {
			statements++;
			read_bgp(&r, &s);
		}
		if (!is_prefix_list(&s))
			report_misplaced(&r, n);
	}
	n_lists = out->n_lists;
	finish(&r);
	if (!out->name && statements && !r.no_memory) {
		const char *name = comment ? comment : stem;

		tell(&r, DEVICE_NOTE, 0, "no hostname in it: called %s after its %s", name,
		     comment ? "`! device:` comment" : "file");
		replace(&r, &out->name, name, strlen(name));
	}
	if (out->name)
		out->role = device_role(out->name);

	for (size_t i = 0; i < n_lists; i++)
		free(r.lists[i].said);
	free(r.lists);
	free(r.next);
	for (size_t i = 0; i < r.n_groups; i++)
		free(r.groups[i].name);
	free(r.groups);
	if (r.no_memory || !statements) {
		device_clear(out);
		return r.no_memory ? -ENOMEM : -ENOENT;
	}
	return 0;
}

void device_clear(struct fabric_device *d)
{
	free(d->name);
	free(d->file);
	free(d->told);
	free(d->management_switch);
	for (size_t i = 0; i < d->n_vrfs; i++)
		free(d->vrfs[i].name);
	free(d->vrfs);
	for (size_t i = 0; i < d->n_interfaces; i++)
		interface_clear(&d->interfaces[i]);
	free(d->interfaces);
	for (size_t i = 0; i < d->n_lists; i++)
		prefix_list_clear(&d->lists[i]);
	free(d->lists);
	for (size_t i = 0; i < d->n_neighbors; i++)
		neighbor_clear(&d->neighbors[i]);
	free(d->neighbors);
	memset(d, 0, sizeof(*d));
}

const struct prefix_list *device_list(const struct fabric_device *d, uint8_t family,
				      const char *name)
{
	size_t low = 0, high = d->n_lists;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct prefix_list *l = &d->lists[mid];
		int c = l->family != family ? (l->family < family ? -1 : 1) : strcmp(l->name, name);

		if (c == 0)
			return l;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* The last word of a host name before its number: "CE" of fab1-AR-CE1. */
static enum fabric_role role_of_tail(const char *name, size_t len)
{
	static const struct {
		const char *word;
		enum fabric_role role;
	} words[] = {
		{ "ce", ROLE_CE },
		{ "tor", ROLE_TOR },
		{ "mgmt", ROLE_MGMT_SWITCH },
		{ "mgmtswitch", ROLE_MGMT_SWITCH },
		{ "npb", ROLE_NPB },
		{ "ts", ROLE_TERMINAL_SERVER },
		{ "terminalserver", ROLE_TERMINAL_SERVER },
		{ "pe", ROLE_PE },
	};
	size_t start;

	while (len && isdigit((unsigned char)name[len - 1]))
		len--;
	while (len && strchr("-_.", name[len - 1])) /* CE-1 */
		len--;
	for (start = len; start && isalpha((unsigned char)name[start - 1]); start--)
		;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len - start &&
		    strncasecmp(name + start, words[i].word, len - start) == 0)
			return words[i].role;
	return ROLE_UNKNOWN;
}

enum fabric_role device_role(const char *hostname)
{
	enum fabric_role role = role_of_tail(hostname, strlen(hostname));

	/* a domain may follow: fab1-AR-CE1.example.net */
	return role != ROLE_UNKNOWN ? role : role_of_tail(hostname, strcspn(hostname, "."));
}
