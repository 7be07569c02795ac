# SPDX-License-Identifier: Apache-2.0
"""What the tests of delivery under fire share. Not a test by itself.

Each test is a function of a Scene: it starts servers and a real agent, which captures connections
that are made and counted here, breaks something, mends it, and says finish(). Judged each time:

 - it goes on capturing during the failure: its flow counter follows the connections made
 - it says what is wrong, each thing once, and `status` says it in words
 - it recovers by itself: no restart, no signal
 - every connection made is in the stream; numbers run from 1 without a hole, in order; a number
   that is there twice is allowed only where a connection broke (the collector knows it by its id)
 - generated = acknowledged + waiting + dropped in every status and every agent.stats
 - it ends with status 0

Everything is in namespaces of this process: network (one for the agent, one behind two cables for
the hosts it watches and for the servers that get lost) and mounts (a tmpfs for all files).
"""
import collections
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from collector_scene import Redis, die_with_parent, read_reply  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
AGENT = os.path.join(BUILD, "glasswatch-agent")
FABRIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab", "fabric")
STREAM = "glasswatch:events"
TARGET, SILENT, OPERATOR = "192.0.2.11", "192.0.2.12", "198.18.0.5"
AT_ONCE = 5  # tests under way; most of their time is waiting
OUTAGE = 6  # seconds that a failure lasts, at the least
PATIENCE = 60  # seconds to wait for what must come
CLONE_NEWNS, CLONE_NEWNET, MS_REC_PRIVATE = 0x20000, 0x40000000, 0x44000

libc = ctypes.CDLL(None, use_errno=True)


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL)


# ---- the place ------------------------------------------------------------------------------


class Place:
    """Namespaces, cables and the folder."""

    def __init__(self):
        if libc.unshare(CLONE_NEWNS | CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None)
        self.lock, self.port = threading.Lock(), 7000
        self.dir = tempfile.mkdtemp(prefix="glasswatch-fire-")
        run("mount", "-t", "tmpfs", "-o", "size=600m,mode=755", "tmpfs", self.dir)
        self.there = subprocess.Popen(["unshare", "-n", "sleep", "infinity"],
                                      preexec_fn=die_with_parent)
        self.until_apart()
        run("ip", "link", "set", "lo", "up")
        self.far("ip", "link", "set", "lo", "up")
        for near, far in (("w0", "w1"), ("r0", "r1")):
            run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns",
                str(self.there.pid))
            run("ip", "link", "set", near, "up")
            self.far("ip", "link", "set", far, "up")
        run("ip", "addr", "add", OPERATOR + "/32", "dev", "w0")
        run("ip", "route", "add", TARGET + "/32", "dev", "w0", "src", OPERATOR)
        run("ip", "route", "add", SILENT + "/32", "dev", "w0", "src", OPERATOR)
        run("ip", "neigh", "add", SILENT, "lladdr", "02:00:00:00:00:01", "dev", "w0")
        run("ip", "addr", "add", "10.99.0.1/24", "dev", "r0")
        self.far("ip", "addr", "add", TARGET + "/32", "dev", "w1")
        self.far("ip", "route", "add", OPERATOR + "/32", "dev", "w1")
        for address in ("10.99.0.2/24", "10.99.0.3/24"):
            self.far("ip", "addr", "add", address, "dev", "r1")

    def new_port(self):
        """Nobody else is in this namespace; a cluster's node wants the one 10000 above too."""
        with self.lock:
            self.port += 1
            return self.port

    def until_apart(self):
        mine = os.readlink("/proc/self/ns/net")
        while os.readlink("/proc/%d/ns/net" % self.there.pid) == mine:
            time.sleep(0.01)

    def far(self, *args):
        run("nsenter", "-t", str(self.there.pid), "-n", *args)

    def swallow(self, address, yes=True):
        """What the far side sends from this address goes nowhere, without a word."""
        self.far("ip", "rule", "add" if yes else "del", "from", address, "to", "10.99.0.1",
                 "blackhole")

    def close(self):
        self.there.kill()
        self.there.wait()
        run("umount", "-l", self.dir)
        os.rmdir(self.dir)


class Traffic(threading.Thread):
    """One connection to the watched host after the other; it refuses each."""

    def __init__(self, pace):
        super().__init__(daemon=True)
        self.pace, self.made, self.over = pace, [], False

    def run(self):
        port = 10000
        while not self.over:
            with socket.socket() as s:
                s.bind((OPERATOR, port))
                s.settimeout(PATIENCE)
                try:
                    s.connect((TARGET, 22))
                except ConnectionRefusedError:
                    self.made.append(port)
            port = port + 1 if port < 60000 else 10000
            time.sleep(self.pace)


