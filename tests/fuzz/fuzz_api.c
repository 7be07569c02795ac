/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API, from a request's first line to its answer, in place of libmicrohttpd: any
 * method, target, headers and body give an answer that is whole and says what it is,
 * and without a token none that tells anything.
 *
 * The first byte chooses: odd, tokens are demanded. Then come "METHOD TARGET", lines
 * "Header: value", an empty line, the body. The store holds a failover.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "collector/api/api.h"
#include "collector/http/token.h"
#include "collector/ingest/ingest.h"
#include "collector/store/store.h"
#include "common/clock.h"

#define NOW (1700000000 * NS_PER_S)
#define MOST_WRITES 300 /* then the store is made anew */
#define MOST_BYTES (1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char db[64], token_file[64];
static struct tokens *tokens;
static struct api *apis[2]; /* without, with tokens */
static unsigned writes;
static uint64_t clock_ns = NOW;

static uint64_t now_real(void)
{
	return NOW;
}

static uint64_t now_mono(void)
{
	return clock_ns;
}

static const char *const events[] = {
	"{\"v\":1,\"id\":\"m/1\",\"agent\":\"m\",\"seq\":1,\"time\":\"2023-11-14T22:00:00Z\","
	"\"type\":\"agent.start\",\"severity\":\"info\"}",
	"{\"v\":1,\"id\":\"m/2\",\"agent\":\"m\",\"seq\":2,\"time\":\"2023-11-14T22:01:00Z\","
	"\"type\":\"flow.start\",\"severity\":\"warning\",\"device\":{\"name\":\"tor1\",\"role\":"
	"\"tor\"},\"path\":\"in-band\",\"service\":\"ssh\",\"source\":{\"ip\":\"203.0.113.77\","
	"\"port\":4000,\"packets\":5,\"bytes\":400},\"destination\":{\"ip\":\"10.30.0.66\","
	"\"port\":22,\"packets\":4,\"bytes\":300},\"network\":{\"type\":\"ipv4\",\"transport\":"
	"\"tcp\",\"community_id\":\"1:x\"},\"flow\":{\"id\":\"f1\",\"direction\":\"inbound\","
	"\"start\":\"2023-11-14T22:01:00Z\",\"end\":\"2023-11-14T22:01:00Z\",\"duration\":0,"
	"\"state\":\"S1\",\"outcome\":\"established\",\"initiator\":\"syn\"},\"trust\":"
	"{\"verdict\":\"untrusted\",\"list\":\"trusted_sources\"}}",
	"{\"v\":1,\"id\":\"m/3\",\"agent\":\"m\",\"seq\":3,\"time\":\"2023-11-14T22:01:01Z\","
	"\"type\":\"path.change\",\"severity\":\"warning\",\"device\":{\"name\":\"tor1\",\"role\":"
	"\"tor\"},\"change\":{\"from\":\"primary\",\"to\":\"in-band-unexplained\",\"reason\":"
	"\"no-evidence\",\"evidence\":[\"f1\"]}}",
};

static void fill_store(void)
{
	struct ingest_counts counts = { 0 };
	char err[300], id[16];
	struct store *s;

	unlink(db);
	s = store_open(db, STORE_WRITE, err, sizeof(err));
	if (!s)
		abort();
	store_set_name(s, "glasswatch-fuzz");
	if (ingest_begin(s))
		abort();
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct ingest_entry e = { .id = id, .json = events[i], .len = strlen(events[i]) };

		snprintf(id, sizeof(id), "%zu-0", i + 1);
		if (ingest_entry(s, &e, NOW, &counts))
			abort();
	}
	if (ingest_commit(s))
		abort();
	store_close(s);
	writes = 0;
}

static void remove_all(void)
{
	char name[80];

	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", db, i == 0 ? "" : i == 1 ? "-wal" : "-shm");
		unlink(name);
	}
	unlink(token_file);
}

static void make_apis(void)
{
	struct api_config config = { .db = db,
				     .name = "glasswatch-fuzz",
				     .rate = 50,
				     .now_real = now_real,
				     .now_mono = now_mono };

	for (int i = 0; i < 2; i++) {
		api_free(apis[i]);
		config.tokens = i ? tokens : NULL;
		apis[i] = api_new(&config);
		if (!apis[i])
			abort();
	}
}

