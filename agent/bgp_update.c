/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: the attributes are walked once, which finds the two MP lists
 * and what all announced routes share. Then come the lists: those of withdrawn routes,
 * then, if nothing was malformed, those of announced ones. Each list is gone through
 * twice, to check it and to report it.
 */
#include "agent/bgp_update.h"

#include <string.h>

#include "common/bytes.h"

#define AFI_IPV4 1
#define AFI_IPV6 2
#define SAFI_UNICAST 1
#define SAFI_LABELED 4
#define SAFI_VPN 128

#define FLAG_LONG 0x10 /* the attribute's length has two octets */
#define ATTR_AS_PATH 2
#define ATTR_NEXT_HOP 3
#define ATTR_MP_REACH 14
#define ATTR_MP_UNREACH 15
#define ATTR_AS4_PATH 17

#define LABEL_LEN 3
#define LABEL_BITS 24
#define LABEL_BOTTOM 0x01 /* of the stack; in its last octet */
#define RD_LEN 8
#define RD_BITS 64

struct list {
	enum bgp_family family; /* BGP_NUM_FAMILIES: not to be read */
	struct cursor bytes;
};

/* What a message holds. */
struct parts {
	struct cursor as_path, as4_path;
	struct list withdrawn, unreach, reach, nlri;
	bool has_as_path, has_as4_path, has_unreach, has_reach, only_unreach;
	struct bgp_attributes attributes;
	struct addr reach_next_hop;
};

/* What reporting a route needs. */
struct telling {
	struct bgp_route route;
	bgp_route_fn *fn;
	void *arg;
};

enum bgp_family bgp_family_of(uint16_t afi, uint8_t safi)
{
	if (afi != AFI_IPV4 && afi != AFI_IPV6)
		return BGP_NUM_FAMILIES;
	switch (safi) {
	case SAFI_UNICAST:
		return afi == AFI_IPV4 ? BGP_IPV4 : BGP_IPV6;
	case SAFI_LABELED:
		return afi == AFI_IPV4 ? BGP_IPV4_LABELED : BGP_IPV6_LABELED;
	case SAFI_VPN:
		return afi == AFI_IPV4 ? BGP_IPV4_VPN : BGP_IPV6_VPN;
	}
	return BGP_NUM_FAMILIES;
}

static bool is_ipv4(enum bgp_family f)
{
	return f == BGP_IPV4 || f == BGP_IPV4_LABELED || f == BGP_IPV4_VPN;
}

static bool is_vpn(enum bgp_family f)
{
	return f == BGP_IPV4_VPN || f == BGP_IPV6_VPN;
}

static bool has_labels(enum bgp_family f)
{
	return f != BGP_IPV4 && f != BGP_IPV6;
}

/* ---- prefixes ----------------------------------------------------------------------- */

/* One label where it is withdrawn, whatever it says; else to the bottom of the stack. */
static bool skip_labels(struct cursor *c, bool withdrawn, unsigned *bits)
{
	const uint8_t *label;

	do {
		label = cursor_take(c, LABEL_LEN);
		if (!label || *bits < LABEL_BITS)
			return false;
		*bits -= LABEL_BITS;
	} while (!withdrawn && !(label[LABEL_LEN - 1] & LABEL_BOTTOM));
	return true;
}

/* The prefix at the cursor, into a route whose family, withdrawn and has_path_id are
 * set. *exact: no bit beyond the prefix's length is set. */
