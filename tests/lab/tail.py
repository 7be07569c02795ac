#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the events of a Redis Stream as they arrive, one short line each, for the demo.

usage: tail.py SOCKET STREAM [colour]
"""
import json
import signal
import socket
import sys

PATH = {"primary": "Ma1", "in-band": "lo6"}
COLOUR = {"info": "90", "notice": "36", "warning": "33", "critical": "1;31"}


class Redis:
    """As much of the protocol as XREAD needs."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)
        self.f = self.s.makefile("rb")

    def ask(self, *words):
        out = b"*%d\r\n" % len(words)
        for w in words:
            w = w.encode()
            out += b"$%d\r\n%s\r\n" % (len(w), w)
        self.s.sendall(out)
        return self.reply()

    def reply(self):
        line = self.f.readline()
        if not line:
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.f.read(n + 2)[:-2].decode()
        if kind == b"*":
            return None if int(rest) < 0 else [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()


def trust(t):
    if t.get("verdict") in (None, "no-policy"):
        return t.get("verdict", "not judged")
    return "%s (%s)" % (t["verdict"], "seq %d" % t["seq"] if "seq" in t else "end of list")


def by(e):
    actor = e.get("actor")
    return ", %s's %s" % (actor.get("user", actor["uid"]), actor["comm"]) if actor else ""


def words(e):
    """What happened, for a reader; None: not worth a line here."""
    kind, device = e["type"], e.get("device", {}).get("name", "")
    if kind in ("fabric.device", "agent.stats"):
        return None
    if kind == "agent.start":
        return "%s captures by %s on %s" % (e["agent"], e.get("capture"),
                                            " ".join(e.get("interfaces", [])))
    if kind == "policy.loaded":
        c = e["change"]
        return "generation %s: %d devices, %d targets" % (e["policy"], c["devices"], c["targets"])
    if kind == "path.change":
        c = e["change"]
        text = "%s: %s => %s, %s" % (device, c["from"], c["to"], c["reason"])
        return text + (", after %.1f s" % c["outage_s"] if "outage_s" in c else "")
    if kind.startswith("flow."):
        f, s, d, t = e["flow"], e["source"], e["destination"], e.get("trust", {})
        text = "%s > %s %s: " % (s["ip"], device or d["ip"], PATH.get(e.get("path"), ""))
        if kind == "flow.start":
            return text + "%s, %s%s" % (e.get("service"), trust(t), by(e))
        text += "%s, %s" % (f["outcome"], t.get("verdict", "not judged"))
        if kind == "flow.end":
            return text + ", %.1f s, %d packets" % (f["duration"], s["packets"] + d["packets"])
        return text + by(e)
    if kind == "agent.stop":
        return e["agent"]
    return json.dumps({k: v for k, v in e.items() if k in ("change", "loss", "stats")})


def main():
    path, stream = sys.argv[1:3]
    colour = sys.argv[3:] == ["colour"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the demo stops us when all is said
    redis = Redis(path)
    last = "0"
    while True:
        answer = redis.ask("XREAD", "COUNT", "100", "BLOCK", "0", "STREAMS", stream, last)
        if not isinstance(answer, list):
            raise EOFError
        for last, fields in answer[0][1]:
            e = json.loads(dict(zip(fields[::2], fields[1::2]))["json"])
            text = words(e)
            if text is None:
                continue
            mark = "!" if e["type"] == "path.change" else "|"
            line = "    %s %s %-12s %s" % (mark, e["time"][11:19], e["type"], text)
            if colour:
                bold = "1;" if mark == "!" and not COLOUR[e["severity"]].startswith("1") else ""
                line = "\033[%s%sm%s\033[0m" % (bold, COLOUR[e["severity"]], line)
            print(line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (EOFError, ConnectionError, FileNotFoundError, BrokenPipeError):
        pass
