#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One SSH session in each wrapping that bpf/wrap.h reads, some of them in IP fragments, sent through a veth past an agent with eBPF
# and one with libpcap, and replayed: all three say the same of each, and what it was wrapped in.
# shellcheck disable=SC2016
# shellcheck source=tests/lab/tap.sh
. "$(dirname "$0")/../lab/tap.sh"
need_root
need_programs

# two namespaces by the names that `lab down` removes
lab_name=gwtw$$
export LAB=$lab_name LAB_OWNER=$$
make_work
for s in mgmt bad; do
	ip netns add "$lab_name-$s" || bail "no network namespaces here"
done
for i in oob0 inb0; do
	ip link add "$i" netns "$lab_name-mgmt" type veth peer name "$i" netns "$lab_name-bad"
	ip -n "$lab_name-mgmt" link set "$i" up
	ip -n "$lab_name-bad" link set "$i" up
done

cat >"$work/wrapped.py" <<'EOF'
"""make FILE: the capture file. send FILE INTERFACE: its frames, one by one.
check FILE...: the flow.end documents are what was made, and the files agree."""
import ipaddress
import json
import socket
import struct
import sys
import time

MAC = bytes(range(2, 8)) + bytes(range(8, 14))
IPV4, IPV6, TEB, MPLS = 0x0800, 0x86dd, 0x6558, 0x8847
CLIENT = {4: "198.18.1.10", 6: "2001:db8:ffff::10"}
DEVICE = {4: "192.0.2.11", 6: "2001:db8:0:6::64"}


def ip(src, dst, protocol, body):
    s, d = (ipaddress.ip_address(a).packed for a in (src, dst))
    if len(s) == 4:
        return IPV4, struct.pack(">BBHIBBH", 0x45, 0, 20 + len(body), 0, 64, protocol, 0) + s + d + body
    return IPV6, struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + s + d + body


def ethernet(p):
    return p if p[0] == TEB else (TEB, MAC + struct.pack(">H", p[0]) + p[1])


def tag(p, vid, kind=0x8100):
    return kind, struct.pack(">HH", vid, p[0]) + p[1]


def labels(p, *stack):
    body = b"\0\0\0\0" + p[1] if p[0] == TEB else p[1]
    for i, label in enumerate(reversed(stack)):
        body = struct.pack(">I", label << 12 | (0 if i else 0x100) | 64) + body
    return MPLS, body


def pppoe(p):
    return 0x8864, struct.pack(">BBHHH", 0x11, 0, 7, 2 + len(p[1]), 0x21 if p[0] == IPV4 else 0x57) + p[1]


OUTER = {4: ("203.0.113.1", "203.0.113.2"), 6: ("2001:db8:f::1", "2001:db8:f::2")}


def over(p, family, protocol):
    return ip(*OUTER[family], protocol, p)


def gre(p, family=4, flags=0, options=b""):
    return over(struct.pack(">HH", flags, p[0]) + options + p[1], family, 47)


def udp(body, port, family=4):
    return over(struct.pack(">HHHH", 50000, port, 8 + len(body), 0) + body, family, 17)


def vxlan(p, vni, family=4):
    return udp(struct.pack(">II", 8 << 24, vni << 8) + ethernet(p)[1], 4789, family)


def geneve(p, vni, family=4):
    return udp(struct.pack(">BBHII", 1, 0, p[0], vni << 8, 0) + p[1], 6081, family)


def erspan(p, kind, session=0):
    if kind == 1:
        return gre((0x88be, ethernet(p)[1]))
    head = struct.pack(">II", kind - 1 << 28 | session, 0) + (bytes(4) if kind == 3 else b"")
    return gre((0x22eb if kind == 3 else 0x88be, head + ethernet(p)[1]), 4, 0x1000, bytes(4))


def in_fragments(wrap, size, backwards=False):
    """What has payload comes in fragments of that size, and they in the wrapping."""
    wrap.cut = (size, backwards)
    return wrap


