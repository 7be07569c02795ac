#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What cannot work is said in one clear line on stderr with exit status 2, and leaves nothing
behind. A capture file that is cut in the middle: everything before the cut is reported, one line
names the file and the offset, exit status 1."""
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

from tap import done, ok, skip

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
FABRIC = os.path.join(ROOT, "tests", "lab", "fabric")
AGENT, COLLECTOR = "glasswatch-agent", "glasswatch-collector"
NOBODY = 65534

class Scene:
    """Copies of the programs and the fabric that anybody may read, and an empty folder that anybody
    may write."""

    def __init__(self, folder):
        os.chmod(folder, 0o755)
        self.folder = folder
        self.programs = {}
        for name in (AGENT, COLLECTOR):
            self.programs[name] = shutil.copy(os.path.join(BUILD, name), folder)
        self.fabric = shutil.copytree(FABRIC, self.path("fabric"))
        os.mkdir(self.path("play"))
        os.chmod(self.path("play"), 0o777)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def file(self, name, text, mode=0o644):
        with open(self.path(name), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(self.path(name), mode)
        return self.path(name)

    def run(self, program, *args, uid=None):
        return subprocess.run([self.programs[program], *args], cwd=self.path("play"),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              user=uid, group=uid, extra_groups=[] if uid else None)

    def refused(self, what, program, args, words, uid=None):
        """Runs it; it must refuse in one line that has all these words, and do nothing else."""
        try:
            r = self.run(program, *args, uid=uid)
        except subprocess.TimeoutExpired:
            return ok(False, what, "it runs on")
        lines = r.stderr.splitlines()
        left = os.listdir(self.path("play"))
        for name in left:
            shutil.rmtree(self.path("play", name), True)
        return ok(r.returncode == 2 and len(lines) == 1 and lines[0].startswith(program + ": ")
                  and all(w.lower() in lines[0].lower() for w in words)
                  and r.stdout == "" and not left,
                  what, "exit status %d" % r.returncode, r.stderr or "nothing on stderr", r.stdout,
                  "left behind: %s" % left if left else "", "wanted: %s" % (words,))


def refusals(s):
    root = os.geteuid() == 0
    run = ["run", "--fabric", s.fabric, "--state", s.path("play", "state")]
    out = ["--output", s.path("play", "out.json")]

    # without root
    for capture, word in (("bpf", "root"), ("pcap", "permission"), ("auto", "root")):
        s.refused("agent without root, --capture " + capture, AGENT,
                  run + out + ["-i", "lo", "--capture", capture], [word],
                  uid=NOBODY if root else None)
    if root:
        secret = s.file("secret.yaml", "capture: pcap\n", 0o600)
        for program in (AGENT, COLLECTOR):
            s.refused("%s: a configuration that may not be read" % program, program,
                      ["run", "-c", secret], [secret, "denied"], uid=NOBODY)
        locked = s.path("locked")
        os.mkdir(locked, 0o700)
        s.refused("collector: a store where it may not write", COLLECTOR,
                  ["run", "--redis", "redis://127.0.0.1:1", "--db", locked + "/x.db"], [locked],
                  uid=NOBODY)
        s.refused("agent: a fabric that may not be read", AGENT,
                  ["run", "--fabric", locked, "-i", "lo"] + out, [locked, "denied"], uid=NOBODY)
        for capture in ("bpf", "pcap", "auto"):
            s.refused("agent: no such interface, --capture %s" % capture, AGENT,
                      run + out + ["-i", "gwnone0", "--capture", capture], ["gwnone0"])
    else:
        skip("agent: no such interface", "needs root")

    # configuration
    for program in (AGENT, COLLECTOR):
        s.refused("%s: no such configuration" % program, program,
                  ["run", "-c", s.path("none.yaml")], ["none.yaml", "no such file"])
        s.refused("%s: a folder as configuration" % program, program, ["run", "-c", s.folder],
                  [s.folder, "directory"])
        for name, text, words in (
                ("key", "redis: redis://127.0.0.1\ninterfaze: [lo]\n", ["key.yaml:2", "interfaze"]),
                ("type", "redis: redis://127.0.0.1\n\nverbose: perhaps\n",
                 ["type.yaml:3", "verbose"]),
                ("nested", "redis: {host: here}\n", ["nested.yaml:1", "redis"]),
                ("syntax", "redis: [a\nb: c: d\n", ["syntax.yaml:"]),
                ("twice", "verbose: true\nverbose: true\n", ["twice.yaml:2", "verbose"])):
            conf = s.file(name + ".yaml", text)
            s.refused("%s: configuration with a wrong %s" % (program, name), program,
                      ["run", "-c", conf], words)
        for url in ("http://127.0.0.1", "redis://127.0.0.1:port", "redis://127.0.0.1:99999",
                    "redis://", "unix://", "redis://127.0.0.1/notanumber", "127.0.0.1:6379"):
            more = ["--fabric", s.fabric, "-i", "lo"] if program == AGENT else []
            s.refused("%s: --redis %s" % (program, url), program, ["run"] + more + ["--redis", url],
                      ["redis"])
        s.refused("%s: an unknown option" % program, program, ["run", "--frobnicate"],
                  ["frobnicate"])
        s.refused("%s: an unknown command" % program, program, ["frobnicate"], ["frobnicate"])
    conf = s.file("url.yaml", "fabric: %s\ninterface: [lo]\nredis: ftp://x\n" % s.fabric)
    s.refused("agent: a wrong Redis URL in the configuration", AGENT, ["run", "-c", conf],
              ["url.yaml:3", "redis"])

    # the rest of what can be wrong at the start
    s.refused("agent: nowhere to send events", AGENT, run + ["-i", "lo"], ["--redis", "--output"])
    s.refused("agent: no interface", AGENT, run + out, ["-i"])
    s.refused("agent: no such fabric", AGENT,
              ["run", "--fabric", s.path("none"), "-i", "lo"] + out, [s.path("none")])
    empty = s.path("empty")
    os.mkdir(empty)
    s.refused("agent: an empty fabric", AGENT, ["run", "--fabric", empty, "-i", "lo"] + out,
              [empty])
    s.refused("agent: fabric of what is none", AGENT, ["fabric", s.path("none")], [s.path("none")])
    s.refused("agent: trust for what is no address", AGENT, ["trust", s.fabric, "198.18.1"],
              ["198.18.1"])
    s.refused("agent: status of an agent that does not run", AGENT,
              ["status", "--state", s.path("play")], [s.path("play")])
    s.refused("collector: no such store", COLLECTOR, ["flows", "--db", s.path("none.db")],
              ["none.db"])
    s.refused("collector: a time that is none", COLLECTOR,
              ["flows", "--db", s.path("none.db"), "--since", "yesterday"], ["since", "yesterday"])


def questions(s):
    """What a command would refuse, `-n` refuses as well; and which option it is, is said as it was
    written."""
    for args, words in (
            (["flows", "--since", "yesterday"], ["--since", "yesterday"]),
            (["events", "--type", "flows"], ["--type"]),
            (["incidents", "--id", "0"], ["--id"]),
            (["sessions", "--login", "maybe"], ["--login"]),
            (["alerts", "--state", "over"], ["--state", "drill", "all"]),
            (["alerts", "--path", "both"], ["--path"]),
            (["acknowledge", "1"], ["--reason"]),
            (["acknowledge", "1", "--reason", "x", "--for", "0"], ["--for", "1s"]),
            (["acknowledge", "1", "--reason", "x", "--until", "tomorrow"], ["--until"]),
            (["silence", "--for", "0", "--reason", "x", "--name", "no-policy"], ["--for", "1s"]),
            (["silence", "--name", "untrusted-source"], ["--reason"]),
            (["silence", "--end", "3", "--name", "no-policy"], ["--name", "--end"]),
            (["silence", "--end", "0"], ["--end"]),
            (["drill", "--device", "d1"], ["--reason"]),
            (["drill", "--end", "1", "--for", "2h"], ["--for", "--end"]),
            (["verify", "--format", "csv"], ["--format", "text, json"]),
            (["report", "1", "--format", "csv"], ["--format", "md, html, json"]),
            (["judge"], ["--fabric:"]),
            (["export"], ["--incident:"]),
            (["export", "--incident", "1", "--since", "-1h"], ["--incident:"])):
        for more in [[], ["-n"]]:
            s.refused("collector: %s" % " ".join(args + more), COLLECTOR,
                      args + more + ["--db", s.path("none.db")], words)
    for args in (["incidents", "1", "--id", "2"], ["incidents", "1", "--since", "-1h"],
                 ["incidents", "--id", "1", "--limit", "3"]):
        s.refused("collector: " + " ".join(args), COLLECTOR, args + ["--db", s.path("none.db")],
                  ["leave"])


def page(s):
    """A folder that --web names is there, or the collector does not start."""
    run = ["run", "--redis", "redis://127.0.0.1:1", "--db", "x.db", "--listen", "127.0.0.1:0"]
    s.refused("collector: --web of no folder", COLLECTOR, run + ["--web", s.path("none")],
              ["--web: " + s.path("none"), "no such file"])
    s.refused("collector: --web of a file", COLLECTOR,
              run + ["--web", s.file("page.html", "no folder\n")], ["--web", "not a directory"])


def no_room():
    """For a program that is about to start: what it writes to a file fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def full(s):
    """Help that cannot be written, be it longer than what stdio keeps at once or not."""
    for program in (AGENT, COLLECTOR):
        for args in (["run", "--help"], ["--help"], ["--version"]):
            with open(s.path("full"), "wb") as to:
                r = subprocess.run([s.programs[program], *args], stdout=to, stderr=subprocess.PIPE,
                                   text=True, timeout=60, preexec_fn=no_room)
            ok(r.returncode == 2 and "stdout" in r.stderr,
               "%s %s: it could not be written" % (program, " ".join(args)),
               "exit status %d" % r.returncode, r.stderr)


