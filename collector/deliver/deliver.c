/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/deliver/deliver.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "collector/base/metrics.h"
#include "common/clock.h"
#include "common/fnv.h"
#include "common/log.h"
#include "common/secret.h"

#define NAME_LEN 300
#define TIMEOUT_MS 10000
#define CONNECT_MS 5000
#define LEASE (15 * NS_PER_S) /* longer than any attempt */
#define POLL_MS 500	      /* the store is asked so often for what is due */
#define SWEEP (15 * NS_PER_S) /* what is to be repeated, or is no longer silenced */
#define NOTE (600 * NS_PER_S) /* that the receivers are still there */
#define BACK_OFF_MOST (300 * NS_PER_S)
#define RETRY_AFTER_MOST 600 /* seconds that a receiver may ask for */
#define GIVE_UP (7 * 86400 * NS_PER_S)
#define ANSWER_MOST 65536 /* bytes; nobody reads them */
#define GRACE_MS 3000	  /* for what is on its way when we stop */
#define BURST 10	  /* notifications at once, under the rate limit */

_Static_assert(BACK_OFF_MOST * 6 / 5 < STORE_DUE_MOST &&
		       RETRY_AFTER_MOST * NS_PER_S < STORE_DUE_MOST,
	       "what is put off is not taken for a mistake of the clock");

struct receiver {
	enum notify_kind kind;
	const char *url;
	char *post_url;
	char name[NAME_LEN];
	CURL *easy;
	struct curl_slist *headers;
	bool busy;		  /* an attempt is on its way */
	bool refreshing;	  /* it is what reminds an Alertmanager */
	struct store_claim claim; /* of this attempt */
	struct store_told *told;  /* by it, when it succeeds */
	size_t n_told;
	char *body;
	size_t answered; /* bytes */
	uint64_t begun;	 /* of metrics_clock() */

	uint64_t next_ns; /* not before */
	unsigned failures;
	bool complained;
	double tokens;
	uint64_t tokens_ns;
	uint64_t sweep_ns;    /* newest sweep, or beginning of a refresh */
	uint64_t before;      /* refresh: alerts below this number are next; 0: none */
	bool refresh_pending; /* there are more of them */
};

struct deliver {
	struct deliver_config config;
	struct receiver *receivers;
	size_t n;
	CURLM *multi;
	pthread_t thread;
	bool running;
	_Atomic bool stop;
	struct store *store;
	uint64_t noted_ns;
};

/* ---- names ---------------------------------------------------------------------- */

static char *part(CURLU *u, CURLUPart what)
{
	char *text = NULL;

	return curl_url_get(u, what, &text, 0) == CURLUE_OK ? text : NULL;
}

bool deliver_name(enum notify_kind kind, const char *url, char *name, size_t name_size, char *err,
		  size_t size)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *password = NULL,
	     *path = NULL;
	bool good = false;

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) {
		snprintf(err, size, "not a URL: write http://host:port/path or https://...");
		goto out;
	}
	scheme = part(u, CURLUPART_SCHEME);
	host = part(u, CURLUPART_HOST);
	port = part(u, CURLUPART_PORT);
	user = part(u, CURLUPART_USER);
	password = part(u, CURLUPART_PASSWORD);
	path = part(u, CURLUPART_PATH);
	if (!scheme || !host || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
		snprintf(err, size, "http:// and https:// are understood");
		goto out;
	}
	if (user || password) {
		snprintf(err, size,
			 "no user and password in a URL: a token goes into a file "
			 "(--alert-token)");
		goto out;
	}
	if (kind == NOTIFY_ALERTMANAGER)
		snprintf(name, name_size, "%s %s://%s%s%s%s", notify_kind_name(kind), scheme, host,
			 port ? ":" : "", port ? port : "", path && path[1] ? path : "");
	else /* a path is often the password */
		snprintf(name, name_size, "%s %s://%s%s%s #%08" PRIx32, notify_kind_name(kind),
			 scheme, host, port ? ":" : "", port ? port : "", fnv1a(url));
	good = true;
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_free(password);
	curl_free(path);
	curl_url_cleanup(u);
	return good;
}

