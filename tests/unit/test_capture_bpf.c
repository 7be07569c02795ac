/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel capture on a real interface, in a network namespace of its own that
 * ends with this process: TCX links and clsact filters see packets both ways and
 * are gone afterwards, a foreign clsact stays, what cannot be is refused in one
 * line, tags that the device took out of the frame are seen, and so is who
 * connects.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef HAVE_BPF
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>

#include "common/fabric/fabric.h"
#include "agent/kernel.h"
#include "agent/kernel_hook.h"
#include "agent/kernel_pin.h"
#include "kernel_frames.h"

#define NEAR "gwk0" /* watched */
#define FAR "gwk1"

static bool ready;
static struct fabric_device device;
static struct fabric_target target;
static struct fabric_policy policy;
static struct fabric fabric = { .number = 1, .devices = &device, .n_devices = 1,
				.targets = &target, .n_targets = 1, .policies = &policy,
				.n_policies = 1 };

static int sh(const char *command)
{
	return system(command);
}

static int set_up(void **state)
{
	/* mounts of our own too: `tc` mounts a bpffs to show filters, and leaves it */
	if (geteuid() != 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		print_message("skipped: no network namespace; run as root\n");
		return 0;
	}
	if (sh("ip link add " NEAR " type veth peer name " FAR " && ip link set " FAR " up && "
	       "ip link set " NEAR " up && ip link set lo up && "
	       "ip addr add 192.0.2.9/24 dev " NEAR " && "
	       "ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev " NEAR " nud permanent")) {
		print_message("skipped: no veth pair to be had (iproute2, kernel)\n");
		return 0;
	}
	assert_true(addr_parse("192.0.2.1", &target.address));
	target.path = GW_PATH_PRIMARY;
	ready = true;
	return 0;
}

#define NEED_NAMESPACE()                                                                      \
	do {                                                                                  \
		if (!ready)                                                                   \
			skip();                                                               \
	} while (0)

static struct capture *open_on(const char *const *names, size_t n, bool clsact, char *err,
			       size_t size)
{
	struct capture_config config = { .interfaces = names, .n_interfaces = n,
					 .ssh_ports = { 22 }, .bgp_ports = { 179 },
					 .max_flows = 64, .ring_bytes = 1 << 16,
					 .clsact = clsact };
	struct capture *c = capture_bpf_open(&config, err, size);

	if (c)
		assert_int_equal(c->ops->load(c, &fabric), 0);
	return c;
}

static void send_frame(const char *interface, const uint8_t *frame, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(interface), .sll_halen = 6 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)),
			 (ssize_t)len);
	close(fd);
}

static struct gw_record last;

static void keep(void *arg, const struct gw_record *r)
{
	memcpy(&last, r, GW_RECORD_SHORT);
	++*(unsigned *)arg;
}

/* Records that come within a minute; stops at `want`. */
static unsigned records(struct capture *c, unsigned want)
{
	struct timespec nap = { .tv_nsec = 5000000 };
	unsigned n = 0, i;

	for (i = 0; i < 12000 && n < want; i++) {
		assert_true(c->ops->poll(c, 0, keep, &n) >= 0);
		if (n < want)
			nanosleep(&nap, NULL);
	}
	return n;
}

static void exchange(struct capture *c, uint16_t port, uint16_t tag)
{
	struct packet in = { .sport = port, .dport = 22, .flags = GW_SYN, .seq = 1 };
	struct packet out = { .sport = 22, .dport = port, .flags = GW_SYN | GW_ACK, .seq = 5,
			      .ack = 2 };
	uint8_t frame[FRAME_ROOM];
	size_t len;

	assert_true(addr_parse("198.51.100.7", &in.src));
	assert_true(addr_parse("192.0.2.1", &in.dst));
	out.src = in.dst;
	out.dst = in.src;
	in.tag = out.tag = tag;

	len = packet_frame(&in, frame);
	send_frame(FAR, frame, len); /* in */
	assert_int_equal(records(c, 1), 1);
	assert_int_equal(last.is_new, 1);
	assert_int_equal(last.ifindex, if_nametoindex(NEAR));
	assert_int_equal(last.flow.wrap.vlan_n, tag ? 1 : 0);
	assert_int_equal(last.flow.wrap.vlan[0], tag);
	assert_int_equal(last.flow.dir[last.dir].hook & 1, 0);
	len = packet_frame(&out, frame);
	send_frame(NEAR, frame, len); /* out */
	assert_int_equal(records(c, 1), 1);
	assert_int_equal(last.flow.dir[last.dir].hook & 1, 1);
	assert_int_equal(last.flow.dir[last.dir].state, GW_TCP_ESTABLISHED);
}

