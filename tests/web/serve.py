#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Redis, a collector that serves the page, and a scene (world.py): one command.

    serve.py [--devices N] [--scene NAME] [--port N] [--tokens] [--silent] [--docs FILE]

Prints one line of JSON, {"url", "token", "reader", "events", "db"}, when everything is stored. Then each line of
standard input is a command, answered by one line of JSON: {"do": "add", "docs": [...]} adds
documents, {"do": "stop"} and {"do": "start"} the collector, {"do": "live", "step": "session",
"args": [{"at": -1}, ...]} is a step of World now ({"at": S}: S seconds from now), {"do": "stored"}
waits until all is stored, {"do": "forget"} removes the store of a stopped collector. At the end of input everything is taken down.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.dirname(os.path.abspath(__file__))]
from api_client import Api  # noqa: E402
from collector_scene import Collector, Redis, free_port  # noqa: E402
from world import World  # noqa: E402

os.environ.setdefault("BUILD", os.path.join(ROOT, "build"))


class Server:
    def __init__(self, args):
        self.base = tempfile.mkdtemp(prefix="gw-web-")
        self.redis = Redis(self.base)
        self.redis.start()
        self.port = args.port or free_port()
        self.token = self.reader = None
        more = ["--listen", "127.0.0.1:%d" % self.port, "--web",
                os.path.join(os.environ["BUILD"], "web")]
        if args.tokens:
            path = os.path.join(self.base, "tokens")
            self.token, self.reader = (self.make_token(n, r, path) for n, r in
                                       (("olivia", "operate"), ("rita", "read")))
            more += ["--tokens", path]
        self.collector = Collector(self.base, self.redis, "web", "web.db", *more)
        self.collector.start()
        self.api = Api(self.port, self.token)
        self.added = 0

    def make_token(self, name, right, path):
        out = subprocess.run([os.path.join(os.environ["BUILD"], "glasswatch-collector"), "token",
                              name, "--right", right], capture_output=True, text=True,
                             check=True).stdout.splitlines()
        with open(path, "a", encoding="utf-8") as f:
            f.write(out[1].split(": ", 1)[1] + "\n")
        os.chmod(path, 0o640)
        return out[0].split(": ", 1)[1]

    def add(self, docs):
        for i in range(0, len(docs), 1000):
            self.redis.add(docs[i:i + 1000])
        self.added += len(docs)

    def stored(self, seconds=600):
        """Everything that was added is in the store, and in what is derived from the record."""
        if not self.collector.until(lambda: self.redis.command(
                "XINFO", "GROUPS", "glasswatch:events") and self.redis.pending() == 0 and
                self.lag() == 0 and self.derived(), seconds):
            raise RuntimeError("not stored:\n" + self.collector.said())

    def derived(self):
        try:
            answer = self.api.ask("/api/v1/self")
            return answer.status == 200 and answer.json["record"]["underived"] == 0
        except OSError:
            return False

    def lag(self):
        groups = self.redis.command("XINFO", "GROUPS", "glasswatch:events")
        fields = dict(zip(groups[0][::2], groups[0][1::2]))
        return fields.get(b"lag")

    def up(self):
        try:
            return self.api.ask("/healthz").status == 200
        except OSError:
            return False

    def beat(self, world, lock, stop):
        """Agents that go on telling how they are: else they would be silent after a minute."""
        while not stop.wait(5):
            with lock:
                for agent in list(world.seq):
                    world.stats(time.time(), agent)
                docs, world.docs = world.docs, []
                try:
                    self.add(docs)
                except (OSError, RuntimeError):
                    return

    def close(self):
        if self.collector.process:
            self.collector.process.send_signal(signal.SIGTERM)
            self.collector.process.wait(90)
        self.redis.kill()
        shutil.rmtree(self.base, ignore_errors=True)


def answer(doc):
    print(json.dumps(doc), flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--devices", type=int, default=13)
    p.add_argument("--scene", default="during")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--tokens", action="store_true")
    p.add_argument("--silent", action="store_true", help="agents say nothing after the scene")
    p.add_argument("--docs", help="a file with lines of JSON instead of a scene")
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and everything is taken down
    world = World(args.devices)
    server = Server(args)
    lock, stop = threading.Lock(), threading.Event()
    try:
        if args.docs:
            with open(args.docs, encoding="utf-8") as f:
                server.add([json.loads(line) for line in f if line.strip()])
        else:
            server.add(world.scene(args.scene))
        server.stored()
        server.collector.until(server.up)
        answer({"url": "http://127.0.0.1:%d/" % server.port, "token": server.token,
                "reader": server.reader, "events": server.added,
                "db": os.path.join(server.base, "web.db")})
        if not args.silent and not args.docs:
            threading.Thread(target=server.beat, args=(world, lock, stop), daemon=True).start()
        for line in sys.stdin:
            c = json.loads(line)
            if c["do"] == "add":
                server.add(c["docs"])
            elif c["do"] == "live":  # a step of the world, now: {"do":"live","step":"session",...}
                with lock:
                    world.now = time.time()
                    getattr(world, c["step"])(*[world.now + a["at"] if isinstance(a, dict) else a
                                                for a in c.get("args", [])], **c.get("more", {}))
                    docs, world.docs = world.docs, []
                    server.add(docs)
            elif c["do"] == "stop":
                server.collector.process.send_signal(signal.SIGTERM)
                server.collector.process.wait(90)
                server.collector.process = None
            elif c["do"] == "start":
                server.collector.start()
                server.collector.until(server.up)
            elif c["do"] == "forget":  # while the collector is stopped: it will find no store
                for name in os.listdir(server.base):
                    if name.startswith("web.db"):
                        os.unlink(os.path.join(server.base, name))
            elif c["do"] == "stored":
                server.stored()
            answer({"ok": True, "at": time.time()})
    finally:
        stop.set()
        server.close()


main()
