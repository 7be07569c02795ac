#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Agent, collector and Redis are killed with SIGKILL at random while flows come and go; at the end
the store has every flow exactly once, with the counters that the far end's tcpdump has, and every
number. `make chaos` runs it for five minutes.

CHAOS_SECONDS (60): how long, at least; SEED: of when who is killed, printed by each run.
"""
import collections
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import record  # noqa: E402
from ends_scene import (AGENT, COLLECTOR, LO6, MA1, WAIT, Session, Tap,  # noqa: E402
                        enter, raise_ends, run, wait_for)
from tap import done, ok  # noqa: E402

SECONDS = float(os.environ.get("CHAOS_SECONDS") or 60)
KILLS, FLOWS = 60, 2000  # at least, however long that takes
PARTS = ("agent", "collector", "redis")

def traffic(work, seed):
    """Connections until told to stop; writes how many there were. Ends this process."""
    rng, made, open_now = random.Random(seed), 0, []
    while not os.path.exists(os.path.join(work, "stop")):
        time.sleep(rng.uniform(0, 0.009))
        if len(open_now) < 40 and rng.random() < 0.5:
            open_now.append(Session(rng.choice((MA1, LO6))))
            made += 1
            with open(os.path.join(work, "made"), "w", encoding="ascii") as f:
                f.write(str(made))
        elif open_now:
            s = rng.choice(open_now)
            s.say(b"x" * rng.randrange(1, 1200))
            if rng.random() < 0.3:
                open_now.remove(s)
                s.close(reset=rng.random() < 0.3)
    for s in open_now:
        s.close()
    os._exit(0)


class Parts:
    """The three programs, each killed and started again."""

    def __init__(self, work):
        self.work, self.p = work, {}
        self.socket = os.path.join(work, "redis.sock")
        self.store = os.path.join(work, "collector.db")
        self.state = os.path.join(work, "state")
        os.mkdir(os.path.join(work, "redis"))
        self.kills = collections.Counter()

    def command(self, part):
        url = "unix://" + self.socket
        return {
            # what it acknowledges survives it: docs/delivery.md
            "redis": ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir",
                      os.path.join(self.work, "redis"), "--save", "", "--appendonly", "yes",
                      "--appendfsync", "always"],
            "agent": [AGENT, "run", "--fabric", os.path.join(self.work, "fabric"), "-i", "gw0",
                      "--name", "chaos", "--redis", url, "--state", self.state, "--capture", "bpf",
                      "--pin", os.path.join(self.work, "bpf"), "--timeout-linger", "1s"],
            "collector": [COLLECTOR, "run", "--redis", url, "--db", self.store, "--consumer", "one"],
        }[part]

    def start(self, part):
        with open(os.path.join(self.work, part + ".log"), "ab") as log:
            self.p[part] = subprocess.Popen(self.command(part), stdout=log, stderr=log)

    def kill(self, part):
        self.p[part].kill()
        self.p[part].wait()
        self.kills[part] += 1

    def said(self, part):
        try:
            with open(os.path.join(self.work, part + ".log"), encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""

    def alive(self):
        return all(p.poll() is None for p in self.p.values())

    def ask(self, sql, path=None):
        try:
            db = sqlite3.connect("file:%s?mode=ro" % (path or self.store), uri=True, timeout=10)
            try:
                return db.execute(sql).fetchall()
            finally:
                db.close()
        except sqlite3.OperationalError:
            return []


def made(work):
    try:
        with open(os.path.join(work, "made"), encoding="ascii") as f:
            return int(f.read() or 0)
    except OSError:
        return 0


def storm(parts, rng):
    """Kills until it was enough, and starts again; at the end all three run."""
    began = time.monotonic()
    next_kill, due = began + 1, {}
    pause = min(1.1, SECONDS / KILLS)
    while time.monotonic() < began + SECONDS or sum(parts.kills.values()) < KILLS or \
            made(parts.work) < FLOWS:
        if time.monotonic() > began + 4 * SECONDS + WAIT:
            break
        time.sleep(0.01)
        now = time.monotonic()
        for part in [d for d in due if due[d] <= now]:
            del due[part]
            parts.start(part)
        if now < next_kill:
            continue
        next_kill = now + rng.uniform(0.2, 2 * pause - 0.2)
        living = [part for part in PARTS if part not in due]
        rng.shuffle(living)
        for part in living[:2 if rng.random() < 0.2 else 1]:
            if parts.p[part].poll() is not None:
                ok(False, "%s ended by itself, status %d" % (part, parts.p[part].returncode),
                   parts.said(part)[-2000:])
            parts.kill(part)
            due[part] = now + rng.uniform(0, 1)
    for part in due:
        parts.start(part)
    return time.monotonic() - began


def judge(parts, connections):
    """The store against the far end."""
    seqs = [r[0] for r in parts.ask("SELECT seq FROM events WHERE agent = 'chaos' ORDER BY seq")]
    ok(seqs and seqs == list(range(1, len(seqs) + 1)), "the numbers have no hole and no duplicate",
       len(seqs), seqs[-1:])
    generated = parts.ask("SELECT generated FROM state", os.path.join(parts.state, "outbox.db"))
    ok(generated and generated[0][0] == len(seqs), "every event that was made is stored",
       generated, len(seqs))

    kinds = collections.defaultdict(collections.Counter)
    ends = {}
    docs = record.documents(sqlite3.connect("file:%s?mode=ro" % parts.store, uri=True))
    docs = {(d["agent"], d["seq"]): d for d in map(json.loads, docs)}
    for flow, kind, agent, seq in parts.ask("SELECT flow, type, agent, seq FROM events"
                                            " WHERE type LIKE 'flow.%'"):
        kinds[flow][kind] += 1
        if kind == "flow.end":
            ends[flow] = docs[agent, seq]
    wrong = ["%s: %s" % (f, dict(k)) for f, k in kinds.items()
             if k["flow.start"] != 1 or k["flow.end"] != 1]
    ok(not wrong, "each flow has one flow.start and one flow.end", "\n".join(wrong[:10]))
    got = sorted(((e["source"]["ip"], e["source"]["port"], e["destination"]["ip"],
                   e["destination"]["port"]), [e["source"]["packets"], e["source"]["bytes"]],
                  [e["destination"]["packets"], e["destination"]["bytes"]]) for e in ends.values())
    wanted = sorted((c["key"], c["source"], c["destination"]) for c in connections)
    ok(got == wanted, "every flow is stored once, with the far end's packets and bytes",
       "stored %d, seen by the far end %d" % (len(got), len(wanted)),
       *["only stored: %s" % (g,) for g in got if g not in wanted][:5],
       *["only seen: %s" % (w,) for w in wanted if w not in got][:5])
    rows = parts.ask("SELECT count(*), sum(open) FROM flows")
    ok(rows == [(len(wanted), 0)], "so it is in the store's table of flows", rows)
    cut = sum(bool(e["flow"].get("cut")) for e in ends.values())
    ok(not cut, "none was cut", cut)
    return len(seqs), len(got)


def verify(parts):
    if "\n  verify" not in run(COLLECTOR, "--help").stdout:
        print("# this collector has no `verify`")
        return
    r = run(COLLECTOR, "verify", "--db", parts.store)
    ok(r.returncode == 0, "glasswatch-collector verify passes", r.stdout + r.stderr)


def inside(work):
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print("# seed %d (SEED=%d repeats it), %g s" % (seed, seed, SECONDS))
    sys.stdout.flush()
    far, why = raise_ends(work)
    if not far:
        print("1..0 # SKIP " + why)
        return 0
    rng, parts, tap = random.Random(seed), Parts(work), Tap(work, far)
    for part in ("redis", "collector", "agent"):
        parts.start(part)
    ok(wait_for("the agent", lambda: "ready" in parts.said("agent")), "all three run",
       parts.said("agent"))
    client = os.fork()
    if client == 0:
        traffic(work, seed + 1)
    took = storm(parts, rng)
    with open(os.path.join(work, "stop"), "w", encoding="ascii"):
        pass
    os.waitpid(client, 0)
    flows = made(work)

    wait_for("every end", lambda: parts.ask("SELECT count(*), sum(open) FROM flows")
             == [(flows, 0)])
    parts.p["agent"].send_signal(signal.SIGTERM)
    ok(parts.p["agent"].wait(WAIT) == 0, "the agent stops", parts.said("agent")[-2000:])
    last = parts.ask("SELECT generated FROM state", os.path.join(parts.state, "outbox.db"))
    wait_for("the last event", lambda: parts.ask("SELECT max(seq) FROM events") == last)
    parts.p["collector"].send_signal(signal.SIGTERM)
    ok(parts.p["collector"].wait(WAIT) == 0, "the collector stops", parts.said("collector")[-2000:])
    ok(tap.stop(), "tcpdump lost nothing")
    events, stored = judge(parts, tap.connections())
    verify(parts)
    kills = sum(parts.kills.values())
    ok(kills >= KILLS and flows >= FLOWS, "%d kills and %d flows at least" % (KILLS, FLOWS))
    print("# seed %d: %d kills (%s) in %.0f s; %d flows made, %d stored; %d events stored" %
          (seed, kills, ", ".join("%s %d" % (p, parts.kills[p]) for p in PARTS), took, flows,
           stored, events))
    return done()


if __name__ == "__main__":
    sys.exit(enter(__file__, inside))
