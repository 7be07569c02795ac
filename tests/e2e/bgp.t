#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""BGP in a capture file, replayed: what the flow says at its end, the events of its messages, of its session
and of the routes to a device's lo6, all of them as the schema wants them. Segments change places, come twice,
and one is lost."""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile

from tap import done, ok

HERE = os.path.dirname(os.path.abspath(__file__))
AGENT = os.path.join(os.environ.get("BUILD", "build"), "glasswatch-agent")
VALIDATE = os.path.join(HERE, "..", "validate_events.py")
FIN, SYN, RST, ACK = 1, 2, 4, 16
def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def opening(asn, hold, router):
    caps = struct.pack(">BBHBB", 1, 4, 2, 0, 1) + struct.pack(">BBI", 65, 4, asn) + b"\x02\x00"
    return message(1, struct.pack(">BHH4sBBB", 4, min(asn, 23456), hold, socket.inet_aton(router),
                                  len(caps) + 2, 2, len(caps)) + caps)


KEEPALIVE = message(4)
UPDATE = message(2, bytes(4))


class Capture:
    def __init__(self, ends, path):
        self.ends, self.path, self.ns = ends, path, 0
        self.next = [1001, 5001]
        self.data = struct.pack("<IHHIIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1)

    def segment(self, side, seq, flags, payload=b""):
        a, b = self.ends[side], self.ends[1 - side]
        ports = (179, 40000) if side else (40000, 179)
        tcp = struct.pack(">HHIIBBHHH", *ports, seq, self.next[1 - side], 0x50, flags, 512, 0, 0)
        if ":" in a:
            ip = struct.pack(">IHBB", 6 << 28, len(tcp + payload), 6, 64)
            ip += socket.inet_pton(socket.AF_INET6, a) + socket.inet_pton(socket.AF_INET6, b)
        else:
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp + payload), 0, 0, 64, 6, 0)
            ip += socket.inet_aton(a) + socket.inet_aton(b)
        frame = bytes(12) + (b"\x86\xdd" if ":" in a else b"\x08\x00") + ip + tcp + payload
        self.ns += 1000000
        self.data += struct.pack("<IIII", 1700000000, self.ns, len(frame), len(frame)) + frame

    def say(self, side, payload, flags=ACK):
        self.segment(side, self.next[side], flags, payload)
        self.next[side] += len(payload) + bool(flags & FIN)

    def handshake(self):
        self.segment(0, 1000, SYN)
        self.segment(1, 5000, SYN | ACK)
        self.segment(0, 1001, ACK)

    def replay(self, *options):
        with open(self.path, "wb") as f:
            f.write(self.data)
        p = subprocess.run([AGENT, "replay", *(options or ["--all"]), self.path], capture_output=True, text=True)
        ok(p.returncode == 0 and not p.stderr, "the capture replays in silence", p.stderr)
        v = subprocess.run([sys.executable, VALIDATE], input=p.stdout, capture_output=True, text=True)
        ok(v.returncode == 0, "the events are as the schema wants them", v.stdout + v.stderr)
        return [json.loads(line) for line in p.stdout.splitlines()]


def counts(*n):
    return dict(zip(("open", "update", "notification", "keepalive", "route_refresh"), n))


def session(ends, path):
    c = Capture(ends, path)
    c.handshake()
    c.say(0, opening(4200000001, 90, "192.0.2.1"))
    c.say(1, opening(65002, 180, "192.0.2.2") + KEEPALIVE)
    c.say(0, KEEPALIVE)
    # cut inside a header, in the wrong order, one part twice
    stream, at = UPDATE * 3 + KEEPALIVE, c.next[0]
    for first, last in ((60, 90), (30, 60), (30, 60), (0, 30), (90, len(stream))):
        c.segment(0, at + first, ACK, stream[first:last])
    c.next[0] += len(stream)
    # one UPDATE of three is never seen, its receiver has it
    c.say(1, UPDATE)
    c.next[1] += len(UPDATE)
    c.say(1, UPDATE)
    c.say(0, KEEPALIVE)
    text = "Wartung 04:00 \u263e".encode()
    c.say(1, message(3, bytes((6, 2, len(text))) + text), ACK | FIN)
    c.say(0, b"", ACK | FIN)
    events = c.replay()
    opens = [{"from": "source", "asn": 4200000001, "hold_time": 90, "router_id": "192.0.2.1",
              "capabilities": [1, 65, 2]},
             {"from": "destination", "asn": 65002, "hold_time": 180, "router_id": "192.0.2.2",
              "capabilities": [1, 65, 2]}]
    notification = {"from": "destination", "code": 6, "subcode": 2,
                    "name": "Cease/Administrative Shutdown", "text": "Wartung 04:00 \u263e"}
    bgp = [(e["type"], e["severity"], e["bgp"]) for e in events if e["type"].startswith("bgp.")]
    expect = [("bgp.message", "info", {"opens": opens[:1]}),
              ("bgp.message", "info", {"opens": opens[1:]}),
              ("bgp.session", "info",
               {"session": {"state": "up", "reason": "established"}, "opens": opens}),
              ("bgp.message", "notice", {"notifications": [notification]}),
              ("bgp.session", "notice", {"session": {"state": "down", "reason": "notification"},
                                         "notifications": [notification]})]
    ok(bgp == expect, "messages and session", "\n".join(map(str, bgp)))
    end = events[-1]
    expect = {"source": counts(1, 3, 0, 3, 0), "destination": counts(1, 2, 1, 1, 0),
              "opens": opens, "notifications": [notification]}
    cadence = end["bgp"].pop("keepalive_s", {}).get("source", {})
    ok(0 < cadence.get("average", 0) <= cadence.get("max", 0) < 1, "the cadence of three KEEPALIVEs", cadence)
    ok(end["type"] == "flow.end" and end.get("bgp") == expect, "the flow's end", end)
    ids = {e["flow"]["id"] for e in events if "flow" in e}
    ok(len(ids) == 1, "one flow id in all of them", ids)


FABRIC = """hostname lab-TOR1
interface Loopback6
   ip address 198.51.100.64/32
   ipv6 address 2001:db8:0:6::64/128
