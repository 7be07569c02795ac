# SPDX-License-Identifier: Apache-2.0
"""A failover as an agent tells it: documents for the collector's tests.

Not a test by itself. scene() yields documents in the order of their sequence
numbers; Redis starts a redis-server of its own, on a port and in a directory of
its own, and ends it by its process id.
"""
import base64
import ctypes
import datetime
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time

PATIENCE = 90  # seconds to wait for what must come, also on a machine that is busy otherwise
START = datetime.datetime(2026, 11, 23, 2, 14, 0, tzinfo=datetime.timezone.utc)


libc = ctypes.CDLL(None)
held = []


def die_with_parent(how=signal.SIGKILL):
    """No server outlives its test, however that ends."""
    libc.prctl(1, how)  # PR_SET_PDEATHSIG


def when(seconds):
    t = START + datetime.timedelta(seconds=seconds)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%06d000Z" % t.microsecond


class Agent:
    """Numbers its events from 1, as an agent's outbox does."""

    def __init__(self, name="mgmt-1"):
        self.name, self.seq = name, 0

    def event(self, at, kind, severity="info", **parts):
        self.seq += 1
        doc = {"v": 1, "id": "%s/%d" % (self.name, self.seq), "agent": self.name,
               "seq": self.seq, "time": when(at), "type": kind, "severity": severity,
               "policy": "9f3c0a1b2c3d"}
        doc.update(parts)
        return doc

    def flow(self, at, kind, flow, device, path, source, outcome, start=None, state="S1",
             verdict="trusted", port=50122, packets=(5, 4), nbytes=(400, 300), **parts):
        family = "ipv6" if ":" in source else "ipv4"
        destination = {("primary", "ipv4"): "10.1.0.11", ("in-band", "ipv4"): "10.30.0.66",
                       ("primary", "ipv6"): "fda0:d59c:df09:1::11",
                       ("in-band", "ipv6"): "fda0:d59c:df09:2::2"}[path, family]
        trust = {"verdict": verdict, "list": "trusted_sources"}
        if verdict == "trusted":
            trust.update(seq=10, prefix="10.20.0.0/16" if family == "ipv4" else
                         "fda0:d59c:df09::/48")
        start = at if start is None else start
        digest = base64.b64encode(hashlib.sha1(flow.encode()).digest()).decode()
        return self.event(
            at, kind, "warning" if verdict == "untrusted" else "info",
            device={"name": device, "role": "tor"}, path=path, service="ssh",
            source={"ip": source, "port": port, "packets": packets[0], "bytes": nbytes[0]},
            destination={"ip": destination, "port": 22, "packets": packets[1],
                         "bytes": nbytes[1]},
            network={"type": family, "transport": "tcp", "community_id": "1:" + digest,
                     "vlan": [], "mpls": [], "encapsulation": []},
            flow={"id": flow, "direction": "inbound", "start": when(start), "end": when(at),
                  "duration": at - start, "state": state, "outcome": outcome,
                  "initiator": "syn", "retransmits": 0, "fragments": 0, "missed_bytes": 0},
            trust=trust, **parts)

    def change(self, at, device, frm, to, reason, evidence=(), severity="notice", **more):
        return self.event(at, "path.change", severity, device={"name": device, "role": "tor"},
                          change=dict({"from": frm, "to": to, "reason": reason,
                                       "evidence": list(evidence)}, **more))


def scene(agent=None, device="fab1-CP1-TOR1"):
    """Ma1 fails, alice moves to lo6, an untrusted host tries, Ma1 comes back."""
    a = agent or Agent()
    ssh = {"client": {"proto_version": "2.0", "software_version": "OpenSSH_9.2p1"},
           "server": {"proto_version": "2.0", "software_version": "OpenSSH_8.7"}}
    alice = {"user": "alice", "uid": 1000, "loginuid": 1000, "pid": 4242, "comm": "ssh"}
    yield a.event(0, "agent.start")
    yield a.event(0.1, "fabric.device", device={"name": device, "role": "tor"},
                  fabric={"armed": True})
    yield a.flow(1, "flow.start", "f1", device, "primary", "10.20.0.5", "established")
    yield a.flow(9, "flow.end", "f1", device, "primary", "10.20.0.5", "closed", start=1,
                 state="SF", packets=(31, 28), nbytes=(5123, 6021), ssh=ssh)
    yield a.flow(60, "flow.start", "f2", device, "primary", "10.20.0.5", "attempt",
                 state="S0", packets=(1, 0), nbytes=(60, 0), actor=alice)
    yield a.change(63, device, "primary", "primary-failing", "primary-unanswered", ["f2"],
                   "warning")
    yield a.flow(80, "flow.start", "f3", device, "in-band", "10.20.0.5", "attempt", state="S0",
                 actor=alice)
    yield a.flow(80.4, "flow.update", "f3", device, "in-band", "10.20.0.5", "established",
                 start=80, ssh=ssh)
    yield a.change(80.4, device, "primary-failing", "in-band", "primary-unanswered",
                   ["f2", "f3"], "warning")
    for i in range(3):
        yield a.flow(100 + i, "flow.end", "u%d" % i, device, "in-band", "203.0.113.77", "refused",
                     state="REJ", verdict="untrusted", port=40000 + i, packets=(1, 1),
                     nbytes=(60, 40))
    yield a.flow(140, "flow.end", "f2", device, "primary", "10.20.0.5", "unanswered", start=60,
                 state="S0", packets=(6, 0), nbytes=(360, 0))
    yield a.flow(150, "flow.start", "f4", device, "in-band", "fda0:d59c:df09:5::9",
                 "established")
    yield a.flow(2000, "flow.end", "f3", device, "in-band", "10.20.0.5", "closed", start=80,
                 state="SF", packets=(310, 280), nbytes=(51230, 660210))
    yield a.flow(2200, "flow.end", "f4", device, "in-band", "fda0:d59c:df09:5::9", "reset",
                 start=150, state="RSTO", packets=(30, 20), nbytes=(5000, 6000))
    yield a.flow(2291, "flow.start", "f5", device, "primary", "10.20.0.5", "established")
    yield a.change(2292, device, "in-band", "primary", "primary-ok", ["f5"], outage_s=2232.0)
    yield a.flow(2300, "flow.end", "f5", device, "primary", "10.20.0.5", "closed", start=2291,
                 state="SF")
    yield a.event(2400, "agent.stats", stats={"generated": 21, "acknowledged": 20, "waiting": 1})