static const char *const near_only[] = { NEAR };

static void test_tcx(void **state)
{
	struct capture *c;
	char err[512];

	NEED_NAMESPACE();
	c = open_on(near_only, 1, false, err, sizeof(err));
	if (!c)
		fail_msg("%s", err);
	exchange(c, 40000, 0);
	/* the receiving device takes the tag out of the frame */
	exchange(c, 40001, 42);
	c->ops->close(c);
	assert_int_not_equal(sh("tc qdisc show dev " NEAR " | grep -q clsact"), 0);
}

static void test_clsact(void **state)
{
	struct capture *c;
	char err[512];

	NEED_NAMESPACE();
	c = open_on(near_only, 1, true, err, sizeof(err));
	if (!c)
		fail_msg("%s", err);
	exchange(c, 40000, 0);
	exchange(c, 40001, 42);
	assert_int_equal(sh("tc filter show dev " NEAR " ingress | grep -q gw_ingress"), 0);
	assert_int_equal(sh("tc filter show dev " NEAR " egress | grep -q gw_egress"), 0);
	c->ops->close(c);
	assert_int_not_equal(sh("tc qdisc show dev " NEAR " | grep -q clsact"), 0);
}

/* What others own stays: their qdisc, and one of ours that they came to use. */
static void test_clsact_of_others(void **state)
{
	struct capture *c, *second;
	char err[512];

	NEED_NAMESPACE();
	assert_int_equal(sh("tc qdisc add dev " NEAR " clsact"), 0);
	c = open_on(near_only, 1, true, err, sizeof(err));
	assert_non_null(c);
	c->ops->close(c);
	assert_int_equal(sh("tc qdisc show dev " NEAR " | grep -q clsact"), 0);
	assert_int_not_equal(sh("tc filter show dev " NEAR " ingress | grep -q gw_"), 0);
	assert_int_equal(sh("tc qdisc del dev " NEAR " clsact"), 0);

	c = open_on(near_only, 1, true, err, sizeof(err));
	assert_non_null(c);
	second = open_on(near_only, 1, true, err, sizeof(err));
	assert_non_null(second);
	c->ops->close(c);
	assert_int_equal(sh("tc filter show dev " NEAR " egress | grep -q gw_egress"), 0);
	second->ops->close(second);
	assert_int_equal(sh("tc qdisc show dev " NEAR " | grep -q clsact"), 0);
	assert_int_not_equal(sh("tc filter show dev " NEAR " egress | grep -q gw_egress"), 0);
	assert_int_equal(sh("tc qdisc del dev " NEAR " clsact"), 0);
}

/* ---- taking over -------------------------------------------------------------- */

#define BPFFS "/sys/fs/bpf"

static struct capture *open_pinned(struct pins *pins, bool clsact)
{
	struct capture_config config = { .interfaces = near_only, .n_interfaces = 1,
					 .ssh_ports = { 22 }, .bgp_ports = { 179 },
					 .max_flows = 64, .ring_bytes = 1 << 16,
					 .clsact = clsact, .pins = pins };
	char err[512];
	struct capture *c = capture_bpf_open(&config, err, sizeof(err));

	if (!c)
		fail_msg("%s", err);
	return c;
}

static void syn(uint16_t port)
{
	struct packet in = { .sport = port, .dport = 22, .flags = GW_SYN, .seq = 1 };
	uint8_t frame[FRAME_ROOM];
	size_t len;

	assert_true(addr_parse("198.51.100.7", &in.src));
	assert_true(addr_parse("192.0.2.1", &in.dst));
	len = packet_frame(&in, frame);
	send_frame(FAR, frame, len);
}

static void count_flow(void *arg, const struct gw_key *key, const struct gw_flow *flow)
{
	++*(unsigned *)arg;
}

/* One agent, its death, what happens then, and the next one; the same by either way of
 * attaching. close() with leave does what the end of a process does. */
