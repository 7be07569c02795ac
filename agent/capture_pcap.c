/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live capture where BPF programs are not allowed: libpcap -> link -> parse ->
 * watch. The filter given to the kernel gates ports, ICMP and tunnels only; addresses
 * are looked up in the hash of targets. (A list of 200 addresses compiled into a pcap
 * filter costs 3.6 times what the whole capture does: it is a linear chain.)
 *
 * What differs from the kernel programs: with segmentation offload this end sees
 * super-packets and counts each as one; times are the time of day.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/link.h"
#include "agent/watch.h"
#include "common/log.h"

/* Ethernet with tags, IPv6 with some extension headers, TCP with options, two
 * tunnels around them, and the payload that a record carries. */
#define SNAPLEN (14 + 12 + 128 + 60 + 256 + GW_SNAP)
#define SNAPLEN_BGP 262144 /* all of a super-packet, for no UPDATE is to be lost */
#define BUFFER_BYTES (16 * 1024 * 1024)
#define READ_TIMEOUT_MS 20
#define FILTER_SIZE 5120

struct source {
	pcap_t *pcap;
	const char *name; /* borrowed from the configuration */
	int linktype;
	uint32_t ifindex; /* 1, 2, ... in the order of the options */
	bool failed;	  /* gone; said once */
};

struct capture_pcap {
	struct capture base;
	struct watch *watch;
	struct source *sources;
	size_t n_sources;
	int epoll;
	/* of the poll under way */
	struct source *now;
	capture_record_fn *fn;
	void *arg;
	unsigned handed;
};

static int add_ports(char *to, size_t size, const uint16_t *ports)
{
	size_t n = strlen(to);
	int i;

	for (i = 0; i < GW_MAX_PORTS && ports[i]; i++)
		n += (size_t)snprintf(to + n, size - n, "%stcp port %u", n ? " or " : "", ports[i]);
	return n < size ? 0 : -1;
}

/* "vlan" shifts all that follows it, so each level of tags stands inside the one
 * before. An IPv6 extension header hides the ports from the filter, a later fragment
 * has none, and what wrap.h unwraps hides them too; those packets are let through to
 * the parser. */
static int tag_levels(const char *gate, char *out, size_t size)
{
	int n = snprintf(out, size, "%s or (vlan and (%s or (vlan and (%s or (vlan and (%s))))))",
			 gate, gate, gate, gate);

	return n > 0 && (size_t)n < size ? 0 : -1;
}

static int build_filter(const struct capture_config *config, char *out, size_t size)
{
	static const char rest[] =
		" or icmp or icmp6 or (tcp and ip[6:2] & 0x1fff != 0) or "
		"(ip6 and (ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or "
		"ip6[6] = 51 or ip6[6] = 60)) or "
		"proto 4 or proto 41 or proto 47 or "
		"udp dst port 4789 or udp dst port 6081 or udp dst port 2152 or "
		"ether proto 0x8847 or ether proto 0x8848 or ether proto 0x8864";
	char gate[FILTER_SIZE / 5] = "";

	if (add_ports(gate, sizeof(gate), config->ssh_ports) < 0 ||
	    add_ports(gate, sizeof(gate), config->bgp_ports) < 0 ||
	    strlen(gate) + sizeof(rest) > sizeof(gate))
		return -1;
	strcat(gate, rest);
	return tag_levels(gate, out, size);
}

static int build_bgp_filter(const struct capture_config *config, char *out, size_t size)
{
	char gate[FILTER_SIZE / 5] = "";

	*out = '\0';
	if (add_ports(gate, sizeof(gate), config->bgp_ports) < 0)
		return -1;
	return *gate ? tag_levels(gate, out, size) : 0;
}

/*
 * One program of two: what the first lets through is captured to SNAPLEN_BGP bytes, all
 * else is left to the second and cut at SNAPLEN. So that a file copied by SSH does not
 * fill the buffer with bytes that nobody reads.
 */
static int join_filters(const struct bpf_program *bgp, const struct bpf_program *rest,
			struct bpf_program *out)
{
	u_int i;

