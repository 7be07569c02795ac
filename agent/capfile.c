/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One buffer, refilled by read(2); every header goes through struct cursor.
 * offset counts the bytes consumed, so an error can say where it happened.
 * Formats: pcap as in draft-ietf-opsawg-pcap, pcapng as in
 * draft-ietf-opsawg-pcapng. Block types that carry no packet are skipped.
 */
#include "agent/capfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"

/* A fuzz target makes it anew for each input, and is to see it refilled and grown. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define BUFFER_START 128u
#else
#define BUFFER_START (256u * 1024)
#endif
#define BLOCK_MAX (64u * 1024 * 1024) /* a longer block is a broken length */
#define MAX_INTERFACES 4096

#define PCAP_MAGIC_US 0xa1b2c3d4u
#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAPNG_SHB 0x0a0d0d0au
#define PCAPNG_BYTE_ORDER 0x1a2b3c4du
#define PCAPNG_IDB 1u
#define PCAPNG_PACKET 2u /* obsolete, still met */
#define PCAPNG_SPB 3u
#define PCAPNG_EPB 6u
#define OPT_END 0u
#define OPT_TSRESOL 9u
#define OPT_TSOFFSET 14u

struct interface {
	int linktype;
	uint32_t snaplen;
	uint64_t units_per_s; /* timestamp resolution */
	int64_t offset_s;
};

struct capfile {
	char *path;
	int fd;
	uint8_t *buffer;
	size_t size, start, end;
	uint64_t offset; /* of buffer[start] in the file */
	bool eof, ng, swapped;
	int done; /* 0 reading, 1 clean end, -1 error */
	struct interface *interfaces;
	uint32_t n_interfaces;
	char error[512];
};

static int capfile_fail(struct capfile *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int capfile_fail(struct capfile *f, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(f->error, sizeof(f->error), "%s: offset %llu: ", f->path,
			 (unsigned long long)f->offset);

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < sizeof(f->error))
		vsnprintf(f->error + n, sizeof(f->error) - (size_t)n, fmt, ap);
	va_end(ap);
	f->done = -1;
	return -1;
}

/* Makes n bytes available at buffer + start. 1 yes, 0 the file ends before
 * them, -1 error. */
static int capfile_need(struct capfile *f, size_t n)
{
	while (f->end - f->start < n) {
		ssize_t got;

		if (f->eof)
			return 0;
		if (f->start) {
			memmove(f->buffer, f->buffer + f->start, f->end - f->start);
			f->end -= f->start;
			f->start = 0;
		}
		if (f->size < n) {
			uint8_t *grown = realloc(f->buffer, n);

			if (!grown)
				return capfile_fail(f, "no memory for a block of %zu bytes", n);
			f->buffer = grown;
			f->size = n;
		}
		got = read(f->fd, f->buffer + f->end, f->size - f->end);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return capfile_fail(f, "%s", strerror(errno));
		if (got == 0)
			f->eof = true;
		f->end += (size_t)got;
	}
	return 1;
}

static void capfile_skip(struct capfile *f, size_t n)
{
	f->start += n;
	f->offset += n;
}

