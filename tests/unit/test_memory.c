/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent that dies at any step, and the next one: for each step of the way from
 * record to commit to release there is a run in which the process ends right there.
 * What comes out, over both lives, has to be what an agent that lives to the end
 * makes: each flow's start and end once, the same counters, sessions and paths.
 *
 * The kernel is played by what the tracking code says of a capture written here:
 * after each packet its records and its flow table. What both lives share (time,
 * the place in the ring, which flows were forgotten) is in memory of both.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/memory.h"
#include "agent/outbox.h"
#include "agent/outbox_notes.h"
#include "agent/recall.h"
#include "agent/stream.h"
#include "tests/unit/engine.h"

#define MA1 "192.0.2.11"
#define LO6 "198.51.100.64"
#define OPERATOR "198.18.1.10"
#define PEER "203.0.113.1"
#define MAX_STEPS 256
#define MAX_RECORDS 256
#define MAX_FLOWS 16
#define QUIET_STEPS 130 /* of a second each, after the last packet */
#define LIFE 77

static const char device[] = "hostname test-CE1\n"
			     "interface Management1\n   vrf MGMT\n   ip address 192.0.2.11/24\n"
			     "interface Loopback6\n   ip address 198.51.100.64/32\n"
			     "ip prefix-list trusted_sources\n   seq 10 permit 198.18.0.0/16\n"
			     "router bgp 65000\n   neighbor 203.0.113.1 remote-as 65001\n"
			     "end\n";

/* ---- the world ------------------------------------------------------------------ */

struct seen {
	struct gw_key key;
	struct gw_flow flow;
};

static struct {
	unsigned n_steps, n_records;
	uint64_t time_ns[MAX_STEPS];
	unsigned records_at[MAX_STEPS]; /* how many there are after the step */
	unsigned flows_at[MAX_STEPS];
	struct seen flows[MAX_STEPS][MAX_FLOWS];
	struct gw_record records[MAX_RECORDS];
} world;

/* What outlives an agent. */
static struct {
	unsigned step, released, n_forgotten;
	uint64_t forgotten[64]; /* by their start */
	unsigned fuse;		/* the process ends when it gets to 0 */
} *shared;

static void keep_record(void *arg, const struct gw_record *r)
{
	assert_true(world.n_records < MAX_RECORDS);
	memcpy(&world.records[world.n_records++], r, GW_RECORD_SHORT + r->snap_len);
}

static void keep_flow(void *arg, const struct gw_key *key, const struct gw_flow *flow)
{
	unsigned *n = arg;

	assert_true(*n < MAX_FLOWS);
	world.flows[world.n_steps][*n].key = *key;
	world.flows[world.n_steps][(*n)++].flow = *flow;
}

static void session(unsigned ms, const char *to, uint16_t port, uint32_t isn, unsigned length_ms,
		    uint8_t end)
{
	packet(ms, (struct segment){ OPERATOR, to, port, 22, GW_SYN, isn, 0, NULL });
	packet(ms + 1, (struct segment){ to, OPERATOR, 22, port, GW_SYN | GW_ACK, 500, isn + 1,
					 NULL });
	packet(ms + 2, (struct segment){ OPERATOR, to, port, 22, GW_ACK, isn + 1, 501, NULL });
	packet(ms + 3, (struct segment){ to, OPERATOR, 22, port, GW_ACK, 501, isn + 1,
					 "SSH-2.0-Far\r\n" });
	packet(ms + 4, (struct segment){ OPERATOR, to, port, 22, GW_ACK, isn + 1, 514,
					 "SSH-2.0-Near\r\n" });
	ms += length_ms;
	packet(ms, (struct segment){ OPERATOR, to, port, 22, end | GW_ACK, isn + 15, 514, NULL });
	if (end == GW_FIN)
		packet(ms + 1, (struct segment){ to, OPERATOR, 22, port, GW_FIN | GW_ACK, 514,
						 isn + 16, NULL });
}

#define MARK "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
#define KEEPALIVE MARK "\x00\x13\x04"
#define OPEN MARK "\x00\x1d\x01\x04\xfd\xe9\x00\x5a\x01\x02\x03\x04\x00"

