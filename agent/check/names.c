/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/names.h"

#include "common/fabric/fabric.h"

const struct check_names check_names_default = {
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
