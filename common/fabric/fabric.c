/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a directory of configurations to the tables that trust and path look into.
 *
 * fabric_load() runs once through: read the files in the order of their names,
 * one device each; then targets, policies, in-band ranges, generation. After
 * that nothing changes, so readers need no lock and pointers into the fabric
 * live as long as a reference to it.
 *
 * Two kinds of remark: a problem is a statement that should have been read and
 * was not (a strict load refuses it), a note is about something that was read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/fabric/device.h"
#include "common/fabric/fabric.h"
#include "common/fabric/merge.h"
#include "common/event.h"
#include "common/grow.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_FILE (32u << 20)	 /* bytes; the largest chassis configs are below 5 MiB */
#define MAX_REMARKS_PER_FILE 100 /* of each kind; the rest is counted */
#define MAX_SHADOW_NOTES 20	 /* per policy */

/* A wider entry of a loopback list would make half the world an in-band target. */
#define MIN_RANGE_V4 8
#define MIN_RANGE_V6 32

static const char *const role_str[] = { "unknown",	   "ce", "tor", "mgmt-switch", "npb",
					"terminal-server", "pe" };
_Static_assert(ARRAY_SIZE(role_str) == ROLE_NUM, "a name for each role");

const char *fabric_role_name(enum fabric_role r)
{
	return role_str[r];
}

const struct fabric_device *fabric_find_device(const struct fabric *f, const char *name)
{
	for (size_t i = 0; f && i < f->n_devices; i++)
		if (strcmp(f->devices[i].name, name) == 0)
			return &f->devices[i];
	return NULL;
}

/* ---- loading: state that is gone afterwards ---- */

struct loader {
	struct fabric *f;
	bool underlay;		  /* ends of BGP sessions are targets too */
	struct inventory inv;	  /* of the files that are no configurations */
	const char *file;	  /* being read; NULL: none */
	unsigned problems, notes; /* of this file so far */
	bool no_memory;
};

static void *grow(struct loader *l, void *array, size_t n, size_t size)
{
	void *larger = grow_array(array, n, size);

	if (!larger)
		l->no_memory = true;
	return larger;
}

static void add_remark(struct loader *l, enum device_report kind, bool conflict, const char *file,
		       int line, const char *text)
{
	struct fabric *f = l->f;
	struct fabric_problem **array = kind == DEVICE_PROBLEM ? &f->problems : &f->notes;
	size_t *n = kind == DEVICE_PROBLEM ? &f->n_problems : &f->n_notes;
	struct fabric_problem *larger = grow(l, *array, *n, sizeof(*larger));
	struct fabric_problem p = { NULL, line, strdup(text), conflict };

	if (file)
		p.file = strdup(file);
	if (larger)
		*array = larger;
	if (!larger || !p.text || (file && !p.file)) {
		l->no_memory = true;
		free(p.text);
		free(p.file);
		return;
	}
	larger[(*n)++] = p;
}

static void __attribute__((format(printf, 5, 6)))
remark(struct loader *l, enum device_report kind, const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_remark(l, kind, false, file, line, text);
}

/* merge_remark_fn */
static void merge_remark(void *arg, enum device_report kind, bool conflict, const char *file,
			 int line, const char *text)
{
	add_remark(arg, kind, conflict, file, line, text);
}

/* device_report_fn */
static void report(void *arg, enum device_report kind, int line, const char *text)
{
	struct loader *l = arg;
	unsigned *count = kind == DEVICE_PROBLEM ? &l->problems : &l->notes;

	if (++*count <= MAX_REMARKS_PER_FILE)
		add_remark(l, kind, false, l->file, line, text);
}

/* Reads a regular file whole. Returns malloc()ed text; NULL and errno: not
 * readable, 0 where it is no regular file, EFBIG where it is too large. */
static char *read_file(const char *path, size_t *len)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	size_t room;
	ssize_t n;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		errno = 0;
		goto fail;
	}
	if (st.st_size > (off_t)MAX_FILE) {
		errno = EFBIG;
		goto fail;
	}
	room = (size_t)st.st_size + 1;
	text = malloc(room);
	if (!text)
		goto fail;
	for (*len = 0; *len < room; *len += (size_t)n) {
		n = read(fd, text + *len, room - *len);
		if (n < 0)
			goto fail;
		if (n == 0)
			break;
	}
	if (*len == room) { /* it grew while it was read: a copy is being written */
		errno = EAGAIN;
		goto fail;
	}
	close(fd);
	return text;
fail:;
	int saved = errno;

	free(text);
	close(fd);
	errno = saved;
	return NULL;
}

static void clear_device(const struct fabric *f, struct fabric_device *d)
{
	if (d->extra)
		f->extra->free(d->extra);
	device_clear(d);
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcasecmp(name + n - k, end) == 0;
}

