/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: which watched addresses were seen, who came to a device, and who uses which
 * SSH client.
 *
 * Nearly every flow says again what is known of these already. So what the rows say is
 * remembered here, and what changes is written when the transaction ends or somebody asks
 * for the table. What is remembered is as good as other rows that are kept (chain.c
 * says when they are not). Times are exact to a minute, so that most flows change nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "collector/store/alert.h"
#include "collector/store/parts.h"

#define MINUTE UINT64_C(60000000000)
#define PAIRS 131072 /* (device, source); a power of two, as those below */
#define DEVICES 8192
#define CLIENTS 4096
#define HASH_LEN 40 /* of an SSH client; a longer one is written at once */

/* An address of a device; device NULL: of all that have it, the one longest ago. */
struct target {
	char address[ADDR_STRLEN]; /* "": empty */
	char *device;
	uint64_t seen_ns, reached_ns;
	bool changed;
};

struct client {
	char hash[HASH_LEN], source[ADDR_STRLEN];
	uint64_t first_ns, last_ns, sessions;
};

struct store_known {
	uint64_t seed; /* sources are chosen by strangers */

	struct target *targets;
	size_t n_targets, size_targets; /* a power of two; at most half is used */
	bool targets_read;

	struct {
		uint64_t key, last_ns; /* key 0: empty */
	} pairs[PAIRS];
	struct {
		uint64_t key, first_ns;
	} devices[DEVICES];

	struct client clients[CLIENTS];
	unsigned n_clients;
};

static struct store_known *have(struct store *s)
{
	if (s->known)
		return s->known;
	s->known = calloc(1, sizeof(*s->known));
	if (!s->known ||
	    getrandom(&s->known->seed, sizeof(s->known->seed), 0) != sizeof(s->known->seed)) {
		free(s->known);
		s->known = NULL;
		db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
	}
	return s->known;
}

void store_known_forget(struct store *s)
{
	if (!s->known)
		return;
	for (size_t i = 0; i < s->known->size_targets; i++)
		free(s->known->targets[i].device);
	free(s->known->targets);
	free(s->known);
	s->known = NULL;
}

