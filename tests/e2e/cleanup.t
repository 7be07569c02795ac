#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make demo does what it says, and whatever way it ends, nothing of it stays: no namespace, process,
mount, qdisc, link, pin, kernel program or file. The same for a test that is killed."""
import ctypes
import glob
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time

from tap import done, ok

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
DEMO = os.path.join(ROOT, "tests", "lab", "demo.sh")
LAB = os.path.join(ROOT, "tests", "lab", "lab")
TMP = tempfile.gettempdir()
ME = "gwc%d" % os.getpid()

def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def held_programs():
    """Ids of the BPF programs that a living process has open, itself or by a link."""
    held = set()
    for info in glob.glob("/proc/[0-9]*/fdinfo/*"):
        for line in read(info).splitlines():
            if line.startswith("prog_id:"):
                held.add(int(line.split()[1]))
    return held


def kernel_programs():
    """Ids and names of our BPF programs that are in the kernel without a process that uses them."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine)
    if number is None:
        return set()
    found, at = set(), 0
    while True:
        ask = (ctypes.c_uint32 * 32)(at)
        if libc.syscall(number, 11, ask, 128) < 0:  # BPF_PROG_GET_NEXT_ID
            held = held_programs() if found else set()
            return {(i, name) for i, name in found if i not in held}
        at = ask[1]
        fd = libc.syscall(number, 13, (ctypes.c_uint32 * 32)(at), 128)  # BPF_PROG_GET_FD_BY_ID
        if fd < 0:
            continue
        info = ctypes.create_string_buffer(256)
        ask = (ctypes.c_uint32 * 32)(fd, 256)
        ctypes.memmove(ctypes.byref(ask, 8), ctypes.byref(ctypes.c_uint64(ctypes.addressof(info))),
                       8)
        libc.syscall(number, 15, ask, 128)  # BPF_OBJ_GET_INFO_BY_FD
        os.close(fd)
        name = info.raw[64:80].split(b"\0")[0].decode()  # bpf_prog_info.name
        if name.startswith("gw_"):
            found.add((at, name))


def machine():
    """What the machine itself has; other people's labs may come and go in namespaces."""
    mounts = {line.split()[1] for line in read("/proc/self/mounts").splitlines()}
    if glob.glob("/run/netns/*"):
        mounts.discard("/run/netns")  # somebody else has namespaces
    return {
        "mounts": {m for m in mounts if m.startswith(("/run", "/sys", "/proc", TMP, ROOT))
                   and not m.startswith("/run/netns/")},
        "links": {line.split(":")[1].strip() for line in output("ip", "-o", "link").splitlines()},
        "qdiscs": set(output("tc", "qdisc", "show").splitlines()),
        "pins": set(glob.glob("/sys/fs/bpf/**", recursive=True)),
        "programs": kernel_programs(),
        "files": set(glob.glob("/run/glasswatch*") + glob.glob("/var/lib/glasswatch*")
                     + glob.glob("/run/sshd*") + glob.glob("/var/tmp/frr*")
                     + glob.glob(os.path.expanduser("~/.history_frr"))),
    }


def left_of(name):
    """What is there of one lab."""
    left = ["namespace " + n for n in os.listdir("/run/netns") if n.startswith(name + "-")] \
        if os.path.isdir("/run/netns") else []
    left += glob.glob(os.path.join(TMP, name + "*"))
    left += ["mount " + line for line in read("/proc/self/mounts").splitlines() if name in line]
    for p in glob.glob("/proc/[0-9]*"):
        command = read(p + "/cmdline").replace("\0", " ")
        if name in command and int(p[6:]) != os.getpid():
            left.append("process %s: %s" % (p[6:], command))
    return left


def gone(what, name, before, say=""):
    """Kernel programs and dying processes take a moment to go."""
    until = time.monotonic() + 60
    while True:
        after = machine()
        left = left_of(name) + ["%s: %s" % (k, after[k] - before[k])
                                for k in after if after[k] - before[k]]
        if not left or time.monotonic() > until:
            break
        time.sleep(0.2)
    return ok(not left, what, "\n".join(map(str, left)), say)


