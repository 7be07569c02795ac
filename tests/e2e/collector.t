#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The collector against a real Redis and a real store: what is delivered is stored
once, whatever is killed, and the questions are answered."""
import contextlib
import csv
import io
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import (PATIENCE, Agent, Collector, Redis, Tap, die_with_parent,  # noqa: E402
                             free_port, scene)  # noqa: E402
import record  # noqa: E402

tap = Tap()
started = []  # collectors and servers, to be ended whatever happens


def fresh(name, *more, redis=None, **kw):
    directory = os.path.join(base, name)
    os.makedirs(directory, exist_ok=True)
    r = redis or Redis(directory)
    if not redis:
        started.append(r)
        r.start()
    c = Collector(directory, r, "c1", "store.db", *more, **kw)
    started.append(c)
    return r, c


def seqs(c, agent="mgmt-1"):
    """What is stored of an agent, straight from the table."""
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % c.db, uri=True)) as db:
        return [n for (n,) in db.execute(
            "SELECT seq FROM events WHERE agent = ? ORDER BY seq", (agent,))]


def stored(c, n):
    return c.until(lambda: os.path.exists(c.db) and len(seqs(c)) >= n)


def questions():
    r, c = fresh("questions")
    c.start()
    docs = list(scene())
    r.add(docs)
    tap.ok(stored(c, len(docs)), "every event of the scene is stored")
    tap.ok(c.until(lambda: r.pending() == 0), "and acknowledged")
    # the alerts that they raise are the collector's own events
    tap.ok([e for e in c.json("events") if e["agent"] == "mgmt-1"] ==
           sorted(docs, key=lambda d: d["time"]),
           "`events --format json` gives the documents back as they were")

    flows = {f["flow"]["id"]: f for f in c.json("flows")}
    tap.ok(len(flows) == 8, "one row per flow", sorted(flows))
    f3 = flows["f3"]
    tap.ok(f3["flow"]["outcome"] == "closed" and f3["actor"]["user"] == "alice" and
           f3["ssh"]["server"]["software_version"] == "OpenSSH_8.7" and not f3["open"] and
           f3["source"]["bytes"] == 51230, "a flow's start, update and end fold into one", f3)

    inc = c.json("incidents")
    tap.ok(inc[0]["kind"] == "failover" and inc[0]["status"] == "closed" and
           inc[0]["outage_s"] == 2232.0 and inc[0]["sessions"] == 2 and
           inc[0]["untrusted"] == 3, "one incident of the device, closed", inc)
    tap.ok(len(inc) == 2 and inc[1]["kind"] == "untrusted-source" and
           inc[1]["subject"] == "203.0.113.77" and inc[1]["attempts"] == 3 and
           inc[1]["status"] == "open", "and one of the untrusted source", inc)
    marks = [(m["what"], m["count"]) for m in c.json("incidents", "1")["timeline"]]
    tap.ok(marks == [("attempt", 1), ("Ma1 fails", 1), ("session", 1), ("FAILOVER", 1),
                     ("alert", 1), ("UNTRUSTED", 3), ("alert", 1), ("session", 1), ("end", 1), ("end", 1),
                     ("Ma1 works", 1), ("FAILBACK", 1)], "its timeline is in order", marks)
    text = c.ask("incidents", "1")
    tap.ok("FAILOVER" in text and "outage 37m12s" in text and "user alice" in text,
           "and readable as text", text)
    tap.ok("no incident 7" in c.ask("incidents", "7", status=2), "an unknown incident is exit 2")

    def ids(*args):
        return sorted(f["flow"]["id"] for f in c.json("flows", *args))

    for args, want in (
            (("--path", "primary"), ["f1", "f2", "f5"]),
            (("--verdict", "untrusted"), ["u0", "u1", "u2"]),
            (("--source", "fda0:d59c:df09::/48"), ["f4"]),
            (("--source", "10.20.0.5", "--path", "in-band"), ["f3"]),
            (("--source", "203.0.0.0/8"), ["u0", "u1", "u2"]),
            (("--device", "other"), []),
            (("--service", "bgp"), []),
            (("--since", "2026-11-23T02:52:00Z"), ["f5"]),
            (("--until", "2026-11-23T02:15:00Z"), ["f1"]),
            (("--since", "2026-11-23T02:20:00Z", "--until", "2026-11-23T02:30:00Z"),
             ["f3", "f4"])):
        tap.ok(ids(*args) == want, "flows " + " ".join(args), ids(*args))
    tap.ok([e["flow"]["id"] for e in c.json("events", "--type", "flow", "--limit", "2")] ==
           ["f5", "f5"], "--type takes a group, --limit the newest")
    src = {s["source"]: s for s in c.json("sources")}
    tap.ok(src["203.0.113.77"]["verdict"] == "untrusted" and
           src["203.0.113.77"]["established"] == 0 and src["10.20.0.5"]["users"] == ["alice"] and
           src["10.20.0.5"]["paths"] == ["primary", "in-band"], "sources", src)
    agents = c.json("agents")
    tap.ok(agents[0]["missing"] == 0 and agents[0]["last_seq"] == len(docs) and
           agents[0]["stats"]["generated"] == 21, "agents", agents)
    rows = list(csv.DictReader(io.StringIO(c.ask("flows", "--format", "csv"))))
    tap.ok(len(rows) == 8 and rows[0]["source"] == "10.20.0.5" and rows[3]["rule"] == "",
           "CSV has a header and every row", rows[:1])
    for command in ("events", "flows", "incidents", "sources", "agents"):
        out = terminal(c, command)
        tap.ok(out and max(map(len, out.splitlines())) <= 100, "%s fits 100 columns" % command,
               out)
    out = terminal(c, "incidents", "1")
    tap.ok(max(map(len, out.splitlines())) <= 100, "so does a timeline", out)

    for args, words in (
            (("flows", "--path", "sideways"), "primary, in-band"),
            (("flows", "--verdict", "maybe"), "trusted, untrusted, no-policy"),
            (("events", "--type", "flow.middle"), "flow.start"),
            (("flows", "--source", "10.1"), "10.20.0.0/16"),
            (("flows", "--since", "yesterday"), "-2h"),
            (("flows", "--limit", "many"), "number of rows"),
            (("flows", "--since", "-1h", "--until", "-2h"), "before"),
            (("incidents", "one"), "number of an incident")):
        said = c.ask(*args, status=2)
        tap.ok(words in said and said.count("\n") == 1, "%s: one line, exit 2" % " ".join(args),
               said)

    follow = subprocess.Popen([c.program, "events", "--follow", "--db", c.db, "--format", "json"],
                              stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    a = Agent("mgmt-2")
    evil = "Open\x1b[31mSSH\u202e\x07"
    over = threading.Event()

    def tell():
        """Again and again, as nothing says when it has begun to follow."""
        while not over.wait(0.5):
            n = a.seq + 1
            r.add([a.flow(3000 + n, "flow.start", "x%d" % n, "fab1-AR-CE1", "primary", "10.20.0.9",
                          "established", actor={"user": evil, "uid": 1, "pid": 2},
                          ssh={"client": {"proto_version": "2.0", "software_version": evil}})])

    teller = threading.Thread(target=tell)
    teller.start()
    line = follow.stdout.readline()
    while '"agent":"glasswatch-collector"' in line:
        line = follow.stdout.readline()
    over.set()
    teller.join()
    tap.ok('"id":"mgmt-2/' in line, "--follow prints what is stored from now on", line)
    follow.send_signal(signal.SIGINT)
    tap.ok(follow.wait(PATIENCE) == 0, "and ends well")
    follow.stdout.close()
    c.until(lambda: r.pending() == 0)
    out = "".join(c.ask(*x) for x in (("events",), ("flows",), ("flows", "--format", "csv"),
                                      ("flows", "--format", "json"), ("sources",)))
    tap.ok("\x1b" not in out and "\x07" not in out and "\u202e" not in out and "\\x1b[31mSSH" in out,
           "control characters from the wire reach no terminal")
    tap.ok(c.stop() == 0, "SIGTERM is exit 0", c.said())
    tap.ok("no such store" in subprocess.run(
        [c.program, "flows", "--db", c.db + ".none"], capture_output=True, text=True).stderr,
        "a missing store is named")
    with open(c.db + ".txt", "w") as f:
        f.write("not a database, but long enough to be read as one\n" * 100)
    said = subprocess.run([c.program, "run", "--redis", r.url, "--db", c.db + ".txt"],
                          capture_output=True, text=True)
    tap.ok(said.returncode == 2 and "not a store" in said.stderr, "a file of another kind is left "
           "alone", said.stderr)
    with contextlib.closing(sqlite3.connect(c.db + ".other")) as db:
        db.execute("CREATE TABLE t (x)")
    said = subprocess.run([c.program, "run", "--redis", r.url, "--db", c.db + ".other"],
                          capture_output=True, text=True)
    tap.ok(said.returncode == 2 and "another program" in said.stderr, "and so is a database of "
           "another program", said.stderr)
    r.kill()


def terminal(c, *args):
    """What the command prints on a terminal of 80 columns (tables need 100)."""
    quoted = " ".join([c.program, *args, "--db", c.db])
    env = dict(os.environ, NO_COLOR="1")
    out = subprocess.run(["script", "-qec", quoted, "/dev/null"], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL, env=env).stdout
    return out.replace("\r", "")


def page():
    """The page that is built beside the program is found; without one that is said, once."""
    r, c = fresh("page")
    build = os.path.join(base, "build")
    os.makedirs(build)
    c.args[0] = shutil.copy(c.program, build)
    c.args[c.args.index("--listen") + 1] = "127.0.0.1:%d" % free_port()
    url = "http://" + c.args[c.args.index("--listen") + 1] + "/"
    c.start()
    if not os.path.exists("/usr/local/share/glasswatch/web/index.html"):
        tap.ok(c.until(lambda: c.said().count("there is no page here") == 1), "without a page that is said, once",
               c.said())
    c.stop()
    os.makedirs(build + "/web")
    with open(build + "/web/index.html", "w", encoding="utf-8") as f:
        f.write("the page of this build")
    c.start()
    with urllib.request.urlopen(url, timeout=60) as answer:
        tap.ok(b"the page of this build" in answer.read(), "one beside the program is shown",
               c.said())
    c.stop()
    r.kill()


def poison():
    r, c = fresh("poison")
    c.start()
    a = Agent()
    good = [a.event(i, "agent.start") for i in range(4)]
    other = dict(good[0], time="2026-11-24T00:00:00.000000000Z")
    r.add([good[0], "{not json", b"\xff\xfe", "[]", dict(good[1], v=2), dict(good[1], seq=0),
           dict(good[1], time="9999-01-01T00:00:00.000000000Z"), "x" * (2 << 20), other, good[1]])
    r.command("XADD", "glasswatch:events", "*", "colour", "green")
    r.add([good[1], good[3]])
    tap.ok(stored(c, 3), "poison does not block what comes after it", seqs(c))
    tap.ok(c.until(lambda: r.pending() == 0), "poison is acknowledged")
    dead = c.json("dead-letters")
    tap.ok(len(dead) == 9, "each is kept as a dead letter with its reason",
           "\n".join(d["reason"] for d in dead))
    tap.ok(any("other content" in d["reason"] for d in dead), "also an id with other content")
    tap.ok(c.json("events")[0]["time"] == good[0]["time"], "which does not replace the first")
    tap.ok(c.json("agents")[0]["gaps"] == ["3"], "a missing number is known",
           c.json("agents"))
    r.add([good[2], good[2]])
    tap.ok(c.until(lambda: c.json("agents")[0]["missing"] == 0) and seqs(c) == [1, 2, 3, 4],
           "and forgotten when it comes; duplicates are dropped", c.json("agents"))
    tap.ok(c.stop() == 0 and c.said().count("dead letter:") == 1, "it is said once", c.said())
    r.kill()


def killed():
    r, c = fresh("killed", "--batch", "37")
    a = Agent()
    docs = [a.event(i / 10, "agent.start") for i in range(4000)]
    r.add(docs)
    for pause in (0.05, 0.12, 0.2, 0.3, 0.08):
        c.start(ready=False)
        time.sleep(pause)
        c.stop(signal.SIGKILL)
    c.start()
    tap.ok(stored(c, 4000) and seqs(c) == list(range(1, 4001)),
           "killed with SIGKILL again and again: each number once", len(seqs(c)))
    tap.ok(c.until(lambda: r.pending() == 0), "what it had read before was taken up again")
    c.stop()
    # A consumer that reads, and is never seen again.
    more = [a.event(500 + i, "agent.start") for i in range(300)]
    r.add(more)
    r.command("XREADGROUP", "GROUP", "collector", "dead", "COUNT", 200, "STREAMS",
              "glasswatch:events", ">")
    c.args += ["--claim-idle", "200ms"]
    time.sleep(0.3)
    c.start()
    tap.ok(stored(c, 4300) and seqs(c) == list(range(1, 4301)),
           "what a dead consumer had read is claimed", len(seqs(c)))
    tap.ok(c.until(lambda: r.pending() == 0), "and acknowledged")
    # Trimmed while it was pending: nobody can store it any more.
    c.stop()
    r.add([a.event(900, "agent.start")])
    r.command("XREADGROUP", "GROUP", "collector", "c1", "STREAMS", "glasswatch:events", ">")
    r.command("XTRIM", "glasswatch:events", "MAXLEN", 0)
    r.add([a.event(901, "agent.start")])
    c.start()
    tap.ok(stored(c, 4301) and c.until(lambda: r.pending() == 0) and
           c.json("agents")[0]["gaps"] == ["4301"] and
           "trimmed" in c.json("dead-letters")[0]["reason"],
           "an entry trimmed before it was read is a known loss", c.json("agents"))
    tap.ok(c.stop() == 0, "exit 0")
    r.kill()


def redis_away():
    directory = os.path.join(base, "away")
    os.makedirs(directory)
    r = Redis(directory)
    started.append(r)
    _, c = fresh("away", redis=r)
    c.start(ready=False)
    c.until(lambda: "not there" in c.said())
    time.sleep(1.5)
    tap.ok(c.said().count("not there") == 1, "Redis absent at start: said once", c.said())
    r.start()
    a = Agent()
    r.add([a.event(i, "agent.start") for i in range(10)])
    tap.ok(stored(c, 10), "and used when it is there", c.said())

    # Killed and started again while 10,000 events flow. The producer, like the
    # agent, sends again what was not acknowledged.
    total, batch = 10010, 100
    done = threading.Event()

    def produce():
        while a.seq < total:
            docs = [a.event(a.seq, "agent.start") for _ in range(batch)]
            while True:
                try:
                    r.add(docs)
                    break
                except (OSError, RuntimeError):
                    time.sleep(0.05)
        done.set()

    t = threading.Thread(target=produce)
    t.start()
    for _ in range(3):
        time.sleep(0.4)
        r.kill(signal.SIGKILL)
        time.sleep(0.3)
        r.start()
    t.join(PATIENCE)
    tap.ok(done.is_set() and stored(c, total) and seqs(c) == list(range(1, total + 1)),
           "Redis killed with SIGKILL and restarted under 10,000 events: each number once",
           "%d stored\n%s" % (len(seqs(c)), c.said()))
    # 2, and for each of 3 outages at most: reset, refused, loading, again
    tap.ok(len(c.said().splitlines()) <= 14, "without chatter", c.said())

    # One that comes through says that it is connected, and has its group.
    r.add([a.event(0, "agent.start")])
    tap.ok(stored(c, total + 1), "it goes on", c.said())
    r.command("FLUSHALL")
    r.add([a.event(0, "agent.start")])
    tap.ok(stored(c, total + 2), "a flushed stream gets its group again", c.said())
    tap.ok(c.said().count("no group") == 1 and c.until(lambda: "again" in c.said()),
           "and says so once", c.said())
    r.kill()
    r.start()
    tap.ok(c.stop() == 0, "exit 0")
    r.command("DEL", "glasswatch:events")
    r.command("SET", "glasswatch:events", "x")
    c.start(ready=False)
    tap.ok(c.until(lambda: "is not a stream" in c.said()), "a key of another type is named", c.said())
    tap.ok(c.stop() == 0, "exit 0")

    # A Redis that lets us read but not acknowledge is not asked in a tight loop.
    r.command("DEL", "glasswatch:events")
    r.add([a.event(0, "agent.start")])
    r.command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-xack")
    with open(os.path.join(base, "away", "url.yaml"), "w") as f:
        f.write("redis: redis://reader@127.0.0.1:%d\nredis-password-file: %s\n" %
                (r.port, os.path.join(base, "away", "password")))
    with open(os.path.join(base, "away", "password"), "w",
              opener=lambda path, flags: os.open(path, flags, 0o600)) as password:
        password.write("secret\n")
    c.args = [c.program, "run", "-c", f.name, "--db", c.db, "--consumer", "c1"]
    c.start()
    tap.ok(c.until(lambda: "does not let us acknowledge" in c.said()), "XACK refused is said",
           c.said())
    r.command("CONFIG", "RESETSTAT")
    time.sleep(2)
    stats = r.command("INFO", "commandstats").decode()
    calls = stats.split("cmdstat_xreadgroup:calls=")  # none in the 2 s, when it waits for longer
    calls = int(calls[1].split(",")[0]) if len(calls) > 1 else 0
    tap.ok(calls < 40 and c.said().count("acknowledge:") == 1, "once, and not asked in a tight loop",
           calls)
    r.command("ACL", "SETUSER", "reader", "+xack")
    tap.ok(c.until(lambda: r.pending() == 0), "and it goes on when it may")
    tap.ok("secret" not in c.said() and c.stop() == 0, "the password is in no log")
    r.kill()


def store_away():
    r, c = fresh("locked")
    c.start()
    a = Agent()
    r.add([a.event(0, "agent.start")])
    stored(c, 1)
    lock = sqlite3.connect(c.db, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    r.add([a.event(1, "agent.start")])
    tap.ok(c.until(lambda: "locked by another program" in c.said()), "a locked store is named")
    tap.ok(r.pending() == 1 and len(seqs(c)) == 1, "nothing is acknowledged that is not stored")
    time.sleep(3)
    tap.ok(c.said().count("locked by") == 1, "it is said once", c.said())
    lock.execute("ROLLBACK")
    lock.close()
    tap.ok(stored(c, 2) and c.until(lambda: r.pending() == 0), "and it goes on when the lock is gone",
           c.said())
    tap.ok(c.stop() == 0, "exit 0")

    # No room: a limit on the size of files stands for a full disk.
    limit = 400 * 1024
    c.process = None
    c.errors = open(c.log, "ab")
    c.process = subprocess.Popen(
        c.args, stderr=c.errors, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    r.add([a.event(i, "agent.stats", stats={"generated": i, "text": os.urandom(400).hex()})
           for i in range(2000)])
    tap.ok(c.until(lambda: "nothing is acknowledged" in c.said().split("again")[-1]),
           "a store that cannot grow is named", c.said())
    owed = r.pending() + lag(r)  # first: what is acknowledged after it is in the record below
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % c.db, uri=True)) as db:
        have = sum(row.event and row.agent == b"mgmt-1" for row in record.read(db))
    tap.ok(have < 2002 and have + owed >= 2002, "what is not stored is not acknowledged",
           (have, owed))
    tap.ok(c.stop() == 0, "exit 0")
    c.start()
    tap.ok(stored(c, 2002) and seqs(c) == list(range(1, 2003)), "with room again, all is there",
           len(seqs(c)))
    c.stop()
    tap.ok(not os.path.exists(c.db + "-wal"), "a good end leaves one file")
    # Damage.
    with open(c.db, "r+b") as f:
        size = os.path.getsize(c.db)
        for page in range(2, size // 4096):
            f.seek(page * 4096)
            f.write(b"\xde" * 4096)
    r.add([a.event(i, "agent.start") for i in range(50)])
    c.start(ready=False)
    c.until(lambda: c.process.poll() is not None)
    status = c.process.poll()
    c.process = c.process if status is None else None
    tap.ok(status == 2 and "damaged" in c.said(), "a damaged store stops it with exit 2",
           c.said())
    tap.ok(r.pending() + lag(r) >= 50, "and nothing is acknowledged", r.pending())
    r.kill()


def store_gone():
    r, c = fresh("gone")
    c.start()
    a = Agent()
    r.add([a.event(0, "agent.start")])
    stored(c, 1)
    os.unlink(c.db)
    r.add([a.event(1, "agent.start")])
    c.until(lambda: c.process.poll() is not None)
    status = c.process.poll()
    c.process = c.process if status is None else None
    tap.ok(status == 2 and "removed or replaced" in c.said(), "a store removed under it stops it",
           c.said())
    # It may have seen it before it has read the entry.
    tap.ok(r.pending() + lag(r) == 1, "and what would have gone with it is not acknowledged")
    for name in ("-wal", "-shm"):
        if os.path.exists(c.db + name):
            os.unlink(c.db + name)
    c.start()
    tap.ok(stored(c, 1) and c.json("agents")[0]["gaps"] == ["1"], "a new one is begun, and knows "
           "what it lacks")
    c.stop()
    r.kill()


def trimmed():
    """Only what every group has acknowledged leaves the stream."""
    key = "glasswatch:events"
    r, c = fresh("trimmed")
    r.command("XGROUP", "CREATE", key, "slow", "0", "MKSTREAM")
    a = Agent()
    r.add([a.event(i, "agent.start") for i in range(100)])
    c.start()
    ids = [e[0] for e in r.command("XRANGE", key, "-", "+")]
    tap.ok(stored(c, 100) and c.until(lambda: r.pending() == 0), "a group has acknowledged all")
    time.sleep(7)  # a round of trimming, and more
    tap.ok(r.command("XLEN", key) == 100, "nothing is trimmed that another group has not read",
           r.command("XLEN", key))
    r.command("XREADGROUP", "GROUP", "slow", "s1", "COUNT", 40, "STREAMS", key, ">")
    r.command("XACK", key, "slow", *ids[:10], *ids[11:40])
    c.until(lambda: r.command("XLEN", key) != 100)
    tap.ok(r.command("XRANGE", key, "-", "+", "COUNT", 1)[0][0] == ids[10] and
           r.command("XLEN", key) == 90, "nor what it has read and not acknowledged",
           r.command("XLEN", key))
    r.command("XACK", key, "slow", ids[10])
    tap.ok(c.until(lambda: r.command("XLEN", key) == 60), "what both have acknowledged goes",
           r.command("XLEN", key))
    r.command("XGROUP", "DESTROY", key, "slow")
    tap.ok(c.until(lambda: r.command("XLEN", key) == 0), "a group that is gone holds nothing",
           r.command("XLEN", key))
    tap.ok(r.command("XINFO", "GROUPS", "{glasswatch:events}:anchors") == [] and
           r.command("XLEN", "{glasswatch:events}:anchors") >= 1, "anchors are not trimmed")
    c.stop()
    c.args.append("--trim=no")
    c.start()
    r.add([a.event(i, "agent.start") for i in range(100)])
    tap.ok(stored(c, 200), "it goes on")
    time.sleep(7)
    tap.ok(r.command("XLEN", key) == 100, "--trim=no leaves all", r.command("XLEN", key))
    tap.ok(c.stop() == 0 and "is not trimmed" not in c.said(), "exit 0", c.said())
    r.kill()


def together():
    """Two collectors of one group on one store; one is killed, again and again."""
    r, one = fresh("together", "--batch", "20", "--claim-idle", "500ms")
    two = Collector(os.path.join(base, "together"), r, "c2", "store.db", "--batch", "20",
                    "--claim-idle", "500ms")
    started.append(two)
    a = Agent()
    one.start()
    two.start()
    for _ in range(12):
        r.add([a.event(i, "agent.start") for i in range(250)])
        time.sleep(0.1)
        two.stop(signal.SIGKILL)
        two.start(ready=False)
    two.stop(signal.SIGKILL)
    tap.ok(c_until_all(one, r, 3000), "what the killed one had read, the other one stores",
           "%d\n%s\n%s" % (len(seqs(one)), one.said(), two.said()))
    tap.ok(seqs(one) == list(range(1, 3001)) and one.json("agents")[0]["missing"] == 0,
           "each number once")
    two.start()
    # Both wait for entries; else one may have all of them before the other one asks.
    one.until(lambda: b"blocked_clients:2" in r.command("INFO", "clients"))
    r.add([a.event(i, "agent.start") for i in range(2000)])
    tap.ok(stored(one, 5000) and one.until(lambda: r.pending() == 0), "both go on")
    tap.ok(one.stop() == 0 and two.stop() == 0, "exit 0", one.said() + two.said())
    shares = [int(c.said().rsplit("stopped: ", 1)[1].split()[0]) for c in (one, two)]
    tap.ok(min(shares) > 0, "each had its share", shares)
    tap.ok("good: 5000 events" in one.ask("verify", "--anchors", r.url),
           "and the record is one chain, anchored by both")
    r.kill()


def c_until_all(c, r, n):
    return stored(c, n) and c.until(lambda: r.pending() == 0)


def lag(r):
    info = r.command("XINFO", "GROUPS", "glasswatch:events")[0]
    pairs = dict(zip(info[::2], info[1::2]))
    return pairs.get(b"lag") or 0


if not shutil.which("redis-server"):
    print("Bail out! redis-server is missing: run `make deps`")
    sys.exit(1)
base = tempfile.mkdtemp(prefix="glasswatch-collector.")
try:
    for scenario in (questions, page, poison, killed, redis_away, store_away, store_gone,
                     trimmed, together):
        if len(sys.argv) < 2 or scenario.__name__ in sys.argv[1:]:
            scenario()
finally:
    for x in started:
        if x.process:
            x.process.kill()
            x.process.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
