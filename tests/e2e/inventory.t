#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What lies beside the configurations is seen by every command that takes a directory: fabric.yaml,
an export of Nexus devices, an Ansible inventory. On a copy of the lab's fabric."""
import json
import os
import shutil
import struct
import subprocess
import tempfile

from tap import done, ok

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, os.pardir, os.pardir))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
AGENT = os.path.join(BUILD, "glasswatch-agent")
FABRIC = os.path.join(ROOT, "tests", "lab", "fabric")
CE = "lab1-AR-CE1"


def agent(*args):
    return subprocess.run([AGENT, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)


def write(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
        f.write(text)


def said(r):
    return (r.stdout + r.stderr)[-2000:]


def syn(path, destination):
    """A capture of one SYN from 198.18.0.9 to port 22 of an IPv4 address."""
    ip = bytes(int(b) for b in destination.split("."))
    tcp = struct.pack(">HHIIBBHHH", 50000, 22, 1, 0, 5 << 4, 2, 65535, 0, 0)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0,
                       bytes((198, 18, 0, 9)), ip)
    frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + head + tcp
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        f.write(struct.pack("<IIII", 1700000000, 0, len(frame), len(frame)) + frame)


def main(work):
    directory = shutil.copytree(FABRIC, os.path.join(work, "fabric"))
    capture = os.path.join(work, "syn.pcap")
    syn(capture, "192.0.2.199")
    before = json.loads(agent("fabric", directory, "--format", "json").stdout)

    write(directory, "fabric.yaml", "devices:\n  lab1-AR-TS1:\n    role: terminal-server\n"
          "    targets:\n      - {address: 192.0.2.199, path: primary}\n"
          "management_switches:\n  lab1-AR-MGMT9:\n    subnets: [192.0.2.0/24]\n")
    r = agent("fabric", directory, "--format", "json")
    after = json.loads(r.stdout)
    extra = {"address": "192.0.2.199", "device": "lab1-AR-TS1", "path": "primary"}
    ok(r.returncode == 0 and extra in after["targets"] and
       after["sources"][0]["kind"] == "fabric.yaml", "fabric: a target of fabric.yaml", said(r))
    ok(after["generation"] != before["generation"], "a target more is another generation")
    ce = next(d for d in after["devices"] if d["name"] == CE)
    ok(ce.get("management_switch") == "lab1-AR-MGMT9", "fabric: the switch that Ma1 hangs on",
       json.dumps(ce))
    r = agent("replay", "--fabric", directory, capture)
    flows = [e for e in map(json.loads, r.stdout.splitlines()) if e["type"].startswith("flow.")]
    ok(flows and all(e["device"]["name"] == "lab1-AR-TS1" and e["path"] == "primary" and
                     e["trust"]["verdict"] == "no-policy" for e in flows),
       "replay: an attempt to it is seen", said(r))

    write(directory, "fabric.yaml", "names:\n  trusted: nobody_has_this\n")
    r = agent("trust", directory, "198.18.1.1", "--device", CE)
    ok(r.returncode == 1 and "no-policy" in r.stdout and "nobody_has_this" in r.stdout,
       "trust: by the list that fabric.yaml names", said(r))
    r = agent("check", directory)
    ok(r.returncode == 1 and "nobody_has_this is absent" in r.stdout,
       "check: wants the list that fabric.yaml names", said(r))

    write(directory, "fabric.yaml", "names:\n  trusted: trusted_sources\nnames2: {}\n")
    where = os.path.join(directory, "fabric.yaml") + ":3: unknown key 'names2'"
    for args in (["fabric", directory], ["trust", directory, "198.18.1.1"], ["check", directory],
                 ["replay", "--fabric", directory, capture],
                 ["run", "--fabric", directory, "-i", "lo", "--output", os.devnull]):
        r = agent(*args)
        ok(r.returncode == 2 and where in r.stderr and not r.stdout,
           "%s: a slip in fabric.yaml is refused with its line" % args[0], said(r))
    os.unlink(os.path.join(directory, "fabric.yaml"))

    write(directory, "nexus.json", json.dumps([{
        "hostName": CE, "networkDeviceRole": "ToR", "managementIpv4Address": "192.0.2.11",
        "type": "microsoft.managednetworkfabric/networkdevices"}], indent=1))
    r = agent("fabric", directory)
    ok(r.returncode == 1 and "ce by its host name, tor in" in r.stdout and
       "nexus.json:2" in r.stdout, "fabric: a conflict names both places", said(r))
    r = agent("check", directory, "--format", "json")
    found = [f for f in json.loads(r.stdout)["findings"] if f["code"] == "source-conflict"]
    ok(len(found) == 1 and found[0]["device"] == CE, "check: a conflict is a finding", said(r))
    os.unlink(os.path.join(directory, "nexus.json"))

    write(directory, "hosts.yml", "CE:\n  hosts:\n    %s: {ansible_host: 192.0.2.11}\n"
          "    lab1-AR-CE9: {ansible_host: 192.0.2.199}\n" % CE)
    r = agent("replay", "--fabric", directory, capture)
    flows = [e for e in map(json.loads, r.stdout.splitlines()) if e["type"].startswith("flow.")]
    ok(flows and flows[0]["device"]["name"] == "lab1-AR-CE9" and flows[0]["device"]["role"] == "ce",
       "replay: a device that only the Ansible inventory knows", said(r))
    r = agent("check", directory)
    ok(r.returncode == 1 and "no-config" in r.stdout, "check: it has no configuration", said(r))


with tempfile.TemporaryDirectory(prefix="gwtest.") as folder:
    main(folder)
done()
