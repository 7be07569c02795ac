/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kernel_hook.h"

#ifdef HAVE_BPF

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/capture.h"
#include "agent/kernel.h"
#include "agent/kernel_pin.h"
#include "bpf/parse.h" /* the skeleton names its types */
#include "common/log.h"
#include "watch.skel.h"

/* linux/bpf.h of Linux 6.6; Debian 12's headers are older than its kernels */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS ((enum bpf_attach_type)47)

enum side { INGRESS, EGRESS, NUM_SIDES };

static const char *const side_names[NUM_SIDES] = { "in", "out" };

/* One side of one interface. */
struct hook {
	int link;		   /* TCX; -1: none */
	bool filtered;		   /* clsact */
	uint32_t handle, priority; /* of the filter */
	bool former;		   /* it runs a former agent's program as yet */
};

struct hooked {
	const char *name; /* borrowed from the configuration */
	int ifindex;
	struct hook hook[NUM_SIDES];
	bool qdisc_is_ours;
};

struct hooks {
	struct kernel *kernel;
	struct pins *pins; /* NULL: nothing outlives us */
	bool settled;
	size_t n;
	struct hooked *on;
};

static int program(const struct hooks *h, enum side s)
{
	return bpf_program__fd(s == INGRESS ? h->kernel->watch->progs.gw_ingress :
					      h->kernel->watch->progs.gw_egress);
}

/* ---- TCX ----------------------------------------------------------------------- */

static int tcx_attach(const struct hooks *h, struct hooked *i, enum side s)
{
	static const enum bpf_attach_type type[NUM_SIDES] = { TCX_INGRESS, TCX_EGRESS };
	int fd = bpf_link_create(program(h, s), i->ifindex, type[s], NULL);

	if (fd < 0)
		return -errno;
	i->hook[s].link = fd;
	i->hook[s].former = false;
	return 0;
}

/* The link's interface; 0 when that is gone. The kernel's struct has it in the
 * same place for every kind of link that has one. */
static int link_ifindex(int fd)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return 0;
	return (int)info.xdp.ifindex;
}

/* A former agent's link on this side. */
static void tcx_find(const struct hooks *h, struct hooked *i, enum side s)
{
	char name[PIN_NAME_MAX];
	int fd;

	pins_link_name(name, sizeof(name), side_names[s], i->name);
	fd = pins_get(h->pins, name);
	if (fd < 0)
		return;
	if (link_ifindex(fd) != i->ifindex) { /* another interface that had the name */
		close(fd);
		pins_drop(h->pins, name);
		return;
	}
	i->hook[s].link = fd;
	i->hook[s].former = true;
}

/* ---- clsact ---------------------------------------------------------------------- */

/* LIBBPF_OPTS: libbpf wants zeroes in the padding too, and a struct that is
 * handed over by value may have lost them. */
#define TC_HOOK(hook, on, side)                                                              \
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (on),                                      \
		    .attach_point = (side) == INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS)

static int clsact_qdisc(struct hooked *i)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = i->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&hook);
	if (!err)
		i->qdisc_is_ours = true;
	return err == -EEXIST ? 0 : err;
}

/* Puts our program on, or in the place of the filter that is there. */
static int clsact_attach(const struct hooks *h, struct hooked *i, enum side s)
{
	LIBBPF_OPTS(bpf_tc_opts, o, .prog_fd = program(h, s));
	TC_HOOK(hook, i->ifindex, s);
	struct hook *k = &i->hook[s];
	int err;

	if (k->filtered) {
		o.handle = k->handle;
		o.priority = k->priority;
		o.flags = BPF_TC_F_REPLACE;
	}
	err = bpf_tc_attach(&hook, &o);
	if (err)
		return err;
	k->filtered = true;
	k->handle = o.handle;
	k->priority = o.priority;
	k->former = false;
	return 0;
}

struct search {
	struct hooked *i;
	struct pins *pins;
};

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

/* The id of a filter's program; 0: no such filter. */
static uint32_t clsact_program(int ifindex, bool egress, uint32_t handle, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_opts, o, .handle = handle, .priority = priority);
	TC_HOOK(hook, ifindex, egress ? EGRESS : INGRESS);

	return bpf_tc_query(&hook, &o) ? 0 : o.prog_id;
}