static uint32_t order32(const struct capfile *f, const uint8_t *p)
{
	uint32_t v = be32(p);

	return f->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t order16(const struct capfile *f, const uint8_t *p)
{
	uint16_t v = be16(p);

	return f->swapped ? __builtin_bswap16(v) : v;
}

static int cut(struct capfile *f, const char *what, size_t need)
{
	return capfile_fail(f, "the file is cut inside %s (%zu of %zu bytes are there)", what,
			    f->end - f->start, need);
}

static struct interface *add_interface(struct capfile *f)
{
	struct interface *grown;

	if (f->n_interfaces == MAX_INTERFACES) {
		capfile_fail(f, "more than %d interfaces", MAX_INTERFACES);
		return NULL;
	}
	grown = realloc(f->interfaces, (f->n_interfaces + 1) * sizeof(*grown));
	if (!grown) {
		capfile_fail(f, "no memory");
		return NULL;
	}
	f->interfaces = grown;
	grown += f->n_interfaces++;
	memset(grown, 0, sizeof(*grown));
	grown->units_per_s = 1000000;
	return grown;
}

struct capfile *capfile_open(const char *path, char *err, size_t size)
{
	struct capfile *f = calloc(1, sizeof(*f));
	struct interface *i;
	uint32_t magic;

	if (!f || !(f->path = strdup(strcmp(path, "-") ? path : "(stdin)")) ||
	    !(f->buffer = malloc(BUFFER_START))) {
		snprintf(err, size, "%s: no memory", path);
		goto fail;
	}
	f->size = BUFFER_START;
	f->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	if (f->fd < 0) {
		snprintf(err, size, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (capfile_need(f, 24) < 0) {
		snprintf(err, size, "%s", f->error);
		goto fail;
	}
	if (f->end < 4) {
		snprintf(err, size, "%s: not a capture file (%zu bytes long)", f->path, f->end);
		goto fail;
	}
	magic = be32(f->buffer);
	if (magic == PCAPNG_SHB) {
		f->ng = true;
		return f;
	}
	f->swapped = magic != PCAP_MAGIC_US && magic != PCAP_MAGIC_NS;
	magic = order32(f, f->buffer);
	if (magic != PCAP_MAGIC_US && magic != PCAP_MAGIC_NS) {
		snprintf(err, size, "%s: neither pcap nor pcapng (first bytes %02x%02x%02x%02x)",
			 f->path, f->buffer[0], f->buffer[1], f->buffer[2], f->buffer[3]);
		goto fail;
	}
	if (f->end < 24) {
		snprintf(err, size, "%s: the file ends inside its header", f->path);
		goto fail;
	}
	i = add_interface(f);
	if (!i) {
		snprintf(err, size, "%s", f->error);
		goto fail;
	}
	i->snaplen = order32(f, f->buffer + 16);
	i->linktype = (int)(order32(f, f->buffer + 20) & 0xffff); /* upper bits: FCS length */
	i->units_per_s = magic == PCAP_MAGIC_NS ? NS_PER_S : 1000000;
	capfile_skip(f, 24);
	return f;
fail:
	capfile_close(f);
	return NULL;
}

void capfile_close(struct capfile *f)
{
	if (!f)
		return;
	if (f->fd > 0)
		close(f->fd);
	free(f->interfaces);
	free(f->buffer);
	free(f->path);
	free(f);
}

const char *capfile_error(const struct capfile *f)
{
	return f->error;
}

static uint64_t stamp_ns(const struct interface *i, uint64_t units)
{
	uint64_t s = units / i->units_per_s, rest = units % i->units_per_s;

	s += (uint64_t)i->offset_s;
	if (i->units_per_s <= NS_PER_S)
		return s * NS_PER_S + rest * NS_PER_S / i->units_per_s;
	return s * NS_PER_S + (uint64_t)((double)rest * 1e9 / (double)i->units_per_s);
}

static int next_pcap(struct capfile *f, struct capfile_packet *p)
{
	const uint8_t *h;
	int have = capfile_need(f, 16);

	if (have < 0)
		return -1;
	if (!have && f->end == f->start) {
		f->done = 1;
		return 0;
	}
	if (!have)
		return cut(f, "a packet header", 16);
	h = f->buffer + f->start;
	p->captured = order32(f, h + 8);
	p->wire = order32(f, h + 12);
	if (p->captured > BLOCK_MAX)
		return capfile_fail(f, "a packet of %u bytes: the file is corrupt here",
				    p->captured);
	have = capfile_need(f, 16 + (size_t)p->captured);
	if (have < 0)
		return -1;
	if (!have)
		return cut(f, "a packet", 16 + (size_t)p->captured);
	h = f->buffer + f->start;
	p->time_ns = (uint64_t)order32(f, h) * NS_PER_S +
		     order32(f, h + 4) * (NS_PER_S / f->interfaces[0].units_per_s);
	p->interface = 0;
	p->linktype = f->interfaces[0].linktype;
	p->data = h + 16;
	capfile_skip(f, 16 + (size_t)p->captured);
	return 1;
}

static int read_idb(struct capfile *f, const uint8_t *body, size_t len)
{
	struct interface *i = add_interface(f);
	size_t at = 8;

	if (!i)
		return -1;
	i->linktype = order16(f, body);
	i->snaplen = order32(f, body + 4);
	while (len - at >= 4) {
		uint16_t code = order16(f, body + at), n = order16(f, body + at + 2);

		at += 4;
		if (code == OPT_END || n > len - at)
			break;
		if (code == OPT_TSRESOL && n == 1) {
			uint8_t r = body[at] & 0x7f, k;

			if (r > ((body[at] & 0x80) ? 63 : 19))
				return capfile_fail(f, "interface %u: timestamp resolution %u is "
						       "not possible", f->n_interfaces - 1, r);
			i->units_per_s = 1;
			for (k = 0; k < r; k++)
				i->units_per_s *= (body[at] & 0x80) ? 2 : 10;
		} else if (code == OPT_TSOFFSET && n == 8) {
			uint64_t lo = order32(f, body + at + (f->swapped ? 0 : 4)),
				 hi = order32(f, body + at + (f->swapped ? 4 : 0));

			i->offset_s = (int64_t)(hi << 32 | lo);
		}
		at += ((size_t)n + 3) & ~(size_t)3;
		if (at > len)
			break;
	}
	return 0;
}

/* 1: the block is a packet and *p is filled; 0: no packet; -1: broken. */
static int read_block(struct capfile *f, uint32_t type, const uint8_t *body, size_t len,
		      struct capfile_packet *p)
{
	const struct interface *i;
	size_t head = type == PCAPNG_SPB ? 4 : 20;

	if (type == PCAPNG_IDB)
		return len < 8 ? capfile_fail(f, "interface block of %zu bytes", len) :
				 read_idb(f, body, len);
	if (type != PCAPNG_EPB && type != PCAPNG_SPB && type != PCAPNG_PACKET)
		return 0;
	if (len < head)
		return capfile_fail(f, "packet block of %zu bytes", len);
	if (type == PCAPNG_SPB) {
		p->interface = 0;
		p->wire = order32(f, body);
	} else {
		p->interface = type == PCAPNG_EPB ? order32(f, body) : order16(f, body);
		p->captured = order32(f, body + 12);
		p->wire = order32(f, body + 16);
	}
	if (p->interface >= f->n_interfaces)
		return capfile_fail(f, "a packet of interface %u, which is not described",
				    p->interface);
	i = &f->interfaces[p->interface];
	if (type == PCAPNG_SPB) { /* carries no time and no captured length */
		p->captured = i->snaplen && i->snaplen < p->wire ? i->snaplen : p->wire;
		p->time_ns = 0;
	} else {
		p->time_ns = stamp_ns(i, (uint64_t)order32(f, body + 4) << 32 |
						 order32(f, body + 8));
	}
	if (p->captured > len - head)
		return capfile_fail(f, "a packet of %u bytes in a block of %zu", p->captured, len);
	p->linktype = i->linktype;
	p->data = body + head;
	return 1;
}

static int next_pcapng(struct capfile *f, struct capfile_packet *p)
{
	for (;;) {
		const uint8_t *h;
		uint32_t type, len;
		int have = capfile_need(f, 12), got;

		if (have < 0)
			return -1;
		if (!have && f->end == f->start) {
			f->done = 1;
			return 0;
		}
		if (!have)
			return cut(f, "a block header", 12);
		h = f->buffer + f->start;
		if (be32(h) == PCAPNG_SHB) { /* reads alike in both byte orders */
			f->swapped = be32(h + 8) != PCAPNG_BYTE_ORDER;
			if (order32(f, h + 8) != PCAPNG_BYTE_ORDER)
				return capfile_fail(f, "section header without byte-order magic");
			f->n_interfaces = 0; /* each section describes its own */
		}
		type = order32(f, h);
		len = order32(f, h + 4);
		if (len < 12 || len % 4 || len > BLOCK_MAX)
			return capfile_fail(f, "a block of %u bytes: the file is corrupt here",
					    len);
		have = capfile_need(f, len);
		if (have < 0)
			return -1;
		if (!have)
			return cut(f, "a block", len);
		got = read_block(f, type, f->buffer + f->start + 8, len - 12, p);
		if (got < 0)
			return -1;
		capfile_skip(f, len);
		if (got)
			return 1;
	}
}

int capfile_next(struct capfile *f, struct capfile_packet *p)
{
	if (f->done)
		return f->done < 0 ? -1 : 0;
	return f->ng ? next_pcapng(f, p) : next_pcap(f, p);
}
