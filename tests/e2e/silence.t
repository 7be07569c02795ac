#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Silence is an event: a real agent that is killed, an interface that goes down, targets that nobody
reaches; and that our own deafness (Redis away) is not taken for an agent's silence."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from collector_scene import Collector, Redis, Tap  # noqa: E402

ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.environ.get("BUILD", "build")
NS = "gws%d" % os.getpid()
BEAT = 3  # seconds; three of them missing is silence, so an agent on a busy machine has nine
tap = Tap()


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def alerts(kind=None):
    return [(e["type"][6:], e["alert"]["state"]) for e in c.json("events", "--type", "alert")
            if kind in (None, e["type"][6:])]


def start_agent():
    # over a unix socket: the agent is in a namespace of its own
    return subprocess.Popen(
        ["ip", "netns", "exec", NS, os.path.abspath(os.path.join(BUILD, "glasswatch-agent")), "run",
         "--fabric", os.path.join(ROOT, "tests/lab/fabric"), "-i", "w0", "--name", "quiet",
         "--redis", "unix://" + sock, "--state", os.path.join(base, "state"), "--capture", "pcap",
         "--stats", "%ds" % BEAT], stderr=open(os.path.join(base, "agent.log"), "ab"))


if os.geteuid() != 0:
    print("1..0 # SKIP a network namespace and a capture need root")
    sys.exit(0)
base = tempfile.mkdtemp(prefix="glasswatch-silence.")
sock = os.path.join(base, "redis.sock")
redis, c, agent = Redis(base), None, None
try:
    ip("netns", "add", NS)
    ip("-n", NS, "link", "add", "w0", "type", "veth", "peer", "name", "w1")
    for name in ("w0", "w1"):
        ip("-n", NS, "link", "set", name, "up")
    redis.start("--unixsocket", sock)
    c = Collector(base, redis, "c1", "store.db", "--unseen", "20s")
    c.start()
    agent = start_agent()
    tap.ok(c.until(lambda: [a["state"] for a in c.json("agents")] == ["running"]),
           "an agent is heard", open(os.path.join(base, "agent.log")).read())
    c.until(lambda: "stats" in c.json("agents")[0])
    stats = c.json("agents")[0]["stats"]
    tap.ok(stats["interfaces"] == {"w0": True} and stats["heartbeat"] == {"interval_s": float(BEAT)},
           "its heartbeat says how often it beats, and that its interface is up", stats)

    ip("-n", NS, "link", "set", "w1", "down")  # no carrier on w0
    tap.ok(c.until(lambda: alerts("interface-down") == [("interface-down", "raised")]),
           "an interface without a carrier is an alert", alerts())
    tap.ok(c.json("agents")[0]["alarms"] == ["interface-down w0"], "`agents` shows the alarm",
           c.json("agents"))
    ip("-n", NS, "link", "set", "w1", "up")
    tap.ok(c.until(lambda: alerts("interface-down")[1:] == [("interface-down", "cleared")]),
           "it is over when it is up", alerts())

    # Redis stands still: the collector is deaf, the agent is not silent.
    redis.process.send_signal(signal.SIGSTOP)
    time.sleep(5 * BEAT)
    redis.process.send_signal(signal.SIGCONT)
    c.until(lambda: redis.pending() == 0)
    time.sleep(2)
    tap.ok(not alerts("agent-silent"), "a Redis that stood still is not the agent's silence",
           alerts())
    c.stop()
    time.sleep(4 * BEAT)
    c.start()
    time.sleep(2)
    tap.ok(not alerts("agent-silent"), "nor is a collector that was stopped", alerts())

    agent.kill()
    agent.wait()
    tap.ok(c.until(lambda: alerts("agent-silent") == [("agent-silent", "raised")]),
           "an agent that was killed is silent", alerts())
    tap.ok(c.json("agents")[0]["state"] == "silent", "`agents` says so", c.json("agents"))
    c.stop(signal.SIGKILL)
    c.start()
    time.sleep(5 * BEAT)
    tap.ok(len(alerts("agent-silent")) == 1, "once: a new collector does not say it again")
    agent = start_agent()
    tap.ok(c.until(lambda: alerts("agent-silent")[1:] == [("agent-silent", "cleared")]) and
           c.json("agents")[0]["state"] == "running", "and is heard again", alerts())

    tap.ok(c.until(lambda: alerts("target-unseen")), "targets that nobody reaches are told",
           alerts())
    unseen = [e for e in c.json("events", "--type", "alert.target-unseen")]
    devices = len(set(e["device"]["name"] for e in unseen))
    tap.ok(devices == len(unseen) > 1 and all(e["alert"]["targets"] for e in unseen),
           "one alert per device, with its addresses", unseen[:1])

    agent.terminate()
    agent.wait()
    tap.ok(c.until(lambda: c.json("agents")[0]["state"] == "stopped"), "it is stopped")
    time.sleep(4 * BEAT)
    tap.ok(len(alerts("agent-silent")) == 2, "one that was stopped is not silent", alerts())
    text = c.ask("events", "--type", "alert", "--limit", "0")
    tap.ok("w0 of quiet is down" in text and "quiet is silent: nothing has come from it since" in
           text, "in words", text)
    docs = "".join(json.dumps(e) + "\n" for e in c.json("events"))
    r = subprocess.run([sys.executable, os.path.join(ROOT, "tests/validate_events.py")],
                       input=docs, capture_output=True, text=True)
    tap.ok(r.returncode == 0 and "alert.agent-silent" in r.stdout,
           "every document is what the schema says", r.stdout + r.stderr)
    own = [e["seq"] for e in c.json("events") if e["agent"] == "glasswatch-collector"]
    tap.ok(own == list(range(1, len(own) + 1)), "the collector's own events have numbers, too", own)
    tap.ok(c.ask("verify").startswith("good"), "and are part of the record")
    tap.ok(c.stop() == 0, "exit 0", c.said())
finally:
    for p in (agent, c and c.process, redis.process):
        if p and p.poll() is None:
            p.send_signal(signal.SIGCONT)
            p.kill()
            p.wait()
    subprocess.run(["ip", "netns", "del", NS], stderr=subprocess.DEVNULL)
    shutil.rmtree(base, ignore_errors=True)
sys.exit(tap.done())
