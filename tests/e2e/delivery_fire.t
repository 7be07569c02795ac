#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Delivery under fire: the real agent and real Redis servers, each broken in its own way.

One test per failure; what is judged in each is told in fire_scene.py. With names as arguments,
only these.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fire_scene import (AGENT, BUILD, FABRIC, STREAM, die_with_parent, main, run)  # noqa: E402

# A peer that died, by what comes first: the answer to what is sent to it, its own end, or that
# and then the answer.
GONE = "Connection reset by peer|Server closed the connection|Broken pipe"
FAKETIME = "/usr/lib/%s-linux-gnu/faketime/libfaketime.so.1" % os.uname().machine


def refused(s):
    r = s.server(None)
    s.start(r.url)
    s.outage("not connected: Connection refused; trying again")
    r.up()
    s.recovered()
    s.finish(r, ["Connection refused"])


def black_holed(s):
    """What it sends arrives, no answer comes back, no connection can be made."""
    s.twice = True
    r = s.server(address="10.99.0.2")
    s.start(r.url)
    s.recovered()
    s.place.swallow(r.address)
    s.outage("no answer for (10|15|20|25) s")
    s.outage("not connected: connection timed out", 30)
    s.place.swallow(r.address, False)
    s.recovered()
    s.finish(r, ["no answer for 30 s|Connection timed out", "connection timed out"])


def half_open(s):
    """Redis dies and comes back while the cable is cut: the agent holds a connection of which
    the other side knows nothing."""
    s.twice = True
    r = s.server(address="10.99.0.3")
    s.start(r.url)
    s.recovered()
    s.place.swallow(r.address)
    time.sleep(1)
    r.kill()
    r.start()
    s.outage("no answer for 5 s")
    s.place.swallow(r.address, False)
    s.recovered()
    s.finish(r, [GONE])


def slow(s):
    """Stands still for two seconds, answers for a moment, and so on: slow is not wrong."""
    r = s.server()
    s.start(r.url)
    s.recovered()
    for _ in range(5):
        r.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        r.process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
    s.recovered()
    s.finish(r, [])
    s.ok(len(s.lines()) == 1, "nothing is said of it", s.said())


def hung(s):
    """Takes connections and never answers."""
    s.twice = True
    r = s.server()
    s.start(r.url)
    s.recovered()
    r.process.send_signal(signal.SIGSTOP)
    s.outage("no answer for (10|15|20|25) s", 8)
    s.outage("connected, but Redis does not answer", 32)
    r.process.send_signal(signal.SIGCONT)
    s.recovered()
    # the kernel's patience may end before ours
    s.finish(r, ["no answer for 30 s|Connection timed out", "connected, but Redis does not answer"])


def restarted_mid_pipeline(s):
    """Killed with commands under way that it has not read."""
    s.twice = True
    r = s.server()
    s.start(r.url)
    s.recovered()
    r.process.send_signal(signal.SIGSTOP)
    s.ok(s.until(lambda: s.status()["stats"]["delivery"]["waiting"] > 20), "events are under way")
    r.kill()
    s.outage("Connection refused")
    r.up()
    s.recovered()
    s.finish(r, [GONE, "Connection refused"])


def secret_is_nowhere(s, secret):
    shown = subprocess.run([AGENT, "status", "--state", s.state], capture_output=True).stdout
    places = {"log": s.said().encode(), "status": shown}
    for name in ("cmdline", "environ"):
        with open("/proc/%d/%s" % (s.agent.pid, name), "rb") as f:
            places["/proc/PID/" + name] = f.read()
    for where, text in places.items():
        s.ok(secret.encode() not in text, "the password is not in %s" % where, text)


def wrong_password(s):
    """From a file, which is put right while the agent runs."""
    r = s.server("--requirepass", "right-w0rd", login="right-w0rd")
    path = os.path.join(s.dir, "password")
    with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write("wr0ng-word\n")
    s.start(r.url, "--redis-password-file", path)
    s.outage("log-in refused: WRONGPASS")
    secret_is_nowhere(s, "wr0ng-word")
    with open(path, "w", encoding="ascii") as f:
        f.write("right-w0rd\n")
    s.recovered()
    secret_is_nowhere(s, "right-w0rd")
    s.finish(r, ["log-in refused: WRONGPASS"])


def no_password(s):
    r = s.server("--requirepass", "right-w0rd", login="right-w0rd")
    s.start(r.url)
    s.outage("not connected: NOAUTH")
    r.command("CONFIG", "SET", "requirepass", "")
    r.login = None
    s.recovered()
    s.finish(r, ["NOAUTH"])


