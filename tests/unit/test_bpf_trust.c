/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust as the kernel judges it: for random lists and addresses, a SYN from the
 * address to a target that has the list is run through the real TC program
 * (BPF_PROG_TEST_RUN), and the verdict and rule in the flow it made must be those
 * of the plain list and of the compiled table.
 *
 * Lists nest and shadow; addresses lie inside prefixes, at their edges and
 * elsewhere. The seed is fixed.
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

#include "common/fabric/fabric.h"

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/kernel.h"
#include "bpf/parse.h"
#include "kernel_frames.h"
#include "watch.skel.h"

#define N_POLICIES 60
#define MAX_ENTRIES 24
#define PER_POLICY 200 /* addresses of each family: 24,000 pairs in all */

static uint64_t seed = 0x853c49e6748fea9bull;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

/* Few bits vary, so that prefixes meet. */
static struct addr random_addr(uint8_t family)
{
	struct addr a = { .family = family };
	uint32_t n = family == 4 ? 4 : 16, i;

	a.bytes[0] = family == 4 ? 10 : 0x20;
	for (i = 1; i < n; i++)
		a.bytes[i] = (uint8_t)(rnd(4) ? rnd(2) : rnd(256));
	return a;
}

static struct prefix_list *random_list(uint8_t family)
{
	struct prefix_list *l = calloc(1, sizeof(*l));
	uint32_t bits = family == 4 ? 32 : 128;
	size_t i;

	assert_non_null(l);
	l->family = family;
	l->n_entries = rnd(MAX_ENTRIES + 1);
	l->entries = calloc(MAX_ENTRIES, sizeof(*l->entries));
	assert_non_null(l->entries);
	for (i = 0; i < l->n_entries; i++) {
		struct prefix p = { .addr = random_addr(family), .len = (uint8_t)rnd(bits + 1) };

		if (i && rnd(2)) {
			p.addr = l->entries[rnd((uint32_t)i)].prefix.addr;
			p.len = (uint8_t)rnd(bits + 1);
		}
		l->entries[i].seq = (uint32_t)(10 * (i + 1));
		l->entries[i].permit = rnd(2);
		l->entries[i].prefix = prefix_mask(&p);
	}
	return l;
}

static struct addr random_source(const struct prefix_list *l)
{
	struct addr a = random_addr(l->family);
	uint32_t bits = l->family == 4 ? 32 : 128, i;
	const struct prefix *p;

	if (!l->n_entries || !rnd(4))
		return a;
	p = &l->entries[rnd((uint32_t)l->n_entries)].prefix;
	a = p->addr;
	switch (rnd(3)) {
	case 0: /* somewhere inside */
		for (i = p->len; i < bits; i++)
			a.bytes[i / 8] ^= (uint8_t)(rnd(2) << (7 - i % 8));
		break;
	case 1: /* its last address */
		for (i = p->len; i < bits; i++)
			a.bytes[i / 8] |= (uint8_t)(1 << (7 - i % 8));
		break;
	default: /* next door */
		if (p->len)
			a.bytes[(p->len - 1) / 8] ^= (uint8_t)(1 << (7 - (p->len - 1) % 8));
		break;
	}
	return a;
}

static struct addr target_address(uint8_t family, uint32_t i)
{
	struct addr a = { .family = family };

	a.bytes[0] = family == 4 ? 172 : 0xfd;
	a.bytes[family == 4 ? 2 : 14] = (uint8_t)(i >> 8);
	a.bytes[family == 4 ? 3 : 15] = (uint8_t)i;
	return a;
}

static struct fabric *random_fabric(void)
{
	struct fabric *f = calloc(1, sizeof(*f));
	uint32_t i;

	assert_non_null(f);
	f->number = 7;
	f->n_devices = f->n_policies = N_POLICIES;
	f->n_targets = 2 * N_POLICIES;
	f->devices = calloc(f->n_devices, sizeof(*f->devices));
	f->policies = calloc(f->n_policies, sizeof(*f->policies));
	f->targets = calloc(f->n_targets, sizeof(*f->targets));
	assert_true(f->devices && f->policies && f->targets);
	for (i = 0; i < N_POLICIES; i++) {
		struct fabric_policy *p = &f->policies[i];
		int family;

		/* now and then a device has no list at all */
		if (i % 16 != 3) {
			p->v4 = random_list(4);
			p->v4_table = prefix_list_compile(p->v4);
			assert_non_null(p->v4_table);
		}
		if (i % 16 != 5) {
			p->v6 = random_list(6);
			p->v6_table = prefix_list_compile(p->v6);
			assert_non_null(p->v6_table);
		}
		f->devices[i].policy = i;
		for (family = 0; family < 2; family++) {
			struct fabric_target *t = &f->targets[2 * i + family];

			t->address = target_address(family ? 6 : 4, i);
			t->device = i;
			t->path = GW_PATH_PRIMARY;
		}
	}
	return f;
}