def fragments(p, size, backwards, number):
    head = 20 if p[0] == IPV4 else 40
    body = p[1][head:]
    at = range(0, len(body), size)
    for i in reversed(at) if backwards else at:
        more = i + size < len(body)
        if p[0] == IPV4:
            yield IPV4, (p[1][:2] + struct.pack(">HHH", head + len(body[i:i + size]), number,
                                                more << 13 | i >> 3) + p[1][8:head] + body[i:i + size])
        else:
            ext = struct.pack(">BBHI", p[1][6], 0, i | more, number)
            yield IPV6, (p[1][:4] + struct.pack(">HB", 8 + len(body[i:i + size]), 44) + p[1][7:head] +
                         ext + body[i:i + size])


# wrapping, inner family, and what the events say: vlan, mpls, encapsulation, outer family
CASES = [
    (lambda p: p, 4, [], [], [], 0),
    (lambda p: tag(p, 100), 4, [100], [], [], 0),
    (lambda p: tag(tag(tag(p, 300), 200), 100, 0x88a8), 6, [100, 200, 300], [], [], 0),
    (lambda p: labels(p, 16001, 24005), 4, [], [16001, 24005], [], 0),
    (lambda p: labels(ethernet(p), 99), 6, [], [99], ["eompls"], 0),
    (lambda p: tag(pppoe(p), 5), 4, [5], [], ["pppoe"], 0),
    (gre, 4, [], [], ["gre"], 4),
    (lambda p: gre(ethernet(p), 6, 0xb000, bytes(12)), 6, [], [], ["gre"], 6),
    (lambda p: gre(labels(p, 500)), 4, [], [500], ["gre"], 4),
    (lambda p: erspan(p, 1), 4, [], [], ["erspan1"], 4),
    (lambda p: erspan(p, 2, 100), 4, [], [], ["erspan2:100"], 4),
    (lambda p: erspan(p, 3, 1023), 6, [], [], ["erspan3:1023"], 4),
    (lambda p: over(p[1], 4, 4), 4, [], [], ["ipip"], 4),
    (lambda p: over(p[1], 4, 41), 6, [], [], ["6in4"], 4),
    (lambda p: over(p[1], 6, 4), 4, [], [], ["4in6"], 6),
    (lambda p: over(p[1], 6, 41), 6, [], [], ["6in6"], 6),
    (lambda p: vxlan(p, 5000), 4, [], [], ["vxlan:5000"], 4),
    (lambda p: tag(vxlan(ethernet(tag(p, 20)), 16777215, 6), 10), 6, [10, 20], [], ["vxlan:16777215"], 6),
    (lambda p: geneve(p, 77), 4, [], [], ["geneve:77"], 4),
    (lambda p: geneve(ethernet(p), 78, 6), 6, [], [], ["geneve:78"], 6),
    (lambda p: udp(struct.pack(">BBHI", 0x30, 255, len(p[1]), 1) + p[1], 2152), 4, [], [], ["gtpu"], 4),
    (lambda p: erspan(vxlan(p, 5000), 2, 5), 4, [], [], ["erspan2:5", "vxlan:5000"], 4),
    (in_fragments(lambda p: p, 24), 4, [], [], [], 0),
    (in_fragments(lambda p: p, 24, True), 4, [], [], [], 0),
    (in_fragments(lambda p: p, 24), 6, [], [], [], 0),
    (in_fragments(lambda p: p, 32, True), 6, [], [], [], 0),
    (in_fragments(lambda p: vxlan(p, 7), 24), 4, [], [], ["vxlan:7"], 4),
    (in_fragments(lambda p: tag(gre(p, 6), 8), 24, True), 6, [8], [], ["gre"], 6),
]
CLIENT_SAYS, DEVICE_SAYS = b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_8.8\r\n"


def session(family, port):
    """(from the client?, flags, seq, ack, payload)"""
    c, d = len(CLIENT_SAYS), len(DEVICE_SAYS)
    for client, flags, seq, ack, data in [
            (1, 2, 0, 0, b""), (0, 0x12, 0, 1, b""), (1, 0x10, 1, 1, b""), (1, 0x18, 1, 1, CLIENT_SAYS),
            (0, 0x18, 1, 1 + c, DEVICE_SAYS), (1, 0x11, 1 + c, 1 + d, b""),
            (0, 0x11, 1 + d, 2 + c, b""), (1, 0x10, 2 + c, 2 + d, b"")]:
        ends = (CLIENT[family], DEVICE[family])[::1 if client else -1]
        ports = (port, 22)[::1 if client else -1]
        tcp = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 65535, 0, 0) + data
        yield client, ip(*ends, 6, tcp)


