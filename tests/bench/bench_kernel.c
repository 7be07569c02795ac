/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the TC programs cost per packet, over an empty program: one line a case,
 * "NAME<TAB>median ns<TAB>ns above empty".
 *
 * Each case runs one packet through BPF_PROG_TEST_RUN many times, with 10,000
 * targets and 1,000 trust prefixes loaded. All cases take their turn in every
 * round, the empty program before each of them, so that a change of the machine's
 * mood hits both; time is the thread's own CPU time; a case's cost is the median
 * over the rounds, and its cost above the empty program the median of the
 * differences to the empty run just before it.
 *
 * first-packet needs another flow each time: a small program before ours gives
 * every run another source port (then address). What that program costs is
 * measured too, with the empty program behind it, and taken off. Flows and
 * records are cleared between the rounds, outside the measurement.
 */
#include <stdio.h>

#ifdef HAVE_BPF
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/fabric/fabric.h"
#include "agent/kernel.h"
#include "bpf/parse.h"
#include "bench.skel.h"
#include "watch.skel.h"

#define ROUNDS 61 /* and one to warm up */
#define REPEAT 100000
#define FIRST_REPEAT 5000 /* flows that one round creates */
#define N_DEVICES 5000
#define N_POLICIES 10
#define N_PREFIXES 100 /* of each policy */

enum bench_case { EMPTY, UDP, TCP, UNWATCHED, HIT4, HIT6, ROTATE, FIRST, NUM_CASES };

static const char *const case_names[NUM_CASES] = {
	"empty", "unrelated-udp", "unrelated-tcp", "tcp22-unwatched", "watched-hit-v4",
	"watched-hit-v6", "rotate", "first-packet" };

struct frame {
	uint8_t bytes[200];
	uint32_t len;
};

/* An Ethernet frame with 96 bytes after the transport's fixed header. */
static struct frame frame_make(int family, uint8_t proto, const uint8_t *src, const uint8_t *dst,
			       uint16_t sport, uint16_t dport, uint8_t flags)
{
	struct frame f = { .len = 0 };
	uint32_t l4 = family == 4 ? 34 : 54, rest = (proto == 6 ? 20 : 8) + 76;
	uint8_t *p = f.bytes;

	memcpy(p, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	if (family == 4) {
		p[12] = 0x08;
		p[14] = 0x45;
		p[16] = (uint8_t)((20 + rest) >> 8);
		p[17] = (uint8_t)(20 + rest);
		p[22] = 64;
		p[23] = proto;
		memcpy(p + 26, src, 4);
		memcpy(p + 30, dst, 4);
	} else {
		p[12] = 0x86;
		p[13] = 0xdd;
		p[14] = 0x60;
		p[18] = (uint8_t)(rest >> 8);
		p[19] = (uint8_t)rest;
		p[20] = proto;
		p[21] = 64;
		memcpy(p + 22, src, 16);
		memcpy(p + 38, dst, 16);
	}
	p += l4;
	p[0] = (uint8_t)(sport >> 8);
	p[1] = (uint8_t)sport;
	p[2] = (uint8_t)(dport >> 8);
	p[3] = (uint8_t)dport;
	if (proto == 6) {
		p[12] = 5 << 4;
		p[13] = flags;
	}
	f.len = l4 + rest;
	return f;
}

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "bench_kernel: no memory\n");
		exit(2);
	}
	return p;
}

/* 10.A.B.C and 2001:db8::A.B.C for n */
static struct addr address(uint8_t family, uint32_t n)
{
	struct addr a = { .family = family };

	if (family == 4) {
		a.bytes[0] = 10;
		a.bytes[1] = (uint8_t)(n >> 16);
		a.bytes[2] = (uint8_t)(n >> 8);
		a.bytes[3] = (uint8_t)n;
	} else {
		memcpy(a.bytes, "\x20\x01\x0d\xb8", 4);
		a.bytes[13] = (uint8_t)(n >> 16);
		a.bytes[14] = (uint8_t)(n >> 8);
		a.bytes[15] = (uint8_t)n;
	}
	return a;
}

static struct prefix_list *list_make(uint8_t family, uint32_t policy)
{
	struct prefix_list *l = must(calloc(1, sizeof(*l)));
	size_t i;