def acl_without_xadd(s):
    """User and password from the environment; the right to write comes late."""
    r = s.server()
    r.command("ACL", "SETUSER", "fire", "on", ">s3cret-word", "~glasswatch:*", "+ping")
    s.start(r.url, env={"GLASSWATCH_REDIS_USER": "fire",
                        "GLASSWATCH_REDIS_PASSWORD": "s3cret-word"})
    s.outage("which does not take events: NOPERM")
    secret_is_nowhere(s, "s3cret-word")
    r.command("ACL", "SETUSER", "fire", "+xadd")
    s.recovered()
    s.finish(r, ["does not take events: NOPERM"])


def oom(s):
    r = s.server()
    s.start(r.url)
    s.recovered()
    r.command("CONFIG", "SET", "maxmemory", "1")
    s.outage("which does not take events: OOM")
    r.command("CONFIG", "SET", "maxmemory", "0")
    s.recovered()
    s.finish(r, ["does not take events: OOM"])


def oom_comes_and_goes(s):
    """At the edge of its memory Redis takes some and refuses some."""
    r = s.server()
    s.start(r.url)
    s.recovered()
    for _ in range(12):
        r.command("CONFIG", "SET", "maxmemory", "1")
        time.sleep(0.4)
        r.command("CONFIG", "SET", "maxmemory", "0")
        time.sleep(0.6)
    s.recovered()
    s.finish(r, ["does not take events: OOM"])


def readonly(s):
    r = s.server()
    s.start(r.url)
    s.recovered()
    r.command("REPLICAOF", "127.0.0.1", "1")
    s.outage("which does not take events: READONLY")
    r.command("REPLICAOF", "NO", "ONE")
    s.recovered()
    s.finish(r, ["does not take events: READONLY"])


def loading(s):
    """Redis reads a file that takes it several seconds."""
    r = s.server()
    r.pipeline([("SET", "filler-%d" % i, "x" * 200) for i in range(1000)])
    r.command("BGREWRITEAOF")
    s.until(lambda: b"aof_rewrite_in_progress:0" in r.command("INFO", "persistence"))
    s.twice = True
    s.start(r.url)
    s.recovered()
    r.kill()
    r.start("--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024")
    s.outage("LOADING")
    s.recovered()
    s.finish(r, ["LOADING"])


def misconf(s):
    """Its snapshot fails: in the place of the file there is a directory."""
    r = s.server("--save", "3600 1", "--stop-writes-on-bgsave-error", "yes")
    s.start(r.url)
    s.recovered()
    blocker = os.path.join(r.dir, "dump.rdb")
    if os.path.exists(blocker):
        os.unlink(blocker)
    os.mkdir(blocker)
    r.command("BGSAVE")
    s.outage("which does not take events: MISCONF")
    os.rmdir(blocker)
    s.until(lambda: b"rdb_bgsave_in_progress:0" in r.command("INFO", "persistence"))
    r.command("BGSAVE")
    s.recovered()
    s.finish(r, ["does not take events: MISCONF"])


def cluster_of_two(s):
    a, b = (s.server("--cluster-enabled", "yes", "--cluster-node-timeout", "15000", name=n)
            for n in ("a", "b"))
    a.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    b.command("CLUSTER", "MEET", "127.0.0.1", a.port)
    s.until(lambda: all(b"cluster_state:ok" in n.command("CLUSTER", "INFO") and
                        b"cluster_known_nodes:2" in n.command("CLUSTER", "INFO")
                        for n in (a, b)))
    return a, b


def moved(s):
    """The stream's slot is taken to the other node, with ASK in between, and the first node is
    then gone; nothing is changed at the agent."""
    a, b = cluster_of_two(s)
    s.twice = True
    s.start(a.url)
    s.recovered("^connected to 127.0.0.1:%d" % a.port)
    slot = a.command("CLUSTER", "KEYSLOT", STREAM)
    a_id, b_id = (n.command("CLUSTER", "MYID") for n in (a, b))
    b.command("CLUSTER", "SETSLOT", slot, "IMPORTING", a_id)
    a.command("CLUSTER", "SETSLOT", slot, "MIGRATING", b_id)
    a.command("MIGRATE", "127.0.0.1", b.port, STREAM, 0, 5000)
    s.recovered("^connected to 127.0.0.1:%d" % b.port)
    before = s.status()["stats"]["delivery"]["acknowledged"]
    s.ok(s.until(lambda: s.status()["stats"]["delivery"]["acknowledged"] > before + 50),
         "events are taken where ASK led to")
    for n in (b, a):
        n.command("CLUSTER", "SETSLOT", slot, "NODE", b_id)
    s.ok(s.until(lambda: s.status()["stats"]["delivery"]["acknowledged"] > before + 150),
         "and after the slot has moved for good")
    s.finish(b, ["the cluster keeps the key at 127.0.0.1 port %d" % b.port])


