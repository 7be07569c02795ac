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
import record  # noqa: E402
from collector_scene import Agent, Collector, Redis, Tap, scene  # noqa: E402

tap = Tap()
PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "glasswatch-collector")
EVENT = "agent seq time stored type severity device path service source verdict policy flow".split()
DEAD = "entry received reason data".split()


def verify(db, *more):
    """Exit status and the answer."""
    r = subprocess.run([PROGRAM, "verify", "--db", db, "--format", "json", *more],
                       capture_output=True, text=True)
    return r.returncode, json.loads(r.stdout) if r.stdout else r.stderr


def faults(answer):
    return [(f["fault"], f.get("place"), f.get("id")) for f in answer["findings"]]


def field(value):
    """A field as collector/record/chain.h specifies it."""
    if value is None:
        return b"n"
    if isinstance(value, int):
        return b"i" + struct.pack(">q", value)
    data = value.encode() if isinstance(value, str) else value
    return (b"t" if isinstance(value, str) else b"b") + struct.pack(">Q", len(data)) + data


def digest(db, row):
    """Of a row of the record (record.py): its document, and the columns read out of it."""
    if row.event:
        columns = db.execute("SELECT %s FROM events WHERE place = ?" % ", ".join(EVENT),
                             (row.place,)).fetchone() + (row.json.decode(),)
    else:
        columns = db.execute("SELECT %s FROM dead_letters WHERE place = ?" % ", ".join(DEAD),
                             (row.place,)).fetchone()
    kind = "event" if row.event else "dead-letter"
    return hashlib.sha256(b"".join(map(field, (kind,) + columns))).digest()


def link(before, row):
    return hashlib.sha256(before + row.digest).digest()