	l->family = family;
	l->n_entries = N_PREFIXES;
	l->entries = must(calloc(N_PREFIXES, sizeof(*l->entries)));
	for (i = 0; i < N_PREFIXES; i++) {
		struct prefix p = { .len = family == 4 ? 24 : 64 };

		p.addr.family = family;
		if (family == 4) {
			p.addr.bytes[0] = 192;
			p.addr.bytes[1] = (uint8_t)(i + policy);
			p.addr.bytes[2] = (uint8_t)(i * 7);
		} else {
			memcpy(p.addr.bytes, "\x20\x01\x0d\xb9", 4);
			p.addr.bytes[5] = (uint8_t)(i + policy);
			p.addr.bytes[7] = (uint8_t)(i * 7);
		}
		l->entries[i].seq = (uint32_t)(10 * (i + 1));
		l->entries[i].permit = true;
		l->entries[i].prefix = p;
	}
	return l;
}

/* 10,000 targets, one per family and device; 1,000 prefixes per family. */
static struct fabric *fabric_make(void)
{
	struct fabric *f = must(calloc(1, sizeof(*f)));
	size_t i;

	f->number = 1;
	f->n_devices = N_DEVICES;
	f->devices = must(calloc(f->n_devices, sizeof(*f->devices)));
	f->n_targets = 2 * N_DEVICES;
	f->targets = must(calloc(f->n_targets, sizeof(*f->targets)));
	f->n_policies = N_POLICIES;
	f->policies = must(calloc(f->n_policies, sizeof(*f->policies)));
	for (i = 0; i < N_POLICIES; i++) {
		struct fabric_policy *p = &f->policies[i];

		p->v4 = list_make(4, (uint32_t)i);
		p->v6 = list_make(6, (uint32_t)i);
		p->v4_table = must(prefix_list_compile(p->v4));
		p->v6_table = must(prefix_list_compile(p->v6));
	}
	for (i = 0; i < f->n_targets; i++) {
		struct fabric_target *t = &f->targets[i];

		t->device = (uint32_t)(i / 2);
		t->address = address(i % 2 ? 6 : 4, (uint32_t)(i / 2) * 3);
		t->path = i % 2 ? GW_PATH_INBAND : GW_PATH_PRIMARY;
		f->devices[t->device].policy = t->device % N_POLICIES;
	}
	return f;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double run(int prog, const struct frame *f, uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .repeat = (int)repeat);
	double start = cpu_ns();

	if (bpf_prog_test_run_opts(prog, &opts)) {
		fprintf(stderr, "bench_kernel: BPF_PROG_TEST_RUN: %s\n", strerror(errno));
		exit(1);
	}
	return (cpu_ns() - start) / repeat;
}

static int no_record(void *arg, void *data, size_t size)
{
	return 0;
}

static void clear(int fd, struct ring_buffer *ring)
{
	struct gw_key4 keys[512];
	uint32_t cursor, n;

	for (;;) {
		static struct gw_flow flows[512];

		n = 512;
		if (bpf_map_lookup_and_delete_batch(fd, NULL, &cursor, keys, flows, &n, NULL) &&
		    errno != ENOENT)
			break;
		if (!n)
			break;
	}
	ring_buffer__consume(ring);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const double *v, size_t n)
{
	double sorted[ROUNDS];

	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted[n / 2];
}