/* A former agent's filter, if it is still there with the program it had. */
static void clsact_found(void *arg, const char *name)
{
	char interface[IF_NAMESIZE];
	struct search *find = arg;
	uint32_t handle, priority;
	bool egress, ours;
	struct hook *k;
	int fd;

	if (!pins_filter_parse(name, &egress, &handle, &priority, &ours) ||
	    strcmp(pins_interface(name, interface, sizeof(interface)), find->i->name) != 0)
		return;
	fd = pins_get(find->pins, name);
	if (fd < 0 ||
	    clsact_program(find->i->ifindex, egress, handle, priority) != program_id(fd)) {
		pins_drop(find->pins, name);
	} else {
		k = &find->i->hook[egress];
		k->filtered = k->former = true;
		k->handle = handle;
		k->priority = priority;
		find->i->qdisc_is_ours |= ours;
	}
	if (fd >= 0)
		close(fd);
}

/* True when a filter is left on either side of the interface's clsact. On any
 * doubt, too: then the qdisc stays. */
static bool clsact_has_filters(int ifindex)
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

static void clsact_drop_qdisc(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (!clsact_has_filters(ifindex))
		bpf_tc_hook_destroy(&hook);
}

static void clsact_drop(int ifindex, enum side s, uint32_t handle, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_opts, o, .handle = handle, .priority = priority);
	TC_HOOK(hook, ifindex, s);

	bpf_tc_detach(&hook, &o);
}

void hooks_drop_filter(void *unused, const char *name)
{
	char interface[IF_NAMESIZE];
	uint32_t handle, priority;
	bool egress, ours;
	int ifindex;

	if (!pins_filter_parse(name, &egress, &handle, &priority, &ours))
		return;
	ifindex = (int)if_nametoindex(pins_interface(name, interface, sizeof(interface)));
	if (!ifindex)
		return; /* gone, and its filters with it */
	clsact_drop(ifindex, egress ? EGRESS : INGRESS, handle, priority);
	if (ours)
		clsact_drop_qdisc(ifindex);
}

/* ---- an interface ------------------------------------------------------------------ */

static void hooked_release(struct hooked *i)
{
	int s;

	for (s = 0; s < NUM_SIDES; s++) {
		struct hook *k = &i->hook[s];

		if (k->link >= 0)
			close(k->link);
		k->link = -1;
		/* a former agent's filter is not ours to take off before we replaced it */
		if (k->filtered && !k->former)
			clsact_drop(i->ifindex, (enum side)s, k->handle, k->priority);
		k->filtered = false;
	}
	if (i->qdisc_is_ours)
		clsact_drop_qdisc(i->ifindex);
	i->qdisc_is_ours = false;
}

static bool is_attached(const struct hook *k)
{
	return k->link >= 0 || k->filtered;
}

static int attach_all(const struct hooks *h, struct hooked *i, bool clsact)
{
	int s, err = 0;

	if (clsact && (!i->hook[INGRESS].filtered || !i->hook[EGRESS].filtered))
		err = clsact_qdisc(i);
	for (s = 0; !err && s < NUM_SIDES; s++)
		if (!is_attached(&i->hook[s]))
			err = clsact ? clsact_attach(h, i, (enum side)s) :
				       tcx_attach(h, i, (enum side)s);
	return err;
}

static bool is_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	struct ifreq req;

	memset(&req, 0, sizeof(req));
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (fd < 0)
		return true; /* what cannot be asked is found out by attaching */
	err = ioctl(fd, SIOCGIFFLAGS, &req);
	close(fd);
	return err || (req.ifr_flags & IFF_UP);
}

static bool hooked_attach(struct hooks *h, struct hooked *i, bool clsact, char *err, size_t size)
{
	struct search find = { i, h->pins };
	int e, s;

	i->ifindex = (int)if_nametoindex(i->name);
	if (!i->ifindex) {
		snprintf(err, size,
			 "interface %s: there is no such interface; `ip link` lists them", i->name);
		return false;
	}
	if (!is_up(i->name)) {
		snprintf(err, size, "interface %s is down; `ip link set %s up` first", i->name,
			 i->name);
		return false;
	}
	if (h->pins && h->kernel->inherited) {
		for (s = 0; s < NUM_SIDES; s++)
			tcx_find(h, i, (enum side)s);
		pins_each(h->pins, "filter-", clsact_found, &find);
	}
	if (!clsact) {
		e = attach_all(h, i, false);
		if (!e)
			return true;
		log_debug("interface %s: no TCX link (%s), taking clsact", i->name, strerror(-e));
	}
	e = attach_all(h, i, true);
	if (!e)
		return true;
	snprintf(err, size, "interface %s: cannot attach to it: %s%s", i->name, strerror(-e),
		 e == -EPERM ? "; run as root (CAP_NET_ADMIN), or use --capture pcap" : "");
	return false;
}