class Demo:
    """The demo on a terminal of its own."""

    def __init__(self, name, **env):
        self.said = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            # as a login does: who runs the tests may ignore them, and bash cannot trap those
            for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
                signal.signal(ignored, signal.SIG_DFL)
            os.environ.update(env, LAB=name, BUILD=BUILD, TERM="xterm")
            os.environ.pop("DEMO_ONCE", None)
            os.execv(DEMO, [DEMO])

    def until(self, text):
        """Reads on until this was said; "": to the end."""
        while not text or text not in self.said:
            if not select.select([self.terminal], [], [], 120)[0]:
                return False
            try:
                got = os.read(self.terminal, 65536)
            except OSError:
                got = b""
            if not got:
                return not text
            self.said += got.decode(errors="replace")
        return True

    def control_c(self):
        os.write(self.terminal, b"\x03")

    def end(self):
        self.until("")
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP network namespaces need root")
        return 0
    for name in ("glasswatch-agent", "glasswatch-collector"):
        if not os.path.exists(os.path.join(BUILD, name)):
            print("Bail out! no %s in %s: run 'make'" % (name, BUILD))
            return 1

    # to the end
    name, before = ME + "a", machine()
    r = subprocess.run([DEMO], env=dict(os.environ, LAB=name, BUILD=BUILD, DEMO_ONCE="1"),
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=600, check=False)
    ok(r.returncode == 0 and "MISSING" not in r.stdout,
       "DEMO_ONCE=1: every expected event was stored, exit 0", r.stdout)
    ok("FAILOVER" in r.stdout and "FAILBACK" in r.stdout and "\033" not in r.stdout,
       "it ends with the incident's timeline; no colour where no terminal is", r.stdout)
    gone("nothing stays after the demo", name, before)

    # on a terminal: it stays until Ctrl-C
    name, before = ME + "b", machine()
    d = Demo(name, DEMO_SCENES="trusted_primary")
    ok(d.until("until Ctrl-C"), "on a terminal it stays up", d.said)
    d.control_c()
    status = d.end()
    ok(status == 0 and "\033[" in d.said, "Ctrl-C ends it, exit 0", status, d.said)
    gone("nothing stays after Ctrl-C", name, before, d.said)

    # Ctrl-C while it is at work: while the lab rises, and in a scene
    for where, sign in (("while the lab rises", "Raising the lab"),
                        ("in a scene", "The operator tries Management1")):
        name, before = ME + ("c" if "lab" in where else "d"), machine()
        d = Demo(name, DEMO_SCENES="failover")
        ok(d.until(sign), "the demo runs", d.said)
        if "lab" in where:
            while not os.path.exists("/run/netns/%s-ce1" % name):
                time.sleep(0.01)
        d.control_c()
        ok(d.end() != 0, "Ctrl-C %s: it does not claim success" % where, d.said)
        gone("nothing stays after Ctrl-C " + where, name, before, d.said)

    # killed, where no clean-up of its own can run: `lab down` finds it all
    name, before = ME + "e", machine()
    d = Demo(name, DEMO_SCENES="failover")
    ok(d.until("The operator tries Management1"), "the demo runs", d.said)
    os.kill(d.pid, signal.SIGKILL)
    r = subprocess.run([LAB, "down"], env=dict(os.environ, LAB=name), check=False)
    d.end()
    ok(r.returncode == 0, "lab down after a killed demo")
    gone("nothing stays after a killed demo and `lab down`", name, before, d.said)

    # a test that is told to end in the middle
    before = machine()
    script = '. "%s/tests/lab/tap.sh"; raise x; echo "$lab_name"; sleep 600 & wait' % ROOT
    p = subprocess.Popen(["bash", "-c", script, "x"], stdout=subprocess.PIPE, text=True)
    name = p.stdout.readline().strip()
    p.terminate()
    p.wait(300)
    ok(name.startswith("gwtx"), "a test raises its lab", name)
    gone("nothing stays after a test that was terminated", name, before)

    return done()


if __name__ == "__main__":
    sys.exit(main())
