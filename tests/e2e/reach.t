#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`check` says from where each Loopback6 is reached; real FRR daemons show from where it is.

A lab with the CEs' two VRFs (LAB_VRFS) is raised once. Each scenario cuts something in it, or changes a line
of a daemon's configuration, and supposes the same (--without) or changes the same line of the devices'
configurations. Then three things must be as `check` has them, for each device and family:
- the PE has a route to Loopback6: `outside` is not "no";
- sshd answers there, asked from the management host behind the PE: `outside` is "yes";
- sshd of a ToR answers each CE, asked from its default VRF: a way from it is two_way.
What was cut is healed before the next scenario. A measurement counts when every daemon's tables and queues have
not moved for longer than any daemon waits by itself.
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.join(HERE, "../..")
sys.path.insert(0, HERE)
from tap import done, ok  # noqa: E402

LAB = os.path.join(ROOT, "tests/lab/lab")
AGENT = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "glasswatch-agent")
NAME = "gwtr%d" % os.getpid()
ENV = dict(os.environ, LAB=NAME, LAB_VRFS="1", LAB_OWNER=str(os.getpid()), LAB_SETTLE="no",
           PATH="/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"])
CE1, CE2, TOR1, TOR2 = DEVICES = ("lab1-AR-CE1", "lab1-AR-CE2", "lab1-CP1-TOR1", "lab1-CP1-TOR2")
SPACE = {CE1: "ce1", CE2: "ce2", TOR1: "tor1", TOR2: "tor2"}
ROUTERS = ("pe", "ce1", "ce2", "ce1i", "ce2i", "tor1", "tor2")
ASN = {"pe": 64600, "tor1": 65101, "tor2": 65101}  # the rest: 65000
FAMILIES = ("ipv4", "ipv6")
ROUTE_MAP_DELAY = 1  # seconds, as the lab configures it: a changed list counts so much later
LIMIT = 60  # seconds, for a lab that is broken, not for a slow machine

# The PE as its configuration would be, from what the lab gives it.
PE = """hostname lab1-PE1
interface Ethernet1
   no switchport
   ip address 203.0.113.102/31
   ipv6 address 2001:db8:0:c::66/127
interface Ethernet2
   no switchport
   ip address 203.0.113.104/31
   ipv6 address 2001:db8:0:c::68/127
ip routing
ipv6 unicast-routing
router bgp 64600
   no bgp default ipv4-unicast
   neighbor 203.0.113.103 remote-as 65000
   neighbor 203.0.113.105 remote-as 65000
   address-family ipv4
      network 198.18.0.0/16
      neighbor 203.0.113.103 activate
      neighbor 203.0.113.105 activate
   address-family ipv6
      network 2001:db8:ffff::/48
      neighbor 203.0.113.103 activate
      neighbor 203.0.113.105 activate
end
"""

LEAK_IN = "      leak routes source-vrf INFRA-MGMT subscribe-policy leak_infra_default\n"
LEAK_OUT = "      leak routes source-vrf default subscribe-policy leak_default_infra\n"
GLOBAL_RCF = "   redistribute connected rcf adv_loopback()\n"
VRF_LEAKED = "      redistribute bgp leaked\n      redistribute connected rcf"
VRF_CONNECTED = "      redistribute bgp leaked\n      redistribute connected rcf adv_loopback()\n"
AF4 = "   address-family ipv4\n      neighbor CE_TOR_UNDERLAY activate\n"
AF6 = "   address-family ipv6\n      neighbor CE_TOR_UNDERLAY activate\n"
LIST4 = "198.51.100.64/27 le 32\n"


def lab(*args, check=True):
    p = subprocess.run([LAB, *args], capture_output=True, text=True, env=ENV)
    if check and p.returncode:
        raise RuntimeError("lab %s: %s" % (" ".join(args), p.stderr))
    return p.stdout.strip()