static char *post_url(enum notify_kind kind, const char *url)
{
	static const char v2[] = "/api/v2/alerts";
	size_t len = strlen(url);
	char *out;

	if (kind != NOTIFY_ALERTMANAGER || strstr(url, v2))
		return strdup(url);
	while (len && url[len - 1] == '/')
		len--;
	return asprintf(&out, "%.*s%s", (int)len, url, v2) < 0 ? NULL : out;
}

/* ---- starting --------------------------------------------------------------------- */

/* Nobody needs what a receiver says; too much of it ends the answer. */
static size_t on_answer(char *data, size_t size, size_t n, void *arg)
{
	struct receiver *r = arg;

	r->answered += size * n;
	return r->answered > ANSWER_MOST ? 0 : size * n;
}

static bool prepare(struct deliver *d, struct receiver *r)
{
	r->easy = curl_easy_init();
	if (!r->easy)
		return false;
	curl_easy_setopt(r->easy, CURLOPT_URL, r->post_url);
	curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
	curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(r->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
	curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "glasswatch-collector/" GLASSWATCH_VERSION);
	curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
	if (d->config.ca_file)
		curl_easy_setopt(r->easy, CURLOPT_CAINFO, d->config.ca_file);
	return true;
}

struct deliver *deliver_open(const struct deliver_config *config, char *err, size_t size)
{
	struct deliver *d = calloc(1, sizeof(*d));
	size_t all = 0, k = 0;

	err[0] = '\0';
	for (int kind = 0; kind < NOTIFY_KINDS; kind++)
		all += config->n[kind];
	if (!d || !all) {
		free(d);
		return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		snprintf(err, size, "libcurl cannot be used");
		free(d);
		return NULL;
	}
	d->config = *config;
	d->receivers = calloc(all, sizeof(*d->receivers));
	d->multi = curl_multi_init();
	if (!d->receivers || !d->multi)
		goto memory;
	for (int kind = 0; kind < NOTIFY_KINDS; kind++)
		for (size_t i = 0; i < config->n[kind]; i++) {
			struct receiver *r = &d->receivers[k++];

			d->n = k;
			r->kind = (enum notify_kind)kind;
			r->url = config->urls[kind][i];
			r->tokens = BURST;
			if (!deliver_name(r->kind, r->url, r->name, sizeof(r->name), err, size))
				goto failed;
			/* shown from now on */
			metrics_name(config->metrics, METRICS_RECEIVER, r->name);
			r->post_url = post_url(r->kind, r->url);
			if (!r->post_url || !prepare(d, r))
				goto memory;
		}
	return d;
memory:
	snprintf(err, size, "out of memory while starting");
failed:
	deliver_close(d);
	return NULL;
}

/* ---- an attempt ---------------------------------------------------------------------- */

static void clear_attempt(struct receiver *r)
{
	store_claim_free(&r->claim);
	free(r->told);
	free(r->body);
	curl_slist_free_all(r->headers);
	r->told = NULL;
	r->body = NULL;
	r->headers = NULL;
	r->n_told = 0;
	r->busy = r->refreshing = false;
}

static bool add_header(struct receiver *r, const char *text)
{
	struct curl_slist *list = curl_slist_append(r->headers, text);

	if (list)
		r->headers = list;
	return list != NULL;
}

/* A token is read anew each time: it may have been changed. False: it cannot be. */
static bool add_token(struct deliver *d, struct receiver *r, char *err, size_t size)
{
	char *token, *line = NULL;
	bool good;

	if (!d->config.token_file || r->kind == NOTIFY_SLACK)
		return true;
	token = secret_read(d->config.token_file, err, size);
	if (!token)
		return false;
	good = asprintf(&line, "Authorization: Bearer %s", token) >= 0 && add_header(r, line);
	if (line)
		explicit_bzero(line, strlen(line));
	explicit_bzero(token, strlen(token));
	free(line);
	free(token);
	return good;
}

/* Its newest row's: what has come to it since it was tried last makes it another one. */
static uint64_t number_of(const struct store_claim *c)
{
	return c->rows[c->n_rows - 1];
}

