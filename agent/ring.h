/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_RING_H
#define GW_RING_H
/*
 * Reads the kernel's BPF ring buffer, and lets go of what was read only when it is
 * told to. libbpf's ring_buffer__consume() moves the consumer's position past each
 * record at once; a reader that is killed then takes with it what it had read and
 * not yet written down. Here the position moves with ring_release(), after the
 * commit, so the next reader finds such records again.
 *
 * The layout is the kernel's (Documentation/bpf/ringbuf.rst): one page with the
 * consumer's position, one with the producer's, then the data, mapped twice in a
 * row so that no record is torn. Positions count bytes and never wrap; a record is
 * eight bytes of header (length with a busy and a discard bit, page offset), then
 * its bytes, rounded up to eight.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	unsigned long *consumer;       /* shared with the kernel; ours to write */
	const unsigned long *producer; /* shared; the kernel writes it */
	const uint8_t *data;
	size_t mask;	  /* size - 1, a power of two */
	unsigned long at; /* the next record to read; at or after *consumer */
	void *maps[2];	  /* NULL: not mapped here */
};

/* One record's bytes, borrowed until ring_release(); false: no more now. */
typedef bool ring_fn(void *arg, const void *data, size_t len);

/* Maps the ring buffer map of that size. 0 or a negative errno. */
int ring_open(struct ring *r, int map_fd, size_t size);
void ring_close(struct ring *r); /* accepts a zeroed one */

/* Hands up what is there, in order; stops at a record that is being written.
 * Returns how many. */
unsigned ring_read(struct ring *r, ring_fn *fn, void *arg);

/* What has been read is the producer's room again. */
void ring_release(struct ring *r);

size_t ring_held(const struct ring *r);	   /* bytes read and not released */
size_t ring_waiting(const struct ring *r); /* bytes not read */

/* Passes over what is before position. False when it is not in the ring. */
bool ring_seek(struct ring *r, uint64_t position);

#endif