/* What the reports on one file could not hold. */
static void count_rest(struct loader *l, const char *path)
{
	if (l->problems > MAX_REMARKS_PER_FILE)
		remark(l, DEVICE_PROBLEM, path, 0, "%u more problems in this file",
		       l->problems - MAX_REMARKS_PER_FILE);
	if (l->notes > MAX_REMARKS_PER_FILE)
		remark(l, DEVICE_NOTE, path, 0, "%u more notes in this file",
		       l->notes - MAX_REMARKS_PER_FILE);
}

/* A source by its name: fabric.yaml, an export (.json), an Ansible inventory (.yaml, .yml).
 * 1: it is none, but a configuration. 0: read. -1: with err, or no memory. */
static int load_source(struct loader *l, const char *name, const char *path, const char *text,
		       size_t len, char *err, size_t size)
{
	bool settings = strcmp(name, FABRIC_SETTINGS) == 0 || strcmp(name, "fabric.yml") == 0;
	bool json = ends_with(name, ".json");
	char why[512];
	int ret;

	if (!settings && !json && !ends_with(name, ".yaml") && !ends_with(name, ".yml"))
		return 1;
	if (settings && l->inv.settings >= 0) {
		snprintf(err, size, "%s: there is %s too; keep one of them", path,
			 l->inv.sources[l->inv.settings].file);
		return -1;
	}
	l->file = path;
	l->problems = l->notes = 0;
	if (inventory_source(&l->inv, path, FABRIC_SETTINGS) < 0)
		ret = -ENOMEM;
	else if (settings)
		ret = inventory_read_settings(&l->inv, text, len, why, sizeof(why));
	else
		ret = (json ? inventory_read_json : inventory_read_ansible)(&l->inv, text, len,
									    report, l);
	l->file = NULL;
	count_rest(l, path);
	if (ret == -EINVAL)
		snprintf(err, size, "%s:%s", path, why);
	else if (ret < 0)
		l->no_memory = true;
	return ret < 0 ? -1 : 0;
}

static int load_file(struct loader *l, const char *name, char *err, size_t size)
{
	struct fabric *f = l->f;
	struct fabric_device d, *array;
	struct eos *config;
	char *path, *text, *stem, *dot;
	size_t len;
	int ret = -1;

	if (asprintf(&path, "%s/%s", f->directory, name) < 0) {
		l->no_memory = true;
		return -1;
	}
	text = read_file(path, &len);
	if (!text) {
		if (errno == EFBIG) {
			remark(l, DEVICE_PROBLEM, path, 0,
			       "larger than %u MiB: no running-config, not read", MAX_FILE >> 20);
			ret = 0;
		} else if (errno == 0 || errno == ELOOP || errno == ENXIO) {
			ret = 0; /* a directory, a FIFO, a socket, a device */
		} else {
			snprintf(err, size, "%s: %s", path,
				 errno == EAGAIN ? "changed while it was read; try again"
						 : strerror(errno));
		}
		free(path);
		return ret;
	}
	ret = load_source(l, name, path, text, len, err, size);
	if (ret <= 0) {
		free(text);
		free(path);
		return ret;
	}
	ret = -1;
	config = eos_parse(text, len);
	free(text);
	stem = strdup(name);
	if (!config || !stem) {
		l->no_memory = true;
		goto out;
	}
	dot = strrchr(stem, '.');
	if (dot && dot != stem)
		*dot = '\0';

	l->file = path;
	l->problems = l->notes = 0;
	ret = device_read(config, stem, report, l, &d);
	count_rest(l, path);
	if (ret == -ENOENT) {
		if (!l->problems)
			remark(l, DEVICE_PROBLEM, path, 0,
			       "no EOS configuration statement in it: not a running-config");
		ret = 0;
		goto out;
	}
	if (ret == 0 && f->extra) {
		d.extra = f->extra->read(config);
		if (!d.extra) {
			device_clear(&d);
			ret = -ENOMEM;
		}
	}
	array = ret == 0 ? grow(l, f->devices, f->n_devices, sizeof(*array)) : NULL;
	if (!array) {
		if (ret == 0)
			clear_device(f, &d);
		l->no_memory = true;
		ret = -1;
		goto out;
	}
	f->devices = array;
	d.file = path;
	path = NULL;
	array[f->n_devices++] = d;
out:
	l->file = NULL;
	eos_free(config);
	free(stem);
	free(path);
	return ret;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int load_directory(struct loader *l, char *err, size_t size)
{
	struct fabric *f = l->f;
	DIR *dir = opendir(f->directory);
	char **names = NULL, **larger;
	size_t n = 0;
	int ret = -1;

	if (!dir) {
		snprintf(err, size, "%s: %s", f->directory, strerror(errno));
		return -1;
	}
	for (;;) {
		struct dirent *e;
		size_t len;

		errno = 0;
		e = readdir(dir);
		if (!e && errno) {
			snprintf(err, size, "%s: %s", f->directory, strerror(errno));
			goto out;
		}
		if (!e)
			break;
		len = strlen(e->d_name);
		if (e->d_name[0] == '.' || e->d_name[len - 1] == '~')
			continue;
		larger = grow(l, names, n, sizeof(*names));
		if (!larger)
			goto out;
		names = larger;
		names[n] = strdup(e->d_name);
		if (!names[n]) {
			l->no_memory = true;
			goto out;
		}
		n++;
	}
	if (n)
		qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n; i++)
		if (load_file(l, names[i], err, size) < 0)
			goto out;
	ret = 0;
out:
	closedir(dir);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return ret;
}