/* True: it is on its way. Takes the body over. */
static bool post(struct deliver *d, struct receiver *r, char *body, char *err, size_t size)
{
	char line[64];

	snprintf(err, size, "out of memory");
	r->body = body;
	r->answered = 0;
	if (!body || !add_header(r, "Content-Type: application/json") ||
	    /* curl would ask first and wait for "100 Continue" */
	    !add_header(r, "Expect:"))
		return false;
	if (r->claim.n_rows) {
		snprintf(line, sizeof(line), "X-Glasswatch-Notification: %" PRIu64,
			 number_of(&r->claim));
		if (!add_header(r, line))
			return false;
	}
	if (!add_token(d, r, err, size))
		return false;
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->body);
	curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(r->body));
	if (curl_multi_add_handle(d->multi, r->easy) != CURLM_OK) {
		snprintf(err, size, "libcurl refuses it");
		return false;
	}
	r->busy = true;
	r->begun = metrics_clock(d->config.metrics);
	return true;
}

/* Between 0.8 and 1.2. */
static double about_one(void)
{
	uint16_t n = 0;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		n = 32768;
	return 0.8 + 0.4 * (double)n / 65535.0;
}

static uint64_t back_off(uint64_t attempts)
{
	uint64_t pause = attempts > 9 ? BACK_OFF_MOST : NS_PER_S << (attempts ? attempts - 1 : 0);

	if (pause > BACK_OFF_MOST)
		pause = BACK_OFF_MOST;
	return (uint64_t)((double)pause * about_one());
}

/* Under the name that the store has for it, which holds no secret. */
static void count(struct deliver *d, const struct receiver *r, enum metrics_result result)
{
	struct metrics *m = d->config.metrics;
	unsigned name = metrics_name(m, METRICS_RECEIVER, r->name);

	metrics_add(m, METRIC_DELIVERIES, metrics_series(METRIC_DELIVERIES, name, result, 0, 0), 1);
	metrics_lap(m, METRIC_DELIVERY_SECONDS,
		    metrics_series(METRIC_DELIVERY_SECONDS, name, 0, 0, 0), r->begun);
}

/* wait: the whole receiver does, not this notification alone. */
static void attempt_failed(struct deliver *d, struct receiver *r, const char *why, bool wait,
			   uint64_t after_s, uint64_t now_ns)
{
	uint64_t attempts = r->refreshing ? ++r->failures : r->claim.attempts;
	uint64_t pause = back_off(attempts), due;

	if (pause < after_s * NS_PER_S)
		pause = after_s * NS_PER_S;
	due = now_ns + pause;
	if (!r->complained)
		log_warning("alerts for %s are not delivered: %s; they wait", r->name, why);
	r->complained = true;
	if (r->claim.n_rows) {
		if (now_ns > r->claim.created_ns && now_ns - r->claim.created_ns > GIVE_UP) {
			log_error("alerts for %s were not taken for 7 days: given up", r->name);
			store_deliver_give_up(d->store, r->name, &r->claim, r->told, r->n_told,
					      now_ns - GIVE_UP);
		}
		store_deliver_failed(d->store, r->name, &r->claim, due, why);
	}
	if (wait)
		r->next_ns = due;
	clear_attempt(r);
}

static void attempt_done(struct deliver *d, struct receiver *r, uint64_t now_ns)
{
	int rc = 0;

	if (r->claim.n_rows)
		rc = store_deliver_done(d->store, r->name, &r->claim, r->told, r->n_told, now_ns);
	/* When this fails the claim runs out and it is sent again: at least once. */
	if (rc < 0)
		log_warning("%s", store_error(d->store));
	if (r->complained)
		log_info("alerts for %s are delivered again", r->name);
	r->complained = false;
	r->failures = 0;
	clear_attempt(r);
}

