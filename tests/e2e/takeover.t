#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that is killed is followed by one that takes over: every flow that began, went on or
ended meanwhile is reported once, under one id, with the counters of the far end's tcpdump.
"""
import collections
import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ends_scene import (AGENT, LO6, MA1, NEAR, ROOT, SILENT, WAIT, Session, Tap,  # noqa: E402
                        enter, raise_ends, run, wait_for)
from tap import done, ok  # noqa: E402

VALIDATE = os.path.join(ROOT, "tests", "validate_events.py")

def same(got, wanted, text):
    return ok(got == wanted, text, "     got: %s" % (got,), "expected: %s" % (wanted,))


class Agent:
    def __init__(self, work, name="one", **options):
        self.work, self.name = work, name
        self.events_path = os.path.join(work, name + ".json")
        self.err = os.path.join(work, name + ".err")
        self.options = dict({"pin": os.path.join(work, "bpf"), "capture": "bpf"}, **options)
        self.interfaces = ["gw0"]
        self.p = None
        self.starts = 0

    def start(self, wait=True, **options):
        self.starts += 1
        command = [AGENT, "run", "--fabric", os.path.join(self.work, "fabric"), "--name", self.name,
                   "--output", self.events_path, "--state", os.path.join(self.work,
                                                                        self.name + ".state"),
                   "--timeout-linger", "1s", "--timeout-attempt", "10s", "--path-unanswered", "1s"]
        for i in self.interfaces:
            command += ["-i", i]
        for k, v in dict(self.options, **options).items():
            command += ["--" + k.replace("_", "-"), v]
        said = len(self.said())
        with open(self.err, "ab") as err:
            self.p = subprocess.Popen(command, stderr=err)
        if not wait:
            return True
        good = wait_for("the agent", lambda: "ready" in self.said()[said:]
                        or self.p.poll() is not None)
        return good and self.p.poll() is None

    def kill(self):
        self.p.kill()
        self.p.wait()

    def stop(self, sign=signal.SIGTERM):
        self.p.send_signal(sign)
        return self.p.wait(WAIT)

    def said(self):
        try:
            with open(self.err, encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""

    def events(self):
        """Each once: a line that was being written when the agent was killed is written again."""
        found = {}
        try:
            with open(self.events_path, "rb") as f:
                lines = f.read().split(b"\n")
        except OSError:
            return []
        for line in lines:
            with contextlib.suppress(ValueError):
                e = json.loads(line)
                found[e["seq"]] = e
        return [found[k] for k in sorted(found)]

    def flows(self):
        found = collections.defaultdict(list)
        for e in self.events():
            if e["type"].startswith("flow."):
                found[e["flow"]["id"]].append(e)
        return found

    def of(self, session):
        """The events of the newest flow from this port."""
        found = [f for f in self.flows().values() if f[0]["source"]["port"] == session.source]
        return sorted(found, key=lambda f: f[0]["flow"]["start"])[-1] if found else []

    def types(self, *types):
        return [e for e in self.events() if e["type"] in types]

    def all_ended(self, n):
        flows = self.flows().values()
        return len(flows) >= n and all(f[-1]["type"] == "flow.end" for f in flows)

    def detach(self, *more):
        return run(AGENT, "detach", "--name", self.name, "--pin", self.options["pin"], *more)


def once(flows):
    """What is wrong with starts and ends."""
    wrong = []
    for i, f in flows.items():
        kinds = collections.Counter(e["type"] for e in f)
        if kinds["flow.start"] != 1 or kinds["flow.end"] != 1:
            wrong.append("flow %s from port %s: %s" % (i, f[0]["source"]["port"], dict(kinds)))
    return "\n".join(wrong)


def hold_against(agent, connections, text, cut=False):
    """The flows are the connections of the far end, with its counters."""
    flows = agent.flows()
    ok(not once(flows), text + ": each flow has one flow.start and one flow.end", once(flows))
    seqs = [e["seq"] for e in agent.events()]
    ok(seqs == list(range(1, len(seqs) + 1)), text + ": the numbers have no hole")
    got = sorted(((f[-1]["source"]["ip"], f[-1]["source"]["port"], f[-1]["destination"]["ip"],
                   f[-1]["destination"]["port"]),
                  [f[-1]["source"]["packets"], f[-1]["source"]["bytes"]],
                  [f[-1]["destination"]["packets"], f[-1]["destination"]["bytes"]])
                 for f in flows.values())
    wanted = sorted((c["key"], c["source"], c["destination"]) for c in connections)
    ok(got == wanted, "%s: %d flows, their counters are the far end's" % (text, len(wanted)),
       "agent has %d, the far end %d" % (len(got), len(wanted)),
       *["only here: %s" % (g,) for g in got if g not in wanted][:5],
       *["only there: %s" % (w,) for w in wanted if w not in got][:5])
    if not cut:
        odd = [f[-1] for f in flows.values() if f[-1]["flow"].get("cut")]
        ok(not odd, text + ": none was cut", odd[:2])
    r = run(sys.executable, VALIDATE, agent.events_path + ".once") if save(agent) else None
    ok(r.returncode == 0, text + ": the events keep to the schema", r.stdout + r.stderr)


def save(agent):
    with open(agent.events_path + ".once", "w", encoding="utf-8") as f:
        for e in agent.events():
            f.write(json.dumps(e) + "\n")
    return True


def pinned(work):
    return sorted(os.path.relpath(os.path.join(d, n), os.path.join(work, "bpf"))
                  for d, _, names in os.walk(os.path.join(work, "bpf", "glasswatch"))
                  for n in names)


def attached(interface="gw0"):
    """Programs by TCX on both sides of an interface of this namespace; no bpftool of Debian 12
    knows them."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    count = 0
    for side in (46, 47):  # BPF_TCX_INGRESS, BPF_TCX_EGRESS
        ask = (ctypes.c_uint32 * 32)(socket.if_nametoindex(interface), side)
        if libc.syscall(number, 16, ask, 128) < 0:  # BPF_PROG_QUERY
            return -1
        count += ask[6]
    return count


