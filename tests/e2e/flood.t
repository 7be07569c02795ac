#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SYNs from random addresses while 50 sessions go on: the sessions are reported as a tcpdump saw
them, the SYNs are counted to the last, few of them have events of their own, and the agent's
memory does not grow. FLOOD_SYNS says how many there are (make flood: ten million), SEED which.
"""
import collections
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ends_scene import (AGENT, BUILD, LO6, MA1, NEAR, ROOT, SILENT, WAIT, Session, Tap,  # noqa: E402
                        enter, raise_ends, run, wait_for)

VALIDATE = os.path.join(ROOT, "tests", "validate_events.py")
SYNS = int(os.environ.get("FLOOD_SYNS") or 200000)
SEED = os.environ.get("SEED") or "1"
TARGETS = [MA1, LO6, SILENT]
SESSIONS, LIMIT, HEAVY = 50, 20, "203.0.113.0/24"
GROWTH_KB = 16 * 1024

tests = failed = 0


def ok(good, text, *why):
    global tests, failed
    tests += 1
    failed += not good
    print("%s %d - %s" % ("ok" if good else "not ok", tests, text))
    if not good:
        for w in why:
            print("\n".join("# " + line for line in str(w).splitlines()))
    sys.stdout.flush()
    return good


def rss_kb(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def read_events(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f.read().split("\n") if line.endswith("}")]
    except OSError:
        return []


def start_agent(work):
    err = os.path.join(work, "agent.err")
    with open(err, "wb") as f:
        p = subprocess.Popen(
            [AGENT, "run", "--fabric", os.path.join(work, "fabric"), "--name", "one", "-i", "gw0",
             "--capture", "bpf", "--pin", os.path.join(work, "bpf"), "--output",
             os.path.join(work, "events.json"), "--state", os.path.join(work, "state"),
             "--timeout-linger", "1s", "--timeout-attempt", "10s", "--flood-limit", str(LIMIT)],
            stderr=f)

    def said():
        with open(err, encoding="utf-8") as f:
            return f.read()
    wait_for("the agent", lambda: "ready" in said() or p.poll() is not None)
    return p if p.poll() is None else None


def flood(space):
    """The sender, which begins at once."""
    mac = json.loads(run("nsenter", "-n", "-t", str(space), "ip", "-j", "link", "show",
                         "gw1").stdout)[0]["address"]
    return subprocess.Popen([os.path.join(BUILD, "tests", "tools", "synflood"), "gw0", mac,
                             str(SYNS), SEED] + TARGETS, stdout=subprocess.PIPE, text=True)


def expose(space):
    """The far end answers made-up addresses, and does not run out of room by them."""
    run("nsenter", "-n", "-t", str(space), "sh", "-c", """
        ip route add default via %s
        sysctl -qw net.ipv4.tcp_syncookies=1 net.ipv4.conf.all.rp_filter=0 \
            net.ipv4.conf.gw1.rp_filter=0""" % NEAR)


def counters(side):
    return [side["packets"], side["bytes"]]


def check_sessions(events, wanted):
    ends = {}
    starts = collections.Counter()
    for e in events:
        if e["type"] in ("flow.start", "flow.end") and e["source"]["ip"] == NEAR:
            key = (NEAR, e["source"]["port"], e["destination"]["ip"], 22)
            if e["type"] == "flow.start":
                starts[key] += 1
            else:
                ends.setdefault(key, []).append(e)
    right, wrong = 0, []
    for c in wanted:
        e = ends.get(c["key"], [])
        if (len(e) == 1 and starts[c["key"]] == 1 and e[0]["flow"]["outcome"] == "closed"
                and e[0]["trust"]["verdict"] == "trusted"
                and counters(e[0]["source"]) == c["source"]
                and counters(e[0]["destination"]) == c["destination"]
                and e[0].get("ssh", {}).get("client", {}).get("software_version") == "Near_1.0"):
            right += 1
        else:
            wrong.append("%s: wanted %s %s, got %s" % (c["key"], c["source"], c["destination"], e))
    ok(right == len(wanted) == len(ends),
       "%d of %d sessions are reported right, one of them a login amid the flood"
       % (right, len(wanted)), *wrong[:3])


def check_totals(events, sent, own):
    total = sum(t["syns"] for t in sent.values())
    stats = [e for e in events if e["type"] == "agent.stats"][-1]["stats"]
    print("# %s" % json.dumps(stats["capture"]))
    print("# %s" % json.dumps(stats["engine"]))
    ok(stats["capture"]["syns"] == total + sum(own.values()),
       "all %d SYNs and the sessions' %d are counted" % (total, sum(own.values())),
       "counted %d" % stats["capture"]["syns"])
    ok(stats["capture"]["dropped_map_full"] == 0 and stats["capture"]["dropped_ring_full"] == 0,
       "no flow and no record found its place taken")
    alerts = [e for e in events if e["type"] == "alert.syn-flood"]
    for t, s in sent.items():
        mine = [e["alert"] for e in alerts if e["alert"].get("target") == t]
        told = sum(a["syns"] for a in mine)
        heavy = sum(p["syns"] for a in mine for p in a["sources"] if p["prefix"] == HEAVY)
        ok(s["syns"] <= told <= s["syns"] + own[t] and heavy == s["heavy"],
           "%s: %d SYNs in %d alerts, %d of them from the heaviest /24, as the sender says"
           % (t, s["syns"], len(mine), s["heavy"]), "told %d, heavy %d" % (told, heavy))
    return alerts


def check_bound(events, alerts, seconds):
    intervals = int(seconds / 10) + 3
    flows = {e["flow"]["id"] for e in events if e["type"].startswith("flow.")
             and e["source"]["ip"] != NEAR}
    ok(0 < len(flows) <= LIMIT * len(TARGETS) * intervals,
       "%d attempts of the flood have events of their own, at most %d" %
       (len(flows), LIMIT * len(TARGETS) * intervals))
    ok(len(alerts) <= len(TARGETS) * intervals,
       "%d alerts, at most %d" % (len(alerts), len(TARGETS) * intervals))
    paths = [e for e in events if e["type"] == "path.change" and e["device"]["name"] == "two"]
    ok(not paths, "strangers' attempts say nothing about a path", paths)


def play(agent, space, work):
    sessions = [Session(to=MA1 if i % 2 else LO6) for i in range(SESSIONS)]
    for s in sessions:
        s.say()
    wait_for("the sessions", lambda: sum(
        e["type"] == "flow.start" for e in read_events(os.path.join(work, "events.json")))
        >= SESSIONS)
    before = peak = rss_kb(agent.pid)
    began = time.monotonic()
    sender = flood(space)
    late, turns = None, 0
    while sender.poll() is None:
        for s in sessions[turns % 10::10]:
            s.say()
        turns += 1
        time.sleep(0.02)
        if not late and turns > 3:
            late = Session(to=MA1)
            late.say()
        peak = max(peak, rss_kb(agent.pid))
    if not late:
        late = Session(to=MA1)
    sent = json.loads(sender.stdout.read())
    took = time.monotonic() - began
    print("# %d SYNs in %.1f s, seed %s; %d rounds of the sessions" % (SYNS, took, SEED, turns))
    for s in sessions + [late]:
        s.say()
        s.close()
    # the interval in which the flood ended is told of when it is over
    wait_for("the last sum", lambda: sum(
        e["alert"]["syns"] for e in read_events(os.path.join(work, "events.json"))
        if e["type"] == "alert.syn-flood") >= SYNS)
    peak = max(peak, rss_kb(agent.pid))
    ok(peak - before < GROWTH_KB, "the agent's memory grew by %d kB, less than %d"
       % (peak - before, GROWTH_KB))
    return sent, took


def inside(work):
    space, why = raise_ends(work)
    if not space:
        print("1..0 # SKIP " + why)
        return 0
    expose(space)
    agent = start_agent(work)
    if not ok(agent is not None, "the agent runs",
              open(os.path.join(work, "agent.err"), encoding="utf-8").read()):
        return 1
    tap = Tap(work, os.getpid(), "gw0", "tcp and host " + NEAR)
    sent, took = play(agent, space, work)
    agent.terminate()
    ok(agent.wait(WAIT) == 0, "the agent ends well")
    ok(tap.stop(), "tcpdump has seen all of the sessions")
    path = os.path.join(work, "events.json")
    events = read_events(path)
    wanted = tap.connections()
    own = collections.Counter()
    for c in wanted:
        own[c["key"][2]] += c["syns"]
    check_sessions(events, wanted)
    alerts = check_totals(events, sent, own)
    check_bound(events, alerts, took)
    valid = run(VALIDATE, path)
    ok(valid.returncode == 0, "every event follows the schema", valid.stdout + valid.stderr)
    print("1..%d" % tests)
    return failed != 0


sys.exit(enter(__file__, inside))
