# SPDX-License-Identifier: Apache-2.0
"""A fabric as agents tell of it, made up for the page: documents in the order of their times,
which end now. Invented names and documentation addresses only.

    World(devices=13).scene("during")   a dead management switch, 16 minutes ago, people on lo6
"""
import base64
import datetime
import hashlib
import random

GENERATION = "9f3c0a1b2c3d"


def stamp(t):
    d = datetime.datetime.fromtimestamp(int(t // 1), datetime.timezone.utc)
    return d.strftime("%Y-%m-%dT%H:%M:%S.") + "%09dZ" % int(t % 1 * 1e9)


SSH = {"client": {"proto_version": "2.0", "software_version": "OpenSSH_9.2p1 Debian-2+deb12u3",
                  "hassh": {"hash": "aae6b9604f6f3356543709a376d7f657",
                            "string": "curve25519-sha256;aes128-ctr;hmac-sha2-256;none"}},
       "server": {"proto_version": "2.0", "software_version": "OpenSSH_8.7",
                  "hassh": {"hash": "a984ff804585fabe3cd08f4b3849024a",
                            "string": "curve25519-sha256;aes128-ctr;hmac-sha2-256;none"}},
       "kex": "curve25519-sha256", "host_key": "ssh-ed25519", "cipher": "aes128-ctr",
       "mac": "hmac-sha2-256"}


def login(result="success", attempts=1, confidence="high"):
    auth = {"result": result, "confidence": confidence, "basis": "packet-lengths"}
    if result != "unknown":
        auth["attempts"] = attempts
    return dict(SSH, auth=auth)


class World:
    """devices: how many; every 26 of them hang off a management switch of their own, but a small
    world has two."""

    def __init__(self, devices=13, now=None, seed=3, agent="jump-1"):
        import time
        self.now = time.time() if now is None else now
        self.random = random.Random(seed)
        self.seq = {}
        self.agent = agent
        self.docs = []
        self.flows = 0
        self.devices = []
        self.lay(devices)

    # ---- the fabric ---------------------------------------------------------

    def lay(self, count):
        per = 26 if count > 60 else max(2, -(-count // 2))
        i = group = 0
        while i < count:
            fab, k = group // 4 + 1, group % 4 + 1
            for j in range(min(per, count - i)):
                if j == 0:
                    name, role = "fab%d-AR-MGMT%d" % (fab, k), "mgmt-switch"
                elif j == 1:
                    name, role = "fab%d-AR-CE%d" % (fab, k), "ce"
                elif j == per - 1 and per > 6:
                    name, role = "fab%d-AR-NPB%d" % (fab, k), "npb"
                else:
                    name, role = "fab%d-CP%d-TOR%d" % (fab, (k - 1) * 12 + (j - 2) // 2 + 1,
                                                      (j - 2) % 2 + 1), "tor"
                self.devices.append(
                    {"name": name, "role": role, "group": group, "n": i,
                     "ma1": "10.%d.%d.%d" % (1 + group // 250, group % 250, 11 + j),
                     "lo6": None if role in ("npb", "mgmt-switch") else
                     "10.%d.%d.%d" % (100 + group // 250, group % 250, 11 + j),
                     "lo66": None if role in ("npb", "mgmt-switch") else
                     "2001:db8:6:%x::%x" % (group, 11 + j)})
                i += 1
            group += 1
        self.by_name = {d["name"]: d for d in self.devices}

    def in_group(self, group, roles=("ce", "tor")):
        return [d for d in self.devices if d["group"] == group and d["role"] in roles]

    def in_any(self, roles):
        return [d for d in self.devices if d["role"] in roles]

    # ---- documents ----------------------------------------------------------

    def event(self, t, kind, severity="info", agent=None, **parts):
        agent = agent or self.agent
        self.seq[agent] = self.seq.get(agent, 0) + 1
        n = self.seq[agent]
        doc = {"v": 1, "id": "%s/%d" % (agent, n), "agent": agent, "seq": n, "time": stamp(t),
               "type": kind, "severity": severity, "policy": GENERATION}
        doc.update(parts)
        self.docs.append(doc)
        return doc

    def tell_fabric(self, t, armed=(), drifting=()):
        self.event(t, "agent.start", version="0.1.0", capture="bpf", interfaces=["eth0", "eth1"])
        self.event(t + 0.01, "policy.loaded", policy=GENERATION,
                   fabric={"devices": len(self.devices), "generation": GENERATION})
        for d in self.devices:
            entries = [{"seq": 10, "action": "permit", "prefix": "10.20.0.0/16", "line": 31},
                       {"seq": 20, "action": "permit", "prefix": "198.51.100.128/26", "line": 32}]
            if d["name"] in drifting:
                entries.append({"seq": 30, "action": "permit", "prefix": "203.0.113.0/24",
                                "line": 33})
            targets = [{"address": d["ma1"], "path": "primary"}]
            loopbacks = []
            if d["lo6"]:
                targets += [{"address": d["lo6"], "path": "in-band"},
                            {"address": d["lo66"], "path": "in-band"}]
                loopbacks = [{"interface": "Loopback6", "vrf": "default",
                              "addresses": [d["lo6"] + "/32", d["lo66"] + "/128"]}]
            fabric = {"file": d["name"] + ".cfg",
                      "management": [{"interface": "Management1", "vrf": "MGMT",
                                      "addresses": [d["ma1"] + "/24"]}],
                      "loopbacks": loopbacks,
                      "prefix_lists": {"trusted_sources": entries},
                      "ipv6_prefix_lists": {"trusted_sources_v6": [
                          {"seq": 10, "action": "permit", "prefix": "2001:db8:20::/48",
                           "line": 41}]},
                      "neighbors": [], "targets": targets}
            self.event(t + 0.02, "fabric.device",
                       device={"name": d["name"], "role": d["role"]}, fabric=fabric)

    def route(self, t, name, armed):
        d = self.by_name[name]
        self.event(t, "bgp.route", "warning" if not armed else "info",
                   device={"name": name, "role": d["role"]}, path="in-band", service="bgp",
                   bgp={"route": {"action": "announce" if armed else "withdraw",
                                  "prefix": d["lo6"] + "/32", "from": "source",
                                  "target": d["lo6"], "armed": armed}})

    def flow(self, t, kind, flow, name, path, source, outcome, start=None, state="S1",
             verdict="trusted", user=None, auth=None, port=None, nbytes=(5123, 6021), agent=None,
             list_seq=10, prefix="10.20.0.0/16", severity=None):
        d = self.by_name[name]
        start = t if start is None else start
        family = "ipv6" if ":" in source else "ipv4"
        to = d["ma1"] if path == "primary" else d["lo66"] if family == "ipv6" else d["lo6"]
        trust = {"verdict": verdict, "list": "trusted_sources"}
        if verdict == "trusted":
            trust.update(seq=list_seq, prefix=prefix)
        parts = {}
        if user:
            parts["actor"] = {"user": user, "uid": 1000, "loginuid": 1000, "pid": 4242,
                              "comm": "ssh"}
        if auth:
            parts["ssh"] = auth
        digest = base64.b64encode(hashlib.sha1(flow.encode()).digest()).decode()
        return self.event(
            t, kind, severity or ("warning" if verdict == "untrusted" else "info"), agent=agent,
            device={"name": name, "role": d["role"]}, path=path, service="ssh",
            source={"ip": source, "port": port or 40000 + self.flows % 20000,
                    "packets": max(1, nbytes[0] // 160), "bytes": nbytes[0]},
            destination={"ip": to, "port": 22, "packets": nbytes[1] // 200, "bytes": nbytes[1]},
            network={"type": family, "transport": "tcp", "community_id": "1:" + digest,
                     "vlan": [], "mpls": [], "encapsulation": []},
            flow={"id": flow, "direction": "inbound", "start": stamp(start), "end": stamp(t),
                  "duration": round(t - start, 6), "state": state, "outcome": outcome,
                  "initiator": "syn", "handshake_ms": 0.41, "retransmits": 0, "fragments": 0,
                  "missed_bytes": 0}, trust=trust, **parts)

    def change(self, t, name, frm, to, reason, severity="warning", **more):
        d = self.by_name[name]
        self.event(t, "path.change", severity, device={"name": name, "role": d["role"]},
                   change=dict({"from": frm, "to": to, "reason": reason, "evidence": []}, **more))

    def stats(self, t, agent=None):
        agent = agent or self.agent
        n = self.seq.get(agent, 0) + 1
        self.event(t, "agent.stats", agent=agent, stats={"delivery": {
            "generated": n, "acknowledged": n - 1, "waiting": 1, "dropped": {}},
            "interfaces": {"eth0": True, "eth1": True}})

    def flow_id(self):
        self.flows += 1
        return "w%d" % self.flows

    def session(self, t0, t1, name, path, source, user, closed=True, auth=None, **more):
        """Start, one update when the login succeeds, and an end."""
        f = self.flow_id()
        port = 40000 + self.flows % 20000
        auth = auth or login()
        self.flow(t0, "flow.start", f, name, path, source, "attempt", state="S0", user=user,
                  nbytes=(60, 0), port=port, **more)
        self.flow(min(t0 + 1.2, t1), "flow.update", f, name, path, source, "established",
                  start=t0, user=user, auth=auth, nbytes=(2900, 3400), port=port, **more)
        step = t0 + 60
        while step < t1 and step < t0 + 1800:
            k = int((step - t0) / 60)
            self.flow(step, "flow.update", f, name, path, source, "established", start=t0,
                      user=user, auth=auth, port=port,
                      nbytes=(2900 + 1800 * k, 3400 + (9000 + k * 731 % 7000) * k), **more)
            step += 60
        if closed:
            self.flow(t1, "flow.end", f, name, path, source, "closed", start=t0, state="SF",
                      user=user, auth=auth, nbytes=(9000, 61000), port=port, **more)
        return f

    def refused(self, t, name, path, source, port=None):
        self.flow(t, "flow.end", self.flow_id(), name, path, source, "refused", state="REJ",
                  verdict="untrusted", nbytes=(60, 40), port=port)

    # ---- scenes -------------------------------------------------------------

    def done(self):
        """The documents, by time, each agent's numbers in order."""
        self.docs.sort(key=lambda d: d["time"])
        seq = {}
        for d in self.docs:
            a = d["agent"]
            seq[a] = seq.get(a, 0) + 1
            d["seq"], d["id"] = seq[a], "%s/%d" % (a, seq[a])
        self.seq = seq
        docs, self.docs = self.docs, []
        return docs

    def begin(self, hours=6):
        t = self.now - hours * 3600
        tors = [d["name"] for d in self.devices if d["role"] == "tor"]
        drifting = {tors[min(5 if len(tors) < 20 else 100, len(tors) - 1)]}
        self.tell_fabric(t, drifting=drifting)
        self.not_armed = tors[min(6, len(tors) - 1)]
        self.route(t + 30, self.not_armed, False)
        return t

    def everyday(self, t, until, per_hour=40):
        """Backups and people over Ma1, all closed, one after the other."""
        people = ["alice", "bob", "carol", "dave"]
        usual = [d for d in self.devices if d["role"] in ("ce", "tor")]
        while t < until:
            t += self.random.expovariate(per_hour / 3600)
            if t + 400 >= until:
                break
            d = self.random.choice(usual)
            who = self.random.choice(people + ["oxidized"] * 4)
            last = self.random.uniform(4, 30 if who == "oxidized" else 380)
            self.session(t, t + last, d["name"], "primary",
                         "10.20.0.%d" % (5 + len(who)), who)

    def scene(self, name="during"):
        return getattr(self, "scene_" + name)()

    def scene_nothing(self):
        return []

    def scene_calm(self):
        t = self.begin()
        self.everyday(t + 60, self.now)
        d = self.in_group(0)[0]
        self.session(self.now - 66, self.now, d["name"], "primary", "10.20.0.5", "alice",
                     closed=False)
        return self.done()

    def dies(self, at, group=0, spread=37):
        """Every device behind a switch loses Ma1; some are then used over lo6."""
        hit = self.in_group(group)
        moved = []
        for i, d in enumerate(hit):
            t = at + spread * i / max(1, len(hit) - 1)
            d["failed"] = self.flow_id()
            self.flow(t, "flow.end", d["failed"], d["name"], "primary", "10.20.0.5",
                      "unanswered", start=t - 7, state="S0", user="alice", nbytes=(240, 0))
            self.change(t, d["name"], "primary", "primary-failing", "primary-unanswered",
                        evidence=[d["failed"]])
        return hit, moved

    def scene_during(self):
        t = self.begin()
        self.everyday(t + 60, self.now - 1000)
        died = self.now - 16 * 60
        hit, _ = self.dies(died)
        people = [("alice", "10.20.0.5"), ("bob", "10.20.0.9"), ("bob", "10.20.0.9")]
        used = hit[:1] + hit[2:4] if len(hit) > 4 else hit[:2]
        for i, d in enumerate(used):
            who, source = people[i % len(people)]
            began = died + 99 + 290 * i
            f = self.session(began, self.now, d["name"], "in-band", source, who, closed=False)
            self.change(began + 1.2, d["name"], "primary-failing", "in-band",
                        "primary-unanswered", evidence=[d["failed"], f])
        if len(hit) > 4:
            d = hit[1]
            self.session(died + 193, died + 588, d["name"], "in-band", "10.20.0.5", "alice")
            self.change(died + 194, d["name"], "primary-failing", "in-band",
                        "primary-unanswered")
        target = hit[min(3, len(hit) - 1)]
        for i in range(14):
            self.refused(self.now - 280 + i * 6, target["name"], "in-band", "203.0.113.77",
                         40000 + i)
        other = [d for d in self.devices if d["group"] == 1 and d["role"] in ("ce", "tor")]
        self.session(self.now - 66, self.now, (other or hit)[0]["name"], "primary", "10.20.0.5",
                     "alice", closed=False)
        return self.done()

    def bgp(self, t, name, state, reason):
        """The session of a device with its PE goes down or comes up."""
        d = self.by_name[name]
        bgp = {"session": {"state": state, "reason": reason}}
        if reason == "notification":
            bgp["notifications"] = [{"from": "destination", "code": 6, "subcode": 4,
                                     "name": "Cease/Administrative Reset"}]
        self.event(t, "bgp.session", "notice", device={"name": name, "role": d["role"]},
                   service="bgp", bgp=bgp)

    def scene_after(self):
        """A dead management switch that came back an hour ago: people on lo6, somebody who was
        refused, a BGP session that was reset, events that are lost; since then somebody on lo6
        who had no need, and one of whom that is not known."""
        t = self.begin(hours=4)
        died, back = self.now - 5400, self.now - 3150
        self.everyday(t + 60, died - 60, per_hour=60)
        hit, _ = self.dies(died)
        for i, (d, who, a, b) in enumerate(zip(hit, ("alice", "alice", "bob", "bob"),
                                               (144, 238, 425, 903), (2100, 633, 1823, 1988))):
            self.change(died + a + 1, d["name"], "primary-failing", "in-band",
                        "primary-unanswered")
            self.session(died + a, died + b, d["name"], "in-band", "10.20.0.%d" % (5 + i // 2),
                         who, agent="jump-2" if i == 3 else None)
        if len(hit) > 4:
            self.change(died + 700, hit[4]["name"], "primary-failing", "unreachable",
                        "in-band-unanswered", "critical")
        for i in range(14):
            self.refused(died + 753 + i * 6, hit[3]["name"], "in-band", "203.0.113.77", 41000 + i)
        self.bgp(died + 1320, hit[0]["name"], "down", "notification")
        self.bgp(died + 1351, hit[0]["name"], "up", "established")
        for i, d in enumerate(hit):
            when = back + 6 * i
            self.session(when, when + 20, d["name"], "primary", "10.20.0.5", "alice")
            self.change(when + 0.5, d["name"], "unreachable" if i == 4 else "in-band", "primary",
                        "primary-ok", "info", outage_s=when - died - 37 * i / 4)
        self.everyday(back + 120, self.now, per_hour=60)
        other = [d for d in self.devices if d["group"] == 1 and d["role"] in ("ce", "tor")] or hit
        self.session(self.now - 1300, self.now - 500, other[0]["name"], "in-band", "10.20.0.21",
                     "frank")
        self.change(self.now - 1299, other[0]["name"], "primary", "in-band-unjustified",
                    "primary-ok")
        self.session(self.now - 900, self.now, other[1]["name"], "in-band", "10.20.0.22", "grace",
                     closed=False)
        self.change(self.now - 899, other[1]["name"], "primary", "in-band-unexplained",
                    "no-evidence")
        docs = self.done()
        # Some of what jump-2 told while bob logged in never arrived.
        lost = [d for d in docs if d["agent"] == "jump-2"]
        for d in lost[2:]:
            d["seq"] += 7
            d["id"] = "jump-2/%d" % d["seq"]
        self.seq["jump-2"] = lost[-1]["seq"]
        return docs

    def scene_busy(self, sessions=100000, hours=24):
        """So many sessions in a day, one event each: most on Ma1, a few of everything else."""
        t = self.begin(hours=hours)
        usual = self.in_any(("ce", "tor"))
        spell = hours * 3600 - 120
        for i in range(sessions):
            start = t + 60 + spell * i / sessions
            d = usual[self.random.randrange(len(usual))]
            path, source, verdict, outcome, state = ("primary", "10.20.0.%d" % (5 + i % 40),
                                                     "trusted", "closed", "SF")
            kind = self.random.random()
            if kind < 0.01:
                path = "in-band"
            elif kind < 0.013:
                path, source, verdict, outcome, state = ("in-band", "203.0.113.%d" % (i % 60),
                                                         "untrusted", "refused", "REJ")
            last = min(self.random.uniform(2, 60), self.now - start)
            self.flow(start + last, "flow.end", self.flow_id(), d["name"], path, source, outcome,
                      start=start, state=state, verdict=verdict, user="u%d" % (i % 40))
        self.dies(self.now - 900)
        return self.done()

    def scene_big(self):
        """Many devices, a dead switch, and one of each thing that can be wrong elsewhere."""
        t = self.begin()
        self.everyday(t + 60, self.now - 1000, per_hour=60)
        died = self.now - 16 * 60
        hit, _ = self.dies(died, group=9 if len(self.devices) > 300 else 1, spread=41)
        for i, d in enumerate(hit):
            if i % 3 == 0:
                continue
            self.session(died + 60 + i, self.now if i % 4 == 1 else died + 120 + 9 * i, d["name"],
                         "in-band", "10.20.0.5", "alice", closed=i % 4 != 1)
            self.change(died + 61 + i, d["name"], "primary-failing", "in-band",
                        "primary-unanswered")
        for i in (6, 9):
            self.change(died + 70, hit[i]["name"], "primary-failing", "unreachable",
                        "in-band-unanswered", "critical")
        odd = self.in_group(2)
        self.session(self.now - 1740, self.now, odd[8]["name"], "in-band", "10.20.0.21", "frank",
                     closed=False)
        self.change(self.now - 1739, odd[8]["name"], "primary", "in-band-unjustified",
                    "primary-ok")
        self.session(self.now - 700, self.now, odd[12]["name"], "in-band", "10.20.0.22", "grace",
                     closed=False)
        self.change(self.now - 699, odd[12]["name"], "primary", "in-band-unexplained",
                    "no-evidence")
        for i in range(14):
            self.refused(self.now - 280 + i * 6, self.in_group(0)[6]["name"], "in-band",
                         "203.0.113.77", 40000 + i)
        self.change(self.now - 500, self.in_group(3)[7]["name"], "primary", "primary-failing",
                    "primary-unanswered")
        for d in self.devices:
            if d["role"] in ("ce", "tor") and self.random.random() < 0.1 and d["group"] != 9:
                self.session(self.now - 300, self.now, d["name"], "primary", "10.20.0.9", "bob",
                             closed=False)
        return self.done()