#
# Capture files, made here: two SSH connections, one after the other.
#
def ipv4(source, destination, payload):
    """Without a checksum, as offloading leaves it."""
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, 6, 0)
    return head + bytes(map(int, (source + "." + destination).split("."))) + payload


def tcp(sport, dport, seq, ack, flags, data=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 65535, 0, 0) + data


def frames():
    """(time in microseconds, frame)"""
    ethernet = b"\x02\0\0\0\0\1" + b"\x02\0\0\0\0\2" + b"\x08\0"
    at = 1_700_000_000_000_000
    for port in (40001, 40002):
        client, server = ("198.18.1.10", "192.0.2.11"), ("192.0.2.11", "198.18.1.10")
        hello, reply = b"SSH-2.0-client\r\n", b"SSH-2.0-server\r\n"
        for ends, segment in (
                (client, tcp(port, 22, 99, 0, 0x02)),
                (server, tcp(22, port, 499, 100, 0x12)),
                (client, tcp(port, 22, 100, 500, 0x10)),
                (server, tcp(22, port, 500, 100, 0x18, reply)),
                (client, tcp(port, 22, 100, 516, 0x18, hello)),
                (client, tcp(port, 22, 116, 516, 0x11)),
                (server, tcp(22, port, 516, 117, 0x11)),
                (client, tcp(port, 22, 117, 517, 0x10))):
            at += 1000
            yield at, ethernet + ipv4(*ends, segment)
        at += 60_000_000


