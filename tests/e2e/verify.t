#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The stored record under the hands of somebody who means ill: `verify` names each row that was
changed, removed, put in or moved, and against anchors a tail that was cut off or rewritten."""
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Agent, Collector, Redis, Tap, scene  # noqa: E402

tap = Tap()
PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "glasswatch-collector")
EVENT = ("agent seq time stored type severity device path service source verdict policy flow "
         "json").split()
DEAD = "entry received reason data".split()


def verify(db, *more):
    """Exit status and the answer."""
    r = subprocess.run([PROGRAM, "verify", "--db", db, "--format", "json", *more],
                       capture_output=True, text=True)
    return r.returncode, json.loads(r.stdout) if r.stdout else r.stderr


def faults(answer):
    return [(f["fault"], f.get("place"), f.get("id")) for f in answer["findings"]]


def field(value):
    """A field as collector/chain.h specifies it."""
    if value is None:
        return b"n"
    if isinstance(value, int):
        return b"i" + struct.pack(">q", value)
    data = value.encode() if isinstance(value, str) else value
    return (b"t" if isinstance(value, str) else b"b") + struct.pack(">Q", len(data)) + data


def digest(db, kind, n):
    table, columns = ("events", EVENT) if kind == "event" else ("dead_letters", DEAD)
    row = db.execute("SELECT %s FROM %s WHERE n = ?" % (", ".join(columns), table),
                     (n,)).fetchone()
    return hashlib.sha256(b"".join(map(field, (kind,) + row))).digest()


def by_hand(path):
    """The chain, computed from the specification alone."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        (store,) = db.execute("SELECT value FROM meta WHERE key = 'store'").fetchone()
        head = hashlib.sha256(store.encode()).digest()
        rows = db.execute("SELECT place, kind, n, digest, hash FROM chain ORDER BY place")
        for place, (number, kind, n, stored, link) in enumerate(rows.fetchall(), 1):
            row = digest(db, kind, n)
            head = hashlib.sha256(head + row).digest()
            if (number, stored, link) != (place, row, head):
                return "place %d" % place
        return head.hex()


class Copy:
    """A copy of the store, to be changed."""

    def __init__(self, name):
        self.path = os.path.join(base, name + ".db")
        shutil.copy(good, self.path)
        self.db = sqlite3.connect(self.path, isolation_level=None)

    def do(self, *statements):
        for s in statements:
            self.db.execute(*(s if isinstance(s, tuple) else (s,)))
        return self

    def relink(self, first):
        """Computes all hashes anew from this place on, as somebody would who knows how."""
        for place, kind, n in self.db.execute(
                "SELECT place, kind, n FROM chain WHERE place >= ? ORDER BY place",
                (first,)).fetchall():
            row = digest(self.db, kind, n)
            (before,) = self.db.execute("SELECT hash FROM chain WHERE place = ?",
                                        (place - 1,)).fetchone()
            self.db.execute("UPDATE chain SET digest = ?, hash = ? WHERE place = ?",
                            (row, hashlib.sha256(before + row).digest(), place))
        return self

    def asked(self, *more):
        self.db.close()
        return verify(self.path, *more)


def swap(table, column, a, b, *more):
    return ["UPDATE %s SET %s = -1 WHERE %s = %d" % (table, column, column, a),
            "UPDATE %s SET %s = %d WHERE %s = %d" % (table, column, a, column, b),
            "UPDATE %s SET %s = %d WHERE %s = -1" % (table, column, b, column), *more]


def named(what, answer, want, *also):
    """The findings are these: (fault, place, id), in any order."""
    status, doc = answer
    got = faults(doc) if isinstance(doc, dict) else doc
    tap.ok(status == 1 and sorted(got, key=str) == sorted(want, key=str), what,
           "status %d\n%s" % (status, json.dumps(doc, indent=1) if isinstance(doc, dict) else doc))


