/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel programs on interfaces. Each interface gets both programs: as TCX
 * links (Linux 6.6), which are gone when this process is, or else as filters of
 * a clsact qdisc, which close() takes off again. A qdisc that was there before,
 * or that others have put filters on since, stays.
 *
 * The programs do not wake the reader, so the loop has to call poll() by timer;
 * fd() becomes readable only when the ring buffer is a quarter full.
 */
#include "agent/capture.h"

#include <errno.h>
#include <stdio.h>

#ifdef HAVE_BPF

#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/kernel.h"
#include "bpf/parse.h" /* the skeleton names its types */
#include "common/log.h"
#include "watch.skel.h"

/* linux/bpf.h of Linux 6.6; Debian 12's headers are older than its kernels */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS ((enum bpf_attach_type)47)

#define SWEEP_BATCH 1024 /* flows per system call, at least; 285 ns each */

enum hook { HOOK_INGRESS, HOOK_EGRESS, NUM_HOOKS };

struct hooked {
	const char *name; /* borrowed from the configuration */
	int ifindex;
	int links[NUM_HOOKS];	     /* TCX; -1: none */
	struct bpf_tc_opts filters[NUM_HOOKS]; /* clsact */
	bool filtered[NUM_HOOKS];
	bool qdisc_is_ours;
};

struct capture_bpf {
	struct capture capture;
	struct kernel *kernel;
	struct ring_buffer *ring;
	struct hooked *hooked;
	size_t n_hooked;

	/* the poll() that is under way */
	capture_record_fn *fn;
	void *arg;
	unsigned budget, handed;
};

static struct capture_bpf *of(struct capture *c)
{
	return (struct capture_bpf *)c;
}

/* ---- attaching --------------------------------------------------------------- */

static int hooked_prog(const struct capture_bpf *b, enum hook h)
{
	return bpf_program__fd(h == HOOK_INGRESS ? b->kernel->watch->progs.gw_ingress :
						   b->kernel->watch->progs.gw_egress);
}

static int hooked_tcx(const struct capture_bpf *b, struct hooked *i)
{
	static const enum bpf_attach_type type[NUM_HOOKS] = { TCX_INGRESS, TCX_EGRESS };
	int h;

	for (h = 0; h < NUM_HOOKS; h++) {
		i->links[h] = bpf_link_create(hooked_prog(b, (enum hook)h), i->ifindex, type[h],
					      NULL);
		if (i->links[h] < 0) {
			int err = -errno;

			i->links[h] = -1;
			if (h == HOOK_EGRESS) {
				close(i->links[HOOK_INGRESS]);
				i->links[HOOK_INGRESS] = -1;
			}
			return err;
		}
	}
	return 0;
}

static int hooked_clsact(const struct capture_bpf *b, struct hooked *i)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = i->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&hook), h;

	if (err && err != -EEXIST)
		return err;
	i->qdisc_is_ours = !err;
	for (h = 0; h < NUM_HOOKS; h++) {
		struct bpf_tc_opts *o = &i->filters[h];

		memset(o, 0, sizeof(*o));
		o->sz = sizeof(*o);
		o->prog_fd = hooked_prog(b, (enum hook)h);
		hook.attach_point = h == HOOK_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS;
		err = bpf_tc_attach(&hook, o);
		if (err)
			return err;
		i->filtered[h] = true;
	}
	return 0;
}

/* True when a filter is left on either side of the interface's clsact. On any
 * doubt, too: then the qdisc stays. */
