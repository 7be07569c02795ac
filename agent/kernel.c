/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each fabric gets maps of its own: targets as hashes, in-band ranges and trust
 * as longest-prefix tries, sized to what they hold and filled in batches. They
 * are put into the idle one of two slots of the outer maps that the programs
 * look into; one store to `active` then swaps all of them at once. The former
 * generation's maps stay in their slot until the next load replaces them.
 *
 * The order in kernel_load() matters: the fence after the store makes sure that
 * no program still runs with the former slot number when the next load begins
 * to overwrite that slot.
 */
#include "agent/kernel.h"

#ifdef HAVE_BPF

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/fabric/fabric.h"
#include "agent/kernel_pin.h"
#include "common/log.h"
#include "bpf/parse.h" /* the skeletons name its types */
#include "actor.skel.h"
#include "watch.skel.h"

static int kernel_log(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[1024], *p;

	vsnprintf(line, sizeof(line), fmt, args);
	for (p = line; *p; p++)
		if (*p == '\n')
			*p = ' ';
	log_debug("%s", line);
	return 0;
}

/* ---- tables ---------------------------------------------------------------- */

enum table { TARGETS4, TARGETS6, RANGES4, RANGES6, TRUST4, TRUST6, NUM_TABLES };

/* The entries of one table before they go to the kernel. */
struct rows {
	enum bpf_map_type type;
	uint32_t key_size, value_size, n, room;
	uint8_t *keys, *values;
};

static const struct rows table_shapes[NUM_TABLES] = {
	[TARGETS4] = { BPF_MAP_TYPE_HASH, 4, sizeof(struct gw_target), 0, 0, NULL, NULL },
	[TARGETS6] = { BPF_MAP_TYPE_HASH, 16, sizeof(struct gw_target), 0, 0, NULL, NULL },
	[RANGES4] = { BPF_MAP_TYPE_LPM_TRIE, sizeof(struct gw_range4), 4, 0, 0, NULL, NULL },
	[RANGES6] = { BPF_MAP_TYPE_LPM_TRIE, sizeof(struct gw_range6), 4, 0, 0, NULL, NULL },
	[TRUST4] = { BPF_MAP_TYPE_LPM_TRIE, sizeof(struct gw_trust4), sizeof(struct gw_rule),
		     0, 0, NULL, NULL },
	[TRUST6] = { BPF_MAP_TYPE_LPM_TRIE, sizeof(struct gw_trust6), sizeof(struct gw_rule),
		     0, 0, NULL, NULL },
};

static int rows_add(struct rows *r, const void *key, const void *value)
{
	if (r->n == r->room) {
		uint32_t room = r->room ? r->room * 2 : 64;
		uint8_t *keys = realloc(r->keys, (size_t)room * r->key_size), *values;

		if (!keys)
			return -ENOMEM;
		r->keys = keys;
		values = realloc(r->values, (size_t)room * r->value_size);
		if (!values)
			return -ENOMEM;
		r->values = values;
		r->room = room;
	}
	memcpy(r->keys + (size_t)r->n * r->key_size, key, r->key_size);
	memcpy(r->values + (size_t)r->n * r->value_size, value, r->value_size);
	r->n++;
	return 0;
}

static int rows_trust(struct rows *r, uint32_t policy, uint8_t family,
		      const struct prefix_list *list, const struct lpm *table)
{
	struct gw_trust4 k4 = { .prefix_len = 32, .policy = policy };
	struct gw_trust6 k6 = { .prefix_len = 32, .policy = policy };
	struct gw_rule rule = { .rule = GW_RULE_IMPLICIT,
				.verdict = list ? GW_VERDICT_UNTRUSTED : GW_VERDICT_NO_POLICY };
	const void *key = family == 4 ? (const void *)&k4 : (const void *)&k6;
	const struct lpm_entry *entries;
	size_t n = 0, i;
	int err;

	/* first, so that an entry of length zero replaces it */
	err = rows_add(r, key, &rule);
	if (err || !table)
		return err;
	entries = lpm_entries(table, &n);
	for (i = 0; i < n; i++) {
		const struct prefix *p = &entries[i].prefix;

		k4.prefix_len = k6.prefix_len = 32u + p->len;
		memcpy(k4.address, p->addr.bytes, sizeof(k4.address));
		memcpy(k6.address, p->addr.bytes, sizeof(k6.address));
		rule.rule = entries[i].rule;
		rule.verdict = entries[i].permit ? GW_VERDICT_TRUSTED : GW_VERDICT_UNTRUSTED;
		err = rows_add(r, key, &rule);
		if (err)
			return err;
	}
	return 0;
}

