/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/rules.h"

#include "agent/check/rules_bgp.h"
#include "agent/check/rules_device.h"
#include "agent/check/rules_leak.h"
#include "agent/check/rules_link.h"
#include "agent/check/rules_lo6.h"
#include "agent/check/rules_trust.h"

#define FAIL FINDING_FAIL
#define WARN FINDING_WARN
#define UNKNOWN FINDING_UNKNOWN
#define ADVICE FINDING_ADVICE

/* clang-format off: a table */
const struct rule rules[] = {
	{ "lo6-missing", "S1", FAIL, RULE_BOTH, rule_lo6_missing,
	  "the in-band interface Loopback6 exists" },
	{ "lo6-shutdown", "S1", FAIL, RULE_BOTH, rule_lo6_shutdown, "it is not shut down" },
	{ "lo6-wrong-vrf", "S1", FAIL, RULE_BOTH, rule_lo6_vrf,
	  "it is in vrf INFRA-MGMT on a CE, in the default VRF on a ToR" },
	{ "lo6-no-ipv4", "S1", FAIL, RULE_BOTH, rule_lo6_no_ipv4, "it has an IPv4 address" },
	{ "lo6-ipv4-length", "S1", FAIL, RULE_BOTH, rule_lo6_ipv4_length,
	  "its IPv4 address is a /32" },
	{ "lo6-no-ipv6", "S1", FAIL, RULE_BOTH, rule_lo6_no_ipv6, "it has an IPv6 address" },
	{ "lo6-ipv6-length", "S1", FAIL, RULE_BOTH, rule_lo6_ipv6_length,
	  "its IPv6 address is a /128" },

	{ "loopback-list-missing", "S2", FAIL, RULE_BOTH, rule_loopback_list_missing,
	  "the lists loopback and loopback_v6 exist" },
	{ "loopback-list-outside", "S2", UNKNOWN, RULE_BOTH, rule_loopback_list_outside,
	  "their entries are in the configuration" },
	{ "loopback-not-permitted", "S2", FAIL, RULE_BOTH, rule_loopback_not_permitted,
	  "read as route filters, they permit the routes of the own Loopback6" },

	{ "link-no-ipv6", "S3", FAIL, RULE_BOTH, rule_link_no_ipv6,
	  "every CE-ToR interface has an IPv6 address" },
	{ "link-ipv6-mismatch", "S3", FAIL, RULE_BOTH, rule_link_ipv6_mismatch,
	  "both ends of a CE-ToR link are in one IPv6 subnet" },

	{ "group-missing", "S4", FAIL, RULE_BOTH, rule_group_missing,
	  "peer group CE_TOR_UNDERLAY is defined" },
	{ "group-no-auto-local-addr", "S4", FAIL, RULE_BOTH, rule_group_auto_local,
	  "it has auto-local-addr" },

	{ "ipv6-not-activated", "S5", FAIL, RULE_BOTH, rule_ipv6_not_activated,
	  "it is activated under the global address-family ipv6" },

	{ "rcf-missing", "S6", FAIL, RULE_BOTH, rule_rcf_missing,
	  "the code unit adv_loopback exists" },
	{ "rcf-outside", "S6", UNKNOWN, RULE_BOTH, rule_rcf_outside,
	  "its text is in the configuration" },
	{ "rcf-no-list", "S6", FAIL, RULE_BOTH, rule_rcf_no_list,
	  "it matches loopback and loopback_v6" },
	{ "rcf-undefined-list", "S6", FAIL, RULE_BOTH, rule_rcf_undefined_list,
	  "the lists that it matches are defined" },
	{ "rcf-not-accepted", "S6", FAIL, RULE_BOTH, rule_rcf_not_accepted,
	  "it returns true for what they match" },
	{ "rcf-no-function", "S6", FAIL, RULE_BOTH, rule_rcf_no_function,
	  "it holds the function adv_loopback()" },

	{ "redistribute-missing", "S7", FAIL, RULE_BOTH, rule_redistribute_missing,
	  "connected routes are redistributed in global BGP" },
	{ "redistribute-unfiltered", "S7", FAIL, RULE_BOTH, rule_redistribute_unfiltered,
	  "... by adv_loopback, and nothing else" },
	{ "redistribute-undefined", "S7", FAIL, RULE_BOTH, rule_redistribute_undefined,
	  "... and where that is a route-map, it is defined" },
	{ "advertise-map-denies", "S7", FAIL, RULE_BOTH, rule_advertise_map_denies,
	  "... and lets the own Loopback6 through" },

	{ "soo-missing", "S8", FAIL, RULE_CE, rule_soo_missing,
	  "extcommunity-list aon-soo exists" },
	{ "soo-not-soo", "S8", FAIL, RULE_CE, rule_soo_not_soo, "it permits a site of origin" },

	{ "leak-map-undefined", "S9", FAIL, RULE_CE, rule_leak_map_undefined,
	  "both leak route-maps are defined" },
	{ "leak-map-no-list", "S9", FAIL, RULE_CE, rule_leak_map_no_list,
	  "every permit of them matches a prefix-list" },
	{ "leak-map-undefined-list", "S9", FAIL, RULE_CE, rule_leak_map_undefined_list,
	  "... that is defined" },
	{ "leak-map-no-protocol", "S9", FAIL, RULE_CE, rule_leak_map_no_protocol,
	  "... and source-protocol bgp" },
	{ "leak-map-no-soo", "S9", FAIL, RULE_CE, rule_leak_map_no_soo,
	  "... and sets extcommunity-list aon-soo" },
	{ "leak-ipv4-missing", "S9", FAIL, RULE_CE, rule_leak_ipv4_missing,
	  "... and both let IPv4 routes through" },

	{ "leak-missing", "S10", FAIL, RULE_CE, rule_leak_missing,
	  "routes are leaked between INFRA-MGMT and default, both ways" },

	{ "trusted-missing", "S11", FAIL, RULE_BOTH, rule_trusted_missing,
	  "the lists trusted_sources and trusted_sources_v6 exist" },
	{ "trusted-outside", "S11", UNKNOWN, RULE_BOTH, rule_trusted_outside,
	  "their entries are in the configuration" },
	{ "trusted-empty", "S11", FAIL, RULE_BOTH, rule_trusted_empty,
	  "they permit at least one address" },
	{ "trusted-any", "S11", WARN, RULE_BOTH, rule_trusted_any,
	  "they do not let in everyone, nor most of all addresses" },

	{ "lo6-duplicate", "-", FAIL, RULE_BOTH, rule_lo6_duplicate,
	  "no other device has the address of Loopback6" },
	{ "ma1-duplicate", "-", WARN, RULE_ANY, rule_ma1_duplicate,
	  "no other device has the address of Management1" },
	{ "ma1-missing", "-", WARN, RULE_BOTH, rule_ma1_missing,
	  "there is a primary path: a management interface with an address" },
	{ "lo6-on-excluded-role", "-", ADVICE, RULE_EXCLUDED, rule_lo6_on_excluded_role,
	  "management switches and packet brokers have no Loopback6" },
	{ "role-unknown", "-", UNKNOWN, RULE_ANY, rule_role_unknown, "the hostname tells a role" },
	{ "trusted-shadowed", "-", WARN, RULE_BOTH, rule_trusted_shadowed,
	  "every entry of a trust list can decide" },
	{ "trusted-ambiguous", "-", WARN, RULE_BOTH, rule_trusted_ambiguous,
	  "bounds (eq, ge, le) of a trust list change nothing for a host" },
	{ "trusted-drift", "-", WARN, RULE_BOTH, rule_trusted_drift,
	  "trust lists are those of most devices" },
	{ "undefined-name", "-", WARN, RULE_BOTH, rule_undefined_name,
	  "every route-map, list, VRF, RCF function and peer group in use is defined" },
	{ "not-multi-agent", "-", FAIL, RULE_BOTH, rule_not_multi_agent,
	  "the routing model is multi-agent" },
	{ "routing-off", "-", FAIL, RULE_BOTH, rule_routing_off,
	  "IPv4 and IPv6 are routed, on a CE in vrf INFRA-MGMT too" },
	{ "ssh-not-enabled-in-vrf", "-", FAIL, RULE_BOTH, rule_ssh_not_enabled,
	  "SSH is served in the VRF of Loopback6" },
	{ "leaked-not-redistributed", "-", WARN, RULE_CE, rule_leaked_not_redistributed,
	  "leaked routes are announced in the VRF that receives them" },
	{ "ce-lo6-not-redistributed", "-", WARN, RULE_CE, rule_ce_lo6_not_redistributed,
	  "a CE announces its own Loopback6 in vrf INFRA-MGMT" },
	{ "leak-ipv6-missing", "-", ADVICE, RULE_CE, rule_leak_ipv6_missing,
	  "the leak route-maps let IPv6 routes through too" },
	{ "leak-other-list", "-", WARN, RULE_CE, rule_leak_other_list,
	  "the leak route-maps match the lists of their direction" },
	{ "link-ipv4-mismatch", "-", FAIL, RULE_BOTH, rule_link_ipv4_mismatch,
	  "both ends of a CE-ToR link are in one IPv4 subnet" },
	{ "link-not-routed", "-", FAIL, RULE_BOTH, rule_link_not_routed,
	  "ports that carry the in-band path are routed ports" },
	{ "link-shutdown", "-", FAIL, RULE_BOTH, rule_link_shutdown, "... and not shut down" },
	{ "link-no-vlan", "-", FAIL, RULE_BOTH, rule_link_no_vlan,
	  "... and a subinterface has its VLAN" },
	{ "link-no-member", "-", FAIL, RULE_BOTH, rule_link_no_member,
	  "... and a Port-Channel a member" },
	{ "session-none", "-", FAIL, RULE_BOTH, rule_session_none,
	  "at least one neighbor is in the peer group" },
	{ "session-no-link", "-", FAIL, RULE_BOTH, rule_session_no_link,
	  "every neighbor of the peer group is on a link" },
	{ "session-one-sided", "-", FAIL, RULE_BOTH, rule_session_one_sided,
	  "the far end of every session knows of it" },
	{ "session-not-in-group", "-", FAIL, RULE_BOTH, rule_session_not_in_group,
	  "every session between CE and ToR is in the peer group" },
	{ "session-as-mismatch", "-", FAIL, RULE_BOTH, rule_session_as,
	  "the AS that is expected of a neighbor is the one that it has" },
	{ "session-shutdown", "-", FAIL, RULE_BOTH, rule_session_shutdown,
	  "neither session nor peer group is shut down" },
	{ "ipv4-not-activated", "-", FAIL, RULE_BOTH, rule_ipv4_not_activated,
	  "the peer group is active for IPv4" },
	{ "pe-session-missing", "-", WARN, RULE_CE, rule_pe_session,
	  "a CE has a session with a PE in vrf INFRA-MGMT that can come up" },
};
/* clang-format on */

const size_t n_rules = sizeof(rules) / sizeof(rules[0]);
