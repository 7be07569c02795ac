#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What listeners cost: how fast a collector stores what waits in Redis, with nobody and
with 500 clients of the stream, 5 of which read so slowly that they are cut.

    clients.py [EVENTS] [ROUNDS] [CLIENTS] [SLOW]

Each round is one of both kinds, in turns, on a store of its own; the medians are
compared: until all is recorded and acknowledged, and until all is in the lists, which is
when listeners are told. The clients run on this machine as well, at the lowest priority; their
share of the processors is theirs, not the collector's.
"""
import json
import os
import selectors
import shutil
import socket
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from api_client import Api  # noqa: E402
from collector_scene import Agent, Collector, Redis, free_port  # noqa: E402

EVENTS, ROUNDS, CLIENTS, SLOW = (
    int(sys.argv[i + 1]) if len(sys.argv) > i + 1 else d
    for i, d in enumerate((30000, 3, 500, 5)))


def documents(n):
    """Flows of 200 devices: most toward Ma1, one in ten toward lo6, three events each."""
    a, out = Agent(), []
    i = 0
    while len(out) < n:
        device, path = "fab1-CP%d-TOR%d" % (i % 40, i % 5), "in-band" if i % 10 == 0 else "primary"
        source, at = "10.20.%d.%d" % (i % 7, i % 250 + 1), i * 0.02
        flow = "f%d" % i
        out.append(a.flow(at, "flow.start", flow, device, path, source, "attempt", state="S0"))
        out.append(a.flow(at + 0.3, "flow.update", flow, device, path, source, "established",
                          start=at))
        out.append(a.flow(at + 5, "flow.end", flow, device, path, source, "closed", start=at,
                          state="SF"))
        i += 1
    return out[:n]


def listen(port, clients, slow, report):
    """A process of its own: reads what comes, of the slow ones 10 bytes a second."""
    os.nice(19)
    sel = selectors.DefaultSelector()
    laggards = []
    for i in range(clients + slow):
        s = socket.socket()
        if i >= clients:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(("127.0.0.1", port))
        s.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if i < clients:
            s.setblocking(False)
            sel.register(s, selectors.EVENT_READ)
        else:
            laggards.append(s)
    os.write(report, b"up\n")
    total, at = 0, time.time()
    while True:
        for key, _ in sel.select(0.2):
            try:
                data = key.fileobj.recv(1 << 18)
            except OSError:
                data = b""
            total += len(data)
            if not data:
                sel.unregister(key.fileobj)
        if time.time() - at >= 1:
            at = time.time()
            for s in laggards:
                try:
                    s.recv(10, socket.MSG_DONTWAIT)
                except OSError:
                    pass
            os.write(report, b"%d %d\n" % (total, len(sel.get_map())))


def waiting(api):
    """Places of the record that are in no list yet."""
    for line in api.ask("/metrics").body.decode().splitlines():
        if line.startswith("glasswatch_store_underived_places "):
            return float(line.split()[1])
    raise RuntimeError("/metrics does not tell what is left to be derived")


def one(docs, clients, slow, name):
    base = tempfile.mkdtemp(prefix="glasswatch-bench.")
    redis, port = Redis(base), free_port()
    c = Collector(base, redis, "c1", "store.db", "--listen", "127.0.0.1:%d" % port,
                  "--http-per-address", "0", "--http-rate", "0", "--trim=no")
    child = 0
    try:
        redis.start("--appendonly", "no")
        c.start()
        api = Api(port)
        c.until(lambda: api.ask("/healthz").status == 200)
        if clients + slow:
            r, w = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    listen(port, clients, slow, w)
                finally:
                    os._exit(1)
            os.close(w)
            lines = os.fdopen(r)
            lines.readline()
        for i in range(0, len(docs), 2000):
            redis.add(docs[i:i + 2000], "glasswatch:waiting")
        began = time.time()
        redis.command("RENAME", "glasswatch:waiting", "glasswatch:events")
        while redis.command("XINFO", "GROUPS", "glasswatch:events") == [] or True:
            groups = redis.command("XINFO", "GROUPS", "glasswatch:events")
            if groups:
                g = dict(zip(groups[0][::2], groups[0][1::2]))
                if g[b"pending"] == 0 and g[b"last-delivered-id"] == redis.command(
                        "XINFO", "STREAM", "glasswatch:events")[
                            redis.command("XINFO", "STREAM", "glasswatch:events").index(
                                b"last-generated-id") + 1]:
                    break
            time.sleep(0.02)
        took = time.time() - began
        while waiting(api):
            time.sleep(0.1)
        listed = time.time() - began
        said = ""
        if child:
            os.set_blocking(r, False)
            try:
                text = os.read(r, 1 << 20).decode().split("\n")
                said = ", clients took %.1f MB, %s of them listen" % (
                    int(text[-2].split()[0]) / 1e6, text[-2].split()[1])
            except (OSError, IndexError, ValueError):
                pass
        with open("/proc/%d/status" % c.process.pid, encoding="ascii") as f:
            peak = [int(line.split()[1]) for line in f if line.startswith("VmHWM")][0]
        print("  %-14s %6.0f events/s recorded, %6.0f listed%s, collector's peak %d MiB" % (
            name, len(docs) / took, len(docs) / listed, said, peak // 1024), flush=True)
        return len(docs) / took, len(docs) / listed
    finally:
        if child:
            os.kill(child, 9)
            os.waitpid(child, 0)
        if c.process:
            c.process.kill()
            c.process.wait()
        redis.kill()
        shutil.rmtree(base, ignore_errors=True)


docs = documents(EVENTS)
size = sum(len(json.dumps(d)) for d in docs) / len(docs)
print("%d events of %d bytes, %d listeners and %d slow ones" % (EVENTS, size, CLIENTS, SLOW))
none, many = [], []
for _ in range(ROUNDS):
    none.append(one(docs, 0, 0, "nobody"))
    many.append(one(docs, CLIENTS, SLOW, "with clients"))
good = True
for i, what in enumerate(("recorded", "listed")):
    a, b = (statistics.median(r[i] for r in rounds) for rounds in (none, many))
    good = good and b > 0.9 * a
    print("%s: median %.0f and %.0f events/s: %.1f%% slower" % (what, a, b, 100 * (a - b) / a))
sys.exit(0 if good else 1)