static int rows_collect(struct rows t[NUM_TABLES], const struct fabric *f)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < f->n_targets; i++) {
		const struct fabric_target *ft = &f->targets[i];
		struct gw_target v = { .target = (uint32_t)i,
				       .policy = f->devices[ft->device].policy,
				       .path = (uint8_t)ft->path,
				       .peer = ft->peer };

		err = rows_add(&t[ft->address.family == 4 ? TARGETS4 : TARGETS6],
			       ft->address.bytes, &v);
	}
	for (i = 0; !err && i < f->n_ranges; i++) {
		const struct prefix *p = &f->ranges[i].prefix;
		struct gw_range4 k4 = { .prefix_len = p->len };
		struct gw_range6 k6 = { .prefix_len = p->len };
		uint32_t permit = f->ranges[i].permit;

		memcpy(k4.address, p->addr.bytes, sizeof(k4.address));
		memcpy(k6.address, p->addr.bytes, sizeof(k6.address));
		err = p->addr.family == 4 ? rows_add(&t[RANGES4], &k4, &permit) :
					    rows_add(&t[RANGES6], &k6, &permit);
	}
	for (i = 0; !err && i < f->n_policies; i++) {
		const struct fabric_policy *p = &f->policies[i];

		err = rows_trust(&t[TRUST4], (uint32_t)i, 4, p->v4, p->v4_table);
		if (!err)
			err = rows_trust(&t[TRUST6], (uint32_t)i, 6, p->v6, p->v6_table);
	}
	return err;
}

/* A map with the rows in it; its descriptor or a negative errno. */
static int rows_to_map(const struct rows *r, const char *name)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	LIBBPF_OPTS(bpf_map_batch_opts, batch);
	uint32_t done = 0;
	int fd, err;

	if (r->type == BPF_MAP_TYPE_LPM_TRIE)
		opts.map_flags = BPF_F_NO_PREALLOC;
	fd = bpf_map_create(r->type, name, r->key_size, r->value_size, r->n ? r->n : 1, &opts);
	if (fd < 0)
		return -errno;
	if (r->n) {
		uint32_t count = r->n;

		err = bpf_map_update_batch(fd, r->keys, r->values, &count, &batch);
		if (!err)
			done = r->n;
	}
	/* tries learnt batches in Linux 5.16; and this names the row at fault */
	for (; done < r->n; done++) {
		if (bpf_map_update_elem(fd, r->keys + (size_t)done * r->key_size,
					r->values + (size_t)done * r->value_size, BPF_ANY)) {
			err = -errno;
			close(fd);
			return err;
		}
	}
	return fd;
}