def packets(wrap, family, port):
    """(from the client?, IP packet) as they are sent"""
    for number, (client, packet) in enumerate(session(family, port)):
        cut = getattr(wrap, "cut", None)
        whole = not cut or len(packet[1]) == (40 if family == 4 else 60)
        for piece in [packet] if whole else fragments(packet, *cut, number + port):
            yield client, piece


def make(path):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        n = 0
        for i, (wrap, family, *_) in enumerate(CASES):
            for _, packet in packets(wrap, family, 30000 + i):
                frame = ethernet(wrap(packet))[1]
                f.write(struct.pack("<IIII", 1790000000, n * 1000, len(frame), len(frame)) + frame)
                n += 1


def send(path, interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((interface, 0))
    data, at = open(path, "rb").read(), 24
    while at < len(data):
        n = struct.unpack_from("<I", data, at + 8)[0]
        s.send(data[at + 16:at + 16 + n])
        at += 16 + n
        time.sleep(0.002)


def flows(path):
    found = {}
    for line in open(path):
        e = json.loads(line)
        if e["type"] == "flow.end":
            keep = {k: e.get(k) for k in ("path", "service", "source", "destination", "network", "trust", "ssh")}
            keep["state"] = e["flow"]["state"]
            found[e["source"]["port"]] = keep
    return found


def check(paths):
    kept = [flows(p) for p in paths]
    for i, (wrap, family, vlan, mpls, tunnels, outer) in enumerate(CASES):
        text = "IPv%d in %s" % (family, " ".join(map(str, vlan + mpls + tunnels)) or "nothing")
        sent = {side: [len(p[1]) for client, p in packets(wrap, family, 30000 + i) if client == side]
                for side in (0, 1)}
        if hasattr(wrap, "cut"):
            text += ", cut into fragments" + (" that come backwards" if wrap.cut[1] else "")
        got = [k.get(30000 + i) for k in kept]
        if None in got:
            print("not ok - %s: not seen by %s" % (text, paths[got.index(None)]))
            continue
        first, network = got[0], got[0]["network"]
        ends = dict(zip(("source", "destination"), OUTER[outer])) if outer else None
        right = (network["vlan"] == vlan and network["mpls"] == mpls and
                 network["encapsulation"] == tunnels and network.get("outer") == ends and
                 first["source"]["ip"] == CLIENT[family] and first["state"] == "SF" and
                 first["source"]["packets"] == len(sent[1]) and first["source"]["bytes"] == sum(sent[1]) and
                 first["destination"]["packets"] == len(sent[0]) and
                 first["destination"]["bytes"] == sum(sent[0]) and
                 first["trust"]["verdict"] == "trusted" and
                 first["ssh"]["client"]["software_version"] == "OpenSSH_9.2" and
                 first["ssh"]["server"]["software_version"] == "OpenSSH_8.8")
        same = all(g == first for g in got)
        print("%sok - %s" % ("" if right and same else "not ", text))
        if not (right and same):
            print("\n".join("%s: %s" % (p, json.dumps(g)) for p, g in zip(paths, got)))


if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "send":
    send(sys.argv[2], sys.argv[3])
else:
    check(sys.argv[2:])
EOF

"$python" "$work/wrapped.py" make "$work/wrapped.pcap" || bail "cannot make the capture file"
start_agent bpf --fabric "$fabric" --capture bpf
start_agent pcap --fabric "$fabric" --capture pcap
ok "every session is sent" \
	ip netns exec "$lab_name-bad" "$python" "$work/wrapped.py" send "$work/wrapped.pcap" oob0
ok "every flow ends (eBPF)" await flows_ended bpf
ok "every flow ends (libpcap)" await flows_ended pcap
stop_agent bpf
stop_agent pcap
ok "the replay" eval '"$agent" replay --fabric "$fabric" --name mgmt-1 "$work/wrapped.pcap" \
	>"$work/replay.json" 2>"$work/replay.err"' || show "$work/replay.err"
verdicts wrapped.py < <("$python" "$work/wrapped.py" check "$work/bpf.json" "$work/pcap.json" \
	"$work/replay.json" 2>&1)
done_testing