static void begin(void)
{
	char err[300];
	FILE *f;

	snprintf(db, sizeof(db), "/tmp/fuzz_api.%d.db", (int)getpid());
	snprintf(token_file, sizeof(token_file), "/tmp/fuzz_api.%d.tokens", (int)getpid());
	atexit(remove_all);
	f = fopen(token_file, "w");
	if (!f)
		abort();
	/* nobody's: what hashes to this is not known */
	fprintf(f, "nobody operate %064d\n", 7);
	fclose(f);
	tokens = tokens_open(token_file, err, sizeof(err));
	if (!tokens)
		abort();
	fill_store();
	make_apis();
}

static void take_header(struct http_request *r, const char *name, const char *value)
{
	const struct {
		const char *name, **to;
	} known[] = {
		{ "Host", &r->host },
		{ "Origin", &r->origin },
		{ "Sec-Fetch-Site", &r->fetch_site },
		{ "Authorization", &r->authorization },
		{ "Content-Type", &r->content_type },
		{ "Accept-Encoding", &r->accept_encoding },
		{ "If-None-Match", &r->if_none_match },
		{ "Last-Event-ID", &r->last_event_id },
		{ "X-Forwarded-For", &r->forwarded_for },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(known[i].name, name) == 0)
			*known[i].to = value;
}

/* False: libmicrohttpd would not have handed it over. */
static bool parse(char *text, struct http_request *r)
{
	char *line = strsep(&text, "\n"), *method = strsep(&line, " "), *colon;
	const char *why;

	r->method = http_request_method(method);
	r->host = "localhost";
	snprintf(r->client, sizeof(r->client), "127.0.0.1");
	snprintf(r->id, sizeof(r->id), "1");
	if (!line || !http_request_uri(r, line, &why))
		return false;
	while (text && *text && *text != '\n') {
		line = strsep(&text, "\n");
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon++ = '\0';
		take_header(r, line, colon + strspn(colon, " "));
	}
	if (text && *text) {
		r->body = text + 1;
		r->len = strlen(r->body);
	}
	return r->len <= HTTP_MAX_BODY;
}

static void check_problem(const struct http_answer *a)
{
	json_t *doc = json_loadb(a->body, a->len, 0, NULL);
	const char *type = json_string_value(json_object_get(doc, "type"));

	if (!type || strncmp(type, HTTP_PROBLEM, strlen(HTTP_PROBLEM)) != 0 ||
	    json_integer_value(json_object_get(doc, "status")) != (json_int_t)a->status)
		abort();
	json_decref(doc);
}

static void drain(struct http_answer *a)
{
	char buf[4096];
	size_t all = 0;
	ssize_t n;

	while (all < MOST_BYTES && (n = a->source->read(a->arg, buf, sizeof(buf))) >= 0) {
		if (n == 0 && !a->source->fill)
			break;
		if (n == 0)
			a->source->fill(a->arg, 0);
		all += (size_t)n;
	}
}

static void check(const struct http_request *r, struct http_answer *a, bool with_tokens)
{
	bool told = strncmp(r->path, "/api/", 5) == 0 || strcmp(r->path, "/metrics") == 0;

	if (a->status < 200 || a->status > 599)
		abort();
	if (with_tokens && told && a->status < 400 && r->method != HTTP_OPTIONS)
		abort();
	if (with_tokens && r->method == HTTP_OPTIONS && told && a->status < 400)
		abort();
	if (a->status >= 400) {
		check_problem(a);
	} else if (a->source) {
		drain(a);
	} else if (a->type && strstr(a->type, "json")) {
		http_answer_compress(a, r);
	}
	for (size_t i = 0; i < a->n_headers; i++)
		for (const char *c = a->headers[i].value; *c; c++)
			if (*c == '\r' || *c == '\n')
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_answer a = { 0 };
	struct http_request *r;
	bool with_tokens;
	char *text;

	if (!db[0])
		begin();
	if (size < 2 || size > 32768 || memchr(data + 1, 0, size - 1))
		return 0;
	with_tokens = data[0] & 1;
	text = strndup((const char *)data + 1, size - 1);
	r = calloc(1, sizeof(*r));
	if (!text || !r)
		abort();
	clock_ns += NS_PER_S; /* each may ask */
	if (parse(text, r)) {
		if (!api_check(apis[with_tokens], r, &a))
			api_handle(apis[with_tokens], 0, r, &a);
		check(r, &a, with_tokens);
		writes += r->operate && (r->method == HTTP_POST || r->method == HTTP_DELETE) &&
			  a.status < 400;
		http_answer_clear(&a);
	}
	free(text);
	free(r);
	if (writes > MOST_WRITES) {
		fill_store();
		make_apis();
	}
	return 0;
}