def hold_port():
    """A socket bound to a free port of its own. While it lives, the port is given to nobody who
    does not ask for it by number, be it for a connection out of it; a server that does (with
    SO_REUSEADDR, as all of ours) has it, and may go and come again."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    return s


def free_port():
    """One that stays free, as hold_port() says, until the test ends."""
    held.append(hold_port())
    return held[-1].getsockname()[1]


class Redis:
    def __init__(self, directory):
        self.dir = directory
        self.hold = hold_port()
        self.port = self.hold.getsockname()[1]
        self.url = "redis://127.0.0.1:%d" % self.port
        self.process = None

    def start(self, *more):
        self.process = subprocess.Popen(
            [shutil.which("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
             "--dir", self.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
             *more], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.wait()

    def wait(self):
        end = time.time() + PATIENCE
        while time.time() < end and self.process.poll() is None:
            try:
                if self.command("PING") == b"PONG":
                    return
            except (OSError, RuntimeError):
                pass
            time.sleep(0.05)
        raise RuntimeError("redis-server did not start")

    def kill(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return s, s.makefile("rb")

    def pipeline(self, commands):
        s, f = self.connect()
        with s, f:
            out = b""
            for c in commands:
                args = [a if isinstance(a, bytes) else str(a).encode() for a in c]
                out += b"*%d\r\n" % len(args)
                out += b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)
            s.sendall(out)
            return [read_reply(f) for _ in commands]

    def command(self, *args):
        reply = self.pipeline([args])[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def add(self, docs, stream="glasswatch:events"):
        commands = []
        for d in docs:
            text = d if isinstance(d, (bytes, str)) else json.dumps(d, separators=(",", ":"))
            name = d.get("id") if isinstance(d, dict) else "?"
            kind = d.get("type") if isinstance(d, dict) else "?"
            commands.append(("XADD", stream, "*", "id", name, "type", kind, "json", text))
        replies = self.pipeline(commands) if commands else []
        for r in replies:
            if isinstance(r, Exception):
                raise r

    def pending(self, stream="glasswatch:events", group="collector"):
        return self.command("XPENDING", stream, group)[0]


def read_reply(f):
    line = f.readline().rstrip(b"\r\n")
    if not line:
        raise OSError("connection closed")
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return rest
    if kind == b"-":
        return RuntimeError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        n = int(rest)
        return None if n < 0 else f.read(n + 2)[:-2]
    n = int(rest)
    return None if n < 0 else [read_reply(f) for _ in range(n)]


class Collector:
    """glasswatch-collector run, its log, and the questions put to its store."""

    def __init__(self, directory, redis, name="c1", db="store.db", *more):
        build = os.environ.get("BUILD", "build")
        self.program = os.path.join(build, "glasswatch-collector")
        self.db = db if "://" in db else os.path.join(directory, db)
        self.log = os.path.join(directory, name + ".log")
        self.args = [self.program, "run", "--redis", redis.url, "--db", self.db, "--consumer",
                     name, *more]
        if "--listen" not in more:
            self.args += ["--listen", "off"]
        self.process = None

    def start(self, ready=True):
        self.errors = open(self.log, "ab")
        before = self.said().count("storing in")
        self.process = subprocess.Popen(self.args, stderr=self.errors,
                                        stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        if ready:
            self.until(lambda: self.said().count("storing in") > before or
                       self.process.poll() is not None)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        self.process = None
        self.errors.close()
        refused = [line for line in self.said().splitlines()
                   if "is not in this program's table" in line]
        if refused:
            raise AssertionError("\n".join(refused))
        return status

    def ask(self, *args, status=0):
        r = subprocess.run([self.program, *args, "--db", self.db], capture_output=True)
        if r.returncode != status:
            raise AssertionError("%s: status %d: %s" % (args, r.returncode, r.stderr.decode()))
        return r.stdout.decode() if status == 0 else r.stderr.decode()

    def json(self, *args):
        return json.loads(self.ask(*args, "--format", "json"))

    def until(self, true, seconds=PATIENCE):
        end = time.time() + seconds
        while time.time() < end:
            try:
                if true():
                    return True
            except AssertionError:
                pass
            time.sleep(0.05)
        return False


class Tap:
    """ok() prints one line of TAP; done() the plan. Exit status 1 when one failed."""

    def __init__(self):
        self.n = self.failed = 0

    def ok(self, good, name, why=None):
        self.n += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.n, name), flush=True)
        if not good and why is not None:
            for line in str(why).splitlines() or [""]:
                print("# " + line)

    def done(self):
        print("1..%d" % self.n, flush=True)
        return 1 if self.failed else 0
