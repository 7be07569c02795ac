/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture by the kernel programs: their records, out of the ring buffer, and
 * their flows, out of the flow maps.
 *
 * With pins (kernel_pin.h) all of it outlives this process: a record stays in the
 * ring until release() says that what it told is noted, so one that is killed in
 * between leaves it to the next.
 *
 * The programs do not wake the reader, so the loop has to call poll() by timer;
 * fd() becomes readable only when the ring buffer is a quarter full.
 */
#include "agent/capture.h"

#include <errno.h>
#include <stdio.h>

#ifdef HAVE_BPF

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/kernel.h"
#include "agent/kernel_hook.h"
#include "agent/kernel_pin.h"
#include "agent/ring.h"
#include "bpf/parse.h" /* the skeleton names its types */
#include "common/log.h"
#include "common/privilege.h"
#include "watch.skel.h"

#define SWEEP_BATCH 1024 /* flows per system call, at least; 285 ns each */

struct capture_bpf {
	struct capture capture;
	struct kernel *kernel;
	struct hooks *hooks;
	struct pins *pins; /* borrowed; NULL: nothing outlives us */
	struct ring ring;

	/* the poll() that is under way */
	capture_record_fn *fn;
	void *arg;
	unsigned budget, handed;
};

static struct capture_bpf *of(struct capture *c)
{
	return (struct capture_bpf *)c;
}

/* ---- records and flows ---------------------------------------------------------- */

static bool on_record(void *arg, const void *data, size_t len)
{
	struct capture_bpf *b = arg;
	const struct gw_record *r = data;

	if (len < GW_RECORD_SHORT || len < GW_RECORD_SHORT + r->snap_len)
		return true; /* not of our programs */
	b->fn(b->arg, r);
	b->handed++;
	return !b->budget || b->handed < b->budget;
}

static int capture_bpf_poll(struct capture *c, unsigned budget, capture_record_fn *fn, void *arg)
{
	struct capture_bpf *b = of(c);

	b->fn = fn;
	b->arg = arg;
	b->budget = budget;
	b->handed = 0;
	ring_read(&b->ring, on_record, b);
	if (!c->pinned)
		ring_release(&b->ring);
	return (int)b->handed;
}

static void capture_bpf_release(struct capture *c)
{
	ring_release(&of(c)->ring);
}

static size_t capture_bpf_held(struct capture *c)
{
	return ring_held(&of(c)->ring);
}

static uint64_t capture_bpf_position(struct capture *c)
{
	return of(c)->ring.at;
}

static bool capture_bpf_seek(struct capture *c, uint64_t position)
{
	return ring_seek(&of(c)->ring, position);
}

/* A map's descriptor is readable when the kernel has woken its reader. */
static int capture_bpf_fd(struct capture *c)
{
	return bpf_map__fd(of(c)->kernel->watch->maps.ring);
}

static int flow_map(const struct capture_bpf *b, uint8_t family, bool half)
{
	struct watch_bpf *w = b->kernel->watch;

	if (half)
		return bpf_map__fd(family == 4 ? w->maps.half4 : w->maps.half6);
	return bpf_map__fd(family == 4 ? w->maps.flows4 : w->maps.flows6);
}

static void key_to_kernel(const struct gw_key *key, union gw_key_any *out)
{
	if (key->family == 4) {
		memcpy(out->v4.a, key->a, sizeof(out->v4.a));
		memcpy(out->v4.b, key->b, sizeof(out->v4.b));
		out->v4.aport = key->aport;
		out->v4.bport = key->bport;
	} else {
		memcpy(&out->v6, key, sizeof(out->v6));
	}
}

static void key_from_kernel(const void *in, uint8_t family, struct gw_key *key)
{
	memset(key, 0, sizeof(*key));
	if (family == 4) {
		const struct gw_key4 *k = in;

		memcpy(key->a, k->a, sizeof(k->a));
		memcpy(key->b, k->b, sizeof(k->b));
		key->aport = k->aport;
		key->bport = k->bport;
	} else {
		memcpy(key, in, sizeof(struct gw_key6));
	}
	key->family = family;
}