def by_hand(path):
    """The chain, computed from the specification alone."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        (store,) = db.execute("SELECT value FROM meta WHERE key = 'store'").fetchone()
        head = hashlib.sha256(store.encode()).digest()
        for place, row in enumerate(record.read(db), 1):
            want = digest(db, row)
            head = link(head, row)
            if (row.place, row.digest, row.hash) != (place, want, head):
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

    def record(self, change):
        """change(rows, row): all rows of the record, and the one of a place."""
        rows = record.read(self.db)
        change(rows, {r.place: r for r in rows})
        record.write(self.db, rows)
        return self

    def places(self, first, by):
        """Rows from this place on move, in the record and in the lists."""
        rows = record.read(self.db)
        for table in ("events", "dead_letters"):
            self.db.execute("UPDATE %s SET place = place + ? WHERE place >= ?" % table,
                            (by, first))
        for r in rows:
            if r.place >= first:
                r.place += by
        record.write(self.db, rows)
        return self

    def relink(self, first):
        """Computes all hashes anew from this place on, as somebody would who knows how."""
        rows = record.read(self.db)
        for i, row in enumerate(rows):
            if row.place >= first:
                row.digest = digest(self.db, row)
                row.hash = link(rows[i - 1].hash, row)
        record.write(self.db, rows)
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
    (body,) = c.db.execute("SELECT body FROM blocks WHERE first <= 17 ORDER BY first DESC").fetchone()
    c.db.close()
    with open(c.path, "r+b") as f:  # in the file itself, in the block of one document
        at = f.read().index(body[-40:]) + 11
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x01]))
    status, doc = verify(c.path)
    tap.ok(status == 1 and [f["fault"] for f in doc["findings"]] == ["damaged"] and
           doc["findings"][0]["place"] <= 17 and "cannot be read" in doc["findings"][0]["text"],
           "a flipped bit", doc)

    def longer(rows, row):
        row[12].json += b" "

    def otherwise(rows, row):
        row[12].json = row[12].json.replace(b'"mgmt-1/12"', b'"mgmt-1/13"')

    for name, change in (("longer", longer), ("other", otherwise)):
        named("a changed document: " + name, Copy("document").record(change).asked(),
              [("changed", 12, "mgmt-1/12")])
    for column, value in (("verdict", "'trusted'"), ("time", "time + 1"),
                          ("stored", "1"), ("device", "NULL"), ("source", "'10.9.9.9'")):
        named("a changed column: " + column,
              Copy("column").do("UPDATE events SET %s = %s WHERE n = 12" % (column, value)).asked(),
              [("changed", 12, "mgmt-1/12")])
    named("a changed dead letter", Copy("dead").do("UPDATE dead_letters SET data = x'00'").asked(),
          [("changed", 22, None)])

    def drop(place):
        def change(rows, row):
            rows.remove(row[place])
        return change

    c = Copy("deleted").do("DELETE FROM events WHERE n = 30")
    named("a deleted row: by its place, and by its agent's number", c.asked(),
          [("removed", 31, "mgmt-1/30"), ("removed", None, "mgmt-1/30")])
    c = Copy("deleted2").do("DELETE FROM events WHERE n = 30").record(drop(31))
    named("deleted with its place", c.asked(),
          [("removed", 31, None), ("removed", None, "mgmt-1/30")])
    c = Copy("deleted3").do("DELETE FROM events WHERE n = 30").record(drop(31)).places(32, -1)
    named("deleted with its place, and the rest moved up", c.asked(),
          [("broken", 31, "mgmt-1/31"), ("removed", None, "mgmt-1/30")])
    c = Copy("deleted4").do("DELETE FROM dead_letters")
    named("a deleted dead letter", c.asked(), [("removed", 22, None)])
    c = Copy("deleted5").record(drop(31))
    named("a row of which only the document is gone", c.asked(),
          [("removed", 31, None), ("inserted", None, "mgmt-1/30")])

    c = Copy("swapped").do(*swap("events", "place", 5, 9))
    status, doc = c.asked()
    tap.ok(status == 1 and sorted(f[:2] for f in faults(doc)) == [("changed", 5), ("changed", 9)],
           "two rows of the lists swapped", doc)

    def swapped(a, b):
        def change(rows, row):
            row[a].place, row[b].place = b, a
            rows.sort(key=lambda r: r.place)
        return lambda name: Copy(name).record(change).do(*swap("events", "place", a, b))

    named("swapped with their places", swapped(5, 9)("swapped2").asked(),
          [("moved", 5, "mgmt-1/9"), ("moved", 9, "mgmt-1/5")])
    named("swapped, one after the other", swapped(5, 6)("swapped3").asked(),
          [("moved", 5, "mgmt-1/6"), ("moved", 6, "mgmt-1/5")])
    named("swapped at the end", swapped(59, 60)("swapped4").asked(),
          [("moved", 59, "mgmt-1/59"), ("moved", 60, "mgmt-1/58")])

    columns = ", ".join(EVENT).replace("seq", "9000")
    for name, place in (("none", "0"), ("one that another row has", "place"),
                        ("one of a dead letter", "22")):
        c = Copy("inserted").do("INSERT INTO events (place, %s) SELECT %s, %s FROM events WHERE n = 3"
                                % (", ".join(EVENT), place, columns))
        named("a row put in, its place " + name, c.asked(),
              [("inserted", None, "mgmt-1/9000"), ("removed", None, "mgmt-1/60")])
    c = Copy("inserted2").places(40, 1)
    c.do("INSERT INTO events (n, place, %s) SELECT 900, 40, %s FROM events WHERE n = 3"
         % (", ".join(EVENT), columns.replace("agent,", "'other',")))

    def put_in(rows, row):
        new = record.Row(40, True, 9000, row[3].stored, b"other", row[3].json, b"", b"")
        new.digest = digest(c.db, new)
        new.hash = link(row[39].hash, new)
        rows.insert(rows.index(row[39]) + 1, new)

    named("a row put in with hashes that fit it", c.record(put_in).asked(),
          [("inserted", 40, "other/9000")])

    c = Copy("forged").do("UPDATE events SET verdict = 'trusted' WHERE n = 12")

    def fit(rows, row):
        row[12].digest = digest(c.db, row[12])

    named("a changed row with a digest that fits it", c.record(fit).asked(),
          [("broken", 12, "mgmt-1/12")])
    for column in ("digest", "hash"):
        def other(rows, row, column=column):
            setattr(row[12], column, os.urandom(32))
        named("a changed %s" % column, Copy("chain").record(other).asked(),
              [("changed", 12, "mgmt-1/12")])
    c = Copy("links").do("UPDATE blocks SET links = x'00' WHERE first = (SELECT MAX(first) FROM blocks)")
    tap.ok(c.asked()[0] == 1, "links that are none")
    c = Copy("kind").do("UPDATE blocks SET body = x'78' WHERE first = 1")
    tap.ok(("damaged", 1, None) in faults(c.asked()[1]), "a block of no form")
    c = Copy("count").do("UPDATE blocks SET count = count - 1 WHERE first = 1")
    tap.ok(("damaged", 1, None) in faults(c.asked()[1]), "a block of fewer rows than it has")

    def underived(c, first):
        """As a collector leaves it that ended before it had derived the rest."""
        rows = record.read(c.db)
        record.write(c.db, rows)
        return c.do("UPDATE blocks SET derived = 0",
                    "UPDATE meta SET value = '%d' WHERE key = 'derived'" % (first - 1),
                    "DELETE FROM events WHERE place >= %d" % first)

    status, doc = underived(Copy("behind"), 41).asked()
    tap.ok(status == 0 and doc["underived"] == 20, "what is not derived yet is good", doc)

    def forged(rows, row):
        row[50].json = row[50].json.replace(b'"info"', b'"none"')

    c = underived(Copy("behind2").record(forged), 41)
    status, doc = c.asked()
    tap.ok(status == 1 and ("changed", 50, "mgmt-1/49") in faults(doc), "or is named where it was changed",
           doc)


def tail():
    url = redis.url
    for where, name in ((url, "Redis"), (anchors, "the file")):
        status, doc = verify(good, "--anchors", where)
        tap.ok(status == 0 and doc["anchors"]["covers"] == 60 and doc["anchors"]["of_others"] == 0,
               "anchors in %s cover all of the record" % name, doc)
    def cut(rows, row):
        del rows[51:]

    clean = ["DELETE FROM events WHERE n > 50", "UPDATE meta SET value = '51' WHERE key = 'derived'",
             "DELETE FROM anchors WHERE place > 51"]
    named("the tail cut: the table of agents knows better",
          Copy("tail").record(cut).do(*clean).asked(), [("removed", None, "mgmt-1/51")])
    clean += ["UPDATE agents SET last_seq = 50, events = 50"]
    status, doc = Copy("tail2").record(cut).do(*clean).asked()
    tap.ok(status == 0, "the tail cut with all that tells of it, by itself", doc)
    for where, name in ((url, "Redis"), (anchors, "the file")):
        named("but not against %s" % name,
              Copy("tail2").record(cut).do(*clean).asked("--anchors", where),
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

    def first(rows, row):
        row[1].hash = link(hashlib.sha256(b"0" * 32).digest(), row[1])

    c.record(first).relink(2)
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
        f.write("nonsense\n")
    status, said = verify(good, "--anchors", other + ".anchors")
    tap.ok(status == 2 and ".anchors:1:" in said and said.count("\n") == 1,
           "a file that holds no anchors: one line, exit 2", said)
    with open(other + ".anchors", "w") as f:
        f.write("\n".join(lines[:-1] + ["nonsense"]) + "\n")
    named("a line that is no anchor in the place of the newest",
          verify(good, "--anchors", other + ".anchors"), [("unanchored", None, None)])
    with open(other + ".anchors", "w") as f:
        f.write("\n".join(lines[:-1] + [lines[-1][:70], lines[-1]]) + "\n")
    status, doc = verify(good, "--anchors", other + ".anchors")
    tap.ok(status == 0 and doc["anchors"]["covers"] == 60 and doc["anchors"]["bad_lines"] == 1 and
           doc["anchors"]["first_bad_line"] == len(lines),
           "a piece of one, as a full disk leaves it, and the same again: told, and good", doc)
    r = subprocess.run([PROGRAM, "verify", "--db", good, "--anchors", other + ".anchors"],
                       capture_output=True, text=True)
    tap.ok(r.returncode == 0 and "the first is line %d: not an anchor" % len(lines) in r.stdout,
           "in words", r.stdout)
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


def older():
    """A store of another layout is not touched."""
    path = os.path.join(base, "old.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("PRAGMA application_id = 0x67776173")
        db.execute("INSERT INTO meta VALUES ('schema', '3')")
    status, said = verify(path)
    tap.ok(status == 2 and "older glasswatch-collector" in said and "begin a new store" in said and
           said.count("\n") == 1, "an older store is named", said)
    r = subprocess.run([PROGRAM, "run", "--db", path, "--redis", redis.url, "--listen", "off"],
                       capture_output=True, text=True)
    tap.ok(r.returncode == 2 and "older glasswatch-collector" in r.stderr, "`run` leaves it alone",
           r.stderr)


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
    for scenario in (tampered, tail, older, holes):
        if len(sys.argv) < 2 or scenario.__name__ in sys.argv[1:]:
            scenario()
finally:
    if redis.process:
        redis.process.kill()
        redis.process.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