static void take_over(bool clsact)
{
	struct capture *c;
	unsigned flows = 0;
	struct pins *pins;
	char err[512];
	uint64_t id;

	pins = pins_open(BPFFS, "unit.test", err, sizeof(err));
	if (!pins)
		fail_msg("%s", err);
	c = open_pinned(pins, clsact);
	assert_false(c->inherited);
	assert_false(c->pinned);
	assert_int_not_equal(sh("ls " BPFFS "/glasswatch/unit%2etest/v*/map-ring 2>/dev/null"), 0);
	assert_int_equal(c->ops->load(c, &fabric), 0);
	assert_true(c->pinned);
	assert_null(pins_open(BPFFS, "unit.test", err, sizeof(err)));
	assert_non_null(strstr(err, "in use by a running agent"));
	id = c->id;
	*c->alive = 42;
	syn(40001);
	assert_int_equal(records(c, 1), 1);
	c->ops->release(c);
	syn(40002);
	assert_int_equal(records(c, 1), 1); /* and not released */
	c->leave = true;
	c->ops->close(c);
	pins_close(pins);

	syn(40003); /* nobody is there */
	pins = pins_open(BPFFS, "unit.test", err, sizeof(err));
	assert_non_null(pins);
	c = open_pinned(pins, clsact);
	assert_true(c->inherited);
	assert_int_equal(c->id, id);
	assert_int_equal(c->last_alive_ns, 42);
	syn(40004); /* the former programs are still on */
	assert_int_equal(c->ops->load(c, &fabric), 0);
	syn(40005); /* now the new ones */
	assert_int_equal(records(c, 4), 4);
	assert_int_equal(__builtin_bswap16(last.key.bport == 0x1600 ? last.key.aport :
								      last.key.bport), 40005);
	assert_int_equal(c->ops->sweep(c, count_flow, &flows), 5);
	if (clsact)
		assert_int_equal(sh("test $(tc filter show dev " NEAR " ingress | "
				    "grep -c gw_ingress) = 1"), 0);
	c->ops->close(c);
	pins_close(pins);
	assert_int_not_equal(sh("tc qdisc show dev " NEAR " | grep -q clsact"), 0);
	assert_int_not_equal(sh("ls -d " BPFFS "/glasswatch 2>/dev/null"), 0);
}

/* One of our own, in front of the machine's. */
static bool have_bpffs(void)
{
	static bool mounted;

	if (ready && !mounted)
		mounted = !mount("bpf", BPFFS, "bpf", 0, NULL);
	return mounted;
}

static void test_take_over_tcx(void **state)
{
	if (!have_bpffs())
		skip();
	take_over(false);
}

static void test_take_over_clsact(void **state)
{
	if (!have_bpffs())
		skip();
	take_over(true);
}

/* What a dead agent with filters left is taken off by their names. */
static void test_detach_clsact(void **state)
{
	struct capture *c;
	struct pins *pins;
	char err[512];

	if (!have_bpffs())
		skip();
	pins = pins_open(BPFFS, "unit", err, sizeof(err));
	assert_non_null(pins);
	c = open_pinned(pins, true);
	assert_int_equal(c->ops->load(c, &fabric), 0);
	c->leave = true;
	c->ops->close(c);
	pins_close(pins);
	assert_int_equal(sh("tc filter show dev " NEAR " egress | grep -q gw_egress"), 0);
	pins = pins_open(BPFFS, "unit", err, sizeof(err));
	assert_int_equal(pins_remove_others(pins, hooks_drop_filter, NULL), 1);
	pins_close(pins);
	assert_int_not_equal(sh("tc qdisc show dev " NEAR " | grep -q clsact"), 0);
	assert_int_not_equal(sh("ls -d " BPFFS "/glasswatch 2>/dev/null"), 0);
}

static void test_pin_names(void **state)
{
	char name[PIN_NAME_MAX], interface[IF_NAMESIZE];
	uint32_t handle, priority;
	bool egress, ours;

	pins_link_name(name, sizeof(name), "in", "eth0.100-a%b");
	assert_string_equal(name, "link-in-eth0%2e100-a%25b");
	assert_string_equal(pins_interface(name, interface, sizeof(interface)), "eth0.100-a%b");
	pins_filter_name(name, sizeof(name), "out", 0xab, 49152, true, "br-x.1");
	assert_true(pins_filter_parse(name, &egress, &handle, &priority, &ours));
	assert_true(egress);
	assert_true(ours);
	assert_int_equal(handle, 0xab);
	assert_int_equal(priority, 49152);
	assert_string_equal(pins_interface(name, interface, sizeof(interface)), "br-x.1");
	assert_false(pins_filter_parse("link-in-eth0", &egress, &handle, &priority, &ours));
	assert_false(pins_filter_parse("filter-", &egress, &handle, &priority, &ours));
	assert_string_equal(pins_interface("filter-in", interface, sizeof(interface)), "");
}