# ---- the tests -----------------------------------------------------------------------------------

def killed_in_the_middle(work, far):
    """Sessions begin, go on, end and make room for others while nobody is there."""
    a = Agent(work, "middle")
    tap = Tap(work, far)
    ok(a.start(), "the agent starts", a.said())
    before = [Session(), Session(), Session(LO6), Session()]
    peer = Session(port=179)
    message = b"\xff" * 16
    opening = message + struct.pack(">HBBHHIB", 29, 1, 4, 65001, 90, 0x01020304, 0)
    keepalive = message + struct.pack(">HB", 19, 4)
    peer.say(opening)
    peer.say(keepalive)
    wait_for("their events", lambda: len(a.types("flow.start")) >= 5
             and a.of(peer) and len(a.types("bgp.session")) >= 1
             and a.of(before[0])[-1]["flow"]["outcome"] == "established")
    time.sleep(0.5)  # so that the last records are noted; what is not is in the ring
    names = pinned(work)
    ok(any("/map-ring" in n for n in names) and any("/link-in-gw0" in n for n in names),
       "maps and links are pinned", names)
    ids = {s.source: a.of(s)[0]["flow"]["id"] for s in before + [peer]}

    before[0].say()
    a.kill()
    before[0].say()                     # goes on
    before[1].close()                   # ends
    before[2].say()
    port = before[3].source             # ends, and another one has its port
    before[3].close(reset=True)
    again = Session(source=port)
    new, short = Session(), Session()   # begin; one of them ends too
    short.close()
    for _ in range(3):
        peer.say(keepalive)
    half = opening[:10]
    peer.say(half)
    dead = run(AGENT, "status", "--state", os.path.join(work, "middle.state"))
    same(dead.returncode, 2, "nobody is there")

    ok(a.start(), "the next agent starts", a.said())
    start = a.types("agent.start")[-1]
    ok(start.get("takeover", {}).get("flows") == 5 and
       0 < start["takeover"]["silent_s"] < WAIT * 4,
       "agent.start says that it took over five flows, and how long nobody was there", start)
    ok("took over from a former agent" in a.said(), "so does the log", a.said())
    for s in (before[0], before[2], again, new):
        s.say()
        s.close()
    peer.say(opening[10:])
    peer.say(keepalive)
    peer.close()
    wait_for("every end", lambda: a.all_ended(8))
    for s in (before[0], before[1], before[2], peer):
        f = a.of(s)
        same(f[-1]["flow"]["id"], ids[s.source], "flow from %d keeps its id" % s.source)
    ssh = a.of(before[0])[-1].get("ssh", {})
    ok(ssh.get("client", {}).get("software_version") == "Near_1.0" and
       ssh.get("server", {}).get("software_version") == "Far_1.0",
       "what the dead agent read of SSH is in the last event", a.of(before[0])[-1])
    bgp = a.of(peer)[-1].get("bgp", {})
    same((bgp.get("source", {}).get("open"), bgp.get("source", {}).get("keepalive"),
          bgp.get("destination", {}).get("keepalive"), len(bgp.get("opens", []))),
         (2, 5, 5, 4), "BGP's messages are counted over the agent's death")
    sessions = [e["bgp"]["session"]["state"] for e in a.types("bgp.session")]
    same(sessions, ["up", "down"], "bgp.session: up once, down once")
    changes = [(e["change"]["from"], e["change"]["to"]) for e in a.types("path.change")]
    same(changes, [("primary", "in-band-unjustified"), ("in-band-unjustified", "primary")],
         "the path's changes are told once")
    same(a.stop(), 0, "it stops when told to")
    same(pinned(work), [], "and leaves nothing pinned")
    ok(tap.stop(), "tcpdump lost nothing")
    hold_against(a, tap.connections(), "killed once")