def moved_at_first(s):
    """The URL names a node that never had the slot."""
    a, b = cluster_of_two(s)
    s.twice = True
    s.start(b.url)
    s.recovered("^connected to 127.0.0.1:%d" % a.port)
    s.finish(a, ["the cluster keeps the key at 127.0.0.1 port %d" % a.port])


def sentinel_config(s, name, port, master):
    path = os.path.join(s.dir, name + ".conf")
    with open(path, "w", encoding="ascii") as f:
        f.write("port %d\nbind 127.0.0.1\ndir %s\n"
                "sentinel monitor main 127.0.0.1 %d 2\n"
                "sentinel down-after-milliseconds main 5000\n"
                "sentinel failover-timeout main 6000\n" % (port, s.dir, master))
    return path


def offset(server, role):
    text = server.command("INFO", "replication").decode()
    return re.search(role + "_repl_offset:([0-9]+)", text).group(1)


def sentinel_failover(s):
    """Three Sentinels; the master is killed; the old one comes back as a replica."""
    a, b = s.server(name="a"), s.server(name="b")
    b.command("REPLICAOF", "127.0.0.1", a.port)
    sentinels = [s.server(None, name="sentinel%d" % i) for i in range(3)]
    for one in sentinels:
        one.process = subprocess.Popen(
            ["redis-server", sentinel_config(s, "%d" % one.port, one.port, a.port), "--sentinel"],
            stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        one.wait()
    s.until(lambda: all(b"slaves=1,sentinels=3" in one.command("INFO", "sentinel")
                        for one in sentinels))
    s.twice = True
    # The first one in the list is not there at all.
    s.start("redis+sentinel://127.0.0.1:1,%s/main" %
            ",".join("127.0.0.1:%d" % one.port for one in sentinels))
    s.recovered("^connected to 127.0.0.1:%d" % a.port)
    # Replication does not wait for the replica: what only the dying master has is lost, whatever
    # an agent does (docs/delivery.md). Here it has nothing that the replica lacks.
    a.command("CLIENT", "PAUSE", 20000, "WRITE")
    s.until(lambda: offset(a, "master") == offset(b, "slave"))
    a.kill()
    s.outage("not connected|connected to 127.0.0.1:%d" % b.port)
    s.recovered("^connected to 127.0.0.1:%d" % b.port)
    a.up()
    s.until(lambda: a.command("ROLE")[0] == b"slave")
    s.finish(b, ["Sentinel: Connection refused"], outages=2)


def disk_full(s):
    """The outbox's disk is full; Redis is well."""
    run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", s.state)
    r = s.server()
    s.start(r.url)
    s.recovered()
    filler = os.path.join(s.state, "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    there = s.outage("full", field="outbox")
    s.ok(re.match("connected to ", there["receiver"]["state"]), "while Redis is well")
    os.unlink(filler)
    s.ok(s.until(lambda: s.status()["outbox"]["state"] == "written"), "it is written again",
         s.said())
    s.recovered()
    s.finish(r, ["outbox .* cannot be written: .*full; events wait in memory"])


def clock_steps_back(s):
    """An hour back, in an outage and out of it."""
    if not os.path.exists(FAKETIME):
        s.results = "no %s here (libfaketime)" % FAKETIME
        return
    # read in the agent's place: where that may read
    os.makedirs(s.state, exist_ok=True)
    clock = os.path.join(s.state, "clock")

    def shift(text):
        with open(clock + ".new", "w", encoding="ascii") as f:
            f.write(text + "\n")
        os.rename(clock + ".new", clock)

    shift("+0")
    r = s.server()
    s.start(r.url, env={"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": clock,
                        "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                        "ASAN_OPTIONS": "verify_asan_link_order=0",
                        "DONT_FAKE_MONOTONIC": "1"})
    s.recovered()
    now = time.time()
    shift("-3600")
    back = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - 3000))
    s.ok(s.until(lambda: s.status()["time"] < back), "its clock is an hour behind")
    s.recovered()
    r.command("CONFIG", "SET", "maxmemory", "1")
    shift("-7200")
    s.outage("which does not take events: OOM")
    r.command("CONFIG", "SET", "maxmemory", "0")
    s.recovered()
    shift("+0")
    time.sleep(1)
    s.recovered()
    s.finish(r, ["does not take events: OOM"])