class Vty:
    """bgpd's own socket, as vtysh speaks to it: a command ends in NUL, an answer in three and its status."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)
        self.s.settimeout(LIMIT)
        self("enable")

    def __call__(self, command):
        self.s.sendall(command.encode() + b"\0")
        got = b""
        while not (len(got) >= 4 and got[-4:-1] == b"\0\0\0"):
            more = self.s.recv(65536)
            if not more:
                raise RuntimeError("bgpd has closed its socket at: " + command)
            got += more
        if got[-1]:
            raise RuntimeError("bgpd refuses: %s: %s" % (command, got[:-4].decode()))
        return got[:-4].decode()

    def configure(self, lines):
        self("configure terminal")
        try:
            for line in lines:
                self(line)
        finally:
            self("end")


# Asks addresses in a namespace: SSH when an identification string comes.
PROBE = r"""
import json, selectors, socket, sys, time
for line in sys.stdin:
    limit, addresses = json.loads(line)
    sel, said, left, end = selectors.DefaultSelector(), {}, {}, time.monotonic() + limit
    for a in addresses:
        s = socket.socket(socket.AF_INET6 if ":" in a else socket.AF_INET)
        s.setblocking(False)
        left[a] = s
        e = s.connect_ex((a, 22))
        if e not in (0, 115):
            said[a] = "no"
            s.close()
            del left[a]
        else:
            sel.register(s, selectors.EVENT_READ, a)
    while left and time.monotonic() < end:
        for key, _ in sel.select(max(0, end - time.monotonic())):
            s, a = key.fileobj, key.data
            try:
                said[a] = "ssh" if s.recv(64).startswith(b"SSH-2.0-") else "no"
            except OSError:
                said[a] = "no"
            sel.unregister(s)
            s.close()
            del left[a]
    for a, s in left.items():
        said[a] = "no"
        s.close()
    print(json.dumps(said), flush=True)
"""


class Probe:
    def __init__(self, space):
        self.p = subprocess.Popen(["ip", "netns", "exec", "%s-%s" % (NAME, space), sys.executable, "-c", PROBE],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENV)

    def ask(self, addresses, limit):
        self.p.stdin.write(json.dumps([limit, addresses]) + "\n")
        self.p.stdin.flush()

    def answer(self):
        return json.loads(self.p.stdout.readline())

    def close(self):
        self.p.stdin.close()
        self.p.wait()


class World:
    """The lab, and how it is looked at."""

    def __init__(self):
        where = lab("dir")
        self.vty = {r: Vty("%s/%s/bgpd.vty" % (where, r)) for r in ROUTERS}
        self.probes = {s: Probe(s) for s in ("mgmt", "ce1", "ce2")}
        self.lo6 = {(d, f): lab("address", SPACE[d], "lo6", f[-1]) for d in DEVICES for f in FAMILIES}
        self.ma1 = {(d, f): lab("address", SPACE[d], "ma1", f[-1]) for d in DEVICES for f in FAMILIES}
        self.base = self.quiet()

    def snapshot(self):
        """Each daemon's sessions and tables; None while one has something to do."""
        out = {}
        for r, vty in self.vty.items():
            for f in FAMILIES:
                doc = json.loads(vty("show bgp %s unicast summary json" % f))
                for peer, x in doc.get("peers", {}).items():
                    up = x["state"] == "Established"
                    if up and (x.get("outq") or x.get("inq")):
                        return None
                    out[r, f, peer] = x.get("pfxRcd", 0) if up else None
                out[r, f] = doc.get("tableVersion")
        return out

    def quiet(self, still=0.5):
        """Waits until nothing has moved for so long. What was received by each session."""
        last, since, end = None, 0.0, time.monotonic() + LIMIT
        while last is None or time.monotonic() < since + still:
            if time.monotonic() > end:
                raise RuntimeError("BGP does not come to rest")
            now = self.snapshot()
            if now is None or now != last:
                since = time.monotonic()
            last = now
            time.sleep(0.1)
        return {k: v for k, v in last.items() if len(k) == 3}

    def whole(self):
        """Waits until all is as it was at first."""
        end = time.monotonic() + LIMIT
        while self.quiet() != self.base or not all(
                v == "ssh" for v in self.asked("mgmt", self.lo6.values(), LIMIT / 4).values()):
            if time.monotonic() > end:
                raise RuntimeError("the lab does not heal")

    def asked(self, space, addresses, limit):
        self.probes[space].ask(list(addresses), limit)
        return self.probes[space].answer()

    def routes(self, space):
        """Destinations of the kernel's routes by BGP."""
        out = set()
        for flag in ("-4", "-6"):
            p = subprocess.run(["ip", flag, "-n", "%s-%s" % (NAME, space), "-j", "route", "show", "proto", "bgp"],
                               capture_output=True, text=True, env=ENV)
            out |= {r["dst"] for r in json.loads(p.stdout or "[]")}
        return out

    def measure(self, limit=1.5):
        """(device, family) -> (route at the PE, sshd answers outside, CEs to which it answers)."""
        tors = [self.lo6[d, f] for d in (TOR1, TOR2) for f in FAMILIES]
        self.probes["mgmt"].ask(list(self.lo6.values()), limit)
        for ce in ("ce1", "ce2"):
            self.probes[ce].ask(tors, limit)
        routes = self.routes("pe")
        said = {s: p.answer() for s, p in self.probes.items()}
        return {(d, f): (a in routes or "%s/%d" % (a, 32 if f == "ipv4" else 128) in routes, said["mgmt"][a] == "ssh",
                         tuple(ce for ce in (CE1, CE2) if said[SPACE[ce]].get(a) == "ssh"))
                for (d, f), a in self.lo6.items()}

    def close(self):
        for p in self.probes.values():
            p.close()