static void test_several(void **state)
{
	static const char *const both[] = { NEAR, FAR };
	struct packet p = { .sport = 40002, .dport = 22, .flags = GW_SYN, .seq = 1 };
	uint64_t stats[GW_STAT_MAX];
	uint8_t frame[FRAME_ROOM];
	struct capture *c;
	char err[512];
	size_t len;

	NEED_NAMESPACE();
	c = open_on(both, 2, false, err, sizeof(err));
	assert_non_null(c);
	assert_true(addr_parse("198.51.100.7", &p.src));
	p.dst = target.address;
	len = packet_frame(&p, frame);
	send_frame(FAR, frame, len); /* out of one, into the other */
	assert_int_equal(records(c, 1), 1);
	assert_int_equal(last.ifindex, if_nametoindex(FAR));
	assert_int_equal(last.flow.dir[last.dir].packets, 1);
	c->ops->stats(c, stats);
	assert_int_equal(stats[GW_STAT_WATCHED], 1);
	assert_int_equal(stats[GW_STAT_OTHER_HOOK], 1);
	c->ops->close(c);
}

static void test_refused(void **state)
{
	static const char *const missing[] = { "gwk-none" }, *const second[] = { NEAR, "gwk9" };
	char err[512];

	NEED_NAMESPACE();
	assert_null(open_on(missing, 1, false, err, sizeof(err)));
	assert_non_null(strstr(err, "interface gwk-none: there is no such interface"));
	assert_null(open_on(second, 2, true, err, sizeof(err)));
	assert_non_null(strstr(err, "gwk9"));
	assert_int_not_equal(sh("tc qdisc show dev " NEAR " | grep -q clsact"), 0);
	assert_int_equal(sh("ip link set " NEAR " down"), 0);
	assert_null(open_on(near_only, 1, false, err, sizeof(err)));
	assert_non_null(strstr(err, "interface " NEAR " is down"));
	assert_null(strchr(err, '\n'));
	assert_int_equal(sh("ip link set " NEAR " up && "
			    "ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev " NEAR
			    " nud permanent"), 0);
}

/* connect() by this process: its SYN carries who it is. */
static void test_actor(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(22) };
	struct capture *c;
	char err[512];
	int fd;

	NEED_NAMESPACE();
	c = open_on(near_only, 1, false, err, sizeof(err));
	assert_non_null(c);
	if (!kernel_of_capture(c)->actor) {
		print_message("skipped: this kernel has no type information (BTF)\n");
		c->ops->close(c);
		skip();
	}
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &to.sin_addr), 1);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_int_equal(records(c, 1), 1);
	assert_int_equal(last.tcp_flags, GW_SYN);
	assert_int_equal(last.actor.pid, getpid());
	assert_int_equal(last.actor.uid, getuid());
	assert_int_equal(strncmp(last.actor.comm, "test_capture_bp", 15), 0);
	close(fd);
	c->ops->close(c);
}

/* Precise time is CLOCK_MONOTONIC, and the tick's time is not more than a tick
 * behind it. */
static void test_clock(void **state)
{
	struct packet p = { .sport = 40009, .dport = 22, .flags = GW_ACK, .seq = 1, .ack = 1 };
	uint8_t frame[FRAME_ROOM];
	struct gw_flow flow;
	struct timespec now, tick;
	struct capture *c;
	struct gw_key key;
	uint64_t ns;
	char err[512];
	size_t len;
	int i;

	NEED_NAMESPACE();
	c = open_on(near_only, 1, false, err, sizeof(err));
	assert_non_null(c);
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	assert_true(addr_parse("198.51.100.7", &p.src));
	p.dst = target.address;
	key = packet_key(&p);
	for (i = 0; i < 20; i++) {
		struct timespec nap = { .tv_nsec = 7000000 };
		int64_t behind;

		len = packet_frame(&p, frame);
		nanosleep(&nap, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		send_frame(FAR, frame, len);
		if (!i) {
			assert_int_equal(records(c, 1), 1);
			ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
			assert_true(last.time_ns >= ns && last.time_ns < ns + 60000000000ull);
			continue;
		}
		assert_int_equal(c->ops->read(c, &key, &flow), 0);
		behind = (int64_t)((uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec -
				   flow.dir[flow.initiator].last_ns);
		assert_true(behind <= 2 * tick.tv_nsec);
	}
	assert_int_equal(flow.dir[flow.initiator].packets, 20);
	c->ops->close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcx),	cmocka_unit_test(test_clsact),
		cmocka_unit_test(test_clsact_of_others),
		cmocka_unit_test(test_take_over_tcx), cmocka_unit_test(test_take_over_clsact),
		cmocka_unit_test(test_detach_clsact), cmocka_unit_test(test_pin_names),
		cmocka_unit_test(test_several), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_actor),	cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests_name("capture_bpf", tests, set_up, NULL);
}

#else
static void test_nothing(void **state)
{
	print_message("skipped: built without the kernel programs (WITH_BPF)\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing) };

	return cmocka_run_group_tests_name("capture_bpf", tests, NULL, NULL);
}
#endif