int kernel_load(struct kernel *k, const struct fabric *f)
{
	static const char *const names[NUM_TABLES] = { "gw_targets4", "gw_targets6",
		"gw_ranges4", "gw_ranges6", "gw_trust4", "gw_trust6" };
	const struct bpf_map *const outer[NUM_TABLES] = {
		k->watch->maps.targets4, k->watch->maps.targets6, k->watch->maps.ranges4,
		k->watch->maps.ranges6, k->watch->maps.trust4, k->watch->maps.trust6 };
	uint32_t idle = !k->slot;
	struct rows t[NUM_TABLES];
	int fds[NUM_TABLES], i, err = 0;

	for (i = 0; i < NUM_TABLES; i++) {
		t[i] = table_shapes[i];
		fds[i] = -1;
	}
	if (f)
		err = rows_collect(t, f);
	for (i = 0; !err && i < NUM_TABLES; i++) {
		fds[i] = rows_to_map(&t[i], names[i]);
		if (fds[i] < 0)
			err = fds[i];
	}
	for (i = 0; !err && i < NUM_TABLES; i++)
		if (bpf_map_update_elem(bpf_map__fd(outer[i]), &idle, &fds[i], BPF_ANY))
			err = -errno;
	if (!err) {
		k->watch->bss->numbers[idle] = f ? f->number : 0;
		__atomic_store_n(&k->watch->bss->active, idle, __ATOMIC_SEQ_CST);
		k->slot = idle;
		/* An update of a map of maps returns only when every program that
		 * was running has ended; this one changes nothing else. */
		(void)bpf_map_update_elem(bpf_map__fd(outer[0]), &idle, &fds[0], BPF_ANY);
	}
	for (i = 0; i < NUM_TABLES; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		free(t[i].keys);
		free(t[i].values);
	}
	return err;
}

/* ---- programs ---------------------------------------------------------------- */

/* Both services' ports in network order, for the gate's comparisons. */
static void kernel_wire_ports(volatile struct gw_wire_ports *wire,
			      const struct capture_config *config)
{
	size_t i, n = 0;

	for (i = 0; i < GW_MAX_PORTS; i++) {
		if (config->ssh_ports[i])
			wire->ports[n++] = htons(config->ssh_ports[i]);
		if (config->bgp_ports[i])
			wire->ports[n++] = htons(config->bgp_ports[i]);
	}
	if (n == 2)
		wire->pair = (uint32_t)wire->ports[0] << 16 | wire->ports[1];
}

static void kernel_ports(volatile struct gw_gate *gate, const struct capture_config *config)
{
	size_t i, ssh = 0, bgp = 0;

	/* the gate wants its unused entries last */
	for (i = 0; i < GW_MAX_PORTS; i++) {
		if (config->ssh_ports[i])
			gate->ssh[ssh++] = config->ssh_ports[i];
		if (config->bgp_ports[i])
			gate->bgp[bgp++] = config->bgp_ports[i];
	}
}

int kernel_set_clock(struct kernel *k)
{
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));
	struct timespec tick;
	int64_t base, best = INT64_MIN;
	int i;

	/* the resolution of the coarse clock is the kernel's tick to the nanosecond */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick))
		return -errno;
	k->watch->bss->tick_ns = (uint64_t)tick.tv_nsec;
	for (i = 0; i < 4; i++) {
		int err = bpf_prog_test_run_opts(bpf_program__fd(k->watch->progs.gw_clock_sample),
						 &opts);

		if (err)
			return err;
		base = (int64_t)(k->watch->bss->sample_ns -
				 k->watch->bss->sample_ticks * (uint64_t)tick.tv_nsec);
		/* between the tick's two halves the clock is one tick behind */
		if (base > best)
			best = base;
	}
	k->watch->bss->tick_base_ns = best;
	return 0;
}

static void kernel_open_actor(struct kernel *k, const struct capture_config *config)
{
	struct actor_bpf *a = actor_bpf__open();

	if (!a)
		return;
	kernel_ports((volatile struct gw_gate *)&a->rodata->gate, config);
	if (bpf_map__reuse_fd(a->maps.actors, bpf_map__fd(k->watch->maps.actors)) ||
	    actor_bpf__load(a) || actor_bpf__attach(a)) {
		log_debug("who opens connections will not be known: no BTF of this kernel");
		actor_bpf__destroy(a);
		return;
	}
	k->actor = a;
}

/* ---- what outlives the agent -------------------------------------------------- */

/* Tables of a fabric are built anew, and what is worked on during one packet is of
 * no use to anybody later. All other maps are carried over, also those that a
 * later version adds. */
