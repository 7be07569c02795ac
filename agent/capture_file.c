/* SPDX-License-Identifier: Apache-2.0 */
/* A capture file as a capture: capfile -> link -> parse -> watch. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/capfile.h"
#include "agent/capture.h"
#include "agent/link.h"
#include "agent/watch.h"

struct capture_file {
	struct capture base;
	const char *const *paths;
	size_t n_paths, at; /* paths[at] is open, or to be opened next */
	struct capfile *file;
	struct watch *watch;
	struct capfile_packet next; /* read, not yet handed on */
	bool ahead;
	int failed;
	uint64_t clock_ns;
	char error[512];
	uint64_t unknown_link;
};

static int file_load(struct capture *c, const struct fabric *f)
{
	watch_load(((struct capture_file *)c)->watch, f);
	return 0;
}

/* Reads the next packet into f->next, through the list of files. 1, 0 at the end
 * of the last, -EBADMSG where one is cut. */
static int file_read_ahead(struct capture_file *f)
{
	int got;

	while (!f->ahead) {
		if (!f->file && f->at == f->n_paths)
			return 0;
		if (!f->file) {
			f->file = capfile_open(f->paths[f->at], f->error, sizeof(f->error));
			if (!f->file) {
				f->at++;
				return -EBADMSG;
			}
		}
		got = capfile_next(f->file, &f->next);
		if (got > 0) {
			f->ahead = true;
			/* simple packet blocks have no time, and 0 is "never" to all who
			 * come after */
			if (!f->next.time_ns)
				f->next.time_ns = 1;
			if (f->next.time_ns > f->clock_ns)
				f->clock_ns = f->next.time_ns;
			break;
		}
		if (got < 0)
			snprintf(f->error, sizeof(f->error), "%s", capfile_error(f->file));
		capfile_close(f->file);
		f->file = NULL;
		f->at++;
		if (got < 0)
			return -EBADMSG;
	}
	return 1;
}

static int file_poll(struct capture *c, unsigned budget, capture_record_fn *fn, void *arg)
{
	struct capture_file *f = (struct capture_file *)c;
	const struct capfile_packet *p = &f->next;
	struct gw_pkt pkt;
	enum gw_parse parsed;
	unsigned n;
	int got;

	for (n = 0; !budget || n < budget; n++) {
		got = f->failed ? f->failed : file_read_ahead(f);
		f->failed = 0;
		if (got < 0)
			return got;
		if (!got)
			return n ? (int)n : -ENODATA;
		f->ahead = false;
		if (!link_known(p->linktype)) {
			f->unknown_link++;
			continue;
		}
		parsed = link_parse(p->linktype, p->data, p->captured, p->wire,
				    watch_gate(f->watch), &pkt);
		if (parsed != GW_PARSE_IGNORE)
			watch_packet(f->watch, parsed, &pkt, p->data + p->captured, p->time_ns,
				     p->interface + 1, fn, arg);
	}
	return (int)n;
}

static int file_fd(struct capture *c)
{
	(void)c;
	return -1;
}

static uint64_t file_clock(struct capture *c)
{
	struct capture_file *f = (struct capture_file *)c;
	int got = f->failed ? 0 : file_read_ahead(f);

	if (got < 0)
		f->failed = got; /* for the next poll() to say */
	return f->clock_ns;
}

static int file_sweep(struct capture *c, capture_flow_fn *fn, void *arg)
{
	return watch_sweep(((struct capture_file *)c)->watch, fn, arg);
}

static int file_read(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	return watch_read(((struct capture_file *)c)->watch, key, out);
}

static int file_forget(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	return watch_forget(((struct capture_file *)c)->watch, key, out);
}

static void file_counted(struct capture *c, capture_attempts_fn *fn, void *arg)
{
	watch_counted(((struct capture_file *)c)->watch, fn, arg);
}

static void file_stats(struct capture *c, uint64_t out[GW_STAT_MAX])
{
	watch_stats(((struct capture_file *)c)->watch, out);
}

static void file_close(struct capture *c)
{
	struct capture_file *f = (struct capture_file *)c;

	capfile_close(f->file);
	watch_free(f->watch);
	free(f);
}

static const struct capture_ops file_ops = {
	.name = "file",
	.load = file_load,
	.poll = file_poll,
	.fd = file_fd,
	.sweep = file_sweep,
	.read = file_read,
	.forget = file_forget,
	.clock = file_clock,
	.counted = file_counted,
	.stats = file_stats,
	.close = file_close,
};

struct capture *capture_file_open(const char *const *paths, size_t n,
				  const struct capture_config *config, char *err, size_t size)
{
	struct capture_file *f = calloc(1, sizeof(*f));

	if (!f || !(f->watch = watch_new(config))) {
		snprintf(err, size, "no memory for %u flows", config->max_flows);
		free(f);
		return NULL;
	}
	f->base.ops = &file_ops;
	f->paths = paths;
	f->n_paths = n;
	f->file = capfile_open(paths[0], err, size);
	if (!f->file) {
		file_close(&f->base);
		return NULL;
	}
	return &f->base;
}

const char *capture_file_error(const struct capture *c)
{
	return ((const struct capture_file *)c)->error;
}

uint64_t capture_file_unknown_link(const struct capture *c)
{
	return ((const struct capture_file *)c)->unknown_link;
}