def tampered():
    status, doc = verify(good)
    tap.ok(status == 0 and doc["good"] and doc["places"] == 60 and doc["events"] == 59 and
           doc["dead_letters"] == 1, "a record that nobody touched is good", doc)
    tap.ok(by_hand(good) == doc["head"], "its chain is the one that chain.h specifies",
           by_hand(good))

    c = Copy("bit")
    c.db.close()
    with open(c.path, "r+b") as f:  # in the file itself, in the text of one document
        data = f.read()
        at = data.index(b'"seq":17,')
        f.seek(at + 7)
        f.write(bytes([data[at + 7] ^ 0x01]))
    named("a flipped bit", verify(c.path), [("changed", 17, "mgmt-1/17")])

    for column, value in (("verdict", "'trusted'"), ("time", "time + 1"), ("json", "json || ' '"),
                          ("stored", "1"), ("device", "NULL"), ("source", "'10.9.9.9'")):
        named("a changed column: " + column,
              Copy("column").do("UPDATE events SET %s = %s WHERE n = 12" % (column, value)).asked(),
              [("changed", 12, "mgmt-1/12")])
    named("a changed dead letter", Copy("dead").do("UPDATE dead_letters SET data = x'00'").asked(),
          [("changed", 22, None)])

    c = Copy("deleted").do("DELETE FROM events WHERE n = 30")
    named("a deleted row: by its place, and by its agent's number", c.asked(),
          [("removed", 31, None), ("removed", None, "mgmt-1/30")])
    c = Copy("deleted2").do("DELETE FROM events WHERE n = 30", "DELETE FROM chain WHERE place = 31")
    named("deleted with its place", c.asked(),
          [("removed", 31, None), ("removed", None, "mgmt-1/30")])
    c = Copy("deleted3").do("DELETE FROM events WHERE n = 30", "DELETE FROM chain WHERE place = 31",
                            "UPDATE chain SET place = -place WHERE place > 31",
                            "UPDATE chain SET place = -place - 1 WHERE place < 0")
    named("deleted with its place, and the rest moved up", c.asked(),
          [("broken", 31, "mgmt-1/31"), ("removed", None, "mgmt-1/30")])
    c = Copy("deleted4").do("DELETE FROM dead_letters")
    named("a deleted dead letter", c.asked(), [("removed", 22, None)])

    c = Copy("swapped").do(*swap("events", "n", 5, 9))
    named("two rows swapped", c.asked(), [("moved", 5, "mgmt-1/9")])
    c = Copy("swapped2").do(*swap("chain", "place", 5, 9))
    named("swapped with their places", c.asked(),
          [("moved", 5, "mgmt-1/9"), ("moved", 9, "mgmt-1/5")])
    c = Copy("swapped3").do(*swap("chain", "place", 5, 6))
    named("swapped, one after the other", c.asked(),
          [("moved", 5, "mgmt-1/6"), ("moved", 6, "mgmt-1/5")])
    c = Copy("swapped4").do(*swap("chain", "place", 59, 60))
    named("swapped at the end", c.asked(),
          [("moved", 59, "mgmt-1/59"), ("moved", 60, "mgmt-1/58")])

    columns = ", ".join(EVENT).replace("seq", "9000")
    c = Copy("inserted").do("INSERT INTO events (%s) SELECT %s FROM events WHERE n = 3"
                            % (", ".join(EVENT), columns))
    named("a row put in", c.asked(), [("inserted", None, "mgmt-1/9000"),
                                      ("removed", None, "mgmt-1/60")])
    c = Copy("inserted2").do("INSERT INTO events (n, %s) SELECT 900, %s FROM events WHERE n = 3"
                             % (", ".join(EVENT), columns.replace("agent,", "'other',")),
                             "UPDATE chain SET place = -place WHERE place > 39",
                             "UPDATE chain SET place = -place + 1 WHERE place < 0",
                             "INSERT INTO chain VALUES (40, 'event', 900, x'', x'')")
    first = c.db.execute("SELECT hash FROM chain WHERE place = 39").fetchone()[0]
    row = digest(c.db, "event", 900)
    c.db.execute("UPDATE chain SET digest = ?, hash = ? WHERE place = 40",
                 (row, hashlib.sha256(first + row).digest()))
    named("a row put in with hashes that fit it", c.asked(), [("inserted", 40, "other/9000")])

    c = Copy("forged").do("UPDATE events SET verdict = 'trusted' WHERE n = 12")
    c.db.execute("UPDATE chain SET digest = ? WHERE n = 12 AND kind = 'event'",
                 (digest(c.db, "event", 12),))
    named("a changed row with a digest that fits it", c.asked(), [("broken", 12, "mgmt-1/12")])
    for column in ("digest", "hash"):
        c = Copy("chain").do("UPDATE chain SET %s = randomblob(32) WHERE place = 12" % column)
        named("a changed %s" % column, c.asked(), [("changed", 12, "mgmt-1/12")])
    c = Copy("chain").do("UPDATE chain SET hash = x'00', digest = x'' WHERE place = 60")
    tap.ok(c.asked()[0] == 1, "a broken last place")
    c = Copy("kind").do("UPDATE chain SET kind = 'x' WHERE place = 12")
    tap.ok(("removed", 12, None) in faults(c.asked()[1]), "a place of no kind")


