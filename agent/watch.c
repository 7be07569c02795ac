/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: a chained hash table over a pool that is allocated once
 * (max_flows entries). A packet is looked up by its canonical key. On a hit it
 * is counted by gw_track(), on a miss judged against the fabric as the kernel
 * program does it: responder a target, else initiator a target, else responder
 * in an in-band range; else it is nobody's and forgotten. Records go to the
 * caller at once. A full pool refuses the flow and counts it.
 */
#include "agent/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "agent/fabric/fabric.h"
#include "agent/flowkey.h"
#include "agent/judge.h"

#define NO_ENTRY 0xffffffffu

struct watch_entry {
	struct gw_key key;
	struct gw_flow flow;
	uint32_t next; /* in the bucket's chain, or in the free list */
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
	uint64_t seed;
	uint64_t stats[GW_STAT_MAX];
};

struct watch *watch_new(const struct capture_config *config)
{
	struct watch *w = calloc(1, sizeof(*w));
	uint32_t n = 1024, i;

	if (!w)
		return NULL;
	while (n < config->max_flows && n < 1u << 30)
		n <<= 1;
	w->mask = n - 1;
	w->capacity = config->max_flows;
	w->free = NO_ENTRY;
	w->watch_all = config->watch_all;
	memcpy(w->gate.ssh, config->ssh_ports, sizeof(w->gate.ssh));
	memcpy(w->gate.bgp, config->bgp_ports, sizeof(w->gate.bgp));
	if (getrandom(&w->seed, sizeof(w->seed), GRND_NONBLOCK) != sizeof(w->seed))
		w->seed = 0x2545f4914f6cdd1dull ^ (uintptr_t)w;
	w->pool = calloc(w->capacity, sizeof(*w->pool));
	w->buckets = malloc(n * sizeof(*w->buckets));
	if (!w->pool || !w->buckets) {
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

static struct watch_entry *watch_add(struct watch *w, const struct gw_key *key)
{
	uint32_t *bucket = watch_bucket(w, key), i = w->free;

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
	return &w->pool[i];
}

static void watch_emit(struct watch *w, const struct watch_entry *e, uint32_t kind, uint32_t d,
		       const struct gw_pkt *p, const uint8_t *end, uint64_t time_ns,
		       uint32_t ifindex, bool is_new, capture_record_fn *fn, void *arg)
{
	struct gw_record r;
	size_t n;

	memset(&r, 0, GW_RECORD_SHORT);
	r.kind = kind;
	r.ifindex = ifindex;
	r.time_ns = time_ns;
	r.key = e->key;
	r.flow = e->flow;
	r.seq = p->seq;
	r.ack = p->ack;
	r.payload_len = p->payload_len;
	r.dir = (__u8)d;
	r.tcp_flags = p->tcp_flags;
	r.is_new = is_new;
	if (kind == GW_REC_ICMP) {
		r.icmp_type = p->icmp_type;
		r.icmp_code = p->icmp_code;
		memcpy(r.icmp_source, p->icmp_src, p->family == 4 ? 4 : 16);
	}
	if (kind == GW_REC_PAYLOAD && p->payload < end) {
		n = (size_t)(end - p->payload);
		n = n < p->payload_len ? n : p->payload_len;
		n = n < GW_SNAP ? n : GW_SNAP;
		memcpy(r.snap, p->payload, n);
		r.snap_len = (__u16)n;
	}
	w->stats[GW_STAT_RECORDS]++;
	fn(arg, &r);
}

static void watch_tcp(struct watch *w, const struct gw_pkt *p, const uint8_t *end,
		      uint64_t time_ns, uint32_t ifindex, capture_record_fn *fn, void *arg)
{
	struct gw_key key;
	uint32_t d = flowkey_make(&key, p), emit;
	struct watch_entry *e = watch_find(w, &key);
	bool is_new = false, replaced = e && gw_track_replaces(&e->flow, d, p);

	if (replaced)
		watch_emit(w, e, GW_REC_REPLACED, d, p, end, time_ns, ifindex, false, fn, arg);
	if (!e || replaced) {
		struct gw_judgement judgement;
		struct gw_orientation o;
		struct judge_ends ends;

		ends = judge_ends(w->fabric, &key);
		o = gw_orient(&w->gate, p, d, ends.target[d] != NULL, ends.target[!d] != NULL);
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
		memset(&e->flow, 0, sizeof(e->flow));
		gw_track_begin(&e->flow, p, o, time_ns);
		e->flow.judgement = judgement;
		w->stats[GW_STAT_FLOWS]++;
		is_new = true;
	}
	emit = gw_track(&e->flow, d, p, time_ns, ifindex << 1);
	if (emit & GW_OTHER_HOOK) {
		w->stats[GW_STAT_OTHER_HOOK]++;
		return;
	}
	w->stats[GW_STAT_WATCHED]++;
	if (emit & GW_EMIT_PAYLOAD)
		watch_emit(w, e, GW_REC_PAYLOAD, d, p, end, time_ns, ifindex, is_new, fn, arg);
	else if (emit & GW_EMIT_CONTROL)
		watch_emit(w, e, GW_REC_CONTROL, d, p, end, time_ns, ifindex, is_new, fn, arg);
}

static void watch_icmp(struct watch *w, const struct gw_pkt *p, const uint8_t *end,
		       uint64_t time_ns, uint32_t ifindex, capture_record_fn *fn, void *arg)
{
	struct gw_key key;
	uint32_t d = flowkey_make(&key, p);
	struct watch_entry *e = watch_find(w, &key);

	if (!e)
		return;
	w->stats[GW_STAT_ICMP]++;
	watch_emit(w, e, GW_REC_ICMP, d, p, end, time_ns, ifindex, false, fn, arg);
}

void watch_packet(struct watch *w, enum gw_parse parsed, const struct gw_pkt *pkt,
		  const uint8_t *end, uint64_t time_ns, uint32_t ifindex, capture_record_fn *fn,
		  void *arg)
{
	switch (parsed) {
	case GW_PARSE_IGNORE:
		return;
	case GW_PARSE_FRAGMENT:
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
		watch_tcp(w, pkt, end, time_ns, ifindex, fn, arg);
		return;
	case GW_PARSE_ICMP:
		w->stats[GW_STAT_PACKETS]++;
		watch_icmp(w, pkt, end, time_ns, ifindex, fn, arg);
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
