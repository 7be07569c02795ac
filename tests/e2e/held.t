#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A batch that the collector holds while it asks for the next one, and Redis dies just then, with
all that it had. The relay between the two lets two answers through and kills Redis at the third
question: what was in the two answers is stored."""
import os
import shutil
import socket
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Agent, Collector, Redis, Tap  # noqa: E402

BATCH = 10
NEW = b"$1\r\n>\r\n"  # XREADGROUP asks for what nobody was given yet
tap = Tap()


class Relay:
    """Passes bytes on, both ways, until the question that is one too many."""

    def __init__(self, redis, questions):
        self.redis, self.questions = redis, questions
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "redis://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.ended = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client, _ = self.listener.accept()
        self.listener.shutdown(socket.SHUT_RDWR)  # who comes again finds nobody, nor another server
        server, _ = self.redis.connect()
        threading.Thread(target=self.answers, args=(server, client), daemon=True).start()
        asked = b""
        with client, server:
            while True:
                data = client.recv(65536)
                asked += data
                if not data or asked.count(NEW) >= self.questions:
                    break
                server.sendall(data)
            self.redis.kill()
        self.ended.set()

    @staticmethod
    def answers(server, client):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass  # it is over


if not shutil.which("redis-server"):
    print("Bail out! redis-server is missing: run `make deps`")
    sys.exit(1)
base = tempfile.mkdtemp(prefix="glasswatch-held.")
redis = Redis(base)
c = None
try:
    redis.start("--appendonly", "no")
    agent = Agent()
    redis.add([agent.event(i, "agent.stats", stats={"waiting": i}) for i in range(4 * BATCH)])
    relay = Relay(redis, 3)
    c = Collector(base, relay, "c1", "store.db", "--batch", str(BATCH))
    c.start(ready=False)
    tap.ok(relay.ended.wait(60), "Redis dies at the third question", c.said())
    tap.ok(c.until(lambda: len(c.json("events", "--type", "agent.stats")) >= 2 * BATCH, 60),
           "what it had handed out is stored", c.said())
    tap.ok(c.stop() == 0, "exit 0", c.said())
    stored = sorted(e["seq"] for e in c.json("events", "--type", "agent.stats"))
    tap.ok(stored == list(range(1, 2 * BATCH + 1)), "each once, nothing else", str(stored))
    tap.ok(c.ask("verify").startswith("good"), "the chain holds")
finally:
    redis.kill()
    if c and c.process:
        c.process.kill()
        c.process.wait()
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