class Server(Redis):
    """A Redis of one test, in a folder of its own; on the far side with an address."""

    def __init__(self, scene, name="redis", address=None):
        directory = os.path.join(scene.dir, name)
        os.mkdir(directory)
        super().__init__(directory)
        self.port = scene.place.new_port()
        self.address, self.place = address or "127.0.0.1", scene.place
        self.url = "redis://%s:%d" % (self.address, self.port)
        self.login = None

    def start(self, *more):
        far = ["nsenter", "-t", str(self.place.there.pid), "-n"] if self.far() else []
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.process = subprocess.Popen(
                far + ["redis-server", "--port", str(self.port), "--bind", self.address, "--dir",
                       self.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
                       "--protected-mode", "no", *more],
                stdout=log, preexec_fn=die_with_parent)

    def far(self):
        return self.address != "127.0.0.1"

    def up(self, *more):
        self.start(*more)
        self.wait()

    def connect(self):
        s = socket.create_connection((self.address, self.port), timeout=PATIENCE)
        f = s.makefile("rb")
        if self.login:
            s.sendall(b"AUTH %s\r\n" % self.login.encode())
            reply = read_reply(f)
            if isinstance(reply, Exception):
                raise reply
        return s, f


class Scene:
    """One test: its servers, its agent, what was seen, and the verdicts."""

    def __init__(self, name, place, traffic):
        self.name, self.place, self.traffic = name, place, traffic
        self.dir = os.path.join(place.dir, name)
        self.state, self.log = os.path.join(self.dir, "state"), os.path.join(self.dir, "agent.log")
        os.makedirs(self.state)
        self.results, self.servers, self.agent, self.statuses = [], [], None, []
        self.twice, self.url = False, None

    # verdicts
    def ok(self, good, what, why=None):
        self.results.append((bool(good), what, why))

    def until(self, true, seconds=PATIENCE):
        end = time.time() + seconds
        while time.time() < end:
            if true():
                return True
            time.sleep(0.1)
        return False

    # the agent
    def server(self, *more, name="redis", address=None, login=None):
        s = Server(self, name, address)
        s.login = login
        self.servers.append(s)
        if more != (None,):
            s.up(*more)
        return s

    def start(self, url, *more, env=None):
        self.url = url
        args = [AGENT, "run", "--fabric", FABRIC, "-i", "w0", "--capture", "pcap", "--redis", url,
                "--state", self.state, "--name", self.name, "--stats", "1s", "--limit-flows",
                "4096", "--flood-limit", "0", *more]  # refused attempts, each to be told
        with open(self.log, "ab") as log:
            self.agent = subprocess.Popen(args, stderr=log, stdout=subprocess.DEVNULL,
                                          env=dict(os.environ, **(env or {})),
                                          preexec_fn=die_with_parent)
        if not self.until(lambda: "ready:" in self.said()):
            raise AssertionError("the agent did not start: " + self.said())
        self.first = len(self.traffic.made) + 1  # one may be under way

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def lines(self):
        """What it said of Redis and outbox."""
        return [line for line in self.said().splitlines()
                if "redis" in line.split(" ", 1)[1].split(" ")[0] or "outbox" in line]

    def status(self):
        r = subprocess.run([AGENT, "status", "--state", self.state, "--format", "json"],
                           capture_output=True)
        if r.returncode:
            raise AssertionError("status: " + r.stderr.decode())
        doc = json.loads(r.stdout)
        self.statuses.append(doc["stats"]["delivery"])
        return doc

    def words(self):
        return self.status()["receiver"]["state"]

    def outage(self, expect, seconds=OUTAGE, field="receiver"):
        """Capturing goes on for so long, and status says why nothing is delivered."""
        here = self.status()
        made = len(self.traffic.made)
        found, end, last = False, time.time() + seconds, ""
        while time.time() < end or (not found and time.time() < end + PATIENCE):
            last = self.status()[field]["state"]
            found = found or re.search(expect, last)
            time.sleep(0.5)
        made = len(self.traffic.made) - made - 2
        there = []

        def seen():
            there.append(self.status())
            return there[-1]["stats"]["engine"]["flows"] - here["stats"]["engine"]["flows"]

        self.ok(found, "status says in words: %s" % expect, last)
        self.ok(self.until(lambda: seen() >= made) and made > 20,
                "it goes on capturing: %d connections made" % made, "%d flows" % seen())
        return there[0]

    def failover(self):
        """A watched host does not answer on its primary address: a path change."""
        with socket.socket() as lonely:
            lonely.setblocking(False)
            lonely.connect_ex((SILENT, 22))
            self.ok(self.until(lambda: self.status()["stats"]["engine"]["path_changes"] > 0),
                    "a path change is seen")

    def recovered(self, state="^connected to "):
        good = self.until(lambda: re.search(state, self.words()) and
                          self.status()["stats"]["delivery"]["waiting"] < 50)
        self.ok(good, "it recovers by itself", self.words() + "\n" + self.said())

    def finish(self, server, warnings, dropped=0, outages=1):
        """Stops it and judges the whole: warnings are patterns, each said once per outage.
        dropped: a function of the documents, how many were."""
        last = len(self.traffic.made)
        # what it has not read from the capture is not told: on a busy machine that takes a while
        self.until(lambda: self.status()["stats"]["engine"]["flows"] >= last - self.first + 1)
        time.sleep(1)
        self.agent.send_signal(signal.SIGTERM)
        code = self.agent.wait(PATIENCE)
        self.ok(code == 0, "it ends with status 0", "%s\n%s" % (code, self.said()))
        self.ok("is not in this program's table" not in self.said(),
                "it never wanted more rights than it has", self.said())
        self.agent = None
        docs = [json.loads(dict(zip(f[::2], f[1::2]))[b"json"]) for _, f in
                server.command("XRANGE", STREAM, "-", "+")]
        dropped = dropped(docs) if dropped else 0
        self.judge_stream(docs, dropped)
        self.judge_connections(docs, self.traffic.made[self.first:last], dropped)
        self.judge_identity(docs)
        self.judge_log(warnings, outages)

    def judge_stream(self, docs, dropped):
        counts = collections.Counter(d["id"] for d in docs)
        firsts, seen = [], set()
        for d in docs:
            if d["id"] not in seen:
                seen.add(d["id"])
                firsts.append(d["seq"])
        again = len(docs) - len(firsts)
        missing = set(range(1, max(firsts) + 1)) - set(firsts)
        self.ok(len(missing) == dropped, "all numbers from 1 to %d are there, but %d that were "
                "dropped" % (max(firsts), dropped), sorted(missing)[:20])
        self.ok(firsts == sorted(firsts), "in order")
        self.ok(self.twice or not again, "%d of them twice" % again,
                [i for i, n in counts.items() if n > 1][:20])

    def judge_connections(self, docs, made, dropped):
        seen = {d["source"]["port"] for d in docs if d["type"] == "flow.end"}
        gone = [p for p in made if p not in seen]
        self.ok(len(gone) <= dropped, "each of %d connections made is told" % len(made),
                gone[:20])

    def judge_identity(self, docs):
        books = self.statuses + [d["stats"]["delivery"] for d in docs
                                 if d["type"] == "agent.stats"]
        wrong = [b for b in books if b["generated"] != b["acknowledged"] + b["waiting"] +
                 sum(b["dropped"].values())]
        self.ok(not wrong, "generated = acknowledged + waiting + dropped, %d times" % len(books),
                wrong[:3])

    def judge_log(self, warnings, outages):
        troubles = [re.sub(r"\(?\b\d+ (now|wait|events wait|bytes wait).*", "", line)
                    for line in self.lines()
                    if not re.search("connected; |takes events|is written again|wait in .* for the "
                                     "next start", line)]
        for pattern in warnings:
            n = sum(1 for t in troubles if re.search(pattern, t))
            self.ok(1 <= n <= outages, "said once: %s" % pattern, self.said())
        self.ok(all(n <= outages for n in collections.Counter(troubles).values()) and
                len(troubles) <= 5, "nothing is said twice", self.said())

    def close(self):
        if self.agent:
            self.agent.kill()
            self.agent.wait()
        for s in self.servers:
            s.kill()