static int sweep_map(struct capture_bpf *b, uint8_t family, bool half, capture_flow_fn *fn,
		     void *arg)
{
	size_t key_size = family == 4 ? sizeof(struct gw_key4) : sizeof(struct gw_key6);
	uint32_t room = SWEEP_BATCH, n, cursor = 0, i;
	struct gw_flow *flows = malloc(room * sizeof(*flows));
	uint8_t *keys = malloc(room * key_size);
	int fd = flow_map(b, family, half), total = 0, err = 0;
	bool first = true;

	while (flows && keys) {
		n = room;
		err = bpf_map_lookup_batch(fd, first ? NULL : &cursor, &cursor, keys, flows, &n,
					   NULL) ? -errno : 0;
		if (err == -ENOSPC) {
			/* one bucket of the map holds more than this */
			free(flows);
			free(keys);
			room *= 2;
			flows = malloc(room * sizeof(*flows));
			keys = malloc(room * key_size);
			continue;
		}
		if (err && err != -ENOENT)
			break;
		for (i = 0; i < n; i++) {
			struct gw_key key;

			key_from_kernel(keys + i * key_size, family, &key);
			fn(arg, &key, &flows[i]);
			total++;
		}
		first = false;
		if (err == -ENOENT) /* the end of the map */
			break;
	}
	if (!flows || !keys)
		err = -ENOMEM;
	free(flows);
	free(keys);
	return err && err != -ENOENT ? err : total;
}

static int capture_bpf_sweep(struct capture *c, capture_flow_fn *fn, void *arg)
{
	int total = 0, n, i;

	kernel_set_clock(of(c)->kernel);
	for (i = 0; i < 4; i++) {
		n = sweep_map(of(c), i & 1 ? 6 : 4, i / 2, fn, arg);
		if (n < 0)
			return n;
		total += n;
	}
	return total;
}

static int capture_bpf_read(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	union gw_key_any k;

	key_to_kernel(key, &k);
	if (!bpf_map_lookup_elem(flow_map(of(c), key->family, false), &k, out))
		return 0;
	return bpf_map_lookup_elem(flow_map(of(c), key->family, true), &k, out) ? -errno : 0;
}

static int forget_in(int fd, const void *key, struct gw_flow *out)
{
	if (!out)
		return bpf_map_delete_elem(fd, key) ? -errno : 0;
	if (!bpf_map_lookup_and_delete_elem(fd, key, out))
		return 0;
	if (errno == ENOENT)
		return -ENOENT;
	/* hashes learnt it in Linux 5.14 */
	if (bpf_map_lookup_elem(fd, key, out))
		return -errno;
	return bpf_map_delete_elem(fd, key) ? -errno : 0;
}

static int capture_bpf_forget(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	union gw_key_any k;
	int err;

	key_to_kernel(key, &k);
	err = forget_in(flow_map(of(c), key->family, false), &k, out);
	if (err != -ENOENT)
		return err;
	return forget_in(flow_map(of(c), key->family, true), &k, out);
}

/* ---- attempts --------------------------------------------------------------------- */

static void capture_bpf_turn(struct capture *c)
{
	struct watch_bpf *w = of(c)->kernel->watch;

	__atomic_store_n(&w->bss->attempts_slot, !w->bss->attempts_slot, __ATOMIC_SEQ_CST);
}

/* Hands out and takes away what is in the slot that is not counted in. The keys first:
 * what is taken away while a map is walked makes the walk begin anew. */
static void take_attempts(int fd, uint32_t slot, capture_attempts_fn *fn, void *arg)
{
	struct gw_attempts *keys = malloc(GW_MAX_ATTEMPTS * sizeof(*keys));
	uint64_t *counts = malloc(GW_MAX_ATTEMPTS * sizeof(*counts));
	uint32_t cursor = 0, n = 0, got, i;
	bool first = true;
	int err = 0;

	while (keys && counts && !err && n < GW_MAX_ATTEMPTS) {
		got = GW_MAX_ATTEMPTS - n;
		err = bpf_map_lookup_batch(fd, first ? NULL : &cursor, &cursor, keys + n,
					   counts + n, &got, NULL);
		if (err && errno != ENOENT)
			break;
		n += got;
		first = false;
	}
	for (i = 0; i < n; i++) {
		if (keys[i].slot == slot && !bpf_map_delete_elem(fd, &keys[i]))
			fn(arg, &keys[i], counts[i]);
	}
	free(keys);
	free(counts);
}