	out->bf_len = bgp->bf_len + rest->bf_len;
	out->bf_insns = calloc(out->bf_len, sizeof(*out->bf_insns));
	if (!out->bf_insns)
		return -1;
	for (i = 0; i < out->bf_len; i++) {
		struct bpf_insn *insn = &out->bf_insns[i];

		*insn = i < bgp->bf_len ? bgp->bf_insns[i] : rest->bf_insns[i - bgp->bf_len];
		if (insn->code != (BPF_RET | BPF_K))
			continue;
		if (i >= bgp->bf_len)
			insn->k = insn->k ? SNAPLEN : 0;
		else if (!insn->k)
			*insn = (struct bpf_insn)BPF_STMT(BPF_JMP | BPF_JA, bgp->bf_len - i - 1);
	}
	return 0;
}

static int set_filters(pcap_t *p, const char *bgp_text, const char *text)
{
	struct bpf_program bgp = { 0 }, rest = { 0 }, both = { 0 };
	int err = -1;

	if (pcap_compile(p, &rest, text, 1, PCAP_NETMASK_UNKNOWN) < 0 ||
	    (*bgp_text && pcap_compile(p, &bgp, bgp_text, 1, PCAP_NETMASK_UNKNOWN) < 0))
		goto out;
	err = join_filters(&bgp, &rest, &both) < 0 ? -1 : pcap_setfilter(p, &both);
out:
	pcap_freecode(&bgp);
	pcap_freecode(&rest);
	free(both.bf_insns);
	return err;
}

static int pcap_open_source(struct capture_pcap *c, struct source *s, const char *interface,
			    const char *bgp_filter, const char *filter, char *err, size_t size)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	struct epoll_event ev = { .events = EPOLLIN };
	int status, fd;

	s->pcap = pcap_create(interface, reason);
	if (!s->pcap) {
		snprintf(err, size, "%s: %s", interface, reason);
		return -1;
	}
	pcap_set_snaplen(s->pcap, SNAPLEN_BGP);
	pcap_set_buffer_size(s->pcap, BUFFER_BYTES);
	pcap_set_timeout(s->pcap, READ_TIMEOUT_MS);
	pcap_set_tstamp_precision(s->pcap, PCAP_TSTAMP_PRECISION_NANO);
	status = pcap_activate(s->pcap);
	if (status < 0) {
		const char *more = pcap_geterr(s->pcap);

		bool denied = status == PCAP_ERROR_PERM_DENIED;

		snprintf(err, size, "%s: %s%s%s%s", interface, pcap_statustostr(status),
			 *more && !denied ? ": " : "", denied ? "" : more,
			 denied ? ": run as root, or give the program CAP_NET_RAW" : "");
		return -1;
	}
	if (pcap_get_tstamp_precision(s->pcap) != PCAP_TSTAMP_PRECISION_NANO) {
		snprintf(err, size, "%s: libpcap gives no nanosecond time stamps here", interface);
		return -1;
	}
	s->linktype = pcap_datalink(s->pcap);
	if (!link_known(s->linktype)) {
		snprintf(err, size, "%s: link type %s is not known", interface,
			 pcap_datalink_val_to_name(s->linktype));
		return -1;
	}
	if (set_filters(s->pcap, bgp_filter, filter) < 0) {
		snprintf(err, size, "%s: filter: %s", interface, pcap_geterr(s->pcap));
		return -1;
	}
	if (pcap_setnonblock(s->pcap, 1, reason) < 0) {
		snprintf(err, size, "%s: %s", interface, reason);
		return -1;
	}
	fd = pcap_get_selectable_fd(s->pcap);
	if (fd >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		snprintf(err, size, "%s: epoll: %s", interface, strerror(errno));
		return -1;
	}
	return 0;
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct capture_pcap *c = (struct capture_pcap *)user;
	struct gw_pkt pkt;
	enum gw_parse parsed = link_parse(c->now->linktype, data, h->caplen, h->len,
					  watch_gate(c->watch), &pkt);

	if (parsed == GW_PARSE_IGNORE)
		return;
	/* tv_usec holds nanoseconds, as asked for */
	watch_packet(c->watch, parsed, &pkt, data + h->caplen,
		     (uint64_t)h->ts.tv_sec * NS_PER_S + (uint64_t)h->ts.tv_usec, c->now->ifindex,
		     c->fn, c->arg);
	c->handed++;
}

