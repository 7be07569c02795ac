#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes configurations of generated fabrics: fabrics.py DIR [DEVICES].

Fabrics of 27 devices stand side by side (two CEs, sixteen ToRs, eight management
switches, an NPB), each of them ready for break-glass by every rule of `check`, no
address twice. What one file holds is in the order and the form that EOS prints. The
last fabric is cut off where DEVICES are reached, so its links may lack an end.
"""
import os
import sys

RACKS = 8
PER_FABRIC = 2 + 2 * RACKS + RACKS + 1

HEAD = """\
! Command: show running-config
! device: {name} ({model}, EOS-4.30.3M)
!
! boot system flash:/EOS64-4.30.3M.swi
!
no aaa root
!
username admin privilege 15 role network-admin secret sha512 $6$generated$no-hash
!
transceiver qsfp default-mode 4x10G
!
service routing protocols model multi-agent
!
logging host 192.0.2.200
!
hostname {name}
!
spanning-tree mode mstp
!
"""

LISTS = """\
ip prefix-list loopback
   seq 10 permit 10.{a}.{b}.0/26 le 32
!
ip prefix-list trusted_sources
   seq 5 deny 198.18.66.0/24
   seq 10 permit 198.18.0.0/16
   seq 20 permit 198.19.128.0/17
!
ipv6 prefix-list loopback_v6
   seq 10 permit fd42:{f:x}:0:2::/64 eq 128
!
ipv6 prefix-list trusted_sources_v6
   seq 10 permit fd42:ab1e:ff::/48
!
"""

RCF = """\
   control-functions
      code unit adv_loopback
         function adv_loopback() {
            @SEQ_10 {if prefix match prefix_list_v4 loopback {
               return true;
            }}
            @SEQ_20 {if prefix match prefix_list_v6 loopback_v6 {
               return true;
            }}
         }
         EOF