def killed_at_random(work, far):
    """Many short flows, and an agent that is killed at any moment."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    rng = random.Random(seed)
    print("# seed %d (SEED=%d repeats it)" % (seed, seed))
    a = Agent(work, "random")
    tap = Tap(work, far)
    ok(a.start(), "the agent starts", a.said())
    kills, made, open_now = 0, 0, []
    for _ in range(12):
        end = time.monotonic() + rng.uniform(0.05, 1.2)
        while time.monotonic() < end:
            time.sleep(0.004)  # what the ring cannot hold while nobody reads is another matter
            if open_now and rng.random() < 0.5:
                s = open_now.pop(rng.randrange(len(open_now)))
                s.say(b"y" * rng.randrange(1, 1000))
                if rng.random() < 0.3:
                    open_now.append(s)
                else:
                    s.close(reset=rng.random() < 0.3)
            elif len(open_now) < 60:
                open_now.append(Session(rng.choice((MA1, LO6))))
                made += 1
            else:
                rng.choice(open_now).say()
        a.kill()
        kills += 1
        for _ in range(rng.randrange(10)):  # while nobody is there
            open_now.append(Session())
            made += 1
        a.start(wait=rng.random() < 0.5)
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0, 0.8))  # so that some are killed while they start
    for s in open_now:
        s.close()
    a.kill()
    ok(a.start(), "the last one starts", a.said())
    wait_for("every end", lambda: a.all_ended(made))
    a.stop()
    ok(tap.stop(), "tcpdump lost nothing")
    same(a.types("agent.stats")[-1]["stats"]["capture"]["dropped_ring_full"], 0,
         "the ring held what nobody read")
    print("# %d flows, %d kills, %d events" % (made, kills + 1, len(a.events())))
    hold_against(a, tap.connections(), "killed at random")


def handed_over(work, far):
    """An upgrade: SIGUSR2, and the next one starts, under traffic that never rests."""
    a = Agent(work, "upgrade")
    tap = Tap(work, far)
    ok(a.start(), "the agent starts", a.said())
    pid = os.fork()
    if pid == 0:
        sessions = [Session() for _ in range(5)]
        i = 0
        while not os.path.exists(os.path.join(work, "enough")):
            sessions[i % 5].say(b"z" * (i % 900 + 1))
            i += 1
            time.sleep(0.001)
        for s in sessions:
            s.close()
        os._exit(0)
    for _ in range(3):
        time.sleep(1)
        same(a.stop(signal.SIGUSR2), 0, "SIGUSR2: it stops")
        ok(attached() == 2, "and the kernel's side goes on", attached())
        ok(a.start(), "the next one starts")
    time.sleep(1)
    open(os.path.join(work, "enough"), "w", encoding="utf-8").close()
    os.waitpid(pid, 0)
    wait_for("every end", lambda: a.all_ended(5))
    a.stop()
    tap.stop()
    hold_against(a, tap.connections(), "handed over three times")


def other_layout(work):
    """Tables of another size are of no use to the next one: replaced, and nothing stays."""
    a = Agent(work, "layout")
    a.start()
    s = Session()
    wait_for("its flow", lambda: a.of(s) and a.of(s)[-1]["type"] == "flow.update")
    time.sleep(0.5)
    first = {n.split("/")[2] for n in pinned(work)}
    a.kill()
    ok(a.start(limit_flows="1000"), "an agent with another layout starts", a.said())
    second = {n.split("/")[2] for n in pinned(work)}
    ok(len(first) == len(second) == 1 and first != second,
       "its layout replaces the former one", first, second)
    wait_for("two programs", lambda: attached() == 2)
    same(attached(), 2, "one program on each side of the interface")
    cut = [f for f in a.flows().values() if f[-1]["type"] == "flow.end"]
    ok(len(cut) == 1 and cut[0][-1]["flow"]["cut"] and
       cut[0][-1]["ssh"]["client"]["software_version"] == "Near_1.0",
       "the flow of the former one ends, as one that was cut, with what was read", cut)
    s.say()
    s.close()
    wait_for("the rest of it", lambda: a.all_ended(2))
    ok(not once(a.flows()) and len(a.flows()) == 2, "its rest is a flow of its own",
       once(a.flows()))
    a.stop()
    same(pinned(work), [], "nothing stays")


def detaching(work):
    a = Agent(work, "gone.example")
    a.start()
    r = a.detach()
    ok(r.returncode == 2 and "running agent" in r.stderr, "detach refuses while the agent runs",
       r.stderr)
    a.kill()
    ok(attached() == 2 and pinned(work), "killed: its programs go on", attached())
    r = a.detach()
    same((r.returncode, pinned(work), os.listdir(os.path.join(work, "bpf"))), (0, [],
         [n for n in os.listdir(os.path.join(work, "bpf")) if n.endswith(".debug")]),
         "detach removes it all, directories too")
    wait_for("the programs' end", lambda: attached() == 0)
    same(attached(), 0, "no program is left")
    r = a.detach()
    same(r.returncode, 0, "detach where there is nothing: exit 0")
    r = run(AGENT, "detach", "--name", "x", "--pin", work)
    ok(r.returncode == 0 and "not a mounted bpffs" in r.stderr,
       "detach where no bpffs is: exit 0, and says so", r.stderr)


def two_agents(work):
    a, b = Agent(work, "left"), Agent(work, "right")
    ok(a.start() and b.start(), "two agents of different names", a.said() + b.said())
    s = Session()
    wait_for("both", lambda: a.of(s) and b.of(s))
    a.kill()
    ok(b.p.poll() is None and any("/left/" in n for n in pinned(work)), "one is killed")
    s.say()
    a.start()
    s.close()
    wait_for("both ends", lambda: a.all_ended(1) and b.all_ended(1))
    ok(not once(a.flows()) and not once(b.flows()) and len(a.flows()) == len(b.flows()) == 1 and
       a.of(s)[-1]["source"] == b.of(s)[-1]["source"],
       "both tell of the flow once, with the same counters", a.of(s), b.of(s))
    other = Agent(work, "left")
    other.name, other.err = "left", os.path.join(work, "third.err")
    other.events_path = os.path.join(work, "third.json")
    command = [AGENT, "run", "--fabric", os.path.join(work, "fabric"), "--name", "left", "-i", "gw0",
               "--output", other.events_path, "--state", os.path.join(work, "third.state"),
               "--pin", os.path.join(work, "bpf"), "--capture", "bpf"]
    with open(other.err, "wb") as err:
        other.p = subprocess.Popen(command, stderr=err)
    wait_for("the third", lambda: "ready" in other.said())
    ok("in use by a running agent of that name" in other.said(),
       "a second one of the same name says so and runs unpinned", other.said())
    other.stop()
    same((a.stop(), b.stop()), (0, 0), "both stop")
    same(pinned(work), [], "nothing stays")


def other_interfaces(work):
    a = Agent(work, "moved")
    a.interfaces = ["gw0", "lo"]
    a.start()
    a.kill()
    a.interfaces = ["gw0"]
    a.start()
    names = pinned(work)
    ok(not any("-lo" in n for n in names) and sum("/link-" in n for n in names) == 2,
       "an interface that is not watched any more loses its link", names)
    a.kill()
    run("ip", "link", "set", "gw0", "name", "gwx")
    a.interfaces = ["gwx"]
    # the same device by another name: its link is found by no name and replaced
    run("ip", "link", "set", "gwx", "up")
    ok(a.start(), "a renamed interface", a.said())
    wait_for("two programs", lambda: attached("gwx") == 2)
    same(attached("gwx"), 2, "one program on each side of it")
    a.stop()
    run("ip", "link", "set", "gwx", "name", "gw0")
    run("ip", "link", "set", "gw0", "up")
    same(pinned(work), [], "nothing stays")


def no_bpffs(work):
    """Where nothing can be pinned the agent says so once, with a remedy, and runs."""
    def case(name, pin, words, how):
        a = Agent(work, name, pin=pin)
        good = a.start()
        s = Session()
        s.close()
        good = good and wait_for("the flow", lambda: a.all_ended(1))
        lines = [line for line in a.said().splitlines() if pin in line]
        ok(good and len(lines) == 1 and words in lines[0] and how in lines[0],
           "%s: one line that says so and how to mend it; flows are reported" % name, a.said())
        a.kill()
        ok(wait_for("the programs' end", lambda: attached() == 0), name + ": nothing outlives it")

    plain = os.path.join(work, "plain")
    os.mkdir(plain)
    case("not-mounted", plain, "not a mounted bpffs", "mount -t bpf bpf " + plain)
    case("missing", os.path.join(work, "nowhere"), "not a mounted bpffs", "mount -t bpf")
    readonly = os.path.join(work, "readonly")
    os.mkdir(readonly)
    run("mount", "-t", "bpf", "-o", "ro", "bpf", readonly)
    case("read-only", readonly, "Read-only file system", "remount,rw")
    run("umount", readonly)
    bpf = os.path.join(work, "bpf")
    # a link is a thing of bpffs that is no directory
    os.symlink("/nowhere", os.path.join(bpf, "glasswatch"))
    case("in-the-way", bpf, "File exists", "in the way")
    os.unlink(os.path.join(bpf, "glasswatch"))
    a = Agent(work, "off", pin="off")
    a.start()
    ok("pin" not in a.said() and not pinned(work), "--pin off: no word about it", a.said())
    a.kill()


def libpcap(work):
    """Nothing outlives a capture by libpcap: what was open ends once, as cut."""
    a = Agent(work, "pcap", capture="pcap")
    a.start()
    s = Session()
    wait_for("its flow", lambda: a.of(s) and a.of(s)[-1]["type"] == "flow.update")
    a.kill()
    ok(a.start(), "an agent that captures with libpcap, after one that was killed", a.said())
    wait_for("its end", lambda: a.all_ended(1))
    a.kill()
    a.start()
    s.say()
    s.close()
    wait_for("the rest", lambda: a.all_ended(2))
    ok(len(a.flows()) == 2 and not once(a.flows()) and
       [bool(f[-1]["flow"].get("cut")) for f in a.flows().values()] == [True, False],
       "the open flow was cut once, its rest is a flow of its own", once(a.flows()))
    a.stop()
    # a former agent's pins are nobody's when the next one does not pin
    b = Agent(work, "changed")
    b.start()
    b.kill()
    b.options["capture"] = "pcap"
    ok(b.start() and not pinned(work) and "removed what a former agent" in b.said(),
       "one that does not pin removes what a former agent of its name had", b.said())
    b.stop()


def silent_device(work):
    """A device's path goes on where the dead agent left it."""
    a = Agent(work, "paths")

    def attempt():
        s = socket.socket()
        s.bind((NEAR, 0))
        s.settimeout(2.5)
        with contextlib.suppress(OSError):
            s.connect((SILENT, 22))
        s.close()

    def changes():
        return [e["change"]["to"] for e in a.types("path.change")]

    a.start()
    attempt()
    wait_for("the failure", lambda: changes() == ["primary-failing"])
    a.kill()
    a.start()
    attempt()
    time.sleep(1.5)
    same(changes(), ["primary-failing"], "a failing path is told once, over the agent's death")
    a.kill()
    a.start()
    wait_for("ends", lambda: a.all_ended(2))
    ok(not once(a.flows()), "each attempt is one flow", once(a.flows()))
    a.stop()


def inside(work):
    far, why = raise_ends(work)
    if not far:
        print("1..0 # SKIP " + why)
        return 0
    only = sys.argv[2:]
    for name, test in (("middle", lambda: killed_in_the_middle(work, far)),
                       ("random", lambda: killed_at_random(work, far)),
                       ("upgrade", lambda: handed_over(work, far)),
                       ("layout", lambda: other_layout(work)),
                       ("detach", lambda: detaching(work)),
                       ("two", lambda: two_agents(work)),
                       ("interfaces", lambda: other_interfaces(work)),
                       ("bpffs", lambda: no_bpffs(work)),
                       ("pcap", lambda: libpcap(work)),
                       ("path", lambda: silent_device(work))):
        if not only or name in only:
            test()
    return done()


if __name__ == "__main__":
    sys.exit(enter(__file__, inside))