static int live_poll(struct capture *base, unsigned budget, capture_record_fn *fn, void *arg)
{
	struct capture_pcap *c = (struct capture_pcap *)base;
	size_t i;

	c->fn = fn;
	c->arg = arg;
	c->handed = 0;
	for (i = 0; i < c->n_sources; i++) {
		c->now = &c->sources[i];
		if (c->now->failed)
			continue;
		if (pcap_dispatch(c->now->pcap, budget ? (int)budget : -1, on_packet,
				  (u_char *)c) < 0) {
			c->now->failed = true;
			log_error("%s: capture ended: %s", c->now->name, pcap_geterr(c->now->pcap));
			epoll_ctl(c->epoll, EPOLL_CTL_DEL, pcap_get_selectable_fd(c->now->pcap),
				  NULL);
		}
	}
	return (int)c->handed;
}

static int live_load(struct capture *c, const struct fabric *f)
{
	watch_load(((struct capture_pcap *)c)->watch, f);
	return 0;
}

static int live_fd(struct capture *c)
{
	return ((struct capture_pcap *)c)->epoll;
}

static int live_sweep(struct capture *c, capture_flow_fn *fn, void *arg)
{
	return watch_sweep(((struct capture_pcap *)c)->watch, fn, arg);
}

static int live_read(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	return watch_read(((struct capture_pcap *)c)->watch, key, out);
}

static int live_forget(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	return watch_forget(((struct capture_pcap *)c)->watch, key, out);
}

static void live_counted(struct capture *c, capture_attempts_fn *fn, void *arg)
{
	watch_counted(((struct capture_pcap *)c)->watch, fn, arg);
}

static void live_stats(struct capture *base, uint64_t out[GW_STAT_MAX])
{
	struct capture_pcap *c = (struct capture_pcap *)base;
	struct pcap_stat st;
	size_t i;

	watch_stats(c->watch, out);
	for (i = 0; i < c->n_sources; i++)
		if (pcap_stats(c->sources[i].pcap, &st) == 0)
			out[GW_STAT_DROP_RING] += st.ps_drop + st.ps_ifdrop;
}

static void live_close(struct capture *base)
{
	struct capture_pcap *c = (struct capture_pcap *)base;
	size_t i;

	for (i = 0; i < c->n_sources; i++)
		if (c->sources[i].pcap)
			pcap_close(c->sources[i].pcap);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c->sources);
	watch_free(c->watch);
	free(c);
}

static const struct capture_ops live_ops = {
	.name = "pcap",
	.load = live_load,
	.poll = live_poll,
	.fd = live_fd,
	.sweep = live_sweep,
	.read = live_read,
	.forget = live_forget,
	.counted = live_counted,
	.stats = live_stats,
	.close = live_close,
};

struct capture *capture_pcap_open(const struct capture_config *config, char *err, size_t size)
{
	struct capture_pcap *c = calloc(1, sizeof(*c));
	char filter[FILTER_SIZE], bgp_filter[FILTER_SIZE];
	size_t i;

	if (!c) {
		snprintf(err, size, "no memory");
		return NULL;
	}
	c->base.ops = &live_ops;
	c->base.wall_clock = true;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->watch = watch_new(config);
	c->sources = calloc(config->n_interfaces, sizeof(*c->sources));
	if (c->epoll < 0 || !c->watch || !c->sources) {
		snprintf(err, size, "no memory for %u flows", config->max_flows);
		goto fail;
	}
	if (build_filter(config, filter, sizeof(filter)) < 0 ||
	    build_bgp_filter(config, bgp_filter, sizeof(bgp_filter)) < 0) {
		snprintf(err, size, "too many ports for one capture filter");
		goto fail;
	}
	for (i = 0; i < config->n_interfaces; i++) {
		c->n_sources = i + 1;
		c->sources[i].name = config->interfaces[i];
		c->sources[i].ifindex = (uint32_t)i + 1;
		if (pcap_open_source(c, &c->sources[i], config->interfaces[i], bgp_filter, filter,
				     err, size) < 0)
			goto fail;
	}
	return &c->base;
fail:
	live_close(&c->base);
	return NULL;
}