class Configs:
    """The devices' configurations in a directory, and what `check` says of them."""

    def __init__(self, where):
        self.where = where
        self.good = {f[:-4]: open(os.path.join(ROOT, "tests/lab/fabric", f), encoding="utf-8").read()
                     for f in os.listdir(os.path.join(ROOT, "tests/lab/fabric")) if f.endswith(".cfg")}
        self.good["lab1-PE1"] = PE

    def write(self, edits, with_pe):
        texts = dict(self.good)
        for device, before, after in edits:
            assert texts[device].count(before) >= 1, (device, before)
            texts[device] = texts[device].replace(before, after, 1)
        if not with_pe:
            del texts["lab1-PE1"]
        shutil.rmtree(self.where, ignore_errors=True)
        os.mkdir(self.where)
        for name, text in texts.items():
            with open(os.path.join(self.where, name + ".cfg"), "w", encoding="utf-8") as f:
                f.write(text)

    def verdicts(self, options):
        """As World.measure() has them, and the whole document."""
        p = subprocess.run([AGENT, "check", "--format", "json", *options, self.where], capture_output=True, text=True)
        if p.returncode not in (0, 1):
            raise RuntimeError("check %s: %s" % (" ".join(options), p.stderr))
        doc = json.loads(p.stdout)
        out = {}
        for d in doc["devices" if options else "reach"]:
            for f in FAMILIES:
                if d["device"] in DEVICES:
                    a = d[f]
                    out[d["device"], f] = (a["outside"] != "no", a["outside"] == "yes",
                                           tuple(w["from"] for w in a["ways"] if w["two_way"] and w["from"] in DEVICES))
        return out, doc, p.returncode


class Scene:
    """What is done to the lab, and the same said to `check`."""

    def __init__(self, name, cut=(), lines=None, heal=None, without=(), edits=(), needs_pe=False):
        self.name, self.cut, self.lines, self.heal = name, cut, lines or {}, heal or {}
        self.without, self.edits, self.needs_pe = without, edits, needs_pe


def bgp(router, *lines, family=None):
    """Lines within `router bgp`, and one family of it."""
    inside = ["address-family %s unicast" % family] if family else []
    return ["router bgp %d" % ASN.get(router, 65000), *inside, *lines]