static void attempt_ended(struct deliver *d, struct receiver *r, CURLcode result, uint64_t now_ns)
{
	long code = 0;
	curl_off_t after = 0;
	char why[200];
	bool wait;

	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &code);
	curl_multi_remove_handle(d->multi, r->easy);
	if (result == CURLE_WRITE_ERROR && r->answered > ANSWER_MOST)
		result = CURLE_OK; /* its answer was too long to read; the code is known */
	if (result == CURLE_OK && code >= 200 && code < 300) {
		count(d, r, METRICS_DELIVERED);
		attempt_done(d, r, now_ns);
		return;
	}
	if (result != CURLE_OK)
		snprintf(why, sizeof(why), "%s", curl_easy_strerror(result));
	else if (code >= 300 && code < 400)
		snprintf(why, sizeof(why), "HTTP %ld: redirects are not followed", code);
	else
		snprintf(why, sizeof(why), "HTTP %ld", code);
	wait = result != CURLE_OK || code == 429 || code >= 500;
	count(d, r, wait ? METRICS_RETRIED : METRICS_REFUSED);
	if (code == 429 || code == 503)
		curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after);
	if (after < 0)
		after = 0;
	attempt_failed(d, r, why, wait,
		       after > RETRY_AFTER_MOST ? RETRY_AFTER_MOST : (uint64_t)after, now_ns);
}

/* ---- what to send ------------------------------------------------------------------- */

struct gather {
	struct deliver *d;
	struct receiver *r;
	struct notify *out;
	uint64_t now_ns;
	bool memory;
};

static int gather_alert(void *arg, const struct store_alert *a)
{
	struct gather *g = arg;
	struct receiver *r = g->r;
	struct store_told told;
	enum notify_verdict verdict;
	int rc = store_told_get(g->d->store, r->name, a->id, &told);

	if (rc < 0)
		return rc;
	verdict = notify_judge(a, rc == 1 ? &told : NULL, &g->d->config.policy, g->now_ns);
	if (verdict == NOTIFY_NOTHING)
		return 0;
	if (r->n_told == NOTIFY_MOST) {
		r->claim.alerts[r->claim.n_rest++] = a->id; /* those before it are read */
		return 0;
	}
	if (!notify_add(g->out, a, verdict, rc == 1 && told.firing ? told.severity : SEVERITY_NUM))
		g->memory = false;
	r->told[r->n_told++] = (struct store_told){ .alert = a->id,
						    .firing = verdict == NOTIFY_FIRING,
						    .severity = a->severity,
						    .time_ns = g->now_ns };
	return 0;
}

/* 1: something is on its way; 0: nothing is due; below 0: the store. */
static int send_due(struct deliver *d, struct receiver *r, uint64_t now_ns)
{
	struct notify n = { .kind = r->kind,
			    .collector = d->config.collector,
			    .receiver = r->name,
			    .now_ns = now_ns };
	struct gather g = { d, r, &n, now_ns, true };
	char err[300];
	bool sent;
	int rc = store_deliver_claim(d->store, r->name, now_ns, now_ns + LEASE, &r->claim);

	if (rc != 1)
		return rc;
	n.bundle = r->claim.bundle;
	n.number = number_of(&r->claim);
	r->told = calloc(NOTIFY_MOST, sizeof(*r->told));
	for (size_t i = 0; r->told && i < r->claim.n_alerts && rc >= 0; i++)
		rc = store_alert_get(d->store, r->claim.alerts[i], now_ns, gather_alert, &g);
	if (rc < 0 || !r->told || !g.memory) {
		notify_clear(&n);
		clear_attempt(r); /* the claim runs out */
		return rc < 0 ? rc : 0;
	}
	if (!n.alerts) {
		rc = store_deliver_done(d->store, r->name, &r->claim, NULL, 0, now_ns);
		clear_attempt(r);
		return rc < 0 ? rc : 1;
	}
	sent = post(d, r, notify_body(&n), err, sizeof(err));
	notify_clear(&n);
	if (!sent)
		attempt_failed(d, r, err, true, 0, now_ns);
	r->tokens -= 1;
	return 1;
}

/* An Alertmanager is told of all that lasts, so many at a time. */
struct lasting {
	struct deliver *d;
	struct notify *out;
	uint64_t last;
	unsigned seen;
	bool memory;
};