router bgp 65101
   neighbor 203.0.113.1 remote-as 65000
end
"""


def offering(asn, *capabilities):
    caps = b"".join(bytes((code, len(value))) + value for code, value in capabilities)
    return message(1, struct.pack(">BHH4sBBB", 4, asn, 9, b"\1\2\3\4", len(caps) + 2, 2, len(caps)) + caps)


def attributes(*pairs):
    return b"".join(struct.pack(">BBH", 0x50, kind, len(value)) + value for kind, value in pairs)


def update(withdrawn=b"", attrs=b"", nlri=b""):
    return message(2, struct.pack(">H", len(withdrawn)) + withdrawn + struct.pack(">H", len(attrs)) + attrs + nlri)


def routes(file, fabric):
    """Routes of a session with everything: add-path in one direction, extended messages, VPN, default route."""
    lo4, lo6 = b"\x20\xc6\x33\x64\x40", b"\x80" + socket.inet_pton(socket.AF_INET6, "2001:db8:0:6::64")
    path = (2, b"\x02\x02" + struct.pack(">II", 65000, 4200000001))
    hop = (3, socket.inet_aton("203.0.113.1"))
    c = Capture(("203.0.113.1", "198.51.100.64"), file)
    c.handshake()
    both = ((65, struct.pack(">I", 65000)), (6, b""))
    c.say(0, offering(65000, *both, (69, b"\0\1\1\2\0\2\1\1")))
    c.say(1, offering(65101, *both, (69, b"\0\1\1\3\0\2\1\1")) + KEEPALIVE)
    c.say(0, KEEPALIVE)
    # nearly 64 KiB: many strangers, and the device's lo6 at the end
    many = b"".join(b"\0\0\0\7\x18\x0a" + struct.pack(">H", i) for i in range(8000))
    big = update(attrs=attributes(path, hop), nlri=many + b"\0\0\0\1" + lo4 + b"\0\0\0\2" + lo4)
    for at in range(0, len(big), 1400):
        c.say(0, big[at:at + 1400])
    c.say(1, update(attrs=attributes(path, hop), nlri=b"\0"))  # no path ids this way
    reach = struct.pack(">HBB", 2, 1, 16) + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + b"\0" + lo6
    c.say(0, update(attrs=attributes((14, reach), path)))
    rd = struct.pack(">HHI", 0, 65000, 501)
    vpn = struct.pack(">HBB", 1, 128, 12) + bytes(8) + hop[1] + b"\0\x78\0\0\x11" + rd + lo4[1:]
    c.say(0, update(attrs=attributes((14, vpn), path)))
    c.say(0, update(withdrawn=b"\0\0\0\1" + lo4))
    c.say(0, update(withdrawn=b"\0\0\0\2" + lo4 + b"\0"))  # malformed: nothing of it counts
    c.say(0, update(withdrawn=b"\0\0\0\2" + lo4))
    c.say(0, update(attrs=attributes((15, b"\0\1\x80\x78\x80\0\0" + rd + lo4[1:]))))
    c.say(1, message(3, b"\6\4"), ACK | FIN)
    events = c.replay("--fabric", fabric)

    def route(action, prefix, armed=None, **more):
        doc = {"action": action, "prefix": prefix, "from": "source", **more}
        if action == "announce":
            doc = {"next_hop": "203.0.113.1", "as_path": [65000, 4200000001], **doc}
        if armed is not None:
            doc.update(armed=armed, target=prefix.split("/")[0])
        return doc

    four, six = "198.51.100.64/32", "2001:db8:0:6::64/128"
    expect = [route("announce", four, True, path_id=1), route("announce", four, True, path_id=2),
              route("announce", "0.0.0.0/0", covers=1, **{"from": "destination"}),
              route("announce", six, True, next_hop="2001:db8::1"),
              route("announce", four, True, rd="65000:501"),
              route("withdraw", four, True, path_id=1), route("withdraw", four, True, path_id=2),
              route("withdraw", four, False, rd="65000:501"),
              route("withdraw", "0.0.0.0/0", covers=1, reason="session-down", **{"from": "destination"}),
              route("withdraw", six, False, reason="session-down")]
    got = [e["bgp"]["route"] for e in events if e["type"] == "bgp.route"]
    plain = [sorted(json.dumps(r, sort_keys=True) for r in docs) for docs in (got, expect)]
    ok(plain[0] == plain[1] and got[:8] == expect[:8], "routes to lo6",
       "\n".join(map(str, got)))
    seen = [(e.get("device", {}).get("name"), e.get("path")) for e in events if e["type"] == "bgp.route"]
    ok(set(seen) == {("lab-TOR1", "in-band"), (None, None)}, "each says whose lo6 it is", seen)
    loud = [e["bgp"]["route"]["prefix"] for e in events
            if e["type"] == "bgp.route" and e["severity"] == "warning"]
    ok(loud == [four, six], "no longer armed is a warning", loud)
    end = [e for e in events if e["type"] == "flow.end"][0]["bgp"]
    ok(end.get("unread") == {"source": {"malformed": 1, "ambiguous": 0}} and end["source"]["update"] == 7, "a malformed UPDATE is counted", end)


with tempfile.TemporaryDirectory() as work:
    configs = os.path.join(work, "configs")
    os.mkdir(configs)
    with open(os.path.join(configs, "lab-TOR1.cfg"), "w") as f:
        f.write(FABRIC)
    routes(os.path.join(work, "routes.pcap"), configs)

    file = os.path.join(work, "bgp.pcap")
    session(("203.0.113.1", "198.51.100.64"), file)
    session(("2001:db8::1", "2001:db8::64"), file)

    web = Capture(("203.0.113.1", "198.51.100.64"), file)
    web.handshake()
    web.say(0, b"GET / HTTP/1.1\r\n\r\n")
    web.say(1, b"\xff" * 300)
    web.segment(0, web.next[0], RST)
    seen = web.replay()
    ok(not [e for e in seen if "bgp" in e], "what is no BGP has no bgp", seen)
sys.exit(done())