static bool read_prefix(struct cursor *list, struct bgp_route *r, bool *exact)
{
	struct prefix given = { .len = 0 };
	const uint8_t *bytes;
	struct cursor c;
	uint8_t length;
	unsigned bits;

	if (r->has_path_id && !cursor_u32(list, &r->path_id))
		return false;
	if (!cursor_u8(list, &length))
		return false;
	bits = length;
	bytes = cursor_take(list, (bits + 7) / 8);
	if (!bytes)
		return false;
	c = cursor_of(bytes, (bits + 7) / 8);
	if (has_labels(r->family) && !skip_labels(&c, r->withdrawn, &bits))
		return false;
	if (is_vpn(r->family)) {
		bytes = cursor_take(&c, RD_LEN);
		if (!bytes || bits < RD_BITS)
			return false;
		memcpy(r->rd, bytes, RD_LEN);
		bits -= RD_BITS;
	}
	given.addr.family = is_ipv4(r->family) ? 4 : 6;
	if (bits > addr_bits(&given.addr))
		return false;
	given.len = (uint8_t)bits;
	memcpy(given.addr.bytes, c.at, c.left); /* (bits + 7) / 8 of them */
	r->prefix = prefix_mask(&given);
	*exact = addr_equal(&r->prefix.addr, &given.addr);
	return true;
}

/* True when the list is prefixes of this form to its last byte. strict, to tell forms
 * apart: no bits beyond a prefix's length, and the default route once. */
static bool list_fits(const struct list *l, bool withdrawn, bool add_path, bool strict)
{
	struct bgp_route r = { .withdrawn = withdrawn,
			       .family = l->family,
			       .has_path_id = add_path };
	struct cursor c = l->bytes;
	unsigned defaults = 0;
	bool exact;

	while (c.left) {
		if (!read_prefix(&c, &r, &exact))
			return false;
		defaults += !r.prefix.len;
		if (strict && (!exact || (defaults > 1 && !add_path)))
			return false;
	}
	return true;
}

static void tell_list(const struct list *l, struct telling *t)
{
	struct cursor c = l->bytes;
	bool exact;

	t->route.family = l->family;
	memset(t->route.rd, 0, sizeof(t->route.rd));
	t->route.path_id = 0;
	while (c.left && read_prefix(&c, &t->route, &exact))
		t->fn(t->arg, &t->route);
}

/* Checks a list. False: nothing of it is to be reported. */
static bool choose_form(const struct list *l, bool withdrawn, const struct bgp_update_form *form,
			bool *add_path, struct bgp_update *out)
{
	bool plain, with_id;

	if (l->family == BGP_NUM_FAMILIES || !l->bytes.left)
		return false;
	if (form->add_path[l->family] != BGP_NOT_KNOWN) {
		*add_path = form->add_path[l->family] == BGP_YES;
		if (list_fits(l, withdrawn, *add_path, false))
			return true;
		out->malformed = true;
		return false;
	}
	plain = list_fits(l, withdrawn, false, true);
	with_id = list_fits(l, withdrawn, true, true);
	*add_path = with_id;
	if (plain == with_id)
		out->ambiguous = true;
	return plain != with_id;
}

/* ---- attributes ------------------------------------------------------------------------ */

/* Appends the ASes of a path; false: it is none of this width. */
static bool read_as_path(struct cursor c, unsigned width, struct bgp_attributes *out)
{
	uint8_t type, count;

	while (c.left) {
		const uint8_t *as;
		unsigned i;

		if (!cursor_u8(&c, &type) || !cursor_u8(&c, &count))
			return false;
		as = cursor_take(&c, (size_t)count * width);
		if (!as || !count || type < 1 || type > 4) /* RFC 4271, 5065 */
			return false;
		for (i = 0; i < count && out->n_as_path < BGP_AS_PATH; i++, as += width)
			out->as_path[out->n_as_path++] = width == 4 ? be32(as) : be16(as);
	}
	return true;
}

static bool as_path_fits(struct cursor c, unsigned width)
{
	struct bgp_attributes scratch;

	scratch.n_as_path = BGP_AS_PATH; /* nothing is to be kept */
	return read_as_path(c, width, &scratch);
}

