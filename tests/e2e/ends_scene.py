# SPDX-License-Identifier: Apache-2.0
"""Two ends of a cable, for the tests of an agent that dies: not a test by itself.

    near: the agent, the clients, gw0 -- gw1: the servers, tcpdump (another network namespace)

enter() runs the test again in namespaces of its own (mounts, network, processes): its bpffs, links
and children go with them, and the machine's are never touched. Session is a connection, Tap what
the far end saw of it.
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
AGENT = os.path.join(BUILD, "glasswatch-agent")
COLLECTOR = os.path.join(BUILD, "glasswatch-collector")
NEAR, MA1, LO6, SILENT = "192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.13"
WAIT = 90

CONFIG = """hostname one
!
interface Management1
   ip address %s/24
!
interface Loopback6
   ip address %s/32
!
ip prefix-list trusted_sources
   seq 10 permit 192.0.2.0/24
!
""" % (MA1, LO6)
CONFIG_SILENT = """hostname two
!
interface Management1
   ip address %s/24
!
ip prefix-list trusted_sources
   seq 10 permit 192.0.2.0/24
!
""" % SILENT


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def wait_for(what, fn):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if fn():
            return True
        time.sleep(0.02)
    print("# waited %d s in vain for %s" % (WAIT, what))
    return False


# ---- the far end: answers each line with a line ----------------------------------------------

FAR = r"""
import selectors, socket, sys
sel = selectors.DefaultSelector()
for address in sys.argv[1].split(","):
    for port in (22, 179):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(4096)
        s.setblocking(False)
        sel.register(s, selectors.EVENT_READ, port)
print("ready", flush=True)
while True:
    for key, _ in sel.select():
        if key.data:
            while True:
                try:
                    c, _ = key.fileobj.accept()
                except BlockingIOError:
                    break
                if key.data == 22:
                    c.send(b"SSH-2.0-Far_1.0\r\n")
                c.setblocking(False)
                sel.register(c, selectors.EVENT_READ, 0)
            continue
        try:
            got = key.fileobj.recv(65536)
        except ConnectionError:
            got = b""
        if got:
            key.fileobj.send(got)
        else:
            sel.unregister(key.fileobj)
            key.fileobj.close()
