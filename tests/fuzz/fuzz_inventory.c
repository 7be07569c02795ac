/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an export, an Ansible inventory and fabric.yaml: what is wrong is said
 * with a line of the text, and what is right obeys the promises of inventory.h. The
 * first byte says which of them. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fabric/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static int lines; /* of the text */

static void report(void *arg, enum device_report kind, int line, const char *text)
{
	(void)arg;
	(void)kind;
	require(line >= 0 && line <= lines + 1 && text[0] && strlen(text) < 512);
}

static void check(const struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_devices; i++) {
		const struct inventory_device *d = &inv->devices[i];

		require(d->name && d->name[0] && d->source < inv->n_sources);
		require(d->role < ROLE_NUM && d->line >= 0 && d->line <= lines);
		for (size_t k = 0; k < d->n_addresses; k++) {
			const struct inventory_address *a = &d->addresses[k];

			require(a->address.family == 4 || a->address.family == 6);
			require(a->path == GW_PATH_PRIMARY || a->path == GW_PATH_INBAND);
			require(a->line >= 0 && a->line <= lines);
		}
	}
	for (size_t i = 0; i < inv->n_lists; i++) {
		const struct prefix_list *l = &inv->lists[i].list;

		require(l->name && l->name[0]);
		for (size_t k = 0; k < l->n_entries; k++) {
			require(k == 0 || l->entries[k - 1].seq < l->entries[k].seq);
			require(l->entries[k].prefix.addr.family == l->family);
		}
	}
	for (size_t i = 0; i < inv->n_switches; i++)
		require(inv->switches[i].name && inv->switches[i].line > 0);
	for (size_t i = 0; fabric_names_key(i); i++) {
		struct fabric_names names = inv->names;

		require(*fabric_names_at(&names, fabric_names_key(i)) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct inventory inv;
	char err[512] = "";
	int ret;

	if (!size--)
		return 0;
	lines = 1;
	for (size_t i = 0; i < size; i++) /* YAML ends lines by CR as well */
		lines += text[i] == '\n' || text[i] == '\r' || (text[i] & 0x80) != 0;
	inventory_init(&inv);
	require(inventory_source(&inv, "F", "x") == 0);
	switch (data[0]) {
	case 'j':
		ret = inventory_read_json(&inv, text, size, report, NULL);
		break;
	case 'a':
		ret = inventory_read_ansible(&inv, text, size, report, NULL);
		break;
	default:
		ret = inventory_read_settings(&inv, text, size, err, sizeof(err));
		require(ret == 0 || (ret == -EINVAL && atoi(err) > 0 && strchr(err, ':')));
		ret = 0;
	}
	require(ret == 0);
	check(&inv);
	inventory_clear(&inv);
	return 0;
}