/* An old speaker's path ends with the ASes that AS4_PATH spells out, RFC 6793 4.2.3. */
static void mend_as_path(struct cursor as4, struct bgp_attributes *a)
{
	struct bgp_attributes real = { .n_as_path = 0 };
	unsigned lead;

	if (!read_as_path(as4, 4, &real) || real.n_as_path > a->n_as_path)
		return;
	lead = a->n_as_path - real.n_as_path;
	memcpy(a->as_path + lead, real.as_path, real.n_as_path * sizeof(real.as_path[0]));
}

static bool decode_as_path(struct parts *p, enum bgp_agreed as4)
{
	unsigned width = as4 == BGP_NO ? 2 : 4;

	if (as4 == BGP_NOT_KNOWN && !as_path_fits(p->as_path, 4))
		width = 2;
	if (!as_path_fits(p->as_path, width))
		return false;
	read_as_path(p->as_path, width, &p->attributes);
	if (width == 2 && p->has_as4_path)
		mend_as_path(p->as4_path, &p->attributes);
	return true;
}

/* IPv4, IPv6 or IPv6 with a link-local address behind it; for a VPN each behind a route
 * distinguisher. IPv4 routes may have an IPv6 next hop (RFC 8950). */
static bool read_next_hop(struct cursor c, enum bgp_family family, struct addr *out)
{
	unsigned rd = is_vpn(family) ? RD_LEN : 0;
	const uint8_t *bytes = c.at;

	if (c.left == 4 + rd)
		*out = addr_from_bytes(4, bytes + rd);
	else if (c.left == 16 + rd || c.left == 2 * (16 + rd))
		*out = addr_from_bytes(6, bytes + rd);
	else
		return family == BGP_NUM_FAMILIES; /* of which we know nothing */
	return true;
}

static bool read_reach(struct cursor c, struct parts *p)
{
	uint8_t safi, len, reserved;
	const uint8_t *hop;
	uint16_t afi;

	if (p->has_reach || !cursor_u16(&c, &afi) || !cursor_u8(&c, &safi) || !cursor_u8(&c, &len))
		return false;
	hop = cursor_take(&c, len);
	if (!hop || !cursor_u8(&c, &reserved))
		return false;
	p->has_reach = true;
	p->reach = (struct list){ bgp_family_of(afi, safi), c };
	return read_next_hop(cursor_of(hop, len), p->reach.family, &p->reach_next_hop);
}

static bool read_unreach(struct cursor c, struct parts *p)
{
	uint16_t afi;
	uint8_t safi;

	if (p->has_unreach || !cursor_u16(&c, &afi) || !cursor_u8(&c, &safi))
		return false;
	p->has_unreach = true;
	p->unreach = (struct list){ bgp_family_of(afi, safi), c };
	return true;
}

/* Of an attribute that comes twice the first counts, but the MP lists may not. */
static bool read_attribute(uint8_t type, struct cursor value, struct parts *p)
{
	switch (type) {
	case ATTR_AS_PATH:
		if (!p->has_as_path)
			p->as_path = value;
		p->has_as_path = true;
		return true;
	case ATTR_AS4_PATH:
		if (!p->has_as4_path)
			p->as4_path = value;
		p->has_as4_path = true;
		return true;
	case ATTR_NEXT_HOP:
		if (value.left != 4)
			return false;
		if (!p->attributes.next_hop.family)
			p->attributes.next_hop = addr_from_bytes(4, value.at);
		return true;
	case ATTR_MP_REACH:
		return read_reach(value, p);
	case ATTR_MP_UNREACH:
		return read_unreach(value, p);
	}
	return true;
}

/* False where they contradict themselves; what stands before that counts. */
static bool read_attributes(struct cursor c, struct parts *p)
{
	unsigned n = 0;

	while (c.left) {
		uint8_t flags, type, short_len;
		const uint8_t *value;
		uint16_t len;

		if (!cursor_u8(&c, &flags) || !cursor_u8(&c, &type))
			return false;
		if (flags & FLAG_LONG) {
			if (!cursor_u16(&c, &len))
				return false;
		} else {
			if (!cursor_u8(&c, &short_len))
				return false;
			len = short_len;
		}
		value = cursor_take(&c, len);
		if (!value || !read_attribute(type, cursor_of(value, len), p))
			return false;
		n++;
	}
	p->only_unreach = n == 1 && p->has_unreach;
	return true;
}

