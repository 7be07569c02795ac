/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: a chained hash table over a pool that is allocated once
 * (max_flows entries). A packet is looked up by its canonical key. On a hit it
 * is counted by gw_track(), on a miss judged against the fabric as the kernel
 * program does it: responder a target, else initiator a target, else responder
 * in an in-band range; else it is nobody's and forgotten. Records go to the
 * caller at once. A full pool refuses the flow and counts it. Half-open flows
 * (gw_track_is_settled()) have entries of their own, of which the one that was silent
 * for longest makes room.
 */
#include "agent/watch.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/attempts.h"
#include "common/fabric/fabric.h"
#include "agent/flowkey.h"
#include "agent/fragments.h"
#include "agent/judge.h"

#define NO_ENTRY 0xffffffffu

struct watch_entry {
	struct gw_key key;
	struct gw_flow flow;
	uint32_t next; /* in the bucket's chain, or in the free list */
	bool half;     /* half open, and in the list of those: */
	uint32_t older, newer;
};

struct watch {
	struct gw_gate gate;
	bool watch_all;
	const struct fabric *fabric;
	struct watch_entry *pool;
	uint32_t *buckets;
	uint32_t mask; /* buckets - 1 */
	uint32_t free; /* head of the free list */
	uint32_t fresh; /* pool entries never used yet start here */
	uint32_t capacity;
	uint32_t max_settled, settled, half;
	uint32_t oldest, newest; /* of the half-open ones */
	struct attempts *attempts;
	uint64_t seed;
	struct fragments *fragments;
	uint64_t stats[GW_STAT_MAX];
};

/* One packet on its way, and who is told of it. */
struct seen {
	const struct gw_pkt *pkt;
	const uint8_t *end; /* of the captured bytes */
	uint64_t time_ns;
	uint32_t ifindex, hook;
	capture_record_fn *fn;
	void *arg;
};

struct watch *watch_new(const struct capture_config *config)
{
	struct watch *w = calloc(1, sizeof(*w));
	uint32_t n = 1024, i;

	if (!w)
		return NULL;
	while (n < config->max_flows + GW_MAX_HALF && n < 1u << 30)
		n <<= 1;
	w->mask = n - 1;
	w->max_settled = config->max_flows;
	w->capacity = config->max_flows + GW_MAX_HALF;
	w->oldest = w->newest = NO_ENTRY;
	w->free = NO_ENTRY;
	w->watch_all = config->watch_all;
	memcpy(w->gate.ssh, config->ssh_ports, sizeof(w->gate.ssh));
	memcpy(w->gate.bgp, config->bgp_ports, sizeof(w->gate.bgp));
	w->seed = hash_seed(w);
	w->pool = calloc(w->capacity, sizeof(*w->pool));
	w->buckets = malloc(n * sizeof(*w->buckets));
	w->fragments = fragments_new();
	w->attempts = attempts_new();
	if (!w->pool || !w->buckets || !w->fragments || !w->attempts) {
		watch_free(w);
		return NULL;
	}
	for (i = 0; i < n; i++)
		w->buckets[i] = NO_ENTRY;
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	fragments_free(w->fragments);
	attempts_free(w->attempts);
	free(w->pool);
	free(w->buckets);
	free(w);
}

void watch_load(struct watch *w, const struct fabric *f)
{
	w->fabric = f;
}

const struct gw_gate *watch_gate(const struct watch *w)
{
	return &w->gate;
}

static uint32_t *watch_bucket(struct watch *w, const struct gw_key *key)
{
	return &w->buckets[flowkey_hash(key, w->seed) & w->mask];
}

static struct watch_entry *watch_find(struct watch *w, const struct gw_key *key)
{
	uint32_t i = *watch_bucket(w, key);

	while (i != NO_ENTRY) {
		struct watch_entry *e = &w->pool[i];

		if (memcmp(&e->key, key, sizeof(*key)) == 0)
			return e;
		i = e->next;
	}
	return NULL;
}

