#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two collectors of one group on one PostgreSQL. The one that leads is killed in the middle of a
batch: nothing is lost, nothing stored twice, the chain holds, there is one incident and not two,
and the other leads. Then the server goes away and comes back."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Agent, Collector, Redis, Tap, scene  # noqa: E402
from pg import Postgres  # noqa: E402

EVENTS = 3000
tap = Tap()


def leader():
    """The names of those that hold the lock of the one that leads."""
    return [x[0] for x in pg.sql(
        "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)"
        " WHERE locktype = 'advisory' AND classid = 1735878004 AND granted")]


def in_transaction(name):
    return pg.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = '%s'"
                  " AND state = 'idle in transaction' AND backend_xid IS NOT NULL" % name)


def start(name):
    c = Collector(base, redis, name, pg.url, "--batch", "40", "--claim-idle", "1s", "--anchors",
                  anchors)
    os.environ["PGAPPNAME"] = name
    c.start()
    return c


def stop_in_batch(c, name, docs):
    """Feeds it, and kills it where it has begun to write and has not committed."""
    while True:
        c.process.send_signal(signal.SIGSTOP)
        if in_transaction(name):
            c.process.kill()
            c.process.wait()
            return True
        c.process.send_signal(signal.SIGCONT)
        if owed() == 0:
            if not docs:
                return False
            redis.add(docs[:200])
            del docs[:200]
        time.sleep(0.002)


def ids():
    return [x[0] for x in pg.sql("SELECT agent || '/' || seq FROM events"
                                 " WHERE agent NOT LIKE 'glasswatch-%' ORDER BY n")]


def owed():
    return redis.pending() + int(redis.command("XINFO", "GROUPS", "glasswatch:events")[0][-1] or 0)


base = tempfile.mkdtemp(prefix="glasswatch-two.")
anchors = os.path.join(base, "anchors")
redis = Redis(base)
pg = Postgres(base)
if not pg.there:
    print("1..0 # SKIP PostgreSQL is not installed: collectors that share a database are NOT tested")
    sys.exit(0)
try:
    pg.start()
    redis.start()
    one = start("one")
    tap.ok(one.until(lambda: leader() == ["one"], 90), "the first one leads", leader())
    two = start("two")
    tap.ok(two.until(lambda: "another collector leads" in two.said()) and leader() == ["one"],
           "the second one does not, and says so", two.said())

    agent, other = Agent(), Agent("mgmt-2")
    story = list(scene(agent))
    rest = [a.event(5000 + i, "agent.start") for i in range(EVENTS // 2) for a in (agent, other)]
    redis.add(story[:12])
    want = len(story) + len(rest)
    tap.ok(stop_in_batch(one, "one", rest), "the one that leads is killed in the middle of a batch")
    redis.add(story[12:])
    redis.add(rest)
    tap.ok(two.until(lambda: len(ids()) == want and owed() == 0),
           "the other one takes over what it owed: %d events" % want, (len(ids()), two.said()))
    tap.ok(len(set(ids())) == want and
           [x["missing"] for x in two.json("agents")] == [0, 0], "each once, and none is missing")
    # The lock is seen before the line is: it is said a moment after it is taken.
    tap.ok(two.until(lambda: leader() == ["two"] and "this one leads now" in two.said()),
           "the other one leads, and says so", two.said())
    tap.ok([x["status"] for x in two.json("incidents")
            if x.get("kind", "failover") == "failover"] == ["closed"],
           "one incident, not two", two.ask("incidents"))
    tap.ok(len(two.json("flows")) == 8, "each flow once")

    one = start("one")
    redis.add([other.event(9000 + i, "agent.start") for i in range(200)])
    want += 200
    tap.ok(one.until(lambda: len(ids()) == want and owed() == 0 and
                     one.said().count("another collector leads") == 1) and
           leader() == ["two"], "the first one is back: it works, and does not lead", one.said())

    pg.kill()
    redis.add([other.event(9500 + i, "agent.start") for i in range(200)])
    want += 200
    tap.ok(one.until(lambda: "nothing is acknowledged" in one.said() and
                     "nothing is acknowledged" in two.said()), "the server crashes: both say so",
           one.said() + two.said())
    pg.start()
    tap.ok(one.until(lambda: len(ids()) == want and owed() == 0) and
           len(set(ids())) == want, "it is back: both go on, each event is there once",
           (len(ids()), one.said(), two.said()))
    tap.ok(one.until(lambda: len(leader()) == 1), "one of them leads", leader())

    status = [x.stop() for x in (one, two)]
    tap.ok(status == [0, 0], "both end well", one.said() + two.said())
    for where in (redis.url, anchors):
        r = subprocess.run([one.program, "verify", "--db", pg.url, "--anchors", where, "--format",
                            "json"], capture_output=True, text=True)
        doc = json.loads(r.stdout)
        tap.ok(r.returncode == 0 and doc["places"] >= want and
               doc["anchors"]["covers"] == doc["places"], "`verify` is good with the anchors of both",
               r.stdout)
    places = pg.sql("SELECT place, agent || '/' || seq FROM events WHERE n = 200")[0]
    pg.sql("UPDATE events SET severity = 'notice' WHERE n = 100;"
           " DELETE FROM events WHERE n = 200")
    r = subprocess.run([one.program, "verify", "--db", pg.url], capture_output=True, text=True)
    tap.ok(r.returncode == 1 and "event 100," in r.stdout and "place %s: event, %s: was removed" % tuple(places) in r.stdout,
           "and names a row that was changed, and one that was removed", r.stdout)
finally:
    for x in ("one", "two"):
        x = globals().get(x)
        if x and x.process and x.process.poll() is None:
            x.process.kill()
            x.process.wait()
    redis.kill()
    pg.stop()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
