/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SYNs from random addresses, as fast as the link takes them; for tests, in namespaces.
 *
 *	synflood INTERFACE MAC COUNT SEED TARGET...
 *
 * Each goes to port 22 of one of the IPv4 targets in turn. Nine of ten have a random source;
 * the tenth is of HEAVY_NET, so that one /24 is the heaviest. Prints what was sent as JSON:
 * {"TARGET":{"syns":N,"heavy":N},...}. Frames that the interface drops count: they passed
 * the hooks before it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"

#define FRAME 54
#define MAX_TARGETS 16
#define HEAVY_NET 0xcb007100u /* 203.0.113.0/24 */

struct target {
	const char *text;
	uint32_t address; /* host order */
	uint64_t syns, heavy;
};

static uint64_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static uint32_t fold(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

/* The Ethernet header is there already. */
static void make_syn(uint8_t *frame, struct target *t)
{
	int heavy = rnd() % 10 == 0;
	uint32_t source = heavy ? HEAVY_NET | rnd() % 256 : rnd();
	uint8_t *ip = frame + 14, *tcp = ip + 20;

	memset(ip, 0, 40);
	ip[0] = 0x45;
	put16(ip + 2, 40);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	put32(ip + 12, source);
	put32(ip + 16, t->address);
	put16(ip + 10, fold(sum(ip, 20, 0)));
	put16(tcp, 1024 + rnd() % 64000);
	put16(tcp + 2, 22);
	put32(tcp + 4, rnd());
	tcp[12] = 0x50;
	tcp[13] = 0x02;
	put16(tcp + 14, 65535);
	put16(tcp + 16, fold(sum(tcp, 20, sum(ip + 12, 8, IPPROTO_TCP + 20))));
	t->syns++;
	t->heavy += (source & 0xffffff00u) == HEAVY_NET;
}

/* One at a time: sendmmsg() does not say that the interface dropped one. */
static void send_one(int fd, const struct sockaddr_ll *to, const uint8_t *frame)
{
	while (sendto(fd, frame, FRAME, 0, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		if (errno == ENOBUFS)
			return; /* dropped behind the hooks */
		if (errno != EINTR)
			die("sendto: %s", strerror(errno));
	}
}

int main(int argc, char **argv)
{
	uint8_t frame[FRAME];
	struct target targets[MAX_TARGETS] = { { 0 } };
	unsigned char mac[6];
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	uint64_t left;
	int n_targets = argc - 5, fd, i;

	if (n_targets < 1 || n_targets > MAX_TARGETS ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		die("usage: synflood INTERFACE MAC COUNT SEED TARGET...");
	left = strtoull(argv[3], NULL, 10);
	state = strtoull(argv[4], NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	for (i = 0; i < n_targets; i++) {
		uint32_t a;

		targets[i].text = argv[5 + i];
		if (inet_pton(AF_INET, argv[5 + i], &a) != 1)
			die("%s: not an IPv4 address", argv[5 + i]);
		targets[i].address = ntohl(a);
	}
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || !to.sll_ifindex)
		die("%s: %s", argv[1], strerror(errno));
	memcpy(frame, mac, 6);
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01", 6);
	put16(frame + 12, ETHERTYPE_IP);
	while (left--) {
		make_syn(frame, &targets[left % (unsigned)n_targets]);
		send_one(fd, &to, frame);
	}
	for (i = 0; i < n_targets; i++)
		printf("%s\"%s\":{\"syns\":%llu,\"heavy\":%llu}", i ? "," : "{", targets[i].text,
		       (unsigned long long)targets[i].syns, (unsigned long long)targets[i].heavy);
	puts("}");
	return 0;
}