"""


class Session:
    """A connection from the near end. With reset=True its end is a RST."""

    def __init__(self, to=MA1, port=22, source=0, ident=b"SSH-2.0-Near_1.0\r\n"):
        self.s = socket.socket()
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.s.bind((NEAR, source))
        self.s.settimeout(WAIT)
        self.s.connect((to, port))
        self.to, self.port = to, port
        self.source = self.s.getsockname()[1]
        if port == 22:
            self.s.recv(100)
            self.say(ident)

    def say(self, what=b"x" * 100):
        self.s.sendall(what)
        got = b""
        while len(got) < len(what):
            more = self.s.recv(65536)
            if not more:
                raise ConnectionError("the far end closed")
            got += more

    def close(self, reset=False):
        if reset:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.s.shutdown(socket.SHUT_WR)
            while self.s.recv(65536):
                pass
        self.s.close()


class Tap:
    """tcpdump at the far end; what it saw is read as raw pcap."""

    def __init__(self, work, space, interface="gw1", match="tcp"):
        self.path = os.path.join(work, "far.pcap")
        self.p = subprocess.Popen(
            ["nsenter", "-n", "-t", str(space), "tcpdump", "-i", interface, "-s", "120", "-U",
             "--immediate-mode", "-B", "32768", "-w", self.path, match],
            stderr=subprocess.PIPE, text=True)
        self.p.stderr.readline()

    def stop(self):
        """When it has written nothing for a second: it may be behind, and leaves what is."""
        size, since = -1, time.monotonic()
        end = since + WAIT
        while time.monotonic() < min(since + 1, end):
            now = os.path.getsize(self.path)
            if now != size:
                size, since = now, time.monotonic()
            time.sleep(0.05)
        self.p.send_signal(signal.SIGINT)
        said = self.p.communicate(timeout=WAIT)[1]
        return "\n0 packets dropped by kernel" in "\n" + said

    def connections(self):
        """For each connection, in order: its ends, and packets and bytes of either direction."""
        with open(self.path, "rb") as f:
            data = f.read()
        at, found, newest = 24, [], {}
        while at + 16 <= len(data):
            length = struct.unpack_from("<I", data, at + 8)[0]
            frame = data[at + 16:at + 16 + length]
            at += 16 + length
            ihl = (frame[14] & 15) * 4
            total = struct.unpack_from(">H", frame, 16)[0]
            src, dst = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
            tcp = 14 + ihl
            sport, dport, seq = struct.unpack_from(">HHI", frame, tcp)
            syn = frame[tcp + 13] & 0x12 == 2
            key = (src, sport, dst, dport)
            if syn and (key not in newest or newest[key]["isn"] != seq):
                newest[key] = {"isn": seq, "key": key, "source": [0, 0], "destination": [0, 0],
                               "syns": 0}
                found.append(newest[key])
            c, side = newest.get(key), "source"
            if c:
                c["syns"] += syn
            if not c:
                c, side = newest.get((dst, dport, src, sport)), "destination"
            if c:
                c[side][0] += 1
                c[side][1] += total
        return found


def raise_ends(work):
    """bpffs, a fabric of two devices, the cable and the servers. Returns the process whose network
    namespace is the far end's, and why not."""
    run("mount", "--make-rprivate", "/")
    os.mkdir(os.path.join(work, "bpf"))
    if run("mount", "-t", "bpf", "bpf", os.path.join(work, "bpf")).returncode:
        return None, "no bpffs to be mounted here"
    os.mkdir(os.path.join(work, "fabric"))
    for name, text in (("one", CONFIG), ("two", CONFIG_SILENT)):
        with open(os.path.join(work, "fabric", name + ".cfg"), "w", encoding="utf-8") as f:
            f.write(text)
    far = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
    wait_for("a namespace", lambda: os.readlink("/proc/%d/ns/net" % far.pid)
             != os.readlink("/proc/self/ns/net"))
    up = run("sh", "-ec", """
        ip link add gw0 type veth peer name gw1 netns {0}
        ip link set lo up; ip addr add {1}/24 dev gw0; ip link set gw0 up
        ip neigh add {4} lladdr 02:00:00:00:00:09 dev gw0 nud permanent
        far() {{ nsenter -n -t {0} "$@"; }}
        far ip link set lo up; far ip addr add {2}/24 dev gw1; far ip addr add {3}/24 dev gw1
        far ip link set gw1 up
        ethtool -K gw0 tso off gso off gro off; far ethtool -K gw1 tso off gso off gro off
        """.format(far.pid, NEAR, MA1, LO6, SILENT))
    if up.returncode:
        return None, "no veth pair to be had: " + up.stderr.strip()
    server = subprocess.Popen(["nsenter", "-n", "-t", str(far.pid), sys.executable, "-c", FAR,
                               MA1 + "," + LO6], stdout=subprocess.PIPE)
    server.stdout.readline()
    return far.pid, ""


def enter(test, inside):
    """The main() of a test; inside(work) runs in the namespaces and returns the exit status."""
    if len(sys.argv) > 1 and sys.argv[1] == "--inside":
        return inside(os.environ["GW_WORK"])
    if os.geteuid() != 0:
        print("1..0 # SKIP namespaces and eBPF need root")
        return 0
    if not os.path.exists(AGENT) or not os.path.exists(COLLECTOR):
        print("Bail out! no programs in %s: run 'make'" % BUILD)
        return 1
    work = tempfile.mkdtemp(prefix="gwends.")
    try:
        return subprocess.run(["unshare", "-mn", "-pf", "--mount-proc", "--kill-child=SIGKILL",
                               sys.executable, os.path.abspath(test), "--inside"] + sys.argv[1:],
                              env=dict(os.environ, GW_WORK=work), check=False).returncode
    finally:
        if "KEEP" in os.environ:
            print("# kept: " + work)
        else:
            shutil.rmtree(work, ignore_errors=True)