/* ---- half-open flows ------------------------------------------------------------ */

static void half_unlink(struct watch *w, struct watch_entry *e)
{
	if (e->older != NO_ENTRY)
		w->pool[e->older].newer = e->newer;
	else
		w->oldest = e->newer;
	if (e->newer != NO_ENTRY)
		w->pool[e->newer].older = e->older;
	else
		w->newest = e->older;
}

static void half_link(struct watch *w, struct watch_entry *e)
{
	uint32_t i = (uint32_t)(e - w->pool);

	e->older = w->newest;
	e->newer = NO_ENTRY;
	if (w->newest != NO_ENTRY)
		w->pool[w->newest].newer = i;
	else
		w->oldest = i;
	w->newest = i;
}

/* A new flow is half open. */
static struct watch_entry *watch_add(struct watch *w, const struct gw_key *key)
{
	uint32_t *bucket = watch_bucket(w, key), i;

	if (w->half == GW_MAX_HALF)
		watch_forget(w, &w->pool[w->oldest].key, NULL);
	i = w->free;
	if (i != NO_ENTRY)
		w->free = w->pool[i].next;
	else if (w->fresh < w->capacity)
		i = w->fresh++;
	else
		return NULL;
	memset(&w->pool[i], 0, sizeof(w->pool[i]));
	w->pool[i].key = *key;
	w->pool[i].next = *bucket;
	*bucket = i;
	w->pool[i].half = true;
	w->half++;
	half_link(w, &w->pool[i]);
	return &w->pool[i];
}

/* e was half open when its packet came. */
static void half_counted(struct watch *w, struct watch_entry *e, const struct gw_pkt *p)
{
	if (gw_track_asks(p) && gw_track_is_guarded(&e->flow.judgement)) {
		w->stats[GW_STAT_SYNS]++;
		attempts_add(w->attempts, p->family,
			     e->flow.judgement.outbound ? p->src : p->dst,
			     e->flow.judgement.outbound ? p->dst : p->src);
	}
	half_unlink(w, e);
	if (!gw_track_is_settled(&e->flow)) {
		half_link(w, e);
		return;
	}
	if (w->settled == w->max_settled) {
		w->stats[GW_STAT_DROP_MAP]++;
		half_link(w, e);
		return;
	}
	e->half = false;
	w->half--;
	w->settled++;
}

static void watch_submit(struct watch *w, const struct seen *s, const struct gw_record *r)
{
	w->stats[GW_STAT_RECORDS]++;
	s->fn(s->arg, r);
}

/* As many bytes of `from` as there are, and as a record holds. */
static void record_snap(struct gw_record *r, const uint8_t *from, size_t there)
{
	size_t n = there < r->payload_len ? there : r->payload_len;

	n = n < GW_SNAP ? n : GW_SNAP;
	if (n)
		memcpy(r->snap, from, n);
	r->snap_len = (__u16)n;
}

/* The payload in one record, or several. */
static void watch_payload(struct watch *w, const struct seen *s, struct gw_record *r)
{
	const struct gw_pkt *p = s->pkt;
	size_t there = p->payload < s->end ? (size_t)(s->end - p->payload) : 0;
	const uint8_t *at = p->payload;
	uint32_t left = p->payload_len, share, n;

	there = there < left ? there : left;
	for (n = 0; n < GW_MAX_PARTS; n++) {
		share = gw_track_share(&r->flow, n, left, (uint32_t)there);
		r->payload_len = share;
		if (share < left)
			r->part |= GW_PART_MORE;
		else if (n)
			r->part = GW_PART_LATER | gw_track_part(p);
		record_snap(r, at, there);
		watch_submit(w, s, r);
		if (share == left)
			return;
		gw_track_next_part(r, share);
		left -= share;
		there -= share;
		at += share;
	}
}

