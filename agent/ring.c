/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADER 8
#define BUSY (1u << 31)
#define DISCARDED (1u << 30)

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int ring_open(struct ring *r, int map_fd, size_t size)
{
	size_t p = page();

	memset(r, 0, sizeof(*r));
	r->mask = size - 1;
	r->maps[0] = mmap(NULL, p, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (r->maps[0] == MAP_FAILED) {
		r->maps[0] = NULL;
		return -errno;
	}
	r->maps[1] = mmap(NULL, p + 2 * size, PROT_READ, MAP_SHARED, map_fd, (off_t)p);
	if (r->maps[1] == MAP_FAILED) {
		int err = -errno;

		r->maps[1] = NULL;
		ring_close(r);
		return err;
	}
	r->consumer = r->maps[0];
	r->producer = r->maps[1];
	r->data = (const uint8_t *)r->maps[1] + p;
	r->at = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	return 0;
}

void ring_close(struct ring *r)
{
	if (r->maps[0])
		munmap(r->maps[0], page());
	if (r->maps[1])
		munmap(r->maps[1], page() + 2 * (r->mask + 1));
	memset(r, 0, sizeof(*r));
}

unsigned ring_read(struct ring *r, ring_fn *fn, void *arg)
{
	unsigned long end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	unsigned n = 0;

	while (r->at < end) {
		const uint8_t *record = r->data + (r->at & r->mask);
		uint32_t header = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t len = header & ~(BUSY | DISCARDED);

		if (header & BUSY)
			break;
		r->at += (HEADER + (unsigned long)len + 7) & ~7ul;
		if (header & DISCARDED)
			continue;
		n++;
		if (!fn(arg, record + HEADER, len))
			break;
	}
	return n;
}

void ring_release(struct ring *r)
{
	if (*r->consumer != r->at)
		__atomic_store_n(r->consumer, r->at, __ATOMIC_RELEASE);
}

size_t ring_held(const struct ring *r)
{
	return r->at - *r->consumer;
}

size_t ring_waiting(const struct ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - r->at;
}

bool ring_seek(struct ring *r, uint64_t position)
{
	unsigned long end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);

	if (position < r->at || position > end || position % 8)
		return false;
	r->at = (unsigned long)position;
	return true;
}