/* ---- all of them --------------------------------------------------------------------- */

struct hooks *hooks_open(struct kernel *k, const struct capture_config *config, char *err,
			 size_t size)
{
	struct hooks *h = calloc(1, sizeof(*h));
	size_t i;

	if (h)
		h->on = calloc(config->n_interfaces ? config->n_interfaces : 1, sizeof(*h->on));
	if (!h || !h->on) {
		snprintf(err, size, "no memory");
		free(h);
		return NULL;
	}
	h->kernel = k;
	h->pins = config->pins;
	for (i = 0; i < config->n_interfaces; i++) {
		struct hooked *on = &h->on[h->n++];

		on->name = config->interfaces[i];
		on->hook[INGRESS].link = on->hook[EGRESS].link = -1;
		if (!hooked_attach(h, on, config->clsact, err, size)) {
			hooks_close(h, true);
			return NULL;
		}
	}
	return h;
}

static int replace_former(struct hooks *h, struct hooked *i, enum side s)
{
	struct hook *k = &i->hook[s];

	if (k->filtered)
		return clsact_attach(h, i, s);
	if (!bpf_link_update(k->link, program(h, s), NULL)) {
		k->former = false;
		return 0;
	}
	/* its interface has gone in between, or the like */
	close(k->link);
	k->link = -1;
	return tcx_attach(h, i, s);
}

static int pin_hook(const struct hooks *h, const struct hooked *i, enum side s)
{
	const struct hook *k = &i->hook[s];
	char name[PIN_NAME_MAX];

	if (k->filtered) {
		pins_filter_name(name, sizeof(name), side_names[s], k->handle, k->priority,
				 i->qdisc_is_ours, i->name);
		return pins_put(h->pins, name, program(h, s));
	}
	pins_link_name(name, sizeof(name), side_names[s], i->name);
	return pins_put(h->pins, name, k->link);
}

/* What a former agent had on an interface that is not watched any more. */
static void drop_stray(void *arg, const char *name)
{
	const struct hooks *h = arg;
	char interface[IF_NAMESIZE];
	size_t i;

	pins_interface(name, interface, sizeof(interface));
	for (i = 0; i < h->n; i++)
		if (strcmp(h->on[i].name, interface) == 0)
			return;
	hooks_drop_filter(NULL, name);
	pins_drop(h->pins, name);
}

int hooks_settle(struct hooks *h)
{
	size_t i;
	int s, err = 0;

	if (h->settled)
		return 0;
	h->settled = true;
	for (i = 0; i < h->n; i++)
		for (s = 0; s < NUM_SIDES; s++)
			if (h->on[i].hook[s].former && replace_former(h, &h->on[i], (enum side)s))
				log_error("interface %s: the former agent's program stays on it",
					  h->on[i].name);
	if (!h->pins)
		return 0;
	err = kernel_pin(h->kernel, h->pins);
	for (i = 0; i < h->n; i++)
		for (s = 0; !err && s < NUM_SIDES; s++)
			err = pin_hook(h, &h->on[i], (enum side)s);
	pins_each(h->pins, "link-", drop_stray, h);
	pins_each(h->pins, "filter-", drop_stray, h);
	return err;
}

bool hooks_filtered(const struct hooks *h)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->on[i].hook[INGRESS].filtered || h->on[i].hook[EGRESS].filtered)
			return true;
	return false;
}

/* The descriptors of links are closed in any case; a pinned link lives on. */
void hooks_close(struct hooks *h, bool leave)
{
	size_t i;

	if (!h)
		return;
	for (i = 0; i < h->n; i++) {
		struct hooked *on = &h->on[i];
		int s;

		for (s = 0; leave && h->settled && s < NUM_SIDES; s++)
			on->hook[s].filtered = false;
		if (leave && h->settled)
			on->qdisc_is_ours = false;
		hooked_release(on);
	}
	free(h->on);
	free(h);
}

#else /* !HAVE_BPF */

#include "agent/kernel_hook.h"
#include "common/log.h"

void hooks_drop_filter(void *unused, const char *name)
{
	log_warning("%s: a filter that this program, which was built without the kernel programs, "
		    "cannot take off; `tc filter` can", name);
}

#endif
