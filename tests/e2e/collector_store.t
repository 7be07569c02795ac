#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A store in trouble: the disk full, the file system read-only, the file locked, damaged in its
header, damaged inside. Each is said in clear words, once; nothing is acknowledged that is not stored;
where the cause goes away, the collector goes on by itself."""
import contextlib
import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Agent, Collector, Redis, Tap  # noqa: E402

KEY = "glasswatch:events"
tap = Tap()
started = []


def fresh(name, directory=None):
    """A Redis, and a collector whose store is in `directory`."""
    home = os.path.join(base, name)
    os.makedirs(home)
    r = Redis(home)
    started.append(r)
    r.start()
    c = Collector(home, r)
    if directory:
        c.db = os.path.join(directory, "store.db")
        c.args[c.args.index("--db") + 1] = c.db
    started.append(c)
    return r, c


def seqs(c):
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % c.db, uri=True)) as db:
        return [n for (n,) in db.execute("SELECT seq FROM events WHERE agent = 'mgmt-1'"
                                         " ORDER BY seq")]


def owed(r):
    info = r.command("XINFO", "GROUPS", KEY)[0]
    pairs = dict(zip(info[::2], info[1::2]))
    unread = r.command("XRANGE", KEY, b"(" + pairs[b"last-delivered-id"], "+")
    return pairs[b"pending"] + len(unread)


def big(a, n):
    return [a.event(i, "agent.stats", stats={"text": os.urandom(400).hex()}) for i in range(n)]


def honest(r, c, a):
    """What is acknowledged is stored."""
    return len(seqs(c)) >= a.seq - owed(r)


def recovers(r, c, a, name):
    tap.ok(c.until(lambda: owed(r) == 0 and seqs(c) == list(range(1, a.seq + 1))),
           "%s: it goes on by itself, and has each event once" % name, c.said())
    tap.ok(c.until(lambda: "consuming glasswatch:events again" in c.said()), "and says so",
           c.said())
    tap.ok(c.stop() == 0, "exit 0", c.said())
    tap.ok(c.ask("verify").startswith("good"), "the chain holds")


@contextlib.contextmanager
def mounted(name, options):
    where = os.path.join(base, name + ".mount")
    os.makedirs(where)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "glasswatch-test", where], check=True)
    try:
        yield where
    finally:
        for x in started:
            if isinstance(x, Collector) and x.process:
                x.stop()
        subprocess.run(["umount", where], check=True)


def full():
    with mounted("full", "size=1m") as where:
        r, c = fresh("full", where)
        a = Agent()
        c.start()
        r.add(big(a, 2000))
        tap.ok(c.until(lambda: "no space left for the store; nothing is acknowledged" in c.said()),
               "a full disk is named", c.said())
        time.sleep(5)
        tap.ok(c.said().count("no space left") == 1, "once", c.said())
        tap.ok(honest(r, c, a) and owed(r) > 0, "and nothing is acknowledged that is not stored",
               (len(seqs(c)), owed(r)))
        tap.ok("full" not in c.ask("agents"), "questions are answered all the same")
        subprocess.run(["mount", "-o", "remount,size=64m", where], check=True)
        recovers(r, c, a, "with room again")
        r.kill()


def read_only():
    with mounted("ro", "size=64m") as where:
        r, c = fresh("ro", where)
        a = Agent()
        c.start()
        r.add(big(a, 10))
        tap.ok(c.until(lambda: len(seqs(c)) == 10 and owed(r) == 0), "it works")
        c.stop()
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
        r.add(big(a, 10))
        p = subprocess.run(c.args, capture_output=True, text=True, timeout=60)
        tap.ok(p.returncode == 2 and p.stderr.count("\n") == 1 and c.db in p.stderr and
               ("read-only" in p.stderr.lower() or "readonly" in p.stderr),
               "a read-only file system at the start: one line, exit 2", p.stderr)
        tap.ok(owed(r) == 10, "nothing is acknowledged")
        tap.ok(c.ask("verify").startswith("good: 10 events") and len(c.json("events")) == 10,
               "questions are answered where nothing can be written")
        subprocess.run(["mount", "-o", "remount,rw", where], check=True)
        c.start()
        tap.ok(c.until(lambda: owed(r) == 0 and seqs(c) == list(range(1, 21))), "writable again, "
               "it goes on", c.said())
        c.stop()
        r.kill()


def locked():
    r, c = fresh("locked")
    a = Agent()
    c.start()
    r.add(big(a, 10))
    c.until(lambda: owed(r) == 0)
    lock = sqlite3.connect(c.db, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    r.add(big(a, 10))
    tap.ok(c.until(lambda: "the store is locked by another program; nothing is acknowledged" in
                   c.said()), "a locked store is named", c.said())
    time.sleep(6)
    tap.ok(c.said().count("is locked by") == 1 and owed(r) == 10 and len(seqs(c)) == 10,
           "once, and nothing is acknowledged", c.said())
    lock.execute("ROLLBACK")
    lock.close()
    recovers(r, c, a, "without the lock")
    lock = sqlite3.connect(c.db, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    p = subprocess.run(c.args, capture_output=True, text=True, timeout=60)
    tap.ok(p.returncode == 2 and "locked by another program" in p.stderr and
           p.stderr.count("\n") == 1, "locked at the start: one line, exit 2", p.stderr)
    lock.close()
    r.kill()


def alone():
    """Redis is away, and the store for a while: what is recorded is derived all the same."""
    r, c = fresh("alone")
    a = Agent()
    r.command("CONFIG", "SET", "appendfsync", "no")
    r.add([a.event(i, "agent.start") for i in range(8000)])
    c.args += ["--batch", "20"]
    c.start()

    def recorded():
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % c.db, uri=True)) as db:
            return db.execute("SELECT COALESCE(MAX(first + count - 1), 0), (SELECT COUNT(*) FROM"
                              " events) FROM blocks").fetchone()

    c.until(lambda: recorded()[0] > 500)
    lock = sqlite3.connect(c.db, isolation_level=None, timeout=60)
    lock.execute("BEGIN IMMEDIATE")
    places, events = recorded()
    tap.ok(events < places, "not all that is recorded is derived", (places, events))
    tap.ok(c.until(lambda: "the store is locked by another program" in c.said()),
           "the store is locked", c.said())
    r.kill()
    tap.ok(c.until(lambda: "refused" in c.said()), "Redis is away", c.said())
    time.sleep(8)
    lock.execute("ROLLBACK")
    lock.close()
    tap.ok(c.until(lambda: len(set(recorded())) == 1, 30), "without the lock the rest is derived",
           (recorded(), c.said()))
    tap.ok(c.stop() == 0, "exit 0", c.said())


def damaged():
    r, c = fresh("damaged")
    a = Agent()
    c.start()
    r.add(big(a, 600))
    c.until(lambda: owed(r) == 0)
    c.stop()
    r.add(big(a, 5))
    whole = open(c.db, "rb").read()

    def with_bytes(at, data):
        with open(c.db, "wb") as f:
            f.write(whole[:at] + data + whole[at + len(data):])

    with_bytes(0, b"\xde\xad\xbe\xef" * 25)  # the header
    p = subprocess.run(c.args, capture_output=True, text=True, timeout=60)
    tap.ok(p.returncode == 2 and "is not a store of glasswatch-collector" in p.stderr and
           p.stderr.count("\n") == 1, "a damaged header: one line, exit 2", p.stderr)
    tap.ok(owed(r) == 5, "nothing is acknowledged")

    with_bytes(4096, b"\xde" * (len(whole) - 4096))  # all but the first page
    p = subprocess.run(c.args, capture_output=True, text=True, timeout=60)
    tap.ok(p.returncode == 2 and "the store is damaged" in p.stderr and
           "restore a copy of it, or move it away" in p.stderr,
           "damaged inside: it says what to do, exit 2", p.stderr)
    tap.ok(owed(r) == 5, "nothing is acknowledged")

    with_bytes(0, whole[:100])
    with contextlib.closing(sqlite3.connect(c.db)) as db:
        root = dict(db.execute("SELECT name, rootpage FROM sqlite_schema"))
    for name in ("events", "events_time", "blocks"):
        with_bytes((root[name] - 1) * 4096 + 8, b"\xff" * 64)
        p = subprocess.run([c.program, "verify", "--db", c.db], capture_output=True, text=True)
        tap.ok(p.returncode == 1 and "damaged" in p.stdout,
               "verify: a damaged page of %s" % name, p.stdout[:2000] + p.stderr)

    with_bytes(0, whole[:100])
    tap.ok(c.ask("verify").startswith("good"), "whole again")
    c.start()
    tap.ok(c.until(lambda: owed(r) == 0 and seqs(c) == list(range(1, 606))), "it goes on")
    c.stop()
    r.kill()


def worded():
    """What is in the way of beginning at all."""
    r, c = fresh("worded")
    there = os.path.join(base, "none", "store.db")
    p = subprocess.run([c.program, "run", "--redis", r.url, "--db", there], capture_output=True,
                       text=True, timeout=60)
    tap.ok(p.returncode == 2 and "create the directory" in p.stderr, "no directory", p.stderr)
    p = subprocess.run([c.program, "run", "--redis", r.url, "--db", base], capture_output=True,
                       text=True, timeout=60)
    tap.ok(p.returncode == 2 and p.stderr.count("\n") == 1 and base in p.stderr,
           "a directory in place of a file", p.stderr)
    p = subprocess.run([*c.args, "--anchors", os.path.join(base, "none", "anchors")],
                       capture_output=True, text=True, timeout=60)
    tap.ok(p.returncode == 2 and p.stderr.count("\n") == 1 and "none/anchors" in p.stderr,
           "anchors that cannot be written", p.stderr)
    r.kill()


if not shutil.which("redis-server"):
    print("Bail out! redis-server is missing: run `make deps`")
    sys.exit(1)
base = tempfile.mkdtemp(prefix="glasswatch-store.")
CLONE_NEWNS = 0x20000
private = os.geteuid() == 0 and \
    ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == 0 and \
    subprocess.run(["mount", "--make-rprivate", "/"]).returncode == 0
try:
    for scenario in (full, read_only, locked, alone, damaged, worded):
        if len(sys.argv) > 1 and scenario.__name__ not in sys.argv[1:]:
            continue
        if scenario in (full, read_only) and not private:
            tap.n += 1
            print("ok %d # SKIP a file system of its own needs root" % tap.n)
            continue
        scenario()
finally:
    for x in started:
        if x.process:
            x.process.kill()
            x.process.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