!
end
"""


def management(f, number):
    """Ma1: a /26 for each fabric of 172.16.0.0/12, a /64."""
    at = f * 64 + number
    return (f"interface Management1\n   description \"OOB\"\n   vrf MGMT\n"
            f"   ip address 172.{16 + (at >> 16)}.{at >> 8 & 255}.{at & 255}/26\n"
            f"   ipv6 address fd42:{f:x}:0:1::{number:x}/64\n!\n")


def loopback(f, number, vrf):
    """lo6: a /26 for each fabric of 10.0.0.0/10."""
    at = f * 64 + number
    return ("interface Loopback6\n   description \"Inband Management\"\n" +
            (f"   vrf {vrf}\n" if vrf else "") +
            f"   ip address 10.{at >> 16}.{at >> 8 & 255}.{at & 255}/32\n"
            f"   ipv6 address fd42:{f:x}:0:2::{number:x}/128\n!\n")


def link(f, number, end):
    """End 0 or 1 of a link: a /31 of 10.64.0.0/10 and a /127, without length."""
    at = f * 128 + number * 2 + end
    return (f"10.{64 + (at >> 16)}.{at >> 8 & 255}.{at & 255}",
            f"fd42:{f:x}:0:c::{number * 2 + end:x}")


def ethernet(port, description, address):
    return (f"interface {port}\n   description \"{description}\"\n   mtu 9214\n"
            f"   no switchport\n   ip address {address[0]}/31\n"
            f"   ipv6 address {address[1]}/127\n!\n")


def lists(f):
    at = f * 64
    return LISTS.format(a=at >> 16, b=at >> 8 & 255, f=f).replace(".0/26 le", f".{at & 255}/26 le")


def neighbors(group, of):
    text = (f"   neighbor {group} peer group\n   neighbor {group} auto-local-addr\n"
            f"   neighbor {group} bfd\n   neighbor {group} send-community\n"
            f"   neighbor {group} maximum-routes 12000\n")
    for address, asn, description in of:
        text += (f"   neighbor {address} peer group {group}\n"
                 f"   neighbor {address} remote-as {asn}\n"
                 f"   neighbor {address} description {description}\n")
    return text


def families(more):
    return "".join(f"   !\n   address-family {f}\n      neighbor CE_TOR_UNDERLAY activate\n{more}"
                   for f in ("ipv4", "ipv6"))


def ssh(*vrfs):
    return "management ssh\n   idle-timeout 60\n" + \
        "".join(f"   !\n   vrf {v}\n      no shutdown\n" for v in vrfs) + "!\n"


def ce(f, k):
    name = f"net{f}-AR-CE{k + 1}"
    tors = [(r, t) for r in range(RACKS) for t in range(2)]
    pe = f"100.{64 + (f >> 7)}.{(f & 127) * 2 + k}"
    text = HEAD.format(name=name, model="DCS-7280DR3-24-F")
    text += "vrf instance INFRA-MGMT\n!\nvrf instance MGMT\n!\n"
    text += ("interface Port-Channel1\n   description \"to PE\"\n   mtu 9214\n   no switchport\n!\n"
             "interface Port-Channel1.501\n   encapsulation dot1q vlan 501\n   vrf INFRA-MGMT\n"
             f"   ip address {pe}.1/31\n   ipv6 address fd42:{f:x}:0:a::{2 * k + 1:x}/127\n!\n"
             "interface Ethernet1/1\n   channel-group 1 mode active\n!\n")
    peers = []
    for n, (r, t) in enumerate(tors):
        number = 2 * n + k
        other = f"net{f}-CP{r + 1}-TOR{t + 1}"
        text += ethernet(f"Ethernet{5 + n}/1", f"{name}:Et{5 + n}/1 to {other}:Et{23 + k}",
                         link(f, number, 1))
        peers.append((link(f, number, 0)[0], 65101 + r, other))
    text += loopback(f, k + 1, "INFRA-MGMT") + management(f, k + 1)
    text += "ip routing\nip routing vrf INFRA-MGMT\nno ip routing vrf MGMT\n!\n"
    text += "ip extcommunity-list aon-soo permit soo 100:100\n!\n" + lists(f)
    text += ("ipv6 unicast-routing\nipv6 unicast-routing vrf INFRA-MGMT\n!\n"
             "ip route vrf MGMT 0.0.0.0/0 172.16.0.1\n!\n")
    for m, v4, v6 in (("leak_default_infra", "loopback", "loopback_v6"),
                      ("leak_infra_default", "trusted_sources", "trusted_sources_v6")):
        for seq, family, of in ((10, "ip", v4), (20, "ipv6", v6)):
            text += (f"route-map {m} permit {seq}\n   match {family} address prefix-list {of}\n"
                     "   match source-protocol bgp\n"
                     "   set extcommunity extcommunity-list aon-soo\n!\n")
    text += (f"router bgp 65000\n   router-id 192.0.2.{k + 1}\n   no bgp default ipv4-unicast\n"
             "   maximum-paths 8 ecmp 8\n" + neighbors("CE_TOR_UNDERLAY", peers) +
             "   redistribute connected rcf adv_loopback()\n"
             "   redistribute static rcf adv_loopback()\n" +
             families("      redistribute bgp leaked\n") +
             f"   !\n   vrf INFRA-MGMT\n      rd 192.0.2.{k + 1}:501\n"
             f"      neighbor {pe}.0 remote-as 64600\n      neighbor {pe}.0 description PE{k + 1}\n"
             "      redistribute bgp leaked\n      redistribute connected rcf adv_loopback()\n"
             f"      !\n      address-family ipv4\n         neighbor {pe}.0 activate\n!\n")
    text += "banner login\nAuthorised use only.\nEOF\n!\n" + ssh("INFRA-MGMT", "MGMT")
    text += ("router general\n   vrf default\n"
             "      leak routes source-vrf INFRA-MGMT subscribe-policy leak_infra_default\n   !\n"
             "   vrf INFRA-MGMT\n"
             "      leak routes source-vrf default subscribe-policy leak_default_infra\n   !\n")
    return name, text + RCF


def tor(f, r, t):
    name, n = f"net{f}-CP{r + 1}-TOR{t + 1}", 2 * r + t
    text = HEAD.format(name=name, model="DCS-7280SR3-48YC8-F") + "vrf instance MGMT\n!\n"
    for port in range(1, 5):
        text += f"interface Ethernet{port}\n   description \"server {port}\"\n   mtu 9214\n!\n"
    peers = []
    for k in range(2):
        text += ethernet(f"Ethernet{23 + k}", f"{name}:Et{23 + k} to net{f}-AR-CE{k + 1}",
                         link(f, 2 * n + k, 0))
        peers.append((link(f, 2 * n + k, 1)[0], 65000, f"net{f}-AR-CE{k + 1}"))
    text += loopback(f, 3 + n, None) + management(f, 3 + n)
    text += "ip routing\nno ip routing vrf MGMT\n!\n" + lists(f)
    text += "ipv6 unicast-routing\n!\nip route vrf MGMT 0.0.0.0/0 172.16.0.1\n!\n"
    text += (f"router bgp {65101 + r}\n   router-id 192.0.2.{10 + n}\n"
             "   no bgp default ipv4-unicast\n" + neighbors("CE_TOR_UNDERLAY", peers) +
             "   redistribute connected rcf adv_loopback()\n" + families("") + "!\n")
    return name, text + "banner login\nAuthorised use only.\nEOF\n!\n" + ssh("default", "MGMT") + \
        "router general\n" + RCF


def switch(f, r):
    name = f"net{f}-CP{r + 1}-MGMT1"
    text = HEAD.format(name=name, model="CCS-720DT-48S-F")
    text += "vlan 10\n   name OOB\n!\nvrf instance MGMT\n!\n"
    for port in range(1, 49):
        text += f"interface Ethernet{port}\n   description \"port {port}\"\n   shutdown\n!\n"
    return name, text + management(f, 20 + r) + "ip routing\nno ip routing vrf MGMT\n!\n" + \
        ssh("MGMT") + "end\n"


def npb(f):
    name = f"net{f}-AR-NPB1"
    return name, HEAD.format(name=name, model="DCS-7280SR3-48YC8-F") + \
        "vrf instance MGMT\n!\n" + management(f, 30) + \
        "ip routing\nno ip routing vrf MGMT\n!\n" + ssh("MGMT") + "end\n"


def fabric(f):
    for k in range(2):
        yield ce(f, k)
    for r in range(RACKS):
        yield tor(f, r, 0)
        yield tor(f, r, 1)
        yield switch(f, r)
    yield npb(f)


def write(directory, devices):
    """Returns the paths written, in order."""
    paths = []
    f = 0
    while len(paths) < devices:
        for name, text in fabric(f):
            if len(paths) == devices:
                break
            paths.append(os.path.join(directory, name + ".cfg"))
            with open(paths[-1], "w", encoding="utf-8") as out:
                out.write(text)
        f += 1
    return paths


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 5000)
