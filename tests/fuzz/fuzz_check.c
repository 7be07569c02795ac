/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the configuration of a device between others: the rules must come to an
 * end, and whatever they say must stand somewhere, read as what it is, and be the same
 * when asked again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check/check.h"
#include "agent/check/model.h"
#include "agent/check/sarif.h"
#include "agent/check/show.h"
#include "common/fabric/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

/* The far ends of what the seeds have, so that links pair and lists have a majority. */
static const char near[] = "hostname n-CE1\nvrf instance INFRA-MGMT\ninterface Ethernet5/1\n"
			   "   no switchport\n   ip address 203.0.113.1/31\n"
			   "   ipv6 address 2001:db8:0:c::1/127\ninterface Loopback6\n"
			   "   vrf INFRA-MGMT\n   ip address 198.51.100.64/32\n"
			   "ipv6 prefix-list trusted_sources_v6 seq 10 permit 2001:db8:ffff::/48\n"
			   "router bgp 65000\n   neighbor CE_TOR_UNDERLAY peer group\n"
			   "   neighbor 203.0.113.0 peer group CE_TOR_UNDERLAY\n"
			   "   neighbor 203.0.113.0 remote-as 65101\nend\n";
static const char far[] = "hostname n-CP1-TOR1\ninterface Ethernet23/1\n   no switchport\n"
			  "   ip address 203.0.113.0/31\n   ipv6 address 2001:db8:0:c::/127\n"
			  "interface Loopback6\n   ip address 198.51.100.66/32\n"
			  "ipv6 prefix-list trusted_sources_v6 seq 10 permit 2001:db8:ffff::/48\n"
			  "router bgp 65101\n   neighbor CE_TOR_UNDERLAY peer group\n"
			  "   neighbor CE_TOR_UNDERLAY remote-as 65000\n"
			  "   neighbor 203.0.113.1 peer group CE_TOR_UNDERLAY\nend\n";

static void report(void *arg, enum device_report kind, int line, const char *text)
{
}

static int load(struct fabric *f, const char *text, size_t len, char *file)
{
	struct eos *e = eos_parse(text, len);
	struct fabric_device *d = &f->devices[f->n_devices];
	int ret;

	require(e != NULL);
	ret = device_read(e, "fuzz-CE9", report, NULL, d);
	if (ret == 0) {
		d->file = file;
		d->extra = model_read(e);
		require(d->extra != NULL);
		f->n_devices++;
	}
	eos_free(e);
	return ret;
}

static void check_findings(const struct check *c, int lines)
{
	size_t total = 0;

	for (size_t i = 0; i < c->n_devices; i++) {
		require(c->devices[i].first == total);
		total += c->devices[i].n;
	}
	require(total <= c->findings.n);
	for (size_t i = 0; i < c->findings.n; i++) {
		const struct finding *f = &c->findings.all[i];

		require(f->reason && f->reason[0] && f->code && finding_step(f->step) <= 11);
		require(f->line >= 0 && f->line <= lines);
		require(!f->fix || f->fix[strlen(f->fix) - 1] == '\n');
	}
}

/* What is printed, whole. */
static char *print(const struct check *c, enum check_format format)
{
	const struct check_baseline none = { NULL, 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	require(to != NULL);
	check_show(c, format, &none, to);
	check_show_fix(c, to);
	require(fclose(to) == 0);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char files[3][8] = { "a", "b", "c" };
	struct fabric_device devices[3];
	struct fabric f = { .devices = devices, .names = fabric_names_default, .directory = "d" };
	enum check_format format = (enum check_format)(size % 3); /* one is enough at a time */
	struct check one, two;
	char *said, *again;
	int lines = 64;

	if (load(&f, near, sizeof(near) - 1, files[0]) || load(&f, far, sizeof(far) - 1, files[1]))
		abort();
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	load(&f, (const char *)data, size, files[2]);
	require(check_run(&one, &f) == 0 && check_run(&two, &f) == 0);
	check_findings(&one, lines);
	said = print(&one, format);
	again = print(&two, format);
	require(strcmp(said, again) == 0);
	for (const char *p = said; format == CHECK_TEXT && *p; p++)
		require(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f));
	free(said);
	free(again);
	check_clear(&one);
	check_clear(&two);
	for (size_t i = 0; i < f.n_devices; i++) {
		model_free(devices[i].extra);
		devices[i].file = NULL;
		device_clear(&devices[i]);
	}
	return 0;
}
