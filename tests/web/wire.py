#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile strings on real packets: writes a capture and a configuration, lets glasswatch-agent read
them, and prints the documents that it makes, a line each, as it would send them.

    wire.py > docs.json; serve.py --docs docs.json

An SSH client and a server name themselves with markup, a BGP peer shuts down with markup, marks of
direction and control characters in its text, and the device's own hostname is markup too.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from malformed_captures import ACK, FIN, PSH, RST, SYN, Pcap, eth, ip4, tcp  # noqa: E402

BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
HOSTNAME = "fab1-<img/src=x/onerror=alert(1)>"
CLIENT = b"SSH-2.0-<img src=x onerror=alert(2)>&lt;i\r\n"
SERVER = b"SSH-2.0-</bdi><script>alert(3)</script>\r\n"
SHUTDOWN = "<script>alert(4)</script> \u202edlrow\u202c \u200bunseen\u2066 \x01\x07\x1b[31mred \u00e9"
MA1, LO6 = "192.0.2.11", "198.51.100.65"
CONFIG = """hostname %s
!
interface Management1
   vrf MGMT
   ip address %s/24
!
interface Loopback6
   ip address %s/32
!
ip prefix-list trusted_sources
   seq 10 permit 10.20.0.0/16
!
router bgp 65001
   neighbor 10.20.0.9 remote-as 65002
!
""" % (HOSTNAME, MA1, LO6)


def connection(source, target, sport, dport, said, end=FIN):
    """IP packets of a connection: said is (from the source?, bytes)."""
    there, back = (source, target), (target, source)
    at = {True: 1001, False: 5001}
    out = [(there, tcp(sport, dport, 1000, 0, SYN)), (back, tcp(dport, sport, 5000, 1001, SYN | ACK)),
           (there, tcp(sport, dport, 1001, 5001, ACK))]
    for mine, data in said:
        ports = (sport, dport) if mine else (dport, sport)
        out.append((there if mine else back,
                    tcp(*ports, at[mine], at[not mine], PSH | ACK, data)))
        at[mine] += len(data)
    if end:
        out.append((there, tcp(sport, dport, at[True], at[False], end | ACK)))
    if end == FIN:
        out.append((back, tcp(dport, sport, at[False], at[True] + 1, FIN | ACK)))
        out.append((there, tcp(sport, dport, at[True] + 1, at[False] + 1, ACK)))
    return [ip4(segment, *ends) for ends, segment in out]


def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def packets():
    yield from connection("10.20.0.5", LO6, 50122, 22, [(False, SERVER), (True, CLIENT)])
    yield from connection("203.0.113.77", MA1, 50123, 22, [(False, SERVER), (True, CLIENT)])
    opening = message(1, struct.pack(">BHH4sB", 4, 65002, 180, b"\1\2\3\4", 0))
    text = SHUTDOWN.encode()
    yield from connection("10.20.0.9", MA1, 50179, 179, [
        (True, opening), (False, opening), (True, message(4)), (False, message(4)),
        (True, message(3, struct.pack(">BBB", 6, 2, len(text)) + text))], RST)


def main():
    with tempfile.TemporaryDirectory(prefix="gw-wire-") as work:
        fabric = os.path.join(work, "fabric")
        os.mkdir(fabric)
        with open(os.path.join(fabric, "hostile.cfg"), "w", encoding="utf-8") as f:
            f.write(CONFIG)
        p, now = Pcap(), int(time.time()) - 60
        for i, packet in enumerate(packets()):
            p.add(eth(packet), now + i // 4, i % 4 * 1000)
        path = os.path.join(work, "hostile.pcap")
        with open(path, "wb") as f:
            f.write(p.data)
        out = subprocess.run([os.path.join(BUILD, "glasswatch-agent"), "replay", "--fabric", fabric,
                              path], stdout=subprocess.PIPE, check=True, text=True).stdout
    for line in out.splitlines():
        json.loads(line)
        print(line)


main()
