#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""malformed_captures.py DIR: writes capture files that are wrong in every way that we know of.

captures() yields them. The same each time: what is random has a fixed seed. Each has a *witness*, one
SSH connection of eight good packets from 198.18.1.10, in the middle of which the fault stands; so of
each file it is known how many packets a reader has to count: all that come before the place where
nothing can be read any more. Nothing else in a file comes from the witness's address.
"""
import collections
import gzip
import ipaddress
import lzma
import os
import random
import struct
import sys

# status: of replay. packets: of the witness. offset: where it says that the file is broken; None: any
# place or none. warns: there is a line on stderr though the status is 0.
Capture = collections.namedtuple("Capture", "family name data status packets offset warns")

MAC = b"\x02\0\0\0\0\1" + b"\x02\0\0\0\0\2"
IPV4, IPV6, TEB, MPLS, PPPOE = 0x0800, 0x86dd, 0x6558, 0x8847, 0x8864
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
T0 = 1_700_000_000
WITNESS = "198.18.1.10"


# ---- packets ----------------------------------------------------------------------------------------

def addresses(*texts):
    return b"".join(ipaddress.ip_address(t).packed for t in texts)


def eth(payload, kind=IPV4):
    return MAC + struct.pack(">H", kind) + payload


def ip4(body, src="10.0.0.1", dst="10.0.0.2", proto=6, ihl=None, total=None, frag=0, version=4,
        options=b""):
    words = 5 + len(options) // 4 if ihl is None else ihl
    total = 20 + len(options) + len(body) if total is None else total
    return struct.pack(">BBHHHBBH", (version << 4) | words, 0, total & 0xffff, 1, frag, 64, proto,
                       0) + addresses(src, dst) + options + body


def ip6(body, proto=6, length=None, version=6, src="2001:db8::1", dst="2001:db8::2"):
    length = len(body) if length is None else length
    return struct.pack(">IHBB", version << 28, length & 0xffff, proto, 64) + addresses(src, dst) + body


def tcp(sport=50001, dport=22, seq=1, ack=1, flags=ACK, data=b"", words=None, options=b""):
    words = 5 + len(options) // 4 if words is None else words
    return struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, words << 4,
                       flags, 65535, 0, 0) + options + data


def udp(body, dport, length=None):
    return struct.pack(">HHHH", 50000, dport, 8 + len(body) if length is None else length, 0) + body


def icmp(kind, code, quote):
    return struct.pack(">BBHI", kind, code, 0, 0) + quote


def witness(port=40001):
    """The good connection, as IP packets."""
    client, server = (WITNESS, "192.0.2.11"), ("192.0.2.11", WITNESS)
    hello, reply = b"SSH-2.0-client\r\n", b"SSH-2.0-server\r\n"
    return [ip4(segment, *ends) for ends, segment in (
        (client, tcp(port, 22, 99, 0, SYN)),
        (server, tcp(22, port, 499, 100, SYN | ACK)),
        (client, tcp(port, 22, 100, 500, ACK)),
        (server, tcp(22, port, 500, 100, PSH | ACK, reply)),
        (client, tcp(port, 22, 100, 516, PSH | ACK, hello)),
        (client, tcp(port, 22, 116, 516, FIN | ACK)),
        (server, tcp(22, port, 516, 117, FIN | ACK)),
        (client, tcp(port, 22, 117, 517, ACK)))]


def conversation(sport, dport, pieces, isn=1000):
    """Frames of a connection; pieces: (direction, offset in its stream, bytes)."""
    a, b = ("10.9.9.1", "10.9.9.2"), ("10.9.9.2", "10.9.9.1")
    out = [ip4(tcp(sport, dport, isn, 0, SYN), *a),
           ip4(tcp(dport, sport, isn, isn + 1, SYN | ACK), *b),
           ip4(tcp(sport, dport, isn + 1, isn + 1, ACK), *a)]
    for d, at, data in pieces:
        ports = (dport, sport) if d else (sport, dport)
        out.append(ip4(tcp(*ports, isn + 1 + at, isn + 1, PSH | ACK, data), *(b if d else a)))
    return [eth(p) for p in out]


# ---- files ------------------------------------------------------------------------------------------

class Pcap:
    def __init__(self, order="<", magic=0xa1b2c3d4, link=1, snaplen=65535, version=(2, 4)):
        self.order, self.offsets, self.link = order, [], link
        self.data = struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, link)

    def add(self, packet, s=None, part=0, captured=None, wire=None):
        self.offsets.append(len(self.data))
        s = T0 + len(self.offsets) if s is None else s
        captured = len(packet) if captured is None else captured
        wire = max(len(packet), captured) if wire is None else wire
        self.data += struct.pack(self.order + "IIII", s & 0xffffffff, part, captured & 0xffffffff,
                                 wire & 0xffffffff) + packet
        return self


LINK_HEADS = {  # LINKTYPE: what stands before an IPv4 packet
    0: b"\2\0\0\0", 1: MAC + b"\x08\0", 12: b"", 101: b"", 108: b"\0\0\0\2",
    113: struct.pack(">HHH8sH", 0, 1, 6, MAC[:6], IPV4), 228: b"",
    276: struct.pack(">HHIHBB8s", IPV4, 0, 1, 1, 0, 6, MAC[:6])}


def linked(link, packet):
    return LINK_HEADS.get(link & 0xffff, MAC + b"\x08\0") + packet


def plain(frames, **how):
    """The frames between the fourth and the fifth packet of the witness, in Ethernet."""
    p, good = Pcap(**how), [eth(w) for w in witness()]
    for f in good[:4]:
        p.add(f)
    for f in frames:
        p.add(f)
    for f in good[4:]:
        p.add(f)
    return p.data


def block(kind, body, order="<", length=None, trailer=None):
    body += b"\0" * (-len(body) % 4)
    n = len(body) + 12 if length is None else length
    return struct.pack(order + "II", kind, n & 0xffffffff) + body + \
        struct.pack(order + "I", (n if trailer is None else trailer) & 0xffffffff)


def section(order="<", version=(1, 0), length=-1, options=b"", magic=0x1a2b3c4d):
    return block(0x0a0d0d0a, struct.pack(order + "IHHq", magic, *version, length) + options, order)


def interface(order="<", link=1, snaplen=65535, options=b""):
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def option(code, value, order="<", length=None):
    return struct.pack(order + "HH", code, len(value) if length is None else length) + value + \
        b"\0" * (-len(value) % 4)


def enhanced(packet, order="<", at=None, number=0, captured=None, wire=None, options=b"", unit=10**6):
    at = T0 * unit if at is None else at
    captured = len(packet) if captured is None else captured
    wire = len(packet) if wire is None else wire
    padded = packet + b"\0" * (-len(packet) % 4)
    return block(6, struct.pack(order + "IIIII", number, at >> 32 & 0xffffffff, at & 0xffffffff,
                                captured & 0xffffffff, wire & 0xffffffff) + padded + options, order)


def simple(packet, order="<"):
    return block(3, struct.pack(order + "I", len(packet)) + packet, order)


def obsolete(packet, order="<"):
    return block(2, struct.pack(order + "HHIIII", 0, 0, 0, 0, len(packet), len(packet)) + packet, order)


# ---- families: each yields (name, data, status, packets, offset, warns) ---------------------------------

def good(name, data, packets=8, warns=False):
    return name, data, 0, packets, None, warns


def broken(name, data, packets, offset=None):
    return name, data, 1, packets, offset, False


def refused(name, data):
    return name, data, 2, 0, None, False


def pcap_headers():
    for order in "<>":
        for magic in (0xa1b2c3d4, 0xa1b23c4d):
            for link in (0, 1, 12, 101, 108, 113, 228, 276):
                p = Pcap(order, magic, link)
                for w in witness():
                    p.add(linked(link, w))
                yield good("%s-%08x-link%d" % ("le" if order == "<" else "be", magic, link), p.data)
    for link in (3, 6, 7, 9, 50, 104, 105, 107, 119, 127, 129, 147, 163, 189, 192, 195, 197, 220, 224,
                 249, 272, 65535):
        yield good("unknown-link%d" % link, plain([], link=link), 0, True)
    for bits in (0x10000000, 0x24000000, 0xf4000000):
        yield good("fcs-%08x" % bits, plain([], link=bits | 1))
    for snaplen in (0, 1, 96, 262144, 0x7fffffff, 0x80000000, 0xffffffff):
        yield good("snaplen-%x" % snaplen, plain([], snaplen=snaplen))
    for version in ((0, 0), (1, 0), (2, 2), (2, 3), (2, 5), (3, 0), (65535, 65535)):
        yield good("version-%d.%d" % version, plain([], version=version))
    for magic in (0xa1b2cd34, 0xa1e2cb12, 0xa1b2c3d5, 0, 0xffffffff):
        for order in "<>":
            yield refused("magic-%s-%08x" % ("le" if order == "<" else "be", magic),
                          plain([], magic=magic, order=order))
    yield good("no-packet", Pcap().data, 0)


def pcap_records():
    whole, frames = Pcap(), [eth(w) for w in witness()]
    for f in frames:
        whole.add(f)
    ends = whole.offsets[1:] + [len(whole.data)]
    for k in (0, 3, 7):
        at, end = whole.offsets[k], ends[k]
        for n in list(range(1, 17)) + [17, 20, 40, end - at - 1]:
            yield broken("cut-%d-%d" % (k, n), whole.data[:at + n], k, at)
        for field, values in ((8, (0xffffffff, 0x80000000, 0x7fffffff, 0x04000001, 0x03ffffff,
                                   0x40000, 0x10000)),):
            for v in values:
                data = bytearray(whole.data)
                struct.pack_into("<I", data, at + field, v)
                yield broken("captured-%d-%x" % (k, v), bytes(data), k, at)
    for name, how in (
            ("captured-0", dict(captured=0)), ("wire-0", dict(wire=0)), ("wire-1", dict(wire=1)),
            ("wire-max", dict(wire=0xffffffff)), ("wire-huge", dict(wire=0x7fffffff))):
        frame = b"" if name == "captured-0" else eth(ip4(tcp()))
        p = Pcap()
        for f in frames[:4]:
            p.add(f)
        p.add(frame, **how)
        for f in frames[4:]:
            p.add(f)
        yield good(name, p.data)
    for name, times in (
            ("time-zero", [(0, 0)] * 8), ("time-max", [(0xffffffff, 0xffffffff)] * 8),
            ("time-back", [(T0 - 1000 * i, 0) for i in range(8)]),
            ("time-jumps", [(T0 if i % 2 else 1, 999999) for i in range(8)]),
            ("time-part-max", [(T0 + i, 0xffffffff) for i in range(8)]),
            ("time-decades", [(i * 0x1fffffff, 0) for i in range(8)]),
            ("time-1970", [(i, 0) for i in range(8)])):
        for magic in (0xa1b2c3d4, 0xa1b23c4d):
            p = Pcap(magic=magic)
            for f, (s, part) in zip(frames, times):
                p.add(f, s, part)
            yield good("%s-%08x" % (name, magic), p.data)
    for n in (1, 15, 16, 17, 100, 4096):
        for byte in (0, 0xff, 0x41):
            tail = bytes([byte]) * n
            # zeros read as empty packets; the rest breaks where the file has ended
            left = n % 16 if byte == 0 else 1
            data = whole.data + tail
            yield good("zeros-after-%d" % n, data) if not left else \
                broken("after-%d-%02x" % (n, byte), data, 8)
    yield good("big-packets", plain([eth(ip4(tcp(data=b"x" * 60000))), eth(b"\0" * 262144, 0x88b5)]))
    huge = Pcap()
    for f in frames:
        huge.add(f)
    huge.add(b"", captured=200000)
    yield broken("promises-more", huge.data + b"y" * 199999, 8, len(whole.data))


def pcapng_blocks():
    frames = [eth(w) for w in witness()]
    head = section() + interface()
    first = b"".join(enhanced(f) for f in frames[:4])
    rest = b"".join(enhanced(f) for f in frames[4:])
    at = len(head + first)

    def between(data):
        return head + first + data + rest

    for order in "<>":
        name = "le" if order == "<" else "be"
        body = section(order) + interface(order)
        yield good("enhanced-" + name, body + b"".join(enhanced(f, order) for f in frames))
        yield good("simple-" + name, body + b"".join(simple(f, order) for f in frames))
        yield good("obsolete-" + name, body + b"".join(obsolete(f, order) for f in frames))
        for link in (0, 12, 101, 108, 113, 228, 276):
            yield good("link%d-%s" % (link, name), section(order) + interface(order, link) +
                       b"".join(enhanced(linked(link, w), order) for w in witness()))
    yield good("orders-mixed", head + first + section(">") + interface(">") +
               b"".join(enhanced(f, ">") for f in frames[4:]))
    yield good("only-section", section(), 0)
    yield good("only-interface", head, 0)
    for version in ((0, 0), (1, 2), (9, 9), (65535, 65535)):
        yield good("version-%d.%d" % version, section(version=version) + interface() + first + rest)
    for length in (0, 1, 7, 1 << 62, -2):
        yield good("section-length-%d" % length, section(length=length) + interface() + first + rest)
    # blocks of kinds that are not read, known and not
    for kind in (0, 4, 5, 7, 8, 9, 10, 11, 0xbad, 0x40000bad, 0x0a0d0a00, 0x0d0d0a0d, 0x80000001,
                 0xffffffff):
        for n in (0, 4, 64):
            yield good("unknown-%x-%d" % (kind, n), between(block(kind, b"z" * n)))
    # lengths of a block
    for n in (0, 1, 4, 8, 11, 13, 14, 15, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff, 0x04000004):
        yield broken("length-%x" % n, between(block(0xbad, b"", length=n)), 4, at)
        yield broken("section-length-field-%x" % n, head + first +
                     block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1), length=n), 4, at)
    yield broken("length-beyond-end", between(block(0xbad, b"", length=1 << 20)), 4, at)
    for n in (0, 12, 13, 0xffffffff):
        yield good("trailer-%x" % n, between(block(0xbad, b"zzzz", trailer=n)))
    for magic in (0, 0x1a2b3c4e, 0xffffffff):
        yield broken("order-magic-%x" % magic, between(section(magic=magic)), 4, at)
    yield broken("first-order-magic", section(magic=1) + interface() + first, 0, 0)
    # packets that contradict their block
    for name, b in (
            ("captured-more", enhanced(frames[0], captured=len(frames[0]) + 100)),
            ("captured-max", enhanced(frames[0], captured=0xffffffff)),
            ("captured-sign", enhanced(frames[0], captured=0x80000000)),
            ("interface-1", enhanced(frames[0], number=1)),
            ("interface-max", enhanced(frames[0], number=0xffffffff)),
            ("enhanced-empty", block(6, b"")), ("enhanced-16", block(6, b"\0" * 16)),
            ("obsolete-empty", block(2, b"")), ("obsolete-16", block(2, b"\0" * 16)),
            ("simple-empty", block(3, b"")),
            ("simple-more", block(3, struct.pack("<I", 65535) + b"\0" * 60)),
            ("simple-max", block(3, struct.pack("<I", 0xffffffff))),
            ("interface-short", block(1, b"\1\0\0\0")), ("interface-empty", block(1, b"")),
            ("obsolete-interface", block(2, struct.pack("<HHIIII", 7, 0, 0, 0, 0, 0)))):
        yield broken(name, between(b), 4, at)
    yield broken("no-interface", section() + first, 0, 28)
    yield broken("section-forgets-interfaces", head + first + section() + rest, 4, at + 28)
    for name, b in (
            ("captured-0", enhanced(b"", captured=0, wire=0)), ("wire-0", enhanced(b"zz", wire=0)),
            ("wire-max", enhanced(eth(ip4(tcp())), wire=0xffffffff)),
            ("captured-less", enhanced(eth(ip4(tcp(data=b"x" * 99))), captured=60))):
        yield good(name, between(b))
    # options
    for name, o in (
            ("end", option(0, b"")), ("end-long", option(0, b"abcd")), ("none-end", option(2, b"eth0")),
            ("beyond", option(2, b"eth0", length=500)), ("max", option(2, b"", length=65535)),
            ("cut", b"\2\0"), ("one-byte-over", option(2, b"abcdefgh", length=9)),
            ("resolution-long", option(9, b"\6\6")), ("resolution-empty", option(9, b"")),
            ("offset-short", option(14, b"\0" * 4)), ("many", option(1, b"") * 500),
            ("same", option(9, b"\6") * 20), ("unknown", option(0xbeef, b"z" * 40)),
            ("unpadded", struct.pack("<HH", 2, 5) + b"abcde" + option(0, b""))):
        yield good("option-" + name, section() + interface(options=o) + first + rest)
        yield good("packet-option-" + name, head + first + enhanced(b"", options=o) + rest)
        yield good("section-option-" + name, section(options=o) + interface() + first + rest)
    for r in (0, 1, 3, 6, 9, 10, 15, 19, 0x80, 0x81, 0x8a, 0xa0, 0xbe, 0xbf):
        unit = 2 ** (r & 0x7f) if r & 0x80 else 10 ** r
        stamps = [(T0 + i) * unit & 0xffffffffffffffff for i in range(8)]
        yield good("resolution-%02x" % r, section() + interface(options=option(9, bytes([r]))) +
                   b"".join(enhanced(f, at=t) for f, t in zip(frames, stamps)))
    for r in (20, 64, 0x7f, 0xc0, 0xff):
        yield broken("resolution-%02x" % r, section() + interface(options=option(9, bytes([r]))) +
                     first, 0, 28)
    for offset in (1, -1, -T0, 1 << 62, -(1 << 63), (1 << 63) - 1):
        yield good("offset-%d" % offset, section() +
                   interface(options=option(14, struct.pack("<q", offset))) + first + rest)
    for t in (0, 1, 0xffffffff, 0x100000000, 0xffffffffffffffff, 1 << 63):
        yield good("stamp-%x" % t, head + first + b"".join(enhanced(f, at=t) for f in frames[4:]))
    # interfaces
    two = section() + interface() + interface(link=101, options=option(9, b"\x09"))
    other = witness(40002)
    yield good("two-links", two + b"".join(enhanced(f) + enhanced(w, number=1, unit=10**9)
                                           for f, w in zip(frames, other)), 16)
    yield good("one-unknown-link", section() + interface() + interface(link=147) +
               b"".join(enhanced(f) + enhanced(f, number=1) for f in frames), 8, True)
    yield good("interfaces-4096", section() + interface() * 4096 + first + rest)
    yield broken("interfaces-4097", head + first + interface() * 4096, 4,
                 at + 4095 * len(interface()))
    for snaplen in (0, 1, 60, 0xffffffff):
        yield good("snaplen-%x" % snaplen, section() + interface(snaplen=snaplen) + first + rest)
    # cuts, from inside the first block on
    data = between(b"")
    for n in range(4, 24):
        yield broken("cut-%d" % n, data[:n], 0, 0)
    for n in (1, 4, 8, 11, 12, 13, 30, len(enhanced(frames[4])) - 1):
        yield broken("cut-packet-%d" % n, data[:at + n], 4, at)
    for byte in (0, 0xff, 0x0a):
        yield broken("after-%02x" % byte, data + bytes([byte]) * 64, 8, len(data))
        yield broken("after-%02x-short" % byte, data + bytes([byte]) * 3, 8, len(data))


def other_files():
    pcap = plain([])
    text = b"this is not a capture file\n"
    for name, data in (
            ("empty", b""), ("one-byte", b"\xd4"), ("three-bytes", b"\xd4\xc3\xb2"), ("text", text),
            ("long-text", text * 4000), ("blank", b"\n"), ("zeros", b"\0" * 4096),
            ("ones", b"\xff" * 4096), ("gzip", gzip.compress(pcap, mtime=0)), ("xz", lzma.compress(pcap)),
            ("zstd", b"\x28\xb5\x2f\xfd" + b"\0" * 100), ("zip", b"PK\3\4" + b"\0" * 100),
            ("snoop", b"snoop\0\0\0" + struct.pack(">II", 2, 4) + b"\0" * 100),
            ("btsnoop", b"btsnoop\0" + struct.pack(">II", 1, 1002) + b"\0" * 100),
            ("netmon", b"GMBU\0\2" + b"\0" * 122), ("netmon1", b"RTSS\0\1" + b"\0" * 122),
            ("sniffer", b"TRSNIFF data    \x1a" + b"\0" * 100), ("erf", b"\0" * 8 + b"\2\0\0\x60" * 20),
            ("elf", b"\x7fELF\2\1\1" + b"\0" * 57), ("json", b'{"v":1}\n'),
            ("xml", b"<?xml version=\"1.0\"?>\n<pdml/>\n"), ("script", b"#!/bin/sh\nexit 0\n"),
            ("byte-order-mark", b"\xef\xbb\xbf" + pcap), ("shifted", b"\0" + pcap),
            ("pcap-as-hex", pcap.hex().encode()), ("carriage-returns", pcap.replace(b"\n", b"\r\n")
                                                    [:4].replace(b"\xd4", b"\xd5") + pcap[4:])):
        yield refused(name, data)
    for n in range(4, 24):
        yield refused("pcap-header-%d" % n, pcap[:n])
    r = random.Random(1)
    for i in range(20):
        data = bytes(r.randrange(256) for _ in range(r.choice((5, 30, 300, 3000))))
        yield refused("random-%d" % i, data)


def spaced(name, frames):
    return good(name, plain(frames))


def ip_headers():
    yield spaced("version", [eth(ip4(tcp(), version=v)) for v in range(16)] +
                 [eth(ip6(tcp(), version=v), IPV6) for v in range(16)])
    yield spaced("ihl", [eth(ip4(tcp(), ihl=n)) for n in range(16)])
    yield spaced("total", [eth(ip4(tcp(data=b"abc"), total=n)) for n in
                           list(range(64)) + [255, 256, 1500, 32767, 32768, 65535]])
    yield spaced("total-ihl", [eth(ip4(tcp(), total=t, ihl=n)) for n in range(5, 16)
                               for t in (0, 20, n * 4 - 1, n * 4, n * 4 + 19, n * 4 + 20)])
    yield spaced("fragments", [eth(ip4(tcp(), frag=f)) for f in
                               [0x8000, 0xc000, 0x2000, 0x3fff, 0x1fff, 0xffff] + list(range(0, 40))])
    yield spaced("protocols", [eth(ip4(b"\x45" * 24, proto=n)) for n in range(256)])
    yield spaced("protocols-6", [eth(ip6(b"\x45" * 24, proto=n), IPV6) for n in range(256)])
    yield spaced("protocols-empty", [eth(ip4(b"", proto=n)) for n in range(256)] +
                 [eth(ip6(b"", proto=n), IPV6) for n in range(256)])
    options = [b"\0" * 4, b"\1" * 40, b"\x07\0\0\0", b"\x07\1\0\0", b"\x07\xff\4\0", b"\x44\x28\5\0" + b"\0" * 36,
               b"\x83\3\4\0", b"\x88\4\0", b"\x94\4\0\0", b"\x82\x0b" + b"\0" * 10, b"\x86\0\0\0"]
    yield spaced("options", [eth(ip4(tcp(), options=o + b"\0" * (-len(o) % 4))) for o in options])
    yield spaced("length-6", [eth(ip6(tcp(), length=n), IPV6) for n in
                              list(range(48)) + [255, 1500, 32768, 65535]])
    yield spaced("ethertypes", [eth(b"\x45" * 40, n) for n in list(range(0, 2048, 3)) +
                                list(range(0x8000, 0x9100, 7)) + [0xffff, TEB]])
    yield spaced("same-ends", [eth(ip4(tcp(22, 22), src="10.0.0.1", dst="10.0.0.1")),
                               eth(ip4(tcp(0, 22), src="0.0.0.0", dst="255.255.255.255")),
                               eth(ip6(tcp(22, 22), src="::", dst="::"), IPV6),
                               eth(ip6(tcp(22, 22), src="ff02::1", dst="ff02::1"), IPV6)])


def extensions():
    def chain(*headers, last=6):
        """headers: (kind, length byte, bytes); each names the next."""
        kinds = [h[0] for h in headers] + [last]
        body = b"".join(struct.pack(">BB", kinds[i + 1], h[1]) + h[2] for i, h in enumerate(headers))
        return eth(ip6(body + tcp(), proto=kinds[0]), IPV6)

    for kind in (0, 43, 44, 51, 60, 50, 59, 135, 139, 140, 253):
        yield spaced("header-%d" % kind, [chain((kind, n, b"\0" * 6)) for n in range(256)])
        yield spaced("header-%d-again" % kind, [chain(*[(kind, 0, b"\0" * 6)] * n) for n in range(1, 40)])
    yield spaced("header-cut", [eth(ip6(b"\0" * n, proto=0), IPV6) for n in range(1, 9)])
    yield spaced("jumbo", [eth(ip6(struct.pack(">BBBBI", 6, 0, 0xc2, 4, n) + tcp(), proto=0, length=0), IPV6)
                           for n in (0, 1, 65535, 65536, 0x7fffffff, 0xffffffff)])
    yield spaced("fragments-6", [eth(ip6(struct.pack(">BBHI", 6, 0, f, 7) + tcp(), proto=44), IPV6)
                                 for f in [0, 1, 8, 9, 0xfff8, 0xffff, 2, 4, 6]])


def tcp_headers():
    yield spaced("words", [eth(ip4(tcp(words=n))) for n in range(16)] +
                 [eth(ip6(tcp(words=n), length=20), IPV6) for n in range(16)])
    yield spaced("flags", [eth(ip4(tcp(50100 + n, flags=n, data=b"x" * (n % 3)))) for n in range(256)])
    yield spaced("flags-one-flow", [eth(ip4(tcp(flags=n, seq=n * 7, ack=n * 11))) for n in range(256)] +
                 [eth(ip4(tcp(22, 50001, flags=n, seq=n * 5), src="10.0.0.2", dst="10.0.0.1"))
                  for n in range(256)])
    options = [b"\2\0\0\0", b"\2\1\0\0", b"\2\xff\0\0", b"\5\3\0\0", b"\5\x0b" + b"\0" * 10, b"\x08\x0a\0\0",
               b"\3\3\xff\0", b"\1" * 40, b"\x1d\x10" + b"\0" * 14, b"\x13\x12" + b"\0" * 18, b"\xff" * 40,
               b"\x22\2\0\0", b"\0" * 40, b"\x1e\x0c" + b"\0" * 10]
    yield spaced("options", [eth(ip4(tcp(options=o, flags=f))) for o in options for f in (SYN, ACK)])
    yield spaced("ports", [eth(ip4(tcp(a, b))) for a, b in
                           ((0, 22), (22, 0), (65535, 22), (22, 22), (179, 179), (22, 179), (179, 0))])
    edges = (0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff)
    yield spaced("numbers", [eth(ip4(tcp(seq=s, ack=a, flags=f, data=b"abc"))) for s in edges for a in edges
                             for f in (SYN, ACK, FIN | ACK, RST)])
    whole = eth(ip4(tcp(data=b"SSH-2.0-x\r\n")))
    whole6 = eth(ip6(tcp(data=b"SSH-2.0-x\r\n")), IPV6)
    for name, frame in (("cut", whole), ("cut-6", whole6)):
        p = Pcap()
        for w in witness():
            p.add(eth(w))
        for n in range(len(frame)):
            p.add(frame[:n], wire=len(frame))
            p.add(frame[:n])
        yield good(name, p.data)


def icmp_errors():
    quote4 = ip4(tcp(), src=WITNESS[:-2] + "99", dst="192.0.2.11")
    quote6 = ip6(tcp())
    yield spaced("quote-cut", [eth(ip4(icmp(3, 1, quote4[:n]), proto=1)) for n in range(len(quote4))] +
                 [eth(ip6(icmp(1, 0, quote6[:n]), proto=58), IPV6) for n in range(len(quote6))])
    yield spaced("kinds", [eth(ip4(icmp(k, c, quote4), proto=1)) for k in range(256) for c in (0, 1, 255)])
    yield spaced("kinds-6", [eth(ip6(icmp(k, c, quote6), proto=58), IPV6) for k in range(256) for c in (0, 4)])
    yield spaced("quote-odd", [eth(ip4(icmp(3, 1, q), proto=1)) for q in
                               [ip4(tcp(), ihl=n) for n in range(16)] +
                               [ip4(tcp(), version=n) for n in range(16)] +
                               [ip4(tcp(), frag=f) for f in (1, 0x1fff, 0x2000)] + [quote6, b"\xff" * 60]])
    inner = ip4(icmp(3, 1, ip4(icmp(3, 1, quote4), proto=1)), proto=1)
    yield spaced("error-in-error", [eth(inner), eth(ip4(icmp(3, 1, inner), proto=1))])


def tunnels():
    packet = ip4(tcp())

    def nest(wrap, n):
        p = packet
        for _ in range(n):
            p = wrap(p)
        return p

    gre = lambda p, flags=0, kind=IPV4: ip4(struct.pack(">HH", flags, kind) + p, proto=47)
    vxlan = lambda p, flags=8: ip4(udp(struct.pack(">II", flags << 24, 5000 << 8) + eth(p), 4789), proto=17)
    geneve = lambda p, first=0, kind=TEB: ip4(udp(struct.pack(">BBHI", first, 0, kind, 5 << 8) + p, 6081), proto=17)
    gtpu = lambda p, first=0x30, more=b"": ip4(udp(struct.pack(">BBHI", first, 255, len(p), 9) + more + p, 2152),
                                               proto=17)
    wraps = (("ipip", lambda p: ip4(p, proto=4)), ("gre", gre), ("vxlan", vxlan), ("gtpu", gtpu),
             ("geneve", lambda p: geneve(eth(p))), ("6in4-4in6", lambda p: ip4(ip6(p, proto=4), proto=41)))
    for name, wrap in wraps:
        yield spaced(name + "-deep", [eth(nest(wrap, n)) for n in range(1, 25)])
        whole = eth(nest(wrap, 2))
        p = Pcap()
        for w in witness():
            p.add(eth(w))
        for n in range(len(whole)):
            p.add(whole[:n], wire=len(whole))
        yield good(name + "-cut", p.data)
    yield spaced("gre-flags", [eth(gre(b"\0" * 4 * k + packet, f << 8 | v)) for f in range(0, 256, 8) for v in (0, 1, 7)
                               for k in (0, 3)])
    yield spaced("gre-kinds", [eth(gre(packet, kind=k)) for k in list(range(0, 65536, 257)) +
                               [0x88be, 0x22eb, TEB, IPV6, MPLS, 0x880b]])
    yield spaced("erspan", [eth(gre(b"\0\0\0\1" + bytes([v << 4, 0, 0, 1]) + b"\0" * 6 + bytes([h, 1]) + eth(packet),
                                    0x1000, kind)) for kind in (0x88be, 0x22eb) for v in range(16)
                            for h in (0, 4, 0x7c, 0xff)])
    yield spaced("vxlan-flags", [eth(vxlan(packet, f)) for f in range(256)])
    yield spaced("geneve-options", [eth(geneve(b"\xff" * n + eth(packet), f)) for f in range(256) for n in (0, 8, 252)])
    yield spaced("geneve-kinds", [eth(geneve(packet, 0, k)) for k in (0, IPV4, IPV6, MPLS, 0xffff)])
    yield spaced("gtpu-extensions", [eth(gtpu(packet, 0x34, b"\0\0\0\x85" + bytes([n]) + b"\0" * 2 + bytes([m])))
                                     for n in (0, 1, 2, 255) for m in (0, 0x85, 255)] +
                 [eth(gtpu(packet, f)) for f in range(256)])
    yield spaced("udp-lengths", [eth(ip4(udp(b"\x08" * 8 + eth(packet), port, n), proto=17))
                                 for port in (4789, 6081, 2152) for n in (0, 1, 7, 8, 15, 65535)])
    yield spaced("udp-cut", [eth(ip4(udp(b"\x08" * n, port), proto=17)) for port in (4789, 6081, 2152)
                             for n in range(20)])
    tag = lambda p, n, kind=0x8100: MAC + struct.pack(">HH", kind, 100) * n + b"\x08\0" + p
    yield spaced("tags", [tag(packet, n, k) for n in range(24) for k in (0x8100, 0x88a8, 0x9100)])
    yield spaced("tags-only", [MAC + b"\x81\0\0\5" * n for n in range(24)] +
                 [MAC + (b"\x81\0\0\5" * 9)[:n] for n in range(36)])
    yield spaced("priority-tag", [MAC + b"\x81\0" + struct.pack(">H", t) + b"\x08\0" + packet
                                  for t in (0, 0xfff, 0xe000, 0xffff, 0x1000)])
    label = lambda n, bottom: struct.pack(">I", n << 12 | bottom << 8 | 64)
    yield spaced("labels", [eth(label(16, 0) * n + label(17, 1) + packet, MPLS) for n in range(40)] +
                 [eth(label(16, 0) * n, MPLS) for n in range(40)] +
                 [eth(label(17, 1) + bytes([b]), MPLS) for b in range(256)] +
                 [eth(label(n, 1) + packet, MPLS) for n in range(20)])
    yield spaced("pseudowire", [eth(label(17, 1) + w + eth(packet), MPLS) for w in
                                (b"\0" * 4, b"\0\0\0", b"\x10\0\0\0", b"\0\xff\xff\xff")])
    pppoe = lambda first, code, n, proto, p: eth(struct.pack(">BBHHH", first, code, 7, n, proto) + p, PPPOE)
    yield spaced("pppoe", [pppoe(f, c, n, k, packet) for f in (0x11, 0x10, 0x21, 0xff) for c in (0, 9, 255)
                           for n in (0, 2, 65535) for k in (0x21, 0x57, 0xc021, 0x2100, 0xffff)])
    yield spaced("discovery", [eth(b"\x11" * n, k) for n in range(30) for k in (0x8863, PPPOE)])
    yield spaced("frame-in-frame", [MAC + b"\x65\x58" * n + eth(packet) for n in range(5)] +
                 [eth(eth(eth(packet), TEB), TEB)])
    yield spaced("outer-fragments", [eth(ip4(eth(packet), proto=k, frag=f)) for k in (4, 41, 47, 17)
                                     for f in (0x2000, 0x2001, 1, 0x1fff)])


def ssh_contents():
    def said(name, *pieces, isn=1000):
        return spaced(name, conversation(51000, 22, pieces, isn))

    kexinit = b"\x14" + b"c" * 16 + b"".join(struct.pack(">I", len(n)) + n for n in
                                             [b"curve25519-sha256", b"ssh-ed25519"] + [b"aes128-ctr"] * 2 +
                                             [b"hmac-sha2-256"] * 2 + [b"none"] * 2 + [b""] * 2) + b"\0" * 5
    packet = lambda payload, n=None, pad=4: struct.pack(
        ">IB", len(payload) + 1 + pad if n is None else n, pad) + payload + b"\0" * min(pad, 64)
    ident = b"SSH-2.0-x\r\n"
    n = len(ident)
    for name, line in (
            ("empty-version", b"SSH--x\r\n"), ("no-software", b"SSH-2.0-\r\n"), ("no-dash", b"SSH-2.0\r\n"),
            ("bare", b"SSH-"), ("prefix", b"SSH"), ("blank", b"\r\n" * 500), ("nul", b"SSH-2.0-a\0b\r\n"),
            ("control", b"SSH-2.0-\x1b[2J\x07\r\n"), ("high", b"SSH-2.0-\xff\xfe\x80\r\n"),
            ("utf8", "SSH-2.0-ÄÖ\u202e\r\n".encode()), ("quote", b'SSH-2.0-"},{"x":"\\\r\n'),
            ("long", b"SSH-2.0-" + b"x" * 10000), ("longest", b"SSH-2.0-" + b"y" * 245 + b"\r\n"),
            ("one-too-long", b"SSH-2.0-" + b"y" * 246 + b"\r\n"), ("only-lf", b"SSH-1.5-x\n"),
            ("only-cr", b"SSH-2.0-x\r"), ("cr-cr", b"SSH-2.0-x\r\r\n"), ("lines", b"hello\r\n" * 2000 + ident),
            ("long-version", b"SSH-" + b"9" * 300 + b"-x\r\n"), ("http", b"GET / HTTP/1.0\r\n\r\n"),
            ("tls", b"\x16\3\1\2\0\1\0\1\xfc\3\3" + b"r" * 500), ("zeros", b"\0" * 3000),
            ("ones", b"\xff" * 3000), ("bgp", b"\xff" * 16 + b"\0\x13\4")):
        cut = [line[i:i + 1400] for i in range(0, len(line), 1400)]
        yield said("ident-" + name, *[(d, 1400 * i, c) for d in (0, 1) for i, c in enumerate(cut)])
    for name, p in (
            ("length-0", packet(kexinit, 0)), ("length-1", packet(kexinit, 1)), ("length-5", packet(kexinit, 5)),
            ("length-35001", packet(kexinit, 35001)), ("length-max", packet(kexinit, 0xffffffff)),
            ("length-sign", packet(kexinit, 0x80000000)), ("length-more", packet(kexinit, 9000)),
            ("pad-0", packet(kexinit, pad=0)), ("pad-255", packet(kexinit, len(kexinit) + 5, 255)),
            ("pad-all", packet(kexinit, 6, 4)), ("message-0", packet(b"\0" + kexinit)),
            ("message-255", packet(b"\xff" + kexinit)), ("disconnect", packet(b"\1" + b"\0" * 20)),
            ("debug-many", packet(b"\4" + b"\0" * 20) * 60), ("empty-lists", packet(b"\x14" + b"\0" * 61)),
            ("short", packet(b"\x14" + b"c" * 16)), ("cookie-cut", packet(b"\x14cc")),
            ("list-max", packet(b"\x14" + b"c" * 16 + b"\xff" * 4 + b"x" * 100)),
            ("list-sign", packet(b"\x14" + b"c" * 16 + b"\x80\0\0\0" + b"x" * 100)),
            ("list-over", packet(b"\x14" + b"c" * 16 + struct.pack(">I", 101) + b"x" * 100)),
            ("commas", packet(b"\x14" + b"c" * 16 + (struct.pack(">I", 90) + b"," * 90) * 10 + b"\0" * 5)),
            ("not-ascii", packet(kexinit.replace(b"ctr", b"\xc3\xa4x"))),
            ("control", packet(kexinit.replace(b"none", b"a\0\nb"))),
            ("long-names", packet(b"\x14" + b"c" * 16 + (struct.pack(">I", 600) + b"n" * 600) * 10 + b"\0" * 5)),
            ("good", packet(kexinit)), ("twice", packet(kexinit) * 2)):
        whole = ident + p
        pieces = [(d, i, whole[i:i + 1400]) for d in (0, 1) for i in range(0, len(whole), 1400)]
        yield said("kexinit-" + name, *pieces)
        yield said("kexinit-%s-backwards" % name, *reversed(pieces), isn=0xfffffff0)
    whole = ident + packet(kexinit)
    yield said("bytes", *[(d, i, whole[i:i + 1]) for i in range(len(whole)) for d in (0, 1)])
    yield said("bytes-backwards", *[(0, i, whole[i:i + 1]) for i in reversed(range(len(whole)))])
    yield said("rewritten", (0, 0, ident), (0, -8, b"--------SSH-9.9-evil\r\n"), (0, 0, b"SSH-2.0-y\r\n"),
               (0, n, packet(kexinit)))
    yield said("before", (0, -1, b"S"), (0, -1, b""), (0, -5000, b"z" * 100), (0, 0x7fffffff, b"far"),
               (0, -0x7fffffff, b"far"), (0, 0, whole))
    yield said("holes", *[(0, 20 * i, b"h" * 10) for i in range(1, 60)], (0, 0, whole))


def bgp_contents():
    marker = b"\xff" * 16

    def message(kind, body=b"", length=None, head=marker):
        return head + struct.pack(">HB", 19 + len(body) if length is None else length, kind) + body

    def opening(parameters=b"", version=4, n=None):
        return message(1, struct.pack(">BHH4sB", version, 65001, 180, b"\1\2\3\4",
                                      len(parameters) if n is None else n) + parameters)

    keepalive = message(4)

    def said(name, *parts, isn=1000):
        whole = b"".join(parts)
        return spaced(name, conversation(52000, 179, [
            (d, i, whole[i:i + 1400]) for i in range(0, len(whole), 1400) for d in (0, 1)], isn))

    for n in (0, 1, 18, 20, 28, 4095, 4096, 4097, 32768, 65534, 65535):
        for kind in range(0, 7):
            yield said("length-%d-%d" % (n, kind), opening(), message(kind, b"\0" * 40, n), keepalive * 3)
    yield said("kinds", opening(), *[message(k, b"\0" * 12) + keepalive for k in range(256)])
    yield said("marker", *[message(4, head=marker[:i] + b"\0" + marker[i + 1:]) + keepalive for i in range(16)])
    yield said("ones", b"\xff" * 5000, keepalive)
    yield said("zeros", b"\0" * 5000, keepalive)
    yield said("keepalives", keepalive * 4000)
    yield said("keepalive-with-body", message(4, b"body"), keepalive)
    for name, o in (
            ("version-0", opening(version=0)), ("version-255", opening(version=255)),
            ("parameters-over", opening(b"\2\6\1\4\0\1\0\1", n=200)), ("parameters-under", opening(b"\2\6\1\4\0\1\0\1", n=3)),
            ("parameter-over", opening(b"\2\xff\1\4")), ("parameter-0", opening(b"\2\0" * 100)),
            ("parameter-unknown", opening(bytes(range(3, 203)))), ("capability-over", opening(b"\2\4\x41\xff\0\0")),
            ("capability-short", opening(b"\2\3\x41\1\0")), ("capability-cut", opening(b"\2\1\x41")),
            ("capabilities-256", opening(b"".join(b"\2\2" + bytes([c, 0]) for c in range(63)))),
            ("extended", opening(b"\xff\xff\xff" + b"\2\0\4\x41\4\0\0", n=255)),
            ("extended-cut", opening(b"\xff", n=255)), ("extended-0", opening(b"\xff\0\0", n=255)),
            ("as-4", opening(b"\2\6\x41\4\xff\xff\xff\xff")), ("as-4-twice", opening(b"\2\x0c" + b"\x41\4\0\0\0\1" * 2))):
        yield said("open-" + name, o, keepalive * 2)
    for name, body in (
            ("codes", None), ("empty", b""), ("one", b"\6"), ("text-over", b"\6\2\xff" + b"bye"),
            ("text-0", b"\6\2\0"), ("text-long", b"\6\2\xff" + b"\xc3" * 255), ("text-nul", b"\6\2\4a\0b\0"),
            ("text-control", b"\6\4\x06\x1b[2J\r\n"), ("text-max", b"\6\2\xff" + b"\0" * 255),
            ("hard-reset", b"\6\x09"), ("hard-reset-one", b"\6\x09\6"), ("hard-reset-nested", b"\6\x09" * 100),
            ("hard-reset-text", b"\6\x09\6\2\3bye"), ("data", b"\1\2" + b"d" * 4000)):
        messages = [message(3, body)] if body is not None else \
            [message(3, bytes([c, s])) for c in range(12) for s in range(14)]
        yield said("notification-" + name, opening(), keepalive, *messages)
    for name, body in (
            ("empty", b"\0\0\0\0"), ("withdrawn-over", b"\xff\xff\0\0"), ("attributes-over", b"\0\0\xff\xff"),
            ("prefix-33", b"\0\0\0\0\x21\1\2\3\4\5"), ("prefix-255", b"\0\0\0\0\xff" + b"\0" * 31),
            ("prefix-cut", b"\0\0\0\0\x20\1\2"), ("withdrawn-cut", b"\0\2\x20\1\0\0"),
            ("attribute-cut", b"\0\0\0\2\x40\1"), ("attribute-over", b"\0\0\0\4\x40\1\xff\0"),
            ("attribute-long", b"\0\0\0\5\x50\2\xff\xff\0"), ("path-over", b"\0\0\0\5\x40\2\2\2\xff"),
            ("path-empty", b"\0\0\0\3\x40\2\0"), ("reach-short", b"\0\0\0\4\x80\x0e\1\0"),
            ("reach-nexthop", b"\0\0\0\x0a\x80\x0e\7\0\2\1\xff\0\0\0"), ("unreach-short", b"\0\0\0\4\x80\x0f\1\0"),
            ("attributes-many", b"\0\0" + struct.pack(">H", 3 * 1000) + b"\xc0\xf0\0" * 1000),
            ("attributes-twice", b"\0\0\0\x08" + b"\x40\1\1\0" * 2), ("zeros", b"\0" * 4000), ("ones", b"\xff" * 4000)):
        yield said("update-" + name, opening() + keepalive, message(2, body), keepalive)
    whole = opening() + keepalive * 2 + message(2, b"\0\0\0\0") + message(3, b"\6\2\3bye")
    yield spaced("bytes", conversation(52000, 179, [(d, i, whole[i:i + 1]) for i in range(len(whole)) for d in (0, 1)],
                                       0xffffffe0))
    yield spaced("backwards", conversation(52000, 179, [(0, i, whole[i:i + 7]) for i in
                                                        reversed(range(0, len(whole), 7))]))
    yield spaced("holes", conversation(52000, 179, [(0, 40 * i, keepalive) for i in range(60)]))
    yield spaced("rewritten", conversation(52000, 179, [(0, 0, opening()), (0, -30, b"x" * 60), (0, 5, b"y" * 60),
                                                        (0, len(opening()), keepalive)]))


def mutations():
    """Good frames and files with random bytes changed."""
    r = random.Random(20)
    pool = [eth(ip4(tcp(data=b"SSH-2.0-x\r\n"))), eth(ip6(tcp(data=b"SSH-2.0-x\r\n")), IPV6),
            eth(ip4(icmp(3, 1, ip4(tcp())), proto=1)), MAC + b"\x81\0\0\5" + eth(ip4(tcp()))[12:],
            eth(ip4(udp(struct.pack(">II", 8 << 24, 5000 << 8) + eth(ip4(tcp())), 4789), proto=17)),
            eth(ip4(struct.pack(">HH", 0, IPV4) + ip4(tcp()), proto=47)),
            eth(ip4(tcp(52000, 179, data=b"\xff" * 16 + b"\0\x13\4")))]

    def changed(frame):
        f = bytearray(frame)
        for _ in range(r.randrange(1, 5)):
            f[r.randrange(12, len(f))] = r.choice((0, 255, r.randrange(256), 1 << r.randrange(8)))
        return bytes(f[:r.randrange(14, len(f) + 1)] if r.random() < 0.3 else f)

    for i in range(40):
        yield spaced("frames-%d" % i, [changed(r.choice(pool)) for _ in range(200)])
    # of a file: nothing is known but that the reader ends well
    files = [plain([]), section() + interface(options=option(9, b"\6") + option(14, b"\0" * 8)) +
             b"".join(enhanced(eth(w)) for w in witness())]
    for i in range(120):
        f = bytearray(files[i % 2])
        for _ in range(r.randrange(1, 4)):
            f[r.randrange(len(f))] = r.choice((0, 255, r.randrange(256), 1 << r.randrange(8)))
        yield "file-%d" % i, bytes(f), None, None, None, None


FAMILIES = (
    ("pcap-header", pcap_headers, "pcap: magics, link types, versions, lengths of a snapshot"),
    ("pcap-record", pcap_records, "pcap: records that are cut, too long, at odd times"),
    ("pcapng", pcapng_blocks, "pcapng: blocks, options and times that contradict each other"),
    ("other", other_files, "files of other kinds, and of none"),
    ("ip", ip_headers, "IP headers"),
    ("extension", extensions, "IPv6 extension headers"),
    ("tcp", tcp_headers, "TCP headers"),
    ("icmp", icmp_errors, "ICMP errors and their quotes"),
    ("tunnel", tunnels, "tags, labels and tunnels"),
    ("ssh", ssh_contents, "what SSH says"),
    ("bgp", bgp_contents, "what BGP says"),
    ("random", mutations, "bytes changed at random"),
)


def captures(family):
    for name, make, _ in FAMILIES:
        if name == family:
            for c in make():
                yield Capture(name, *c)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    n = 0
    for family, _, _ in FAMILIES:
        for c in captures(family):
            n += 1
            with open(os.path.join(folder, "%s.%s" % (c.family, c.name)), "wb") as f:
                f.write(c.data)
    print("%d files" % n)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