static void watch_emit(struct watch *w, const struct watch_entry *e, uint32_t kind, uint32_t d,
		       bool is_new, const struct seen *s)
{
	const struct gw_pkt *p = s->pkt;
	struct gw_record r;

	memset(&r, 0, GW_RECORD_SHORT);
	r.kind = kind;
	r.ifindex = s->ifindex;
	r.time_ns = s->time_ns;
	r.key = e->key;
	r.flow = e->flow;
	r.seq = p->seq;
	r.ack = p->ack;
	r.payload_len = p->payload_len;
	r.dir = (__u8)d;
	r.tcp_flags = p->tcp_flags;
	r.is_new = is_new;
	r.part = gw_track_part(p);
	if (kind == GW_REC_ICMP) {
		r.icmp_type = p->icmp_type;
		r.icmp_code = p->icmp_code;
		memcpy(r.icmp_source, p->icmp_src, p->family == 4 ? 4 : 16);
	}
	if (kind == GW_REC_PAYLOAD)
		watch_payload(w, s, &r);
	else
		watch_submit(w, s, &r);
}

/* ---- fragments ------------------------------------------------------------------ */

static struct gw_datagram_key datagram_key(const struct gw_pkt *p)
{
	size_t n = p->family == 4 ? 4 : 16;
	struct gw_datagram_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.src, p->src, n);
	memcpy(key.dst, p->dst, n);
	key.id = p->fragment_id;
	key.family = p->family;
	return key;
}

/* Counts the fragment p to its flow; r, which has its bytes, becomes its record and is
 * handed up if those of its datagram are. False: it does not fit, or its flow is gone. */
static bool fragment_counted(struct watch *w, struct gw_datagram *g, struct gw_pkt *p,
			     struct gw_record *r, uint32_t hook, const struct seen *s)
{
	struct watch_entry *e = watch_find(w, &g->key);
	uint32_t what;

	if (!e || e->flow.start_ns != g->start_ns)
		return false;
	what = gw_datagram_count(g, &e->flow, p, s->time_ns, hook);
	if (what == GW_FRAGMENT_UNFIT)
		return false;
	w->stats[GW_STAT_PACKETS]++;
	w->stats[what == GW_OTHER_HOOK ? GW_STAT_OTHER_HOOK : GW_STAT_WATCHED]++;
	if (what == GW_OTHER_HOOK || !g->handed_up)
		return true;
	gw_datagram_record(g, p, r);
	r->time_ns = s->time_ns;
	r->ifindex = s->ifindex;
	r->flow = e->flow;
	watch_submit(w, s, r);
	return true;
}

/* A first fragment was counted; `emit` says what gw_track() answered. Those that came
 * before it follow it now. */
static void first_fragment(struct watch *w, const struct watch_entry *e, uint32_t d,
			   uint32_t emit, const struct seen *s)
{
	struct gw_datagram_key key = datagram_key(s->pkt);
	struct gw_datagram *g = datagram_add(w->fragments, &key);
	unsigned early, i;

	if (!g)
		return;
	early = gw_datagram_is_old(g, key.family, s->time_ns) ? 0 : g->early;
	gw_datagram_begin(g, &e->key, e->flow.start_ns, d, s->pkt, emit, s->time_ns);
	for (i = 0; i < early; i++) {
		struct gw_pkt p = { .family = key.family };
		struct gw_record *r;

		key.number = (__u8)i;
		r = early_find(w->fragments, &key);
		if (!r)
			continue;
		gw_early_fetch(r, &p);
		if (fragment_counted(w, g, &p, r, r->ifindex, s))
			w->stats[GW_STAT_FRAGMENTS]--;
	}
}

/* May this fragment, whose ports are not known, be of a flow that is watched? */
static bool fragment_matters(const struct watch *w, const struct gw_pkt *p)
{
	struct gw_judgement unused;
	struct judge_ends ends;
	struct gw_key key;

	if (w->watch_all)
		return true;
	flowkey_make(&key, p);
	ends = judge_ends(w->fabric, &key, true); /* it may be */
	return judge_flow(w->fabric, &key, &ends, 0, GW_BASIS_UNKNOWN, &unused) ||
	       judge_flow(w->fabric, &key, &ends, 1, GW_BASIS_UNKNOWN, &unused);
}

