#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The collector killed with SIGKILL between any two of its steps: before each single call by which it
reads from Redis, writes to the store, syncs it, acknowledges, trims, sends an anchor. Whatever the
moment: what is acknowledged is stored, no event is missing or twice, the chain holds."""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import record  # noqa: E402
from collector_scene import Agent, Collector, Redis, Tap  # noqa: E402

EVENTS, BATCH, MOST = 5, 3, 600
KEY = "glasswatch:events"
tap = Tap()
shim = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "tests/tools/killpoint.so"))


def rows(sql):
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % c.db, uri=True)) as db:
        return db.execute(sql).fetchall()


def stored():
    """Rows of the record, but for the collector's own."""
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % c.db, uri=True)) as db:
        return sum(not row.event or row.agent == b"mgmt-1" for row in record.read(db))


def listed():
    """Those that what follows from them was derived of."""
    return rows("SELECT (SELECT COUNT(*) FROM events WHERE agent = 'mgmt-1') +"
                " (SELECT COUNT(*) FROM dead_letters)")[0][0]


def owed():
    """Entries that are not acknowledged: handed out, or not yet."""
    info = redis.command("XINFO", "GROUPS", KEY)[0]
    pairs = dict(zip(info[::2], info[1::2]))
    unread = redis.command("XRANGE", KEY, b"(" + pairs[b"last-delivered-id"], "+")
    return pairs[b"pending"] + len(unread)


def run(at):
    """Runs it until it is killed before its at'th step. True: it had done all before."""
    env = dict(os.environ, LD_PRELOAD=shim, KILL_AT=str(at))
    with open(c.log, "ab") as log:
        p = subprocess.Popen(c.args, env=env, stderr=log, stdout=subprocess.DEVNULL)
    end = time.time() + 60
    while p.poll() is None and time.time() < end:
        time.sleep(0.01)
        if at > 60 and owed() == 0 and redis.command("XLEN", KEY) == 0:
            time.sleep(0.05)
            if p.poll() is None:
                p.kill()
                p.wait()
                return True
    if p.poll() is None:
        p.kill()
        p.wait()
        tap.ok(False, "step %d: it hangs" % at, c.said())
    return False


if not os.path.exists(shim):
    print("Bail out! no %s: run `make tools`" % shim)
    sys.exit(1)
base = tempfile.mkdtemp(prefix="glasswatch-kill.")
redis = Redis(base)
try:
    redis.start()
    agent = Agent()
    anchors = os.path.join(base, "anchors")
    c = Collector(base, redis, "c1", "store.db", "--batch", str(BATCH), "--anchors", anchors)
    c.start()  # the store and the group
    c.stop()

    # In which order: synced before it is acknowledged, every time.
    log = os.path.join(base, "calls")
    redis.add([agent.event(agent.seq, "agent.start") for _ in range(40)])
    c.args, args = ["env", "LD_PRELOAD=" + shim, "KILL_LOG=" + log, *c.args], c.args
    c.start()
    c.until(lambda: stored() == 40 and owed() == 0)
    c.stop()
    c.args = args
    calls = open(log).read().splitlines()
    acks = [i for i, call in enumerate(calls) if "XACK" in call]
    written = [max((k for k in range(i) if calls[k] == "pwrite wal"), default=-1) for i in acks]
    tap.ok(len(acks) > 10 and all(w >= 0 and "fdatasync wal" in calls[w:i]
                                  for w, i in zip(written, acks)),
           "no XACK is sent before what it is for is synced to the disk (%d of them)" % len(acks),
           "\n".join(calls))

    added, step, bad, done = 40, 0, [], False
    while not done and step < MOST:
        step += 1
        redis.add([agent.event(agent.seq, "agent.start") for _ in range(EVENTS)] +
                  ["poison %d" % step])
        added += EVENTS + 1
        done = run(step)
        if stored() < added - owed():
            bad.append("step %d: %d of %d stored, %d are not acknowledged" %
                       (step, stored(), added, owed()))
    tap.ok(not bad, "nothing was acknowledged that was not stored", "\n".join(bad))
    tap.ok(done and step > 60, "it was killed before each of its %d steps" % (step - 1), step)

    c.start()
    c.until(lambda: owed() == 0 and stored() == added and listed() == added)
    seqs = [n for (n,) in rows("SELECT seq FROM events WHERE agent = 'mgmt-1' ORDER BY n")]
    tap.ok(sorted(seqs) == list(range(1, agent.seq + 1)), "each event once: %d" % len(seqs),
           len(set(seqs)))
    tap.ok(rows("SELECT COUNT(*), COUNT(DISTINCT data) FROM dead_letters") == [(step, step)],
           "each poisoned entry once among the dead letters: %d" % step)
    tap.ok(c.json("agents")[0]["missing"] == 0, "no number is missing")
    tap.ok(c.until(lambda: redis.command("XLEN", KEY) == 0), "the stream is trimmed in the end")
    tap.ok(c.stop() == 0, "exit 0")
    for where in (redis.url, anchors):
        r = subprocess.run([c.program, "verify", "--db", c.db, "--anchors", where, "--format",
                            "json"], capture_output=True, text=True)
        doc = json.loads(r.stdout)
        tap.ok(r.returncode == 0 and doc["anchors"]["covers"] == doc["places"] == added,
               "the chain holds, and anchors cover all of it: %d places" % doc["places"], r.stdout)

    # A storm: acknowledged long before all is in the lists, and killed there.
    c = Collector(base, redis, "c1", "storm.db", "--batch", "500")
    agent = Agent()
    docs = [agent.flow(i, "flow.start", "f%d" % i, "fab1-CP1-TOR1", "primary", "10.20.0.5",
                       "attempt") for i in range(6000)]
    for i in range(0, len(docs), 500):
        redis.add(docs[i:i + 500])
    c.start()
    tap.ok(c.until(lambda: owed() == 0), "a storm is acknowledged")
    c.process.kill()
    c.process.wait()
    r = subprocess.run([c.program, "verify", "--db", c.db, "--format", "json"], capture_output=True,
                       text=True)
    doc = json.loads(r.stdout)
    tap.ok(r.returncode == 0 and doc["places"] >= len(docs) and stored() == len(docs),
           "killed with %d places that no list has: all is recorded, and good"
           % doc.get("underived", 0), r.stdout)
    c.start()
    tap.ok(c.until(lambda: listed() == len(docs)) and rows(
        "SELECT COUNT(DISTINCT seq), (SELECT COUNT(*) FROM flows) FROM events"
        " WHERE agent = 'mgmt-1'") == [(len(docs), len(docs))], "the next one derives the rest, once",
        listed())
    tap.ok(c.stop() == 0 and c.ask("verify").startswith("good"), "and the record is good")
finally:
    if c and c.process:
        c.process.kill()
        c.process.wait()
    if redis.process:
        redis.process.kill()
        redis.process.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