static void free_fabric(struct fabric *f)
{
	size_t i;

	for (i = 0; i < f->n_policies; i++) {
		struct fabric_policy *p = &f->policies[i];

		lpm_free(p->v4_table);
		lpm_free(p->v6_table);
		if (p->v4)
			free(p->v4->entries);
		if (p->v6)
			free(p->v6->entries);
		free((void *)p->v4);
		free((void *)p->v6);
	}
	free(f->policies);
	free(f->devices);
	free(f->targets);
	free(f);
}

static void test_kernel_trust(void **state)
{
	struct capture_config config = { .ssh_ports = { 22 }, .bgp_ports = { 179 },
					 .max_flows = 64, .ring_bytes = 1 << 16 };
	unsigned pairs = 0, wrong = 0, verdicts[4] = { 0 };
	struct capture *capture;
	struct kernel *kernel;
	struct fabric *f;
	char err[512];
	uint32_t i, n;

	capture = capture_bpf_open(&config, err, sizeof(err));
	if (!capture && geteuid() != 0) {
		print_message("skipped: %s\n", err);
		skip();
	}
	if (!capture)
		fail_msg("%s", err);
	kernel = kernel_of_capture(capture);
	f = random_fabric();
	assert_int_equal(capture->ops->load(capture, f), 0);

	for (i = 0; i < N_POLICIES * 2 * PER_POLICY; i++) {
		uint32_t policy = i / (2 * PER_POLICY);
		uint8_t family = i % 2 ? 6 : 4, frame[FRAME_ROOM];
		const struct prefix_list *l = family == 4 ? f->policies[policy].v4 :
							    f->policies[policy].v6;
		const struct lpm *table = family == 4 ? f->policies[policy].v4_table :
							f->policies[policy].v6_table;
		struct packet p = { .src = l ? random_source(l) : random_addr(family),
				    .dst = target_address(family, policy),
				    .sport = (uint16_t)(1024 + i % 60000), .dport = 22,
				    .flags = GW_SYN, .seq = i };
		uint32_t rule = GW_RULE_IMPLICIT, table_rule = GW_RULE_IMPLICIT;
		enum gw_verdict verdict = GW_VERDICT_NO_POLICY;
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame);
		struct gw_key key = packet_key(&p);
		struct gw_flow flow;

		if (l) {
			verdict = GW_VERDICT_UNTRUSTED;
			if (prefix_list_match(l, &p.src, &rule) && l->entries[rule].permit)
				verdict = GW_VERDICT_TRUSTED;
			if (!lpm_match(table, &p.src, &table_rule))
				table_rule = GW_RULE_IMPLICIT;
			assert_int_equal(table_rule, rule);
		}
		opts.data_size_in = (uint32_t)packet_frame(&p, frame);
		assert_int_equal(bpf_prog_test_run_opts(
			bpf_program__fd(kernel->watch->progs.gw_ingress), &opts), 0);
		assert_int_equal(opts.retval, (uint32_t)-1);
		assert_int_equal(capture->ops->forget(capture, &key, &flow), 0);
		n = flow.judgement.verdict;
		if (n != (uint32_t)verdict || flow.judgement.rule != rule ||
		    flow.judgement.policy != policy || flow.judgement.generation != 7) {
			char text[ADDR_STRLEN];

			wrong++;
			print_message("policy %u, %s: kernel says %u by %d, the list %u by %d\n",
				      policy, addr_format(&p.src, text), n,
				      (int)flow.judgement.rule, (unsigned)verdict, (int)rule);
		}
		if (n < 4)
			verdicts[n]++;
		pairs++;
	}
	print_message("%u pairs, %u disagreements (trusted %u, untrusted %u, no-policy %u)\n",
		      pairs, wrong, verdicts[GW_VERDICT_TRUSTED], verdicts[GW_VERDICT_UNTRUSTED],
		      verdicts[GW_VERDICT_NO_POLICY]);
	assert_true(pairs >= 10000);
	assert_int_equal(wrong, 0);
	/* the lists are worth asking */
	assert_true(verdicts[GW_VERDICT_TRUSTED] > pairs / 10);
	assert_true(verdicts[GW_VERDICT_UNTRUSTED] > pairs / 10);
	capture->ops->close(capture);
	free_fabric(f);
}
#else
static void test_kernel_trust(void **state)
{
	print_message("skipped: built without the kernel programs (WITH_BPF)\n");
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kernel_trust) };

	return cmocka_run_group_tests_name("bpf_trust", tests, NULL, NULL);
}