static int gather_lasting(void *arg, const struct store_alert *a)
{
	struct lasting *l = arg;

	l->last = a->id;
	l->seen++;
	if (notify_lasts(a, &l->d->config.policy) &&
	    !notify_add(l->out, a, NOTIFY_FIRING, SEVERITY_NUM))
		l->memory = false;
	return 0;
}

static int send_lasting(struct deliver *d, struct receiver *r, uint64_t now_ns)
{
	struct notify n = { .kind = r->kind, .collector = d->config.collector, .now_ns = now_ns };
	struct lasting l = { d, &n, 0, 0, true };
	struct store_alert_filter f = { .now_ns = now_ns,
					.states = 1u << STORE_ALERT_OPEN |
						  1u << STORE_ALERT_ACKNOWLEDGED,
					.before = r->before,
					.limit = NOTIFY_MOST };
	char err[300];
	int rc = store_alerts(d->store, &f, gather_lasting, &l);

	if (rc < 0 || !l.memory) {
		notify_clear(&n);
		return rc < 0 ? rc : 0;
	}
	r->refresh_pending = l.seen == NOTIFY_MOST;
	r->before = r->refresh_pending ? l.last : 0;
	if (n.alerts) {
		r->refreshing = true;
		if (!post(d, r, notify_body(&n), err, sizeof(err)))
			attempt_failed(d, r, err, true, 0, now_ns);
	}
	notify_clear(&n);
	return 0;
}

/* Alerts to be told of although nothing has changed: again, or no longer silenced, or
 * the receiver is new. */
struct sweep {
	struct deliver *d;
	struct receiver *r;
	uint64_t now_ns;
	struct store_again *list;
	size_t n, room;
};

static int sweep_alert(void *arg, const struct store_alert *a)
{
	struct sweep *w = arg;
	struct store_told told;
	int rc = store_told_get(w->d->store, w->r->name, a->id, &told);

	if (rc < 0)
		return rc;
	if (notify_judge(a, rc == 1 ? &told : NULL, &w->d->config.policy, w->now_ns) !=
	    NOTIFY_FIRING)
		return 0;
	if (w->n == w->room)
		return 1;
	w->list[w->n].alert = a->id;
	snprintf(w->list[w->n].bundle, sizeof(w->list[0].bundle), "%s", a->bundle);
	w->n++;
	return 0;
}

static int sweep(struct deliver *d, struct receiver *r, uint64_t now_ns)
{
	struct store_alert_filter f = {
		.now_ns = now_ns, .states = 1u << STORE_ALERT_OPEN | 1u << STORE_ALERT_ACKNOWLEDGED
	};
	struct sweep w = { .d = d, .r = r, .now_ns = now_ns, .room = 256 };
	int rc;

	w.list = calloc(w.room, sizeof(*w.list));
	if (!w.list)
		return 0;
	rc = store_alerts(d->store, &f, sweep_alert, &w);
	if (rc >= 0)
		rc = store_deliver_again(d->store, r->name, w.list, w.n, now_ns);
	free(w.list);
	return rc < 0 ? rc : 0;
}

/* ---- the thread --------------------------------------------------------------------- */

static void fill_tokens(struct deliver *d, struct receiver *r, uint64_t now_ns)
{
	if (r->tokens_ns && now_ns > r->tokens_ns)
		r->tokens += (double)(now_ns - r->tokens_ns) / (double)NS_PER_S *
			     d->config.per_minute / 60.0;
	r->tokens_ns = now_ns;
	if (r->tokens > BURST)
		r->tokens = BURST;
}