def peers(router, line, addresses, families=FAMILIES):
    return [x for f in families for a in addresses for x in bgp(router, line % a, family=f)]


TOR_SIDE = {"ce1": ("203.0.113.0", "203.0.113.2"), "ce2": ("203.0.113.4", "203.0.113.6")}
CE_SIDE = {"tor1": ("203.0.113.1", "203.0.113.5"), "tor2": ("203.0.113.3", "203.0.113.7")}
INFRA = {"ce1": "203.0.113.201", "ce2": "203.0.113.203"}  # the CE's other VRF, as the default one knows it
GLOBAL = {"ce1i": "203.0.113.200", "ce2i": "203.0.113.202"}
TO_PE = {"ce1i": "203.0.113.102", "ce2i": "203.0.113.104"}
NOTHING = ["route-map nothing deny 10"]


def no_leak_out(*ces):
    """VRF default gives nothing to INFRA-MGMT; and how it was."""
    return ({c: NOTHING + peers(c, "neighbor %s route-map nothing out", [INFRA[c]]) for c in ces},
            {c: [x for n, f in ((4, "ipv4"), (6, "ipv6")) for x in bgp(
                c, "neighbor %s route-map leak_default_infra_%d out" % (INFRA[c], n), family=f)] for c in ces})


def no_leak_in(*ces):
    return ({c: NOTHING + peers(c, "neighbor %s route-map nothing out", [GLOBAL[c]]) for c in ces},
            {c: [x for n, f in ((4, "ipv4"), (6, "ipv6")) for x in bgp(
                c, "neighbor %s route-map leak_infra_default_%d out" % (GLOBAL[c], n), family=f)] for c in ces})