static bool map_is_carried(const struct bpf_map *m)
{
	return !bpf_map__is_internal(m) && bpf_map__type(m) != BPF_MAP_TYPE_ARRAY_OF_MAPS &&
	       strcmp(bpf_map__name(m), "scratch") != 0;
}

static uint32_t mix(uint32_t hash, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	while (n--)
		hash = (hash ^ *b++) * 16777619u; /* FNV-1a */
	return hash;
}

/* What two agents must agree on to work with the same maps, as a name. */
static void kernel_layout(const struct kernel *k, uint32_t notes_version, char *out, size_t size)
{
	const uint32_t sizes[] = { GW_LAYOUT_VERSION, sizeof(struct gw_record),
				   sizeof(struct gw_flow), notes_version };
	uint32_t hash = mix(2166136261u, sizes, sizeof(sizes));
	const struct bpf_map *m;

	bpf_object__for_each_map(m, k->watch->obj) {
		const uint32_t shape[] = { bpf_map__type(m), bpf_map__key_size(m),
					   bpf_map__value_size(m), bpf_map__max_entries(m) };

		if (!map_is_carried(m))
			continue;
		hash = mix(hash, bpf_map__name(m), strlen(bpf_map__name(m)));
		hash = mix(hash, shape, sizeof(shape));
	}
	snprintf(out, size, "v%d-%08x", GW_LAYOUT_VERSION, hash);
}

static void map_pin_name(const struct bpf_map *m, char *out, size_t size)
{
	snprintf(out, size, "map-%s", bpf_map__name(m));
}

/* All of a former agent's maps, or none. */
static bool kernel_inherit(struct kernel *k, const struct pins *pins)
{
	int fds[16], n = 0, i;
	char name[PIN_NAME_MAX];
	struct bpf_map *m;
	bool all = true;

	bpf_object__for_each_map(m, k->watch->obj) {
		if (!all || !map_is_carried(m))
			continue;
		map_pin_name(m, name, sizeof(name));
		fds[n] = n < 15 ? pins_get(pins, name) : -ENOSPC;
		all = fds[n] >= 0;
		n += all;
	}
	k->alive_fd = all ? pins_get(pins, "map-alive") : -1;
	all = k->alive_fd >= 0;
	i = 0;
	bpf_object__for_each_map(m, k->watch->obj) {
		if (all && map_is_carried(m))
			all = !bpf_map__reuse_fd(m, fds[i++]);
	}
	for (i = 0; i < n; i++)
		close(fds[i]);
	return all;
}

/* One word that both of two agents have in their memory. */
static void kernel_map_alive(struct kernel *k)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	void *word;

	if (k->alive_fd < 0)
		k->alive_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "gw_alive", 4, sizeof(uint64_t), 1,
					     &opts);
	if (k->alive_fd < 0)
		return;
	word = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, k->alive_fd, 0);
	if (word == MAP_FAILED)
		return;
	k->alive = word;
	k->last_alive_ns = *k->alive;
}

int kernel_pin(struct kernel *k, struct pins *pins)
{
	char name[PIN_NAME_MAX];
	struct bpf_map *m;
	int err = k->alive_fd < 0 ? -ENOMEM : 0;

	if (!k->inherited) {
		bpf_object__for_each_map(m, k->watch->obj) {
			if (err || !map_is_carried(m))
				continue;
			map_pin_name(m, name, sizeof(name));
			err = pins_put(pins, name, bpf_map__fd(m));
		}
		if (!err)
			err = pins_put(pins, "map-alive", k->alive_fd);
	}
	/* in place of the former agent's, which ends with that */
	if (!err && k->actor)
		err = pins_put(pins, "actor", bpf_link__fd(k->actor->links.gw_set_state));
	return err;
}

static uint32_t power_of_two(uint32_t at_least)
{
	uint32_t n = 4096;

	while (n < at_least && n < 1u << 30)
		n <<= 1;
	return n;
}

