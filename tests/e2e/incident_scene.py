#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A dead management switch, as two agents saw it, through a real Redis and collector.

usage: incident_scene.py DIRECTORY EVENTS-OF-A EVENTS-OF-B SCENE-LOG

The events are lines of JSON, the log is what tests/lab/scenes.sh noted. Prints one line
"ok - text" or "not ok - text" for each check.
"""
import datetime
import html
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Collector, Redis  # noqa: E402

NAMES = {"ce1": "lab1-AR-CE1", "ce2": "lab1-AR-CE2", "tor1": "lab1-CP1-TOR1",
         "tor2": "lab1-CP1-TOR2"}
# What the script does to each: the worst that becomes of it, and sessions over its lo6.
PLAYED = {"ce1": ("in-band", 2), "ce2": ("in-band", 1), "tor1": ("primary-failing", 0),
          "tor2": ("unreachable", 0)}


def ok(good, text, *why):
    print("%sok - %s" % ("" if good else "not ", text), flush=True)
    for w in () if good else why:
        for line in (w if isinstance(w, str) else json.dumps(w, indent=1)).splitlines():
            print("# " + line)


def seconds(text):
    """Of RFC 3339 with nanoseconds."""
    whole, fraction = text.rstrip("Z").split(".")
    t = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return t.timestamp() + float("0." + fraction)


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def read_log(path):
    log = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            at, what, device = line.split()
            log[what, device] = float(at)
    return log


def check_switch(name, c, log):
    """The incident of the switch against what the script did."""
    rows = c.json("incidents")
    kinds = sorted(i["kind"] for i in rows)
    ok(kinds == ["management-switch", "untrusted-source"],
       name + ": one incident of the switch, and one of the stranger", rows)
    switch = [i for i in rows if i["kind"] == "management-switch"]
    if len(switch) != 1:
        return
    i = c.json("incidents", str(switch[0]["id"]))
    ok(i["subject"] == "192.0.2.0/24" and i["switch"] == "lab1-AR-MGMT1" and
       i["status"] == "closed" and i["devices"] == 4 and i["unreachable"] == 1 and
       i["worst"] == "unreachable" and i["severity"] == "critical" and i["sessions"] == 3,
       name + ": it names subnet and switch, and counts devices and sessions", i)
    members = {m["device"]: m for m in i["members"]}
    ok(len(i["members"]) == 5 and
       all(members[NAMES[d]]["how"] == "lost" and members[NAMES[d]]["worst"] == worst and
           members[NAMES[d]]["sessions"] == n and
           members[NAMES[d]]["unreachable"] == (worst == "unreachable") and
           members[NAMES[d]]["closed_by"] == "primary-ok"
           for d, (worst, n) in PLAYED.items()),
       name + ": each device is there once, for what became of it", i["members"])
    ok(members["lab1-AR-MGMT1"]["how"] == "unknown", name + ": of the switch's own Ma1 nobody knows")
    wrong = [(d, m["outage_s"]) for d, m in ((d, members[NAMES[d]]) for d in PLAYED)
             if not log["login", d] - log["failed", d] <= m["outage_s"] <=
             log["back", d] - log["try", d]]
    ok(not wrong, name + ": each was without Ma1 as long as the script says", wrong, i["members"])
    ok(i["outage_s"] == max(m.get("outage_s", 0) for m in i["members"]),
       name + ": the incident's outage is the longest of them")
    ok(seconds(i["closed"]) <= log["back", "tor2"] and seconds(i["closed"]) >= log["login", "tor2"],
       name + ": it closes with the last of them", i)
    ok(i["suspicion"] == "over" and i["witness"] == "lab1-AR-CE1" and
       log["login", "ce1"] <= seconds(i["answered"]) <= log["back", "ce1"] and
       seconds(i["suspected"]) < seconds(i["answered"]),
       name + ": the switch was suspected until the first of them answered", i)
    marks = {}
    for m in i["timeline"]:
        marks.setdefault(m.get("device"), []).append(m["what"])
    ok(all(marks[NAMES[d]].count("Ma1 fails") == 1 and
           marks[NAMES[d]].count("FAILOVER") == (worst == "in-band") and
           marks[NAMES[d]].count("NEITHER") == (worst == "unreachable") and
           marks[NAMES[d]].count("FAILBACK") == (worst != "primary-failing") and
           marks[NAMES[d]].count("session") == n for d, (worst, n) in PLAYED.items()),
       name + ": its timeline has every device, each change and session once", marks)


def check_report(name, c, log):
    """What is sent afterwards says what the script did, in each format."""
    number = [i["id"] for i in c.json("incidents") if i["kind"] == "management-switch"][0]
    doc = c.json("report", str(number))
    devices = {d["name"]: d for d in doc["devices"]}
    wrong = [(d, devices.get(NAMES[d])) for d, (worst, n) in PLAYED.items()
             if not (NAMES[d] in devices and
                     log["try", d] <= seconds(devices[NAMES[d]]["lost"]) <= log["failed", d] and
                     log["login", d] <= seconds(devices[NAMES[d]]["back"]) <= log["back", d] and
                     devices[NAMES[d]].get("neither", False) == (worst == "unreachable") and
                     devices[NAMES[d]]["sessions"] == n and
                     "198.18.1.10 unanswered after" in devices[NAMES[d]]["evidence"])]
    ok(len(devices) == 4 and not wrong,
       name + ": the report has each device, lost and back when the script says", wrong, devices)
    ok(len(doc["sessions"]) == 3 and
       sorted(s["device"] for s in doc["sessions"]) ==
       sorted(NAMES[d] for d, (_, n) in PLAYED.items() for _ in range(n)) and
       all(s["justified"]["answer"] == "yes" and s["trust"]["verdict"] == "trusted"
           for s in doc["sessions"]), name + ": and each session, justified", doc["sessions"])
    say = " ".join(doc["words"])
    ok(doc["title"].startswith("lab1-AR-MGMT1 is suspected to have failed at ") and
       "All four devices of Ma1 subnet 192.0.2.0/24 lost Ma1" in say and
       "no other device is known to have" in say and
       "lab1-CP1-TOR2 was on neither path for a time" in say and
       "Two of them were reached over lo6" in say and "for three sessions" in say and
       "Each was justified" in say and "all were back by" in say,
       name + ": its sentences are true", doc["title"], doc["words"])
    for form in ("md", "html"):
        text = c.ask("report", str(number), "--format", form)
        if form == "html":
            text = html.unescape(re.sub("<[^>]*>", "", text))
        text = " ".join(text.split())
        ok(all(w in text for w in [" ".join(w.split()) for w in doc["words"]] + list(devices)),
           name + ": the same in " + form, text[:1500])


def check_source(name, c):
    rows = [i for i in c.json("incidents") if i["kind"] == "untrusted-source"]
    i = c.json("incidents", str(rows[0]["id"])) if len(rows) == 1 else {}
    ok(i.get("subject") == "198.18.66.66" and i["fabric"] == "lab1" and i["devices"] == 2 and
       i["established"] == 2 and i["attempts"] == 0 and i["logged_in"] == 0 and
       i["severity"] == "warning" and
       sorted((r["device"], r["established"]) for r in i["reached"]) ==
       [(NAMES["ce1"], 1), (NAMES["tor1"], 1)],
       name + ": the stranger got a connection to two devices, and no login", i)


def check_flows(name, c):
    sessions = [f for f in c.json("flows", "--path", "in-band", "--service", "ssh")
                if f["established"]]
    ok(len(sessions) == 3 and all(f.get("justified") == "yes" for f in sessions),
       name + ": three break-glass sessions, each justified", sessions)
    ids = [f["network"]["community_id"] for f in c.json("flows")]
    ok(len(ids) == len(set(ids)), name + ": every flow is listed once", ids)


def main():
    base, first, second, scene_log = sys.argv[1:]
    a, b, log = read(first), read(second), read_log(scene_log)
    half = len(a) // 2
    orders = [("one agent", a),
              ("two agents", sorted(a + b, key=lambda e: e["time"])),
              ("one after the other", a + b),
              ("a batch that comes late", b[:half] + a[half:] + a[:half] + b[half:])]
    redis = Redis(base)
    redis.start()
    try:
        for number, (name, docs) in enumerate(orders):
            directory = os.path.join(base, "c%d" % number)
            os.mkdir(directory)
            redis.command("FLUSHALL")
            c = Collector(directory, redis, "c", "store.db", "--batch", "50")
            c.start()
            redis.add(docs)
            everything = {(e["agent"], e["seq"]) for e in docs}
            stored = c.until(lambda: everything <= {
                (e["agent"], e["seq"]) for e in c.json("events", "--limit", "0")})
            ok(stored and c.stop() == 0, name + ": all is stored", c.said())
            check_switch(name, c, log)
            check_report(name, c, log)
            check_source(name, c)
            check_flows(name, c)
        print("# " + "\n# ".join(c.ask("incidents", "2").splitlines()))
    finally:
        redis.kill()


main()