def scenes(pe):
    """pe: the name by which the configurations know it."""
    s = Scene
    leak1, unleak1 = no_leak_out("ce1")
    leak12, unleak12 = no_leak_out("ce1", "ce2")
    in12, unin12 = no_leak_in("ce1i", "ce2i")
    both = ("ce1", "ce2")
    return [
        s("nothing is cut"),
        s("a link of TOR1", [("link", "tor1", "ce1")], without=[TOR1 + ":Et23/1"]),
        s("both links of TOR1", [("link", "tor1", "ce1"), ("link", "tor1", "ce2")],
          without=[TOR1 + ":Ethernet23/1", "203.0.113.4/31"]),
        s("CE1 is down", [("device", "ce1")], without=[CE1]),
        s("TOR2 is down", [("device", "tor2")], without=[TOR2]),
        s("CE1 is down, and TOR1's link to CE2", [("device", "ce1"), ("link", "tor1", "ce2")],
          without=[CE1, TOR1 + "," + CE2]),
        s("the session of CE1 and the PE", [("bgp", "ce1", "pe")], without=["session:%s,%s" % (CE1, pe)]),
        s("both sessions with the PE", [("bgp", "ce1", "pe"), ("bgp", "ce2", "pe")],
          without=["session:%s,%s" % (CE1, pe), "session:%s,%s" % (CE2, pe)]),
        s("CE1's link to the PE, and TOR2's to CE2", [("link", "ce1", "pe"), ("link", "tor2", "ce2")],
          without=[CE1 + ":Et1/1", "2001:db8:0:c::6/127"]),
        # There is a way of links, by CE1, TOR2 and CE2: CE2 refuses it, for CE1's AS is its own.
        s("only a ToR joins what is left", [("link", "tor1", "ce2"), ("link", "ce1", "pe")],
          without=[TOR1 + ":Et24/1", CE1 + "," + pe]),
        s("CE1 has its session with TOR2 shut down", lines={"ce1": bgp("ce1", "neighbor 203.0.113.2 shutdown")},
          heal={"ce1": bgp("ce1", "no neighbor 203.0.113.2 shutdown")},
          edits=[(CE1, "   neighbor 203.0.113.2 description",
                  "   neighbor 203.0.113.2 shutdown\n   neighbor 203.0.113.2 description")]),
        s("TOR2 has both sessions shut down",
          lines={"tor2": bgp("tor2", *("neighbor %s shutdown" % a for a in CE_SIDE["tor2"]))},
          heal={"tor2": bgp("tor2", *("no neighbor %s shutdown" % a for a in CE_SIDE["tor2"]))},
          edits=[(TOR2, "   neighbor %s description" % a,
                  "   neighbor %s shutdown\n   neighbor %s description" % (a, a)) for a in CE_SIDE["tor2"]]),
        s("TOR1 takes CE1 for another AS, and its session with CE2 is cut", [("bgp", "tor1", "ce2")],
          lines={"tor1": bgp("tor1", "neighbor 203.0.113.1 remote-as 65001")},
          heal={"tor1": bgp("tor1", "neighbor 203.0.113.1 remote-as 65000")},
          edits=[(TOR1, "   neighbor 203.0.113.1 description",
                  "   neighbor 203.0.113.1 remote-as 65001\n   neighbor 203.0.113.1 description")],
          without=["session:%s,%s" % (TOR1, CE2)]),
        s("TOR1 does not redistribute its Loopback6", [("lo6", "tor1")], edits=[(TOR1, GLOBAL_RCF, "")]),
        s("CE1 does not redistribute its Loopback6",
          lines={"ce1i": [x for n, f in (("", "ipv4"), ("_v6", "ipv6")) for x in bgp(
              "ce1i", "no redistribute connected route-map adv_loopback" + n, family=f)]},
          heal={"ce1i": [x for n, f in (("", "ipv4"), ("_v6", "ipv6")) for x in bgp(
              "ce1i", "redistribute connected route-map adv_loopback" + n, family=f)]},
          edits=[(CE1, VRF_CONNECTED, "      redistribute bgp leaked\n")]),
        s("list loopback of TOR1 denies it", lines={"tor1": ["ip prefix-list loopback seq 5 deny 198.51.100.66/32"]},
          heal={"tor1": ["no ip prefix-list loopback seq 5 deny 198.51.100.66/32"]},
          edits=[(TOR1, "   seq 10 permit " + LIST4, "   seq 5 deny 198.51.100.66/32\n   seq 10 permit " + LIST4)]),
        s("list loopback_v6 of TOR2 has lost its `eq 128`",
          lines={"tor2": ["no ipv6 prefix-list loopback_v6 seq 10 permit 2001:db8:0:6::/64 ge 128 le 128",
                          "ipv6 prefix-list loopback_v6 seq 10 permit 2001:db8:0:6::/64"]},
          heal={"tor2": ["no ipv6 prefix-list loopback_v6 seq 10 permit 2001:db8:0:6::/64",
                         "ipv6 prefix-list loopback_v6 seq 10 permit 2001:db8:0:6::/64 ge 128 le 128"]},
          edits=[(TOR2, "seq 10 permit 2001:db8:0:6::/64 eq 128", "seq 10 permit 2001:db8:0:6::/64")]),
        s("list loopback of both CEs, by which they leak, leaves TOR2 out",
          lines={c: ["ip prefix-list loopback seq 5 deny 198.51.100.67/32"] for c in both},
          heal={c: ["no ip prefix-list loopback seq 5 deny 198.51.100.67/32"] for c in both},
          edits=[(d, "   seq 10 permit " + LIST4, "   seq 5 deny 198.51.100.67/32\n   seq 10 permit " + LIST4)
                 for d in (CE1, CE2)]),
        s("the CEs have not activated the ToRs for IPv6",
          lines={c: peers(c, "no neighbor %s activate", TOR_SIDE[c], ["ipv6"]) for c in both},
          heal={c: peers(c, "neighbor %s activate", TOR_SIDE[c], ["ipv6"]) for c in both},
          edits=[(d, AF6, "   address-family ipv6\n") for d in (CE1, CE2)]),
        s("TOR1 has not activated CE1 for IPv4",
          lines={"tor1": peers("tor1", "no neighbor %s activate", ["203.0.113.1"], ["ipv4"])},
          heal={"tor1": peers("tor1", "neighbor %s activate", ["203.0.113.1"], ["ipv4"])},
          edits=[(TOR1, AF4, AF4 + "      no neighbor 203.0.113.1 activate\n")]),
        s("CE1 leaks nothing out of VRF default", lines=leak1, heal=unleak1, edits=[(CE1, LEAK_OUT, "")]),
        s("no CE leaks anything out of VRF default", lines=leak12, heal=unleak12,
          edits=[(CE1, LEAK_OUT, ""), (CE2, LEAK_OUT, "")]),
        s("no CE leaks anything into VRF default", lines=in12, heal=unin12,
          edits=[(CE1, LEAK_IN, ""), (CE2, LEAK_IN, "")]),
        s("no CE tells the PE what was leaked",
          lines={c: peers(c, "neighbor %s route-map not_leaked out", [TO_PE[c]]) for c in TO_PE},
          heal={c: peers(c, "no neighbor %s route-map not_leaked out", [TO_PE[c]]) for c in TO_PE},
          edits=[(d, VRF_LEAKED, "      redistribute connected rcf") for d in (CE1, CE2)]),
        s("no CE tells the ToRs what was leaked, of IPv4",
          lines={c: peers(c, "neighbor %s route-map not_leaked out", TOR_SIDE[c], ["ipv4"]) for c in both},
          heal={c: peers(c, "no neighbor %s route-map not_leaked out", TOR_SIDE[c], ["ipv4"]) for c in both},
          edits=[(d, AF4 + "      redistribute bgp leaked\n", AF4) for d in (CE1, CE2)]),
        s("TOR1 lets nothing in but loopbacks, of IPv4",
          lines={"tor1": peers("tor1", "neighbor %s prefix-list loopback in", CE_SIDE["tor1"], ["ipv4"])},
          heal={"tor1": peers("tor1", "no neighbor %s prefix-list loopback in", CE_SIDE["tor1"], ["ipv4"])},
          edits=[(TOR1, AF4, AF4 + "      neighbor CE_TOR_UNDERLAY prefix-list loopback in\n")]),
        s("the PE announces a longer prefix than the CEs' lists have",
          lines={"pe": bgp("pe", "no network 198.18.0.0/16", "network 198.18.1.0/24", family="ipv4")},
          heal={"pe": bgp("pe", "no network 198.18.1.0/24", "network 198.18.0.0/16", family="ipv4")},
          edits=[("lab1-PE1", "network 198.18.0.0/16", "network 198.18.1.0/24")], needs_pe=True),
        s("the CEs' trusted_sources has a wider prefix than the PE announces",
          lines={c: ["no ip prefix-list trusted_sources seq 10 permit 198.18.0.0/16",
                     "ip prefix-list trusted_sources seq 10 permit 198.18.0.0/15"] for c in GLOBAL},
          heal={c: ["no ip prefix-list trusted_sources seq 10 permit 198.18.0.0/15",
                    "ip prefix-list trusted_sources seq 10 permit 198.18.0.0/16"] for c in GLOBAL},
          edits=[(d, "seq 10 permit 198.18.0.0/16", "seq 10 permit 198.18.0.0/15") for d in (CE1, CE2)],
          needs_pe=True),
    ]