static bool hooked_has_filters(int ifindex)
{
	static const uint32_t parents[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
					    TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool found = fd < 0;
	size_t p;

	for (p = 0; !found && p < sizeof(parents) / sizeof(parents[0]); p++) {
		struct {
			struct nlmsghdr head;
			struct tcmsg tc;
		} ask = { { sizeof(ask), RTM_GETTFILTER, NLM_F_REQUEST | NLM_F_DUMP, 0, 0 },
			  { .tcm_ifindex = ifindex, .tcm_parent = parents[p] } };
		union {
			struct nlmsghdr head;
			char bytes[16384];
		} answer;
		ssize_t n;

		/* the whole answer is one "done" when there is no filter */
		found = send(fd, &ask, sizeof(ask), 0) < 0 ||
			(n = recv(fd, &answer, sizeof(answer), 0)) < (ssize_t)sizeof(answer.head) ||
			answer.head.nlmsg_type != NLMSG_DONE;
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static void hooked_release(struct hooked *i)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = i->ifindex);
	int h;

	for (h = 0; h < NUM_HOOKS; h++) {
		if (i->links[h] >= 0)
			close(i->links[h]);
		i->links[h] = -1;
		if (i->filtered[h]) {
			struct bpf_tc_opts o = { .sz = sizeof(o), .handle = i->filters[h].handle,
						 .priority = i->filters[h].priority };

			hook.attach_point = h == HOOK_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS;
			bpf_tc_detach(&hook, &o);
		}
		i->filtered[h] = false;
	}
	if (i->qdisc_is_ours && !hooked_has_filters(i->ifindex)) {
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		bpf_tc_hook_destroy(&hook);
	}
	i->qdisc_is_ours = false;
}

static bool hooked_attach(const struct capture_bpf *b, struct hooked *i, bool clsact, char *err,
			  size_t size)
{
	struct ifreq req;
	int fd, e;

	i->ifindex = (int)if_nametoindex(i->name);
	if (!i->ifindex) {
		snprintf(err, size,
			 "interface %s: there is no such interface; `ip link` lists them", i->name);
		return false;
	}
	memset(&req, 0, sizeof(req));
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", i->name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		e = ioctl(fd, SIOCGIFFLAGS, &req);
		close(fd);
		if (!e && !(req.ifr_flags & IFF_UP)) {
			snprintf(err, size, "interface %s is down; `ip link set %s up` first",
				 i->name, i->name);
			return false;
		}
	}
	if (!clsact) {
		e = hooked_tcx(b, i);
		if (!e)
			return true;
		log_debug("interface %s: no TCX link (%s), taking clsact", i->name, strerror(-e));
	}
	e = hooked_clsact(b, i);
	if (!e)
		return true;
	snprintf(err, size, "interface %s: cannot attach to it: %s%s", i->name, strerror(-e),
		 e == -EPERM ? "; run as root (CAP_NET_ADMIN), or use --capture pcap" : "");
	return false;
}

/* ---- records and flows ---------------------------------------------------------- */

static int on_record(void *arg, void *data, size_t len)
{
	struct capture_bpf *b = arg;
	const struct gw_record *r = data;

	if (len < GW_RECORD_SHORT || len < GW_RECORD_SHORT + r->snap_len)
		return 0; /* not of our programs */
	b->fn(b->arg, r);
	b->handed++;
	/* this record is consumed all the same */
	return b->budget && b->handed >= b->budget ? -ECANCELED : 0;
}

static int capture_bpf_poll(struct capture *c, unsigned budget, capture_record_fn *fn, void *arg)
{
	struct capture_bpf *b = of(c);
	int n;

	b->fn = fn;
	b->arg = arg;
	b->budget = budget;
	b->handed = 0;
	n = ring_buffer__consume(b->ring);
	if (n < 0 && n != -ECANCELED)
		return n;
	return (int)b->handed;
}

static int capture_bpf_fd(struct capture *c)
{
	return ring_buffer__epoll_fd(of(c)->ring);
}

