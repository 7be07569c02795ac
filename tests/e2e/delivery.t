#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Outbox, Redis and store while each of them is killed: every number once.

Real redis-server, real glasswatch-collector; in the agent's place
build/tests/tools/produce, which passes made-up events through the agent's own
outbox and publisher. Redis runs with appendfsync always, as docs/delivery.md
asks for: then what it has acknowledged survives its SIGKILL.
"""
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import record  # noqa: E402
from collector_scene import PATIENCE, Collector, Redis, Tap, die_with_parent  # noqa: E402

EVENTS = 10000
PER_TURN = 6  # each 2 ms: about 3,000 events a second
BUILD = os.environ.get("BUILD", "build")
PRODUCE = os.path.join(BUILD, "tests", "tools", "produce")
VALIDATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "validate_events.py")


class Producer:
    def __init__(self, directory, redis, agent):
        self.log = os.path.join(directory, agent + ".log")
        self.outbox = os.path.join(directory, agent + ".outbox")
        self.args = [PRODUCE, redis.url, self.outbox, agent, str(EVENTS), str(PER_TURN)]
        self.process = None

    def start(self):
        with open(self.log, "ab") as errors:
            self.process = subprocess.Popen(self.args, stdout=subprocess.PIPE, stderr=errors,
                                            preexec_fn=die_with_parent)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def finish(self):
        """Its last words, as counters."""
        out = self.process.communicate(timeout=2 * PATIENCE)[0]
        return json.loads(out) if self.process.returncode in (0, 1) and out else {}

    def said(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()


class Store:
    def __init__(self, path):
        self.path = path

    def ask(self, sql, *args):
        db = sqlite3.connect("file:%s?mode=ro" % self.path, uri=True, timeout=10)
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()

    def documents(self):
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.path, uri=True)) as db:
            return record.documents(db)

    def count(self, agent):
        return self.ask("SELECT count(*) FROM events WHERE agent = ?", agent)[0][0]

    def reach(self, agent, n, seconds=PATIENCE):
        end = time.time() + seconds
        while time.time() < end:
            if self.count(agent) >= n:
                return True
            time.sleep(0.02)
        return False

    def numbers(self, agent):
        return [r[0] for r in self.ask("SELECT seq FROM events WHERE agent = ? ORDER BY seq",
                                       agent)]


def judge(tap, store, agent, counters):
    tap.ok(counters == {"generated": EVENTS, "acknowledged": EVENTS, "waiting": 0,
                        "waiting_bytes": 0,
                        "dropped": {"outbox-full": 0, "outbox-unwritten": 0}},
           "%s: the agent's books: all generated, all acknowledged" % agent, counters)
    store.reach(agent, EVENTS)
    time.sleep(0.3)  # a duplicate that is still on its way would come now
    numbers = store.numbers(agent)
    tap.ok(numbers == list(range(1, EVENTS + 1)),
           "%s: the store holds 1 to %d, each once" % (agent, EVENTS),
           "%d rows, %d different, missing %s" % (
               len(numbers), len(set(numbers)),
               sorted(set(range(1, EVENTS + 1)) - set(numbers))[:20]))


def redis_killed(tap, directory, redis, store):
    p = Producer(directory, redis, "redis-killed")
    p.start()
    for at in (EVENTS // 5, EVENTS // 2):
        tap.ok(store.reach("redis-killed", at), "redis-killed: %d events have arrived" % at)
        redis.kill()
        time.sleep(0.7)
        redis.start()
    judge(tap, store, "redis-killed", p.finish())
    said = p.said().splitlines()
    # Each outage: the connection's end, that nobody is there, that Redis is loading; then that
    # it takes events again, after which the next outage may begin with the same words.
    reasons, twice = [""], 0
    for line in said:
        waits = "events wait in the outbox" in line
        twice += waits and line.split(";")[0] == reasons[-1]
        reasons.append(line.split(";")[0])
    downs = sum("events wait in the outbox" in line for line in said)
    tap.ok(2 <= downs <= 6 and not twice, "redis-killed: says so once per change", "\n".join(said))


def redis_late(tap, directory, redis, store):
    redis.kill()
    p = Producer(directory, redis, "redis-late")
    p.start()
    time.sleep(1.5)
    tap.ok(p.process.poll() is None, "redis-late: the agent runs without Redis")
    redis.start()
    judge(tap, store, "redis-late", p.finish())


def agent_killed(tap, directory, redis, store):
    p = Producer(directory, redis, "agent-killed")
    p.start()
    for at in (EVENTS // 10, EVENTS // 3, EVENTS // 2):
        store.reach("agent-killed", at)
        p.kill()
        p.start()
    judge(tap, store, "agent-killed", p.finish())


def all_killed(tap, directory, redis, store, collector):
    p = Producer(directory, redis, "all-killed")
    p.start()
    for i, at in enumerate((EVENTS // 10, EVENTS // 4, EVENTS // 2)):
        store.reach("all-killed", at)
        collector.stop(signal.SIGKILL)
        if i != 1:
            redis.kill()
        p.kill()
        p.start()
        time.sleep(0.3)
        if i != 1:
            redis.start()
        collector.start(ready=False)
    judge(tap, store, "all-killed", p.finish())


def stream_and_documents(tap, directory, redis, store):
    ids = {}
    last = b"-"
    while True:
        entries = redis.command("XRANGE", "glasswatch:events", last, "+", "COUNT", "5000")
        for name, fields in entries:
            f = dict(zip(fields[::2], fields[1::2]))
            ids[f[b"id"]] = ids.get(f[b"id"], 0) + 1
            last = b"(" + name
        if not entries:
            break
    twice = sum(1 for n in ids.values() if n > 1)
    print("# the stream held %d of %d events more than once" % (twice, len(ids)))
    sample = os.path.join(directory, "sample.jsonl")
    with open(sample, "w", encoding="utf-8") as f:
        for doc in store.documents()[6::100]:
            f.write(doc + "\n")
    r = subprocess.run(["/usr/bin/python3", VALIDATE, sample], capture_output=True)
    tap.ok(r.returncode == 0, "a sample of what is stored follows the schema",
           r.stdout.decode() + r.stderr.decode())


def second_agent(tap, directory, redis):
    outbox = os.path.join(directory, "shared.outbox")
    args = [PRODUCE, "unix://%s/none" % directory, outbox, "twin", "10", "1"]
    with subprocess.Popen(args, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          preexec_fn=die_with_parent) as first:
        end = time.time() + PATIENCE
        while not os.path.exists(outbox + "-wal") and time.time() < end:  # made under its lock
            time.sleep(0.05)
        r = subprocess.run(args, capture_output=True, timeout=PATIENCE)
        first.kill()
    tap.ok(r.returncode == 2 and b"is in use by another agent" in r.stderr and
           r.stderr.count(b"\n") == 1, "a second agent on the same outbox is told so", r.stderr)


def main():
    if not shutil.which("redis-server"):
        print("1..0 # SKIP no redis-server here")
        return 0
    tap = Tap()
    directory = tempfile.mkdtemp(prefix="glasswatch-delivery-")
    redis = Redis(directory)
    collector = None
    try:
        redis.start()
        collector = Collector(directory, redis)
        collector.start()
        store = Store(collector.db)
        redis_killed(tap, directory, redis, store)
        redis_late(tap, directory, redis, store)
        agent_killed(tap, directory, redis, store)
        all_killed(tap, directory, redis, store, collector)
        stream_and_documents(tap, directory, redis, store)
        second_agent(tap, directory, redis)
        tap.ok(collector.stop() == 0, "the collector ends with status 0")
    finally:
        redis.kill()
        if collector and collector.process:
            collector.stop(signal.SIGKILL)
        if tap.failed:
            print("# logs are in %s" % directory)
        else:
            shutil.rmtree(directory)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