/* It came before its first fragment: kept until that one comes. */
static void early_fragment(struct watch *w, struct gw_datagram_key key, struct gw_datagram *g,
			   const struct seen *s)
{
	const struct gw_pkt *p = s->pkt;
	struct gw_record *r;

	if (!fragment_matters(w, p))
		return;
	if (!g || gw_datagram_is_old(g, key.family, s->time_ns)) {
		g = datagram_add(w->fragments, &key);
		if (!g)
			return;
		memset(g, 0, sizeof(*g));
		g->time_ns = s->time_ns;
	}
	if (g->early == GW_MAX_EARLY_EACH)
		return;
	key.number = g->early;
	r = early_add(w->fragments, &key);
	if (!r)
		return;
	g->early++;
	memset(r, 0, GW_RECORD_SHORT);
	gw_early_keep(r, p, s->hook);
	record_snap(r, p->payload, p->payload < s->end ? (size_t)(s->end - p->payload) : 0);
}

static bool later_fragment(struct watch *w, const struct seen *s)
{
	struct gw_datagram_key key = datagram_key(s->pkt);
	struct gw_datagram *g = datagram_find(w->fragments, &key);
	struct gw_pkt p = *s->pkt;
	struct gw_record r;

	if (!g || !g->key.family || gw_datagram_is_old(g, key.family, s->time_ns)) {
		early_fragment(w, key, g, s);
		return false;
	}
	memset(&r, 0, GW_RECORD_SHORT);
	r.payload_len = p.payload_len;
	record_snap(&r, p.payload, p.payload < s->end ? (size_t)(s->end - p.payload) : 0);
	return fragment_counted(w, g, &p, &r, s->hook, s);
}

/* ---- packets -------------------------------------------------------------------- */

static void watch_tcp(struct watch *w, const struct seen *s)
{
	const struct gw_pkt *p = s->pkt;
	struct gw_key key;
	uint32_t d = flowkey_make(&key, p), emit;
	struct watch_entry *e = watch_find(w, &key);
	bool is_new = false, replaced = e && gw_track_replaces(&e->flow, d, p);
	struct gw_syn syn = { .n = 0 };
	struct gw_pkt first = *p;

	if (replaced) {
		if (gw_track_answers_syn(&e->flow, d, p)) {
			syn = e->flow.syn;
			gw_track_without_syn(&e->flow);
			first.tcp_flags = GW_SYN | GW_ACK; /* whatever it answers */
		}
		watch_emit(w, e, GW_REC_REPLACED, d, false, s);
	}
	if (!e || replaced) {
		struct gw_judgement judgement;
		struct gw_orientation o;
		struct judge_ends ends;

		ends = judge_ends(w->fabric, &key, gw_is_bgp(&w->gate, p));
		o = gw_orient(&w->gate, &first, d, ends.target[d] != NULL, ends.target[!d] != NULL);
		if (!judge_flow(w->fabric, &key, &ends, o.initiator, o.basis, &judgement) &&
		    !w->watch_all) {
			if (replaced)
				watch_forget(w, &key, NULL);
			return;
		}
		if (!e)
			e = watch_add(w, &key);
		if (!e) {
			w->stats[GW_STAT_DROP_MAP]++;
			return;
		}
		if (!e->half) { /* its successor is */
			w->settled--;
			if (w->half == GW_MAX_HALF)
				watch_forget(w, &w->pool[w->oldest].key, NULL);
			e->half = true;
			w->half++;
			half_link(w, e);
		}
		memset(&e->flow, 0, sizeof(e->flow));
		gw_track_begin(&e->flow, &first, o, s->time_ns);
		if (syn.n)
			gw_track_resume(&e->flow, &syn);
		e->flow.judgement = judgement;
		w->stats[GW_STAT_FLOWS]++;
		is_new = true;
	}
	emit = gw_track(&e->flow, d, p, s->time_ns, s->hook);
	if (emit & GW_OTHER_HOOK) {
		w->stats[GW_STAT_OTHER_HOOK]++;
		return;
	}
	w->stats[GW_STAT_WATCHED]++;
	if (e->half)
		half_counted(w, e, p);
	if (emit & GW_EMIT_PAYLOAD)
		watch_emit(w, e, GW_REC_PAYLOAD, d, is_new, s);
	else if (emit & GW_EMIT_CONTROL)
		watch_emit(w, e, GW_REC_CONTROL, d, is_new, s);
	if (p->fragment)
		first_fragment(w, e, d, emit, s);
}

