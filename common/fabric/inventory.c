/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of inventories share: making, growing and freeing the facts. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fabric/inventory.h"
#include "common/grow.h"

void inventory_init(struct inventory *inv)
{
	*inv = (struct inventory){ .names = fabric_names_default, .settings = -1 };
}

int inventory_source(struct inventory *inv, const char *file, const char *kind)
{
	struct fabric_source *array = grow_array(inv->sources, inv->n_sources, sizeof(*array));

	if (!array)
		return -ENOMEM;
	inv->sources = array;
	array[inv->n_sources] = (struct fabric_source){ .file = strdup(file), .kind = kind };
	if (!array[inv->n_sources].file)
		return -ENOMEM;
	return (int)inv->n_sources++;
}

struct inventory_device *inventory_device(struct inventory *inv, const char *name, int line,
					  uint32_t source)
{
	struct inventory_device *array = grow_array(inv->devices, inv->n_devices, sizeof(*array));

	if (!array)
		return NULL;
	inv->devices = array;
	array[inv->n_devices] =
		(struct inventory_device){ .name = strdup(name), .line = line, .source = source };
	if (!array[inv->n_devices].name)
		return NULL;
	inv->sources[source].n_devices++;
	return &array[inv->n_devices++];
}

int inventory_address(struct inventory_device *d, const struct addr *a, enum gw_path path, int line)
{
	struct inventory_address *array;

	for (size_t i = 0; i < d->n_addresses; i++)
		if (addr_equal(&d->addresses[i].address, a) && d->addresses[i].path == path)
			return 0;
	array = grow_array(d->addresses, d->n_addresses, sizeof(*array));
	if (!array)
		return -ENOMEM;
	d->addresses = array;
	array[d->n_addresses++] = (struct inventory_address){ *a, path, line };
	return 0;
}

enum fabric_role inventory_role(const char *word)
{
	static const struct {
		const char *word; /* letters only */
		enum fabric_role role;
	} words[] = {
		{ "ce", ROLE_CE },
		{ "customeredge", ROLE_CE },
		{ "tor", ROLE_TOR },
		{ "topofrack", ROLE_TOR },
		{ "management", ROLE_MGMT_SWITCH },
		{ "mgmt", ROLE_MGMT_SWITCH },
		{ "mgmtswitch", ROLE_MGMT_SWITCH },
		{ "managementswitch", ROLE_MGMT_SWITCH },
		{ "npb", ROLE_NPB },
		{ "networkpacketbroker", ROLE_NPB },
		{ "ts", ROLE_TERMINAL_SERVER },
		{ "terminalserver", ROLE_TERMINAL_SERVER },
		{ "pe", ROLE_PE },
		{ "provideredge", ROLE_PE },
	};
	char letters[32];
	size_t n = 0;

	for (; *word; word++) {
		if (strchr("-_ ", *word))
			continue;
		if (n + 1 >= sizeof(letters))
			return ROLE_UNKNOWN;
		letters[n++] = (char)tolower((unsigned char)*word);
	}
	letters[n] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, letters) == 0)
			return words[i].role;
	return ROLE_UNKNOWN;
}

void inventory_clear(struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_sources; i++)
		free(inv->sources[i].file);
	free(inv->sources);
	for (size_t i = 0; i < inv->n_devices; i++) {
		free(inv->devices[i].name);
		free(inv->devices[i].alias);
		free(inv->devices[i].addresses);
		free(inv->devices[i].management_switch);
	}
	free(inv->devices);
	for (size_t i = 0; i < inv->n_lists; i++) {
		prefix_list_clear(&inv->lists[i].list);
		free(inv->lists[i].id);
	}
	free(inv->lists);
	for (size_t i = 0; i < inv->n_trusted; i++)
		free(inv->trusted[i]);
	free(inv->trusted);
	for (size_t i = 0; i < inv->n_switches; i++) {
		struct inventory_switch *s = &inv->switches[i];

		free(s->name);
		free(s->subnets);
		for (size_t k = 0; k < s->n_devices; k++)
			free(s->devices[k]);
		free(s->devices);
		free(s->device_lines);
	}
	free(inv->switches);
	for (size_t i = 0; i < inv->n_texts; i++)
		free(inv->texts[i]);
	free(inv->texts);
	inventory_init(inv);
}