def pcap():
    """The file and the offset of each record."""
    data, offsets = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1), []
    for at, frame in frames():
        offsets.append(len(data))
        data += struct.pack("<IIII", at // 1000000, at % 1000000, len(frame), len(frame)) + frame
    return data, offsets


def pcapng():
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    data = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
    data += block(1, struct.pack("<HHI", 1, 0, 65535))
    offsets = []
    for at, frame in frames():
        offsets.append(len(data))
        data += block(6, struct.pack("<IIIII", 0, at >> 32, at & 0xffffffff, len(frame),
                                     len(frame)) + frame)
    return data, offsets


def said(output):
    """The events; not when the fabric was read, which is now and not in the capture."""
    events = [json.loads(line) for line in output.splitlines()]
    for e in events:
        if e["type"] in ("policy.loaded", "fabric.device"):
            del e["time"]
    return events


def cuts(s):
    for name, (data, offsets) in (("pcap", pcap()), ("pcapng", pcapng())):
        whole = s.file("whole." + name, data)
        r = s.run(AGENT, "replay", "--fabric", s.fabric, whole)
        events = [json.loads(line) for line in r.stdout.splitlines()]
        ends = [e for e in events if e["type"] == "flow.end"]
        ok(r.returncode == 0 and not r.stderr and
           [e["flow"]["outcome"] for e in ends] == ["closed", "closed"],
           "%s: the whole file is two closed flows" % name, r.stderr, r.stdout)
        for k in range(8, 16):  # within the second connection
            for into in (1, 9, 20, 41):
                at = offsets[k] + into
                cut = s.file("cut." + name, data[:at])
                r = s.run(AGENT, "replay", "--fabric", s.fabric, cut)
                # what the agent says of the same packets in a file that ends well
                good = s.file("good." + name, data[:offsets[k]])
                g = s.run(AGENT, "replay", "--fabric", s.fabric, good)
                lines, got, wanted = r.stderr.splitlines(), said(r.stdout), said(g.stdout)
                where = "%s: offset %d: " % (cut, offsets[k])
                if not (r.returncode == 1 and g.returncode == 0 and got and got == wanted
                        and len(lines) == 1 and where in lines[0]):
                    ok(False, "%s cut %d bytes into record %d" % (name, into, k + 1),
                       "exit status %d" % r.returncode, r.stderr, "wanted: " + where,
                       *[e for e in got if e not in wanted])
                    break
            else:
                continue
            break
        else:
            ok(True, "%s cut anywhere: all before it is reported, file and offset are named, exit 1"
               % name)
    s.refused("a file that is no capture", AGENT,
              ["replay", "--fabric", s.fabric, s.file("text.pcap", "this is not a capture file\n")],
              ["text.pcap"])
    s.refused("an empty file", AGENT,
              ["replay", "--fabric", s.fabric, s.file("empty.pcap", "")], ["empty.pcap"])
    s.refused("no such file", AGENT, ["replay", "--fabric", s.fabric, s.path("none.pcap")],
              ["none.pcap", "no such file"])


def main():
    for name in (AGENT, COLLECTOR):
        if not os.path.exists(os.path.join(BUILD, name)):
            print("Bail out! no %s in %s: run 'make'" % (name, BUILD))
            return 1
    with tempfile.TemporaryDirectory(prefix="gwtest.") as folder:
        s = Scene(folder)
        refusals(s)
        questions(s)
        page(s)
        full(s)
        cuts(s)
    return done()


if __name__ == "__main__":
    sys.exit(main())