static int flow_map(const struct capture_bpf *b, uint8_t family)
{
	return bpf_map__fd(family == 4 ? b->kernel->watch->maps.flows4 :
					 b->kernel->watch->maps.flows6);
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

static int sweep_family(struct capture_bpf *b, uint8_t family, capture_flow_fn *fn, void *arg)
{
	size_t key_size = family == 4 ? sizeof(struct gw_key4) : sizeof(struct gw_key6);
	uint32_t room = SWEEP_BATCH, n, cursor = 0, i;
	struct gw_flow *flows = malloc(room * sizeof(*flows));
	uint8_t *keys = malloc(room * key_size);
	int fd = flow_map(b, family), total = 0, err = 0;
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
	int v4, v6;

	kernel_set_clock(of(c)->kernel);
	v4 = sweep_family(of(c), 4, fn, arg);
	if (v4 < 0)
		return v4;
	v6 = sweep_family(of(c), 6, fn, arg);
	return v6 < 0 ? v6 : v4 + v6;
}

static int capture_bpf_read(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	union gw_key_any k;

	key_to_kernel(key, &k);
	return bpf_map_lookup_elem(flow_map(of(c), key->family), &k, out) ? -errno : 0;
}

static int capture_bpf_forget(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	int fd = flow_map(of(c), key->family);
	union gw_key_any k;

	key_to_kernel(key, &k);
	if (!out)
		return bpf_map_delete_elem(fd, &k) ? -errno : 0;
	if (!bpf_map_lookup_and_delete_elem(fd, &k, out))
		return 0;
	if (errno == ENOENT)
		return -ENOENT;
	/* hashes learnt it in Linux 5.14 */
	if (bpf_map_lookup_elem(fd, &k, out))
		return -errno;
	return bpf_map_delete_elem(fd, &k) ? -errno : 0;
}

static int capture_bpf_load(struct capture *c, const struct fabric *f)
{
	return kernel_load(of(c)->kernel, f);
}

static void capture_bpf_stats(struct capture *c, uint64_t out[GW_STAT_MAX])
{
	kernel_stats(of(c)->kernel, out);
}

static void capture_bpf_close(struct capture *c)
{
	struct capture_bpf *b = of(c);
	size_t i;

	for (i = 0; i < b->n_hooked; i++)
		hooked_release(&b->hooked[i]);
	free(b->hooked);
	ring_buffer__free(b->ring);
	kernel_close(b->kernel);
	free(b);
}

static const struct capture_ops capture_bpf_ops = {
	.name = "bpf",
	.load = capture_bpf_load,
	.poll = capture_bpf_poll,
	.fd = capture_bpf_fd,
	.sweep = capture_bpf_sweep,
	.read = capture_bpf_read,
	.forget = capture_bpf_forget,
	.stats = capture_bpf_stats,
	.close = capture_bpf_close,
};

struct kernel *kernel_of_capture(struct capture *c)
{
	return c->ops == &capture_bpf_ops ? of(c)->kernel : NULL;
}

struct capture *capture_bpf_open(const struct capture_config *config, char *err, size_t size)
{
	struct capture_bpf *b = calloc(1, sizeof(*b));
	size_t i;

	if (b)
		b->hooked = calloc(config->n_interfaces ? config->n_interfaces : 1,
				   sizeof(*b->hooked));
	if (!b || !b->hooked) {
		snprintf(err, size, "no memory");
		free(b);
		return NULL;
	}
	b->capture.ops = &capture_bpf_ops;
	b->kernel = kernel_open(config, err, size);
	if (!b->kernel) {
		capture_bpf_close(&b->capture);
		return NULL;
	}
	b->ring = ring_buffer__new(bpf_map__fd(b->kernel->watch->maps.ring), on_record, b, NULL);
	if (!b->ring) {
		snprintf(err, size, "cannot map the ring buffer: %s", strerror(errno));
		capture_bpf_close(&b->capture);
		return NULL;
	}
	for (i = 0; i < config->n_interfaces; i++) {
		struct hooked *h = &b->hooked[i];

		h->name = config->interfaces[i];
		h->links[HOOK_INGRESS] = h->links[HOOK_EGRESS] = -1;
		b->n_hooked++;
		if (!hooked_attach(b, h, config->clsact, err, size)) {
			capture_bpf_close(&b->capture);
			return NULL;
		}
	}
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
