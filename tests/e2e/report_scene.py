# SPDX-License-Identifier: Apache-2.0
"""A management switch fails: four devices, three agents, as they would tell it.

Not a test by itself. fleet_scene() gives the documents in the order of time, and the script:
what happened, which is what a report must say.
"""
import base64
import datetime
import hashlib

DAY = datetime.datetime(2026, 11, 24, tzinfo=datetime.timezone.utc)
GENERATION = "9f3c0a1b2c3d"
SWITCH = "fab1-AR-MGMT1"
STRANGER = "203.0.113.77"
ALICE, BOB = "198.51.100.133", "198.51.100.134"

# name, role, Ma1, lo6, lost, first on lo6, back
DEVICES = [
    ("fab1-AR-CE1", "ce", "192.0.2.11", "198.51.100.1", "01:14:07", "01:16:31", "01:51:22"),
    ("fab1-CP1-TOR1", "tor", "192.0.2.12", "198.51.100.2", "01:14:19", "01:18:05", "01:51:40"),
    ("fab1-CP1-TOR2", "tor", "192.0.2.13", "198.51.100.3", "01:14:31", "01:21:12", "01:51:31"),
    ("fab1-CP2-TOR1", "tor", "192.0.2.14", "198.51.100.4", "01:14:44", "01:29:10", "01:51:48"),
]
# Hangs off another switch, and would let the stranger in.
APART = ("fab1-CP3-TOR2", "tor", "192.0.2.75", "198.51.100.5")

# agent, user, source, port, device, from, to, bytes to and from the device
SESSIONS = [
    ("jump-1", "alice", ALICE, 50122, 0, "01:16:31", "01:49:02", 48213, 912004),
    ("jump-1", "alice", ALICE, 50188, 1, "01:18:05", "01:24:40", 9120, 84110),
    ("jump-2", "bob", BOB, 41870, 2, "01:21:12", "01:44:30", 31007, 402993),
    ("jump-2", "bob", BOB, 41912, 3, "01:29:10", "01:47:15", 12040, 180277),
    ("jump-1", "alice", ALICE, 50260, 1, "01:33:20", "01:38:04", 7001, 61530),
]


def when(clock, add=0.0):
    h, m, s = (float(x) for x in clock.split(":"))
    t = DAY + datetime.timedelta(hours=h, minutes=m, seconds=s + add)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%06d000Z" % t.microsecond


def seconds(clock):
    h, m, s = clock.split(":")
    return int(h) * 3600 + int(m) * 60 + float(s)


def lists(stranger=False):
    entries = [{"seq": 10, "action": "permit", "prefix": "198.51.100.128/26", "line": 41},
               {"seq": 20, "action": "permit", "prefix": "192.0.2.192/27", "line": 42}]
    if stranger:
        entries.append({"seq": 30, "action": "permit", "prefix": "203.0.113.0/24", "line": 43})
    return entries


