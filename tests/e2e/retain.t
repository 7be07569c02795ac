#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is old is removed, in both stores: in sealed segments, while events come; what is open stays, the
rest can be verified with the anchors that were kept elsewhere, and a seal that somebody puts in or
changes is named."""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import record  # noqa: E402
from collector_scene import Agent, Collector, Redis, Tap, scene  # noqa: E402
from pg import Postgres  # noqa: E402

EVENTS = 2600
tap = Tap()


def verify(db, *more):
    r = subprocess.run([program, "verify", "--db", db, "--format", "json", *more],
                       capture_output=True, text=True)
    return r.returncode, json.loads(r.stdout) if r.stdout else r.stderr


def keeps(what, db, rows):
    """rows(sql): of the store."""
    redis = Redis(base)
    redis.start()
    anchors = os.path.join(base, what + ".anchors")
    # nothing is removed before it was looked at
    c = Collector(base, redis, what, db, "--batch", "200", "--anchors", anchors)
    c.start()
    a = Agent()
    ssh = {"client": {"proto_version": "2.0", "software_version": "OpenSSH_9.2p1"}}
    docs = list(scene(a))
    docs.append(a.flow(2500, "flow.start", "open1", "fab1-CP1-TOR1", "in-band", "10.20.0.5",
                       "established", ssh=ssh, actor={"user": "bob", "uid": 1, "pid": 2}))
    docs += [a.event(3000 + i, "agent.start") for i in range(EVENTS)]
    redis.add(docs)
    tap.ok(c.until(lambda: rows("SELECT COUNT(*) FROM events")[0][0] >= len(docs)),
           what + ": all is stored")
    tap.ok(len(c.json("flows")) == 9 and len(c.json("incidents")) >= 1, "flows and an incident")
    c.stop()
    c = Collector(base, redis, what, db, "--batch", "200", "--retain-age", "4s", "--anchors", anchors)
    c.start()
    late = [a.event(6000 + i, "agent.start") for i in range(40)]
    for i in range(4):  # time goes on while it is swept
        redis.add(late[10 * i:10 * i + 10])
        c.until(lambda: False, 0.3)
    tap.ok(c.until(lambda: rows("SELECT COUNT(*) FROM segments WHERE removed > 0"
                               " AND last >= 1000")[0][0] > 0, 60),
           "what is old is sealed and removed", (rows("SELECT number, first, last, removed FROM segments"), c.said()))
    last = rows("SELECT MAX(last) FROM segments WHERE removed > 0")[0][0]
    left = rows("SELECT COUNT(*) FROM events")[0][0]
    tap.ok(1000 <= last and left <= len(docs) + len(late) + 100 - 1000,
           "place 1 to %d; %d events are left" % (last, left))


    def told():  # what tells of it is sealed itself some seconds later
        newest = int(rows("SELECT MAX(last) FROM segments WHERE removed > 0")[0][0])
        return newest in [x["alert"]["last"] for x in
                          c.json("events", "--type", "alert.record-sealed")]

    tap.ok(c.until(told), "an event tells of it", c.ask("events", "--type", "alert.record-sealed"))
    flows = c.json("flows")
    kept = {x.get("flow", {}).get("id"): x for x in flows}
    tap.ok(sorted(str(x) for x in kept) == ["open1", "u0", "u1", "u2"] and
           kept["open1"]["actor"]["user"] == "bob" and kept["u1"]["flow"]["outcome"] == "refused" and
           kept["open1"]["ssh"]["client"]["software_version"] == "OpenSSH_9.2p1",
           "open flows and those of an open incident stay, with their documents", flows)
    counted = rows("SELECT COUNT(*), MIN(start), MAX(\"end\"), MAX(start) FROM flows"
                   " WHERE direction = 'inbound' AND same_as IS NULL")
    n, began, ended, newest = map(int, counted[0])
    summed = [list(map(int, x)) for x in
              rows("SELECT SUM(total), MIN(first), MAX(last) FROM sources WHERE total > 0") +
              rows("SELECT SUM(total), MIN(first), MAX(last) FROM source_spans GROUP BY span") +
              rows("SELECT SUM(total), MIN(first), MAX(newest) FROM source_uses")]
    tap.ok(n > 0 and summed == 3 * [[n, began, ended]] + [[n, began, newest]] and
           sum(x["flows"] for x in c.json("sources")) == n,
           "what sources add up to is what is left of their flows", (summed, counted, c.json("sources")))
    tap.ok([list(x) for x in rows("SELECT COUNT(*) FROM incidents")] == [[1]],
           "the incident that was over is gone", c.ask("incidents"))
    redis.add([docs[5], a.event(6500, "agent.start")])
    tap.ok(c.until(lambda: c.json("agents")[0]["last_seq"] == a.seq and redis.pending() == 0) and
           c.json("dead-letters") == [] and
           [(x["missing"], x["last_seq"]) for x in c.json("agents")] == [(0, a.seq)],
           "a late duplicate of what was removed is dropped; no number is missing",
           (c.json("agents"), c.json("dead-letters")))
    tap.ok(rows("SELECT COUNT(*) FROM events WHERE seq = %d AND agent = 'mgmt-1'"
                % docs[5]["seq"])[0][0] == 0, "nor stored again")
    tap.ok(c.stop() == 0, "exit 0", c.said())
    c = Collector(base, redis, what + "-2", db, "--anchors", anchors)
    c.start()  # which removes nothing, and goes on
    redis.add([a.flow(7000, "flow.end", "open1", "fab1-CP1-TOR1", "in-band", "10.20.0.5",
                      "closed", start=2500, state="SF")])
    tap.ok(c.until(lambda: not any(x["open"] for x in c.json("flows"))), "the flow ends")
    flow = [x for x in c.json("flows") if x["flow"]["id"] == "open1"][0]
    tap.ok(flow["actor"]["user"] == "bob" and flow["flow"]["outcome"] == "closed",
           "and is still told of as a whole", flow)
    redis.add([a.event(8000 + i, "agent.start") for i in range(40)])
    c.until(lambda: c.json("agents")[0]["last_seq"] == a.seq)
    c.stop()
    for where in (redis.url, anchors):
        status, doc = verify(c.db, "--anchors", where)
        tap.ok(status == 0 and doc["sealed"] >= last and doc["anchors"]["covers"] == doc["places"],
               "`verify` is good, with the anchors of the whole record", doc)
    redis.kill()
    return c.db


def forged(db):
    def copy(*sql, gone=range(0)):
        """Without the rows at these places."""
        path = os.path.join(base, "forged.db")
        shutil.copy(db, path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as store:
            rows = record.read(store)
            store.execute("CREATE TEMP TABLE chain (place, hash)")
            store.executemany("INSERT INTO chain VALUES (?, ?)", [(r.place, r.hash) for r in rows])
            for text in sql:
                store.execute(text)
            if gone:
                record.write(store, [r for r in rows if r.place not in gone])
        status, doc = verify(path)
        return status, sorted({f["fault"] for f in doc["findings"]}), doc

    with contextlib.closing(sqlite3.connect(db)) as store:
        n, last = store.execute("SELECT number, last FROM segments ORDER BY number DESC").fetchone()
    events = "DELETE FROM events WHERE place %s"
    status, faults, doc = copy(events % ("= %d" % (last + 5)))
    tap.ok(status == 1 and "removed" in faults, "a removed row that no seal covers is named", doc)
    status, faults, doc = copy(events % ("= %d" % (last + 1)), gone=range(last + 1, last + 2))
    tap.ok(status == 1 and "removed" in faults, "also the first one, with its place", doc)
    status, faults, doc = copy(
        events % ("<= %d" % (last + 10)),
        "UPDATE segments SET last = %d, hash = (SELECT hash FROM chain WHERE place = %d)"
        " WHERE number = %d" % (last + 10, last + 10, n), gone=range(last + 11))
    tap.ok(status == 1 and faults[0] == "bad-seal", "a seal that was made longer is named", doc)
    status, faults, doc = copy(
        events % ("<= %d" % (last + 10)),
        "INSERT INTO segments SELECT number + 1, last + 1, last + 10, hash, (SELECT hash FROM chain"
        " WHERE place = last + 10), 10, oldest, newest, removed, why FROM segments"
        " WHERE number = %d" % n, gone=range(last + 11))
    tap.ok(status == 1 and faults == ["bad-seal"], "a seal that was put in is named", doc)
    status, faults, doc = copy("DELETE FROM segments WHERE number = %d" % n)
    tap.ok(status == 1 and "bad-seal" in faults, "and one that was taken out", doc)
    status, faults, doc = copy("UPDATE segments SET hash = zeroblob(32) WHERE number = %d" % n)
    tap.ok(status == 1 and "bad-seal" in faults, "and one with another hash", doc)


base = tempfile.mkdtemp(prefix="glasswatch-retain.")
program = os.path.join(os.environ.get("BUILD", "build"), "glasswatch-collector")
pg = Postgres(base)


def sqlite_rows(sql):
    path = os.path.join(base, "store.db")
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
        return db.execute(sql).fetchall()


try:
    forged(keeps("sqlite", "store.db", sqlite_rows))
    if pg.there:
        pg.start()
        keeps("postgresql", pg.url,
              lambda sql: [[int(x) for x in row if x] for row in pg.sql(sql)])
    else:
        print("ok %d # SKIP PostgreSQL is not installed: retention there is NOT tested" % (tap.n + 1))
        tap.n += 1
finally:
    pg.stop()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