def tail():
    url = redis.url
    for where, name in ((url, "Redis"), (anchors, "the file")):
        status, doc = verify(good, "--anchors", where)
        tap.ok(status == 0 and doc["anchors"]["covers"] == 60 and doc["anchors"]["of_others"] == 0,
               "anchors in %s cover all of the record" % name, doc)
    cut = ["DELETE FROM events WHERE n > 50", "DELETE FROM chain WHERE place > 51"]
    named("the tail cut: the table of agents knows better", Copy("tail").do(
        *cut, "DELETE FROM anchors WHERE place > 51").asked(), [("removed", None, "mgmt-1/51")])
    clean = cut + ["UPDATE agents SET last_seq = 50, events = 50",
                   "DELETE FROM anchors WHERE place > 51"]
    status, doc = Copy("tail2").do(*clean).asked()
    tap.ok(status == 0, "the tail cut with all that tells of it, by itself", doc)
    for where, name in ((url, "Redis"), (anchors, "the file")):
        named("but not against %s" % name, Copy("tail2").do(*clean).asked("--anchors", where),
              [("tail-cut", 52, None)])
    forge = ["UPDATE events SET verdict = 'trusted' WHERE n = 55"]
    status, doc = Copy("forged").do(*forge, "DELETE FROM anchors").relink(56).asked()
    tap.ok(status == 0, "a row changed and all hashes after it made anew, by itself", doc)
    for where, name in ((url, "Redis"), (anchors, "the file")):
        c = Copy("forged").do(*forge, "DELETE FROM anchors").relink(56)
        status, doc = c.asked("--anchors", where)
        f = doc["findings"][0]
        tap.ok(status == 1 and len(doc["findings"]) == 1 and f["fault"] == "rewritten" and
               f["place"] <= 56, "but not against %s" % name, doc)

    other = os.path.join(base, "other.db")
    c = Copy("new").do("UPDATE meta SET value = '00000000000000000000000000000000'"
                       " WHERE key = 'store'", "DELETE FROM anchors")
    first = hashlib.sha256(b"0" * 32).digest()
    row = digest(c.db, "event", 1)
    c.db.execute("UPDATE chain SET hash = ? WHERE place = 1",
                 (hashlib.sha256(first + row).digest(),))
    c.relink(2)
    named("another store in its place has no anchor", c.asked("--anchors", url),
          [("unanchored", None, None)])

    lines = open(anchors).read().splitlines()
    tap.ok(len(lines) >= 3 and [json.loads(x)["number"] for x in lines] ==
           list(range(1, len(lines) + 1)), "anchors have numbers without holes", lines)
    with open(other + ".anchors", "w") as f:
        f.write("\n".join(lines[:1] + lines[2:]) + "\n")
    named("a missing anchor", verify(good, "--anchors", other + ".anchors"),
          [("unanchored", None, None)])
    with open(other + ".anchors", "w") as f:
        f.write(lines[0] + "\nnonsense\n")
    status, said = verify(good, "--anchors", other + ".anchors")
    tap.ok(status == 2 and ".anchors:2:" in said and said.count("\n") == 1,
           "a file that holds no anchors: one line, exit 2", said)
    for where in (other + ".none", "redis://127.0.0.1:1"):
        status, said = verify(good, "--anchors", where)
        tap.ok(status == 2 and said.count("\n") == 1, "anchors that cannot be read: exit 2", said)
    r = subprocess.run([PROGRAM, "verify", "--db", good, "--format", "csv"], capture_output=True,
                       text=True)
    tap.ok(r.returncode == 2 and "text, json" in r.stderr, "another format is exit 2", r.stderr)
    r = subprocess.run([PROGRAM, "verify", "--db", good], capture_output=True, text=True)
    tap.ok(r.returncode == 0 and r.stdout.startswith("good: 59 events, 1 dead letters") and
           "covered:" in r.stdout and "not asked for" in r.stdout, "in words", r.stdout)
    r = subprocess.run([PROGRAM, "verify", "--db",
                        Copy("words").do("UPDATE events SET type = 'x\x1b[31m' WHERE n = 7").path],
                       capture_output=True, text=True)
    tap.ok(r.returncode == 1 and "place 7: event 7, mgmt-1/7 x\\x1b[31m of 2026-11-23T02:15:20Z: "
           "was changed after it was stored" in r.stdout and "NOT GOOD" in r.stdout,
           "a finding in words", r.stdout)


