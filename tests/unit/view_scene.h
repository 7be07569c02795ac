/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_TEST_VIEW_SCENE_H
#define GW_TEST_VIEW_SCENE_H
/* Events that are told by hand and stored, and looking into the documents that are made of
 * them, for the tests of collector/view. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/ingest/ingest.h"
#include "collector/view/view.h"
#include "common/clock.h"

#define T0 (1700000000 * NS_PER_S) /* 2023-11-14T22:13:20Z */
#define AT(s) (T0 + (uint64_t)(s)*NS_PER_S)

#define TOR1 "lab1-CP1-TOR1"
#define TOR2 "lab1-CP1-TOR2"
#define PERMIT                                                                                     \
	"{\"seq\":5,\"action\":\"deny\",\"prefix\":\"10.20.66.0/24\",\"line\":11},"                \
	"{\"seq\":10,\"action\":\"permit\",\"prefix\":\"10.20.0.0/16\",\"line\":12}"

static struct store *store;
static uint64_t seq;		 /* events that were told */
static const char *teller = "a"; /* the agent: a letter */
static uint64_t numbers[128];	 /* of the events of each */

static inline void tell(unsigned at, const char *type, const char *parts)
{
	struct ingest_counts counts = { 0 };
	char text[4096], time[TIME_STRLEN];
	struct ingest_entry entry = { .id = "1-0", .json = text };
	uint64_t number = ++numbers[(unsigned char)*teller];
	int len = snprintf(text, sizeof(text),
			   "{\"v\":1,\"id\":\"%s/%" PRIu64 "\",\"agent\":\"%s\",\"seq\":%" PRIu64
			   ",\"time\":\"%s\",\"type\":\"%s\",\"severity\":\"info\","
			   "\"policy\":\"9f3c0a1b2c3d\"%s%s}",
			   teller, number, teller, number, time_format(AT(at), time), type,
			   *parts ? "," : "", parts);

	seq++;
	assert_true(len > 0 && (size_t)len < sizeof(text));
	entry.len = (size_t)len;
	assert_int_equal(ingest_begin(store), 0);
	assert_int_equal(ingest_entry(store, &entry, AT(at), &counts), 0);
	assert_int_equal(ingest_commit(store), 0);
	if (counts.stored != 1)
		fail_msg("not stored: %s: %s", counts.dead_reason, text);
}

/* more: entries of its list; check: what `check` says of it. */
static inline void device(unsigned at, const char *name, const char *role, const char *host,
		   const char *more, const char *check)
{
	char parts[2048];
	bool lo6 = strcmp(role, "tor") == 0;

	snprintf(parts, sizeof(parts),
		 "\"device\":{\"name\":\"%s\",\"role\":\"%s\"},\"fabric\":{\"file\":\"%s.cfg\","
		 "\"management\":[{\"interface\":\"Management1\",\"vrf\":\"MGMT\",\"addresses\":"
		 "[\"192.0.2.%s/24\"]}],\"loopbacks\":[],\"prefix_lists\":{\"trusted_sources\":"
		 "[" PERMIT "%s]},\"ipv6_prefix_lists\":{},\"neighbors\":[],\"targets\":["
		 "{\"address\":\"192.0.2.%s\",\"path\":\"primary\"}%s%s%s]%s}",
		 name, role, name, host, more, host, lo6 ? ",{\"address\":\"198.51.100." : "",
		 lo6 ? host : "", lo6 ? "\",\"path\":\"in-band\"}" : "", check);
	tell(at, "fabric.device", parts);
}