/* ---- devices ---- */

/* Devices by name, and of equal names in the order of their files. */
static int by_name(const void *a, const void *b)
{
	const struct fabric_device *x = *(struct fabric_device *const *)a;
	const struct fabric_device *y = *(struct fabric_device *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : x < y ? -1 : x > y;
}

static struct fabric_device **sorted_devices(struct loader *l)
{
	struct fabric *f = l->f;
	struct fabric_device **by = calloc(f->n_devices ? f->n_devices : 1, sizeof(*by));

	if (!by) {
		l->no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < f->n_devices; i++)
		by[i] = &f->devices[i];
	qsort(by, f->n_devices, sizeof(*by), by_name);
	return by;
}

/* Of several files with one hostname the first in the order of names stays. */
static void drop_duplicates(struct loader *l)
{
	struct fabric *f = l->f;
	struct fabric_device **by = sorted_devices(l);
	bool *drop = calloc(f->n_devices ? f->n_devices : 1, sizeof(*drop));
	size_t kept = 0;

	if (!by || !drop) {
		l->no_memory = true;
		goto out;
	}
	for (size_t i = 1, first = 0; i < f->n_devices; i++) {
		if (strcmp(by[first]->name, by[i]->name) != 0) {
			first = i;
			continue;
		}
		remark(l, DEVICE_PROBLEM, by[i]->file, 0,
		       "hostname %s is that of %s too: this file is not used", by[i]->name,
		       by[first]->file);
		drop[by[i] - f->devices] = true;
	}
	for (size_t i = 0; i < f->n_devices; i++) {
		if (drop[i])
			clear_device(f, &f->devices[i]);
		else
			f->devices[kept++] = f->devices[i];
	}
	f->n_devices = kept;
out:
	free(by);
	free(drop);
}

/* ---- targets ---- */

/* Of one address the first of these counts. */
enum claim_rank { CLAIM_PATH, CLAIM_OWN, CLAIM_PEER };

struct candidate {
	struct fabric_target target;
	enum claim_rank rank;
	const char *file; /* NULL: the device's configuration */
	int line;
};

static const char *file_of(const struct fabric *f, const struct candidate *c)
{
	return c->file ? c->file : f->devices[c->target.device].file;
}

struct candidates {
	struct candidate *all;
	size_t n;
};

static int by_address(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int c = addr_compare(&x->target.address, &y->target.address);

	if (c)
		return c;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->target.device != y->target.device)
		return x->target.device < y->target.device ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static void add_candidate(struct loader *l, struct candidates *c, const struct candidate *new)
{
	struct candidate *larger = grow(l, c->all, c->n, sizeof(*larger));

	if (!larger)
		return;
	c->all = larger;
	larger[c->n++] = *new;
}

static bool is_inband(const struct fabric *f, const struct fabric_interface *in)
{
	return strcmp(in->name, f->names.interface) == 0;
}

/*
 * Every address of a Management interface is a primary target, every one of
 * Loopback6 an in-band one. A shut-down interface counts too: someone who tries
 * its address is worth seeing, and the configuration is yesterday's copy, while
 * the wire is now.
 */
static void claim_paths(struct loader *l, uint32_t device, struct candidates *c)
{
	const struct fabric_device *d = &l->f->devices[device];

	for (size_t k = 0; k < d->n_interfaces; k++) {
		const struct fabric_interface *in = &d->interfaces[k];
		struct candidate new = { .target = { .device = device, .vrf = in->vrf } };

		if (in->kind != IF_MANAGEMENT && !is_inband(l->f, in))
			continue;
		new.target.path = in->kind == IF_MANAGEMENT ? GW_PATH_PRIMARY : GW_PATH_INBAND;
		new.rank = CLAIM_PATH;
		for (size_t a = 0; a < in->n_addresses; a++) {
			new.target.address = in->addresses[a].prefix.addr;
			new.line = in->addresses[a].line;
			add_candidate(l, c, &new);
		}
	}
	for (size_t k = 0; k < d->n_told; k++) {
		const struct fabric_told *t = &d->told[k];

		add_candidate(l, c,
			      &(struct candidate){ .target = { .address = t->address,
							       .device = device,
							       .path = t->path },
						   .rank = CLAIM_PATH,
						   .file = l->f->sources[t->source].file,
						   .line = t->line });
	}
}

static bool same_vrf(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Addresses of this device, in the neighbor's VRF: those of its subnet, or, loopbacks
 * true, those of loopbacks, between which sessions run over several hops. Returns whether
 * there was one. */
static bool claim_own(struct loader *l, uint32_t device, const struct fabric_neighbor *n,
		      bool loopbacks, struct candidates *c)
{
	const struct fabric_device *d = &l->f->devices[device];
	bool found = false;

	for (size_t k = 0; k < d->n_interfaces; k++) {
		const struct fabric_interface *in = &d->interfaces[k];
		struct candidate new = { .target = { .device = device, .vrf = in->vrf } };

		if (in->kind == IF_MANAGEMENT || !same_vrf(in->vrf, n->vrf) ||
		    (loopbacks && in->kind != IF_LOOPBACK))
			continue;
		new.rank = CLAIM_OWN;
		for (size_t a = 0; a < in->n_addresses; a++) {
			const struct prefix *own = &in->addresses[a].prefix;

			if (loopbacks ? own->addr.family != n->address.family
				      : !prefix_contains(own, &n->address))
				continue;
			found = true;
			new.target.address = own->addr;
			new.line = in->addresses[a].line;
			add_candidate(l, c, &new);
		}
	}
	return found;
}

/* Both ends of every BGP session of the device. A neighbor in the configurations is
 * there by its own address as well. */
static void claim_underlay(struct loader *l, uint32_t device, struct candidates *c)
{
	const struct fabric_device *d = &l->f->devices[device];

	for (size_t k = 0; k < d->n_neighbors; k++) {
		const struct fabric_neighbor *n = &d->neighbors[k];
		struct candidate new = { .target = { .address = n->address,
						     .device = device,
						     .peer = true,
						     .vrf = n->vrf },
					 .rank = CLAIM_PEER,
					 .line = n->line };

		if (!claim_own(l, device, n, false, c))
			claim_own(l, device, n, true, c);
		add_candidate(l, c, &new);
	}
}

static void make_targets(struct loader *l)
{
	struct fabric *f = l->f;
	struct candidates c = { NULL, 0 };
	struct candidate *all;
	size_t n;

	for (size_t i = 0; i < f->n_devices; i++) {
		claim_paths(l, (uint32_t)i, &c);
		if (l->underlay)
			claim_underlay(l, (uint32_t)i, &c);
	}
	all = c.all;
	n = c.n;
	if (n)
		qsort(all, n, sizeof(*all), by_address);
	f->targets = calloc(n ? n : 1, sizeof(*f->targets));
	if (!f->targets) {
		l->no_memory = true;
		goto out;
	}
	for (size_t i = 0, first = 0; i < n; i++) {
		const struct fabric_target *t = &all[i].target, *before = &all[first].target;
		char text[ADDR_STRLEN];

		if (i == 0 || !addr_equal(&before->address, &t->address)) {
			first = i;
			f->targets[f->n_targets++] = *t;
			continue;
		}
		if (all[i].rank != CLAIM_PATH ||
		    (before->device == t->device && before->path == t->path))
			continue;
		remark(l, DEVICE_PROBLEM, file_of(f, &all[i]), all[i].line,
		       "address %s is a target of %s already (%s:%d): it counts for that one",
		       addr_format(&t->address, text), f->devices[before->device].name,
		       file_of(f, &all[first]), all[first].line);
	}
out:
	free(all);
}

/* ---- policies ---- */

static void render_list(FILE *to, const struct prefix_list *p)
{
	char text[PREFIX_STRLEN];

	if (!p) {
		fputs("none\n", to);
		return;
	}
	fprintf(to, "%u %s%s\n", p->family, p->name, p->external ? " external" : "");
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct prefix_entry *e = &p->entries[i];

		fprintf(to, "%u %s %s %u %u %u\n", e->seq, e->permit ? "permit" : "deny",
			prefix_format(&e->prefix, text), e->eq, e->ge, e->le);
	}
}

struct digest {
	unsigned char bytes[32];
};

static bool digest_of(const char *text, size_t len, struct digest *out)
{
	return EVP_Digest(text, len, out->bytes, NULL, EVP_sha256(), NULL) == 1;
}

static int compare_entries(const struct prefix_entry *a, const struct prefix_entry *b)
{
	int c = addr_compare(&a->prefix.addr, &b->prefix.addr);

	if (c)
		return c;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	if (a->prefix.len != b->prefix.len)
		return a->prefix.len - b->prefix.len;
	if (a->permit != b->permit)
		return a->permit - b->permit;
	return a->eq != b->eq ? a->eq - b->eq : a->ge != b->ge ? a->ge - b->ge : a->le - b->le;
}

/* An order in which equal lists stand together; NULL: no list. */
static int compare_lists(const struct prefix_list *a, const struct prefix_list *b)
{
	if (!a || !b)
		return !!a - !!b;
	if (a->external != b->external)
		return a->external - b->external;
	if (a->n_entries != b->n_entries)
		return a->n_entries < b->n_entries ? -1 : 1;
	for (size_t i = 0; i < a->n_entries; i++) {
		int c = compare_entries(&a->entries[i], &b->entries[i]);

		if (c)
			return c;
	}
	return 0;
}

/* A device's lists of two names, by the order of which devices are put together. */
struct pair {
	const struct prefix_list *v4, *v6;
	uint32_t device;
};

static int compare_pairs(const struct pair *a, const struct pair *b)
{
	int c = compare_lists(a->v4, b->v4);

	return c ? c : compare_lists(a->v6, b->v6);
}

static int by_pair(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int c = compare_pairs(x, y);

	return c ? c : x->device < y->device ? -1 : x->device > y->device;
}

/* Of every device, sorted; a name that is NULL names no list. NULL: no memory. */
static struct pair *sorted_pairs(const struct fabric *f, const char *v4, const char *v6)
{
	struct pair *pairs = calloc(f->n_devices ? f->n_devices : 1, sizeof(*pairs));

	for (size_t i = 0; pairs && i < f->n_devices; i++)
		pairs[i] = (struct pair){ v4 ? device_list(&f->devices[i], 4, v4) : NULL,
					  v6 ? device_list(&f->devices[i], 6, v6) : NULL,
					  (uint32_t)i };
	if (pairs)
		qsort(pairs, f->n_devices, sizeof(*pairs), by_pair);
	return pairs;
}

/* Entries that never decide: a `deny` behind a wider `permit` fails open. */
static void note_shadowed(struct loader *l, const struct fabric_device *d,
			  const struct prefix_list *p, const struct lpm *t)
{
	size_t n, told = 0;
	const struct lpm_entry *kept = lpm_entries(t, &n);
	bool *decides;

	if (n == p->n_entries)
		return;
	decides = calloc(p->n_entries, sizeof(*decides));
	if (!decides) {
		l->no_memory = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		decides[kept[i].rule] = true;
	for (uint32_t i = 0; i < p->n_entries && told < MAX_SHADOW_NOTES; i++) {
		const struct prefix_entry *e = &p->entries[i], *by;
		char text[PREFIX_STRLEN];

		if (decides[i])
			continue;
		by = &p->entries[prefix_list_shadow(p, i)];
		remark(l, DEVICE_NOTE, d->file, e->line,
		       "%s seq %u %s %s never decides: seq %u (line %d) covers it and comes first",
		       p->name, e->seq, e->permit ? "permit" : "deny",
		       prefix_format(&e->prefix, text), by->seq, by->line);
		told++;
	}
	free(decides);
}

static struct lpm *compile_policy(struct loader *l, const struct fabric_device *d,
				  const struct prefix_list **list, uint8_t family, const char *name)
{
	const struct prefix_list *p = device_list(d, family, name);
	struct lpm *t;

	if (!p || p->external)
		return NULL;
	t = prefix_list_compile(p);
	if (!t) {
		l->no_memory = true;
		return NULL;
	}
	*list = p;
	note_shadowed(l, d, p, t);
	return t;
}

/* Numbered in the order of the first device that has each. */
static void make_policies(struct loader *l)
{
	struct fabric *f = l->f;
	size_t n = f->n_devices;
	struct pair *sorted = sorted_pairs(f, f->names.trusted, f->names.trusted_v6);
	uint32_t *first = calloc(n ? n : 1, sizeof(*first)); /* device with equal lists */

	f->policies = calloc(n ? n : 1, sizeof(*f->policies));
	if (!f->policies || !sorted || !first) {
		l->no_memory = true;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		bool same = i && compare_pairs(&sorted[i], &sorted[i - 1]) == 0;

		first[sorted[i].device] = same ? first[sorted[i - 1].device] : sorted[i].device;
	}
	for (size_t i = 0; i < n; i++) {
		struct fabric_device *d = &f->devices[i];
		struct fabric_policy *p;

		if (first[i] != i) {
			d->policy = f->devices[first[i]].policy;
			continue;
		}
		d->policy = (uint32_t)f->n_policies;
		p = &f->policies[f->n_policies++];
		p->v4_table = compile_policy(l, d, &p->v4, 4, f->names.trusted);
		p->v6_table = compile_policy(l, d, &p->v6, 6, f->names.trusted_v6);
	}
out:
	free(sorted);
	free(first);
}

/* ---- in-band ranges ---- */

struct claim { /* what one list says about one prefix */
	struct prefix prefix;
	uint32_t list;
	bool permit;
};

static int by_prefix(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int c = addr_compare(&x->prefix.addr, &y->prefix.addr);

	if (c)
		return c;
	return x->prefix.len < y->prefix.len ? -1 : x->prefix.len > y->prefix.len;
}

/* The compiled entries of one loopback list. The widest ones are left out before
 * compiling, so that `deny 0.0.0.0/0`, the idiom for "all but the default route",
 * hides nothing. */
static void claim_list(struct loader *l, const struct fabric_device *d, const struct prefix_list *p,
		       uint32_t list, struct claim **claims, size_t *n)
{
	uint8_t least = p->family == 4 ? MIN_RANGE_V4 : MIN_RANGE_V6;
	struct prefix_list narrow = *p;
	const struct lpm_entry *e;
	struct lpm *t = NULL;
	size_t kept;

	narrow.n_entries = 0;
	narrow.entries = calloc(p->n_entries ? p->n_entries : 1, sizeof(*narrow.entries));
	if (!narrow.entries) {
		l->no_memory = true;
		return;
	}
	for (size_t i = 0; i < p->n_entries; i++) {
		char text[PREFIX_STRLEN];

		if (p->entries[i].prefix.len >= least)
			narrow.entries[narrow.n_entries++] = p->entries[i];
		else
			remark(l, DEVICE_NOTE, d->file, p->entries[i].line,
			       "%s seq %u %s is wider than /%u: not taken as a range of in-band "
			       "addresses",
			       p->name, p->entries[i].seq,
			       prefix_format(&p->entries[i].prefix, text), least);
	}
	t = prefix_list_compile(&narrow);
	if (!t) {
		l->no_memory = true;
		goto out;
	}
	e = lpm_entries(t, &kept);
	for (size_t i = 0; i < kept; i++) {
		struct claim *larger = grow(l, *claims, *n, sizeof(*larger));

		if (!larger)
			break;
		*claims = larger;
		larger[(*n)++] = (struct claim){ e[i].prefix, list, e[i].permit };
	}
out:
	free(narrow.entries);
	lpm_free(t);
}

/* Claims of all distinct lists of one family. Returns how many lists. */
static uint32_t claim_family(struct loader *l, uint8_t family, const char *name, uint32_t lists,
			     struct claim **claims, size_t *n)
{
	struct fabric *f = l->f;
	struct pair *d = sorted_pairs(f, family == 4 ? name : NULL, family == 6 ? name : NULL);

	if (!d) {
		l->no_memory = true;
		return 0;
	}
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct prefix_list *p = family == 4 ? d[i].v4 : d[i].v6;

		if (!p || p->external || (i && compare_pairs(&d[i], &d[i - 1]) == 0))
			continue;
		claim_list(l, &f->devices[d[i].device], p, lists++, claims, n);
	}
	free(d);
	return lists;
}

/*
 * An address is in range when any device's list permits it. The lists are merged
 * into one set of prefixes: walking all of their entries in order, outer before
 * inner, `permits` counts the lists whose longest entry so far permits; where an
 * entry ends its list falls back to what it said before. A prefix that says the
 * same as the one around it is left out.
 */
static void make_ranges(struct loader *l)
{
	struct fabric *f = l->f;
	struct claim *claims = NULL;
	struct open {
		uint32_t claim;
		bool before;
	} *stack = NULL;
	struct outer {
		struct prefix prefix;
		bool permit;
	} outer[129];
	struct lpm_entry *entries = NULL;
	bool *says = NULL; /* per list */
	size_t n = 0, depth = 0, outers = 0;
	uint32_t lists, permits = 0;

	lists = claim_family(l, 4, f->names.loopback, 0, &claims, &n);
	lists = claim_family(l, 6, f->names.loopback_v6, lists, &claims, &n);
	if (n)
		qsort(claims, n, sizeof(*claims), by_prefix);
	says = calloc(lists ? lists : 1, sizeof(*says));
	stack = calloc(n ? n : 1, sizeof(*stack));
	f->ranges = calloc(n ? n : 1, sizeof(*f->ranges));
	entries = calloc(n ? n : 1, sizeof(*entries));
	if (l->no_memory || !says || !stack || !f->ranges || !entries) {
		l->no_memory = true;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		const struct claim *c = &claims[i];
		bool around;

		while (depth &&
		       !prefix_covers(&claims[stack[depth - 1].claim].prefix, &c->prefix)) {
			const struct open *o = &stack[--depth];
			uint32_t list = claims[o->claim].list;

			permits += (uint32_t)o->before - (uint32_t)says[list];
			says[list] = o->before;
		}
		stack[depth++] = (struct open){ (uint32_t)i, says[c->list] };
		permits += (uint32_t)c->permit - (uint32_t)says[c->list];
		says[c->list] = c->permit;
		if (i + 1 < n && by_prefix(c, &claims[i + 1]) == 0)
			continue; /* another list speaks of the same prefix */

		while (outers && !prefix_covers(&outer[outers - 1].prefix, &c->prefix))
			outers--;
		around = outers && outer[outers - 1].permit;
		if (around == (permits > 0))
			continue;
		/* nested strictly, so never more than lengths there are */
		outer[outers++] = (struct outer){ c->prefix, permits > 0 };
		entries[f->n_ranges] =
			(struct lpm_entry){ c->prefix, permits > 0, (uint32_t)f->n_ranges };
		f->ranges[f->n_ranges++] = (struct fabric_range){ c->prefix, permits > 0 };
	}
	f->range_table = lpm_build(entries, f->n_ranges);
	if (!f->range_table)
		l->no_memory = true;
out:
	free(claims);
	free(stack);
	free(says);
	free(entries);
}

/* ---- generation ---- */

static const char *target_kind(const struct fabric_target *t)
{
	if (t->path == GW_PATH_NONE)
		return t->peer ? "peer" : "underlay";
	return event_path_name(t->path);
}

/*
 * A digest of all that a verdict depends on: targets, lists, and the neighbors'
 * addresses (trust.neighbor). Names, not indexes, and devices by name: the same
 * fabric in other files, in another order or with other comments has the same
 * generation.
 */
static void make_generation(struct loader *l)
{
	struct fabric *f = l->f;
	struct fabric_device **by = sorted_devices(l);
	char *text = NULL, address[ADDR_STRLEN];
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct digest d;

	if (!by || !to) {
		l->no_memory = true;
		if (to)
			fclose(to);
		goto out;
	}
	for (size_t i = 0; i < f->n_targets; i++) {
		const struct fabric_target *t = &f->targets[i];

		fprintf(to, "target %s %s %s %s\n", addr_format(&t->address, address),
			f->devices[t->device].name, target_kind(t), t->vrf ? t->vrf : "default");
	}
	for (size_t i = 0; i < f->n_devices; i++) {
		fprintf(to, "device %s\n", by[i]->name);
		for (size_t k = 0; k < by[i]->n_lists; k++)
			render_list(to, &by[i]->lists[k]);
		for (size_t k = 0; k < by[i]->n_neighbors; k++)
			fprintf(to, "neighbor %s\n",
				addr_format(&by[i]->neighbors[k].address, address));
	}
	if (fclose(to) != 0 || !digest_of(text, len, &d)) {
		l->no_memory = true;
		goto out;
	}
	for (size_t i = 0; i < FABRIC_GENERATION_LEN / 2; i++)
		sprintf(f->generation + 2 * i, "%02x", d.bytes[i]);
out:
	free(by);
	free(text);
}

/* ---- life ---- */

/* By file and line, so that a person can go through the files. */
static int by_place(const void *a, const void *b)
{
	const struct fabric_problem *x = a, *y = b;
	int c = strcmp(x->file ? x->file : "", y->file ? y->file : "");

	if (c || x->line != y->line)
		return c ? c : x->line < y->line ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void sort_remarks(struct fabric_problem *array, size_t n)
{
	if (n)
		qsort(array, n, sizeof(*array), by_place);
}

struct fabric *fabric_load(const char *dir, char *err, size_t size)
{
	return fabric_load_extra(dir, false, NULL, err, size);
}

struct fabric *fabric_load_with(const char *dir, bool underlay, char *err, size_t size)
{
	return fabric_load_extra(dir, underlay, NULL, err, size);
}

/* The sources other than configurations. 0; -1: err, or no memory. */
static int join_sources(struct loader *l, char *err, size_t size)
{
	struct fabric *f = l->f;
	size_t configured = f->n_devices;
	int ret = merge_inventory(f, &l->inv, merge_remark, l, err, size);

	for (size_t i = configured; ret == 0 && f->extra && i < f->n_devices; i++) {
		struct eos *none = eos_parse("", 0);

		f->devices[i].extra = none ? f->extra->read(none) : NULL;
		if (!f->devices[i].extra)
			ret = -ENOMEM;
		eos_free(none);
	}
	if (ret == -ENOMEM)
		l->no_memory = true;
	return ret < 0 ? -1 : 0;
}

static void say_no_device(const struct fabric *f, char *err, size_t size)
{
	const struct fabric_problem *p = f->problems;

	if (p)
		snprintf(err, size, "%s: holds no device: %s: %s", f->directory,
			 p->file ? p->file : f->directory, p->text);
	else
		snprintf(err, size,
			 "%s: holds no device: put one EOS running-config per device there",
			 f->directory);
}

struct fabric *fabric_load_extra(const char *dir, bool underlay, const struct fabric_extra *extra,
				 char *err, size_t size)
{
	struct fabric *f = calloc(1, sizeof(*f));
	struct loader l = { .f = f, .underlay = underlay };
	size_t len = strlen(dir);

	inventory_init(&l.inv);
	if (!f)
		goto no_memory;
	while (len > 1 && dir[len - 1] == '/')
		len--;
	f->refs = 1;
	f->extra = extra;
	f->names = fabric_names_default;
	f->directory = strndup(dir, len);
	if (!f->directory)
		goto no_memory;
	if (load_directory(&l, err, size) < 0)
		goto fail;
	drop_duplicates(&l);
	if (l.no_memory || join_sources(&l, err, size) < 0)
		goto fail;
	if (f->n_devices == 0) {
		say_no_device(f, err, size);
		goto fail;
	}
	for (size_t i = 0; i < f->n_devices; i++)
		if (f->devices[i].role == ROLE_UNKNOWN)
			remark(&l, DEVICE_NOTE, f->devices[i].file, 0,
			       "hostname %s does not end in a role (CE1, TOR1, MGMT1, NPB1, TS1, "
			       "PE1): role unknown",
			       f->devices[i].name);
	make_targets(&l);
	make_policies(&l);
	make_ranges(&l);
	make_generation(&l);
	merge_compare_trust(f, merge_remark, &l);
	sort_remarks(f->problems, f->n_problems);
	sort_remarks(f->notes, f->n_notes);
	inventory_clear(&l.inv);
	if (!l.no_memory)
		return f;
fail:
	inventory_clear(&l.inv);
	if (l.no_memory)
		goto no_memory;
	fabric_unref(f);
	return NULL;
no_memory:
	snprintf(err, size, "%s: out of memory", dir);
	fabric_unref(f);
	return NULL;
}

struct fabric *fabric_ref(struct fabric *f)
{
	f->refs++;
	return f;
}

static void free_remarks(struct fabric_problem *array, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(array[i].file);
		free(array[i].text);
	}
	free(array);
}

void fabric_unref(struct fabric *f)
{
	if (!f || (f->refs && --f->refs))
		return;
	for (size_t i = 0; i < f->n_policies; i++) {
		lpm_free(f->policies[i].v4_table);
		lpm_free(f->policies[i].v6_table);
	}
	free(f->policies);
	for (size_t i = 0; i < f->n_devices; i++)
		clear_device(f, &f->devices[i]);
	free(f->devices);
	free(f->targets);
	free(f->ranges);
	lpm_free(f->range_table);
	free_remarks(f->problems, f->n_problems);
	free_remarks(f->notes, f->n_notes);
	for (size_t i = 0; i < f->n_sources; i++)
		free(f->sources[i].file);
	free(f->sources);
	for (size_t i = 0; i < f->n_intended; i++)
		prefix_list_clear(&f->intended[i].list);
	free(f->intended);
	for (size_t i = 0; i < f->n_texts; i++)
		free(f->texts[i]);
	free(f->texts);
	free(f->directory);
	free(f);
}

/* ---- looking up ---- */

const struct fabric_target *fabric_find_target(const struct fabric *f, const struct addr *a)
{
	size_t low = 0, high = f->n_targets;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = addr_compare(&f->targets[mid].address, a);

		if (c == 0)
			return &f->targets[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool fabric_in_range(const struct fabric *f, const struct addr *a)
{
	uint32_t rule;

	return lpm_match(f->range_table, a, &rule) && f->ranges[rule].permit;
}

bool fabric_is_neighbor(const struct fabric *f, uint32_t device, const struct addr *a)
{
	const struct fabric_device *d;
	size_t low = 0, high;

	if (device >= f->n_devices)
		return false;
	d = &f->devices[device];
	high = d->n_neighbors; /* sorted by address */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = addr_compare(&d->neighbors[mid].address, a);

		if (c == 0)
			return true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

struct fabric_trust fabric_judge(const struct fabric *f, uint32_t policy, const struct addr *source)
{
	struct fabric_trust t = { GW_VERDICT_NO_POLICY, NULL, GW_RULE_IMPLICIT };
	const struct lpm *table;
	uint32_t rule;

	if (policy >= f->n_policies || !source->family)
		return t;
	t.list = source->family == 4 ? f->policies[policy].v4 : f->policies[policy].v6;
	table = source->family == 4 ? f->policies[policy].v4_table : f->policies[policy].v6_table;
	if (!t.list)
		return t;
	t.verdict = GW_VERDICT_UNTRUSTED;
	if (lpm_match(table, source, &rule)) {
		t.rule = rule;
		if (t.list->entries[rule].permit)
			t.verdict = GW_VERDICT_TRUSTED;
	}
	return t;
}