static int serve(struct deliver *d, struct receiver *r, uint64_t now_ns)
{
	bool manager = r->kind == NOTIFY_ALERTMANAGER;
	uint64_t every = manager ? NOTIFY_REFRESH : SWEEP;
	bool due = now_ns < r->sweep_ns || now_ns - r->sweep_ns >= every;
	int rc;

	fill_tokens(d, r, now_ns);
	/* a clock that was set back must not silence us */
	if (r->next_ns > now_ns + 2 * BACK_OFF_MOST)
		r->next_ns = now_ns;
	if (r->busy || now_ns < r->next_ns)
		return 0;
	if (manager && (due || r->refresh_pending)) {
		if (due)
			r->before = 0;
		r->sweep_ns = due ? now_ns : r->sweep_ns;
		rc = send_lasting(d, r, now_ns);
		if (rc || r->busy)
			return rc;
	} else if (due) {
		r->sweep_ns = now_ns;
		rc = sweep(d, r, now_ns);
		if (rc)
			return rc;
	}
	if (!manager && d->config.per_minute && r->tokens < 1)
		return 0;
	rc = send_due(d, r, now_ns);
	return rc < 0 ? rc : 0;
}

/* Receivers that nobody has are forgotten only when it is not long since we noted ours: after
 * a start, or a leap of the clock, what we see of the others is old, and they need time to
 * note theirs. */
static int note_receivers(struct deliver *d, uint64_t now_ns)
{
	uint64_t since = now_ns - d->noted_ns;
	bool steady = d->noted_ns && now_ns >= d->noted_ns && since < 2 * NOTE;
	int rc = 0;

	if (steady && since < NOTE)
		return 0;
	for (size_t i = 0; i < d->n && !rc; i++)
		rc = store_receiver_note(d->store, d->receivers[i].name,
					 notify_kind_name(d->receivers[i].kind), d->config.wait_ns,
					 now_ns);
	if (!rc && steady)
		rc = store_receivers_forget(d->store, now_ns);
	if (!rc)
		d->noted_ns = now_ns;
	return rc;
}

static void reap(struct deliver *d, uint64_t now_ns)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(d->multi, &left)) != NULL) {
		char *r = NULL;
		CURLcode result = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
		attempt_ended(d, (struct receiver *)(void *)r, result, now_ns);
	}
}

static bool any_busy(const struct deliver *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->receivers[i].busy)
			return true;
	return false;
}

static void turn(struct deliver *d, int wait_ms)
{
	int running;

	curl_multi_perform(d->multi, &running);
	reap(d, d->config.now_real());
	curl_multi_poll(d->multi, NULL, 0, wait_ms, NULL);
}

static void *work(void *arg)
{
	struct deliver *d = arg;
	char complaint[400] = "";
	int rc;

	while (!d->stop) {
		uint64_t now = d->config.now_real();

		rc = note_receivers(d, now);
		for (size_t i = 0; i < d->n && rc >= 0; i++)
			rc = serve(d, &d->receivers[i], now);
		if (rc < 0 && strcmp(complaint, store_error(d->store)) != 0) {
			snprintf(complaint, sizeof(complaint), "%s", store_error(d->store));
			log_warning("alerts are not delivered: %s", complaint);
		}
		turn(d, POLL_MS);
	}
	for (int waited = 0; any_busy(d) && waited < GRACE_MS; waited += 50)
		turn(d, 50);
	return NULL;
}

bool deliver_start(struct deliver *d, char *err, size_t size)
{
	if (!d)
		return true;
	d->store = store_open(d->config.store_name, STORE_WRITE, err, size);
	if (!d->store)
		return false;
	store_set_name(d->store, d->config.collector);
	/* Before the first event: what changes is queued for receivers that are known. When it
	 * fails the thread does it. */
	note_receivers(d, d->config.now_real());
	if (pthread_create(&d->thread, NULL, work, d)) {
		snprintf(err, size, "no thread for alerts");
		return false;
	}
	d->running = true;
	return true;
}

void deliver_close(struct deliver *d)
{
	if (!d)
		return;
	if (d->running) {
		d->stop = true;
		curl_multi_wakeup(d->multi);
		pthread_join(d->thread, NULL);
	}
	for (size_t i = 0; i < d->n; i++) {
		struct receiver *r = &d->receivers[i];

		if (r->busy)
			curl_multi_remove_handle(d->multi, r->easy);
		clear_attempt(r);
		curl_easy_cleanup(r->easy);
		free(r->post_url);
	}
	curl_multi_cleanup(d->multi);
	free(d->receivers);
	store_close(d->store);
	curl_global_cleanup();
	free(d);
}