class Agent:
    def __init__(self, name):
        self.name, self.seq, self.docs, self.flows = name, 0, [], 0

    def event(self, time, kind, severity="info", **parts):
        self.seq += 1
        doc = {"v": 1, "id": "%s/%d" % (self.name, self.seq), "agent": self.name,
               "seq": self.seq, "time": time, "type": kind, "severity": severity,
               "policy": GENERATION}
        doc.update(parts)
        self.docs.append(doc)
        return doc

    def flow(self, kind, flow, device, path, source, port, outcome, start, end, state, verdict,
             packets, nbytes, **parts):
        name, role, ma1, lo6 = device[:4]
        trust = {"verdict": verdict, "list": "trusted_sources"}
        if verdict == "trusted":
            trust.update(seq=10, prefix="198.51.100.128/26")
        to = ma1 if path == "primary" else lo6
        tuple_ = "%s %d %s" % (source, port, to)
        digest = base64.b64encode(hashlib.sha1(tuple_.encode()).digest()).decode()
        severity = "notice" if path == "in-band" or verdict == "untrusted" else "info"
        return self.event(
            end, kind, severity, device={"name": name, "role": role}, path=path, service="ssh",
            source={"ip": source, "port": port, "packets": packets[0], "bytes": nbytes[0]},
            destination={"ip": to, "port": 22, "packets": packets[1], "bytes": nbytes[1]},
            network={"type": "ipv4", "transport": "tcp", "community_id": "1:" + digest,
                     "vlan": [], "mpls": [], "encapsulation": []},
            flow={"id": "%s-%s" % (self.name, flow), "direction": "inbound", "start": start,
                  "end": end, "duration": 1, "state": state, "outcome": outcome,
                  "initiator": "syn", "retransmits": 0, "fragments": 0, "missed_bytes": 0},
            trust=trust, **parts)

    def change(self, time, device, before, after, reason, evidence, **more):
        return self.event(time, "path.change", "warning",
                          device={"name": device[0], "role": device[1]},
                          change=dict({"from": before, "to": after, "reason": reason,
                                       "evidence": ["%s-%s" % (self.name, e) for e in evidence]},
                                      **more))


def fabric(agent, time):
    agent.event(time, "agent.start", version="0.1.0", capture="bpf", interfaces=["oob0"])
    agent.event(time, "policy.loaded", change={"devices": len(DEVICES) + 2, "targets": 10,
                                               "policies": 2, "problems": 0})
    for d in DEVICES + [APART]:
        agent.event(time, "fabric.device", device={"name": d[0], "role": d[1]},
                    fabric=described(d, "/26", lists(d is APART)))
    agent.event(time, "fabric.device", device={"name": SWITCH, "role": "mgmt-switch"},
                fabric=described((SWITCH, "", "192.0.2.31", None), "/26", []))


def described(device, length, entries):
    name, _, ma1, lo6 = device[:4]
    return {"file": name + ".cfg",
            "management": [{"interface": "Management1", "vrf": "MGMT",
                            "addresses": [ma1 + length]}],
            "loopbacks": [{"interface": "Loopback6", "vrf": "INFRA-MGMT",
                           "addresses": [lo6 + "/32"]}] if lo6 else [],
            "prefix_lists": {"trusted_sources": entries} if entries else {},
            "ipv6_prefix_lists": {}, "neighbors": [],
            "targets": [{"address": ma1, "path": "primary"}] +
                       ([{"address": lo6, "path": "in-band"}] if lo6 else [])}


def session(agent, s, number, user=True):
    _, who, source, port, at, start, end, sent, got = s
    d, flow = DEVICES[at], "s%d" % number
    ssh = {"client": {"proto_version": "2.0", "software_version": "OpenSSH_9.2p1"},
           "server": {"proto_version": "2.0", "software_version": "OpenSSH_8.7"},
           "auth": {"result": "success", "attempts": 1, "confidence": "high",
                    "basis": "packet-lengths"}}
    parts = {"actor": {"user": who, "uid": 1000, "loginuid": 1000, "pid": 42, "comm": "ssh"}} \
        if user else {}
    agent.flow("flow.start", flow, d, "in-band", source, port, "attempt", when(start),
               when(start), "S0", "trusted", (1, 0), (60, 0), **parts)
    agent.flow("flow.update", flow, d, "in-band", source, port, "established", when(start),
               when(start, 0.4), "S1", "trusted", (5, 4), (400, 300), **parts)
    agent.flow("flow.end", flow, d, "in-band", source, port, "closed", when(start), when(end),
               "SF", "trusted", (310, 280), (sent, got), ssh=ssh, **parts)