int main(void)
{
	struct capture_config config = { .ssh_ports = { 22 }, .bgp_ports = { 179 },
					 .max_flows = 65536, .ring_bytes = 32u << 20 };
	const uint8_t outside[4] = { 203, 0, 113, 5 }, elsewhere[4] = { 198, 51, 100, 9 };
	const uint8_t source4[4] = { 192, 3, 21, 5 };
	struct addr target4 = address(4, 3000), target6 = address(6, 3000);
	struct addr source6 = address(6, 500000);
	double ns[NUM_CASES][ROUNDS], above[NUM_CASES][ROUNDS];
	struct frame frames[NUM_CASES], answer4, answer6;
	int progs[NUM_CASES], round, c, next_fd;
	uint32_t repeat, zero = 0;
	struct ring_buffer *ring;
	struct bench_bpf *bench;
	struct kernel *k;
	char err[256];
	cpu_set_t cpu;

	k = kernel_open(&config, err, sizeof(err));
	if (!k) {
		fprintf(stderr, "bench_kernel: %s\n", err);
		return 2;
	}
	bench = bench_bpf__open_and_load();
	ring = ring_buffer__new(bpf_map__fd(k->watch->maps.ring), no_record, NULL, NULL);
	if (!bench || !ring) {
		fprintf(stderr, "bench_kernel: cannot load: %s\n", strerror(errno));
		return 2;
	}
	if (kernel_load(k, fabric_make())) {
		fprintf(stderr, "bench_kernel: cannot load the fabric\n");
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET((int)(sysconf(_SC_NPROCESSORS_ONLN) - 1), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu); /* better, but not needed */
	setpriority(PRIO_PROCESS, 0, -10);

	for (c = 0; c < NUM_CASES; c++)
		progs[c] = bpf_program__fd(k->watch->progs.gw_ingress);
	progs[EMPTY] = bpf_program__fd(bench->progs.gw_empty);
	progs[ROTATE] = progs[FIRST] = bpf_program__fd(bench->progs.gw_rotate);
	next_fd = bpf_map__fd(bench->maps.next);

	frames[UDP] = frame_make(4, 17, source4, target4.bytes, 5353, 22, 0);
	frames[TCP] = frame_make(4, 6, source4, target4.bytes, 40000, 443, GW_ACK);
	frames[EMPTY] = frames[TCP];
	frames[UNWATCHED] = frame_make(4, 6, outside, elsewhere, 40000, 22, GW_ACK);
	frames[HIT4] = frame_make(4, 6, source4, target4.bytes, 40000, 22, GW_ACK);
	frames[HIT6] = frame_make(6, 6, source6.bytes, target6.bytes, 40000, 22, GW_ACK);
	answer4 = frame_make(4, 6, target4.bytes, source4, 22, 40000, GW_ACK);
	answer6 = frame_make(6, 6, target6.bytes, source6.bytes, 22, 40000, GW_ACK);
	frames[FIRST] = frame_make(4, 6, source4, target4.bytes, 40000, 22, GW_SYN);
	frames[ROTATE] = frames[FIRST];

	for (round = -1; round < ROUNDS; round++) {
		double now[NUM_CASES], empty[NUM_CASES];

		/* a known flow: its first packets are behind it */
		run(progs[HIT4], &frames[HIT4], 100);
		run(progs[HIT6], &frames[HIT6], 100);
		run(progs[HIT4], &answer4, 1); /* and it is not half open any more */
		run(progs[HIT6], &answer6, 1);
		for (c = 0; c < NUM_CASES; c++) {
			repeat = REPEAT;
			if (c == ROTATE || c == FIRST) {
				int *to = c == ROTATE ? &progs[EMPTY] : &progs[HIT4];

				repeat = FIRST_REPEAT;
				bpf_map_update_elem(next_fd, &zero, to, BPF_ANY);
			}
			empty[c] = run(progs[EMPTY], &frames[EMPTY], REPEAT);
			now[c] = c == EMPTY ? empty[c] : run(progs[c], &frames[c], repeat);
		}
		clear(bpf_map__fd(k->watch->maps.flows4), ring);
		clear(bpf_map__fd(k->watch->maps.half4), ring);
		/* as if the program that rotates cost nothing */
		now[FIRST] -= now[ROTATE] - empty[ROTATE];
		for (c = 0; round >= 0 && c < NUM_CASES; c++) {
			ns[c][round] = now[c];
			above[c][round] = now[c] - empty[c];
		}
	}
	for (c = 0; c < NUM_CASES; c++)
		if (c != ROTATE)
			printf("%s\t%.1f\t%.1f\n", case_names[c], median(ns[c], ROUNDS),
			       median(above[c], ROUNDS));
	ring_buffer__free(ring);
	bench_bpf__destroy(bench);
	kernel_close(k);
	return 0;
}

#else
int main(void)
{
	fprintf(stderr, "bench_kernel: built without the kernel programs (WITH_BPF)\n");
	return 2;
}
#endif