def play(test, place, traffic):
    s = Scene(test.__name__, place, traffic)
    try:
        test(s)
    except Exception as e:  # a test that breaks is a test that failed
        s.ok(False, "%s: %s" % (type(e).__name__, e), s.said() if os.path.exists(s.log) else "")
    finally:
        s.close()
    return s


def main(tests):
    if not shutil.which("redis-server"):
        print("1..0 # SKIP no redis-server here")
        return 0
    wanted = [t for t in tests if len(sys.argv) < 2 or t.__name__ in sys.argv[1:]]
    try:
        place = Place()
    except OSError as e:
        print("1..0 # SKIP no namespaces here: %s" % e)
        return 0
    traffic = Traffic(0.02)
    traffic.start()
    n = failed = 0
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for s in pool.map(lambda t: play(t, place, traffic), wanted):
                if isinstance(s.results, str):
                    n += 1
                    print("ok %d - %s # SKIP %s" % (n, s.name, s.results), flush=True)
                    continue
                for good, what, why in s.results:
                    n += 1
                    failed += not good
                    print("%sok %d - %s: %s" % ("" if good else "not ", n, s.name, what),
                          flush=True)
                    for line in str(why).splitlines() if not good and why is not None else []:
                        print("# " + line)
    finally:
        traffic.over = True
        traffic.join()
        place.close()
    print("1..%d" % n)
    return 1 if failed else 0

