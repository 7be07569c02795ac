/* SPDX-License-Identifier: Apache-2.0 */
/* The names' keys and defaults: a row each. */
#include <string.h>

#include "common/fabric/fabric.h"

const struct fabric_names fabric_names_default = {
	.peer_group = "CE_TOR_UNDERLAY",
	.loopback = FABRIC_RANGE_V4,
	.loopback_v6 = FABRIC_RANGE_V6,
	.trusted = FABRIC_TRUST_V4,
	.trusted_v6 = FABRIC_TRUST_V6,
	.vrf = "INFRA-MGMT",
	.interface = FABRIC_INBAND_INTERFACE,
	.advertise = "adv_loopback",
	.soo = "aon-soo",
	.leak_default_infra = "leak_default_infra",
	.leak_infra_default = "leak_infra_default",
};

#define AT(field)                                                                                  \
	{                                                                                          \
#field, offsetof(struct fabric_names, field)                                       \
	}
static const struct {
	const char *key;
	size_t offset;
} keys[] = {
	AT(peer_group),
	AT(loopback),
	AT(loopback_v6),
	AT(trusted),
	AT(trusted_v6),
	AT(vrf),
	AT(interface),
	AT(advertise),
	AT(soo),
	AT(leak_default_infra),
	AT(leak_infra_default),
};
_Static_assert(sizeof(keys) / sizeof(keys[0]) == sizeof(struct fabric_names) / sizeof(char *),
	       "a key for each name");

const char **fabric_names_at(struct fabric_names *n, const char *key)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].key, key) == 0)
			return (const char **)((char *)n + keys[i].offset);
	return NULL;
}

const char *fabric_names_key(size_t i)
{
	return i < sizeof(keys) / sizeof(keys[0]) ? keys[i].key : NULL;
}