def outbox_full(s):
    """Redis is away for longer than the outbox has room: what matters least goes first, and the
    record says exactly what went."""
    r = s.server(None)
    s.start(r.url, "--limit-outbox", "64K")
    s.failover()
    s.until(lambda: s.status()["stats"]["delivery"]["dropped"]["outbox-full"] > 100)
    s.outage("Connection refused")
    r.up()
    s.recovered()
    dropped = s.status()["stats"]["delivery"]["dropped"]["outbox-full"]
    losses = []

    def told(docs):
        losses.extend(d["loss"] for d in docs if d["type"] == "agent.loss")
        return sum(loss["count"] for loss in losses)

    # The numbers that are missing in the stream are as many as agent.loss tells of.
    s.finish(r, ["Connection refused", "outbox .* is full"], dropped=told)
    changes = [json.loads(f[5])["change"]["to"] for _, f in r.command("XRANGE", STREAM, "-", "+")
               if f[3] == b"path.change"]
    s.ok("primary-failing" in changes, "the path change from before is still there", changes)
    s.ok(told([]) >= dropped > 100, "agent.loss tells of all %d and more" % dropped, losses)
    s.ok(all(sum(loss["types"].values()) == loss["count"] and loss["from"] <= loss["to"]
             for loss in losses), "by type, with the times from and to", losses)


def told(s, what, expect, program, *args, env=None, secret=None):
    """One line on stderr, exit status 2, nothing of the secret."""
    r = subprocess.run([os.path.join(BUILD, program), "run", *args], capture_output=True,
                       env=dict(os.environ, **(env or {})), timeout=20)
    said = r.stderr.decode()
    s.ok(r.returncode == 2 and said.count("\n") == 1 and re.search(expect, said) and
         (not secret or secret not in said), "%s: %s" % (program, what), "%d %s" %
         (r.returncode, said))


def refusals(s):
    """What is wrong before anything is connected: said at once, without the secret."""
    url = "redis://127.0.0.1:1"
    files = {}
    for name, mode, text in (("good", 0o600, "s3cret\n"), ("open", 0o644, "s3cret\n"),
                             ("shared", 0o660, "s3cret\n"), ("empty", 0o600, "\n")):
        files[name] = os.path.join(s.dir, name)
        with open(files[name], "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(files[name], mode)
    os.mkfifo(os.path.join(s.dir, "fifo"), 0o600)
    conf = os.path.join(s.dir, "conf.yaml")
    with open(conf, "w", encoding="ascii") as f:
        f.write("verbose: false\nredis: redis://me:s3cret@127.0.0.1:1\n")
    tls = subprocess.run(["pkg-config", "--exists", "hiredis_ssl"]).returncode == 0
    for program, more in (("glasswatch-agent", ["--fabric", FABRIC, "-i", "lo"]),
                          ("glasswatch-collector", ["--db", os.path.join(s.dir, "db")])):
        def t(what, expect, *args, **named):
            told(s, what, expect, program, *more, *args, secret="s3cret", **named)
        remedy = "redis-password-file, or set GLASSWATCH_REDIS_PASSWORD"
        t("password on the command line", "--redis: .*" + remedy, "--redis",
          "redis://me:s3cret@127.0.0.1:1")
        t("password in a unix URL", "--redis: .*" + remedy, "--redis", "unix://:s3cret@/run/x")
        t("password in the configuration", "conf.yaml:2: redis: .*" + remedy, "-c", conf)
        t("user without password", "--redis: a user without a password", "--redis",
          "redis://me@127.0.0.1:1")
        t("user without password", "--redis-user: a user without a password", "--redis", url,
          "--redis-user", "me")
        for name, expect in (("open", "chmod 600"), ("shared", "chmod 600"),
                             ("empty", "no password in its first line"),
                             ("fifo", "not a regular file"), ("none", "No such file")):
            t("password file: " + name, "redis-password-file: .*" + expect, "--redis", url,
              "--redis-password-file", os.path.join(s.dir, name))
        if tls:
            t("TLS options without TLS", "redis-tls-ca: .*rediss://", "--redis", url,
              "--redis-tls-ca", files["good"])
        else:
            t("TLS where hiredis has none", "hiredis 1.0", "--redis", "rediss://127.0.0.1:1")
            t("TLS options where hiredis has none", "redis-tls-ca: .*hiredis 1.0", "--redis", url,
              "--redis-tls-ca", files["good"])
        r = subprocess.run([os.path.join(BUILD, program), "run", *more, "-n", "--redis",
                            "redis://me@127.0.0.1:1", "--redis-password-file", files["good"]],
                           capture_output=True, env=dict(os.environ,
                                                         GLASSWATCH_REDIS_PASSWORD="s3cret"))
        s.ok(r.returncode == 0 and b"s3cret" not in r.stdout + r.stderr,
             "%s: -n checks the password's file and does not print it" % program,
             r.stdout + r.stderr)


TESTS = [refusals, black_holed, hung, half_open, sentinel_failover, moved, loading,
         clock_steps_back, outbox_full, refused, slow, restarted_mid_pipeline, wrong_password,
         no_password,
         acl_without_xadd, oom, oom_comes_and_goes, readonly, misconf, moved_at_first, disk_full]

if __name__ == "__main__":
    sys.exit(main(TESTS))
