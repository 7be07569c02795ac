#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent must have reported of the scenes, held against events.

usage: expect.py [--actor] [--format tap|list] [--colour] SCENE... < EVENTS

EVENTS are JSON documents, one a line or one array. Prints one line for each thing expected; exit
status 1 when something is missing. --actor expects to know who opened the connections (eBPF only).
"""
import json
import sys

OPERATOR = {4: "198.18.1.10", 6: "2001:db8:ffff::10"}
BAD = {4: "198.18.66.66", 6: "2001:db8:bad::66"}


def read_events(text):
    text = text.strip()
    if text.startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def has(doc, wanted):
    """True when every dotted name of `wanted` has that value; None: the name is absent."""
    for name, value in wanted.items():
        at = doc
        for part in name.split("."):
            at = at.get(part) if isinstance(at, dict) else None
        if callable(value):
            if at is None or not value(at):
                return False
        elif at != value:
            return False
    return True


class Record:
    def __init__(self, events, actor):
        self.events = events
        self.actor = actor
        self.changes = [e for e in events if e["type"] == "path.change"]

    def flows(self, device, path, **wanted):
        w = {"type": "flow.end", "device.name": device, "path": path}
        w.update({k.replace("__", "."): v for k, v in wanted.items()})
        return [e for e in self.events if has(e, w)]

    def session(self, device, path, family, rule, **more):
        """A whole SSH session of the operator, trusted by this rule."""
        found = self.flows(device, path, service="ssh", source__ip=OPERATOR[family],
                           trust__verdict="trusted", trust__seq=rule[0], trust__prefix=rule[1],
                           trust__list="trusted_sources" + ("_v6" if family == 6 else ""),
                           flow__outcome="closed", flow__initiator="syn",
                           ssh__client__software_version=lambda v: v.startswith("OpenSSH"),
                           ssh__server__software_version=lambda v: v.startswith("OpenSSH"), **more)
        if self.actor:
            found = [e for e in found if has(e, {"actor.comm": "ssh", "actor.uid": 0})]
        return found

    def change(self, device, before, after, reason, **more):
        w = {"device.name": device, "change.from": before, "change.to": after,
             "change.reason": reason}
        w.update({k.replace("__", "."): v for k, v in more.items()})
        return [e for e in self.changes if has(e, w)]

    def evidenced(self, change, flows):
        """True when a change names one of these flows as evidence."""
        ids = {f["flow"]["id"] for f in flows}
        return any(ids & set(c["change"].get("evidence", [])) for c in change)


CE4, CE6 = (10, "198.18.0.0/16"), (10, "2001:db8:ffff::/48")
TOR4, TOR6 = (20, "198.18.1.0/24"), (10, "2001:db8:ffff::/48")


def start(r):
    yield ("the agent says that it started and which policy is in force",
           any(e["type"] == "agent.start" for e in r.events)
           and any(e["type"] == "policy.loaded" and e.get("policy") for e in r.events))
    fabric = {e["device"]["name"]: e for e in r.events if e["type"] == "fabric.device"}
    yield ("all five devices are known from their configurations",
           set(fabric) == {"lab1-AR-CE1", "lab1-AR-CE2", "lab1-CP1-TOR1", "lab1-CP1-TOR2",
                           "lab1-AR-MGMT1"})
    yield ("what a banner says is not configuration",
           "203.0.113.25" not in json.dumps([e["fabric"] for e in fabric.values()]))


def trusted_primary(r):
    yield ("SSH to Management1 of lab1-AR-CE1: trusted by seq 10, closed",
           r.session("lab1-AR-CE1", "primary", 4, CE4, flow__state="SF"))
    yield ("SSH by IPv6 to Management1 of lab1-CP1-TOR1: trusted by the IPv6 list",
           r.session("lab1-CP1-TOR1", "primary", 6, TOR6, flow__state="SF"))


def untrusted_primary(r):
    yield ("the stranger at lab1-AR-CE1: refused by deny seq 5, and it did get a session",
           r.flows("lab1-AR-CE1", "primary", source__ip=BAD[4], trust__verdict="untrusted",
                   trust__list="trusted_sources", trust__seq=5, trust__prefix="198.18.66.0/24",
                   flow__outcome=lambda o: o in ("closed", "reset"),
                   ssh__client__proto_version="2.0"))
    yield ("the stranger at lab1-CP1-TOR1: untrusted, because the list ends",
           r.flows("lab1-CP1-TOR1", "primary", source__ip=BAD[4], trust__verdict="untrusted",
                   trust__list="trusted_sources", trust__seq=None))
    yield ("the stranger at the management switch: refused, no policy to judge by",
           r.flows("lab1-AR-MGMT1", "primary", source__ip=BAD[4], trust__verdict="no-policy",
                   flow__outcome="refused", flow__state="REJ"))


def failover(r):
    dead = r.flows("lab1-AR-CE1", "primary", source__ip=OPERATOR[4], flow__outcome="unanswered",
                   flow__state="S0", flow__retransmits=lambda n: n >= 2)
    yield ("SSH to the dead Management1 of lab1-AR-CE1: unanswered, with retransmissions", dead)
    failing = r.change("lab1-AR-CE1", "primary", "primary-failing", "primary-unanswered")
    yield ("lab1-AR-CE1: primary -> primary-failing, because unanswered",
           failing and r.evidenced(failing, dead))
    moved = r.change("lab1-AR-CE1", "primary-failing", "in-band", "primary-unanswered")
    yield ("lab1-AR-CE1: primary-failing -> in-band, with the evidence",
           moved and r.evidenced(moved, dead))
    yield ("the break-glass session by IPv4 is trusted",
           r.session("lab1-AR-CE1", "in-band", 4, CE4))
    yield ("the break-glass session by IPv6 is trusted",
           r.session("lab1-AR-CE1", "in-band", 6, CE6))


def failback(r):
    yield ("lab1-AR-CE1: in-band -> primary, with the length of the outage",
           r.change("lab1-AR-CE1", "in-band", "primary", "primary-ok",
                    change__outage_s=lambda s: s > 0))


def unjustified(r):
    yield ("lab1-CP1-TOR2: in-band-unjustified, Management1 works",
           r.change("lab1-CP1-TOR2", "primary", "in-band-unjustified", "primary-ok"))
    yield ("the session to lab1-CP1-TOR2 is in-band",
           r.session("lab1-CP1-TOR2", "in-band", 4, TOR4))
    yield ("lab1-CP1-TOR2: back to primary when it ends",
           r.change("lab1-CP1-TOR2", "in-band-unjustified", "primary", "in-band-ended"))


def both_dead(r):
    yield ("lab1-CP1-TOR1: primary -> primary-failing",
           r.change("lab1-CP1-TOR1", "primary", "primary-failing", "primary-unanswered"))
    gone = r.flows("lab1-CP1-TOR1", "in-band", flow__outcome="unreachable",
                   flow__icmp=lambda i: "203.0.113.101" in i)
    yield ("SSH to its Loopback6: unreachable, says the PE by ICMP", gone)
    lost = r.change("lab1-CP1-TOR1", "primary-failing", "unreachable", "in-band-unreachable",
                    severity="critical")
    yield ("lab1-CP1-TOR1: unreachable, critical", lost and r.evidenced(lost, gone))


def recovered(r):
    yield ("lab1-CP1-TOR1: unreachable -> primary, with the length of the outage",
           r.change("lab1-CP1-TOR1", "unreachable", "primary", "primary-ok",
                    change__outage_s=lambda s: s > 0))


def whole(r):
    """The numbers of each agent have no hole and no repetition."""
    numbers = {}
    for e in r.events:
        numbers.setdefault(e["agent"], []).append(e["seq"])
    yield ("every number of the agent is there once, from 1 on",
           numbers and all(sorted(n) == list(range(1, len(n) + 1)) for n in numbers.values()))


def main():
    args, form, actor, colour = [], "list", False, False
    words = iter(sys.argv[1:])
    for a in words:
        if a == "--actor":
            actor = True
        elif a == "--colour":
            colour = True
        elif a == "--format":
            form = next(words, "")
        else:
            args.append(a)
    if form not in ("tap", "list") or not args or any(a not in globals() for a in args):
        sys.exit(__doc__)
    r = Record(read_events(sys.stdin.read()), actor)
    r.events.sort(key=lambda e: (e["agent"], e["seq"]))
    missing = 0
    for name in args:
        for text, good in globals()[name](r):
            missing += not good
            if form == "tap":
                print("%s - %s" % ("ok" if good else "not ok", text))
            else:
                mark = "seen   " if good else "MISSING"
                if colour:
                    mark = "\033[%sm%s\033[0m" % ("32" if good else "1;31", mark)
                print("  %s  %s" % (mark, text))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