static void capture_bpf_counted(struct capture *c, capture_attempts_fn *fn, void *arg)
{
	struct watch_bpf *w = of(c)->kernel->watch;
	uint32_t idle = !w->bss->attempts_slot;

	take_attempts(bpf_map__fd(w->maps.attempts), idle, fn, arg);
	take_attempts(bpf_map__fd(idle ? w->maps.sources1 : w->maps.sources0), idle, fn, arg);
}

/* The first fabric is in force: now the programs may take the former agent's
 * place, and what is to outlive this one gets its names. */
static void settle(struct capture_bpf *b)
{
	int err = hooks_settle(b->hooks);
	unsigned others;

	if (!b->pins)
		return;
	if (err) {
		log_warning("cannot pin to bpffs: %s; when this agent dies, nobody watches until "
			    "the next one has started", strerror(-err));
		pins_remove(b->pins, NULL, NULL);
		b->pins = NULL;
		return;
	}
	b->capture.pinned = true;
	others = pins_remove_others(b->pins, hooks_drop_filter, NULL);
	if (others)
		log_info("replaced what an agent of another layout had left in the kernel");
}

static int capture_bpf_load(struct capture *c, const struct fabric *f)
{
	int err = kernel_load(of(c)->kernel, f);

	if (!err)
		settle(of(c));
	return err;
}

static void capture_bpf_stats(struct capture *c, uint64_t out[GW_STAT_MAX])
{
	kernel_stats(of(c)->kernel, out);
}

static void capture_bpf_close(struct capture *c)
{
	struct capture_bpf *b = of(c);
	bool leave = c->leave && c->pinned;

	hooks_close(b->hooks, leave);
	if (c->pinned && !leave)
		pins_remove(b->pins, NULL, NULL);
	ring_close(&b->ring);
	kernel_close(b->kernel);
	free(b);
}

static const struct capture_ops capture_bpf_ops = {
	.name = "bpf",
	.load = capture_bpf_load,
	.release = capture_bpf_release,
	.held = capture_bpf_held,
	.position = capture_bpf_position,
	.seek = capture_bpf_seek,
	.poll = capture_bpf_poll,
	.fd = capture_bpf_fd,
	.sweep = capture_bpf_sweep,
	.read = capture_bpf_read,
	.forget = capture_bpf_forget,
	.turn = capture_bpf_turn,
	.counted = capture_bpf_counted,
	.stats = capture_bpf_stats,
	.close = capture_bpf_close,
};

struct kernel *kernel_of_capture(struct capture *c)
{
	return c->ops == &capture_bpf_ops ? of(c)->kernel : NULL;
}

static uint64_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

static int open_ring(struct capture_bpf *b)
{
	struct bpf_map *m = b->kernel->watch->maps.ring;
	struct capture *c = &b->capture;

	c->id = map_id(bpf_map__fd(m));
	c->inherited = b->kernel->inherited;
	c->alive = b->kernel->alive;
	c->last_alive_ns = b->kernel->last_alive_ns;
	return ring_open(&b->ring, bpf_map__fd(m), bpf_map__max_entries(m));
}

struct capture *capture_bpf_open(const struct capture_config *config, char *err, size_t size)
{
	struct capture_bpf *b = calloc(1, sizeof(*b));
	int e;

	if (!b) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	b->capture.ops = &capture_bpf_ops;
	b->pins = config->pins;
	b->kernel = kernel_open(config, err, size);
	if (!b->kernel) {
		capture_bpf_close(&b->capture);
		return NULL;
	}
	e = open_ring(b);
	if (e < 0) {
		snprintf(err, size, "cannot map the ring buffer: %s", strerror(-e));
		capture_bpf_close(&b->capture);
		return NULL;
	}
	b->hooks = hooks_open(b->kernel, config, err, size);
	if (!b->hooks) {
		capture_bpf_close(&b->capture);
		return NULL;
	}
	b->capture.keeps = PRIVILEGE(CAP_BPF); /* a reload makes maps */
	if (hooks_filtered(b->hooks))
		b->capture.keeps |= PRIVILEGE(CAP_NET_ADMIN);
	return &b->capture;
}

#else /* !HAVE_BPF */

struct capture *capture_bpf_open(const struct capture_config *config, char *err, size_t size)
{
	snprintf(err, size, "this program was built without the kernel programs (WITH_BPF); "
			    "use --capture pcap");
	return NULL;
}

#endif
