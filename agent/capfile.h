/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_CAPFILE_H
#define GW_CAPFILE_H
/*
 * Reading capture files: classic pcap (micro- and nanoseconds, either byte
 * order) and pcapng. Live capture is libpcap's; files are read here because
 * libpcap refuses a pcapng whose interfaces differ in link type, and cannot say
 * at which offset a file was cut.
 */
#include <stddef.h>
#include <stdint.h>

struct capfile;

struct capfile_packet {
	uint64_t time_ns; /* since the epoch */
	uint32_t interface; /* pcapng interface id; 0 in pcap */
	int linktype;	    /* LINKTYPE_* number */
	const uint8_t *data; /* valid until the next call */
	uint32_t captured, wire;
};

/* "-" is stdin. NULL with one line in err, beginning with the path. */
struct capfile *capfile_open(const char *path, char *err, size_t size);

/* 1: *p is filled; 0: clean end; -1: the file is cut or broken here, see
 * capfile_error(). Stays at 0 or -1 once there. */
int capfile_next(struct capfile *f, struct capfile_packet *p);

/* "FILE: offset N: what is wrong"; borrowed. */
const char *capfile_error(const struct capfile *f);
void capfile_close(struct capfile *f); /* accepts NULL */

#endif
