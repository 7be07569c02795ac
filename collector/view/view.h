/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_VIEW_VIEW_H
#define GW_VIEW_VIEW_H
/*
 * What the page, the API and the commands show: one JSON document per question, made
 * from one snapshot of the store. Pure reading; who asks brings the time.
 *
 * Every document has `as_of` (the moment that it describes) and `cursor` (events.n of
 * the newest event that it knows): who reads it and then follows the changes after
 * this cursor (view_changes()) misses nothing and sees nothing twice.
 *
 * Times are RFC 3339 in UTC, durations seconds. Absent beats null: what is not known
 * is not in the document. Sentences are whole; readers print them as they are. Text
 * from the wire is given as it is: who prints it makes it safe.
 *
 * Each returns a document that the caller owns, or NULL with store_error(). What is
 * asked for by name or number and is not there is json_null().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "collector/store/store.h"
#include "common/addr.h"

#define VIEW_LIMIT 100	     /* rows of a list when none is asked */
#define VIEW_MAX_LIMIT 10000 /* and at most */
#define VIEW_COUNT_MAX 10000 /* rows that are counted one by one */
#define VIEW_PLACE_LEN 48

/* Where a list goes on: after this row, in the direction of older ones. */
struct view_place {
	uint64_t time_ns, n; /* n 0: from the newest */
};

/* The text of it, as `next` has it and `after` takes it back. */
const char *view_place_format(const struct view_place *p, char buf[VIEW_PLACE_LEN]);
bool view_place_parse(const char *text, struct view_place *out);

struct view_args {
	uint64_t now_ns;		     /* of who asks; always given */
	uint64_t at_ns;			     /* the state as it was then; 0: as it is */
	uint64_t since_ns, until_ns;	     /* [since, until); 0: open end */
	uint64_t days;			     /* coverage: reached within so many; 0: 90 */
	const char *device;		     /* NULL: any, here and below */
	const char *agent, *type, *severity; /* events, alerts; type may be a group */
	const char *path, *service;	     /* primary, in-band; ssh, bgp */
	const char *verdict, *outcome;
	const char *justified, *login, *user; /* yes no unknown drill; success failure unknown */
	const char *state; /* open, closed; alerts: open, acknowledged, silenced, resolved */
	const char *kind;  /* incidents: failover, management-switch, untrusted-source */
	bool has_source;
	struct prefix source;
	uint64_t incident;	 /* of this one only; 0: any */
	struct view_place after; /* lists */
	uint64_t limit;		 /* lists: rows; timeline: lanes; 0: VIEW_LIMIT */
	unsigned px;		 /* timeline: width in pixels; 0: 1000 */
	bool abnormal;		 /* timeline: lanes with nothing abnormal are folded */
};

/* ---- the state of the fabric ------------------------------------------------ */

/* broken{lost, of, groups[{switch, subnet, lost, of, since, within_s, suspected}],
 * unreachable[]},
 * paths{primary, in_band, failing, neither}, sessions{open, justified{yes, no, unknown,
 * drill}, actors[]}, untrusted[{source, devices, attempts, established, logged_in, last,
 * would_trust[]}], untrusted_more (those are of the newest flows, and there are more),
 * alerts{critical, warning, notice, info}, words[3]{level, text, reason, link}. level:
 * calm, in-band, unknown, wrong. */
json_t *view_summary(struct store *s, const struct view_args *a);

/* devices[]: name, role, fabric, group{switch, subnet}, ma1{address, evidence, since},
 * lo6{v4, v6, evidence, reached_at}, path{state, since, reason, evidence[]}, armed{ok,
 * codes[]}, open{ma1, lo6, first[]}, trust{policy, drift, no_policy}, refused_1h. Sorted
 * by name; all of them, whatever the limit. a->device: this one only. */
json_t *view_devices(struct store *s, const struct view_args *a);

/* devices[]{device, role, paths[]{path, address, family, watched, why, seen, reached,
 * recent}, last_drill, covered, why[]}, totals{devices, covered, blind, never}. */
json_t *view_coverage(struct store *s, const struct view_args *a);

/* agents[], as the command `agents` has them, each with `words`. */
json_t *view_agents(struct store *s, const struct view_args *a);

/* address, words, verdicts{trusted, untrusted, no_policy}, devices[]{device, verdict, list,
 * seq, prefix, action, file, line, entry, odd}, policies[]{id, list, family, devices[],
 * majority, entries[], diff{missing[], extra[]}, mend[]}, known{flows, first, last, ...}. */
json_t *view_trust(struct store *s, const struct view_args *a, const struct addr *address);

/* ---- lists, the newest first ------------------------------------------------- */

/* Each has its rows under its name, `next` when there are more (view_place_parse()),
 * and flows and sessions `count`{value, exact} and `facets`{path, verdict, outcome,
 * login, user}{word: n} over what was counted. */
json_t *view_flows(struct store *s, const struct view_args *a);
json_t *view_sessions(struct store *s, const struct view_args *a); /* break-glass ones */
json_t *view_events(struct store *s, const struct view_args *a);
json_t *view_incidents(struct store *s, const struct view_args *a);
json_t *view_alerts(struct store *s, const struct view_args *a);
/* Of a day, when since is not given; of the newest 10,000 flows, `exact` says if that is
 * all. The one that was seen last is first. */
json_t *view_sources(struct store *s, const struct view_args *a);

/* ---- one thing ---------------------------------------------------------------- */

/* A flow (its `id` in the lists): flow, trust{..., walk[]}, actor{..., via[]},
 * justified{answer, evidence[]}, login, bytes{step, from, out[], in[], missing[]},
 * ssh, hassh{first_seen, sessions, usual_for_source}, seen_by[], first_for_device,
 * words. */
json_t *view_session(struct store *s, const struct view_args *a, uint64_t id);

/* since and until must be given: lanes[]{device, role, group, state, ma1[], lo6[], path[],
 * marks[]}, with runs [t0, t1, class, n, id?] and times in seconds since `from`;
 * gaps[{agent, t0, t1, reason, devices[]}] (from their beginning to their end, which may lie
 * outside the span), density{ma1[], lo6[]}, folded, sampled,
 * cut (there are more marks than are shown), words[]. */
json_t *view_timeline(struct store *s, const struct view_args *a);

/* ---- what changed ------------------------------------------------------------- */

enum view_kind {
	VIEW_DEVICE,
	VIEW_SESSION,
	VIEW_ALERT,
	VIEW_INCIDENT,
	VIEW_AGENT,
	VIEW_GAP,
	VIEW_SUMMARY,
	VIEW_NUM_KINDS
};

const char *view_kind_name(enum view_kind k); /* "device", ... */

/* The document is one row of the list of its kind (VIEW_SUMMARY: all of it); it lives
 * until fn returns. fn returns 0, or anything else to stop, which is returned. */
typedef int view_change_fn(void *arg, enum view_kind kind, const json_t *document);

/* What the events after_n < n <= upto_n have changed, as it is now, each thing once,
 * the summary last. upto_n - after_n is at most VIEW_CHANGES_MAX: who is further
 * behind reads the lists again. 0, what fn returned, or STORE_*. */
#define VIEW_CHANGES_MAX 10000
int view_changes(struct store *s, const struct view_args *a, uint64_t after_n, uint64_t upto_n,
		 view_change_fn *fn, void *arg);

/* The newest event's number and when it was stored; 0, or STORE_*. */
int view_newest(struct store *s, uint64_t *n, uint64_t *stored_ns);

#endif