static void say_bgp(unsigned ms, bool from_peer, uint32_t seq, uint32_t ack, const char *bytes,
		    size_t n)
{
	struct segment s = { PEER, MA1, 40179, 179, GW_ACK, seq, ack, bytes, n };

	if (!from_peer)
		s = (struct segment){ MA1, PEER, 179, 40179, GW_ACK, seq, ack, bytes, n };
	packet(ms, s);
}

static void bgp_session(unsigned ms)
{
	packet(ms, (struct segment){ PEER, MA1, 40179, 179, GW_SYN, 100, 0, NULL });
	packet(ms + 1, (struct segment){ MA1, PEER, 179, 40179, GW_SYN | GW_ACK, 500, 101, NULL });
	packet(ms + 2, (struct segment){ PEER, MA1, 40179, 179, GW_ACK, 101, 501, NULL });
	say_bgp(ms + 3, true, 101, 501, OPEN, 29);
	say_bgp(ms + 4, false, 501, 130, OPEN, 29);
	say_bgp(ms + 5, true, 130, 530, KEEPALIVE, 19);
	say_bgp(ms + 6, false, 530, 149, KEEPALIVE, 10); /* in two parts */
	say_bgp(ms + 7, false, 540, 149, &KEEPALIVE[10], 9);
	say_bgp(ms + 900, true, 149, 549, KEEPALIVE, 19);
	packet(ms + 1000,
	       (struct segment){ PEER, MA1, 40179, 179, GW_FIN | GW_ACK, 168, 549, NULL });
	packet(ms + 1001,
	       (struct segment){ MA1, PEER, 179, 40179, GW_FIN | GW_ACK, 549, 169, NULL });
}