static uint64_t mix(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
	h = (h ^ (h >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

/* Not 0. */
static uint64_t key_of(const struct store_known *k, const char *a, const char *b)
{
	return mix(mix(k->seed, a) + 1, b) | 1;
}

/* ---- watched addresses -------------------------------------------------------- */

static bool is_of(const struct target *t, const char *address, const char *device)
{
	return strcmp(t->address, address) == 0 &&
	       (device ? t->device && strcmp(t->device, device) == 0 : !t->device);
}

static struct target *target_slot(struct store_known *k, const char *address, const char *device)
{
	size_t i = mix(mix(k->seed, address), device ? device : "") & (k->size_targets - 1);

	while (k->targets[i].address[0] && !is_of(&k->targets[i], address, device))
		i = (i + 1) & (k->size_targets - 1);
	return &k->targets[i];
}

static bool grow_targets(struct store_known *k)
{
	struct target *old = k->targets;
	size_t size = k->size_targets;

	k->size_targets = size ? 2 * size : 1024;
	k->targets = calloc(k->size_targets, sizeof(*k->targets));
	if (!k->targets) {
		k->targets = old;
		k->size_targets = size;
		return false;
	}
	for (size_t i = 0; i < size; i++)
		if (old[i].address[0])
			*target_slot(k, old[i].address, old[i].device) = old[i];
	free(old);
	return true;
}

static int add_one(struct store *s, const char *address, const char *device, uint64_t seen_ns,
		   uint64_t reached_ns)
{
	struct store_known *k = s->known;
	struct target *t;
	char *name = NULL;

	if ((2 * (k->n_targets + 1) > k->size_targets && !grow_targets(k)) ||
	    (device && !(name = strdup(device))))
		return db_say(s->db, STORE_FAILED, "%s: out of memory", db_name(s->db));
	t = target_slot(k, address, device);
	if (!t->address[0]) {
		strcpy(t->address, address);
		t->device = name;
		t->seen_ns = seen_ns;
		t->reached_ns = reached_ns;
		k->n_targets++;
		return 0;
	}
	free(name);
	if (seen_ns < t->seen_ns)
		t->seen_ns = seen_ns;
	if (reached_ns < t->reached_ns)
		t->reached_ns = reached_ns;
	return 0;
}

/* An address that is too long to be one is none. */
static int add_target(struct store *s, const char *address, const char *device, uint64_t seen_ns,
		      uint64_t reached_ns)
{
	int rc;

	if (!address[0] || strlen(address) >= ADDR_STRLEN)
		return 0;
	rc = add_one(s, address, device, seen_ns, reached_ns);
	return rc ? rc : add_one(s, address, NULL, seen_ns, reached_ns);
}

static int read_target(void *arg, struct db_row *row)
{
	return add_target(arg, db_text(row, 0), db_text(row, 1), db_u64(row, 2), db_u64(row, 3));
}

static int read_targets(struct store *s)
{
	int rc = store_chain_head(s); /* forgets them when somebody else has written */

	if (rc || (s->known && s->known->targets_read))
		return rc;
	if (!have(s))
		return STORE_FAILED;
	rc = db_each(s->db, read_target, s,
		     "SELECT address, device, COALESCE(seen, 0), COALESCE(reached, 0) FROM targets",
		     "");
	s->known->targets_read = !rc;
	return rc;
}

int store_target_known(struct store *s, const char *address, const char *device)
{
	return s->known && s->known->targets_read ? add_target(s, address, device, 0, 0) : 0;
}

int store_target_seen(struct store *s, const char *address, const char *device, uint64_t time_ns,
		      bool reached)
{
	struct target *t;
	int rc = read_targets(s);

	if (rc || !s->known->n_targets)
		return rc;
	t = target_slot(s->known, address, device);
	if (!t->address[0] && device)
		t = target_slot(s->known, address, NULL);
	if (!t->address[0])
		return 0;
	if ((!t->seen_ns && time_ns) || time_ns > t->seen_ns + MINUTE) {
		t->seen_ns = time_ns;
		t->changed = true;
	}
	if (reached && ((!t->reached_ns && time_ns) || time_ns > t->reached_ns + MINUTE)) {
		t->reached_ns = time_ns;
		t->changed = true;
	}
	if (t->changed)
		db_pending(s->db, s->watch_targets);
	return 0;
}

/* Called by the database before any statement that names the table. */
int store_targets_write(void *arg)
{
	struct store *s = arg;
	int rc = 0;

	for (size_t i = 0; s->known && i < s->known->size_targets && !rc; i++) {
		struct target *t = &s->known->targets[i];

		if (!t->changed)
			continue;
		t->changed = false;
		rc = db_later(s->db,
			      "UPDATE targets SET seen = CASE WHEN seen IS NULL OR seen < $1"
			      " THEN $1 ELSE seen END, reached = CASE WHEN $2 > 0 AND"
			      " (reached IS NULL OR reached < $2) THEN $2 ELSE reached END"
			      " WHERE address = $3 AND device = COALESCE($4, device)",
			      "iitt", t->seen_ns, t->reached_ns, t->address, t->device);
	}
	return rc;
}

/* ---- who came to a device ------------------------------------------------------ */

/* Since when anybody is known there. */
static int first_of(struct store *s, const char *device, uint64_t time_ns, uint64_t *first_ns)
{
	uint64_t key = key_of(s->known, device, "");
	unsigned slot = (unsigned)(key >> 20) & (DEVICES - 1);
	struct db_row *row;
	int rc;

	if (s->known->devices[slot].key != key) {
		rc = db_get(s->db, &row, "SELECT MIN(first) FROM known_sources WHERE device = $1",
			    "t", device);
		if (rc < 0)
			return rc;
		s->known->devices[slot].key = key;
		s->known->devices[slot].first_ns = rc && !db_is_null(row, 0) ? db_u64(row, 0)
									     : time_ns;
	}
	if (time_ns < s->known->devices[slot].first_ns)
		s->known->devices[slot].first_ns = time_ns;
	*first_ns = s->known->devices[slot].first_ns;
	return 0;
}

/* Whoever comes to the device is no surprise yet, and whether it came before need not be
 * asked. */
static bool learns(const struct store_known *k, const char *device, uint64_t time_ns,
		   uint64_t learn_ns)
{
	uint64_t key = key_of(k, device, ""), first_ns;
	unsigned slot = (unsigned)(key >> 20) & (DEVICES - 1);

	first_ns = k->devices[slot].first_ns;
	return k->devices[slot].key == key && time_ns >= first_ns && time_ns < first_ns + learn_ns;
}

static uint64_t minute_before(uint64_t time_ns)
{
	return time_ns > MINUTE ? time_ns - MINUTE : 0;
}

int store_known_source(struct store *s, const char *device, const char *source, uint64_t time_ns,
		       uint64_t learn_ns)
{
	uint64_t key, first_ns;
	unsigned slot;
	int rc = store_chain_head(s);

	if (!rc && !have(s))
		rc = STORE_FAILED;
	if (rc)
		return rc;
	key = key_of(s->known, device, source);
	slot = (unsigned)(key >> 20) & (PAIRS - 1);
	if (s->known->pairs[slot].key == key) {
		if (time_ns <= s->known->pairs[slot].last_ns + MINUTE)
			return 0;
		rc = 0;
	} else if (learns(s->known, device, time_ns, learn_ns)) {
		s->known->pairs[slot].key = key;
		s->known->pairs[slot].last_ns = time_ns;
		return db_later(s->db,
				"INSERT INTO known_sources (device, source, first, last)"
				" VALUES ($1, $2, $3, $3) ON CONFLICT (device, source)"
				" DO UPDATE SET last = excluded.last"
				" WHERE known_sources.last < $4",
				"ttii", device, source, time_ns, minute_before(time_ns));
	} else {
		rc = db_run(s->db,
			    "INSERT INTO known_sources (device, source, first, last)"
			    " VALUES ($1, $2, $3, $3) ON CONFLICT (device, source) DO NOTHING",
			    "tti", device, source, time_ns);
		if (rc < 0)
			return rc;
	}
	s->known->pairs[slot].key = key;
	s->known->pairs[slot].last_ns = time_ns;
	if (rc == 0)
		return db_later(s->db,
				"UPDATE known_sources SET last = $1"
				" WHERE device = $2 AND source = $3 AND last < $4",
				"itti", time_ns, device, source, minute_before(time_ns));
	rc = first_of(s, device, time_ns, &first_ns);
	return rc ? rc : first_ns + learn_ns <= time_ns;
}

/* ---- who uses which client ------------------------------------------------------ */

static int write_client(struct store *s, const char *hash, const char *source, uint64_t first_ns,
			uint64_t last_ns, uint64_t sessions)
{
	return db_later(s->db,
			"INSERT INTO known_hassh (hash, source, first, last, sessions)"
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hash, source)"
			" DO UPDATE SET last = excluded.last,"
			" sessions = known_hassh.sessions + excluded.sessions",
			"ttiii", hash, source, first_ns, last_ns, sessions);
}

static struct client *client_slot(struct store_known *k, const char *hash, const char *source)
{
	unsigned i = (unsigned)(key_of(k, hash, source) >> 20) & (CLIENTS - 1);

	while (k->clients[i].sessions &&
	       (strcmp(k->clients[i].hash, hash) != 0 || strcmp(k->clients[i].source, source) != 0))
		i = (i + 1) & (CLIENTS - 1);
	return &k->clients[i];
}

int store_clients_write(void *arg)
{
	struct store *s = arg;
	int rc = 0;

	for (unsigned i = 0; s->known && s->known->n_clients && i < CLIENTS && !rc; i++) {
		struct client *c = &s->known->clients[i];

		if (!c->sessions)
			continue;
		rc = write_client(s, c->hash, c->source, c->first_ns, c->last_ns, c->sessions);
		c->sessions = 0;
	}
	if (s->known)
		s->known->n_clients = 0;
	return rc;
}

int store_known_hassh(struct store *s, const char *hash, const char *source, uint64_t time_ns)
{
	struct client *c;
	int rc = 0;

	if (strlen(hash) >= HASH_LEN || strlen(source) >= sizeof(c->source))
		return write_client(s, hash, source, time_ns, time_ns, 1);
	if (!have(s))
		return STORE_FAILED;
	if (2 * s->known->n_clients >= CLIENTS)
		rc = store_clients_write(s);
	c = client_slot(s->known, hash, source);
	if (!c->sessions) {
		strcpy(c->hash, hash);
		strcpy(c->source, source);
		c->first_ns = time_ns;
		s->known->n_clients++;
	}
	c->sessions++;
	c->last_ns = time_ns;
	db_pending(s->db, s->watch_clients);
	return rc;
}
