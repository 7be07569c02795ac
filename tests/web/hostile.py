#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hostile.py DIR: packets and configurations whose text is markup, read by the real agent.

Writes DIR/fabric/ (configurations with hostile hostname, file name and description) and
DIR/hostile.pcap (SSH with hostile identification strings toward Ma1 and lo6, BGP with a hostile
shutdown text), replays them and prints the events as lines of JSON.
"""
import os
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from malformed_captures import ACK, FIN, PSH, RST, SYN, eth, ip4, tcp  # noqa: E402

HOST = "<img/src=x/onerror=alert(1)>"
FILE = "<svg onload=alert(2)>\"'&amp;.cfg"
CLIENT = b"SSH-2.0-<script>alert(3)</script>\"'`${alert(4)} <iframe/src=javascript:alert(5)>\r\n"
SERVER = "SSH-2.0-</bdi></title>&lt;b&gt;\u202eevil\u2066 \u200b<style>*{display:none}</style>\r\n".encode()
SHUTDOWN = "<a href=\"javascript:alert(6)\" onclick=alert(6)>maintenance\u202e</a>\x1b[2J"
CONFIG = """hostname %s
!
interface Loopback6
   description <b>lo6</b>
   ip address 198.51.100.66/32
   ipv6 address 2001:db8:0:6::66/128
!
interface Management1
   description <script>alert(8)</script>
   vrf MGMT
   ip address 192.0.2.21/24
!
ip prefix-list loopback
   seq 10 permit 198.51.100.64/27 le 32
!
ip prefix-list trusted_sources
   seq 20 permit 198.18.1.0/24
!
router bgp 65101
   router-id 198.51.100.11
!
"""


def conversation(client, server, port, service, said, close=FIN):
    """SYN to end; said: (from the client?, bytes), ..."""
    cseq, sseq, out = 1000, 5000, []

    def segment(mine, flags, data=b""):
        nonlocal cseq, sseq
        if mine:
            out.append(ip4(tcp(port, service, cseq, sseq, flags, data), client, server))
            cseq += len(data) + bool(flags & (SYN | FIN))
        else:
            out.append(ip4(tcp(service, port, sseq, cseq, flags, data), server, client))
            sseq += len(data) + bool(flags & (SYN | FIN))
    segment(True, SYN)
    segment(False, SYN | ACK)
    segment(True, ACK)
    for mine, data in said:
        segment(mine, PSH | ACK, data)
    if close:
        segment(True, close | ACK)
        if close == FIN:
            segment(False, FIN | ACK)
            segment(True, ACK)
    return out


def bgp(kind, body):
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def bgp_open(asn, router):
    return bgp(1, struct.pack(">BHHIB", 4, asn, 180, router, 0))


def main(base):
    fabric = os.path.join(base, "fabric")
    os.makedirs(fabric)
    with open(os.path.join(fabric, FILE), "w", encoding="utf-8") as f:
        f.write(CONFIG % HOST)
    with open(os.path.join(fabric, "other.cfg"), "w", encoding="utf-8") as f:
        f.write((CONFIG % "fab1-CP1-TOR2").replace(".66/", ".67/").replace("::66/", "::67/")
                .replace("192.0.2.21", "192.0.2.22").replace("198.18.1.0", "203.0.113.0"))
    ma1, lo6 = "192.0.2.21", "198.51.100.66"
    ssh = [(False, SERVER), (True, CLIENT)]
    text = SHUTDOWN.encode()
    peers = [(True, bgp_open(65000, 0x0a000001)), (False, bgp_open(65101, 0x0a000002)),
             (True, bgp(4, b"")), (False, bgp(4, b"")),
             (True, bgp(3, bytes([6, 2, len(text)]) + text))]
    packets = []
    packets += conversation("198.18.1.10", ma1, 41000, 22, ssh)
    packets += conversation("198.18.1.10", lo6, 41001, 22, ssh, close=0)
    packets += conversation("203.0.113.77", lo6, 41002, 22, ssh, close=RST)
    packets += conversation("203.0.113.77", ma1, 41003, 22, ssh, close=0)
    packets += conversation("203.0.113.78", lo6, 41004, 179, peers)
    at = time.time() - 90
    pcap = os.path.join(base, "hostile.pcap")
    with open(pcap, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, p in enumerate(packets):
            t, frame = at + i * 0.05, eth(p)
            f.write(struct.pack("<IIII", int(t), int(t % 1 * 1e6), len(frame), len(frame)) + frame)
    agent = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "glasswatch-agent")
    sys.stdout.flush()
    return subprocess.run([agent, "replay", "--fabric", fabric, "--name", "hostile-1", "-o", "-",
                           pcap], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