static int make_world(void **state)
{
	struct capture_config cc = { .ssh_ports = { 22 }, .bgp_ports = { 179 }, .max_flows = 100 };
	char path[64], err[256];
	const char *paths[1] = { path };
	struct fabric *f;
	struct capture *c;
	unsigned i;

	engine_make_fabric(device);
	begin_capture();
	/* never answered: the path fails; then lo6 is used */
	packet(0, (struct segment){ OPERATOR, MA1, 40001, 22, GW_SYN, 100, 0, NULL });
	packet(3500, (struct segment){ OPERATOR, MA1, 40001, 22, GW_SYN, 100, 0, NULL });
	session(4000, LO6, 40002, 100, 100, GW_FIN);
	bgp_session(4200);
	session(5300, MA1, 40003, 100, 50, GW_RST);
	session(5400, MA1, 40003, 9000, 50, GW_FIN); /* the same ends: the former is replaced */
	f = fabric_load(engine_dir, err, sizeof(err));
	assert_non_null(f);
	f->number = 1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", engine_fd);
	c = capture_file_open(paths, 1, &cc, err, sizeof(err));
	assert_non_null(c);
	assert_int_equal(c->ops->load(c, f), 0);
	for (;;) {
		uint64_t at = c->ops->clock(c);
		unsigned n = 0;

		if (c->ops->poll(c, 1, keep_record, NULL) < 0)
			break;
		world.time_ns[world.n_steps] = at;
		world.records_at[world.n_steps] = world.n_records;
		c->ops->sweep(c, keep_flow, &n);
		world.flows_at[world.n_steps++] = n;
	}
	c->ops->close(c);
	fabric_unref(f);
	close(engine_fd);
	for (i = 0; i < QUIET_STEPS; i++, world.n_steps++) {
		unsigned s = world.n_steps;

		world.time_ns[s] = world.time_ns[s - 1] + NS_PER_S;
		world.records_at[s] = world.n_records;
		world.flows_at[s] = world.flows_at[s - 1];
		memcpy(world.flows[s], world.flows[s - 1], sizeof(world.flows[s]));
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(shared != MAP_FAILED);
	return 0;
}

/* ---- the capture that an agent has of it ------------------------------------------ */

static unsigned at; /* the next record to be read; this life's */

static bool is_forgotten(const struct gw_flow *f)
{
	unsigned i;

	for (i = 0; i < shared->n_forgotten; i++)
		if (shared->forgotten[i] == f->start_ns)
			return true;
	return false;
}

static int fake_load(struct capture *c, const struct fabric *f)
{
	return 0;
}

static int fake_poll(struct capture *c, unsigned budget, capture_record_fn *fn, void *arg)
{
	int n = 0;

	for (; at < world.records_at[shared->step]; at++, n++)
		fn(arg, &world.records[at]);
	return n;
}

static int fake_fd(struct capture *c)
{
	return -1;
}

static int fake_sweep(struct capture *c, capture_flow_fn *fn, void *arg)
{
	unsigned i, n = 0;

	for (i = 0; i < world.flows_at[shared->step]; i++) {
		const struct seen *s = &world.flows[shared->step][i];

		if (is_forgotten(&s->flow))
			continue;
		fn(arg, &s->key, &s->flow);
		n++;
	}
	return (int)n;
}

static int fake_read(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	unsigned i;

	for (i = 0; i < world.flows_at[shared->step]; i++) {
		const struct seen *s = &world.flows[shared->step][i];

		if (memcmp(&s->key, key, sizeof(*key)) == 0 && !is_forgotten(&s->flow)) {
			*out = s->flow;
			return 0;
		}
	}
	return -ENOENT;
}

static int fake_forget(struct capture *c, const struct gw_key *key, struct gw_flow *out)
{
	struct gw_flow f;

	if (fake_read(c, key, &f))
		return -ENOENT;
	assert_true(shared->n_forgotten < 64);
	shared->forgotten[shared->n_forgotten++] = f.start_ns;
	if (out)
		*out = f;
	return 0;
}

static void fake_release(struct capture *c)
{
	shared->released = at;
}

static uint64_t fake_position(struct capture *c)
{
	return at;
}

static bool fake_seek(struct capture *c, uint64_t position)
{
	if (position < at || position > world.n_records)
		return false;
	at = (unsigned)position;
	return true;
}

static const struct capture_ops fake_ops = {
	.name = "fake", .load = fake_load, .poll = fake_poll, .fd = fake_fd,
	.sweep = fake_sweep, .read = fake_read, .forget = fake_forget,
	.release = fake_release, .position = fake_position, .seek = fake_seek,
};

/* ---- one life ------------------------------------------------------------------------ */

static struct pipeline *engine;

static void step_taken(void)
{
	if (shared->fuse && --shared->fuse == 0)
		_exit(9);
}

static bool always_due(void *arg)
{
	return pipeline_has_news(engine);
}

static int write_notes(void *arg)
{
	int err;

	step_taken(); /* in the middle of the transaction */
	err = pipeline_note(engine);
	step_taken();
	return err;
}

static void notes_written(void *arg, int result)
{
	step_taken(); /* right behind it */
	pipeline_noted(engine, result);
}

static int push(void *arg, struct event *e)
{
	return outbox_push(arg, e);
}

static void live(const char *path, bool inherits)
{
	static const struct pipeline_config config = {
		.max_flows = 100,
		.linger_ns = 5 * NS_PER_S,
		.attempt_ns = 75 * NS_PER_S,
		.closing_ns = 300 * NS_PER_S,
		.idle_ns = 8100 * NS_PER_S,
		.update_ns = 60 * NS_PER_S,
		.unanswered_ns = 3 * NS_PER_S,
		.stalled_ns = 10 * NS_PER_S,
		.window_ns = 300 * NS_PER_S,
	};
	const struct outbox_companion companion = { always_due, write_notes, notes_written, NULL };
	struct capture c = { .ops = &fake_ops, .pinned = true, .inherited = inherits, .id = 5 };
	struct memory_recalled former;
	char err[256];
	struct outbox *box = outbox_open(path, "unit", 0, err, sizeof(err));
	struct notes *notes = box ? notes_open(box, err, sizeof(err)) : NULL;
	struct fabric *f = fabric_load(engine_dir, err, sizeof(err));
	struct now now;

	at = shared->released;
	now.mono_ns = now.real_ns = world.time_ns[shared->step];
	engine = notes && f ? pipeline_new(&config, &c, push, box) : NULL;
	if (!engine || pipeline_remember(engine, notes, LIFE, &former))
		_exit(3);
	outbox_join(box, &companion);
	if (pipeline_load(engine, f, now))
		_exit(4);
	pipeline_clock(engine, now);
	fake_poll(&c, 0, pipeline_record, engine);
	pipeline_resume(engine, now);
	outbox_commit(box);
	for (; shared->step < world.n_steps; shared->step++) {
		now.mono_ns = now.real_ns = world.time_ns[shared->step];
		step_taken();
		pipeline_clock(engine, now);
		fake_poll(&c, 0, pipeline_record, engine);
		step_taken();
		pipeline_tick(engine, now);
		outbox_commit(box);
		step_taken();
		if (!pipeline_has_news(engine))
			fake_release(&c);
	}
	shared->step--;
	outbox_join(box, &(struct outbox_companion){ .write = NULL });
	notes_close(notes);
	outbox_close(box);
	pipeline_free(engine);
	fabric_unref(f);
	_exit(0);
}

/* Returns how it ended. dead: steps that pass before the next life. */
static int life(const char *path, unsigned fuse, unsigned dead, bool inherits)
{
	int status;
	pid_t pid;

	shared->fuse = fuse;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		live(path, inherits);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	shared->step += dead;
	if (shared->step >= world.n_steps)
		shared->step = world.n_steps - 1;
	return WEXITSTATUS(status);
}

/* ---- what came out ----------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct told {
	char *line[512];
	unsigned n;
	uint64_t next_seq;
	bool hole;
};

static const char *text_of(const json_t *doc, const char *part, const char *key)
{
	const char *s = json_string_value(json_object_get(json_object_get(doc, part), key));

	return s ? s : "-";
}

static long long count_of(const json_t *doc, const char *part, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(doc, part), key));
}

/* Which events were told, and of ends, with what. */
static bool tell(void *arg, const struct outbox_item *item)
{
	json_t *doc = json_loadb(item->json, item->json_len, 0, NULL), *ssh, *bgp;
	struct told *t = arg;
	char line[512];

	assert_non_null(doc);
	t->hole |= item->seq != ++t->next_seq;
	ssh = json_object_get(json_object_get(doc, "ssh"), "client");
	bgp = json_object_get(doc, "bgp");
	if (strcmp(item->type, "flow.end") == 0)
		snprintf(line, sizeof(line), "%s %s %s %lld %lld cut=%d ssh=%s bgp=%lld,%lld",
			 item->type, text_of(doc, "flow", "id"), text_of(doc, "flow", "state"),
			 count_of(doc, "source", "packets"), count_of(doc, "destination", "bytes"),
			 json_is_true(json_object_get(json_object_get(doc, "flow"), "cut")),
			 json_string_value(json_object_get(ssh, "software_version")),
			 count_of(bgp, "source", "keepalive"),
			 count_of(bgp, "destination", "keepalive"));
	else if (strcmp(item->type, "path.change") == 0)
		snprintf(line, sizeof(line), "%s %s-%s", item->type, text_of(doc, "change", "from"),
			 text_of(doc, "change", "to"));
	else if (strcmp(item->type, "bgp.session") == 0)
		snprintf(line, sizeof(line), "%s %s %s", item->type, text_of(doc, "flow", "id"),
			 text_of(bgp, "session", "state"));
	else
		snprintf(line, sizeof(line), "%s %s", item->type, text_of(doc, "flow", "id"));
	json_decref(doc);
	/* a next agent says anew what is in force, and how a flow stands */
	if (strcmp(item->type, "policy.loaded") != 0 && strcmp(item->type, "fabric.device") != 0 &&
	    strcmp(item->type, "flow.update") != 0 && t->n < 512)
		t->line[t->n++] = strdup(line);
	return true;
}

static void read_told(const char *path, struct told *t)
{
	char err[256];
	struct outbox *box = outbox_open(path, "unit", 0, err, sizeof(err));

	memset(t, 0, sizeof(*t));
	assert_non_null(box);
	assert_true(outbox_each(box, 0, 100000, tell, t) > 0);
	outbox_close(box);
	qsort(t->line, t->n, sizeof(*t->line), by_text);
}

static void free_told(struct told *t)
{
	while (t->n)
		free(t->line[--t->n]);
}

static bool same(const struct told *a, const struct told *b)
{
	unsigned i = 0;

	while (i < a->n && i < b->n && strcmp(a->line[i], b->line[i]) == 0)
		i++;
	if (i == a->n && i == b->n)
		return true;
	print_message("expected: %s\n     got: %s\n", i < a->n ? a->line[i] : "nothing",
		      i < b->n ? b->line[i] : "nothing");
	return false;
}

/* In memory where that is to be had: there are thousands of lives, and a real disk
 * takes its time over each commit. */
static void begin(char *path, size_t size, unsigned n)
{
	memset(shared, 0, sizeof(*shared));
	snprintf(path, size, "%s.%u.%d",
		 access("/dev/shm", W_OK) ? engine_dir : "/dev/shm/gwmemory", n, (int)getpid());
}

static void clean(const char *path)
{
	char more[128];

	unlink(path);
	snprintf(more, sizeof(more), "%s-wal", path);
	unlink(more);
}

static struct told whole;

static void test_whole_life(void **state)
{
	char path[64];

	begin(path, sizeof(path), 0);
	assert_int_equal(life(path, 0, 0, false), 0);
	read_told(path, &whole);
	clean(path);
	assert_false(whole.hole);
	assert_true(whole.n >= 5 * 2 + 2 + 3); /* flows, bgp.session, path.change */
}

/* Death at each step, at once followed by the next agent, or a while later. */
static void die_everywhere(unsigned dead)
{
	unsigned fuse, deaths = 0;
	char path[64];

	for (fuse = 1;; fuse++) {
		struct told t;
		int status;

		begin(path, sizeof(path), fuse);
		status = life(path, fuse, dead, false);
		if (status == 0)
			break;
		assert_int_equal(status, 9);
		deaths++;
		assert_int_equal(life(path, 0, 0, true), 0);
		read_told(path, &t);
		clean(path);
		if (t.hole || !same(&whole, &t))
			fail_msg("killed at step %u of the way", fuse);
		free_told(&t);
	}
	clean(path);
	print_message("%u places to die\n", deaths);
	assert_true(deaths > 500);
}

static void test_dies_anywhere(void **state)
{
	die_everywhere(0);
}

static void test_dies_and_time_passes(void **state)
{
	die_everywhere(3);
}

/* Three deaths in one history. */
static void test_dies_again(void **state)
{
	unsigned fuse;
	char path[64];

	for (fuse = 1; fuse < 400; fuse += 7) {
		struct told t;

		begin(path, sizeof(path), fuse);
		life(path, fuse, 1, false);
		life(path, fuse % 11 + 1, 0, true);
		life(path, fuse % 17 + 3, 2, true);
		assert_int_equal(life(path, 0, 0, true), 0);
		read_told(path, &t);
		clean(path);
		if (t.hole || !same(&whole, &t))
			fail_msg("killed at steps %u, %u and %u", fuse, fuse % 11 + 1,
				 fuse % 17 + 3);
		free_told(&t);
	}
}

/* The kernel's side is gone: every flow that was open ends once, as one that was cut. */
static void test_nothing_inherited(void **state)
{
	unsigned fuse;
	char path[64];

	for (fuse = 1; fuse < 300; fuse += 5) {
		unsigned i, starts = 0, ends = 0;
		struct told t;

		begin(path, sizeof(path), fuse);
		if (life(path, fuse, 0, false) == 0)
			break;
		shared->step = world.n_steps - 1; /* nothing more is to be seen */
		shared->released = world.n_records;
		world.flows_at[shared->step] = 0;
		assert_int_equal(life(path, 0, 0, false), 0);
		world.flows_at[world.n_steps - 1] = world.flows_at[world.n_steps - 2];
		read_told(path, &t);
		clean(path);
		for (i = 0; i < t.n; i++) {
			starts += strncmp(t.line[i], "flow.start", 10) == 0;
			ends += strncmp(t.line[i], "flow.end", 8) == 0;
		}
		assert_false(t.hole);
		assert_int_equal(starts, ends);
		free_told(&t);
	}
}

static void feed(struct ssh_flow *f, uint8_t dir, uint32_t seq, const char *text)
{
	struct gw_record *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->kind = GW_REC_PAYLOAD;
	r->dir = dir;
	r->seq = seq;
	r->snap_len = (uint16_t)strlen(text);
	r->payload_len = r->snap_len;
	memcpy(r->snap, text, strlen(text));
	r->flow.dir[dir].seq_known = 1;
	r->flow.dir[dir].first = 1;
	ssh_flow_feed(f, r);
	free(r);
}

/* One side is in the middle of its line; of the other a piece came too early. */
static void fill_ssh(struct ssh_flow *f)
{
	feed(f, 0, 1, "SSH-2.0-Ne");
	feed(f, 1, 1, "SSH-2.0-Far\r\n");
	feed(f, 1, 100, "early");
}

static void check_ssh(struct ssh_flow *f)
{
	assert_non_null(f);
	feed(f, 0, 11, "ar\r\n");
	assert_string_equal(f->side[0].ident.software_version, "Near");
	assert_string_equal(f->side[1].ident.software_version, "Far");
	assert_int_equal(f->side[1].order.n_held, 1);
	assert_int_equal(f->side[1].stream->n_ahead, 1);
}

/* Notes that are damaged are refused or taken, and nothing breaks. */
static void test_damaged(void **state)
{
	static const char doc[] =
		"{\"flow\":{\"id\":\"x\"},\"bgp\":{\"source\":{\"open\":1},\"opens\":[{\"from\":"
		"\"source\",\"router_id\":\"1.2.3.4\",\"capabilities\":[1,6]}],\"notifications\":"
		"[{\"from\":\"destination\",\"code\":6,\"text\":\"a\"}]},\"keep\":{\"bgp\":{"
		"\"at_risk\":1,\"readers\":[{\"started\":true,\"next\":7,\"bytes\":\"ffff\"},"
		"{}]}}}";
	struct recall_bytes mind = { NULL, 0, 0 };
	struct flow f = { .id = 42, .key = { .family = 4 }, .ssh = ssh_flow_new(0) };
	uint8_t *bytes;
	struct note note = { .id = 42 };
	char text[sizeof(doc)];
	unsigned i, taken = 0;

	fill_ssh(f.ssh);
	assert_true(recall_note_flow(&f, &mind));
	ssh_flow_free(f.ssh);
	f.ssh = NULL;
	bytes = malloc(mind.len);
	assert_non_null(bytes);
	srand(1);
	for (i = 0; i < 20000; i++) {
		struct flow_table *t = flow_table_new(1);
		struct event e;
		struct flow *g;
		json_t *body;

		assert_non_null(t);
		memcpy(text, doc, sizeof(doc));
		memcpy(bytes, mind.at, mind.len);
		if (i) {
			text[(unsigned)rand() % (sizeof(doc) - 1)] = (char)rand();
			bytes[(unsigned)rand() % mind.len] ^= (uint8_t)(i % 3 ? 0 : rand());
		}
		note.mind = bytes;
		note.mind_len = i % 7 ? mind.len : mind.len - (unsigned)rand() % 64 * !!i;
		note.doc = text;
		note.doc_len = strlen(text);
		g = flow_add(t, &f.key);
		if (recall_flow(&note, g)) {
			taken++;
			if (!i) {
				assert_int_equal(g->bgp->bgp.reader[0].len, 2);
				check_ssh(g->ssh);
			}
		}
		flow_table_free(t);
		if (recall_end(&note, &e, &body))
			json_decref(body);
	}
	assert_true(taken > 1000);
	free(bytes);
	free(mind.at);
}

static int remove_world(void **state)
{
	free_told(&whole);
	return engine_remove_fabric(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_life),
		cmocka_unit_test(test_dies_anywhere),
		cmocka_unit_test(test_dies_and_time_passes),
		cmocka_unit_test(test_dies_again),
		cmocka_unit_test(test_nothing_inherited),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, make_world, remove_world);
}