static void watch_icmp(struct watch *w, const struct seen *s)
{
	struct gw_key key;
	uint32_t d = flowkey_make(&key, s->pkt);
	struct watch_entry *e = watch_find(w, &key);

	if (!e)
		return;
	w->stats[GW_STAT_ICMP]++;
	watch_emit(w, e, GW_REC_ICMP, d, false, s);
}

void watch_packet(struct watch *w, enum gw_parse parsed, const struct gw_pkt *pkt,
		  const uint8_t *end, uint64_t time_ns, uint32_t ifindex, capture_record_fn *fn,
		  void *arg)
{
	struct seen s = { pkt, end, time_ns, ifindex, ifindex << 1, fn, arg };

	switch (parsed) {
	case GW_PARSE_IGNORE:
		return;
	case GW_PARSE_FRAGMENT:
		/* of no family: a piece of an outer packet */
		if (!pkt->family || !later_fragment(w, &s))
			w->stats[GW_STAT_FRAGMENTS]++;
		return;
	case GW_PARSE_SHORT:
		w->stats[GW_STAT_PARSE_SHORT]++;
		return;
	case GW_PARSE_BAD:
		w->stats[GW_STAT_PARSE_BAD]++;
		return;
	case GW_PARSE_TCP:
		w->stats[GW_STAT_PACKETS]++;
		watch_tcp(w, &s);
		return;
	case GW_PARSE_ICMP:
		w->stats[GW_STAT_PACKETS]++;
		watch_icmp(w, &s);
		return;
	}
}

int watch_sweep(struct watch *w, capture_flow_fn *fn, void *arg)
{
	uint32_t b, i, next;
	int n = 0;

	for (b = 0; b <= w->mask; b++) {
		for (i = w->buckets[b]; i != NO_ENTRY; i = next) {
			next = w->pool[i].next; /* fn may forget this one */
			fn(arg, &w->pool[i].key, &w->pool[i].flow);
			n++;
		}
	}
	return n;
}

int watch_read(struct watch *w, const struct gw_key *key, struct gw_flow *out)
{
	struct watch_entry *e = watch_find(w, key);

	if (!e)
		return -ENOENT;
	*out = e->flow;
	return 0;
}

int watch_forget(struct watch *w, const struct gw_key *key, struct gw_flow *out)
{
	uint32_t *link = watch_bucket(w, key);

	while (*link != NO_ENTRY) {
		struct watch_entry *e = &w->pool[*link];
		uint32_t i = *link;

		if (memcmp(&e->key, key, sizeof(*key)) == 0) {
			if (out)
				*out = e->flow;
			if (e->half) {
				half_unlink(w, e);
				w->half--;
			} else {
				w->settled--;
			}
			*link = e->next;
			e->next = w->free;
			w->free = i;
			return 0;
		}
		link = &e->next;
	}
	return -ENOENT;
}

void watch_stats(const struct watch *w, uint64_t out[GW_STAT_MAX])
{
	memcpy(out, w->stats, sizeof(w->stats));
}

void watch_counted(struct watch *w, capture_attempts_fn *fn, void *arg)
{
	attempts_take(w->attempts, fn, arg);
}