def fleet_scene():
    jump1, jump2, tap = Agent("jump-1"), Agent("jump-2"), Agent("pe1-tap")
    for a in (jump1, jump2, tap):
        fabric(a, when("00:01:00"))
    for i, d in enumerate(DEVICES):
        user = jump2 if i == 2 else jump1
        source = BOB if i == 2 else ALICE
        lost, first, back = d[4], d[5], d[6]
        dead, works = "dead%d" % i, "works%d" % i
        user.flow("flow.start", dead, d, "primary", source, 45000 + i, "attempt",
                  when(lost, -3), when(lost, -3), "S0", "trusted", (1, 0), (60, 0))
        user.change(when(lost), d, "primary", "primary-failing", "primary-unanswered", [dead])
        user.flow("flow.end", dead, d, "primary", source, 45000 + i, "unanswered",
                  when(lost, -3), when(lost, 60), "S0", "trusted", (3, 0), (180, 0))
        user.change(when(first, 0.4), d, "primary-failing", "in-band", "primary-unanswered",
                    [dead])
        user.flow("flow.start", works, d, "primary", source, 46000 + i, "established",
                  when(back), when(back), "S1", "trusted", (3, 2), (200, 160))
        if user is not jump2:  # which has begun anew, and forgotten that it was in-band
            user.change(when(back), d, "in-band", "primary", "primary-ok", [works],
                        outage_s=seconds(back) - seconds(lost))
        user.flow("flow.end", works, d, "primary", source, 46000 + i, "closed", when(back),
                  when(back, 5), "SF", "trusted", (20, 18), (2100, 3000))
    for n, s in enumerate(SESSIONS):
        session(jump1 if s[0] == "jump-1" else jump2, s, n)
    session(tap, SESSIONS[0], 0, user=False)  # seen a second time, on the way
    # 14 attempts, 4 of them in the end by the same name
    for i in range(14):
        at = when("01:26:40", i * 82 / 13)
        tap.flow("flow.end", "u%d" % i, DEVICES[3], "in-band", STRANGER, 40000 + i, "refused",
                 at, at, "REJ", "untrusted", (1, 1), (60, 40))
    # a BGP session is reset; who was told why
    ends = {"device": {"name": DEVICES[0][0], "role": "ce"}, "service": "bgp",
            "source": {"ip": "203.0.113.1", "port": 33000, "packets": 9, "bytes": 900},
            "destination": {"ip": "203.0.113.0", "port": 179, "packets": 9, "bytes": 900},
            "network": {"type": "ipv4", "transport": "tcp", "community_id": "1:x", "vlan": [],
                        "mpls": [], "encapsulation": []}}
    for clock, state, more in (
            ("01:36:10", "down", {"reason": "notification"}),
            ("01:36:41", "up", {"reason": "established"})):
        bgp = {"session": dict({"state": state}, **more)}
        if state == "down":
            bgp["notifications"] = [{"from": "destination", "code": 6, "subcode": 4,
                                     "name": "Cease/Administrative Reset"}]
        tap.event(when(clock), "bgp.session", "notice", bgp=bgp,
                  flow={"id": "pe1-tap-bgp", "direction": "inbound", "start": when("00:10:00"),
                        "end": when(clock), "duration": 1, "state": "S1",
                        "outcome": "established", "initiator": "syn", "retransmits": 0,
                        "fragments": 0, "missed_bytes": 0},
                  trust={"verdict": "trusted", "list": "trusted_sources", "seq": 10,
                         "prefix": "198.51.100.128/26"}, **ends)
    # jump-2 stops and is started again
    jump2.event(when("01:28:20"), "agent.stop", handover=False)
    jump2.event(when("01:29:07"), "agent.start", version="0.1.0", capture="bpf",
                interfaces=["oob0"])
    docs = []
    for a in (jump1, jump2, tap):
        a.docs.sort(key=lambda d: d["time"])
        for n, d in enumerate(a.docs, 1):
            d["seq"], d["id"] = n, "%s/%d" % (a.name, n)
        docs += a.docs
    docs.sort(key=lambda d: d["time"])
    return docs