def letters(v):
    """For people: Y, 1 (a route, no answer), N; and the CEs."""
    return " ".join("%s %s=%s%s" % (d[5:], f[2:], "Y" if v[d, f][1] else "1" if v[d, f][0] else "N",
                                    "/" + "".join(c[-1] for c in v[d, f][2]) if "TOR" in d else "")
                    for d in DEVICES for f in FAMILIES)


def play(world, configs, scene, names):
    for what, *who in scene.cut:
        lab("cut-" + what, *who)
    for router, lines in scene.lines.items():
        world.vty[router].configure(lines)
    world.quiet(ROUTE_MAP_DELAY + 0.7 if scene.lines else 0.5)
    options = [x for w in scene.without for x in ("--without", w)]
    configs.write(scene.edits, True)
    said, doc, status = configs.verdicts(options)
    end, limit = time.monotonic() + LIMIT, 1.5
    real = world.measure()
    while real != said and time.monotonic() < end: # a slow machine answers later
        world.quiet()
        limit = min(2 * limit, LIMIT / 6)
        real = world.measure(limit)
    for n, what in enumerate(("the PE's routes", "who answers the management host", "who answers the CEs")):
        ok(all(real[k][n] == said[k][n] for k in real), "%s: %s" % (scene.name, what),
           "FRR:   " + letters(real), "check: " + letters(said), json.dumps(doc.get("reach", doc["devices"]), indent=1))
    if options:
        lost = [d["device"] for d in doc["devices"] if d["lost"]]
        gone = [d for d in DEVICES if not all(real[d, f][1] for f in FAMILIES)
                and not any(x["device"] == d and x["down"] for x in doc["devices"])]
        ok(sorted(lost) == sorted(gone) and status == (1 if gone else 0),
           "%s: what is lost, and the exit status" % scene.name, "lost: %s, gone: %s, status %d" % (lost, gone, status))
    if not scene.needs_pe:
        blind = next(s for s in names if s.name == scene.name)
        configs.write(blind.edits, False)
        again = configs.verdicts([x for w in blind.without for x in ("--without", w)])[0]
        ok(again == said, "%s: the same without the PE's configuration" % scene.name, letters(again), letters(said))
    for router, lines in scene.heal.items():
        world.vty[router].configure(lines)
    for what, *who in scene.cut:
        lab("heal-" + what, *who)
    world.whole()
    return real