def holes():
    """A number that never came is a finding as well; one that the record begins after is not."""
    db = os.path.join(base, "holes.db")
    redis.command("DEL", "glasswatch:events")
    a = Agent("late")
    a.seq = 400
    docs = [a.event(i, "agent.start") for i in range(10)]
    c = Collector(base, redis, "holes", "holes.db")
    c.start()
    redis.add(docs[:4] + docs[6:])
    c.until(lambda: [x["last_seq"] for x in c.json("agents")] == [410])
    c.stop()
    named("numbers that never came", verify(db), [("lost", None, "late/405")])


def migrated():
    """A store that was written before there was a chain."""
    path = os.path.join(base, "old.db")
    with open("collector/schema.sql", encoding="utf-8") as f, \
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f.read())
        db.execute("PRAGMA application_id = 0x67776173")
        db.execute("ATTACH ? AS new", (good,))
        for table in ("events", "dead_letters", "flows", "agents", "gaps", "devices"):
            columns = ", ".join('"%s"' % x[1] for x in db.execute(f"PRAGMA table_info({table})"))
            db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
        db.execute("INSERT INTO incidents VALUES (7, 'd', 5, 6, NULL, 'in-band', 'unreachable', 'r',"
                   " NULL, NULL)")
        db.execute("INSERT INTO meta VALUES ('schema', '1')")
    status, said = verify(path)
    tap.ok(status == 2 and "older glasswatch-collector" in said, "an older store is named", said)
    c = Collector(base, redis, "old", "old.db")
    c.start()
    tap.ok("its 60 rows are in a hash chain now" in c.said(), "`run` brings it up to date, and "
           "says so", c.said())
    c.stop()
    status, doc = verify(path)
    tap.ok(status == 0 and doc["places"] == 60 and by_hand(path) == doc["head"],
           "and its record is in a chain", doc)
    tap.ok([(x["id"], x["device"], x["worst"]) for x in c.json("incidents")] ==
           [(7, "d", "unreachable")], "its incident is still there", c.json("incidents"))


base = tempfile.mkdtemp(prefix="glasswatch-verify.")
redis = Redis(base)
try:
    redis.start()
    good, anchors = os.path.join(base, "store.db"), os.path.join(base, "anchors")
    c = Collector(base, redis, "c1", "store.db", "--anchors", anchors)
    agent = Agent()
    docs = list(scene(agent))
    for d in docs:  # nothing that is an alert: the rows are those of the agent alone
        if d.get("trust", {}).get("verdict") == "untrusted":
            d["trust"]["verdict"] = "no-policy"
        if d.get("flow", {}).get("id") == "f4":
            d["path"] = "primary"
    docs += [agent.event(3000 + i, "agent.start") for i in range(59 - len(docs))]
    for part in (docs[:21] + ["poison"], docs[21:40], docs[40:]):  # an anchor at each stop
        c.start()
        redis.add(part)
        last = [d for d in part if isinstance(d, dict)][-1]["seq"]
        c.until(lambda: [a["last_seq"] for a in c.json("agents")] == [last] and redis.pending() == 0)
        c.stop()
    for scenario in (tampered, tail, migrated, holes):
        if len(sys.argv) < 2 or scenario.__name__ in sys.argv[1:]:
            scenario()
finally:
    if redis.process:
        redis.process.kill()
        redis.process.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