/* ---- the message --------------------------------------------------------------------- */

/* What every announced route must come with. */
static bool is_complete(struct parts *p, const struct bgp_update_form *form)
{
	if (!p->nlri.bytes.left && !p->has_reach)
		return true;
	if (!p->has_as_path || !decode_as_path(p, form->as4))
		return false;
	return !p->nlri.bytes.left || p->attributes.next_hop.family;
}

static enum bgp_family end_of_rib(const struct parts *p, bool has_attributes)
{
	if (p->withdrawn.bytes.left || p->nlri.bytes.left)
		return BGP_NUM_FAMILIES;
	if (!has_attributes)
		return BGP_IPV4;
	return p->only_unreach && !p->unreach.bytes.left ? p->unreach.family : BGP_NUM_FAMILIES;
}

static void withdraw(const struct list *l, const struct bgp_update_form *form, struct telling *t,
		     struct bgp_update *out)
{
	if (!choose_form(l, true, form, &t->route.has_path_id, out))
		return;
	t->route.withdrawn = true;
	t->route.attributes = NULL;
	tell_list(l, t);
}

/* Both lists of announced routes are checked before either is reported. */
static void announce(struct parts *p, const struct bgp_update_form *form, struct telling *t,
		     struct bgp_update *out)
{
	struct bgp_attributes mp = p->attributes;
	bool reach_ids = false, nlri_ids = false;
	bool reach = choose_form(&p->reach, false, form, &reach_ids, out);
	bool nlri = choose_form(&p->nlri, false, form, &nlri_ids, out);

	if (out->malformed)
		return;
	t->route.withdrawn = false;
	if (reach) {
		mp.next_hop = p->reach_next_hop;
		t->route.attributes = &mp;
		t->route.has_path_id = reach_ids;
		tell_list(&p->reach, t);
	}
	if (nlri) {
		t->route.attributes = &p->attributes;
		t->route.has_path_id = nlri_ids;
		tell_list(&p->nlri, t);
	}
}

struct bgp_update bgp_update_read(const uint8_t *body, size_t n, const struct bgp_update_form *form,
				  bgp_route_fn *fn, void *arg)
{
	struct bgp_update out = { false, false, BGP_NUM_FAMILIES };
	struct cursor c = cursor_of(body, n), attributes;
	struct telling t = { .fn = fn, .arg = arg };
	const uint8_t *withdrawn, *bytes;
	uint16_t withdrawn_len, len;
	struct parts p;

	memset(&p, 0, sizeof(p));
	p.reach.family = p.unreach.family = BGP_NUM_FAMILIES;
	out.malformed = true; /* unless it ends well */
	if (!cursor_u16(&c, &withdrawn_len))
		return out;
	withdrawn = cursor_take(&c, withdrawn_len);
	if (!withdrawn || !cursor_u16(&c, &len))
		return out;
	bytes = cursor_take(&c, len);
	if (!bytes)
		return out;
	attributes = cursor_of(bytes, len);
	p.withdrawn = (struct list){ BGP_IPV4, cursor_of(withdrawn, withdrawn_len) };
	p.nlri = (struct list){ BGP_IPV4, c };
	out.malformed = !read_attributes(attributes, &p) || !is_complete(&p, form);
	if (!out.malformed)
		out.end_of_rib = end_of_rib(&p, len > 0);
	withdraw(&p.withdrawn, form, &t, &out);
	withdraw(&p.unreach, form, &t, &out);
	if (!out.malformed)
		announce(&p, form, &t, &out);
	return out;
}