static inline void flow(unsigned at, const char *type, const char *id, const char *name, bool lo6,
		 const char *source, const char *outcome, unsigned start, unsigned bytes,
		 const char *more)
{
	bool trusted = strncmp(source, "10.20.", 6) == 0;
	char parts[2048], from[TIME_STRLEN], to[TIME_STRLEN];
	const char *host = strcmp(name, TOR1) == 0 ? "11" : "12";

	snprintf(
		parts, sizeof(parts),
		"\"device\":{\"name\":\"%s\",\"role\":\"tor\"},\"path\":\"%s\",\"service\":\"ssh\","
		"\"source\":{\"ip\":\"%s\",\"port\":50000,\"packets\":3,\"bytes\":%u},"
		"\"destination\":{\"ip\":\"%s.%s\",\"port\":22,\"packets\":2,\"bytes\":%u},"
		"\"network\":{\"type\":\"ipv4\",\"transport\":\"tcp\",\"community_id\":\"1:%s\","
		"\"vlan\":[],\"mpls\":[],\"encapsulation\":[]},"
		"\"flow\":{\"id\":\"%s\",\"direction\":\"inbound\",\"start\":\"%s\",\"end\":\"%s\","
		"\"duration\":%u,\"state\":\"S1\",\"outcome\":\"%s\",\"initiator\":\"syn\","
		"\"retransmits\":0,\"fragments\":0,\"missed_bytes\":0},"
		"\"trust\":{\"verdict\":\"%s\",\"list\":\"trusted_sources\"%s}%s%s",
		name, lo6 ? "in-band" : "primary", source, bytes, lo6 ? "198.51.100" : "192.0.2",
		host, bytes / 2, id, id, time_format(AT(start), from), time_format(AT(at), to),
		at - start, outcome, trusted ? "trusted" : "untrusted",
		trusted ? ",\"seq\":10,\"prefix\":\"10.20.0.0/16\"" : "", *more ? "," : "", more);
	tell(at, type, parts);
}

static inline void change(unsigned at, const char *name, const char *from, const char *to,
		   const char *reason)
{
	char parts[512];

	snprintf(parts, sizeof(parts),
		 "\"device\":{\"name\":\"%s\",\"role\":\"tor\"},\"change\":{\"from\":\"%s\","
		 "\"to\":\"%s\",\"reason\":\"%s\",\"evidence\":[\"f2\"]}",
		 name, from, to, reason);
	tell(at, "path.change", parts);
}

#define ALICE "\"actor\":{\"user\":\"alice\",\"uid\":1000,\"pid\":1,\"comm\":\"ssh\"}"
#define LOGIN                                                                                      \
	"\"ssh\":{\"client\":{\"proto_version\":\"2.0\",\"software_version\":\"OpenSSH_9.2\"},"    \
	"\"auth\":{\"result\":\"success\",\"attempts\":2,\"confidence\":\"high\","                 \
	"\"basis\":\"packet-lengths\"}}"

/* Nothing was told. Takes the store, which is empty: 0; -1: it could not be opened. */
static inline int begin_scene(struct store *empty)
{
	seq = 0;
	teller = "a";
	memset(numbers, 0, sizeof(numbers));
	store = empty;
	return store ? 0 : -1;
}

/* ---- looking into documents -------------------------------------------------- */

/* "a.b.0.c": members and places. */
static inline const json_t *at(const json_t *doc, const char *way)
{
	char part[64];

	while (doc && *way) {
		size_t n = strcspn(way, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, way);
		doc = json_is_array(doc) ? json_array_get(doc, strtoul(part, NULL, 10))
					 : json_object_get(doc, part);
		way += n + (way[n] == '.');
	}
	return doc;
}

static inline void says(const json_t *doc, const char *way, const char *want)
{
	const char *text = json_string_value(at(doc, way));

	if (!text || strcmp(text, want) != 0) {
		char *all = json_dumps(doc, JSON_INDENT(1));

		fail_msg("%s is %s, not %s, in %s", way, text ? text : "absent", want, all);
	}
}

static inline void counts(const json_t *doc, const char *way, json_int_t want)
{
	const json_t *v = at(doc, way);

	if (!json_is_integer(v) || json_integer_value(v) != want) {
		char *all = json_dumps(doc, JSON_INDENT(1));

		fail_msg("%s is not %d in %s", way, (int)want, all);
	}
}

static inline void is(const json_t *doc, const char *way, bool want)
{
	const json_t *v = at(doc, way);

	if (!json_is_boolean(v) || json_is_true(v) != want) {
		char *all = json_dumps(doc, JSON_INDENT(1));

		fail_msg("%s is not %s in %s", way, want ? "true" : "false", all);
	}
}

static inline const json_t *named(const json_t *list, const char *key, const char *name)
{
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i,
			   o) if (strcmp(json_string_value(json_object_get(o, key)) ?: "", name) ==
				  0) return o;
	fail_msg("no %s", name);
	return NULL;
}

static inline json_t *good(json_t *doc)
{
	if (!doc)
		fail_msg("%s", store_error(store));
	return doc;
}

#endif