def management_switch(world, configs):
    lab("cut-mgmt")
    configs.write([], True)
    said, doc, status = configs.verdicts(["--management-switch", "lab1-AR-MGMT1"])
    ma1 = world.asked("mgmt", world.ma1.values(), 2)
    lo6 = world.asked("mgmt", world.lo6.values(), LIMIT)
    lost = {d["device"] for d in doc["devices"] if d["ma1"] == "lost"}
    ok(lost == {d for d in DEVICES if any(ma1[world.ma1[d, f]] == "no" for f in FAMILIES)} == set(DEVICES),
       "the management switch is cut: who loses Ma1", lost, ma1)
    ok(status == 0 and all(said[k][1] for k in said) and all(v == "ssh" for v in lo6.values()),
       "the management switch is cut: everyone is reached by lo6", lo6, letters(said))
    lab("heal-mgmt")


def stop(number, frame):
    sys.exit(128 + number) # by way of every `finally`


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if os.geteuid():
        print("1..0 # SKIP network namespaces need root")
        return 0
    if not os.access(AGENT, os.X_OK):
        print("Bail out! no programs in %s: run 'make'" % os.path.dirname(AGENT))
        return 1
    work = tempfile.mkdtemp(prefix="gwtest.")
    world = None
    try:
        lab("up")
        world = World()
        configs = Configs(os.path.join(work, "configs"))
        ok(lab("ssh", "tor1", "lo6", "hostname") == TOR1 and lab("ssh", "-6", "ce2", "lo6", "hostname") == CE2,
           "one can log in by lo6")
        seen = set()
        names = scenes("PE1")
        for scene in scenes("lab1-PE1"):
            seen.add(letters(play(world, configs, scene, names)))
        ok(len(seen) >= 10, "the scenarios have at least ten different outcomes", len(seen))
        management_switch(world, configs)
    finally:
        if world:
            with contextlib.suppress(OSError):
                world.close()
        lab("down", check=False)
        shutil.rmtree(work, ignore_errors=True)
    return done()


sys.exit(main())