struct kernel *kernel_open(const struct capture_config *config, char *err, size_t size)
{
	struct kernel *k = calloc(1, sizeof(*k));
	uint32_t ring = power_of_two(config->ring_bytes ? config->ring_bytes : 4u << 20);
	uint32_t flows = config->max_flows ? config->max_flows : 65536;
	int e;

	if (!k) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	k->alive_fd = -1;
	libbpf_set_print(kernel_log);
	k->watch = watch_bpf__open();
	if (!k->watch) {
		snprintf(err, size, "kernel programs: %s", strerror(errno));
		free(k);
		return NULL;
	}
	kernel_ports((volatile struct gw_gate *)&k->watch->rodata->gate, config);
	kernel_wire_ports((volatile struct gw_wire_ports *)&k->watch->rodata->gate_wire, config);
	k->watch->rodata->watch_all = config->watch_all;
	k->watch->rodata->with_actor = 1;
	k->watch->rodata->ring_wake = ring / 4;
	k->watch->rodata->ring_reserve = ring - ring / 4;
	if (config->attempt_rate) {
		k->watch->rodata->attempt_ns = NS_PER_S / config->attempt_rate;
		k->watch->rodata->attempt_burst_ns = 4 * NS_PER_S;
	}
	bpf_map__set_max_entries(k->watch->maps.flows4, flows);
	bpf_map__set_max_entries(k->watch->maps.flows6, flows);
	bpf_map__set_max_entries(k->watch->maps.ring, ring);
	if (config->pins) {
		char layout[32];

		kernel_layout(k, config->notes_version, layout, sizeof(layout));
		k->inherited = pins_use(config->pins, layout) && kernel_inherit(k, config->pins);
	}
	e = watch_bpf__load(k->watch);
	if (e) {
		if (e == -EPERM) /* what the verifier refuses is EACCES */
			snprintf(err, size,
				 "cannot load the kernel programs: %s; run as root (CAP_BPF, "
				 "CAP_PERFMON and CAP_NET_ADMIN), or use --capture pcap",
				 strerror(-e));
		else
			snprintf(err, size,
				 "cannot load the kernel programs: %s; use --capture pcap, or see "
				 "the debug log for the kernel's reason", strerror(-e));
		kernel_close(k);
		return NULL;
	}
	e = kernel_set_clock(k);
	if (e) {
		snprintf(err, size, "cannot read the kernel's clock: %s", strerror(-e));
		kernel_close(k);
		return NULL;
	}
	kernel_open_actor(k, config);
	if (config->pins)
		kernel_map_alive(k);
	return k;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	if (k->alive)
		munmap(k->alive, sizeof(*k->alive));
	if (k->alive_fd >= 0)
		close(k->alive_fd);
	actor_bpf__destroy(k->actor);
	watch_bpf__destroy(k->watch);
	free(k);
}

void kernel_stats(const struct kernel *k, uint64_t out[GW_STAT_MAX])
{
	int cpus = libbpf_num_possible_cpus(), i, j;
	uint64_t *values;
	uint32_t zero = 0;

	memset(out, 0, GW_STAT_MAX * sizeof(*out));
	if (cpus <= 0)
		return;
	values = calloc((size_t)cpus, (GW_STAT_MAX + 1) * sizeof(*values));
	if (!values)
		return;
	if (!bpf_map_lookup_elem(bpf_map__fd(k->watch->maps.stats), &zero, values)) {
		for (i = 0; i < cpus; i++) {
			const uint64_t *v = values + i * (GW_STAT_MAX + 1);

			for (j = 0; j < GW_STAT_MAX; j++)
				out[j] += v[j];
			/* the quiet packets were both */
			out[GW_STAT_PACKETS] += v[GW_STAT_MAX];
			out[GW_STAT_WATCHED] += v[GW_STAT_MAX];
		}
	}
	free(values);
}

#endif /* HAVE_BPF */
